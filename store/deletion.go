package store

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/threat"
)

// DeletionKind says what is deleted.
type DeletionKind string

// The kinds.
const (
	WorkspaceDeletion DeletionKind = "workspace"
	UserDeletion      DeletionKind = "user" // with the personal workspace
)

// Deletion is something that was marked deleted and whose rows are being removed.
type Deletion struct {
	ID        string
	Kind      DeletionKind
	Workspace string // whose rows go
	User      string // '' for a workspace
	Names     Names
	Reached   string // the last workspace in which the user was forgotten
	Attempt   int
}

// Names are what names a user in rows that stay, beside the id.
type Names struct {
	Email string   `json:"email,omitempty"`
	Name  string   `json:"name,omitempty"`
	Keys  []string `json:"keys,omitempty"` // ids
	// Workspaces are ids of those that the user was in, or had a key of. Elsewhere the same name is somebody else's.
	Workspaces []string `json:"workspaces,omitempty"`
}

// ErrDeletionLost says that another worker has taken a deletion over.
var ErrDeletionLost = errors.New("store: the deletion was taken over")

// workspaceTables are the tables with rows of a workspace, those that refer before what they refer to, so that a batch takes no more
// than its rows with it. A test holds the list against the schema.
var workspaceTables = []string{
	"finding_assertions", "findings", "run_results", "runs", "pulls", "spent_tokens", "judgments", "assertions",
	"weakened_objectives", "carried_controls", "control_documents", "attestations", "accepted_risks", "assumption_events",
	"requirement_mappings", "requirement_exclusions", "remediation_proposals", "framework_selections", "frameworks",
	"system_models", "systems", "mitigations", "controls", "counters", "entities", "model_versions",
	"chat_messages", "chat_sessions", "models", "job_questions", "jobs", "llm_cache", "llm_calls", "idempotency", "activity",
	"settings", "signing_keys", "issuers", "required_claims", "deletion_tokens", "invitations", "api_keys", "members",
}

// userTables are the tables with rows of a user in whatever workspace, in the same order, and what finds them by the user's id. A test
// holds the list against the schema.
var userTables = []struct{ table, where string }{
	{"chat_messages", `(workspace_id, session_id) IN (SELECT workspace_id, session_id FROM chat_sessions /* any workspace: the user's own */ WHERE user_id = ?)`},
	{"chat_sessions", `user_id = ?`},
	{"llm_cache", `user_id = ?`},
	{"llm_calls", `user_id = ?`},
	{"credit_holds", `user_id = ?`},
	{"credit_ledger", `user_id = ?`},
	{"credit_purchases", `user_id = ?`},
	{"credit_accounts", `user_id = ?`},
	{"referral_codes", `user_id = ?`},
	{"deletion_tokens", `user_id = ?`},
	{"api_keys", `user_id = ?`},
	{"members", `user_id = ?`},
}

// MarkWorkspace marks a workspace deleted: it has no members any more, and so no key of it is accepted and no list has it; its jobs are
// cancelled. Its rows wait for [Tx.ClaimDeletion].
func (t *Tx) MarkWorkspace(id, workspace string) error {
	n, err := t.execN(`UPDATE workspaces SET deleted_at = ? WHERE id = ? AND deleted_at IS NULL`, micros(t.now), workspace)
	if err != nil || n == 0 { // marked already: once is enough
		return err
	}
	for _, query := range []string{`DELETE FROM members WHERE workspace_id = ?`, `DELETE FROM invitations WHERE workspace_id = ?`} {
		if err := t.exec(query, workspace); err != nil {
			return err
		}
	}
	return t.addDeletion(Deletion{ID: id, Kind: WorkspaceDeletion, Workspace: workspace})
}

