package source

import (
	"slices"
	"strings"
)

// An error is handled in C where what a call gave back is tested for failure and something comes of it: "if (r < 0)", "if (!p)",
// "== NULL", "!= 0", where r or p was assigned from a call in this body or the call stands in the condition, or a test of errno
// or of a variable called err or error. A test of a parameter is none, nor is one of what only asks (strcmp, isalpha, strstr). In
// C++ a catch handles too, unless it is empty or throws on unseen.

// body takes the facts out of the statements in a brace. What is declared there is a member of s.
func (c *cfile) body(open int, s cScope) {
	m := c.partner(open)
	if m < open {
		return
	}
	from := map[string]string{} // variables to the call that they were assigned from last
	for i := open + 1; i < m; i++ {
		c.work++
		t := c.at(i)
		if t.kind == markToken {
			switch {
			case c.is(i, "="):
				c.assigned(i, from)
			case c.is(i, "?"):
				c.ternary(i, open)
			case c.is(i, "["):
				if c.cpp {
					c.lambda(i)
				}
			case c.is(i, "("):
				if c.word(i-1) != "" && c.declaresLocal(i-1) {
					c.declared[i-1] = true
				}
			}
			continue
		}
		if t.kind != wordToken {
			continue
		}
		switch c.word(i) {
		case "struct", "class", "union", "enum":
			start := i
			if next, _ := c.class(start, i, m, s, nil); next > i {
				i = next - 1
			}
		case "typedef":
			i = max(c.typedef(i, i, m, s)-1, i)
		case "if":
			k := i + 1
			if c.word(k) != "" { // if constexpr, if UNLIKELY(x)
				k++
			}
			if c.is(k, "(") {
				c.condition(k+1, c.partner(k))
				for j := k + 1; j < c.partner(k); j++ {
					if c.is(j, "=") {
						c.assigned(j, from)
					}
				}
				c.tests(i, k, m, from)
			}
		case "while":
			if c.is(i+1, "(") {
				c.condition(i+2, c.partner(i+1))
			}
		case "switch":
			if c.is(i+1, "(") {
				c.condition(i+2, c.partner(i+1))
				if inner := c.partner(i + 1); inner == i+3 && c.is(i+2, "errno") && c.is(inner+1, "{") && c.partner(inner+1) > inner+2 {
					c.handled("switch (errno)", i, c.partner(inner+1)+1)
				}
			}
		case "for":
			if parts := c.items(i+1, ";"); c.is(i+1, "(") && len(parts) > 1 {
				c.condition(parts[1][0], parts[1][1])
			}
		case "assert", "static_assert", "_Static_assert":
			if c.is(i+1, "(") {
				c.condition(i+2, c.partner(i+1))
			}
		case "catch":
			if c.cpp && c.is(i+1, "(") {
				c.catches(i)
			}
		}
	}
}

// cCalling are words that a call may follow.
var cCalling = wordSet(`return else do case goto throw co_return co_yield co_await new delete and or not try sizeof if while for switch
	__extension__ typename template operator`)

// declaresLocal reports whether the name at token i, which a bracket follows, is that of a variable or a prototype: a type stands
// before it.
func (c *cfile) declaresLocal(i int) bool {
	k := i - 1
	if c.is(k, "*") || c.is(k, "&") { // int *f(void), struct s *f(void)
		for c.isAny(k, "*", "&") {
			k--
		}
		return cNotation.keywords[c.word(k)] && !cCalling[c.word(k)] && c.word(k) != "this" || c.isAny(k-1, "struct", "union", "enum", "const", "extern")
	}
	word := c.word(k)
	return word != "" && !cCalling[word] || c.is(k, ">") && c.angled[k]
}

// ternary notes the condition before the "?" at token i.
func (c *cfile) ternary(i, open int) {
	a := i
	for n := 0; a > open+1 && n < 60; n++ {
		k := a - 1
		if c.isAny(k, ")", "]") && c.partner(k) >= 0 {
			a = c.partner(k)
			continue
		}
		if c.isAny(k, "=", ",", ";", "(", "[", "{", "}", "?", ":", "<<", "+=", "-=", "|=", "&=") || cStops[c.word(k)] {
			break
		}
		a = k
	}
	c.work += i - a
	c.condition(a, i)
}

