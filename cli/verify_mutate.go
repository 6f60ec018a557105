package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/threat"
	"github.com/redoubt-dev/redoubt/verify/mutate"
)

// mutateFlags are the flags of verify mutate.
type mutateFlags struct {
	connection connection
	output     output
	root       string
	repo       string
	assertions string
	only       []string
	most       int
	under      int
	runTests   bool
	timeout    time.Duration
}

func (e *env) verifyMutate() *cobra.Command {
	var f mutateFlags
	c := &cobra.Command{
		Use: "mutate MODEL|--assertions FILE", Short: "Weaken the code in a scratch copy, and see which assertions notice", Args: cobra.MaximumNArgs(1),
		Long: "Measure evidence: weaken the code that each passing assertion speaks of, in a scratch copy, one change at a time, and see whether\n" +
			"the assertion then fails. The project itself is only read, and nothing is submitted. Exit codes: 0 measured, 1 below --fail-under,\n" +
			"2 usage or connection.",
		Example: "  redoubt verify mutate 7f3a… --only C1\n  redoubt verify mutate --assertions claims.json --run-tests",
		RunE: func(c *cobra.Command, args []string) error {
			if err := f.check(len(args)); err != nil {
				return err
			}
			return e.runMutate(c.Context(), &f, args)
		},
	}
	f.connection.add(e, c)
	f.output.add(c)
	flags := c.Flags()
	flags.StringVar(&f.root, "project-root", or(e.getenv("REDOUBT_PROJECT_ROOT"), "."), "top folder of the repository (REDOUBT_PROJECT_ROOT)")
	flags.StringVar(&f.repo, "repo", e.getenv("REDOUBT_REPO"), "org/name; default: from CI or git (REDOUBT_REPO)")
	flags.StringVar(&f.assertions, "assertions", "", "JSON file of assertions as verify check takes it (- for standard input), in place of a model")
	flags.StringSliceVar(&f.only, "only", nil, "only these controls or assumptions: C1,C2")
	flags.IntVar(&f.most, "max-mutants", mutate.DefaultMutants, "for each assertion")
	flags.IntVar(&f.under, "fail-under", 0, "exit 1 when fewer than this percent of the mutants are killed")
	flags.BoolVar(&f.runTests, "run-tests", false, "run the tests that test_passes names, in the scratch copy, for each mutant of its control")
	flags.DurationVar(&f.timeout, "test-timeout", 10*time.Minute, "for each run of a test runner")
	return c
}

func (f *mutateFlags) check(args int) error {
	if err := f.output.check(); err != nil {
		return err
	}
	switch {
	case (args == 1) == (f.assertions != ""):
		return threat.Errorf(threat.Invalid, "say which assertions").Hinted("verify mutate MODEL, or verify mutate --assertions FILE")
	case f.most < 1 || f.most > 1000:
		return threat.Errorf(threat.Invalid, "%d is not between 1 and 1000", f.most).In("max-mutants")
	case f.under < 0 || f.under > 100:
		return threat.Errorf(threat.Invalid, "%d is no percentage", f.under).In("fail-under")
	}
	return nil
}

func (e *env) runMutate(ctx context.Context, f *mutateFlags, args []string) error {
	list, err := e.assertionsToMutate(ctx, f, args)
	if err != nil {
		return err
	}
	only := make([]threat.ID, len(f.only))
	for i, id := range f.only {
		only[i] = threat.ID(id)
	}
	if err := known(only, list); err != nil {
		return err
	}
	show := e.progress()
	report, err := mutate.Run(ctx, mutate.Options{
		Root: f.root, Only: only, MaxMutants: f.most, RunTests: f.runTests, TestTimeout: f.timeout,
		Progress: func(done, total int) { show.show("mutating", done, total) },
	}, list)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return threat.Errorf(threat.FailedPrecondition, "%v", err).In("project-root").Hinted("--project-root names the top folder of the repository")
	}
	if f.output == "json" {
		err = e.printJSON(report)
	} else {
		printMutants(e.out, report)
	}
	if err != nil {
		return err
	}
	if f.under > 0 {
		switch rate := report.Rate(); {
		case rate == nil:
			return &failure{"there are no mutants, so there is no kill rate"}
		case *rate < f.under:
			return &failure{fmt.Sprintf("the kill rate is %d%%, below %d%%", *rate, f.under)}
		}
	}
	return nil
}

