package source

import (
	"bytes"
	"fmt"
	"slices"
	"sort"
	"strings"
)

// Validates reports whether a function validates one of its parameters, and if so on which line and how. A parameter is
// validated when one of these holds within the body of d:
//
//  1. it stands in a condition (if, elif, while, a ternary, the subject of a switch or match, a guard, an assertion, in Go
//     the key of a look-up "_, ok := m[key]"), or is an operand of a comparison;
//  2. it, a member of it or an index into it is an argument of, or the receiver of, a call whose last name says that it
//     validates: see validating. A conversion or trimming around it (len, str, strings.TrimSpace) does not matter;
//
// or when the declaration says so: rule 3, which each language states at its declared function.
//
// Reading, logging, formatting and passing it on are no validation; nor is what a nested function does to its own parameter
// of the same name. The name may be a path ("req.body.email"): then the whole path must stand there. A name that is not a
// parameter of d is not validated.
func (f *File) Validates(d *Decl, param string) (line int, how string, ok bool) {
	name, rest, _ := strings.Cut(param, ".")
	i := slices.IndexFunc(d.Params, func(p Param) bool { return p.Name == name })
	if i < 0 || name == "" {
		return 0, "", false
	}
	if l := f.language(); l != nil && l.declared != nil && rest == "" {
		if line, how, ok := l.declared(f, d, &d.Params[i]); ok {
			return line, how, true
		}
	}
	mentions := f.mentions(d, name, rest)
	for _, at := range mentions {
		if f.inCondition(at) {
			return f.LineOf(at), "stands in a condition", true
		}
	}
	calls := f.Within(d.Body)
	for _, at := range mentions {
		if f.compared(calls, at) {
			return f.LineOf(at), "is compared", true
		}
		for i := range calls {
			if c := &calls[i]; validating(c.Name) && f.subjectOf(c, at) {
				return c.Line, fmt.Sprintf("checked by %s", c.Name), true
			}
		}
	}
	return 0, "", false
}

// mentions returns the offsets in the body of d at which the parameter is meant as a value.
func (f *File) mentions(d *Decl, name, rest string) []int {
	var found []int
	if f.Language == PHP {
		name = "$" + name
	}
	word := []byte(name)
	for i := d.Body.Start; i < d.Body.End; {
		j := bytes.Index(f.Text[i:d.Body.End], word)
		if j < 0 {
			break
		}
		at := i + j
		i = at + len(word)
		switch {
		case f.Language == Shell && !f.expanded(at): // a word of a command, not the variable
		case f.Language != Shell && at > 0 && isNameByte(f.Text[at-1]), i < len(f.Text) && isNameByte(f.Text[i]): // a part of another name
		case f.isMember(at), f.isLabel(at), f.inComment(at), f.inPlainString(at):
		case rest != "" && !f.followedBy(i, rest):
		case f.rebound(d, strings.TrimPrefix(name, "$"), at):
		default:
			found = append(found, at)
		}
	}
	return found
}

// expanded reports whether the name at the offset stands behind the "$" or "${" that shells expand it by.
func (f *File) expanded(at int) bool {
	before := bytes.TrimRight(f.Text[:at], "#!")
	return bytes.HasSuffix(before, []byte("${")) || at > 0 && f.Text[at-1] == '$'
}

// isMember reports whether the word at the offset follows a dot or an arrow, and is thus a member of something else.
func (f *File) isMember(at int) bool {
	i := at
	for i > 0 && isBlank(f.Text[i-1]) {
		i--
	}
	before := f.Text[:i]
	if bytes.HasSuffix(before, []byte("...")) {
		return false
	}
	return bytes.HasSuffix(before, []byte(".")) && f.Language != PHP || bytes.HasSuffix(before, []byte("->")) || bytes.HasSuffix(before, []byte("::"))
}

func (f *File) isLabel(at int) bool {
	_, found := slices.BinarySearch(f.labels, at)
	return found
}

