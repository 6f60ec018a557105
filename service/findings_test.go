package service_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/threat"
)

// What is missing is recorded once, goes forward only, and is dismissed by those who may decide.
func TestFindings(t *testing.T) {
	s := newBench(t)
	model := s.model(t).ModelID
	limit := 1
	controls, err := s.GetControls(ctx, s.who, service.GetControlsIn{ModelID: model, Limit: &limit})
	if err != nil {
		t.Fatal(err)
	}
	c := controls.Controls[0]
	submit := func(list ...service.NewFinding) (service.SubmitFindingsOut, error) {
		return s.SubmitFindings(ctx, s.who, service.SubmitFindingsIn{ModelID: model, Findings: list})
	}
	first, err := submit(
		service.NewFinding{Control: c.ID, Title: "No rate limit on sign-in", CheckedLocations: []string{"auth/"}},
		service.NewFinding{Control: c.ID, Title: "no RATE limit on sign-in"},
		service.NewFinding{Control: c.ID, Title: "Another", Severity: threat.SeverityLow},
	)
	if err != nil || len(first.Findings) != 3 || first.Findings[0].ID != "F1" || !first.Findings[1].Repeated || first.Findings[1].ID != "F1" || first.Findings[2].ID != "F2" {
		t.Fatalf("%+v, %v", first, err)
	}
	// All or nothing, each wrong item named.
	_, err = submit(service.NewFinding{Control: c.ID, Title: "Fine"}, service.NewFinding{Control: "C999", Title: "x"}, service.NewFinding{Control: c.ID})
	te, ok := err.(*threat.Error)
	if !ok || len(te.Items) != 2 || te.Items[0].Field != "findings.1.control_id" || te.Items[1].Field != "findings.2.title" {
		t.Fatalf("got %v", err)
	}
	listed := func(in service.ListFindingsIn) service.ListFindingsOut {
		t.Helper()
		in.ModelID = model
		out, err := s.ListFindings(ctx, s.who, in)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	all := listed(service.ListFindingsIn{})
	if all.Total != 2 || all.Findings[0].ID != "F1" || all.Findings[0].Severity != threat.SeverityOf(c.Tier) || all.Summary.Severity[threat.SeverityLow] != 1 {
		t.Errorf("%+v", all)
	}
	if out := listed(service.ListFindingsIn{Severity: threat.SeverityLow}); out.Total != 1 || out.Findings[0].ID != "F2" {
		t.Errorf("%+v", out)
	}

	update := func(in service.UpdateFindingIn) error {
		in.ModelID = model
		_, err := s.UpdateFinding(ctx, s.who, in)
		return err
	}
	for name, x := range map[string]struct {
		in   service.UpdateFindingIn
		code threat.Code
	}{
		"verified is computed":     {service.UpdateFindingIn{Finding: "F1", Status: threat.FixVerified}, threat.FailedPrecondition},
		"back":                     {service.UpdateFindingIn{Finding: "F1", Status: threat.Discovered}, threat.FailedPrecondition},
		"dismissed without decide": {service.UpdateFindingIn{Finding: "F1", Status: threat.Dismissed, Reason: "rare"}, threat.Forbidden},
		"unknown":                  {service.UpdateFindingIn{Finding: "F9", Status: threat.Acknowledged}, threat.NotFound},
		"nothing":                  {service.UpdateFindingIn{Finding: "F1"}, threat.Invalid},
		"unknown assertion":        {service.UpdateFindingIn{Finding: "F1", Status: threat.Remediated, Assertions: []threat.ID{"E9"}}, threat.NotFound},
		"mapped already":           {service.UpdateFindingIn{Finding: "F1", Control: c.ID}, threat.FailedPrecondition},
	} {
		if err := update(x.in); threat.CodeOf(err) != x.code {
			t.Errorf("%s: got %v, want %s", name, err, x.code)
		}
	}
	submitted, err := s.SubmitAssertions(ctx, s.who, service.SubmitAssertionsIn{ModelID: model, Assertions: []service.NewAssertion{{
		Type: evidence.TestPasses, Params: evidence.Params{"pattern": "TestLimit"}, Control: c.ID, Facets: []threat.ID{c.Facets[0].ID}, Repo: "acme/shop",
	}}})
	if err != nil {
		t.Fatal(err)
	}
	e := submitted.Assertions[0].ID
	if err := update(service.UpdateFindingIn{Finding: "F1", Status: threat.Remediated, Assertions: []threat.ID{e}}); err != nil {
		t.Fatal(err)
	}
	if err := update(service.UpdateFindingIn{Finding: "F1", Status: threat.Remediated, Assertions: []threat.ID{e}}); !errors.As(err, &te) || !strings.Contains(te.Hint, "leave status out") {
		t.Errorf("the same step again gives %v", err)
	}
	if out := listed(service.ListFindingsIn{IDs: []threat.ID{}}); out.Total != 2 {
		t.Errorf("an empty list of findings names none to narrow to: %+v", out)
	}
	for question, want := range map[string]string{
		"how many findings are open?": "The model has 2 findings that are open.", "show me the findings": "The model has 2 findings, of which 2 are open.",
		"how many controls are there?": "controls, of which 0 are implemented", "how many are left?": "control objectives",
	} {
		out, err := s.QueryThreatModel(ctx, s.who, service.QueryThreatModelIn{ModelID: model, Question: question, Engine: "builtin"})
		if err != nil || !strings.Contains(out.Answer, want) || len(out.Sources) == 0 || strings.Contains(question, "findings") && out.Sources[0].ID != "F1" {
			t.Errorf("%s: %+v, %v", question, out, err)
		}
	}
	got := listed(service.ListFindingsIn{Status: threat.Remediated})
	if got.Total != 1 || len(got.Findings[0].Assertions) != 1 || got.Findings[0].Assertions[0] != e {
		t.Errorf("%+v", got)
	}
	s.who.DecideGranted = true
	if err := update(service.UpdateFindingIn{Finding: "F2", Status: threat.Dismissed}); threat.CodeOf(err) != threat.Invalid {
		t.Errorf("a dismissal without a reason gives %v", err)
	}
	if err := update(service.UpdateFindingIn{Finding: "F2", Status: threat.Dismissed, Reason: "covered elsewhere"}); err != nil {
		t.Fatal(err)
	}
	if err := update(service.UpdateFindingIn{Finding: "F2", Status: threat.Acknowledged}); threat.CodeOf(err) != threat.FailedPrecondition {
		t.Errorf("a dismissed one moves on: %v", err)
	}
	// A repeat of a dismissed finding is that one.
	again, err := submit(service.NewFinding{Control: c.ID, Title: "Another"})
	if err != nil || !again.Findings[0].Repeated || again.Findings[0].ID != "F2" || again.Findings[0].Status != threat.Dismissed {
		t.Errorf("%+v, %v", again, err)
	}
}
