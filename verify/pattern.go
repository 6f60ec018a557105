package verify

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"unicode"

	"github.com/redoubt-dev/redoubt/evidence"
)

// patterns keeps compiled expressions for the life of a checker.
type patterns struct{ byText sync.Map }

// expression is a compiled pattern with a text that each of its matches contains.
type expression struct {
	re      *regexp.Regexp
	literal []byte
}

// compile compiles an expression once.
func (p *patterns) compile(text string) (*expression, error) {
	if e, ok := p.byText.Load(text); ok {
		return e.(*expression), nil
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, failf("the pattern is not valid: %v; patterns are RE2", err)
	}
	e, _ := p.byText.LoadOrStore(text, &expression{re: re, literal: []byte(evidence.Literal(re))})
	return e.(*expression), nil
}

// pattern compiles the claim's pattern with its flags.
func (k *claim) pattern() (*expression, error) {
	flags := ""
	if k.params.Bool("multiline") {
		flags += "m"
	}
	if k.params.Bool("dotall") {
		flags += "s"
	}
	text := k.params.String("pattern")
	if flags != "" {
		text = "(?" + flags + ")" + text
	}
	return k.run.patterns.compile(text)
}

// scope is a part of a text, in bytes and in lines from 1; the last line is included.
type scope struct {
	start, end  int
	first, last int
}

// scope finds the part that the claim names: from the first line that matches scope_start to the next line, that one included,
// that matches scope_end, or to the end of the text without scope_end. Expressions are matched against each line without its
// end. Without scope_start it is the whole text.
func (k *claim) scope(f *file, text []byte) (scope, error) {
	s := scope{end: len(text), first: 1, last: bytes.Count(text, []byte{'\n'}) + 1}
	from, to := k.params.String("scope_start"), k.params.String("scope_end")
	if from == "" {
		return s, nil
	}
	begin, err := k.run.patterns.compile(from)
	if err != nil {
		return s, err
	}
	var end *expression
	if to != "" {
		if end, err = k.run.patterns.compile(to); err != nil {
			return s, err
		}
	}
	inside := false
	for at, line := 0, 1; at < len(text); line++ {
		stop := len(text)
		if i := bytes.IndexByte(text[at:], '\n'); i >= 0 {
			stop = at + i + 1
		}
		content := bytes.TrimRight(text[at:stop], "\r\n")
		if line == 1 {
			content = bytes.TrimPrefix(content, []byte{0xEF, 0xBB, 0xBF})
		}
		if !inside && begin.re.Match(content) {
			inside = true
			s.start, s.first = at, line
			if end == nil {
				return s, nil
			}
		}
		if inside && end.re.Match(content) {
			s.end, s.last = stop, line
			return s, nil
		}
		at = stop
	}
	if inside {
		return s, failAt(s.first, "scope not found: no line of %s from %d on matches scope_end", f.path, s.first)
	}
	return s, failf("scope not found: no line of %s matches scope_start", f.path)
}

// maxRefused bounds how many matches are looked at for one that counts.
const maxRefused = 1_000

// match is where an expression matches first; line 0 means nowhere.
type match struct{ line, last int }

// find searches a text that begins on the line given. Matches that accept refuses do not count.
func (e *expression) find(text []byte, line int, accept func(start, end int) bool) match {
	if len(e.literal) > 0 && !bytes.Contains(text, e.literal) {
		return match{}
	}
	at := e.re.FindIndex(text)
	if at == nil {
		return match{}
	}
	if accept != nil && !accept(at[0], at[1]) {
		at = nil
		for _, next := range e.re.FindAllIndex(text, maxRefused) {
			if accept(next[0], next[1]) {
				at = next
				break
			}
		}
		if at == nil {
			return match{}
		}
	}
	first := line + bytes.Count(text[:at[0]], []byte{'\n'})
	return match{line: first, last: first + bytes.Count(bytes.TrimSuffix(text[at[0]:at[1]], []byte{'\n'}), []byte{'\n'})}
}

// key names a search in a file for its memory.
func (k *claim) key(kind string) string {
	return strings.Join([]string{
		kind, k.params.String("pattern"), fmt.Sprint(k.params.Bool("multiline"), k.params.Bool("dotall")),
		k.params.String("scope_start"), k.params.String("scope_end"),
	}, "\x00")
}

