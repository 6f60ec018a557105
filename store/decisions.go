package store

import (
	"database/sql"
	"time"

	"github.com/redoubt-dev/redoubt/threat"
)

// Attestation is a person's word that an assumption holds, until a date.
type Attestation struct {
	ID          string
	Assumption  threat.ID
	Statement   string
	EvidenceURL string
	GivenFor    string // JSON of what it was given for; the service reads it
	UserID      string
	CreatedAt   time.Time
	ExpiresAt   time.Time
	EndedAt     *time.Time
	EndedReason string
}

// Attestations returns every attestation of a model, the oldest first, ended ones too.
func (v *Snapshot) Attestations(workspace, model string) ([]Attestation, error) {
	var rows []struct {
		ID          string        `db:"attestation_id"`
		Assumption  threat.ID     `db:"assumption_id"`
		Statement   string        `db:"statement"`
		EvidenceURL string        `db:"evidence_url"`
		GivenFor    string        `db:"given_for"`
		UserID      string        `db:"user_id"`
		CreatedAt   int64         `db:"created_at"`
		ExpiresAt   int64         `db:"expires_at"`
		EndedAt     sql.NullInt64 `db:"ended_at"`
		EndedReason string        `db:"ended_reason"`
	}
	err := v.list(&rows, `
		SELECT attestation_id, assumption_id, statement, evidence_url, given_for, user_id, created_at, expires_at, ended_at, ended_reason
		FROM attestations WHERE workspace_id = ? AND model_id = ? ORDER BY attestation_id`, workspace, model)
	out := make([]Attestation, len(rows))
	for i, r := range rows {
		out[i] = Attestation{
			r.ID, r.Assumption, r.Statement, r.EvidenceURL, r.GivenFor, r.UserID, fromMicros(r.CreatedAt), fromMicros(r.ExpiresAt),
			optTime(r.EndedAt), r.EndedReason,
		}
	}
	return out, err
}

