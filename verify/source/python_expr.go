package source

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// pyOpen is a condition whose end is not reached: of "a if b else c", or of a comprehension.
type pyOpen struct {
	depth int
	token int // the first of the condition
}

// pyLambda is a lambda whose end is not reached.
type pyLambda struct {
	depth   int
	start   int
	names   []string
	expects bool // a parameter comes next
	body    bool // past its colon
}

var pyKeywords = wordSet(`False None True and as assert async await break class continue def del elif else except finally for from
	global if import in is lambda nonlocal not or pass raise return try while with yield`)

// expression takes calls, strings, conditions and comparisons out of the tokens from a up to b, brackets included, in one
// pass: what is open is kept on stacks and closed at the comma or bracket that ends it.
func (p *pyfile) expression(a, b int) {
	p.work += max(b-a, 0)
	p.depth = 0
	for i := a; i < b; i++ {
		t := &p.tokens[i]
		switch t.kind {
		case pyString:
			p.Strings = append(p.Strings, String{Value: p.decoded(*t), Span: Span{t.start, t.end}, Line: p.LineOf(t.start)})
		case pyTemplate:
			p.template(i)
			p.depth++
		case pyClose:
			p.ends(i, p.depth-1)
			p.depth--
		case pyName:
			p.keyword(i, a, b)
		case pyOp:
			switch t.op {
			case '(', '[', '{':
				if t.op == '(' {
					p.call(i, a)
				} else if t.op == '[' {
					p.index(i, a)
				}
				p.depth++
			case ')', ']', '}':
				p.ends(i, p.depth-1)
				p.depth--
			case ',':
				p.separates(i)
			case ':':
				if n := len(p.lambdas); n > 0 && !p.lambdas[n-1].body && p.lambdas[n-1].depth == p.depth {
					p.lambdas[n-1].body, p.lambdas[n-1].expects = true, false
				} else {
					p.ends(i, p.depth) // of a slice, a dict or a format
				}
			case '=':
				if p.depth > 0 && p.word(i-1) != "" {
					p.labels = append(p.labels, p.tokens[i-1].start)
				}
			case pyCompare:
				p.compare(i, i, a, b)
			}
		}
	}
	if b > a {
		p.ends(b, -1)
	}
}

// ends closes what is open deeper than the depth, before token i; with a depth of -1 everything.
func (p *pyfile) ends(i, depth int) {
	for n := len(p.ifs); n > 0 && p.ifs[n-1].depth > depth; n = len(p.ifs) {
		p.endIf(i)
	}
	for n := len(p.fors); n > 0 && p.fors[n-1] > depth; n = len(p.fors) {
		p.fors = p.fors[:n-1]
	}
	for n := len(p.lambdas); n > 0 && p.lambdas[n-1].depth > depth; n = len(p.lambdas) {
		p.endLambda(i)
	}
}

// separates closes what a comma ends.
func (p *pyfile) separates(i int) {
	if n := len(p.lambdas); n > 0 && p.lambdas[n-1].depth == p.depth && !p.lambdas[n-1].body {
		p.lambdas[n-1].expects = true // between its parameters
		return
	}
	for n := len(p.ifs); n > 0 && p.ifs[n-1].depth >= p.depth; n = len(p.ifs) {
		p.endIf(i)
	}
	for n := len(p.lambdas); n > 0 && p.lambdas[n-1].depth >= p.depth; n = len(p.lambdas) {
		p.endLambda(i)
	}
}

func (p *pyfile) endIf(i int) {
	open := p.ifs[len(p.ifs)-1]
	p.ifs = p.ifs[:len(p.ifs)-1]
	if i > open.token {
		p.conditions = append(p.conditions, p.spanOf(open.token, i))
	}
}

func (p *pyfile) endLambda(i int) {
	l := p.lambdas[len(p.lambdas)-1]
	p.lambdas = p.lambdas[:len(p.lambdas)-1]
	if len(l.names) > 0 {
		p.scopes = append(p.scopes, scope{span: Span{l.start, p.tokens[i-1].end}, names: l.names})
	}
}

