package source

import (
	"slices"
	"strings"
)

// Python is cut into tokens by python_lex.go and read here line by line: blocks by their indentation, declarations by their
// keywords. python_expr.go takes calls, strings and conditions out of expressions, python_web.go what calls and assignments
// mean to HTTP and the environment.
//
// A name that holds a lambda is a function. A declaration within a function has that function as its owner. A docstring, and
// any other string that is a statement by itself, is a comment and no string.
var python = language{
	name:       Python,
	extensions: []string{".py", ".pyi"},
	parse:      parsePython,
	declared:   pyDeclared,
	tokens:     pyTokens,
}

// pyBlock is an indented block that is open, or one on the line of its header.
type pyBlock struct {
	what   string // keyword of the header
	decl   int    // index of the declaration; -1 for other statements
	owner  string // of what is declared within
	header Span   // of an except: up to its colon
	caught string // of an except: the name after "as"; of a function that is given errors: its last parameter
	acts   bool   // a statement that does something was seen
	errors string // of a function that is given errors: what gives them; "" of others
	reads  bool   // of a class: its fields are variables of the environment
}

// pyfile is one Python file being turned into facts.
type pyfile struct {
	*File
	src     string
	tokens  []pyToken
	levels  []int     // columns of the open blocks; the first is that of the module
	blocks  []pyBlock // one less than levels
	pending *pyBlock  // a header whose indented block is to follow
	inline  int       // open blocks that end with the line
	lastEnd int       // end of the last token of a statement

	decorators []Decorator
	decorated  int      // offset of the first of them
	wraps      []pyWrap // what they are and, of method_decorator, what it is given

	opens    []int                  // for each call the index of its opening bracket
	owners   []string               // for each call the function or class that it is in
	packages map[string]bool        // first parts of the modules imported
	names    map[string]string      // local name of an import to what it stands for
	consts   map[string]string      // names bound once, to a string literal
	rebound  map[string]bool        // names bound again
	made     map[string]string      // names bound to the result of a call: to its name
	assigned map[int]bool           // indices of the brackets that are assigned to or deleted
	held     map[string]*pyHeld     // by owner and name, what may turn out to be headers of an answer
	settings map[string][]pySetting // of Django
	fields   map[string]*pyFields   // by the name of the class, of those that read the environment
	acting   map[string]int         // functions that do something, by their name: index of the declaration
	catchers map[string]string      // functions registered for errors, with what registers them
	untested map[string]bool        // classes whose methods are not collected as tests

	depth   int // of brackets within the expression at hand; the rest is of expressions too
	ifs     []pyOpen
	fors    []int
	lambdas []pyLambda
}

func parsePython(f *File) error {
	scratch := pyScratch.Get().(*[]pyToken)
	l := &pyLexer{file: f, text: f.Text, tokens: *scratch}
	defer func() {
		*scratch = l.tokens
		pyScratch.Put(scratch)
	}()
	if err := l.run(); err != nil {
		return err
	}
	f.Comments = l.comments
	p := &pyfile{
		File: f, src: string(f.Text), tokens: l.tokens, levels: []int{0},
		names: map[string]string{}, consts: map[string]string{}, rebound: map[string]bool{}, made: map[string]string{}, assigned: map[int]bool{},
		held: map[string]*pyHeld{}, settings: map[string][]pySetting{}, fields: map[string]*pyFields{}, acting: map[string]int{},
		catchers: map[string]string{}, untested: map[string]bool{}, packages: map[string]bool{},
	}
	for i := 0; i < len(p.tokens); {
		next, err := p.line(i)
		if err != nil {
			return err
		}
		i = next
	}
	if p.pending != nil {
		return f.syntaxError(len(f.Text), "an indented block is missing at the end")
	}
	for len(p.blocks) > 0 {
		p.close()
	}
	p.web()
	p.answered()
	p.django()
	p.caughtElsewhere()
	p.settled()
	p.Tests = slices.DeleteFunc(p.Tests, func(t Test) bool {
		dot := strings.LastIndexByte(t.Name, '.')
		return dot >= 0 && p.untested[t.Name[:dot]]
	})
	return nil
}

// word returns the text of a token that is a name, and "" of others.
func (p *pyfile) word(i int) string {
	if i < 0 || i >= len(p.tokens) || p.tokens[i].kind != pyName {
		return ""
	}
	return p.src[p.tokens[i].start:p.tokens[i].end]
}

