package evidence_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/threat"
)

type params = evidence.Params

// example is the catalogue's example of a type with some parameters changed; nil takes one away.
func example(t testing.TB, typ evidence.Type, changes params) params {
	t.Helper()
	s, err := evidence.Lookup(typ)
	if err != nil {
		t.Fatal(err)
	}
	p := maps.Clone(s.Example)
	for k, v := range changes {
		if v == nil {
			delete(p, k)
		} else {
			p[k] = v
		}
	}
	return p
}

func TestCheckCleans(t *testing.T) {
	hash := strings.Repeat("ab", 32)
	for _, c := range []struct {
		name    string
		typ     evidence.Type
		in, out params
	}{
		{"a leading dot", evidence.FileExists, params{"file": "./a/b.go"}, params{"file": "a/b.go"}},
		{"doubled slashes and dots", evidence.FileExists, params{"file": "a//./b/"}, params{"file": "a/b"}},
		{"space around a path", evidence.FileExists, params{"file": " a b.go\n"}, params{"file": "a b.go"}},
		{"dots that are no parent", evidence.FileExists, params{"file": "a/..b/c...d"}, params{"file": "a/..b/c...d"}},
		{"a name on two lines", evidence.ClassExists, params{"file": "a.py", "name": " Big\n  Class "}, params{"file": "a.py", "name": "Big Class"}},
		{"flags as words", evidence.PatternMatches, params{"file": "f", "pattern": "x", "multiline": "true", "dotall": false}, params{"file": "f", "pattern": "x", "multiline": true, "dotall": false}},
		{"absent ones in three ways", evidence.HTTPHeaderSet, params{"file": "f", "header": "H", "value": ""}, params{"file": "f", "header": "H"}},
		{"null is absent", evidence.HTTPHeaderSet, params{"file": "f", "header": "H", "value": nil}, params{"file": "f", "header": "H"}},
		{"a digest in capitals", evidence.FileHash, params{"file": "f", "algorithm": "SHA-256", "expected_hash": strings.ToUpper(hash)}, params{"file": "f", "algorithm": "sha256", "expected_hash": hash}},
		{"one pattern for a list", evidence.NoPlaintextSecret, params{"file": "f", "patterns": "key=.+"}, params{"file": "f", "patterns": []string{"key=.+"}}},
		{"a list as JSON has it", evidence.NoPlaintextSecret, params{"file": "f", "patterns": []any{"a", "b"}}, params{"file": "f", "patterns": []string{"a", "b"}}},
		{"a glob", evidence.TestExists, params{"pattern": "./auth/*_test.go", "name": "TestA"}, params{"pattern": "auth/*_test.go", "name": "TestA"}},
		{"a pattern of names", evidence.TestExists, params{"pattern": "^TestA$"}, params{"pattern": "^TestA$"}},
		{"a witness of two lines", evidence.PatternAbsent, params{"file": "f", "pattern": "^b", "witness": "a\nb", "multiline": true}, params{"file": "f", "pattern": "^b", "witness": "a\nb", "multiline": true}},
		{"a witness through dotall", evidence.PatternAbsent, params{"file": "f", "pattern": "a.b", "witness": "a\nb", "dotall": true}, params{"file": "f", "pattern": "a.b", "witness": "a\nb", "dotall": true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := evidence.Check(c.typ, c.in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.out, got); diff != "" {
				t.Error(diff)
			}
			again, err := evidence.Check(c.typ, got)
			if err != nil || again.Canonical() != got.Canonical() {
				t.Errorf("checked again it is %v, %v", again, err)
			}
		})
	}
}

