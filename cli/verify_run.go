package cli

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/exchange"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/threat"
	"github.com/redoubt-dev/redoubt/verify"
	"github.com/redoubt-dev/redoubt/verify/judge"
	"github.com/redoubt-dev/redoubt/verify/remote"
	"github.com/redoubt-dev/redoubt/verify/runner"
)

// runFlags are the flags of verify run.
type runFlags struct {
	connection connection
	tree       tree
	tier2      tier2
	format     format
	all        bool
	repo       string
	branch     string
	changed    string
	pending    bool
	dryRun     bool
	prover     prover
}

func (e *env) verifyRun() *cobra.Command {
	var f runFlags
	c := &cobra.Command{
		Use: "run MODEL|--all", Short: "Pull a model's assertions, check them at both tiers, and submit the run", Args: cobra.MaximumNArgs(1),
		Long: "Pull a model's assertions on this repository, check them at both tiers, and submit the run. Only a verifier key (rdv_) submits,\n" +
			"and only runs on the branch that counts change anything; others are previews.",
		RunE: func(c *cobra.Command, args []string) error {
			if err := f.format.check(); err != nil {
				return err
			}
			if f.all == (len(args) == 1) {
				return threat.Errorf(threat.Invalid, "say which models").Hinted("verify run MODEL, or verify run --all")
			}
			return e.runVerify(c.Context(), &f, args)
		},
	}
	f.connection.add(e, c)
	f.tree.add(e, c)
	f.tier2.add(e, c)
	f.format.add(c)
	f.prover.add(e, c)
	c.Flags().BoolVar(&f.all, "all", false, "every model of the workspace that has assertions on this repository")
	c.Flags().StringVar(&f.repo, "repo", e.getenv("REDOUBT_REPO"), "org/name; default: from CI or git (REDOUBT_REPO)")
	c.Flags().StringVar(&f.branch, "branch", e.getenv("REDOUBT_BRANCH"), "branch checked out; default: from CI or git (REDOUBT_BRANCH)")
	c.Flags().StringVar(&f.changed, "changed-files", "", "file with the changed paths, one a line (- for standard input): what lies elsewhere is not checked again")
	c.Flags().BoolVar(&f.pending, "pending", false, "only assertions without a current result; reports no drift")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "check and submit nothing; files that differ from the commit only warn")
	return c
}

// modelRun is what a run did for one model.
type modelRun struct {
	ModelID   string                `json:"model_id"`
	Title     string                `json:"title"`
	Repo      string                `json:"repo"`
	Commit    string                `json:"commit"`
	Branch    string                `json:"branch"`
	Submitted bool                  `json:"submitted"`
	Passed    int                   `json:"passed"`
	Failed    int                   `json:"failed"`
	Results   []runResult           `json:"results"`
	Warnings  []string              `json:"warnings,omitempty"`
	Judge     *evidence.Judge       `json:"judge,omitempty"`
	Answer    *service.SubmitRunOut `json:"answer,omitempty"`
}

type runResult struct {
	ID         threat.ID        `json:"id"`
	Type       evidence.Type    `json:"type"`
	Control    threat.ID        `json:"control_id,omitempty"`
	Assumption threat.ID        `json:"assumption_id,omitempty"`
	Tier1      evidence.Verdict `json:"tier1"`
	Tier2      evidence.Verdict `json:"tier2"`
	Reason     string           `json:"reason"`
	File       string           `json:"file"`
	Line       int              `json:"line"`
}

// runOut is what verify run --output json prints.
type runOut struct {
	Passed int        `json:"passed"`
	Failed int        `json:"failed"`
	Runs   []modelRun `json:"runs"`
}

func (e *env) runVerify(ctx context.Context, f *runFlags, args []string) error {
	client, err := f.connection.open(e)
	if err != nil {
		return err
	}
	j, err := f.tier2.open(e, f.tree.concurrency)
	if err != nil {
		return err
	}
	var changed []string
	if f.changed != "" {
		if changed, err = e.readChanged(f.changed); err != nil {
			return err
		}
	}
	o := e.findOrigin(ctx, f.tree.root, f.repo, f.branch)
	dirty := verify.DirtyFail
	if f.dryRun {
		dirty = verify.DirtyWarn
	} else if err := o.complete(); err != nil {
		return err
	}
	if !f.dryRun {
		if err := f.prover.open(e, o.branch); err != nil {
			return err
		}
	}
	models, err := e.modelsToVerify(ctx, client, args)
	if err != nil {
		return err
	}
	v := &verification{env: e, flags: f, client: client, judge: j, origin: o, dirty: dirty, changed: changed, show: e.progress()}
	var out runOut
	void := false
	for _, m := range models {
		run, err := v.model(ctx, m)
		if err != nil {
			return err
		}
		if run == nil {
			continue
		}
		out.Runs = append(out.Runs, *run)
		out.Passed += run.Passed
		out.Failed += run.Failed
		void = void || run.Judge != nil && run.Judge.Void != ""
	}
	if err := v.print(out); err != nil {
		return err
	}
	if out.Failed > 0 || void {
		return &failure{}
	}
	return nil
}

