package service_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/threat"
)

// person is a user with a developer and an admin key of the personal workspace.
type person struct {
	account.User
	developer, admin account.Principal
}

func (b *bench) person(t testing.TB) person {
	u := testenv.User(t, b.st, testenv.NewID(t)+"@example.org")
	key := func(scope account.Scope) account.Principal {
		k, _ := testenv.Key(t, b.st, u.PersonalWorkspace, u, scope)
		return testenv.Principal(k, u)
	}
	return person{u, key(account.Developer), key(account.Admin)}
}

// team makes a workspace that the first of some people owns and the others joined.
func (b *bench) team(t testing.TB, owner person, members ...person) string {
	t.Helper()
	id := must(b.CreateWorkspace(ctx, owner.admin, service.CreateWorkspaceIn{Name: "team"}))(t).Workspace.ID
	for _, m := range members {
		i := must(b.Invite(ctx, owner.admin, service.InviteIn{WorkspaceID: id, Email: m.Email}))(t).Invitation
		must(b.AcceptInvitation(ctx, m.developer, service.AnswerInvitationIn{InvitationID: i.ID}))(t)
	}
	return id
}

func TestInvitation(t *testing.T) {
	b := newBench(t)
	ada, bob, eve := b.person(t), b.person(t), b.person(t)
	team := b.team(t, ada)
	ask := func(email string) account.Invitation {
		t.Helper()
		return must(b.Invite(ctx, ada.admin, service.InviteIn{WorkspaceID: team, Email: email}))(t).Invitation
	}
	waiting := func(p person) int {
		return must(b.ListMyInvitations(ctx, p.developer, service.ListMyInvitationsIn{}))(t).Total
	}
	answer := func(i account.Invitation) service.AnswerInvitationIn {
		return service.AnswerInvitationIn{InvitationID: i.ID}
	}

	i := ask("  " + strings.ToUpper(bob.Email))
	if i.Email != bob.Email || i.Role != account.Member || i.State != account.Pending || !i.ExpiresAt.Equal(b.clock.Now().Add(14*24*time.Hour)) || i.InvitedBy != ada.ID {
		t.Errorf("the invitation is %+v", i)
	}
	// An address without an account answers alike.
	known, unknown := ask(eve.Email), ask("nobody@example.org")
	known.ID, known.Email = unknown.ID, unknown.Email
	if d := cmp.Diff(known, unknown); d != "" {
		t.Errorf("known and unknown addresses differ: %s", d)
	}
	if waiting(bob) != 1 || waiting(eve) != 1 || waiting(ada) != 0 {
		t.Errorf("waiting: %d, %d, %d", waiting(bob), waiting(eve), waiting(ada))
	}
	// It is nobody else's, and the workspace is not bob's yet.
	_, err := b.AcceptInvitation(ctx, eve.admin, answer(i))
	wants(t, err, threat.NotFound)
	_, err = b.CreateKey(ctx, bob.developer, service.CreateKeyIn{WorkspaceID: team, Name: "x", Scope: account.Developer})
	wants(t, err, threat.NotFound)
	_, err = b.Invite(ctx, bob.admin, service.InviteIn{WorkspaceID: team, Email: eve.Email})
	wants(t, err, threat.NotFound)

	joined := must(b.AcceptInvitation(ctx, bob.developer, answer(i)))(t)
	if joined.Workspace.ID != team || joined.Workspace.Role != account.Member || joined.Workspace.Current {
		t.Errorf("joined %+v", joined)
	}
	_, err = b.AcceptInvitation(ctx, bob.developer, answer(i))
	wants(t, err, threat.FailedPrecondition)
	_, err = b.Invite(ctx, ada.admin, service.InviteIn{WorkspaceID: team, Email: bob.Email})
	wants(t, err, threat.Conflict)

	// Members have no hand in membership, whatever their key; owners need an admin key.
	for name, who := range map[string]account.Principal{"a member's admin key": bob.admin, "an owner's developer key": ada.developer} {
		for verb, err := range b.managing(who, team, bob.ID) {
			if threat.CodeOf(err) != threat.Forbidden {
				t.Errorf("%s may %s: %v", name, verb, err)
			}
		}
	}
	_, err = b.CreateKey(ctx, ada.admin, service.CreateKeyIn{WorkspaceID: team, Name: "x", Scope: account.Admin, UserID: bob.ID})
	wants(t, err, threat.FailedPrecondition)
	key := must(b.CreateKey(ctx, bob.developer, service.CreateKeyIn{WorkspaceID: team, Name: "agent", Scope: account.Developer}))(t)
	if key.Key.WorkspaceID != team || key.Key.UserID != bob.ID || key.Key.Decide {
		t.Errorf("the key is %+v", key.Key)
	}
	if n := must(b.ListKeys(ctx, bob.admin, service.ListKeysIn{WorkspaceID: team}))(t).Total; n != 1 {
		t.Errorf("a member sees %d keys", n)
	}
	must(b.CreateKey(ctx, ada.admin, service.CreateKeyIn{WorkspaceID: team, Name: "ci", Scope: account.Verifier}))(t)
	if n := must(b.ListKeys(ctx, ada.admin, service.ListKeysIn{WorkspaceID: team}))(t).Total; n != 2 {
		t.Errorf("an owner sees %d keys", n)
	}

	// Declined, withdrawn, expired, renewed.
	must(b.DeclineInvitation(ctx, eve.developer, service.AnswerInvitationIn{InvitationID: must(b.ListMyInvitations(ctx, eve.developer, service.ListMyInvitationsIn{}))(t).Invitations[0].ID}))(t)
	again := ask(eve.Email)
	must(b.WithdrawInvitation(ctx, ada.admin, service.WithdrawInvitationIn{WorkspaceID: team, InvitationID: again.ID}))(t)
	_, err = b.AcceptInvitation(ctx, eve.developer, answer(again))
	wants(t, err, threat.FailedPrecondition)
	last := ask(eve.Email)
	b.clock.Advance(account.InvitationLife - time.Second)
	if waiting(eve) != 1 {
		t.Error("it expired too early")
	}
	b.clock.Advance(time.Second)
	_, err = b.AcceptInvitation(ctx, eve.developer, answer(last))
	wants(t, err, threat.FailedPrecondition)
	if renewed := ask(eve.Email); renewed.ID != last.ID || waiting(eve) != 1 {
		t.Errorf("renewed as %s, was %s", renewed.ID, last.ID)
	}
	list := must(b.ListInvitations(ctx, ada.admin, service.ListInvitationsIn{WorkspaceID: team}))(t)
	want := map[account.InvitationState]int{account.Accepted: 1, account.Declined: 1, account.Withdrawn: 1, account.Pending: 1, account.Expired: 1}
	if d := cmp.Diff(want, list.Summary); d != "" {
		t.Errorf("invitations: %s", d)
	}
	// What an owner asked for goes with the owner.
	must(b.EditMember(ctx, ada.admin, service.EditMemberIn{WorkspaceID: team, UserID: bob.ID, Role: account.Owner}))(t)
	must(b.EditMember(ctx, bob.admin, service.EditMemberIn{WorkspaceID: team, UserID: ada.ID, Role: account.Member}))(t)
	if waiting(eve) != 0 {
		t.Error("the invitation of a former owner is in force")
	}
}

