package service

import (
	"context"
	"slices"
	"time"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/auth"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// CreateKeyIn asks for a key of the caller's workspace.
type CreateKeyIn struct {
	Name          string        `json:"name" jsonschema:"what it is for"`
	Scope         account.Scope `json:"scope" jsonschema:"developer, verifier or admin"`
	Decide        bool          `json:"decide,omitempty" jsonschema:"developer keys only: may make the judgments that stay with people"`
	UserID        string        `json:"user_id,omitempty" jsonschema:"a member of the workspace; default: the caller"`
	ExpiresInDays int           `json:"expires_in_days,omitempty" jsonschema:"default: never"`
}

// CreateKeyOut carries the secret, this once.
type CreateKeyOut struct {
	APIKey string      `json:"api_key" jsonschema:"shown only now"`
	Key    account.Key `json:"key"`
}

// MaxKeyDays bounds a key's life when it is given one.
const MaxKeyDays = 3650

// CreateKey makes a key. Developer keys without decide are made by anyone for themselves; all others by an owner of the
// workspace with an admin key. Errors: [threat.Invalid], [threat.Forbidden], [threat.NotFound] (the user).
func (s *Service) CreateKey(ctx context.Context, who account.Principal, in CreateKeyIn) (CreateKeyOut, error) {
	need := account.OwnKeys
	if in.Scope != account.Developer || in.Decide || in.UserID != "" && in.UserID != who.UserID {
		need = account.Manage
	}
	return write(ctx, s, who, verb{name: "create_key", needs: need}, in, func(tx *store.Tx, r *record) (CreateKeyOut, error) {
		user := in.UserID
		if user == "" {
			user = who.UserID
		}
		if _, err := tx.Role(who.WorkspaceID, user); err != nil {
			return CreateKeyOut{}, threat.Errorf(threat.NotFound, "there is no such member of this workspace").In("user_id")
		}
		if need == account.Manage {
			if err := owns(tx, who); err != nil {
				return CreateKeyOut{}, err
			}
		}
		out, err := addKey(tx, who.WorkspaceID, user, in)
		r.object = out.Key.ID
		r.detail = map[string]any{"scope": in.Scope, "decide": in.Decide, "user_id": user}
		return out, err
	})
}

// owns refuses a caller who is not an owner of the workspace.
func owns(tx *store.Tx, who account.Principal) error {
	role, err := tx.Role(who.WorkspaceID, who.UserID)
	if err != nil {
		return err
	}
	if role != account.Owner {
		return threat.Errorf(threat.Forbidden, "only an owner of the workspace may do this").Hinted("ask an owner")
	}
	return nil
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
	Limit  *int `json:"limit,omitempty" jsonschema:"default 20, at most 200"`
	Offset int  `json:"offset,omitempty"`
}

// ListKeysOut is a page of keys, without their secrets.
type ListKeysOut struct {
	Total    int           `json:"total"`
	Returned int           `json:"returned"`
	Offset   int           `json:"offset"`
	Keys     []account.Key `json:"keys"`
}

// ListKeys lists the caller's own keys in the workspace, with an admin key everybody's. Errors: [threat.Forbidden].
func (s *Service) ListKeys(ctx context.Context, who account.Principal, in ListKeysIn) (ListKeysOut, error) {
	limit, offset, err := page(in.Limit, in.Offset, DefaultLimit)
	if err != nil {
		return ListKeysOut{}, err
	}
	return read(ctx, s, who, account.OwnKeys, func(v *store.Snapshot) (ListKeysOut, error) {
		user := who.UserID
		if who.May(account.Manage) {
			user = ""
		}
		keys, err := v.Keys(who.WorkspaceID, user)
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
	KeyID string `json:"key_id"`
}

// RevokeKeyOut is the revoked key.
type RevokeKeyOut struct {
	Key account.Key `json:"key"`
}

// RevokeKey revokes one of the caller's own keys, with an admin key anybody's in the workspace. It is refused on the next
// request. Errors: [threat.NotFound].
func (s *Service) RevokeKey(ctx context.Context, who account.Principal, in RevokeKeyIn) (RevokeKeyOut, error) {
	return write(ctx, s, who, verb{name: "revoke_key", needs: account.OwnKeys}, in, func(tx *store.Tx, r *record) (RevokeKeyOut, error) {
		k, err := tx.Key(who.WorkspaceID, in.KeyID)
		if err == nil && k.UserID != who.UserID && !who.May(account.Manage) {
			err = threat.Errorf(threat.NotFound, "there is no such key")
		}
		if err != nil {
			return RevokeKeyOut{}, fieldError(err, "key_id")
		}
		if err := tx.RevokeKey(who.WorkspaceID, k.ID); err != nil {
			return RevokeKeyOut{}, err
		}
		r.object = k.ID
		k, err = tx.Key(who.WorkspaceID, k.ID)
		return RevokeKeyOut{k}, err
	})
}
