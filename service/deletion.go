package service

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// Deleting a workspace or an account takes two steps: what will go is counted and shown with a token, and the token confirms it once. Then it is
// marked, which makes it invisible at once, and a worker removes the rows.

// deletionPatience is how long a confirmation token can be used.
const deletionPatience = 10 * time.Minute

// The verbs of deletion, as the activity knows them. What they leave in the activity of a workspace does not count as a change of it, nor does
// an export: it is what one does in between.
const (
	askWorkspaceVerb    = "ask_workspace_deletion"
	deleteWorkspaceVerb = "delete_workspace"
	askAccountVerb      = "ask_account_deletion"
	deleteAccountVerb   = "delete_account"
	exportVerb          = "export_workspace"
)

// WorkspaceContents is a workspace with how much is in it.
type WorkspaceContents struct {
	ID       string                `json:"id"`
	Name     string                `json:"name"`
	Kind     account.WorkspaceKind `json:"kind"`
	Contents store.Contents        `json:"contents"`
}

// AskWorkspaceDeletionIn names a team workspace that the caller owns.
type AskWorkspaceDeletionIn struct {
	WorkspaceID string `json:"workspace_id"`
}

// AskWorkspaceDeletionOut is what would be deleted, and the token that confirms it.
type AskWorkspaceDeletionOut struct {
	Workspace         WorkspaceContents `json:"workspace"`
	ConfirmationToken string            `json:"confirmation_token" jsonschema:"for one deletion of this, by you"`
	ExpiresAt         time.Time         `json:"expires_at"`
	Hint              string            `json:"hint"`
}

// AskWorkspaceDeletion counts what is in a workspace and gives a token to delete it with. It deletes nothing. Errors: [threat.NotFound],
// [threat.Forbidden], [threat.FailedPrecondition] for a personal workspace.
func (s *Service) AskWorkspaceDeletion(ctx context.Context, who account.Principal, in AskWorkspaceDeletionIn) (AskWorkspaceDeletionOut, error) {
	var contents store.Contents
	if err := who.Allow(account.Manage); err == nil { // counted outside the write, which others would wait for
		err := s.store.Read(ctx, func(v *store.Snapshot) error {
			w, err := v.Seat(in.WorkspaceID, who.UserID)
			if err == nil && w.Role == account.Owner {
				contents, err = v.Contents(w.ID)
			}
			return err
		})
		if err != nil && threat.CodeOf(err) != threat.NotFound {
			return AskWorkspaceDeletionOut{}, s.logged(askWorkspaceVerb, err)
		}
	}
	p := place{verb: verb{name: askWorkspaceVerb, needs: account.Manage}, workspace: in.WorkspaceID, owner: true}
	return within(ctx, s, who, p, in, func(tx *store.Tx, w account.Workspace, _ *record) (AskWorkspaceDeletionOut, error) {
		out := AskWorkspaceDeletionOut{Workspace: WorkspaceContents{w.ID, w.Name, w.Kind, contents}}
		if err := deletable(w); err != nil {
			return out, err
		}
		state, err := tx.WorkspaceState(w.ID, ownVerbs())
		if err != nil {
			return out, err
		}
		out.ConfirmationToken, out.ExpiresAt, err = giveToken(tx, who, w.ID, digest(state))
		out.Hint = "take everything with you: GET /api/v1/workspaces/" + w.ID + "/export; delete: DELETE /api/v1/workspaces/" + w.ID + " with confirmation_token"
		return out, err
	})
}

func ownVerbs() []string {
	return []string{askWorkspaceVerb, askAccountVerb, exportVerb}
}

// deletable refuses a personal workspace.
func deletable(w account.Workspace) error {
	if w.Kind == account.Personal {
		return threat.Errorf(threat.FailedPrecondition, "a personal workspace cannot be deleted").In("workspace_id").
			Hinted("it goes with the account: POST /api/v1/me/deletion")
	}
	return nil
}

