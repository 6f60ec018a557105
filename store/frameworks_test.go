package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

func someMapping(control threat.ID, requirement string) store.Mapping {
	return store.Mapping{Control: control, Framework: "acme", Requirement: requirement, Source: "auto", Confidence: 700, Reason: "é <&>'"}
}

func someProposal() store.Proposal {
	return store.Proposal{Kind: threat.KindAsset, Body: `{"name":"é"}`, Requirements: []string{"R1", "R2"}, Reason: "a gap"}
}

// systemOf is the system that [comply] makes in a workspace.
func systemOf(workspace string) string { return "system of " + workspace }

// comply adds a row of everything about frameworks and systems to a model which has C1.
func comply(tx *store.Tx, workspace, model, user string) error {
	if _, err := tx.SaveFramework(workspace, store.Framework{ID: "acme", Body: "{}", ImportedBy: user}); err != nil {
		return err
	}
	if err := tx.SelectFrameworks(workspace, model, user, []string{"acme"}); err != nil {
		return err
	}
	if err := tx.SaveMappings(workspace, model, user, []store.Mapping{someMapping("C1", "R1")}); err != nil {
		return err
	}
	if err := tx.Exclude(workspace, model, user, store.Exclusion{Framework: "acme", Requirement: "R2", Reason: "é"}); err != nil {
		return err
	}
	if _, err := tx.AddProposals(workspace, model, user, "acme", []store.Proposal{someProposal()}); err != nil {
		return err
	}
	if _, err := tx.System(workspace, systemOf(workspace)); threat.CodeOf(err) == threat.NotFound {
		if err := tx.AddSystem(workspace, store.System{ID: systemOf(workspace), Name: "System", CreatedBy: user}); err != nil {
			return err
		}
	}
	return tx.JoinSystem(workspace, systemOf(workspace), model)
}

