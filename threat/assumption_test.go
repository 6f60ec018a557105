package threat_test

import (
	"testing"

	"github.com/redoubt-dev/redoubt/threat"
)

// The state machine of specification §5, written out by hand: every pair.
func TestAssumptionStates(t *testing.T) {
	const yes, no = true, false
	states := []threat.AssumptionState{threat.Active, threat.Violated, threat.Retired, threat.Deleted}
	table := map[threat.AssumptionState][4]bool{ // to: active, violated, retired, deleted
		threat.Active:   {no, yes, yes, yes},
		threat.Violated: {yes, no, yes, yes},
		threat.Retired:  {no, no, no, yes},
		threat.Deleted:  {yes, no, no, no},
		"":              {no, no, no, no},
		"unknown":       {no, no, no, no},
	}
	if len(threat.AssumptionStates()) != len(states) {
		t.Errorf("%v are the states; the table has %v", threat.AssumptionStates(), states)
	}
	for from, row := range table {
		for i, to := range states {
			if got := from.CanBecome(to); got != row[i] {
				t.Errorf("%q can become %q: %v, want %v", from, to, got, row[i])
			}
		}
		for _, to := range []threat.AssumptionState{"", "unknown"} {
			if from.CanBecome(to) {
				t.Errorf("%q can become %q", from, to)
			}
		}
	}
}
