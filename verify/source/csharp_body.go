package source

import (
	"slices"
	"strings"
)

// csStops are the words at which an operand of a comparison ends.
var csStops = wordSet(`return is and or not when case in await throw yield else switch as select where from let orderby by on equals join out ref
	var new goto do while if for foreach lock using`)

// csOpen is a call whose bracket is token open and whose name ends at token name.
type csOpen struct {
	name, open int
	angle      int // the "<" of its type arguments, or 0
}

// bodies goes over all tokens once, and notes conditions, handlers, patterns, labels, constants and calls.
func (c *csFile) bodies() {
	for i := range c.tokens {
		switch c.tokens[i].kind {
		case wordToken:
			c.keyword(i)
		case markToken:
			c.sign(i)
		}
	}
	c.lambdas()
}

func (c *csFile) keyword(i int) {
	if c.isAny(i-1, ".", "?.", "!.", "->", "::") {
		return
	}
	switch c.text(i) {
	case "if", "while":
		if c.is(i+1, "(") {
			c.condition(i+2, c.partner(i+1))
		}
	case "for":
		c.loop(i + 1)
	case "switch":
		switch {
		case c.is(i+1, "(") && c.is(c.skip(i+1), "{"):
			c.condition(i+2, c.partner(i+1))
		case c.is(i+1, "{"):
			c.condition(c.before(i, true), i)
			for _, arm := range c.items(i+1, ",") {
				c.pattern(arm[0], arm[1])
			}
		}
	case "case":
		c.pattern(i+1, len(c.tokens))
	case "is":
		c.test(i)
	case "when":
		if end := c.until(i+1, "=>", ":", "{", ";", ")"); end > i+1 {
			c.condition(i+1, end)
		}
	case "catch":
		c.handler(i)
	case "nameof": // is a text
		for k := i + 2; k < c.partner(i+1) && k < i+20; k++ {
			if c.word(k) != "" {
				c.labels = append(c.labels, int(c.at(k).start))
			}
		}
	case "new":
		if end := c.typeAt(i + 1); end > 0 && c.is(end, "{") && c.partner(end) > 0 {
			if name, _ := c.dotted(i + 1); name != "" && !c.is(end-1, "]") {
				start := int(c.at(i + 1).start)
				c.Calls = append(c.Calls, Call{Name: name, Span: Span{start, int(c.at(c.partner(end)).end)}, Line: c.LineOf(start)})
			}
		}
	}
	if csTyped[c.text(i)] && c.at(i+1).kind == wordToken && c.isAny(i+2, ",", ")", "=", ";") {
		c.bind(c.typed, i+1, c.text(i))
	}
}

func (c *csFile) sign(i int) {
	switch c.text(i) {
	case "?":
		if c.isTernary(i) {
			c.condition(c.before(i, true), i)
		}
	case "??":
		if c.is(i+1, "throw") {
			c.condition(c.before(i, true), i)
		}
	case ":":
		if c.word(i-1) != "" && c.isAny(i-2, "(", ",", "{", "[") {
			c.labels = append(c.labels, int(c.at(i-1).start))
		}
	case "=":
		if c.word(i-1) == "" {
			return
		}
		if c.isAny(i-2, "{", ",") { // of an object
			c.labels = append(c.labels, int(c.at(i-1).start))
		}
		switch {
		case c.isAny(i-2, "string", "String") && c.isAny(i-3, "const", "readonly") && c.at(i+1).kind == textToken && c.isAny(i+2, ";", ","):
			value, _ := c.literalValue(i + 1)
			c.bind(c.consts, i-1, value)
		case c.isAny(i-2, "var", "IHeaderDictionary"):
			end := c.until(i+1, ";")
			name, first := c.chain(end-1, csNotation)
			if first == i+1 && csOfResponse(name) {
				c.bind(c.aliases, i-1, name)
			} else {
				c.bind(c.aliases, i-1, "")
			}
		}
	case "(":
		c.called(i)
	}
}

// bind gives the name at token i a meaning; a name that is given another one too has none.
func (c *csFile) bind(names map[string]string, i int, meaning string) {
	name := plainWord(c.word(i))
	if have, known := names[name]; known && have != meaning {
		meaning = ""
	}
	names[name] = meaning
}

