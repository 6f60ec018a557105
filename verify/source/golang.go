package source

import (
	"bytes"
	"errors"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"slices"
	"strconv"
	"strings"
)

// Go is parsed by go/parser; what is made of its tree is here (declarations, calls, imports, strings), in golang_errors.go
// and in golang_http.go.
//
// Local and package variables that hold a function literal are functions too; a method of an interface is one without a body.
// A declaration within a function has that function as its owner. Composite literals are no calls; conversions read like calls
// and are among them.
var golang = language{
	name:       Go,
	extensions: []string{".go"},
	parse:      parseGo,
}

// maxGoNesting bounds the brackets open at once, since go/parser and the walk over its tree recurse. Code written by people
// stays under 50.
const maxGoNesting = 1000

// gofile is one Go file being turned into facts.
type gofile struct {
	*File
	src     string
	base    token.Pos
	owner   string            // of what is declared within a function: the name of that function
	modules map[string]string // local name of an import to its path
	consts  map[string]string // string constants of the file
	vars    map[string]bool   // variables of the package that the file declares
	headers map[string]bool   // variables that hold an http.Header
	fiber   map[string]bool   // variables that hold a *fiber.Ctx
	readers map[string]int    // functions that read the variable of the environment which that argument names

	requests map[string]bool              // variables that hold a request
	replies  map[string]bool              // parameters that are a response
	loose    map[string][]goPair          // variables made of an http.Header that no answer was given yet
	suites   map[string]string            // types whose methods a test runs: to the name of the test
	tables   map[string]*ast.CompositeLit // variables of the function at hand that hold a literal
	methods  []Decl                       // those called Test*, without parameters
	test     bool                         // the file's tests are run by go test

	line  int    // from 0: the one asked for last, since most questions are about it or the next
	spans []Span // for arguments of calls, made in one go
}

func parseGo(f *File) error {
	count, err := f.goSurvey()
	if err != nil {
		return err
	}
	// Comments are known by now; to let the parser make nodes of them costs time.
	tree, err := parser.ParseFile(token.NewFileSet(), "", f.Text, parser.SkipObjectResolution)
	if err != nil {
		var list scanner.ErrorList
		if errors.As(err, &list) && len(list) > 0 {
			return f.syntaxError(list[0].Pos.Offset, list[0].Msg)
		}
		return &SyntaxError{Line: 1, Message: err.Error()}
	}
	g := &gofile{
		File: f, src: string(f.Text), base: tree.FileStart,
		modules: map[string]string{}, consts: map[string]string{}, vars: map[string]bool{}, headers: map[string]bool{}, fiber: map[string]bool{},
		readers: map[string]int{}, replies: map[string]bool{}, requests: map[string]bool{}, loose: map[string][]goPair{}, suites: map[string]string{},
		test: strings.HasSuffix(f.name, "_test.go"),
	}
	f.Calls, f.Strings = make([]Call, 0, count.brackets), make([]String, 0, count.strings)
	g.imports(tree)
	g.gather(tree)
	for _, decl := range tree.Decls {
		if d, ok := decl.(*ast.FuncDecl); ok {
			g.envReaders(d)
		}
	}
	for _, decl := range tree.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			g.function(d)
		case *ast.GenDecl:
			if d.Tok == token.IMPORT {
				for _, spec := range d.Specs {
					if lit := spec.(*ast.ImportSpec).Path; lit != nil {
						g.literal(lit)
					}
				}
				continue
			}
			g.owner = ""
			g.walk(d)
		}
	}
	g.suiteTests()
	return nil
}

// goCount bounds how many facts of a kind a text has.
type goCount struct{ brackets, strings int } // round ones; quotes and backquotes that open

