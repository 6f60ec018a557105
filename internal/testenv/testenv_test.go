package testenv_test

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/auth"
	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEachTestHasItsOwnDatabase(t *testing.T) {
	testenv.Dialects(t, func(t *testing.T, s *store.Store) {
		testenv.User(t, s, "one@example.org") // the same address in both subtests
		var users []account.User
		testenv.Read(t, s, func(v *store.Snapshot) (err error) {
			users, err = v.Users()
			return err
		})
		if len(users) != 1 {
			t.Fatalf("%d users in a database of one's own", len(users))
		}
	})
	empty := testenv.Store(t)
	testenv.Read(t, empty, func(v *store.Snapshot) error {
		users, err := v.Users()
		if len(users) != 0 {
			t.Errorf("a fresh database has %d users", len(users))
		}
		return err
	})
}

func TestHelpersMakeWhatTheySay(t *testing.T) {
	testenv.DialectsAt(t, func(t *testing.T, s *store.Store, c *testenv.Clock) {
		u := testenv.User(t, s, "owner@example.org")
		w := testenv.Workspace(t, s, u)
		k, secret := testenv.Key(t, s, w.ID, u, account.Developer, func(k *account.Key) { k.Decide = true })
		m := testenv.Model(t, s, w.ID, u.ID, 3, 2)
		who := testenv.Principal(k, u)
		if !who.May(account.Decide) || who.WorkspaceID != w.ID {
			t.Errorf("the caller is %+v", who)
		}
		testenv.Read(t, s, func(v *store.Snapshot) error {
			holder, err := v.KeyByHash(auth.HashKey(secret))
			if err != nil {
				return err
			}
			if holder.Key.ID != k.ID {
				t.Errorf("the secret finds key %s, not %s", holder.Key.ID, k.ID)
			}
			head, err := v.Head(w.ID, m.ID)
			if err != nil {
				return err
			}
			if len(head.Assets) != 3 || len(head.Attackers) != 2 || m.Version != 1 {
				t.Errorf("the model is %d × %d at version %d", len(head.Assets), len(head.Attackers), m.Version)
			}
			return head.Check()
		})
		c.Advance(time.Hour)
		err := s.Read(context.Background(), func(v *store.Snapshot) error {
			if !v.Now().Equal(testenv.Start.Add(time.Hour)) {
				t.Errorf("the store's time is %s", v.Now())
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}
