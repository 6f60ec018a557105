package source

import (
	"go/ast"
	"go/token"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// What Go code tells about HTTP and its environment: headers set, middleware registered, variables read. Constants of the file
// are seen through; names made at run time are not.

// binds notes parameters whose type says what their methods mean.
func (g *gofile) binds(t *ast.FuncType) {
	if t.Params == nil {
		return
	}
	for _, field := range t.Params.List {
		kind := g.src[g.at(field.Type.Pos()):g.at(field.Type.End())]
		for _, name := range field.Names {
			delete(g.replies, name.Name)
			delete(g.requests, name.Name) // a parameter hides what was called so before
			switch {
			case kind == "*http.Request":
				g.requests[name.Name] = true
			case kind == "*http.Response":
				g.replies[name.Name] = true
			case kind == "func(string) string" && strings.EqualFold(name.Name, "getenv"):
				g.readers[name.Name] = 0
			case strings.HasSuffix(kind, "http.Header") || strings.HasSuffix(kind, "textproto.MIMEHeader"):
				g.headers[name.Name] = true
			case strings.HasSuffix(kind, "fiber.Ctx"):
				g.fiber[name.Name] = true
			}
		}
	}
}

func (g *gofile) imported(part string) bool {
	for _, module := range g.modules {
		if strings.Contains(module, part) {
			return true
		}
	}
	return false
}

func (g *gofile) reference(list *[]Reference, name string, at token.Pos) {
	if name != "" {
		*list = append(*list, Reference{Name: name, Line: g.LineOf(g.at(at))})
	}
}

// callEnv notes the environment variables that a call reads.
func (g *gofile) callEnv(n *ast.CallExpr) {
	if len(n.Args) == 0 {
		return
	}
	if name, ok := n.Fun.(*ast.Ident); ok {
		if i, reads := g.readers[name.Name]; reads && i < len(n.Args) {
			if variable, ok := g.stringOf(n.Args[i]); ok {
				g.reference(&g.Env, variable, n.Pos())
			}
		}
		return
	}
	fun, ok := n.Fun.(*ast.SelectorExpr)
	if !ok {
		return
	}
	x, ok := fun.X.(*ast.Ident)
	if !ok {
		return
	}
	switch fun.Sel.Name {
	case "Getenv", "LookupEnv":
		if g.readsEnv(fun) {
			if name, ok := g.stringOf(n.Args[0]); ok {
				g.reference(&g.Env, name, n.Pos())
			}
		}
	case "EnvVars": // Sources: cli.EnvVars("PORT")
		if strings.Contains(g.modules[x.Name], "urfave/cli") {
			for _, arg := range n.Args {
				if name, ok := g.stringOf(arg); ok {
					g.reference(&g.Env, name, arg.Pos())
				}
			}
		}
	case "ExpandEnv":
		if text, ok := g.stringOf(n.Args[0]); ok && g.modules[x.Name] == "os" {
			for _, m := range envInText.FindAllStringSubmatch(text, -1) {
				g.reference(&g.Env, m[1]+m[2], n.Pos())
			}
		}
	case "BindEnv", "MustBindEnv": // viper: a key, then the names
		if g.imported("spf13/viper") {
			for _, arg := range n.Args[1:] {
				if name, ok := g.stringOf(arg); ok {
					g.reference(&g.Env, name, n.Pos())
				}
			}
		}
	}
}

// readsEnv reports whether an expression is the function of the standard library that reads a variable.
func (g *gofile) readsEnv(fun ast.Expr) bool {
	s, ok := fun.(*ast.SelectorExpr)
	if !ok || s.Sel.Name != "Getenv" && s.Sel.Name != "LookupEnv" {
		return false
	}
	x, ok := s.X.(*ast.Ident)
	return ok && (g.modules[x.Name] == "os" || g.modules[x.Name] == "syscall")
}

// envReaders notes the functions of the file that read the variable which one of their parameters names:
// func getEnv(key, fallback string) string { if v, ok := os.LookupEnv(key); ok { … } … }.
func (g *gofile) envReaders(d *ast.FuncDecl) {
	if d.Recv != nil || d.Body == nil || d.Type.Params == nil {
		return
	}
	params := map[string]int{}
	for _, field := range d.Type.Params.List {
		for _, name := range field.Names {
			params[name.Name] = len(params)
		}
	}
	ast.Inspect(d.Body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) != 1 || !g.readsEnv(call.Fun) {
			return true
		}
		if name, ok := call.Args[0].(*ast.Ident); ok {
			if i, isParam := params[name.Name]; isParam {
				g.readers[d.Name.Name] = i
			}
		}
		return true
	})
}

