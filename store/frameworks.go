package store

import (
	"time"

	"github.com/redoubt-dev/redoubt/threat"
)

// Framework is a framework that a workspace imported. Its body is JSON that the service reads and writes.
type Framework struct {
	ID         string
	Overlay    bool // texts in place of those of the built-in framework of this id
	Body       string
	Revision   int // rises with every import
	ImportedBy string
	ImportedAt time.Time
}

type frameworkRow struct {
	ID         string `db:"framework_id"`
	Overlay    bool   `db:"overlay"`
	Body       string `db:"body"`
	Revision   int    `db:"revision"`
	ImportedBy string `db:"imported_by"`
	ImportedAt int64  `db:"imported_at"`
}

func (r frameworkRow) framework() Framework {
	return Framework{r.ID, r.Overlay, r.Body, r.Revision, r.ImportedBy, fromMicros(r.ImportedAt)}
}

// Frameworks returns what a workspace imported in the order of ids, without the bodies.
func (v *Snapshot) Frameworks(workspace string) ([]Framework, error) {
	var rows []frameworkRow
	err := v.list(&rows, `
		SELECT framework_id, overlay, '' AS body, revision, imported_by, imported_at
		FROM frameworks WHERE workspace_id = ? ORDER BY framework_id`, workspace)
	out := make([]Framework, len(rows))
	for i, r := range rows {
		out[i] = r.framework()
	}
	return out, err
}

// Framework returns a framework that a workspace imported, and whether there is one.
func (v *Snapshot) Framework(workspace, id string) (Framework, bool, error) {
	var r frameworkRow
	err := v.get(&r, `
		SELECT framework_id, overlay, body, revision, imported_by, imported_at
		FROM frameworks WHERE workspace_id = ? AND framework_id = ?`, workspace, id)
	if missing(err) {
		return Framework{}, false, nil
	}
	return r.framework(), err == nil, err
}

// SaveFramework adds a framework, or replaces the one of its id, and returns its revision.
func (t *Tx) SaveFramework(workspace string, f Framework) (revision int, err error) {
	err = t.get(&revision, `
		INSERT INTO frameworks (workspace_id, framework_id, overlay, body, revision, imported_by, imported_at)
		VALUES (?, ?, ?, ?, 1, ?, ?)
		ON CONFLICT (workspace_id, framework_id) DO UPDATE
		SET overlay = excluded.overlay, body = excluded.body, revision = frameworks.revision + 1,
		    imported_by = excluded.imported_by, imported_at = excluded.imported_at
		RETURNING revision`, workspace, f.ID, flag(f.Overlay), f.Body, f.ImportedBy, micros(t.now))
	return revision, err
}

// ModelsUsing returns the ids of the models, hidden ones too, that selected a framework, or have mappings to it, exclusions or proposals.
func (v *Snapshot) ModelsUsing(workspace, framework string) ([]string, error) {
	var out []string
	err := v.list(&out, `
		SELECT model_id FROM framework_selections WHERE workspace_id = ? AND framework_id = ?
		UNION
		SELECT model_id FROM requirement_mappings WHERE workspace_id = ? AND framework_id = ?
		UNION
		SELECT model_id FROM requirement_exclusions WHERE workspace_id = ? AND framework_id = ?
		UNION
		SELECT model_id FROM remediation_proposals WHERE workspace_id = ? AND framework_id = ?
		ORDER BY model_id`, workspace, framework, workspace, framework, workspace, framework, workspace, framework)
	return out, err
}

// RemoveFramework removes a framework that a workspace imported. What models say of it stays: see [Tx.ForgetFramework].
func (t *Tx) RemoveFramework(workspace, id string) error {
	return t.exec(`DELETE FROM frameworks WHERE workspace_id = ? AND framework_id = ?`, workspace, id)
}

// ForgetFramework removes what the models of a workspace say of a framework: selections, mappings, exclusions and proposals.
func (t *Tx) ForgetFramework(workspace, id string) error {
	for _, query := range []string{
		`DELETE FROM framework_selections WHERE workspace_id = ? AND framework_id = ?`,
		`DELETE FROM requirement_mappings WHERE workspace_id = ? AND framework_id = ?`,
		`DELETE FROM requirement_exclusions WHERE workspace_id = ? AND framework_id = ?`,
		`DELETE FROM remediation_proposals WHERE workspace_id = ? AND framework_id = ?`,
	} {
		if err := t.exec(query, workspace, id); err != nil {
			return err
		}
	}
	return nil
}