// is reports whether the token is the operator.
func (p *pyfile) is(i int, op byte) bool {
	return i >= 0 && i < len(p.tokens) && p.tokens[i].kind == pyOp && p.tokens[i].op == op
}

// spanOf returns the text span of the tokens from a up to b.
func (p *pyfile) spanOf(a, b int) Span {
	if a >= b {
		return Span{}
	}
	return Span{p.tokens[a].start, p.tokens[b-1].end}
}

// skip returns the index after the token, or after its bracket or template when it opens one.
func (p *pyfile) skip(i int) int {
	if m := p.tokens[i].match; m > i {
		return m + 1
	}
	return i + 1
}

// column returns how far a line is indented, tabs counting up to the next multiple of eight.
func (p *pyfile) column(offset int) int {
	start := p.lines[p.LineOf(offset)-1]
	column := 0
	for i := start; i < offset; i++ {
		switch p.src[i] {
		case '\t':
			column += 8 - column%8
		case ' ':
			column++
		case '\f', '\r': // a form feed, or a lone carriage return that ended the line before
			column = 0
		}
	}
	return column
}

// line reads one logical line, which begins at token i, and returns where the next begins.
func (p *pyfile) line(i int) (int, error) {
	at := p.tokens[i].start
	column := p.column(at)
	top := p.levels[len(p.levels)-1]
	switch {
	case p.pending != nil:
		if column <= top {
			return 0, p.syntaxError(at, "an indented block is missing before this line")
		}
		block := *p.pending
		p.pending = nil
		p.levels = append(p.levels, column)
		p.open(block, at)
	case column > top:
		return 0, p.syntaxError(at, "a line that is indented without a reason")
	default:
		for p.levels[len(p.levels)-1] > column {
			p.levels = p.levels[:len(p.levels)-1]
			p.close()
		}
		if p.levels[len(p.levels)-1] != column {
			return 0, p.syntaxError(at, "the indentation of this line fits none of the lines above")
		}
	}
	end := i
	for p.tokens[end].kind != pyNewline {
		end++
	}
	p.work += end - i
	p.inline = 0
	for i < end {
		next, err := p.statement(i, end)
		if err != nil {
			return 0, err
		}
		i = next
	}
	for ; p.inline > 0; p.inline-- {
		p.close()
	}
	return end + 1, nil
}

// open begins a block at the offset of its first statement.
func (p *pyfile) open(b pyBlock, at int) {
	if b.decl >= 0 {
		p.Decls[b.decl].Body.Start = at
	}
	p.blocks = append(p.blocks, b)
}

// close ends the innermost block after the last statement.
func (p *pyfile) close() {
	b := p.blocks[len(p.blocks)-1]
	p.blocks = p.blocks[:len(p.blocks)-1]
	if b.decl >= 0 {
		p.Decls[b.decl].Body.End = p.lastEnd
		p.Decls[b.decl].Span.End = p.lastEnd
	}
	if b.what == "def" && b.acts {
		d := &p.Decls[b.decl]
		if _, known := p.acting[d.Name]; !known {
			p.acting[d.Name] = b.decl
		}
		if b.errors != "" {
			p.catches(d, b.errors)
		}
	}
	if b.what == "except" && b.acts {
		p.Handlers = append(p.Handlers, Handler{
			How:  strings.TrimSpace(p.fold(b.header)),
			Span: Span{b.header.Start, p.lastEnd}, Line: p.LineOf(b.header.Start),
		})
	}
}

// owner returns what a declaration here is a member of.
func (p *pyfile) owner() string {
	if n := len(p.blocks); n > 0 {
		return p.blocks[n-1].owner
	}
	return ""
}

// acted tells the enclosing except that it does something.
func (p *pyfile) acted() {
	p.work += len(p.blocks)
	for i := range p.blocks {
		p.blocks[i].acts = true
	}
}

