package source

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The facts of the excerpts of Verilog that were labelled by eye are found, and what is labelled as absent is not.
func TestVerilogLabels(t *testing.T) {
	labels := readLabels(t, filepath.Join("testdata", "verilog", "labels.txt"))
	if len(labels) < 60 {
		t.Errorf("%d labels; at least 60 are wanted", len(labels))
	}
	files := map[string]*File{}
	for _, l := range labels {
		if files[l.file] == nil {
			files[l.file] = parseExcerpt(t, filepath.Join("testdata", "verilog", l.file))
		}
		text, why, _ := strings.Cut(l.text, " -- ")
		if why == "" {
			t.Errorf("line %d: no reason: %s", l.line, l.text)
		}
		if problem := hardwareProblem(files[l.file], text); problem != "" {
			t.Errorf("line %d: %s %s: %s", l.line, l.file, text, problem)
		}
	}
}

// hardwareProblem says what is wrong with a label of Verilog, or nothing.
func hardwareProblem(f *File, text string) string {
	l := newLabel(text)
	found, ok := hardwareFact(f, l)
	switch {
	case !ok:
		return l.check(f)
	case found == l.absent:
		return "found is " + strconv.FormatBool(found)
	}
	return ""
}

// hardwareFact looks a label up, and reports whether it is about hardware at all.
func hardwareFact(f *File, l label) (found, ok bool) {
	arg := func(i int) string {
		if i < len(l.args) {
			return l.args[i]
		}
		return ""
	}
	on := func(i, line int) bool { return arg(i) == "" || arg(i) == strconv.Itoa(line) }
	h := &f.Hardware
	switch l.fact {
	case "module", "interface", "package", "program", "checker":
		return slices.ContainsFunc(h.Units, func(u Unit) bool { return u.Kind == l.fact && u.Name == arg(0) && on(1, u.Line) }), true
	case "instance":
		return slices.ContainsFunc(h.Instances, func(n Instance) bool {
			return n.Parent == arg(0) && n.Module == arg(1) && (arg(2) == "" || n.Name == arg(2)) && on(3, n.Line)
		}), true
	case "port":
		return slices.ContainsFunc(h.Ports, func(p Port) bool {
			return p.Unit == arg(0) && p.Name == arg(1) && (arg(2) == "" || p.Direction == strings.TrimPrefix(arg(2), "-")) && on(3, p.Line)
		}), true
	case "parameter":
		value := strings.Join(l.args[min(2, len(l.args)):], " ")
		return slices.ContainsFunc(h.Parameters, func(p Parameter) bool {
			return p.Unit == strings.TrimPrefix(arg(0), "-") && p.Name == arg(1) && (value == "" || p.Value == value)
		}), true
	case "signal":
		return slices.ContainsFunc(h.Signals, func(s Signal) bool {
			return s.Unit == arg(0) && s.Name == arg(1) && (arg(2) == "" || slices.Contains(strings.Fields(s.Kind), arg(2))) && on(3, s.Line)
		}), true
	case "assertion":
		return slices.ContainsFunc(h.Assertions, func(a HardwareAssertion) bool { return a.Unit == arg(0) && a.Name == arg(1) && on(2, a.Line) }), true
	case "reset":
		return slices.ContainsFunc(h.Resets, func(s Reset) bool {
			return s.Unit == arg(0) && s.Signal == arg(1) && (arg(2) == "" || s.Reset == arg(2)) && on(3, s.Line)
		}), true
	case "conditional":
		return slices.ContainsFunc(h.Conditional, func(n Named) bool { return n.Name == arg(0) && on(1, n.Line) }), true
	}
	return false, false
}