// complianceOf is everything that is stored about a model's frameworks and its workspace's systems, as text.
func complianceOf(t testing.TB, e env, workspace, model string) (out string) {
	t.Helper()
	e.read(t, func(v *store.Snapshot) error {
		for _, read := range []func() (any, error){
			func() (any, error) { return v.Frameworks(workspace) },
			func() (any, error) { return v.Selections(workspace, model) },
			func() (any, error) { return v.FrameworksOf(workspace, model) },
			func() (any, error) { return v.ModelsUsing(workspace, "acme") },
			func() (any, error) { return v.Mappings(workspace, model, "acme") },
			func() (any, error) { return v.Exclusions(workspace, model, "acme") },
			func() (any, error) { return proposalText(v, workspace, model) },
			func() (any, error) { return v.SystemOf(workspace, model) },
			func() (any, error) { s, _, err := v.Systems(workspace, 10, 0); return s, err },
			func() (any, error) { return v.SystemModels(workspace, systemOf(workspace)) },
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

func proposalText(v *store.Snapshot, workspace, model string) (out string, err error) {
	list, err := v.Proposals(workspace, model, "")
	for _, p := range list {
		p.DecidedAt = nil // a pointer prints as its address
		out += fmt.Sprintf("%+v\n", p)
	}
	return out, err
}

// An import of the same id replaces the body and raises the revision; the list is without bodies.
func TestFrameworks(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		w, u := tenant(t, e, "u@example.org")
		save := func(f store.Framework) (revision int) {
			t.Helper()
			e.write(t, func(tx *store.Tx) (err error) {
				revision, err = tx.SaveFramework(w, f)
				return err
			})
			return revision
		}
		if n := save(store.Framework{ID: "b", Body: "one", ImportedBy: u}); n != 1 {
			t.Errorf("revision %d", n)
		}
		save(store.Framework{ID: "a", Body: "other", Overlay: true, ImportedBy: u})
		later := e.clock.Advance(time.Minute)
		if n := save(store.Framework{ID: "b", Body: "two", Overlay: true, ImportedBy: u}); n != 2 {
			t.Errorf("revision %d", n)
		}
		want := store.Framework{ID: "b", Body: "two", Overlay: true, Revision: 2, ImportedBy: u, ImportedAt: later}
		e.read(t, func(v *store.Snapshot) error {
			f, ok, err := v.Framework(w, "b")
			if d := cmp.Diff(want, f); d != "" || !ok {
				t.Errorf("(-want +got):\n%s", d)
			}
			if _, ok, err := v.Framework(w, "c"); ok || err != nil {
				t.Errorf("a framework that is not there: %v %v", ok, err)
			}
			return err
		})
		want.Body = ""
		list := get(t, e, func(v *store.Snapshot) ([]store.Framework, error) { return v.Frameworks(w) })
		if len(list) != 2 || list[0].ID != "a" || !cmp.Equal(list[1], want) {
			t.Errorf("%+v", list)
		}
	})
}

// Selections, mappings and exclusions are what was written last; a mapping outlives the deletion of its control.
func TestCompliance(t *testing.T) {
	decided(t, func(t *testing.T, e env, w, u, model string) {
		mappings := func() []store.Mapping {
			t.Helper()
			return get(t, e, func(v *store.Snapshot) ([]store.Mapping, error) { return v.Mappings(w, model, "acme") })
		}
		e.write(t, func(tx *store.Tx) error {
			if err := tx.SelectFrameworks(w, model, u, []string{"b", "a"}); err != nil {
				return err
			}
			return tx.SaveMappings(w, model, u, []store.Mapping{someMapping("C2", "R1"), someMapping("C1", "R1"), someMapping("C1", "R0")})
		})
		later := e.clock.Advance(time.Minute)
		e.write(t, func(tx *store.Tx) error {
			m := someMapping("C2", "R1")
			m.Source, m.Confidence, m.Reason = "manual", 1000, "seen"
			if err := tx.SaveMappings(w, model, "other", []store.Mapping{m}); err != nil {
				return err
			}
			if err := tx.SelectFrameworks(w, model, "other", []string{"a"}); err != nil {
				return err
			}
			if err := tx.UnselectFrameworks(w, model, []string{"b"}); err != nil {
				return err
			}
			return tx.DeleteControls(w, model, []threat.ID{"C1"}, "x")
		})
		first, second := someMapping("C1", "R0"), someMapping("C1", "R1")
		third := store.Mapping{Control: "C2", Framework: "acme", Requirement: "R1", Source: "manual", Confidence: 1000, Reason: "seen", MappedBy: "other", MappedAt: later}
		first.MappedBy, first.MappedAt, second.MappedBy, second.MappedAt = u, testenv.Start, u, testenv.Start
		if d := cmp.Diff([]store.Mapping{first, second, third}, mappings()); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		selected := get(t, e, func(v *store.Snapshot) ([]store.Selection, error) { return v.Selections(w, model) })
		if d := cmp.Diff([]store.Selection{{"a", u, testenv.Start}}, selected); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		counts := get(t, e, func(v *store.Snapshot) (map[string]int, error) { return v.ModelsSelecting(w) })
		if counts["a"] != 1 || counts["b"] != 0 || counts["acme"] != 1 {
			t.Errorf("%v", counts)
		}
		var there, again bool
		e.write(t, func(tx *store.Tx) (err error) {
			if there, err = tx.RemoveMapping(w, model, first); err != nil {
				return err
			}
			if again, err = tx.RemoveMapping(w, model, first); err != nil {
				return err
			}
			if err := tx.Exclude(w, model, u, store.Exclusion{Framework: "acme", Requirement: "R7", Reason: "one"}); err != nil {
				return err
			}
			return tx.Exclude(w, model, "other", store.Exclusion{Framework: "acme", Requirement: "R7", Reason: "two"})
		})
		if !there || again || len(mappings()) != 2 {
			t.Errorf("removed: %v, again: %v, left %d", there, again, len(mappings()))
		}
		excluded := get(t, e, func(v *store.Snapshot) ([]store.Exclusion, error) { return v.Exclusions(w, model, "acme") })
		if d := cmp.Diff([]store.Exclusion{{"acme", "R7", "two", "other", later}}, excluded); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		used := get(t, e, func(v *store.Snapshot) (map[string]bool, error) { return v.RequirementsInUse(w, "acme") })
		if d := cmp.Diff(map[string]bool{"R1": true, "R2": true, "R7": true}, used); d != "" { // R1 and R2 of the other model too
			t.Errorf("(-want +got):\n%s", d)
		}
		e.write(t, func(tx *store.Tx) (err error) {
			if there, err = tx.Include(w, model, "acme", "R7"); err != nil {
				return err
			}
			again, err = tx.Include(w, model, "acme", "R7")
			return err
		})
		if !there || again {
			t.Errorf("included: %v, again: %v", there, again)
		}
	})
}

// What models say of a framework goes from all of them, and from no other workspace.
func TestForgetFramework(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		w, u := tenant(t, e, "u@example.org")
		other, v := tenant(t, e, "v@example.org")
		models := []string{fill(t, e, w, u).ID, fill(t, e, w, u).ID}
		theirs := fill(t, e, other, v).ID
		before := complianceOf(t, e, other, theirs)
		using := func() []string {
			return get(t, e, func(v *store.Snapshot) ([]string, error) { return v.ModelsUsing(w, "acme") })
		}
		if got := using(); len(got) != 2 {
			t.Errorf("used by %v", got)
		}
		e.write(t, func(tx *store.Tx) error {
			if err := tx.RemoveFramework(w, "acme"); err != nil {
				return err
			}
			return tx.ForgetFramework(w, "acme")
		})
		if got := using(); len(got) != 0 {
			t.Errorf("used by %v", got)
		}
		for _, m := range models {
			left := get(t, e, func(v *store.Snapshot) ([]string, error) { return v.FrameworksOf(w, m) })
			if len(left) != 0 {
				t.Errorf("%s still says something of %v", m, left)
			}
		}
		if list := get(t, e, func(v *store.Snapshot) ([]store.Framework, error) { return v.Frameworks(w) }); len(list) != 0 {
			t.Errorf("%+v", list)
		}
		if after := complianceOf(t, e, other, theirs); after != before {
			t.Errorf("another workspace changed:\n%s\nwas\n%s", after, before)
		}
	})
}