// statement reads the statement at token i of a line that ends at token end, and returns where the next begins.
func (p *pyfile) statement(i, end int) (int, error) {
	first := i
	if p.is(i, '@') {
		p.decorator(i, end)
		return end, nil
	}
	if p.word(i) == "async" && i+1 < end {
		i++
	}
	word := p.word(i)
	if p.inline > 0 && pyBlocks[word] {
		return 0, p.syntaxError(p.tokens[i].start, `"`+word+`" after a colon on the same line`)
	}
	switch word {
	case "def", "class":
		if p.tokens[i+1].kind == pyName {
			return p.declaration(first, i, end)
		}
	case "if", "elif", "else", "while", "for", "try", "except", "finally", "with":
		return p.compound(word, i, end)
	case "match", "case":
		if p.softHeader(word, i, end) {
			return p.compound(word, i, end)
		}
	}
	stop := i
	for stop < end && !p.is(stop, ';') {
		stop = p.skip(stop)
	}
	p.simple(i, stop)
	if stop > i {
		p.lastEnd = p.tokens[stop-1].end
	}
	return stop + 1, nil
}

// pyBlocks are the words that begin a statement with a block.
var pyBlocks = wordSet(`def class if elif else while for try except finally with`)

// softHeader reports whether "match" or "case" is a keyword here and not a name.
func (p *pyfile) softHeader(word string, i, end int) bool {
	colon := p.colon(i+1, end)
	if colon < 0 || colon == i+1 {
		return false
	}
	if p.inline > 0 {
		return false
	}
	if word == "match" {
		return colon == end-1
	}
	n := len(p.blocks)
	return n > 0 && p.blocks[n-1].what == "match"
}

// colon returns the index of the colon that ends the header which begins at i, or -1.
func (p *pyfile) colon(i, end int) int {
	lambdas := 0
	for i < end {
		switch {
		case p.word(i) == "lambda":
			lambdas++
		case p.is(i, ':'):
			if lambdas == 0 {
				return i
			}
			lambdas--
		}
		i = p.skip(i)
	}
	return -1
}

// compound reads the header of a statement with a block.
func (p *pyfile) compound(word string, i, end int) (int, error) {
	colon := p.colon(i+1, end)
	if colon < 0 {
		return 0, p.syntaxError(p.tokens[i].start, `"`+word+`" without a colon`)
	}
	block := pyBlock{what: word, decl: -1, owner: p.owner(), header: p.spanOf(i, colon)}
	p.acted()
	switch word {
	case "if", "elif", "while", "match", "case":
		if colon > i+1 {
			p.conditions = append(p.conditions, p.spanOf(i+1, colon))
		}
	case "except":
		if colon-2 > i && p.word(colon-2) == "as" {
			block.caught = p.word(colon - 1)
		}
	}
	if word != "for" { // whose "in" compares nothing
		i++
	}
	p.expression(i, colon)
	return p.body(block, colon, end)
}

// body opens the block after a colon: on the same line, or indented on the next.
func (p *pyfile) body(block pyBlock, colon, end int) (int, error) {
	p.lastEnd = p.tokens[colon].end
	if colon+1 == end {
		p.pending = &block
		return end, nil
	}
	p.open(block, p.tokens[colon+1].start)
	p.inline++
	return colon + 1, nil
}

func (p *pyfile) decorator(i, end int) {
	if len(p.decorators) == 0 {
		p.decorated = p.tokens[i].start
	}
	name, _ := p.dottedAt(i+1, end)
	p.decorators = append(p.decorators, Decorator{
		Name: name,
		Text: p.part(p.spanOf(i, end)),
		Line: p.LineOf(p.tokens[i].start),
	})
	p.wrap(i, end)
	p.expression(i+1, end)
}

// declaration reads the header of a def or class whose keyword is token i; the statement begins at token first.
func (p *pyfile) declaration(first, i, end int) (int, error) {
	word := p.word(i)
	at := p.tokens[i+1].start
	d := Decl{Kind: Function, Name: p.word(i + 1), Owner: p.owner(), Decorators: p.decorators, Line: p.LineOf(at)}
	d.Span.Start = p.tokens[first].start
	if len(p.decorators) > 0 {
		d.Span.Start = p.decorated
		p.decorators = nil
	}
	colon := p.colon(i+2, end)
	if colon < 0 {
		return 0, p.syntaxError(at, `"`+word+`" without a colon`)
	}
	k := i + 2
	if p.is(k, '[') { // type parameters
		k = p.skip(k)
	}
	if word == "class" {
		d.Kind = Class
		for _, base := range p.bases(k) {
			if base == "Protocol" || strings.HasSuffix(base, ".Protocol") {
				d.Kind = Interface
			}
		}
	} else if p.is(k, '(') {
		d.Params = p.params(k+1, p.tokens[k].match)
	}
	if p.is(k, '(') {
		p.expression(k+1, p.tokens[k].match)
		p.expression(p.tokens[k].match+1, colon)
	}
	p.acted()
	p.testOf(&d, k)
	p.registers(&d)
	p.Decls = append(p.Decls, d)
	block := pyBlock{what: word, decl: len(p.Decls) - 1, owner: d.Qualified()}
	if word == "def" {
		if block.errors = p.givenErrors(&d); block.errors != "" && len(d.Params) > 0 {
			block.caught = d.Params[len(d.Params)-1].Name
		}
		if p.is(k, '(') {
			p.dependencies(k)
		}
	} else {
		block.reads = slices.ContainsFunc(p.bases(k), func(base string) bool { return strings.HasSuffix(base, "BaseSettings") })
	}
	p.wrapped()
	p.wraps = p.wraps[:0]
	return p.body(block, colon, end)
}

