package source

import (
	"slices"
	"strings"
)

// jsProperty is one member of an object literal: the token of its key and the range of its value. A method has its
// parameters and body for a value.
type jsProperty struct {
	name  string
	key   int32
	value jsRange
}

// properties returns the members of the object whose brace has that index, those with a plain key only.
func (j *jsFacts) properties(open int32) []jsProperty {
	if j.at(open).kind != jsOpenBrace {
		return nil
	}
	var all []jsProperty
	end := j.at(open).match
	for i := open + 1; i < end; i++ {
		p := jsProperty{key: i}
		switch t := j.at(i); {
		case t.kind == jsString:
			p.name = jsUnquote(j.spelled(i))
		case t.kind.word():
			p.name = j.spelled(i)
		}
		if t := j.at(i); t.kind == jsOpenBracket && t.match == i+2 && j.at(i+1).kind == jsString { // ["x"]: …
			p.name, i = jsUnquote(j.spelled(i+1)), t.match
		}
		p.value.from = i + 1
		if j.at(i+1).kind == jsColon {
			p.value.from = i + 2
		} else if j.at(i+1).kind == jsComma || i+1 == end { // shorthand
			p.value.from = i
		}
		for ; i < end && j.at(i).kind != jsComma; i++ {
			if m := j.at(i).match; m > i {
				i = m
			}
		}
		p.value.to = i
		if p.name != "" {
			all = append(all, p)
		}
	}
	return all
}

// property returns the member of that name of the object whose brace has that index.
func (j *jsFacts) property(open int32, name string) (jsProperty, bool) {
	all := j.properties(open)
	i := slices.IndexFunc(all, func(p jsProperty) bool { return p.name == name })
	if i < 0 {
		return jsProperty{}, false
	}
	return all[i], true
}

// literal returns the value of a range of tokens that is one literal.
func (j *jsFacts) literal(r jsRange) (string, bool) {
	if r.to-r.from != 1 {
		return "", false
	}
	switch t := j.at(r.from); t.kind {
	case jsString, jsTemplate:
		return jsUnquote(j.spelled(r.from)), true
	case jsNumber, jsTrue, jsFalse:
		return j.spelled(r.from), true
	}
	return "", false
}

func (j *jsFacts) header(name string, value jsRange, at int32) {
	if name == "" {
		return
	}
	v, known := j.literal(value)
	j.f.Headers = append(j.f.Headers, Header{Name: name, Value: v, Known: known, Line: j.f.LineOf(int(j.at(at).start))})
}

// headerObject notes the headers of { "X-A": "1" }, new Headers({…}) and [["X-A", "1"]].
func (j *jsFacts) headerObject(r jsRange) {
	if j.at(r.from).kind == jsNew && j.spelled(r.from+1) == "Headers" && j.at(r.from+2).kind == jsOpenParen {
		r = jsRange{r.from + 3, j.at(r.from + 2).match}
	}
	switch t := j.at(r.from); t.kind {
	case jsOpenBrace:
		for _, p := range j.properties(r.from) {
			j.header(p.name, p.value, p.key)
		}
	case jsOpenBracket:
		for i := r.from + 1; i < t.match; i++ {
			pair := j.at(i)
			if pair.kind == jsOpenBracket && j.at(i+1).kind == jsString && j.at(i+2).kind == jsComma {
				j.header(jsUnquote(j.spelled(i+1)), jsRange{i + 3, pair.match}, i+1)
			}
			i = max(i, pair.match)
		}
	}
}

// jsAnswers are names of what answers a request, jsAsks of what holds one; headers set on the latter are not answered.
var (
	jsAnswers = wordSet("res response resp reply ctx c rep answer nextresponse result")
	jsAsks    = wordSet("req request xhr fetch axios http client superagent got ky agent outgoing")
)

// headers finds the headers that an answer is given: by a setter of it, in an object it is made with, by an index into its
// headers, or in the headers of a configuration of Next.js. Reading headers and those of a request that is sent count for
// nothing.
func (j *jsFacts) headers() {
	handed := j.answered()
	for i := range j.calls {
		c := &j.calls[i]
		args := j.items[c.args.from:c.args.to]
		if len(args) == 0 {
			continue
		}
		if j.makesAnswer(c) {
			for _, a := range args {
				if h, ok := j.property(a.tokens.from, "headers"); ok && a.value.shape == jsObjectValue {
					j.headerObject(h.value)
				}
			}
			continue
		}
		j.headerSetter(c, args, handed)
	}
	for i := range int32(len(j.toks)) {
		if j.toks[i].kind == jsIdent && j.toks[i].end-j.toks[i].start == 7 && j.spelled(i) == "headers" {
			j.headerIndex(i)
			j.headerPairs(i)
		}
	}
}

// makesAnswer reports whether a call makes an answer from an object with headers.
func (j *jsFacts) makesAnswer(c *jsCall) bool {
	switch c.name {
	case "Response", "NextResponse":
		return c.construct
	case "Response.json", "NextResponse.json", "NextResponse.next", "NextResponse.rewrite", "NextResponse.redirect":
		return true
	}
	return false
}

