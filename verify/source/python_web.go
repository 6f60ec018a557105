package source

import (
	"slices"
	"strings"
)

// resolved replaces the first part of a dotted name by what its import says that it stands for.
func (p *pyfile) resolved(name string) string {
	first, rest, dotted := strings.Cut(name, ".")
	full, ok := p.names[first]
	switch {
	case !ok:
		return name
	case dotted:
		return full + "." + rest
	}
	return full
}

// importsFrom reports whether a module of the package is imported before here.
func (p *pyfile) importsFrom(pkg string) bool { return p.packages[pkg] }

// readsEnv notes the variable that the tokens from a up to b name.
func (p *pyfile) readsEnv(a, b int) {
	if name, ok := p.stringAt(a, b); ok && name != "" {
		p.Env = append(p.Env, Reference{Name: name, Line: p.LineOf(p.tokens[a].start)})
	}
}

// index notes what an index reads: os.environ["X"].
func (p *pyfile) index(i, a int) {
	if p.assigned[i] || p.word(i-1) == "" {
		return
	}
	if name, _ := p.chain(i-1, a); p.resolved(name) == "os.environ" {
		p.readsEnv(i+1, p.tokens[i].match)
	}
}

// assignment looks at the targets and the value of a statement from token a up to b, if it assigns.
func (p *pyfile) assignment(a, b int) {
	value := -1
	start := a
	var targets [][2]int
	for i := a; i < b && p.word(i) != "lambda"; i = p.skip(i) { // what follows a lambda is its own
		switch {
		case p.is(i, '='):
			targets = append(targets, [2]int{start, i})
			start, value = i+1, i+1
		case p.is(i, pyAugment):
			targets = append(targets, [2]int{start, i})
			value = i + 1
		case p.is(i, ':') && len(targets) == 0: // an annotated target
			next := i + 1
			for next < b && !p.is(next, '=') {
				next = p.skip(next)
			}
			if next >= b {
				return
			}
			targets = append(targets, [2]int{start, i})
			start, value = next+1, next+1
			i = next
		}
		p.work++
	}
	if value < 0 || value >= b {
		return
	}
	for _, t := range targets {
		p.assign(t[0], t[1], value, b)
	}
}

// assign looks at one assignment: of the tokens from value up to end, to those from a up to b.
func (p *pyfile) assign(a, b, value, end int) {
	if a >= b {
		return
	}
	if p.is(b-1, ']') {
		p.setsIndex(a, b, value, end)
		return
	}
	name, next := p.dottedAt(a, b)
	if next != b || name == "" {
		return
	}
	last := name[strings.LastIndexByte(name, '.')+1:]
	if name == last {
		if _, known := p.consts[name]; known || p.rebound[name] {
			delete(p.consts, name)
		} else if s, ok := p.stringAt(value, end); ok && p.tokens[value].kind == pyString {
			p.consts[name] = s
		}
		p.rebound[name] = true
	}
	if p.word(value) == "lambda" {
		p.lambda(name, a, value, end)
		return
	}
	switch {
	case last == "MIDDLEWARE" || last == "MIDDLEWARE_CLASSES":
		p.middlewareNames(value, end)
	case p.is(value, '{') && name == last:
		p.hold(p.owner(), name).dicts = append(p.hold(p.owner(), name).dicts, value)
	case p.is(value, '{') && last == "headers" && pyAnswers(name[:len(name)-len(".headers")]):
		p.headersOf(value)
	}
	if n := len(p.blocks); name == last && (pySettings[name] != nil || strings.HasPrefix(name, "SECURE_")) && (n == 0 || p.blocks[n-1].what != "def") {
		p.settings[name] = append(p.settings[name], pySetting{value, end})
	}
	if name == "__test__" && p.word(value) == "False" && end == value+1 {
		p.untested[p.owner()] = true
	}
	switch whole, next := p.dottedAt(value, end); {
	case next != end:
	case name == last && strings.HasSuffix(whole, ".headers") && pyAnswers(strings.TrimSuffix(whole, ".headers")):
		p.hold(p.owner(), name).handed = true // h = response.headers
	case name == last && p.owner() == "" && p.resolved(whole) == "os.environ":
		p.names[name] = "os.environ"
	}
	callee, open := p.dottedAt(value, end)
	if callee == "" || !p.is(open, '(') || p.tokens[open].match != end-1 {
		return
	}
	p.made[name] = callee
	if c := callee[strings.LastIndexByte(callee, '.')+1:]; name == last && (c == "MutableHeaders" || c == "Headers" && (p.importsFrom("werkzeug") || p.importsFrom("wsgiref"))) {
		p.hold(p.owner(), name).handed = true
	} else if name == last && c == "dict" {
		p.hold(p.owner(), name)
	}
	switch last {
	case "wsgi_app", "asgi_app", "app", "application":
		for _, arg := range p.arguments(open) {
			if inner, stop := p.dottedAt(arg[0], arg[1]); inner == name && stop == arg[1] {
				p.registered(callee, value)
			}
		}
	}
}