func (f *File) inComment(at int) bool {
	i := sort.Search(len(f.Comments), func(i int) bool { return f.Comments[i].End > at })
	return i < len(f.Comments) && f.Comments[i].Holds(at)
}

// inPlainString reports whether the offset lies in a string literal. What a template fills in counts as a string too: it is
// formatting.
func (f *File) inPlainString(at int) bool {
	i := sort.Search(len(f.quoted), func(i int) bool { return f.quoted[i].End > at })
	return i < len(f.quoted) && f.quoted[i].Holds(at)
}

// followedBy reports whether the path ".a.b" follows the offset, "?." and "->" being as good as a dot.
func (f *File) followedBy(at int, rest string) bool {
	for part := range strings.SplitSeq(rest, ".") {
		switch after := f.Text[at:]; {
		case bytes.HasPrefix(after, []byte(".")):
			at++
		case bytes.HasPrefix(after, []byte("?.")), bytes.HasPrefix(after, []byte("->")):
			at += 2
		default:
			return false
		}
		if !bytes.HasPrefix(f.Text[at:], []byte(part)) {
			return false
		}
		at += len(part)
		if at < len(f.Text) && isNameByte(f.Text[at]) {
			return false
		}
	}
	return true
}

// rebound reports whether a function within d binds the name anew around the offset.
func (f *File) rebound(d *Decl, name string, at int) bool {
	for _, s := range f.scopes {
		if s.span.Holds(at) && d.Body.Contains(s.span) && slices.Contains(s.names, name) {
			return true
		}
	}
	for i := range f.Decls {
		inner := &f.Decls[i]
		if inner.Span.Holds(at) && inner.Span != d.Span && d.Body.Contains(inner.Span) && slices.ContainsFunc(inner.Params, func(p Param) bool { return p.Name == name }) {
			return true
		}
	}
	return false
}

func (f *File) inCondition(at int) bool { return holding(f.conditions, at) != Span{} }

// holding returns the first of the spans, which are in the order of their starts, that holds the offset.
func holding(spans []Span, at int) Span {
	for _, s := range spans {
		if s.Start > at {
			break
		}
		if s.Holds(at) {
			return s
		}
	}
	return Span{}
}

// compared reports whether the offset lies in a comparison, and not in what a call within it is handed.
func (f *File) compared(calls []Call, at int) bool {
	c := holding(f.comparisons, at)
	if c == (Span{}) {
		return false
	}
	for i := range calls {
		call := &calls[i]
		if c.Contains(call.Span) && call.Span.Holds(at) && at != call.Span.Start && !converting[call.Name] {
			return false
		}
	}
	return true
}

// subjectOf reports whether what stands at the offset is what the call is about: the receiver, or an argument that begins with it.
func (f *File) subjectOf(c *Call, at int) bool {
	if !c.Span.Holds(at) {
		return false
	}
	if at == c.Span.Start {
		return strings.Contains(c.Name, ".")
	}
	for _, arg := range c.Args {
		if arg.Holds(at) {
			return f.subject(arg) == at
		}
	}
	return false
}

// converting are calls that hand on the value itself in another form.
var converting = map[string]bool{
	"len": true, "str": true, "string": true, "int": true, "float": true, "bytes": true, "list": true, "set": true, "tuple": true,
	"dict": true, "String": true, "Number": true, "strings.TrimSpace": true, "strings.ToLower": true, "strings.ToUpper": true,
	"bytes.TrimSpace": true, "byte": true, "int64": true, "uint64": true, "float64": true, "Boolean": true, "Object.keys": true,
	"strlen": true, "mb_strlen": true, "trim": true, "count": true, "strtolower": true, "strtoupper": true, "intval": true,
}

