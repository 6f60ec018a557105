package posture_test

import (
	"cmp"
	"slices"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/posture"
	"github.com/redoubt-dev/redoubt/threat"
)

// The tables of the specification said again, one CO at a time and as slowly as it pleases, to compare the fold with.

type oracle struct{ posture.Input }

func (o *oracle) control(id threat.ID) posture.Control {
	for _, c := range o.Controls {
		if c.ID == id {
			return c
		}
	}
	return posture.Control{ID: id}
}

// holding lists the assumptions that hold and that a test lets through.
func (o *oracle) holding(is func(posture.Assumption) bool) (out []posture.Assumption) {
	for _, a := range o.Assumptions {
		live := a.Attestation != nil && a.Attestation.Lapsed == "" && a.Attestation.Expires.After(o.Now)
		if a.State == threat.Active && is(a) &&
			(a.Kind == threat.External && live || a.Kind == threat.NonApplicability && a.Verification == evidence.Verified) {
			out = append(out, a)
		}
	}
	return out
}

// groups returns the groups of a CO by number.
func (o *oracle) groups(co threat.ID) map[int][]threat.ID {
	all := map[int][]threat.ID{}
	for _, l := range o.Links {
		if l.Objective == co {
			all[l.Group] = append(all[l.Group], l.Control)
		}
	}
	if len(all) == 1 && all[0] != nil {
		return map[int][]threat.ID{1: all[0]}
	}
	delete(all, 0)
	return all
}

var unsound = []evidence.Verification{evidence.Failed, evidence.Incoherent, "", "unknown"}

// way is how a control comes to count: by its own evidence, or by an assumption.
type way struct{ verified, attested bool }

func (o *oracle) ways(id threat.ID) (out []way) {
	c := o.control(id)
	if c.Implemented && !slices.Contains(unsound, c.Verification) {
		out = append(out, way{c.Verification == evidence.Verified && !c.Weakened, c.Attested})
	}
	for _, a := range o.holding(func(a posture.Assumption) bool { return slices.Contains(a.Carries, id) }) {
		machine := a.Kind == threat.NonApplicability
		out = append(out, way{machine && !c.Weakened, machine && a.Attested})
	}
	return out
}

func (o *oracle) inPlace(id threat.ID) bool { return o.control(id).Implemented || len(o.ways(id)) > 0 }

// row says what the posture of a CO is, without Next.
func (o *oracle) row(objective *threat.Objective) posture.Row {
	co := objective.ID
	row := posture.Row{Objective: objective, Weakened: slices.Contains(o.Weakened, co)}
	for i := range o.Risks {
		r := &o.Risks[i]
		live := r.Objective == co && r.Lapsed == "" && (r.Expires.IsZero() || r.Expires.After(o.Now))
		if live && (row.Accepted == nil || cmp.Or(r.ReviewBy.Compare(row.Accepted.ReviewBy), r.Expires.Compare(row.Accepted.Expires)) < 0) {
			row.Accepted, row.ReviewDue = r, !r.ReviewBy.After(o.Now)
		}
	}
	groups := o.groups(co)
	some, all := false, false
	for number := 3; number > 0; number-- { // from the last to the first, so that the first stays
		members := groups[number]
		if members == nil {
			continue
		}
		every := func(is func(threat.ID) bool) bool {
			return !slices.ContainsFunc(members, func(id threat.ID) bool { return !is(id) })
		}
		some = some || slices.ContainsFunc(members, o.inPlace)
		all = all || every(o.inPlace)
		if !every(func(id threat.ID) bool { return len(o.ways(id)) > 0 }) {
			continue
		}
		verified := every(func(id threat.ID) bool {
			return slices.ContainsFunc(o.ways(id), func(w way) bool { return w.verified })
		})
		if row.Assurance == posture.Verified && !verified {
			continue
		}
		row.Status, row.By, row.Group, row.Assurance = posture.Mitigated, posture.ByControls, number, posture.Claimed
		if verified {
			row.Assurance = posture.Verified
		}
		row.Attested = every(func(id threat.ID) bool {
			ways := o.ways(id)
			best := slices.ContainsFunc(ways, func(w way) bool { return w.verified })
			return slices.ContainsFunc(ways, func(w way) bool { return w.verified == best && w.attested })
		})
	}
	if row.Status == posture.Mitigated {
		if slices.ContainsFunc(groups[row.Group], func(id threat.ID) bool { return o.control(id).Weakened }) {
			row.Weakened = true
		}
		if row.Weakened {
			row.Assurance = posture.Claimed
		}
		return row
	}
	linked := func(a posture.Assumption) bool { return slices.Contains(a.Objectives, co) }
	if holding := o.holding(linked); len(holding) > 0 {
		slices.SortFunc(holding, func(a, b posture.Assumption) int {
			if a.Kind != b.Kind {
				return map[threat.AssumptionKind]int{threat.NonApplicability: -1, threat.External: 1}[a.Kind]
			}
			return threat.CompareIDs(a.ID, b.ID)
		})
		row.Status, row.By, row.Assurance, row.Assumption = posture.Mitigated, posture.ByAssumption, posture.Claimed, holding[0].ID
		row.Attested = holding[0].Kind == threat.NonApplicability && holding[0].Attested
		return row
	}
	row.Status, row.Reason = posture.AtRisk, o.reason(len(groups) > 0, some, all, linked)
	if row.Reason == posture.ReasonUnassessed {
		row.Status = posture.Unassessed
	}
	return row
}

