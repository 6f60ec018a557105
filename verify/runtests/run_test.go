package runtests

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-dev/redoubt/verify/testreport"
)

func TestFind(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  []string
	}{
		"nothing":  {map[string]string{"README.md": ""}, nil},
		"go":       {map[string]string{"go.mod": "module a\n"}, []string{"go test"}},
		"pytest":   {map[string]string{"pyproject.toml": "[project]\n[tool.pytest.ini_options]\n"}, []string{"pytest"}},
		"unittest": {map[string]string{"app.py": "", "requirements.txt": "flask\n"}, []string{"python -m unittest"}},
		"vitest":   {map[string]string{"package.json": `{"devDependencies":{"vitest":"1","jest":"29"}}`}, []string{"vitest"}},
		"jest":     {map[string]string{"package.json": `{"devDependencies":{"jest":"29"}}`}, []string{"jest"}},
		"node":     {map[string]string{"package.json": `{"scripts":{"test":"node --test"}}`}, []string{"node --test"}},
		"broken":   {map[string]string{"package.json": `{`}, nil},
		"two":      {map[string]string{"go.mod": "", "package.json": `{"devDependencies":{"jest":"29"}}`}, []string{"go test", "jest"}},
		"jvm":      {map[string]string{"pom.xml": "", "build.gradle.kts": ""}, []string{"mvn test", "gradle test"}},
		"others":   {map[string]string{"Cargo.toml": "", "a.sln": "", "Gemfile": "gem 'rspec'\n", "phpunit.xml.dist": ""}, []string{"cargo test", "dotnet test", "rspec", "phpunit"}},
		"no rspec": {map[string]string{"Gemfile": "# gem 'rspec'\n"}, nil},
	} {
		files := fstest.MapFS{}
		for path, text := range c.files {
			files[path] = &fstest.MapFile{Data: []byte(text)}
		}
		var got []string
		for _, r := range Find(files) {
			got = append(got, r.Name)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func runner(t *testing.T, name string) *Runner {
	t.Helper()
	i := slices.IndexFunc(runners, func(r *Runner) bool { return r.Name == name })
	if i < 0 {
		t.Fatalf("no runner %s", name)
	}
	return runners[i]
}

func TestCommands(t *testing.T) {
	tests := map[string][]Test{
		"go test":            {{"auth/key_test.go", "TestA/sub one"}, {"auth/key_test.go", "TestA"}, {"a_test.go", "TestB"}},
		"pytest":             {{"tests/test_a.py", "LoginTest.test_a"}, {"tests/test_a.py", "test_b"}},
		"python -m unittest": {{"tests/test_a.py", "LoginTest.test_a"}},
		"vitest":             {{"src/a.test.ts", "x"}, {"src/a.test.ts", "y"}},
		"jest":               {{"src/a.test.ts", "x"}},
		"node --test":        {{"test/a.js", "x; rm -rf $HOME"}},
	}
	want := map[string]string{
		"go test":            "go|test|-json|-count=1|-run|^(TestA|TestB)$|./auth|./.",
		"pytest":             "python3|-m|pytest|-p|no:cacheprovider|--junitxml=T/report.xml|tests/test_a.py::LoginTest::test_a|tests/test_a.py::test_b",
		"python -m unittest": "python3|-m|unittest|-v|tests.test_a.LoginTest.test_a",
		"vitest":             "R/node_modules/.bin/vitest|run|--reporter=json|--outputFile=T/report.json|src/a.test.ts",
		"jest":               "jest|--ci|--json|--outputFile=T/report.json|--runTestsByPath|src/a.test.ts",
		"node --test":        "node|--test|--test-reporter=junit|--test-reporter-destination=T/report.xml|test/a.js",
		"cargo test":         "cargo|test|--no-fail-fast|--color|never",
		"mvn test":           "R/mvnw|--batch-mode|--fail-at-end|test",
		"gradle test":        "gradle|--console=plain|--continue|--rerun-tasks|test",
		"dotnet test":        "dotnet|test|--logger|trx|--results-directory|T",
		"rspec":              "bundle|exec|rspec|--format|json|--out|T/report.json",
		"phpunit":            "phpunit|--log-junit|T/report.xml",
	}
	dir := t.TempDir()
	write(t, dir, map[string]string{"node_modules/.bin/vitest": "", "mvnw": "", "Gemfile": ""})
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("the vectors below are for python3")
	}
	for _, r := range runners {
		args := r.command(&job{root: dir, temp: "T", tests: tests[r.Name]})
		got := strings.ReplaceAll(filepath.ToSlash(strings.Join(args, "|")), filepath.ToSlash(dir), "R")
		if diff := cmp.Diff(want[r.Name], got); diff != "" {
			t.Errorf("%s: %s", r.Name, diff)
		}
	}
	if got := strings.Join(goTest(&job{}), " "); got != "go test -json -count=1 ./..." {
		t.Errorf("all tests: %s", got)
	}
}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		p := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func outcomes(r *testreport.Report) map[string]testreport.Outcome {
	all := map[string]testreport.Outcome{}
	for _, c := range r.Tests {
		all[c.Name] = c.Outcome
	}
	return all
}

func TestFilter(t *testing.T) {
	env := []string{"PATH=/bin", "REDOUBT_KEY=1", "redoubt_key=1", "OPENAI_API_KEY=1", "ACTIONS_ID_TOKEN_REQUEST_URL=1", "CI_JOB_TOKEN=1", "CI_JOBS=1", "API_KEYS=1", "HOME=/h"}
	if diff := cmp.Diff([]string{"PATH=/bin", "CI_JOBS=1", "API_KEYS=1", "HOME=/h"}, Filter(env)); diff != "" {
		t.Error(diff)
	}
}

// need skips a test of a runner that is not installed, as the runner is a program of others.
func need(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("%s is not installed", name)
	}
}

