package main_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/redoubt-dev/redoubt"

// imports says which packages of ours a package may import in non-test code. "anything" lifts the limit. A package that is
// missing here fails the test, so that a new room is a decision.
var imports = map[string][]string{
	"threat":                {},
	"account":               {"threat"},
	"credit":                {"threat"},
	"schema":                {"threat", "account"},
	"store":                 {"threat", "account", "credit", "evidence"},
	"auth":                  {"threat", "account"},
	"billing":               {"threat"},
	"auth/attest":           {"threat"},
	"audit":                 {"threat", "account", "evidence", "posture", "exchange", "auth/attest"},
	"pipeline":              {"threat"},
	"pipeline/builtin":      {"pipeline", "threat"},
	"exchange":              {"threat", "evidence", "posture", "compliance"},
	"examples":              {"threat"},
	"llm":                   {},
	"llm/llmtest":           {},
	"evidence":              {"threat"},
	"compliance":            {"threat"},
	"posture":               {"threat", "evidence"},
	"impact":                {"threat", "evidence"},
	"scan":                  {"threat", "evidence"},
	"verify/config":         {},
	"verify/manifest":       {"verify/config"},
	"verify/source":         {},
	"verify/webconf":        {"verify/config"},
	"verify":                {"evidence", "threat", "verify/source", "verify/config", "verify/manifest", "verify/secret", "verify/testreport", "verify/runtests", "verify/webconf"},
	"verify/secret":         {},
	"verify/testreport":     {},
	"verify/runtests":       {"verify/testreport"},
	"verify/judge":          {"evidence", "llm", "threat"},
	"verify/runner":         {"evidence", "threat", "verify", "verify/judge"},
	"verify/remote":         {"evidence", "threat"},
	"verify/mutate":         {"evidence", "threat", "verify", "verify/source", "verify/config", "verify/manifest"},
	"service":               {"threat", "account", "evidence", "posture", "impact", "compliance", "scan", "store", "audit", "auth", "auth/attest", "billing", "credit", "llm", "pipeline", "exchange"},
	"tools":                 {"threat", "account", "evidence", "posture", "schema", "service"},
	"resources":             {"threat", "account", "evidence", "posture", "service"},
	"rest":                  {"threat", "account", "evidence", "posture", "schema", "service"},
	"server":                {"threat", "account", "tools", "resources", "rest", "service"},
	"cli":                   {"anything"},
	".":                     {"cli"},
	"internal/testenv":      {"store", "auth", "account", "threat"},
	"internal/testenv/live": {"anything"},
	"internal/conformance":  {"anything"},
}

// external says which third-party packages only some of ours may import: each has its one room.
var external = map[string][]string{
	"github.com/mark3labs/mcp-go":                       {"tools", "resources", "server", "cli", "internal/testenv/live", "internal/conformance"},
	"github.com/jmoiron/sqlx":                           {"store"},
	"database/sql":                                      {"store", "internal/testenv"},
	"modernc.org/sqlite":                                {"store"},
	"github.com/klauspost/compress":                     {"store"},
	"github.com/jackc/pgx":                              {"store", "internal/testenv"},
	"github.com/spf13/cobra":                            {"cli"},
	"github.com/prometheus/client_golang":               {"server"},
	"github.com/google/jsonschema-go":                   {"schema", "tools", "rest"},
	"github.com/santhosh-tekuri/jsonschema":             {"schema"},
	"github.com/gowebpki/jcs":                           {"evidence"},
	"github.com/openai/openai-go":                       {"llm"},
	"github.com/anthropics/anthropic-sdk-go":            {"llm"},
	"github.com/owenrumney/go-sarif":                    {"exchange"},
	"github.com/coreos/go-oidc":                         {"auth/attest"},
	"github.com/go-jose/go-jose":                        {"audit", "auth/attest", "internal/testenv"},
	"github.com/secure-systems-lab/go-securesystemslib": {"auth/attest"},
	"github.com/stripe/stripe-go":                       {"billing"},
	"net/http":                                          {"auth/attest", "billing", "server", "rest", "llm", "llm/llmtest", "verify/remote", "internal/testenv", "internal/testenv/live", "internal/conformance"},
}

// pure are the packages of the domain: no I/O, no clock, nothing random.
var pure = []string{"threat", "account", "evidence", "posture", "impact", "scan", "exchange", "compliance", "credit"}

var impure = []string{"os", "net", "io/fs", "time.Now", "math/rand", "math/rand/v2", "crypto/rand", "database/sql", "log", "os/exec"}

