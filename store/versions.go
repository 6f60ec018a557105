package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redoubt-dev/redoubt/threat"
)

// open is the valid_to of an entity row that is part of the head. Queries for the head write it as a constant, openSQL, so that
// the planner may use the index of open rows; ORDER BY entity_id makes it prefer that to the index of spans.
const (
	open    = int64(1) << 60
	openSQL = "1152921504606846976"
)

type entityRow struct {
	EntityID threat.ID   `db:"entity_id"`
	Kind     threat.Kind `db:"kind"`
	Body     string      `db:"body"`
}

// Head returns the structure of the newest version.
func (v *Snapshot) Head(workspace, model string) (*threat.Structure, error) {
	var rows []entityRow
	err := v.list(&rows, `SELECT entity_id, kind, body FROM entities WHERE workspace_id = ? AND model_id = ? AND valid_to = `+openSQL+` ORDER BY entity_id`,
		workspace, model)
	if err != nil {
		return nil, err
	}
	return assemble(rows)
}

// Version returns the structure of version n, which exists.
func (v *Snapshot) Version(workspace, model string, n int) (*threat.Structure, error) {
	var rows []entityRow
	err := v.list(&rows, `
		SELECT entity_id, kind, body
		FROM entities
		WHERE workspace_id = ? AND model_id = ? AND valid_from <= ? AND valid_to > ?`,
		workspace, model, n, n)
	if err != nil {
		return nil, err
	}
	return assemble(rows)
}

// LastBodies returns, for ids that were part of some version and are not part of the head, the content they last had.
func (v *Snapshot) LastBodies(workspace, model string, kind threat.Kind) (*threat.Structure, error) {
	var rows []entityRow
	err := v.list(&rows, `
		SELECT e.entity_id, e.kind, e.body
		FROM entities e
		WHERE e.workspace_id = ? AND e.model_id = ? AND e.kind = ? AND e.valid_to < ?
		  AND NOT EXISTS (
		      SELECT 1 FROM entities later
		      WHERE later.workspace_id = e.workspace_id AND later.model_id = e.model_id
		        AND later.entity_id = e.entity_id AND later.valid_from > e.valid_from)`,
		workspace, model, kind, open)
	if err != nil {
		return nil, err
	}
	return assemble(rows)
}

func assemble(rows []entityRow) (*threat.Structure, error) {
	slices.SortFunc(rows, func(a, b entityRow) int { return threat.CompareIDs(a.EntityID, b.EntityID) })
	s := &threat.Structure{}
	for _, r := range rows {
		var err error
		switch r.Kind {
		case threat.KindFeature:
			err = json.Unmarshal([]byte(r.Body), &s.Feature)
		case threat.KindAsset:
			s.Assets, err = appendBody(s.Assets, r.Body)
		case threat.KindAttacker:
			s.Attackers, err = appendBody(s.Attackers, r.Body)
		case threat.KindBoundary:
			s.Boundaries, err = appendBody(s.Boundaries, r.Body)
		case threat.KindAssumption:
			s.Assumptions, err = appendBody(s.Assumptions, r.Body)
		default:
			err = fmt.Errorf("kind %q", r.Kind)
		}
		if err != nil {
			return nil, fmt.Errorf("store: entity %s: %w", r.EntityID, err)
		}
	}
	return s, nil
}

func appendBody[E any](list []E, body string) ([]E, error) {
	var e E
	err := json.Unmarshal([]byte(body), &e)
	return append(list, e), err
}

// Changes are the rows that a new version closes and opens.
type Changes struct {
	closed []threat.ID
	opened []entityRow
}

// Empty reports whether nothing changed.
func (c *Changes) Empty() bool { return len(c.closed) == 0 && len(c.opened) == 0 }

// Compare compares two structures entity by entity. Most are the same on both sides and are not marshalled.
func Compare(old, next *threat.Structure) (*Changes, error) {
	r := &Changes{}
	err := errors.Join(
		compareRows(r, threat.KindFeature, featureOf(old), featureOf(next), func(*string) threat.ID { return threat.FeatureID },
			func(a, b *string) bool { return *a == *b }),
		compareRows(r, threat.KindAsset, old.Assets, next.Assets, func(a *threat.Asset) threat.ID { return a.ID }, (*threat.Asset).Equal),
		compareRows(r, threat.KindAttacker, old.Attackers, next.Attackers, func(t *threat.Attacker) threat.ID { return t.ID }, (*threat.Attacker).Equal),
		compareRows(r, threat.KindBoundary, old.Boundaries, next.Boundaries, func(b *threat.Boundary) threat.ID { return b.ID }, (*threat.Boundary).Equal),
		compareRows(r, threat.KindAssumption, old.Assumptions, next.Assumptions, func(a *threat.Assumption) threat.ID { return a.ID }, (*threat.Assumption).Equal),
	)
	return r, err
}

// featureOf is the feature description as a list of one, or of none when it is empty.
func featureOf(s *threat.Structure) []string {
	if s.Feature == "" {
		return nil
	}
	return []string{s.Feature}
}