// lambda notes the names that a lambda binds, when the bracket at token i begins one.
func (c *cfile) lambda(i int) {
	if c.isAny(i-1, ")", "]") || c.word(i-1) != "" && !cStops[c.word(i-1)] || c.at(i-1).kind == textToken || c.is(i+1, "[") {
		return
	}
	k := c.skip(i)
	if c.is(k, "<") {
		if k = c.angles(k, cAngles...); k < 0 {
			return
		}
	}
	open := -1
	if c.is(k, "(") {
		open = k
		k = c.skip(k)
	}
	for n := 0; n < 60 && !c.is(k, "{"); n++ {
		if c.isAny(k, ";", ")", "}", ",", "]") {
			return
		}
		k = c.skip(k)
	}
	if !c.is(k, "{") || open < 0 {
		return
	}
	var names []string
	for _, p := range c.params(open) {
		names = append(names, p.Name)
	}
	c.scopes = append(c.scopes, scope{span: c.span(open, c.skip(k)), names: names})
}

// assigned notes that the variable before the "=" at token i holds what a call gave back, or that it holds it no more.
func (c *cfile) assigned(i int, from map[string]string) {
	name, _ := c.chain(i-1, c.notation)
	if name == "" {
		return
	}
	if callee := c.callee(i + 1); callee != "" {
		from[name] = callee
	} else {
		delete(from, name)
	}
}

// callee returns the name of the call that an expression begins with, after casts.
func (c *cfile) callee(i int) string {
	for n := 0; n < 5; n++ {
		switch {
		case c.is(i, "(") && c.isAny(c.skip(i)-2, "*") || c.is(i, "(") && c.partner(i) <= i+3 && c.word(c.skip(i)) != "": // a cast
			i = c.skip(i)
		case c.isAny(i, "co_await", "await", "static_cast", "reinterpret_cast", "const_cast", "dynamic_cast"):
			if i++; c.is(i, "<") && c.angled[i] {
				i = c.afterAngles(i)
				if c.is(i, "(") {
					i++
				}
			}
		case c.isAny(i, "*", "&", "("):
			i++
		default:
			n = 5
		}
	}
	for ; c.word(i) != "" && !cKeyword[c.word(i)] || c.is(i, "this") || c.is(i, "::"); i++ {
		c.work++
		next := i + 1
		if c.is(next, "<") && c.angled[next] {
			next = c.afterAngles(next)
		}
		if c.is(next, "(") && c.word(i) != "" {
			name, _ := c.chain(i, c.notation)
			return name
		}
		if !c.isAny(next, ".", "->", "::") && !c.is(i, "::") {
			return ""
		}
		if c.isAny(next, ".", "->") {
			i = next
		}
	}
	return ""
}

// cAsks are words of names of functions whose answer is no error.
var cAsks = wordSet(`is has have can should contains contain exists equal equals compare cmp match matches empty find search count
	test lookup strcmp strncmp strcasecmp strncasecmp memcmp wcscmp stricmp strchr strrchr strstr strpbrk strcspn strspn strlen memchr
	memmem feof isalpha isdigit isalnum isspace isupper islower isprint ispunct isxdigit iscntrl isgraph tolower toupper getopt size
	length min max abs starts ends next peek begin end strcasestr wcslen`)

// cSound are words of names that ask whether all is well.
var cSound = wordSet(`valid ok good open success successful succeeded ready initialized connected`)

// asks reports whether the answer of a function says nothing of an error.
func asks(callee string) bool {
	last := callee[strings.LastIndexByte(callee, '.')+1:]
	ws := words(last)
	if slices.ContainsFunc(ws, func(w string) bool { return cSound[w] }) {
		return false
	}
	if len(ws) == 0 || cAsks[strings.ToLower(last)] || cAsks[ws[0]] {
		return true
	}
	return slices.ContainsFunc(ws, func(w string) bool {
		return strings.HasSuffix(w, "cmp") || w == "equal" || w == "equals" || w == "compare" || w == "empty"
	})
}

// cErrorWords are words of names that hold an error.
var cErrorWords = wordSet(`err error errors errno ec failed failure fail ferror`)

func namesError(name string) bool {
	last := name[strings.LastIndexByte(name, '.')+1:]
	return slices.ContainsFunc(words(last), func(w string) bool { return cErrorWords[w] })
}

