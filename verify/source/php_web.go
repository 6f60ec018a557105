package source

import (
	"slices"
	"strings"
)

// valueOf is the text of a range of tokens: a literal, or a constant of the file.
func (p *phpFile) valueOf(a, b int) (string, bool) {
	if b == a+1 {
		if s, ok := p.literalValue(a); ok {
			return s, true
		}
	}
	if name := p.word(b - 1); name != "" && (b == a+1 || b == a+3 && p.is(a+1, "::") && p.isAny(a, "self", "static")) {
		s := p.consts[name]
		return s, s != ""
	}
	return "", false
}

// web looks at calls, indices and arrays for what they mean to HTTP and the environment.
func (p *phpFile) web() {
	for _, c := range p.calls {
		if !p.muted.holds(int(p.at(c.name).start)) {
			p.webCall(c)
		}
	}
	for i := range p.tokens {
		switch p.word(i) {
		case "$_ENV", "$_SERVER":
			p.superglobal(i)
		case "$middleware", "$middlewareGroups":
			p.kernel(i)
		}
	}
	for _, l := range p.listens {
		p.subscriber(l)
	}
	for i := range p.Decls {
		p.byAttribute(&p.Decls[i])
	}
}

// ofRequest are the beginnings of the keys of $_SERVER that tell of the request or the server, and not of the environment.
var ofRequest = []string{
	"HTTP_", "HTTPS", "REQUEST_", "SERVER_", "REMOTE_", "SCRIPT_", "PHP_", "QUERY_STRING", "DOCUMENT_ROOT", "PATH_", "CONTENT_", "GATEWAY_", "AUTH_", "ORIG_",
	"REDIRECT_", "argv", "argc", "SSL_",
}

// superglobal notes the variable that the index behind token i reads.
func (p *phpFile) superglobal(i int) {
	open := i + 1
	if !p.is(open, "[") {
		return
	}
	m := p.partner(open)
	name, ok := p.valueOf(open+1, m)
	if !ok || name == "" || p.is(m+1, "=") || p.is(i-1, "(") && p.is(i-2, "unset") {
		return
	}
	if p.is(i, "$_SERVER") && slices.ContainsFunc(ofRequest, func(s string) bool { return strings.HasPrefix(name, s) }) {
		return
	}
	p.Env = append(p.Env, Reference{Name: name, Line: p.lineOf(open + 1)})
}

func (p *phpFile) header(name string, at, a, b int) {
	if name == "" {
		return
	}
	h := Header{Name: name, Line: p.lineOf(at)}
	h.Value, h.Known = p.valueOf(a, b)
	p.Headers = append(p.Headers, h)
}

// rawHeader notes header('Name: value'), whose text begins at token a.
func (p *phpFile) rawHeader(a, b int) {
	text, whole := p.valueOf(a, b)
	if !whole {
		switch p.at(a).kind {
		case textToken:
			text, _ = p.literalValue(a)
		case textOpenToken:
			if p.at(a+1).kind != textPartToken {
				return
			}
			text = p.src[p.at(a+1).start:p.at(a+1).end]
		}
	}
	name, value, ok := strings.Cut(text, ":")
	if !ok || name == "" || strings.ContainsAny(name, " \t/") {
		return
	}
	h := Header{Name: name, Line: p.lineOf(a)}
	if whole {
		h.Value, h.Known = strings.TrimSpace(value), true
	}
	p.Headers = append(p.Headers, h)
}

// pairs calls f for each 'key' => value of the array at token open: its key, the token of the key, and the tokens of the value.
func (p *phpFile) pairs(open int, f func(key string, at, a, b int)) {
	if p.is(open, "array") && p.is(open+1, "(") {
		open++
	} else if !p.is(open, "[") {
		return
	}
	for _, item := range p.items(open, ",") {
		for k := item[0]; k < item[1]; k = p.skip(k) {
			p.work++
			if p.is(k, "=>") {
				if key, ok := p.valueOf(item[0], k); ok {
					f(key, item[0], k+1, item[1])
				}
				break
			}
		}
	}
}

func (p *phpFile) headersOf(open int) {
	p.pairs(open, p.header)
}

// isAnswer reports whether a name is that of a response, or of what makes one.
func isAnswer(name string) bool {
	name = strings.TrimPrefix(name[strings.LastIndexByte(name, '.')+1:], "$")
	return slices.ContainsFunc(words(name), func(w string) bool { return w == "response" || w == "resp" || w == "res" })
}

