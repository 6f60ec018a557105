package service_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// missing submits a finding on a control and returns its id.
func (s *site) missing(control threat.ID, title string) threat.ID {
	s.t.Helper()
	return must(s.SubmitFindings(ctx, s.who, service.SubmitFindingsIn{ModelID: s.model, Findings: []service.NewFinding{{Control: control, Title: title}}}))(s.t).Findings[0].ID
}

func (s *site) move(who account.Principal, in service.UpdateFindingIn) (service.FindingRow, error) {
	in.ModelID = s.model
	out, err := s.UpdateFinding(ctx, who, in)
	return out.Finding, err
}

// remediate links a finding with assertions and calls it mended.
func (s *site) remediate(f threat.ID, assertions ...threat.ID) {
	s.t.Helper()
	must(s.move(s.who, service.UpdateFindingIn{Finding: f, Status: threat.Remediated, Assertions: assertions}))(s.t)
}

func (s *site) finding(id threat.ID) store.Finding {
	s.t.Helper()
	all := s.findings()
	i := slices.IndexFunc(all, func(f store.Finding) bool { return f.ID == id })
	if i < 0 {
		s.t.Fatalf("no finding %s", id)
	}
	return all[i]
}

func (s *site) isNow(id threat.ID, want threat.FindingStatus, when string) {
	s.t.Helper()
	if got := s.finding(id).Status; got != want {
		s.t.Errorf("%s: %s is %s, want %s", when, id, got, want)
	}
}

