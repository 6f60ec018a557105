package verify_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/verify"
)

const (
	tExists = evidence.TestExists
	tPasses = evidence.TestPasses
)

// tests is a tree with tests in each language that is parsed.
var tests = map[string]string{
	"go.mod":                 "module example.org/app\n\ngo 1.21\n",
	"auth/key_test.go":       "package auth\n\nimport \"testing\"\n\nfunc TestCheckKey(t *testing.T) {\n\tt.Run(\"an expired one\", func(t *testing.T) { check(t) })\n}\n\nfunc TestLater(t *testing.T) {\n\t// why\n\tt.Skip()\n}\n\nfunc helper() {}\n\n// func TestGone(t *testing.T) {}\n",
	"other/key_test.go":      "package other\n\nimport \"testing\"\n\nfunc TestCheckKey(t *testing.T) { check(t) }\n",
	"tests/test_login.py":    "import unittest, pytest\n\n\nclass LoginTest(unittest.TestCase):\n    def test_refuses(self):\n        check()\n\n    @unittest.skip('later')\n    def test_later(self):\n        check()\n\n\ndef test_alone():\n    check()\n",
	"web/login.test.ts":      "import { describe, it } from 'vitest';\ndescribe('login', () => {\n  it('refuses an expired token', () => {\n    check();\n  });\n  it.skip('is for later', () => {});\n});\n",
	"web/broken.test.ts":     "describe('x', () => {\n",
	"src/notes.txt":          "TestNotes\n",
	"node_modules/a_test.go": "package a\n\nimport \"testing\"\n\nfunc TestModules(t *testing.T) {}\n",
}

func TestTestExists(t *testing.T) {
	dir := write(t, tests)
	for _, c := range []struct{ pattern, name, file string }{
		{"TestCheckKey", "", "auth/key_test.go"},
		{"auth.TestCheckKey", "", "auth/key_test.go"},
		{"auth/*_test.go", "TestCheckKey/an_expired_one", "auth/key_test.go"},
		{"Test(Check|Make)Key", "", "auth/key_test.go"},
		{"auth/*_test.go", "", "auth/key_test.go"},
		{"**/*_test.go", "TestCheckKey", "auth/key_test.go"},
		{"test_refuses", "", "tests/test_login.py"},
		{"LoginTest.test_refuses", "", "tests/test_login.py"},
		{"LoginTest", "", "tests/test_login.py"},
		{"tests/*.py", "test_alone", "tests/test_login.py"},
		{"refuses an expired token", "", "web/login.test.ts"},
		{"login › refuses.*", "", "web/login.test.ts"},
		{"web/login.test.ts", "login", "web/login.test.ts"},
	} {
		o := check(t, dir, tExists, "pattern", c.pattern, "name", c.name)
		wantPass(t, o, c.file)
		if o.File != c.file || o.Line == 0 || !strings.Contains(o.Excerpt, "check(") || len(o.FileDigest) != 64 {
			t.Errorf("%+v", o)
		}
	}
	for _, c := range []struct{ pattern, name, words string }{
		{"TestGone", "", "no test is selected by TestGone"},
		{"CheckKey", "", "TestCheckKey is at auth/key_test.go:5"},
		{"TestNotes", "", "no test is selected"},
		{"TestModules", "", "no test is selected"},
		{"helper", "", "no test is selected"},
		{"TestLater", "", "is skipped (t.Skip)"},
		{"LoginTest.test_later", "", "is skipped (@unittest.skip)"},
		{"login › is for later", "", "no test is selected"},
		{"auth/*_test.go", "TestChekKey", "TestCheckKey is at auth/key_test.go:5"},
		{"nowhere/*_test.go", "", "no file"},
		{"src/*.txt", "", "no file in a language"},
		{"web/broken.test.ts", "", "cannot be parsed"},
		{"web/[.ts", "", "not valid"},
		{"Test(", "", "not valid"},
		{".*", "", "empty text"},
	} {
		wantFail(t, check(t, dir, tExists, "pattern", c.pattern, "name", c.name), c.words)
	}
	// Several files: the digest is over all of them.
	a := check(t, dir, tExists, "pattern", "**/*_test.go", "name", "TestCheckKey")
	add(t, dir, map[string]string{"other/key_test.go": "package other\n\nimport \"testing\"\n\nfunc TestCheckKey(t *testing.T) { check(t, 1) }\n"})
	b := check(t, dir, tExists, "pattern", "**/*_test.go", "name", "TestCheckKey")
	if a.FileDigest == b.FileDigest || a.ExcerptDigest == b.ExcerptDigest || !strings.Contains(a.Reason, "2 more") {
		t.Errorf("%+v\n%+v", a, b)
	}
}

