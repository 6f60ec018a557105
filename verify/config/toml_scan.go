package config

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// tomlScan goes over a TOML file and notes where each value stands. It also bounds the nesting and the length of keys before
// the library, which recurses, sees them: where it does not understand the text the file is refused.
type tomlScan struct {
	s      string
	i      int
	line   int
	seen   map[string]tomlPlace
	tables map[string]int // elements of each [[array of tables]]
	bytes  int            // of all paths
}

// maxPaths bounds the bytes of all paths together: a long name above many short ones is small in the file and large here, and
// in the library, which spells out every key as well.
const maxPaths = 32 << 20

type tomlPlace struct {
	line  int
	order int
	raw   string // of a number, date or bool as written
}

// Paths of tomlScan: each key follows a zero byte, which a key cannot hold, each index the byte one.
func tomlKey(name string) string { return "\x00" + name }
func tomlIndex(i int) string     { return "\x01" + strconv.Itoa(i) }

func sortBy(names []string, order func(string) int) {
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(order(a), order(b)), strings.Compare(a, b))
	})
}

func (t *tomlScan) fail(what string) {
	panic(failed(t.line, "malformed TOML: %s", what))
}

func (t *tomlScan) note(path, raw string) {
	if t.bytes += len(path); t.bytes > maxPaths || len(t.seen) > maxNodes {
		panic(failed(t.line, "the file has too many values, or values with too long keys"))
	}
	if _, known := t.seen[path]; !known {
		t.seen[path] = tomlPlace{t.line, len(t.seen) + 1, raw}
	}
}

// blank skips blanks and comments, and line ends where they may stand.
func (t *tomlScan) blank(newlines bool) {
	for t.i < len(t.s) {
		switch c := t.s[t.i]; {
		case c == ' ' || c == '\t' || c == '\r':
			t.i++
		case c == '#':
			for t.i < len(t.s) && t.s[t.i] != '\n' {
				t.i++
			}
		case c == '\n' && newlines:
			t.i++
			t.line++
		default:
			return
		}
	}
}

func (t *tomlScan) peek() byte {
	if t.i < len(t.s) {
		return t.s[t.i]
	}
	return 0
}

func (t *tomlScan) expect(text string) {
	if !strings.HasPrefix(t.s[t.i:], text) {
		t.fail("expected " + text)
	}
	t.i += len(text)
}

func (t *tomlScan) file() {
	prefix := ""
	for {
		t.blank(true)
		switch {
		case t.i >= len(t.s):
			return
		case strings.HasPrefix(t.s[t.i:], "[["):
			t.i += 2
			prefix = t.header(true)
			t.expect("]]")
		case t.peek() == '[':
			t.i++
			prefix = t.header(false)
			t.expect("]")
		default:
			t.pair(prefix, 0)
		}
		t.blank(false)
		if t.i < len(t.s) && t.s[t.i] != '\n' {
			t.fail("expected the end of the line")
		}
	}
}

// header reads the name of a table and returns its path.
func (t *tomlScan) header(array bool) string {
	keys := t.keys()
	path := ""
	for i, key := range keys {
		path += tomlKey(key)
		t.note(path, "")
		if n := t.tables[path]; array && i == len(keys)-1 {
			t.tables[path]++
			path += tomlIndex(n)
			t.note(path, "")
		} else if n > 0 {
			path += tomlIndex(n - 1)
		}
	}
	return path
}

// keys reads a dotted key.
func (t *tomlScan) keys() []string {
	var keys []string
	for {
		t.blank(false)
		keys = append(keys, t.key())
		if len(keys) > MaxDepth {
			panic(tooDeep(t.line))
		}
		t.blank(false)
		if t.peek() != '.' {
			return keys
		}
		t.i++
	}
}

func (t *tomlScan) key() string {
	start := t.i
	switch c := t.peek(); c {
	case '"', '\'':
		t.quoted(c)
		raw := t.s[start:t.i]
		if c == '"' && strings.Contains(raw, `\`) {
			if s, err := strconv.Unquote(raw); err == nil {
				return s
			}
		}
		return strings.Trim(raw, string(c))
	}
	for t.i < len(t.s) && !strings.ContainsRune(" \t\r\n.=#[]{},\"'", rune(t.s[t.i])) {
		t.i++
	}
	if t.i == start {
		t.fail("expected a key")
	}
	return t.s[start:t.i]
}

// quoted skips a string on one line.
func (t *tomlScan) quoted(q byte) {
	for t.i++; t.i < len(t.s); t.i++ {
		switch c := t.s[t.i]; {
		case c == '\n':
			t.fail("a string does not end on its line")
		case c == '\\' && q == '"':
			t.i++
		case c == q:
			t.i++
			return
		}
	}
	t.fail("a string does not end")
}

// long skips a string of several lines, which begins and ends with three quotes and may hold one or two at its end.
func (t *tomlScan) long(q byte) {
	end := strings.Repeat(string(q), 3)
	for t.i += 3; t.i < len(t.s); t.i++ {
		switch c := t.s[t.i]; {
		case c == '\n':
			t.line++
		case c == '\\' && q == '"':
			if t.i++; t.peek() == '\n' {
				t.line++
			}
		case c == q && strings.HasPrefix(t.s[t.i:], end):
			t.i += 3
			for n := 0; n < 2 && t.peek() == q; n++ {
				t.i++
			}
			return
		}
	}
	t.fail("a string does not end")
}

// pair reads "key = value".
func (t *tomlScan) pair(prefix string, depth int) {
	path := prefix
	for _, key := range t.keys() {
		path += tomlKey(key)
		t.note(path, "")
	}
	t.expect("=")
	t.value(path, depth)
}

func (t *tomlScan) value(path string, depth int) {
	if depth > MaxDepth {
		panic(tooDeep(t.line))
	}
	t.blank(false)
	switch c := t.peek(); {
	case c == '[':
		t.i++
		for n := 0; ; n++ {
			t.blank(true)
			if t.peek() == ']' {
				t.i++
				return
			}
			at := path + tomlIndex(n)
			t.note(at, "")
			t.value(at, depth+1)
			t.blank(true)
			if t.peek() == ',' {
				t.i++
			} else if t.peek() != ']' {
				t.fail("a list does not end")
			}
		}
	case c == '{':
		t.i++
		for {
			t.blank(true)
			if t.peek() == '}' {
				t.i++
				return
			}
			t.pair(path, depth+1)
			t.blank(true)
			if t.peek() == ',' {
				t.i++
			} else if t.peek() != '}' {
				t.fail("an inline table does not end")
			}
		}
	case c == '"' || c == '\'':
		if strings.HasPrefix(t.s[t.i:], strings.Repeat(string(c), 3)) {
			t.long(c)
		} else {
			t.quoted(c)
		}
	default:
		start := t.i
		for t.i < len(t.s) && !strings.ContainsRune(",]}#\r\n", rune(t.s[t.i])) {
			t.i++
		}
		raw := strings.TrimSpace(t.s[start:t.i])
		if raw == "" {
			t.fail("expected a value")
		}
		place := t.seen[path]
		place.raw = raw
		t.seen[path] = place
	}
}
