package store

import (
	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/threat"
)

// NoWorkspace is the refusal of a workspace that does not exist, or that is not the caller's to see.
func NoWorkspace() *threat.Error {
	return threat.Errorf(threat.NotFound, "there is no such workspace").In("workspace_id").Hinted("list_workspaces (GET /api/v1/workspaces) names yours")
}

// AddWorkspace adds a workspace without members.
func (t *Tx) AddWorkspace(w account.Workspace) error {
	return t.exec(`INSERT INTO workspaces (id, name, kind, created_at) VALUES (?, ?, ?, ?)`,
		w.ID, w.Name, w.Kind, micros(w.CreatedAt))
}

// RenameWorkspace gives a workspace another name. Errors: [threat.NotFound].
func (t *Tx) RenameWorkspace(workspace, name string) error {
	n, err := t.execN(`UPDATE workspaces SET name = ? WHERE id = ?`, name, workspace)
	if err == nil && n == 0 {
		return NoWorkspace()
	}
	return err
}

// LockWorkspace takes a workspace's row until the transaction ends and raises its revision, so that changes of its members, invitations and
// keys come one after the other. Errors: [threat.NotFound].
func (t *Tx) LockWorkspace(workspace string) error {
	n, err := t.execN(`UPDATE workspaces SET revision = revision + 1 WHERE id = ? AND deleted_at IS NULL`, workspace)
	if err == nil && n == 0 {
		return NoWorkspace()
	}
	return err
}

// WorkspaceRevision is a number that rises with every change of a workspace's name, members, invitations and keys. Errors:
// [threat.NotFound].
func (v *Snapshot) WorkspaceRevision(workspace string) (n int64, err error) {
	if err = v.get(&n, `SELECT revision FROM workspaces WHERE id = ?`, workspace); missing(err) {
		return 0, NoWorkspace()
	}
	return n, err
}

type workspaceRow struct {
	ID        string `db:"id"`
	Name      string `db:"name"`
	Kind      string `db:"kind"`
	Role      string `db:"role"`
	CreatedAt int64  `db:"created_at"`
}

func (r workspaceRow) workspace() account.Workspace {
	return account.Workspace{
		ID: r.ID, Name: r.Name, Kind: account.WorkspaceKind(r.Kind), Role: account.Role(r.Role), CreatedAt: fromMicros(r.CreatedAt),
	}
}

// Seat returns a workspace with a user's role in it. Errors: [threat.NotFound] when the user is not a member, whether it exists or not.
func (v *Snapshot) Seat(workspace, user string) (account.Workspace, error) {
	var r workspaceRow
	err := v.get(&r, `
		SELECT w.id, w.name, w.kind, m.role, w.created_at
		FROM members m
		JOIN workspaces w ON w.id = m.workspace_id
		WHERE m.workspace_id = ? AND m.user_id = ?`, workspace, user)
	if missing(err) {
		return account.Workspace{}, NoWorkspace()
	}
	return r.workspace(), err
}

// UserWorkspaces returns the workspaces that a user is a member of, with the user's role, oldest first.
func (v *Snapshot) UserWorkspaces(user string) ([]account.Workspace, error) {
	var rows []workspaceRow
	err := v.list(&rows, `
		SELECT w.id, w.name, w.kind, m.role, w.created_at
		FROM members m /* any workspace: the user's own are asked for */
		JOIN workspaces w ON w.id = m.workspace_id
		WHERE m.user_id = ?
		ORDER BY w.created_at, w.id`, user)
	if err != nil {
		return nil, err
	}
	out := make([]account.Workspace, len(rows))
	for i, r := range rows {
		out[i] = r.workspace()
	}
	return out, nil
}

