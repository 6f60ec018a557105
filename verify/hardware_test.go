package verify_test

import (
	"strings"
	"testing"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/verify"
)

const (
	module    = evidence.ModuleExists
	instance  = evidence.ModuleInstantiated
	port      = evidence.PortExists
	parameter = evidence.ParameterDefined
	signal    = evidence.SignalExists
	asserted  = evidence.SVAAssertionPresent
	reset     = evidence.RegisterReset
)

// The lock is a small design with what each of the types for hardware asks for, and with what must not be taken for it.
const lock = `// This module is what module ghost; endmodule was. ghost u_ghost ();
package lock_pkg;
  localparam int TRIES = 3;
endpackage

interface bus_if (input logic clk);
  logic valid;
endinterface

module debug_lock #(
  parameter int KEY_BITS = 128, // parameter GONE = 1
  parameter bit [7:0] ID = 8'hA5
) (
  input clk, rst_ni, output logic locked_o,
  bus_if bus
);
  localparam KEY_BYTES = KEY_BITS / 8;
  logic locked_q, seen_q; // logic ghost_q;
  wire  unlock = 1'b0;
  string note = "compare ghost_cmp (); ghost: assert property (x); parameter GONE = 1;";

  compare #(.W(KEY_BITS)) u_compare (.clk, .match(unlock));

  always_ff @(posedge clk or negedge rst_ni) begin
    if (!rst_ni) begin
      locked_q <= 1'b1;
      // seen_q <= 1'b0;
    end else begin
      if (unlock) locked_q <= 1'b0;
      seen_q <= 1'b0;
    end
  end

  property stays; @(posedge clk) locked_q |-> locked_o; endproperty
  property idle; @(posedge clk) 1; endproperty
  a_reset: assert property (@(posedge clk) !rst_ni |=> locked_q);
  assert property (stays);
  m_input: assume property (idle);
  c_open: cover property (@(posedge clk) !locked_q);
` + "`ifdef FORMAL\n  a_formal: assert property (@(posedge clk) 1);\n  extra u_extra ();\n`endif\n" + `endmodule

module compare (clk, match);
  parameter KEY_BITS = 64;
  input clk;
  output match;
  reg match;
  always @(posedge clk) if (match) match <= 0;
endmodule

bind debug_lock lock_sva u_sva (.*);
`