// readChanged reads a list of paths.
func (e *env) readChanged(name string) ([]string, error) {
	raw, err := e.readInput(name)
	if err != nil {
		return nil, err
	}
	out := []string{}
	for line := range strings.Lines(string(raw)) {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, strings.TrimPrefix(line, "./"))
		}
	}
	return out, nil
}

func (e *env) modelsToVerify(ctx context.Context, client *remote.Client, args []string) ([]remote.Model, error) {
	if len(args) == 1 {
		return []remote.Model{{ID: args[0]}}, nil
	}
	return client.Models(ctx)
}

// verification is one verify run.
type verification struct {
	env     *env
	flags   *runFlags
	client  *remote.Client
	judge   judge.Judge
	origin  origin
	dirty   verify.Policy
	changed []string
	show    *progress
}

// model verifies one model; it returns nil when the model has nothing on this repository and was not asked for by name.
func (v *verification) model(ctx context.Context, m remote.Model) (*modelRun, error) {
	pull, err := v.client.Pull(ctx, m.ID, v.origin.repo, v.flags.pending)
	if err != nil {
		var te *threat.Error
		if v.flags.all && errors.As(err, &te) && te.Field == "repo" {
			return nil, nil // it has no repository, or several and none was named: nothing of it is about this one
		}
		return nil, err
	}
	if pull.Total == 0 && v.flags.all {
		return nil, nil
	}
	submit := !v.flags.dryRun && pull.Nonce != ""
	checker, err := v.flags.tree.open(v.origin.commit, v.dirty, func(n int) { v.show.show(runner.StageCheck, n, pull.Total) })
	if err != nil {
		return nil, err
	}
	defer checker.Close()
	pass, err := runner.Verify(ctx, checker, pull, runner.Options{
		Judge: v.judge, ChangedOnly: v.changed != nil, Changed: v.changed, Concurrency: v.flags.tree.concurrency, Progress: v.show.show,
	})
	if err != nil {
		return nil, err
	}
	run := &modelRun{
		ModelID: pull.ModelID, Title: pull.Title, Repo: pull.Repo, Commit: v.origin.commit, Branch: v.origin.branch,
		Results: []runResult{}, Warnings: pass.Warnings, Judge: pass.Judge,
	}
	for _, x := range pass.Verdicts() {
		if x.One == evidence.Fail || x.Two == evidence.Fail {
			run.Failed++
		} else {
			run.Passed++
		}
		run.Results = append(run.Results, runResult{
			ID: x.Pulled.ID, Type: x.Pulled.Type, Control: x.Pulled.Control, Assumption: x.Pulled.Assumption,
			Tier1: x.One, Tier2: x.Two, Reason: x.Reason, File: x.File, Line: x.Line,
		})
	}
	if !submit || pull.Total == 0 {
		return run, nil
	}
	statement, err := pass.Statement(runner.Origin{Commit: v.origin.commit, Branch: v.origin.branch, CI: v.origin.ci, Verifier: Version()})
	if err != nil {
		return nil, err
	}
	submission, err := v.flags.prover.prove(ctx, statement, v.flags.connection.server)
	if err != nil {
		return nil, err
	}
	run.Answer = &service.SubmitRunOut{}
	if err := v.client.Submit(ctx, pull.ModelID, submission, run.Answer); err != nil {
		return nil, err
	}
	run.Submitted = true
	return run, nil
}

func (v *verification) print(out runOut) error {
	e := v.env
	switch v.flags.format {
	case "json":
		if out.Runs == nil {
			out.Runs = []modelRun{}
		}
		return e.printJSON(out)
	case "text":
		for i := range out.Runs {
			v.printText(&out.Runs[i])
		}
		if len(out.Runs) == 0 {
			fmt.Fprintf(e.out, "no model has assertions on %s\n", or(v.origin.repo, "this repository"))
		}
		return nil
	}
	var checks []exchange.Check
	for _, run := range out.Runs {
		for _, r := range run.Results {
			subject := r.Control
			if subject == "" {
				subject = r.Assumption
			}
			c := exchange.Check{ID: string(r.ID), Type: r.Type, Subject: subject, Reason: r.Reason, File: r.File, Line: r.Line}
			c.Failed = r.Tier1 == evidence.Fail || r.Tier2 == evidence.Fail
			if !c.Failed && r.Tier2 == evidence.Skipped {
				c.Skipped = r.Reason
			}
			checks = append(checks, c)
		}
	}
	return v.flags.format.write(e.out, "redoubt verify run", checks)
}

