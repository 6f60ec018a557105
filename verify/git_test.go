package verify_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/verify"
)

func TestFilesAreThoseOfTheCommit(t *testing.T) {
	dir := write(t, map[string]string{"same.txt": "one\ntwo\n", "changed.txt": "a\n", "crlf.txt": "one\ntwo\n", "gone.txt": "x\n", "sub/in.txt": "in\n", "ä ö.txt": "name\n"})
	if err := os.Symlink("same.txt", filepath.Join(dir, "link.txt")); err != nil {
		t.Skip("this system has no symbolic links")
	}
	repository(t, dir)
	add(t, dir, map[string]string{"changed.txt": "b\n", "crlf.txt": "one\r\ntwo\r\n", "new.txt": "n\n"})
	if err := os.Remove(filepath.Join(dir, "gone.txt")); err != nil {
		t.Fatal(err)
	}
	head := gitIn(t, dir, "rev-parse", "HEAD")
	one := func(o verify.Options, path string) verify.Outcome {
		t.Helper()
		return checkWith(t, o, assertion(evidence.FileExists, "file", path))[0]
	}
	strict := verify.Options{Root: dir, Commit: head}
	for _, path := range []string{"same.txt", "crlf.txt", "sub/in.txt", "link.txt", "ä ö.txt"} {
		wantPass(t, one(strict, path))
	}
	if o := one(strict, "same.txt"); o.Blob != gitIn(t, dir, "rev-parse", "HEAD:same.txt") {
		t.Errorf("blob %q", o.Blob)
	}
	if o := one(strict, "link.txt"); o.Blob != gitIn(t, dir, "rev-parse", "HEAD:same.txt") {
		t.Errorf("blob of a link %q", o.Blob)
	}
	wantFail(t, one(strict, "changed.txt"), "dirty", "differs from commit "+head[:12])
	wantFail(t, one(strict, "new.txt"), "dirty", "has no new.txt")
	wantFail(t, one(strict, "gone.txt"), "dirty", "there is no file gone.txt")
	if o := one(strict, "never.txt"); strings.Contains(o.Reason, "dirty") || o.Verdict != evidence.Fail {
		t.Errorf("a file that was never there: %q", o.Reason)
	}

	warn := verify.Options{Root: dir, Commit: "HEAD", Dirty: verify.DirtyWarn}
	if o := one(warn, "changed.txt"); o.Verdict != evidence.Pass || len(o.Warnings) != 1 || !strings.Contains(o.Warnings[0], "differs") {
		t.Errorf("%+v", o)
	}
	if o := one(warn, "same.txt"); len(o.Warnings) != 0 {
		t.Errorf("warned of a clean file: %v", o.Warnings)
	}
	if o := one(verify.Options{Root: dir, Commit: "HEAD", Dirty: verify.DirtyIgnore}, "new.txt"); o.Verdict != evidence.Pass || len(o.Warnings) != 0 {
		t.Errorf("%+v", o)
	}
	sub := verify.Options{Root: filepath.Join(dir, "sub"), Commit: "main"}
	if o := one(sub, "in.txt"); o.Verdict != evidence.Pass || o.Blob == "" {
		t.Errorf("a root below the top of the work tree: %+v", o)
	}
	for _, commit := range []string{"nothing", "--help", "HEAD:same.txt", strings.Repeat("0", 40)} {
		if _, err := verify.New(verify.Options{Root: dir, Commit: commit}); err == nil {
			t.Errorf("commit %q was taken", commit)
		}
	}
	if _, err := verify.New(verify.Options{Root: dir, Dirty: "sometimes"}); err == nil {
		t.Error("an unknown policy was taken")
	}
}

// Nothing that the repository configures is run.
func TestGitRunsNothingOfTheRepository(t *testing.T) {
	dir := write(t, map[string]string{"a.txt": "one\n", ".gitattributes": "*.txt filter=evil diff=evil\n"})
	repository(t, dir)
	mark := filepath.Join(t.TempDir(), "ran")
	for _, key := range []string{"core.fsmonitor", "filter.evil.clean", "filter.evil.smudge", "diff.evil.textconv", "diff.external", "core.sshCommand"} {
		gitIn(t, dir, "config", key, "touch '"+mark+"'; false")
	}
	add(t, dir, map[string]string{"a.txt": "two\n"})
	o := checkWith(t, verify.Options{Root: dir, Commit: "HEAD"}, assertion(evidence.FileExists, "file", "a.txt"))[0]
	wantFail(t, o, "dirty")
	if _, err := os.Stat(mark); err == nil {
		t.Error("a command that the repository configures was run")
	}
}
