package service_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/compliance"
	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/posture"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

const acme = "id,text,level,chapter\nK.1,Keys are kept in a vault.,1,Keys\nK.2,Keys are changed every year.,2,Keys\nL.1,Logs hold no keys.,1,Logs\n"

// newOffice is a desk whose model is measured against a small framework of its own.
func newOffice(t testing.TB) *site {
	t.Helper()
	s := newDesk(t)
	s.importFramework(acme)
	must(s.SelectFrameworks(ctx, s.who, service.SelectFrameworksIn{ModelID: s.model, Frameworks: []string{"acme"}}))(t)
	return s
}

func (s *site) importFramework(content string) service.ImportFrameworkOut {
	s.t.Helper()
	return must(s.ImportFramework(ctx, s.who, service.ImportFrameworkIn{FrameworkID: "acme", Content: content}))(s.t)
}

func (s *site) mapControl(c threat.ID, requirements ...string) service.MapControlOut {
	s.t.Helper()
	return must(s.MapControl(ctx, s.who, service.MapControlIn{ModelID: s.model, Control: c, Requirements: requirements}))(s.t)
}

func (s *site) report(in service.GetComplianceReportIn) service.GetComplianceReportOut {
	s.t.Helper()
	if in.SystemID == "" {
		in.ModelID = s.model
	}
	if in.Limit == nil {
		in.Limit = all()
	}
	return must(s.GetComplianceReport(ctx, s.who, in))(s.t)
}

// statuses are the statuses of a report's rows: "K.1 covered, K.2 unmapped".
func statuses(out service.GetComplianceReportOut) string {
	parts := make([]string, len(out.Requirements))
	for i, r := range out.Requirements {
		parts[i] = r.ID + " " + string(r.Status)
	}
	return strings.Join(parts, ", ")
}

func (s *site) wantReport(want string) {
	s.t.Helper()
	if got := statuses(s.report(service.GetComplianceReportIn{})); got != want {
		s.t.Errorf("the report says %q, want %q", got, want)
	}
}

// A requirement follows its controls: claimed, verified, weakened, approved, deleted, restored, orphaned, stale.
func TestReportFollowsTheControls(t *testing.T) {
	s := newOffice(t)
	s.wantReport("K.1 unmapped, K.2 unmapped, L.1 unmapped")
	s.mapControl("C2", "K.1", "L.1")
	s.mapControl("C3", "K.1")
	s.wantReport("K.1 uncovered, K.2 unmapped, L.1 uncovered")
	s.submit(exists, calls3)
	s.implement("C2")
	s.wantReport("K.1 partial, K.2 unmapped, L.1 partial")
	s.run(nil)
	s.want("C2", "verified")
	s.wantReport("K.1 partial, K.2 unmapped, L.1 covered")
	s.implement("C3")
	s.wantReport("K.1 covered, K.2 unmapped, L.1 covered")
	s.run(map[threat.ID]say{"E2": {one: "fail"}})
	s.wantReport("K.1 partial, K.2 unmapped, L.1 covered")

	s.edited(service.ControlOp{Op: service.OpAdd, Description: ptr("Another."), Facets: []service.NewFacet{{Text: "x", Kind: "test"}}, Objectives: cos("CO-A2-T1", "CO-A1-T2"), Group: 1})
	s.edited(service.ControlOp{Op: service.OpRemove, ID: "C3", Reason: "not needed"})
	s.wantReport("K.1 covered, K.2 unmapped, L.1 covered") // what is deleted does not count
	s.edited(service.ControlOp{Op: service.OpRestore, ID: "C3"})
	s.wantReport("K.1 partial, K.2 unmapped, L.1 covered") // and comes back with its mappings
	s.edited(service.ControlOp{Op: service.OpRemove, ID: "C3", Reason: "not needed"})

	s.edited(service.ControlOp{Op: service.OpEdit, ID: "C2", Facets: []service.NewFacet{{Text: "Facet 0.", Kind: "structure"}, {Text: "More.", Kind: "structure"}}, Reason: "there is more to it"})
	s.edited(service.ControlOp{Op: service.OpEdit, ID: "C2", Facets: []service.NewFacet{{Text: "Facet 0.", Kind: "structure"}}, Reason: "there is less to it"})
	s.wantReport("K.1 partial, K.2 unmapped, L.1 partial") // weakened: claimed, not verified
	must(s.approve(service.ApproveChangeIn{Controls: cos("C2")}))(t)
	s.want("C2", "verified")
	s.wantReport("K.1 covered, K.2 unmapped, L.1 covered")

	s.clock.Advance(2 * month)
	s.wantReport("K.1 partial, K.2 unmapped, L.1 partial") // stale

	must(s.RemoveAsset(ctx, s.who, service.RemoveAssetIn{Target: target(s.model), AssetID: "A1"}))(t)
	s.wantReport("K.1 unmapped, K.2 unmapped, L.1 unmapped") // C2 is orphaned: left out of every count
}

