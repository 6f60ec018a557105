package source

import (
	"slices"
	"strings"
)

// Kotlin is cut into tokens by the shared lexer, ends of lines included where they may end a statement, and read in one pass:
// "fun", "class", "interface", "object" and "typealias" are words of the language that begin a declaration wherever they stand.
//
// A function that extends a type belongs to it ("String.slug"), unless it stands in a class; members of a companion object
// without a name belong to the class around it; methods of anonymous objects and local functions belong to the function around
// them. Names in backquotes lose these. Accessors of properties, initializers and further constructors have no name and are left
// out; so are functions that are values.
var kotlin = language{
	name:       Kotlin,
	extensions: []string{".kt", ".kts"},
	parse:      parseKotlin,
	declared:   jvmDeclared,
	tokens:     kotlinTokens,
}

// kotlinOperators are the marks of more than one byte, longest first; ">" is always single, for the sake of type arguments.
var kotlinOperators = []string{"===", "!==", "!!.", "..<", "->", "::", "?.", "?:", "!!", "..", "==", "!=", "<=", "&&", "||", "++", "--", "+=", "-=", "*=", "/=", "%="}

var (
	// kotlinOpen are the marks after which a line goes on.
	kotlinOpen = markSet("= += -= *= /= %= , ( [ -> && || ?: + - / % == != === !== <= : :: . ?. !!. .. ..< &")
	// kotlinGoing are what a line may begin with to go on with the one before.
	kotlinGoing = []string{".", "?.", "?:", "&&", "||", "!!."}
)

// kotlinNotation is how calls are written.
var kotlinNotation = &notation{
	joins: map[string]bool{".": true, "?.": true, "!!.": true},
	keywords: wordSet(`as break class continue do else false for fun if in interface is null object package return super this throw
		true try typealias val var when while by catch finally constructor where`),
	receiver: map[string]bool{"this": true, "super": true},
	generic:  true,
}

var (
	kotlinModifiers = wordSet(`public private protected internal open abstract final override suspend inline infix operator tailrec
		external data sealed enum annotation inner value const lateinit vararg noinline crossinline expect actual companion reified`)
	kotlinStops = wordSet("return throw else if while when in is as do by if try")
)

// kotlinFrame is a part of the text whose declarations belong to something.
type kotlinFrame struct {
	end   int // index behind it
	open  int // index of the brace of a "when"; -1 for others
	owner string
	class bool // members stand here, no statements
}

// kotlinfile is one Kotlin file being turned into facts.
type kotlinfile struct {
	*jvm
	frames   []kotlinFrame
	opening  map[int]kotlinFrame // by the brace that begins them
	brackets []int               // that are open
	pending  javaModified        // annotations and modifiers that wait for their declaration
	start    int                 // the first of them; -1 without any
}

func parseKotlin(f *File) error {
	l := kotlinLexer(f)
	if err := l.run(); err != nil {
		return err
	}
	k := &kotlinfile{jvm: newJVM(newReader(l)), opening: map[int]kotlinFrame{}, start: -1}
	k.generics(true)
	if err := k.read(); err != nil {
		return err
	}
	k.notesComparisons(kotlinStops)
	k.notesCalls(kotlinNotation, k.named)
	for i := range k.Calls {
		k.Calls[i].Name = strings.ReplaceAll(k.Calls[i].Name, "`", "")
	}
	k.web()
	k.indexed()
	k.specs()
	return nil
}

func (k *kotlinfile) unknown(i int) error {
	return k.syntaxError(min(int(k.at(i).start), len(k.Text)), "what stands here is not understood as Kotlin")
}

// nl returns the index of the next token that is no end of a line.
func (k *kotlinfile) nl(i int) int {
	for k.at(i).kind == newlineToken {
		i++
	}
	return i
}

// frame returns the innermost frame.
func (k *kotlinfile) frame() kotlinFrame {
	if n := len(k.frames); n > 0 {
		return k.frames[n-1]
	}
	return kotlinFrame{end: len(k.tokens), open: -1, class: true}
}

