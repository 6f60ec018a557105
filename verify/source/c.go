package source

import (
	"slices"
	"strings"
)

// C and C++ are cut into tokens by c_lex.go and read here declaration by declaration; c_body.go takes facts out of the bodies,
// c_web.go what calls mean to HTTP, the environment and the runners of tests.
//
// A prototype is no declaration: it tells that a function exists elsewhere. Nor is what is deleted, defaulted or pure, or what a
// macro makes. A name before brackets and a body is a function where a type stands before it, or where it is a constructor,
// destructor or conversion of C++, or where its parameters are declared as K&R did; anything else with a body, such as TEST(a, b) {…},
// is the use of a macro.
//
// Owners are namespaces and classes, "ns.Outer.Inner"; inline and unnamed namespaces are left out, and so are the arguments of
// templates. Operators are called "operator==", "operator()", "operator bool". A struct, union or enum is a Class, and a typedef
// of one without a name gives it its name. A header ".h" is read as C++ where it holds what C does not: "::", a namespace, a class,
// a template; its File then says so.
//
// Attributes are decorators: [[nodiscard]], __attribute__((x)), __declspec(x).
var clang = language{
	name:       C,
	extensions: []string{".c", ".h"},
	parse:      parseC,
	tokens:     cTokens,
}

func parseC(f *File) error {
	if strings.HasSuffix(strings.ToLower(f.name), ".h") {
		if l := newCLexer(f, true); l.cut() == nil && l.holdsCPP() {
			f.Language = CPP
			return readC(f, l)
		}
	}
	l := newCLexer(f, false)
	if err := l.cut(); err != nil {
		return err
	}
	return readC(f, l)
}

func cTokens(text []byte) ([]Span, error) {
	f := &File{Text: text}
	f.indexLines()
	l := newCLexer(f, false)
	err := l.cut()
	return l.cover(), err
}

// holdsCPP reports whether a text cannot be C.
func (l *cLexer) holdsCPP() bool {
	text := func(i int) string {
		if i >= len(l.tokens) {
			return ""
		}
		return l.src[l.tokens[i].start:l.tokens[i].end]
	}
	for i, t := range l.tokens {
		switch {
		case t.kind == markToken && text(i) == "::":
			return true
		case t.kind != wordToken:
			continue
		}
		next := text(i + 1)
		switch text(i) {
		case "template":
			if next == "<" {
				return true
			}
		case "namespace":
			if next == "{" || text(i+2) == "{" || i > 0 && text(i-1) == "using" {
				return true
			}
		case "class":
			if after := text(i + 2); isNameStart((next + " ")[0]) && (after == "{" || after == ":" || after == ";" || after == "final") {
				return true
			}
		case "public", "private", "protected":
			if next == ":" {
				return true
			}
		case "operator":
			if i+1 < len(l.tokens) && l.tokens[i+1].kind == markToken && next != ";" && next != ")" && next != "," && next != "=" {
				return true
			}
		}
	}
	return false
}

// cfile is one file of C or C++ being turned into facts.
type cfile struct {
	*reader
	*cNames
	cpp      bool
	apart    map[int]int
	notation *notation
	declared map[int]bool // names of declarations, which look like calls
	added    []string     // functions that are given to a runner of tests
}

// cNames are what the names of a file stand for.
type cNames struct {
	literals map[string]string // constants that are one string literal
	unclear  map[string]bool   // names bound more than once
}

// cScope is what a declaration is a member of.
type cScope struct {
	owner string // dotted
	class string // its simple name where it is a class; "" in namespaces
}

func (s cScope) within(name string) string {
	switch {
	case s.owner == "":
		return name
	case name == "":
		return s.owner
	}
	return s.owner + "." + name
}

func readC(f *File, l *cLexer) error {
	c := &cfile{
		reader: newReader(l.lexer), cpp: l.cpp, apart: l.apart, notation: &cNotation, declared: map[int]bool{},
		cNames: &cNames{literals: map[string]string{}, unclear: map[string]bool{}},
	}
	c.angled = make([]bool, len(c.tokens)+1)
	f.Imports = l.includes
	for macro, i := range l.defines {
		c.literals[macro] = l.strings[i].Value
	}
	c.arguments()
	c.scope(0, len(c.tokens), cScope{})
	c.notesComparisons(cStops)
	c.notesCalls(c.notation, c.declared)
	slices.SortStableFunc(f.Calls, func(a, b Call) int { return a.Span.Start - b.Span.Start })
	c.web()
	return nil
}

