package service_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/internal/testenv/live"
	"github.com/redoubt-dev/redoubt/pipeline"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// keeper is a service with a schedule, started again and again.
type keeper struct {
	store    *store.Store
	schedule service.BackupSchedule
	log      bytes.Buffer
}

// run starts the service, waits for a backup when one is expected, and stops it.
func (k *keeper) run(t *testing.T, expected bool) (report service.BackupReport) {
	t.Helper()
	expert, err := live.Expert()
	if err != nil {
		t.Fatal(err)
	}
	svc, err := service.New(service.Config{Store: k.store, Engines: []pipeline.Engine{expert}, Log: zerolog.New(&k.log), Backups: k.schedule})
	if err != nil {
		t.Fatal(err)
	}
	reports := make(chan service.BackupReport, 10)
	svc.WatchBackups(func(r service.BackupReport) { reports <- r })
	svc.Start()
	if expected {
		report = <-reports
	}
	svc.Stop()
	if len(reports) > 0 {
		t.Errorf("a backup too many: %+v", <-reports)
	}
	return report
}

func (k *keeper) names(t *testing.T) string {
	t.Helper()
	entries, err := os.ReadDir(k.schedule.Folder)
	if err != nil {
		t.Fatal(err)
	}
	out := ""
	for _, e := range entries {
		out += e.Name() + " "
	}
	return out
}

// Backups are made when they are due, by the folder's own word; the oldest of this database go, and nothing else.
func TestScheduledBackups(t *testing.T) {
	clock := testenv.NewClock()
	k := &keeper{store: testenv.StoreAt(t, clock), schedule: service.BackupSchedule{Folder: filepath.Join(t.TempDir(), "kept"), Every: 6 * time.Hour, Keep: 2}}
	testenv.User(t, k.store, "ada@example.org")
	if r := k.run(t, true); r.Err != nil || !r.At.Equal(testenv.Start) {
		t.Fatalf("%+v", r)
	}
	if got := k.names(t); got != "redoubt-20260302T090000Z.db.gz " {
		t.Fatalf("there is %s", got)
	}
	clock.Advance(5 * time.Hour)
	k.run(t, false) // a restart makes none that is not due
	clock.Advance(time.Hour)
	k.run(t, true)

	// Beside them: another database's backup, one that somebody made, one that is no backup, a folder, what a killed process left, and
	// what a running one may be writing.
	first, err := os.ReadFile(filepath.Join(k.schedule.Folder, "redoubt-20260302T090000Z.db.gz"))
	if err != nil {
		t.Fatal(err)
	}
	put := func(name string, raw []byte) {
		if err := os.WriteFile(filepath.Join(k.schedule.Folder, name), raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("redoubt-20200101T000000Z.db.gz", recommented(t, first, "redoubt scheduled backup of another"))
	put("redoubt-20200102T000000Z.db.gz", recommented(t, first, "redoubt backup"))
	put("redoubt-20200103T000000Z.db.gz", []byte("no backup"))
	put("redoubt-20200104T000000Z.db.gz.old", first)
	if err := os.Mkdir(filepath.Join(k.schedule.Folder, "redoubt-20200105T000000Z.db.gz"), 0o700); err != nil {
		t.Fatal(err)
	}
	put(".redoubt-1.part", first)
	put(".redoubt-2.part", first)
	long := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(filepath.Join(k.schedule.Folder, ".redoubt-1.part"), long, long); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		clock.Advance(7 * time.Hour)
		if r := k.run(t, true); r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	const others = ".redoubt-2.part redoubt-20200101T000000Z.db.gz redoubt-20200102T000000Z.db.gz redoubt-20200103T000000Z.db.gz " +
		"redoubt-20200104T000000Z.db.gz.old redoubt-20200105T000000Z.db.gz "
	if got, want := k.names(t), others+"redoubt-20260302T220000Z.db.gz redoubt-20260303T050000Z.db.gz "; got != want {
		t.Errorf("there is %s\nwant     %s", got, want)
	}
	newest, err := os.Open(filepath.Join(k.schedule.Folder, "redoubt-20260303T050000Z.db.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer newest.Close()
	if info, err := store.Restore(t.Context(), store.RestoreConfig{Database: "sqlite:" + filepath.Join(t.TempDir(), "x.db")}, newest); err != nil || !info.At.Equal(clock.Now()) {
		t.Errorf("%+v, %v", info, err)
	}

	// A clock that was put back makes one backup more, and does not stop them.
	clock.Advance(-48 * time.Hour)
	k.run(t, true)
}

// recommented is a gzipped file with another comment in its header.
func recommented(t *testing.T, raw []byte, comment string) []byte {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Comment = comment
	if _, err := io.Copy(w, r); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A backup that fails is reported and logged, and leaves nothing that could be taken for one.
func TestScheduledBackupFails(t *testing.T) {
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	k := &keeper{store: testenv.Store(t), schedule: service.BackupSchedule{Folder: filepath.Join(blocked, "below"), Every: time.Hour, Keep: 1}}
	if r := k.run(t, true); r.Err == nil {
		t.Error("it says that all is well")
	}
	if !bytes.Contains(k.log.Bytes(), []byte("the scheduled backup failed")) {
		t.Errorf("the log is %s", k.log.Bytes())
	}
}

func TestBackupScheduleCheck(t *testing.T) {
	if got, err := (service.BackupSchedule{Folder: "x"}).Check(); err != nil || got != (service.BackupSchedule{Folder: "x", Every: 24 * time.Hour, Keep: 7}) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range []service.BackupSchedule{{Every: time.Second}, {Every: -time.Hour}, {Keep: -1}, {Keep: 1001}} {
		if _, err := bad.Check(); threat.CodeOf(err) != threat.Invalid {
			t.Errorf("%s: %v", fmt.Sprint(bad), err)
		}
	}
}
