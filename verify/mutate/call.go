package mutate

import (
	"bytes"
	"regexp"
	"strings"

	"github.com/redoubt-dev/redoubt/verify/source"
)

// ends reports whether a dotted name is the one wanted, or ends in it at a dot.
func ends(have, want string) bool {
	have, want = dots.Replace(have), dots.Replace(want)
	return want != "" && (have == want || strings.HasSuffix(have, "."+want))
}

// dots are the ways to write a dot.
var dots = strings.NewReplacer("?.", ".", "!.", ".", "::", ".", "->", ".")

// calls returns the calls of the name within the span.
func (s *subject) calls(in source.Span, name string) []source.Call {
	var found []source.Call
	for _, c := range s.facts.Within(in) {
		if ends(c.Name, name) {
			found = append(found, c)
		}
	}
	return found
}

var (
	prefixed = regexp.MustCompile(`^(\s*)((?:await|new|go|defer|void|_\s*=|_,\s*_\s*=)\s+)*$`)
	compared = regexp.MustCompile(`^\s*(?:===|!==|==|!=)\s*([\w.]+|"[^"]*"|'[^']*')`)
	refuses  = regexp.MustCompile(`\b(?:return|raise|throw|deny|denied|forbid|forbidden|abort|refuse|reject|panic|exit|error|Error)\b`)
)

// without is the text with the calls taken out: a statement goes as a whole, a value is replaced by one that lets everything pass,
// as far as can be told.
func (s *subject) without(calls ...source.Call) [][]byte {
	var first, plain []change
	for _, c := range calls {
		if link, ok := s.link(c.Span); ok {
			first, plain = append(first, change{Span: link}), append(plain, change{Span: link})
			continue
		}
		if whole, by, ok := s.statement(c.Span); ok {
			first = append(first, change{whole, by})
		} else {
			first = append(first, change{c.Span, s.neutral(c)})
		}
		plain = append(plain, change{c.Span, s.nothing()})
	}
	return [][]byte{spliced(s.text, first...), spliced(s.text, plain...)}
}

// link returns the span of a call on what another call gave, with the dot before it: a link of a chain goes alone.
func (s *subject) link(call source.Span) (source.Span, bool) {
	before := bytes.TrimRight(s.text[:call.Start], " \t\r\n")
	for _, dot := range []string{"?.", "->", "::", "."} {
		if bytes.HasSuffix(before, []byte(dot)) {
			return source.Span{Start: len(before) - len(dot), End: call.End}, true
		}
	}
	return call, false
}

// statement returns the span of the statement that a call is all of, what to put there, and whether it is one.
func (s *subject) statement(call source.Span) (whole source.Span, by string, ok bool) {
	line := s.lineSpan(call)
	before, after := s.text[line.Start:call.Start], s.text[call.End:line.End]
	m := prefixed.FindSubmatch(before)
	rest := strings.TrimSpace(string(after))
	if m == nil || rest != "" && rest != ";" && !strings.HasPrefix(rest, "//") && !strings.HasPrefix(rest, "#") {
		return whole, "", false
	}
	end := call.End
	if rest == ";" {
		end += bytes.IndexByte(after, ';') + 1
	}
	return source.Span{Start: line.Start + len(m[1]), End: end}, s.dialect().skip, true
}

// neutral is a value in place of a call that lets everything pass.
func (s *subject) neutral(c source.Call) string {
	line := s.lineSpan(c.Span)
	before := strings.TrimSpace(string(s.text[line.Start:c.Span.Start]))
	after := string(s.text[c.Span.End:min(len(s.text), c.Span.End+200)])
	isGo := s.facts.Language == source.Go
	if m := compared.FindStringSubmatch(after); m != nil {
		if isGo && m[1] == "nil" {
			return "error(nil)"
		}
		return m[1] // what it is compared with: equal
	}
	if strings.HasSuffix(before, "!") || strings.HasSuffix(before, " not") || strings.HasSuffix(before, "&&") || strings.HasSuffix(before, " and") ||
		strings.HasPrefix(strings.TrimSpace(after), "&&") || strings.HasPrefix(strings.TrimSpace(after), "and ") {
		return s.truth(true)
	}
	if strings.HasSuffix(before, "||") || strings.HasPrefix(strings.TrimSpace(after), "||") || strings.HasSuffix(before, " or") {
		return s.truth(false)
	}
	for _, condition := range s.facts.ConditionsIn(line) {
		if condition.Contains(c.Span) { // a branch that refuses is not to be taken, one that grants is
			return s.truth(!refuses.MatchString(after))
		}
	}
	if isGo {
		switch {
		case before == "return":
			if d := s.enclosing(c.Line); d != nil {
				if types, _, ok := s.results(d); ok && len(types) > 0 {
					return s.passing(d, types)
				}
			}
		case strings.HasSuffix(before, "err :=") || strings.HasSuffix(before, "err ="):
			if strings.Contains(before, ",") {
				return "nil, error(nil)"
			}
			return "error(nil)"
		}
	}
	return s.nothing()
}

// removeCalls takes the calls out, one by one, and all of them together when there are several.
func (b *batch) removeCalls(s *subject, calls []source.Call) {
	if len(calls) > 1 {
		b.add(RemoveCall, s, "every call of "+calls[0].Name+" is gone", s.without(calls...)...)
	}
	for _, c := range calls {
		b.add(RemoveCall, s, "the call of "+c.Name+" is gone", s.without(c)...)
	}
}
