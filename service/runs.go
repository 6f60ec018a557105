package service

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// SubmitRunIn carries the statement of one run.
type SubmitRunIn struct {
	ModelID   string          `json:"model_id"`
	Statement json.RawMessage `json:"statement,omitempty" jsonschema:"in-toto Statement v1 with the predicate of a verification run; or envelope"`
	Envelope  json.RawMessage `json:"envelope,omitempty" jsonschema:"DSSE envelope of the statement, signed by a key of the workspace"`
	Token     string          `json:"token,omitempty" jsonschema:"OIDC token of the CI job"`
}

// VerdictCounts counts the results of one tier by verdict.
type VerdictCounts map[evidence.Verdict]int

// ControlChange is a control whose verification a run changes.
type ControlChange struct {
	ID     threat.ID             `json:"id"`
	Before evidence.Verification `json:"before"`
	After  evidence.Verification `json:"after"`
}

// SubmitRunOut is what a run did. A preview (a run on a branch that does not count) changes nothing: it says what it would do.
type SubmitRunOut struct {
	RunID    string                        `json:"run_id"`
	ModelID  string                        `json:"model_id"`
	Counted  bool                          `json:"counted" jsonschema:"false: a preview, which changes nothing"`
	Attested bool                          `json:"attested" jsonschema:"the run came with a proof that holds"`
	Signer   string                        `json:"signer,omitempty" jsonschema:"fingerprint of the key, or the token's issuer"`
	Branch   string                        `json:"branch" jsonschema:"the branch whose runs count"`
	Tier1    VerdictCounts                 `json:"tier1"`
	Tier2    VerdictCounts                 `json:"tier2"`
	Drift    []threat.ID                   `json:"drift" jsonschema:"assertions that passed before and fail now"`
	Mended   []threat.ID                   `json:"mended,omitempty" jsonschema:"assertions that failed before and pass now"`
	Opened   []threat.ID                   `json:"findings_opened,omitempty"`
	Closed   []threat.ID                   `json:"findings_closed,omitempty"`
	Controls []ControlChange               `json:"controls" jsonschema:"those whose verification changes, at most 200"`
	Summary  map[evidence.Verification]int `json:"summary" jsonschema:"all controls by verification, after the run"`
	Hint     string                        `json:"hint,omitempty"`
}

// maxChanges bounds how many changed controls an answer names.
const maxChanges = 200

// repeatFor is how long the same statement gets the first answer (specification §7.7).
const repeatFor = 24 * time.Hour