// answers reports whether the object whose member ends at token i is a response: $response, response()->…, $next($request),
// $handler->handle($request), $event->getResponse().
func (p *phpFile) answers(i int) bool {
	ok, bad := false, false
	root := p.root(i, func(name string) {
		parts := strings.Split(plainPHP(name), ".")
		for n, part := range parts {
			last := n == len(parts)-1 && name[0] == '?'
			ws := words(part)
			switch {
			case slices.Contains(ws, "request"), part == "Http":
				bad = true
			case last && (part == "handle" || part == "process" || isAnswer(part)), !last && isAnswer(part):
				ok = true
			}
		}
	})
	first, rest, dotted := strings.Cut(root, ".")
	switch first {
	case "response", "redirect", "back", "$next", "Response", "Redirect":
		ok = true
	case "$handler":
		if dotted && (rest == "handle" || rest == "process") {
			ok = true
		}
	}
	return ok && !bad
}

// webCall notes what one call means.
func (p *phpFile) webCall(c phpCall) {
	last := p.text(c.name)
	args := p.items(c.open, ",")
	if last[0] == '$' || len(args) == 0 && !strings.HasPrefix(last, "add") {
		return
	}
	method := p.isAny(c.name-1, "->", "?->", "::")
	first := [2]int{}
	if len(args) > 0 {
		first = args[0]
	}
	if !method {
		switch plainPHP(last) {
		case "getenv", "env", "apache_getenv":
			if name, ok := p.valueOf(first[0], first[1]); ok && name != "" {
				p.Env = append(p.Env, Reference{Name: name, Line: p.lineOf(first[0])})
			}
		case "header":
			p.rawHeader(first[0], first[1])
		case "response":
			p.responseArgs(args)
		}
		if p.is(c.name-1, "new") && strings.HasSuffix(plainPHP(last), "Response") {
			p.responseArgs(args)
		}
		return
	}
	name, _ := p.chain(c.name, phpNotation)
	receiver := plainPHP(name[:max(strings.LastIndexByte(name, '.'), 0)])
	switch last {
	case "get":
		if p.is(c.name-1, "::") && receiver[strings.LastIndexByte(receiver, '.')+1:] == "Env" {
			if name, ok := p.valueOf(first[0], first[1]); ok && name != "" {
				p.Env = append(p.Env, Reference{Name: name, Line: p.lineOf(first[0])})
			}
		}
	case "set", "add", "replace":
		if p.is(c.name-2, "headers") && p.isAny(c.name-3, "->", "?->") {
			if p.holder(c.name - 4) {
				if last == "set" && len(args) >= 2 {
					p.header(p.text1(first), first[0], args[1][0], args[1][1])
				} else if last != "set" {
					p.headersOf(first[0])
				}
			}
			return
		}
		if last == "add" {
			p.adds(c, receiver, first)
		}
	case "header", "withHeader", "withAddedHeader":
		if len(args) >= 2 && p.answers(c.name) {
			p.header(p.text1(first), first[0], args[1][0], args[1][1])
		}
	case "withHeaders":
		if p.answers(c.name) {
			p.headersOf(first[0])
		}
	case "json", "make", "view":
		if p.answers(c.name) {
			p.responseArgs(args)
		}
	case "middleware":
		for _, arg := range args {
			p.registers(arg[0], arg[1])
		}
	case "pipe":
		p.registers(args[len(args)-1][0], args[len(args)-1][1])
	case "group":
		p.pairs(first[0], func(key string, _, a, b int) {
			if key == "middleware" {
				p.registers(a, b)
			}
		})
	case "append", "prepend", "web", "api", "appendToGroup", "prependToGroup", "use":
		if receiver == "$middleware" {
			for _, arg := range args {
				a := arg[0]
				if p.named(a) && p.is(a+1, ":") { // append: …
					if !p.isAny(a, "append", "prepend") {
						continue
					}
					a += 2
				}
				if p.at(a).kind != textToken {
					p.registers(a, arg[1])
				}
			}
		}
	case "addSubscriber":
		p.registers(first[0], first[1])
	default:
		if strings.HasPrefix(last, "add") && strings.HasSuffix(last, "Middleware") && len(last) > len("addMiddleware") && receiver == "$app" {
			p.registered(last, c.name)
			p.registered(last[len("add"):], c.name)
		} else if last == "addMiddleware" && receiver == "$app" && len(args) > 0 {
			p.registers(first[0], first[1])
		}
	}
}

// text1 is the text of one argument, or "".
func (p *phpFile) text1(arg [2]int) string {
	s, _ := p.valueOf(arg[0], arg[1])
	return s
}

// holder reports whether what ends at token i holds the headers of a response: $response, getResponse().
func (p *phpFile) holder(i int) bool {
	if p.is(i, ")") {
		i = p.partner(i) - 1
	}
	return isAnswer(p.word(i)) || p.word(i) == "$this" && p.answer.holds(int(p.at(i).start))
}

