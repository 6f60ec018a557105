package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/redoubt-dev/redoubt/threat"
)

// applicationID marks a database of this program in SQLite's file header: "RDBT".
const applicationID = 0x52444254

// BackupInfo describes a backup; it is kept in the backup itself.
type BackupInfo struct {
	At     time.Time `json:"at"`     // all that was committed before is in it
	Schema int64     `json:"schema"` // version of the schema
	Bytes  int64     `json:"bytes"`  // size of the database that it unpacks to
}

// Backup writes the whole database to w as it is at one moment: a gzipped SQLite file, under a comment in its gzip header. Writers go on meanwhile.
// Nonces that wait for a run are not in it, so that those from before a restore are void. It needs as much free space
// beside the database as that has. Errors: [threat.FailedPrecondition] on PostgreSQL, which has tools of its own.
func (s *Store) Backup(ctx context.Context, w io.Writer, comment string) (BackupInfo, error) {
	if s.path == "" {
		return BackupInfo{}, notSQLite()
	}
	info, err := backup(ctx, s.path, w, comment, s.time())
	return info, s.fault(err)
}

// BackupFile is [Store.Backup] of a database that need not be open: it is not migrated, so that a newer program can back up what an older
// one left. A server may be using it. Errors: those of Backup, [threat.NotFound] where there is no database.
func BackupFile(ctx context.Context, c Config, w io.Writer, comment string) (BackupInfo, error) {
	path, err := sqlitePath(c.Database)
	if err != nil {
		return BackupInfo{}, err
	}
	s := &Store{dialect: sqliteDialect{}, now: c.Now}
	if s.now == nil {
		s.now = time.Now
	}
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return BackupInfo{}, threat.Errorf(threat.NotFound, "there is no database at %s", path).In("data").Hinted("--data names the data folder")
	}
	lock, err := lockForUse(ctx, path)
	if err != nil {
		return BackupInfo{}, s.unopened(err)
	}
	defer lock.close()
	info, err := backup(ctx, path, w, comment, s.time())
	return info, s.fault(err)
}

// sqlitePath returns the file of a database's name. Errors: [threat.FailedPrecondition] for one of PostgreSQL.
func sqlitePath(database string) (string, error) {
	path, ok := strings.CutPrefix(database, "sqlite:")
	if !ok || path == "" {
		return "", notSQLite()
	}
	return filepath.Clean(path), nil
}

func notSQLite() *threat.Error {
	return threat.Errorf(threat.FailedPrecondition, "only SQLite databases are backed up and restored here").In("database").
		Hinted("for PostgreSQL use pg_dump and pg_restore")
}

// temporary is the prefix of the folders that hold what is being backed up or restored. They lie beside the database, on the same disk.
func temporary(database string) string { return filepath.Base(database) + ".tmp-" }

// removeTemporaries removes what a killed process left. The caller is alone with the database.
func removeTemporaries(database string) error {
	entries, err := os.ReadDir(filepath.Dir(database))
	for _, e := range entries {
		if e.IsDir() && strings.HasPrefix(e.Name(), temporary(database)) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(filepath.Dir(database), e.Name())))
		}
	}
	return err
}

// backup copies a database and writes the copy, zipped.
func backup(ctx context.Context, path string, w io.Writer, comment string, at time.Time) (info BackupInfo, err error) {
	folder, err := os.MkdirTemp(filepath.Dir(path), temporary(path)) // mode 0700
	if err != nil {
		return info, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	file := filepath.Join(folder, "copy.db")
	if err := copyTo(ctx, path, file); err != nil {
		return info, fmt.Errorf("copy the database: %w", err)
	}
	info, err = sealCopy(ctx, file, at)
	if err != nil {
		return info, fmt.Errorf("seal the copy: %w", err)
	}
	return info, zip(ctx, file, w, comment, at)
}

// copyTo copies a database as it is at one moment, whatever is written meanwhile: the copy reads one snapshot.
func copyTo(ctx context.Context, path, file string) error {
	db, err := sql.Open("sqlite", sqliteDSN(path))
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	_, err = db.ExecContext(ctx, `VACUUM INTO ?`, file)
	return err
}

// plainDSN opens a file that nobody else has open, without a write-ahead log. It is synced once, at the end.
func plainDSN(file string) string {
	return "file:" + (&url.URL{Path: file}).EscapedPath() +
		"?_pragma=journal_mode(MEMORY)&_pragma=synchronous(OFF)&_pragma=foreign_keys(1)&_dqs=0"
}

// sealCopy makes a copy of a database into a backup: it takes out what must not come back, and notes what the backup is.
func sealCopy(ctx context.Context, file string, at time.Time) (info BackupInfo, err error) {
	db, err := sql.Open("sqlite", plainDSN(file))
	if err != nil {
		return info, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	info.At = at
	if info.Schema, err = schemaOf(ctx, db); err != nil {
		return info, err
	}
	if err := voidNonces(ctx, db, info.Schema); err != nil {
		return info, err
	}
	var pages, size int64
	if err := db.QueryRowContext(ctx, `PRAGMA page_count`).Scan(&pages); err != nil {
		return info, err
	}
	if err := db.QueryRowContext(ctx, `PRAGMA page_size`).Scan(&size); err != nil {
		return info, err
	}
	info.Bytes = pages * size
	note, err := json.Marshal(info)
	if err != nil {
		return info, err
	}
	_, err = db.ExecContext(ctx, `INSERT INTO instance (name, value) VALUES ('backup', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value`, string(note))
	return info, err
}

// voidNonces removes the nonces that wait for a run: one that was spent after the backup would be good once more. Spent ones stay, so that
// the same statement still gets its first answer.
func voidNonces(ctx context.Context, db *sql.DB, schema int64) error {
	if schema < 2 { // there were none
		return nil
	}
	_, err := db.ExecContext(ctx, `DELETE FROM pulls /* any workspace: a whole copy */ WHERE spent_at IS NULL`)
	return err
}

// schemaOf returns the version of a database's schema.
func schemaOf(ctx context.Context, db *sql.DB) (n int64, err error) {
	err = db.QueryRowContext(ctx, `SELECT COALESCE(MAX(version_id), 0) FROM goose_db_version WHERE is_applied = 1`).Scan(&n)
	return n, err
}

// zipBuffer is how much is read at a time.
const zipBuffer = 256 << 10

// zip writes a file gzipped. The quickest level: a database of short rows shrinks to a quarter all the same.
func zip(ctx context.Context, file string, w io.Writer, comment string, at time.Time) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return err
	}
	z.Name, z.Comment, z.ModTime = "redoubt.db", comment, at
	if _, err := io.CopyBuffer(struct{ io.Writer }{z}, untilDone{ctx, f}, make([]byte, zipBuffer)); err != nil {
		return err
	}
	return z.Close()
}

// untilDone reads until a context ends.
type untilDone struct {
	ctx context.Context
	r   io.Reader
}

func (u untilDone) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.r.Read(p)
}

// BackupComment returns the comment in the gzip header of a backup's beginning, or an error when it is none.
func BackupComment(r io.Reader) (string, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return "", err
	}
	return z.Comment, nil
}
