package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/examples"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/threat"
)

// ownExample is the feature of this program whose controls the demo claims, and ownRepo the repository that its code stands for.
const (
	ownExample = "redoubt-api-keys"
	ownRepo    = "redoubt-dev/redoubt"
)

// evidence shows the second half of the journey on this program's own code: claims, the verifier, what it finds, and what happens
// when the code breaks.
func (d *demo) evidence(ctx context.Context) error {
	if _, err := exec.LookPath("git"); err != nil {
		fmt.Fprintf(d.out, "\nThe rest of the demo verifies claims about code at a commit, and git is not installed here.\n")
		return nil
	}
	repo, err := d.checkout(ctx)
	if err != nil {
		return err
	}
	model, controls, err := d.claim(ctx)
	if err != nil {
		return err
	}
	if err := d.firstRun(ctx, model, repo, controls); err != nil {
		return err
	}
	return d.drift(ctx, model, repo, controls)
}

// checkout puts this program's own source into a git repository.
func (d *demo) checkout(ctx context.Context) (string, error) {
	repo := filepath.Join(d.folder, "repository")
	err := fs.WalkDir(d.env.source, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			if entry != nil && entry.IsDir() && strings.HasPrefix(entry.Name(), ".") && path != "." {
				return fs.SkipDir
			}
			return err
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		text, err := fs.ReadFile(d.env.source, path)
		if err != nil {
			return err
		}
		to := filepath.Join(repo, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return err
		}
		return os.WriteFile(to, text, 0o600)
	})
	if err != nil {
		return "", err
	}
	if err := d.git(ctx, repo, "init", "--quiet", "--initial-branch=main"); err != nil {
		return "", err
	}
	return repo, d.commit(ctx, repo, "the source of this program")
}

func (d *demo) commit(ctx context.Context, repo, message string) error {
	if err := d.git(ctx, repo, "add", "--all"); err != nil {
		return err
	}
	return d.git(ctx, repo, "-c", "user.name=demo", "-c", "user.email=demo@localhost", "-c", "commit.gpgsign=false", "commit", "--quiet", "--message", message)
}

