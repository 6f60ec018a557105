package service

import (
	"context"
	"slices"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// UpdateControlStatusIn says that a control is implemented, or not any more.
type UpdateControlStatusIn struct {
	ModelID          string               `json:"model_id"`
	Control          threat.ID            `json:"control_id"`
	Status           threat.ControlStatus `json:"status"`
	ExpectedRevision int                  `json:"expected_revision,omitempty" jsonschema:"refused at any other revision"`
}

// UpdateControlStatusOut is the control afterwards. Verification is computed from what CI found.
type UpdateControlStatusOut struct {
	ModelID      string                `json:"model_id"`
	Control      threat.ID             `json:"control_id"`
	Status       threat.ControlStatus  `json:"status"`
	Verification evidence.Verification `json:"verification"`
	Revision     int                   `json:"revision"`
	Hint         string                `json:"hint,omitempty"`
}

// UpdateControlStatus sets what people and agents say of a control. Errors: [threat.NotFound], [threat.Conflict],
// [threat.FailedPrecondition] when it has no coherent assertion.
func (s *Service) UpdateControlStatus(ctx context.Context, who account.Principal, in UpdateControlStatusIn) (UpdateControlStatusOut, error) {
	v := verb{name: "update_control_status", needs: account.Write, model: in.ModelID}
	return write(ctx, s, who, v, in, func(tx *store.Tx, r *record) (UpdateControlStatusOut, error) {
		out := UpdateControlStatusOut{ModelID: in.ModelID, Control: in.Control, Status: in.Status}
		h, err := s.head(tx.View(), who.WorkspaceID, in.ModelID)
		if err != nil {
			return out, err
		}
		r.version, r.object = h.model.Version, string(in.Control)
		if !slices.Contains(threat.ControlStatuses(), in.Status) {
			return out, threat.Errorf(threat.Invalid, "status %q is not known", threat.Clip(string(in.Status), 40)).In("status").
				Hinted("valid: %s; what CI verified is computed and never set", joinStrings(threat.ControlStatuses()))
		}
		if _, err := h.control(in.Control); err != nil {
			return out, fieldError(err, "control_id")
		}
		c := h.own([]threat.ID{in.Control})[0]
		if in.ExpectedRevision != 0 && in.ExpectedRevision != c.Revision {
			return out, threat.Errorf(threat.Conflict, "%s is at revision %d, not %d", c.ID, c.Revision, in.ExpectedRevision).
				In("expected_revision").Hinted("read it again (get_controls) and repeat the change")
		}
		all, err := tx.EvidenceOf(who.WorkspaceID, in.ModelID, c.ID)
		if err != nil {
			return out, err
		}
		if in.Status == threat.Implemented && !slices.ContainsFunc(all, func(a store.Assertion) bool { return a.DeletedAt == nil && a.Incoherent == "" }) {
			return out, threat.Errorf(threat.FailedPrecondition, "%s has no coherent assertion", c.ID).In("status").
				Hinted("submit_assertions first: implemented is a claim, and a claim needs evidence that CI can check")
		}
		changed := c.Status != in.Status
		if changed {
			c.Status = in.Status
			if err := tx.SaveControl(who.WorkspaceID, in.ModelID, c.Control); err != nil {
				return out, err
			}
			c.Revision++
		}
		again, err := reassess(tx, who.WorkspaceID, in.ModelID, []*store.Control{c}, all)
		if err != nil {
			return out, err
		}
		out.Verification, out.Revision = h.verificationAt(c, tx.Now()), c.Revision
		if in.Status == threat.Implemented && out.Verification == evidence.InsufficientStatus {
			out.Hint = "some facets are uncovered: get_sufficiency names them"
		}
		if !changed && !again {
			return out, nil
		}
		return out, tx.TouchModel(who.WorkspaceID, in.ModelID)
	})
}

// GetSufficiencyIn narrows and pages the controls.
type GetSufficiencyIn struct {
	ModelID string                     `json:"model_id"`
	IDs     []threat.ID                `json:"controls,omitempty" jsonschema:"only these ids; of assumptions too"`
	Status  evidence.SufficiencyStatus `json:"status,omitempty"`
	Limit   *int                       `json:"limit,omitempty" jsonschema:"default 20, at most 200"`
	Offset  int                        `json:"offset,omitempty"`
}

// SufficiencyRow is what the claims on a control lack, and what engines said of them.
type SufficiencyRow struct {
	CoverageRow
	Judgments []JudgmentRow `json:"judgments,omitempty" jsonschema:"what engines said of these claims: {engine, llm, state, reason of a failure, incoherent, unproven, at}"`
}

// GetSufficiencyOut says which facets no coherent assertion claims, or which the claims were judged not to prove.
type GetSufficiencyOut struct {
	ModelID  string                             `json:"model_id"`
	Version  int                                `json:"version"`
	Total    int                                `json:"total"`
	Returned int                                `json:"returned"`
	Offset   int                                `json:"offset"`
	Summary  map[evidence.SufficiencyStatus]int `json:"summary"`
	Controls []SufficiencyRow                   `json:"controls"`
	Job      *JobOut                            `json:"job,omitempty" jsonschema:"of an engine that judges: {job_id, status, question, result}"`
}

// GetSufficiency lists what the claims on each control, and on each assumption that is named, still lack, by the rules and by what engines
// judged. Errors: [threat.NotFound], [threat.Invalid].
func (s *Service) GetSufficiency(ctx context.Context, who account.Principal, in GetSufficiencyIn) (GetSufficiencyOut, error) {
	limit, offset, err := page(in.Limit, in.Offset, DefaultLimit)
	if err != nil {
		return GetSufficiencyOut{}, err
	}
	return readHead(ctx, s, who, in.ModelID, func(v *store.Snapshot, h *head) (GetSufficiencyOut, error) {
		out := GetSufficiencyOut{
			ModelID: h.model.ID, Version: h.model.Version, Offset: offset,
			Summary: map[evidence.SufficiencyStatus]int{}, Controls: []SufficiencyRow{},
		}
		if err := h.checkJudged(in.IDs); err != nil {
			return out, err
		}
		var evidenceOf map[threat.ID]*body
		if len(h.judged)+len(in.IDs) > 0 {
			all, err := v.Evidence(who.WorkspaceID, in.ModelID)
			if err != nil {
				return out, err
			}
			evidenceOf = bodies(all)
		}
		var found []SufficiencyRow
		for _, f := range h.all().found { // gravest tier first
			row := h.coverage(f.Control, v.Now())
			if f.orphaned || !among(in.IDs, row.ID) || in.Status != "" && row.Sufficiency != in.Status {
				continue
			}
			out.Summary[row.Sufficiency]++
			found = append(found, SufficiencyRow{row, h.judgmentRows(h.controlSubject(f.Control), evidenceOf[row.ID])})
		}
		for i := range h.structure.Assumptions {
			a := &h.structure.Assumptions[i]
			if !slices.Contains(in.IDs, a.ID) {
				continue
			}
			row := h.assumptionCoverage(a, evidenceOf[a.ID], v.Now())
			if in.Status == "" || row.Sufficiency == in.Status {
				out.Summary[row.Sufficiency]++
				found = append(found, SufficiencyRow{row, h.judgmentRows(h.assumptionSubject(a.ID, a.Text), evidenceOf[a.ID])})
			}
		}
		out.Total = len(found)
		out.Controls = append(out.Controls, cut(found, limit, offset)...)
		out.Returned = len(out.Controls)
		return out, nil
	})
}
