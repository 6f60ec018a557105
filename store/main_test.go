package store_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(crashChild); path != "" {
		writeUntilKilled(path)
		return
	}
	if file := os.Getenv(restoreChild); file != "" {
		restoreUntilKilled(file)
		return
	}
	goleak.VerifyTestMain(m)
}

// env is an empty database, opened with a clock to set.
type env struct {
	*store.Store
	database string // its name for store.Config
	clock    *testenv.Clock
}

// onBoth runs a test on SQLite and on PostgreSQL.
func onBoth(t *testing.T, test func(t *testing.T, e env)) {
	t.Helper()
	testenv.Databases(t, func(t *testing.T, database string) {
		c := testenv.NewClock()
		test(t, env{testenv.Open(t, database, c), database, c})
	})
}

func (e env) write(t testing.TB, fn func(*store.Tx) error) {
	t.Helper()
	testenv.Write(t, e.Store, fn)
}

func (e env) read(t testing.TB, fn func(*store.Snapshot) error) {
	t.Helper()
	testenv.Read(t, e.Store, fn)
}

// try runs fn in a write transaction and returns its error.
func (e env) try(fn func(*store.Tx) error) error { return e.Write(context.Background(), fn) }

// get runs a read that returns a value.
func get[T any](t testing.TB, e env, fn func(*store.Snapshot) (T, error)) T {
	t.Helper()
	var out T
	e.read(t, func(v *store.Snapshot) (err error) {
		out, err = fn(v)
		return err
	})
	return out
}

// raw opens a database beside the store, for what the store has no words for.
func raw(t testing.TB, database string) *sql.DB {
	t.Helper()
	driver, dsn := "pgx", database
	if path, ok := strings.CutPrefix(database, "sqlite:"); ok {
		driver, dsn = "sqlite", "file:"+path+"?_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)&_pragma=secure_delete(1)"
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func isSQLite(database string) bool { return strings.HasPrefix(database, "sqlite:") }

var background = context.Background()

// one returns the single number that a query yields.
func one(t testing.TB, db *sql.DB, query string) (n int64) {
	t.Helper()
	if err := db.QueryRow(query).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// refused checks an error by its code.
func refused(t testing.TB, err error, code threat.Code) {
	t.Helper()
	if threat.CodeOf(err) != code {
		t.Errorf("got %v, want %s", err, code)
	}
}

// together runs fn n times at once and returns the errors in order.
func together(n int, fn func(i int) error) []error {
	errs := make([]error, n)
	var ready, done sync.WaitGroup
	begin := make(chan struct{})
	for i := range n {
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			<-begin
			errs[i] = fn(i)
		})
	}
	ready.Wait()
	close(begin)
	done.Wait()
	return errs
}

func noError(t testing.TB, errs []error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}
