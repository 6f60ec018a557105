package service

import (
	"context"
	"errors"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// The operator's verbs on workspaces, by the rules that owners act under. They take no principal, as those on users.

// CreateTeamIn is a team workspace that the operator makes.
type CreateTeamIn struct {
	Name  string
	Email string // of the owner; default: the first administrator
}

// CreateTeamOut is the workspace with its owner and an admin key for it.
type CreateTeamOut struct {
	Workspace account.Workspace `json:"workspace"`
	Owner     account.User      `json:"owner"`
	APIKey    string            `json:"api_key"`
}

// CreateTeam makes a team workspace with an owner, and an admin key of theirs. Errors: [threat.Invalid], [threat.NotFound] (the user).
func (s *Service) CreateTeam(ctx context.Context, in CreateTeamIn) (out CreateTeamOut, err error) {
	err = s.store.Write(ctx, func(tx *store.Tx) (err error) {
		if out.Owner, err = operatorUser(tx, in.Email); err != nil {
			return err
		}
		if out.Workspace, err = createWorkspace(tx, out.Owner.ID, in.Name); err != nil {
			return err
		}
		key, err := addKey(tx, out.Workspace.ID, out.Owner.ID, CreateKeyIn{Name: "first admin key", Scope: account.Admin})
		if err != nil {
			return err
		}
		out.APIKey = key.APIKey
		return byOperator(tx, out.Workspace.ID, out.Owner.ID, "create_workspace", out.Workspace.ID, map[string]any{"name": out.Workspace.Name})
	})
	return out, s.logged("create_workspace", err)
}

// byOperator records what the operator did to a user's place in a workspace.
func byOperator(tx *store.Tx, workspace, user, name, object string, detail map[string]any) error {
	detail["by"] = "operator"
	return addActivity(tx, account.Principal{UserID: user, WorkspaceID: workspace}, name, record{object: object, detail: detail})
}

// TeamRow is a workspace with how many people are in it.
type TeamRow struct {
	account.Workspace
	Members int `json:"members"`
	Owners  int `json:"owners"`
}

// ListAllWorkspaces returns every workspace, the oldest first; those of one user where an address is given. Errors: [threat.NotFound].
func (s *Service) ListAllWorkspaces(ctx context.Context, email string) ([]TeamRow, error) {
	out := []TeamRow{}
	err := s.store.Write(ctx, func(tx *store.Tx) error {
		out = out[:0]
		roles := map[string]account.Role{}
		if email != "" {
			u, err := operatorUser(tx, email)
			if err != nil {
				return err
			}
			own, err := tx.UserWorkspaces(u.ID)
			if err != nil {
				return err
			}
			for _, w := range own {
				roles[w.ID] = w.Role
			}
		}
		all, err := tx.AllWorkspaces()
		for _, w := range all {
			if w.Role = roles[w.ID]; email == "" || w.Role != "" {
				out = append(out, TeamRow{w.Workspace, w.Members, w.Owners})
			}
		}
		return err
	})
	return out, s.logged("list_workspaces", err)
}

// operatorWorkspace is the refusal of a workspace as the operator's commands name it.
func operatorWorkspace(err error) error {
	var te *threat.Error
	if errors.As(err, &te) && te.Code == threat.NotFound {
		return threat.Errorf(te.Code, "%s", te.Message).In("workspace").Hinted("redoubt workspace list names the workspaces")
	}
	return err
}

// onTeam runs one of the operator's verbs on a workspace, one at a time in it.
func (s *Service) onTeam(ctx context.Context, name, workspace string, fn func(*store.Tx, account.Workspace) error) error {
	return s.logged(name, s.store.Write(ctx, func(tx *store.Tx) error {
		if err := tx.LockWorkspace(workspace); err != nil {
			return operatorWorkspace(err)
		}
		w, err := tx.AnyWorkspace(workspace)
		if err != nil {
			return err
		}
		return fn(tx, w)
	}))
}

// RenameTeam renames a workspace. Errors: [threat.NotFound], [threat.Invalid].
func (s *Service) RenameTeam(ctx context.Context, workspace, name string) (out account.Workspace, err error) {
	err = s.onTeam(ctx, "rename_workspace", workspace, func(tx *store.Tx, w account.Workspace) (err error) {
		from := w.Name
		if w.Name, err = workspaceName(name); err != nil {
			return err
		}
		out = w
		if err := tx.RenameWorkspace(w.ID, w.Name); err != nil {
			return err
		}
		return byOperator(tx, w.ID, "", "rename_workspace", w.ID, map[string]any{"from": from, "to": w.Name})
	})
	return out, err
}

// TeamMembers lists all members of a workspace. Errors: [threat.NotFound].
func (s *Service) TeamMembers(ctx context.Context, workspace string) (out ListMembersOut, err error) {
	err = s.store.Read(ctx, func(v *store.Snapshot) error {
		w, err := v.AnyWorkspace(workspace)
		if err != nil {
			return operatorWorkspace(err)
		}
		all, err := v.Members(w.ID)
		out = listMembers(w, all, len(all), 0)
		return err
	})
	return out, s.logged("list_members", err)
}

// AddToTeam makes a user a member of a team workspace without an invitation, or gives a member another role. Errors: [threat.NotFound],
// [threat.Invalid], [threat.FailedPrecondition] for a personal workspace and for the last owner.
func (s *Service) AddToTeam(ctx context.Context, workspace, email string, role account.Role) (out MemberOut, err error) {
	err = s.onTeam(ctx, "add_member", workspace, func(tx *store.Tx, w account.Workspace) error {
		if err := role.Check(); err != nil {
			return err
		}
		u, err := namedUser(tx, email)
		if err != nil {
			return err
		}
		if w.Kind != account.Team {
			return account.OnlyTeams()
		}
		if _, err = tx.Role(w.ID, u.ID); threat.CodeOf(err) == threat.NotFound {
			err = join(tx, w.ID, u.ID, role)
		}
		if err != nil {
			return err
		}
		if out, err = moveMember(tx, w, u.ID, role); err != nil {
			return err
		}
		return byOperator(tx, w.ID, u.ID, "add_member", u.ID, map[string]any{"role": role})
	})
	return out, err
}

// RemoveFromTeam takes a user out of a workspace. Errors: [threat.NotFound], [threat.FailedPrecondition] for the last owner.
func (s *Service) RemoveFromTeam(ctx context.Context, workspace, email string) (out MemberOut, err error) {
	err = s.onTeam(ctx, "remove_member", workspace, func(tx *store.Tx, w account.Workspace) error {
		u, err := namedUser(tx, email)
		if err != nil {
			return err
		}
		if out, err = moveMember(tx, w, u.ID, ""); err != nil {
			return err
		}
		return byOperator(tx, w.ID, u.ID, "remove_member", u.ID, map[string]any{"revoked_keys": out.RevokedKeys})
	})
	return out, err
}

// TransferTeam makes a member the owner in an owner's place; from is empty where there is one owner. Errors: [threat.NotFound],
// [threat.Invalid].
func (s *Service) TransferTeam(ctx context.Context, workspace, to, from string) (out TransferWorkspaceOut, err error) {
	err = s.onTeam(ctx, "transfer_workspace", workspace, func(tx *store.Tx, w account.Workspace) error {
		next, err := namedUser(tx, to)
		if err != nil {
			return err
		}
		old, err := soleOwner(tx, w.ID, from)
		if err != nil {
			return err
		}
		if out, err = transfer(tx, w, old, next.ID); err != nil {
			return err
		}
		return byOperator(tx, w.ID, next.ID, "transfer_workspace", next.ID, map[string]any{"from": old})
	})
	return out, err
}

// soleOwner is the owner of an address, or the only one for an empty address.
func soleOwner(tx *store.Tx, workspace, email string) (string, error) {
	all, err := tx.Members(workspace)
	if err != nil {
		return "", err
	}
	if email != "" {
		if email, err = emailAddress(email); err != nil {
			return "", fieldError(err, "from")
		}
	}
	var owners []string
	for _, m := range all {
		if m.Role == account.Owner && (email == "" || m.Email == email) {
			owners = append(owners, m.UserID)
		}
	}
	if len(owners) != 1 {
		return "", threat.Errorf(threat.Invalid, "%d owners are meant", len(owners)).In("from").Hinted("--from names the owner who becomes a member; redoubt workspace members lists them")
	}
	return owners[0], nil
}
