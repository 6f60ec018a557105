package source

import (
	"slices"
	"strings"
)

// vReader reads one configuration of a text.
type vReader struct {
	*vSource
	tokens []vToken

	decls      []Decl
	calls      []Call
	imports    []Import
	conditions []Span
	hardware   Hardware

	unit    *vUnit
	owner   string // of functions and classes
	depth   int    // of what nests
	dead    int    // generate branches that a literal condition leaves out
	problem error

	types     map[string]bool // names of types
	kinds     map[string]string
	labels    map[string]bool // names of enumerations outside of modules, and parameters there
	imported  bool            // a package is imported whole
	names     map[string]bool // names imported one by one
	variables map[string]bool // signals of packages and of the file
	asserted  []vAsserted
}

// vUnit is a design element that is being read.
type vUnit struct {
	kind, name string
	outer      *vUnit
	header     map[string]string // names of a list of ports without directions: to the names of the ports
	constants  map[string]bool
	signals    map[string]int    // to the index of one that only a direction declares, or -1
	ranges     map[string]string // packed dimensions of signals
	unpacked   map[string]int    // how many unpacked dimensions they have
	clocked    []vClocked
	loops      map[string]bool // genvars
}

// vAsserted is an assertion of what may be a property.
type vAsserted struct {
	property  string
	assertion HardwareAssertion
}

// vDepth bounds how deep statements and generate blocks nest.
const vDepth = 400

func newVReader(s *vSource, c vConfiguration) *vReader {
	r := &vReader{
		vSource: s, types: map[string]bool{}, kinds: map[string]string{}, labels: map[string]bool{}, names: map[string]bool{},
		variables: map[string]bool{},
	}
	r.problem = r.layOut(c)
	return r
}

func (r *vReader) run() error {
	if r.problem != nil {
		return r.problem
	}
	r.unit = &vUnit{constants: map[string]bool{}, signals: map[string]int{}, ranges: map[string]string{}, unpacked: map[string]int{}, loops: map[string]bool{}}
	for i := 0; i < len(r.tokens) && r.problem == nil; {
		i = r.advance(i, r.item(i))
	}
	if r.problem != nil {
		return r.problem
	}
	r.settle()
	return nil
}

// advance makes sure that reading goes on.
func (r *vReader) advance(from, to int) int {
	r.work += max(1, to-from)
	return max(to, from+1)
}

// fail notes the first problem and returns the end.
func (r *vReader) fail(i int, message string) int {
	if r.problem == nil {
		at := len(r.Text)
		if i < len(r.tokens) {
			at = int(r.tokens[i].start)
		}
		r.problem = r.syntaxError(at, message)
	}
	return len(r.tokens)
}

// key returns the reserved word at i, or 0.
func (r *vReader) key(i int) uint8 {
	if i < 0 || i >= len(r.tokens) || r.tokens[i].kind != vKey {
		return 0
	}
	return r.tokens[i].op
}

// is reports whether the operator stands at i.
func (r *vReader) is(i int, op uint8) bool {
	return i >= 0 && i < len(r.tokens) && r.tokens[i].kind == vOp && r.tokens[i].op == op
}

func (r *vReader) kind(i int, kind vKind) bool {
	return i >= 0 && i < len(r.tokens) && r.tokens[i].kind == kind
}

// name returns the identifier at i, or "".
func (r *vReader) name(i int) string {
	if !r.kind(i, vName) {
		return ""
	}
	t := r.tokens[i]
	if r.Text[t.start] == '\\' {
		return string(r.Text[t.start+1 : t.end])
	}
	return string(r.Text[t.start:t.end])
}

// word returns the text of the token.
func (r *vReader) word(i int) string {
	if i < 0 || i >= len(r.tokens) {
		return ""
	}
	return string(r.Text[r.tokens[i].start:r.tokens[i].end])
}

func (r *vReader) at(i int) int {
	if i >= len(r.tokens) {
		return len(r.Text)
	}
	return int(r.tokens[i].start)
}

func (r *vReader) lineAt(i int) int { return r.LineOf(r.at(i)) }

