package verify_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/verify"
)

// row is one claim about one small file: true when says is empty, else a failure that says it.
type row struct {
	about  string
	file   string
	text   string
	typ    evidence.Type
	params []string
	says   string
}

func testRows(t *testing.T, rows []row) {
	t.Helper()
	for _, r := range rows {
		t.Run(r.file+"/"+string(r.typ)+"/"+r.about, func(t *testing.T) {
			dir := write(t, map[string]string{r.file: r.text})
			o := check(t, dir, r.typ, append([]string{"file", r.file}, r.params...)...)
			if r.says == "" {
				wantPass(t, o, r.file)
				if o.Line < 1 || o.Line > 1+strings.Count(r.text, "\n") || o.Excerpt == "" || o.File != r.file {
					t.Errorf("line %d, file %q, excerpt %q", o.Line, o.File, o.Excerpt)
				}
				return
			}
			wantFail(t, o, r.says)
		})
	}
}

const (
	fn      = evidence.FunctionExists
	class   = evidence.ClassExists
	deco    = evidence.DecoratorPresent
	calls   = evidence.FunctionCalls
	param   = evidence.ParameterValidated
	imp     = evidence.ImportPresent
	errh    = evidence.ErrorHandled
	mware   = evidence.MiddlewareRegistered
	header  = evidence.HTTPHeaderSet
	env     = evidence.EnvVarReferenced
	pattern = evidence.PatternMatches
	absent  = evidence.PatternAbsent
)