func (k *kotlinfile) push(f kotlinFrame) { k.frames = append(k.frames, f) }

// forget drops what waits for a declaration.
func (k *kotlinfile) forget() { k.pending, k.start = javaModified{}, -1 }

// take returns what waited, and the first token of the declaration that begins at token i.
func (k *kotlinfile) take(i int) (javaModified, int) {
	m, start := k.pending, k.start
	k.forget()
	if start < 0 {
		start = i
	}
	return m, start
}

// read goes over the whole file.
func (k *kotlinfile) read() error {
	for i := 0; i < len(k.tokens); {
		k.work++
		for n := len(k.frames); n > 0 && i >= k.frames[n-1].end; n = len(k.frames) {
			k.frames = k.frames[:n-1]
		}
		t := k.tokens[i]
		switch {
		case t.kind == wordToken && !k.isAny(i-1, ".", "?.", "!!.", "::"):
			next, err := k.keyword(i)
			if err != nil {
				return err
			}
			i = next
			continue
		case t.kind == newlineToken:
			i++
			continue
		case t.kind == markToken && k.is(i, "@"):
			next := k.annotation(i)
			if next > i {
				i = next
				continue
			}
		}
		k.forget()
		if t.kind == markToken {
			k.mark(i)
		}
		i++
	}
	return nil
}

// annotation reads the annotation at token i and keeps it for the declaration that follows; its arguments are read as code.
func (k *kotlinfile) annotation(i int) int {
	start := i
	i++
	if k.word(i) != "" && k.is(i+1, ":") && k.at(i+1).start == k.at(i).end { // @get:Name, @file:Name
		i += 2
	}
	list := -1
	if k.is(i, "[") {
		list, i = k.partner(i), i+1
	}
	for k.word(i) != "" {
		k.work++
		name, at := k.text(i), i
		for i++; k.is(i, ".") && k.word(i+1) != ""; i += 2 {
			name += "." + k.text(i+1)
		}
		if k.is(i, "<") {
			if e := k.angles(i); e > 0 {
				i = e
			}
		}
		d := Decorator{Name: name, Line: k.lineOf(start)}
		k.marks = append(k.marks, jvmMark{name, at, i})
		if k.is(i, "(") && (k.at(i).start == k.at(i-1).end || list >= 0) {
			k.named[i-1] = true
			k.arguments(i)
			i = k.skip(i)
		}
		d.Text = k.part(k.span(start, i))
		k.pending.decorators = append(k.pending.decorators, d)
		if list < 0 {
			break
		}
	}
	if list >= 0 {
		i = list + 1
	}
	if k.start < 0 {
		k.start = start
	}
	return i
}

// arguments notes the names of arguments that are given by name.
func (k *kotlinfile) arguments(open int) {
	for _, item := range k.items(open, ",") {
		if a := item[0]; k.word(a) != "" && k.is(a+1, "=") {
			k.labels = append(k.labels, int(k.at(a).start))
		}
	}
}

// mark looks at a bracket or operator.
func (k *kotlinfile) mark(i int) {
	switch {
	case k.isAny(i, "(", "[", "{"):
		k.brackets = append(k.brackets, i)
		if k.is(i, "{") {
			k.brace(i)
		}
	case k.isAny(i, ")", "]", "}"):
		if n := len(k.brackets); n > 0 {
			k.brackets = k.brackets[:n-1]
		}
	case k.is(i, "="): // of an argument that is given by name
		if n := len(k.brackets); n > 0 && k.word(i-1) != "" && k.isAny(i-2, "(", ",") && k.is(k.brackets[n-1], "(") {
			k.labels = append(k.labels, int(k.at(i-1).start))
		}
	case k.is(i, "->"):
		f := k.frame()
		if n := len(k.brackets); f.open >= 0 && n > 0 && k.brackets[n-1] == f.open && !k.is(i-1, "else") {
			a := i
			for n := 0; n < 100 && a-1 > f.open && k.at(a-1).kind != newlineToken && !k.isAny(a-1, ";", "}", "->"); n++ {
				a = k.back(a-1) + 1
				k.work++
			}
			k.condition(a, i)
		}
	case k.is(i, "?:") && k.isAny(i+1, "throw", "return", "error", "continue", "break"):
		k.condition(k.operand(i), i)
	}
}

