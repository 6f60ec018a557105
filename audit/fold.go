package audit

import (
	"slices"
	"time"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/exchange"
	"github.com/redoubt-dev/redoubt/posture"
	"github.com/redoubt-dev/redoubt/threat"
)

// folded is what follows from the evidence at a time.
type folded struct {
	controls map[threat.ID]evidence.Verification
	posture  *posture.Posture
}

// trust is what the workspace asks of runs.
func (c *Content) trust() evidence.Trust {
	t := evidence.Trust{Attested: c.Workspace.Settings.RequireAttestation}
	for _, k := range c.Workspace.SigningKeys {
		if k.CompromisedSince != nil {
			if t.Compromised == nil {
				t.Compromised = map[string]time.Time{}
			}
			t.Compromised[k.Fingerprint] = *k.CompromisedSince
		}
	}
	return t
}

// fold computes the status of every control and of every objective from what the runs say, at a time. Errors: those of
// [threat.Structure.Objectives].
func (c *Content) fold(state map[threat.ID]*held, at time.Time) (*folded, error) {
	d := &c.Document
	s := &threat.Structure{Feature: d.Model.Feature, Assets: d.Assets, Attackers: d.Attackers, Boundaries: d.Boundaries}
	for _, a := range d.Assumptions {
		s.Assumptions = append(s.Assumptions, a.Assumption)
	}
	objectives, err := s.Objectives()
	if err != nil {
		return nil, err
	}
	claims, debts := map[threat.ID][]evidence.Claim{}, map[threat.ID][]evidence.Debt{}
	for i := range d.Assertions {
		a := &d.Assertions[i]
		of := a.Control
		if of == "" {
			of = a.Assumption
		}
		h := state[a.ID]
		if h == nil {
			h = &held{}
		}
		if a.DeletedAt == nil {
			claims[of] = append(claims[of], evidence.Claim{ID: a.ID, Type: a.Type, Params: a.Params, Facets: a.Facets, Tier1: h.one, Tier2: h.two})
		} else if a.Debt {
			debts[of] = append(debts[of], evidence.Debt{Assertion: a.ID, Facets: a.Facets, Order: failedIn(h)})
		}
	}
	judged := map[threat.ID][]evidence.Judgment{}
	for _, j := range c.Judgments {
		judged[j.Control] = append(judged[j.Control], j)
	}
	stale, trust := c.Workspace.Settings.StaleAfter(), c.trust()
	status := func(s evidence.Subject, of threat.ID) evidence.Status {
		s.Trust = trust
		list := claims[of]
		s.Judgments = judged[of]
		s.Cohere(list)
		return s.Status(list, debts[of])
	}
	out := &folded{controls: map[threat.ID]evidence.Verification{}}
	in := posture.Input{Objectives: objectives, Now: at}
	for i := range d.Controls {
		k := &d.Controls[i]
		if k.DeletedAt != nil {
			continue
		}
		implemented := k.Status == threat.Implemented
		st := status(evidence.Subject{ID: k.ID, Description: k.Description, Facets: k.Facets, Implemented: implemented}, k.ID)
		out.controls[k.ID] = st.At(at, stale)
		in.Controls = append(in.Controls, posture.Control{
			ID: k.ID, Implemented: implemented, Verification: out.controls[k.ID], Attested: st.Attested, Weakened: k.Weakened != "",
		})
	}
	in.Links = links(d, out.controls)
	for _, w := range d.Weakened {
		in.Weakened = append(in.Weakened, w.Objective)
	}
	for i := range d.Assumptions {
		a := &d.Assumptions[i]
		p := posture.Assumption{ID: a.ID, Kind: a.Kind, State: a.State, Objectives: a.Objectives, Carries: a.Carries, Verification: evidence.None, Attestation: attestation(a)}
		if len(claims[a.ID])+len(debts[a.ID]) > 0 {
			st := status(evidence.AssumptionSubject(a.ID, a.Text), a.ID)
			p.Verification, p.Attested = st.At(at, stale), st.Attested
		}
		in.Assumptions = append(in.Assumptions, p)
	}
	for _, a := range d.Retired {
		in.Assumptions = append(in.Assumptions, posture.Assumption{ID: a.ID, Kind: a.Kind, State: threat.Retired, Objectives: a.Objectives, Verification: evidence.None})
	}
	for _, r := range d.Risks {
		if r.EndedAt != nil {
			continue
		}
		p := posture.Risk{Objective: r.Objective, Owner: r.Owner, Decider: r.DecidedBy, Reason: r.Reason, ReviewBy: r.ReviewBy, Lapsed: r.Lapsed}
		if r.ExpiresAt != nil {
			p.Expires = *r.ExpiresAt
		}
		in.Risks = append(in.Risks, p)
	}
	out.posture = posture.Assess(in)
	return out, nil
}

// links are the mitigations by live controls; groups are known by their place, since numbers have gaps where one is gone.
func links(d *exchange.Document, live map[threat.ID]evidence.Verification) []posture.Link {
	var out []posture.Link
	list := slices.DeleteFunc(slices.Clone(d.Mitigations), func(m exchange.DocumentMitigation) bool { _, ok := live[m.Control]; return !ok })
	slices.SortFunc(list, func(a, b exchange.DocumentMitigation) int {
		if c := threat.CompareIDs(a.Objective, b.Objective); c != 0 {
			return c
		}
		if a.Group != b.Group {
			return a.Group - b.Group
		}
		return threat.CompareIDs(a.Control, b.Control)
	})
	place, group := 0, 0
	for i, m := range list {
		if i == 0 || m.Objective != list[i-1].Objective {
			place, group = 0, 0
		}
		if m.Group != group {
			place, group = place+1, m.Group
		}
		out = append(out, posture.Link{Objective: m.Objective, Control: m.Control, Group: place})
	}
	return out
}

// attestation is the one that may count: the newest that nothing ended, given since the assumption last changed its state.
func attestation(a *exchange.DocumentAssumption) *posture.Attestation {
	if len(a.Attestations) == 0 {
		return nil
	}
	last := &a.Attestations[len(a.Attestations)-1]
	if last.EndedAt != nil || a.StateAt != nil && last.CreatedAt.Before(*a.StateAt) {
		return nil
	}
	return &posture.Attestation{Expires: last.ExpiresAt, Lapsed: last.Lapsed}
}

// failedIn is the order of the run that failed an assertion last.
func failedIn(h *held) int64 {
	var n int64
	for _, x := range []*evidence.Held{h.one, h.two} {
		if x != nil && x.Verdict == evidence.Fail {
			n = max(n, x.Order)
		}
	}
	return n
}
