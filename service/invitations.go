package service

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// InviteIn asks the person of an address to join a workspace.
type InviteIn struct {
	WorkspaceID string       `json:"workspace_id"`
	Email       string       `json:"email" jsonschema:"of somebody with an account here"`
	Role        account.Role `json:"role,omitempty" jsonschema:"owner or member, the default"`
}

// InvitationOut is an invitation.
type InvitationOut struct {
	Invitation account.Invitation `json:"invitation"`
	Hint       string             `json:"hint,omitempty"`
}

// maxInvitations bounds the pending invitations of a workspace.
const maxInvitations = 200

// Invite asks the person of an address to join, for 14 days; again renews it. It answers alike, by the same queries, whether the address has
// an account or not. Errors: [threat.Invalid], [threat.NotFound], [threat.Forbidden], [threat.Conflict] for a member,
// [threat.FailedPrecondition] for a personal workspace.
func (s *Service) Invite(ctx context.Context, who account.Principal, in InviteIn) (InvitationOut, error) {
	p := place{verb: verb{name: "invite", needs: account.Manage}, workspace: in.WorkspaceID, owner: true}
	return within(ctx, s, who, p, in, func(tx *store.Tx, w account.Workspace, r *record) (out InvitationOut, err error) {
		i := account.Invitation{ID: newID(), Role: cmp.Or(in.Role, account.Member), InvitedBy: who.UserID, ExpiresAt: tx.Now().Add(account.InvitationLife)}
		if i.Email, err = emailAddress(in.Email); err != nil {
			return out, err
		}
		if err := i.Role.Check(); err != nil {
			return out, err
		}
		if w.Kind != account.Team {
			return out, account.OnlyTeams()
		}
		members, err := tx.Members(w.ID)
		if err != nil {
			return out, err
		}
		if slices.ContainsFunc(members, func(m account.Membership) bool { return m.Email == i.Email }) {
			return out, threat.Errorf(threat.Conflict, "%s is a member", threat.Clip(i.Email, 80)).In("email").Hinted("the role changes with POST /api/v1/workspaces/{workspace_id}/members/{user_id}")
		}
		all, err := tx.Invitations(w.ID)
		if err != nil {
			return out, err
		}
		if n := countPending(all); n >= maxInvitations {
			return out, threat.Errorf(threat.FailedPrecondition, "%d invitations are pending", n).Hinted("withdraw those that nobody waits for")
		}
		id, err := tx.AddInvitation(w.ID, i)
		if err != nil {
			return out, err
		}
		r.object, r.detail = id, map[string]any{"email": i.Email, "role": i.Role}
		out.Invitation, err = tx.Invitation(w.ID, id)
		out.Hint = "it waits for whoever has an account with this address: GET /api/v1/invitations shows it to them; accounts are made by the operator"
		return out, err
	})
}

func countPending(all []account.Invitation) (n int) {
	for _, i := range all {
		if i.State == account.Pending {
			n++
		}
	}
	return n
}

// ListInvitationsIn narrows and pages the invitations of a workspace.
type ListInvitationsIn struct {
	WorkspaceID string                  `json:"workspace_id"`
	State       account.InvitationState `json:"state,omitempty" jsonschema:"pending, accepted, declined, withdrawn or expired; default: all"`
	Limit       *int                    `json:"limit,omitempty" jsonschema:"default 20, at most 200"`
	Offset      int                     `json:"offset,omitempty"`
}

// ListInvitationsOut is a page of invitations, the newest first.
type ListInvitationsOut struct {
	Total       int                             `json:"total"`
	Returned    int                             `json:"returned"`
	Offset      int                             `json:"offset"`
	Summary     map[account.InvitationState]int `json:"summary" jsonschema:"by state"`
	Invitations []account.Invitation            `json:"invitations"`
}

