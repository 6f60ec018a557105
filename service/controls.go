package service

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// GetControlsIn narrows and pages the controls of a model.
type GetControlsIn struct {
	ModelID      string                `json:"model_id"`
	IDs          []threat.ID           `json:"controls,omitempty"`
	Status       threat.ControlStatus  `json:"status,omitempty"`
	Verification evidence.Verification `json:"verification,omitempty"`
	Objective    threat.ID             `json:"control_objective,omitempty"`
	Asset        threat.ID             `json:"asset,omitempty"`
	Attacker     threat.ID             `json:"attacker,omitempty"`
	Tier         threat.Tier           `json:"tier,omitempty" jsonschema:"of an objective it helps"`
	Text         string                `json:"text,omitempty" jsonschema:"in the description or a facet"`
	Deleted      bool                  `json:"deleted,omitempty" jsonschema:"deleted and replaced ones instead"`
	Fields       []string              `json:"fields,omitempty" jsonschema:"of the rows; default: all"`
	Limit        *int                  `json:"limit,omitempty" jsonschema:"default 0: no rows; at most 200"`
	Offset       int                   `json:"offset,omitempty"`
}

// ControlRow is a control in a list.
type ControlRow struct {
	ID            threat.ID             `json:"id"`
	Description   string                `json:"description,omitempty"`
	Status        threat.ControlStatus  `json:"status,omitempty"`
	Verification  evidence.Verification `json:"verification,omitempty"` // computed from what CI found
	Tier          threat.Tier           `json:"tier,omitempty"`         // the gravest of its live COs
	Facets        []threat.Facet        `json:"facets,omitempty"`
	Objectives    []threat.ID           `json:"control_objectives,omitempty"`
	Source        threat.Source         `json:"source,omitempty"`
	FrameworkRefs []string              `json:"framework_refs,omitempty"`
	Notes         string                `json:"notes,omitempty"`
	Basis         []string              `json:"basis,omitempty"`
	Revision      int                   `json:"revision,omitempty"`
	Weakened      string                `json:"weakened,omitempty"`   // what a change took away; counts as claimed until approve_change
	CarriedBy     []threat.ID           `json:"carried_by,omitempty"` // assumptions: while one holds, the control counts as implemented
	Auxiliary     []AuxiliaryRow        `json:"auxiliary_evidence,omitempty"`
	Findings      OpenFindings          `json:"open_findings,omitempty"`
	Orphaned      bool                  `json:"orphaned,omitempty"` // all its COs are gone; left out of every count
	DeletedReason string                `json:"deleted_reason,omitempty"`
}

// AuxiliaryRow is context that hangs on a control, never proof.
type AuxiliaryRow struct {
	Number int    `json:"number"`
	Title  string `json:"title"`
	URL    string `json:"url,omitempty"`
}

// ControlSummary counts the controls that the filters let through; orphaned ones only as such.
type ControlSummary struct {
	Status       map[threat.ControlStatus]int  `json:"status"`
	Verification map[evidence.Verification]int `json:"verification"`
	Tiers        map[threat.Tier]int           `json:"tiers"`
	Orphaned     int                           `json:"orphaned"`
}

func newControlSummary() ControlSummary {
	return ControlSummary{Status: map[threat.ControlStatus]int{}, Verification: map[evidence.Verification]int{}, Tiers: map[threat.Tier]int{}}
}

// narrows reports whether anything but paging was asked for.
func (in GetControlsIn) narrows() bool {
	return len(in.IDs) > 0 || in.Status != "" || in.Verification != "" || in.Objective != "" || in.Asset != "" || in.Attacker != "" || in.Tier != "" ||
		in.Text != "" || in.Deleted
}

// GetControlsOut is a page of controls, gravest tier first.
type GetControlsOut struct {
	ModelID  string         `json:"model_id"`
	Version  int            `json:"version"`
	Total    int            `json:"total"`
	Returned int            `json:"returned"`
	Offset   int            `json:"offset"`
	Summary  ControlSummary `json:"summary"`
	Controls []ControlRow   `json:"controls"`
}

