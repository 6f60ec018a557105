//go:build unix

package judge_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/verify/judge"
)

func command(t *testing.T, line string, timeout time.Duration) judge.Judge {
	t.Helper()
	j, err := judge.Command(line, timeout)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// script writes a shell script and returns its path.
func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "judge.sh")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// A command reads the prompt and writes the answer; its name is that of the program, without arguments.
func TestCommand(t *testing.T) {
	j := command(t, script(t, "cat >/dev/null; cat <<'END'\n"+passing+"\nEND\n")+" --key s3cret", 0)
	if j.Name() != "exec:judge.sh" {
		t.Errorf("it is named %q", j.Name())
	}
	if got, err := judge.Decide(t.Context(), j, prompt(), "func F() {}", claimed); err != nil || got.Verdict != evidence.Pass {
		t.Errorf("%+v, %v", got, err)
	}
	echo := command(t, "cat", 0)
	if got, err := echo.Ask(t.Context(), "what\nis asked"); err != nil || got != "what\nis asked" {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := command(t, "sed s/a/b/ | tr b c", 0).Ask(t.Context(), "a"); err != nil || strings.TrimSpace(got) != "c" {
		t.Errorf("a line for the shell: %q, %v", got, err)
	}
	for _, line := range []string{"", " \t"} {
		if _, err := judge.Command(line, 0); err == nil || !strings.Contains(err.Error(), "exec:COMMAND") {
			t.Errorf("%q: %v", line, err)
		}
	}
}

func TestCommandFails(t *testing.T) {
	for name, c := range map[string]struct{ line, words string }{
		"exits 1":            {"echo '" + passing + "'; echo first >&2; echo no model >&2; exit 1", "no model"},
		"exits 1, silent":    {"exit 1", "said nothing"},
		"is not there":       {"/no/such/judge", "ended with"},
		"kills itself":       {"kill -9 $$", "ended with"},
		"much on the errors": {"yes x | head -c 5000000 >&2; exit 3", "exit status 3"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := command(t, c.line, 0).Ask(t.Context(), "x")
			if err == nil || got != "" || !strings.Contains(err.Error(), c.words) || len(err.Error()) > 3_000 {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

// A command that does not read its input, or reads it late, is none the worse for it.
func TestCommandThatReadsNothing(t *testing.T) {
	long := strings.Repeat("x", 4<<20) // more than a pipe holds
	if got, err := command(t, "echo '"+passing+"'", 0).Ask(t.Context(), long); err != nil || judge.Parse(got, claimed).Verdict != evidence.Pass {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := command(t, "exec <&-; echo '"+passing+"'", 0).Ask(t.Context(), long); err != nil || judge.Parse(got, claimed).Verdict != evidence.Pass {
		t.Errorf("input closed: %q, %v", got, err)
	}
}

// Of an answer without end no more is kept than tells that it is too long.
func TestCommandThatWritesAGigabyte(t *testing.T) {
	size := "1000000000"
	if testing.Short() {
		size = "50000000"
	}
	got, err := command(t, "head -c "+size+" /dev/zero", 0).Ask(t.Context(), "x")
	if err != nil || len(got) != judge.MaxAnswer+1 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if j := judge.Parse(got, claimed); j.Verdict != evidence.Fail {
		t.Errorf("%+v", j)
	}
}

// A command that hangs is ended with everything that it started.
func TestCommandThatHangs(t *testing.T) {
	_, err := command(t, "sleep 600 & sleep 600", 50*time.Millisecond).Ask(t.Context(), "x")
	if err == nil || !strings.Contains(err.Error(), "no answer within 50ms") {
		t.Errorf("%v", err)
	}

	beats := filepath.Join(t.TempDir(), "beats")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := command(t, "(while :; do echo x >>'"+beats+"'; sleep 0.01; done) & wait", 0).Ask(ctx, "x")
		done <- err
	}()
	size := func() int64 {
		info, err := os.Stat(beats)
		if err != nil {
			return 0
		}
		return info.Size()
	}
	for range 2_000 { // until the child is at work
		if size() > 0 {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if size() == 0 {
		t.Fatal("the child never began")
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	ended := size()
	time.Sleep(200 * time.Millisecond)
	if size() != ended {
		t.Error("the child goes on")
	}
}

// The judge gets none of what proves who this is: no keys of ours, no identity tokens of the CI.
func TestCommandEnvironment(t *testing.T) {
	for _, name := range []string{
		"REDOUBT_API_KEY", "REDOUBT_SERVER", "redoubt_api_key", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_URL", "CI_JOB_TOKEN", "CI_JOB_JWT_V2",
	} {
		t.Setenv(name, "withheld-value")
	}
	t.Setenv("MY_JUDGE_KEY", "kept-value")
	got, err := command(t, "env", 0).Ask(t.Context(), "x")
	if err != nil || strings.Contains(got, "withheld-value") || !strings.Contains(got, "MY_JUDGE_KEY=kept-value") || !strings.Contains(got, "PATH=") {
		t.Errorf("%v: %s", err, got)
	}
}