// subject returns the offset of the name that an argument begins with: after sigils, a keyword ("data=") and conversions.
func (f *File) subject(arg Span) int {
	i := arg.Start
	if f.Language == Shell {
		return i + len(shellSubject.Find(f.Text[arg.Start:arg.End]))
	}
	for i < arg.End {
		c := f.Text[i]
		if isBlank(c) || strings.IndexByte("&*!([]", c) >= 0 {
			i++
			continue
		}
		if bytes.HasPrefix(f.Text[i:arg.End], []byte("...")) {
			i += 3
			continue
		}
		if !isNameStart(c) {
			return -1
		}
		end := i
		for end < arg.End && (isNameByte(f.Text[end]) || f.Text[end] == '.') {
			end++
		}
		word := f.part(Span{i, end})
		next := end
		for next < arg.End && isBlank(f.Text[next]) {
			next++
		}
		switch {
		case word == "await" || word == "new" || word == "not" || word == "typeof":
			i = end
		case next < arg.End && f.Text[next] == '(' && (converting[word] || word == "byte"):
			i = next
		case next < arg.End && (f.Text[next] == '=' || f.Text[next] == ':') && f.isLabel(i):
			i = next + 1
		default:
			return i
		}
	}
	return -1
}

// Words of a name that say that the call validates what it is given. Whole words: "checkout" and "testimony" are none.
var validatingWords = wordSet(`validate validates validated validator validators validation valid invalid verify verifies verified
	verification check checks checked parse parses parsed sanitize sanitizes sanitized sanitise sanitises sanitised sanitizer
	clean cleaned escape escapes escaped normalize normalized normalise normalised normalization ensure ensures require requires
	required precondition assert asserts assertion allow allows allowed deny denies denied match matches matched fullmatch atoi
	isinstance issubclass isdigit isalnum isalpha isnumeric isdecimal isidentifier isascii isspace isprintable isdisjoint`)

// Words that take the meaning back: "skipValidation" and "logInvalid" do not validate.
var revokingWords = wordSet(`skip skips disable disables disabled bypass ignore ignores without no not non fake mock log logs
	print format render unsafe unchecked un write send report after before on`)

// Words after which "check" and "clean" mean something else: "checkOut", "check_in", "cleanUp".
var divertingWords = wordSet(`out in up point box`)

func wordSet(list string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(list) {
		set[w] = true
	}
	return set
}

// validating reports whether the name of a call says that the call validates: by the words of its last part (validateEmail,
// is_valid, IsLocal, mustParse, re.match, pattern.test), by a receiver that is a validator (validate.Struct, assert.ok), or
// by a schema that decodes (schema.load).
func validating(name string) bool {
	parts := strings.Split(strings.ReplaceAll(name, "?.", "."), ".")
	last := parts[len(parts)-1]
	ws := words(last)
	if len(ws) == 0 || name == "require" { // require("x") loads a module
		return false
	}
	if len(parts) > 1 && (parts[0] == "Guard" || parts[0] == "Ensure") { // Guard.Against.Null(x), Guard.NotNull(x)
		return true
	}
	if revokingWords[ws[0]] {
		return false
	}
	if len(ws) > 2 && ws[0] == "throw" && ws[1] == "if" { // ArgumentNullException.ThrowIfNull(x)
		return true
	}
	if len(parts) > 1 {
		receiver := parts[len(parts)-2]
		if receiver == "validate" || receiver == "assert" || receiver == "assertThat" {
			return true
		}
		schema := slices.Contains(words(receiver), "schema")
		if schema && slices.Contains([]string{"decode", "load", "loads", "cast", "from"}, ws[0]) {
			return true
		}
	}
	if slices.Contains(ws, "schema") && slices.Contains(ws, "decode") {
		return true
	}
	switch {
	case ws[0] == "is" || ws[0] == "must":
		return len(ws) > 1
	case ws[0] == "test":
		return len(ws) == 1 && len(parts) > 1
	case ws[0] == "safe" && len(ws) > 1:
		return validatingWords[ws[1]]
	}
	for i, w := range ws {
		if !validatingWords[w] {
			continue
		}
		if (w == "check" || w == "clean") && i+1 < len(ws) && divertingWords[ws[i+1]] {
			continue
		}
		return true
	}
	return false
}