// managing tries everything that is left to owners, and returns what came of each.
func (b *bench) managing(who account.Principal, team, user string) map[string]error {
	out := map[string]error{}
	_, out["rename"] = b.RenameWorkspace(ctx, who, service.RenameWorkspaceIn{WorkspaceID: team, Name: "taken"})
	_, out["invite"] = b.Invite(ctx, who, service.InviteIn{WorkspaceID: team, Email: "x@example.org"})
	_, out["list invitations"] = b.ListInvitations(ctx, who, service.ListInvitationsIn{WorkspaceID: team})
	_, out["withdraw"] = b.WithdrawInvitation(ctx, who, service.WithdrawInvitationIn{WorkspaceID: team, InvitationID: "x"})
	_, out["edit a member"] = b.EditMember(ctx, who, service.EditMemberIn{WorkspaceID: team, UserID: user, Role: account.Owner})
	_, out["remove a member"] = b.RemoveMember(ctx, who, service.RemoveMemberIn{WorkspaceID: team, UserID: user})
	_, out["transfer"] = b.TransferWorkspace(ctx, who, service.TransferWorkspaceIn{WorkspaceID: team, UserID: user})
	for name, in := range map[string]service.CreateKeyIn{
		"make an admin key": {Scope: account.Admin}, "make a verifier key": {Scope: account.Verifier}, "grant decide": {Scope: account.Developer, Decide: true},
	} {
		in.WorkspaceID, in.Name = team, "x"
		_, out[name] = b.CreateKey(ctx, who, in)
	}
	return out
}

