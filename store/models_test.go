package store_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// tenant is a user with a personal workspace.
func tenant(t testing.TB, e env, email string) (workspace, user string) {
	t.Helper()
	u := testenv.User(t, e.Store, email)
	return u.PersonalWorkspace, u.ID
}

func model(t testing.TB, e env, workspace, id string) store.Model {
	t.Helper()
	return get(t, e, func(v *store.Snapshot) (store.Model, error) { return v.Model(workspace, id) })
}

func addTitled(t testing.TB, e env, workspace, user, title string) string {
	t.Helper()
	id := testenv.NewID(t)
	e.write(t, func(tx *store.Tx) error {
		return tx.AddModel(workspace, store.Model{ID: id, Title: title, CreatedBy: user})
	})
	return id
}

func TestModelLife(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		w, u := tenant(t, e, "u@example.org")
		foreign, _ := tenant(t, e, "foreign@example.org")
		id := addTitled(t, e, w, u, "Orders")
		want := store.Model{ID: id, Title: "Orders", CreatedBy: u, CreatedAt: testenv.Start, UpdatedAt: testenv.Start}
		if got := model(t, e, w, id); !cmp.Equal(got, want) {
			t.Fatalf("stored %+v, read %+v", want, got)
		}
		refused(t, e.try(func(tx *store.Tx) error { return tx.AddModel(w, store.Model{ID: id, Title: "twin"}) }), threat.Conflict)

		later := e.clock.Advance(time.Hour)
		e.write(t, func(tx *store.Tx) error { return tx.RenameModel(w, id, "Bills") })
		if got := model(t, e, w, id); got.Title != "Bills" || got.Version != 0 || !got.UpdatedAt.Equal(later) || !got.CreatedAt.Equal(testenv.Start) {
			t.Errorf("renamed: %+v", got)
		}
		stamp := model(t, e, w, id).Stamp
		e.write(t, func(tx *store.Tx) error { return tx.TouchModel(w, id) })
		if got := model(t, e, w, id); got.Stamp <= stamp || got.Version != 0 {
			t.Errorf("touched: %+v", got)
		}

		gone := e.clock.Advance(time.Hour)
		e.write(t, func(tx *store.Tx) error { return tx.HideModel(w, id) })
		_, err := orError(e, func(v *store.Snapshot) (store.Model, error) { return v.Model(w, id) })
		refused(t, err, threat.NotFound)
		hidden := get(t, e, func(v *store.Snapshot) (store.Model, error) { return v.DeletedModel(w, id) })
		if hidden.DeletedAt == nil || !hidden.DeletedAt.Equal(gone) || hidden.Stamp <= stamp {
			t.Errorf("hidden: %+v", hidden)
		}
		for name, change := range map[string]func(*store.Tx) error{
			"rename": func(tx *store.Tx) error { return tx.RenameModel(w, id, "x") },
			"touch":  func(tx *store.Tx) error { return tx.TouchModel(w, id) },
			"hide":   func(tx *store.Tx) error { return tx.HideModel(w, id) },
		} {
			t.Run(name+" a hidden model", func(t *testing.T) { refused(t, e.try(change), threat.NotFound) })
		}
		e.write(t, func(tx *store.Tx) error { return tx.UnhideModel(w, id) })
		if got := model(t, e, w, id); got.DeletedAt != nil {
			t.Errorf("brought back: %+v", got)
		}
		refused(t, e.try(func(tx *store.Tx) error { return tx.UnhideModel(w, id) }), threat.NotFound)
		_, err = orError(e, func(v *store.Snapshot) (store.Model, error) { return v.DeletedModel(w, id) })
		refused(t, err, threat.NotFound)

		before := model(t, e, w, id)
		for name, change := range map[string]func(*store.Tx) error{
			"rename": func(tx *store.Tx) error { return tx.RenameModel(foreign, id, "x") },
			"touch":  func(tx *store.Tx) error { return tx.TouchModel(foreign, id) },
			"hide":   func(tx *store.Tx) error { return tx.HideModel(foreign, id) },
			"unhide": func(tx *store.Tx) error { return tx.UnhideModel(foreign, id) },
			"read":   func(tx *store.Tx) error { _, err := tx.Model(foreign, id); return err },
		} {
			t.Run(name+" from another workspace", func(t *testing.T) { refused(t, e.try(change), threat.NotFound) })
		}
		if got := model(t, e, w, id); !cmp.Equal(got, before) {
			t.Errorf("another workspace made %+v of %+v", got, before)
		}
	})
}