// goSurvey notes the comments, and refuses a text with too many brackets open at once. It knows strings; other errors it leaves
// to the parser.
func (f *File) goSurvey() (n goCount, err error) {
	text := f.Text
	depth := 0
	for i := 0; i < len(text); i++ {
		if !goMarks[text[i]] {
			continue
		}
		switch text[i] {
		case '(', '[', '{':
			if text[i] == '(' {
				n.brackets++
			}
			if depth++; depth > maxGoNesting {
				return n, f.syntaxError(i, "more than "+strconv.Itoa(maxGoNesting)+" brackets open at once")
			}
		case ')', ']', '}':
			depth--
		case '"', '\'':
			quote := text[i]
			if quote == '"' {
				n.strings++
			}
			for i++; i < len(text) && text[i] != quote && text[i] != '\n'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
		case '`':
			n.strings++
			j := bytes.IndexByte(text[i+1:], '`')
			if j < 0 {
				return n, nil
			}
			i += j + 1
		case '/':
			if i+1 == len(text) || text[i+1] != '/' && text[i+1] != '*' {
				continue
			}
			end := f.goComment(i)
			if !goDirective(text[i:end]) {
				f.Comments = append(f.Comments, Span{i, end})
			}
			i = end - 1
		}
	}
	return n, nil
}

// goMarks are the bytes that a survey stops at.
var goMarks = func() (table [256]bool) {
	for _, c := range []byte("()[]{}\"'`/") {
		table[c] = true
	}
	return table
}()

// goComment returns the end of the comment that begins at the offset, without its line end. One that is not closed ends with
// the text.
func (f *File) goComment(start int) int {
	text := f.Text[start:]
	if text[1] == '*' {
		if i := bytes.Index(text[2:], []byte("*/")); i >= 0 {
			return start + 2 + i + 2
		}
		return len(f.Text)
	}
	if i := bytes.IndexByte(text, '\n'); i >= 0 {
		if text[i-1] == '\r' {
			i--
		}
		return start + i
	}
	return len(f.Text)
}

func (g *gofile) at(p token.Pos) int { return int(p - g.base) }

func (g *gofile) span(n ast.Node) Span { return Span{g.at(n.Pos()), g.at(n.End())} }

// goDirective reports whether a comment speaks to the compiler.
func goDirective(comment []byte) bool {
	return slices.ContainsFunc(goDirectives, func(prefix string) bool {
		return len(comment) >= len(prefix) && string(comment[:len(prefix)]) == prefix
	})
}

var goDirectives = []string{"//go:", "//export ", "//line ", "// +build "}

// LineOf is File.LineOf for questions that come in the order of the text.
func (g *gofile) LineOf(offset int) int {
	for near := min(g.line+4, len(g.lines)); g.lines[g.line] <= offset && g.line < near; g.line++ {
		if g.line+1 == len(g.lines) || offset < g.lines[g.line+1] {
			return g.line + 1
		}
	}
	g.line = g.File.LineOf(offset) - 1
	return g.line + 1
}

func (g *gofile) imports(tree *ast.File) {
	for _, spec := range tree.Imports {
		module, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		im := Import{Module: module, Line: g.LineOf(g.at(spec.Path.Pos()))}
		local := goPackageName(module)
		if spec.Name != nil {
			im.Alias = spec.Name.Name
			local = spec.Name.Name
		}
		g.Imports = append(g.Imports, im)
		g.modules[local] = module
	}
}

// goPackageName guesses the name of the package at a path, as its users write it: the last part that is not a version, without "go-".
func goPackageName(module string) string {
	parts := strings.Split(module, "/")
	last := parts[len(parts)-1]
	if len(parts) > 1 && len(last) > 1 && last[0] == 'v' && strings.Trim(last[1:], "0123456789") == "" {
		last = parts[len(parts)-2]
	}
	last, _, _ = strings.Cut(last, ".")
	return strings.TrimPrefix(last, "go-")
}

// gather notes the string constants and the variables of the package.
func (g *gofile) gather(tree *ast.File) {
	for _, decl := range tree.Decls {
		d, ok := decl.(*ast.GenDecl)
		if !ok || d.Tok != token.CONST && d.Tok != token.VAR {
			continue
		}
		for _, spec := range d.Specs {
			v := spec.(*ast.ValueSpec)
			for i, name := range v.Names {
				if d.Tok == token.VAR {
					g.vars[name.Name] = true
				} else if i < len(v.Values) {
					if s, ok := g.stringOf(v.Values[i]); ok {
						g.consts[name.Name] = s
					}
				}
			}
		}
	}
}

// stringOf returns the value of a string literal or of a string constant of the file.
func (g *gofile) stringOf(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			s, err := strconv.Unquote(e.Value)
			return s, err == nil
		}
	case *ast.Ident:
		s, ok := g.consts[e.Name]
		return s, ok
	case *ast.ParenExpr:
		return g.stringOf(e.X)
	}
	return "", false
}

