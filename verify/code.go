package verify

import (
	"fmt"
	"slices"
	"strings"

	"github.com/redoubt-dev/redoubt/verify/source"
)

// declarations returns the file's facts and its declarations of the name that are of one of the kinds, or why there are none.
func (k *claim) declarations(name, what string, kinds ...source.Kind) (*file, *source.File, []*source.Decl, error) {
	f := k.about()
	facts, err := f.facts()
	if err != nil {
		return f, nil, nil, err
	}
	var decls []*source.Decl
	var other *source.Decl
	for _, d := range facts.Lookup(name) {
		if slices.Contains(kinds, d.Kind) {
			decls = append(decls, d)
		} else if other == nil {
			other = d
		}
	}
	if len(decls) > 0 {
		return f, facts, decls, nil
	}
	if other != nil {
		return f, facts, nil, failAt(other.Line, "no %s %s in %s; at line %d it is a %s", what, name, f.path, other.Line, other.Kind)
	}
	var near []candidate
	for _, d := range facts.OfKind(kinds...) {
		compared := d.Qualified()
		if !strings.Contains(name, ".") {
			compared = d.Name
		}
		near = append(near, candidate{name: compared, text: place(d.Qualified(), f, d.Line)})
	}
	return f, facts, nil, failf("no %s %s in %s%s", what, name, f.path, isOrAre(name, near))
}

// bodies returns the functions of the name that have a body.
func (k *claim) bodies(name string) (*file, *source.File, []*source.Decl, error) {
	f, facts, decls, err := k.declarations(name, "function", source.Function)
	if err != nil {
		return f, facts, nil, err
	}
	with := slices.DeleteFunc(slices.Clone(decls), func(d *source.Decl) bool { return d.Body.Empty() })
	if len(with) == 0 {
		d := decls[0]
		return f, facts, nil, failAt(d.Line, "%s is only declared without a body, or with an empty one, at %s:%d", d.Qualified(), f.path, d.Line)
	}
	return f, facts, decls, nil
}

// isOrAre tells where the nearest candidates are, as the end of a sentence. Their texts end in a place.
func isOrAre(wanted string, all []candidate) string {
	near := nearest(wanted, all)
	if len(near) == 0 {
		return ""
	}
	return "; " + strings.Join(near, ", ")
}

func place(name string, f *file, line int) string {
	return fmt.Sprintf("%s is at %s:%d", name, f.path, line)
}

// definitions are the declarations as they are written, one after the other.
func definitions(facts *source.File, decls []*source.Decl) string {
	var b strings.Builder
	for i, d := range decls {
		if i > 0 && decls[i-1].Span.Contains(d.Span) {
			continue
		}
		b.WriteString(partOf(facts, d.Span))
	}
	return b.String()
}

// functionExists: the file defines a function of the name with a body that holds something.
func functionExists(k *claim) (*found, error) {
	f, facts, decls, err := k.bodies(k.params.String("name"))
	if err != nil {
		return nil, err
	}
	d := decls[slices.IndexFunc(decls, func(d *source.Decl) bool { return !d.Body.Empty() })]
	return &found{file: f, line: d.Line, reason: fmt.Sprintf("%s is defined at %s:%d", d.Qualified(), f.path, d.Line), excerpt: definitions(facts, decls)}, nil
}

// classExists: the file defines a class, struct, interface or other type of the name.
func classExists(k *claim) (*found, error) {
	f, facts, decls, err := k.declarations(k.params.String("name"), "class or type", source.Class, source.Interface, source.Type)
	if err != nil {
		return nil, err
	}
	d := decls[0]
	return &found{file: f, line: d.Line, reason: fmt.Sprintf("%s is defined at %s:%d", d.Qualified(), f.path, d.Line), excerpt: definitions(facts, decls)}, nil
}

// decoratorPresent: a declaration of the name carries the decorator; one of several namesakes is enough.
func decoratorPresent(k *claim) (*found, error) {
	f, facts, decls, err := k.declarations(k.params.String("function"), "function or class", source.Function, source.Class, source.Interface, source.Type)
	if err != nil {
		return nil, err
	}
	want := strings.TrimSuffix(strings.TrimPrefix(k.params.String("decorator"), "@"), "()")
	var near []candidate
	for _, d := range decls {
		for _, dec := range d.Decorators {
			if isLastParts(dec.Name, want) {
				return &found{
					file: f, line: dec.Line, reason: fmt.Sprintf("%s carries %s (%s:%d)", d.Qualified(), dec.Name, f.path, dec.Line),
					excerpt: definitions(facts, decls),
				}, nil
			}
			near = append(near, candidate{name: dec.Name, text: place(dec.Name, f, dec.Line)})
		}
	}
	d := decls[0]
	if len(near) == 0 {
		return nil, failAt(d.Line, "%s (%s:%d) carries no decorator at all, not %s", d.Qualified(), f.path, d.Line, want)
	}
	return nil, failAt(d.Line, "%s (%s:%d) does not carry %s; %s", d.Qualified(), f.path, d.Line, want, likelyOrFirst(want, near))
}

