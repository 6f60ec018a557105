package service

import (
	"fmt"
	"slices"

	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// release refuses to take a control from COs that it alone mitigates, and marks as weakened those whose group loses it. cos nil means all
// of its COs.
func (c *controlset) release(control threat.ID, cos []threat.ID) error {
	groups := mitigations(c.links)
	var sole, weaker []threat.ID
	for co, m := range groups {
		if cos != nil && !slices.Contains(cos, co) || !c.head.structure.HasObjective(co) {
			continue
		}
		for _, g := range m.groups {
			if len(g) > 1 && slices.Contains(g, control) {
				weaker = append(weaker, co)
			}
		}
		// Several groups may come to be the same one control, so that counting them is not enough.
		if !slices.ContainsFunc(m.groups, func(g []threat.ID) bool { return len(g) > 1 || g[0] != control }) {
			sole = append(sole, co)
		}
	}
	if len(sole) > 0 {
		return threat.Errorf(threat.Conflict, "%s alone mitigates %s", control, threat.IDList(threat.SortIDs(sole), 10)).In("id").
			Hinted("link another control to these objectives first (edit_controls link, set_mitigation_groups)")
	}
	for _, co := range threat.SortIDs(weaker) {
		if err := c.weaken(co, fmt.Sprintf("%s left a group", control)); err != nil {
			return err
		}
	}
	return nil
}

// weaken marks a CO.
func (c *controlset) weaken(co threat.ID, reason string) error {
	if !slices.Contains(c.weakened, co) {
		c.weakened = append(c.weakened, co)
	}
	return c.tx.WeakenObjective(c.workspace(), c.model(), co, reason)
}

// link links a control with COs: into a group by its place, or as defence in depth. On a CO without controls it makes the first group.
// A control that is linked already moves to the group that is named.
func (c *controlset) link(k *store.Control, cos []threat.ID, group int) error {
	if len(cos) == 0 {
		return threat.Errorf(threat.Invalid, "control_objectives is missing").In("control_objectives")
	}
	for _, co := range threat.SortIDs(slices.Clone(cos)) {
		if !c.head.structure.HasObjective(co) {
			return c.head.structure.UnknownObjective(co).In("control_objectives")
		}
		linked := slices.ContainsFunc(c.links, func(l store.Link) bool { return l.Objective == co && l.Control == k.ID })
		if linked && group == 0 {
			continue
		}
		n, err := c.groupNumber(co, group)
		if err != nil {
			return err
		}
		before := c.groupsOf(co)
		if linked {
			if err := c.unlinkOne(k.ID, co); err != nil {
				return err
			}
		}
		l := store.Link{Objective: co, Group: n, Control: k.ID}
		c.links = append(c.links, l)
		c.sortLinks()
		if err := c.tx.AddLinks(c.workspace(), c.model(), []store.Link{l}); err != nil {
			return err
		}
		if err := c.regrouped(co, before); err != nil {
			return err
		}
	}
	k.Objectives = threat.SortIDs(append(slices.Clone(k.Objectives), cos...))
	return nil
}

// groupNumber turns the place of a group into its stored number.
func (c *controlset) groupNumber(co threat.ID, place int) (int, error) {
	var numbers []int
	any := false
	for _, l := range c.links {
		if l.Objective == co {
			any = true
			if l.Group > 0 && !slices.Contains(numbers, l.Group) {
				numbers = append(numbers, l.Group)
			}
		}
	}
	slices.Sort(numbers)
	switch {
	case place < 0 || place > threat.MaxGroups || place > len(numbers)+1:
		return 0, threat.Errorf(threat.Invalid, "%s has %d groups, group %d cannot be joined", co, len(numbers), place).In("group").
			Hinted("0 for defence in depth, 1 to %d for a group, %d for a new one", len(numbers), len(numbers)+1)
	case place == 0 && any:
		return 0, nil
	case place == 0, len(numbers) == 0: // the first control of a CO, or the first group that is named
		return 1, nil
	case place <= len(numbers):
		return numbers[place-1], nil
	}
	return numbers[len(numbers)-1] + 1, nil
}

// groupsOf returns what is linked to a CO, nil when nothing is.
func (c *controlset) groupsOf(co threat.ID) *mitigation {
	var own []store.Link
	for _, l := range c.links {
		if l.Objective == co {
			own = append(own, l)
		}
	}
	return mitigations(own)[co]
}

// regrouped takes note that the groups of a CO are not what they were. A further group weakens the CO, as does one that asks for less than
// every old one: it is then mitigated in a way in which it was not. The first controls of a CO weaken nothing.
func (c *controlset) regrouped(co threat.ID, before *mitigation) error {
	c.moved = append(c.moved, co)
	after := c.groupsOf(co)
	if before == nil || after == nil {
		return nil
	}
	if len(after.groups) > len(before.groups) {
		return c.weaken(co, "a group was added")
	}
	for _, g := range after.groups {
		if !slices.ContainsFunc(before.groups, func(b []threat.ID) bool { return contains(g, b) }) {
			return c.weaken(co, "a group asks for less than before")
		}
	}
	return nil
}

func (c *controlset) sortLinks() {
	slices.SortFunc(c.links, func(a, b store.Link) int {
		if o := threat.CompareIDs(a.Objective, b.Objective); o != 0 {
			return o
		}
		if a.Group != b.Group {
			return a.Group - b.Group
		}
		return threat.CompareIDs(a.Control, b.Control)
	})
}

func (c *controlset) unlinkOne(control, co threat.ID) error {
	c.links = slices.DeleteFunc(c.links, func(l store.Link) bool { return l.Control == control && l.Objective == co })
	return c.tx.RemoveLinks(c.workspace(), c.model(), control, []threat.ID{co})
}

// unlink takes a control from COs.
func (c *controlset) unlink(k *store.Control, cos []threat.ID) error {
	if len(cos) == 0 {
		return threat.Errorf(threat.Invalid, "control_objectives is missing").In("control_objectives")
	}
	for _, co := range cos {
		if !slices.ContainsFunc(c.links, func(l store.Link) bool { return l.Control == k.ID && l.Objective == co }) {
			return threat.Errorf(threat.NotFound, "%s is not linked to %s", k.ID, threat.Clip(string(co), 20)).In("control_objectives").
				Hinted("linked: %s", threat.IDList(k.Objectives, 20))
		}
	}
	if err := c.release(k.ID, cos); err != nil {
		return err
	}
	for _, co := range cos {
		if err := c.unlinkOne(k.ID, co); err != nil {
			return err
		}
	}
	c.moved = append(c.moved, cos...)
	k.Objectives = slices.DeleteFunc(slices.Clone(k.Objectives), func(co threat.ID) bool { return slices.Contains(cos, co) })
	return nil
}