// span returns the part of the text from token a up to b.
func (r *vReader) span(a, b int) Span {
	b = min(b, len(r.tokens)) // what ends with the text may want one more
	if a >= b || a >= len(r.tokens) {
		return Span{}
	}
	return Span{int(r.tokens[a].start), int(r.tokens[b-1].end)}
}

// text returns the tokens from a up to b as written, blanks and comments folded.
func (r *vReader) text(a, b int) string {
	var s strings.Builder
	b = min(b, len(r.tokens))
	for i := a; i < b; i++ {
		if i > a && r.tokens[i-1].end < r.tokens[i].start {
			s.WriteByte(' ')
		}
		s.WriteString(r.word(i))
	}
	return s.String()
}

// tight returns the tokens from a up to b without blanks.
func (r *vReader) tight(a, b int) string {
	if b == a+1 {
		if name := r.name(a); name != "" {
			return name
		}
	}
	var s strings.Builder
	for i := a; i < b; i++ {
		if name := r.name(i); name != "" {
			s.WriteString(name)
		} else {
			s.WriteString(r.word(i))
		}
	}
	return s.String()
}

// skip returns the index after the token, or after its bracket when it opens one.
func (r *vReader) skip(i int) int {
	if i < len(r.tokens) && r.tokens[i].kind == vOp {
		if m := int(r.tokens[i].match); m > i {
			return m + 1
		}
	}
	return i + 1
}

// closing returns the index of the other half of the bracket at i.
func (r *vReader) closing(i int) int { return int(r.tokens[i].match) }

// find returns the index of the operator at the same depth from i on, or of what ends a statement without it, or the end.
func (r *vReader) find(i, end int, op uint8) int {
	for i < end {
		if r.is(i, op) {
			return i
		}
		switch r.key(i) {
		case vEndUnit, vModule, vEnd, vEndBlock, vEndGenerate:
			return i
		}
		i = r.skip(i)
	}
	return end
}

// past returns the index after the semicolon that ends what begins at i.
func (r *vReader) past(i int) int {
	i = r.find(i, len(r.tokens), ';')
	if r.is(i, ';') {
		i++
	}
	return i
}

// pastBlock returns the index after the word that ends a block whose inside is not read, and after its label.
func (r *vReader) pastBlock(i int, end string) int {
	for i < len(r.tokens) {
		switch {
		case r.key(i) == vEndBlock && r.word(i) == end:
			return r.label(i + 1)
		case r.key(i) == vEndUnit && end != "endclass":
			return r.fail(i, `"`+end+`" is missing before this line`)
		}
		i++
	}
	return r.fail(i, `"`+end+`" is missing at the end`)
}

// label returns the index after ": name" at i, if that is there.
func (r *vReader) label(i int) int {
	if r.is(i, ':') && (r.kind(i+1, vName) || r.key(i+1) == vNew) {
		return i + 2
	}
	return i
}

// item reads what may stand in a module, in a generate block or outside of all, and returns the index after it.
func (r *vReader) item(i int) int {
	if r.depth++; r.depth > vDepth {
		return r.fail(i, "blocks nest too deep")
	}
	defer func() { r.depth-- }()
	switch t := r.tokens[i]; t.kind {
	case vKey:
		return r.keyed(i)
	case vName:
		return r.named(i)
	case vMacro:
		return r.macroUse(i)
	case vSystem: // $error and its like, while the design is put together
		return r.past(i)
	default:
		if t.kind == vOp && t.op == ';' {
			return i + 1
		}
		return r.skip(i)
	}
}

// macroUse returns the index after the use of a macro and its arguments.
func (r *vReader) macroUse(i int) int {
	if r.is(i+1, '(') {
		return r.closing(i+1) + 1
	}
	return i + 1
}