// brace begins the body that waits for it, or is a lambda.
func (k *kotlinfile) brace(i int) {
	if f, ok := k.opening[i]; ok {
		k.push(f)
		return
	}
	if k.at(i-1).kind == textPartToken || k.at(i-1).kind == textOpenToken {
		return
	}
	var names []string
	for a, n := i+1, 0; n < 60; a, n = a+1, n+1 {
		k.work++
		w := k.word(a)
		if k.is(a, "->") {
			k.scopes = append(k.scopes, scope{span: k.span(i, k.skip(i)), names: names})
			break
		}
		if w == "" && k.at(a).kind != newlineToken && !k.isAny(a, ",", ":", ".", "?", "<", ">", "(", ")", "*") {
			break
		}
		before := a - 1
		for k.at(before).kind == newlineToken {
			before--
		}
		if w != "" && k.isAny(before, "{", ",", "(") {
			names = append(names, w)
		}
	}
	// name { … }: a call with a lambda for its only argument.
	at := k.beforeAngles(i - 1)
	w := k.word(at)
	if w == "" || k.named[at] || kotlinNotation.keywords[w] && !k.isAny(at-1, ".", "?.") || k.frame().class && w == "init" && len(k.frames) > 0 {
		return
	}
	name, first := k.chain(at, kotlinNotation)
	if name == "" {
		return
	}
	start := int(k.at(first).start)
	k.Calls = append(k.Calls, Call{Name: name, Span: Span{start, k.span(i, k.skip(i)).End}, Args: []Span{k.span(i, k.skip(i))}, Line: k.LineOf(start)})
	k.opens = append(k.opens, i)
}

// keyword looks at the word at token i and returns the index to go on with.
func (k *kotlinfile) keyword(i int) (int, error) {
	w := k.word(i)
	switch w {
	case "package", "import":
		if b := k.at(i - 1).kind; len(k.frames) == 0 && (i == 0 || b == newlineToken || k.is(i-1, ";") || b == noToken || len(k.pending.decorators) > 0) && k.word(i+1) != "" {
			k.forget()
			return k.imported(i), nil
		}
	case "fun":
		return k.function(i)
	case "class", "interface":
		return k.class(i)
	case "object":
		return k.class(i)
	case "typealias":
		if name := i + 1; k.word(name) != "" {
			m, start := k.take(i)
			k.declare(Decl{
				Kind: Type, Name: k.plain(name), Owner: k.frame().owner, Decorators: m.decorators, Line: k.lineOf(name), Span: k.span(start, k.ends(name)),
			}, m.words, Span{})
			return name + 1, nil
		}
	case "val", "var":
		k.forget()
		return k.property(i), nil
	case "if", "while":
		if k.is(i+1, "(") {
			k.condition(i+2, k.partner(i+1))
		}
	case "when":
		b := k.nl(i + 1)
		if k.is(b, "(") {
			k.condition(b+1, k.partner(b))
			b = k.nl(k.skip(b))
		}
		if k.is(b, "{") {
			k.opening[b] = kotlinFrame{end: k.skip(b), open: b, owner: k.frame().owner}
		}
	case "catch":
		if k.is(i+1, "(") && k.is(i-1, "}") {
			k.caught(i)
		}
	case "is", "in":
		k.tested(i)
	case "get", "set", "constructor":
		if f := k.frame(); f.class && k.is(i+1, "(") {
			k.named[i] = true
			if w == "constructor" {
				k.params(i + 1)
			}
		}
	default:
		if (k.word(i+1) != "" || k.is(i+1, "@") || k.at(i+1).kind == newlineToken) && kotlinModifiers[w] {
			if k.start < 0 {
				k.start = i
			}
			if k.pending.words == nil {
				k.pending.words = map[string]bool{}
			}
			k.pending.words[w] = true
			return i + 1, nil
		}
	}
	k.forget()
	return i + 1, nil
}

