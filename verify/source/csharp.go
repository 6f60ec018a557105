package source

import (
	"slices"
	"strings"
)

// C# is cut into tokens by csharp_lex.go. Here its declarations are read: namespaces and types from the outside in, their members
// one after the other, and local functions at the starts of statements. csharp_body.go takes conditions, handlers, patterns and
// lambdas out of the bodies, csharp_web.go what calls mean to ASP.NET and the environment.
//
// A namespace owns nothing: the owner of a member is its type, "Outer.Inner" when nested. A constructor is called like its
// class, a finalizer "~Name", an operator "operator==". Properties, indexers, events and conversions are no functions; what
// they call is still a call. An attribute belongs to the declaration behind it, unless it is said to be of something else
// ("[return: …]", "[assembly: …]").
var csharp = language{
	name:       CSharp,
	extensions: []string{".cs"},
	parse:      parseCSharp,
	declared:   csDeclared,
	tokens:     csTokens,
}

// csFile is one file of C# being turned into facts.
type csFile struct {
	*reader
	jobs     []csJob
	declared map[int]bool // names of declarations, by token
	headers  map[int]bool // brackets of the parameters of declarations
	muted    areas        // attributes and patterns: what looks like a call there is none
	consts   map[string]string
	typed    map[string]string // names of variables of types that matter to csharp_web.go, to the type
	aliases  map[string]string // names of variables that stand for the headers of a response
	opened   []csOpen          // calls with their brackets, in the order of the text
}

// csJob is a range of tokens that is still to be read.
type csJob struct {
	from, to int
	what     csContext
	owner    string
	class    string // the name of the type around, for its constructors
	abstract bool   // the type around cannot be made: its tests are run by others
}

type csContext uint8

const (
	csUnit       csContext = iota // a file or a namespace: types, and statements of the top level
	csType                        // members
	csStatements                  // statements between braces
	csExpression                  // an expression, which may hold blocks of statements
)

var (
	csModifiers = wordSet(`public private protected internal static abstract sealed virtual override readonly extern unsafe volatile async
		partial new required ref file const fixed implicit explicit scoped`)
	csKeywords = wordSet(`abstract as async await base break case catch checked class const continue default delegate do else enum event
		explicit extern false finally fixed for foreach goto if implicit in interface internal is lock namespace new null operator out
		override params private protected public readonly ref return sealed sizeof stackalloc static struct switch this throw true try
		typeof unchecked unsafe using virtual volatile when while yield var nameof and or not select scoped where from let orderby
		required record`)
	// csNoType are the words that begin no type, so that what follows them is no declaration.
	csNoType = wordSet(`abstract as await base break case catch checked class const continue default do else enum event explicit extern
		false finally fixed for foreach goto if implicit in interface internal is lock namespace new null operator out override params private
		protected public return sealed sizeof stackalloc static struct switch this throw true try typeof unchecked unsafe using virtual
		volatile when while yield nameof and or not select where from let orderby`)
	csNotation = &notation{
		joins:    map[string]bool{".": true, "?.": true, "!.": true, "->": true, "::": true},
		keywords: csKeywords,
		receiver: map[string]bool{"this": true, "base": true},
		generic:  true,
	}
)

func parseCSharp(f *File) error {
	l, b := csLexer(f)
	if err := l.run(); err != nil {
		return err
	}
	if err := b.done(); err != nil {
		return err
	}
	c := &csFile{
		reader: newReader(l), declared: map[int]bool{}, headers: map[int]bool{}, consts: map[string]string{}, typed: map[string]string{},
		aliases: map[string]string{},
	}
	c.generics()
	c.jobs = []csJob{{to: len(c.tokens), what: csUnit}}
	for len(c.jobs) > 0 {
		job := c.jobs[len(c.jobs)-1]
		c.jobs = c.jobs[:len(c.jobs)-1]
		switch job.what {
		case csUnit, csType:
			for i := job.from; i < job.to; {
				c.work++
				i = max(c.member(i, job), i+1)
			}
		default:
			c.statements(job)
		}
	}
	c.bodies()
	c.notesComparisons(csStops)
	c.notesCalls(csNotation, c.declared)
	c.unmute()
	c.web()
	return nil
}