// Numbers of proposals go up, newer ones supersede what nobody decided about, and a decision is final.
func TestProposals(t *testing.T) {
	decided(t, func(t *testing.T, e env, w, u, model string) {
		add := func(framework string, n int) (out []store.Proposal) {
			t.Helper()
			e.write(t, func(tx *store.Tx) (err error) {
				list := make([]store.Proposal, n)
				for i := range list {
					list[i] = someProposal()
				}
				out, err = tx.AddProposals(w, model, u, framework, list)
				return err
			})
			return out
		}
		first := add("a", 2)
		add("b", 1)
		var ended, again bool
		e.write(t, func(tx *store.Tx) (err error) {
			if ended, err = tx.DecideProposal(w, model, u, 1, store.ProposalApproved, "A9"); err != nil {
				return err
			}
			again, err = tx.DecideProposal(w, model, u, 1, store.ProposalRejected, "")
			return err
		})
		if !ended || again {
			t.Errorf("decided: %v, again: %v", ended, again)
		}
		last := add("a", 1)
		if first[1].Number != 2 || last[0].Number != 4 {
			t.Errorf("numbers %d and %d", first[1].Number, last[0].Number)
		}
		list := get(t, e, func(v *store.Snapshot) ([]store.Proposal, error) { return v.Proposals(w, model, "a") })
		if len(list) != 3 || list[0].Status != store.ProposalApproved || list[0].Entity != "A9" || list[0].DecidedAt == nil ||
			list[1].Status != store.ProposalSuperseded || list[2].Status != store.ProposalOpen || !cmp.Equal(list[2], last[0]) {
			t.Errorf("%+v", list)
		}
		// A number that was shown is not given to another one, though its framework is gone.
		e.write(t, func(tx *store.Tx) error { return tx.ForgetFramework(w, "a") })
		if n := add("b", 1)[0].Number; n != 5 {
			t.Errorf("number %d after 4 was forgotten", n)
		}
		if c := get(t, e, func(v *store.Snapshot) (threat.Counters, error) { return v.Counters(w, model) }); c["proposal"] != 0 {
			t.Errorf("%v", c)
		}
	})
}

