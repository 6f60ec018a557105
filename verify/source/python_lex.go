package source

import (
	"bytes"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// pyKind is the kind of a token of Python.
type pyKind uint8

const (
	pyEnd      pyKind = iota
	pyNewline         // the end of a logical line: outside brackets, after something
	pyComment         // kept apart from the others
	pyName            // names and keywords
	pyNumber          //
	pyString          // a whole literal that is no template
	pyTemplate        // the opening of an f-string or t-string: prefix and quotes
	pyText            // its text between the parts to fill in
	pyClose           // its closing quotes
	pyOp              // operators, brackets and other marks
)

// pyToken is a token; match is the index of the matching bracket, or of the other end of a template, and -1 for the rest.
type pyToken struct {
	kind       pyKind
	op         byte // first byte of an operator, with '=' for "=" alone only: see pyLexer.operator
	start, end int
	match      int
}

// Operators whose first byte would be mistaken for that of a shorter one carry these instead.
const (
	pyCompare = 'C' // == != < > <= >=
	pyArrow   = 'A' // ->
	pyWalrus  = 'W' // :=
	pyAugment = 'U' // += and the like
	pyPower   = 'P' // **
)

// pyFrame is a bracket, or a template or a part of one, that is open.
type pyFrame struct {
	what  byte // '(' '[' '{'; 'f' the text of a template; 'r' a part to fill in; 's' the format of such a part
	token int  // index of the opening token
	quote byte // of a template, with its two flags
	three bool
	raw   bool
}

// pyLexer cuts Python into tokens: blanks, joined lines and line ends within brackets are left out.
type pyLexer struct {
	file     *File
	text     []byte
	pos      int
	tokens   []pyToken
	comments []Span
	stack    []pyFrame
	fresh    bool // nothing yet on the logical line
}

// pyScratch keeps the tokens of a file for the next one: they are several times as large as the text.
var pyScratch = sync.Pool{New: func() any { return new([]pyToken) }}

func (l *pyLexer) fail(at int, message string) error { return l.file.syntaxError(at, message) }

func (l *pyLexer) add(kind pyKind, op byte, start, end int) {
	l.tokens = append(l.tokens, pyToken{kind: kind, op: op, start: start, end: end, match: -1})
	l.pos = end
	l.fresh = kind == pyNewline
}

func (l *pyLexer) run() error {
	if bytes.HasPrefix(l.text, byteOrderMark) {
		l.pos = len(byteOrderMark)
	}
	l.fresh = true
	l.tokens = slices.Grow(l.tokens[:0], len(l.text)/4)
	for l.pos < len(l.text) {
		l.file.work++
		var err error
		if n := len(l.stack); n > 0 && (l.stack[n-1].what == 'f' || l.stack[n-1].what == 's') {
			err = l.template()
		} else {
			err = l.code()
		}
		if err != nil {
			return err
		}
	}
	if n := len(l.stack); n > 0 {
		open := l.tokens[l.stack[n-1].token]
		return l.fail(open.start, "this "+string(l.text[open.start:open.end])+" is never closed")
	}
	if !l.fresh {
		l.add(pyNewline, 0, l.pos, l.pos)
	}
	return nil
}

// code reads one token, or what is between tokens, of Python proper.
func (l *pyLexer) code() error {
	start := l.pos
	c := l.text[start]
	switch {
	case c == ' ' || c == '\t' || c == '\f':
		l.pos++
	case c == '\n' || c == '\r':
		if c == '\r' && start+1 < len(l.text) && l.text[start+1] == '\n' {
			l.pos++
		}
		l.pos++
		if len(l.stack) == 0 && !l.fresh {
			l.add(pyNewline, 0, start, l.pos)
		}
	case c == '\\':
		i := start + 1
		if i < len(l.text) && l.text[i] == '\r' {
			i++
		}
		if i < len(l.text) && l.text[i] == '\n' {
			i++
		}
		if i == start+1 {
			return l.fail(start, `a backslash that does not end its line`)
		}
		l.pos = i
	case c == '#':
		end := start + bytes.IndexAny(l.text[start:], "\r\n")
		if end < start {
			end = len(l.text)
		}
		l.pos = end
		if start > 0 || !bytes.HasPrefix(l.text, []byte("#!")) {
			l.comments = append(l.comments, Span{start, end})
		}
	case isNameStart(c) && c != '$':
		return l.name()
	case '0' <= c && c <= '9', c == '.' && start+1 < len(l.text) && '0' <= l.text[start+1] && l.text[start+1] <= '9':
		l.number()
	case c == '"' || c == '\'':
		return l.quoted(start, "")
	default:
		return l.operator()
	}
	return nil
}

func (l *pyLexer) name() error {
	start := l.pos
	i := start
	for i < len(l.text) && isNameByte(l.text[i]) && l.text[i] != '$' {
		i++
	}
	if i < len(l.text) && (l.text[i] == '"' || l.text[i] == '\'') && i-start <= 2 {
		if prefix := strings.ToLower(string(l.text[start:i])); pyPrefixes[prefix] {
			l.pos = i
			return l.quoted(start, prefix)
		}
	}
	l.add(pyName, 0, start, i)
	return nil
}

var pyPrefixes = wordSet(`r u b br rb f fr rf t tr rt`)

// number takes what may stand in a number, whether it makes one or not: "1_000", "0xFFj", "1e-5".
func (l *pyLexer) number() {
	i := l.pos
	for i < len(l.text) {
		c := l.text[i]
		if isNameByte(c) && c < utf8.RuneSelf || c == '.' {
			i++
			continue
		}
		if (c == '+' || c == '-') && (l.text[i-1] == 'e' || l.text[i-1] == 'E') && !bytes.HasPrefix(bytes.ToLower(l.text[l.pos:min(i, l.pos+2)]), []byte("0x")) {
			i++
			continue
		}
		break
	}
	l.add(pyNumber, 0, l.pos, i)
}

// quoted reads a literal, l.pos being at its quote; of a template the opening only.
func (l *pyLexer) quoted(start int, prefix string) error {
	quote := l.text[l.pos]
	three := bytes.HasPrefix(l.text[l.pos:], []byte{quote, quote, quote})
	size := 1
	if three {
		size = 3
	}
	body := l.pos + size
	if strings.ContainsAny(prefix, "ft") {
		l.stack = append(l.stack, pyFrame{what: 'f', token: len(l.tokens), quote: quote, three: three, raw: strings.Contains(prefix, "r")})
		l.add(pyTemplate, 0, start, body)
		return nil
	}
	for i := body; i < len(l.text); i++ {
		switch c := l.text[i]; {
		case c == '\\':
			i++
			if i+1 < len(l.text) && l.text[i] == '\r' && l.text[i+1] == '\n' {
				i++
			}
		case (c == '\n' || c == '\r') && !three:
			return l.fail(start, "a string that does not end on its line")
		case c == quote && (!three || bytes.HasPrefix(l.text[i:], []byte{quote, quote, quote})):
			l.file.work += i - start
			l.add(pyString, 0, start, i+size)
			return nil
		}
	}
	l.file.work += len(l.text) - start
	return l.fail(start, "a string that does not end")
}

// template reads the text of a template, or of the format of a part, up to where something else begins.
func (l *pyLexer) template() error {
	top := len(l.stack) - 1
	frame := l.stack[top]
	format := frame.what == 's'
	flush := func(end int) {
		if end > l.pos {
			l.file.work += end - l.pos
			l.add(pyText, 0, l.pos, end)
		}
	}
	for i := l.pos; i < len(l.text); i++ {
		c := l.text[i]
		switch {
		case c == '\\' && !format:
			if !frame.raw && bytes.HasPrefix(l.text[i:], []byte(`\N{`)) {
				i += 2
				continue
			}
			if i+1 < len(l.text) && l.text[i+1] != '{' && l.text[i+1] != '}' {
				i++
				if l.text[i] == '\r' && i+1 < len(l.text) && l.text[i+1] == '\n' {
					i++
				}
			}
		case (c == '\n' || c == '\r') && !frame.three:
			return l.fail(l.tokens[frame.token].start, "a string that does not end on its line")
		case c == '{':
			if !format && i+1 < len(l.text) && l.text[i+1] == '{' {
				i++
				continue
			}
			flush(i)
			l.stack = append(l.stack, pyFrame{what: 'r', token: len(l.tokens), quote: frame.quote, three: frame.three})
			l.add(pyOp, '{', i, i+1)
			return nil
		case c == '}':
			if !format { // "}}", or the end of "\N{DASH}"
				continue
			}
			flush(i)
			l.stack = l.stack[:top] // the part goes on in code and closes there
			return nil
		case c == frame.quote && !format && (!frame.three || bytes.HasPrefix(l.text[i:], []byte{c, c, c})):
			flush(i)
			l.stack = l.stack[:top]
			end := i + 1
			if frame.three {
				end = i + 3
			}
			l.tokens[frame.token].match = len(l.tokens)
			l.add(pyClose, 0, i, end)
			l.tokens[len(l.tokens)-1].match = frame.token
			return nil
		case c == frame.quote && format && !frame.three:
			return l.fail(i, "a string that ends within a part to fill in")
		}
	}
	open := l.tokens[frame.token]
	return l.fail(open.start, "a string that does not end")
}

// operator reads an operator, a bracket or another mark.
func (l *pyLexer) operator() error {
	i := l.pos
	c := l.text[i]
	next := byte(0)
	if i+1 < len(l.text) {
		next = l.text[i+1]
	}
	switch c {
	case '(', '[', '{':
		l.stack = append(l.stack, pyFrame{what: c, token: len(l.tokens)})
		l.add(pyOp, c, i, i+1)
		return nil
	case ')', ']', '}':
		return l.closing(c)
	case ':':
		if n := len(l.stack); n > 0 && l.stack[n-1].what == 'r' {
			frame := l.stack[n-1]
			l.add(pyOp, ':', i, i+1)
			l.stack = append(l.stack, pyFrame{what: 's', token: frame.token, quote: frame.quote, three: frame.three})
			return nil
		}
		if next == '=' {
			l.add(pyOp, pyWalrus, i, i+2)
			return nil
		}
	case '=', '!', '<', '>':
		if c == '=' && next != '=' {
			break
		}
		if c == '!' && next != '=' {
			if n := len(l.stack); n == 0 || l.stack[n-1].what != 'r' {
				return l.fail(i, `"!" where Python has none`)
			}
			break
		}
		size := 1
		switch {
		case next == '=':
			size = 2
		case c != '!' && next == c: // << and >>
			size = 2
			if i+2 < len(l.text) && l.text[i+2] == '=' {
				l.add(pyOp, pyAugment, i, i+3)
			} else {
				l.add(pyOp, c, i, i+2)
			}
			return nil
		}
		l.add(pyOp, pyCompare, i, i+size)
		return nil
	case '-':
		if next == '>' {
			l.add(pyOp, pyArrow, i, i+2)
			return nil
		}
		fallthrough
	case '+', '*', '/', '%', '&', '|', '^', '@', '~':
		size := 1
		op := c
		if (c == '*' || c == '/') && next == c {
			size = 2
			op = pyPower
		}
		if i+size < len(l.text) && l.text[i+size] == '=' && c != '~' {
			size++
			op = pyAugment
		}
		l.add(pyOp, op, i, i+size)
		return nil
	case '.', ',', ';':
	default:
		return l.fail(i, "a character that Python has no use for: "+string(l.text[i:i+1]))
	}
	l.add(pyOp, c, i, i+1)
	return nil
}

func (l *pyLexer) closing(c byte) error {
	i := l.pos
	n := len(l.stack)
	if n == 0 {
		return l.fail(i, "a "+string(c)+" that nothing opened")
	}
	frame := l.stack[n-1]
	want := byte(')')
	switch frame.what {
	case '[':
		want = ']'
	case '{', 'r':
		want = '}'
	}
	if c != want {
		open := l.tokens[frame.token]
		return l.fail(i, "a "+string(c)+" where "+string(l.text[open.start:open.end])+" is open")
	}
	l.stack = l.stack[:n-1]
	l.tokens[frame.token].match = len(l.tokens)
	l.add(pyOp, c, i, i+1)
	l.tokens[len(l.tokens)-1].match = frame.token
	return nil
}

// pyTokens cuts a text for tests: comments included, without the blanks.
func pyTokens(text []byte) ([]Span, error) {
	f := &File{Text: text}
	f.indexLines()
	l := &pyLexer{file: f, text: text}
	if err := l.run(); err != nil {
		return nil, err
	}
	all := make([]Span, 0, len(l.tokens)+len(l.comments))
	i := 0
	for _, t := range l.tokens {
		for i < len(l.comments) && l.comments[i].Start < t.start {
			all = append(all, l.comments[i])
			i++
		}
		if t.start < t.end {
			all = append(all, Span{t.start, t.end})
		}
	}
	return append(all, l.comments[i:]...), nil
}
