package store

import (
	"database/sql"
	"time"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/threat"
)

// NoInvitation is the refusal of an invitation that does not exist, or that is not the caller's to see.
func NoInvitation() *threat.Error {
	return threat.Errorf(threat.NotFound, "there is no such invitation").In("invitation_id").Hinted("GET /api/v1/invitations lists those that wait for you")
}

type invitationRow struct {
	ID            string         `db:"id"`
	WorkspaceID   string         `db:"workspace_id"`
	WorkspaceName string         `db:"workspace_name"`
	Email         string         `db:"email"`
	Role          string         `db:"role"`
	State         string         `db:"state"`
	InvitedBy     string         `db:"invited_by"`
	InvitedByName sql.NullString `db:"invited_by_name"`
	CreatedAt     int64          `db:"created_at"`
	ExpiresAt     int64          `db:"expires_at"`
	EndedAt       sql.NullInt64  `db:"ended_at"`
}

func (r invitationRow) invitation(now time.Time) account.Invitation {
	i := account.Invitation{
		ID: r.ID, WorkspaceID: r.WorkspaceID, WorkspaceName: r.WorkspaceName, Email: r.Email, Role: account.Role(r.Role), State: account.InvitationState(r.State),
		InvitedBy: r.InvitedBy, InvitedByName: r.InvitedByName.String, CreatedAt: fromMicros(r.CreatedAt), ExpiresAt: fromMicros(r.ExpiresAt), EndedAt: optTime(r.EndedAt),
	}
	if i.State == account.Pending && !now.Before(i.ExpiresAt) {
		i.State = account.Expired
	}
	return i
}

const invitationColumns = `i.id, i.workspace_id, i.email, i.role, i.state, i.invited_by, i.created_at, i.expires_at, i.ended_at,
	    (SELECT w.name FROM workspaces w WHERE w.id = i.workspace_id) AS workspace_name,
	    (SELECT u.name FROM users u WHERE u.id = i.invited_by) AS invited_by_name`

// AddInvitation adds a pending invitation; one that is pending for the same address, or has expired so, takes its role, life and inviter and
// keeps its id. It returns the id.
func (t *Tx) AddInvitation(workspace string, i account.Invitation) (id string, err error) {
	err = t.get(&id, `
		INSERT INTO invitations (id, workspace_id, email, role, state, invited_by, created_at, expires_at)
		VALUES (?, ?, ?, ?, 'pending', ?, ?, ?)
		ON CONFLICT (workspace_id, email) WHERE state = 'pending'
		DO UPDATE SET role = excluded.role, invited_by = excluded.invited_by, expires_at = excluded.expires_at
		RETURNING id`,
		i.ID, workspace, i.Email, i.Role, i.InvitedBy, micros(t.now), micros(i.ExpiresAt))
	return id, err
}

// Invitations returns the invitations of a workspace, the newest first.
func (v *Snapshot) Invitations(workspace string) ([]account.Invitation, error) {
	return v.invitations(`SELECT `+invitationColumns+` FROM invitations i WHERE i.workspace_id = ? ORDER BY i.created_at DESC, i.id DESC`, workspace)
}

// InvitationsTo returns the pending invitations to an address, in whatever workspace, the newest first. Expired ones are left out.
func (v *Snapshot) InvitationsTo(email string) ([]account.Invitation, error) {
	return v.invitations(`
		SELECT `+invitationColumns+`
		FROM invitations i
		WHERE i.email = ? /* any workspace: the address's own are asked for */ AND i.state = 'pending' AND i.expires_at > ?
		ORDER BY i.created_at DESC, i.id DESC`, email, micros(v.now))
}

// InvitationTo returns an invitation to an address by id, in whatever state and workspace. Errors: [threat.NotFound].
func (v *Snapshot) InvitationTo(email, id string) (account.Invitation, error) {
	return one(v.invitations(`SELECT `+invitationColumns+` FROM invitations i WHERE i.id = ? AND i.email = ? /* any workspace: the address's own */`, id, email))
}

// Invitation returns one invitation of a workspace. Errors: [threat.NotFound].
func (v *Snapshot) Invitation(workspace, id string) (account.Invitation, error) {
	return one(v.invitations(`SELECT `+invitationColumns+` FROM invitations i WHERE i.workspace_id = ? AND i.id = ?`, workspace, id))
}

func one(list []account.Invitation, err error) (account.Invitation, error) {
	if err == nil && len(list) == 0 {
		err = NoInvitation()
	}
	if err != nil {
		return account.Invitation{}, err
	}
	return list[0], nil
}

func (v *Snapshot) invitations(query string, args ...any) ([]account.Invitation, error) {
	var rows []invitationRow
	if err := v.list(&rows, query, args...); err != nil {
		return nil, err
	}
	out := make([]account.Invitation, len(rows))
	for i, r := range rows {
		out[i] = r.invitation(v.now)
	}
	return out, nil
}

// EndInvitation ends a pending invitation. Errors: [threat.NotFound].
func (t *Tx) EndInvitation(workspace, id string, state account.InvitationState) error {
	n, err := t.execN(`UPDATE invitations SET state = ?, ended_at = ? WHERE workspace_id = ? AND id = ? AND state = 'pending'`,
		state, micros(t.now), workspace, id)
	if err == nil && n == 0 {
		return NoInvitation()
	}
	return err
}

// WithdrawInvitationsBy withdraws the pending invitations that a user made to a workspace, and returns how many.
func (t *Tx) WithdrawInvitationsBy(workspace, user string) (int, error) {
	n, err := t.execN(`UPDATE invitations SET state = 'withdrawn', ended_at = ? WHERE workspace_id = ? AND invited_by = ? AND state = 'pending'`,
		micros(t.now), workspace, user)
	return int(n), err
}

// PurgeInvitations removes what ended, or expired, before a time.
func (t *Tx) PurgeInvitations(before time.Time) (int, error) {
	n, err := t.execN(`
		DELETE FROM invitations /* any workspace: housekeeping */
		WHERE expires_at < ?`, micros(before))
	return int(n), err
}
