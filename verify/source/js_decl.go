package source

// function takes a declaration of a function. The word async is behind.
func (p *jsParser) function(start int32, async bool) {
	ref := p.functionParts(start, async, nil)
	f := &p.functions[ref]
	if f.name == "" { // only export default may leave it out
		f.name = "default"
	}
	f.owner, f.declared = p.namespace, true
}

// functionValue takes a function within an expression.
func (p *jsParser) functionValue(start int32, async bool, named *jsNamed) jsValue {
	ref := p.functionParts(start, async, named)
	return jsValue{shape: jsFunctionValue, ref: ref, start: start}
}

// functionParts takes function* name<T>(params): T { body }. Without a body it is an overload or declared elsewhere.
func (p *jsParser) functionParts(start int32, async bool, named *jsNamed) int32 {
	ref := int32(len(p.functions))
	p.functions = append(p.functions, jsFunc{kind: Function, start: start, at: p.tok.start, nested: p.within})
	p.expect(jsFunction)
	generator := p.eat(jsStar)
	self := named.path()
	if p.tok.kind.name() {
		p.functions[ref].name, p.functions[ref].at = p.word(), p.tok.start
		if self == "" {
			self = p.word()
		}
		p.next()
	}
	p.signature(ref)
	if p.is(jsOpenBrace) {
		body := p.functionBody(async, generator, self)
		p.functions[ref].body = body
	} else if p.dialect.types {
		p.semicolon()
	} else {
		p.unexpected("{")
	}
	p.functions[ref].end = p.end()
	return ref
}

// signature takes <T>(params): T.
func (p *jsParser) signature(ref int32) {
	if p.is(jsLess) {
		p.typeParameters()
	}
	params := p.parameters()
	if p.eat(jsColon) {
		p.returnType()
	}
	p.functions[ref].params = params
}

// functionBody takes { statements } of a function and returns the span between the braces.
func (p *jsParser) functionBody(async, generator bool, this string) Span {
	outer := p.jsScope
	p.jsScope = jsScope{this: this, within: true, async: async, generator: generator}
	start := int(p.tok.end)
	p.block()
	p.jsScope = outer
	return Span{start, max(start, int(p.end())-1)}
}

