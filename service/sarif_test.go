package service_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// importLog imports a log.
func (s *bench) importLog(model, log string) (service.ImportSARIFOut, error) {
	in := service.ImportSARIFIn{ModelID: model}
	in.TakeStream(strings.NewReader(log))
	return s.ImportSARIF(ctx, s.who, in)
}

func (s *bench) mustImport(t testing.TB, model, log string) service.ImportSARIFOut {
	t.Helper()
	out, err := s.importLog(model, log)
	if err != nil {
		t.Fatal(err)
	}
	if out.Added+out.Reopened+out.Known+out.Skipped != out.Results || out.Mapped+out.Unmapped != out.Results-out.Skipped {
		t.Fatalf("the counts do not add up: %+v", out)
	}
	return out
}

func (s *bench) findings(t testing.TB, in service.ListFindingsIn) service.ListFindingsOut {
	t.Helper()
	if in.Limit == nil {
		most := 200
		in.Limit = &most
	}
	out, err := s.ListFindings(ctx, s.who, in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// scanLog is a log of one run of the scanner "scan", whose results have these forms.
func scanLog(results ...string) string {
	return `{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"scan","rules":[
		{"id":"sqli","shortDescription":{"text":"SQL built from input"},"properties":{"tags":["external/cwe/cwe-089"],"security-severity":"8.8"}},
		{"id":"odd","shortDescription":{"text":"Zyzzyva"}}]}},"results":[` + strings.Join(results, ",") + `]}]}`
}

func scanResult(rule, file string, line int, more string) string {
	return fmt.Sprintf(`{"ruleId":%q,"message":{"text":"seen"},"locations":[{"physicalLocation":{"artifactLocation":{"uri":%q},"region":{"startLine":%d,"snippet":{"text":"q(x)"}}}}]%s}`, rule, file, line, more)
}

// stampOf is what every change of a model raises.
func (s *bench) stampOf(t testing.TB, model string) int64 {
	t.Helper()
	var stamp int64
	testenv.Read(t, s.st, func(v *store.Snapshot) error {
		m, err := v.Model(s.who.WorkspaceID, model)
		stamp = int64(m.Stamp)
		return err
	})
	return stamp
}

// Real reports come in whole, and a second time change nothing.
func TestImportSARIFOfScanners(t *testing.T) {
	shared := os.Getenv("REDOUBT_SHARED")
	if shared == "" {
		t.Skip("REDOUBT_SHARED is not set: the reports are not here to import")
	}
	s := newBench(t)
	model := s.model(t).ModelID
	total := 0
	for name, want := range map[string]int{"appendix_k": 1, "bash-report": 27, "njsscan": 2, "no_runs": 0, "spotbugs": 56, "suppression_test": 5} {
		raw, err := os.ReadFile(filepath.Join(shared, "interop", "sarif", name+".sarif"))
		if err != nil {
			t.Fatal(err)
		}
		out := s.mustImport(t, model, string(raw))
		if out.Results != want || out.Added != want {
			t.Errorf("%s: %+v", name, out)
		}
		total += want
		before, stamp := s.findings(t, service.ListFindingsIn{ModelID: model}), s.stampOf(t, model)
		s.clock.Advance(1)
		if out := s.mustImport(t, model, string(raw)); out.Known != want || out.Proposed != 0 {
			t.Errorf("%s again: %+v", name, out)
		}
		if d := cmp.Diff(before, s.findings(t, service.ListFindingsIn{ModelID: model})); d != "" || stamp != s.stampOf(t, model) {
			t.Errorf("%s again changes (-before +after):\n%s", name, d)
		}
	}
	if out := s.findings(t, service.ListFindingsIn{ModelID: model}); out.Total != total || out.Summary.Status[threat.Discovered] != total {
		t.Errorf("%d findings of %d: %+v", out.Total, total, out.Summary)
	}
	if out := s.findings(t, service.ListFindingsIn{ModelID: model, Proposed: true}); out.Total != 4 {
		t.Errorf("%d are proposed to be dismissed", out.Total)
	}
}

// A result is a finding on the control against its weakness, else on none; lines that move are the same finding.
func TestImportSARIF(t *testing.T) {
	s := newBench(t)
	model := s.model(t).ModelID
	out := s.mustImport(t, model, scanLog(scanResult("sqli", "a.go", 3, ""), scanResult("odd", "a.go", 4, ""), `{"kind":"pass"}`))
	if out.Added != 2 || out.Skipped != 1 || out.Mapped != 1 || out.Unmapped != 1 || out.First != "F1" || out.Last != "F2" || out.Severity[threat.SeverityHigh] != 1 ||
		len(out.Skips) != 1 || out.Skips[0].Index != 2 || !strings.Contains(out.Hint, "unmapped") {
		t.Errorf("%+v", out)
	}
	all := s.findings(t, service.ListFindingsIn{ModelID: model}).Findings
	f := all[0]
	if f.ID != "F1" || f.MappedBy != "CWE-89" || f.Control == "" || f.Title != "sqli: seen" || f.Source != threat.FromSARIF || f.Severity != threat.SeverityHigh ||
		!slices.Equal(f.CheckedLocations, []string{"a.go:3"}) || !slices.Equal(f.CheckedPatterns, []string{"scan sqli"}) || strings.Contains(f.Description, "q(x)") ||
		f.Description != "seen\n\nRule: sqli. SQL built from input\nTool: scan\nWeakness: CWE-89" {
		t.Errorf("%+v", f)
	}
	limit := 200
	controls := s.controls(t, model, service.GetControlsIn{Limit: &limit})
	if i := slices.IndexFunc(controls, func(c service.ControlRow) bool { return c.ID == f.Control }); i < 0 || !strings.Contains(controls[i].Description, "bound parameters") {
		t.Errorf("an SQL injection is mapped to %s", f.Control)
	}
	unmapped := s.findings(t, service.ListFindingsIn{ModelID: model, Unmapped: true})
	if unmapped.Total != 1 || unmapped.Findings[0].ID != "F2" || unmapped.Findings[0].MappedBy != "" {
		t.Errorf("%+v", unmapped)
	}
	// A person assigns a control, and the report finds it again all the same.
	if _, err := s.UpdateFinding(ctx, s.who, service.UpdateFindingIn{ModelID: model, Finding: "F2", Control: "C1"}); err != nil {
		t.Fatal(err)
	}
	moved := s.mustImport(t, model, scanLog(scanResult("odd", "a.go", 44, ""), scanResult("sqli", "a.go", 33, ""), scanResult("sqli", "a.go", 90, "")))
	if moved.Known != 2 || moved.Added != 1 || moved.First != "F3" {
		t.Errorf("%+v", moved)
	}
	if f := s.findings(t, service.ListFindingsIn{ModelID: model, IDs: []threat.ID{"F2"}}).Findings[0]; f.Control != "C1" || f.MappedBy != "assigned" {
		t.Errorf("%+v", f)
	}
	// What the scanner's words led to can be corrected, once: then a person has said it.
	for i, code := range []threat.Code{"", threat.FailedPrecondition} {
		_, err := s.UpdateFinding(ctx, s.who, service.UpdateFindingIn{ModelID: model, Finding: "F3", Control: []threat.ID{"C2", "C3"}[i]})
		if threat.CodeOf(err) != code && (code != "" || err != nil) {
			t.Errorf("correction %d gives %v", i, err)
		}
	}
	if f := s.findings(t, service.ListFindingsIn{ModelID: model, IDs: []threat.ID{"F3"}}).Findings[0]; f.Control != "C2" || f.MappedBy != "assigned" {
		t.Errorf("%+v", f)
	}
	// One that CI has verified and that is back is a new finding on the same control.
	testenv.Write(t, s.st, func(tx *store.Tx) error {
		return tx.SetFindingStatus(s.who.WorkspaceID, model, "F2", threat.FixVerified, "")
	})
	back := s.mustImport(t, model, scanLog(scanResult("odd", "a.go", 44, "")))
	again := s.mustImport(t, model, scanLog(scanResult("odd", "a.go", 44, "")))
	if back.Reopened != 1 || back.Added != 0 || again.Known != 1 {
		t.Errorf("%+v, %+v", back, again)
	}
	if f := s.findings(t, service.ListFindingsIn{ModelID: model, IDs: []threat.ID{back.First}}).Findings[0]; f.Reopens != "F2" || f.Control != "C1" || f.MappedBy != "assigned" {
		t.Errorf("%+v", f)
	}
	activity, err := s.GetActivity(ctx, s.who, service.GetActivityIn{ModelID: model, Verb: "import_sarif"})
	if err != nil || activity.Total != 4 || !strings.Contains(string(activity.Activity[0].Detail), `"known":1`) {
		t.Errorf("%+v, %v", activity, err)
	}
}

// What a report suppresses is dismissed by those who may decide, and else proposed to them.
func TestImportSARIFSuppressions(t *testing.T) {
	const accepted, open = `,"suppressions":[{"kind":"inSource","justification":"a test"}]`, `,"suppressions":[{"kind":"external","status":"underReview"}]`
	s := newBench(t)
	model := s.model(t).ModelID
	decider := *s
	decider.who.DecideGranted = true
	log := scanLog(scanResult("odd", "a.go", 1, accepted), scanResult("odd", "b.go", 1, open), scanResult("odd", "c.go", 1, `,"suppressions":[{"kind":"external"}]`), scanResult("odd", "d.go", 1, ""))
	status := func(id threat.ID) string {
		t.Helper()
		f := s.findings(t, service.ListFindingsIn{ModelID: model, IDs: []threat.ID{id}}).Findings[0]
		return fmt.Sprintf("%s %q %q", f.Status, f.Reason, f.Proposal)
	}
	check := func(want ...string) {
		t.Helper()
		for i, w := range want {
			if got := status(threat.ID(fmt.Sprint("F", i+1))); got != w {
				t.Errorf("F%d: %s, want %s", i+1, got, w)
			}
		}
	}
	const words = `"suppressed in the report of scan (external), without a justification"`
	if out := s.mustImport(t, model, log); out.Proposed != 2 || out.Dismissed != 0 || !strings.Contains(out.Hint, "proposed") {
		t.Errorf("%+v", out)
	}
	check(`discovered "" "a test"`, `discovered "" ""`, `discovered "" `+words, `discovered "" ""`)
	stamp := s.stampOf(t, model)
	if out := s.mustImport(t, model, log); out.Proposed != 0 || out.Known != 4 || stamp != s.stampOf(t, model) {
		t.Errorf("again: %+v", out)
	}
	// Suppressed no more: the proposal goes.
	s.mustImport(t, model, scanLog(scanResult("odd", "c.go", 1, "")))
	check(`discovered "" "a test"`, `discovered "" ""`, `discovered "" ""`)
	// A decider dismisses as proposed; one without decide moves on and leaves the proposal.
	if _, err := s.UpdateFinding(ctx, s.who, service.UpdateFindingIn{ModelID: model, Finding: "F1", Status: threat.Acknowledged}); err != nil {
		t.Fatal(err)
	}
	check(`acknowledged "" "a test"`)
	if _, err := decider.UpdateFinding(ctx, decider.who, service.UpdateFindingIn{ModelID: model, Finding: "F1", Status: threat.Dismissed}); err != nil {
		t.Fatal(err)
	}
	check(`dismissed "a test" ""`)
	// A decider who moves it on has refused the proposal.
	s.mustImport(t, model, log)
	if _, err := decider.UpdateFinding(ctx, decider.who, service.UpdateFindingIn{ModelID: model, Finding: "F3", Status: threat.Acknowledged}); err != nil {
		t.Fatal(err)
	}
	check(`dismissed "a test" ""`, `discovered "" ""`, `acknowledged "" ""`)
	// The same words again propose nothing and dismiss nothing, whoever imports them; other words are another proposal.
	for _, who := range []*bench{s, &decider} {
		stamp := s.stampOf(t, model)
		if out := who.mustImport(t, model, log); out.Dismissed != 0 || out.Proposed != 0 || out.Known != 4 || stamp != s.stampOf(t, model) {
			t.Errorf("a refused proposal: %+v", out)
		}
	}
	check(`dismissed "a test" ""`, `discovered "" ""`, `acknowledged "" ""`)
	reworded := scanLog(scanResult("odd", "c.go", 1, `,"suppressions":[{"kind":"external","justification":"other words"}]`))
	if out := s.mustImport(t, model, reworded); out.Proposed != 1 {
		t.Errorf("%+v", out)
	}
	check(`dismissed "a test" ""`, `discovered "" ""`, `acknowledged "" "other words"`)
	// To refuse it takes no step: naming the status that it has is enough, for those who may decide.
	same := service.UpdateFindingIn{ModelID: model, Finding: "F3", Status: threat.Acknowledged}
	if _, err := s.UpdateFinding(ctx, s.who, same); threat.CodeOf(err) != threat.FailedPrecondition {
		t.Errorf("without decide: %v", err)
	}
	if _, err := decider.UpdateFinding(ctx, decider.who, same); err != nil {
		t.Fatal(err)
	}
	s.mustImport(t, model, reworded)
	check(`dismissed "a test" ""`, `discovered "" ""`, `acknowledged "" ""`)
	// With decide the import dismisses what nobody refused, known ones too.
	if out := decider.mustImport(t, model, log); out.Dismissed != 1 || out.Proposed != 0 || out.Known != 4 {
		t.Errorf("%+v", out)
	}
	check(`dismissed "a test" ""`, `discovered "" ""`, `dismissed `+words+` ""`, `discovered "" ""`)
	if out := decider.mustImport(t, model, scanLog(scanResult("odd", "new.go", 1, accepted))); out.Dismissed != 1 || out.Added != 1 {
		t.Errorf("%+v", out)
	}
	check(`dismissed "a test" ""`, `discovered "" ""`, `dismissed `+words+` ""`, `discovered "" ""`, `dismissed "a test" ""`)
}

// What is refused changes nothing and stays in the activity.
func TestImportSARIFRefused(t *testing.T) {
	s := newBench(t)
	model := s.model(t).ModelID
	stamp := s.stampOf(t, model)
	for log, code := range map[string]threat.Code{
		`{}`: threat.Invalid, `{"version":"2.1.0","runs":[{"results":[` + scanResult("a", "b", 1, "") + `,]}]}`: threat.Invalid, "": threat.Invalid,
	} {
		if _, err := s.importLog(model, log); threat.CodeOf(err) != code {
			t.Errorf("%s: %v", log, err)
		}
	}
	if _, err := s.ImportSARIF(ctx, s.who, service.ImportSARIFIn{ModelID: model}); threat.CodeOf(err) != threat.Invalid {
		t.Errorf("without a log: %v", err)
	}
	if _, err := s.importLog(testenv.NewID(t), `not read`); threat.CodeOf(err) != threat.NotFound {
		t.Errorf("another model: %v", err)
	}
	if out := s.findings(t, service.ListFindingsIn{ModelID: model}); out.Total != 0 || s.stampOf(t, model) != stamp {
		t.Errorf("%+v", out)
	}
	activity, err := s.GetActivity(ctx, s.who, service.GetActivityIn{Verb: "import_sarif", Outcome: "refused"})
	if err != nil || activity.Total != 5 {
		t.Errorf("%+v, %v", activity, err)
	}
}

// An import maps to the right control or to none.
func TestImportSARIFMapping(t *testing.T) {
	s := newBench(t)
	model := s.model(t).ModelID
	limit := 200
	about := map[threat.ID]string{"": ""}
	for _, c := range s.controls(t, model, service.GetControlsIn{Limit: &limit}) {
		about[c.ID] = c.Description
	}
	for _, c := range []struct{ rule, by, words string }{
		{`"properties":{"tags":["CWE-89"]}`, "CWE-89", "bound parameters"},
		{`"properties":{"tags":["external/cwe/cwe-798"]}`, "CWE-798", "secret manager"},
		{`"properties":{"tags":["security","hardcoded_credentials"]}`, "tag hardcoded-credentials", "secret manager"},
		{`"properties":{"cwe":"CWE-916: hash"}`, "CWE-916", "salted hashes"},
		{`"properties":{"tags":["CWE-476"]},"shortDescription":{"text":"Null pointer dereference"}`, "", ""},
		{`"shortDescription":{"text":"Reliance on default encoding."}`, "", ""},
		{`"shortDescription":{"text":"Store passwords only as salted hashes of a slow function, refuse passwords known from breaches"}`, "text", "salted hashes"},
	} {
		before := s.findings(t, service.ListFindingsIn{ModelID: model}).Total
		id := fmt.Sprint("R", before)
		s.mustImport(t, model, `{"version":"2.1.0","runs":[{"tool":{"driver":{"rules":[{"id":"`+id+`",`+c.rule+`}]}},"results":[{"ruleId":"`+id+`","message":{}}]}]}`)
		f := s.findings(t, service.ListFindingsIn{ModelID: model, IDs: []threat.ID{threat.ID(fmt.Sprint("F", before+1))}}).Findings[0]
		if f.MappedBy != c.by || !strings.Contains(about[f.Control], c.words) || (f.Control == "") != (c.by == "") {
			t.Errorf("%s: %s by %q: %s", c.rule, f.Control, f.MappedBy, about[f.Control])
		}
	}
}

// An export is valid, and an import of it knows every finding again, here and in another model.
func TestExportSARIF(t *testing.T) {
	s := newBench(t)
	s.who.DecideGranted = true
	model := s.model(t).ModelID
	s.mustImport(t, model, scanLog(scanResult("sqli", "a.go", 3, ""), scanResult("odd", "dir/with space.go", 4, `,"suppressions":[{"kind":"inSource","justification":"a {test} [x](1)"}]`)))
	submitted, err := s.SubmitFindings(ctx, s.who, service.SubmitFindingsIn{ModelID: model, Findings: []service.NewFinding{
		{Control: "C1", Title: "No rate limit", Severity: threat.SeverityCritical, CheckedLocations: []string{"auth/login.go:12", "handlers under src"}, ExpectedEvidence: "a limiter"},
		{Control: "C2", Title: "No rate limit", Severity: threat.SeverityInfo},
	}})
	if err != nil || len(submitted.Findings) != 2 {
		t.Fatalf("%+v, %v", submitted, err)
	}
	export := func() string {
		t.Helper()
		out, err := s.ExportSARIF(ctx, s.who, service.ExportSARIFIn{ModelID: model})
		if err != nil || out.ContentType != "application/sarif+json" {
			t.Fatalf("%s, %v", out.ContentType, err)
		}
		validSARIF(t, out.Text)
		return out.Text
	}
	log := export()
	var got struct {
		Runs []struct {
			Tool struct {
				Driver struct{ Rules []map[string]any }
			}
			Results []struct {
				RuleID, Level string
				Properties    map[string]any
				Suppressions  []map[string]any
				Locations     []map[string]any
			}
		}
	}
	if err := json.Unmarshal([]byte(log), &got); err != nil || len(got.Runs) != 1 || len(got.Runs[0].Results) != 4 || len(got.Runs[0].Tool.Driver.Rules) < 3 {
		t.Fatalf("%v\n%s", err, log)
	}
	if r := got.Runs[0].Results[1]; r.RuleID != "unmapped" || len(r.Suppressions) != 1 || r.Suppressions[0]["justification"] != "a {test} [x](1)" || r.Suppressions[0]["status"] != "accepted" ||
		!strings.Contains(fmt.Sprint(r.Locations), "dir/with%20space.go") {
		t.Errorf("%+v", r)
	}
	if r := got.Runs[0].Results[2]; r.RuleID != "C1" || r.Level != "error" || r.Properties["severity"] != "critical" || len(r.Locations) != 1 || len(r.Suppressions) != 0 {
		t.Errorf("%+v", r)
	}
	before, stamp := s.findings(t, service.ListFindingsIn{ModelID: model}), s.stampOf(t, model)
	if out := s.mustImport(t, model, log); out.Known != 4 || out.Dismissed != 0 || stamp != s.stampOf(t, model) {
		t.Errorf("the own export: %+v", out)
	}
	if d := cmp.Diff(before, s.findings(t, service.ListFindingsIn{ModelID: model})); d != "" {
		t.Errorf("(-before +after):\n%s", d)
	}
	other := s.model(t).ModelID
	if out := s.mustImport(t, other, log); out.Added != 4 || out.Dismissed != 1 {
		t.Errorf("in another model: %+v", out)
	}
	if out := s.mustImport(t, other, log); out.Known != 4 {
		t.Errorf("in another model again: %+v", out)
	}
	for i, f := range s.findings(t, service.ListFindingsIn{ModelID: other, IDs: []threat.ID{"F1", "F2", "F3", "F4"}}).Findings {
		j := slices.IndexFunc(before.Findings, func(b service.FindingRow) bool { return b.ID == f.ID })
		if b := before.Findings[j]; b.Title != f.Title || !strings.HasPrefix(f.Description, b.Description) || b.Severity != f.Severity || b.Source == threat.FromSARIF && b.Fingerprint != f.Fingerprint || b.Status != f.Status {
			t.Errorf("%d: %+v became %+v", i, b, f)
		}
	}
}

// validSARIF checks a log against the schema of OASIS, where it is.
func validSARIF(t testing.TB, log string) {
	t.Helper()
	shared := os.Getenv("REDOUBT_SHARED")
	if shared == "" {
		t.Log("REDOUBT_SHARED is not set: the SARIF schema is not here to check against")
		return
	}
	read := func(raw []byte) any {
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	raw, err := os.ReadFile(filepath.Join(shared, "interop", "schemas", "sarif-schema-2.1.0.json"))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("mem:sarif", read(raw)); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("mem:sarif")
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(read([]byte(log))); err != nil {
		t.Errorf("the export is not valid: %v\n%s", err, log)
	}
}

// Whatever is imported in whatever order, the counts add up, every finding is there once, and the last file again is a no-op.
func TestImportSARIFWalk(t *testing.T) {
	s := newBench(t)
	rapid.Check(t, func(rt *rapid.T) {
		model := testenv.Model(t, s.st, s.who.WorkspaceID, s.who.UserID, 1, 1).ID
		walker := *s
		known := map[string]bool{}
		for range rapid.IntRange(1, 4).Draw(rt, "imports") {
			walker.who.DecideGranted = rapid.Bool().Draw(rt, "decide")
			var results []string
			perFile := map[string]int{}
			fresh := 0
			for range rapid.IntRange(0, 6).Draw(rt, "results") {
				file := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "file")
				kind := rapid.SampledFrom([]string{"", "", `,"suppressions":[{"kind":"inSource"}]`, `,"kind":"pass"`}).Draw(rt, "kind")
				results = append(results, scanResult("odd", file, len(results)+1, kind))
				if kind == `,"kind":"pass"` {
					continue
				}
				perFile[file]++
				if key := fmt.Sprint(file, perFile[file]); !known[key] {
					known[key] = true
					fresh++
				}
			}
			log := scanLog(results...)
			out, err := walker.importLog(model, log)
			if err != nil {
				rt.Fatal(err)
			}
			if out.Results != len(results) || out.Added != fresh || out.Added+out.Known+out.Skipped != out.Results || out.Mapped+out.Unmapped != out.Added+out.Known {
				rt.Fatalf("%d new of %d: %+v", fresh, len(results), out)
			}
			before, stamp := walker.findings(t, service.ListFindingsIn{ModelID: model}), walker.stampOf(t, model)
			if before.Total != len(known) || before.Summary.Unmapped != before.Total-before.Summary.Status[threat.Dismissed] {
				rt.Fatalf("%d findings, %d known: %+v", before.Total, len(known), before.Summary)
			}
			if out, err = walker.importLog(model, log); err != nil || out.Added+out.Proposed+out.Dismissed != 0 || stamp != walker.stampOf(t, model) {
				rt.Fatalf("again: %+v, %v", out, err)
			}
		}
	})
}