// lambda declares the function that a name is bound to.
func (p *pyfile) lambda(name string, target, value, end int) {
	colon := value + 1
	for colon < end && !p.is(colon, ':') {
		colon = p.skip(colon)
	}
	if colon+1 >= end {
		return
	}
	d := Decl{Kind: Function, Name: name, Owner: p.owner(), Span: p.spanOf(target, end), Line: p.LineOf(p.tokens[target].start)}
	if dot := strings.LastIndexByte(name, '.'); dot >= 0 { // an attribute: a member of what stands before the dot
		d.Owner, d.Name = name[:dot], name[dot+1:]
	}
	d.Params = p.params(value+1, colon)
	for i := range d.Params {
		d.Params[i].Type = ""
	}
	d.Body = p.spanOf(colon+1, end)
	p.Decls = append(p.Decls, d)
}

// setsIndex looks at an assignment to an index: response.headers["X"] = value.
func (p *pyfile) setsIndex(a, b, value, end int) {
	open := p.tokens[b-1].match
	p.assigned[open] = true
	if open <= a {
		return
	}
	name, _ := p.chain(open-1, a)
	if name == "" {
		return
	}
	last := name[strings.LastIndexByte(name, '.')+1:]
	isHeaders := last == "headers" && name != last && p.answering(strings.TrimSuffix(name, ".headers"))
	if name == last && !strings.HasPrefix(name, "?") { // a name by itself: what it is handed to tells
		h := p.hold(p.owner(), name)
		h.pairs = append(h.pairs, [4]int{open + 1, b - 1, value, end})
	}
	if !isHeaders && p.importsFrom("django") && slices.ContainsFunc(words(last), func(w string) bool { return w == "response" || w == "resp" }) {
		key, ok := p.stringAt(open+1, b-1) // a dict may be called so too: keys that look like a header are taken
		isHeaders = ok && key != "" && (strings.Contains(key, "-") || key[0] >= 'A' && key[0] <= 'Z')
	}
	if isHeaders {
		p.header(open+1, b-1, value, end)
	}
}

// header notes the header that the tokens from a up to b name, with the value of those from value up to end.
func (p *pyfile) header(a, b, value, end int) {
	name, ok := p.stringAt(a, b)
	if !ok || name == "" {
		return
	}
	h := Header{Name: name, Line: p.LineOf(p.tokens[a].start)}
	h.Value, h.Known = p.stringAt(value, end)
	p.Headers = append(p.Headers, h)
}

// headersOf notes the headers of the dict that opens at token i.
func (p *pyfile) headersOf(i int) {
	if !p.is(i, '{') {
		return
	}
	for _, pair := range p.arguments(i) {
		for k := pair[0]; k < pair[1]; k = p.skip(k) {
			if p.is(k, ':') {
				p.header(pair[0], k, k+1, pair[1])
				break
			}
		}
	}
}

// middlewareNames notes the strings of a list of middleware.
func (p *pyfile) middlewareNames(a, b int) {
	for i := a; i < b; i++ {
		if p.tokens[i].kind == pyString {
			p.registered(p.decoded(p.tokens[i]), i)
		}
	}
}

func (p *pyfile) registered(name string, token int) {
	if name != "" {
		p.Middle = append(p.Middle, Reference{Name: name, Line: p.LineOf(p.tokens[token].start)})
	}
}

// pyHooks are the decorators that make a function run around every request.
var pyHooks = wordSet(`before_request after_request teardown_request before_app_request after_app_request middleware
	before_serving before_websocket on_request on_response`)

// registers notes a function as middleware when one of its decorators says so.
func (p *pyfile) registers(d *Decl) {
	for _, c := range d.Decorators {
		dot := strings.LastIndexByte(c.Name, '.')
		if dot >= 0 && pyHooks[c.Name[dot+1:]] || c.Name == "web.middleware" {
			if c.Name != "web.middleware" { // aiohttp's only marks; it is registered elsewhere
				p.Middle = append(p.Middle, Reference{Name: d.Qualified(), Line: d.Line})
			}
		}
	}
}

