package source

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Shell is read by descent, as a shell reads it: lists of commands, words with what they expand, here-documents at the end of
// their line. shell_word.go reads words, shell_facts.go says what commands mean, shell_jobs.go finds the scripts in workflows.
//
// A function is declared in either form; what eval and trap are given is text. A parameter of a function is the variable that
// $1 … $9 is assigned to, or the digit where it is used as it is. A command handles an error when it stands behind "||" and is not
// "true" or ":"; behind a test ("[ … ] || …") it handles none. So do "if ! command", a trap of ERR, and "set -e".
// An environment variable is one in capitals that is read and that nothing in the file assigns; X=${X:-y} reads X.
var shell = language{
	name:       Shell,
	extensions: []string{".sh", ".bash", ".ksh", ".bats"},
	parse:      parseShell,
	tokens:     shellTokens,
	holds:      isJobsFile,
}

// shellFile is a text being read; what lies beyond end is not its concern.
type shellFile struct {
	*File
	src       string
	pos, end  int
	depth     int
	indent    int // blanks that stand before each line and are no part of it
	documents []shellDocument
	tokens    []Span
	cuts      bool // tokens are wanted: for tests alone
	quiet     int  // words around: what is read is a part of one
	doing     int  // commands that do something, so far
	deciding  int  // conditions around

	functions []*shellFunction
	assigning string // the variable whose value is being read
	assigned  map[string]bool
	reads     []shellRead
}

// shellDocument is a here-document that was named and not read.
type shellDocument struct {
	at        int
	word      string
	raw, tabs bool
}

// shellFunction is a function that is being read.
type shellFunction struct {
	params []Param
	bound  map[string]bool
	used   []Param
}

// shellRead is a variable that is expanded.
type shellRead struct {
	name  string
	at    int
	first bool // it is read whatever the script assigns: for its own value, or to be given one
}

// shellStatus is what is known of a command or a list of them.
type shellStatus struct {
	span    Span
	tests   bool // it decides about values and runs nothing
	negated bool
	parts   int // pipelines joined by && and ||
}

func parseShell(f *File) error {
	p := newShellFile(f)
	if isJobsFile(f.name) {
		if err := p.jobs(); err != nil {
			return err
		}
	} else if err := p.script(); err != nil {
		return err
	}
	p.environment()
	return nil
}

func newShellFile(f *File) *shellFile {
	return &shellFile{File: f, src: string(f.Text), end: len(f.Text), assigned: map[string]bool{}}
}

// script reads the whole file.
func (p *shellFile) script() error {
	if strings.HasPrefix(p.src, string(byteOrderMark)) {
		p.pos = len(byteOrderMark)
	}
	if strings.HasPrefix(p.src[p.pos:], "#!") {
		p.pos = p.lineEnd(p.pos)
	}
	return p.all()
}

// all reads commands up to the end.
func (p *shellFile) all() error {
	if _, err := p.list(); err != nil {
		return err
	}
	if p.pos < p.end {
		return p.fail(p.pos, "this "+p.peek()+" ends nothing")
	}
	if len(p.documents) > 0 {
		return p.fail(p.documents[0].at, "this here-document has no end")
	}
	return nil
}

