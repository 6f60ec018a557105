package source

import (
	"slices"
	"strings"
)

// cHead is what stands before the body of what may be a function.
type cHead struct {
	start, first int         // tokens: of the declaration, and of what follows its attributes
	groups       []int       // brackets that may hold parameters
	operator     map[int]int // brackets behind the name of an operator, to the word "operator"
	made         bool        // a macro with arguments stands before it
}

// declaration reads the declaration at token i, whose attributes began at start, and returns where the next begins.
func (c *cfile) declaration(start, i, b int, s cScope, decorators []Decorator, made bool) int {
	h := cHead{start: start, first: i, made: made}
	value := false // behind "="
	typed := false // behind "->": the rest is a type
	for k := i; k < b; {
		c.work++
		if end := c.apart[k]; end > k {
			k = end
			continue
		}
		if next := c.attribute(k, &decorators); next > k && !value {
			k = next
			continue
		}
		word := c.word(k)
		switch {
		case c.is(k, ";"):
			if body := c.oldStyle(&h, k, b); body >= 0 && !value {
				return c.function(&h, body, b, s, decorators)
			}
			c.prototypes(&h, value)
			return k + 1
		case c.is(k, "{"):
			if value {
				k = c.skip(k)
				continue
			}
			if next := c.function(&h, k, b, s, decorators); next > k {
				return next
			}
			next := c.skip(k)
			if c.isAny(next, ";", ",", "=") || next >= b { // a value in braces
				k = next
				continue
			}
			if word := c.word(h.first); strings.Contains(word, "SUITE") || strings.Contains(word, "NAMESPACE") { // a macro that holds declarations
				c.scope(k+1, c.closed(k, b), s)
			} else {
				c.body(k, cScope{owner: s.owner})
			}
			return next
		case value:
			if c.is(k, ",") && len(h.groups) == 0 {
				value = false
			}
			k++
			if c.is(k-1, "(") || c.is(k-1, "[") {
				k = c.skip(k - 1)
			}
			continue
		case word == "struct" || word == "union" || word == "enum" || word == "class":
			if next, _ := c.class(start, k, b, s, decorators); next > k {
				k = next
				continue
			}
			k++
		case word == "operator" && c.cpp:
			n := c.operatorID(k)
			if n < 0 {
				return c.end(k, b)
			}
			if h.operator == nil {
				h.operator = map[int]int{}
			}
			h.operator[n] = k
			h.groups = append(h.groups, n)
			k = c.skip(n)
		case word == "try" && c.cpp && len(h.groups) > 0 && c.isAny(k+1, ":", "{"):
			k++
		case word == "requires" && c.cpp && len(h.groups) > 0:
			k = max(c.constraint(k+1, b), k+1)
		case word == "noexcept" || word == "throw" || word == "decltype" || word == "explicit" || word == "alignas" || word == "typeof" ||
			word == "__typeof__" || word == "__asm__" || word == "asm" || word == "__asm":
			if k++; c.is(k, "(") {
				k = c.skip(k)
			}
		case c.is(k, "->"):
			typed = true
			k++
		case c.is(k, "="):
			value = true
			k++
		case c.is(k, ":") && len(h.groups) > 0 && c.cpp:
			body := c.initialisers(k+1, b)
			if body < 0 { // not understood: behind its body, as far as that can be told
				for k++; k < b && !c.is(k, ";"); {
					block := c.is(k, "{")
					if k = c.skip(k); block && !c.isAny(k, ",", "{") {
						return k
					}
				}
				return k + 1
			}
			if next := c.function(&h, body, b, s, decorators); next > body {
				return next
			}
			return c.skip(body)
		case c.is(k, ":") && s.class == "" && k == i+1: // a label
			return k + 1
		case c.is(k, "<") && (c.word(k-1) != "") && c.cpp:
			next := c.angles(k, cAngles...)
			if next < 0 {
				next = k + 1
			}
			k = next
		case c.is(k, "("):
			if !typed && (c.word(k-1) != "" && !cControl[c.word(k-1)] || c.is(k-1, ")") || c.is(k-1, ">") && c.angled[k-1] || c.isAny(k-1, "*", "&", "&&")) {
				h.groups = append(h.groups, k)
			}
			k = c.skip(k)
		default:
			k = c.skip(k)
		}
		if len(h.groups) > 30 { // not written by people
			return c.end(k, b)
		}
	}
	return b
}

