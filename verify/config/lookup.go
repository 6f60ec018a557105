package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// maxSteps bounds the work of one lookup, in nodes visited.
const maxSteps = 200_000

// Lookup returns every value of a key, document by document; none when the key is not there. A key is written like
// server.tls[0].cert or server.tls.0.cert; see the package's tests for quotes and wildcards. Names are case-sensitive. Names that
// hold dots themselves are found without quotes too: "server.ssl.enabled" is the flat key of a properties file, the nested one of
// a YAML file, or both, and then both values are returned, the longest name first.
//
// A wildcard stands for all: where one element has the rest of the key and another has not, the error says which. Other errors: a
// key that is not well-formed, and a key that the file sets twice although its format leaves open which one counts.
func (f *File) Lookup(key string) ([]Value, error) {
	parts, err := parseKey(key)
	if err != nil {
		return nil, err
	}
	l := lookup{file: f, key: key, parts: parts}
	for i, doc := range f.Docs {
		l.doc = i
		l.walk(doc, 0, "")
		if l.err != nil {
			l.err.Path = f.Path
			return nil, l.err
		}
	}
	return l.found, nil
}

type lookup struct {
	file  *File
	key   string
	parts []part
	doc   int
	steps int
	found []Value
	err   *Error
}

// walk follows the parts from i on and reports whether it found anything.
func (l *lookup) walk(n *Node, i int, path string) bool {
	if n == nil || l.err != nil {
		return false
	}
	if l.steps++; l.steps > maxSteps {
		l.err = failed(0, "the key %q finds too much", clip(l.key)).hinted("use fewer wildcards")
		return false
	}
	if n.again > 0 {
		l.err = failed(n.again, "the key %q is set on line %d already", clip(path), n.Line).
			hinted("which one counts depends on who reads it; keep one")
		return false
	}
	if i == len(l.parts) {
		l.found = append(l.found, Value{Text: n.Text, Kind: n.Kind, Line: n.Line, Document: l.doc, Key: path})
		return true
	}
	p := l.parts[i]
	if p.all {
		// "*" is also a name, of which a flat key may be made: it is found in quotes.
		return l.all(n, i, path)
	}
	hit := false
	for j := l.joins(i); j > i; j-- {
		name := p.name
		if !p.exact && j > i+1 {
			name = l.key[p.start:l.parts[j-1].end]
		}
		for _, e := range l.file.named(n, name) {
			hit = l.walk(e.Node, j, spell(path, e.Name)) || hit
		}
	}
	if items := n.Items(); !p.exact && p.index >= 0 && p.index < len(items) {
		hit = l.walk(items[p.index], i+1, fmt.Sprintf("%s[%d]", path, p.index)) || hit
	}
	return hit
}

// joins returns the end of the parts from i on that may be one name together: those up to a quote or a wildcard.
func (l *lookup) joins(i int) int {
	if l.parts[i].exact || l.key[l.parts[i].start] == '[' {
		return i + 1
	}
	j := i + 1
	for j < len(l.parts) && !l.parts[j].exact && !l.parts[j].all {
		j++
	}
	return j
}

// all follows the wildcard.
func (l *lookup) all(n *Node, i int, path string) bool {
	hits, missing := 0, ""
	line := 0
	visit := func(child *Node, at string) {
		switch {
		case l.walk(child, i+1, at):
			hits++
		case missing == "":
			missing, line = at, child.Line
		}
	}
	if items := n.Items(); len(items) > 0 && !(n.lone && l.parts[i].end-l.parts[i].start == 1) {
		for k, item := range items {
			visit(item, fmt.Sprintf("%s[%d]", path, k))
		}
	} else {
		for _, e := range n.entries {
			if l.file.Format != XML || !strings.HasPrefix(e.Name, "@") { // the elements, not the attributes
				visit(e.Node, spell(path, e.Name))
			}
		}
	}
	if hits > 0 && missing != "" && l.err == nil {
		l.err = failed(line, "%s has no %s", missing, l.key[l.parts[i+1].start:]).
			hinted("* stands for all elements; name one to claim something of it alone")
	}
	return hits > 0
}

