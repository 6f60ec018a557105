package service_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/posture"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

func (s *site) assess(in service.AssessModelIn) service.AssessModelOut {
	s.t.Helper()
	in.ModelID = s.model
	if in.Limit == nil {
		in.Limit = all()
	}
	return must(s.AssessModel(ctx, s.who, in))(s.t)
}

func rowIDs(out service.AssessModelOut) []threat.ID {
	ids := []threat.ID{}
	for _, r := range out.Objectives {
		ids = append(ids, r.ID)
	}
	return ids
}

// Filters narrow before paging, the summary is of the whole model, and the gravest comes first.
func TestAssessModel(t *testing.T) {
	s := newDesk(t)
	s.submit(exists)
	s.implement("C2") // CO-A1-T2 is mitigated; CO-A1-T1 and CO-A2-T1 miss controls, CO-A2-T2 is unassessed
	whole := s.assess(service.AssessModelIn{})
	tiers := map[threat.ID]threat.Tier{}
	for _, r := range whole.Objectives {
		tiers[r.ID] = r.Tier
	}
	if want := cos("CO-A1-T1", "CO-A1-T2", "CO-A2-T1", "CO-A2-T2"); !slices.Equal(rowIDs(whole), want) || tiers["CO-A1-T1"] != threat.Critical || tiers["CO-A2-T2"] != threat.MediumTier {
		t.Fatalf("%v, %v", rowIDs(whole), tiers)
	}
	if st := whole.Summary.Objectives.Status; st != (posture.StatusCounts{Mitigated: 1, AtRisk: 2, Unassessed: 1}) || whole.Summary.Controls.Total != 3 || whole.Version != 1 || !whole.AsOf.Equal(s.clock.Now()) {
		t.Errorf("%+v", whole)
	}
	for name, c := range map[string]struct {
		in   service.AssessModelIn
		want []threat.ID
	}{
		"mitigated":         {service.AssessModelIn{Status: posture.Mitigated}, cos("CO-A1-T2")},
		"at risk":           {service.AssessModelIn{Status: posture.AtRisk}, cos("CO-A1-T1", "CO-A2-T1")},
		"critical":          {service.AssessModelIn{Tier: threat.Critical}, cos("CO-A1-T1")},
		"an asset":          {service.AssessModelIn{Asset: "A2"}, cos("CO-A2-T1", "CO-A2-T2")},
		"an attacker":       {service.AssessModelIn{Attacker: "T2"}, cos("CO-A1-T2", "CO-A2-T2")},
		"both":              {service.AssessModelIn{Asset: "A1", Attacker: "T2"}, cos("CO-A1-T2")},
		"a reason":          {service.AssessModelIn{Reason: posture.MissingControls}, cos("CO-A1-T1", "CO-A2-T1")},
		"unassessed":        {service.AssessModelIn{Reason: posture.ReasonUnassessed}, cos("CO-A2-T2")},
		"claimed":           {service.AssessModelIn{Assurance: posture.Claimed}, cos("CO-A1-T2")},
		"verified":          {service.AssessModelIn{Assurance: posture.Verified}, cos()},
		"ids":               {service.AssessModelIn{Objectives: cos("CO-A2-T2", "CO-A1-T1")}, cos("CO-A1-T1", "CO-A2-T2")},
		"ids and a status":  {service.AssessModelIn{Objectives: cos("CO-A2-T2", "CO-A1-T1"), Status: posture.AtRisk}, cos("CO-A1-T1")},
		"nothing fits both": {service.AssessModelIn{Status: posture.Mitigated, Asset: "A2"}, cos()},
	} {
		t.Run(name, func(t *testing.T) {
			out := s.assess(c.in)
			if !slices.Equal(rowIDs(out), append([]threat.ID{}, c.want...)) || out.Total != len(c.want) || out.Returned != len(c.want) {
				t.Errorf("%v of %d, want %v", rowIDs(out), out.Total, c.want)
			}
			if diff := cmp.Diff(whole.Summary, out.Summary); diff != "" {
				t.Errorf("the summary is narrowed (-whole +narrowed):\n%s", diff)
			}
			var paged []threat.ID
			for offset := range out.Total + 1 {
				page := s.assess(func() service.AssessModelIn { in := c.in; in.Limit, in.Offset = ptr(1), offset; return in }())
				if page.Total != out.Total || page.Offset != offset || page.Returned != min(1, out.Total-offset) {
					t.Errorf("at %d: %+v", offset, page)
				}
				paged = append(paged, rowIDs(page)...)
			}
			if !slices.Equal(paged, c.want) {
				t.Errorf("the pages hold %v", paged)
			}
			none := c.in
			none.ModelID = s.model
			if sum := must(s.AssessModel(ctx, s.who, none))(t); sum.Total != out.Total || sum.Returned != 0 || sum.Objectives == nil {
				t.Errorf("without a limit: %+v", sum)
			}
		})
	}
	for name, c := range map[string]struct {
		in    service.AssessModelIn
		code  threat.Code
		field string
	}{
		"no such asset":    {service.AssessModelIn{Asset: "A9"}, threat.NotFound, "asset"},
		"no such attacker": {service.AssessModelIn{Attacker: "T9"}, threat.NotFound, "attacker"},
		"no such CO":       {service.AssessModelIn{Objectives: cos("CO-A9-T9")}, threat.NotFound, "control_objectives"},
		"a status":         {service.AssessModelIn{Status: "safe"}, threat.Invalid, "status"},
		"a tier":           {service.AssessModelIn{Tier: "huge"}, threat.Invalid, "tier"},
		"a reason":         {service.AssessModelIn{Reason: "because"}, threat.Invalid, "reason"},
		"an assurance":     {service.AssessModelIn{Assurance: "sure"}, threat.Invalid, "assurance"},
		"a limit":          {service.AssessModelIn{Limit: ptr(201)}, threat.Invalid, "limit"},
		"an offset":        {service.AssessModelIn{Offset: -1}, threat.Invalid, "offset"},
		"no time":          {service.AssessModelIn{ChangedSince: "yesterday"}, threat.Invalid, "changed_since"},
		"version 0":        {service.AssessModelIn{ChangedSince: "0"}, threat.NotFound, "changed_since"},
		"version 2":        {service.AssessModelIn{ChangedSince: "2"}, threat.NotFound, "changed_since"},
	} {
		t.Run(name, func(t *testing.T) {
			c.in.ModelID = s.model
			_, err := s.AssessModel(ctx, s.who, c.in)
			if te := code(t, err, c.code); te.Field != c.field || te.Hint == "" {
				t.Errorf("%v", te)
			}
		})
	}
	_, err := s.AssessModel(ctx, s.who, service.AssessModelIn{ModelID: testenv.NewID(t)})
	code(t, err, threat.NotFound)
	_, err = s.AssessModel(ctx, s.ci, service.AssessModelIn{ModelID: s.model})
	code(t, err, threat.Forbidden)
}

