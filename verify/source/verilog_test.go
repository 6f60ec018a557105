package source

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// hardwareClaims checks texts of SystemVerilog by labels.
func hardwareClaims(t *testing.T, rows []claim) {
	t.Helper()
	for _, row := range rows {
		t.Run(row.about, func(t *testing.T) {
			f, err := Parse("a.sv", []byte(row.text))
			if err != nil {
				t.Fatal(err)
			}
			checkInvariants(t, f)
			for _, text := range row.labels {
				if problem := hardwareProblem(f, text); problem != "" {
					t.Errorf("%s: %s in\n%s", text, problem, row.text)
				}
			}
		})
	}
}

func TestVerilogUnits(t *testing.T) {
	hardwareClaims(t, []claim{
		{"comments, strings and macros are no modules", "// module a; endmodule\n/* module b; /* endmodule */ module right; parameter s = \"module c; endmodule\"; endmodule\n`define M module d; \\\n endmodule // module e; \\\n module f; endmodule\n", []string{
			"no module a", "no module b", "module right 2", "no module c", "no module d", "no module e", "no module f",
		}},
		{"the words of a comment", "// This module is the top\nmodule top(input a); // module is\nendmodule\n", []string{"no module is", "no module top 1", "module top 2"}},
		{"kinds of units", "module automatic a; endmodule\nmacromodule b; endmodule : b\ninterface c; endinterface\nprogram d; endprogram\npackage e; endpackage\nextern module f(input x);\nprimitive g(o, i); output o; input i; table 0 : 1; endtable endprimitive\n(* keep *) module h; module i; endmodule endmodule\n", []string{
			"module a", "module b", "no module c", "interface c", "program d", "package e", "no module f", "no module g", "module h", "module i",
		}},
		{"escaped names", "module \\a+b (input \\c , output \\module ); wire \\end ; endmodule\n", []string{"module a+b", "port a+b c input", "port a+b module output", "signal a+b end wire"}},
		{"a name from a macro", "module `NAME(input a); wire b; c u(); endmodule module d; endmodule\n", []string{"module d", "no module NAME", "no port NAME a", "no port  a", "no instance NAME c"}},
		{"an encrypted part", "`pragma protect begin_protected\nmodule a; \"\n'((\n`pragma protect end_protected\nmodule b; endmodule\n", []string{"no module a", "module b 5"}},
	})
}