// called notes the bracket of a call for csharp_web.go.
func (c *csFile) called(i int) {
	o := csOpen{name: i - 1, open: i}
	if c.angled != nil && c.is(i-1, ">") && c.angled[i-1] {
		depth := 0
		for k, n := i-1, 0; k > 0 && n < 60; k, n = c.back(k), n+1 {
			c.work++
			if !c.angled[k] {
				continue
			}
			if c.is(k, ">") {
				depth++
			} else if depth--; depth == 0 {
				o.name, o.angle = k-1, k
				break
			}
		}
	}
	if c.word(o.name) != "" && !c.declared[o.name] {
		c.opened = append(c.opened, o)
	}
}

// until returns the index of the first of the marks from token i on, on the same level; of its end where there is none, or where
// it would be farther than people write.
func (c *csFile) until(i int, marks ...string) int {
	for n := 0; i < len(c.tokens) && n < 200; n++ {
		c.work++
		if c.isAny(i, marks...) || c.at(i).match >= 0 && int(c.at(i).match) < i {
			return i
		}
		i = c.skip(i)
	}
	return i
}

// before returns the index at which the operand begins that ends before token i. One that is the subject of a condition goes on
// over "&&" and comparisons.
func (c *csFile) before(i int, wide bool) int {
	for n := 0; i > 0 && n < 60; n++ {
		c.work++
		k := i - 1
		t := c.tokens[k]
		if m := int(t.match); m >= 0 {
			if m > k || c.is(k, "}") && t.kind == markToken {
				return i
			}
			i = m
			continue
		}
		switch t.kind {
		case wordToken:
			if s := c.text(k); s == "return" || s == "await" || s == "throw" || s == "yield" || s == "in" || s == "else" || s == "case" || s == "when" || s == "var" {
				return i
			}
		case markToken:
			switch c.text(k) {
			case ",", ";", "=", ":", "?", "??", "=>", "+=", "-=", "*=", "/=", "|=", "&=", "^=", "??=":
				return i
			case "&&", "||", "==", "!=", "<", ">", "<=", "!":
				if !wide && !(c.angled != nil && c.angled[k]) {
					return i
				}
			}
		default:
			return i
		}
		i = k
	}
	return i
}

// isTernary reports whether the "?" at token i asks, and is no part of a type: a ":" belongs to it.
func (c *csFile) isTernary(i int) bool {
	asked := 0
	for k, n := i+1, 0; k < len(c.tokens) && n < 100; k, n = c.skip(k), n+1 {
		c.work++
		t := c.tokens[k]
		if t.kind != markToken {
			continue
		}
		if t.match >= 0 && int(t.match) < k {
			return false
		}
		switch c.text(k) {
		case "?":
			asked++
		case ":":
			if asked == 0 {
				return true
			}
			asked--
		case ";", ",", "=>":
			return false
		}
	}
	return false
}

// loop notes the condition of the "for" whose bracket is token i.
func (c *csFile) loop(i int) {
	m := c.partner(i)
	if !c.is(i, "(") || m < 0 {
		return
	}
	from := -1
	for k := i + 1; k < m; k = c.skip(k) {
		c.work++
		if !c.is(k, ";") {
			continue
		}
		if from >= 0 {
			c.condition(from, k)
			return
		}
		from = k + 1
	}
}

// test notes what the "is" at token i is about, and its pattern.
func (c *csFile) test(i int) {
	if a := c.before(i, false); a < i {
		c.comparisons = append(c.comparisons, c.span(a, i+1))
	}
	end := i + 1
	for n := 0; end < len(c.tokens) && n < 100; n++ {
		c.work++
		t := c.tokens[end]
		switch t.kind {
		case wordToken:
			switch c.text(end) {
			case "is", "case", "select", "where", "orderby", "join", "let", "group", "into", "on", "equals", "by", "ascending", "descending", "from", "as", "switch", "with":
				n = 100
			}
		case numberToken, textToken:
		case markToken:
			if !c.isAny(end, "(", "{", "[", ".", "<", ">", "<=", "=", "-") || c.is(end, ">") && c.is(end+1, "(") && c.angled[end] {
				n = 100
			}
		default:
			n = 100
		}
		if n < 100 {
			end = c.skip(end)
		}
	}
	c.mute(i+1, end)
}

