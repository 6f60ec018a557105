package source

import "strings"

// signal notes a net or variable whose name is token i. One that only the direction of a port declares is implicit: a later
// declaration of the same name says what it is.
func (r *vReader) signal(i int, kind, dims string, implicit bool) {
	name := r.name(i)
	if name == "" || r.dead > 0 {
		return
	}
	u := r.unit
	if old, ok := u.ranges[name]; ok && old != dims { // declared in several ways
		dims = ""
	}
	u.ranges[name] = dims
	u.unpacked[name] = 0
	for k := i + 1; r.is(k, '['); k = r.closing(k) + 1 {
		u.unpacked[name]++
	}
	if u.kind == "" || u.kind == "package" {
		r.variables[name] = true
	}
	if implicit {
		if _, ok := u.signals[name]; ok {
			return
		}
		u.signals[name] = len(r.hardware.Signals)
	} else {
		if at, ok := u.signals[name]; ok && at >= 0 { // the implicit one is this
			r.hardware.Signals[at] = Signal{Unit: u.name, Name: name, Kind: kind, Range: dims, Line: r.lineAt(i), Offset: r.at(i)}
			u.signals[name] = -1
			return
		}
		u.signals[name] = -1
	}
	r.hardware.Signals = append(r.hardware.Signals, Signal{Unit: u.name, Name: name, Kind: kind, Range: dims, Line: r.lineAt(i), Offset: r.at(i)})
}

// vTyped is what stands before the names of a declaration.
type vTyped struct {
	kind  string
	dims  string
	next  int  // index of what follows
	known bool // a type was there
}

// typeAt reads the type of a declaration: qualifiers, a net type, a data type, signs and packed dimensions. Of two names in a row
// the first is the type.
func (r *vReader) typeAt(i, end int) vTyped {
	t := vTyped{}
	var kinds []string
	for i < end {
		switch key := r.key(i); {
		case key == vQualifier, key == vSigned:
			i++
		case r.word(i) == "unsigned" || r.word(i) == "packed":
			i++
		case key == vNet:
			kinds = append(kinds, r.word(i))
			if i++; r.is(i, '(') { // drive strength
				i = r.skip(i)
			}
			if r.is(i, '#') {
				i = r.delay(i)
			}
		case key == vType:
			kinds = append(kinds, r.word(i))
			i++
		case key == vEnum, key == vStruct:
			kinds = append(kinds, r.word(i))
			for i++; i < end && !r.is(i, '{'); i = r.skip(i) { // the base type
				if r.is(i, ';') || r.is(i, ',') || r.is(i, '=') {
					t.next = i
					return t
				}
			}
			if r.is(i, '{') {
				if key == vEnum {
					r.enumerators(i+1, r.closing(i))
				}
				i = r.skip(i)
			}
		case key == vVirtual:
			kinds = append(kinds, "virtual")
			i++
			if r.key(i) == vInterface {
				i++
			}
		case key == vTypeWord && r.is(i+1, '('):
			kinds = append(kinds, "type")
			i = r.skip(i + 1)
		case r.is(i, '['):
			stop := r.closing(i) + 1
			t.dims += r.tight(i, stop)
			i = stop
		case r.is(i, '#') && len(kinds) > 0:
			i = r.delay(i)
		case r.kind(i, vName):
			stop := i + 1
			for r.is(stop, vScope) && r.kind(stop+1, vName) {
				stop += 2
			}
			parametrised := stop
			if r.is(stop, '#') && r.is(stop+1, '(') {
				parametrised = r.closing(stop+1) + 1
			}
			for r.is(parametrised, vScope) && r.kind(parametrised+1, vName) {
				parametrised += 2
			}
			after := parametrised
			for r.is(after, '[') {
				after = r.closing(after) + 1
			}
			if !r.kind(after, vName) || after >= end { // this is the name that is declared
				t.kind, t.next, t.known = strings.Join(kinds, " "), i, len(kinds) > 0
				return t
			}
			kinds = append(kinds, r.tight(i, stop))
			i = parametrised
		default:
			t.kind, t.next, t.known = strings.Join(kinds, " "), i, len(kinds) > 0
			return t
		}
	}
	t.kind, t.next, t.known = strings.Join(kinds, " "), i, len(kinds) > 0
	return t
}

// delay returns the index after a delay: #5, #(1:2:3).
func (r *vReader) delay(i int) int {
	if r.is(i+1, '(') {
		return r.skip(i + 1)
	}
	return i + 2
}

// enumerators notes the names of an enumeration: constants.
func (r *vReader) enumerators(a, b int) {
	for _, part := range r.split(a, b) {
		r.constant(r.name(part[0]))
	}
}

// constant notes a name that stands for a value.
func (r *vReader) constant(name string) {
	if name == "" || r.dead > 0 {
		return
	}
	r.unit.constants[name] = true
	if r.unit.kind == "" || r.unit.kind == "package" {
		r.labels[name] = true
	}
}