// likelyOrFirst lists the nearest candidates, or the first three when none is near.
func likelyOrFirst(want string, all []candidate) string {
	if near := nearest(want, all); len(near) > 0 {
		return strings.Join(near, ", ")
	}
	var first []string
	for _, c := range all {
		if len(first) < 3 && !slices.Contains(first, c.text) {
			first = append(first, c.text)
		}
	}
	return strings.Join(first, ", ")
}

// functionCalls: the body of a function of the name calls the callee, named whole or by its last parts. A body is that between
// the braces or of the indented block; the body of the next function is another.
func functionCalls(k *claim) (*found, error) {
	caller, callee := k.params.String("caller"), strings.TrimSuffix(k.params.String("callee"), "()")
	f, facts, decls, err := k.bodies(caller)
	if err != nil {
		return nil, err
	}
	var near []candidate
	for _, d := range decls {
		for _, c := range facts.Within(d.Body) {
			if isLastParts(c.Name, callee) {
				return &found{
					file: f, line: c.Line, reason: fmt.Sprintf("%s calls %s (%s:%d)", d.Qualified(), c.Name, f.path, c.Line),
					excerpt: definitions(facts, decls),
				}, nil
			}
			near = append(near, candidate{name: c.Name, text: fmt.Sprintf("%s (%s:%d)", c.Name, f.path, c.Line)})
		}
	}
	d := decls[0]
	if len(near) == 0 {
		return nil, failAt(d.Line, "%s (%s:%d) calls nothing, not %s", d.Qualified(), f.path, d.Line, callee)
	}
	return nil, failAt(d.Line, "%s calls %s, not %s", d.Qualified(), likelyOrFirst(callee, near), callee)
}

// parameterValidated: a function of the name checks the parameter, by the rules of [source.File.Validates].
func parameterValidated(k *claim) (*found, error) {
	name, parameter := k.params.String("function"), strings.TrimLeft(k.params.String("parameter"), "*.&$")
	f, facts, decls, err := k.bodies(name)
	if err != nil {
		return nil, err
	}
	var near []candidate
	var has *source.Decl
	for _, d := range decls {
		for _, p := range d.Params {
			near = append(near, candidate{name: p.Name, text: p.Name})
			if p.Name != parameter || d.Body.Empty() {
				continue
			}
			has = d
			if line, how, ok := facts.Validates(d, parameter); ok {
				return &found{
					file: f, line: line, reason: fmt.Sprintf("%s checks %s at %s:%d (%s)", d.Qualified(), parameter, f.path, line, how),
					excerpt: definitions(facts, decls),
				}, nil
			}
		}
	}
	d := decls[0]
	switch {
	case has != nil:
		return nil, failAt(has.Line, "%s (%s:%d) uses %s without checking it: it stands in no condition and is given to nothing that validates",
			has.Qualified(), f.path, has.Line, parameter)
	case len(near) == 0:
		return nil, failAt(d.Line, "%s (%s:%d) has no parameters, not %s", d.Qualified(), f.path, d.Line, parameter)
	}
	return nil, failAt(d.Line, "%s (%s:%d) has no parameter %s; it has %s", d.Qualified(), f.path, d.Line, parameter, likelyOrFirst(parameter, near))
}

// errorHandled: the body of a function of the name handles an error.
func errorHandled(k *claim) (*found, error) {
	f, facts, decls, err := k.bodies(k.params.String("function"))
	if err != nil {
		return nil, err
	}
	for _, d := range decls {
		if handlers := facts.HandlersIn(d.Body); len(handlers) > 0 {
			h := handlers[0]
			return &found{
				file: f, line: h.Line, reason: fmt.Sprintf("%s handles an error at %s:%d (%s)", d.Qualified(), f.path, h.Line, h.How),
				excerpt: definitions(facts, decls),
			}, nil
		}
	}
	d := decls[0]
	return nil, failAt(d.Line, "%s (%s:%d) handles no error", d.Qualified(), f.path, d.Line)
}

// isLastParts reports whether a dotted name is the one wanted, or ends in it at a dot: "hmac.Equal" for "Equal", and not for
// "bytes.Equal".
func isLastParts(have, want string) bool {
	have, want = dotted(have), dotted(want)
	return want != "" && (have == want || strings.HasSuffix(have, "."+want))
}

// dots are the ways to write a dot.
var dots = strings.NewReplacer("?.", ".", "!.", ".", "::", ".", "?->", ".", "->", ".", `\`, ".")

// dotted brings the ways to write a qualified name to dots.
func dotted(name string) string {
	if !strings.ContainsAny(name, `:?>!\`) {
		return name
	}
	return dots.Replace(name)
}
