package testenv

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/redoubt-dev/redoubt/store"
)

// Store opens an empty, migrated SQLite database of the test's own, with the system's clock.
func Store(t testing.TB) *store.Store {
	t.Helper()
	return Open(t, SQLite(t), nil)
}

// StoreAt is [Store] with a clock to set.
func StoreAt(t testing.TB, c *Clock) *store.Store {
	t.Helper()
	return Open(t, SQLite(t), c)
}

// Open opens a database, given as in store.Config, and closes it when the test ends. A nil clock is the system's.
func Open(t testing.TB, database string, c *Clock) *store.Store {
	t.Helper()
	s, err := store.Open(context.Background(), config(database, c))
	if err != nil {
		t.Fatalf("open %s: %v", database, err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close %s: %v", database, err)
		}
	})
	return s
}

func config(database string, c *Clock) store.Config {
	var now func() time.Time
	if c != nil {
		now = c.Now
	}
	return store.Config{Database: database, Now: now}
}

// Dialects runs a test once on SQLite and once on PostgreSQL, each time on an empty database of its own.
func Dialects(t *testing.T, test func(t *testing.T, s *store.Store)) {
	t.Helper()
	Databases(t, func(t *testing.T, database string) { test(t, Open(t, database, nil)) })
}

// DialectsAt is [Dialects] with a clock to set.
func DialectsAt(t *testing.T, test func(t *testing.T, s *store.Store, c *Clock)) {
	t.Helper()
	Databases(t, func(t *testing.T, database string) {
		c := NewClock()
		test(t, Open(t, database, c), c)
	})
}

// Databases runs a test once on SQLite and once on PostgreSQL, for tests that open the database themselves.
func Databases(t *testing.T, test func(t *testing.T, database string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, Postgres(t)) })
}

// SQLite makes an empty, migrated SQLite database of the test's own and returns its name for store.Config.
func SQLite(t testing.TB) string {
	t.Helper()
	raw, err := template()
	if err != nil {
		t.Fatalf("make the template database: %v", err)
	}
	path := filepath.Join(t.TempDir(), "redoubt.db")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return "sqlite:" + path
}

// template returns the bytes of a migrated database: migrating takes longer than most tests. It is kept in memory, so that
// nothing is left behind when the process ends.
var template = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "redoubt-template-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "template.db")
	s, err := store.Open(context.Background(), store.Config{Database: "sqlite:" + path})
	if err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil { // the last one to close folds the write-ahead log into the file
		return nil, err
	}
	return os.ReadFile(path)
})