// GetControls lists controls. Errors: [threat.NotFound], [threat.Invalid].
func (s *Service) GetControls(ctx context.Context, who account.Principal, in GetControlsIn) (GetControlsOut, error) {
	limit, offset, err := page(in.Limit, in.Offset, 0)
	if err != nil {
		return GetControlsOut{}, err
	}
	return readHead(ctx, s, who, in.ModelID, func(v *store.Snapshot, h *head) (GetControlsOut, error) {
		out := GetControlsOut{ModelID: h.model.ID, Version: h.model.Version, Offset: offset, Controls: []ControlRow{}}
		out.Summary = newControlSummary()
		var cos []threat.ID
		if in.Objective != "" {
			cos = []threat.ID{in.Objective}
		}
		if err := h.checkFilter(cos, in.Asset, in.Attacker); err != nil {
			return out, err
		}
		controls := h.controls
		if in.Deleted {
			if controls, err = v.DeletedControls(who.WorkspaceID, h.model.ID); err != nil {
				return out, err
			}
		} else {
			for _, id := range in.IDs {
				if _, err := h.control(id); err != nil {
					return out, fieldError(err, "controls")
				}
			}
		}
		var found []foundControl
		if in.narrows() || h.aged(v.Now()) {
			found = h.filterControls(controls, in, v.Now(), &out.Summary)
		} else {
			found, out.Summary = h.all().found, h.all().summary
		}
		out.Total = len(found)
		for _, f := range cut(found, limit, offset) {
			out.Controls = append(out.Controls, f.row(h.policy, v.Now()))
		}
		out.Returned = len(out.Controls)
		if err := out.context(v, who.WorkspaceID); err != nil {
			return out, err
		}
		return out, onlyFields(out.Controls, in.Fields)
	})
}

// onlyFields empties the fields of rows that were not asked for, by their JSON names; the id stays. Errors: [threat.Invalid] for a name that
// the rows have not.
func onlyFields[Row any](rows []Row, fields []string) error {
	if len(fields) == 0 {
		return nil
	}
	t := reflect.TypeFor[Row]()
	var names []string
	drop := make([]bool, t.NumField())
	for i := range drop {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		names = append(names, name)
		drop[i] = name != "id" && !slices.Contains(fields, name)
	}
	for _, f := range fields {
		if !slices.Contains(names, f) {
			return threat.Errorf(threat.Invalid, "the rows have no field %q", threat.Clip(f, 40)).In("fields").Hinted("fields: %s", joinWords(names))
		}
	}
	for i := range rows {
		row := reflect.ValueOf(&rows[i]).Elem()
		for k, gone := range drop {
			if gone {
				row.Field(k).SetZero()
			}
		}
	}
	return nil
}

// context adds to the rows of a page what hangs on the controls.
func (out *GetControlsOut) context(v *store.Snapshot, workspace string) error {
	if out.Returned == 0 {
		return nil
	}
	place := make(map[threat.ID]*ControlRow, out.Returned)
	for i := range out.Controls {
		place[out.Controls[i].ID] = &out.Controls[i]
	}
	open, err := v.OpenFindings(workspace, out.ModelID)
	if err != nil {
		return err
	}
	for id, counts := range open {
		if row := place[id]; row != nil {
			row.Findings = counts
		}
	}
	carried, err := v.CarriedControls(workspace, out.ModelID)
	if err != nil {
		return err
	}
	for _, c := range carried {
		if row := place[c.Control]; row != nil {
			row.CarriedBy = append(row.CarriedBy, c.Assumption)
		}
	}
	docs, err := v.Documents(workspace, out.ModelID)
	for _, d := range docs {
		if row := place[d.Control]; row != nil {
			row.Auxiliary = append(row.Auxiliary, AuxiliaryRow{Number: d.Number, Title: d.Title, URL: d.URL})
		}
	}
	return err
}

