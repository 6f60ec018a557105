package source

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// What follows is shared by the languages whose texts are cut into tokens first and read afterwards: the kinds of tokens, the
// literals and comments that many of them write alike, and brackets in pairs. Go has a parser of its own; Python, JavaScript and
// TypeScript have lexers that are one with theirs.

// tokenKind is the kind of a token.
type tokenKind uint8

const (
	noToken        tokenKind = iota // beyond the ends of a text
	wordToken                       // names and keywords
	numberToken                     //
	textToken                       // a whole string or character literal with nothing to fill in
	textOpenToken                   // the opening of a literal with parts to fill in; matched with its close
	textPartToken                   // its text between the parts
	textCloseToken                  // its end
	directiveToken                  // a line of a preprocessor
	newlineToken                    // the end of a line, in languages for which it ends a statement and that ask for it
	markToken                       // brackets, operators and other marks
)

// lexeme is a token; match is the index of the matching bracket or of the other end of a literal, and -1 for the rest.
type lexeme struct {
	kind       tokenKind
	fresh      bool // the first of its line
	start, end int32
	match      int32
}

// maxNesting is how deep brackets and parts of literals may nest: deeper ones are not written by people.
const maxNesting = 1000

// lexer cuts a text into tokens. A language gives the function that reads one token or one comment at l.pos; blanks are taken
// by the lexer itself.
type lexer struct {
	file     *File
	text     []byte
	src      string
	pos      int
	tokens   []lexeme
	strings  []String
	comments []Span
	open     []int32 // the brackets that are open
	fresh    bool    // nothing yet on this line
	newlines bool    // ends of lines are tokens
	filling  int     // literals around
	behind   int     // where the text goes on after the end of this line, when here-documents were opened on it; else 0
	next     func() error
}

// newLexer returns a lexer at the first byte after a byte order mark and a line "#!…".
func newLexer(f *File) *lexer {
	l := &lexer{file: f, text: f.Text, src: string(f.Text), fresh: true}
	if bytes.HasPrefix(l.text, byteOrderMark) {
		l.pos = len(byteOrderMark)
	}
	if bytes.HasPrefix(l.text[l.pos:], []byte("#!")) && !bytes.HasPrefix(l.text[l.pos:], []byte("#![")) {
		l.pos = l.lineEnd(l.pos)
	}
	l.tokens = make([]lexeme, 0, len(l.text)/4+8)
	return l
}

// run cuts the whole text. The error is a *SyntaxError.
func (l *lexer) run() error {
	for l.blanks(); l.pos < len(l.text); l.blanks() {
		if err := l.step(); err != nil {
			return err
		}
	}
	if n := len(l.open); n > 0 {
		t := l.tokens[l.open[n-1]]
		return l.fail(int(t.start), "this "+l.src[t.start:t.end]+" is never closed")
	}
	return nil
}

// step reads one token or comment, and refuses to stand still.
func (l *lexer) step() error {
	at := l.pos
	l.file.work++
	if err := l.next(); err != nil {
		return err
	}
	if l.pos <= at {
		return l.fail(at, "a character that does not belong here")
	}
	return nil
}

// blanks goes over blanks and ends of lines.
func (l *lexer) blanks() {
	for l.pos < len(l.text) {
		switch c := l.text[l.pos]; c {
		case ' ', '\t', '\f', '\v', '\r':
			l.pos++
		case '\n':
			l.newline()
		default:
			if c < utf8.RuneSelf {
				return
			}
			n := unicodeBlank(l.text[l.pos:])
			if n == 0 {
				return
			}
			l.pos += n
		}
	}
}

// newline goes over the end of a line, and over the texts of the here-documents that were opened on it.
func (l *lexer) newline() {
	at := l.pos
	if l.newlines && len(l.tokens) > 0 && l.last().kind != newlineToken {
		l.add(newlineToken, at, at+1)
	}
	l.pos = at + 1
	if l.behind > at {
		l.pos, l.behind = l.behind, 0
	}
	l.fresh = true
}

// unicodeBlank returns the length of the blank beyond ASCII that the text begins with, or 0.
func unicodeBlank(text []byte) int {
	for _, b := range []string{"\u00a0", "\u2028", "\u2029", "\ufeff"} {
		if len(text) >= len(b) && string(text[:len(b)]) == b {
			return len(b)
		}
	}
	return 0
}

func (l *lexer) fail(at int, message string) error { return l.file.syntaxError(at, message) }

