package source

import "strings"

// phpOperators are the operators of more than one byte, longest first.
var phpOperators = []string{
	"<=>", "**=", "...", "<<=", ">>=", "===", "!==", "??=", "?->", "=>", "->", "::", "==", "!=", "<>", "<=", ">=", "&&", "||", "??", "?:", "++", "--", "+=",
	"-=", "*=", "/=", ".=", "%=", "&=", "|=", "^=", "<<", ">>", "**",
}

// phpLexer returns a lexer of PHP. What stands outside of <?php … ?> is one token that ends a statement.
func phpLexer(f *File) *lexer {
	l := newLexer(f)
	l.next = func() error { return phpToken(l) }
	return l
}

// phpTokens cuts a text, for tests.
func phpTokens(text []byte) ([]Span, error) {
	f := &File{Text: text}
	f.indexLines()
	l := phpLexer(f)
	phpPage(l, l.pos)
	if err := l.run(); err != nil {
		return nil, err
	}
	return l.spans(), nil
}

// phpPage takes what stands outside of the code, from the offset on, for one token.
func phpPage(l *lexer, start int) {
	end := len(l.text)
	for i := l.pos; i < len(l.text); {
		n := strings.Index(l.src[i:], "<?")
		if n < 0 {
			break
		}
		l.file.work++
		i += n + 2
		switch {
		case strings.HasPrefix(l.src[i:], "="):
			end = i + 1
		case len(l.src) >= i+3 && strings.EqualFold(l.src[i:i+3], "php") && (i+3 == len(l.src) || isBlank(l.src[i+3])):
			end = i + 3
		default:
			continue
		}
		break
	}
	if end > start {
		l.add(directiveToken, start, end)
	}
	l.fresh = true
}

// phpToken reads one token or comment of the code.
func phpToken(l *lexer) error {
	switch c := l.byteAt(0); {
	case c == '?' && l.byteAt(1) == '>':
		start := l.pos
		l.pos += 2
		phpPage(l, start)
	case c == '#' && l.byteAt(1) == '[':
		l.add(markToken, l.pos, l.pos+1)
	case c == '#' || c == '/' && l.byteAt(1) == '/': // up to the end of the line or of the code
		end := l.lineEnd(l.pos)
		if n := strings.Index(l.src[l.pos:end], "?>"); n >= 0 {
			end = l.pos + n
		}
		l.comments = append(l.comments, Span{l.pos, end})
		l.pos = end
	case c == '/' && l.byteAt(1) == '*':
		return l.blockComment("/*", "*/", false)
	case c == '\'' || (c == 'b' || c == 'B') && l.byteAt(1) == '\'':
		prefix := 0
		if c != '\'' {
			prefix = 1
		}
		if err := l.quoted(prefix, literal{open: "'", close: "'", escape: '\\', lines: true}); err != nil {
			return err
		}
		s := &l.strings[len(l.strings)-1]
		s.Value = phpUnquoted.Replace(s.Value)
	case c == '"', c == '`':
		return phpText(l, l.pos+1, -1, c)
	case (c == 'b' || c == 'B') && l.byteAt(1) == '"':
		return phpText(l, l.pos+2, -1, '"')
	case l.has("<<<"):
		return phpHeredoc(l)
	case l.atNumber():
		l.number()
	case c == '\\' && isNameStart(l.byteAt(1)), isNameStart(c):
		phpWord(l)
	default:
		return l.mark(phpOperators)
	}
	return nil
}

