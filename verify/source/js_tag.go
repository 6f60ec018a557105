package source

// element takes an element of JSX; the current token is its <. What follows it is JavaScript again.
func (p *jsParser) element() {
	p.tag()
	if p.err == "" {
		p.next()
	}
}

// tag takes an element up to its last >, which stays the current token: what follows it depends on where the element stands.
func (p *jsParser) tag() {
	if !p.deeper() {
		return
	}
	defer func() { p.depth-- }()
	noIn, choosing := p.noIn, p.choosing
	p.noIn, p.choosing = false, false
	defer func() { p.noIn, p.choosing = noIn, choosing }()
	p.expect(jsLess)
	name := ""
	if !p.is(jsGreater) {
		name = p.tagName()
		if p.is(jsLess) && p.dialect.types {
			p.typeArgumentList()
		}
		p.attributes()
		if p.is(jsSlash) {
			p.next()
			if !p.is(jsGreater) {
				p.unexpected(">")
			}
			return
		}
		if !p.is(jsGreater) {
			p.unexpected(">")
			return
		}
	}
	p.children()
	p.expect(jsLess)
	p.expect(jsSlash)
	closing := ""
	if !p.is(jsGreater) {
		closing = p.tagName()
	}
	if p.err == "" && closing != name {
		p.unexpected("</" + name + ">")
		return
	}
	if !p.is(jsGreater) {
		p.unexpected(">")
	}
}

// tagName takes a, a-b, a:b or A.b.
func (p *jsParser) tagName() string {
	from := p.tok.start
	for {
		if !p.tok.kind.word() {
			p.unexpected("the name of a tag")
			return ""
		}
		p.dashed()
		p.next()
		if !p.is(jsDot) && !p.is(jsColon) {
			return p.text[from:p.end()]
		}
		p.next()
	}
}

// dashed extends the current word to the dashes that names of tags and attributes may have.
func (p *jsParser) dashed() {
	for p.pos < len(p.text) && (p.text[p.pos] == '-' || isNameByte(p.text[p.pos])) {
		p.pos++
	}
	p.tok.kind, p.tok.end = jsIdent, int32(p.pos)
}

func (p *jsParser) attributes() {
	for !p.is(jsGreater) && !p.is(jsSlash) && !p.is(jsEOF) {
		if p.eat(jsOpenBrace) { // {...spread}
			p.expect(jsEllipsis)
			p.expression()
			p.expect(jsCloseBrace)
			continue
		}
		p.labels = append(p.labels, int(p.tok.start))
		p.tagName()
		if !p.is(jsAssign) {
			continue
		}
		p.attributeString()
		switch {
		case p.is(jsString):
			p.strings = append(p.strings, Span{int(p.tok.start), int(p.tok.end)})
			p.next()
		case p.is(jsOpenBrace):
			p.next()
			p.expression()
			p.expect(jsCloseBrace)
		case p.is(jsLess):
			p.tag()
			p.next()
		default:
			p.unexpected("a value")
		}
	}
}

// attributeString takes = and reads the token behind it: a string in JSX knows no escapes and may go over lines.
func (p *jsParser) attributeString() {
	p.toks = append(p.toks, p.tok)
	p.blanks()
	if p.pos >= len(p.text) || p.text[p.pos] != '"' && p.text[p.pos] != '\'' {
		p.scan()
		return
	}
	quote := p.text[p.pos]
	for i := p.pos + 1; i < len(p.text); i++ {
		if p.text[i] == quote {
			p.tok = jsToken{kind: jsString, start: int32(p.pos), end: int32(i + 1)}
			p.work += i + 1 - p.pos
			p.pos = i + 1
			return
		}
	}
	p.fail(p.pos, "a string that does not end")
}

// children takes what stands between tags, up to the < of the closing one, which it leaves. The current token is the > of
// the opening tag.
func (p *jsParser) children() {
	for p.err == "" {
		p.toks = append(p.toks, p.tok) // > or }: text follows, not JavaScript
		start := p.pos
		for p.pos < len(p.text) && p.text[p.pos] != '<' && p.text[p.pos] != '{' {
			p.pos++
		}
		p.work += p.pos - start
		if p.pos == len(p.text) {
			p.fail(start, "a tag that is not closed")
			return
		}
		if p.pos > start {
			p.toks = append(p.toks, jsToken{kind: jsText, start: int32(start), end: int32(p.pos)})
		}
		p.scan()
		if p.is(jsOpenBrace) {
			p.next()
			p.eat(jsEllipsis)
			if !p.is(jsCloseBrace) {
				p.expression()
			}
			if !p.is(jsCloseBrace) {
				p.unexpected("}")
			}
			continue
		}
		if p.peek().kind == jsSlash {
			return
		}
		p.tag()
	}
}

// arrowInTags reports whether < begins the type parameters of an arrow function in a file with tags: <T,> and <T extends U>.
func (p *jsParser) arrowInTags() bool {
	m := p.mark()
	defer p.back(m)
	p.next()
	if p.is(jsConst) {
		return true
	}
	if !p.tok.kind.name() {
		return false
	}
	p.next()
	switch p.tok.kind {
	case jsComma, jsAssign:
		return true
	case jsExtends:
		p.next()
		return !p.is(jsAssign) && !p.is(jsGreater) && !p.is(jsSlash)
	}
	return false
}
