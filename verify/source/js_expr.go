package source

import "strings"

// expression takes values with commas between.
func (p *jsParser) expression() jsValue {
	v := p.assignment(nil)
	for p.is(jsComma) {
		p.next()
		p.assignment(nil)
		v = jsValue{}
	}
	return v
}

// assignment takes one value: an arrow function, a choice, an assignment or what binds closer. It is about to be bound to the
// name, if there is one.
func (p *jsParser) assignment(named *jsNamed) jsValue {
	if !p.deeper() {
		return jsValue{}
	}
	start := p.tok.start
	if p.is(jsYield) && p.generator {
		p.next()
		if p.is(jsStar) {
			p.next()
		}
		if !p.tok.newline && p.startsValue() {
			p.assignment(nil)
		}
		p.depth--
		return jsValue{}
	}
	v := p.operation(named)
	switch p.tok.kind {
	case jsQuestion:
		if p.dialect.types {
			if t := p.peek().kind; t == jsComma || t == jsCloseParen || t == jsColon || t == jsAssign {
				break // (a?: T) of an arrow function
			}
		}
		p.conditions = append(p.conditions, Span{int(start), int(p.end())})
		p.next()
		noIn, choosing := p.noIn, p.choosing
		p.noIn, p.choosing = false, true
		p.assignment(nil)
		p.noIn, p.choosing = noIn, choosing
		p.expect(jsColon)
		p.assignment(nil)
		v = jsValue{}
	case jsAssign:
		p.next()
		if v.shape == jsName {
			target := p.target(v)
			p.bound(&target)
		} else {
			p.assignment(nil)
		}
		v = jsValue{}
	case jsOpAssign:
		p.next()
		p.assignment(nil)
		v = jsValue{}
	}
	p.depth--
	return v
}

// target is the name that an assignment to a dotted name binds. What is given to exports is a function of the file.
func (p *jsParser) target(v jsValue) jsNamed {
	n := jsNamed{name: v.name, start: v.start, at: v.at}
	if i := strings.LastIndexByte(v.name, '.'); i >= 0 {
		n.owner, n.name = v.name[:i], v.name[i+1:]
	}
	switch {
	case n.owner == "exports" || n.owner == "module.exports":
		n.owner = ""
	case n.owner == "this":
		n.owner = p.this
	case strings.HasPrefix(n.owner, "this."):
		n.owner = strings.TrimPrefix(p.this+n.owner[len("this"):], ".")
	case strings.HasPrefix(n.owner, "module.exports."):
		n.owner = n.owner[len("module.exports."):]
	case strings.HasPrefix(n.owner, "exports."):
		n.owner = n.owner[len("exports."):]
	}
	n.owner = strings.TrimSuffix(n.owner, ".prototype")
	if strings.HasPrefix(n.owner, "?") {
		n.owner = ""
	}
	return n
}

// startsValue reports whether the current token may begin a value.
func (p *jsParser) startsValue() bool {
	switch k := p.tok.kind; k {
	case jsNumber, jsString, jsTemplate, jsTemplateHead, jsPrivate, jsOpenBrace, jsOpenParen, jsOpenBracket, jsAt, jsBang, jsTilde,
		jsIncrement, jsPlusMinus, jsSlash, jsLess, jsClass, jsFunction, jsNew, jsNull, jsThis, jsTrue, jsFalse, jsSuper, jsTypeof,
		jsVoid, jsDelete, jsImport:
		return true
	case jsOpAssign:
		return p.word() == "/="
	default:
		return k.name()
	}
}

// operation takes values with operators between. How the operators bind does not matter to the facts, but that comparisons
// bind closer than "and" and "or".
func (p *jsParser) operation(named *jsNamed) jsValue {
	start := p.tok.start
	compares := false
	v := p.unary(named)
	for {
		switch p.tok.kind {
		case jsLess, jsGreater:
			p.asOperator()
			switch p.tok.kind {
			case jsCompare:
				compares = true
			case jsOpAssign:
				return v
			}
		case jsCompare, jsInstanceof:
			compares = true
		case jsIn:
			if p.noIn {
				p.compared(start, compares)
				return v
			}
			compares = true
		case jsLogic:
			p.compared(start, compares)
			p.next()
			start, compares = p.tok.start, false
			p.unary(nil)
			v = jsValue{}
			continue
		case jsBinary, jsBar, jsAmp, jsStar, jsSlash, jsPlusMinus:
		case jsAs, jsSatisfies:
			if p.tok.newline || !p.dialect.types {
				p.compared(start, compares)
				return v
			}
			p.next()
			if !p.eat(jsConst) {
				p.typeExpression()
			}
			continue
		default:
			p.compared(start, compares)
			return v
		}
		p.next()
		p.unary(nil)
		v = jsValue{}
	}
}