var cNotation = notation{
	joins:    map[string]bool{".": true, "->": true, "::": true},
	keywords: wordSet(cKeywords + cTypes),
	receiver: map[string]bool{"this": true},
	generic:  true,
}

const cKeywords = ` if else while for do switch case default return goto break continue sizeof _Alignof alignof alignas _Alignas
	typeof __typeof__ __typeof typeid decltype noexcept throw catch try new delete operator static_assert _Static_assert asm __asm__
	__asm _Generic __attribute__ __attribute __declspec __extension__ defined static_cast dynamic_cast const_cast reinterpret_cast
	this template typename using namespace and or not co_await co_return co_yield requires explicit __builtin_va_arg
	__builtin_offsetof offsetof va_arg `

const cTypes = ` void bool _Bool char short int long signed unsigned float double auto wchar_t char8_t char16_t char32_t
	const volatile static inline extern register struct union enum class constexpr consteval constinit mutable friend virtual typedef `

var (
	cKeyword = wordSet(cKeywords + cTypes + "public private protected final override export concept nullptr true false")
	// words before a declaration that are no type
	cSpecifier = wordSet(`static inline extern register constexpr consteval constinit mutable friend virtual explicit typedef export
		__inline __inline__ __forceinline __extension__ _Noreturn noreturn thread_local _Thread_local __thread const volatile
		restrict __restrict __restrict__ __const typename`)
	// words that stand behind the parameters of a function
	cTrailing = wordSet(`const volatile override final noexcept throw mutable restrict constexpr consteval static`)
	cStops    = wordSet(`return case throw co_return co_yield and or else do += -= *= /= %= &= |= ^= <<= >>=`)
	// marks that may stand in the arguments of a template where types are declared
	cAngles = []string{"&&", "...", "+", "-", "!", "==", "!=", "/", "%", "||", "<=", "{", "^", "<<"}
)

// arguments marks the angle brackets of template arguments in expressions: those that follow a name without a blank, or have none
// behind them.
func (c *cfile) arguments() {
	if !c.cpp {
		return
	}
	for i := 1; i < len(c.tokens); i++ {
		if !c.is(i, "<") || c.angled[i] {
			continue
		}
		switch word := c.word(i - 1); {
		case word == "operator":
			c.angled[i] = true
		case word == "" || cKeyword[word] && !strings.HasSuffix(word, "_cast") && word != "template":
		case c.at(i-1).end != c.at(i).start && c.at(i).end != c.at(i+1).start && word != "template":
		default:
			c.angles(i, "...")
		}
	}
	for i := range c.tokens {
		if c.is(i, "operator") {
			for k := i + 1; c.isAny(k, "<", ">", "<=>", "<<", ">="); k++ {
				c.angled[k] = true
			}
		}
	}
}

// scope reads the declarations from token a up to b.
func (c *cfile) scope(a, b int, s cScope) {
	for i := a; i < b; {
		c.work++
		i = max(c.member(i, b, s), i+1)
	}
}

