package store

import (
	"time"

	"github.com/redoubt-dev/redoubt/threat"
)

// Activity is one write, or one refused write of a known caller: who, what, when, on which object.
type Activity struct {
	ID      string
	At      time.Time
	UserID  string
	KeyID   string
	Verb    string
	Outcome string // "done" or "refused"
	Code    threat.Code
	ModelID string
	Version int
	Object  string
	Detail  string // JSON
}

// AddActivity appends to a workspace's activity.
func (t *Tx) AddActivity(workspace string, a Activity) error {
	if a.Detail == "" {
		a.Detail = "{}"
	}
	return t.exec(`
		INSERT INTO activity (id, workspace_id, at, user_id, key_id, verb, outcome, code, model_id, version, object, detail)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		a.ID, workspace, micros(t.now), a.UserID, a.KeyID, a.Verb, a.Outcome, a.Code, a.ModelID, a.Version, a.Object, a.Detail)
}

// Activity returns a page of a workspace's activity, newest first, and how many rows there are. An empty model means all.
func (v *Snapshot) Activity(workspace, model string, limit, offset int) ([]Activity, int, error) {
	rows, counts, err := v.FilteredActivity(workspace, ActivityFilter{Model: model}, limit, offset)
	total := 0
	for _, n := range counts {
		total += n
	}
	return rows, total, err
}

// ActivityFilter narrows the activity. Zero fields do not narrow. Object is one id; a row that names several, as "C1, C2", has each.
type ActivityFilter struct {
	Model, Verb, Outcome, User, Object string
	Since, Until                       *time.Time
}

// FilteredActivity returns a page of a workspace's activity, the newest first, and how many rows there are by outcome.
func (v *Snapshot) FilteredActivity(workspace string, f ActivityFilter, limit, offset int) ([]Activity, map[string]int, error) {
	const where = `workspace_id = ? AND (? = '' OR model_id = ?) AND (? = '' OR verb = ?) AND (? = '' OR outcome = ?)
		AND (? = '' OR user_id = ?) AND (? = '' OR REPLACE(', ' || object || ', ', ?, '') <> ', ' || object || ', ') AND at >= ? AND at <= ?`
	since, until := int64(0), int64(1)<<60
	if f.Since != nil {
		since = micros(*f.Since)
	}
	if f.Until != nil {
		until = micros(*f.Until)
	}
	args := []any{workspace, f.Model, f.Model, f.Verb, f.Verb, f.Outcome, f.Outcome, f.User, f.User, f.Object, ", " + f.Object + ", ", since, until}
	var counts []struct {
		Outcome string `db:"outcome"`
		N       int    `db:"n"`
	}
	if err := v.list(&counts, `SELECT outcome, COUNT(*) AS n FROM activity WHERE `+where+` GROUP BY outcome`, args...); err != nil {
		return nil, nil, err
	}
	byOutcome := map[string]int{}
	for _, c := range counts {
		byOutcome[c.Outcome] = c.N
	}
	if limit == 0 {
		return nil, byOutcome, nil
	}
	var rows []struct {
		ID      string      `db:"id"`
		At      int64       `db:"at"`
		UserID  string      `db:"user_id"`
		KeyID   string      `db:"key_id"`
		Verb    string      `db:"verb"`
		Outcome string      `db:"outcome"`
		Code    threat.Code `db:"code"`
		ModelID string      `db:"model_id"`
		Version int         `db:"version"`
		Object  string      `db:"object"`
		Detail  string      `db:"detail"`
	}
	err := v.list(&rows, `
		SELECT id, at, user_id, key_id, verb, outcome, code, model_id, version, object, detail
		FROM activity WHERE `+where+`
		ORDER BY id DESC LIMIT ? OFFSET ?`, append(args, limit, offset)...)
	out := make([]Activity, len(rows))
	for i, r := range rows {
		out[i] = Activity{r.ID, fromMicros(r.At), r.UserID, r.KeyID, r.Verb, r.Outcome, r.Code, r.ModelID, r.Version, r.Object, r.Detail}
	}
	return out, byOutcome, err
}