// bases returns the dotted names in the brackets of a class, type arguments dropped; k is the opening bracket, if there is one.
func (p *pyfile) bases(k int) []string {
	if !p.is(k, '(') {
		return nil
	}
	var all []string
	for _, arg := range p.arguments(k) {
		if name, _ := p.dottedAt(arg[0], arg[1]); name != "" && !p.is(arg[0]+1, '=') {
			all = append(all, name)
		}
	}
	return all
}

// params reads the parameters between tokens a and b.
func (p *pyfile) params(a, b int) []Param {
	var all []Param
	for _, part := range p.split(a, b) {
		i, end := part[0], part[1]
		for i < end && (p.is(i, '*') || p.is(i, pyPower)) {
			i++
		}
		name := p.word(i)
		if name == "" { // the markers * and /
			continue
		}
		param := Param{Name: name, Span: p.spanOf(part[0], end)}
		if p.is(i+1, ':') {
			stop := i + 2
			for stop < end && !p.is(stop, '=') {
				stop = p.skip(stop)
			}
			param.Type = p.fold(p.spanOf(i+2, stop))
		}
		all = append(all, param)
	}
	return all
}

// testOf notes a test: a function test_*, a method test_* of a class Test*, or test* of a unittest.TestCase.
func (p *pyfile) testOf(d *Decl, k int) {
	if d.Kind == Class {
		return
	}
	var owner *Decl
	for _, b := range p.blocks {
		if b.decl < 0 {
			continue
		}
		owner = &p.Decls[b.decl]
		if owner.Kind != Class {
			return
		}
	}
	if owner != nil && d.Name == "__init__" && !p.isTestCase(owner) { // pytest collects no class with a constructor
		p.untested[owner.Qualified()] = true
	}
	switch {
	case owner == nil:
		if strings.HasPrefix(d.Name, "test_") && !p.isFixture(d) {
			p.Tests = append(p.Tests, Test{Name: d.Name, Line: d.Line})
		}
	case strings.HasPrefix(owner.Name, "Test") && strings.HasPrefix(d.Name, "test_"), strings.HasPrefix(d.Name, "test") && p.isTestCase(owner):
		p.Tests = append(p.Tests, Test{Name: d.Qualified(), Line: d.Line})
	}
}

// isFixture reports whether a decorator makes a function one of pytest's fixtures.
func (p *pyfile) isFixture(d *Decl) bool {
	return slices.ContainsFunc(d.Decorators, func(c Decorator) bool { return c.Name == "fixture" || strings.HasSuffix(c.Name, ".fixture") })
}

// isTestCase reports whether a base of the class is called like one of unittest.
func (p *pyfile) isTestCase(d *Decl) bool {
	i, found := slices.BinarySearchFunc(p.tokens, d.Span.Start, func(t pyToken, at int) int { return t.start - at })
	if !found {
		return false
	}
	for p.tokens[i].kind != pyNewline || p.is(i, '@') {
		if p.word(i) == "class" && p.word(i+1) == d.Name {
			k := i + 2
			if p.is(k, '[') {
				k = p.skip(k)
			}
			return slices.ContainsFunc(p.bases(k), func(base string) bool { return strings.HasSuffix(base, "TestCase") })
		}
		i = p.skip(i)
		if i >= len(p.tokens) {
			return false
		}
		if p.tokens[i].kind == pyNewline && i+1 < len(p.tokens) && p.tokens[i].start < d.Body.Start {
			i++ // past the line of a decorator
		}
	}
	return false
}