func TestListModels(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		w, u := tenant(t, e, "u@example.org")
		foreign, stranger := tenant(t, e, "foreign@example.org")
		titles := []string{"100% Orders", "100 Orders", "a_b", "aXb", `back\slash`, "ÜBERMITTLUNG", "Straße", "über alles"}
		byTitle := map[string]string{}
		for _, title := range titles {
			byTitle[title] = addTitled(t, e, w, u, title)
			e.clock.Advance(time.Second)
		}
		addTitled(t, e, foreign, stranger, "Orders of somebody else")
		e.write(t, func(tx *store.Tx) error { return tx.HideModel(w, byTitle["aXb"]) })
		slices.Reverse(titles) // the newest first

		list := func(f store.ModelFilter, limit, offset int) (got []string, total int) {
			e.read(t, func(v *store.Snapshot) error {
				models, n, err := v.Models(w, f, limit, offset)
				for _, m := range models {
					got = append(got, m.Title)
				}
				total = n
				return err
			})
			return got, total
		}
		live := slices.DeleteFunc(slices.Clone(titles), func(s string) bool { return s == "aXb" })
		for _, c := range []struct {
			name          string
			f             store.ModelFilter
			limit, offset int
			want          []string
			total         int
		}{
			{"all", store.ModelFilter{}, 100, 0, live, 7},
			{"the count alone", store.ModelFilter{}, 0, 0, nil, 7},
			{"a page", store.ModelFilter{}, 3, 2, live[2:5], 7},
			{"the last page", store.ModelFilter{}, 3, 6, live[6:], 7},
			{"past the end", store.ModelFilter{}, 3, 7, nil, 7},
			{"deleted", store.ModelFilter{Deleted: true}, 10, 0, []string{"aXb"}, 1},
			{"filter before paging", store.ModelFilter{Title: "orders"}, 1, 1, []string{"100% Orders"}, 2},
			{"a percent sign is itself", store.ModelFilter{Title: "0%"}, 10, 0, []string{"100% Orders"}, 1},
			{"an underscore is itself", store.ModelFilter{Title: "a_b"}, 10, 0, []string{"a_b"}, 1},
			{"an underscore is not any letter", store.ModelFilter{Title: "A_B", Deleted: true}, 10, 0, nil, 0},
			{"a backslash is itself", store.ModelFilter{Title: `k\S`}, 10, 0, []string{`back\slash`}, 1},
			{"whatever the case, beyond ASCII too", store.ModelFilter{Title: "Über"}, 10, 0, []string{"über alles", "ÜBERMITTLUNG"}, 2},
			{"nothing", store.ModelFilter{Title: "none"}, 10, 0, nil, 0},
			{"SQL is text", store.ModelFilter{Title: "' OR 1=1 --"}, 10, 0, nil, 0},
		} {
			t.Run(c.name, func(t *testing.T) {
				got, total := list(c.f, c.limit, c.offset)
				if !slices.Equal(got, c.want) || total != c.total {
					t.Errorf("%q, %d in all; want %q, %d", got, total, c.want, c.total)
				}
			})
		}
		// A rename moves it up, and the filter follows.
		e.write(t, func(tx *store.Tx) error { return tx.RenameModel(w, byTitle["100 Orders"], "ÉCLAIR") })
		if got, _ := list(store.ModelFilter{Title: "éclair"}, 10, 0); !slices.Equal(got, []string{"ÉCLAIR"}) {
			t.Errorf("the renamed model is found as %q", got)
		}
		if got, _ := list(store.ModelFilter{}, 1, 0); !slices.Equal(got, []string{"ÉCLAIR"}) {
			t.Errorf("the most recently changed is %q", got)
		}
	})
}

// Models that were changed in the same microsecond still page without a gap or a repeat.
func TestPagingIsStable(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		w, u := tenant(t, e, "u@example.org")
		for i := range 11 {
			addTitled(t, e, w, u, fmt.Sprint(i))
		}
		seen := map[string]bool{}
		for offset := 0; offset < 11; offset += 2 {
			e.read(t, func(v *store.Snapshot) error {
				page, _, err := v.Models(w, store.ModelFilter{}, 2, offset)
				for _, m := range page {
					if seen[m.ID] {
						t.Errorf("%s is on two pages", m.Title)
					}
					seen[m.ID] = true
				}
				return err
			})
		}
		if len(seen) != 11 {
			t.Errorf("the pages show %d of 11", len(seen))
		}
	})
}

