package mutate

import (
	"bytes"
	"path"
	"regexp"
	"strings"

	"github.com/redoubt-dev/redoubt/verify/source"
)

// removeDecorators takes a decorator off, and loosens what it is given.
func (b *batch) removeDecorators(s *subject, name, decorator string) {
	want := strings.TrimSuffix(strings.TrimPrefix(decorator, "@"), "()")
	for _, d := range s.facts.Lookup(name) {
		for _, dec := range d.Decorators {
			if !ends(dec.Name, want) {
				continue
			}
			from := s.line(dec.Line).Start
			i := bytes.Index(s.text[from:min(len(s.text), d.Span.End)], []byte(dec.Text))
			if i < 0 {
				b.unfit++
				continue
			}
			span := source.Span{Start: from + i, End: from + i + len(dec.Text)}
			b.add(RemoveDecorator, s, d.Qualified()+" does not carry "+dec.Name,
				spliced(s.text, change{Span: s.lineSpan(span)}), spliced(s.text, change{Span: span}), spliced(s.text, change{Span: s.bracketed(span)}))
			if open := strings.IndexByte(dec.Text, '('); open > 0 {
				b.loosen(s, source.Span{Start: span.Start + open, End: span.End})
			}
		}
	}
}

// bracketed widens a span to the signs of an attribute around it: "[…]", "#[…]", "@".
func (s *subject) bracketed(span source.Span) source.Span {
	if span.Start > 0 && s.text[span.Start-1] == '@' {
		span.Start--
	}
	if span.Start > 0 && span.End < len(s.text) && s.text[span.Start-1] == '[' && s.text[span.End] == ']' {
		span.Start, span.End = span.Start-1, span.End+1
		if span.Start > 0 && s.text[span.Start-1] == '#' {
			span.Start--
		}
	}
	return span
}

// removeImports takes the import of a module out, and in another mutant every call of what it brings.
func (b *batch) removeImports(s *subject, module string, line int) {
	for _, imp := range s.facts.Imports {
		if imp.Line != line {
			continue
		}
		at := s.line(line)
		// An import of several lines: the one that names the module.
		text := string(s.text[at.Start:min(len(s.text), at.Start+4000)])
		i := strings.Index(text, imp.Module)
		texts := [][]byte{spliced(s.text, change{Span: s.lineSpan(at)}), spliced(s.text, change{at, s.dialect().skip})}
		if i >= 0 {
			span := source.Span{Start: at.Start + i, End: at.Start + i + len(imp.Module)}
			texts = append(texts, spliced(s.text, change{Span: s.lineSpan(span)}), spliced(s.text, change{span, "removed"}))
		}
		b.add(RemoveImport, s, imp.Module+" is not imported", texts...)

		names := append([]string{imp.Alias, path.Base(imp.Module)}, imp.Names...)
		if bound := regexp.MustCompile(`([\w$]+)\s*=\s*(?:await\s+)?(?:require|import)\s*\(`).FindStringSubmatch(s.part(at)); bound != nil {
			names = append(names, bound[1])
		}
		var used []source.Call
		for _, c := range s.facts.Calls {
			first, _, _ := strings.Cut(dots.Replace(c.Name), ".")
			for _, n := range names {
				if n != "" && n != "*" && (first == n || c.Name == imp.Module || strings.HasPrefix(c.Name, imp.Module+".")) && c.Line != line {
					used = append(used, c)
					break
				}
			}
		}
		if len(used) > 0 {
			b.add(RemoveUses, s, "nothing of "+imp.Module+" is called", s.without(used...)...)
		}
	}
}