// MarkUser marks a user deleted, with the personal workspace: no key of the user is accepted any more, the memberships end, the address
// can be used anew.
func (t *Tx) MarkUser(id string, u account.User) error {
	names := Names{Email: u.Email, Name: u.Name}
	if err := t.list(&names.Keys, `SELECT id FROM api_keys /* any workspace: the user's own */ WHERE user_id = ? ORDER BY id`, u.ID); err != nil {
		return err
	}
	err := t.list(&names.Workspaces, `
		SELECT workspace_id FROM members /* any workspace: the user's own */ WHERE user_id = ?
		UNION SELECT workspace_id FROM api_keys /* any workspace: the user's own */ WHERE user_id = ?`, u.ID, u.ID)
	if err != nil {
		return err
	}
	// The id keeps the address unique; no address is like it.
	n, err := t.execN(`UPDATE users SET deleted_at = ?, disabled = 1, instance_admin = 0, email = ?, name = ? WHERE id = ? AND deleted_at IS NULL`,
		micros(t.now), "deleted "+u.ID, account.DeletedUser, u.ID)
	if err != nil || n == 0 {
		return err
	}
	for _, query := range []string{
		`DELETE FROM api_keys /* any workspace: the user's own */ WHERE user_id = ?`,
		`DELETE FROM members /* any workspace: the user's own */ WHERE user_id = ?`,
	} {
		if err := t.exec(query, u.ID); err != nil {
			return err
		}
	}
	if err := t.exec(`DELETE FROM invitations /* any workspace: those to the address, which can be another's now */ WHERE email = ?`, u.Email); err != nil {
		return err
	}
	if err := t.exec(`UPDATE workspaces SET deleted_at = ? WHERE id = ?`, micros(t.now), u.PersonalWorkspace); err != nil {
		return err
	}
	return t.addDeletion(Deletion{ID: id, Kind: UserDeletion, Workspace: u.PersonalWorkspace, User: u.ID, Names: names})
}

func (t *Tx) addDeletion(d Deletion) error {
	names, err := json.Marshal(d.Names)
	if err != nil {
		return err
	}
	err = t.exec(`
		UPDATE jobs SET state = 'cancelled', updated_at = ?
		WHERE workspace_id = ? AND state IN ('ready', 'running', 'waiting')`, micros(t.now), d.Workspace)
	if err != nil {
		return err
	}
	return t.exec(`
		INSERT INTO deletions (id, kind, workspace, account, names, reached, attempt, lease_until, marked_at)
		VALUES (?, ?, ?, ?, ?, '', 0, 0, ?)`, d.ID, d.Kind, d.Workspace, d.User, string(names), micros(t.now))
}

