package source

import (
	"strings"
	"unicode/utf8"
)

// isOperator reports whether the byte may stand in a name of marks.
func isOperator(c byte) bool { return strings.IndexByte("+-*/<>=!?&|:^%~#@\\", c) >= 0 }

func scalaLexer(f *File) *lexer {
	l := newLexer(f)
	l.newlines = true
	name := func(at int) int { // $name
		i := at + 1
		if l.text[at] != '$' || i >= len(l.text) || !isNameStart(l.text[i]) || l.text[i] == '$' {
			return at
		}
		for i < len(l.text) && isNameByte(l.text[i]) && l.text[i] != '$' {
			i++
		}
		return i
	}
	text := literal{open: `"`, close: `"`, escape: '\\', decode: true}
	block := template{literal: literal{open: `"""`, close: `"""`, lines: true, greedy: true}}
	filled := template{literal: text, holes: []string{"${"}, bare: name, twice: "$"}
	filledBlock := template{literal: literal{open: `"""`, close: `"""`, lines: true, greedy: true}, holes: []string{"${"}, bare: name, twice: "$"}
	l.next = func() error {
		l.joinScalaLines()
		switch c := l.byteAt(0); {
		case c == '/' && l.byteAt(1) == '/':
			l.lineComment()
		case c == '/' && l.byteAt(1) == '*':
			return l.blockComment("/*", "*/", true)
		case l.has(`"""`):
			return l.template(0, block)
		case c == '"':
			return l.quoted(0, text)
		case c == '\'':
			return l.scalaChar()
		case c == '`':
			n := strings.IndexAny(l.src[l.pos+1:], "`\n")
			if n <= 0 || l.text[l.pos+1+n] != '`' {
				return l.fail(l.pos, "this name in backquotes is not closed on its line")
			}
			l.add(wordToken, l.pos, l.pos+n+2)
		case l.has("⇒"), l.has("←"), l.has("→"):
			l.add(markToken, l.pos, l.pos+len("⇒"))
		case l.atNumber():
			l.number()
		case isNameStart(c):
			return l.scalaWord(filled, filledBlock)
		case c == '<' && l.atXML():
			return l.xml()
		case isOperator(c):
			end := l.pos
			for end < len(l.text) && isOperator(l.text[end]) && !(end > l.pos && l.text[end] == '/' && end+1 < len(l.text) && (l.text[end+1] == '/' || l.text[end+1] == '*')) {
				end++
			}
			l.add(markToken, l.pos, end)
		default:
			if strings.IndexByte("()[]{},;.", c) < 0 && c < utf8.RuneSelf {
				return l.fail(l.pos, "a character that Scala does not know here")
			}
			return l.mark(nil)
		}
		return nil
	}
	return l
}

// scalaWord takes a name, with the marks behind an underscore at its end, or the literal that it is the prefix of.
func (l *lexer) scalaWord(filled, block template) error {
	end := l.pos + 1
	for end < len(l.text) && isNameByte(l.text[end]) && (l.text[end] < utf8.RuneSelf || unicodeBlank(l.text[end:]) == 0) {
		end++
	}
	if end < len(l.text) && l.text[end] == '"' {
		prefix := end - l.pos
		if strings.HasPrefix(l.src[end:], `"""`) {
			return l.template(prefix, block)
		}
		return l.template(prefix, filled)
	}
	if l.text[end-1] == '_' && end-l.pos > 1 {
		for end < len(l.text) && isOperator(l.text[end]) {
			end++
		}
	}
	l.add(wordToken, l.pos, end)
	return nil
}