// A control that an assumption carries stands in the report as it does in posture: claimed while a person's word holds, verified while
// evidence does, and the row says what carries it.
func TestReportOfCarriedControls(t *testing.T) {
	s := newOffice(t)
	s.setGroups("CO-A2-T2", cos("C2"))
	s.mapControl("C2", "K.1")
	at := func(want string, status posture.Status, by ...threat.ID) {
		t.Helper()
		out := s.report(service.GetComplianceReportIn{Requirements: []string{"K.1"}})
		c := out.Requirements[0].Controls[0]
		if got := fmt.Sprint(out.Requirements[0].Status, " ", c.Standing, " ", c.CarriedBy); got != fmt.Sprint(want, " ", by) {
			t.Errorf("the row says %s, want %s %v", got, want, by)
		}
		row := s.row("CO-A2-T2")
		if row.Status != status || (row.Assurance == posture.Verified) != (c.Standing == compliance.Verified) {
			t.Errorf("the objective is %s %s, the control %s", row.Status, row.Assurance, c.Standing)
		}
	}
	word := s.assume("The cloud keeps keys in a vault.")
	s.edited(service.ControlOp{Op: service.OpAssume, ID: "C2", Assumption: word})
	at("uncovered not_implemented", posture.AtRisk)
	s.attest(word)
	at("partial implemented", posture.Mitigated, word)
	csv := must(s.GetComplianceReport(ctx, s.who, service.GetComplianceReportIn{ModelID: s.model, Format: service.ReportCSV}))(t)
	if !strings.Contains(csv.Text, "C2 implemented (carried by "+string(word)+")") {
		t.Errorf("%s", csv.Text)
	}
	s.edited(service.ControlOp{Op: service.OpAssume, ID: "C2", Assumption: "AS1"})
	proof := s.submit(service.NewAssertion{Type: evidence.PatternAbsent, Assumption: "AS1", Params: evidence.Params{"file": "go.mod", "pattern": "xml", "witness": "xml"}}).Assertions[0].ID
	s.run(nil)
	at("covered verified", posture.Mitigated, "AS1", word)
	s.run(map[threat.ID]say{proof: {one: evidence.Fail, code: "x"}})
	at("partial implemented", posture.Mitigated, word)
	s.clock.Advance(month)
	at("uncovered not_implemented", posture.AtRisk)
}

// Regenerated controls take no mapping of those they replace; a restored one has its own again.
func TestRegenerationDropsMappings(t *testing.T) {
	s := newOffice(t)
	s.mapControl("C2", "K.1")
	job := must(s.await(t, must(s.RegenerateControls(ctx, s.who, service.RegenerateControlsIn{Target: target(s.model)}))(t)))(t)
	if job.Status != store.JobDone {
		t.Fatalf("%+v", job)
	}
	s.wantReport("K.1 unmapped, K.2 unmapped, L.1 unmapped")
	s.edited(service.ControlOp{Op: service.OpRestore, ID: "C2"})
	s.wantReport("K.1 uncovered, K.2 unmapped, L.1 unmapped")
}