// giveToken makes a token that confirms one deletion; shown is the digest of what it was given for.
func giveToken(tx *store.Tx, who account.Principal, workspace, shown string) (string, time.Time, error) {
	token, expires := rand.Text(), tx.Now().Add(deletionPatience)
	return token, expires, tx.AddDeletionToken(hashToken(token), workspace, who.UserID, shown, expires)
}

func hashToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// spendToken takes a token and refuses one that was not given for what is there now.
func spendToken(tx *store.Tx, who account.Principal, workspace, token, now, ask string) error {
	if token == "" {
		return threat.Errorf(threat.Invalid, "the token is missing").In("confirmation_token").Hinted("%s says what will be deleted and gives one", ask)
	}
	shown, err := tx.SpendDeletionToken(hashToken(token), workspace, who.UserID)
	if threat.CodeOf(err) == threat.NotFound {
		return threat.Errorf(threat.FailedPrecondition, "the token does not confirm this: it is unknown, was used, or is older than %d minutes", int(deletionPatience.Minutes())).
			In("confirmation_token").Hinted("%s gives a new one", ask)
	}
	if err == nil && shown != now {
		return threat.Errorf(threat.Conflict, "something was changed since the token was given").In("confirmation_token").
			Hinted("%s says what will be deleted now", ask)
	}
	return err
}

// DeleteWorkspaceIn confirms a deletion.
type DeleteWorkspaceIn struct {
	WorkspaceID       string `json:"workspace_id"`
	ConfirmationToken string `json:"confirmation_token" jsonschema:"from POST /workspaces/{workspace_id}/deletion"`
}

// DeletedOut says what is gone from now on.
type DeletedOut struct {
	Deleted []string `json:"deleted" jsonschema:"ids of workspaces"`
	Message string   `json:"message"`
}

const deletedMessage = "gone from now on: its keys are refused with the next request; its rows are being removed"

// DeleteWorkspace deletes a team workspace with everything in it. Errors: [threat.NotFound], [threat.Forbidden], [threat.Invalid],
// [threat.FailedPrecondition] for a personal workspace and for a token that confirms nothing, [threat.Conflict] when the workspace was changed
// since the token was given.
func (s *Service) DeleteWorkspace(ctx context.Context, who account.Principal, in DeleteWorkspaceIn) (DeletedOut, error) {
	in.ConfirmationToken = threat.Clip(in.ConfirmationToken, 100)
	p := place{verb: verb{name: deleteWorkspaceVerb, needs: account.Manage}, workspace: in.WorkspaceID, owner: true}
	out, err := within(ctx, s, who, p, in, func(tx *store.Tx, w account.Workspace, r *record) (DeletedOut, error) {
		if err := deletable(w); err != nil {
			return DeletedOut{}, err
		}
		state, err := tx.WorkspaceState(w.ID, ownVerbs())
		if err != nil {
			return DeletedOut{}, err
		}
		if err := spendToken(tx, who, w.ID, in.ConfirmationToken, digest(state), "POST /api/v1/workspaces/{workspace_id}/deletion"); err != nil {
			return DeletedOut{}, err
		}
		// The row stays where the key is at home, and names nothing of what is gone.
		r.workspace, r.detail = "", map[string]any{"members": len(state.Members), "models": state.Models}
		return DeletedOut{[]string{w.ID}, deletedMessage}, tx.MarkWorkspace(newID(), w.ID)
	})
	if err == nil {
		s.removals.poke()
	}
	return out, err
}

// PassedOn is a workspace that gets another owner.
type PassedOn struct {
	ID   string             `json:"id"`
	Name string             `json:"name"`
	To   account.Membership `json:"to"`
}

// AccountDeletion is what becomes of what a user has.
type AccountDeletion struct {
	User     account.User        `json:"user"`
	Deleted  []WorkspaceContents `json:"deleted" jsonschema:"workspaces: the personal one, and those that nobody else is in"`
	PassedOn []PassedOn          `json:"passed_on" jsonschema:"workspaces that nobody else owns: they go to the member who joined first"`
	Left     []account.Workspace `json:"left" jsonschema:"workspaces that live on as they are; what the user did there stays and names deleted-user"`
	Keys     int                 `json:"keys" jsonschema:"that are refused from then on"`
}

