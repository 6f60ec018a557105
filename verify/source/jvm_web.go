package source

import (
	"slices"
	"strings"
	"unicode"
)

// web reads what calls and annotations mean: environment, headers, middleware, tests.
func (j *jvm) web() {
	handed := j.handedHeaders()
	for i := range j.Calls {
		if len(j.Calls[i].Args) == 0 && !j.is(j.opens[i], "{") {
			continue
		}
		if name := j.Calls[i].Name; !jvmCallWords[lastPart(name)] {
			continue
		}
		c := j.call(i)
		j.environment(c)
		j.header(c, handed)
		j.registers(c)
		j.recovers(c)
	}
	for i := range j.Decls {
		j.annotated(i)
	}
	for _, m := range j.marks {
		if lastPart(m.name) == "Value" {
			j.placeholders(m)
		}
	}
	j.secured()
	j.tests()
}

// jvmCallWords are the last parts of names of calls that mean something to web.
var jvmCallWords = wordSet(`setHeader addHeader setIntHeader addIntHeader setDateHeader addDateHeader header putHeader StaticHeadersWriter
	set add put append setIfAbsent addIfAbsent putSingle putIfAbsent
	getenv get getOrDefault getOrElse getValue containsKey contains apply environmentVariable
	addFilterBefore addFilterAfter addFilterAt addFilter setFilter FilterRegistrationBean addInterceptor register install intercept handler
	before beforeMatched after afterMatched
	exception catch onFailure recover recoverCatching fold exceptionally exceptionallyCompose onErrorResume onErrorReturn onErrorMap
	onErrorResumeNext onErrorReturnItem`)

// jvmCall is a call and what is called on.
type jvmCall struct {
	*Call
	open  int      // index of the bracket
	args  [][2]int // as tokens
	last  string   // of its name
	on    []string // what stands before the last part: names and the names of calls, from the first on; "new X" for a construction
	calls []bool   // for each of on, whether it is a call
}

// call describes the call of that index.
func (j *jvm) call(i int) *jvmCall {
	c := &jvmCall{Call: &j.Calls[i], open: j.opens[i], last: lastPart(strings.TrimPrefix(j.Calls[i].Name, "?."))}
	if j.is(c.open, "(") {
		c.args = j.items(c.open, ",")
	}
	return c
}

// receiver fills in what the call is called on. It looks at a bounded part of a chain.
func (j *jvm) receiver(c *jvmCall) {
	if c.on != nil {
		return
	}
	c.on = []string{}
	if parts := strings.Split(c.Name, "."); parts[0] != "?" {
		c.on = parts[:len(parts)-1]
		c.calls = make([]bool, len(c.on))
		return
	}
	i := c.open - 1
	if j.is(i, ">") && j.angled != nil && j.angled[i] {
		for n := 0; i > 0 && n < 100 && !(j.is(i, "<") && j.angled[i]); n++ {
			i--
		}
		i--
	}
	for n := 0; n < 40; n++ {
		i-- // before the name
		for j.isAny(i, ".", "?.", "!!", "?") {
			i--
		}
		call := false
		for j.isAny(i, ")", "]", "}") && j.partner(i) >= 0 {
			call = call || !j.is(i, "]")
			i = j.partner(i) - 1
		}
		w := j.word(i)
		if w == "" {
			break
		}
		name := w
		if j.is(i-1, "new") {
			name = "new " + w
		}
		c.on, c.calls = append(c.on, name), append(c.calls, call)
		if !j.isAny(i-1, ".", "?.", "!!") {
			break
		}
	}
	slices.Reverse(c.on)
	slices.Reverse(c.calls)
}

// jvmAnswers are words of the names and types of what answers a request, jvmAsks those of what asks.
var (
	jvmAnswers = wordSet("response resp res rsp reply answer")
	jvmAsks    = wordSet("request req connection conn client post httpget webclient then expect expectheader assert mockmvc")
)

