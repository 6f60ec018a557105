package threat_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/redoubt-dev/redoubt/threat"
)

// classes counts the classes of case that a property-based test drew. A class that was never drawn fails the test: a
// property that never met the case it is about proves nothing.
type classes map[string]int

// rounds is how often a property is checked again while a wanted class of case is missing. The rarest class is drawn about
// once in 100 cases and a short round has 20, so that 100 rounds miss it once in 10^8 runs; most runs need one round.
const rounds = 100

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

func (c classes) hit(class string) { c[class]++ }

// mustEqual compares structures as their content says: no list and an empty list are the same.
func mustEqual(t interface {
	Helper()
	Fatalf(string, ...any)
}, what string, got, want *threat.Structure,
) {
	t.Helper()
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Fatalf("%s (-want +got):\n%s", what, d)
	}
}

// image is a deep, comparable picture of a structure and its counters.
func image(s *threat.Structure, c threat.Counters) string {
	raw, err := json.Marshal(struct {
		S *threat.Structure
		C threat.Counters
	}{s, c})
	if err != nil {
		panic(err)
	}
	return string(raw)
}

func ptr[T any](v T) *T { return &v }

var (
	levels     = rapid.SampledFrom(threat.Levels())
	properties = rapid.SliceOfNDistinct(rapid.SampledFrom(threat.Properties()), 1, 4, rapid.ID[threat.Property])
	// texts are short, so that names meet each other, and carry what JSON and case folding treat specially.
	texts = rapid.StringOfN(rapid.SampledFrom([]rune("abAB <&\"\\\nßςσéK")), 1, 6, -1)
)

// upTo draws 0 to n, each as often as any other; rapid's own ranges keep close to their ends.
func upTo(t *rapid.T, n int, label string) int {
	all := make([]int, n+1)
	for i := range all {
		all[i] = i
	}
	return rapid.SampledFrom(all).Draw(t, label)
}

// some draws a subset of ids: none, one, or more, each about as often.
func some(t *rapid.T, ids []threat.ID, label string) []threat.ID {
	if len(ids) == 0 {
		return nil
	}
	n := min(upTo(t, 3, label+" how many"), len(ids))
	return rapid.Permutation(ids).Draw(t, label)[:n:n]
}

func assetIDs(s *threat.Structure) (out []threat.ID) {
	for _, a := range s.Assets {
		out = append(out, a.ID)
	}
	return out
}

func attackerIDs(s *threat.Structure) (out []threat.ID) {
	for _, a := range s.Attackers {
		out = append(out, a.ID)
	}
	return out
}

func boundaryIDs(s *threat.Structure) (out []threat.ID) {
	for _, b := range s.Boundaries {
		out = append(out, b.ID)
	}
	return out
}

func assumptionIDs(s *threat.Structure) (out []threat.ID) {
	for _, a := range s.Assumptions {
		out = append(out, a.ID)
	}
	return out
}

func objectiveIDs(s *threat.Structure) (out []threat.ID) {
	for _, a := range s.Assets {
		for _, t := range s.Attackers {
			out = append(out, threat.ObjectiveID(a.ID, t.ID))
		}
	}
	return out
}

// step is one operation on a structure, legal or not.
type step struct {
	name  string // add, edit, remove
	kind  threat.Kind
	id    threat.ID // that it worked on, or made
	err   error
	fresh bool // the id was chosen by the counters
}

// draw runs one drawn operation.
func draw(t *rapid.T, s *threat.Structure, c threat.Counters) step {
	kind := rapid.SampledFrom([]threat.Kind{
		threat.KindAsset, threat.KindAttacker, threat.KindBoundary, threat.KindAssumption,
	}).Draw(t, "kind")
	st := step{name: rapid.SampledFrom([]string{"add", "add", "edit", "remove"}).Draw(t, "op"), kind: kind}
	if st.name == "add" {
		st.fresh = true
		st.id, st.err = add(t, s, c, kind)
		return st
	}
	ids := map[threat.Kind]func(*threat.Structure) []threat.ID{
		threat.KindAsset: assetIDs, threat.KindAttacker: attackerIDs,
		threat.KindBoundary: boundaryIDs, threat.KindAssumption: assumptionIDs,
	}[kind](s)
	st.id = rapid.SampledFrom(append(ids, "A999", "")).Draw(t, "id")
	if st.name == "edit" {
		st.err = edit(t, s, kind, st.id)
		return st
	}
	switch kind {
	case threat.KindAsset:
		st.err = s.RemoveAsset(st.id)
	case threat.KindAttacker:
		st.err = s.RemoveAttacker(st.id)
	case threat.KindBoundary:
		st.err = s.RemoveBoundary(st.id)
	default:
		st.err = s.RemoveAssumption(st.id)
	}
	return st
}

