package source

// vForm is what a statement is.
type vForm uint8

const (
	vOther  vForm = iota // what is within runs or not, and nobody knows when
	vBlock               // begin … end
	vBranch              // if: the parts are the one for true and, when there is one, the one for false
	vRepeat              // for, foreach: the names that it counts with are in loop
	vStores              // an assignment
	vLeaves              // disable, return, break
)

// vStatement is a statement of a process.
type vStatement struct {
	form  vForm
	parts []*vStatement
	cond  [2]int // of a branch: the tokens of its condition
	left  [2]int // of an assignment: what is assigned to
	right [2]int
	loop  []string
	names []string // of a block: what it declares
}

// vClocked is an always block with edges in its sensitivity list.
type vClocked struct {
	edges []vEdge
	body  *vStatement
	span  Span
}

// vEdge is one of posedge NAME and negedge NAME.
type vEdge struct {
	name string
	low  bool // negedge
}

// process reads always, initial and final.
func (r *vReader) process(i int) int {
	clocked := r.key(i) == vAlways || r.key(i) == vAlwaysFF
	k := i + 1
	var edges []vEdge
	edge := false
	if r.is(k, '@') {
		if k++; r.is(k, '(') {
			if clocked {
				edges = r.edges(k+1, r.closing(k))
			}
			for n := k; n < r.closing(k) && clocked; n++ {
				edge = edge || r.key(n) == vPosedge || r.key(n) == vNegedge || r.word(n) == "edge"
			}
			k = r.closing(k) + 1
		} else {
			k = r.event(k)
		}
	}
	body, end := r.statement(k)
	r.scan(k, end)
	if edge && r.dead == 0 && end > k {
		r.unit.clocked = append(r.unit.clocked, vClocked{edges, body, r.span(i, end)})
	}
	return end
}

// event returns the index after what an @ waits for, without brackets: a name with dots, or a star.
func (r *vReader) event(k int) int {
	for r.kind(k, vName) || r.is(k, '.') || r.is(k, '*') || r.is(k, vScope) || r.is(k, vDotStar) {
		k++
	}
	return k
}

// edges reads a sensitivity list of nothing but edges of plain names; of others it returns none.
func (r *vReader) edges(a, b int) []vEdge {
	var all []vEdge
	for i := a; i < b; {
		key := r.key(i)
		if key != vPosedge && key != vNegedge {
			return nil
		}
		stop := i + 1
		for stop < b && !r.is(stop, ',') && r.key(stop) != vOrWord {
			stop = r.skip(stop)
		}
		name := r.plain(i+1, stop)
		if name == "" {
			return nil
		}
		all = append(all, vEdge{name, key == vNegedge})
		if i = stop + 1; i == b {
			return nil // a list that goes on into nothing
		}
	}
	return all
}

// plain returns the name between the tokens, with its members and selects, or "".
func (r *vReader) plain(a, b int) string {
	for a < b && r.is(a, '(') && r.closing(a) == b-1 {
		a, b = a+1, b-1
	}
	if a >= b || !r.kind(a, vName) {
		return ""
	}
	for i := a + 1; i < b; {
		switch {
		case r.is(i, '.') && r.kind(i+1, vName):
			i += 2
		case r.is(i, '['):
			i = r.closing(i) + 1
		default:
			return ""
		}
	}
	return r.tight(a, b)
}

