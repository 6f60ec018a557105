package mutate_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/verify/mutate"
)

// write lays files out in a folder of their own.
func write(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		p := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func assertion(typ evidence.Type, params ...string) evidence.Assertion {
	a := evidence.Assertion{ID: "E1", Control: "C1", Type: typ, Params: evidence.Params{}}
	for i := 0; i+1 < len(params); i += 2 {
		a.Params[params[i]] = params[i+1]
	}
	return a
}

func run(t testing.TB, o mutate.Options, all ...evidence.Assertion) *mutate.Report {
	t.Helper()
	if o.Temp == "" {
		o.Temp = t.TempDir()
	}
	r, err := mutate.Run(context.Background(), o, all)
	if err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(o.Temp); len(left) > 0 {
		t.Errorf("the copy was left behind: %v", left)
	}
	return r
}

const goGuard = `package shop

import "errors"

// Search is called by handlers. Search calls check(q).
func Search(q string, user User) error {
	if err := check(q); err != nil {
		return err
	}
	if !user.May("read") {
		return errors.New("no")
	}
	return find(q)
}

type User struct{ name string }

func (u User) May(what string) bool { return u.name == what }
`

const pyGuard = `import os
import bleach
from auth import login_required


@app.route("/delete")
@login_required(role="admin")
def delete(item, user):
    """Deletes. login_required is in words here."""
    if not item.isdigit():
        raise ValueError("item")
    try:
        remove(bleach.clean(item))
    except IOError as e:
        log(e)
    return os.environ["DATABASE_URL"]
`

const tsGuard = `import session from "session";
import express from "express";

const app = express();
app.use(session({ secure: true }), express.json());
export function send(res: Response, amount: number) {
  if (amount > 100) {
    throw new Error("too much");
  }
  res.setHeader("Strict-Transport-Security", "max-age=31536000");
  return verify(amount) ? res : null;
}
`

// made is one expected mutant: "operator line state".
func made(r *mutate.Report) []string {
	var all []string
	for _, m := range r.Assertions[0].Mutants {
		all = append(all, fmt.Sprintf("%s %d %s", m.Operator, m.Line, m.State))
	}
	return all
}

// TestOperators holds for each type which mutants are made of a small file, and which of them the assertion notices.
func TestOperators(t *testing.T) {
	cases := []struct {
		name  string
		files map[string]string
		claim evidence.Assertion
		want  []string
	}{
		{"an emptied function is still there", map[string]string{"a.go": goGuard}, assertion(evidence.FunctionExists, "file", "a.go", "name", "Search"), []string{
			"empty-body 7 survived", "invert-condition 7 survived", "remove-declaration 6 killed", "invert-condition 10 survived",
		}},
		{"a call", map[string]string{"a.go": goGuard}, assertion(evidence.FunctionCalls, "file", "a.go", "caller", "Search", "callee", "check"), []string{
			"remove-call 7 killed", "invert-condition 7 survived", "empty-handler 7 survived", "return-early 7 survived", "empty-body 7 killed", "invert-condition 10 survived",
		}},
		{"a call that refuses", map[string]string{"a.go": goGuard}, assertion(evidence.FunctionCalls, "file", "a.go", "caller", "Search", "callee", "user.May"), []string{
			"remove-call 10 killed", "invert-condition 10 survived", "return-early 7 survived", "empty-body 7 killed",
		}},
		{"a type", map[string]string{"a.go": goGuard}, assertion(evidence.ClassExists, "file", "a.go", "name", "User"), []string{
			"remove-declaration 16 killed", "empty-body 18 survived",
		}},
		{"an error", map[string]string{"a.go": goGuard}, assertion(evidence.ErrorHandled, "file", "a.go", "function", "Search"), []string{
			"remove-handler 7 killed", "empty-handler 7 killed", "invert-condition 7 killed",
		}},
		{"an import", map[string]string{"a.go": goGuard}, assertion(evidence.ImportPresent, "file", "a.go", "module", "errors"), []string{
			"remove-import 3 killed", "remove-uses 11 survived",
		}},
		{"a decorator", map[string]string{"a.py": pyGuard}, assertion(evidence.DecoratorPresent, "file", "a.py", "function", "delete", "decorator", "login_required"), []string{
			"remove-decorator 7 killed", "loosen-value 7 survived",
		}},
		{"a parameter", map[string]string{"a.py": pyGuard}, assertion(evidence.ParameterValidated, "file", "a.py", "function", "delete", "parameter", "item"), []string{
			"remove-check 10 killed", "invert-condition 10 survived", "remove-check 10 survived",
		}},
		{"an error in Python", map[string]string{"a.py": pyGuard}, assertion(evidence.ErrorHandled, "file", "a.py", "function", "delete"), []string{
			"remove-handler 14 killed", "empty-handler 14 killed",
		}},
		{"an emptied function in Python", map[string]string{"a.py": pyGuard}, assertion(evidence.FunctionExists, "file", "a.py", "name", "delete"), []string{
			"empty-body 9 survived", "invert-condition 10 survived", "remove-declaration 6 killed",
		}},
		{"a variable", map[string]string{"a.py": pyGuard}, assertion(evidence.EnvVarReferenced, "file", "a.py", "variable", "DATABASE_URL"), []string{
			"rename 16 killed",
		}},
		{"an import in Python", map[string]string{"a.py": pyGuard}, assertion(evidence.ImportPresent, "file", "a.py", "module", "bleach"), []string{
			"remove-import 2 killed", "remove-uses 13 survived",
		}},
		{"a middleware", map[string]string{"a.ts": tsGuard}, assertion(evidence.MiddlewareRegistered, "file", "a.ts", "middleware", "session"), []string{
			"loosen-value 5 survived", "delete-registration 5 killed",
		}},
		{"a header", map[string]string{"a.ts": tsGuard}, assertion(evidence.HTTPHeaderSet, "file", "a.ts", "header", "Strict-Transport-Security"), []string{
			"delete-registration 10 killed", "loosen-value 10 survived", "return-early 7 survived",
		}},
		{"a header with its value", map[string]string{"a.ts": tsGuard}, assertion(evidence.HTTPHeaderSet, "file", "a.ts", "header", "Strict-Transport-Security", "value", `max-age=\d{8}`), []string{
			"delete-registration 10 killed", "loosen-value 10 killed", "return-early 7 survived",
		}},
		{"a header of a web server", map[string]string{"nginx.conf": "server {\n  add_header X-Frame-Options \"DENY\" always;\n}\n"}, assertion(evidence.HTTPHeaderSet, "file", "nginx.conf", "header", "X-Frame-Options"), []string{
			"remove-declaration 2 killed", "loosen-value 2 survived",
		}},
		{"a pattern", map[string]string{"a.ts": tsGuard}, assertion(evidence.PatternMatches, "file", "a.ts", "pattern", `amount >`), []string{
			"remove-match 7 killed", "loosen-value 7 survived", "invert-condition 7 killed", "return-early 7 survived",
		}},
		{"a pattern with its value", map[string]string{"a.ts": tsGuard}, assertion(evidence.PatternMatches, "file", "a.ts", "pattern", `amount > 100\b`), []string{
			"remove-match 7 killed", "loosen-value 7 killed", "invert-condition 7 killed", "return-early 7 survived",
		}},
		{"an absence", map[string]string{"a.py": pyGuard}, assertion(evidence.PatternAbsent, "file", "a.py", "pattern", `eval\("`, "witness", `eval("x")`), []string{
			"introduce-pattern 9 killed", "respell-pattern 9 survived", "introduce-pattern 17 killed", "respell-pattern 9 survived", "introduce-pattern 2 killed",
		}},
		{"an absence told with care", map[string]string{"a.py": pyGuard}, assertion(evidence.PatternAbsent, "file", "a.py", "pattern", `eval\s*\(`, "witness", `eval("x")`), []string{
			"introduce-pattern 9 killed", "respell-pattern 9 killed", "introduce-pattern 17 killed", "respell-pattern 9 killed", "introduce-pattern 2 killed",
		}},
		{"no secret", map[string]string{"a.py": pyGuard}, assertion(evidence.NoPlaintextSecret, "file", "a.py"), []string{
			"expose-secret 17 killed", "expose-secret 17 killed", "expose-secret 17 killed", "expose-secret 17 killed",
		}},
		{"a file", map[string]string{"notes.md": "one\ntwo\n"}, assertion(evidence.FileExists, "file", "notes.md"), []string{
			"delete-file 1 killed", "empty-file 1 killed", "gut-file 2 survived",
		}},
		{"a digest", map[string]string{"notes.md": "one\ntwo\n"}, assertion(evidence.FileHash, "file", "notes.md", "algorithm", "sha256",
			"expected_hash", "38fd7b4d4c53764ddaf42ebfa29d84fd13cf07ae6586fc4c5ea21c5cc38d7d99"), nil},
		{"a key", map[string]string{"app.yaml": "tls:\n  enabled: true\n  min: 3\n"}, assertion(evidence.ConfigKeyExists, "file", "app.yaml", "key", "tls.enabled"), []string{
			"remove-key 2 killed", "loosen-value 2 survived",
		}},
		{"a value", map[string]string{"app.json": "{\n  \"tls\": {\"enabled\": true},\n  \"limit\": 10\n}\n"}, assertion(evidence.ConfigValueMatches, "file", "app.json", "key", "limit", "pattern", "1\\d*"), []string{
			"remove-key 3 killed", "loosen-value 3 survived", "loosen-value 3 killed",
		}},
		{"a dependency", map[string]string{"requirements.txt": "flask==3.0.0\nbleach==6.1.0\n"}, assertion(evidence.DependencyExists, "manifest", "requirements.txt", "package", "bleach"), []string{
			"remove-dependency 2 killed", "downgrade-dependency 2 survived",
		}},
		{"a version", map[string]string{"go.mod": "module m\n\ngo 1.26\n\nrequire example.org/a v1.4.0\n"}, assertion(evidence.DependencyVersion, "manifest", "go.mod", "package", "example.org/a", "constraint", ">=1.2.0"), []string{
			"remove-dependency 5 killed", "downgrade-dependency 5 killed",
		}},
		{
			"a test",
			map[string]string{"a_test.go": "package a\n\nimport \"testing\"\n\nfunc TestA(t *testing.T) {\n\tif one() != 1 {\n\t\tt.Fatal()\n\t}\n}\n"},
			assertion(evidence.TestExists, "pattern", "*_test.go", "name", "TestA"),
			[]string{"remove-test 5 killed", "skip-test 6 killed", "empty-body 6 survived"},
		},
		{
			"a test in TypeScript",
			map[string]string{"a.test.ts": "test('refuses', () => { expect(f()).toBe(1); });\n"},
			assertion(evidence.TestExists, "pattern", "*.test.ts"),
			[]string{"remove-test 1 killed", "skip-test 1 killed", "empty-body 1 survived"},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if c.want == nil { // the digest of a file is that of its content
				r := run(t, mutate.Options{Root: write(t, c.files)}, c.claim)
				if r.Assertions[0].State != mutate.Failed || len(r.Assertions[0].Mutants) > 0 || r.Failed != 1 {
					t.Errorf("an assertion that fails was measured: %+v", r.Assertions[0])
				}
				return
			}
			r := run(t, mutate.Options{Root: write(t, c.files)}, c.claim)
			if diff := cmp.Diff(c.want, made(r)); diff != "" {
				t.Errorf("%s (%s)\n%s", diff, r.Assertions[0].Reason, shown(r))
			}
			for _, m := range r.Assertions[0].Mutants {
				if m.Diff == "" || m.What == "" || (m.State == mutate.Survived) != (m.Advice != "") || (m.State == mutate.Killed) != (m.Reason != "") {
					t.Errorf("not told in full: %+v", m)
				}
			}
		})
	}
}

