package store

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/redoubt-dev/redoubt/threat"
)

// Model is the row of a threat model; its content is in its versions.
type Model struct {
	ID        string
	Title     string
	Version   int
	Stamp     int64 // rises with every write to anything of the model
	Repos     []Repo
	CreatedBy string
	CreatedAt time.Time
	UpdatedAt time.Time
	DeletedAt *time.Time
}

type modelRow struct {
	ID        string        `db:"id"`
	Title     string        `db:"title"`
	Version   int           `db:"version"`
	Stamp     int64         `db:"stamp"`
	Repos     string        `db:"repos"`
	CreatedBy string        `db:"created_by"`
	CreatedAt int64         `db:"created_at"`
	UpdatedAt int64         `db:"updated_at"`
	DeletedAt sql.NullInt64 `db:"deleted_at"`
}

// Repo is a repository whose code a model's assertions are about, and the branch whose runs count.
type Repo struct {
	Repo   string `json:"repo" jsonschema:"org/name"`
	Branch string `json:"branch,omitempty" jsonschema:"whose runs count; default main"`
}

func (r modelRow) model() (Model, error) {
	m := Model{
		ID: r.ID, Title: r.Title, Version: r.Version, Stamp: r.Stamp, CreatedBy: r.CreatedBy,
		CreatedAt: fromMicros(r.CreatedAt), UpdatedAt: fromMicros(r.UpdatedAt), DeletedAt: optTime(r.DeletedAt),
	}
	if r.Repos == "[]" {
		return m, nil
	}
	if err := json.Unmarshal([]byte(r.Repos), &m.Repos); err != nil {
		return m, fmt.Errorf("store: model %s: %w", r.ID, err)
	}
	return m, nil
}

const modelColumns = `id, title, version, stamp, repos, created_by, created_at, updated_at, deleted_at`

// NoModel is the one answer for a model that does not exist, is deleted, or is another workspace's.
func NoModel() *threat.Error {
	return threat.Errorf(threat.NotFound, "there is no such threat model").In("model_id").
		Hinted("list_threat_models names the models of this workspace")
}

// Model returns a model that is not deleted. Errors: [threat.NotFound].
func (v *Snapshot) Model(workspace, id string) (Model, error) {
	return v.oneModel(`SELECT `+modelColumns+` FROM models WHERE workspace_id = ? AND id = ? AND deleted_at IS NULL`, workspace, id)
}

// DeletedModel returns a model that is hidden and not yet gone. Errors: [threat.NotFound].
func (v *Snapshot) DeletedModel(workspace, id string) (Model, error) {
	return v.oneModel(`SELECT `+modelColumns+` FROM models WHERE workspace_id = ? AND id = ? AND deleted_at IS NOT NULL`, workspace, id)
}

func (v *Snapshot) oneModel(query string, args ...any) (Model, error) {
	var r modelRow
	err := v.get(&r, query, args...)
	if missing(err) {
		return Model{}, NoModel()
	}
	if err != nil {
		return Model{}, err
	}
	return r.model()
}

// ModelFilter narrows [Snapshot.Models]. Zero fields do not narrow.
type ModelFilter struct {
	Title   string // contained in the title, whatever the case
	Deleted bool   // the deleted ones instead of the live ones
}

// Models returns a page of a workspace's models, the most recently changed first, and how many there are.
func (v *Snapshot) Models(workspace string, f ModelFilter, limit, offset int) ([]Model, int, error) {
	where := `workspace_id = ? AND (deleted_at IS NOT NULL) = (? = 1) AND title_key LIKE ? ESCAPE '\'`
	args := []any{workspace, flag(f.Deleted), "%" + escapeLike(strings.ToLower(f.Title)) + "%"}
	var total int
	if err := v.get(&total, `SELECT COUNT(*) FROM models WHERE `+where, args...); err != nil {
		return nil, 0, err
	}
	if limit == 0 {
		return nil, total, nil
	}
	var rows []modelRow
	err := v.list(&rows, `SELECT `+modelColumns+` FROM models WHERE `+where+` ORDER BY updated_at DESC, id DESC LIMIT ? OFFSET ?`,
		append(args, limit, offset)...)
	if err != nil {
		return nil, 0, err
	}
	out := make([]Model, len(rows))
	for i, r := range rows {
		if out[i], err = r.model(); err != nil {
			return nil, 0, err
		}
	}
	return out, total, nil
}