// web looks at the calls for what they mean to HTTP and the environment, once all imports are known.
func (p *pyfile) web() {
	for i := range p.Calls {
		p.webCall(p.Calls[i].Name, p.opens[i], p.owners[i])
	}
}

func (p *pyfile) webCall(name string, open int, owner string) {
	dot := strings.LastIndexByte(name, '.')
	last := name[dot+1:]
	receiver := ""
	if dot >= 0 {
		receiver = name[:dot]
	}
	receiverLast := receiver[strings.LastIndexByte(receiver, '.')+1:]
	args := p.arguments(open)
	if len(args) == 0 {
		return // nothing here is said by a call without arguments
	}
	first := args[0]
	switch p.resolved(name) {
	case "os.getenv", "os.environ.get", "os.environ.pop", "os.environ.setdefault":
		p.readsEnv(first[0], first[1])
	}
	switch last {
	case "setdefault":
		if receiverLast == "headers" && receiver != "headers" && len(args) == 2 && !pyAsks(strings.TrimSuffix(receiver, ".headers")) {
			p.header(first[0], first[1], args[1][0], args[1][1])
		}
	case "config":
		if p.importsFrom("decouple") || receiver == "" && p.resolved(p.made[name]) == "starlette.config.Config" {
			p.readsEnv(first[0], first[1])
		}
	case "set", "add", "add_header", "append", "__setitem__":
		switch {
		case receiver == "headers" && len(args) >= 2:
			h := p.hold(owner, receiver)
			h.pairs = append(h.pairs, [4]int{first[0], first[1], args[1][0], args[1][1]})
		case receiverLast == "headers" && len(args) >= 2 && !pyAsks(strings.TrimSuffix(receiver, ".headers")),
			last == "add_header" && len(args) >= 2 && pyAnswers(receiver):
			p.header(first[0], first[1], args[1][0], args[1][1])
		case last == "append" && (receiverLast == "MIDDLEWARE" || receiverLast == "middlewares"):
			p.middlewareArg(first)
		}
	case "set_header", "send_header", "append_header":
		if len(args) >= 2 && !pyAsks(receiver) {
			p.header(first[0], first[1], args[1][0], args[1][1])
		}
	case "update", "extend":
		if receiverLast == "headers" && receiver != "headers" && !pyAsks(strings.TrimSuffix(receiver, ".headers")) {
			p.hands(owner, first)
		}
	case "insert":
		if (receiverLast == "MIDDLEWARE" || receiverLast == "middlewares") && len(args) == 2 {
			p.middlewareArg(args[1])
		}
	case "add_middleware", "Middleware":
		if last != "Middleware" || p.importsFrom("starlette") || p.importsFrom("fastapi") {
			p.middlewareArg(first)
		}
	case "before_request", "after_request", "teardown_request", "before_app_request", "after_app_request":
		if receiver != "" {
			p.middlewareArg(first)
		}
	case "init_app":
		p.registered(receiver, open)
		if made := p.made[receiver]; made != "" {
			p.registered(made, open)
			p.talisman(made, open)
		}
	case "add_exception_handler", "register_error_handler":
		if len(args) == 2 {
			p.catcher(args[1], last)
		}
	default:
		if p.environs(name) {
			p.readsEnv(first[0], first[1])
		} else if c := last[0]; c >= 'A' && c <= 'Z' && first[1] == first[0]+1 && p.word(first[0]) == "app" {
			p.registered(name, open) // an extension: CORS(app), Talisman(app)
			p.talisman(name, open)
		}
	}
	if (last == "make_response" || last == "Response") && len(args) > 2 && p.is(args[2][0], '{') { // body, status, headers
		p.headersOf(args[2][0])
	}
	for _, arg := range args {
		if arg[1] < arg[0]+3 || !p.is(arg[0]+1, '=') {
			continue
		}
		value := arg[0] + 2
		switch p.word(arg[0]) {
		case "headers":
			if pyMakesAnswer(last) {
				p.hands(owner, [2]int{value, arg[1]})
			}
		case "exception_handlers":
			if p.is(value, '{') {
				for _, pair := range p.arguments(value) {
					for k := pair[0]; k < pair[1]; k = p.skip(k) {
						if p.is(k, ':') {
							p.catcher([2]int{k + 1, pair[1]}, "exception_handlers")
							break
						}
					}
				}
			}
		case "dependencies":
			p.depends(value, arg[1])
		case "middleware", "middlewares":
			if p.is(value, '[') || p.is(value, '(') {
				for _, element := range p.arguments(value) {
					if called, next := p.dottedAt(element[0], element[1]); next == element[1] || called != "Middleware" {
						p.middlewareArg(element)
					}
				}
			}
		case "env":
			if last == "Field" {
				p.readsEnv(value, arg[1])
			}
		case "envvar":
			if last == "option" || last == "Option" || last == "argument" || last == "Argument" {
				p.readsEnv(value, arg[1])
			}
		}
	}
}

