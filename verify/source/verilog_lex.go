package source

import (
	"bytes"
	"strings"
)

// vKind is what a token of Verilog is.
type vKind uint8

const (
	vName      vKind = iota // identifier, plain or escaped
	vKey                    // reserved word; op is which
	vSystem                 // $display
	vNumber                 // 12, 'hFF, '0; a size is a token of its own
	vString                 //
	vOp                     // op is the byte, or one of those below for longer ones
	vMacro                  // `NAME, never expanded
	vDirective              // op is which; definitions and the like are one token up to the end of the line
	vAttribute              // (* … *)
	vPragma                 // a comment that turns synthesis off or on; op is which
)

// Operators of more than one character.
const (
	vAssign   = 128 + iota // <=, which is "less or equal" too
	vEqual                 // == === ==?
	vUnequal               // != !== !=?
	vAnd                   // &&
	vOr                    // ||
	vScope                 // ::
	vModify                // += and its like, ++, --
	vLongOp                // any other
	vDotStar               // .*
	vTrigger               // -> ->>
	vSequence              // ##
)

// Directives.
const (
	vIfdef = 1 + iota
	vIfndef
	vElsif
	vElse
	vEndif
	vDefine
	vUndef
	vInclude
	vOtherDirective
	vOff // synthesis translate_off
	vOn
)

// vToken is a token; offsets are into the text.
type vToken struct {
	start, end int32
	match      int32 // of a bracket: the index of its other half, once a configuration is laid out
	kind       vKind
	op         uint8
}

// Reserved words that the reader tells apart. Those that it does not are vReserved: no names, and nothing more.
const (
	vReserved = 1 + iota
	vModule
	vInterface
	vProgram
	vPackage
	vChecker
	vClass
	vEndUnit // endmodule, endinterface, endprogram, endpackage, endchecker, endclass
	vPrimitive
	vConfig
	vSpecify
	vCovergroup
	vClocking
	vProperty
	vSequenceWord
	vFunction
	vTask
	vEndBlock // endprimitive, endconfig, endspecify, endgroup, endclocking, endproperty, endsequence, endfunction, endtask
	vGenerate
	vEndGenerate
	vBegin
	vEnd
	vFork
	vJoin
	vIf
	vElseWord
	vCase
	vEndcase
	vFor
	vForeach
	vLoop // while, repeat, wait
	vForever
	vDo
	vAlways
	vAlwaysFF
	vAlwaysOther // always_comb, always_latch
	vInitial
	vContinuous // assign
	vAssert
	vAssume // assume, cover, restrict, expect
	vBind
	vImport
	vExport
	vExtern
	vTypedef
	vEnum
	vStruct
	vParameter
	vLocalparam
	vGenvar
	vDirection // input, output, inout, ref
	vNet       // wire and its like
	vType      // reg, logic, integer and the other types
	vSigned
	vQualifier // const, automatic, static, local, rand and the like
	vVirtual
	vDefault
	vGlobal
	vPosedge
	vNegedge
	vOrWord
	vIff
	vUnique // unique, unique0, priority
	vJump   // disable, return, break, continue
	vFinal
	vDisable
	vNew
	vTypeWord
)

