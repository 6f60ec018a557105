package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

func someRun(id, model string, n int64) store.Run {
	return store.Run{
		ID: id, ModelID: model, Order: n, Repo: "o/r", Commit: "c", Branch: "main", Counted: true, Verifier: "v", KeyID: "k", UserID: "u",
		Statement: `{"é":"<&>"}`, StatementDigest: "d", Answer: "{}",
	}
}

func someResult(assertion threat.ID) evidence.Result {
	return evidence.Result{Assertion: assertion, Tier: 1, Verdict: evidence.Fail, Reason: "because", File: "a.go", Line: 3}
}

// Nonces are numbered without a gap, keep what they are bound to, and are spent once.
func TestPulls(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		w, u := tenant(t, e, "u@example.org")
		foreign, _ := tenant(t, e, "foreign@example.org")
		m, other := testenv.Model(t, e.Store, w, u, 1, 1), testenv.Model(t, e.Store, w, u, 1, 1)
		stamp := model(t, e, w, m.ID).Stamp
		var want store.Pull
		for i := range 3 {
			want = store.Pull{
				Nonce: fmt.Sprint("n", i+1), ModelID: m.ID, Repo: "o/r", KeyID: "k", ListDigest: "d", Pending: i == 2, Assertions: []threat.ID{"E2", "E1"},
				IssuedAt: testenv.Start, ExpiresAt: testenv.Start.Add(time.Hour),
			}
			e.write(t, func(tx *store.Tx) (err error) {
				want.Order, err = tx.AddPull(w, want)
				return err
			})
			if want.Order != int64(i+1) {
				t.Errorf("nonce %d has number %d", i+1, want.Order)
			}
		}
		e.write(t, func(tx *store.Tx) error {
			n, err := tx.AddPull(w, store.Pull{Nonce: "x", ModelID: other.ID, IssuedAt: testenv.Start, ExpiresAt: testenv.Start})
			if n != 1 {
				t.Errorf("another model's first nonce has number %d", n)
			}
			return err
		})
		if got := get(t, e, func(v *store.Snapshot) (store.Pull, error) { return v.Pull(w, "n3") }); !cmp.Equal(got, want) {
			t.Errorf("stored %+v, read %+v", want, got)
		}
		if n := get(t, e, func(v *store.Snapshot) (int64, error) { return v.Pulls(w, m.ID) }); n != 3 {
			t.Errorf("%d nonces were issued", n)
		}
		if got := model(t, e, w, m.ID).Stamp; got != stamp {
			t.Error("a pull changes what readers of the model know")
		}
		for _, nonce := range []string{"", "n4", "N1"} {
			_, err := orError(e, func(v *store.Snapshot) (store.Pull, error) { return v.Pull(w, nonce) })
			refused(t, err, threat.NotFound)
		}
		_, err := orError(e, func(v *store.Snapshot) (store.Pull, error) { return v.Pull(foreign, "n1") })
		refused(t, err, threat.NotFound)
		refused(t, e.try(func(tx *store.Tx) error { _, err := tx.AddPull(foreign, want); return err }), threat.NotFound)

		spent := e.clock.Advance(time.Minute)
		e.write(t, func(tx *store.Tx) error { return tx.SpendNonce(w, "n1", "r") })
		refused(t, e.try(func(tx *store.Tx) error { return tx.SpendNonce(w, "n1", "r2") }), threat.Conflict)
		got := get(t, e, func(v *store.Snapshot) (store.Pull, error) { return v.Pull(w, "n1") })
		if got.SpentAt == nil || !got.SpentAt.Equal(spent) || got.RunID != "r" {
			t.Errorf("%+v", got)
		}
		e.write(t, func(tx *store.Tx) error { return tx.HideModel(w, m.ID) })
		want.Nonce = "n9"
		refused(t, e.try(func(tx *store.Tx) error { _, err := tx.AddPull(w, want); return err }), threat.NotFound)
		e.write(t, func(tx *store.Tx) error {
			n, err := tx.PurgePulls(testenv.Start.Add(time.Hour))
			if n != 1 {
				t.Errorf("%d nonces are purged, want the one that expired before", n)
			}
			return err
		})
	})
}

