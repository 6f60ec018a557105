package service

import (
	"context"
	"slices"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// GetControlObjectivesIn narrows and pages the computed COs.
type GetControlObjectivesIn struct {
	ModelID         string      `json:"model_id"`
	IDs             []threat.ID `json:"control_objectives,omitempty" jsonschema:"as CO-A1-T2"`
	Tier            threat.Tier `json:"tier,omitempty"`
	Asset           threat.ID   `json:"asset,omitempty"`
	Attacker        threat.ID   `json:"attacker,omitempty"`
	Unreachable     bool        `json:"unreachable,omitempty" jsonschema:"cut off by trust boundaries"`
	WithoutControls bool        `json:"without_controls,omitempty" jsonschema:"reachable ones that nothing mitigates"`
	Limit           *int        `json:"limit,omitempty" jsonschema:"default 0: no rows; at most 200"`
	Offset          int         `json:"offset,omitempty"`
}

// ObjectiveRow is a CO with the controls linked to it.
type ObjectiveRow struct {
	ID             threat.ID     `json:"id"`
	Statement      string        `json:"statement"`
	Tier           threat.Tier   `json:"tier"`
	Reachable      bool          `json:"reachable"`
	Groups         [][]threat.ID `json:"groups,omitempty"`           // AND within a group, OR across groups
	DefenceInDepth []threat.ID   `json:"defence_in_depth,omitempty"` // never mitigate it by themselves
}

// ObjectiveSummary counts the COs that the filters let through.
type ObjectiveSummary struct {
	Tiers           map[threat.Tier]int `json:"tiers"`
	Unreachable     int                 `json:"unreachable"`
	WithoutControls int                 `json:"without_controls"`
}

// GetControlObjectivesOut is a page of COs, gravest tier first.
type GetControlObjectivesOut struct {
	ModelID    string           `json:"model_id"`
	Version    int              `json:"version"`
	Total      int              `json:"total"`
	Returned   int              `json:"returned"`
	Offset     int              `json:"offset"`
	Summary    ObjectiveSummary `json:"summary"`
	Objectives []ObjectiveRow   `json:"control_objectives"`
}

// GetControlObjectives lists the control objectives of the newest version. Errors: [threat.NotFound], [threat.Invalid].
func (s *Service) GetControlObjectives(ctx context.Context, who account.Principal, in GetControlObjectivesIn) (GetControlObjectivesOut, error) {
	limit, offset, err := page(in.Limit, in.Offset, 0)
	if err != nil {
		return GetControlObjectivesOut{}, err
	}
	return readHead(ctx, s, who, in.ModelID, func(_ *store.Snapshot, h *head) (GetControlObjectivesOut, error) {
		out := GetControlObjectivesOut{ModelID: h.model.ID, Version: h.model.Version, Offset: offset}
		out.Summary.Tiers = map[threat.Tier]int{}
		if err := h.checkFilter(in.IDs, in.Asset, in.Attacker); err != nil {
			return out, err
		}
		groups := h.groups()
		var found []threat.Objective
		for _, co := range h.objectives() {
			bare := co.Reachable && groups[co.ID] == nil
			if !among(in.IDs, co.ID) || in.Tier != "" && co.Tier != in.Tier ||
				in.Asset != "" && co.Asset != in.Asset || in.Attacker != "" && co.Attacker != in.Attacker ||
				in.Unreachable && co.Reachable || in.WithoutControls && !bare {
				continue
			}
			found = append(found, co)
			out.Summary.Tiers[co.Tier]++
			if !co.Reachable {
				out.Summary.Unreachable++
			}
			if bare {
				out.Summary.WithoutControls++
			}
		}
		slices.SortStableFunc(found, func(a, b threat.Objective) int {
			return tierRank(a.Tier) - tierRank(b.Tier)
		})
		out.Total = len(found)
		out.Objectives = []ObjectiveRow{}
		for _, co := range cut(found, limit, offset) {
			row := ObjectiveRow{ID: co.ID, Statement: co.Statement, Tier: co.Tier, Reachable: co.Reachable}
			if g := groups[co.ID]; g != nil {
				row.Groups, row.DefenceInDepth = g.groups, g.depth
			}
			out.Objectives = append(out.Objectives, row)
		}
		out.Returned = len(out.Objectives)
		return out, nil
	})
}

// checkFilter refuses ids that the model does not have.
func (h *head) checkFilter(cos []threat.ID, asset, attacker threat.ID) error {
	for _, co := range cos {
		if !h.structure.HasObjective(co) {
			return h.structure.UnknownObjective(co).In("control_objectives")
		}
	}
	if asset != "" && h.structure.Asset(asset) == nil {
		return threat.Unknown("asset", asset, entityIDs(h.structure.Assets, func(a threat.Asset) threat.ID { return a.ID })).In("asset")
	}
	if attacker != "" && h.structure.Attacker(attacker) == nil {
		return threat.Unknown("attacker", attacker, entityIDs(h.structure.Attackers, func(t threat.Attacker) threat.ID { return t.ID })).In("attacker")
	}
	return nil
}

func entityIDs[E any](list []E, of func(E) threat.ID) []threat.ID {
	out := make([]threat.ID, len(list))
	for i, e := range list {
		out[i] = of(e)
	}
	return out
}

// mitigation is what is linked to one CO.
type mitigation struct {
	groups [][]threat.ID
	depth  []threat.ID
}

// groups returns, for each CO with a link, its mitigation groups in order and its defence in depth. A CO that has controls but no
// group has one group of all of them (specification §4).
func (h *head) groups() map[threat.ID]*mitigation { return mitigations(h.links) }

// mitigations does it for links in the order of CO, group, control.
func mitigations(links []store.Link) map[threat.ID]*mitigation {
	out := map[threat.ID]*mitigation{}
	last := 0
	for _, l := range links {
		m := out[l.Objective]
		if m == nil {
			m = &mitigation{}
			out[l.Objective] = m
			last = 0
		}
		if l.Group == 0 {
			m.depth = append(m.depth, l.Control)
			continue
		}
		if l.Group != last {
			m.groups = append(m.groups, nil)
			last = l.Group
		}
		m.groups[len(m.groups)-1] = append(m.groups[len(m.groups)-1], l.Control)
	}
	for _, m := range out {
		if m.groups == nil {
			m.groups, m.depth = [][]threat.ID{m.depth}, nil
		}
	}
	return out
}
