package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
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
				made += fmt.Sprintf("; %s disputed", number(t.known))
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

// smallFile holds what the small form may miss at most, by language.
const smallFile = "small.json"

// slips are what one language got wrong in the small form.
type slips struct {
	Agreed int `json:"agreed"` // for the reader alone
	Missed int `json:"missed"`
	MadeUp int `json:"made_up"`
}

// smallSlips returns the slips of the languages that were compared.
func smallSlips(results []*result) map[string]slips {
	all := map[string]slips{}
	for _, r := range results {
		if t := r.halves[tuned]; t != nil {
			all[r.language] = slips{t.agreed, t.agreed - t.found, t.denied}
		}
	}
	return all
}

func writeSmall(results []*result) error {
	text, err := json.MarshalIndent(smallSlips(results), "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(smallFile, append(text, '\n'), 0o644)
}

// checkSmall fails when a language got worse than smallFile says. What was left out is not judged.
func checkSmall(results []*result) error {
	text, err := os.ReadFile(smallFile)
	if err != nil {
		return err
	}
	var bounds map[string]slips
	if err := json.Unmarshal(text, &bounds); err != nil {
		return fmt.Errorf("%s: %w", smallFile, err)
	}
	return worse(smallSlips(results), bounds)
}

// worse returns an error that names each language with more slips than its bound. One without a bound is not judged: it is new.
func worse(got, bounds map[string]slips) error {
	var errs []error
	for _, p := range pools {
		g := got[p.language]
		b, ok := bounds[p.language]
		if !ok {
			continue
		}
		if g.Missed > b.Missed || g.MadeUp > b.MadeUp {
			errs = append(errs, fmt.Errorf("%s: %d missed and %d made up; %d and %d are the most that there may be (scripts/oracle.sh --small --language %s --misses lists them)",
				titles[p.language], g.Missed, g.MadeUp, b.Missed, b.MadeUp, p.language))
		}
	}
	return errors.Join(errs...)
}

// writeDocs writes the table into docs/verifier.md and the differences of the tuned halves into docs/oracle.md.
func writeDocs(results []*result) error {
	var figures, differences bytes.Buffer
	table(&figures, results)
	for _, r := range results {
		list(&differences, r, tuned)
	}
	if differences.Len() == 0 {
		fmt.Fprintln(&differences, "none")
	}
	if err := between("../../docs/verifier.md", figures.String()); err != nil {
		return err
	}
	return between("../../docs/oracle.md", "```text\n"+strings.TrimLeft(differences.String(), "\n")+"```\n")
}

// between puts text between the two markers of a file.
func between(path, text string) error {
	const begin, end = "<!-- oracle: begin -->\n", "<!-- oracle: end -->\n"
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, ok1 := strings.Cut(string(old), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		return fmt.Errorf("%s has no place for the figures: %q and %q", path, begin, end)
	}
	return os.WriteFile(path, []byte(before+begin+text+end+after), 0o644)
}