// keyed reads an item that begins with a reserved word.
func (r *vReader) keyed(i int) int {
	switch r.key(i) {
	case vModule, vProgram, vPackage, vChecker:
		return r.design(i)
	case vInterface:
		if r.key(i+1) == vClass {
			return r.class(i)
		}
		return r.design(i)
	case vClass:
		return r.class(i)
	case vVirtual:
		if r.key(i+1) == vClass {
			return r.class(i)
		}
		return r.declaration(i)
	case vEndUnit:
		return r.fail(i, `"`+r.word(i)+`" without a beginning`)
	case vPrimitive:
		r.kinds[r.name(i+1)] = "primitive"
		return r.pastBlock(i, "endprimitive")
	case vConfig:
		return r.pastBlock(i, "endconfig")
	case vSpecify:
		return r.pastBlock(i, "endspecify")
	case vCovergroup:
		return r.pastBlock(i, "endgroup")
	case vSequenceWord:
		return r.pastBlock(i, "endsequence")
	case vProperty:
		if name := r.name(i + 1); name != "" && r.dead == 0 {
			r.hardware.Properties = append(r.hardware.Properties, Named{r.unit.name, name, r.lineAt(i + 1)})
		}
		return r.pastBlock(i, "endproperty")
	case vDefault, vGlobal, vClocking:
		return r.clocking(i)
	case vFunction, vTask:
		return r.function(i)
	case vGenerate, vEndGenerate:
		return i + 1
	case vBegin:
		return r.generateBlock(i)
	case vIf:
		return r.generateIf(i)
	case vCase:
		return r.generateCase(i)
	case vFor:
		return r.generateFor(i)
	case vAlways, vAlwaysFF, vAlwaysOther, vInitial, vFinal:
		return r.process(i)
	case vContinuous:
		end := r.past(i)
		r.scan(i+1, end)
		return end
	case vAssert, vAssume:
		return r.assertion(i, -1)
	case vExtern: // a declaration of what is elsewhere
		for i < len(r.tokens) && !r.is(i, ';') {
			i = r.skip(i)
		}
		return i + 1
	case vBind:
		return r.bind(i)
	case vImport:
		return r.importItem(i)
	case vTypedef:
		return r.typedef(i)
	case vParameter, vLocalparam:
		end := r.find(i, len(r.tokens), ';')
		r.parameters(i, end)
		return end + 1
	case vGenvar:
		end := r.find(i, len(r.tokens), ';')
		for _, part := range r.split(i+1, end) {
			r.genvar(part[0])
		}
		return end + 1
	case vDirection:
		return r.directions(i)
	case vNet, vType, vEnum, vStruct, vQualifier, vTypeWord:
		return r.declaration(i)
	case vEnd:
		return r.fail(i, `"end" without a "begin"`)
	}
	return r.past(i)
}

// clocking reads a clocking block, and what is set as a default.
func (r *vReader) clocking(i int) int {
	k := i
	for r.key(k) == vDefault || r.key(k) == vGlobal {
		k++
	}
	if r.key(k) != vClocking {
		return r.past(i)
	}
	for k < len(r.tokens) && !r.is(k, ';') {
		if r.is(k, '@') {
			return r.pastBlock(k, "endclocking")
		}
		k = r.skip(k)
	}
	return k + 1
}

// design reads a module, interface, program, package or checker.
func (r *vReader) design(i int) int {
	kind := r.word(i)
	if kind == "macromodule" {
		kind = "module"
	}
	k := i + 1
	if r.key(k) == vQualifier {
		k++
	}
	name := r.name(k)
	outer, owner := r.unit, r.owner
	u := &vUnit{
		kind: kind, name: name, outer: outer, header: map[string]string{},
		constants: map[string]bool{}, signals: map[string]int{}, ranges: map[string]string{}, unpacked: map[string]int{}, loops: map[string]bool{},
	}
	if name == "" { // a macro makes the name: nothing within belongs to a module that is known
		r.dead++
		defer func() { r.dead-- }()
	} else {
		k++
	}
	r.unit, r.owner = u, name
	r.kinds[name] = kind
	for r.key(k) == vImport {
		k = r.importItem(k)
	}
	if r.is(k, '#') && r.is(k+1, '(') {
		end := r.closing(k + 1)
		r.parameters(k+2, end)
		k = end + 1
	}
	if r.is(k, '(') {
		end := r.closing(k)
		if kind != "package" && kind != "checker" {
			r.portList(k+1, end)
		}
		k = end + 1
	}
	k = r.past(k)
	for k < len(r.tokens) && r.key(k) != vEndUnit && r.problem == nil {
		k = r.advance(k, r.item(k))
	}
	r.unit, r.owner = outer, owner
	if k >= len(r.tokens) {
		return r.fail(i, "this "+kind+" has no end")
	}
	if r.word(k) != "end"+kind {
		return r.fail(k, `"`+r.word(k)+`" ends a `+kind)
	}
	end := r.label(k + 1)
	if r.dead == 0 {
		s := r.span(i, end)
		line := r.lineAt(i + 1)
		if p := i + 1; r.key(p) == vQualifier {
			line = r.lineAt(p + 1)
		}
		r.hardware.Units = append(r.hardware.Units, Unit{Kind: kind, Name: name, Span: s, Line: line})
		if kind == "interface" {
			r.decls = append(r.decls, Decl{Kind: Interface, Name: name, Owner: owner, Span: s, Body: r.span(i+2, k), Line: line})
		}
	}
	r.finish(u)
	return end
}