// searched is the answer to a search.
type searched struct {
	at    match
	scope scope
	err   error
}

// search looks for the claim's pattern in its scope; code leaves comments out, and refuses a match of nothing but the blanks
// that they were made.
func (k *claim) search(f *file, code bool) searched {
	kind := "text"
	if code {
		kind = "code"
	}
	return remember(f, k.key(kind), func() searched {
		e, err := k.pattern()
		if err != nil {
			return searched{err: err}
		}
		text, err := f.utf8()
		if err != nil {
			return searched{err: err}
		}
		s, err := k.scope(f, text)
		if err != nil {
			return searched{err: err}
		}
		if !code {
			return searched{at: e.find(text[s.start:s.end], s.first, nil), scope: s}
		}
		blanked, err := f.uncommented()
		if err != nil {
			return searched{err: err}
		}
		if len(blanked) != len(text) {
			return searched{err: failf("internal error: the code of %s is not as long as its text", f.path)}
		}
		return searched{scope: s, at: e.find(blanked[s.start:s.end], s.first, func(start, end int) bool {
			return len(bytes.TrimSpace(blanked[s.start+start:s.start+end])) > 0 ||
				bytes.Equal(blanked[s.start+start:s.start+end], text[s.start+start:s.start+end])
		})}
	})
}

// patternMatches: the pattern matches the code of a file in a language that is parsed, and the text of any other.
func patternMatches(k *claim) (*found, error) {
	f := k.about()
	got := k.search(f, f.isSource())
	if got.err != nil {
		return nil, got.err
	}
	if got.at.line == 0 {
		if f.isSource() {
			if comment := k.search(f, false); comment.err == nil && comment.at.line > 0 {
				return nil, failAt(comment.at.line, "the pattern matches only in a comment (%s:%d), which does not count", f.path, comment.at.line)
			}
		}
		return nil, failf("nothing in %s matches the pattern", k.where(f, got.scope))
	}
	text, err := f.utf8()
	if err != nil {
		return nil, err
	}
	excerpt := aroundLines(text, got.at.line, got.at.last, around)
	if k.params.String("scope_start") != "" {
		excerpt = string(text[got.scope.start:got.scope.end])
	}
	return &found{file: f, line: got.at.line, reason: fmt.Sprintf("the pattern matches at %s:%d", f.path, got.at.line), excerpt: excerpt}, nil
}

// patternAbsent: the pattern matches nowhere in the text, comments included, whatever its line ends are.
func patternAbsent(k *claim) (*found, error) {
	f := k.about()
	got := k.search(f, false)
	if got.err != nil {
		return nil, got.err
	}
	if got.at.line == 0 {
		// A pattern may name the line ends that the text was freed of.
		raw, err := f.read()
		if err != nil {
			return nil, err
		}
		if bytes.IndexByte(raw, '\r') >= 0 {
			e, err := k.pattern()
			if err != nil {
				return nil, err
			}
			s, err := k.scope(f, raw)
			if err != nil {
				return nil, err
			}
			got.at = e.find(raw[s.start:s.end], s.first, nil)
		}
	}
	if at := got.at.line; at > 0 {
		if f.isSource() {
			if code := k.search(f, true); code.err == nil && code.at.line == 0 {
				return nil, failAt(at, "the pattern matches at %s:%d, in a comment; absence includes comments", f.path, at)
			}
		}
		return nil, failAt(at, "the pattern matches at %s:%d", f.path, at)
	}
	text, err := f.utf8()
	if err != nil {
		return nil, err
	}
	if len(bytes.TrimFunc(text[got.scope.start:got.scope.end], unicode.IsSpace)) == 0 {
		return nil, failf("%s is empty, so the absence of a pattern says nothing", k.where(f, got.scope))
	}
	return &found{
		file: f, line: lineOfScope(k, got.scope), reason: fmt.Sprintf("nothing in %s matches the pattern", k.where(f, got.scope)),
		excerpt: string(text[got.scope.start:got.scope.end]),
	}, nil
}

func (k *claim) where(f *file, s scope) string {
	if k.params.String("scope_start") == "" {
		return f.path
	}
	return fmt.Sprintf("lines %d to %d of %s", s.first, s.last, f.path)
}

func lineOfScope(k *claim, s scope) int {
	if k.params.String("scope_start") == "" {
		return 0
	}
	return s.first
}
