package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/audit"
	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/exchange"
	"github.com/redoubt-dev/redoubt/posture"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/threat"
	"github.com/redoubt-dev/redoubt/verify"
)

// maxPackage bounds an audit package, in bytes.
const maxPackage = 512 << 20

// exportAudit writes the audit package of a model.
func (e *env) exportAudit(ctx context.Context, p place, model, file string) error {
	signer, err := e.signer(p)
	if err != nil {
		return err
	}
	return e.asLocal(ctx, &p, func(svc *service.Service, who account.Principal) error {
		if err := svc.KeepSigner(ctx); err != nil {
			return err
		}
		svc.ServedAt(e.getenv("REDOUBT_PUBLIC_URL"))
		out, err := svc.ExportAuditPackage(ctx, who, service.ExportAuditPackageIn{ModelID: model})
		if err != nil {
			return err
		}
		if err := e.writeOut(file, out.Package); err != nil || file == "" || file == "-" {
			return err
		}
		_, err = fmt.Fprintf(e.err, "%s: audit package of version %d, signed by %s\n", file, out.Version, out.ServerKey)
		return err
	}, signer)
}

// auditFlags are the flags of audit.
type auditFlags struct {
	output  output
	repo    string
	commit  string
	keys    []string
	jwks    string
	at      string
	root    string
	options audit.Options
}

// rerun is what Tier 1 says of the auditor's checkout.
type rerun struct {
	Checked int             `json:"checked"`
	Same    int             `json:"same"`
	Left    []string        `json:"left_out"` // of other repositories, or tests, which are not run
	Differ  []audit.Problem `json:"differ"`
}

// auditOut is what audit --output json prints.
type auditOut struct {
	*audit.Report
	Tier1 *rerun `json:"tier1,omitempty"`
}

func (e *env) audit() *cobra.Command {
	var f auditFlags
	c := &cobra.Command{
		Use: "audit FILE", Short: "Check an audit package, without a server", Args: cobra.ExactArgs(1),
		Long: "Check an audit package: its signature and digests, the proof of every run, what the runs say against what the server says they do, and the\n" +
			"posture that follows. It needs no server, no network and no key. Bring what you know from elsewhere (--expect-key, --jwks, --expect-repo,\n" +
			"--expect-commit): without it a proof is checked against the package alone, which the verdict says. Exit code 0 verified, 1 failed, 2 usage.",
		RunE: func(c *cobra.Command, args []string) error {
			if err := f.read(e); err != nil {
				return err
			}
			return e.runAudit(c.Context(), &f, args[0])
		},
	}
	f.output.add(c)
	c.Flags().StringVar(&f.repo, "expect-repo", "", "org/name that every run behind a result must be of")
	c.Flags().StringVar(&f.commit, "expect-commit", "", "full commit that every run behind a result must be at")
	c.Flags().StringArrayVar(&f.keys, "expect-key", nil, "fingerprint (sha256:…) of a key you know: the server's or one that signs runs; may be repeated")
	c.Flags().StringVar(&f.jwks, "jwks", "", "file with the key set of the CI's issuer, and of the server, that you saved yourself")
	c.Flags().StringVar(&f.at, "at", "", "time for which posture is recomputed, RFC 3339; default now")
	c.Flags().StringVar(&f.root, "project-root", "", "checkout to run Tier 1 on again, whose digests are compared")
	return c
}