func wants(t testing.TB, err error, code threat.Code) {
	t.Helper()
	if threat.CodeOf(err) != code {
		t.Errorf("got %v, want %s", err, code)
	}
}

func TestTheLastOwnerStays(t *testing.T) {
	b := newBench(t)
	ada, bob := b.person(t), b.person(t)
	team := b.team(t, ada, bob)
	_, err := b.LeaveWorkspace(ctx, ada.developer, service.LeaveWorkspaceIn{WorkspaceID: team})
	wants(t, err, threat.FailedPrecondition)
	_, err = b.RemoveMember(ctx, ada.admin, service.RemoveMemberIn{WorkspaceID: team, UserID: ada.ID})
	wants(t, err, threat.FailedPrecondition)
	_, err = b.EditMember(ctx, ada.admin, service.EditMemberIn{WorkspaceID: team, UserID: ada.ID, Role: account.Member})
	wants(t, err, threat.FailedPrecondition)
	_, err = b.EditMember(ctx, ada.admin, service.EditMemberIn{WorkspaceID: team, UserID: bob.ID, Role: "root"})
	wants(t, err, threat.Invalid)
	_, err = b.TransferWorkspace(ctx, ada.admin, service.TransferWorkspaceIn{WorkspaceID: team, UserID: ada.ID})
	wants(t, err, threat.Invalid)
	for _, err := range []error{
		second(b.LeaveWorkspace(ctx, ada.developer, service.LeaveWorkspaceIn{WorkspaceID: ada.PersonalWorkspace})),
		second(b.Invite(ctx, ada.admin, service.InviteIn{WorkspaceID: ada.PersonalWorkspace, Email: bob.Email})),
	} {
		wants(t, err, threat.FailedPrecondition)
	}

	mine := must(b.CreateKey(ctx, ada.admin, service.CreateKeyIn{WorkspaceID: team, Name: "admin", Scope: account.Admin}))(t)
	dev := must(b.CreateKey(ctx, ada.admin, service.CreateKeyIn{WorkspaceID: team, Name: "dev", Scope: account.Developer}))(t)
	out := must(b.TransferWorkspace(ctx, must(b.Authenticate(ctx, mine.APIKey))(t), service.TransferWorkspaceIn{WorkspaceID: team, UserID: bob.ID}))(t)
	if out.Owner.UserID != bob.ID || out.Owner.Role != account.Owner || out.Member.UserID != ada.ID || out.Member.Role != account.Member || out.RevokedKeys != 1 {
		t.Errorf("the transfer says %+v", out)
	}
	_, err = b.Authenticate(ctx, mine.APIKey)
	wants(t, err, threat.Unauthenticated)
	must(b.Authenticate(ctx, dev.APIKey))(t)
	if gone := must(b.LeaveWorkspace(ctx, ada.developer, service.LeaveWorkspaceIn{WorkspaceID: team}))(t); gone.RevokedKeys != 1 {
		t.Errorf("leaving revoked %d keys", gone.RevokedKeys)
	}
	_, err = b.Authenticate(ctx, dev.APIKey)
	wants(t, err, threat.Unauthenticated)
	// Coming back does not bring the keys back.
	i := must(b.Invite(ctx, bob.admin, service.InviteIn{WorkspaceID: team, Email: ada.Email}))(t).Invitation
	must(b.AcceptInvitation(ctx, ada.developer, service.AnswerInvitationIn{InvitationID: i.ID}))(t)
	_, err = b.Authenticate(ctx, dev.APIKey)
	wants(t, err, threat.Unauthenticated)

	// Each of it is in the activity of the team, of the key's own workspace nothing.
	at := bob.admin
	at.WorkspaceID = team
	verbs := map[string]int{}
	for _, a := range must(b.GetActivity(ctx, at, service.GetActivityIn{Limit: ptr(200)}))(t).Activity {
		verbs[a.Verb+" "+a.Outcome]++
	}
	want := map[string]int{
		"create_workspace done": 1, "invite done": 2, "accept_invitation done": 2, "create_key done": 2, "transfer_workspace done": 1, "leave_workspace done": 1,
		"leave_workspace refused": 1, "remove_member refused": 1, "edit_member refused": 2, "transfer_workspace refused": 1,
	}
	if d := cmp.Diff(want, verbs); d != "" {
		t.Errorf("the team's activity: %s", d)
	}
}

func second[T any](_ T, err error) error { return err }

