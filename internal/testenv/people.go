package testenv

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/auth"
	"github.com/redoubt-dev/redoubt/store"
)

// NewID returns a fresh UUIDv7.
func NewID(t testing.TB) string {
	t.Helper()
	id, err := uuid.NewV7()
	if err != nil {
		t.Fatal(err)
	}
	return id.String()
}

// Write runs fn in a write transaction and ends the test when it fails.
func Write(t testing.TB, s *store.Store, fn func(*store.Tx) error) {
	t.Helper()
	if err := s.Write(context.Background(), fn); err != nil {
		t.Fatalf("write: %v", err)
	}
}

// Read runs fn on a snapshot and ends the test when it fails.
func Read(t testing.TB, s *store.Store, fn func(*store.Snapshot) error) {
	t.Helper()
	if err := s.Read(context.Background(), fn); err != nil {
		t.Fatalf("read: %v", err)
	}
}

// User adds a person with a personal workspace that they own.
func User(t testing.TB, s *store.Store, email string) account.User {
	t.Helper()
	var u account.User
	Write(t, s, func(tx *store.Tx) error {
		w := account.Workspace{ID: NewID(t), Name: "Personal", Kind: account.Personal, CreatedAt: tx.Now()}
		u = account.User{ID: NewID(t), Email: email, Name: email, PersonalWorkspace: w.ID, CreatedAt: tx.Now()}
		if err := tx.AddWorkspace(w); err != nil {
			return err
		}
		if err := tx.AddUser(u); err != nil {
			return err
		}
		return tx.AddMember(w.ID, u.ID, account.Owner)
	})
	return u
}

// Workspace adds a team workspace that a user owns.
func Workspace(t testing.TB, s *store.Store, owner account.User) account.Workspace {
	t.Helper()
	var w account.Workspace
	Write(t, s, func(tx *store.Tx) error {
		w = account.Workspace{ID: NewID(t), Name: "Team", Kind: account.Team, CreatedAt: tx.Now()}
		if err := tx.AddWorkspace(w); err != nil {
			return err
		}
		return tx.AddMember(w.ID, owner.ID, account.Owner)
	})
	return w
}

// Key adds a key of a user in a workspace and returns it with its secret. Changes are applied to the key before it is
// stored, to grant decide or to set an expiry.
func Key(t testing.TB, s *store.Store, workspace string, u account.User, scope account.Scope, changes ...func(*account.Key)) (account.Key, string) {
	t.Helper()
	secret, err := auth.NewKey(scope)
	if err != nil {
		t.Fatal(err)
	}
	k := account.Key{
		ID: NewID(t), WorkspaceID: workspace, UserID: u.ID, Name: "test", Scope: scope, Shown: auth.Shown(secret),
		CreatedAt: time.Now().UTC().Truncate(time.Microsecond),
	}
	for _, change := range changes {
		change(&k)
	}
	Write(t, s, func(tx *store.Tx) error { return tx.AddKey(k, auth.HashKey(secret)) })
	return k, secret
}

// Caller adds a user with a key in their personal workspace, and returns the principal that calls with it.
func Caller(t testing.TB, s *store.Store, scope account.Scope, changes ...func(*account.Key)) account.Principal {
	t.Helper()
	u := User(t, s, NewID(t)+"@example.org")
	k, _ := Key(t, s, u.PersonalWorkspace, u, scope, changes...)
	return Principal(k, u)
}

// Principal returns the caller that a key of a user makes.
func Principal(k account.Key, u account.User) account.Principal {
	return account.Principal{
		UserID: u.ID, UserName: u.Name, WorkspaceID: k.WorkspaceID, KeyID: k.ID, Scope: k.Scope,
		DecideGranted: k.Decide, InstanceAdmin: u.InstanceAdmin,
	}
}