// What changed since, for every input of a CO's status: which COs, and in which words; by time, and by version.
func TestChangedSince(t *testing.T) {
	base := newDesk(t)
	type steps func(s *site)
	none := func(*site) {}
	for _, c := range []struct {
		name   string
		before steps // what was there already
		change steps
		want   map[threat.ID]string // part of what is said of each CO
	}{
		{"nothing", none, none, nil},
		{"what changes no status", none, func(s *site) {
			must(s.EditThreatModel(ctx, s.who, service.EditThreatModelIn{ModelID: s.model, Title: ptr("Other")}))(s.t)
			must(s.EditAsset(ctx, s.who, service.EditAssetIn{Target: target(s.model), AssetID: "A2", Notes: ptr("n")}))(s.t)
			s.edited(service.ControlOp{Op: service.OpAddEvidence, ID: "C1", Title: "t"})
		}, nil},
		{"an asset is added", none, func(s *site) {
			must(s.AddAsset(ctx, s.who, service.AddAssetIn{Target: target(s.model), Name: "Ledger"}))(s.t)
		}, map[threat.ID]string{"CO-A3-T1": "the objective was added", "CO-A3-T2": "the objective was added"}},
		{"a rating", none, func(s *site) {
			must(s.EditAsset(ctx, s.who, service.EditAssetIn{Target: target(s.model), AssetID: "A2", Impact: ptr(threat.Low)}))(s.t)
		}, map[threat.ID]string{"CO-A2-T1": "the objective was changed", "CO-A2-T2": "the objective was changed"}},
		{"an attacker goes", none, func(s *site) {
			must(s.RemoveAttacker(ctx, s.who, service.RemoveAttackerIn{Target: target(s.model), AttackerID: "T2"}))(s.t)
		}, nil},
		{"a boundary", none, func(s *site) {
			must(s.EditTrustBoundaries(ctx, s.who, service.EditTrustBoundariesIn{Target: target(s.model), Operations: []service.BoundaryOp{
				{Op: service.OpAdd, Name: ptr("Inner"), Assets: []threat.ID{"A2"}}, {Op: service.OpAdd, Name: ptr("Outer"), Attackers: []threat.ID{"T2"}},
			}}))(s.t)
		}, map[threat.ID]string{"CO-A2-T2": "AS2 was added"}},
		{"a control is reworded", none, func(s *site) {
			s.edited(service.ControlOp{Op: service.OpEdit, ID: "C3", Description: ptr("d"), Reason: why})
		}, map[threat.ID]string{"CO-A2-T1": "C3 was edited"}},
		{"a control is added", none, func(s *site) {
			s.edited(service.ControlOp{Op: service.OpAdd, Description: ptr("d"), Objectives: cos("CO-A2-T2"), Facets: []service.NewFacet{{Text: "f", Kind: threat.TestFacet}}})
		}, map[threat.ID]string{"CO-A2-T2": "C4 was edited"}},
		{"a control is linked", none, func(s *site) {
			s.edited(service.ControlOp{Op: service.OpLink, ID: "C1", Objectives: cos("CO-A2-T2")})
		}, map[threat.ID]string{"CO-A2-T2": "its controls or groups changed"}},
		{"a control is unlinked", func(s *site) { s.setGroups("CO-A2-T1", cos("C1", "C3")) }, func(s *site) {
			s.edited(service.ControlOp{Op: service.OpUnlink, ID: "C3", Objectives: cos("CO-A2-T1")})
		}, map[threat.ID]string{"CO-A2-T1": "its controls or groups changed"}},
		{"groups", none, func(s *site) { s.setGroups("CO-A1-T1", cos("C1"), cos("C2")) }, map[threat.ID]string{"CO-A1-T1": "its controls or groups changed"}},
		{"what was weakened is approved", func(s *site) { s.setGroups("CO-A1-T1", cos("C1"), cos("C2")) }, func(s *site) {
			must(s.approve(service.ApproveChangeIn{Objectives: cos("CO-A1-T1")}))(s.t)
		}, map[threat.ID]string{"CO-A1-T1": "a change was approved"}},
		{"a weakened control is approved", func(s *site) {
			s.edited(service.ControlOp{Op: service.OpEdit, ID: "C3", Facets: []service.NewFacet{{Text: "other", Kind: threat.BehaviourFacet}}, Reason: why})
		}, func(s *site) {
			must(s.approve(service.ApproveChangeIn{Controls: cos("C3")}))(s.t)
		}, map[threat.ID]string{"CO-A2-T1": "a change was approved"}},
		{"a control goes", func(s *site) { s.setGroups("CO-A2-T1", cos("C1"), cos("C3")) }, func(s *site) {
			must(s.DeleteControl(ctx, s.who, service.DeleteControlIn{ModelID: s.model, Control: "C3", Reason: "r"}))(s.t)
		}, map[threat.ID]string{"CO-A2-T1": "C3 was deleted"}},
		{"a control comes back", func(s *site) {
			s.setGroups("CO-A2-T1", cos("C1"), cos("C3"))
			s.edited(service.ControlOp{Op: service.OpRemove, ID: "C3", Reason: "r"})
		}, func(s *site) { s.edited(service.ControlOp{Op: service.OpRestore, ID: "C3"}) }, map[threat.ID]string{"CO-A2-T1": "C3 was edited"}},
		{"an assertion", none, func(s *site) { s.submit(exists) }, map[threat.ID]string{"CO-A1-T2": "E1 was submitted"}},
		{"an assertion of an assumption", none, func(s *site) {
			s.submit(service.NewAssertion{Type: evidence.PatternAbsent, Assumption: "AS1", Params: evidence.Params{"file": "go.mod", "pattern": "xml", "witness": "xml"}})
		}, map[threat.ID]string{"CO-A1-T1": "E1 was submitted"}},
		{"an assertion goes", func(s *site) { s.submit(exists) }, func(s *site) {
			must(s.DeleteAssertion(ctx, s.who, service.DeleteAssertionIn{ModelID: s.model, Assertion: "E1", Reason: "r"}))(s.t)
		}, map[threat.ID]string{"CO-A1-T2": "E1 was deleted"}},
		{"a status", func(s *site) { s.submit(exists) }, func(s *site) { s.implement("C2") }, map[threat.ID]string{"CO-A1-T2": "C2 was edited"}},
		{"a run", func(s *site) { s.submit(exists); s.implement("C2") }, func(s *site) { s.run(nil) }, map[threat.ID]string{"CO-A1-T2": "C2 became verified"}},
		{"the same run again", func(s *site) { s.submit(exists); s.implement("C2"); s.run(nil) }, func(s *site) { s.run(nil) }, nil},
		{"drift", func(s *site) { s.submit(exists); s.implement("C2"); s.run(nil) }, func(s *site) {
			s.run(map[threat.ID]say{"E1": {one: evidence.Fail}})
		}, map[threat.ID]string{"CO-A1-T2": "E1 drifted"}},
		{"results grow old", func(s *site) { s.submit(exists); s.implement("C2"); s.run(nil) }, func(s *site) { s.clock.Advance(evidence.StaleAfter) }, map[threat.ID]string{"CO-A1-T2": "C2 became stale"}},
		{"an assumption is added", none, func(s *site) { s.assume("x", "CO-A2-T2") }, map[threat.ID]string{"CO-A2-T2": "AS2 was added"}},
		{"an assumption is reworded", func(s *site) { s.assume("x", "CO-A2-T2") }, func(s *site) {
			must(s.assumptionOp(service.AssumptionOp{Op: service.OpEdit, ID: "AS2", Text: ptr("y")}))(s.t)
		}, map[threat.ID]string{"CO-A2-T2": "AS2 was changed"}},
		{"an assumption moves", func(s *site) { s.assume("x", "CO-A2-T2") }, func(s *site) {
			must(s.assumptionOp(service.AssumptionOp{Op: service.OpEdit, ID: "AS2", Objectives: cos("CO-A2-T1")}))(s.t)
		}, map[threat.ID]string{"CO-A2-T2": "AS2 was changed", "CO-A2-T1": "AS2 was changed"}},
		{"an assumption goes", func(s *site) { s.assume("x", "CO-A2-T2") }, func(s *site) {
			must(s.assumptionOp(service.AssumptionOp{Op: service.OpRemove, ID: "AS2"}))(s.t)
		}, map[threat.ID]string{"CO-A2-T2": "AS2 was removed"}},
		{"an assumption is violated", func(s *site) { s.assume("x", "CO-A2-T2") }, func(s *site) {
			must(s.assumptionOp(service.AssumptionOp{Op: service.OpViolate, ID: "AS2", Reason: "r"}))(s.t)
		}, map[threat.ID]string{"CO-A2-T2": "AS2 became violated"}},
		{"an assumption is attested", func(s *site) { s.assume("x", "CO-A2-T2") }, func(s *site) { s.attest("AS2") }, map[threat.ID]string{"CO-A2-T2": "AS2 was attested"}},
		{"an attestation expires", func(s *site) { s.assume("x", "CO-A2-T2"); s.attest("AS2") }, func(s *site) { s.clock.Advance(month) }, map[threat.ID]string{"CO-A2-T2": "AS2 expired"}},
		{"an assumption carries a control", none, func(s *site) {
			s.edited(service.ControlOp{Op: service.OpAssume, ID: "C3", Assumption: "AS1"})
		}, map[threat.ID]string{"CO-A2-T1": "its controls or groups changed"}},
		{"an assumption that carries a control is attested", func(s *site) {
			s.assume("x")
			s.edited(service.ControlOp{Op: service.OpAssume, ID: "C3", Assumption: "AS2"})
		}, func(s *site) { s.attest("AS2") }, map[threat.ID]string{"CO-A2-T1": "AS2 was attested"}},
		{"a risk is accepted", none, func(s *site) { s.accept("CO-A2-T2", time.Time{}) }, map[threat.ID]string{"CO-A2-T2": "its risk was accepted"}},
		{"an acceptance ends", func(s *site) { s.accept("CO-A2-T2", s.clock.Now().Add(month)) }, func(s *site) { s.clock.Advance(month) }, map[threat.ID]string{"CO-A2-T2": "its acceptance ended"}},
		{"an acceptance is withdrawn", func(s *site) { s.accept("CO-A2-T2", time.Time{}) }, func(s *site) {
			must(s.AcceptRisk(ctx, s.boss(), service.AcceptRiskIn{ModelID: s.model, Objective: "CO-A2-T2", Reason: "r", Withdraw: true}))(s.t)
		}, map[threat.ID]string{"CO-A2-T2": "its acceptance ended"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := base.fresh(t)
			s.clock.Advance(time.Second)
			c.before(s)
			s.clock.Advance(time.Second)
			at := s.clock.Now()
			s.clock.Advance(time.Second)
			c.change(s)
			out := s.assess(service.AssessModelIn{ChangedSince: at.Format(time.RFC3339)})
			said := map[threat.ID][]string{}
			for _, r := range out.Objectives {
				said[r.ID] = r.Changed
			}
			for co, words := range said {
				if want, ok := c.want[co]; !ok {
					t.Errorf("%s changed: %q", co, words)
				} else if !slices.Contains(words, want) {
					t.Errorf("%s: %q, want %q among them", co, words, want)
				}
			}
			if out.Total != len(c.want) {
				t.Errorf("%d COs changed, want %d", out.Total, len(c.want))
			}
			// Version 1 is older than all of it. An assumption that came later is new by then, or gone without a trace.
			by := s.assess(service.AssessModelIn{ChangedSince: "1"})
			for co, want := range c.want {
				i := slices.IndexFunc(by.Objectives, func(r service.PostureRow) bool { return r.ID == co })
				if !strings.HasPrefix(want, "AS2 was") && (i < 0 || !slices.Contains(by.Objectives[i].Changed, want)) {
					t.Errorf("since version 1 %s is not among %v", co, by.Objectives)
				}
			}
			s.clock.Advance(time.Second)
			if now := s.assess(service.AssessModelIn{ChangedSince: s.clock.Now().Format(time.RFC3339)}); now.Total != 0 {
				t.Errorf("since now %+v changed", now.Objectives)
			}
			if early := s.assess(service.AssessModelIn{ChangedSince: "2000-01-01T00:00:00Z"}); early.Total != early.Summary.Objectives.Total {
				t.Errorf("since before the model %d of %d COs changed", early.Total, early.Summary.Objectives.Total)
			}
		})
	}
}

