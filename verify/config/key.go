package config

import (
	"strconv"
	"strings"
)

// part is one part of a key.
type part struct {
	name  string
	index int  // of a list; -1 when it cannot be one
	all   bool // the wildcard
	exact bool // in quotes: one whole name
	start int  // in the key, without the dot or bracket before it
	end   int
}

// maxKey bounds the length of a key in bytes.
const maxKey = 1_000

// parseKey reads a key: names parted by dots, "[0]" or ".0" for an element of a list, "*" or "[*]" for all elements of a list or
// keys of a map, and 'a.b', "a.b", ['a.b'] or ["a.b"] for a name that holds dots. In quotes a backslash goes before a quote or
// backslash.
func parseKey(key string) ([]part, error) {
	bad := func(message string) ([]part, error) {
		return nil, (&Error{Message: "the key " + strconv.Quote(clip(key)) + " " + message}).
			hinted(`a key is written like server.tls[0].cert, with names that hold dots in quotes: labels."app.kubernetes.io/name"`)
	}
	if len(key) > maxKey {
		return bad("is too long")
	}
	var parts []part
	for i := 0; i < len(key); {
		start := i
		var p part
		switch c := key[i]; {
		case c == '[':
			if i+1 < len(key) && (key[i+1] == '"' || key[i+1] == '\'') {
				name, end, ok := quotedName(key, i+1)
				if !ok || end >= len(key) || key[end] != ']' {
					return bad("has a bracket that does not end")
				}
				p, i = part{name: name, index: -1, exact: true}, end+1
				break
			}
			end := strings.IndexByte(key[i:], ']')
			if end < 0 {
				return bad("has a bracket that does not end")
			}
			inner := key[i+1 : i+end]
			i += end + 1
			if inner == "*" {
				p = part{index: -1, all: true}
			} else if p.index = indexOf(inner); p.index < 0 {
				return bad("has a bracket without a number, * or a name in quotes")
			} else {
				p.name = inner
			}
		case c == '"' || c == '\'':
			name, end, ok := quotedName(key, i)
			if !ok {
				return bad("has a quote that does not end")
			}
			p, i = part{name: name, index: -1, exact: true}, end
		default:
			for i < len(key) && key[i] != '.' && key[i] != '[' {
				i++
			}
			name := key[start:i]
			if name == "" {
				return bad("has an empty name")
			}
			p = part{name: name, index: indexOf(name), all: name == "*"}
		}
		p.start, p.end = start, i
		parts = append(parts, p)
		if i == len(key) {
			break
		}
		if key[i] == '.' {
			if i++; i == len(key) {
				return bad("ends with a dot")
			}
		} else if key[i] != '[' {
			return bad("has something after a quote or bracket that is neither a dot nor a bracket")
		}
	}
	switch {
	case len(parts) == 0:
		return bad("is empty")
	case len(parts) > MaxDepth:
		return bad("has too many parts")
	}
	return parts, nil
}

// indexOf reads the index of an element, or returns -1.
func indexOf(s string) int {
	if s == "" || len(s) > 7 || len(s) > 1 && s[0] == '0' {
		return -1
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return -1
		}
	}
	n, _ := strconv.Atoi(s)
	return n
}

// quotedName reads a name whose quote is at i, and returns the offset behind it.
func quotedName(key string, i int) (name string, end int, ok bool) {
	q := key[i]
	var b strings.Builder
	for i++; i < len(key); i++ {
		switch c := key[i]; {
		case c == q:
			return b.String(), i + 1, true
		case c == '\\' && i+1 < len(key) && (key[i+1] == '\\' || key[i+1] == '"' || key[i+1] == '\''):
			i++
			b.WriteByte(key[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", 0, false
}

// spell writes a name as a part of a key, after what stands before.
func spell(before, name string) string {
	plain := name != "" && name != "*" && !strings.ContainsAny(name, "[]'\"\n") &&
		!strings.HasPrefix(name, ".") && !strings.HasSuffix(name, ".") && !strings.Contains(name, "..")
	if plain {
		for part := range strings.SplitSeq(name, ".") {
			plain = plain && part != "*"
		}
	}
	if !plain {
		return before + "['" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(name) + "']"
	}
	if before == "" {
		return name
	}
	return before + "." + name
}