// AskAccountDeletionIn has no arguments.
type AskAccountDeletionIn struct{}

// AskAccountDeletionOut is what would become of what the caller has, and the token that confirms it.
type AskAccountDeletionOut struct {
	AccountDeletion
	ConfirmationToken string    `json:"confirmation_token" jsonschema:"for one deletion of this, by you"`
	ExpiresAt         time.Time `json:"expires_at"`
	Hint              string    `json:"hint"`
}

// accountPlan is an [AccountDeletion] with what it stands on.
type accountPlan struct {
	AccountDeletion
	states []store.WorkspaceState
	ids    []string
}

// shown is the digest of what a confirmation confirms.
func (p *accountPlan) shown() string {
	out := []any{p.User.ID, p.states, p.ids}
	for _, w := range p.PassedOn {
		out = append(out, w.ID, w.To.UserID)
	}
	return digest(out)
}

// planAccount decides what becomes of what a user has.
func planAccount(v *store.Snapshot, u account.User, count bool) (p accountPlan, err error) {
	p.AccountDeletion = AccountDeletion{User: u, Deleted: []WorkspaceContents{}, PassedOn: []PassedOn{}, Left: []account.Workspace{}}
	if p.Keys, err = v.UserKeys(u.ID); err != nil {
		return p, err
	}
	list, err := v.UserWorkspaces(u.ID)
	if err != nil {
		return p, err
	}
	for _, w := range list {
		p.ids = append(p.ids, w.ID)
		members, err := v.Members(w.ID)
		if err != nil {
			return p, err
		}
		others := slices.DeleteFunc(members, func(m account.Membership) bool { return m.UserID == u.ID })
		owned := slices.ContainsFunc(others, func(m account.Membership) bool { return m.Role == account.Owner && !m.Disabled })
		switch {
		case w.Kind == account.Team && (w.Role != account.Owner || owned):
			p.Left = append(p.Left, w)
			continue
		case w.Kind == account.Team && len(others) > 0:
			p.PassedOn = append(p.PassedOn, PassedOn{w.ID, w.Name, heir(others)})
			continue
		}
		state, err := v.WorkspaceState(w.ID, ownVerbs())
		if err != nil {
			return p, err
		}
		p.states = append(p.states, state)
		gone := WorkspaceContents{ID: w.ID, Name: w.Name, Kind: w.Kind}
		if count {
			if gone.Contents, err = v.Contents(w.ID); err != nil {
				return p, err
			}
		}
		p.Deleted = append(p.Deleted, gone)
	}
	return p, nil
}

// heir is who gets a workspace whose only owner who can act goes: the member who joined first, of those who can use it; else another owner.
func heir(members []account.Membership) account.Membership {
	for _, fits := range []func(account.Membership) bool{
		func(m account.Membership) bool { return !m.Disabled },
		func(m account.Membership) bool { return m.Role == account.Owner },
	} {
		if i := slices.IndexFunc(members, fits); i >= 0 {
			return members[i]
		}
	}
	return members[0]
}

// AskAccountDeletion says what would become of what the caller has, and gives a token to delete the account with. It deletes nothing. Errors:
// [threat.Forbidden], [threat.FailedPrecondition] for the last instance administrator.
func (s *Service) AskAccountDeletion(ctx context.Context, who account.Principal, in AskAccountDeletionIn) (AskAccountDeletionOut, error) {
	var counted accountPlan
	if err := who.Allow(account.Manage); err == nil {
		err := s.store.Read(ctx, func(v *store.Snapshot) error {
			u, err := v.User(who.UserID)
			if err == nil {
				counted, err = planAccount(v, u, true)
			}
			return err
		})
		if err != nil {
			return AskAccountDeletionOut{}, s.logged(askAccountVerb, err)
		}
	}
	return write(ctx, s, who, verb{name: askAccountVerb, needs: account.Manage}, in, func(tx *store.Tx, _ *record) (AskAccountDeletionOut, error) {
		out := AskAccountDeletionOut{AccountDeletion: counted.AccountDeletion}
		u, err := tx.User(who.UserID)
		if err != nil {
			return out, err
		}
		if err := lastAdmin(tx, u); err != nil {
			return out, err
		}
		out.ConfirmationToken, out.ExpiresAt, err = giveToken(tx, who, u.PersonalWorkspace, counted.shown())
		out.Hint = "delete: DELETE /api/v1/me with confirmation_token; before that, GET /api/v1/workspaces/{workspace_id}/export takes a workspace with you"
		return out, err
	})
}

