package verify

import (
	"slices"
	"strings"
	"unicode"
)

// candidate is something that may be meant by a wrong name.
type candidate struct {
	name string // what is compared
	text string // what is shown
}

// maxCandidates bounds how many names are compared for a hint.
const maxCandidates = 20_000

// nearest returns the texts of up to three candidates that are likely to be meant, the likeliest first. Names are compared by
// edit distance and by the words that they share; those that are far off are left out.
func nearest(wanted string, all []candidate) []string {
	type scored struct {
		candidate
		score float64
	}
	wantWords := nameWords(wanted)
	want := []rune(strings.ToLower(wanted))
	var near []scored
	seen := map[string]bool{}
	for _, c := range all[:min(len(all), maxCandidates)] {
		if seen[c.text] || c.name == "" {
			continue
		}
		have := []rune(strings.ToLower(c.name))
		longer := max(len(want), len(have))
		if longer > 200 {
			continue
		}
		shared := sharedWords(wantWords, nameWords(c.name))
		score := shared
		// The distance is at least the difference in length, so that most names need no table.
		if diff := max(len(want)-len(have), len(have)-len(want)); shared > 0 || 2*diff < longer {
			score += 1 - float64(distance(want, have))/float64(longer)
		}
		if strings.Contains(string(have), string(want)) || strings.Contains(string(want), string(have)) && len(have) > 2 {
			score += 0.3
		}
		if score >= 0.55 {
			seen[c.text] = true
			near = append(near, scored{c, score})
		}
	}
	slices.SortStableFunc(near, func(a, b scored) int {
		switch {
		case a.score > b.score:
			return -1
		case a.score < b.score:
			return 1
		}
		return strings.Compare(a.text, b.text)
	})
	var texts []string
	for _, n := range near[:min(len(near), 3)] {
		texts = append(texts, n.text)
	}
	return texts
}

// nearestOr joins the nearest candidates to the end of a sentence, or returns "".
func nearestOr(wanted string, all []candidate, one, several string) string {
	switch near := nearest(wanted, all); len(near) {
	case 0:
		return ""
	case 1:
		return one + near[0]
	default:
		return several + strings.Join(near, ", ")
	}
}

// sharedWords is the part of the words of both that they have in common, from 0 to 1.
func sharedWords(a, b []string) float64 {
	if len(a) == 0 || len(b) == 0 {
		return 0
	}
	n := 0
	for _, w := range a {
		if slices.Contains(b, w) {
			n++
		}
	}
	return 2 * float64(n) / float64(len(a)+len(b))
}

// nameWords cuts a name at changes of case and at what is no letter or digit.
func nameWords(name string) []string {
	var words []string
	var word []rune
	flush := func() {
		if len(word) > 0 {
			words = append(words, strings.ToLower(string(word)))
		}
		word = word[:0]
	}
	var last rune
	for _, r := range name {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			flush()
		case unicode.IsUpper(r) && unicode.IsLower(last):
			flush()
			word = append(word, r)
		default:
			word = append(word, r)
		}
		last = r
	}
	flush()
	return words
}

// distance is the number of insertions, deletions, changes and swaps of neighbours that lead from a to b.
func distance(a, b []rune) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
