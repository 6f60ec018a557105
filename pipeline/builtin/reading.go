package builtin

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/redoubt-dev/redoubt/threat"
)

// reading is what the knowledge understood of one text.
type reading struct {
	text   string
	tokens []token
	said   [][]hit // per signal: places that affirm it, its own or those of a signal that implies it
	denied [][]hit // per signal: places that deny it; empty when it is affirmed in words
}

// read detects the signals in a text. What the text affirms in words wins over what it denies elsewhere; what it denies
// wins over what only follows from other words.
func (k *knowledge) read(text string) *reading {
	r := &reading{text: text, tokens: tokenise(text), said: make([][]hit, len(k.signals)), denied: make([][]hit, len(k.signals))}
	hits := k.detector.find(r.tokens, text)
	k.grammar.deny(r.tokens, hits)
	for _, h := range hits {
		if h.denied {
			r.denied[h.meaning] = append(r.denied[h.meaning], h)
		} else {
			r.said[h.meaning] = append(r.said[h.meaning], h)
		}
	}
	direct := make([]bool, len(k.signals))
	for i := range k.signals {
		if direct[i] = len(r.said[i]) > 0; direct[i] {
			r.denied[i] = nil
		}
	}
	for i := range k.signals {
		if direct[i] {
			k.imply(r, i, r.said[i], direct, map[int]bool{i: true})
		}
	}
	for i := range r.said {
		slices.SortStableFunc(r.said[i], func(a, b hit) int { return cmp.Compare(a.first, b.first) })
	}
	return r
}

// imply carries the places of a signal on to those it implies.
func (k *knowledge) imply(r *reading, from int, places []hit, direct []bool, seen map[int]bool) {
	for _, to := range k.signals[from].implies {
		if seen[to] || len(r.denied[to]) > 0 {
			continue
		}
		seen[to] = true
		if !direct[to] {
			r.said[to] = append(r.said[to], places...)
		}
		k.imply(r, to, places, direct, seen)
	}
}

// holds reports whether a condition is met.
func (r *reading) holds(c condition) bool {
	return slices.ContainsFunc(c, r.meets)
}

func (r *reading) meets(all conjunction) bool {
	for _, l := range all {
		ok := true
		switch l.want {
		case affirmed:
			ok = len(r.said[l.signal]) > 0
		case absent:
			ok = len(r.said[l.signal]) == 0
		case denied:
			ok = len(r.denied[l.signal]) > 0
		}
		if !ok {
			return false
		}
	}
	return true
}

// evidence returns the places behind a condition that is met, in reading order.
func (r *reading) evidence(c condition) []hit {
	var out []hit
	for _, all := range c {
		if !r.meets(all) {
			continue
		}
		for _, l := range all {
			switch l.want {
			case affirmed:
				out = append(out, r.said[l.signal]...)
			case denied:
				out = append(out, r.denied[l.signal]...)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b hit) int { return cmp.Compare(a.first, b.first) })
	return out
}

// maxQuotes is how many quotations a basis carries: enough to judge by, few enough to read.
const maxQuotes = 5

// quote returns the words of the text behind places, as written but for line breaks, without
// repeats (another form of a word is one).
func (r *reading) quote(places []hit) []string {
	var out []string
	seen := map[string]bool{}
	for _, h := range places {
		words := r.words(h)
		key := r.stems(h)
		if words == "" || seen[key] {
			continue
		}
		seen[key] = true
		if out = append(out, words); len(out) == maxQuotes {
			break
		}
	}
	return out
}

// words returns what one place says; for a denial it begins or ends with the word that denies.
func (r *reading) words(h hit) string {
	from, to := h.first, h.last
	if h.denied {
		wide := r.span(min(from, h.cue), max(to, h.cue))
		if utf8.RuneCountInString(wide) <= threat.MaxName/2 {
			return wide
		}
	}
	if words := r.span(from, to); utf8.RuneCountInString(words) <= threat.MaxName {
		return words
	}
	return ""
}

// stems returns what makes two places say the same: "file" and "Files", but not their denial.
func (r *reading) stems(h hit) string {
	var b strings.Builder
	for _, t := range r.tokens[h.first : h.last+1] {
		b.WriteString(t.stem)
		b.WriteByte(' ')
	}
	return b.String()
}

func (r *reading) span(first, last int) string {
	return strings.Join(strings.Fields(r.text[r.tokens[first].start:r.tokens[last].end]), " ")
}

// firstMention is where the earliest of places stands; a large number when there is none.
func firstMention(places []hit) int {
	at := 1 << 30
	for _, h := range places {
		at = min(at, h.first)
	}
	return at
}
