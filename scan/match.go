package scan

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
)

// term is a word or phrase to find in a text. The last word may end in "*", which stands for any ending.
type term struct {
	words  []string
	prefix bool
}

func newTerm(s string) term {
	s, prefix := strings.CutSuffix(s, "*")
	return term{words: words(s), prefix: prefix}
}

// words splits a text into its words in lower case; whatever is no letter and no digit separates them.
func words(s string) []string {
	return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// in reports whether the term stands in a text of these words.
func (t term) in(text []string) bool {
	for i := 0; i+len(t.words) <= len(text); i++ {
		last := len(t.words) - 1
		ending := text[i+last] == t.words[last] || t.prefix && strings.HasPrefix(text[i+last], t.words[last])
		if ending && slices.Equal(text[i:i+last], t.words[:last]) {
			return true
		}
	}
	return false
}

// maxTopics bounds how many topics a control has.
const maxTopics = 2

// topicsOf returns what texts are about: the topic with the most words of theirs, and a second one that has almost as many. Phrases count
// by their words. Ties go to the topic that stands first in the table, so the answer never varies.
func (f *file) topicsOf(texts []string) []*topic {
	type scored struct {
		*topic
		score int
	}
	var split [][]string
	for _, t := range texts {
		split = append(split, words(t))
	}
	var found []scored
	for i := range f.Topics {
		t := &f.Topics[i]
		score := 0
		for _, term := range t.terms {
			if slices.ContainsFunc(split, term.in) {
				score += len(term.words)
			}
		}
		if score > 0 {
			found = append(found, scored{t, score})
		}
	}
	slices.SortStableFunc(found, func(a, b scored) int { return cmp.Compare(b.score, a.score) })
	if len(found) == 0 {
		return []*topic{f.topic(general)}
	}
	var out []*topic
	for _, s := range found[:min(len(found), maxTopics)] {
		if 3*s.score >= 2*found[0].score {
			out = append(out, s.topic)
		}
	}
	return out
}
