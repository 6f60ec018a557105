package source

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// jsFacts turns what the parser noted into the facts of a file.
type jsFacts struct {
	*jsParser
	f       *File
	modules map[string]string // names that imports bind to a whole module; made when it is wanted
	objects map[string]int32  // names that hold a schema of an object: its brace; made when it is wanted
	configs map[string]bool   // parameters that hold NestJS's configuration; made when it is wanted
	copied  int               // names of the environment that were followed
}

func (j *jsFacts) fill() {
	j.brackets()
	f := j.f
	f.Comments = j.comments
	f.conditions = j.conditions
	f.comparisons = j.comparisons
	f.labels = j.labels
	f.Strings = make([]String, 0, len(j.jsParser.strings))
	for _, s := range j.jsParser.strings {
		f.Strings = append(f.Strings, String{Value: jsUnquote(j.text[s.Start:s.End]), Span: s, Line: f.LineOf(s.Start)})
	}
	j.declarations()
	f.Calls = make([]Call, 0, len(j.calls))
	args := make([]Span, 0, len(j.items)) // one backing for all
	for i := range j.calls {
		c := &j.calls[i]
		from := len(args)
		for _, item := range j.items[c.args.from:c.args.to] {
			args = append(args, j.span(item.tokens))
		}
		f.Calls = append(f.Calls, Call{
			Name: c.name, Span: Span{int(c.start), int(c.end)}, Args: args[from:len(args):len(args)], Line: f.LineOf(int(c.start)),
		})
	}
	for _, i := range j.imports {
		f.Imports = append(f.Imports, Import{Module: i.module, Names: i.names, Alias: i.alias, Line: f.LineOf(int(i.at))})
	}
	slices.SortStableFunc(j.calls, func(a, b jsCall) int { return int(a.start - b.start) })
	j.handlers()
	j.errorFunctions()
	j.environment()
	j.headers()
	j.middleware()
	j.tests()
}

// brackets sets the match of every bracket. The parser took them in pairs.
func (j *jsFacts) brackets() {
	var open []int32
	for i := range j.toks {
		t := &j.toks[i]
		t.match = -1
		switch t.kind {
		case jsOpenBrace, jsOpenParen, jsOpenBracket, jsTemplateHead:
			open = append(open, int32(i))
		case jsCloseBrace, jsCloseParen, jsCloseBracket, jsTemplateTail:
			if n := len(open); n > 0 {
				t.match = open[n-1]
				j.toks[open[n-1]].match = int32(i)
				open = open[:n-1]
			}
		}
	}
}

// span returns the part of the text that tokens take up.
func (j *jsFacts) span(r jsRange) Span {
	if r.to <= r.from {
		at := len(j.text)
		if int(r.from) < len(j.toks) {
			at = int(j.toks[r.from].start)
		}
		return Span{at, at}
	}
	return Span{int(j.toks[r.from].start), int(j.toks[r.to-1].end)}
}

// at returns the token with that index; one of no kind where there is none.
func (j *jsFacts) at(i int32) jsToken {
	if i < 0 || int(i) >= len(j.toks) {
		return jsToken{match: -1}
	}
	return j.toks[i]
}

// spelled returns the text of the token with that index.
func (j *jsFacts) spelled(i int32) string {
	t := j.at(i)
	return j.text[t.start:t.end]
}

func (j *jsFacts) declarations() {
	f := j.f
	for i := range j.functions {
		fn := &j.functions[i]
		if fn.name == "" {
			if names := j.names(fn); len(names) > 0 && fn.kind == Function {
				f.scopes = append(f.scopes, scope{span: Span{int(fn.start), int(fn.end)}, names: names})
			}
			continue
		}
		if fn.kind == Function && fn.owner != "" && !fn.declared {
			continue
		}
		d := Decl{
			Kind: fn.kind, Name: fn.name, Owner: fn.owner, Span: Span{int(fn.start), int(fn.end)}, Body: fn.body,
			Line: f.LineOf(int(fn.at)),
		}
		if fn.kind == Function {
			d.Params = j.params(fn)
		}
		for _, dec := range j.decorators[fn.decorators.from:fn.decorators.to] {
			d.Decorators = append(d.Decorators, Decorator{
				Name: dec.name, Text: j.text[dec.start:dec.end], Line: f.LineOf(int(dec.start)),
			})
		}
		f.Decls = append(f.Decls, d)
		if fn.self != "" && fn.self != fn.name { // exports.handle = function handleRequest() {}: both names are defined
			d.Name, d.Owner, d.Line = fn.self, "", f.LineOf(int(fn.selfAt))
			f.Decls = append(f.Decls, d)
		}
	}
}

