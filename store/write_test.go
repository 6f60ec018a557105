package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

func addWorkspace(tx *store.Tx, id string) error {
	return tx.AddWorkspace(account.Workspace{ID: id, Name: id, Kind: account.Team, CreatedAt: tx.Now()})
}

func workspaces(t testing.TB, database string) int64 {
	t.Helper()
	return one(t, raw(t, database), "SELECT COUNT(*) FROM workspaces")
}

func TestAFailedWriteLeavesNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		boom := errors.New("boom")
		if err := e.try(func(tx *store.Tx) error { return errors.Join(addWorkspace(tx, "w1"), boom) }); !errors.Is(err, boom) {
			t.Errorf("got %v", err)
		}
		for _, bad := range []func(){
			func() { panic("boom") },
			func() { runtime.Goexit() },
		} {
			var wg sync.WaitGroup
			wg.Go(func() {
				defer func() { _ = recover() }()
				_ = e.try(func(tx *store.Tx) error {
					if err := addWorkspace(tx, "w2"); err != nil {
						return err
					}
					bad()
					return nil
				})
			})
			wg.Wait()
			wg.Go(func() {
				defer func() { _ = recover() }()
				_ = e.Read(background, func(*store.Snapshot) error { bad(); return nil })
			})
			wg.Wait()
		}
		// Every connection still works: more writes and reads than there are connections.
		for i := range 20 {
			e.write(t, func(tx *store.Tx) error { return addWorkspace(tx, fmt.Sprint("fine ", i)) })
			e.read(t, func(v *store.Snapshot) error { _, err := v.Users(); return err })
		}
		if n := workspaces(t, e.database); n != 20 {
			t.Errorf("%d workspaces, want 20", n)
		}
	})
}

func TestAFailedStatementEndsTheWrite(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		e.write(t, func(tx *store.Tx) error { return addWorkspace(tx, "w") })
		err := e.try(func(tx *store.Tx) error {
			if err := addWorkspace(tx, "x"); err != nil {
				return err
			}
			return addWorkspace(tx, "w")
		})
		refused(t, err, threat.Conflict)
		if n := workspaces(t, e.database); n != 1 {
			t.Errorf("%d workspaces, want 1", n)
		}
	})
}

// Errors are told apart by the driver's code; the cause stays in the chain for the log.
func TestErrorCodes(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		e.write(t, func(tx *store.Tx) error { return addWorkspace(tx, "w") })
		unique := e.try(func(tx *store.Tx) error { return addWorkspace(tx, "w") })
		foreign := e.try(func(tx *store.Tx) error { return tx.AddModel("nowhere", store.Model{ID: "m", Title: "t"}) })
		check := e.try(func(tx *store.Tx) error {
			return tx.AddWorkspace(account.Workspace{ID: "v", Name: "v", Kind: "castle"})
		})
		for what, c := range map[string]struct {
			err      error
			code     threat.Code
			sqlite   int
			postgres string
		}{
			"unique":      {unique, threat.Conflict, 1555, "23505"},
			"foreign key": {foreign, threat.Conflict, 787, "23503"},
			"check":       {check, threat.Internal, 275, "23514"},
		} {
			refused(t, c.err, c.code)
			var se *sqlite.Error
			var pe *pgconn.PgError
			switch {
			case isSQLite(e.database) && (!errors.As(c.err, &se) || se.Code() != c.sqlite):
				t.Errorf("%s: the cause %v is not in the chain", what, c.err)
			case !isSQLite(e.database) && (!errors.As(c.err, &pe) || pe.Code != c.postgres):
				t.Errorf("%s: the cause %v is not in the chain", what, c.err)
			}
			// What a caller is shown holds no internals.
			var word *threat.Error
			if errors.As(c.err, &word) && strings.Contains(word.Error(), "workspaces") {
				t.Errorf("%s: the caller reads %v", what, word)
			}
		}
	})
}

func TestATransactionHasOneTime(t *testing.T) {
	testenv.Databases(t, func(t *testing.T, database string) {
		c := testenv.NewClock()
		c.Set(time.Date(2026, 3, 2, 10, 0, 0, 123456789, time.FixedZone("CET", 3600)))
		s := testenv.Open(t, database, c)
		want := time.Date(2026, 3, 2, 9, 0, 0, 123456000, time.UTC)
		for range 2 {
			testenv.Write(t, s, func(tx *store.Tx) error {
				for range 2 {
					if got := tx.Now(); !got.Equal(want) || got.Location() != time.UTC || got.Nanosecond() != 123456000 {
						t.Errorf("the time is %v, want %v", got, want)
					}
					c.Advance(time.Second)
				}
				return nil
			})
			want = want.Add(2 * time.Second)
		}
	})
}

func TestASnapshotStandsStill(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		testenv.User(t, e.Store, "before@example.org")
		e.read(t, func(v *store.Snapshot) error {
			before, err := v.Users()
			if err != nil {
				return err
			}
			testenv.User(t, e.Store, "meanwhile@example.org")
			after, err := v.Users()
			if len(before) != 1 || len(after) != 1 {
				t.Errorf("a snapshot sees %d users, then %d", len(before), len(after))
			}
			return err
		})
		e.write(t, func(tx *store.Tx) error {
			users, err := tx.Users()
			if len(users) != 2 {
				t.Errorf("a new transaction sees %d users", len(users))
			}
			if err := addWorkspace(tx, "own"); err != nil {
				return err
			}
			if err := tx.AddMember("own", users[0].ID, account.Owner); err != nil {
				return err
			}
			if role, err := tx.Role("own", users[0].ID); role != account.Owner { // its own write
				t.Errorf("the role is %q, %v", role, err)
			}
			return err
		})
	})
}