// vWords are the reserved words of IEEE 1800-2017, annex B.
var vWords = func() map[string]uint8 {
	all := map[string]uint8{}
	add := func(key uint8, words string) {
		for _, w := range strings.Fields(words) {
			all[w] = key
		}
	}
	add(vReserved, `accept_on alias and assume before bins binsof bit buf bufif0 bufif1 casex cell checker cmos constraint context coverpoint cross deassign defparam
		design dist edge endtable eventually extends first_match force forkjoin highz0 highz1 ifnone ignore_bins illegal_bins implements implies incdir include inside
		instance interconnect intersect large let liblist library matches medium modport nand negedge nettype nexttime nmos nor noshowcancelled not notif0 notif1 null
		or pmos pull0 pull1 pulldown pullup pulsestyle_ondetect pulsestyle_onevent rcmos reject_on release rnmos rpmos rtran rtranif0 rtranif1 s_always
		s_eventually s_nexttime s_until s_until_with showcancelled small soft solve specparam strong strong0 strong1 super sync_accept_on sync_reject_on table tagged
		this throughout timeprecision timeunit tran tranif0 tranif1 until until_with untyped use wait_order weak weak0 weak1 wildcard with within xnor xor
		endtable unsigned packed`)
	for key, words := range map[uint8]string{
		vModule: `module macromodule`, vInterface: `interface`, vProgram: `program`, vPackage: `package`, vChecker: `checker`, vClass: `class`,
		vEndUnit:   `endmodule endinterface endprogram endpackage endchecker endclass`,
		vPrimitive: `primitive`, vConfig: `config`, vSpecify: `specify`, vCovergroup: `covergroup`, vClocking: `clocking`, vProperty: `property`,
		vSequenceWord: `sequence`, vFunction: `function`, vTask: `task`,
		vEndBlock: `endprimitive endconfig endspecify endgroup endclocking endproperty endsequence endfunction endtask`,
		vGenerate: `generate`, vEndGenerate: `endgenerate`, vBegin: `begin`, vEnd: `end`, vFork: `fork`, vJoin: `join join_any join_none`, vIf: `if`,
		vElseWord: `else`, vCase: `case casex casez randcase randsequence`, vEndcase: `endcase`, vFor: `for`, vForeach: `foreach`, vLoop: `while repeat wait`, vForever: `forever`,
		vDo: `do`, vAlways: `always`, vAlwaysFF: `always_ff`, vAlwaysOther: `always_comb always_latch`, vInitial: `initial`, vFinal: `final`,
		vContinuous: `assign`, vAssert: `assert`, vAssume: `assume cover restrict expect`, vBind: `bind`, vImport: `import`, vExport: `export`, vExtern: `extern`,
		vTypedef: `typedef`, vEnum: `enum`, vStruct: `struct union`, vParameter: `parameter`, vLocalparam: `localparam`, vGenvar: `genvar`,
		vDirection: `input output inout ref`, vNet: `wire tri tri0 tri1 triand trior trireg wand wor supply0 supply1 uwire interconnect`,
		vType:      `reg logic bit integer int byte shortint longint time real realtime shortreal string event chandle void`,
		vSigned:    `signed unsigned packed tagged vectored scalared small medium large`,
		vQualifier: `const automatic static local protected rand randc var pure`, vVirtual: `virtual`, vDefault: `default`, vGlobal: `global`,
		vPosedge: `posedge`, vNegedge: `negedge`, vOrWord: `or`, vIff: `iff`, vUnique: `unique unique0 priority`, vJump: `return break continue`,
		vDisable: `disable`, vNew: `new`, vTypeWord: `type`,
	} {
		add(key, words)
	}
	return all
}()

// vDirectives are the directives of IEEE 1800-2017, clause 22, that are told apart. The rest of the line belongs to those of vLine.
var vDirectives = map[string]uint8{
	"ifdef": vIfdef, "ifndef": vIfndef, "elsif": vElsif, "else": vElse, "endif": vEndif, "define": vDefine, "undef": vUndef, "include": vInclude,
	"undefineall": vOtherDirective, "timescale": vOtherDirective, "default_nettype": vOtherDirective, "resetall": vOtherDirective, "celldefine": vOtherDirective,
	"endcelldefine": vOtherDirective, "line": vOtherDirective, "pragma": vOtherDirective, "begin_keywords": vOtherDirective, "end_keywords": vOtherDirective,
	"unconnected_drive": vOtherDirective, "nounconnected_drive": vOtherDirective, "delay_mode_distributed": vOtherDirective, "delay_mode_path": vOtherDirective,
	"delay_mode_unit": vOtherDirective, "delay_mode_zero": vOtherDirective, "protect": vOtherDirective, "endprotect": vOtherDirective,
}

// vLexer cuts a text into tokens.
type vLexer struct {
	file     *File
	text     []byte
	tokens   []vToken
	comments []Span
	strings  []String
}

func (l *vLexer) add(kind vKind, op uint8, start, end int) {
	l.tokens = append(l.tokens, vToken{start: int32(start), end: int32(end), match: -1, kind: kind, op: op})
}

