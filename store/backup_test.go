package store_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// fresh is the name of a database that is not there yet.
func fresh(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "redoubt.db") }

func path(database string) string { return strings.TrimPrefix(database, "sqlite:") }

// backupOf returns a backup of an open database.
func backupOf(t testing.TB, s *store.Store) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := s.Backup(background, &b, "a comment"); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// files lists what lies in the folder of a database.
func files(t testing.TB, database string) (out []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path(database)))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

// unzipped returns the database in a backup.
func unzipped(t testing.TB, raw []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func zipped(t testing.TB, raw []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(raw); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A backup restores to what was there, whatever is written while it is made; nonces that wait for a run do not come back.
func TestBackupWhileWriting(t *testing.T) {
	database := testenv.SQLite(t)
	e := env{testenv.Open(t, database, nil), database, nil}
	w, u := tenant(t, e, "u@example.org")
	m := fill(t, e, w, u)
	e.write(t, func(tx *store.Tx) error {
		for _, nonce := range []string{"waits", "spent"} {
			p := store.Pull{Nonce: nonce, ModelID: m.ID, Repo: "org/x", KeyID: "k", IssuedAt: tx.Now(), ExpiresAt: tx.Now().Add(time.Hour)}
			if _, err := tx.AddPull(w, p); err != nil {
				return err
			}
		}
		return tx.SpendNonce(w, "spent", "run")
	})
	want := head(t, e, w, m.ID)

	stop := make(chan struct{})
	var writers sync.WaitGroup
	for range 2 {
		writers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				// Two rows of one transaction: a copy that has one without the other is torn.
				err := e.try(func(tx *store.Tx) error {
					for _, verb := range []string{"left", "right"} {
						if err := tx.AddActivity(w, store.Activity{ID: testenv.NewID(t), Verb: verb, Outcome: "done"}); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					t.Errorf("a writer: %v", err)
					return
				}
			}
		})
	}
	raws := make([][]byte, 3)
	for i := range raws {
		raws[i] = backupOf(t, e.Store)
	}
	close(stop)
	writers.Wait()

	for i, b := range raws {
		to := fresh(t)
		info, err := store.Restore(background, store.RestoreConfig{Database: to}, bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if info.At.IsZero() || info.Schema == 0 || info.Bytes == 0 {
			t.Errorf("the backup says %+v", info)
		}
		r := env{testenv.Open(t, to, nil), to, nil}
		if got := head(t, r, w, m.ID); len(got.Assets) != len(want.Assets) {
			t.Errorf("%d assets of %d", len(got.Assets), len(want.Assets))
		}
		db := raw(t, to)
		left, right := one(t, db, "SELECT COUNT(*) FROM activity WHERE verb = 'left'"), one(t, db, "SELECT COUNT(*) FROM activity WHERE verb = 'right'")
		if left != right || i > 0 && left == 0 {
			t.Errorf("backup %d is torn: %d and %d", i, left, right)
		}
		if _, err := getErr(r, func(v *store.Snapshot) (store.Pull, error) { return v.Pull(w, "waits") }); threat.CodeOf(err) != threat.NotFound {
			t.Errorf("a nonce from before the restore is still good: %v", err)
		}
		if _, err := getErr(r, func(v *store.Snapshot) (store.Pull, error) { return v.Pull(w, "spent") }); err != nil {
			t.Errorf("a run's nonce is forgotten: %v", err)
		}
	}
	if _, err := getErr(e, func(v *store.Snapshot) (store.Pull, error) { return v.Pull(w, "waits") }); err != nil {
		t.Errorf("the backup took a nonce from the serving database: %v", err)
	}
	for _, f := range files(t, database) {
		if strings.Contains(f, "tmp") {
			t.Errorf("%s is left", f)
		}
	}
}

// getErr runs a read that returns a value.
func getErr[T any](e env, fn func(*store.Snapshot) (T, error)) (out T, err error) {
	err = e.Read(background, func(v *store.Snapshot) (err error) {
		out, err = fn(v)
		return err
	})
	return out, err
}

// PostgreSQL has tools of its own.
func TestPostgresIsNotBackedUp(t *testing.T) {
	_, err := testenv.Open(t, testenv.Postgres(t), nil).Backup(background, io.Discard, "")
	refused(t, err, threat.FailedPrecondition)
	_, err = store.Restore(background, store.RestoreConfig{Database: "postgres://localhost/x"}, strings.NewReader(""))
	refused(t, err, threat.FailedPrecondition)
}

// A writer that fails, or a caller that goes away, ends it; nothing is left behind.
func TestBackupThatBreaksOff(t *testing.T) {
	database := testenv.SQLite(t)
	s := testenv.Open(t, database, nil)
	broken := errors.New("no more room")
	if _, err := s.Backup(background, failing{broken}, ""); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(background)
	cancel()
	if _, err := s.Backup(ctx, io.Discard, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if _, err := store.BackupFile(background, store.Config{Database: fresh(t)}, io.Discard, ""); threat.CodeOf(err) != threat.NotFound {
		t.Errorf("no database: %v", err)
	}
	for _, f := range files(t, database) {
		if strings.Contains(f, "tmp") {
			t.Errorf("%s is left", f)
		}
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// changed returns a backup whose database a statement changed.
func changed(t *testing.T, backup []byte, statements ...string) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "x.db")
	if err := os.WriteFile(file, unzipped(t, backup), 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=journal_mode(DELETE)")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return zipped(t, raw)
}

// What is not a whole backup of this program is refused with a word that says why, and the database that is there stays as it is.
func TestBadBackups(t *testing.T) {
	source := testenv.Open(t, testenv.SQLite(t), nil)
	testenv.User(t, source, "u@example.org")
	good := backupOf(t, source)
	plain := unzipped(t, good)
	torn := bytes.Clone(plain)
	for i := 5 * 4096; i < 40*4096 && i < len(torn); i += 97 {
		torn[i] ^= 0x5a
	}
	database := testenv.SQLite(t)
	s := testenv.Open(t, database, nil)
	testenv.User(t, s, "stays@example.org")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path(database))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		file []byte
		code threat.Code
		says string
	}{
		"empty":           {nil, threat.Invalid, "not gzipped"},
		"not gzip":        {[]byte("hello, this is a text"), threat.Invalid, "not gzipped"},
		"not zipped":      {plain, threat.Invalid, "not gzipped"},
		"not SQLite":      {zipped(t, bytes.Repeat([]byte("hello "), 1000)), threat.Invalid, "no SQLite database"},
		"short":           {zipped(t, []byte("SQLite")), threat.Invalid, "no SQLite database"},
		"cut short":       {good[:len(good)/2], threat.Invalid, "cut short"},
		"no checksum":     {good[:len(good)-4], threat.Invalid, "damaged"},
		"a flipped bit":   {flipped(good, len(good)/2), threat.Invalid, "damaged"},
		"too long":        {zipped(t, append(bytes.Clone(plain), 0)), threat.Invalid, "damaged"},
		"half a database": {zipped(t, plain[:len(plain)/8192*4096]), threat.Invalid, "cut short"},
		"a torn database": {zipped(t, torn), threat.Invalid, "damaged"},
		"another program": {changed(t, good, "PRAGMA application_id = 252006673"), threat.Invalid, "another program"},
		"no mark":         {changed(t, good, "PRAGMA application_id = 0"), threat.Invalid, "another program"},
		"newer schema": {
			changed(t, good, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)"), threat.FailedPrecondition, "schema version 9999",
		},
		"no schema": {changed(t, good, "DROP TABLE goose_db_version"), threat.Invalid, "damaged"},
		"a lost row": {
			changed(t, good, "PRAGMA foreign_keys = OFF", "DELETE FROM workspaces"), threat.Invalid, "damaged",
		},
	} {
		_, err := store.Restore(background, store.RestoreConfig{Database: database, Force: true}, bytes.NewReader(c.file))
		var te *threat.Error
		if !errors.As(err, &te) || te.Code != c.code || !strings.Contains(te.Message, c.says) || te.Hint == "" {
			t.Errorf("%s: %v", name, err)
		}
		if left := files(t, database); fmt.Sprint(left) != "[redoubt.db redoubt.db.lock]" {
			t.Errorf("%s: there is %v", name, left)
		}
	}
	if after, err := os.ReadFile(path(database)); err != nil || !bytes.Equal(before, after) {
		t.Error("a refused restore changed the database")
	}
	if _, err := store.Restore(background, store.RestoreConfig{Database: database, Force: true}, bytes.NewReader(good)); err != nil {
		t.Errorf("the good one is refused: %v", err)
	}
	if left := files(t, database); fmt.Sprint(left) != "[redoubt.db redoubt.db.lock redoubt.db.replaced]" {
		t.Errorf("there is %v", left)
	}
}

func flipped(raw []byte, i int) []byte {
	out := bytes.Clone(raw)
	out[i] ^= 1
	return out
}

// A database that is there is overwritten only when told to, and never while a program has it open. The one that was there stays beside it, with
// what was only in its log.
func TestRestoreInPlace(t *testing.T) {
	source := testenv.Open(t, testenv.SQLite(t), nil)
	u := testenv.User(t, source, "of-the-backup@example.org")
	backup := backupOf(t, source)

	database := testenv.SQLite(t)
	open := testenv.Open(t, database, nil)
	testenv.User(t, open, "of-before@example.org")
	_, err := store.Restore(background, store.RestoreConfig{Database: database, Force: true}, bytes.NewReader(backup))
	refused(t, err, threat.FailedPrecondition)
	if err == nil || !strings.Contains(err.Error(), "has the database open") {
		t.Errorf("it says %v", err)
	}
	// A process that was killed leaves its log: a copy of the files as they are stands for it.
	killed := fresh(t)
	for _, end := range []string{"", "-wal", "-shm"} {
		raw, err := os.ReadFile(path(database) + end)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path(killed)+end, raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, err = store.Restore(background, store.RestoreConfig{Database: killed}, bytes.NewReader(backup))
	refused(t, err, threat.FailedPrecondition)
	if _, err := store.Restore(background, store.RestoreConfig{Database: killed, Force: true}, bytes.NewReader(backup)); err != nil {
		t.Fatal(err)
	}
	s := testenv.Open(t, killed, nil)
	testenv.Read(t, s, func(v *store.Snapshot) error {
		users, err := v.Users()
		if len(users) != 1 || users[0].ID != u.ID {
			t.Errorf("the users are %+v", users)
		}
		return err
	})
	old := raw(t, killed+".replaced")
	if n := one(t, old, "SELECT COUNT(*) FROM users WHERE email = 'of-before@example.org'"); n != 1 {
		t.Error("the old database lost what was in its log")
	}
}

// The killed child: it restores, and hangs at a stage, or it makes a backup, and hangs while it writes.
const (
	restoreChild = "REDOUBT_TEST_RESTORE"
	stageOf      = "REDOUBT_TEST_STAGE"
)

func restoreUntilKilled(file string) {
	database, stage := "sqlite:"+filepath.Join(filepath.Dir(file), "redoubt.db"), store.RestoreStage(os.Getenv(stageOf))
	hang := func() {
		fmt.Println("hanging")
		select {}
	}
	if stage == "backup" {
		s, err := store.Open(context.Background(), store.Config{Database: database})
		if err == nil {
			_, err = s.Backup(context.Background(), hanging(hang), "")
		}
		fmt.Println(err)
		return
	}
	f, err := os.Open(file)
	if err == nil {
		_, err = store.Restore(context.Background(), store.RestoreConfig{Database: database, Force: true, Progress: func(s store.RestoreStage) {
			if s == stage {
				hang()
			}
		}}, f)
	}
	fmt.Println(err)
}

// killWhenItHangs runs the child until it says that it hangs, and kills it.
func killWhenItHangs(t *testing.T, environment ...string) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), environment...)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "hanging\n" {
		t.Errorf("the child says %q (%v)", line, err)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // it was killed
}

type hanging func()

func (h hanging) Write(p []byte) (int, error) {
	h()
	return len(p), nil
}

// A restore killed at any stage leaves the database that was there or the one of the backup, whole, and nothing else.
func TestKilledRestore(t *testing.T) {
	source := testenv.Open(t, testenv.SQLite(t), nil)
	testenv.User(t, source, "new@example.org")
	backup := backupOf(t, source)
	stages := append([]store.RestoreStage{"backup"}, store.RestoreStages()...)
	after := false
	for _, stage := range stages {
		if stage == store.PuttingLog { // the commit is behind it
			after = true
		}
		database := testenv.SQLite(t)
		s, err := store.Open(background, store.Config{Database: database})
		if err != nil {
			t.Fatal(err)
		}
		testenv.User(t, s, "old@example.org")
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(filepath.Dir(path(database)), "backup.gz")
		if err := os.WriteFile(file, backup, 0o600); err != nil {
			t.Fatal(err)
		}
		killWhenItHangs(t, restoreChild+"="+file, stageOf+"="+string(stage))
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		e := env{testenv.Open(t, database, nil), database, nil}
		want := "old@example.org"
		if after {
			want = "new@example.org"
		}
		e.read(t, func(v *store.Snapshot) error {
			users, err := v.Users()
			if len(users) != 1 || users[0].Email != want {
				t.Errorf("killed at %q: the users are %+v, want %s", stage, users, want)
			}
			return err
		})
		for _, f := range files(t, database) {
			if strings.Contains(f, ".tmp-") || strings.HasSuffix(f, ".restored") {
				t.Errorf("killed at %q: %s is left", stage, f)
			}
		}
	}
}