// compared notes the operands of a comparison.
func (p *jsParser) compared(start int32, compares bool) {
	if compares {
		p.comparisons = append(p.comparisons, Span{int(start), int(p.end())})
	}
}

// unary takes a value with the operators before and behind it.
func (p *jsParser) unary(named *jsNamed) jsValue {
	prefixed := false
	for {
		switch p.tok.kind {
		case jsBang, jsTilde, jsIncrement, jsPlusMinus, jsTypeof, jsVoid, jsDelete:
			prefixed = true
			p.next()
			continue
		case jsAwait:
			t := p.peek()
			if t.kind == jsArrow || !p.async && !jsBegins(t) {
				break
			}
			prefixed = true
			p.next()
			continue
		case jsLess:
			if p.dialect.types && !p.dialect.jsx && !p.genericArrow() { // <T>value
				prefixed = true
				p.next()
				p.eat(jsConst)
				if !p.is(jsGreater) {
					p.typeExpression()
				}
				p.expect(jsGreater)
				continue
			}
		}
		break
	}
	v := p.postfix(named)
	if p.is(jsIncrement) && !p.tok.newline {
		p.next()
		v = jsValue{}
	}
	if prefixed {
		return jsValue{start: v.start}
	}
	return v
}

// jsBegins reports whether the token, behind the word await outside of an async function, makes it an operator.
func jsBegins(t jsToken) bool {
	if t.newline {
		return false
	}
	switch t.kind {
	case jsNumber, jsString, jsTemplate, jsTemplateHead, jsOpenBrace, jsOpenParen, jsOpenBracket, jsFunction, jsClass, jsNew, jsThis,
		jsSuper, jsImport, jsNull, jsTrue, jsFalse, jsBang, jsTypeof:
		return true
	case jsOf, jsAs, jsSatisfies:
		return false
	default:
		return t.kind.name()
	}
}

// genericArrow reports whether <…> at the current token is followed by the parameters of an arrow function.
func (p *jsParser) genericArrow() bool {
	m := p.mark()
	p.typeParameters()
	is := p.err == "" && p.is(jsOpenParen)
	p.back(m)
	return is
}

// postfix takes a value with what is called, read and indexed on it.
func (p *jsParser) postfix(named *jsNamed) jsValue {
	start := p.tok.start
	var v jsValue
	if p.is(jsNew) {
		v = p.construction(named)
	} else {
		v = p.primary(named)
	}
	return p.suffixes(v, start, named, true)
}

// suffixes takes what follows a value. Calls are left where the value is that of new.
func (p *jsParser) suffixes(v jsValue, start int32, named *jsNamed, calls bool) jsValue {
	v.start = start
	for {
		switch p.tok.kind {
		case jsDot, jsOptional:
			optional := p.is(jsOptional)
			p.next()
			if optional && (p.is(jsOpenParen) || p.is(jsOpenBracket) || p.is(jsTemplate) || p.is(jsTemplateHead) || p.is(jsLess)) {
				continue
			}
			if !p.tok.kind.word() && !p.is(jsPrivate) {
				p.unexpected("the name of a member")
				return v
			}
			v = p.member(v, p.word(), p.tok.start, p.tok.end)
			p.next()
		case jsOpenBracket:
			at := p.tok.start
			p.next()
			noIn := p.noIn
			p.noIn = false
			text := p.tok
			first := p.here()
			p.expression()
			p.noIn = noIn
			if text.kind == jsString && p.here() == first+1 {
				v = p.member(v, p.text[text.start+1:text.end-1], at, 0)
			} else {
				v = jsValue{start: v.start, at: at}
			}
			p.expect(jsCloseBracket)
		case jsOpenParen:
			if !calls {
				return v
			}
			v = p.call(v, named)
		case jsTemplate, jsTemplateHead:
			v = p.tagged(v)
		case jsBang:
			if p.tok.newline || !p.dialect.types {
				return v
			}
			p.next()
		case jsLess:
			if !p.dialect.types || !p.typeArguments() {
				return v
			}
		default:
			return v
		}
	}
}

