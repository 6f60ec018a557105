package source

import (
	"slices"
	"strings"
)

// A register has a reset when an always block with edges assigns it a constant in the branch that is taken whenever the reset is
// active, in a statement of the block itself (not within another condition), and nothing later in the block may write over it.
//
// Which level is active is told by the edge in the sensitivity list, else by the name (rst_n, resetn, nrst, rst_ni: low), else
// by the test: of if (!rst) the first branch. A reset that is in no sensitivity list and not called like one counts only where the
// assertion names it.
//
// A constant is made of literals without x and z, parameters, names of enumerations, genvars, names that are imported, and macros
// that this file defines so. A signal, or a name that the file does not explain, is none.
type vResets struct {
	reader  *vReader
	unit    *vUnit
	clocked vClocked
	steps   []vStep
	hidden  []string // names that the block declares
	all     []Reset
	step    []int // for each of all: the statement that it is in
	depth   int   // of brackets in a condition or a concatenation
}

// vStep is a statement of the block itself, or of a loop in it that is under no condition.
type vStep struct {
	*vStatement
	loops []string // what the loops count with
}

// top lists the statements of the block itself.
func (w *vResets) top(s *vStatement, loops []string) {
	switch s.form {
	case vBlock:
		w.hidden = append(w.hidden, s.names...)
		for _, p := range s.parts {
			w.top(p, loops)
		}
	case vRepeat:
		for _, p := range s.parts {
			w.top(p, append(slices.Clone(loops), s.loop...))
		}
	default:
		w.steps = append(w.steps, vStep{s, loops})
	}
}

// leaves reports whether a statement may leave the block, so that nothing after it is sure to run.
func (s *vStatement) leaves() bool {
	return s.form == vLeaves || slices.ContainsFunc(s.parts, (*vStatement).leaves)
}

// vTest is a reset that a condition tests, and how.
type vTest struct {
	name string
	low  bool // true when the name is 0
	only bool // nothing else decides: neither "and" nor "or"
	any  bool // true alone makes the condition true: a part of an "or"
	all  bool // false alone makes the condition false: a part of an "and"
}

func (w *vResets) found() []Reset {
	for n, s := range w.steps {
		if s.leaves() {
			return w.lasting(n)
		}
		switch s.form {
		case vBranch:
			for _, t := range w.tests(s.cond[0], s.cond[1]) {
				part := w.taken(t)
				if part < 0 || part >= len(s.parts) {
					continue
				}
				b := &vBranchOf{w: w, values: map[string]vValue{}}
				b.run(s.parts[part], s.loops)
				w.note(n, t, b)
			}
		case vStores: // q <= rst ? 0 : d
			a, e := s.right[0], s.right[1]
			for w.reader.is(a, '(') && w.reader.closing(a) == e-1 {
				a, e = a+1, e-1
			}
			ask, colon := w.conditional(a, e)
			if colon < 0 {
				continue
			}
			for _, t := range w.tests(a, ask) {
				part := w.taken(t)
				if part < 0 {
					continue
				}
				right := [2]int{ask + 1, colon}
				if part == 1 {
					right = [2]int{colon + 1, e}
				}
				b := &vBranchOf{w: w, values: map[string]vValue{}}
				b.run(&vStatement{form: vStores, left: s.left, right: right}, s.loops)
				w.note(n, t, b)
			}
		}
	}
	return w.lasting(len(w.steps))
}

// conditional returns the indices of the ? and : of a conditional operator that is the whole expression, or -1.
func (w *vResets) conditional(a, b int) (ask, colon int) {
	r := w.reader
	ask = -1
	open := 0
	for i := a; i < b; i = r.skip(i) {
		switch {
		case r.is(i, '?'):
			if ask < 0 {
				ask = i
			}
			open++
		case r.is(i, ':'):
			if open--; open == 0 {
				return ask, i
			}
		}
	}
	return -1, -1
}