// declaration reads nets and variables: a type and names.
func (r *vReader) declaration(i int) int {
	end := r.find(i, len(r.tokens), ';')
	t := r.typeAt(i, end)
	if !t.known || !r.is(end, ';') {
		if r.is(end, ';') {
			end++
		}
		return max(end, i+1)
	}
	for _, part := range r.split(t.next, end) {
		if r.declares(part[0], part[1]) {
			r.signal(part[0], t.kind, t.dims, false)
		}
	}
	return end + 1
}

// declares reports whether the tokens are a name with unpacked dimensions and a value, or neither.
func (r *vReader) declares(a, b int) bool {
	if !r.kind(a, vName) {
		return false
	}
	for a++; a < b && r.is(a, '['); {
		a = r.closing(a) + 1
	}
	return a >= b || r.is(a, '=')
}

// directions reads input, output and inout in the body of a module.
func (r *vReader) directions(i int) int {
	end := r.find(i, len(r.tokens), ';')
	if !r.is(end, ';') {
		return max(end, i+1)
	}
	direction := r.word(i)
	t := r.typeAt(i+1, end)
	kind := t.kind
	if kind == "" {
		kind = "wire"
	}
	for _, part := range r.split(t.next, end) {
		name := r.name(part[0])
		port, ok := r.unit.header[name]
		if !ok || !r.declares(part[0], part[1]) {
			continue // no list of ports has it
		}
		r.port(part[0], port, direction)
		r.signal(part[0], kind, t.dims, !t.known)
	}
	return end + 1
}

func (r *vReader) port(i int, name, direction string) {
	if name == "" || r.dead > 0 {
		return
	}
	r.hardware.Ports = append(r.hardware.Ports, Port{Unit: r.unit.name, Name: name, Direction: direction, Line: r.lineAt(i), Offset: r.at(i)})
}

// portList reads the ports in the header of a module: declarations, or names that the body declares.
func (r *vReader) portList(a, b int) {
	direction, kind, dims := "inout", "wire", ""
	implicit := true
	ansi := false
	for n, part := range r.split(a, b) {
		i, end := part[0], part[1]
		if end <= i {
			continue
		}
		if end == i+1 && r.is(i, vDotStar) {
			continue
		}
		if n == 0 {
			ansi = r.isDeclared(i, end)
		}
		if !ansi {
			r.listed(i, end)
			continue
		}
		stop := i // before a default
		for stop < end && !r.is(stop, '=') {
			stop = r.skip(stop)
		}
		if r.key(i) == vDirection && r.is(i+1, '.') { // input .name(expression)
			direction = r.word(i)
			r.port(i+2, r.name(i+2), direction)
			continue
		}
		last := stop - 1
		for last > i && r.is(last, ']') {
			last = r.closing(last) - 1
		}
		if last < i || !r.kind(last, vName) || r.hasMacro(i, last) {
			direction, kind, dims, implicit = "", "", "", true // and so for those that inherit
			continue
		}
		if last > i { // otherwise all is as in the port before
			direction, kind, dims, implicit = r.portHeader(i, last, direction)
		}
		r.port(last, r.name(last), direction)
		if kind != "" {
			r.signal(last, kind, dims, implicit)
		} else {
			r.unit.signals[r.name(last)] = -1 // a signal, of a kind that is not known
		}
	}
}

// isDeclared reports whether the first port of a list is a declaration: a direction or a type stands before its name.
func (r *vReader) isDeclared(i, end int) bool {
	switch {
	case r.is(i, '.') || r.is(i, '{'):
		return false
	case r.kind(i, vName):
		k := i + 1
		for k < end && r.is(k, '[') {
			k = r.closing(k) + 1
		}
		return k < end && !r.is(k, '=')
	}
	return true
}

// listed notes a port that the body declares: name, .name(inner), or what cannot be named.
func (r *vReader) listed(i, end int) {
	switch {
	case r.is(i, '.') && r.name(i+1) != "":
		if r.is(i+2, '(') && r.closing(i+2) == i+4 && r.name(i+3) != "" {
			r.unit.header[r.name(i+3)] = r.name(i + 1)
		} else {
			r.port(i+1, r.name(i+1), "")
		}
	case r.name(i) != "" && end == i+1:
		r.unit.header[r.name(i)] = r.name(i)
	}
}

func (r *vReader) hasMacro(a, b int) bool {
	for ; a < b; a = r.skip(a) {
		if r.kind(a, vMacro) {
			return true
		}
	}
	return false
}

