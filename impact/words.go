package impact

import (
	"strings"

	"github.com/redoubt-dev/redoubt/evidence"
)

// inWord reports whether a byte is part of a name; bytes beyond ASCII are.
func inWord(c byte) bool {
	return c == '_' || c == '$' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// eachWord calls fn with the names in a text.
func eachWord(s string, fn func(string)) {
	start := -1
	for i := 0; i <= len(s); i++ {
		if i < len(s) && inWord(s[i]) {
			if start < 0 {
				start = i
			}
		} else if start >= 0 {
			fn(s[start:i])
			start = -1
		}
	}
}

// texts calls fn with each line and section of a change until it returns true.
func texts(c *Change, fn func(string) bool) bool {
	for h := range c.Hunks {
		if s := c.Hunks[h].Section; s != "" && fn(s) {
			return true
		}
		for k := range c.Hunks[h].Lines {
			if fn(c.Hunks[h].Lines[k].Text) {
				return true
			}
		}
	}
	return false
}

// mentions reports whether the hunks of a change hold a text as a word of its own. The lines around the changed ones count: the
// one that opens a short function is among them.
func (x *Index) mentions(i int, text string, anyCase bool) bool {
	if text == "" {
		return false
	}
	c, f := &x.changes[i], &x.facts[i]
	if f.words == nil {
		f.words, f.found = map[string]bool{}, map[string]bool{}
		texts(c, func(s string) bool {
			eachWord(s, func(w string) { f.words[w] = true })
			return false
		})
	}
	single := true
	for k := range len(text) {
		single = single && inWord(text[k])
	}
	if single && !anyCase {
		return f.words[text]
	}
	key := text
	if anyCase {
		key = "i " + strings.ToLower(text)
	}
	if known, ok := f.found[key]; ok {
		return known
	}
	if !x.spend(0) {
		return false
	}
	found := texts(c, func(s string) bool { return x.spend(len(s)+1) && holdsWord(s, text, anyCase) })
	f.found[key] = found
	return found
}

// holdsWord reports whether s holds text with no name running on at either end.
func holdsWord(s, text string, anyCase bool) bool {
	if anyCase {
		s, text = strings.ToLower(s), strings.ToLower(text)
	}
	for at := 0; ; {
		k := strings.Index(s[at:], text)
		if k < 0 {
			return false
		}
		from, to := at+k, at+k+len(text)
		if !(from > 0 && inWord(s[from-1]) && inWord(text[0])) && !(to < len(s) && inWord(s[to]) && inWord(text[len(text)-1])) {
			return true
		}
		at = from + 1
	}
}

// matches reports whether the lines of a kind match a pattern. ^ and $ match at line ends whatever its flags say, since a hunk is
// not a file.
func (x *Index) matches(p evidence.Params, i int, kind byte) bool {
	re, err := evidence.CompilePattern(evidence.Params{"pattern": p.String("pattern"), "multiline": true, "dotall": p.Bool("dotall")})
	if err != nil {
		return true // it would not have been stored; what cannot be told is touched
	}
	for _, text := range x.joined(i, kind) {
		if x.spend(patternCost(p.String("pattern"), len(text))) && re.MatchString(text) {
			return true
		}
	}
	return false
}

// joined returns the lines of a kind, joined within each hunk that has any.
func (x *Index) joined(i int, kind byte) []string {
	f := &x.facts[i]
	into := &f.added
	if kind == '-' {
		into = &f.removed
	}
	if *into == nil {
		*into = []string{}
		for _, h := range x.changes[i].Hunks {
			var b strings.Builder
			for _, l := range h.Lines {
				if l.Kind == kind {
					b.WriteString(l.Text)
					b.WriteByte('\n')
				}
			}
			if b.Len() > 0 {
				*into = append(*into, b.String())
			}
		}
	}
	return *into
}
