package store

import (
	"time"

	"github.com/redoubt-dev/redoubt/threat"
)

// SetUserDisabled disables or enables a user. Errors: [threat.NotFound].
func (t *Tx) SetUserDisabled(id string, disabled bool) error {
	n, err := t.execN(`UPDATE users SET disabled = ? WHERE id = ?`, flag(disabled), id)
	if err == nil && n == 0 {
		return threat.Errorf(threat.NotFound, "there is no such user")
	}
	return err
}

// RevokeUserKeys revokes all keys of a user, in every workspace, and returns how many were accepted until now.
func (t *Tx) RevokeUserKeys(user string) (int, error) {
	n, err := t.execN(`
		UPDATE api_keys SET revoked_at = ? /* any workspace: the user's own keys */
		WHERE user_id = ? AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?)`, micros(t.now), user, micros(t.now))
	return int(n), err
}

// ActiveUsers counts the users who used a key since a time.
func (v *Snapshot) ActiveUsers(since time.Time) (n int, err error) {
	err = v.get(&n, `
		SELECT COUNT(*) FROM users
		WHERE EXISTS (SELECT 1 FROM api_keys k /* any workspace: the instance's summary */ WHERE k.user_id = users.id AND k.last_used_at >= ?)`, micros(since))
	return n, err
}
