package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/auth"
	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

func TestUsers(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		_, err := orError(e, func(v *store.Snapshot) (account.User, error) { return v.FirstAdmin() })
		refused(t, err, threat.NotFound)

		first := testenv.User(t, e.Store, "first@example.org")
		e.clock.Advance(time.Hour)
		second := testenv.User(t, e.Store, "second@example.org")

		if got := get(t, e, func(v *store.Snapshot) (account.User, error) { return v.User(first.ID) }); got != first {
			t.Errorf("stored %+v, read %+v", first, got)
		}
		if got := get(t, e, func(v *store.Snapshot) (account.User, error) { return v.UserByEmail("second@example.org") }); got != second {
			t.Errorf("stored %+v, read %+v", second, got)
		}
		if got := get(t, e, (*store.Snapshot).Users); !cmp.Equal(got, []account.User{first, second}) {
			t.Errorf("the users are %+v", got)
		}
		_, err = orError(e, func(v *store.Snapshot) (account.User, error) { return v.User("nobody") })
		refused(t, err, threat.NotFound)
		_, err = orError(e, func(v *store.Snapshot) (account.User, error) { return v.UserByEmail("nobody@example.org") })
		refused(t, err, threat.NotFound)

		twin := first
		twin.ID = testenv.NewID(t)
		refused(t, e.try(func(tx *store.Tx) error { return tx.AddUser(twin) }), threat.Conflict)
		stray := first
		stray.ID, stray.Email, stray.PersonalWorkspace = testenv.NewID(t), "stray@example.org", testenv.NewID(t)
		refused(t, e.try(func(tx *store.Tx) error { return tx.AddUser(stray) }), threat.Conflict)
		if n := len(get(t, e, (*store.Snapshot).Users)); n != 2 {
			t.Errorf("%d users after refusals", n)
		}
	})
}

// orError is get for reads that may fail.
func orError[T any](e env, fn func(*store.Snapshot) (T, error)) (out T, err error) {
	err = e.Read(background, func(v *store.Snapshot) (err error) {
		out, err = fn(v)
		return err
	})
	return out, err
}

func TestFirstAdminIsTheOldestThatIsEnabled(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		for _, u := range []account.User{
			{Email: "plain@example.org"},
			{Email: "gone@example.org", InstanceAdmin: true, Disabled: true},
			{Email: "this@example.org", InstanceAdmin: true},
			{Email: "later@example.org", InstanceAdmin: true},
		} {
			e.clock.Advance(time.Minute)
			e.write(t, func(tx *store.Tx) error {
				w := account.Workspace{ID: testenv.NewID(t), Name: "w", Kind: account.Personal, CreatedAt: tx.Now()}
				u.ID, u.PersonalWorkspace, u.CreatedAt = testenv.NewID(t), w.ID, tx.Now()
				if err := tx.AddWorkspace(w); err != nil {
					return err
				}
				return tx.AddUser(u)
			})
		}
		if got := get(t, e, (*store.Snapshot).FirstAdmin); got.Email != "this@example.org" || !got.InstanceAdmin || got.Disabled {
			t.Errorf("the first admin is %+v", got)
		}
	})
}

func TestMembers(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		owner := testenv.User(t, e.Store, "owner@example.org")
		other := testenv.User(t, e.Store, "other@example.org")
		e.clock.Advance(time.Hour)
		team := testenv.Workspace(t, e.Store, owner)
		join := func(tx *store.Tx) error { return tx.AddMember(team.ID, other.ID, account.Member) }

		role := func(u account.User) (account.Role, error) {
			return orError(e, func(v *store.Snapshot) (account.Role, error) { return v.Role(team.ID, u.ID) })
		}
		_, err := role(other)
		refused(t, err, threat.NotFound)
		e.write(t, join)
		refused(t, e.try(join), threat.Conflict)
		if r, err := role(other); r != account.Member || err != nil {
			t.Errorf("the role is %q, %v", r, err)
		}
		if r, err := role(owner); r != account.Owner || err != nil {
			t.Errorf("the owner's role is %q, %v", r, err)
		}
		spaces := get(t, e, func(v *store.Snapshot) ([]account.Workspace, error) { return v.UserWorkspaces(other.ID) })
		if len(spaces) != 2 || spaces[0].ID != other.PersonalWorkspace || spaces[0].Kind != account.Personal || spaces[0].Role != account.Owner ||
			spaces[1].ID != team.ID || spaces[1].Kind != account.Team || spaces[1].Role != account.Member || !spaces[1].CreatedAt.Equal(team.CreatedAt) {
			t.Errorf("the workspaces are %+v", spaces)
		}
		refused(t, e.try(func(tx *store.Tx) error { return tx.AddMember(testenv.NewID(t), other.ID, account.Member) }), threat.Conflict)
	})
}

