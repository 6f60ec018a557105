package store

import (
	"time"

	"github.com/redoubt-dev/redoubt/threat"
)

// ReferralCode is a code with which somebody can sign up.
type ReferralCode struct {
	Code      string
	UserID    string // who holds it
	Month     time.Time
	ExpiresAt time.Time
}

// AddReferralCode adds a code that a user earned for a month.
func (t *Tx) AddReferralCode(c ReferralCode) error {
	return t.exec(`INSERT INTO referral_codes (code, user_id, month, created_at, expires_at) VALUES (?, ?, ?, ?, ?)`,
		c.Code, c.UserID, micros(c.Month), micros(t.now), micros(c.ExpiresAt))
}

// ReferralCodes returns the codes of a user that can be used now, the first that expires first.
func (v *Snapshot) ReferralCodes(user string) ([]ReferralCode, error) {
	return v.referralCodes(`
		SELECT code, user_id, month, expires_at FROM referral_codes
		WHERE user_id = ? AND used_at IS NULL AND expires_at > ? ORDER BY expires_at, code`, user, micros(v.now))
}

// ReferralCode returns a code that can be used now. Errors: [threat.NotFound].
func (v *Snapshot) ReferralCode(code string) (ReferralCode, error) {
	codes, err := v.referralCodes(`
		SELECT code, user_id, month, expires_at FROM referral_codes
		WHERE code = ? AND used_at IS NULL AND expires_at > ?`, code, micros(v.now))
	if err == nil && len(codes) == 0 {
		return ReferralCode{}, threat.Errorf(threat.NotFound, "there is no such code, or it was used or has expired").In("referral")
	}
	if err != nil {
		return ReferralCode{}, err
	}
	return codes[0], nil
}

func (v *Snapshot) referralCodes(query string, args ...any) ([]ReferralCode, error) {
	var rows []struct {
		Code      string `db:"code"`
		UserID    string `db:"user_id"`
		Month     int64  `db:"month"`
		ExpiresAt int64  `db:"expires_at"`
	}
	err := v.list(&rows, query, args...)
	out := make([]ReferralCode, len(rows))
	for i, r := range rows {
		out[i] = ReferralCode{r.Code, r.UserID, fromMicros(r.Month), fromMicros(r.ExpiresAt)}
	}
	return out, err
}

// UseReferralCode marks a code used by a new user. ok is false when it was used before, or has expired.
func (t *Tx) UseReferralCode(code, by string) (ok bool, err error) {
	n, err := t.execN(`
		UPDATE referral_codes SET used_by = ?, used_at = ? WHERE code = ? AND used_at IS NULL AND expires_at > ?`, by, micros(t.now), code, micros(t.now))
	return n == 1, err
}

// BeginReferrals records that codes are given out for a month. first is false when they were before.
func (t *Tx) BeginReferrals(month time.Time) (first bool, err error) {
	n, err := t.execN(`INSERT INTO referral_months (month, created_at) VALUES (?, ?) ON CONFLICT (month) DO NOTHING`, micros(month), micros(t.now))
	return n == 1, err
}

// ReferralsBegun reports whether codes were given out for a month.
func (v *Snapshot) ReferralsBegun(month time.Time) (bool, error) {
	var n int
	err := v.get(&n, `SELECT COUNT(*) FROM referral_months WHERE month = ?`, micros(month))
	return n > 0, err
}

// MostRequests returns the users that made the most requests to language models from one time to another, those that the cache answered left
// out, the one with the most first. Users who are disabled are left out.
func (v *Snapshot) MostRequests(from, to time.Time, limit int) ([]string, error) {
	var users []string
	err := v.list(&users, `
		SELECT c.user_id FROM llm_calls c /* any workspace: requests are of users */
		JOIN users u ON u.id = c.user_id AND u.disabled = 0
		WHERE c.created_at >= ? AND c.created_at < ? AND c.cached = 0
		GROUP BY c.user_id ORDER BY COUNT(*) DESC, c.user_id LIMIT ?`, micros(from), micros(to), limit)
	return users, err
}