func TestUnittest(t *testing.T) {
	need(t, "python3")
	dir := t.TempDir()
	write(t, dir, map[string]string{"tests/test_a.py": "import os, unittest\n\nclass LoginTest(unittest.TestCase):\n    def test_good(self):\n        assert 'REDOUBT_KEY' not in os.environ and os.environ['SEEN'] == '1'\n\n    def test_bad(self):\n        assert False\n\n    @unittest.skip('later')\n    def test_later(self):\n        pass\n"})
	o := Options{Root: dir, Env: append(os.Environ(), "REDOUBT_KEY=secret", "SEEN=1")}
	r := runner(t, "python -m unittest")
	report, err := Run(context.Background(), r, []Test{{"tests/test_a.py", "LoginTest"}}, o)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]testreport.Outcome{"test_good": testreport.Passed, "test_bad": testreport.Failed, "test_later": testreport.Skipped}
	if diff := cmp.Diff(want, outcomes(report)); diff != "" {
		t.Error(diff)
	}
	report, err = Run(context.Background(), r, []Test{{"tests/test_a.py", "LoginTest.test_none"}}, o)
	if err == nil && testreport.Verdict(report.Tests) != testreport.Failed {
		t.Errorf("a test that is not there: %+v", report)
	}
}

func TestGoTest(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles a package")
	}
	need(t, "go")
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"go.mod": "module example.org/a\n\ngo 1.21\n", "auth/key.go": "package auth\n", "broken/b_test.go": "package broken\n\nvar x int = \"\"\n",
		"auth/key_test.go": "package auth\n\nimport \"testing\"\n\nfunc TestGood(t *testing.T) { t.Run(\"sub one\", func(*testing.T) {}) }\n\nfunc TestGoodToo(t *testing.T) { t.Fatal() }\n\nfunc TestLater(t *testing.T) { t.Skip() }\n",
	})
	r := runner(t, "go test")
	report, err := Run(context.Background(), r, []Test{{"auth/key_test.go", "TestGood/sub_one"}, {"auth/key_test.go", "TestLater"}}, Options{Root: dir})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]testreport.Outcome{"TestGood": testreport.Passed, "TestGood/sub_one": testreport.Passed, "TestLater": testreport.Skipped}
	if diff := cmp.Diff(want, outcomes(report)); diff != "" {
		t.Error(diff)
	}
	if _, err := Run(context.Background(), r, []Test{{"auth/key_test.go", "TestNone"}}, Options{Root: dir}); !errors.Is(err, testreport.ErrNoTests) {
		t.Errorf("a filter that matches nothing: %v", err)
	}
	if _, err := Run(context.Background(), r, []Test{{"broken/b_test.go", "TestX"}}, Options{Root: dir}); err == nil {
		t.Error("a package that does not compile")
	}
}

