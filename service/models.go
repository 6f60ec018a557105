package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// deletedModelLife is how long a deleted model can be restored (specification §3).
const deletedModelLife = 30 * 24 * time.Hour

// ListThreatModelsIn narrows and pages the list.
type ListThreatModelsIn struct {
	Title   string `json:"title,omitempty" jsonschema:"part of it"`
	Deleted bool   `json:"deleted,omitempty" jsonschema:"deleted ones that can be restored"`
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
	ModelID            string       `json:"model_id"`
	Title              *string      `json:"title,omitempty" jsonschema:"makes no version"`
	FeatureDescription *string      `json:"feature_description,omitempty" jsonschema:"makes a version; assets and attackers stay as they are"`
	Repos              []store.Repo `json:"repos,omitempty" jsonschema:"repositories whose code is evidence, each with the branch whose runs count; replaces the list"`
	ExpectedVersion    int          `json:"expected_version,omitempty" jsonschema:"refused at any other version"`
}

// EditThreatModelOut is the model after the edit.
type EditThreatModelOut struct {
	ModelID string       `json:"model_id"`
	Version int          `json:"version"`
	Title   string       `json:"title"`
	Repos   []store.Repo `json:"repos,omitempty"`
}

// MaxRepos bounds the repositories of a model.
const MaxRepos = 50

// checkRepos completes and checks a list of repositories.
func checkRepos(repos []store.Repo) ([]store.Repo, error) {
	if len(repos) > MaxRepos {
		return nil, threat.Errorf(threat.Invalid, "%d repositories, at most %d fit", len(repos), MaxRepos).In("repos")
	}
	out := make([]store.Repo, len(repos))
	for i, r := range repos {
		field := fmt.Sprintf("repos.%d", i)
		if err := evidence.CheckRepo(r.Repo); err != nil {
			return nil, fieldError(err, field)
		}
		branch, err := threat.Line(r.Branch, threat.MaxName)
		if err != nil || strings.ContainsAny(branch, " ~^:?*[\\") {
			return nil, threat.Errorf(threat.Invalid, "the branch is not a branch name").In(field + ".branch").Hinted(`such as "main"`)
		}
		if branch == "" {
			branch = DefaultBranch
		}
		if slices.ContainsFunc(out[:i], func(x store.Repo) bool { return x.Repo == r.Repo }) {
			return nil, threat.Errorf(threat.Invalid, "the repository is listed twice").In(field)
		}
		out[i] = store.Repo{Repo: r.Repo, Branch: branch}
	}
	return out, nil
}

// EditThreatModel renames a model, names its repositories, or replaces its feature description. Errors: [threat.NotFound], [threat.Invalid],
// [threat.Conflict].
func (s *Service) EditThreatModel(ctx context.Context, who account.Principal, in EditThreatModelIn) (EditThreatModelOut, error) {
	v := verb{name: "edit_threat_model", needs: account.Write, model: in.ModelID}
	var committed *changeset
	out, err := write(ctx, s, who, v, in, func(tx *store.Tx, r *record) (EditThreatModelOut, error) {
		c, err := s.begin(tx, who.WorkspaceID, Target{ModelID: in.ModelID, ExpectedVersion: in.ExpectedVersion})
		if err != nil {
			return EditThreatModelOut{}, err
		}
		out := EditThreatModelOut{ModelID: c.model.ID, Version: c.model.Version, Title: c.model.Title, Repos: c.model.Repos}
		if in.Title == nil && in.FeatureDescription == nil && in.Repos == nil {
			return out, threat.Errorf(threat.Invalid, "nothing to change").Hinted("give title, repos or feature_description")
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
		if in.Repos != nil {
			if out.Repos, err = checkRepos(in.Repos); err != nil {
				return out, err
			}
			if err := tx.SetRepos(who.WorkspaceID, c.model.ID, out.Repos); err != nil {
				return out, err
			}
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
		return EditThreatModelOut{m.ID, m.Version, m.Title, m.Repos}, tx.UnhideModel(who.WorkspaceID, m.ID)
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