func TestKeys(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		u := testenv.User(t, e.Store, "u@example.org")
		other := testenv.User(t, e.Store, "other@example.org")
		w := u.PersonalWorkspace
		at := func(minutes time.Duration) func(*account.Key) {
			return func(k *account.Key) { k.CreatedAt = testenv.Start.Add(minutes * time.Minute) }
		}
		expiry := testenv.Start.Add(time.Hour)
		a, secretA := testenv.Key(t, e.Store, w, u, account.Developer, at(1), func(k *account.Key) { k.Decide, k.ExpiresAt = true, &expiry })
		b, _ := testenv.Key(t, e.Store, w, other, account.Verifier, at(2))
		elsewhere, _ := testenv.Key(t, e.Store, other.PersonalWorkspace, other, account.Admin, at(3))

		key := func(workspace, id string) (account.Key, error) {
			return orError(e, func(v *store.Snapshot) (account.Key, error) { return v.Key(workspace, id) })
		}
		if got, err := key(w, a.ID); err != nil || !cmp.Equal(got, a) {
			t.Errorf("stored %+v, read %+v, %v", a, got, err)
		}
		_, err := key(w, elsewhere.ID)
		refused(t, err, threat.NotFound)

		holder := get(t, e, func(v *store.Snapshot) (store.KeyHolder, error) { return v.KeyByHash(auth.HashKey(secretA)) })
		if !cmp.Equal(holder.Key, a) || holder.UserName != u.Name || holder.InstanceAdmin || holder.Disabled {
			t.Errorf("the holder is %+v", holder)
		}
		_, err = orError(e, func(v *store.Snapshot) (store.KeyHolder, error) { return v.KeyByHash(secretA) }) // the key itself is nowhere
		refused(t, err, threat.NotFound)

		list := func(user string) (ids []string) {
			for _, k := range get(t, e, func(v *store.Snapshot) ([]account.Key, error) { return v.Keys(w, user) }) {
				ids = append(ids, k.ID)
			}
			return ids
		}
		if got := list(""); !cmp.Equal(got, []string{a.ID, b.ID}) {
			t.Errorf("the workspace's keys are %v", got)
		}
		if got := list(other.ID); !cmp.Equal(got, []string{b.ID}) {
			t.Errorf("the other user's keys are %v", got)
		}

		twin := a
		twin.ID = testenv.NewID(t)
		refused(t, e.try(func(tx *store.Tx) error { return tx.AddKey(twin, auth.HashKey(secretA)) }), threat.Conflict)

		used := e.clock.Advance(time.Minute)
		e.write(t, func(tx *store.Tx) error { return tx.TouchKey(w, a.ID, used, false) })
		e.write(t, func(tx *store.Tx) error { return tx.TouchKey(w, elsewhere.ID, used, false) }) // not this workspace's: nothing
		if got, _ := key(w, a.ID); got.LastUsedAt == nil || !got.LastUsedAt.Equal(used) {
			t.Errorf("last used at %v", got.LastUsedAt)
		}
		if got, _ := key(other.PersonalWorkspace, elsewhere.ID); got.LastUsedAt != nil {
			t.Errorf("a key of another workspace was touched")
		}

		refused(t, e.try(func(tx *store.Tx) error { return tx.RevokeKey(w, elsewhere.ID) }), threat.NotFound)
		revoked := e.clock.Advance(time.Minute)
		e.write(t, func(tx *store.Tx) error { return tx.RevokeKey(w, a.ID) })
		e.clock.Advance(time.Minute)
		e.write(t, func(tx *store.Tx) error { return tx.RevokeKey(w, a.ID) }) // again: the first time stands
		if got, _ := key(w, a.ID); got.RevokedAt == nil || !got.RevokedAt.Equal(revoked) || got.Live(revoked) {
			t.Errorf("revoked at %v, want %v", got.RevokedAt, revoked)
		}
		if got, _ := key(other.PersonalWorkspace, elsewhere.ID); got.RevokedAt != nil {
			t.Errorf("a key of another workspace was revoked")
		}
	})
}