// answered returns the names of what is handed to an answer as its headers: new Response(body, { headers: h }).
func (j *jsFacts) answered() map[string]bool {
	names := map[string]bool{}
	for i := range j.calls {
		c := &j.calls[i]
		if !j.makesAnswer(c) {
			continue
		}
		for _, a := range j.items[c.args.from:c.args.to] {
			if h, ok := j.property(a.tokens.from, "headers"); ok && h.value.to-h.value.from == 1 {
				names[j.spelled(h.value.from)] = true
			}
		}
	}
	return names
}

// headerSetter notes the headers that a call sets.
func (j *jsFacts) headerSetter(c *jsCall, args []jsItem, handed map[string]bool) {
	receiver, method := "", c.name
	if i := strings.LastIndexByte(c.name, '.'); i >= 0 {
		receiver, method = c.name[:i], c.name[i+1:]
	}
	switch method {
	case "set", "append", "header", "headers", "Header", "setHeader", "setHeaders", "appendHeader", "writeHead", "setResponseHeader",
		"setResponseHeaders":
	default:
		return
	}
	if receiver == "" { // setHeader(event, "X", value)
		if (method == "setHeader" || method == "setResponseHeader" || method == "appendHeader") && len(args) >= 3 {
			j.headerArgument(args[1], args[2])
		}
		if method == "Header" && len(args) == 2 && c.start > 0 && j.text[c.start-1] == '@' { // of NestJS
			j.headerArgument(args[0], args[1])
		}
		if (method == "setHeaders" || method == "setResponseHeaders") && len(args) >= 2 {
			j.headerObject(args[1].tokens)
		}
		return
	}
	if strings.HasPrefix(receiver, "?") {
		root := j.root(c)
		receiver = root + receiver[1:]
		if root == "" {
			return
		}
	}
	parts := strings.Split(receiver, ".")
	asks, answers := false, false
	for _, p := range parts {
		p = strings.ToLower(strings.TrimLeft(p, "_#$"))
		asks = asks || jsAsks[p]
		answers = answers || jsAnswers[p] || strings.HasSuffix(p, "response") || strings.HasSuffix(p, "reply")
	}
	if asks && !answers {
		return
	}
	last := parts[len(parts)-1]
	switch method {
	case "set", "append":
		if !answers && !handed[receiver] {
			return
		}
		if last == "cookies" || last == "searchParams" || last == "state" || last == "locals" {
			return
		}
	case "Header":
		return
	case "headers", "header":
		if !answers && receiver != "this" && len(parts) > 1 {
			return
		}
	case "writeHead":
		for _, a := range args[1:] {
			j.headerObject(a.tokens)
		}
		return
	}
	switch {
	case args[0].value.shape == jsObjectValue:
		j.headerObject(args[0].tokens)
	case len(args) >= 2:
		j.headerArgument(args[0], args[1])
	}
}

func (j *jsFacts) headerArgument(name, value jsItem) {
	if n, ok := j.literal(name.tokens); ok && name.value.shape == jsStringValue {
		j.header(n, value.tokens, name.tokens.from)
	}
}

// root returns the dotted name that a chain of calls begins with: "res" for res.status(200).set(…).
func (j *jsFacts) root(c *jsCall) string {
	i := c.open - 2 // before the name of the method
	for range 64 {
		switch t := j.at(i); {
		case t.kind == jsCloseParen || t.kind == jsCloseBracket:
			i = t.match - 1
		case t.kind == jsDot || t.kind == jsOptional:
			i--
		case t.kind.word():
			if !j.dotted(i - 1) {
				return j.spelled(i)
			}
			i -= 2
		default:
			return ""
		}
	}
	return ""
}

// headerIndex notes response.headers["X"] = value.
func (j *jsFacts) headerIndex(i int32) {
	bracket := j.at(i + 1)
	if !j.dotted(i-1) || bracket.kind != jsOpenBracket || j.at(i+2).kind != jsString || bracket.match != i+3 || j.at(i+4).kind != jsAssign {
		return
	}
	if receiver := strings.ToLower(j.spelled(i - 2)); !jsAnswers[receiver] && !strings.HasSuffix(receiver, "response") {
		return
	}
	value := jsRange{i + 5, i + 6}
	if k := j.at(i + 6).kind; k != jsSemicolon && k != jsCloseBrace && k != jsEOF && !j.at(i+6).newline {
		value.to = value.from
	}
	j.header(jsUnquote(j.spelled(i+2)), value, i+2)
}

// headerPairs notes headers: [{ key: "X", value: "v" }], as a configuration of Next.js returns them.
func (j *jsFacts) headerPairs(i int32) {
	list := j.at(i + 2)
	if j.at(i+1).kind != jsColon || list.kind != jsOpenBracket {
		return
	}
	for k := i + 3; k < list.match; k++ {
		if j.at(k).kind == jsOpenBrace {
			key, isKey := j.property(k, "key")
			value, isValue := j.property(k, "value")
			if name, ok := j.literal(key.value); ok && isKey && isValue {
				j.header(name, value.value, key.value.from)
			}
		}
		k = max(k, j.at(k).match)
	}
}
