package store

import (
	"database/sql"
	"encoding/json"
	"time"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/threat"
)

// Pull is a nonce with what it is bound to.
type Pull struct {
	Nonce      string
	ModelID    string
	Repo       string
	KeyID      string
	Order      int64
	ListDigest string
	Assertions []threat.ID
	Pending    bool
	IssuedAt   time.Time
	ExpiresAt  time.Time
	SpentAt    *time.Time
	RunID      string
}

type pullRow struct {
	Nonce      string        `db:"nonce"`
	ModelID    string        `db:"model_id"`
	Repo       string        `db:"repo"`
	KeyID      string        `db:"key_id"`
	N          int64         `db:"n"`
	ListDigest string        `db:"list_digest"`
	Assertions string        `db:"assertions"`
	Pending    bool          `db:"pending"`
	IssuedAt   int64         `db:"issued_at"`
	ExpiresAt  int64         `db:"expires_at"`
	SpentAt    sql.NullInt64 `db:"spent_at"`
	RunID      string        `db:"run_id"`
}

// AddPull issues a nonce and returns its place among the model's nonces. Errors: [threat.NotFound].
func (t *Tx) AddPull(workspace string, p Pull) (int64, error) {
	ids, err := json.Marshal(p.Assertions)
	if err != nil {
		return 0, err
	}
	var n int64
	err = t.get(&n, `UPDATE models SET pulls = pulls + 1 WHERE workspace_id = ? AND id = ? AND deleted_at IS NULL RETURNING pulls`, workspace, p.ModelID)
	if missing(err) {
		return 0, NoModel()
	}
	if err != nil {
		return 0, err
	}
	return n, t.exec(`
		INSERT INTO pulls (workspace_id, nonce, model_id, repo, key_id, n, list_digest, assertions, pending, issued_at, expires_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		workspace, p.Nonce, p.ModelID, p.Repo, p.KeyID, n, p.ListDigest, string(ids), flag(p.Pending), micros(p.IssuedAt), micros(p.ExpiresAt))
}

// Pulls returns how many nonces were issued for a model so far.
func (v *Snapshot) Pulls(workspace, model string) (n int64, err error) {
	err = v.get(&n, `SELECT pulls FROM models WHERE workspace_id = ? AND id = ?`, workspace, model)
	return n, err
}

// Pull returns what a nonce is bound to. Errors: [threat.NotFound].
func (v *Snapshot) Pull(workspace, nonce string) (Pull, error) {
	var r pullRow
	err := v.get(&r, `
		SELECT nonce, model_id, repo, key_id, n, list_digest, assertions, pending, issued_at, expires_at, spent_at, run_id
		FROM pulls WHERE workspace_id = ? AND nonce = ?`, workspace, nonce)
	if missing(err) {
		return Pull{}, threat.Errorf(threat.NotFound, "this server never issued that nonce, or it is long gone").In("statement.predicate.nonce").
			Hinted("pull again and verify anew")
	}
	if err != nil {
		return Pull{}, err
	}
	p := Pull{
		Nonce: r.Nonce, ModelID: r.ModelID, Repo: r.Repo, KeyID: r.KeyID, Order: r.N, ListDigest: r.ListDigest, Pending: r.Pending,
		IssuedAt: fromMicros(r.IssuedAt), ExpiresAt: fromMicros(r.ExpiresAt), SpentAt: optTime(r.SpentAt), RunID: r.RunID,
	}
	return p, json.Unmarshal([]byte(r.Assertions), &p.Assertions)
}

// SpendNonce marks a nonce as spent by a run. Errors: [threat.Conflict] when it was spent before.
func (t *Tx) SpendNonce(workspace, nonce, run string) error {
	n, err := t.execN(`UPDATE pulls SET spent_at = ?, run_id = ? WHERE workspace_id = ? AND nonce = ? AND spent_at IS NULL`, micros(t.now), run, workspace, nonce)
	if err == nil && n == 0 {
		return threat.Errorf(threat.Conflict, "another run spent this nonce").In("statement.predicate.nonce").Hinted("pull again and verify anew")
	}
	return err
}

// PurgePulls forgets nonces that expired before a time, in every workspace.
func (t *Tx) PurgePulls(before time.Time) (int64, error) {
	return t.execN(`DELETE FROM pulls /* any workspace: housekeeping */ WHERE expires_at < ?`, micros(before))
}

// Run is an accepted run.
type Run struct {
	ID              string    `db:"run_id"`
	ModelID         string    `db:"model_id"`
	Order           int64     `db:"n"`
	Repo            string    `db:"repo"`
	Commit          string    `db:"commit_id"`
	Branch          string    `db:"branch"`
	Counted         bool      `db:"counted"`
	Verifier        string    `db:"verifier"`
	KeyID           string    `db:"key_id"`
	UserID          string    `db:"user_id"`
	Statement       string    `db:"statement"`
	StatementDigest string    `db:"statement_digest"`
	Proof           string    `db:"proof"`
	Attested        bool      `db:"attested"`
	FromCI          bool      `db:"from_ci"` // proven, or it names a CI provider; written, not read back
	Signer          string    `db:"signer"`
	Answer          string    `db:"answer"`
	Submitted       int64     `db:"submitted_at"`
	SubmittedAt     time.Time `db:"-"`
}

const runColumns = `run_id, model_id, n, repo, commit_id, branch, counted, verifier, key_id, user_id, statement, statement_digest, proof, attested, signer, answer, submitted_at`

// Run returns a run. Errors: [threat.NotFound].
func (v *Snapshot) Run(workspace, id string) (Run, error) {
	var r Run
	err := v.get(&r, `SELECT `+runColumns+` FROM runs WHERE workspace_id = ? AND run_id = ?`, workspace, id)
	if missing(err) {
		return r, threat.Errorf(threat.NotFound, "there is no such run").In("run_id")
	}
	r.SubmittedAt = fromMicros(r.Submitted)
	return r, err
}

// RunHeader is a run without its documents.
type RunHeader struct {
	ID          string    `db:"run_id"`
	Repo        string    `db:"repo"`
	Commit      string    `db:"commit_id"`
	Branch      string    `db:"branch"`
	Counted     bool      `db:"counted"`
	Attested    bool      `db:"attested"`
	Submitted   int64     `db:"submitted_at"`
	SubmittedAt time.Time `db:"-"`
}

// Runs returns a model's newest runs, the newest first.
func (v *Snapshot) Runs(workspace, model string, limit int) ([]RunHeader, error) {
	var out []RunHeader
	err := v.list(&out, `
		SELECT run_id, repo, commit_id, branch, counted, attested, submitted_at
		FROM runs WHERE workspace_id = ? AND model_id = ? ORDER BY n DESC LIMIT ?`, workspace, model, limit)
	for i := range out {
		out[i].SubmittedAt = fromMicros(out[i].Submitted)
	}
	return out, err
}

// AddRun keeps a run and what it said.
func (t *Tx) AddRun(workspace string, r Run, results []evidence.Result) error {
	err := t.exec(`
		INSERT INTO runs (workspace_id, run_id, model_id, n, repo, commit_id, branch, counted, verifier, key_id, user_id,
		    statement, statement_digest, proof, attested, from_ci, signer, answer, submitted_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		workspace, r.ID, r.ModelID, r.Order, r.Repo, r.Commit, r.Branch, flag(r.Counted), r.Verifier, r.KeyID, r.UserID,
		r.Statement, r.StatementDigest, r.Proof, flag(r.Attested), flag(r.FromCI), r.Signer, r.Answer, micros(t.now))
	if err != nil {
		return err
	}
	rows := make([][]any, len(results))
	for i, x := range results {
		rows[i] = []any{workspace, r.ID, string(x.Assertion), x.Tier, string(x.Verdict), x.Reason, x.File, x.Line}
	}
	return t.insertRows(`INSERT INTO run_results (workspace_id, run_id, assertion_id, tier, verdict, reason, file, line) VALUES`, rows)
}

// RunResult is what one run said of one assertion at one tier.
type RunResult struct {
	Run       string           `db:"run_id"`
	Assertion threat.ID        `db:"assertion_id"`
	Tier      int              `db:"tier"`
	Verdict   evidence.Verdict `db:"verdict"`
	Reason    string           `db:"reason"`
	File      string           `db:"file"`
	Line      int              `db:"line"`
}

// RunResults returns what a run said, in the order of assertions and tiers.
func (v *Snapshot) RunResults(workspace, run string) ([]RunResult, error) {
	var out []RunResult
	err := v.list(&out, `
		SELECT run_id, assertion_id, tier, verdict, reason, file, line
		FROM run_results WHERE workspace_id = ? AND run_id = ? ORDER BY assertion_id, tier`, workspace, run)
	return out, err
}
