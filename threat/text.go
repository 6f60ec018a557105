package threat

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of stored free text, in characters.
const (
	MaxName        = 120
	MaxText        = 2_000
	MaxDescription = 4_000
	MaxFeature     = 20_000
	MaxBasis       = 12 // entries in a basis list
)

// Line cleans a one-line text: surrounding space trimmed, inner line breaks and runs of space become one space, control
// and direction-changing characters removed. It returns [Invalid] for invalid UTF-8 or more than limit characters.
func Line(s string, limit int) (string, error) {
	if plain(s, limit, false) {
		return s, nil
	}
	s, err := Text(s, limit)
	if err != nil {
		return "", err
	}
	return strings.Join(strings.Fields(s), " "), nil
}

// plain reports whether a text is clean as it is: ASCII, short enough, nothing to trim and, for a line, single spaces. What is
// stored is checked again at every edit, and most of it is so.
func plain(s string, limit int, lines bool) bool {
	if len(s) > limit {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c > ' ' && c < 0x7f:
		case i == 0 || i == len(s)-1:
			return false
		case c == ' ' && (lines || s[i-1] != ' '):
		case lines && (c == '\n' || c == '\t'):
		default:
			return false
		}
	}
	return true
}

// lineBreaks brings every way to break a line to LF, so that none is lost with the control characters.
var lineBreaks = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\v", "\n", "\f", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n")

// Text cleans a text of several lines: like [Line], but line breaks and tabs stay (CRLF becomes LF).
func Text(s string, limit int) (string, error) {
	if plain(s, limit, true) {
		return s, nil
	}
	if !utf8.ValidString(s) {
		return "", Errorf(Invalid, "the text is not valid UTF-8").Hinted("send it as UTF-8")
	}
	s = lineBreaks.Replace(s)
	s = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return r
		}
		if unicode.IsControl(r) || hidden(r) {
			return -1
		}
		return r
	}, s)
	s = strings.TrimSpace(s)
	if n := utf8.RuneCountInString(s); n > limit {
		return "", Errorf(Invalid, "the text has %d characters, at most %d fit", n, limit).Hinted("shorten it")
	}
	return s, nil
}

// hidden reports characters that change how text is read without being seen: direction marks and overrides, the tag block.
// They carry instructions past a reviewer's eye (Unicode TR36 §2.5).
func hidden(r rune) bool {
	return unicode.Is(unicode.Bidi_Control, r) || r >= 0xE0000 && r <= 0xE007F || r == 0x200B || r == 0x2060 || r == 0xFEFF
}

// Clip shortens s to at most n characters, ending with "…" where something was cut.
func Clip(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	runes := []rune(s)
	return strings.TrimSpace(string(runes[:n-1])) + "…"
}

func required(s, field string, limit int, clean func(string, int) (string, error)) (string, error) {
	s, err := clean(s, limit)
	if err != nil {
		return "", inField(err, field)
	}
	if s == "" {
		return "", Errorf(Invalid, "%s is missing", field).In(field).Hinted("1 to %d characters", limit)
	}
	return s, nil
}

func optional(s, field string, limit int, clean func(string, int) (string, error)) (string, error) {
	s, err := clean(s, limit)
	return s, inField(err, field)
}

// basis cleans the words that led to an entity.
func basis(words []string) ([]string, error) {
	var out []string
	for _, w := range words {
		w, err := Line(w, MaxText)
		if err != nil {
			return nil, inField(err, "basis")
		}
		if w != "" && len(out) < MaxBasis {
			out = append(out, Clip(w, MaxName))
		}
	}
	return out, nil
}
