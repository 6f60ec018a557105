package service

import (
	"context"
	"errors"
	"time"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// deletedModelLife is how long a deleted model can be restored (specification §3).
const deletedModelLife = 30 * 24 * time.Hour

// ListThreatModelsIn narrows and pages the list.
type ListThreatModelsIn struct {
	Title   string `json:"title,omitempty" jsonschema:"part of the title"`
	Deleted bool   `json:"deleted,omitempty" jsonschema:"list the deleted models that can still be restored"`
	Limit   *int   `json:"limit,omitempty" jsonschema:"default 20, at most 200"`
	Offset  int    `json:"offset,omitempty"`
}

// ModelRow is a model in a list. A verifier key sees the id and the title.
type ModelRow struct {
	ID        string     `json:"id"`
	Title     string     `json:"title"`
	Version   int        `json:"version,omitempty"`
	UpdatedAt *time.Time `json:"updated_at,omitempty"`
	DeletedAt *time.Time `json:"deleted_at,omitempty"`
}

// ListThreatModelsOut is a page of models, the most recently changed first.
type ListThreatModelsOut struct {
	Total    int        `json:"total"`
	Returned int        `json:"returned"`
	Offset   int        `json:"offset"`
	Models   []ModelRow `json:"threat_models"`
}

// ListThreatModels lists the workspace's models. Errors: [threat.Invalid].
func (s *Service) ListThreatModels(ctx context.Context, who account.Principal, in ListThreatModelsIn) (ListThreatModelsOut, error) {
	limit, offset, err := page(in.Limit, in.Offset, DefaultLimit)
	if err != nil {
		return ListThreatModelsOut{}, err
	}
	return read(ctx, s, who, account.List, func(v *store.Snapshot) (ListThreatModelsOut, error) {
		models, total, err := v.Models(who.WorkspaceID, store.ModelFilter{Title: in.Title, Deleted: in.Deleted}, limit, offset)
		if err != nil {
			return ListThreatModelsOut{}, err
		}
		out := ListThreatModelsOut{Total: total, Returned: len(models), Offset: offset, Models: make([]ModelRow, len(models))}
		for i, m := range models {
			out.Models[i] = ModelRow{ID: m.ID, Title: m.Title}
			if who.May(account.Read) {
				out.Models[i].Version, out.Models[i].UpdatedAt, out.Models[i].DeletedAt = m.Version, &m.UpdatedAt, m.DeletedAt
			}
		}
		return out, nil
	})
}

func joinStrings[T ~string](values []T) string { return joinWords(words(values)) }

func words[T ~string](values []T) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = string(v)
	}
	return out
}

// fieldError names the field of a domain error.
func fieldError(err error, field string) error {
	var te *threat.Error
	if errors.As(err, &te) {
		return te.In(field)
	}
	return err
}

// EditThreatModelIn changes what is not versioned.
type EditThreatModelIn struct {
	ModelID            string  `json:"model_id"`
	Title              *string `json:"title,omitempty" jsonschema:"makes no version"`
	FeatureDescription *string `json:"feature_description,omitempty" jsonschema:"makes a version; assets and attackers stay as they are"`
	ExpectedVersion    int     `json:"expected_version,omitempty" jsonschema:"refuse when the model is no longer at this version"`
}

// EditThreatModelOut is the model after the edit.
type EditThreatModelOut struct {
	ModelID string `json:"model_id"`
	Version int    `json:"version"`
	Title   string `json:"title"`
}

