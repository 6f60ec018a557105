package source

import "slices"

// The parser keeps to these bounds: a text beyond them is refused rather than understood by half.
const (
	jsDepth      = 4000 // statements, values and types within one another
	jsTypeDepth  = 250  // types within one another
	jsEffort     = 12   // bytes looked at for each byte of text; more is only had by ambiguities nested on purpose
	jsNameLength = 500  // of a dotted name; what is longer is taken for that of a value without a name
)

// jsFunc is a function or class that the parser met.
type jsFunc struct {
	kind       Kind
	name       string // "" for one without a name
	owner      string
	self       string // the name it gives itself, where it is bound to another one
	selfAt     int32  // where
	start, end int32
	at         int32 // offset of the name, or of the start
	body       Span
	params     jsRange // of items
	decorators jsRange // of jsParser.decorators
	nested     bool    // within the body of a function
	declared   bool
}

// jsRange is a part of a list.
type jsRange struct{ from, to int32 }

// jsItem is an argument or a parameter: a range of tokens, and what it is.
type jsItem struct {
	tokens jsRange
	value  jsValue
}

// jsShape is what a value is, as far as the parser tells.
type jsShape uint8

const (
	jsOther jsShape = iota
	jsName          // a name, dotted or not
	jsFunctionValue
	jsClassValue
	jsCallValue
	jsObjectValue
	jsStringValue
)

// jsValue is what is known of an expression.
type jsValue struct {
	shape jsShape
	ref   int32  // the function, class or call
	name  string // of a name, dotted
	start int32
	at    int32 // offset of the last part of a name
}

// jsCall is a call, a construction or a tagged template.
type jsCall struct {
	name       string
	start, end int32
	args       jsRange // of items
	open       int32   // token of the opening bracket; -1 without
	callee     int32   // the call whose result is called; -1 without
	construct  bool
}

// jsNamed is the name that a value is about to be bound to.
type jsNamed struct {
	name, owner string
	start, at   int32
}

func (n *jsNamed) path() string {
	switch {
	case n == nil:
		return ""
	case n.owner == "":
		return n.name
	}
	return n.owner + "." + n.name
}

// jsDecorator is one decorator, from its @.
type jsDecorator struct {
	start, end int32
	name       string
}

// jsImported is one import, in any form.
type jsImported struct {
	module string
	names  []string
	alias  string
	at     int32
}

// jsAttempt is a try statement with a catch.
type jsAttempt struct {
	start, end, at int32 // at: of the word catch
	body           jsRange
	param          string
}

// jsBranch is an if statement: ranges of tokens of its condition and of what it guards.
type jsBranch struct {
	start, end      int32
	condition, body jsRange
}

type jsParser struct {
	jsLexer
	dialect jsDialect
	depth   int
	types   int // types around the current one

	functions   []jsFunc
	calls       []jsCall
	items       []jsItem
	stack       []jsItem // items of lists that are not at their end
	imports     []jsImported
	strings     []Span
	tries       []jsAttempt
	branches    []jsBranch
	decorators  []jsDecorator
	conditions  []Span
	comparisons []Span
	labels      []int

	jsScope
}

// jsScope is what changes from one function or class to the next.
type jsScope struct {
	namespace string // of declarations: "A.B" within namespace A.B
	this      string // what "this" is, for functions assigned to its members
	within    bool   // in the body of a function
	async     bool
	generator bool
	noIn      bool // "in" ends the expression: the head of a for
	choosing  bool // between ? and : of a choice
}

// newJSParser makes the parser of a text; the tokens are written over scratch.
func newJSParser(text string, dialect jsDialect, scratch []jsToken) *jsParser {
	p := &jsParser{dialect: dialect}
	p.text = text
	n := len(text)
	p.toks = slices.Grow(scratch[:0], n/4+16)
	p.calls = make([]jsCall, 0, n/80+4)
	p.items = make([]jsItem, 0, n/40+4)
	p.strings = make([]Span, 0, n/80+4)
	return p
}