// lastAdmin refuses to let the last instance administrator go.
func lastAdmin(tx *store.Tx, u account.User) error {
	if !u.InstanceAdmin {
		return nil
	}
	all, err := tx.Users()
	if err != nil || slices.ContainsFunc(all, func(o account.User) bool { return o.ID != u.ID && o.InstanceAdmin && !o.Disabled }) {
		return err
	}
	return threat.Errorf(threat.FailedPrecondition, "%s is the last instance administrator", threat.Clip(u.Email, 80)).
		Hinted("make another first: redoubt user create --instance-admin")
}

// DeleteAccountIn confirms a deletion.
type DeleteAccountIn struct {
	ConfirmationToken string `json:"confirmation_token" jsonschema:"from POST /me/deletion"`
}

// DeleteAccount deletes the caller's account, with the personal workspace and the team workspaces that nobody else is in. Errors:
// [threat.Forbidden], [threat.Invalid], [threat.FailedPrecondition] for the last instance administrator and for a token that confirms
// nothing, [threat.Conflict] when something of it was changed since the token was given.
func (s *Service) DeleteAccount(ctx context.Context, who account.Principal, in DeleteAccountIn) (DeletedOut, error) {
	in.ConfirmationToken = threat.Clip(in.ConfirmationToken, 100)
	out, err := write(ctx, s, who, verb{name: deleteAccountVerb, needs: account.Manage}, in, func(tx *store.Tx, _ *record) (DeletedOut, error) {
		u, err := tx.User(who.UserID)
		if err != nil {
			return DeletedOut{}, err
		}
		p, err := lockedPlan(tx, u)
		if err != nil {
			return DeletedOut{}, err
		}
		if err := spendToken(tx, who, u.PersonalWorkspace, in.ConfirmationToken, p.shown(), "POST /api/v1/me/deletion"); err != nil {
			return DeletedOut{}, err
		}
		return deletedOut(p), markAccount(tx, p)
	})
	if err == nil {
		s.removals.poke()
	}
	return out, err
}

func deletedOut(p accountPlan) DeletedOut {
	out := DeletedOut{Deleted: []string{}, Message: deletedMessage}
	for _, w := range p.Deleted {
		out.Deleted = append(out.Deleted, w.ID)
	}
	return out
}

// lockedPlan is the plan for a user whose workspaces nobody else changes until the transaction ends.
func lockedPlan(tx *store.Tx, u account.User) (p accountPlan, err error) {
	if err := lastAdmin(tx, u); err != nil {
		return p, err
	}
	list, err := tx.UserWorkspaces(u.ID)
	if err != nil {
		return p, err
	}
	for _, w := range list {
		if err := tx.LockWorkspace(w.ID); err != nil {
			return p, err
		}
	}
	return planAccount(tx.View(), u, false)
}

// markAccount does what the plan says.
func markAccount(tx *store.Tx, p accountPlan) error {
	gone := account.Principal{UserID: account.DeletedUser}
	for _, w := range p.PassedOn {
		if err := tx.SetRole(w.ID, w.To.UserID, account.Owner); err != nil {
			return err
		}
		gone.WorkspaceID = w.ID
		if err := addActivity(tx, gone, "inherit_workspace", record{object: w.To.UserID}); err != nil {
			return err
		}
	}
	for _, w := range p.Deleted {
		if w.Kind == account.Team {
			if err := tx.MarkWorkspace(newID(), w.ID); err != nil {
				return err
			}
		}
	}
	for _, id := range p.ids {
		if _, err := tx.WithdrawInvitationsBy(id, p.User.ID); err != nil {
			return err
		}
	}
	jobs, err := tx.CancelUserJobs(p.User.ID)
	if err != nil {
		return err
	}
	for _, j := range jobs {
		if j.Kind == judgeJob {
			models, err := tx.FailJudgments(j.ID, "the judging was cancelled")
			if err := endJudging(tx, models, err); err != nil {
				return err
			}
		}
	}
	return tx.MarkUser(newID(), p.User)
}

