// Package store keeps everything in SQLite or PostgreSQL; it is the only place with SQL. Reads hang off [*Snapshot], writes
// off [*Tx]; a Tx has one time. Every method on tenant data takes the workspace first.
//
// Errors are *threat.Error where a caller can act on them ([threat.NotFound], [threat.Conflict], [threat.Unavailable]);
// anything else is internal.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/redoubt-dev/redoubt/threat"
)

// Config says where the data is.
type Config struct {
	// Database is "sqlite:PATH" or a "postgres://" URL.
	Database string
	// Now is the clock; nil is the system's, in UTC.
	Now func() time.Time
}

// Store is an open database. It is safe for concurrent use.
type Store struct {
	dialect dialect
	readers *pool
	writer  *pool
	now     func() time.Time
	path    string    // of the file; '' on PostgreSQL
	lock    *fileLock // held while the file is open; nil on PostgreSQL
}

const (
	sqliteReaders  = 8
	postgresConns  = 16
	writeAttempts  = 8
	dataFolderMode = 0o700
)

// Open opens a database, creating an SQLite file where there is none, and migrates it. It returns [threat.FailedPrecondition]
// when the database was written by a newer version of the program, [threat.Unavailable] when it cannot be opened, and
// [threat.Invalid] for a name that is of no known form.
func Open(ctx context.Context, c Config) (*Store, error) {
	s := &Store{now: c.Now}
	if s.now == nil {
		s.now = func() time.Time { return time.Now().UTC() }
	}
	var err error
	if path, ok := strings.CutPrefix(c.Database, "sqlite:"); ok {
		s.dialect = sqliteDialect{}
		err = s.openSQLite(ctx, path)
	} else if strings.HasPrefix(c.Database, "postgres://") || strings.HasPrefix(c.Database, "postgresql://") {
		s.dialect = postgresDialect{}
		err = s.openPostgres(ctx, c.Database)
	} else {
		// The name is not repeated: a mistyped URL may hold a password.
		return nil, threat.Errorf(threat.Invalid, "the database is of no known form").In("database").
			Hinted("sqlite:PATH or postgres://USER@HOST/NAME")
	}
	if err != nil {
		return nil, err
	}
	if err := s.prepare(ctx); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

// openSQLite opens one writer connection and a pool of readers on the same file: with one shared pool, readers and the
// writer starve each other.
func (s *Store) openSQLite(ctx context.Context, path string) error {
	if path == "" || strings.HasPrefix(path, ":memory:") { // each connection would have a database of its own
		return threat.Errorf(threat.Invalid, "the database is not a file").In("database").Hinted("sqlite:PATH")
	}
	path = filepath.Clean(path) // two leading slashes would be read as a host
	if err := os.MkdirAll(filepath.Dir(path), dataFolderMode); err != nil {
		return s.unopened(err)
	}
	lock, err := lockForUse(ctx, path)
	if err != nil {
		return s.unopened(fmt.Errorf("open %s: %w", path, err))
	}
	dsn := sqliteDSN(path)
	// secure_delete writes zeros over what is deleted or changed: else it stays in the file until something else takes the place.
	w, err := s.openPatiently(ctx, dsn+"&_txlock=immediate&_pragma=secure_delete(1)", 1)
	if err != nil {
		return s.unopened(errors.Join(fmt.Errorf("open %s: %w", path, err), lock.close()))
	}
	r, err := s.openPatiently(ctx, dsn+"&_txlock=deferred&_pragma=query_only(1)", sqliteReaders)
	if err != nil {
		return s.unopened(errors.Join(fmt.Errorf("open %s: %w", path, err), w.close(), lock.close()))
	}
	s.writer, s.readers, s.path, s.lock = w, r, path, lock
	return nil
}

// ours reports whether an SQLite file carries our mark, and refuses one that another program marked.
func (s *Store) ours(ctx context.Context) (bool, error) {
	var id int64
	if err := s.writer.db.GetContext(ctx, &id, `PRAGMA application_id`); err != nil {
		return false, s.unopened(err)
	}
	if id != 0 && id != applicationID {
		return false, threat.Errorf(threat.FailedPrecondition, "the database file belongs to another program").In("database").Hinted("give another path")
	}
	return id == applicationID, nil
}

// prepare migrates the database and puts our mark on an SQLite file that has none.
func (s *Store) prepare(ctx context.Context) error {
	marked := true // PostgreSQL has none
	if s.path != "" {
		var err error
		if marked, err = s.ours(ctx); err != nil {
			return err
		}
	}
	if err := s.migrate(ctx); err != nil || marked {
		return err
	}
	_, err := s.writer.db.ExecContext(ctx, fmt.Sprintf(`PRAGMA application_id = %d`, applicationID))
	return s.fault(err)
}

// openPatience is how long a program waits for another one that is opening the same file.
const openPatience = 10 * time.Second

// openPatiently opens a pool on a file that another program may be opening for the first time: while that one turns on the write-ahead
// log, SQLite says busy at once, whatever the busy timeout.
func (s *Store) openPatiently(ctx context.Context, dsn string, conns int) (*pool, error) {
	deadline := time.Now().Add(openPatience)
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		p, err := openPool(ctx, "sqlite", dsn, conns, true)
		if err == nil || !s.dialect.retryable(err) || time.Now().After(deadline) {
			return p, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pause):
		}
	}
}