// simple reads a statement without a block, from token a up to b.
func (p *pyfile) simple(a, b int) {
	if a >= b {
		return
	}
	word := p.word(a)
	switch word {
	case "import":
		p.acted()
		p.imports(a+1, b)
		return
	case "from":
		if p.from(a+1, b) {
			p.acted()
			return
		}
	case "pass":
		if b == a+1 {
			return
		}
	case "raise":
		caught := p.caught()
		if b > a+1 && (caught == "" || b != a+2 || p.word(a+1) != caught) {
			p.acted()
		}
		p.expression(a+1, b)
		return
	case "assert":
		stop := a + 1
		for stop < b && !p.is(stop, ',') {
			stop = p.skip(stop)
		}
		if stop > a+1 {
			p.conditions = append(p.conditions, p.spanOf(a+1, stop))
		}
	case "del":
		for _, part := range p.split(a+1, b) {
			if p.is(part[1]-1, ']') {
				p.assigned[p.tokens[part[1]-1].match] = true
			}
		}
	case "type":
		if p.word(a+1) != "" && (p.is(a+2, '=') || p.is(a+2, '[')) {
			p.Decls = append(p.Decls, Decl{Kind: Type, Name: p.word(a + 1), Owner: p.owner(), Span: p.spanOf(a, b), Line: p.LineOf(p.tokens[a+1].start)})
		}
	}
	if p.commented(a, b) || b == a+3 && p.is(a, '.') && p.is(a+1, '.') && p.is(a+2, '.') {
		return
	}
	p.acted()
	if word == "return" {
		p.returned(a+1, b)
	}
	p.field(a, b)
	p.assignment(a, b)
	p.expression(a, b)
}

// caught returns the name of the innermost caught exception.
func (p *pyfile) caught() string {
	for i := len(p.blocks) - 1; i >= 0; i-- {
		if p.blocks[i].what == "except" || p.blocks[i].errors != "" {
			return p.blocks[i].caught
		}
	}
	return ""
}

// commented notes a statement of nothing but string literals as comments.
func (p *pyfile) commented(a, b int) bool {
	for i := a; i < b; i++ {
		if p.tokens[i].kind != pyString {
			return false
		}
	}
	for i := a; i < b; i++ {
		p.Comments = append(p.Comments, Span{p.tokens[i].start, p.tokens[i].end})
	}
	return true
}

// imports reads what follows "import".
func (p *pyfile) imports(a, b int) {
	for _, part := range p.split(a, b) {
		module, next := p.dottedAt(part[0], part[1])
		if module == "" {
			continue
		}
		im := Import{Module: module, Line: p.LineOf(p.tokens[part[0]].start)}
		first, _, _ := strings.Cut(module, ".")
		if p.word(next) == "as" && next+1 < part[1] {
			im.Alias = p.word(next + 1)
			p.names[im.Alias] = module
		} else {
			p.names[first] = first
		}
		p.Imports = append(p.Imports, im)
		p.packages[first] = true
	}
}

// from reads what follows "from", and reports whether it is an import.
func (p *pyfile) from(a, b int) bool {
	i := a
	for i < b && p.is(i, '.') {
		i++
	}
	dots := strings.Repeat(".", i-a)
	module := ""
	if p.word(i) != "import" || dots == "" {
		module, i = p.dottedAt(i, b)
	}
	if p.word(i) != "import" {
		return false
	}
	im := Import{Module: dots + module, Line: p.LineOf(p.tokens[a].start)}
	i++
	if p.is(i, '(') {
		b = p.tokens[i].match
		i++
	}
	for _, part := range p.split(i, b) {
		name := p.word(part[0])
		if name == "" {
			name = p.part(p.spanOf(part[0], part[1])) // the star
		}
		im.Names = append(im.Names, name)
		local := name
		if p.word(part[0]+1) == "as" && part[0]+2 < part[1] {
			local = p.word(part[0] + 2)
			im.Alias = local
		}
		p.names[local] = im.Module + "." + name
	}
	if len(im.Names) > 1 {
		im.Alias = ""
	}
	p.Imports = append(p.Imports, im)
	first, _, _ := strings.Cut(im.Module, ".")
	p.packages[first] = true
	return true
}