// answers reports whether what a call is called on is an answer to a request: by a word of a name in it, or by the type of the first.
func (j *jvm) answers(c *jvmCall) bool {
	j.receiver(c)
	if len(c.on) == 0 {
		return false
	}
	answer := false
	for i, part := range c.on {
		texts := []string{part}
		if i == 0 && !c.calls[0] {
			if t := j.types[part]; t != "" {
				texts = append(texts, t)
			}
		} else if i == 1 && (c.on[0] == "this" || c.on[0] == "self") {
			texts = append(texts, j.types[part])
		}
		for _, text := range texts {
			ws := words(text)
			for _, w := range ws {
				if jvmAsks[w] && !(len(ws) > 1 && jvmAnswers[ws[len(ws)-1]]) {
					return false
				}
				answer = answer || jvmAnswers[w]
			}
		}
	}
	return answer || j.types[c.on[0]] == "Context" && j.importsFrom("io.javalin") || c.on[0] == "ctx" && j.importsFrom("io.javalin")
}

// text returns the value of the tokens when they are a literal, the name of a constant of this file, or one wrapped once.
func (j *jvm) textOf(a, b int) (string, bool) {
	switch {
	case b == a+1 && j.word(a) != "":
		s, ok := j.consts[j.word(a)]
		return s, ok
	case b == a+1:
		return j.literalValue(a)
	case j.is(a, "new") && j.is(a+2, "(") && j.partner(a+2) == b-1 && b == a+5: // new HttpString("X")
		return j.textOf(a+3, a+4)
	case b == a+3 && j.is(a+1, ".") && j.bound[j.word(a+2)] && isTitle(j.word(a)): // Headers.NAME of this file
		if s, ok := j.consts[j.word(a+2)]; ok && len(j.Lookup(j.word(a))) > 0 {
			return s, true
		}
	}
	return "", false
}

func isTitle(w string) bool { return w != "" && unicode.IsUpper(rune(w[0])) }

// headerName returns the name of the header that the tokens say: as text, or as a constant of a library.
func (j *jvm) headerName(a, b int) (string, bool) {
	if s, ok := j.textOf(a, b); ok {
		return s, s != ""
	}
	name := j.word(b - 1)
	if b-a == 1 { // imported as it is
		known := slices.ContainsFunc(j.Imports, func(im Import) bool {
			return jvmHeaderTables[lastPart(im.Module)] && (slices.Contains(im.Names, name) || slices.Contains(im.Names, "*"))
		})
		if !known || name != strings.ToUpper(name) {
			return "", false
		}
	} else if b-a < 3 || !j.is(b-2, ".") || !jvmHeaderTables[j.word(b-3)] || name == "" {
		return "", false
	}
	if name == strings.ToUpper(name) {
		return strings.ReplaceAll(titled(strings.Split(strings.ToLower(name), "_")), "Etag", "ETag"), true
	}
	if name == "ETag" {
		return name, true
	}
	return titled(words(name)), true
}

// jvmHeaderTables are the classes that hold the names of headers.
var jvmHeaderTables = wordSet("HttpHeaders HttpHeaderNames HeaderNames HttpHeader Headers")

// titled joins words to the name of a header.
func titled(ws []string) string {
	for i, w := range ws {
		if w != "" {
			ws[i] = strings.ToUpper(w[:1]) + w[1:]
		}
	}
	return strings.Join(ws, "-")
}

// sets notes a header: the name of the tokens of one argument, the value of those of another.
func (j *jvm) sets(name, value [2]int) {
	n, ok := j.headerName(name[0], name[1])
	if !ok {
		return
	}
	h := Header{Name: n, Line: j.lineOf(name[0])}
	h.Value, h.Known = j.textOf(value[0], value[1])
	j.Headers = append(j.Headers, h)
}

// handedName is a name that is given to an answer as its headers, in a function.
type handedName struct {
	name     string
	function int
}

// handedHeaders finds what is given to an answer as its headers: new ResponseEntity<>(body, h, status), ok().headers(h), and what
// is taken from one: h = response.getHeaders().
func (j *jvm) handedHeaders() map[handedName]bool {
	found := map[handedName]bool{}
	for i := range j.Calls {
		switch lastPart(j.Calls[i].Name) {
		case "ResponseEntity", "headers", "httpHeaders", "getHeaders", "getResponseHeaders":
		default:
			continue
		}
		c := j.call(i)
		switch c.last {
		case "ResponseEntity":
		case "headers", "httpHeaders":
			if !j.answers(c) {
				continue
			}
		case "getHeaders", "getResponseHeaders":
			if j.answers(c) || c.last == "getResponseHeaders" {
				k := c.open
				for k > 0 && !j.isAny(k, ";", "{", "}", "=") && c.open-k < 30 {
					k--
				}
				if j.is(k, "=") && j.is(c.open+2, ";") {
					found[handedName{j.word(k - 1), j.enclosing(c.open)}] = true
				}
			}
			continue
		default:
			continue
		}
		for _, a := range c.args {
			if a[1] == a[0]+1 && j.word(a[0]) != "" {
				found[handedName{j.word(a[0]), j.enclosing(c.open)}] = true
			}
		}
	}
	return found
}

