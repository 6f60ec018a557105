package service

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/auth"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// CreateKeyIn asks for a key of a workspace of the caller's.
type CreateKeyIn struct {
	WorkspaceID   string        `json:"workspace_id,omitempty" jsonschema:"one that the caller is a member of; default: the calling key's"`
	Name          string        `json:"name" jsonschema:"what it is for"`
	Scope         account.Scope `json:"scope" jsonschema:"developer, verifier or admin"`
	Decide        bool          `json:"decide,omitempty" jsonschema:"developer keys only: may make the judgments that stay with people"`
	UserID        string        `json:"user_id,omitempty" jsonschema:"a member of that workspace; default: the caller"`
	ExpiresInDays int           `json:"expires_in_days,omitempty" jsonschema:"default: never"`
}

// CreateKeyOut carries the secret, this once.
type CreateKeyOut struct {
	APIKey string      `json:"api_key" jsonschema:"shown only now"`
	Key    account.Key `json:"key"`
}

// MaxKeyDays bounds a key's life when it is given one.
const MaxKeyDays = 3650

// CreateKey makes a key of the caller's workspace, or of another that the caller is a member of. Developer keys without decide are made by
// anyone for themselves; all others by an owner of that workspace with an admin key. Errors: [threat.Invalid], [threat.Forbidden],
// [threat.NotFound] (the workspace, the user), [threat.FailedPrecondition] for an admin key of somebody who is no owner.
func (s *Service) CreateKey(ctx context.Context, who account.Principal, in CreateKeyIn) (CreateKeyOut, error) {
	p := place{verb: verb{name: "create_key", needs: account.OwnKeys}, workspace: in.WorkspaceID}
	if in.Scope != account.Developer || in.Decide || in.UserID != "" && in.UserID != who.UserID {
		p.needs, p.owner = account.Manage, true
	}
	return within(ctx, s, who, p, in, func(tx *store.Tx, w account.Workspace, r *record) (CreateKeyOut, error) {
		user := cmp.Or(in.UserID, who.UserID)
		r.detail = map[string]any{"scope": in.Scope, "decide": in.Decide, "user_id": user}
		out, err := memberKey(tx, w.ID, user, in)
		r.object = out.Key.ID
		return out, err
	})
}

// memberKey makes a key for a member of a workspace. Admin keys are for owners: members have no hand in membership and settings.
func memberKey(tx *store.Tx, workspace, user string, in CreateKeyIn) (CreateKeyOut, error) {
	role, err := tx.Role(workspace, user)
	if threat.CodeOf(err) == threat.NotFound {
		return CreateKeyOut{}, account.NoMember()
	}
	if err != nil {
		return CreateKeyOut{}, err
	}
	if in.Scope == account.Admin && role != account.Owner {
		return CreateKeyOut{}, threat.Errorf(threat.FailedPrecondition, "admin keys are for owners of the workspace").In("scope").
			Hinted("make the member an owner first; a developer key with decide may judge")
	}
	return addKey(tx, workspace, user, in)
}

// addKey makes and stores a key.
func addKey(tx *store.Tx, workspace, user string, in CreateKeyIn) (CreateKeyOut, error) {
	name, err := threat.Line(in.Name, threat.MaxName)
	if err != nil {
		return CreateKeyOut{}, fieldError(err, "name")
	}
	if name == "" {
		return CreateKeyOut{}, threat.Errorf(threat.Invalid, "name is missing").In("name").Hinted("say what the key is for")
	}
	if in.Decide && in.Scope != account.Developer {
		return CreateKeyOut{}, threat.Errorf(threat.Invalid, "decide is granted to developer keys only").In("decide").
			Hinted("admin keys may decide anyway, verifier keys never")
	}
	if in.ExpiresInDays < 0 || in.ExpiresInDays > MaxKeyDays {
		return CreateKeyOut{}, threat.Errorf(threat.Invalid, "expires_in_days is %d", in.ExpiresInDays).In("expires_in_days").
			Hinted("1 to %d, or 0 for never", MaxKeyDays)
	}
	secret, err := auth.NewKey(in.Scope)
	if err != nil {
		return CreateKeyOut{}, err
	}
	k := account.Key{
		ID: newID(), WorkspaceID: workspace, UserID: user, Name: name, Scope: in.Scope, Decide: in.Decide,
		Shown: auth.Shown(secret), CreatedAt: tx.Now(),
	}
	if in.ExpiresInDays > 0 {
		end := tx.Now().Add(time.Duration(in.ExpiresInDays) * 24 * time.Hour)
		k.ExpiresAt = &end
	}
	return CreateKeyOut{secret, k}, tx.AddKey(k, auth.HashKey(secret))
}

