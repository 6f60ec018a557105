package source

// Types are read to find where they end; of what stands in them only the methods of interfaces and the modules of
// import("x") are facts.

// typeExpression takes a type.
func (p *jsParser) typeExpression() {
	if p.types++; p.types > jsTypeDepth {
		p.fail(int(p.tok.start), "types nested too deeply")
	}
	if !p.deeper() {
		return
	}
	defer func() { p.depth--; p.types-- }()
	p.union()
	for p.is(jsExtends) && !p.tok.newline {
		p.next()
		p.union()
		if p.is(jsQuestion) { // the choice is of the innermost "extends" that can have it; an outer one is left without
			p.next()
			p.typeExpression()
			p.expect(jsColon)
			p.typeExpression()
			if p.is(jsQuestion) { // infer T extends U, and then the choice of the type around it
				if t := p.peek().kind; t == jsComma || t == jsCloseParen || t == jsColon || t == jsAssign {
					return
				}
				p.next()
				p.typeExpression()
				p.expect(jsColon)
				p.typeExpression()
			}
		}
	}
}

// returnType takes a type, or what a function promises: x is T, asserts x, asserts x is T.
func (p *jsParser) returnType() {
	if p.is(jsAsserts) {
		if t := p.peek(); (t.kind.name() || t.kind == jsThis) && !t.newline && t.kind != jsIs {
			p.next()
		}
	}
	p.typeExpression()
	if p.is(jsIs) && !p.tok.newline {
		p.next()
		p.typeExpression()
	}
}

func (p *jsParser) typeList() {
	p.typeExpression()
	for p.eat(jsComma) {
		p.typeExpression()
	}
}

func (p *jsParser) union() {
	if p.is(jsBar) || p.is(jsAmp) {
		p.next()
	}
	p.typeOperand()
	for p.is(jsBar) || p.is(jsAmp) {
		p.next()
		p.typeOperand()
	}
}

// typeOperand takes a type without | and &.
func (p *jsParser) typeOperand() {
	for p.is(jsKeyof) || p.is(jsUnique) || p.is(jsReadonly) || p.is(jsInfer) {
		t := p.peek()
		if t.newline || !(t.kind.word() || t.kind == jsOpenParen || t.kind == jsOpenBracket || t.kind == jsOpenBrace || t.kind == jsString || t.kind == jsTemplate || t.kind == jsTemplateHead || t.kind == jsLess) ||
			t.kind == jsExtends || t.kind == jsIs {
			break
		}
		p.next()
	}
	switch t := p.tok; t.kind {
	case jsOpenParen:
		parameters := p.parametersAhead()
		p.typeGroup()
		if p.is(jsArrow) && parameters { // else the => belongs to a function whose return type this is
			p.next()
			p.deepReturnType()
			return
		}
	case jsLess:
		p.typeParameters()
		p.typeGroup()
		p.expect(jsArrow)
		p.deepReturnType()
		return
	case jsNew:
		p.constructorType()
		return
	case jsAbstract:
		p.next()
		if p.is(jsNew) {
			p.constructorType()
			return
		}
		p.typeName()
	case jsOpenBrace:
		p.typeMembers("")
	case jsOpenBracket:
		p.tuple()
	case jsString:
		p.strings = append(p.strings, Span{int(t.start), int(t.end)})
		p.next()
	case jsTemplate:
		p.templateLiteral()
	case jsTemplateHead:
		p.templateType()
	case jsPlusMinus:
		p.next()
		if !p.eat(jsNumber) {
			p.unexpected("a number")
		}
	case jsNumber, jsThis, jsNull, jsTrue, jsFalse, jsVoid:
		p.next()
	case jsTypeof:
		p.next()
		if p.is(jsImport) {
			p.importType()
		} else {
			p.typeName()
		}
	case jsImport:
		p.importType()
	case jsStar, jsQuestion, jsBang: // of comments in the style of JSDoc; no types elsewhere
		p.unexpected("a type")
	default:
		if !t.kind.name() {
			p.unexpected("a type")
			return
		}
		p.typeName()
	}
	for {
		switch {
		case p.is(jsOpenBracket) && !p.tok.newline: // T[], T["key"]
			p.next()
			if !p.is(jsCloseBracket) {
				p.typeExpression()
			}
			p.expect(jsCloseBracket)
		case p.is(jsDot): // (import("x")).Y
			p.next()
			p.typeName()
		default:
			return
		}
	}
}

