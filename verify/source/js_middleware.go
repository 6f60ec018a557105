package source

import (
	"slices"
	"strings"
)

// jsRouters are the last words of what routes requests, jsVerbs the methods by which a route is given its handlers.
var (
	jsRouters = wordSet("app router server fastify instance route routes")
	jsVerbs   = wordSet("get post put patch delete options head all")
	jsHooks   = wordSet("preHandler onRequest preValidation preParsing preSerialization onSend onResponse onError")
)

// middleware finds what is registered to run before or around handlers: app.use(x), app.get("/x", x, handler), fastify's
// register, hooks and options of a route, NestJS guards, interceptors and pipes, and the middleware that a file of Next.js
// exports.
func (j *jsFacts) middleware() {
	for i := range j.calls {
		c := &j.calls[i]
		if c.construct || c.open < 0 {
			continue
		}
		args := j.items[c.args.from:c.args.to]
		receiver, method := "", c.name
		if k := strings.LastIndexByte(c.name, '.'); k >= 0 {
			receiver, method = c.name[:k], c.name[k+1:]
		}
		switch {
		case receiver == "":
			switch method {
			case "UseGuards", "UseInterceptors", "UsePipes", "UseFilters":
				j.registered(args)
			case "applyMiddleware":
				if j.requires("redux") {
					j.registered(args)
				}
			}
		case method == "use":
			if root, _, _ := strings.Cut(receiver, "."); jsPlugged[strings.ToLower(root)] {
				continue
			}
			if len(args) > 1 && args[0].value.shape == jsName && jsPath(args[0].value.name) {
				args = args[1:]
			}
			j.registered(args)
		case method == "useGlobalPipes", method == "useGlobalGuards", method == "useGlobalInterceptors", method == "useGlobalFilters":
			j.registered(args)
		case method == "apply" && (receiver == "consumer" || strings.HasSuffix(receiver, "onsumer")):
			if j.forRoutes(c) {
				j.registered(args)
			}
		case !j.routes(c, receiver):
		case method == "register" && len(args) > 0:
			j.registered(args[:1])
			if _, module, open := j.called(args[0].tokens); jsHelmets[module] && open < 0 {
				options := jsRange{}
				if len(args) > 1 {
					options = args[1].tokens
				}
				j.helmetOptions(options, args[0].tokens.from)
			}
		case method == "route" && len(args) == 1 && args[0].value.shape == jsObjectValue:
			j.registered(args)
		case method == "all" && len(args) == 1 && strings.HasPrefix(receiver, "?"): // before the handlers of the methods that follow
			j.registered(args)
		case method == "addHook" && len(args) > 1:
			j.registered(args[1:])
		case jsVerbs[method] && len(args) > 1:
			if args[len(args)-1].value.shape == jsObjectValue || args[len(args)-1].value.shape == jsStringValue {
				continue
			}
			if strings.HasPrefix(receiver, "?") { // router.route("/x").get(a, handler): no path among them
				j.registered(args[:len(args)-1])
			} else if between := args[1 : len(args)-1]; len(between) != 1 || between[0].value.shape != jsName || !j.requires("fastify") {
				j.registered(between) // of fastify a name there is that of options
			}
		}
	}
	j.exported()
	j.provided()
}

// routes reports whether the receiver of a call is something that routes requests, by its last word.
func (j *jsFacts) routes(c *jsCall, receiver string) bool {
	if strings.HasPrefix(receiver, "?") {
		at := c.open - 3 // …) . method (
		for range 16 {
			t := j.at(at)
			if t.kind != jsCloseParen || t.match < 1 {
				return false
			}
			name := j.spelled(t.match - 1)
			if !jsVerbs[name] || !j.dotted(t.match-2) { // router.route("/x").all(a).post(b)
				return name == "route"
			}
			at = t.match - 3
		}
		return false
	}
	ws := words(receiver[strings.LastIndexByte(receiver, '.')+1:])
	return len(ws) > 0 && jsRouters[ws[len(ws)-1]]
}

// registered notes the middleware among arguments: paths, patterns and plain values are none.
func (j *jsFacts) registered(args []jsItem) {
	for _, a := range args {
		switch v := a.value; v.shape {
		case jsName:
			j.middle(v.name, a.tokens.from)
		case jsCallValue:
			name, _, open := j.called(a.tokens)
			j.middle(name, a.tokens.from)
			j.helmet(a.tokens)
			if last := name[strings.LastIndexByte(name, '.')+1:]; open >= 0 && (last == "compose" || last == "applyDecorators") {
				j.composed(open)
			}
		case jsClassValue, jsFunctionValue:
			j.middle(j.functions[v.ref].name, a.tokens.from)
		case jsObjectValue:
			for _, p := range j.properties(a.tokens.from) {
				if jsHooks[p.name] {
					j.listed(p.value)
				}
			}
		default:
			if j.at(a.tokens.from).kind == jsOpenBracket {
				j.listed(a.tokens)
			}
		}
	}
}

// jsPlugged are names of libraries whose use registers a plugin and nothing that answers requests.
var jsPlugged = wordSet("chai i18n i18next vue react marked unified remark rehype postcss dayjs videojs quill")

// jsPath reports whether a name is that of a path.
func jsPath(name string) bool {
	ws := words(name)
	return len(ws) > 0 && jsPaths[ws[len(ws)-1]]
}

var jsPaths = wordSet("path paths prefix route url uri endpoint base pattern mount")

// requires reports whether the file imports the module, or one of that scope's or its types.
func (j *jsFacts) requires(module string) bool {
	return slices.ContainsFunc(j.imports, func(i jsImported) bool { return i.module == module || strings.HasPrefix(i.module, "@"+module+"/") })
}