// cControl are words whose brackets hold no parameters.
var cControl = wordSet(`if else while for do switch return sizeof catch alignof _Alignof typeid static_cast dynamic_cast const_cast
	reinterpret_cast case goto new delete throw`)

// prototypes keeps the names of functions that are only declared from being taken for calls.
func (c *cfile) prototypes(h *cHead, value bool) {
	for _, g := range h.groups {
		if name := g - 1; name > h.first || value {
			c.declared[name] = true
		}
		if m := c.partner(g); c.is(m-1, ")") || c.word(m-1) != "" { // (name)(…)
			c.declared[m-1] = true
		}
	}
}

// operatorID returns the bracket of the parameters behind the name of an operator, or -1.
func (c *cfile) operatorID(k int) int {
	i := k + 1
	switch {
	case c.is(i, "(") && c.is(i+1, ")") && c.is(i+2, "("):
		return i + 2
	case c.is(i, "[") && c.is(i+1, "]"):
		i += 2
	case c.isAny(i, "new", "delete", "co_await"):
		if i++; c.is(i, "[") {
			i += 2
		}
	case c.at(i).kind == textToken: // operator""_x
		if i++; c.word(i) != "" {
			i++
		}
	case c.word(i) != "" || c.is(i, "::"): // a conversion
		for n := 0; n < 60 && (c.word(i) != "" || c.isAny(i, "::", "*", "&", "&&", "<")); n++ {
			if c.is(i, "<") {
				next := c.angles(i, cAngles...)
				if next < 0 {
					return -1
				}
				i = next
				continue
			}
			i++
		}
	default:
		for n := 0; n < 3 && c.at(i).kind == markToken && !c.isAny(i, "(", ")", "{", "}", ";"); n++ {
			if c.isAny(i, "<", ">") {
				c.angled[i] = true
			}
			i++
		}
		if c.is(i-1, "<") && c.angled[i-1] && !c.is(i, "(") { // operator< <>(…)
			return -1
		}
	}
	if c.is(i, "<") {
		if next := c.angles(i, cAngles...); next > 0 {
			i = next
		}
	}
	if !c.is(i, "(") {
		return -1
	}
	return i
}

// initialisers returns the opening brace of the body behind the list of a constructor that begins at token i, or -1.
func (c *cfile) initialisers(i, b int) int {
	for i < b {
		c.work++
		if end := c.apart[i]; end > i {
			i = end
			continue
		}
		named, macro := false, false
		for ; i < b; i++ {
			if word := c.word(i); word != "" || c.isAny(i, "::", "...") {
				macro = isUpper(word) && !named
				named = true
				continue
			}
			if c.is(i, "<") {
				next := c.angles(i, cAngles...)
				if next < 0 {
					return -1
				}
				i = next - 1
				continue
			}
			break
		}
		if !named || !c.isAny(i, "(", "{") {
			return -1
		}
		i = c.skip(i)
		for c.is(i, "...") {
			i++
		}
		switch {
		case c.is(i, ","):
			i++
		case c.is(i, "{"):
			return i
		case macro && c.word(i) != "" || c.at(i).fresh && isUpper(c.word(i)): // a macro between
		default:
			return -1
		}
	}
	return -1
}

// oldStyle returns the body of a definition of which the semicolon at k ends the declaration of a parameter, or -1:
//
//	int f(a, b) int a; char *b; {
func (c *cfile) oldStyle(h *cHead, k, b int) int {
	if c.cpp || len(h.groups) == 0 {
		return -1
	}
	g := h.groups[len(h.groups)-1]
	m := c.partner(g)
	for len(h.groups) > 1 && !c.plainNames(g) { // of a declared parameter: int (*a)();
		h.groups = h.groups[:len(h.groups)-1]
		g = h.groups[len(h.groups)-1]
		m = c.partner(g)
	}
	if !c.plainNames(g) || c.word(m+1) == "" || isUpper(c.word(m+1)) && c.is(m+2, ";") {
		return -1
	}
	last := k
	declarators := 0
	for i := m + 1; i < b; {
		c.work++
		switch t := c.at(i); {
		case c.is(i, "{"):
			if last == i-1 && declarators <= 60 {
				return i
			}
			return -1
		case c.is(i, ";"):
			if declarators++; declarators > 60 {
				return -1
			}
			last = i
			i++
		case t.kind == wordToken || c.isAny(i, "*", ",", "(", "["):
			i = c.skip(i)
		default:
			return -1
		}
		if i-m > 600 {
			return -1
		}
	}
	return -1
}

