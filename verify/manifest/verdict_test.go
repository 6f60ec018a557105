package manifest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/redoubt-dev/redoubt/verify/manifest"
)

// declare writes a manifest of each ecosystem with one dependency "p:q" or "p".
var declare = map[string]func(spec string) (path, text, pkg string){
	"npm": func(s string) (string, string, string) {
		return "package.json", fmt.Sprintf(`{"dependencies": {"p": %q}}`, s), "p"
	},
	"pypi": func(s string) (string, string, string) { return "requirements.txt", "p" + s + "\n", "p" },
	"poetry": func(s string) (string, string, string) {
		return "pyproject.toml", fmt.Sprintf("[tool.poetry.dependencies]\np = %q\n", s), "p"
	},
	"maven": func(s string) (string, string, string) {
		return "pom.xml", "<project><dependencies><dependency><groupId>p</groupId><artifactId>q</artifactId><version>" + s + "</version></dependency></dependencies></project>", "p:q"
	},
	"cargo": func(s string) (string, string, string) {
		return "Cargo.toml", fmt.Sprintf("[dependencies]\np = %q\n", s), "p"
	},
	"go": func(s string) (string, string, string) {
		return "go.mod", "module m\nrequire example.com/p " + s + "\n", "example.com/p"
	},
	"rubygems": func(s string) (string, string, string) { return "Gemfile", "gem 'p', '" + s + "'\n", "p" },
	"nuget": func(s string) (string, string, string) {
		return "a.csproj", "<Project><ItemGroup><PackageReference Include='p' Version='" + s + "'/></ItemGroup></Project>", "p"
	},
	"packagist": func(s string) (string, string, string) {
		return "composer.json", fmt.Sprintf(`{"require": {"p": %q}}`, s), "p"
	},
}

