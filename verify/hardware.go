package verify

import (
	"fmt"
	"slices"
	"strings"

	"github.com/redoubt-dev/redoubt/verify/source"
)

// design returns the file and what it declares as hardware, or why it has none.
func (k *claim) design() (*file, *source.File, error) {
	f := k.about()
	facts, err := f.facts()
	if err != nil {
		return f, nil, err
	}
	if facts.Language != source.SystemVerilog {
		return f, nil, failf("%s is %s; %s is about Verilog and SystemVerilog (.v .vh .sv .svh): unsupported", f.path, facts.Language, k.typ)
	}
	return f, facts, nil
}

// hardwareName returns a parameter that names something, without the backslash and the blank of an escaped name.
func (k *claim) hardwareName(param string) string {
	name := strings.TrimSpace(k.params.String(param))
	if rest, escaped := strings.CutPrefix(name, `\`); escaped {
		return rest
	}
	return name
}

// unless is the end of a sentence about something that is missing: where a conditional holds it, or what may be meant.
func unless(f *file, facts *source.File, unit, name string, near []candidate) string {
	for _, n := range facts.Hardware.Conditional {
		if n.Name == name && (unit == "" || n.Unit == "" || n.Unit == unit) {
			return fmt.Sprintf("; at %s:%d it stands or falls with a conditional (`ifdef, translate_off), which may leave it out", f.path, n.Line)
		}
	}
	return isOrAre(name, near)
}

// units returns the units of a name that are of one of the kinds (all kinds when none are given), or why there are none.
func units(f *file, facts *source.File, name string, kinds ...string) ([]source.Unit, error) {
	var found []source.Unit
	var near []candidate
	what := "module"
	if len(kinds) != 1 {
		what = "module or other unit"
	}
	for _, u := range facts.Hardware.Units {
		fits := len(kinds) == 0 || slices.Contains(kinds, u.Kind)
		switch {
		case fits && u.Name == name:
			found = append(found, u)
		case fits:
			near = append(near, candidate{name: u.Name, text: place(u.Name, f, u.Line)})
		case u.Name == name:
			return nil, failAt(u.Line, "no %s %s in %s; at line %d it is declared as %s", what, name, f.path, u.Line, u.Kind)
		}
	}
	if len(found) == 0 {
		return nil, failf("no %s %s in %s%s", what, name, f.path, unless(f, facts, "", name, near))
	}
	return found, nil
}

// within returns the lines of a file around a line, as a judge sees a declaration.
func within(facts *source.File, line int) string {
	return aroundLines(unixLines(facts.Text), line, line, around)
}

// moduleExists: the file defines the module; an interface, a package or an extern declaration is none.
func moduleExists(k *claim) (*found, error) {
	f, facts, err := k.design()
	if err != nil {
		return nil, err
	}
	name := k.hardwareName("name")
	all, err := units(f, facts, name, "module")
	if err != nil {
		return nil, err
	}
	var text strings.Builder
	for _, u := range all {
		text.WriteString(partOf(facts, u.Span))
	}
	return &found{file: f, line: all[0].Line, reason: fmt.Sprintf("module %s is defined at %s:%d", name, f.path, all[0].Line), excerpt: text.String()}, nil
}

// moduleInstantiated: the parent holds an instance of the child, or the file binds one to it by name.
func moduleInstantiated(k *claim) (*found, error) {
	f, facts, err := k.design()
	if err != nil {
		return nil, err
	}
	parent, child := k.hardwareName("parent"), k.hardwareName("child")
	var near []candidate
	for _, n := range facts.Hardware.Instances {
		switch {
		case n.Parent == parent && n.Module == child:
			return &found{
				file: f, line: n.Line, reason: fmt.Sprintf("%s instantiates %s as %s (%s:%d)", parent, child, n.Name, f.path, n.Line),
				excerpt: aroundLines(unixLines(facts.Text), facts.LineOf(n.Span.Start), facts.LineOf(max(n.Span.Start, n.Span.End-1)), around),
			}, nil
		case n.Parent == parent:
			near = append(near, candidate{name: n.Module, text: place(n.Module, f, n.Line)})
		case n.Module == child:
			near = append(near, candidate{name: child, text: fmt.Sprintf("%s instantiates %s at %s:%d", n.Parent, child, f.path, n.Line)})
		}
	}
	all, err := units(f, facts, parent, "module", "interface", "program", "checker")
	if err != nil {
		return nil, err
	}
	return nil, failAt(all[0].Line, "%s (%s:%d) has no instance of a module %s%s", parent, f.path, all[0].Line, child, unless(f, facts, parent, child, near))
}

// directions are the words that a direction may be.
var directions = []string{"input", "output", "inout", "ref", "interface"}

