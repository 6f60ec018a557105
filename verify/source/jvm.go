package source

import (
	"slices"
	"sort"
	"strings"
)

// jvm is what Java, Kotlin and Scala have in common: the libraries that their programs are written against. A recogniser fills
// what it learns of names, and web reads the calls and declarations for what they mean.
type jvm struct {
	*reader
	named    map[int]bool            // tokens that name a declaration, or are otherwise no call
	consts   map[string]string       // names bound once in the file, to a string literal
	bound    map[string]bool         // names bound at all
	types    map[string]string       // names to the type that they are declared with, without type arguments; "" when several
	words    map[int]map[string]bool // modifiers of the declaration of that index
	headers  map[int]Span            // what a class extends and implements, by the index of its declaration
	results  map[int]Span            // what a function returns
	defaults [][2]int                // of Ktor's install(DefaultHeaders): the braces of its lambdas; nil until it is asked for
	marks    []jvmMark               // annotations, wherever they stand
	within   []int32                 // for each token the index of the innermost declaration with a body around it, or -1
}

// jvmMark is an annotation: its first token and the bracket of its arguments, or a token that is none.
type jvmMark struct {
	name     string
	at, open int
}

func newJVM(r *reader) *jvm {
	n := len(r.tokens)
	r.Calls, r.opens, r.Decls = make([]Call, 0, n/16+4), make([]int, 0, n/16+4), make([]Decl, 0, n/80+4)
	return &jvm{
		reader: r, named: map[int]bool{}, consts: map[string]string{}, bound: map[string]bool{}, types: map[string]string{},
		words: map[int]map[string]bool{}, headers: map[int]Span{}, results: map[int]Span{},
	}
}

// declare adds a declaration, with its modifiers and what stands between its name and its body, and returns its index.
func (j *jvm) declare(d Decl, words map[string]bool, header Span) int {
	j.Decls = append(j.Decls, d)
	index := len(j.Decls) - 1
	if words != nil {
		j.words[index] = words
	}
	if !header.Empty() {
		j.headers[index] = header
	}
	return index
}

// returns notes the type of the function that is declared next.
func (j *jvm) returns(index int, s Span) { j.results[index] = s }

// isOfType notes the type of a name.
func (j *jvm) isOfType(name, typ string) {
	if i := strings.IndexAny(typ, "<[? "); i >= 0 {
		typ = typ[:i]
	}
	typ = lastPart(typ)
	if have, known := j.types[name]; known && have != typ {
		typ = ""
	}
	j.types[name] = typ
}

// generics marks what is between "<" and ">" of type arguments, wherever they stand; with calls behind names in lower case too,
// where an opening bracket or a dot follows.
func (j *jvm) generics(calls bool) {
	for i := range j.tokens {
		if !j.is(i, "<") || j.angled != nil && j.angled[i] {
			continue
		}
		w := j.word(i - 1)
		lower := w != "" && (w[0] < 'A' || w[0] > 'Z') && !javaModifiers[w] && w != "record" && w != "fun"
		if w == "" && !j.is(i-1, ".") || lower && !calls {
			continue
		}
		end := j.typesOnly(i)
		if end < 0 || lower && !j.isAny(end+1, "(", "{", ".", "?.", "::", ")") {
			continue
		}
		j.angles(i)
	}
}

// typesOnly returns the index of the ">" when what follows the "<" at token i reads like types up to it, and -1 when it does not, as
// in "MAX < b, c > d".
func (j *jvm) typesOnly(i int) int {
	depth := 0
	for k := i; k < len(j.tokens) && k < i+200; k++ {
		j.work++
		switch w := j.word(k); {
		case j.is(k, "<"):
			depth++
		case j.is(k, ">"):
			if depth--; depth > 0 {
				continue
			}
			if next := j.at(k + 1).kind; next == numberToken || next == textToken || j.isAny(k+1, "-", "+", "!") || j.is(k+1, "=") && j.word(k+2) != "" && j.at(k+1).start == j.at(k).end {
				return -1
			}
			return k
		case w != "":
			if lower := w[0] < 'A' || w[0] > 'Z'; lower && !jvmTypeWords[w] && !j.is(k+1, ".") && !j.is(k-1, "@") && w[0] != '_' && w[0] < 0x80 {
				return -1
			}
		case j.at(k).kind == newlineToken, j.is(k, "@"), j.isAny(k, ",", ".", "?", "&", "[", "]", "*", "->", ":"):
		case j.is(k, "("): // of an annotation, or of a function's type
			k = j.partner(k)
		default:
			return -1
		}
	}
	return -1
}

