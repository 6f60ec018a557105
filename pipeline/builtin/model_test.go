package builtin

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/redoubt-dev/redoubt/examples"
	"github.com/redoubt-dev/redoubt/pipeline"
	"github.com/redoubt-dev/redoubt/threat"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// shared makes one engine for all tests.
var shared = sync.OnceValues(New)

func engine(t testing.TB) *Engine {
	t.Helper()
	e, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// generate carries a description through the whole pipeline.
func generate(e *Engine, text string) (*pipeline.Draft, error) {
	d, err := pipeline.NewDraft(text)
	if err != nil {
		return nil, err
	}
	err = pipeline.Run(context.Background(), e, d,
		func(pipeline.Step) error { return nil }, func(*pipeline.Draft) error { return nil })
	return d, err
}

// render writes a model as text that a person reviews.
func render(t testing.TB, d *pipeline.Draft) string {
	var b strings.Builder
	s := &d.Structure
	cos, err := s.Objectives()
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&b, "%d assets, %d attackers, %d boundaries, %d assumptions, %d COs, %d controls\n\n",
		len(s.Assets), len(s.Attackers), len(s.Boundaries), len(s.Assumptions), len(cos), len(d.Controls))
	for _, a := range s.Assets {
		fmt.Fprintf(&b, "%s %s [%s] %s | %s\n", a.ID, a.Name, join(a.Properties), a.Impact, strings.Join(a.Basis, "; "))
	}
	b.WriteString("\n")
	for _, t := range s.Attackers {
		fmt.Fprintf(&b, "%s %s [%s] %s at %s | %s\n", t.ID, t.Name, t.Archetype, t.Likelihood, join(t.Boundaries), strings.Join(t.Basis, "; "))
	}
	b.WriteString("\n")
	for _, x := range s.Boundaries {
		fmt.Fprintf(&b, "%s %s: %s | %s\n", x.ID, x.Name, join(x.Assets), strings.Join(x.Basis, "; "))
	}
	b.WriteString("\n")
	for _, a := range s.Assumptions {
		fmt.Fprintf(&b, "%s (%s) %s %s | %s\n", a.ID, a.Kind, a.Text, join(a.Objectives), strings.Join(a.Basis, "; "))
	}
	b.WriteString("\n")
	name := map[string]string{}
	for i, c := range d.Controls {
		id := fmt.Sprintf("C%d", i+1)
		name[c.Description] = id
		fmt.Fprintf(&b, "%s (%d COs, %d facets) %s | %s\n", id, len(c.Mitigates), len(c.Facets), c.Description, strings.Join(c.Basis, "; "))
	}
	b.WriteString("\n")
	for _, co := range cos {
		if !co.Reachable {
			fmt.Fprintf(&b, "%s %s: unreachable\n", co.ID, co.Tier)
			continue
		}
		groups := map[int][]string{}
		last := 0
		for _, c := range d.Controls {
			for _, m := range c.Mitigates {
				if m.Objective == co.ID {
					groups[m.Group] = append(groups[m.Group], name[c.Description])
					last = max(last, m.Group)
				}
			}
		}
		fmt.Fprintf(&b, "%s %s:", co.ID, co.Tier)
		for g := 1; g <= last; g++ {
			fmt.Fprintf(&b, " %d(%s)", g, strings.Join(groups[g], " "))
		}
		if len(groups[0]) > 0 {
			fmt.Fprintf(&b, " also(%s)", strings.Join(groups[0], " "))
		}
		b.WriteString("\n")
	}
	return b.String()
}

func join[T ~string](list []T) string {
	out := make([]string, len(list))
	for i, x := range list {
		out[i] = string(x)
	}
	return strings.Join(out, " ")
}

// TestExampleModels compares the examples' models with files that a person has read. Run with -update after a change of
// the knowledge, and read the difference as a reviewer would.
func TestExampleModels(t *testing.T) {
	for _, name := range examples.Names() {
		t.Run(name, func(t *testing.T) {
			text, err := examples.Text(name)
			if err != nil {
				t.Fatal(err)
			}
			d, err := generate(engine(t), text)
			if err != nil {
				t.Fatal(err)
			}
			got := render(t, d)
			golden := filepath.Join("testdata", name+".txt")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("the model of %s changed; run with -update and read the difference\n%s", name, got)
			}
			if n := len(d.Structure.Assets); n < 6 || n > maxAssets {
				t.Errorf("%d assets", n)
			}
			if n := len(d.Structure.Attackers); n < 5 || n > maxAttackers {
				t.Errorf("%d attackers", n)
			}
		})
	}
}

func TestThinDescriptionSaysWhatToAdd(t *testing.T) {
	for _, text := range []string{"Make it better.", "hello", "Ünïcödé 漢字", "We want to be faster and nicer than before."} {
		_, err := generate(engine(t), text)
		var te *threat.Error
		if !errors.As(err, &te) || te.Code != threat.Invalid || te.Field != "feature_description" || te.Hint == "" {
			t.Errorf("%q: %v", text, err)
		}
	}
}