func TestSatisfies(t *testing.T) {
	for _, c := range []struct {
		eco, spec, want string
		ok              bool
		says            string // of the reason, when it is not the usual one
	}{
		// Exact versions.
		{"npm", "4.18.2", ">=4.18.0", true, ""},
		{"npm", "4.18.2", "^4.18.0", true, ""},
		{"npm", "4.18.2", ">=4.18.0, <5", true, ""},
		{"npm", "4.17.9", ">=4.18.0", false, ""},
		{"npm", "10.0.0", ">=9.0.0", true, ""},
		{"npm", "5.0.0-beta.1", ">=4.0.0", false, ""}, // npm's rule of pre-releases
		{"npm", "5.0.0-beta.1", ">=5.0.0-alpha", true, ""},
		{"pypi", "==2.31.0", ">=2.31", true, ""},
		{"pypi", "==2.31.0", "~=2.30", true, ""},
		{"pypi", "==2.31.0", "!=2.31.0", false, ""},
		{"pypi", "==2.31.0rc1", ">=2.31", false, ""},
		{"pypi", "===2.31.0", "=2.31.0", true, ""},
		{"maven", "2.17.1", "[2.17.1,)", true, ""},
		{"maven", "2.17.1", ">=2.17.1", true, ""},
		{"maven", "2.17.1", ">2.17.1", false, ""},
		{"maven", "2.9", ">=2.10", false, ""},
		{"maven", "2.17.1-SNAPSHOT", ">=2.17.1", false, ""},
		{"maven", "[2.17.1]", "2.17.1", true, ""},
		{"cargo", "=1.2.3", "^1.2", true, ""},
		{"cargo", "=1.2.3", "<1.2.3", false, ""},
		{"go", "v0.31.0", ">=0.31.0", true, ""},
		{"go", "v0.31.0", ">=v0.31.0", true, ""},
		{"go", "v0.31.0", "v0.31.0", true, ""},
		{"go", "v0.9.0", ">=0.31.0", false, ""},
		{"go", "v0.0.0-20230101000000-abcdefabcdef", ">=0.0.1", false, ""},
		{"go", "v1.3.0-rc.1", ">=1.2.0, <2", true, ""},
		{"rubygems", "7.0.4", "~> 7.0", true, ""},
		{"rubygems", "7.0.4", ">=7.0.5", false, ""},
		{"nuget", "[13.0.3]", ">=13.0.1", true, ""},
		{"nuget", "[13.0.3]", "[13.0.1,14)", true, ""},
		{"packagist", "2.9.1", "^2.0", true, ""},
		{"packagist", "2.9.1", "~2.8", true, ""},
		{"packagist", "3.0.0", "~2.8", false, ""},
		{"packagist", "2.9.1", "^1.0 || ^2.9", true, ""},
		// Ranges: all of it or nothing.
		{"npm", "^4.1.0", ">=4.1.0", true, ""},
		{"npm", ">=3", ">=4", false, "admits versions"},
		{"npm", "^4.1.0", "<5", true, ""},
		{"npm", "^4.1.0", "<4.9", false, "admits versions"},
		{"npm", "4.x", "^4.0.0", true, ""},
		{"npm", "~4.1.2", "^4.1.0", true, ""},
		{"npm", "^1.0.0 || ^2.0.0", ">=1.0.0", true, ""},
		{"npm", "^1.0.0 || ^2.0.0", ">=2.0.0", false, "admits versions"},
		{"npm", "^2.0.0", "^1.0.0 || ^2.0.0", true, ""},
		{"npm", "1.2.0 - 2.0.0", ">=1.2", true, ""},
		{"npm", "^4.0.0-beta.1", ">=3.0.0", false, "pre-releases"},
		{"npm", ">2 <1", ">=0.1", false, ""},
		{"npm", "<5", "<6", true, ""},
		{"pypi", ">=2.31,<3", ">=2.31", true, ""},
		{"pypi", "~=2.31", ">=2.31,<3", true, ""},
		{"pypi", "==2.*", ">=2", true, ""},
		{"pypi", ">=2.31", "!=2.40", false, "admits versions"},
		{"pypi", ">=2.31,!=2.40", "!=2.40", true, ""},
		{"pypi", ">=2.31,!=2.40", ">=2.31,!=2.40", true, ""},
		{"pypi", ">=2.31 ; python_version > '3'", ">=2.31", true, ""},
		{"poetry", "^2.31", ">=2.31,<3", true, ""},
		{"poetry", "^0.5.1", "<0.6", true, ""},
		{"poetry", "~1.2", ">=1.2,<1.3", true, ""},
		{"poetry", "^1 || ^2", ">=1", false, "unsupported"},
		{"maven", "[2.17.1,3.0)", ">=2.17.1", true, ""},
		{"maven", "[2.0,3.0)", ">=2.17.1", false, "admits versions"},
		{"cargo", "1.4", ">=1.4", true, ""},
		{"cargo", "1.4", ">=1.4, <2", true, ""},
		{"cargo", "0.4.1", "<0.5", true, ""},
		{"cargo", "1.4", ">=1.5", false, "admits versions"},
		{"rubygems", "~> 7.0", ">= 7.0", true, ""},
		{"rubygems", "~> 7.0", "< 8", true, ""},
		{"rubygems", ">= 6", ">= 7", false, "admits versions"},
		{"nuget", "13.0.1", ">=13.0.1", true, ""}, // a minimum
		{"nuget", "13.0.1", "<14", false, "admits versions"},
		{"nuget", "[13.0.1,14)", "<14", true, ""},
		{"packagist", "^2.1", ">=2.1", true, ""},
		{"packagist", "~2.1", "<3", true, ""},
		{"packagist", "~2.1.3", "<2.2", true, ""},
		{"packagist", "2.1.*", ">=2.1,<2.2", true, ""},
		{"packagist", "~0.3", "<1", true, ""},
		{"packagist", "~0.3", "<0.4", false, "admits versions"},
		{"packagist", ">=1.0 <3.0", ">=1.0", true, ""},
		{"packagist", "^2.1@beta", ">=2.1", false, "unsupported"},
		{"packagist", "!=2.1", ">=0.1", false, "unsupported"},
		// No version, no pass.
		{"npm", "*", ">=0.0.1", false, "without a version"},
		{"npm", "", ">=0.0.1", false, "without a version"},
		{"npm", "latest", ">=0.0.1", false, "without a version"},
		{"npm", "next", ">=0.0.1", false, "unsupported"},
		{"npm", "git+https://x/y.git#semver:^4", ">=0.0.1", false, "repository"},
		{"npm", "file:../p", ">=0.0.1", false, "local path"},
		{"pypi", "", ">=0.1", false, "without a version"},
		{"pypi", " @ https://x/p-2.0.whl", ">=0.1", false, "URL"},
		{"poetry", "*", ">=0.1", false, "without a version"},
		{"maven", "", ">=0.1", false, "without a version"},
		{"maven", "LATEST", ">=0.1", false, "without a version"},
		{"maven", "${x}", ">=0.1", false, "not set in this file"},
		{"cargo", "*", ">=0.1", false, "without a version"},
		{"rubygems", ">= 0", ">=0.1", false, "without a version"},
		{"nuget", "*", ">=0.1", false, "without a version"},
		{"nuget", "", ">=0.1", false, "without a version"},
		{"packagist", "dev-main", ">=0.1", false, "branch"},
		{"packagist", "*", ">=0.1", false, "without a version"},
	} {
		path, text, pkg := declare[c.eco](c.spec)
		m, err := manifest.Read(path, []byte(text))
		if err != nil {
			t.Errorf("%s %q: %v", c.eco, c.spec, err)
			continue
		}
		v, err := m.Satisfies(pkg, c.want)
		if err != nil || v.OK != c.ok || v.Reason == "" || v.Line == 0 || len(v.Found) != 1 || !strings.Contains(v.Reason, c.says) {
			t.Errorf("%s %q against %q: %+v, %v; want %v %q", c.eco, c.spec, c.want, v, err, c.ok, c.says)
		}
	}
}

