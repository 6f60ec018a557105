package source

// Hardware holds what a file of Verilog or SystemVerilog declares beyond functions and classes. All of it is compiled whichever
// macros are defined; what is not stands in Conditional. Lists are in the order of the text, names without the backslash of an
// escaped identifier.
type Hardware struct {
	Units       []Unit
	Ports       []Port
	Parameters  []Parameter
	Signals     []Signal
	Instances   []Instance
	Assertions  []HardwareAssertion
	Properties  []Named // declared; what asserts them is in Assertions
	Resets      []Reset
	Registers   []Register // what some definition of macros leaves out included: a register without a reset must not hide
	Conditional []Named    // what some definitions of macros leave out, for messages alone
}

// Unit is a design element with a body: a module, interface, package, program or checker.
type Unit struct {
	Kind string // the keyword: "module" for macromodule too
	Name string
	Span Span // from the keyword to the end with its label
	Line int
}

// Port is a port of a module, interface or program.
type Port struct {
	Unit      string
	Name      string
	Direction string // input, output, inout, ref; interface for a port of an interface; "" when the file does not tell
	Line      int
	Offset    int
}

// Parameter is a parameter or localparam; a macro is none.
type Parameter struct {
	Unit   string // "" outside of any; the class for those of a class
	Name   string
	Value  string // as written, blanks folded; "" without a default
	Local  bool
	Line   int
	Offset int
}

// Signal is a net, a variable, a port's net or variable, a genvar or an instance of an interface. Those local to a procedural
// block or a function are none.
type Signal struct {
	Unit   string
	Name   string
	Kind   string // the words that it is declared with, between blanks: "reg", "wire logic", "enum", "state_t", "pkg::state_t"
	Range  string // packed dimensions as written, without blanks: "[7:0]"
	Line   int
	Offset int
}

// Instance is an instance of a module. What the file itself declares as an interface, class or primitive is no module; of
// what other files declare a name does not tell.
type Instance struct {
	Parent string // the module that it stands in, or to which it is bound by name
	Module string
	Name   string
	Line   int // of its name
	Offset int
	Span   Span
}

// HardwareAssertion is an assert, concurrent or immediate; to assume or to cover is not to assert.
type HardwareAssertion struct {
	Unit string
	Name string // the label, or the name of the property that is all it asserts
	Line int
	Span Span
}

// Reset is a register that a reset sets to a constant.
type Reset struct {
	Unit   string
	Signal string // as it is assigned, without blanks: "q", "q[0]", "bus.valid"; an index that a loop runs through is left out
	Reset  string // as it is tested: "rst_n"
	Low    bool   // active low
	Edge   bool   // an edge of the reset is in the sensitivity list: asynchronous
	Line   int    // of the assignment
	Span   Span   // of the always block
}

// Register is a name that an always block with an edge in its sensitivity list assigns to.
type Register struct {
	Unit   string
	Signal string // as it is assigned, like that of Reset
	Line   int    // of the always block
	Span   Span   // of the always block
}

// Named is a name at a place.
type Named struct {
	Unit string
	Name string
	Line int
}

// keep leaves of a list what another one has too.
func keep[T comparable](list *[]T, other []T) (gone []T) {
	have := make(map[T]bool, len(other))
	for _, v := range other {
		have[v] = true
	}
	kept := make([]T, 0, len(*list))
	for _, v := range *list {
		if have[v] {
			kept = append(kept, v)
		} else {
			gone = append(gone, v)
		}
	}
	*list = kept
	return gone
}

// keepBy is keep for what cannot be compared as a whole.
func keepBy[T any, K comparable](list *[]T, other []T, key func(*T) K) {
	have := make(map[K]bool, len(other))
	for i := range other {
		have[key(&other[i])] = true
	}
	kept := make([]T, 0, len(*list))
	for i := range *list {
		if have[key(&(*list)[i])] {
			kept = append(kept, (*list)[i])
		}
	}
	*list = kept
}
