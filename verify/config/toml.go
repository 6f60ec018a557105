package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/BurntSushi/toml"
)

// readTOML lets the library judge and decode, and takes from [tomlScan] what it does not tell: lines and numbers as written.
func readTOML(b *builder, text []byte) (docs []*Node, err *Error) {
	defer guard(&err)
	scan := tomlScan{s: string(text), line: 1, seen: map[string]tomlPlace{}, tables: map[string]int{}}
	scan.file()
	var tree map[string]any
	if _, bad := toml.Decode(string(text), &tree); bad != nil {
		var at toml.ParseError
		if errors.As(bad, &at) {
			return nil, failed(at.Position.Line, "malformed TOML: %s", at.Message)
		}
		return nil, failed(0, "malformed TOML: %s", strings.TrimPrefix(bad.Error(), "toml: "))
	}
	r := tomlReader{b, scan.seen}
	return []*Node{r.table(tree, "", 1, 0)}, nil
}

type tomlReader struct {
	b    *builder
	seen map[string]tomlPlace
}

func (r tomlReader) table(t map[string]any, path string, line, depth int) *Node {
	n := r.b.node(Map, "", line)
	for _, name := range r.order(t, path) {
		n.add(name, r.node(t[name], path+tomlKey(name), depth+1))
	}
	return n
}

// order sorts names by the place in the text.
func (r tomlReader) order(t map[string]any, path string) []string {
	names := make([]string, 0, len(t))
	for name := range t {
		names = append(names, name)
	}
	sortBy(names, func(name string) int { return r.seen[path+tomlKey(name)].order })
	return names
}

func (r tomlReader) node(v any, path string, depth int) *Node {
	place := r.seen[path]
	line := place.line
	r.b.deep(depth, line)
	switch x := v.(type) {
	case map[string]any:
		return r.table(x, path, line, depth)
	case []map[string]any:
		n := r.b.node(List, "", line)
		for i := range x {
			n.items = append(n.items, r.node(x[i], path+tomlIndex(i), depth+1))
		}
		return n
	case []any:
		n := r.b.node(List, "", line)
		for i := range x {
			n.items = append(n.items, r.node(x[i], path+tomlIndex(i), depth+1))
		}
		return n
	case string:
		return r.b.node(String, x, line)
	case bool:
		return r.b.node(Bool, fmt.Sprint(x), line)
	case int64, float64:
		if place.raw != "" {
			return r.b.node(Number, strings.ReplaceAll(place.raw, "_", ""), line)
		}
		return r.b.node(Number, fmt.Sprint(x), line)
	}
	// A date or a time.
	if place.raw != "" {
		return r.b.node(String, place.raw, line)
	}
	return r.b.node(String, fmt.Sprint(v), line)
}
