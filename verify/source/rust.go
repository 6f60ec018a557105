package source

import (
	"strings"
	"unicode/utf8"
)

// Rust is cut into tokens here and read item by item; rust_body.go takes facts out of the bodies, rust_web.go what calls mean to
// HTTP, the environment and the runner of tests.
//
// Owners are modules and types, "mod.Type": a method belongs to the type that its impl is for, whatever the trait. A trait is an
// Interface, and its methods may lack a body, as functions of an extern block do: those are written elsewhere. What a macro makes, or
// is given, is not there; calls in what it is given are. A function within a function has that function as its owner. A closure is no
// function.
var rust = language{
	name:       Rust,
	extensions: []string{".rs"},
	parse:      parseRust,
	declared:   rustDeclared,
	tokens:     rustTokens,
}

// newRustLexer returns a lexer of Rust.
func newRustLexer(f *File) *lexer {
	l := newLexer(f)
	l.next = func() error { return rustToken(l) }
	return l
}

var rustMarks = []string{
	"...", "..=", "<<=", ">>=", "..", "::", "->", "=>", "==", "!=", "<=", ">=", "&&", "||", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=",
}

var rustString = literal{open: `"`, close: `"`, escape: '\\', lines: true, decode: true}

func rustToken(l *lexer) error {
	c := l.text[l.pos]
	switch {
	case l.has("//"):
		l.lineComment()
	case l.has("/*"):
		return l.blockComment("/*", "*/", true)
	case c == '"':
		return l.quoted(0, rustString)
	case c == '\'':
		return rustQuote(l, 0)
	case (c == 'b' || c == 'c') && l.byteAt(1) == '"':
		return l.quoted(1, rustString)
	case c == 'b' && l.byteAt(1) == '\'':
		return rustQuote(l, 1)
	case c == 'r' || (c == 'b' || c == 'c') && l.byteAt(1) == 'r':
		n := 1
		if c != 'r' {
			n = 2
		}
		hashes := 0
		for l.byteAt(n+hashes) == '#' {
			hashes++
		}
		if l.byteAt(n+hashes) == '"' {
			marks := l.src[l.pos+n : l.pos+n+hashes]
			return l.quoted(n, literal{open: marks + `"`, close: `"` + marks, lines: true})
		}
		if hashes == 1 && c == 'r' && isNameStart(l.byteAt(2)) { // r#type
			start := l.pos
			l.pos += 2
			l.word()
			l.tokens[len(l.tokens)-1].start = int32(start)
			return nil
		}
		l.word()
	case l.atNumber():
		l.number()
	case isNameStart(c):
		l.word()
	default:
		return l.mark(rustMarks)
	}
	return nil
}

// rustQuote takes a character, or the mark of a lifetime, whose name is a token of its own.
func rustQuote(l *lexer, prefix int) error {
	at := l.pos + prefix + 1
	if at < len(l.text) && l.text[at] != '\\' {
		r, size := utf8.DecodeRune(l.text[at:])
		if at+size >= len(l.text) || l.text[at+size] != '\'' || r == '\'' {
			l.add(markToken, l.pos, l.pos+prefix+1)
			return nil
		}
		l.note(string(r), Span{l.pos, at + size + 1})
		l.add(textToken, l.pos, at+size+1)
		return nil
	}
	return l.quoted(prefix, literal{open: "'", close: "'", escape: '\\', decode: true})
}

func rustTokens(text []byte) ([]Span, error) {
	f := &File{Text: text}
	f.indexLines()
	l := newRustLexer(f)
	err := l.run()
	return l.spans(), err
}

// rustFile is one file being turned into facts.
type rustFile struct {
	*reader
	declared map[int]bool      // names before brackets that are no calls
	names    map[string]string // local name of an import to what it stands for
	literals map[string]string // constants that are one string literal
	bodies   [][2]int          // tokens of bodies
}