// deepReturnType takes the type that a function type returns.
func (p *jsParser) deepReturnType() {
	if p.deeper() {
		p.returnType()
		p.depth--
	}
}

func (p *jsParser) constructorType() {
	p.next()
	if p.is(jsLess) {
		p.typeParameters()
	}
	p.typeGroup()
	p.expect(jsArrow)
	p.deepReturnType()
}

// typeName takes A.B.C<D>.
func (p *jsParser) typeName() {
	for {
		if !p.tok.kind.word() && !p.is(jsPrivate) {
			p.unexpected("a type")
			return
		}
		p.next()
		if !p.is(jsDot) {
			break
		}
		p.next()
	}
	if p.is(jsLess) && !p.tok.newline {
		p.typeArgumentList()
	}
}

func (p *jsParser) importType() {
	at := p.tok.start
	p.next()
	p.expect(jsOpenParen)
	if p.is(jsString) {
		p.imports = append(p.imports, jsImported{module: jsUnquote(p.word()), at: at})
	}
	p.typeExpression()
	if p.eat(jsComma) && p.is(jsOpenBrace) {
		p.object(nil)
	}
	p.expect(jsCloseParen)
	for p.is(jsDot) {
		p.next()
		p.next()
	}
	if p.is(jsLess) {
		p.typeArgumentList()
	}
}

// templateType takes `…${T}…`.
func (p *jsParser) templateType() {
	start := p.tok.start
	for p.is(jsTemplateHead) || p.is(jsTemplateMid) {
		p.next()
		p.typeExpression()
		if !p.is(jsCloseBrace) {
			p.unexpected("}")
			return
		}
		p.asTemplate()
	}
	p.expect(jsTemplateTail)
	p.strings = append(p.strings, Span{int(start), int(p.end())})
}

// typeGroup takes (T), or the parameters of a function type; patterns among them have the form of types.
func (p *jsParser) typeGroup() {
	p.expect(jsOpenParen)
	p.typeItems(jsCloseParen)
}

// parametersAhead reports whether the bracket at the current token may hold the parameters of a function type.
func (p *jsParser) parametersAhead() bool {
	m := p.mark()
	defer p.back(m)
	p.next()
	switch {
	case p.is(jsCloseParen), p.is(jsEllipsis), p.is(jsOpenBrace), p.is(jsOpenBracket):
		return true
	case p.tok.kind.name(), p.is(jsThis):
		p.next()
		return p.is(jsColon) || p.is(jsComma) || p.is(jsQuestion) || p.is(jsAssign) || p.is(jsCloseParen)
	}
	return false
}

// tuple takes [A, b: B, c?: C, ...D].
func (p *jsParser) tuple() {
	p.expect(jsOpenBracket)
	p.typeItems(jsCloseBracket)
}

func (p *jsParser) typeItems(end jsKind) {
	for !p.is(end) && !p.is(jsEOF) {
		if p.eat(jsComma) {
			continue
		}
		p.eat(jsEllipsis)
		p.typeItem()
		if !p.is(end) && !p.eat(jsComma) {
			p.unexpected(jsSpelled[end])
		}
	}
	p.expect(end)
}

func (p *jsParser) typeItem() {
	if p.tok.kind.word() { // a name that is no type by itself: typeof?: T, asserts: T
		if t := p.peek().kind; t == jsColon || t == jsQuestion {
			p.next()
		} else {
			p.returnType()
		}
	} else {
		p.typeExpression()
	}
	if p.is(jsQuestion) {
		p.next()
	}
	if p.eat(jsColon) {
		p.typeExpression()
	}
}

// typeMembers takes { members } of a type. Methods among them belong to the interface that is the owner.
func (p *jsParser) typeMembers(owner string) {
	if !p.deeper() {
		return
	}
	defer func() { p.depth-- }()
	p.expect(jsOpenBrace)
	for !p.is(jsCloseBrace) && !p.is(jsEOF) {
		p.typeMember(owner)
		if !p.eat(jsComma) {
			p.semicolon()
		}
	}
	p.expect(jsCloseBrace)
}

