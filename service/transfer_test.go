package service_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// export returns the document of a model as JSON reads it.
func export(t *testing.T, s *bench, who account.Principal, model string) map[string]any {
	t.Helper()
	out, err := s.ExportThreatModel(ctx, who, service.ExportThreatModelIn{ModelID: model})
	if err != nil {
		t.Fatal(err)
	}
	var d map[string]any
	if err := json.Unmarshal(out.Document, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// worked makes a model with something of everything that an export holds.
func worked(t *testing.T, s *bench, who account.Principal) string {
	t.Helper()
	model := s.model(t).ModelID
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := s.EditThreatModel(ctx, who, service.EditThreatModelIn{ModelID: model, Repos: []store.Repo{{Repo: "acme/shop", Branch: "trunk"}}})
	must(err)
	limit := 3
	controls, err := s.GetControls(ctx, who, service.GetControlsIn{ModelID: model, Limit: &limit})
	must(err)
	c := controls.Controls[0]
	_, err = s.SubmitAssertions(ctx, who, service.SubmitAssertionsIn{ModelID: model, Assertions: []service.NewAssertion{
		{Type: evidence.TestPasses, Params: evidence.Params{"pattern": "TestLogin"}, Control: c.ID, Facets: []threat.ID{c.Facets[0].ID}},
		{Type: evidence.FileExists, Params: evidence.Params{"file": "a.go"}, Control: c.ID, Facets: []threat.ID{c.Facets[0].ID}, Description: "x"},
	}})
	must(err)
	_, err = s.UpdateControlStatus(ctx, who, service.UpdateControlStatusIn{ModelID: model, Control: c.ID, Status: threat.Implemented})
	must(err)
	_, err = s.DeleteAssertion(ctx, who, service.DeleteAssertionIn{ModelID: model, Assertion: "E2", Reason: "not needed"})
	must(err)
	text := "Nobody <b>works</b> at night; =1+1."
	_, err = s.EditAssumptions(ctx, who, service.EditAssumptionsIn{Target: service.Target{ModelID: model}, Operations: []service.AssumptionOp{
		{Op: service.OpAdd, Text: &text, Objectives: c.Objectives[:1]},
	}})
	must(err)
	read, err := s.GetThreatModel(ctx, who, service.GetThreatModelIn{ModelID: model, Section: service.SectionAssumptions})
	must(err)
	assumed := read.Assumptions[len(read.Assumptions)-1].ID
	_, err = s.AttestAssumption(ctx, who, service.AttestAssumptionIn{ModelID: model, Assumption: assumed, Statement: "seen", ExpiresAt: s.clock.Now().Add(time.Hour)})
	must(err)
	review := s.clock.Now().Add(time.Hour)
	_, err = s.AcceptRisk(ctx, who, service.AcceptRiskIn{ModelID: model, Objective: c.Objectives[0], Owner: "Ada", Reason: "rare", ReviewBy: &review})
	must(err)
	description := "=cmd|'/c calc'!A1 refuses what is not allowed"
	_, err = s.EditControls(ctx, who, service.EditControlsIn{ModelID: model, Operations: []service.ControlOp{
		{Op: service.OpAdd, Description: &description, Facets: []service.NewFacet{{Text: "It refuses.", Kind: threat.BehaviourFacet}, {Text: "It logs.", Kind: threat.BehaviourFacet}}, Objectives: c.Objectives[:1]},
		{Op: service.OpAddEvidence, ID: c.ID, Title: "A note", URL: "https://example.org/n"},
		{Op: service.OpAssume, ID: c.ID, Assumption: assumed},
	}})
	must(err)
	added, err := s.GetControls(ctx, who, service.GetControlsIn{ModelID: model, Text: "calc", Limit: &limit})
	must(err)
	_, err = s.RefineControl(ctx, who, service.RefineControlIn{
		ModelID: model, Control: added.Controls[0].ID, Facets: []service.NewFacet{{Text: "It refuses.", Kind: threat.BehaviourFacet}}, Justification: "logging is another control",
	})
	must(err)
	_, err = s.ImportFramework(ctx, who, service.ImportFrameworkIn{FrameworkID: "own", Content: "id,text\nO.1,Nights are quiet.\nO.2,Days are not.\nO.3,Noise is logged.\nO.4,Ears are covered.\n"})
	must(err)
	_, err = s.SelectFrameworks(ctx, who, service.SelectFrameworksIn{ModelID: model, Frameworks: []string{"own", "asvs-5.0"}})
	must(err)
	_, err = s.MapControl(ctx, who, service.MapControlIn{ModelID: model, FrameworkID: "own", Control: c.ID, Requirements: []string{"O.1"}, Reason: "it <b>is</b>"})
	must(err)
	_, err = s.ExcludeRequirement(ctx, who, service.ExcludeRequirementIn{ModelID: model, FrameworkID: "own", Requirements: []string{"O.2", "O.3"}, Reason: "no ears"})
	must(err)
	return model
}

// What an export holds comes back by an import, but for what only CI and people with decide can say; and nothing is verified by it.
func TestExportAndImport(t *testing.T) {
	s := newBench(t)
	who := s.who
	who.DecideGranted = true
	model := worked(t, s, who)
	d := export(t, s, who, model)
	if d["frameworks"] == nil {
		t.Error("the export says nothing of frameworks")
	}
	out, err := s.ImportThreatModel(ctx, who, service.ImportThreatModelIn{Document: d})
	if err != nil {
		t.Fatal(err)
	}
	if out.LeftOut.Attestations != 1 || out.LeftOut.Risks != 1 || out.Assertions != 1 || out.Version != 1 {
		t.Errorf("%+v", out)
	}
	again := export(t, s, who, out.ModelID)
	for _, doc := range []map[string]any{d, again} { // what differs by its nature
		delete(doc, "exported_at")
		delete(doc, "posture")
		delete(doc, "control_objectives")
		delete(doc, "accepted_risks")
		delete(doc, "frameworks")
		m := doc["model"].(map[string]any)
		delete(m, "id")
		delete(m, "version")
		for _, a := range doc["assumptions"].([]any) {
			delete(a.(map[string]any), "attestations")
		}
		for _, c := range doc["controls"].([]any) {
			delete(c.(map[string]any), "revision")
			delete(c.(map[string]any), "deleted_at")
		}
		for _, a := range doc["assertions"].([]any) {
			delete(a.(map[string]any), "deleted_at")
		}
	}
	if diff := cmp.Diff(d, again); diff != "" {
		t.Errorf("the copy differs (-exported +imported and exported):\n%s", diff)
	}
	for _, c := range again["controls"].([]any) {
		if v := c.(map[string]any)["verification"]; v == "verified" {
			t.Errorf("%v is verified by an import", c)
		}
	}
	// The copy goes on where the original would: ids are not used again.
	added, err := s.AddAsset(ctx, who, service.AddAssetIn{Target: service.Target{ModelID: out.ModelID}, Name: "One more"})
	if err != nil {
		t.Fatal(err)
	}
	original, err := s.AddAsset(ctx, who, service.AddAssetIn{Target: service.Target{ModelID: model}, Name: "One more"})
	if err != nil || original.Asset.ID != added.Asset.ID {
		t.Errorf("%s and %s, %v", original.Asset.ID, added.Asset.ID, err)
	}
}

// Bad documents are refused whole, with the place.
func TestImportRefuses(t *testing.T) {
	s := newBench(t)
	who := s.who
	who.DecideGranted = true
	model := worked(t, s, who)
	before, err := s.ListThreatModels(ctx, who, service.ListThreatModelsIn{})
	if err != nil {
		t.Fatal(err)
	}
	first := func(d map[string]any, list string) map[string]any { return d[list].([]any)[0].(map[string]any) }
	for name, c := range map[string]struct {
		spoil func(map[string]any)
		field string
	}{
		"no document":          {func(d map[string]any) { clear(d) }, "document.format"},
		"another version":      {func(d map[string]any) { d["format_version"] = 2 }, "document.format"},
		"an unknown field":     {func(d map[string]any) { d["surprise"] = 1 }, "document"},
		"a text for a list":    {func(d map[string]any) { d["frameworks"] = "none" }, "document.frameworks"},
		"no title":             {func(d map[string]any) { d["model"].(map[string]any)["title"] = "" }, "title"},
		"a bad asset":          {func(d map[string]any) { first(d, "assets")["impact"] = "huge" }, "document.model"},
		"a twin asset":         {func(d map[string]any) { d["assets"] = append(d["assets"].([]any), first(d, "assets")) }, "document.model"},
		"a dead assumption":    {func(d map[string]any) { first(d, "assumptions")["state"] = "retired" }, "document.assumptions.0.state"},
		"a twin control":       {func(d map[string]any) { d["controls"] = append(d["controls"].([]any), first(d, "controls")) }, "document.controls."},
		"a foreign facet":      {func(d map[string]any) { first(d, "controls")["facets"].([]any)[0].(map[string]any)["id"] = "C99.a" }, "document.controls.0.facets"},
		"a link to nowhere":    {func(d map[string]any) { first(d, "mitigations")["control"] = "C999" }, "document.mitigations.0"},
		"a bad assertion":      {func(d map[string]any) { first(d, "assertions")["params"] = map[string]any{} }, "document.assertions.0.params"},
		"an assertion on none": {func(d map[string]any) { first(d, "assertions")["control_id"] = "C999" }, "document.assertions.0"},
		"a bad counter":        {func(d map[string]any) { d["counters"].(map[string]any)["asset"] = -1 }, "document.counters"},
		"a bad repository": {func(d map[string]any) {
			d["model"].(map[string]any)["repos"] = []any{map[string]any{"repo": "x", "branch": "main"}}
		}, "document.model"},
	} {
		t.Run(name, func(t *testing.T) {
			d := export(t, s, who, model)
			c.spoil(d)
			_, err := s.ImportThreatModel(ctx, who, service.ImportThreatModelIn{Document: d})
			te, ok := err.(*threat.Error)
			if !ok || te.Code != threat.Invalid || !strings.HasPrefix(te.Field, c.field) {
				t.Errorf("got %v, want invalid in %s", err, c.field)
			} else if strings.Contains(te.Message, "exchange.") || strings.Contains(te.Message, "Go ") {
				t.Errorf("%v shows the inside", te)
			}
		})
	}
	after, err := s.ListThreatModels(ctx, who, service.ListThreatModelsIn{})
	if err != nil || after.Total != before.Total {
		t.Errorf("%d models became %d, %v", before.Total, after.Total, err)
	}
}

// The other formats show everything as text: no formula, no markup.
func TestExportFormats(t *testing.T) {
	s := newBench(t)
	who := s.who
	who.DecideGranted = true
	model := worked(t, s, who)
	get := func(format service.ExportFormat, table string) string {
		t.Helper()
		out, err := s.ExportThreatModel(ctx, who, service.ExportThreatModelIn{ModelID: model, Format: format, Table: table})
		if err != nil {
			t.Fatal(err)
		}
		return out.Text
	}
	if csv := get(service.ExportCSV, ""); !strings.Contains(csv, "'=cmd|") || strings.Contains(csv, ",=cmd") || !strings.HasPrefix(csv, "id,status,verification") {
		t.Error(csv)
	}
	if csv := get(service.ExportCSV, "assertions"); !strings.Contains(csv, "E1,test_passes,C1") || strings.Count(csv, "\n") != 3 {
		t.Error(csv)
	}
	if csv := get(service.ExportCSV, "control_objectives"); !strings.Contains(csv, "CO-A1-T1,") {
		t.Error(csv)
	}
	report := get(service.ExportMarkdown, "")
	for _, want := range []string{"objectives mitigated**", "## Not mitigated", "## Controls", "(weakened)", "## Assumptions", "&lt;b&gt;works&lt;/b&gt;"} {
		if !strings.Contains(report, want) {
			t.Errorf("the report has no %q:\n%s", want, report)
		}
	}
	if strings.Contains(report, "<b>") {
		t.Error("the report holds markup of the model's texts")
	}
	if !strings.HasPrefix(get(service.ExportMermaid, ""), "flowchart") {
		t.Error("the diagram is none")
	}
	if _, err := s.ExportThreatModel(ctx, who, service.ExportThreatModelIn{ModelID: model, Format: service.ExportCSV, Table: "x"}); threat.CodeOf(err) != threat.Invalid {
		t.Errorf("an unknown table gives %v", err)
	}
}

// Frameworks come along as far as they are here: what writers said holds, as imported, and what people with decide said is proposed to them.
func TestImportedCompliance(t *testing.T) {
	s := newBench(t)
	who := s.who
	who.DecideGranted = true
	d := export(t, s, who, worked(t, s, who))
	out := must(s.ImportThreatModel(ctx, s.who, service.ImportThreatModelIn{Document: d}))(t)
	if out.Mappings != 1 || out.Proposed != 1 || out.LeftOut.Exclusions != 2 || out.LeftOut.Mappings != 0 || !strings.Contains(out.Hint, "proposals") {
		t.Errorf("%+v", out)
	}
	report := func(model string) service.GetComplianceReportOut {
		t.Helper()
		return must(s.GetComplianceReport(ctx, who, service.GetComplianceReportIn{ModelID: model, FrameworkID: "own", Limit: all()}))(t)
	}
	now := report(out.ModelID)
	if now.Summary.Status.Excluded != 0 || now.Summary.Status.Unmapped != 3 {
		t.Errorf("%+v", now.Summary.Status)
	}
	if m := now.Requirements[0].Controls; len(m) != 1 || m[0].Source != "import" || m[0].Confidence != 1 || m[0].Reason != "it <b>is</b>" {
		t.Errorf("%+v", m)
	}
	proposed := now.Requirements[1].Proposals
	if len(proposed) != 1 || proposed[0].Kind != store.KindNotApplicable || proposed[0].Reason != "imported: no ears" || now.Requirements[3].Proposals != nil {
		t.Fatalf("%+v", now.Requirements)
	}
	_, err := s.ApplyRemediation(ctx, s.who, service.ApplyRemediationIn{Target: target(out.ModelID), Approved: []string{proposed[0].ID}})
	code(t, err, threat.Forbidden)
	done := must(s.ApplyRemediation(ctx, who, service.ApplyRemediationIn{Target: target(out.ModelID), Approved: []string{proposed[0].ID}}))(t)
	if len(done.Excluded) != 2 || done.Version != out.Version {
		t.Errorf("%+v", done)
	}
	if now = report(out.ModelID); now.Summary.Status.Excluded != 2 || now.Requirements[1].Exclusions[0].Reason != "imported: no ears" || now.Requirements[1].Proposals != nil {
		t.Errorf("%+v", now)
	}
	// Where the framework is not, nothing of it is.
	twin := newBench(t)
	out = must(twin.ImportThreatModel(ctx, twin.who, service.ImportThreatModelIn{Document: d}))(t)
	if out.Mappings != 0 || out.Proposed != 0 || out.LeftOut.Exclusions != 2 || out.LeftOut.Mappings != 1 {
		t.Errorf("%+v", out)
	}
	list := must(twin.ListFrameworks(ctx, twin.who, service.ListFrameworksIn{ModelID: out.ModelID, Selected: true}))(t)
	if list.Total != 1 || list.Frameworks[0].ID != "asvs-5.0" {
		t.Errorf("%+v", list)
	}
	own := func(d map[string]any) map[string]any { return d["frameworks"].([]any)[1].(map[string]any) }
	for name, c := range map[string]struct {
		field string
		spoil func(map[string]any)
	}{
		"no such control": {"frameworks.1.mappings.0", func(d map[string]any) { own(d)["mappings"].([]any)[0].(map[string]any)["control"] = "C999" }},
		"no such source":  {"frameworks.1.mappings.0", func(d map[string]any) { own(d)["mappings"].([]any)[0].(map[string]any)["source"] = "oracle" }},
		"too sure":        {"frameworks.1.mappings.0", func(d map[string]any) { own(d)["mappings"].([]any)[0].(map[string]any)["confidence"] = 1001 }},
		"no reason":       {"frameworks.1.exclusions.1.reason", func(d map[string]any) { own(d)["exclusions"].([]any)[1].(map[string]any)["reason"] = " " }},
		"excluded twice":  {"frameworks.1.exclusions.1", func(d map[string]any) { own(d)["exclusions"].([]any)[1].(map[string]any)["requirement"] = "O.2" }},
		"twice":           {"frameworks.2.id", func(d map[string]any) { d["frameworks"] = append(d["frameworks"].([]any), d["frameworks"].([]any)[0]) }},
	} {
		var spoilt map[string]any
		raw, err := json.Marshal(d)
		if err != nil || json.Unmarshal(raw, &spoilt) != nil {
			t.Fatal(err)
		}
		c.spoil(spoilt)
		_, err = s.ImportThreatModel(ctx, who, service.ImportThreatModelIn{Document: spoilt})
		if te := code(t, err, threat.Invalid); te == nil || te.Field != "document."+c.field {
			t.Errorf("%s: %v", name, err)
		}
	}
}