var envInText = regexp.MustCompile(`\$(?:\{(\w+)\}|(\w+))`)

// tags notes the variables that the tags of a struct name: `env:"PORT"`, `envconfig:"PORT"`.
func (g *gofile) tags(n *ast.StructType) {
	for _, field := range n.Fields.List {
		if field.Tag == nil {
			continue
		}
		tag, err := strconv.Unquote(field.Tag.Value)
		if err != nil {
			continue
		}
		for _, key := range []string{"env", "envconfig"} {
			if value, ok := reflect.StructTag(tag).Lookup(key); ok {
				name, _, _ := strings.Cut(value, ",")
				g.reference(&g.Env, strings.TrimSpace(name), field.Tag.Pos())
			}
		}
	}
}

// callHTTP notes the headers that a call sets and the middleware that it registers.
func (g *gofile) callHTTP(n *ast.CallExpr) {
	fun, ok := n.Fun.(*ast.SelectorExpr)
	if !ok {
		return
	}
	if len(n.Args) == 0 {
		if g.dotted(fun) == "gin.Default" && g.imported("gin-gonic/gin") { // an engine with these two
			g.reference(&g.Middle, "gin.Logger", n.Pos())
			g.reference(&g.Middle, "gin.Recovery", n.Pos())
		}
		return
	}
	switch name := fun.Sel.Name; name {
	case "Copy": // maps.Copy(w.Header(), extra)
		if len(n.Args) == 2 && g.dotted(fun.X) == "maps" && g.isHeader(n.Args[0]) {
			g.hands(n.Args[1])
		}
	case "Set", "Add":
		if name, ok := fun.X.(*ast.Ident); ok && len(n.Args) == 2 && g.loose[name.Name] != nil {
			g.loosely(name.Name, n.Args[0], n.Args[1])
			return
		}
		if len(n.Args) == 2 && (g.isHeader(fun.X) || g.isFiber(fun.X)) {
			g.header(n.Args[0], n.Args[1])
		}
	case "Header", "SetHeader", "AddHeader": // gin: c.Header("X", "v"); chi: middleware.SetHeader("X", "v")
		if len(n.Args) == 2 && !g.asks(fun.X) && !slices.ContainsFunc(goClients, g.imported) {
			g.header(n.Args[0], n.Args[1])
		}
	case "Use", "UseFunc", "UseHandler", "UseHandlerFunc":
		g.middleware(n.Args)
	case "Pre":
		if g.imported("labstack/echo") {
			g.middleware(n.Args)
		}
	case "With":
		if g.imported("go-chi/chi") {
			g.middleware(n.Args)
		}
	case "New", "Append", "Extend":
		if x := g.dotted(fun.X); name == "New" && (x == "alice" || x == "negroni") || name == "Append" && g.imported("justinas/alice") {
			g.middleware(n.Args)
		}
	case "Chain":
		if g.dotted(fun.X) == "chi" {
			g.middleware(n.Args)
		}
	case "Handle", "HandleFunc", "ListenAndServe", "Handler", "HandlerFunc", "Mount":
		if len(n.Args) >= 2 {
			g.wrapped(n.Args[len(n.Args)-1])
		}
	case "ListenAndServeTLS":
		if len(n.Args) == 4 {
			g.wrapped(n.Args[3])
		}
	case "Group":
		if g.imported("gin-gonic/gin") || g.imported("labstack/echo") || g.imported("gofiber/fiber") {
			g.middleware(n.Args[1:])
		}
	default:
		if !goRoutes[strings.ToUpper(name)] || len(n.Args) < 3 {
			return
		}
		switch { // of a route: gin and fiber name the handler last, echo second
		case g.imported("gin-gonic/gin"), g.imported("gofiber/fiber"):
			g.middleware(n.Args[1 : len(n.Args)-1])
		case g.imported("labstack/echo"):
			g.middleware(n.Args[2:])
		}
	}
}

