package mutate

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/verify/source"
)

// selects tells the tests of a file that an assertion is about.
func selects(p evidence.Params, file string, facts *source.File) []source.Test {
	selector, name := p.String("pattern"), p.String("name")
	var re *regexp.Regexp
	if !evidence.IsGlob(selector) {
		re, _ = regexp.Compile(`\A(?:` + selector + `)\z`)
	}
	var found []source.Test
	for _, t := range facts.Tests {
		names := []string{t.Name, t.Name[strings.LastIndexAny(t.Name, "./›")+1:], path.Base(path.Dir(file)) + "." + t.Name}
		for i := range names {
			names[i] = strings.TrimSpace(names[i])
		}
		switch {
		case re != nil && slices.ContainsFunc(names, re.MatchString), re == nil && (name == "" || slices.Contains(names, name)):
			found = append(found, t)
		}
	}
	return found
}

// weakenTests takes tests out, skips them, and empties them.
func (b *batch) weakenTests(s *subject, p evidence.Params) {
	seen := map[int]bool{}
	for _, t := range selects(p, s.path, s.facts) {
		if seen[t.Line] {
			continue
		}
		seen[t.Line] = true
		script := s.facts.Language == source.JavaScript || s.facts.Language == source.TypeScript
		if d := s.enclosing(t.Line); d != nil && !script {
			b.removeDeclaration(RemoveTest, s, d)
			b.skip(s, d)
			b.emptyBody(s, d)
			continue
		}
		for _, c := range s.facts.Within(s.lineSpan(s.line(t.Line))) {
			if c.Line != t.Line || len(c.Args) < 2 || strings.Contains(c.Name, "?") {
				continue
			}
			b.add(RemoveTest, s, t.Name+" is gone", s.without(c)...)
			name := source.Span{Start: c.Span.Start, End: c.Span.Start + len(c.Name)}
			b.add(SkipTest, s, t.Name+" is skipped", spliced(s.text, change{name, c.Name + ".skip"}))
			b.add(EmptyBody, s, t.Name+" tests nothing", spliced(s.text, change{c.Args[len(c.Args)-1], "() => {}"}))
			break
		}
	}
}

// skip lets a test skip itself before it does anything.
func (b *batch) skip(s *subject, d *source.Decl) {
	lead, _, indent := s.margin(d)
	at := source.Span{Start: d.Body.Start + len(lead), End: d.Body.Start + len(lead)}
	var words []string
	switch s.facts.Language {
	case source.Go:
		if len(d.Params) == 0 {
			return
		}
		words = []string{d.Params[0].Name + `.Skip("later")`}
	case source.Python:
		words = []string{`pytest.skip("later")`}
		if d.Owner != "" {
			words = []string{`self.skipTest("later")`}
		}
	default:
		return
	}
	var texts [][]byte
	for _, w := range words {
		texts = append(texts, spliced(s.text, change{at, w + "\n" + indent}))
	}
	b.add(SkipTest, s, d.Qualified()+" is skipped", texts...)
}