// sqliteDSN is always of the file: form with an escaped path, so that no character of a path is read as a parameter.
// synchronous is FULL: only a power cut tells it from NORMAL, and then an acknowledged write must be there.
func sqliteDSN(path string) string {
	return "file:" + (&url.URL{Path: path}).EscapedPath() +
		"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_dqs=0"
}

func (s *Store) openPostgres(ctx context.Context, dsn string) error {
	p, err := openPool(ctx, "pgx", dsn, postgresConns, false)
	if err != nil {
		return s.unopened(fmt.Errorf("open PostgreSQL: %w", err))
	}
	s.writer, s.readers = p, p
	return nil
}

// unopened gives a failure to open a word for the operator, who sees the cause beside it.
func (s *Store) unopened(err error) error {
	word := s.dialect.known(err)
	if word == nil {
		word = threat.Errorf(threat.Unavailable, "the database cannot be opened").Hinted("check its name, and that it can be reached and written")
	}
	return &dbError{word, err}
}

// Close waits for the transactions under way and closes the database; calls from then on get [threat.Unavailable].
func (s *Store) Close() error {
	err := s.readers.close()
	if s.writer != s.readers {
		err = errors.Join(err, s.writer.close())
	}
	return errors.Join(err, s.lock.close())
}

// Snapshot is one consistent view of the data: a read transaction.
type Snapshot struct {
	conn  *session
	tx    *sqlx.Tx
	ctx   context.Context
	d     dialect
	now   time.Time
	tally *Tally // of the context; nil where nobody counts
}

// Now is the one time of the transaction, UTC in microseconds.
func (v *Snapshot) Now() time.Time { return v.now }

// Tx is a write transaction; it reads as a Snapshot does and sees its own writes.
type Tx struct {
	Snapshot
}

// View returns the transaction as the reads see it.
func (t *Tx) View() *Snapshot { return &t.Snapshot }

// view is what a transaction sees, and counts it where its context counts.
func (s *Store) view(ctx context.Context, c *session, tx *sqlx.Tx) *Snapshot {
	v := &Snapshot{conn: c, tx: tx, ctx: context.WithoutCancel(ctx), d: s.dialect, now: s.time(), tally: tallyOf(ctx)}
	v.tally.add()
	return v
}

// Read runs fn on a consistent view.
func (s *Store) Read(ctx context.Context, fn func(*Snapshot) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c, err := s.readers.take(ctx)
	if err != nil {
		return s.fault(err)
	}
	defer s.readers.put(c)
	// The queries are short. A context that can end would cost a goroutine each in the driver, so it is heeded between
	// transactions, and while waiting for a connection.
	plain := context.WithoutCancel(ctx)
	tx, err := c.begin(plain, s.dialect.readOptions())
	if err != nil {
		return s.fault(err)
	}
	defer c.rollback(tx) // a read has nothing to commit
	return s.fault(fn(s.view(ctx, c, tx)))
}