func listInvitations(all []account.Invitation, state account.InvitationState, limit, offset int) ListInvitationsOut {
	out := ListInvitationsOut{Offset: offset, Summary: map[account.InvitationState]int{}}
	var chosen []account.Invitation
	for _, i := range all {
		out.Summary[i.State]++
		if state == "" || i.State == state {
			chosen = append(chosen, i)
		}
	}
	out.Total = len(chosen)
	out.Invitations = append([]account.Invitation{}, cut(chosen, limit, offset)...)
	out.Returned = len(out.Invitations)
	return out
}

// ListInvitations lists the invitations to a workspace, to its owners. Errors: [threat.NotFound], [threat.Forbidden], [threat.Invalid].
func (s *Service) ListInvitations(ctx context.Context, who account.Principal, in ListInvitationsIn) (ListInvitationsOut, error) {
	limit, offset, err := page(in.Limit, in.Offset, DefaultLimit)
	if err != nil {
		return ListInvitationsOut{}, err
	}
	states := []account.InvitationState{"", account.Pending, account.Accepted, account.Declined, account.Withdrawn, account.Expired}
	if !slices.Contains(states, in.State) {
		return ListInvitationsOut{}, threat.Errorf(threat.Invalid, "state %q is not known", threat.Clip(string(in.State), 20)).In("state").
			Hinted("valid: pending, accepted, declined, withdrawn, expired")
	}
	return read(ctx, s, who, account.Manage, func(v *store.Snapshot) (ListInvitationsOut, error) {
		w, err := v.Seat(in.WorkspaceID, who.UserID)
		if err == nil && w.Role != account.Owner {
			err = onlyOwners()
		}
		if err != nil {
			return ListInvitationsOut{}, err
		}
		all, err := v.Invitations(w.ID)
		return listInvitations(all, in.State, limit, offset), err
	})
}

// WithdrawInvitationIn names an invitation of a workspace.
type WithdrawInvitationIn struct {
	WorkspaceID  string `json:"workspace_id"`
	InvitationID string `json:"invitation_id"`
}

// WithdrawInvitation takes a pending or expired invitation back. Errors: [threat.NotFound], [threat.Forbidden],
// [threat.FailedPrecondition] when it ended otherwise.
func (s *Service) WithdrawInvitation(ctx context.Context, who account.Principal, in WithdrawInvitationIn) (InvitationOut, error) {
	p := place{verb: verb{name: "withdraw_invitation", needs: account.Manage}, workspace: in.WorkspaceID, owner: true}
	return within(ctx, s, who, p, in, func(tx *store.Tx, w account.Workspace, r *record) (out InvitationOut, err error) {
		i, err := tx.Invitation(w.ID, in.InvitationID)
		if err == nil && i.State != account.Expired {
			err = stillPending(i)
		}
		if err != nil {
			return out, err
		}
		r.object = i.ID
		if err := tx.EndInvitation(w.ID, i.ID, account.Withdrawn); err != nil {
			return out, err
		}
		out.Invitation, err = tx.Invitation(w.ID, i.ID)
		return out, err
	})
}

func stillPending(i account.Invitation) error {
	switch i.State {
	case account.Pending:
		return nil
	case account.Expired:
		return threat.Errorf(threat.FailedPrecondition, "the invitation expired at %s", i.ExpiresAt.Format(time.RFC3339)).Hinted("ask an owner of the workspace for another")
	}
	return threat.Errorf(threat.FailedPrecondition, "the invitation was %s", i.State).Hinted("an owner of the workspace can make another")
}

// ListMyInvitationsIn pages the invitations that wait for the caller.
type ListMyInvitationsIn struct {
	Limit  *int `json:"limit,omitempty" jsonschema:"default 20, at most 200"`
	Offset int  `json:"offset,omitempty"`
}

