package service

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/compliance"
	"github.com/redoubt-dev/redoubt/pipeline"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// maxProposals bounds what one suggest_remediation proposes: what a person goes through with care.
const maxProposals = 30

// mostGaps bounds the requirements that a language model or the agent is asked about in one go.
const mostGaps = 40

// SuggestRemediationIn says which gaps to close.
type SuggestRemediationIn struct {
	ModelID      string   `json:"model_id"`
	FrameworkID  string   `json:"framework_id,omitempty" jsonschema:"default: the only one selected"`
	Requirements []string `json:"requirements,omitempty" jsonschema:"only these ids; default: all unmapped ones"`
	Level        int      `json:"level,omitempty" jsonschema:"requirements of this level and those below"`
	Chapter      string   `json:"chapter,omitempty" jsonschema:"id"`
	Engine       string   `json:"engine,omitempty"`
	WaitSeconds  *int     `json:"wait_seconds,omitempty" jsonschema:"for a job, default 20"`

	IdempotencyKey string `json:"idempotency_key,omitempty"`
}

// ProposalRow is a proposal to approve, to reject, or to mark as not applicable.
type ProposalRow struct {
	ID           string               `json:"id"`
	Kind         threat.Kind          `json:"kind"`           // asset, attacker or not_applicable
	Name         string               `json:"name,omitempty"` // none for not_applicable
	Description  string               `json:"description,omitempty"`
	Properties   []threat.Property    `json:"properties,omitempty"`
	Impact       threat.Level         `json:"impact,omitempty"`
	Capability   string               `json:"capability,omitempty"`
	Position     string               `json:"position,omitempty"`
	Likelihood   threat.Level         `json:"likelihood,omitempty"`
	Existing     threat.ID            `json:"existing,omitempty"` // the model has it: approving adds controls for it alone
	Requirements []string             `json:"requirements"`
	Reason       string               `json:"reason"`
	Status       store.ProposalStatus `json:"status"`
}

// SuggestRemediationOut is what was proposed. The open proposals of before are superseded.
type SuggestRemediationOut struct {
	ModelID     string        `json:"model_id"`
	Version     int           `json:"version"`
	FrameworkID string        `json:"framework_id"`
	Engine      string        `json:"engine"`
	Gaps        int           `json:"gaps" jsonschema:"unmapped requirements that the request is about"`
	Left        int           `json:"left,omitempty" jsonschema:"of these, how many no proposal is for yet: ask again after apply_remediation"`
	Total       int           `json:"total"`
	Proposals   []ProposalRow `json:"proposals"`
	Hint        string        `json:"hint"`
	Job         *JobOut       `json:"job,omitempty" jsonschema:"with engine openai or agent, while it runs or asks; its result is an answer like this one"`
}

// SuggestRemediation proposes assets and attackers for unmapped requirements, each to be decided by itself. Nothing of the model changes.
// The builtin engine answers at once. The others are asked in a job, which the answer carries, about the first 40 of the gaps; they may also
// propose that requirements do not apply.
// Errors: [threat.NotFound], [threat.Invalid], [threat.FailedPrecondition] for an engine that cannot run, or where there is no gap.
func (s *Service) SuggestRemediation(ctx context.Context, who account.Principal, in SuggestRemediationIn) (SuggestRemediationOut, error) {
	v := verb{name: suggestJob, needs: account.Write, model: in.ModelID, idem: in.IdempotencyKey}
	if err := s.needCompliance(ctx, who, v); err != nil {
		return SuggestRemediationOut{}, err
	}
	in.WaitSeconds = nil
	out, err := write(ctx, s, who, v, in, func(tx *store.Tx, r *record) (SuggestRemediationOut, error) {
		g, err := s.gapScope(tx.View(), who.WorkspaceID, in)
		if err != nil {
			return SuggestRemediationOut{}, err
		}
		engine, err := s.engineOf(tx.View(), who.WorkspaceID, in.Engine)
		if err != nil {
			return SuggestRemediationOut{}, err
		}
		if len(g.gaps) == 0 {
			return SuggestRemediationOut{}, threat.Errorf(threat.FailedPrecondition, "there is no unmapped requirement among these").In("requirements").
				Hinted("get_compliance_report(status: unmapped) lists the gaps")
		}
		r.version, r.object = g.head.model.Version, g.c.ID
		switch e := engine.(type) {
		case pipeline.Remedier:
			return g.propose(tx, who, engine.Name(), e.Remedies(g.head.structure, g.needs(g.gaps)), r)
		case thinker:
			return g.startRemedying(tx, who, in, e.name, r)
		}
		return SuggestRemediationOut{}, threat.Errorf(threat.FailedPrecondition, "engine %q proposes no remediation", threat.Clip(engine.Name(), 40)).In("engine").
			Hinted("engine builtin, openai or agent does")
	})
	if err == nil && out.Job != nil {
		s.jobs.poke()
	}
	return out, err
}

