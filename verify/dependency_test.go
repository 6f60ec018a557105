package verify_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/verify"
)

func TestDependencyClaims(t *testing.T) {
	const exists, version = evidence.DependencyExists, evidence.DependencyVersion
	dir := write(t, map[string]string{
		"go.mod":                 "module a\n\ngo 1.21\n\nrequire (\n\tgolang.org/x/crypto v0.31.0\n\t// golang.org/x/net v0.1.0\n)\n",
		"web/package.json":       `{"dependencies": {"helmet": "^7.0.0", "left": "*", "stale": "1.0.0"}}`,
		"web/package-lock.json":  "{\"name\": \"w\", \"lockfileVersion\": 3, \"packages\": {\n\"\": {\"dependencies\": {\"helmet\": \"^7.0.0\", \"left\": \"*\"}},\n\"node_modules/helmet\": {\"version\": \"7.2.0\"},\n\"node_modules/left\": {\"version\": \"1.3.0\"},\n\"node_modules/deep\": {\"version\": \"1.0.0\"}\n}}\n",
		"free/package.json":      "{\n\"dependencies\": {\n\"helmet\": \"^7.0.0\",\n\"left\": \"*\"}}",
		"bad/package.json":       `{"dependencies": {"helmet": "^7.0.0"}}`,
		"bad/package-lock.json":  `{`,
		"requirements.txt":       "Flask>=3.0\n# requests==2.0\ndjango\n",
		"pom.cfg":                "x",
		"go.sum":                 "golang.org/x/crypto v0.31.0 h1:x=\n",
		"workspace/package.json": `{"dependencies": {`,
	})
	for _, c := range []struct {
		typ    evidence.Type
		params []string
		file   string
	}{
		{exists, []string{"manifest", "go.mod", "package", "golang.org/x/crypto"}, "go.mod"},
		{exists, []string{"manifest", "web/package.json", "package", "helmet"}, "web/package-lock.json"},
		{exists, []string{"manifest", "free/package.json", "package", "left"}, "free/package.json"},
		{exists, []string{"manifest", "requirements.txt", "package", "flask"}, "requirements.txt"},
		{version, []string{"manifest", "go.mod", "package", "golang.org/x/crypto", "constraint", ">=0.31.0"}, "go.mod"},
		{version, []string{"manifest", "web/package.json", "package", "helmet", "constraint", ">=7.1.0"}, "web/package-lock.json"},
		{version, []string{"manifest", "web/package.json", "package", "left", "constraint", "^1.3.0"}, "web/package-lock.json"},
		{version, []string{"manifest", "free/package.json", "package", "helmet", "constraint", ">=7.0.0"}, "free/package.json"},
	} {
		o := check(t, dir, c.typ, c.params...)
		wantPass(t, o, c.file)
		if o.File != c.file || o.Line == 0 || o.Excerpt == "" {
			t.Errorf("%+v", o)
		}
	}
	for _, c := range []struct {
		typ    evidence.Type
		params []string
		words  string
	}{
		{exists, []string{"manifest", "go.mod", "package", "golang.org/x/net"}, "does not name golang.org/x/net"},
		{exists, []string{"manifest", "go.mod", "package", "golang.org/x/cripto"}, "golang.org/x/crypto"},
		{exists, []string{"manifest", "web/package.json", "package", "stale"}, "out of date"},
		{exists, []string{"manifest", "web/package.json", "package", "deep"}, "does not name deep"},
		{exists, []string{"manifest", "bad/package.json", "package", "helmet"}, "lock file beside"},
		{exists, []string{"manifest", "requirements.txt", "package", "requests"}, "does not name requests"},
		{exists, []string{"manifest", "pom.cfg", "package", "x"}, "pom.cfg"},
		{exists, []string{"manifest", "go.sum", "package", "golang.org/x/crypto"}, "go.mod"},
		{exists, []string{"manifest", "workspace/package.json", "package", "x"}, "workspace/package.json"},
		{exists, []string{"manifest", "gone/package.json", "package", "x"}, "there is no file gone/package.json"},
		{version, []string{"manifest", "go.mod", "package", "golang.org/x/crypto", "constraint", ">=0.32.0"}, "decided by go.mod"},
		{version, []string{"manifest", "free/package.json", "package", "helmet", "constraint", ">=7.1.0"}, "decided by free/package.json"},
		{version, []string{"manifest", "free/package.json", "package", "left", "constraint", ">=0.0.1"}, "left"},
		{version, []string{"manifest", "requirements.txt", "package", "django", "constraint", ">=0.0.1"}, "django"},
		{version, []string{"manifest", "go.mod", "package", "golang.org/x/crypto", "constraint", "newest please"}, "newest please"},
	} {
		wantFail(t, check(t, dir, c.typ, c.params...), c.words)
	}
	// A lock file that the commit has and the tree has not may say otherwise.
	repository(t, dir)
	gitIn(t, dir, "rm", "-q", "--cached", "web/package-lock.json")
	gitIn(t, dir, "commit", "-q", "-m", "second", "--allow-empty")
	o := checkWith(t, verify.Options{Root: dir, Commit: "HEAD~1"}, assertion(exists, "manifest", "web/package.json", "package", "helmet"))[0]
	wantPass(t, o)
	if err := os.Remove(filepath.Join(dir, "web/package-lock.json")); err != nil {
		t.Fatal(err)
	}
	o = checkWith(t, verify.Options{Root: dir, Commit: "HEAD~1"}, assertion(exists, "manifest", "web/package.json", "package", "helmet"))[0]
	wantFail(t, o, "dirty", "has web/package-lock.json, which cannot be read here")
}

// Every type of the catalogue is checked by something.
func TestEveryTypeIsChecked(t *testing.T) {
	dir := t.TempDir()
	for _, spec := range evidence.Specs() {
		o := checkWith(t, verify.Options{Root: dir}, evidence.Assertion{Type: spec.Type, Params: spec.Example})[0]
		wantFail(t, o)
		if strings.Contains(o.Reason, "not checked by this version") || strings.Contains(o.Reason, "internal") {
			t.Errorf("%s: %s", spec.Type, o.Reason)
		}
	}
}