// scalaChar takes a character, or the mark before a symbol or a quotation of code.
func (l *lexer) scalaChar() error {
	rest := l.src[l.pos+1:]
	if strings.HasPrefix(rest, `\`) {
		if n := strings.IndexAny(rest[min(2, len(rest)):], "'\n"); n >= 0 && rest[min(2, len(rest))+n] == '\'' && n < 8 {
			l.add(textToken, l.pos, l.pos+1+min(2, len(rest))+n+1)
			return nil
		}
		return l.fail(l.pos, "this character is not closed")
	}
	if _, size := utf8.DecodeRuneInString(rest); size > 0 && strings.HasPrefix(rest[size:], "'") && rest[0] != '\n' {
		l.add(textToken, l.pos, l.pos+1+size+1)
		return nil
	}
	if rest == "" || !isNameStart(rest[0]) && rest[0] != '{' && rest[0] != '[' && !isOperator(rest[0]) {
		return l.fail(l.pos, "this character is not closed")
	}
	l.add(markToken, l.pos, l.pos+1)
	return nil
}

// atXML reports whether a literal of XML begins here: "<" behind a blank or an opening bracket, and a name or "!" behind it.
func (l *lexer) atXML() bool {
	c := l.byteAt(1)
	if !(isNameStart(c) && c != '$' || c == '!' && l.has("<!--") || l.has("<![CDATA[") || c == '?') {
		return false
	}
	before := l.byteAt(-1)
	return l.pos == 0 || isBlank(before) || before == '(' || before == '{' || before == '>'
}

// xml takes a literal of XML; the code in its braces is read as in a template.
func (l *lexer) xml() error {
	start := l.pos
	head := int32(len(l.tokens))
	l.add(textOpenToken, start, start+1)
	piece, depth := start+1, 0
	fill := func(at int) error {
		l.addText(piece, at)
		if l.filling++; l.filling > 100 {
			return l.fail(start, "strings within strings nest too deep")
		}
		err := l.fill(at)
		l.filling--
		piece = l.pos
		return err
	}
	for i := start; ; {
		if i >= len(l.text) {
			return l.fail(start, "this XML is never closed")
		}
		l.file.work++
		rest := l.src[i:]
		over := ""
		switch {
		case strings.HasPrefix(rest, "<!--"):
			over = "-->"
		case strings.HasPrefix(rest, "<![CDATA["):
			over = "]]>"
		case strings.HasPrefix(rest, "<?"):
			over = "?>"
		}
		switch {
		case over != "":
			n := strings.Index(rest, over)
			if n < 0 {
				return l.fail(i, "this XML is never closed")
			}
			i += n + len(over)
		case strings.HasPrefix(rest, "</"):
			n := strings.IndexByte(rest, '>')
			if n < 0 {
				return l.fail(i, "this XML is never closed")
			}
			depth--
			i += n + 1
		case rest[0] == '<':
			for depth++; ; {
				if i >= len(l.text) {
					return l.fail(start, "this XML is never closed")
				}
				l.file.work++
				if c := l.text[i]; c == '"' || c == '\'' {
					n := strings.IndexByte(l.src[i+1:], c)
					if n < 0 {
						return l.fail(i, "this XML is never closed")
					}
					i += n + 2
				} else if c == '{' {
					if err := fill(i); err != nil {
						return err
					}
					i = l.pos
				} else if c == '/' && i+1 < len(l.text) && l.text[i+1] == '>' {
					depth--
					i += 2
					break
				} else if c == '>' {
					i++
					break
				} else {
					i++
				}
			}
		case rest[0] == '{' && !strings.HasPrefix(rest, "{{"):
			if err := fill(i); err != nil {
				return err
			}
			i = l.pos
			continue
		case strings.HasPrefix(rest, "{{"):
			i += 2
			continue
		default:
			i++
			continue
		}
		if depth <= 0 {
			l.addText(piece, i-1)
			l.tokens[head].match = int32(len(l.tokens))
			l.add(textCloseToken, i-1, i)
			l.tokens[len(l.tokens)-1].match = head
			return nil
		}
	}
}

// joinScalaLines takes the end of a line back where the statement goes on.
func (l *lexer) joinScalaLines() {
	n := len(l.tokens)
	if n < 2 || l.tokens[n-1].kind != newlineToken || l.has("//") || l.has("/*") {
		return
	}
	before := l.tokens[n-2]
	text := l.src[before.start:before.end]
	joins := before.kind == markToken && (text == "," || text == "(" || text == "[" || text == ".")
	if before.kind == markToken && isOperator(text[0]) && before.end < l.tokens[n-1].start+1 && n > 2 {
		switch text {
		case "=", "=>", "⇒", ":", "<-", "?=>", "@":
		default:
			prior := l.tokens[n-3]
			joins = joins || !(prior.kind == markToken && l.src[prior.start:prior.end] == ".")
		}
	}
	if c := l.byteAt(0); c == '.' {
		joins = true
	} else if isNameStart(c) {
		end := l.pos
		for end < len(l.text) && isNameByte(l.text[end]) {
			end++
		}
		joins = joins || scalaGoing[l.src[l.pos:end]]
	}
	if joins {
		l.tokens = l.tokens[:n-1]
	}
}

func scalaTokens(text []byte) ([]Span, error) {
	f := &File{Text: text}
	f.indexLines()
	l := scalaLexer(f)
	if err := l.run(); err != nil {
		return nil, err
	}
	return l.spans(), nil
}