// SubmitRun takes the statement of a run. It is accepted whole or refused whole; only an accepted one on the branch that counts
// changes results, drift, findings and verification. Errors: [threat.Invalid], [threat.NotFound], [threat.Conflict],
// [threat.FailedPrecondition], each naming the rule.
func (s *Service) SubmitRun(ctx context.Context, who account.Principal, in SubmitRunIn) (SubmitRunOut, error) {
	v := verb{name: "submit_run", needs: account.Submit, model: in.ModelID}
	short := SubmitRunIn{ModelID: in.ModelID} // what the activity keeps of a refused call
	var p *proof
	var statement json.RawMessage
	unproven := who.Allow(v.needs)
	if unproven == nil {
		p, statement, unproven = s.prove(ctx, who, in) // before the transaction: it may wait for the network
	}
	return write(ctx, s, who, v, short, func(tx *store.Tx, r *record) (SubmitRunOut, error) {
		if unproven != nil {
			return SubmitRunOut{}, unproven
		}
		h, err := s.head(tx.View(), who.WorkspaceID, in.ModelID)
		if err != nil {
			return SubmitRunOut{}, err
		}
		st, canonical, err := p.read(statement)
		if err != nil {
			return SubmitRunOut{}, err
		}
		pull, err := admit(tx, who, h, &st)
		if err != nil {
			return SubmitRunOut{}, err
		}
		digest := evidence.Hash(canonical)
		if pull.SpentAt != nil {
			return repeatedRun(tx, who.WorkspaceID, pull, digest)
		}
		if now := tx.Now(); now.After(pull.ExpiresAt) {
			return SubmitRunOut{}, threat.Errorf(threat.FailedPrecondition, "the nonce expired at %s", pull.ExpiresAt.Format(time.RFC3339)).
				In("statement.predicate.nonce").Hinted("a pull can be answered for %s: pull again and verify anew", nonceLife)
		}
		run := &submission{
			tx: tx, workspace: who.WorkspaceID, user: who.UserID, head: h, statement: &st, pull: pull, digest: digest,
			info: evidence.RunInfo{ID: newID(), Commit: st.Predicate.Commit, Order: pull.Order, At: tx.Now()},
			out: SubmitRunOut{
				ModelID: in.ModelID, Branch: h.branch(pull.Repo), Tier1: VerdictCounts{}, Tier2: VerdictCounts{},
				Drift: []threat.ID{}, Controls: []ControlChange{}, Summary: map[evidence.Verification]int{},
			},
		}
		run.out.RunID = run.info.ID
		run.out.Counted = st.Predicate.Branch == run.out.Branch
		policy, err := loadPolicy(tx.View(), who.WorkspaceID)
		if err != nil {
			return SubmitRunOut{}, err
		}
		if err := run.attest(p, s.server(), policy, s.store.Now()); err != nil {
			return SubmitRunOut{}, err
		}
		run.out.Attested, run.out.Signer = run.info.Attested, run.info.Signer
		if err := run.judges(policy); err != nil {
			return SubmitRunOut{}, err
		}
		if err := run.accept(); err != nil {
			return SubmitRunOut{}, err
		}
		kept, err := p.stored()
		if err != nil {
			return SubmitRunOut{}, err
		}
		answer, err := json.Marshal(run.out)
		if err != nil {
			return SubmitRunOut{}, err
		}
		err = tx.AddRun(who.WorkspaceID, store.Run{
			ID: run.info.ID, ModelID: in.ModelID, Order: pull.Order, Repo: pull.Repo, Commit: st.Predicate.Commit, Branch: st.Predicate.Branch,
			Counted: run.out.Counted, Verifier: st.Predicate.Verifier, KeyID: who.KeyID, UserID: who.UserID,
			Statement: string(canonical), StatementDigest: digest, Answer: string(answer),
			Proof: kept, Attested: run.info.Attested, FromCI: run.info.Attested || st.Predicate.CI.Provider != "", Signer: run.info.Signer,
		}, st.Predicate.Results)
		if err != nil {
			return SubmitRunOut{}, err
		}
		if err := tx.SpendNonce(who.WorkspaceID, pull.Nonce, run.info.ID); err != nil {
			return SubmitRunOut{}, err
		}
		r.version, r.object = h.model.Version, run.info.ID
		detail := map[string]any{"attested": run.out.Attested, "signer": run.out.Signer, "counted": run.out.Counted, "drift": len(run.out.Drift), "results": len(st.Predicate.Results)}
		if n := len(run.out.Opened); n > 0 {
			detail["findings_opened"] = run.out.Opened[:min(n, maxChanges)]
		}
		if len(run.moved) > 0 {
			detail["findings_moved"] = run.moved
		}
		r.detail = detail
		if !run.out.Counted {
			return run.out, nil
		}
		return run.out, tx.TouchModel(who.WorkspaceID, in.ModelID)
	})
}

