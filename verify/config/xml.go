package config

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// readXML reads elements as keys, from the root element on: web-app.session-config.cookie-config.secure. An attribute is "@name",
// elements of one name side by side are a list, the text of an element is its value. Names keep the prefix they are written
// with and are found without it too. Entities beyond those of XML are an error; nothing outside of the file is read.
func readXML(b *builder, text []byte) (docs []*Node, err *Error) {
	defer guard(&err)
	dec := xml.NewDecoder(bytes.NewReader(text))
	at := linesOf(text)
	root := b.node(Map, "", 1)
	type open struct {
		name string
		node *Node
		text strings.Builder
	}
	stack := []*open{{node: root}}
	for {
		offset := int(dec.InputOffset())
		token, bad := dec.RawToken()
		line := at.at(offset)
		if errors.Is(bad, io.EOF) {
			break
		}
		if bad != nil {
			var syntax *xml.SyntaxError
			if errors.As(bad, &syntax) {
				return nil, failed(syntax.Line, "malformed XML: %s", syntax.Msg)
			}
			return nil, failed(line, "malformed XML: %s", strings.TrimPrefix(bad.Error(), "xml: "))
		}
		top := stack[len(stack)-1]
		switch x := token.(type) {
		case xml.StartElement:
			b.deep(len(stack), line)
			if len(stack) == 1 && len(root.entries) > 0 {
				return nil, failed(line, "malformed XML: a second root element")
			}
			n := b.node(Map, "", line)
			n.lone = true
			for _, a := range x.Attr {
				name := "@" + qualified(a.Name)
				if n.Get(name) != nil {
					return nil, failed(line, "malformed XML: the attribute %q stands twice", clip(name[1:]))
				}
				n.add(name, b.node(String, a.Value, line))
			}
			stack = append(stack, &open{name: qualified(x.Name), node: n})
			addElement(b, top.node, qualified(x.Name), n)
		case xml.EndElement:
			if name := qualified(x.Name); len(stack) == 1 || name != top.name {
				return nil, failed(line, "malformed XML: </%s> closes nothing", clip(name))
			}
			top.node.finish(top.text.String())
			stack = stack[:len(stack)-1]
		case xml.CharData:
			if len(stack) == 1 {
				if len(bytes.TrimSpace(x)) > 0 {
					return nil, failed(line, "malformed XML: text outside of the root element")
				}
				continue
			}
			top.text.Write(x)
		}
	}
	if len(stack) > 1 {
		return nil, failed(at.at(len(text)), "malformed XML: <%s> does not end", clip(stack[len(stack)-1].name))
	}
	if len(root.entries) == 0 {
		return nil, failed(1, "malformed XML: no element")
	}
	return []*Node{root}, nil
}

func qualified(n xml.Name) string {
	if n.Space == "" {
		return n.Local
	}
	return n.Space + ":" + n.Local
}

// addElement adds a child element: the second of its name makes a list of both.
func addElement(b *builder, parent *Node, name string, n *Node) {
	old := parent.Get(name)
	switch {
	case old == nil:
		parent.add(name, n)
	case old.Kind == List && !old.lone:
		n.lone = false
		old.items = append(old.items, n)
	default:
		// The first element is closed: nothing is added to it any more, so that a copy will do.
		first := *old
		first.lone = false
		n.lone = false
		*old = *b.node(List, "", first.Line)
		old.items = []*Node{&first, n}
	}
}

// finish gives an element its value once it is read: text makes it a string, even where it has attributes.
func (n *Node) finish(text string) {
	n.Text = strings.TrimSpace(text)
	for _, e := range n.entries {
		if !strings.HasPrefix(e.Name, "@") {
			n.Text = ""
			return // with elements inside it is a map, and text between them is layout
		}
	}
	if n.Text != "" || len(n.entries) == 0 {
		n.Kind = String
	}
}
