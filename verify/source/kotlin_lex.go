package source

import (
	"strings"
)

func markSet(list string) map[string]bool { return wordSet(list) }

func kotlinLexer(f *File) *lexer {
	l := newLexer(f)
	l.newlines = true
	name := func(at int) int { // $name
		if l.text[at] != '$' || at+1 >= len(l.text) {
			return at
		}
		i := at + 1
		if l.text[i] == '`' {
			if n := strings.IndexAny(l.src[i+1:], "`\n"); n >= 0 && l.text[i+1+n] == '`' {
				return i + n + 2
			}
			return at
		}
		if !isNameStart(l.text[i]) || l.text[i] == '$' {
			return at
		}
		for i < len(l.text) && isNameByte(l.text[i]) && l.text[i] != '$' {
			i++
		}
		return i
	}
	text := template{literal: literal{open: `"`, close: `"`, escape: '\\', decode: true}, holes: []string{"${"}, bare: name}
	raw := template{literal: literal{open: `"""`, close: `"""`, lines: true, greedy: true}, holes: []string{"${"}, bare: name}
	char := literal{open: "'", close: "'", escape: '\\', decode: true}
	l.next = func() error {
		l.joinLines()
		switch c := l.byteAt(0); {
		case c == '/' && l.byteAt(1) == '/':
			l.lineComment()
		case c == '/' && l.byteAt(1) == '*':
			return l.blockComment("/*", "*/", true)
		case l.has(`"""`):
			return l.template(0, raw)
		case c == '"':
			return l.template(0, text)
		case c == '\'':
			if err := l.quoted(0, char); err != nil {
				return err
			}
			l.strings = l.strings[:len(l.strings)-1] // a character is no string
		case c == '`':
			n := strings.IndexAny(l.src[l.pos+1:], "`\n")
			if n <= 0 || l.text[l.pos+1+n] != '`' {
				return l.fail(l.pos, "this name in backquotes is not closed on its line")
			}
			l.add(wordToken, l.pos, l.pos+n+2)
		case c == '$' || c == '\\' || c == '#':
			return l.fail(l.pos, "a character that is not understood here")
		case c == '@' && l.pos > 0 && isNameByte(l.text[l.pos-1]): // return@label, label@
			end := l.pos + 1
			for end < len(l.text) && isNameByte(l.text[end]) {
				end++
			}
			l.add(markToken, l.pos, end)
		case l.atNumber():
			l.number()
		case isNameStart(c):
			l.word()
		default:
			return l.mark(kotlinOperators)
		}
		return nil
	}
	return l
}

// joinLines takes the end of a line back where the statement goes on: after an operator, or before one that cannot begin one.
func (l *lexer) joinLines() {
	n := len(l.tokens)
	if n < 2 || l.tokens[n-1].kind != newlineToken || l.has("//") || l.has("/*") {
		return
	}
	before := l.tokens[n-2]
	text := l.src[before.start:before.end]
	joins := before.kind == markToken && kotlinOpen[text] || before.kind == wordToken && text == "else"
	for _, g := range kotlinGoing {
		joins = joins || l.has(g) && !(g == "." && l.has(".."))
	}
	for _, w := range []string{"else", "catch", "finally"} {
		joins = joins || l.has(w) && !isNameByte(l.byteAt(len(w)))
	}
	if joins {
		l.tokens = l.tokens[:n-1]
	}
}

func kotlinTokens(text []byte) ([]Span, error) {
	f := &File{Text: text}
	f.indexLines()
	l := kotlinLexer(f)
	if err := l.run(); err != nil {
		return nil, err
	}
	return l.spans(), nil
}
