package verify_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/verify"
)

func TestPathsStayInside(t *testing.T) {
	dir := write(t, map[string]string{"root/in.txt": "inside\n", "out.txt": "outside\n", "root/sub/deep.txt": "deep\n"})
	root := filepath.Join(dir, "root")
	link := func(target, name string) {
		t.Helper()
		if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
			t.Skip("this system has no symbolic links")
		}
	}
	link("in.txt", "good.txt")
	link("sub", "way")
	link("../out.txt", "bad.txt")
	link("..", "up")
	link(filepath.Join(dir, "out.txt"), "absolute.txt")
	link("loop", "loop")
	link("nowhere", "dangling")

	for _, path := range []string{"in.txt", "./in.txt", "good.txt", "way/deep.txt"} {
		wantPass(t, check(t, root, evidence.FileExists, "file", path))
	}
	for path, words := range map[string]string{
		"../out.txt": `".."`, "sub/../../out.txt": `".."`, filepath.Join(dir, "out.txt"): "absolute", "bad.txt": "leads out of the project root",
		"up/out.txt": "leads out of the project root", "absolute.txt": "leads out of the project root", "loop": "cannot be read",
		"dangling": "there is no file dangling", "sub": "is a folder", "~/x": "absolute", `sub\deep.txt`: "backslash", "c:/x": "absolute",
		"": "file is missing", ".": "empty",
	} {
		wantFail(t, check(t, root, evidence.FileExists, "file", path), words)
	}
}

func TestOnlyRegularFiles(t *testing.T) {
	dir := write(t, map[string]string{"empty.txt": ""})
	if err := mkfifo(filepath.Join(dir, "pipe")); err != nil {
		t.Skip("this system has no pipes in folders")
	}
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err == nil {
		defer l.Close()
		wantFail(t, check(t, dir, evidence.FileExists, "file", "s"), "is a socket")
	}
	for _, typ := range []evidence.Type{evidence.FileExists, evidence.NoPlaintextSecret} {
		wantFail(t, check(t, dir, typ, "file", "pipe"), "named pipe") // an open would wait for ever
	}
	wantFail(t, check(t, dir, evidence.FileExists, "file", "empty.txt"), "empty")
}

func TestSizeLimit(t *testing.T) {
	dir := write(t, map[string]string{
		"full.txt": strings.Repeat("x", verify.MaxFile-3) + "end", "over.txt": strings.Repeat("x", verify.MaxFile) + "y",
	})
	f, err := os.Create(filepath.Join(dir, "sparse"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(10 << 30); err != nil {
		t.Skip("this file system has no sparse files")
	}
	wantPass(t, check(t, dir, evidence.PatternMatches, "file", "full.txt", "pattern", "xend")) // one line of 2 MiB
	wantFail(t, check(t, dir, evidence.FileExists, "file", "over.txt"), "at most 2097152")
	wantFail(t, check(t, dir, evidence.FileExists, "file", "sparse"), "has 10737418240 bytes")
}

func TestNearestFile(t *testing.T) {
	dir := write(t, map[string]string{"internal/auth/key.go": "package auth\n", "internal/auth/keys.go": "package auth\n", "README.md": "#\n", "node_modules/a/key.go": "x"})
	wantFail(t, check(t, dir, evidence.FileExists, "file", "auth/key.go"), "there is no file auth/key.go; the nearest is internal/auth/key.go")
	wantFail(t, check(t, dir, evidence.FileExists, "file", "READM.md"), "the nearest is README.md")
	if o := check(t, dir, evidence.FileExists, "file", "zzzzzz.qqq"); o.Reason != "there is no file zzzzzz.qqq" {
		t.Errorf("reason %q", o.Reason)
	}
}

func TestBadAssertionsFail(t *testing.T) {
	dir := write(t, map[string]string{"a.txt": "hello\n"})
	for _, a := range []struct {
		assertion evidence.Assertion
		words     string
	}{
		{assertion("function_exist", "file", "a.txt"), "did you mean function_exists"},
		{assertion("", "file", "a.txt"), "no assertion type"},
		{assertion(evidence.PatternMatches, "file", "a.txt"), "pattern is missing"},
		{assertion(evidence.PatternMatches, "file", "a.txt", "pattern", "(?=x)"), "look-ahead"},
		{assertion(evidence.PatternMatches, "file", "a.txt", "pattern", "(x"), "not valid"},
		{assertion(evidence.PatternMatches, "file", "a.txt", "pattern", "x", "other", "y"), `no parameter "other"`},
		{assertion(evidence.FileExists, "file", "a\x00b"), "not a valid text"},
	} {
		wantFail(t, checkWith(t, verify.Options{Root: dir}, a.assertion)[0], a.words)
	}
}

func TestDigest(t *testing.T) {
	dir := write(t, map[string]string{"a.txt": "hello\n"})
	c, err := verify.New(verify.Options{Root: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	got, err := c.Digest("./a.txt")
	if err != nil || got != "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03" {
		t.Errorf("digest %s, %v", got, err)
	}
	if _, err := c.Digest("../a.txt"); err == nil {
		t.Error("a digest of a path that leads out")
	}
	if _, err := verify.New(verify.Options{Root: filepath.Join(dir, "nowhere")}); err == nil {
		t.Error("a checker of no folder")
	}
	if _, err := verify.New(verify.Options{Root: dir, Commit: "HEAD"}); err == nil || !strings.Contains(err.Error(), "git work tree") {
		t.Errorf("a commit without a repository: %v", err)
	}
}