func TestCheckRefuses(t *testing.T) {
	long := strings.Repeat("a", 1_001)
	for _, c := range []struct {
		name    string
		typ     evidence.Type
		changes params
		field   string
		words   string // in the message or the hint
	}{
		{"unknown type", "function_is_good", nil, "type", "no assertion type"},
		{"unknown parameter", evidence.FunctionExists, params{"line": "3"}, "params", `no parameter "line"`},
		{"another type's parameter", evidence.FunctionExists, params{"decorator": "x"}, "params", "function_exists(file, name)"},
		{"a name in capitals", evidence.FunctionExists, params{"File": "x"}, "params", `no parameter "File"`},
		{"missing", evidence.FunctionExists, params{"name": nil}, "params.name", "missing"},
		{"empty", evidence.FunctionExists, params{"name": ""}, "params.name", "missing"},
		{"blank", evidence.FunctionExists, params{"name": " \n "}, "params.name", "empty"},
		{"a number", evidence.FunctionExists, params{"name": 7.0}, "params.name", "is a text"},
		{"a list", evidence.FunctionExists, params{"file": []any{"a"}}, "params.file", "is a text"},
		{"an object", evidence.FunctionExists, params{"file": map[string]any{"a": "b"}}, "params.file", "is a text"},
		{"NUL", evidence.FunctionExists, params{"file": "a\x00b"}, "params.file", "not a valid text"},
		{"not UTF-8", evidence.FunctionExists, params{"name": "a\xff"}, "params.name", "not a valid text"},
		{"too long a name", evidence.FunctionExists, params{"name": long}, "params.name", "more than 300"},
		{"too long a path", evidence.FunctionExists, params{"file": long}, "params.file", "at most 500"},

		{"absolute", evidence.FileExists, params{"file": "/etc/passwd"}, "params.file", "absolute"},
		{"home", evidence.FileExists, params{"file": "~/x"}, "params.file", "absolute"},
		{"a drive", evidence.FileExists, params{"file": "C:x"}, "params.file", "absolute"},
		{"home, written out", evidence.FileExists, params{"file": "./~/x"}, "params.file", "absolute"},
		{"a drive, written out", evidence.FileExists, params{"file": ".//C:/x"}, "params.file", "absolute"},
		{"a space before", evidence.FileExists, params{"file": "./ x"}, "params.file", "space"},
		{"a backslash", evidence.FileExists, params{"file": `a\b`}, "params.file", "backslash"},
		{"up", evidence.FileExists, params{"file": "../a"}, "params.file", `".."`},
		{"up within", evidence.FileExists, params{"file": "a/../b"}, "params.file", `".."`},
		{"up at the end", evidence.FileExists, params{"file": "a/.."}, "params.file", `".."`},
		{"the root", evidence.FileExists, params{"file": "."}, "params.file", "empty"},
		{"the root, written out", evidence.FileExists, params{"file": "././"}, "params.file", "empty"},
		{"blank path", evidence.FileExists, params{"file": "  "}, "params.file", "empty"},
		{"two lines", evidence.FileExists, params{"file": "a\nb"}, "params.file", "line end"},

		{"not a pattern", evidence.PatternMatches, params{"pattern": "a("}, "params.pattern", "https://github.com/google/re2"},
		{"look-ahead", evidence.PatternMatches, params{"pattern": "a(?=b)"}, "params.pattern", "without look-ahead"},
		{"negative look-ahead", evidence.PatternMatches, params{"pattern": "a(?!b)"}, "params.pattern", "without look-ahead"},
		{"look-behind", evidence.PatternMatches, params{"pattern": "(?<=a)b"}, "params.pattern", "without look-behind"},
		{"negative look-behind", evidence.PatternMatches, params{"pattern": "(?<!a)b"}, "params.pattern", "without look-behind"},
		{"back-reference", evidence.PatternMatches, params{"pattern": `(a)\1`}, "params.pattern", "without back-references"},
		{"possessive", evidence.PatternMatches, params{"pattern": "a++"}, "params.pattern", "possessive"},
		{"atomic", evidence.PatternMatches, params{"pattern": "(?>a)"}, "params.pattern", "atomic"},
		{"too long a pattern", evidence.PatternMatches, params{"pattern": long}, "params.pattern", "at most 1000"},
		{"a bad scope", evidence.PatternMatches, params{"scope_start": "("}, "params.scope_start", "not valid"},
		{"half a scope", evidence.PatternMatches, params{"scope_end": "x"}, "params.scope_end", "no scope_start"},
		{"a flag that is none", evidence.PatternMatches, params{"multiline": "yes"}, "params.multiline", "true or false"},
		{"a flag that is a list", evidence.PatternMatches, params{"multiline": []any{true}}, "params.multiline", "true or false"},
		{"matches everything", evidence.PatternMatches, params{"pattern": ".*"}, "params.pattern", "says nothing"},
		{"matches nothing at all", evidence.PatternMatches, params{"pattern": "^"}, "params.pattern", "says nothing"},
		{"may be empty", evidence.PatternMatches, params{"pattern": "(secure)?"}, "params.pattern", "says nothing"},

		{"absence of everything", evidence.PatternAbsent, params{"pattern": "x*", "witness": "x"}, "params.pattern", "says nothing"},
		{"a witness that is not matched", evidence.PatternAbsent, params{"witness": "verify = True"}, "params.witness", "does not match"},
		{"a witness that needs a flag", evidence.PatternAbsent, params{"pattern": "^b", "witness": "a\nb"}, "params.witness", "does not match"},
		{"no witness", evidence.PatternAbsent, params{"witness": nil}, "params.witness", "missing"},
		{"too long a witness", evidence.PatternAbsent, params{"witness": strings.Repeat("verify=False ", 200)}, "params.witness", "at most 2000"},

		{"no patterns", evidence.NoPlaintextSecret, params{"patterns": []any{}}, "params.patterns", "list of patterns"},
		{"patterns of numbers", evidence.NoPlaintextSecret, params{"patterns": []any{1.0}}, "params.patterns", "list of patterns"},
		{"too many patterns", evidence.NoPlaintextSecret, params{"patterns": strings.Split(strings.Repeat("a,", 51)+"a", ",")}, "params.patterns", "at most 50"},
		{"a vacuous one among them", evidence.NoPlaintextSecret, params{"patterns": []any{"a", "b*"}}, "params.patterns", "says nothing"},
		{"a bad one among them", evidence.NoPlaintextSecret, params{"patterns": []any{"a", "("}}, "params.patterns", "not valid"},

		{"algorithm", evidence.FileHash, params{"algorithm": "md5"}, "params.algorithm", "sha256, sha384, sha512"},
		{"short digest", evidence.FileHash, params{"expected_hash": "abcd"}, "params.expected_hash", "64 digits, this has 4"},
		{"digest of another algorithm", evidence.FileHash, params{"algorithm": "sha512"}, "params.expected_hash", "128 digits, this has 64"},
		{"not hexadecimal", evidence.FileHash, params{"expected_hash": strings.Repeat("xy", 32)}, "params.expected_hash", "not hexadecimal"},
		{"another file without a part", evidence.FileHash, params{"scope_file": "b"}, "params.scope_file", "no scope_start"},

		{"a name beside names", evidence.TestExists, params{"pattern": "TestA", "name": "TestB"}, "params.name", "glob over files"},
		{"a vacuous selector", evidence.TestExists, params{"pattern": "(TestA)?", "name": nil}, "params.pattern", "says nothing"},
		{"a bad selector", evidence.TestPasses, params{"pattern": "Test("}, "params.pattern", "not valid"},
		{"a glob upwards", evidence.TestPasses, params{"pattern": "../*_test.go"}, "params.pattern", `".."`},
		{"an absolute report", evidence.TestPasses, params{"report": "/tmp/r.xml"}, "params.report", "absolute"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := c.changes
			if c.field != "type" {
				p = example(t, c.typ, c.changes)
			}
			_, err := evidence.Check(c.typ, p)
			te, ok := err.(*threat.Error)
			if !ok {
				t.Fatalf("%v is let through: %v", p, err)
			}
			if te.Code != threat.Invalid || te.Field != c.field || !strings.Contains(te.Message+" "+te.Hint, c.words) {
				t.Errorf("got %v; want the field %s and %q", te, c.field, c.words)
			}
		})
	}
}

