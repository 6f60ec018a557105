package service

import (
	"cmp"
	"context"
	"net/mail"
	"strings"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// The operator's verbs take no principal: whoever can open the database file is the operator. They are reached from the
// command line alone.

// CreateUserIn is a new user.
type CreateUserIn struct {
	Email         string `json:"email"`
	Name          string `json:"name,omitempty" jsonschema:"default: the address before the @"`
	InstanceAdmin bool   `json:"instance_admin,omitempty"`
	Referral      string `json:"referral,omitempty" jsonschema:"code of a user, who earns credits; where plans are on"`
}

// CreateUserOut is the user with the personal workspace and a developer key for it.
type CreateUserOut struct {
	User      account.User      `json:"user"`
	Workspace account.Workspace `json:"workspace"`
	APIKey    string            `json:"api_key"`
}

// CreateUser makes a user, its personal workspace, and a developer key without decide. Errors: [threat.Invalid],
// [threat.Conflict] when the address has an account, [threat.NotFound] for a referral code that cannot be used.
func (s *Service) CreateUser(ctx context.Context, in CreateUserIn) (CreateUserOut, error) {
	var out CreateUserOut
	err := s.store.Write(ctx, func(tx *store.Tx) (err error) {
		out, err = s.signUp(tx, in, "")
		return err
	})
	return out, s.logged("create_user", err)
}

// signUp makes a user, with a referral code if there is one. by is the user who makes it, or nobody.
func (s *Service) signUp(tx *store.Tx, in CreateUserIn, by string) (CreateUserOut, error) {
	out, err := createUser(tx, in)
	if err == nil && in.Referral != "" {
		err = s.refer(tx, in.Referral, out.User, by)
	}
	return out, err
}

func createUser(tx *store.Tx, in CreateUserIn) (CreateUserOut, error) {
	email, err := emailAddress(in.Email)
	if err != nil {
		return CreateUserOut{}, err
	}
	name, err := threat.Line(in.Name, threat.MaxName)
	if err != nil {
		return CreateUserOut{}, fieldError(err, "name")
	}
	if name == "" {
		name = email[:strings.IndexByte(email, '@')]
	}
	if _, err := tx.UserByEmail(email); err == nil {
		return CreateUserOut{}, threat.Errorf(threat.Conflict, "this address has an account").In("email")
	} else if threat.CodeOf(err) != threat.NotFound {
		return CreateUserOut{}, err
	}
	w := account.Workspace{ID: newID(), Name: name, Kind: account.Personal, Role: account.Owner, CreatedAt: tx.Now()}
	u := account.User{
		ID: newID(), Email: email, Name: name, InstanceAdmin: in.InstanceAdmin, PersonalWorkspace: w.ID, CreatedAt: tx.Now(),
	}
	if err := tx.AddWorkspace(w); err != nil {
		return CreateUserOut{}, err
	}
	if err := tx.AddUser(u); err != nil {
		return CreateUserOut{}, err
	}
	if err := tx.AddMember(w.ID, u.ID, account.Owner); err != nil {
		return CreateUserOut{}, err
	}
	key, err := addKey(tx, w.ID, u.ID, CreateKeyIn{Name: "first developer key", Scope: account.Developer})
	if err != nil {
		return CreateUserOut{}, err
	}
	as := account.Principal{UserID: u.ID, WorkspaceID: w.ID}
	return CreateUserOut{u, w, key.APIKey}, addActivity(tx, as, "create_user", record{object: u.ID})
}

// emailAddress returns the lower-case form of an address.
func emailAddress(s string) (string, error) {
	a, err := mail.ParseAddress(strings.TrimSpace(s))
	if err != nil || a.Name != "" || len(a.Address) > 254 {
		return "", threat.Errorf(threat.Invalid, "it is not an e-mail address").In("email").Hinted("such as ada@example.org")
	}
	return strings.ToLower(a.Address), nil
}

// ListUsers returns all users, oldest first.
func (s *Service) ListUsers(ctx context.Context) ([]account.User, error) {
	var out []account.User
	err := s.store.Read(ctx, func(v *store.Snapshot) (err error) {
		out, err = v.Users()
		return err
	})
	return out, s.logged("list_users", err)
}

// OperatorKeyIn is a key that the operator makes for a user, by default of the personal workspace.
type OperatorKeyIn struct {
	Email string
	CreateKeyIn
}

// CreateKeyFor makes a key for a user on the operator's authority. Errors: [threat.NotFound], [threat.Invalid].
func (s *Service) CreateKeyFor(ctx context.Context, in OperatorKeyIn) (CreateKeyOut, error) {
	var out CreateKeyOut
	err := s.store.Write(ctx, func(tx *store.Tx) error {
		u, err := operatorUser(tx, in.Email)
		if err != nil {
			return err
		}
		workspace := cmp.Or(in.WorkspaceID, u.PersonalWorkspace)
		if err := tx.LockWorkspace(workspace); err != nil {
			return operatorWorkspace(err)
		}
		if out, err = memberKey(tx, workspace, u.ID, in.CreateKeyIn); err != nil {
			return err
		}
		as := account.Principal{UserID: u.ID, WorkspaceID: workspace}
		return addActivity(tx, as, "create_key", record{object: out.Key.ID, detail: map[string]any{"by": "operator", "scope": in.Scope, "decide": in.Decide}})
	})
	return out, s.logged("create_key", err)
}

// operatorUser returns a user by address, or the first administrator for an empty one.
func operatorUser(tx *store.Tx, email string) (account.User, error) {
	if email == "" {
		return tx.FirstAdmin()
	}
	email, err := emailAddress(email)
	if err != nil {
		return account.User{}, err
	}
	u, err := tx.UserByEmail(email)
	return u, fieldHint(err, "redoubt user list names the users")
}

// KeysOf returns the keys of a user in all workspaces, without their secrets.
func (s *Service) KeysOf(ctx context.Context, email string) ([]account.Key, error) {
	var out []account.Key
	err := s.store.Write(ctx, func(tx *store.Tx) error {
		out = nil
		u, err := operatorUser(tx, email)
		if err != nil {
			return err
		}
		workspaces, err := tx.UserWorkspaces(u.ID)
		if err != nil {
			return err
		}
		for _, w := range workspaces {
			keys, err := tx.Keys(w.ID, u.ID)
			if err != nil {
				return err
			}
			out = append(out, keys...)
		}
		return nil
	})
	return out, s.logged("list_keys", err)
}

// RevokeKeyFor revokes any key on the operator's authority. Errors: [threat.NotFound].
func (s *Service) RevokeKeyFor(ctx context.Context, id string) error {
	return s.logged("revoke_key", s.store.Write(ctx, func(tx *store.Tx) error {
		k, err := tx.AnyKey(id)
		if err != nil {
			return fieldHint(err, "redoubt key list names the keys")
		}
		if err := tx.RevokeKey(k.WorkspaceID, id); err != nil {
			return err
		}
		return addActivity(tx, account.Principal{UserID: k.UserID, WorkspaceID: k.WorkspaceID}, "revoke_key",
			record{object: id, detail: map[string]any{"by": "operator"}})
	}))
}

// FirstStart is what the first start makes.
type FirstStart struct {
	User         account.User
	Workspace    account.Workspace
	DeveloperKey string
	AdminKey     string
}

// EnsureAdmin makes the instance administrator with a personal workspace, a developer key and an admin key, on a database
// without one; ok is false when there was one already, and nothing is made. keep is called with the keys before the
// commit, so that keys which cannot be kept are never made.
func (s *Service) EnsureAdmin(ctx context.Context, keep func(FirstStart) error) (first FirstStart, ok bool, err error) {
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		first, ok = FirstStart{}, false
		if _, err := tx.FirstAdmin(); threat.CodeOf(err) != threat.NotFound {
			return err
		}
		made, err := createUser(tx, CreateUserIn{Email: "admin@localhost", Name: "admin", InstanceAdmin: true})
		if err != nil {
			return err
		}
		admin, err := addKey(tx, made.Workspace.ID, made.User.ID, CreateKeyIn{Name: "first admin key", Scope: account.Admin})
		if err != nil {
			return err
		}
		first, ok = FirstStart{made.User, made.Workspace, made.APIKey, admin.APIKey}, true
		return keep(first)
	})
	return first, ok && err == nil, s.logged("first start", err)
}