// An owner who is disabled does not hold a workspace for those who can act, and gives way to an heir.
func TestDisabledOwners(t *testing.T) {
	b := newBench(t)
	ada, bob, eve := b.person(t), b.person(t), b.person(t)
	team := b.team(t, ada, bob, eve)
	must(b.EditMember(ctx, ada.admin, service.EditMemberIn{WorkspaceID: team, UserID: bob.ID, Role: account.Owner}))(t)
	must(b.SetDisabled(ctx, bob.Email, true))(t)
	_, err := b.LeaveWorkspace(ctx, ada.developer, service.LeaveWorkspaceIn{WorkspaceID: team})
	wants(t, err, threat.FailedPrecondition)
	_, err = b.EditMember(ctx, ada.admin, service.EditMemberIn{WorkspaceID: team, UserID: ada.ID, Role: account.Member})
	wants(t, err, threat.FailedPrecondition)
	ask := must(b.AskAccountDeletion(ctx, ada.admin, service.AskAccountDeletionIn{}))(t)
	if len(ask.PassedOn) != 1 || ask.PassedOn[0].To.UserID != eve.ID || len(ask.Left) != 0 {
		t.Errorf("passed on: %+v, left: %+v", ask.PassedOn, ask.Left)
	}
	must(b.SetDisabled(ctx, eve.Email, true))(t) // nobody can act: whoever is an owner stays it
	if ask = must(b.AskAccountDeletion(ctx, ada.admin, service.AskAccountDeletionIn{}))(t); len(ask.PassedOn) != 1 || ask.PassedOn[0].To.UserID != bob.ID {
		t.Errorf("passed on: %+v", ask.PassedOn)
	}
	must(b.SetDisabled(ctx, bob.Email, false))(t)
	must(b.LeaveWorkspace(ctx, ada.developer, service.LeaveWorkspaceIn{WorkspaceID: team}))(t)
}

// A refusal is in the activity of the workspace that it is about, when the caller is in it, and of no other.
func TestRefusalsAreWhereTheyBelong(t *testing.T) {
	b := newBench(t)
	ada, bob, eve := b.person(t), b.person(t), b.person(t)
	team := b.team(t, ada, bob)
	_, err := b.Invite(ctx, ada.admin, service.InviteIn{WorkspaceID: team, Email: bob.Email}) // "bob… is a member"
	wants(t, err, threat.Conflict)
	_, err = b.RemoveMember(ctx, bob.admin, service.RemoveMemberIn{WorkspaceID: team, UserID: ada.ID})
	wants(t, err, threat.Forbidden)
	_, err = b.RemoveMember(ctx, eve.admin, service.RemoveMemberIn{WorkspaceID: team, UserID: bob.ID})
	wants(t, err, threat.NotFound)
	i := must(b.Invite(ctx, ada.admin, service.InviteIn{WorkspaceID: team, Email: eve.Email}))(t).Invitation
	must(b.WithdrawInvitation(ctx, ada.admin, service.WithdrawInvitationIn{WorkspaceID: team, InvitationID: i.ID}))(t)
	_, err = b.DeclineInvitation(ctx, eve.developer, service.AnswerInvitationIn{InvitationID: i.ID})
	wants(t, err, threat.FailedPrecondition)
	refused := func(who account.Principal, workspace string) (verbs []string) {
		who.WorkspaceID = workspace
		for _, a := range must(b.GetActivity(ctx, who, service.GetActivityIn{Limit: ptr(200)}))(t).Activity {
			if a.Outcome == "refused" {
				verbs = append(verbs, a.Verb)
			}
		}
		slices.Sort(verbs)
		return verbs
	}
	for name, c := range map[string]struct{ got, want []string }{
		"the team": {refused(ada.admin, team), []string{"invite", "remove_member"}},
		"ada's":    {refused(ada.admin, ada.PersonalWorkspace), nil},
		"bob's":    {refused(bob.admin, bob.PersonalWorkspace), nil},
		"eve's":    {refused(eve.admin, eve.PersonalWorkspace), []string{"decline_invitation", "remove_member"}},
	} {
		if d := cmp.Diff(c.want, c.got); d != "" {
			t.Errorf("%s activity has refusals: %s", name, d)
		}
	}
}