func TestIsGlob(t *testing.T) {
	for s, want := range map[string]bool{
		"auth/*_test.go": true, "*_test.go": true, "auth_test.go": true, "test_*.py": true, "**/x.spec.ts": true, "a/b": true, "*.rb": true,
		"auth.{spec,test}.ts": true, "TestLogin": false, "TestLogin.*": false, "^TestLogin$": false, "Test.Login": false,
		"LoginTest.test_login": false, "login › refuses": false, "TestA|TestB": false, "": false, ".": false, "Login(Test)?.py": false,
	} {
		if got := evidence.IsGlob(s); got != want {
			t.Errorf("IsGlob(%q) is %v", s, got)
		}
	}
}

func TestCheckRepo(t *testing.T) {
	for _, ok := range []string{"org/name", "a/b/c", "Org-1/na.me_x", "1/2"} {
		if err := evidence.CheckRepo(ok); err != nil {
			t.Errorf("%q: %v", ok, err)
		}
	}
	for _, bad := range []string{"", "name", "/name", "org/", "org//name", "../x", "org/../x", "org/na me", "https://x/y", "org/x\n", "-o/x", strings.Repeat("a", 200) + "/b"} {
		if err := evidence.CheckRepo(bad); threat.CodeOf(err) != threat.Invalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestLiteral(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringMatching(`[ab(]{0,2}(ab|b\+|\(a\)|\(ab\)\+|\(\?i:ab\)|\(a\|b\)|a\?|\.|\[ab\]){1,5}`).Draw(t, "pattern")
		p := params{"pattern": pattern}
		re, err := evidence.CompilePattern(p)
		if err != nil {
			t.Skip("not a pattern")
		}
		text := rapid.StringMatching(`[abAB]{0,8}`).Draw(t, "text")
		if lit := evidence.Literal(re); re.MatchString(text) && !strings.Contains(text, lit) {
			t.Fatalf("%q matches %q, which has no %q in it", pattern, text, lit)
		}
	})
	re, err := evidence.CompilePattern(params{"pattern": `\bverify\s*=`})
	if err != nil || evidence.Literal(re) != "verify" {
		t.Errorf("%v, %v", evidence.Literal(re), err)
	}
}

