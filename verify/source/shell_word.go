package source

import "strings"

// shellWord is a word of a command.
type shellWord struct {
	span    Span
	value   string // without quotes; what is expanded stays as written
	literal bool   // nothing is expanded
	quoted  bool
}

// word reads a word. The error is a *SyntaxError, also where none stands.
func (p *shellFile) word() (w shellWord, err error) {
	start := p.pos
	w.literal = true
	var value strings.Builder
	p.quiet++
	defer func() {
		p.quiet--
		w.span, w.value = Span{start, p.pos}, value.String()
		p.token(start, p.pos)
	}()
	for p.pos < p.end {
		p.work++
		c := p.src[p.pos]
		at := p.pos
		switch {
		case (c == '<' || c == '>') && p.byteAt(1) == '(':
			p.pos++
			w.literal = false
			if _, err = p.substituted(); err != nil {
				return w, err
			}
			value.WriteString(p.src[at:p.pos])
		case c == '(' && p.pos > start && strings.IndexByte("?*+@!", p.src[p.pos-1]) >= 0:
			if err = p.pattern(); err != nil {
				return w, err
			}
			value.WriteString(p.src[at:p.pos])
		case c == '(' && p.pos > start && p.src[p.pos-1] == '=' && shellAssignment(p.src[start:p.pos]) > 0:
			w.literal = false
			if err = p.array(); err != nil {
				return w, err
			}
		case !shellInWord(c):
			if p.pos == start {
				return w, p.fail(p.pos, "a word is missing before "+p.peek())
			}
			return w, nil
		case c == '\\':
			switch {
			case p.has("\\\n"):
				p.pos += 2
			case p.has("\\\r\n"):
				p.pos += 3
			default:
				p.pos++
				w.quoted = true
				if p.pos < p.end {
					value.WriteByte(p.src[p.pos])
					p.pos++
				}
			}
		case c == '\'':
			w.quoted = true
			n := strings.IndexByte(p.src[p.pos+1:p.end], '\'')
			if n < 0 {
				return w, p.fail(p.pos, "this ' is never closed")
			}
			p.pos += n + 2
			text := p.src[at+1 : p.pos-1]
			value.WriteString(text)
			p.note(text, Span{at, p.pos})
		case c == '"':
			w.quoted = true
			expands, err := p.doubled()
			if err != nil {
				return w, err
			}
			w.literal = w.literal && !expands
			value.WriteString(shellUnescaped(p.src[at+1 : p.pos-1]))
		case c == '$':
			expands, err := p.dollar(false)
			if err != nil {
				return w, err
			}
			w.literal = w.literal && !expands
			value.WriteString(p.src[at:p.pos])
		case c == '`':
			w.literal = false
			if err = p.backquoted(); err != nil {
				return w, err
			}
			value.WriteString(p.src[at:p.pos])
		default:
			value.WriteByte(c)
			p.pos++
		}
	}
	if p.pos > p.end {
		p.pos = p.end
	}
	if p.pos == start {
		return w, p.fail(start, "a word is missing at the end")
	}
	return w, nil
}

// note adds a string that expands nothing. One that does is none: what it holds decides as if it stood without quotes.
func (p *shellFile) note(value string, s Span) {
	p.Strings = append(p.Strings, String{Value: value, Span: s, Line: p.LineOf(s.Start)})
}

// shellUnescaped takes the backslashes away that double quotes know.
func shellUnescaped(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	return strings.NewReplacer(`\"`, `"`, `\\`, `\`, `\$`, `$`, "\\`", "`", "\\\n", "").Replace(s)
}

// doubled reads "…" and tells whether something is expanded in it.
func (p *shellFile) doubled() (expands bool, err error) {
	start := p.pos
	leave, err := p.deeper()
	if err != nil {
		return false, err
	}
	defer leave()
	for p.pos++; p.pos < p.end; {
		p.work++
		switch p.src[p.pos] {
		case '"':
			p.pos++
			if !expands {
				p.note(shellUnescaped(p.src[start+1:p.pos-1]), Span{start, p.pos})
			}
			return expands, nil
		case '\\':
			p.pos += 2
		case '$':
			did, err := p.dollar(true)
			if err != nil {
				return expands, err
			}
			expands = expands || did
		case '`':
			expands = true
			if err := p.backquoted(); err != nil {
				return expands, err
			}
		default:
			p.pos++
		}
	}
	return expands, p.fail(start, `this " is never closed`)
}