// environs reports whether a name is a reader of django-environ or environs: env("X"), env.str("X").
func (p *pyfile) environs(name string) bool {
	first, rest, _ := strings.Cut(name, ".")
	if first != "env" || !p.importsFrom("environ") && !p.importsFrom("environs") {
		return false
	}
	return rest == "" || !strings.Contains(rest, ".") && rest != "read_env" && rest != "read_envfile" && rest != "prefixed"
}

// middlewareArg notes the name of an argument that is registered: a name, the call that makes it, or a string.
func (p *pyfile) middlewareArg(arg [2]int) {
	if name, ok := p.stringAt(arg[0], arg[1]); ok {
		p.registered(name, arg[0])
		return
	}
	name, next := p.dottedAt(arg[0], arg[1])
	if next == arg[1] || p.is(next, '(') && p.tokens[next].match == arg[1]-1 {
		p.registered(name, arg[0])
	}
}

// depends notes what FastAPI runs before a route: [Depends(verify), Security(scoped)].
func (p *pyfile) depends(a, b int) {
	if !p.is(a, '[') {
		return
	}
	for _, element := range p.arguments(a) {
		name, open := p.dottedAt(element[0], element[1])
		if last := name[strings.LastIndexByte(name, '.')+1:]; (last == "Depends" || last == "Security") && p.is(open, '(') {
			if args := p.arguments(open); len(args) > 0 {
				p.middlewareArg(args[0])
			}
		}
	}
}

// Types whose values were checked when they were made, and words of a declaration that bound a value.
var (
	pyCheckedTypes = wordSet(`EmailStr NameEmail AnyUrl AnyHttpUrl HttpUrl IPvAnyAddress SecretStr StrictStr StrictInt StrictBool
		StrictFloat PositiveInt NonNegativeInt NegativeInt NonPositiveInt PositiveFloat NonNegativeFloat constr conint confloat
		conlist conset condecimal conbytes condate UUID1 UUID3 UUID4 UUID5 FilePath DirectoryPath PastDate FutureDate Json`)
	pyBounds = wordSet(`max_length min_length regex pattern ge gt le lt multiple_of max_digits decimal_places max_items min_items
		AfterValidator BeforeValidator PlainValidator WrapValidator StringConstraints`)
)

// pyDeclared tells whether a declaration validates a parameter: its type is one of pydantic's checked ones, its type or
// default bounds it (Annotated[str, Query(max_length=5)], Query(..., pattern="…")), or a decorator that validates names it.
func pyDeclared(f *File, d *Decl, param *Param) (line int, how string, ok bool) {
	l := &pyLexer{file: &File{Text: f.Text[:param.Span.End], lines: f.lines}, text: f.Text[:param.Span.End], pos: param.Span.Start}
	for l.pos < len(l.text) {
		if l.code() != nil {
			break
		}
	}
	for i, t := range l.tokens {
		if t.kind != pyName || i == 0 {
			continue
		}
		word := string(f.Text[t.start:t.end])
		bound := pyBounds[word] && i+1 < len(l.tokens) && (l.tokens[i+1].op == '=' || l.tokens[i+1].op == '(')
		if bound || pyCheckedTypes[word] {
			return f.LineOf(t.start), "declared with " + word, true
		}
	}
	for _, c := range d.Decorators {
		last := c.Name[strings.LastIndexByte(c.Name, '.')+1:]
		switch {
		case (last == "validate_call" || last == "validate_arguments") && param.Type != "" && param.Type != "Any":
			return c.Line, "checked by @" + c.Name, true
		case validating(c.Name) && mentionsWord(c.Text, param.Name):
			return c.Line, "checked by @" + c.Name, true
		}
	}
	return 0, "", false
}

// mentionsWord reports whether a text holds the word, and not as a part of another.
func mentionsWord(text, word string) bool {
	for i := 0; ; {
		j := strings.Index(text[i:], word)
		if j < 0 {
			return false
		}
		start, end := i+j, i+j+len(word)
		if (start == 0 || !isNameByte(text[start-1])) && (end == len(text) || !isNameByte(text[end])) {
			return true
		}
		i = end
	}
}
