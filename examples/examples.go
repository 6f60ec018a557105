// Package examples holds feature descriptions to try Redoubt with.
package examples

import (
	"embed"
	"io/fs"
	"slices"
	"strings"

	"github.com/redoubt-dev/redoubt/threat"
)

//go:embed *.md
var texts embed.FS

// Names lists the examples, sorted: the names of their files without the extension.
func Names() []string {
	entries, err := fs.Glob(texts, "*.md")
	if err != nil {
		return nil // the pattern is constant and legal
	}
	out := make([]string, len(entries))
	for i, e := range entries {
		out[i] = strings.TrimSuffix(e, ".md")
	}
	slices.Sort(out)
	return out
}

// Text returns the feature description with a name of [Names]. Errors: [threat.NotFound], with the names in the hint.
func Text(name string) (string, error) {
	if slices.Contains(Names(), name) {
		if text, err := texts.ReadFile(name + ".md"); err == nil {
			return string(text), nil
		}
	}
	return "", threat.Errorf(threat.NotFound, "there is no example %q", threat.Clip(name, 40)).
		Hinted("valid: %s", strings.Join(Names(), ", "))
}