// plainNames reports whether brackets hold names and nothing else.
func (c *cfile) plainNames(open int) bool {
	m := c.partner(open)
	if m <= open+1 || m-open > 200 {
		return false
	}
	for i := open + 1; i < m; i++ {
		if word := c.word(i); (i-open)%2 == 1 && (word == "" || cKeyword[word]) || (i-open)%2 == 0 && !c.is(i, ",") {
			return false
		}
	}
	return (m-open)%2 == 0
}

// cName is the name of a function, as far as it is understood.
type cName struct {
	name       string
	quals      []string // classes and namespaces before it
	first      int      // its first token
	at         int      // the token that its line is told by
	params     int      // the bracket
	operator   bool
	conversion bool
	destructor bool
}

// name returns the name before a bracket.
func (c *cfile) name(h *cHead, g int) (n cName, ok bool) {
	n.params = g
	if op, is := h.operator[g]; is {
		n.operator, n.at, n.first = true, op, op
		word := c.word(op + 1)
		n.conversion = word != "" && word != "new" && word != "delete" && word != "co_await" || c.is(op+1, "::")
		var b strings.Builder
		b.WriteString("operator")
		for k := op + 1; k < g; k++ {
			if c.is(k, "<") && c.word(k-1) != "operator" && k > op+1 && !n.conversion && c.angled[k] && c.angled[g-1] && !c.is(k-1, "<") { // its arguments
				break
			}
			if c.word(k) != "" && (c.word(k-1) != "" || c.isAny(k-1, ">", "*", "&")) {
				b.WriteByte(' ')
			}
			b.WriteString(c.src[c.at(k).start:c.at(k).end])
		}
		n.name = b.String()
	} else {
		k := g - 1
		if c.is(k, ")") { // (name)(…), (*name(…))(…)
			open := c.partner(k)
			if open < 1 || !c.is(open, "(") || isUpper(c.word(open-1)) || open <= h.first {
				return n, false
			}
			switch {
			case open == k-2 && c.word(open+1) != "":
				k = open + 1
			case c.isAny(open+1, "*", "&", "&&"):
				i := open + 1
				for c.isAny(i, "*", "&", "&&") || cSpecifier[c.word(i)] {
					i++
				}
				for c.word(i) != "" && c.is(i+1, "::") {
					i += 2
				}
				if c.word(i) == "" || !c.is(i+1, "(") {
					return n, false
				}
				k, n.params = i, i+1
			default:
				return n, false
			}
			n.at, n.first, n.name = k, open, c.word(k)
			return n, n.name != "" && !cKeyword[n.name]
		}
		if c.is(k, ">") && c.angled[k] {
			k = c.beforeAngles(k)
		}
		n.name, n.at, n.first = c.word(k), k, k
		if n.name == "" || cKeyword[n.name] {
			return n, false
		}
		if c.is(k-1, "~") {
			n.destructor, n.name, n.first = true, "~"+n.name, k-1
		}
	}
	for k := n.first - 1; c.is(k, "::") && k > h.start; { // A::B<T>::name
		c.work++
		before := k - 1
		if c.is(before, ">") && c.angled[before] {
			before = c.beforeAngles(before)
		}
		if c.word(before) == "" || cKeyword[c.word(before)] {
			n.first = k
			break
		}
		n.quals = append(n.quals, c.word(before))
		n.first = before
		k = before - 1
		if len(n.quals) > 20 {
			return n, false
		}
	}
	slices.Reverse(n.quals)
	return n, true
}

// beforeAngles returns the index before the "<" whose ">" is at k.
func (c *cfile) beforeAngles(k int) int {
	depth := 0
	for ; k >= 0; k = c.back(k) {
		c.work++
		if !c.angled[k] {
			continue
		}
		if c.is(k, ">") {
			depth++
		} else if depth--; depth == 0 {
			return k - 1
		}
	}
	return -1
}

// afterAngles returns the index behind the ">" whose "<" is at k.
func (c *cfile) afterAngles(k int) int {
	depth := 0
	for i := k; i < len(c.tokens); i = c.skip(i) {
		c.work++
		if !c.angled[i] {
			continue
		}
		if c.is(i, "<") {
			depth++
		} else if depth--; depth == 0 {
			return i + 1
		}
	}
	return k + 1
}

