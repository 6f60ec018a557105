package source

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// An error in Go is handled where it is tested and something comes of it: an if or a switch on an error that has a body, a
// recover in a deferred function whose result is used, or a return that wraps the error. "_ =" and a bare "return f()" are no
// handling.

// ifHandler notes an if whose condition tests an error.
func (g *gofile) ifHandler(n *ast.IfStmt) {
	how, ok := g.testsError(n.Cond)
	if ok && goActs(n.Body.List) {
		g.Handlers = append(g.Handlers, Handler{How: "if " + how, Span: g.span(n), Line: g.LineOf(g.at(n.Pos()))})
		return
	}
	// if err == nil {} else { the error is handled here }
	if b, isBinary := n.Cond.(*ast.BinaryExpr); isBinary && b.Op == token.EQL && goErrorName(b.X) && isNil(b.Y) {
		if other, isBlock := n.Else.(*ast.BlockStmt); isBlock && goActs(other.List) {
			g.Handlers = append(g.Handlers, Handler{How: "if " + g.fold(g.span(n.Cond)) + " else", Span: g.span(n), Line: g.LineOf(g.at(n.Pos()))})
		}
	}
}

// testsError tells whether a condition is true only for some errors: "err != nil", "errors.Is(err, x)", "err == io.EOF".
func (g *gofile) testsError(e ast.Expr) (how string, ok bool) {
	switch e := e.(type) {
	case *ast.ParenExpr:
		return g.testsError(e.X)
	case *ast.UnaryExpr:
		if call, isCall := e.X.(*ast.CallExpr); isCall && e.Op == token.NOT {
			return g.testsError(call)
		}
	case *ast.BinaryExpr:
		switch e.Op {
		case token.LAND, token.LOR:
			if how, ok := g.testsError(e.X); ok {
				return how, true
			}
			return g.testsError(e.Y)
		case token.NEQ:
			if goErrorName(e.X) || goErrorName(e.Y) {
				return g.fold(g.span(e)), true
			}
		case token.EQL:
			if (goErrorName(e.X) || goErrorName(e.Y)) && !isNil(e.X) && !isNil(e.Y) {
				return g.fold(g.span(e)), true
			}
		}
	case *ast.CallExpr:
		name, _ := g.callee(e.Fun)
		if slices.ContainsFunc(e.Args, goErrorName) && (strings.HasPrefix(name, "errors.") || validating(name) || strings.HasPrefix(name, "os.Is")) {
			return name, true
		}
	}
	return "", false
}

// goErrorName reports whether an expression is a variable that is called like an error.
func goErrorName(e ast.Expr) bool {
	name := ""
	switch e := e.(type) {
	case *ast.Ident:
		name = e.Name
	case *ast.SelectorExpr:
		name = e.Sel.Name
	default:
		return false
	}
	if name == "err" || name == "e" {
		return true
	}
	if !goMentionsError(name) { // most do not
		return false
	}
	for _, w := range words(name) {
		if w == "err" || w == "error" || w == "errs" || w == "errors" {
			return true
		}
	}
	return false
}

// goMentionsError reports whether "err" is in the name, whatever its case.
func goMentionsError(name string) bool {
	for i := 0; i+2 < len(name); i++ {
		if name[i]|0x20 == 'e' && name[i+1]|0x20 == 'r' && name[i+2]|0x20 == 'r' {
			return true
		}
	}
	return false
}

func isNil(e ast.Expr) bool {
	name, ok := e.(*ast.Ident)
	return ok && name.Name == "nil"
}

// goActs reports whether statements do more than throw a value away.
func goActs(list []ast.Stmt) bool {
	for _, s := range list {
		switch s := s.(type) {
		case *ast.EmptyStmt:
		case *ast.BlockStmt:
			if goActs(s.List) {
				return true
			}
		case *ast.AssignStmt:
			if !slices.ContainsFunc(s.Lhs, func(e ast.Expr) bool { return !isBlankName(e) }) && !containsCall(s.Rhs) {
				continue
			}
			return true
		default:
			return true
		}
	}
	return false
}

func containsCall(list []ast.Expr) bool {
	return slices.ContainsFunc(list, func(e ast.Expr) bool { _, ok := e.(*ast.CallExpr); return ok })
}

// switchHandler notes a switch on an error, or on tests of one, with a case that does something.
func (g *gofile) switchHandler(n ast.Stmt, subject ast.Expr, body *ast.BlockStmt) {
	onError := subject != nil && goErrorName(subject)
	for _, clause := range body.List {
		c, ok := clause.(*ast.CaseClause)
		if !ok || !goActs(c.Body) {
			continue
		}
		tests := onError
		if subject == nil {
			tests = slices.ContainsFunc(c.List, func(e ast.Expr) bool { _, ok := g.testsError(e); return ok })
		}
		if tests {
			g.Handlers = append(g.Handlers, Handler{How: "switch on an error", Span: g.span(n), Line: g.LineOf(g.at(n.Pos()))})
			return
		}
	}
}

// goSubject returns what a type switch asks the type of.
func goSubject(n *ast.TypeSwitchStmt) ast.Expr {
	var e ast.Expr
	switch a := n.Assign.(type) {
	case *ast.ExprStmt:
		e = a.X
	case *ast.AssignStmt:
		if len(a.Rhs) == 1 {
			e = a.Rhs[0]
		}
	}
	if t, ok := e.(*ast.TypeAssertExpr); ok {
		return t.X
	}
	return &ast.BadExpr{}
}

// deferHandler notes a deferred function that recovers and looks at what it got.
func (g *gofile) deferHandler(n *ast.DeferStmt) {
	lit, ok := n.Call.Fun.(*ast.FuncLit)
	if !ok {
		return
	}
	calls, dropped := 0, 0
	isRecover := func(e ast.Expr) bool {
		call, ok := e.(*ast.CallExpr)
		if !ok {
			return false
		}
		name, ok := call.Fun.(*ast.Ident)
		return ok && name.Name == "recover"
	}
	ast.Inspect(lit.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit: // recovers nothing: it is not the deferred function
			return false
		case *ast.CallExpr:
			if isRecover(n) {
				calls++
			}
		case *ast.ExprStmt:
			if isRecover(n.X) {
				dropped++
			}
		case *ast.AssignStmt:
			if len(n.Lhs) == 1 && isBlankName(n.Lhs[0]) && isRecover(n.Rhs[0]) {
				dropped++
			}
		}
		return true
	})
	if calls > dropped {
		g.Handlers = append(g.Handlers, Handler{How: "deferred recover", Span: g.span(n), Line: g.LineOf(g.at(n.Pos()))})
	}
}

// returnHandler notes a return that wraps an error.
func (g *gofile) returnHandler(n *ast.ReturnStmt) {
	for _, result := range n.Results {
		call, ok := result.(*ast.CallExpr)
		if !ok || !slices.ContainsFunc(call.Args, goErrorName) {
			continue
		}
		name, _ := g.callee(call.Fun)
		wraps := false
		switch name {
		case "fmt.Errorf", "xerrors.Errorf":
			format, known := g.stringOf(call.Args[0])
			wraps = known && strings.Contains(format, "%w")
		case "errors.Wrap", "errors.Wrapf", "errors.WithStack", "errors.WithMessage", "errors.WithMessagef", "errors.Join", "errors.Annotate":
			wraps = true
		}
		if wraps {
			g.Handlers = append(g.Handlers, Handler{How: "return " + name, Span: g.span(n), Line: g.LineOf(g.at(n.Pos()))})
			return
		}
	}
}
