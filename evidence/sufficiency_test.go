package evidence_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/threat"
)

func drawSubject(t *rapid.T) evidence.Subject {
	s := evidence.Subject{ID: "C7"}
	for _, id := range []threat.ID{"C7.a", "C7.b", "C7.c"}[:rapid.IntRange(1, 3).Draw(t, "facets")] {
		s.Facets = append(s.Facets, threat.Facet{ID: id, Text: "hush hush", Kind: rapid.SampledFrom(threat.FacetKinds()).Draw(t, "kind")})
	}
	return s
}

func drawFacets(t *rapid.T, s evidence.Subject) []threat.ID {
	var out []threat.ID
	for _, f := range s.Facets {
		if rapid.Bool().Draw(t, "claimed") {
			out = append(out, f.ID)
		}
	}
	if out == nil {
		out = append(out, s.Facets[0].ID)
	}
	return out
}

// An assertion is coherent exactly when its type proves, or may prove, a facet it claims; the reason holds no free text.
func TestCoherence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSubject(t)
		typ, claimed := rapid.SampledFrom(evidence.Types()).Draw(t, "type"), drawFacets(t, s)
		want := false
		for _, f := range s.Facets {
			want = want || slices.Contains(claimed, f.ID) && slices.Contains(evidence.Proving(f.Kind), typ)
		}
		why := s.Coherence(typ, claimed)
		if (why == "") != want {
			t.Fatalf("%s on %v: %q", typ, s.Facets, why)
		}
		if strings.Contains(why, "hush") {
			t.Fatalf("the reason tells the facet's text: %q", why)
		}
		if gone := s.Coherence(typ, append(claimed, "C7.z")); !strings.Contains(gone, "C7.z") {
			t.Fatalf("a facet that is gone: %q", gone)
		}
	})
	s := twoFacets()
	if why := s.Coherence(evidence.FileHash, []threat.ID{"C1.a"}); why != "file_hash proves integrity; C1.a is behaviour" {
		t.Errorf("%q", why)
	}
	if why := s.Coherence("nonsense", []threat.ID{"C1.a"}); why == "" {
		t.Error("a type that there is not is coherent")
	}
}

// A set is sufficient exactly when each facet is claimed by a coherent assertion of a type that proves it; every gap names types
// that would fill it, and with one of those it is filled.
func TestSufficiency(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSubject(t)
		var claims []evidence.Claim
		for range rapid.IntRange(0, 4).Draw(t, "claims") {
			c := evidence.Claim{ID: "A1", Type: rapid.SampledFrom(evidence.Types()).Draw(t, "type"), Facets: drawFacets(t, s)}
			c.Incoherent = s.Coherence(c.Type, c.Facets)
			claims = append(claims, c)
		}
		got := s.Sufficiency(claims)
		for _, f := range s.Facets {
			covered := slices.ContainsFunc(claims, func(c evidence.Claim) bool {
				return c.Incoherent == "" && slices.Contains(c.Facets, f.ID) && slices.Contains(evidence.Proving(f.Kind), c.Type)
			})
			i := slices.IndexFunc(got.Uncovered, func(g evidence.Gap) bool { return g.Facet == f.ID })
			if covered != (i < 0) {
				t.Fatalf("%s is covered: %v, and the gaps are %v", f.ID, covered, got.Uncovered)
			}
			if i >= 0 {
				g := got.Uncovered[i]
				if g.Why == "" || len(g.Types) == 0 || g.Kind != f.Kind || strings.Contains(g.Why, "hush") {
					t.Fatalf("the gap %+v", g)
				}
				claims = append(claims, evidence.Claim{ID: "A2", Type: g.Types[0], Facets: []threat.ID{f.ID}, Incoherent: s.Coherence(g.Types[0], []threat.ID{f.ID})})
			}
		}
		if (got.Status == evidence.Sufficient) != (len(got.Uncovered) == 0) {
			t.Fatalf("%+v", got)
		}
		if full := s.Sufficiency(claims); full.Status != evidence.Sufficient {
			t.Fatalf("with what the gaps ask for: %+v", full)
		}
	})
}

func TestClaims(t *testing.T) {
	two, one := twoFacets(), evidence.AssumptionSubject("AS1", "No such service.")
	for _, c := range []struct {
		name    string
		s       evidence.Subject
		given   []threat.ID
		want    []threat.ID
		refused string
	}{
		{"the only one", one, nil, []threat.ID{"AS1"}, ""},
		{"which of two", two, nil, nil, "C1.a (behaviour), C1.b (absence)"},
		{"by letter", two, []threat.ID{"b"}, []threat.ID{"C1.b"}, ""},
		{"in order, once", two, []threat.ID{"C1.b", "a", "C1.a"}, []threat.ID{"C1.a", "C1.b"}, ""},
		{"another's", two, []threat.ID{"C2.a"}, nil, "C1.a"},
		{"none such", two, []threat.ID{"z"}, nil, "C1.a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.s.Claims(c.given)
			if c.refused != "" {
				te, ok := err.(*threat.Error)
				if !ok || te.Code != threat.Invalid || te.Field != "facets" || !strings.Contains(te.Hint, c.refused) {
					t.Errorf("%v, %v", got, err)
				}
				return
			}
			if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
				t.Error(err, diff)
			}
		})
	}
}

// The one facet of an assumption is met by every type.
func TestAssumptionSubject(t *testing.T) {
	s := evidence.AssumptionSubject("AS1", "No such service.")
	for _, typ := range evidence.Types() {
		c := passing(&s, "A1", typ, 1, "AS1")
		if got := s.Status([]evidence.Claim{c}, nil); got.Verification != evidence.Verified {
			t.Errorf("%s: %s", typ, got.Verification)
		}
	}
}