// function declares the function whose body opens at token open, when what stands before it is understood as its head. It returns
// the index behind it, or open.
func (c *cfile) function(h *cHead, open, b int, s cScope, decorators []Decorator) int {
	if c.partner(open) < open {
		return open
	}
	n, ok := c.head(h, open, s)
	if !ok {
		return open
	}
	m := c.partner(open)
	body := c.inside(open)
	end := m + 1
	c.body(open, cScope{owner: c.ownerOf(n, s, n.name)})
	if c.is(open-1, "try") || c.triesBefore(n.params, open) { // the handlers are a part of it
		for c.is(end, "catch") && c.is(end+1, "(") && c.is(c.skip(end+1), "{") {
			block := c.skip(end + 1)
			c.catches(end)
			c.body(block, cScope{owner: c.ownerOf(n, s, n.name)})
			end = c.skip(block)
			body.End = int(c.at(end - 1).start)
		}
	}
	c.declared[n.params-1] = true
	c.declared[n.at] = true
	for _, g := range h.groups { // macros among the words before and behind it are no calls
		if g != n.params && g < open {
			c.declared[g-1] = true
		}
	}
	c.Decls = append(c.Decls, Decl{
		Kind: Function, Name: n.name, Owner: c.ownerOf(n, s, ""), Params: c.params(n.params), Decorators: decorators,
		Span: c.span(h.start, end), Body: body, Line: c.lineOf(n.at),
	})
	return end
}

// triesBefore reports whether "try" stands between the parameters and the body.
func (c *cfile) triesBefore(params, open int) bool {
	for i := c.skip(params); i < open; i = c.skip(i) {
		c.work++
		if c.is(i, "try") {
			return true
		}
	}
	return false
}

// ownerOf returns the owner of a function, or with an inner name that of what is declared in its body.
func (c *cfile) ownerOf(n cName, s cScope, inner string) string {
	owner := s.within(strings.Join(n.quals, "."))
	if inner == "" {
		return owner
	}
	if owner == "" {
		return inner
	}
	return owner + "." + inner
}

// head finds the name and the parameters of the function whose body opens at token open.
func (c *cfile) head(h *cHead, open int, s cScope) (cName, bool) {
	for i, g := range h.groups {
		n, ok := c.name(h, g)
		if !ok || c.partner(g) > open {
			continue
		}
		typed := c.typedBefore(h, n)
		m := c.partner(g)
		if !c.trails(m+1, open, typed || h.made) {
			continue
		}
		if c.is(g+1, "(") && c.partner(g+1) == m-1 { // f __P((int a))
			return n, false
		}
		switch {
		case typed:
			return n, true
		case n.conversion && (s.class != "" || len(n.quals) > 0):
			return n, true
		case c.cpp && s.class != "" && len(n.quals) == 0 && (n.name == s.class || n.destructor):
			return n, true
		case c.cpp && len(n.quals) > 0 && strings.TrimPrefix(n.name, "~") == n.quals[len(n.quals)-1]:
			return n, true
		case n.name == "main" && s.owner == "":
			return n, true
		case h.made || i > 0 && c.macroBefore(h, n):
			return n, !isUpper(n.name)
		case !c.cpp && !isUpper(n.name) && (c.declares(g) || c.plainNames(g) && c.word(m+1) != ""):
			return n, true
		}
	}
	return cName{}, false
}

// typedBefore reports whether a type stands before a name.
func (c *cfile) typedBefore(h *cHead, n cName) bool {
	types := 0
	for k := h.first; k < n.first; k++ {
		c.work++
		word := c.word(k)
		switch {
		case c.is(k, "(") || c.is(k, "["):
			if m := c.partner(k); m > k && m < n.first {
				if before := c.word(k - 1); before == "decltype" || before == "typeof" || before == "__typeof__" {
					types++
				}
				k = m
			}
		case word == "" || cSpecifier[word]:
		case c.is(k+1, "(") && word != "decltype" && word != "typeof" && word != "__typeof__" && c.partner(k+1) < n.first && k+1 < n.first-1: // a macro with arguments
			if k == h.first && n.first == c.skip(k+1) {
				types++ // GLOBAL(int) name(…)
			}
		default:
			types++
		}
	}
	return types > 0
}

// macroBefore reports whether a macro with arguments, and nothing else but words that are no type, stands before a name.
func (c *cfile) macroBefore(h *cHead, n cName) bool {
	return c.is(n.first-1, ")") && isUpper(c.word(c.back(n.first-1)))
}

