package store

import (
	"time"

	"github.com/redoubt-dev/redoubt/threat"
)

// AssumptionEvent is one state change of an assumption.
type AssumptionEvent struct {
	Assumption threat.ID
	State      threat.AssumptionState
	Reason     string
	UserID     string
	Version    int
	At         time.Time
}

// AddAssumptionEvent appends to an assumption's history.
func (t *Tx) AddAssumptionEvent(workspace, model string, e AssumptionEvent) error {
	return t.exec(`
		INSERT INTO assumption_events (workspace_id, model_id, assumption_id, seq, state, reason, user_id, version, at)
		SELECT ?, ?, ?, COALESCE(MAX(seq), 0) + 1, ?, ?, ?, ?, ?
		FROM assumption_events
		WHERE workspace_id = ? AND model_id = ? AND assumption_id = ?`,
		workspace, model, e.Assumption, e.State, e.Reason, e.UserID, e.Version, micros(t.now),
		workspace, model, e.Assumption)
}

// AssumptionStates returns the newest event of every assumption that has one. An assumption of the head without an event
// is active.
func (v *Snapshot) AssumptionStates(workspace, model string) (map[threat.ID]AssumptionEvent, error) {
	var rows []struct {
		Assumption threat.ID              `db:"assumption_id"`
		State      threat.AssumptionState `db:"state"`
		Reason     string                 `db:"reason"`
		UserID     string                 `db:"user_id"`
		Version    int                    `db:"version"`
		At         int64                  `db:"at"`
	}
	err := v.list(&rows, `
		SELECT e.assumption_id, e.state, e.reason, e.user_id, e.version, e.at
		FROM assumption_events e
		WHERE e.workspace_id = ? AND e.model_id = ?
		ORDER BY e.assumption_id, e.seq`, workspace, model)
	if err != nil {
		return nil, err
	}
	out := make(map[threat.ID]AssumptionEvent, len(rows))
	for _, r := range rows {
		out[r.Assumption] = AssumptionEvent{r.Assumption, r.State, r.Reason, r.UserID, r.Version, fromMicros(r.At)}
	}
	return out, nil
}
