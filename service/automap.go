package service

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/compliance"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// controlMatcher finds the requirements that a control serves, the best first.
type controlMatcher interface {
	Match(s compliance.Subject, limit int) []compliance.Match
}

// How many requirements are looked at for one control, and from which confidence one is worth a person's look. Those from
// [compliance.Confident] on are applied.
const (
	matchesEach     = 8
	worthSuggesting = 300
)

// AutoMapControlsIn says which controls to map.
type AutoMapControlsIn struct {
	ModelID     string      `json:"model_id"`
	FrameworkID string      `json:"framework_id,omitempty" jsonschema:"default: the only one selected"`
	Controls    []threat.ID `json:"controls,omitempty" jsonschema:"only these; default: all live ones"`
	Engine      string      `json:"engine,omitempty" jsonschema:"builtin"`
	DryRun      bool        `json:"dry_run,omitempty" jsonschema:"apply nothing"`
	Limit       *int        `json:"limit,omitempty" jsonschema:"rows shown, default 20, at most 200; what is applied does not depend on it"`
	Offset      int         `json:"offset,omitempty"`
}

// AutoMappingRow is a mapping that was found.
type AutoMappingRow struct {
	Control     threat.ID `json:"control_id"`
	Requirement string    `json:"requirement"`
	Confidence  float64   `json:"confidence"` // 0 to 1
	Source      string    `json:"source"`
	Reason      string    `json:"reason"`
	Applied     bool      `json:"applied"`
}

// AutoMapSummary counts what was found beside what is mapped already.
type AutoMapSummary struct {
	Applied   int `json:"applied"`   // of a confidence from the threshold on; in a dry run those that would be
	Suggested int `json:"suggested"` // below it: not applied, map_control applies one
	Controls  int `json:"controls"`  // looked at
	Unmatched int `json:"unmatched"` // that are mapped to nothing, and for which nothing was found
}

// AutoMapControlsOut is what was mapped, and what was not and may deserve it: applied ones first, the surest first.
type AutoMapControlsOut struct {
	ModelID     string           `json:"model_id"`
	Version     int              `json:"version"`
	FrameworkID string           `json:"framework_id"`
	Engine      string           `json:"engine"`
	DryRun      bool             `json:"dry_run,omitempty"`
	Threshold   float64          `json:"threshold" jsonschema:"confidence from which a mapping is applied"`
	Total       int              `json:"total"`
	Returned    int              `json:"returned"`
	Offset      int              `json:"offset"`
	Summary     AutoMapSummary   `json:"summary"`
	Mappings    []AutoMappingRow `json:"mappings"`
	Hint        string           `json:"hint,omitempty"`
}

// AutoMapControls maps controls to the requirements that they seem to serve. What is sure enough is applied, the rest comes back as
// suggestions. It never touches a mapping that is there, maps nothing to what is excluded, and does not repeat what a person took away.
// Errors: [threat.NotFound], [threat.Invalid], [threat.FailedPrecondition] for another engine, or a framework that is not selected.
func (s *Service) AutoMapControls(ctx context.Context, who account.Principal, in AutoMapControlsIn) (AutoMapControlsOut, error) {
	if _, _, err := page(in.Limit, in.Offset, DefaultLimit); err != nil {
		return AutoMapControlsOut{}, err
	}
	if in.Engine != "" && in.Engine != builtinEngine {
		return AutoMapControlsOut{}, threat.Errorf(threat.FailedPrecondition, "engine %q does not map controls", threat.Clip(in.Engine, 40)).In("engine").
			Hinted("leave engine out: the builtin matcher maps them")
	}
	var found *autoMapping // made outside the write transaction, since it can take long
	out, err := read(ctx, s, who, account.Write, func(v *store.Snapshot) (out AutoMapControlsOut, err error) {
		found, err = s.findMappings(v, who.WorkspaceID, in)
		if err != nil {
			return out, err
		}
		return found.answer(in)
	})
	if err != nil {
		s.refused(ctx, who, verb{name: "auto_map_controls", needs: account.Write, model: in.ModelID}, nil, err)
		return out, err
	}
	if in.DryRun {
		return out, nil
	}
	v := verb{name: "auto_map_controls", needs: account.Write, model: in.ModelID}
	return write(ctx, s, who, v, in, func(tx *store.Tx, r *record) (AutoMapControlsOut, error) {
		m, err := tx.Model(who.WorkspaceID, in.ModelID)
		if err != nil {
			return out, err
		}
		now := found
		if m.Stamp != found.head.model.Stamp { // somebody was quicker
			if now, err = s.findMappings(tx.View(), who.WorkspaceID, in); err != nil {
				return out, err
			}
		}
		out, err := now.answer(in)
		if err != nil {
			return out, err
		}
		r.version, r.object = out.Version, out.FrameworkID
		r.detail = map[string]any{"framework_id": out.FrameworkID, "engine": out.Engine, "applied": out.Summary.Applied, "suggested": out.Summary.Suggested}
		if out.Summary.Applied == 0 {
			return out, nil
		}
		if err := tx.SaveMappings(who.WorkspaceID, in.ModelID, who.UserID, now.mappings[:now.summary.Applied]); err != nil {
			return out, err
		}
		return out, tx.TouchModel(who.WorkspaceID, in.ModelID)
	})
}