func (c *csFile) push(job csJob) {
	if job.to > job.from {
		c.jobs = append(c.jobs, job)
	}
}

// generics finds the marks that enclose type arguments: after a name, with nothing between them that no type is written with, and
// with something behind them that no comparison goes on with.
func (c *csFile) generics() {
	for i := range c.tokens {
		if !c.is(i, "<") || c.angled != nil && c.angled[i] || c.word(i-1) == "" && !c.is(i-1, "*") && !c.is(i-1, "]") {
			continue
		}
		if end := c.anglesEnd(i); end > 0 {
			c.angles(i)
		}
	}
}

// anglesEnd returns the index of the ">" that would close type arguments opened at i, or -1.
func (c *csFile) anglesEnd(i int) int {
	depth := 0
	for j, n := i, 0; j < len(c.tokens) && n < 200; j, n = c.skip(j), n+1 {
		c.work++
		t := c.tokens[j]
		if t.kind == wordToken {
			continue
		}
		if t.kind != markToken {
			return -1
		}
		switch c.text(j) {
		case "<":
			depth++
		case ">":
			if depth--; depth > 0 {
				continue
			}
			switch next := c.at(j + 1); {
			case next.kind == wordToken:
				return j
			case next.kind != markToken:
				return -1
			default:
				switch c.text(j + 1) {
				case "(", ")", "]", "}", ":", ";", ",", ".", "?", "==", "!=", "|", "^", "&&", "||", "&", "[", "{", "=>", "=", ">", "*", "?.", "::", "!", "!.", "??":
					return j
				}
				return -1
			}
		case ",", ".", "?", "*", "::", "[", "(":
		default:
			return -1
		}
	}
	return -1
}

// attributes reads the lists of attributes that begin at token i, and returns the index behind them. Those said to be of something
// else than the declaration are left out.
func (c *csFile) attributes(i, to int) (int, []Decorator) {
	var all []Decorator
	for i < to && c.is(i, "[") && c.partner(i) > i {
		m := c.partner(i)
		c.muted.add(c.span(i, m+1))
		for n, item := range c.items(i, ",") {
			a, b := item[0], item[1]
			if n == 0 && c.word(a) != "" && c.is(a+1, ":") {
				switch c.word(a) {
				case "method", "type":
					a += 2
				default:
					b = a
				}
				if b == a {
					break
				}
			}
			name, next := c.dotted(a)
			if name == "" {
				continue
			}
			if c.is(next, "<") && c.angled != nil && c.angled[next] {
				next = c.closeAngle(next)
			}
			if next == b || c.is(next, "(") && c.partner(next) == b-1 {
				all = append(all, Decorator{Name: name, Text: c.part(c.span(a, b)), Line: c.lineOf(a)})
			}
		}
		i = m + 1
	}
	return i, all
}

// dotted returns the name with dots that begins at token i, and the index behind it.
func (c *csFile) dotted(i int) (string, int) {
	if c.word(i) == "" {
		return "", i
	}
	name := plainWord(c.word(i))
	for i++; c.isAny(i, ".", "::") && c.word(i+1) != ""; i += 2 {
		name += "." + plainWord(c.word(i+1))
		c.work++
	}
	return name, i
}

// plainWord is a name without the sign that lets keywords be names.
func plainWord(s string) string { return strings.TrimPrefix(s, "@") }

// closeAngle returns the index behind the ">" that closes the type arguments opened at i.
func (c *csFile) closeAngle(i int) int {
	depth := 0
	for j := i; j < len(c.tokens); j = c.skip(j) {
		c.work++
		if !c.angled[j] {
			continue
		}
		if c.is(j, "<") {
			depth++
		} else if depth--; depth == 0 {
			return j + 1
		}
	}
	return i + 1
}

// pastAngles returns the index behind the type arguments or parameters at i, or i where there are none.
func (c *csFile) pastAngles(i int) int {
	if c.is(i, "<") && c.angled != nil && c.angled[i] {
		return c.closeAngle(i)
	}
	return i
}

