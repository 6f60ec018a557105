package compliance

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/redoubt-dev/redoubt/threat"
)

func frameworks(t testing.TB) []Framework {
	t.Helper()
	list, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func framework(t testing.TB, id string) Framework {
	t.Helper()
	list := frameworks(t)
	i := slices.IndexFunc(list, func(f Framework) bool { return f.ID == id })
	if i < 0 {
		t.Fatalf("no framework %s", id)
	}
	return list[i]
}

func TestEmbeddedFrameworks(t *testing.T) {
	var ids []string
	for _, f := range frameworks(t) {
		ids = append(ids, f.ID)
		for name, v := range map[string]string{
			"title": f.Title, "version": f.Version, "source": f.Source, "license": f.License, "attribution": f.Attribution,
		} {
			if v == "" || v != strings.TrimSpace(v) {
				t.Errorf("%s: %s is %q", f.ID, name, v)
			}
		}
		for i, l := range f.Levels {
			if l.Number != i+1 || l.Name == "" {
				t.Errorf("%s: level %d is %+v", f.ID, i+1, l)
			}
		}
	}
	if want := []string{"asvs-5.0", "osps-baseline"}; !slices.Equal(ids, want) {
		t.Errorf("frameworks %v, want %v", ids, want)
	}
}

// everywhere are words that stand in too many requirements to find one by.
var everywhere = []string{"application", "security", "secure", "user", "data", "system", "control", "verify", "requirement"}

func TestRequirementsAreWhole(t *testing.T) {
	word := regexp.MustCompile(`^[\p{L}\p{N}._#/'-]+( [\p{L}\p{N}._#/'-]+){0,5}$`)
	for _, f := range frameworks(t) {
		ids, summaries := map[string]bool{}, map[string]string{}
		for _, c := range f.Chapters {
			if c.ID == "" || c.Name == "" || len(c.Sections) == 0 {
				t.Errorf("%s: chapter %+v", f.ID, c)
			}
		}
		for _, r := range f.Requirements {
			at := f.ID + " " + r.ID
			if r.ID == "" || ids[r.ID] {
				t.Errorf("%s: empty or repeated id", at)
			}
			ids[r.ID] = true
			if r.Level < 1 || r.Level > len(f.Levels) {
				t.Errorf("%s: level %d", at, r.Level)
			}
			c, ok := f.Chapter(r.Chapter)
			if !ok {
				t.Errorf("%s: no chapter %s", at, r.Chapter)
				continue
			}
			if s, ok := c.Section(r.Section); !ok || s.Name == "" {
				t.Errorf("%s: no section %s", at, r.Section)
			}

			if n := utf8.RuneCountInString(r.Summary); n < 20 || n > MaxSummary {
				t.Errorf("%s: a summary of %d characters", at, n)
			}
			if clean, err := threat.Line(r.Summary, MaxSummary); err != nil || clean != r.Summary {
				t.Errorf("%s: the summary is not a clean line", at)
			}
			if !strings.HasSuffix(r.Summary, ".") {
				t.Errorf("%s: the summary does not end in a full stop", at)
			}
			folded := strings.ToLower(r.Summary)
			if other := summaries[folded]; other != "" {
				t.Errorf("%s says what %s says", at, other)
			}
			summaries[folded] = r.ID

			if len(r.Kinds) == 0 {
				t.Errorf("%s: no kinds", at)
			}
			for i, k := range r.Kinds {
				if !slices.Contains(threat.FacetKinds(), k) || slices.Contains(r.Kinds[:i], k) {
					t.Errorf("%s: kind %q", at, k)
				}
			}
			if len(r.Keywords) < MinKeywords {
				t.Errorf("%s: %d keywords", at, len(r.Keywords))
			}
			for i, k := range r.Keywords {
				if !word.MatchString(k) || slices.Contains(everywhere, k) {
					t.Errorf("%s: keyword %q", at, k)
				}
				if slices.ContainsFunc(r.Keywords[:i], func(o string) bool { return strings.EqualFold(o, k) }) {
					t.Errorf("%s: keyword %q twice", at, k)
				}
			}
			for i, c := range r.CWE {
				if c < 1 || c > 1500 || i > 0 && c <= r.CWE[i-1] {
					t.Errorf("%s: CWE %v", at, r.CWE)
				}
			}
		}
	}
}

// The numbers are those of the official files.
func TestFrameworksAreComplete(t *testing.T) {
	for id, want := range map[string]counts{
		"asvs-5.0":      {requirements: 345, chapters: 17, sections: 80, levels: [4]int{0, 70, 183, 92}},
		"osps-baseline": {requirements: 65, retired: 1, chapters: 8, sections: 41, levels: [4]int{0, 25, 19, 21}},
	} {
		f := framework(t, id)
		got := counts{requirements: len(f.Requirements), chapters: len(f.Chapters)}
		for _, c := range f.Chapters {
			got.sections += len(c.Sections)
		}
		for _, r := range f.Requirements {
			got.levels[r.Level]++
			if r.Retired {
				got.retired++
			}
		}
		if got != want {
			t.Errorf("%s: %+v, want %+v", id, got, want)
		}
	}
}

type counts struct {
	requirements, retired, chapters, sections int
	levels                                    [4]int
}

func TestCloneSharesNothing(t *testing.T) {
	f := framework(t, "asvs-5.0")
	c := f.Clone()
	c.Levels[0].Name = "x"
	c.Chapters[0].Name = "x"
	c.Chapters[0].Sections[0].Name = "x"
	r := &c.Requirements[0]
	r.Summary, r.Kinds[0], r.Keywords[0], r.CWE[0] = "x", "x", "x", 1
	again := framework(t, "asvs-5.0")
	if a := again.Requirements[0]; again.Levels[0].Name == "x" || again.Chapters[0].Name == "x" ||
		again.Chapters[0].Sections[0].Name == "x" || a.Summary == "x" || a.Kinds[0] == "x" || a.Keywords[0] == "x" || a.CWE[0] == 1 {
		t.Error("a clone shares its lists with the embedded framework")
	}
}

func TestLookups(t *testing.T) {
	f := framework(t, "asvs-5.0")
	r, ok := f.Requirement("V9.1.1")
	if !ok || r.Chapter != "V9" || r.Section != "V9.1" || r.Level != 1 {
		t.Errorf("V9.1.1 is %+v, %v", r, ok)
	}
	if _, ok := f.Requirement("V9.9.9"); ok {
		t.Error("found a requirement that is not there")
	}
	if _, ok := f.Chapter("V99"); ok {
		t.Error("found a chapter that is not there")
	}
	c, ok := f.Chapter("V9")
	if !ok {
		t.Fatal("no chapter V9")
	}
	if s, ok := c.Section("V9.2"); !ok || s.Name != "Token content" {
		t.Errorf("V9.2 is %+v, %v", s, ok)
	}
	if _, ok := c.Section("V1.1"); ok {
		t.Error("found a section of another chapter")
	}
}