// pattern mutes a pattern of a case or an arm that begins at token a: up to its guard, or to what it stands for.
func (c *csFile) pattern(a, b int) {
	for k, n := a, 0; k < b && n < 200; k, n = c.skip(k), n+1 {
		c.work++
		if c.isAny(k, "when", "=>", ":", ";") {
			c.mute(a, k)
			return
		}
		if csNoType[c.word(k)] && !c.isAny(k, "is", "not", "and", "or", "null", "true", "false", "typeof", "const", "base", "this") { // not the end of a pattern
			return
		}
	}
}

func (c *csFile) mute(a, b int) {
	if b > a {
		c.muted.add(c.span(a, b))
	}
}

// unmute takes back the calls in attributes and patterns: they look like calls.
func (c *csFile) unmute() {
	c.Calls = slices.DeleteFunc(c.Calls, func(call Call) bool { return c.muted.holds(call.Span.Start) })
}

// handler notes the catch at token i if its block does something: more than nothing, and more than throwing the error on unseen.
func (c *csFile) handler(i int) {
	if !c.is(i-1, "}") {
		return
	}
	k, name := i+1, ""
	if c.is(k, "(") {
		if m := c.partner(k); m > k+2 {
			name = c.word(m - 1)
		}
		k = c.skip(k)
	}
	if c.is(k, "when") && c.is(k+1, "(") {
		k = c.skip(k + 1)
	}
	if !c.is(k, "{") || !c.does(k+1, c.partner(k), name) {
		return
	}
	c.Handlers = append(c.Handlers, Handler{
		How:  c.fold(c.span(i, k)),
		Span: Span{int(c.at(i).start), int(c.at(c.partner(k)).end)}, Line: c.lineOf(i),
	})
}

// does reports whether the statements between tokens a and b handle an error of that name.
func (r *reader) does(a, b int, name string) bool {
	var some []int
	for i := a; i < b && len(some) < 3; i++ {
		if !r.isAny(i, ";", "{", "}") {
			some = append(some, i)
		}
	}
	switch len(some) {
	case 0:
		return false
	case 1: // return; throw; a word by itself
		return r.at(some[0]).kind == markToken
	case 2: // throw e
		return !r.is(some[0], "throw") || r.word(some[1]) != name
	}
	return true
}

// lambdas notes the names that lambdas and anonymous methods bind. It goes backwards: where an expression ends in that of another
// lambda, both end together.
func (c *csFile) lambdas() {
	ends := map[int]int{}
	for i := len(c.tokens) - 1; i >= 0; i-- {
		switch {
		case c.is(i, "=>"):
			end := c.skip(i + 1)
			if !c.is(i+1, "{") {
				for end = i + 1; end < len(c.tokens); end = c.skip(end) {
					c.work++
					if c.isAny(end, ",", ";") || c.at(end).match >= 0 && int(c.at(end).match) < end {
						break
					}
					if known, ok := ends[end]; ok {
						end = known
						break
					}
				}
			}
			ends[i] = end
			if names := c.bound(i - 1); len(names) > 0 {
				c.scopes = append(c.scopes, scope{span: c.span(i, end), names: names})
			}
		case c.is(i, "delegate") && c.is(i+1, "(") && c.is(c.skip(i+1), "{"):
			body := c.skip(i + 1)
			c.scopes = append(c.scopes, scope{span: c.span(i, c.skip(body)), names: c.bound(body - 1)})
		}
	}
}

// bound returns the names of the parameters that end at token i: one alone, or those in brackets.
func (c *csFile) bound(i int) []string {
	if w := c.word(i); w != "" {
		return []string{plainWord(w)}
	}
	open := c.partner(i)
	if !c.is(i, ")") || open < 0 || c.headers[open] {
		return nil
	}
	var names []string
	for _, item := range c.items(open, ",") {
		if c.is(item[0], "[") {
			c.attributes(item[0], item[1])
		}
		if w := c.word(c.beforeDefault(item) - 1); w != "" {
			names = append(names, plainWord(w))
		}
	}
	return names
}

// csOfResponse reports whether a dotted name says that it is the headers of a response.
func csOfResponse(name string) bool {
	parts := strings.Split(name, ".")
	n := len(parts)
	return n > 1 && parts[n-1] == "Headers" && csIsResponse(parts[n-2])
}

// csIsResponse reports whether a name is that of a response.
func csIsResponse(name string) bool {
	return slices.ContainsFunc(words(name), func(w string) bool { return w == "response" || w == "resp" })
}