// typeAt returns the index behind the type that begins at token i, or -1 where none does.
func (c *csFile) typeAt(i int) int {
	for c.isAny(i, "ref", "readonly", "scoped") {
		i++
	}
	switch {
	case c.is(i, "delegate") && c.is(i+1, "*"):
		for i += 2; c.word(i) != "" || c.is(i, "["); {
			i = c.skip(i)
		}
		if i = c.pastAngles(i); !c.is(i-1, ">") {
			return -1
		}
	case c.is(i, "("):
		if len(c.items(i, ",")) < 2 {
			return -1
		}
		i = c.partner(i) + 1
	case c.word(i) != "" && !csNoType[c.word(i)]:
		for i++; ; i += 2 {
			c.work++
			i = c.pastAngles(i)
			if !c.isAny(i, ".", "::") || c.word(i+1) == "" {
				break
			}
		}
	default:
		return -1
	}
	for {
		c.work++
		switch {
		case c.is(i, "?"), c.is(i, "*"):
			i++
		case c.is(i, "[") && c.onlyCommas(i):
			i = c.partner(i) + 1
		default:
			return i
		}
	}
}

func (c *csFile) onlyCommas(open int) bool {
	m := c.partner(open)
	if m < 0 || m-open > 32 {
		return false
	}
	for k := open + 1; k < m; k++ {
		if !c.is(k, ",") {
			return false
		}
	}
	return true
}

// end returns the index behind the ";" from token i on, or behind the first block in braces when block is set.
func (c *csFile) end(i, to int, block bool) int {
	for ; i < to; i = c.skip(i) {
		c.work++
		if c.is(i, ";") {
			return i + 1
		}
		if block && c.is(i, "{") {
			return c.skip(i)
		}
	}
	return to
}

// member reads the member that begins at token i, and returns the index behind it.
func (c *csFile) member(i int, job csJob) int {
	start := i
	i, decorators := c.attributes(i, job.to)
	first := i
	for csModifiers[c.word(i)] && i < job.to {
		next := c.at(i + 1)
		if next.kind != wordToken && !c.isAny(i+1, "(", "~") || c.is(i+1, "(") && c.at(c.skip(i+1)).kind != wordToken {
			break
		}
		i++
	}
	d := Decl{Owner: job.owner, Decorators: decorators}
	d.Span.Start = int(c.at(start).start)
	switch c.word(i) {
	case "global":
		if job.what == csUnit && c.is(i+1, "using") {
			return c.using(i+1, job.to)
		}
	case "using":
		if job.what == csUnit {
			return c.using(i, job.to)
		}
	case "namespace":
		if _, next := c.dotted(i + 1); next > i+1 {
			if c.is(next, "{") {
				c.push(csJob{from: next + 1, to: c.partner(next), what: csUnit})
				return c.skip(next)
			}
			return next + 1
		}
	case "class", "struct", "interface", "enum":
		return c.typeDecl(i, i+1, job, d)
	case "record":
		k := i + 1
		if c.isAny(k, "class", "struct") {
			k++
		}
		if c.word(k) != "" && (k > i+1 || c.isAny(k+1, "(", "{", ";", ":", "<", "where")) {
			return c.typeDecl(i, k, job, d)
		}
	case "delegate":
		if next := c.typeAt(i + 1); next > 0 && c.word(next) != "" && !c.is(i+1, "*") {
			open := c.pastAngles(next + 1)
			if c.is(open, "(") {
				end := c.end(open, job.to, false)
				d.Kind, d.Name, d.Line = Type, plainWord(c.word(next)), c.lineOf(next)
				d.Params = c.params(open)
				d.Span.End = int(c.at(end - 1).end)
				c.declared[next], c.headers[open] = true, true
				c.Decls = append(c.Decls, d)
				return end
			}
		}
	case "extension": // a block of members that are called on what its parameter is
		if open := c.pastAngles(i + 1); job.what == csType && c.is(open, "(") {
			k := c.partner(open) + 1
			for ; k < job.to && c.word(k) != ""; k = c.skip(k) { // where T : …
				c.work++
			}
			if c.is(k, "{") {
				c.headers[open] = true
				c.declared[i] = true
				c.push(csJob{from: k + 1, to: c.partner(k), what: csType, owner: job.owner})
				return c.skip(k)
			}
		}
	}
	if job.what == csType {
		if next := c.classMember(first, i, job, d); next > 0 {
			return next
		}
		end := c.end(i, job.to, true)
		c.push(csJob{from: i, to: end, what: csExpression, owner: job.owner})
		return end
	}
	// A statement of the top level: local functions of the program, or what holds blocks.
	if next := c.function(i, job.to, d, job, true); next > 0 {
		return next
	}
	end := c.end(i, job.to, true)
	c.push(csJob{from: i, to: end, what: csExpression})
	return end
}