// ReadOne runs fn, which reads by one statement: that is consistent by itself, and a transaction around it would cost twice as much again.
func (s *Store) ReadOne(ctx context.Context, fn func(*Snapshot) error) error {
	if !s.readers.keep { // there the statement belongs to the transaction
		return s.Read(ctx, fn)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	c, err := s.readers.take(ctx)
	if err != nil {
		return s.fault(err)
	}
	defer s.readers.put(c)
	return s.fault(fn(s.view(ctx, c, nil)))
}

// Write runs fn in a write transaction and commits it when fn returns nil. It runs fn again when the database reports that
// another writer was in the way, so fn is free of effects outside the transaction. Calling Write inside Write deadlocks.
func (s *Store) Write(ctx context.Context, fn func(*Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var err error
	for attempt := range writeAttempts {
		if err = s.writeOnce(ctx, fn); err == nil || !s.dialect.retryable(err) {
			return s.fault(err)
		}
		pause := time.Duration(rand.Int64N(int64(5*time.Millisecond) << attempt))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
	return s.fault(err)
}

func (s *Store) writeOnce(ctx context.Context, fn func(*Tx) error) error {
	c, err := s.writer.take(ctx)
	if err != nil {
		return err
	}
	defer s.writer.put(c)
	plain := context.WithoutCancel(ctx)
	tx, err := c.begin(plain, s.dialect.writeOptions())
	if err != nil {
		return err
	}
	ended := false
	defer func() {
		if !ended { // fn failed or panicked
			c.rollback(tx)
		}
	}()
	if err := fn(&Tx{*s.view(ctx, c, tx)}); err != nil {
		return err
	}
	ended = true
	return c.commit(tx)
}

// Now is the store's clock, UTC in microseconds: what a transaction begun now has as its time.
func (s *Store) Now() time.Time { return s.time() }

func (s *Store) time() time.Time { return s.now().UTC().Truncate(time.Microsecond) }

// Ping reports whether the database answers and can be written.
func (s *Store) Ping(ctx context.Context) error {
	return s.Write(ctx, func(tx *Tx) error {
		return tx.exec(`INSERT INTO instance (name, value) VALUES ('ping', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
			fmt.Sprint(micros(tx.now)))
	})
}

func (v *Snapshot) get(dst any, query string, args ...any) error {
	v.tally.add()
	r, err := v.conn.runner(v.ctx, v.tx, query)
	if err != nil {
		return err
	}
	return r.GetContext(v.ctx, dst, args...)
}

func (v *Snapshot) list(dst any, query string, args ...any) error {
	v.tally.add()
	r, err := v.conn.runner(v.ctx, v.tx, query)
	if err != nil {
		return err
	}
	return r.SelectContext(v.ctx, dst, args...)
}

// listOnce is list for a statement that is put together for one use, so that the connection does not keep it.
func (v *Snapshot) listOnce(dst any, query string, args ...any) error {
	return v.tx.SelectContext(v.ctx, dst, v.tx.Rebind(query), args...)
}

func (t *Tx) exec(query string, args ...any) error {
	_, err := t.execN(query, args...)
	return err
}

// execN returns the number of rows it touched.
func (t *Tx) execN(query string, args ...any) (int64, error) {
	t.tally.add()
	r, err := t.conn.runner(t.ctx, t.tx, query)
	if err != nil {
		return 0, err
	}
	res, err := r.ExecContext(t.ctx, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// insertRows inserts rows of equal width in batches; prefix is the INSERT up to and including VALUES. The row separator is
// written here so that a batch is one statement.
func (t *Tx) insertRows(prefix string, rows [][]any) error {
	const (
		batch        = 100
		preparedRows = 2 // what an ordinary edit writes; statements of every length would fill the connection
	)
	for len(rows) > 0 {
		n := min(batch, len(rows))
		marks := "(" + strings.TrimSuffix(strings.Repeat("?, ", len(rows[0])), ", ") + ")"
		args := make([]any, 0, n*len(rows[0]))
		for _, r := range rows[:n] {
			args = append(args, r...)
		}
		query := prefix + " " + strings.TrimSuffix(strings.Repeat(marks+", ", n), ", ")
		var err error
		if n <= preparedRows {
			err = t.exec(query, args...)
		} else {
			t.tally.add()
			_, err = t.tx.ExecContext(t.ctx, t.tx.Rebind(query), args...)
		}
		if err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// missing reports whether a read found no row.
func missing(err error) bool { return errors.Is(err, sql.ErrNoRows) }

func micros(t time.Time) int64     { return t.UnixMicro() }
func fromMicros(n int64) time.Time { return time.UnixMicro(n).UTC() }
func optMicros(t *time.Time) any {
	if t == nil {
		return nil
	}
	return micros(*t)
}

func optTime(n sql.NullInt64) *time.Time {
	if !n.Valid {
		return nil
	}
	t := fromMicros(n.Int64)
	return &t
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}
