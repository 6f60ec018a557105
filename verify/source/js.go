package source

import (
	"strings"
	"sync"
)

// JavaScript and TypeScript are read by one parser of the whole grammar (ECMAScript 2025, TypeScript 5.9, JSX) that keeps no
// tree: it notes functions, classes, calls and the like as it meets them, and what they mean is found in the tokens
// afterwards. A text that the grammar does not allow has no facts; it is a *SyntaxError.

var javascript = language{
	name:       JavaScript,
	extensions: []string{".js", ".mjs", ".cjs", ".jsx"},
	parse:      func(f *File) error { return parseJS(f, jsDialect{jsx: true}) },
	declared:   jsDeclared,
	tokens:     func(text []byte) ([]Span, error) { return jsTokens(text, jsDialect{jsx: true}) },
}

var typescript = language{
	name:       TypeScript,
	extensions: []string{".ts", ".mts", ".cts"},
	parse:      func(f *File) error { return parseJS(f, jsDialect{types: true}) },
	declared:   jsDeclared,
	tokens:     func(text []byte) ([]Span, error) { return jsTokens(text, jsDialect{types: true}) },
}

// taggedTypescript is TypeScript with tags, in which "<T>x" is no type assertion.
var taggedTypescript = language{
	name:       TypeScript,
	extensions: []string{".tsx"},
	parse:      func(f *File) error { return parseJS(f, jsDialect{types: true, jsx: true}) },
	declared:   jsDeclared,
	tokens:     func(text []byte) ([]Span, error) { return jsTokens(text, jsDialect{types: true, jsx: true}) },
}

// jsDialect tells what the text may hold beside JavaScript.
type jsDialect struct {
	types bool
	jsx   bool
}

// jsScratch keeps the tokens of a file for the next one: they are several times as large as the text.
var jsScratch = sync.Pool{New: func() any { return new([]jsToken) }}

// parseJS fills the facts of f.
func parseJS(f *File, dialect jsDialect) error {
	scratch := jsScratch.Get().(*[]jsToken)
	p := newJSParser(string(f.Text), dialect, *scratch)
	defer func() {
		*scratch = p.toks
		jsScratch.Put(scratch)
	}()
	p.file()
	f.work += p.work
	if p.err != "" {
		return f.syntaxError(min(p.errPos, max(len(f.Text)-1, 0)), p.err)
	}
	(&jsFacts{jsParser: p, f: f}).fill()
	return nil
}

// jsTokens returns the tokens and the comments of a text.
func jsTokens(text []byte, dialect jsDialect) ([]Span, error) {
	p := newJSParser(string(text), dialect, nil)
	p.file()
	if p.err != "" {
		return nil, &SyntaxError{Line: 1 + strings.Count(p.text[:min(p.errPos, len(p.text))], "\n"), Message: p.err}
	}
	all := make([]Span, 0, len(p.toks)+len(p.comments))
	comment := 0
	for _, t := range p.toks {
		for comment < len(p.comments) && p.comments[comment].Start < int(t.start) {
			all = append(all, p.comments[comment])
			comment++
		}
		all = append(all, Span{int(t.start), int(t.end)})
	}
	return append(all, p.comments[comment:]...), nil
}
