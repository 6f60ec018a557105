package verify

import (
	"regexp"
	"slices"
	"sort"
	"strings"

	"github.com/redoubt-dev/redoubt/verify/source"
)

// testCode finds the code of the tests of one file. What it needs to look up is gathered once, so that a file of many thousand
// tests costs no more than its length.
type testCode struct {
	facts     *source.File
	functions []*source.Decl            // in the order of the text
	calls     map[int]*source.Call      // by line the largest call that begins on it
	classes   map[string][]*source.Decl // by qualified name
	code      []byte                    // without comments; made when it is wanted
}

func newTestCode(facts *source.File) *testCode {
	c := &testCode{facts: facts, functions: facts.Functions(), calls: map[int]*source.Call{}, classes: map[string][]*source.Decl{}}
	for i := range facts.Calls {
		call := &facts.Calls[i]
		if have := c.calls[call.Line]; have == nil || call.Span.End-call.Span.Start > have.Span.End-have.Span.Start {
			c.calls[call.Line] = call
		}
	}
	for _, d := range facts.Classes() {
		c.classes[d.Qualified()] = append(c.classes[d.Qualified()], d)
	}
	return c
}

// maxBack bounds how many functions before a line are looked at for the one around it.
const maxBack = 200

// declarationAt returns the innermost declared function that holds the line, or nil.
func (c *testCode) declarationAt(line int) *source.Decl {
	after := sort.Search(len(c.functions), func(i int) bool { return c.facts.LineOf(c.functions[i].Span.Start) > line })
	for i := after - 1; i >= max(0, after-maxBack); i-- {
		if d := c.functions[i]; line <= c.facts.LineOf(max(d.Span.Start, d.Span.End-1)) {
			return d
		}
	}
	return nil
}

// of is the code of a test: its function, or in JavaScript and TypeScript the call that defines it; in Ruby, PHP and shells it is either.
func (c *testCode) of(t source.Test) string {
	if c.facts.Language == source.JavaScript || c.facts.Language == source.TypeScript {
		if call := c.calls[t.Line]; call != nil {
			return partOf(c.facts, call.Span)
		}
	}
	if c.facts.Language == source.Ruby || c.facts.Language == source.PHP || c.facts.Language == source.Shell {
		if d := c.declarationAt(t.Line); d == nil || d.Line != t.Line {
			if call := c.calls[t.Line]; call != nil {
				return partOf(c.facts, call.Span)
			}
		}
	}
	if d := c.declarationAt(t.Line); d != nil {
		return partOf(c.facts, d.Span)
	}
	return aroundLines(unixLines(c.facts.Text), t.Line, t.Line, around)
}

// skippedAlways tells how a test is skipped whatever happens: by a decorator without a condition, or by the first thing it does.
// Tests of JavaScript, TypeScript, Ruby and shells that are skipped are none in the facts.
func (c *testCode) skippedAlways(t source.Test) string {
	lang := c.facts.Language
	if lang == source.JavaScript || lang == source.TypeScript || lang == source.Ruby || lang == source.Shell {
		return ""
	}
	d := c.declarationAt(t.Line)
	if d == nil || lang == source.PHP && d.Line != t.Line {
		return ""
	}
	if onJVM(lang) {
		return c.disabled(d)
	}
	decorators := slices.Clone(d.Decorators)
	for _, class := range c.classes[d.Owner] {
		if class.Span.Contains(d.Span) {
			decorators = append(decorators, class.Decorators...)
		}
	}
	for _, dec := range decorators {
		if skips(lang, dec) {
			return "@" + dec.Name
		}
	}
	calls := c.facts.Within(d.Body)
	if len(calls) == 0 {
		return ""
	}
	switch first := calls[0]; first.Name[strings.LastIndexByte(first.Name, '.')+1:] {
	case "Skip", "Skipf", "SkipNow", "skipTest", "skip", "Ignore", "Inconclusive", "markTestSkipped", "markTestIncomplete", "XCTSkip":
		if c.code == nil {
			c.code = c.facts.Code()
		}
		switch strings.TrimSpace(string(c.code[d.Body.Start:first.Span.Start])) {
		case "", "await", "return", "raise", "throw":
			return first.Name
		}
	}
	return ""
}

// disabled tells the annotation by which JUnit or a runner of the JVM leaves out the test, its class or a class around it.
func (c *testCode) disabled(d *source.Decl) string {
	decorators := slices.Clone(d.Decorators)
	for owner := d.Owner; owner != ""; owner = owner[:max(0, strings.LastIndexByte(owner, '.'))] {
		for _, class := range c.classes[owner] {
			if class.Span.Contains(d.Span) {
				decorators = append(decorators, class.Decorators...)
			}
		}
	}
	for _, dec := range decorators {
		switch dec.Name[strings.LastIndexByte(dec.Name, '.')+1:] {
		case "Disabled", "Ignore", "Ignored":
			return "@" + dec.Name
		}
	}
	return ""
}

// skipArgument is the argument by which xUnit skips a test.
var skipArgument = regexp.MustCompile(`\bSkip\s*=\s*[^=n]`)

// skips reports whether a decorator, annotation or attribute skips what it stands at whatever happens.
func skips(lang source.Language, dec source.Decorator) bool {
	name := dec.Name[strings.LastIndexByte(dec.Name, '.')+1:]
	switch lang {
	case source.CSharp:
		switch strings.TrimSuffix(name, "Attribute") {
		case "Ignore", "Explicit":
			return true
		case "Fact", "Theory":
			return skipArgument.MatchString(dec.Text)
		}
		return false
	}
	return name == "skip"
}
