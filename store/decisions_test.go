package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// decide adds a row of everything that people decide about a model which has C1.
func decide(tx *store.Tx, workspace, model, user string) error {
	if err := tx.WeakenObjective(workspace, model, "CO-A1-T1", "C2 left a group"); err != nil {
		return err
	}
	if err := tx.CarryControl(workspace, model, store.Carried{Control: "C1", Assumption: "AS1"}); err != nil {
		return err
	}
	if _, err := tx.AddDocument(workspace, model, store.Document{Control: "C1", Title: "Review", URL: "https://example.org", CreatedBy: user}); err != nil {
		return err
	}
	if err := tx.AddAttestation(workspace, model, someAttestation(model+"-1", "AS1", user, tx.Now())); err != nil {
		return err
	}
	return tx.AddAcceptedRisk(workspace, model, someRisk(model+"-1", "CO-A1-T1", user, tx.Now()))
}

func someAttestation(id string, assumption threat.ID, user string, now time.Time) store.Attestation {
	return store.Attestation{
		ID: id, Assumption: assumption, Statement: "é <&>'", EvidenceURL: "https://example.org/e", GivenFor: `{"text":"x"}`, UserID: user, ExpiresAt: now.Add(time.Hour),
	}
}

func someRisk(id string, co threat.ID, user string, now time.Time) store.AcceptedRisk {
	return store.AcceptedRisk{ID: id, Objective: co, Owner: "Ada", Reason: "é <&>'", ReviewBy: now.Add(time.Hour), GivenFor: "d", UserID: user}
}

// decisionsOf is everything that is stored of what people decided, as text.
func decisionsOf(t testing.TB, e env, workspace, model string) (out string) {
	t.Helper()
	e.read(t, func(v *store.Snapshot) error {
		for _, read := range []func() (any, error){
			func() (any, error) { return v.Attestations(workspace, model) },
			func() (any, error) { return v.AcceptedRisks(workspace, model) },
			func() (any, error) { return v.WeakenedObjectives(workspace, model) },
			func() (any, error) { return v.CarriedControls(workspace, model) },
			func() (any, error) { return v.Documents(workspace, model) },
		} {
			part, err := read()
			if err != nil {
				return err
			}
			out += fmt.Sprintf("%+v\n", part)
		}
		return nil
	})
	return out
}

// decided is a model with C1 and C2, beside another that has a row of everything and keeps it.
func decided(t *testing.T, test func(t *testing.T, e env, w, u, model string)) {
	onBoth(t, func(t *testing.T, e env) {
		w, u := tenant(t, e, "u@example.org")
		m, twin := testenv.Model(t, e.Store, w, u, 2, 2), fill(t, e, w, u)
		e.write(t, func(tx *store.Tx) error {
			return tx.AddControls(w, m.ID, []threat.Control{someControl("C1"), someControl("C2")})
		})
		other := decisionsOf(t, e, w, twin.ID)
		test(t, e, w, u, m.ID)
		if now := decisionsOf(t, e, w, twin.ID); now != other {
			t.Errorf("another model's decisions changed: %s, was %s", now, other)
		}
	})
}

