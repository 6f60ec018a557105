package impact_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bmatcuk/doublestar/v4"
	"pgregory.net/rapid"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/impact"
)

// one writes a hunk at line 10 of each side, with a section, into a diff of one file.
func one(file, section string, lines ...string) string {
	old, now := 0, 0
	for _, l := range lines {
		if l[0] != '+' {
			old++
		}
		if l[0] != '-' {
			now++
		}
	}
	return fmt.Sprintf("diff --git a/%[1]s b/%[1]s\nindex 1..2 100644\n--- a/%[1]s\n+++ b/%[1]s\n@@ -10,%[2]d +10,%[3]d @@ %[4]s\n%[5]s\n",
		file, old, now, section, strings.Join(lines, "\n"))
}

func gone(file string) string {
	return fmt.Sprintf("diff --git a/%[1]s b/%[1]s\ndeleted file mode 100644\nindex 1..0\n--- a/%[1]s\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n", file)
}

func moved(from, to string) string {
	return fmt.Sprintf("diff --git a/%[1]s b/%[2]s\nsimilarity index 100%%\nrename from %[1]s\nrename to %[2]s\n", from, to)
}

// Every type of the catalogue, by what its change looks like in a diff.
func TestTouch(t *testing.T) {
	type params = evidence.Params
	code := func(more ...string) params {
		p := params{"file": "a.go"}
		for i := 0; i < len(more); i += 2 {
			p[more[i]] = more[i+1]
		}
		return p
	}
	elsewhere := one("a.go", "func Other() {", " x", "-y", "+z")
	for _, c := range []struct {
		name   string
		typ    evidence.Type
		params params
		diff   string
		want   string // "" for not touched, else risk and words of the reason
	}{
		{"another file", evidence.FunctionExists, code("name", "CheckKey"), one("b.go", "func CheckKey() {", "-x", "+y"), ""},
		{"a file whose name ends alike", evidence.FunctionExists, code("name", "CheckKey"), one("x/a.go", "func CheckKey() {", "-x", "+y"), ""},
		{"deleted", evidence.FunctionExists, code("name", "CheckKey"), gone("a.go"), "likely! file deleted"},
		{"renamed", evidence.FunctionExists, code("name", "CheckKey"), moved("a.go", "b.go"), "likely! renamed to b.go"},
		{"deleted and made a link", evidence.FileExists, code(), gone("a.go") + "diff --git a/a.go b/a.go\nnew file mode 120000\n--- /dev/null\n+++ b/a.go\n@@ -0,0 +1 @@\n+b.go\n", "likely file replaced"},
		{"copied from", evidence.FileExists, code(), "diff --git a/a.go b/b.go\nsimilarity index 100%\ncopy from a.go\ncopy to b.go\n", ""},
		{"comes by a rename", evidence.FileExists, code(), moved("z.go", "a.go"), "possible file added"},
		{"in the section", evidence.FunctionExists, code("name", "CheckKey"), one("a.go", "func CheckKey() {", "-x", "+y"), "likely symbol CheckKey"},
		{"a method, on a changed line", evidence.FunctionExists, code("name", "Keys.CheckKey"), one("a.go", "", "-func (k Keys) CheckKey() {", "+func (k Keys) Check() {"), "likely symbol CheckKey"},
		{"a method by ::", evidence.FunctionExists, code("name", "Keys::check_key"), one("a.go", "", "-  def check_key", "+  def check"), "likely symbol check_key"},
		{"beside the changed line", evidence.FunctionExists, code("name", "CheckKey"), one("a.go", "", " func CheckKey() {", "-x", "+y"), "likely symbol CheckKey"},
		{"part of a longer name", evidence.FunctionExists, code("name", "CheckKey"), one("a.go", "func CheckKeys() {", "-reCheckKey()", "+y"), "possible file changed"},
		{"elsewhere in the file", evidence.FunctionExists, code("name", "CheckKey"), elsewhere, "possible file changed"},
		{"mode alone", evidence.FunctionExists, code("name", "CheckKey"), "diff --git a/a.go b/a.go\nold mode 100644\nnew mode 100755\n", "possible file changed"},
		{"the line of the result", evidence.FunctionExists, code("name", "CheckKey", "at", "11"), elsewhere, "likely line 11"},
		{"a line after the hunk", evidence.FunctionExists, code("name", "CheckKey", "at", "12"), elsewhere, "possible file changed"},
		{"class", evidence.ClassExists, code("name", "ApiKey"), one("a.go", "class ApiKey:", "-x", "+y"), "likely symbol ApiKey"},
		{"decorator", evidence.DecoratorPresent, code("function", "f", "decorator", "auth.required"), one("a.go", "", "-@auth.required", "+@x"), "likely symbol required"},
		{"callee", evidence.FunctionCalls, code("caller", "F", "callee", "hmac.Equal"), one("a.go", "", "-hmac.Equal(a, b)", "+a == b"), "likely symbol Equal"},
		{"caller", evidence.FunctionCalls, code("caller", "F", "callee", "hmac.Equal"), one("a.go", "func F() {", "-x", "+y"), "likely symbol F"},
		{"parameter", evidence.ParameterValidated, code("function", "transfer", "parameter", "amount"), one("a.go", "", "-if amount < 0 {", "+{"), "likely symbol amount"},
		{"import", evidence.ImportPresent, code("module", "net/http"), one("a.go", "", "-\t\"net/http\"", "+\t\"net/https\""), "likely module net/http"},
		{"import of a longer module", evidence.ImportPresent, code("module", "net/http"), one("a.go", "", "-\t\"net/https\"", "+"), "possible"},
		{"handler", evidence.ErrorHandled, code("function", "Open"), one("a.go", "func Open() error {", "-x", "+y"), "likely symbol Open"},
		{"middleware", evidence.MiddlewareRegistered, code("middleware", "helmet"), one("a.go", "", "-app.use(helmet())", "+"), "likely symbol helmet"},
		{"header, in another case", evidence.HTTPHeaderSet, code("header", "X-Frame-Options"), one("a.go", "", "-h.set('x-frame-options', 'DENY')", "+"), "likely header X-Frame-Options"},
		{"header that is longer", evidence.HTTPHeaderSet, code("header", "Frame-Options"), one("a.go", "", "-XFrame-Options", "+"), "possible"},
		{"pattern, removed", evidence.PatternMatches, code("pattern", "^USER \\w+$"), one("a.go", "", "-USER app", "+USER root"), "likely a removed line"},
		{"pattern, in the context", evidence.PatternMatches, code("pattern", "^USER \\w+$"), one("a.go", "", " USER app", "-x", "+y"), "possible"},
		{"pattern over lines", evidence.PatternMatches, code("pattern", "a\\nb"), one("a.go", "", "-a", "-b", "+c"), "likely a removed line"},
		{"absence, added", evidence.PatternAbsent, code("pattern", "md5", "witness", "md5"), one("a.go", "", "-sha", "+md5"), "likely an added line"},
		{"absence, removed", evidence.PatternAbsent, code("pattern", "md5", "witness", "md5"), one("a.go", "", "-md5", "+sha"), "possible"},
		{"a secret", evidence.NoPlaintextSecret, code(), one("a.go", "", "-x", "+\tdbPassword := \"hunter2hunter2\""), "likely an added line sets"},
		{"a secret by own patterns", evidence.NoPlaintextSecret, params{"file": "a.go", "patterns": []string{"AKIA\\w+"}}, one("a.go", "", "-x", "+AKIAXXXX"), "likely an added line matches"},
		{"no secret", evidence.NoPlaintextSecret, code(), elsewhere, "possible"},
		{"hash", evidence.FileHash, code("algorithm", "sha256", "expected_hash", "00"), elsewhere, "likely the file that is hashed"},
		{"hash of a part", evidence.FileHash, code("scope_start", "x"), elsewhere, "possible"},
		{"hash of a part of another", evidence.FileHash, params{"file": "b.go", "scope_file": "a.go", "scope_start": "x"}, elsewhere, "possible"},
		{"key", evidence.ConfigKeyExists, code("key", "server.tls[0].cert"), one("a.go", "", "-  cert: x", "+"), "likely key cert"},
		{"key of a list", evidence.ConfigKeyExists, code("key", "server.tls[0]"), one("a.go", "", "-  tls:", "+"), "likely key tls"},
		{"value", evidence.ConfigValueMatches, code("key", "cookie.secure", "pattern", "true"), one("a.go", "", "-  secure: true", "+  secure: false"), "likely key secure"},
		{"variable", evidence.EnvVarReferenced, code("variable", "DATABASE_URL"), one("a.go", "", "-os.Getenv(\"DATABASE_URL\")", "+"), "likely variable DATABASE_URL"},
		{"package", evidence.DependencyExists, params{"manifest": "go.mod", "package": "golang.org/x/crypto"}, one("go.mod", "", "-\tgolang.org/x/crypto v0.31.0", "+\tgolang.org/x/crypto v0.1.0"), "likely package golang.org/x/crypto"},
		{"another package", evidence.DependencyVersion, params{"manifest": "go.mod", "package": "golang.org/x/crypto"}, one("go.mod", "", "-\tgolang.org/x/net v0.31.0", "+"), "possible"},
		{"package in the lock file", evidence.DependencyVersion, params{"manifest": "web/package.json", "package": "helmet"}, one("web/package-lock.json", "", "-  \"node_modules/helmet\": {", "+"), "likely package helmet"},
		{"another in the lock file", evidence.DependencyVersion, params{"manifest": "web/package.json", "package": "helmet"}, one("web/package-lock.json", "", "-  \"node_modules/koa\": {", "+"), ""},
		{"lock file deleted", evidence.DependencyVersion, params{"manifest": "package.json", "package": "helmet"}, gone("package-lock.json"), "likely lock file deleted"},
		{"lock file of another folder", evidence.DependencyVersion, params{"manifest": "package.json", "package": "helmet"}, gone("web/package-lock.json"), ""},
		{"tests by glob", evidence.TestPasses, params{"pattern": "auth/**/*_test.go"}, one("auth/a/key_test.go", "", "-x", "+y"), "possible test file changed"},
		{"tests by glob, one gone", evidence.TestPasses, params{"pattern": "auth/*_test.go"}, gone("auth/key_test.go"), "likely test file deleted"},
		{"the one test file gone", evidence.TestPasses, params{"pattern": "auth/key_test.go"}, gone("auth/key_test.go"), "likely! test file deleted"},
		{"the one test file renamed", evidence.TestExists, params{"pattern": "auth/key_test.go"}, moved("auth/key_test.go", "auth/k_test.go"), "likely! test file renamed to auth/k_test.go"},
		{"one test of a glob", evidence.TestExists, params{"pattern": "auth/*_test.go", "name": "TestCheckKey"}, one("auth/key_test.go", "func TestCheckKey(t *testing.T) {", "-x", "+y"), "likely test TestCheckKey"},
		{"another folder", evidence.TestPasses, params{"pattern": "auth/*_test.go"}, gone("store/key_test.go"), ""},
		{"tests by name", evidence.TestPasses, params{"pattern": "Test(Login|Logout)"}, one("x_test.go", "func TestLogin(t *testing.T) {", "-x", "+y"), "likely a test that the pattern names"},
		{"tests by a longer name", evidence.TestPasses, params{"pattern": "Test(Login|Logout)"}, one("x_test.go", "func TestLoginTwice(t *testing.T) {", "-x", "+y"), ""},
		{"tests by title", evidence.TestPasses, params{"pattern": "refuses .* keys"}, one("x.test.ts", "", "-  it('refuses bad keys', () => {", "+"), "likely a test that the pattern names"},
		{"a name that is no test's", evidence.TestPasses, params{"pattern": "TestLogin"}, one("x.go", "", "-TestLogin", "+"), ""},
		{"the file of the result", evidence.TestPasses, params{"pattern": "TestLogin", "at": "12"}, gone("a.go"), "likely test file deleted"},
	} {
		a := &evidence.Assertion{Type: c.typ, Params: c.params}
		var places []impact.Place
		if at := c.params.String("at"); at != "" {
			var line int
			if _, err := fmt.Sscan(at, &line); err != nil {
				t.Fatal(err)
			}
			places = append(places, impact.Place{File: "a.go", Line: line})
		}
		got, ok := impact.NewIndex(parse(t, c.diff)).Touch(a, places...)
		text := ""
		if ok {
			mark := ""
			if got.Broken {
				mark = "!"
			}
			text = fmt.Sprintf("%s%s %s", got.Risk, mark, got.Why)
		}
		if c.want == "" && text != "" || !strings.HasPrefix(text, c.want) {
			t.Errorf("%s: %q, want %q", c.name, text, c.want)
		}
	}
}

