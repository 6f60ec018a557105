package config

// Node is a value with what it holds. A nil Node is one that is not there: its methods find nothing.
type Node struct {
	Kind Kind
	Text string // as in [Value]
	Line int

	entries []Entry        // of a map in the order of the text; attributes and children of an XML element
	index   map[string]int // into entries, once there are many
	items   []*Node        // of a list
	again   int            // line on which the key is set once more, where the format leaves open which one counts
	lone    bool           // an XML element that stands alone: also a list of one
}

// Entry is a key of a map with its value.
type Entry struct {
	Name string
	Node *Node
}

// Get returns what the key holds, or nil.
func (n *Node) Get(name string) *Node {
	if n == nil {
		return nil
	}
	if n.index != nil {
		if i, ok := n.index[name]; ok {
			return n.entries[i].Node
		}
		return nil
	}
	for _, e := range n.entries {
		if e.Name == name {
			return e.Node
		}
	}
	return nil
}

// At follows keys from map to map and returns what the last one holds, or nil.
func (n *Node) At(names ...string) *Node {
	for _, name := range names {
		n = n.Get(name)
	}
	return n
}

// Entries returns the keys of a map in the order of the text. It is shared: nobody writes into it.
func (n *Node) Entries() []Entry {
	if n == nil {
		return nil
	}
	return n.entries
}

// Items returns the elements of a list; an XML element that stands alone is a list of itself. It is shared: nobody writes into it.
func (n *Node) Items() []*Node {
	switch {
	case n == nil:
		return nil
	case n.Kind != List && n.lone:
		return []*Node{n}
	}
	return n.items
}

// Str returns the text of a scalar, or "".
func (n *Node) Str() string {
	if n == nil {
		return ""
	}
	return n.Text
}

// many is how many keys a map has before an index is worth its memory.
const many = 8

// add appends an entry; the caller has made sure that the name is new.
func (n *Node) add(name string, child *Node) {
	if n.entries == nil {
		n.entries = make([]Entry, 0, 4)
	}
	n.entries = append(n.entries, Entry{name, child})
	switch {
	case n.index != nil:
		n.index[name] = len(n.entries) - 1
	case len(n.entries) > many:
		n.index = make(map[string]int, 2*len(n.entries))
		for i, e := range n.entries {
			n.index[e.Name] = i
		}
	}
}

// builder makes the nodes of one file and counts them.
type builder struct{ nodes int }

// node makes a node. Past the bound it panics with an *Error, which [builder.guard] turns into one that is returned.
func (b *builder) node(kind Kind, text string, line int) *Node {
	b.count(1, line)
	return &Node{Kind: kind, Text: text, Line: line}
}

func (b *builder) count(n, line int) {
	b.nodes += n
	if b.nodes > maxNodes {
		panic(failed(line, "the file has more than %d values", maxNodes))
	}
}

func (b *builder) deep(depth, line int) {
	if depth > MaxDepth {
		panic(tooDeep(line))
	}
}

func tooDeep(line int) *Error {
	return failed(line, "values are nested more than %d deep", MaxDepth)
}

// guard is deferred: it turns the panic of a bound into the error.
func guard(err **Error) {
	switch r := recover().(type) {
	case nil:
	case *Error:
		*err = r
	default:
		panic(r)
	}
}