// EditThreatModel renames a model or replaces its feature description. Errors: [threat.NotFound], [threat.Invalid],
// [threat.Conflict].
func (s *Service) EditThreatModel(ctx context.Context, who account.Principal, in EditThreatModelIn) (EditThreatModelOut, error) {
	v := verb{name: "edit_threat_model", needs: account.Write, model: in.ModelID}
	var committed *changeset
	out, err := write(ctx, s, who, v, in, func(tx *store.Tx, r *record) (EditThreatModelOut, error) {
		c, err := s.begin(tx, who.WorkspaceID, Target{ModelID: in.ModelID, ExpectedVersion: in.ExpectedVersion})
		if err != nil {
			return EditThreatModelOut{}, err
		}
		out := EditThreatModelOut{ModelID: c.model.ID, Version: c.model.Version, Title: c.model.Title}
		if in.Title == nil && in.FeatureDescription == nil {
			return out, threat.Errorf(threat.Invalid, "nothing to change").Hinted("give title or feature_description")
		}
		if in.FeatureDescription != nil {
			if err := c.structure.SetFeature(*in.FeatureDescription); err != nil {
				return out, err
			}
			c.summary = "changed the feature description"
			committed = c
			done, err := c.commit(who)
			if err != nil {
				return out, err
			}
			out.Version = done.Version
		}
		if in.Title != nil {
			title, err := threat.Line(*in.Title, threat.MaxName)
			if err != nil {
				return out, fieldError(err, "title")
			}
			if title == "" {
				return out, threat.Errorf(threat.Invalid, "title is empty").In("title")
			}
			if err := tx.RenameModel(who.WorkspaceID, c.model.ID, title); err != nil {
				return out, err
			}
			out.Title = title
		}
		r.version = out.Version
		return out, nil
	})
	s.keep(committed, err)
	return out, err
}

// DeleteThreatModelIn names the model to delete or restore.
type DeleteThreatModelIn struct {
	ModelID string `json:"model_id"`
}

// DeleteThreatModelOut says until when a deleted model can be restored.
type DeleteThreatModelOut struct {
	ModelID         string    `json:"model_id"`
	Title           string    `json:"title"`
	RestorableUntil time.Time `json:"restorable_until"`
}

// DeleteThreatModel hides a model for 30 days; then it is gone. Errors: [threat.NotFound].
func (s *Service) DeleteThreatModel(ctx context.Context, who account.Principal, in DeleteThreatModelIn) (DeleteThreatModelOut, error) {
	v := verb{name: "delete_threat_model", needs: account.Write, model: in.ModelID}
	return write(ctx, s, who, v, in, func(tx *store.Tx, r *record) (DeleteThreatModelOut, error) {
		if err := modelID(in.ModelID); err != nil {
			return DeleteThreatModelOut{}, err
		}
		m, err := tx.Model(who.WorkspaceID, in.ModelID)
		if err != nil {
			return DeleteThreatModelOut{}, err
		}
		r.version = m.Version
		return DeleteThreatModelOut{m.ID, m.Title, tx.Now().Add(deletedModelLife)}, tx.HideModel(who.WorkspaceID, m.ID)
	})
}

// RestoreThreatModel brings a deleted model back as it was. Errors: [threat.NotFound].
func (s *Service) RestoreThreatModel(ctx context.Context, who account.Principal, in DeleteThreatModelIn) (EditThreatModelOut, error) {
	v := verb{name: "restore_threat_model", needs: account.Write, model: in.ModelID}
	return write(ctx, s, who, v, in, func(tx *store.Tx, r *record) (EditThreatModelOut, error) {
		if err := modelID(in.ModelID); err != nil {
			return EditThreatModelOut{}, err
		}
		m, err := tx.DeletedModel(who.WorkspaceID, in.ModelID)
		if err != nil {
			return EditThreatModelOut{}, fieldHint(err, "list_threat_models(deleted: true) names the models that can be restored")
		}
		r.version = m.Version
		return EditThreatModelOut{m.ID, m.Version, m.Title}, tx.UnhideModel(who.WorkspaceID, m.ID)
	})
}

// fieldHint replaces the hint of a domain error.
func fieldHint(err error, hint string) error {
	var te *threat.Error
	if errors.As(err, &te) {
		return te.Hinted("%s", hint)
	}
	return err
}