// With paths alone the files of an assertion are possible, and nothing is likely but a hash.
func TestTouchByPaths(t *testing.T) {
	changes, err := impact.Paths([]string{"a.go", "auth/key_test.go"})
	if err != nil {
		t.Fatal(err)
	}
	x := impact.NewIndex(changes)
	for _, c := range []struct {
		typ    evidence.Type
		params evidence.Params
		want   impact.Risk
	}{
		{evidence.FunctionExists, evidence.Params{"file": "a.go", "name": "F"}, impact.Possible},
		{evidence.FunctionExists, evidence.Params{"file": "b.go", "name": "F"}, ""},
		{evidence.FileHash, evidence.Params{"file": "a.go"}, impact.Likely},
		{evidence.TestPasses, evidence.Params{"pattern": "auth/*"}, impact.Possible},
		{evidence.TestPasses, evidence.Params{"pattern": "TestX"}, impact.Possible},
	} {
		if got, _ := x.Touch(&evidence.Assertion{Type: c.typ, Params: c.params}); got.Risk != c.want || got.Broken {
			t.Errorf("%s %v: %+v, want %s", c.typ, c.params, got, c.want)
		}
	}
}

// However much there is to compare, there is an end to it, and what it did not come to counts as possible.
func TestTouchIsBounded(t *testing.T) {
	var lines []string
	for i := range 2_000 {
		lines = append(lines, fmt.Sprintf("+func TestNumber%d() { // %s", i, strings.Repeat("a", 20)))
	}
	x := impact.NewIndex(parse(t, one("big_test.go", "", append(lines, "-x")...)))
	x.SetWork(8 << 20)
	spent := 0
	for i := range 200 {
		for _, a := range []evidence.Assertion{
			{Type: evidence.PatternAbsent, Params: evidence.Params{"file": "big_test.go", "pattern": fmt.Sprintf("(a|b)*%dc{1,50}$", i)}},
			{Type: evidence.TestPasses, Params: evidence.Params{"pattern": strings.Repeat("{a,b}", 90) + fmt.Sprintf("/%d.go", i)}},
			{Type: evidence.HTTPHeaderSet, Params: evidence.Params{"file": "big_test.go", "header": fmt.Sprintf("X-%d", i)}},
		} {
			if got, ok := x.Touch(&a); ok && strings.Contains(got.Why, "too large") {
				spent++
			} else if !ok && a.Type != evidence.TestPasses {
				t.Fatalf("%+v is not touched", a)
			}
		}
	}
	if spent < 300 {
		t.Errorf("only %d of 600 were cut short", spent)
	}
}

// A glob means what it means to the verifier. Where /** ends it, the folder itself counts as well, which a file never is.
func TestGlobsMeanWhatTheyMeanToTheVerifier(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		segment := rapid.StringMatching(`\*\*|(a|b|\.|_|\*|\?|\[ab\]|\[!a\]|\[^b\]|\{a,b\}|\{a,\{b,\?\}\}|\\\*){1,4}`)
		glob := strings.Join(rapid.SliceOfN(segment, 1, 4).Draw(t, "glob"), "/")
		file := rapid.StringMatching(`[ab._]{1,3}(/[ab._*]{1,3}){0,3}`).Draw(t, "file")
		if !evidence.IsGlob(glob) {
			glob = "a/" + glob
		}
		want := doublestar.MatchUnvalidated(glob, file)
		_, got := impact.NewIndex([]impact.Change{{Old: file, New: file, Op: impact.Modified}}).
			Touch(&evidence.Assertion{Type: evidence.TestPasses, Params: evidence.Params{"pattern": glob}})
		if got != want && (want || !strings.HasSuffix(glob, "/**")) {
			t.Fatalf("%q on %q: %t, want %t", glob, file, got, want)
		}
	})
}