// add appends a token and goes on behind it.
func (l *lexer) add(kind tokenKind, start, end int) {
	l.tokens = append(l.tokens, lexeme{kind: kind, fresh: l.fresh, start: int32(start), end: int32(end), match: -1})
	l.fresh = false
	l.pos = end
}

// last returns the last token, or one of no kind.
func (l *lexer) last() lexeme {
	if len(l.tokens) == 0 {
		return lexeme{match: -1}
	}
	return l.tokens[len(l.tokens)-1]
}

// has reports whether the text goes on with s.
func (l *lexer) has(s string) bool { return strings.HasPrefix(l.src[l.pos:], s) }

// byteAt returns the byte that many behind the position, or 0 beyond the end.
func (l *lexer) byteAt(n int) byte {
	if l.pos+n < len(l.text) && l.pos+n >= 0 {
		return l.text[l.pos+n]
	}
	return 0
}

// lineEnd returns the offset of the end of the line, its line end not included.
func (l *lexer) lineEnd(from int) int {
	if i := bytes.IndexByte(l.text[from:], '\n'); i >= 0 {
		from += i
		if from > 0 && l.text[from-1] == '\r' {
			from--
		}
		return from
	}
	return len(l.text)
}

// lineComment takes the rest of the line for a comment.
func (l *lexer) lineComment() {
	end := l.lineEnd(l.pos)
	l.comments = append(l.comments, Span{l.pos, end})
	l.pos = max(end, l.pos+1)
}

// blockComment takes a comment from open to close; a nested one counts its likes.
func (l *lexer) blockComment(open, close string, nested bool) error {
	start, i := l.pos, l.pos+len(open)
	for depth := 1; depth > 0; {
		n := strings.IndexByte(l.src[i:], close[0])
		if nested {
			n = strings.IndexAny(l.src[i:], close[:1]+open[:1])
		}
		if n < 0 {
			return l.fail(start, "this comment is never closed")
		}
		l.file.work++
		i += n
		switch {
		case strings.HasPrefix(l.src[i:], close):
			depth--
			i += len(close)
		case nested && strings.HasPrefix(l.src[i:], open):
			depth++
			i += len(open)
		default:
			i++
		}
	}
	l.comments = append(l.comments, Span{start, i})
	l.fresh = l.fresh || bytes.IndexByte(l.text[start:i], '\n') >= 0
	l.pos = i
	return nil
}

// word takes a name or keyword: letters, digits, "_", "$" and all that is not ASCII.
func (l *lexer) word() {
	i := l.pos + 1
	for i < len(l.text) && isNameByte(l.text[i]) && (l.text[i] < utf8.RuneSelf || unicodeBlank(l.text[i:]) == 0) {
		i++
	}
	l.add(wordToken, l.pos, i)
}

