package service

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/auth"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// verb names a writing use case, as the activity and the idempotency keys know it: the name of its tool.
type verb struct {
	name  string
	needs account.Permission
	model string // id of the model it works on, when there is one
	idem  string // the caller's idempotency key, when it sent one
}

// record is what the activity row of a successful write says.
type record struct {
	workspace string // whose activity it is; empty for the key's own
	model     string
	version   int
	object    string
	detail    any
}

// maxIdemKey bounds an idempotency key, in bytes.
const maxIdemKey = 200

// write runs a writing use case. In one transaction: the permission, the first answer when the idempotency key was seen,
// fn, the activity row, and the answer kept under the key. A refusal is recorded in a second transaction after the
// rollback; it changes nothing else.
func write[In, Out any](ctx context.Context, s *Service, who account.Principal, v verb, in In, fn func(*store.Tx, *record) (Out, error)) (Out, error) {
	var out, none Out
	at := who // whose activity gets a refusal
	err := who.Allow(v.needs)
	if err == nil && len(v.idem) > maxIdemKey {
		err = threat.Errorf(threat.Invalid, "the key has %d bytes", len(v.idem)).In("idempotency_key").Hinted("at most %d", maxIdemKey)
	}
	if err == nil {
		err = s.store.Write(ctx, func(tx *store.Tx) error {
			out = none
			if live, err := tx.Live(who.WorkspaceID, who.UserID); err != nil {
				return err
			} else if !live { // deleted since the key was checked
				return auth.Refused()
			}
			if v.idem != "" {
				seen, err := repeated(tx, who, v, in, &out)
				if err != nil || seen {
					return err
				}
			}
			r := record{model: v.model}
			var err error
			out, err = fn(tx, &r)
			at.WorkspaceID = cmp.Or(r.workspace, who.WorkspaceID)
			if err != nil {
				return err
			}
			if err := addActivity(tx, who, v.name, r); err != nil {
				return err
			}
			if v.idem == "" {
				return nil
			}
			answer, err := json.Marshal(out)
			if err != nil {
				return err
			}
			return tx.KeepAnswer(who.WorkspaceID, who.KeyID, v.name, v.idem, digest(in), string(answer))
		})
	}
	if err != nil {
		s.refused(ctx, at, v, in, err)
		return none, s.logged(v.name, err)
	}
	return out, nil
}

// repeated loads the first answer of a call with this idempotency key into out, if there was one.
func repeated[In, Out any](tx *store.Tx, who account.Principal, v verb, in In, out *Out) (bool, error) {
	arguments, answer, seen, err := tx.FirstAnswer(who.WorkspaceID, who.KeyID, v.name, v.idem)
	if err != nil || !seen {
		return false, err
	}
	if arguments != digest(in) {
		return false, threat.Errorf(threat.Conflict, "this idempotency key was used with other arguments").In("idempotency_key").
			Hinted("use a fresh key for a different call")
	}
	return true, json.Unmarshal([]byte(answer), out)
}

func digest(in any) string {
	raw, err := json.Marshal(in)
	if err != nil {
		return "" // plain structs always marshal
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

func addActivity(tx *store.Tx, who account.Principal, name string, r record) error {
	a := store.Activity{
		ID: newID(), UserID: who.UserID, KeyID: who.KeyID, Verb: name, Outcome: "done",
		ModelID: r.model, Version: r.version, Object: r.object,
	}
	if r.detail != nil {
		raw, err := json.Marshal(r.detail)
		if err != nil {
			return err
		}
		a.Detail = string(raw)
	}
	return tx.AddActivity(cmp.Or(r.workspace, who.WorkspaceID), a)
}

// maxDetail bounds what a refused call leaves in the activity, in bytes: a proposal whose texts have the greatest lengths fits.
const maxDetail = 32_000

// refused records a refused write of a known caller. A judgment that needs decide leaves its proposal there, for a person
// who may decide. That the record itself fails is logged, and the caller gets the refusal all the same.
func (s *Service) refused(ctx context.Context, who account.Principal, v verb, in any, cause error) {
	var te *threat.Error
	if who.WorkspaceID == "" || !errors.As(cause, &te) || te.Code == threat.Unavailable || te.Code == threat.Internal || te.Code == threat.Unauthenticated {
		return
	}
	a := store.Activity{
		ID: newID(), UserID: who.UserID, KeyID: who.KeyID, Verb: v.name, Outcome: "refused", Code: te.Code,
	}
	if modelID(v.model) == nil && te.Code != threat.NotFound { // an id that is not there, or not theirs, is not repeated
		a.ModelID = v.model
	}
	detail := map[string]any{"message": te.Message, "field": te.Field}
	if v.needs == account.Decide && te.Code == threat.Forbidden {
		detail["proposal"] = in
	}
	raw, err := json.Marshal(detail)
	if err == nil && len(raw) > maxDetail {
		detail["proposal"] = "too long to keep"
		raw, err = json.Marshal(detail)
	}
	if err == nil && len(raw) <= maxDetail {
		a.Detail = string(raw)
	}
	err = s.store.Write(context.WithoutCancel(ctx), func(tx *store.Tx) error { return tx.AddActivity(who.WorkspaceID, a) })
	if err != nil {
		s.log.Error().Err(err).Str("verb", v.name).Msg("a refusal could not be recorded")
	}
}
