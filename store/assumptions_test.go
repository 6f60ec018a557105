package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

func TestAssumptionEvents(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		w, u := tenant(t, e, "u@example.org")
		m, other := testenv.Model(t, e.Store, w, u, 1, 1), testenv.Model(t, e.Store, w, u, 1, 1)
		states := func(model string) map[threat.ID]store.AssumptionEvent {
			return get(t, e, func(v *store.Snapshot) (map[threat.ID]store.AssumptionEvent, error) {
				return v.AssumptionStates(w, model)
			})
		}
		if got := states(m.ID); len(got) != 0 {
			t.Errorf("states before any event: %v", got)
		}
		add := func(model string, as threat.ID, state threat.AssumptionState, reason string) store.AssumptionEvent {
			ev := store.AssumptionEvent{Assumption: as, State: state, Reason: reason, UserID: u, Version: 3, At: e.clock.Now()}
			e.write(t, func(tx *store.Tx) error { return tx.AddAssumptionEvent(w, model, ev) })
			e.clock.Advance(time.Minute)
			return ev
		}
		add(m.ID, "AS1", threat.Violated, "seen in the log")
		add(m.ID, "AS2", threat.Deleted, "")
		add(other.ID, "AS1", threat.Retired, "another model's")
		for range 12 { // past nine, where text order would go wrong
			add(m.ID, "AS1", threat.Active, "")
			add(m.ID, "AS1", threat.Violated, "")
		}
		last := add(m.ID, "AS1", threat.Active, "attested anew")
		got := states(m.ID)
		if len(got) != 2 || got["AS2"].State != threat.Deleted {
			t.Errorf("the states are %+v", got)
		}
		if d := cmp.Diff(last, got["AS1"]); d != "" {
			t.Errorf("the newest event (-want +got):\n%s", d)
		}
		if n := one(t, raw(t, e.database), "SELECT COUNT(*) FROM assumption_events WHERE model_id = '"+m.ID+"' AND assumption_id = 'AS1'"); n != 26 {
			t.Errorf("%d of 26 events are kept", n)
		}
	})
}

func TestAssumptionEventsAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		w, u := tenant(t, e, "u@example.org")
		m := testenv.Model(t, e.Store, w, u, 1, 1)
		noError(t, together(5, func(int) error {
			return e.try(func(tx *store.Tx) error {
				if err := tx.TouchModel(w, m.ID); err != nil { // as every change of a model does
					return err
				}
				return tx.AddAssumptionEvent(w, m.ID, store.AssumptionEvent{Assumption: "AS1", State: threat.Violated, UserID: u})
			})
		}))
		if n := one(t, raw(t, e.database), "SELECT MAX(seq) FROM assumption_events"); n != 5 {
			t.Errorf("the last event has number %d of 5", n)
		}
	})
}
