package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

func TestOddPaths(t *testing.T) {
	for _, name := range []string{
		"with space/a b.db", "question?mode=ro.db", "hash#1.db", "per%cent%20.db", "a&b=c.db", "new/folders/made/x.db",
		"ünïcode 名.db", "plus+semi;colon:.db", "'quoted\".db", "?_pragma=foreign_keys(0)", "back\\slash.db", "dot/../x.db",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := dir + "/" + name
			s := testenv.Open(t, "sqlite:"+path, nil)
			u := testenv.User(t, s, "u@example.org")
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if info, err := os.Stat(filepath.Clean(path)); err != nil || info.Size() == 0 {
				t.Errorf("the file is not where it was asked for: %v", err)
			}
			again := testenv.Open(t, "sqlite:"+path, nil)
			testenv.Read(t, again, func(v *store.Snapshot) error { _, err := v.User(u.ID); return err })
			refused(t, again.Write(background, func(tx *store.Tx) error { // foreign keys are on, whatever the name says
				return tx.AddModel("nowhere", store.Model{ID: "m"})
			}), threat.Conflict)
		})
	}
}

func TestRelativeAndDoubledSlashPaths(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, name := range []string{"plain.db", "./sub/dotted.db", "a:b.db", "/" + dir + "/two.db", "///" + dir + "/three.db"} {
		if err := testenv.Open(t, "sqlite:"+name, nil).Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Clean(name)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOpenRefusals(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, bytes.Repeat([]byte("this is no database\n"), 300), 0o600); err != nil {
		t.Fatal(err)
	}
	readOnly := filepath.Join(dir, "read-only")
	if err := os.Mkdir(readOnly, 0o500); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, database string
		code           threat.Code
		says           string // for the operator
	}{
		{"nothing", "", threat.Invalid, "sqlite:PATH"},
		{"another database", "mysql://root:hunter2@localhost/x", threat.Invalid, "sqlite:PATH"},
		{"a list of words", "host=localhost password=hunter2", threat.Invalid, "sqlite:PATH"},
		{"no path", "sqlite:", threat.Invalid, "not a file"},
		{"in memory", "sqlite::memory:", threat.Invalid, "not a file"},
		{"a folder", "sqlite:" + dir, threat.Unavailable, dir},
		{"in a file", "sqlite:" + file + "/x.db", threat.Unavailable, file},
		{"not a database", "sqlite:" + file, threat.Unavailable, "damaged"},
		{"a read-only folder", "sqlite:" + readOnly + "/x.db", threat.Unavailable, readOnly},
		{"nobody listens", "postgres://u:hunter2@127.0.0.1:1/x?connect_timeout=5", threat.Unavailable, "open PostgreSQL"},
		{"a URL that is wrong", "postgres://u:hunter2@127.0.0.1:port/x", threat.Unavailable, "open PostgreSQL"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.name == "a read-only folder" && os.Geteuid() == 0 {
				t.Skip("root may write anywhere: run the tests as another user")
			}
			s, err := store.Open(background, store.Config{Database: c.database})
			if err == nil {
				t.Fatal(errors.Join(errors.New("it was opened"), s.Close()))
			}
			refused(t, err, c.code)
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v does not say %q", err, c.says)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error holds the password: %v", err)
			}
			var word *threat.Error
			if errors.As(err, &word) && (word.Hint == "" || strings.Contains(word.Error(), dir)) {
				t.Errorf("what a caller reads is %v", word)
			}
		})
	}
	if raw, err := os.ReadFile(file); err != nil || !strings.HasPrefix(string(raw), "this is no database\n") || len(raw) != 6000 {
		t.Errorf("a file that is no database was changed")
	}
}

func TestCommittedDataSurvives(t *testing.T) {
	testenv.Databases(t, func(t *testing.T, database string) {
		c := testenv.NewClock()
		e := env{testenv.Open(t, database, c), database, c}
		w, u := tenant(t, e, "u@example.org")
		m := fill(t, e, w, u)
		want := head(t, e, w, m.ID)
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		e.Store = testenv.Open(t, database, c)
		if got := head(t, e, w, m.ID); len(got.Assets) != len(want.Assets) || len(live(t, e, w, m.ID)) != 1 {
			t.Errorf("after the restart: %d assets of %d", len(got.Assets), len(want.Assets))
		}
	})
}

// Programs that start at the same time on a new database migrate it once.
func TestOpenAtOnce(t *testing.T) {
	testenv.Databases(t, func(t *testing.T, database string) {
		if isSQLite(database) {
			database = "sqlite:" + filepath.Join(t.TempDir(), "new.db")
		} else if _, err := raw(t, database).Exec("DROP SCHEMA public CASCADE; CREATE SCHEMA public"); err != nil {
			t.Fatal(err)
		}
		stores := make([]*store.Store, 4)
		noError(t, together(len(stores), func(i int) (err error) {
			stores[i], err = store.Open(background, store.Config{Database: database})
			return err
		}))
		for _, s := range stores {
			testenv.User(t, s, testenv.NewID(t)+"@example.org")
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestANewerDatabaseIsRefusedUntouched(t *testing.T) {
	testenv.Databases(t, func(t *testing.T, database string) {
		db := raw(t, database)
		applied := "TRUE"
		if isSQLite(database) {
			applied = "1"
		}
		if _, err := db.Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, " + applied + ")"); err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec("CREATE TABLE of_the_future (id TEXT)"); err != nil {
			t.Fatal(err)
		}
		picture := func() string {
			if isSQLite(database) {
				return fmt.Sprint(one(t, db, "SELECT COUNT(*) FROM sqlite_master"), one(t, db, "SELECT COUNT(*) FROM goose_db_version"))
			}
			return fmt.Sprint(one(t, db, "SELECT COUNT(*) FROM pg_class"), one(t, db, "SELECT COUNT(*) FROM goose_db_version"))
		}
		before := picture()
		var file []byte
		path := strings.TrimPrefix(database, "sqlite:")
		if isSQLite(database) {
			if err := db.Close(); err != nil { // folds the log into the file
				t.Fatal(err)
			}
			file, _ = os.ReadFile(path)
		}
		s, err := store.Open(background, store.Config{Database: database})
		if err == nil {
			_ = s.Close()
		}
		refused(t, err, threat.FailedPrecondition)
		var word *threat.Error
		if !errors.As(err, &word) || !strings.Contains(word.Message, "9999") || !strings.Contains(word.Hint, "newer version of redoubt") {
			t.Errorf("it says %v", err)
		}
		if isSQLite(database) {
			if now, err := os.ReadFile(path); err != nil || len(file) == 0 || !bytes.Equal(file, now) {
				t.Errorf("the file was changed (%d bytes, now %d; %v)", len(file), len(now), err)
			}
			db = raw(t, database)
		}
		if after := picture(); after != before {
			t.Errorf("the database was changed: %s, now %s", before, after)
		}
	})
}