// printText says for a person what failed and what came of it.
func (v *verification) printText(run *modelRun) {
	w := v.env.out
	commit := run.Commit
	if commit == "" {
		commit = "no commit"
	}
	fmt.Fprintf(w, "%s (%s) at %s, %s of %s\n", run.Title, run.ModelID, commit[:min(12, len(commit))], or(run.Branch, "no branch"), run.Repo)
	tier2 := map[evidence.Verdict]int{}
	for _, r := range run.Results {
		tier2[r.Tier2]++
		if r.Tier1 != evidence.Fail && r.Tier2 != evidence.Fail {
			continue
		}
		tier := 1
		if r.Tier1 != evidence.Fail {
			tier = 2
		}
		fmt.Fprintf(w, "  fail %s %s (%s%s), tier %d  %s\n       %s\n", r.ID, r.Type, r.Control, r.Assumption, tier, at(r.File, r.Line), r.Reason)
	}
	for _, m := range run.Warnings {
		fmt.Fprintf(w, "  warning: %s\n", m)
	}
	if len(run.Results) == 0 {
		fmt.Fprintf(w, "  no assertions on %s\n", run.Repo)
		return
	}
	fmt.Fprintf(w, "  %d passed, %d failed; tier 2: %d pass, %d fail, %d skipped", run.Passed, run.Failed,
		tier2[evidence.Pass], tier2[evidence.Fail], tier2[evidence.Skipped])
	if slices.ContainsFunc(run.Results, func(r runResult) bool { return r.Tier2 == evidence.Skipped && r.Reason == runner.NoJudge }) {
		fmt.Fprint(w, " (no judge: --tier2)")
	}
	fmt.Fprintln(w)
	switch a := run.Answer; {
	case !run.Submitted && v.flags.dryRun:
		fmt.Fprintln(w, "  dry run: nothing was submitted")
	case !run.Submitted:
		fmt.Fprintln(w, "  nothing was submitted: that takes a verifier key (rdv_)")
	default:
		word := "counted"
		if !a.Counted {
			word = "a preview, counts only on " + a.Branch
		}
		proven := "without a proof"
		if a.Attested {
			proven = "attested by " + a.Signer
		}
		fmt.Fprintf(w, "  run %s, %s, %s: %s\n", a.RunID, word, proven, summaryWords(a.Summary))
		for _, c := range a.Controls {
			fmt.Fprintf(w, "    %s: %s → %s\n", c.ID, c.Before, c.After)
		}
		if len(a.Drift) > 0 {
			fmt.Fprintf(w, "  drift: %s\n", idWords(a.Drift))
		}
		if len(a.Mended) > 0 {
			fmt.Fprintf(w, "  mended: %s\n", idWords(a.Mended))
		}
		if len(a.Opened) > 0 {
			fmt.Fprintf(w, "  findings opened: %s\n", idWords(a.Opened))
		}
		if len(a.Closed) > 0 {
			fmt.Fprintf(w, "  findings closed: %s\n", idWords(a.Closed))
		}
	}
}

func idWords(ids []threat.ID) string {
	words := make([]string, len(ids))
	for i, id := range ids {
		words[i] = string(id)
	}
	return strings.Join(words, ", ")
}

// summaryWords says how many controls have each verification: "3 verified, 2 failed".
func summaryWords(s map[evidence.Verification]int) string {
	var words []string
	for _, v := range slices.Concat([]evidence.Verification{evidence.Verified}, evidence.Verifications()) {
		if n := s[v]; n > 0 && !slices.Contains(words, fmt.Sprintf("%d %s", n, v)) {
			words = append(words, fmt.Sprintf("%d %s", n, v))
		}
	}
	if words == nil {
		return "no controls"
	}
	return "controls " + strings.Join(words, ", ")
}

