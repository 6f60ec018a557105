package threat_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/redoubt-dev/redoubt/threat"
)

// separationKey is what names a boundary assumption: the attacker and the boundaries the assets are exposed through.
func separationKey(attacker threat.ID, boundaries []threat.ID) string {
	return fmt.Sprint(attacker, boundaries)
}

// separations returns the ids of the boundary assumptions by key, and fails when two have one key.
func separations(t *rapid.T, s *threat.Structure) map[string]threat.ID {
	out := map[string]threat.ID{}
	for _, a := range s.Assumptions {
		if a.Separation == nil {
			continue
		}
		key := separationKey(a.Separation.Attacker, a.Separation.Boundaries)
		if other, ok := out[key]; ok {
			t.Fatalf("%s and %s both say %s", other, a.ID, key)
		}
		out[key] = a.ID
	}
	return out
}

func checkSeparations(t *rapid.T, s *threat.Structure, seen classes) {
	cos, err := s.Objectives()
	if err != nil {
		t.Fatal(err)
	}
	in := map[threat.ID][]*threat.Assumption{}
	for i := range s.Assumptions {
		if a := &s.Assumptions[i]; a.Separation != nil {
			if a.Kind != threat.External || len(a.Objectives) == 0 {
				t.Fatalf("%s is %s on %v", a.ID, a.Kind, a.Objectives)
			}
			for _, co := range a.Objectives {
				in[co] = append(in[co], a)
			}
		}
	}
	for _, co := range cos {
		holders := in[co.ID]
		delete(in, co.ID)
		if co.Reachable {
			seen.hit("reachable")
			if len(holders) != 0 {
				t.Fatalf("%s is reachable and in %s", co.ID, holders[0].ID)
			}
			continue
		}
		seen.hit("unreachable")
		if len(holders) != 1 {
			t.Fatalf("%s is unreachable and in %d boundary assumptions", co.ID, len(holders))
		}
		sep := holders[0].Separation
		if sep.Attacker != co.Attacker || !slices.Equal(sep.Boundaries, exposedThrough(s, co.Asset)) {
			t.Fatalf("%s is in %s, which is about %s and %v", co.ID, holders[0].ID, sep.Attacker, sep.Boundaries)
		}
		if !strings.Contains(holders[0].Text, "("+string(co.Attacker)+")") {
			t.Fatalf("%s says %q", holders[0].ID, holders[0].Text)
		}
	}
	if len(in) > 0 {
		t.Fatalf("boundary assumptions hold COs that do not exist: %v", in)
	}
}

// held returns the COs of each boundary assumption.
func held(s *threat.Structure) map[threat.ID][]threat.ID {
	out := map[threat.ID][]threat.ID{}
	for _, a := range s.Assumptions {
		if a.Separation != nil {
			out[a.ID] = a.Objectives
		}
	}
	return out
}

// holders returns the boundary assumption of each CO that has one.
func holders(s *threat.Structure) map[threat.ID]threat.ID {
	out := map[threat.ID]threat.ID{}
	for id, cos := range held(s) {
		for _, co := range cos {
			out[co] = id
		}
	}
	return out
}

