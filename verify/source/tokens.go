package source

import (
	"slices"
	"strings"
)

// reader walks over the tokens of a text and notes facts. Indices beyond the tokens are allowed everywhere: there is nothing.
type reader struct {
	*File
	src     string
	tokens  []lexeme
	scratch [][2]int // of note
	opens   []int    // for each call the index of its bracket, until the calls are sorted
	angled  []bool   // the marks "<" and ">" that enclose type arguments, and are no comparison; nil until angles finds some

	unclosed [3][]bool // the marks "<" that angles was asked about in vain, by how much it was allowed
}

// newReader takes over what the lexer found: tokens, strings, comments.
func newReader(l *lexer) *reader {
	slices.SortFunc(l.strings, func(a, b String) int { return a.Span.Start - b.Span.Start }) // a nested one was noted before its outer one
	l.file.Strings, l.file.Comments = l.strings, l.comments
	return &reader{File: l.file, src: l.src, tokens: l.tokens}
}

// at returns the token with that index, or one of no kind.
func (r *reader) at(i int) lexeme {
	if i < 0 || i >= len(r.tokens) {
		return lexeme{match: -1, start: int32(len(r.src)), end: int32(len(r.src))}
	}
	return r.tokens[i]
}

// text returns what the token is written as.
func (r *reader) text(i int) string {
	t := r.at(i)
	return r.src[t.start:t.end]
}

// is reports whether the token is that mark or word. The text of a literal never is.
func (r *reader) is(i int, s string) bool {
	t := r.at(i)
	return (t.kind == markToken || t.kind == wordToken) && r.src[t.start:t.end] == s
}

// isAny reports whether the token is one of the marks or words.
func (r *reader) isAny(i int, list ...string) bool {
	t := r.at(i)
	if t.kind != markToken && t.kind != wordToken {
		return false
	}
	have := r.src[t.start:t.end]
	for _, s := range list {
		if have == s {
			return true
		}
	}
	return false
}

// word returns a name or keyword, "" for any other token.
func (r *reader) word(i int) string {
	if t := r.at(i); t.kind == wordToken {
		return r.src[t.start:t.end]
	}
	return ""
}

// partner returns the index of the matching bracket, or -1.
func (r *reader) partner(i int) int { return int(r.at(i).match) }

// skip returns the index behind the token, or behind the bracket that it opens or the literal that it begins.
func (r *reader) skip(i int) int {
	if m := r.partner(i); m > i {
		return m + 1
	}
	return i + 1
}

// back returns the index before the token, or before the bracket that it closes or the literal that it ends.
func (r *reader) back(i int) int {
	if m := r.partner(i); m >= 0 && m < i {
		return m - 1
	}
	return i - 1
}

// span returns the text of the tokens from a up to, and without, b, blanks around them left out.
func (r *reader) span(a, b int) Span {
	if b <= a {
		s := int(r.at(a).start)
		return Span{s, s}
	}
	return Span{int(r.at(a).start), int(r.at(b - 1).end)}
}

// inside returns the text between a bracket and its partner, blanks and comments included; empty where there is no bracket.
func (r *reader) inside(open int) Span {
	m := r.partner(open)
	if m <= open {
		return Span{}
	}
	return Span{int(r.at(open).end), int(r.at(m).start)}
}

// items returns what stands between a bracket and its partner, cut at the separator on the top level, as half-open ranges of
// tokens. Empty ones are left out. The marks of type arguments that angles found nest too.
func (r *reader) items(open int, separator string) [][2]int {
	m := r.partner(open)
	if m <= open {
		return nil
	}
	return r.cut(open+1, m, separator)
}

// cut cuts the tokens from a up to b at the separator on the top level.
func (r *reader) cut(a, b int, separator string) [][2]int { return r.cutInto(nil, a, b, separator) }

// cutInto is cut, which adds to what is there.
func (r *reader) cutInto(all [][2]int, a, b int, separator string) [][2]int {
	from, depth := a, 0
	for i := a; i < b; i = r.skip(i) {
		r.work++
		switch {
		case r.angled != nil && r.angled[i]:
			if r.is(i, "<") {
				depth++
			} else {
				depth--
			}
		case depth == 0 && r.is(i, separator):
			all = r.trimmed(all, from, i)
			from = i + 1
		}
	}
	return r.trimmed(all, from, b)
}

// trimmed adds the tokens from a up to b, without ends of lines around them, unless there are none.
func (r *reader) trimmed(all [][2]int, a, b int) [][2]int {
	for a < b && r.at(a).kind == newlineToken {
		a++
	}
	for b > a && r.at(b-1).kind == newlineToken {
		b--
	}
	if a < b {
		all = append(all, [2]int{a, b})
	}
	return all
}

