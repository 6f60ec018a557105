package service

import (
	"context"
	"fmt"
	"slices"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// CompareVersionsIn names two versions of a model.
type CompareVersionsIn struct {
	ModelID string `json:"model_id"`
	From    int    `json:"from" jsonschema:"the older version"`
	To      int    `json:"to,omitempty" jsonschema:"default: the newest"`
	Limit   *int   `json:"limit,omitempty" jsonschema:"default 20, at most 200"`
	Offset  int    `json:"offset,omitempty"`
	Kind    string `json:"kind,omitempty" jsonschema:"only asset, attacker, trust_boundary, assumption, feature or control_objective"`
}

// CompareVersionsOut is a page of a structured diff.
type CompareVersionsOut struct {
	ModelID  string                            `json:"model_id"`
	Version  int                               `json:"version"`
	From     int                               `json:"from"`
	To       int                               `json:"to"`
	Total    int                               `json:"total"`
	Returned int                               `json:"returned"`
	Offset   int                               `json:"offset"`
	Summary  map[threat.Kind]map[threat.Op]int `json:"summary" jsonschema:"counts by kind and operation"`
	Changes  []threat.Change                   `json:"changes"`
}

// CompareVersions shows what changed between two versions: entities field by field, then the computed COs. Errors:
// [threat.NotFound], [threat.Invalid].
func (s *Service) CompareVersions(ctx context.Context, who account.Principal, in CompareVersionsIn) (CompareVersionsOut, error) {
	limit, offset, err := page(in.Limit, in.Offset, DefaultLimit)
	if err != nil {
		return CompareVersionsOut{}, err
	}
	kinds := []threat.Kind{threat.KindFeature, threat.KindAsset, threat.KindAttacker, threat.KindBoundary, threat.KindAssumption, threat.KindObjective}
	if in.Kind != "" && !slices.Contains(kinds, threat.Kind(in.Kind)) {
		return CompareVersionsOut{}, threat.Errorf(threat.Invalid, "kind %q is not known", threat.Clip(in.Kind, 40)).In("kind").
			Hinted("valid: %s", joinStrings(kinds))
	}
	return readHead(ctx, s, who, in.ModelID, func(v *store.Snapshot, h *head) (CompareVersionsOut, error) {
		out := CompareVersionsOut{ModelID: h.model.ID, Version: h.model.Version, From: in.From, To: in.To, Offset: offset, Changes: []threat.Change{}}
		if out.To == 0 {
			out.To = h.model.Version
		}
		if in.From == 0 {
			return out, threat.Errorf(threat.Invalid, "from is missing").In("from").Hinted("versions are 1 to %d", h.model.Version)
		}
		a, err := atVersion(v, who, h, in.From, "from")
		if err != nil {
			return out, err
		}
		b, err := atVersion(v, who, h, out.To, "to")
		if err != nil {
			return out, err
		}
		diff, err := threat.Diff(a, b)
		if err != nil {
			return out, internal("compare %s: %w", h.model.ID, err)
		}
		out.Summary = map[threat.Kind]map[threat.Op]int{}
		var found []threat.Change
		for _, c := range diff {
			if in.Kind != "" && c.Kind != threat.Kind(in.Kind) {
				continue
			}
			if out.Summary[c.Kind] == nil {
				out.Summary[c.Kind] = map[threat.Op]int{}
			}
			out.Summary[c.Kind][c.Op]++
			if c.Kind == threat.KindObjective && c.Op != threat.Changed {
				c.Fields = nil // it follows from its asset and attacker
			}
			found = append(found, c)
		}
		out.Total = len(found)
		out.Changes = append(out.Changes, cut(found, limit, offset)...)
		out.Returned = len(out.Changes)
		return out, nil
	})
}

// RestoreVersionIn names the version to go back to.
type RestoreVersionIn struct {
	Target
	Version int `json:"version" jsonschema:"the version whose content comes back"`
}

// RestoreVersionOut is the new version with the old content.
type RestoreVersionOut struct {
	Changed
	Restored int                               `json:"restored" jsonschema:"the version whose content came back"`
	Summary  map[threat.Kind]map[threat.Op]int `json:"summary" jsonschema:"what changed against the version before"`
}

// RestoreVersion makes a new version with an old one's content: entities come back under their old ids, entities added later
// go, restored assumptions are unattested, boundary assumptions are computed afresh. Errors: [threat.NotFound],
// [threat.Conflict].
func (s *Service) RestoreVersion(ctx context.Context, who account.Principal, in RestoreVersionIn) (RestoreVersionOut, error) {
	var before *threat.Structure
	return change(ctx, s, who, "restore_version", in.Target, in, func(c *changeset) error {
		before = c.structure.Clone()
		if in.Version < 1 || in.Version > c.model.Version {
			return threat.Errorf(threat.NotFound, "there is no version %d", in.Version).In("version").
				Hinted("versions are 1 to %d", c.model.Version)
		}
		then, err := c.tx.Version(who.WorkspaceID, c.model.ID, in.Version)
		if err != nil {
			return err
		}
		states, err := c.tx.AssumptionStates(who.WorkspaceID, c.model.ID)
		if err != nil {
			return err
		}
		// Computed assumptions are those that stand now: settling keeps, adds and retires them by what becomes unreachable.
		then.Assumptions = slices.DeleteFunc(then.Assumptions, func(a threat.Assumption) bool { return a.Separation != nil })
		for _, a := range before.Assumptions {
			switch {
			case a.Separation != nil:
				then.Assumptions = append(then.Assumptions, a)
			case then.Assumption(a.ID) == nil:
				c.events = append(c.events, store.AssumptionEvent{Assumption: a.ID, State: threat.Deleted, Reason: fmt.Sprintf("not part of version %d", in.Version)})
			}
		}
		for _, a := range then.Assumptions {
			if a.Separation == nil && (before.Assumption(a.ID) == nil || stateOf(a.ID, states) != threat.Active) {
				c.events = append(c.events, store.AssumptionEvent{Assumption: a.ID, State: threat.Active, Reason: fmt.Sprintf("restored with version %d", in.Version)})
			}
		}
		if err := then.Check(); err != nil {
			return internal("version %d of %s: %w", in.Version, c.model.ID, err)
		}
		c.structure = then
		c.summary = fmt.Sprintf("restored version %d", in.Version)
		return nil
	}, func(c *changeset, done Changed) RestoreVersionOut {
		out := RestoreVersionOut{Changed: done, Restored: in.Version, Summary: map[threat.Kind]map[threat.Op]int{}}
		diff, err := threat.Diff(before, c.structure)
		if err != nil {
			return out // both were checked
		}
		for _, d := range diff {
			if out.Summary[d.Kind] == nil {
				out.Summary[d.Kind] = map[threat.Op]int{}
			}
			out.Summary[d.Kind][d.Op]++
		}
		return out
	})
}
