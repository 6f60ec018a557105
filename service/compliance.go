package service

import (
	"context"
	"slices"
	"time"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/compliance"
	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/exchange"
	"github.com/redoubt-dev/redoubt/posture"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// ReportFormat is a form of a compliance report.
type ReportFormat string

// The formats.
const (
	ReportJSON     ReportFormat = "json"
	ReportCSV      ReportFormat = "csv"
	ReportMarkdown ReportFormat = "markdown"
	ReportHTML     ReportFormat = "html"
)

// ReportFormats lists the legal formats.
func ReportFormats() []ReportFormat {
	return []ReportFormat{ReportJSON, ReportCSV, ReportMarkdown, ReportHTML}
}

// Enum lists the formats for schemas.
func (ReportFormat) Enum() []string { return words(ReportFormats()) }

// GetComplianceReportIn narrows and pages the report of a model or of a system.
type GetComplianceReportIn struct {
	ModelID      string            `json:"model_id,omitempty"`
	SystemID     string            `json:"system_id,omitempty" jsonschema:"instead of model_id: all models of the system together"`
	FrameworkID  string            `json:"framework_id,omitempty" jsonschema:"default: the only one selected"`
	Status       compliance.Status `json:"status,omitempty"`
	Level        int               `json:"level,omitempty" jsonschema:"requirements of this level and those below; the counts by status and chapter too"`
	Chapter      string            `json:"chapter,omitempty" jsonschema:"id"`
	Text         string            `json:"text,omitempty" jsonschema:"contained in the id, the text or the section's name"`
	Requirements []string          `json:"requirements,omitempty" jsonschema:"only these ids"`
	Format       ReportFormat      `json:"format,omitempty" jsonschema:"default json; the others hold every row that the filters let through, as text"`
	Limit        *int              `json:"limit,omitempty" jsonschema:"default 0: the summary alone; at most 200"`
	Offset       int               `json:"offset,omitempty"`
}

// MappedControlRow is a live control that is mapped to a requirement.
type MappedControlRow struct {
	ModelID    string              `json:"model_id,omitempty"` // in the report of a system
	Control    threat.ID           `json:"control_id"`
	Standing   compliance.Standing `json:"standing"`             // verified, implemented or not_implemented
	CarriedBy  []threat.ID         `json:"carried_by,omitempty"` // assumptions that hold and carry it, when its standing is theirs and not its own
	Source     string              `json:"source"`
	Confidence float64             `json:"confidence"` // 0 to 1
	Reason     string              `json:"reason,omitempty"`
}

// ExclusionRow is why a requirement is ruled out, and who did so.
type ExclusionRow struct {
	ModelID string    `json:"model_id,omitempty"` // in the report of a system
	Reason  string    `json:"reason"`
	By      string    `json:"by"` // user id
	At      time.Time `json:"at"`
}

// OpenProposalRow is a proposal for a requirement that nobody decided about yet.
type OpenProposalRow struct {
	ID     string      `json:"id"`
	Kind   threat.Kind `json:"kind"` // asset, attacker or not_applicable
	Reason string      `json:"reason"`
}

// ComplianceRow is where a requirement stands.
type ComplianceRow struct {
	ID         string             `json:"id"`
	Status     compliance.Status  `json:"status"`
	Level      int                `json:"level,omitempty"`
	Chapter    string             `json:"chapter"`
	Section    string             `json:"section,omitempty"`
	Text       string             `json:"text"`
	Controls   []MappedControlRow `json:"controls,omitempty"`
	Exclusions []ExclusionRow     `json:"exclusions,omitempty"`
	UnmappedIn []string           `json:"unmapped_in,omitempty"` // models of a system that neither map nor exclude it
	Proposals  []OpenProposalRow  `json:"proposals,omitempty"`   // in the report of a model: apply_remediation decides
}

// ComplianceSummary counts requirements.
type ComplianceSummary struct {
	Status   compliance.Counts          `json:"status"`                                                                                   // up to the level asked for
	Levels   []compliance.LevelCounts   `json:"levels"`                                                                                   // each includes those below it
	Chapters []compliance.ChapterCounts `json:"chapters"`                                                                                 // up to the level asked for
	Retired  int                        `json:"retired,omitempty" jsonschema:"withdrawn and still mapped or excluded: in no other count"` // in no other count
}

// MemberRow is a model of a system.
type MemberRow struct {
	ID       string `json:"id"`
	Title    string `json:"title"`
	Version  int    `json:"version"`
	Selected bool   `json:"selected"` // the framework; only such models count
}

// GetComplianceReportOut is where a model or a system stands against a framework.
type GetComplianceReportOut struct {
	ModelID          string            `json:"model_id,omitempty"`
	SystemID         string            `json:"system_id,omitempty"`
	Version          int               `json:"version,omitempty" jsonschema:"of the model"`
	FrameworkID      string            `json:"framework_id"`
	FrameworkVersion string            `json:"framework_version,omitempty"`
	Official         bool              `json:"official,omitempty" jsonschema:"the texts are the official ones"`
	AsOf             time.Time         `json:"as_of"`
	Total            int               `json:"total"`
	Returned         int               `json:"returned"`
	Offset           int               `json:"offset"`
	Summary          ComplianceSummary `json:"summary" jsonschema:"by status, level and chapter, of the whole framework or up to the level asked for"`
	Requirements     []ComplianceRow   `json:"requirements"`
	Models           []MemberRow       `json:"models,omitempty" jsonschema:"of the system; those that did not select the framework do not count"`
	ContentType      string            `json:"content_type,omitempty"`
	Text             string            `json:"text,omitempty" jsonschema:"the formats other than json"`
	Hint             string            `json:"hint,omitempty"`
}

// Raw is the report as a file: its content type and its bytes; no type when it is JSON.
func (out GetComplianceReportOut) Raw() (string, []byte) { return out.ContentType, []byte(out.Text) }

// GetComplianceReport says which requirements of a framework are covered by verified controls. Errors: [threat.NotFound], [threat.Invalid],
// [threat.FailedPrecondition] for a framework that is not selected.
func (s *Service) GetComplianceReport(ctx context.Context, who account.Principal, in GetComplianceReportIn) (GetComplianceReportOut, error) {
	if err := s.needCompliance(ctx, who, verb{name: "get_compliance_report", needs: account.Read}); err != nil {
		return GetComplianceReportOut{}, err
	}
	limit, offset, err := page(in.Limit, in.Offset, 0)
	if err == nil && (in.ModelID == "") == (in.SystemID == "") {
		err = threat.Errorf(threat.Invalid, "a report is about one model or one system").In("model_id").Hinted("give model_id or system_id")
	}
	if err != nil {
		return GetComplianceReportOut{}, err
	}
	return read(ctx, s, who, account.Read, func(v *store.Snapshot) (GetComplianceReportOut, error) {
		r, err := s.measure(v, who.WorkspaceID, in)
		if err != nil {
			return GetComplianceReportOut{}, err
		}
		rows := r.report.Filter(compliance.Filter{Status: in.Status, Level: in.Level, Chapter: in.Chapter, Text: in.Text, IDs: in.Requirements})
		out := r.out
		out.AsOf, out.Total, out.Offset, out.Requirements = v.Now(), len(rows), offset, []ComplianceRow{}
		out.Summary = ComplianceSummary{r.report.Counts(in.Level), r.report.Levels(), r.report.Chapters(in.Level), r.report.Retired}
		if err := r.render(&out, in, rows); err != nil || out.ContentType != "" {
			return out, err
		}
		for _, row := range cut(rows, limit, offset) {
			out.Requirements = append(out.Requirements, complianceRow(row, in.SystemID != ""))
		}
		if in.ModelID != "" && len(out.Requirements) > 0 {
			if err := withProposals(v, who.WorkspaceID, &out); err != nil {
				return out, err
			}
		}
		out.Returned = len(out.Requirements)
		return out, nil
	})
}

// measured is a report and what it is about.
type measured struct {
	catalogue *catalogue
	report    *compliance.Report
	members   []compliance.Member
	title     string
	out       GetComplianceReportOut
}

// measure assesses a model or a system against a framework.
func (s *Service) measure(v *store.Snapshot, workspace string, in GetComplianceReportIn) (measured, error) {
	var r measured
	var heads []*head
	if in.SystemID != "" {
		sys, err := v.System(workspace, in.SystemID)
		if err != nil {
			return r, err
		}
		models, err := v.SystemModels(workspace, sys.ID)
		if err != nil {
			return r, err
		}
		for _, m := range models {
			h, err := s.head(v, workspace, m.ID)
			if err != nil {
				return r, err
			}
			heads = append(heads, h)
		}
		r.title, r.out.SystemID = sys.Name, sys.ID
	} else {
		h, err := s.head(v, workspace, in.ModelID)
		if err != nil {
			return r, err
		}
		heads = []*head{h}
		r.title, r.out.ModelID, r.out.Version = h.model.Title, h.model.ID, h.model.Version
	}
	c, counted, err := s.chosen(v, workspace, in.FrameworkID, heads)
	if err != nil {
		return r, err
	}
	if err := c.checkFilter(in.Level, in.Chapter); err != nil {
		return r, err
	}
	for i, id := range in.Requirements {
		if _, err := c.requirement(id); err != nil {
			return r, fieldError(err, fieldAt("requirements", i))
		}
	}
	for i, h := range heads {
		if in.SystemID != "" {
			r.out.Models = append(r.out.Models, MemberRow{h.model.ID, h.model.Title, h.model.Version, counted[i]})
		}
		if !counted[i] {
			continue
		}
		m, err := h.member(v, workspace, c.ID)
		if err != nil {
			return r, err
		}
		r.members = append(r.members, m)
	}
	r.catalogue, r.report = c, compliance.Assess(c.Framework, r.members)
	r.out.FrameworkID, r.out.FrameworkVersion, r.out.Official = c.ID, c.Framework.Version, c.official
	return r, nil
}

// chosen returns the framework that is asked for, or the only one selected, and which of the models selected it. Errors: [threat.NotFound],
// [threat.Invalid] where it must be named, [threat.FailedPrecondition] where none selected it.
func (s *Service) chosen(v *store.Snapshot, workspace, id string, heads []*head) (*catalogue, []bool, error) {
	all, err := s.catalogues(v, workspace)
	if err != nil {
		return nil, nil, err
	}
	if id != "" {
		if _, err := oneCatalogue(all, id); err != nil {
			return nil, nil, err
		}
	}
	var selected []string
	by := make([][]string, len(heads))
	for i, h := range heads {
		if by[i], err = selectedBy(v, workspace, h.model.ID); err != nil {
			return nil, nil, err
		}
		for _, f := range by[i] {
			if !slices.Contains(selected, f) {
				selected = append(selected, f)
			}
		}
	}
	switch {
	case len(selected) == 0:
		return nil, nil, threat.Errorf(threat.FailedPrecondition, "no framework is selected").In("framework_id").Hinted("select_frameworks; list_frameworks names them")
	case id == "" && len(selected) > 1:
		return nil, nil, threat.Errorf(threat.Invalid, "%d frameworks are selected: which one?", len(selected)).In("framework_id").Hinted("selected: %s", joinWords(selected))
	case id == "":
		id = selected[0]
	case !slices.Contains(selected, id):
		return nil, nil, threat.Errorf(threat.FailedPrecondition, "%s is not selected", id).In("framework_id").Hinted("select_frameworks; selected: %s", joinWords(selected))
	}
	counted := make([]bool, len(heads))
	for i := range heads {
		counted[i] = slices.Contains(by[i], id)
	}
	c, err := oneCatalogue(all, id)
	return c, counted, err
}

// member gathers what a model says of a framework: its live controls, and what is mapped and excluded.
func (h *head) member(v *store.Snapshot, workspace, framework string) (compliance.Member, error) {
	m := compliance.Member{Model: h.model.ID, Title: h.model.Title, Controls: make(map[threat.ID]compliance.Standing, len(h.controls))}
	carried, err := h.carried(v, workspace)
	if err != nil {
		return m, err
	}
	for i := range h.controls {
		c := &h.controls[i]
		if h.tiers[i] == "" { // an orphaned control is left out of every count
			continue
		}
		own := h.standing(c, v.Now())
		m.Controls[c.ID] = own
		k, ok := carried[c.ID]
		switch {
		case !ok || own == compliance.Verified:
			continue
		case k.Verified && c.Weakened == "":
			m.Controls[c.ID] = compliance.Verified
		case own == compliance.Implemented:
			continue
		default:
			m.Controls[c.ID] = compliance.Implemented
		}
		if m.Carried == nil {
			m.Carried = map[threat.ID][]threat.ID{}
		}
		m.Carried[c.ID] = k.By
	}
	mappings, err := v.Mappings(workspace, h.model.ID, framework)
	if err != nil {
		return m, err
	}
	for _, p := range mappings {
		if p.Source != sourceRejected {
			m.Mappings = append(m.Mappings, compliance.Mapping{Control: p.Control, Requirement: p.Requirement, Source: p.Source, Confidence: p.Confidence, Reason: p.Reason})
		}
	}
	exclusions, err := v.Exclusions(workspace, h.model.ID, framework)
	for _, e := range exclusions {
		m.Exclusions = append(m.Exclusions, compliance.Exclusion{Requirement: e.Requirement, Reason: e.Reason, By: e.DecidedBy, At: e.DecidedAt})
	}
	return m, err
}

// carried returns the controls that assumptions which hold carry, as posture sees it. Most models have none, and need not be read further.
func (h *head) carried(v *store.Snapshot, workspace string) (map[threat.ID]posture.Carrying, error) {
	list, err := v.CarriedControls(workspace, h.model.ID)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	j, err := loadJudgments(v, workspace, h)
	if err != nil {
		return nil, err
	}
	return posture.Carried(h.premises(&j, v.Now()), v.Now()), nil
}

// standing is how far a control is by itself. What a change weakened counts as claimed until it is approved.
func (h *head) standing(c *store.Control, now time.Time) compliance.Standing {
	switch {
	case c.Weakened == "" && h.verificationAt(c, now) == evidence.Verified:
		return compliance.Verified
	case c.Status == threat.Implemented:
		return compliance.Implemented
	}
	return compliance.NotImplemented
}

func complianceRow(r *compliance.Row, system bool) ComplianceRow {
	q := r.Requirement
	out := ComplianceRow{ID: q.ID, Status: r.Status, Level: q.Level, Chapter: q.Chapter, Section: q.Section, Text: q.Summary}
	for _, c := range r.Controls {
		row := MappedControlRow{Control: c.Control, Standing: c.Standing, CarriedBy: c.CarriedBy, Source: c.Source, Confidence: confidence(c.Confidence), Reason: c.Reason}
		if system {
			row.ModelID = c.Model
		}
		out.Controls = append(out.Controls, row)
	}
	for i, e := range r.Exclusions {
		row := ExclusionRow{Reason: e.Reason, By: e.By, At: e.At}
		if system {
			row.ModelID = r.ExcludedIn[i]
		}
		out.Exclusions = append(out.Exclusions, row)
	}
	if system {
		out.UnmappedIn = r.UnmappedIn
	}
	return out
}

// withProposals adds the open proposals of a model to the rows that they are for.
func withProposals(v *store.Snapshot, workspace string, out *GetComplianceReportOut) error {
	all, err := v.Proposals(workspace, out.ModelID, out.FrameworkID)
	if err != nil {
		return err
	}
	open := map[string][]OpenProposalRow{}
	for _, p := range all {
		if p.Status == store.ProposalOpen {
			for _, id := range p.Requirements {
				open[id] = append(open[id], OpenProposalRow{proposalID(p.Number), p.Kind, p.Reason})
			}
		}
	}
	for i := range out.Requirements {
		r := &out.Requirements[i]
		if r.Status == compliance.Unmapped { // what is decided otherwise by now is no gap
			r.Proposals = open[r.ID]
		}
	}
	return nil
}

// confidence is thousandths as a number from 0 to 1.
func confidence(thousandths int) float64 { return float64(thousandths) / 1000 }

// render writes the report as text, if that is asked for.
func (r *measured) render(out *GetComplianceReportOut, in GetComplianceReportIn, rows []*compliance.Row) error {
	doc := &exchange.Compliance{
		Subject: r.title, Version: out.Version, AsOf: out.AsOf, Level: in.Level, Report: r.report, Rows: rows, Members: r.members, System: in.SystemID != "",
	}
	switch in.Format {
	case "", ReportJSON:
		return nil
	case ReportCSV:
		raw, err := exchange.ComplianceCSV(doc)
		out.ContentType, out.Text = "text/csv; charset=utf-8", string(raw)
		return err
	case ReportMarkdown:
		out.ContentType, out.Text = "text/markdown; charset=utf-8", exchange.ComplianceMarkdown(doc)
	case ReportHTML:
		raw, err := exchange.ComplianceHTML(doc)
		out.ContentType, out.Text = "text/html; charset=utf-8", string(raw)
		return err
	default:
		return threat.Errorf(threat.Invalid, "format %q is not known", threat.Clip(string(in.Format), 20)).In("format").Hinted("valid: %s", joinStrings(ReportFormats()))
	}
	return nil
}
