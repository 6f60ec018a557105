package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

func benchEnv(b *testing.B) (e env, workspace, user string) {
	b.Helper()
	database := testenv.SQLite(b)
	e = env{testenv.Open(b, database, nil), database, nil}
	workspace, user = tenant(b, e, "u@example.org")
	return e, workspace, user
}

func oneRow(b *testing.B, e env, workspace string) {
	e.write(b, func(tx *store.Tx) error {
		return tx.AddActivity(workspace, store.Activity{ID: testenv.NewID(b), Verb: "x", Outcome: "done"})
	})
}

func BenchmarkOneRowCommit(b *testing.B) {
	e, w, _ := benchEnv(b)
	for b.Loop() {
		oneRow(b, e, w)
	}
}

// The target is a ratio, so both are measured in one run, in turn: ×row is how many one-row commits a SaveVersion of a
// single edit of 25 assets × 12 attackers takes. It should stay below 3.
func BenchmarkSaveVersionAgainstOneRow(b *testing.B) {
	e, w, u := benchEnv(b)
	m := testenv.Model(b, e.Store, w, u, 25, 12)
	old := head(b, e, w, m.ID)
	var row, save time.Duration
	version := 1
	for b.Loop() {
		start := time.Now()
		oneRow(b, e, w)
		row += time.Since(start)

		next := old.Clone()
		if _, err := next.EditAsset("A7", threat.AssetEdit{Notes: ptr(fmt.Sprint("note ", version))}); err != nil {
			b.Fatal(err)
		}
		start = time.Now()
		e.write(b, func(tx *store.Tx) (err error) {
			version, err = tx.SaveVersion(w, m.ID, version, old, next, u, "edit")
			return err
		})
		save += time.Since(start)
		old = next
	}
	b.ReportMetric(float64(row.Microseconds())/float64(b.N), "row-µs")
	b.ReportMetric(float64(save.Microseconds())/float64(b.N), "save-µs")
	b.ReportMetric(float64(save)/float64(row), "×row")
}

// A whole change as the service makes it: read head and counters, apply the rule, save both.
func BenchmarkChange25x12(b *testing.B) {
	e, w, u := benchEnv(b)
	m := testenv.Model(b, e.Store, w, u, 25, 12)
	for i := 0; b.Loop(); i++ {
		e.write(b, func(tx *store.Tx) error {
			m, err := tx.Model(w, m.ID)
			if err != nil {
				return err
			}
			old, err := tx.Head(w, m.ID)
			if err != nil {
				return err
			}
			next := old.Clone()
			if _, err := next.EditAsset("A7", threat.AssetEdit{Notes: ptr(fmt.Sprint(i))}); err != nil {
				return err
			}
			_, err = tx.SaveVersion(w, m.ID, m.Version, old, next, u, "edit")
			return err
		})
	}
}

// withHistory is a model of 25 assets × 12 attackers with 300 edits behind it.
func withHistory(b *testing.B) (e env, workspace, model string, version int) {
	b.Helper()
	e, w, u := benchEnv(b)
	m := testenv.Model(b, e.Store, w, u, 25, 12)
	old := head(b, e, w, m.ID)
	e.write(b, func(tx *store.Tx) error {
		for version = 1; version <= 300; version++ {
			next := old.Clone()
			id := old.Assets[version%len(old.Assets)].ID
			if _, err := next.EditAsset(id, threat.AssetEdit{Notes: ptr(fmt.Sprint(version))}); err != nil {
				return err
			}
			if _, err := tx.SaveVersion(w, m.ID, version, old, next, u, ""); err != nil {
				return err
			}
			old = next
		}
		return nil
	})
	return e, w, m.ID, version
}

func BenchmarkHead25x12(b *testing.B) {
	e, w, m, _ := withHistory(b)
	b.ResetTimer()
	for b.Loop() {
		head(b, e, w, m)
	}
}

// Two neighbouring versions, read and compared.
func BenchmarkNearDiff25x12(b *testing.B) {
	e, w, m, version := withHistory(b)
	b.ResetTimer()
	for b.Loop() {
		e.read(b, func(v *store.Snapshot) error {
			x, err := v.Version(w, m, version-1)
			if err != nil {
				return err
			}
			y, err := v.Version(w, m, version)
			if err != nil {
				return err
			}
			_, err = threat.Diff(x, y)
			return err
		})
	}
}
