package compliance

import (
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/redoubt-dev/redoubt/threat"
)

var matchers = sync.OnceValues(func() (map[string]*Matcher, error) {
	list, err := Embedded()
	out := map[string]*Matcher{}
	for _, f := range list {
		out[f.ID] = NewMatcher(&f)
	}
	return out, err
})

func matcher(t testing.TB, id string) *Matcher {
	t.Helper()
	all, err := matchers()
	if err != nil {
		t.Fatal(err)
	}
	return all[id]
}

func (p pair) subject() Subject {
	return Subject{Control: "C1", Description: p.Description, Facets: p.Facets}
}

// quality is how well a matcher does on some controls.
type quality struct {
	Controls int
	Recall   float64 // of the expected requirements, at most five a control, those among the first five
	First    float64 // of the controls, those whose first match is right
}

func (q quality) floor(recall, first float64) bool { return q.Recall >= recall && q.First >= first }

func measure(t testing.TB, keep func(pair) bool) quality {
	var hit, of, first float64
	var q quality
	for _, p := range pairs(t) {
		if len(p.Expects) == 0 || !keep(p) {
			continue
		}
		got := matcher(t, p.Framework).Match(p.subject(), 5)
		for i, m := range got {
			if slices.Contains(p.Expects, m.Requirement) {
				hit++
				if i == 0 {
					first++
				}
			}
		}
		of += float64(min(5, len(p.Expects)))
		q.Controls++
	}
	q.Recall, q.First = hit/of, first/float64(q.Controls)
	return q
}

// The floors are what was reached, rounded down: a change of words, weights or keywords may not lose more than that. The
// figures are in docs/compliance.md.
func TestMatcherFindsWhatControlsServe(t *testing.T) {
	for _, c := range []struct {
		name          string
		keep          func(pair) bool
		recall, first float64
	}{
		{"ASVS, builtin engine's controls, open", func(p pair) bool { return p.Framework == "asvs-5.0" && p.From != "" && !p.Sealed }, 0.76, 0.72},
		{"ASVS, agents' controls, open", func(p pair) bool { return p.Framework == "asvs-5.0" && p.From == "" && !p.Sealed }, 0.89, 0.74},
		{"OSPS Baseline, open", func(p pair) bool { return p.Framework == "osps-baseline" && !p.Sealed }, 0.95, 0.85},
		{"ASVS, builtin engine's controls, sealed", func(p pair) bool { return p.Framework == "asvs-5.0" && p.From != "" && p.Sealed }, 0.69, 0.68},
		{"ASVS, agents' controls, sealed", func(p pair) bool { return p.Framework == "asvs-5.0" && p.From == "" && p.Sealed }, 0.92, 0.74},
		{"OSPS Baseline, sealed", func(p pair) bool { return p.Framework == "osps-baseline" && p.Sealed }, 0.95, 0.85},
	} {
		q := measure(t, c.keep)
		t.Logf("%s: %d controls, recall@5 %.2f, first right %.2f", c.name, q.Controls, q.Recall, q.First)
		if !q.floor(c.recall, c.first) {
			t.Errorf("%s: recall@5 %.3f and first right %.3f, want %.2f and %.2f", c.name, q.Recall, q.First, c.recall, c.first)
		}
	}
}

// A confidence promises how often such a match is right.
func TestConfidenceIsWhatItSays(t *testing.T) {
	for _, half := range []struct {
		name    string
		sealed  bool
		off     float64 // how far a quarter's share of right ones may lie from what was said
		applied float64 // how many of those at or above Confident are right at least
	}{{"open", false, 0.10, 0.84}, {"sealed", true, 0.20, 0.80}} {
		var said, right, n [4]float64 // by quarter
		var sure, sureRight float64
		strong, none := 0, 0
		for _, p := range pairs(t) {
			if p.Sealed != half.sealed {
				continue
			}
			for i, m := range matcher(t, p.Framework).Match(p.subject(), 10) {
				k := min(3, m.Confidence/250)
				said[k] += float64(m.Confidence) / 1000
				n[k]++
				serves := slices.Contains(p.Expects, m.Requirement)
				if serves {
					right[k]++
				}
				if m.Confidence >= Confident {
					sure++
					if serves {
						sureRight++
					}
				}
				if i == 0 && len(p.Expects) == 0 {
					none++
					if m.Confidence >= Confident {
						strong++
					}
				}
			}
		}
		for k := range n {
			t.Logf("%s: confidence %.2f to %.2f: %.0f matches, %.2f right, %.2f said", half.name, float64(k)/4, float64(k+1)/4, n[k], right[k]/n[k], said[k]/n[k])
			if d := math.Abs(right[k]-said[k]) / n[k]; d > half.off {
				t.Errorf("%s: matches of confidence %.2f are right in %.2f", half.name, said[k]/n[k], right[k]/n[k])
			}
		}
		t.Logf("%s: %.0f matches of %.1f or more, %.2f right; of %d controls that serve nothing, %d have one", half.name, sure, Confident/1000.0, sureRight/sure, none, strong)
		if sureRight/sure < half.applied {
			t.Errorf("%s: of the matches that may be applied %.2f are right, want %.2f", half.name, sureRight/sure, half.applied)
		}
	}
}