// generateBlock reads begin … end of items.
func (r *vReader) generateBlock(i int) int {
	k := r.label(i + 1)
	for k < len(r.tokens) && r.key(k) != vEnd && r.problem == nil {
		if r.key(k) == vEndUnit {
			return r.fail(i, `"begin" without an "end"`)
		}
		k = r.advance(k, r.item(k))
	}
	if k >= len(r.tokens) {
		return r.fail(i, `"begin" without an "end"`)
	}
	return r.label(k + 1)
}

// literal tells what a condition of nothing but a number says: 0 and 1 are false and true, all else is -1.
func (r *vReader) literal(a, b int) int {
	for r.is(a, '(') && r.closing(a) == b-1 {
		a, b = a+1, b-1
	}
	if a >= b {
		return -1
	}
	for i := a; i < b; i++ {
		if !r.kind(i, vNumber) {
			return -1
		}
	}
	digits := r.word(b - 1)
	if i := strings.IndexByte(digits, '\''); i >= 0 {
		digits = strings.TrimLeft(digits[i+1:], "sSbBoOdDhH \t\r\n")
	}
	digits = strings.ReplaceAll(digits, "_", "")
	switch {
	case digits == "" || strings.ContainsAny(digits, "xXzZ?"):
		return -1
	case strings.Trim(digits, "0") == "":
		return 0
	}
	return 1
}

// branch reads an item that is compiled or not.
func (r *vReader) branch(i int, dead bool) int {
	if i >= len(r.tokens) {
		return i
	}
	if r.key(i) == vEndUnit || r.key(i) == vEnd {
		return r.fail(i, "something is missing before this")
	}
	if dead {
		r.dead++
		defer func() { r.dead-- }()
	}
	return r.item(i)
}

// generateIf reads if … else if … else of items. What a literal condition leaves out is not there.
func (r *vReader) generateIf(i int) int {
	gone := false // an earlier condition is always true
	for {
		if !r.is(i+1, '(') {
			return r.past(i)
		}
		close := r.closing(i + 1)
		value := r.literal(i+2, close)
		k := r.branch(close+1, gone || value == 0)
		gone = gone || value == 1
		if r.key(k) != vElseWord {
			return k
		}
		if r.key(k+1) != vIf {
			return r.branch(k+1, gone)
		}
		r.work++
		i = k + 1
	}
}

func (r *vReader) generateCase(i int) int {
	if !r.is(i+1, '(') {
		return r.past(i)
	}
	k := r.closing(i+1) + 1
	for k < len(r.tokens) && r.key(k) != vEndcase && r.problem == nil {
		from := k
		if r.key(k) == vDefault && !r.is(k+1, ':') {
			k++
		} else {
			for k < len(r.tokens) && !r.is(k, ':') {
				if r.key(k) == vEndUnit {
					return r.fail(i, `"case" without an "endcase"`)
				}
				k = r.skip(k)
			}
			k++
		}
		k = r.advance(from, r.branch(k, false))
	}
	if k >= len(r.tokens) {
		return r.fail(i, `"case" without an "endcase"`)
	}
	return k + 1
}