// allControls are the live controls of a head. They are shared: nobody writes into them.
type allControls struct {
	found   []foundControl
	summary ControlSummary
}

// foundControl is a control with what its COs say of it.
type foundControl struct {
	*store.Control
	tier     threat.Tier
	orphaned bool
}

func (f foundControl) row(p policy, now time.Time) ControlRow {
	c := f.Control
	return ControlRow{
		ID: c.ID, Description: c.Description, Status: c.Status, Verification: p.verificationAt(c, now), Tier: f.tier, Facets: c.Facets, Objectives: c.Objectives,
		Source: c.Source, FrameworkRefs: c.FrameworkRefs, Notes: c.Notes, Basis: c.Basis, Revision: c.Revision,
		Weakened: c.Weakened, Orphaned: f.orphaned, DeletedReason: c.DeletedReason,
	}
}

// filterControls returns the controls that pass, gravest tier first, and counts them. The order within a tier is that of ids.
func (h *head) filterControls(controls []store.Control, in GetControlsIn, now time.Time, sum *ControlSummary) []foundControl {
	byTier := make(map[threat.Tier][]foundControl, 5)
	text := strings.ToLower(in.Text)
	for i := range controls {
		c := &controls[i]
		if in.Status != "" && c.Status != in.Status || !among(in.IDs, c.ID) ||
			text != "" && !mentions(c, text) || !h.helps(c, in) {
			continue
		}
		verification := h.verificationAt(c, now)
		if in.Verification != "" && verification != in.Verification {
			continue
		}
		f := foundControl{Control: c}
		if in.Deleted {
			f.tier = h.tier(c)
		} else {
			f.tier = h.tiers[i]
		}
		f.orphaned = f.tier == "" && !in.Deleted
		if f.orphaned {
			sum.Orphaned++
		} else {
			sum.Status[c.Status]++
			sum.Verification[verification]++
			sum.Tiers[f.tier]++
		}
		byTier[f.tier] = append(byTier[f.tier], f)
	}
	var out []foundControl
	for _, t := range append(threat.Tiers(), "") {
		out = append(out, byTier[t]...)
	}
	return out
}

func mentions(c *store.Control, text string) bool {
	return strings.Contains(strings.ToLower(c.Description), text) ||
		slices.ContainsFunc(c.Facets, func(f threat.Facet) bool { return strings.Contains(strings.ToLower(f.Text), text) })
}

// helps reports whether a control has a CO that the filters on COs let through.
func (h *head) helps(c *store.Control, in GetControlsIn) bool {
	if in.Objective == "" && in.Asset == "" && in.Attacker == "" && in.Tier == "" {
		return true
	}
	cos, place := h.objectives(), h.place()
	return slices.ContainsFunc(c.Objectives, func(id threat.ID) bool {
		i, ok := place[id]
		if !ok {
			return false
		}
		co := &cos[i]
		return (in.Objective == "" || co.ID == in.Objective) && (in.Asset == "" || co.Asset == in.Asset) &&
			(in.Attacker == "" || co.Attacker == in.Attacker) && (in.Tier == "" || co.Tier == in.Tier)
	})
}

// tier is the gravest tier among a control's live COs, or "" when it is orphaned.
func (h *head) tier(c *store.Control) threat.Tier {
	best := len(threat.Tiers())
	cos, place := h.objectives(), h.place()
	for _, id := range c.Objectives {
		if i, ok := place[id]; ok {
			best = min(best, tierRank(cos[i].Tier))
		}
	}
	if best == len(threat.Tiers()) {
		return ""
	}
	return threat.Tiers()[best]
}

// tierRank is a tier's place in threat.Tiers.
func tierRank(t threat.Tier) int {
	switch t {
	case threat.Critical:
		return 0
	case threat.HighTier:
		return 1
	case threat.MediumTier:
		return 2
	}
	return 3
}
