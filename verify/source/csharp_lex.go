package source

import "strings"

// csOperators are the operators of more than one byte, longest first. ">" stands alone: it may close type arguments.
var csOperators = []string{
	"<<=", "??=", "=>", "==", "!=", "<=", "<<", "&&", "||", "++", "--", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "->", "::", "..", "??", "?.", "!.",
}

// How texts are written in C#, raw ones aside: their quotes are counted.
var (
	csPlain    = literal{open: `"`, close: `"`, escape: '\\', decode: true}
	csChar     = literal{open: "'", close: "'", escape: '\\', decode: true}
	csVerbatim = literal{open: `"`, close: `"`, doubled: true, lines: true}
)

// csLexer returns a lexer of C#, and what follows its preprocessor.
func csLexer(f *File) (*lexer, *branches) {
	l := newLexer(f)
	b := &branches{l: l, never: map[string]bool{"false": true, "!true": true}}
	read := func() error { return csToken(l) }
	l.next = func() error {
		if l.text[l.pos] == '#' && l.fresh && l.filling == 0 {
			return b.directive(false)
		}
		return b.next(read)
	}
	return l, b
}

// csTokens cuts a text, for tests.
func csTokens(text []byte) ([]Span, error) {
	f := &File{Text: text}
	f.indexLines()
	l, b := csLexer(f)
	if err := l.run(); err != nil {
		return nil, err
	}
	return b.spans(), b.done()
}

// csToken reads one token or comment.
func csToken(l *lexer) error {
	switch c := l.byteAt(0); {
	case c == '/' && l.byteAt(1) == '/':
		l.lineComment()
	case c == '/' && l.byteAt(1) == '*':
		return l.blockComment("/*", "*/", false)
	case c == '"' || c == '$' || c == '@' && (l.byteAt(1) == '"' || l.byteAt(1) == '$'):
		return csText(l)
	case c == '\'':
		if l.byteAt(1) == '\'' {
			return l.fail(l.pos, "a character literal without a character")
		}
		return l.quoted(0, csChar)
	case c == '@' && isNameStart(l.byteAt(1)): // a keyword as a name
		l.word()
	case l.atNumber():
		l.number()
	case isNameStart(c):
		l.word()
	case c == '?' && l.byteAt(1) == '.' && isDigit(l.byteAt(2)): // a condition and ".5"
		l.add(markToken, l.pos, l.pos+1)
	default:
		return l.mark(csOperators)
	}
	return nil
}

// csText takes a text: plain, verbatim (@), with parts to fill in ($), raw (three quotes or more), or several of these.
func csText(l *lexer) error {
	dollars, verbatim, prefix := 0, false, 0
	for l.byteAt(prefix) == '$' || l.byteAt(prefix) == '@' {
		if l.byteAt(prefix) == '$' {
			dollars++
		} else {
			verbatim = true
		}
		prefix++
	}
	quotes := 0
	for l.byteAt(prefix+quotes) == '"' {
		quotes++
	}
	if quotes == 0 {
		return l.fail(l.pos, "a "+l.src[l.pos:l.pos+prefix]+" that begins no text")
	}
	if quotes >= 3 && !verbatim {
		mark := strings.Repeat(`"`, quotes)
		raw := literal{open: mark, close: mark, lines: true}
		err := error(nil)
		if dollars == 0 {
			err = l.quoted(prefix, raw)
		} else {
			err = l.template(prefix, template{literal: raw, holes: []string{strings.Repeat("{", dollars)}, ends: '}'})
		}
		if err == nil {
			s := &l.strings[len(l.strings)-1]
			s.Value = csRaw(s.Value)
		}
		return err
	}
	q := csPlain
	if verbatim {
		q = csVerbatim
	}
	if dollars == 0 {
		return l.quoted(prefix, q)
	}
	return l.template(prefix, template{literal: q, holes: []string{"{"}, ends: '}', twice: "{"})
}

// csRaw is the value of a raw text: without its first and last line end, and without the blanks before its closing quotes at the
// start of each line.
func csRaw(s string) string {
	end := strings.LastIndexByte(s, '\n')
	if end < 0 {
		return s
	}
	indent := s[end+1:]
	begin := strings.IndexByte(s, '\n')
	if strings.TrimSpace(indent) != "" || strings.TrimSpace(s[:begin]) != "" {
		return s
	}
	if begin == end {
		return ""
	}
	lines := strings.Split(strings.TrimSuffix(s[begin+1:end], "\r"), "\n")
	for i := range lines {
		lines[i] = strings.TrimPrefix(lines[i], indent)
	}
	return strings.Join(lines, "\n")
}