// atNumber reports whether a number begins here.
func (l *lexer) atNumber() bool {
	c := l.byteAt(0)
	return isDigit(c) || c == '.' && isDigit(l.byteAt(1)) && !(l.pos > 0 && (l.text[l.pos-1] == '.' || isNameByte(l.text[l.pos-1])))
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// number takes a number with its suffix: digits, letters, "_", a point that a digit follows, and a sign after an exponent.
func (l *lexer) number() {
	i := l.pos
	hex := i+1 < len(l.text) && l.text[i] == '0' && (l.text[i+1]|0x20) == 'x'
	for i < len(l.text) {
		c := l.text[i]
		switch {
		case isNameByte(c) && c < utf8.RuneSelf && c != '$':
		case c == '.' && i+1 < len(l.text) && isDigit(l.text[i+1]) && (i == l.pos || l.text[i-1] != '.'):
		case (c == '+' || c == '-') && i > l.pos && i+1 < len(l.text) && isDigit(l.text[i+1]) &&
			(!hex && (l.text[i-1]|0x20) == 'e' || hex && (l.text[i-1]|0x20) == 'p'):
		default:
			l.add(numberToken, l.pos, i)
			return
		}
		i++
	}
	l.add(numberToken, l.pos, i)
}

// literal is how a string is written.
type literal struct {
	open, close string
	escape      byte // the byte that takes the next one with it; 0 for none
	doubled     bool // the closing mark twice stands for itself
	lines       bool // it may go over the ends of lines
	decode      bool // \n and its like are decoded for the value
	greedy      bool // in a template: of more marks than the closing one has, the last ones close
}

// quoted takes a literal that begins here, its prefix of that many bytes included, and notes its value.
func (l *lexer) quoted(prefix int, q literal) error {
	start := l.pos
	from := start + prefix + len(q.open)
	end, err := l.literalEnd(start, from, q)
	if err != nil {
		return err
	}
	value := l.src[from : end-len(q.close)]
	if q.doubled {
		value = strings.ReplaceAll(value, q.close+q.close, q.close)
	}
	if q.decode && strings.IndexByte(value, '\\') >= 0 {
		value = decodeEscapes(value)
	}
	l.note(value, Span{start, end})
	l.add(textToken, start, end)
	return nil
}

// literalEnd returns the offset behind the closing mark of a literal whose text begins at from.
func (l *lexer) literalEnd(start, from int, q literal) (int, error) {
	stops := q.close[:1]
	if q.escape != 0 {
		stops += string(rune(q.escape))
	}
	if !q.lines {
		stops += "\n"
	}
	for i := from; i < len(l.text); {
		n := strings.IndexAny(l.src[i:], stops)
		if n < 0 {
			break
		}
		l.file.work++
		i += n
		switch {
		case q.escape != 0 && l.text[i] == q.escape:
			if i += 2; i < len(l.text) && l.text[i-1] == '\r' && l.text[i] == '\n' { // the line goes on
				i++
			}
		case strings.HasPrefix(l.src[i:], q.close):
			if q.doubled && strings.HasPrefix(l.src[i+len(q.close):], q.close) {
				i += 2 * len(q.close)
				continue
			}
			return i + len(q.close), nil
		case l.text[i] == '\n' && !q.lines:
			return 0, l.fail(start, "this string is not closed on its line")
		default:
			i++
		}
	}
	return 0, l.fail(start, "this string is never closed")
}

// note adds a string literal to the facts.
func (l *lexer) note(value string, s Span) {
	l.strings = append(l.strings, String{Value: value, Span: s, Line: l.file.LineOf(s.Start)})
}

// template is a literal with parts to fill in.
type template struct {
	literal
	holes []string // what opens a part, longest first: "${", "#{", "\\(", "{"
	ends  byte     // the bracket that closes a part; the last byte of each hole is the one it matches
	twice string   // two of these stand for one ("{{"); "" for none

	// bare takes a part without brackets ("$name") at the offset and returns where it ends, or the offset itself; nil for none.
	bare func(at int) int
}

// template takes a literal with parts to fill in. What stands in a part are tokens like any others, between an opening and a
// closing token of the literal; without a part it is a plain one.
func (l *lexer) template(prefix int, q template) error {
	start := l.pos
	if l.filling++; l.filling > 100 {
		return l.fail(start, "strings within strings nest too deep")
	}
	defer func() { l.filling-- }()
	from := start + prefix + len(q.open)
	head := int32(-1)
	piece := from
	for i := from; ; {
		if i >= len(l.text) {
			return l.fail(start, "this string is never closed")
		}
		l.file.work++
		if hole := q.hole(l.src[i:]); hole != "" {
			if head < 0 {
				head = int32(len(l.tokens))
				l.add(textOpenToken, start, from)
			}
			l.addText(piece, i+len(hole)-1)
			if err := l.fill(i + len(hole) - 1); err != nil {
				return err
			}
			i, piece = l.pos, l.pos
			continue
		}
		switch c := l.text[i]; {
		case q.escape != 0 && c == q.escape:
			i += 2
		case q.twice != "" && strings.HasPrefix(l.src[i:], q.twice+q.twice):
			i += 2 * len(q.twice)
		case strings.HasPrefix(l.src[i:], q.close):
			if q.doubled && strings.HasPrefix(l.src[i+len(q.close):], q.close) {
				i += 2 * len(q.close)
				continue
			}
			for q.greedy && i+len(q.close) < len(l.text) && l.text[i+len(q.close)] == q.close[0] {
				i++
			}
			end := i + len(q.close)
			value := l.src[from:i]
			if q.decode && head < 0 && strings.IndexByte(value, '\\') >= 0 {
				value = decodeEscapes(value)
			}
			l.note(value, Span{start, end})
			if head < 0 {
				l.add(textToken, start, end)
				return nil
			}
			l.addText(piece, i)
			l.tokens[head].match = int32(len(l.tokens))
			l.add(textCloseToken, i, end)
			l.tokens[len(l.tokens)-1].match = head
			return nil
		case c == '\n' && !q.lines:
			return l.fail(start, "this string is not closed on its line")
		default:
			if q.bare != nil {
				if to := q.bare(i); to > i {
					if head < 0 {
						head = int32(len(l.tokens))
						l.add(textOpenToken, start, from)
					}
					l.addText(piece, i)
					l.add(wordToken, i, to)
					i, piece = to, to
					continue
				}
			}
			i++
		}
	}
}

// hole returns what opens a part that the text begins with, or "".
func (q *template) hole(text string) string {
	for _, h := range q.holes {
		if strings.HasPrefix(text, h) && (q.twice == "" || !strings.HasPrefix(text, q.twice+q.twice)) {
			return h
		}
	}
	return ""
}

// addText adds a piece of a literal, unless it is empty.
func (l *lexer) addText(start, end int) {
	if end > start {
		l.add(textPartToken, start, end)
	}
}

// fill takes the tokens from the bracket at the offset to its partner.
func (l *lexer) fill(at int) error {
	l.pos = at
	depth := len(l.open)
	if err := l.bracket(); err != nil {
		return err
	}
	for len(l.open) > depth {
		l.blanks()
		if l.pos >= len(l.text) {
			return l.fail(at, "what the string fills in here is never closed")
		}
		if err := l.step(); err != nil {
			return err
		}
	}
	return nil
}

// bracket takes one of ( ) [ ] { } and finds its partner.
func (l *lexer) bracket() error {
	c := l.text[l.pos]
	i := int32(len(l.tokens))
	switch c {
	case '(', '[', '{':
		if len(l.open) >= maxNesting {
			return l.fail(l.pos, "brackets nest too deep")
		}
		l.open = append(l.open, i)
		l.add(markToken, l.pos, l.pos+1)
		return nil
	}
	n := len(l.open)
	if n == 0 {
		return l.fail(l.pos, "this "+string(rune(c))+" closes nothing")
	}
	partner := l.open[n-1]
	if want := closing(l.text[l.tokens[partner].start]); want != c {
		return l.fail(l.pos, "this "+string(rune(c))+" stands where "+string(rune(want))+" was expected")
	}
	l.open = l.open[:n-1]
	l.add(markToken, l.pos, l.pos+1)
	l.tokens[partner].match, l.tokens[i].match = i, partner
	return nil
}

func closing(c byte) byte {
	switch c {
	case '(':
		return ')'
	case '[':
		return ']'
	}
	return '}'
}

// mark takes a bracket, the longest of the operators that stands here, or one byte. Operators are given longest first. Leave ">>"
// and ">=" out of them where ">" closes type arguments.
func (l *lexer) mark(operators []string) error {
	switch c := l.text[l.pos]; c {
	case '(', '[', '{', ')', ']', '}':
		return l.bracket()
	default:
		for _, op := range operators {
			if op[0] == c && l.has(op) {
				l.add(markToken, l.pos, l.pos+len(op))
				return nil
			}
		}
	}
	_, size := utf8.DecodeRune(l.text[l.pos:])
	l.add(markToken, l.pos, l.pos+size)
	return nil
}

// spans returns the tokens and comments as spans in the order of the text, for tests of the lexer. Line ends are blank.
func (l *lexer) spans() []Span {
	all := make([]Span, 0, len(l.tokens)+len(l.comments))
	c := 0
	for _, t := range l.tokens {
		for c < len(l.comments) && l.comments[c].Start < int(t.start) {
			all = append(all, l.comments[c])
			c++
		}
		if t.kind != newlineToken {
			all = append(all, Span{int(t.start), int(t.end)})
		}
	}
	return append(all, l.comments[c:]...)
}

// decodeEscapes decodes the escapes that most languages share; others stay as written.
func decodeEscapes(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch c := s[i]; c {
		case 'n':
			b.WriteByte('\n')
		case 't':
			b.WriteByte('\t')
		case 'r':
			b.WriteByte('\r')
		case '0':
			b.WriteByte(0)
		case '\\', '"', '\'', '$', '`', '#', '/', '{', '}':
			b.WriteByte(c)
		case 'x':
			if v, ok := hexDigits(s[i+1:], 2); ok {
				b.WriteRune(v)
				i += 2
				continue
			}
			b.WriteString(`\x`)
		case 'u':
			if v, ok := hexDigits(s[i+1:], 4); ok {
				b.WriteRune(v)
				i += 4
				continue
			}
			b.WriteString(`\u`)
		case '\n':
		default:
			b.WriteByte('\\')
			b.WriteByte(c)
		}
	}
	return b.String()
}

func hexDigits(s string, n int) (rune, bool) {
	if len(s) < n {
		return 0, false
	}
	var v rune
	for i := range n {
		c := s[i] | 0x20
		switch {
		case isDigit(s[i]):
			v = v<<4 | rune(s[i]-'0')
		case 'a' <= c && c <= 'f':
			v = v<<4 | rune(c-'a'+10)
		default:
			return 0, false
		}
	}
	return v, true
}
