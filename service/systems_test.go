package service_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/compliance"
	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/threat"
)

// Sure mappings are applied, others only suggested; what people decided stays as they decided it.
func TestAutoMapControls(t *testing.T) {
	s := newDesk(t)
	must(s.SelectFrameworks(ctx, s.who, service.SelectFrameworksIn{ModelID: s.model, Frameworks: []string{compliance.ASVS}}))(t)
	s.edited(
		service.ControlOp{
			Op: service.OpAdd, Description: ptr("Build every SQL statement from constant text and bind values as parameters."), Objectives: cos("CO-A1-T1"),
			Facets: []service.NewFacet{{Text: "Queries are parameterized; no statement is concatenated from input.", Kind: "behaviour"}},
		},
		service.ControlOp{
			Op: service.OpAdd, Description: ptr("Paint the door."), Objectives: cos("CO-A1-T1"), FrameworkRefs: []string{"asvs-5.0:V6.2.1", "other:V1.1.1", "asvs-5.0:V99"},
			Facets: []service.NewFacet{{Text: "It is green.", Kind: "structure"}},
		},
	)
	auto := func(in service.AutoMapControlsIn) service.AutoMapControlsOut {
		t.Helper()
		in.ModelID = s.model
		if in.Limit == nil {
			in.Limit = all()
		}
		return must(s.AutoMapControls(ctx, s.who, in))(t)
	}
	find := func(out service.AutoMapControlsOut, control threat.ID, requirement string) *service.AutoMappingRow {
		for i, m := range out.Mappings {
			if m.Control == control && m.Requirement == requirement {
				return &out.Mappings[i]
			}
		}
		return nil
	}
	var dry service.AutoMapControlsOut
	s.unchanged(func() { dry = auto(service.AutoMapControlsIn{DryRun: true}) })
	if m := find(dry, "C4", "V1.2.4"); m == nil || m.Applied || m.Confidence < dry.Threshold || !strings.Contains(m.Reason, "sql") && !strings.Contains(m.Reason, "SQL") {
		t.Fatalf("a dry run says %+v of %+v", m, dry)
	}
	if n := s.report(service.GetComplianceReportIn{}).Summary.Status.Unmapped; n != 345 {
		t.Errorf("a dry run mapped: %d are unmapped", n)
	}
	out := auto(service.AutoMapControlsIn{})
	if out.Engine != "builtin" || out.Threshold != float64(compliance.Confident)/1000 || out.Summary != dry.Summary || out.Total != dry.Total || out.Summary.Controls != 5 {
		t.Errorf("%+v, dry %+v", out, dry)
	}
	for i, m := range out.Mappings {
		if m.Applied != (m.Confidence >= out.Threshold) || i > 0 && m.Confidence > out.Mappings[i-1].Confidence || m.Reason == "" || m.Source != "auto" {
			t.Errorf("%+v", m)
		}
	}
	if m := find(out, "C5", "V6.2.1"); m == nil || m.Confidence != 1 || !m.Applied {
		t.Errorf("a control that names a requirement: %+v", m)
	}
	report := s.report(service.GetComplianceReportIn{Status: "uncovered"})
	rows := 0
	for _, r := range report.Requirements {
		rows += len(r.Controls)
	}
	if rows != out.Summary.Applied {
		t.Errorf("%d are mapped, %d were applied", rows, out.Summary.Applied)
	}
	if again := auto(service.AutoMapControlsIn{}); again.Summary.Applied != 0 || again.Summary.Suggested != out.Summary.Suggested {
		t.Errorf("a second time: %+v", again.Summary)
	}
	must(s.MapControl(ctx, s.who, service.MapControlIn{ModelID: s.model, Control: "C5", Requirements: []string{"V6.2.1"}, Unmap: true}))(t)
	must(s.MapControl(ctx, s.who, service.MapControlIn{ModelID: s.model, Control: "C4", Requirements: []string{"V1.2.4"}, Unmap: true}))(t)
	must(s.ExcludeRequirement(ctx, s.boss(), service.ExcludeRequirementIn{ModelID: s.model, Requirements: []string{"V1.2.4"}, Reason: "x"}))(t)
	again := auto(service.AutoMapControlsIn{Controls: cos("C4", "C5")})
	if again.Summary.Applied != 0 || find(again, "C5", "V6.2.1") != nil || find(again, "C4", "V1.2.4") != nil || again.Summary.Controls != 2 {
		t.Errorf("what was taken away comes back: %+v", again)
	}
	s.mapControl("C5", "V6.2.1") // a person may
	for field, in := range map[string]service.AutoMapControlsIn{
		"engine": {Engine: "openai"}, "controls.0": {Controls: cos("C99")}, "framework_id": {FrameworkID: "none"}, "limit": {Limit: ptr(999)},
	} {
		in.ModelID = s.model
		if _, err := s.AutoMapControls(ctx, s.who, in); !strings.Contains(fmt.Sprint(err), field+":") {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// A system is made, filled, read, renamed and deleted; a model is in at most one.
func TestSystems(t *testing.T) {
	s := newOffice(t)
	other := s.fresh(t)
	made := must(s.CreateSystem(ctx, s.who, service.CreateSystemIn{Name: " Shop ", Models: []string{s.model}}))(t)
	if made.Name != "Shop" || made.Total != 1 || made.Summary.Objectives != 4 || made.Summary.Status.AtRisk != 3 || made.Summary.Controls != 3 || made.Summary.Frameworks["acme"] != 1 {
		t.Errorf("%+v", made)
	}
	joined := must(s.AddModelToSystem(ctx, s.who, service.AddModelToSystemIn{SystemID: made.SystemID, ModelID: other.model}))(t)
	if joined.Models != 2 || joined.Moved {
		t.Errorf("%+v", joined)
	}
	second := must(s.CreateSystem(ctx, s.who, service.CreateSystemIn{Name: "Second"}))(t)
	moved := must(s.EditSystem(ctx, s.who, service.EditSystemIn{SystemID: second.SystemID, Name: ptr("Other"), Add: []string{other.model}}))(t)
	if fmt.Sprint(moved.Moved) != "["+other.model+"]" || moved.Total != 1 || moved.Name != "Other" {
		t.Errorf("%+v", moved)
	}
	if again := must(s.GetSystem(ctx, s.who, service.GetSystemIn{SystemID: made.SystemID}))(t); again.Total != 1 || again.Models[0].ID != s.model {
		t.Errorf("%+v", again)
	}
	listed := must(s.ListSystems(ctx, s.who, service.ListSystemsIn{}))(t)
	if listed.Total != 2 || listed.Systems[0].Name != "Other" || listed.Systems[1].Models != 1 {
		t.Errorf("%+v", listed)
	}
	stranger := testenv.Caller(t, s.st, account.Developer)
	nobody := testenv.NewID(t)
	for name, c := range map[string]struct {
		do    func() error
		code  threat.Code
		field string
	}{
		"name taken": {func() error { _, err := s.CreateSystem(ctx, s.who, service.CreateSystemIn{Name: "SHOP"}); return err }, threat.Conflict, "name"},
		"no name":    {func() error { _, err := s.CreateSystem(ctx, s.who, service.CreateSystemIn{Name: " "}); return err }, threat.Invalid, "name"},
		"no model": {func() error {
			_, err := s.CreateSystem(ctx, s.who, service.CreateSystemIn{Name: "x", Models: []string{s.model, nobody}})
			return err
		}, threat.NotFound, "models.1"},
		"nothing": {func() error {
			_, err := s.EditSystem(ctx, s.who, service.EditSystemIn{SystemID: made.SystemID})
			return err
		}, threat.Invalid, ""},
		"both": {func() error {
			_, err := s.EditSystem(ctx, s.who, service.EditSystemIn{SystemID: made.SystemID, Name: ptr("x"), Delete: true})
			return err
		}, threat.Invalid, "delete"},
		"not a member": {func() error {
			_, err := s.EditSystem(ctx, s.who, service.EditSystemIn{SystemID: made.SystemID, Remove: []string{other.model}})
			return err
		}, threat.NotFound, "remove_models.0"},
		"in and out": {func() error {
			_, err := s.EditSystem(ctx, s.who, service.EditSystemIn{SystemID: made.SystemID, Add: []string{s.model}, Remove: []string{s.model}})
			return err
		}, threat.Invalid, "remove_models.0"},
		"unknown": {func() error { _, err := s.GetSystem(ctx, s.who, service.GetSystemIn{SystemID: nobody}); return err }, threat.NotFound, "system_id"},
		"foreign": {func() error {
			_, err := s.GetSystem(ctx, stranger, service.GetSystemIn{SystemID: made.SystemID})
			return err
		}, threat.NotFound, "system_id"},
		"foreign model": {func() error {
			_, err := s.CreateSystem(ctx, stranger, service.CreateSystemIn{Name: "x", Models: []string{s.model}})
			return err
		}, threat.NotFound, "models.0"},
		"foreign report": {func() error {
			_, err := s.GetComplianceReport(ctx, stranger, service.GetComplianceReportIn{SystemID: made.SystemID})
			return err
		}, threat.NotFound, "system_id"},
	} {
		if te := code(t, c.do(), c.code); te.Field != c.field {
			t.Errorf("%s: %+v", name, te)
		}
	}
	gone := must(s.EditSystem(ctx, s.who, service.EditSystemIn{SystemID: second.SystemID, Delete: true}))(t)
	if !gone.Deleted || gone.Total != 1 {
		t.Errorf("%+v", gone)
	}
	must(s.GetThreatModel(ctx, s.who, service.GetThreatModelIn{ModelID: other.model}))(t)
	must(s.AddModelToSystem(ctx, s.who, service.AddModelToSystemIn{SystemID: made.SystemID, ModelID: other.model}))(t)
}

// The report of a system follows the controls of all its models that selected the framework.
func TestSystemReport(t *testing.T) {
	s := newOffice(t)
	second, third := s.fresh(t), s.fresh(t)
	sys := must(s.CreateSystem(ctx, s.who, service.CreateSystemIn{Name: "Shop", Models: []string{s.model, second.model, third.model}}))(t).SystemID
	must(s.SelectFrameworks(ctx, s.who, service.SelectFrameworksIn{ModelID: second.model, Frameworks: []string{"acme"}}))(t)
	want := func(want string) service.GetComplianceReportOut {
		t.Helper()
		out := s.report(service.GetComplianceReportIn{SystemID: sys})
		if got := statuses(out); got != want {
			t.Errorf("the report says %q, want %q", got, want)
		}
		return out
	}
	out := want("K.1 unmapped, K.2 unmapped, L.1 unmapped")
	if len(out.Models) != 3 || !out.Models[0].Selected || !out.Models[1].Selected || out.Models[2].Selected || out.ModelID != "" || out.SystemID != sys {
		t.Errorf("%+v", out.Models)
	}
	s.mapControl("C2", "K.1")
	s.submit(exists)
	s.implement("C2")
	s.run(nil)
	out = want("K.1 covered, K.2 unmapped, L.1 unmapped")
	if r := out.Requirements[0]; fmt.Sprint(r.UnmappedIn) != "["+second.model+"]" || r.Controls[0].ModelID != s.model {
		t.Errorf("%+v", r)
	}
	second.mapControl("C2", "K.1", "L.1") // the same control id of another model
	want("K.1 partial, K.2 unmapped, L.1 uncovered")
	exclude := func(model string, ids ...string) {
		t.Helper()
		must(s.ExcludeRequirement(ctx, s.boss(), service.ExcludeRequirementIn{ModelID: model, Requirements: ids, Reason: "x"}))(t)
	}
	exclude(second.model, "K.1", "K.2")
	out = want("K.1 covered, K.2 unmapped, L.1 uncovered")
	if r := out.Requirements[1]; r.Exclusions[0].ModelID != second.model || fmt.Sprint(r.UnmappedIn) != "["+s.model+"]" {
		t.Errorf("%+v", r)
	}
	exclude(s.model, "K.2")
	want("K.1 covered, K.2 excluded, L.1 uncovered")
	must(s.DeleteThreatModel(ctx, s.who, service.DeleteThreatModelIn{ModelID: second.model}))(t)
	want("K.1 covered, K.2 excluded, L.1 unmapped")
	if text := s.report(service.GetComplianceReportIn{SystemID: sys, Format: "csv"}).Text; !strings.Contains(text, "K.1,Level 1,Keys,,covered,Shop: C2 verified") {
		t.Errorf("%s", text)
	}
}