// known refuses a control that no assertion is about.
func known(only []threat.ID, list []evidence.Assertion) error {
	have := map[threat.ID]bool{}
	for _, a := range list {
		have[a.Control], have[a.Assumption] = true, true
	}
	for _, id := range only {
		if id == "" || !have[id] {
			return threat.Errorf(threat.Invalid, "no assertion is about %q", threat.Clip(string(id), 40)).In("only")
		}
	}
	return nil
}

// assertionsToMutate reads a file, or pulls a model as verify run does.
func (e *env) assertionsToMutate(ctx context.Context, f *mutateFlags, args []string) ([]evidence.Assertion, error) {
	var list []evidence.Assertion
	if f.assertions != "" {
		raw, err := e.readInput(f.assertions)
		if err != nil {
			return nil, err
		}
		local, err := readAssertions(raw)
		if err != nil {
			return nil, err
		}
		for _, a := range local {
			a.ID = threat.ID(a.name)
			list = append(list, a.Assertion)
		}
		return list, nil
	}
	client, err := f.connection.open(e)
	if err != nil {
		return nil, err
	}
	pull, err := client.Pull(ctx, args[0], e.findOrigin(ctx, f.root, f.repo, "").repo, false)
	if err != nil {
		return nil, err
	}
	for _, a := range pull.Assertions {
		list = append(list, evidence.Assertion{
			ID: a.ID, Type: a.Type, Params: a.Params, Control: a.Control, Assumption: a.Assumption, Facets: a.Facets, Repo: pull.Repo,
		})
	}
	return list, nil
}

// tallyWords says a figure: "3 of 4 killed (75%)".
func tallyWords(t mutate.Tally) string {
	if t.Rate == nil {
		return "no mutants"
	}
	words := fmt.Sprintf("%d of %d killed (%d%%)", t.Killed, t.Killed+t.Survived, *t.Rate)
	if t.NoVerdict > 0 {
		words += fmt.Sprintf(", %d without a verdict", t.NoVerdict)
	}
	return words
}

// printMutants prints the figures, then each survivor with what would notice it.
func printMutants(w io.Writer, r *mutate.Report) {
	fmt.Fprintf(w, "controls: %s; assertions one by one: %s\n", tallyWords(r.ByControl), tallyWords(r.ByAssert))
	if r.Failed > 0 {
		fmt.Fprintf(w, "not measured, since they do not hold: %d\n", r.Failed)
	}
	if r.NotRun > 0 {
		fmt.Fprintf(w, "not run, of type test_passes (--run-tests): %d\n", r.NotRun)
	}
	for _, c := range r.Controls {
		fmt.Fprintf(w, "%-6s %s by %d assertions\n", c.ID, tallyWords(c.Tally), c.Assertions)
	}
	fmt.Fprintln(w, "\nassertions:")
	for _, a := range r.Assertions {
		words := tallyWords(a.Tally)
		if a.State != mutate.Mutated {
			words = fmt.Sprintf("%s: %s", strings.ReplaceAll(string(a.State), "_", " "), a.Reason)
		}
		fmt.Fprintf(w, "  %-5s %-6s %-22s %s\n", a.ID, a.Subject, a.Type, words)
	}
	shown := map[string]bool{}
	heading := "\nsurvivors, which no assertion of the control notices:\n"
	survivor := func(name string, m mutate.Mutant) {
		fmt.Fprint(w, heading)
		heading = ""
		fmt.Fprintf(w, "%s %s %s: %s\n", name, m.Operator, at(m.File, m.Line), m.What)
		if shown[m.Diff+m.File] {
			fmt.Fprintln(w, "    as above")
		} else {
			shown[m.Diff+m.File] = true
			for line := range strings.Lines(m.Diff) {
				fmt.Fprint(w, "    "+line)
			}
		}
		fmt.Fprintf(w, "  would notice: %s\n", m.Advice)
	}
	for _, c := range r.Controls {
		for _, m := range c.Survivors {
			survivor(string(c.ID), m)
		}
	}
	for _, a := range r.Assertions {
		for _, m := range a.Mutants {
			if a.Subject == "" && m.State == mutate.Survived {
				survivor(string(a.ID), m)
			}
		}
	}
}
