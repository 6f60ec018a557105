package store_test

import (
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/store"
)

// backupMB is how large the database of BenchmarkBackup is: 50 MB, or what REDOUBT_BENCH_MB says. scripts/backup-bench.sh takes 1,000.
func backupMB(b *testing.B) int {
	text := os.Getenv("REDOUBT_BENCH_MB")
	if text == "" {
		return 50
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// BenchmarkBackup backs a database up while two writers commit a row each every 5 ms. The targets, for 1 GB: under 15 s, and 99 of 100 commits
// under 100 ms. The rows are of the size of activity, half of their text random.
func BenchmarkBackup(b *testing.B) {
	e, w, _ := benchEnv(b)
	activityOf(b, e, w, backupMB(b))
	busy := newWriters(b, e, w)
	var info store.BackupInfo
	size := &counter{}
	b.ResetTimer()
	for range b.N {
		var err error
		*size = counter{}
		if info, err = e.Backup(background, size, ""); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	busy.stop()
	b.ReportMetric(float64(info.Bytes)/1e6, "MB")
	b.ReportMetric(float64(size.n)/1e6, "MB-zipped")
	busy.report(b)
}

// activityOf fills the activity of a workspace.
func activityOf(b *testing.B, e env, w string, megabytes int) (n int) {
	db := raw(b, e.database)
	const rows = 20_000 // of about 1,190 bytes with their indexes
	for range megabytes * 1_000_000 / (rows * 1_190) {
		_, err := db.Exec(`
			INSERT INTO activity (id, workspace_id, user_id, key_id, verb, outcome, code, model_id, version, object, detail, at)
			WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
			SELECT lower(hex(randomblob(16))), ?, 'u', 'k', 'edit_asset', 'done', '', '', 1, 'A1',
				'{"description": "' || substr(hex(zeroblob(200)), 1, 380) || lower(hex(randomblob(190))) || '"}', i
			FROM n`, rows, w)
		if err != nil {
			b.Fatal(err)
		}
		n += rows
	}
	return n
}

// writers commit a row each every 5 ms, two at a time.
type writers struct {
	mu    sync.Mutex
	took  []time.Duration
	quiet float64 // ms: p99 before the others began
	end   chan struct{}
	all   sync.WaitGroup
}

func newWriters(b *testing.B, e env, w string) *writers {
	busy := &writers{end: make(chan struct{})}
	write := func() {
		begun := time.Now()
		oneRow(b, e, w)
		d := time.Since(begun)
		busy.mu.Lock()
		defer busy.mu.Unlock()
		busy.took = append(busy.took, d)
	}
	for range 200 {
		write()
	}
	busy.quiet = busy.percentile(.99)
	busy.took = nil
	for range 2 {
		busy.all.Go(func() {
			tick := time.NewTicker(5 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-busy.end:
					return
				case <-tick.C:
					write()
				}
			}
		})
	}
	return busy
}

func (w *writers) stop() {
	close(w.end)
	w.all.Wait()
}

// percentile is in milliseconds.
func (w *writers) percentile(p float64) float64 {
	slices.Sort(w.took)
	return float64(w.took[int(p*float64(len(w.took)-1))].Microseconds()) / 1000
}

func (w *writers) report(b *testing.B) {
	b.ReportMetric(w.percentile(.5), "ms/commit-p50")
	b.ReportMetric(w.percentile(.99), "ms/commit-p99")
	b.ReportMetric(w.quiet, "ms/commit-p99-before")
	b.ReportMetric(float64(len(w.took)), "commits")
}

// BenchmarkDeletion removes a deleted workspace while two writers commit a row each every 5 ms. The target: 99 of 100 commits under 100 ms.
func BenchmarkDeletion(b *testing.B) {
	e, w, u := benchEnv(b)
	other := testenv.Workspace(b, e.Store, account.User{ID: u}).ID
	for range b.N {
		b.StopTimer()
		rows := activityOf(b, e, other, backupMB(b))
		busy := newWriters(b, e, w)
		e.write(b, func(tx *store.Tx) error { return tx.MarkWorkspace(testenv.NewID(b), other) })
		b.StartTimer()
		done, ok, err := e.RemoveDeleted(background)
		b.StopTimer()
		busy.stop()
		if err != nil || !ok || done.Rows < rows {
			b.Fatal(done, ok, err)
		}
		b.ReportMetric(float64(done.Rows), "rows")
		busy.report(b)
		other = testenv.Workspace(b, e.Store, account.User{ID: u}).ID
	}
}

// counter counts what is written to it.
type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}