// parameters takes (a, b = 1, {c}, ...d).
func (p *jsParser) parameters() jsRange {
	p.expect(jsOpenParen)
	base := len(p.stack)
	noIn, choosing := p.noIn, p.choosing
	p.noIn, p.choosing = false, false
	for !p.is(jsCloseParen) && !p.is(jsEOF) {
		item := jsItem{tokens: jsRange{from: p.here()}}
		if p.is(jsAt) {
			p.decoratorList()
		}
		for p.tok.kind.name() && p.parameterModifier() {
			p.next()
		}
		p.eat(jsEllipsis)
		if !p.eat(jsThis) {
			p.binding()
		}
		if p.is(jsQuestion) {
			p.next()
		}
		if p.eat(jsColon) {
			p.typeExpression()
		}
		if p.eat(jsAssign) {
			p.assignment(nil)
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
	return p.take(base)
}

func (p *jsParser) parameterModifier() bool {
	switch p.tok.kind {
	case jsPublic, jsPrivateWord, jsProtected, jsReadonly, jsOverride:
		t := p.peek()
		return t.kind.name() || t.kind == jsOpenBrace || t.kind == jsOpenBracket
	}
	return false
}

// method takes the parameters and the body of a member. Its name is behind.
func (p *jsParser) method(named *jsNamed, async, generator bool, decorators jsRange, bodiless bool) {
	ref := int32(len(p.functions))
	p.functions = append(p.functions, jsFunc{
		kind: Function, name: named.name, owner: named.owner, start: named.start, at: named.at, decorators: decorators, nested: p.within, declared: true,
	})
	p.signature(ref)
	switch {
	case p.is(jsOpenBrace):
		body := p.functionBody(async, generator, named.owner)
		p.functions[ref].body = body
	case bodiless && p.dialect.types:
		p.semicolon()
	default:
		p.unexpected("{")
	}
	p.functions[ref].end = p.end()
}

// decoratorList takes decorators: @a, @a.b(c), @(expression).
func (p *jsParser) decoratorList() jsRange {
	var found []jsDecorator
	for p.is(jsAt) {
		d := jsDecorator{start: p.tok.start}
		p.next()
		from := p.tok.start
		if p.is(jsOpenParen) {
			p.parenthesised()
			d.name = p.text[from:p.end()]
		} else {
			d.name = p.decoratorName()
			start := from
			v := jsValue{shape: jsName, name: d.name, start: start, at: start}
			if p.is(jsLess) {
				p.typeArguments()
			}
			for p.is(jsOpenParen) {
				v = p.call(v, nil)
			}
		}
		d.end = p.end()
		found = append(found, d)
	}
	r := jsRange{from: int32(len(p.decorators))}
	p.decorators = append(p.decorators, found...)
	r.to = int32(len(p.decorators))
	return r
}

func (p *jsParser) decoratorName() string {
	from := p.tok.start
	name := ""
	for {
		if !p.tok.kind.word() && !p.is(jsPrivate) {
			p.unexpected("the name of a decorator")
			return name
		}
		name += p.word()
		p.next()
		if !p.is(jsDot) {
			break
		}
		name += "."
		p.next()
	}
	if int(p.end()-from) == len(name) {
		return p.text[from:p.end()]
	}
	return name
}

// class takes a class. A value is about to be bound to the name, if there is one.
func (p *jsParser) class(start int32, decorators jsRange, named *jsNamed) jsValue {
	ref := int32(len(p.functions))
	c := jsFunc{kind: Class, start: start, at: p.tok.start, decorators: decorators, nested: p.within, owner: p.namespace, declared: true}
	p.eat(jsAbstract)
	p.expect(jsClass)
	if p.tok.kind.name() && !(p.is(jsImplements) && p.peek().kind != jsExtends && p.peek().kind != jsOpenBrace) {
		c.name, c.at = p.word(), p.tok.start
		p.next()
	}
	switch {
	case named == nil && c.name == "":
		c.declared = false
	case named == nil:
	case named.name == "exports" && (named.owner == "module" || named.owner == ""):
		if c.owner = ""; c.name == "" {
			c.name = "exports"
		}
	default:
		if c.name != "" && c.name != named.name {
			c.self, c.selfAt = c.name, c.at
		}
		c.name, c.owner, c.at = named.name, named.owner, named.at
		c.start = min(c.start, named.start)
	}
	p.functions = append(p.functions, c)
	path := c.name
	if c.owner != "" {
		path = c.owner + "." + c.name
	}
	if p.is(jsLess) {
		p.typeParameters()
	}
	if p.eat(jsExtends) {
		p.heritage()
	}
	if p.is(jsImplements) {
		p.next()
		p.typeList()
	}
	body := Span{Start: int(p.tok.end)}
	p.expect(jsOpenBrace)
	outer := p.jsScope
	p.jsScope = jsScope{this: path, within: outer.within}
	for !p.is(jsCloseBrace) && !p.is(jsEOF) {
		if !p.eat(jsSemicolon) {
			p.classMember(path)
		}
	}
	p.jsScope = outer
	p.expect(jsCloseBrace)
	body.End = max(body.Start, int(p.end())-1)
	p.functions[ref].body, p.functions[ref].end = body, p.end()
	return jsValue{shape: jsClassValue, ref: ref, start: start}
}

// heritage takes the value that a class extends.
func (p *jsParser) heritage() {
	start := p.tok.start
	v := p.postfix(nil)
	if p.is(jsLess) && p.dialect.types { // type arguments that no call follows
		p.typeArgumentList()
		p.suffixes(v, start, nil, true)
	}
}

// classMember takes a field, a method, an accessor, a static block or an index signature.
func (p *jsParser) classMember(owner string) {
	start := p.tok.start
	var decorators jsRange
	if p.is(jsAt) {
		decorators = p.decoratorList()
	}
	async, generator := false, false
modifiers:
	for {
		switch p.tok.kind {
		case jsStatic, jsAsync, jsGet, jsSet, jsPublic, jsPrivateWord, jsProtected, jsReadonly, jsAbstract, jsOverride, jsDeclare, jsAccessor:
		default:
			break modifiers
		}
		t := p.peek()
		if p.is(jsStatic) && t.kind == jsOpenBrace {
			p.next()
			p.functionBody(false, false, owner)
			return
		}
		member := t.kind.word() || t.kind == jsString || t.kind == jsNumber || t.kind == jsPrivate || t.kind == jsOpenBracket || t.kind == jsStar
		if !member || t.newline && p.is(jsAsync) {
			break
		}
		if t.newline && p.dialect.types && (p.is(jsDeclare) || p.is(jsAccessor) || p.is(jsReadonly) || p.is(jsAbstract)) {
			break
		}
		if (p.is(jsGet) || p.is(jsSet)) && t.kind == jsStar {
			break
		}
		async = async || p.is(jsAsync)
		p.next()
	}
	if p.is(jsStar) {
		p.next()
		generator = true
	}
	if p.is(jsOpenBracket) && p.dialect.types && p.indexSignature() {
		return
	}
	at := p.tok.start
	name, computed := p.key()
	if !computed {
		p.labels = append(p.labels, int(at))
	}
	if p.is(jsQuestion) || p.is(jsBang) {
		p.next()
	}
	named := &jsNamed{name: name, owner: owner, start: start, at: at}
	if p.is(jsOpenParen) || p.is(jsLess) {
		p.method(named, async, generator, decorators, true)
		return
	}
	if p.eat(jsColon) {
		p.typeExpression()
	}
	if p.eat(jsAssign) {
		outer := p.jsScope
		p.jsScope = jsScope{this: owner, within: outer.within}
		if v := p.bound(named); v.shape == jsFunctionValue {
			p.functions[v.ref].decorators = decorators
		}
		p.jsScope = outer
	}
	p.semicolon()
}

// indexSignature takes [key: string]: T, if it is one.
func (p *jsParser) indexSignature() bool {
	m := p.mark()
	p.next()
	if p.tok.kind.name() {
		p.next()
		if p.eat(jsColon) {
			p.typeExpression()
			p.expect(jsCloseBracket)
			if p.eat(jsColon) {
				p.typeExpression()
			}
			if !p.eat(jsComma) {
				p.semicolon()
			}
			return true
		}
	}
	p.back(m)
	return false
}

func (p *jsParser) enum(start int32) {
	p.expect(jsEnum)
	ref := p.named(Class, start)
	body := Span{Start: int(p.tok.end)}
	p.expect(jsOpenBrace)
	for !p.is(jsCloseBrace) && !p.is(jsEOF) {
		at := p.tok.start
		if _, computed := p.key(); !computed {
			p.labels = append(p.labels, int(at))
		}
		if p.eat(jsAssign) {
			p.assignment(nil)
		}
		if !p.is(jsCloseBrace) && !p.eat(jsComma) {
			p.unexpected("}")
		}
	}
	p.expect(jsCloseBrace)
	body.End = max(body.Start, int(p.end())-1)
	p.functions[ref].body, p.functions[ref].end = body, p.end()
}

// named takes the name of a declared type and notes it.
func (p *jsParser) named(kind Kind, start int32) int32 {
	ref := int32(len(p.functions))
	p.functions = append(p.functions, jsFunc{
		kind: kind, start: start, at: p.tok.start, owner: p.namespace, nested: p.within, declared: true,
	})
	if !p.tok.kind.name() {
		p.unexpected("a name")
		return ref
	}
	p.functions[ref].name = p.word()
	p.next()
	return ref
}

func (p *jsParser) interfaceDeclaration(start int32) {
	p.next()
	ref := p.named(Interface, start)
	if p.is(jsLess) {
		p.typeParameters()
	}
	if p.eat(jsExtends) {
		p.typeList()
	}
	body := Span{Start: int(p.tok.end)}
	f := p.functions[ref]
	owner := f.name
	if f.owner != "" {
		owner = f.owner + "." + f.name
	}
	p.typeMembers(owner)
	body.End = max(body.Start, int(p.end())-1)
	p.functions[ref].body, p.functions[ref].end = body, p.end()
}

func (p *jsParser) typeAlias(start int32) {
	p.next()
	ref := p.named(Type, start)
	if p.is(jsLess) {
		p.typeParameters()
	}
	p.expect(jsAssign)
	body := Span{Start: int(p.tok.start)}
	p.typeExpression()
	body.End = int(p.end())
	p.functions[ref].end = p.end()
	if p.text[body.Start:body.Start+min(1, len(p.text)-body.Start)] == "{" && p.text[body.End-1] == '}' { // an object type has a body
		p.functions[ref].body = Span{body.Start + 1, max(body.Start+1, body.End-1)}
	}
	p.semicolon()
}

// namespaceDeclaration takes namespace A.B { … } and module "x" { … }.
func (p *jsParser) namespaceDeclaration(start int32) {
	p.next()
	outer := p.jsScope
	if p.is(jsString) {
		p.strings = append(p.strings, Span{int(p.tok.start), int(p.tok.end)})
		p.next()
	} else {
		name := p.decoratorName()
		if p.namespace != "" {
			name = p.namespace + "." + name
		}
		p.namespace = name
	}
	if p.is(jsOpenBrace) {
		p.block()
	} else {
		p.semicolon()
	}
	p.jsScope = outer
}