func TestGoClaims(t *testing.T) {
	const svc = "package a\n\nimport (\n\t\"crypto/subtle\"\n\t\"net/http\"\n\tx \"crypto/rand\"\n)\n\ntype Key struct{}\n\ntype Checker interface {\n\tOnly(a int) error\n}\n\n" +
		"func (k *Key) Check(\n\ta, b []byte,\n) bool {\n\treturn subtle.ConstantTimeCompare(a, b) == 1\n}\n\nfunc other() { _ = open() }\n\nfunc open() error {\n\tif err := try(); err != nil {\n\t\treturn err\n\t}\n\treturn nil\n}\n\n" +
		"func Map[K comparable](m K) K { return m }\n"
	testRows(t, []row{
		{"method", "a.go", svc, fn, []string{"name", "Check"}, ""},
		{"owner", "a.go", svc, fn, []string{"name", "Key.Check"}, ""},
		{"pointer spelling", "a.go", svc, fn, []string{"name", "(*Key).Check"}, ""},
		{"generic", "a.go", svc, fn, []string{"name", "Map"}, ""},
		{"crlf", "a.go", strings.ReplaceAll(svc, "\n", "\r\n"), fn, []string{"name", "Key.Check"}, ""},
		{"bom", "a.go", "\xef\xbb\xbf" + svc, fn, []string{"name", "Key.Check"}, ""},
		{"one line", "a.go", "package a; func f() { g() }", fn, []string{"name", "f"}, ""},
		{"wrong owner", "a.go", svc, fn, []string{"name", "Lock.Check"}, "no function Lock.Check"},
		{"near", "a.go", svc, fn, []string{"name", "Chek"}, "Key.Check is at a.go:15"},
		{"comment", "a.go", "package a\n\n// func gone() {}\n/* func gone() {} */\n", fn, []string{"name", "gone"}, "no function gone"},
		{"string", "a.go", "package a\n\nconst s = `func gone() {}`\n", fn, []string{"name", "gone"}, "no function gone"},
		{"mere call", "a.go", "package a\n\nfunc f() { gone() }\n", fn, []string{"name", "gone"}, "no function gone"},
		{"interface method", "a.go", svc, fn, []string{"name", "Only"}, "without a body"},
		{"a type", "a.go", svc, fn, []string{"name", "Key"}, "it is a class"},
		{"syntax", "a.go", "package a\nfunc f( {", fn, []string{"name", "f"}, "cannot be parsed"},
		{"struct", "a.go", svc, class, []string{"name", "Key"}, ""},
		{"interface", "a.go", svc, class, []string{"name", "Checker"}, ""},
		{"no class", "a.go", svc, class, []string{"name", "Keys"}, "Key is at a.go:9"},

		{"call", "a.go", svc, calls, []string{"caller", "Check", "callee", "subtle.ConstantTimeCompare"}, ""},
		{"last part", "a.go", svc, calls, []string{"caller", "Check", "callee", "ConstantTimeCompare"}, ""},
		{"other package", "a.go", svc, calls, []string{"caller", "Check", "callee", "bytes.ConstantTimeCompare"}, "Key.Check calls subtle.ConstantTimeCompare (a.go:18), not bytes.ConstantTimeCompare"},
		{"next function", "a.go", svc, calls, []string{"caller", "other", "callee", "try"}, "other calls open (a.go:21), not try"},
		{"commented call", "a.go", "package a\nfunc f() { g() // h()\n}\n", calls, []string{"caller", "f", "callee", "h"}, "f calls g"},
		{"no caller", "a.go", svc, calls, []string{"caller", "nope", "callee", "h"}, "no function nope"},
		{"embedded call", "a.go", "package a\nfunc f() { go func() { s.db.Query(x) }() }\n", calls, []string{"caller", "f", "callee", "db.Query"}, ""},

		{"handled", "a.go", svc, errh, []string{"function", "open"}, ""},
		{"next function", "a.go", svc, errh, []string{"function", "other"}, "handles no error"},

		{"checked", "a.go", "package a\nfunc f(n int, s string) { if n < 0 { return }; print(s) }", param, []string{"function", "f", "parameter", "n"}, ""},
		{"only read", "a.go", "package a\nfunc f(n int, s string) { if n < 0 { return }; print(s) }", param, []string{"function", "f", "parameter", "s"}, "without checking"},
		{"no such", "a.go", "package a\nfunc f(amount int) { if amount < 0 { return } }", param, []string{"function", "f", "parameter", "amout"}, "it has amount"},

		{"grouped", "a.go", svc, imp, []string{"module", "crypto/subtle"}, ""},
		{"alias", "a.go", svc, imp, []string{"module", "crypto/rand"}, ""},
		{"exact", "a.go", svc, imp, []string{"module", "crypto"}, "it imports"},
		{"commented", "a.go", "package a\n// import \"fmt\"\n", imp, []string{"module", "fmt"}, "imports nothing"},

		{"used", "a.go", "package a\nfunc f(r Router) { r.Use(requireAuth) }", mware, []string{"middleware", "requireAuth"}, ""},
		{"commented", "a.go", "package a\nfunc f(r Router) { // r.Use(requireAuth)\n r.Use(logs) }", mware, []string{"middleware", "requireAuth"}, "it registers logs"},

		{"set", "a.go", "package a\nfunc f(w W) { w.Header().Set(\"X-Frame-Options\", \"DENY\") }", header, []string{"header", "x-frame-options", "value", "DENY|SAMEORIGIN"}, ""},
		{"other value", "a.go", "package a\nfunc f(w W) { w.Header().Set(\"X-Frame-Options\", \"ALLOW\") }", header, []string{"header", "X-Frame-Options", "value", "DENY"}, "does not match"},
		{"unknown value", "a.go", "package a\nfunc f(w W, v string) { w.Header().Set(\"X-Frame-Options\", v) }", header, []string{"header", "X-Frame-Options", "value", "DENY"}, "no literal"},
		{"read", "a.go", "package a\nfunc f(r R) { _ = r.Header.Get(\"X-Frame-Options\") }", header, []string{"header", "X-Frame-Options"}, "sets no header"},

		{"lookup", "a.go", "package a\nimport \"os\"\nvar a, ok = os.LookupEnv(\"DATABASE_URL\")\n", env, []string{"variable", "DATABASE_URL"}, ""},
		{"near", "a.go", "package a\nimport \"os\"\nvar a = os.Getenv(\"DATABASE_URI\")\n", env, []string{"variable", "DATABASE_URL"}, "DATABASE_URI (line 3)"},

		{"code", "a.go", svc, pattern, []string{"pattern", `subtle\.Constant`}, ""},
		{"only in a comment", "a.go", "package a\n\n// subtle.Compare\nfunc f() {}\n", pattern, []string{"pattern", `subtle\.Compare`}, "only in a comment (a.go:3)"},
		{"comment blanks", "a.go", "package a\n\n/*            */\nfunc f() {}\n", pattern, []string{"pattern", ` {8}`}, "matches only in a comment"},
		{"does not parse", "a.go", "package a\nfunc f( { subtle.Compare }", pattern, []string{"pattern", `subtle\.Compare`}, "cannot be parsed"},
		{"in a comment", "a.go", "package a\n\n// md5.New()\n", absent, []string{"pattern", `md5\.`, "witness", "md5.New"}, "in a comment"},
		{"in code", "a.go", "package a\n\nvar _ = md5.New()\n", absent, []string{"pattern", `md5\.`, "witness", "md5.New"}, "a.go:3"},
	})
}