func TestSettleSeparations(t *testing.T) {
	check(t, []string{"reachable", "unreachable", "kept", "retired", "moved", "new", "nothing to do", "several COs in one"}, func(t *rapid.T, seen classes) {
		s, c := structure(t)
		for range 1 + upTo(t, 5, "rounds") {
			before, had := separations(t, s), held(s)
			next := c[threat.KindAssumption]
			plain := 0
			for _, a := range s.Assumptions {
				if a.Separation == nil {
					plain++
				}
			}
			retired, err := s.SettleSeparations(c)
			if err != nil {
				t.Fatal(err)
			}
			checkSeparations(t, s, seen)
			if err := s.Check(); err != nil {
				t.Fatal(err)
			}
			after := separations(t, s)
			if len(s.Assumptions) != plain+len(after) {
				t.Fatalf("%d assumptions of people are left of %d", len(s.Assumptions)-len(after), plain)
			}
			var gone []threat.ID
			for key, id := range before {
				switch after[key] {
				case id:
					seen.hit("kept")
				case "":
					if now := s.Assumption(id); now != nil { // its COs came to be exposed through other boundaries
						seen.hit("moved")
						if !slices.ContainsFunc(now.Objectives, func(co threat.ID) bool { return slices.Contains(had[id], co) }) {
							t.Fatalf("%s was about %v and is now about %v", id, had[id], now.Objectives)
						}
						continue
					}
					gone = append(gone, id)
					seen.hit("retired")
					for co, holder := range holders(s) {
						if slices.Contains(had[id], co) && had[holder] == nil {
							t.Fatalf("%s retired, though its %s is still cut off, and new %s has it", id, co, holder)
						}
					}
				default:
					t.Fatalf("%s was %s and is now %s", key, id, after[key])
				}
			}
			if !slices.Equal(threat.SortIDs(gone), threat.SortIDs(retired)) {
				t.Fatalf("retired were %v, reported %v", gone, retired)
			}
			for key, id := range after {
				if before[key] == "" && had[id] == nil {
					seen.hit("new")
					if id.Number() < next {
						t.Fatalf("%s is new and has the used id %s", key, id)
					}
				}
				if len(s.Assumption(id).Objectives) > 1 {
					seen.hit("several COs in one")
				}
			}

			settled := image(s, c)
			if retired, err := s.SettleSeparations(c); err != nil || retired != nil {
				t.Fatalf("settling again retires %v, %v", retired, err)
			}
			if image(s, c) != settled {
				t.Fatalf("settling again changes\n%s\nto\n%s", settled, image(s, c))
			}
			seen.hit("nothing to do")

			for range upTo(t, 4, "edits") {
				draw(t, s, c)
			}
		}
	})
}

func TestSeparationTextStaysExactWhenLong(t *testing.T) {
	s, c := &threat.Structure{}, threat.Counters{}
	if _, err := s.AddAsset(c, asset("vault")); err != nil {
		t.Fatal(err)
	}
	name := func(i int) string { return fmt.Sprintf("%d %s", i, strings.Repeat("é", threat.MaxName-4)) }
	for i := range threat.MaxBoundaries {
		b := threat.Boundary{Name: name(i)}
		if i%2 == 0 {
			b.Assets = []threat.ID{"A1"}
		}
		if _, err := s.AddBoundary(c, b); err != nil {
			t.Fatal(err)
		}
	}
	var at []threat.ID
	for i, b := range boundaryIDs(s) {
		if i%2 == 1 {
			at = append(at, b)
		}
	}
	if _, err := s.AddAttacker(c, attacker("them", at...)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.SettleSeparations(c); err != nil {
		t.Fatal(err)
	}
	text := s.Assumptions[0].Text
	for _, want := range []string{"them (T1)", "(TB2)", "and others: TB12", "(TB1)", "and others: TB11"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in %q", want, text)
		}
	}
	if err := s.Check(); err != nil {
		t.Error(err)
	}
}

// Two boundary assumptions with one key, as only a damaged import could bring, become one and the other is reported.
func TestSettleJoinsTwins(t *testing.T) {
	s, c := sample(t)
	if _, err := s.AddBoundary(c, threat.Boundary{Name: "Vault", Assets: []threat.ID{"A2"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.SettleSeparations(c); err != nil {
		t.Fatal(err)
	}
	twin := s.Assumptions[1]
	twin.ID = c.Next(threat.KindAssumption)
	s.Assumptions = append(s.Assumptions, twin)
	retired, err := s.SettleSeparations(c)
	if err != nil || !slices.Equal(retired, []threat.ID{twin.ID}) || len(s.Assumptions) != 2 {
		t.Errorf("retired %v, %v; left %v", retired, err, assumptionIDs(s))
	}
}
