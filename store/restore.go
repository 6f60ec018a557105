package store

import (
	"context"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/gzip"

	"github.com/redoubt-dev/redoubt/threat"
)

// RestoreStage is a step of a restore, as it begins.
type RestoreStage string

// The stages in their order. Up to Committing a restore that ends changed nothing; from then on, the next program that opens the database
// finishes it.
const (
	Unpacking  RestoreStage = "unpacking"
	Checking   RestoreStage = "checking"
	Committing RestoreStage = "committing"
	PuttingLog RestoreStage = "putting the old log aside"
	PuttingOld RestoreStage = "putting the old database aside"
	Placing    RestoreStage = "putting the new database in place"
	Restored   RestoreStage = "restored"
)

// RestoreStages lists the stages in their order.
func RestoreStages() []RestoreStage {
	return []RestoreStage{Unpacking, Checking, Committing, PuttingLog, PuttingOld, Placing, Restored}
}

// RestoreConfig says where a backup goes.
type RestoreConfig struct {
	Database string             // "sqlite:PATH"
	Force    bool               // put a database that is there aside
	Progress func(RestoreStage) // may be nil
}

// replaced is where the database goes that a restore put aside, with its log; the next restore removes it.
func replaced(database string) string { return database + ".replaced" }

// committed is where a checked database waits to be put in place. That it is there means that a restore goes ahead.
func committed(database string) string { return database + ".restored" }