func TestPythonClaims(t *testing.T) {
	const app = "\"\"\"def gone(): pass\"\"\"\nimport os.path, re\nfrom flask import Flask as F\nfrom . import models\n\n\nclass Login(object):\n    \"\"\"def hidden(self): pass\"\"\"\n\n" +
		"    @property\n    @app.route(\n        \"/x\",\n        methods=[\"GET\"],\n    )\n    async def check(self, a,\n                    b=None) -> bool:\n        s = f\"{hmac.compare_digest(a, b)}\"\n        return self.db.query(a)\n\n" +
		"    def late(self):\n        try:\n            return 1\n        except ValueError as e:\n            log(e)\n\n\ndef one(x): return x\n\ndef bare():\n    try:\n        go()\n    except:\n        pass\n\ndef checks(n):\n    if n < 0:\n        raise ValueError(n)\n    return n\n"
	testRows(t, []row{
		{"method", "a.py", app, fn, []string{"name", "Login.check"}, ""},
		{"one line", "a.py", app, fn, []string{"name", "one"}, ""},
		{"crlf", "a.py", strings.ReplaceAll(app, "\n", "\r\n"), fn, []string{"name", "check"}, ""},
		{"tabs", "a.py", strings.ReplaceAll(app, "    ", "\t"), fn, []string{"name", "check"}, ""},
		{"bom", "a.py", "\xef\xbb\xbf" + app, fn, []string{"name", "check"}, ""},
		{"docstring of the file", "a.py", app, fn, []string{"name", "gone"}, "no function gone"},
		{"docstring of a class", "a.py", app, fn, []string{"name", "hidden"}, "no function hidden"},
		{"comment", "a.py", "# def gone(): pass\nx = 1\n", fn, []string{"name", "gone"}, "no function gone"},
		{"string", "a.py", "s = '''\ndef gone(): pass\n'''\n", fn, []string{"name", "gone"}, "no function gone"},
		{"near", "a.py", app, fn, []string{"name", "chek"}, "Login.check is at a.py:15"},
		{"class", "a.py", app, class, []string{"name", "Login"}, ""},
		{"several lines", "a.py", app, deco, []string{"function", "check", "decorator", "app.route"}, ""},
		{"last part", "a.py", app, deco, []string{"function", "check", "decorator", "@route"}, ""},
		{"none", "a.py", app, deco, []string{"function", "late", "decorator", "login_required"}, "no decorator at all"},
		{"other", "a.py", app, deco, []string{"function", "check", "decorator", "login_required"}, "does not carry login_required"},
		{"commented", "a.py", "# @login_required\ndef f():\n    go()\n", deco, []string{"function", "f", "decorator", "login_required"}, "no decorator at all"},
		{"in an f-string", "a.py", app, calls, []string{"caller", "check", "callee", "hmac.compare_digest"}, ""},
		{"receiver", "a.py", app, calls, []string{"caller", "check", "callee", "db.query"}, ""},
		{"next function", "a.py", app, calls, []string{"caller", "check", "callee", "log"}, "not log"},
		{"handled", "a.py", app, errh, []string{"function", "late"}, ""},
		{"passed over", "a.py", app, errh, []string{"function", "bare"}, "handles no error"},
		{"checked", "a.py", app, param, []string{"function", "checks", "parameter", "n"}, ""},
		{"passed on", "a.py", app, param, []string{"function", "one", "parameter", "x"}, "without checking"},
		{"package", "a.py", app, imp, []string{"module", "os"}, ""},
		{"module", "a.py", app, imp, []string{"module", "os.path"}, ""},
		{"second", "a.py", app, imp, []string{"module", "re"}, ""},
		{"name of a module", "a.py", app, imp, []string{"module", "flask.Flask"}, ""},
		{"longer", "a.py", app, imp, []string{"module", "o"}, "does not import o"},
		{"environ", "a.py", "import os\nx = os.environ['KEY']\n", env, []string{"variable", "KEY"}, ""},
		{"in a comment", "a.py", "import os\n# os.environ['KEY']\n", env, []string{"variable", "KEY"}, "reads no environment variable"},
		{"header", "a.py", "def f(response):\n    response.headers['X-Frame-Options'] = 'DENY'\n", header, []string{"header", "X-Frame-Options", "value", "^DENY$"}, ""},
		{"header read", "a.py", "def f(request):\n    return request.headers['X-Frame-Options']\n", header, []string{"header", "X-Frame-Options"}, "sets no header"},
		{"registered", "a.py", "from x import Auth\napp.add_middleware(Auth, k=1)\n", mware, []string{"middleware", "Auth"}, ""},
		{"imported", "a.py", "from x import Auth\n# app.add_middleware(Auth)\n", mware, []string{"middleware", "Auth"}, "registers no middleware"},
		{"docstring", "a.py", "def f():\n    \"\"\"verify = True\"\"\"\n    go()\n", pattern, []string{"pattern", "verify = True"}, "only in a comment (a.py:2)"},
		{"string", "a.py", "x = 'verify = True'\n", pattern, []string{"pattern", "verify = True"}, ""},
		{"in a docstring", "a.py", "def f():\n    \"\"\"verify=False\"\"\"\n    go()\n", absent, []string{"pattern", "verify=False", "witness", "verify=False"}, "in a comment"},
	})
}