var goRoutes = wordSet(`GET POST PUT PATCH DELETE HEAD OPTIONS ANY`)

// goClients are modules whose requests have setters of headers that look like those of answers.
var goClients = []string{"go-resty/resty", "resty.dev/", "imroc/req", "parnurzeal/gorequest", "gojek/heimdall", "dghubble/sling"}

// goAnswering are words of what answers a request, goAsking of what is one.
var (
	goAnswering = wordSet("res resp response reply rw w writer rec recorder answer result")
	goAsking    = wordSet("req request r outreq outgoing")
)

// answers reports whether a value is called like something that answers, or is known to be a response.
func (g *gofile) answers(e ast.Expr) bool {
	name := goLastName(e)
	return g.replies[name] || name != "" && !g.requests[name] && slices.ContainsFunc(words(name), func(w string) bool { return goAnswering[w] })
}

// asks reports whether a value is a request, or is called like one.
func (g *gofile) asks(e ast.Expr) bool {
	name := goLastName(e)
	return g.requests[name] || slices.ContainsFunc(words(name), func(w string) bool { return goAsking[w] })
}

// goLastName returns the last name of an expression: of a variable, a field, a call.
func goLastName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	case *ast.CallExpr:
		return goLastName(e.Fun)
	case *ast.ParenExpr:
		return goLastName(e.X)
	case *ast.StarExpr:
		return goLastName(e.X)
	}
	return ""
}

// isHeader reports whether an expression is the headers of an answer: w.Header(), resp.Header, a variable made of one or called
// so. Those of a request are not.
func (g *gofile) isHeader(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.ParenExpr:
		return g.isHeader(e.X)
	case *ast.CallExpr:
		fun, ok := e.Fun.(*ast.SelectorExpr)
		if !ok {
			name, isIdent := e.Fun.(*ast.Ident)
			return isIdent && name.Name == "Header"
		}
		return fun.Sel.Name == "Header" && !g.asks(fun.X) || fun.Sel.Name == "MIMEHeader"
	case *ast.SelectorExpr:
		return (e.Sel.Name == "Header" || e.Sel.Name == "Headers") && g.answers(e.X)
	case *ast.Ident:
		return g.headers[e.Name]
	}
	return false
}

func (g *gofile) isFiber(e ast.Expr) bool {
	name, ok := e.(*ast.Ident)
	return ok && g.fiber[name.Name]
}

func (g *gofile) header(name, value ast.Expr) {
	text, ok := g.stringOf(name)
	if !ok {
		return
	}
	h := Header{Name: text, Line: g.LineOf(g.at(name.Pos()))}
	h.Value, h.Known = g.valueOf(value)
	g.Headers = append(g.Headers, h)
}

// valueOf returns the value of a header: a literal, or a list of one.
func (g *gofile) valueOf(value ast.Expr) (string, bool) {
	if list, isList := value.(*ast.CompositeLit); isList && len(list.Elts) == 1 {
		value = list.Elts[0]
	}
	return g.stringOf(value)
}