func TestVerilogConditions(t *testing.T) {
	hardwareClaims(t, []claim{
		{"a branch may not be compiled", "module a(input x\n`ifdef Y\n, input y\n`endif\n);\n`ifndef FORMAL\nreg r; b u();\n`else\nreg s; reg t;\n`endif\nreg z;\n`ifdef P reg q; `elsif Q reg q; `else reg q; `endif\nendmodule\n", []string{
			"module a", "port a x", "no port a y", "no signal a r", "no instance a b", "no signal a s", "signal a z", "no signal a q", "conditional y", "conditional r", "conditional b", "conditional s",
		}},
		{"both branches alike are still two places", "`ifdef A\nmodule m; endmodule\n`else\nmodule m; endmodule\n`endif\n", []string{"no module m", "conditional m"}},
		{"a guard around the file", "// top\n`timescale 1ns/1ps\n`ifndef X_SVH\n`define X_SVH\nmodule a; endmodule\n`endif // X_SVH\n", []string{"module a 5"}},
		{"a guard that is none", "`ifndef X\n`define X\nmodule a; endmodule\n`endif\nmodule b; endmodule\n", []string{"no module a", "module b"}},
		{"a guard with another branch", "`ifndef X\n`define X\nmodule a; endmodule\n`else\nmodule b; endmodule\n`endif\n", []string{"no module a", "no module b"}},
		{"what the file defines is known", "`define ON\n`undef OFF\n`ifdef ON\nmodule a; endmodule\n`else\nmodule b; endmodule\n`endif\n`ifdef OFF\nmodule c; endmodule\n`endif\n", []string{"module a", "no module b", "no module c"}},
		{"a definition within a branch is not known outside", "`ifdef A\n`define B\n`endif\n`ifdef B\nmodule a; endmodule\n`endif\n", []string{"no module a"}},
		{"no synthesis: assertions stay, all else goes", "module a(input c);\n`ifndef SYNTHESIS\np: assert property (@(posedge c) 1);\nreg r;\n`endif\n// synopsys translate_off\nq: assert property (@(posedge c) 1);\nreg s;\n// synopsys translate_on\nreg t;\n`ifdef SYNTHESIS\nu: assert property (@(posedge c) 1);\n`endif\nendmodule\n", []string{
			"assertion a p", "assertion a q", "no assertion a u", "no signal a r", "no signal a s", "signal a t", "conditional s",
		}},
		{"formal alone", "module a(input c);\n`ifdef FORMAL\np: assert property (@(posedge c) 1);\n`endif\nendmodule\n", []string{"no assertion a p", "conditional p 3"}},
		{"a reset that a branch takes away", "module a(input c, r); reg q;\nalways @(posedge c)\n`ifndef NO\nif (r) q <= 0; else\n`endif\nq <= 1;\nendmodule\n", []string{"no reset a q", "conditional q"}},
		{"a reset beside a branch", "module a(input c, rst, d); reg q, p;\nalways @(posedge c)\nif (rst) begin q <= 0;\n`ifdef X\np <= 0;\n`endif\nend else q <= d;\nendmodule\n", []string{"reset a q rst", "no reset a p"}},
		{"two that exclude one another", "`ifdef A\nmodule a(input x);\n`endif\n`ifndef A\nmodule a(input y);\n`endif\nendmodule\nmodule b; endmodule\n", []string{"module b", "no port a x"}},
		{"files that are included", "`include \"defs.svh\"\n// `include \"no.svh\"\nmodule a; endmodule\n", []string{"import defs.svh", "no import no.svh", "module a"}},
		{"a literal condition", "module a; generate if (0) begin reg r; b u(); end else begin reg s; end if (1'b0) reg t; else if (1) reg v; else reg w; endgenerate endmodule\n", []string{
			"no signal a r", "no instance a b", "signal a s", "no signal a t", "signal a v", "no signal a w",
		}},
	})
}

func TestVerilogPorts(t *testing.T) {
	hardwareClaims(t, []claim{
		{"ANSI", "module m #(parameter W = 8) (input a, b, output reg [W-1:0] c, d, inout wire signed [3:0] [1:0] e, input logic f = 1, ref g_t g, output h_t h [3:0], const ref int i, (* mark *) input var logic j); endmodule\n", []string{
			"port m a input", "port m b input", "no port m b output", "port m c output", "port m d output", "port m e inout", "port m f input", "port m g ref", "port m h output", "port m i ref", "port m j input",
			"signal m a wire", "signal m c reg", "signal m d reg", "signal m f logic", "signal m h h_t", "no port m W", "no port m W-1",
		}},
		{"not ANSI", "module m(a, b, c, .d(e), f);\ninput a, b;\noutput [3:0] c;\nreg [3:0] c;\ninput e;\ninput other;\n// output f;\nendmodule\n", []string{
			"port m a input 2", "port m b input 2", "port m c output 3", "signal m c reg 4", "no signal m c wire", "port m d input", "no port m e", "no port m other", "no port m f",
		}},
		{"interfaces", "interface i; endinterface\nmodule m(i.master a, i b, interface c, interface.slave d, input e, j f, k::t g, input h); endmodule\n", []string{
			"port m a interface", "port m b interface", "port m c interface", "port m d interface", "port m e input", "port m f -", "no port m f input", "port m h input",
		}},
		{"types that the file declares", "typedef logic t;\nmodule m(output t a, t b, input c); endmodule\n", []string{"port m a output", "port m b output", "port m c input"}},
		{"macros", "module m(input [`W-1:0] a, `IN b, c, output d `EXTRA, input e); endmodule\n", []string{"port m a input", "no port m b", "port m c -", "port m e input"}},
		{"functions have parameters", "module m(input a); function f(input b); f = b; endfunction task t; output c; c = 1; endtask endmodule\n", []string{"no port m b", "no port m c", "params m.f b", "params m.t c"}},
		{"comments", "module m(input a, // input b\n/* input c, */ output d); endmodule\n", []string{"no port m b", "no port m c", "port m d output 2"}},
		{"none", "module m; wire a; endmodule module n(); endmodule module o(.*); endmodule\n", []string{"no port m a", "module n", "module o"}},
	})
}

