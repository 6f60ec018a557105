package source

import (
	"slices"
	"strings"
)

// Swift is cut into tokens by swift_lex.go. Here declarations and imports are read in one pass, with a stack of what is around;
// swift_body.go takes conditions, handlers, closures and patterns out of the bodies, swift_web.go what calls mean to servers.
//
// The owner of what an extension adds is the type that it extends; the extension itself declares nothing. Initializers are called
// "init", finalizers "deinit", subscripts "subscript", operators by their sign. Properties that are computed are no functions.
var swift = language{
	name:       Swift,
	extensions: []string{".swift"},
	parse:      parseSwift,
	tokens:     swiftTokens,
}

var (
	swiftModifiers = wordSet(`public private fileprivate internal open package static class final override mutating nonmutating required
		convenience lazy weak unowned dynamic optional indirect prefix infix postfix isolated nonisolated distributed borrowing consuming`)
	swiftKeywords = wordSet(`as async await associatedtype break case catch class continue default defer deinit do else enum extension fallthrough
		fileprivate for func guard if import in inout internal is let nil operator precedencegroup private protocol public repeat rethrows return
		static struct subscript switch throw throws try typealias var where while some any unowned nonisolated`)
	// swiftOpeners are the words whose brace holds statements, and is no argument.
	swiftOpeners  = wordSet(`get set willSet didSet _read _modify else do repeat defer catch in return try await throw`)
	swiftNotation = &notation{
		joins:    map[string]bool{".": true, "?.": true, "!.": true},
		keywords: swiftKeywords,
		receiver: map[string]bool{"self": true, "super": true, "Self": true},
		generic:  true,
	}
)

// swiftBegins are the bytes with which the keywords of declarations begin.
var swiftBegins = [256]bool{'f': true, 'i': true, 's': true, 'd': true, 'c': true, 'e': true, 'a': true, 'p': true, 't': true, 'v': true, 'l': true}

// swiftFile is one file of Swift being turned into facts.
type swiftFile struct {
	*reader
	around   []swiftScope
	declared map[int]bool // names of declarations, by token
	owned    map[int]bool // braces of declarations and statements: no trailing closures
	muted    areas        // attributes and patterns: what looks like a call there is none
	made     map[string]string
	parents  map[string][]string // of a class, by its qualified name
	calls    []phpCall
}

// swiftScope is a type or function around, up to the token of its closing brace.
type swiftScope struct {
	end   int
	owner string
	typ   bool // a type or an extension
	proto bool // a protocol
}

func parseSwift(f *File) error {
	l, b := swiftLexer(f)
	if err := l.run(); err != nil {
		return err
	}
	if err := b.done(); err != nil {
		return err
	}
	s := &swiftFile{
		reader: newReader(l), declared: map[int]bool{}, owned: map[int]bool{}, made: map[string]string{}, parents: map[string][]string{},
	}
	s.generics()
	s.declarations()
	s.bodies()
	s.notesComparisons(swiftStops)
	s.notesCalls(swiftNotation, s.declared)
	s.trailing()
	s.Calls = slices.DeleteFunc(s.Calls, func(c Call) bool { return s.muted.holds(c.Span.Start) })
	s.web()
	return nil
}

// generics finds the marks that enclose type arguments: right behind a name, with nothing between them that no type is written with.
func (s *swiftFile) generics() {
	for i := range s.tokens {
		if !s.is(i, "<") || s.angled != nil && s.angled[i] || s.word(i-1) == "" && !s.is(i-2, "func") && !s.is(i-2, "init") {
			continue
		}
		if s.tokens[i-1].end == s.tokens[i].start || s.is(i-2, "func") {
			s.angles(i, "...", "~")
		}
	}
}

// pastAngles returns the index behind the type arguments or parameters at i, or i where there are none.
func (s *swiftFile) pastAngles(i int) int {
	if !s.is(i, "<") || s.angled == nil || !s.angled[i] {
		return i
	}
	depth := 0
	for j := i; j < len(s.tokens); j = s.skip(j) {
		s.work++
		if !s.angled[j] {
			continue
		}
		if s.is(j, "<") {
			depth++
		} else if depth--; depth == 0 {
			return j + 1
		}
	}
	return i + 1
}

func (s *swiftFile) scope() swiftScope {
	if n := len(s.around); n > 0 {
		return s.around[n-1]
	}
	return swiftScope{end: len(s.tokens)}
}

