package source

import (
	"fmt"
	"go/ast"
	"regexp"
	"sort"
	"strconv"
	"strings"
)

// testOf notes the tests of a function of a test file: the function itself and its subtests with literal names, as go test
// names them.
func (g *gofile) testOf(d *ast.FuncDecl) {
	name := d.Name.Name
	switch {
	case goTestName(name, "Test") && g.takes(d.Type, "testing.T"):
	case goTestName(name, "Fuzz") && g.takes(d.Type, "testing.F"):
	case goTestName(name, "Example") && len(d.Type.Params.List) == 0 && d.Type.Results == nil && g.hasOutput(d):
	default:
		return
	}
	g.Tests = append(g.Tests, Test{Name: name, Line: g.LineOf(g.at(d.Name.Pos()))})
	if d.Body != nil && strings.HasPrefix(name, "Test") {
		g.tables = map[string]*ast.CompositeLit{}
		g.subtests(&goSubtests{seen: map[string]int{}}, []string{name}, d.Body)
	}
}

// hasOutput reports whether the last comment of an example says what it prints; go test only compiles one that does not.
func (g *gofile) hasOutput(d *ast.FuncDecl) bool {
	if d.Body == nil {
		return false
	}
	body := g.inner(d.Body.Lbrace, d.Body.Rbrace)
	after := sort.Search(len(g.Comments), func(i int) bool { return g.Comments[i].Start >= body.End })
	for i := after - 1; i >= 0 && g.Comments[i].Start >= body.Start; i-- {
		if goOutput.MatchString(g.src[g.Comments[i].Start:g.Comments[i].End]) {
			return true
		}
		if i > 0 && strings.TrimSpace(g.src[g.Comments[i-1].End:g.Comments[i].Start]) != "" {
			return false // a group of its own
		}
	}
	return false
}

var goOutput = regexp.MustCompile(`^/[/*]\s*(?i:(?:unordered )?output:)`)

// suiteTests notes the methods that testify's suites run.
func (g *gofile) suiteTests() {
	for _, m := range g.methods {
		if parent := g.suites[m.Owner]; parent != "" {
			g.Tests = append(g.Tests, Test{Name: parent + "/" + m.Name, Line: m.Line})
		}
	}
}

// goTestName reports whether go test takes the name for a test: what follows the prefix is no small letter.
func goTestName(name, prefix string) bool {
	rest, ok := strings.CutPrefix(name, prefix)
	return ok && (rest == "" || strings.ToLower(rest[:1]) != rest[:1] || rest[0] == '_' || '0' <= rest[0] && rest[0] <= '9' || rest[0] >= 0x80)
}

// takes reports whether the one parameter of a function is a pointer to the type.
func (g *gofile) takes(t *ast.FuncType, name string) bool {
	if t.Params == nil || len(t.Params.List) != 1 || len(t.Params.List[0].Names) > 1 {
		return false
	}
	star, ok := t.Params.List[0].Type.(*ast.StarExpr)
	return ok && g.dotted(star.X) == name
}

// maxSubtests bounds the subtests of one function: what runs for each row of a table within a table multiplies.
const maxSubtests = 5000

// maxRows bounds the rows looked at for the subtests of one function.
const maxRows = 20 * maxSubtests

// goSubtests are the subtests of one function.
type goSubtests struct {
	seen  map[string]int
	count int
	read  int      // rows looked at
	rows  []goRows // of the loops around
}

// goRows are the rows that a loop goes over.
type goRows struct {
	key, value string // the variables; "" for none
	list       *ast.CompositeLit
}

// subtests notes the subtests in a body: those with a literal name, and those that the rows of a table in the function name. The
// body runs within the parents.
func (g *gofile) subtests(s *goSubtests, parents []string, body ast.Node) {
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if len(n.Lhs) == 1 && len(n.Rhs) == 1 {
				name, isName := n.Lhs[0].(*ast.Ident)
				list, isList := n.Rhs[0].(*ast.CompositeLit)
				if isName && isList {
					g.tables[name.Name] = list
				} else if isName {
					delete(g.tables, name.Name)
				}
			}
		case *ast.ValueSpec:
			if len(n.Names) == 1 && len(n.Values) == 1 {
				if list, ok := n.Values[0].(*ast.CompositeLit); ok {
					g.tables[n.Names[0].Name] = list
				}
			}
		case *ast.RangeStmt:
			list, ok := n.X.(*ast.CompositeLit)
			if name, isName := n.X.(*ast.Ident); isName {
				list, ok = g.tables[name.Name]
			}
			if !ok {
				return true
			}
			s.rows = append(s.rows, goRows{goNameOf(n.Key), goNameOf(n.Value), list})
			g.subtests(s, parents, n.Body)
			s.rows = s.rows[:len(s.rows)-1]
			return false
		case *ast.CallExpr:
			return g.subtestOf(s, parents, n)
		}
		return true
	})
}

