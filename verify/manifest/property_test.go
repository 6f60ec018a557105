package manifest_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/redoubt-dev/redoubt/verify/manifest"
)

// grammar is what ranges of an ecosystem are drawn from: comparators whose bounds are whole versions, so that a range that admits
// a version beyond a constraint admits one of [versions].
type grammar struct {
	eco   string
	signs []string
	join  string // of two comparators
	or    string // of two alternatives, or ""
	exact string // before an exact version in a manifest
}

var grammars = []grammar{
	{"npm", []string{">=", "<", "^", "~"}, " ", " || ", ""},
	{"cargo", []string{">=", "<", "^", "~"}, ", ", "", "="},
	{"pypi", []string{">=", "<", "~="}, ",", "", "=="},
	{"rubygems", []string{">= ", "< ", "~> "}, ", ", "", ""},
	{"packagist", []string{">=", "<", "^", "~"}, " ", " || ", ""},
}

// versions holds one on each side of, and between, all bounds that are drawn.
func versions() []string {
	var out []string
	for _, major := range []int{0, 1, 2, 99} {
		for _, minor := range []int{0, 1, 2, 99} {
			for _, patch := range []int{0, 1, 2, 99} {
				out = append(out, fmt.Sprintf("%d.%d.%d", major, minor, patch))
			}
		}
	}
	return out
}

func (g grammar) draw(t *rapid.T, name string) string {
	digit := rapid.IntRange(0, 2)
	one := func() string {
		n := rapid.IntRange(1, 2).Draw(t, name+" comparators")
		var words []string
		for range n {
			words = append(words, fmt.Sprintf("%s%d.%d.%d", rapid.SampledFrom(g.signs).Draw(t, name), digit.Draw(t, name), digit.Draw(t, name), digit.Draw(t, name)))
		}
		return strings.Join(words, g.join)
	}
	if g.or != "" && rapid.IntRange(0, 3).Draw(t, name+" or") == 0 {
		return one() + g.or + one()
	}
	return one()
}

func (g grammar) satisfies(t *rapid.T, spec, want string) (manifest.Verdict, error) {
	path, text, pkg := declare[g.eco](spec)
	m, err := manifest.Read(path, []byte(text))
	if err != nil {
		t.Fatalf("%s %q: %v", g.eco, spec, err)
	}
	return m.Satisfies(pkg, want)
}

// A declared range satisfies a constraint exactly when every version that it admits does, each tried as a pin.
func TestRangeIsItsVersions(t *testing.T) {
	all := versions()
	rapid.Check(t, func(t *rapid.T) {
		g := rapid.SampledFrom(grammars).Draw(t, "ecosystem")
		spec, want := g.draw(t, "range"), g.draw(t, "constraint")
		got, err := g.satisfies(t, spec, want)
		if err != nil { // nothing or everything is wanted
			return
		}
		admitted, beyond := 0, ""
		for _, v := range all {
			in, err := g.satisfies(t, g.exact+v, spec)
			if err != nil {
				return
			}
			if !in.OK {
				continue
			}
			admitted++
			if meets, err := g.satisfies(t, g.exact+v, want); err != nil || !meets.OK {
				beyond = v
			}
		}
		switch {
		case admitted == 0 && got.OK:
			t.Fatalf("%s: %q admits nothing and satisfies %q", g.eco, spec, want)
		case beyond != "" && got.OK:
			t.Fatalf("%s: %q satisfies %q, but admits %s", g.eco, spec, want, beyond)
		case admitted > 0 && beyond == "" && !got.OK && g.or == "" && strings.ContainsAny(spec, ">^~"): // without a lower bound it admits pre-releases of 0.0.0
			t.Fatalf("%s: %q should satisfy %q: %s", g.eco, spec, want, got.Reason)
		}
	})
}

// A dependency that is commented out is never found; without the comment it is.
func TestCommentedOut(t *testing.T) {
	files := []struct{ path, before, line, after, comment, pkg string }{
		{"package.json", "{\"dependencies\": {\n", `"p": "1.0.0",`, "}}", "// %s", "p"},
		{"requirements.txt", "a==1\n", "p==1.0", "", "# %s", "p"},
		{"requirements.txt", "a==1\n", "p==1.0", "", "a2==2 # %s", "p"},
		{"pyproject.toml", "[project]\ndependencies = [\n", `"p==1.0",`, "]", "# %s", "p"},
		{"go.mod", "module m\nrequire (\n", "example.com/p v1.0.0", ")", "// %s", "example.com/p"},
		{"Cargo.toml", "[dependencies]\n", `p = "1"`, "", "# %s", "p"},
		{"pom.xml", "<project><dependencies>\n", "<dependency><groupId>p</groupId><artifactId>q</artifactId><version>1</version></dependency>", "</dependencies></project>", "<!-- %s -->", "p:q"},
		{"build.gradle", "dependencies {\n", "implementation 'p:q:1'", "}", "// %s", "p:q"},
		{"build.gradle", "dependencies {\n", "implementation 'p:q:1'", "}", "/* %s */", "p:q"},
		{"build.gradle", "dependencies {\n", "implementation 'p:q:1'", "}", "println \"%s\"", "p:q"},
		{"Gemfile", "", "gem 'p', '1.0'", "", "# %s", "p"},
		{"Gemfile", "", "gem 'p', '1.0'", "", "puts \"x\" # %s", "p"},
		{"Gemfile", "", "gem 'p', '1.0'", "", "=begin\n%s\n=end", "p"},
		{"yarn.lock", "", "p@1:\n  version \"1.0.0\"", "", "#%s\n", "p"},
		{"gradle.lockfile", "", "p:q:1=x", "", "# %s", "p:q"},
		{"a.csproj", "<Project><ItemGroup>\n", "<PackageReference Include='p' Version='1'/>", "</ItemGroup></Project>", "<!-- %s -->", "p"},
	}
	for _, f := range files {
		comment := f.comment
		line := fmt.Sprintf(comment, f.line)
		if f.path == "yarn.lock" {
			line = "# p@1:\n#   version \"1.0.0\""
		}
		for _, end := range []string{"\n", "\r\n"} {
			if m := read(t, f.path, strings.ReplaceAll(f.before+line+"\n"+f.after, "\n", end)); len(m.Find(f.pkg)) != 0 {
				t.Errorf("%s: %q is found", f.path, line)
			}
			if m := read(t, f.path, strings.ReplaceAll(f.before+f.line+"\n"+f.after, "\n", end)); len(m.Find(f.pkg)) != 1 {
				t.Errorf("%s: %q is not found", f.path, f.line)
			}
		}
	}
}
