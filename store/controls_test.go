package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

func someControl(id threat.ID) threat.Control {
	return threat.Control{
		ID: id, Description: "Tokens <are> \"bound\"", Status: threat.NotImplemented, Source: threat.Generated,
		Facets:        []threat.Facet{{ID: id + ".a", Text: "checks the signature", Kind: threat.BehaviourFacet}},
		FrameworkRefs: []string{"asvs-5.0:V6.2.1"}, Notes: "é", Basis: []string{"token"}, Revision: 1, NextFacet: 2,
	}
}

func live(t testing.TB, e env, workspace, model string) []store.Control {
	t.Helper()
	return get(t, e, func(v *store.Snapshot) ([]store.Control, error) { return v.Controls(workspace, model) })
}

func controlIDs(list []store.Control) (ids []threat.ID) {
	for _, c := range list {
		ids = append(ids, c.ID)
	}
	return ids
}

func TestControlsAndLinks(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		w, u := tenant(t, e, "u@example.org")
		m := testenv.Model(t, e.Store, w, u, 3, 2)
		bare := someControl("C2")
		bare.FrameworkRefs, bare.Basis, bare.Notes = nil, nil, ""
		e.write(t, func(tx *store.Tx) error {
			err := tx.AddControls(w, m.ID, []threat.Control{someControl("C10"), bare, someControl("C1")})
			if err != nil {
				return err
			}
			return tx.AddLinks(w, m.ID, []store.Link{
				{Objective: "CO-A2-T1", Group: 1, Control: "C1"},
				{Objective: "CO-A10-T1", Group: 0, Control: "C1"},
				{Objective: "CO-A2-T1", Group: 2, Control: "C1"},
				{Objective: "CO-A2-T1", Group: 1, Control: "C10"},
			})
		})
		list := live(t, e, w, m.ID)
		want := someControl("C1")
		want.Objectives = []threat.ID{"CO-A2-T1", "CO-A10-T1"}
		bare.Objectives = []threat.ID{}
		if d := cmp.Diff([]threat.ID{"C1", "C2", "C10"}, controlIDs(list)); d != "" {
			t.Fatal(d)
		}
		if d := cmp.Diff([]threat.Control{want, bare}, []threat.Control{list[0].Control, list[1].Control}, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("stored and read (-want +got):\n%s", d)
		}
		links := get(t, e, func(v *store.Snapshot) ([]store.Link, error) { return v.Links(w, m.ID) })
		if d := cmp.Diff([]store.Link{
			{"CO-A2-T1", 1, "C1"},
			{"CO-A2-T1", 1, "C10"},
			{"CO-A2-T1", 2, "C1"},
			{"CO-A10-T1", 0, "C1"},
		}, links); d != "" {
			t.Errorf("links (-want +got):\n%s", d)
		}

		for name, change := range map[string]func(*store.Tx) error{
			"a control twice": func(tx *store.Tx) error { return tx.AddControls(w, m.ID, []threat.Control{someControl("C1")}) },
			"a link twice":    func(tx *store.Tx) error { return tx.AddLinks(w, m.ID, links[:1]) },
			"a link to a control that is not there": func(tx *store.Tx) error {
				return tx.AddLinks(w, m.ID, []store.Link{{Objective: "CO-A1-T1", Control: "C9"}})
			},
		} {
			t.Run(name, func(t *testing.T) { refused(t, e.try(change), threat.Conflict) })
		}

		e.write(t, func(tx *store.Tx) error { return tx.RemoveLinks(w, m.ID, "C1", []threat.ID{"CO-A2-T1", "CO-A9-T9"}) })
		links = get(t, e, func(v *store.Snapshot) ([]store.Link, error) { return v.Links(w, m.ID) })
		if d := cmp.Diff([]store.Link{{"CO-A2-T1", 1, "C10"}, {"CO-A10-T1", 0, "C1"}}, links); d != "" {
			t.Errorf("after the removal (-want +got):\n%s", d)
		}
	})
}

