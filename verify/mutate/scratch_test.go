package mutate_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/threat"
	"github.com/redoubt-dev/redoubt/verify/mutate"
)

type threatID = threat.ID

// treeDigest is a digest over the names, modes, times and contents of a tree.
func treeDigest(t testing.TB, dir string) string {
	t.Helper()
	h := sha256.New()
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		fmt.Fprintf(h, "%s %s %d %s\n", p, info.Mode(), info.Size(), info.ModTime().Format(time.RFC3339Nano))
		if info.Mode().IsRegular() {
			text, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			h.Write(text)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func claims() []evidence.Assertion {
	exists := assertion(evidence.FileExists, "file", "notes.md")
	exists.ID = "E2"
	return []evidence.Assertion{assertion(evidence.FunctionCalls, "file", "shop/a.go", "caller", "Search", "callee", "check"), exists}
}

// TestTreeStaysAsItIs: nothing of the tree changes, whether the work ends well, is cancelled in the middle, or fails; and no copy is
// left behind.
func TestTreeStaysAsItIs(t *testing.T) {
	dir := write(t, map[string]string{"shop/a.go": goGuard, "notes.md": "one\ntwo\n", "big.txt": strings.Repeat("x", 5000)})
	before := treeDigest(t, dir)
	temp := t.TempDir()
	for name, o := range map[string]struct {
		cancelAt int
		options  mutate.Options
		want     string
	}{
		"to the end":         {},
		"cancelled at first": {cancelAt: 1, want: "canceled"},
		"cancelled later":    {cancelAt: 4, want: "canceled"},
		"too large":          {options: mutate.Options{MaxBytes: 2000}, want: "as much as is copied"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			o.options.Root, o.options.Temp = dir, temp
			o.options.Progress = func(done, _ int) {
				if done == o.cancelAt {
					cancel()
				}
			}
			r, err := mutate.Run(ctx, o.options, claims())
			switch {
			case o.want == "" && (err != nil || r.ByAssert.Killed == 0):
				t.Fatalf("%v, %+v", err, r)
			case o.want != "" && (err == nil || !strings.Contains(err.Error(), o.want)):
				t.Errorf("error %v; want %q in it", err, o.want)
			case o.cancelAt > 0 && !errors.Is(err, context.Canceled):
				t.Errorf("error %v; want that of the context", err)
			}
			if treeDigest(t, dir) != before {
				t.Error("the tree has changed")
			}
			if left, _ := os.ReadDir(temp); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// TestTemporaryFolderWithin: a copy within the tree would change it.
func TestTemporaryFolderWithin(t *testing.T) {
	dir := write(t, map[string]string{"shop/a.go": goGuard})
	for _, temp := range []string{dir, filepath.Join(dir, "shop")} {
		_, err := mutate.Run(context.Background(), mutate.Options{Root: dir, Temp: temp}, claims())
		if err == nil || !strings.Contains(err.Error(), "TMPDIR") {
			t.Errorf("copy in %s: %v", temp, err)
		}
	}
}

// TestLinks: a link within the tree is followed, in the copy; what one out of the tree leads to is neither read nor changed.
func TestLinks(t *testing.T) {
	outside := write(t, map[string]string{"secret.md": "one\ntwo\n"})
	dir := write(t, map[string]string{"real.md": "one\ntwo\n"})
	if err := os.Symlink("real.md", filepath.Join(dir, "within.md")); err != nil {
		t.Skip("links cannot be made here")
	}
	for link, target := range map[string]string{"out.md": filepath.Join(outside, "secret.md"), "up.md": "../secret.md"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	before, around := treeDigest(t, dir), treeDigest(t, outside)
	for name, want := range map[string]mutate.State{"within.md": mutate.Mutated, "out.md": mutate.Failed, "up.md": mutate.Failed} {
		r := run(t, mutate.Options{Root: dir}, assertion(evidence.FileExists, "file", name))
		if got := r.Assertions[0]; got.State != want || want == mutate.Mutated && got.Killed != 2 {
			t.Errorf("%s: %+v; want %s", name, got, want)
		}
	}
	if treeDigest(t, dir) != before || treeDigest(t, outside) != around {
		t.Error("a tree has changed")
	}
}

// TestWhatGitIgnores: it is copied only when an assertion names it.
func TestWhatGitIgnores(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	dir := write(t, map[string]string{"notes.md": "one\ntwo\n", "local.ini": "[a]\nb = true\n", "huge.bin": strings.Repeat("x", 5000), ".gitignore": "local.ini\nhuge.bin\n"})
	if out, err := exec.Command("git", "-C", dir, "init", "-q").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	key := assertion(evidence.ConfigKeyExists, "file", "local.ini", "key", "a.b")
	r := run(t, mutate.Options{Root: dir, MaxBytes: 1000}, assertion(evidence.FileExists, "file", "notes.md"), key)
	if r.Assertions[0].State != mutate.Mutated || r.Assertions[1].State != mutate.Mutated {
		t.Errorf("%+v", r.Assertions)
	}
	_, err := mutate.Run(context.Background(), mutate.Options{Root: dir, MaxBytes: 1000, Temp: t.TempDir()}, []evidence.Assertion{assertion(evidence.FileExists, "file", "huge.bin")})
	if err == nil || !strings.Contains(err.Error(), "as much as is copied") {
		t.Errorf("a named file beyond the bound: %v", err)
	}
}