func (l *vLexer) run() error {
	text := l.text
	i := 0
	defer func() { l.file.work += i + len(l.tokens) }()
	if bytes.HasPrefix(text, byteOrderMark) {
		i = len(byteOrderMark)
	}
	for i < len(text) {
		c := text[i]
		switch {
		case isBlank(c) || c == '\v':
			i++
		case isNameStart(c) && c != '$':
			end := nameEnd(text, i)
			if key := vWords[string(text[i:end])]; key != 0 {
				l.add(vKey, key, i, end)
			} else {
				l.add(vName, 0, i, end)
			}
			i = end
		case c == '/' && i+1 < len(text) && (text[i+1] == '/' || text[i+1] == '*'):
			end, ok := vComment(text, i)
			if !ok {
				return l.file.syntaxError(i, "a comment without an end")
			}
			l.comment(i, end)
			i = end
		case c == '"':
			end, ok := vStringEnd(text, i)
			if !ok {
				return l.file.syntaxError(i, "a string without an end")
			}
			l.add(vString, 0, i, end)
			l.strings = append(l.strings, String{Value: vUnquote(text[i+1 : end-1]), Span: Span{i, end}, Line: l.file.LineOf(i)})
			i = end
		case '0' <= c && c <= '9':
			end := vNumberEnd(text, i)
			l.add(vNumber, 0, i, end)
			i = end
		case c == '\'':
			end := vBasedEnd(text, i)
			if end > i {
				l.add(vNumber, 0, i, end)
				i = end
			} else {
				l.add(vOp, c, i, i+1)
				i++
			}
		case c == '\\':
			end := i + 1
			for end < len(text) && !isBlank(text[end]) && text[end] != '\v' {
				end++
			}
			if end > i+1 {
				l.add(vName, 0, i, end)
			}
			i = end
		case c == '$' && i+1 < len(text) && isNameByte(text[i+1]):
			end := nameEnd(text, i)
			l.add(vSystem, 0, i, end)
			i = end
		case c == '`':
			i = l.backtick(i)
		case c == '(' && i+1 < len(text) && text[i+1] == '*':
			if end := vAttributeEnd(text, i); end > i {
				l.add(vAttribute, 0, i, end)
				i = end
			} else {
				l.add(vOp, c, i, i+1)
				i++
			}
		default:
			op, end := vOperator(text, i)
			l.add(vOp, op, i, end)
			i = end
		}
	}
	return nil
}

func nameEnd(text []byte, i int) int {
	for i++; i < len(text) && isNameByte(text[i]); i++ {
	}
	return i
}

// comment notes a comment, and the pragma that it may be.
func (l *vLexer) comment(start, end int) {
	l.comments = append(l.comments, Span{start, end})
	body := l.text[start+2 : end]
	if !bytes.Contains(body, []byte("translate_o")) {
		return
	}
	words := strings.Fields(strings.TrimSuffix(string(body), "*/"))
	for _, w := range words[:min(len(words), 2)] { // "synopsys translate_off", "pragma translate_on"
		switch strings.ToLower(w) {
		case "translate_off":
			l.add(vPragma, vOff, start, end)
		case "translate_on":
			l.add(vPragma, vOn, start, end)
		}
	}
}

// vComment returns where the comment that begins at i ends, and whether it does.
func vComment(text []byte, i int) (int, bool) {
	if text[i+1] == '/' {
		if j := bytes.IndexByte(text[i:], '\n'); j >= 0 {
			end := i + j
			if text[end-1] == '\r' {
				end--
			}
			return end, true
		}
		return len(text), true
	}
	j := bytes.Index(text[i+2:], []byte("*/"))
	if j < 0 {
		return len(text), false
	}
	return i + 2 + j + 2, true
}

// vStringEnd returns where the string that begins at i ends, and whether it does. A line end within it stands after a backslash.
func vStringEnd(text []byte, i int) (int, bool) {
	for i++; i < len(text); i++ {
		switch text[i] {
		case '"':
			return i + 1, true
		case '\\':
			if i+2 < len(text) && text[i+1] == '\r' && text[i+2] == '\n' {
				i++
			}
			i++
		case '\n':
			return i, false
		}
	}
	return len(text), false
}

