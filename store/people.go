package store

import (
	"database/sql"
	"time"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/threat"
)

type userRow struct {
	ID                string `db:"id"`
	Email             string `db:"email"`
	Name              string `db:"name"`
	InstanceAdmin     int    `db:"instance_admin"`
	Disabled          int    `db:"disabled"`
	PersonalWorkspace string `db:"personal_workspace"`
	CreatedAt         int64  `db:"created_at"`
}

func (r userRow) user() account.User {
	return account.User{
		ID: r.ID, Email: r.Email, Name: r.Name, InstanceAdmin: r.InstanceAdmin == 1, Disabled: r.Disabled == 1,
		PersonalWorkspace: r.PersonalWorkspace, CreatedAt: fromMicros(r.CreatedAt),
	}
}

const userColumns = `id, email, name, instance_admin, disabled, personal_workspace, created_at`

// AddUser adds a user; the personal workspace exists already. Errors: [threat.Conflict] when the address is taken.
func (t *Tx) AddUser(u account.User) error {
	return t.exec(`INSERT INTO users (`+userColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		u.ID, u.Email, u.Name, flag(u.InstanceAdmin), flag(u.Disabled), u.PersonalWorkspace, micros(u.CreatedAt))
}

// User returns a user by id. Errors: [threat.NotFound].
func (v *Snapshot) User(id string) (account.User, error) {
	return v.oneUser(`SELECT `+userColumns+` FROM users WHERE id = ?`, id)
}

// UserByEmail returns a user by lower-case address. Errors: [threat.NotFound].
func (v *Snapshot) UserByEmail(email string) (account.User, error) {
	return v.oneUser(`SELECT `+userColumns+` FROM users WHERE email = ?`, email)
}

// FirstAdmin returns the oldest enabled instance administrator. Errors: [threat.NotFound] on an empty database.
func (v *Snapshot) FirstAdmin() (account.User, error) {
	return v.oneUser(`SELECT ` + userColumns + ` FROM users WHERE instance_admin = 1 AND disabled = 0 ORDER BY created_at, id LIMIT 1`)
}

func (v *Snapshot) oneUser(query string, args ...any) (account.User, error) {
	var r userRow
	if err := v.get(&r, query, args...); missing(err) {
		return account.User{}, threat.Errorf(threat.NotFound, "there is no such user")
	} else if err != nil {
		return account.User{}, err
	}
	return r.user(), nil
}

// Users returns all users, oldest first.
func (v *Snapshot) Users() ([]account.User, error) {
	var rows []userRow
	if err := v.list(&rows, `SELECT `+userColumns+` FROM users ORDER BY created_at, id`); err != nil {
		return nil, err
	}
	out := make([]account.User, len(rows))
	for i, r := range rows {
		out[i] = r.user()
	}
	return out, nil
}

// AddWorkspace adds a workspace without members.
func (t *Tx) AddWorkspace(w account.Workspace) error {
	return t.exec(`INSERT INTO workspaces (id, name, kind, created_at) VALUES (?, ?, ?, ?)`,
		w.ID, w.Name, w.Kind, micros(w.CreatedAt))
}

// AddMember adds a user to a workspace. Errors: [threat.Conflict] when the user is a member already.
func (t *Tx) AddMember(workspace, user string, role account.Role) error {
	return t.exec(`INSERT INTO members (workspace_id, user_id, role, joined_at) VALUES (?, ?, ?, ?)`,
		workspace, user, role, micros(t.now))
}

type workspaceRow struct {
	ID        string         `db:"id"`
	Name      string         `db:"name"`
	Kind      string         `db:"kind"`
	Role      sql.NullString `db:"role"`
	CreatedAt int64          `db:"created_at"`
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
		out[i] = account.Workspace{
			ID: r.ID, Name: r.Name, Kind: account.WorkspaceKind(r.Kind), Role: account.Role(r.Role.String), CreatedAt: fromMicros(r.CreatedAt),
		}
	}
	return out, nil
}

// Role returns a user's role in a workspace, or [threat.NotFound] when the user is not a member.
func (v *Snapshot) Role(workspace, user string) (account.Role, error) {
	var role account.Role
	err := v.get(&role, `SELECT role FROM members WHERE workspace_id = ? AND user_id = ?`, workspace, user)
	if missing(err) {
		return "", threat.Errorf(threat.NotFound, "there is no such workspace")
	}
	return role, err
}

type keyRow struct {
	ID          string        `db:"id"`
	WorkspaceID string        `db:"workspace_id"`
	UserID      string        `db:"user_id"`
	Name        string        `db:"name"`
	Scope       string        `db:"scope"`
	Decide      int           `db:"decide"`
	Shown       string        `db:"shown"`
	CreatedAt   int64         `db:"created_at"`
	ExpiresAt   sql.NullInt64 `db:"expires_at"`
	RevokedAt   sql.NullInt64 `db:"revoked_at"`
	LastUsedAt  sql.NullInt64 `db:"last_used_at"`
}

