package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

func someAssertion(id, control threat.ID) store.Assertion {
	return store.Assertion{Assertion: evidence.Assertion{
		ID: id, Type: evidence.PatternMatches, Control: control, Facets: []threat.ID{control + ".a"}, Repo: "o/r", Description: "é <&>",
		Params: evidence.Params{"file": "a.go", "pattern": "a\"\\\\<b>'", "multiline": true},
	}}
}

func someHeld(v evidence.Verdict, order int64) *evidence.Held {
	return &evidence.Held{
		Verdict: v, Reason: "r", File: "a.go", Line: 3, FileDigest: "fd", Blob: "b", Excerpt: "e", Template: "t", Text: "x", Judge: "j",
		Facets: map[threat.ID]evidence.Verdict{"C1.a": v}, Injection: true, Run: "run", Commit: "c", Order: order, At: testenv.Start, Carried: true, Attested: true,
	}
}

func assertions(t testing.TB, e env, read func(v *store.Snapshot) ([]store.Assertion, error)) []store.Assertion {
	t.Helper()
	return get(t, e, read)
}

func assertionIDs(list []store.Assertion) (ids []threat.ID) {
	for _, a := range list {
		ids = append(ids, a.ID)
	}
	return ids
}

// evidenceOf is everything that is stored of a model's evidence, as text.
func evidenceOf(t testing.TB, e env, workspace, model string) (out string) {
	t.Helper()
	e.read(t, func(v *store.Snapshot) error {
		for _, read := range []func() (any, error){
			func() (any, error) { return v.Evidence(workspace, model) },
			func() (any, error) { return v.DeletedAssertions(workspace, model) },
			func() (any, error) { return v.Findings(workspace, model) },
			func() (any, error) { return v.FindingLinks(workspace, model) },
			func() (any, error) { return v.Runs(workspace, model, 100) },
			func() (any, error) { return v.RunResults(workspace, runOf(model)) },
			func() (any, error) { return v.Pull(workspace, nonceOf(model)) },
			func() (any, error) { return v.Pulls(workspace, model) },
			func() (any, error) { return v.Judgments(workspace, model) },
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

// What is added is read back, in the order of the numbers in the ids; what is held of it is saved for many at once, and for no other.
func TestAssertions(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		w, u := tenant(t, e, "u@example.org")
		m, twin := testenv.Model(t, e.Store, w, u, 1, 1), fill(t, e, w, u)
		var batch []store.Assertion
		for i := 250; i >= 1; i-- { // more than one statement holds
			batch = append(batch, someAssertion(threat.ID(fmt.Sprintf("E%d", i)), "C1"))
		}
		bare := someAssertion("E251", "")
		bare.Assumption, bare.Description, bare.Incoherent = "AS1", "", "because"
		batch = append(batch, bare)
		e.write(t, func(tx *store.Tx) error {
			if err := tx.AddControls(w, m.ID, []threat.Control{someControl("C1"), someControl("C2")}); err != nil {
				return err
			}
			return tx.AddAssertions(w, m.ID, u, batch)
		})
		read := func(v *store.Snapshot) ([]store.Assertion, error) { return v.Assertions(w, m.ID) }
		list := assertions(t, e, read)
		if len(list) != 251 || list[1].ID != "E2" || list[9].ID != "E10" || list[250].ID != "E251" {
			t.Fatalf("%v", assertionIDs(list))
		}
		want := someAssertion("E1", "C1")
		want.CreatedAt, want.CreatedBy = testenv.Start, u
		if d := cmp.Diff(want, list[0]); d != "" {
			t.Errorf("stored and read (-want +got):\n%s", d)
		}
		if got := list[250]; got.Assumption != "AS1" || got.Control != "" || got.Incoherent != "because" {
			t.Errorf("%+v", got)
		}
		drifted := testenv.Start.Add(time.Minute)
		for i := range list[:230] {
			list[i].Tier1 = someHeld(evidence.Fail, int64(i))
			if i%2 == 0 {
				list[i].Tier2, list[i].DriftedAt = someHeld(evidence.Pass, int64(i)), &drifted
			}
		}
		other := evidenceOf(t, e, w, twin.ID)
		e.write(t, func(tx *store.Tx) error { return tx.SaveHeld(w, m.ID, list[:230]) })
		if d := cmp.Diff(list, assertions(t, e, read)); d != "" {
			t.Errorf("held (-want +got):\n%s", d)
		}
		list[0].Tier2, list[0].DriftedAt = nil, nil
		e.write(t, func(tx *store.Tx) error { return tx.SaveHeld(w, m.ID, list[:1]) })
		e.write(t, func(tx *store.Tx) error {
			return tx.SetIncoherent(w, m.ID, map[threat.ID]string{"E1": "x", "E251": ""})
		})
		list[0].Incoherent, list[250].Incoherent = "x", ""
		if d := cmp.Diff(list, assertions(t, e, read)); d != "" {
			t.Errorf("changed (-want +got):\n%s", d)
		}
		if now := evidenceOf(t, e, w, twin.ID); now != other {
			t.Errorf("another model's evidence changed: %s, was %s", now, other)
		}
		// An id is given once, and an assertion is about one thing that there is.
		for name, bad := range map[string]store.Assertion{
			"an id again": someAssertion("E1", "C2"), "no such control": someAssertion("E900", "C9"), "about nothing": someAssertion("E900", ""),
			"about both": func() store.Assertion { a := someAssertion("E900", "C1"); a.Assumption = "AS1"; return a }(),
		} {
			if err := e.try(func(tx *store.Tx) error { return tx.AddAssertions(w, m.ID, u, []store.Assertion{bad}) }); err == nil {
				t.Errorf("%s is let in", name)
			}
		}
	})
}

// A deleted assertion stays on record with its reason; a debt counts until it is settled.
func TestDeletedAssertions(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		w, u := tenant(t, e, "u@example.org")
		m := testenv.Model(t, e.Store, w, u, 1, 1)
		e.write(t, func(tx *store.Tx) error {
			if err := tx.AddControls(w, m.ID, []threat.Control{someControl("C1"), someControl("C2")}); err != nil {
				return err
			}
			return tx.AddAssertions(w, m.ID, u, []store.Assertion{
				someAssertion("E1", "C1"), someAssertion("E2", "C1"), someAssertion("E3", "C1"), someAssertion("E4", "C2"),
			})
		})
		gone := e.clock.Advance(time.Hour)
		e.write(t, func(tx *store.Tx) error {
			if err := tx.DeleteAssertion(w, m.ID, "E1", u, "moved", true); err != nil {
				return err
			}
			return tx.DeleteAssertion(w, m.ID, "E2", u, "wrong", false)
		})
		lists := func() [4][]threat.ID {
			return [4][]threat.ID{
				assertionIDs(assertions(t, e, func(v *store.Snapshot) ([]store.Assertion, error) { return v.Assertions(w, m.ID) })),
				assertionIDs(assertions(t, e, func(v *store.Snapshot) ([]store.Assertion, error) { return v.DeletedAssertions(w, m.ID) })),
				assertionIDs(assertions(t, e, func(v *store.Snapshot) ([]store.Assertion, error) { return v.Evidence(w, m.ID) })),
				assertionIDs(assertions(t, e, func(v *store.Snapshot) ([]store.Assertion, error) { return v.EvidenceOf(w, m.ID, "C1") })),
			}
		}
		if d := cmp.Diff([4][]threat.ID{{"E3", "E4"}, {"E1", "E2"}, {"E1", "E3", "E4"}, {"E1", "E3"}}, lists()); d != "" {
			t.Errorf("live, deleted, evidence, evidence of C1 (-want +got):\n%s", d)
		}
		e.write(t, func(tx *store.Tx) error { return tx.DeleteAssertion(w, m.ID, "E1", u, "again", false) })
		deleted := assertions(t, e, func(v *store.Snapshot) ([]store.Assertion, error) { return v.DeletedAssertions(w, m.ID) })
		if a := deleted[0]; a.DeletedReason != "moved" || !a.Debt || a.DeletedAt == nil || !a.DeletedAt.Equal(gone) {
			t.Errorf("%+v", a)
		}
		for _, id := range []threat.ID{"E1", "E99", ""} {
			_, err := orError(e, func(v *store.Snapshot) (store.Assertion, error) { return v.Assertion(w, m.ID, id) })
			refused(t, err, threat.NotFound)
		}
		e.write(t, func(tx *store.Tx) error { return tx.SettleDebts(w, m.ID, []threat.ID{"E1"}) })
		if d := cmp.Diff([4][]threat.ID{{"E3", "E4"}, {"E1", "E2"}, {"E3", "E4"}, {"E3"}}, lists()); d != "" {
			t.Errorf("after the debt is paid (-want +got):\n%s", d)
		}
	})
}

