package cli

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/exchange"
	"github.com/redoubt-dev/redoubt/llm"
	"github.com/redoubt-dev/redoubt/threat"
	"github.com/redoubt-dev/redoubt/verify"
	"github.com/redoubt-dev/redoubt/verify/judge"
	"github.com/redoubt-dev/redoubt/verify/remote"
)

func (e *env) verify() *cobra.Command {
	c := &cobra.Command{
		Use: "verify", Short: "Check assertions about the code of this folder",
		Long: "Check assertions about the code of this folder. Code stays on this machine: a run submits verdicts and digests.\n" +
			"Exit codes: 0 all passed, 1 something failed, 2 usage or connection.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(e.verifyRun(), e.verifyCheck(), e.verifyOne(), e.verifyList(), e.verifyReport(), e.verifyMutate())
	return c
}

// connection is how to reach the server.
type connection struct{ server, key string }

func (c *connection) add(e *env, cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.server, "server", or(e.getenv("REDOUBT_SERVER"), "http://127.0.0.1:8080"), "URL of the server (REDOUBT_SERVER)")
	cmd.Flags().StringVar(&c.key, "api-key", "", "API key; better in REDOUBT_API_KEY, which is not seen in the list of processes")
}

func (c *connection) open(e *env) (*remote.Client, error) {
	return remote.New(c.server, or(c.key, e.getenv("REDOUBT_API_KEY")))
}

// tree is what Tier 1 reads and how.
type tree struct {
	root        string
	report      string
	runTests    bool
	testTimeout time.Duration
	concurrency int
}

func (t *tree) add(e *env, c *cobra.Command) {
	c.Flags().StringVar(&t.root, "project-root", or(e.getenv("REDOUBT_PROJECT_ROOT"), "."), "top folder of the repository (REDOUBT_PROJECT_ROOT)")
	c.Flags().StringVar(&t.report, "test-report", e.getenv("REDOUBT_TEST_REPORT"), "JUnit XML or go test -json report for test_passes, not tracked by git (REDOUBT_TEST_REPORT)")
	c.Flags().BoolVar(&t.runTests, "run-tests", false, "run the project's own tests where no report is given")
	c.Flags().DurationVar(&t.testTimeout, "test-timeout", 10*time.Minute, "for each run of a test runner")
	c.Flags().IntVar(&t.concurrency, "concurrency", 0, "files checked, and questions to the judge, at once; default: the number of processors, and 4")
}

func (t *tree) open(commit string, dirty verify.Policy, done func(int)) (*verify.Checker, error) {
	c, err := verify.New(verify.Options{
		Root: t.root, Commit: commit, Dirty: dirty, Report: t.report, RunTests: t.runTests, TestTimeout: t.testTimeout,
		Concurrency: t.concurrency, Done: done,
	})
	if err != nil {
		return nil, threat.Errorf(threat.FailedPrecondition, "%v", err).In("project-root").Hinted("--project-root names the top folder of the repository")
	}
	return c, nil
}

// tier2 is who judges.
type tier2 struct {
	judge   string
	model   string
	url     string
	timeout time.Duration
}

func (t *tier2) add(e *env, c *cobra.Command) {
	c.Flags().StringVar(&t.judge, "tier2", e.getenv("REDOUBT_TIER2"), "who judges Tier 2: openai, anthropic, ollama, or exec:COMMAND, which reads the prompt on standard input (REDOUBT_TIER2)")
	c.Flags().StringVar(&t.model, "tier2-model", e.getenv("REDOUBT_TIER2_MODEL"), "the judge's language model (REDOUBT_TIER2_MODEL)")
	c.Flags().StringVar(&t.url, "tier2-url", e.getenv("REDOUBT_TIER2_URL"), "URL of an OpenAI-compatible judge; its key is in REDOUBT_TIER2_API_KEY (REDOUBT_TIER2_URL)")
	c.Flags().DurationVar(&t.timeout, "tier2-timeout", 5*time.Minute, "for each question to the judge")
}