var vEscapes = strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\n`, "\n", `\t`, "\t", "\\\r\n", "", "\\\n", "")

func vUnquote(text []byte) string {
	if bytes.IndexByte(text, '\\') < 0 {
		return string(text)
	}
	return vEscapes.Replace(string(text))
}

// vNumberEnd returns the end of a number without a base: 12, 1_000, 1.5e-3, 10ns, 1step.
func vNumberEnd(text []byte, i int) int {
	for i < len(text) {
		c := text[i]
		switch {
		case (c == 'e' || c == 'E') && i+1 < len(text) && (text[i+1] == '+' || text[i+1] == '-'):
			i += 2
		case isNameByte(c) && c != '$':
			i++
		case c == '.' && i+1 < len(text) && '0' <= text[i+1] && text[i+1] <= '9':
			i++
		default:
			return i
		}
	}
	return i
}

// vBasedEnd returns the end of a based number without its size ('hFF, 'sd 3, '0), or i where the apostrophe begins none.
func vBasedEnd(text []byte, i int) int {
	j := i + 1
	if j < len(text) && strings.IndexByte("01xXzZ", text[j]) >= 0 && (j+1 == len(text) || !isNameByte(text[j+1])) {
		return j + 1
	}
	if j < len(text) && (text[j] == 's' || text[j] == 'S') {
		j++
	}
	if j >= len(text) || strings.IndexByte("bBoOdDhH", text[j]) < 0 {
		return i
	}
	j++
	for j < len(text) && isBlank(text[j]) {
		j++
	}
	start := j
	for j < len(text) && (isNameByte(text[j]) && text[j] != '$' || text[j] == '?') {
		j++
	}
	if j == start || strings.IndexByte("0123456789abcdefABCDEFxXzZ?", text[start]) < 0 {
		return i
	}
	return j
}

// vAttributeEnd returns the end of the attribute that begins at i, or i where (* begins none, as in @(*).
func vAttributeEnd(text []byte, i int) int {
	j := i + 2
	for j < len(text) && isBlank(text[j]) {
		j++
	}
	if j >= len(text) || !isNameStart(text[j]) && text[j] != '\\' {
		return i
	}
	for j < len(text) {
		switch {
		case text[j] == '"':
			end, ok := vStringEnd(text, j)
			if !ok {
				return i
			}
			j = end
		case text[j] == '*' && j+1 < len(text) && text[j+1] == ')':
			return j + 2
		case text[j] == ';': // an attribute holds none
			return i
		default:
			j++
		}
	}
	return i
}

// vLong are the operators of more than one character, longest first for each first one.
var vLong = []struct {
	text string
	op   uint8
}{
	{"<<<=", vModify},
	{">>>=", vModify},
	{"===", vEqual},
	{"!==", vUnequal},
	{"==?", vEqual},
	{"!=?", vUnequal},
	{"<<<", vLongOp},
	{">>>", vLongOp},
	{"|->", vLongOp},
	{"|=>", vLongOp},
	{"<->", vLongOp},
	{"&&&", vLongOp},
	{"<<=", vModify},
	{">>=", vModify},
	{"->>", vTrigger},
	{"#-#", vLongOp},
	{"#=#", vLongOp},
	{"<=", vAssign},
	{">=", vLongOp},
	{"==", vEqual},
	{"!=", vUnequal},
	{"&&", vAnd},
	{"||", vOr},
	{"::", vScope},
	{"->", vTrigger},
	{"+=", vModify},
	{"-=", vModify},
	{"*=", vModify},
	{"/=", vModify},
	{"%=", vModify},
	{"&=", vModify},
	{"|=", vModify},
	{"^=", vModify},
	{"++", vModify},
	{"--", vModify},
	{"<<", vLongOp},
	{">>", vLongOp},
	{"**", vLongOp},
	{"+:", vLongOp},
	{"-:", vLongOp},
	{".*", vDotStar},
	{"##", vSequence},
	{"*>", vLongOp},
	{"=>", vLongOp},
	{":=", vLongOp},
	{":/", vLongOp},
	{"~&", vLongOp},
	{"~|", vLongOp},
	{"~^", vLongOp},
	{"^~", vLongOp},
}

// vLongBy is where the operators of a first byte lie in vLong.
var vLongBy = func() (by [128][]int) {
	for i, l := range vLong {
		by[l.text[0]] = append(by[l.text[0]], i)
	}
	return by
}()

func vOperator(text []byte, i int) (op uint8, end int) {
	if c := text[i]; c < 128 {
		for _, k := range vLongBy[c] {
			if l := vLong[k].text; len(text)-i >= len(l) && string(text[i:i+len(l)]) == l {
				return vLong[k].op, i + len(l)
			}
		}
		return c, i + 1
	}
	return vLongOp, i + 1
}

// backtick reads a directive or the use of a macro, and returns where it ends.
func (l *vLexer) backtick(i int) int {
	text := l.text
	end := i + 1
	if end < len(text) && text[end] == '\\' { // `\escaped
		for end < len(text) && !isBlank(text[end]) {
			end++
		}
		l.add(vMacro, 0, i, end)
		return end
	}
	for end < len(text) && isNameByte(text[end]) {
		end++
	}
	word := text[i+1 : end]
	directive := vDirectives[string(word)]
	switch directive {
	case 0:
		l.add(vMacro, 0, i, end)
		return end
	case vIfdef, vIfndef, vElsif:
		for end < len(text) && (text[end] == ' ' || text[end] == '\t') {
			end++
		}
		for end < len(text) && (isNameByte(text[end]) || text[end] == '\\') {
			end++
		}
	case vElse, vEndif:
	case vDefine:
		return l.define(i, end)
	default:
		switch string(word) {
		case "resetall", "celldefine", "endcelldefine", "undefineall", "end_keywords", "nounconnected_drive", "endprotect":
		case "protect":
			return l.sealed(i, end, "`endprotect")
		default:
			rest := bytes.TrimSpace(text[end:lineEnd(text, end)])
			if string(word) == "pragma" && bytes.HasPrefix(rest, []byte("protect")) && bytes.Contains(rest, []byte("begin_protected")) {
				return l.sealed(i, end, "end_protected")
			}
			end = l.restOfLine(end)
		}
	}
	l.add(vDirective, directive, i, end)
	return end
}

