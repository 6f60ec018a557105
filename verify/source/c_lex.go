package source

import (
	"bytes"
	"slices"
	"strings"
)

// The texts of C and C++ are cut into tokens before the preprocessor has run, so that what it would choose is chosen here:
//
//   - "#if 0" and what follows "#if 1" in an "#else" are comments; what __cplusplus guards is read in C++ alone.
//   - Of other conditionals every branch is read, each as though the brackets were open that were open at the "#if". Behind the
//     "#endif" those are open that the first branch left open.
//   - A branch after the first whose brackets do not close within it is left out: no token of it is seen.
//   - Macros are not expanded. What a macro makes is not there.

// cLexer cuts a text of C or C++.
type cLexer struct {
	*lexer
	cpp        bool
	ifs        []cBranch
	directives []Span         // lines of the preprocessor, without the comments in them
	left       []Span         // branches that were left out, and those for the other language
	apart      map[int]int    // tokens at which a branch begins that is no whole declarations, to where it ends
	includes   []Import       //
	defines    map[string]int // macros without parameters that stand for one string literal, to the index of the literal
	defined    map[string]bool
}

// cBranch is a conditional of the preprocessor that is open, with the branch at hand.
type cBranch struct {
	open      []int32 // brackets open where it began
	after     []int32 // brackets open behind its first branch that was read
	at        int     // offset at which the branch begins
	token     int     // its first token
	strings   int     // its first string literal
	apart     bool    // the first branch does not end where a declaration may end
	read      bool    // a branch was read
	rest      bool    // branches that follow are never taken
	comment   bool    // and are comments: what goes before is "#if 1"
	unmatched bool    // the branch closes what it did not open
}

var cMarks = []string{
	"...", "<<=", ">>=", "->*", "->", "++", "--", "<<", ">>", "<=", ">=", "==", "!=", "&&", "||", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "::", "##",
}

// In C++ ">" closes type arguments, two of them as well as one.
var cppMarks = []string{
	"...", "<=>", "<<=", "->*", "->", "++", "--", "<<", "<=", ">=", "==", "!=", "&&", "||", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "::", "##",
}

func newCLexer(f *File, cpp bool) *cLexer {
	l := &cLexer{lexer: newLexer(f), cpp: cpp, apart: map[int]int{}, defines: map[string]int{}, defined: map[string]bool{}}
	marks := cMarks
	if cpp {
		marks = cppMarks
	}
	l.next = func() error { return l.one(marks) }
	return l
}

// cut cuts the whole text.
func (l *cLexer) cut() error {
	if err := l.run(); err != nil {
		return err
	}
	if n := len(l.ifs); n > 0 {
		return l.fail(l.ifs[n-1].at, "this #if is never closed")
	}
	return nil
}

// one reads one token, comment or directive.
func (l *cLexer) one(marks []string) error {
	c := l.text[l.pos]
	switch {
	case isNameStart(c):
		if n, raw := l.prefix(); n > 0 {
			if raw {
				return l.raw(n)
			}
			q := literal{open: l.src[l.pos+n : l.pos+n+1], close: l.src[l.pos+n : l.pos+n+1], escape: '\\', decode: true}
			return l.quoted(n, q)
		}
		l.word()
	case c == '"' || c == '\'':
		q := literal{open: l.src[l.pos : l.pos+1], close: l.src[l.pos : l.pos+1], escape: '\\', decode: true}
		return l.quoted(0, q)
	case l.has("//"):
		l.continued()
	case l.has("/*"):
		return l.blockComment("/*", "*/", false)
	case c == '#' && l.fresh:
		return l.directive()
	case c == '\\' && (l.byteAt(1) == '\n' || l.byteAt(1) == '\r'): // the line goes on
		l.pos++
		for l.byteAt(0) == '\r' {
			l.pos++
		}
		if l.byteAt(0) == '\n' {
			l.pos++
		}
	case isDigit(c) || c == '.' && isDigit(l.byteAt(1)):
		l.cNumber()
	case strings.IndexByte(")]}", c) >= 0 && len(l.ifs) > 0 && l.closesOutside(c):
		l.add(markToken, l.pos, l.pos+1)
	default:
		return l.mark(marks)
	}
	return nil
}

// closesOutside reports whether a bracket in a branch after the first closes nothing that was opened in it.
func (l *cLexer) closesOutside(c byte) bool {
	b := &l.ifs[len(l.ifs)-1]
	if b.after == nil {
		return l.outer(c)
	}
	n := len(l.open)
	if n <= len(b.open) || closing(l.text[l.tokens[l.open[n-1]].start]) != c {
		b.unmatched = true
		return true
	}
	return false
}

