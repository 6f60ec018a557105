package mutate

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strings"

	"github.com/redoubt-dev/redoubt/verify/source"
)

// functions returns the functions of a name that have a body.
func (s *subject) functions(name string) []*source.Decl {
	if s.facts == nil {
		return nil
	}
	var found []*source.Decl
	for _, d := range s.facts.Lookup(name) {
		if d.Kind == source.Function && !d.Body.Empty() {
			found = append(found, d)
		}
	}
	return found
}

// enclosing returns the smallest function with a body that holds the line, or nil.
func (s *subject) enclosing(line int) *source.Decl {
	if s.facts == nil || line < 1 {
		return nil
	}
	var best *source.Decl
	for _, d := range s.facts.Functions() {
		first, last := s.facts.LineOf(d.Span.Start), s.facts.LineOf(max(d.Span.Start, d.Span.End-1))
		if first <= line && line <= last && !d.Body.Empty() && (best == nil || d.Span.End-d.Span.Start < best.Span.End-best.Span.Start) {
			best = d
		}
	}
	return best
}

// asks matches the names of functions that say yes or no, where yes lets pass.
var asks = regexp.MustCompile(`^_?(?:(?i:is|has|can|may|same)(?:[A-Z_]|$)|(?i:allow|valid|verif|check|match|authori[sz]e|permit))`)

// returns lists the ways to return nothing from a function, or yes where it says yes or no, the likeliest of its language first.
func (s *subject) returns(d *source.Decl) []string {
	dialect := s.dialect()
	switch {
	case s.facts.Language == source.Go:
		return []string{s.zeroReturn(d)}
	case asks.MatchString(d.Name):
		return append(slices.Clone(dialect.grants), dialect.leaves...)
	}
	return dialect.leaves
}

// zeroReturn is the return statement of a Go function that lets everything pass: yes, no error, of what it wraps the thing itself, and
// else the zero value of each result.
func (s *subject) zeroReturn(d *source.Decl) string {
	types, named, ok := s.results(d)
	if !ok || named || len(types) == 0 {
		return "return"
	}
	return "return " + s.passing(d, types)
}

// passing are values of the result types of a Go function that let everything pass.
func (s *subject) passing(d *source.Decl, types []string) string {
	values := make([]string, len(types))
	for i, t := range types {
		at := slices.IndexFunc(d.Params, func(p source.Param) bool { return p.Type == t && p.Name != "_" })
		if at >= 0 && t != "error" && t != "bool" {
			values[i] = d.Params[at].Name
			continue
		}
		switch t {
		case "bool":
			values[i] = "true"
		case "string":
			values[i] = `""`
		case "int", "int64", "uint64", "byte":
			values[i] = "0"
		case "error", "any":
			values[i] = "nil"
		default:
			values[i] = "*new(" + t + ")"
			if strings.HasPrefix(t, "*") || strings.HasPrefix(t, "[]") || strings.HasPrefix(t, "map[") || strings.HasPrefix(t, "func(") {
				values[i] = "nil"
			}
		}
	}
	return strings.Join(values, ", ")
}

// results returns the result types of a Go function as written, and whether they have names.
func (s *subject) results(d *source.Decl) (types []string, named, ok bool) {
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, s.path, s.text, parser.SkipObjectResolution)
	if err != nil {
		return nil, false, false
	}
	at := func(p token.Pos) int { return set.PositionFor(p, false).Offset }
	var of *ast.FuncType
	ast.Inspect(parsed, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if n.Body != nil && d.Body.Start == at(n.Body.Lbrace)+1 {
				of = n.Type
			}
		case *ast.FuncLit:
			if d.Body.Start == at(n.Body.Lbrace)+1 {
				of = n.Type
			}
		}
		return of == nil
	})
	if of == nil {
		return nil, false, false
	}
	if of.Results == nil {
		return nil, false, true
	}
	for _, field := range of.Results.List {
		t := string(s.text[at(field.Type.Pos()):at(field.Type.End())])
		for range max(1, len(field.Names)) {
			types = append(types, t)
		}
		named = named || len(field.Names) > 0 && field.Names[0].Name != "_"
	}
	return types, named, true
}

// margin returns the blanks that a body begins and ends with, and those before its first statement.
func (s *subject) margin(d *source.Decl) (lead, tail, indent string) {
	body := s.part(d.Body)
	lead = body[:len(body)-len(strings.TrimLeft(body, " \t\r\n"))]
	tail = body[len(strings.TrimRight(body, " \t\r\n")):]
	if strings.TrimSpace(body) == "" {
		lead, tail = body, ""
	}
	first := d.Body.Start + len(lead)
	start := bytes.LastIndexByte(s.text[:first], '\n') + 1
	indent = string(s.text[start:first])
	if strings.TrimSpace(indent) != "" { // the body begins on the line of the declaration
		indent = ""
	}
	return lead, tail, indent
}