// phpUnquoted decodes the two escapes of a text in single quotes.
var phpUnquoted = strings.NewReplacer(`\\`, `\`, `\'`, `'`)

// phpWord takes a name, with its namespace, or a variable with its sign.
func phpWord(l *lexer) {
	i := l.pos + 1
	for i < len(l.text) {
		c := l.text[i]
		if c == '\\' && i+1 < len(l.text) && isNameStart(l.text[i+1]) && l.text[i+1] != '$' && l.text[l.pos] != '$' {
			i += 2
			continue
		}
		if !isNameByte(c) || c == '$' && l.text[i-1] != '$' || c >= 0x80 && unicodeBlank(l.text[i:]) > 0 {
			break
		}
		i++
	}
	l.add(wordToken, l.pos, i)
}

// phpHeredoc takes <<<LABEL, <<<"LABEL" or <<<'LABEL' up to the label at the start of a line. Without one it is a mark.
func phpHeredoc(l *lexer) error {
	start := l.pos
	i := start + 3
	for i < len(l.text) && (l.text[i] == ' ' || l.text[i] == '\t') {
		i++
	}
	quote := byte(0)
	if i < len(l.text) && (l.text[i] == '"' || l.text[i] == '\'') {
		quote = l.text[i]
		i++
	}
	from := i
	for i < len(l.text) && isNameByte(l.text[i]) && l.text[i] != '$' {
		i++
	}
	label := l.src[from:i]
	if label == "" || !isNameStart(label[0]) {
		return l.mark(phpOperators)
	}
	if quote != 0 {
		if i >= len(l.text) || l.text[i] != quote {
			return l.fail(start, "a heredoc whose label is not closed")
		}
		i++
	}
	end := l.lineEnd(i)
	if strings.TrimSpace(l.src[i:end]) != "" {
		return l.fail(start, "a heredoc whose text does not begin on the next line")
	}
	from = strings.IndexByte(l.src[i:], '\n')
	if from < 0 {
		return l.fail(start, "this heredoc is never closed")
	}
	from += i + 1
	for at := from; at < len(l.text); {
		l.file.work++
		k := at
		for k < len(l.text) && (l.text[k] == ' ' || l.text[k] == '\t') {
			k++
		}
		if strings.HasPrefix(l.src[k:], label) && (k+len(label) == len(l.text) || !isNameByte(l.text[k+len(label)])) {
			to := max(from, at-1)
			if to > from && l.text[to-1] == '\r' {
				to--
			}
			if quote == '\'' {
				l.note(phpUnindent(l.src[from:to], l.src[at:k]), Span{start, k + len(label)})
				l.add(textToken, start, k+len(label))
				return nil
			}
			if err := phpText(l, from, to, 0); err != nil {
				return err
			}
			// The label belongs to the text.
			s, t := &l.strings[len(l.strings)-1], &l.tokens[len(l.tokens)-1]
			s.Value = phpUnindent(s.Value, l.src[at:k])
			s.Span.End, t.end = k+len(label), int32(k+len(label))
			l.pos = k + len(label)
			return nil
		}
		next := strings.IndexByte(l.src[at:], '\n')
		if next < 0 {
			break
		}
		at += next + 1
	}
	return l.fail(start, "this heredoc is never closed")
}

// phpUnindent takes the blanks before the closing label from the start of each line.
func phpUnindent(s, indent string) string {
	if indent == "" {
		return s
	}
	return strings.ReplaceAll(strings.TrimPrefix(s, indent), "\n"+indent, "\n")
}

// phpText takes a text with parts to fill in that begins at l.pos: up to the quote, or up to the offset to when that is not
// negative. Parts are {$…}, ${…} and $name; what follows a $name there ([0], ->b) stays text.
func phpText(l *lexer, from, to int, quote byte) error {
	start := l.pos
	if l.filling++; l.filling > 100 {
		return l.fail(start, "strings within strings nest too deep")
	}
	defer func() { l.filling-- }()
	head, piece := int32(-1), from
	open := func() {
		if head < 0 {
			head = int32(len(l.tokens))
			l.add(textOpenToken, start, from)
		}
	}
	i := from
	for ; ; l.file.work++ {
		if to >= 0 && i >= to {
			if i > to {
				return l.fail(start, "what this heredoc fills in goes beyond its end")
			}
			break
		}
		if i >= len(l.text) {
			return l.fail(start, "this string is never closed")
		}
		c := l.text[i]
		switch {
		case c == '\\' && (to < 0 || i+2 <= to):
			i += 2
			continue
		case to < 0 && c == quote:
		case c == '{' && i+1 < len(l.text) && l.text[i+1] == '$', c == '$' && i+1 < len(l.text) && l.text[i+1] == '{':
			open()
			if c == '$' {
				i++
			}
			l.addText(piece, i)
			if err := l.fill(i); err != nil {
				return err
			}
			i, piece = l.pos, l.pos
			continue
		case c == '$' && i+1 < len(l.text) && isNameStart(l.text[i+1]) && l.text[i+1] != '$':
			open()
			l.addText(piece, i)
			end := i + 1
			for end < len(l.text) && isNameByte(l.text[end]) && l.text[end] != '$' && (to < 0 || end < to) {
				end++
			}
			l.add(wordToken, i, end)
			i, piece = end, end
			continue
		default:
			i++
			continue
		}
		break
	}
	end := i
	if to < 0 {
		end++
	}
	value := l.src[from:i]
	if head < 0 && strings.IndexByte(value, '\\') >= 0 {
		value = decodeEscapes(value)
	}
	l.note(value, Span{start, end})
	if head < 0 {
		l.add(textToken, start, max(end, from))
		return nil
	}
	l.addText(piece, i)
	l.tokens[head].match = int32(len(l.tokens))
	l.add(textCloseToken, i, end)
	l.tokens[len(l.tokens)-1].match = head
	return nil
}