func TestReportShape(t *testing.T) {
	s := newOffice(t)
	s.mapControl("C2", "K.1")
	must(s.ExcludeRequirement(ctx, s.boss(), service.ExcludeRequirementIn{ModelID: s.model, Requirements: []string{"L.1"}, Reason: "no logs"}))(t)
	out := s.report(service.GetComplianceReportIn{})
	want := service.GetComplianceReportOut{
		ModelID: s.model, Version: 1, FrameworkID: "acme", AsOf: s.clock.Now(), Total: 3, Returned: 3,
		Summary: service.ComplianceSummary{
			Status: compliance.Counts{Total: 3, Uncovered: 1, Unmapped: 1, Excluded: 1},
			Levels: []compliance.LevelCounts{
				{Level: 1, Name: "Level 1", Counts: compliance.Counts{Total: 2, Uncovered: 1, Excluded: 1}},
				{Level: 2, Name: "Level 2", Counts: compliance.Counts{Total: 3, Uncovered: 1, Unmapped: 1, Excluded: 1}},
			},
			Chapters: []compliance.ChapterCounts{
				{ID: "Keys", Name: "Keys", Counts: compliance.Counts{Total: 2, Uncovered: 1, Unmapped: 1}},
				{ID: "Logs", Name: "Logs", Counts: compliance.Counts{Total: 1, Excluded: 1}},
			},
		},
		Requirements: []service.ComplianceRow{
			{ID: "K.1", Status: "uncovered", Level: 1, Chapter: "Keys", Text: "Keys are kept in a vault.", Controls: []service.MappedControlRow{{Control: "C2", Standing: "not_implemented", Source: "manual", Confidence: 1}}},
			{ID: "K.2", Status: "unmapped", Level: 2, Chapter: "Keys", Text: "Keys are changed every year."},
			{ID: "L.1", Status: "excluded", Level: 1, Chapter: "Logs", Text: "Logs hold no keys.", Exclusions: []service.ExclusionRow{{Reason: "no logs", By: s.who.UserID, At: s.clock.Now()}}},
		},
	}
	if d := cmp.Diff(want, out); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if out := must(s.GetComplianceReport(ctx, s.who, service.GetComplianceReportIn{ModelID: s.model}))(t); out.Total != 3 || out.Returned != 0 || len(out.Requirements) != 0 {
		t.Errorf("without a limit: %+v", out)
	}
	for name, c := range map[string]struct {
		in   service.GetComplianceReportIn
		want string
	}{
		"status":  {service.GetComplianceReportIn{Status: "unmapped"}, "K.2 unmapped"},
		"level":   {service.GetComplianceReportIn{Level: 1}, "K.1 uncovered, L.1 excluded"},
		"chapter": {service.GetComplianceReportIn{Chapter: "Logs"}, "L.1 excluded"},
		"text":    {service.GetComplianceReportIn{Text: "VAULT"}, "K.1 uncovered"},
		"ids":     {service.GetComplianceReportIn{Requirements: []string{"L.1"}}, "L.1 excluded"},
		"paging":  {service.GetComplianceReportIn{Limit: ptr(1), Offset: 1}, "K.2 unmapped"},
	} {
		if got := statuses(s.report(c.in)); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	if c := s.report(service.GetComplianceReportIn{Level: 1}).Summary; c.Status.Total != 2 || c.Chapters[0].Total != 1 || c.Levels[1].Total != 3 {
		t.Errorf("counts up to level 1: %+v", c)
	}
	for field, in := range map[string]service.GetComplianceReportIn{
		"level": {Level: 3}, "chapter": {Chapter: "Zz"}, "requirements.0": {Requirements: []string{"Zz"}}, "framework_id": {FrameworkID: "zz"},
		"limit": {Limit: ptr(201)}, "format": {Format: "pdf"}, "model_id": {SystemID: s.model},
	} {
		in.ModelID = s.model
		if _, err := s.GetComplianceReport(ctx, s.who, in); !strings.Contains(fmt.Sprint(err), field+":") {
			t.Errorf("%s: %v", field, err)
		}
	}
	for format, word := range map[service.ReportFormat]string{"csv": "K.1,Level 1,Keys,,uncovered,C2 not_implemented", "markdown": "**0 of 3 requirements covered**", "html": "<td>L.1</td>"} {
		out := s.report(service.GetComplianceReportIn{Format: format})
		kind, raw := out.Raw()
		if kind == "" || string(raw) != out.Text || !strings.Contains(out.Text, word) || len(out.Requirements) != 0 {
			t.Errorf("%s: %s %s", format, kind, out.Text)
		}
	}
}

// What a model is measured against is chosen first; mappings outlive a change of mind.
func TestSelectFrameworks(t *testing.T) {
	s := newDesk(t)
	_, err := s.GetComplianceReport(ctx, s.who, service.GetComplianceReportIn{ModelID: s.model})
	code(t, err, threat.FailedPrecondition)
	_, err = s.MapControl(ctx, s.who, service.MapControlIn{ModelID: s.model, Control: "C1", FrameworkID: "asvs-5.0", Requirements: []string{"V1.1.1"}})
	code(t, err, threat.FailedPrecondition)
	s.importFramework(acme)
	selects := func(ids ...string) service.SelectFrameworksOut {
		t.Helper()
		return must(s.SelectFrameworks(ctx, s.who, service.SelectFrameworksIn{ModelID: s.model, Frameworks: ids}))(t)
	}
	out := selects("asvs-5.0", "acme", "acme")
	if fmt.Sprint(out.Added, out.Removed) != "[asvs-5.0 acme] []" || len(out.Frameworks) != 2 || !out.Frameworks[1].Builtin || out.Frameworks[1].Requirements != 345 {
		t.Errorf("%+v", out)
	}
	_, err = s.GetComplianceReport(ctx, s.who, service.GetComplianceReportIn{ModelID: s.model})
	if te := code(t, err, threat.Invalid); te.Field != "framework_id" || !strings.Contains(te.Hint, "acme, asvs-5.0") {
		t.Errorf("%+v", te)
	}
	must(s.MapControl(ctx, s.who, service.MapControlIn{ModelID: s.model, FrameworkID: "acme", Control: "C1", Requirements: []string{"K.1"}}))(t)
	if out := selects("asvs-5.0"); fmt.Sprint(out.Added, out.Removed) != "[] [acme]" {
		t.Errorf("%+v", out)
	}
	if out := s.report(service.GetComplianceReportIn{}); out.FrameworkID != "asvs-5.0" || out.Total != 345 || len(out.Requirements) != 200 {
		t.Errorf("%s %d %d", out.FrameworkID, out.Total, len(out.Requirements))
	}
	selects("acme")
	s.wantReport("K.1 uncovered, K.2 unmapped, L.1 unmapped")
	_, err = s.SelectFrameworks(ctx, s.who, service.SelectFrameworksIn{ModelID: s.model, Frameworks: []string{"acme", "nothing"}})
	if te := code(t, err, threat.NotFound); te.Field != "frameworks.1" {
		t.Errorf("%+v", te)
	}
	listed := must(s.ListFrameworks(ctx, s.who, service.ListFrameworksIn{ModelID: s.model, Selected: true}))(t)
	if listed.Total != 1 || listed.Frameworks[0].ID != "acme" || listed.Frameworks[0].Models != 1 || listed.Summary != (service.FrameworksSummary{Builtin: 2, Imported: 1, Selected: 1}) {
		t.Errorf("%+v", listed)
	}
	selects()
	_, err = s.GetComplianceReport(ctx, s.who, service.GetComplianceReportIn{ModelID: s.model})
	code(t, err, threat.FailedPrecondition)
}

// A second import updates and keeps mappings; a requirement that is gone and in use is kept, retired.
func TestImportFrameworkAgain(t *testing.T) {
	s := newOffice(t)
	s.mapControl("C2", "K.1", "K.2")
	must(s.ExcludeRequirement(ctx, s.boss(), service.ExcludeRequirementIn{ModelID: s.model, Requirements: []string{"L.1"}, Reason: "no logs"}))(t)
	before := must(s.ListFrameworks(ctx, s.who, service.ListFrameworksIn{}))(t)
	_, err := s.ImportFramework(ctx, s.who, service.ImportFrameworkIn{FrameworkID: "acme", Content: "id,text,level\nK.1,New,1\n,,\nK.3,Three,x\nK.3,Three,1\n"})
	if te := code(t, err, threat.Invalid); len(te.Items) != 2 || te.Items[0].Field != "line 4.level" || te.Items[1].Field != "line 5.id" {
		t.Errorf("%+v", te)
	}
	if after := must(s.ListFrameworks(ctx, s.who, service.ListFrameworksIn{}))(t); !cmp.Equal(before, after) {
		t.Errorf("a refused import changed something: %+v", after)
	}
	out := s.importFramework("id,text,level,chapter\nK.1,Keys are kept in a hardware vault.,1,Keys\nK.3,Keys are counted.,1,Keys\n")
	want := compliance.Changes{Added: 1, Updated: 1, Retired: []string{"K.2", "L.1"}}
	if d := cmp.Diff(want, out.Changes); d != "" || out.Requirements != 2 || out.Hint == "" {
		t.Errorf("%+v (-want +got):\n%s", out, d)
	}
	s.wantReport("K.1 uncovered, K.3 unmapped")
	if n := s.report(service.GetComplianceReportIn{}).Summary.Retired; n != 2 {
		t.Errorf("%d retired", n)
	}
	_, err = s.MapControl(ctx, s.who, service.MapControlIn{ModelID: s.model, Control: "C1", Requirements: []string{"K.2"}})
	code(t, err, threat.NotFound)
	must(s.MapControl(ctx, s.who, service.MapControlIn{ModelID: s.model, Control: "C2", Requirements: []string{"K.2"}, Unmap: true}))(t)
	s.importFramework(acme)
	s.wantReport("K.1 uncovered, K.2 unmapped, L.1 excluded")
	_, err = s.ImportFramework(ctx, s.who, service.ImportFrameworkIn{FrameworkID: "asvs-5.0", Content: acme})
	if te := code(t, err, threat.Conflict); te.Field != "framework_id" {
		t.Errorf("%+v", te)
	}
}

// The official texts stand in one workspace alone, and what the matcher goes by stays.
func TestOfficialTexts(t *testing.T) {
	s := newDesk(t)
	content := official(t)
	before := must(s.GetFramework(ctx, s.who, service.GetFrameworkIn{FrameworkID: "asvs-5.0", Text: "V1.1.1"}))(t).Requirements[0]
	out := must(s.ImportFramework(ctx, s.who, service.ImportFrameworkIn{Content: content}))(t)
	if !out.Official || out.FrameworkID != "asvs-5.0" || out.Requirements != 345 || out.Changes.Updated != 345 {
		t.Errorf("%+v", out)
	}
	if again := must(s.ImportFramework(ctx, s.who, service.ImportFrameworkIn{Content: content}))(t); again.Changes.Unchanged != 345 || again.Changes.Updated != 0 {
		t.Errorf("%+v", again)
	}
	after := must(s.GetFramework(ctx, s.who, service.GetFrameworkIn{FrameworkID: "asvs-5.0", Text: "V1.1.1"}))(t)
	want := before
	want.Text = "Official: V1.1.1"
	if d := cmp.Diff(want, after.Requirements[0]); d != "" || !after.Framework.Official || !after.Framework.Builtin || after.Framework.ImportedAt == nil {
		t.Errorf("%+v (-want +got):\n%s", after.Framework, d)
	}
	other := testenv.Caller(t, s.st, account.Developer)
	if f := must(s.GetFramework(ctx, other, service.GetFrameworkIn{FrameworkID: "asvs-5.0", Text: "V1.1.1"}))(t); !cmp.Equal(f.Requirements[0], before) || f.Framework.Official {
		t.Errorf("another workspace reads %+v", f)
	}
	_, err := s.ImportFramework(ctx, s.who, service.ImportFrameworkIn{Content: strings.Replace(content, "V1.1.1,", "V1.1.99,", 1)})
	code(t, err, threat.Invalid)
}

// official is the file of ASVS in its published form, with other texts.
func official(t testing.TB) string {
	t.Helper()
	list, err := compliance.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("chapter_id,chapter_name,section_id,section_name,req_id,req_description,L\n")
	for _, f := range list {
		for _, r := range f.Requirements {
			if f.ID == compliance.ASVS {
				fmt.Fprintf(&b, "%s,%s,%s,%s,%s,Official: %s,%d\n", r.Chapter, r.Chapter, r.Section, r.Section, r.ID, r.ID, r.Level)
			}
		}
	}
	return b.String()
}

func TestMapControl(t *testing.T) {
	s := newOffice(t)
	if out := s.mapControl("C1", "K.2", "K.1"); fmt.Sprint(out.Requirements) != "[K.1 K.2]" || out.FrameworkID != "acme" {
		t.Errorf("%+v", out)
	}
	for name, c := range map[string]struct {
		in    service.MapControlIn
		code  threat.Code
		field string
	}{
		"control":     {service.MapControlIn{Control: "C9", Requirements: []string{"K.1"}}, threat.NotFound, "control_id"},
		"requirement": {service.MapControlIn{Control: "C2", Requirements: []string{"K.1", "K.9"}}, threat.NotFound, "requirements.1"},
		"none":        {service.MapControlIn{Control: "C2"}, threat.Invalid, "requirements"},
		"not mapped":  {service.MapControlIn{Control: "C1", Requirements: []string{"K.1", "L.1"}, Unmap: true}, threat.NotFound, "requirements.1"},
		"reason":      {service.MapControlIn{Control: "C2", Requirements: []string{"K.1"}, Reason: strings.Repeat("x", 2_001)}, threat.Invalid, "reason"},
	} {
		c.in.ModelID = s.model
		_, err := s.MapControl(ctx, s.who, c.in)
		if te := code(t, err, c.code); te.Field != c.field {
			t.Errorf("%s: %+v", name, te)
		}
	}
	s.wantReport("K.1 uncovered, K.2 uncovered, L.1 unmapped")
	out := must(s.MapControl(ctx, s.who, service.MapControlIn{ModelID: s.model, Control: "C1", Requirements: []string{"K.1"}, Unmap: true}))(t)
	if fmt.Sprint(out.Requirements) != "[K.2]" {
		t.Errorf("%+v", out)
	}
	s.wantReport("K.1 unmapped, K.2 uncovered, L.1 unmapped")
}

// Exclusions are for those who may decide, carry who and why, and can be taken back.
func TestExcludeRequirement(t *testing.T) {
	s := newOffice(t)
	exclude := func(who account.Principal, reason string, withdraw bool, ids ...string) (service.ExcludeRequirementOut, error) {
		return s.ExcludeRequirement(ctx, who, service.ExcludeRequirementIn{ModelID: s.model, Requirements: ids, Reason: reason, Withdraw: withdraw})
	}
	_, err := exclude(s.who, "no keys here", false, "K.1")
	code(t, err, threat.Forbidden)
	if p := s.proposal("exclude_requirement"); p["reason"] != "no keys here" || fmt.Sprint(p["requirements"]) != "[K.1]" {
		t.Errorf("the proposal is %v", p)
	}
	s.wantReport("K.1 unmapped, K.2 unmapped, L.1 unmapped")
	for field, do := range map[string]func() error{
		"reason":         func() error { _, err := exclude(s.boss(), " ", false, "K.1"); return err },
		"requirements.1": func() error { _, err := exclude(s.boss(), "x", false, "K.1", "K.9"); return err },
		"requirements":   func() error { _, err := exclude(s.boss(), "x", false); return err },
		"requirements.0": func() error { _, err := exclude(s.boss(), "x", true, "K.1"); return err },
	} {
		if err := do(); !strings.Contains(fmt.Sprint(err), field+":") {
			t.Errorf("%s: %v", field, err)
		}
	}
	s.wantReport("K.1 unmapped, K.2 unmapped, L.1 unmapped")
	out := must(exclude(s.boss(), "no keys here", false, "K.1", "K.2"))(t)
	if !out.Excluded || out.DecidedBy != s.who.UserName || out.FrameworkID != "acme" {
		t.Errorf("%+v", out)
	}
	s.mapControl("C1", "K.1")
	s.wantReport("K.1 excluded, K.2 excluded, L.1 unmapped")
	must(exclude(s.boss(), "keys came", true, "K.1"))(t)
	s.wantReport("K.1 uncovered, K.2 excluded, L.1 unmapped")
}

// An imported framework goes when nobody uses it, or by force with all that models say of it; one that comes after under its id is another.
func TestRemoveFramework(t *testing.T) {
	s := newOffice(t)
	remove := func(id string, force bool) (service.RemoveFrameworkOut, error) {
		return s.RemoveFramework(ctx, s.who, service.RemoveFrameworkIn{FrameworkID: id, Force: force})
	}
	s.mapControl("C2", "K.1")
	must(s.ExcludeRequirement(ctx, s.boss(), service.ExcludeRequirementIn{ModelID: s.model, Requirements: []string{"L.1"}, Reason: "no logs"}))(t)
	s.suggest("K.2")
	for name, c := range map[string]struct {
		id   string
		code threat.Code
	}{"in use": {"acme", threat.FailedPrecondition}, "built in": {compliance.ASVS, threat.FailedPrecondition}, "unknown": {"none", threat.NotFound}, "foreign": {"theirs", threat.NotFound}} {
		if te := s.refuses(func() error { _, err := remove(c.id, c.code == threat.NotFound); return err }, c.code, "framework_id"); te == nil || te.Hint == "" {
			t.Errorf("%s: %v", name, te)
		}
	}
	must(s.SelectFrameworks(ctx, s.who, service.SelectFrameworksIn{ModelID: s.model, Frameworks: []string{}}))(t)
	if _, err := remove("acme", false); threat.CodeOf(err) != threat.FailedPrecondition { // it is mapped still
		t.Errorf("%v", err)
	}
	must(s.SelectFrameworks(ctx, s.who, service.SelectFrameworksIn{ModelID: s.model, Frameworks: []string{"acme"}}))(t)
	if out := must(remove("acme", true))(t); out.Models != 1 || out.Builtin {
		t.Errorf("%+v", out)
	}
	if _, err := s.GetComplianceReport(ctx, s.who, service.GetComplianceReportIn{ModelID: s.model}); threat.CodeOf(err) != threat.FailedPrecondition {
		t.Errorf("a report without a framework: %v", err)
	}
	if a := must(s.GetActivity(ctx, s.who, service.GetActivityIn{Verb: "remove_framework"}))(t); a.Total < 2 || a.Activity[0].Object != "acme" {
		t.Errorf("%+v", a.Activity)
	}
	s.clock.Advance(1000)
	s.importFramework("id,text\nK.1,Another text.\n")
	must(s.SelectFrameworks(ctx, s.who, service.SelectFrameworksIn{ModelID: s.model, Frameworks: []string{"acme"}}))(t)
	out := s.report(service.GetComplianceReportIn{})
	if statuses(out) != "K.1 unmapped" || out.Requirements[0].Text != "Another text." || out.Requirements[0].Proposals != nil {
		t.Errorf("%+v", out.Requirements)
	}
	must(s.SelectFrameworks(ctx, s.who, service.SelectFrameworksIn{ModelID: s.model, Frameworks: []string{}}))(t)
	if out := must(remove("acme", false))(t); out.Models != 0 {
		t.Errorf("%+v", out)
	}
}
