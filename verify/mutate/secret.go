package mutate

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/verify/source"
)

// exposure is a credential that is put into a file.
type exposure struct{ what, name, value string }

// exposures are credentials of common kinds. They are computed from a fixed text, so that none stands in this file and each run has
// the same ones.
func exposures() []exposure {
	sum := sha256.Sum256([]byte("a credential that opens nothing"))
	upper := strings.ReplaceAll(base32.StdEncoding.EncodeToString(sum[:]), "=", "")
	mixed := strings.NewReplacer("+", "k", "/", "Q", "=", "").Replace(base64.StdEncoding.EncodeToString(append(sum[:], sum[:]...)))
	return []exposure{
		{"an AWS access key id", "awsKey", "AKIA" + upper[:16]},
		{"a GitHub token", "githubKey", "ghp" + "_" + mixed[:36]},
		{"a password", "dbPassword", "Tr4" + mixed[:9] + "!"},
		{"a secret", "clientSecret", mixed[4:36]},
	}
}

// expose puts credentials into a file: those that the builtin rules speak of, or with patterns one text that each of them matches.
func (b *batch) expose(s *subject, p evidence.Params) {
	s = s.unix()
	all := exposures()
	if patterns := p.List("patterns"); len(patterns) > 0 {
		all = nil
		for i, text := range patterns {
			value, ok := sample(text)
			if !ok {
				b.unfit++
				continue
			}
			all = append(all, exposure{fmt.Sprintf("what pattern %d speaks of", i+1), "exposed", value})
		}
	}
	for _, e := range all {
		b.add(ExposeSecret, s, e.what+" stands in "+s.path, s.exposed(e)...)
	}
}

// exposed is the file with a credential in it, in the ways in which its language may name one.
func (s *subject) exposed(e exposure) [][]byte {
	end := len(s.text)
	joint := ""
	if end > 0 && s.text[end-1] != '\n' {
		joint = "\n"
	}
	quoted := fmt.Sprintf("%q", e.value)
	lines := []string{e.name + ": " + quoted, e.name + " = " + quoted, e.name + "=" + e.value}
	if s.facts != nil {
		lines = s.named(e.name, quoted)
	}
	var texts [][]byte
	for _, line := range lines {
		texts = append(texts, spliced(s.text, change{source.Span{Start: end, End: end}, joint + line + "\n"}))
	}
	if s.facts == nil {
		if i := strings.IndexByte(string(s.text), '{'); i >= 0 && strings.HasSuffix(strings.TrimSpace(string(s.text)), "}") { // JSON
			by := fmt.Sprintf("\n  %q: %s,", e.name, quoted)
			texts = append([][]byte{spliced(s.text, change{source.Span{Start: i + 1, End: i + 1}, by})}, texts...)
		}
	}
	return texts
}

// sample returns a text that the expression matches, made of the first choice everywhere, and whether it could be made.
func sample(expression string) (string, bool) {
	tree, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return "", false
	}
	var b strings.Builder
	write(&b, tree)
	re, err := regexp.Compile(expression)
	return b.String(), err == nil && b.Len() > 0 && re.MatchString(b.String())
}

// maxSample bounds a text that is made, in bytes.
const maxSample = 2_000

func write(b *strings.Builder, re *syntax.Regexp) {
	if b.Len() > maxSample {
		return
	}
	repeat := func(n int) {
		for range min(n, maxSample) {
			write(b, re.Sub[0])
		}
	}
	switch re.Op {
	case syntax.OpLiteral:
		b.WriteString(string(re.Rune))
	case syntax.OpCharClass:
		b.WriteRune(pick(re.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte('a')
	case syntax.OpRepeat:
		repeat(re.Min)
	case syntax.OpPlus:
		repeat(1)
	case syntax.OpCapture:
		write(b, re.Sub[0])
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			write(b, sub)
		}
	case syntax.OpAlternate:
		write(b, re.Sub[0])
	}
}

// pick chooses a letter or digit of a class where it has one.
func pick(ranges []rune) rune {
	for _, want := range "xX7_" {
		for i := 0; i+1 < len(ranges); i += 2 {
			if ranges[i] <= want && want <= ranges[i+1] {
				return want
			}
		}
	}
	return ranges[0]
}
