package threat_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/redoubt-dev/redoubt/threat"
)

var kinds = []threat.Kind{
	threat.KindAsset, threat.KindAttacker, threat.KindBoundary, threat.KindAssumption,
	threat.KindControl, threat.KindAssertion, threat.KindFinding,
}

func TestCountersCountPerKind(t *testing.T) {
	c := threat.Counters{}
	var got []threat.ID
	for range 2 {
		for _, k := range kinds {
			id := c.Next(k)
			if id.Kind() != k {
				t.Errorf("%s is of kind %q, not %q", id, id.Kind(), k)
			}
			got = append(got, id)
		}
	}
	want := strings.Fields("A1 T1 TB1 AS1 C1 E1 F1 A2 T2 TB2 AS2 C2 E2 F2")
	for i, id := range got {
		if string(id) != want[i] {
			t.Errorf("got %v, want %v", got, want)
			break
		}
	}
}

func TestIDKindAndNumber(t *testing.T) {
	for _, c := range []struct {
		id   threat.ID
		kind threat.Kind
		n    int
	}{
		{"A1", threat.KindAsset, 1},
		{"T12", threat.KindAttacker, 12},
		{"TB3", threat.KindBoundary, 3},
		{"AS999999999", threat.KindAssumption, 999999999},
		{"A1234567890", "", 0}, // past nine digits
		{"A0", "", 0},
		{"A01", "", 0}, // an id has one spelling
		{"a1", "", 0},
		{"A", "", 0},
		{"1", "", 0},
		{"", "", 0},
		{"A1 ", "", 0},
		{" A1", "", 0},
		{"A-1", "", 0},
		{"A+1", "", 0},
		{"A1_0", "", 0},
		{"A1x", "", 0},
		{"A١", "", 0}, // a digit, but not one of ours
		{"X1", "", 0},
		{"C1.a", "", 0}, // a facet is not a counted id
		{"CO-A1-T1", "", 0},
		{threat.FeatureID, "", 0},
	} {
		if k, n := c.id.Kind(), c.id.Number(); k != c.kind || n != c.n {
			t.Errorf("%q is %q %d, want %q %d", c.id, k, n, c.kind, c.n)
		}
	}
}

func TestSplitObjective(t *testing.T) {
	a, at, ok := threat.SplitObjective("CO-A10-T2")
	if !ok || a != "A10" || at != "T2" {
		t.Errorf("CO-A10-T2 is %s × %s, %v", a, at, ok)
	}
	for _, id := range []threat.ID{
		"", "CO", "CO-", "CO-A1", "CO-A1-", "CO--T1", "CO-T1-A1", "CO-A1-T1-", "CO-A1-T1-T2", "CO-A1-TB1", "CO-AS1-T1",
		"co-a1-t1", "CO-A01-T1", "CO-A1-T0", "A1-T1", "CO_A1_T1", " CO-A1-T1",
	} {
		if a, at, ok := threat.SplitObjective(id); ok || a != "" || at != "" {
			t.Errorf("%q is taken for a CO: %s × %s", id, a, at)
		}
	}
}

func TestSortIDs(t *testing.T) {
	got := threat.SortIDs([]threat.ID{
		"CO-A10-T1", "C10.a", "A10", "CO-A2-T10", "C10", "A2", "CO-A2-T2", "C2.aa", "C2", "C2.b", "A2", "nonsense", "AS1",
	})
	want := "A2 A10 AS1 C2 C2.b C2.aa C10 C10.a CO-A2-T2 CO-A2-T10 CO-A10-T1 nonsense"
	words := make([]string, len(got))
	for i, id := range got {
		words[i] = string(id)
	}
	if s := strings.Join(words, " "); s != want {
		t.Errorf("got  %s\nwant %s", s, want)
	}
	if threat.SortIDs(nil) == nil {
		t.Error("sorted nothing is nil")
	}
}

func TestSortIDsLeavesItsArgument(t *testing.T) {
	in := []threat.ID{"A2", "A1"}
	threat.SortIDs(in)
	if in[0] != "A2" {
		t.Error("the argument was sorted in place")
	}
}