// A model is in at most one system; a system that goes takes no model with it.
func TestSystems(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		w, u := tenant(t, e, "u@example.org")
		a, b := testenv.Model(t, e.Store, w, u, 1, 1), testenv.Model(t, e.Store, w, u, 1, 1)
		e.write(t, func(tx *store.Tx) error {
			for _, s := range []store.System{{ID: "1", Name: "Zeta", CreatedBy: u}, {ID: "2", Name: "alpha", CreatedBy: u}} {
				if err := tx.AddSystem(w, s); err != nil {
					return err
				}
			}
			for _, m := range []string{a.ID, b.ID} {
				if err := tx.JoinSystem(w, "1", m); err != nil {
					return err
				}
			}
			return tx.JoinSystem(w, "2", b.ID)
		})
		refused(t, e.try(func(tx *store.Tx) error { return tx.AddSystem(w, store.System{ID: "3", Name: "ALPHA"}) }), threat.Conflict)
		refused(t, e.try(func(tx *store.Tx) error { return tx.SaveSystem(w, store.System{ID: "1", Name: "Alpha"}) }), threat.Conflict)
		refused(t, e.try(func(tx *store.Tx) error { return tx.SaveSystem(w, store.System{ID: "9", Name: "x"}) }), threat.NotFound)
		refused(t, e.try(func(tx *store.Tx) error { return tx.DeleteSystem(w, "9") }), threat.NotFound)
		later := e.clock.Advance(time.Minute)
		e.write(t, func(tx *store.Tx) error {
			return tx.SaveSystem(w, store.System{ID: "2", Name: "Alpha", Description: "d"})
		})
		var list []store.System
		var total int
		e.read(t, func(v *store.Snapshot) (err error) {
			list, total, err = v.Systems(w, 1, 0)
			return err
		})
		want := []store.System{{ID: "2", Name: "Alpha", Description: "d", CreatedBy: u, CreatedAt: testenv.Start, UpdatedAt: later, Models: 1}}
		if d := cmp.Diff(want, list); d != "" || total != 2 {
			t.Errorf("%d (-want +got):\n%s", total, d)
		}
		members := func(system string) []store.Model {
			t.Helper()
			return get(t, e, func(v *store.Snapshot) ([]store.Model, error) { return v.SystemModels(w, system) })
		}
		if m := members("1"); len(m) != 1 || m[0].ID != a.ID || m[0].Version != 1 {
			t.Errorf("%+v", m)
		}
		of := func() string {
			return get(t, e, func(v *store.Snapshot) (string, error) { return v.SystemOf(w, b.ID) })
		}
		if of() != "2" {
			t.Errorf("the model is in %q", of())
		}
		e.write(t, func(tx *store.Tx) error { return tx.HideModel(w, a.ID) })
		if m := members("1"); len(m) != 0 {
			t.Errorf("a hidden model is shown: %+v", m)
		}
		e.write(t, func(tx *store.Tx) error {
			left, err := tx.LeaveSystem(w, "1", b.ID)
			if left {
				t.Error("a model left a system that it was not in")
			}
			if err != nil {
				return err
			}
			return tx.DeleteSystem(w, "2")
		})
		if of() != "" || model(t, e, w, b.ID).ID != b.ID {
			t.Errorf("the model is in %q", of())
		}
	})
}