func FuzzCheck(f *testing.F) {
	for i, s := range evidence.Specs() {
		f.Add(i, "a/b.go", "name", true)
		f.Add(i, s.Example.String("file"), s.Example.String("pattern"), false)
	}
	f.Add(9, "././", "^", true)
	f.Fuzz(func(t *testing.T, n int, a, b string, flag bool) {
		specs := evidence.Specs()
		s := specs[((n%len(specs))+len(specs))%len(specs)]
		p := maps.Clone(s.Example)
		for i, q := range s.Params {
			switch {
			case q.Form == evidence.Flag:
				p[q.Name] = flag
			case i%2 == 0:
				p[q.Name] = a
			default:
				p[q.Name] = b
			}
		}
		got, err := evidence.Check(s.Type, p)
		if err != nil {
			if te, ok := err.(*threat.Error); !ok || te.Code != threat.Invalid || te.Field == "" || te.Message == "" {
				t.Fatalf("%T %v", err, err)
			}
			return
		}
		for _, q := range s.Params {
			v, ok := got[q.Name]
			if !ok && !q.Optional {
				t.Fatalf("%s is let through without %s", s.Type, q.Name)
			}
			if path, _ := v.(string); ok && q.Form == evidence.Path {
				if path == "" || path == "." || path[0] == '/' || strings.Contains("/"+path+"/", "/../") || strings.ContainsAny(path, "\\\x00\n") {
					t.Fatalf("%s is let through with the path %q", s.Type, path)
				}
			}
		}
		again, err := evidence.Check(s.Type, got)
		if err != nil || again.Canonical() != got.Canonical() {
			t.Fatalf("%s %s, checked again: %s, %v", s.Type, got.Canonical(), again.Canonical(), err)
		}
		if s.Type == evidence.PatternAbsent || s.Type == evidence.PatternMatches {
			re, err := evidence.CompilePattern(got)
			if err != nil || re.MatchString("") && fmt.Sprint(got["multiline"]) != "true" {
				t.Fatalf("a pattern that says nothing is let through: %q, %v", got["pattern"], err)
			}
		}
	})
}