func (r keyRow) key() account.Key {
	return account.Key{
		ID: r.ID, WorkspaceID: r.WorkspaceID, UserID: r.UserID, Name: r.Name, Scope: account.Scope(r.Scope),
		Decide: r.Decide == 1, Shown: r.Shown, CreatedAt: fromMicros(r.CreatedAt),
		ExpiresAt: optTime(r.ExpiresAt), RevokedAt: optTime(r.RevokedAt), LastUsedAt: optTime(r.LastUsedAt),
	}
}

const keyColumns = `id, workspace_id, user_id, name, scope, decide, shown, created_at, expires_at, revoked_at, last_used_at`

// AddKey adds a key under the hash of its secret.
func (t *Tx) AddKey(k account.Key, hash string) error {
	return t.exec(`
		INSERT INTO api_keys (id, workspace_id, user_id, name, scope, decide, hash, shown, created_at, expires_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		k.ID, k.WorkspaceID, k.UserID, k.Name, k.Scope, flag(k.Decide), hash, k.Shown, micros(k.CreatedAt), optMicros(k.ExpiresAt))
}

// KeyHolder is a key and what the caller's principal takes from its user.
type KeyHolder struct {
	Key           account.Key
	UserName      string
	InstanceAdmin bool
	Disabled      bool
}

// KeyByHash returns the key with a hash and its user, in whatever workspace. Errors: [threat.NotFound].
func (v *Snapshot) KeyByHash(hash string) (KeyHolder, error) {
	var r struct {
		keyRow
		UserName      string `db:"user_name"`
		InstanceAdmin int    `db:"instance_admin"`
		Disabled      int    `db:"disabled"`
	}
	err := v.get(&r, `
		SELECT /* any workspace: this tells which */
		    k.id, k.workspace_id, k.user_id, k.name, k.scope, k.decide, k.shown,
		    k.created_at, k.expires_at, k.revoked_at, k.last_used_at,
		    u.name AS user_name, u.instance_admin, u.disabled
		FROM api_keys k
		JOIN users u ON u.id = k.user_id
		WHERE k.hash = ?`, hash)
	if missing(err) {
		return KeyHolder{}, threat.Errorf(threat.NotFound, "there is no such key")
	}
	return KeyHolder{Key: r.key(), UserName: r.UserName, InstanceAdmin: r.InstanceAdmin == 1, Disabled: r.Disabled == 1}, err
}

// Keys returns the keys of a workspace, of one user or, when user is empty, of all, oldest first.
func (v *Snapshot) Keys(workspace, user string) ([]account.Key, error) {
	var rows []keyRow
	err := v.list(&rows, `SELECT `+keyColumns+` FROM api_keys WHERE workspace_id = ? AND (user_id = ? OR ? = '') ORDER BY created_at, id`,
		workspace, user, user)
	if err != nil {
		return nil, err
	}
	out := make([]account.Key, len(rows))
	for i, r := range rows {
		out[i] = r.key()
	}
	return out, nil
}

// Key returns one key of a workspace. Errors: [threat.NotFound].
func (v *Snapshot) Key(workspace, id string) (account.Key, error) {
	var r keyRow
	err := v.get(&r, `SELECT `+keyColumns+` FROM api_keys WHERE workspace_id = ? AND id = ?`, workspace, id)
	if missing(err) {
		return account.Key{}, threat.Errorf(threat.NotFound, "there is no such key")
	}
	return r.key(), err
}

// AnyKey returns a key by id in whatever workspace, for the operator. Errors: [threat.NotFound].
func (v *Snapshot) AnyKey(id string) (account.Key, error) {
	var r keyRow
	err := v.get(&r, `SELECT `+keyColumns+` FROM api_keys /* any workspace: the operator's own hand */ WHERE id = ?`, id)
	if missing(err) {
		return account.Key{}, threat.Errorf(threat.NotFound, "there is no such key")
	}
	return r.key(), err
}

// RevokeKey revokes a key from now on. Revoking it again changes nothing. Errors: [threat.NotFound].
func (t *Tx) RevokeKey(workspace, id string) error {
	n, err := t.execN(`UPDATE api_keys SET revoked_at = COALESCE(revoked_at, ?) WHERE workspace_id = ? AND id = ?`,
		micros(t.now), workspace, id)
	if err == nil && n == 0 {
		return threat.Errorf(threat.NotFound, "there is no such key")
	}
	return err
}

// TouchKey notes that a key was used.
func (t *Tx) TouchKey(workspace, id string, at time.Time) error {
	return t.exec(`UPDATE api_keys SET last_used_at = ? WHERE workspace_id = ? AND id = ?`, micros(at), workspace, id)
}