// accept accepts the risk of a CO, until an end or without one.
func (s *site) accept(co threat.ID, end time.Time) {
	s.t.Helper()
	in := service.AcceptRiskIn{ModelID: s.model, Objective: co, Owner: "Ada", Reason: "r", ReviewBy: ptr(s.clock.Now().Add(month))}
	if !end.IsZero() {
		in.ExpiresAt = &end
	}
	must(s.AcceptRisk(ctx, s.boss(), in))(s.t)
}

// A control all of whose COs are gone is left out of every count, and is there again with its asset.
func TestOrphanedControlsInPosture(t *testing.T) {
	s := newDesk(t)
	s.submit(calls3)
	s.implement("C3")
	before := s.assess(service.AssessModelIn{})
	must(s.RemoveAsset(ctx, s.who, service.RemoveAssetIn{Target: target(s.model), AssetID: "A2"}))(t)
	without := s.assess(service.AssessModelIn{})
	if c := without.Summary.Controls; c.Total != 2 || c.Status[threat.Implemented] != 0 || without.Summary.Objectives.Total != 2 {
		t.Errorf("%+v", without.Summary)
	}
	if got := must(s.GetControls(ctx, s.who, service.GetControlsIn{ModelID: s.model}))(t).Summary; got.Orphaned != 1 || got.Status[threat.Implemented] != 0 {
		t.Errorf("%+v", got)
	}
	must(s.RestoreVersion(ctx, s.who, service.RestoreVersionIn{Target: target(s.model), Version: 1}))(t)
	after := s.assess(service.AssessModelIn{})
	if diff := cmp.Diff(before.Summary, after.Summary); diff != "" {
		t.Errorf("after the restore (-before +after):\n%s", diff)
	}
	s.stands("CO-A2-T1", posture.Mitigated, posture.ByControls)
}