func (g *gofile) function(d *ast.FuncDecl) {
	owner := ""
	if d.Recv != nil && len(d.Recv.List) > 0 {
		owner = goReceiver(d.Recv.List[0].Type)
	}
	decl := Decl{Kind: Function, Name: d.Name.Name, Owner: owner, Params: g.params(d.Type), Span: g.span(d), Line: g.LineOf(g.at(d.Name.Pos()))}
	if d.Body != nil {
		decl.Body = g.inner(d.Body.Lbrace, d.Body.Rbrace)
	}
	g.Decls = append(g.Decls, decl)
	switch {
	case !g.test:
	case owner == "":
		g.testOf(d)
	case strings.HasPrefix(d.Name.Name, "Test") && len(decl.Params) == 0:
		g.methods = append(g.methods, decl)
	}
	if d.Body != nil {
		g.owner = decl.Qualified()
		g.binds(d.Type)
		g.walk(d.Body)
	}
	g.walk(d.Type)
}

// inner returns what stands between two brackets.
func (g *gofile) inner(open, end token.Pos) Span { return Span{g.at(open) + 1, g.at(end)} }

// goReceiver returns the name of a receiver's type, without pointer and type parameters.
func goReceiver(t ast.Expr) string {
	for {
		switch e := t.(type) {
		case *ast.StarExpr:
			t = e.X
		case *ast.ParenExpr:
			t = e.X
		case *ast.IndexExpr:
			t = e.X
		case *ast.IndexListExpr:
			t = e.X
		case *ast.Ident:
			return e.Name
		default:
			return ""
		}
	}
}

func (g *gofile) params(t *ast.FuncType) []Param {
	var all []Param
	if t.Params == nil {
		return nil
	}
	for _, field := range t.Params.List {
		kind := g.fold(g.span(field.Type))
		for _, name := range field.Names {
			all = append(all, Param{Name: name.Name, Type: kind, Span: Span{g.at(name.Pos()), g.at(field.End())}})
		}
	}
	return all
}

// walk takes the facts out of a part of the tree.
func (g *gofile) walk(root ast.Node) {
	ast.Inspect(root, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GenDecl:
			g.specs(n)
		case *ast.BasicLit:
			g.literal(n)
		case *ast.CallExpr:
			g.call(n)
			g.callHTTP(n)
			g.callEnv(n)
		case *ast.AssignStmt:
			g.assign(n)
			g.assignHTTP(n)
		case *ast.FuncLit:
			g.binds(n.Type)
			s := scope{span: g.span(n)}
			for _, field := range n.Type.Params.List {
				for _, name := range field.Names {
					s.names = append(s.names, name.Name)
				}
			}
			if len(s.names) > 0 {
				g.scopes = append(g.scopes, s)
			}
		case *ast.KeyValueExpr:
			if key, ok := n.Key.(*ast.Ident); ok {
				g.labels = append(g.labels, g.at(key.Pos()))
			}
			g.fieldHTTP(n)
		case *ast.CompositeLit:
			g.literalHTTP(n)
		case *ast.StructType:
			g.tags(n)
		case *ast.IfStmt:
			g.condition(n.Cond)
			g.ifHandler(n)
		case *ast.ForStmt:
			g.condition(n.Cond)
		case *ast.SwitchStmt:
			g.condition(n.Tag)
			g.switchHandler(n, n.Tag, n.Body)
		case *ast.TypeSwitchStmt:
			g.conditions = append(g.conditions, g.span(n.Assign))
			g.switchHandler(n, goSubject(n), n.Body)
		case *ast.CaseClause:
			for _, e := range n.List {
				g.condition(e)
			}
		case *ast.BinaryExpr:
			switch n.Op {
			case token.EQL, token.NEQ, token.LSS, token.LEQ, token.GTR, token.GEQ:
				g.comparisons = append(g.comparisons, g.span(n))
			}
		case *ast.DeferStmt:
			g.deferHandler(n)
		case *ast.ReturnStmt:
			g.returnHandler(n)
		}
		return true
	})
}

