package source

import "strings"

// swiftOperators are the operators of more than one byte, longest first. ">" stands alone: it may close type arguments.
var swiftOperators = []string{
	"...", "..<", "===", "!==", "&&=", "||=", "<<=", "->", "==", "!=", "<=", "&&", "||", "??", "?.", "!.", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<", "&+",
	"&-", "&*", "~=",
}

// swiftLexer returns a lexer of Swift, and what follows its conditions of compilation.
func swiftLexer(f *File) (*lexer, *branches) {
	l := newLexer(f)
	b := &branches{l: l, never: map[string]bool{"false": true, "0": true, "!true": true}}
	read := func() error { return swiftToken(l) }
	l.next = func() error {
		if l.text[l.pos] == '#' && l.fresh && l.filling == 0 {
			switch word, _ := directiveOf(l.src[l.pos:l.lineEnd(l.pos)]); word {
			case "if", "elseif", "else", "endif":
				return b.directive(false)
			}
		}
		return b.next(read)
	}
	return l, b
}

// swiftTokens cuts a text, for tests.
func swiftTokens(text []byte) ([]Span, error) {
	f := &File{Text: text}
	f.indexLines()
	l, b := swiftLexer(f)
	if err := l.run(); err != nil {
		return nil, err
	}
	return b.spans(), b.done()
}

// swiftToken reads one token or comment.
func swiftToken(l *lexer) error {
	switch c := l.byteAt(0); {
	case c == '/' && l.byteAt(1) == '/':
		l.lineComment()
	case c == '/' && l.byteAt(1) == '*':
		return l.blockComment("/*", "*/", true)
	case c == '"':
		return swiftText(l, 0)
	case c == '#':
		n := 1
		for l.byteAt(n) == '#' {
			n++
		}
		switch l.byteAt(n) {
		case '"':
			return swiftText(l, n)
		case '/':
			mark := strings.Repeat("#", n)
			return l.quoted(0, literal{open: mark + "/", close: "/" + mark, lines: true})
		}
		l.add(markToken, l.pos, l.pos+1)
	case c == '/' && swiftExpects(l):
		if end := swiftRegexEnd(l); end > 0 {
			l.note(l.src[l.pos+1:end-1], Span{l.pos, end})
			l.add(textToken, l.pos, end)
			return nil
		}
		return l.mark(swiftOperators)
	case c == '`':
		end := strings.IndexByte(l.src[l.pos+1:l.lineEnd(l.pos)], '`')
		if end < 1 {
			return l.fail(l.pos, "a name in backticks that is not closed")
		}
		l.add(wordToken, l.pos, l.pos+end+2)
	case l.atNumber():
		l.number()
	case isNameStart(c):
		l.word()
	default:
		return l.mark(swiftOperators)
	}
	return nil
}

// swiftText takes a text with that many "#" around it: on one line, or between three quotes.
func swiftText(l *lexer, hashes int) error {
	mark := strings.Repeat("#", hashes)
	q := template{literal: literal{open: mark + `"`, close: `"` + mark}, holes: []string{`\` + mark + "("}, ends: ')'}
	if hashes == 0 {
		q.escape, q.decode = '\\', true
	}
	if strings.HasPrefix(l.src[l.pos+hashes:], `"""`) && (hashes == 0 || !strings.HasPrefix(l.src[l.pos+hashes:], `""`+mark+"\n")) {
		q.open, q.close, q.lines = mark+`"""`, `"""`+mark, true
	}
	if err := l.template(0, q); err != nil {
		return err
	}
	if q.lines {
		s := &l.strings[len(l.strings)-1]
		s.Value = csRaw(s.Value)
	}
	return nil
}

// swiftExpects reports whether an operand may begin here, so that "/" begins a pattern and divides nothing.
func swiftExpects(l *lexer) bool {
	t := l.last()
	switch t.kind {
	case noToken, textPartToken:
		return true
	case markToken:
		switch l.src[t.start:t.end] {
		case "(", ",", "=", ":", "[", "{", ";", "&&", "||", "??", "~=", "==", "!=":
			return true
		}
	case wordToken:
		switch l.src[t.start:t.end] {
		case "return", "in", "case", "try", "await":
			return true
		}
	}
	return false
}

// swiftRegexEnd returns the offset behind the pattern /…/ that begins here, or 0 where none does: it is on one line, and begins and
// ends without a blank.
func swiftRegexEnd(l *lexer) int {
	end := l.lineEnd(l.pos)
	if c := l.byteAt(1); c == ' ' || c == '\t' || c == ')' || c == ',' || c == '=' {
		return 0
	}
	for i := l.pos + 1; i < end; i++ {
		l.file.work++
		switch l.text[i] {
		case '\\':
			i++
		case '/':
			if l.text[i-1] == ' ' {
				return 0
			}
			return i + 1
		}
	}
	return 0
}
