package service

import (
	"context"
	"slices"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// RemoveFrameworkIn names a framework to remove.
type RemoveFrameworkIn struct {
	FrameworkID string `json:"framework_id"`
	Force       bool   `json:"force,omitempty" jsonschema:"also where models use it: what they select, map, exclude and propose of it goes too"`
}

// RemoveFrameworkOut is what was removed.
type RemoveFrameworkOut struct {
	FrameworkID string `json:"framework_id"`
	Builtin     bool   `json:"builtin,omitempty" jsonschema:"only the official texts are gone: the summaries stand in their place"`
	Models      int    `json:"models" jsonschema:"that used it, hidden ones too"`
}

// RemoveFramework removes an imported framework and what models say of it. Of one that comes with the program the imported texts go, and
// models keep everything. Errors: [threat.NotFound], [threat.FailedPrecondition] for one that models use without force, or that was not imported.
func (s *Service) RemoveFramework(ctx context.Context, who account.Principal, in RemoveFrameworkIn) (RemoveFrameworkOut, error) {
	v := verb{name: "remove_framework", needs: account.Write}
	if err := s.needCompliance(ctx, who, v); err != nil {
		return RemoveFrameworkOut{}, err
	}
	return write(ctx, s, who, v, in, func(tx *store.Tx, r *record) (RemoveFrameworkOut, error) {
		out := RemoveFrameworkOut{FrameworkID: in.FrameworkID}
		imported, err := tx.Frameworks(who.WorkspaceID)
		if err != nil {
			return out, err
		}
		if !slices.ContainsFunc(imported, func(f store.Framework) bool { return f.ID == in.FrameworkID }) {
			if _, err := s.catalogue(tx.View(), who.WorkspaceID, in.FrameworkID); err != nil {
				return out, err
			}
			return out, threat.Errorf(threat.FailedPrecondition, "%s comes with the program", in.FrameworkID).In("framework_id").Hinted("a model that is not to be measured against it leaves it out of select_frameworks")
		}
		r.object = in.FrameworkID
		if err := tx.RemoveFramework(who.WorkspaceID, in.FrameworkID); err != nil {
			return out, err
		}
		builtin, err := s.builtins()
		if err != nil {
			return out, err
		}
		if out.Builtin = slices.ContainsFunc(builtin, func(c *catalogue) bool { return c.ID == in.FrameworkID }); out.Builtin {
			r.detail = map[string]any{"official_texts": true}
			return out, nil
		}
		models, err := tx.ModelsUsing(who.WorkspaceID, in.FrameworkID)
		if err != nil {
			return out, err
		}
		if out.Models = len(models); len(models) > 0 && !in.Force {
			return out, threat.Errorf(threat.FailedPrecondition, "it is in use by %s", countWords(len(models), "model", "models")).In("framework_id").
				Hinted("select_frameworks takes it off a model; force removes it with what is selected, mapped, excluded and proposed")
		}
		if err := tx.ForgetFramework(who.WorkspaceID, in.FrameworkID); err != nil {
			return out, err
		}
		for _, m := range models {
			if err := tx.TouchModel(who.WorkspaceID, m); err != nil {
				return out, err
			}
		}
		r.detail = map[string]any{"models": models}
		return out, nil
	})
}