// using reads "using A.B;", "using static A.B;" and "using X = A.B;" at token i. Statements that begin with "using" are passed.
func (c *csFile) using(i, to int) int {
	line := c.lineOf(i)
	k := i + 1
	im := Import{Line: line}
	static := c.is(k, "static")
	for c.isAny(k, "static", "unsafe") {
		k++
	}
	if c.word(k) != "" && c.is(k+1, "=") {
		im.Alias = plainWord(c.word(k))
		k += 2
	}
	name, next := c.dotted(k)
	im.Module = strings.TrimPrefix(name, "global.")
	if im.Alias != "" {
		next = c.pastAngles(next)
	}
	if static {
		im.Names = []string{"*"}
	}
	if name != "" && c.is(next, ";") {
		c.Imports = append(c.Imports, im)
		return next + 1
	}
	end := c.end(i, to, true)
	c.push(csJob{from: i, to: end, what: csExpression})
	return end
}

// typeDecl reads the type whose keyword is token i and whose name is token at.
func (c *csFile) typeDecl(i, at int, job csJob, d Decl) int {
	d.Kind, d.Name, d.Line = Class, plainWord(c.word(at)), c.lineOf(at)
	if c.is(i, "interface") {
		d.Kind = Interface
	}
	if d.Name == "" {
		return i + 1
	}
	k := c.pastAngles(at + 1)
	if c.is(k, "(") {
		d.Params = c.params(k)
		c.headers[k] = true
	}
	for ; k < job.to && !c.isAny(k, "{", ";"); k = c.skip(k) {
		c.work++
		if c.is(k, "=") {
			return k + 1
		}
	}
	if k >= job.to {
		return k
	}
	c.declared[at] = true
	end := k + 1
	if c.is(k, "{") {
		m := c.partner(k)
		d.Body = c.inside(k)
		end = m + 1
		if !c.is(i, "enum") {
			abstract := false
			for n := i - 1; csModifiers[c.word(n)]; n-- {
				abstract = abstract || c.is(n, "abstract")
			}
			c.push(csJob{from: k + 1, to: m, what: csType, owner: d.Qualified(), class: d.Name, abstract: abstract})
		}
	}
	d.Span.End = int(c.at(end - 1).end)
	c.Decls = append(c.Decls, d)
	return end
}

// classMember reads a constructor, finalizer, operator, method, property, indexer, event or field whose attributes end at token
// first and whose modifiers end at token i; it returns the index behind it, or -1 where it is none of these.
func (c *csFile) classMember(first, i int, job csJob, d Decl) int {
	switch {
	case c.is(i, "~") && c.word(i+1) != "" && c.is(i+2, "("):
		d.Name = "~" + plainWord(c.word(i+1))
		return c.withBody(i+1, i+2, job, d)
	case job.class != "" && plainWord(c.word(i)) == job.class && c.is(i+1, "("):
		d.Name = job.class
		return c.withBody(i, i+1, job, d)
	case c.is(i, "event"):
		end := c.end(i, job.to, true)
		c.push(csJob{from: i + 1, to: end, what: csExpression, owner: job.owner})
		return end
	case c.is(i, "operator") && c.isAny(i-1, "implicit", "explicit"): // a conversion has no name
		open := c.typeAt(i + 1)
		if open > 0 && c.is(open, "(") {
			c.declared[open-1], c.headers[open] = true, true
		}
		end := c.end(i+1, job.to, true)
		c.push(csJob{from: i + 1, to: end, what: csExpression, owner: job.owner})
		return end
	}
	if next := c.function(first, job.to, d, job, false); next > 0 {
		return next
	}
	name := c.typeAt(i)
	if name < 0 || c.word(name) == "" {
		return -1
	}
	after := name + 1
	for k := c.pastAngles(after); c.isAny(k, ".", "::") && c.word(k+1) != ""; k = c.pastAngles(after) { // I<T>.Name
		c.work++
		name, after = k+1, k+2
	}
	if c.is(name, "this") && c.is(after, "[") {
		after = c.partner(after) + 1
	}
	end := after
	switch {
	case c.is(after, "{"):
		end = c.skip(after)
		c.push(csJob{from: after, to: end, what: csExpression, owner: job.owner})
		if c.is(end, "=") {
			from := end
			end = c.end(end, job.to, false)
			c.push(csJob{from: from, to: end, what: csExpression, owner: job.owner})
		}
		return end
	case c.isAny(after, "=>", "=", ",", ";", "["):
		end = c.end(after, job.to, false)
		c.push(csJob{from: after, to: end, what: csExpression, owner: job.owner})
		return end
	}
	return -1
}