// outer asks the same of the conditionals around: within an alternative nothing of it may be closed from within.
func (l *cLexer) outer(c byte) bool {
	n := len(l.open)
	for i := len(l.ifs) - 1; i >= 0; i-- {
		b := &l.ifs[i]
		l.file.work++
		if b.after == nil {
			continue
		}
		if n <= len(b.open) || closing(l.text[l.tokens[l.open[n-1]].start]) != c {
			b.unmatched = true
			return true
		}
		return false
	}
	return false
}

// prefix returns the length of what stands before a literal that begins here, and whether it is a raw one.
func (l *cLexer) prefix() (n int, raw bool) {
	switch {
	case l.has("u8"):
		n = 2
	case l.text[l.pos] == 'L' || l.text[l.pos] == 'u' || l.text[l.pos] == 'U':
		n = 1
	}
	if l.cpp && l.byteAt(n) == 'R' && l.byteAt(n+1) == '"' {
		return n + 1, true
	}
	if q := l.byteAt(n); n > 0 && (q == '"' || q == '\'') {
		return n, false
	}
	return 0, false
}

// raw takes R"delimiter(text)delimiter"; the prefix is that long.
func (l *cLexer) raw(prefix int) error {
	from := l.pos + prefix + 1
	n := strings.IndexAny(l.src[from:min(len(l.src), from+20)], "( \\)\t\n\"")
	if n < 0 || l.src[from+n] != '(' {
		return l.fail(l.pos, "this raw string does not begin with a delimiter and a (")
	}
	return l.quoted(prefix+1+n, literal{open: "(", close: ")" + l.src[from:from+n] + `"`, lines: true})
}

// cNumber takes a number as the preprocessor sees it.
func (l *cLexer) cNumber() {
	i := l.pos
	for i < len(l.text) {
		switch c := l.text[i]; {
		case c == '.' || isNameByte(c) && c < 0x80 && c != '$':
		case (c == '+' || c == '-') && i > l.pos && strings.IndexByte("eEpP", l.text[i-1]) >= 0 && !(l.has("0x") && l.text[i-1]|0x20 == 'e'):
		case c == '\'' && i+1 < len(l.text) && isNameByte(l.text[i+1]) && isNameByte(l.text[i-1]):
		default:
			l.add(numberToken, l.pos, i)
			return
		}
		i++
	}
	l.add(numberToken, l.pos, i)
}

// continued takes a comment to the end of its line; a backslash there takes the next line with it.
func (l *cLexer) continued() {
	end := l.lineEnd(l.pos)
	for end < len(l.text) && l.text[end-1] == '\\' {
		next := end + 1
		if l.text[end] == '\r' {
			next++
		}
		if next >= len(l.text) {
			break
		}
		end = max(l.lineEnd(next), next)
		if end == next && end < len(l.text) { // an empty line
			break
		}
	}
	l.comments = append(l.comments, Span{l.pos, end})
	l.pos = end
}

// directive takes a line of the preprocessor, with the lines that it goes on.
func (l *cLexer) directive() error {
	start := l.pos
	piece := start
	i := start + 1
	var body strings.Builder // without comments
	flush := func(to int) {
		if text := strings.TrimRight(l.src[piece:to], " \t\r\f\v\\\n"); text != "" {
			l.directives = append(l.directives, Span{piece, piece + len(text)})
		}
		body.WriteString(l.src[piece:to])
	}
	name := ""
	for i < len(l.text) && (l.text[i] == ' ' || l.text[i] == '\t') {
		i++
	}
	for j := i; ; j++ {
		if j == len(l.text) || !isNameByte(l.text[j]) {
			name = l.src[i:j]
			i = j
			break
		}
	}
	literals := len(l.strings)
scan:
	for i < len(l.text) {
		switch c := l.text[i]; {
		case c == '\n':
			break scan
		case c == '\\' && i+1 < len(l.text) && l.text[i+1] == '\n':
			i += 2
		case c == '\\' && strings.HasPrefix(l.src[i+1:], "\r\n"):
			i += 3
		case strings.HasPrefix(l.src[i:], "/*"):
			flush(i)
			l.pos = i
			if err := l.blockComment("/*", "*/", false); err != nil {
				return err
			}
			i, piece = l.pos, l.pos
		case strings.HasPrefix(l.src[i:], "//"):
			flush(i)
			l.pos = i
			l.continued()
			i, piece = l.pos, l.pos
		case c == '<' && (name == "include" || name == "include_next" || name == "import"):
			n := strings.IndexAny(l.src[i:], ">\n")
			if n < 0 {
				n = 0
			}
			i += n + 1
			if l.text[i-1] == '\n' {
				i--
			}
		case c == '"' || c == '\'':
			end := l.closed(i, c)
			if end > i && c == '"' && name == "define" {
				l.note(decodeEscapes(l.src[i+1:end-1]), Span{i, end})
			}
			i = max(end, i+1)
		default:
			i++
		}
		l.file.work++
	}
	flush(i)
	l.pos = i
	l.fresh = true
	return l.obey(start, name, body.String(), literals)
}