// portHeader reads what stands before the name of a port. A direction that is not there is that of the port before, unless the
// type may be an interface.
func (r *vReader) portHeader(i, last int, before string) (direction, kind, dims string, implicit bool) {
	direction = before
	if r.key(i) == vQualifier && r.key(i+1) == vDirection { // const ref
		i++
	}
	given := r.key(i) == vDirection
	if given {
		direction = r.word(i)
		i++
	}
	if r.key(i) == vInterface {
		return "interface", "interface", "", false
	}
	if !given && r.kind(i, vName) && r.is(i+1, '.') && r.kind(i+2, vName) {
		return "interface", r.name(i), "", false
	}
	t := r.typeAt(i, last+1)
	if t.next != last {
		return "", "", "", true
	}
	if !t.known {
		return direction, "wire", t.dims, true
	}
	if !given && r.kind(i, vName) && !r.is(i+1, vScope) {
		switch name := r.name(i); {
		case r.kinds[name] == "interface":
			direction = "interface"
		case !r.types[name]:
			direction = ""
		}
	}
	return direction, t.kind, t.dims, false
}

// parameters reads parameters between the tokens, one after the other: in a header or after the keyword.
func (r *vReader) parameters(a, b int) {
	local := false
	for _, part := range r.split(a, b) {
		i, end := part[0], part[1]
		switch r.key(i) {
		case vParameter, vLocalparam:
			local = r.key(i) == vLocalparam
			i++
		}
		stop := i
		for stop < end && !r.is(stop, '=') {
			stop = r.skip(stop)
		}
		last := stop - 1
		for last > i && r.is(last, ']') {
			last = r.closing(last) - 1
		}
		name := r.name(last)
		if last < i || name == "" || r.hasMacro(i, last) {
			continue
		}
		if r.key(i) == vTypeWord {
			r.types[name] = true
		} else {
			r.typeAt(i, last) // for the names of an enumeration
			r.constant(name)
		}
		if r.dead > 0 {
			continue
		}
		r.hardware.Parameters = append(r.hardware.Parameters, Parameter{
			Unit: r.unit.name, Name: name, Value: r.text(min(stop+1, end), end), Local: local, Line: r.lineAt(last), Offset: r.at(last),
		})
	}
}

// typedef reads a type definition; its name stands at its end.
func (r *vReader) typedef(i int) int {
	end := r.find(i, len(r.tokens), ';')
	if !r.is(end, ';') {
		return max(end, i+1)
	}
	last := end - 1
	for last > i && r.is(last, ']') {
		last = r.closing(last) - 1
	}
	name := r.name(last)
	if name == "" || last == i+1 || r.key(i+1) == vClass || r.key(i+1) == vInterface { // a forward declaration
		r.types[name] = true
		return end + 1
	}
	d := Decl{Kind: Type, Name: name, Owner: r.owner, Span: r.span(i, end+1), Line: r.lineAt(last)}
	switch r.key(i + 1) {
	case vEnum, vStruct:
		if last == i+2 && r.key(i+1) != 0 { // typedef enum name;
			r.types[name] = true
			return end + 1
		}
		d.Kind = Class
		r.typeAt(i+1, end)
		for k := i + 2; k < last; k = r.skip(k) {
			if r.is(k, '{') {
				d.Body = r.span(k+1, r.closing(k))
			}
		}
	}
	r.types[name] = true
	if r.dead == 0 {
		r.decls = append(r.decls, d)
	}
	return end + 1
}

// named reads an item that begins with a name: an instance, a declaration of a type that is named, or a label.
func (r *vReader) named(i int) int {
	if r.is(i+1, ':') { // a label
		switch r.key(i + 2) {
		case vAssert, vAssume:
			return r.assertion(i+2, i)
		}
		return i + 2
	}
	if k := r.instances(i, r.unit.name); k > 0 {
		return k
	}
	return r.declaration(i)
}

// instances reads instances of the module whose name is token i, and returns the index after them, or 0 where there are none.
func (r *vReader) instances(i int, parent string) int {
	k := i + 1
	if r.is(k, '#') {
		k = r.delay(k)
	}
	first := len(r.hardware.Instances)
	var found []Instance
	for {
		name := r.name(k)
		if name == "" {
			return 0
		}
		at := k
		for k++; r.is(k, '['); {
			k = r.closing(k) + 1
		}
		if !r.is(k, '(') {
			return 0
		}
		k = r.closing(k) + 1
		found = append(found, Instance{Parent: parent, Module: r.name(i), Name: name, Line: r.lineAt(at), Offset: r.at(at)})
		if r.is(k, ',') {
			k++
			continue
		}
		break
	}
	if !r.is(k, ';') {
		return 0
	}
	for n := range found {
		found[n].Span = r.span(i, k+1)
	}
	if r.dead == 0 && parent != "" {
		r.hardware.Instances = append(r.hardware.Instances[:first], found...)
	}
	return k + 1
}

// bind reads bind MODULE CHILD NAME (…). What is bound to a path, or to some instances, is bound to no module by name.
func (r *vReader) bind(i int) int {
	if target := r.name(i + 1); target != "" && r.kind(i+2, vName) && (r.is(i+3, '#') || r.kind(i+3, vName)) {
		if k := r.instances(i+2, target); k > 0 {
			return k
		}
	}
	return r.past(i)
}