// member extends the name of a value. End is 0 where the name is not written as a plain member.
func (p *jsParser) member(v jsValue, name string, at, end int32) jsValue {
	switch {
	case v.shape != jsName, len(v.name) > jsNameLength:
		return jsValue{shape: jsName, name: "?." + name, start: at, at: at}
	case end > 0 && int(end-v.start) == len(v.name)+1+len(name): // written without blanks: no copy is needed
		return jsValue{shape: jsName, name: p.text[v.start:end], start: v.start, at: at}
	default:
		return jsValue{shape: jsName, name: v.name + "." + name, start: v.start, at: at}
	}
}

// jsWrappers are calls that hand back the function they are given, wrapped: what they are bound to is that function.
var jsWrappers = map[string]bool{
	"memo": true, "forwardRef": true, "useCallback": true, "useEvent": true, "useEffectEvent": true, "observer": true,
	"debounce": true, "throttle": true, "once": true, "memoize": true, "asyncHandler": true, "expressAsyncHandler": true,
	"catchAsync": true, "wrapAsync": true, "defineEventHandler": true, "eventHandler": true, "defineComponent": true,
}

// call takes the arguments of a call on v.
func (p *jsParser) call(v jsValue, named *jsNamed) jsValue {
	c := jsCall{name: "?", start: p.tok.start, open: p.here(), callee: -1}
	switch v.shape {
	case jsName:
		c.name, c.start = v.name, v.start
	case jsCallValue:
		c.callee = v.ref
	}
	if !jsWrappers[c.name[strings.LastIndexByte(c.name, '.')+1:]] {
		named = nil
	}
	c.args = p.arguments(named)
	c.end = p.end()
	out := jsValue{shape: jsCallValue, ref: int32(len(p.calls)), start: c.start}
	p.calls = append(p.calls, c)
	if c.name == "require" && c.args.to-c.args.from == 1 {
		p.importCall(&c)
	}
	if named != nil && c.args.to > c.args.from {
		if first := p.items[c.args.from].value; first.shape == jsFunctionValue {
			return first
		}
	}
	return out
}

// importCall notes the module of require("x") and import("x").
func (p *jsParser) importCall(c *jsCall) {
	arg := p.items[c.args.from]
	if arg.value.shape != jsStringValue {
		return
	}
	t := p.toks[arg.tokens.from]
	p.imports = append(p.imports, jsImported{module: jsUnquote(p.text[t.start:t.end]), at: c.start})
}

// arguments takes (a, b, ...c).
func (p *jsParser) arguments(named *jsNamed) jsRange {
	p.expect(jsOpenParen)
	base := len(p.stack)
	noIn, choosing := p.noIn, p.choosing
	p.noIn, p.choosing = false, false
	for !p.is(jsCloseParen) && !p.is(jsEOF) {
		item := jsItem{tokens: jsRange{from: p.here()}}
		p.eat(jsEllipsis)
		item.value = p.assignment(named)
		named = nil
		item.tokens.to = p.here()
		p.stack = append(p.stack, item)
		if !p.is(jsComma) {
			break
		}
		p.next()
	}
	p.noIn, p.choosing = noIn, choosing
	p.expect(jsCloseParen)
	return p.take(base)
}

// take moves the items of a list that has ended to their place.
func (p *jsParser) take(base int) jsRange {
	r := jsRange{from: int32(len(p.items))}
	p.items = append(p.items, p.stack[base:]...)
	p.stack = p.stack[:base]
	r.to = int32(len(p.items))
	return r
}

// tagged takes a template that a function is called with.
func (p *jsParser) tagged(v jsValue) jsValue {
	c := jsCall{name: "?", start: p.tok.start, open: -1, callee: -1}
	if v.shape == jsName {
		c.name, c.start = v.name, v.start
	}
	base := len(p.stack)
	item := jsItem{tokens: jsRange{from: p.here()}}
	p.templateLiteral()
	item.tokens.to = p.here()
	p.stack = append(p.stack, item)
	c.args = p.take(base)
	c.end = p.end()
	p.calls = append(p.calls, c)
	return jsValue{shape: jsCallValue, ref: int32(len(p.calls) - 1), start: c.start}
}

