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
	return v.oneUser(`SELECT `+userColumns+` FROM users WHERE id = ? AND deleted_at IS NULL`, id)
}

// UserByEmail returns a user by lower-case address. Errors: [threat.NotFound].
func (v *Snapshot) UserByEmail(email string) (account.User, error) {
	return v.oneUser(`SELECT `+userColumns+` FROM users WHERE email = ? AND deleted_at IS NULL`, email)
}

// FirstAdmin returns the oldest enabled instance administrator. Errors: [threat.NotFound] on an empty database.
func (v *Snapshot) FirstAdmin() (account.User, error) {
	return v.oneUser(`SELECT ` + userColumns + ` FROM users WHERE instance_admin = 1 AND disabled = 0 AND deleted_at IS NULL ORDER BY created_at, id LIMIT 1`)
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
	if err := v.list(&rows, `SELECT `+userColumns+` FROM users WHERE deleted_at IS NULL ORDER BY created_at, id`); err != nil {
		return nil, err
	}
	out := make([]account.User, len(rows))
	for i, r := range rows {
		out[i] = r.user()
	}
	return out, nil
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
	MCPSince    sql.NullInt64 `db:"mcp_since"`
}

func (r keyRow) key() account.Key {
	return account.Key{
		ID: r.ID, WorkspaceID: r.WorkspaceID, UserID: r.UserID, Name: r.Name, Scope: account.Scope(r.Scope),
		Decide: r.Decide == 1, Shown: r.Shown, CreatedAt: fromMicros(r.CreatedAt),
		ExpiresAt: optTime(r.ExpiresAt), RevokedAt: optTime(r.RevokedAt), LastUsedAt: optTime(r.LastUsedAt), MCPSince: optTime(r.MCPSince),
	}
}

const keyColumns = `id, workspace_id, user_id, name, scope, decide, shown, created_at, expires_at, revoked_at, last_used_at, mcp_since`

// AddKey adds a key under the hash of its secret.
func (t *Tx) AddKey(k account.Key, hash string) error {
	return t.exec(`
		INSERT INTO api_keys (id, workspace_id, user_id, name, scope, decide, hash, shown, created_at, expires_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		k.ID, k.WorkspaceID, k.UserID, k.Name, k.Scope, flag(k.Decide), hash, k.Shown, micros(k.CreatedAt), optMicros(k.ExpiresAt))
}

// KeyHolder is a key and what the caller's principal takes from its user and the user's place in the key's workspace.
type KeyHolder struct {
	Key           account.Key
	UserName      string
	Role          account.Role
	InstanceAdmin bool
	Disabled      bool
}

// KeyByHash returns the key with a hash and its user, in whatever workspace. A key of somebody who is no member of its workspace is none.
// Errors: [threat.NotFound].
func (v *Snapshot) KeyByHash(hash string) (KeyHolder, error) {
	var r struct {
		keyRow
		UserName      string `db:"user_name"`
		Role          string `db:"role"`
		InstanceAdmin int    `db:"instance_admin"`
		Disabled      int    `db:"disabled"`
	}
	err := v.get(&r, `
		SELECT /* any workspace: this tells which */
		    k.id, k.workspace_id, k.user_id, k.name, k.scope, k.decide, k.shown,
		    k.created_at, k.expires_at, k.revoked_at, k.last_used_at, k.mcp_since,
		    u.name AS user_name, u.instance_admin, u.disabled, m.role
		FROM api_keys k
		JOIN users u ON u.id = k.user_id
		JOIN members m ON m.workspace_id = k.workspace_id AND m.user_id = k.user_id
		WHERE k.hash = ?`, hash)
	if missing(err) {
		return KeyHolder{}, NoKey()
	}
	return KeyHolder{Key: r.key(), UserName: r.UserName, Role: account.Role(r.Role), InstanceAdmin: r.InstanceAdmin == 1, Disabled: r.Disabled == 1}, err
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

// NoKey is the refusal of a key that does not exist, or that is not the caller's to see.
func NoKey() *threat.Error {
	return threat.Errorf(threat.NotFound, "there is no such key").
		Hinted("GET /api/v1/keys lists yours of this workspace, GET /api/v1/workspaces/{workspace_id}/keys those of another")
}

// Key returns one key of a workspace. Errors: [threat.NotFound].
func (v *Snapshot) Key(workspace, id string) (account.Key, error) {
	var r keyRow
	err := v.get(&r, `SELECT `+keyColumns+` FROM api_keys WHERE workspace_id = ? AND id = ?`, workspace, id)
	if missing(err) {
		return account.Key{}, NoKey()
	}
	return r.key(), err
}

// AnyKey returns a key by id in whatever workspace, for the operator. Errors: [threat.NotFound].
func (v *Snapshot) AnyKey(id string) (account.Key, error) {
	var r keyRow
	err := v.get(&r, `SELECT `+keyColumns+` FROM api_keys /* any workspace: the operator's own hand */ WHERE id = ?`, id)
	if missing(err) {
		return account.Key{}, NoKey()
	}
	return r.key(), err
}

// RevokeKey revokes a key from now on. Revoking it again changes nothing. Errors: [threat.NotFound].
func (t *Tx) RevokeKey(workspace, id string) error {
	n, err := t.execN(`UPDATE api_keys SET revoked_at = COALESCE(revoked_at, ?) WHERE workspace_id = ? AND id = ?`,
		micros(t.now), workspace, id)
	if err == nil && n == 0 {
		return NoKey()
	}
	return err
}

// RevokeMemberKeys revokes the keys of a user in one workspace, of one scope or, when it is empty, all, and returns how many were accepted
// until now.
func (t *Tx) RevokeMemberKeys(workspace, user string, scope account.Scope) (int, error) {
	n, err := t.execN(`
		UPDATE api_keys SET revoked_at = ?
		WHERE workspace_id = ? AND user_id = ? AND (scope = ? OR ? = '') AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?)`,
		micros(t.now), workspace, user, scope, scope, micros(t.now))
	return int(n), err
}

// TouchKey notes that a key was used, and whether by an MCP client.
func (t *Tx) TouchKey(workspace, id string, at time.Time, mcp bool) error {
	var since any
	if mcp {
		since = micros(at)
	}
	return t.exec(`UPDATE api_keys SET last_used_at = ?, mcp_since = COALESCE(mcp_since, ?) WHERE workspace_id = ? AND id = ?`,
		micros(at), since, workspace, id)
}
