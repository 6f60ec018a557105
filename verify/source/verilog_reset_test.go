package source

import (
	"strings"
	"testing"
)

// registers checks which registers a body of a module resets. The module has the ports clk, rst, rst_n, en, d and the registers q, p,
// r of eight bits, the memory mem and the parameter P.
func registers(t *testing.T, rows []claim) {
	t.Helper()
	for i := range rows {
		var labels []string
		for _, l := range rows[i].labels {
			if rest, no := strings.CutPrefix(l, "no "); no {
				labels = append(labels, "no reset m "+rest)
			} else {
				labels = append(labels, "reset m "+l)
			}
		}
		rows[i].labels = labels
		rows[i].text = "module m #(parameter P = 3) (input clk, rst, rst_n, en, input [7:0] d);\nreg [7:0] q, p, r; reg [7:0] mem [3:0]; localparam S0 = 0; typedef enum {IDLE, RUN} e_t; e_t state; integer i;\n" + rows[i].text + "\nendmodule\n"
	}
	hardwareClaims(t, rows)
}

func TestVerilogResets(t *testing.T) {
	const edge = "always @(posedge clk or negedge rst_n) "
	const clock = "always_ff @(posedge clk) "
	registers(t, []claim{
		{"active low, asynchronous", edge + "if (!rst_n) q <= 0; else q <= d;", []string{"q rst_n"}},
		{"~", edge + "if (~rst_n) q <= 8'h00; else q <= d;", []string{"q rst_n"}},
		{"== 0", edge + "if (rst_n == 1'b0) q <= '0; else q <= d;", []string{"q rst_n"}},
		{"0 ==", edge + "if (0 === rst_n) q <= '0; else q <= d;", []string{"q rst_n"}},
		{"!= 1", edge + "if (rst_n != 1'b1) q <= '0; else q <= d;", []string{"q rst_n"}},
		{"! ( )", edge + "if (!(rst_n)) q <= '0; else q <= d;", []string{"q rst_n"}},
		{"twice negated", edge + "if (!(!rst_n)) q <= d; else q <= 0;", []string{"q rst_n"}},
		{"comma", "always_ff @(posedge clk, posedge rst) if (rst) q <= 0; else q <= d;", []string{"q rst"}},
		{"synchronous", clock + "if (rst) q <= 0; else q <= d;", []string{"q rst"}},
		{"synchronous, low", clock + "if (!rst_n) q <= 0; else q <= d;", []string{"q rst_n"}},
		{"several, nested blocks", edge + "begin : x if (!rst_n) begin q <= 0; begin p <= P; {r} <= 1; end end else if (en) begin q <= d; p <= d; end end", []string{"q rst_n", "p rst_n", "r rst_n"}},
		{"concatenation", edge + "if (!rst_n) {q, p} <= 16'b0; else q <= d;", []string{"q rst_n", "p rst_n", "no r"}},
		{"else if", edge + "if (!rst_n) q <= 0; else if (en) begin q <= d; p <= 0; end", []string{"q rst_n", "no p"}},
		{"case inside", edge + "if (!rst_n) state <= IDLE; else case (state) IDLE: state <= RUN; RUN: begin state <= IDLE; p <= 0; end default: ; endcase", []string{"state rst_n", "no p"}},
		{"else branch only", clock + "if (rst) q <= d; else q <= 0;", []string{"no q"}},
		{"else branch, active low", edge + "if (rst_n) q <= d; else q <= 0;", []string{"q rst_n"}},
		{"then branch of an active low name", clock + "if (rst_n) q <= 0; else q <= d;", []string{"no q"}},
		{"else branch by the name", clock + "if (rst_n) q <= d; else q <= 0;", []string{"q rst_n"}},
		{"edge against the test", "always @(posedge clk or posedge rst) if (!rst) q <= 0; else q <= d;", []string{"no q"}},
		{"else after more", clock + "if (rst_n && en) q <= d; else q <= 0;", []string{"q rst_n", "no q en"}},
		{"else after an or", clock + "if (rst_n || en) q <= d; else q <= 0;", []string{"no q rst_n"}},
		{"or", clock + "if (rst || en) q <= 0; else q <= d;", []string{"q rst", "q en"}},
		{"bitwise or", clock + "if (rst | !rst_n) q <= 0; else q <= d;", []string{"q rst", "q rst_n"}},
		{"and", clock + "if (rst && en) q <= 0; else q <= d;", []string{"no q"}},
		{"and, then or", clock + "if (rst || en && d) q <= 0; else q <= d;", []string{"q rst", "no q en"}},
		{"reduction", clock + "if (en == |rst) q <= 0; else q <= d;", []string{"no q"}},
		{"exclusive or", clock + "if (rst ^ en) q <= 0; else q <= d;", []string{"no q"}},
		{"within another condition", clock + "if (en) if (rst) q <= 0; else q <= d;", []string{"no q"}},
		{"after another condition", clock + "if (en) q <= d; else if (rst) q <= 0;", []string{"no q"}},
		{"a condition in the branch", edge + "if (!rst_n) begin if (en) q <= 0; end else q <= d;", []string{"no q"}},
		{"a case in the branch", edge + "if (!rst_n) case (en) 1: q <= 0; default: q <= 1; endcase else q <= d;", []string{"no q"}},
		{"comment", edge + "if (!rst_n) begin /* q <= 0; */ p <= 0; end else q <= d; // q <= 0", []string{"no q", "p rst_n"}},
		{"empty branch", edge + "if (!rst_n) ; else q <= 0;", []string{"no q"}},
		{"no constant", edge + "if (!rst_n) q <= d; else q <= 0;", []string{"no q"}},
		{"x is no value", edge + "if (!rst_n) begin q <= 8'bx; p <= 'x; r <= 8'hz; end else q <= d;", []string{"no q", "no p", "no r"}},
		{"constants", edge + "if (!rst_n) begin q <= P + S0; p <= {4{2'b10}}; r <= pkg::RESET; state <= e_t'(0); end else q <= d;", []string{"q rst_n", "p rst_n", "r rst_n", "state rst_n"}},
		{"a pattern", edge + "if (!rst_n) begin q <= '{default: '0}; p <= '{a: 1, b: P}; r <= '{a: d}; end else q <= d;", []string{"q rst_n", "p rst_n", "no r"}},
		{"functions", edge + "if (!rst_n) begin q <= $clog2(P); p <= f(0); r <= $random; end else q <= d;", []string{"q rst_n", "no p", "no r"}},
		{"names that nothing explains", edge + "if (!rst_n) begin q <= RESET; p <= `RESET; end else q <= d;", []string{"no q", "no p"}},
		{"a package imported whole", "import pkg::*;\n" + edge + "if (!rst_n) begin q <= RESET; p <= d; end else q <= d;", []string{"q rst_n", "no p"}},
		{"a macro of this file", "`define RESET 8'h1\n`define OTHER d\n" + edge + "if (!rst_n) begin q <= `RESET; p <= `OTHER; end else q <= d;", []string{"q rst_n", "no p"}},
		{"the last word", clock + "begin q <= d; if (rst) q <= 0; end", []string{"q rst"}},
		{"overwritten", clock + "begin if (rst) q <= 0; q <= d; end", []string{"no q"}},
		{"overwritten in part", clock + "begin if (rst) begin q <= 0; p <= 0; end if (en) q[0] <= d; end", []string{"no q", "p rst"}},
		{"not overwritten while in reset", clock + "begin if (!rst_n) q <= 0; if (rst_n && en) q <= d; end", []string{"q rst_n"}},
		{"overwritten in the branch", clock + "if (rst) begin q <= 0; q <= d; end", []string{"no q"}},
		{"overwritten in the branch, in part", clock + "if (rst) begin q <= 0; q[3] <= d; p <= d; p <= 0; end", []string{"no q", "p rst"}},
		{"counted up", clock + "begin if (rst) q <= 0; ++q; if (rst) p <= 0; p++; end", []string{"no q", "no p"}},
		{"forced", clock + "begin if (rst) q <= 0; force q = d; end", []string{"no q"}},
		{"a part", edge + "if (!rst_n) begin q[0] <= 0; p[7:0] <= 0; r.valid <= 0; end else q <= d;", []string{"no q", "q[0] rst_n", "p rst_n", "no r", "r.valid rst_n"}},
		{"a memory in a loop", edge + "if (!rst_n) for (i = 0; i < 4; i = i + 1) begin mem[i] <= 0; q[en] <= 0; end else mem[en] <= d;", []string{"mem rst_n", "no q"}},
		{"a loop around", clock + "for (int j = 0; j < 4; j++) if (rst) mem[j][7:0] <= 0; else mem[j] <= d;", []string{"mem rst"}},
		{"a part of a memory", edge + "if (!rst_n) begin mem[7:0] <= 0; mem[0] <= 0; end", []string{"no mem", "mem[0] rst_n"}},
		{"conditional operator", edge + "begin q <= !rst_n ? 0 : d; p <= (rst_n ? d : 8'd1); r <= rst_n ? 0 : d; end", []string{"q rst_n", "p rst_n", "no r"}},
		{"nested conditional operator", clock + "begin q <= rst ? 0 : en ? d : q; p <= en ? rst ? 0 : d : p; end", []string{"q rst", "no p"}},
		{"blocking, delayed", clock + "if (rst) begin q = 0; p <= #1 0; end", []string{"q rst", "p rst"}},
		{"combinational", "always @* if (!rst_n) q = 0; else q = d;\nalways_comb if (rst) p = 0;\nalways @(rst) if (rst) r = 0;\nalways_latch if (rst) mem = 0;", []string{"no q", "no p", "no r", "no mem"}},
		{"initial", "initial if (rst) q = 0; initial p = 0; reg s = 0;", []string{"no q", "no p", "no s"}},
		{"a list that is not understood", "always @(posedge clk or `EDGE) if (!rst_n) q <= 0;\nalways @(posedge clk iff en) if (rst) p <= 0;\nalways @(posedge clk or rst) if (rst) r <= 0;", []string{"no q", "no p", "no r"}},
		{"a macro tests", clock + "if (`RST) q <= 0;\nalways @(posedge clk) `IF(rst) p <= 0;\nalways @(posedge clk) begin `LOG(x) if (rst) r <= 0; end", []string{"no q", "no p", "no r"}},
		{"local names", clock + "begin : b reg [7:0] q; if (rst) begin q <= 0; p <= 0; end end", []string{"no q", "p rst"}},
		{"leaving first", clock + "begin : b if (en) disable b; if (rst) q <= 0; end", []string{"no q"}},
		{"leaving within", clock + "begin : b if (rst) begin p <= 0; if (en) disable b; q <= 0; end end", []string{"no p", "no q"}},
		{"not a reset by name, but named", clock + "if (en) q <= 0;", []string{"q en"}},
		{"members", "always_ff @(posedge bus.clk or negedge bus.rst_n) if (!bus.rst_n) bus.q <= 0;\nalways_ff @(posedge clk) if (rst[0]) q <= 0;", []string{"bus.q bus.rst_n", "q rst[0]"}},
		{"generated", "generate if (P) begin always @(posedge clk) if (rst) q <= 0; end else begin always @(posedge clk) p <= d; end if (0) always @(posedge clk) if (rst) r <= 0; endgenerate", []string{"q rst", "no p", "no r"}},
		{"unique and priority", clock + "unique if (rst) q <= 0; else if (en) q <= d;", []string{"q rst"}},
		{"fork", clock + "if (rst) fork q <= 0; join", []string{"no q"}},
	})
}

// IsResetName is about words, not about meaning.
func TestIsResetName(t *testing.T) {
	for name, want := range map[string]bool{"rst": true, "aresetn": true, "i_RST_N": true, "bus.rst_ni": true, "clear": false, "en": false, "": false} {
		if IsResetName(name) != want {
			t.Errorf("%q: %t", name, !want)
		}
	}
	for name, want := range map[string]bool{"rst_n": true, "rst": false, "reset": false, "nrst": true, "RESETN": true, "bus.rst_ni": true, "rst_n[0]": true, "arst_b": true, "en": false, "n": false} {
		if vActiveLow(name) != want {
			t.Errorf("%q: active low is %t", name, !want)
		}
	}
}
