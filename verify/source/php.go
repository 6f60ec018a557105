package source

import (
	"slices"
	"strings"
)

// PHP is cut into tokens by php_lex.go. Here declarations and imports are read in one pass, with a stack of what is around;
// php_body.go takes conditions, handlers and closures out of the bodies, php_web.go and php_tests.go what calls mean to frameworks.
//
// A namespace owns nothing: the owner of a method is its class, trait or enum, that of a function within a function is that
// function, also where an anonymous class lies between. Names lose their leading backslash; in names of calls, attributes and
// middleware the other backslashes are dots ("App.Http.Kernel.handle"). A closure is no function, whatever it is assigned to.
var php = language{
	name:       PHP,
	extensions: []string{".php", ".phtml"},
	parse:      parsePHP,
	declared:   phpDeclared,
	tokens:     phpTokens,
}

var (
	phpKeywords = wordSet(`abstract and array as break callable case catch class clone const continue declare default do echo else elseif
		enddeclare endfor endforeach endif endswitch endwhile enum extends final finally fn for foreach function global goto if implements include
		include_once instanceof insteadof interface list match namespace new or print private protected public readonly require
		require_once return static switch throw trait try use var while xor yield from`)
	phpModifiers = wordSet(`abstract final readonly public protected private static var`)
	phpNotation  = &notation{
		joins:    map[string]bool{"->": true, "?->": true, "::": true},
		keywords: phpKeywords,
		receiver: map[string]bool{"static": true, "self": true, "parent": true},
	}
)

// phpFile is one file of PHP being turned into facts.
type phpFile struct {
	*reader
	around   []phpScope
	declared map[int]bool // names of declarations, by token
	headers  map[int]bool // brackets of the parameters of declarations
	muted    areas        // attributes: what looks like a call there is none
	bodied   areas        // declarations
	answer   areas        // classes that are a response
	listens  []phpListener
	consts   map[string]string
	pending  []Decorator // of the declaration that begins at token ready, started at token began
	ready    int
	began    int
	calls    []phpCall // the calls by tokens
	classes  map[string]*phpClass
}

// phpScope is a class or function around, up to the token of its closing brace.
type phpScope struct {
	end   int
	owner string
	class *phpClass // nil for a function
}

// phpListener is a method that names the events that its class listens to, with the tokens of its body.
type phpListener struct {
	owner    string
	from, to int
}

// phpClass is what is known of a class beside its declaration.
type phpClass struct {
	name     string
	parents  []string // of extends and implements, last parts
	abstract bool
}

func parsePHP(f *File) error {
	l := phpLexer(f)
	phpPage(l, l.pos)
	if err := l.run(); err != nil {
		return err
	}
	p := &phpFile{
		reader: newReader(l), declared: map[int]bool{}, headers: map[int]bool{}, consts: map[string]string{}, classes: map[string]*phpClass{}, ready: -1,
	}
	p.declarations()
	p.bodies()
	p.notesComparisons(phpStops)
	p.notesCalls(phpNotation, p.declared)
	p.opens = nil
	p.names()
	p.web()
	p.tests()
	return nil
}

