package store

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/threat"
)

// Link says that a control helps a CO, and in which of its mitigation groups; group 0 is defence in depth.
type Link struct {
	Objective threat.ID
	Group     int
	Control   threat.ID
}

type controlRow struct {
	ControlID     threat.ID             `db:"control_id"`
	Description   string                `db:"description"`
	Status        threat.ControlStatus  `db:"status"`
	Source        threat.Source         `db:"source"`
	Facets        string                `db:"facets"`
	NextFacet     int                   `db:"next_facet"`
	FrameworkRefs string                `db:"framework_refs"`
	Basis         string                `db:"basis"`
	Notes         string                `db:"notes"`
	Revision      int                   `db:"revision"`
	DeletedAt     sql.NullInt64         `db:"deleted_at"`
	DeletedReason string                `db:"deleted_reason"`
	Verification  evidence.Verification `db:"verification"`
	Sufficiency   string                `db:"sufficiency"`
	OldestAt      sql.NullInt64         `db:"oldest_result_at"`
	Attested      bool                  `db:"attested"`
	Distrusted    bool                  `db:"distrusted"`
	Weakened      string                `db:"weakened"`
	ReviewedAt    sql.NullInt64         `db:"reviewed_at"`
	UpdatedAt     int64                 `db:"updated_at"`
	VerifiedAt    sql.NullInt64         `db:"verification_at"`
}

// Control is a control as stored; its COs are in the links.
type Control struct {
	threat.Control
	DeletedAt     *time.Time
	DeletedReason string
	Weakened      string     // what a change took away that nobody approved; "" when nothing
	ReviewedAt    *time.Time // nil when never
	UpdatedAt     time.Time
	VerifiedAt    *time.Time   // when the verification became what it is; nil when it never changed
	Evidence      Verification // what follows from its assertions; stale is decided on read
}

func (r controlRow) control() (Control, error) {
	c := Control{
		Control: threat.Control{
			ID: r.ControlID, Description: r.Description, Status: r.Status, Source: r.Source,
			NextFacet: r.NextFacet, Notes: r.Notes, Revision: r.Revision,
		},
		DeletedAt: optTime(r.DeletedAt), DeletedReason: r.DeletedReason, Weakened: r.Weakened,
		ReviewedAt: optTime(r.ReviewedAt), UpdatedAt: fromMicros(r.UpdatedAt), VerifiedAt: optTime(r.VerifiedAt),
		Evidence: Verification{Status: r.Verification, Oldest: optTime(r.OldestAt), Attested: r.Attested, Distrusted: r.Distrusted},
	}
	if r.Sufficiency != "" {
		if err := json.Unmarshal([]byte(r.Sufficiency), &c.Evidence.Sufficiency); err != nil {
			return Control{}, fmt.Errorf("store: control %s: %w", r.ControlID, err)
		}
	}
	for _, f := range []struct {
		text string
		into any
	}{{r.Facets, &c.Facets}, {r.FrameworkRefs, &c.FrameworkRefs}, {r.Basis, &c.Basis}} {
		if err := json.Unmarshal([]byte(f.text), f.into); err != nil {
			return Control{}, fmt.Errorf("store: control %s: %w", r.ControlID, err)
		}
	}
	return c, nil
}

const controlColumns = `control_id, description, status, source, facets, next_facet, framework_refs, basis, notes, revision, deleted_at, deleted_reason, verification, sufficiency, oldest_result_at, attested, distrusted, weakened, reviewed_at, updated_at, verification_at`

// Controls returns a model's live controls in id order, with the COs they are linked to.
func (v *Snapshot) Controls(workspace, model string) ([]Control, error) {
	return v.controls(workspace, model, `SELECT `+controlColumns+` FROM controls WHERE workspace_id = ? AND model_id = ? AND deleted_at IS NULL ORDER BY n`)
}

// DeletedControls returns a model's softly deleted controls in id order.
func (v *Snapshot) DeletedControls(workspace, model string) ([]Control, error) {
	return v.controls(workspace, model, `SELECT `+controlColumns+` FROM controls WHERE workspace_id = ? AND model_id = ? AND deleted_at IS NOT NULL ORDER BY n`)
}

func (v *Snapshot) controls(workspace, model, query string) ([]Control, error) {
	var rows []controlRow
	if err := v.list(&rows, query, workspace, model); err != nil {
		return nil, err
	}
	links, err := v.Links(workspace, model)
	if err != nil {
		return nil, err
	}
	helps := map[threat.ID][]threat.ID{}
	for _, l := range links {
		helps[l.Control] = append(helps[l.Control], l.Objective)
	}
	out := make([]Control, len(rows))
	for i, r := range rows {
		if out[i], err = r.control(); err != nil {
			return nil, err
		}
		out[i].Objectives = threat.SortIDs(helps[r.ControlID])
	}
	return out, nil
}

