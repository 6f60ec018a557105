package compliance

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// shared returns the folder with the official files, or skips.
func shared(t *testing.T, name string) string {
	t.Helper()
	dir := os.Getenv("REDOUBT_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared")
	}
	file := filepath.Join(dir, name)
	if _, err := os.Stat(file); err != nil {
		t.Skipf("the official %s is not here to compare with; REDOUBT_SHARED names the folder that holds it", name)
	}
	return file
}

// official is an entry of an official file, with its text.
type official struct {
	ID, Chapter, ChapterName, Section, SectionName string
	Level                                          int
	Retired                                        bool
	text                                           string
}

func officialASVS(t *testing.T) []official {
	data, err := os.ReadFile(shared(t, "asvs/OWASP_Application_Security_Verification_Standard_5.0.0_en.flat.json"))
	if err != nil {
		t.Fatal(err)
	}
	var in struct {
		Requirements []struct {
			Chapter     string `json:"chapter_id"`
			ChapterName string `json:"chapter_name"`
			Section     string `json:"section_id"`
			SectionName string `json:"section_name"`
			ID          string `json:"req_id"`
			Text        string `json:"req_description"`
			Level       string `json:"L"`
		} `json:"requirements"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		t.Fatal(err)
	}
	var out []official
	for _, r := range in.Requirements {
		level, err := strconv.Atoi(r.Level)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, official{
			ID: r.ID, Level: level, Chapter: r.Chapter, ChapterName: r.ChapterName, Section: r.Section, SectionName: r.SectionName,
			text: r.Text,
		})
	}
	return out
}

func officialBaseline(t *testing.T) []official {
	names, err := filepath.Glob(filepath.Join(shared(t, "frameworks/osps"), "*.yaml"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no files of the baseline: %v", err)
	}
	var out []official
	for _, name := range names { // Glob sorts
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var in struct {
			Groups []struct {
				ID    string `yaml:"id"`
				Title string `yaml:"title"`
			} `yaml:"groups"`
			Controls []struct {
				ID           string `yaml:"id"`
				Title        string `yaml:"title"`
				Requirements []struct {
					ID            string   `yaml:"id"`
					Text          string   `yaml:"text"`
					Applicability []string `yaml:"applicability"`
					State         string   `yaml:"state"`
				} `yaml:"assessment-requirements"`
			} `yaml:"controls"`
		}
		if err := yaml.Unmarshal(data, &in); err != nil {
			t.Fatal(err)
		}
		for _, c := range in.Controls {
			for _, r := range c.Requirements {
				level, err := strconv.Atoi(strings.TrimPrefix(r.Applicability[0], "maturity-"))
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, official{
					ID: r.ID, Level: level, Chapter: in.Groups[0].ID, ChapterName: strings.TrimSpace(in.Groups[0].Title),
					Section: c.ID, SectionName: strings.TrimSpace(c.Title), Retired: r.State == "Retired", text: r.Text,
				})
			}
		}
	}
	return out
}

// facts lists what an embedded framework says of its requirements, beside the summaries.
func facts(t *testing.T, f Framework) []official {
	var out []official
	for _, r := range f.Requirements {
		c, ok := f.Chapter(r.Chapter)
		if !ok {
			t.Fatalf("%s: no chapter", r.ID)
		}
		s, ok := c.Section(r.Section)
		if !ok {
			t.Fatalf("%s: no section", r.ID)
		}
		out = append(out, official{
			ID: r.ID, Level: r.Level, Chapter: c.ID, ChapterName: c.Name, Section: s.ID, SectionName: s.Name, Retired: r.Retired,
		})
	}
	return out
}

func TestASVSIsTheOfficialOne(t *testing.T) {
	f := framework(t, "asvs-5.0")
	compareOfficial(t, f, officialASVS(t))
}

func TestBaselineIsTheOfficialOne(t *testing.T) {
	f := framework(t, "osps-baseline")
	compareOfficial(t, f, officialBaseline(t))
}

// compareOfficial holds ids, levels, chapters and sections, in order, equal to the official ones, and the words apart.
func compareOfficial(t *testing.T, f Framework, want []official) {
	t.Helper()
	if diff := cmp.Diff(want, facts(t, f), cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".text" }, cmp.Ignore()),
		cmp.AllowUnexported(official{})); diff != "" {
		t.Errorf("the official file and ours (-official +ours):\n%s", diff)
	}
	const run = 8
	theirs := map[string]string{}
	for _, o := range want {
		for _, words := range runs(o.text, run) {
			theirs[words] = o.ID
		}
	}
	if len(theirs) == 0 {
		t.Fatal("the official file has no text")
	}
	for _, r := range f.Requirements {
		for _, words := range runs(r.Summary, run) {
			if id, ok := theirs[words]; ok {
				t.Errorf("%s shares %q with the official %s", r.ID, words, id)
			}
		}
	}
}

// runs lists every run of n words of a text: lower case, without punctuation.
func runs(text string, n int) []string {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	var out []string
	for i := 0; i+n <= len(words); i++ {
		out = append(out, strings.Join(words[i:i+n], " "))
	}
	return out
}

// A workspace may put the official texts in place of the summaries: the matcher does about as well by them.
func TestMatcherByOfficialTexts(t *testing.T) {
	f := framework(t, "asvs-5.0")
	over := f.Clone()
	for i, o := range officialASVS(t) {
		over.Requirements[i].Summary = o.text
	}
	m := NewMatcher(&over)
	var hit, of float64
	for _, p := range pairs(t) {
		if p.Framework != over.ID || len(p.Expects) == 0 {
			continue
		}
		for _, x := range m.Match(p.subject(), 5) {
			if slices.Contains(p.Expects, x.Requirement) {
				hit++
			}
		}
		of += float64(min(5, len(p.Expects)))
	}
	t.Logf("recall@5 by the official texts %.2f", hit/of)
	if hit/of < 0.82 {
		t.Errorf("recall@5 by the official texts is %.3f, want 0.82", hit/of)
	}
}

func TestRunsOfWords(t *testing.T) {
	if diff := cmp.Diff([]string{"a b c", "b c d"}, runs("A, b—c (D)", 3)); diff != "" {
		t.Error(diff)
	}
}