// plainPHP brings a name with its namespace to dots, without the leading backslash.
func plainPHP(name string) string {
	if strings.IndexByte(name, '\\') < 0 {
		return name
	}
	return strings.ReplaceAll(strings.TrimPrefix(name, `\`), `\`, ".")
}

// ends reports whether the token ends a statement.
func (p *phpFile) ends(i int) bool { return p.is(i, ";") || p.at(i).kind == directiveToken }

// named reports whether the token is a name of something: no variable, no mark.
func (p *phpFile) named(i int) bool {
	w := p.word(i)
	return w != "" && w[0] != '$'
}

// member reports whether the word at token i is a member or a name that was told before, and so no keyword.
func (p *phpFile) member(i int) bool {
	return p.isAny(i-1, "->", "?->", "::", "function", "fn", "const", "goto", "as", "insteadof", "new") ||
		p.is(i-1, "&") && p.isAny(i-2, "function", "fn") || p.is(i+1, ":") && p.isAny(i-1, "(", ",") || p.is(i-1, "readonly") && p.is(i-2, "new")
}

func (p *phpFile) owner() string {
	if n := len(p.around); n > 0 {
		return p.around[n-1].owner
	}
	return ""
}

func (p *phpFile) class() *phpClass {
	if n := len(p.around); n > 0 {
		return p.around[n-1].class
	}
	return nil
}

// declarations goes over all tokens once.
func (p *phpFile) declarations() {
	for i := range p.tokens {
		for n := len(p.around); n > 0 && p.around[n-1].end <= i; n = len(p.around) {
			p.around = p.around[:n-1]
		}
		switch t := p.tokens[i]; t.kind {
		case markToken:
			if p.is(i, "#") && p.is(i+1, "[") {
				p.attributes(i)
			}
		case wordToken:
			switch p.text(i) {
			case "function":
				if !p.member(i) {
					p.function(i)
				}
			case "class", "interface", "trait", "enum":
				if !p.member(i) && p.named(i+1) {
					p.typeDecl(i)
				} else if p.is(i, "class") && (p.is(i-1, "new") || p.is(i-1, "readonly") && p.is(i-2, "new") || p.is(i-1, "]")) {
					p.anonymous(i)
				}
			case "use":
				if !p.member(i) && p.class() == nil && !p.is(i+1, "(") {
					p.use(i)
				}
			case "require", "require_once", "include", "include_once":
				if !p.member(i) {
					k := i + 1
					if p.is(k, "(") {
						k++
					}
					if s, ok := p.literalValue(k); ok && (p.ends(k+1) || p.is(k+1, ")") && p.ends(k+2)) {
						p.Imports = append(p.Imports, Import{Module: s, Line: p.lineOf(i)})
					}
				}
			case "const":
				p.constant(i)
			}
		}
	}
}

// attributes reads the list that the "#" at token i begins. It belongs to the declaration behind it, if one follows.
func (p *phpFile) attributes(i int) {
	m := p.partner(i + 1)
	if p.ready != i {
		p.pending, p.began = nil, i
	}
	p.pending = append(p.pending, p.attributesIn(i+1)...)
	p.ready = m + 1
	p.muted.add(p.span(i, m+1))
}

func (p *phpFile) attributesIn(open int) []Decorator {
	var all []Decorator
	for _, item := range p.items(open, ",") {
		a, b := item[0], item[1]
		if p.named(a) && (b == a+1 || p.is(a+1, "(") && p.partner(a+1) == b-1) {
			all = append(all, Decorator{Name: plainPHP(p.word(a)), Text: p.part(p.span(a, b)), Line: p.lineOf(a)})
		}
	}
	return all
}

// begins returns a declaration whose keyword is token i: with its modifiers and attributes.
func (p *phpFile) begins(i int) (d Decl, modifiers []string) {
	for phpModifiers[p.word(i-1)] && !p.member(i-1) {
		i--
		modifiers = append(modifiers, p.word(i))
	}
	if p.ready == i {
		d.Decorators, i = p.pending, p.began
	}
	p.pending, p.ready = nil, -1
	d.Owner = p.owner()
	d.Span.Start = int(p.at(i).start)
	return d, modifiers
}

// function reads the function whose keyword is token i. One without a name is a closure, which php_body.go looks at.
func (p *phpFile) function(i int) {
	at := i + 1
	if p.is(at, "&") {
		at++
	}
	if !p.named(at) || !p.is(at+1, "(") {
		return
	}
	open := at + 1
	k := p.behindType(p.partner(open) + 1)
	d, modifiers := p.begins(i)
	d.Kind, d.Name, d.Line = Function, p.word(at), p.lineOf(at)
	end := k
	switch {
	case p.is(k, "{"):
		end = p.partner(k)
		if end > k+1 {
			d.Body = p.inside(k)
		} else {
			d.Body = Span{int(p.at(k).end), int(p.at(k).end)} // nothing stands in it
		}
	case p.ends(k) && p.class() != nil:
	default:
		return
	}
	d.Params = p.params(open)
	d.Span.End = int(p.at(end).end)
	if p.at(end).kind == directiveToken {
		d.Span.End = int(p.at(end - 1).end)
	}
	p.declared[at], p.headers[open] = true, true
	p.unitTest(&d, modifiers, int(d.Span.Start))
	if d.Name == "getSubscribedEvents" {
		p.listens = append(p.listens, phpListener{owner: d.Owner, from: k, to: end})
	}
	p.bodied.add(d.Span)
	p.Decls = append(p.Decls, d)
	if end > k {
		p.around = append(p.around, phpScope{end: end, owner: d.Qualified()})
	}
}

// behindType returns the index behind ": type" at token k, or k where there is none.
func (p *phpFile) behindType(k int) int {
	if !p.is(k, ":") {
		return k
	}
	for k++; p.named(k) || p.isAny(k, "?", "|", "&", "(", ")"); k++ {
		p.work++
	}
	return k
}

// typeDecl reads the class, interface, trait or enum whose keyword is token i.
func (p *phpFile) typeDecl(i int) {
	k := i + 2
	class := &phpClass{name: p.word(i + 1)}
	for ; p.named(k) || p.isAny(k, ",", ":", "|", "?"); k++ {
		p.work++
		if p.named(k) && !p.isAny(k, "extends", "implements") {
			name := plainPHP(p.word(k))
			class.parents = append(class.parents, name[strings.LastIndexByte(name, '.')+1:])
		}
	}
	if !p.is(k, "{") {
		return
	}
	d, modifiers := p.begins(i)
	d.Kind, d.Name, d.Line = Class, class.name, p.lineOf(i+1)
	if p.isAny(i, "interface", "trait") {
		d.Kind = Interface
	}
	class.abstract = slices.Contains(modifiers, "abstract") || d.Kind == Interface
	m := p.partner(k)
	d.Body = p.inside(k)
	d.Span.End = int(p.at(m).end)
	p.declared[i+1] = true
	p.bodied.add(d.Span)
	if strings.HasSuffix(d.Name, "Response") {
		p.answer.add(d.Body)
	}
	p.Decls = append(p.Decls, d)
	p.classes[d.Qualified()] = class
	p.around = append(p.around, phpScope{end: m, owner: d.Qualified(), class: class})
}

// anonymous enters the class without a name whose keyword is token i: its methods belong to the function around.
func (p *phpFile) anonymous(i int) {
	k := i + 1
	if p.is(k, "(") {
		k = p.skip(k)
	}
	for ; p.named(k) || p.is(k, ","); k++ {
		p.work++
	}
	if p.is(k, "{") {
		p.around = append(p.around, phpScope{end: p.partner(k), owner: p.owner(), class: &phpClass{abstract: true}})
	}
}

// use reads "use A\B;", "use A\B as C, D;", "use A\{B, C as D};" and "use function a;" at token i.
func (p *phpFile) use(i int) {
	k := i + 1
	if p.isAny(k, "function", "const") && p.named(k+1) {
		k++
	}
	one := func(prefix string, k int) int {
		if !p.named(k) {
			return -1
		}
		im := Import{Module: prefix + strings.TrimPrefix(p.word(k), `\`), Line: p.lineOf(k)}
		k++
		if p.is(k, "as") && p.named(k+1) {
			im.Alias = p.word(k + 1)
			k += 2
		}
		p.Imports = append(p.Imports, im)
		return k
	}
	for k > 0 {
		p.work++
		if p.named(k) && p.is(k+1, `\`) && p.is(k+2, "{") { // a group
			prefix := strings.TrimPrefix(p.word(k), `\`) + `\`
			for _, item := range p.items(k+2, ",") {
				a := item[0]
				if p.isAny(a, "function", "const") && p.named(a+1) {
					a++
				}
				one(prefix, a)
			}
			return
		}
		if k = one("", k); k < 0 || !p.is(k, ",") {
			return
		}
		k++
	}
}

// constant remembers "const NAME = 'text';" at token i.
func (p *phpFile) constant(i int) {
	k := i + 1
	if p.named(k + 1) { // with a type
		k++
	}
	if s, ok := p.literalValue(k + 2); ok && p.named(k) && p.is(k+1, "=") && p.ends(k+3) {
		name := p.word(k)
		if have, known := p.consts[name]; known && have != s {
			s = ""
		}
		p.consts[name] = s
	}
}

// params reads the parameters in the bracket.
func (p *phpFile) params(open int) []Param {
	var all []Param
	for _, item := range p.items(open, ",") {
		a := item[0]
		for p.is(a, "#") && p.is(a+1, "[") {
			a = p.skip(a + 1)
		}
		for phpModifiers[p.word(a)] || p.isAny(a, "#") {
			a++
		}
		at := a
		for at < item[1] && !strings.HasPrefix(p.word(at), "$") {
			at = p.skip(at)
			p.work++
		}
		if at >= item[1] {
			continue
		}
		typ := at
		for typ > a && p.isAny(typ-1, "&", "...") {
			typ--
		}
		param := Param{Name: strings.TrimLeft(p.word(at), "$"), Span: p.span(item[0], item[1])}
		if typ > a {
			param.Type = p.fold(p.span(a, typ))
		}
		all = append(all, param)
	}
	return all
}

// names brings the names of calls to dots, and takes back what is no call: attributes, and functions that are named by f(...).
func (p *phpFile) names() {
	calls := p.Calls[:0]
	for _, c := range p.Calls {
		if len(c.Args) == 1 && p.part(c.Args[0]) == "..." || p.muted.holds(c.Span.Start) {
			continue
		}
		c.Name = plainPHP(c.Name)
		calls = append(calls, c)
	}
	p.Calls = calls
}

// phpChecks are the attributes by which Symfony refuses a request whose value does not hold.
var phpChecks = wordSet(`MapRequestPayload MapQueryString`)

// phpDeclared tells whether an attribute validates a parameter by itself: Symfony answers 422 before the method is called.
// Constraints of Assert on a parameter are looked at only when somebody asks a validator.
func phpDeclared(f *File, _ *Decl, param *Param) (line int, how string, ok bool) {
	part := &File{Text: f.Text[:param.Span.End], lines: f.lines}
	l := phpLexer(part)
	l.pos = param.Span.Start
	if l.run() != nil {
		return 0, "", false
	}
	p := &phpFile{reader: newReader(l)}
	for i := 0; p.is(i, "#") && p.is(i+1, "["); i = p.skip(i + 1) {
		for _, a := range p.attributesIn(i + 1) {
			if name := a.Name[strings.LastIndexByte(a.Name, '.')+1:]; phpChecks[name] {
				return a.Line, "declared with #[" + name + "]", true
			}
		}
	}
	return 0, "", false
}
