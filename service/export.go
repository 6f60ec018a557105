package service

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/exchange"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// ExportFormat is a form in which a model leaves.
type ExportFormat string

// The formats.
const (
	ExportJSON     ExportFormat = "json"
	ExportMarkdown ExportFormat = "markdown"
	ExportMermaid  ExportFormat = "mermaid"
	ExportCSV      ExportFormat = "csv"
	ExportAsSARIF  ExportFormat = "sarif"
)

// ExportFormats lists the legal formats.
func ExportFormats() []ExportFormat {
	return []ExportFormat{ExportJSON, ExportMarkdown, ExportMermaid, ExportCSV, ExportAsSARIF}
}

// Enum lists the formats for schemas.
func (ExportFormat) Enum() []string { return words(ExportFormats()) }

// ExportThreatModelIn says which model and in what form.
type ExportThreatModelIn struct {
	ModelID string       `json:"model_id"`
	Format  ExportFormat `json:"format,omitempty" jsonschema:"default json, which import_threat_model reads"`
	Table   string       `json:"table,omitempty" jsonschema:"csv: control_objectives, controls or assertions; default controls"`
}

// ExportThreatModelOut is the model in the form asked for.
type ExportThreatModelOut struct {
	ModelID     string          `json:"model_id"`
	Version     int             `json:"version"`
	Format      ExportFormat    `json:"format"`
	ContentType string          `json:"content_type"`
	Document    json.RawMessage `json:"document,omitempty" jsonschema:"json"`
	Text        string          `json:"text,omitempty" jsonschema:"the other formats"`
}

// Raw is the export as a file: its content type and its bytes.
func (out ExportThreatModelOut) Raw() (string, []byte) {
	if out.Document != nil {
		return out.ContentType, out.Document
	}
	return out.ContentType, []byte(out.Text)
}

// ExportThreatModel writes the head of a model with everything that hangs on it. Errors: [threat.NotFound], [threat.Invalid].
func (s *Service) ExportThreatModel(ctx context.Context, who account.Principal, in ExportThreatModelIn) (ExportThreatModelOut, error) {
	return readHead(ctx, s, who, in.ModelID, func(v *store.Snapshot, h *head) (ExportThreatModelOut, error) {
		if in.Format == "" {
			in.Format = ExportJSON
		}
		out := ExportThreatModelOut{ModelID: h.model.ID, Version: h.model.Version, Format: in.Format}
		if in.Format == ExportMermaid {
			out.ContentType, out.Text = "text/vnd.mermaid; charset=utf-8", exchange.Mermaid(h.structure)
			return out, nil
		}
		d, err := h.document(v, who.WorkspaceID)
		if err != nil {
			return out, err
		}
		switch in.Format {
		case ExportMarkdown:
			out.ContentType, out.Text = "text/markdown; charset=utf-8", exchange.Markdown(d)
		case ExportCSV:
			table := in.Table
			if table == "" {
				table = "controls"
			}
			raw, err := exchange.CSV(d, table)
			if err != nil {
				return out, err
			}
			out.ContentType, out.Text = "text/csv; charset=utf-8", string(raw)
		case ExportAsSARIF:
			raw, err := exchange.FindingsSARIF(d)
			if err != nil {
				return out, err
			}
			out.ContentType, out.Text = "application/sarif+json", string(raw)
		case ExportJSON:
			var b bytes.Buffer
			enc := json.NewEncoder(&b)
			enc.SetEscapeHTML(false)
			if err := enc.Encode(d); err != nil {
				return out, err
			}
			out.ContentType, out.Document = "application/json", bytes.TrimSpace(b.Bytes())
		default:
			return out, threat.Errorf(threat.Invalid, "format %q is not known", threat.Clip(string(in.Format), 20)).In("format").
				Hinted("valid: %s", joinStrings(ExportFormats()))
		}
		return out, nil
	})
}

