package service

import (
	"slices"
	"time"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// subject returns the control or assumption that an assertion evidences. Errors: [threat.NotFound].
func (h *head) subject(control, assumption threat.ID) (evidence.Subject, error) {
	if control != "" {
		c, err := h.control(control)
		if err != nil {
			return evidence.Subject{}, fieldError(err, "control_id")
		}
		return h.controlSubject(c), nil
	}
	a := h.structure.Assumption(assumption)
	if a == nil {
		ids := entityIDs(h.structure.Assumptions, func(a threat.Assumption) threat.ID { return a.ID })
		return evidence.Subject{}, threat.Unknown("assumption", assumption, ids).In("assumption_id")
	}
	return h.assumptionSubject(a.ID, a.Text), nil
}

// subjectID is the control or the assumption that an assertion is about.
func subjectID(a *store.Assertion) threat.ID {
	if a.Control != "" {
		return a.Control
	}
	return a.Assumption
}

// body is the evidence on one subject, as its status sees it.
type body struct {
	claims []evidence.Claim
	debts  []evidence.Debt
}

// bodies sorts a model's evidence by subject.
func bodies(list []store.Assertion) map[threat.ID]*body {
	out := map[threat.ID]*body{}
	for i := range list {
		a := &list[i]
		b := out[subjectID(a)]
		if b == nil {
			b = &body{}
			out[subjectID(a)] = b
		}
		if a.DeletedAt == nil {
			b.claims = append(b.claims, a.Claim())
		} else if a.Debt {
			b.debts = append(b.debts, evidence.Debt{Assertion: a.ID, Facets: a.Facets, Order: debtOrder(a)})
		}
	}
	return out
}

// debtOrder is the order of the run that failed an assertion last.
func debtOrder(a *store.Assertion) int64 {
	var n int64
	for _, h := range []*evidence.Held{a.Tier1, a.Tier2} {
		if h != nil && h.Verdict == evidence.Fail {
			n = max(n, h.Order)
		}
	}
	return n
}

// assessed is what follows from the evidence on one control.
type assessed struct {
	status     evidence.Status
	incoherent map[threat.ID]string // reasons that differ from the stored ones
	lapsed     bool                 // it was implemented, and no coherent assertion is left
}

// assess computes what follows from the evidence on a control. It writes nothing.
func (p policy) assess(c *store.Control, b *body) assessed {
	out := assessed{incoherent: map[threat.ID]string{}}
	if b == nil {
		b = &body{}
	}
	subject := p.controlSubject(c)
	claims := slices.Clone(b.claims)
	subject.Cohere(claims)
	coherent := 0
	for i := range claims {
		if why := claims[i].Incoherent; why != b.claims[i].Incoherent {
			out.incoherent[claims[i].ID] = why
		}
		if claims[i].Incoherent == "" {
			coherent++
		}
	}
	if subject.Implemented && coherent == 0 {
		out.lapsed, subject.Implemented = true, false
	}
	out.status = subject.Status(claims, b.debts)
	return out
}

// stored turns a status into what the control's row keeps of it.
func stored(s evidence.Status, claims int) store.Verification {
	v := store.Verification{Status: s.Verification, Attested: s.Attested, Distrusted: s.Distrusted}
	if claims > 0 {
		v.Sufficiency = s.Sufficiency
	}
	if !s.Oldest.IsZero() {
		v.Oldest = &s.Oldest
	}
	return v
}

// reassess is the one writer of what follows from evidence. It runs in the transaction that changed an assertion, a result or a
// control, after that write, and brings the given controls up to date: coherence, verification, sufficiency, debts that are paid,
// and the status of a control that lost its last coherent assertion. all is the model's evidence as [store.Snapshot.Evidence]
// returns it. It reports whether anything was written; the caller raises the model's stamp.
func reassess(tx *store.Tx, workspace, model string, controls []*store.Control, all []store.Assertion) (changed bool, err error) {
	p, err := loadPolicy(tx.View(), workspace)
	if err == nil {
		p, err = p.withJudgments(tx.View(), workspace, model)
	}
	if err != nil {
		return false, err
	}
	evidenceOf := bodies(all)
	for _, c := range controls {
		b := evidenceOf[c.ID]
		if b == nil {
			b = &body{}
		}
		a := p.assess(c, b)
		if len(a.incoherent) > 0 {
			changed = true
			if err := tx.SetIncoherent(workspace, model, a.incoherent); err != nil {
				return changed, err
			}
		}
		if len(a.status.Settled) > 0 {
			changed = true
			if err := tx.SettleDebts(workspace, model, a.status.Settled); err != nil {
				return changed, err
			}
		}
		if a.lapsed {
			changed = true
			c.Status = threat.NotImplemented
			if err := tx.SaveControl(workspace, model, c.Control); err != nil {
				return changed, err
			}
			c.Revision++
		}
		next := stored(a.status, len(b.claims))
		if sameVerification(c.Evidence, next) {
			continue
		}
		changed = true
		if err := tx.SaveVerification(workspace, model, c.ID, next); err != nil {
			return changed, err
		}
		c.Evidence = next
	}
	return changed, nil
}

func sameVerification(a, b store.Verification) bool {
	if a.Status != b.Status || a.Attested != b.Attested || a.Distrusted != b.Distrusted || a.Sufficiency.Status != b.Sufficiency.Status {
		return false
	}
	if (a.Oldest == nil) != (b.Oldest == nil) || a.Oldest != nil && !a.Oldest.Equal(*b.Oldest) {
		return false
	}
	return slices.EqualFunc(a.Sufficiency.Uncovered, b.Sufficiency.Uncovered, func(x, y evidence.Gap) bool {
		return x.Facet == y.Facet && x.Why == y.Why && x.By == y.By
	})
}

// own returns copies of the named controls of a head, which a reassessment writes into; nil names all.
func (h *head) own(ids []threat.ID) []*store.Control {
	var out []*store.Control
	for i := range h.controls {
		if ids == nil || slices.Contains(ids, h.controls[i].ID) {
			c := h.controls[i]
			out = append(out, &c)
		}
	}
	return out
}

// assertionStatus says of one assertion what the status of a control with it alone would say.
func (p policy) assertionStatus(s *evidence.Subject, a *store.Assertion, now time.Time) evidence.Verification {
	c := a.Claim()
	switch {
	case a.Tier1 != nil && a.Tier1.Verdict == evidence.Fail, a.Tier2 != nil && a.Tier2.Verdict == evidence.Fail:
		return evidence.Failed
	case a.Incoherent != "":
		return evidence.Incoherent
	case a.Tier1 == nil:
		return evidence.Pending
	}
	status := evidence.Partial
	if s.Current(c) && a.Tier2.Verdict == evidence.Pass {
		status = evidence.Verified
	}
	if p.old(a.Tier1, now) || a.Tier2 != nil && p.old(a.Tier2, now) {
		return evidence.Stale
	}
	return status
}

// refreshEvidence reassesses every model whose stored statuses were computed with other prompt templates: a template that changed
// with the program un-verifies what was judged by the old one.
func (s *Service) refreshEvidence(tx *store.Tx) error {
	const name = "prompt_templates"
	digest := evidence.TemplatesDigest()
	known, err := tx.Instance(name)
	if err != nil || known == digest {
		return err
	}
	models, err := tx.ModelsWithEvidence()
	if err != nil {
		return err
	}
	for _, m := range models {
		if err := reassessModel(tx, m.WorkspaceID, m.ModelID); err != nil {
			return err
		}
	}
	return tx.SetInstance(name, digest)
}

// reassessModel brings every control of a model up to date. A model that is deleted is brought up to date too, for its restoration.
func reassessModel(tx *store.Tx, workspace, model string) error {
	controls, err := tx.Controls(workspace, model)
	if err != nil {
		return err
	}
	all, err := tx.Evidence(workspace, model)
	if err != nil {
		return err
	}
	list := make([]*store.Control, len(controls))
	for i := range controls {
		list[i] = &controls[i]
	}
	changed, err := reassess(tx, workspace, model, list, all)
	if err != nil || !changed {
		return err
	}
	if err := tx.TouchModel(workspace, model); err != nil && threat.CodeOf(err) != threat.NotFound {
		return err
	}
	return nil
}
