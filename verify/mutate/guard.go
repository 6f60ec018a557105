package mutate

import (
	"regexp"
	"strings"

	"github.com/redoubt-dev/redoubt/verify/source"
)

// mentions matches a name as a whole word.
func mentions(name string) *regexp.Regexp {
	return regexp.MustCompile(`(?:^|[^\w$])` + regexp.QuoteMeta(name) + `(?:$|[^\w$])`)
}

// removeChecks takes out what a function checks a parameter by: each condition that mentions it is made false, each call that
// validates it goes. One mutant for the first check, one for all of them.
func (b *batch) removeChecks(s *subject, d *source.Decl, parameter string) {
	word := mentions(parameter)
	about := func(c source.Span) bool { return word.MatchString(s.part(c)) }
	b.add(RemoveCheck, s, "nothing checks "+parameter+" any more", s.unchecked(d, parameter)...)
	if line, how, ok := s.facts.Validates(d, parameter); ok {
		var texts [][]byte
		for _, c := range s.conditions(s.lineSpan(s.line(line))) {
			if about(c) {
				texts = append(texts, spliced(s.text, change{c, s.truth(false)}))
			}
		}
		for _, c := range s.facts.Within(s.lineSpan(s.line(line))) {
			if about(c.Span) {
				texts = append(texts, s.without(c)...)
			}
		}
		b.add(RemoveCheck, s, "the check at line "+itoa(line)+" is gone ("+clip(how)+")", texts...)
	}
	b.invert(s, d.Body, about)
	// A comparison looks at the value and the check lets through what it refused.
	for _, c := range s.conditions(d.Body) {
		if about(c) {
			b.loosen(s, c)
		}
	}
}

// unchecked takes every check of the parameter out, one after the other, until the facts know of none.
func (s *subject) unchecked(d *source.Decl, parameter string) [][]byte {
	word := mentions(parameter)
	at := s
	for range 30 {
		fn := at.same(d)
		if fn == nil {
			return nil
		}
		line, _, ok := at.facts.Validates(fn, parameter)
		if !ok {
			return [][]byte{at.text}
		}
		var next *subject
		try := func(texts ...[]byte) {
			for _, text := range texts {
				if next == nil && at.fit(text) {
					next = newSubject(s.path, text)
				}
			}
		}
		in := at.lineSpan(at.line(line))
		for _, c := range at.facts.ConditionsIn(in) {
			if word.MatchString(at.part(c)) {
				try(spliced(at.text, change{c, at.truth(false)}))
			}
		}
		for _, c := range at.facts.Within(in) {
			if word.MatchString(at.part(c.Span)) {
				try(at.without(c)...)
			}
		}
		if next == nil || next.facts == nil {
			return nil
		}
		at = next
	}
	return nil
}

// same finds the function again in a changed text: the first of its name with a body and as many parameters.
func (s *subject) same(d *source.Decl) *source.Decl {
	for _, other := range s.functions(d.Qualified()) {
		if len(other.Params) == len(d.Params) {
			return other
		}
	}
	return nil
}

// removeHandlers takes the handling of errors out of a function: all of it, each handler, and what each does.
func (b *batch) removeHandlers(s *subject, d *source.Decl) {
	handlers := s.facts.HandlersIn(d.Body)
	if len(handlers) > 1 {
		var gone, emptied []change
		for _, h := range handlers {
			gone = append(gone, change{h.Span, s.unhandled(h)})
			emptied = append(emptied, s.emptied(h)...)
		}
		b.add(RemoveHandler, s, "no error is handled any more", spliced(s.text, gone...), spliced(s.text, emptied...))
	}
	for _, h := range handlers {
		b.add(RemoveHandler, s, "the error at line "+itoa(h.Line)+" is not handled", spliced(s.text, change{h.Span, s.unhandled(h)}))
		if e := s.emptied(h); len(e) > 0 {
			b.add(EmptyHandler, s, "the error at line "+itoa(h.Line)+" is caught and forgotten", spliced(s.text, e...))
		}
	}
}

// unhandled is what stays of code whose error is not handled: a try keeps its block, one in Python raises it
// again, a return that wraps an error keeps nothing of it.
func (s *subject) unhandled(h source.Handler) string {
	text := s.part(h.Span)
	switch {
	case s.facts.Language == source.Go && strings.HasPrefix(text, "return"):
		if d := s.enclosing(h.Line); d != nil {
			return s.zeroReturn(d)
		}
	case s.facts.Language == source.Python:
		if i := strings.IndexByte(text, ':'); i > 0 { // a try needs one
			return text[:i] + ": raise"
		}
	case strings.HasPrefix(text, "try"):
		if i := strings.Index(text, "catch"); i > 0 {
			return strings.TrimSpace(text[len("try"):i])
		}
	}
	return ""
}

// emptied is the change that leaves a handler with nothing to do.
func (s *subject) emptied(h source.Handler) []change {
	text := s.part(h.Span)
	if s.facts.Language == source.Python {
		colon := strings.IndexByte(text, ':')
		if colon < 0 {
			return nil
		}
		return []change{{source.Span{Start: h.Span.Start + colon + 1, End: h.Span.End}, " pass"}}
	}
	end := strings.LastIndexByte(text, '}')
	depth := 0
	for i := end; i >= 0; i-- {
		switch text[i] {
		case '}':
			depth++
		case '{':
			if depth--; depth == 0 {
				return []change{{source.Span{Start: h.Span.Start + i, End: h.Span.Start + end + 1}, "{}"}}
			}
		}
	}
	return nil
}