// named returns the entries of a name: one, or in XML those whose name without the prefix it is.
func (f *File) named(n *Node, name string) []Entry {
	if child := n.Get(name); child != nil {
		return []Entry{{name, child}}
	}
	if f.Format != XML {
		return nil
	}
	attribute := strings.HasPrefix(name, "@")
	var found []Entry
	for _, e := range n.entries {
		_, local, prefixed := strings.Cut(e.Name, ":")
		if attribute {
			local = "@" + local
		}
		if prefixed && local == name && strings.HasPrefix(e.Name, "@") == attribute && !strings.HasPrefix(e.Name, "@xmlns:") {
			found = append(found, e)
		}
	}
	return found
}

// maxNearest bounds the keys that Nearest looks at.
const maxNearest = 5_000

// Nearest returns up to n keys of the file that are most like a key that is not there, the nearest first. Each finds a value.
func (f *File) Nearest(key string, n int) []string {
	type candidate struct {
		key  string
		rank int
	}
	var all []candidate
	seen := map[string]bool{}
	want := fold(key)
	var visit func(node *Node, path string, depth int)
	visit = func(node *Node, path string, depth int) {
		if len(all) >= maxNearest || depth > MaxDepth {
			return
		}
		if path != "" && node.again == 0 && !seen[path] {
			seen[path] = true
			all = append(all, candidate{path, distance(want, fold(path))})
		}
		for _, e := range node.entries {
			visit(e.Node, spell(path, e.Name), depth+1)
		}
		for i, item := range node.items {
			visit(item, fmt.Sprintf("%s[%d]", path, i), depth+1)
		}
	}
	for _, doc := range f.Docs {
		visit(doc, "", 0)
	}
	slices.SortStableFunc(all, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), strings.Compare(a.key, b.key))
	})
	var out []string
	for _, c := range all {
		if len(out) == n {
			break
		}
		if v, err := f.Lookup(c.key); err == nil && len(v) > 0 {
			out = append(out, c.key)
		}
	}
	return out
}

// folded is a key as keys are compared: in lower case, without quotes and the signs that join words.
type folded struct{ whole, last string }

func fold(s string) folded {
	s = strings.ToLower(s)
	if strings.ContainsAny(s, "_- '\"") {
		s = strings.Map(func(r rune) rune {
			switch r {
			case '_', '-', ' ', '\'', '"':
				return -1
			}
			return r
		}, s)
	}
	return folded{s, s[strings.LastIndexAny(s, ".[")+1:]}
}

// distance tells how far apart two keys are: first by case and signs alone, then by the last name, then by letters.
func distance(a, b folded) int {
	if a.whole == b.whole {
		return 0
	}
	d := Distance(a.whole, b.whole)
	if a.last == b.last {
		return 1 + d/2
	}
	return 10 + 2*min(Distance(a.last, b.last), 50) + d
}

// Distance is the number of bytes to put in, take out or change between two texts, of which it looks at the last 60 bytes.
//
// A column of the table of distances is kept as the differences between its neighbours, one bit each in a word (Myers, "A fast
// bit-vector algorithm for approximate string matching", 1999): hints compare thousands of names.
func Distance(a, b string) int {
	a, b = a[max(0, len(a)-60):], b[max(0, len(b)-60):]
	if len(a) == 0 {
		return len(b)
	}
	var where [256]uint64 // of each byte in a
	for i := range len(a) {
		where[a[i]] |= 1 << i
	}
	up, down := ^uint64(0), uint64(0)
	last := uint64(1) << (len(a) - 1)
	d := len(a)
	for i := range len(b) {
		same := where[b[i]]
		x := same | down
		same |= ((same & up) + up) ^ up
		more, less := down|^(same|up), up&same
		switch {
		case more&last != 0:
			d++
		case less&last != 0:
			d--
		}
		more, less = more<<1|1, less<<1
		up, down = less|^(x|more), more&x
	}
	return d
}