var rustNotation = notation{
	joins: map[string]bool{".": true, "::": true},
	keywords: wordSet(`if else while for loop match return break continue in as let mut ref move fn Fn FnMut FnOnce where impl dyn unsafe async
		await use pub crate self super Self struct enum union trait type const static extern mod box yield try macro_rules`),
	receiver: wordSet(`self super crate Self`),
	generic:  true,
	bang:     true,
}

var (
	rustAngles = []string{"&&", "...", "!", "+", "{", "..", "-", "$", "#"}
	rustStops  = wordSet(`return match if while let in as else break move .. ..= += -= *= /= %= &= |= ^= <<= >>=`)
)

func parseRust(f *File) error {
	l := newRustLexer(f)
	if err := l.run(); err != nil {
		return err
	}
	r := &rustFile{reader: newReader(l), declared: map[int]bool{}, names: map[string]string{}, literals: map[string]string{}}
	r.angled = make([]bool, len(r.tokens)+1)
	r.arguments()
	r.items(0, len(r.tokens), "", "")
	r.notesComparisons(rustStops)
	r.notesCalls(&rustNotation, r.declared)
	r.macros()
	f.sort()
	r.web()
	return nil
}

// arguments marks the angle brackets of type arguments in expressions: behind "::" or the name of a type, and where a path begins
// with one.
func (r *rustFile) arguments() {
	for i := range r.tokens {
		if !r.is(i, "<") || r.angled[i] {
			continue
		}
		word := r.word(i - 1)
		spaced := r.at(i-1).end != r.at(i).start && r.at(i).end != r.at(i+1).start
		switch {
		case r.is(i-1, "::"), word != "" && (isCapital(word) || r.is(i-2, "fn")) && !spaced, word == "impl" || word == "for" || word == "as",
			r.isAny(i-1, ":", "->", "&", "=", "(", ",", "{", "}", ";", "<", "=>", "[") && r.at(i).end == r.at(i+1).start:
			r.angles(i, rustAngles...)
		}
	}
}

func isCapital(word string) bool { return word != "" && 'A' <= word[0] && word[0] <= 'Z' }

// plain is the name of a token without the mark of a raw one.
func (r *rustFile) plain(i int) string { return strings.TrimPrefix(r.word(i), "r#") }

func rustPath(owner, name string) string {
	if owner == "" {
		return name
	}
	return owner + "." + name
}

// items reads the items from token a up to b, which are members of the owner; within tells of what: "", "mod", "impl", "trait", "extern", "fn".
func (r *rustFile) items(a, b int, owner, within string) {
	for i := a; i < b; {
		r.work++
		next := r.item(i, b, owner, within)
		if next <= i {
			next = r.skip(i)
		}
		i = next
	}
}

// attributes reads the attributes at token i.
func (r *rustFile) attributes(i, b int) (next int, all []Decorator) {
	for i < b && r.is(i, "#") {
		open := i + 1
		if r.is(open, "!") {
			open++
		}
		m := r.partner(open)
		if !r.is(open, "[") || m < open {
			break
		}
		r.quiet(open, m)
		if open == i+1 {
			name, k := "", open+1
			for ; r.word(k) != "" || r.is(k, "::"); k++ {
				if r.is(k, "::") {
					name += "."
				} else if w := r.plain(k); w != "unsafe" || !r.is(k+1, "(") {
					name += w
				} else {
					k++ // unsafe(no_mangle)
				}
			}
			if name != "" {
				all = append(all, Decorator{Name: name, Text: r.part(r.span(i, m+1)), Line: r.lineOf(i)})
			}
		}
		i = m + 1
	}
	return i, all
}

// quiet keeps the names before brackets between two tokens from being taken for calls.
func (r *rustFile) quiet(a, b int) {
	for i := a; i < b; i++ {
		r.work++
		if r.isAny(i, "(", "[", "{") {
			name := r.nameBefore(i)
			r.declared[name] = true
			if r.is(name, "!") {
				r.declared[name-1] = true
			}
		}
	}
}