// note adds what a branch sets to constants.
func (w *vResets) note(n int, t vTest, b *vBranchOf) {
	low, edge := w.active(t)
	for _, name := range b.order {
		v := b.values[name]
		if v.bad || slices.Contains(w.hidden, vBase(name)) {
			continue
		}
		w.all = append(w.all, Reset{
			Unit: w.unit.name, Signal: name, Reset: t.name, Low: low, Edge: edge, Line: w.reader.lineAt(v.at), Span: w.clocked.span,
		})
		w.step = append(w.step, n)
	}
}

// lasting returns what no later statement before the limit may write over.
func (w *vResets) lasting(limit int) []Reset {
	var kept []Reset
	// For each name the last statement that writes it: of several only one that the reset leaves out matters, which is
	// found by looking at those after it.
	later := map[string][]int{}
	for n, s := range w.steps[:limit] {
		for _, name := range w.written(s.vStatement) {
			if base := vBase(name); len(later[base]) == 0 || later[base][len(later[base])-1] != n {
				later[base] = append(later[base], n)
			}
		}
	}
	for i, reset := range w.all {
		fine := true
		writes := later[vBase(reset.Signal)]
		from, _ := slices.BinarySearch(writes, w.step[i]+1)
		for _, n := range writes[from:] {
			if !w.spares(w.steps[n].vStatement, reset) {
				fine = false
				break
			}
		}
		if fine {
			kept = append(kept, reset)
		}
	}
	return kept
}

// spares reports whether a statement leaves the register alone while the reset is active: if (rst_n && …) without else.
func (w *vResets) spares(s *vStatement, reset Reset) bool {
	if s.form != vBranch || len(s.parts) != 1 {
		return false
	}
	for _, t := range w.tests(s.cond[0], s.cond[1]) {
		if t.name == reset.Reset && t.low != reset.Low && (t.only || t.all) {
			return true
		}
	}
	return false
}

// registers lists what the block assigns to, each once.
func (w *vResets) registers() []Register {
	var all []Register
	seen := map[string]bool{}
	for _, s := range w.steps {
		for _, name := range w.stored(s.vStatement, s.loops) {
			if !seen[name] && !slices.Contains(w.hidden, vBase(name)) {
				seen[name] = true
				at := w.clocked.span
				all = append(all, Register{Unit: w.unit.name, Signal: name, Line: w.reader.LineOf(at.Start), Span: at})
			}
		}
	}
	return all
}

// written lists the names that a statement may assign to.
func (w *vResets) written(s *vStatement) []string { return w.stored(s, nil) }

// stored is written within loops, whose counters are left out of the names.
func (w *vResets) stored(s *vStatement, loops []string) []string {
	var all []string
	var walk func(*vStatement, []string)
	walk = func(s *vStatement, loops []string) {
		switch s.form {
		case vStores:
			for _, l := range w.targets(s.left[0], s.left[1], loops) {
				all = append(all, l.name)
			}
		case vRepeat:
			loops = append(slices.Clone(loops), s.loop...)
		}
		for _, p := range s.parts {
			walk(p, loops)
		}
	}
	walk(s, loops)
	return all
}

// taken returns which part of a branch is taken whenever the reset is active: 0, 1, or -1 when none is for sure.
func (w *vResets) taken(t vTest) int {
	low, _ := w.active(t)
	switch {
	case low == t.low && (t.only || t.any):
		return 0
	case low != t.low && (t.only || t.all):
		return 1
	}
	return -1
}

// active tells the level at which a reset is active, and whether its edge is in the sensitivity list.
func (w *vResets) active(t vTest) (low, edge bool) {
	for _, e := range w.clocked.edges {
		if e.name == t.name {
			return e.low, len(w.clocked.edges) > 1
		}
	}
	return t.low || vActiveLow(t.name), false
}

