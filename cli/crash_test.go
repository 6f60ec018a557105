package cli_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/internal/testenv/live"
	"github.com/redoubt-dev/redoubt/pipeline"
	"github.com/redoubt-dev/redoubt/server"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/store"
)

// childEnv names the database for a child process, which is this test binary serving with a slow engine of its own.
const childEnv = "REDOUBT_TEST_CRASH_DATABASE"

// slowEngine is the builtin engine, but each step of the first process waits for ever after the third.
type slowEngine struct {
	pipeline.Engine
	hang bool
}

func (e slowEngine) Propose(ctx context.Context, r pipeline.Request) (pipeline.Output, error) {
	if e.hang && r.Step == pipeline.RefineAttackers {
		fmt.Println("hanging")
		<-ctx.Done()
		return pipeline.Output{}, ctx.Err()
	}
	fmt.Println("step", r.Step)
	return e.Engine.Propose(ctx, r)
}

// TestCrashChild is not a test: it is the child of TestKilledJobFinishes.
func TestCrashChild(t *testing.T) {
	database := os.Getenv(childEnv)
	if database == "" {
		t.Skip("runs as a child process of TestKilledJobFinishes")
	}
	// The lease of a dead worker ends after 30 s. The child's clock runs fast by that much instead of the test waiting.
	skew, err := time.ParseDuration(os.Getenv(childEnv + "_SKEW"))
	if err != nil {
		t.Fatal(err)
	}
	st, err := store.Open(context.Background(), store.Config{Database: database, Now: func() time.Time { return time.Now().Add(skew) }})
	if err != nil {
		t.Fatal(err)
	}
	expert, err := live.Expert()
	if err != nil {
		t.Fatal(err)
	}
	engine := slowEngine{Engine: expert, hang: os.Getenv(childEnv+"_HANG") == "1"}
	svc, err := service.New(service.Config{Store: st, Engines: []pipeline.Engine{engine}, Log: zerolog.New(os.Stderr)})
	if err != nil {
		t.Fatal(err)
	}
	srv, err := server.New(server.Config{Service: svc, Log: zerolog.New(os.Stderr)})
	if err != nil {
		t.Fatal(err)
	}
	if err := srv.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	fmt.Println("url", srv.URL())
	t.Fatal(srv.Serve())
}

// child starts a serving child process and returns it with a channel of the lines it prints.
func child(t *testing.T, database string, hang bool, skew time.Duration) (*exec.Cmd, <-chan string) {
	t.Helper()
	c := exec.Command(os.Args[0], "-test.run=^TestCrashChild$", "-test.v")
	c.Env = append(os.Environ(), childEnv+"="+database, childEnv+"_SKEW="+skew.String())
	if hang {
		c.Env = append(c.Env, childEnv+"_HANG=1")
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.Stderr = os.Stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := make(chan string, 100)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			lines <- s.Text()
		}
	}()
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	return c, lines
}

// until reads lines until one has a prefix, and returns the rest of it with all the lines before.
func until(t *testing.T, lines <-chan string, prefix string) (rest string, before []string) {
	t.Helper()
	for line := range lines {
		if rest, ok := strings.CutPrefix(line, prefix); ok {
			return strings.TrimSpace(rest), before
		}
		before = append(before, line)
	}
	t.Fatalf("the child ended before %q: %v", prefix, before)
	return "", nil
}

// A process killed with SIGKILL in the middle of a job leaves the job to the next one, which goes on at the step that was
// under way and finishes it; nothing is done twice and no half model is left.
func TestKilledJobFinishes(t *testing.T) {
	database := "sqlite:" + filepath.Join(t.TempDir(), "redoubt.db")
	st, err := store.Open(context.Background(), store.Config{Database: database})
	if err != nil {
		t.Fatal(err)
	}
	u := testenv.User(t, st, "ada@example.org")
	_, key := testenv.Key(t, st, u.PersonalWorkspace, u, account.Developer)

	first, lines := child(t, database, true, 0)
	url, _ := until(t, lines, "url ")
	caller := live.At(t, url, key)
	job := live.Call[service.JobOut](caller, "generate_threat_model", live.Args{
		"feature_description": "A REST API where users sign in with passwords and upload files to S3.", "wait_seconds": 0,
	})
	_, steps := until(t, lines, "hanging")
	if got := stepsOf(steps); got != "generate_assets refine_assets generate_attackers" {
		t.Fatalf("before the kill the steps were %q", got)
	}
	// What a step made is written down beside the work of the next one: from then on a kill does not undo it.
	for kept := job; kept.Step != "refine_attackers"; {
		kept = live.Call[service.JobOut](caller, "get_operation_status", live.Args{"job_id": job.JobID, "wait_seconds": 0})
	}
	if err := first.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait()

	_, lines = child(t, database, false, 31*time.Second)
	url, _ = until(t, lines, "url ")
	caller = live.At(t, url, key)
	done := live.Call[service.JobOut](caller, "get_operation_status", live.Args{"job_id": job.JobID, "wait_seconds": 50})
	if done.Status != store.JobDone {
		t.Fatalf("after the restart the job is %+v", done)
	}
	_, steps = until(t, lines, "step generate_controls")
	if got := stepsOf(steps); got != "refine_attackers boundaries_and_assumptions" {
		t.Errorf("the second process ran %q before the controls: it should go on where the first was", got)
	}
	var m service.ModelSummary
	if err := json.Unmarshal(done.Result, &m); err != nil {
		t.Fatal(err)
	}
	list := live.Call[service.ListThreatModelsOut](caller, "list_threat_models", nil)
	if list.Total != 1 || list.Models[0].ID != m.ModelID || m.Controls == 0 {
		t.Errorf("the models are %+v, the result %+v", list, m)
	}
	testenv.Read(t, st, func(v *store.Snapshot) error {
		j, err := v.Job(u.PersonalWorkspace, job.JobID)
		if j.Attempt != 2 {
			t.Errorf("attempt %d", j.Attempt)
		}
		return err
	})
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
}

func stepsOf(lines []string) string {
	var out []string
	for _, l := range lines {
		if s, ok := strings.CutPrefix(l, "step "); ok {
			out = append(out, s)
		}
	}
	return strings.Join(out, " ")
}
