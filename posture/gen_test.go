package posture_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/posture"
	"github.com/redoubt-dev/redoubt/threat"
)

var (
	now   = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	later = now.Add(time.Hour)
)

// classes counts the classes of case that a property-based test drew. A class that was never drawn fails the test: a
// property that never met the case it is about proves nothing.
type classes map[string]int

func (c classes) hit(class string) { c[class]++ }

// hitIf counts a case when it is of the class.
func (c classes) hitIf(is bool, class string) {
	if is {
		c.hit(class)
	}
}

// rounds is how often a property is checked again while a wanted class of case is missing. The rarest class is drawn about once
// in 100 cases and a short round has 20, so that 200 rounds miss it once in 10^17 runs; most runs need a few rounds.
const rounds = 200

// check checks a property, and again with other cases while a wanted class is missing, at most rounds times.
func check(t *testing.T, want []string, property func(*rapid.T, classes)) {
	t.Helper()
	seen := classes{}
	missing := func() []string {
		return slices.DeleteFunc(slices.Clone(want), func(w string) bool { return seen[w] > 0 })
	}
	for range rounds {
		rapid.Check(t, func(t *rapid.T) { property(t, seen) })
		if t.Failed() || len(missing()) == 0 {
			return
		}
	}
	t.Errorf("no case of %q was drawn; drawn were %v", missing(), seen)
}

// one draws one of a list, each as often as any other.
func one[T any](t *rapid.T, label string, list ...T) T { return rapid.SampledFrom(list).Draw(t, label) }

func upTo(t *rapid.T, n int, label string) int {
	all := make([]int, n+1)
	for i := range all {
		all[i] = i
	}
	return one(t, label, all...)
}

// oneIn is true once in n times.
func oneIn(t *rapid.T, n int, label string) bool { return upTo(t, n-1, label) == 0 }

// some draws up to n of a list, without repeats.
func some(t *rapid.T, list []threat.ID, n int, label string) []threat.ID {
	n = min(upTo(t, n, label+" how many"), len(list))
	if n == 0 {
		return nil
	}
	return slices.Clone(rapid.Permutation(list).Draw(t, label)[:n])
}

var times = []time.Time{{}, now.Add(-time.Hour), now, later, later.Add(time.Hour)}

// verification draws what runs say; verified as often as all the rest, so that verified groups occur.
func verification(t *rapid.T, label string) evidence.Verification {
	if oneIn(t, 2, label+" verified") {
		return evidence.Verified
	}
	return one(t, label, append(evidence.Verifications(), "", "unknown")...)
}

// input draws a small model in which every standing of a CO occurs: a few assets and attackers, controls in groups, in depth, in
// no group and unknown, assumptions of every kind and state, risks of every kind, and links to COs that are gone.
func input(t *rapid.T) posture.Input {
	in := posture.Input{Now: now}
	var cos []threat.ID
	for a := range 1 + upTo(t, 1, "assets") {
		for s := range 1 + upTo(t, 1, "attackers") {
			asset, attacker := threat.ID(fmt.Sprint("A", a*9+1)), threat.ID(fmt.Sprint("T", s*9+1))
			id := threat.ObjectiveID(asset, attacker)
			cos = append(cos, id)
			in.Objectives = append(in.Objectives, threat.Objective{
				ID: id, Asset: asset, Attacker: attacker, Tier: one(t, "tier", threat.Tiers()...), Reachable: oneIn(t, 2, "reachable"),
			})
		}
	}
	links := append(slices.Clone(cos), "CO-A99-T99")
	var controls []threat.ID
	for i := range upTo(t, 5, "controls") {
		c := posture.Control{
			ID: threat.ID(fmt.Sprint("C", i*3+1)), Implemented: !oneIn(t, 3, "not implemented"), Verification: verification(t, "verification"),
			Attested: oneIn(t, 2, "attested"), Weakened: oneIn(t, 6, "weakened"),
		}
		in.Controls, controls = append(in.Controls, c), append(controls, c.ID)
	}
	controls = append(controls, "C99")
	for _, co := range links {
		grouped := !oneIn(t, 3, "no groups")
		for range upTo(t, 4, "links") {
			l := posture.Link{Objective: co, Control: one(t, "linked", controls...)}
			if grouped {
				l.Group = upTo(t, 3, "group")
			}
			in.Links = append(in.Links, l)
		}
	}
	in.Weakened = some(t, links, 1, "weakened COs")
	for i := range upTo(t, 3, "assumptions") {
		in.Assumptions = append(in.Assumptions, assumption(t, threat.ID(fmt.Sprint("AS", i*9+1)), links, controls))
	}
	for i := range upTo(t, 3, "risks") {
		in.Risks = append(in.Risks, posture.Risk{
			Objective: one(t, "risk", links...), Owner: fmt.Sprint("owner ", i), ReviewBy: one(t, "review", times...),
			Expires: one(t, "expires", times...), Lapsed: one(t, "lapsed", "", "", "the tier changed"),
		})
	}
	return in
}

func assumption(t *rapid.T, id threat.ID, cos, controls []threat.ID) posture.Assumption {
	a := posture.Assumption{
		ID: id, Kind: one(t, "kind", threat.External, threat.External, threat.NonApplicability, threat.NonApplicability, "unknown"),
		State:      one(t, "state", threat.Active, threat.Active, threat.Active, threat.Violated, threat.Retired, threat.Deleted, "unknown"),
		Objectives: some(t, cos, 2, "assumed"), Carries: some(t, controls, 3, "carried"),
		Verification: verification(t, "assumption verification"), Attested: oneIn(t, 2, "assumption attested"),
	}
	if !oneIn(t, 4, "no attestation") {
		a.Attestation = &posture.Attestation{Expires: one(t, "until", times...), Lapsed: one(t, "attestation lapsed", "", "", "the text changed")}
	}
	return a
}

// clone returns a copy that shares nothing that the tests change.
func clone(in posture.Input) posture.Input {
	in.Objectives, in.Controls, in.Links = slices.Clone(in.Objectives), slices.Clone(in.Controls), slices.Clone(in.Links)
	in.Weakened, in.Risks = slices.Clone(in.Weakened), slices.Clone(in.Risks)
	in.Assumptions = slices.Clone(in.Assumptions)
	for i := range in.Assumptions {
		a := &in.Assumptions[i]
		a.Objectives, a.Carries = slices.Clone(a.Objectives), slices.Clone(a.Carries)
		if a.Attestation != nil {
			c := *a.Attestation
			a.Attestation = &c
		}
	}
	return in
}

// byID finds the row of a CO.
func byID(p *posture.Posture) map[threat.ID]*posture.Row {
	out := map[threat.ID]*posture.Row{}
	for i := range p.Rows {
		out[p.Rows[i].Objective.ID] = &p.Rows[i]
	}
	return out
}

// rank orders how good rows are: verified before claimed before everything that is not mitigated.
func rank(r *posture.Row) int {
	switch {
	case r.Status != posture.Mitigated:
		return 0
	case r.Assurance != posture.Verified:
		return 1
	}
	return 2
}