// closed returns the offset behind a literal of a directive, or 0 when it does not close on its line.
func (l *cLexer) closed(from int, quote byte) int {
	for i := from + 1; i < len(l.text) && l.text[i] != '\n'; i++ {
		switch l.text[i] {
		case '\\':
			i++
		case quote:
			return i + 1
		}
	}
	return 0
}

// obey does what a directive says.
func (l *cLexer) obey(start int, name, body string, literals int) error {
	rest := strings.TrimSpace(body[min(len(body), strings.Index(body, name)+len(name)):])
	switch name {
	case "include", "include_next", "import":
		if len(rest) > 2 {
			if end := strings.IndexByte(rest[1:], map[byte]byte{'<': '>', '"': '"'}[rest[0]]); end > 0 && (rest[0] == '<' || rest[0] == '"') {
				l.includes = append(l.includes, Import{Module: rest[1 : 1+end], Line: l.file.LineOf(start)})
			}
		}
	case "define":
		n := 0
		for n < len(rest) && isNameByte(rest[n]) {
			n++
		}
		macro, value := rest[:n], strings.TrimSpace(rest[n:])
		_, have := l.defines[macro]
		switch {
		case have || l.defined[macro]: // what it stands for depends
			delete(l.defines, macro)
		case len(l.strings) == literals+1 && strings.HasPrefix(value, `"`) && len(value) == l.strings[literals].Span.End-l.strings[literals].Span.Start:
			l.defines[macro] = literals
		}
		l.defined[macro] = true
	case "if", "ifdef", "ifndef":
		return l.begin(start, name, rest)
	case "elif", "elifdef", "elifndef", "else":
		return l.other(start, name, rest)
	case "endif":
		n := len(l.ifs)
		if n == 0 {
			return l.fail(start, "this #endif closes nothing")
		}
		l.endBranch(start)
		b := l.ifs[n-1]
		l.ifs = l.ifs[:n-1]
		if b.after != nil {
			l.open = append(l.open[:0], b.after...)
		}
	}
	return nil
}

// begin opens a conditional.
func (l *cLexer) begin(start int, name, rest string) error {
	if len(l.ifs) >= maxNesting {
		return l.fail(start, "conditionals nest too deep")
	}
	b := cBranch{at: start, open: slices.Clone(l.open), token: len(l.tokens), strings: len(l.strings)}
	l.file.work += len(l.open)
	never, always, other := l.known(name, rest)
	b.rest, b.comment = always, always && !other
	if !never {
		b.read = true
	}
	l.ifs = append(l.ifs, b)
	if never {
		return l.leaveOut(!other)
	}
	return nil
}

// known tells of a condition whether it is never or always true, and whether it asks for the language.
func (l *cLexer) known(name, rest string) (never, always, language bool) {
	rest = strings.Join(strings.Fields(rest), "")
	switch {
	case name == "if" || name == "elif":
		switch rest {
		case "0", "(0)":
			return true, false, false
		case "1", "(1)":
			return false, true, false
		case "defined(__cplusplus)", "defined__cplusplus", "__cplusplus":
			return !l.cpp, l.cpp, true
		case "!defined(__cplusplus)", "!defined__cplusplus":
			return l.cpp, !l.cpp, true
		}
	case rest == "__cplusplus" && (name == "ifdef" || name == "elifdef"):
		return !l.cpp, l.cpp, true
	case rest == "__cplusplus":
		return l.cpp, !l.cpp, true
	}
	return false, false, false
}

// other goes on to the next branch of a conditional.
func (l *cLexer) other(start int, name, rest string) error {
	n := len(l.ifs)
	if n == 0 {
		return l.fail(start, "this #"+name+" belongs to no #if")
	}
	l.endBranch(start)
	b := &l.ifs[n-1]
	if b.rest {
		return l.leaveOut(b.comment)
	}
	never, always, other := l.known(name, rest)
	if never {
		return l.leaveOut(!other)
	}
	b.rest, b.comment = always, always && !other
	if b.read && b.after == nil {
		b.after = slices.Clone(l.open)
		if b.after == nil {
			b.after = []int32{}
		}
		b.apart = !l.whole(b.token)
	}
	if b.after != nil {
		l.open = append(l.open[:0], b.open...)
	}
	l.file.work += len(b.open)
	b.read = true
	b.at, b.token, b.strings, b.unmatched = l.pos, len(l.tokens), len(l.strings), false
	return nil
}

