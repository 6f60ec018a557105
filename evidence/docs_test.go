package evidence_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redoubt-dev/redoubt/evidence"
)

var update = flag.Bool("update", false, "write docs/assertion-types.md anew")

// The page on assertion types is the catalogue: run with -update after a change of it.
func TestAssertionTypesPage(t *testing.T) {
	page := filepath.Join("..", "docs", "assertion-types.md")
	want := typesPage()
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/assertion-types.md is not the catalogue: go test ./evidence -run TestAssertionTypesPage -update")
	}
}

func typesPage() string {
	var b strings.Builder
	b.WriteString("# Assertion types\n\n" +
		"Written from the catalogue in `evidence/catalogue.go`, which tool schemas, the server and the verifier read too. Paths are relative to\n" +
		"the repository root, with slashes. Patterns are RE2. Optional parameters are in brackets. A kind with a star is coherent, and Tier 2\n" +
		"alone decides whether it is proven.\n\n| type | a pass means | proves |\n|---|---|---|\n")
	for _, s := range evidence.Specs() {
		var kinds []string
		for _, k := range s.Kinds {
			kinds = append(kinds, string(k))
		}
		for _, k := range s.Judged {
			kinds = append(kinds, string(k)+"*")
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", s.Usage(), s.About, strings.Join(kinds, ", "))
	}
	for _, s := range evidence.Specs() {
		fmt.Fprintf(&b, "\n## %s\n\n", s.Type)
		for _, p := range s.Params {
			word := "required"
			if p.Optional {
				word = "optional"
			}
			fmt.Fprintf(&b, "- `%s` (%s, %s): %s\n", p.Name, p.Form, word, p.About)
		}
		fmt.Fprintf(&b, "\n```json\n{\"type\": %q, \"params\": %s}\n```\n", s.Type, s.Example.Canonical())
	}
	return b.String()
}
