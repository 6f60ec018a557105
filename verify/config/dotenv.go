package config

import "strings"

// readDotEnv reads NAME=value lines: "export" may stand before, a value may be in quotes and then go over several lines. In double
// quotes the escapes \n, \r, \t, \", \\ and \$ are read; $NAME is never expanded. A comment begins with "#" at the start of a line
// or after a blank. A name without "=" is null. A name that stands twice is an error when it is looked up.
func readDotEnv(b *builder, text []byte) (docs []*Node, err *Error) {
	defer guard(&err)
	root := b.node(Map, "", 1)
	s := envScan{s: strings.ReplaceAll(string(text), "\r\n", "\n"), line: 1}
	for {
		s.blank(true)
		if s.i >= len(s.s) {
			return []*Node{root}, nil
		}
		line := s.line
		name, value, kind, bad := s.pair()
		if bad != nil {
			return nil, bad
		}
		n := b.node(kind, value, line)
		if old := root.Get(name); old != nil {
			old.again = line
		} else {
			root.add(name, n)
		}
	}
}

type envScan struct {
	s    string
	i    int
	line int
}

// blank skips blanks, and with lines set also line ends and comments on lines of their own.
func (s *envScan) blank(lines bool) {
	for s.i < len(s.s) {
		switch c := s.s[s.i]; {
		case c == ' ' || c == '\t' || c == '\r':
			s.i++
		case lines && c == '\n':
			s.i++
			s.line++
		case lines && c == '#':
			s.rest()
		default:
			return
		}
	}
}

// rest returns what is left of the line.
func (s *envScan) rest() string {
	start := s.i
	for s.i < len(s.s) && s.s[s.i] != '\n' {
		s.i++
	}
	return s.s[start:s.i]
}

func (s *envScan) name() string {
	start := s.i
	for s.i < len(s.s) {
		c := s.s[s.i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
		if !letter && (s.i == start || (c < '0' || c > '9') && c != '.' && c != '-') {
			break
		}
		s.i++
	}
	return s.s[start:s.i]
}

func (s *envScan) pair() (name, value string, kind Kind, err *Error) {
	start := s.i
	name = s.name()
	if name == "export" && s.i < len(s.s) && (s.s[s.i] == ' ' || s.s[s.i] == '\t') {
		s.blank(false)
		name = s.name()
	}
	s.blank(false)
	switch {
	case name == "":
		s.i = start
		return "", "", "", failed(s.line, "malformed .env: %q", clip(s.rest())).hinted("a line is NAME=value")
	case s.i >= len(s.s) || s.s[s.i] == '\n' || s.s[s.i] == '#':
		s.rest()
		return name, "", Null, nil
	case s.s[s.i] != '=':
		return "", "", "", failed(s.line, "malformed .env: %q follows the name %s", clip(s.rest()), clip(name)).hinted("a line is NAME=value")
	}
	s.i++
	s.blank(false)
	value, err = s.value()
	return name, value, String, err
}

func (s *envScan) value() (string, *Error) {
	if s.i >= len(s.s) {
		return "", nil
	}
	q := s.s[s.i]
	if q != '"' && q != '\'' && q != '`' {
		raw := s.rest()
		for i := range len(raw) {
			if raw[i] == '#' && (i == 0 || raw[i-1] == ' ' || raw[i-1] == '\t') {
				raw = raw[:i]
				break
			}
		}
		return strings.TrimSpace(raw), nil
	}
	from := s.line
	var b strings.Builder
	for s.i++; s.i < len(s.s); s.i++ {
		c := s.s[s.i]
		if c == q {
			s.i++
			s.blank(false)
			if rest := s.rest(); rest != "" && rest[0] != '#' {
				return "", failed(s.line, "malformed .env: %q follows a value in quotes", clip(rest))
			}
			return b.String(), nil
		}
		if c == '\n' {
			s.line++
		}
		if c == '\\' && q == '"' && s.i+1 < len(s.s) {
			if plain, ok := envEscapes[s.s[s.i+1]]; ok {
				s.i++
				c = plain
			}
		}
		b.WriteByte(c)
	}
	return "", failed(from, "malformed .env: a value in quotes does not end")
}

var envEscapes = map[byte]byte{'n': '\n', 'r': '\r', 't': '\t', '"': '"', '\\': '\\', '$': '$'}