// forRoutes reports whether the middleware that NestJS is told to apply is given routes.
func (j *jsFacts) forRoutes(c *jsCall) bool {
	for range 16 {
		end := j.at(c.open).match
		if !j.dotted(end+1) || !j.at(end+2).kind.word() {
			return false
		}
		if j.spelled(end+2) == "forRoutes" {
			return true
		}
		if j.at(end+3).kind != jsOpenParen {
			return false
		}
		c = &jsCall{open: end + 3}
	}
	return false
}

// composed notes the arguments of compose(a, b()) or compose([a, b()]).
func (j *jsFacts) composed(open int32) {
	for i, end := open+1, j.at(open).match; i < end; i++ {
		from := i
		for ; i < end && j.at(i).kind != jsComma; i++ {
			if m := j.at(i).match; m > i {
				i = m
			}
		}
		j.listed(jsRange{from, i})
	}
}

// listed notes one name, one call, or those of an array.
func (j *jsFacts) listed(r jsRange) {
	if t := j.at(r.from); t.kind != jsOpenBracket {
		j.middle(j.callName(r), r.from)
		return
	}
	end := j.at(r.from).match
	for i := r.from + 1; i < end; i++ {
		from := i
		for ; i < end && j.at(i).kind != jsComma; i++ {
			if m := j.at(i).match; m > i {
				i = m
			}
		}
		j.middle(j.callName(jsRange{from, i}), from)
	}
}

func (j *jsFacts) middle(name string, at int32) {
	if name == "" || strings.HasPrefix(name, "?") {
		return
	}
	j.f.Middle = append(j.f.Middle, Reference{Name: name, Line: j.f.LineOf(int(j.at(at).start))})
}

// callName returns the dotted name that a range of tokens begins with, new and await left out: "helmet" for helmet().
func (j *jsFacts) callName(r jsRange) string {
	i := r.from
	for i < r.to && (j.at(i).kind == jsNew || j.at(i).kind == jsAwait) {
		i++
	}
	if k := j.at(i).kind; i >= r.to || !k.name() && k != jsThis || j.at(i+1).kind == jsArrow {
		return ""
	}
	name := j.spelled(i)
	if name == "async" && j.at(i+1).kind != jsOpenParen || name == "require" || name == "undefined" {
		return ""
	}
	if t := j.at(i + 1); t.kind == jsOpenParen && j.at(t.match+1).kind == jsArrow { // async () => …
		return ""
	}
	for i+2 < r.to && j.dotted(i+1) && j.at(i+2).kind.word() {
		name += "." + j.spelled(i+2)
		i += 2
	}
	return name
}

// exported notes the function middleware that a file exports.
func (j *jsFacts) exported() {
	for i := range j.functions {
		fn := &j.functions[i]
		if fn.name == "middleware" && fn.owner == "" && fn.kind == Function && !fn.nested && fn.body.End > fn.body.Start &&
			strings.HasPrefix(j.text[fn.start:], "export") {
			j.f.Middle = append(j.f.Middle, Reference{Name: fn.name, Line: j.f.LineOf(int(fn.at))})
		}
	}
}

// provided notes { provide: APP_GUARD, useClass: X } of NestJS.
func (j *jsFacts) provided() {
	for i := range int32(len(j.toks)) {
		t := &j.toks[i]
		if t.kind != jsIdent || t.end-t.start < 8 || j.text[t.start] != 'A' || j.at(i-1).kind != jsColon || j.spelled(i-2) != "provide" {
			continue
		}
		switch j.spelled(i) {
		case "APP_GUARD", "APP_INTERCEPTOR", "APP_PIPE", "APP_FILTER":
		default:
			continue
		}
		open := i - 3
		for range 64 { // back to the brace of the provider
			if m := j.at(open).match; m >= 0 && m < open {
				open = m - 1
			} else if j.at(open).kind == jsOpenBrace {
				break
			} else {
				open--
			}
		}
		for _, use := range []string{"useClass", "useExisting", "useValue"} {
			if p, ok := j.property(open, use); ok && j.at(open).match > i {
				j.middle(j.callName(p.value), p.value.from)
			}
		}
	}
}

// jsDeclared tells whether a parameter goes through a pipe of NestJS: @Param("id", ParseIntPipe) id, or @UsePipes(…) on the
// method of a parameter that has a decorator. A type alone checks nothing when the program runs.
func jsDeclared(f *File, d *Decl, p *Param) (line int, how string, ok bool) {
	decorated := false
	for _, c := range f.Within(p.Span) {
		if c.Span.Start == 0 || f.Text[c.Span.Start-1] != '@' {
			continue
		}
		decorated = true
		for _, a := range c.Args {
			if name := jsPipe(f.part(a)); name != "" {
				return c.Line, "goes through " + name, true
			}
		}
	}
	if !decorated {
		return 0, "", false
	}
	for _, dec := range d.Decorators {
		if dec.Name == "UsePipes" && strings.Contains(dec.Text, "Pipe") {
			return dec.Line, "goes through @UsePipes", true
		}
	}
	return 0, "", false
}

// jsPipe returns the name of the pipe that an argument is: ParseIntPipe, new ValidationPipe({…}). One that only gives a
// default checks nothing.
func jsPipe(arg string) string {
	name := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(arg), "new "))
	if i := strings.IndexAny(name, "(<"); i >= 0 {
		name = name[:i]
	}
	if !strings.HasSuffix(name, "Pipe") || strings.HasPrefix(name, "Default") || strings.ContainsAny(name, " \"'`") {
		return ""
	}
	return name
}
