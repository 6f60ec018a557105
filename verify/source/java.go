package source

import "strings"

// Java is cut into tokens by the shared lexer and read by structure: members of types one after the other, and the code of
// bodies in one pass. A file that holds what is understood by neither is refused. java_facts.go and jvm_web.go say what calls
// and annotations mean.
//
// A constructor has the name of its class, as it is written. A method of an anonymous class belongs to the method, field or
// constant in which it stands ("Cache.load.run" for the run of a Runnable made in Cache.load). Annotation types are interfaces,
// enums and records are classes. A lambda is no declaration.
var java = language{
	name:       Java,
	extensions: []string{".java"},
	parse:      parseJava,
	declared:   jvmDeclared,
	tokens:     javaTokens,
}

// javaOperators are the marks of more than one byte, longest first; ">" is always single, for the sake of type arguments.
var javaOperators = []string{"<<=", "...", "->", "::", "==", "!=", "<=", "&&", "||", "++", "--", "+=", "-=", "*=", "/=", "&=", "|=", "^=", "%=", "<<"}

func javaLexer(f *File) *lexer {
	l := newLexer(f)
	text := literal{open: `"`, close: `"`, escape: '\\', decode: true}
	char := literal{open: "'", close: "'", escape: '\\', decode: true}
	block := literal{open: `"""`, close: `"""`, escape: '\\', lines: true, decode: true}
	l.next = func() error {
		at := l.pos
		switch c := l.byteAt(0); {
		case c == '/' && l.byteAt(1) == '/':
			l.lineComment()
			return l.disguised(at, "\n\r")
		case c == '/' && l.byteAt(1) == '*':
			if err := l.blockComment("/*", "*/", false); err != nil {
				return err
			}
			return l.disguised(at, "*/")
		case l.has(`"""`):
			if err := l.quoted(0, block); err != nil {
				return err
			}
			return l.disguised(at, `"\`)
		case c == '"':
			if err := l.quoted(0, text); err != nil {
				return err
			}
			return l.disguised(at, "\"\\\n\r")
		case c == '\'':
			if err := l.quoted(0, char); err != nil {
				return err
			}
			l.strings = l.strings[:len(l.strings)-1] // a character is no string
			return l.disguised(at, "'\\\n\r")
		case l.atNumber():
			l.number()
		case isNameStart(c):
			l.word()
		case c == '\\' || c == '#' || c == '`':
			return l.fail(at, "a character that Java does not know here")
		default:
			return l.mark(javaOperators)
		}
		return nil
	}
	return l
}

// disguised refuses a comment or literal that an escape like \u000a would end: Java reads those before anything else.
func (l *lexer) disguised(start int, ending string) error {
	text := l.src[start:l.pos]
	for i := strings.IndexByte(text, '\\'); i >= 0 && i+1 < len(text); {
		l.file.work++
		if text[i+1] != 'u' {
			i += 2
		} else {
			for i++; i < len(text) && text[i] == 'u'; i++ {
			}
			v, ok := hexDigits(text[i:], 4)
			if v == '\\' && len(text) > i+4 && isNameByte(text[i+4]) { // of an escape within
				ok = false
			}
			if ok && v < 0x80 && strings.IndexByte(ending, byte(v)) >= 0 {
				return l.fail(start+i, "an escape that stands for a mark of the language: write the mark")
			}
		}
		next := -1
		if i < len(text) {
			next = strings.IndexByte(text[i:], '\\')
		}
		if next < 0 {
			return nil
		}
		i += next
	}
	return nil
}

func javaTokens(text []byte) ([]Span, error) {
	f := &File{Text: text}
	f.indexLines()
	l := javaLexer(f)
	if err := l.run(); err != nil {
		return nil, err
	}
	return l.spans(), nil
}

// javaNotation is how calls are written.
var javaNotation = &notation{
	joins: map[string]bool{".": true},
	keywords: wordSet(`abstract assert boolean break byte case catch char class const continue default do double else enum extends
		final finally float for goto if implements import instanceof int interface long native new package private protected public
		return short static strictfp super switch synchronized this throw throws transient try void volatile while`),
	receiver: map[string]bool{"this": true, "super": true},
	generic:  true,
}

var (
	javaModifiers = wordSet("public protected private static abstract final native synchronized transient volatile strictfp default sealed")
	javaStops     = wordSet("return throw case assert else do yield instanceof new")
)

// javafile is one Java file being turned into facts.
type javafile struct {
	*jvm
}

func parseJava(f *File) error {
	l := javaLexer(f)
	if err := l.run(); err != nil {
		return err
	}
	p := &javafile{newJVM(newReader(l))}
	p.generics(false)
	if err := p.unit(); err != nil {
		return err
	}
	p.notesComparisons(javaStops)
	p.notesCalls(javaNotation, p.named)
	p.web()
	return nil
}

// unknown is the error for what stands at a token.
func (p *javafile) unknown(i int) error {
	return p.syntaxError(min(int(p.at(i).start), len(p.Text)), "what stands here is not understood as Java")
}

// unit reads a whole file.
func (p *javafile) unit() error {
	i := 0
	for i < len(p.tokens) {
		switch {
		case p.is(i, "import"):
			i = p.imported(i)
			continue
		case p.is(i, "package"):
			for i < len(p.tokens) && !p.is(i, ";") {
				i++
			}
			continue
		}
		k := i
		if p.is(i, "@") {
			_, k = p.modifiers(i)
		}
		if p.is(k, "package") { // package-info.java
			i = k
			continue
		}
		if p.is(k, "module") || p.is(k, "open") && p.is(k+1, "module") { // module-info.java
			for p.word(k) != "" || p.is(k, ".") {
				k++
			}
			if p.is(k, "{") {
				i = p.skip(k)
				continue
			}
		}
		next, err := p.member(i, len(p.tokens), javaOwner{})
		if err != nil {
			return err
		}
		i = next
	}
	return nil
}

// imported reads one import and returns the index behind it.
func (p *javafile) imported(i int) int {
	im := Import{Line: p.lineOf(i)}
	i++
	static := p.is(i, "static")
	if static || p.is(i, "module") && p.word(i+1) != "" {
		i++
	}
	var parts []string
	for ; p.word(i) != "" || p.is(i, "*"); i++ {
		parts = append(parts, p.text(i))
		if i++; !p.is(i, ".") {
			break
		}
	}
	if n := len(parts); n > 1 && (static || parts[n-1] == "*") {
		im.Names, parts = parts[n-1:], parts[:n-1]
	}
	if im.Module = strings.Join(parts, "."); im.Module != "" {
		p.Imports = append(p.Imports, im)
	}
	if p.is(i, ";") {
		i++
	}
	return i
}

// javaOwner is the type whose members are read.
type javaOwner struct {
	name   string // qualified
	simple string
	kind   string // class, interface, enum, record, @interface
	decl   int    // 1 + the index of its declaration; 0 for anonymous ones and the file itself
}

// javaModified is what stands before a declaration.
type javaModified struct {
	decorators []Decorator
	words      map[string]bool
}

// modifiers reads annotations and modifiers from token i and returns the index behind them.
func (p *javafile) modifiers(i int) (m javaModified, next int) {
	for {
		p.work++
		switch w := p.word(i); {
		case p.is(i, "@") && p.word(i+1) != "" && !p.is(i+1, "interface"):
			d, k := p.annotation(i)
			m.decorators = append(m.decorators, d)
			i = k
			continue
		case w == "non" && p.is(i+1, "-") && p.is(i+2, "sealed"):
			i += 3
			continue
		case w == "sealed" && p.word(i+1) == "" && !p.is(i+1, "@"): // a name of someone's
			return m, i
		case w == "default" && (p.is(i+1, ":") || p.is(i+1, "->")):
			return m, i
		case javaModifiers[w]:
			if m.words == nil {
				m.words = map[string]bool{}
			}
			m.words[w] = true
			i++
			continue
		}
		return m, i
	}
}

// annotation reads the annotation at token i.
func (p *javafile) annotation(i int) (d Decorator, next int) {
	k := i + 1
	d.Name, d.Line = p.text(k), p.lineOf(i)
	for k++; p.is(k, ".") && p.word(k+1) != ""; k += 2 {
		d.Name += "." + p.text(k+1)
	}
	p.marks = append(p.marks, jvmMark{d.Name, i, k})
	if p.is(k, "(") {
		p.named[k-1] = true // no call
		p.code(k+1, p.partner(k), "")
		p.keys(k)
		k = p.skip(k)
	}
	d.Text = p.part(p.span(i, k))
	return d, k
}

// keys notes the names of arguments that are given by name.
func (p *javafile) keys(open int) {
	for _, item := range p.items(open, ",") {
		if p.word(item[0]) != "" && p.is(item[0]+1, "=") {
			p.labels = append(p.labels, int(p.at(item[0]).start))
		}
	}
}

// members reads the members of a type between the braces.
func (p *javafile) members(open int, owner javaOwner) error {
	i, end := open+1, p.partner(open)
	if owner.kind == "enum" {
		next, err := p.constants(i, end, owner)
		if err != nil {
			return err
		}
		i = next
	}
	for i < end {
		next, err := p.member(i, end, owner)
		if err != nil {
			return err
		}
		i = next
	}
	return nil
}

// constants reads the constants of an enum and returns the index behind them.
func (p *javafile) constants(i, end int, owner javaOwner) (int, error) {
	for i < end {
		p.work++
		_, k := p.modifiers(i)
		switch {
		case p.is(k, ";"):
			return k + 1, nil
		case p.is(k, ","):
			i = k + 1
			continue
		case p.word(k) == "":
			return 0, p.unknown(k)
		}
		name := p.text(k)
		p.named[k] = true
		if k++; p.is(k, "(") {
			p.code(k+1, p.partner(k), owner.name)
			k = p.skip(k)
		}
		if p.is(k, "{") {
			if err := p.members(k, javaOwner{name: join(owner.name, name), kind: "class"}); err != nil {
				return 0, err
			}
			k = p.skip(k)
		}
		if k < end && !p.is(k, ",") && !p.is(k, ";") {
			return 0, p.unknown(k)
		}
		i = k
	}
	return i, nil
}

func join(owner, name string) string {
	if owner == "" {
		return name
	}
	return owner + "." + name
}

// typeAt returns the keyword and the index of the name when a type is declared at token i.
func (p *javafile) typeAt(i int) (kind string, name int) {
	switch w := p.word(i); {
	case p.is(i, "@") && p.is(i+1, "interface") && p.word(i+2) != "":
		return "@interface", i + 2
	case p.word(i+1) == "" || p.is(i-1, "."):
	case w == "class" || w == "interface" || w == "enum":
		return w, i + 1
	case w == "record" && (p.is(i+2, "(") || p.is(i+2, "<")):
		return w, i + 1
	}
	return "", 0
}

// typed reads the type whose name is token name; its modifiers begin at token start.
func (p *javafile) typed(start int, m javaModified, kind string, name int, owner string) (int, error) {
	d := Decl{Kind: Class, Name: p.text(name), Owner: owner, Decorators: m.decorators, Line: p.lineOf(name)}
	if kind == "interface" || kind == "@interface" {
		d.Kind = Interface
	}
	i := name + 1
	if p.is(i, "<") {
		if i = p.angles(i); i < 0 {
			return 0, p.unknown(name + 1)
		}
	}
	header := i
	if kind == "record" {
		if !p.is(i, "(") {
			return 0, p.unknown(i)
		}
		d.Params = p.params(i)
		p.named[i-1] = true
		i = p.skip(i)
	}
	for i < len(p.tokens) && !p.is(i, "{") {
		p.work++
		switch {
		case p.is(i, "<"):
			if i = p.angles(i); i < 0 {
				return 0, p.unknown(header)
			}
			continue
		case p.is(i, "@") && p.word(i+1) != "":
			_, i = p.annotation(i)
			continue
		case p.word(i) == "" && !p.is(i, ",") && !p.is(i, "."):
			return 0, p.unknown(i)
		}
		i++
	}
	if p.partner(i) < 0 {
		return 0, p.unknown(i)
	}
	d.Body = p.bodyOf(i)
	d.Span = p.span(start, p.skip(i))
	index := p.declare(d, m.words, p.span(header, i))
	return p.skip(i), p.members(i, javaOwner{name: d.Qualified(), simple: d.Name, kind: kind, decl: index + 1})
}

// member reads the member that begins at token i and returns the index behind it.
func (p *javafile) member(i, end int, owner javaOwner) (int, error) {
	if p.is(i, ";") {
		return i + 1, nil
	}
	start := i
	m, i := p.modifiers(i)
	if i >= end {
		return 0, p.unknown(start)
	}
	if kind, name := p.typeAt(i); kind != "" {
		return p.typed(start, m, kind, name, owner.name)
	}
	if p.is(i, "{") && owner.kind != "" { // an initializer
		p.code(i+1, p.partner(i), owner.name)
		return p.skip(i), nil
	}
	if p.is(i, "<") {
		k := p.angles(i)
		if k < 0 {
			return 0, p.unknown(i)
		}
		i = k
	}
	first := i
	for i < end {
		p.work++
		switch {
		case p.is(i, "("):
			if p.word(i-1) == "" || i-1 < first || javaNotation.keywords[p.word(i-1)] {
				return 0, p.unknown(i)
			}
			return p.method(start, m, first, i-1, end, owner)
		case p.isAny(i, "=", ";", ","):
			return p.fields(first, i, end, owner)
		case p.is(i, "{"):
			if owner.kind != "record" || i-1 != first || p.word(first) != owner.simple {
				return 0, p.unknown(i)
			}
			p.named[first] = true
			d := Decl{Kind: Function, Name: owner.simple, Owner: owner.name, Decorators: m.decorators, Line: p.lineOf(first)}
			if owner.decl > 0 {
				d.Params = p.Decls[owner.decl-1].Params
			}
			return p.function(d, m, start, i)
		case p.is(i, "<"):
			k := p.angles(i)
			if k < 0 {
				return 0, p.unknown(i)
			}
			i = k
		case p.is(i, "@") && p.word(i+1) != "":
			_, i = p.annotation(i)
		case p.is(i, "["):
			i = p.skip(i)
		case p.word(i) != "" || p.is(i, "."):
			i++
		default:
			return 0, p.unknown(i)
		}
	}
	return 0, p.unknown(start)
}

// method reads a method or constructor; name is followed by "(". What stands from first to name is its type.
func (p *javafile) method(start int, m javaModified, first, name, end int, owner javaOwner) (int, error) {
	open := name + 1
	if first == name && p.word(name) != owner.simple { // without a type only a constructor is declared
		return 0, p.unknown(name)
	}
	p.named[name] = true
	d := Decl{
		Kind: Function, Name: p.text(name), Owner: owner.name, Decorators: m.decorators, Line: p.lineOf(name), Params: p.params(open),
	}
	for i := p.skip(open); i < end; {
		p.work++
		switch {
		case p.is(i, "{"):
			p.returns(len(p.Decls), p.span(first, name))
			return p.function(d, m, start, i)
		case p.is(i, ";"):
			d.Span = p.span(start, i+1)
			d.Body = Span{d.Span.End, d.Span.End}
			p.declare(d, m.words, Span{})
			return i + 1, nil
		case p.is(i, "default"):
			k := i + 1
			for k < end && !p.is(k, ";") {
				k = p.skip(k)
			}
			p.code(i+1, k, owner.name)
			i = k
		case p.is(i, "<"):
			k := p.angles(i)
			if k < 0 {
				return 0, p.unknown(i)
			}
			i = k
		case p.is(i, "@") && p.word(i+1) != "":
			_, i = p.annotation(i)
		case p.is(i, "["), p.is(i, "throws"), p.is(i, ","), p.is(i, "."), p.word(i) != "" && !javaNotation.keywords[p.word(i)]:
			i = p.skip(i)
		default:
			return 0, p.unknown(i)
		}
	}
	return 0, p.unknown(name)
}

// function declares a function whose body opens at token open, and reads the body.
func (p *javafile) function(d Decl, m javaModified, start, open int) (int, error) {
	d.Body, d.Span = p.bodyOf(open), p.span(start, p.skip(open))
	p.declare(d, m.words, Span{})
	return p.skip(open), p.code(open+1, p.partner(open), d.Qualified())
}

// bodyOf is what stands between the braces; empty when that is blank or commented out.
func (r *reader) bodyOf(open int) Span {
	s := r.inside(open)
	if r.partner(open) == open+1 {
		s.End = s.Start
	}
	return s
}

// params reads the parameters in the bracket.
func (p *javafile) params(open int) []Param {
	p.typesIn(open+1, p.partner(open))
	var all []Param
	for _, item := range p.items(open, ",") {
		_, i := p.modifiers(item[0])
		last := item[1] - 1
		for last > i && p.is(last, "]") {
			last = p.back(last)
		}
		if p.word(last) == "" || p.is(last, "this") || last == i {
			continue
		}
		typ := p.fold(p.span(i, last))
		if last+1 < item[1] {
			typ += p.fold(p.span(last+1, item[1]))
		}
		all = append(all, Param{Name: p.text(last), Type: typ, Span: p.span(item[0], item[1])})
		p.isOfType(p.text(last), typ)
	}
	return all
}

// typesIn finds the type arguments among the tokens of parameters.
func (p *javafile) typesIn(a, b int) {
	for i := a; i < b; i++ {
		p.work++
		if p.is(i, "<") && (p.angled == nil || !p.angled[i]) {
			if k := p.angles(i); k > 0 {
				i = k - 1
			}
		}
	}
}

// fields reads the variables of a declaration whose type begins at first; i is the first "=", "," or ";".
func (p *javafile) fields(first, i, end int, owner javaOwner) (int, error) {
	name := ""
	for {
		p.work++
		k := i - 1
		for k > first && p.is(k, "]") {
			k = p.back(k)
		}
		if p.word(k) == "" || k == first {
			return 0, p.unknown(i)
		}
		if name == "" {
			p.isOfType(p.text(k), p.fold(p.span(first, k)))
		}
		name = p.text(k)
		if p.is(i, "=") {
			v, depth := i+1, 0
			for i = v; i < end && !p.is(i, ";") && !(depth == 0 && p.is(i, ",")); i = p.skip(i) {
				p.work++
				if p.angled != nil && p.angled[i] {
					if p.is(i, "<") {
						depth++
					} else {
						depth--
					}
				}
			}
			p.bind(name, v, i)
			if err := p.code(v, i, join(owner.name, name)); err != nil {
				return 0, err
			}
		}
		switch {
		case i >= end:
			return 0, p.unknown(first)
		case p.is(i, ";"):
			return i + 1, nil
		}
		for i++; i < end && !p.isAny(i, "=", ",", ";"); i = p.skip(i) {
		}
	}
}