// A new attestation ends the one before it on the same assumption; what is ended stays on record with its reason.
func TestAttestations(t *testing.T) {
	decided(t, func(t *testing.T, e env, w, u, model string) {
		add := func(id string, assumption threat.ID) {
			t.Helper()
			e.write(t, func(tx *store.Tx) error {
				return tx.AddAttestation(w, model, someAttestation(id, assumption, u, testenv.Start))
			})
		}
		read := func() []store.Attestation {
			t.Helper()
			return get(t, e, func(v *store.Snapshot) ([]store.Attestation, error) { return v.Attestations(w, model) })
		}
		add("a", "AS1")
		want := someAttestation("a", "AS1", u, testenv.Start)
		want.CreatedAt = testenv.Start
		if d := cmp.Diff([]store.Attestation{want}, read()); d != "" {
			t.Errorf("stored and read (-want +got):\n%s", d)
		}
		add("b", "AS2")
		later := e.clock.Advance(time.Minute)
		add("c", "AS1")
		end := e.clock.Advance(time.Minute)
		e.write(t, func(tx *store.Tx) error { return tx.EndAttestations(w, model, "AS2", "it was violated") })
		e.clock.Advance(time.Minute)
		e.write(t, func(tx *store.Tx) error { return tx.EndAttestations(w, model, "AS2", "again") })
		list := read()
		if len(list) != 3 || list[0].EndedAt == nil || !list[0].EndedAt.Equal(later) || list[0].EndedReason != "a newer attestation" ||
			list[1].EndedAt == nil || !list[1].EndedAt.Equal(end) || list[1].EndedReason != "it was violated" || list[2].EndedAt != nil {
			t.Errorf("%+v", list)
		}
		if err := e.try(func(tx *store.Tx) error {
			return tx.AddAttestation(w, model, someAttestation("a", "AS3", u, testenv.Start))
		}); err == nil {
			t.Error("an id is given twice")
		}
	})
}

// A CO has one live acceptance at most.
func TestAcceptedRisks(t *testing.T) {
	decided(t, func(t *testing.T, e env, w, u, model string) {
		add := func(r store.AcceptedRisk) {
			t.Helper()
			e.write(t, func(tx *store.Tx) error { return tx.AddAcceptedRisk(w, model, r) })
		}
		end := func(co threat.ID, reason string) (ended bool) {
			t.Helper()
			e.write(t, func(tx *store.Tx) (err error) {
				ended, err = tx.EndAcceptedRisk(w, model, co, reason)
				return err
			})
			return ended
		}
		read := func() []store.AcceptedRisk {
			t.Helper()
			return get(t, e, func(v *store.Snapshot) ([]store.AcceptedRisk, error) { return v.AcceptedRisks(w, model) })
		}
		one, expires := someRisk("a", "CO-A1-T1", u, testenv.Start), testenv.Start.Add(2*time.Hour)
		one.ExpiresAt = &expires
		add(one)
		add(someRisk("b", "CO-A1-T2", u, testenv.Start))
		want := []store.AcceptedRisk{one, someRisk("b", "CO-A1-T2", u, testenv.Start)}
		want[0].CreatedAt, want[1].CreatedAt = testenv.Start, testenv.Start
		if d := cmp.Diff(want, read()); d != "" {
			t.Errorf("stored and read (-want +got):\n%s", d)
		}
		later := e.clock.Advance(time.Minute)
		add(someRisk("c", "CO-A1-T1", u, later))
		if !end("CO-A1-T2", "withdrawn") || end("CO-A1-T2", "again") || end("CO-A2-T2", "never") {
			t.Error("what is ended is told wrongly")
		}
		list := read()
		if len(list) != 3 || list[0].EndedReason != "a newer decision" || !list[0].EndedAt.Equal(later) || list[1].EndedReason != "withdrawn" || list[2].EndedAt != nil {
			t.Errorf("%+v", list)
		}
	})
}

