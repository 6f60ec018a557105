package config

import (
	"path"
	"strings"
)

// dialect is what the readers of INI files do not agree on.
type dialect struct {
	flags   bool // a name alone is a switch that is on: my.cnf
	inline  bool // a comment may follow a value
	array   bool // "name[]" adds to a list: php.ini, .npmrc
	equals  bool // ":" does not part name and value
	repeats bool // a name that stands again adds a value instead of replacing it: systemd
}

func dialectOf(file string) dialect {
	d := dialect{inline: true, array: true}
	switch strings.ToLower(path.Ext(file)) {
	case ".cnf":
		d.flags = true
	case ".service", ".socket", ".timer":
		return dialect{equals: true, repeats: true}
	case ".npmrc":
		d.equals = true // keys hold URLs
	}
	return d
}

// readINI reads sections of names and values: "[section]" and "name = value" or "name: value", found as section.name. Comments
// begin with ";" or "#", on a line of their own or, but in systemd units, after a blank. A line that is indented deeper than the
// name above it continues that value, and so does one after a "\". A name that stands twice in a section is an error when it is
// looked up, for readers differ in which one counts. Values are text; nothing is interpolated or inherited.
func readINI(b *builder, text []byte, d dialect) (docs []*Node, err *Error) {
	defer guard(&err)
	root := b.node(Map, "", 1)
	section := root
	var last *Node      // that a continuation adds to
	var pieces []string // of its value
	end := func() {
		if len(pieces) > 1 {
			last.Text = strings.Join(pieces, "\n")
		}
		last, pieces = nil, nil
	}
	defer end()
	indent := 0
	rows := strings.Split(string(text), "\n")
	for i := 0; i < len(rows); i++ {
		line := i + 1
		row := strings.TrimRight(rows[i], " \t\r")
		body := strings.TrimLeft(row, " \t")
		if body == "" || body[0] == ';' || body[0] == '#' {
			continue
		}
		deeper := len(row)-len(body) > indent
		if last != nil && deeper && !(body[0] == '[' && strings.HasSuffix(body, "]")) {
			pieces = append(pieces, bare(body, d))
			continue
		}
		end()
		if strings.HasSuffix(body, `\`) {
			var whole []string
			for next := body; ; next = strings.TrimSpace(rows[i]) {
				part, more := strings.CutSuffix(next, `\`)
				whole = append(whole, strings.TrimRight(part, " \t"))
				if !more || i+1 == len(rows) {
					break
				}
				i++
			}
			if body = strings.TrimSpace(strings.Join(whole, " ")); body == "" {
				continue
			}
		}
		indent = len(row) - len(strings.TrimLeft(row, " \t"))
		if body[0] == '[' {
			name, bad := sectionName(body, line)
			if bad != nil {
				return nil, bad
			}
			section = root.Get(name)
			if section == nil {
				section = b.node(Map, "", line)
				root.add(name, section)
			} else if section.Kind != Map {
				return nil, failed(line, "%q is a name and a section", clip(name))
			}
			continue
		}
		name, value, ok := iniPair(body, d)
		if !ok {
			return nil, failed(line, "malformed INI: %q is neither [section] nor name = value", clip(body)).
				hinted("pattern_matches reads files of other formats, such as nginx and HOCON")
		}
		last, pieces = put(b, section, name, b.node(String, value, line), d), []string{value}
	}
	return []*Node{root}, nil
}

// put sets a name of a section, or adds to its list. It returns the node that now holds the value.
func put(b *builder, section *Node, name string, value *Node, d dialect) *Node {
	list := d.repeats
	if d.array {
		if trimmed, ok := strings.CutSuffix(name, "[]"); ok && trimmed != "" {
			name, list = trimmed, true
		}
	}
	old := section.Get(name)
	switch {
	case old == nil && list && !d.repeats:
		l := b.node(List, "", value.Line)
		l.items = []*Node{value}
		section.add(name, l)
	case old == nil:
		section.add(name, value)
	case list && old.Kind == List:
		old.items = append(old.items, value)
	case list && old.Kind == String:
		first := *old
		*old = Node{Kind: List, Line: old.Line, items: []*Node{&first, value}}
	default:
		old.again = value.Line
	}
	return value
}

func sectionName(body string, line int) (string, *Error) {
	end := strings.IndexByte(body, ']')
	if quote := strings.IndexByte(body, '"'); quote >= 0 && quote < end { // [remote "a]b"]
		end = strings.Index(body, `"]`) + 1
	}
	if end < 1 {
		return "", failed(line, "malformed INI: a section does not end").hinted("a section is written [name]")
	}
	rest := strings.TrimSpace(body[end+1:])
	if rest != "" && rest[0] != ';' && rest[0] != '#' {
		return "", failed(line, "malformed INI: %q follows a section", clip(rest))
	}
	name := strings.TrimSpace(body[1:end])
	if name == "" {
		return "", failed(line, "malformed INI: a section without a name")
	}
	return name, nil
}

func iniPair(body string, d dialect) (name, value string, ok bool) {
	signs := "=:"
	if d.equals {
		signs = "="
	}
	i := strings.IndexAny(body, signs)
	if i < 0 {
		if flag := bare(body, d); d.flags && !strings.ContainsAny(flag, " \t{}()<>\"") {
			return flag, "true", true
		}
		return "", "", false
	}
	name = strings.TrimSpace(body[:i])
	if name == "" || strings.ContainsAny(name, "{}<>\"") {
		return "", "", false
	}
	return name, bare(strings.TrimSpace(body[i+1:]), d), true
}

// bare takes off quotes around a value and a comment after it.
func bare(value string, d dialect) string {
	if value == "" {
		return ""
	}
	if q := value[0]; q == '"' || q == '\'' {
		if end := strings.IndexByte(value[1:], q); end >= 0 {
			rest := strings.TrimSpace(value[end+2:])
			if rest == "" || d.inline && (rest[0] == ';' || rest[0] == '#') {
				return value[1 : end+1]
			}
		}
		return value
	}
	if !d.inline {
		return value
	}
	for i := range len(value) {
		comment := value[i] == ';' || value[i] == '#'
		if comment && (i == 0 || value[i-1] == ' ' || value[i-1] == '\t') {
			return strings.TrimRight(value[:i], " \t")
		}
	}
	return value
}