// dollar reads what begins with a "$"; quoted tells that double quotes stand around.
func (p *shellFile) dollar(quoted bool) (expands bool, err error) {
	start := p.pos
	switch c := p.byteAt(1); {
	case p.has("$(("):
		p.pos++
		ok, err := p.arithmetic(2)
		if err != nil || ok {
			return true, err
		}
		return p.substituted()
	case c == '(':
		p.pos++
		return p.substituted()
	case p.has("${{"): // an expression of a workflow, filled in before a shell reads the script
		n := strings.Index(p.src[p.pos:p.end], "}}")
		if n < 0 {
			return false, p.fail(start, "this ${{ is never closed")
		}
		p.pos += n + 2
		return true, nil
	case c == '{':
		return true, p.expansion(quoted)
	case c == '\'' && !quoted:
		for p.pos += 2; p.pos < p.end; p.pos++ {
			p.work++
			if p.src[p.pos] == '\\' {
				p.pos++
			} else if p.src[p.pos] == '\'' {
				p.pos++
				p.note(decodeEscapes(p.src[start+2:p.pos-1]), Span{start, p.pos})
				return false, nil
			}
		}
		return false, p.fail(start, "this $' is never closed")
	case c == '"' && !quoted:
		p.pos++
		return p.doubled()
	case c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z':
		p.pos++
		for p.pos < p.end && (p.src[p.pos] == '_' || isNameByte(p.src[p.pos]) && p.src[p.pos] < 0x80 && p.src[p.pos] != '$') {
			p.pos++
		}
		p.read(p.src[start+1:p.pos], start+1, 0)
		return true, nil
	case isDigit(c):
		p.pos += 2
		p.read(string(rune(c)), start+1, 0)
		return true, nil
	case c != 0 && strings.IndexByte("@*#?-$!", c) >= 0:
		p.pos += 2
		return true, nil
	}
	p.pos++
	return false, nil
}

// substituted reads the commands in brackets of $(…), <(…) and >(…).
func (p *shellFile) substituted() (bool, error) {
	leave, err := p.deeper()
	if err != nil {
		return true, err
	}
	defer leave()
	deciding := p.deciding
	p.deciding = 0
	assigning := p.assigning
	p.assigning = ""
	_, err = p.bracketed()
	p.deciding, p.assigning = deciding, assigning
	return true, err
}

// expansion reads ${…}.
func (p *shellFile) expansion(quoted bool) error {
	start := p.pos
	leave, err := p.deeper()
	if err != nil {
		return err
	}
	defer leave()
	p.pos += 2
	length := p.byteAt(0) == '#' && p.byteAt(1) != '}'
	if length || p.byteAt(0) == '!' {
		p.pos++
	}
	at := p.pos
	for p.pos < p.end && isNameByte(p.src[p.pos]) && p.src[p.pos] != '$' && p.src[p.pos] < 0x80 {
		p.pos++
	}
	name := p.src[at:p.pos]
	if name == "" && p.pos < p.end && strings.IndexByte("@*#?-$!", p.src[p.pos]) >= 0 {
		p.pos++
	}
	operator := p.byteAt(0)
	if operator == ':' {
		operator = p.byteAt(1)
	}
	if strings.IndexByte("-=?+", operator) < 0 || operator == 0 {
		p.read(name, at, 0)
	} else {
		p.read(name, at, operator)
	}
	pattern := strings.IndexByte("#%/^,", operator) >= 0 && operator != 0
	for p.pos < p.end {
		p.work++
		switch c := p.src[p.pos]; {
		case c == '}':
			p.pos++
			if operator == '?' {
				p.conditions = append(p.conditions, Span{start, p.pos})
			}
			return nil
		case c == '\\':
			p.pos += 2
		case c == '\'' && (!quoted || pattern):
			n := strings.IndexByte(p.src[p.pos+1:p.end], '\'')
			if n < 0 {
				return p.fail(p.pos, "this ' is never closed")
			}
			p.pos += n + 2
		case c == '"':
			if _, err := p.doubled(); err != nil {
				return err
			}
		case c == '$':
			if _, err := p.dollar(quoted); err != nil {
				return err
			}
		case c == '`':
			if err := p.backquoted(); err != nil {
				return err
			}
		default:
			p.pos++
		}
	}
	return p.fail(start, "this ${ is never closed")
}

