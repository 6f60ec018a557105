// Package secret finds credentials that stand in a text in the clear. Rules are regular expressions over the formats that
// providers publish, and two general ones over names such as "password". A finding names the rule and the line and never the
// credential. All of it is linear in the length of the text.
package secret

import (
	"bytes"
	"math"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Rule tells credentials of one kind by their form.
type Rule struct {
	ID       string
	Title    string
	Source   string   // where the form is described, or what it is
	Keywords []string // lower case; a text that holds none of them is not searched
	Pattern  string   // RE2; the first group, where there is one, is the credential
	Entropy  float64  // the least Shannon entropy in bits a character; 0 for forms that say enough
	Lines    bool     // the form spans several lines
	General  bool     // told by the name before it rather than by its own form: references and plain words are no credential

	re *regexp.Regexp
}

// Hit is a credential in a text.
type Hit struct {
	Rule  string // the rule's ID
	Title string
	Line  int // from 1
}

// compiled returns the builtin rules, ready to use. They are compiled when they are wanted first: most programs never want them.
var compiled = sync.OnceValue(func() []Rule {
	all := slices.Concat(providers, general)
	for i := range all {
		all[i].re = regexp.MustCompile(all[i].Pattern)
	}
	return all
})

// Rules returns the builtin rules. The list is shared: nobody writes into it.
func Rules() []Rule { return compiled() }

// Find returns the credentials in a text in the order of lines, one of each rule on a line.
func Find(text []byte) []Hit {
	starts := lineStarts(text)
	parts := candidates(text, starts)
	var hits []Hit
	for i := range compiled() {
		r := &compiled()[i]
		last := 0
		for _, part := range parts[i] {
			for _, m := range r.re.FindAllSubmatchIndex(text[part.start:part.end], -1) {
				at, counts := r.credential(text[part.start:part.end], m)
				if !counts {
					continue
				}
				line, exact := slices.BinarySearch(starts, part.start+at)
				if exact {
					line++
				}
				if line != last {
					hits = append(hits, Hit{Rule: r.ID, Title: r.Title, Line: line})
					last = line
				}
			}
		}
	}
	slices.SortStableFunc(hits, func(a, b Hit) int { return a.Line - b.Line })
	return hits
}

type span struct{ start, end int }

// keyword is one keyword with the rules, by index, that it is of.
type keyword struct {
	text  string
	rules []int
}

// index finds the keywords that begin at a place by their first two bytes, so that a text is read once for all of them.
type index struct {
	buckets [1 << 16]uint8 // into keywords; 0 for none
	words   [][]keyword
}

// keywords returns the index of the builtin rules.
var keywords = sync.OnceValue(func() *index {
	x := &index{words: [][]keyword{nil}}
	for i, r := range compiled() {
		for _, word := range r.Keywords {
			b := &x.buckets[int(word[0])<<8|int(word[1])]
			if *b == 0 {
				*b = uint8(len(x.words))
				x.words = append(x.words, nil)
			}
			bucket := x.words[*b]
			j := slices.IndexFunc(bucket, func(k keyword) bool { return k.text == word })
			if j < 0 {
				j = len(bucket)
				bucket = append(bucket, keyword{text: word})
			}
			bucket[j].rules = append(bucket[j].rules, i)
			x.words[*b] = bucket
		}
	}
	return x
})

// candidates are what the expression of each rule is run on, since expressions are slow and keywords fast: the lines that hold
// a keyword, or the whole text for a rule over several lines.
func candidates(text []byte, starts []int) [][]span {
	rules, x := compiled(), keywords()
	parts := make([][]span, len(rules))
	seen := make([]int, len(rules)) // the line, from 1, that was looked at last
	line := 0
	for i := 0; i+1 < len(text); i++ {
		if text[i] == '\n' {
			line++
			continue
		}
		b := x.buckets[int(lower[text[i]])<<8|int(lower[text[i+1]])]
		if b == 0 {
			continue
		}
		for _, k := range x.words[b] {
			if !hasKeyword(text[i:], k.text) {
				continue
			}
			p := span{starts[line], len(text)}
			if line+1 < len(starts) {
				p.end = starts[line+1] - 1
			}
			for _, r := range k.rules {
				if seen[r] == line+1 {
					continue
				}
				seen[r] = line + 1
				switch {
				case rules[r].Lines:
					parts[r] = []span{{0, len(text)}}
				case !rules[r].General || mayAssign(text[p.start:p.end]):
					parts[r] = append(parts[r], p)
				}
			}
		}
	}
	return parts
}

// hasKeyword reports whether a text begins with a keyword, whatever its case.
func hasKeyword(text []byte, word string) bool {
	if len(text) < len(word) {
		return false
	}
	for i := range len(word) {
		if lower[text[i]] != word[i] {
			return false
		}
	}
	return true
}

// lower has A to Z made small, and all other bytes as they are.
var lower = func() (table [256]byte) {
	for i := range table {
		table[i] = byte(i)
		if 'A' <= i && i <= 'Z' {
			table[i] += 'a' - 'A'
		}
	}
	return table
}()

// mayAssign reports whether a line has what the general rules ask for: a sign of assignment, and behind it a quote or nothing
// but one word.
func mayAssign(line []byte) bool {
	i := bytes.IndexAny(line, "=:,")
	if i < 0 {
		return false
	}
	rest := bytes.TrimSpace(line[i+1:])
	return bytes.ContainsAny(rest, "\"'`") || len(rest) >= 4 && !bytes.ContainsAny(rest, " \t")
}

// credential returns where a match has its credential, and whether it is one.
func (r *Rule) credential(text []byte, m []int) (at int, counts bool) {
	if !r.General {
		start, secret := group(text, m, 1)
		return start, !r.excused(secret)
	}
	name := string(text[m[2]:m[3]])
	start, secret := group(text, m, 2)
	return start, namesCredential(name) && !r.excused(secret) && !isReference(secret) && !isWord(secret) && !strings.EqualFold(name, secret)
}

// group returns the first group from the given one on that took part in a match, or the whole match.
func group(text []byte, m []int, first int) (start int, secret string) {
	for g := first; 2*g+1 < len(m); g++ {
		if m[2*g] >= 0 {
			return m[2*g], string(text[m[2*g]:m[2*g+1]])
		}
	}
	return m[0], string(text[m[0]:m[1]])
}

// excused reports whether a text of the rule's form is no credential: a placeholder, an example of a documentation, or too
// regular to be one.
func (r *Rule) excused(secret string) bool {
	return isPlaceholder(secret) || r.Entropy > 0 && entropy(secret) < r.Entropy
}

func lineStarts(text []byte) []int {
	starts := make([]int, 1, 1+bytes.Count(text, []byte{'\n'}))
	for i, c := range text {
		if c == '\n' {
			starts = append(starts, i+1)
		}
	}
	return starts
}

// entropy is the Shannon entropy of the bytes of a text, in bits a byte.
func entropy(s string) float64 {
	if s == "" {
		return 0
	}
	var count [256]int
	for i := range len(s) {
		count[s[i]]++
	}
	bits := 0.0
	for _, n := range count {
		if n > 0 {
			p := float64(n) / float64(len(s))
			bits -= p * math.Log2(p)
		}
	}
	return bits
}