func goNameOf(e ast.Expr) string {
	if name, ok := e.(*ast.Ident); ok && name.Name != "_" {
		return name.Name
	}
	return ""
}

// subtestOf notes the subtests of a call, and reports whether to look within it.
func (g *gofile) subtestOf(s *goSubtests, parents []string, call *ast.CallExpr) bool {
	fun, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || len(call.Args) != 2 || fun.Sel.Name != "Run" {
		return true
	}
	if g.dotted(fun) == "suite.Run" && g.imported("stretchr/testify/suite") {
		if name := goMade(call.Args[1]); name != "" && len(parents) == 1 {
			g.suites[name] = parents[0]
		}
		return false
	}
	titles := g.titles(s, call.Args[0])
	if len(titles) == 0 {
		return true
	}
	var all []string
	for _, parent := range parents {
		for _, title := range titles {
			if s.count++; s.count > maxSubtests {
				return false
			}
			name := parent + "/" + goSubtestName(title.Value)
			count := s.seen[name]
			s.seen[name]++
			if count > 0 || title.Value == "" {
				name += fmt.Sprintf("#%02d", count)
			}
			g.Tests = append(g.Tests, Test{Name: name, Line: title.Line})
			all = append(all, name)
		}
	}
	if lit, ok := call.Args[1].(*ast.FuncLit); ok {
		g.subtests(s, all, lit.Body)
	}
	return false
}

// goMade returns the name of the type of new(T), &T{} or T{}.
func goMade(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.UnaryExpr:
		return goMade(e.X)
	case *ast.CompositeLit:
		return goNameOf(e.Type)
	case *ast.CallExpr:
		if goNameOf(e.Fun) == "new" && len(e.Args) == 1 {
			return goNameOf(e.Args[0])
		}
	}
	return ""
}

// titles returns the names that a subtest is given: a literal, or a column of the table that the loop around goes over. A row
// without a literal there has none.
func (g *gofile) titles(s *goSubtests, e ast.Expr) []String {
	if title, ok := g.stringOf(e); ok {
		return []String{{Value: title, Line: g.LineOf(g.at(e.Pos()))}}
	}
	name, field := goNameOf(e), ""
	if column, ok := e.(*ast.SelectorExpr); ok {
		name, field = goNameOf(column.X), column.Sel.Name
	}
	if name == "" {
		return nil
	}
	for i := len(s.rows) - 1; i >= 0; i-- {
		if rows := s.rows[i]; name == rows.key || name == rows.value {
			if s.read += len(rows.list.Elts); s.read > maxRows || s.count > maxSubtests {
				return nil
			}
			return g.column(rows, name == rows.key, field)
		}
	}
	return nil
}

// column returns the literals of a column of a table; "" is the row itself.
func (g *gofile) column(rows goRows, key bool, field string) []String {
	var found []String
	add := func(e ast.Expr) {
		if title, ok := g.stringOf(e); ok {
			found = append(found, String{Value: title, Line: g.LineOf(g.at(e.Pos()))})
		}
	}
	position := goFieldAt(rows.list.Type, field)
	for _, row := range rows.list.Elts {
		pair, isPair := row.(*ast.KeyValueExpr)
		switch {
		case key && isPair && field == "":
			add(pair.Key)
			continue
		case key:
			continue
		case isPair:
			row = pair.Value
		}
		if field == "" {
			add(row)
			continue
		}
		if pointer, ok := row.(*ast.UnaryExpr); ok {
			row = pointer.X
		}
		cells, ok := row.(*ast.CompositeLit)
		if !ok {
			continue
		}
		for i, cell := range cells.Elts {
			if pair, ok := cell.(*ast.KeyValueExpr); ok {
				if goNameOf(pair.Key) == field {
					add(pair.Value)
				}
			} else if i == position {
				add(cell)
			}
		}
	}
	return found
}

// goFieldAt returns the position of a field in the struct that a table is of, where the table's type spells it out; else -1.
func goFieldAt(table ast.Expr, field string) int {
	switch t := table.(type) {
	case *ast.ArrayType:
		return goFieldAt(t.Elt, field)
	case *ast.MapType:
		return goFieldAt(t.Value, field)
	case *ast.StarExpr:
		return goFieldAt(t.X, field)
	case *ast.StructType:
		i := 0
		for _, f := range t.Fields.List {
			for _, name := range f.Names {
				if name.Name == field {
					return i
				}
				i++
			}
			if len(f.Names) == 0 {
				i++
			}
		}
	}
	return -1
}

// goSubtestName writes the title of a subtest as the testing package does: blanks as underscores, the unprintable escaped.
func goSubtestName(title string) string {
	var b strings.Builder
	for _, r := range title {
		switch {
		case r == ' ' || '\t' <= r && r <= '\r' || r == 0x85 || r == 0xA0 || r == 0x2028 || r == 0x2029:
			b.WriteByte('_')
		case !strconv.IsPrint(r):
			s := strconv.QuoteRune(r)
			b.WriteString(s[1 : len(s)-1])
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