func (e *env) verifyList() *cobra.Command {
	var n connection
	var o output
	var tier int
	var repo string
	c := &cobra.Command{
		Use: "list MODEL", Short: "List the controls with assertions that wait for a check, by tier", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.check(); err != nil {
				return err
			}
			client, err := n.open(e)
			if err != nil {
				return err
			}
			var all service.ListPendingOut
			for {
				query := url.Values{"limit": {"200"}, "offset": {fmt.Sprint(len(all.Assertions))}}
				if tier != 0 {
					query.Set("tier", fmt.Sprint(tier))
				}
				if repo != "" {
					query.Set("repo", repo)
				}
				var page service.ListPendingOut
				if err := client.Get(c.Context(), args[0], "pending", query, &page); err != nil {
					return err
				}
				rows := append(all.Assertions, page.Assertions...)
				all = page
				all.Assertions, all.Offset, all.Returned = rows, 0, len(rows)
				if len(page.Assertions) == 0 || len(rows) >= page.Total {
					break
				}
			}
			if o == "json" {
				return e.printJSON(all)
			}
			e.printPending(all)
			return nil
		},
	}
	n.add(e, c)
	o.add(c)
	c.Flags().IntVar(&tier, "tier", 0, "1 or 2; default both")
	c.Flags().StringVar(&repo, "repo", "", "only assertions on this repository")
	return c
}

// printPending prints a line for each control: what of it waits, by tier.
func (e *env) printPending(all service.ListPendingOut) {
	var order []threat.ID
	waits := map[threat.ID][3][]threat.ID{}
	for _, a := range all.Assertions {
		subject := a.Control
		if subject == "" {
			subject = a.Assumption
		}
		if _, ok := waits[subject]; !ok {
			order = append(order, subject)
		}
		w := waits[subject]
		for _, t := range a.Tiers {
			w[t] = append(w[t], a.ID)
		}
		waits[subject] = w
	}
	order = threat.SortIDs(order)
	for _, id := range order {
		for t := evidence.Tier1; t <= evidence.Tier2; t++ {
			if w := waits[id][t]; len(w) > 0 {
				fmt.Fprintf(e.out, "%-6s tier %d: %s\n", id, t, idWords(w))
			}
		}
	}
	fmt.Fprintf(e.out, "%d assertions of %d controls wait: %d for tier 1, %d for tier 2\n",
		all.Total, all.Summary.Controls, all.Summary.Tier1, all.Summary.Tier2)
}

func (e *env) verifyReport() *cobra.Command {
	var n connection
	var o output
	var status string
	c := &cobra.Command{
		Use: "report MODEL", Short: "Print what CI found for each control; exits 1 when something is failed or has drifted", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.check(); err != nil {
				return err
			}
			client, err := n.open(e)
			if err != nil {
				return err
			}
			var all service.GetVerificationReportOut
			for {
				query := url.Values{"limit": {"200"}, "offset": {fmt.Sprint(len(all.Controls))}}
				if status != "" {
					query.Set("status", status)
				}
				var page service.GetVerificationReportOut
				if err := client.Get(c.Context(), args[0], "report", query, &page); err != nil {
					return err
				}
				rows := append(all.Controls, page.Controls...)
				all = page
				all.Controls, all.Offset, all.Returned = rows, 0, len(rows)
				if len(page.Controls) == 0 || len(rows) >= page.Total {
					break
				}
			}
			if o == "json" {
				err = e.printJSON(all)
			} else {
				e.printReport(all)
			}
			if err == nil && (all.Summary.Verification[evidence.Failed] > 0 || len(all.Summary.Drift) > 0) {
				return &failure{}
			}
			return err
		},
	}
	n.add(e, c)
	o.add(c)
	c.Flags().StringVar(&status, "status", "", "only controls of this verification")
	return c
}

func (e *env) printReport(r service.GetVerificationReportOut) {
	w := e.out
	fmt.Fprintf(w, "version %d: %s; %d implemented\n", r.Version, summaryWords(r.Summary.Verification), r.Summary.Implemented)
	if run := r.Summary.LastRun; run != nil {
		fmt.Fprintf(w, "last run %s at %s on %s of %s, %s\n", run.ID, run.Commit[:min(12, len(run.Commit))], run.Branch, run.Repo, run.SubmittedAt.Format("2006-01-02 15:04:05Z"))
	}
	for _, c := range r.Controls {
		if c.Verification == evidence.None && len(c.Assertions) == 0 {
			continue
		}
		fmt.Fprintf(w, "%-6s %-12s %s, %s\n", c.ID, c.Verification, c.Status, c.Tier)
		for _, a := range c.Assertions {
			line := fmt.Sprintf("  %-5s %-12s %s  %s", a.ID, a.Status, a.Type, at(a.File, a.Line))
			fmt.Fprintln(w, strings.TrimRight(line, " "))
			if a.Reason != "" {
				fmt.Fprintf(w, "        %s\n", a.Reason)
			}
		}
		if len(c.Uncovered) > 0 {
			fmt.Fprintf(w, "  uncovered: %s\n", idWords(c.Uncovered))
		}
	}
}