// AddModel adds a model at version 0, without content; [Tx.SaveVersion] gives it its first version.
func (t *Tx) AddModel(workspace string, m Model) error {
	return t.exec(`
		INSERT INTO models (id, workspace_id, title, title_key, version, stamp, created_by, created_at, updated_at)
		VALUES (?, ?, ?, ?, 0, 0, ?, ?, ?)`,
		m.ID, workspace, m.Title, strings.ToLower(m.Title), m.CreatedBy, micros(t.now), micros(t.now))
}

// RenameModel sets the title; it makes no version and leaves the stamp, since nothing follows from a title. Errors:
// [threat.NotFound].
func (t *Tx) RenameModel(workspace, id, title string) error {
	return t.oneModelChanged(`
		UPDATE models SET title = ?, title_key = ?, updated_at = ?
		WHERE workspace_id = ? AND id = ? AND deleted_at IS NULL`, title, strings.ToLower(title), micros(t.now), workspace, id)
}

// SetRepos replaces the repositories of a model; it makes no version. Errors: [threat.NotFound].
func (t *Tx) SetRepos(workspace, id string, repos []Repo) error {
	raw, err := json.Marshal(repos)
	if err != nil {
		return err
	}
	return t.oneModelChanged(`
		UPDATE models SET repos = ?, stamp = stamp + 1, updated_at = ?
		WHERE workspace_id = ? AND id = ? AND deleted_at IS NULL`, string(raw), micros(t.now), workspace, id)
}

// TouchModel raises the stamp after a write to something of the model other than its structure. Errors: [threat.NotFound].
func (t *Tx) TouchModel(workspace, id string) error {
	return t.oneModelChanged(`
		UPDATE models SET stamp = stamp + 1, updated_at = ?
		WHERE workspace_id = ? AND id = ? AND deleted_at IS NULL`, micros(t.now), workspace, id)
}

// HideModel deletes a model softly. Errors: [threat.NotFound].
func (t *Tx) HideModel(workspace, id string) error {
	return t.oneModelChanged(`
		UPDATE models SET deleted_at = ?, stamp = stamp + 1
		WHERE workspace_id = ? AND id = ? AND deleted_at IS NULL`, micros(t.now), workspace, id)
}

// UnhideModel brings a softly deleted model back. Errors: [threat.NotFound].
func (t *Tx) UnhideModel(workspace, id string) error {
	return t.oneModelChanged(`
		UPDATE models SET deleted_at = NULL, stamp = stamp + 1, updated_at = ?
		WHERE workspace_id = ? AND id = ? AND deleted_at IS NOT NULL`, micros(t.now), workspace, id)
}

func (t *Tx) oneModelChanged(query string, args ...any) error {
	n, err := t.execN(query, args...)
	if err == nil && n == 0 {
		return NoModel()
	}
	return err
}

// PurgeModels removes for good what was deleted before a time, in every workspace, and returns how many models went.
func (t *Tx) PurgeModels(before time.Time) (int64, error) {
	return t.execN(`DELETE FROM models /* any workspace: housekeeping */ WHERE deleted_at < ?`, micros(before))
}

// escapeLike makes a text match itself in a LIKE pattern with the escape character \.
func escapeLike(s string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s)
}

// ModelKey names a model in its workspace.
type ModelKey struct {
	WorkspaceID string `db:"workspace_id"`
	ModelID     string `db:"model_id"`
}

// ModelsWithEvidence returns every model of every workspace that has an assertion.
func (v *Snapshot) ModelsWithEvidence() ([]ModelKey, error) {
	var out []ModelKey
	err := v.list(&out, `SELECT DISTINCT workspace_id, model_id FROM assertions /* any workspace: a new program computes all statuses anew */ ORDER BY workspace_id, model_id`)
	return out, err
}

// Instance returns a value of the whole instance, "" when it was never set.
func (v *Snapshot) Instance(name string) (value string, err error) {
	err = v.get(&value, `SELECT value FROM instance WHERE name = ?`, name)
	if missing(err) {
		return "", nil
	}
	return value, err
}

// SetInstance sets a value of the whole instance.
func (t *Tx) SetInstance(name, value string) error {
	return t.exec(`INSERT INTO instance (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name, value)
}