// anyID draws ids of every form, and things that are nearly ids.
var anyID = rapid.Custom(func(t *rapid.T) threat.ID {
	n := func(label string) string {
		return rapid.SampledFrom([]string{"1", "2", "9", "10", "11", "01", ""}).Draw(t, label)
	}
	switch upTo(t, 3, "form") {
	case 0:
		return threat.ID(rapid.SampledFrom([]string{"A", "AS", "C", "X"}).Draw(t, "prefix") + n("n"))
	case 1:
		return threat.ID("CO-A" + n("a") + "-T" + n("t"))
	case 2:
		return threat.ID("C" + n("c") + "." + rapid.SampledFrom([]string{"a", "b", "z", "aa", "A", ""}).Draw(t, "facet"))
	default:
		return threat.ID(rapid.StringOfN(rapid.SampledFrom([]rune("AC1.-Oz")), 0, 5, -1).Draw(t, "text"))
	}
})

func TestCompareIDsIsATotalOrder(t *testing.T) {
	check(t, []string{"equal", "less", "greater", "number beats text", "chain"}, func(t *rapid.T, seen classes) {
		for range 40 {
			a, b, c := anyID.Draw(t, "a"), anyID.Draw(t, "b"), anyID.Draw(t, "c")
			if k := a.Kind(); k != "" && upTo(t, 1, "sibling") == 1 {
				b = threat.Counters{k: 1 + upTo(t, 11, "sibling's number")}.Next(k)
			}
			ab := threat.CompareIDs(a, b)
			if ab != -threat.CompareIDs(b, a) {
				t.Fatalf("%q and %q compare as %d and %d", a, b, ab, threat.CompareIDs(b, a))
			}
			if (ab == 0) != (a == b) {
				t.Fatalf("%q and %q compare as %d", a, b, ab)
			}
			if ab <= 0 && threat.CompareIDs(b, c) <= 0 {
				if threat.CompareIDs(a, c) > 0 {
					t.Fatalf("%q ≤ %q ≤ %q, but not %q ≤ %q", a, b, c, a, c)
				}
				seen.hit("chain")
			}
			seen.hit(map[int]string{0: "equal", -1: "less", 1: "greater"}[ab])
			if ab < 0 && a > b && a.Kind() != "" && a.Kind() == b.Kind() {
				seen.hit("number beats text")
			}
		}
	})
}

func TestFacetLetters(t *testing.T) {
	for n, want := range map[int]string{1: "a", 2: "b", 26: "z", 27: "aa", 28: "ab", 52: "az", 53: "ba", 702: "zz", 703: "aaa"} {
		if got := threat.FacetLetter(n); got != want {
			t.Errorf("FacetLetter(%d) = %q, want %q", n, got, want)
		}
	}
	if got := threat.FacetLetter(0); got != "" {
		t.Errorf("FacetLetter(0) = %q", got)
	}
	seen := map[string]bool{}
	for n := 1; n <= 20_000; n++ {
		l := threat.FacetLetter(n)
		if seen[l] || threat.FacetNumber(l) != n {
			t.Fatalf("FacetLetter(%d) = %q, which is %d (given before: %v)", n, l, threat.FacetNumber(l), seen[l])
		}
		seen[l] = true
	}
	for _, s := range []string{"", "A", "a1", "é", "a ", ".a", strings.Repeat("z", 40)} {
		if n := threat.FacetNumber(s); n != 0 {
			t.Errorf("FacetNumber(%q) = %d", s, n)
		}
	}
}

func FuzzIDs(f *testing.F) {
	for _, s := range []string{"A1", "CO-A1-T2", "C1.a", "TB12", "", "A01", "CO-A1-T2-", "C1.aa", "A999999999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id := threat.ID(s)
		k, n := id.Kind(), id.Number()
		if (k == "") != (n == 0) {
			t.Fatalf("%q has kind %q and number %d", s, k, n)
		}
		if k != "" {
			if !slices.Contains(kinds, k) {
				t.Fatalf("%q is of the unknown kind %q", s, k)
			}
			if again := (threat.Counters{k: n}).Next(k); again != id {
				t.Fatalf("%q is number %d of %s, which is written %q", s, n, k, again)
			}
		}
		if a, at, ok := threat.SplitObjective(id); ok {
			if threat.ObjectiveID(a, at) != id || a.Kind() != threat.KindAsset || at.Kind() != threat.KindAttacker || k != "" {
				t.Fatalf("%q splits into %q and %q", s, a, at)
			}
		}
		if n := threat.FacetNumber(s); n > 0 && threat.FacetLetter(n) != s {
			t.Fatalf("%q are the letters of facet %d, which has %q", s, n, threat.FacetLetter(n))
		}
		if threat.CompareIDs(id, id) != 0 {
			t.Fatalf("%q does not equal itself", s)
		}
	})
}
