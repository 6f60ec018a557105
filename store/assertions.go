package store

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/threat"
)

// Assertion is an assertion with what is held of it.
type Assertion struct {
	evidence.Assertion
	Incoherent    string // why it is incoherent; "" for a coherent one
	Tier1, Tier2  *evidence.Held
	DriftedAt     *time.Time
	Debt          bool
	CreatedAt     time.Time
	CreatedBy     string
	DeletedAt     *time.Time
	DeletedReason string
}

// Claim is the assertion as its subject's status sees it.
func (a *Assertion) Claim() evidence.Claim {
	return evidence.Claim{ID: a.ID, Type: a.Type, Params: a.Params, Facets: a.Facets, Incoherent: a.Incoherent, Tier1: a.Tier1, Tier2: a.Tier2}
}

type assertionRow struct {
	AssertionID   threat.ID      `db:"assertion_id"`
	ControlID     sql.NullString `db:"control_id"`
	AssumptionID  sql.NullString `db:"assumption_id"`
	Type          evidence.Type  `db:"type"`
	Params        string         `db:"params"`
	Repo          string         `db:"repo"`
	Description   string         `db:"description"`
	Facets        string         `db:"facets"`
	Incoherent    string         `db:"incoherent"`
	Tier1         string         `db:"tier1"`
	Tier2         string         `db:"tier2"`
	DriftedAt     sql.NullInt64  `db:"drifted_at"`
	Debt          bool           `db:"debt"`
	CreatedAt     int64          `db:"created_at"`
	CreatedBy     string         `db:"created_by"`
	DeletedAt     sql.NullInt64  `db:"deleted_at"`
	DeletedReason string         `db:"deleted_reason"`
}

const assertionColumns = `assertion_id, control_id, assumption_id, type, params, repo, description, facets, incoherent, tier1, tier2, drifted_at, debt, created_at, created_by, deleted_at, deleted_reason`

func (r *assertionRow) assertion() (Assertion, error) {
	a := Assertion{
		Assertion: evidence.Assertion{
			ID: r.AssertionID, Type: r.Type, Control: threat.ID(r.ControlID.String), Assumption: threat.ID(r.AssumptionID.String),
			Repo: r.Repo, Description: r.Description,
		},
		Incoherent: r.Incoherent, DriftedAt: optTime(r.DriftedAt), Debt: r.Debt,
		CreatedAt: fromMicros(r.CreatedAt), CreatedBy: r.CreatedBy, DeletedAt: optTime(r.DeletedAt), DeletedReason: r.DeletedReason,
	}
	for _, f := range []struct {
		text string
		into any
	}{{r.Params, &a.Params}, {r.Facets, &a.Facets}, {r.Tier1, &a.Tier1}, {r.Tier2, &a.Tier2}} {
		if f.text == "" {
			continue
		}
		if err := json.Unmarshal([]byte(f.text), f.into); err != nil {
			return Assertion{}, fmt.Errorf("store: assertion %s: %w", r.AssertionID, err)
		}
	}
	return a, nil
}

