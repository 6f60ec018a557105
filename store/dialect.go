package store

import (
	"database/sql"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib" // registers "pgx"
	"github.com/jmoiron/sqlx"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/redoubt-dev/redoubt/threat"
)

// dialect is what differs between the two engines; the SQL text is the same but for the one clause it writes.
type dialect interface {
	name() string
	readOptions() *sql.TxOptions
	writeOptions() *sql.TxOptions
	// retryable reports that another writer was in the way and the transaction may be run again.
	retryable(error) bool
	// known turns a driver error into one of the domain by its code, never by its text, or returns nil.
	known(error) *threat.Error
	// skipLocked is the clause that lets many workers claim different rows.
	skipLocked() string
	// rowAddress is the expression for where a row lies. It holds within one statement, and later as long as nobody writes the row.
	rowAddress() string
	// rowAt is the literal for an address that was read as text.
	rowAt(text string) string
	// someRows is the condition for at most so many rows of a table as its last argument says, of those that meet another condition.
	someRows(table, where string) string
	migrations() (goose.Dialect, []goose.ProviderOption, error)
}

func init() {
	sqlx.BindDriver("sqlite", sqlx.QUESTION)
	sqlx.BindDriver("pgx", sqlx.DOLLAR)
}

// fault makes an error fit to leave the package.
func (s *Store) fault(err error) error {
	if err == nil {
		return nil
	}
	var te *threat.Error
	if errors.As(err, &te) {
		return err
	}
	if te := s.dialect.known(err); te != nil {
		return &dbError{te, err}
	}
	return err
}

// dbError is a driver error with the domain's word for it: the caller sees the word, the log sees the cause.
type dbError struct {
	word  *threat.Error
	cause error
}

func (e *dbError) Error() string   { return e.word.Error() + ": " + e.cause.Error() }
func (e *dbError) Unwrap() []error { return []error{e.word, e.cause} }

func busy() *threat.Error {
	return threat.Errorf(threat.Unavailable, "the database is busy").Hinted("try again in a moment")
}

func full() *threat.Error {
	return threat.Errorf(threat.Unavailable, "the disk is full").Hinted("nothing was changed; free space and try again")
}

func clash() *threat.Error {
	return threat.Errorf(threat.Conflict, "it clashes with something that is already there").Hinted("read the current state and try again")
}

type sqliteDialect struct{}

func (sqliteDialect) name() string                 { return "sqlite" }
func (sqliteDialect) readOptions() *sql.TxOptions  { return nil } // the pool is query_only
func (sqliteDialect) writeOptions() *sql.TxOptions { return nil } // the pool begins immediate transactions
func (sqliteDialect) skipLocked() string           { return "" }  // there is one writer
func (sqliteDialect) rowAddress() string           { return "rowid" }
func (sqliteDialect) rowAt(text string) string     { return text }
func (sqliteDialect) someRows(table, where string) string {
	return `rowid IN (SELECT rowid FROM ` + table + ` WHERE ` + where + ` LIMIT ?)`
}

func (sqliteDialect) retryable(err error) bool {
	code := sqliteCode(err) & 0xff
	return code == sqlite3.SQLITE_BUSY || code == sqlite3.SQLITE_LOCKED
}

func (sqliteDialect) known(err error) *threat.Error {
	switch code := sqliteCode(err); {
	case code == 0:
		return nil
	case code == sqlite3.SQLITE_CONSTRAINT_UNIQUE, code == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, code == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		return clash()
	case code&0xff == sqlite3.SQLITE_BUSY, code&0xff == sqlite3.SQLITE_LOCKED:
		return busy()
	case code&0xff == sqlite3.SQLITE_FULL:
		return full()
	case code&0xff == sqlite3.SQLITE_CORRUPT, code&0xff == sqlite3.SQLITE_NOTADB:
		return threat.Errorf(threat.Unavailable, "the database file is damaged").Hinted("restore a backup")
	case code&0xff == sqlite3.SQLITE_READONLY, code&0xff == sqlite3.SQLITE_CANTOPEN, code&0xff == sqlite3.SQLITE_IOERR:
		return threat.Errorf(threat.Unavailable, "the database cannot be written").Hinted("check the data folder's permissions and disk")
	}
	return nil
}

func sqliteCode(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code()
	}
	return 0
}

func (sqliteDialect) migrations() (goose.Dialect, []goose.ProviderOption, error) {
	return goose.DialectSQLite3, nil, nil
}

type postgresDialect struct{}

func (postgresDialect) name() string { return "postgres" }

func (postgresDialect) readOptions() *sql.TxOptions {
	return &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
}

func (postgresDialect) writeOptions() *sql.TxOptions {
	return &sql.TxOptions{Isolation: sql.LevelRepeatableRead}
}
func (postgresDialect) skipLocked() string { return "FOR UPDATE SKIP LOCKED" }
func (postgresDialect) rowAddress() string { return "ctid" }
func (postgresDialect) rowAt(text string) string {
	return "'" + text + "'::tid"
}

// An array is looked up row by row; IN would read the whole table.
func (postgresDialect) someRows(table, where string) string {
	return `ctid = ANY (ARRAY(SELECT ctid FROM ` + table + ` WHERE ` + where + ` LIMIT ?))`
}

func (postgresDialect) retryable(err error) bool {
	switch postgresState(err) {
	case "40001", "40P01": // serialization failure, deadlock
		return true
	}
	return false
}

func (postgresDialect) known(err error) *threat.Error {
	switch state := postgresState(err); {
	case state == "23505", state == "23503": // unique, foreign key
		return clash()
	case state == "40001", state == "40P01", state == "55P03": // serialization, deadlock, lock not available
		return busy()
	case state == "53100": // disk full
		return full()
	case strings.HasPrefix(state, "08"), strings.HasPrefix(state, "57P"): // connection, shutdown
		return threat.Errorf(threat.Unavailable, "the database does not answer").Hinted("try again in a moment")
	}
	return nil
}

func postgresState(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// migrations lock a table, not an advisory lock: poolers in transaction mode lose the latter. A replica that waits looks
// every quarter of a second, for five minutes.
func (postgresDialect) migrations() (goose.Dialect, []goose.ProviderOption, error) {
	l, err := lock.NewPostgresTableLocker(lock.WithTableLockTimeout(250*time.Millisecond, 1200))
	if err != nil {
		return "", nil, err
	}
	return goose.DialectPostgres, []goose.ProviderOption{goose.WithLocker(l)}, nil
}
