package store_test

import (
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

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
	megabytes := backupMB(b)
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
	}
	var took []time.Duration
	var mu sync.Mutex
	write := func() {
		begun := time.Now()
		oneRow(b, e, w)
		d := time.Since(begun)
		mu.Lock()
		defer mu.Unlock()
		took = append(took, d)
	}
	percentile := func(p float64) float64 {
		slices.Sort(took)
		return float64(took[int(p*float64(len(took)-1))].Microseconds()) / 1000
	}
	for range 200 {
		write()
	}
	quiet := percentile(.99)
	took = nil
	stop := make(chan struct{})
	var writers sync.WaitGroup
	for range 2 {
		writers.Go(func() {
			tick := time.NewTicker(5 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-stop:
					return
				case <-tick.C:
					write()
				}
			}
		})
	}
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
	close(stop)
	writers.Wait()
	b.ReportMetric(float64(info.Bytes)/1e6, "MB")
	b.ReportMetric(float64(size.n)/1e6, "MB-zipped")
	b.ReportMetric(percentile(.5), "ms/commit-p50")
	b.ReportMetric(percentile(.99), "ms/commit-p99")
	b.ReportMetric(quiet, "ms/commit-p99-before")
	b.ReportMetric(float64(len(took)), "commits")
}

// counter counts what is written to it.
type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}