// member reads the declaration at token i and returns where the next begins.
func (c *cfile) member(i, b int, s cScope) int {
	start := i
	var decorators []Decorator
	made := false // a macro with arguments stands before the rest
	for i < b {
		c.work++
		if end := c.apart[i]; end > i {
			if i == start {
				start = end
			}
			i = end
			continue
		}
		if next := c.attribute(i, &decorators); next > i {
			i = next
			continue
		}
		word := c.word(i)
		switch {
		case word == "" && c.is(i, ";"):
			return i + 1
		case word == "template" && c.cpp && c.is(i+1, "<"):
			next := c.angles(i+1, cAngles...)
			if next < 0 {
				return c.end(i, b)
			}
			if c.is(next, "requires") {
				next = c.constraint(next+1, b)
			}
			i = next
			continue
		case word == "requires" && c.cpp:
			i = c.constraint(i+1, b)
			continue
		case word == "extern" && c.at(i+1).kind == textToken:
			if c.is(i+2, "{") {
				c.scope(i+3, c.closed(i+2, b), s)
				return c.skip(i + 2)
			}
			i += 2
			continue
		case word == "namespace" && c.cpp, word == "inline" && c.is(i+1, "namespace"):
			return c.namespace(i, b, s)
		case word == "using" && c.cpp:
			return c.using(start, i, b, s)
		case word == "typedef":
			return c.typedef(start, i, b, s)
		case word == "friend" && c.cpp && s.class != "":
			s = cScope{owner: strings.TrimSuffix(strings.TrimSuffix(s.owner, s.class), ".")}
			i++
			continue
		case c.isAny(i, "public", "private", "protected", "signals", "Q_SIGNALS", "slots", "Q_SLOTS", "__published") && s.class != "":
			k := i + 1
			if c.word(k) != "" && c.is(k+1, ":") {
				k++
			}
			if c.is(k, ":") {
				return k + 1
			}
		case c.isAny(i, "static_assert", "_Static_assert", "asm", "__asm__", "__asm", "concept"):
			return c.end(i, b)
		case isUpper(word) && c.at(i+1).fresh && i+1 < b && !c.isAny(i+1, "(", ";", "=", "[", ",", ":", "::", "<", "*", "&", "{") && c.at(i).fresh:
			i++ // BEGIN_DECLS
			start = i
			continue
		case isUpper(word) && c.at(i).fresh && c.is(i+1, "(") && c.at(c.skip(i+1)).fresh && c.word(c.skip(i+1)) != "":
			i = c.skip(i + 1) // EXPORT_SYMBOL(x), METHODDEF(void)
			made = true
			continue
		case word == "" && c.isAny(i, "}", ")", "]"):
			return i + 1
		}
		break
	}
	if i >= b {
		return b
	}
	return c.declaration(start, i, b, s, decorators, made)
}

// isUpper reports whether a word is one that macros are called by: capitals, digits and underscores.
func isUpper(word string) bool {
	if len(word) < 2 {
		return false
	}
	letters := 0
	for i := range len(word) {
		switch ch := word[i]; {
		case 'A' <= ch && ch <= 'Z':
			letters++
		case ch == '_' || isDigit(ch):
		default:
			return false
		}
	}
	return letters > 0
}

// closed returns the index of the partner of a bracket, at most b.
func (c *cfile) closed(open, b int) int {
	if m := c.partner(open); m > open && m <= b {
		return m
	}
	return b
}

// end returns the index behind the statement that holds token i: behind a semicolon, or behind a block that nothing follows.
func (c *cfile) end(i, b int) int {
	for ; i < b; i = c.skip(i) {
		c.work++
		if c.is(i, ";") {
			return i + 1
		}
	}
	return b
}

// attribute returns the index behind the attribute at token i, and notes what it says.
func (c *cfile) attribute(i int, to *[]Decorator) (next int) {
	open := -1
	switch {
	case c.is(i, "[") && c.is(i+1, "[") && c.partner(i+1) == c.partner(i)-1:
		open = i + 1
	case c.isAny(i, "__attribute__", "__attribute") && c.is(i+1, "("):
		open = i + 1
		if c.is(i+2, "(") && c.partner(i+2) == c.partner(open)-1 {
			open = i + 2
		}
	case c.isAny(i, "__declspec", "alignas", "_Alignas") && c.is(i+1, "("):
		open = i + 1
	case c.isAny(i, "__pragma", "_Pragma") && c.is(i+1, "("):
		return c.skip(i + 1)
	default:
		return i
	}
	for _, item := range c.items(open, ",") {
		name := ""
		for k := item[0]; k < item[1] && (c.word(k) != "" || c.is(k, "::")); k++ {
			if c.is(k, "::") {
				name += "."
			} else {
				name += c.word(k)
			}
		}
		if name != "" && to != nil {
			*to = append(*to, Decorator{Name: name, Text: c.part(c.span(item[0], item[1])), Line: c.lineOf(item[0])})
		}
	}
	if c.is(i, "[") {
		return c.skip(i)
	}
	return c.skip(i + 1)
}

