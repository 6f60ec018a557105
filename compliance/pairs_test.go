package compliance

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/redoubt-dev/redoubt/threat"
)

// pair is a control and the requirements that it truly serves; testdata/pairs.yaml says how they were made.
type pair struct {
	Description string         `yaml:"description"`
	From        string         `yaml:"from"` // the builtin engine's control that it is
	Facets      []threat.Facet `yaml:"facets"`
	Framework   string         `yaml:"framework"`
	Expects     []string       `yaml:"expects"`
	Sealed      bool           `yaml:"sealed"`
}

func pairs(t testing.TB) []pair {
	t.Helper()
	data, err := os.ReadFile("testdata/pairs.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var in struct {
		Pairs []pair `yaml:"pairs"`
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(&in); err != nil {
		t.Fatal(err)
	}
	return in.Pairs
}

func TestLabelledSetIsWhole(t *testing.T) {
	type tally struct{ pairs, none, sealed int }
	total := map[string]*tally{}
	chapters := map[string]bool{}
	said := map[string]bool{}
	for _, p := range pairs(t) {
		at := p.Framework + " " + p.Description
		f := framework(t, p.Framework)
		c := total[f.ID]
		if c == nil {
			c = &tally{}
			total[f.ID] = c
		}
		if p.Sealed {
			c.sealed++
		}
		if len(p.Expects) == 0 {
			c.none++
		} else {
			c.pairs++
		}
		if said[p.Description] {
			t.Errorf("%s: twice", at)
		}
		said[p.Description] = true
		for i, id := range p.Expects {
			r, ok := f.Requirement(id)
			if !ok || r.Retired || slices.Contains(p.Expects[:i], id) {
				t.Errorf("%s: expects %s", at, id)
				continue
			}
			chapters[f.ID+" "+r.Chapter] = true
		}
		control := threat.Control{
			ID: "C1", Description: p.Description, Facets: p.Facets, Status: threat.NotImplemented, Source: threat.Manual,
		}
		if err := control.Check(); err != nil {
			t.Errorf("%s: %v", at, err)
		}
		for _, id := range p.Expects {
			r, _ := f.Requirement(id)
			for _, words := range runs(r.Summary, 6) {
				if strings.Contains(" "+strings.Join(runs(p.Description, 1), " ")+" ", " "+words+" ") {
					t.Errorf("%s: shares %q with the summary of %s", at, words, id)
				}
			}
		}
	}
	for id, atLeast := range map[string]tally{"asvs-5.0": {120, 15, 100}, "osps-baseline": {15, 0, 5}} {
		c := total[id]
		if c == nil || c.pairs < atLeast.pairs || c.none < atLeast.none || c.sealed < atLeast.sealed {
			t.Errorf("%s: %+v, want at least %+v", id, c, atLeast)
		}
	}
	for _, c := range framework(t, "asvs-5.0").Chapters {
		if !chapters["asvs-5.0 "+c.ID] {
			t.Errorf("no control serves a requirement of %s", c.ID)
		}
	}
}
