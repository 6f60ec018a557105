package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// NewFinding is one negative observation of a batch.
type NewFinding struct {
	Control          threat.ID       `json:"control_id"`
	Source           Observer        `json:"source,omitempty"`
	Title            string          `json:"title" jsonschema:"what is missing"`
	Description      string          `json:"description,omitempty"`
	Severity         threat.Severity `json:"severity,omitempty" jsonschema:"default: by the control's tier"`
	CheckedLocations []string        `json:"checked_locations,omitempty"`
	CheckedPatterns  []string        `json:"checked_patterns,omitempty"`
	ExpectedEvidence string          `json:"expected_evidence,omitempty"`
	Fingerprint      string          `json:"fingerprint,omitempty" jsonschema:"default: from control and title"`
}

// Observer is who may be named as the source of a submitted finding: an agent, which is the default, or a person. The other sources are
// set by the server alone.
type Observer string

// Enum lists the legal values, for schemas.
func (Observer) Enum() []string { return []string{string(threat.FromAgent), string(threat.FromPerson)} }

// SubmitFindingsIn is a batch, all or nothing.
type SubmitFindingsIn struct {
	ModelID        string       `json:"model_id"`
	Findings       []NewFinding `json:"findings"`
	IdempotencyKey string       `json:"idempotency_key,omitempty"`
}

// FindingRow is a finding in a list.
type FindingRow struct {
	threat.Finding
	Assertions []threat.ID `json:"assertions,omitempty" jsonschema:"that will show it mended"`
	CreatedAt  time.Time   `json:"created_at"`
	UpdatedAt  time.Time   `json:"updated_at"`
}

// SubmittedFinding is one finding of the batch.
type SubmittedFinding struct {
	ID       threat.ID            `json:"id"`
	Status   threat.FindingStatus `json:"status"`
	Repeated bool                 `json:"repeated,omitempty" jsonschema:"it was known, and nothing was added"`
	Reopens  threat.ID            `json:"reopens,omitempty"`
}

// SubmitFindingsOut says what was added and what was known.
type SubmitFindingsOut struct {
	ModelID  string             `json:"model_id"`
	Findings []SubmittedFinding `json:"findings"`
	Hint     string             `json:"hint,omitempty"`
}

// MaxFindings bounds a batch, and the lists of places and patterns of one finding.
const (
	MaxFindings = 100
	maxChecked  = 100
)

// SubmitFindings records what was expected, looked for and not found. A repeat (same control, same fingerprint) of an open or dismissed
// finding is that finding; a repeat of a verified one opens a new one that names it. Errors: [threat.Invalid] and [threat.NotFound] per item.
func (s *Service) SubmitFindings(ctx context.Context, who account.Principal, in SubmitFindingsIn) (SubmitFindingsOut, error) {
	v := verb{name: "submit_findings", needs: account.Write, model: in.ModelID, idem: in.IdempotencyKey}
	return write(ctx, s, who, v, in, func(tx *store.Tx, r *record) (SubmitFindingsOut, error) {
		out := SubmitFindingsOut{ModelID: in.ModelID, Findings: []SubmittedFinding{}}
		h, err := s.head(tx.View(), who.WorkspaceID, in.ModelID)
		if err != nil {
			return out, err
		}
		if n := len(in.Findings); n == 0 || n > MaxFindings {
			return out, threat.Errorf(threat.Invalid, "%d findings, 1 to %d fit", n, MaxFindings).In("findings").Hinted("split the batch")
		}
		known, err := tx.Findings(who.WorkspaceID, in.ModelID)
		if err != nil {
			return out, err
		}
		counters, err := tx.Counters(who.WorkspaceID, in.ModelID)
		if err != nil {
			return out, err
		}
		var fresh []threat.Finding
		var wrong []*threat.Error
		for i, n := range in.Findings {
			f, err := h.newFinding(n)
			if err != nil {
				var te *threat.Error
				if !errors.As(err, &te) {
					return out, err
				}
				wrong = append(wrong, te.In(fmt.Sprintf("findings.%d", i)))
				continue
			}
			if same := lastSame(known, f); same != nil && same.Status != threat.FixVerified {
				out.Findings = append(out.Findings, SubmittedFinding{ID: same.ID, Status: same.Status, Repeated: true})
				continue
			} else if same != nil {
				f.Reopens = same.ID
			}
			f.ID = counters.Next(threat.KindFinding)
			fresh = append(fresh, f)
			known = append(known, store.Finding{Finding: f})
			out.Findings = append(out.Findings, SubmittedFinding{ID: f.ID, Status: f.Status, Reopens: f.Reopens})
		}
		if err := threat.Batch(wrong); err != nil {
			return out, err
		}
		if err := tx.AddFindings(who.WorkspaceID, in.ModelID, who.UserID, fresh); err != nil {
			return out, err
		}
		if err := tx.SaveCounters(who.WorkspaceID, in.ModelID, threat.Counters{threat.KindFinding: counters[threat.KindFinding]}); err != nil {
			return out, err
		}
		out.Hint = "when the fix is in: submit_assertions, then update_finding(remediated, assertions); CI verifies it"
		r.version, r.object = h.model.Version, threat.Clip(joinStrings(ids(out.Findings, func(f SubmittedFinding) threat.ID { return f.ID })), 200)
		return out, tx.TouchModel(who.WorkspaceID, in.ModelID)
	})
}