// constraint returns the index behind the condition of a requires clause that begins at token i.
func (c *cfile) constraint(i, b int) int {
	for i < b {
		c.work++
		switch {
		case c.is(i, "!"):
			i++
			continue
		case c.is(i, "requires"): // requires (T t) {…}
			if i++; c.is(i, "(") {
				i = c.skip(i)
			}
			if !c.is(i, "{") {
				return i
			}
			i = c.skip(i)
		case c.is(i, "("):
			i = c.skip(i)
		case c.word(i) != "":
			i++
			for i < b {
				if c.is(i, "<") {
					next := c.angles(i, cAngles...)
					if next < 0 {
						return i
					}
					i = next
				} else if c.is(i, "::") && c.word(i+1) != "" {
					i += 2
				} else {
					break
				}
			}
			if c.is(i, "(") && c.is(c.skip(i), "&&") {
				i = c.skip(i)
			}
		default:
			return i
		}
		if !c.isAny(i, "&&", "||", "and", "or") {
			return i
		}
		i++
	}
	return i
}

// namespace reads a namespace, or its alias.
func (c *cfile) namespace(i, b int, s cScope) int {
	inline := c.is(i, "inline")
	if inline {
		i++
	}
	names := ""
	unsaid := false // the next name is that of an inline namespace
	for i++; i < b; i++ {
		if next := c.attribute(i, nil); next > i {
			i = next - 1
			continue
		}
		switch word := c.word(i); {
		case word == "inline": // a::inline b
			unsaid = true
		case unsaid && word != "":
			unsaid = false
		case word != "" && c.is(i+1, "("): // a macro
			i = c.skip(i+1) - 1
		case word != "" && names != "" && !strings.HasSuffix(names, "."): // MACRO name
			names = word
		case word != "":
			names += word
		case c.is(i, "::"):
			names += "."
		case c.is(i, "{"):
			if !inline {
				s.owner = s.within(strings.Trim(names, "."))
			}
			s.class = ""
			c.scope(i+1, c.closed(i, b), s)
			return c.skip(i)
		default:
			return c.end(i, b)
		}
	}
	return b
}

// using reads "using X = type;".
func (c *cfile) using(start, i, b int, s cScope) int {
	end := c.end(i, b)
	k := i + 2
	for next := c.attribute(k, nil); next > k; next = c.attribute(k, nil) {
		k = next
	}
	if name := c.word(i + 1); name != "" && c.is(k, "=") {
		c.Decls = append(c.Decls, Decl{Kind: Type, Name: name, Owner: s.owner, Span: c.span(start, end), Line: c.lineOf(i + 1)})
	}
	return end
}

// typedef reads a typedef: the names at its end.
func (c *cfile) typedef(start, i, b int, s cScope) int {
	var decorators []Decorator
	var body *Decl
	from := i + 1 // of the declarators
	k := from
	first := true
	for k < b && !c.is(k, ";") {
		c.work++
		if end := c.apart[k]; end > k {
			k = end
			continue
		}
		if next := c.attribute(k, &decorators); next > k {
			k = next
			continue
		}
		if first && c.isAny(k, "struct", "union", "enum", "class") {
			if next, at := c.class(start, k, b, s, decorators); next > k {
				if at >= 0 {
					had := c.Decls[at]
					body = &had
				} else {
					body = &Decl{Body: c.inside(c.partner(next - 1))}
				}
				k, from = next, next
				first = false
				continue
			}
		}
		first = first && cSpecifier[c.word(k)]
		if c.is(k, "<") {
			if next := c.angles(k, cAngles...); next > 0 {
				k = next
				continue
			}
		}
		if c.is(k, "{") { // not understood
			return c.end(k, b)
		}
		k = c.skip(k)
	}
	end := min(k+1, b)
	if k >= b {
		return b
	}
	for _, item := range c.cut(from, k, ",") {
		name, plain := c.declarator(item[0], item[1])
		if name < 0 {
			continue
		}
		d := Decl{Kind: Type, Name: c.word(name), Owner: s.owner, Decorators: decorators, Span: c.span(start, end), Line: c.lineOf(name)}
		if body != nil && body.Name == "" && plain {
			d.Kind, d.Body = Class, body.Body
		}
		c.declared[name] = true
		c.Decls = append(c.Decls, d)
	}
	return end
}