func TestSaveControlHeedsTheRevision(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		w, u := tenant(t, e, "u@example.org")
		foreign, _ := tenant(t, e, "foreign@example.org")
		m := testenv.Model(t, e.Store, w, u, 1, 1)
		c := someControl("C1")
		e.write(t, func(tx *store.Tx) error { return tx.AddControls(w, m.ID, []threat.Control{c}) })

		c.Description, c.Status, c.Notes = "reworded", threat.Implemented, "n"
		e.write(t, func(tx *store.Tx) error { return tx.SaveControl(w, m.ID, c) })
		got := live(t, e, w, m.ID)[0]
		if got.Revision != 2 || got.Description != "reworded" || got.Status != threat.Implemented {
			t.Errorf("saved: %+v", got)
		}
		refused(t, e.try(func(tx *store.Tx) error { return tx.SaveControl(w, m.ID, c) }), threat.Conflict) // at revision 1 still
		refused(t, e.try(func(tx *store.Tx) error { return tx.SaveControl(foreign, m.ID, got.Control) }), threat.Conflict)

		// Of writers that read the same revision, one wins.
		won := 0
		for _, err := range together(6, func(int) error {
			return e.try(func(tx *store.Tx) error { return tx.SaveControl(w, m.ID, got.Control) })
		}) {
			if err == nil {
				won++
			} else {
				refused(t, err, threat.Conflict)
			}
		}
		if now := live(t, e, w, m.ID)[0]; won != 1 || now.Revision != 3 {
			t.Errorf("%d of 6 writers won; the revision is %d", won, now.Revision)
		}
	})
}

func TestDeletedControls(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		w, u := tenant(t, e, "u@example.org")
		foreign, _ := tenant(t, e, "foreign@example.org")
		m := testenv.Model(t, e.Store, w, u, 1, 1)
		e.write(t, func(tx *store.Tx) error {
			if err := tx.AddControls(w, m.ID, []threat.Control{someControl("C1"), someControl("C2")}); err != nil {
				return err
			}
			return tx.AddLinks(w, m.ID, []store.Link{{Objective: "CO-A1-T1", Group: 1, Control: "C1"}})
		})
		e.write(t, func(tx *store.Tx) error { return tx.DeleteControls(foreign, m.ID, []threat.ID{"C1"}, "theirs") })
		if n := len(live(t, e, w, m.ID)); n != 2 {
			t.Fatalf("another workspace deleted a control: %d left", n)
		}
		at := e.clock.Advance(time.Minute)
		e.write(t, func(tx *store.Tx) error { return tx.DeleteControls(w, m.ID, []threat.ID{"C1"}, "not needed") })
		e.clock.Advance(time.Minute)
		e.write(t, func(tx *store.Tx) error { return tx.DeleteControls(w, m.ID, []threat.ID{"C1", "C9"}, "again") })
		if got := controlIDs(live(t, e, w, m.ID)); !cmp.Equal(got, []threat.ID{"C2"}) {
			t.Errorf("live are %v", got)
		}
		gone := get(t, e, func(v *store.Snapshot) ([]store.Control, error) { return v.DeletedControls(w, m.ID) })
		if len(gone) != 1 || gone[0].ID != "C1" || gone[0].DeletedReason != "not needed" || gone[0].DeletedAt == nil ||
			!gone[0].DeletedAt.Equal(at) || gone[0].Revision != 2 || len(gone[0].Objectives) != 1 {
			t.Errorf("deleted are %+v", gone)
		}
		refused(t, e.try(func(tx *store.Tx) error { return tx.SaveControl(w, m.ID, gone[0].Control) }), threat.Conflict)
	})
}

// More rows than one batch of an INSERT holds.
func TestManyRows(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		w, u := tenant(t, e, "u@example.org")
		m := testenv.Model(t, e.Store, w, u, 1, 1)
		c, n := threat.Counters{}, 251
		var controls []threat.Control
		var links []store.Link
		for range n {
			id := c.Next(threat.KindControl)
			controls = append(controls, someControl(id))
			links = append(links, store.Link{Objective: "CO-A1-T1", Group: 1, Control: id})
		}
		e.write(t, func(tx *store.Tx) error {
			if err := tx.AddControls(w, m.ID, nil); err != nil { // nothing is no statement
				return err
			}
			if err := tx.AddControls(w, m.ID, controls); err != nil {
				return err
			}
			return tx.AddLinks(w, m.ID, links)
		})
		list := live(t, e, w, m.ID)
		if len(list) != n || list[n-1].ID != controls[n-1].ID || len(list[n-1].Objectives) != 1 {
			t.Errorf("%d of %d controls, the last %v", len(list), n, list[len(list)-1].ID)
		}
	})
}