// statement reads one statement and returns the index after it.
func (r *vReader) statement(i int) (*vStatement, int) {
	if r.depth++; r.depth > vDepth {
		return &vStatement{}, r.fail(i, "statements nest too deep")
	}
	defer func() { r.depth-- }()
	r.work++
	s := &vStatement{}
	if i >= len(r.tokens) {
		return s, r.fail(i, "a statement is missing at the end")
	}
	switch r.key(i) {
	case vBegin:
		return r.block(i)
	case vFork:
		k := r.label(i + 1)
		for k < len(r.tokens) && r.key(k) != vJoin {
			if r.key(k) == vEndUnit || r.key(k) == vEnd {
				return s, r.fail(i, `"fork" without a "join"`)
			}
			k = r.inside(s, k)
		}
		return s, r.label(k + 1)
	case vUnique:
		return r.statement(i + 1)
	case vIf:
		return r.ifElse(i)
	case vCase:
		return s, r.caseOf(s, i)
	case vFor, vForeach:
		if !r.is(i+1, '(') {
			return s, r.past(i)
		}
		s.form = vRepeat
		s.loop = r.counters(i, i+2, r.closing(i+1))
		return s, r.inside(s, r.closing(i+1)+1)
	case vLoop:
		if !r.is(i+1, '(') { // wait fork
			return s, r.past(i)
		}
		return s, r.inside(s, r.closing(i+1)+1)
	case vForever:
		return s, r.inside(s, i+1)
	case vDo:
		return s, r.past(r.inside(s, i+1))
	case vAssert, vAssume:
		return s, r.assertion(i, -1)
	case vJump, vDisable:
		s.form = vLeaves
		return s, r.past(i)
	case vEndUnit, vEnd, vEndcase, vJoin, vEndBlock, vElseWord:
		return s, r.fail(i, "a statement is missing before this")
	}
	switch {
	case r.is(i, ';'):
		s.form = vBlock
		return s, i + 1
	case r.kind(i, vName) && r.is(i+1, ':'): // a label
		if key := r.key(i + 2); key == vAssert || key == vAssume {
			return s, r.assertion(i+2, i)
		}
		return r.statement(i + 2)
	case r.kind(i, vMacro): // nobody knows what it begins or ends
		k := r.macroUse(i)
		if r.is(k, ';') {
			return s, k + 1
		}
		switch r.key(k) {
		case vEnd, vElseWord, vEndcase, vJoin, vEndUnit, vEndBlock:
			return s, k
		}
		return s, r.inside(s, k)
	case r.is(i, '@'):
		k := i + 1
		if r.is(k, '(') {
			k = r.closing(k) + 1
		} else {
			k = r.event(k)
		}
		return s, r.inside(s, k)
	case r.is(i, '#'), r.is(i, vSequence):
		return s, r.inside(s, r.delay(i))
	}
	return r.assignment(i)
}

// inside reads a statement as a part of another.
func (r *vReader) inside(s *vStatement, k int) int {
	part, end := r.statement(k)
	s.parts = append(s.parts, part)
	return max(end, k+1)
}

// block reads begin … end.
func (r *vReader) block(i int) (*vStatement, int) {
	s := &vStatement{form: vBlock}
	k := r.label(i + 1)
	for k < len(r.tokens) && r.key(k) != vEnd {
		switch r.key(k) {
		case vEndUnit, vEndcase, vJoin, vEndBlock:
			return s, r.fail(i, `"begin" without an "end"`)
		case vType, vNet, vEnum, vStruct, vQualifier, vVirtual, vTypedef, vParameter, vLocalparam, vTypeWord, vImport:
			k = r.local(s, k)
			continue
		}
		if r.kind(k, vName) && (r.kind(k+1, vName) || r.is(k+1, vScope) && r.kind(k+2, vName) && r.kind(k+3, vName)) {
			k = r.local(s, k)
			continue
		}
		k = r.inside(s, k)
	}
	if k >= len(r.tokens) {
		return s, r.fail(i, `"begin" without an "end"`)
	}
	return s, r.label(k + 1)
}

// local reads a declaration within a block: its names hide those of the module.
func (r *vReader) local(s *vStatement, k int) int {
	end := r.find(k, len(r.tokens), ';')
	for _, part := range r.split(k, end) {
		stop := part[0]
		for stop < part[1] && !r.is(stop, '=') {
			if name := r.name(stop); name != "" {
				s.names = append(s.names, name)
			}
			stop = r.skip(stop)
		}
	}
	return max(end+1, k+1)
}

