package service

import (
	"context"
	"fmt"
	"slices"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// SetMitigationGroupsIn says which controls together mitigate a CO.
type SetMitigationGroupsIn struct {
	ModelID   string        `json:"model_id"`
	Objective threat.ID     `json:"control_objective"`
	Groups    [][]threat.ID `json:"groups" jsonschema:"all controls of one group mitigate it together, any group suffices; linked controls in no group are defence in depth; none: one group of all"`
}

// SetMitigationGroups replaces the groups of a CO. A group that asks for less than every old one weakens the CO, as does a further group.
// Errors: [threat.NotFound], [threat.Invalid].
func (s *Service) SetMitigationGroups(ctx context.Context, who account.Principal, in SetMitigationGroupsIn) (EditControlsOut, error) {
	v := verb{name: "set_mitigation_groups", needs: account.Write, model: in.ModelID}
	return editControls(ctx, s, who, v, in, func(c *controlset) error {
		if !c.head.structure.HasObjective(in.Objective) {
			return c.head.structure.UnknownObjective(in.Objective).In("control_objective")
		}
		if len(in.Groups) > threat.MaxGroups {
			return threat.Errorf(threat.Invalid, "%d groups, at most %d fit", len(in.Groups), threat.MaxGroups).In("groups")
		}
		for i, g := range in.Groups {
			field := fmt.Sprintf("groups.%d", i)
			if len(g) == 0 {
				return threat.Errorf(threat.Invalid, "the group is empty").In(field).Hinted("leave it out")
			}
			for k, id := range g {
				if _, err := c.control(id, 0); err != nil {
					return fieldAs(err, "id", field)
				}
				if slices.Contains(g[:k], id) {
					return threat.Errorf(threat.Invalid, "%s is twice in the group", id).In(field)
				}
			}
			if k := slices.IndexFunc(in.Groups[:i], func(o []threat.ID) bool { return len(o) == len(g) && contains(o, g) }); k >= 0 {
				return threat.Errorf(threat.Invalid, "it is the same as groups.%d", k).In(field).Hinted("leave it out")
			}
		}
		return c.regroup(in.Objective, in.Groups)
	})
}

// regroup gives a CO other groups.
func (c *controlset) regroup(co threat.ID, groups [][]threat.ID) error {
	before := c.groupsOf(co)
	var members []threat.ID
	for _, l := range c.links {
		if l.Objective == co && !slices.Contains(members, l.Control) {
			members = append(members, l.Control)
		}
	}
	var links []store.Link
	for i, g := range groups {
		for _, id := range g {
			links = append(links, store.Link{Objective: co, Group: i + 1, Control: id})
		}
	}
	for _, id := range members {
		if err := c.unlinkOne(id, co); err != nil {
			return err
		}
		if !slices.ContainsFunc(links, func(l store.Link) bool { return l.Control == id }) {
			links = append(links, store.Link{Objective: co, Control: id})
		}
	}
	for _, l := range links {
		c.touch(l.Control)
	}
	c.links = append(c.links, links...)
	c.sortLinks()
	if err := c.tx.AddLinks(c.workspace(), c.model(), links); err != nil {
		return err
	}
	return c.regrouped(co, before)
}

// contains reports whether a holds all of b.
func contains(a, b []threat.ID) bool {
	return !slices.ContainsFunc(b, func(id threat.ID) bool { return !slices.Contains(a, id) })
}
