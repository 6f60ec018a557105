package service

import (
	"context"
	"fmt"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// Where a mapping came from.
const (
	sourceManual      = "manual"
	sourceAuto        = "auto" // the builtin matcher
	sourceLLM         = "llm"
	sourceRemediation = "remediation"
	sourceImport      = "import"   // it came with an imported model, wherever it had it from
	sourceRejected    = "rejected" // a person took away what an engine had mapped
)

// certain is the confidence of what a person says, in thousandths.
const certain = 1000

// fieldAt names an element of a list.
func fieldAt(list string, i int) string { return fmt.Sprintf("%s.%d", list, i) }

// MapControlIn maps a control to requirements, or takes mappings away.
type MapControlIn struct {
	ModelID      string    `json:"model_id"`
	Control      threat.ID `json:"control_id"`
	FrameworkID  string    `json:"framework_id,omitempty" jsonschema:"default: the only one selected"`
	Requirements []string  `json:"requirements" jsonschema:"ids"`
	Reason       string    `json:"reason,omitempty" jsonschema:"why it serves them"`
	Unmap        bool      `json:"unmap,omitempty" jsonschema:"take the mappings away; auto_map_controls does not make them again"`
}

// MapControlOut is what a control is mapped to afterwards.
type MapControlOut struct {
	ModelID      string    `json:"model_id"`
	Version      int       `json:"version"`
	FrameworkID  string    `json:"framework_id"`
	Control      threat.ID `json:"control_id"`
	Requirements []string  `json:"requirements" jsonschema:"all it is mapped to in this framework"`
}

// maxMapped bounds the requirements of one call.
const maxMapped = 200

// MapControl maps a control by hand, all or nothing. What is taken away stays away from engines. Errors: [threat.NotFound],
// [threat.Invalid], [threat.FailedPrecondition] for a framework that is not selected.
func (s *Service) MapControl(ctx context.Context, who account.Principal, in MapControlIn) (MapControlOut, error) {
	v := verb{name: "map_control", needs: account.Write, model: in.ModelID}
	if err := s.needCompliance(ctx, who, v); err != nil {
		return MapControlOut{}, err
	}
	return write(ctx, s, who, v, in, func(tx *store.Tx, r *record) (MapControlOut, error) {
		out := MapControlOut{ModelID: in.ModelID, Control: in.Control, Requirements: []string{}}
		h, c, err := s.selectedCatalogue(tx.View(), who.WorkspaceID, in.ModelID, in.FrameworkID)
		if err != nil {
			return out, err
		}
		out.Version, out.FrameworkID = h.model.Version, c.ID
		r.version, r.object = h.model.Version, string(in.Control)
		r.detail = map[string]any{"framework_id": c.ID, "requirements": in.Requirements, "unmap": in.Unmap}
		if _, err := h.control(in.Control); err != nil {
			return out, fieldError(err, "control_id")
		}
		reason, err := threat.Text(in.Reason, threat.MaxText)
		if err != nil {
			return out, fieldError(err, "reason")
		}
		if len(in.Requirements) == 0 || len(in.Requirements) > maxMapped {
			return out, threat.Errorf(threat.Invalid, "%d requirements", len(in.Requirements)).In("requirements").Hinted("1 to %d ids", maxMapped)
		}
		have, err := mappedTo(tx.View(), who.WorkspaceID, in.ModelID, c.ID, in.Control)
		if err != nil {
			return out, err
		}
		for i, id := range in.Requirements {
			m := store.Mapping{Control: in.Control, Framework: c.ID, Requirement: id, Source: sourceManual, Confidence: certain, Reason: reason}
			old, mapped := have[id]
			mapped = mapped && old.Source != sourceRejected
			_, gone := c.requirement(id)
			switch {
			case !in.Unmap:
				if gone != nil {
					return out, fieldError(gone, fieldAt("requirements", i))
				}
				err = tx.SaveMappings(who.WorkspaceID, in.ModelID, who.UserID, []store.Mapping{m})
			case !mapped:
				return out, threat.Errorf(threat.NotFound, "%s is not mapped to it", in.Control).In(fieldAt("requirements", i)).Hinted("get_compliance_report shows what is mapped")
			case gone != nil: // retired: what nothing is mapped to may go
				_, err = tx.RemoveMapping(who.WorkspaceID, in.ModelID, m)
			default: // kept as taken away, whoever made it: the matcher would find it again
				m.Source, m.Confidence = sourceRejected, 0
				err = tx.SaveMappings(who.WorkspaceID, in.ModelID, who.UserID, []store.Mapping{m})
			}
			if err != nil {
				return out, err
			}
			have[id] = m
		}
		all, err := tx.Mappings(who.WorkspaceID, in.ModelID, c.ID)
		if err != nil {
			return out, err
		}
		for _, m := range all {
			if m.Control == in.Control && m.Source != sourceRejected {
				out.Requirements = append(out.Requirements, m.Requirement)
			}
		}
		return out, tx.TouchModel(who.WorkspaceID, in.ModelID)
	})
}

// mappedTo returns what is stored between a control and the requirements of a framework, by requirement.
func mappedTo(v *store.Snapshot, workspace, model, framework string, control threat.ID) (map[string]store.Mapping, error) {
	all, err := v.Mappings(workspace, model, framework)
	out := map[string]store.Mapping{}
	for _, m := range all {
		if m.Control == control {
			out[m.Requirement] = m
		}
	}
	return out, err
}

// selectedCatalogue returns a model and the framework that is asked for, or its only selected one. Errors: [threat.NotFound],
// [threat.Invalid], [threat.FailedPrecondition] where it is not selected.
func (s *Service) selectedCatalogue(v *store.Snapshot, workspace, model, framework string) (*head, *catalogue, error) {
	h, err := s.head(v, workspace, model)
	if err != nil {
		return nil, nil, err
	}
	c, _, err := s.chosen(v, workspace, framework, []*head{h})
	return h, c, err
}

// ExcludeRequirementIn rules requirements out for a model, or takes that back.
type ExcludeRequirementIn struct {
	ModelID      string   `json:"model_id"`
	FrameworkID  string   `json:"framework_id,omitempty" jsonschema:"default: the only one selected"`
	Requirements []string `json:"requirements" jsonschema:"ids"`
	Reason       string   `json:"reason" jsonschema:"why they do not apply to this feature, or why they do after all"`
	Withdraw     bool     `json:"withdraw,omitempty" jsonschema:"end the exclusions instead"`
}

// ExcludeRequirementOut is the decision.
type ExcludeRequirementOut struct {
	ModelID      string   `json:"model_id"`
	Version      int      `json:"version"`
	FrameworkID  string   `json:"framework_id"`
	Requirements []string `json:"requirements"`
	Excluded     bool     `json:"excluded"`
	DecidedBy    string   `json:"decided_by"`
}

// ExcludeRequirement rules requirements out with a reason, all or nothing. Errors: [threat.Forbidden] without decide, [threat.NotFound],
// [threat.Invalid], [threat.FailedPrecondition].
func (s *Service) ExcludeRequirement(ctx context.Context, who account.Principal, in ExcludeRequirementIn) (ExcludeRequirementOut, error) {
	v := verb{name: "exclude_requirement", needs: account.Decide, model: in.ModelID}
	if err := s.needCompliance(ctx, who, v); err != nil {
		return ExcludeRequirementOut{}, err
	}
	return write(ctx, s, who, v, in, func(tx *store.Tx, r *record) (ExcludeRequirementOut, error) {
		out := ExcludeRequirementOut{ModelID: in.ModelID, Requirements: in.Requirements, Excluded: !in.Withdraw, DecidedBy: who.UserName}
		h, c, err := s.selectedCatalogue(tx.View(), who.WorkspaceID, in.ModelID, in.FrameworkID)
		if err != nil {
			return out, err
		}
		out.Version, out.FrameworkID = h.model.Version, c.ID
		reason, err := decisionReason(in.Reason, "say why the requirement does not apply to this feature")
		if err != nil {
			return out, err
		}
		if len(in.Requirements) == 0 || len(in.Requirements) > maxMapped {
			return out, threat.Errorf(threat.Invalid, "%d requirements", len(in.Requirements)).In("requirements").Hinted("1 to %d ids", maxMapped)
		}
		r.version, r.object = h.model.Version, threat.Clip(joinWords(in.Requirements), 200)
		r.detail = map[string]any{"framework_id": c.ID, "reason": reason, "withdraw": in.Withdraw}
		for i, id := range in.Requirements {
			field := fieldAt("requirements", i)
			if in.Withdraw {
				ended, err := tx.Include(who.WorkspaceID, in.ModelID, c.ID, id)
				if err != nil {
					return out, err
				}
				if !ended {
					return out, threat.Errorf(threat.FailedPrecondition, "%q is not excluded", threat.Clip(id, 40)).In(field).Hinted("get_compliance_report(status: excluded) shows what is")
				}
				continue
			}
			if _, err := c.requirement(id); err != nil {
				return out, fieldError(err, field)
			}
			if err := tx.Exclude(who.WorkspaceID, in.ModelID, who.UserID, store.Exclusion{Framework: c.ID, Requirement: id, Reason: reason}); err != nil {
				return out, err
			}
		}
		return out, tx.TouchModel(who.WorkspaceID, in.ModelID)
	})
}

// decisionReason cleans the reason of a decision. Errors: [threat.Invalid] when there is none.
func decisionReason(text, hint string) (string, error) {
	reason, err := threat.Text(text, threat.MaxText)
	if err == nil && reason == "" {
		err = threat.Errorf(threat.Invalid, "the reason is missing").Hinted("%s", hint)
	}
	if err != nil {
		return "", fieldError(err, "reason")
	}
	return reason, nil
}