// header notes the header that a call sets on an answer. Headers of what is asked for, and those that are read, are none.
func (j *jvm) header(c *jvmCall, handed map[handedName]bool) {
	switch c.last {
	case "setHeader", "addHeader", "setIntHeader", "addIntHeader", "setDateHeader", "addDateHeader", "header", "putHeader":
		if len(c.args) >= 2 && (j.answers(c) || c.Name == "header" && j.defaultHeaders(c.open)) {
			j.sets(c.args[0], c.args[1])
		}
	case "StaticHeadersWriter":
		if len(c.args) >= 2 && j.is(c.open-2, "new") {
			j.sets(c.args[0], c.args[1])
		}
	case "set", "add", "put", "append", "setIfAbsent", "addIfAbsent", "putSingle", "putIfAbsent":
		if len(c.args) < 2 {
			return
		}
		j.receiver(c)
		n := len(c.on)
		if n == 0 {
			return
		}
		ws := words(c.on[n-1])
		if len(ws) == 0 || ws[len(ws)-1] != "headers" && !(n == 1 && handed[handedName{c.on[0], j.enclosing(c.open)}]) {
			return
		}
		if n == 1 && !c.calls[0] && handed[handedName{c.on[0], j.enclosing(c.open)}] || j.answers(c) {
			j.sets(c.args[0], c.args[1])
		}
	}
}

// defaultHeaders reports whether a token stands in the lambda of Ktor's install(DefaultHeaders).
func (j *jvm) defaultHeaders(token int) bool {
	if !j.importsFrom("io.ktor") {
		return false
	}
	if j.defaults == nil {
		j.defaults = [][2]int{}
		for i := range j.Calls {
			c := j.call(i)
			if c.last != "install" || len(c.args) != 1 || !j.is(c.args[0][1]-1, "DefaultHeaders") {
				continue
			}
			if brace := j.skip(c.open); j.is(brace, "{") {
				j.defaults = append(j.defaults, [2]int{brace, j.partner(brace)})
			}
		}
	}
	return slices.ContainsFunc(j.defaults, func(d [2]int) bool { return d[0] < token && token < d[1] })
}

// variable notes the environment variable that the tokens name.
func (j *jvm) variable(a, b int) {
	if s, ok := j.textOf(a, b); ok && s != "" {
		j.Env = append(j.Env, Reference{Name: s, Line: j.lineOf(a)})
	}
}

// environment notes the variable that a call reads. Properties are none, but for placeholders that are written like variables.
func (j *jvm) environment(c *jvmCall) {
	if len(c.args) == 0 {
		return
	}
	first := c.args[0]
	switch c.last {
	case "getenv":
		if c.Name == "System.getenv" || c.Name == "java.lang.System.getenv" || c.Name == "getenv" && j.importsFrom("java.lang.System") || c.Name == "getenv" && j.importsFrom("platform.posix") {
			j.variable(first[0], first[1])
		}
	case "get", "getOrDefault", "getOrElse", "getValue", "containsKey", "contains", "apply":
		j.receiver(c)
		switch on := strings.Join(c.on, "."); {
		case on == "System.getenv", on == "sys.env", on == "scala.sys.env":
			j.variable(first[0], first[1])
		case len(c.on) == 1 && (j.types[c.on[0]] == "Dotenv" || c.on[0] == "dotenv") && j.importsFrom("io.github.cdimascio"):
			j.variable(first[0], first[1])
		}
	case "environmentVariable": // of Gradle
		if c.Name == "providers.environmentVariable" || strings.HasSuffix(c.Name, ".providers.environmentVariable") {
			j.variable(first[0], first[1])
		}
	}
}

