package config

import (
	"bytes"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Most files of YAML hold nothing but mappings and lists by indentation, with values of one line. These are read here, an order
// of magnitude faster than the whole language is; what goes beyond it is left to the library, errors included. A text that is
// read here reads the same there: a test holds the two against each other.

// plainYAML reads one document of that part of YAML, a line at a time.
type plainYAML struct {
	text string
	next int // offset of the line after this one

	line   int    // this line, from 1
	indent int    // spaces before it; -1 behind the end
	rest   string // what stands there, without blanks at its end

	nodes int
	spare []Node // made in one go
	bad   bool   // this text is for the library
}

// readPlainYAML returns the value of the document, or nil for a text that is not of this part of YAML.
func readPlainYAML(text []byte) *Node {
	for _, c := range text {
		if c < ' ' && c != '\n' || c > '~' {
			return nil
		}
	}
	if bytes.HasPrefix(text, []byte("- ")) {
		return nil
	}
	p := &plainYAML{text: string(text)}
	p.advance()
	if p.indent != 0 {
		return nil
	}
	root := p.node(Map, "", p.line)
	p.mapping(root, 0, 0)
	if p.bad || p.indent >= 0 {
		return nil
	}
	return root
}

// node makes a node. The bounds that all formats share are the library's reader to report.
func (p *plainYAML) node(kind Kind, text string, line int) *Node {
	if p.nodes++; p.nodes > maxNodes {
		p.bad = true
	}
	if len(p.spare) == 0 {
		p.spare = make([]Node, min(32+p.nodes/2, 512))
	}
	n := &p.spare[0]
	p.spare = p.spare[1:]
	n.Kind, n.Text, n.Line = kind, text, line
	return n
}

// advance goes to the next line that is neither blank nor a comment.
func (p *plainYAML) advance() {
	for p.next < len(p.text) {
		line := p.text[p.next:]
		if i := strings.IndexByte(line, '\n'); i >= 0 {
			line = line[:i]
		}
		p.next += len(line) + 1
		p.line++
		indent := 0
		for indent < len(line) && line[indent] == ' ' {
			indent++
		}
		if indent < len(line) && line[indent] != '#' {
			p.indent, p.rest = indent, strings.TrimRight(line[indent:], " ")
			return
		}
	}
	p.indent, p.rest = -1, ""
}

func isItem(s string) bool { return len(s) > 2 && s[0] == '-' && s[1] == ' ' }

// mapping reads the keys that stand at the indentation, from this line on.
func (p *plainYAML) mapping(n *Node, indent, depth int) {
	for p.indent == indent && !p.bad {
		name, value, ok := cutKey(p.rest)
		if !ok || n.Get(name) != nil || depth >= MaxDepth {
			p.bad = true
			return
		}
		line := p.line
		n.add(name, p.value(value, line, indent, depth+1))
	}
	p.bad = p.bad || p.indent > indent
}

// value reads what a key of the indentation holds: what stands behind it, or below.
func (p *plainYAML) value(text string, line, indent, depth int) *Node {
	if text != "" {
		return p.inline(text, line, indent, depth)
	}
	p.advance()
	switch {
	case isItem(p.rest) && p.indent >= indent:
		n := p.node(List, "", line)
		p.list(n, p.indent, depth)
		return n
	case p.indent > indent:
		n := p.node(Map, "", line)
		p.mapping(n, p.indent, depth)
		return n
	}
	return p.node(Null, "", line)
}

// list reads the elements that stand at the indentation.
func (p *plainYAML) list(n *Node, indent, depth int) {
	for p.indent == indent && isItem(p.rest) && !p.bad {
		if depth >= MaxDepth {
			p.bad = true
			return
		}
		line, item := p.line, strings.TrimLeft(p.rest[2:], " ")
		var child *Node
		if _, _, isKey := cutKey(item); isKey { // a mapping whose first key stands behind the dash
			p.indent += len(p.rest) - len(item)
			p.rest = item
			child = p.node(Map, "", line)
			p.mapping(child, p.indent, depth+1)
		} else {
			child = p.inline(item, line, indent, depth+1)
		}
		n.items = append(n.items, child)
	}
	p.bad = p.bad || p.indent > indent
}

// inline reads a value that is the rest of its line, and makes sure that it ends there.
func (p *plainYAML) inline(text string, line, indent, depth int) *Node {
	var n *Node
	if text[0] == '[' {
		n = p.flow(text, line, depth)
	} else {
		value, quoted, ok := cutScalar(text)
		p.bad = p.bad || !ok
		n = p.scalar(value, quoted, line)
	}
	p.advance()
	p.bad = p.bad || p.indent > indent // it goes on
	return n
}

// scalar makes the node of a value as the library would tell its type.
func (p *plainYAML) scalar(text string, quoted bool, line int) *Node {
	kind := String
	if !quoted && !isOnlyText(text) {
		switch (&yaml.Node{Kind: yaml.ScalarNode, Value: text}).ShortTag() {
		case "!!null":
			return p.node(Null, "", line)
		case "!!bool":
			kind, text = Bool, strings.ToLower(text)
		case "!!int", "!!float":
			kind = Number
		}
	}
	return p.node(kind, text, line)
}

// isOnlyText reports whether the first letter tells that the value is no null, bool or number: the library knows none of them
// that begins with another letter than these.
func isOnlyText(s string) bool {
	if s == "" {
		return false
	}
	c := s[0] | 0x20
	return 'a' <= c && c <= 'z' && strings.IndexByte("fnoty", c) < 0
}

// flow reads a list of words: "[a, b]".
func (p *plainYAML) flow(text string, line, depth int) *Node {
	n := p.node(List, "", line)
	end := strings.IndexByte(text, ']')
	if end < 0 || !isComment(text[end+1:]) || depth >= MaxDepth {
		p.bad = true
		return n
	}
	inner := strings.TrimSpace(text[1:end])
	if inner != "" {
		n.items = make([]*Node, 0, 1+strings.Count(inner, ","))
	}
	for inner != "" && !p.bad {
		item, after, more := strings.Cut(inner, ",")
		item, inner = strings.TrimSpace(item), strings.TrimSpace(after)
		if item == "" || more && inner == "" {
			p.bad = true
			break
		}
		quoted := len(item) > 1 && (item[0] == '"' || item[0] == '\'') && item[len(item)-1] == item[0]
		if quoted {
			item = item[1 : len(item)-1]
		}
		for i := range len(item) {
			p.bad = p.bad || !isWordByte(item[i])
		}
		if !quoted && (item[0] == '-' || item[0] == '.') {
			p.bad = true
		}
		if !p.bad {
			n.items = append(n.items, p.scalar(item, quoted, line))
		}
	}
	return n
}

// isComment reports whether what stands behind a value says nothing.
func isComment(s string) bool {
	trimmed := strings.TrimLeft(s, " ")
	return trimmed == "" || len(trimmed) < len(s) && trimmed[0] == '#'
}

func isWordByte(c byte) bool {
	return c == '_' || c == '-' || c == '.' || c == '/' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// maxPlainKey bounds the length of a key; the library knows another bound.
const maxPlainKey = 200

// cutKey cuts a line at the colon behind a key that is one word. A value is "" when nothing but a comment stands there.
func cutKey(s string) (name, value string, ok bool) {
	i := 0
	for i < len(s) && isWordByte(s[i]) {
		i++
	}
	if i == 0 || i > maxPlainKey || s[0] == '-' || s[0] == '.' || i == len(s) || s[i] != ':' {
		return "", "", false
	}
	if isComment(s[i+1:]) {
		return s[:i], "", true
	}
	if s[i+1] != ' ' {
		return "", "", false
	}
	return s[:i], strings.TrimLeft(s[i+1:], " "), true
}

// cutScalar returns the value that a text begins with and that nothing but a comment follows. Quoted ones have no escapes.
func cutScalar(s string) (value string, quoted, ok bool) {
	switch c := s[0]; {
	case c == '"' || c == '\'':
		end := strings.IndexByte(s[1:], c)
		if end < 0 {
			return "", true, false
		}
		value = s[1 : 1+end]
		return value, true, isComment(s[end+2:]) && (c == '\'' || strings.IndexByte(value, '\\') < 0)
	case c == '~':
		return "~", false, isComment(s[1:])
	case c == '-' && len(s) > 1 && isWordByte(s[1]) && s[1] != '-':
	case !isWordByte(c) || c == '-':
		return "", false, false
	}
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == ':' && (i+1 == len(s) || s[i+1] == ' '): // a mapping, where none may be
			return "", false, false
		case s[i] == '#' && s[i-1] == ' ':
			return strings.TrimRight(s[:i], " "), false, true
		}
	}
	return s, false, true
}