func TestHardwareClaims(t *testing.T) {
	dos := strings.ReplaceAll(lock, "\n", "\r\n")
	testRows(t, []row{
		{"pass", "a.sv", lock, module, []string{"name", "debug_lock"}, ""},
		{"crlf", "a.v", dos, module, []string{"name", "compare"}, ""},
		{"bom", "a.svh", "\xef\xbb\xbf" + lock, module, []string{"name", "debug_lock"}, ""},
		{"escaped", "a.sv", "module \\a+b ; endmodule\n", module, []string{"name", "\\a+b "}, ""},
		{"absent, near", "a.sv", lock, module, []string{"name", "debug_locks"}, "debug_lock is at a.sv:10"},
		{"comment only", "a.sv", lock, module, []string{"name", "ghost"}, "no module ghost"},
		{"word of a comment", "a.sv", lock, module, []string{"name", "is"}, "no module is"},
		{"string only", "a.sv", "module m; string s = \"module ghost; endmodule\"; endmodule\n", module, []string{"name", "ghost"}, "no module ghost"},
		{"wrong kind", "a.sv", lock, module, []string{"name", "bus_if"}, "it is declared as interface"},
		{"only instantiated", "a.sv", lock, module, []string{"name", "lock_sva"}, "no module lock_sva"},
		{"conditional", "a.sv", "`ifdef A\nmodule m; endmodule\n`endif\n", module, []string{"name", "m"}, "a.sv:2 it stands or falls with a conditional"},
		{"no end", "a.sv", "module m;\n", module, []string{"name", "m"}, "cannot be parsed"},
		{"another language", "a.go", "package a\n", module, []string{"name", "m"}, "unsupported"},

		{"pass", "a.sv", lock, instance, []string{"parent", "debug_lock", "child", "compare"}, ""},
		{"bound", "a.sv", lock, instance, []string{"parent", "debug_lock", "child", "lock_sva"}, ""},
		{"absent", "a.sv", lock, instance, []string{"parent", "debug_lock", "child", "comparer"}, "has no instance of a module comparer; compare is at a.sv:22"},
		{"by the name of the instance", "a.sv", lock, instance, []string{"parent", "debug_lock", "child", "u_compare"}, "has no instance"},
		{"comment only", "a.sv", lock, instance, []string{"parent", "debug_lock", "child", "ghost"}, "has no instance"},
		{"string only", "a.sv", lock, instance, []string{"parent", "debug_lock", "child", "ghost_cmp"}, "has no instance"},
		{"wrong module", "a.sv", lock, instance, []string{"parent", "compare", "child", "compare"}, "compare (a.sv:46) has no instance"},
		{"no such module", "a.sv", lock, instance, []string{"parent", "nobody", "child", "compare"}, "no module or other unit nobody"},
		{"wrong kind", "a.sv", "interface i; endinterface module m; i u (); endmodule\n", instance, []string{"parent", "m", "child", "i"}, "has no instance"},
		{"conditional", "a.sv", lock, instance, []string{"parent", "debug_lock", "child", "extra"}, "conditional"},
		{"another language", "a.py", "x = 1\n", instance, []string{"parent", "m", "child", "n"}, "unsupported"},

		{"pass", "a.sv", lock, port, []string{"module", "debug_lock", "port", "locked_o"}, ""},
		{"one line", "a.sv", lock, port, []string{"module", "debug_lock", "port", "rst_ni", "direction", "input"}, ""},
		{"not ANSI", "a.sv", lock, port, []string{"module", "compare", "port", "match", "direction", "output"}, ""},
		{"absent", "a.sv", lock, port, []string{"module", "debug_lock", "port", "rst_n"}, "has no port rst_n; rst_ni is at a.sv:14"},
		{"comment only", "a.sv", "module m(input a /* , input ghost */); endmodule\n", port, []string{"module", "m", "port", "ghost"}, "has no port"},
		{"string only", "a.sv", "module m(input a); string s = \"input ghost\"; endmodule\n", port, []string{"module", "m", "port", "ghost"}, "has no port"},
		{"wrong module", "a.sv", lock, port, []string{"module", "compare", "port", "rst_ni"}, "has no port"},
		{"wrong direction", "a.sv", lock, port, []string{"module", "debug_lock", "port", "locked_o", "direction", "input"}, "is output, not input"},
		{"no direction", "a.sv", lock, port, []string{"module", "debug_lock", "port", "locked_o", "direction", "in"}, "is not known; it is one of input"},
		{"one that cannot be told", "a.sv", lock, port, []string{"module", "debug_lock", "port", "bus", "direction", "output"}, "is interface, not output"},
		{"a signal", "a.sv", lock, port, []string{"module", "debug_lock", "port", "locked_q"}, "has no port"},
		{"another language", "a.js", "let a;\n", port, []string{"module", "m", "port", "p"}, "unsupported"},

		{"pass", "a.sv", lock, parameter, []string{"parameter", "KEY_BITS", "module", "debug_lock", "pattern", "128|256"}, ""},
		{"localparam", "a.sv", lock, parameter, []string{"parameter", "KEY_BYTES", "pattern", "KEY_BITS / 8"}, ""},
		{"package", "a.sv", lock, parameter, []string{"parameter", "TRIES", "module", "lock_pkg", "pattern", "[1-5]"}, ""},
		{"without a pattern", "a.sv", lock, parameter, []string{"parameter", "ID"}, ""},
		{"absent", "a.sv", lock, parameter, []string{"parameter", "KEY_BIT"}, "no parameter KEY_BIT in a.sv; KEY_BITS is at"},
		{"comment and string only", "a.sv", lock, parameter, []string{"parameter", "GONE"}, "no parameter GONE"},
		{"wrong module", "a.sv", lock, parameter, []string{"parameter", "ID", "module", "compare"}, "ID of debug_lock is at a.sv:12"},
		{"a part of the value", "a.sv", lock, parameter, []string{"parameter", "KEY_BITS", "module", "debug_lock", "pattern", "12"}, "does not match the pattern as a whole"},
		{"every definition", "a.sv", lock, parameter, []string{"parameter", "KEY_BITS", "pattern", "128"}, "at a.sv:47 does not match"},
		{"wrong kind", "a.sv", "`define WIDTH 8\nmodule m; wire [7:0] w; endmodule\n", parameter, []string{"parameter", "WIDTH"}, "no parameter WIDTH"},
		{"another language", "a.ts", "let a = 1;\n", parameter, []string{"parameter", "a"}, "unsupported"},

		{"pass", "a.sv", lock, signal, []string{"name", "locked_q", "module", "debug_lock", "kind", "logic"}, ""},
		{"net", "a.sv", lock, signal, []string{"name", "unlock", "kind", "wire"}, ""},
		{"port", "a.sv", lock, signal, []string{"name", "match", "kind", "reg"}, ""},
		{"absent", "a.sv", lock, signal, []string{"name", "locked"}, "no signal locked in a.sv; locked_"},
		{"comment only", "a.sv", lock, signal, []string{"name", "ghost_q"}, "no signal ghost_q"},
		{"string only", "a.sv", "module m; string s = \"wire ghost;\"; endmodule\n", signal, []string{"name", "ghost"}, "no signal ghost"},
		{"wrong module", "a.sv", lock, signal, []string{"name", "locked_q", "module", "compare"}, "locked_q of debug_lock is at a.sv:18"},
		{"wrong kind", "a.sv", lock, signal, []string{"name", "unlock", "kind", "reg"}, "is wire, not reg"},
		{"a parameter", "a.sv", lock, signal, []string{"name", "KEY_BITS"}, "no signal KEY_BITS"},
		{"another language", "a.go", "package a\n\nvar locked bool\n", signal, []string{"name", "locked"}, "unsupported"},

		{"label", "a.sv", lock, asserted, []string{"name", "a_reset"}, ""},
		{"property", "a.sv", lock, asserted, []string{"name", "stays"}, ""},
		{"absent", "a.sv", lock, asserted, []string{"name", "a_resets"}, "a_reset is at a.sv:36"},
		{"comment only", "a.sv", "module m; // ghost: assert property (x);\nendmodule\n", asserted, []string{"name", "ghost"}, "asserts ghost"},
		{"string only", "a.sv", lock, asserted, []string{"name", "ghost"}, "asserts ghost"},
		{"assumed", "a.sv", lock, asserted, []string{"name", "m_input"}, "asserts m_input"},
		{"covered", "a.sv", lock, asserted, []string{"name", "c_open"}, "asserts c_open"},
		{"a property that is assumed alone", "a.sv", lock, asserted, []string{"name", "idle"}, "idle at a.sv:35 is a property that nothing here asserts"},
		{"conditional", "a.sv", lock, asserted, []string{"name", "a_formal"}, "a.sv:41 it stands or falls"},
		{"another language", "a.py", "assert stays\n", asserted, []string{"name", "stays"}, "unsupported"},

		{"pass", "a.sv", lock, reset, []string{"signal", "locked_q", "reset", "rst_ni"}, ""},
		{"any reset", "a.sv", lock, reset, []string{"signal", "locked_q"}, ""},
		{"absent", "a.sv", lock, reset, []string{"signal", "lock_q"}, "locked_q by rst_ni at a.sv:26"},
		{"comment and else branch only", "a.sv", lock, reset, []string{"signal", "seen_q"}, "no always block of a.sv sets seen_q"},
		{"string only", "a.sv", "module m(input c, rst); reg q; string s = \"if (rst) q <= 0;\"; always @(posedge c) q <= 1; endmodule\n", reset, []string{"signal", "q"}, "no always block"},
		{"another reset", "a.sv", lock, reset, []string{"signal", "locked_q", "reset", "por_n"}, "is reset by rst_ni at a.sv:26, not by por_n"},
		{"not called like a reset", "a.sv", lock, reset, []string{"signal", "match"}, "which is not called like a reset"},
		{"named as a reset", "a.sv", lock, reset, []string{"signal", "match", "reset", "match"}, ""},
		{"another block without it", "a.sv", "module m(input c, rst, d); reg q;\nalways @(posedge c) if (rst) q <= 0; else q <= d;\nalways @(posedge c) if (d) q[0] <= d;\nendmodule\n", reset, []string{"signal", "q"}, "the always block of m at a.sv:3 assigns to q[0] without that reset"},
		{"another module without it", "a.sv", "module m(input c, rst, d); reg q;\nalways @(posedge c) if (rst) q <= 0; else q <= d;\nendmodule module n(input c, d); reg q;\nalways @(posedge c) q <= d;\nendmodule\n", reset, []string{"signal", "q"}, "the always block of n"},
		{"a conditional block without it", "a.sv", "module m(input c, rst, d); reg q;\nalways @(posedge c) if (rst) q <= 0; else q <= d;\n`ifdef X\nalways @(posedge c) q <= d;\n`endif\nendmodule\n", reset, []string{"signal", "q"}, "at a.sv:4 assigns to q"},
		{"another language", "a.go", "package a\n", reset, []string{"signal", "q"}, "unsupported"},
	})
}

