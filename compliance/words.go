package compliance

import (
	"strings"
	"unicode"
)

// word is one term of a text.
type word struct {
	term string // what is compared
	as   string // how the text has it
}

// words reads a text into terms: lower case, stemmed, synonyms of one meaning brought to one term, words that say nothing
// left out. Compounds come as a whole and in parts: "sign-in", "setCookie", "crypto/rand".
func (d *dictionary) words(text string) []word {
	var plain []word // the words alone, in order
	var out []word
	for _, chunk := range strings.FieldsFunc(text, func(r rune) bool { return !partOfChunk(r) }) {
		chunk = strings.Trim(chunk, "-_./:'’")
		parts := split(chunk)
		for _, p := range parts {
			plain = append(plain, word{term: stem(p), as: p})
		}
		if len(parts) > 1 && len(parts) <= 4 {
			whole := strings.Join(parts, "")
			out = append(out, d.meaning(word{term: stem(whole), as: chunk}))
		}
	}
	// The longest phrase of the dictionary at each place is one term; its words stay terms of their own.
	for i := range plain {
		for n := min(d.longest[plain[i].term], len(plain)-i); n > 1; n-- {
			terms, as := make([]string, n), make([]string, n)
			for k, w := range plain[i : i+n] {
				terms[k], as[k] = w.term, w.as
			}
			if m, ok := d.phrases[strings.Join(terms, " ")]; ok {
				out = append(out, word{term: m, as: strings.Join(as, " ")})
				break
			}
		}
	}
	for _, w := range plain {
		if d.silent[w.term] || len(w.term) < 2 || isNumber(w.term) && len(w.term) < 3 {
			continue
		}
		out = append(out, d.meaning(w))
	}
	return out
}

// meaning brings a synonym to the term of its meaning.
func (d *dictionary) meaning(w word) word {
	if m, ok := d.phrases[w.term]; ok {
		w.term = m
	}
	return w
}

// partOfChunk reports whether a rune belongs to a word or ties the parts of a compound.
func partOfChunk(r rune) bool {
	switch r {
	case '-', '_', '.', '/', ':', '\'', '’':
		return true
	}
	return unicode.IsLetter(r) || unicode.IsDigit(r)
}

// split cuts a compound into lower-case parts: at marks, and where camel case turns.
func split(chunk string) []string {
	var parts []string
	for _, piece := range strings.FieldsFunc(chunk, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		if strings.IndexFunc(piece, unicode.IsUpper) < 0 {
			parts = append(parts, piece)
			continue
		}
		runes := []rune(piece)
		from := 0
		for i := 1; i < len(runes); i++ {
			lowerToUpper := unicode.IsLower(runes[i-1]) && unicode.IsUpper(runes[i])
			endOfCapitals := i+1 < len(runes) && unicode.IsUpper(runes[i-1]) && unicode.IsUpper(runes[i]) && unicode.IsLower(runes[i+1])
			if lowerToUpper || endOfCapitals {
				parts = append(parts, strings.ToLower(string(runes[from:i])))
				from = i
			}
		}
		parts = append(parts, strings.ToLower(string(runes[from:])))
	}
	return parts
}

func isNumber(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return !unicode.IsDigit(r) }) < 0
}

type suffix struct {
	end   string
	least int // how much must be left
}

// suffixes are cut off, the first that fits.
var suffixes = []suffix{
	{"isations", 4},
	{"izations", 4},
	{"isation", 4},
	{"ization", 4},
	{"ations", 4},
	{"ation", 4},
	{"ators", 4},
	{"ator", 4},
	{"ating", 4},
	{"ated", 4},
	{"ates", 4},
	{"ate", 4},
	{"ising", 4},
	{"izing", 4},
	{"ised", 4},
	{"ized", 4},
	{"iser", 4},
	{"izer", 4},
	{"ises", 4},
	{"izes", 4},
	{"ise", 4},
	{"ize", 4},
	{"ments", 4},
	{"ment", 4},
	{"ances", 4},
	{"ance", 4},
	{"ences", 4},
	{"ence", 4},
	{"ities", 4},
	{"ity", 4},
	{"able", 4},
	{"ible", 4},
	{"ably", 4},
	{"ions", 4},
	{"ion", 4},
	{"ings", 3},
	{"ing", 3},
	{"ives", 4},
	{"ive", 4},
	{"ers", 4},
	{"ors", 4},
	{"er", 4},
	{"or", 4},
	{"ies", 3},
	{"ied", 3},
	{"ed", 3},
	{"es", 3},
	{"al", 4},
	{"ly", 4},
	{"age", 4},
	{"s", 3},
	{"y", 3},
	{"e", 3},
}

// suffixesBy is the list by last letter, so that a word meets only those that it may end in.
var suffixesBy = func() (by [unicode.MaxASCII + 1][]suffix) {
	for _, x := range suffixes {
		last := x.end[len(x.end)-1]
		by[last] = append(by[last], x)
	}
	return by
}()

// kept are words that a cut would turn into another.
var kept = map[string]bool{"https": true, "cors": true, "dns": true, "header": true, "user": true}

// stem brings the forms of a word together. It is coarser than a dictionary, the same for both sides, and that is enough.
func stem(s string) string {
	if len(s) < 4 || kept[s] || !isASCII(s) {
		return s
	}
	for _, x := range suffixesBy[s[len(s)-1]] {
		cut, ok := strings.CutSuffix(s, x.end)
		if !ok || len(cut) < x.least || x.end == "s" && (strings.HasSuffix(cut, "s") || strings.HasSuffix(cut, "u")) {
			continue
		}
		if x.end == "es" && strings.HasSuffix(cut, "ss") { // accesses
			return cut
		}
		// running → run, but call and pass stay
		if n := len(cut); (x.end == "ing" || x.end == "ed" || x.end == "er") && n > 3 && cut[n-1] == cut[n-2] && !strings.ContainsRune("lsz", rune(cut[n-1])) {
			cut = cut[:n-1]
		}
		return strings.TrimSuffix(cut, "e")
	}
	return s
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r > unicode.MaxASCII }) < 0
}
