package webconf

import "strings"

// The syntax of nginx is read here as nginx's own ngx_conf_read_token reads it. The parsers that can be had for Go were not
// taken: nginxinc/nginx-go-crossplane cannot be fetched and opens files by itself, tufanbarisyildirim/gonginx has no versions,
// panics on malformed text and brings a formatter for Lua.

// directive is one directive of nginx with its arguments.
type directive struct {
	name  string
	args  []word
	line  int
	block []directive
	open  bool // it has a block
}

// word is one argument.
type word struct {
	text     string // unquoted
	variable bool   // a part of it is known when nginx runs
}

// nginxLexer cuts a text into words and signs.
type nginxLexer struct {
	text string
	pos  int
	line int
}

// parseNginx returns the directives of a text whose first line has that number.
func parseNginx(text string, line int) ([]directive, *Error) {
	l := &nginxLexer{text: text, line: line}
	type level struct {
		head directive
		body []directive
	}
	stack := []level{{}}
	var head *directive
	for {
		w, sign, err := l.next()
		if err != nil {
			return nil, err
		}
		top := &stack[len(stack)-1]
		switch {
		case sign == 0 && head == nil:
			head = &directive{name: w.text, line: l.line}
			head.line -= strings.Count(w.text, "\n")
		case sign == 0:
			head.args = append(head.args, w)
		case sign == ';':
			if head == nil {
				return nil, failed(l.line, "a semicolon without a directive")
			}
			top.body = append(top.body, *head)
			head = nil
		case sign == '{':
			if head == nil {
				return nil, failed(l.line, "a block without a name")
			}
			head.open = true
			if strings.HasSuffix(head.name, "_by_lua_block") {
				if err := l.lua(); err != nil {
					return nil, err
				}
				top.body = append(top.body, *head)
				head = nil
				continue
			}
			if len(stack) > maxDepth {
				return nil, failed(l.line, "more than %d blocks within each other", maxDepth)
			}
			stack = append(stack, level{head: *head})
			head = nil
		case sign == '}':
			if head != nil {
				return nil, failed(l.line, "%s does not end in a semicolon", head.name)
			}
			if len(stack) == 1 {
				return nil, failed(l.line, "a bracket that closes nothing")
			}
			d := top.head
			d.block = top.body
			stack = stack[:len(stack)-1]
			stack[len(stack)-1].body = append(stack[len(stack)-1].body, d)
		default: // the end
			if head != nil {
				return nil, failed(head.line, "%s does not end in a semicolon", head.name)
			}
			if len(stack) > 1 {
				last := l.line
				if strings.HasSuffix(text, "\n") {
					last-- // not the one after it
				}
				return nil, failed(last, "the block of %s in line %d is not closed", top.head.name, top.head.line)
			}
			return stack[0].body, nil
		}
	}
}

// end is the sign after the last token.
const end = 0xFF

// next returns a word, or one of the signs ; { } and end.
func (l *nginxLexer) next() (w word, sign byte, err *Error) {
	for l.pos < len(l.text) {
		switch c := l.text[l.pos]; c {
		case '\n':
			l.line++
			l.pos++
		case ' ', '\t', '\r':
			l.pos++
		case '#':
			for l.pos < len(l.text) && l.text[l.pos] != '\n' {
				l.pos++
			}
		case ';', '{', '}':
			l.pos++
			return word{}, c, nil
		case '"', '\'':
			return l.quoted(c)
		default:
			return l.bare(), 0, nil
		}
	}
	return word{}, end, nil
}

func (l *nginxLexer) quoted(quote byte) (word, byte, *Error) {
	start, line := l.pos+1, l.line
	for i := start; i < len(l.text); i++ {
		switch l.text[i] {
		case '\n':
			l.line++
		case '\\':
			if i++; i < len(l.text) && l.text[i] == '\n' {
				l.line++
			}
		case quote:
			l.pos = i + 1
			if l.pos < len(l.text) && !strings.ContainsRune(" \t\r\n;{)", rune(l.text[l.pos])) {
				return word{}, 0, failed(l.line, "a quote that ends within a word")
			}
			return nginxWord(l.text[start:i]), 0, nil
		}
	}
	return word{}, 0, failed(line, "a quote that is not closed")
}

func (l *nginxLexer) bare() word {
	start := l.pos
	for ; l.pos < len(l.text); l.pos++ {
		switch c := l.text[l.pos]; c {
		case ' ', '\t', '\r', '\n', ';':
			return nginxWord(l.text[start:l.pos])
		case '{':
			if l.text[l.pos-1] != '$' || l.pos == start {
				return nginxWord(l.text[start:l.pos])
			}
		case '\\':
			if l.pos++; l.pos < len(l.text) && l.text[l.pos] == '\n' {
				l.line++
			}
		}
	}
	l.pos = min(l.pos, len(l.text))
	return nginxWord(l.text[start:l.pos])
}

// nginxWord takes the escapes out of a word.
func nginxWord(raw string) word {
	w := word{text: raw, variable: strings.IndexByte(raw, '$') >= 0}
	if strings.IndexByte(raw, '\\') < 0 {
		return w
	}
	var b strings.Builder
	for i := 0; i < len(raw); i++ {
		if raw[i] == '\\' && i+1 < len(raw) {
			switch raw[i+1] {
			case '"', '\'', '\\':
				i++
			case 't', 'r', 'n':
				i++
				b.WriteByte(map[byte]byte{'t': '\t', 'r': '\r', 'n': '\n'}[raw[i]])
				continue
			}
		}
		b.WriteByte(raw[i])
	}
	w.text = b.String()
	return w
}

// lua skips a block of Lua up to its closing bracket: strings and comments may hold others.
func (l *nginxLexer) lua() *Error {
	opened, depth := l.line, 1
	for l.pos < len(l.text) {
		c := l.text[l.pos]
		l.pos++
		switch c {
		case '\n':
			l.line++
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return nil
			}
		case '"', '\'':
			for l.pos < len(l.text) && l.text[l.pos] != c && l.text[l.pos] != '\n' {
				if l.text[l.pos] == '\\' {
					l.pos++
				}
				l.pos++
			}
			if l.pos = min(l.pos, len(l.text)); l.pos < len(l.text) && l.text[l.pos] == c {
				l.pos++
			}
		case '-':
			if !strings.HasPrefix(l.text[l.pos:], "-") {
				continue
			}
			l.pos++
			if l.long() {
				continue
			}
			for l.pos < len(l.text) && l.text[l.pos] != '\n' {
				l.pos++
			}
		case '[':
			l.pos--
			if !l.long() {
				l.pos++
			}
		}
	}
	return failed(opened, "a block of Lua that is not closed")
}

// long skips what stands between long brackets of Lua, [[ … ]] or [==[ … ]==], if one opens here.
func (l *nginxLexer) long() bool {
	rest := l.text[l.pos:]
	if !strings.HasPrefix(rest, "[") {
		return false
	}
	level := 1
	for level < len(rest) && rest[level] == '=' {
		level++
	}
	if level == len(rest) || rest[level] != '[' {
		return false
	}
	closing := "]" + rest[1:level] + "]"
	n := strings.Index(rest[level+1:], closing)
	if n < 0 {
		n = len(rest) - level - 1 - len(closing)
		if n < 0 {
			n = 0
			closing = rest[level+1:]
		}
	}
	skipped := rest[:level+1+n+len(closing)]
	l.line += strings.Count(skipped, "\n")
	l.pos += len(skipped)
	return true
}