func TestVerilogParametersAndSignals(t *testing.T) {
	hardwareClaims(t, []claim{
		{"parameters", "module m #(parameter A = 1, B = {2, 3}, parameter int C [1:0] = '{4, 5}, type T = logic, localparam D = A > 1 ? 6 : 7, parameter E) ();\nlocalparam [7:0] F = 8'hFF, G = F\n  + 1;\nspecparam H = 1; defparam u.I = 2;\n// parameter J = 1;\n`define K 3\nendmodule\npackage p; parameter L = 9; endpackage parameter M = 10; module n #(O = 11)(); endmodule\n", []string{
			"parameter m A 1", "parameter m B {2, 3}", "parameter m C '{4, 5}", "parameter m T logic", "parameter m D A > 1 ? 6 : 7", "parameter m E", "parameter m F 8'hFF", "parameter m G F + 1",
			"no parameter m H", "no parameter m I", "no parameter m J", "no parameter m K", "parameter p L 9", "parameter - M 10", "parameter n O 11", "no parameter m L",
		}},
		{"signals", "module m; wire [3:0] a, b = 1; reg c; logic signed [1:0] d [4]; integer e; t_e f; p::t_g g = '0; enum logic [1:0] {H, I} h; struct packed {logic j;} k; union {int l;} n; tri1 o; wire logic q; var r; event s; string u; const int v = 1; w_t [1:0] w; x #(3)::t y; virtual i_f z; wire (strong0, pull1) #(1:2:3) aa = 1; genvar bb; for (genvar cc = 0; cc < 2; cc++) wire dd; real ee;\nendmodule\n", []string{
			"signal m a wire", "signal m b wire", "signal m c reg", "signal m d logic", "signal m e integer", "signal m f t_e", "signal m g p::t_g", "signal m h enum", "no signal m H", "no signal m j", "signal m k struct",
			"signal m n union", "signal m o tri1", "signal m q wire", "signal m q logic", "signal m s event", "signal m u string", "signal m v int", "signal m w w_t", "signal m z virtual", "signal m aa wire", "signal m bb genvar",
			"signal m cc genvar", "signal m dd wire", "signal m ee real",
		}},
		{"no signals", "module m; wire a; assign b = a; function int f(int c); int d; return c; endfunction initial begin : x int e; reg g; for (int h = 0; h < 2; h++) ; end task t; reg i; endtask property p; logic j; 1; endproperty covergroup cg; k: coverpoint a; endgroup // wire l;\nendmodule class c; int n; endclass\n", []string{
			"no signal m b", "no signal m c", "no signal m d", "no signal m e", "no signal m g", "no signal m h", "no signal m i", "no signal m j", "no signal m k", "no signal m l", "no signal c n", "no signal m n",
		}},
	})
}

