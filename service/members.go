package service

import (
	"cmp"
	"context"
	"slices"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// Membership is about a person, not about the data of one workspace: on these verbs a key acts for its user in each workspace that the user
// belongs to. The key's scope says what kind of thing it may do, the user's role in the workspace that is named says where (decision 15).

// place is where a verb of membership acts.
type place struct {
	verb
	workspace string // empty for the key's own
	owner     bool   // only an owner of it may
}

// within runs a writing use case on a workspace that the caller is a member of, one at a time in it. The activity row goes to that
// workspace. A workspace of others is [threat.NotFound], whether it exists or not.
func within[In, Out any](ctx context.Context, s *Service, who account.Principal, p place, in In, fn func(*store.Tx, account.Workspace, *record) (Out, error)) (Out, error) {
	return write(ctx, s, who, p.verb, in, func(tx *store.Tx, r *record) (Out, error) {
		var none Out
		w, err := tx.Seat(cmp.Or(p.workspace, who.WorkspaceID), who.UserID)
		if err != nil {
			return none, err
		}
		r.workspace = w.ID // of a refusal, too: it is its owners who should see it
		if p.owner && w.Role != account.Owner {
			return none, onlyOwners()
		}
		if err := tx.LockWorkspace(w.ID); err != nil {
			r.workspace = ""
			return none, err
		}
		return fn(tx, w, r)
	})
}

func onlyOwners() *threat.Error {
	return threat.Errorf(threat.Forbidden, "only an owner of the workspace may do this").Hinted("ask an owner; GET /api/v1/workspaces/{workspace_id}/members names them")
}

// manages reports whether the caller has the say in a workspace: its owner, with an admin key.
func manages(who account.Principal, w account.Workspace) bool {
	return who.May(account.Manage) && w.Role == account.Owner
}

// ListWorkspacesIn has no arguments.
type ListWorkspacesIn struct{}

// WorkspaceRow is one of the user's workspaces.
type WorkspaceRow struct {
	account.Workspace
	Current bool `json:"current"` // the one this key works in
}

// ListWorkspacesOut names the user's workspaces.
type ListWorkspacesOut struct {
	Total      int            `json:"total"`
	Returned   int            `json:"returned"`
	Offset     int            `json:"offset"`
	Workspaces []WorkspaceRow `json:"workspaces"`
}

// ListWorkspaces names the caller's workspaces and marks the key's own: switching means another key.
func (s *Service) ListWorkspaces(ctx context.Context, who account.Principal, _ ListWorkspacesIn) (ListWorkspacesOut, error) {
	return read(ctx, s, who, account.Read, func(v *store.Snapshot) (ListWorkspacesOut, error) {
		list, err := v.UserWorkspaces(who.UserID)
		if err != nil {
			return ListWorkspacesOut{}, err
		}
		out := ListWorkspacesOut{Total: len(list), Returned: len(list), Workspaces: make([]WorkspaceRow, len(list))}
		for i, w := range list {
			out.Workspaces[i] = WorkspaceRow{w, w.ID == who.WorkspaceID}
		}
		return out, nil
	})
}

// CreateWorkspaceIn is a new team workspace.
type CreateWorkspaceIn struct {
	Name           string `json:"name"`
	IdempotencyKey string `json:"idempotency_key,omitempty"`
}

// WorkspaceOut is a workspace of the caller's.
type WorkspaceOut struct {
	Workspace WorkspaceRow `json:"workspace"`
	Hint      string       `json:"hint,omitempty"`
}

// maxWorkspaces bounds the workspaces that one user belongs to, and maxPeople the members of one workspace.
const (
	maxWorkspaces = 200
	maxPeople     = 1000
)

const keyHint = "keys work in one workspace: POST /api/v1/workspaces/{workspace_id}/keys makes one for this"

// CreateWorkspace makes a team workspace that the caller owns. Errors: [threat.Invalid], [threat.FailedPrecondition].
func (s *Service) CreateWorkspace(ctx context.Context, who account.Principal, in CreateWorkspaceIn) (WorkspaceOut, error) {
	v := verb{name: "create_workspace", needs: account.Manage, idem: in.IdempotencyKey}
	return write(ctx, s, who, v, in, func(tx *store.Tx, r *record) (WorkspaceOut, error) {
		w, err := createWorkspace(tx, who.UserID, in.Name)
		if err != nil {
			return WorkspaceOut{}, err
		}
		r.workspace, r.object, r.detail = w.ID, w.ID, map[string]any{"name": w.Name}
		return WorkspaceOut{WorkspaceRow{Workspace: w}, keyHint}, nil
	})
}

func createWorkspace(tx *store.Tx, owner, name string) (w account.Workspace, err error) {
	if name, err = workspaceName(name); err != nil {
		return w, err
	}
	if err := roomFor(tx, owner); err != nil {
		return w, err
	}
	w = account.Workspace{ID: newID(), Name: name, Kind: account.Team, Role: account.Owner, CreatedAt: tx.Now()}
	if err := tx.AddWorkspace(w); err != nil {
		return w, err
	}
	return w, tx.AddMember(w.ID, owner, account.Owner)
}

func workspaceName(name string) (string, error) {
	name, err := threat.Line(name, threat.MaxName)
	if err == nil && name == "" {
		err = threat.Errorf(threat.Invalid, "name is missing").Hinted("such as the team's")
	}
	return name, fieldError(err, "name")
}

// roomFor refuses one workspace too many for a user.
func roomFor(tx *store.Tx, user string) error {
	have, err := tx.UserWorkspaces(user)
	if err == nil && len(have) >= maxWorkspaces {
		err = threat.Errorf(threat.FailedPrecondition, "the user belongs to %d workspaces", len(have)).Hinted("leave one first")
	}
	return err
}

// RenameWorkspaceIn is a workspace's new name.
type RenameWorkspaceIn struct {
	WorkspaceID string `json:"workspace_id"`
	Name        string `json:"name"`
}

// RenameWorkspace renames a workspace. Errors: [threat.Invalid], [threat.NotFound], [threat.Forbidden].
func (s *Service) RenameWorkspace(ctx context.Context, who account.Principal, in RenameWorkspaceIn) (WorkspaceOut, error) {
	p := place{verb: verb{name: "rename_workspace", needs: account.Manage}, workspace: in.WorkspaceID, owner: true}
	return within(ctx, s, who, p, in, func(tx *store.Tx, w account.Workspace, r *record) (out WorkspaceOut, err error) {
		from := w.Name
		if w.Name, err = workspaceName(in.Name); err != nil {
			return out, err
		}
		r.object, r.detail = w.ID, map[string]any{"from": from, "to": w.Name}
		return WorkspaceOut{Workspace: WorkspaceRow{w, w.ID == who.WorkspaceID}}, tx.RenameWorkspace(w.ID, w.Name)
	})
}

// ListMembersIn pages the members of a workspace.
type ListMembersIn struct {
	WorkspaceID string `json:"workspace_id"`
	Limit       *int   `json:"limit,omitempty" jsonschema:"default 20, at most 200"`
	Offset      int    `json:"offset,omitempty"`
}

// MembersSummary counts the members of a workspace.
type MembersSummary struct {
	Owners  int `json:"owners"`
	Members int `json:"members"`
}

// ListMembersOut is a workspace with a page of its members, who joined first first.
type ListMembersOut struct {
	Total     int                  `json:"total"`
	Returned  int                  `json:"returned"`
	Offset    int                  `json:"offset"`
	Summary   MembersSummary       `json:"summary"`
	Workspace WorkspaceRow         `json:"workspace"`
	Members   []account.Membership `json:"members"`
}

// ListMembers lists the members of a workspace of the caller's. Errors: [threat.NotFound], [threat.Invalid].
func (s *Service) ListMembers(ctx context.Context, who account.Principal, in ListMembersIn) (ListMembersOut, error) {
	limit, offset, err := page(in.Limit, in.Offset, DefaultLimit)
	if err != nil {
		return ListMembersOut{}, err
	}
	return read(ctx, s, who, account.Belong, func(v *store.Snapshot) (ListMembersOut, error) {
		w, err := v.Seat(in.WorkspaceID, who.UserID)
		if err != nil {
			return ListMembersOut{}, err
		}
		all, err := v.Members(w.ID)
		out := listMembers(w, all, limit, offset)
		out.Workspace.Current = w.ID == who.WorkspaceID
		return out, err
	})
}

func listMembers(w account.Workspace, all []account.Membership, limit, offset int) ListMembersOut {
	out := ListMembersOut{Total: len(all), Offset: offset, Workspace: WorkspaceRow{Workspace: w}, Members: append([]account.Membership{}, cut(all, limit, offset)...)}
	out.Returned = len(out.Members)
	for _, m := range all {
		if m.Role == account.Owner {
			out.Summary.Owners++
		}
	}
	out.Summary.Members = len(all) - out.Summary.Owners
	return out
}

// EditMemberIn gives a member another role.
type EditMemberIn struct {
	WorkspaceID string       `json:"workspace_id"`
	UserID      string       `json:"user_id"`
	Role        account.Role `json:"role" jsonschema:"owner or member"`
}

// MemberOut is a member as they are now, or were when they left.
type MemberOut struct {
	Member      account.Membership `json:"member"`
	RevokedKeys int                `json:"revoked_keys,omitempty" jsonschema:"keys of this workspace that are refused from now on"`
}

// EditMember changes a member's role. An owner who becomes a member loses the admin keys and the pending invitations that they made. Errors:
// [threat.Invalid], [threat.NotFound], [threat.Forbidden], [threat.FailedPrecondition] for the last owner.
func (s *Service) EditMember(ctx context.Context, who account.Principal, in EditMemberIn) (MemberOut, error) {
	p := place{verb: verb{name: "edit_member", needs: account.Manage}, workspace: in.WorkspaceID, owner: true}
	return within(ctx, s, who, p, in, func(tx *store.Tx, w account.Workspace, r *record) (MemberOut, error) {
		if err := in.Role.Check(); err != nil {
			return MemberOut{}, err
		}
		r.object, r.detail = in.UserID, map[string]any{"role": in.Role}
		return moveMember(tx, w, in.UserID, in.Role)
	})
}

// RemoveMemberIn names a member.
type RemoveMemberIn struct {
	WorkspaceID string `json:"workspace_id"`
	UserID      string `json:"user_id"`
}

// RemoveMember takes a member out of a workspace. Their keys of it are refused on the next request. Errors: [threat.NotFound],
// [threat.Forbidden], [threat.FailedPrecondition] for the last owner.
func (s *Service) RemoveMember(ctx context.Context, who account.Principal, in RemoveMemberIn) (MemberOut, error) {
	p := place{verb: verb{name: "remove_member", needs: account.Manage}, workspace: in.WorkspaceID, owner: true}
	return within(ctx, s, who, p, in, func(tx *store.Tx, w account.Workspace, r *record) (MemberOut, error) {
		out, err := moveMember(tx, w, in.UserID, "")
		r.object, r.detail = in.UserID, map[string]any{"revoked_keys": out.RevokedKeys}
		return out, err
	})
}

// LeaveWorkspaceIn names a workspace.
type LeaveWorkspaceIn struct {
	WorkspaceID string `json:"workspace_id"`
}

// LeaveWorkspace takes the caller out of a workspace, and their keys of it out of force. Errors: [threat.NotFound],
// [threat.FailedPrecondition] for the last owner and for a personal workspace.
func (s *Service) LeaveWorkspace(ctx context.Context, who account.Principal, in LeaveWorkspaceIn) (MemberOut, error) {
	p := place{verb: verb{name: "leave_workspace", needs: account.Belong}, workspace: in.WorkspaceID}
	return within(ctx, s, who, p, in, func(tx *store.Tx, w account.Workspace, r *record) (MemberOut, error) {
		out, err := moveMember(tx, w, who.UserID, "")
		r.object, r.detail = who.UserID, map[string]any{"revoked_keys": out.RevokedKeys}
		return out, err
	})
}

// TransferWorkspaceIn names who gets a workspace.
type TransferWorkspaceIn struct {
	WorkspaceID string `json:"workspace_id"`
	UserID      string `json:"user_id" jsonschema:"a member of it"`
}

// TransferWorkspaceOut is the new owner, and the old one as a member.
type TransferWorkspaceOut struct {
	Owner       account.Membership `json:"owner"`
	Member      account.Membership `json:"member"`
	RevokedKeys int                `json:"revoked_keys,omitempty" jsonschema:"admin keys of the old owner that are refused from now on"`
}

// TransferWorkspace makes a member an owner in the caller's place; the caller becomes a member. Errors: [threat.NotFound],
// [threat.Forbidden], [threat.Invalid] for a transfer to oneself.
func (s *Service) TransferWorkspace(ctx context.Context, who account.Principal, in TransferWorkspaceIn) (TransferWorkspaceOut, error) {
	p := place{verb: verb{name: "transfer_workspace", needs: account.Manage}, workspace: in.WorkspaceID, owner: true}
	return within(ctx, s, who, p, in, func(tx *store.Tx, w account.Workspace, r *record) (TransferWorkspaceOut, error) {
		r.object, r.detail = in.UserID, map[string]any{"from": who.UserID}
		return transfer(tx, w, who.UserID, in.UserID)
	})
}

func transfer(tx *store.Tx, w account.Workspace, from, to string) (out TransferWorkspaceOut, err error) {
	if from == to {
		return out, threat.Errorf(threat.Invalid, "the workspace is theirs already").In("user_id").Hinted("name another member")
	}
	got, err := moveMember(tx, w, to, account.Owner)
	if err != nil {
		return out, err
	}
	gave, err := moveMember(tx, w, from, account.Member)
	return TransferWorkspaceOut{got.Member, gave.Member, gave.RevokedKeys}, err
}

// moveMember gives a member another role or, when it is empty, takes them out; and ends what they had by the role they lose: their keys, of
// which those of a removed member go whole and those of a former owner as far as they manage, and their invitations.
func moveMember(tx *store.Tx, w account.Workspace, user string, to account.Role) (out MemberOut, err error) {
	all, err := tx.Members(w.ID)
	if err != nil {
		return out, err
	}
	if err := account.Change(w.Kind, all, user, to); err != nil {
		return out, err
	}
	out.Member = all[slices.IndexFunc(all, func(m account.Membership) bool { return m.UserID == user })]
	was := out.Member.Role
	if to == was {
		return out, nil
	}
	keys := account.Admin
	if to == "" {
		keys, err = "", tx.RemoveMember(w.ID, user)
	} else {
		out.Member.Role, err = to, tx.SetRole(w.ID, user, to)
	}
	if err != nil || to == account.Owner {
		return out, err
	}
	if _, err := tx.WithdrawInvitationsBy(w.ID, user); err != nil {
		return out, err
	}
	out.RevokedKeys, err = tx.RevokeMemberKeys(w.ID, user, keys)
	return out, err
}
