package verify_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/verify"
)

// write lays files out in a folder of their own.
func write(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	add(t, dir, files)
	return dir
}

func add(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		p := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func assertion(typ evidence.Type, params ...string) evidence.Assertion {
	a := evidence.Assertion{ID: "AS1", Type: typ, Params: evidence.Params{}}
	for i := 0; i+1 < len(params); i += 2 {
		a.Params[params[i]] = params[i+1]
	}
	return a
}

func checkWith(t testing.TB, o verify.Options, all ...evidence.Assertion) []verify.Outcome {
	t.Helper()
	c, err := verify.New(o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.Check(context.Background(), all)
}

func check(t testing.TB, dir string, typ evidence.Type, params ...string) verify.Outcome {
	t.Helper()
	return checkWith(t, verify.Options{Root: dir}, assertion(typ, params...))[0]
}

// wantPass and wantFail hold an outcome against what its reason must say.
func wantPass(t testing.TB, o verify.Outcome, words ...string) {
	t.Helper()
	if o.Verdict != evidence.Pass {
		t.Fatalf("%s %v: %s, %q; want a pass", o.Assertion.Type, o.Assertion.Params, o.Verdict, o.Reason)
	}
	wantWords(t, o, words)
}

func wantFail(t testing.TB, o verify.Outcome, words ...string) {
	t.Helper()
	if o.Verdict != evidence.Fail {
		t.Fatalf("%s %v: %s, %q; want a fail", o.Assertion.Type, o.Assertion.Params, o.Verdict, o.Reason)
	}
	if o.Excerpt != "" {
		t.Errorf("a failed check shows an excerpt to the judge")
	}
	wantWords(t, o, words)
}

func wantWords(t testing.TB, o verify.Outcome, words []string) {
	t.Helper()
	if o.Reason == "" {
		t.Error("no reason")
	}
	for _, w := range words {
		if !strings.Contains(o.Reason, w) {
			t.Errorf("%s %v: reason %q; want %q in it", o.Assertion.Type, o.Assertion.Params, o.Reason, w)
		}
	}
}

// repository makes a folder a git repository with everything in it committed.
func repository(t testing.TB, dir string) {
	t.Helper()
	gitIn(t, dir, "init", "-q", "-b", "main")
	gitIn(t, dir, "add", "-A")
	gitIn(t, dir, "commit", "-q", "-m", "first")
}

func gitIn(t testing.TB, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"}, args...)...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}