// The answer to "where do we stand" fits into a few hundred tokens, however large the model and however mixed its state.
func TestAssessSummaryIsSmall(t *testing.T) {
	s := newDesk(t)
	structure, counters := testenv.Structure(t, 40, 25)
	counters[threat.KindControl] = 501
	m := testenv.AddModel(t, s.st, s.who.WorkspaceID, s.who.UserID, "Large", structure, counters)
	s.model = m.ID
	var controls []threat.Control
	var links []store.Link
	for i := range 500 {
		id := threat.ID(fmt.Sprint("C", i+1))
		c := threat.Control{
			ID: id, Description: "d", Status: threat.Implemented, Source: threat.Manual, Revision: 1, NextFacet: 2,
			Facets: []threat.Facet{{ID: id + ".a", Text: "f", Kind: threat.BehaviourFacet}},
		}
		if i%3 == 0 {
			c.Status = threat.NotImplemented
		}
		controls = append(controls, c)
		links = append(links, store.Link{Objective: threat.ObjectiveID(threat.ID(fmt.Sprint("A", i%40+1)), threat.ID(fmt.Sprint("T", i/40+1))), Group: 1, Control: id})
	}
	verifications := slices.DeleteFunc(evidence.Verifications(), func(v evidence.Verification) bool { return v == evidence.Stale })
	testenv.Write(t, s.st, func(tx *store.Tx) error {
		if err := tx.AddControls(s.who.WorkspaceID, m.ID, controls); err != nil {
			return err
		}
		for i, c := range controls {
			v := store.Verification{Status: verifications[i%len(verifications)], Attested: i%2 == 0, Oldest: ptr(tx.Now())}
			if err := tx.SaveVerification(s.who.WorkspaceID, m.ID, c.ID, v); err != nil {
				return err
			}
		}
		if err := tx.AddLinks(s.who.WorkspaceID, m.ID, links); err != nil {
			return err
		}
		return tx.TouchModel(s.who.WorkspaceID, m.ID)
	})
	a := s.assume("Disks are encrypted.", "CO-A40-T25", "CO-A40-T24")
	b := s.assume("Backups are encrypted.", "CO-A39-T25")
	s.assume("Nobody looks.", "CO-A38-T25")
	s.attest(a)
	must(s.tryAttest(b, time.Second))(t)
	must(s.assumptionOp(service.AssumptionOp{Op: service.OpViolate, ID: s.assume("It rains.", "CO-A37-T25"), Reason: "r"}))(t)
	s.accept("CO-A40-T23", time.Time{})
	s.setGroups("CO-A1-T1", cos("C2", "C1"), cos("C5"))
	s.clock.Advance(time.Second)
	out := must(s.AssessModel(ctx, s.who, service.AssessModelIn{ModelID: s.model}))(t)
	o := out.Summary.Objectives
	if o.Total != 1000 || o.Status.Mitigated == 0 || len(o.Reasons) < 6 || len(out.Summary.Controls.Verification) < 7 {
		t.Errorf("the model stands too simply for this test: %+v", out.Summary)
	}
	raw := must(json.Marshal(out))(t)
	if len(raw) >= 1_500 {
		t.Errorf("the summary has %d bytes: %s", len(raw), raw)
	}
}
