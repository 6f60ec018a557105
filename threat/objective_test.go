package threat_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/redoubt-dev/redoubt/threat"
)

// exposedThrough is the boundaries that name an asset, found the long way.
func exposedThrough(s *threat.Structure, asset threat.ID) (out []threat.ID) {
	for _, b := range s.Boundaries {
		for _, a := range b.Assets {
			if a == asset {
				out = append(out, b.ID)
			}
		}
	}
	return out
}

func shareOne(a, b []threat.ID) bool {
	for _, x := range a {
		for _, y := range b {
			if x == y {
				return true
			}
		}
	}
	return false
}

func TestObjectivesAreTheCrossProduct(t *testing.T) {
	check(t, []string{"none", "some", "a gap in the ids"}, func(t *rapid.T, seen classes) {
		s, _ := structure(t)
		cos, err := s.Objectives()
		if err != nil {
			t.Fatal(err)
		}
		var got []threat.ID
		for _, co := range cos {
			got = append(got, co.ID)
			if co.ID != threat.ObjectiveID(co.Asset, co.Attacker) || !s.HasObjective(co.ID) {
				t.Fatalf("%s is of %s and %s", co.ID, co.Asset, co.Attacker)
			}
			want, err := threat.Risk(s.Asset(co.Asset).Impact, s.Attacker(co.Attacker).Likelihood)
			if err != nil || co.Tier != want {
				t.Fatalf("%s is %s, not %s (%v)", co.ID, co.Tier, want, err)
			}
		}
		want := threat.SortIDs(objectiveIDs(s))
		if len(want) != len(s.Assets)*len(s.Attackers) || !slices.Equal(got, want) {
			t.Fatalf("the COs of %v × %v are %v", assetIDs(s), attackerIDs(s), got)
		}
		switch {
		case len(got) == 0:
			seen.hit("none")
		default:
			seen.hit("some")
		}
		if n := len(s.Assets); n > 0 && s.Assets[n-1].ID.Number() > n {
			seen.hit("a gap in the ids")
		}
	})
}

// Silence is never read as safety: a CO is hidden exactly when both sides name a boundary and share none.
func TestReachability(t *testing.T) {
	check(t, []string{"silent asset", "silent attacker", "both silent", "shared boundary", "disjoint"}, func(t *rapid.T, seen classes) {
		s, _ := structure(t)
		cos, err := s.Objectives()
		if err != nil {
			t.Fatal(err)
		}
		for _, co := range cos {
			exposed, at := exposedThrough(s, co.Asset), s.Attacker(co.Attacker).Boundaries
			var class string
			switch {
			case len(exposed) == 0 && len(at) == 0:
				class = "both silent"
			case len(exposed) == 0:
				class = "silent asset"
			case len(at) == 0:
				class = "silent attacker"
			case shareOne(exposed, at):
				class = "shared boundary"
			default:
				class = "disjoint"
			}
			seen.hit(class)
			if want := class != "disjoint"; co.Reachable != want {
				t.Fatalf("%s: exposed through %v, attacker at %v (%s): reachable is %v", co.ID, exposed, at, class, co.Reachable)
			}
		}
	})
}
