package service

import (
	"slices"
	"time"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// policy is what a workspace decided about evidence: how old it may be, and which runs count.
type policy struct {
	settings account.Settings
	trust    evidence.Trust
	judged   map[threat.ID][]evidence.Judgment // what engines said of the claims on each control, of a policy that is for one model
}

// loadPolicy reads the policy of a workspace.
func loadPolicy(v *store.Snapshot, workspace string) (p policy, err error) {
	if p.settings, err = v.Settings(workspace); err != nil {
		return p, err
	}
	p.trust, err = v.Trust(workspace, p.settings)
	return p, err
}

// withJudgments is the policy for one model: with what engines said of the claims on its controls.
func (p policy) withJudgments(v *store.Snapshot, workspace, model string) (policy, error) {
	list, err := v.Judgments(workspace, model)
	p.judged = make(map[threat.ID][]evidence.Judgment, len(list))
	for i := range list {
		p.judged[list[i].Control] = append(p.judged[list[i].Control], list[i].Judgment)
	}
	return p, err
}

// control returns a control as the rules of evidence see it.
func (p policy) controlSubject(c *store.Control) evidence.Subject {
	return evidence.Subject{
		ID: c.ID, Description: c.Description, Facets: c.Facets, Implemented: c.Status == threat.Implemented, Trust: p.trust,
		Judgments: p.judged[c.ID],
	}
}

// assumptionSubject returns an assumption as the rules of evidence see it.
func (p policy) assumptionSubject(id threat.ID, text string) evidence.Subject {
	s := evidence.AssumptionSubject(id, text)
	s.Trust, s.Judgments = p.trust, p.judged[id]
	return s
}

// assumptionStatus is what follows from the evidence on an assumption. It is not stored, so that what was judged is applied here.
func (p policy) assumptionStatus(a *threat.Assumption, b *body) evidence.Status {
	subject, claims := p.assumptionSubject(a.ID, a.Text), slices.Clone(b.claims)
	subject.Cohere(claims)
	return subject.Status(claims, b.debts)
}

// cohereAssumptions marks, among all evidence of a model, what judges found incoherent of that on assumptions: as above, none of it is stored.
func (h *head) cohereAssumptions(all []store.Assertion) {
	why := map[threat.ID]string{}
	for id, b := range bodies(all) {
		a := h.structure.Assumption(id)
		if a == nil {
			continue
		}
		subject, claims := h.assumptionSubject(a.ID, a.Text), slices.Clone(b.claims)
		subject.Cohere(claims)
		for _, c := range claims {
			why[c.ID] = c.Incoherent
		}
	}
	for i := range all {
		if text, ok := why[all[i].ID]; ok {
			all[i].Incoherent = text
		}
	}
}

// verificationAt is a control's verification as it is now: stale is decided on read.
func (p policy) verificationAt(c *store.Control, now time.Time) evidence.Verification {
	return c.Evidence.At(now, p.settings.StaleAfter())
}

// old reports whether a result counts no more: it is too old, or of a run that the workspace does not count any more.
func (p policy) old(h *evidence.Held, now time.Time) bool {
	return now.Sub(h.At) > p.settings.StaleAfter() || !p.trust.Trusts(h)
}
