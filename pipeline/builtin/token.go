package builtin

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// gap says what stands between a token and the one before it, as far as the scope of a negation is concerned.
type gap uint8

const (
	space  gap = iota // nothing that ends or splits a phrase
	hyphen            // "cookie-free"
	slash             // "CI/CD", "and/or"
	comma             // a list goes on, or a clause ends: the words around it decide
	clause            // ";", ":", a bracket, a dash between spaces
	stop              // the end of a sentence, a blank line, a new bullet
)

// lists reports whether the gap may stand between the members of a list.
func (g gap) lists() bool { return g == comma || g == slash }

// token is one word of a text. Offsets are bytes of the text, so that a basis can quote it as written.
type token struct {
	word       string // lower case, apostrophes straight, possessive dropped
	stem       string // word with a plural ending removed
	start, end int
	before     gap
	colon      bool // a colon follows at once
	bullet     bool // the first word of a list item
	heading    bool // stands in a Markdown heading
	blank      bool // a blank line stands before it
}

// tokenise splits a text into words in one pass. A word is a run of letters, digits and inner apostrophes; everything else
// separates. A line break inside a paragraph is a space: only a blank line, a bullet or a heading ends a sentence without
// punctuation.
func tokenise(text string) []token {
	out := make([]token, 0, len(text)/6+1)
	line := lineState{fresh: true}
	before := stop
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		if wordRune(r) {
			end := wordEnd(text, i)
			out = append(out, line.token(text, i, end, before))
			before, i = space, end
			continue
		}
		switch {
		case r == '\n':
			if line.newline() {
				before = stop
			}
		case line.fresh && (r == '-' || r == '*' || r == '+' || r == '•') && followedBySpace(text, i+size):
			line.bullet, before = true, stop
		case line.fresh && r == '#':
			line.heading, before = true, stop
		default:
			if len(out) > 0 && r == ':' {
				out[len(out)-1].colon = true
			}
			before = max(before, separator(text, i, r, size))
		}
		if !unicode.IsSpace(r) {
			line.fresh = false
		}
		i += size
	}
	return out
}

// lineState is what is known of the line under the reader's eye.
type lineState struct {
	fresh           bool // nothing but space so far
	bullet, heading bool
	blank           bool // a blank line came before
}

// newline starts the next line and reports whether the one before ends a sentence by itself.
func (l *lineState) newline() bool {
	ends := l.fresh || l.heading
	l.blank = l.blank || l.fresh
	l.fresh, l.bullet, l.heading = true, false, false
	return ends
}

func (l *lineState) token(text string, start, end int, before gap) token {
	t := token{start: start, end: end, before: before, bullet: l.bullet, heading: l.heading, blank: l.blank}
	// "1. first" is a bullet too: the number is no word of the item.
	if l.fresh && end < len(text) && (text[end] == '.' || text[end] == ')') && allDigits(text[start:end]) {
		t.bullet, t.before = true, stop
		l.bullet = true
		t.word, t.stem = "#", "#"
	} else {
		t.word = fold(text[start:end])
		t.stem = singular(t.word)
		l.bullet, l.blank = false, false
	}
	l.fresh = false
	return t
}

// separator judges one rune between words.
func separator(text string, i int, r rune, size int) gap {
	switch r {
	case '.', '!', '?':
		// "Node.js" and "2.0" go on; a full stop is followed by space or the end.
		if i+size >= len(text) || !nextIsWord(text, i+size) {
			return stop
		}
		return space
	case ';', ':', '(', ')', '[', ']', '{', '}', '"', '“', '”', '|':
		return clause
	case '–', '—':
		return clause
	case '-':
		if i > 0 && text[i-1] == ' ' {
			return clause
		}
		return hyphen
	case '/':
		return slash
	case ',', '、', '，':
		return comma
	case '。':
		return stop
	}
	return space
}

func nextIsWord(text string, i int) bool {
	r, _ := utf8.DecodeRuneInString(text[i:])
	return wordRune(r)
}

func followedBySpace(text string, i int) bool {
	return i < len(text) && (text[i] == ' ' || text[i] == '\t')
}

func wordRune(r rune) bool {
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.Mn, r))
}

// wordEnd returns where the word that begins at i ends. An apostrophe between letters belongs to it.
func wordEnd(text string, i int) int {
	for i < len(text) {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case wordRune(r):
		case (r == '\'' || r == '’') && nextIsWord(text, i+size):
		default:
			return i
		}
		i += size
	}
	return i
}

func allDigits(s string) bool {
	return len(s) <= 3 && strings.Trim(s, "0123456789") == ""
}

// fold lowers a word and drops a possessive ending: "User’s" is "user".
func fold(s string) string {
	w := strings.ToLower(s)
	if strings.ContainsRune(w, '’') {
		w = strings.ReplaceAll(w, "’", "'")
	}
	return strings.TrimSuffix(w, "'s")
}

// singular removes a plural ending. It is crude on purpose: terms and text go through the same function, so all that
// matters is that two forms of one word meet and that different words do not.
func singular(w string) string {
	n := len(w)
	switch {
	case n < 4 || !strings.HasSuffix(w, "s"):
		return w
	case strings.HasSuffix(w, "ies") && n > 4:
		return w[:n-3] + "y"
	case strings.HasSuffix(w, "sses"), strings.HasSuffix(w, "shes"), strings.HasSuffix(w, "ches"),
		strings.HasSuffix(w, "xes"):
		return w[:n-2]
	case strings.HasSuffix(w, "ss"), strings.HasSuffix(w, "us"), strings.HasSuffix(w, "is"):
		return w
	}
	return w[:n-1]
}
