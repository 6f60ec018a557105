package source

import (
	"cmp"
	"slices"
	"strings"
)

// Verilog and SystemVerilog are cut into tokens by verilog_lex.go and read by verilog_unit.go (modules and what stands in them),
// verilog_decl.go (ports, parameters, signals, instances) and verilog_reset.go (statements, registers with a reset).
//
// Macros are not expanded and files are not included, so that a fact is of the text alone. What stands under `ifdef may not be
// compiled: the text is read under several definitions of the macros that it tests, and a fact is what all of them have, at the
// same place. A guard around the whole file (`ifndef X, `define X) is not such a condition, and what the file defines itself is known.
// SYNTHESIS is the macro that IEEE 1364.1 has synthesis tools define: for assertions, which no such tool builds anything from, it
// is taken to be undefined, so that `ifndef SYNTHESIS and "translate_off" hide none of them; all else there is left out.
var verilog = language{
	name:       SystemVerilog,
	extensions: []string{".v", ".vh", ".sv", ".svh"},
	parse:      parseVerilog,
	tokens:     vTokens,
}

// vConfiguration says which macros that are not known are taken to be defined.
type vConfiguration struct {
	synthesis bool
	defined   func(i int) bool // by the order in which the text first tests them
}

// vSource is a text in tokens, with what its conditions depend on.
type vSource struct {
	*File
	tokens    []vToken
	guard     string         // macro of a guard around the whole file
	tested    map[string]int // macros that the text tests, in order
	synthesis bool           // it tests SYNTHESIS, or turns synthesis off
	defines   map[string]string
}

func parseVerilog(f *File) error {
	l := &vLexer{file: f, text: f.Text, tokens: make([]vToken, 0, len(f.Text)/5)}
	if err := l.run(); err != nil {
		return err
	}
	f.Comments, f.Strings = l.comments, l.strings
	s := &vSource{File: f, tokens: l.tokens, tested: map[string]int{}, defines: map[string]string{}}
	s.survey()
	var all, simulated *vReader
	var first error
	var read []*vReader
	for _, c := range s.configurations() {
		r := newVReader(s, c)
		if err := r.run(); err != nil {
			// Definitions that make no sense together give no sense; what does not parse builds nothing.
			if first == nil {
				first = err
			}
			continue
		}
		read = append(read, r)
		if !c.synthesis {
			simulated = simulated.meet(r)
		}
		all = all.meet(r)
	}
	if len(read) == 0 {
		return first
	}
	if simulated == nil {
		all.hardware.Assertions = nil
	} else {
		all.hardware.Assertions = simulated.hardware.Assertions
	}
	f.Decls, f.Calls, f.Imports, f.conditions = all.decls, all.calls, all.imports, all.conditions
	f.Hardware = all.hardware
	f.Hardware.Conditional = conditional(read, &f.Hardware)
	f.Hardware.Registers = allRegisters(read)
	f.Hardware.sort()
	return nil
}

// survey finds what the conditions of the text test.
func (s *vSource) survey() {
	if i := slices.IndexFunc(s.tokens, func(t vToken) bool { return t.kind != vDirective || t.op == vIfndef }); i >= 0 && i+1 < len(s.tokens) {
		if s.tokens[i].kind == vDirective && s.tokens[i+1].op == vDefine && s.tokens[i+1].kind == vDirective {
			if name := s.macro(s.tokens[i]); name != "" && name == s.macro(s.tokens[i+1]) && s.closesAtTheEnd(i) {
				s.guard = name
			}
		}
	}
	for _, t := range s.tokens {
		switch {
		case t.kind == vPragma:
			s.synthesis = true
		case t.kind != vDirective:
		case t.op == vIfdef || t.op == vIfndef || t.op == vElsif:
			name := s.macro(t)
			if name == "SYNTHESIS" {
				s.synthesis = true
			} else if _, ok := s.tested[name]; !ok && (name != s.guard || name == "") {
				s.tested[name] = len(s.tested)
			}
		case t.op == vDefine:
			name := s.macro(t)
			if _, again := s.defines[name]; again {
				s.defines[name] = "" // one of two is not known
			} else {
				s.defines[name] = s.definition(t)
			}
		}
	}
}

// closesAtTheEnd reports whether the condition that token i begins ends with the text, without another branch.
func (s *vSource) closesAtTheEnd(i int) bool {
	depth := 0
	for k, t := range s.tokens[i:] {
		if t.kind != vDirective {
			continue
		}
		switch t.op {
		case vIfdef, vIfndef:
			depth++
		case vElsif, vElse:
			if depth == 1 {
				return false
			}
		case vEndif:
			if depth--; depth == 0 {
				return i+k == len(s.tokens)-1
			}
		}
	}
	return false
}

