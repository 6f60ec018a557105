package source

import (
	"go/parser"
	"go/token"
	"maps"
	"slices"
	"testing"
)

// megabyte repeats the excerpts of a language until they are about a megabyte.
func megabyte(b *testing.B, l Language) (names []string, texts [][]byte) {
	b.Helper()
	found := excerpts(b, l)
	for size := 0; size < 1<<20; {
		for _, name := range slices.Sorted(maps.Keys(found)) {
			names, texts = append(names, name), append(texts, found[name])
			size += len(found[name])
		}
	}
	return names, texts
}

func benchmarkParse(b *testing.B, l Language) {
	names, texts := megabyte(b, l)
	size := 0
	for _, text := range texts {
		size += len(text)
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		for i, text := range texts {
			if _, err := Parse(names[i], text); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkParseGo(b *testing.B)     { benchmarkParse(b, Go) }
func BenchmarkParsePython(b *testing.B) { benchmarkParse(b, Python) }
func BenchmarkParseJava(b *testing.B)   { benchmarkParse(b, Java) }
func BenchmarkParseKotlin(b *testing.B) { benchmarkParse(b, Kotlin) }
func BenchmarkParseScala(b *testing.B)  { benchmarkParse(b, Scala) }
func BenchmarkParseCSharp(b *testing.B) { benchmarkParse(b, CSharp) }
func BenchmarkParseSwift(b *testing.B)  { benchmarkParse(b, Swift) }
func BenchmarkParsePHP(b *testing.B)    { benchmarkParse(b, PHP) }
func BenchmarkParseC(b *testing.B)      { benchmarkParse(b, C) }
func BenchmarkParseCPP(b *testing.B)    { benchmarkParse(b, CPP) }
func BenchmarkParseRust(b *testing.B)   { benchmarkParse(b, Rust) }

func BenchmarkParseSQL(b *testing.B)   { benchmarkParse(b, SQL) }
func BenchmarkParseShell(b *testing.B) { benchmarkParse(b, Shell) }
func BenchmarkParseRuby(b *testing.B)  { benchmarkParse(b, Ruby) }

// BenchmarkGoParser is the measure: what go/parser alone takes for the texts of BenchmarkParseGo.
func BenchmarkGoParser(b *testing.B) {
	_, texts := megabyte(b, Go)
	size := 0
	for _, text := range texts {
		size += len(text)
	}
	b.SetBytes(int64(size))
	for b.Loop() {
		for _, text := range texts {
			if _, err := parser.ParseFile(token.NewFileSet(), "", text, parser.ParseComments|parser.SkipObjectResolution); err != nil {
				b.Fatal(err)
			}
		}
	}
}
