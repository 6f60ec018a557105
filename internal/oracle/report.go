package main

import (
	"fmt"
	"io"
	"strings"
)

// names of the languages in the tables.
var titles = map[string]string{
	"go": "Go", "python": "Python", "javascript": "JavaScript", "typescript": "TypeScript", "java": "Java", "kotlin": "Kotlin",
	"scala": "Scala", "csharp": "C#", "rust": "Rust", "c": "C", "cpp": "C++", "php": "PHP", "ruby": "Ruby", "swift": "Swift",
	"shell": "shell", "sql": "SQL", "systemverilog": "Verilog, SystemVerilog",
}

// table writes the figures as Markdown.
func table(w io.Writer, results []*result) {
	fmt.Fprintln(w, "| language | half | code bases, files | both judges agree on | found | made up | refused files | NAME( by text: made up |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|")
	for _, r := range results {
		if r.skipped != nil {
			fmt.Fprintf(w, "| %s | | | | not yet written | | | |\n", titles[r.language])
			continue
		}
		for _, half := range []string{tuned, sealed} {
			t := r.halves[half]
			if t == nil {
				continue
			}
			made := number(t.denied)
			if t.known > 0 {
				made += fmt.Sprintf(" (and %s disputed)", number(t.known))
			}
			fmt.Fprintf(w, "| %s | %s | %d, %s | %s | %s (%s) | %s | %s | %s of %s |\n", titles[r.language], half, t.corpora, number(t.files),
				number(t.agreed), number(t.found), percent(t), made, number(len(t.refused)), number(t.textDenied), number(t.textClaims))
		}
		if t := r.labels; t != nil {
			fmt.Fprintf(w, "| %s | labels, sealed | %s files | %s labelled | %s (%s) | %s | %s | |\n", titles[r.language], number(t.files),
				number(t.agreed), number(t.found), percent(t), number(t.denied), number(len(t.refused)))
		}
	}
}

// percent never rounds up to 100.
func percent(t *tally) string {
	if t.found == t.agreed {
		return "100%"
	}
	s := fmt.Sprintf("%.2f", t.share())
	if s == "100.00" {
		s = "99.99"
	}
	return s + "%"
}

// number writes 12345 as 12,345.
func number(n int) string {
	s := fmt.Sprint(n)
	var parts []string
	for len(s) > 3 {
		parts = append([]string{s[len(s)-3:]}, parts...)
		s = s[:len(s)-3]
	}
	return strings.Join(append([]string{s}, parts...), ",")
}

// list prints what a language builder mends: the differences of one half.
func list(w io.Writer, r *result, half string) {
	t := r.halves[half]
	if t == nil {
		return
	}
	show := func(title string, lines []string) {
		if len(lines) > 0 {
			fmt.Fprintf(w, "\n%s, %s half: %s (%s)\n", titles[r.language], half, title, number(len(lines)))
			for _, line := range lines {
				fmt.Fprintln(w, " ", line)
			}
		}
	}
	show("both judges have it, verify/source does not", t.missed)
	show("verify/source has it, both judges deny it", t.made)
	show("refused by verify/source, understood by tree-sitter", t.refused)
}