// macro returns the name that a directive is about.
func (s *vSource) macro(t vToken) string {
	rest := strings.TrimLeft(string(s.Text[t.start+1:t.end]), "abcdefghijklmnopqrstuvwxyz")
	rest = strings.TrimLeft(rest, " \t\\\r\n")
	for i := range len(rest) {
		if !isNameByte(rest[i]) {
			return rest[:i]
		}
	}
	return rest
}

// definition returns the text of a macro without parameters, "" of others.
func (s *vSource) definition(t vToken) string {
	_, rest, _ := strings.Cut(string(s.Text[t.start:t.end]), s.macro(t))
	if rest == "" || !isBlank(rest[0]) {
		return ""
	}
	return strings.TrimSpace(rest)
}

// configurations are the definitions under which the text is read: none of the macros defined and all of them, and of several
// every second one, so that of two neighbours each may stand alone.
func (s *vSource) configurations() []vConfiguration {
	patterns := []func(int) bool{func(int) bool { return false }}
	if len(s.tested) > 0 {
		patterns = append(patterns, func(int) bool { return true })
	}
	if len(s.tested) > 1 {
		patterns = append(patterns, func(i int) bool { return i%2 == 0 }, func(i int) bool { return i%2 == 1 })
	}
	var all []vConfiguration
	for _, p := range patterns {
		all = append(all, vConfiguration{defined: p})
	}
	if s.synthesis {
		for _, p := range patterns[:min(2, len(patterns))] {
			all = append(all, vConfiguration{synthesis: true, defined: p})
		}
	}
	return all
}

// layOut fills the tokens that a configuration has, without directives and attributes, brackets matched.
func (r *vReader) layOut(c vConfiguration) error {
	known := map[string]bool{}
	isDefined := func(name string) bool {
		if name == "SYNTHESIS" {
			return c.synthesis
		}
		if d, ok := known[name]; ok {
			return d
		}
		i, ok := r.tested[name]
		return ok && c.defined(i)
	}
	type branch struct{ outer, taken bool }
	var open []branch
	on, off := true, false
	var brackets []int32
	r.tokens = make([]vToken, 0, len(r.vSource.tokens))
	for _, t := range r.vSource.tokens {
		switch t.kind {
		case vPragma:
			off = t.op == vOff && c.synthesis
			continue
		case vAttribute:
			continue
		case vDirective:
			switch t.op {
			case vIfdef, vIfndef:
				yes := isDefined(r.macro(t)) == (t.op == vIfdef)
				open = append(open, branch{outer: on, taken: yes})
				on = on && yes
			case vElsif, vElse:
				if len(open) == 0 {
					return r.syntaxError(int(t.start), "an `else or `elsif without its `ifdef")
				}
				b := &open[len(open)-1]
				yes := !b.taken && (t.op == vElse || isDefined(r.macro(t)))
				b.taken = b.taken || yes
				on = b.outer && yes
			case vEndif:
				if len(open) == 0 {
					return r.syntaxError(int(t.start), "an `endif without its `ifdef")
				}
				on = open[len(open)-1].outer
				open = open[:len(open)-1]
			case vDefine:
				if on {
					known[r.macro(t)] = true
				}
			case vUndef:
				if on {
					known[r.macro(t)] = false
				}
			case vInclude:
				if on && !off {
					r.include(t)
				}
			}
			continue
		}
		if !on || off {
			continue
		}
		if t.kind == vOp {
			switch t.op {
			case '(', '[', '{':
				brackets = append(brackets, int32(len(r.tokens)))
			case ')', ']', '}':
				if len(brackets) == 0 {
					return r.syntaxError(int(t.start), "a closing bracket without an opening one")
				}
				o := brackets[len(brackets)-1]
				brackets = brackets[:len(brackets)-1]
				if want := map[uint8]uint8{'(': ')', '[': ']', '{': '}'}[r.tokens[o].op]; want != t.op {
					return r.syntaxError(int(t.start), "brackets that do not match")
				}
				t.match = o
				r.tokens[o].match = int32(len(r.tokens))
			}
		}
		r.tokens = append(r.tokens, t)
	}
	r.work += len(r.vSource.tokens)
	switch {
	case len(open) > 0:
		return r.syntaxError(len(r.Text), "an `ifdef without its `endif")
	case len(brackets) > 0:
		return r.syntaxError(int(r.tokens[brackets[len(brackets)-1]].start), "a bracket that is not closed")
	}
	return nil
}