// construction takes new X(…), the arguments being optional.
func (p *jsParser) construction(named *jsNamed) jsValue {
	if !p.deeper() {
		return jsValue{}
	}
	defer func() { p.depth-- }()
	at := p.tok.start
	p.next()
	if p.is(jsDot) { // new.target
		p.next()
		p.next()
		return jsValue{}
	}
	start := p.tok.start
	var v jsValue
	if p.is(jsNew) {
		v = p.construction(nil)
	} else {
		v = p.primary(nil)
	}
	v = p.suffixes(v, start, nil, false)
	if p.is(jsOpenParen) {
		v = p.call(v, nil)
		p.calls[v.ref].construct = true
		return v
	}
	c := jsCall{name: "?", start: at, end: p.end(), open: -1, callee: -1, construct: true}
	if v.shape == jsName {
		c.name, c.start = v.name, v.start
	}
	p.calls = append(p.calls, c)
	return jsValue{shape: jsCallValue, ref: int32(len(p.calls) - 1), start: c.start}
}

// templateLiteral takes a template and what is filled in.
func (p *jsParser) templateLiteral() {
	start := p.tok.start
	if p.eat(jsTemplate) {
		p.strings = append(p.strings, Span{int(start), int(p.end())})
		return
	}
	noIn, choosing := p.noIn, p.choosing
	p.noIn, p.choosing = false, false
	for p.is(jsTemplateHead) || p.is(jsTemplateMid) {
		p.next()
		p.expression()
		if !p.is(jsCloseBrace) {
			p.unexpected("}")
			return
		}
		p.asTemplate()
	}
	p.noIn, p.choosing = noIn, choosing
	p.expect(jsTemplateTail)
	p.strings = append(p.strings, Span{int(start), int(p.end())})
}

// primary takes a value without operators.
func (p *jsParser) primary(named *jsNamed) jsValue {
	t := p.tok
	switch t.kind {
	case jsNumber, jsNull, jsTrue, jsFalse, jsPrivate:
		p.next()
		return jsValue{}
	case jsString:
		p.next()
		p.strings = append(p.strings, Span{int(t.start), int(t.end)})
		return jsValue{shape: jsStringValue}
	case jsTemplate:
		p.templateLiteral()
		return jsValue{shape: jsStringValue}
	case jsTemplateHead:
		p.templateLiteral()
		return jsValue{}
	case jsThis, jsSuper:
		p.next()
		return jsValue{shape: jsName, name: p.text[t.start:t.end], start: t.start, at: t.start}
	case jsOpenParen:
		return p.group(t.start, false, named)
	case jsOpenBracket:
		p.array()
		return jsValue{}
	case jsOpenBrace:
		p.object(named)
		return jsValue{shape: jsObjectValue}
	case jsFunction:
		return p.functionValue(t.start, false, named)
	case jsClass:
		return p.class(t.start, jsRange{}, named)
	case jsAt:
		return p.class(t.start, p.decoratorList(), named)
	case jsSlash, jsOpAssign:
		if p.text[t.start] == '/' {
			p.asRegex()
			p.next()
			return jsValue{}
		}
	case jsLess:
		if p.dialect.types && (!p.dialect.jsx || p.arrowInTags()) {
			p.typeParameters()
			return p.group(t.start, false, named)
		}
		if p.dialect.jsx {
			p.element()
			return jsValue{}
		}
	case jsImport:
		p.next()
		if p.eat(jsDot) { // import.meta, import.defer(…)
			v := jsValue{shape: jsName, name: "import." + p.word(), start: t.start, at: p.tok.start}
			p.next()
			return v
		}
		if p.is(jsOpenParen) {
			v := p.call(jsValue{shape: jsName, name: "import", start: t.start, at: t.start}, nil)
			if c := p.calls[v.ref]; p.err == "" && c.args.to > c.args.from {
				p.importCall(&c)
			}
			return v
		}
	default:
		if !t.kind.name() {
			break
		}
		return p.nameOrArrow(named)
	}
	p.unexpected("a value")
	return jsValue{}
}