func (o *oracle) reason(controls, some, all bool, linked func(posture.Assumption) bool) posture.Reason {
	switch {
	case controls && !some:
		return posture.MissingControls
	case controls && !all:
		return posture.IncompleteGroup
	case controls:
		return posture.FailedEvidence
	}
	known := func(a posture.Assumption) bool { return linked(a) && a.State != threat.Deleted }
	external := func(a posture.Assumption) bool {
		return known(a) && a.State == threat.Active && a.Kind == threat.External
	}
	machine := func(a posture.Assumption) bool {
		return known(a) && a.State == threat.Active && a.Kind == threat.NonApplicability
	}
	for _, c := range []struct {
		reason posture.Reason
		is     func(posture.Assumption) bool
	}{
		{posture.FailedEvidence, func(a posture.Assumption) bool { return machine(a) && slices.Contains(unsound, a.Verification) }},
		{posture.PendingAttestation, func(a posture.Assumption) bool {
			return external(a) && a.Attestation == nil ||
				machine(a) && !slices.Contains(unsound, a.Verification) && a.Verification != evidence.Stale
		}},
		{posture.ExpiredAttestation, func(a posture.Assumption) bool {
			return external(a) || machine(a) && a.Verification == evidence.Stale
		}},
		{posture.AssumptionViolated, func(a posture.Assumption) bool { return known(a) && a.State == threat.Violated }},
		{posture.MissingControls, known},
	} {
		if slices.ContainsFunc(o.Assumptions, c.is) {
			return c.reason
		}
	}
	return posture.ReasonUnassessed
}

// follow does what Next says: controls are implemented and their evidence mended, assumptions attested or verified.
func follow(in posture.Input, next []threat.ID) posture.Input {
	in = clone(in)
	for _, id := range next {
		for i := range in.Assumptions {
			a := &in.Assumptions[i]
			if a.ID != id {
				continue
			}
			switch {
			case a.State != threat.Active && a.State != threat.Violated: // there is no way back
			case a.Kind == threat.External:
				a.State, a.Attestation = threat.Active, &posture.Attestation{Expires: later}
			case a.Kind == threat.NonApplicability:
				a.State, a.Verification = threat.Active, evidence.Verified
			}
		}
		if id.Kind() != threat.KindControl {
			continue
		}
		i := slices.IndexFunc(in.Controls, func(c posture.Control) bool { return c.ID == id })
		if i < 0 {
			i = len(in.Controls)
			in.Controls = append(in.Controls, posture.Control{ID: id, Verification: evidence.Pending})
		}
		c := &in.Controls[i]
		c.Implemented = true
		if slices.Contains(unsound, c.Verification) {
			c.Verification = evidence.Pending
		}
	}
	return in
}

// next finds the smallest set that mitigates a CO by trying all of them, smallest and lowest first; nil when none does.
func (o *oracle) next(objective *threat.Objective) []threat.ID {
	var active, violated []threat.ID
	for _, a := range o.Assumptions {
		switch a.State {
		case threat.Active:
			active = append(active, a.ID)
		case threat.Violated:
			violated = append(violated, a.ID)
		}
	}
	for _, c := range o.Controls {
		active = append(active, c.ID)
	}
	for _, l := range o.Links {
		active = append(active, l.Control)
	}
	if set := o.smallest(objective, threat.SortIDs(active)); set != nil {
		return set
	}
	return o.smallest(objective, threat.SortIDs(violated))
}

func (o *oracle) smallest(objective *threat.Objective, of []threat.ID) []threat.ID {
	for size := 1; size <= len(of); size++ {
		if set := o.try(objective, of, nil, size); set != nil {
			return set
		}
	}
	return nil
}

// try returns the first set of size more ids that mitigates the CO together with chosen.
func (o *oracle) try(objective *threat.Objective, of, chosen []threat.ID, size int) []threat.ID {
	if size == 0 {
		done := oracle{follow(o.Input, chosen)}
		if done.row(objective).Status == posture.Mitigated {
			return slices.Clone(chosen)
		}
		return nil
	}
	for i := range of {
		if set := o.try(objective, of[i+1:], append(chosen, of[i]), size-1); set != nil {
			return set
		}
	}
	return nil
}
