package manifest_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/redoubt-dev/redoubt/verify/manifest"
)

var paths = append(manifest.Names(), "requirements.txt", "a.csproj")

// Any text under any name is read or refused with an error of ours, and whatever is read can be asked.
func FuzzRead(f *testing.F) {
	for i := range paths {
		for _, text := range []string{
			"a==1.0 ; x # c\n-r b\n", "dependencies { a 'b:c:1' { } \n x(group: 'y', name: \"z$v\") }", "gem 'a', '~> 1', git: 'x' # c\ngroup :b do\nend\n",
			"GEM\n  specs:\n    a (1.0)\n", "a@1, \"b@npm:c@2\":\n  version \"1\"\n", `{"dependencies": {"a": "npm:b@^1"}, "packages": {"node_modules/a": {"version": "1"}}}`,
			"[dependencies]\na = \"1\"\n[[package]]\nname = \"a\"\nversion = \"1\"\n", "<project><dependencies><dependency/></dependencies></project>",
			"module m\nrequire a.b/c v1.0.0\nreplace a.b/c => ../c\n", "a:b:1=c\n", "lockfileVersion: '9.0'\npackages:\n  a@1.0.0: {}\n", "<Project><ItemGroup><PackageReference Include='a'/></ItemGroup></Project>",
		} {
			f.Add(i, []byte(text))
		}
	}
	f.Fuzz(func(t *testing.T, which int, text []byte) {
		path := paths[((which%len(paths))+len(paths))%len(paths)]
		m, err := manifest.Read(path, text)
		if err != nil {
			if _, ours := err.(*manifest.Error); !ours || strings.Contains(err.Error(), "runtime error") {
				t.Fatalf("%s: %T %v", path, err, err)
			}
			return
		}
		for _, e := range m.Entries {
			if e.Line < 1 || e.Line > 1+strings.Count(string(text), "\n") {
				t.Fatalf("%s: %+v", path, e)
			}
			if len(m.Find(e.Package)) == 0 {
				t.Fatalf("%s: %q is not found", path, e.Package)
			}
			v, err := m.Satisfies(e.Package, ">=0.0.1")
			if err != nil || v.Reason == "" || v.OK && (e.Loose != "" || e.Version == "" && e.Range == "") {
				t.Fatalf("%s: %+v: %+v, %v", path, e, v, err)
			}
		}
		m.Nearest("a", 3)
	})
}

// Any constraint is understood or refused, and never met by a dependency without a version.
func FuzzConstraint(f *testing.F) {
	for _, want := range []string{">=1.2.3", "^1.2 || ~3", "[1,2)", "~> 1.2, != 1.3", "1.x", "==1.*", ">=v1.0.0", "1 - 2", "*"} {
		f.Add(want, "^1.2.3")
	}
	f.Fuzz(func(t *testing.T, want, spec string) {
		for eco, write := range declare {
			path, text, pkg := write(spec)
			m, err := manifest.Read(path, []byte(text))
			if err != nil {
				path, text, pkg = write(map[string]string{"go": "v1.2.3", "pypi": ">=1.2.3"}[eco])
				m, err = manifest.Read(path, []byte(text))
			}
			if err != nil {
				t.Fatal(err)
			}
			v, err := m.Satisfies(pkg, want)
			if err != nil {
				if _, ours := err.(*manifest.Error); !ours || v.OK {
					t.Fatalf("%s: %q: %v, %v", eco, want, v, err)
				}
			}
			for _, e := range m.Find(pkg) {
				if v.OK && (e.Loose != "" || e.Version == "" && strings.TrimSpace(e.Range) == "") {
					t.Fatalf("%s: %q against %q: %+v of %+v", eco, spec, want, v, e)
				}
			}
		}
	})
}

// What a parser fears most is read or refused with memory that grows with the text, not with its square.
func TestLargeInputs(t *testing.T) {
	if testing.Short() {
		t.Skip("reads many large files")
	}
	const size = 1 << 18
	for path, units := range map[string][]string{
		"requirements.txt": {"a==1\n", "\\\n", "a", "[", "-r x\n", "a;"},
		"yarn.lock":        {"a@1,", "a@1:\n  version \"1\"\n", "@", "\""},
		"build.gradle":     {"{", "(", "a 'b:c:1' {}\n", "'b:c:1' {} ", "a='b'\n", "\"$a\"", "/*", "\n", "x() {}\n", "a:", "\\"},
		"Gemfile":          {"gem 'a'\n", "gem 'a',\n", "gem 'a', [", "group :a do\n", "'", ",", "<<~A\n", "#"},
		"Gemfile.lock":     {"    a (1)\n", "(", "A\n"},
		"gradle.lockfile":  {"a:b:1=c\n", ":"},
		"go.mod":           {"require a.b/c v1.0.0\n", "replace a.b/c => ../c\n", "("},
	} {
		before := map[string]string{"build.gradle": "dependencies {\na ", "Gemfile.lock": "GEM\n", "go.mod": "module m\n"}[path]
		for _, unit := range units {
			text := []byte(before + strings.Repeat(unit, size/len(unit)))
			var was, is runtime.MemStats
			runtime.ReadMemStats(&was)
			m, err := manifest.Read(path, text)
			if err == nil {
				m.Nearest("a", 3)
			}
			runtime.ReadMemStats(&is)
			if perByte := (is.TotalAlloc - was.TotalAlloc) / size; perByte > 4_000 {
				t.Errorf("%s of %q: %d bytes of memory for each of text", path, unit, perByte)
			}
		}
	}
}