func TestVerilogInstances(t *testing.T) {
	hardwareClaims(t, []claim{
		{"instances", "module m; a u1 (); b #(.P(1), .Q({2, 3})) u2 (.x(y)), u3 (.*); c #4 u4 [3:0] (1, 2); generate for (genvar i = 0; i < 2; i++) begin : g d u5 (); end if (P) e u6 (); else begin f u7 (); end case (Q) 1: h u8 (); 2, 3: begin j u9 (); end default: k u10 (); endcase endgenerate (* keep *) l \\u11! (); endmodule\n", []string{
			"instance m a u1", "instance m b u2", "instance m b u3", "instance m c u4", "instance m d u5", "instance m e u6", "instance m f u7", "instance m h u8", "instance m j u9", "instance m k u10", "instance m l u11!",
		}},
		{"no instances", "module m; // a u ();\n/* b u (); */ parameter s = \"c u ();\"; and g1 (x, y); assign z = d (e); f_t f; initial begin g (1); h.i (2); end j.k u (); l (); `N u (); extern module o (input q); `define R r u ();\nendmodule\n", []string{
			"no instance m a", "no instance m b", "no instance m c", "no instance m and", "no instance m d", "no instance m f_t", "no instance m g", "no instance m i", "no instance m k", "no instance m l", "no instance m N", "no instance m o", "no instance m r",
		}},
		{"what is declared as something else", "interface i; endinterface primitive p(o, i); output o; input i; table 0:1; endtable endprimitive program q; endprogram class c; endclass module m; i a (); p b (x, y); q d (); n e (); endmodule\n", []string{
			"no instance m i", "no instance m p", "no instance m q", "instance m n e", "signal m a i",
		}},
		{"bind", "bind m n u (.a(b)); bind m o #(1) v (), w (); bind top.x p y (); bind q: r s t (); bind q : r, s u v ();\nmodule m; endmodule\n", []string{"instance m n u", "instance m o v", "instance m o w", "no instance top p", "no instance x p", "no instance q s", "no instance q u"}},
		{"the right module", "module a; x u (); endmodule module b; y u (); endmodule\n", []string{"instance a x", "no instance a y", "no instance b x"}},
	})
}

func TestVerilogAssertions(t *testing.T) {
	hardwareClaims(t, []claim{
		{"what asserts", "module m(input c);\na: assert property (@(posedge c) x |-> y) else $error(\"no\");\nb: assert #0 (x); d: assert final (x);\nalways_comb begin e: assert (x); if (z) begin f: assert (y) else begin g(); end end end\ninitial h: assert (P > 0);\ngenerate if (Q) begin i: assert property (p); end endgenerate\nendmodule\n", []string{
			"assertion m a", "assertion m b", "assertion m d", "assertion m e", "assertion m f", "assertion m h", "assertion m i",
		}},
		{"what does not", "module m(input c);\na: assume property (x); b: cover property (x); d: restrict property (x); e: cover (x);\nproperty f; x; endproperty sequence g; x; endsequence\n// h: assert property (x);\nparameter s = \"i: assert property (x);\"; `define J j: assert property (x);\n`ASSERT(k, x)\nl: `ASSERT(x)\nalways_comb case (x) n: assert (x); endcase\nfunction void q(); r: assert (x); endfunction\nproperty t; assert_on; endproperty\nendmodule class z; function void y(); w: assert (x); endfunction endclass\n", []string{
			"no assertion m a", "no assertion m b", "no assertion m d", "no assertion m e", "no assertion m f", "no assertion m g", "no assertion m h", "no assertion m i", "no assertion m j", "no assertion m k", "no assertion m l",
			"no assertion m n", "no assertion m r", "no assertion z w", "no assertion m t",
		}},
		{"properties by name", "package p; property far; 1; endproperty endpackage\nmodule m(input c); property a; @(posedge c) x; endproperty property b(v); v; endproperty property d; x; endproperty\nassert property (a); e: assert property (@(posedge c) disable iff (!r) (b(1))); assume property (d); assert property (x); assert property (not a); assert property (far);\nendmodule\nmodule n; property g; 1; endproperty endmodule module o; assert property (g); endmodule\n", []string{
			"assertion m a", "assertion m b", "assertion m e", "no assertion m d", "no assertion m x", "assertion m far", "no assertion o g",
		}},
	})
}