// Whatever people do to each other's places, each team keeps an owner, a place is what the moves made it, nobody outside sees anything, and
// the keys of whoever is out are refused at once.
func TestMembershipWalk(t *testing.T) {
	b := newBench(t)
	rapid.Check(t, func(rt *rapid.T) {
		people := []person{b.person(t), b.person(t), b.person(t), b.person(t)}
		w := &membershipWalk{b: b, t: t, rt: rt, people: people, keys: map[string][]walkKey{}}
		for _, owner := range people[:2] {
			w.teams = append(w.teams, b.team(t, owner))
			w.places = append(w.places, map[string]account.Role{owner.ID: account.Owner})
			w.asked = append(w.asked, map[string]account.Invitation{})
		}
		for range rapid.IntRange(3, 12).Draw(rt, "moves") {
			w.move()
			w.check()
		}
	})
}

type walkKey struct {
	team   int
	scope  account.Scope
	secret string
}

// membershipWalk is a membership walk with what its state should be.
type membershipWalk struct {
	b      *bench
	t      *testing.T
	rt     *rapid.T
	people []person
	teams  []string
	places []map[string]account.Role       // by user
	asked  []map[string]account.Invitation // what is pending, by user
	keys   map[string][]walkKey            // live ones, by user
	made   []string                        // every key that was made
}

func (w *membershipWalk) one(name string) person { return rapid.SampledFrom(w.people).Draw(w.rt, name) }

func (w *membershipWalk) owners(team int) (n int) {
	for _, r := range w.places[team] {
		if r == account.Owner {
			n++
		}
	}
	return n
}

// drop is what a move to a lesser place ends.
func (w *membershipWalk) drop(team int, user string, to account.Role) {
	for guest, i := range w.asked[team] {
		if i.InvitedBy == user {
			delete(w.asked[team], guest)
		}
	}
	w.keys[user] = slices.DeleteFunc(w.keys[user], func(k walkKey) bool { return k.team == team && (to == "" || k.scope == account.Admin) })
	if to == "" {
		delete(w.places[team], user)
	} else {
		w.places[team][user] = to
	}
}

// owned is what a move that is left to owners should answer before its own rules.
func (w *membershipWalk) owned(team int, who person) threat.Code {
	switch w.places[team][who.ID] {
	case account.Owner:
		return ""
	case account.Member:
		return threat.Forbidden
	}
	return threat.NotFound
}

func (w *membershipWalk) move() {
	team := rapid.IntRange(0, len(w.teams)-1).Draw(w.rt, "team")
	id, who, whom := w.teams[team], w.one("who"), w.one("whom")
	place := w.places[team]
	lesser := func(user string, to account.Role) threat.Code { // what a change to a place should answer
		switch {
		case place[user] == "":
			return threat.NotFound
		case place[user] == account.Owner && to != account.Owner && w.owners(team) == 1:
			return threat.FailedPrecondition
		}
		return ""
	}
	var err error
	var want threat.Code
	kind := rapid.SampledFrom([]string{"invite", "accept", "decline", "withdraw", "leave", "remove", "role", "transfer", "key"}).Draw(w.rt, "move")
	switch kind {
	case "invite":
		role := rapid.SampledFrom(account.Roles()).Draw(w.rt, "role")
		var out service.InvitationOut
		out, err = w.b.Invite(ctx, who.admin, service.InviteIn{WorkspaceID: id, Email: whom.Email, Role: role})
		if want = w.owned(team, who); want == "" && place[whom.ID] != "" {
			want = threat.Conflict
		} else if want == "" {
			w.asked[team][whom.ID] = out.Invitation
		}
	case "accept", "decline":
		i, ok := w.asked[team][whom.ID]
		if !ok {
			i.ID = testenv.NewID(w.t)
		}
		if ok && who.ID == whom.ID {
			delete(w.asked[team], who.ID)
		} else {
			want = threat.NotFound
		}
		if kind == "accept" {
			_, err = w.b.AcceptInvitation(ctx, who.developer, service.AnswerInvitationIn{InvitationID: i.ID})
			if want == "" && place[who.ID] == "" {
				place[who.ID] = i.Role
			}
		} else {
			_, err = w.b.DeclineInvitation(ctx, who.developer, service.AnswerInvitationIn{InvitationID: i.ID})
		}
	case "withdraw":
		i, ok := w.asked[team][whom.ID]
		_, err = w.b.WithdrawInvitation(ctx, who.admin, service.WithdrawInvitationIn{WorkspaceID: id, InvitationID: i.ID})
		if want = w.owned(team, who); want == "" && !ok {
			want = threat.NotFound
		} else if want == "" {
			delete(w.asked[team], whom.ID)
		}
	case "leave":
		_, err = w.b.LeaveWorkspace(ctx, who.developer, service.LeaveWorkspaceIn{WorkspaceID: id})
		if want = lesser(who.ID, ""); want == "" {
			w.drop(team, who.ID, "")
		}
	case "remove":
		_, err = w.b.RemoveMember(ctx, who.admin, service.RemoveMemberIn{WorkspaceID: id, UserID: whom.ID})
		if want = w.owned(team, who); want == "" {
			if want = lesser(whom.ID, ""); want == "" {
				w.drop(team, whom.ID, "")
			}
		}
	case "role":
		role := rapid.SampledFrom(account.Roles()).Draw(w.rt, "role")
		_, err = w.b.EditMember(ctx, who.admin, service.EditMemberIn{WorkspaceID: id, UserID: whom.ID, Role: role})
		if want = w.owned(team, who); want == "" {
			if want = lesser(whom.ID, role); want == "" {
				if place[whom.ID] == account.Owner && role == account.Member {
					w.drop(team, whom.ID, role)
				}
				place[whom.ID] = role
			}
		}
	case "transfer":
		_, err = w.b.TransferWorkspace(ctx, who.admin, service.TransferWorkspaceIn{WorkspaceID: id, UserID: whom.ID})
		if want = w.owned(team, who); want == "" && who.ID == whom.ID {
			want = threat.Invalid
		} else if want == "" && place[whom.ID] == "" {
			want = threat.NotFound
		} else if want == "" {
			place[whom.ID] = account.Owner
			w.drop(team, who.ID, account.Member)
		}
	case "key":
		in := service.CreateKeyIn{WorkspaceID: id, Name: "k", Scope: rapid.SampledFrom(account.Scopes()).Draw(w.rt, "scope")}
		caller := who.admin
		if in.Scope == account.Developer {
			caller = who.developer
		}
		var out service.CreateKeyOut
		out, err = w.b.CreateKey(ctx, caller, in)
		if want = w.owned(team, who); want == threat.Forbidden && in.Scope == account.Developer {
			want = ""
		}
		if want == "" {
			w.keys[who.ID] = append(w.keys[who.ID], walkKey{team, in.Scope, out.APIKey})
			w.made = append(w.made, out.APIKey)
		}
	}
	if threat.CodeOf(err) != want {
		w.rt.Fatalf("%s of %s by %s (%q) in team %d: %v, want %q", kind, whom.Name[:8], who.Name[:8], place[who.ID], team, err, want)
	}
}

