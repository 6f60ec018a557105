package source

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// jsMegabyte returns the excerpts of a folder with one of the extensions, repeated to a megabyte.
func jsMegabyte(b *testing.B, dir string, extensions ...string) []byte {
	b.Helper()
	names, err := filepath.Glob(filepath.Join("testdata", dir, "*"))
	if err != nil {
		b.Fatal(err)
	}
	var all, text []byte
	for _, name := range names {
		if !slices.Contains(extensions, filepath.Ext(name)) {
			continue
		}
		one, err := os.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		all = append(append(all, one...), '\n')
	}
	for len(text) < 1<<20 {
		text = append(text, all...)
	}
	return text
}

func BenchmarkParseJavaScript(b *testing.B) { benchmarkJS(b, "a.js", "js", ".js", ".jsx") }

func BenchmarkParseTypeScript(b *testing.B) { benchmarkJS(b, "a.ts", "ts", ".ts") }

func benchmarkJS(b *testing.B, name, dir string, extensions ...string) {
	text := jsMegabyte(b, dir, extensions...)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(name, text); err != nil {
			b.Fatal(err)
		}
	}
}