func shown(r *mutate.Report) string {
	var b strings.Builder
	for _, m := range r.Assertions[0].Mutants {
		fmt.Fprintf(&b, "%s %s: %s\n%s", m.Operator, m.State, m.What, m.Diff)
	}
	return b.String()
}

// TestControls: what one assertion of a control misses, another notices; the control's figure is over all of them.
func TestControls(t *testing.T) {
	dir := write(t, map[string]string{"a.go": goGuard})
	exists := assertion(evidence.FunctionExists, "file", "a.go", "name", "Search")
	calls := assertion(evidence.FunctionCalls, "file", "a.go", "caller", "Search", "callee", "check")
	calls.ID = "E2"
	other := assertion(evidence.FunctionExists, "file", "a.go", "name", "User.May")
	other.ID, other.Control, other.Assumption = "E3", "", "A1"
	passes := assertion(evidence.TestPasses, "pattern", "*_test.go")
	passes.ID = "E4"
	r := run(t, mutate.Options{Root: dir, MaxMutants: 3}, exists, calls, other, passes)
	if got := r.Assertions[0].Mutants[0]; got.Operator != mutate.EmptyBody || got.State != mutate.Survived || !slices.Contains(got.By, "E2") {
		t.Errorf("the emptied body: %+v; want it survived by E1 and noticed by E2", got)
	}
	if n := len(r.Assertions[0].Mutants); n != 3 {
		t.Errorf("%d mutants; want at most 3", n)
	}
	if got := r.Assertions[3]; got.State != mutate.NotRun || got.Killed != 0 || r.NotRun != 1 {
		t.Errorf("test_passes without tests run: %+v", got)
	}
	var ids []string
	for _, c := range r.Controls {
		ids = append(ids, fmt.Sprintf("%s %d/%d by %d, %d shown", c.ID, c.Killed, c.Killed+c.Survived, c.Assertions, len(c.Survivors)))
	}
	// Of C1: two of three changes of E1 (the inverted condition is the same in E2), and two more of E2 that survive.
	if diff := cmp.Diff([]string{"A1 1/2 by 1, 1 shown", "C1 3/5 by 2, 2 shown"}, ids); diff != "" {
		t.Errorf("controls: %s", diff)
	}
	if r.Rate() == nil || *r.Rate() != 57 { // 4 of 7
		t.Errorf("rate %v of %+v", r.Rate(), r.ByControl)
	}
	one := run(t, mutate.Options{Root: dir, Only: []threatID{"A1"}}, exists, calls, other)
	if len(one.Assertions) != 1 || one.Assertions[0].ID != "E3" {
		t.Errorf("only A1: %+v", one.Assertions)
	}
}

// TestSame: the same tree gives the same report.
func TestSame(t *testing.T) {
	dir := write(t, map[string]string{"a.go": goGuard, "a.py": pyGuard})
	claims := []evidence.Assertion{
		assertion(evidence.FunctionCalls, "file", "a.go", "caller", "Search", "callee", "check"),
		assertion(evidence.NoPlaintextSecret, "file", "a.py"),
	}
	if diff := cmp.Diff(run(t, mutate.Options{Root: dir}, claims...), run(t, mutate.Options{Root: dir}, claims...)); diff != "" {
		t.Error(diff)
	}
}
