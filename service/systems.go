package service

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/posture"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// MaxMembers bounds the models of a system.
const MaxMembers = 200

// systemID refuses what cannot be the id of a system, in the words for one that does not exist.
func systemID(id string) error {
	if _, err := uuid.Parse(id); err != nil {
		return store.NoSystem()
	}
	return nil
}

// SystemRow is a system in a list.
type SystemRow struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	Models      int    `json:"models"`
}

// ListSystemsIn pages the systems of the workspace.
type ListSystemsIn struct {
	Limit  *int `json:"limit,omitempty" jsonschema:"default 20, at most 200"`
	Offset int  `json:"offset,omitempty"`
}

// ListSystemsOut is a page of systems by name.
type ListSystemsOut struct {
	Total    int         `json:"total"`
	Returned int         `json:"returned"`
	Offset   int         `json:"offset"`
	Systems  []SystemRow `json:"systems"`
}

// ListSystems lists systems. Errors: [threat.Invalid].
func (s *Service) ListSystems(ctx context.Context, who account.Principal, in ListSystemsIn) (ListSystemsOut, error) {
	limit, offset, err := page(in.Limit, in.Offset, DefaultLimit)
	if err != nil {
		return ListSystemsOut{}, err
	}
	return read(ctx, s, who, account.Read, func(v *store.Snapshot) (ListSystemsOut, error) {
		out := ListSystemsOut{Offset: offset, Systems: []SystemRow{}}
		list, total, err := v.Systems(who.WorkspaceID, limit, offset)
		for _, sys := range list {
			out.Systems = append(out.Systems, SystemRow{sys.ID, sys.Name, sys.Description, sys.Models})
		}
		out.Total, out.Returned = total, len(out.Systems)
		return out, err
	})
}

// GetSystemIn names a system.
type GetSystemIn struct {
	SystemID string `json:"system_id"`
	Limit    *int   `json:"limit,omitempty" jsonschema:"models shown, default 20, at most 200"`
	Offset   int    `json:"offset,omitempty"`
}

// SystemSummary adds up the posture of a system's models. Claimed and verified are of the mitigated objectives.
type SystemSummary struct {
	Objectives int                          `json:"control_objectives"`
	Status     posture.StatusCounts         `json:"status"`
	Assurance  posture.AssuranceCounts      `json:"assurance"`
	AtRisk     map[threat.Tier]int          `json:"not_mitigated,omitempty"` // by tier
	Accepted   int                          `json:"accepted"`
	Controls   int                          `json:"controls"`
	ByStatus   map[threat.ControlStatus]int `json:"controls_by_status,omitempty"`
	Frameworks map[string]int               `json:"frameworks,omitempty"` // how many of the models selected each
}

// SystemModelRow is a model of a system with where it stands.
type SystemModelRow struct {
	ID         string                  `json:"id"`
	Title      string                  `json:"title"`
	Version    int                     `json:"version"`
	Objectives int                     `json:"control_objectives"`
	Status     posture.StatusCounts    `json:"status"`
	Assurance  posture.AssuranceCounts `json:"assurance"`
}

// GetSystemOut is a system with the posture of its models.
type GetSystemOut struct {
	SystemID    string           `json:"system_id"`
	Name        string           `json:"name"`
	Description string           `json:"description,omitempty"`
	Total       int              `json:"total" jsonschema:"models"`
	Returned    int              `json:"returned"`
	Offset      int              `json:"offset"`
	Summary     SystemSummary    `json:"summary" jsonschema:"of all its models"`
	Models      []SystemModelRow `json:"threat_models"`
}

// GetSystem reads a system and adds up where its models stand. Errors: [threat.NotFound], [threat.Invalid].
func (s *Service) GetSystem(ctx context.Context, who account.Principal, in GetSystemIn) (GetSystemOut, error) {
	limit, offset, err := page(in.Limit, in.Offset, DefaultLimit)
	if err != nil {
		return GetSystemOut{}, err
	}
	return read(ctx, s, who, account.Read, func(v *store.Snapshot) (GetSystemOut, error) {
		if err := systemID(in.SystemID); err != nil {
			return GetSystemOut{}, err
		}
		return s.system(v, who.WorkspaceID, in.SystemID, limit, offset)
	})
}