// jsMark is a place to come back to: the lexer's, and how long each list was.
type jsMark struct {
	pos, depth, types int
	tok               jsToken

	toks, comments, functions, calls, items, stack, imports, strings, tries, branches, decorators, conditions, comparisons, labels int
}

func (p *jsParser) mark() jsMark {
	return jsMark{
		pos: p.pos, depth: p.depth, types: p.types, tok: p.tok,
		toks: len(p.toks), comments: len(p.comments), functions: len(p.functions), calls: len(p.calls), items: len(p.items),
		stack: len(p.stack), imports: len(p.imports), strings: len(p.strings), tries: len(p.tries), branches: len(p.branches),
		decorators: len(p.decorators), conditions: len(p.conditions), comparisons: len(p.comparisons),
		labels: len(p.labels),
	}
}

// back forgets all since the mark, an error included.
func (p *jsParser) back(m jsMark) {
	p.err = ""
	p.pos, p.depth, p.types, p.tok = m.pos, m.depth, m.types, m.tok
	p.toks, p.comments, p.functions = p.toks[:m.toks], p.comments[:m.comments], p.functions[:m.functions]
	p.calls, p.items, p.stack, p.imports = p.calls[:m.calls], p.items[:m.items], p.stack[:m.stack], p.imports[:m.imports]
	p.strings, p.tries, p.branches = p.strings[:m.strings], p.tries[:m.tries], p.branches[:m.branches]
	p.decorators, p.labels = p.decorators[:m.decorators], p.labels[:m.labels]
	p.conditions, p.comparisons = p.conditions[:m.conditions], p.comparisons[:m.comparisons]
	if p.work > jsEffort*len(p.text)+1<<16 {
		p.fail(p.pos, "too many ambiguities within one another")
	}
}

// peek returns the token after the current one.
func (p *jsParser) peek() jsToken {
	if p.err != "" {
		return p.tok
	}
	pos, tok, comments := p.pos, p.tok, len(p.comments)
	p.scan()
	t := p.tok
	p.pos, p.tok, p.comments, p.err = pos, tok, p.comments[:comments], ""
	return t
}

func (p *jsParser) is(k jsKind) bool { return p.tok.kind == k }

// eat takes the token if it is of that kind.
func (p *jsParser) eat(k jsKind) bool {
	if p.tok.kind != k {
		return false
	}
	p.next()
	return true
}

var jsSpelled = map[jsKind]string{
	jsOpenBrace: "{", jsCloseBrace: "}", jsOpenParen: "(", jsCloseParen: ")", jsOpenBracket: "[", jsCloseBracket: "]",
	jsSemicolon: ";", jsColon: ":", jsGreater: ">", jsLess: "<", jsWhile: "while", jsAssign: "=", jsSlash: "/", jsArrow: "=>",
}

func (p *jsParser) expect(k jsKind) {
	if !p.eat(k) {
		p.unexpected(jsSpelled[k])
	}
}

// unexpected fails at the current token.
func (p *jsParser) unexpected(wanted string) {
	what := "the end of the text"
	if p.tok.kind != jsEOF {
		what = p.word()
		if len(what) > 20 {
			what = what[:20]
		}
	}
	message := "unexpected " + what
	if wanted != "" {
		message += ", where " + wanted + " is due"
	}
	p.fail(int(p.tok.start), message)
}

// end is the offset at which the last token taken ends.
func (p *jsParser) end() int32 {
	if len(p.toks) == 0 {
		return 0
	}
	return p.toks[len(p.toks)-1].end
}

// here is the index of the current token.
func (p *jsParser) here() int32 { return int32(len(p.toks)) }

// deeper is called where the parser calls itself, and tells whether it may.
func (p *jsParser) deeper() bool {
	p.depth++
	if p.depth > jsDepth {
		p.fail(int(p.tok.start), "brackets or expressions nested too deeply")
		return false
	}
	return true
}