// ifElse reads a chain of conditions without going deeper at each.
func (r *vReader) ifElse(i int) (*vStatement, int) {
	first := &vStatement{form: vBranch}
	s := first
	for {
		if !r.is(i+1, '(') {
			s.form = vOther
			return first, r.past(i)
		}
		close := r.closing(i + 1)
		s.cond = [2]int{i + 2, close}
		k := r.inside(s, close+1)
		if r.key(k) != vElseWord {
			return first, k
		}
		k++
		if r.key(k) != vIf {
			return first, r.inside(s, k)
		}
		r.work++
		next := &vStatement{form: vBranch}
		s.parts = append(s.parts, next)
		s, i = next, k
	}
}

// caseOf reads case … endcase.
func (r *vReader) caseOf(s *vStatement, i int) int {
	k := i + 1
	if r.is(k, '(') {
		k = r.closing(k) + 1
	}
	if r.word(k) == "inside" || r.word(k) == "matches" {
		k++
	}
	for k < len(r.tokens) && r.key(k) != vEndcase {
		if r.key(k) == vDefault && !r.is(k+1, ':') {
			k = r.inside(s, k+1)
			continue
		}
		for k < len(r.tokens) && !r.is(k, ':') {
			switch r.key(k) {
			case vEndUnit, vEnd, vEndcase:
				return r.fail(i, `"case" without an "endcase"`)
			}
			k = r.skip(k)
		}
		k = r.inside(s, k+1)
	}
	if k >= len(r.tokens) {
		return r.fail(i, `"case" without an "endcase"`)
	}
	return k + 1
}

// counters returns the names that a loop counts with.
func (r *vReader) counters(i, a, b int) []string {
	var all []string
	if r.key(i) == vForeach { // foreach (name[i, j])
		for k := a; k < b; k++ {
			if r.is(k, '[') {
				for _, part := range r.split(k+1, r.closing(k)) {
					all = append(all, r.name(part[0]))
				}
				return all
			}
		}
		return all
	}
	for k := a; k < b && !r.is(k, ';'); k = r.skip(k) {
		if r.is(k, '=') && r.name(k-1) != "" {
			all = append(all, r.name(k-1))
		}
	}
	return all
}

// assignment reads what ends with a semicolon: an assignment, a call, a trigger.
func (r *vReader) assignment(i int) (*vStatement, int) {
	s := &vStatement{}
	op := -1
	k := i
	for k < len(r.tokens) && !r.is(k, ';') {
		switch r.key(k) {
		case vEnd, vEndUnit, vEndBlock, vEndcase, vElseWord, vJoin, vBegin, vModule:
			return s, max(k, i+1) // a macro may have ended it
		}
		if op < 0 && (r.is(k, '=') || r.is(k, vAssign) || r.is(k, vModify)) {
			op = k
		}
		k = r.skip(k)
	}
	switch {
	case op == i: // ++name
		s.form, s.left = vStores, [2]int{i + 1, k}
	case op > i && r.key(i) != 0: // assign, force: what is assigned is no register any more
		s.form, s.left = vStores, [2]int{i + 1, op}
	case op > i:
		s.form, s.left, s.right = vStores, [2]int{i, op}, [2]int{op + 1, k}
		if r.is(op, vModify) {
			s.right = [2]int{}
		} else if r.is(op+1, '#') { // a delay within
			s.right[0] = r.delay(op + 1)
		}
	}
	return s, k + 1
}