// open returns the judge, nil when none was asked for.
func (t *tier2) open(e *env, concurrency int) (judge.Judge, error) {
	if line, ok := strings.CutPrefix(t.judge, "exec:"); ok {
		j, err := judge.Command(line, t.timeout)
		if err != nil {
			return nil, threat.Errorf(threat.Invalid, "%v", err).In("tier2")
		}
		return j, nil
	}
	cfg := llm.Config{Model: t.model, BaseURL: t.url, Timeout: t.timeout, Concurrency: concurrency}
	switch {
	case t.judge == "" && t.url == "":
		return nil, nil
	case t.judge == "" || t.judge == string(llm.OpenAICompatible):
		cfg.Provider, cfg.APIKey = llm.OpenAICompatible, llm.Key(e.getenv("REDOUBT_TIER2_API_KEY"))
	case t.judge == string(llm.OpenAI):
		cfg.Provider, cfg.APIKey = llm.OpenAI, llm.Key(e.getenv("OPENAI_API_KEY"))
		cfg.BaseURL = or(t.url, e.getenv("OPENAI_BASE_URL"))
	case t.judge == string(llm.Anthropic):
		cfg.Provider, cfg.APIKey = llm.Anthropic, llm.Key(e.getenv("ANTHROPIC_API_KEY"))
	case t.judge == string(llm.Ollama):
		cfg.Provider = llm.Ollama
	default:
		return nil, threat.Errorf(threat.Invalid, "%q is no judge", threat.Clip(t.judge, 40)).In("tier2").
			Hinted("valid: openai, anthropic, ollama, exec:COMMAND, or --tier2-url")
	}
	client, err := llm.New(cfg)
	if err != nil {
		return nil, threat.Errorf(threat.Invalid, "%v", err).In("tier2")
	}
	return judge.FromLLM(client), nil
}

// format is the --output of a verifier.
type format string

var formats = []string{"text", "json", "github", "sarif", "junit"}

func (f *format) add(c *cobra.Command) {
	c.Flags().StringVarP((*string)(f), "output", "o", "text", strings.Join(formats, ", "))
}

func (f format) check() error {
	if !slices.Contains(formats, string(f)) {
		return threat.Errorf(threat.Invalid, "%q is not known", threat.Clip(string(f), 20)).In("output").Hinted("valid: %s", strings.Join(formats, ", "))
	}
	return nil
}

// write prints checks in one of the formats of other tools.
func (f format) write(w io.Writer, suite string, checks []exchange.Check) error {
	var raw []byte
	var err error
	switch f {
	case "github":
		raw = []byte(exchange.GitHubAnnotations(checks))
	case "sarif":
		raw, err = exchange.FailuresSARIF(Version(), checks)
	case "junit":
		raw, err = exchange.JUnit(suite, checks)
	default:
		return fmt.Errorf("cli: format %q is written elsewhere", f)
	}
	if err != nil {
		return err
	}
	_, err = w.Write(raw)
	return err
}

// place is a file and a line for people, "" without a file.
func at(file string, line int) string {
	if file == "" || line == 0 {
		return file
	}
	return file + ":" + strconv.Itoa(line)
}

// progress shows how far long work is: on a terminal in one line that is written over, elsewhere in a line every tenth part.
type progress struct {
	out      io.Writer
	terminal bool
	last     int
	stage    string
}

func (e *env) progress() *progress {
	p := &progress{out: e.err}
	if f, ok := e.err.(*os.File); ok {
		p.terminal = isTerminal(f)
	}
	return p
}

// worthwhile is how many items make progress worth showing where there is no terminal.
const worthwhile = 50

func (p *progress) show(stage string, done, total int) {
	if p.stage != stage {
		p.stage, p.last = stage, 0
	}
	if p.terminal {
		fmt.Fprintf(p.out, "\r%s %d of %d ", stage, done, total)
		if done == total {
			fmt.Fprint(p.out, "\r\x1b[K")
		}
		return
	}
	if tenth := done * 10 / max(total, 1); total >= worthwhile && tenth > p.last {
		p.last = tenth
		fmt.Fprintf(p.out, "%s: %d of %d\n", stage, done, total)
	}
}

// counted counts the checks by outcome.
func counted(checks []exchange.Check) (passed, failed int) {
	for _, c := range checks {
		if c.Failed {
			failed++
		} else {
			passed++
		}
	}
	return passed, failed
}

// typeName returns a type as the command line takes it.
func typeName(s string) (evidence.Type, error) {
	spec, err := evidence.Lookup(evidence.Type(s))
	if err != nil {
		return "", err
	}
	return spec.Type, nil
}