func TestImports(t *testing.T) {
	seen := map[string]bool{}
	eachGoFile(t, func(dir, file string, f *ast.File) {
		if strings.HasSuffix(file, "_test.go") {
			return
		}
		seen[dir] = true
		allowed, known := imports[dir]
		if !known {
			t.Errorf("%s: package %q is not in the import table; decide what it may import (docs/ARCHITECTURE.md)", file, dir)
			return
		}
		for _, spec := range f.Imports {
			target, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if own, ok := strings.CutPrefix(target, module+"/"); ok {
				if !slices.Contains(allowed, "anything") && !slices.Contains(allowed, own) {
					t.Errorf("%s imports %s; %q may import %v", file, own, dir, allowed)
				}
				continue
			}
			for prefix, rooms := range external {
				if (target == prefix || strings.HasPrefix(target, prefix+"/")) && !slices.Contains(rooms, dir) {
					t.Errorf("%s imports %s, which belongs in %v", file, target, rooms)
				}
			}
			if slices.Contains(pure, dir) && slices.Contains(impure, target) {
				t.Errorf("%s imports %s: package %s is pure", file, target, dir)
			}
		}
		if slices.Contains(pure, dir) {
			ast.Inspect(f, func(n ast.Node) bool {
				call, ok := n.(*ast.SelectorExpr)
				if x, isIdent := identOf(call, ok); isIdent && x == "time" && slices.Contains([]string{"Now", "Since", "Until"}, call.Sel.Name) {
					t.Errorf("%s reads the clock: package %s is pure, time is an argument", file, dir)
				}
				return true
			})
		}
	})
	for dir := range imports {
		if !seen[dir] && dir != "internal/conformance" && dir != "internal/testenv" && dir != "internal/testenv/live" {
			t.Errorf("the import table names %q, which has no code", dir)
		}
	}
}

func identOf(s *ast.SelectorExpr, ok bool) (string, bool) {
	if !ok {
		return "", false
	}
	x, isIdent := s.X.(*ast.Ident)
	if !isIdent {
		return "", false
	}
	return x.Name, true
}

// SQL lives in store alone; a statement elsewhere is a transport or a rule that reaches past it.
func TestSQLLivesInStore(t *testing.T) {
	eachGoFile(t, func(dir, file string, f *ast.File) {
		if dir == "store" || strings.HasSuffix(file, "_test.go") || strings.HasPrefix(dir, "internal/") {
			return
		}
		ast.Inspect(f, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			text := strings.ToUpper(lit.Value)
			for _, words := range []string{"SELECT * FROM", "INSERT INTO ", "DELETE FROM ", " SET VERSION ="} {
				if strings.Contains(text, words) {
					t.Errorf("%s holds SQL: %s", file, lit.Value)
				}
			}
			return true
		})
	})
}

// Nothing in the repository carries a path of a developer's machine.
func TestNoMachinePaths(t *testing.T) {
	for _, file := range gitFiles(t) {
		if strings.HasSuffix(file, ".sum") || file == "arch_test.go" {
			continue
		}
		raw, err := os.ReadFile(file)
		if err != nil {
			continue // deleted in the work tree
		}
		for _, bad := range []string{"/home/" + "runner", "/work" + "/", "/root" + "/"} {
			if strings.Contains(string(raw), bad) {
				t.Errorf("%s holds the path %s", file, bad)
			}
		}
	}
}

// oracle is a module of its own, which nothing of ours imports.
const oracle = "internal/oracle/"

func eachGoFile(t *testing.T, fn func(dir, file string, f *ast.File)) {
	t.Helper()
	fset := token.NewFileSet()
	n := 0
	for _, file := range gitFiles(t) {
		if !strings.HasSuffix(file, ".go") || strings.Contains(file, "/testdata/") || strings.HasPrefix(file, oracle) {
			continue
		}
		f, err := parser.ParseFile(fset, file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		n++
		fn(path.Dir(file), file, f)
	}
	if n < 20 {
		t.Fatalf("only %d Go files found: the walk is broken", n)
	}
}

// gitFiles lists the files of the repository by walking it: tests run without git too.
func gitFiles(t *testing.T) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && (name == ".git" || name == "node_modules" || name == "redoubt-data" || name == "bin") {
			return filepath.SkipDir
		}
		if !d.IsDir() && d.Type().IsRegular() && name != ".git" { // in a linked work tree .git is a file
			if st, err := d.Info(); err == nil && st.Size() < 4<<20 {
				out = append(out, filepath.ToSlash(p))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
