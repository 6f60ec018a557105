package store_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/auth"
	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

func someInvitation(t testing.TB, email, by string) account.Invitation {
	return account.Invitation{ID: testenv.NewID(t), Email: email, Role: account.Member, InvitedBy: by, ExpiresAt: testenv.Start.Add(account.InvitationLife)}
}

// look returns the error of a read.
func (e env) look(fn func(*store.Snapshot) error) error { return e.Read(context.Background(), fn) }

func TestMembersOfATeam(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		ada, bob := testenv.User(t, e.Store, "ada@example.org"), testenv.User(t, e.Store, "bob@example.org")
		team, other := testenv.Workspace(t, e.Store, ada), testenv.Workspace(t, e.Store, ada)
		roles := func(workspace string) (out []string) {
			for _, m := range get(t, e, func(v *store.Snapshot) ([]account.Membership, error) { return v.Members(workspace) }) {
				out = append(out, m.Email+" "+string(m.Role))
			}
			return out
		}
		e.clock.Advance(time.Second)
		e.write(t, func(tx *store.Tx) error { return tx.AddMember(team.ID, bob.ID, account.Member) })
		if d := cmp.Diff([]string{"ada@example.org owner", "bob@example.org member"}, roles(team.ID)); d != "" {
			t.Error(d)
		}
		if seat := get(t, e, func(v *store.Snapshot) (account.Workspace, error) { return v.Seat(team.ID, bob.ID) }); seat.Role != account.Member || seat.Kind != account.Team {
			t.Errorf("the seat is %+v", seat)
		}
		refused(t, e.look(func(v *store.Snapshot) error { _, err := v.Seat(other.ID, bob.ID); return err }), threat.NotFound)
		refused(t, e.try(func(tx *store.Tx) error { return tx.SetRole(other.ID, bob.ID, account.Owner) }), threat.NotFound)
		refused(t, e.try(func(tx *store.Tx) error { return tx.RemoveMember(other.ID, bob.ID) }), threat.NotFound)
		refused(t, e.try(func(tx *store.Tx) error { return tx.RenameWorkspace(testenv.NewID(t), "x") }), threat.NotFound)

		_, secret := testenv.Key(t, e.Store, team.ID, bob, account.Developer)
		holder := func() error {
			return e.look(func(v *store.Snapshot) error { _, err := v.KeyByHash(auth.HashKey(secret)); return err })
		}
		if err := holder(); err != nil {
			t.Fatal(err)
		}
		e.write(t, func(tx *store.Tx) error { return tx.RemoveMember(team.ID, bob.ID) })
		refused(t, holder(), threat.NotFound) // even before it is revoked
		e.write(t, func(tx *store.Tx) error {
			n, err := tx.RevokeMemberKeys(team.ID, bob.ID, "")
			if n != 1 {
				t.Errorf("%d keys are revoked", n)
			}
			return err
		})
		if d := cmp.Diff([]string{"ada@example.org owner"}, roles(team.ID)); d != "" {
			t.Error(d)
		}
	})
}

func TestInvitations(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		ada, bob := testenv.User(t, e.Store, "ada@example.org"), testenv.User(t, e.Store, "bob@example.org")
		team, other := testenv.Workspace(t, e.Store, ada), testenv.Workspace(t, e.Store, ada)
		add := func(workspace, email string) (id string) {
			e.write(t, func(tx *store.Tx) (err error) {
				id, err = tx.AddInvitation(workspace, someInvitation(t, email, ada.ID))
				return err
			})
			return id
		}
		to := func(email string) (ids []string) {
			for _, i := range get(t, e, func(v *store.Snapshot) ([]account.Invitation, error) { return v.InvitationsTo(email) }) {
				ids = append(ids, i.ID)
			}
			return ids
		}
		first := add(team.ID, bob.Email)
		if again := add(team.ID, bob.Email); again != first {
			t.Errorf("a second invitation has id %s beside %s", again, first)
		}
		elsewhere := add(other.ID, bob.Email)
		if d := cmp.Diff(2, len(to(bob.Email))); d != "" {
			t.Error(d)
		}
		refused(t, e.try(func(tx *store.Tx) error { return tx.EndInvitation(other.ID, first, account.Declined) }), threat.NotFound)
		refused(t, e.look(func(v *store.Snapshot) error { _, err := v.Invitation(other.ID, first); return err }), threat.NotFound)
		refused(t, e.look(func(v *store.Snapshot) error { _, err := v.InvitationTo(ada.Email, first); return err }), threat.NotFound)
		e.write(t, func(tx *store.Tx) error { return tx.EndInvitation(team.ID, first, account.Declined) })
		refused(t, e.try(func(tx *store.Tx) error { return tx.EndInvitation(team.ID, first, account.Accepted) }), threat.NotFound)
		if d := cmp.Diff([]string{elsewhere}, to(bob.Email)); d != "" {
			t.Error(d)
		}
		if second := add(team.ID, bob.Email); second == first {
			t.Error("an ended invitation came back")
		}
		e.clock.Set(testenv.Start.Add(account.InvitationLife))
		if got := to(bob.Email); got != nil {
			t.Errorf("expired invitations are shown: %v", got)
		}
		i := get(t, e, func(v *store.Snapshot) (account.Invitation, error) { return v.Invitation(other.ID, elsewhere) })
		if i.State != account.Expired || i.InvitedByName != ada.Name || i.WorkspaceName != other.Name {
			t.Errorf("expired: %+v", i)
		}
		e.write(t, func(tx *store.Tx) error {
			n, err := tx.WithdrawInvitationsBy(other.ID, ada.ID)
			if n != 1 {
				t.Errorf("%d are withdrawn", n)
			}
			return err
		})
		e.write(t, func(tx *store.Tx) error {
			n, err := tx.PurgeInvitations(tx.Now().Add(time.Second))
			if n != 3 {
				t.Errorf("%d are purged", n)
			}
			return err
		})
	})
}

// Two owners who leave at the same moment cannot both find that the other stays: the workspace's row is taken first.
func TestMembersChangeOneAfterTheOther(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		ada, bob := testenv.User(t, e.Store, "ada@example.org"), testenv.User(t, e.Store, "bob@example.org")
		for range 20 {
			team := testenv.Workspace(t, e.Store, ada)
			e.write(t, func(tx *store.Tx) error { return tx.AddMember(team.ID, bob.ID, account.Owner) })
			var wg sync.WaitGroup
			for _, u := range []account.User{ada, bob} {
				wg.Go(func() {
					err := e.try(func(tx *store.Tx) error {
						if _, err := tx.Seat(team.ID, u.ID); err != nil {
							return err
						}
						if err := tx.LockWorkspace(team.ID); err != nil {
							return err
						}
						all, err := tx.Members(team.ID)
						if err != nil {
							return err
						}
						if err := account.Change(account.Team, all, u.ID, ""); err != nil {
							return err
						}
						return tx.RemoveMember(team.ID, u.ID)
					})
					if err != nil && threat.CodeOf(err) != threat.FailedPrecondition {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			left := get(t, e, func(v *store.Snapshot) ([]account.Membership, error) { return v.Members(team.ID) })
			if len(left) != 1 {
				t.Fatalf("%d owners are left", len(left))
			}
			if n := get(t, e, func(v *store.Snapshot) (int64, error) { return v.WorkspaceRevision(team.ID) }); n != 1 {
				t.Errorf("revision %d after one change", n)
			}
		}
	})
}