// nameOrArrow takes a name, x => …, async x => …, async (x) => … or async function.
func (p *jsParser) nameOrArrow(named *jsNamed) jsValue {
	t := p.tok
	from := p.here()
	p.next()
	if p.is(jsArrow) && !p.tok.newline {
		base := len(p.stack)
		p.stack = append(p.stack, jsItem{tokens: jsRange{from, from + 1}})
		return p.arrow(t.start, p.take(base), false, named)
	}
	if t.kind == jsAsync && !p.tok.newline {
		switch {
		case p.is(jsFunction):
			return p.functionValue(t.start, true, named)
		case p.tok.kind.name():
			m := p.mark()
			from := p.here()
			p.next()
			if p.is(jsArrow) {
				base := len(p.stack)
				p.stack = append(p.stack, jsItem{tokens: jsRange{from, from + 1}})
				return p.arrow(t.start, p.take(base), true, named)
			}
			p.back(m)
		case p.is(jsOpenParen):
			return p.group(t.start, true, named)
		case p.is(jsLess) && p.dialect.types:
			if p.genericArrow() {
				p.typeParameters()
				return p.group(t.start, true, named)
			}
		}
	}
	return jsValue{shape: jsName, name: p.text[t.start:t.end], start: t.start, at: t.start}
}

// group takes ( … ): the parameters of an arrow function, a value in brackets, or the arguments of a call of async.
func (p *jsParser) group(start int32, async bool, named *jsNamed) jsValue {
	open := p.tok
	openAt := p.here()
	p.expect(jsOpenParen)
	base := len(p.stack)
	noIn, choosing := p.noIn, p.choosing
	p.noIn, p.choosing = false, false
	inner := named
	for !p.is(jsCloseParen) && !p.is(jsEOF) {
		item := jsItem{tokens: jsRange{from: p.here()}}
		p.eat(jsEllipsis)
		item.value = p.assignment(inner)
		inner = nil
		if p.dialect.types {
			if p.is(jsQuestion) {
				p.next()
			}
			if p.eat(jsColon) {
				p.typeExpression()
				item.value = jsValue{}
			}
			if p.eat(jsAssign) {
				p.assignment(nil)
			}
		}
		item.tokens.to = p.here()
		p.stack = append(p.stack, item)
		if !p.is(jsComma) {
			break
		}
		p.next()
	}
	p.noIn, p.choosing = noIn, choosing
	p.expect(jsCloseParen)
	items := p.take(base)
	if p.is(jsArrow) && !p.tok.newline {
		return p.arrow(start, items, async, named)
	}
	if p.is(jsColon) && p.dialect.types {
		if v, ok := p.typedArrow(start, items, async, named); ok {
			return v
		}
	}
	if async {
		c := jsCall{name: "async", start: start, end: p.end(), args: items, open: openAt, callee: -1}
		p.calls = append(p.calls, c)
		return jsValue{shape: jsCallValue, ref: int32(len(p.calls) - 1), start: start}
	}
	if items.to-items.from == 0 {
		p.fail(int(open.start), "brackets without a value")
		return jsValue{}
	}
	if items.to-items.from == 1 {
		switch v := p.items[items.from].value; v.shape {
		case jsFunctionValue, jsClassValue:
			return v
		case jsStringValue, jsObjectValue:
			return jsValue{shape: v.shape}
		}
	}
	return jsValue{}
}

// typedArrow takes ": T => …" behind parameters. Between ? and : of a choice the colon may end the choice instead; the arrow
// function is then only one if the choice goes on behind it.
func (p *jsParser) typedArrow(start int32, items jsRange, async bool, named *jsNamed) (jsValue, bool) {
	m := p.mark()
	p.next()
	p.returnType()
	if p.err != "" || !p.is(jsArrow) || p.tok.newline {
		p.back(m)
		return jsValue{}, false
	}
	choosing := p.choosing
	v := p.arrow(start, items, async, named)
	if choosing && !p.is(jsColon) {
		p.back(m)
		return jsValue{}, false
	}
	return v, true
}