// keyword follows the words that make conditions, comparisons and lambdas.
func (p *pyfile) keyword(i, a, b int) {
	if i > a && p.is(i-1, '.') {
		return
	}
	switch p.word(i) {
	case "if":
		if n := len(p.ifs); n > 0 && p.ifs[n-1].depth == p.depth { // a second guard of a comprehension
			p.endIf(i)
		}
		p.ifs = append(p.ifs, pyOpen{depth: p.depth, token: i + 1})
	case "else":
		if n := len(p.ifs); n > 0 && p.ifs[n-1].depth == p.depth {
			p.endIf(i)
		}
	case "for":
		if n := len(p.ifs); n > 0 && p.ifs[n-1].depth == p.depth {
			p.endIf(i)
		}
		p.fors = append(p.fors, p.depth)
	case "in":
		if n := len(p.fors); n > 0 && p.fors[n-1] == p.depth {
			p.fors = p.fors[:n-1]
			return
		}
		first := i
		if i > a && p.word(i-1) == "not" {
			first--
		}
		p.compare(first, i, a, b)
	case "is":
		last := i
		if p.word(i+1) == "not" {
			last++
		}
		p.compare(i, last, a, b)
	case "lambda":
		p.lambdas = append(p.lambdas, pyLambda{depth: p.depth, start: p.tokens[i].start, expects: true})
	default:
		if n := len(p.lambdas); n > 0 && p.lambdas[n-1].expects && p.lambdas[n-1].depth == p.depth {
			p.lambdas[n-1].names = append(p.lambdas[n-1].names, p.word(i))
			p.lambdas[n-1].expects = false
		}
	}
}

// pyStops are the words at which an operand of a comparison ends.
var pyStops = wordSet(`and or not if else elif while return assert in is lambda yield for async from`)

// compare notes the operands of the comparison whose operator is tokens first to last, within the tokens from a up to b.
func (p *pyfile) compare(first, last, a, b int) {
	stops := func(i int) bool {
		t := &p.tokens[i]
		switch t.kind {
		case pyName:
			return pyStops[p.src[t.start:t.end]] && !p.is(i-1, '.')
		case pyOp:
			switch t.op {
			case ',', ':', '=', ';', pyCompare, pyAugment, pyWalrus, pyArrow, '(', '[', '{', ')', ']', '}':
				return true
			}
		case pyText, pyTemplate, pyClose:
			return true
		}
		return false
	}
	left := first
	for left > a {
		k := left - 1
		if m := p.tokens[k].match; m >= 0 && m < k {
			if m < a {
				break
			}
			left = m
			continue
		}
		if stops(k) {
			break
		}
		left = k
		p.work++
	}
	right := last + 1
	for right < b {
		if m := p.tokens[right].match; m > right {
			right = m + 1
			continue
		}
		if stops(right) {
			break
		}
		right++
		p.work++
	}
	right = min(right, b)
	p.comparisons = append(p.comparisons, p.spanOf(left, right))
	if p.word(last) == "in" && first-left == 1 {
		if name, end := p.dottedAt(last+1, b); end == right && p.resolved(name) == "os.environ" {
			p.readsEnv(left, first)
		}
	}
}

// call notes the call whose opening bracket is token i.
func (p *pyfile) call(i, a int) {
	name, start := p.chain(i-1, a)
	if name == "" {
		return
	}
	open := &p.tokens[i]
	c := Call{Name: name, Span: Span{start, p.tokens[open.match].end}, Line: p.LineOf(start)}
	if args := p.arguments(i); len(args) > 0 {
		c.Args = make([]Span, len(args))
		for k, arg := range args {
			c.Args[k] = p.spanOf(arg[0], arg[1])
		}
	}
	p.Calls = append(p.Calls, c)
	p.opens = append(p.opens, i)
	p.owners = append(p.owners, p.owner())
}

// chain returns the dotted name that ends at token i and where it begins: "a.b.c", or "?.c" from c on when what is before
// the dots has no name.
func (p *pyfile) chain(i, a int) (name string, start int) {
	if i < a || p.tokens[i].kind != pyName {
		return "", 0
	}
	first := i
	for first-2 >= a && p.is(first-1, '.') && p.tokens[first-2].kind == pyName {
		first -= 2
	}
	p.work += i - first
	if head := p.word(first); first > a && p.is(first-1, '.') || first < i && pyKeywords[head] {
		return "?." + p.word(i), p.tokens[i].start
	} else if first == i && pyKeywords[head] {
		return "", 0
	}
	span := Span{p.tokens[first].start, p.tokens[i].end}
	name = p.src[span.Start:span.End]
	if strings.ContainsAny(name, " \t\r\n\\#") {
		var parts []string
		for k := first; k <= i; k += 2 {
			parts = append(parts, p.word(k))
		}
		name = strings.Join(parts, ".")
	}
	return name, span.Start
}