// What the other types ask for is found in Verilog as far as there is such a thing.
func TestVerilogInOtherTypes(t *testing.T) {
	const pkg = "`include \"defs.svh\"\nimport lock_pkg::*;\npackage p;\n  function automatic bit check(input bit [7:0] key);\n    if (key == 0) return 0;\n    return compare_all(key); // log(key)\n  endfunction\nendpackage\nclass driver; task run(); endtask endclass\n"
	testRows(t, []row{
		{"function", "a.svh", pkg, fn, []string{"name", "p::check"}, ""},
		{"call", "a.svh", pkg, calls, []string{"caller", "check", "callee", "compare_all"}, ""},
		{"call in a comment", "a.svh", pkg, calls, []string{"caller", "check", "callee", "log"}, "not log"},
		{"parameter", "a.svh", pkg, param, []string{"function", "check", "parameter", "key"}, ""},
		{"class", "a.svh", pkg, class, []string{"name", "driver"}, ""},
		{"a module is no class", "a.svh", "module m; endmodule\n", class, []string{"name", "m"}, "no class or type m"},
		{"package", "a.svh", pkg, imp, []string{"module", "lock_pkg"}, ""},
		{"file", "a.svh", pkg, imp, []string{"module", "defs.svh"}, ""},
		{"errors are handled nowhere", "a.svh", pkg, errh, []string{"function", "check"}, "handles no error"},
		{"pattern in code", "a.svh", pkg, pattern, []string{"pattern", `return 0;`}, ""},
		{"pattern in a comment", "a.svh", pkg, pattern, []string{"pattern", `log\(key\)`}, "only in a comment"},
	})
}

// The code that a judge sees is the part that decides.
func TestHardwareExcerpts(t *testing.T) {
	dir := write(t, map[string]string{"a.sv": lock})
	for _, c := range []struct {
		typ         evidence.Type
		params      []string
		starts, has string
	}{
		{module, []string{"name", "compare"}, "module compare", "match <= 0"},
		{reset, []string{"signal", "locked_q"}, "  always_ff @(posedge clk or negedge rst_ni)", "locked_q <= 1'b1;"},
		{asserted, []string{"name", "stays"}, "", "property stays;"},
		{port, []string{"module", "debug_lock", "port", "clk"}, "", "module debug_lock"},
	} {
		o := checkWith(t, verify.Options{Root: dir}, assertion(c.typ, append(c.params, "file", "a.sv")...))[0]
		wantPass(t, o)
		if !strings.HasPrefix(o.Excerpt, c.starts) || !strings.Contains(o.Excerpt, c.has) {
			t.Errorf("%s: the excerpt is %q", c.typ, o.Excerpt)
		}
	}
}