// emptyBody makes the function do nothing.
func (b *batch) emptyBody(s *subject, d *source.Decl) {
	lead, tail, _ := s.margin(d)
	var texts [][]byte
	for _, r := range s.returns(d) {
		texts = append(texts, spliced(s.text, change{d.Body, lead + r + tail}))
	}
	if m := b.add(EmptyBody, s, d.Qualified()+" does nothing", texts...); m != nil {
		if s.facts.Language == source.Go { // imports and variables that nothing uses any more are errors
			m.builds = s.early(d)[0]
		}
		if calls := s.facts.Within(d.Body); len(calls) > 0 {
			m.calls = "caller " + d.Qualified() + " and callee " + calls[0].Name
		}
	}
}

// returnEarly makes the function return before anything else.
func (b *batch) returnEarly(s *subject, d *source.Decl) {
	b.add(ReturnEarly, s, d.Qualified()+" returns before it does anything", s.early(d)...)
}

func (s *subject) early(d *source.Decl) [][]byte {
	lead, _, indent := s.margin(d)
	at := d.Body.Start + len(lead)
	var texts [][]byte
	for _, r := range s.returns(d) {
		by := r + " "
		if strings.Contains(lead, "\n") || indent != "" {
			by = r + "\n" + indent
		}
		texts = append(texts, spliced(s.text, change{source.Span{Start: at, End: at}, by}))
	}
	return texts
}

// branching are the words before a condition that something is decided by: not that of a loop, not the case of a switch.
var branching = regexp.MustCompile(`(?:^|[^\w.$])(?:if|elif|elsif|unless|assert|guard)\s*\(?\s*$|(?:^|[^\w.$])if\b[^;{}]*;\s*$`)

// conditions returns the spans of the conditions in the span that branch.
func (s *subject) conditions(within source.Span) []source.Span {
	var found []source.Span
	for _, c := range s.facts.ConditionsIn(within) {
		if strings.HasPrefix(s.part(c), "let ") { // a pattern, which has no opposite
			continue
		}
		before := s.text[max(0, c.Start-300):c.Start]
		after := bytes.TrimSpace(s.text[c.End:min(len(s.text), c.End+20)])
		if branching.Match(before) || len(after) > 1 && after[0] == '?' && after[1] != '.' && after[1] != '?' {
			found = append(found, c)
		}
	}
	return found
}

// inverted is a condition that holds when the given one does not.
func (s *subject) inverted(condition source.Span) []string {
	text := s.part(condition)
	if not, simple := strings.CutPrefix(text, "!"); simple && !strings.ContainsAny(not, "&|=<>?") {
		return append([]string{not}, in([]string{s.dialect().not}, text)...)
	}
	if not, simple := strings.CutPrefix(text, "not "); simple && !strings.Contains(not, " and ") && !strings.Contains(not, " or ") {
		return append([]string{not}, in([]string{s.dialect().not}, text)...)
	}
	for _, pair := range [][2]string{{" == ", " != "}, {" != ", " == "}, {" <= ", " > "}, {" >= ", " < "}, {" < ", " >= "}, {" > ", " <= "}} {
		left, right, cut := strings.Cut(text, pair[0])
		if cut && !strings.ContainsAny(left+right, "&|=<>!?") && !strings.Contains(left+right, " and ") && !strings.Contains(left+right, " or ") {
			return append([]string{left + pair[1] + right}, in([]string{s.dialect().not}, text)...)
		}
	}
	return in([]string{s.dialect().not}, text)
}

// invert inverts the conditions within the span that accept takes, each in a mutant of its own.
func (b *batch) invert(s *subject, within source.Span, accept func(source.Span) bool) {
	for _, c := range s.conditions(within) {
		if accept != nil && !accept(c) {
			continue
		}
		var texts [][]byte
		for _, by := range s.inverted(c) {
			texts = append(texts, spliced(s.text, change{c, by}))
		}
		b.add(InvertCondition, s, "the opposite of "+clip(s.part(c)), texts...)
	}
}

// removeDeclaration takes a declaration out, with its comments left.
func (b *batch) removeDeclaration(op Operator, s *subject, d *source.Decl) {
	whole := s.lineSpan(d.Span)
	b.add(op, s, d.Qualified()+" is gone",
		spliced(s.text, change{Span: whole}), spliced(s.text, change{Span: d.Span}), spliced(s.text, change{d.Span, s.dialect().skip}))
}

// clip cuts code to a few words on one line.
func clip(code string) string {
	code = strings.Join(strings.Fields(code), " ")
	if r := []rune(code); len(r) > 60 {
		return string(r[:59]) + "…"
	}
	return code
}