// plain returns the name at a token without its backquotes.
func (k *kotlinfile) plain(i int) string { return strings.Trim(k.text(i), "`") }

// imported reads "package a.b" or "import a.b.C as D" and returns the index behind it.
func (k *kotlinfile) imported(i int) int {
	im := Import{Line: k.lineOf(i)}
	keep := k.is(i, "import")
	var parts []string
	for i++; k.word(i) != "" || k.is(i, "*"); i++ {
		parts = append(parts, k.plain(i))
		if i++; !k.is(i, ".") {
			break
		}
	}
	if n := len(parts); n > 1 && parts[n-1] == "*" {
		im.Names, parts = parts[n-1:], parts[:n-1]
	}
	if k.is(i, "as") {
		im.Alias = k.plain(i + 1)
		i += 2
	}
	if im.Module = strings.Join(parts, "."); keep && im.Module != "" {
		k.Imports = append(k.Imports, im)
	}
	return i
}

// typeEnd returns the index behind the type at token i.
func (k *kotlinfile) typeEnd(i int) int {
	for {
		k.work++
		switch {
		case k.is(i, "@") && k.word(i+1) != "":
			i += 2
			if k.is(i, "(") && k.at(i).start == k.at(i-1).end {
				i = k.skip(i)
			}
			continue
		case k.is(i, "suspend") && (k.is(i+1, "(") || k.word(i+1) != ""):
			i++
			continue
		case k.is(i, "("):
			i = k.skip(i)
		case k.word(i) != "":
			i++
			if k.is(i, "<") {
				if e := k.angles(i); e > 0 {
					i = e
				}
			}
		default:
			return i
		}
		for k.isAny(i, "?", "!!") {
			i++
		}
		if k.isAny(i, ".", "?.", "->", "&") {
			i = k.nl(i + 1)
			continue
		}
		return i
	}
}

// ends returns the index behind the expression or the line in which token i stands.
func (k *kotlinfile) ends(i int) int {
	for i < len(k.tokens) {
		k.work++
		if k.isAny(i, ")", "]", "}", ";", ",") || k.at(i).kind == textCloseToken {
			return i
		}
		if k.at(i).kind == newlineToken {
			head := k.partner(i - 1)
			if !(k.is(i-1, ")") && head > 0 && k.isAny(head-1, "if", "while", "for")) && !k.isAny(i-1, "try", "do") {
				return i
			}
		}
		i = k.skip(i)
	}
	return i
}