// vActiveLow reports whether a reset is called like one that is active low.
func vActiveLow(name string) bool {
	name = strings.ToLower(name)
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		name = name[i+1:]
	}
	if i := strings.IndexByte(name, '['); i >= 0 {
		name = name[:i]
	}
	for _, end := range []string{"_n", "_ni", "_no", "_b", "_bi", "_l", "_bar", "rstn", "resetn", "rstni", "resetni", "rstb", "resetb"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	for _, start := range []string{"n_", "nrst", "nreset", "rstn", "resetn", "rst_n", "reset_n"} {
		if strings.HasPrefix(name, start) {
			return true
		}
	}
	return false
}

// IsResetName reports whether a signal is called like a reset.
func IsResetName(name string) bool {
	name = strings.ToLower(name)
	return strings.Contains(name, "rst") || strings.Contains(name, "reset")
}

// tests returns the names that a condition tests for a level, each with what it decides.
func (w *vResets) tests(a, b int) []vTest {
	r := w.reader
	for a < b && r.is(a, '(') && r.closing(a) == b-1 {
		a, b = a+1, b-1
	}
	or, and := false, false
	var cuts []int
	for i := a; i < b; i = r.skip(i) {
		switch {
		case r.is(i, vOr) || r.is(i, '|') && w.joins(i, a):
			or = true
			cuts = append(cuts, i)
		case r.is(i, vAnd) || r.is(i, '&') && w.joins(i, a):
			and = true
			cuts = append(cuts, i)
		case r.is(i, '?') || r.is(i, '^') || r.is(i, vTrigger):
			return nil
		}
	}
	if or && and {
		return w.disjuncts(a, b)
	}
	var all []vTest
	from := a
	if len(cuts) > 16 { // nobody tests so many resets
		return nil
	}
	for _, cut := range append(cuts, b) {
		if t, ok := w.level(from, cut); ok {
			t.only, t.any, t.all = !or && !and, or, and
			all = append(all, t)
		} else if inner := w.nested(from, cut, or, and); inner != nil {
			all = append(all, inner...)
		}
		from = cut + 1
	}
	return all
}

// joins reports whether | or & at i stands between two operands, and does not reduce the one after it.
func (w *vResets) joins(i, a int) bool {
	t := w.reader.tokens[max(i-1, a)]
	return i > a && (t.kind != vOp || t.op == ')' || t.op == ']' || t.op == '}')
}

// nested returns the tests of a part in brackets that is joined to the others by the same operator.
func (w *vResets) nested(a, b int, or, and bool) []vTest {
	r := w.reader
	if !r.is(a, '(') || r.closing(a) != b-1 || !or && !and {
		return nil
	}
	if w.depth++; w.depth > 20 {
		w.depth--
		return nil
	}
	defer func() { w.depth-- }()
	var all []vTest
	for _, t := range w.tests(a, b) {
		if or && t.any || and && t.all {
			all = append(all, t)
		}
	}
	return all
}

// disjuncts returns the tests of a condition with both operators and no brackets: && binds closer, so that what stands alone
// between two || decides. With the operators on bits the order is another, and nothing is told.
func (w *vResets) disjuncts(a, b int) []vTest {
	r := w.reader
	var all []vTest
	from := a
	cut := func(end int) {
		if t, ok := w.level(from, end); ok {
			t.any = true
			all = append(all, t)
		}
		from = end + 1
	}
	for i := a; i < b; i = r.skip(i) {
		switch {
		case r.is(i, vOr):
			cut(i)
		case (r.is(i, '|') || r.is(i, '&')) && w.joins(i, a):
			return nil
		}
	}
	cut(b)
	return all
}