const (
	goReport = `{"Action":"run","Package":"example.org/app/auth","Test":"TestCheckKey"}
{"Action":"run","Package":"example.org/app/auth","Test":"TestCheckKey/an_expired_one"}
{"Action":"pass","Package":"example.org/app/auth","Test":"TestCheckKey/an_expired_one"}
{"Action":"pass","Package":"example.org/app/auth","Test":"TestCheckKey"}
{"Action":"skip","Package":"example.org/app/auth","Test":"TestLater"}
{"Action":"fail","Package":"example.org/app/other","Test":"TestCheckKey"}
{"Action":"fail","Package":"example.org/app/other","Test":"TestFails"}
{"Action":"pass","Package":"example.org/app/other","Test":"TestFails"}
`
	xmlReport = `<testsuites><testsuite name="pytest"><testcase classname="tests.test_login.LoginTest" name="test_refuses[a]"/><testcase classname="tests.test_login.LoginTest" name="test_refuses[b]"><skipped/></testcase>` +
		`<testcase classname="tests.test_login" name="test_alone"/><testcase classname="tests.test_login.LoginTest" name="test_later"><skipped/></testcase></testsuite>` +
		`<testsuite name="web/login.test.ts"><testcase classname="web/login.test.ts" name="login &gt; refuses an expired token"/></testsuite></testsuites>`
)

func TestTestPasses(t *testing.T) {
	dir := write(t, tests)
	add(t, dir, map[string]string{"out/go.json": goReport, "out/all.xml": xmlReport, "out/none.xml": "<testsuites/>", "out/bad.xml": "<testsuite>"})
	for _, c := range []struct{ report, pattern, name string }{
		{"out/go.json", "auth.TestCheckKey", ""},
		{"out/go.json", "auth/key_test.go", "TestCheckKey"},
		{"out/go.json", "auth/key_test.go", "TestCheckKey/an_expired_one"},
		{"out/all.xml", "test_refuses", ""},
		{"out/all.xml", "LoginTest.test_refuses", ""},
		{"out/all.xml", "tests/*.py", "test_alone"},
		{"out/all.xml", "tests/*.py", "LoginTest.test_refuses"},
		{"out/all.xml", "web/login.test.ts", ""},
		{"out/all.xml", "login > refuses an expired token", ""},
	} {
		o := check(t, dir, tPasses, "pattern", c.pattern, "name", c.name, "report", c.report)
		wantPass(t, o, "passed by "+c.report)
		if o.File != c.report || len(o.FileDigest) != 64 {
			t.Errorf("%+v", o)
		}
	}
	for _, c := range []struct{ report, pattern, name, words string }{
		{"out/go.json", "TestCheckKey", "", "TestCheckKey failed"}, // in the other package
		{"out/go.json", "other/*_test.go", "", "TestCheckKey failed"},
		{"out/go.json", "TestFails", "", "TestFails failed"}, // passed at the second try
		{"out/go.json", "TestLater", "", "was skipped"},
		{"out/go.json", "auth/*_test.go", "", "TestLater was skipped"},
		{"out/go.json", "CheckKey", "", "the nearest are TestCheckKey"},
		{"out/go.json", "tests/*.py", "", "is not in the report"},
		{"out/go.json", "web/*.test.ts", "", "not all known"},
		{"out/go.json", "nowhere/*.py", "", "no file"},
		{"out/all.xml", "LoginTest", "", "test_later was skipped"},
		{"out/all.xml", "tests/*.py", "LoginTest.test_gone", "no test is selected"},
		{"out/none.xml", "TestA", "", "no test at all"},
		{"out/bad.xml", "TestA", "", "well-formed"},
		{"out/gone.xml", "TestA", "", "there is no test report out/gone.xml"},
		{"../x.xml", "TestA", "", `".."`},
		{"", "TestA", "", "--run-tests"},
	} {
		wantFail(t, check(t, dir, tPasses, "pattern", c.pattern, "name", c.name, "report", c.report), c.words)
	}
	o := checkWith(t, verify.Options{Root: dir, Report: "out/go.json"}, assertion(tPasses, "pattern", "auth.TestCheckKey"))[0]
	wantPass(t, o)
	if !strings.Contains(o.Excerpt, "func TestCheckKey(t *testing.T) {\n\tt.Run") {
		t.Errorf("excerpt %q", o.Excerpt)
	}
}