// trails reports whether what stands between parameters and a body may stand there.
func (c *cfile) trails(i, open int, typed bool) bool {
	if !c.cpp && c.word(i) != "" && c.is(open-1, ";") { // parameters declared as K&R did
		return !isUpper(c.word(i)) || typed
	}
	for i < open {
		c.work++
		if end := c.apart[i]; end > i {
			i = end
			continue
		}
		if next := c.attribute(i, nil); next > i {
			i = next
			continue
		}
		word := c.word(i)
		switch {
		case c.cpp && (c.is(i, "->") || c.is(i, ":") || word == "requires" || word == "try"):
			return true
		case cTrailing[word] || word == "asm" || word == "__asm__" || word == "__asm" || isUpper(word) || strings.HasPrefix(word, "_"):
			if i++; c.is(i, "(") {
				i = c.skip(i)
			}
		case c.isAny(i, "&", "&&") && c.cpp:
			i++
		default:
			return false
		}
	}
	return true
}

// declares reports whether brackets hold nothing, "void", or declarations of parameters with a type each.
func (c *cfile) declares(open int) bool {
	for _, item := range c.items(open, ",") {
		if c.is(item[0], "void") || c.is(item[0], "...") {
			continue
		}
		if item[1]-item[0] < 2 || c.word(item[0]) == "" || c.is(item[0]+1, "(") {
			return false
		}
		for k := item[0]; k < item[1]; k = c.skip(k) {
			if kind := c.at(k).kind; kind == textToken || kind == numberToken || c.isAny(k, "=", "+", ".", "->", "!") {
				return false
			}
		}
	}
	return true
}

// params reads the parameters in brackets.
func (c *cfile) params(open int) []Param {
	var all []Param
	m := c.partner(open)
	if m <= open {
		return nil
	}
	if c.cpp {
		for i := open + 1; i < m; i++ {
			if c.is(i, "<") && c.word(i-1) != "" && !c.angled[i] {
				c.angles(i, cAngles...)
			}
		}
	}
	old := !c.cpp && c.plainNames(open) && c.word(m+1) != "" && !strings.HasPrefix(c.word(m+1), "__")
	for _, item := range c.items(open, ",") {
		a, b := item[0], item[1]
		for next := c.attribute(a, nil); next > a; next = c.attribute(a, nil) {
			a = next
		}
		if old {
			all = append(all, Param{Name: c.word(a), Span: c.span(a, b)})
			continue
		}
		end := a
		for end < b && !c.is(end, "=") {
			end = c.skip(end)
		}
		end = min(end, b)
		if name := c.paramName(a, end); name >= 0 {
			p := Param{Name: c.word(name), Span: c.span(item[0], b)}
			if name+1 == end && name > a {
				p.Type = c.fold(c.span(a, name))
			} else {
				p.Type = c.fold(c.span(a, end))
			}
			all = append(all, p)
		}
	}
	return all
}

// paramName returns the index of the name of the parameter that the tokens from a up to b declare, or -1 when it has none.
func (c *cfile) paramName(a, b int) int {
	name, types := -1, 0
	for i := a; i < b; i = c.skip(i) {
		c.work++
		word := c.word(i)
		switch {
		case c.apart[i] > i:
			i = c.apart[i] - 1
		case c.is(i, "<") && c.angled[i]:
			i = c.afterAngles(i) - 1
		case cSpecifier[word]:
		case word == "struct" || word == "union" || word == "enum" || word == "class":
		case word != "" && cKeyword[word]:
			types++
		case word != "" && c.is(i-1, "::"):
			name = -1
		case word != "" && c.is(i+1, "::"):
			types++
		case word != "":
			if types > 0 || name >= 0 || c.isAny(i-1, "*", "&", "&&", "...") {
				name = i
			}
			types++
		case c.is(i, "("):
			if c.isAny(i+1, "*", "&", "^", "&&") || c.word(i+1) != "" && c.is(i+2, "::") { // void (*name)(int)
				inner := -1
				for k := i + 1; k < c.closed(i, b); k = c.skip(k) {
					if w := c.word(k); w != "" && !cKeyword[w] && !c.is(k+1, "::") {
						inner = k
					}
					if c.is(k, "(") && inner < 0 {
						inner = c.paramName(i+1, c.closed(i, b))
						break
					}
				}
				return inner
			}
			return name
		case c.is(i, "["):
			return name
		}
	}
	if name >= 0 && name+1 < b && c.isAny(name+1, "*", "&", "&&") {
		return -1
	}
	return name
}