// Of runs that spend one nonce at once, one does.
func TestSpendAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		w, u := tenant(t, e, "u@example.org")
		m := testenv.Model(t, e.Store, w, u, 1, 1)
		e.write(t, func(tx *store.Tx) error {
			_, err := tx.AddPull(w, store.Pull{Nonce: "n", ModelID: m.ID, IssuedAt: tx.Now(), ExpiresAt: tx.Now()})
			return err
		})
		done := 0
		for _, err := range together(6, func(i int) error {
			return e.try(func(tx *store.Tx) error { return tx.SpendNonce(w, "n", fmt.Sprint("r", i)) })
		}) {
			if err == nil {
				done++
			} else {
				refused(t, err, threat.Conflict)
			}
		}
		if done != 1 {
			t.Errorf("%d of 6 spent it", done)
		}
	})
}

// A run and its results are kept as they came; runs are listed by their nonces, not by arrival.
func TestRuns(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		w, u := tenant(t, e, "u@example.org")
		foreign, _ := tenant(t, e, "foreign@example.org")
		m := testenv.Model(t, e.Store, w, u, 1, 1)
		var results []evidence.Result
		for i := range 300 {
			r := someResult(threat.ID(fmt.Sprintf("E%d", i+1)))
			results = append(results, r)
			r.Tier, r.Verdict = 2, evidence.Skipped
			results = append(results, r)
		}
		first, second := someRun("r1", m.ID, 2), someRun("r2", m.ID, 1)
		first.Proof, first.Attested, second.Counted = "proof", true, false
		e.write(t, func(tx *store.Tx) error { return tx.AddRun(w, first, results) })
		e.clock.Advance(time.Minute)
		e.write(t, func(tx *store.Tx) error { return tx.AddRun(w, second, nil) })
		got := get(t, e, func(v *store.Snapshot) (store.Run, error) { return v.Run(w, "r1") })
		if !got.SubmittedAt.Equal(testenv.Start) {
			t.Errorf("submitted at %s", got.SubmittedAt)
		}
		got.SubmittedAt, got.Submitted = time.Time{}, 0
		if d := cmp.Diff(first, got); d != "" {
			t.Errorf("stored and read (-want +got):\n%s", d)
		}
		list := get(t, e, func(v *store.Snapshot) ([]store.RunHeader, error) { return v.Runs(w, m.ID, 10) })
		if len(list) != 2 || list[0].ID != "r1" || !list[0].Attested || list[1].ID != "r2" || list[1].Counted {
			t.Errorf("%+v", list)
		}
		if list := get(t, e, func(v *store.Snapshot) ([]store.RunHeader, error) { return v.Runs(w, m.ID, 1) }); len(list) != 1 {
			t.Errorf("%d runs, want 1", len(list))
		}
		rows := get(t, e, func(v *store.Snapshot) ([]store.RunResult, error) { return v.RunResults(w, "r1") })
		if len(rows) != 600 || !cmp.Equal(rows[0], store.RunResult{Run: "r1", Assertion: "E1", Tier: 1, Verdict: evidence.Fail, Reason: "because", File: "a.go", Line: 3}) ||
			rows[1].Tier != 2 || rows[1].Verdict != evidence.Skipped {
			t.Errorf("%d rows, the first %+v", len(rows), rows[0])
		}
		if rows := get(t, e, func(v *store.Snapshot) ([]store.RunResult, error) { return v.RunResults(foreign, "r1") }); len(rows) != 0 {
			t.Errorf("another workspace reads %d", len(rows))
		}
		for _, w := range []string{foreign, w} {
			_, err := orError(e, func(v *store.Snapshot) (store.Run, error) {
				return v.Run(w, "r1"+map[bool]string{false: "x"}[w == foreign])
			})
			refused(t, err, threat.NotFound)
		}
		for name, bad := range map[string][]evidence.Result{
			"twice":           {someResult("E1"), someResult("E1")},
			"no such tier":    {{Assertion: "E1", Tier: 3, Verdict: evidence.Pass}},
			"no such verdict": {{Assertion: "E1", Tier: 1, Verdict: "passed"}},
		} {
			if err := e.try(func(tx *store.Tx) error { return tx.AddRun(w, someRun("r3", m.ID, 3), bad) }); err == nil {
				t.Errorf("results answered %s are let in", name)
			}
			_, err := orError(e, func(v *store.Snapshot) (store.Run, error) { return v.Run(w, "r3") })
			refused(t, err, threat.NotFound)
		}
	})
}
