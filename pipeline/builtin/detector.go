package builtin

import (
	"slices"
	"strings"
	"unicode"
)

// detector finds the terms of a vocabulary in a text. Meanings are small numbers that the owner of the vocabulary gives
// out; the detector only says which were found, where, and whether the text denies them. It is read-only once built.
type detector struct {
	root *node
}

// node is a place in the trie of stemmed words.
type node struct {
	next  map[string]*node
	terms []term // terms that end here
}

// term is one way to say a meaning.
type term struct {
	meaning int      // nothing, for a false friend that only keeps shorter terms from matching inside it
	exact   []string // words in their very case, for terms such as "REST"; nil when case does not matter
	near    []string // stems, one of which must stand close by; nil when the term speaks for itself
}

// nothing is the meaning of a false friend.
const nothing = -1

// nearby is how many words around an ambiguous term are searched for its context.
const nearby = 14

// hit is a meaning found in a text.
type hit struct {
	meaning     int
	first, last int // token indexes
	denied      bool
	cue         int // token index of the word that denies it
}

func newDetector() *detector { return &detector{root: &node{}} }

// add puts a term into the vocabulary. A word with a capital letter matches in that case only. A word that ends in "~"
// stands for its verb forms. It reports false when the term has no words.
func (d *detector) add(text string, meaning int, near []string) bool {
	forms := [][]string{nil}
	capital := false
	for _, w := range strings.Fields(strings.NewReplacer("-", " ", "/", " ", ".", " ").Replace(text)) {
		capital = capital || strings.IndexFunc(w, unicode.IsUpper) >= 0
		var next [][]string
		for _, inflected := range inflect(w) {
			for _, f := range forms {
				next = append(next, append(slices.Clone(f), inflected))
			}
		}
		forms = next
	}
	if len(forms[0]) == 0 {
		return false
	}
	t := term{meaning: meaning}
	for _, n := range near {
		for _, form := range inflect(n) {
			t.near = append(t.near, singular(fold(form)))
		}
	}
	for _, words := range forms {
		t := t
		if capital {
			t.exact = words
		}
		n := d.root
		for _, w := range words {
			n = n.child(singular(fold(w)))
		}
		if !slices.ContainsFunc(n.terms, func(o term) bool { return o.meaning == meaning && o.exact == nil && o.near == nil }) {
			n.terms = append(n.terms, t)
		}
	}
	return true
}

func (n *node) child(stem string) *node {
	if n.next == nil {
		n.next = map[string]*node{}
	}
	c := n.next[stem]
	if c == nil {
		c = &node{}
		n.next[stem] = c
	}
	return c
}

// inflect returns the forms of a word of a term: itself, or with "~" also its verb forms. Plurals need none: stems meet.
func inflect(w string) []string {
	verb, ok := strings.CutSuffix(w, "~")
	if !ok {
		return []string{w}
	}
	switch {
	case strings.HasSuffix(verb, "e"):
		return []string{verb, verb + "d", verb[:len(verb)-1] + "ing"}
	case strings.HasSuffix(verb, "y") && len(verb) > 3 && !strings.ContainsRune("aeo", rune(verb[len(verb)-2])):
		return []string{verb, verb[:len(verb)-1] + "ied", verb + "ing"}
	}
	return []string{verb, verb + "ed", verb + "ing"}
}

// find returns the hits in a text in reading order: at each place the longest term that fits, and nothing inside it.
func (d *detector) find(tokens []token, text string) []hit {
	var out []hit
	for i := 0; i < len(tokens); {
		length, terms := d.longest(tokens, text, i)
		if length == 0 {
			i++
			continue
		}
		for _, t := range terms {
			if t.meaning != nothing {
				out = append(out, hit{meaning: t.meaning, first: i, last: i + length - 1, cue: -1})
			}
		}
		i += length
	}
	return out
}

// longest returns the length in words of the longest term at tokens[i] that fits, and every meaning of that length.
func (d *detector) longest(tokens []token, text string, i int) (int, []term) {
	var length int
	var fits []term
	n := d.root
	for j := i; j < len(tokens); j++ {
		if j > i && tokens[j].before >= comma {
			break // a term does not reach across a comma or the end of a sentence
		}
		if n = n.next[tokens[j].stem]; n == nil {
			break
		}
		var here []term
		for _, t := range n.terms {
			if t.fits(tokens, text, i, j) {
				here = append(here, t)
			}
		}
		if len(here) > 0 {
			length, fits = j-i+1, here
		}
	}
	return length, fits
}

func (t term) fits(tokens []token, text string, first, last int) bool {
	for k, want := range t.exact {
		tok := tokens[first+k]
		got := strings.TrimSuffix(strings.TrimSuffix(text[tok.start:tok.end], "'s"), "’s")
		if strings.IndexFunc(want, unicode.IsUpper) >= 0 && got != want && got != want+"s" {
			return false
		}
	}
	if t.near == nil {
		return true
	}
	for j := max(0, first-nearby); j < min(len(tokens), last+nearby+1); j++ {
		if (j < first || j > last) && slices.Contains(t.near, tokens[j].stem) {
			return true
		}
	}
	return false
}