// Selection is a framework that a model is to be measured against.
type Selection struct {
	Framework  string
	SelectedBy string
	SelectedAt time.Time
}

// Selections returns the frameworks selected for a model, in the order of ids.
func (v *Snapshot) Selections(workspace, model string) ([]Selection, error) {
	var rows []struct {
		Framework  string `db:"framework_id"`
		SelectedBy string `db:"selected_by"`
		SelectedAt int64  `db:"selected_at"`
	}
	err := v.list(&rows, `
		SELECT framework_id, selected_by, selected_at FROM framework_selections
		WHERE workspace_id = ? AND model_id = ? ORDER BY framework_id`, workspace, model)
	out := make([]Selection, len(rows))
	for i, r := range rows {
		out[i] = Selection{r.Framework, r.SelectedBy, fromMicros(r.SelectedAt)}
	}
	return out, err
}

// SelectFrameworks adds selections to a model; those that are there stay as they are.
func (t *Tx) SelectFrameworks(workspace, model, user string, frameworks []string) error {
	for _, f := range frameworks {
		err := t.exec(`
			INSERT INTO framework_selections (workspace_id, model_id, framework_id, selected_by, selected_at) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (workspace_id, model_id, framework_id) DO NOTHING`, workspace, model, f, user, micros(t.now))
		if err != nil {
			return err
		}
	}
	return nil
}

// UnselectFrameworks takes selections off a model. Its mappings and exclusions stay.
func (t *Tx) UnselectFrameworks(workspace, model string, frameworks []string) error {
	for _, f := range frameworks {
		err := t.exec(`DELETE FROM framework_selections WHERE workspace_id = ? AND model_id = ? AND framework_id = ?`, workspace, model, f)
		if err != nil {
			return err
		}
	}
	return nil
}

// ModelsSelecting returns how many live models of a workspace selected each framework.
func (v *Snapshot) ModelsSelecting(workspace string) (map[string]int, error) {
	var rows []struct {
		Framework string `db:"framework_id"`
		Models    int    `db:"models"`
	}
	err := v.list(&rows, `
		SELECT s.framework_id, COUNT(*) AS models
		FROM framework_selections s JOIN models m ON m.workspace_id = s.workspace_id AND m.id = s.model_id AND m.deleted_at IS NULL
		WHERE s.workspace_id = ? GROUP BY s.framework_id`, workspace)
	out := make(map[string]int, len(rows))
	for _, r := range rows {
		out[r.Framework] = r.Models
	}
	return out, err
}

// FrameworksOf returns the frameworks that a model selected, or has mappings to or exclusions of, in the order of ids.
func (v *Snapshot) FrameworksOf(workspace, model string) ([]string, error) {
	var out []string
	err := v.list(&out, `
		SELECT framework_id FROM framework_selections WHERE workspace_id = ? AND model_id = ?
		UNION
		SELECT framework_id FROM requirement_mappings WHERE workspace_id = ? AND model_id = ?
		UNION
		SELECT framework_id FROM requirement_exclusions WHERE workspace_id = ? AND model_id = ?
		ORDER BY framework_id`, workspace, model, workspace, model, workspace, model)
	return out, err
}

// RequirementsInUse returns the requirements of a framework that some model of the workspace mapped or excluded.
func (v *Snapshot) RequirementsInUse(workspace, framework string) (map[string]bool, error) {
	var ids []string
	err := v.list(&ids, `
		SELECT requirement_id FROM requirement_mappings WHERE workspace_id = ? AND framework_id = ?
		UNION
		SELECT requirement_id FROM requirement_exclusions WHERE workspace_id = ? AND framework_id = ?`, workspace, framework, workspace, framework)
	out := make(map[string]bool, len(ids))
	for _, id := range ids {
		out[id] = true
	}
	return out, err
}

// Mapping says that a control serves a requirement, or that it was found not to. It counts while the control is live.
type Mapping struct {
	Control     threat.ID
	Framework   string
	Requirement string
	Source      string // "manual", "auto", "llm", "remediation", "import", or "rejected": a person said no
	Confidence  int    // in thousandths
	Reason      string
	MappedBy    string
	MappedAt    time.Time
}