func (d *demo) git(ctx context.Context, repo string, args ...string) error {
	out, err := exec.CommandContext(ctx, "git", append([]string{"-C", repo}, args...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("git %s: %w: %s", args[0], err, bytes.TrimSpace(out))
	}
	return nil
}

// The controls that the demo claims, by words of their descriptions.
const (
	decided = "Decide every privileged function on the server" // all facets claimed, truly
	issued  = "Issue API keys that are scoped"                 // one facet of several claimed
	tokens  = "Verify every token in full"                     // a false claim
)

// claim makes a model of this program's API keys and submits assertions: true ones, too few, and a false one.
func (d *demo) claim(ctx context.Context) (model string, controls map[string]service.ControlRow, err error) {
	feature, err := examples.Text(ownExample)
	if err != nil {
		return "", nil, err
	}
	d.title("a second model, of this program's own API keys, and claims about this program's own code")
	var job service.JobOut
	if err := d.call(ctx, "generate_threat_model", map[string]any{"feature_description": feature, "wait_seconds": 50}, &job); err != nil {
		return "", nil, err
	}
	var m service.ModelSummary
	if err := json.Unmarshal(job.Result, &m); err != nil {
		return "", nil, err
	}
	var edited service.EditThreatModelOut
	err = d.call(ctx, "edit_threat_model", map[string]any{"model_id": m.ModelID, "repos": []any{map[string]any{"repo": ownRepo, "branch": "main"}}}, &edited)
	if err != nil {
		return "", nil, err
	}
	controls = map[string]service.ControlRow{}
	for _, words := range []string{decided, issued, tokens} {
		var out service.GetControlsOut
		if err := d.call(ctx, "get_controls", map[string]any{"model_id": m.ModelID, "text": words, "limit": 1}, &out); err != nil {
			return "", nil, err
		}
		if err := want(out.Total == 1, "%d controls say %q", out.Total, words); err != nil {
			return "", nil, err
		}
		controls[words] = out.Controls[0]
	}
	claim := func(words, facet string, t evidence.Type, params map[string]any) map[string]any {
		return map[string]any{"control_id": controls[words].ID, "facets": []string{facet}, "type": t, "params": params}
	}
	var submitted service.SubmitAssertionsOut
	err = d.call(ctx, "submit_assertions", map[string]any{"model_id": m.ModelID, "assertions": []any{
		claim(decided, "a", evidence.FunctionCalls, map[string]any{"file": "service/write.go", "caller": "write", "callee": "who.Allow"}),
		claim(decided, "b", evidence.FunctionExists, map[string]any{"file": "account/account.go", "name": "Principal.May"}),
		claim(decided, "c", evidence.TestExists, map[string]any{"pattern": "server/*_test.go", "name": "TestScopes"}),
		claim(issued, "a", evidence.FunctionCalls, map[string]any{"file": "auth/key.go", "caller": "HashKey", "callee": "sha256.Sum256"}),
		claim(tokens, "a", evidence.FunctionCalls, map[string]any{"file": "auth/key.go", "caller": "CheckKey", "callee": "subtle.ConstantTimeCompare"}),
	}}, &submitted)
	if err != nil {
		return "", nil, err
	}
	for _, row := range submitted.Controls {
		fmt.Fprintf(d.out, "   %s: %s", row.ID, row.Sufficiency)
		for _, g := range row.Uncovered {
			fmt.Fprintf(d.out, "; %s (%s) needs one of %s", g.Facet, g.Kind, joinTypes(g.Types, 3))
		}
		fmt.Fprintln(d.out)
	}
	for _, c := range controls {
		var status service.UpdateControlStatusOut
		if err := d.call(ctx, "update_control_status", map[string]any{"model_id": m.ModelID, "control_id": c.ID, "status": "implemented"}, &status); err != nil {
			return "", nil, err
		}
	}
	holds := len(submitted.Controls) == 3 && submitted.Controls[0].Sufficiency == evidence.Sufficient && submitted.Controls[1].Sufficiency == evidence.Insufficient
	return m.ModelID, controls, want(holds, "%+v", submitted.Controls)
}

func joinTypes(types []evidence.Type, most int) string {
	var words []string
	for i, t := range types {
		if i == most {
			words = append(words, "…")
			break
		}
		words = append(words, string(t))
	}
	return strings.Join(words, ", ")
}

// verify runs redoubt verify run as CI would, in this process, and shows what it prints.
func (d *demo) verify(ctx context.Context, model, repo string) (runOut, error) {
	judge, err := d.judge()
	if err != nil {
		return runOut{}, err
	}
	fmt.Fprintf(d.out, "   $ redoubt verify run %s --project-root . --tier2 'exec:…'\n", model)
	var text, raw bytes.Buffer
	run := func(format string, out *bytes.Buffer) error {
		e := &env{in: strings.NewReader(""), out: out, err: out, source: d.env.source, getenv: func(name string) string {
			if name == "REDOUBT_API_KEY" {
				return d.verifier
			}
			return ""
		}}
		c := e.verifyRun()
		c.SetArgs([]string{model, "--server", d.url, "--project-root", repo, "--repo", ownRepo, "--branch", "main", "--tier2", judge, "--output", format})
		c.SilenceErrors, c.SilenceUsage = true, true
		err := c.ExecuteContext(ctx)
		if _, failed := err.(*failure); failed {
			return nil // something failed: that is what the demo shows
		}
		return err
	}
	var out runOut
	if err := run("json", &raw); err != nil {
		return out, err
	}
	if err := json.Unmarshal(raw.Bytes(), &out); err != nil {
		return out, err
	}
	v := &verification{env: &env{out: &text}, flags: &runFlags{}}
	for i := range out.Runs {
		v.printText(&out.Runs[i])
	}
	for line := range strings.Lines(text.String()) {
		fmt.Fprint(d.out, "   "+line)
	}
	return out, want(len(out.Runs) == 1 && out.Runs[0].Submitted, "no run was submitted")
}

// judge is the exec judge of the demo: this program's own script.
func (d *demo) judge() (string, error) {
	self, err := exec.LookPath(os.Args[0])
	if err == nil {
		self, err = filepath.Abs(self)
	}
	if err != nil {
		return "", err
	}
	return "exec:'" + strings.ReplaceAll(self, "'", `'\''`) + "' demo judge", nil
}

// report reads what CI found, by control.
func (d *demo) report(ctx context.Context, model string) (map[threat.ID]service.ReportedControl, error) {
	var out service.GetVerificationReportOut
	if err := d.call(ctx, "get_verification_report", map[string]any{"model_id": model, "limit": 200}, &out); err != nil {
		return nil, err
	}
	byID := map[threat.ID]service.ReportedControl{}
	for _, c := range out.Controls {
		byID[c.ID] = c
	}
	return byID, nil
}

// firstRun verifies the claims: one control verified, one insufficient, and the false claim caught.
func (d *demo) firstRun(ctx context.Context, model, repo string, controls map[string]service.ControlRow) error {
	d.title("CI verifies: Tier 1 parses the code, Tier 2 asks a judge (here a script in place of a language model)")
	if _, err := d.verify(ctx, model, repo); err != nil {
		return err
	}
	d.title("get_verification_report: verified is computed, nobody sets it")
	report, err := d.report(ctx, model)
	if err != nil {
		return err
	}
	for _, words := range []string{decided, issued, tokens} {
		c := report[controls[words].ID]
		fmt.Fprintf(d.out, "   %-4s %-12s %s…\n", c.ID, c.Verification, words)
		for _, a := range c.Assertions {
			if a.Reason != "" {
				fmt.Fprintf(d.out, "        %s: %s\n", a.ID, a.Reason)
			}
		}
		if len(c.Uncovered) > 0 {
			fmt.Fprintf(d.out, "        uncovered: %s\n", idWords(c.Uncovered))
		}
	}
	caught := report[controls[tokens].ID]
	return want(report[controls[decided].ID].Verification == evidence.Verified &&
		report[controls[issued].ID].Verification == evidence.InsufficientStatus &&
		caught.Verification == evidence.Failed && strings.Contains(caught.Assertions[0].Reason, "subtle.ConstantTimeCompare"),
		"%+v", report)
}

// drift takes the check out of the code, and puts it back.
func (d *demo) drift(ctx context.Context, model, repo string, controls map[string]service.ControlRow) error {
	file := filepath.Join(repo, "service", "write.go")
	whole, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	broken := bytes.Replace(whole, []byte("err := who.Allow(v.needs)"), []byte("var err error // who.Allow(v.needs)"), 1)
	if err := want(!bytes.Equal(whole, broken), "the check is not where the demo expects it"); err != nil {
		return err
	}
	d.title("somebody takes the permission check out, and CI runs again")
	out, err := d.replace(ctx, model, repo, file, broken, "simplify")
	if err != nil {
		return err
	}
	if err := want(len(out.Drift) == 1 && len(out.Opened) == 1, "%+v", out); err != nil {
		return err
	}
	d.title("put back: verified again, and the finding closes by itself")
	if out, err = d.replace(ctx, model, repo, file, whole, "put the check back"); err != nil {
		return err
	}
	report, err := d.report(ctx, model)
	if err != nil {
		return err
	}
	return want(len(out.Mended) == 1 && len(out.Closed) == 1 && report[controls[decided].ID].Verification == evidence.Verified, "%+v", out)
}

// replace commits a file with another content and verifies.
func (d *demo) replace(ctx context.Context, model, repo, file string, content []byte, message string) (*service.SubmitRunOut, error) {
	if err := os.WriteFile(file, content, 0o600); err != nil {
		return nil, err
	}
	if err := d.commit(ctx, repo, message); err != nil {
		return nil, err
	}
	out, err := d.verify(ctx, model, repo)
	if err != nil {
		return nil, err
	}
	return out.Runs[0].Answer, nil
}
