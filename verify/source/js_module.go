package source

// importStatement takes every form of import but the call.
func (p *jsParser) importStatement() {
	i := jsImported{at: p.tok.start}
	p.next()
	if p.is(jsString) {
		p.moduleName(&i)
		return
	}
	if p.is(jsTypeWord) || p.word() == "defer" || p.word() == "source" {
		if t := p.peek(); t.kind == jsOpenBrace || t.kind == jsStar || t.kind.name() && (t.kind != jsFrom || p.fromFrom()) {
			p.next()
		}
	}
	if p.tok.kind.name() {
		i.alias = p.word()
		p.next()
		if p.eat(jsAssign) { // import x = require("x"), import x = A.B
			p.expression()
			for k := range p.imports {
				if p.imports[k].at > i.at {
					p.imports[k].alias, p.imports[k].at = i.alias, i.at
				}
			}
			p.semicolon()
			return
		}
		p.eat(jsComma)
	}
	switch {
	case p.is(jsStar):
		p.next()
		if p.is(jsAs) {
			p.next()
		}
		i.alias = p.word()
		if !p.tok.kind.name() {
			p.unexpected("a name")
		}
		p.next()
	case p.is(jsOpenBrace):
		i.names = p.moduleNames()
	}
	if !p.is(jsFrom) {
		p.unexpected("from")
		return
	}
	p.next()
	p.moduleName(&i)
}

// fromFrom reports whether a second "from" follows: import type from from "x".
func (p *jsParser) fromFrom() bool {
	m := p.mark()
	p.next()
	p.next()
	is := p.is(jsFrom)
	p.back(m)
	return is
}

// moduleNames takes { a, b as c, type d, "e" as f } and returns the names as the module has them.
func (p *jsParser) moduleNames() (names []string) {
	p.expect(jsOpenBrace)
	for !p.is(jsCloseBrace) && !p.is(jsEOF) {
		if p.is(jsTypeWord) { // "type as as x" is a type named as; "type as x" is type, renamed
			if t := p.peek(); (t.kind.word() || t.kind == jsString) && t.kind != jsAs {
				p.next()
			}
		}
		if !p.tok.kind.word() && !p.is(jsString) {
			p.unexpected("a name")
			return names
		}
		name := p.word()
		if p.is(jsString) {
			name = jsUnquote(name)
		}
		names = append(names, name)
		p.next()
		for p.is(jsAs) {
			p.next()
			if p.tok.kind.word() || p.is(jsString) {
				p.next()
			}
		}
		if !p.is(jsCloseBrace) && !p.is(jsComma) && p.tok.kind.word() { // type as as x
			p.next()
		}
		if !p.is(jsCloseBrace) && !p.eat(jsComma) {
			p.unexpected("}")
		}
	}
	p.expect(jsCloseBrace)
	return names
}

// moduleName takes "x" and what may follow it, and notes the import.
func (p *jsParser) moduleName(i *jsImported) {
	if !p.is(jsString) {
		p.unexpected("the name of a module")
		return
	}
	i.module = jsUnquote(p.word())
	p.strings = append(p.strings, Span{int(p.tok.start), int(p.tok.end)})
	p.next()
	if p.is(jsWith) || p.is(jsAssert) && !p.tok.newline {
		p.next()
		p.object(nil)
	}
	p.imports = append(p.imports, *i)
	p.semicolon()
}

func (p *jsParser) exportStatement() {
	start := p.tok.start
	i := jsImported{at: start}
	p.next()
	switch p.tok.kind {
	case jsDefault:
		p.next()
		p.exportDefault(start)
	case jsOpenBrace:
		i.names = p.moduleNames()
		p.reexport(&i)
	case jsStar:
		p.exportAll(&i)
	case jsAssign: // export = x
		p.next()
		p.bound(&jsNamed{name: "exports", owner: "module", start: start, at: p.tok.start})
		p.semicolon()
	case jsAs: // export as namespace X
		p.next()
		p.next()
		p.next()
		p.semicolon()
	case jsAt:
		p.decorated(start, p.decoratorList())
	case jsTypeWord:
		switch t := p.peek(); t.kind {
		case jsOpenBrace:
			p.next()
			i.names = p.moduleNames()
			p.reexport(&i)
		case jsStar:
			p.next()
			p.exportAll(&i)
		default:
			p.declaration(start)
		}
	default:
		p.declaration(start)
	}
}

func (p *jsParser) exportAll(i *jsImported) {
	p.next()
	if p.is(jsAs) {
		p.next()
		i.alias = p.word()
		p.next()
	}
	if !p.is(jsFrom) {
		p.unexpected("from")
	}
	p.reexport(i)
}

// reexport takes from "x" where it stands.
func (p *jsParser) reexport(i *jsImported) {
	if p.is(jsFrom) {
		p.next()
		p.moduleName(i)
		return
	}
	p.semicolon()
}

func (p *jsParser) exportDefault(start int32) {
	switch {
	case p.is(jsFunction):
		p.function(start, false)
		return
	case p.is(jsAsync) && p.peek().kind == jsFunction && !p.peek().newline:
		p.next()
		p.function(start, true)
		return
	case p.is(jsClass), p.is(jsAbstract) && p.peek().kind == jsClass:
		p.defaultClass(start, jsRange{})
		return
	case p.is(jsAt):
		decorators := p.decoratorList()
		p.defaultClass(start, decorators)
		return
	case p.is(jsInterface) && p.peek().kind.name() && !p.peek().newline:
		p.interfaceDeclaration(start)
		return
	}
	p.bound(&jsNamed{name: "default", start: start, at: p.tok.start})
	p.semicolon()
}

// defaultClass takes a class whose name may be left out.
func (p *jsParser) defaultClass(start int32, decorators jsRange) {
	ref := p.class(start, decorators, nil).ref
	if f := &p.functions[ref]; f.name == "" {
		f.name, f.declared = "default", true
	}
}