// ListKeysIn pages the keys.
type ListKeysIn struct {
	WorkspaceID string `json:"workspace_id,omitempty" jsonschema:"one that the caller is a member of; default: the calling key's"`
	Limit       *int   `json:"limit,omitempty" jsonschema:"default 20, at most 200"`
	Offset      int    `json:"offset,omitempty"`
}

// ListKeysOut is a page of keys, without their secrets.
type ListKeysOut struct {
	Total    int           `json:"total"`
	Returned int           `json:"returned"`
	Offset   int           `json:"offset"`
	Keys     []account.Key `json:"keys"`
}

// ListKeys lists the caller's own keys in a workspace; owners with an admin key see everybody's. Errors: [threat.Forbidden],
// [threat.NotFound], [threat.Invalid].
func (s *Service) ListKeys(ctx context.Context, who account.Principal, in ListKeysIn) (ListKeysOut, error) {
	limit, offset, err := page(in.Limit, in.Offset, DefaultLimit)
	if err != nil {
		return ListKeysOut{}, err
	}
	return read(ctx, s, who, account.OwnKeys, func(v *store.Snapshot) (ListKeysOut, error) {
		w, err := v.Seat(cmp.Or(in.WorkspaceID, who.WorkspaceID), who.UserID)
		if err != nil {
			return ListKeysOut{}, err
		}
		user := who.UserID
		if manages(who, w) {
			user = ""
		}
		keys, err := v.Keys(w.ID, user)
		if err != nil {
			return ListKeysOut{}, err
		}
		out := ListKeysOut{Total: len(keys), Offset: offset, Keys: slices.Clone(cut(keys, limit, offset))}
		out.Returned = len(out.Keys)
		if out.Keys == nil {
			out.Keys = []account.Key{}
		}
		return out, nil
	})
}

// RevokeKeyIn names the key to revoke.
type RevokeKeyIn struct {
	WorkspaceID string `json:"workspace_id,omitempty" jsonschema:"the key's; default: the calling key's"`
	KeyID       string `json:"key_id"`
}

// RevokeKeyOut is the revoked key.
type RevokeKeyOut struct {
	Key account.Key `json:"key"`
}

// RevokeKey revokes one of the caller's own keys; owners with an admin key, anybody's in the workspace. It is refused on the next
// request. Errors: [threat.NotFound].
func (s *Service) RevokeKey(ctx context.Context, who account.Principal, in RevokeKeyIn) (RevokeKeyOut, error) {
	p := place{verb: verb{name: "revoke_key", needs: account.OwnKeys}, workspace: in.WorkspaceID}
	return within(ctx, s, who, p, in, func(tx *store.Tx, w account.Workspace, r *record) (RevokeKeyOut, error) {
		k, err := tx.Key(w.ID, in.KeyID)
		if err == nil && k.UserID != who.UserID && !manages(who, w) {
			err = store.NoKey()
		}
		if err != nil {
			return RevokeKeyOut{}, fieldError(err, "key_id")
		}
		if err := tx.RevokeKey(w.ID, k.ID); err != nil {
			return RevokeKeyOut{}, err
		}
		r.object = k.ID
		k, err = tx.Key(w.ID, k.ID)
		return RevokeKeyOut{k}, err
	})
}