// shellTokens cuts a text for tests.
func shellTokens(text []byte) ([]Span, error) {
	f := &File{Text: text}
	f.indexLines()
	p := newShellFile(f)
	p.cuts = true
	if err := p.script(); err != nil {
		return nil, err
	}
	all := slices.Clone(p.tokens)
	for _, c := range f.Comments {
		if !slices.ContainsFunc(p.tokens, func(t Span) bool { return t.Contains(c) }) {
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(a, b Span) int { return a.Start - b.Start })
	return all, nil
}

func (p *shellFile) fail(at int, message string) error { return p.syntaxError(at, message) }

// token notes a token, unless it is a part of a word.
func (p *shellFile) token(start, end int) {
	if p.cuts && p.quiet == 0 && end > start {
		p.tokens = append(p.tokens, Span{start, end})
	}
}

func (p *shellFile) lineEnd(from int) int {
	if n := strings.IndexByte(p.src[from:p.end], '\n'); n >= 0 {
		from += n
		if p.src[from-1] == '\r' {
			from--
		}
		return from
	}
	return p.end
}

func (p *shellFile) has(s string) bool { return strings.HasPrefix(p.src[p.pos:p.end], s) }

// byteAt returns the byte that many behind the position, or 0.
func (p *shellFile) byteAt(n int) byte {
	if i := p.pos + n; i >= 0 && i < p.end {
		return p.src[i]
	}
	return 0
}

// sign takes a mark of n bytes.
func (p *shellFile) sign(n int) {
	p.token(p.pos, p.pos+n)
	p.pos += n
}

// deeper enters what may nest; the function that it returns leaves it.
func (p *shellFile) deeper() (func(), error) {
	p.depth++
	if p.depth > 150 {
		return nil, p.fail(p.pos, "commands nest too deep")
	}
	return func() { p.depth-- }, nil
}

// blanks goes over blanks and joined lines, and over a comment.
func (p *shellFile) blanks() {
	for p.pos < p.end {
		p.work++
		switch c := p.src[p.pos]; {
		case c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v':
			p.pos++
		case c == '\\' && p.has("\\\n"):
			p.pos += 2
		case c == '\\' && p.has("\\\r\n"):
			p.pos += 3
		case c == '#' && (p.pos == 0 || !shellInWord(p.src[p.pos-1])):
			end := p.lineEnd(p.pos)
			p.Comments = append(p.Comments, Span{p.pos, end})
			p.pos = max(end, p.pos+1)
		case c < 0x80:
			return
		default:
			n := unicodeBlank(p.Text[p.pos:p.end])
			if n == 0 {
				return
			}
			p.pos += n
		}
	}
}

// shellInWord reports whether a byte can stand in a word as it is.
func shellInWord(c byte) bool {
	switch c {
	case ' ', '\t', '\r', '\n', '\f', '\v', ';', '&', '|', '(', ')', '<', '>':
		return false
	}
	return true
}

// lines goes over blanks, comments and ends of lines.
func (p *shellFile) newlines() error {
	for {
		p.blanks()
		if p.pos >= p.end || p.src[p.pos] != '\n' {
			return nil
		}
		if err := p.newline(); err != nil {
			return err
		}
	}
}

// newline goes over the end of a line, and reads the here-documents that were named on it.
func (p *shellFile) newline() error {
	p.pos++
	documents := p.documents
	p.documents = nil
	for _, d := range documents {
		if err := p.document(d); err != nil {
			return err
		}
	}
	return nil
}

// document reads the text of a here-document.
func (p *shellFile) document(d shellDocument) error {
	from := p.pos
	for at := from; at < p.end; {
		p.work++
		line, stop := at, p.lineEnd(at)
		for n := 0; n < p.indent && line < stop && p.src[line] == ' '; n++ {
			line++
		}
		for d.tabs && line < stop && p.src[line] == '\t' {
			line++
		}
		next := p.end
		if n := strings.IndexByte(p.src[at:p.end], '\n'); n >= 0 {
			next = at + n + 1
		}
		if p.src[line:max(line, stop)] != d.word {
			at = next
			continue
		}
		if !d.raw {
			if err := p.filled(from, at); err != nil {
				return err
			}
		}
		p.token(from, stop)
		p.pos = next
		return nil
	}
	return p.fail(d.at, "this here-document has no end")
}

// filled reads what a text expands.
func (p *shellFile) filled(from, to int) error {
	end := p.end
	p.pos, p.end = from, to
	p.quiet++
	defer func() { p.end = end; p.quiet-- }()
	for p.pos < p.end {
		p.work++
		switch p.src[p.pos] {
		case '\\':
			p.pos += 2
		case '$':
			if _, err := p.dollar(true); err != nil {
				return err
			}
		case '`':
			if err := p.backquoted(); err != nil {
				return err
			}
		default:
			p.pos++
		}
	}
	return nil
}

// peek returns the word that stands here as it is written, when it can be a reserved one, or the mark.
func (p *shellFile) peek() string {
	i := p.pos
	for i < p.end && i < p.pos+12 && shellInWord(p.src[i]) {
		i++
	}
	if i < p.end && i > p.pos && shellInWord(p.src[i]) { // too long for a reserved word
		return ""
	}
	if i == p.pos && i < p.end {
		i++
	}
	return p.src[p.pos:i]
}

// shellEnds are the words that end a list of commands.
var shellEnds = map[string]bool{"then": true, "do": true, "done": true, "fi": true, "else": true, "elif": true, "esac": true, "}": true}

// list reads commands up to a word that ends them, a ")" or the end of the text.
func (p *shellFile) list() (s shellStatus, err error) {
	s.span = Span{p.pos, p.pos}
	for first := true; ; {
		if err := p.newlines(); err != nil {
			return s, err
		}
		switch c := p.byteAt(0); {
		case p.pos >= p.end || c == ')' || p.has(";;") || p.has(";&"):
			return s, nil
		case (c == ';' || c == '&') && !first && !p.has("&>"):
			p.sign(1)
			continue
		case shellEnds[p.peek()]:
			return s, nil
		}
		one, err := p.chain()
		if err != nil {
			return s, err
		}
		if first {
			s = one
		} else {
			s.span.End, s.parts = one.span.End, s.parts+one.parts
			s.tests, s.negated = s.tests && one.tests, false
		}
		first = false
	}
}

// chain reads pipelines joined by && and ||.
func (p *shellFile) chain() (s shellStatus, err error) {
	s, err = p.pipeline()
	s.parts = 1
	tested := s.tests
	for err == nil {
		p.blanks()
		or := p.has("||")
		if !or && !p.has("&&") {
			return s, nil
		}
		at := p.pos
		p.sign(2)
		if err = p.newlines(); err != nil {
			return s, err
		}
		doing := p.doing
		var next shellStatus
		if next, err = p.pipeline(); err != nil {
			return s, err
		}
		if or && !tested && p.deciding == 0 && p.doing > doing {
			p.Handlers = append(p.Handlers, Handler{How: "||", Span: Span{at, next.span.End}, Line: p.LineOf(at)})
		}
		tested = tested || next.tests
		s.span.End, s.tests, s.negated = next.span.End, s.tests && next.tests, false
		s.parts++
	}
	return s, err
}

// pipeline reads commands joined by "|".
func (p *shellFile) pipeline() (s shellStatus, err error) {
	start := p.pos
	negated := false
	for {
		switch p.peek() {
		case "!":
			negated = !negated
			p.sign(1)
			p.blanks()
			continue
		case "time":
			p.sign(4)
			p.blanks()
			if p.has("-p") {
				p.sign(2)
				p.blanks()
			}
			continue
		}
		break
	}
	s, err = p.command()
	for err == nil {
		p.blanks()
		if p.byteAt(0) != '|' || p.has("||") {
			break
		}
		p.sign(1)
		if p.byteAt(0) == '&' {
			p.sign(1)
		}
		if err = p.newlines(); err != nil {
			return s, err
		}
		var next shellStatus
		next, err = p.command()
		s.span.End, s.tests = next.span.End, false
	}
	s.span.Start, s.negated = start, negated
	return s, err
}

// command reads one command of any form, with its redirections.
func (p *shellFile) command() (s shellStatus, err error) {
	leave, err := p.deeper()
	if err != nil {
		return s, err
	}
	defer leave()
	start := p.pos
	switch word := p.peek(); {
	case p.has("(("):
		if s.tests, err = p.arithmetic(2); err != nil || s.tests {
			break
		}
		_, err = p.bracketed()
	case word == "(":
		_, err = p.bracketed()
	case word == "{":
		_, err = p.group()
	case word == "[[":
		s.tests = true
		err = p.test()
	case word == "if":
		err = p.conditional()
	case word == "while" || word == "until":
		err = p.loop(len(word))
	case word == "for" || word == "select":
		err = p.each(len(word))
	case word == "case":
		err = p.choice()
	case word == "coproc":
		p.sign(len(word))
		p.blanks()
		return p.command()
	case word == "function":
		p.sign(len(word))
		p.blanks()
		at := p.pos
		name := p.plainWord()
		if name == "" {
			return s, p.fail(at, "a function without a name")
		}
		p.blanks()
		if p.byteAt(0) == '(' {
			p.sign(1)
			p.blanks()
			if p.byteAt(0) != ')' {
				return s, p.fail(p.pos, "the brackets of a function hold nothing")
			}
			p.sign(1)
		}
		err = p.function(start, at, name)
	default:
		return p.simple()
	}
	if err != nil {
		return s, err
	}
	s.span = Span{start, p.pos}
	for {
		p.blanks()
		if took, err := p.redirection(); err != nil || !took {
			return s, err
		}
		s.span.End = p.pos
	}
}

// expect takes a reserved word.
func (p *shellFile) expect(word, of string) error {
	if err := p.newlines(); err != nil {
		return err
	}
	if p.peek() != word {
		return p.fail(p.pos, `"`+word+`" is missing: this `+of+" is not complete")
	}
	p.sign(len(word))
	return nil
}

// bracketed reads "( … )" and returns the text of its commands.
func (p *shellFile) bracketed() (Span, error) {
	start := p.pos
	p.sign(1)
	s, err := p.list()
	if err != nil {
		return s.span, err
	}
	if p.byteAt(0) != ')' {
		return s.span, p.fail(start, "this ( is never closed")
	}
	p.sign(1)
	return s.span, nil
}

// group reads "{ … }" and returns the text of its commands.
func (p *shellFile) group() (Span, error) {
	start := p.pos
	p.sign(1)
	s, err := p.list()
	if err != nil {
		return s.span, err
	}
	if p.peek() != "}" {
		return s.span, p.fail(start, "this { is never closed")
	}
	p.sign(1)
	return s.span, nil
}

// condition reads the commands that decide.
func (p *shellFile) decides() (shellStatus, error) {
	p.deciding++
	s, err := p.list()
	p.deciding--
	if err == nil && !s.span.Empty() {
		p.conditions = append(p.conditions, s.span)
	}
	return s, err
}

func (p *shellFile) conditional() error {
	start := p.pos
	p.sign(2)
	for {
		s, err := p.decides()
		if err != nil {
			return err
		}
		if err := p.expect("then", "if"); err != nil {
			return err
		}
		doing := p.doing
		body, err := p.list()
		if err != nil {
			return err
		}
		if s.negated && !s.tests && s.parts == 1 && p.doing > doing {
			p.Handlers = append(p.Handlers, Handler{How: "if !", Span: Span{s.span.Start, body.span.End}, Line: p.LineOf(s.span.Start)})
		}
		if p.peek() != "elif" {
			break
		}
		p.sign(4)
	}
	if p.peek() == "else" {
		p.sign(4)
		if _, err := p.list(); err != nil {
			return err
		}
	}
	if p.peek() != "fi" {
		return p.fail(start, `this "if" has no "fi"`)
	}
	p.sign(2)
	return nil
}

// loop reads while and until; width is that of the word.
func (p *shellFile) loop(width int) error {
	p.sign(width)
	if _, err := p.decides(); err != nil {
		return err
	}
	return p.repeated()
}

// repeated reads "do … done", or the braces that some shells take for them.
func (p *shellFile) repeated() error {
	if err := p.newlines(); err != nil {
		return err
	}
	start := p.pos
	if p.peek() == "{" {
		_, err := p.group()
		return err
	}
	if err := p.expect("do", "loop"); err != nil {
		return err
	}
	if _, err := p.list(); err != nil {
		return err
	}
	if p.peek() != "done" {
		return p.fail(start, `this "do" has no "done"`)
	}
	p.sign(4)
	return nil
}

// each reads for and select.
func (p *shellFile) each(width int) error {
	start := p.pos
	p.sign(width)
	p.blanks()
	if p.has("((") {
		if ok, err := p.arithmetic(2); err != nil || !ok {
			return p.fail(start, "a loop that is not understood")
		}
	} else {
		name := p.plainWord()
		if !shellName.MatchString(name) {
			return p.fail(start, "a loop without a variable")
		}
		p.assigned[name] = true
		if err := p.newlines(); err != nil {
			return err
		}
		if p.peek() == "in" {
			p.sign(2)
			for p.blanks(); p.pos < p.end && p.src[p.pos] != ';' && p.src[p.pos] != '\n' && p.src[p.pos] != '&'; p.blanks() {
				if _, err := p.word(); err != nil {
					return err
				}
			}
		}
	}
	p.blanks()
	if p.byteAt(0) == ';' {
		p.sign(1)
	}
	return p.repeated()
}

// choice reads case … esac.
func (p *shellFile) choice() error {
	start := p.pos
	p.sign(4)
	p.blanks()
	w, err := p.word()
	if err != nil {
		return err
	}
	p.conditions = append(p.conditions, w.span)
	if err := p.expect("in", "case"); err != nil {
		return err
	}
	for {
		if err := p.newlines(); err != nil {
			return err
		}
		switch {
		case p.pos >= p.end:
			return p.fail(start, `this "case" has no "esac"`)
		case p.peek() == "esac":
			p.sign(4)
			return nil
		case p.byteAt(0) == '(':
			p.sign(1)
		}
		for {
			p.blanks()
			if _, err := p.word(); err != nil {
				return err
			}
			p.blanks()
			if p.byteAt(0) != '|' {
				break
			}
			p.sign(1)
		}
		if p.byteAt(0) != ')' {
			return p.fail(p.pos, "a pattern of this case is not closed")
		}
		p.sign(1)
		if _, err := p.list(); err != nil {
			return err
		}
		for p.byteAt(0) == ';' || p.byteAt(0) == '&' {
			p.sign(1)
		}
	}
}

// test reads [[ … ]].
func (p *shellFile) test() error {
	start := p.pos
	p.sign(2)
	for {
		if err := p.newlines(); err != nil {
			return err
		}
		switch c := p.byteAt(0); {
		case p.pos >= p.end:
			return p.fail(start, "this [[ is never closed")
		case p.peek() == "]]":
			p.sign(2)
			p.conditions = append(p.conditions, Span{start, p.pos})
			return nil
		case !shellInWord(c):
			p.sign(1)
		default:
			if _, err := p.word(); err != nil {
				return err
			}
		}
	}
}

// function reads the body of a function whose name stands at an offset; start is where its declaration does.
func (p *shellFile) function(start, at int, name string) error {
	if err := p.newlines(); err != nil {
		return err
	}
	f := &shellFunction{bound: map[string]bool{}}
	p.functions = append(p.functions, f)
	deciding := p.deciding
	p.deciding = 0
	var body Span
	var err error
	switch p.peek() {
	case "{":
		body, err = p.group()
	case "{}": // what not every shell takes
		p.sign(2)
	case "(":
		body, err = p.bracketed()
	case "[[", "if", "while", "until", "for", "select", "case":
		var s shellStatus
		s, err = p.command()
		body = s.span
	default:
		err = p.fail(p.pos, "the body of this function is not understood")
	}
	p.deciding = deciding
	p.functions = p.functions[:len(p.functions)-1]
	if err != nil {
		return err
	}
	d := Decl{Kind: Function, Name: name, Span: Span{start, p.pos}, Body: body, Line: p.LineOf(at), Params: f.params}
	if body.Empty() {
		d.Body = Span{}
	}
	for _, u := range f.used {
		if !f.bound[u.Name] {
			f.bound[u.Name] = true
			d.Params = append(d.Params, u)
		}
	}
	p.Decls = append(p.Decls, d)
	p.doing++
	return nil
}

// plainWord takes a word that expands nothing and holds no quotes, or returns "".
func (p *shellFile) plainWord() string {
	i := p.pos
	for i < p.end && shellInWord(p.src[i]) && strings.IndexByte("\"'`$\\", p.src[i]) < 0 {
		i++
		p.work++
	}
	name := p.src[p.pos:i]
	p.token(p.pos, i)
	p.pos = i
	return name
}

var (
	shellSubject    = regexp.MustCompile(`^"?\$\{?`)
	shellName       = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	shellPositional = regexp.MustCompile(`^"?\$(?:([1-9])|\{([1-9])(?:[:?=+#%/,^-][^{}]*)?\})"?$`)
)

// shellAssignment returns the length of "name=", "name+=" or "name[index]=" that the text begins with, or 0.
func shellAssignment(text string) int {
	i := 0
	for i < len(text) && text[i] < 0x80 && text[i] != '$' && isNameByte(text[i]) {
		i++
	}
	if i == 0 || i == len(text) || isDigit(text[0]) {
		return 0
	}
	if text[i] == '[' {
		n := strings.IndexAny(text[i:min(len(text), i+200)], "]\n")
		if n < 0 || text[i+n] == '\n' {
			return 0
		}
		i += n + 1
	}
	if i < len(text) && text[i] == '+' {
		i++
	}
	if i < len(text) && text[i] == '=' {
		return i + 1
	}
	return 0
}

// bind notes what "name=value" assigns, when the value is a parameter of the function around.
func (p *shellFile) bind(name string, w, value Span) {
	n := len(p.functions)
	if n == 0 {
		return
	}
	m := shellPositional.FindStringSubmatch(p.src[value.Start:value.End])
	if m == nil {
		return
	}
	f := p.functions[n-1]
	f.bound[m[1]+m[2]] = true
	if !f.bound[name] {
		f.bound[name] = true
		f.params = append(f.params, Param{Name: name, Span: w})
	}
}

// read notes that a variable is expanded.
func (p *shellFile) read(name string, at int, operator byte) {
	if name == "" {
		return
	}
	if n := len(p.functions); n > 0 && name[0] >= '1' && name[0] <= '9' {
		f := p.functions[n-1]
		if _, err := strconv.Atoi(name); err == nil && len(f.used) < 1000 {
			f.used = append(f.used, Param{Name: name, Span: Span{at, at + len(name)}})
		}
		return
	}
	p.reads = append(p.reads, shellRead{name: name, at: at, first: operator == '=' || operator != 0 && name == p.assigning})
}