// tests notes the handler that the if at token i is, when its condition, in the bracket at k, tests for an error.
func (c *cfile) tests(i, k, end int, from map[string]string) {
	m := c.partner(k)
	then := m + 1
	after := c.statement(then, end)
	if how := c.failure(k+1, m, from, false); how != "" {
		if c.acts(then, after, "") {
			c.handled("if ("+how+")", i, after)
			return
		}
	}
	if !c.is(after, "else") || c.is(after+1, "if") {
		return
	}
	if how := c.failure(k+1, m, from, true); how != "" {
		if to := c.statement(after+1, end); c.acts(after+1, to, "") {
			c.handled("if ("+how+") else", i, to)
		}
	}
}

// handled notes a handler of the tokens from a up to b.
func (c *cfile) handled(how string, a, b int) {
	c.Handlers = append(c.Handlers, Handler{How: how, Span: c.span(a, b), Line: c.lineOf(a)})
}

// statement returns the index behind the statement at token i, at most end.
func (c *cfile) statement(i, end int) int {
	if c.is(i, "{") {
		return min(c.skip(i), end)
	}
	for n := 0; i < end && n < 400; n++ {
		if c.is(i, ";") {
			return i + 1
		}
		if c.is(i, "{") {
			return min(c.skip(i), end)
		}
		c.work++
		i = c.skip(i)
	}
	return min(i, end)
}

// acts reports whether statements do more than nothing, or than throwing on what was caught.
func (c *cfile) acts(a, b int, caught string) bool {
	if c.is(a, "{") {
		a, b = a+1, min(b, c.closed(a, b))
	}
	for i := a; i < b; {
		c.work++
		switch {
		case c.isAny(i, ";", "{", "}"):
			i++
		case c.isAny(i, "continue", "break") && c.is(i+1, ";"):
			i += 2
		case c.is(i, "throw") && (c.is(i+1, ";") || caught != "" && c.is(i+1, caught) && c.is(i+2, ";")):
			i += 3
		case c.is(i, "(") && c.is(i+1, "void") && c.is(i+2, ")") && c.word(i+3) != "" && c.is(i+4, ";"): // (void)x;
			i += 5
		default:
			return true
		}
	}
	return false
}

// failure returns how a condition tests for an error, or "". With success it is asked for the opposite: a test that all went well.
func (c *cfile) failure(a, b int, from map[string]string, success bool) string {
	for i := a; i < b; i = c.skip(i) { // if (init; condition)
		c.work++
		if c.is(i, ";") {
			a = i + 1
		}
	}
	start := a
	for i := a; i <= b; i = c.skip(i) {
		c.work++
		if i < b && !c.isAny(i, "&&", "||", "and", "or") {
			continue
		}
		if i > start && c.fails(start, min(i, b), from, success) {
			return c.fold(c.span(start, min(i, b)))
		}
		start = i + 1
	}
	return ""
}

// unwrapped takes off brackets and hints to the compiler around an expression.
func (c *cfile) unwrapped(a, b int) (int, int) {
	for range 6 {
		switch {
		case c.is(a, "(") && c.partner(a) == b-1:
			a, b = a+1, b-1
		case c.is(a+1, "(") && c.partner(a+1) == b-1 && cHints[strings.ToLower(c.word(a))]:
			a, b = a+2, b-1
			for i := a; i < b; i = c.skip(i) {
				if c.is(i, ",") {
					b = i
				}
			}
		case c.is(a, "!") && c.is(a+1, "!"):
			a += 2
		default:
			return a, b
		}
	}
	return a, b
}

var cHints = wordSet(`likely unlikely __builtin_expect g_unlikely g_likely qt_unlikely`)