// arrow takes "=> body".
func (p *jsParser) arrow(start int32, params jsRange, async bool, named *jsNamed) jsValue {
	p.next()
	ref := int32(len(p.functions))
	p.functions = append(p.functions, jsFunc{kind: Function, start: start, at: start, params: params, nested: p.within})
	var body Span
	if p.is(jsOpenBrace) {
		body = p.functionBody(async, false, p.this)
	} else {
		outer := p.jsScope
		p.within, p.async, p.generator, p.namespace = true, async, false, ""
		from := p.tok.start
		p.assignment(nil)
		body = Span{int(from), int(p.end())}
		p.jsScope = outer
	}
	if p.err != "" {
		return jsValue{}
	}
	p.functions[ref].body, p.functions[ref].end = body, p.end()
	return jsValue{shape: jsFunctionValue, ref: ref, start: start}
}

// array takes [a, , ...b].
func (p *jsParser) array() {
	p.expect(jsOpenBracket)
	noIn, choosing := p.noIn, p.choosing
	p.noIn, p.choosing = false, false
	for !p.is(jsCloseBracket) && !p.is(jsEOF) {
		if p.eat(jsComma) {
			continue
		}
		p.eat(jsEllipsis)
		p.assignment(nil)
		if !p.is(jsCloseBracket) && !p.eat(jsComma) {
			p.unexpected("]")
		}
	}
	p.noIn, p.choosing = noIn, choosing
	p.expect(jsCloseBracket)
}

// object takes { members }. Functions among them belong to what the object is bound to.
func (p *jsParser) object(named *jsNamed) {
	path := named.path()
	if path == "module.exports" || path == "exports" || named != nil && named.owner == "" && named.name == "default" {
		path = ""
	}
	p.expect(jsOpenBrace)
	noIn, choosing := p.noIn, p.choosing
	p.noIn, p.choosing = false, false
	for !p.is(jsCloseBrace) && !p.is(jsEOF) {
		if p.eat(jsEllipsis) {
			p.assignment(nil)
		} else {
			p.property(path)
		}
		if !p.is(jsCloseBrace) && !p.eat(jsComma) {
			p.unexpected("}")
		}
	}
	p.noIn, p.choosing = noIn, choosing
	p.expect(jsCloseBrace)
}

// property takes one member of an object: a: b, a, a = b, a() {}, get a() {}.
func (p *jsParser) property(owner string) {
	start := p.tok.start
	async, generator := false, false
	for p.is(jsGet) || p.is(jsSet) || p.is(jsAsync) {
		t := p.peek()
		if !(t.kind.word() || t.kind == jsString || t.kind == jsNumber || t.kind == jsOpenBracket || t.kind == jsStar || t.kind == jsPrivate) {
			break
		}
		async = async || p.is(jsAsync)
		p.next()
	}
	if p.is(jsStar) {
		p.next()
		generator = true
	}
	key := p.tok
	name, computed := p.key()
	if p.dialect.types && (p.is(jsQuestion) || p.is(jsBang)) {
		p.next()
	}
	switch p.tok.kind {
	case jsOpenParen, jsLess:
		if !computed {
			p.labels = append(p.labels, int(key.start))
		}
		p.method(&jsNamed{name: name, owner: owner, start: start, at: key.start}, async, generator, jsRange{}, false)
	case jsColon:
		if !computed {
			p.labels = append(p.labels, int(key.start))
		}
		p.next()
		p.bound(&jsNamed{name: name, owner: owner, start: start, at: key.start})
	case jsAssign:
		p.next()
		p.assignment(nil)
	default:
		if !key.kind.word() {
			p.unexpected(":")
		}
	}
}

// key takes the name of a member and returns it: without quotes, "[Symbol.iterator]" where it is computed.
func (p *jsParser) key() (name string, computed bool) {
	t := p.tok
	switch {
	case t.kind.word(), t.kind == jsPrivate, t.kind == jsNumber:
		name = p.word()
		p.next()
	case t.kind == jsString:
		name = jsUnquote(p.word())
		p.strings = append(p.strings, Span{int(t.start), int(t.end)})
		p.next()
	case t.kind == jsOpenBracket:
		p.next()
		noIn := p.noIn
		p.noIn = false
		v := p.assignment(nil)
		p.noIn = noIn
		p.expect(jsCloseBracket)
		name, computed = p.text[t.start:p.end()], true
		if v.shape == jsStringValue && len(name) > 4 {
			if inner := strings.TrimSpace(name[1 : len(name)-1]); inner[0] != '`' {
				name = jsUnquote(inner)
			}
		}
	default:
		p.unexpected("the name of a member")
	}
	return name, computed
}