// assignHTTP notes headers set by index, variables that hold headers, and handlers wrapped in place.
func (g *gofile) assignHTTP(n *ast.AssignStmt) {
	if len(n.Rhs) == 1 {
		if call, ok := n.Rhs[0].(*ast.CallExpr); ok {
			if name, ok := n.Lhs[0].(*ast.Ident); ok {
				switch goLastName(call.Fun) { // of http and httptest, and methods of a request
				case "NewRequest", "NewRequestWithContext", "Clone", "WithContext":
					g.requests[name.Name] = true
				default:
					delete(g.requests, name.Name)
				}
			}
		}
	}
	if len(n.Lhs) != len(n.Rhs) {
		return
	}
	for i, target := range n.Lhs {
		value := n.Rhs[i]
		switch t := target.(type) {
		case *ast.IndexExpr:
			if name, ok := t.X.(*ast.Ident); ok && g.loose[name.Name] != nil {
				g.loosely(name.Name, t.Index, value)
			} else if g.isHeader(t.X) {
				g.header(t.Index, value)
			}
		case *ast.Ident:
			if _, isCall := value.(*ast.CallExpr); isCall && g.isHeader(value) {
				g.headers[t.Name] = true
			}
			delete(g.loose, t.Name)
			switch v := value.(type) {
			case *ast.CompositeLit:
				if v.Type != nil && g.dotted(v.Type) == "http.Header" {
					g.loose[t.Name] = []goPair{}
					for _, e := range v.Elts {
						if pair, ok := e.(*ast.KeyValueExpr); ok {
							g.loosely(t.Name, pair.Key, pair.Value)
						}
					}
				}
			case *ast.CallExpr:
				if len(v.Args) > 0 && g.dotted(v.Fun) == "make" && g.dotted(v.Args[0]) == "http.Header" {
					g.loose[t.Name] = []goPair{}
				}
			}
			if g.readsEnv(value) {
				g.readers[t.Name] = 0
			}
			g.rewrapped(t.Name, value)
		case *ast.SelectorExpr:
			if t.Sel.Name == "Header" && g.answers(t.X) { // resp.Header = http.Header{…}
				g.hands(value)
			}
			if t.Sel.Name == "Handler" {
				g.wrapped(value)
			} else if name := g.dotted(t); name != "" {
				g.rewrapped(name, value)
			}
		}
	}
}

// rewrapped notes "handler = mw(handler)".
func (g *gofile) rewrapped(name string, value ast.Expr) {
	call, ok := value.(*ast.CallExpr)
	if !ok || !g.imported("http") {
		return
	}
	last := name[strings.LastIndexByte(name, '.')+1:]
	handler := last == "h" || slices.ContainsFunc(words(last), func(w string) bool {
		return w == "handler" || w == "mux" || w == "router" || w == "next" || w == "app"
	})
	if handler && slices.ContainsFunc(call.Args, func(e ast.Expr) bool { return g.dotted(e) == name }) {
		g.wrapped(value)
	}
}

// goPair is a header and its value.
type goPair struct{ name, value ast.Expr }

// loosely notes a header of a variable that is not an answer's yet.
func (g *gofile) loosely(variable string, name, value ast.Expr) {
	g.loose[variable] = append(g.loose[variable], goPair{name, value})
}

// hands notes that an answer is given headers: an http.Header{…}, or a variable that was made of one.
func (g *gofile) hands(e ast.Expr) {
	switch e := e.(type) {
	case *ast.CompositeLit:
		for _, element := range e.Elts {
			if pair, ok := element.(*ast.KeyValueExpr); ok {
				g.header(pair.Key, pair.Value)
			}
		}
	case *ast.Ident:
		for _, pair := range g.loose[e.Name] {
			g.header(pair.name, pair.value)
		}
		if _, ok := g.loose[e.Name]; ok {
			delete(g.loose, e.Name)
			g.headers[e.Name] = true // what is set from here on is the answer's
		}
	}
}

