package store

import (
	"database/sql"
	"time"
)

// SetupFacts are what a workspace shows of being set up: when each thing happened first, nil for not yet.
type SetupFacts struct {
	MCP             *time.Time // an MCP client used a key
	Model           *time.Time // a model that is there now was made
	Repo            bool       // one of them names its repositories
	Assertion       *time.Time // the oldest claim on one of them that stands
	VerifierKey     bool       // a verifier key is in force
	VerifierKeyUsed *time.Time // when one was used last, in force or not
	CIRun           *time.Time // a run was proven or came from a CI provider
	Members         int
	Joined          *time.Time // the second member
}

// SetupFacts reads a workspace's facts.
func (v *Snapshot) SetupFacts(workspace string) (SetupFacts, error) {
	var r struct {
		MCP       sql.NullInt64 `db:"mcp"`
		Model     sql.NullInt64 `db:"model"`
		Repos     int           `db:"repos"`
		Assertion sql.NullInt64 `db:"assertion"`
		Keys      int           `db:"verifier_keys"`
		Used      sql.NullInt64 `db:"used"`
		CIRun     sql.NullInt64 `db:"ci_run"`
		Members   int           `db:"members"`
		Joined    sql.NullInt64 `db:"joined"`
	}
	err := v.get(&r, `
		SELECT
		    (SELECT MIN(mcp_since) FROM api_keys WHERE workspace_id = w.id) AS mcp,
		    (SELECT MIN(created_at) FROM models WHERE workspace_id = w.id AND deleted_at IS NULL) AS model,
		    (SELECT COUNT(*) FROM models WHERE workspace_id = w.id AND deleted_at IS NULL AND repos NOT IN ('[]', 'null')) AS repos,
		    (SELECT MIN(a.created_at) FROM assertions a
		        JOIN models m ON m.workspace_id = a.workspace_id AND m.id = a.model_id AND m.deleted_at IS NULL
		        WHERE a.workspace_id = w.id AND a.deleted_at IS NULL) AS assertion,
		    (SELECT COUNT(*) FROM api_keys
		        WHERE workspace_id = w.id AND scope = 'verifier' AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?)) AS verifier_keys,
		    (SELECT MAX(last_used_at) FROM api_keys WHERE workspace_id = w.id AND scope = 'verifier') AS used,
		    (SELECT MIN(submitted_at) FROM runs WHERE workspace_id = w.id AND from_ci = 1) AS ci_run,
		    (SELECT COUNT(*) FROM members WHERE workspace_id = w.id) AS members,
		    (SELECT joined_at FROM members WHERE workspace_id = w.id ORDER BY joined_at, user_id LIMIT 1 OFFSET 1) AS joined
		FROM workspaces w
		WHERE w.id = ?`, micros(v.now), workspace)
	if missing(err) {
		return SetupFacts{}, NoWorkspace()
	}
	return SetupFacts{
		MCP: optTime(r.MCP), Model: optTime(r.Model), Repo: r.Repos > 0, Assertion: optTime(r.Assertion), VerifierKey: r.Keys > 0,
		VerifierKeyUsed: optTime(r.Used), CIRun: optTime(r.CIRun), Members: r.Members, Joined: optTime(r.Joined),
	}, err
}