// deleteRegistrations takes the registration of a middleware out, and loosens what it is given.
func (b *batch) deleteRegistrations(s *subject, middleware string) {
	want := strings.TrimSuffix(middleware, "()")
	for _, m := range s.facts.Middle {
		if !ends(m.Name, want) {
			continue
		}
		line := s.line(m.Line)
		last := m.Name[strings.LastIndexAny(m.Name, ".:>")+1:]
		at := strings.Index(s.part(line), last)
		if at < 0 {
			b.unfit++
			continue
		}
		place := line.Start + at
		var texts [][]byte
		var around *source.Call // the smallest call that has it as an argument
		for i := range s.facts.Calls {
			c := &s.facts.Calls[i]
			if !c.Span.Holds(place) || c.Span.Start == place || ends(c.Name, last) {
				continue
			}
			if around == nil || c.Span.End-c.Span.Start < around.Span.End-around.Span.Start {
				around = c
			}
		}
		if around != nil && len(around.Args) > 1 {
			for i, arg := range around.Args {
				if arg.Holds(place) {
					texts = append(texts, spliced(s.text, change{Span: argument(around, i)}))
				}
			}
		}
		if around != nil {
			if whole, by, ok := s.statement(around.Span); ok {
				texts = append(texts, spliced(s.text, change{whole, by}))
			}
		}
		for _, c := range s.facts.Calls { // a handler that is wrapped goes without its wrapper
			if c.Span.Holds(place) && ends(c.Name, last) && len(c.Args) > 0 {
				for _, i := range []int{len(c.Args) - 1, 0} {
					texts = append(texts, spliced(s.text, change{c.Span, s.part(c.Args[i])}))
				}
				b.loosen(s, c.Span)
			}
		}
		texts = append(texts, spliced(s.text, change{Span: s.lineSpan(line)}), spliced(s.text, change{line, s.dialect().skip}))
		b.add(DeleteRegistration, s, m.Name+" is not registered", texts...)
	}
}

// argument is the span of an argument with the comma that goes with it.
func argument(c *source.Call, i int) source.Span {
	if i > 0 {
		return source.Span{Start: c.Args[i-1].End, End: c.Args[i].End}
	}
	return source.Span{Start: c.Args[0].Start, End: c.Args[1].Start}
}

// deleteHeaders takes the setting of a header out, and loosens its value.
func (b *batch) deleteHeaders(s *subject, name string) {
	for _, h := range s.facts.Headers {
		if !strings.EqualFold(h.Name, name) {
			continue
		}
		line := s.line(h.Line)
		key := source.Span{Start: -1}
		for _, l := range s.facts.StringsIn(source.Span{Start: line.Start, End: line.End + 1}) {
			if strings.EqualFold(l.Value, name) && key.Start < 0 {
				key = l.Span
			}
		}
		if key.Start < 0 { // perhaps a key without quotes, or one that the framework writes otherwise
			b.add(DeleteRegistration, s, h.Name+" is not set", spliced(s.text, change{Span: s.lineSpan(line)}))
			continue
		}
		var texts [][]byte
		value := source.Span{Start: -1}
		for _, c := range s.facts.Calls {
			if c.Span.Contains(key) && len(c.Args) > 0 && c.Args[0] == key {
				if whole, by, ok := s.statement(c.Span); ok {
					texts = append(texts, spliced(s.text, change{whole, by}))
				}
				if len(c.Args) > 1 {
					value = c.Args[1]
				}
			}
		}
		quote := s.part(key)[:1]
		texts = append(texts, spliced(s.text, change{Span: s.lineSpan(line)}), spliced(s.text, change{key, quote + "X-Removed" + quote}))
		b.add(DeleteRegistration, s, h.Name+" is not set", texts...)
		if value.Start < 0 {
			for _, l := range s.facts.StringsIn(source.Span{Start: key.End, End: min(len(s.text), line.End+200)}) {
				if h.Known && l.Value == h.Value {
					value = l.Span
					break
				}
			}
		}
		if value.Start < 0 {
			continue
		}
		what := h.Name + " is set to something weaker"
		for _, weak := range weakHeader(h.Name, h.Value) {
			b.add(LoosenValue, s, what, spliced(s.text, change{value, quote + weak + quote}))
		}
	}
}

// weakHeader lists values of a header that protect nothing.
func weakHeader(name, value string) []string {
	switch strings.ToLower(name) {
	case "strict-transport-security":
		return []string{"max-age=0"}
	case "content-security-policy":
		return []string{"default-src * 'unsafe-inline'"}
	case "access-control-allow-origin":
		if value != "*" {
			return []string{"*"}
		}
	case "x-frame-options":
		return []string{"ALLOWALL"}
	case "cache-control":
		return []string{"public"}
	case "referrer-policy":
		return []string{"unsafe-url"}
	}
	return []string{"none"}
}

// renameReads makes the code read another environment variable than it did.
func (b *batch) renameReads(s *subject, variable string) {
	for _, e := range s.facts.Env {
		if e.Name != variable {
			continue
		}
		line := s.line(e.Line)
		i := strings.Index(s.part(line), variable)
		if i < 0 {
			b.unfit++
			continue
		}
		span := source.Span{Start: line.Start + i, End: line.Start + i + len(variable)}
		b.add(Rename, s, variable+" is not read", spliced(s.text, change{span, "REMOVED_" + variable}))
	}
}