// nameBefore returns the index of what is called by a bracket: before it, and before type arguments.
func (r *rustFile) nameBefore(open int) int {
	i := open - 1
	if !r.is(i, ">") || !r.angled[i] {
		return i
	}
	for depth := 0; i > 0; i = r.back(i) {
		r.work++
		if r.angled[i] && r.is(i, ">") {
			depth++
		} else if r.angled[i] && r.is(i, "<") {
			if depth--; depth == 0 {
				break
			}
		}
	}
	if i--; r.is(i, "::") {
		i--
	}
	return i
}

// item reads the item at token i and returns the index behind it, or i where there is none.
func (r *rustFile) item(i, b int, owner, within string) int {
	start := i
	i, decorators := r.attributes(i, b)
	k := i
	for k < b {
		switch {
		case r.is(k, "pub"):
			if k++; r.is(k, "(") {
				k = r.skip(k)
			}
			continue
		case r.isAny(k, "default", "unsafe", "async", "safe", "gen") && r.isAny(k+1, "fn", "unsafe", "async", "extern", "impl", "trait", "const", "auto", "gen"),
			r.is(k, "const") && r.isAny(k+1, "fn", "unsafe", "async", "extern"), r.is(k, "auto") && r.is(k+1, "trait"), r.is(k, "default") && r.is(k+1, "type"):
			k++
			continue
		case r.is(k, "extern") && (r.is(k+1, "fn") || r.at(k+1).kind == textToken && r.is(k+2, "fn")):
			if k++; !r.is(k, "fn") {
				k++
			}
			continue
		}
		break
	}
	switch name := r.plain(k + 1); r.word(k) {
	case "fn":
		if name != "" {
			return r.function(start, k, b, owner, within, decorators)
		}
	case "struct", "enum", "union":
		if name != "" && (r.word(k) != "union" || r.isAny(k+2, "{", "<")) {
			return r.class(start, k, b, owner, decorators)
		}
	case "trait":
		if name != "" {
			return r.block(start, k, b, rustPath(owner, name), "trait", &Decl{Kind: Interface, Name: name, Owner: owner, Decorators: decorators, Line: r.lineOf(k + 1)})
		}
	case "impl":
		return r.impl(start, k, b, owner)
	case "mod":
		if name != "" {
			return r.block(start, k, b, rustPath(owner, name), "mod", nil)
		}
	case "type":
		if name != "" {
			end := r.end(k, b)
			if within != "trait" {
				r.Decls = append(r.Decls, Decl{Kind: Type, Name: name, Owner: owner, Decorators: decorators, Span: r.span(start, end), Line: r.lineOf(k + 1)})
			}
			return end
		}
	case "use":
		end := r.end(k, b)
		r.use(k+1, end-1, "", r.lineOf(k))
		return end
	case "extern":
		if r.is(k+1, "crate") && r.word(k+2) != "" {
			r.imported(r.plain(k+2), r.plain(k+2), r.lineOf(k))
			return r.end(k, b)
		}
		if open := k + 2; r.at(k+1).kind == textToken && r.is(open, "{") || r.is(k+1, "{") {
			if r.is(k+1, "{") {
				open = k + 1
			}
			r.items(open+1, r.closed(open, b), owner, "extern")
			return r.skip(open)
		}
	case "const", "static":
		if r.is(k+1, "{") { // a block
			return start
		}
		return r.constant(k, b, owner)
	case "macro_rules", "macro":
		for j := k + 1; j < min(k+6, b); j++ {
			if r.is(j, "{") || r.is(j, "(") && r.is(k, "macro_rules") {
				r.forget(j)
				return r.skip(j)
			}
		}
	default:
		if r.word(k) == "" || within == "fn" {
			break
		}
		j := k
		for r.word(j) != "" && r.is(j+1, "::") {
			j += 2
		}
		if r.word(j) != "" && r.is(j+1, "!") { // a macro: what it is given is no item
			j += 2
			if r.word(j) != "" {
				j++
			}
			if r.isAny(j, "{", "(", "[") {
				return r.skip(j)
			}
		}
	}
	if k > start && within != "fn" {
		return k
	}
	return start
}

// forget keeps all calls in a bracket out of the facts: a macro is written there.
func (r *rustFile) forget(open int) { r.quiet(open, r.closed(open, len(r.tokens))) }