func (r *vReader) generateFor(i int) int {
	if !r.is(i+1, '(') {
		return r.past(i)
	}
	if r.key(i+2) == vGenvar {
		r.genvar(i + 3)
	}
	return r.branch(r.closing(i+1)+1, false)
}

func (r *vReader) genvar(i int) {
	if name := r.name(i); name != "" {
		r.unit.loops[name] = true
		r.signal(i, "genvar", "", false)
	}
}

// importItem reads an import of packages, or of a foreign function.
func (r *vReader) importItem(i int) int {
	end := r.find(i, len(r.tokens), ';')
	if r.kind(i+1, vString) { // import "DPI-C" [pure|context] [name =] function …;
		for k := i + 2; k < end; k++ {
			if key := r.key(k); key == vFunction || key == vTask {
				r.header(i, k, end)
				break
			}
		}
		return end + 1
	}
	for _, part := range r.split(i+1, end) {
		if !r.is(part[0]+1, vScope) || r.name(part[0]) == "" {
			continue
		}
		what := r.word(part[0] + 2)
		if what == "*" {
			r.imported = true
		} else {
			r.names[what] = true
		}
		r.imports = append(r.imports, Import{Module: r.name(part[0]), Names: []string{what}, Line: r.lineAt(part[0])})
	}
	return end + 1
}

// split cuts the tokens from a up to b at commas of the same depth.
func (r *vReader) split(a, b int) [][2]int {
	var parts [][2]int
	start := a
	for i := a; i < b; {
		if r.is(i, ',') {
			parts = append(parts, [2]int{start, i})
			start = i + 1
		}
		i = r.skip(i)
	}
	if start < b {
		parts = append(parts, [2]int{start, b})
	}
	return parts
}

// function reads a function or task with its body.
func (r *vReader) function(i int) int {
	end := i + 1
	for end < len(r.tokens) && !r.is(end, ';') {
		end = r.skip(end)
	}
	d := r.header(i, i, end)
	stop := "end" + r.word(i)
	k := end + 1
	body := k
	for k < len(r.tokens) && !(r.key(k) == vEndBlock && r.word(k) == stop) {
		if r.key(k) == vEndUnit || r.key(k) == vEndBlock {
			return r.fail(i, `"`+stop+`" is missing`)
		}
		if d != nil && r.key(k) == vDirection && len(d.Params) < 1000 { // the old way to declare parameters
			stop := r.find(k, len(r.tokens), ';')
			d.Params = append(d.Params, r.params(k, stop)...)
			k = max(stop, k+1)
			continue
		}
		k++
	}
	if k >= len(r.tokens) {
		return r.fail(i, `"`+stop+`" is missing`)
	}
	r.work += k - i
	r.scan(body, k)
	if d != nil {
		d.Body = r.span(body, k)
		if body == k {
			d.Body = Span{}
		}
		d.Span.End = int(r.tokens[k].end)
	}
	return r.label(k + 1)
}

// header notes the declaration of a function whose keyword is token k, up to the semicolon or the brackets before it. The
// pointer is good until the next declaration.
func (r *vReader) header(start, k, end int) *Decl {
	name, open := -1, -1
	for i := k + 1; i < end; i = r.skip(i) {
		if r.is(i, '#') && r.is(i+1, '(') { // arguments of the type
			i++
			continue
		}
		if r.is(i, '(') {
			open = i
			break
		}
		if r.kind(i, vName) || r.key(i) == vNew {
			name = i
		}
	}
	if name < 0 || r.dead > 0 {
		return nil
	}
	d := Decl{Kind: Function, Name: r.name(name), Owner: r.owner, Span: r.span(start, end), Line: r.lineAt(name)}
	if r.key(name) == vNew {
		d.Name = "new"
	}
	if r.is(name-1, vScope) && r.name(name-2) != "" {
		d.Owner = r.name(name - 2)
	}
	if open >= 0 {
		d.Params = r.params(open+1, r.closing(open))
	}
	r.decls = append(r.decls, d)
	return &r.decls[len(r.decls)-1]
}

