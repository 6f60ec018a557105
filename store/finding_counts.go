package store

import "github.com/redoubt-dev/redoubt/threat"

// OpenFindings counts the open findings of a model by control and severity; those about no control stand under "".
func (v *Snapshot) OpenFindings(workspace, model string) (map[threat.ID]map[threat.Severity]int, error) {
	var rows []struct {
		Control  threat.ID       `db:"control_id"`
		Severity threat.Severity `db:"severity"`
		Count    int             `db:"count"`
	}
	err := v.list(&rows, `
		SELECT control_id, severity, COUNT(*) AS count
		FROM findings
		WHERE workspace_id = ? AND model_id = ? AND status IN ('discovered', 'acknowledged', 'remediated')
		GROUP BY control_id, severity`, workspace, model)
	out := map[threat.ID]map[threat.Severity]int{}
	for _, r := range rows {
		if out[r.Control] == nil {
			out[r.Control] = map[threat.Severity]int{}
		}
		out[r.Control][r.Severity] = r.Count
	}
	return out, err
}