// lastSame returns the newest finding on the same control with the same fingerprint, or nil.
func lastSame(known []store.Finding, f threat.Finding) *store.Finding {
	for i := len(known) - 1; i >= 0; i-- {
		if known[i].Control == f.Control && known[i].Fingerprint == f.Fingerprint {
			return &known[i]
		}
	}
	return nil
}

func (h *head) newFinding(n NewFinding) (threat.Finding, error) {
	f := threat.Finding{Control: n.Control, Severity: n.Severity, Source: cmp.Or(threat.FindingSource(n.Source), threat.FromAgent), Status: threat.Discovered}
	if !slices.Contains(Observer("").Enum(), string(f.Source)) {
		return f, threat.Errorf(threat.Invalid, "nobody submits a finding of the source %s", threat.Clip(string(n.Source), 20)).In("source").
			Hinted("valid: %s; the server sets the others itself", joinWords(Observer("").Enum()))
	}
	c, err := h.control(n.Control)
	if err != nil {
		return f, fieldError(err, "control_id")
	}
	for _, t := range []struct {
		field, given string
		to           *string
		most         int
		line         bool
	}{
		{"title", n.Title, &f.Title, 2 * threat.MaxName, true},
		{"description", n.Description, &f.Description, threat.MaxDescription, false},
		{"expected_evidence", n.ExpectedEvidence, &f.ExpectedEvidence, threat.MaxText, false},
		{"fingerprint", n.Fingerprint, &f.Fingerprint, 2 * threat.MaxName, true},
	} {
		clean := threat.Text
		if t.line {
			clean = threat.Line
		}
		if *t.to, err = clean(t.given, t.most); err != nil {
			return f, fieldError(err, t.field)
		}
	}
	if f.Title == "" {
		return f, threat.Errorf(threat.Invalid, "the title is missing").In("title").Hinted("say what is missing in a line")
	}
	if f.Severity == "" {
		f.Severity = threat.SeverityOf(h.tier(c))
	}
	if !slices.Contains(threat.Severities(), f.Severity) {
		return f, threat.Errorf(threat.Invalid, "severity %q is not known", threat.Clip(string(f.Severity), 20)).In("severity").Hinted("valid: %s", joinStrings(threat.Severities()))
	}
	if f.Fingerprint == "" {
		f.Fingerprint = "title:" + evidence.Hash([]byte(strings.ToLower(f.Title)))[:32]
	}
	if f.CheckedLocations, err = checkedList(n.CheckedLocations, evidence.MaxPath); err != nil {
		return f, fieldError(err, "checked_locations")
	}
	f.CheckedPatterns, err = checkedList(n.CheckedPatterns, evidence.MaxPattern)
	return f, fieldError(err, "checked_patterns")
}

