// Package runtests runs a project's own tests and returns the report that the runner wrote. It is for --run-tests alone: what it
// runs is the code of the repository, with the rights of whoever started it. Commands are argument vectors that are put together
// here, never words of the repository given to a shell.
package runtests

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/redoubt-dev/redoubt/verify/testreport"
)

// Options say where and how tests are run.
type Options struct {
	Root    string        // the project
	Env     []string      // the environment, filtered by [Filter]; that of this process when nil
	Timeout time.Duration // for one runner; 10 minutes when zero
	Output  io.Writer     // what runners print; thrown away when nil
}

// Test is a test to run.
type Test struct {
	File string // path from the root, with slashes
	Name string // as package source names it: "TestA/sub", "LoginTest.test_a", "login › refuses"
}

// maxOutput bounds what is kept of a runner's standard output, in bytes.
const maxOutput = 64 << 20

// Run runs the tests, or all that the runner finds when none is named, and returns what it reports. Errors: a runner that is not
// installed, runs out of time, writes no report, runs no test, or fails without a failed test.
func Run(ctx context.Context, r *Runner, tests []Test, o Options) (*testreport.Report, error) {
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Minute
	}
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	temp, err := os.MkdirTemp("", "redoubt-tests-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(temp)
	root, err := filepath.Abs(o.Root)
	if err != nil {
		return nil, err
	}
	j := &job{root: root, temp: temp, tests: tests}
	args := r.command(j)
	if r.before != nil {
		r.before(j)
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = root
	env := o.Env
	if env == nil {
		env = os.Environ()
	}
	cmd.Env = append(Filter(env), "CI=true", "PYTHONDONTWRITEBYTECODE=1", "NO_COLOR=1", "PWD="+root)
	kept := &bounded{rest: maxOutput}
	out := io.Discard
	if o.Output != nil {
		out = o.Output
	}
	// Each runner has one of the two that its report is read from; the other is for people alone.
	cmd.Stdout, cmd.Stderr = io.MultiWriter(kept, out), out
	if r.stderr {
		cmd.Stdout, cmd.Stderr = out, io.MultiWriter(kept, out)
	}
	ownGroup(cmd)
	cmd.WaitDelay = 5 * time.Second
	failed := cmd.Run()
	switch {
	case errors.Is(failed, exec.ErrNotFound), errors.Is(failed, os.ErrNotExist):
		return nil, fmt.Errorf("%s is not installed", r.Name)
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%s was stopped: %w", r.Name, ctx.Err())
	case kept.over:
		return nil, fmt.Errorf("%s printed more than %d bytes", r.Name, maxOutput)
	}
	report, err := r.report(j, kept.text)
	if err != nil {
		if failed != nil {
			return nil, fmt.Errorf("%s failed (%v): %w", r.Name, failed, err)
		}
		return nil, fmt.Errorf("%s: %w", r.Name, err)
	}
	if failed != nil && testreport.Verdict(report.Tests) != testreport.Failed {
		return nil, fmt.Errorf("%s failed (%v) although no test of its report did: some tests may not have run", r.Name, failed)
	}
	return report, nil
}

// Filter returns an environment without what tests have no need of and must not read: REDOUBT_*, *_API_KEY, ACTIONS_ID_TOKEN_*
// and CI_JOB_*.
func Filter(env []string) []string {
	kept := make([]string, 0, len(env)+4)
	for _, v := range env {
		name, _, _ := strings.Cut(v, "=")
		name = strings.ToUpper(name)
		if strings.HasPrefix(name, "REDOUBT_") || strings.HasSuffix(name, "_API_KEY") || strings.HasPrefix(name, "ACTIONS_ID_TOKEN_") ||
			strings.HasPrefix(name, "CI_JOB_") {
			continue
		}
		kept = append(kept, v)
	}
	return kept
}

// bounded keeps what is written up to its bound, and notes what goes beyond.
type bounded struct {
	text []byte
	rest int
	over bool
}

func (b *bounded) Write(p []byte) (int, error) {
	n := min(len(p), b.rest)
	b.text = append(b.text, p[:n]...)
	b.rest -= n
	b.over = b.over || n < len(p)
	return len(p), nil
}