// autoMapping is what a matcher found for a model: sure mappings first.
type autoMapping struct {
	head      *head
	framework string
	mappings  []store.Mapping
	summary   AutoMapSummary
}

// findMappings asks the matcher about each control.
func (s *Service) findMappings(v *store.Snapshot, workspace string, in AutoMapControlsIn) (*autoMapping, error) {
	h, c, err := s.selectedCatalogue(v, workspace, in.ModelID, in.FrameworkID)
	if err != nil {
		return nil, err
	}
	for i, id := range in.Controls {
		if _, err := h.control(id); err != nil {
			return nil, fieldError(err, fieldAt("controls", i))
		}
	}
	have, err := v.Mappings(workspace, in.ModelID, c.ID)
	if err != nil {
		return nil, err
	}
	exclusions, err := v.Exclusions(workspace, in.ModelID, c.ID)
	if err != nil {
		return nil, err
	}
	known := make(map[threat.ID]map[string]bool, len(have))
	mapped := make(map[threat.ID]bool, len(have))
	for _, m := range have {
		if known[m.Control] == nil {
			known[m.Control] = map[string]bool{}
		}
		known[m.Control][m.Requirement] = true
		mapped[m.Control] = mapped[m.Control] || m.Source != sourceRejected
	}
	excluded := make(map[string]bool, len(exclusions))
	for _, e := range exclusions {
		excluded[e.Requirement] = true
	}
	out := &autoMapping{head: h, framework: c.ID}
	for i := range h.controls {
		k := &h.controls[i]
		if h.tiers[i] == "" || in.Controls != nil && !slices.Contains(in.Controls, k.ID) {
			continue
		}
		out.summary.Controls++
		matches := c.named(k)
		matches = append(matches, c.matcher().Match(compliance.Subject{Control: k.ID, Description: k.Description, Facets: k.Facets}, matchesEach)...)
		found := false
		seen := map[string]bool{}
		for _, m := range matches {
			if m.Confidence < worthSuggesting || seen[m.Requirement] || known[k.ID][m.Requirement] || excluded[m.Requirement] {
				continue
			}
			seen[m.Requirement], found = true, true
			out.mappings = append(out.mappings, store.Mapping{
				Control: k.ID, Framework: c.ID, Requirement: m.Requirement, Source: sourceAuto, Confidence: m.Confidence, Reason: threat.Clip(m.Reason, threat.MaxText),
			})
		}
		if !found && !mapped[k.ID] {
			out.summary.Unmatched++
		}
	}
	slices.SortStableFunc(out.mappings, func(a, b store.Mapping) int { return cmp.Compare(b.Confidence, a.Confidence) })
	for _, m := range out.mappings {
		if m.Confidence >= compliance.Confident {
			out.summary.Applied++
		} else {
			out.summary.Suggested++
		}
	}
	return out, nil
}

// named returns the requirements that a control's own references name: "asvs-5.0:V6.2.1".
func (c *catalogue) named(k *store.Control) (out []compliance.Match) {
	for _, ref := range k.FrameworkRefs {
		framework, id, _ := strings.Cut(ref, ":")
		if framework != c.ID {
			continue
		}
		if _, err := c.requirement(id); err == nil {
			out = append(out, compliance.Match{Control: k.ID, Requirement: id, Confidence: certain, Reason: "the control names it"})
		}
	}
	return out
}

func (a *autoMapping) answer(in AutoMapControlsIn) (AutoMapControlsOut, error) {
	limit, offset, err := page(in.Limit, in.Offset, DefaultLimit)
	out := AutoMapControlsOut{
		ModelID: a.head.model.ID, Version: a.head.model.Version, FrameworkID: a.framework, Engine: builtinEngine, DryRun: in.DryRun,
		Threshold: confidence(compliance.Confident), Total: len(a.mappings), Offset: offset, Summary: a.summary, Mappings: []AutoMappingRow{},
	}
	if err != nil {
		return out, err
	}
	for _, m := range cut(a.mappings, limit, offset) {
		out.Mappings = append(out.Mappings, AutoMappingRow{
			m.Control, m.Requirement, confidence(m.Confidence), m.Source, m.Reason, !in.DryRun && m.Confidence >= compliance.Confident,
		})
	}
	out.Returned = len(out.Mappings)
	if a.summary.Suggested > 0 {
		out.Hint = "what is below the threshold is not applied: look at each (limit, offset), and map_control those that are right"
	}
	return out, nil
}