// angles returns the index behind the ">" that closes the type arguments opened by the "<" at i, and remembers their marks; -1
// when they cannot be type arguments: a mark that no type is written with, or no end within the bracket around.
// The lexer must give ">" singly. A token of extra may stand in them beside names, numbers, brackets and , . ? & : * | @ -> =.
func (r *reader) angles(i int, extra ...string) int {
	if !r.is(i, "<") {
		return -1
	}
	wide := min(len(extra), len(r.unclosed)-1) // who allows more may be asked again
	if r.unclosed[wide] != nil && r.unclosed[wide][i] {
		return -1
	}
	var marks, open []int
	for j := i; j < len(r.tokens); j = r.skip(j) {
		r.work++
		t := r.tokens[j]
		if t.kind == markToken {
			switch s := r.src[t.start:t.end]; s {
			case "<":
				open = append(open, j)
				marks = append(marks, j)
			case ">":
				open = open[:len(open)-1]
				marks = append(marks, j)
				if len(open) == 0 {
					if r.angled == nil {
						r.angled = make([]bool, len(r.tokens))
					}
					for _, m := range marks {
						r.angled[m] = true
					}
					return j + 1
				}
			case ",", ".", "?", "&", ":", "::", "*", "|", "@", "->", "=", "[", "(", "'":
			default:
				if !r.isAny(j, extra...) {
					return r.never(wide, open)
				}
			}
		}
		if t.kind == newlineToken || t.kind == wordToken || t.kind == numberToken || t.kind == markToken || t.kind == textToken {
			if j-i > 400 { // longer ones are not written by people, and must not be looked at again and again
				return r.never(wide, open)
			}
			continue
		}
		return r.never(wide, open)
	}
	return r.never(wide, open)
}

// never remembers that these open no type arguments.
func (r *reader) never(wide int, open []int) int {
	if r.unclosed[wide] == nil {
		r.unclosed[wide] = make([]bool, len(r.tokens))
	}
	for _, i := range open {
		r.unclosed[wide][i] = true
	}
	return -1
}

// condition notes that what the tokens from a up to b hold decides something.
func (r *reader) condition(a, b int) {
	if b > a {
		r.conditions = append(r.conditions, r.span(a, b))
	}
}

// comparators are the marks that compare. "<" and ">" count where they enclose no type arguments.
var comparators = map[string]bool{
	"==": true, "!=": true, "===": true, "!==": true, "<=": true, ">=": true, "<": true, ">": true, "<=>": true, "=~": true, "!~": true,
}

// notesComparisons notes the operands of every comparison. Operands end at stops: words and marks, beside the brackets around,
// commas, semicolons, assignments, "&&", "||", "?", ":" and "=>".
func (r *reader) notesComparisons(stops map[string]bool) {
	ends := func(i int) bool {
		t := r.tokens[i]
		switch t.kind {
		case wordToken:
			return stops[r.src[t.start:t.end]]
		case markToken:
			s := r.src[t.start:t.end]
			switch s {
			case ",", ";", "=", "&&", "||", "?", ":", "=>", "->", "(", "[", "{", ")", "]", "}", ":=", "??", "?:":
				return true
			}
			return stops[s] || comparators[s] && (r.angled == nil || !r.angled[i])
		case newlineToken, textOpenToken, textPartToken, textCloseToken, directiveToken:
			return true
		}
		return false
	}
	const most = 60 // tokens of an operand; longer ones are not compared by people
	for i := range r.tokens {
		t := r.tokens[i]
		if t.kind != markToken || !comparators[r.src[t.start:t.end]] || r.angled != nil && r.angled[i] || r.shifts(i) {
			continue
		}
		if s := r.text(i); (s == ">" || s == "<") && (r.is(i+1, s) && r.at(i+1).start == t.end || r.is(i-1, s) && r.at(i-1).end == t.start) { // a shift
			continue
		}
		a := i
		for n := 0; a > 0 && n < most; n++ {
			k := a - 1
			if m := int(r.tokens[k].match); m >= 0 && m < k {
				if r.tokens[k].kind == markToken && r.is(k, "}") {
					break
				}
				a = m
				continue
			}
			if ends(k) {
				break
			}
			a = k
			r.work++
		}
		b := i + 1
		if r.is(b, "=") && r.at(b).start == t.end { // ">=" cut in two
			b++
		}
		for n := 0; b < len(r.tokens) && n < most; n++ {
			if m := int(r.tokens[b].match); m > b && !r.is(b, "{") {
				b = m + 1
				continue
			}
			if ends(b) {
				break
			}
			b++
			r.work++
		}
		r.comparisons = append(r.comparisons, r.span(a, b))
	}
}

