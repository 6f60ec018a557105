package config

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

func readYAML(b *builder, text []byte) ([]*Node, *Error) {
	if root := readPlainYAML(text); root != nil {
		return []*Node{root}, nil
	}
	return readAnyYAML(b, text)
}

// readAnyYAML reads the whole language.
func readAnyYAML(b *builder, text []byte) (docs []*Node, err *Error) {
	defer guard(&err)
	dec := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var doc yaml.Node
		switch bad := dec.Decode(&doc); {
		case errors.Is(bad, io.EOF):
			return docs, nil
		case bad != nil:
			return nil, malformedYAML(bad.Error())
		}
		if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
			continue
		}
		r := yamlReader{b: b, made: map[*yaml.Node]*Node{}}
		if n := r.node(doc.Content[0], doc.Content[0].Line, 0); n.Kind != Null {
			docs = append(docs, n)
		}
	}
}

// malformedYAML words an error of the parser: "yaml: line 2: did not find expected key".
func malformedYAML(message string) *Error {
	message = strings.TrimPrefix(message, "yaml: ")
	line := 0
	if rest, ok := strings.CutPrefix(message, "line "); ok {
		if number, after, ok := strings.Cut(rest, ": "); ok {
			if n, err := strconv.Atoi(number); err == nil {
				line, message = n, after
			}
		}
	}
	e := failed(line, "malformed YAML: %s", message)
	if strings.Contains(message, "cannot start any token") || strings.Contains(message, "not find expected") {
		e.Hint = "a template ({{ ... }}) is no YAML before it is rendered"
	}
	return e
}

// yamlReader turns the nodes of one document into ours. An alias shares the node of its anchor, so that a document of a few
// lines whose aliases multiply into billions of values stays small.
type yamlReader struct {
	b    *builder
	made map[*yaml.Node]*Node // nil while it is being made
}

func (r *yamlReader) node(y *yaml.Node, line, depth int) *Node {
	r.b.deep(depth, line)
	if y.Kind == yaml.AliasNode {
		n, known := r.made[y.Alias]
		switch {
		case known && n == nil:
			panic(failed(y.Line, "the anchor %q holds itself", clip(y.Value)))
		case known:
			shared := *n // it stands on a line of its own
			shared.Line = line
			r.b.count(1, line)
			return &shared
		}
		return r.node(y.Alias, line, depth)
	}
	r.made[y] = nil
	n := r.plain(y, line, depth)
	r.made[y] = n
	return n
}

func (r *yamlReader) plain(y *yaml.Node, line, depth int) *Node {
	tag := y.ShortTag()
	if !strings.HasPrefix(tag, "!!") && tag != "" && tag != "!" {
		return r.tagged(y, tag, line, depth)
	}
	switch y.Kind {
	case yaml.MappingNode:
		n := r.b.node(Map, "", line)
		r.fill(n, y, depth)
		return n
	case yaml.SequenceNode:
		n := r.b.node(List, "", line)
		for _, item := range y.Content {
			n.items = append(n.items, r.node(item, item.Line, depth+1))
		}
		return n
	}
	switch tag {
	case "!!null":
		return r.b.node(Null, "", line)
	case "!!bool":
		return r.b.node(Bool, strings.ToLower(y.Value), line)
	case "!!int", "!!float":
		return r.b.node(Number, y.Value, line)
	}
	return r.b.node(String, y.Value, line)
}

// tagged reads a value with a tag of somebody's own (!Ref, !vault, !If): what it comes to is not known here. A scalar reads
// "!Ref Name", anything else is a map of the tag to it, so that no path into it is taken for one into the result.
func (r *yamlReader) tagged(y *yaml.Node, tag string, line, depth int) *Node {
	if y.Kind == yaml.ScalarNode {
		return r.b.node(String, tag+" "+y.Value, line)
	}
	inner := *y
	inner.Tag = ""
	n := r.b.node(Map, "", line)
	n.add(tag, r.plain(&inner, line, depth+1))
	return n
}

// fill adds the keys of a mapping, then those that its merge keys (<<) bring: the mapping's own go first, then the first merged.
func (r *yamlReader) fill(n *Node, y *yaml.Node, depth int) {
	var merged []*yaml.Node
	for i := 0; i+1 < len(y.Content); i += 2 {
		key, value := y.Content[i], y.Content[i+1]
		if key.Kind == yaml.ScalarNode && key.ShortTag() == "!!merge" {
			merged = append(merged, value)
			continue
		}
		scalar := key
		if scalar.Kind == yaml.AliasNode {
			scalar = scalar.Alias
		}
		if scalar.Kind != yaml.ScalarNode {
			panic(failed(key.Line, "a key that is a list or map is not supported"))
		}
		if old := n.Get(scalar.Value); old != nil {
			panic(twice(scalar.Value, old.Line, key.Line))
		}
		n.add(scalar.Value, r.node(value, key.Line, depth+1))
	}
	for _, m := range merged {
		r.merge(n, m, depth)
	}
}

func (r *yamlReader) merge(n *Node, from *yaml.Node, depth int) {
	sources := []*yaml.Node{from}
	if from.Kind == yaml.SequenceNode {
		sources = from.Content
	}
	for _, s := range sources {
		m := r.node(s, s.Line, depth+1)
		if m.Kind != Map {
			panic(failed(s.Line, "<< merges mappings; this is a %s", m.Kind))
		}
		for _, e := range m.entries {
			if n.Get(e.Name) == nil {
				r.b.count(1, s.Line)
				n.add(e.Name, e.Node)
			}
		}
	}
}