// function reads a method, an operator or a local function whose modifiers begin at token i, and returns the index behind it; -1
// where there is none. A local one needs a body, and parameters that are written as such.
func (c *csFile) function(i, to int, d Decl, job csJob, local bool) int {
	for csModifiers[c.word(i)] && (c.at(i+1).kind == wordToken || c.is(i+1, "(")) {
		i++
	}
	name := c.typeAt(i)
	if name < 0 || name >= to {
		return -1
	}
	if c.is(name, "operator") && !local {
		open := name + 1
		text := ""
		for ; open < to && !c.is(open, "("); open++ {
			if w := c.word(open); w != "checked" {
				text += c.text(open)
			}
			c.work++
			if open > name+4 {
				return -1
			}
		}
		d.Name = "operator" + text
		if text == "" {
			return -1
		}
		return c.withBody(name, open, job, d)
	}
	if c.word(name) == "" || csNoType[c.word(name)] {
		return -1
	}
	after := c.pastAngles(name + 1)
	for !local && c.isAny(after, ".", "::") && c.word(after+1) != "" { // I<T>.Name
		c.work++
		name = after + 1
		after = c.pastAngles(name + 1)
	}
	if !c.is(after, "(") || c.is(name, "this") {
		return -1
	}
	d.Name = plainWord(c.word(name))
	if local {
		for _, item := range c.items(after, ",") {
			if end := c.beforeDefault(item); end-item[0] < 2 || c.word(end-1) == "" {
				return -1
			}
		}
		if k := c.bodyAt(after, to); k < 0 || c.is(k, ";") {
			return -1
		}
	}
	return c.withBody(name, after, job, d)
}

// bodyAt returns the index of the "{", "=>" or ";" with which the body begins, or does not, behind the parameters opened at the
// bracket; -1 where something else follows.
func (c *csFile) bodyAt(open, to int) int {
	k := c.partner(open) + 1
	for c.is(k, ":") && c.isAny(k+1, "this", "base") && c.is(k+2, "(") { // several, in branches of #if
		c.work++
		k = c.skip(k + 2)
	}
	for c.is(k, "where") {
		for k++; k < to && !c.isAny(k, "{", "=>", ";", "where"); k = c.skip(k) {
			c.work++
		}
	}
	if k < to && c.isAny(k, "{", "=>", ";") {
		return k
	}
	return -1
}

// withBody declares the function whose name is token at and whose parameters stand in the bracket, and returns the index behind
// its body; -1 where none begins, nor ends it.
func (c *csFile) withBody(at, open int, job csJob, d Decl) int {
	k := c.bodyAt(open, job.to)
	if k < 0 || c.partner(open) < open {
		return -1
	}
	d.Kind, d.Line = Function, c.lineOf(at)
	d.Params = c.params(open)
	c.declared[at], c.declared[open-1], c.headers[open] = true, true, true
	end := k + 1
	owner := d.Qualified()
	switch {
	case c.is(k, "{"):
		end = c.skip(k)
		if end > k+2 {
			d.Body = c.inside(k)
		} else {
			d.Body = Span{int(c.at(k).end), int(c.at(k).end)} // nothing stands in it
		}
		c.push(csJob{from: k + 1, to: end - 1, what: csStatements, owner: owner})
	case c.is(k, "=>"):
		end = c.end(k+1, job.to, false)
		last := end
		if c.is(end-1, ";") {
			last--
		}
		if last == k+1 {
			return -1
		}
		d.Body = c.span(k+1, last)
		c.push(csJob{from: k + 1, to: last, what: csExpression, owner: owner})
	}
	d.Span.End = int(c.at(end - 1).end)
	if csIsTest(&d) && !job.abstract {
		c.Tests = append(c.Tests, Test{Name: d.Qualified(), Line: d.Line})
	}
	c.Decls = append(c.Decls, d)
	return end
}