// A report that is committed, under whatever name, says what its author wants.
func TestReportsThatGitTracks(t *testing.T) {
	dir := write(t, tests)
	add(t, dir, map[string]string{"out/go.json": goReport, ".gitignore": "fresh/\n"})
	repository(t, dir)
	add(t, dir, map[string]string{"fresh/go.json": goReport})
	if err := os.Symlink("../out/go.json", filepath.Join(dir, "fresh", "link.json")); err != nil {
		t.Skip("this system has no symbolic links")
	}
	for _, commit := range []string{"", "HEAD"} {
		one := func(report string) verify.Outcome {
			return checkWith(t, verify.Options{Root: dir, Commit: commit}, assertion(tPasses, "pattern", "auth/*_test.go", "name", "TestCheckKey", "report", report))[0]
		}
		wantPass(t, one("fresh/go.json"))
		wantFail(t, one("out/go.json"), "tracked by git")
		wantFail(t, one("fresh/link.json"), "tracked by git")
	}
	// What the report is about must be as the commit has it.
	add(t, dir, map[string]string{"auth/key_test.go": tests["auth/key_test.go"] + "\n"})
	o := checkWith(t, verify.Options{Root: dir, Commit: "HEAD"}, assertion(tPasses, "pattern", "auth/*_test.go", "name", "TestCheckKey", "report", "fresh/go.json"))[0]
	wantFail(t, o, "dirty", "auth/key_test.go")
}

func TestRunTests(t *testing.T) {
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("node is not installed")
	}
	dir := write(t, map[string]string{
		"package.json":    `{"scripts":{"test":"node --test"}}`,
		"test/a.test.mjs": "import { describe, it } from 'node:test';\nimport { writeFileSync } from 'node:fs';\ndescribe('login', () => {\n  it('refuses', () => { if (process.env.REDOUBT_KEY) throw 1; writeFileSync('marker.txt', 'after\\n'); });\n  it('fails', () => { throw new Error('x'); });\n});\n",
		"marker.txt":      "before\n",
	})
	o := verify.Options{Root: dir, RunTests: true, Env: append(os.Environ(), "REDOUBT_KEY=x")}
	got := checkWith(t, o,
		assertion(tPasses, "pattern", "test/*.mjs", "name", "login › refuses"), assertion(tPasses, "pattern", "test/*.mjs"), assertion(tPasses, "pattern", "refuses"),
		assertion(evidence.PatternMatches, "file", "marker.txt", "pattern", "before"), assertion(tPasses, "pattern", "TestNone"))
	wantPass(t, got[0], "passed when run here")
	if got[0].FileDigest != "" || !strings.Contains(got[0].Excerpt, "it('refuses'") {
		t.Errorf("%+v", got[0])
	}
	wantFail(t, got[1], "login › fails failed")
	wantPass(t, got[2])
	wantPass(t, got[3]) // read before the tests ran
	wantFail(t, got[4], "no test in the report is selected")
	none := checkWith(t, verify.Options{Root: write(t, map[string]string{"a.txt": ""}), RunTests: true}, assertion(tPasses, "pattern", "TestA"))
	wantFail(t, none[0], "no test runner")
}

// A test that was deleted here alone may be the one that fails.
func TestTestsThatTheCommitHas(t *testing.T) {
	dir := write(t, map[string]string{"go.mod": "module a\n", "sub/auth/a_test.go": goTest("TestA"), "sub/auth/b_test.go": goTest("TestB"), "sub/.gitignore": "*.json\n"})
	repository(t, dir)
	add(t, dir, map[string]string{"sub/r.json": `{"Action":"pass","Package":"a/sub/auth","Test":"TestA"}`})
	if err := os.Remove(filepath.Join(dir, "sub/auth/b_test.go")); err != nil {
		t.Fatal(err)
	}
	all := assertion(tPasses, "pattern", "auth/*_test.go", "report", "r.json")
	sub := filepath.Join(dir, "sub")
	wantPass(t, checkWith(t, verify.Options{Root: sub}, all)[0])
	wantFail(t, checkWith(t, verify.Options{Root: sub, Commit: "HEAD"}, all)[0], "dirty", "auth/b_test.go")
}

func goTest(name string) string {
	return "package auth\n\nimport \"testing\"\n\nfunc " + name + "(t *testing.T) { check(t) }\n"
}

// A file of very many tests costs what its length costs: this one would take minutes if each test looked through all others.
func TestManyTestsInAFile(t *testing.T) {
	var b strings.Builder
	b.WriteString("package a\n\nimport \"testing\"\n\n")
	size := verify.MaxFile - 100
	if testing.Short() {
		size /= 8
	}
	for b.Len() < size {
		b.WriteString("func Test")
		b.WriteString(strings.ToUpper(strconv.FormatInt(int64(b.Len()), 36)))
		b.WriteString("(t *testing.T) { t.Skip() }\n")
	}
	dir := write(t, map[string]string{"a_test.go": b.String()})
	wantFail(t, check(t, dir, tExists, "pattern", "a_test.go"), "is skipped")
}