// WorkspaceDeletionFor says what deleting a workspace deletes, and deletes it when told to, on the operator's authority. Errors:
// [threat.NotFound], [threat.FailedPrecondition] for a personal workspace.
func (s *Service) WorkspaceDeletionFor(ctx context.Context, id string, do bool) (out WorkspaceContents, err error) {
	err = s.store.Read(ctx, func(v *store.Snapshot) error {
		w, err := v.AnyWorkspace(id)
		if err != nil {
			return operatorWorkspace(err)
		}
		if w.Kind == account.Personal {
			return threat.Errorf(threat.FailedPrecondition, "a personal workspace cannot be deleted").In("workspace").Hinted("it goes with the account: redoubt user delete EMAIL")
		}
		out = WorkspaceContents{ID: w.ID, Name: w.Name, Kind: w.Kind}
		out.Contents, err = v.Contents(w.ID)
		return err
	})
	if err == nil && do {
		err = s.store.Write(ctx, func(tx *store.Tx) error {
			if err := tx.LockWorkspace(out.ID); err != nil {
				return err
			}
			return tx.MarkWorkspace(newID(), out.ID)
		})
	}
	return out, s.logged(deleteWorkspaceVerb, err)
}

// AccountDeletionFor says what becomes of what the user of an address has, and deletes the account when told to, on the operator's authority.
// Errors: [threat.NotFound], [threat.FailedPrecondition] for the last instance administrator.
func (s *Service) AccountDeletionFor(ctx context.Context, email string, do bool) (AccountDeletion, error) {
	var u account.User
	var p accountPlan
	err := s.store.Write(ctx, func(tx *store.Tx) (err error) {
		if u, err = namedUser(tx, email); err != nil {
			return err
		}
		return lastAdmin(tx, u)
	})
	if err == nil {
		err = s.store.Read(ctx, func(v *store.Snapshot) (err error) {
			p, err = planAccount(v, u, true)
			return err
		})
	}
	if err == nil && do {
		err = s.store.Write(ctx, func(tx *store.Tx) error {
			now, err := lockedPlan(tx, u)
			if err != nil {
				return err
			}
			return markAccount(tx, now)
		})
	}
	return p.AccountDeletion, s.logged(deleteAccountVerb, err)
}

// RemoveDeleted removes the rows of all that is marked deleted, and returns how many there were.
func (s *Service) RemoveDeleted(ctx context.Context) (rows int, err error) {
	for {
		done, ok, err := s.store.RemoveDeleted(ctx)
		rows += done.Rows
		if err != nil || !ok {
			return rows, s.logged("remove_deleted", err)
		}
		s.log.Info().Str("kind", string(done.Kind)).Int("rows", done.Rows).Int("renamed", done.Renamed).Msg("what was deleted is removed")
	}
}

// removals wakes the worker that removes what is deleted.
type removals struct{ wake chan struct{} }

func (r *removals) poke() {
	select {
	case r.wake <- struct{}{}:
	default: // it is awake already, or does not run in this process
	}
}

// removalPoll is how often a worker looks for what another process marked, or left undone.
const removalPoll = 30 * time.Second

// keepRemoving removes what is deleted until the context ends.
func (s *Service) keepRemoving(ctx context.Context) {
	timer := time.NewTicker(removalPoll)
	defer timer.Stop()
	for {
		if _, err := s.RemoveDeleted(ctx); err != nil && ctx.Err() == nil {
			s.log.Error().Err(err).Msg("what is deleted could not be removed; it is tried again")
		}
		select {
		case <-ctx.Done():
			return
		case <-s.removals.wake:
		case <-timer.C:
		}
	}
}