// portExists: the module has the port; with a direction every module of the name must have it so.
func portExists(k *claim) (*found, error) {
	f, facts, err := k.design()
	if err != nil {
		return nil, err
	}
	module, port, direction := k.hardwareName("module"), k.hardwareName("port"), strings.ToLower(k.hardwareName("direction"))
	if direction != "" && !slices.Contains(directions, direction) {
		return nil, failf("direction %q is not known; it is one of %s", direction, strings.Join(directions, ", "))
	}
	all, err := units(f, facts, module, "module", "interface", "program")
	if err != nil {
		return nil, err
	}
	var near []candidate
	line := 0
	for _, p := range facts.Hardware.Ports {
		switch {
		case p.Unit != module:
		case p.Name != port:
			near = append(near, candidate{name: p.Name, text: place(p.Name, f, p.Line)})
		case direction == "" || p.Direction == direction:
			line = p.Line
		case p.Direction == "":
			return nil, failAt(p.Line, "the direction of %s at %s:%d cannot be told: its type may be an interface, or a macro makes it", port, f.path, p.Line)
		default:
			return nil, failAt(p.Line, "%s at %s:%d is %s, not %s", port, f.path, p.Line, p.Direction, direction)
		}
	}
	if line == 0 {
		return nil, failAt(all[0].Line, "%s (%s:%d) has no port %s%s", module, f.path, all[0].Line, port, unless(f, facts, module, port, near))
	}
	if direction != "" {
		direction += " "
	}
	return &found{file: f, line: line, reason: fmt.Sprintf("%s has the %sport %s (%s:%d)", module, direction, port, f.path, line), excerpt: within(facts, line)}, nil
}

// parameterDefined: the parameter is defined; with a pattern the value of each definition, as it is written, matches it as a whole.
func parameterDefined(k *claim) (*found, error) {
	f, facts, err := k.design()
	if err != nil {
		return nil, err
	}
	name, module := k.hardwareName("parameter"), k.hardwareName("module")
	var value *expression
	if p := k.params.String("pattern"); p != "" {
		if value, err = k.run.patterns.compile(`\A(?:` + p + `)\z`); err != nil {
			return nil, err
		}
	}
	var near []candidate
	line := 0
	for _, p := range facts.Hardware.Parameters {
		switch {
		case p.Name != name:
			if module == "" || p.Unit == module {
				near = append(near, candidate{name: p.Name, text: place(p.Name, f, p.Line)})
			}
			continue
		case module != "" && p.Unit != module:
			near = append(near, candidate{name: name, text: fmt.Sprintf("%s of %s is at %s:%d", name, p.Unit, f.path, p.Line)})
			continue
		case value != nil && p.Value == "":
			return nil, failAt(p.Line, "%s at %s:%d has no value of its own", name, f.path, p.Line)
		case value != nil && !value.re.MatchString(p.Value):
			return nil, failAt(p.Line, "the value of %s at %s:%d does not match the pattern as a whole", name, f.path, p.Line)
		}
		if line == 0 {
			line = p.Line
		}
	}
	if line == 0 {
		return nil, failf("no parameter %s%s in %s%s", name, of(module), f.path, unless(f, facts, module, name, near))
	}
	return &found{file: f, line: line, reason: fmt.Sprintf("%s is defined at %s:%d", name, f.path, line), excerpt: within(facts, line)}, nil
}

// of is the part of a sentence that names a module, when there is one.
func of(module string) string {
	if module == "" {
		return ""
	}
	return " of " + module
}

// signalExists: the signal is declared, with the kind among the words of its declaration when one is given.
func signalExists(k *claim) (*found, error) {
	f, facts, err := k.design()
	if err != nil {
		return nil, err
	}
	name, module, kind := k.hardwareName("name"), k.hardwareName("module"), k.hardwareName("kind")
	var near []candidate
	var other *source.Signal
	for i := range facts.Hardware.Signals {
		s := &facts.Hardware.Signals[i]
		switch {
		case s.Name == name && (module == "" || s.Unit == module):
			if kind == "" || isKind(s.Kind, kind) {
				return &found{
					file: f, line: s.Line, reason: fmt.Sprintf("%s%s is declared as %s at %s:%d", name, of(s.Unit), s.Kind, f.path, s.Line), excerpt: within(facts, s.Line),
				}, nil
			}
			other = s
		case s.Name == name:
			near = append(near, candidate{name: name, text: fmt.Sprintf("%s of %s is at %s:%d", name, s.Unit, f.path, s.Line)})
		case module == "" || s.Unit == module:
			near = append(near, candidate{name: s.Name, text: place(s.Name, f, s.Line)})
		}
	}
	if other != nil {
		return nil, failAt(other.Line, "%s%s at %s:%d is %s, not %s", name, of(other.Unit), f.path, other.Line, other.Kind, kind)
	}
	return nil, failf("no signal %s%s in %s%s", name, of(module), f.path, unless(f, facts, module, name, near))
}