func TestVerilogDeclarations(t *testing.T) {
	hardwareClaims(t, []claim{
		{"functions and tasks", "module m; function automatic logic [3:0] f(input a, ref b [2]); return g(a) + $clog2(b); endfunction : f\ntask t; input c; begin h.i(c); end endtask\nfunction void e; endfunction extern function x(); import \"DPI-C\" pure function int dpi(int a); export \"DPI-C\" function y;\n// function z(); endfunction\nendmodule\n", []string{
			"decl function m.f 1", "params m.f a,b", "call f g", "call f $clog2", "decl function m.t 2", "call t h.i", "decl function m.dpi 3", "no decl y", "no decl z",
		}},
		{"classes", "class a #(type T = int) extends b #(T) implements c; rand int x; constraint d { x > 0; x < 9; } function new(int y); super.new(y); endfunction pure virtual function void e(); extern virtual task f(int z); static function a g(); endfunction class h; function i(); return 1; endfunction endclass `M(x) endclass\ntask a::f(int z); j(z); endtask interface class k; endclass typedef class l; typedef enum {A, B} n; typedef struct {int o;} p; typedef logic q; typedef r;\n", []string{
			"decl class a 1", "decl a.new", "params a.new y", "decl a.e", "decl function a.f 1", "decl function a.f 2", "call a.f j", "decl a.g", "decl class a.h 1", "decl a.h.i", "decl interface k 2",
			"no decl l", "decl class n 2", "decl class p 2", "decl type q 2", "no decl r",
		}},
		{"conditions of functions", "function f(input a, b, c, d); if (a) return 1; case (b) 1: return 2; endcase d = c; endfunction\n", []string{"validates f a", "validates f b", "no validates f c"}},
		{"imports", "import a::*, b::c; module m import d::e; (input x); import f::*; // import g::*;\nendmodule\n", []string{"import a *", "import b c", "import d e", "import f *", "no import g"}},
	})
}

func TestVerilogIsRefused(t *testing.T) {
	for text, line := range map[string]int{
		"module a;\n":                                  1,
		"\nmodule a; endpackage\n":                     2,
		"module a; /* endmodule\n":                     1,
		"module a;\nparameter s = \"\n\";\n":           2,
		"module a(;\nendmodule\n":                      1,
		"module a);\nendmodule\n":                      1,
		"module a([x));\nendmodule\n":                  1,
		"module a;\nalways begin x = 1;\nendmodule\n":  2,
		"module a;\nfunction f; f = 1;\nendmodule\n":   2,
		"`ifdef A\nmodule a; endmodule\n":              3,
		"`else\n":                                      1,
		"endmodule\n":                                  1,
		"class a;\nfunction f(); endfunction\n":        1,
		"module a; initial\nendmodule\n":               2,
		"module a; initial case (x) 1: ;\nendmodule\n": 1,
	} {
		_, err := Parse("a.v", []byte(text))
		var syntax *SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%q is taken", text)
		} else if syntax.Line != line {
			t.Errorf("%q: line %d, not %d: %s", text, syntax.Line, line, syntax.Message)
		}
	}
}

// However the pieces of a module are laid out, its facts are found.
func TestVerilogReformatted(t *testing.T) {
	const module = "module~NAME^#^(^parameter~P^=^8^)^(^input~clk^,^rst_n^,^output~reg^[^P^-^1^:^0^]^q^)^;^wire~w^=^1^;^child^#^(^.^A^(^1^)^)^u^(^.^x^(^w^)^)^;^" +
		"chk^:^assert~property^(^@^(^posedge~clk^)^w^)^;^always^@^(^posedge~clk~or~negedge~rst_n^)^begin^:^blk~if^(^!^rst_n^)^q^<=^{^P^{^1'b0^}^}^;^else~q^<=^1^;^end~endmodule\n"
	rapid.Check(t, func(t *rapid.T) {
		name := names.Draw(t, "name")
		text := laidOut(t, module, name)
		if rapid.Bool().Draw(t, "comments") {
			text = strings.ReplaceAll(text, ";", "/* module x; */; // endmodule (\n")
		}
		if rapid.Bool().Draw(t, "carriage returns") {
			text = strings.ReplaceAll(text, "\n", "\r\n")
		}
		f, err := Parse("a.v", []byte(text))
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		for _, label := range []string{
			"module NAME", "port NAME rst_n input", "port NAME q output", "parameter NAME P 8", "signal NAME w wire", "signal NAME q reg", "instance NAME child u", "assertion NAME chk", "reset NAME q rst_n", "no module x",
		} {
			if problem := hardwareProblem(f, strings.ReplaceAll(label, "NAME", name)); problem != "" {
				t.Fatalf("%s: %s in %q", label, problem, text)
			}
		}
		commented, err := Parse("a.v", []byte("/*"+strings.ReplaceAll(text, "*/", "")+"*/"))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(Hardware{}, commented.Hardware); diff != "" {
			t.Fatalf("within a comment: %s", diff)
		}
	})
}

