package scan_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/scan"
	"github.com/redoubt-dev/redoubt/threat"
)

func control(facets ...threat.Facet) threat.Control {
	for i := range facets {
		facets[i].ID = threat.ID(fmt.Sprintf("C7.%c", 'a'+i))
	}
	return threat.Control{ID: "C7", Description: "Limit how often a caller may try to sign in.", Facets: facets}
}

func stack(t testing.TB, names ...string) scan.Stack {
	t.Helper()
	s, unknown := scan.NewStack(names, nil)
	if len(unknown) > 0 {
		t.Fatal(unknown)
	}
	return s
}

func in(list []scan.Search) (out []string) {
	for _, s := range list {
		if !slices.Contains(out, s.In) {
			out = append(out, s.In)
		}
	}
	return out
}

// A guide speaks of the languages that were named, and of any language when none was.
func TestGuide(t *testing.T) {
	c := control(
		threat.Facet{Text: "Rate limiting middleware is registered before handlers", Kind: threat.ConfigurationFacet},
		threat.Facet{Text: "A test exceeds the limit and expects 429", Kind: threat.TestFacet},
	)
	g := scan.For(c, threat.Critical, stack(t, "Go"))
	if g.Topics[0] != "rate-limit" || !slices.Equal(in(g.Search), []string{"go", "any"}) || !slices.Contains(g.Places, "**/middleware*.go") || !slices.Contains(g.Places, "**/*_test.go") {
		t.Errorf("%+v", g)
	}
	if g.Facets[0].Prove[0] != evidence.MiddlewareRegistered || g.Facets[1].Prove[0] != evidence.TestPasses {
		t.Errorf("%+v", g.Facets)
	}
	if want := "C7.a: middleware_registered; C7.b: test_passes"; g.Report.Control != "C7" || g.Report.Expected != want {
		t.Errorf("%+v", g.Report)
	}
	if g := scan.For(c, threat.Critical, scan.Stack{}); !slices.Equal(in(g.Search), []string{"any"}) || len(g.Places) == 0 {
		t.Errorf("no language: %+v", g)
	}
	// A framework brings its language along; its own come first.
	s, unknown := scan.NewStack([]string{"python", "cobol"}, []string{"DJANGO "})
	if g := scan.For(c, "", s); !slices.Equal(in(g.Search), []string{"django", "python", "any"}) || !slices.Equal(unknown, []string{"cobol"}) {
		t.Errorf("%+v, unknown %v", g, unknown)
	}
	// TypeScript has what JavaScript has, and frameworks stand in either list.
	if g := scan.For(c, "", stack(t, "ts", "nest")); !slices.Equal(in(g.Search), []string{"nestjs", "javascript", "any"}) && !slices.Equal(in(g.Search), []string{"javascript", "nestjs", "any"}) {
		t.Errorf("%+v", g.Search)
	}
	if g := scan.For(control(threat.Facet{Text: "The lock register resets to locked", Kind: threat.BehaviourFacet}), "", stack(t, "systemverilog")); g.Facets[0].Prove[0] != evidence.RegisterReset {
		t.Errorf("hardware: %+v", g.Facets)
	}
	if g := scan.For(control(threat.Facet{Text: "Something else", Kind: threat.BehaviourFacet}), "", stack(t, "go")); slices.Contains(g.Facets[0].Prove, evidence.RegisterReset) {
		t.Errorf("software: %+v", g.Facets)
	}
}

// Whatever a control says and whatever the code is written in: a guide keeps its size, loses no facet silently, says where and for what to
// look, names only types that prove the facet, and is the same each time.
func TestGuideProperties(t *testing.T) {
	languages, frameworks := scan.Known()
	text := rapid.OneOf(
		rapid.StringOfN(rapid.RuneFrom([]rune("ab <>&\"\\\u2028😀ж ")), 1, threat.MaxText, -1),
		rapid.SampledFrom([]string{"Every query carries the tenant", "Uploads are scanned", "No secret in the repository", "TLS 1.2 or newer"}),
	)
	rapid.Check(t, func(t *rapid.T) {
		var facets []threat.Facet
		for range rapid.IntRange(1, threat.MaxFacets).Draw(t, "facets") {
			facets = append(facets, threat.Facet{Text: text.Draw(t, "text"), Kind: rapid.SampledFrom(threat.FacetKinds()).Draw(t, "kind")})
		}
		c := control(facets...)
		c.Description = text.Draw(t, "description")
		s, unknown := scan.NewStack(rapid.SliceOfN(rapid.SampledFrom(languages), 0, 5).Draw(t, "languages"), rapid.SliceOfN(rapid.SampledFrom(frameworks), 0, 3).Draw(t, "frameworks"))
		if unknown != nil {
			t.Fatalf("unknown: %v", unknown)
		}
		g := scan.For(c, threat.HighTier, s)
		raw, err := json.Marshal(g)
		if err != nil || len(raw) > scan.MaxGuide {
			t.Fatalf("%d bytes of %d (%v)\n%s", len(raw), scan.MaxGuide, err, raw)
		}
		if len(g.Facets)+g.MoreFacets != len(facets) || len(g.Facets) == 0 || len(g.Places) == 0 || len(g.Search)+len(g.Gaps) == 0 || g.Right == "" {
			t.Fatalf("%+v", g)
		}
		for i, f := range g.Facets {
			if f.ID != c.Facets[i].ID || f.Kind != c.Facets[i].Kind || !strings.HasPrefix(c.Facets[i].Text, strings.TrimSuffix(f.Text, "…")) || len(f.Prove) == 0 {
				t.Fatalf("facet %+v of %+v", f, c.Facets[i])
			}
			for _, typ := range f.Prove {
				if spec, err := evidence.Lookup(typ); err != nil || !spec.Meets(f.Kind) {
					t.Fatalf("%s does not prove %s (%v)", typ, f.Kind, err)
				}
			}
		}
		if again := scan.For(c, threat.HighTier, s); !cmp.Equal(g, again) {
			t.Fatal(cmp.Diff(g, again))
		}
	})
}
