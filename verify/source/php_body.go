package source

import "strings"

// phpStops are the words at which an operand of a comparison ends.
var phpStops = wordSet(`return and or xor instanceof case throw echo print yield else new as match`)

// phpCall is a call by its tokens: where its name ends, and its bracket.
type phpCall struct {
	name, open int
}

// bodies goes over all tokens once, and notes conditions, handlers and calls.
func (p *phpFile) bodies() {
	for i := range p.tokens {
		switch p.tokens[i].kind {
		case wordToken:
			if !p.isAny(i-1, "->", "?->", "::") {
				p.keyword(i)
			}
		case markToken:
			p.sign(i)
		}
	}
	p.closures()
}

func (p *phpFile) keyword(i int) {
	switch p.text(i) {
	case "if", "elseif", "while", "switch", "match":
		if p.is(i+1, "(") {
			p.condition(i+2, p.partner(i+1))
		}
	case "for":
		p.loop(i + 1)
	case "instanceof":
		if a := p.before(i, false); a < i {
			p.comparisons = append(p.comparisons, p.span(a, i+1))
		}
	case "catch":
		if open := i + 1; p.is(open, "(") && p.is(p.skip(open), "{") && p.is(i-1, "}") {
			body := p.skip(open)
			if p.does(body+1, p.partner(body), p.word(p.partner(open)-1)) {
				p.Handlers = append(p.Handlers, Handler{
					How:  p.fold(p.span(i, body)),
					Span: Span{int(p.at(i).start), int(p.at(p.partner(body)).end)}, Line: p.lineOf(i),
				})
			}
		}
	case "new": // without arguments
		if p.named(i+1) && !p.is(i+2, "(") && !p.isAny(i+1, "class", "readonly") {
			start := int(p.at(i + 1).start)
			p.Calls = append(p.Calls, Call{Name: p.word(i + 1), Span: Span{start, int(p.at(i + 1).end)}, Line: p.LineOf(start)})
		}
	}
}

func (p *phpFile) sign(i int) {
	switch p.text(i) {
	case "(":
		if w := p.word(i - 1); w != "" && !p.declared[i-1] && (!phpKeywords[w] || p.isAny(i-2, "->", "?->", "::")) {
			p.calls = append(p.calls, phpCall{name: i - 1, open: i})
		}
	case "?":
		if p.asks(i) {
			p.condition(p.before(i, true), i)
		}
	case "?:":
		p.condition(p.before(i, true), i)
	case "??":
		if p.is(i+1, "throw") {
			p.condition(p.before(i, true), i)
		}
	}
}

// asks reports whether the "?" at token i asks about what stands before it, and is no part of a type.
func (p *phpFile) asks(i int) bool {
	t := p.at(i - 1)
	switch t.kind {
	case wordToken:
		return !phpKeywords[p.text(i-1)]
	case textToken, textCloseToken, numberToken:
		return true
	case markToken:
		return p.isAny(i-1, ")", "]", "}", "++", "--")
	}
	return false
}

// loop notes the condition of the "for" whose bracket is token i.
func (p *phpFile) loop(i int) {
	m := p.partner(i)
	if !p.is(i, "(") || m < 0 {
		return
	}
	from := -1
	for k := i + 1; k < m; k = p.skip(k) {
		p.work++
		if !p.is(k, ";") {
			continue
		}
		if from >= 0 {
			p.condition(from, k)
			return
		}
		from = k + 1
	}
}

// before returns the index at which the operand begins that ends before token i. A wide one goes on over logic and comparisons.
func (p *phpFile) before(i int, wide bool) int {
	for n := 0; i > 0 && n < 60; n++ {
		p.work++
		k := i - 1
		t := p.tokens[k]
		if m := int(t.match); m >= 0 {
			if m > k || t.kind == markToken && p.is(k, "}") {
				return i
			}
			i = m
			continue
		}
		switch t.kind {
		case wordToken:
			if phpStops[p.text(k)] && p.text(k) != "instanceof" && p.text(k) != "new" {
				return i
			}
		case markToken:
			switch p.text(k) {
			case ",", ";", "=", ":", "?", "?:", "??", "=>", "+=", "-=", "*=", "/=", ".=", "??=", "|=", "&=", "@":
				return i
			case "&&", "||", "==", "!=", "===", "!==", "<", ">", "<=", ">=", "<=>", "!":
				if !wide {
					return i
				}
			}
		case directiveToken:
			return i
		}
		i = k
	}
	return i
}

// closures notes the names that closures bind. It goes backwards: where the expression of an arrow function ends in that of
// another one, both end together.
func (p *phpFile) closures() {
	ends := map[int]int{}
	for i := len(p.tokens) - 1; i >= 0; i-- {
		if p.tokens[i].kind != wordToken || !p.isAny(i, "fn", "function") || p.isAny(i-1, "->", "?->", "::") {
			continue
		}
		open := i + 1
		if p.is(open, "&") {
			open++
		}
		if !p.is(open, "(") || p.headers[open] {
			continue
		}
		k := p.partner(open) + 1
		if p.is(k, "use") && p.is(k+1, "(") {
			k = p.skip(k + 1)
		}
		k = p.behindType(k)
		end := k
		switch {
		case p.is(i, "function") && p.is(k, "{"):
			end = p.skip(k)
		case p.is(i, "fn") && p.is(k, "=>"):
			for end = k + 1; end < len(p.tokens); end = p.skip(end) {
				p.work++
				t := p.tokens[end]
				if p.isAny(end, ",", ";") || t.kind == directiveToken || t.match >= 0 && int(t.match) < end {
					break
				}
				if known, ok := ends[end]; ok {
					end = known
					break
				}
			}
			ends[i] = end
		default:
			continue
		}
		var names []string
		for _, param := range p.params(open) {
			names = append(names, param.Name)
		}
		if len(names) > 0 {
			p.scopes = append(p.scopes, scope{span: p.span(i, end), names: names})
		}
	}
}

// root returns the name of the first call or variable of the chain whose part ends at token i: "response" for
// response()->json()->header. through, when given, is asked for each call on the way.
func (p *phpFile) root(i int, through func(name string)) string {
	for range 60 {
		p.work++
		name, first := p.chain(i, phpNotation)
		if !strings.HasPrefix(name, "?.") {
			if through != nil {
				through(name)
			}
			return plainPHP(name)
		}
		if through != nil {
			through(name)
		}
		if !p.isAny(first-1, "->", "?->", "::") || !p.isAny(first-2, ")", "]") {
			return ""
		}
		open := p.partner(first - 2)
		if i = open - 1; p.word(i) == "" {
			return ""
		}
	}
	return ""
}