func checkedList(given []string, most int) ([]string, error) {
	if len(given) > maxChecked {
		return nil, threat.Errorf(threat.Invalid, "%d entries, at most %d fit", len(given), maxChecked)
	}
	var out []string
	for _, g := range given {
		line, err := threat.Line(g, most)
		if err != nil {
			return nil, err
		}
		if line != "" {
			out = append(out, line)
		}
	}
	return out, nil
}

// ListFindingsIn narrows and pages the findings of a model.
type ListFindingsIn struct {
	ModelID  string               `json:"model_id"`
	IDs      []threat.ID          `json:"findings,omitempty"`
	Status   threat.FindingStatus `json:"status,omitempty"`
	Open     bool                 `json:"open,omitempty" jsonschema:"neither verified nor dismissed"`
	Severity threat.Severity      `json:"severity,omitempty"`
	Control  threat.ID            `json:"control_id,omitempty"`
	Source   threat.FindingSource `json:"source,omitempty"`
	Unmapped bool                 `json:"unmapped,omitempty" jsonschema:"only those about no control"`
	Proposed bool                 `json:"proposed,omitempty" jsonschema:"only those a report wants dismissed"`
	Since    *time.Time           `json:"since,omitempty" jsonschema:"RFC 3339; changed since"`
	Limit    *int                 `json:"limit,omitempty" jsonschema:"default 20, at most 200"`
	Offset   int                  `json:"offset,omitempty"`
}

// FindingSummary counts the findings that the filters let through.
type FindingSummary struct {
	Status   map[threat.FindingStatus]int `json:"status"`
	Severity map[threat.Severity]int      `json:"severity" jsonschema:"of the open ones"`
	Unmapped int                          `json:"unmapped" jsonschema:"about no control: update_finding assigns one"`
}

// ListFindingsOut is a page of findings: open ones first, the gravest first.
type ListFindingsOut struct {
	ModelID  string         `json:"model_id"`
	Version  int            `json:"version"`
	Total    int            `json:"total"`
	Returned int            `json:"returned"`
	Offset   int            `json:"offset"`
	Summary  FindingSummary `json:"summary"`
	Findings []FindingRow   `json:"findings"`
}

// ListFindings lists findings. Errors: [threat.NotFound], [threat.Invalid].
func (s *Service) ListFindings(ctx context.Context, who account.Principal, in ListFindingsIn) (ListFindingsOut, error) {
	limit, offset, err := page(in.Limit, in.Offset, DefaultLimit)
	if err != nil {
		return ListFindingsOut{}, err
	}
	if err := cmp.Or(
		oneOf("status", in.Status, threat.FindingStatuses()), oneOf("severity", in.Severity, threat.Severities()), oneOf("source", in.Source, threat.FindingSources()),
	); err != nil {
		return ListFindingsOut{}, err
	}
	return readHead(ctx, s, who, in.ModelID, func(v *store.Snapshot, h *head) (ListFindingsOut, error) {
		out := ListFindingsOut{ModelID: h.model.ID, Version: h.model.Version, Offset: offset, Findings: []FindingRow{}}
		out.Summary = FindingSummary{Status: map[threat.FindingStatus]int{}, Severity: map[threat.Severity]int{}}
		all, err := v.Findings(who.WorkspaceID, h.model.ID)
		if err != nil {
			return out, err
		}
		links, err := v.FindingLinks(who.WorkspaceID, h.model.ID)
		if err != nil {
			return out, err
		}
		var found []FindingRow
		for _, f := range all {
			if !among(in.IDs, f.ID) || in.Status != "" && f.Status != in.Status || in.Open && !f.Status.Open() ||
				in.Severity != "" && f.Severity != in.Severity || in.Control != "" && f.Control != in.Control ||
				in.Source != "" && f.Source != in.Source || in.Unmapped && f.Control != "" || in.Proposed && f.Proposal == "" || in.Since != nil && !f.UpdatedAt.After(*in.Since) {
				continue
			}
			out.Summary.Status[f.Status]++
			if f.Status.Open() {
				out.Summary.Severity[f.Severity]++
				if f.Control == "" {
					out.Summary.Unmapped++
				}
			}
			found = append(found, findingRow(f, links))
		}
		slices.SortStableFunc(found, func(a, b FindingRow) int {
			if a.Status.Open() != b.Status.Open() {
				if a.Status.Open() {
					return -1
				}
				return 1
			}
			return slices.Index(threat.Severities(), a.Severity) - slices.Index(threat.Severities(), b.Severity)
		})
		out.Total = len(found)
		out.Findings = append(out.Findings, cut(found, limit, offset)...)
		out.Returned = len(out.Findings)
		return out, nil
	})
}