// Mappings returns a model's mappings to a framework, those of deleted controls too, ordered by requirement and control.
func (v *Snapshot) Mappings(workspace, model, framework string) ([]Mapping, error) {
	var rows []struct {
		Control     threat.ID `db:"control_id"`
		Requirement string    `db:"requirement_id"`
		Source      string    `db:"source"`
		Confidence  int       `db:"confidence"`
		Reason      string    `db:"reason"`
		MappedBy    string    `db:"mapped_by"`
		MappedAt    int64     `db:"mapped_at"`
	}
	err := v.list(&rows, `
		SELECT control_id, requirement_id, source, confidence, reason, mapped_by, mapped_at FROM requirement_mappings
		WHERE workspace_id = ? AND model_id = ? AND framework_id = ? ORDER BY requirement_id, control_id`, workspace, model, framework)
	out := make([]Mapping, len(rows))
	for i, r := range rows {
		out[i] = Mapping{r.Control, framework, r.Requirement, r.Source, r.Confidence, r.Reason, r.MappedBy, fromMicros(r.MappedAt)}
	}
	return out, err
}

// SaveMappings adds mappings; one that is there already takes the source, confidence and reason of the new one.
func (t *Tx) SaveMappings(workspace, model, user string, list []Mapping) error {
	for _, m := range list {
		err := t.exec(`
			INSERT INTO requirement_mappings (workspace_id, model_id, control_id, framework_id, requirement_id, source, confidence, reason, mapped_by, mapped_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (workspace_id, model_id, framework_id, requirement_id, control_id) DO UPDATE
			SET source = excluded.source, confidence = excluded.confidence, reason = excluded.reason, mapped_by = excluded.mapped_by, mapped_at = excluded.mapped_at`,
			workspace, model, m.Control, m.Framework, m.Requirement, m.Source, m.Confidence, m.Reason, user, micros(t.now))
		if err != nil {
			return err
		}
	}
	return nil
}

// RemoveMapping takes a mapping away and reports whether it was there.
func (t *Tx) RemoveMapping(workspace, model string, m Mapping) (bool, error) {
	n, err := t.execN(`
		DELETE FROM requirement_mappings
		WHERE workspace_id = ? AND model_id = ? AND framework_id = ? AND requirement_id = ? AND control_id = ?`,
		workspace, model, m.Framework, m.Requirement, m.Control)
	return n > 0, err
}

// Exclusion is a requirement that somebody with decide ruled out for a model.
type Exclusion struct {
	Framework   string
	Requirement string
	Reason      string
	DecidedBy   string // user id
	DecidedAt   time.Time
}

// Exclusions returns the requirements of a framework that are ruled out for a model, in the order of ids.
func (v *Snapshot) Exclusions(workspace, model, framework string) ([]Exclusion, error) {
	var rows []struct {
		Requirement string `db:"requirement_id"`
		Reason      string `db:"reason"`
		DecidedBy   string `db:"decided_by"`
		DecidedAt   int64  `db:"decided_at"`
	}
	err := v.list(&rows, `
		SELECT requirement_id, reason, decided_by, decided_at FROM requirement_exclusions
		WHERE workspace_id = ? AND model_id = ? AND framework_id = ? ORDER BY requirement_id`, workspace, model, framework)
	out := make([]Exclusion, len(rows))
	for i, r := range rows {
		out[i] = Exclusion{framework, r.Requirement, r.Reason, r.DecidedBy, fromMicros(r.DecidedAt)}
	}
	return out, err
}

// Exclude rules a requirement out for a model; a newer decision replaces the one before it.
func (t *Tx) Exclude(workspace, model, user string, e Exclusion) error {
	return t.exec(`
		INSERT INTO requirement_exclusions (workspace_id, model_id, framework_id, requirement_id, reason, decided_by, decided_at)
		VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (workspace_id, model_id, framework_id, requirement_id) DO UPDATE
		SET reason = excluded.reason, decided_by = excluded.decided_by, decided_at = excluded.decided_at`,
		workspace, model, e.Framework, e.Requirement, e.Reason, user, micros(t.now))
}

// Include takes an exclusion back and reports whether there was one.
func (t *Tx) Include(workspace, model, framework, requirement string) (bool, error) {
	n, err := t.execN(`
		DELETE FROM requirement_exclusions WHERE workspace_id = ? AND model_id = ? AND framework_id = ? AND requirement_id = ?`,
		workspace, model, framework, requirement)
	return n > 0, err
}
