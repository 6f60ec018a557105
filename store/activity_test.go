package store_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

func TestActivity(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		w, u := tenant(t, e, "u@example.org")
		foreign, _ := tenant(t, e, "foreign@example.org")
		var all []store.Activity
		for i := range 23 {
			a := store.Activity{
				ID: testenv.NewID(t), At: e.clock.Advance(time.Second), UserID: u, KeyID: "k", Verb: "add_asset", Outcome: "done",
				ModelID: fmt.Sprint("m", i%3), Version: i, Object: fmt.Sprint("A", i), Detail: `{"n":1}`,
			}
			if i%5 == 0 {
				a.Outcome, a.Code, a.Detail = "refused", threat.Conflict, ""
			}
			e.write(t, func(tx *store.Tx) error { return tx.AddActivity(w, a) })
			if a.Detail == "" {
				a.Detail = "{}"
			}
			all = append(all, a)
		}
		e.write(t, func(tx *store.Tx) error {
			return tx.AddActivity(foreign, store.Activity{ID: testenv.NewID(t), Verb: "x", Outcome: "done", ModelID: "m0"})
		})
		slices.Reverse(all) // the newest first
		page := func(model string, limit, offset int) (got []store.Activity, total int) {
			e.read(t, func(v *store.Snapshot) (err error) {
				got, total, err = v.Activity(w, model, limit, offset)
				return err
			})
			return got, total
		}
		var paged []store.Activity
		for offset := 0; offset < 30; offset += 5 {
			got, total := page("", 5, offset)
			if total != 23 {
				t.Errorf("%d rows in all, want 23", total)
			}
			paged = append(paged, got...)
		}
		if d := cmp.Diff(all, paged); d != "" {
			t.Errorf("the pages together (-want +got):\n%s", d)
		}
		got, total := page("m1", 100, 0)
		if total != 8 || len(got) != 8 || slices.ContainsFunc(got, func(a store.Activity) bool { return a.ModelID != "m1" }) {
			t.Errorf("of m1: %d rows, %d in all", len(got), total)
		}
		if got, total := page("", 0, 0); len(got) != 0 || total != 23 {
			t.Errorf("the count alone: %d rows, %d in all", len(got), total)
		}
	})
}

func TestIdempotency(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		w, _ := tenant(t, e, "u@example.org")
		foreign, _ := tenant(t, e, "foreign@example.org")
		first := func(workspace, key, tool, idem string) string {
			var got string
			e.read(t, func(v *store.Snapshot) error {
				arguments, answer, ok, err := v.FirstAnswer(workspace, key, tool, idem)
				if ok {
					got = arguments + " → " + answer
				} else if arguments != "" || answer != "" {
					t.Errorf("no answer, but %q and %q", arguments, answer)
				}
				return err
			})
			return got
		}
		keep := func(arguments, answer string) error {
			return e.try(func(tx *store.Tx) error { return tx.KeepAnswer(w, "key", "add_asset", "once", arguments, answer) })
		}
		if got := first(w, "key", "add_asset", "once"); got != "" {
			t.Errorf("an answer before the first: %q", got)
		}
		if err := keep("d1", "a1"); err != nil {
			t.Fatal(err)
		}
		if got := first(w, "key", "add_asset", "once"); got != "d1 → a1" {
			t.Errorf("the first answer is %q", got)
		}
		for _, c := range [][4]string{
			{foreign, "key", "add_asset", "once"},
			{w, "other", "add_asset", "once"},
			{w, "key", "add_attacker", "once"},
			{w, "key", "add_asset", "twice"},
		} {
			if got := first(c[0], c[1], c[2], c[3]); got != "" {
				t.Errorf("%v has the answer %q", c, got)
			}
		}
		refused(t, keep("d2", "a2"), threat.Conflict) // the first answer stands
		purge := func() { e.write(t, func(tx *store.Tx) error { return tx.PurgeAnswers() }) }

		e.clock.Set(testenv.Start.Add(store.IdempotencyLife - time.Microsecond))
		purge()
		if got := first(w, "key", "add_asset", "once"); got != "d1 → a1" {
			t.Errorf("just before its end the answer is %q", got)
		}
		e.clock.Set(testenv.Start.Add(store.IdempotencyLife))
		if got := first(w, "key", "add_asset", "once"); got != "" {
			t.Errorf("past its life the answer is %q", got)
		}
		if err := keep("d3", "a3"); err != nil {
			t.Fatalf("in place of one past its life: %v", err)
		}
		if got := first(w, "key", "add_asset", "once"); got != "d3 → a3" {
			t.Errorf("the new answer is %q", got)
		}
		e.clock.Advance(store.IdempotencyLife)
		purge()
		if n := one(t, raw(t, e.database), "SELECT COUNT(*) FROM idempotency"); n != 0 {
			t.Errorf("%d answers are left after the purge", n)
		}
	})
}
