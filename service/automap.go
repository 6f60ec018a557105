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
	Engine      string      `json:"engine,omitempty"`
	DryRun      bool        `json:"dry_run,omitempty" jsonschema:"apply nothing"`
	Limit       *int        `json:"limit,omitempty" jsonschema:"rows shown, at most 200; default 20, in the result of a job 200; what is applied does not depend on it"`
	Offset      int         `json:"offset,omitempty"`
	WaitSeconds *int        `json:"wait_seconds,omitempty" jsonschema:"for a job, default 20"`

	IdempotencyKey string `json:"idempotency_key,omitempty"`
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
	Job         *JobOut          `json:"job,omitempty" jsonschema:"with engine openai or agent, while it runs or asks; its result is an answer like this one"`
}

// AutoMapControls maps controls to the requirements that they seem to serve. What is sure enough is applied, the rest comes back as
// suggestions. It never touches a mapping that is there, maps nothing to what is excluded, and does not repeat what a person took away.
// The builtin engine answers at once. The others choose among the matches of the builtin matcher in a job, which the answer carries.
// Errors: [threat.NotFound], [threat.Invalid], [threat.FailedPrecondition] for a framework that is not selected, or an engine that cannot run.
func (s *Service) AutoMapControls(ctx context.Context, who account.Principal, in AutoMapControlsIn) (AutoMapControlsOut, error) {
	v := verb{name: autoMapJob, needs: account.Write, model: in.ModelID, idem: in.IdempotencyKey}
	if err := s.needCompliance(ctx, who, v); err != nil {
		return AutoMapControlsOut{}, err
	}
	if _, _, err := page(in.Limit, in.Offset, DefaultLimit); err != nil {
		return AutoMapControlsOut{}, err
	}
	in.WaitSeconds = nil
	var found *autoMapping // made outside the write transaction, since it can take long
	var plan *mapPlan
	out, err := read(ctx, s, who, account.Write, func(v *store.Snapshot) (out AutoMapControlsOut, err error) {
		e, err := s.engineOf(v, who.WorkspaceID, in.Engine)
		if err != nil {
			return out, err
		}
		sc, err := s.mapScope(v, who.WorkspaceID, in)
		if err != nil {
			return out, err
		}
		if e.Name() == openaiEngine || e.Name() == agentEngine {
			if plan = sc.plan(in, e.Name()); len(plan.Batches) > 0 {
				return plan.answer(sc), nil
			}
			plan, found = nil, sc.settle(e.Name(), nil) // there is nothing to ask
		} else {
			found = sc.match()
		}
		return found.answer(in, DefaultLimit)
	})
	if err != nil {
		s.refused(ctx, who, v, nil, err)
		return out, err
	}
	if plan != nil {
		return s.startMapping(ctx, who, v, in, plan, out)
	}
	if in.DryRun {
		return out, nil
	}
	return write(ctx, s, who, v, in, func(tx *store.Tx, r *record) (AutoMapControlsOut, error) {
		m, err := tx.Model(who.WorkspaceID, in.ModelID)
		if err != nil {
			return out, err
		}
		now := found
		if m.Stamp != found.head.model.Stamp { // somebody was quicker
			sc, err := s.mapScope(tx.View(), who.WorkspaceID, in)
			if err != nil {
				return out, err
			}
			if now = sc.match(); found.engine != builtinEngine {
				now = sc.settle(found.engine, nil)
			}
		}
		out, err := now.answer(in, DefaultLimit)
		if err != nil {
			return out, err
		}
		return out, now.apply(tx, who, r)
	})
}

// autoMapping is what an engine found for a model: sure mappings first.
type autoMapping struct {
	head      *head
	framework string
	engine    string
	mappings  []store.Mapping
	summary   AutoMapSummary
}

// mapScope is what of a model and a framework bears on mapping: the controls to look at, and what is said about them already.
type mapScope struct {
	head     *head
	c        *catalogue
	controls []*store.Control // in question, live
	known    map[threat.ID]map[string]bool
	mapped   map[threat.ID]bool
	excluded map[string]bool
}

