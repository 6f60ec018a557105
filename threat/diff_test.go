package threat_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/redoubt-dev/redoubt/threat"
)

func TestDiff(t *testing.T) {
	a, c := sample(t)
	b := a.Clone()
	if err := b.SetFeature("another <thing>"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.EditAsset("A1", threat.AssetEdit{Impact: ptr(threat.Low), Notes: ptr("x")}); err != nil {
		t.Fatal(err)
	}
	if err := b.RemoveAsset("A2"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.AddAttacker(c, attacker("Insider")); err != nil {
		t.Fatal(err)
	}
	changes, err := threat.Diff(a, b)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, ch := range changes {
		line := fmt.Sprint(ch.Op, " ", ch.Kind, " ", ch.ID)
		for _, f := range ch.Fields {
			if ch.Op == threat.Changed {
				line += fmt.Sprintf(" %s:%s→%s", f.Field, f.From, f.To)
			}
		}
		got = append(got, line)
	}
	want := []string{
		`changed feature FEATURE feature_description:"what it does"→"another \u003cthing\u003e"`,
		`changed asset A1 impact:"H"→"L" notes:→"x"`,
		`removed asset A2`,
		`added attacker T2`,
		`changed control_objective CO-A1-T1 tier:"high"→"low"`,
		`added control_objective CO-A1-T2`,
		`removed control_objective CO-A2-T1`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("the diff (-want +got):\n%s", d)
	}
	if changes[2].Name != "Orders" || changes[3].Name != "Insider" {
		t.Errorf("entities are named %q and %q", changes[2].Name, changes[3].Name)
	}
}

// pair draws two structures: the second follows from the first by edits, or has nothing to do with it but its ids.
func pair(t *rapid.T, seen classes) (a, b *threat.Structure) {
	a, c := structure(t)
	if rapid.Bool().Draw(t, "unrelated") {
		seen.hit("unrelated")
		b, _ = structure(t)
		return a, b
	}
	seen.hit("edited")
	b = a.Clone()
	for range upTo(t, 8, "edits") {
		draw(t, b, c)
	}
	if upTo(t, 3, "settle") > 0 {
		if _, err := b.SettleSeparations(c); err != nil {
			t.Fatal(err)
		}
	}
	return a, b
}

func TestPatchUndoesDiff(t *testing.T) {
	check(t, []string{"unrelated", "edited", "added", "removed", "changed", "equal", "boundary assumption", "feature"}, func(t *rapid.T, seen classes) {
		for range 3 {
			checkPatch(t, seen)
		}
	})
}

func checkPatch(t *rapid.T, seen classes) {
	a, b := pair(t, seen)
	beforeA, beforeB := image(a, nil), image(b, nil)
	changes, err := threat.Diff(a, b)
	if err != nil {
		t.Fatal(err)
	}
	if len(changes) == 0 {
		seen.hit("equal")
	}
	for _, ch := range changes {
		seen.hit(string(ch.Op))
		if ch.Kind == threat.KindFeature {
			seen.hit("feature")
		}
	}
	for _, as := range b.Assumptions {
		if as.Separation != nil {
			seen.hit("boundary assumption")
		}
	}
	// A diff travels as JSON.
	raw, err := json.Marshal(changes)
	if err != nil {
		t.Fatal(err)
	}
	var read []threat.Change
	if err := json.Unmarshal(raw, &read); err != nil {
		t.Fatal(err)
	}
	for _, cs := range [][]threat.Change{changes, read} {
		got, err := threat.Patch(a, cs)
		if err != nil {
			t.Fatalf("patch: %v", err)
		}
		mustEqual(t, "Patch(a, Diff(a, b))", got, b)
	}
	if image(a, nil) != beforeA || image(b, nil) != beforeB {
		t.Fatal("diff or patch changed its argument")
	}
}

// A diff says no more than what changed, and says it of computed COs too.
func TestDiffIsMinimal(t *testing.T) {
	check(t, []string{"unrelated", "edited", "CO added", "CO removed", "CO changed", "CO same"}, func(t *rapid.T, seen classes) {
		a, b := pair(t, seen)
		if same, err := threat.Diff(a, a.Clone()); err != nil || len(same) != 0 {
			t.Fatalf("a differs from itself: %v, %v", same, err)
		}
		changes, err := threat.Diff(a, b)
		if err != nil {
			t.Fatal(err)
		}
		said := map[threat.ID]threat.Op{}
		for _, ch := range changes {
			if _, twice := said[ch.ID]; twice {
				t.Fatalf("%s is said twice", ch.ID)
			}
			said[ch.ID] = ch.Op
			for _, f := range ch.Fields {
				if string(f.From) == string(f.To) {
					t.Fatalf("%s.%s is said to change from %s to itself", ch.ID, f.Field, f.From)
				}
			}
			if ch.Op == threat.Changed && len(ch.Fields) == 0 {
				t.Fatalf("%s changed in no field", ch.ID)
			}
		}
		before, after := objectives(t, a), objectives(t, b)
		for _, id := range threat.SortIDs(slices.Concat(objectiveIDs(a), objectiveIDs(b))) {
			x, was := before[id]
			y, is := after[id]
			want, class := threat.Op(""), "CO same"
			switch {
			case !was:
				want, class = threat.Added, "CO added"
			case !is:
				want, class = threat.Removed, "CO removed"
			case x != y:
				want, class = threat.Changed, "CO changed"
			}
			seen.hit(class)
			if said[id] != want {
				t.Fatalf("%s: the diff says %q, want %q", id, said[id], want)
			}
		}
	})
}

func TestCompareObjectives(t *testing.T) {
	check(t, []string{"unrelated", "edited", "added", "removed", "changed", "unreachable"}, func(t *rapid.T, seen classes) {
		a, b := pair(t, seen)
		before, after := objectives(t, a), objectives(t, b)
		want := threat.ObjectiveChange{Total: len(after)}
		for id, co := range after {
			if !co.Reachable {
				want.Unreachable++
				seen.hit("unreachable")
			}
			if was, ok := before[id]; !ok {
				want.Added++
				seen.hit("added")
			} else if was != co {
				want.Changed++
				seen.hit("changed")
			}
		}
		for id := range before {
			if _, ok := after[id]; !ok {
				want.Removed++
				seen.hit("removed")
			}
		}
		if got := threat.CompareObjectives(a, b); got != want {
			t.Fatalf("%+v, want %+v", got, want)
		}
	})
}

func objectives(t *rapid.T, s *threat.Structure) map[threat.ID]threat.Objective {
	list, err := s.Objectives()
	if err != nil {
		t.Fatal(err)
	}
	out := map[threat.ID]threat.Objective{}
	for _, co := range list {
		out[co.ID] = co
	}
	return out
}

func TestPatchRefusesWhatDoesNotFit(t *testing.T) {
	for _, c := range []struct {
		name   string
		change threat.Change
		code   threat.Code
	}{
		{"add what is there", threat.Change{Op: threat.Added, Kind: threat.KindAsset, ID: "A1"}, threat.Conflict},
		{"change what is not there", threat.Change{Op: threat.Changed, Kind: threat.KindAsset, ID: "A9"}, threat.Conflict},
		{"remove what is not there", threat.Change{Op: threat.Removed, Kind: threat.KindAttacker, ID: "T9"}, threat.Conflict},
		{"an unknown kind", threat.Change{Op: threat.Added, Kind: "wall", ID: "W1"}, threat.Invalid},
		{"a field of another type", threat.Change{Op: threat.Changed, Kind: threat.KindAsset, ID: "A1", Fields: []threat.FieldChange{
			{Field: "name", To: json.RawMessage(`7`)},
		}}, threat.Invalid},
		{"a result that is not valid", threat.Change{Op: threat.Changed, Kind: threat.KindAsset, ID: "A1", Fields: []threat.FieldChange{
			{Field: "impact", From: json.RawMessage(`"H"`)},
		}}, threat.Invalid},
		{"a feature without a text", threat.Change{Op: threat.Changed, Kind: threat.KindFeature, ID: threat.FeatureID}, threat.Invalid},
		{"a boundary that is still named", threat.Change{Op: threat.Removed, Kind: threat.KindBoundary, ID: "TB1"}, threat.NotFound},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _ := sample(t)
			before := image(s, nil)
			if _, err := threat.Patch(s, []threat.Change{c.change}); threat.CodeOf(err) != c.code {
				t.Errorf("got %v, want %s", err, c.code)
			}
			if image(s, nil) != before {
				t.Error("a refused patch changed its argument")
			}
		})
	}
}