func TestLanguagesThatAreNotParsed(t *testing.T) {
	dir := write(t, map[string]string{"a.cob": "IDENTIFICATION DIVISION.\n", "Makefile": "all:\n"})
	for _, spec := range evidence.Specs() {
		if !spec.Code {
			continue
		}
		for _, file := range []string{"a.cob", "Makefile"} {
			a := evidence.Assertion{Type: spec.Type, Params: evidence.Params{}}
			for name, v := range spec.Example {
				a.Params[name] = v
			}
			a.Params["file"] = file
			wantFail(t, checkWith(t, verify.Options{Root: dir}, a)[0], "unsupported language")
		}
	}
}

// The code that a judge sees is the definition, the same whatever the line ends of the checkout.
func TestExcerpts(t *testing.T) {
	text := "package a\n\nimport \"os\"\n\n// Before.\nfunc before() { go1() }\n\nfunc check(a string) error {\n\tif a == os.Getenv(\"A\") {\n\t\treturn nil\n\t}\n\treturn bad\n}\n\nfunc after() { go2() }\n"
	want := "func check(a string) error {\n\tif a == os.Getenv(\"A\") {\n\t\treturn nil\n\t}\n\treturn bad\n}\n"
	unix, dos := write(t, map[string]string{"a.go": text}), write(t, map[string]string{"a.go": strings.ReplaceAll(text, "\n", "\r\n")})
	for _, c := range []struct {
		typ    evidence.Type
		params []string
	}{{fn, []string{"name", "check"}}, {param, []string{"function", "check", "parameter", "a"}}, {env, []string{"variable", "A"}}} {
		a := check(t, unix, c.typ, append(c.params, "file", "a.go")...)
		b := check(t, dos, c.typ, append(c.params, "file", "a.go")...)
		wantPass(t, a)
		if diff := cmp.Diff(want, a.Excerpt); diff != "" {
			t.Errorf("%s: %s", c.typ, diff)
		}
		if a.ExcerptDigest != b.ExcerptDigest || a.FileDigest == b.FileDigest {
			t.Errorf("%s: digests of a checkout with CRLF: excerpt %s and %s, file %s and %s", c.typ, a.ExcerptDigest, b.ExcerptDigest, a.FileDigest, b.FileDigest)
		}
	}
}

func TestSecretsInAFile(t *testing.T) {
	key := "gh" + "p_" + strings.Repeat("a8Zk3QxW7", 4)
	dir := write(t, map[string]string{
		"clean.yaml": "password: ${PASSWORD}\n", "bad.yaml": "# old\n# token: " + key + "\n", "utf16.txt": "\xff\xfea\x00", "empty.txt": "\n",
		"big.txt": strings.Repeat("nothing of note\n", 2000) + "the token\n" + strings.Repeat("nothing of note\n", 10),
	})
	none := evidence.NoPlaintextSecret
	wantPass(t, check(t, dir, none, "file", "clean.yaml"), "rules finds a credential")
	o := check(t, dir, none, "file", "bad.yaml")
	wantFail(t, o, "a GitHub token stands at bad.yaml:2 (rule github-token)")
	if strings.Contains(o.Reason, key[4:]) || o.Line != 2 {
		t.Errorf("line %d, reason %q", o.Line, o.Reason)
	}
	wantFail(t, check(t, dir, none, "file", "utf16.txt"), "UTF-16")
	wantFail(t, check(t, dir, none, "file", "empty.txt"), "empty")
	big := check(t, dir, none, "file", "big.txt")
	wantPass(t, big)
	if big.Excerpt != "(line 2000)\nnothing of note\nthe token\nnothing of note\n" {
		t.Errorf("excerpt %q", big.Excerpt)
	}
	own := func(file string, patterns ...string) verify.Outcome {
		return checkWith(t, verify.Options{Root: dir}, evidence.Assertion{Type: none, Params: evidence.Params{"file": file, "patterns": patterns}})[0]
	}
	wantPass(t, own("bad.yaml", "corp-[0-9]{8}"))
	wantFail(t, own("bad.yaml", "corp-[0-9]{8}", "gh.*"), "pattern 2 of 2 matches at bad.yaml:2")
	wantFail(t, own("bad.yaml", "x*"), "empty text")
	wantFail(t, own("bad.yaml"), "list of patterns")
}
