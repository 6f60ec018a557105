package verify

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/redoubt-dev/redoubt/verify/source"
)

// MaxExcerpt bounds the code that Tier 2 judges, in characters. A longer one is not cut: a judge that sees half of a function
// judges another function.
const MaxExcerpt = 16_000

// around is how many lines before and after a place are shown.
const around = 20

func (o *Outcome) setExcerpt(s string) {
	o.ExcerptTooLong = utf8.RuneCountInString(s) > MaxExcerpt
	if o.ExcerptTooLong || s == "" {
		return
	}
	o.Excerpt, o.ExcerptDigest = s, digest([]byte(s))
}

// linesOf returns the lines from first to last, counted from 1 and both included; what lies outside of the text is left out.
func linesOf(text []byte, first, last int) string {
	start, line := 0, 1
	for line < first {
		i := bytes.IndexByte(text[start:], '\n')
		if i < 0 {
			return ""
		}
		start += i + 1
		line++
	}
	end := start
	for line <= last {
		i := bytes.IndexByte(text[end:], '\n')
		if i < 0 {
			end = len(text)
			break
		}
		end += i + 1
		line++
	}
	return string(text[start:end])
}

// aroundLines returns the lines from first to last with some before and after.
func aroundLines(text []byte, first, last, more int) string {
	return linesOf(text, max(first-more, 1), last+more)
}

// head returns the first lines of a file, whole lines that fit into an excerpt. What is no text is told in a line.
func (f *file) head() string {
	text, err := f.utf8()
	if err != nil {
		return fmt.Sprintf("(%d bytes that are no text in UTF-8)\n", len(f.bytes))
	}
	s := linesOf(text, 1, 200)
	for utf8.RuneCountInString(s) > MaxExcerpt {
		i := strings.LastIndexByte(strings.TrimSuffix(s, "\n"), '\n')
		if i < 0 {
			return string([]rune(s)[:MaxExcerpt])
		}
		s = s[:i+1]
	}
	return s
}

// partOf returns a part of a source file with line feeds alone, from the start of the line on which it begins.
func partOf(f *source.File, s source.Span) string {
	start := s.Start
	for start > 0 && (f.Text[start-1] == ' ' || f.Text[start-1] == '\t') {
		start--
	}
	part := string(unixLines(f.Text[start:s.End]))
	if !strings.HasSuffix(part, "\n") {
		part += "\n"
	}
	return part
}

// enclosing returns the smallest function that holds the line, or the lines around it when it stands outside of any.
func (f *file) enclosing(line int) string {
	facts, err := f.facts()
	if err != nil {
		return ""
	}
	var best *source.Decl
	for _, d := range facts.Functions() {
		first, last := facts.LineOf(d.Span.Start), facts.LineOf(max(d.Span.Start, d.Span.End-1))
		if first <= line && line <= last && (best == nil || d.Span.End-d.Span.Start < best.Span.End-best.Span.Start) {
			best = d
		}
	}
	if best != nil {
		return partOf(facts, best.Span)
	}
	return aroundLines(unixLines(facts.Text), line, line, around)
}