func compareRows[E any](r *Changes, kind threat.Kind, old, next []E, of func(*E) threat.ID, equal func(a, b *E) bool) error {
	before := make(map[threat.ID]*E, len(old))
	for i := range old {
		before[of(&old[i])] = &old[i]
	}
	for i := range next {
		id := of(&next[i])
		was := before[id]
		delete(before, id)
		if was != nil && equal(was, &next[i]) {
			continue
		}
		body, err := json.Marshal(next[i])
		if err != nil {
			return fmt.Errorf("store: entity %s: %w", id, err)
		}
		if was != nil {
			r.closed = append(r.closed, id)
		}
		r.opened = append(r.opened, entityRow{id, kind, string(body)})
	}
	for i := range old {
		if id := of(&old[i]); before[id] != nil {
			r.closed = append(r.closed, id)
		}
	}
	return nil
}

// SaveVersion makes version base+1 of a model whose version is base: rows of what changed from old to next are closed and
// opened. It returns the new version. Errors: [threat.Conflict] when the model is at another version by now.
func (t *Tx) SaveVersion(workspace, model string, base int, old, next *threat.Structure, author, summary string) (int, error) {
	changes, err := Compare(old, next)
	if err != nil {
		return 0, err
	}
	return t.SaveChanges(workspace, model, base, changes, author, summary)
}

// SaveChanges is [Tx.SaveVersion] for a comparison made before.
func (t *Tx) SaveChanges(workspace, model string, base int, rows *Changes, author, summary string) (int, error) {
	n, err := t.execN(`
		UPDATE models SET version = version + 1, stamp = stamp + 1, updated_at = ?
		WHERE workspace_id = ? AND id = ? AND version = ? AND deleted_at IS NULL`,
		micros(t.now), workspace, model, base)
	if err != nil {
		return 0, err
	}
	if n == 0 {
		return 0, threat.Errorf(threat.Conflict, "the model is no longer at version %d", base).In("expected_version").
			Hinted("read it again and repeat the change")
	}
	version := base + 1
	for _, id := range rows.closed {
		n, err := t.execN(`UPDATE entities SET valid_to = ? WHERE workspace_id = ? AND model_id = ? AND entity_id = ? AND valid_to = `+openSQL,
			version, workspace, model, id)
		if err != nil {
			return 0, err
		}
		if n != 1 {
			return 0, fmt.Errorf("store: %s is not part of version %d, from which the change was said to start", id, base)
		}
	}
	opened := make([][]any, len(rows.opened))
	for i, r := range rows.opened {
		opened[i] = []any{workspace, model, string(r.EntityID), string(r.Kind), version, open, r.Body}
	}
	err = t.insertRows(`INSERT INTO entities (workspace_id, model_id, entity_id, kind, valid_from, valid_to, body) VALUES`, opened)
	if err != nil {
		return 0, err
	}
	return version, t.exec(`INSERT INTO model_versions (workspace_id, model_id, n, author, summary, created_at) VALUES (?, ?, ?, ?, ?, ?)`,
		workspace, model, version, author, summary, micros(t.now))
}

// VersionHeader says who made a version, when and how.
type VersionHeader struct {
	Number    int
	Author    string // user id
	Summary   string
	CreatedAt time.Time
}

// Versions returns a page of a model's version headers, newest first, and how many there are.
func (v *Snapshot) Versions(workspace, model string, limit, offset int) ([]VersionHeader, int, error) {
	var total int
	if err := v.get(&total, `SELECT COUNT(*) FROM model_versions WHERE workspace_id = ? AND model_id = ?`, workspace, model); err != nil {
		return nil, 0, err
	}
	var rows []struct {
		N         int    `db:"n"`
		Author    string `db:"author"`
		Summary   string `db:"summary"`
		CreatedAt int64  `db:"created_at"`
	}
	err := v.list(&rows, `
		SELECT n, author, summary, created_at
		FROM model_versions
		WHERE workspace_id = ? AND model_id = ?
		ORDER BY n DESC LIMIT ? OFFSET ?`, workspace, model, limit, offset)
	if err != nil {
		return nil, 0, err
	}
	out := make([]VersionHeader, len(rows))
	for i, r := range rows {
		out[i] = VersionHeader{r.N, r.Author, r.Summary, fromMicros(r.CreatedAt)}
	}
	return out, total, nil
}

// Counters returns the model's id counters.
func (v *Snapshot) Counters(workspace, model string) (threat.Counters, error) {
	var rows []struct {
		Kind threat.Kind `db:"kind"`
		Next int         `db:"next"`
	}
	if err := v.list(&rows, `SELECT kind, next FROM counters WHERE workspace_id = ? AND model_id = ? AND kind <> ?`, workspace, model, string(proposalCounter)); err != nil {
		return nil, err
	}
	c := threat.Counters{}
	for _, r := range rows {
		c[r.Kind] = r.Next
	}
	return c, nil
}

// SaveCounters raises the counters that c has higher; none is ever lowered.
func (t *Tx) SaveCounters(workspace, model string, c threat.Counters) error {
	kinds := make([]threat.Kind, 0, len(c))
	for k := range c {
		kinds = append(kinds, k)
	}
	slices.Sort(kinds)
	for _, k := range kinds {
		err := t.exec(`
			INSERT INTO counters (workspace_id, model_id, kind, next) VALUES (?, ?, ?, ?)
			ON CONFLICT (workspace_id, model_id, kind) DO UPDATE SET next = excluded.next
			WHERE excluded.next > counters.next AND excluded.workspace_id = counters.workspace_id`,
			workspace, model, k, c[k])
		if err != nil {
			return err
		}
	}
	return nil
}