func (g *gofile) condition(e ast.Expr) {
	if e != nil {
		g.conditions = append(g.conditions, g.span(e))
	}
}

// specs notes the types of a declaration, and its variables that hold functions.
func (g *gofile) specs(d *ast.GenDecl) {
	for _, spec := range d.Specs {
		whole := g.span(spec)
		if !d.Lparen.IsValid() {
			whole = g.span(d)
		}
		switch s := spec.(type) {
		case *ast.TypeSpec:
			g.typeSpec(s, whole)
		case *ast.ValueSpec:
			for i, value := range s.Values {
				if i < len(s.Names) {
					g.holds(s.Names[i].Name, g.owner, g.at(s.Names[i].Pos()), value, whole)
				}
			}
		}
	}
}

func (g *gofile) typeSpec(s *ast.TypeSpec, whole Span) {
	decl := Decl{Kind: Type, Name: s.Name.Name, Owner: g.owner, Span: whole, Line: g.LineOf(g.at(s.Name.Pos()))}
	switch t := s.Type.(type) {
	case *ast.StructType:
		decl.Kind = Class
		decl.Body = g.inner(t.Fields.Opening, t.Fields.Closing)
	case *ast.InterfaceType:
		decl.Kind = Interface
		decl.Body = g.inner(t.Methods.Opening, t.Methods.Closing)
		for _, m := range t.Methods.List {
			signature, ok := m.Type.(*ast.FuncType)
			if !ok {
				continue
			}
			for _, name := range m.Names {
				g.Decls = append(g.Decls, Decl{
					Kind: Function, Name: name.Name, Owner: decl.Qualified(), Params: g.params(signature),
					Span: g.span(m), Line: g.LineOf(g.at(name.Pos())),
				})
			}
		}
	}
	g.Decls = append(g.Decls, decl)
}

// holds declares a function when a function literal is what a variable holds, and one for each field of a struct that it holds
// and that is set to a function literal.
func (g *gofile) holds(name, owner string, at int, value ast.Expr, whole Span) {
	if name == "_" {
		return
	}
	switch v := value.(type) {
	case *ast.ParenExpr:
		g.holds(name, owner, at, v.X, whole)
	case *ast.UnaryExpr:
		if v.Op == token.AND {
			g.holds(name, owner, at, v.X, whole)
		}
	case *ast.FuncLit:
		g.Decls = append(g.Decls, Decl{
			Kind: Function, Name: name, Owner: owner, Params: g.params(v.Type),
			Span: whole, Body: g.inner(v.Body.Lbrace, v.Body.Rbrace), Line: g.LineOf(at),
		})
	case *ast.CompositeLit:
		if owner != "" {
			name = owner + "." + name
		}
		for _, element := range v.Elts {
			if field, ok := element.(*ast.KeyValueExpr); ok {
				if key, ok := field.Key.(*ast.Ident); ok {
					if _, isFunc := field.Value.(*ast.FuncLit); isFunc {
						g.holds(key.Name, name, g.at(key.Pos()), field.Value, g.span(field))
					}
				}
			}
		}
	}
}

// assign declares functions by assignment: "f := func() {}", "handler = func() {}", "s.handler = func() {}".
func (g *gofile) assign(n *ast.AssignStmt) {
	if len(n.Lhs) == 2 && len(n.Rhs) == 1 && !isBlankName(n.Lhs[1]) {
		// "_, ok := allowed[x]" asks whether x is allowed.
		if index, ok := n.Rhs[0].(*ast.IndexExpr); ok {
			g.condition(index.Index)
		}
	}
	if len(n.Lhs) != len(n.Rhs) {
		return
	}
	for i, target := range n.Lhs {
		switch n.Rhs[i].(type) {
		case *ast.FuncLit, *ast.CompositeLit, *ast.UnaryExpr:
		default:
			continue
		}
		whole := Span{g.at(target.Pos()), g.at(n.Rhs[i].End())}
		switch t := target.(type) {
		case *ast.Ident:
			owner := g.owner
			if n.Tok == token.ASSIGN && g.vars[t.Name] {
				owner = ""
			}
			g.holds(t.Name, owner, g.at(t.Pos()), n.Rhs[i], whole)
		case *ast.SelectorExpr:
			if x, ok := t.X.(*ast.Ident); ok {
				g.holds(t.Sel.Name, x.Name, g.at(t.Sel.Pos()), n.Rhs[i], whole)
			}
		}
	}
}