func TestAnEndedContext(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		ended, cancel := context.WithCancel(background)
		cancel()
		run := func() { t.Error("it ran under an ended context") }
		if err := e.Write(ended, func(*store.Tx) error { run(); return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("write: %v", err)
		}
		if err := e.Read(ended, func(*store.Snapshot) error { run(); return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("read: %v", err)
		}
		// One that ends within a transaction does not tear it apart.
		ctx, cancel := context.WithCancel(background)
		err := e.Write(ctx, func(tx *store.Tx) error {
			cancel()
			return addWorkspace(tx, "w")
		})
		if err != nil || workspaces(t, e.database) != 1 {
			t.Errorf("a context that ends half-way: %v", err)
		}
	})
}

// A write that waits for its turn stops waiting when its context ends.
func TestWaitingForTheWriter(t *testing.T) {
	s := testenv.Store(t) // SQLite has one writer
	ctx, cancel := context.WithCancel(background)
	testenv.Write(t, s, func(*store.Tx) error {
		waits := make(chan error)
		go func() { waits <- s.Write(ctx, func(*store.Tx) error { return nil }) }()
		cancel()
		if err := <-waits; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		return nil
	})
}

func TestClose(t *testing.T) {
	testenv.Databases(t, func(t *testing.T, database string) {
		s, err := store.Open(background, store.Config{Database: database})
		if err != nil {
			t.Fatal(err)
		}
		under, closed := make(chan struct{}), make(chan error)
		go func() {
			<-under
			closed <- s.Close()
		}()
		testenv.Write(t, s, func(tx *store.Tx) error {
			close(under) // Close begins while this write is under way, and waits for it
			return addWorkspace(tx, "w")
		})
		if err := <-closed; err != nil {
			t.Errorf("close: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("close again: %v", err)
		}
		refused(t, s.Write(background, func(*store.Tx) error { return nil }), threat.Unavailable)
		refused(t, s.Read(background, func(*store.Snapshot) error { return nil }), threat.Unavailable)
		refused(t, s.Ping(background), threat.Unavailable)
		if n := workspaces(t, database); n != 1 {
			t.Errorf("the write under way was lost")
		}
	})
}

func TestPing(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		for range 2 {
			if err := e.Ping(background); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// Many stores on one database, as replicas or a command line beside the server: nothing is lost and nobody is refused.
func TestTwoStoresOnOneDatabase(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		other := testenv.Open(t, e.database, nil)
		const writers, each = 6, 10
		noError(t, together(writers, func(i int) error {
			s := []*store.Store{e.Store, other}[i%2]
			for n := range each {
				if err := s.Write(background, func(tx *store.Tx) error { return addWorkspace(tx, fmt.Sprint(i, "/", n)) }); err != nil {
					return err
				}
				if err := s.Read(background, func(v *store.Snapshot) error { _, err := v.Users(); return err }); err != nil {
					return err
				}
			}
			return nil
		}))
		if n := workspaces(t, e.database); n != writers*each {
			t.Errorf("%d of %d rows", n, writers*each)
		}
	})
}

// busyError makes SQLite refuse for real: one connection holds the lock that another asks for without patience.
func busyError(t *testing.T, database string) error {
	t.Helper()
	path := "file:" + strings.TrimPrefix(database, "sqlite:") + "?_txlock=immediate"
	holder, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close()
	tx, err := holder.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	beside, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer beside.Close()
	_, err = beside.Begin()
	var se *sqlite.Error
	if !errors.As(err, &se) || se.Code() != 5 {
		t.Fatalf("got %v, want SQLITE_BUSY", err)
	}
	return err
}

func TestWriteRunsAgainWhenBusy(t *testing.T) {
	s, database := (*store.Store)(nil), testenv.SQLite(t)
	busy := busyError(t, database)
	s = testenv.Open(t, database, nil)
	runs := 0
	testenv.Write(t, s, func(tx *store.Tx) error {
		runs++
		if err := addWorkspace(tx, "w"); err != nil { // taken back when the run fails
			return err
		}
		if runs < 3 {
			return fmt.Errorf("in some method: %w", busy)
		}
		return nil
	})
	if runs != 3 || workspaces(t, database) != 1 {
		t.Errorf("%d runs left %d rows", runs, workspaces(t, database))
	}
	// It gives up in the end, and says so.
	runs = 0
	ctx, cancel := context.WithCancel(background)
	err := s.Write(ctx, func(*store.Tx) error {
		if runs++; runs == 4 { // all of them would take seconds
			cancel()
		}
		return busy
	})
	if !errors.Is(err, context.Canceled) || runs != 4 {
		t.Errorf("%d runs, %v", runs, err)
	}
	refused(t, s.Read(background, func(*store.Snapshot) error { return busy }), threat.Unavailable)
}

// On PostgreSQL a write that began before another one's commit and then meets its row is run again on the new state.
func TestWriteRunsAgainAfterASerializationFailure(t *testing.T) {
	database := testenv.Postgres(t)
	c := testenv.NewClock()
	e := env{testenv.Open(t, database, c), database, c}
	w, u := tenant(t, e, "u@example.org")
	m := testenv.Model(t, e.Store, w, u, 1, 1)
	runs := 0
	e.write(t, func(tx *store.Tx) error {
		runs++
		if _, err := tx.Model(w, m.ID); err != nil { // the snapshot is taken here
			return err
		}
		if runs == 1 {
			e.write(t, func(tx *store.Tx) error { return addAsset(tx, w, m.ID, u, "of the other") })
		}
		return addAsset(tx, w, m.ID, u, "of the one")
	})
	if got := head(t, e, w, m.ID); runs != 2 || len(got.Assets) != 3 {
		t.Errorf("%d runs left %d assets", runs, len(got.Assets))
	}
}