func TestNode(t *testing.T) {
	need(t, "node")
	dir := t.TempDir()
	write(t, dir, map[string]string{"test/a.test.mjs": "import { describe, it, test } from 'node:test';\nimport assert from 'node:assert';\ndescribe('login', () => { it('refuses', () => {}); it('fails', () => assert.ok(false)); });\ntest('alone', () => {});\ntest('later', { skip: true }, () => {});\n"})
	report, err := Run(context.Background(), runner(t, "node --test"), []Test{{"test/a.test.mjs", "login › refuses"}}, Options{Root: dir})
	if err != nil {
		t.Fatal(err)
	}
	got := outcomes(report)
	for name, want := range map[string]testreport.Outcome{"refuses": testreport.Passed, "fails": testreport.Failed, "alone": testreport.Passed, "later": testreport.Skipped} {
		if got[name] != want {
			t.Errorf("%s: %s, want %s (all: %v)", name, got[name], want, report.Tests)
		}
	}
}

// program stands for a runner: a shell script of the test.
func program(t *testing.T, text string) *Runner {
	t.Helper()
	need(t, "sh")
	dir := t.TempDir()
	write(t, dir, map[string]string{"run": "#!/bin/sh\n" + text})
	return &Runner{
		Name:    "runner",
		command: func(j *job) []string { return []string{filepath.Join(dir, "run"), j.out("report.xml")} },
		report:  func(j *job, _ []byte) (*testreport.Report, error) { return readFile(j.out("report.xml"), read) },
	}
}

func TestRunnersThatMisbehave(t *testing.T) {
	for name, c := range map[string]struct{ script, words string }{
		"no report":                  {"exit 0\n", "no report"},
		"no test":                    {"echo '<testsuite/>' > $1\n", "no test at all"},
		"fails without a failure":    {"echo '<testsuite><testcase name=\"a\"/></testsuite>' > $1; exit 2\n", "although no test"},
		"malformed":                  {"echo '<testsuite><testcase' > $1\n", "well-formed"},
		"does not end":               {"sleep 60 & sleep 60\n", "stopped"},
		"fails and reports no tests": {"exit 3\n", "exit status 3"},
	} {
		o := Options{Root: t.TempDir()}
		if name == "does not end" {
			o.Timeout = 50 * time.Millisecond
		}
		_, err := Run(context.Background(), program(t, c.script), nil, o)
		if err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %v; want %q", name, err, c.words)
		}
	}
	missing := &Runner{Name: "gone", command: func(*job) []string { return []string{"no-such-program-of-ours"} }}
	if _, err := Run(context.Background(), missing, nil, Options{Root: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "not installed") {
		t.Errorf("%v", err)
	}
}

// A report that lay there before the run proves nothing.
func TestOldReportsDoNotCount(t *testing.T) {
	dir := t.TempDir()
	const one = `<testsuite><testcase name="a"/></testsuite>`
	write(t, dir, map[string]string{"target/surefire-reports/TEST-old.xml": one, "m/target/surefire-reports/TEST-m.xml": one, "target/surefire-reports/other.xml": one})
	j := &job{root: dir, old: reports(dir, "surefire-reports")}
	if len(j.old) != 2 {
		t.Fatalf("%v", j.old)
	}
	if _, err := fresh(j, "surefire-reports"); err == nil {
		t.Error("an old report was read")
	}
	write(t, dir, map[string]string{"m/target/surefire-reports/TEST-m.xml": `<testsuite><testcase name="new"><failure/></testcase></testsuite>`})
	report, err := fresh(j, "surefire-reports")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]testreport.Outcome{"new": testreport.Failed}, outcomes(report)); diff != "" {
		t.Error(diff)
	}
}