// assertion reads assert, assume, cover, restrict and expect, with what they do then; label is the token of the label, or -1.
func (r *vReader) assertion(i, label int) int {
	k := i + 1
	concurrent := false
	switch {
	case r.key(k) == vProperty:
		concurrent = true
		k++
	case r.key(k) == vSequenceWord, r.key(k) == vFinal:
		k++
	case r.is(k, '#'):
		k = r.delay(k)
	}
	if !r.is(k, '(') {
		return r.past(i)
	}
	a, b := k+1, r.closing(k)
	start := i
	if label >= 0 {
		start = label
	}
	s := r.span(start, b+1)
	k = b + 1
	if r.is(k, ';') {
		k++
	} else {
		if r.key(k) != vElseWord {
			_, k = r.statement(k)
		}
		if r.key(k) == vElseWord {
			_, k = r.statement(k + 1)
		}
	}
	if r.key(i) == vAssert && r.dead == 0 && r.unit.kind != "class" && r.unit.kind != "" {
		if label >= 0 {
			r.hardware.Assertions = append(r.hardware.Assertions, HardwareAssertion{Unit: r.unit.name, Name: r.name(label), Line: r.lineAt(label), Span: s})
		}
		if name := r.lone(a, b); concurrent && name != "" {
			r.asserted = append(r.asserted, vAsserted{name, HardwareAssertion{Unit: r.unit.name, Line: r.lineAt(start), Span: s}})
		}
	}
	return max(k, i+1)
}

// lone returns the name when a clock, a condition that disables and one name, called or not, are all that is asserted.
func (r *vReader) lone(a, b int) string {
	if r.is(a, '@') {
		if a++; r.is(a, '(') {
			a = r.closing(a) + 1
		} else {
			a = r.event(a)
		}
	}
	if r.key(a) == vDisable && r.key(a+1) == vIff && r.is(a+2, '(') {
		a = r.closing(a+2) + 1
	}
	for r.is(a, '(') && r.closing(a) == b-1 {
		a, b = a+1, b-1
	}
	if a < b && r.kind(a, vName) && (a+1 == b || r.is(a+1, '(') && r.closing(a+1) == b-1) {
		return r.name(a)
	}
	return ""
}

// scan takes calls and conditions out of statements.
func (r *vReader) scan(a, b int) {
	if r.dead > 0 {
		return
	}
	b = min(b, len(r.tokens))
	for i := a; i < b; i++ {
		t := r.tokens[i]
		switch {
		case t.kind == vKey && (t.op == vIf || t.op == vCase || t.op == vLoop || t.op == vAssert) && r.is(i+1, '('):
			if s := r.span(i+2, r.closing(i+1)); !s.Empty() {
				r.conditions = append(r.conditions, s)
			}
		case (t.kind == vName || t.kind == vSystem) && r.is(i+1, '(') && r.closing(i+1) < b:
			if t.kind == vName && (r.is(i-1, '.') && !r.holds(i-2) && !r.is(i-2, ']') && !r.is(i-2, ')') || r.kind(i-1, vName)) {
				continue // .name(argument), and what is declared
			}
			start := i
			for t.kind == vName && (r.is(start-1, '.') || r.is(start-1, vScope)) && r.holds(start-2) {
				start -= 2
			}
			close := r.closing(i + 1)
			c := Call{Name: r.tight(start, i+1), Span: r.span(start, close+1), Line: r.lineAt(start)}
			for _, part := range r.split(i+2, close) {
				if s := r.span(part[0], part[1]); !s.Empty() {
					c.Args = append(c.Args, s)
				}
			}
			r.calls = append(r.calls, c)
		}
	}
	r.work += b - a
}

// holds reports whether members may follow the word: a name, this or super.
func (r *vReader) holds(i int) bool {
	return r.kind(i, vName) || r.key(i) == vReserved && (r.word(i) == "this" || r.word(i) == "super")
}

// finish takes the registers with a reset out of the always blocks of a unit, now that its signals and constants are known.
func (r *vReader) finish(u *vUnit) {
	if r.dead > 0 || u.name == "" {
		return
	}
	seen := map[Reset]bool{}
	for _, c := range u.clocked {
		w := &vResets{reader: r, unit: u, clocked: c}
		w.top(c.body, nil)
		r.hardware.Registers = append(r.hardware.Registers, w.registers()...)
		if len(c.edges) == 0 {
			continue
		}
		for _, reset := range w.found() {
			if !seen[reset] {
				seen[reset] = true
				r.hardware.Resets = append(r.hardware.Resets, reset)
			}
		}
	}
}