func (r *rustFile) closed(open, b int) int {
	if m := r.partner(open); m > open && m <= b {
		return m
	}
	return b
}

// end returns the index behind the semicolon that ends the item at token i.
func (r *rustFile) end(i, b int) int {
	for ; i < b; i = r.skip(i) {
		r.work++
		if r.is(i, ";") {
			return i + 1
		}
	}
	return b
}

// opening returns the index of the brace or semicolon that ends the head of an item.
func (r *rustFile) opening(i, b int) int {
	for i < b {
		r.work++
		switch {
		case r.is(i, "{") || r.is(i, ";"):
			return i
		case r.is(i, "<"):
			if next := r.angles(i, rustAngles...); next > 0 {
				i = next
				continue
			}
		}
		i = r.skip(i)
	}
	return b
}

// block reads a trait or module with its items.
func (r *rustFile) block(start, k, b int, owner, within string, d *Decl) int {
	open := r.opening(k+2, b)
	if !r.is(open, "{") {
		return open + 1
	}
	if d != nil {
		d.Span, d.Body = r.span(start, r.skip(open)), r.inside(open)
		r.Decls = append(r.Decls, *d)
	}
	r.items(open+1, r.closed(open, b), owner, within)
	return r.skip(open)
}

// impl reads an implementation: its functions are members of the type.
func (r *rustFile) impl(start, k, b int, owner string) int {
	i := k + 1
	if r.is(i, "<") {
		if i = r.angles(i, rustAngles...); i < 0 {
			return start
		}
	}
	open := r.opening(i, b)
	if !r.is(open, "{") {
		return start
	}
	name := ""
	for j := i; j < open; {
		r.work++
		word := r.plain(j)
		switch {
		case word == "for" && !r.is(j+1, "<"):
			name = ""
		case word == "where":
			j = open
			continue
		case r.is(j, "'"):
			j++
		case word == "dyn" || word == "mut" || word == "const" || word == "":
		case r.is(j-1, "+"):
		default:
			name = word
		}
		if r.is(j, "<") {
			if next := r.angles(j, rustAngles...); next > 0 {
				j = next
				continue
			}
		}
		if r.isAny(j, "(", "[") && name == "" { // impl Trait for [T]
			name = r.text(j) + "…" + r.text(r.closed(j, open))
		}
		j = r.skip(j)
	}
	if strings.ContainsAny(name, "…") || name == "" {
		name = "?"
	}
	r.items(open+1, r.closed(open, b), rustPath(owner, name), "impl")
	return r.skip(open)
}

// class reads a struct, enum or union.
func (r *rustFile) class(start, k, b int, owner string, decorators []Decorator) int {
	d := Decl{Kind: Class, Name: r.plain(k + 1), Owner: owner, Decorators: decorators, Line: r.lineOf(k + 1)}
	open := r.opening(k+2, b)
	end := min(open+1, b)
	if r.is(open, "{") {
		d.Body = r.inside(open)
		end = r.skip(open)
	}
	r.quiet(k, end)
	for i := open + 1; i < end; i++ { // attributes of fields
		if r.is(i, "#") {
			r.settings(i)
		}
	}
	d.Span = r.span(start, end)
	r.Decls = append(r.Decls, d)
	return end
}

// constant reads a constant or static; its value may hold items.
func (r *rustFile) constant(k, b int, owner string) int {
	end := r.end(k, b)
	name := k + 1
	if r.is(name, "mut") {
		name++
	}
	if r.at(end-2).kind == textToken && r.is(end-3, "=") {
		if value, ok := r.literalValue(end - 2); ok {
			r.literals[r.plain(name)] = value
		}
	}
	for i := name; i < end; i = r.skip(i) {
		r.work++
		if r.is(i, "{") {
			r.body(i, owner)
		}
	}
	return end
}