// beforeDefault returns the index behind a parameter's name: before "= default".
func (c *csFile) beforeDefault(item [2]int) int {
	for k := item[0]; k < item[1]; k = c.skip(k) {
		c.work++
		if c.is(k, "=") {
			return k
		}
	}
	return item[1]
}

// params reads the parameters in the bracket.
func (c *csFile) params(open int) []Param {
	var all []Param
	for _, item := range c.items(open, ",") {
		end := c.beforeDefault(item)
		name := end - 1
		if c.word(name) == "" || name <= item[0] {
			continue
		}
		from, _ := c.attributes(item[0], item[1])
		for c.isAny(from, "this", "ref", "out", "in", "params", "scoped", "readonly") && from < name {
			from++
		}
		all = append(all, Param{Name: plainWord(c.word(name)), Type: c.fold(c.span(from, name)), Span: c.span(item[0], item[1])})
	}
	return all
}

// statements looks for local functions where statements begin.
func (c *csFile) statements(job csJob) {
	for i := job.from; i < job.to; {
		c.work++
		if !c.startsStatement(i, job) {
			i++
			continue
		}
		k := i
		d := Decl{Owner: job.owner}
		d.Span.Start = int(c.at(i).start)
		if c.is(i, "[") {
			if k, d.Decorators = c.attributes(i, job.to); k >= job.to {
				return
			}
		}
		if c.word(k) != "" || c.is(k, "(") {
			if next := c.function(k, job.to, d, job, true); next > 0 {
				i = next
				continue
			}
		}
		i = max(k, i+1)
	}
}

func (c *csFile) startsStatement(i int, job csJob) bool {
	if i == job.from {
		return job.what == csStatements
	}
	switch {
	case c.is(i-1, ";"), c.is(i-1, "}"):
		return true
	case c.is(i-1, "{"):
		return !c.isAny(i-2, "switch", "is", "with")
	}
	return false
}

// csTests are the attributes that make a method a test in xUnit, NUnit and MSTest.
var csTests = wordSet(`Fact Theory SkippableFact SkippableTheory Test TestCase TestCaseSource TestMethod DataTestMethod`)

func csIsTest(d *Decl) bool {
	return d.Owner != "" && !d.Body.Empty() && slices.ContainsFunc(d.Decorators, func(a Decorator) bool {
		return csTests[strings.TrimSuffix(a.Name[strings.LastIndexByte(a.Name, '.')+1:], "Attribute")]
	})
}

// csChecks are the attributes by which ASP.NET refuses a request whose value does not hold.
var csChecks = wordSet(`Required StringLength Range MinLength MaxLength Length RegularExpression EmailAddress Url Phone CreditCard Compare
	AllowedValues DeniedValues Base64String EnumDataType BindRequired`)

// csDeclared tells whether an attribute validates a parameter by itself: in a class with [ApiController], ASP.NET answers 400
// before the method is called. Elsewhere somebody must ask ModelState, which is not seen here.
func csDeclared(f *File, d *Decl, p *Param) (line int, how string, ok bool) {
	if !slices.ContainsFunc(f.Decls, func(class Decl) bool {
		return class.Kind == Class && class.Qualified() == d.Owner && class.Span.Contains(d.Span) &&
			slices.ContainsFunc(class.Decorators, func(a Decorator) bool { return strings.TrimSuffix(a.Name, "Attribute") == "ApiController" })
	}) {
		return 0, "", false
	}
	part := &File{Text: f.Text[:p.Span.End], lines: f.lines}
	l, _ := csLexer(part)
	l.pos = p.Span.Start
	if l.run() != nil {
		return 0, "", false
	}
	c := &csFile{reader: newReader(l)}
	_, attributes := c.attributes(0, len(c.tokens))
	for _, a := range attributes {
		if name := strings.TrimSuffix(a.Name[strings.LastIndexByte(a.Name, '.')+1:], "Attribute"); csChecks[name] {
			return a.Line, "declared with [" + name + "]", true
		}
	}
	return 0, "", false
}
