package mutate_test

import (
	"bytes"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/verify/mutate"
	"github.com/redoubt-dev/redoubt/verify/source"
)

// excerpt is a file of a real project.
type excerpt struct {
	name  string
	text  []byte
	facts *source.File
}

// excerpts are the files with which the recognisers are tested, in every language that is parsed.
func excerpts(t testing.TB) []excerpt {
	t.Helper()
	names, err := filepath.Glob("../source/testdata/*/*.*")
	if err != nil || len(names) == 0 {
		t.Fatalf("no excerpts: %v", err)
	}
	var all []excerpt
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		as := strings.TrimSuffix(filepath.Base(name), ".txt")
		if facts, err := source.Parse(as, text); err == nil {
			all = append(all, excerpt{as, text, facts})
		}
	}
	if len(all) < 10 {
		t.Fatalf("only %d excerpts parse", len(all))
	}
	return all
}

// claims are claims about everything that the facts of a file know of, each with the line where it holds.
func (x *excerpt) claims() (all []evidence.Assertion, lines []int) {
	add := func(line int, typ evidence.Type, params ...string) {
		a := assertion(typ, append([]string{"file", x.name}, params...)...)
		all, lines = append(all, a), append(lines, line)
	}
	for _, d := range x.facts.Functions() {
		add(d.Line, evidence.FunctionExists, "name", d.Qualified())
		add(d.Line, evidence.ErrorHandled, "function", d.Qualified())
		for _, c := range x.facts.Within(d.Body) {
			add(c.Line, evidence.FunctionCalls, "caller", d.Qualified(), "callee", c.Name)
		}
		for _, p := range d.Params {
			add(d.Line, evidence.ParameterValidated, "function", d.Qualified(), "parameter", p.Name)
		}
		for _, dec := range d.Decorators {
			add(dec.Line, evidence.DecoratorPresent, "function", d.Qualified(), "decorator", dec.Name)
		}
	}
	for _, i := range x.facts.Imports {
		add(i.Line, evidence.ImportPresent, "module", i.Module)
	}
	for _, m := range x.facts.Middle {
		add(m.Line, evidence.MiddlewareRegistered, "middleware", m.Name)
	}
	for _, h := range x.facts.Headers {
		add(h.Line, evidence.HTTPHeaderSet, "header", h.Name)
	}
	for _, e := range x.facts.Env {
		add(e.Line, evidence.EnvVarReferenced, "variable", e.Name)
	}
	add(1, evidence.NoPlaintextSecret)
	return all, lines
}

// essence is the code of a file without comments and blanks.
func essence(f *source.File) string { return string(bytes.Join(bytes.Fields(f.Code()), nil)) }

// TestMutantsAreCode: every mutant of every excerpt still parses, by go/parser too where it is Go, differs in more than comments and
// layout, and differs on the line that it names.
func TestMutantsAreCode(t *testing.T) {
	byLanguage := map[source.Language]int{}
	for _, x := range excerpts(t) {
		code := essence(x.facts)
		claims, lines := x.claims()
		for i, a := range claims {
			if testing.Short() && i%4 != 0 {
				continue
			}
			for _, m := range mutate.Weaken(x.name, x.text, a, lines[i]) {
				byLanguage[x.facts.Language]++
				facts, err := source.Parse(x.name, m.Text)
				if err != nil {
					t.Fatalf("%s %v %s: %v\n%s", a.Type, a.Params, m.Operator, err, m.Diff)
				}
				if essence(facts) == code {
					t.Errorf("%s %v %s changes no code\n%s", a.Type, a.Params, m.Operator, m.Diff)
				}
				if x.facts.Language == source.Go {
					if _, err := parser.ParseFile(token.NewFileSet(), x.name, m.Text, 0); err != nil {
						t.Errorf("%s %v %s: %v\n%s", a.Type, a.Params, m.Operator, err, m.Diff)
					}
				}
				if m.Line < 1 || m.Diff == "" || !strings.HasPrefix(m.Diff, "@@ line ") {
					t.Errorf("%s at line %d: %q", m.Operator, m.Line, m.Diff)
				}
			}
		}
	}
	t.Logf("mutants by language: %v", byLanguage)
	for _, l := range []source.Language{source.Go, source.Python, source.JavaScript, source.TypeScript} {
		if byLanguage[l] < 30 {
			t.Errorf("%s: only %d mutants", l, byLanguage[l])
		}
	}
}

// TestMutantsArePython: Python itself takes the mutants for code.
func TestMutantsArePython(t *testing.T) {
	if testing.Short() {
		t.Skip("runs Python")
	}
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("python3 is not installed")
	}
	dir, n := t.TempDir(), 0
	about := map[string]string{}
	for _, x := range excerpts(t) {
		if x.facts.Language != source.Python {
			continue
		}
		claims, lines := x.claims()
		for i, a := range claims {
			for _, m := range mutate.Weaken(x.name, x.text, a, lines[i]) {
				n++
				name := filepath.Join(dir, fmt.Sprintf("%s.%s.%d", m.File, m.Operator, n))
				about[name] = m.Diff
				if err := os.WriteFile(name, m.Text, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	const script = `import ast, os, sys
for name in sorted(os.listdir(sys.argv[1])):
    try:
        ast.parse(open(os.path.join(sys.argv[1], name), "rb").read())
    except SyntaxError as e:
        print(name, e)
`
	out, err := exec.Command("python3", "-W", "ignore", "-c", script, dir).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	wrong := 0
	for line := range strings.Lines(string(out)) {
		name, _, _ := strings.Cut(line, " ")
		if wrong++; wrong < 10 {
			t.Logf("%s%s", line, about[filepath.Join(dir, name)])
		}
	}
	t.Logf("%d mutants, %d that Python refuses", n, wrong)
	if wrong*50 > n {
		t.Errorf("Python refuses %d of %d mutants", wrong, n)
	}
}

// TestSample: a text that is made of an expression is one that it matches.
func TestSample(t *testing.T) {
	made := 0
	rapid.Check(t, func(t *rapid.T) {
		atom := rapid.SampledFrom([]string{"a", "key", "[0-9]", "[a-z]{3}", `\d+`, `\w*`, "(?:x|y)", "(q)?", ".", "[^a]", `\bz`, "^", `\s+`})
		expression := strings.Join(rapid.SliceOfN(atom, 1, 6).Draw(t, "parts"), "")
		text, ok := mutate.Sample(expression)
		if !ok {
			return
		}
		made++
		if !regexp.MustCompile(expression).MatchString(text) {
			t.Fatalf("%q is made of %q and does not match", text, expression)
		}
	})
	if made == 0 {
		t.Error("none was made")
	}
	for _, e := range []string{`AKIA[0-9A-Z]{16}`, `password\s*=\s*"[^"]{8,}"`} {
		if text, ok := mutate.Sample(e); !ok || !regexp.MustCompile(e).MatchString(text) {
			t.Errorf("%s: %q, %v", e, text, ok)
		}
	}
}
