package scan

import (
	"slices"
	"strings"
)

// Stack is what a repository is written in: languages and frameworks of the table, in the order given.
type Stack struct {
	parts    []part
	hardware bool // nothing but hardware description languages
}

// part is a language or framework, followed by those whose entries serve where it has none.
type part []string

// NewStack reads names of languages and frameworks, in either list, by any name that the table has for them. The names that it does not
// have come back as unknown, and are left out.
func NewStack(languages, frameworks []string) (s Stack, unknown []string) {
	t := table()
	hardware := 0
	for _, given := range slices.Concat(frameworks, languages) {
		name := strings.ToLower(strings.TrimSpace(given))
		if name == "" {
			continue
		}
		var p part
		if i := slices.IndexFunc(t.Frameworks, func(f framework) bool { return f.ID == name || slices.Contains(f.Also, name) }); i >= 0 {
			p = append(part{t.Frameworks[i].ID}, t.language(t.Frameworks[i].Of)...)
		} else if p = t.language(name); p == nil {
			if !slices.Contains(unknown, given) {
				unknown = append(unknown, given)
			}
			continue
		} else if t.isHardware(p[0]) {
			hardware++
		}
		// A framework stands for its language: with django, python alone says nothing more.
		if !slices.ContainsFunc(s.parts, func(known part) bool { return slices.Contains(known, p[0]) }) {
			s.parts = append(s.parts, p)
		}
	}
	s.hardware = hardware > 0 && hardware == len(s.parts)
	return s, unknown
}

// Empty reports whether nothing known was named.
func (s Stack) Empty() bool { return len(s.parts) == 0 }

// Known lists the languages and frameworks of the table.
func Known() (languages, frameworks []string) {
	t := table()
	for _, l := range t.Languages {
		languages = append(languages, l.ID)
	}
	for _, f := range t.Frameworks {
		frameworks = append(frameworks, f.ID)
	}
	return languages, frameworks
}

func (f *file) language(name string) part {
	for _, l := range f.Languages {
		if l.ID == name || slices.Contains(l.Also, name) {
			if l.Like != "" {
				return part{l.ID, l.Like}
			}
			return part{l.ID}
		}
	}
	return nil
}

func (f *file) isHardware(id string) bool {
	return slices.ContainsFunc(f.Languages, func(l language) bool { return l.ID == id && l.Hardware })
}

// pick returns the entries of the first name of a part that has any, and that name.
func pick[E any](p part, in map[string]E) (name string, e E, ok bool) {
	for _, name := range p {
		if e, ok := in[name]; ok {
			return name, e, true
		}
	}
	return "", e, false
}
