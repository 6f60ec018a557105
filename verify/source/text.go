package source

import (
	"bytes"
	"sort"
	"unicode"
	"unicode/utf8"
)

var byteOrderMark = []byte{0xEF, 0xBB, 0xBF}

// checkText refuses what is not text in UTF-8.
func checkText(text []byte) error {
	if bytes.HasPrefix(text, []byte{0xFF, 0xFE}) || bytes.HasPrefix(text, []byte{0xFE, 0xFF}) {
		return &SyntaxError{Line: 1, Message: "the text is UTF-16; save it as UTF-8"}
	}
	if i := bytes.IndexByte(text, 0); i >= 0 {
		return &SyntaxError{Line: 1 + bytes.Count(text[:i], []byte{'\n'}), Message: "a NUL byte: this is not a text file in UTF-8"}
	}
	if utf8.Valid(text) {
		return nil
	}
	line := 1
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		if r == '\n' {
			line++
		}
		i += size
	}
	return &SyntaxError{Line: line, Message: "bytes that are not UTF-8"}
}

// indexLines notes where each line starts, for LineOf.
func (f *File) indexLines() {
	f.lines = make([]int, 1, 1+bytes.Count(f.Text, []byte{'\n'}))
	for i := 0; i < len(f.Text); {
		j := bytes.IndexByte(f.Text[i:], '\n')
		if j < 0 {
			break
		}
		i += j + 1
		f.lines = append(f.lines, i)
	}
}

// LineOf returns the line, from 1, on which the byte at the offset stands. Lines end with a line feed.
func (f *File) LineOf(offset int) int {
	return sort.Search(len(f.lines), func(i int) bool { return f.lines[i] > offset })
}

// part returns the text of a span.
func (f *File) part(s Span) string { return string(f.Text[s.Start:s.End]) }

// syntaxError makes a SyntaxError for the byte at the offset.
func (f *File) syntaxError(offset int, message string) error {
	return &SyntaxError{Line: f.LineOf(offset), Message: message}
}

// isNameByte reports whether the byte may stand within a name: letters, digits, underscore, dollar and all that is not ASCII.
func isNameByte(c byte) bool {
	return c == '_' || c == '$' || c >= utf8.RuneSelf || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// isNameStart reports whether the byte may begin a name.
func isNameStart(c byte) bool { return isNameByte(c) && (c < '0' || c > '9') }

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' }

// fold returns the text of a span with each run of blanks made one space.
func (f *File) fold(s Span) string {
	if part := f.Text[s.Start:s.End]; isFolded(part) {
		return string(part)
	}
	return string(bytes.Join(bytes.Fields(f.Text[s.Start:s.End]), []byte{' '}))
}

// isFolded reports whether folding changes nothing: blanks are single spaces within. Beyond ASCII blanks are not looked for.
func isFolded(part []byte) bool {
	blank := true
	for _, c := range part {
		if c < ' ' || c >= utf8.RuneSelf || c == ' ' && blank {
			return false
		}
		blank = c == ' '
	}
	return !blank || len(part) == 0
}

// words cuts a name into its words in lower case, at underscores, dollars, digits and changes of case: "isHTTPUrl_ok2" is is,
// http, url, ok.
func words(name string) []string {
	var all []string
	runes := []rune(name)
	start := -1
	flush := func(end int) {
		if start >= 0 && end > start {
			word := make([]rune, 0, end-start)
			for _, r := range runes[start:end] {
				word = append(word, unicode.ToLower(r))
			}
			all = append(all, string(word))
		}
		start = -1
	}
	for i, r := range runes {
		if !unicode.IsLetter(r) {
			flush(i)
			continue
		}
		if start < 0 {
			start = i
			continue
		}
		if unicode.IsUpper(r) {
			next := i+1 < len(runes) && unicode.IsLower(runes[i+1])
			if !unicode.IsUpper(runes[i-1]) || next {
				flush(i)
				start = i
			}
		}
	}
	flush(len(runes))
	return all
}
