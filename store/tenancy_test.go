package store_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/redoubt-dev/redoubt/internal/testenv"
)

// Tenancy by construction: a statement on a table that has a workspace_id names the workspace it is for, or says why it is
// for any of them.

var (
	createTable = regexp.MustCompile(`(?is)CREATE TABLE (?:IF NOT EXISTS )?(\w+)\s*\((.*?)\n\)`)
	cascades    = regexp.MustCompile(`(?i)\bworkspace_id\s+TEXT\s+NOT NULL\s+(?:PRIMARY KEY\s+)?REFERENCES workspaces \(id\) ON DELETE CASCADE`)
	touches     = regexp.MustCompile(`(?i)\b(?:FROM|JOIN|INTO|UPDATE)\s+(\w+)`)
	compares    = regexp.MustCompile(`(?i)\bworkspace_id\s*(?:=|IN\b)\s*[?(\w]`)
	inserts     = regexp.MustCompile(`(?is)\bINSERT INTO \w+\s*\([^)]*\bworkspace_id\b`)
	excused     = regexp.MustCompile(`/\* any workspace: [^*]*\w[^*]*\*/`)
)

// tenantTables returns the tables of the migrations that have a workspace_id, with their definitions.
func tenantTables(t testing.TB) map[string]string {
	t.Helper()
	files, err := filepath.Glob("migrations/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("no migrations: %v", err)
	}
	out := map[string]string{}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range createTable.FindAllStringSubmatch(string(raw), -1) {
			if strings.Contains(m[2], "workspace_id") {
				out[m[1]] = m[2]
			}
		}
	}
	return out
}

// untenanted returns what is wrong with a text, if it is a statement on a tenant table.
func untenanted(text string, tenant map[string]string) string {
	for _, m := range touches.FindAllStringSubmatch(text, -1) {
		if _, ok := tenant[strings.ToLower(m[1])]; ok && !compares.MatchString(text) && !inserts.MatchString(text) && !excused.MatchString(text) {
			return fmt.Sprintf("a statement on %s without a workspace_id: %s", m[1], strings.Join(strings.Fields(text), " "))
		}
	}
	return ""
}

// statements returns the texts of a Go file, with what is joined by + put together: constants and variables that are
// assigned a text once count as that text, any other operand as nothing.
func statements(file *ast.File) (out []string) {
	texts := map[string]string{}
	var text func(ast.Expr) (string, bool)
	text = func(e ast.Expr) (string, bool) {
		switch e := e.(type) {
		case *ast.BasicLit:
			if e.Kind == token.STRING {
				s, err := strconv.Unquote(e.Value)
				return s, err == nil
			}
		case *ast.BinaryExpr:
			if e.Op == token.ADD {
				a, okA := text(e.X)
				b, okB := text(e.Y)
				return a + b, okA || okB
			}
		case *ast.ParenExpr:
			return text(e.X)
		case *ast.Ident:
			s, ok := texts[e.Name]
			return s, ok
		}
		return "", false
	}
	remember := func(names []ast.Expr, values []ast.Expr) {
		for i, v := range values {
			if len(names) != len(values) {
				return
			}
			if id, ok := names[i].(*ast.Ident); ok {
				if s, ok := text(v); ok {
					texts[id.Name] = s
				}
			}
		}
	}
	for range 2 { // a constant may stand below its use
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ValueSpec:
				names := make([]ast.Expr, len(n.Names))
				for i, id := range n.Names {
					names[i] = id
				}
				remember(names, n.Values)
			case *ast.AssignStmt:
				remember(n.Lhs, n.Rhs)
			}
			return true
		})
	}
	ast.Inspect(file, func(n ast.Node) bool {
		e, ok := n.(ast.Expr)
		if !ok {
			return true
		}
		switch e.(type) {
		case *ast.BasicLit, *ast.BinaryExpr:
			if s, ok := text(e); ok {
				out = append(out, s)
				return false // its parts are in it
			}
		}
		return true
	})
	return out
}

// statementsOf returns the texts of all Go files of a folder but its tests.
func statementsOf(t *testing.T, dir string) (out []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, statements(file)...)
	}
	return out
}

func TestEveryStatementNamesTheWorkspace(t *testing.T) {
	tenant := tenantTables(t)
	touched := map[string]bool{}
	for _, s := range statementsOf(t, ".") {
		if wrong := untenanted(s, tenant); wrong != "" {
			t.Error(wrong)
		}
		for _, m := range touches.FindAllStringSubmatch(s, -1) {
			touched[m[1]] = true
		}
	}
	for table := range tenant {
		if !touched[table] {
			t.Errorf("no statement touches %s: is it dead, or are its statements built in a way that is not read here?", table)
		}
	}
}

