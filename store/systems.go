package store

import (
	"strings"
	"time"

	"github.com/redoubt-dev/redoubt/threat"
)

// System is a named group of models.
type System struct {
	ID          string
	Name        string
	Description string
	CreatedBy   string
	CreatedAt   time.Time
	UpdatedAt   time.Time
	Models      int // live ones
}

type systemRow struct {
	ID          string `db:"system_id"`
	Name        string `db:"name"`
	Description string `db:"description"`
	CreatedBy   string `db:"created_by"`
	CreatedAt   int64  `db:"created_at"`
	UpdatedAt   int64  `db:"updated_at"`
	Models      int    `db:"models"`
}

func (r systemRow) system() System {
	return System{r.ID, r.Name, r.Description, r.CreatedBy, fromMicros(r.CreatedAt), fromMicros(r.UpdatedAt), r.Models}
}

// NoSystem is the one answer for a system that does not exist, or is another workspace's.
func NoSystem() *threat.Error {
	return threat.Errorf(threat.NotFound, "there is no such system").In("system_id").Hinted("list_systems names the systems of this workspace")
}

const systemColumns = `s.system_id, s.name, s.description, s.created_by, s.created_at, s.updated_at, (
		SELECT COUNT(*) FROM system_models x JOIN models m ON m.workspace_id = x.workspace_id AND m.id = x.model_id AND m.deleted_at IS NULL
		WHERE x.workspace_id = s.workspace_id AND x.system_id = s.system_id) AS models`

// Systems returns a page of a workspace's systems by name, and how many there are.
func (v *Snapshot) Systems(workspace string, limit, offset int) ([]System, int, error) {
	var total int
	if err := v.get(&total, `SELECT COUNT(*) FROM systems WHERE workspace_id = ?`, workspace); err != nil || limit == 0 {
		return nil, total, err
	}
	var rows []systemRow
	err := v.list(&rows, `SELECT `+systemColumns+` FROM systems s WHERE s.workspace_id = ? ORDER BY s.name_key, s.system_id LIMIT ? OFFSET ?`, workspace, limit, offset)
	out := make([]System, len(rows))
	for i, r := range rows {
		out[i] = r.system()
	}
	return out, total, err
}

// System returns a system. Errors: [threat.NotFound].
func (v *Snapshot) System(workspace, id string) (System, error) {
	var r systemRow
	err := v.get(&r, `SELECT `+systemColumns+` FROM systems s WHERE s.workspace_id = ? AND s.system_id = ?`, workspace, id)
	if missing(err) {
		return System{}, NoSystem()
	}
	return r.system(), err
}

// SystemModels returns the live models of a system in the order in which they were made.
func (v *Snapshot) SystemModels(workspace, system string) ([]Model, error) {
	var rows []modelRow
	err := v.list(&rows, `
		SELECT m.id, m.title, m.version, m.stamp, m.repos, m.created_by, m.created_at, m.updated_at, m.deleted_at
		FROM system_models x JOIN models m ON m.workspace_id = x.workspace_id AND m.id = x.model_id AND m.deleted_at IS NULL
		WHERE x.workspace_id = ? AND x.system_id = ? ORDER BY m.id`, workspace, system)
	if err != nil {
		return nil, err
	}
	out := make([]Model, len(rows))
	for i, r := range rows {
		if out[i], err = r.model(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// SystemOf returns the id of the system that a model is in, "" when it is in none.
func (v *Snapshot) SystemOf(workspace, model string) (id string, err error) {
	err = v.get(&id, `SELECT system_id FROM system_models WHERE workspace_id = ? AND model_id = ?`, workspace, model)
	if missing(err) {
		return "", nil
	}
	return id, err
}

// AddSystem adds a system. Errors: [threat.Conflict] for a name that is taken.
func (t *Tx) AddSystem(workspace string, s System) error {
	if err := t.freeName(workspace, s); err != nil {
		return err
	}
	return t.exec(`
		INSERT INTO systems (workspace_id, system_id, name, name_key, description, created_by, created_at, updated_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		workspace, s.ID, s.Name, strings.ToLower(s.Name), s.Description, s.CreatedBy, micros(t.now), micros(t.now))
}

// SaveSystem writes a system's name and description. Errors: [threat.NotFound], [threat.Conflict] for a name that is taken.
func (t *Tx) SaveSystem(workspace string, s System) error {
	if err := t.freeName(workspace, s); err != nil {
		return err
	}
	n, err := t.execN(`UPDATE systems SET name = ?, name_key = ?, description = ?, updated_at = ? WHERE workspace_id = ? AND system_id = ?`,
		s.Name, strings.ToLower(s.Name), s.Description, micros(t.now), workspace, s.ID)
	if err == nil && n == 0 {
		return NoSystem()
	}
	return err
}

// freeName refuses the name of another system of the workspace, whatever the case.
func (t *Tx) freeName(workspace string, s System) error {
	var taken int
	err := t.get(&taken, `SELECT COUNT(*) FROM systems WHERE workspace_id = ? AND name_key = ? AND system_id <> ?`, workspace, strings.ToLower(s.Name), s.ID)
	if err == nil && taken > 0 {
		return threat.Errorf(threat.Conflict, "a system of this name is there already").In("name").Hinted("choose another name, or edit_system")
	}
	return err
}

// DeleteSystem removes a system; its models stay and are in none. Errors: [threat.NotFound].
func (t *Tx) DeleteSystem(workspace, id string) error {
	n, err := t.execN(`DELETE FROM systems WHERE workspace_id = ? AND system_id = ?`, workspace, id)
	if err == nil && n == 0 {
		return NoSystem()
	}
	return err
}

// JoinSystem puts a model into a system, out of the one it was in.
func (t *Tx) JoinSystem(workspace, system, model string) error {
	return t.exec(`
		INSERT INTO system_models (workspace_id, model_id, system_id, added_at) VALUES (?, ?, ?, ?)
		ON CONFLICT (workspace_id, model_id) DO UPDATE SET system_id = excluded.system_id, added_at = excluded.added_at`,
		workspace, model, system, micros(t.now))
}

// LeaveSystem takes a model out of a system and reports whether it was in it.
func (t *Tx) LeaveSystem(workspace, system, model string) (bool, error) {
	n, err := t.execN(`DELETE FROM system_models WHERE workspace_id = ? AND system_id = ? AND model_id = ?`, workspace, system, model)
	return n > 0, err
}
