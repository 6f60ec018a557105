package judge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// DefaultTimeout is how long a command may think about one prompt.
const DefaultTimeout = 5 * time.Minute

// Command makes a judge of a command line, which a shell runs: it reads the prompt on standard input and writes the answer to
// standard output. Its environment is this process's without Redoubt's keys and CI's identity tokens, which it has no use for.
func Command(line string, timeout time.Duration) (Judge, error) {
	fields := strings.Fields(line)
	if len(fields) == 0 {
		return nil, errors.New("exec: has no command: write exec:COMMAND, a command that reads the prompt on standard input")
	}
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	return &command{line: line, name: "exec:" + filepath.Base(fields[0]), timeout: timeout}, nil
}

type command struct {
	line    string
	name    string // without arguments, which may hold a key
	timeout time.Duration
}

func (c *command) Name() string { return c.name }

func (c *command) Ask(ctx context.Context, prompt string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	cmd := shell(ctx, c.line)
	cmd.Env = environment(os.Environ())
	cmd.Stdin = strings.NewReader(prompt)
	cmd.WaitDelay = 2 * time.Second // a child that keeps the pipe open is not waited for
	out, errOut := &bounded{most: MaxAnswer + 1}, &bounded{most: 2_000}
	cmd.Stdout, cmd.Stderr = out, errOut
	err := cmd.Run()
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return "", fmt.Errorf("%s gave no answer within %s", c.name, c.timeout)
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err != nil:
		return "", fmt.Errorf("%s ended with %w: %s", c.name, err, lastLine(errOut.String()))
	}
	return out.String(), nil
}

// withheld are the prefixes of variables that a judge does not get.
var withheld = []string{"REDOUBT_", "ACTIONS_ID_TOKEN_", "CI_JOB_"}

func environment(all []string) []string {
	var out []string
	for _, v := range all {
		keep := true
		for _, p := range withheld {
			keep = keep && !strings.HasPrefix(strings.ToUpper(v), p)
		}
		if keep {
			out = append(out, v)
		}
	}
	return out
}

// bounded keeps the first bytes of what is written and drops the rest.
type bounded struct {
	bytes.Buffer
	most int
}

func (b *bounded) Write(p []byte) (int, error) {
	if room := b.most - b.Len(); room > 0 {
		b.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

// ReadFrom hides the buffer's own, which knows no bound.
func (b *bounded) ReadFrom(r io.Reader) (int64, error) {
	return io.Copy(struct{ io.Writer }{b}, r)
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	if i := strings.LastIndexByte(s, '\n'); i >= 0 {
		s = s[i+1:]
	}
	if s == "" {
		return "it said nothing on standard error"
	}
	return s
}
