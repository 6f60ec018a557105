package source

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sketch is a made-up language of braces, with what the shared pieces offer.
func sketch(text string) (*lexer, error) {
	f := &File{Text: []byte(text)}
	f.indexLines()
	l := newLexer(f)
	plain := literal{open: "'", close: "'", escape: '\\', decode: true}
	filled := template{literal: literal{open: `"`, close: `"`, escape: '\\', decode: true}, holes: []string{"${"}, bare: func(at int) int {
		if f.Text[at] != '$' || at+1 == len(f.Text) || !isNameStart(f.Text[at+1]) {
			return at
		}
		for at++; at < len(f.Text) && isNameByte(f.Text[at]) && f.Text[at] != '$'; at++ {
		}
		return at
	}}
	l.next = func() error {
		switch c := l.byteAt(0); {
		case l.has("//"):
			l.lineComment()
		case l.has("/*"):
			return l.blockComment("/*", "*/", true)
		case c == '\'':
			return l.quoted(0, plain)
		case c == '"':
			return l.template(0, filled)
		case l.atNumber():
			l.number()
		case isNameStart(c):
			l.word()
		default:
			return l.mark([]string{"::", "==", "->", "&&"})
		}
		return nil
	}
	return l, l.run()
}

func TestLexer(t *testing.T) {
	l, err := sketch("\ufeff#!/bin/x\na.b(1.5e-3, 'it\\'s', \"x ${f(y, \"in ${z}\")} $w.\") /* o /* i */ */ // end\r\n0x1F..2")
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, tok := range l.tokens {
		texts = append(texts, l.src[tok.start:tok.end])
	}
	want := []string{
		"a", ".", "b", "(", "1.5e-3", ",", `'it\'s'`, ",", `"`, "x $", "{", "f", "(", "y", ",", `"`, "in $", "{", "z", "}", `"`, ")", "}", " ", "$w", ".", `"`, ")",
		"0x1F", ".", ".", "2",
	}
	if diff := cmp.Diff(want, texts); diff != "" {
		t.Error(diff)
	}
	values := map[string]bool{}
	for _, s := range l.strings {
		values[s.Value] = true
	}
	if !values["it's"] || !values["in ${z}"] || !values[`x ${f(y, "in ${z}")} $w.`] || len(values) != 3 {
		t.Errorf("strings %v", values)
	}
	if len(l.comments) != 2 || l.last().match != -1 {
		t.Errorf("comments %v", l.comments)
	}
	for i, tok := range l.tokens {
		if m := tok.match; m >= 0 && int(l.tokens[m].match) != i {
			t.Errorf("token %d matches %d, and that %d", i, m, l.tokens[m].match)
		}
	}
	checkSpans(t, l)
}

// checkSpans fails the test when tokens and comments are out of order.
func checkSpans(t *testing.T, l *lexer) {
	t.Helper()
	end := 0
	for _, s := range l.spans() {
		if s.Start < end || s.End <= s.Start {
			t.Errorf("%v after one that ends at %d", s, end)
		}
		end = s.End
	}
}

func TestLexerRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"a(":                       "line 1: this ( is never closed",
		"\n)":                      "line 2: this ) closes nothing",
		"(]":                       "line 1: this ] stands where ) was expected",
		"'a\n'":                    "line 1: this string is not closed on its line",
		`"a${b`:                    "line 1: what the string fills in here is never closed",
		"/* /* */":                 "line 1: this comment is never closed",
		strings.Repeat("(", 2000):  "line 1: brackets nest too deep",
		strings.Repeat(`"${`, 500): "line 1: strings within strings nest too deep",
	} {
		if _, err := sketch(text); err == nil || err.Error() != want {
			t.Errorf("%.20q: %v, want %s", text, err, want)
		}
	}
}

func TestReader(t *testing.T) {
	l, err := sketch("if (a.size < max && check(b)) { x = List<Map<A, B>>::of<C>(1, f(2, 3), [4, 5]); this.go(); ::g() } h().then(k)")
	if err != nil {
		t.Fatal(err)
	}
	r := newReader(l)
	n := &notation{
		joins: map[string]bool{".": true, "::": true}, keywords: map[string]bool{"if": true, "this": true}, receiver: map[string]bool{"this": true}, generic: true,
	}
	for i := range r.tokens {
		if r.is(i, "<") && r.word(i-1) != "size" {
			r.angles(i)
		}
		if r.is(i, "if") {
			r.condition(i+2, r.partner(i+1))
		}
	}
	r.notesComparisons(nil)
	r.notesCalls(n, nil)
	r.sort()
	var calls []string
	for _, c := range r.Calls {
		text := c.Name
		for _, a := range c.Args {
			text += "|" + r.part(a)
		}
		calls = append(calls, text)
	}
	want := []string{"check|b", "?.of|1|f(2, 3)|[4, 5]", "f|2|3", "this.go", "g", "h", "?.then|k"}
	if diff := cmp.Diff(want, calls); diff != "" {
		t.Error(diff)
	}
	if len(r.conditions) != 1 || r.part(r.conditions[0]) != "a.size < max && check(b)" {
		t.Errorf("conditions %v", r.conditions)
	}
	if len(r.comparisons) != 1 || r.part(r.comparisons[0]) != "a.size < max" {
		t.Errorf("comparisons %v", r.comparisons)
	}
	if r.text(-1) != "" || r.word(9999) != "" || r.skip(9999) != 10000 || r.items(0, ",") != nil || !r.inside(0).Empty() {
		t.Error("indices beyond the text")
	}
}

// Ends of lines are one token for each run of them, and the texts of here-documents are passed over with the end of their line.
func TestLexerEndsLines(t *testing.T) {
	f := &File{Text: []byte("\n\na b\r\n\n c <<A d\ntext\nA\ne\n")}
	f.indexLines()
	l := newLexer(f)
	l.newlines = true
	l.next = func() error {
		if l.has("<<A") {
			l.add(markToken, l.pos, l.pos+3)
			l.behind = strings.Index(l.src, "e\n")
			return nil
		}
		l.word()
		return nil
	}
	if err := l.run(); err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, tok := range l.tokens {
		texts = append(texts, l.src[tok.start:tok.end])
	}
	if diff := cmp.Diff([]string{"a", "b", "\n", "c", "<<A", "d", "\n", "e", "\n"}, texts); diff != "" {
		t.Error(diff)
	}
	if !l.tokens[3].fresh || l.tokens[4].fresh || !l.tokens[7].fresh {
		t.Errorf("first tokens of lines: %v", l.tokens)
	}
}