// level reads a test of one name for a level: rst, !rst_n, ~rst_n, rst == 1'b1, rst_n != 1, 0 == rst_n.
func (w *vResets) level(a, b int) (vTest, bool) {
	r := w.reader
	low := false
	for {
		for a < b && r.is(a, '(') && r.closing(a) == b-1 {
			a, b = a+1, b-1
		}
		if a < b && (r.is(a, '!') || r.is(a, '~')) {
			if !r.is(a+1, '(') && !r.kind(a+1, vName) && !r.is(a+1, '!') && !r.is(a+1, '~') {
				return vTest{}, false
			}
			if name := r.plain(a+1, b); name == "" && !(r.is(a+1, '(') && r.closing(a+1) == b-1) {
				return vTest{}, false
			}
			low = !low
			a++
			continue
		}
		break
	}
	if name := r.plain(a, b); name != "" {
		return vTest{name: name, low: low}, true
	}
	for i := a; i < b; i = r.skip(i) {
		if !r.is(i, vEqual) && !r.is(i, vUnequal) {
			continue
		}
		name, value := r.plain(a, i), r.literal(i+1, b)
		if name == "" {
			name, value = r.plain(i+1, b), r.literal(a, i)
		}
		if name == "" || value < 0 {
			return vTest{}, false
		}
		if (value == 0) == r.is(i, vEqual) {
			low = !low
		}
		return vTest{name: name, low: low}, true
	}
	return vTest{}, false
}

// vBase returns the name before members and selects.
func vBase(name string) string {
	if i := strings.IndexAny(name, ".["); i > 0 {
		return name[:i]
	}
	return name
}

// vValue is what a branch leaves in a register.
type vValue struct {
	at  int  // token of the assignment
	bad bool // no constant, or not for sure
}

// vBranchOf runs through the branch that a reset takes.
type vBranchOf struct {
	w      *vResets
	values map[string]vValue
	order  []string
	gone   bool // a statement left the branch
}

func (b *vBranchOf) run(s *vStatement, loops []string) {
	if b.gone {
		return
	}
	switch s.form {
	case vBlock:
		for _, name := range s.names { // what the branch declares is its own
			b.set(name, vValue{bad: true})
		}
		for _, p := range s.parts {
			b.run(p, loops)
		}
		for _, name := range s.names {
			b.spoil(name)
		}
	case vRepeat:
		for _, p := range s.parts {
			b.run(p, append(slices.Clone(loops), s.loop...))
		}
	case vStores:
		constant := b.w.constant(s.right[0], s.right[1], loops)
		for _, l := range b.w.targets(s.left[0], s.left[1], loops) {
			if !constant {
				b.spoil(vBase(l.name))
			}
			b.set(l.name, vValue{at: l.at, bad: !constant || l.bad})
		}
	default:
		b.gone = s.leaves()
		for _, name := range b.w.written(s) {
			b.spoil(vBase(name))
			b.set(name, vValue{bad: true})
		}
	}
}

func (b *vBranchOf) set(name string, v vValue) {
	if _, ok := b.values[name]; !ok {
		b.order = append(b.order, name)
	}
	b.values[name] = v
}

// spoil takes back what is known of a name and its parts.
func (b *vBranchOf) spoil(base string) {
	for name, v := range b.values {
		if vBase(name) == base {
			v.bad = true
			b.values[name] = v
		}
	}
}

// vTarget is something that is assigned to.
type vTarget struct {
	name string
	at   int
	bad  bool // it cannot be named for sure
}

// targets returns what the left side of an assignment names, those in a concatenation one by one. A select by the counter of a
// loop, or of the whole range that was declared, is left out of the name.
func (w *vResets) targets(a, b int, loops []string) []vTarget {
	r := w.reader
	if r.is(a, '{') && r.closing(a) == b-1 || r.is(a, '\'') && r.is(a+1, '{') && r.closing(a+1) == b-1 {
		if r.is(a, '\'') {
			a++
		}
		var all []vTarget
		if w.depth++; w.depth > 20 {
			w.depth--
			return nil
		}
		defer func() { w.depth-- }()
		for _, part := range r.split(a+1, b-1) {
			all = append(all, w.targets(part[0], part[1], loops)...)
		}
		return all
	}
	if r.plain(a, b) == "" {
		if name := r.name(a); name != "" {
			return []vTarget{{name: name, at: a, bad: true}}
		}
		return nil
	}
	end := b
	if first := r.closing(b - 1); r.is(b-1, ']') && r.tight(first, b) == w.unit.ranges[r.name(a)] {
		selects := 0
		for k := a + 1; k < first && r.is(k, '['); k = r.closing(k) + 1 {
			selects++
		}
		if selects == w.unit.unpacked[r.name(a)] && !r.is(a+1, '.') {
			end = first
		}
	}
	for r.is(end-1, ']') {
		open := r.closing(end - 1)
		name := r.name(open + 1)
		if open+2 != end-1 || name == "" || !slices.Contains(loops, name) {
			break
		}
		end = open
	}
	return []vTarget{{name: r.tight(a, end), at: a}}
}

