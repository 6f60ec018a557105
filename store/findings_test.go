package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

func someFinding(id threat.ID) threat.Finding {
	return threat.Finding{
		ID: id, Control: "C1", Title: "t <é>", Description: "d", Severity: threat.SeverityHigh, Source: threat.FromDrift, Status: threat.Discovered,
		Fingerprint: "drift:E1", CheckedLocations: []string{"a.go", "b \"c\".go"}, CheckedPatterns: []string{"x"}, ExpectedEvidence: "e", MappedBy: "CWE-79", Proposal: "never called",
	}
}

// What is added is read back in the order of the numbers, and moves on by itself alone.
func TestFindings(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		w, u := tenant(t, e, "u@example.org")
		m, twin := testenv.Model(t, e.Store, w, u, 1, 1), fill(t, e, w, u)
		bare := someFinding("F2")
		bare.CheckedLocations, bare.CheckedPatterns, bare.Control, bare.Reopens = []string{}, []string{}, "", "F1"
		e.write(t, func(tx *store.Tx) error {
			return tx.AddFindings(w, m.ID, u, []threat.Finding{someFinding("F10"), bare, someFinding("F1")})
		})
		read := func() []store.Finding {
			return get(t, e, func(v *store.Snapshot) ([]store.Finding, error) { return v.Findings(w, m.ID) })
		}
		full := func(f threat.Finding) store.Finding {
			return store.Finding{Finding: f, CreatedAt: testenv.Start, CreatedBy: u, UpdatedAt: testenv.Start}
		}
		want := []store.Finding{full(someFinding("F1")), full(bare), full(someFinding("F10"))}
		if d := cmp.Diff(want, read()); d != "" {
			t.Fatalf("stored and read (-want +got):\n%s", d)
		}
		if err := e.try(func(tx *store.Tx) error { return tx.AddFindings(w, m.ID, u, []threat.Finding{someFinding("F1")}) }); err == nil {
			t.Error("an id is given twice")
		}
		other := evidenceOf(t, e, w, twin.ID)
		later := e.clock.Advance(time.Hour)
		e.write(t, func(tx *store.Tx) error { return tx.SetFindingStatus(w, m.ID, "F1", threat.Dismissed, "accepted") })
		want[0].Status, want[0].Reason, want[0].Proposal, want[0].UpdatedAt = threat.Dismissed, "accepted", "", later
		// Only open findings are taken off a control: a closed one tells where it was.
		e.write(t, func(tx *store.Tx) error { return tx.UnmapFindings(w, m.ID, []threat.ID{"C1", "C2"}) })
		want[2].Control, want[2].MappedBy, want[2].UpdatedAt = "", "", later
		e.write(t, func(tx *store.Tx) error {
			if err := tx.MapFinding(w, m.ID, "F2", "C2", "text"); err != nil {
				return err
			}
			return tx.ProposeDismissal(w, m.ID, "F2", "a test file")
		})
		want[1].Control, want[1].MappedBy, want[1].Proposal, want[1].UpdatedAt = "C2", "text", "a test file", later
		if d := cmp.Diff(want, read()); d != "" {
			t.Errorf("moved on (-want +got):\n%s", d)
		}
		e.write(t, func(tx *store.Tx) error { return tx.RefuseDismissal(w, m.ID, "F2", "a test file") })
		want[1].Proposal, want[1].Refused = "", "a test file"
		if d := cmp.Diff(want, read()); d != "" {
			t.Errorf("refused (-want +got):\n%s", d)
		}
		if now := evidenceOf(t, e, w, twin.ID); now != other {
			t.Errorf("another model's findings changed: %s, was %s", now, other)
		}
		for _, bad := range []func(f *threat.Finding){
			func(f *threat.Finding) { f.Status = "new" }, func(f *threat.Finding) { f.Severity = "" }, func(f *threat.Finding) { f.Source = "x" },
		} {
			f := someFinding("F20")
			bad(&f)
			if err := e.try(func(tx *store.Tx) error { return tx.AddFindings(w, m.ID, u, []threat.Finding{f}) }); err == nil {
				t.Errorf("%+v is let in", f)
			}
		}
	})
}

// A link keeps the number it was made with, and is between things that there are.
func TestFindingLinks(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		w, u := tenant(t, e, "u@example.org")
		m := fill(t, e, w, u)
		e.write(t, func(tx *store.Tx) error {
			return tx.LinkFindings(w, m.ID, []store.FindingLink{{Finding: "F1", Assertion: "E1", Since: 99}})
		})
		got := get(t, e, func(v *store.Snapshot) ([]store.FindingLink, error) { return v.FindingLinks(w, m.ID) })
		if d := cmp.Diff([]store.FindingLink{{Finding: "F1", Assertion: "E1", Since: 1}}, got); d != "" {
			t.Errorf("linked twice (-want +got):\n%s", d)
		}
		for _, l := range []store.FindingLink{{Finding: "F1", Assertion: "E9"}, {Finding: "F9", Assertion: "E1"}} {
			if err := e.try(func(tx *store.Tx) error { return tx.LinkFindings(w, m.ID, []store.FindingLink{l}) }); err == nil {
				t.Errorf("%+v is let in", l)
			}
		}
	})
}