// Each of several versions must meet the constraint.
func TestSatisfiesAll(t *testing.T) {
	lock := read(t, "Cargo.lock", "[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"registry+x\"\n[[package]]\nname = \"a\"\nversion = \"2.0.0\"\nsource = \"registry+x\"\n")
	for want, ok := range map[string]bool{">=1": true, ">=2": false, "<2": false, "^1 ": false} {
		v, err := lock.Satisfies("a", want)
		if err != nil || v.OK != ok || len(v.Found) != 2 {
			t.Errorf("%s: %+v, %v", want, v, err)
		}
	}
	if v, _ := lock.Satisfies("a", "<2"); v.Line != 6 {
		t.Errorf("the line of the version that fails: %+v", v)
	}
	if v, err := lock.Satisfies("b", ">=1"); err != nil || v.OK || !strings.Contains(v.Reason, "does not name b") {
		t.Errorf("a package that is not there: %+v, %v", v, err)
	}
	over := read(t, "package.json", `{"dependencies": {"a": "^2.0.0"}, "overrides": {"a": "1.0.0"}}`)
	if v, err := over.Satisfies("a", ">=2"); err != nil || v.OK {
		t.Errorf("an override: %+v, %v", v, err)
	}
}

func TestConstraintErrors(t *testing.T) {
	for eco, example := range map[string]string{"npm": "^4.18.2", "pypi": "~=2.31", "maven": "[2.17.1,)", "cargo": "^1.2", "go": ">=v0.31.0", "rubygems": "~> 7.0", "nuget": "[13.0.1,)", "packagist": "^2.0"} {
		spec := map[string]string{"go": "v1.0.0", "pypi": "==1.0"}[eco]
		path, text, pkg := declare[eco](spec)
		m := read(t, path, text)
		for _, want := range []string{"", "*", ">=0", "newest", ">=", ">=x", "1.0 or so", ">=2 <1", "^^1", ">=1.0,,", strings.Repeat("9", 500), "\x00", "(", "[1", "~!", "=>1"} {
			v, err := m.Satisfies(pkg, want)
			bad, ok := err.(*manifest.Error)
			if !ok || v.OK || !strings.Contains(bad.Hint, example) {
				t.Errorf("%s: %q: %+v, %v; want an error with an example", eco, want, v, err)
			}
		}
		if v, err := m.Satisfies(pkg, example); err != nil {
			t.Errorf("%s: the example %q: %+v, %v", eco, example, v, err)
		}
	}
}
