package threat_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/redoubt-dev/redoubt/threat"
)

func facet(text string, kind threat.FacetKind) threat.Facet {
	return threat.Facet{Text: text, Kind: kind}
}

func control(t *testing.T, facets ...threat.Facet) threat.Control {
	t.Helper()
	c := threat.Control{
		ID: "C1", Description: "Tokens are bound to their client", Status: threat.NotImplemented, Source: threat.Manual,
		Objectives: []threat.ID{"CO-A1-T1"},
	}
	if err := c.SetFacets(facets); err != nil {
		t.Fatal(err)
	}
	return c
}

func facetIDs(c threat.Control) string {
	var ids []string
	for _, f := range c.Facets {
		ids = append(ids, string(f.ID))
	}
	return strings.Join(ids, " ")
}

func TestSetFacets(t *testing.T) {
	const B, S = threat.BehaviourFacet, threat.StructureFacet
	c := control(t, facet("checks the signature", B), facet("refuses expired tokens", B), facet("a module of its own", S))
	for _, step := range []struct {
		why    string
		facets []threat.Facet
		want   string
	}{
		{"unchanged ones keep their ids", c.Facets, "C1.a C1.b C1.c"},
		{"in any order", []threat.Facet{c.Facets[2], c.Facets[0], c.Facets[1]}, "C1.c C1.a C1.b"},
		{"ids given are ignored", []threat.Facet{
			{ID: "C1.b", Text: c.Facets[0].Text, Kind: B}, {ID: "C9.z", Text: c.Facets[1].Text, Kind: B}, c.Facets[2],
		}, "C1.a C1.b C1.c"},
		{"case and space do not change a facet", []threat.Facet{
			facet(" Checks  the\nSignature ", B), c.Facets[1], c.Facets[2],
		}, "C1.a C1.b C1.c"},
		{"a reworded one gets the next letter", []threat.Facet{
			facet("checks the signature and the audience", B), c.Facets[1], c.Facets[2],
		}, "C1.d C1.b C1.c"},
		{"another kind is another facet", []threat.Facet{
			facet("checks the signature and the audience", S), c.Facets[1], c.Facets[2],
		}, "C1.e C1.b C1.c"},
		{"a dropped letter is not given again", []threat.Facet{facet("something new", B)}, "C1.f"},
		{"not even to the facet that had it", []threat.Facet{c.Facets[0], facet("something new", B)}, "C1.g C1.f"},
	} {
		if err := c.SetFacets(step.facets); err != nil {
			t.Fatalf("%s: %v", step.why, err)
		}
		if got := facetIDs(c); got != step.want {
			t.Fatalf("%s: %s, want %s", step.why, got, step.want)
		}
		if err := c.Check(); err != nil {
			t.Fatalf("%s: %v", step.why, err)
		}
	}
}

// A control that comes from elsewhere, such as an import, may not say how far its letters went.
func TestSetFacetsWithoutACount(t *testing.T) {
	c := control(t, facet("one", threat.TestFacet), facet("two", threat.TestFacet))
	c.NextFacet = 0
	if err := c.SetFacets(append(c.Facets, facet("three", threat.TestFacet))); err != nil {
		t.Fatal(err)
	}
	if got := facetIDs(c); got != "C1.a C1.b C1.c" {
		t.Errorf("facets are %s", got)
	}
}

func TestSetFacetsRefusals(t *testing.T) {
	many := make([]threat.Facet, threat.MaxFacets+1)
	for i := range many {
		many[i] = facet(threat.FacetLetter(i+1), threat.TestFacet)
	}
	for _, c := range []struct {
		name        string
		facets      []threat.Facet
		field, hint string
	}{
		{"none", nil, "facets", "text, kind"},
		{"too many", many, "facets", "text, kind"},
		{"no text", []threat.Facet{facet(" ", threat.TestFacet)}, "facets.text", "characters"},
		{"text too long", []threat.Facet{facet(strings.Repeat("x", threat.MaxText+1), threat.TestFacet)}, "facets.text", "shorten"},
		{"no kind", []threat.Facet{facet("x", "")}, "facets.kind", "structure, behaviour"},
		{"unknown kind", []threat.Facet{facet("x", "magic")}, "facets.kind", "structure, behaviour"},
		{"said twice", []threat.Facet{facet("x", threat.TestFacet), facet(" X", threat.StructureFacet)}, "facets", "part of its own"},
		{"said twice, in small sigmas", []threat.Facet{facet("σ", threat.TestFacet), facet("ς", threat.TestFacet)}, "facets", "part of its own"},
	} {
		t.Run(c.name, func(t *testing.T) {
			it := control(t, facet("σ", threat.TestFacet))
			refused(t, it.SetFacets(c.facets), threat.Invalid, c.field, c.hint)
			if len(it.Facets) != 1 || it.Facets[0].ID != "C1.a" || it.NextFacet != 2 {
				t.Errorf("a refused change left %+v, next %d", it.Facets, it.NextFacet)
			}
		})
	}
}

