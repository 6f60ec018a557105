package service

import (
	"context"
	"slices"
	"time"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// GetVerificationReportIn narrows and pages the report.
type GetVerificationReportIn struct {
	ModelID string                `json:"model_id"`
	IDs     []threat.ID           `json:"controls,omitempty"`
	Status  evidence.Verification `json:"status,omitempty"`
	Limit   *int                  `json:"limit,omitempty" jsonschema:"default 0: no rows; at most 200"`
	Offset  int                   `json:"offset,omitempty"`
}

// ReportedAssertion is an assertion in the report.
type ReportedAssertion struct {
	ID         threat.ID             `json:"id"`
	Type       evidence.Type         `json:"type"`
	Status     evidence.Verification `json:"status"`
	Tier1      evidence.Verdict      `json:"tier1,omitempty"`
	Tier2      evidence.Verdict      `json:"tier2,omitempty"`
	Reason     string                `json:"reason,omitempty"` // of a fail or an incoherence
	File       string                `json:"file,omitempty"`
	Line       int                   `json:"line,omitempty"`
	Drifted    bool                  `json:"drifted,omitempty"`
	Unattested bool                  `json:"unattested,omitempty"`
}

// ReportedControl is a control in the report.
type ReportedControl struct {
	ID           threat.ID             `json:"id"`
	Status       threat.ControlStatus  `json:"status"`
	Verification evidence.Verification `json:"verification"`
	Tier         threat.Tier           `json:"tier,omitempty"`
	Uncovered    []threat.ID           `json:"uncovered,omitempty" jsonschema:"facets that no coherent assertion claims"`
	Attested     bool                  `json:"attested"`
	Assertions   []ReportedAssertion   `json:"assertions"`
}

// LastRun is the newest run of a model.
type LastRun struct {
	ID          string    `json:"id"`
	Repo        string    `json:"repo"`
	Commit      string    `json:"commit"`
	Branch      string    `json:"branch"`
	Counted     bool      `json:"counted"`
	SubmittedAt time.Time `json:"submitted_at"`
}

// VerificationSummary counts a model's controls and assertions.
type VerificationSummary struct {
	Verification map[evidence.Verification]int `json:"verification" jsonschema:"live controls"`
	Implemented  int                           `json:"implemented"`
	Assertions   map[evidence.Verification]int `json:"assertions"`
	Drift        []threat.ID                   `json:"drift" jsonschema:"assertions that passed once and fail now"`
	LastRun      *LastRun                      `json:"last_run,omitempty"`
}

// GetVerificationReportOut is what CI found, the failed and the gravest first.
type GetVerificationReportOut struct {
	ModelID  string              `json:"model_id"`
	Version  int                 `json:"version"`
	Total    int                 `json:"total"`
	Returned int                 `json:"returned"`
	Offset   int                 `json:"offset"`
	Summary  VerificationSummary `json:"summary"`
	Controls []ReportedControl   `json:"controls"`
}

// reportOrder is the order in which a reader wants the statuses: what needs work first.
var reportOrder = []evidence.Verification{
	evidence.Failed, evidence.Incoherent, evidence.InsufficientStatus, evidence.Stale, evidence.Partial, evidence.Pending,
	evidence.Verified, evidence.None,
}

// GetVerificationReport reports what CI found for each control. Errors: [threat.NotFound], [threat.Invalid].
func (s *Service) GetVerificationReport(ctx context.Context, who account.Principal, in GetVerificationReportIn) (GetVerificationReportOut, error) {
	limit, offset, err := page(in.Limit, in.Offset, 0)
	if err != nil {
		return GetVerificationReportOut{}, err
	}
	return read(ctx, s, who, account.Report, func(v *store.Snapshot) (GetVerificationReportOut, error) {
		out := GetVerificationReportOut{ModelID: in.ModelID, Offset: offset, Controls: []ReportedControl{}}
		out.Summary = VerificationSummary{
			Verification: map[evidence.Verification]int{}, Assertions: map[evidence.Verification]int{}, Drift: []threat.ID{},
		}
		h, err := s.head(v, who.WorkspaceID, in.ModelID)
		if err != nil {
			return out, err
		}
		out.Version = h.model.Version
		for _, id := range in.IDs {
			if _, err := h.control(id); err != nil {
				return out, fieldError(err, "controls")
			}
		}
		byControl := map[threat.ID][]ReportedAssertion{}
		err = h.eachLive(v, who.WorkspaceID, func(a *store.Assertion, subject *evidence.Subject) {
			row := reported(a, h.assertionStatus(subject, a, v.Now()))
			out.Summary.Assertions[row.Status]++
			if row.Drifted {
				out.Summary.Drift = append(out.Summary.Drift, a.ID)
			}
			byControl[a.Control] = append(byControl[a.Control], row)
		})
		if err != nil {
			return out, err
		}
		runs, err := v.Runs(who.WorkspaceID, in.ModelID, 1)
		if err != nil {
			return out, err
		}
		if len(runs) > 0 {
			r := runs[0]
			out.Summary.LastRun = &LastRun{ID: r.ID, Repo: r.Repo, Commit: r.Commit, Branch: r.Branch, Counted: r.Counted, SubmittedAt: r.SubmittedAt}
		}
		var found []ReportedControl
		for _, f := range h.all().found {
			if f.orphaned || !among(in.IDs, f.ID) {
				continue
			}
			row := ReportedControl{
				ID: f.ID, Status: f.Status, Verification: h.verificationAt(f.Control, v.Now()), Tier: f.tier,
				Attested: f.Evidence.Attested, Assertions: byControl[f.ID],
			}
			if row.Assertions == nil {
				row.Assertions = []ReportedAssertion{}
			}
			for _, g := range f.Evidence.Sufficiency.Uncovered {
				row.Uncovered = append(row.Uncovered, g.Facet)
			}
			out.Summary.Verification[row.Verification]++
			if f.Status == threat.Implemented {
				out.Summary.Implemented++
			}
			if in.Status == "" || row.Verification == in.Status {
				found = append(found, row)
			}
		}
		slices.SortStableFunc(found, func(a, b ReportedControl) int {
			return slices.Index(reportOrder, a.Verification) - slices.Index(reportOrder, b.Verification)
		})
		out.Total = len(found)
		out.Controls = append(out.Controls, cut(found, limit, offset)...)
		out.Returned = len(out.Controls)
		return out, nil
	})
}

func reported(a *store.Assertion, status evidence.Verification) ReportedAssertion {
	row := ReportedAssertion{ID: a.ID, Type: a.Type, Status: status, Reason: a.Incoherent, Drifted: a.DriftedAt != nil}
	for _, h := range []*evidence.Held{a.Tier2, a.Tier1} { // what Tier 1 says wins
		if h == nil {
			continue
		}
		row.File, row.Line = h.File, h.Line
		if h.Verdict == evidence.Fail {
			row.Reason = h.Reason
		}
	}
	if a.Tier1 != nil {
		row.Tier1, row.Unattested = a.Tier1.Verdict, !a.Tier1.Attested
	}
	if a.Tier2 != nil {
		row.Tier2 = a.Tier2.Verdict
	}
	return row
}
