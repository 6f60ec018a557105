package source

// javaOpen is a lambda whose end is not reached.
type javaOpen struct {
	depth, start int
	names        []string
}

// code reads statements or an expression: classes declared within, lambdas, conditions and handled errors. The owner is what the
// methods of anonymous classes belong to.
func (p *javafile) code(a, b int, owner string) error {
	depth := 0
	var lambdas []javaOpen
	closes := func(i, below int) {
		for n := len(lambdas); n > 0 && lambdas[n-1].depth > below; n = len(lambdas) {
			l := lambdas[n-1]
			lambdas = lambdas[:n-1]
			if len(l.names) > 0 {
				p.scopes = append(p.scopes, scope{span: p.span(l.start, i), names: l.names})
			}
		}
	}
	label := -1 // the arrow or colon that ends the labels of a case
	for i := a; i < b; i++ {
		p.work++
		t := p.at(i)
		if t.kind == wordToken {
			next, err := p.keyword(i, b, owner, &label)
			if err != nil {
				return err
			}
			i = next
			continue
		}
		if t.kind != markToken {
			continue
		}
		switch {
		case p.isAny(i, "(", "[", "{"):
			depth++
		case p.isAny(i, ")", "]", "}"):
			depth--
			closes(i, depth)
		case p.isAny(i, ",", ";"):
			closes(i, depth-1)
		case p.is(i, "->") && i != label:
			if names, start := p.lambda(i); start >= a {
				lambdas = append(lambdas, javaOpen{depth, start, names})
			}
		case p.is(i, "?"):
			p.ternary(i, a)
		case p.is(i, "@") && p.word(i+1) != "" && !p.is(i+1, "interface"):
			m, k := p.modifiers(i)
			if kind, name := p.typeAt(k); kind != "" {
				next, err := p.typed(i, m, kind, name, owner)
				if err != nil {
					return err
				}
				k = next
			}
			i = k - 1
		}
	}
	closes(b, -1)
	return nil
}

// keyword looks at the word at token i of code that ends at b, and returns the index of the last token that is dealt with.
func (p *javafile) keyword(i, b int, owner string, label *int) (int, error) {
	if p.is(i-1, ".") || p.is(i-1, "::") {
		return i, nil
	}
	w := p.word(i)
	switch w {
	case "class", "interface", "enum", "record":
		if kind, name := p.typeAt(i); kind != "" {
			start := i
			var m javaModified
			for javaModifiers[p.word(start-1)] {
				start--
			}
			if start < i {
				m, _ = p.modifiers(start)
			}
			next, err := p.typed(start, m, kind, name, owner)
			return next - 1, err
		}
	case "new":
		return p.created(i, owner)
	case "if", "while", "switch":
		if p.is(i+1, "(") {
			p.condition(i+2, p.partner(i+1))
		}
	case "assert":
		k := i + 1
		for k < b && !p.isAny(k, ":", ";") {
			k = p.skip(k)
		}
		p.condition(i+1, k)
	case "case", "default":
		k := i + 1
		for k < b && k < i+200 && !p.isAny(k, ":", "->", ";", "{", "}") {
			p.work++
			k = p.skip(k)
		}
		if p.isAny(k, ":", "->") {
			*label = k
			p.condition(i+1, k)
		}
	case "catch":
		p.caught(i)
	case "instanceof":
		p.compared(i)
	default:
		p.local(i)
	}
	return i, nil
}

// created reads "new": the class that is made may have a body.
func (p *javafile) created(i int, owner string) (int, error) {
	k := i + 1
	for k < len(p.tokens) {
		p.work++
		switch {
		case p.is(k, "@") && p.word(k+1) != "":
			_, k = p.annotation(k)
			continue
		case p.is(k, "<"):
			e := p.angles(k)
			if e < 0 {
				return i, nil
			}
			k = e
			continue
		case p.is(k, "(") && k > i+1:
			open := p.skip(k)
			if !p.is(open, "{") {
				return i, nil
			}
			if err := p.code(k+1, open-1, owner); err != nil {
				return 0, err
			}
			return p.skip(open) - 1, p.members(open, javaOwner{name: owner, kind: "class"})
		case p.word(k) != "" && !javaNotation.keywords[p.word(k)], p.is(k, "."):
			k++
			continue
		}
		return i, nil
	}
	return i, nil
}