// isKind reports whether a kind is among the words of a declaration; a type of a package may be named without the package.
func isKind(words, kind string) bool {
	for _, w := range strings.Fields(words) {
		if _, last, scoped := strings.Cut(w, "::"); w == kind || scoped && last == kind {
			return true
		}
	}
	return false
}

// svaAssertionPresent: an assert carries the label, or asserts the property of the name and nothing else.
func svaAssertionPresent(k *claim) (*found, error) {
	f, facts, err := k.design()
	if err != nil {
		return nil, err
	}
	name := k.hardwareName("name")
	var near []candidate
	for _, a := range facts.Hardware.Assertions {
		if a.Name == name {
			text := partOf(facts, a.Span)
			first, last := facts.LineOf(a.Span.Start), facts.LineOf(max(a.Span.Start, a.Span.End-1))
			if lines := aroundLines(unixLines(facts.Text), first, last, around); lines != "" {
				text = lines
			}
			return &found{file: f, line: a.Line, reason: fmt.Sprintf("%s is asserted in %s (%s:%d)", name, a.Unit, f.path, a.Line), excerpt: text}, nil
		}
		near = append(near, candidate{name: a.Name, text: place(a.Name, f, a.Line)})
	}
	for _, p := range facts.Hardware.Properties {
		if p.Name == name {
			return nil, failAt(p.Line, "%s at %s:%d is a property that nothing here asserts; to assume or cover it does not count", name, f.path, p.Line)
		}
	}
	return nil, failf("nothing in %s asserts %s (macros are not expanded)%s", f.path, name, unless(f, facts, "", name, near))
}

// registerReset: every always block that assigns to the register on an edge sets it to a constant whenever the reset is active.
// Without a named reset, one counts that has an edge in the sensitivity list or is called like a reset.
func registerReset(k *claim) (*found, error) {
	f, facts, err := k.design()
	if err != nil {
		return nil, err
	}
	signal, reset := blankless(k.hardwareName("signal")), blankless(k.hardwareName("reset"))
	var near []candidate
	var first, other *source.Reset
	blocks := map[source.Span]bool{} // that reset it
	for i := range facts.Hardware.Resets {
		r := &facts.Hardware.Resets[i]
		switch {
		case r.Signal != signal:
			near = append(near, candidate{name: r.Signal, text: fmt.Sprintf("%s by %s at %s:%d", r.Signal, r.Reset, f.path, r.Line)})
		case r.Reset == reset, reset == "" && (r.Edge || source.IsResetName(r.Reset)):
			blocks[r.Span] = true
			if first == nil {
				first = r
			}
		default:
			other = r
		}
	}
	switch {
	case first == nil && other != nil && reset == "":
		return nil, failAt(other.Line, "%s is set to a constant by %s at %s:%d, which is not called like a reset; name it as reset if it is one", signal, other.Reset, f.path, other.Line)
	case first == nil && other != nil:
		return nil, failAt(other.Line, "%s is reset by %s at %s:%d, not by %s", signal, other.Reset, f.path, other.Line, reset)
	case first == nil:
		return nil, failf("no always block of %s sets %s to a constant whenever a reset is active%s", f.path, signal, unless(f, facts, "", signal, near))
	}
	for _, r := range facts.Hardware.Registers {
		if (r.Signal == signal || isPartOf(r.Signal, signal) || isPartOf(signal, r.Signal)) && !blocks[r.Span] {
			return nil, failAt(r.Line, "the always block of %s at %s:%d assigns to %s without that reset", r.Unit, f.path, r.Line, r.Signal)
		}
	}
	level, sync := "active high", "synchronous"
	if first.Low {
		level = "active low"
	}
	if first.Edge {
		sync = "asynchronous"
	}
	return &found{
		file: f, line: first.Line, reason: fmt.Sprintf("%s of %s is reset by %s (%s, %s) at %s:%d", signal, first.Unit, first.Reset, level, sync, f.path, first.Line),
		excerpt: partOf(facts, first.Span),
	}, nil
}

// isPartOf reports whether a name is a member or an element of another: "q[0]" of "q".
func isPartOf(part, whole string) bool {
	rest, ok := strings.CutPrefix(part, whole)
	return ok && rest != "" && (rest[0] == '[' || rest[0] == '.')
}

// blankless leaves out blanks within a name with members and selects: "q [0]".
func blankless(name string) string { return strings.Join(strings.Fields(name), "") }