// literalHTTP notes the headers of an answer that is written as a literal: http.Response{Header: http.Header{…}},
// events.APIGatewayProxyResponse{Headers: map[string]string{…}}.
func (g *gofile) literalHTTP(n *ast.CompositeLit) {
	if n.Type == nil || !strings.HasSuffix(g.dotted(n.Type), "Response") {
		return
	}
	for _, element := range n.Elts {
		if pair, ok := element.(*ast.KeyValueExpr); ok {
			if key := goNameOf(pair.Key); key == "Header" || key == "Headers" {
				g.hands(pair.Value)
			}
		}
	}
}

// fieldHTTP notes the handler of a server, "Handler: mw(h)", and variables named by fields ("EnvVars: []string{"PORT"}").
func (g *gofile) fieldHTTP(n *ast.KeyValueExpr) {
	key, ok := n.Key.(*ast.Ident)
	if !ok {
		return
	}
	switch key.Name {
	case "Handler":
		g.wrapped(n.Value)
	case "EnvVars":
		if list, ok := n.Value.(*ast.CompositeLit); ok && g.imported("urfave/cli") {
			for _, e := range list.Elts {
				if name, ok := g.stringOf(e); ok {
					g.reference(&g.Env, name, e.Pos())
				}
			}
		}
	}
}

// middleware notes what is registered: by its name, or by the name of what makes it. Paths and function literals have none.
func (g *gofile) middleware(args []ast.Expr) {
	for _, arg := range args {
		for {
			if call, ok := arg.(*ast.CallExpr); ok {
				if name := g.dotted(call.Fun); goConverts[name] && len(call.Args) == 1 {
					arg = call.Args[0]
					continue
				}
				arg = call.Fun
				continue
			}
			break
		}
		switch e := arg.(type) {
		case *ast.IndexExpr:
			arg = e.X
		case *ast.UnaryExpr:
			arg = e.X
		}
		if list, ok := arg.(*ast.CompositeLit); ok {
			arg = list.Type
		}
		if arg == nil {
			continue
		}
		name := g.dotted(arg)
		if _, literal := g.consts[name]; name != "nil" && !literal {
			g.reference(&g.Middle, name, arg.Pos())
		}
	}
}

// goConverts are functions that make a handler of a function or of files, and are no middleware.
var goConverts = wordSet(`http.HandlerFunc http.FileServer http.FileServerFS http.NotFoundHandler http.RedirectHandler http.Dir
	http.FS promhttp.HandlerFor pprof.Handler negroni.Wrap negroni.HandlerFunc alice.Constructor append`)

// goMayHandle reports whether an argument may be a handler: no literal is one but a function.
func goMayHandle(e ast.Expr) bool {
	switch e.(type) {
	case *ast.BasicLit, *ast.CompositeLit, *ast.BinaryExpr:
		return false
	}
	return true
}

// wrapped notes each function around a handler that is registered: of "logged(auth.Required(h))" both. Makers of handlers
// ("NewServer(db)") are none.
func (g *gofile) wrapped(e ast.Expr) {
	for {
		call, ok := e.(*ast.CallExpr)
		if !ok {
			return
		}
		fun := call.Fun
		if inner, ok := fun.(*ast.CallExpr); ok { // csrf.Protect(key)(h)
			fun = inner.Fun
		}
		name := g.dotted(fun)
		if len(call.Args) == 0 || !slices.ContainsFunc(call.Args, goMayHandle) {
			return
		}
		last := name[strings.LastIndexByte(name, '.')+1:]
		if name != "" && !goConverts[name] && !strings.HasPrefix(last, "New") && !strings.HasPrefix(last, "new") && !strings.HasPrefix(last, "Must") {
			g.reference(&g.Middle, name, fun.Pos())
		}
		next := -1
		for i, arg := range call.Args {
			if _, ok := arg.(*ast.CallExpr); ok {
				next = i
			}
		}
		if next < 0 {
			return
		}
		e = call.Args[next]
	}
}