// CancelUserJobs cancels what was started on behalf of a user and has not ended, in every workspace, and returns it.
func (t *Tx) CancelUserJobs(user string) ([]Job, error) {
	var rows []jobRow
	err := t.list(&rows, `
		SELECT `+jobColumns+` FROM jobs /* any workspace: whoever asks for it is gone */
		WHERE (state = 'ready' OR state = 'running' OR state = 'waiting') AND principal LIKE ?`, `%"user_id":"`+user+`"%`)
	if err != nil {
		return nil, err
	}
	out := make([]Job, len(rows))
	for i, r := range rows {
		out[i] = r.job()
		if _, err := t.CancelJob(r.WorkspaceID, r.ID); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Live reports whether a user and a workspace are both there, neither of them marked deleted.
func (v *Snapshot) Live(workspace, user string) (bool, error) {
	var n int
	err := v.get(&n, `
		SELECT COUNT(*) FROM workspaces w, users u
		WHERE w.id = ? AND w.deleted_at IS NULL AND u.id = ? AND u.deleted_at IS NULL`, workspace, user)
	return n == 1, err
}

// DeletionDue reports whether [Tx.ClaimDeletion] would find something, without taking the writer.
func (v *Snapshot) DeletionDue() (bool, error) {
	var n int
	err := v.get(&n, `SELECT COUNT(*) FROM (SELECT id FROM deletions WHERE lease_until < ? LIMIT 1) due`, micros(v.now))
	return n > 0, err
}

// ClaimDeletion takes the deletion that waits longest, for lease from now. ok is false when there is none.
func (t *Tx) ClaimDeletion(lease time.Duration) (d Deletion, ok bool, err error) {
	var r struct {
		ID        string       `db:"id"`
		Kind      DeletionKind `db:"kind"`
		Workspace string       `db:"workspace"`
		Account   string       `db:"account"`
		Names     string       `db:"names"`
		Reached   string       `db:"reached"`
		Attempt   int          `db:"attempt"`
	}
	claim := strings.ReplaceAll(`
		UPDATE deletions SET attempt = attempt + 1, lease_until = ?
		WHERE id = (SELECT id FROM deletions WHERE lease_until < ? ORDER BY lease_until, id LIMIT 1 {{skip locked}})
		RETURNING id, kind, workspace, account, names, reached, attempt`, "{{skip locked}}", t.d.skipLocked())
	err = t.get(&r, claim, micros(t.now.Add(lease)), micros(t.now))
	if missing(err) {
		return Deletion{}, false, nil
	}
	if err != nil {
		return Deletion{}, false, err
	}
	d = Deletion{ID: r.ID, Kind: r.Kind, Workspace: r.Workspace, User: r.Account, Reached: r.Reached, Attempt: r.Attempt}
	return d, true, json.Unmarshal([]byte(r.Names), &d.Names)
}

// keepDeletion prolongs the lease of a deletion, with every batch. Errors: [ErrDeletionLost].
func (t *Tx) keepDeletion(d Deletion, lease time.Duration) error {
	n, err := t.execN(`UPDATE deletions SET lease_until = ? WHERE id = ? AND attempt = ?`, micros(t.now.Add(lease)), d.ID, d.Attempt)
	if err == nil && n == 0 {
		return ErrDeletionLost
	}
	return err
}

// ReleaseDeletion gives a deletion back, to be taken again from a time on. Errors: [ErrDeletionLost].
func (t *Tx) ReleaseDeletion(d Deletion, from time.Time) error {
	return t.keepDeletion(d, from.Sub(t.now))
}

// RemoveRows removes at most limit rows of what is deleted, and what was marked with the last of them. It prolongs the lease. gone is
// true when nothing is left. Errors: [ErrDeletionLost].
func (t *Tx) RemoveRows(d Deletion, lease time.Duration, limit int) (removed int, gone bool, err error) {
	if err := t.keepDeletion(d, lease); err != nil {
		return 0, false, err
	}
	remove := func(table, where string, args ...any) error {
		n, err := t.execN(`DELETE FROM `+table+` WHERE `+t.d.someRows(table, where), append(args, limit-removed)...)
		removed += int(n)
		return err
	}
	for _, table := range workspaceTables {
		if removed == limit {
			return removed, false, nil
		}
		if err := remove(table, `workspace_id = ?`, d.Workspace); err != nil {
			return removed, false, err
		}
	}
	if d.Kind == UserDeletion {
		for _, of := range userTables {
			if removed == limit {
				return removed, false, nil
			}
			if err := remove(of.table, of.where, d.User); err != nil {
				return removed, false, err
			}
		}
	}
	if removed > 0 {
		return removed, false, nil
	}
	// What a request that was under way has written since goes with these.
	if d.User != "" {
		if err := t.exec(`DELETE FROM users WHERE id = ?`, d.User); err != nil {
			return 0, false, err
		}
	}
	if err := t.exec(`DELETE FROM workspaces WHERE id = ?`, d.Workspace); err != nil {
		return 0, false, err
	}
	return 0, true, t.exec(`DELETE FROM deletions WHERE id = ?`, d.ID)
}

// AddDeletionToken keeps the hash of a confirmation token, in the place of those that the user has for the same workspace.
func (t *Tx) AddDeletionToken(hash, workspace, user, shown string, expires time.Time) error {
	if err := t.exec(`DELETE FROM deletion_tokens WHERE workspace_id = ? AND user_id = ?`, workspace, user); err != nil {
		return err
	}
	return t.exec(`INSERT INTO deletion_tokens (hash, workspace_id, user_id, shown, expires_at) VALUES (?, ?, ?, ?, ?)`,
		hash, workspace, user, shown, micros(expires))
}

// SpendDeletionToken takes a confirmation token away and returns the digest of what was shown with it. Errors: [threat.NotFound] for one
// that was not given to this user for this workspace, was spent, or is past its time.
func (t *Tx) SpendDeletionToken(hash, workspace, user string) (shown string, err error) {
	err = t.get(&shown, `
		DELETE FROM deletion_tokens WHERE hash = ? AND workspace_id = ? AND user_id = ? AND expires_at > ? RETURNING shown`,
		hash, workspace, user, micros(t.now))
	if missing(err) {
		return "", threat.Errorf(threat.NotFound, "there is no such token")
	}
	return shown, err
}

// PurgeDeletionTokens removes the tokens that are past their time.
func (t *Tx) PurgeDeletionTokens() error {
	return t.exec(`DELETE FROM deletion_tokens /* any workspace: housekeeping */ WHERE expires_at <= ?`, micros(t.now))
}