// Every step from every status by every kind of caller, against the table of specification §8; what is refused changes nothing, and is in
// the activity.
func TestFindingLifecycle(t *testing.T) {
	s := newSite(t)
	as := func(scope account.Scope, decide bool) account.Principal {
		who := s.who
		who.Scope, who.DecideGranted, who.KeyID = scope, decide, testenv.NewID(t)
		return who
	}
	callers := map[string]account.Principal{
		"developer": as(account.Developer, false), "developer with decide": as(account.Developer, true),
		"verifier": as(account.Verifier, false), "admin": as(account.Admin, false), "stranger": testenv.Caller(t, s.st, account.Admin),
	}
	order := []threat.FindingStatus{threat.Discovered, threat.Acknowledged, threat.Remediated, threat.FixVerified}
	// want is what the specification says of a step: "" where it is taken.
	want := func(caller string, from, to threat.FindingStatus) threat.Code {
		dismissal := to == threat.Dismissed
		switch {
		case caller == "verifier", caller == "developer" && dismissal:
			return threat.Forbidden
		case caller == "stranger":
			return threat.NotFound
		case from == threat.FixVerified || from == threat.Dismissed, to == threat.FixVerified:
			return threat.FailedPrecondition
		case dismissal, slices.Index(order, to) > slices.Index(order, from):
			return ""
		}
		return threat.FailedPrecondition
	}
	taken := 0
	for name, who := range callers {
		for _, from := range threat.FindingStatuses() {
			for _, to := range threat.FindingStatuses() {
				step := fmt.Sprintf("%s takes a finding from %s to %s", name, from, to)
				id := s.missing("C1", step)
				testenv.Write(t, s.st, func(tx *store.Tx) error { return tx.SetFindingStatus(s.who.WorkspaceID, s.model, id, from, "") })
				in := service.UpdateFindingIn{Finding: id, Status: to, Reason: "because " + step}
				code := want(name, from, to)
				if code == "" {
					taken++
					row, err := s.move(who, in)
					if err != nil || row.Status != to || (row.Reason != "") != (to == threat.Dismissed) {
						t.Errorf("%s: %+v, %v", step, row, err)
					}
					s.isNow(id, to, step)
					s.recorded(who, "update_finding", "done", `"from":"`+string(from)+`","to":"`+string(to)+`"`)
					continue
				}
				s.unchanged(func() {
					if _, err := s.move(who, in); threat.CodeOf(err) != code {
						t.Errorf("%s: %v, want %s", step, err, code)
					}
				})
				detail := ""
				if code == threat.Forbidden && to == threat.Dismissed {
					detail = `"proposal":{` // for somebody who may decide
				}
				s.recorded(who, "update_finding", "refused", detail)
			}
		}
	}
	if taken != 2*6+1*3 { // three steps forward and a dismissal from each of the first three, but for the developer
		t.Errorf("%d steps were taken", taken)
	}
	id := s.missing("C1", "bad words")
	for name, in := range map[string]service.UpdateFindingIn{
		"no reason": {Status: threat.Dismissed, Reason: " \n"}, "unknown status": {Status: "fixed"}, "nothing": {Assertions: []threat.ID{}}, "long": {Status: threat.Dismissed, Reason: strings.Repeat("x", threat.MaxText+1)},
	} {
		in.Finding = id
		s.unchanged(func() {
			if _, err := s.move(callers["admin"], in); threat.CodeOf(err) != threat.Invalid {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

// recorded holds the newest activity of a caller to a verb, an outcome and a part of its detail.
func (s *site) recorded(who account.Principal, verb, outcome, detail string) {
	s.t.Helper()
	var rows []store.Activity
	testenv.Read(s.t, s.st, func(v *store.Snapshot) (err error) {
		rows, _, err = v.FilteredActivity(who.WorkspaceID, store.ActivityFilter{}, 1, 0)
		return err
	})
	if len(rows) != 1 || rows[0].Verb != verb || rows[0].Outcome != outcome || rows[0].KeyID != who.KeyID || !strings.Contains(rows[0].Detail, detail) {
		s.t.Errorf("the activity says %+v, want %s %s with %s", rows, verb, outcome, detail)
	}
}

// A remediated finding is verified by a run that was pulled after the link, when all that is linked passes both tiers in it.
func TestFindingVerifiedByRuns(t *testing.T) {
	s := newSite(t)
	list := s.submit(calls, absent, exists).Assertions
	one, two, other := list[0].ID, list[1].ID, list[2].ID
	s.run(nil) // everything passes before anything is linked
	f := s.missing("C1", "No check")
	early := s.pull()
	s.remediate(f, one, two)
	s.isNow(f, threat.Remediated, "the link is younger than the last run")
	must(s.send(predicate(early, nil)))(t)
	s.isNow(f, threat.Remediated, "a run that was pulled before the link")
	s.run(map[threat.ID]say{one: {one: evidence.Fail}})
	s.isNow(f, threat.Remediated, "one fails")
	s.run(map[threat.ID]say{one: {two: evidence.Fail, code: "new"}})
	s.isNow(f, threat.Remediated, "one fails at Tier 2")
	s.run(map[threat.ID]say{one: {two: evidence.Skipped, code: "newer"}})
	s.isNow(f, threat.Remediated, "no judge has seen one")
	s.run(map[threat.ID]say{one: {code: "newer"}, two: {two: evidence.Skipped}})
	s.isNow(f, threat.FixVerified, "both pass; the verdict on two is held from before")
	s.recordedRun(`"findings_moved":[{"id":"` + string(f) + `","from":"remediated","to":"verified"}`)

	// A link of another control proves nothing here, and one of nothing is none.
	g := s.missing("C1", "Something else")
	s.unchanged(func() {
		for _, a := range []threat.ID{other, "E99"} {
			if _, err := s.move(s.who, service.UpdateFindingIn{Finding: g, Status: threat.Remediated, Assertions: []threat.ID{one, a}}); err == nil {
				t.Errorf("%s was linked", a)
			}
		}
	})
	s.remediate(g)
	s.run(nil)
	s.isNow(g, threat.Remediated, "without a link")

	// Linked first, passed, then called mended: CI has shown it already.
	h := s.missing("C1", "A third thing")
	must(s.move(s.who, service.UpdateFindingIn{Finding: h, Assertions: []threat.ID{one}}))(t)
	s.isNow(h, threat.Discovered, "a link moves nothing")
	s.run(nil)
	s.isNow(h, threat.Discovered, "nobody called it mended")
	s.remediate(h)
	s.isNow(h, threat.FixVerified, "called mended after the run that shows it")
}

// recordedRun holds the activity of the newest run to a part of its detail.
func (s *site) recordedRun(detail string) {
	s.t.Helper()
	var rows []store.Activity
	testenv.Read(s.t, s.st, func(v *store.Snapshot) (err error) {
		rows, _, err = v.FilteredActivity(s.who.WorkspaceID, store.ActivityFilter{}, 1, 0)
		return err
	})
	if len(rows) != 1 || rows[0].Verb != "submit_run" || !json.Valid([]byte(rows[0].Detail)) || !strings.Contains(rows[0].Detail, detail) {
		s.t.Errorf("the activity says %+v, want %s", rows, detail)
	}
}

// A deleted assertion never passes: its finding stays remediated, whatever else passes, until a person dismisses it.
func TestFindingOfDeletedAssertion(t *testing.T) {
	s := newSite(t)
	list := s.submit(calls, absent).Assertions
	f := s.missing("C1", "No check")
	s.remediate(f, list[0].ID, list[1].ID)
	must(s.DeleteAssertion(ctx, s.who, service.DeleteAssertionIn{ModelID: s.model, Assertion: list[0].ID, Reason: "moved elsewhere"}))(t)
	again := s.submit(calls).Assertions[0].ID
	s.run(nil)
	s.isNow(f, threat.Remediated, "one of two was deleted")
	must(s.move(s.who, service.UpdateFindingIn{Finding: f, Assertions: []threat.ID{again}}))(t)
	s.run(nil)
	s.isNow(f, threat.Remediated, "another like it was linked")
	boss := s.boss()
	must(s.move(boss, service.UpdateFindingIn{Finding: f, Status: threat.Dismissed, Reason: "the claim was withdrawn"}))(t)
	if _, err := s.move(boss, service.UpdateFindingIn{Finding: f, Assertions: []threat.ID{list[0].ID}}); err == nil {
		t.Error("a deleted assertion was linked to a dismissed finding")
	}
}

// A fix that somebody undoes opens a new finding, which names the one that was verified; it closes by itself, and so on.
func TestFindingRegression(t *testing.T) {
	s := newSite(t)
	id := s.submit(exists).Assertions[0].ID
	s.run(map[threat.ID]say{id: {one: evidence.Fail}})
	f := s.missing("C2", "G is not there")
	s.remediate(f, id)
	s.run(map[threat.ID]say{id: {code: "fixed"}})
	s.isNow(f, threat.FixVerified, "the fix")
	out := s.run(map[threat.ID]say{id: {one: evidence.Fail}})
	all := s.findings()
	drift := all[len(all)-1]
	if len(all) != 2 || !slices.Equal(out.Opened, []threat.ID{drift.ID}) || drift.Source != threat.FromDrift || drift.Reopens != f || drift.Control != "C2" {
		t.Fatalf("%+v opened %+v", out, all)
	}
	s.recordedRun(`"findings_opened":["` + string(drift.ID) + `"]`)
	s.isNow(f, threat.FixVerified, "what was verified stays verified")
	// An agent that finds the same opens one of its own, which names the first.
	again := must(s.SubmitFindings(ctx, s.who, service.SubmitFindingsIn{ModelID: s.model, Findings: []service.NewFinding{{Control: "C2", Title: "g is NOT there"}}}))(t).Findings[0]
	if again.Repeated || again.Reopens != f {
		t.Errorf("%+v", again)
	}
	// Each regression names the newest of the chain.
	s.run(map[threat.ID]say{id: {code: "fixed again"}})
	s.isNow(drift.ID, threat.FixVerified, "mended")
	s.run(map[threat.ID]say{id: {one: evidence.Fail}})
	if all := s.findings(); all[len(all)-1].Reopens != drift.ID {
		t.Errorf("%+v", all[len(all)-1])
	}
}

// People and agents are told apart by what they say; the sources that the server sets cannot be claimed.
func TestFindingSource(t *testing.T) {
	s := newSite(t)
	submit := func(source service.Observer) error {
		_, err := s.SubmitFindings(ctx, s.who, service.SubmitFindingsIn{ModelID: s.model, Findings: []service.NewFinding{{Control: "C1", Source: source, Title: "Missing, says " + string(source)}}})
		return err
	}
	for _, source := range threat.FindingSources() {
		err := submit(service.Observer(source))
		if allowed := source == threat.FromAgent || source == threat.FromPerson; allowed != (err == nil) || !allowed && threat.CodeOf(err) != threat.Invalid {
			t.Errorf("%s: %v", source, err)
		}
	}
	if err := submit(""); err != nil {
		t.Error(err)
	}
	out := must(s.ListFindings(ctx, s.who, service.ListFindingsIn{ModelID: s.model, Source: threat.FromPerson}))(t)
	if out.Total != 1 || len(s.findings()) != 3 {
		t.Errorf("%+v", out)
	}
	for name, in := range map[string]service.ListFindingsIn{"status": {Status: "fixed"}, "severity": {Severity: "huge"}, "source": {Source: "rumour"}} {
		in.ModelID = s.model
		if _, err := s.ListFindings(ctx, s.who, in); threat.CodeOf(err) != threat.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Open findings are counted beside controls, objectives and the model, and change no status.
func TestFindingsBesidePosture(t *testing.T) {
	s := newSite(t)
	before := s.assess(service.AssessModelIn{Limit: all()})
	f := s.missing("C1", "One")
	s.missing("C1", "Two")
	must(s.SubmitFindings(ctx, s.who, service.SubmitFindingsIn{ModelID: s.model, Findings: []service.NewFinding{{Control: "C3", Title: "x", Severity: threat.SeverityInfo}}}))(t)
	gone := s.missing("C2", "Three")
	must(s.move(s.boss(), service.UpdateFindingIn{Finding: gone, Status: threat.Dismissed, Reason: "no"}))(t)
	testenv.Write(t, s.st, func(tx *store.Tx) error { // about no control: counted for the model alone
		return tx.UnmapFindings(s.who.WorkspaceID, s.model, []threat.ID{"C3"})
	})
	grave := s.finding(f).Severity
	after := s.assess(service.AssessModelIn{Limit: all()})
	if diff := cmp.Diff(service.OpenFindings{grave: 2, threat.SeverityInfo: 1}, after.Summary.Findings); diff != "" {
		t.Errorf("the model: %s", diff)
	}
	for i, row := range after.Objectives {
		want := service.OpenFindings(nil)
		if row.ID == "CO-A1-T1" {
			want = service.OpenFindings{grave: 2}
		}
		if diff := cmp.Diff(want, row.Findings); diff != "" {
			t.Errorf("%s: %s", row.ID, diff)
		}
		row.Findings = nil
		if diff := cmp.Diff(before.Objectives[i], row); diff != "" {
			t.Errorf("findings changed the posture of %s: %s", row.ID, diff)
		}
	}
	for _, c := range s.controls(t, s.model, service.GetControlsIn{}) {
		if want := map[bool]int{true: 2}[c.ID == "C1"]; c.Findings[grave] != want {
			t.Errorf("%s has %v", c.ID, c.Findings)
		}
	}
}