// lambda returns the names that the lambda with its arrow at token i binds, and its first token; -1 when it is none.
func (p *javafile) lambda(i int) (names []string, start int) {
	if w := p.word(i - 1); w != "" {
		return []string{w}, i - 1
	}
	if !p.is(i-1, ")") {
		return nil, -1
	}
	start = p.partner(i - 1)
	for _, item := range p.items(start, ",") {
		if w := p.word(item[1] - 1); w != "" {
			names = append(names, w)
		}
	}
	return names, start
}

// ternary notes what stands before the "?" at token i, back to a.
func (p *javafile) ternary(i, a int) {
	if p.isAny(i+1, ">", ",", "extends") || p.isAny(i-1, "<", ",") && (p.is(i+1, "super") || p.angled != nil && p.angled[i-1]) { // List<?>
		return
	}
	p.condition(p.operand(i, a), i)
}

// operand returns the first token of the expression that ends before token i.
func (p *javafile) operand(i, a int) int {
	first := i
	for n := 0; first > a && n < 60; n++ {
		k := first - 1
		if m := p.partner(k); m >= 0 && m < k && !p.is(k, "}") {
			first = m
			continue
		}
		if p.isAny(k, "=", "(", "[", "{", "}", ",", ";", "->", ":", "?", "return", "throw", "yield", "case", "else", "+=", "-=") {
			break
		}
		p.work++
		first = k
	}
	return first
}

// compared notes the operand before "instanceof".
func (p *javafile) compared(i int) {
	if p.is(i-1, ")") {
		p.comparisons = append(p.comparisons, p.span(p.partner(i-1), i))
		return
	}
	first := i - 1
	for p.is(first-1, ".") && p.word(first-2) != "" && i-first < 60 {
		first -= 2
	}
	p.comparisons = append(p.comparisons, p.span(first, i))
}

// local notes the type of a variable whose name is token i: "Type name =", "Type name;" or "Type name :".
func (p *javafile) local(i int) {
	if !p.isAny(i+1, "=", ";", ":") {
		return
	}
	k := i - 1
	if p.is(k, ">") {
		for n := 0; k > 0 && n < 100 && !(p.angled != nil && p.angled[k] && p.is(k, "<")); n++ {
			k--
		}
		k--
	}
	w := p.word(k)
	switch {
	case w == "" || javaNotation.keywords[w] && w != "final":
	case w == "var" && p.is(i+1, "=") && p.is(i+2, "new"):
		p.isOfType(p.text(i), p.text(i+3))
	default:
		if w[0] >= 'A' && w[0] <= 'Z' {
			p.isOfType(p.text(i), w)
		}
		if p.is(i+1, "=") && p.is(i+3, ";") {
			p.bind(p.text(i), i+2, i+3)
		}
		return
	}
	if p.is(i+1, "=") && p.word(i-1) == "" && !p.is(i-1, ".") { // assigned anew
		p.rebind(p.text(i))
	}
}

// caught notes the catch at token i when its body does something with the error or instead of it.
func (p *javafile) caught(i int) {
	open := i + 1
	body := p.skip(open)
	if !p.is(open, "(") || !p.is(body, "{") {
		return
	}
	if p.does(body+1, p.partner(body), p.word(body-2)) {
		s := p.span(i, p.skip(body))
		p.Handlers = append(p.Handlers, Handler{How: p.fold(p.span(i, body)), Span: s, Line: p.lineOf(i)})
	}
}