// responseArgs notes the headers that a response is made with: an array behind its status, or behind what stands for it.
func (p *phpFile) responseArgs(args [][2]int) {
	for n, arg := range args {
		switch a := arg[0]; {
		case p.is(a, "headers") && p.is(a+1, ":"):
			p.headersOf(a + 2)
		case n == 2, n == 1 && p.at(args[0][0]).kind == numberToken:
			p.headersOf(a)
		}
	}
}

// adds notes what Slim adds: $app->add(X::class), and ->add on a route or a group of one.
func (p *phpFile) adds(c phpCall, receiver string, arg [2]int) {
	ok := receiver == "$app" || receiver == "$group"
	if receiver == "?" {
		root := p.root(c.name, nil)
		first, method, _ := strings.Cut(root, ".")
		switch method {
		case "get", "post", "put", "patch", "delete", "map", "any", "group":
			ok = first == "$app" || first == "$group"
		}
	}
	if ok {
		p.registers(arg[0], arg[1])
	}
}

func (p *phpFile) registered(name string, at int) {
	if name = plainPHP(name); name != "" {
		p.Middle = append(p.Middle, Reference{Name: name, Line: p.lineOf(at)})
	}
}

// registers notes what the tokens from a up to b name: X::class, new X(…), 'name:parameters', or an array of these.
func (p *phpFile) registers(a, b int) {
	if p.is(a, "[") && p.partner(a) == b-1 {
		for _, item := range p.items(a, ",") {
			p.registers1(item[0], item[1])
		}
		return
	}
	p.registers1(a, b)
}

func (p *phpFile) registers1(a, b int) {
	switch {
	case p.named(a) && p.is(a+1, "::") && p.is(a+2, "class"):
		if b == a+3 || p.is(a+3, ".") { // X::class.':parameters'
			p.registered(p.word(a), a)
		}
	case p.is(a, "new") && p.named(a+1) && (b == a+2 || p.is(a+2, "(") && p.partner(a+2) == b-1):
		p.registered(p.word(a+1), a)
	default:
		if s, ok := p.valueOf(a, b); ok {
			name, _, _ := strings.Cut(s, ":")
			p.registered(name, a)
		}
	}
}

// kernel notes the stacks of Laravel's kernel: protected $middleware = […], $middlewareGroups = ['web' => […]].
func (p *phpFile) kernel(i int) {
	if !phpModifiers[p.word(i-1)] && !p.is(i-1, "array") || !p.is(i+1, "=") || !p.is(i+2, "[") {
		return
	}
	if p.is(i, "$middleware") {
		p.registers(i+2, p.partner(i+2)+1)
		return
	}
	p.pairs(i+2, func(_ string, _, a, b int) { p.registers(a, b) })
}

// subscriber notes the methods that Symfony's kernel calls around each request: the pairs of KernelEvents::X in the array that
// getSubscribedEvents returns.
func (p *phpFile) subscriber(l phpListener) {
	owner := l.owner
	if class := p.classes[owner]; class == nil || !slices.Contains(class.parents, "EventSubscriberInterface") {
		return
	}
	for k := l.from; k < l.to; k++ {
		p.work++
		if !p.is(k, "return") || !p.is(k+1, "[") {
			continue
		}
		for _, item := range p.items(k+1, ",") {
			a := item[0]
			if !strings.HasSuffix(p.word(a), "KernelEvents") || !p.is(a+1, "::") || !p.is(a+3, "=>") {
				continue
			}
			for n := a + 4; n < item[1]; n++ {
				if s, ok := p.literalValue(n); ok {
					p.registered(owner+"."+s, n)
				}
			}
		}
		return
	}
}

// byAttribute notes listeners of Symfony's kernel and variables that attributes name.
func (p *phpFile) byAttribute(d *Decl) {
	for _, a := range d.Decorators {
		if a.Name[strings.LastIndexByte(a.Name, '.')+1:] == "AsEventListener" && (strings.Contains(a.Text, "KernelEvents::") || strings.Contains(a.Text, "'kernel.")) {
			p.Middle = append(p.Middle, Reference{Name: d.Qualified(), Line: d.Line})
		}
	}
	for _, param := range d.Params {
		if !strings.HasPrefix(p.part(param.Span), "#[") {
			continue
		}
		for _, s := range p.StringsIn(param.Span) {
			before := strings.TrimRight(p.src[:s.Span.Start], " \t")
			if strings.HasSuffix(before, "env:") && strings.Contains(p.part(param.Span), "Autowire") {
				p.Env = append(p.Env, Reference{Name: s.Value, Line: s.Line})
			}
		}
	}
}