// shifts reports whether the ">" at token i is a part of ">>" or ">>>", where the lexer gives them singly.
func (r *reader) shifts(i int) bool {
	beside := func(k int) bool { return r.is(k, ">") && (r.angled == nil || !r.angled[k]) }
	return r.is(i, ">") && (beside(i+1) && r.at(i+1).start == r.at(i).end || beside(i-1) && r.at(i-1).end == r.at(i).start)
}

// notation is how a language writes names with members and calls.
type notation struct {
	joins    map[string]bool // the marks between the parts of a name: ".", "::", "->", "?.", "!."
	keywords map[string]bool // words before "(" that make no call: if, while, return, …
	receiver map[string]bool // keywords that may begin a name all the same: this, self, super
	generic  bool            // type arguments may stand between a name and its "("
	bang     bool            // "name!(" is a call of the name (Rust)
}

// chain returns the name with its parts that ends at token i, and the index of its first token: "a.b.c", whatever joins the
// parts; "?.c" when something without a name stands before them. The name is "" where no name ends.
func (r *reader) chain(i int, n *notation) (name string, first int) {
	if r.at(i).kind != wordToken {
		return "", i
	}
	first = i
	parts := []string{r.text(i)}
	for {
		join := first - 1
		if n.generic { // Java: name.<T>name(
			join = r.beforeAngles(join)
		}
		if !n.joins[r.text(join)] || r.at(join).kind != markToken {
			break
		}
		before := join - 1
		if r.at(before).kind != wordToken || n.keywords[r.text(before)] && !n.receiver[r.text(before)] {
			if r.is(join, "::") && !r.isAny(before, ")", "]", ">") || before < 0 { // ::name, the global one
				break
			}
			return "?." + r.text(i), i
		}
		parts = append(parts, r.text(before))
		first = before
		r.work++
		if len(parts) > 40 {
			return "?." + r.text(i), i
		}
	}
	if len(parts) == 1 {
		return parts[0], first
	}
	var b strings.Builder
	for k := len(parts) - 1; k >= 0; k-- {
		b.WriteString(parts[k])
		if k > 0 {
			b.WriteByte('.')
		}
	}
	return b.String(), first
}

// beforeAngles returns the index before the type arguments that end at token i; i itself where none end.
func (r *reader) beforeAngles(i int) int {
	if i < 0 || r.angled == nil || i >= len(r.tokens) || !r.angled[i] || !r.is(i, ">") {
		return i
	}
	depth := 0
	for k := i; k >= 0; k = r.back(k) {
		r.work++
		if !r.angled[k] {
			continue
		}
		if r.is(k, ">") {
			depth++
		} else if depth--; depth == 0 {
			return k - 1
		}
	}
	return i
}

// notesCalls notes every call: a name, perhaps with type arguments, and "(". What declared marks are the names of declarations,
// which look like calls; it is asked for the index of the name.
func (r *reader) notesCalls(n *notation, declared map[int]bool) {
	for i := range r.tokens {
		if !r.is(i, "(") {
			continue
		}
		name := i - 1
		if n.generic {
			before := r.beforeAngles(name)
			if before != name && n.joins["::"] && r.is(before, "::") { // Rust: name::<T>(
				before--
			}
			name = before
		}
		if n.bang && r.is(name, "!") {
			name--
		}
		if declared[name] {
			continue
		}
		word := r.word(name)
		if word == "" || n.keywords[word] && !n.receiver[word] && !n.joins[r.text(name-1)] {
			continue
		}
		called, first := r.chain(name, n)
		if called != "" {
			r.note(called, first, i)
		}
	}
}

// note adds the call whose name begins at token first and whose arguments stand in the bracket.
func (r *reader) note(name string, first, open int) {
	m := r.partner(open)
	if m < open {
		return
	}
	start := int(r.at(first).start)
	c := Call{Name: name, Span: Span{start, int(r.at(m).end)}, Line: r.LineOf(start)}
	r.scratch = r.cutInto(r.scratch[:0], open+1, m, ",")
	if n := len(r.scratch); n > 0 {
		c.Args = make([]Span, n)
		for i, item := range r.scratch {
			c.Args[i] = r.span(item[0], item[1])
		}
	}
	r.Calls = append(r.Calls, c)
	r.opens = append(r.opens, open)
}

// lineOf returns the line of a token.
func (r *reader) lineOf(i int) int { return r.LineOf(int(r.at(i).start)) }

// literalValue returns the value of the plain string literal at token i.
func (r *reader) literalValue(i int) (string, bool) {
	t := r.at(i)
	if t.kind != textToken {
		return "", false
	}
	for _, s := range r.StringsIn(Span{int(t.start), int(t.end)}) {
		if s.Span.Start == int(t.start) {
			return s.Value, true
		}
	}
	return "", false
}
