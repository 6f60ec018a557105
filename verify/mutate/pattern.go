package mutate

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/verify/source"
)

// expression compiles an assertion's pattern with its flags.
func expression(p evidence.Params) (*regexp.Regexp, error) {
	flags := ""
	if p.Bool("multiline") {
		flags += "m"
	}
	if p.Bool("dotall") {
		flags += "s"
	}
	text := p.String("pattern")
	if flags != "" {
		text = "(?" + flags + ")" + text
	}
	return regexp.Compile(text)
}

// unix is the subject with line feeds alone and no byte order mark, as patterns see it.
func (s *subject) unix() *subject {
	text := bytes.TrimPrefix(s.text, []byte{0xEF, 0xBB, 0xBF})
	if bytes.IndexByte(text, '\r') < 0 && len(text) == len(s.text) {
		return s
	}
	return newSubject(s.path, bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")))
}

// scope is the part of a text that an assertion names, by the rule of the check.
func (s *subject) scope(p evidence.Params) (source.Span, bool) {
	whole := source.Span{End: len(s.text)}
	from, to := p.String("scope_start"), p.String("scope_end")
	if from == "" {
		return whole, true
	}
	begin, err := regexp.Compile(from)
	if err != nil {
		return whole, false
	}
	end, err := regexp.Compile(to)
	if err != nil {
		return whole, false
	}
	inside := false
	for at := 0; at < len(s.text); {
		stop := len(s.text)
		if i := bytes.IndexByte(s.text[at:], '\n'); i >= 0 {
			stop = at + i + 1
		}
		line := bytes.TrimRight(s.text[at:stop], "\r\n")
		if !inside && begin.Match(line) {
			inside, whole.Start = true, at
			if to == "" {
				return whole, true
			}
		}
		if inside && end.Match(line) {
			whole.End = stop
			return whole, true
		}
		at = stop
	}
	return whole, false
}

// maxMatches bounds how many matches of a pattern are mutated.
const maxMatches = 20

// removeMatches takes out what a pattern matches, and weakens it: literals, comparisons, and the function around it.
func (b *batch) removeMatches(s *subject, p evidence.Params) {
	s = s.unix()
	re, err := expression(p)
	part, ok := s.scope(p)
	if err != nil || !ok {
		return
	}
	code := s.text
	if s.facts != nil {
		code = s.facts.Code()
	}
	var spans []source.Span
	var all []change
	for _, m := range re.FindAllIndex(code[part.Start:part.End], maxMatches) {
		span := source.Span{Start: part.Start + m[0], End: part.Start + m[1]}
		if len(bytes.TrimSpace(code[span.Start:span.End])) > 0 {
			spans = append(spans, span)
			all = append(all, change{Span: span})
		}
	}
	if len(spans) > 1 {
		var lines []change
		for _, c := range all {
			lines = append(lines, change{Span: s.lineSpan(c.Span)})
		}
		b.add(RemoveMatch, s, fmt.Sprintf("what matches is gone, in %d places", len(all)), spliced(s.text, lines...), spliced(s.text, all...))
	}
	for _, span := range spans {
		var texts [][]byte
		if s.facts != nil {
			for _, c := range s.facts.Within(s.lineSpan(span)) {
				if c.Span.Contains(span) || span.Contains(c.Span) {
					texts = append(texts, s.without(c)[:1]...)
					break
				}
			}
			for _, c := range s.conditions(s.lineSpan(span)) {
				if c.Contains(span) {
					texts = append(texts, spliced(s.text, change{c, s.truth(false)}))
				}
			}
		}
		gone := s.lineSpan(span)
		texts = append(texts, spliced(s.text, change{Span: gone}), spliced(s.text, change{Span: span}))
		if s.facts != nil {
			texts = append(texts, spliced(s.text, change{span, s.nothing()}), spliced(s.text, change{span, "removed"}))
		}
		still := texts[:0]
		for _, text := range texts {
			if t := newSubject(s.path, text); !t.matches(re, p, len(spans)) {
				still = append(still, text)
			}
		}
		b.add(RemoveMatch, s, "what matches at line "+itoa(bytes.Count(s.text[:span.Start], []byte{'\n'})+1)+" is gone", still...)
	}
	for _, span := range spans {
		b.loosen(s, s.lineSpan(span))
		if s.facts != nil {
			b.turn(s, s.lineSpan(span))
			if d := s.enclosing(s.facts.LineOf(span.Start)); d != nil && d.Body.Contains(span) {
				b.returnEarly(s, d)
			}
		}
	}
}

// matches reports whether the pattern still matches in as many places.
func (s *subject) matches(re *regexp.Regexp, p evidence.Params, n int) bool {
	part, ok := s.scope(p)
	if !ok {
		return false
	}
	code := s.text
	if s.facts != nil {
		code = s.facts.Code()
	}
	return len(re.FindAllIndex(code[part.Start:part.End], n)) >= n
}

// introduce puts the witness of an absence into the code, as it is and written otherwise.
func (b *batch) introduce(s *subject, p evidence.Params) {
	s = s.unix()
	part, ok := s.scope(p)
	if !ok {
		return
	}
	witness := strings.TrimRight(p.String("witness"), "\n")
	for i, place := range s.places(part) {
		b.add(IntroducePattern, s, "line "+itoa(bytes.Count(s.text[:place.at], []byte{'\n'})+1)+" has what must not be there", s.inserted(place, witness)...)
		for _, other := range respelled(s, witness) {
			if i == 0 {
				b.add(RespellPattern, s, "what must not be there is there, written otherwise", s.inserted(place, other)...)
			}
		}
	}
}

// place is where code can be put in.
type place struct {
	at     int
	indent string
}

// places lists where in a span code can be put in: at the start of functions, and where the span ends and begins.
func (s *subject) places(part source.Span) []place {
	var all []place
	if s.facts != nil {
		for _, d := range s.facts.Functions() {
			if d.Body.Empty() {
				continue
			}
			lead, _, indent := s.margin(d)
			if at := d.Body.Start + len(lead); part.Start < at && at < part.End {
				all = append(all, place{at, indent})
			}
		}
	}
	end := part.End
	if end < len(s.text) || end > 0 && s.text[end-1] == '\n' && part.Start > 0 {
		end = s.lineSpan(source.Span{Start: max(part.Start, end-1), End: end}).Start // before the last line of a scope
	}
	all = append(all, place{at: end})
	if next := s.lineSpan(source.Span{Start: part.Start, End: part.Start}).End; next < part.End {
		all = append(all, place{at: next})
	}
	return all
}

// inserted is the text with a line put in, in the ways in which it may be code.
func (s *subject) inserted(p place, what string) [][]byte {
	lines := []string{what}
	if s.facts != nil {
		lines = in(s.dialect().holds, what)
	}
	var texts [][]byte
	for _, line := range lines {
		by := line + "\n" + p.indent
		if p.at == len(s.text) && len(s.text) > 0 && s.text[len(s.text)-1] != '\n' {
			by = "\n" + line + "\n"
		}
		texts = append(texts, spliced(s.text, change{source.Span{Start: p.at, End: p.at}, by}))
	}
	return texts
}

var opened = regexp.MustCompile(`(\w)\(`)

// respelled are other ways to write the same code: a blank before a bracket, other quotes, other blanks.
func respelled(s *subject, witness string) []string {
	if s.facts == nil {
		return nil
	}
	var all []string
	add := func(text string) {
		if text != witness {
			all = append(all, text)
		}
	}
	add(opened.ReplaceAllString(witness, "$1 ("))
	if s.facts.Language != source.Go {
		if strings.Contains(witness, `"`) {
			add(strings.ReplaceAll(witness, `"`, `'`))
		} else {
			add(strings.ReplaceAll(witness, `'`, `"`))
		}
	} else if strings.Count(witness, `"`) == 2 && !strings.Contains(witness, `\`) {
		add(strings.ReplaceAll(witness, `"`, "`"))
	}
	if strings.Contains(witness, ": ") {
		add(strings.ReplaceAll(witness, ": ", ":  "))
	}
	return all
}
