package source

import "strings"

// handlers finds the places where an error is handled: a catch with a body that does more than throw on, .catch(f), the
// second function of .then, and "if (err)" of callbacks. Finally alone handles nothing.
func (j *jsFacts) handlers() {
	f := j.f
	for _, t := range j.tries {
		if j.does(t.body, t.param) {
			f.Handlers = append(f.Handlers, Handler{How: "catch", Span: Span{int(t.start), int(t.end)}, Line: f.LineOf(int(t.at))})
		}
	}
	for _, b := range j.branches {
		name := j.failure(b.condition)
		body := b.body
		if j.at(body.from).kind == jsOpenBrace {
			body = jsRange{body.from + 1, body.to - 1}
		}
		if name != "" && j.does(body, name) {
			f.Handlers = append(f.Handlers, Handler{How: "if (" + name + ")", Span: Span{int(b.start), int(b.end)}, Line: f.LineOf(int(b.start))})
		}
	}
	for i := range j.calls {
		c := &j.calls[i]
		args := j.items[c.args.from:c.args.to]
		how, index := "", 0
		switch {
		case c.construct || c.open < 0:
		case strings.HasSuffix(c.name, ".catch"):
			how = ".catch"
		case strings.HasSuffix(c.name, ".then"):
			how, index = ".then", 1
		}
		if how != "" && len(args) > index && j.handles(args[index]) {
			f.Handlers = append(f.Handlers, Handler{How: how, Span: Span{int(c.start), int(c.end)}, Line: f.LineOf(int(j.at(c.open).start))})
		}
	}
}

// does reports whether statements do anything: more than nothing, and more than throwing the error on unseen.
func (j *jsFacts) does(body jsRange, name string) bool {
	var some []int32
	for i := body.from; i < body.to && len(some) < 3; i++ {
		if j.at(i).kind != jsSemicolon && j.at(i).kind != jsOpenBrace && j.at(i).kind != jsCloseBrace {
			some = append(some, i)
		}
	}
	switch len(some) {
	case 0:
		return false
	case 1: // return; continue
		k := j.at(some[0]).kind
		return k != jsReturn && k != jsContinue && k != jsBreak && !k.name() && k != jsNull && k != jsString
	case 2: // throw err
		return j.at(some[0]).kind != jsThrow || j.spelled(some[1]) != name
	}
	return true
}

// handles reports whether an argument is a function that does something with an error: a name is taken at its word, unless
// it says that it does nothing.
func (j *jsFacts) handles(arg jsItem) bool {
	switch v := arg.value; v.shape {
	case jsFunctionValue:
		fn := &j.functions[v.ref]
		name := ""
		if names := j.names(fn); len(names) > 0 {
			name = names[0]
		}
		last := arg.tokens.to - 1
		if j.at(last).kind == jsCloseBrace && int(j.at(last).start) == fn.body.End { // { statements }
			return j.does(jsRange{j.at(last).match + 1, last}, name)
		}
		return fn.body.End-fn.body.Start > 0 && !jsNothing[strings.TrimSpace(j.text[fn.body.Start:fn.body.End])]
	case jsName:
		last := strings.ToLower(v.name[strings.LastIndexByte(v.name, '.')+1:])
		return last != "noop" && last != "undefined" && last != "identity"
	case jsCallValue:
		return true
	}
	return false
}

var jsNothing = map[string]bool{"null": true, "undefined": true, "void 0": true, "({})": true, "[]": true, "''": true, "false": true, "true": true}

// failure returns the name of the error that a condition looks at, or "".
func (j *jsFacts) failure(condition jsRange) string {
	if condition.to <= condition.from || !j.at(condition.from).kind.name() {
		return ""
	}
	name := j.spelled(condition.from)
	switch strings.ToLower(name) {
	case "err", "error", "er", "e", "ex", "exception", "cause", "reason":
		return name
	}
	if strings.HasSuffix(name, "Err") || strings.HasSuffix(name, "Error") {
		return name
	}
	return ""
}

// environment finds the variables of the environment that are read: process.env.X and its like in other runtimes. Setting
// and deleting them is no reading.
func (j *jsFacts) environment() {
	for i := range int32(len(j.toks)) {
		if j.toks[i].kind != jsIdent || j.toks[i].end-j.toks[i].start != 3 || j.spelled(i) != "env" || !j.dotted(i-1) {
			continue
		}
		root := j.spelled(i - 2)
		switch {
		case root == "process" || root == "Bun":
		case root == "meta" && j.dotted(i-3) && j.at(i-4).kind == jsImport:
		case root == "Deno":
			if m := j.spelled(i + 2); j.dotted(i+1) && (m == "get" || m == "has") && j.at(i+3).kind == jsOpenParen && j.at(i+4).kind == jsString {
				j.variable(jsUnquote(j.spelled(i+4)), i)
			}
			continue
		default:
			continue
		}
		next := j.at(i + 1)
		switch {
		case j.dotted(i+1) && j.at(i+2).kind == jsOpenBracket && j.at(i+3).kind == jsString: // ?.["X"]
			j.read(jsUnquote(j.spelled(i+3)), i, i+5)
		case j.dotted(i+1) && j.at(i+2).kind.word():
			j.read(j.spelled(i+2), i, i+3)
		case next.kind == jsOpenBracket && (j.at(i+2).kind == jsString || j.at(i+2).kind == jsTemplate) && next.match == i+3:
			j.read(jsUnquote(j.spelled(i+2)), i, i+4)
		default:
			j.unpacked(i)
		}
	}
}

// dotted reports whether the token is . or ?. between names.
func (j *jsFacts) dotted(i int32) bool { k := j.at(i).kind; return k == jsDot || k == jsOptional }

// read notes a variable unless what follows sets it.
func (j *jsFacts) read(name string, at, after int32) {
	start := at - 2
	for j.dotted(start - 1) {
		start -= 2
	}
	if j.at(after).kind == jsAssign || j.at(start-1).kind == jsDelete {
		return
	}
	j.variable(name, at)
}

func (j *jsFacts) variable(name string, at int32) {
	if name != "" {
		j.f.Env = append(j.f.Env, Reference{Name: name, Line: j.f.LineOf(int(j.at(at).start))})
	}
}

// unpacked notes the variables of const { A, B: b } = process.env, and of "A" in process.env.
func (j *jsFacts) unpacked(i int32) {
	start := i - 2
	for j.dotted(start - 1) {
		start -= 2
	}
	if j.at(start-1).kind == jsIn && j.at(start-2).kind == jsString {
		j.variable(jsUnquote(j.spelled(start-2)), start-2)
		return
	}
	if j.at(start-1).kind != jsAssign || j.at(start-2).kind != jsCloseBrace {
		return
	}
	end := start - 2
	for k := j.at(end).match + 1; k < end; k++ {
		switch t := j.at(k); {
		case t.kind == jsEllipsis:
			return
		case t.kind.word():
			j.variable(j.spelled(k), k)
		case t.kind == jsString:
			j.variable(jsUnquote(j.spelled(k)), k)
		}
		for ; k < end && j.at(k).kind != jsComma; k++ { // the new name and the default
			if m := j.at(k).match; m > k {
				k = m
			}
		}
	}
}
