package verify

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/redoubt-dev/redoubt/verify/secret"
)

// noPlaintextSecret: no builtin rule finds a credential in the text, or, with patterns, none of them matches. Reasons name rule
// and line, never what was found. Comments are looked at too.
func noPlaintextSecret(k *claim) (*found, error) {
	f := k.about()
	text, err := f.utf8()
	if err != nil {
		return nil, err
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, failf("%s is empty, so the absence of a secret says nothing", f.path)
	}
	if patterns := k.params.List("patterns"); len(patterns) > 0 {
		for i, p := range patterns {
			e, err := k.run.patterns.compile(p)
			if err != nil {
				return nil, err
			}
			if at := e.find(text, 1, nil); at.line > 0 {
				return nil, failAt(at.line, "pattern %d of %d matches at %s:%d", i+1, len(patterns), f.path, at.line)
			}
		}
		return &found{file: f, reason: fmt.Sprintf("none of %d patterns matches in %s", len(patterns), f.path), excerpt: f.suspects(text)}, nil
	}
	hits := remember(f, "secrets", func() []secret.Hit { return secret.Find(text) })
	if len(hits) > 0 {
		more := ""
		if len(hits) > 1 {
			more = fmt.Sprintf("; %d more in the file", len(hits)-1)
		}
		return nil, failAt(hits[0].Line, "%s stands at %s:%d (rule %s)%s", hits[0].Title, f.path, hits[0].Line, hits[0].Rule, more)
	}
	return &found{
		file: f, reason: fmt.Sprintf("none of %d rules finds a credential in %s", len(secret.Rules()), f.path), excerpt: f.suspects(text),
	}, nil
}

// suspects is what a judge looks at for secrets: the whole text when it fits, else the lines with a word that goes with
// credentials, each with its neighbours.
func (f *file) suspects(text []byte) string {
	if utf8.RuneCount(text) <= MaxExcerpt {
		return string(text)
	}
	lines := strings.SplitAfter(string(text), "\n")
	keep := make([]bool, len(lines))
	for i, line := range lines {
		lower := strings.ToLower(line)
		for _, w := range []string{"secret", "passw", "passphrase", "pwd", "token", "apikey", "api_key", "api-key", "access_key", "private", "credential", "begin "} {
			if strings.Contains(lower, w) {
				for j := max(0, i-1); j <= min(len(lines)-1, i+1); j++ {
					keep[j] = true
				}
				break
			}
		}
	}
	var b strings.Builder
	for i, line := range lines {
		if !keep[i] {
			continue
		}
		if i > 0 && !keep[i-1] {
			fmt.Fprintf(&b, "(line %d)\n", i+1)
		}
		b.WriteString(line)
	}
	if b.Len() == 0 {
		return f.head()
	}
	return b.String()
}