// ListMyInvitations lists the pending invitations to the caller's address. Errors: [threat.Invalid].
func (s *Service) ListMyInvitations(ctx context.Context, who account.Principal, in ListMyInvitationsIn) (ListInvitationsOut, error) {
	limit, offset, err := page(in.Limit, in.Offset, DefaultLimit)
	if err != nil {
		return ListInvitationsOut{}, err
	}
	return read(ctx, s, who, account.Belong, func(v *store.Snapshot) (ListInvitationsOut, error) {
		u, err := v.User(who.UserID)
		if err != nil {
			return ListInvitationsOut{}, err
		}
		all, err := v.InvitationsTo(u.Email)
		return listInvitations(all, "", limit, offset), err
	})
}

// AnswerInvitationIn names an invitation to the caller.
type AnswerInvitationIn struct {
	InvitationID string `json:"invitation_id"`
}

// AcceptInvitation makes the caller a member of the workspace that invited them. Errors: [threat.NotFound],
// [threat.FailedPrecondition] when it is not pending any more.
func (s *Service) AcceptInvitation(ctx context.Context, who account.Principal, in AnswerInvitationIn) (WorkspaceOut, error) {
	return write(ctx, s, who, verb{name: "accept_invitation", needs: account.Belong}, in, func(tx *store.Tx, r *record) (out WorkspaceOut, err error) {
		i, err := answerInvitation(tx, who, in, account.Accepted)
		if err != nil {
			return out, err
		}
		if _, err := tx.Role(i.WorkspaceID, who.UserID); threat.CodeOf(err) == threat.NotFound { // the operator may have been faster
			if err := join(tx, i.WorkspaceID, who.UserID, i.Role); err != nil {
				return out, err
			}
		} else if err != nil {
			return out, err
		}
		r.workspace, r.object, r.detail = i.WorkspaceID, i.ID, map[string]any{"role": i.Role}
		w, err := tx.Seat(i.WorkspaceID, who.UserID)
		return WorkspaceOut{WorkspaceRow{w, w.ID == who.WorkspaceID}, keyHint}, err
	})
}

// join makes a user a member of a workspace.
func join(tx *store.Tx, workspace, user string, role account.Role) error {
	if err := roomFor(tx, user); err != nil {
		return err
	}
	members, err := tx.Members(workspace)
	if err != nil {
		return err
	}
	if len(members) >= maxPeople {
		return threat.Errorf(threat.FailedPrecondition, "the workspace has %d members", len(members)).Hinted("an owner can remove some")
	}
	return tx.AddMember(workspace, user, role)
}

// DeclineInvitation refuses an invitation. Errors: [threat.NotFound], [threat.FailedPrecondition] when it is not pending any more.
func (s *Service) DeclineInvitation(ctx context.Context, who account.Principal, in AnswerInvitationIn) (InvitationOut, error) {
	return write(ctx, s, who, verb{name: "decline_invitation", needs: account.Belong}, in, func(tx *store.Tx, r *record) (InvitationOut, error) {
		i, err := answerInvitation(tx, who, in, account.Declined)
		if err != nil { // and leaves no trace in a workspace that is not theirs
			return InvitationOut{}, err
		}
		r.workspace, r.object = i.WorkspaceID, i.ID
		return InvitationOut{Invitation: i}, nil
	})
}

// answerInvitation ends a pending invitation to the caller's address.
func answerInvitation(tx *store.Tx, who account.Principal, in AnswerInvitationIn, state account.InvitationState) (i account.Invitation, err error) {
	u, err := tx.User(who.UserID)
	if err != nil {
		return i, err
	}
	if i, err = tx.InvitationTo(u.Email, in.InvitationID); err != nil {
		return i, err
	}
	if err := stillPending(i); err != nil {
		return i, err
	}
	if err := tx.LockWorkspace(i.WorkspaceID); err != nil {
		return i, err
	}
	if err := tx.EndInvitation(i.WorkspaceID, i.ID, state); err != nil {
		return i, err
	}
	return tx.InvitationTo(u.Email, i.ID)
}