// jvmTypeWords are the words in lower case that types are written with.
var jvmTypeWords = wordSet("boolean byte char double float int long short void extends super in out reified suspend dynamic")

// lastPart returns what follows the last dot.
func lastPart(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }

// bind notes that a name is bound to what the tokens from a up to b say.
func (j *jvm) bind(name string, a, b int) {
	if j.bound[name] {
		delete(j.consts, name)
		return
	}
	j.bound[name] = true
	if s, ok := j.literalValue(a); ok && b == a+1 {
		j.consts[name] = s
	}
}

// rebind notes that a name may hold something else by now.
func (j *jvm) rebind(name string) {
	j.bound[name] = true
	delete(j.consts, name)
}

// does reports whether the statements from token a up to b do anything: more than nothing, a lone return or name, and more than
// throwing the error of the name on unseen.
func (j *jvm) does(a, b int, name string) bool {
	var some []int
	for i := a; i < b && len(some) < 3; i++ {
		if t := j.at(i); t.kind != newlineToken && !j.isAny(i, ";", "{", "}") {
			some = append(some, i)
		}
	}
	switch len(some) {
	case 0, 1:
		return false
	case 2:
		return !(j.is(some[0], "throw") && j.text(some[1]) == name)
	}
	return true
}

// enclosing returns the index of the innermost declaration around a token, or -1. It may be asked when all are declared.
func (j *jvm) enclosing(token int) int {
	if j.within == nil {
		j.within = make([]int32, len(j.tokens)+1)
		order := make([]int, 0, len(j.Decls))
		for i := range j.Decls {
			if !j.Decls[i].Body.Empty() && j.Decls[i].Kind == Function {
				order = append(order, i)
			}
		}
		slices.SortStableFunc(order, func(a, b int) int { return j.Decls[a].Span.Start - j.Decls[b].Span.Start })
		var open []int
		next := 0
		for t := range j.within {
			at := int(j.at(t).start)
			for next < len(order) && j.Decls[order[next]].Span.Start <= at {
				open = append(open, order[next])
				next++
			}
			for n := len(open); n > 0 && j.Decls[open[n-1]].Span.End <= at; n = len(open) {
				open = open[:n-1]
			}
			j.within[t] = -1
			if n := len(open); n > 0 {
				j.within[t] = int32(open[n-1])
			}
		}
	}
	if token < 0 || token >= len(j.within) {
		return -1
	}
	return int(j.within[token])
}

// tokenAt returns the index of the first token at the offset or behind it.
func (j *jvm) tokenAt(offset int) int {
	return sort.Search(len(j.tokens), func(i int) bool { return int(j.tokens[i].start) >= offset })
}

// importsFrom reports whether something of the package or one below is imported.
func (j *jvm) importsFrom(packages ...string) bool {
	return slices.ContainsFunc(j.Imports, func(im Import) bool {
		return slices.ContainsFunc(packages, func(p string) bool { return im.Module == p || strings.HasPrefix(im.Module, p+".") })
	})
}

// jvmConstraints are the annotations of Bean Validation by which a parameter is checked before the method runs.
var jvmConstraints = wordSet(`Valid NotNull NotBlank NotEmpty Size Min Max Pattern Email Positive PositiveOrZero Negative NegativeOrZero
	Past PastOrPresent Future FutureOrPresent Digits DecimalMin DecimalMax AssertTrue AssertFalse Length Range URL UUID
	CreditCardNumber EAN ISBN UniqueElements CodePointLength Null`)

// jvmDeclared tells whether an annotation checks a parameter: those of Bean Validation where the file imports it, @Validated of
// Spring, and @NonNull of Lombok, which writes the check into the method. Annotations of the same names from elsewhere are notes.
func jvmDeclared(f *File, _ *Decl, p *Param) (line int, how string, ok bool) {
	imported := func(packages ...string) bool { return (&jvm{reader: &reader{File: f}}).importsFrom(packages...) }
	for i := p.Span.Start; i < p.Span.End; i++ {
		if f.Text[i] != '@' || f.inPlainString(i) || f.inComment(i) {
			continue
		}
		end := i + 1
		for end < p.Span.End && (isNameByte(f.Text[end]) || f.Text[end] == '.' || f.Text[end] == ':') { // @field:Size
			end++
		}
		name := lastPart(strings.ReplaceAll(f.part(Span{i + 1, end}), ":", "."))
		switch {
		case jvmConstraints[name] && imported("jakarta.validation", "javax.validation", "org.hibernate.validator"),
			name == "Validated" && imported("org.springframework.validation"),
			name == "NonNull" && imported("lombok"):
			return f.LineOf(i), "declared with @" + name, true
		}
	}
	return 0, "", false
}
