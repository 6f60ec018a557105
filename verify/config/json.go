package config

import (
	"bytes"
	"strings"

	"github.com/tailscale/hujson"
)

func readJSON(b *builder, text []byte) (docs []*Node, err *Error) {
	defer guard(&err)
	at := linesOf(text)
	if line := tooDeepJSON(text, at); line > 0 {
		return nil, tooDeep(line)
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, failed(1, "the file is empty: this is no JSON")
	}
	value, bad := hujson.Parse(text)
	if bad != nil {
		return nil, malformedJSON(bad.Error())
	}
	r := jsonReader{b, at}
	return []*Node{r.node(&value, at.at(value.StartOffset), 0)}, nil
}

// malformedJSON words an error of hujson, which begins "hujson: line 2, column 1: ".
func malformedJSON(message string) *Error {
	message = strings.TrimPrefix(message, "hujson: ")
	line := 0
	if rest, ok := strings.CutPrefix(message, "line "); ok {
		for len(rest) > 0 && rest[0] >= '0' && rest[0] <= '9' && line < MaxSize {
			line, rest = line*10+int(rest[0]-'0'), rest[1:]
		}
		if _, after, ok := strings.Cut(rest, ": "); ok {
			message = after
		}
	}
	return failed(line, "malformed JSON: %s", message).
		hinted("comments and trailing commas are read; single quotes, names without quotes and other JSON5 are not")
}

type jsonReader struct {
	b  *builder
	at lines
}

func (r jsonReader) node(v *hujson.Value, line, depth int) *Node {
	r.b.deep(depth, line)
	switch x := v.Value.(type) {
	case *hujson.Object:
		n := r.b.node(Map, "", line)
		for i := range x.Members {
			m := &x.Members[i]
			name, _ := m.Name.Value.(hujson.Literal)
			key, where := name.String(), r.at.at(m.Name.StartOffset)
			if old := n.Get(key); old != nil {
				panic(twice(key, old.Line, where))
			}
			n.add(key, r.node(&m.Value, where, depth+1))
		}
		return n
	case *hujson.Array:
		n := r.b.node(List, "", line)
		for i := range x.Elements {
			e := &x.Elements[i]
			n.items = append(n.items, r.node(e, r.at.at(e.StartOffset), depth+1))
		}
		return n
	case hujson.Literal:
		switch x.Kind() {
		case '"':
			return r.b.node(String, x.String(), line)
		case '0':
			return r.b.node(Number, string(x), line)
		case 't', 'f':
			return r.b.node(Bool, string(x), line)
		}
	}
	return r.b.node(Null, "", line)
}

func twice(key string, first, second int) *Error {
	return failed(second, "the key %q is set on line %d already", clip(key), first).hinted("which one counts depends on who reads it; keep one")
}

// tooDeepJSON returns the line on which brackets nest deeper than the bound, or 0. It runs before the parser, which recurses.
func tooDeepJSON(text []byte, at lines) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			for i++; i < len(text) && text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
		case '/':
			if i+1 < len(text) && text[i+1] == '/' {
				for i < len(text) && text[i] != '\n' {
					i++
				}
			} else if i+1 < len(text) && text[i+1] == '*' {
				end := bytes.Index(text[i+2:], []byte("*/"))
				if end < 0 {
					return 0 // the parser says so
				}
				i += 2 + end + 1
			}
		case '[', '{':
			if depth++; depth > MaxDepth {
				return at.at(i)
			}
		case ']', '}':
			depth--
		}
	}
	return 0
}

func clip(s string) string {
	if len(s) <= 80 {
		return s
	}
	return strings.ToValidUTF8(s[:77], "") + "..."
}
