package store

import "time"

// IdempotencyLife is how long a first answer is kept (specification §3).
const IdempotencyLife = 24 * time.Hour

// FirstAnswer returns what was answered to the first call with an idempotency key, and the digest of its arguments. ok is
// false when there was none within [IdempotencyLife].
func (v *Snapshot) FirstAnswer(workspace, keyID, tool, idemKey string) (arguments, answer string, ok bool, err error) {
	var r struct {
		Arguments string `db:"arguments"`
		Answer    string `db:"answer"`
	}
	err = v.get(&r, `
		SELECT arguments, answer
		FROM idempotency
		WHERE workspace_id = ? AND key_id = ? AND tool = ? AND idem_key = ? AND created_at > ?`,
		workspace, keyID, tool, idemKey, micros(v.now.Add(-IdempotencyLife)))
	if missing(err) {
		return "", "", false, nil
	}
	return r.Arguments, r.Answer, err == nil, err
}

// KeepAnswer keeps the first answer of a call, in place of one that is past its life. Errors: [threat.Conflict] when one is
// kept that is not.
func (t *Tx) KeepAnswer(workspace, keyID, tool, idemKey, arguments, answer string) error {
	n, err := t.execN(`
		INSERT INTO idempotency (workspace_id, key_id, tool, idem_key, arguments, answer, created_at)
		VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (workspace_id, key_id, tool, idem_key)
		DO UPDATE SET arguments = excluded.arguments, answer = excluded.answer, created_at = excluded.created_at
		WHERE idempotency.created_at <= ?`,
		workspace, keyID, tool, idemKey, arguments, answer, micros(t.now), micros(t.now.Add(-IdempotencyLife)))
	if err == nil && n == 0 {
		return clash()
	}
	return err
}

// PurgeAnswers removes answers that are past their life, in every workspace.
func (t *Tx) PurgeAnswers() error {
	return t.exec(`DELETE FROM idempotency /* any workspace: housekeeping */ WHERE created_at <= ?`, micros(t.now.Add(-IdempotencyLife)))
}