func add(t *rapid.T, s *threat.Structure, c threat.Counters, kind threat.Kind) (threat.ID, error) {
	name := texts.Draw(t, "name")
	switch kind {
	case threat.KindAsset:
		a, err := s.AddAsset(c, threat.Asset{
			Name: name, Properties: properties.Draw(t, "properties"), Impact: levels.Draw(t, "impact"),
			Notes: rapid.SampledFrom([]string{"", "n", "<>"}).Draw(t, "notes"), Basis: []string{name},
		})
		return a.ID, err
	case threat.KindAttacker:
		a, err := s.AddAttacker(c, threat.Attacker{
			Name: name, Capability: "can", Position: "there", Likelihood: levels.Draw(t, "likelihood"),
			Boundaries: some(t, boundaryIDs(s), "stands at"),
		})
		return a.ID, err
	case threat.KindBoundary:
		b, err := s.AddBoundary(c, threat.Boundary{Name: name, Assets: some(t, assetIDs(s), "exposes")})
		return b.ID, err
	default:
		a, err := s.AddAssumption(c, threat.Assumption{
			Text: name, Kind: rapid.SampledFrom(threat.AssumptionKinds()).Draw(t, "assumption kind"),
			Objectives: some(t, append(objectiveIDs(s), "CO-A9-T9"), "cos"),
		})
		return a.ID, err
	}
}

func edit(t *rapid.T, s *threat.Structure, kind threat.Kind, id threat.ID) (err error) {
	name := ptr(texts.Draw(t, "name"))
	if upTo(t, 3, "keeps the name") > 0 {
		name = nil
	}
	switch kind {
	case threat.KindAsset:
		_, err = s.EditAsset(id, threat.AssetEdit{Name: name, Impact: ptr(levels.Draw(t, "impact")), Properties: properties.Draw(t, "properties")})
	case threat.KindAttacker:
		at := some(t, append(boundaryIDs(s), "TB999"), "stands at")
		if at == nil {
			at = []threat.ID{}
		}
		_, err = s.EditAttacker(id, threat.AttackerEdit{Name: name, Boundaries: at})
	case threat.KindBoundary:
		exposed := some(t, append(assetIDs(s), "A999"), "exposes")
		if exposed == nil {
			exposed = []threat.ID{}
		}
		_, err = s.EditBoundary(id, threat.BoundaryEdit{Name: name, Assets: exposed})
	default:
		_, err = s.EditAssumption(id, threat.AssumptionEdit{Text: name, Objectives: some(t, append(objectiveIDs(s), "CO-A9-T9"), "cos")})
	}
	return err
}

// structure draws a valid structure in which silent and named boundaries, shared and disjoint, all occur. Some ids are
// missing, as after removals.
func structure(t *rapid.T) (*threat.Structure, threat.Counters) {
	s, c := &threat.Structure{Feature: rapid.SampledFrom([]string{"", "feature", "other\nfeature"}).Draw(t, "feature")}, threat.Counters{}
	must := func(err error) {
		if err != nil {
			t.Fatalf("the generator made something illegal: %v", err)
		}
	}
	for i := range upTo(t, 5, "assets") {
		_, err := s.AddAsset(c, threat.Asset{
			Name: fmt.Sprintf("asset %d", i), Properties: properties.Draw(t, "properties"), Impact: levels.Draw(t, "impact"),
		})
		must(err)
	}
	for i := range upTo(t, 4, "boundaries") {
		_, err := s.AddBoundary(c, threat.Boundary{Name: fmt.Sprintf("boundary %d", i), Assets: some(t, assetIDs(s), "exposes")})
		must(err)
	}
	for i := range upTo(t, 4, "attackers") {
		_, err := s.AddAttacker(c, threat.Attacker{
			Name: fmt.Sprintf("attacker %d", i), Capability: "can", Position: "there",
			Likelihood: levels.Draw(t, "likelihood"), Boundaries: some(t, boundaryIDs(s), "stands at"),
		})
		must(err)
	}
	for i := range upTo(t, 2, "assumptions") {
		_, err := s.AddAssumption(c, threat.Assumption{
			Text: fmt.Sprintf("assumption %d", i), Kind: threat.External, Objectives: some(t, objectiveIDs(s), "cos"),
		})
		must(err)
	}
	for _, id := range slices.Backward(assetIDs(s)) {
		if upTo(t, 4, "remove "+string(id)) == 0 {
			must(s.RemoveAsset(id))
		}
	}
	return s, c
}