// arithmetic reads (( … )) that begins here, and reports whether it is that: if not, nothing was read.
func (p *shellFile) arithmetic(width int) (bool, error) {
	leave, err := p.deeper()
	if err != nil {
		return false, err
	}
	defer leave()
	start := p.pos
	reads, calls := len(p.reads), len(p.Calls)
	p.quiet++
	depth := 0
	for p.pos += width; p.pos < p.end; {
		p.work++
		switch c := p.src[p.pos]; {
		case c == '(':
			depth++
			p.pos++
		case c == ')' && depth > 0:
			depth--
			p.pos++
		case c == ')':
			if p.byteAt(1) != ')' {
				p.quiet--
				p.pos, p.reads, p.Calls = start, p.reads[:reads], p.Calls[:calls]
				return false, nil
			}
			p.pos += 2
			p.quiet--
			p.token(start, p.pos)
			p.calculated(start, p.pos)
			return true, nil
		case c == '$':
			if _, err := p.dollar(true); err != nil {
				return false, err
			}
		case c == '`':
			if err := p.backquoted(); err != nil {
				return false, err
			}
		case c == '"':
			if _, err := p.doubled(); err != nil {
				return false, err
			}
		case c == '\\':
			p.pos += 2
		case c == '\n' && len(p.documents) > 0:
			return false, p.fail(start, "a calculation that goes on behind a here-document is not understood")
		default:
			p.pos++
		}
	}
	return false, p.fail(start, "this (( is never closed")
}

// calculated notes what a calculation assigns, and that it decides.
func (p *shellFile) calculated(start, end int) {
	p.conditions = append(p.conditions, Span{start, end})
	text := p.src[start:end]
	for i := 0; i < len(text); {
		if !isNameStart(text[i]) || text[i] == '$' {
			i++
			continue
		}
		from := i
		for i < len(text) && isNameByte(text[i]) && text[i] != '$' {
			i++
		}
		rest := strings.TrimLeft(text[i:min(len(text), i+12)], " \t+-*/%&|^<>")
		if strings.HasPrefix(rest, "=") && !strings.HasPrefix(rest, "==") || strings.HasPrefix(text[i:], "++") || strings.HasPrefix(text[i:], "--") {
			p.assigned[text[from:i]] = true
		}
	}
}

// backquoted reads `…`. Commands in it that escape other backquotes are left out of the facts.
func (p *shellFile) backquoted() error {
	start := p.pos
	close := -1
	for i := start + 1; i < p.end; i++ {
		p.work++
		if p.src[i] == '\\' {
			i++
		} else if p.src[i] == '`' {
			close = i
			break
		}
	}
	if close < 0 {
		return p.fail(start, "this ` is never closed")
	}
	if inner := p.src[start+1 : close]; !strings.Contains(inner, "\\`") {
		leave, err := p.deeper()
		if err != nil {
			return err
		}
		defer leave()
		end, deciding, assigning := p.end, p.deciding, p.assigning
		p.pos, p.end, p.deciding, p.assigning = start+1, close, 0, ""
		p.quiet++
		err = p.all()
		p.quiet--
		p.end, p.deciding, p.assigning = end, deciding, assigning
		if err != nil {
			return err
		}
	} else {
		p.plainReads(start+1, close)
	}
	p.pos = close + 1
	return nil
}

// plainReads notes the variables in commands that are not read.
func (p *shellFile) plainReads(from, to int) {
	end := p.end
	p.end = to
	for p.pos = from; p.pos < to; {
		p.work++
		if c := p.src[p.pos]; c == '\\' {
			p.pos += 2
		} else if n := p.byteAt(1); c == '$' && (n == '_' || n >= 'A' && n <= 'Z' || n >= 'a' && n <= 'z') {
			_, _ = p.dollar(true)
		} else {
			p.pos++
		}
	}
	p.end = end
}

// pattern reads the brackets of @(a|b) and its kin.
func (p *shellFile) pattern() error {
	start := p.pos
	leave, err := p.deeper()
	if err != nil {
		return err
	}
	defer leave()
	for p.pos++; p.pos < p.end; {
		p.work++
		switch c := p.src[p.pos]; {
		case c == ')':
			p.pos++
			return nil
		case c == '|' || c == ' ' || c == '\t' || c == '&' || c == '<' || c == '>' || c == ';':
			p.pos++
		case c == '(':
			if err := p.pattern(); err != nil {
				return err
			}
		case c == '\n':
			return p.fail(start, "this pattern is not closed on its line")
		default:
			if _, err := p.word(); err != nil {
				return err
			}
		}
	}
	return p.fail(start, "this ( is never closed")
}

// array reads the words of name=( … ).
func (p *shellFile) array() error {
	start := p.pos
	for p.pos++; ; {
		if err := p.newlines(); err != nil {
			return err
		}
		switch {
		case p.pos >= p.end:
			return p.fail(start, "this ( is never closed")
		case p.src[p.pos] == ')':
			p.pos++
			return nil
		}
		if _, err := p.word(); err != nil {
			return err
		}
	}
}