// fails reports whether one part of a condition tests for an error.
func (c *cfile) fails(a, b int, from map[string]string, success bool) bool {
	a, b = c.unwrapped(a, b)
	at := -1
	for i := a; i < b; i = c.skip(i) {
		c.work++
		if t := c.at(i); t.kind == markToken && comparators[c.src[t.start:t.end]] && !c.angled[i] {
			if at >= 0 {
				return false
			}
			at = i
		}
	}
	if at < 0 {
		negated := c.is(a, "!")
		if negated {
			a, b = c.unwrapped(a+1, b)
		}
		if c.word(b-1) != "" && c.simple(a, b) {
			name, _ := c.chain(b-1, c.notation)
			if namesError(name) {
				return negated == success
			}
			return negated != success && c.gave(name, from)
		}
		callee := c.subjectCall(a, b)
		if callee != "" && namesError(callee) && !tells(callee) {
			return negated == success
		}
		return callee != "" && negated != success && !asks(callee)
	}
	left, right := [2]int{a, at}, [2]int{at + 1, b}
	op := c.text(at)
	if c.constant(left) && !c.constant(right) {
		left, right = right, left
		op = map[string]string{"<": ">", ">": "<", "<=": ">=", ">=": "<="}[op] + map[bool]string{true: op}[op == "==" || op == "!="]
	}
	bad, good := c.means(right)
	zero := c.text(right[0]) == "0" && right[1] == right[0]+1
	failing := op == "<" && zero || op == "<=" && zero || op == "==" && bad || op == "!=" && good
	fine := op == ">=" && zero || op == "==" && good || op == "!=" && bad || op == ">" && zero
	if !failing && !success || !fine && success {
		return false
	}
	la, lb := c.unwrapped(left[0], left[1])
	if c.word(lb-1) != "" && c.simple(la, lb) {
		name, _ := c.chain(lb-1, c.notation)
		return name == "errno" || namesError(name) || c.gave(name, from)
	}
	callee := c.subjectCall(la, lb)
	return callee != "" && !asks(callee)
}

// tells reports whether a function that names an error sets or reports it instead of asking for it.
func tells(callee string) bool {
	ws := words(callee[strings.LastIndexByte(callee, '.')+1:])
	return len(ws) > 0 && (ws[0] == "set" || ws[0] == "log" || ws[0] == "print" || ws[0] == "report" || ws[0] == "clear")
}

// simple reports whether the tokens are one name with its members.
func (c *cfile) simple(a, b int) bool {
	_, first := c.chain(b-1, c.notation)
	for c.isAny(a, "*", "&") && a < first {
		a++
	}
	return first == a
}

// gave reports whether a variable was assigned from a call that may fail.
func (c *cfile) gave(name string, from map[string]string) bool {
	callee := from[name]
	return callee != "" && !asks(callee)
}

// subjectCall returns the name of the call that an expression is, or that it assigns from.
func (c *cfile) subjectCall(a, b int) string {
	for i := a; i < b; i = c.skip(i) {
		c.work++
		if c.is(i, "=") {
			a = i + 1
		}
	}
	if a >= b {
		return ""
	}
	return c.callee(a)
}

// constant reports whether tokens are one of the values that a result is compared with.
func (c *cfile) constant(s [2]int) bool {
	bad, good := c.means(s)
	return bad || good
}

// means tells whether a value stands for a failure or for success.
func (c *cfile) means(s [2]int) (bad, good bool) {
	a, b := c.unwrapped(s[0], s[1])
	if c.is(a, "(") && b > c.skip(a) { // a cast
		a, b = c.unwrapped(c.skip(a), b)
	}
	switch {
	case b == a+2 && c.is(a, "-") && c.at(a+1).kind == numberToken:
		return true, false
	case b == a+1 && c.at(a).kind == numberToken:
		return false, c.text(a) == "0"
	case c.word(b-1) == "" || !c.simple(a, b):
		return false, false
	}
	switch word := c.word(b - 1); word {
	case "NULL", "nullptr", "EOF", "MAP_FAILED", "SIG_ERR":
		return true, false
	default:
		if !isUpper(word) && !strings.Contains(word, "_") {
			return word == "npos", false
		}
		for _, w := range words(word) {
			switch w {
			case "ok", "success", "noerror", "successful":
				return false, true
			case "no":
				return false, strings.HasSuffix(strings.ToLower(word), "no_error")
			case "err", "error", "fail", "failed", "failure", "invalid", "einval", "null", "none":
				return true, false
			}
		}
		return isUpper(word) && strings.HasPrefix(word, "E") && !strings.Contains(word, "_"), false // EINTR
	}
}

// catches notes the catch at token i, when it does something.
func (c *cfile) catches(i int) {
	m := c.partner(i + 1)
	if m < i || !c.is(m+1, "{") {
		return
	}
	caught := ""
	if m-i > 3 {
		caught = c.word(m - 1)
	}
	if c.acts(m+1, c.skip(m+1), caught) {
		c.handled("catch "+c.fold(c.span(i+1, m+1)), i, c.skip(m+1))
	}
}
