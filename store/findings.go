package store

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/redoubt-dev/redoubt/threat"
)

// Finding is a finding as stored.
type Finding struct {
	threat.Finding
	CreatedAt time.Time
	CreatedBy string
	UpdatedAt time.Time
}

type findingRow struct {
	FindingID        threat.ID            `db:"finding_id"`
	ControlID        threat.ID            `db:"control_id"`
	Title            string               `db:"title"`
	Description      string               `db:"description"`
	Severity         threat.Severity      `db:"severity"`
	Source           threat.FindingSource `db:"source"`
	Status           threat.FindingStatus `db:"status"`
	Reason           string               `db:"reason"`
	Fingerprint      string               `db:"fingerprint"`
	CheckedLocations string               `db:"checked_locations"`
	CheckedPatterns  string               `db:"checked_patterns"`
	ExpectedEvidence string               `db:"expected_evidence"`
	Reopens          threat.ID            `db:"reopens"`
	MappedBy         string               `db:"mapped_by"`
	Proposal         string               `db:"proposal"`
	Refused          string               `db:"refused"`
	CreatedAt        int64                `db:"created_at"`
	CreatedBy        string               `db:"created_by"`
	UpdatedAt        int64                `db:"updated_at"`
}

const findingColumns = `finding_id, control_id, title, description, severity, source, status, reason, fingerprint, checked_locations, checked_patterns, expected_evidence, reopens, mapped_by, proposal, refused, created_at, created_by, updated_at`

// Findings returns a model's findings in id order.
func (v *Snapshot) Findings(workspace, model string) ([]Finding, error) {
	var rows []findingRow
	err := v.list(&rows, `SELECT `+findingColumns+` FROM findings WHERE workspace_id = ? AND model_id = ? ORDER BY n`, workspace, model)
	if err != nil {
		return nil, err
	}
	out := make([]Finding, len(rows))
	for i, r := range rows {
		out[i] = Finding{
			Finding: threat.Finding{
				ID: r.FindingID, Control: r.ControlID, Title: r.Title, Description: r.Description, Severity: r.Severity,
				Source: r.Source, Status: r.Status, Reason: r.Reason, Fingerprint: r.Fingerprint,
				ExpectedEvidence: r.ExpectedEvidence, Reopens: r.Reopens, MappedBy: r.MappedBy, Proposal: r.Proposal, Refused: r.Refused,
			},
			CreatedAt: fromMicros(r.CreatedAt), CreatedBy: r.CreatedBy, UpdatedAt: fromMicros(r.UpdatedAt),
		}
		for _, f := range []struct {
			text string
			into *[]string
		}{{r.CheckedLocations, &out[i].CheckedLocations}, {r.CheckedPatterns, &out[i].CheckedPatterns}} {
			if err := json.Unmarshal([]byte(f.text), f.into); err != nil {
				return nil, fmt.Errorf("store: finding %s: %w", r.FindingID, err)
			}
		}
	}
	return out, nil
}

// AddFindings adds findings under the ids they carry.
func (t *Tx) AddFindings(workspace, model, user string, list []threat.Finding) error {
	rows := make([][]any, len(list))
	for i, f := range list {
		locations, err := json.Marshal(nonNil(f.CheckedLocations))
		if err != nil {
			return err
		}
		patterns, err := json.Marshal(nonNil(f.CheckedPatterns))
		if err != nil {
			return err
		}
		rows[i] = []any{
			workspace, model, string(f.ID), f.ID.Number(), string(f.Control), f.Title, f.Description, string(f.Severity), string(f.Source),
			string(f.Status), f.Reason, f.Fingerprint, string(locations), string(patterns), f.ExpectedEvidence, string(f.Reopens),
			f.MappedBy, f.Proposal, f.Refused, micros(t.now), user, micros(t.now),
		}
	}
	return t.insertRows(`
		INSERT INTO findings (workspace_id, model_id, finding_id, n, control_id, title, description, severity, source,
		    status, reason, fingerprint, checked_locations, checked_patterns, expected_evidence, reopens,
		    mapped_by, proposal, refused, created_at, created_by, updated_at)
		VALUES`, rows)
}

// SetFindingStatus moves a finding on, with a reason where one is asked for. One that is closed has no proposal any more.
func (t *Tx) SetFindingStatus(workspace, model string, id threat.ID, status threat.FindingStatus, reason string) error {
	if !status.Open() {
		if err := t.ProposeDismissal(workspace, model, id, ""); err != nil {
			return err
		}
	}
	return t.exec(`UPDATE findings SET status = ?, reason = ?, updated_at = ? WHERE workspace_id = ? AND model_id = ? AND finding_id = ?`,
		string(status), reason, micros(t.now), workspace, model, id)
}

// ProposeDismissal keeps why a finding is to be dismissed, for someone who may decide; "" takes the proposal back.
func (t *Tx) ProposeDismissal(workspace, model string, id threat.ID, reason string) error {
	return t.exec(`UPDATE findings SET proposal = ?, updated_at = ? WHERE workspace_id = ? AND model_id = ? AND finding_id = ?`,
		reason, micros(t.now), workspace, model, string(id))
}

// RefuseDismissal takes a proposal back for good: someone who may decide refused it.
func (t *Tx) RefuseDismissal(workspace, model string, id threat.ID, reason string) error {
	return t.exec(`UPDATE findings SET proposal = '', refused = ?, updated_at = ? WHERE workspace_id = ? AND model_id = ? AND finding_id = ?`,
		reason, micros(t.now), workspace, model, string(id))
}

// UnmapFindings takes the open findings of controls off them: they are about no control until somebody says which.
func (t *Tx) UnmapFindings(workspace, model string, controls []threat.ID) error {
	for _, id := range controls {
		err := t.exec(`
			UPDATE findings SET control_id = '', mapped_by = '', updated_at = ?
			WHERE workspace_id = ? AND model_id = ? AND control_id = ? AND status IN ('discovered', 'acknowledged', 'remediated')`,
			micros(t.now), workspace, model, string(id))
		if err != nil {
			return err
		}
	}
	return nil
}

// FindingLink says that an assertion will show a finding mended, by a run after the nonce of number Since.
type FindingLink struct {
	Finding   threat.ID `db:"finding_id"`
	Assertion threat.ID `db:"assertion_id"`
	Since     int64     `db:"since"`
}

// FindingLinks returns the links of a model's findings.
func (v *Snapshot) FindingLinks(workspace, model string) ([]FindingLink, error) {
	var out []FindingLink
	err := v.list(&out, `SELECT finding_id, assertion_id, since FROM finding_assertions WHERE workspace_id = ? AND model_id = ?`, workspace, model)
	return out, err
}

// LinkFindings links findings with the assertions that will show them mended; a link that exists stays as it is.
func (t *Tx) LinkFindings(workspace, model string, links []FindingLink) error {
	for _, l := range links {
		err := t.exec(`
			INSERT INTO finding_assertions (workspace_id, model_id, finding_id, assertion_id, since) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (workspace_id, model_id, finding_id, assertion_id) DO NOTHING`,
			workspace, model, string(l.Finding), string(l.Assertion), l.Since)
		if err != nil {
			return err
		}
	}
	return nil
}

// MapFinding says which control a finding is about, and how that is known.
func (t *Tx) MapFinding(workspace, model string, id, control threat.ID, by string) error {
	return t.exec(`UPDATE findings SET control_id = ?, mapped_by = ?, updated_at = ? WHERE workspace_id = ? AND model_id = ? AND finding_id = ?`,
		string(control), by, micros(t.now), workspace, model, string(id))
}