func (f *auditFlags) read(e *env) error {
	if err := f.output.check(); err != nil {
		return err
	}
	f.options = audit.Options{At: time.Now().UTC(), Repo: f.repo, Commit: f.commit, Keys: f.keys}
	if f.at != "" {
		at, err := time.Parse(time.RFC3339, f.at)
		if err != nil {
			return threat.Errorf(threat.Invalid, "%q is no time", f.at).In("at").Hinted("RFC 3339, such as 2026-03-02T09:00:00Z")
		}
		f.options.At = at.UTC()
	}
	for _, k := range f.keys {
		if !strings.HasPrefix(k, "sha256:") || len(k) != 7+64 {
			return threat.Errorf(threat.Invalid, "%q is no fingerprint", threat.Clip(k, 80)).In("expect-key").Hinted("sha256: and 64 hexadecimal digits")
		}
	}
	if f.repo != "" {
		if err := evidence.CheckRepo(f.repo); err != nil {
			return threat.Errorf(threat.Invalid, "%q is no repository", threat.Clip(f.repo, 80)).In("expect-repo").Hinted("org/name")
		}
	}
	if f.jwks == "" {
		return nil
	}
	raw, err := e.readFile(f.jwks, 4<<20)
	if err != nil {
		return err
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if json.Unmarshal(raw, &set) != nil || len(set.Keys) == 0 {
		return threat.Errorf(threat.Invalid, "%s is no JSON Web Key Set", f.jwks).In("jwks").Hinted(`{"keys": […]}, as the issuer publishes it at its jwks_uri`)
	}
	f.options.JWKS = raw
	return nil
}

func (e *env) runAudit(ctx context.Context, f *auditFlags, file string) error {
	raw, err := e.readFile(file, maxPackage)
	if err != nil {
		return err
	}
	out := auditOut{}
	p, c, err := audit.Read(raw)
	if err != nil {
		out.Report = &audit.Report{Verdict: "failed", Problems: []audit.Problem{{Where: "package", What: err.Error()}}, Unpinned: []string{}, Notes: []string{}, Unproven: []string{}, Changed: []threat.ID{}}
	} else {
		var live []exchange.DocumentAssertion
		out.Report, live = audit.Check(p, c, f.options)
		if f.root != "" {
			if out.Tier1, err = f.again(ctx, live); err != nil {
				return err
			}
			if len(out.Tier1.Differ) > 0 {
				out.Verdict = "failed"
			}
		}
	}
	if f.output == "json" {
		err = e.printJSON(out)
	} else {
		err = e.printAudit(&out)
	}
	if err == nil && out.Verdict != "verified" {
		return &failure{}
	}
	return err
}

// again runs Tier 1 on the auditor's checkout and compares verdicts and digests with those in the package.
func (f *auditFlags) again(ctx context.Context, live []exchange.DocumentAssertion) (*rerun, error) {
	checker, err := verify.New(verify.Options{Root: f.root, Commit: f.commit, Dirty: verify.DirtyFail})
	if err != nil {
		return nil, threat.Errorf(threat.FailedPrecondition, "%v", err).In("project-root")
	}
	defer checker.Close()
	repo := f.repo
	for _, a := range live {
		if repo == "" {
			repo = a.Repo
		}
		if f.repo == "" && a.Repo != repo {
			return nil, threat.Errorf(threat.Invalid, "the model is about several repositories").In("expect-repo").Hinted("say which one is checked out in %s", f.root)
		}
	}
	out := &rerun{Left: []string{}, Differ: []audit.Problem{}}
	var list []evidence.Assertion
	var of []exchange.DocumentAssertion
	for _, a := range live {
		if a.Repo != repo || a.Type == evidence.TestPasses || a.Tier1 == nil {
			out.Left = append(out.Left, string(a.ID))
			continue
		}
		list, of = append(list, a.Assertion), append(of, a)
	}
	for i, o := range checker.Check(ctx, list) {
		h := of[i].Tier1
		out.Checked++
		where := "assertion " + string(of[i].ID)
		switch {
		case o.Verdict != h.Verdict:
			out.Differ = append(out.Differ, audit.Problem{Where: where, What: fmt.Sprintf("the runs say %s, and the checkout %s: %s", h.Verdict, o.Verdict, o.Reason)})
		case o.Verdict == evidence.Pass && (o.FileDigest != h.FileDigest || o.ExcerptDigest != h.Excerpt):
			out.Differ = append(out.Differ, audit.Problem{Where: where, What: "it passes on other code than the runs saw: " + o.File})
		default:
			out.Same++
		}
	}
	return out, ctx.Err()
}

// printAudit says the verdict first.
func (e *env) printAudit(o *auditOut) error {
	var b bytes.Buffer
	if o.Model == "" {
		fmt.Fprintf(&b, "FAILED: the package cannot be read\n  %s\n", o.Problems[0].What)
		_, err := e.out.Write(b.Bytes())
		return err
	}
	n := len(o.Problems)
	if o.Tier1 != nil {
		n += len(o.Tier1.Differ)
	}
	switch {
	case n > 0:
		fmt.Fprintf(&b, "FAILED: %d problems\n", n)
	case len(o.Unpinned) > 0:
		fmt.Fprintf(&b, "VERIFIED, unpinned: checked against the package alone, since nothing you brought names %s\n", strings.Join(o.Unpinned, ", "))
	default:
		fmt.Fprintln(&b, "VERIFIED")
	}
	fmt.Fprintf(&b, "%s (%s), version %d, packed %s, signed by %s\n", o.Title, o.Report.Model, o.Version, o.CreatedAt.Format(time.RFC3339), o.ServerKey)
	fmt.Fprintf(&b, "runs: %d, %d counted; proven by a key %d, by a CI token %d, by nothing %d\n", o.Runs.Total, o.Runs.Counted, o.Runs.ByKey, o.Runs.ByToken, o.Runs.Unproven)
	fmt.Fprintf(&b, "assertions: %d; resting on a run without a proof: %s\n", o.Assertions, or(threat.Clip(strings.Join(o.Unproven, " "), 200), "none"))
	fmt.Fprintf(&b, "posture then: %s\n", postureWords(o.Posture))
	fmt.Fprintf(&b, "posture at %s: %s\n", o.At.Format(time.RFC3339), postureWords(o.PostureAt))
	if len(o.Changed) > 0 {
		fmt.Fprintf(&b, "objectives that stand elsewhere at that time: %s\n", threat.Clip(idWords(o.Changed), 300))
	}
	if t := o.Tier1; t != nil {
		fmt.Fprintf(&b, "tier 1 again: %d of %d the same; left out: %s\n", t.Same, t.Checked, or(threat.Clip(strings.Join(t.Left, " "), 200), "none"))
	}
	for _, note := range o.Notes[:min(len(o.Notes), 20)] {
		fmt.Fprintf(&b, "note: %s\n", note)
	}
	problems := slices.Clone(o.Problems)
	if o.Tier1 != nil {
		problems = append(problems, o.Tier1.Differ...)
	}
	for i, p := range problems {
		if i == 50 {
			fmt.Fprintf(&b, "  … and %d more (--output json)\n", len(problems)-i)
			break
		}
		fmt.Fprintf(&b, "  %s: %s\n", p.Where, p.What)
	}
	fmt.Fprintln(&b, "not provable by a package: that no run was left out, and what people decided; that is the server's word")
	_, err := e.out.Write(b.Bytes())
	return err
}

func postureWords(s posture.Summary) string {
	t := s.Objectives
	return fmt.Sprintf("%d of %d controls verified; %d of %d objectives mitigated, %d of them verified; %d at risk, %d unassessed",
		s.Controls.Verification[evidence.Verified], s.Controls.Total, t.Status.Mitigated, t.Total, t.Assurance.Verified, t.Status.AtRisk, t.Status.Unassessed)
}