// The checker can fail: each of these would hand out another workspace's rows, or is no statement at all.
func TestTheTenancyCheckerCanFail(t *testing.T) {
	tenant := map[string]string{"models": "", "entities": ""}
	for _, c := range []struct {
		source string
		bad    bool
	}{
		{"`SELECT id FROM models WHERE id = ?`", true},
		{"`SELECT workspace_id FROM models WHERE id = ?`", true}, // named, but not compared
		{"`UPDATE models SET title = ? WHERE id = ?`", true},
		{"`DELETE FROM models`", true},
		{"`INSERT INTO models (id, title) VALUES (?, ?)`", true},
		{"`INSERT INTO\n\tmodels (id) VALUES (?)`", true},
		{"`SELECT 1 FROM users u JOIN models m ON m.created_by = u.id`", true},
		{"`SELECT id FROM models /* any workspace: */ WHERE id = ?`", true}, // no reason
		{"`SELECT id FROM ` + `models` + ` WHERE id = ?`", true},
		{"`SELECT ` + columns + ` FROM models WHERE ` + where", true},
		{"fmt.Sprint(`SELECT id FROM models WHERE ` + f())", true},
		{"`SELECT id FROM models WHERE workspace_id = ? AND id = ?`", false},
		{"`SELECT id FROM models m WHERE m.workspace_id = ?`", false},
		{"`INSERT INTO models (id, workspace_id) VALUES (?, ?)`", false},
		{"`SELECT id FROM models WHERE ` + scoped", false},
		{"`DELETE FROM models /* any workspace: housekeeping */ WHERE deleted_at < ?`", false},
		{"`SELECT id FROM users WHERE id = ?`", false},
		{"`read it from models of old`", true}, // prose that reads as SQL is better reworded than let through
		{"`there is no such model`", false},
	} {
		source := "package x\nconst columns = `id, workspace_id`\nvar where = `id = ?`\nconst scoped = `workspace_id = ?`\nvar _ = " + c.source
		file, err := parser.ParseFile(token.NewFileSet(), "x.go", source, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		found := slices.ContainsFunc(statements(file), func(s string) bool { return untenanted(s, tenant) != "" })
		if found != c.bad {
			t.Errorf("%s: found wrong is %v, want %v", c.source, found, c.bad)
		}
	}
}

func TestEveryTenantTableGoesWithItsWorkspace(t *testing.T) {
	tenant := tenantTables(t)
	if len(tenant) < 8 {
		t.Errorf("only %d tenant tables are found", len(tenant))
	}
	for table, body := range tenant {
		if !cascades.MatchString(body) {
			t.Errorf("%s.workspace_id does not reference workspaces (id) ON DELETE CASCADE", table)
		}
	}
	for _, bad := range []string{
		"workspace_id TEXT NOT NULL", "workspace_id TEXT NOT NULL REFERENCES workspaces (id)",
		"workspace_id TEXT REFERENCES workspaces (id) ON DELETE CASCADE", "workspace_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE",
	} {
		if cascades.MatchString(bad) {
			t.Errorf("%q passes", bad)
		}
	}
}

// What the definitions say is what happens: a workspace goes with every row of it, and takes none of another's.
func TestDeletingAWorkspaceTakesItsRows(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		db := raw(t, e.database)
		count := func(table, w string) int64 {
			return one(t, db, fmt.Sprintf("SELECT COUNT(*) FROM %s WHERE workspace_id = '%s'", table, w))
		}
		owner := testenv.User(t, e.Store, "owner@example.org")
		goes, stays := testenv.Workspace(t, e.Store, owner).ID, testenv.Workspace(t, e.Store, owner).ID
		for _, w := range []string{goes, stays} {
			fillWorkspace(t, e, w, owner)
		}
		filled := []string{"members", "invitations", "api_keys", "models", "jobs", "job_questions", "activity", "idempotency", "frameworks", "systems", "llm_cache", "llm_calls"}
		filled = append(filled, modelTables...)
		for _, table := range filled {
			if count(table, goes) == 0 || count(table, stays) == 0 {
				t.Fatalf("the test puts nothing into %s", table)
			}
		}
		if _, err := db.Exec("DELETE FROM workspaces WHERE id = '" + goes + "'"); err != nil {
			t.Fatal(err)
		}
		for table := range tenantTables(t) {
			if n := count(table, goes); n != 0 {
				t.Errorf("%d rows are left in %s", n, table)
			}
		}
		for _, table := range filled {
			if count(table, stays) == 0 {
				t.Errorf("the other workspace lost its rows in %s", table)
			}
		}
	})
}
