package store

// Contents says how much is in a workspace.
type Contents struct {
	Members      int `json:"members" db:"members"`
	Keys         int `json:"keys" db:"api_keys"`
	Models       int `json:"threat_models" db:"models"` // with the hidden ones
	Versions     int `json:"versions" db:"model_versions"`
	Controls     int `json:"controls" db:"controls"`
	Assertions   int `json:"assertions" db:"assertions"`
	Runs         int `json:"runs" db:"runs"`
	Findings     int `json:"findings" db:"findings"`
	Systems      int `json:"systems" db:"systems"`
	Frameworks   int `json:"frameworks" db:"frameworks"`
	ChatSessions int `json:"chat_sessions" db:"chat_sessions"`
	Jobs         int `json:"jobs" db:"jobs"`
	Activity     int `json:"activity" db:"activity"`
	LLMCalls     int `json:"llm_calls" db:"llm_calls"`
}

// Contents counts what is in a workspace, deleted things that are kept for now included.
func (v *Snapshot) Contents(workspace string) (c Contents, err error) {
	err = v.get(&c, `
		SELECT
		    (SELECT COUNT(*) FROM members WHERE workspace_id = w.id) AS members,
		    (SELECT COUNT(*) FROM api_keys WHERE workspace_id = w.id) AS api_keys,
		    (SELECT COUNT(*) FROM models WHERE workspace_id = w.id) AS models,
		    (SELECT COUNT(*) FROM model_versions WHERE workspace_id = w.id) AS model_versions,
		    (SELECT COUNT(*) FROM controls WHERE workspace_id = w.id) AS controls,
		    (SELECT COUNT(*) FROM assertions WHERE workspace_id = w.id) AS assertions,
		    (SELECT COUNT(*) FROM runs WHERE workspace_id = w.id) AS runs,
		    (SELECT COUNT(*) FROM findings WHERE workspace_id = w.id) AS findings,
		    (SELECT COUNT(*) FROM systems WHERE workspace_id = w.id) AS systems,
		    (SELECT COUNT(*) FROM frameworks WHERE workspace_id = w.id) AS frameworks,
		    (SELECT COUNT(*) FROM chat_sessions WHERE workspace_id = w.id) AS chat_sessions,
		    (SELECT COUNT(*) FROM jobs WHERE workspace_id = w.id) AS jobs,
		    (SELECT COUNT(*) FROM activity WHERE workspace_id = w.id) AS activity,
		    (SELECT COUNT(*) FROM llm_calls WHERE workspace_id = w.id) AS llm_calls
		FROM workspaces w WHERE w.id = ?`, workspace)
	if missing(err) {
		return c, NoWorkspace()
	}
	return c, err
}

// WorkspaceState changes with every write to anything of a workspace.
type WorkspaceState struct {
	Workspace string   `json:"workspace"`
	Members   []string `json:"members"` // user and role
	Models    int      `json:"models"`
	Stamps    int64    `json:"stamps"` // sum of what rises with every write to anything of a model
	Newest    string   `json:"newest"` // id of the newest activity that was done
}

// WorkspaceState returns the state of a workspace, without the activity of some verbs, which change nothing.
func (v *Snapshot) WorkspaceState(workspace string, without []string) (s WorkspaceState, err error) {
	s.Workspace = workspace
	var models struct {
		N      int   `db:"n"`
		Stamps int64 `db:"stamps"`
	}
	if err := v.get(&models, `SELECT COUNT(*) AS n, COALESCE(CAST(SUM(stamp) AS BIGINT), 0) AS stamps FROM models WHERE workspace_id = ?`, workspace); err != nil {
		return s, err
	}
	s.Models, s.Stamps = models.N, models.Stamps
	if err := v.list(&s.Members, `SELECT user_id || ' ' || role FROM members WHERE workspace_id = ? ORDER BY user_id`, workspace); err != nil {
		return s, err
	}
	args := []any{workspace}
	for _, verb := range without {
		args = append(args, verb)
	}
	err = v.get(&s.Newest, `
		SELECT id FROM activity
		WHERE workspace_id = ? AND outcome = 'done' AND verb NOT IN (`+marks(len(without))+`)
		ORDER BY id DESC LIMIT 1`, args...)
	if missing(err) {
		err = nil
	}
	return s, err
}

// UserKeys counts the keys of a user in all workspaces that are accepted.
func (v *Snapshot) UserKeys(user string) (n int, err error) {
	err = v.get(&n, `
		SELECT COUNT(*) FROM api_keys /* any workspace: the user's own */
		WHERE user_id = ? AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?)`, user, micros(v.now))
	return n, err
}