// whole reports whether the tokens from one on are whole declarations or statements, to all appearances.
func (l *cLexer) whole(from int) bool {
	if len(l.tokens) == from {
		from--
	}
	if len(l.tokens) == 0 || from < 0 {
		return true
	}
	i := len(l.tokens) - 1
	t := l.tokens[i]
	if l.src[t.start:t.end] == ")" && t.match > 0 { // a macro on a line of its own
		i = int(t.match) - 1
	}
	if m := l.tokens[i]; m.kind == wordToken && m.fresh && isUpper(l.src[m.start:m.end]) {
		return true
	}
	return strings.Contains("; } { :", l.src[t.start:t.end])
}

// endBranch ends the branch at hand. One after the first that closes what it did not open, or leaves something open, is left out.
func (l *cLexer) endBranch(end int) {
	b := &l.ifs[len(l.ifs)-1]
	if b.after == nil || b.token > len(l.tokens) {
		return
	}
	if b.unmatched || !slices.Equal(b.open, l.open) {
		l.tokens, l.strings = l.tokens[:b.token], l.strings[:b.strings]
		l.left = append(l.left, Span{b.at, end})
		for t := range l.apart {
			if t >= b.token {
				delete(l.apart, t)
			}
		}
		for macro, i := range l.defines {
			if i >= b.strings {
				delete(l.defines, macro)
			}
		}
	} else if n := len(l.tokens); n > b.token && (b.apart || !l.whole(b.token)) {
		l.apart[b.token] = n
	}
	l.file.work += len(b.open)
	b.token, b.at, b.strings = len(l.tokens), end, len(l.strings)
}

// leaveOut goes over a branch that is never taken, to the directive that ends it.
func (l *cLexer) leaveOut(comment bool) error {
	start := l.pos
	depth := 0
	for i := start; i < len(l.text); {
		line := i
		for line < len(l.text) && (l.text[line] == ' ' || l.text[line] == '\t') {
			line++
		}
		if line < len(l.text) && l.text[line] == '#' {
			word := strings.TrimLeft(l.src[line+1:l.lineEnd(line)], " \t")
			switch {
			case strings.HasPrefix(word, "if"):
				depth++
			case strings.HasPrefix(word, "endif") && depth > 0:
				depth--
			case depth == 0 && (strings.HasPrefix(word, "endif") || strings.HasPrefix(word, "el")):
				l.leave(start, line, comment)
				l.pos, l.fresh = line, true
				return nil
			}
		}
		i = l.goOver(line)
		l.file.work++
	}
	return l.fail(start, "this #if is never closed")
}

// leave notes a text that was left out.
func (l *cLexer) leave(start, end int, comment bool) {
	text := l.src[start:end]
	start += len(text) - len(strings.TrimLeft(text, " \t\r\n\f\v"))
	end = start + len(strings.TrimRight(l.src[start:max(start, end)], " \t\r\n\f\v"))
	switch s := (Span{start, end}); {
	case s.Empty():
	case comment:
		l.comments = append(l.comments, s)
	default:
		l.left = append(l.left, s)
	}
}

// goOver returns the offset behind the line, and behind a comment that goes over its end.
func (l *cLexer) goOver(i int) int {
	for i < len(l.text) {
		n := strings.IndexAny(l.src[i:], "\n\"'/")
		if n < 0 {
			return len(l.text)
		}
		i += n
		switch {
		case l.text[i] == '\n':
			return i + 1
		case l.text[i] != '/':
			i = max(l.closed(i, l.text[i]), i+1)
		case strings.HasPrefix(l.src[i:], "//"):
			i = l.lineEnd(i)
		case strings.HasPrefix(l.src[i:], "/*"):
			n := strings.Index(l.src[i+2:], "*/")
			if n < 0 {
				return len(l.text)
			}
			i += n + 4
		default:
			i++
		}
		l.file.work++
	}
	return i
}

// cover returns tokens, comments, directives and what was left out, in the order of the text.
func (l *cLexer) cover() []Span {
	all := append(l.spans(), l.directives...)
	slices.SortFunc(all, func(a, b Span) int { return a.Start - b.Start })
	var kept []Span
	slices.SortFunc(l.left, func(a, b Span) int { return a.Start - b.Start })
	end := 0
	for _, s := range l.left { // one may lie within another
		s.Start = max(s.Start, end)
		end = max(end, s.End)
		part := bytes.TrimRight(l.text[s.Start:max(s.Start, s.End)], " \t\r\n\f\v")
		if s.End = s.Start + len(part); !s.Empty() {
			kept = append(kept, s)
		}
	}
	all = slices.DeleteFunc(all, func(s Span) bool {
		i, _ := slices.BinarySearchFunc(kept, s.Start, func(k Span, at int) int { return k.End - at - 1 })
		return i < len(kept) && kept[i].Holds(s.Start)
	})
	all = append(all, kept...)
	slices.SortFunc(all, func(a, b Span) int { return a.Start - b.Start })
	return all
}
