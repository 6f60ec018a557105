package service

import (
	"context"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// Users are managed by an instance administrator over REST, and by the operator on the data folder: one set of rules for both.

// AdminListUsersIn pages the users.
type AdminListUsersIn struct {
	Limit  *int `json:"limit,omitempty" jsonschema:"default 20, at most 200"`
	Offset int  `json:"offset,omitempty"`
}

// UsersSummary counts the users of the instance.
type UsersSummary struct {
	Disabled       int `json:"disabled"`
	InstanceAdmins int `json:"instance_admins"`
}

// AdminListUsersOut is a page of users, the oldest first.
type AdminListUsersOut struct {
	Total    int            `json:"total"`
	Returned int            `json:"returned"`
	Offset   int            `json:"offset"`
	Summary  UsersSummary   `json:"summary"`
	Users    []account.User `json:"users"`
}

// AdminListUsers lists the users of the instance. Errors: [threat.Forbidden], [threat.Invalid].
func (s *Service) AdminListUsers(ctx context.Context, who account.Principal, in AdminListUsersIn) (AdminListUsersOut, error) {
	limit, offset, err := page(in.Limit, in.Offset, DefaultLimit)
	if err != nil {
		return AdminListUsersOut{}, err
	}
	return read(ctx, s, who, account.Instance, func(v *store.Snapshot) (AdminListUsersOut, error) {
		all, err := v.Users()
		out := AdminListUsersOut{Total: len(all), Offset: offset, Users: append([]account.User{}, cut(all, limit, offset)...)}
		out.Returned = len(out.Users)
		for _, u := range all {
			if u.Disabled {
				out.Summary.Disabled++
			}
			if u.InstanceAdmin {
				out.Summary.InstanceAdmins++
			}
		}
		return out, err
	})
}

// AdminCreateUser makes a user as [Service.CreateUser] does. Errors: its own, [threat.Forbidden].
func (s *Service) AdminCreateUser(ctx context.Context, who account.Principal, in CreateUserIn) (CreateUserOut, error) {
	return write(ctx, s, who, verb{name: "admin_create_user", needs: account.Instance}, in, func(tx *store.Tx, r *record) (CreateUserOut, error) {
		out, err := s.signUp(tx, in, who.UserID)
		r.object = out.User.ID
		return out, err
	})
}

// AdminEditUserIn disables or enables a user, sets the plan, and grants credits.
type AdminEditUserIn struct {
	UserID         string `json:"user_id"`
	Disabled       *bool  `json:"disabled,omitempty" jsonschema:"true: all the user's keys are refused from the next request on; false: they are accepted again"`
	Plan           string `json:"plan,omitempty" jsonschema:"free, pro or organization; where plans are on"`
	Credits        int    `json:"credits,omitempty" jsonschema:"to grant; they do not expire; where plans are on"`
	Reason         string `json:"reason,omitempty" jsonschema:"kept in the activity"`
	IdempotencyKey string `json:"idempotency_key,omitempty"`
}

// AdminUserOut is a user.
type AdminUserOut struct {
	User    account.User `json:"user"`
	Plan    string       `json:"plan,omitempty"` // where plans are on
	Credits *CreditsOut  `json:"credits,omitempty"`
}

func noSuchUser(err error) error {
	return fieldHint(fieldError(err, "user_id"), "GET /api/v1/admin/users names the users")
}

// verb is the word for an edit in the activity.
func (in AdminEditUserIn) verb() string {
	switch {
	case in.Disabled == nil && in.Plan != "":
		return "admin_set_plan"
	case in.Disabled == nil:
		return "admin_grant_credits"
	case *in.Disabled:
		return "admin_disable_user"
	}
	return "admin_enable_user"
}

// AdminEditUser disables or enables a user, sets the plan, and grants credits. Errors: [threat.NotFound], [threat.Invalid],
// [threat.FailedPrecondition] for the last instance administrator, or where plans are off, [threat.Forbidden].
func (s *Service) AdminEditUser(ctx context.Context, who account.Principal, in AdminEditUserIn) (AdminUserOut, error) {
	v := verb{name: in.verb(), needs: account.Instance, idem: in.IdempotencyKey}
	return write(ctx, s, who, v, in, func(tx *store.Tx, r *record) (AdminUserOut, error) {
		u, err := tx.User(in.UserID)
		if err != nil {
			return AdminUserOut{}, noSuchUser(err)
		}
		reason, err := threat.Line(in.Reason, threat.MaxName)
		if err != nil {
			return AdminUserOut{}, fieldError(err, "reason")
		}
		detail := map[string]any{"reason": reason}
		r.object, r.detail = u.ID, detail
		if in.Disabled == nil && in.Plan == "" && in.Credits == 0 {
			return AdminUserOut{}, threat.Errorf(threat.Invalid, "there is nothing to change").Hinted("give disabled, plan or credits")
		}
		if in.Disabled != nil {
			if u, err = setDisabled(tx, u, *in.Disabled); err != nil {
				return AdminUserOut{}, err
			}
		}
		out := AdminUserOut{User: u}
		if in.Plan == "" && in.Credits == 0 {
			return out, nil
		}
		if s.plans == nil {
			return AdminUserOut{}, plansOff()
		}
		if in.Plan != "" {
			if err := setPlan(tx, u.ID, in.Plan); err != nil {
				return AdminUserOut{}, err
			}
			detail["plan"] = in.Plan
		}
		if in.Credits != 0 {
			if err := grant(tx, u.ID, in.Credits); err != nil {
				return AdminUserOut{}, err
			}
			detail["credits"] = in.Credits
		}
		has, err := s.planOut(tx.View(), u.ID)
		out.Plan, out.Credits = has.Plan, has.Credits
		return out, err
	})
}

// setDisabled disables or enables a user. One instance administrator stays enabled: without one nobody could enable another over REST.
func setDisabled(tx *store.Tx, u account.User, disabled bool) (account.User, error) {
	if disabled && u.InstanceAdmin {
		all, err := tx.Users()
		if err != nil {
			return u, err
		}
		others := false
		for _, o := range all {
			others = others || o.ID != u.ID && o.InstanceAdmin && !o.Disabled
		}
		if !others {
			return u, threat.Errorf(threat.FailedPrecondition, "%s is the last instance administrator", threat.Clip(u.Email, 80)).
				Hinted("make another first: redoubt user create --instance-admin")
		}
	}
	u.Disabled = disabled
	return u, tx.SetUserDisabled(u.ID, disabled)
}

// AdminResetUserIn names the user to reset.
type AdminResetUserIn struct {
	UserID string `json:"user_id"`
	Reason string `json:"reason,omitempty" jsonschema:"kept in the activity"`
}

// ResetUserOut is the user with the one key that is left.
type ResetUserOut struct {
	User    account.User `json:"user"`
	Revoked int          `json:"revoked" jsonschema:"keys that were accepted until now, in all workspaces"`
	APIKey  string       `json:"api_key" jsonschema:"a new developer key for the personal workspace; shown only now"`
	Key     account.Key  `json:"key"`
}

// AdminResetUser revokes all keys of a user, in every workspace, and makes a new developer key. Errors: [threat.NotFound],
// [threat.Forbidden].
func (s *Service) AdminResetUser(ctx context.Context, who account.Principal, in AdminResetUserIn) (ResetUserOut, error) {
	return write(ctx, s, who, verb{name: "admin_reset_user", needs: account.Instance}, in, func(tx *store.Tx, r *record) (ResetUserOut, error) {
		u, err := tx.User(in.UserID)
		if err != nil {
			return ResetUserOut{}, noSuchUser(err)
		}
		reason, err := threat.Line(in.Reason, threat.MaxName)
		if err != nil {
			return ResetUserOut{}, fieldError(err, "reason")
		}
		out, err := resetUser(tx, u)
		r.object, r.detail = u.ID, map[string]any{"reason": reason, "revoked": out.Revoked}
		return out, err
	})
}

func resetUser(tx *store.Tx, u account.User) (ResetUserOut, error) {
	n, err := tx.RevokeUserKeys(u.ID)
	if err != nil {
		return ResetUserOut{}, err
	}
	made, err := addKey(tx, u.PersonalWorkspace, u.ID, CreateKeyIn{Name: "key after a reset", Scope: account.Developer})
	return ResetUserOut{User: u, Revoked: n, APIKey: made.APIKey, Key: made.Key}, err
}

// SetDisabled disables or enables the user of an address on the operator's authority. Errors: those of [Service.AdminEditUser].
func (s *Service) SetDisabled(ctx context.Context, email string, disabled bool) (u account.User, err error) {
	name := "enable_user"
	if disabled {
		name = "disable_user"
	}
	err = s.store.Write(ctx, func(tx *store.Tx) (err error) {
		if u, err = namedUser(tx, email); err != nil {
			return err
		}
		if u, err = setDisabled(tx, u, disabled); err != nil {
			return err
		}
		return addActivity(tx, account.Principal{UserID: u.ID, WorkspaceID: u.PersonalWorkspace}, name, record{object: u.ID, detail: map[string]any{"by": "operator"}})
	})
	return u, s.logged(name, err)
}

// ResetUserFor resets the user of an address on the operator's authority. Errors: those of [Service.AdminResetUser].
func (s *Service) ResetUserFor(ctx context.Context, email string) (out ResetUserOut, err error) {
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		u, err := namedUser(tx, email)
		if err != nil {
			return err
		}
		if out, err = resetUser(tx, u); err != nil {
			return err
		}
		return addActivity(tx, account.Principal{UserID: u.ID, WorkspaceID: u.PersonalWorkspace}, "reset_user",
			record{object: u.ID, detail: map[string]any{"by": "operator", "revoked": out.Revoked}})
	})
	return out, s.logged("reset_user", err)
}

// namedUser returns the user of an address, which must be given.
func namedUser(tx *store.Tx, email string) (account.User, error) {
	if email == "" {
		return account.User{}, threat.Errorf(threat.Invalid, "the address is missing").In("email").Hinted("redoubt user list names the users")
	}
	return operatorUser(tx, email)
}