// function reads what follows "fun" at token i.
func (k *kotlinfile) function(i int) (int, error) {
	j := k.nl(i + 1)
	if k.is(j, "interface") {
		if k.start < 0 {
			k.start = i
		}
		return k.class(j)
	}
	m, start := k.take(i)
	if k.is(j, "<") {
		if j = k.angles(j); j < 0 {
			return 0, k.unknown(i)
		}
		j = k.nl(j)
	}
	receiver, name := j, -1
	if k.is(j, "(") {
		p := k.skip(j)
		if !k.isAny(p, ".", "?.") {
			k.anonymous(j)
			return j, nil
		}
		j = p + 1
	}
	for {
		k.work++
		for k.is(j, "@") && k.word(j+1) != "" {
			if j += 2; k.is(j, "(") {
				j = k.skip(j)
			}
		}
		if k.word(j) == "" {
			break
		}
		name = j
		if j++; k.is(j, "<") {
			if j = k.angles(j); j < 0 {
				return 0, k.unknown(name)
			}
			name = -1
		}
		for k.is(j, "?") {
			j++
		}
		if !k.isAny(j, ".", "?.") {
			break
		}
		j, name = j+1, -1
	}
	j = k.nl(j)
	switch {
	case !k.is(j, "("):
		return 0, k.unknown(i)
	case name < 0 && k.isAny(j-1, ".", "?."):
		k.anonymous(j)
		return j, nil
	case name < 0 || kotlinNotation.keywords[k.word(name)]:
		return 0, k.unknown(i)
	}
	k.named[name] = true
	f := k.frame()
	d := Decl{Kind: Function, Name: k.plain(name), Owner: f.owner, Decorators: m.decorators, Line: k.lineOf(name), Params: k.params(j)}
	if f.owner == "" && len(k.frames) == 0 {
		d.Owner = k.extended(receiver, name)
	}
	end := k.skip(j)
	if c := k.nl(end); k.is(c, ":") {
		t := k.nl(c + 1)
		end = k.typeEnd(t)
		k.returns(len(k.Decls), k.span(t, end))
	}
	if c := k.nl(end); k.is(c, "where") {
		for end = c; end < len(k.tokens) && !k.isAny(end, "{", "=", "}", ";") && k.at(end).kind != newlineToken; end++ {
		}
	}
	switch c := k.nl(end); {
	case k.is(c, "{"):
		d.Body, end = k.bodyOf(c), k.skip(c)
	case k.is(c, "="):
		value := k.nl(c + 1)
		end = k.ends(value)
		d.Body = k.span(value, end)
	}
	d.Span = k.span(start, end)
	if d.Body == (Span{}) {
		d.Body = Span{d.Span.End, d.Span.End}
	}
	k.declare(d, m.words, Span{})
	k.push(kotlinFrame{end: end, open: -1, owner: d.Qualified()})
	return j, nil
}

// extended returns the name of the type that stands before the name of a function.
func (k *kotlinfile) extended(a, name int) string {
	var parts []string
	for i := a; i < name; {
		k.work++
		switch {
		case k.is(i, "<"):
			e := k.angles(i)
			if e < 0 {
				return ""
			}
			i = e
			continue
		case k.is(i, "("):
			i = k.skip(i)
			continue
		case k.is(i, "@"):
			i++
		case k.word(i) != "":
			parts = append(parts, k.plain(i))
		}
		i++
	}
	return strings.Join(parts, ".")
}

// anonymous notes the names that a function without a name binds; open is the bracket of its parameters.
func (k *kotlinfile) anonymous(open int) {
	var names []string
	for _, p := range k.params(open) {
		names = append(names, p.Name)
	}
	body := k.nl(k.skip(open))
	if k.is(body, ":") {
		body = k.nl(k.typeEnd(k.nl(body + 1)))
	}
	end := k.ends(body)
	if k.is(body, "{") {
		end = k.skip(body)
		k.opening[body] = kotlinFrame{end: end, open: -1, owner: k.frame().owner}
	}
	if len(names) > 0 {
		k.scopes = append(k.scopes, scope{span: k.span(open, end), names: names})
	}
}

// params reads the parameters in the bracket.
func (k *kotlinfile) params(open int) []Param {
	var all []Param
	for _, item := range k.items(open, ",") {
		i, end := item[0], item[1]
		for i < end {
			k.work++
			switch {
			case k.is(i, "@") && k.word(i+1) != "":
				i++
				if k.is(i+1, ":") {
					i += 2
				}
				for i++; k.is(i, ".") && k.word(i+1) != ""; {
					i += 2
				}
				if k.is(i, "(") {
					i = k.skip(i)
				}
				continue
			case k.at(i).kind == newlineToken, k.word(i) != "" && k.word(i+1) != "" && (kotlinModifiers[k.word(i)] || k.isAny(i, "val", "var")):
				i++
				continue
			}
			break
		}
		if i >= end || k.word(i) == "" {
			continue
		}
		p := Param{Name: k.plain(i), Span: k.span(item[0], end)}
		if k.is(i+1, ":") {
			t := k.nl(i + 2)
			p.Type = k.fold(k.span(t, min(k.typeEnd(t), end)))
			k.isOfType(p.Name, p.Type)
		}
		all = append(all, p)
	}
	return all
}