// What follows from the evidence is kept beside the control and makes no revision of it.
func TestVerification(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		w, u := tenant(t, e, "u@example.org")
		m := testenv.Model(t, e.Store, w, u, 1, 1)
		e.write(t, func(tx *store.Tx) error {
			return tx.AddControls(w, m.ID, []threat.Control{someControl("C1"), someControl("C2")})
		})
		before := live(t, e, w, m.ID)
		if got := before[0].Evidence; got.Status != evidence.None || got.Oldest != nil || got.Attested || got.Sufficiency.Status != "" {
			t.Errorf("a fresh control has %+v", got)
		}
		at := testenv.Start.Add(1_234_567 * time.Microsecond)
		want := store.Verification{Status: evidence.Partial, Oldest: &at, Attested: true, Sufficiency: evidence.Sufficiency{
			Status: evidence.Insufficient, Uncovered: []evidence.Gap{{Facet: "C1.a", Kind: threat.BehaviourFacet, Why: "nothing claims it", Types: []evidence.Type{evidence.FunctionCalls}}},
		}}
		e.write(t, func(tx *store.Tx) error { return tx.SaveVerification(w, m.ID, "C1", want) })
		after := live(t, e, w, m.ID)
		if d := cmp.Diff(want, after[0].Evidence); d != "" {
			t.Errorf("stored and read (-want +got):\n%s", d)
		}
		for i := range before {
			if d := cmp.Diff(before[i].Control, after[i].Control, cmpopts.EquateEmpty()); d != "" {
				t.Errorf("the control changed (-before +after):\n%s", d)
			}
		}
		for _, v := range evidence.Verifications() {
			err := e.try(func(tx *store.Tx) error { return tx.SaveVerification(w, m.ID, "C2", store.Verification{Status: v}) })
			if (err == nil) != (v != evidence.Stale) { // it depends on the time, and is decided on read
				t.Errorf("%s: %v", v, err)
			}
		}
	})
}
