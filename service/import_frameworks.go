package service

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/redoubt-dev/redoubt/exchange"
	"github.com/redoubt-dev/redoubt/pipeline"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// frameworks selects what the document had selected, as far as this workspace has it, and takes over its mappings, which writers say. What
// was excluded somebody with decide said: it becomes a proposal to do so here.
func (m *importing) frameworks(s *Service) error {
	all, err := s.catalogues(m.tx.View(), m.who.WorkspaceID)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for i, f := range m.d.Frameworks {
		field := fmt.Sprintf("frameworks.%d", i)
		if seen[f.ID] {
			return m.bad(field+".id", "the framework is there twice")
		}
		seen[f.ID] = true
		at := slices.IndexFunc(all, func(c *catalogue) bool { return c.ID == f.ID })
		if at < 0 {
			m.out.LeftOut.Mappings += len(f.Mappings)
			m.out.LeftOut.Exclusions += len(f.Exclusions)
			continue
		}
		if f.Selected {
			if err := m.tx.SelectFrameworks(m.who.WorkspaceID, m.out.ModelID, m.who.UserID, []string{f.ID}); err != nil {
				return err
			}
		}
		if err := m.mappings(field, all[at], f.Mappings); err != nil {
			return err
		}
		if err := m.exclusions(field, all[at], f.Exclusions); err != nil {
			return err
		}
	}
	if m.out.Proposed > 0 {
		m.out.Hint = joinHints(m.out.Hint, "get_compliance_report(limit) shows the proposals to exclude requirements")
	}
	return nil
}

func (m *importing) mappings(field string, c *catalogue, list []exchange.DocumentMapping) error {
	var out []store.Mapping
	seen := map[string]bool{}
	for i, p := range list {
		at := fmt.Sprintf("%s.mappings.%d", field, i)
		key := string(p.Control) + " " + p.Requirement
		sources := []string{sourceManual, sourceAuto, sourceLLM, sourceRemediation, sourceImport, sourceRejected}
		if !m.known(p.Control) || seen[key] || !slices.Contains(sources, p.Source) || p.Confidence < 0 || p.Confidence > certain {
			return m.bad(at, "it maps no control of the document, or does so twice, or has no source or confidence")
		}
		seen[key] = true
		reason, err := threat.Text(p.Reason, threat.MaxText)
		if err != nil {
			return inDocument(err, "%s.reason", at)
		}
		if _, err := c.requirement(p.Requirement); err != nil {
			m.out.LeftOut.Mappings++
			continue
		}
		source := sourceImport
		if p.Source == sourceRejected {
			source = sourceRejected // it only keeps engines from mapping
		} else {
			m.out.Mappings++
		}
		out = append(out, store.Mapping{Control: p.Control, Framework: c.ID, Requirement: p.Requirement, Source: source, Confidence: p.Confidence, Reason: reason})
	}
	return m.tx.SaveMappings(m.who.WorkspaceID, m.out.ModelID, m.who.UserID, out)
}

// exclusions proposes what was excluded, all requirements of one reason together.
func (m *importing) exclusions(field string, c *catalogue, list []exchange.DocumentExclusion) error {
	body, err := json.Marshal(pipeline.Remedy{NotApplicable: true})
	if err != nil {
		return err
	}
	var out []store.Proposal
	seen := map[string]bool{}
	for i, e := range list {
		at := fmt.Sprintf("%s.exclusions.%d", field, i)
		reason, err := decisionReason(e.Reason, "every exclusion has one")
		if err != nil {
			return inDocument(err, "%s", at)
		}
		if seen[e.Requirement] {
			return m.bad(at, "the requirement is excluded twice")
		}
		seen[e.Requirement] = true
		m.out.LeftOut.Exclusions++
		if _, err := c.requirement(e.Requirement); err != nil {
			continue
		}
		reason = threat.Clip("imported: "+strings.TrimPrefix(reason, "imported: "), threat.MaxText)
		k := slices.IndexFunc(out, func(p store.Proposal) bool { return p.Reason == reason })
		if k < 0 {
			k = len(out)
			out = append(out, store.Proposal{Kind: store.KindNotApplicable, Body: string(body), Reason: reason})
		}
		out[k].Requirements = append(out[k].Requirements, e.Requirement)
	}
	m.out.Proposed += len(out)
	if len(out) == 0 {
		return nil
	}
	_, err = m.tx.AddProposals(m.who.WorkspaceID, m.out.ModelID, m.who.UserID, c.ID, out)
	return err
}