// include notes an included file as an import: its text is not read.
func (r *vReader) include(t vToken) {
	text := strings.TrimSpace(strings.TrimPrefix(string(r.Text[t.start:t.end]), "`include"))
	if len(text) > 2 && (text[0] == '"' || text[0] == '<') {
		if end := strings.IndexAny(text[1:], `">`); end > 0 {
			r.imports = append(r.imports, Import{Module: text[1 : end+1], Line: r.LineOf(int(t.start))})
		}
	}
}

// meet returns the facts that both have. A nil reader has not been asked yet.
func (r *vReader) meet(o *vReader) *vReader {
	if r == nil {
		same := *o
		return &same
	}
	type declKey struct {
		name, owner string
		kind        Kind
		span, body  Span
	}
	type callKey struct {
		name string
		span Span
	}
	type importKey struct {
		module, names string
		line          int
	}
	keepBy(&r.decls, o.decls, func(d *Decl) declKey { return declKey{d.Name, d.Owner, d.Kind, d.Span, d.Body} })
	keepBy(&r.calls, o.calls, func(c *Call) callKey { return callKey{c.Name, c.Span} })
	keepBy(&r.imports, o.imports, func(i *Import) importKey { return importKey{i.Module, strings.Join(i.Names, ","), i.Line} })
	keep(&r.conditions, o.conditions)
	keep(&r.hardware.Units, o.hardware.Units)
	keep(&r.hardware.Ports, o.hardware.Ports)
	keep(&r.hardware.Parameters, o.hardware.Parameters)
	keep(&r.hardware.Signals, o.hardware.Signals)
	keep(&r.hardware.Instances, o.hardware.Instances)
	keep(&r.hardware.Assertions, o.hardware.Assertions)
	keep(&r.hardware.Properties, o.hardware.Properties)
	keep(&r.hardware.Resets, o.hardware.Resets)
	return r
}

// conditional lists what some configuration has, and the facts have not.
func conditional(read []*vReader, h *Hardware) []Named {
	if len(read) == 1 {
		return nil
	}
	have := map[Named]bool{}
	for _, n := range h.names() {
		have[n] = true
	}
	var all []Named
	for _, r := range read {
		for _, n := range r.hardware.names() {
			if !have[n] {
				have[n] = true
				all = append(all, n)
			}
		}
	}
	return all
}

// allRegisters lists those of any configuration.
func allRegisters(read []*vReader) []Register {
	if len(read) == 1 {
		return read[0].hardware.Registers
	}
	var all []Register
	seen := map[Register]bool{}
	for _, r := range read {
		for _, reg := range r.hardware.Registers {
			if !seen[reg] {
				seen[reg] = true
				all = append(all, reg)
			}
		}
	}
	return all
}

// names lists the facts by unit, name and line.
func (h *Hardware) names() []Named {
	var all []Named
	for _, v := range h.Units {
		all = append(all, Named{"", v.Name, v.Line})
	}
	for _, v := range h.Ports {
		all = append(all, Named{v.Unit, v.Name, v.Line})
	}
	for _, v := range h.Parameters {
		all = append(all, Named{v.Unit, v.Name, v.Line})
	}
	for _, v := range h.Signals {
		all = append(all, Named{v.Unit, v.Name, v.Line})
	}
	for _, v := range h.Instances {
		all = append(all, Named{v.Parent, v.Module, v.Line})
	}
	for _, v := range h.Assertions {
		all = append(all, Named{v.Unit, v.Name, v.Line})
	}
	for _, v := range h.Resets {
		all = append(all, Named{v.Unit, v.Signal, v.Line})
	}
	return all
}

// sort brings the facts into the order of the text.
func (h *Hardware) sort() {
	slices.SortStableFunc(h.Units, func(a, b Unit) int { return cmp.Compare(a.Span.Start, b.Span.Start) })
	slices.SortStableFunc(h.Ports, func(a, b Port) int { return cmp.Compare(a.Offset, b.Offset) })
	slices.SortStableFunc(h.Parameters, func(a, b Parameter) int { return cmp.Compare(a.Offset, b.Offset) })
	slices.SortStableFunc(h.Signals, func(a, b Signal) int { return cmp.Compare(a.Offset, b.Offset) })
	slices.SortStableFunc(h.Instances, func(a, b Instance) int { return cmp.Compare(a.Span.Start, b.Span.Start) })
	slices.SortStableFunc(h.Assertions, func(a, b HardwareAssertion) int { return cmp.Compare(a.Span.Start, b.Span.Start) })
	slices.SortStableFunc(h.Resets, func(a, b Reset) int { return cmp.Compare(a.Line, b.Line) })
}