func (s *Service) system(v *store.Snapshot, workspace, id string, limit, offset int) (GetSystemOut, error) {
	sys, err := v.System(workspace, id)
	if err != nil {
		return GetSystemOut{}, err
	}
	models, err := v.SystemModels(workspace, id)
	if err != nil {
		return GetSystemOut{}, err
	}
	out := GetSystemOut{SystemID: sys.ID, Name: sys.Name, Description: sys.Description, Total: len(models), Offset: offset, Models: []SystemModelRow{}}
	out.Summary = SystemSummary{AtRisk: map[threat.Tier]int{}, ByStatus: map[threat.ControlStatus]int{}, Frameworks: map[string]int{}}
	var rows []SystemModelRow
	for _, m := range models {
		h, err := s.head(v, workspace, m.ID)
		if err != nil {
			return out, err
		}
		j, err := loadJudgments(v, workspace, h)
		if err != nil {
			return out, err
		}
		selected, err := selectedBy(v, workspace, m.ID)
		if err != nil {
			return out, err
		}
		for _, f := range selected {
			out.Summary.Frameworks[f]++
		}
		p := h.posture(&j, v.Now())
		out.Summary.add(&p.Summary)
		o := p.Summary.Objectives
		rows = append(rows, SystemModelRow{m.ID, m.Title, m.Version, o.Total, o.Status, o.Assurance})
	}
	out.Models = append(out.Models, cut(rows, limit, offset)...)
	out.Returned = len(out.Models)
	return out, nil
}

func (t *SystemSummary) add(p *posture.Summary) {
	o := p.Objectives
	t.Objectives += o.Total
	t.Status.Mitigated += o.Status.Mitigated
	t.Status.AtRisk += o.Status.AtRisk
	t.Status.Unassessed += o.Status.Unassessed
	t.Assurance.Claimed += o.Assurance.Claimed
	t.Assurance.Verified += o.Assurance.Verified
	t.Accepted += o.Accepted.Total
	for _, tier := range o.Tiers {
		if n := tier.AtRisk + tier.Unassessed; n > 0 {
			t.AtRisk[tier.Tier] += n
		}
	}
	t.Controls += p.Controls.Total
	for status, n := range p.Controls.Status {
		t.ByStatus[status] += n
	}
}

// CreateSystemIn is a new system.
type CreateSystemIn struct {
	Name           string   `json:"name"`
	Description    string   `json:"description,omitempty"`
	Models         []string `json:"models,omitempty" jsonschema:"ids; each leaves the system it was in"`
	IdempotencyKey string   `json:"idempotency_key,omitempty"`
}

// CreateSystem makes a named group of models. Errors: [threat.Invalid], [threat.NotFound] for a model, [threat.Conflict] for the name.
func (s *Service) CreateSystem(ctx context.Context, who account.Principal, in CreateSystemIn) (GetSystemOut, error) {
	v := verb{name: "create_system", needs: account.Write, idem: in.IdempotencyKey}
	return write(ctx, s, who, v, in, func(tx *store.Tx, r *record) (GetSystemOut, error) {
		sys, err := checkSystem(store.System{ID: newID(), Name: in.Name, Description: in.Description, CreatedBy: who.UserID})
		if err != nil {
			return GetSystemOut{}, err
		}
		r.object = sys.ID
		if err := tx.AddSystem(who.WorkspaceID, sys); err != nil {
			return GetSystemOut{}, err
		}
		if _, err := joinSystem(tx, who.WorkspaceID, sys.ID, in.Models, "models"); err != nil {
			return GetSystemOut{}, err
		}
		return s.system(tx.View(), who.WorkspaceID, sys.ID, DefaultLimit, 0)
	})
}

// checkSystem cleans what a system is called.
func checkSystem(sys store.System) (store.System, error) {
	var err error
	if sys.Name, err = threat.Line(sys.Name, threat.MaxName); err != nil || sys.Name == "" {
		return sys, threat.Errorf(threat.Invalid, "the name is missing or too long").In("name").Hinted("1 to %d characters", threat.MaxName)
	}
	if sys.Description, err = threat.Text(sys.Description, threat.MaxText); err != nil {
		return sys, fieldError(err, "description")
	}
	return sys, nil
}

// joinSystem puts models into a system and returns those that left another one for it.
func joinSystem(tx *store.Tx, workspace, system string, models []string, field string) (moved []string, err error) {
	for i, id := range models {
		err := modelID(id)
		if err == nil {
			_, err = tx.Model(workspace, id)
		}
		if err != nil {
			return nil, fieldAs(err, "model_id", fieldAt(field, i))
		}
		was, err := tx.SystemOf(workspace, id)
		if err != nil {
			return nil, err
		}
		if was == system {
			continue
		}
		if was != "" {
			moved = append(moved, id)
		}
		if err := tx.JoinSystem(workspace, system, id); err != nil {
			return nil, err
		}
	}
	members, err := tx.SystemModels(workspace, system)
	if err == nil && len(members) > MaxMembers {
		err = threat.Errorf(threat.Invalid, "the system would have %d models", len(members)).In(field).Hinted("at most %d", MaxMembers)
	}
	return moved, err
}

// EditSystemIn changes a system: what is left out stays.
type EditSystemIn struct {
	SystemID    string   `json:"system_id"`
	Name        *string  `json:"name,omitempty"`
	Description *string  `json:"description,omitempty"`
	Add         []string `json:"add_models,omitempty" jsonschema:"ids; each leaves the system it was in"`
	Remove      []string `json:"remove_models,omitempty"`
	Delete      bool     `json:"delete,omitempty" jsonschema:"delete the system; its models stay"`
}