// document gathers a model and what hangs on it.
func (h *head) document(v *store.Snapshot, workspace string) (*exchange.Document, error) {
	model := h.model.ID
	j, err := loadJudgments(v, workspace, h)
	if err != nil {
		return nil, err
	}
	counters, err := v.Counters(workspace, model)
	if err != nil {
		return nil, err
	}
	d := &exchange.Document{
		Format: exchange.DocumentFormat, FormatVersion: exchange.DocumentVersion, ExportedAt: v.Now(),
		Model:  exchange.DocumentModel{ID: model, Title: h.model.Title, Version: h.model.Version, Feature: h.structure.Feature, Repos: []exchange.DocumentRepo{}},
		Assets: h.structure.Assets, Attackers: h.structure.Attackers, Boundaries: h.structure.Boundaries,
		Assumptions: []exchange.DocumentAssumption{}, Controls: []exchange.DocumentControl{}, Mitigations: []exchange.DocumentMitigation{},
		Assertions: []exchange.DocumentAssertion{}, Findings: []exchange.DocumentFinding{}, Risks: []exchange.DocumentRisk{},
		Weakened: []exchange.DocumentWeakening{}, Counters: counters,
	}
	for _, r := range h.model.Repos {
		d.Model.Repos = append(d.Model.Repos, exchange.DocumentRepo{Repo: r.Repo, Branch: r.Branch})
	}
	h.documentAssumptions(d, &j)
	if err := h.documentControls(v, workspace, d); err != nil {
		return nil, err
	}
	if err := documentEvidence(v, workspace, model, d); err != nil {
		return nil, err
	}
	for _, r := range j.risks {
		d.Risks = append(d.Risks, exchange.DocumentRisk{
			ID: r.ID, Objective: r.Objective, Owner: r.Owner, Reason: r.Reason, DecidedBy: r.UserID, ReviewBy: r.ReviewBy, ExpiresAt: r.ExpiresAt,
			EndedAt: r.EndedAt, EndedReason: r.EndedReason, Lapsed: h.lapsedRisk(&r),
		})
	}
	d.Retired = j.retired
	for _, w := range j.weakened {
		d.Weakened = append(d.Weakened, exchange.DocumentWeakening(w))
	}
	if err := documentFrameworks(v, workspace, model, d); err != nil {
		return nil, err
	}
	p := h.posture(&j, v.Now())
	d.Posture = &p.Summary
	for i := range p.Rows {
		r := &p.Rows[i]
		d.Objectives = append(d.Objectives, exchange.DocumentObjective{
			ID: r.Objective.ID, Statement: r.Objective.Statement, Tier: r.Objective.Tier, Reachable: r.Objective.Reachable, Status: r.Status, By: r.By,
			Assurance: r.Assurance, Attested: r.Attested, Reason: r.Reason, Next: r.Next, Accepted: r.Accepted != nil,
		})
	}
	return d, nil
}

func (h *head) documentAssumptions(d *exchange.Document, j *judgments) {
	for i := range h.structure.Assumptions {
		a := &h.structure.Assumptions[i]
		row := exchange.DocumentAssumption{Assumption: *a, State: stateOf(a.ID, j.states), Reason: j.states[a.ID].Reason}
		if e, ok := j.states[a.ID]; ok {
			row.StateAt = &e.At
		}
		for _, c := range j.carried {
			if c.Assumption == a.ID {
				row.Carries = append(row.Carries, c.Control)
			}
		}
		for k := range j.attestations {
			at := &j.attestations[k]
			if at.Assumption != a.ID {
				continue
			}
			row.Attestations = append(row.Attestations, exchange.DocumentAttestation{
				ID: at.ID, Statement: at.Statement, EvidenceURL: at.EvidenceURL, AttestedBy: at.UserID, CreatedAt: at.CreatedAt, ExpiresAt: at.ExpiresAt,
				EndedAt: at.EndedAt, EndedReason: at.EndedReason, Lapsed: h.lapsed(a, at),
			})
		}
		d.Assumptions = append(d.Assumptions, row)
	}
}