func TestFacetLettersAreNeverReused(t *testing.T) {
	check(t, []string{"kept", "new", "dropped", "came back", "refused"}, func(t *rapid.T, seen classes) {
		type content struct {
			text string
			kind threat.FacetKind
		}
		c := threat.Control{ID: "C7"}
		meaning := map[threat.ID]content{} // of every letter ever given
		gone := map[content]bool{}
		for range 1 + upTo(t, 12, "changes") {
			before := slices.Clone(c.Facets)
			next := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) threat.Facet {
				return facet(rapid.SampledFrom([]string{"a", "b", "c", "A", "σ", "ς", "ſ", "s"}).Draw(t, "text"),
					rapid.SampledFrom([]threat.FacetKind{threat.TestFacet, threat.AbsenceFacet}).Draw(t, "kind"))
			}), 1, 4).Draw(t, "facets")
			if err := c.SetFacets(next); err != nil {
				seen.hit("refused")
				if !slices.Equal(before, c.Facets) {
					t.Fatalf("a refused change left %v", c.Facets)
				}
				continue
			}
			live := map[threat.ID]bool{}
			for _, f := range c.Facets {
				if live[f.ID] {
					t.Fatalf("two facets are %s: %v", f.ID, c.Facets)
				}
				live[f.ID] = true
				now := content{strings.ToUpper(f.Text), f.Kind} // upper case joins the sigmas
				was, given := meaning[f.ID]
				switch {
				case given && was != now:
					t.Fatalf("%s was %v and is now %v", f.ID, was, now)
				case given:
					if !slices.ContainsFunc(before, func(o threat.Facet) bool { return o.ID == f.ID }) {
						t.Fatalf("%s was gone and came back", f.ID)
					}
					seen.hit("kept")
				case gone[now]:
					seen.hit("came back")
				default:
					seen.hit("new")
				}
				meaning[f.ID] = now
			}
			for _, o := range before {
				if !live[o.ID] {
					seen.hit("dropped")
					gone[content{strings.ToUpper(o.Text), o.Kind}] = true
				}
			}
		}
	})
}

func TestControlCheck(t *testing.T) {
	for _, c := range []struct {
		name        string
		change      func(*threat.Control)
		field, hint string
	}{
		{"id of another kind", func(c *threat.Control) { c.ID = "A1" }, "id", "C1"},
		{"no description", func(c *threat.Control) { c.Description = "\u202e" }, "description", "characters"},
		{"description too long", func(c *threat.Control) { c.Description = strings.Repeat("x", threat.MaxText+1) }, "description", "shorten"},
		{"notes too long", func(c *threat.Control) { c.Notes = strings.Repeat("x", threat.MaxText+1) }, "notes", "shorten"},
		{"no status", func(c *threat.Control) { c.Status = "" }, "status", "not_implemented, implemented"},
		{"unknown status", func(c *threat.Control) { c.Status = "done" }, "status", "not_implemented, implemented"},
		{"no source", func(c *threat.Control) { c.Source = "" }, "source", "generated, imported, manual, compliance"},
		{"bad basis", func(c *threat.Control) { c.Basis = []string{"\xff"} }, "basis", "UTF-8"},
		{"too many references", func(c *threat.Control) { c.FrameworkRefs = make([]string, threat.MaxRefs+1) }, "framework_refs", "specific"},
		{"not a CO", func(c *threat.Control) { c.Objectives = []threat.ID{"A1"} }, "control_objectives", "CO-A1-T2"},
		{"no facets", func(c *threat.Control) { c.Facets = nil }, "facets", "text, kind"},
	} {
		t.Run(c.name, func(t *testing.T) {
			it := control(t, facet("x", threat.TestFacet))
			c.change(&it)
			refused(t, it.Check(), threat.Invalid, c.field, c.hint)
		})
	}
	it := control(t, facet("x", threat.TestFacet))
	it.Description = "  a\r\nb "
	it.Objectives = []threat.ID{"CO-A10-T1", "CO-A2-T1", "CO-A2-T1"}
	if err := it.Check(); err != nil {
		t.Fatal(err)
	}
	if it.Description != "a\nb" || !slices.Equal(it.Objectives, []threat.ID{"CO-A2-T1", "CO-A10-T1"}) {
		t.Errorf("checked: %q, %v", it.Description, it.Objectives)
	}
}

func TestOrphaned(t *testing.T) {
	s, c := &threat.Structure{}, threat.Counters{}
	for _, name := range []string{"one", "two"} {
		if _, err := s.AddAsset(c, asset(name)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.AddAttacker(c, attacker("them")); err != nil {
		t.Fatal(err)
	}
	it := &threat.Control{ID: "C1", Objectives: []threat.ID{"CO-A1-T1", "CO-A2-T1"}}
	gone := *s.Asset("A1")
	for _, step := range []struct {
		do   func() error
		want bool
	}{
		{func() error { return nil }, false},
		{func() error { return s.RemoveAsset("A1") }, false},
		{func() error { return s.RemoveAsset("A2") }, true},
		{func() error { _, err := s.AddAsset(c, gone); return err }, false}, // under its old id
		{func() error { return s.RemoveAttacker("T1") }, true},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		if got := s.Orphaned(it); got != step.want {
			t.Errorf("with %v and %v: orphaned is %v", assetIDs(s), attackerIDs(s), got)
		}
	}
}