func (p *jsParser) typeMember(owner string) {
	start := p.tok.start
	if p.is(jsEllipsis) { // a pattern that stands for a parameter
		p.next()
	}
	if p.is(jsPlusMinus) {
		p.next()
	}
	for p.is(jsReadonly) || p.is(jsGet) || p.is(jsSet) {
		t := p.peek()
		if !(t.kind.word() || t.kind == jsString || t.kind == jsNumber || t.kind == jsOpenBracket || t.kind == jsPrivate) {
			break
		}
		p.next()
	}
	at := p.tok.start
	name := ""
	switch {
	case p.is(jsOpenParen), p.is(jsLess): // ( … ): T
	case p.is(jsNew) && func() bool { t := p.peek().kind; return t == jsOpenParen || t == jsLess }():
		p.next()
	case p.is(jsOpenBracket):
		name = p.bracketed()
	default:
		var computed bool
		if name, computed = p.key(); !computed {
			p.labels = append(p.labels, int(at))
		}
	}
	if p.is(jsPlusMinus) {
		p.next()
	}
	if p.is(jsQuestion) || p.is(jsBang) {
		p.next()
	}
	if p.is(jsOpenParen) || p.is(jsLess) {
		if owner == "" { // of a type without a name
			name = ""
		}
		ref := int32(len(p.functions))
		p.functions = append(p.functions, jsFunc{
			kind: Function, name: name, owner: owner, start: start, at: at, nested: p.within, declared: name != "",
		})
		p.signature(ref)
		p.functions[ref].end = p.end()
		return
	}
	if p.eat(jsColon) {
		p.typeExpression()
	}
}

// bracketed takes [key: T], [K in T as U] or a computed name, which it returns.
func (p *jsParser) bracketed() string {
	from := p.tok.start
	m := p.mark()
	p.next()
	if p.tok.kind.name() {
		p.next()
		if p.is(jsColon) || p.is(jsIn) {
			p.next()
			p.typeExpression()
			if p.is(jsAs) {
				p.next()
				p.typeExpression()
			}
			p.expect(jsCloseBracket)
			return ""
		}
	}
	p.back(m)
	name, _ := p.key()
	if name == "" {
		name = p.text[from:p.end()]
	}
	return name
}

// typeParameters takes <const T extends U = V, in out W>.
func (p *jsParser) typeParameters() {
	p.expect(jsLess)
	for !p.is(jsGreater) && !p.is(jsEOF) {
		for p.is(jsConst) || (p.is(jsIn) || p.is(jsOut)) && p.peek().kind.word() && p.peek().kind != jsExtends {
			p.next()
		}
		if !p.tok.kind.name() {
			p.unexpected("the name of a type")
			return
		}
		p.next()
		if p.eat(jsExtends) {
			p.typeExpression()
		}
		if p.eat(jsAssign) {
			p.typeExpression()
		}
		if !p.is(jsGreater) && !p.eat(jsComma) {
			p.unexpected(">")
		}
	}
	p.expect(jsGreater)
}

// typeArgumentList takes <A, B>.
func (p *jsParser) typeArgumentList() {
	p.expect(jsLess)
	p.typeList()
	p.expect(jsGreater)
}

// typeArguments takes <A, B> behind a value, if that is what it is: what follows then must not be an operand.
func (p *jsParser) typeArguments() bool {
	if int(p.tok.end) < len(p.text) && p.text[p.tok.end] == '=' {
		return false
	}
	m := p.mark()
	p.typeArgumentList()
	if p.err == "" {
		switch p.tok.kind {
		case jsOpenParen, jsTemplate, jsTemplateHead:
			return true
		case jsLess, jsGreater, jsPlusMinus, jsIncrement:
		default:
			if p.tok.newline || !p.startsValue() || p.is(jsAs) || p.is(jsSatisfies) || p.is(jsImplements) {
				return true
			}
		}
	}
	p.back(m)
	return false
}