// plainSwift is a name without the backticks that let keywords be names.
func plainSwift(s string) string { return strings.Trim(s, "`") }

// member reports whether the word at token i is a member of something, an attribute or a macro, and so no keyword.
func (s *swiftFile) member(i int) bool {
	t := s.at(i - 1)
	if t.kind != markToken {
		return false
	}
	switch s.src[t.end-1] {
	case '.':
		return t.end-t.start < 3 // and not "..."
	case '#', '@', '\\':
		return true
	}
	return false
}

// declarations goes over all tokens once.
func (s *swiftFile) declarations() {
	for i := range s.tokens {
		for n := len(s.around); n > 0 && s.around[n-1].end <= i; n = len(s.around) {
			s.around = s.around[:n-1]
		}
		switch t := s.tokens[i]; t.kind {
		case markToken:
			if s.is(i, "@") && s.word(i+1) != "" {
				_, next := s.dotted(i + 1)
				if s.is(next, "(") && s.at(next).start == s.at(next-1).end {
					next = s.skip(next)
				}
				s.muted.add(s.span(i, next))
			}
		case wordToken:
			if !swiftBegins[s.src[t.start]] || s.member(i) {
				continue
			}
			switch s.text(i) {
			case "func":
				s.function(i)
			case "init", "subscript":
				if s.scope().typ {
					s.function(i)
				}
			case "deinit":
				if s.scope().typ && s.is(i+1, "{") {
					s.declare(i, i, -1, i+1)
				}
			case "class", "struct", "enum", "actor", "protocol", "extension":
				s.typeDecl(i)
			case "typealias", "associatedtype":
				if s.word(i+1) != "" {
					d := s.begins(i)
					d.Kind, d.Name, d.Line = Type, plainSwift(s.word(i+1)), s.lineOf(i+1)
					end := s.lineStop(i + 2)
					d.Span.End = int(s.at(end - 1).end)
					s.Decls = append(s.Decls, d)
				}
			case "import":
				s.imports(i)
			case "var", "let":
				s.property(i)
			}
		}
	}
}

// lineStop returns the index of the first token from i on that begins a line or ends what is around.
func (s *swiftFile) lineStop(i int) int {
	for n := 0; i < len(s.tokens) && n < 100; i, n = s.skip(i), n+1 {
		s.work++
		t := s.tokens[i]
		if t.fresh || s.is(i, ";") || t.match >= 0 && int(t.match) < i {
			break
		}
	}
	return min(i, len(s.tokens))
}

func (s *swiftFile) dotted(i int) (string, int) {
	if s.word(i) == "" {
		return "", i
	}
	name := plainSwift(s.word(i))
	for i++; ; i += 2 {
		s.work++
		next := s.pastAngles(i)
		if !s.is(next, ".") || s.word(next+1) == "" {
			return name, i
		}
		name += "." + plainSwift(s.word(next+1))
		i = next
	}
}

// begins returns a declaration whose keyword is token i, with the modifiers and attributes before it.
func (s *swiftFile) begins(i int) Decl {
	d := Decl{Owner: s.scope().owner}
	for {
		s.work++
		k := i - 1
		open := -1
		if s.is(k, ")") {
			open = s.partner(k)
			k = open - 1
		}
		if w := s.word(k); open < 0 && swiftModifiers[w] && !s.member(k) || open > 0 && (w == "private" || w == "fileprivate" || w == "unowned" || w == "nonisolated" || w == "internal" || w == "public") {
			i = k
			continue
		}
		first := k
		for s.word(first) != "" && s.is(first-1, ".") && s.word(first-2) != "" {
			first -= 2
		}
		if s.word(first) == "" || !s.is(first-1, "@") {
			break
		}
		name, _ := s.dotted(first)
		d.Decorators = append(d.Decorators, Decorator{Name: name, Text: s.part(s.span(first-1, i)), Line: s.lineOf(first - 1)})
		i = first - 1
	}
	slices.Reverse(d.Decorators)
	d.Span.Start = int(s.at(i).start)
	return d
}