func lineEnd(text []byte, i int) int {
	if j := bytes.IndexByte(text[i:], '\n'); j >= 0 {
		return i + j
	}
	return len(text)
}

// restOfLine returns where the line of a directive ends: before a comment, or at the line end.
func (l *vLexer) restOfLine(i int) int {
	last := i
	for stop := lineEnd(l.text, i); i < stop; i++ {
		c := l.text[i]
		if c == '/' && i+1 < stop && (l.text[i+1] == '/' || l.text[i+1] == '*') {
			break
		}
		if !isBlank(c) {
			last = i + 1
		}
	}
	return last
}

// sealed takes an encrypted part as one directive that says nothing.
func (l *vLexer) sealed(start, i int, until string) int {
	end := len(l.text)
	if j := bytes.Index(l.text[i:], []byte(until)); j >= 0 {
		end = i + j + len(until)
	}
	l.add(vDirective, vOtherDirective, start, end)
	return end
}

// define takes a definition, which goes on after each line end behind a backslash, even one in a comment: what might be code of
// the macro must not be taken for code of the module.
func (l *vLexer) define(start, i int) int {
	text := l.text
	piece, op := start, uint8(vDefine)
	flush := func(end int) {
		if end > piece {
			l.add(vDirective, op, piece, end)
			op = vOtherDirective
		}
	}
	last := i
	for i < len(text) {
		switch c := text[i]; {
		case c == '\n':
			flush(last)
			return i
		case c == '\\' && i+1 < len(text):
			i += 2
			if text[i-1] == '\r' && i < len(text) && text[i] == '\n' {
				i++
			}
			last = i
		case c == '"':
			if end, ok := vStringEnd(text, i); ok && end <= lineEnd(text, i) {
				i = end
			} else {
				i++
			}
			last = i
		case c == '/' && i+1 < len(text) && (text[i+1] == '/' || text[i+1] == '*'):
			end, ok := vComment(text, i)
			if !ok {
				end = lineEnd(text, i)
			}
			continued := text[i+1] == '/' && end > i && text[end-1] == '\\'
			flush(last)
			l.comments = append(l.comments, Span{i, end})
			i, last = end, end
			if continued { // past the line end
				for i < len(text) && (text[i] == '\r' || text[i] == '\n') {
					i++
					if text[i-1] == '\n' {
						break
					}
				}
				last = i
			}
			for i < len(text) && (text[i] == ' ' || text[i] == '\t') {
				i++
			}
			piece, last = i, i
		default:
			i++
			if !isBlank(c) {
				last = i
			}
		}
	}
	flush(last)
	return i
}

// vTokens cuts a text for the tests of the lexer.
func vTokens(text []byte) ([]Span, error) {
	f := &File{Language: SystemVerilog, Text: text}
	f.indexLines()
	l := &vLexer{file: f, text: text}
	if err := l.run(); err != nil {
		return nil, err
	}
	var all []Span
	comments := l.comments
	for _, t := range l.tokens {
		for len(comments) > 0 && comments[0].Start < int(t.start) {
			all, comments = append(all, comments[0]), comments[1:]
		}
		if t.kind != vPragma {
			all = append(all, Span{int(t.start), int(t.end)})
		}
	}
	return append(all, comments...), nil
}
