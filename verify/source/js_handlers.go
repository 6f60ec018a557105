package source

import (
	"sort"
	"strings"
)

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
		case strings.HasSuffix(c.name, ".setErrorHandler"), strings.HasSuffix(c.name, ".onError"): // of fastify, Hono, Elysia
			how = c.name[strings.LastIndexByte(c.name, '.'):]
		case strings.HasSuffix(c.name, ".on"), strings.HasSuffix(c.name, ".once"), strings.HasSuffix(c.name, ".addListener"):
			if len(args) > 1 && args[0].value.shape == jsStringValue {
				if event, _ := j.literal(args[0].tokens); event == "error" {
					how, index = `.on("error")`, 1
				}
			}
		}
		if how != "" && len(args) > index && j.handles(args[index]) {
			f.Handlers = append(f.Handlers, Handler{How: how, Span: Span{int(c.start), int(c.end)}, Line: f.LineOf(int(j.at(c.open).start))})
		}
	}
}

// errorFunctions finds the functions that a framework gives errors to: error middleware of Express, known by its four
// parameters, exception filters of NestJS and error boundaries of React. One that only hands the error on handles nothing.
func (j *jsFacts) errorFunctions() {
	filters := map[string]bool{}
	for i := range j.functions {
		fn := &j.functions[i]
		for _, d := range j.decorators[fn.decorators.from:fn.decorators.to] {
			if fn.kind == Class && d.name == "Catch" {
				filters[fn.name] = true
			}
		}
	}
	for i := range j.functions {
		fn := &j.functions[i]
		if fn.kind != Function || fn.body.Empty() {
			continue
		}
		how := ""
		params := fn.params.to - fn.params.from
		switch {
		case params == 4:
			how = "error middleware"
		case fn.name == "catch" && fn.owner != "" && filters[fn.owner]:
			how = "@Catch"
		case fn.name == "componentDidCatch" || fn.name == "getDerivedStateFromError":
			how = fn.name
		default:
			continue
		}
		names := j.names(fn)
		if len(names) == 0 || params == 4 && (len(names) != 4 || !jsErrorName(names[0])) {
			continue
		}
		body := jsRange{j.tokenAt(fn.body.Start), j.tokenAt(fn.body.End)}
		if j.does(body, names[0]) && !j.handsOn(body, names) {
			j.f.Handlers = append(j.f.Handlers, Handler{How: how, Span: fn.body, Line: j.f.LineOf(int(fn.at))})
		}
	}
}

// handsOn reports whether a body is no more than next(err), or its return.
func (j *jsFacts) handsOn(body jsRange, names []string) bool {
	i := body.from
	if j.at(i).kind == jsReturn {
		i++
	}
	if len(names) != 4 || j.spelled(i) != names[3] || j.at(i+1).kind != jsOpenParen || j.spelled(i+2) != names[0] || j.at(i+1).match != i+3 {
		return false
	}
	for i += 4; i < body.to; i++ {
		if j.at(i).kind != jsSemicolon {
			return false
		}
	}
	return true
}

// tokenAt returns the index of the first token at or after an offset.
func (j *jsFacts) tokenAt(offset int) int32 {
	return int32(sort.Search(len(j.toks), func(i int) bool { return int(j.toks[i].start) >= offset }))
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
	if name := j.spelled(condition.from); jsErrorName(name) {
		return name
	}
	return ""
}

// jsErrorName reports whether a name is that of an error.
func jsErrorName(name string) bool {
	switch strings.ToLower(strings.TrimLeft(name, "_")) {
	case "err", "error", "er", "e", "ex", "exception", "cause", "reason":
		return true
	}
	return strings.HasSuffix(name, "Err") || strings.HasSuffix(name, "Error")
}