// Whatever a branch of a condition holds, it adds no fact.
func TestVerilogBranchesAddNothing(t *testing.T) {
	items := []string{
		"wire a;", "b u();", "parameter p = 1;", "c: assert property (@(posedge clk) x);", "always @(posedge clk) if (rst) q <= 0; else q <= 1;", "function f(input x); endfunction", "input d;", "typedef int t;",
	}
	rapid.Check(t, func(t *rapid.T) {
		var inside, outside strings.Builder
		for _, n := range rapid.SliceOfN(rapid.IntRange(0, len(items)-1), 0, 4).Draw(t, "inside") {
			fmt.Fprintln(&inside, items[n])
		}
		for _, n := range rapid.SliceOfN(rapid.IntRange(0, len(items)-1), 0, 4).Draw(t, "outside") {
			fmt.Fprintln(&outside, items[n])
		}
		frame := func(branch string) string {
			return "module m(clk, rst, d);\n" + outside.String() + branch + "reg last;\nendmodule\n"
		}
		directive := rapid.SampledFrom([]string{"`ifdef A", "`ifndef A"}).Draw(t, "directive")
		var counts [2]string
		for i, branch := range []string{"", directive + "\n" + inside.String() + "`endif\n"} {
			f, err := Parse("a.v", []byte(frame(branch)))
			if err != nil {
				t.Fatal(err)
			}
			h := &f.Hardware
			counts[i] = fmt.Sprint(len(h.Ports), len(h.Parameters), len(h.Signals), len(h.Instances), len(h.Assertions), len(h.Resets), len(f.Decls))
		}
		if counts[0] != counts[1] {
			t.Fatalf("%s without the branch, %s with it:\n%s", counts[0], counts[1], frame(directive+"\n"+inside.String()+"`endif\n"))
		}
	})
}

// Texts that end in the middle of something are read or refused wherever in a module they stand.
func TestVerilogHostileInModules(t *testing.T) {
	for _, prefix := range []string{
		"module m; ", "module m(", "module m; always @(posedge c) if (r) ", "module m; function f(", "class c; ", "module m; parameter p = ", "module m; u #(", "typedef struct { ", "module m; x: assert property (",
	} {
		for unit, text := range hostile(40) {
			for _, suffix := range []string{"", "; endmodule", ") "} {
				f, err := Parse("a.sv", []byte(prefix+text+suffix))
				if err == nil {
					checkInvariants(t, f)
				} else if syntax := (*SyntaxError)(nil); !errors.As(err, &syntax) {
					t.Errorf("%q and %q: %v", prefix, unit, err)
				}
			}
		}
	}
	const all = "module m #(parameter P = 1) (input c, r); typedef enum {A} e; e q; u #(1) v (.x(c)); a: assert property (@(posedge c) r); always_ff @(posedge c) if (r) q <= A; else case (q) A: q <= f(1); endcase function int f(int x); return x; endfunction endmodule"
	for end := range len(all) { // cut off anywhere
		if f, err := Parse("a.sv", []byte(all[:end])); err == nil {
			checkInvariants(t, f)
		}
	}
}