// function reads a function whose "fn" is token k.
func (r *rustFile) function(start, k, b int, owner, within string, decorators []Decorator) int {
	d := Decl{Kind: Function, Name: r.plain(k + 1), Owner: owner, Decorators: decorators, Line: r.lineOf(k + 1)}
	r.declared[k+1] = true
	i := k + 2
	if r.is(i, "<") {
		if i = r.angles(i, rustAngles...); i < 0 {
			return start
		}
		r.declared[i-1] = true
	}
	if !r.is(i, "(") {
		return start
	}
	d.Params = r.params(i)
	open := r.opening(r.skip(i), b)
	if open >= b {
		return start
	}
	if r.is(open, "{") {
		d.Body = r.inside(open)
	} else if within != "trait" && within != "extern" {
		return open + 1
	}
	d.Span = r.span(start, r.skip(open))
	r.Decls = append(r.Decls, d)
	r.testOf(&d)
	if r.is(open, "{") {
		r.body(open, d.Qualified())
	}
	return r.skip(open)
}

// params reads the parameters in brackets.
func (r *rustFile) params(open int) []Param {
	var all []Param
	for i := open; i < r.closed(open, len(r.tokens)); i++ {
		if r.is(i, "<") && !r.angled[i] {
			r.angles(i, rustAngles...)
		}
	}
	for _, item := range r.reader.items(open, ",") {
		a, b := item[0], item[1]
		if next, _ := r.attributes(a, b); next > a {
			a = next
		}
		colon := a
		for colon < b && !r.is(colon, ":") {
			colon = r.skip(colon)
		}
		colon = min(colon, b)
		p := Param{Span: r.span(item[0], b)}
		if colon < b {
			p.Type = r.fold(r.span(colon+1, b))
		}
		for _, name := range r.bound(a, colon) {
			p.Name = name
			all = append(all, p)
		}
	}
	return all
}

// bound returns the names that a pattern binds.
func (r *rustFile) bound(a, b int) []string {
	var names []string
	for i := a; i < b; i++ {
		r.work++
		word := r.plain(i)
		switch {
		case word == "" || word == "mut" || word == "ref" || word == "box" || word == "_" || r.is(i-1, "'"):
		case r.isAny(i+1, "::", "(", "{", "!") || r.is(i-1, "::") || isCapital(word):
		case r.is(i+1, ":") && i+1 < b: // a field that is bound to another name
		default:
			names = append(names, word)
		}
	}
	return names
}

// use reads the tree of a use from token a up to b.
func (r *rustFile) use(a, b int, prefix string, line int) {
	path := prefix
	for i := a; i < b; i++ {
		r.work++
		word := r.plain(i)
		switch {
		case r.is(i, "{"):
			for _, item := range r.reader.items(i, ",") {
				r.use(item[0], item[1], path, line)
			}
			return
		case r.is(i, "*"):
			r.Imports = append(r.Imports, Import{Module: path, Names: []string{"*"}, Line: line})
			return
		case word == "as":
			r.imported(path, r.plain(i+1), line)
			return
		case word == "self" && path != "":
		case word != "":
			path = rustPath(path, word)
		}
	}
	r.imported(path, path[strings.LastIndexByte(path, '.')+1:], line)
}

// imported notes an import by its local name.
func (r *rustFile) imported(path, name string, line int) {
	if path == "" {
		return
	}
	im := Import{Module: path, Line: line}
	if name != path[strings.LastIndexByte(path, '.')+1:] {
		im.Alias = name
	}
	r.names[name] = path
	r.Imports = append(r.Imports, im)
}

// rustChecked are types of parameters whose values were validated when they were extracted from a request.
var rustChecked = wordSet(`Valid Validated ValidatedJson ValidatedForm ValidatedQuery ValidatedPath ValidJson Garde Validify`)

// rustDeclared tells whether the type of a parameter validates it: Valid<Json<T>> of axum-valid, Garde<…> and their kin.
func rustDeclared(f *File, d *Decl, p *Param) (line int, how string, ok bool) {
	name, _, generic := strings.Cut(p.Type, "<")
	name = name[strings.LastIndexByte(name, ':')+1:]
	return f.LineOf(p.Span.Start), "extracted by " + name, generic && rustChecked[name]
}
