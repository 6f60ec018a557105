package source

import (
	"regexp"
	"slices"
	"sort"
	"strings"
)

// Within returns the calls that begin within the span, in the order of the text. The slice is a part of f.Calls.
func (f *File) Within(s Span) []Call {
	i := sort.Search(len(f.Calls), func(i int) bool { return f.Calls[i].Span.Start >= s.Start })
	j := sort.Search(len(f.Calls), func(i int) bool { return f.Calls[i].Span.Start >= s.End })
	return f.Calls[i:max(i, j)]
}

// StringsIn returns the string literals that begin within the span. The slice is a part of f.Strings.
func (f *File) StringsIn(s Span) []String {
	i := sort.Search(len(f.Strings), func(i int) bool { return f.Strings[i].Span.Start >= s.Start })
	j := sort.Search(len(f.Strings), func(i int) bool { return f.Strings[i].Span.Start >= s.End })
	return f.Strings[i:max(i, j)]
}

// HandlersIn returns the error handlers that begin within the span. The slice is a part of f.Handlers.
func (f *File) HandlersIn(s Span) []Handler {
	i := sort.Search(len(f.Handlers), func(i int) bool { return f.Handlers[i].Span.Start >= s.Start })
	j := sort.Search(len(f.Handlers), func(i int) bool { return f.Handlers[i].Span.Start >= s.End })
	return f.Handlers[i:max(i, j)]
}

// Functions returns the functions and methods, those without a body included.
func (f *File) Functions() []*Decl { return f.OfKind(Function) }

// Classes returns the declarations of kind Class.
func (f *File) Classes() []*Decl { return f.OfKind(Class) }

// OfKind returns the declarations of any of the kinds.
func (f *File) OfKind(kinds ...Kind) []*Decl {
	var found []*Decl
	for i := range f.Decls {
		if slices.Contains(kinds, f.Decls[i].Kind) {
			found = append(found, &f.Decls[i])
		}
	}
	return found
}

// Lookup returns the declarations of a name: "Name" whatever its owner, "Owner.Name", "Outer.Inner.Name". The spellings
// "(*Owner).Name", "Owner::Name", "Owner#Name" and a trailing "()" mean the same. Overloads and namesakes are all returned.
func (f *File) Lookup(name string) []*Decl {
	want := spelling(name)
	if want == "" {
		return nil
	}
	var found []*Decl
	for i := range f.Decls {
		d := &f.Decls[i]
		if strings.HasSuffix(name, d.Name) && (d.Name == name || d.Qualified() == name) { // names of shells and workflows hold colons and blanks
			found = append(found, d)
			continue
		}
		if !strings.HasSuffix(want, d.Name) { // most are told apart by this
			continue
		}
		have := d.Qualified()
		if have == want || strings.HasSuffix(have, "."+want) {
			found = append(found, d)
		}
	}
	return found
}

// spellings are the ways to write a dot, and the signs that say nothing about which function is meant.
var spellings = strings.NewReplacer("::", ".", "(", "", ")", "", "*", "", "&", "", " ", "")

var ownerHash = regexp.MustCompile(`([\pL\pN_$])#`)

// spelling brings the ways to write a qualified name to the one of Decl.Qualified.
func spelling(name string) string {
	name = strings.TrimSpace(name)
	if i := strings.LastIndex(name, "operator"); i >= 0 { // of C++: its marks are its name
		return strings.ReplaceAll(strings.ReplaceAll(name[:i], "::", "."), " ", "") + name[i:]
	}
	name = strings.TrimSuffix(name, "()")
	if !strings.ContainsAny(name, ":()*& #") {
		return name
	}
	return ownerHash.ReplaceAllString(spellings.Replace(name), "$1.")
}

// Code returns the text with comments and docstrings blanked by spaces; line ends stay, so that offsets and lines are those of
// the text. It is made anew at each call.
func (f *File) Code() []byte {
	code := slices.Clone(f.Text)
	for _, c := range f.Comments {
		for i := c.Start; i < c.End; i++ {
			if code[i] != '\n' && code[i] != '\r' {
				code[i] = ' '
			}
		}
	}
	return code
}

// ConditionsIn returns the conditions that begin within the span, in the order of the text: of branches and loops, subjects and
// cases of a switch, guards, assertions. In languages that write them in brackets these may be a part of the span. The slice is a
// part of the facts.
func (f *File) ConditionsIn(s Span) []Span {
	i := sort.Search(len(f.conditions), func(i int) bool { return f.conditions[i].Start >= s.Start })
	j := sort.Search(len(f.conditions), func(i int) bool { return f.conditions[i].Start >= s.End })
	return f.conditions[i:max(i, j)]
}