func findingRow(f store.Finding, links []store.FindingLink) FindingRow {
	row := FindingRow{Finding: f.Finding, CreatedAt: f.CreatedAt, UpdatedAt: f.UpdatedAt}
	for _, l := range links {
		if l.Finding == f.ID {
			row.Assertions = append(row.Assertions, l.Assertion)
		}
	}
	threat.SortIDs(row.Assertions)
	return row
}

// UpdateFindingIn moves a finding on, links it with assertions, or assigns its control.
type UpdateFindingIn struct {
	ModelID    string               `json:"model_id"`
	Finding    threat.ID            `json:"finding_id"`
	Status     threat.FindingStatus `json:"status,omitempty" jsonschema:"verified is computed"`
	Assertions []threat.ID          `json:"assertions,omitempty" jsonschema:"that prove the fix"`
	Control    threat.ID            `json:"control_id,omitempty" jsonschema:"of an unmapped finding"`
	Reason     string               `json:"reason,omitempty" jsonschema:"needed to dismiss; default: the proposed one"`
}

// UpdateFindingOut is the finding afterwards.
type UpdateFindingOut struct {
	ModelID string     `json:"model_id"`
	Finding FindingRow `json:"finding"`
}

// findingSteps is the way of a finding, forward only; steps may be skipped (specification §8).
var findingSteps = []threat.FindingStatus{threat.Discovered, threat.Acknowledged, threat.Remediated, threat.FixVerified}