// placeholders notes the variables that the text of @Value asks for: "${NAME}", "${NAME:default}". Spring looks in properties and
// in the environment; only a name that is written like a variable of the environment counts.
func (j *jvm) placeholders(m jvmMark) {
	for _, lit := range j.StringsIn(j.inside(m.open)) {
		for rest := lit.Value; ; {
			i := strings.Index(rest, "${")
			if i < 0 {
				break
			}
			rest = rest[i+2:]
			end := strings.IndexAny(rest, ":}")
			if end < 0 {
				break
			}
			if isVariable(rest[:end]) {
				j.Env = append(j.Env, Reference{Name: rest[:end], Line: j.lineOf(m.at)})
			}
		}
	}
}

// isVariable reports whether a name is written like a variable of the environment.
func isVariable(name string) bool {
	for i := range len(name) {
		if c := name[i]; c != '_' && (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return name != "" && !isDigit(name[0])
}

// middleware notes what the tokens of an argument register: a class, what is made of one, or a name, which stands for its type too.
func (j *jvm) middleware(a [2]int) {
	i, end := a[0], a[1]
	add := func(name string) {
		if name != "" && !slices.Contains([]string{"null", "this", "true", "false", "it"}, name) {
			j.Middle = append(j.Middle, Reference{Name: name, Line: j.lineOf(i)})
		}
	}
	made := j.is(i, "new")
	if made {
		i++
	}
	name := j.word(i)
	if name == "" {
		return
	}
	k := i + 1
	for j.is(k, ".") && j.word(k+1) != "" && k+1 < end {
		name += "." + j.text(k+1)
		k += 2
	}
	if j.is(k, "<") && j.angled != nil && j.angled[k] {
		for k < end && !j.is(k, "(") {
			k++
		}
	}
	switch {
	case strings.HasSuffix(name, ".class") && k == end:
		add(strings.TrimSuffix(name, ".class"))
	case j.is(k, "::") && j.is(k+1, "class"): // X::class, X::class.java
		add(name)
	case j.is(k, "(") && j.partner(k) == end-1 && (made || isTitle(lastPart(name))), k == end && isTitle(name):
		add(name)
	case j.is(k, "(") && j.partner(k) == end-1: // the method that makes it
		add(name)
	case k == end:
		name = strings.TrimPrefix(name, "this.")
		add(name)
		if t := j.types[name]; t != "" && t != name {
			add(t)
		}
	case j.is(k, "(") && isTitle(name): // Cors.create().build()
		add(name)
	}
}

// registers notes the middleware that a call registers.
func (j *jvm) registers(c *jvmCall) {
	if len(c.args) == 0 {
		return
	}
	switch c.last {
	case "addFilterBefore", "addFilterAfter", "addFilterAt":
		if len(c.args) >= 2 || j.is(c.open-1, ">") { // addFilterBefore<X>(filter) in Kotlin
			j.middleware(c.args[0])
		}
	case "addFilter":
		a := c.args[0]
		if _, ok := j.textOf(a[0], a[1]); ok && len(c.args) > 1 { // of a servlet context: its name first
			a = c.args[1]
		}
		if j.is(a[0]+1, "(") && j.is(a[0], "FilterHolder") || j.is(a[0]+1, "FilterHolder") {
			if inner := j.items(j.partner(a[1]-1), ","); len(inner) > 0 {
				a = inner[0]
			}
		}
		j.middleware(a)
	case "setFilter":
		j.middleware(c.args[0])
	case "FilterRegistrationBean":
		j.middleware(c.args[0])
	case "addInterceptor":
		if d := j.enclosing(c.open); d >= 0 && j.Decls[d].Name == "addInterceptors" || j.receives(c, "InterceptorRegistry") {
			j.middleware(c.args[0])
		}
	case "register":
		if j.importsFrom("jakarta.ws.rs", "javax.ws.rs", "org.glassfish.jersey") {
			for _, a := range c.args[:1] {
				j.middleware(a)
			}
		}
	case "install":
		if j.importsFrom("io.ktor") {
			j.middleware(c.args[0])
		}
	case "intercept":
		if j.importsFrom("io.grpc") {
			j.middleware(c.args[0])
		}
	case "handler":
		if j.importsFrom("io.vertx.ext.web") && isTitle(j.word(c.args[0][0])) {
			j.middleware(c.args[0])
		}
	case "before", "beforeMatched", "after", "afterMatched":
		if j.receives(c, "Javalin") && j.importsFrom("io.javalin") {
			j.middleware(c.args[len(c.args)-1])
		}
	}
}

// receives reports whether a call is called on a variable of the type.
func (j *jvm) receives(c *jvmCall, typ string) bool {
	j.receiver(c)
	return len(c.on) > 0 && j.types[c.on[0]] == typ
}

// recovers notes a call that is given what to do with an error.
func (j *jvm) recovers(c *jvmCall) {
	lambda := c.open // Kotlin's lambda in braces, behind the brackets or instead of them
	if after := j.skip(c.open); j.is(c.open, "(") && j.is(after, "{") {
		lambda = after
	}
	if j.is(lambda, "{") {
		known := false
		switch c.last {
		case "exception": // of Ktor's StatusPages
			known = j.importsFrom("io.ktor")
		case "catch": // of a flow
			known = strings.Contains(c.Name, ".") && j.importsFrom("kotlinx.coroutines")
		case "onFailure", "getOrElse", "recover", "recoverCatching", "fold":
			j.receiver(c)
			known = slices.Contains(c.on, "runCatching")
		}
		a := lambda + 1
		for k := a; k < j.partner(lambda) && k < a+20; k++ {
			if j.is(k, "->") {
				a = k + 1
			}
		}
		if known && j.does(a, j.partner(lambda), "") {
			j.Handlers = append(j.Handlers, Handler{How: "." + c.last, Span: c.Span, Line: j.lineOf(c.open)})
			return
		}
	}
	switch c.last {
	case "exceptionally", "exceptionallyCompose", "onErrorResume", "onErrorReturn", "onErrorMap", "onErrorResumeNext", "onErrorReturnItem":
	default:
		return
	}
	last := c.args
	if len(last) == 0 || !strings.Contains(c.Name, ".") {
		return
	}
	a := last[len(last)-1]
	if a[1]-a[0] >= 3 && j.is(a[1]-1, "}") && !j.does(j.partner(a[1]-1)+1, a[1]-1, "") || j.is(a[1]-1, "null") && a[1]-a[0] == 3 {
		return
	}
	j.Handlers = append(j.Handlers, Handler{How: "." + c.last, Span: c.Span, Line: j.lineOf(c.open)})
}

// jvmFilterTypes are what a class is that Spring, a servlet container or JAX-RS puts before handlers when it finds it.
var (
	jvmSpringFilters = wordSet("Filter OncePerRequestFilter GenericFilterBean HttpFilter WebFilter GlobalFilter HandlerFilterFunction GenericFilter")
	jvmRestFilters   = wordSet(`ContainerRequestFilter ContainerResponseFilter ReaderInterceptor WriterInterceptor ExceptionMapper
		DynamicFeature Feature`)
)

// annotated notes what the annotations of a declaration say.
func (j *jvm) annotated(i int) {
	d := &j.Decls[i]
	if len(d.Decorators) == 0 {
		return
	}
	register := func(name string) { j.Middle = append(j.Middle, Reference{Name: name, Line: d.Line}) }
	for k := range d.Decorators {
		c := &d.Decorators[k]
		switch lastPart(c.Name) {
		case "ControllerAdvice", "RestControllerAdvice":
			if d.Kind == Class {
				register(d.Qualified())
			}
		case "Component", "WebFilter":
			if d.Kind == Class && j.extends(i, jvmSpringFilters) {
				register(d.Qualified())
			}
		case "Provider":
			if d.Kind == Class && j.extends(i, jvmRestFilters) {
				register(d.Qualified())
			}
		case "Bean":
			if s, ok := j.results[i]; ok && d.Kind == Function {
				if t := lastPart(j.fold(s)); strings.HasSuffix(t, "Filter") {
					register(t)
				}
			}
		case "ServerRequestFilter", "ServerResponseFilter":
			if d.Kind == Function {
				register(d.Qualified())
			}
		case "ServerExceptionMapper", "ExceptionHandler":
			if first, end := j.tokenAt(d.Body.Start), j.tokenAt(d.Body.End); d.Kind == Function && len(d.Params) > 0 && j.does(first, end, d.Params[0].Name) {
				j.Handlers = append(j.Handlers, Handler{How: "@" + c.Name, Span: d.Body, Line: d.Line})
			}
		}
	}
}

// extends reports whether the header of a class names one of the types.
func (j *jvm) extends(i int, types map[string]bool) bool {
	s, ok := j.headers[i]
	if !ok {
		return false
	}
	for _, name := range strings.FieldsFunc(j.part(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' }) {
		if types[name] {
			return true
		}
	}
	return false
}
