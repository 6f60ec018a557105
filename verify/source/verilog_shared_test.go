package source

import (
	"strconv"
	"testing"
)

// Verilog goes through the tests that all languages do.
func init() {
	hardened = append(hardened, &verilog)
	dialects = append(dialects, dialect{
		file:   "a.sv",
		before: "package p;endpackage\n",
		declarations: []string{
			"function~automatic~logic^[^3:0^]^NAME^(^input~int~a,^b^=^1^)^;^return~callee^(^a^)^;^endfunction^:^NAME\n",
			"module~m^;^task~NAME^;^input~a^;^begin~callee^(^1^,^2^)^;^end~endtask~endmodule\n",
			"class~c#(type~T=int)^extends~d^;^virtual~function~void~NAME(^)^;^this.callee(^)^;^endfunction~endclass\n",
			"interface~i(input~a)^;^function~void~NAME(^)^;^if^(^a^)^x.callee(^)^;^endfunction~endinterface\n",
			"`define~A(x)~x~\\\n~~y\nfunction~p::t~NAME~(^)^;^`A(1)^callee(^)^;^endfunction\n",
		},
		comments: []func(string) string{lines("// "), around("/*", "*/")},
		strings: []func(string) string{
			func(text string) string { return "parameter s = " + strconv.Quote(text) + ";\n" },
		},
	})
}

// BenchmarkParseVerilog is to be held against BenchmarkGoParser of the same run.
func BenchmarkParseVerilog(b *testing.B) { benchmarkParse(b, SystemVerilog) }
