package mutate

import (
	"bytes"
	"crypto/sha256"
	"slices"

	"github.com/redoubt-dev/redoubt/verify/config"
	"github.com/redoubt-dev/redoubt/verify/manifest"
	"github.com/redoubt-dev/redoubt/verify/source"
)

// mutant is a weakening that can be put in place.
type mutant struct {
	Mutant
	content []byte // of the whole file
	delete  bool
	builds  []byte // the same weakening in a way that compiles, to run tests on; content when nil
	calls   string // of an emptied body: "caller F and callee g"
}

// key tells whether two mutants are the same change.
func (m *mutant) key() string {
	if m.delete {
		return m.File
	}
	sum := sha256.Sum256(m.content)
	return m.File + "\x00" + string(sum[:])
}

// subject is a file that is mutated, with what it says.
type subject struct {
	path  string
	text  []byte       // as it is
	facts *source.File // nil for a file that is no source of a language that is parsed
	code  []byte       // of the source, without comments and blanks
}

func newSubject(path string, text []byte) *subject {
	s := &subject{path: path, text: text}
	if facts, err := parse(path, text); err == nil {
		s.facts, s.code = facts, essence(facts.Code())
	}
	return s
}

// parse reads source; a panic in a reader is as good as an error.
func parse(path string, text []byte) (facts *source.File, err error) {
	defer func() {
		if recover() != nil {
			facts, err = nil, source.ErrUnsupported
		}
	}()
	return source.Parse(path, text)
}

// essence is code without any blanks: what stays the same when only comments or layout change.
func essence(code []byte) []byte { return bytes.Join(bytes.Fields(code), nil) }

// fit reports whether a changed text is still of its language and differs in more than comments and layout.
func (s *subject) fit(text []byte) bool {
	if bytes.Equal(s.text, text) {
		return false
	}
	if s.facts != nil {
		facts, err := parse(s.path, text)
		return err == nil && !bytes.Equal(essence(facts.Code()), s.code)
	}
	if _, err := manifest.Read(s.path, s.text); err == nil {
		if _, err := manifest.Read(s.path, text); err != nil {
			return false
		}
	}
	if _, err := config.Read(s.path, s.text); err == nil {
		if _, err := config.Read(s.path, text); err != nil {
			return false
		}
	}
	return true
}

// part returns the text of a span.
func (s *subject) part(span source.Span) string { return string(s.text[span.Start:span.End]) }

// change replaces a part of a text.
type change struct {
	source.Span
	by string
}

// spliced returns the text with the changes made. Changes that lie within others are left out.
func spliced(text []byte, changes ...change) []byte {
	changes = slices.Clone(changes)
	slices.SortStableFunc(changes, func(a, b change) int {
		if a.Start != b.Start {
			return a.Start - b.Start
		}
		return b.End - a.End
	})
	var out []byte
	at := 0
	for _, c := range changes {
		if c.Start < at {
			continue
		}
		out = append(out, text[at:c.Start]...)
		out = append(out, c.by...)
		at = c.End
	}
	return append(out, text[at:]...)
}

// lineSpan is the span of the whole lines that a span touches, with their ends.
func (s *subject) lineSpan(span source.Span) source.Span {
	start := bytes.LastIndexByte(s.text[:span.Start], '\n') + 1
	end := len(s.text)
	if i := bytes.IndexByte(s.text[max(span.Start, span.End-1):], '\n'); i >= 0 {
		end = max(span.Start, span.End-1) + i + 1
	}
	return source.Span{Start: start, End: end}
}

// line returns the span of a line, from 1, without its end.
func (s *subject) line(n int) source.Span {
	start := 0
	for range n - 1 {
		i := bytes.IndexByte(s.text[start:], '\n')
		if i < 0 {
			return source.Span{Start: len(s.text), End: len(s.text)}
		}
		start += i + 1
	}
	end := len(s.text)
	if i := bytes.IndexByte(s.text[start:], '\n'); i >= 0 {
		end = start + i
	}
	return source.Span{Start: start, End: end}
}

// batch gathers the mutants of one assertion, by operator.
type batch struct {
	order []Operator
	by    map[Operator][]*mutant
	seen  map[string]bool
	unfit int
	full  int // candidates of one operator that are enough
}

func newBatch(most int) *batch {
	return &batch{by: map[Operator][]*mutant{}, seen: map[string]bool{}, full: most}
}

// add takes the first of the texts that is fit, as one mutant, and returns it. Without any that is, the candidate is discarded.
func (b *batch) add(op Operator, s *subject, what string, texts ...[]byte) *mutant {
	if len(b.by[op]) >= b.full {
		return nil
	}
	for _, text := range texts {
		if !s.fit(text) {
			continue
		}
		m := &mutant{Mutant: Mutant{Operator: op, File: s.path, What: what}, content: text}
		m.Diff, m.Line = diffOf(s.text, text)
		b.put(m)
		return m
	}
	b.unfit++
	return nil
}

// put takes a mutant once.
func (b *batch) put(m *mutant) {
	key := m.key()
	if b.seen[key] {
		return
	}
	b.seen[key] = true
	if b.by[m.Operator] == nil {
		b.order = append(b.order, m.Operator)
	}
	b.by[m.Operator] = append(b.by[m.Operator], m)
}

// take returns at most so many mutants: the first of each operator, then the second of each, and so on.
func (b *batch) take(most int) []*mutant {
	var all []*mutant
	for i := 0; len(all) < most; i++ {
		found := false
		for _, op := range b.order {
			if i < len(b.by[op]) {
				found = true
				if len(all) < most {
					all = append(all, b.by[op][i])
				}
			}
		}
		if !found {
			break
		}
	}
	return all
}