// The first reason why something was weakened stays until it is approved.
func TestWeakened(t *testing.T) {
	decided(t, func(t *testing.T, e env, w, u, model string) {
		e.write(t, func(tx *store.Tx) error {
			for _, x := range []store.WeakenedObjective{{"CO-A1-T1", "first"}, {"CO-A1-T1", "second"}, {"CO-A2-T1", "other"}} {
				if err := tx.WeakenObjective(w, model, x.Objective, x.Reason); err != nil {
					return err
				}
			}
			for _, reason := range []string{"first", "second"} {
				if err := tx.WeakenControl(w, model, "C1", reason); err != nil {
					return err
				}
			}
			return nil
		})
		read := func() []store.WeakenedObjective {
			t.Helper()
			return get(t, e, func(v *store.Snapshot) ([]store.WeakenedObjective, error) { return v.WeakenedObjectives(w, model) })
		}
		if d := cmp.Diff([]store.WeakenedObjective{{"CO-A1-T1", "first"}, {"CO-A2-T1", "other"}}, read()); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		if c := live(t, e, w, model); c[0].Weakened != "first" || c[1].Weakened != "" || c[0].Revision != 1 {
			t.Errorf("%+v", c)
		}
		var found [2]bool
		e.write(t, func(tx *store.Tx) (err error) {
			for i := range found {
				if found[i], err = tx.ApproveObjective(w, model, "CO-A1-T1"); err != nil {
					return err
				}
			}
			return tx.WeakenControl(w, model, "C1", "")
		})
		if d := cmp.Diff([]store.WeakenedObjective{{"CO-A2-T1", "other"}}, read()); d != "" || found != [2]bool{true, false} {
			t.Errorf("found %v (-want +got):\n%s", found, d)
		}
		if c := live(t, e, w, model); c[0].Weakened != "" {
			t.Errorf("%+v", c[0])
		}
	})
}

// A control comes back as it was, with its links, under its next revision; one that is live does not.
func TestRestoreControl(t *testing.T) {
	decided(t, func(t *testing.T, e env, w, u, model string) {
		e.write(t, func(tx *store.Tx) error {
			if err := tx.AddLinks(w, model, []store.Link{{"CO-A1-T1", 1, "C1"}}); err != nil {
				return err
			}
			return tx.DeleteControls(w, model, []threat.ID{"C1"}, "r")
		})
		at := e.clock.Advance(time.Minute)
		e.write(t, func(tx *store.Tx) error {
			for _, id := range []threat.ID{"C1", "C2", "C9"} {
				if err := tx.RestoreControl(w, model, id); err != nil {
					return err
				}
			}
			return tx.ReviewControls(w, model, []threat.ID{"C1"})
		})
		c := live(t, e, w, model)
		if len(c) != 2 || c[0].Revision != 3 || c[0].DeletedAt != nil || c[0].DeletedReason != "" || len(c[0].Objectives) != 1 || !c[0].UpdatedAt.Equal(at) ||
			c[0].ReviewedAt == nil || !c[0].ReviewedAt.Equal(at) || c[1].Revision != 1 || c[1].ReviewedAt != nil {
			t.Errorf("%+v", c)
		}
	})
}

// Numbers of auxiliary evidence count up per control and are not given again; what carries a control is a set.
func TestDocumentsAndCarriedControls(t *testing.T) {
	decided(t, func(t *testing.T, e env, w, u, model string) {
		var numbers []int
		e.write(t, func(tx *store.Tx) error {
			for _, c := range []threat.ID{"C1", "C1", "C2"} {
				n, err := tx.AddDocument(w, model, store.Document{Control: c, Title: "t", URL: "u", CreatedBy: u})
				if err != nil {
					return err
				}
				numbers = append(numbers, n)
			}
			for _, want := range []bool{true, false} {
				if found, err := tx.RemoveDocument(w, model, "C1", 2); err != nil || found != want {
					t.Errorf("removed: %v, %v; want %v", found, err, want)
				}
			}
			n, err := tx.AddDocument(w, model, store.Document{Control: "C1", Title: "again", CreatedBy: u})
			numbers = append(numbers, n)
			return err
		})
		if d := cmp.Diff([]int{1, 2, 1, 3}, numbers); d != "" {
			t.Errorf("numbers (-want +got):\n%s", d)
		}
		docs := get(t, e, func(v *store.Snapshot) ([]store.Document, error) { return v.Documents(w, model) })
		if d := cmp.Diff([]store.Document{{"C1", 1, "t", "u", u}, {"C1", 3, "again", "", u}, {"C2", 1, "t", "u", u}}, docs); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		e.write(t, func(tx *store.Tx) error {
			for _, c := range []store.Carried{{"C1", "AS1"}, {"C1", "AS1"}, {"C1", "AS2"}, {"C2", "AS1"}, {"C2", "AS2"}} {
				if err := tx.CarryControl(w, model, c); err != nil {
					return err
				}
			}
			if err := tx.DropControl(w, model, store.Carried{Control: "C1", Assumption: "AS1"}); err != nil {
				return err
			}
			return tx.DropControl(w, model, store.Carried{Control: "C2"})
		})
		carried := get(t, e, func(v *store.Snapshot) ([]store.Carried, error) { return v.CarriedControls(w, model) })
		if d := cmp.Diff([]store.Carried{{"C1", "AS2"}}, carried); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		for name, write := range map[string]func(tx *store.Tx) error{
			"a document": func(tx *store.Tx) error {
				_, err := tx.AddDocument(w, model, store.Document{Control: "C9"})
				return err
			},
			"an assumption": func(tx *store.Tx) error {
				return tx.CarryControl(w, model, store.Carried{Control: "C9", Assumption: "AS1"})
			},
		} {
			if e.try(write) == nil {
				t.Errorf("%s hangs on a control that is not there", name)
			}
		}
	})
}