// function reads the function, initializer or subscript whose keyword is token i.
func (s *swiftFile) function(i int) {
	at := i
	open := i + 1
	if s.is(i, "func") {
		at = i + 1
		open = at + 1
		if s.word(at) == "" { // an operator
			for open = at; open < at+5 && !s.is(open, "(") && s.at(open).kind == markToken && !(s.angled != nil && s.angled[open]); open++ {
				s.work++
				if open > at && s.is(open, "<") && s.at(open).start > s.at(open-1).end && s.angles(open, "...", "~") > 0 {
					break // the type parameters behind an operator
				}
			}
			if open == at {
				return
			}
		}
	} else if s.isAny(open, "?", "!") {
		open++
	}
	nameEnd := open
	open = s.pastAngles(open)
	if !s.is(open, "(") || s.partner(open) < 0 {
		return
	}
	name := plainSwift(s.src[s.at(at).start:s.at(nameEnd-1).end])
	if !s.is(i, "func") {
		name = s.word(i)
	}
	if strings.ContainsAny(name, " \t\n") {
		return
	}
	k := s.partner(open) + 1
	for s.isAny(k, "async", "throws", "rethrows", "reasync") {
		if k++; s.is(k, "(") && s.is(k-1, "throws") {
			k = s.skip(k)
		}
		s.work++
	}
	if s.is(k, "->") {
		k = s.behindType(k + 1)
	}
	if s.is(k, "where") {
		for k++; k < len(s.tokens) && !s.is(k, "{") && !(s.at(k).fresh && !s.isAny(k-1, ",", "where", ":", "==", "&")); k = s.skip(k) {
			s.work++
		}
	}
	if !s.is(k, "{") && !s.scope().proto {
		return
	}
	d := s.declare(i, at, open, k)
	d.Name = name
	s.declared[nameEnd-1], s.declared[at], s.declared[open-1] = true, true, true
	if n := len(s.around); n > 0 && s.is(k, "{") && !s.scope().proto {
		s.around[n-1].owner = d.Qualified()
	}
	s.testOf(d, i)
}

// behindType returns the index behind the type that begins at token k.
func (s *swiftFile) behindType(k int) int {
	for k < len(s.tokens) {
		s.work++
		if s.at(k).fresh && !s.isAny(k-1, "->", ".", "&", ",", ":") {
			return k
		}
		switch {
		case s.is(k, "where"), s.is(k, "{"):
			return k
		case s.is(k, "("), s.is(k, "["):
			k = s.skip(k)
		case s.is(k, "<") && s.pastAngles(k) > k:
			k = s.pastAngles(k)
		case s.word(k) != "" && !s.isAny(k, "func", "var", "let", "init", "case"), s.isAny(k, ".", "?", "!", "&", "->", "...", "~", "@", "?.", "!."):
			k++
		default:
			return k
		}
	}
	return k
}

// declare declares the function whose keyword is token i and whose name is token at; its body begins at token k, or does not.
func (s *swiftFile) declare(i, at, open, k int) *Decl {
	d := s.begins(i)
	d.Kind, d.Name, d.Line = Function, s.word(at), s.lineOf(at)
	end := k - 1
	if s.is(k, "{") && !(s.scope().proto && s.at(k).fresh) {
		end = s.partner(k)
		if end > k+1 {
			d.Body = s.inside(k)
		} else {
			d.Body = Span{int(s.at(k).end), int(s.at(k).end)} // nothing stands in it
		}
		s.owned[k] = true
	}
	if open > 0 {
		d.Params = s.params(open)
	}
	d.Span.End = int(s.at(end).end)
	s.Decls = append(s.Decls, d)
	if end > k {
		s.around = append(s.around, swiftScope{end: end, owner: d.Qualified()})
	}
	return &s.Decls[len(s.Decls)-1]
}

// params reads the parameters in the bracket: "label name: Type = default".
func (s *swiftFile) params(open int) []Param {
	var all []Param
	for _, item := range s.items(open, ",") {
		a, b := item[0], item[1]
		for s.is(a, "@") {
			_, a = s.dotted(a + 1)
			if s.is(a, "(") {
				a = s.skip(a)
			}
		}
		colon := a
		for colon < b && !s.is(colon, ":") {
			colon = s.skip(colon)
			s.work++
		}
		if colon >= b || s.word(colon-1) == "" {
			continue
		}
		s.labels = append(s.labels, int(s.at(a).start))
		end := colon + 1
		for end < b && !s.is(end, "=") {
			end = s.skip(end)
			s.work++
		}
		all = append(all, Param{Name: plainSwift(s.word(colon - 1)), Type: s.fold(s.span(colon+1, end)), Span: s.span(item[0], b)})
	}
	return all
}