// EditSystemOut is the system afterwards.
type EditSystemOut struct {
	GetSystemOut
	Moved   []string `json:"moved,omitempty" jsonschema:"models that left another system for this one"`
	Deleted bool     `json:"deleted,omitempty"`
}

// EditSystem renames, describes or deletes a system, or moves models. Errors: [threat.NotFound], [threat.Invalid], [threat.Conflict] for a name
// that is taken.
func (s *Service) EditSystem(ctx context.Context, who account.Principal, in EditSystemIn) (EditSystemOut, error) {
	return write(ctx, s, who, verb{name: "edit_system", needs: account.Write}, in, func(tx *store.Tx, r *record) (EditSystemOut, error) {
		var out EditSystemOut
		if err := systemID(in.SystemID); err != nil {
			return out, err
		}
		sys, err := tx.System(who.WorkspaceID, in.SystemID)
		if err != nil {
			return out, err
		}
		r.object = sys.ID
		edits := in.Name != nil || in.Description != nil || len(in.Add)+len(in.Remove) > 0
		switch {
		case !edits && !in.Delete:
			return out, threat.Errorf(threat.Invalid, "nothing to change").Hinted("give name, description, add_models, remove_models or delete")
		case edits && in.Delete:
			return out, threat.Errorf(threat.Invalid, "a system is changed or deleted, not both").In("delete")
		case in.Delete:
			if out.GetSystemOut, err = s.system(tx.View(), who.WorkspaceID, sys.ID, DefaultLimit, 0); err != nil {
				return out, err
			}
			out.Deleted = true
			return out, tx.DeleteSystem(who.WorkspaceID, sys.ID)
		}
		setText(&sys.Name, in.Name)
		setText(&sys.Description, in.Description)
		if sys, err = checkSystem(sys); err != nil {
			return out, err
		}
		if err := tx.SaveSystem(who.WorkspaceID, sys); err != nil {
			return out, err
		}
		for i, id := range in.Remove {
			if slices.Contains(in.Add, id) {
				return out, threat.Errorf(threat.Invalid, "the model is to join and to leave").In(fieldAt("remove_models", i))
			}
			left, err := tx.LeaveSystem(who.WorkspaceID, sys.ID, id)
			if err == nil && !left {
				err = threat.Errorf(threat.NotFound, "no such model is in the system").In(fieldAt("remove_models", i)).Hinted("get_system lists its models")
			}
			if err != nil {
				return out, err
			}
		}
		if out.Moved, err = joinSystem(tx, who.WorkspaceID, sys.ID, in.Add, "add_models"); err != nil {
			return out, err
		}
		r.detail = map[string]any{"added": in.Add, "removed": in.Remove}
		out.GetSystemOut, err = s.system(tx.View(), who.WorkspaceID, sys.ID, DefaultLimit, 0)
		return out, err
	})
}

// AddModelToSystemIn puts a model into a system.
type AddModelToSystemIn struct {
	SystemID string `json:"system_id"`
	ModelID  string `json:"model_id"`
}

// AddModelToSystemOut says what became of it.
type AddModelToSystemOut struct {
	SystemID string `json:"system_id"`
	ModelID  string `json:"model_id"`
	Version  int    `json:"version"`
	Moved    bool   `json:"moved,omitempty" jsonschema:"it left another system: a model is in at most one"`
	Models   int    `json:"models" jsonschema:"in the system"`
	Hint     string `json:"hint,omitempty"`
}

// AddModelToSystem puts a model into a system, out of the one it was in. Errors: [threat.NotFound].
func (s *Service) AddModelToSystem(ctx context.Context, who account.Principal, in AddModelToSystemIn) (AddModelToSystemOut, error) {
	v := verb{name: "add_model_to_system", needs: account.Write, model: in.ModelID}
	return write(ctx, s, who, v, in, func(tx *store.Tx, r *record) (AddModelToSystemOut, error) {
		out := AddModelToSystemOut{SystemID: in.SystemID, ModelID: in.ModelID}
		if err := modelID(in.ModelID); err != nil {
			return out, err
		}
		m, err := tx.Model(who.WorkspaceID, in.ModelID)
		if err != nil {
			return out, err
		}
		if err := systemID(in.SystemID); err != nil {
			return out, err
		}
		if _, err := tx.System(who.WorkspaceID, in.SystemID); err != nil {
			return out, err
		}
		out.Version, r.version, r.object = m.Version, m.Version, in.SystemID
		moved, err := joinSystem(tx, who.WorkspaceID, in.SystemID, []string{m.ID}, "models")
		if err != nil {
			return out, err
		}
		out.Moved = len(moved) > 0
		sys, err := tx.System(who.WorkspaceID, in.SystemID)
		out.Models = sys.Models
		if out.Moved {
			out.Hint = fmt.Sprintf("a model is in at most one system: it left the other one for this, which has %d now", sys.Models)
		}
		return out, err
	})
}