// property notes type and value of a property or variable, and returns the index behind its name.
func (k *kotlinfile) property(i int) int {
	j := k.nl(i + 1)
	if k.is(j, "<") {
		if e := k.angles(j); e > 0 {
			j = e
		}
	}
	if k.is(j, "(") { // val (a, b) = …
		return j
	}
	name := j
	for k.word(j) != "" {
		name = j
		if j++; k.is(j, "<") {
			if e := k.angles(j); e > 0 {
				j = e
			}
		}
		for k.is(j, "?") {
			j++
		}
		if !k.isAny(j, ".", "?.") {
			break
		}
		j++
	}
	if k.word(name) == "" {
		return i + 1
	}
	plain := k.plain(name)
	if k.is(j, ":") {
		t := k.nl(j + 1)
		j = k.typeEnd(t)
		k.isOfType(plain, k.fold(k.span(t, j)))
	}
	if c := k.nl(j); k.is(c, "=") {
		v := k.nl(c + 1)
		if w := k.word(v); isTitle(w) && k.is(v+1, "(") {
			k.isOfType(plain, w)
		}
		k.bind(plain, v, k.ends(v))
	}
	if k.is(i, "var") {
		k.rebind(plain)
	}
	return name + 1
}

// class reads what follows "class", "interface" or "object" at token i.
func (k *kotlinfile) class(i int) (int, error) {
	m, start := k.take(i)
	f := k.frame()
	j := k.nl(i + 1)
	object := k.is(i, "object")
	d := Decl{Kind: Class, Owner: f.owner, Decorators: m.decorators}
	if k.is(i, "interface") {
		d.Kind = Interface
	}
	name := -1
	switch {
	case k.word(j) != "" && !(object && k.at(i+1).kind == newlineToken):
		name = j
		k.named[j] = true
		d.Name, d.Line = k.plain(j), k.lineOf(j)
		j++
	case !object:
		return 0, k.unknown(i)
	case !k.isAny(j, ":", "{"):
		return i + 1, nil
	}
	header := j
	if k.is(j, "<") {
		if j = k.angles(j); j < 0 {
			return 0, k.unknown(i)
		}
	}
	if c := k.nl(j); name >= 0 && !object {
		for kotlinModifiers[k.word(c)] || k.is(c, "@") && k.word(c+1) != "" {
			if k.is(c, "@") {
				if c += 2; k.is(c, "(") {
					c = k.skip(c)
				}
				continue
			}
			c++
		}
		if k.is(c, "constructor") {
			k.named[c] = true
			j = k.nl(c + 1)
		}
		if k.is(j, "(") {
			k.params(j)
			k.named[j-1] = true
			j = k.skip(j)
		}
	}
	if c := k.nl(j); k.is(c, ":") {
		j = k.supertypes(c + 1)
	}
	if c := k.nl(j); k.is(c, "where") {
		for j = c; j < len(k.tokens) && !k.isAny(j, "{", "}", ";") && k.at(j).kind != newlineToken; j++ {
		}
	}
	end, body := j, k.nl(j)
	inner := kotlinFrame{open: -1, owner: f.owner, class: true}
	if name >= 0 {
		inner.owner = d.Qualified()
	}
	if k.is(body, "{") {
		end = k.skip(body)
		d.Body = k.bodyOf(body)
		inner.end = end
		k.opening[body] = inner
		if m.words["enum"] {
			k.entries(body, inner.owner)
		}
	}
	d.Span = k.span(start, end)
	if d.Body == (Span{}) {
		d.Body = Span{d.Span.End, d.Span.End}
	}
	if name < 0 {
		return i + 1, nil
	}
	k.declare(d, m.words, k.span(header, body))
	return name + 1, nil
}