// AnyWorkspace returns a workspace by id, without a role, for the operator. Errors: [threat.NotFound].
func (v *Snapshot) AnyWorkspace(id string) (account.Workspace, error) {
	var r workspaceRow
	err := v.get(&r, `SELECT id, name, kind, '' AS role, created_at FROM workspaces WHERE id = ? AND deleted_at IS NULL`, id)
	if missing(err) {
		return account.Workspace{}, NoWorkspace()
	}
	return r.workspace(), err
}

// WorkspaceCount is a workspace with how many people are in it.
type WorkspaceCount struct {
	account.Workspace
	Members int
	Owners  int
}

// AllWorkspaces returns every workspace, the oldest first, for the operator.
func (v *Snapshot) AllWorkspaces() ([]WorkspaceCount, error) {
	var rows []struct {
		workspaceRow
		Members int `db:"members"`
		Owners  int `db:"owners"`
	}
	err := v.list(&rows, `
		SELECT /* any workspace: the operator's own hand */ workspaces.id, name, kind, '' AS role, created_at,
		    COUNT(m.user_id) AS members, COUNT(CASE WHEN m.role = 'owner' THEN 1 END) AS owners
		FROM workspaces
		LEFT JOIN members m ON m.workspace_id = workspaces.id
		WHERE deleted_at IS NULL
		GROUP BY workspaces.id, name, kind, created_at
		ORDER BY created_at, workspaces.id`)
	out := make([]WorkspaceCount, len(rows))
	for i, r := range rows {
		out[i] = WorkspaceCount{r.workspace(), r.Members, r.Owners}
	}
	return out, err
}

// AddMember adds a user to a workspace. Errors: [threat.Conflict] when the user is a member already.
func (t *Tx) AddMember(workspace, user string, role account.Role) error {
	return t.exec(`INSERT INTO members (workspace_id, user_id, role, joined_at) VALUES (?, ?, ?, ?)`,
		workspace, user, role, micros(t.now))
}

// Role returns a user's role in a workspace, or [threat.NotFound] when the user is not a member.
func (v *Snapshot) Role(workspace, user string) (account.Role, error) {
	var role account.Role
	err := v.get(&role, `SELECT role FROM members WHERE workspace_id = ? AND user_id = ?`, workspace, user)
	if missing(err) {
		return "", NoWorkspace()
	}
	return role, err
}

// Members returns the members of a workspace, who joined first first.
func (v *Snapshot) Members(workspace string) ([]account.Membership, error) {
	var rows []struct {
		UserID   string `db:"user_id"`
		Name     string `db:"name"`
		Email    string `db:"email"`
		Role     string `db:"role"`
		Disabled int    `db:"disabled"`
		JoinedAt int64  `db:"joined_at"`
	}
	err := v.list(&rows, `
		SELECT m.user_id, u.name, u.email, m.role, u.disabled, m.joined_at
		FROM members m
		JOIN users u ON u.id = m.user_id
		WHERE m.workspace_id = ?
		ORDER BY m.joined_at, m.user_id`, workspace)
	out := make([]account.Membership, len(rows))
	for i, r := range rows {
		out[i] = account.Membership{
			UserID: r.UserID, Name: r.Name, Email: r.Email, Role: account.Role(r.Role), Disabled: r.Disabled == 1, JoinedAt: fromMicros(r.JoinedAt),
		}
	}
	return out, err
}

// SetRole gives a member another role. Errors: [threat.NotFound].
func (t *Tx) SetRole(workspace, user string, role account.Role) error {
	n, err := t.execN(`UPDATE members SET role = ? WHERE workspace_id = ? AND user_id = ?`, role, workspace, user)
	if err == nil && n == 0 {
		return account.NoMember()
	}
	return err
}

// RemoveMember takes a user out of a workspace. Errors: [threat.NotFound].
func (t *Tx) RemoveMember(workspace, user string) error {
	n, err := t.execN(`DELETE FROM members WHERE workspace_id = ? AND user_id = ?`, workspace, user)
	if err == nil && n == 0 {
		return account.NoMember()
	}
	return err
}