func isBlankName(e ast.Expr) bool {
	name, ok := e.(*ast.Ident)
	return ok && name.Name == "_"
}

// call notes a call under the name it is written with.
func (g *gofile) call(n *ast.CallExpr) {
	name, start := g.callee(n.Fun)
	if name == "" {
		return
	}
	c := Call{Name: name, Span: Span{start, g.at(n.Rparen) + 1}, Line: g.LineOf(start)}
	if len(n.Args) > 0 {
		if len(g.spans)+len(n.Args) > cap(g.spans) {
			g.spans = make([]Span, 0, max(min(cap(g.Calls), 256), len(n.Args)))
		}
		from := len(g.spans)
		for _, arg := range n.Args {
			g.spans = append(g.spans, g.span(arg))
		}
		c.Args = g.spans[from:len(g.spans):len(g.spans)]
	}
	g.Calls = append(g.Calls, c)
}

// callee returns the dotted name of what is called and where it begins; "" for what has no name. A member of something without
// a name is "?.member", from the member on.
func (g *gofile) callee(fun ast.Expr) (name string, start int) {
	switch e := fun.(type) {
	case *ast.Ident:
		return e.Name, g.at(e.Pos())
	case *ast.ParenExpr:
		return g.callee(e.X)
	case *ast.IndexExpr:
		if goTypeLike(e.Index) {
			return g.callee(e.X)
		}
	case *ast.IndexListExpr:
		return g.callee(e.X)
	case *ast.SelectorExpr:
		if name := g.dotted(e); name != "" {
			return name, g.at(e.Pos())
		}
		return "?." + e.Sel.Name, g.at(e.Sel.Pos())
	}
	return "", 0
}

// dotted returns the name of identifiers joined by dots, or "".
func (g *gofile) dotted(e ast.Expr) string {
	for x := e; ; {
		switch s := x.(type) {
		case *ast.SelectorExpr:
			x = s.X
			continue
		case *ast.Ident:
			name := g.src[g.at(e.Pos()):g.at(e.End())]
			if strings.ContainsAny(name, " \t\r\n/") { // broken over lines
				return g.spelled(e)
			}
			return name
		}
		return ""
	}
}

func (g *gofile) spelled(e ast.Expr) string {
	var parts []string
	for {
		switch s := e.(type) {
		case *ast.SelectorExpr:
			parts = append(parts, s.Sel.Name)
			e = s.X
			continue
		case *ast.Ident:
			parts = append(parts, s.Name)
		}
		break
	}
	slices.Reverse(parts)
	return strings.Join(parts, ".")
}

// goTypeLike reports whether an index reads like a type argument: then "f[T](x)" calls f. What could be an index is none.
func goTypeLike(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Ident:
		return ast.IsExported(e.Name) || goBasicTypes[e.Name]
	case *ast.SelectorExpr:
		return ast.IsExported(e.Sel.Name)
	case *ast.StarExpr:
		return goTypeLike(e.X)
	case *ast.ArrayType, *ast.MapType, *ast.ChanType, *ast.FuncType, *ast.StructType, *ast.InterfaceType:
		return true
	case *ast.IndexExpr:
		return goTypeLike(e.X)
	}
	return false
}

var goBasicTypes = wordSet(`any bool byte comparable complex64 complex128 error float32 float64 int int8 int16 int32 int64 rune string
	uint uint8 uint16 uint32 uint64 uintptr`)

// literal notes a string literal. The end of a raw one is looked for in the text: the parser drops carriage returns.
func (g *gofile) literal(lit *ast.BasicLit) {
	if lit.Kind != token.STRING {
		return
	}
	value, err := strconv.Unquote(lit.Value)
	if err != nil {
		return
	}
	s := Span{g.at(lit.Pos()), g.at(lit.Pos()) + len(lit.Value)}
	if g.src[s.Start] == '`' {
		s.End = s.Start + 1 + strings.IndexByte(g.src[s.Start+1:], '`') + 1
	}
	g.Strings = append(g.Strings, String{Value: value, Span: s, Line: g.LineOf(s.Start)})
}