// modelTables hold what goes with a model.
var modelTables = []string{
	"model_versions", "entities", "counters", "controls", "mitigations", "assumption_events",
	"assertions", "pulls", "runs", "run_results", "findings", "finding_assertions",
	"judgments", "weakened_objectives", "carried_controls", "control_documents", "attestations", "accepted_risks",
	"framework_selections", "requirement_mappings", "requirement_exclusions", "remediation_proposals", "system_models", "chat_sessions", "chat_messages",
}

// ofModel is the condition on the rows of a table that belong to a model which [fill] made.
func ofModel(table, model string) string {
	switch table {
	case "models":
		return "id = '" + model + "'"
	case "run_results": // they go with their run
		return "run_id = '" + runOf(model) + "'"
	case "chat_messages": // and these with their session
		return "session_id = '" + chatOf(model) + "'"
	}
	return "model_id = '" + model + "'"
}

// runOf and nonceOf are the run of a model that [fill] made, and the nonce that it spent.
func runOf(model string) string   { return "run of " + model }
func nonceOf(model string) string { return "nonce of " + model }

// fill adds a model with a row in every table that belongs to it.
func fill(t testing.TB, e env, workspace, user string) store.Model {
	t.Helper()
	m := testenv.Model(t, e.Store, workspace, user, 2, 2)
	e.write(t, func(tx *store.Tx) error {
		if err := tx.AddControls(workspace, m.ID, []threat.Control{someControl("C1")}); err != nil {
			return err
		}
		if err := tx.AddLinks(workspace, m.ID, []store.Link{{Objective: "CO-A1-T1", Group: 1, Control: "C1"}}); err != nil {
			return err
		}
		if err := tx.AddAssumptionEvent(workspace, m.ID, store.AssumptionEvent{Assumption: "AS1", State: threat.Violated, UserID: user, Version: 1}); err != nil {
			return err
		}
		if err := tx.AddAssertions(workspace, m.ID, user, []store.Assertion{someAssertion("E1", "C1")}); err != nil {
			return err
		}
		pull := store.Pull{Nonce: nonceOf(m.ID), ModelID: m.ID, Repo: "o/r", KeyID: "k", Assertions: []threat.ID{"E1"}, IssuedAt: tx.Now(), ExpiresAt: tx.Now().Add(time.Hour)}
		n, err := tx.AddPull(workspace, pull)
		if err != nil {
			return err
		}
		if err := tx.AddRun(workspace, someRun(runOf(m.ID), m.ID, n), []evidence.Result{someResult("E1")}); err != nil {
			return err
		}
		if err := tx.SpendNonce(workspace, pull.Nonce, runOf(m.ID)); err != nil {
			return err
		}
		if err := tx.AddFindings(workspace, m.ID, user, []threat.Finding{someFinding("F1")}); err != nil {
			return err
		}
		if err := tx.LinkFindings(workspace, m.ID, []store.FindingLink{{Finding: "F1", Assertion: "E1", Since: n}}); err != nil {
			return err
		}
		if err := tx.SaveJudgment(workspace, m.ID, someJudgment("C1")); err != nil {
			return err
		}
		if err := decide(tx, workspace, m.ID, user); err != nil {
			return err
		}
		if err := talk(tx, workspace, m.ID, user); err != nil {
			return err
		}
		return comply(tx, workspace, m.ID, user)
	})
	return m
}

func TestPurgeTakesEverythingOfAModel(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		w, u := tenant(t, e, "u@example.org")
		stays, goes := fill(t, e, w, u), fill(t, e, w, u)
		db := raw(t, e.database)
		count := func(table, id string) int64 {
			return one(t, db, fmt.Sprintf("SELECT COUNT(*) FROM %s WHERE %s", table, ofModel(table, id)))
		}
		for _, table := range modelTables {
			if count(table, goes.ID) == 0 {
				t.Fatalf("the test puts nothing into %s", table)
			}
		}
		hidden := e.clock.Advance(time.Hour)
		e.write(t, func(tx *store.Tx) error { return tx.HideModel(w, goes.ID) })
		purge := func(before time.Time) (n int64) {
			e.write(t, func(tx *store.Tx) (err error) {
				n, err = tx.PurgeModels(before)
				return err
			})
			return n
		}
		if n := purge(hidden); n != 0 {
			t.Errorf("%d purged that were not deleted before", n)
		}
		if n := purge(hidden.Add(time.Microsecond)); n != 1 {
			t.Errorf("%d purged, want 1", n)
		}
		for _, table := range modelTables {
			if n := count(table, goes.ID); n != 0 {
				t.Errorf("%d rows are left in %s", n, table)
			}
			if count(table, stays.ID) == 0 {
				t.Errorf("the other model lost its rows in %s", table)
			}
		}
	})
}