// mapScope gathers it. Errors: [threat.NotFound], [threat.Invalid], [threat.FailedPrecondition] where the framework is not selected.
func (s *Service) mapScope(v *store.Snapshot, workspace string, in AutoMapControlsIn) (*mapScope, error) {
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
	sc := &mapScope{head: h, c: c, known: make(map[threat.ID]map[string]bool, len(have)), mapped: make(map[threat.ID]bool, len(have)), excluded: make(map[string]bool, len(exclusions))}
	for _, m := range have {
		if sc.known[m.Control] == nil {
			sc.known[m.Control] = map[string]bool{}
		}
		sc.known[m.Control][m.Requirement] = true
		sc.mapped[m.Control] = sc.mapped[m.Control] || m.Source != sourceRejected
	}
	for _, e := range exclusions {
		sc.excluded[e.Requirement] = true
	}
	for i := range h.controls {
		k := &h.controls[i]
		if h.tiers[i] != "" && among(in.Controls, k.ID) {
			sc.controls = append(sc.controls, k)
		}
	}
	return sc, nil
}

// open reports whether nothing is said yet about a control and a requirement.
func (sc *mapScope) open(control threat.ID, requirement string) bool {
	return !sc.known[control][requirement] && !sc.excluded[requirement]
}

// matches are those of the builtin matcher, the best first.
func (sc *mapScope) matches(k *store.Control, limit int) []compliance.Match {
	return sc.c.matcher().Match(compliance.Subject{Control: k.ID, Description: k.Description, Facets: k.Facets}, limit)
}

// match asks the builtin matcher about each control.
func (sc *mapScope) match() *autoMapping {
	found := make(map[threat.ID][]compliance.Match, len(sc.controls))
	for _, k := range sc.controls {
		found[k.ID] = sc.matches(k, matchesEach)
	}
	return sc.settle(builtinEngine, found)
}

// settle keeps of what an engine found, and of what controls name themselves, that which is worth a look and not said yet.
func (sc *mapScope) settle(engine string, found map[threat.ID][]compliance.Match) *autoMapping {
	source := sourceAuto
	if engine != builtinEngine {
		source = sourceLLM
	}
	out := &autoMapping{head: sc.head, framework: sc.c.ID, engine: engine}
	out.summary.Controls = len(sc.controls)
	for _, k := range sc.controls {
		any := false
		seen := map[string]bool{}
		keep := func(m compliance.Match, source string) {
			if m.Confidence < worthSuggesting || seen[m.Requirement] || !sc.open(k.ID, m.Requirement) {
				return
			}
			seen[m.Requirement], any = true, true
			out.mappings = append(out.mappings, store.Mapping{
				Control: k.ID, Framework: sc.c.ID, Requirement: m.Requirement, Source: source, Confidence: m.Confidence, Reason: threat.Clip(m.Reason, threat.MaxText),
			})
		}
		for _, m := range sc.c.named(k) {
			keep(m, sourceAuto)
		}
		for _, m := range found[k.ID] {
			keep(m, source)
		}
		if !any && !sc.mapped[k.ID] {
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
	return out
}

// apply writes the sure mappings and says so in the record.
func (a *autoMapping) apply(tx *store.Tx, who account.Principal, r *record) error {
	m := a.head.model
	r.version, r.object = m.Version, a.framework
	r.detail = map[string]any{"framework_id": a.framework, "engine": a.engine, "applied": a.summary.Applied, "suggested": a.summary.Suggested}
	if a.summary.Applied == 0 {
		return nil
	}
	if err := tx.SaveMappings(who.WorkspaceID, m.ID, who.UserID, a.mappings[:a.summary.Applied]); err != nil {
		return err
	}
	return tx.TouchModel(who.WorkspaceID, m.ID)
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

// answer shows them, a page of byDefault rows unless the request says otherwise.
func (a *autoMapping) answer(in AutoMapControlsIn, byDefault int) (AutoMapControlsOut, error) {
	limit, offset, err := page(in.Limit, in.Offset, byDefault)
	out := AutoMapControlsOut{
		ModelID: a.head.model.ID, Version: a.head.model.Version, FrameworkID: a.framework, Engine: a.engine, DryRun: in.DryRun,
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