// declarator returns the index of the name that a declarator declares, and whether nothing stands around it; -1 for none.
func (c *cfile) declarator(a, b int) (name int, plain bool) {
	name = -1
	for i := a; i < b; i = c.skip(i) {
		c.work++
		switch word := c.word(i); {
		case word != "" && !cKeyword[word]:
			name = i
		case c.is(i, "("):
			if c.isAny(i+1, "*", "&", "^", "&&") || c.word(i+1) != "" && c.is(i+2, "::") { // (*name)(…)
				if inner, _ := c.declarator(i+1, c.closed(i, b)); inner >= 0 {
					return inner, false
				}
			}
			if c.is(i+2, ")") && c.word(i+1) != "" && c.is(i+3, "(") { // (name)(…)
				return i + 1, false
			}
			return name, false
		case c.is(i, "["):
			return name, false
		case c.is(i, "<"):
			if next := c.angles(i, cAngles...); next > 0 {
				i = next - 1
			}
		case c.is(i, "="):
			return name, false
		}
	}
	return name, name == a && b == a+1
}

// unnamed is the index of the declaration of a class without a name.
const unnamed = -2

// class reads the class, struct, union or enum at token k when it is defined there: it returns the index behind its body and that
// of its declaration; k where it is only named.
func (c *cfile) class(start, k, b int, s cScope, decorators []Decorator) (next, at int) {
	key := c.word(k)
	i := k + 1
	if key == "enum" && c.isAny(i, "class", "struct") {
		i++
	}
	name, quals := -1, ""
	decorators = slices.Clone(decorators)
	for i < b {
		c.work++
		if end := c.apart[i]; end > i {
			i = end
			continue
		}
		if n := c.attribute(i, &decorators); n > i {
			i = n
			continue
		}
		word := c.word(i)
		switch {
		case word == "final" && name >= 0 && c.isAny(i+1, "{", ":"), word == "sealed" || word == "abstract":
			i++
			continue
		case word != "" && cKeyword[word]:
			return k, -1
		case word != "" && c.is(i+1, "("): // a macro with arguments
			if !isUpper(word) && !strings.HasPrefix(word, "__") {
				return k, -1
			}
			i = c.skip(i + 1)
			continue
		case word != "":
			if name >= 0 && !c.is(i-1, "::") {
				if was := c.word(name); !isUpper(was) && !strings.HasPrefix(was, "__") && !strings.HasSuffix(was, "_API") && !strings.HasSuffix(was, "_EXPORT") {
					return k, -1
				}
				quals = ""
			}
			name = i
			i++
			continue
		case c.is(i, "::"):
			if name >= 0 {
				quals += c.word(name) + "."
			}
			i++
			continue
		case c.is(i, "<") && name >= 0 && c.cpp:
			n := c.angles(i, cAngles...)
			if n < 0 {
				return k, -1
			}
			i = n
			continue
		case c.is(i, ":") && (c.cpp || key == "enum"):
			for i++; i < b && !c.is(i, "{"); {
				if c.isAny(i, ";", "=", ")") {
					return k, -1
				}
				if c.is(i, "<") {
					n := c.angles(i, cAngles...)
					if n < 0 {
						return k, -1
					}
					i = n
					continue
				}
				i = c.skip(i)
			}
		}
		break
	}
	if !c.is(i, "{") || i >= b || c.partner(i) < i {
		return k, -1
	}
	m := c.partner(i)
	inner := s
	at = unnamed
	if name >= 0 {
		d := Decl{
			Kind: Class, Name: c.word(name), Owner: s.within(strings.TrimSuffix(quals, ".")), Decorators: decorators,
			Span: c.span(start, m+1), Body: c.inside(i), Line: c.lineOf(name),
		}
		at = len(c.Decls)
		c.declared[name] = true
		c.Decls = append(c.Decls, d)
		inner = cScope{owner: d.Qualified(), class: d.Name}
	}
	if key != "enum" {
		if inner.class == "" {
			inner.class = "?" // a member is no function of the namespace
		}
		c.scope(i+1, m, inner)
	}
	return m + 1, at
}