// typeDecl reads the type or extension whose keyword is token i.
func (s *swiftFile) typeDecl(i int) {
	if s.word(i+1) == "" || swiftModifiers[s.word(i+1)] || s.isAny(i+1, "func", "var", "let", "subscript", "init", "async") {
		return
	}
	name, k := s.dotted(i + 1)
	if !s.is(i, "extension") {
		name, k = plainSwift(s.word(i+1)), i+2
	}
	k = s.pastAngles(k)
	var parents []string
	for ; k < len(s.tokens) && !s.is(k, "{"); k++ {
		s.work++
		if s.is(k, "(") || s.is(k, "[") {
			k = s.partner(k)
			continue
		}
		switch {
		case s.word(k) != "":
			if s.isAny(k, "func", "var", "let", "class", "struct", "enum", "extension", "import", "init", "return", "if", "case") {
				return
			}
			parents = append(parents, s.word(k))
		case s.isAny(k, ",", ":", ".", "&", "<", ">", "==", "@", "~", "?", "..."):
		default:
			return
		}
	}
	if !s.is(k, "{") {
		return
	}
	m := s.partner(k)
	s.owned[k] = true
	scope := swiftScope{end: m, typ: true, proto: s.is(i, "protocol")}
	if owner := s.scope().owner; s.is(i, "extension") || owner == "" {
		scope.owner = name
	} else {
		scope.owner = owner + "." + name
	}
	if !s.is(i, "extension") {
		d := s.begins(i)
		d.Kind, d.Name, d.Line = Class, name, s.lineOf(i+1)
		if scope.proto {
			d.Kind = Interface
		}
		d.Body = s.inside(k)
		d.Span.End = int(s.at(m).end)
		s.declared[i+1] = true
		s.Decls = append(s.Decls, d)
		s.parents[scope.owner] = parents
	}
	s.around = append(s.around, scope)
}

// imports reads "import A.B" and "import struct A.B" at token i.
func (s *swiftFile) imports(i int) {
	k := i + 1
	if s.isAny(k, "struct", "class", "enum", "protocol", "typealias", "func", "let", "var", "actor") && s.word(k+1) != "" && !s.at(k+1).fresh {
		k++
	}
	if name, next := s.dotted(k); name != "" && !s.at(k).fresh && (s.at(next).fresh || s.at(next).kind == noToken || s.isAny(next, ";", "}")) {
		s.Imports = append(s.Imports, Import{Module: name, Line: s.lineOf(i)})
	}
}

// property looks at "var x: Type { … }" and "let x = Type(…)" at token i.
func (s *swiftFile) property(i int) {
	if s.word(i+1) == "" {
		return
	}
	k := i + 2
	if s.is(k, ":") {
		if k = s.behindType(k + 1); s.is(k, "{") {
			s.owned[k] = true
			return
		}
	}
	if !s.is(k, "=") {
		return
	}
	if name, next := s.dotted(k + 1); name != "" {
		meaning := ""
		if last := name[strings.LastIndexByte(name, '.')+1:]; s.is(next, "(") && last[0] >= 'A' && last[0] <= 'Z' || name == "ProcessInfo.processInfo.environment" && !s.is(next, "[") {
			meaning = name
		}
		if have, known := s.made[s.word(i+1)]; known && have != meaning {
			meaning = ""
		}
		s.made[s.word(i+1)] = meaning
	}
}

// testOf notes a test: a method test… without parameters of a class derived from a test case, or a function with @Test.
func (s *swiftFile) testOf(d *Decl, keyword int) {
	if d.Body.Empty() || !s.is(keyword, "func") {
		return
	}
	for _, a := range d.Decorators {
		if a.Name == "Test" || a.Name == "Testing.Test" {
			if !strings.Contains(a.Text, ".disabled(") {
				s.Tests = append(s.Tests, Test{Name: d.Qualified(), Line: d.Line})
			}
			return
		}
	}
	if !strings.HasPrefix(d.Name, "test") || len(d.Params) > 0 {
		return
	}
	for k := keyword - 1; swiftModifiers[s.word(k)]; k-- {
		if s.isAny(k, "private", "fileprivate", "static", "class") {
			return
		}
	}
	if slices.ContainsFunc(s.parents[d.Owner], func(p string) bool { return strings.HasSuffix(p, "TestCase") }) {
		s.Tests = append(s.Tests, Test{Name: d.Qualified(), Line: d.Line})
	}
}