// dottedAt returns the dotted name that begins at token i, and the index after it.
func (p *pyfile) dottedAt(i, end int) (name string, next int) {
	if i >= end || p.word(i) == "" {
		return "", i
	}
	name = p.word(i)
	for i++; i+1 < end && p.is(i, '.') && p.word(i+1) != ""; i += 2 {
		name += "." + p.word(i+1)
	}
	return name, i
}

// arguments returns the token ranges of the arguments of the call that opens at token i.
func (p *pyfile) arguments(i int) [][2]int { return p.split(i+1, p.tokens[i].match) }

// split cuts the tokens from a up to b at their commas; those within brackets and between the parameters of a lambda do not count.
func (p *pyfile) split(a, b int) [][2]int {
	var parts [][2]int
	start := a
	lambdas := 0
	for i := a; i < b; i = p.skip(i) {
		p.work++
		switch {
		case p.is(i, ',') && lambdas == 0:
			if i > start {
				parts = append(parts, [2]int{start, i})
			}
			start = i + 1
		case p.is(i, ':') && lambdas > 0:
			lambdas--
		case p.word(i) == "lambda":
			lambdas++
		}
	}
	if b > start {
		parts = append(parts, [2]int{start, b})
	}
	return parts
}

// template notes a template as a string: with its parts to fill in as written.
func (p *pyfile) template(i int) {
	open, end := p.tokens[i], p.tokens[p.tokens[i].match]
	value := p.src[open.end:end.start]
	if !strings.ContainsAny(p.src[open.start:open.end], "rR") {
		value = pyUnescape(value)
	}
	p.Strings = append(p.Strings, String{Value: value, Span: Span{open.start, end.end}, Line: p.LineOf(open.start)})
}

// decoded returns the value of a string literal.
func (p *pyfile) decoded(t pyToken) string {
	text := p.src[t.start:t.end]
	quote := strings.IndexAny(text, `"'`)
	prefix := text[:quote]
	size := 1
	if len(text) >= quote+6 && text[quote] == text[quote+1] && text[quote] == text[quote+2] {
		size = 3
	}
	text = text[quote+size : len(text)-size]
	if strings.ContainsAny(prefix, "rR") {
		return text
	}
	return pyUnescape(text)
}

// pyUnescape decodes the escapes of a literal; those that it does not know stay.
func pyUnescape(text string) string {
	i := strings.IndexByte(text, '\\')
	if i < 0 {
		return text
	}
	var b strings.Builder
	for ; i >= 0; i = strings.IndexByte(text, '\\') {
		b.WriteString(text[:i])
		text = text[i+1:]
		if text == "" {
			b.WriteByte('\\')
			break
		}
		c := text[0]
		digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]
		switch {
		case c == '\n':
			text = text[1:]
		case c == '\r':
			text = strings.TrimPrefix(text[1:], "\n")
		case strings.IndexByte(`\'"abfnrtv`, c) >= 0:
			b.WriteByte("\\'\"\a\b\f\n\r\t\v"[strings.IndexByte(`\'"abfnrtv`, c)])
			text = text[1:]
		case digits > 0 && len(text) > digits:
			n, err := strconv.ParseUint(text[1:1+digits], 16, 32)
			if err != nil || n > utf8.MaxRune {
				b.WriteByte('\\')
				continue
			}
			b.WriteRune(rune(n))
			text = text[1+digits:]
		case '0' <= c && c <= '7':
			size := 1
			for size < 3 && size < len(text) && '0' <= text[size] && text[size] <= '7' {
				size++
			}
			n, _ := strconv.ParseUint(text[:size], 8, 32)
			b.WriteRune(rune(n))
			text = text[size:]
		default:
			b.WriteByte('\\')
		}
	}
	b.WriteString(text)
	return b.String()
}

// stringAt returns the value of the tokens from a up to b when they are string literals, or the name of a constant.
func (p *pyfile) stringAt(a, b int) (string, bool) {
	if a >= b {
		return "", false
	}
	if p.is(a, '(') && p.tokens[a].match == b-1 {
		a, b = a+1, b-1
	}
	if b == a+1 && p.tokens[a].kind == pyName {
		s, ok := p.consts[p.word(a)]
		return s, ok
	}
	value := ""
	for i := a; i < b; i++ {
		if p.tokens[i].kind != pyString {
			return "", false
		}
		value += p.decoded(p.tokens[i])
	}
	return value, a < b
}