// UpdateFinding moves a finding on. Errors: [threat.NotFound], [threat.Invalid], [threat.Forbidden] to dismiss without decide,
// [threat.FailedPrecondition] for a step that goes back, or to verified, which is computed.
func (s *Service) UpdateFinding(ctx context.Context, who account.Principal, in UpdateFindingIn) (UpdateFindingOut, error) {
	v := verb{name: "update_finding", needs: account.Write, model: in.ModelID}
	if in.Status == threat.Dismissed {
		v.needs = account.Decide
	}
	return write(ctx, s, who, v, in, func(tx *store.Tx, r *record) (UpdateFindingOut, error) {
		out := UpdateFindingOut{ModelID: in.ModelID}
		h, err := s.head(tx.View(), who.WorkspaceID, in.ModelID)
		if err != nil {
			return out, err
		}
		r.version, r.object = h.model.Version, string(in.Finding)
		all, err := tx.Findings(who.WorkspaceID, in.ModelID)
		if err != nil {
			return out, err
		}
		i := slices.IndexFunc(all, func(f store.Finding) bool { return f.ID == in.Finding })
		if i < 0 {
			return out, threat.Errorf(threat.NotFound, "there is no finding %s", threat.Clip(string(in.Finding), 20)).In("finding_id").Hinted("list_findings names them")
		}
		f := all[i]
		if in.Status == "" && len(in.Assertions) == 0 && in.Control == "" {
			return out, threat.Errorf(threat.Invalid, "nothing to change").Hinted("give status, assertions or control_id")
		}
		if !f.Status.Open() {
			return out, threat.Errorf(threat.FailedPrecondition, "%s is %s, which is final", f.ID, f.Status).In("finding_id").Hinted("submit_findings records it anew")
		}
		if in.Control != "" {
			if f.Control != "" && !guessed(&f) {
				return out, threat.Errorf(threat.FailedPrecondition, "%s is about %s already", f.ID, f.Control).In("control_id").
					Hinted("leave control_id out, or submit_findings about %s", threat.Clip(string(in.Control), 20))
			}
			if _, err := h.control(in.Control); err != nil {
				return out, fieldError(err, "control_id")
			}
			if err := provesOnly(tx, who.WorkspaceID, in.ModelID, &f, in.Control); err != nil {
				return out, err
			}
			if err := tx.MapFinding(who.WorkspaceID, in.ModelID, f.ID, in.Control, mappedByHand); err != nil {
				return out, err
			}
			f.Control, f.MappedBy = in.Control, mappedByHand
		}
		if err := linkFinding(tx, who.WorkspaceID, in.ModelID, &f, in.Assertions); err != nil {
			return out, err
		}
		before := f.Status
		refuses := f.Proposal != "" && in.Status != "" && in.Status != threat.Dismissed && who.May(account.Decide)
		if !refuses || in.Status != before { // who names the status it has refuses, and moves nothing
			if err := moveFinding(tx, who.WorkspaceID, in.ModelID, &f, in.Status, in.Reason); err != nil {
				return out, err
			}
		}
		if refuses {
			if err := tx.RefuseDismissal(who.WorkspaceID, in.ModelID, f.ID, f.Proposal); err != nil {
				return out, err
			}
			f.Refused, f.Proposal = f.Proposal, ""
		} else if f.Status == threat.Dismissed {
			f.Proposal = ""
		}
		links, err := tx.FindingLinks(who.WorkspaceID, in.ModelID)
		if err != nil {
			return out, err
		}
		if f.Status == threat.Remediated && before != f.Status {
			if err := h.settle(tx, who.WorkspaceID, &f, links); err != nil {
				return out, err
			}
		}
		f.UpdatedAt = tx.Now()
		out.Finding = findingRow(f, links)
		r.detail = findingMove{From: before, To: f.Status, Control: in.Control, Assertions: in.Assertions, Reason: f.Reason}
		return out, tx.TouchModel(who.WorkspaceID, in.ModelID)
	})
}

// findingMove is what the activity says of a step of a finding, taken by a caller or computed from a run.
type findingMove struct {
	From       threat.FindingStatus `json:"from"`
	To         threat.FindingStatus `json:"to"`
	Control    threat.ID            `json:"control_id,omitempty"`
	Assertions []threat.ID          `json:"assertions,omitempty"`
	Reason     string               `json:"reason,omitempty"`
}

// settle makes a finding verified that was just called remediated, when CI has passed its assertions since they were linked.
func (h *head) settle(tx *store.Tx, workspace string, f *store.Finding, links []store.FindingLink) error {
	all, err := tx.Evidence(workspace, h.model.ID)
	if err != nil {
		return err
	}
	byID := make(map[threat.ID]*store.Assertion, len(all))
	for i := range all {
		byID[all[i].ID] = &all[i]
	}
	of := slices.DeleteFunc(slices.Clone(links), func(l store.FindingLink) bool { return l.Finding != f.ID })
	if _, both := h.shown(f, of, byID); !both {
		return nil
	}
	f.Status = threat.FixVerified
	return tx.SetFindingStatus(workspace, h.model.ID, f.ID, f.Status, f.Reason)
}