// semicolon takes the end of a statement, written or not.
func (p *jsParser) semicolon() {
	if p.eat(jsSemicolon) || p.is(jsCloseBrace) || p.is(jsEOF) || p.tok.newline {
		return
	}
	p.unexpected(";")
}

func (p *jsParser) file() {
	if len(p.text) >= 3 && p.text[:3] == "\ufeff" {
		p.pos = 3
	}
	if len(p.text) >= p.pos+2 && p.text[p.pos:p.pos+2] == "#!" { // code, not a comment: it tells who runs the file
		start := p.pos
		for p.pos < len(p.text) && p.text[p.pos] != '\n' && p.text[p.pos] != '\r' {
			p.pos++
		}
		p.toks = append(p.toks, jsToken{kind: jsText, start: int32(start), end: int32(p.pos)})
	}
	p.scan()
	for !p.is(jsEOF) {
		p.statement()
	}
}

// block takes { statements }.
func (p *jsParser) block() {
	p.expect(jsOpenBrace)
	for !p.is(jsCloseBrace) && !p.is(jsEOF) {
		p.statement()
	}
	p.expect(jsCloseBrace)
}

func (p *jsParser) statement() {
	if !p.deeper() {
		return
	}
	defer func() { p.depth-- }()
	start := p.tok.start
	switch p.tok.kind {
	case jsOpenBrace:
		p.block()
	case jsSemicolon:
		p.next()
	case jsFunction:
		p.function(start, false)
	case jsClass:
		p.class(start, jsRange{}, nil)
	case jsAt:
		decorators := p.decoratorList()
		p.decorated(start, decorators)
	case jsVar:
		p.variables(start)
	case jsConst:
		if t := p.peek(); t.kind == jsEnum {
			p.next()
			p.enum(start)
			return
		}
		p.variables(start)
	case jsIf:
		p.ifStatement()
	case jsFor:
		p.forStatement()
	case jsWhile:
		p.next()
		p.condition()
		p.statement()
	case jsDo:
		p.next()
		p.statement()
		p.expect(jsWhile)
		p.condition()
		p.eat(jsSemicolon)
	case jsWith:
		p.next()
		p.parenthesised()
		p.statement()
	case jsSwitch:
		p.switchStatement()
	case jsTry:
		p.tryStatement()
	case jsReturn:
		p.next()
		if !p.is(jsSemicolon) && !p.is(jsCloseBrace) && !p.is(jsEOF) && !p.tok.newline {
			p.expression()
		}
		p.semicolon()
	case jsThrow:
		p.next()
		p.expression()
		p.semicolon()
	case jsBreak, jsContinue:
		p.next()
		if p.tok.kind.name() && !p.tok.newline {
			p.labels = append(p.labels, int(p.tok.start))
			p.next()
		}
		p.semicolon()
	case jsDebugger:
		p.next()
		p.semicolon()
	case jsImport:
		if t := p.peek(); t.kind == jsOpenParen || t.kind == jsDot {
			p.expressionStatement()
			return
		}
		p.importStatement()
	case jsExport:
		p.exportStatement()
	case jsEnum:
		p.enum(start)
	default:
		if p.tok.kind > jsIdent && p.tok.kind < jsReserved && p.contextual(start) {
			return
		}
		p.expressionStatement()
	}
}

// decorated takes the class that stands behind its decorators.
func (p *jsParser) decorated(start int32, decorators jsRange) {
	if p.is(jsExport) {
		p.next()
		p.eat(jsDefault)
	}
	if p.is(jsAbstract) || p.is(jsDeclare) {
		p.next()
	}
	if !p.is(jsClass) {
		p.unexpected("a class")
		return
	}
	p.class(start, decorators, nil)
}