var (
	commitName = regexp.MustCompile(`^[0-9a-f]{40}([0-9a-f]{24})?$`)
	digestName = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// admit checks that a statement is about this model, this pull and this key, and well-formed; see specification §7.7.
func admit(tx *store.Tx, who account.Principal, h *head, st *evidence.Statement) (store.Pull, error) {
	p := &st.Predicate
	bad := func(field, format string, args ...any) *threat.Error {
		return threat.Errorf(threat.Invalid, format, args...).In("statement.predicate." + field)
	}
	pull, err := tx.Pull(who.WorkspaceID, threat.Clip(p.Nonce, 100))
	if err != nil {
		return pull, err
	}
	const again = "a nonce is bound to the workspace, model, repository and key that pulled: pull with this key and verify anew"
	switch {
	case p.Workspace != who.WorkspaceID:
		return pull, bad("workspace", "the statement is about another workspace").Hinted(again)
	case p.Model != h.model.ID || pull.ModelID != h.model.ID:
		return pull, bad("model", "the statement or its nonce is about another model").Hinted(again)
	case p.Repo != pull.Repo:
		return pull, bad("repo", "the nonce was issued for %s", pull.Repo).Hinted(again)
	case pull.KeyID != who.KeyID:
		return pull, bad("nonce", "another key pulled with this nonce").Hinted(again)
	case !commitName.MatchString(p.Commit):
		return pull, bad("commit", "the commit is not a full object name").Hinted("40 or 64 hexadecimal digits, as git rev-parse HEAD prints")
	case p.Branch == "" || len(p.Branch) > 200:
		return pull, bad("branch", "the branch is missing or too long").Hinted("the name of the branch that was checked out")
	case len(p.Verifier) > 100 || len(p.CI.Provider) > 40 || len(p.CI.RunURL) > 500:
		return pull, bad("verifier", "a text of the statement is too long")
	}
	return pull, nil
}

// repeatedRun answers for a nonce that is spent: the same statement gets the first answer, any other is refused.
func repeatedRun(tx *store.Tx, workspace string, pull store.Pull, digest string) (SubmitRunOut, error) {
	var out SubmitRunOut
	run, err := tx.Run(workspace, pull.RunID)
	if err != nil {
		return out, err
	}
	if run.StatementDigest != digest || tx.Now().Sub(*pull.SpentAt) > repeatFor {
		return out, threat.Errorf(threat.Conflict, "the nonce was spent by run %s", run.ID).In("statement.predicate.nonce").
			Hinted("pull again and verify anew")
	}
	return out, json.Unmarshal([]byte(run.Answer), &out)
}

// submission is a run while it is being accepted.
type submission struct {
	tx        *store.Tx
	workspace string
	user      string
	head      *head
	statement *evidence.Statement
	digest    string // of its canonical form
	pull      store.Pull
	info      evidence.RunInfo
	out       SubmitRunOut
	moved     []movedFinding
}

// accept checks the results and applies them: for good on the branch that counts, else to copies that are thrown away.
func (r *submission) accept() error {
	all, err := r.tx.Evidence(r.workspace, r.head.model.ID)
	if err != nil {
		return err
	}
	pulled, err := r.answered()
	if err != nil {
		return err
	}
	changed, err := r.apply(all, pulled)
	if err != nil {
		return err
	}
	if r.out.Counted {
		if err := r.tx.SaveHeld(r.workspace, r.head.model.ID, changed); err != nil {
			return err
		}
		if err := r.findings(all, pulled); err != nil {
			return err
		}
		if err := r.assumptions(all); err != nil {
			return err
		}
	}
	return r.reassess(all)
}

// answered returns the results by assertion and tier, having checked that they answer the whole pull and nothing else.
func (r *submission) answered() (map[threat.ID]*[3]*evidence.Result, error) {
	asked := make(map[threat.ID]bool, len(r.pull.Assertions))
	for _, id := range r.pull.Assertions {
		asked[id] = true
	}
	judge := r.statement.Predicate.Judge
	void := judge != nil && judge.Void != ""
	out := make(map[threat.ID]*[3]*evidence.Result, len(asked))
	for i := range r.statement.Predicate.Results {
		x := &r.statement.Predicate.Results[i]
		bad := func(format string, args ...any) *threat.Error {
			return threat.Errorf(threat.Invalid, format, args...).In(fmt.Sprintf("statement.predicate.results.%d", i))
		}
		if !asked[x.Assertion] {
			return nil, bad("%s was not pulled with this nonce", threat.Clip(string(x.Assertion), 20)).Hinted("answer what was pulled, and nothing else")
		}
		if x.Tier != evidence.Tier1 && x.Tier != evidence.Tier2 {
			return nil, bad("tier is %d", x.Tier).Hinted("1 or 2")
		}
		if !slices.Contains(evidence.Verdicts(), x.Verdict) || x.Tier == evidence.Tier1 && x.Verdict == evidence.Skipped {
			return nil, bad("verdict %q does not go with tier %d", threat.Clip(string(x.Verdict), 20), x.Tier).
				Hinted("pass, fail or unchanged; skipped in tier 2 only")
		}
		if void && x.Tier == evidence.Tier2 && (x.Verdict == evidence.Pass || x.Verdict == evidence.Fail) {
			return nil, bad("the pass is void, and its judge has a verdict").Hinted("tier 2 of a void pass is skipped or unchanged")
		}
		for _, d := range []string{x.FileDigest, x.Excerpt, x.Template, x.Text} {
			if d != "" && !digestName.MatchString(d) {
				return nil, bad("a digest is not SHA-256 in lower-case hexadecimal")
			}
		}
		if len(x.Reason) > 4*evidence.MaxReason || len(x.File) > 4*evidence.MaxPath || len(x.Judge) > 200 || len(x.Blob) > 64 || x.Line < 0 {
			return nil, bad("a text of the result is too long")
		}
		x.Reason = cleanReason(x.Reason)
		of := out[x.Assertion]
		if of == nil {
			of = &[3]*evidence.Result{}
			out[x.Assertion] = of
		}
		if of[x.Tier] != nil {
			return nil, bad("%s is answered twice in tier %d", x.Assertion, x.Tier)
		}
		of[x.Tier] = x
	}
	for _, id := range r.pull.Assertions {
		if of := out[id]; of == nil || of[evidence.Tier1] == nil {
			return nil, threat.Errorf(threat.Invalid, "%s was pulled and is not answered", id).In("statement.predicate.results").
				Hinted("a run answers every assertion it pulled: pass, fail or unchanged")
		}
	}
	return out, nil
}

// cleanReason makes a verifier's words fit to be stored and shown.
func cleanReason(s string) string {
	text, err := threat.Text(s, 4*evidence.MaxReason)
	if err != nil {
		return ""
	}
	return threat.Clip(text, evidence.MaxReason)
}

// apply folds the results into the assertions, in place, and returns those that changed.
func (r *submission) apply(all []store.Assertion, results map[threat.ID]*[3]*evidence.Result) ([]store.Assertion, error) {
	var changed []store.Assertion
	for i := range all {
		a := &all[i]
		of := results[a.ID]
		if of == nil || a.DeletedAt != nil {
			continue
		}
		if err := r.head.checkResults(a, of); err != nil {
			return nil, err
		}
		one, two := of[evidence.Tier1], of[evidence.Tier2]
		r.out.Tier1[one.Verdict]++
		first := evidence.Apply(a.Tier1, *one, r.info)
		second := evidence.Change{Held: a.Tier2}
		if two != nil {
			r.out.Tier2[two.Verdict]++
			second = evidence.Apply(a.Tier2, *two, r.info)
		} else {
			r.out.Tier2[evidence.Skipped]++
		}
		a.Tier1, a.Tier2 = first.Held, second.Held
		r.note(a, first, second)
		if first.Applied || second.Applied {
			changed = append(changed, *a)
		}
	}
	return changed, nil
}

// note notes drift and mending. A run over pending assertions reports no drift.
func (r *submission) note(a *store.Assertion, first, second evidence.Change) {
	switch {
	case first.Drift || second.Drift:
		if !r.pull.Pending {
			r.out.Drift = append(r.out.Drift, a.ID)
			now := r.info.At
			a.DriftedAt = &now
		}
	case passes(a):
		if first.Mended || second.Mended {
			r.out.Mended = append(r.out.Mended, a.ID)
		}
		a.DriftedAt = nil
	}
}

// passes reports whether nothing that an assertion holds is a fail, and Tier 1 passed.
func passes(a *store.Assertion) bool {
	return a.Tier1 != nil && a.Tier1.Verdict == evidence.Pass && (a.Tier2 == nil || a.Tier2.Verdict == evidence.Pass)
}

// checkResults checks the results of one assertion against it and against each other.
func (p policy) checkResults(a *store.Assertion, of *[3]*evidence.Result) error {
	bad := func(format string, args ...any) *threat.Error {
		return threat.Errorf(threat.Invalid, string(a.ID)+": "+format, args...).In("statement.predicate.results")
	}
	one, two := of[evidence.Tier1], of[evidence.Tier2]
	for _, x := range []*evidence.Result{one, two} {
		if x != nil && (x.Type != a.Type || x.Params.Canonical() != a.Params.Canonical()) {
			return bad("the result is about another claim").Hinted("type and params must be those that were pulled")
		}
	}
	if two != nil && two.Injection && two.Verdict != evidence.Fail { // it would open a finding on a verdict that nobody gave
		return bad("an injection is a fail")
	}
	if one.Verdict == evidence.Unchanged && !(evidence.MayCarry(a.Tier1, *one) && p.trust.Trusts(a.Tier1)) {
		return bad("tier 1 is not unchanged: the server holds no result with these digests").Hinted("check it and say pass or fail")
	}
	if two == nil || two.Verdict == evidence.Skipped {
		return nil
	}
	passed := one.Verdict == evidence.Pass || one.Verdict == evidence.Unchanged && a.Tier1.Verdict == evidence.Pass
	excerpt := one.Excerpt
	switch {
	case !passed:
		return bad("tier 2 is judged only where tier 1 passed").Hinted("say skipped")
	case two.Excerpt != excerpt || excerpt == "" && two.Verdict != evidence.Fail: // no code to judge is a fail
		return bad("tier 2 judged another excerpt than tier 1 found").Hinted("both tiers carry the digest of one excerpt")
	case two.Verdict == evidence.Unchanged:
		if !evidence.MayCarry(a.Tier2, *two) || !p.trust.Trusts(a.Tier2) {
			return bad("tier 2 is not unchanged: the server holds no verdict on this excerpt, template and text").Hinted("ask the judge, or say skipped")
		}
		return nil
	case two.Judge == "":
		return bad("tier 2 names no judge")
	case two.Template == "" || two.Text == "":
		return bad("tier 2 does not say what it judged").Hinted("template and text are the digests that the pull gave")
	}
	if two.Verdict == evidence.Pass {
		for _, f := range a.Facets {
			if v := two.Facets[f]; v != evidence.Pass && v != evidence.Fail {
				return bad("tier 2 says nothing of facet %s", f).Hinted("a verdict names every facet that the assertion claims")
			}
		}
	}
	for f, v := range two.Facets {
		if !slices.Contains(a.Facets, f) || v != evidence.Pass && v != evidence.Fail {
			return bad("tier 2 says %q of %s, which it does not claim", threat.Clip(string(v), 20), threat.Clip(string(f), 20))
		}
	}
	return nil
}

// reassess brings the controls up to date and notes which change. A preview computes the same and writes nothing.
func (r *submission) reassess(all []store.Assertion) error {
	now := r.tx.Now()
	controls := r.head.own(nil)
	before := make([]evidence.Verification, len(controls))
	for i, c := range controls {
		before[i] = r.head.verificationAt(c, now)
	}
	if r.out.Counted {
		if _, err := reassess(r.tx, r.workspace, r.head.model.ID, controls, all); err != nil {
			return err
		}
	} else {
		evidenceOf := bodies(all)
		for _, c := range controls {
			c.Evidence = stored(r.head.assess(c, evidenceOf[c.ID]).status, 1)
		}
	}
	for i, c := range controls {
		after := r.head.verificationAt(c, now)
		if r.head.tiers[i] != "" { // orphaned ones are left out of every count
			r.out.Summary[after]++
		}
		if after != before[i] && len(r.out.Controls) < maxChanges {
			r.out.Controls = append(r.out.Controls, ControlChange{ID: c.ID, Before: before[i], After: after})
		}
	}
	if !r.out.Counted {
		r.out.Hint = fmt.Sprintf("a preview: only runs on %s count for this repository (edit_threat_model repos)", r.out.Branch)
	} else if len(r.out.Drift) > 0 {
		r.out.Hint = "drift: mend the code, or delete_assertion with a reason; the findings close by themselves when CI passes"
	}
	return nil
}