// AddAttestation keeps an attestation and ends those before it on the same assumption.
func (t *Tx) AddAttestation(workspace, model string, a Attestation) error {
	if err := t.EndAttestations(workspace, model, a.Assumption, "a newer attestation"); err != nil {
		return err
	}
	return t.exec(`
		INSERT INTO attestations (workspace_id, attestation_id, model_id, assumption_id, statement, evidence_url, given_for, user_id, created_at, expires_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		workspace, a.ID, model, a.Assumption, a.Statement, a.EvidenceURL, a.GivenFor, a.UserID, micros(t.now), micros(a.ExpiresAt))
}

// EndAttestations ends the live attestations of an assumption, with a reason.
func (t *Tx) EndAttestations(workspace, model string, assumption threat.ID, reason string) error {
	return t.exec(`
		UPDATE attestations SET ended_at = ?, ended_reason = ?
		WHERE workspace_id = ? AND model_id = ? AND assumption_id = ? AND ended_at IS NULL`,
		micros(t.now), reason, workspace, model, assumption)
}

// AcceptedRisk is a risk that somebody with decide accepted for a CO.
type AcceptedRisk struct {
	ID          string
	Objective   threat.ID
	Owner       string
	Reason      string
	ReviewBy    time.Time
	ExpiresAt   *time.Time
	GivenFor    string
	UserID      string
	CreatedAt   time.Time
	EndedAt     *time.Time
	EndedReason string
}

// AcceptedRisks returns every accepted risk of a model, the oldest first, ended ones too.
func (v *Snapshot) AcceptedRisks(workspace, model string) ([]AcceptedRisk, error) {
	var rows []struct {
		ID          string        `db:"risk_id"`
		Objective   threat.ID     `db:"objective_id"`
		Owner       string        `db:"owner"`
		Reason      string        `db:"reason"`
		ReviewBy    int64         `db:"review_by"`
		ExpiresAt   sql.NullInt64 `db:"expires_at"`
		GivenFor    string        `db:"given_for"`
		UserID      string        `db:"user_id"`
		CreatedAt   int64         `db:"created_at"`
		EndedAt     sql.NullInt64 `db:"ended_at"`
		EndedReason string        `db:"ended_reason"`
	}
	err := v.list(&rows, `
		SELECT risk_id, objective_id, owner, reason, review_by, expires_at, given_for, user_id, created_at, ended_at, ended_reason
		FROM accepted_risks WHERE workspace_id = ? AND model_id = ? ORDER BY risk_id`, workspace, model)
	out := make([]AcceptedRisk, len(rows))
	for i, r := range rows {
		out[i] = AcceptedRisk{
			r.ID, r.Objective, r.Owner, r.Reason, fromMicros(r.ReviewBy), optTime(r.ExpiresAt), r.GivenFor, r.UserID, fromMicros(r.CreatedAt),
			optTime(r.EndedAt), r.EndedReason,
		}
	}
	return out, err
}

// AddAcceptedRisk keeps an accepted risk and ends the one before it on the same CO.
func (t *Tx) AddAcceptedRisk(workspace, model string, r AcceptedRisk) error {
	if _, err := t.EndAcceptedRisk(workspace, model, r.Objective, "a newer decision"); err != nil {
		return err
	}
	return t.exec(`
		INSERT INTO accepted_risks (workspace_id, risk_id, model_id, objective_id, owner, reason, review_by, expires_at, given_for, user_id, created_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		workspace, r.ID, model, r.Objective, r.Owner, r.Reason, micros(r.ReviewBy), optMicros(r.ExpiresAt), r.GivenFor, r.UserID, micros(t.now))
}

// EndAcceptedRisk ends the live acceptance of a CO's risk, with a reason, and reports whether there was one.
func (t *Tx) EndAcceptedRisk(workspace, model string, co threat.ID, reason string) (bool, error) {
	n, err := t.execN(`
		UPDATE accepted_risks SET ended_at = ?, ended_reason = ?
		WHERE workspace_id = ? AND model_id = ? AND objective_id = ? AND ended_at IS NULL`,
		micros(t.now), reason, workspace, model, co)
	return n > 0, err
}

// WeakenedObjective is a CO whose mitigation a change weakened, until it is approved.
type WeakenedObjective struct {
	Objective threat.ID `db:"objective_id"`
	Reason    string    `db:"reason"`
}

// WeakenedObjectives returns the weakened COs of a model.
func (v *Snapshot) WeakenedObjectives(workspace, model string) ([]WeakenedObjective, error) {
	var out []WeakenedObjective
	err := v.list(&out, `SELECT objective_id, reason FROM weakened_objectives WHERE workspace_id = ? AND model_id = ? ORDER BY objective_id`, workspace, model)
	return out, err
}

// WeakenObjective marks a CO; the first reason that was not approved stays.
func (t *Tx) WeakenObjective(workspace, model string, co threat.ID, reason string) error {
	return t.exec(`
		INSERT INTO weakened_objectives (workspace_id, model_id, objective_id, reason, at) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (workspace_id, model_id, objective_id) DO NOTHING`, workspace, model, co, reason, micros(t.now))
}

// ApproveObjective clears the mark of a CO and reports whether there was one.
func (t *Tx) ApproveObjective(workspace, model string, co threat.ID) (bool, error) {
	n, err := t.execN(`DELETE FROM weakened_objectives WHERE workspace_id = ? AND model_id = ? AND objective_id = ?`, workspace, model, co)
	return n > 0, err
}

// WeakenControl marks a control; an empty reason clears the mark. The first reason that was not approved stays.
func (t *Tx) WeakenControl(workspace, model string, control threat.ID, reason string) error {
	return t.exec(`
		UPDATE controls SET weakened = CASE WHEN ? = '' OR weakened = '' THEN ? ELSE weakened END
		WHERE workspace_id = ? AND model_id = ? AND control_id = ?`, reason, reason, workspace, model, control)
}

// ReviewControls marks controls as reviewed now.
func (t *Tx) ReviewControls(workspace, model string, ids []threat.ID) error {
	for _, id := range ids {
		if err := t.exec(`UPDATE controls SET reviewed_at = ? WHERE workspace_id = ? AND model_id = ? AND control_id = ?`, micros(t.now), workspace, model, id); err != nil {
			return err
		}
	}
	return nil
}

// RestoreControl brings a deleted control back, with its groups and assertions.
func (t *Tx) RestoreControl(workspace, model string, id threat.ID) error {
	return t.exec(`
		UPDATE controls SET deleted_at = NULL, deleted_reason = '', revision = revision + 1, updated_at = ?
		WHERE workspace_id = ? AND model_id = ? AND control_id = ? AND deleted_at IS NOT NULL`, micros(t.now), workspace, model, id)
}

// Carried says that an assumption carries a control.
type Carried struct {
	Control    threat.ID `db:"control_id"`
	Assumption threat.ID `db:"assumption_id"`
}

// CarriedControls returns which assumptions carry which controls of a model.
func (v *Snapshot) CarriedControls(workspace, model string) ([]Carried, error) {
	var out []Carried
	err := v.list(&out, `SELECT control_id, assumption_id FROM carried_controls WHERE workspace_id = ? AND model_id = ? ORDER BY control_id, assumption_id`, workspace, model)
	return out, err
}

// CarryControl lets an assumption carry a control.
func (t *Tx) CarryControl(workspace, model string, c Carried) error {
	return t.exec(`
		INSERT INTO carried_controls (workspace_id, model_id, control_id, assumption_id) VALUES (?, ?, ?, ?)
		ON CONFLICT (workspace_id, model_id, control_id, assumption_id) DO NOTHING`, workspace, model, c.Control, c.Assumption)
}

// DropControl ends that an assumption carries a control; an empty assumption ends it for all of them.
func (t *Tx) DropControl(workspace, model string, c Carried) error {
	return t.exec(`
		DELETE FROM carried_controls
		WHERE workspace_id = ? AND model_id = ? AND control_id = ? AND (? = '' OR assumption_id = ?)`,
		workspace, model, c.Control, string(c.Assumption), string(c.Assumption))
}

// Document is auxiliary evidence on a control: context, never proof.
type Document struct {
	Control   threat.ID `db:"control_id"`
	Number    int       `db:"n"`
	Title     string    `db:"title"`
	URL       string    `db:"url"`
	CreatedBy string    `db:"created_by"`
}

// Documents returns the auxiliary evidence on a model's controls.
func (v *Snapshot) Documents(workspace, model string) ([]Document, error) {
	var out []Document
	err := v.list(&out, `
		SELECT control_id, n, title, url, created_by FROM control_documents
		WHERE workspace_id = ? AND model_id = ? AND deleted_at IS NULL ORDER BY control_id, n`, workspace, model)
	return out, err
}

// AddDocument hangs auxiliary evidence on a control and returns its number there.
func (t *Tx) AddDocument(workspace, model string, d Document) (int, error) {
	var n int
	err := t.get(&n, `SELECT COALESCE(MAX(n), 0) + 1 FROM control_documents WHERE workspace_id = ? AND model_id = ? AND control_id = ?`, workspace, model, d.Control)
	if err != nil {
		return 0, err
	}
	return n, t.exec(`
		INSERT INTO control_documents (workspace_id, model_id, control_id, n, title, url, created_at, created_by)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`, workspace, model, d.Control, n, d.Title, d.URL, micros(t.now), d.CreatedBy)
}

// RemoveDocument takes auxiliary evidence off a control and reports whether it was there.
func (t *Tx) RemoveDocument(workspace, model string, control threat.ID, n int) (bool, error) {
	done, err := t.execN(`
		UPDATE control_documents SET deleted_at = ?
		WHERE workspace_id = ? AND model_id = ? AND control_id = ? AND n = ? AND deleted_at IS NULL`, micros(t.now), workspace, model, control, n)
	return done > 0, err
}