// contextual takes a statement that begins with a word that is not reserved, if it is one.
func (p *jsParser) contextual(start int32) bool {
	switch p.tok.kind {
	case jsLet:
		if t := p.peek(); t.kind.name() || t.kind == jsOpenBracket || t.kind == jsOpenBrace {
			p.variables(start)
			return true
		}
	case jsUsing:
		if t := p.peek(); t.kind.name() && !t.newline && t.kind != jsOf {
			p.variables(start)
			return true
		}
	case jsAwait:
		m := p.mark()
		if p.next(); p.is(jsUsing) && !p.tok.newline {
			if t := p.peek(); t.kind.name() && !t.newline {
				p.variables(start)
				return true
			}
		}
		p.back(m)
	case jsAsync:
		if t := p.peek(); t.kind == jsFunction && !t.newline {
			p.next()
			p.function(start, true)
			return true
		}
	case jsAbstract:
		if t := p.peek(); t.kind == jsClass && !t.newline {
			p.next()
			p.class(start, jsRange{}, nil)
			return true
		}
	case jsInterface:
		if t := p.peek(); t.kind.name() && !t.newline {
			p.interfaceDeclaration(start)
			return true
		}
	case jsTypeWord:
		if t := p.peek(); t.kind.name() && !t.newline {
			p.typeAlias(start)
			return true
		}
	case jsNamespace, jsModule:
		if t := p.peek(); (t.kind.name() || t.kind == jsString) && !t.newline {
			p.namespaceDeclaration(start)
			return true
		}
	case jsGlobal:
		if t := p.peek(); t.kind == jsOpenBrace {
			p.next()
			p.block()
			return true
		}
	case jsDeclare:
		if t := p.peek(); t.kind.word() && !t.newline && t.kind != jsIn && t.kind != jsInstanceof && t.kind != jsAs {
			p.next()
			p.declaration(start)
			return true
		}
	}
	return false
}

// declaration takes what follows declare or export.
func (p *jsParser) declaration(start int32) {
	switch p.tok.kind {
	case jsFunction:
		p.function(start, false)
	case jsClass:
		p.class(start, jsRange{}, nil)
	case jsVar:
		p.variables(start)
	case jsConst:
		if p.peek().kind == jsEnum {
			p.next()
			p.enum(start)
			return
		}
		p.variables(start)
	case jsEnum:
		p.enum(start)
	case jsImport: // export import a = b
		p.importStatement()
	default:
		if !p.contextual(start) {
			p.unexpected("a declaration")
		}
	}
}

func (p *jsParser) expressionStatement() {
	if p.tok.kind.name() {
		if t := p.peek(); t.kind == jsColon {
			p.labels = append(p.labels, int(p.tok.start))
			p.next()
			p.next()
			p.statement()
			return
		}
	}
	p.expression()
	p.semicolon()
}

// parenthesised takes (expression) and returns the span within.
func (p *jsParser) parenthesised() Span {
	p.expect(jsOpenParen)
	start := p.tok.start
	noIn := p.noIn
	p.noIn = false
	p.expression()
	p.noIn = noIn
	s := Span{int(start), int(p.end())}
	p.expect(jsCloseParen)
	return s
}

func (p *jsParser) condition() {
	s := p.parenthesised()
	p.conditions = append(p.conditions, s)
}

func (p *jsParser) ifStatement() {
	for p.is(jsIf) { // a chain of else if is a loop: it may be long
		b := jsBranch{start: p.tok.start}
		p.next()
		b.condition.from = p.here() + 1
		p.condition()
		b.condition.to = p.here() - 1
		b.body.from = p.here()
		p.statement()
		b.body.to, b.end = p.here(), p.end()
		p.branches = append(p.branches, b)
		if !p.eat(jsElse) {
			return
		}
		if !p.is(jsIf) {
			p.statement()
			return
		}
	}
}