// supertypes returns the index behind the types that a class extends, which begin at token i.
func (k *kotlinfile) supertypes(i int) int {
	for {
		k.work++
		i = k.nl(i)
		e := k.typeEnd(i)
		if e == i {
			return i
		}
		if k.is(e, "(") {
			e = k.skip(e)
		}
		if k.is(e, "by") {
			for e++; e < len(k.tokens) && !k.isAny(e, "{", ",", "}", ";") && k.at(e).kind != newlineToken; e = k.skip(e) {
			}
		}
		c := k.nl(e)
		if !k.is(c, ",") {
			return e
		}
		i = c + 1
	}
}

// entries reads the entries of an enum: they look like calls, and may have a body.
func (k *kotlinfile) entries(open int, owner string) {
	end := k.partner(open)
	for i := open + 1; i < end && !k.is(i, ";"); {
		k.work++
		switch {
		case k.at(i).kind == newlineToken, k.is(i, ","):
			i++
			continue
		case k.is(i, "@") && k.word(i+1) != "":
			if i += 2; k.is(i, "(") {
				i = k.skip(i)
			}
			continue
		case k.word(i) == "":
			return
		}
		name := k.plain(i)
		k.named[i] = true
		if i++; k.is(i, "(") {
			i = k.skip(i)
		}
		if k.is(i, "{") {
			k.opening[i] = kotlinFrame{end: k.skip(i), open: -1, owner: join(owner, name), class: true}
			i = k.skip(i)
		}
	}
}

// operand returns the first token of the expression that ends before token i.
func (k *kotlinfile) operand(i int) int {
	first := i
	for n := 0; first > 0 && n < 60; n++ {
		b := first - 1
		if m := k.partner(b); m >= 0 && m < b {
			first = m
			continue
		}
		if k.at(b).kind == newlineToken || k.at(b).kind == textOpenToken || k.at(b).kind == textPartToken ||
			k.isAny(b, "=", "(", "[", "{", ",", ";", "->", ":", "?:", "return", "throw", "else", "&&", "||", "in", "is", "!") {
			break
		}
		k.work++
		first = b
	}
	return first
}

// tested notes the operand before "is" and "in", which a branch of "when" and the head of "for" do not have.
func (k *kotlinfile) tested(i int) {
	if n := len(k.brackets); n > 0 && k.is(k.brackets[n-1]-1, "for") && k.is(k.brackets[n-1], "(") {
		return
	}
	end := i
	if k.is(i-1, "!") && k.at(i-1).end == k.at(i).start {
		end--
	}
	if a := k.operand(end); a < end {
		k.comparisons = append(k.comparisons, k.span(a, end))
	}
}

// caught notes the catch at token i when its body does something with the error or instead of it.
func (k *kotlinfile) caught(i int) {
	body := k.nl(k.skip(i + 1))
	if !k.is(body, "{") {
		return
	}
	name := i + 2
	for name < body && !(k.word(name) != "" && k.is(name+1, ":")) {
		name++
	}
	if k.does(body+1, k.partner(body), k.word(name)) {
		k.Handlers = append(k.Handlers, Handler{How: k.fold(k.span(i, body)), Span: k.span(i, k.skip(body)), Line: k.lineOf(i)})
	}
}

// indexed notes what is read and set by an index: System.getenv()["X"], call.response.headers["X"] = "v".
func (k *kotlinfile) indexed() {
	for i := range k.tokens {
		if !k.is(i, "[") {
			continue
		}
		close := k.partner(i)
		if k.is(i-1, ")") && k.is(i-2, "(") && k.is(i-3, "getenv") && k.is(i-5, "System") {
			k.variable(i+1, close)
		}
		if w := k.word(i - 1); w == "headers" && k.is(close+1, "=") {
			name, _ := k.chain(i-1, kotlinNotation)
			on := strings.Split(name, ".")
			c := &jvmCall{Call: &Call{Name: name}, on: on, calls: make([]bool, len(on))}
			if !slices.Contains(on, "?") && k.answers(c) {
				k.sets([2]int{i + 1, close}, [2]int{close + 2, k.ends(close + 2)})
			}
		}
	}
}