// Every field of the filter narrows, an object is found among several, and nothing of another workspace is counted.
func TestFilteredActivity(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		w, u := tenant(t, e, "u@example.org")
		foreign, _ := tenant(t, e, "foreign@example.org")
		rows := []store.Activity{
			{Verb: "edit_controls", Outcome: "done", UserID: u, ModelID: "m", Object: "C1, C12"},
			{Verb: "edit_asset", Outcome: "done", UserID: "other", ModelID: "m", Object: "A1"},
			{Verb: "accept_risk", Outcome: "refused", Code: threat.Forbidden, UserID: u, ModelID: "n"},
		}
		for i, a := range rows {
			e.clock.Advance(time.Minute)
			e.write(t, func(tx *store.Tx) error {
				a.ID = fmt.Sprint("a", i)
				if err := tx.AddActivity(w, a); err != nil {
					return err
				}
				a.ID = fmt.Sprint("f", i)
				return tx.AddActivity(foreign, a)
			})
		}
		at := func(minutes int) *time.Time { t := testenv.Start.Add(time.Duration(minutes) * time.Minute); return &t }
		for name, c := range map[string]struct {
			f    store.ActivityFilter
			want string
		}{
			"all":            {store.ActivityFilter{}, "a2 a1 a0"},
			"model":          {store.ActivityFilter{Model: "m"}, "a1 a0"},
			"verb":           {store.ActivityFilter{Verb: "edit_asset"}, "a1"},
			"outcome":        {store.ActivityFilter{Outcome: "refused"}, "a2"},
			"user":           {store.ActivityFilter{User: u}, "a2 a0"},
			"an object":      {store.ActivityFilter{Object: "A1"}, "a1"},
			"the first":      {store.ActivityFilter{Object: "C1"}, "a0"},
			"the last":       {store.ActivityFilter{Object: "C12"}, "a0"},
			"half an object": {store.ActivityFilter{Object: "C"}, ""},
			"SQL is text":    {store.ActivityFilter{Object: "%' OR 1=1 --"}, ""},
			"since":          {store.ActivityFilter{Since: at(2)}, "a2 a1"},
			"until":          {store.ActivityFilter{Until: at(2)}, "a1 a0"},
			"two fields":     {store.ActivityFilter{User: u, Model: "m"}, "a0"},
		} {
			e.read(t, func(v *store.Snapshot) error {
				got := ""
				list, counts, err := v.FilteredActivity(w, c.f, 10, 0)
				for _, a := range list {
					got = strings.TrimPrefix(got+" "+a.ID, " ")
				}
				if got != c.want || counts["done"]+counts["refused"] != len(list) {
					t.Errorf("%s: %q, counts %v; want %q", name, got, counts, c.want)
				}
				return err
			})
		}
	})
}