// Restore puts a backup in the place of a database. The backup is unpacked beside it and checked whole; only then, in one step that cannot be half
// done, it becomes the database. Errors: [threat.Invalid] for what is not a whole backup of this program,
// [threat.FailedPrecondition] for one of a newer program, for a database that is there without Force, and while a program has the database
// open.
func Restore(ctx context.Context, c RestoreConfig, r io.Reader) (info BackupInfo, err error) {
	path, err := sqlitePath(c.Database)
	if err != nil {
		return info, err
	}
	progress := c.Progress
	if progress == nil {
		progress = func(RestoreStage) {}
	}
	s := &Store{dialect: sqliteDialect{}}
	if err := os.MkdirAll(filepath.Dir(path), dataFolderMode); err != nil {
		return info, s.unopened(err)
	}
	lock, err := openLock(path)
	if err != nil {
		return info, s.unopened(err)
	}
	defer lock.close()
	if err := lock.take(ctx, true, 0); errors.Is(err, errLocked) {
		return info, threat.Errorf(threat.FailedPrecondition, "a program has the database open").In("data").
			Hinted("stop the server, and whatever else uses this data folder, and try again")
	} else if err != nil {
		return info, s.unopened(err)
	}
	if err := errors.Join(finishRestore(path, nil), removeTemporaries(path)); err != nil {
		return info, s.unopened(err)
	}
	if _, err := os.Stat(path); err == nil && !c.Force {
		return info, threat.Errorf(threat.FailedPrecondition, "there is a database already").In("data").
			Hinted("--force puts it aside as %s", filepath.Base(replaced(path)))
	} else if err != nil && !errors.Is(err, os.ErrNotExist) {
		return info, s.unopened(err)
	}
	folder, err := os.MkdirTemp(filepath.Dir(path), temporary(path))
	if err != nil {
		return info, s.unopened(err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	file := filepath.Join(folder, "copy.db")
	progress(Unpacking)
	if err := unpack(ctx, r, file); err != nil {
		return info, s.fault(err)
	}
	progress(Checking)
	if info, err = check(ctx, file); err != nil {
		return info, s.fault(err)
	}
	progress(Committing)
	if err := errors.Join(syncFile(file), os.RemoveAll(replaced(path)), os.RemoveAll(replaced(path)+"-wal")); err != nil {
		return info, err
	}
	if err := errors.Join(os.Rename(file, committed(path)), syncFolder(filepath.Dir(path))); err != nil {
		return info, err
	}
	return info, finishRestore(path, progress)
}

// finishRestore puts a database that a restore committed in its place; without one it does nothing. Killed at any point, it goes on where
// it was when it runs again. The caller is alone with the database. The old log goes first: beside the new database it would be
// played into it.
func finishRestore(path string, progress func(RestoreStage)) error {
	if _, err := os.Stat(committed(path)); errors.Is(err, os.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	if progress == nil {
		progress = func(RestoreStage) {}
	}
	gone := func(err error) error {
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		return err
	}
	folder := filepath.Dir(path)
	for _, step := range []struct {
		stage RestoreStage
		do    func() error
	}{
		{PuttingLog, func() error {
			return errors.Join(gone(os.Rename(path+"-wal", replaced(path)+"-wal")), gone(os.Remove(path+"-shm")), gone(os.Remove(path+"-journal")))
		}},
		{PuttingOld, func() error { return gone(os.Rename(path, replaced(path))) }},
		{Placing, func() error { return os.Rename(committed(path), path) }},
	} {
		progress(step.stage)
		if err := errors.Join(step.do(), syncFolder(folder)); err != nil {
			return fmt.Errorf("%s: %w", step.stage, err)
		}
	}
	progress(Restored)
	return nil
}

func syncFile(file string) error {
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// The header of an SQLite file: its name, and where the numbers are that tell how long it is and whose.
const (
	sqliteMagic     = "SQLite format 3\x00"
	sqliteHeader    = 100
	atPageSize      = 16
	atPageCount     = 28
	atApplicationID = 68
)

func notABackup(format string, args ...any) *threat.Error {
	return threat.Errorf(threat.Invalid, format, args...).In("file").Hinted("give a file that redoubt backup wrote, whole")
}

// unpack writes the database of a backup to a file. It writes no more than the database's header says.
func unpack(ctx context.Context, r io.Reader, file string) error {
	z, err := gzip.NewReader(untilDone{ctx, r})
	if err != nil {
		return unreadable(ctx, err, "the file is not gzipped")
	}
	head := make([]byte, sqliteHeader)
	if _, err := io.ReadFull(z, head); err != nil || string(head[:len(sqliteMagic)]) != sqliteMagic {
		return unreadable(ctx, err, "the file holds no SQLite database")
	}
	if id := binary.BigEndian.Uint32(head[atApplicationID:]); id != applicationID {
		return notABackup("the file holds the database of another program")
	}
	page := int64(binary.BigEndian.Uint16(head[atPageSize:]))
	if page == 1 { // as the format has it
		page = 65536
	}
	size := page * int64(binary.BigEndian.Uint32(head[atPageCount:]))
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(head); err != nil {
		return err
	}
	n, err := io.CopyBuffer(struct{ io.Writer }{f}, io.LimitReader(z, size-sqliteHeader), make([]byte, zipBuffer))
	if err != nil || n != size-sqliteHeader {
		return unreadable(ctx, err, "the file is damaged or cut short")
	}
	if n, err := io.ReadFull(z, head[:1]); n != 0 || !errors.Is(err, io.EOF) { // reads the checksum, too
		return unreadable(ctx, err, "the file is damaged")
	}
	return f.Close()
}

// unreadable tells a file that is wrong from one that could not be read, or written.
func unreadable(ctx context.Context, err error, what string) error {
	var pe *os.PathError
	if ctx.Err() != nil || errors.As(err, &pe) {
		return err
	}
	return notABackup("%s", what)
}

// check looks through the whole of an unpacked database, and brings it to the state in which it may be used.
func check(ctx context.Context, file string) (info BackupInfo, err error) {
	db, err := sql.Open("sqlite", plainDSN(file))
	if err != nil {
		return info, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	damaged := func(err error) error {
		var te *threat.Error
		if ctx.Err() != nil || errors.As(err, &te) {
			return err
		}
		return &dbError{notABackup("the database in the file is damaged"), err}
	}
	schema, err := schemaOf(ctx, db)
	if err != nil {
		return info, damaged(err)
	}
	if known := newestSchema(); schema > known {
		return info, threat.Errorf(threat.FailedPrecondition, "the backup has schema version %d, this program knows up to %d", schema, known).In("file").
			Hinted("it was written by a newer version of redoubt: restore it with that version")
	}
	if err := sound(ctx, db); err != nil {
		return info, damaged(err)
	}
	if err := voidNonces(ctx, db, schema); err != nil {
		return info, damaged(err)
	}
	var note string
	err = db.QueryRowContext(ctx, `SELECT value FROM instance WHERE name = 'backup'`).Scan(&note)
	if errors.Is(err, sql.ErrNoRows) { // a copy that somebody made by other means
		return BackupInfo{Schema: schema}, nil
	}
	if err != nil {
		return info, damaged(err)
	}
	return info, json.Unmarshal([]byte(note), &info)
}

// sound checks that a database is whole, and that no row refers to one that is not there.
func sound(ctx context.Context, db *sql.DB) error {
	var verdict string
	if err := db.QueryRowContext(ctx, `PRAGMA integrity_check(1)`).Scan(&verdict); err != nil {
		return err
	}
	if verdict != "ok" {
		return errors.New(verdict)
	}
	rows, err := db.QueryContext(ctx, `PRAGMA foreign_key_check`)
	if err != nil {
		return err
	}
	defer rows.Close()
	if rows.Next() {
		return errors.New("a row refers to one that is not there")
	}
	return rows.Err()
}