// Links returns all links of a model, of deleted controls too, ordered by CO, group and control.
func (v *Snapshot) Links(workspace, model string) ([]Link, error) {
	var rows []struct {
		Objective threat.ID `db:"objective_id"`
		Group     int       `db:"group_number"`
		Control   threat.ID `db:"control_id"`
	}
	err := v.list(&rows, `SELECT objective_id, group_number, control_id FROM mitigations WHERE workspace_id = ? AND model_id = ?`, workspace, model)
	if err != nil {
		return nil, err
	}
	out := make([]Link, len(rows))
	for i, r := range rows {
		out[i] = Link(r)
	}
	slices.SortFunc(out, func(a, b Link) int {
		if c := threat.CompareIDs(a.Objective, b.Objective); c != 0 {
			return c
		}
		if a.Group != b.Group {
			return a.Group - b.Group
		}
		return threat.CompareIDs(a.Control, b.Control)
	})
	return out, nil
}

// AddControls adds controls; their links are added by [Tx.AddLinks].
func (t *Tx) AddControls(workspace, model string, controls []threat.Control) error {
	rows := make([][]any, len(controls))
	for i, c := range controls {
		facets, refs, basis, err := controlJSON(c)
		if err != nil {
			return err
		}
		rows[i] = []any{
			workspace, model, string(c.ID), c.ID.Number(), c.Description, string(c.Status), string(c.Source),
			facets, c.NextFacet, refs, basis, c.Notes, c.Revision, micros(t.now), micros(t.now),
		}
	}
	return t.insertRows(`
		INSERT INTO controls (workspace_id, model_id, control_id, n, description, status, source,
		    facets, next_facet, framework_refs, basis, notes, revision, created_at, updated_at)
		VALUES`, rows)
}

// SaveControl writes a control back under its next revision. Errors: [threat.Conflict] when it is no longer at c.Revision.
func (t *Tx) SaveControl(workspace, model string, c threat.Control) error {
	facets, refs, basis, err := controlJSON(c)
	if err != nil {
		return err
	}
	n, err := t.execN(`
		UPDATE controls
		SET description = ?, status = ?, source = ?, facets = ?, next_facet = ?, framework_refs = ?, basis = ?, notes = ?,
		    revision = revision + 1, updated_at = ?
		WHERE workspace_id = ? AND model_id = ? AND control_id = ? AND revision = ? AND deleted_at IS NULL`,
		c.Description, c.Status, c.Source, facets, c.NextFacet, refs, basis, c.Notes,
		micros(t.now), workspace, model, c.ID, c.Revision)
	if err == nil && n == 0 {
		return threat.Errorf(threat.Conflict, "%s is no longer at revision %d", c.ID, c.Revision).In("expected_revision").
			Hinted("read it again and repeat the change")
	}
	return err
}

// DeleteControls hides controls with a reason.
func (t *Tx) DeleteControls(workspace, model string, ids []threat.ID, reason string) error {
	for _, id := range ids {
		err := t.exec(`
			UPDATE controls SET deleted_at = ?, deleted_reason = ?, revision = revision + 1, updated_at = ?
			WHERE workspace_id = ? AND model_id = ? AND control_id = ? AND deleted_at IS NULL`,
			micros(t.now), reason, micros(t.now), workspace, model, id)
		if err != nil {
			return err
		}
	}
	return nil
}

// AddLinks adds links between COs and controls.
func (t *Tx) AddLinks(workspace, model string, links []Link) error {
	rows := make([][]any, len(links))
	for i, l := range links {
		rows[i] = []any{workspace, model, string(l.Objective), l.Group, string(l.Control)}
	}
	return t.insertRows(`INSERT INTO mitigations (workspace_id, model_id, objective_id, group_number, control_id) VALUES`, rows)
}

// RemoveLinks removes all links between a control and the given COs.
func (t *Tx) RemoveLinks(workspace, model string, control threat.ID, cos []threat.ID) error {
	for _, co := range cos {
		err := t.exec(`DELETE FROM mitigations WHERE workspace_id = ? AND model_id = ? AND objective_id = ? AND control_id = ?`,
			workspace, model, co, control)
		if err != nil {
			return err
		}
	}
	return nil
}

func controlJSON(c threat.Control) (facets, refs, basis string, err error) {
	texts := [3]string{}
	for i, v := range []any{c.Facets, nonNil(c.FrameworkRefs), nonNil(c.Basis)} {
		raw, err := json.Marshal(v)
		if err != nil {
			return "", "", "", err
		}
		texts[i] = string(raw)
	}
	return texts[0], texts[1], texts[2], nil
}

func nonNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