// params reads parameters of a function.
func (r *vReader) params(a, b int) []Param {
	var all []Param
	for _, part := range r.split(a, b) {
		end := part[0]
		for end < part[1] && !r.is(end, '=') {
			end = r.skip(end)
		}
		last := end - 1
		for last > part[0] && r.is(last, ']') {
			last = r.closing(last) - 1
		}
		if name := r.name(last); name != "" {
			all = append(all, Param{Name: name, Type: r.text(part[0], last), Span: r.span(part[0], part[1])})
		}
	}
	return all
}

// class reads a class: its methods, types and parameters.
func (r *vReader) class(i int) int {
	k := i
	kind := Class
	for r.key(k) == vVirtual || r.key(k) == vInterface {
		if r.key(k) == vInterface {
			kind = Interface
		}
		k++
	}
	k++
	if r.key(k) == vQualifier {
		k++
	}
	name, line := r.name(k), r.lineAt(k)
	outer, owner := r.unit, r.owner
	if owner != "" {
		r.owner += "."
	}
	r.owner += name
	if name == "" {
		r.dead++
		defer func() { r.dead-- }()
	}
	r.kinds[name], r.types[name] = "class", true
	r.unit = &vUnit{kind: "class", name: name, outer: outer, constants: map[string]bool{}, signals: map[string]int{}, ranges: map[string]string{}, unpacked: map[string]int{}, loops: map[string]bool{}}
	if k++; r.is(k, '#') && r.is(k+1, '(') {
		r.parameters(k+2, r.closing(k+1))
	}
	k = r.past(k)
	body := k
	for k < len(r.tokens) && r.key(k) != vEndUnit && r.problem == nil {
		k = r.advance(k, r.member(k))
	}
	r.unit, r.owner = outer, owner
	if k >= len(r.tokens) || r.word(k) != "endclass" {
		return r.fail(i, "this class has no end")
	}
	end := r.label(k + 1)
	if r.dead == 0 {
		r.decls = append(r.decls, Decl{Kind: kind, Name: name, Owner: owner, Span: r.span(i, end), Body: r.span(body, k), Line: line})
	}
	return end
}

// member reads one member of a class. Its variables are no signals.
func (r *vReader) member(i int) int {
	k := i
	prototype := false
	for {
		switch r.key(k) {
		case vQualifier:
			prototype = prototype || r.word(k) == "pure"
		case vVirtual:
		case vExtern:
			prototype = true
		default:
			switch r.key(k) {
			case vFunction, vTask:
				if prototype {
					end := r.find(k, len(r.tokens), ';')
					r.header(i, k, end)
					return end + 1
				}
				return r.function(k)
			case vClass, vInterface:
				return r.class(k)
			case vTypedef:
				return r.typedef(k)
			case vParameter, vLocalparam:
				end := r.find(k, len(r.tokens), ';')
				r.parameters(k, end)
				return end + 1
			case vCovergroup:
				return r.pastBlock(k, "endgroup")
			}
			switch {
			case r.kind(k, vMacro):
				return r.macroUse(k)
			case r.word(k) == "constraint":
				for k < len(r.tokens) && !r.is(k, '{') && !r.is(k, ';') {
					k++
				}
				return r.skip(k)
			}
			return r.past(k)
		}
		k++
	}
}

// settle resolves what could not be told before the text was read: which names are modules, and which properties.
func (r *vReader) settle() {
	for _, n := range r.hardware.Instances {
		if r.kinds[n.Module] == "interface" {
			r.hardware.Signals = append(r.hardware.Signals, Signal{Unit: n.Parent, Name: n.Name, Kind: n.Module, Line: n.Line, Offset: n.Offset})
		}
	}
	r.hardware.Instances = slices.DeleteFunc(r.hardware.Instances, func(n Instance) bool {
		kind := r.kinds[n.Module]
		return kind != "" && kind != "module"
	})
	for _, a := range r.asserted {
		for _, p := range r.hardware.Properties {
			if p.Name == a.property && (p.Unit == a.assertion.Unit || p.Unit == "" || r.kinds[p.Unit] == "package") {
				a.assertion.Name = a.property
				r.hardware.Assertions = append(r.hardware.Assertions, a.assertion)
				break
			}
		}
	}
}
