package source

import (
	"bytes"
	"slices"
	"strings"
)

// unitTest notes a test of PHPUnit: a public method of a class that can be made and is derived from a test case, called test…, or
// marked with #[Test] or @test.
func (p *phpFile) unitTest(d *Decl, modifiers []string, start int) {
	class := p.class()
	if class == nil || class.abstract || d.Body.Empty() || slices.Contains(modifiers, "private") || slices.Contains(modifiers, "protected") {
		return
	}
	if !slices.ContainsFunc(class.parents, func(s string) bool { return strings.HasSuffix(s, "TestCase") || strings.HasSuffix(s, "Test") }) {
		return
	}
	marked := slices.ContainsFunc(d.Decorators, func(a Decorator) bool { return a.Name[strings.LastIndexByte(a.Name, '.')+1:] == "Test" })
	if strings.HasPrefix(d.Name, "test") || marked || p.docSays(start, "@test") {
		p.Tests = append(p.Tests, Test{Name: d.Qualified(), Line: d.Line})
	}
}

// docSays reports whether the comment right before the offset holds the word.
func (p *phpFile) docSays(at int, word string) bool {
	i, _ := slices.BinarySearchFunc(p.Comments, at, func(c Span, at int) int { return c.Start - at })
	if i == 0 {
		return false
	}
	c := p.Comments[i-1]
	if c.End > at || len(bytes.TrimSpace(p.Text[c.End:at])) > 0 || !bytes.HasPrefix(p.Text[c.Start:], []byte("/**")) {
		return false
	}
	for _, field := range strings.FieldsFunc(p.part(c), func(r rune) bool { return strings.ContainsRune(" \t\r\n*/", r) }) {
		if field == word {
			return true
		}
	}
	return false
}

// tests notes the tests of Pest: it('…', function), test('…', function) on the top level, or in describe('…', function).
func (p *phpFile) tests() {
	type group struct {
		name string
		end  int
	}
	var groups []group
	for _, c := range p.calls {
		name := p.text(c.name)
		if name != "it" && name != "test" && name != "describe" || p.isAny(c.name-1, "->", "?->", "::", "new") {
			continue
		}
		for n := len(groups); n > 0 && groups[n-1].end < c.open; n = len(groups) {
			groups = groups[:n-1]
		}
		args := p.items(c.open, ",")
		if len(args) != 2 || !p.isAny(args[1][0], "function", "fn", "static") || p.bodied.holds(int(p.at(c.name).start)) {
			continue
		}
		title, ok := p.literalValue(args[0][0])
		if !ok || args[0][1] != args[0][0]+1 {
			continue
		}
		prefix := ""
		if n := len(groups); n > 0 {
			prefix = groups[n-1].name + " › "
		}
		if name == "describe" {
			groups = append(groups, group{name: prefix + title, end: p.partner(c.open)})
			continue
		}
		if name == "it" {
			title = "it " + title
		}
		if !p.leftOut(p.partner(c.open) + 1) {
			p.Tests = append(p.Tests, Test{Name: prefix + title, Line: p.lineOf(c.name)})
		}
	}
}

// leftOut reports whether the calls from token i on skip a test whatever happens: ->skip(), ->skip('why'), ->todo().
func (p *phpFile) leftOut(i int) bool {
	for n := 0; p.is(i, "->") && p.is(i+2, "(") && n < 50; n++ {
		p.work++
		switch p.word(i + 1) {
		case "todo":
			return true
		case "skip":
			if args := p.items(i+2, ","); len(args) == 0 || p.at(args[0][0]).kind == textToken || p.is(args[0][0], "true") {
				return true
			}
		}
		i = p.skip(i + 2)
	}
	return false
}