func (v *Snapshot) assertions(query string, args ...any) ([]Assertion, error) {
	var rows []assertionRow
	if err := v.list(&rows, query, args...); err != nil {
		return nil, err
	}
	out := make([]Assertion, len(rows))
	for i := range rows {
		var err error
		if out[i], err = rows[i].assertion(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Assertions returns a model's assertions that are not deleted, in id order, those of deleted controls too.
func (v *Snapshot) Assertions(workspace, model string) ([]Assertion, error) {
	return v.assertions(`SELECT `+assertionColumns+` FROM assertions WHERE workspace_id = ? AND model_id = ? AND deleted_at IS NULL ORDER BY n`, workspace, model)
}

// DeletedAssertions returns a model's deleted assertions in id order.
func (v *Snapshot) DeletedAssertions(workspace, model string) ([]Assertion, error) {
	return v.assertions(`SELECT `+assertionColumns+` FROM assertions WHERE workspace_id = ? AND model_id = ? AND deleted_at IS NOT NULL ORDER BY n`, workspace, model)
}

// EvidenceOf returns what the status of one control follows from: its assertions that are not deleted, and the deleted ones whose
// failure is not made good.
func (v *Snapshot) EvidenceOf(workspace, model string, control threat.ID) ([]Assertion, error) {
	return v.assertions(`
		SELECT `+assertionColumns+` FROM assertions
		WHERE workspace_id = ? AND model_id = ? AND control_id = ? AND (deleted_at IS NULL OR debt = 1)
		ORDER BY n`, workspace, model, control)
}

// Evidence returns what EvidenceOf does for every control and assumption of a model.
func (v *Snapshot) Evidence(workspace, model string) ([]Assertion, error) {
	return v.assertions(`
		SELECT `+assertionColumns+` FROM assertions
		WHERE workspace_id = ? AND model_id = ? AND (deleted_at IS NULL OR debt = 1)
		ORDER BY n`, workspace, model)
}

// Assertion returns one that is not deleted. Errors: [threat.NotFound].
func (v *Snapshot) Assertion(workspace, model string, id threat.ID) (Assertion, error) {
	list, err := v.assertions(`
		SELECT `+assertionColumns+` FROM assertions
		WHERE workspace_id = ? AND model_id = ? AND assertion_id = ? AND deleted_at IS NULL`, workspace, model, id)
	if err != nil {
		return Assertion{}, err
	}
	if len(list) == 0 {
		return Assertion{}, threat.Errorf(threat.NotFound, "there is no assertion %s", threat.Clip(string(id), 20)).In("assertion_id").
			Hinted("list_assertions names them")
	}
	return list[0], nil
}

// AddAssertions adds assertions as they are, under the ids they carry.
func (t *Tx) AddAssertions(workspace, model, user string, list []Assertion) error {
	rows := make([][]any, len(list))
	for i, a := range list {
		params, err := json.Marshal(a.Params)
		if err != nil {
			return err
		}
		facets, err := json.Marshal(a.Facets)
		if err != nil {
			return err
		}
		rows[i] = []any{
			workspace, model, string(a.ID), a.ID.Number(), optID(a.Control), optID(a.Assumption), string(a.Type),
			string(params), a.Repo, a.Description, string(facets), a.Incoherent, micros(t.now), user,
		}
	}
	return t.insertRows(`
		INSERT INTO assertions (workspace_id, model_id, assertion_id, n, control_id, assumption_id, type,
		    params, repo, description, facets, incoherent, created_at, created_by)
		VALUES`, rows)
}

func optID(id threat.ID) any {
	if id == "" {
		return nil
	}
	return string(id)
}

// SaveHeld writes back what is held of assertions: both tiers and the drift.
func (t *Tx) SaveHeld(workspace, model string, list []Assertion) error {
	const batch = 100
	for len(list) > 0 {
		n := min(batch, len(list))
		args := make([]any, 0, 4*n+2)
		for i := range list[:n] {
			a := &list[i]
			tier1, err := heldJSON(a.Tier1)
			if err != nil {
				return err
			}
			tier2, err := heldJSON(a.Tier2)
			if err != nil {
				return err
			}
			drifted := ""
			if a.DriftedAt != nil {
				drifted = fmt.Sprint(micros(*a.DriftedAt))
			}
			args = append(args, string(a.ID), tier1, tier2, drifted)
		}
		query := `
			WITH held (id, tier1, tier2, drifted) AS (VALUES ` + strings.TrimSuffix(strings.Repeat("(?, ?, ?, ?), ", n), ", ") + `)
			UPDATE assertions
			SET tier1 = held.tier1, tier2 = held.tier2, drifted_at = CAST(NULLIF(held.drifted, '') AS BIGINT)
			FROM held
			WHERE workspace_id = ? AND model_id = ? AND assertion_id = held.id`
		t.tally.add()
		if _, err := t.tx.ExecContext(t.ctx, t.tx.Rebind(query), append(args, workspace, model)...); err != nil {
			return err
		}
		list = list[n:]
	}
	return nil
}

func heldJSON(h *evidence.Held) (string, error) {
	if h == nil {
		return "", nil
	}
	raw, err := json.Marshal(h)
	return string(raw), err
}

// SetIncoherent writes why assertions are incoherent; an empty reason makes one coherent.
func (t *Tx) SetIncoherent(workspace, model string, reasons map[threat.ID]string) error {
	for id, why := range reasons {
		err := t.exec(`UPDATE assertions SET incoherent = ? WHERE workspace_id = ? AND model_id = ? AND assertion_id = ?`, why, workspace, model, id)
		if err != nil {
			return err
		}
	}
	return nil
}

// DeleteAssertion hides an assertion with a reason; one that fails leaves a debt on its control.
func (t *Tx) DeleteAssertion(workspace, model string, id threat.ID, user, reason string, debt bool) error {
	return t.exec(`
		UPDATE assertions SET deleted_at = ?, deleted_by = ?, deleted_reason = ?, debt = ?
		WHERE workspace_id = ? AND model_id = ? AND assertion_id = ? AND deleted_at IS NULL`,
		micros(t.now), user, reason, flag(debt), workspace, model, id)
}

// SettleDebts marks failures of deleted assertions as made good.
func (t *Tx) SettleDebts(workspace, model string, ids []threat.ID) error {
	for _, id := range ids {
		if err := t.exec(`UPDATE assertions SET debt = 0 WHERE workspace_id = ? AND model_id = ? AND assertion_id = ?`, workspace, model, id); err != nil {
			return err
		}
	}
	return nil
}

// Verification is what is stored of a control's status.
type Verification struct {
	Status      evidence.Verification // never stale
	Sufficiency evidence.Sufficiency
	Oldest      *time.Time
	Attested    bool
	Distrusted  bool // rests on a run that the workspace does not count any more
}

// At returns the status as it is at a time.
func (v Verification) At(now time.Time, staleAfter time.Duration) evidence.Verification {
	var oldest time.Time
	if v.Oldest != nil {
		oldest = *v.Oldest
	}
	return v.Status.At(oldest, v.Distrusted, now, staleAfter)
}

// SaveVerification writes what follows from a control's evidence. Only service.reassess calls it.
func (t *Tx) SaveVerification(workspace, model string, control threat.ID, s Verification) error {
	sufficiency := ""
	if s.Sufficiency.Status != "" {
		raw, err := json.Marshal(s.Sufficiency)
		if err != nil {
			return err
		}
		sufficiency = string(raw)
	}
	return t.exec(`
		UPDATE controls
		SET verification_at = CASE WHEN verification <> ? THEN ? ELSE verification_at END,
		    verification = ?, sufficiency = ?, oldest_result_at = ?, attested = ?, distrusted = ?
		WHERE workspace_id = ? AND model_id = ? AND control_id = ?`,
		string(s.Status), micros(t.now), string(s.Status), sufficiency, optMicros(s.Oldest), flag(s.Attested), flag(s.Distrusted), workspace, model, control)
}