func (p *jsParser) forStatement() {
	p.next()
	if p.is(jsAwait) {
		p.next()
	}
	p.expect(jsOpenParen)
	noIn := p.noIn
	p.noIn = true
	switch {
	case p.is(jsSemicolon):
	case p.is(jsVar), p.is(jsConst):
		p.variableList(p.tok.start)
	case p.is(jsLet):
		if t := p.peek(); t.kind.name() && t.kind != jsOf || t.kind == jsOpenBracket || t.kind == jsOpenBrace {
			p.variableList(p.tok.start)
		} else {
			p.expression()
		}
	case p.is(jsUsing):
		if t := p.peek(); t.kind.name() && !t.newline && t.kind != jsOf {
			p.variableList(p.tok.start)
		} else {
			p.expression()
		}
	default:
		p.expression()
	}
	p.noIn = noIn
	if p.is(jsOf) || p.is(jsIn) {
		p.next()
		p.expression()
	} else {
		p.expect(jsSemicolon)
		if !p.is(jsSemicolon) {
			start := int(p.tok.start)
			p.expression()
			p.conditions = append(p.conditions, Span{start, int(p.end())})
		}
		p.expect(jsSemicolon)
		if !p.is(jsCloseParen) {
			p.expression()
		}
	}
	p.expect(jsCloseParen)
	p.statement()
}

func (p *jsParser) switchStatement() {
	p.next()
	p.condition()
	p.expect(jsOpenBrace)
	for !p.is(jsCloseBrace) && !p.is(jsEOF) {
		switch {
		case p.eat(jsCase):
			start := int(p.tok.start)
			p.expression()
			p.conditions = append(p.conditions, Span{start, int(p.end())})
			p.expect(jsColon)
		case p.eat(jsDefault):
			p.expect(jsColon)
		default:
			p.statement()
		}
	}
	p.expect(jsCloseBrace)
}

func (p *jsParser) tryStatement() {
	t := jsAttempt{start: p.tok.start}
	p.next()
	p.block()
	caught := false
	if p.is(jsCatch) {
		caught = true
		t.at = p.tok.start
		p.next()
		if p.eat(jsOpenParen) {
			if p.tok.kind.name() {
				t.param = p.word()
			}
			p.binding()
			if p.eat(jsColon) {
				p.typeExpression()
			}
			p.expect(jsCloseParen)
		}
		t.body.from = p.here() + 1
		p.block()
		t.body.to = p.here() - 1
	}
	if p.eat(jsFinally) {
		p.block()
	} else if !caught {
		p.unexpected("catch or finally")
	}
	if caught {
		t.end = p.end()
		p.tries = append(p.tries, t)
	}
}

// variables takes a statement of var, let, const or using.
func (p *jsParser) variables(start int32) {
	p.variableList(start)
	p.semicolon()
}

func (p *jsParser) variableList(start int32) {
	p.next()
	for {
		named := jsNamed{name: "", owner: p.namespace, start: start, at: p.tok.start}
		if p.tok.kind.name() {
			named.name = p.word()
		}
		p.binding()
		if p.is(jsBang) {
			p.next()
		}
		if p.eat(jsColon) {
			p.typeExpression()
		}
		if p.eat(jsAssign) {
			if named.name != "" {
				p.bound(&named)
			} else {
				p.assignment(nil)
			}
		}
		if !p.is(jsComma) {
			return
		}
		p.next()
		start = p.tok.start
	}
}

// bound takes a value and binds it to the name, if it is a function.
func (p *jsParser) bound(named *jsNamed) jsValue {
	v := p.assignment(named)
	if v.shape == jsFunctionValue {
		p.bind(v.ref, named)
	}
	return v
}

func (p *jsParser) bind(ref int32, named *jsNamed) {
	f := &p.functions[ref]
	if f.declared {
		return
	}
	if f.name != "" && f.name != named.name {
		f.self, f.selfAt = f.name, f.at
	}
	f.name, f.owner, f.at, f.declared = named.name, named.owner, named.at, true
	if named.start < f.start {
		f.start = named.start
	}
}

// binding takes a name or a pattern. A pattern has the form of an array or an object.
func (p *jsParser) binding() {
	switch {
	case p.tok.kind.name():
		p.next()
	case p.is(jsOpenBrace):
		p.object(nil)
	case p.is(jsOpenBracket):
		p.array()
	default:
		p.unexpected("a name")
	}
}