// vPure are the system functions whose result is constant when what they are given is.
var vPure = wordSet(`$clog2 $bits $signed $unsigned $size $high $low $left $right $pow $ceil $floor $rtoi $itor $countones`)

// constant reports whether an expression is one for sure.
func (w *vResets) constant(a, b int, loops []string) bool {
	r := w.reader
	if a >= b {
		return false
	}
	for i := a; i < b; i++ {
		switch t := r.tokens[i]; t.kind {
		case vNumber:
			if text := r.word(i); strings.IndexByte(text, '\'') >= 0 {
				digits := strings.TrimLeft(text[1:], "sSbBoOdDhH \t\r\n")
				if strings.ContainsAny(digits, "xXzZ?") {
					return false
				}
			}
		case vString:
		case vOp:
			if t.op == '@' || t.op == '#' || t.op == vTrigger || t.op == vModify {
				return false
			}
		case vKey:
			if key := t.op; key != vDefault && key != vType && key != vSigned && r.word(i) != "unsigned" {
				return false
			}
		case vSystem:
			if !vPure[r.word(i)] {
				return false
			}
		case vMacro:
			if !w.macroConstant(r.word(i)) || r.is(i+1, '(') {
				return false
			}
		case vName:
			stop := w.constantName(i, loops)
			if stop < 0 {
				return false
			}
			i = stop - 1
		}
	}
	return true
}

// macroConstant reports whether this file defines the macro as a literal, once.
func (w *vResets) macroConstant(use string) bool {
	text := w.reader.defines[strings.TrimPrefix(use, "`")]
	if text == "" {
		return false
	}
	l := &vLexer{file: w.reader.File, text: []byte(text)}
	if l.run() != nil || len(l.tokens) == 0 {
		return false
	}
	for _, t := range l.tokens {
		if t.kind != vNumber || strings.ContainsAny(strings.TrimLeft(text[t.start:t.end], "'sSbBoOdDhH \t"), "xXzZ?") {
			return false
		}
	}
	return true
}

// constantName returns the index after a name that stands for a value, or -1.
func (w *vResets) constantName(i int, loops []string) int {
	r := w.reader
	name := r.name(i)
	switch {
	case r.is(i+1, vScope) && r.kind(i+2, vName): // pkg::NAME
		if r.is(i+3, '(') {
			return -1
		}
		return i + 3
	case r.is(i+1, '\''): // a cast to a type
		if r.is(i+2, '(') {
			return i + 1
		}
		return -1
	case r.is(i+1, '('):
		return -1
	case r.is(i+1, ':') && (r.is(i-1, '{') || r.is(i-1, ',')): // '{member: value}
		return i + 1
	}
	if slices.Contains(loops, name) || w.unit.loops[name] || w.unit.constants[name] {
		return w.members(i + 1)
	}
	if _, signal := w.unit.signals[name]; signal || r.variables[name] {
		return -1
	}
	if r.labels[name] || r.imported || r.names[name] {
		return w.members(i + 1)
	}
	return -1
}

// members returns the index after the members of a constant.
func (w *vResets) members(i int) int {
	for w.reader.is(i, '.') && w.reader.kind(i+1, vName) {
		i += 2
	}
	return i
}