// linkFinding links a finding with assertions: a run that is pulled from now on counts. What proves a control proves nothing about
// another, so a finding on a control takes assertions on that one alone.
func linkFinding(tx *store.Tx, workspace, model string, f *store.Finding, assertions []threat.ID) error {
	if len(assertions) == 0 {
		return nil
	}
	if len(assertions) > MaxAssertions {
		return threat.Errorf(threat.Invalid, "%d assertions, at most %d fit", len(assertions), MaxAssertions).In("assertions")
	}
	since, err := tx.Pulls(workspace, model)
	if err != nil {
		return err
	}
	links := make([]store.FindingLink, len(assertions))
	for i, a := range assertions {
		row, err := tx.Assertion(workspace, model, a)
		if err != nil {
			return fieldAs(err, "assertion_id", "assertions")
		}
		if f.Control != "" && row.Control != f.Control {
			return threat.Errorf(threat.Invalid, "%s is no assertion on %s, which %s is about", a, f.Control, f.ID).In("assertions").
				Hinted("submit_assertions on %s, then link those", f.Control)
		}
		links[i] = store.FindingLink{Finding: f.ID, Assertion: a, Since: since}
	}
	return tx.LinkFindings(workspace, model, links)
}

// moveFinding takes the step to a status, if one is asked for.
func moveFinding(tx *store.Tx, workspace, model string, f *store.Finding, to threat.FindingStatus, why string) error {
	if to == "" {
		return nil
	}
	reason, err := threat.Text(why, threat.MaxText)
	if err != nil {
		return fieldError(err, "reason")
	}
	switch {
	case !slices.Contains(threat.FindingStatuses(), to):
		return threat.Errorf(threat.Invalid, "status %q is not known", threat.Clip(string(to), 20)).In("status").Hinted("valid: acknowledged, remediated, dismissed")
	case to == threat.FixVerified:
		return threat.Errorf(threat.FailedPrecondition, "verified is computed: nobody sets it").In("status").
			Hinted("update_finding(remediated, assertions); it becomes verified when CI passes them")
	case to == threat.Dismissed:
		if reason == "" {
			reason = f.Proposal
		}
		if reason == "" {
			return threat.Errorf(threat.Invalid, "the reason is missing").In("reason").Hinted("say why it is no problem")
		}
	case to == f.Status:
		return threat.Errorf(threat.FailedPrecondition, "%s is %s already", f.ID, f.Status).In("status").
			Hinted("leave status out to link assertions or to assign a control")
	case slices.Index(findingSteps, to) <= slices.Index(findingSteps, f.Status):
		return threat.Errorf(threat.FailedPrecondition, "%s is %s, it cannot become %s", f.ID, f.Status, threat.Clip(string(to), 20)).In("status").
			Hinted("a finding goes forward: %s", joinStrings(findingSteps))
	default:
		reason = f.Reason
	}
	f.Status, f.Reason = to, reason
	return tx.SetFindingStatus(workspace, model, f.ID, to, reason)
}

// guessed reports whether the control of a finding was told from a scanner's words alone: whoever knows better may correct it.
func guessed(f *store.Finding) bool { return f.MappedBy != "" && f.MappedBy != mappedByHand }

// provesOnly refuses a control for a finding whose assertions are about another: they would prove nothing of it any more, for ever.
func provesOnly(tx *store.Tx, workspace, model string, f *store.Finding, control threat.ID) error {
	links, err := tx.FindingLinks(workspace, model)
	if err != nil {
		return err
	}
	for _, l := range links {
		if l.Finding != f.ID {
			continue
		}
		a, err := tx.Assertion(workspace, model, l.Assertion)
		if threat.CodeOf(err) == threat.NotFound {
			continue // it was deleted, and proves nothing anyway
		}
		if err != nil {
			return err
		}
		if a.Control != control {
			return threat.Errorf(threat.FailedPrecondition, "%s is linked to %s, an assertion on %s", f.ID, a.ID, orNoControl(a.Control)).In("control_id").
				Hinted("submit_findings records it about %s", threat.Clip(string(control), 20))
		}
	}
	return nil
}

func orNoControl(id threat.ID) string { return or(string(id), "no control") }