// check compares the whole state with what it should be.
func (w *membershipWalk) check() {
	for team, id := range w.teams {
		if w.owners(team) == 0 {
			w.rt.Fatalf("team %d has no owner", team)
		}
		for _, p := range w.people {
			out, err := w.b.ListMembers(ctx, p.developer, service.ListMembersIn{WorkspaceID: id})
			if w.places[team][p.ID] == "" {
				if threat.CodeOf(err) != threat.NotFound {
					w.rt.Fatalf("an outsider sees team %d: %+v, %v", team, out, err)
				}
				continue
			}
			got := map[string]account.Role{}
			for _, m := range out.Members {
				got[m.UserID] = m.Role
			}
			if d := cmp.Diff(w.places[team], got); d != "" || err != nil {
				w.rt.Fatalf("team %d: %s, %v", team, d, err)
			}
		}
	}
	live := map[string]bool{}
	for _, p := range w.people {
		listed := map[string]bool{}
		for _, i := range must(w.b.ListMyInvitations(ctx, p.developer, service.ListMyInvitationsIn{}))(w.t).Invitations {
			listed[i.ID] = true
		}
		want := map[string]bool{}
		for _, asked := range w.asked {
			if i, ok := asked[p.ID]; ok {
				want[i.ID] = true
			}
		}
		if d := cmp.Diff(want, listed); d != "" {
			w.rt.Fatalf("invitations of %s: %s", p.Name[:8], d)
		}
		for _, k := range w.keys[p.ID] {
			who, err := w.b.Authenticate(ctx, k.secret)
			if err != nil || who.WorkspaceID != w.teams[k.team] || who.UserID != p.ID || who.Scope != k.scope {
				w.rt.Fatalf("a key in force is refused: %+v, %v", who, err)
			}
			live[k.secret] = true
		}
	}
	for _, secret := range w.made {
		if _, err := w.b.Authenticate(ctx, secret); !live[secret] && threat.CodeOf(err) != threat.Unauthenticated {
			w.rt.Fatalf("a key that ended is taken: %v", err)
		}
	}
}