func (h *head) documentControls(v *store.Snapshot, workspace string, d *exchange.Document) error {
	deleted, err := v.DeletedControls(workspace, h.model.ID)
	if err != nil {
		return err
	}
	docs, err := v.Documents(workspace, h.model.ID)
	if err != nil {
		return err
	}
	all := append(slices.Clone(h.controls), deleted...)
	slices.SortFunc(all, func(a, b store.Control) int { return threat.CompareIDs(a.ID, b.ID) })
	for i := range all {
		c := &all[i]
		row := exchange.DocumentControl{
			Control: c.Control, Verification: h.verificationAt(c, v.Now()), Weakened: c.Weakened, ReviewedAt: c.ReviewedAt,
			DeletedAt: c.DeletedAt, DeletedReason: c.DeletedReason,
		}
		for _, x := range docs {
			if x.Control == c.ID {
				row.Documents = append(row.Documents, exchange.DocumentLink{Title: x.Title, URL: x.URL})
			}
		}
		d.Controls = append(d.Controls, row)
	}
	links, err := v.Links(workspace, h.model.ID)
	if err != nil {
		return err
	}
	for _, l := range links {
		d.Mitigations = append(d.Mitigations, exchange.DocumentMitigation{Objective: l.Objective, Group: l.Group, Control: l.Control})
	}
	return nil
}

func documentFrameworks(v *store.Snapshot, workspace, model string, d *exchange.Document) error {
	all, err := v.FrameworksOf(workspace, model)
	if err != nil {
		return err
	}
	selected, err := selectedBy(v, workspace, model)
	if err != nil {
		return err
	}
	for _, id := range all {
		row := exchange.DocumentFramework{ID: id, Selected: slices.Contains(selected, id)}
		mappings, err := v.Mappings(workspace, model, id)
		if err != nil {
			return err
		}
		for _, m := range mappings {
			row.Mappings = append(row.Mappings, exchange.DocumentMapping{Control: m.Control, Requirement: m.Requirement, Source: m.Source, Confidence: m.Confidence, Reason: m.Reason})
		}
		exclusions, err := v.Exclusions(workspace, model, id)
		if err != nil {
			return err
		}
		for _, e := range exclusions {
			row.Exclusions = append(row.Exclusions, exchange.DocumentExclusion{Requirement: e.Requirement, Reason: e.Reason, DecidedBy: e.DecidedBy, DecidedAt: e.DecidedAt})
		}
		d.Frameworks = append(d.Frameworks, row)
	}
	return nil
}

func documentEvidence(v *store.Snapshot, workspace, model string, d *exchange.Document) error {
	live, err := v.Assertions(workspace, model)
	if err != nil {
		return err
	}
	gone, err := v.DeletedAssertions(workspace, model)
	if err != nil {
		return err
	}
	all := append(live, gone...)
	slices.SortFunc(all, func(a, b store.Assertion) int { return threat.CompareIDs(a.ID, b.ID) })
	for _, a := range all {
		d.Assertions = append(d.Assertions, exchange.DocumentAssertion{
			Assertion: a.Assertion, Incoherent: a.Incoherent, Tier1: a.Tier1, Tier2: a.Tier2, DeletedAt: a.DeletedAt, DeletedReason: a.DeletedReason, Debt: a.Debt,
		})
	}
	findings, err := v.Findings(workspace, model)
	if err != nil {
		return err
	}
	links, err := v.FindingLinks(workspace, model)
	if err != nil {
		return err
	}
	for _, f := range findings {
		row := exchange.DocumentFinding{Finding: f.Finding}
		for _, l := range links {
			if l.Finding == f.ID {
				row.Assertions = append(row.Assertions, l.Assertion)
			}
		}
		row.Assertions = threat.SortIDs(row.Assertions)
		d.Findings = append(d.Findings, row)
	}
	return nil
}