func TestMatchesAreOrderedAndExplained(t *testing.T) {
	m := matcher(t, "osps-baseline")
	all := pairs(t)
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SampledFrom(all).Draw(t, "pair")
		s := p.subject()
		s.Description = rapid.OneOf(rapid.Just(p.Description), rapid.String()).Draw(t, "description")
		limit := rapid.IntRange(-1, 80).Draw(t, "limit")
		got := m.Match(s, limit)
		if len(got) > max(0, limit) {
			t.Fatalf("%d matches, limit %d", len(got), limit)
		}
		seen := map[string]bool{}
		for i, x := range got {
			if x.Control != "C1" || x.Confidence < 0 || x.Confidence > 1000 || i > 0 && x.Confidence > got[i-1].Confidence {
				t.Fatalf("%+v", x)
			}
			if x.Requirement == "OSPS-BR-01.02" || seen[x.Requirement] {
				t.Fatalf("%s is retired or twice", x.Requirement)
			}
			seen[x.Requirement] = true
			if clean, err := threat.Line(x.Reason, 400); err != nil || clean != x.Reason || !strings.HasPrefix(x.Reason, "shared terms: ") {
				t.Fatalf("reason %q", x.Reason)
			}
		}
		if diff := cmp.Diff(got, m.Match(s, limit)); diff != "" {
			t.Fatal(diff)
		}
		fewer := m.Match(s, limit/2)
		if diff := cmp.Diff(got[:len(fewer)], fewer); diff != "" {
			t.Fatal(diff)
		}
	})
}

// An imported framework names neither kinds nor keywords.
func TestMatcherOfAPlainFramework(t *testing.T) {
	f := Framework{ID: "house", Requirements: []Requirement{
		{ID: "H1", Summary: "Passwords are hashed with Argon2id."},
		{ID: "H2", Summary: "Backups are restored once a quarter."},
		{ID: "H3", Summary: "Sessions end after half an hour without use."},
	}}
	m := NewMatcher(&f)
	got := m.Match(Subject{Control: "C7", Description: "Hash each password with bcrypt"}, 5)
	if len(got) == 0 || got[0].Requirement != "H1" || got[0].Control != "C7" {
		t.Errorf("%+v", got)
	}
	if got := m.Match(Subject{Control: "C8", Description: "Paint the office"}, 5); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	empty := Framework{ID: "empty"}
	if got := NewMatcher(&empty).Match(Subject{Control: "C1", Description: "Hash each password"}, 5); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestWords(t *testing.T) {
	d := newDictionary()
	terms := func(text string) (out []string) {
		for _, w := range d.words(text) {
			out = append(out, w.term)
		}
		return out
	}
	for _, same := range [][2]string{
		{"sign-in", "login"},
		{"signing in", "logged in"},
		{"the user signs in", "Log In"},
		{"authorisation", "authorized"},
		{"validates", "validation"},
		{"Content-Security-Policy", "CSP"},
		{"credential", "API key"},
		{"policies", "policy"},
	} {
		a, b := terms(same[0]), terms(same[1])
		if !slices.ContainsFunc(a, func(t string) bool { return slices.Contains(b, t) }) {
			t.Errorf("%q and %q share no term: %q, %q", same[0], same[1], a, b)
		}
	}
	for _, apart := range [][2]string{{"http", "https"}, {"cookie", "session"}, {"the and of", "the and of"}} {
		a, b := terms(apart[0]), terms(apart[1])
		if slices.ContainsFunc(a, func(t string) bool { return slices.Contains(b, t) }) {
			t.Errorf("%q and %q share a term: %q, %q", apart[0], apart[1], a, b)
		}
	}
	if diff := cmp.Diff([]string{"http", "server", "set", "cookie"}, split("HTTPServer.setCookie")); diff != "" {
		t.Error(diff)
	}
}

// A word stands for one meaning: two groups that hold it would make the order of lines decide.
func TestSynonymsAreDisjoint(t *testing.T) {
	of := map[string]string{}
	for line := range strings.Lines(synonyms) {
		first, others, ok := strings.Cut(strings.TrimSpace(line), " = ")
		if !ok {
			continue
		}
		for _, phrase := range append(strings.Split(others, ", "), first) {
			var stems []string
			for _, part := range split(phrase) {
				stems = append(stems, stem(part))
			}
			key := strings.Join(stems, " ")
			if other, ok := of[key]; ok && other != first {
				t.Errorf("%q means %q and %q", phrase, other, first)
			}
			of[key] = first
		}
	}
}

// The budget is 300 ms (specification of the release); docs/benchmarks.md has the figure.
func BenchmarkMatch300Controls(b *testing.B) {
	m := matcher(b, "asvs-5.0")
	all := pairs(b)
	for b.Loop() {
		for i := range 300 {
			m.Match(all[i%len(all)].subject(), 5)
		}
	}
}

func BenchmarkNewMatcher(b *testing.B) {
	f := framework(b, "asvs-5.0")
	for b.Loop() {
		NewMatcher(&f)
	}
}