// names returns the names that the parameters of a function bind.
func (j *jsFacts) names(fn *jsFunc) []string {
	var names []string
	for _, p := range j.params(fn) {
		names = append(names, p.Name)
	}
	return names
}

func (j *jsFacts) params(fn *jsFunc) []Param {
	var params []Param
	for _, item := range j.items[fn.params.from:fn.params.to] {
		params = j.param(params, item.tokens)
	}
	return params
}

// param appends the names that one parameter binds. "this" of TypeScript is none.
func (j *jsFacts) param(params []Param, r jsRange) []Param {
	i := r.from
	for j.at(i).kind == jsAt { // decorators
		if i++; j.at(i).kind == jsOpenParen {
			i = j.at(i).match + 1
			continue
		}
		i++
		for i < r.to && j.at(i).kind == jsDot {
			i += 2
		}
		if j.at(i).kind == jsOpenParen {
			i = j.at(i).match + 1
		}
	}
	for i+1 < r.to && j.at(i).kind.word() { // modifiers
		if k := j.at(i + 1).kind; !k.name() && k != jsOpenBrace && k != jsOpenBracket && k != jsThis {
			break
		}
		i++
	}
	if j.at(i).kind == jsEllipsis {
		i++
	}
	var names []string
	switch t := j.at(i); {
	case t.kind == jsThis:
		return params
	case t.kind.name():
		names = append(names, j.spelled(i))
		i++
	case t.kind == jsOpenBrace || t.kind == jsOpenBracket:
		names = j.pattern(nil, i)
		i = t.match + 1
	}
	if i < r.to && j.at(i).kind == jsQuestion {
		i++
	}
	typ := ""
	if i < r.to && j.at(i).kind == jsColon {
		from := i + 1
		angle := 0
		for i = from; i < r.to; i++ {
			t := j.at(i)
			if t.kind == jsAssign && angle == 0 {
				break
			}
			switch t.kind {
			case jsLess:
				angle++
			case jsGreater:
				angle--
			case jsOpenBrace, jsOpenParen, jsOpenBracket, jsTemplateHead:
				i = max(i, t.match)
			}
		}
		typ = j.f.fold(j.span(jsRange{from, i}))
	}
	for _, n := range names {
		params = append(params, Param{Name: n, Type: typ, Span: j.span(r)})
	}
	return params
}

// pattern appends the names that the pattern whose bracket has that index binds.
func (j *jsFacts) pattern(names []string, open int32) []string {
	object := j.at(open).kind == jsOpenBrace
	end := j.at(open).match
	for i := open + 1; i < end; i++ {
		if j.at(i).kind == jsComma {
			continue
		}
		rest := j.at(i).kind == jsEllipsis
		if rest {
			i++
		}
		if object && !rest { // the key
			after := i + 1
			if j.at(i).kind == jsOpenBracket {
				after = j.at(i).match + 1
			}
			if j.at(after).kind == jsColon {
				i = after + 1
			}
		}
		switch t := j.at(i); {
		case t.kind.name():
			names = append(names, j.spelled(i))
		case t.kind == jsOpenBrace || t.kind == jsOpenBracket:
			names = j.pattern(names, i)
			i = t.match
		}
		for i++; i < end && j.at(i).kind != jsComma; i++ { // the default
			if m := j.at(i).match; m > i {
				i = m
			}
		}
	}
	return names
}

// jsUnquote returns the value of a string or template literal, escapes decoded; what is filled in stays as written.
func jsUnquote(s string) string {
	if len(s) < 2 {
		return s
	}
	s = s[1 : len(s)-1]
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 >= len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch c := s[i]; c {
		case 'n':
			b.WriteByte('\n')
		case 't':
			b.WriteByte('\t')
		case 'r':
			b.WriteByte('\r')
		case 'b':
			b.WriteByte('\b')
		case 'f':
			b.WriteByte('\f')
		case 'v':
			b.WriteByte('\v')
		case '0':
			b.WriteByte(0)
		case '\n':
		case '\r':
			if i+1 < len(s) && s[i+1] == '\n' {
				i++
			}
		case 'x', 'u':
			digits, size := "", 0
			switch {
			case c == 'x' && i+2 < len(s):
				digits, size = s[i+1:i+3], 2
			case c == 'u' && strings.HasPrefix(s[i+1:], "{"):
				if n := strings.IndexByte(s[i:], '}'); n > 2 {
					digits, size = s[i+2:i+n], n
				}
			case c == 'u' && i+4 < len(s):
				digits, size = s[i+1:i+5], 4
			}
			n, err := strconv.ParseUint(digits, 16, 32)
			if err != nil || n > utf8.MaxRune {
				b.WriteByte(c)
				continue
			}
			b.WriteRune(rune(n))
			i += size
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
