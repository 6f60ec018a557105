package source

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// The facts of web frameworks, environments and test runners are found as their users write them. Each archive holds files and
// their labels: what is there, and what only looks so.
func TestWebLabels(t *testing.T) {
	archives, err := filepath.Glob(filepath.Join("testdata", "web", "*.txtar"))
	if err != nil || len(archives) < 12 {
		t.Fatalf("%d archives: %v", len(archives), err)
	}
	for _, path := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			files := map[string]*File{}
			labels, absent := 0, 0
			for _, f := range archive.Files[1:] {
				if files[f.Name], err = Parse(f.Name, f.Data); err != nil {
					t.Fatalf("%s: %v", f.Name, err)
				}
			}
			for _, text := range strings.Split(string(archive.Files[0].Data), "\n") {
				if text == "" || strings.HasPrefix(text, "#") {
					continue
				}
				name, rest, _ := strings.Cut(text, " ")
				if files[name] == nil {
					t.Fatalf("%s: there is no such file", text)
				}
				l := newLabel(rest)
				labels++
				if l.absent {
					absent++
				}
				if problem := l.check(files[name]); problem != "" {
					t.Errorf("%s: %s", text, problem)
				}
			}
			if labels < 8 || absent < 2 {
				t.Errorf("%d labels, %d of them absent", labels, absent)
			}
		})
	}
}