// gapScope is what of a model and a framework bears on closing gaps.
type gapScope struct {
	head *head
	c    *catalogue
	gaps []string // ids of the unmapped requirements that the request is about, in the framework's order
}

// gapScope gathers it. Errors: [threat.NotFound], [threat.Invalid], [threat.FailedPrecondition] where the framework is not selected.
func (s *Service) gapScope(v *store.Snapshot, workspace string, in SuggestRemediationIn) (*gapScope, error) {
	h, c, err := s.selectedCatalogue(v, workspace, in.ModelID, in.FrameworkID)
	if err != nil {
		return nil, err
	}
	measured, err := s.measure(v, workspace, GetComplianceReportIn{
		ModelID: in.ModelID, FrameworkID: c.ID, Level: in.Level, Chapter: in.Chapter, Requirements: in.Requirements,
	})
	if err != nil {
		return nil, err
	}
	g := &gapScope{head: h, c: c}
	for _, row := range measured.report.Filter(compliance.Filter{Status: compliance.Unmapped, Level: in.Level, Chapter: in.Chapter, IDs: in.Requirements}) {
		g.gaps = append(g.gaps, row.Requirement.ID)
	}
	return g, nil
}

// needs are requirements as an engine sees them, without those that are gone.
func (g *gapScope) needs(ids []string) []pipeline.Need {
	out := make([]pipeline.Need, 0, len(ids))
	for _, id := range ids {
		if q, err := g.c.requirement(id); err == nil {
			out = append(out, g.c.need(q))
		}
	}
	return out
}

// answer is what is known before anything is proposed.
func (g *gapScope) answer(engine string) SuggestRemediationOut {
	return SuggestRemediationOut{
		ModelID: g.head.model.ID, Version: g.head.model.Version, FrameworkID: g.c.ID, Engine: engine, Gaps: len(g.gaps), Left: len(g.gaps), Proposals: []ProposalRow{},
		Hint: "apply_remediation with the ids to approve, to reject, and those that are not applicable",
	}
}

// propose writes remedies as proposals.
func (g *gapScope) propose(tx *store.Tx, who account.Principal, engine string, remedies []pipeline.Remedy, r *record) (SuggestRemediationOut, error) {
	out := g.answer(engine)
	remedies = remedies[:min(maxProposals, len(remedies))]
	list := make([]store.Proposal, len(remedies))
	for i, m := range remedies {
		list[i] = store.Proposal{Kind: threat.KindAsset, Requirements: m.Needs, Reason: m.Why}
		switch {
		case m.NotApplicable:
			list[i].Kind = store.KindNotApplicable
		case m.Attacker != nil:
			list[i].Kind = threat.KindAttacker
		}
		m.Needs, m.Why = nil, "" // they have columns
		body, err := json.Marshal(m)
		if err != nil {
			return out, err
		}
		list[i].Body = string(body)
	}
	list, err := tx.AddProposals(who.WorkspaceID, out.ModelID, who.UserID, g.c.ID, list)
	if err != nil {
		return out, err
	}
	served := map[string]bool{}
	for _, p := range list {
		row, _, err := proposalRow(p)
		if err != nil {
			return out, err
		}
		out.Proposals = append(out.Proposals, row)
		for _, id := range p.Requirements {
			served[id] = true
		}
	}
	out.Left, out.Total = len(g.gaps)-len(served), len(list)
	r.version, r.object = g.head.model.Version, g.c.ID
	r.detail = map[string]any{"framework_id": g.c.ID, "engine": engine, "gaps": out.Gaps, "proposals": out.Total}
	return out, nil
}

// proposalID is the id of a proposal: "P3".
func proposalID(n int) string { return "P" + strconv.Itoa(n) }

func proposalRow(p store.Proposal) (ProposalRow, pipeline.Remedy, error) {
	var m pipeline.Remedy
	if err := json.Unmarshal([]byte(p.Body), &m); err != nil || m.Asset == nil && m.Attacker == nil && !m.NotApplicable {
		return ProposalRow{}, m, internal("proposal %d cannot be read: %v", p.Number, err)
	}
	row := ProposalRow{ID: proposalID(p.Number), Kind: p.Kind, Existing: m.Existing, Requirements: p.Requirements, Reason: p.Reason, Status: p.Status}
	if a := m.Asset; a != nil {
		row.Name, row.Description, row.Properties, row.Impact = a.Name, a.Description, a.Properties, a.Impact
	} else if t := m.Attacker; t != nil {
		row.Name, row.Capability, row.Position, row.Likelihood = t.Name, t.Capability, t.Position, t.Likelihood
	}
	return row, m, nil
}
