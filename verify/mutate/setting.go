package mutate

import (
	"regexp"
	"strings"

	"github.com/redoubt-dev/redoubt/verify/config"
	"github.com/redoubt-dev/redoubt/verify/manifest"
	"github.com/redoubt-dev/redoubt/verify/source"
)

// removeKeys takes a key out of a configuration file, and sets it to something weaker.
func (b *batch) removeKeys(s *subject, key string) {
	values := lookup(s.path, s.text, key)
	for i, v := range values {
		if i == maxMatches {
			break
		}
		line := s.line(v.Line)
		last := v.Key[strings.LastIndexByte(v.Key, '.')+1:]
		texts := [][]byte{spliced(s.text, change{Span: s.lineSpan(line)})}
		if at := strings.Index(s.part(line), last); at >= 0 {
			span := source.Span{Start: line.Start + at, End: line.Start + at + len(last)}
			texts = append(texts, spliced(s.text, change{span, "removed_" + last}))
		}
		fewer := texts[:0]
		for _, text := range texts {
			if len(lookup(s.path, text, key)) < len(values) {
				fewer = append(fewer, text)
			}
		}
		b.add(RemoveKey, s, v.Key+" is not set", fewer...)
	}
	for i, v := range values {
		if i == maxMatches || v.Text == "" {
			break
		}
		line := s.line(v.Line)
		at := strings.LastIndex(s.part(line), v.Text)
		if at < 0 {
			b.unfit++
			continue
		}
		span := source.Span{Start: line.Start + at, End: line.Start + at + len(v.Text)}
		for _, by := range weakerSettings(v) {
			b.add(LoosenValue, s, v.Key+" is set to something weaker", spliced(s.text, change{span, by}))
		}
	}
}

// weakerSettings lists values that may be weaker than the one that is set. What is weaker nobody can tell from a text alone: a limit
// a thousand times as high or none, a switch turned round, "none".
func weakerSettings(v config.Value) []string {
	if by := weaker(v.Text); by != "" && !strings.HasPrefix(by, `"`) {
		if v.Kind == config.Number || by != "1" && strings.Trim(v.Text, "0123456789") == "" {
			return []string{by, "0"}
		}
		return []string{by}
	}
	if v.Text == "none" {
		return []string{"any"}
	}
	return []string{"none"}
}

func lookup(path string, text []byte, key string) []config.Value {
	f, err := config.Read(path, text)
	if err != nil {
		return nil
	}
	values, err := f.Lookup(key)
	if err != nil {
		return nil
	}
	return values
}

var number = regexp.MustCompile(`\d+(?:\.\d+)*(?:[-+][\w.]+)?`)

// weakenDependency takes a package out of a manifest or lock file, and names a version of it from long ago.
func (b *batch) weakenDependency(s *subject, pkg string) {
	count := func(text []byte) []manifest.Entry {
		m, err := manifest.Read(s.path, text)
		if err != nil {
			return nil
		}
		return m.Find(pkg)
	}
	entries := count(s.text)
	for i, e := range entries {
		if i == maxMatches {
			break
		}
		line := s.line(e.Line)
		texts := [][]byte{spliced(s.text, change{Span: s.lineSpan(line)})}
		if at := strings.Index(s.part(line), e.Package); at >= 0 {
			span := source.Span{Start: line.Start + at, End: line.Start + at + len(e.Package)}
			texts = append(texts, spliced(s.text, change{span, "removed-" + e.Package[strings.LastIndexByte(e.Package, '/')+1:]}))
			texts = append(texts, spliced(s.text, change{span, "example.org/removed"}))
		}
		fewer := texts[:0]
		for _, text := range texts {
			if m, err := manifest.Read(s.path, text); err == nil && len(m.Find(pkg)) < len(entries) {
				fewer = append(fewer, text)
			}
		}
		b.add(RemoveDependency, s, e.Package+" is not in "+s.path, fewer...)
		for _, version := range []string{e.Version, e.Range} {
			if version == "" {
				continue
			}
			// A lock file says more of a package on the lines below its name.
			to := s.line(e.Line + 6).End
			at := strings.Index(string(s.text[line.Start:to]), version)
			old := number.ReplaceAllString(version, "0.0.1")
			if at < 0 || old == version {
				b.unfit++
				continue
			}
			span := source.Span{Start: line.Start + at, End: line.Start + at + len(version)}
			b.add(DowngradeDependency, s, e.Package+" is "+old, spliced(s.text, change{span, old}))
			break
		}
	}
}
