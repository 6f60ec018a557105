package service_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/impact"
	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// verifiedSite has C1 (E1 calls in a.go, E2 absent in a.go), C2 (E3 exists in b.go) and C3 (E4 calls in c.go) implemented and verified,
// and the assumption AS1 proved by E5 in d.go: every objective that something is linked to is mitigated.
func verifiedSite(t *testing.T) *site {
	t.Helper()
	s := newSite(t)
	s.submit(calls, absent, exists, calls3, service.NewAssertion{
		Type: evidence.PatternAbsent, Assumption: "AS1", Params: evidence.Params{"file": "d.go", "pattern": "xml", "witness": "xml"},
	})
	s.implement("C1", "C2", "C3")
	s.run(nil)
	for _, c := range []threat.ID{"C1", "C2", "C3"} {
		s.want(c, evidence.Verified)
	}
	return s
}

func (s *site) analyze(in service.AnalyzeChangeIn) service.AnalyzeChangeOut {
	s.t.Helper()
	in.ModelID = s.model
	var out service.AnalyzeChangeOut
	s.unchanged(func() { out = must(s.AnalyzeChange(ctx, s.who, in))(s.t) })
	return out
}

func deletion(file string) string {
	return fmt.Sprintf("diff --git a/%[1]s b/%[1]s\ndeleted file mode 100644\nindex 1..0\n--- a/%[1]s\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n", file)
}

// hunk changes one line of a file, at a line, in a function.
func hunk(file string, line int, section, added string) string {
	return fmt.Sprintf("diff --git a/%[1]s b/%[1]s\nindex 1..2 100644\n--- a/%[1]s\n+++ b/%[1]s\n@@ -%[2]d +%[2]d @@ %[3]s\n-x\n+%[4]s\n", file, line, section, added)
}

// A diff that deletes a file: its assertions, the controls and objectives that fall with them, and what to submit.
func TestAnalyzeDeletion(t *testing.T) {
	s := verifiedSite(t)
	out := s.analyze(service.AnalyzeChangeIn{Diff: deletion("b.go")})
	want := service.AnalyzeChangeOut{
		ModelID: s.model, Version: out.Version, Repo: repo, Total: 1, Returned: 1,
		Summary: service.ChangeSummary{
			Files: map[impact.Op]int{impact.Deleted: 1}, Assertions: service.RiskCounts{impact.Likely: 1}, Controls: 1,
			WouldLose:     map[service.Loss]service.RiskCounts{service.LosesMitigated: {impact.Likely: 1}},
			WouldUnverify: service.RiskCounts{impact.Likely: 1}, NewSurface: map[impact.Kind]int{}, Submit: 1,
		},
		Assertions: []service.TouchedAssertion{{ID: "E3", Type: evidence.FunctionExists, Control: "C2", File: "b.go", Why: "file deleted", Risk: impact.Likely}},
		Controls: []service.TouchedControl{{
			ID: "C2", Verification: evidence.Verified, WouldBe: evidence.Failed, WouldLose: impact.Likely, Assertions: []threat.ID{"E3"},
		}},
		Objectives:  []service.TouchedObjective{{ID: "CO-A1-T2", Tier: out.Objectives[0].Tier, Loses: service.LosesMitigated, Risk: impact.Likely}},
		Assumptions: []service.TouchedAssumption{}, NewSurface: []service.NewSurface{},
		Submit: []service.Resubmission{{
			Control: "C2", Facets: []threat.ID{"C2.a"}, Replaces: []threat.ID{"E3"}, Types: out.Submit[0].Types,
		}},
		Hint: out.Hint,
	}
	if diff := cmp.Diff(want, out); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	types := out.Submit[0].Types
	if types[0] != evidence.FunctionExists || len(types) > 6 || !strings.Contains(out.Hint, "submit_assertions") {
		t.Errorf("types %v, hint %q", types, out.Hint)
	}
	for _, typ := range types {
		if spec, err := evidence.Lookup(typ); err != nil || !spec.Meets(threat.StructureFacet) {
			t.Errorf("%s would not prove the facet", typ)
		}
	}
	// The posture that comes of it is the one foretold.
	s.run(map[threat.ID]say{"E3": {one: evidence.Fail}})
	for _, row := range must(s.AssessModel(ctx, s.who, service.AssessModelIn{ModelID: s.model, Limit: all()}))(t).Objectives {
		if mitigated := row.Status == "mitigated"; mitigated == (row.ID == "CO-A1-T2") && row.Status != "unassessed" {
			t.Errorf("%s is %s", row.ID, row.Status)
		}
	}
}

// A rename names where the file goes, with the types of what it breaks alone.
func TestAnalyzeRename(t *testing.T) {
	s := verifiedSite(t)
	out := s.analyze(service.AnalyzeChangeIn{Diff: "diff --git a/a.go b/auth/a.go\nsimilarity index 100%\nrename from a.go\nrename to auth/a.go\n"})
	want := []service.Resubmission{{
		Control: "C1", Facets: []threat.ID{"C1.a", "C1.b"}, Types: []evidence.Type{evidence.FunctionCalls, evidence.PatternAbsent},
		Replaces: []threat.ID{"E1", "E2"}, File: "auth/a.go",
	}}
	if diff := cmp.Diff(want, out.Submit); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if out.Assertions[0].Why != "renamed to auth/a.go" || out.Controls[0].WouldBe != evidence.Failed {
		t.Errorf("%+v", out)
	}
}

// A change within a file: likely where the symbol is, possible elsewhere; nothing for another file or another repository.
func TestAnalyzeRisk(t *testing.T) {
	s := verifiedSite(t)
	type row struct {
		Assertions, Controls, Objectives string
	}
	at := func(out service.AnalyzeChangeOut) row {
		var r row
		for _, x := range out.Assertions {
			r.Assertions += fmt.Sprintf("%s %s, ", x.ID, x.Risk)
		}
		for _, x := range out.Controls {
			r.Controls += fmt.Sprintf("%s %s %s, ", x.ID, x.WouldBe, x.WouldLose)
		}
		for _, x := range out.Objectives {
			r.Objectives += fmt.Sprintf("%s %s %s, ", x.ID, x.Loses, x.Risk)
		}
		return r
	}
	for name, c := range map[string]struct {
		in   service.AnalyzeChangeIn
		want row
	}{
		"in the function": {
			service.AnalyzeChangeIn{Diff: hunk("c.go", 100, "func H() {", "y")},
			row{"E4 likely, ", "C3 pending likely, ", "CO-A2-T1 verified likely, "},
		},
		"at the line of the result": {
			service.AnalyzeChangeIn{Diff: hunk("c.go", 7, "", "y")},
			row{"E4 likely, ", "C3 pending likely, ", "CO-A2-T1 verified likely, "},
		},
		"elsewhere in the file": {
			service.AnalyzeChangeIn{Diff: hunk("c.go", 100, "func Other() {", "y")},
			row{"E4 possible, ", "C3 pending possible, ", "CO-A2-T1 verified possible, "},
		},
		"one of two of a control": {
			service.AnalyzeChangeIn{Diff: hunk("a.go", 100, "func Other() {", "md5(x)")},
			row{"E2 likely, E1 possible, ", "C1 partial likely, ", "CO-A1-T1 verified likely, "},
		},
		"paths alone": {
			service.AnalyzeChangeIn{Paths: []string{"./c.go", "README.md"}},
			row{"E4 possible, ", "C3 pending possible, ", "CO-A2-T1 verified possible, "},
		},
		"elsewhere": {service.AnalyzeChangeIn{Diff: deletion("z.go") + hunk("x/c.go", 7, "func H() {", "y")}, row{}},
		"another repository": {
			service.AnalyzeChangeIn{Repo: "acme/other", Diff: deletion("c.go")}, row{},
		},
	} {
		if diff := cmp.Diff(c.want, at(s.analyze(c.in))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if hint := s.analyze(service.AnalyzeChangeIn{Repo: "acme/other", Diff: deletion("c.go")}).Hint; !strings.Contains(hint, "no assertion is on this repository") {
		t.Errorf("of a repository that nothing is about: %q", hint)
	}
	// A control that fails is not made better by taking its failure away, and what is deleted is not touched.
	s.run(map[threat.ID]say{"E4": {one: evidence.Fail}})
	out := s.analyze(service.AnalyzeChangeIn{Diff: hunk("c.go", 100, "func H() {", "y")})
	if c := out.Controls[0]; c.Verification != evidence.Failed || c.WouldBe != evidence.Failed || c.WouldLose != "" || len(out.Objectives) > 0 {
		t.Errorf("%+v, %+v", c, out.Objectives)
	}
	must(s.DeleteAssertion(ctx, s.who, service.DeleteAssertionIn{ModelID: s.model, Assertion: "E4", Reason: "gone"}))(t)
	if out := s.analyze(service.AnalyzeChangeIn{Diff: deletion("c.go")}); out.Total != 0 {
		t.Errorf("%+v", out.Assertions)
	}
}

// Assumptions: by their own assertions, by the controls that they carry, and by the files that their text names.
func TestAnalyzeAssumptions(t *testing.T) {
	s := verifiedSite(t)
	added := must(s.EditAssumptions(ctx, s.who, service.EditAssumptionsIn{
		Target: service.Target{ModelID: s.model},
		Operations: []service.AssumptionOp{
			{Op: "add", Text: ptr("The limits in deploy/nginx.conf are set by operations.")},
			{Op: "add", Text: ptr("The platform authenticates.")},
		},
	}))(t)
	named, carrier := added.Assumptions[0].ID, added.Assumptions[1].ID
	testenv.Write(t, s.st, func(tx *store.Tx) error {
		if err := tx.CarryControl(s.who.WorkspaceID, s.model, store.Carried{Control: "C2", Assumption: carrier}); err != nil {
			return err
		}
		return tx.TouchModel(s.who.WorkspaceID, s.model)
	})
	out := s.analyze(service.AnalyzeChangeIn{Diff: deletion("b.go") + deletion("d.go") + hunk("deploy/nginx.conf", 3, "", "y")})
	proved := out.Assertions[1].Assumption
	want := []service.TouchedAssumption{
		{ID: proved, Kind: threat.NonApplicability, Why: "E5 is touched", Do: "verify", Risk: impact.Likely},
		{ID: named, Kind: threat.External, Why: "its text names a changed file", Do: "attest", Risk: impact.Possible},
		{ID: carrier, Kind: threat.External, Why: "it carries C2, whose evidence is touched", Do: "attest", Risk: impact.Likely},
	}
	if diff := cmp.Diff(want, out.Assumptions); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(out.Submit) != 2 || out.Submit[1].Assumption != proved || len(out.Submit[1].Facets) != 1 {
		t.Errorf("%+v", out.Submit)
	}
}

// New surface, with where it is and a fixed hint; nothing of the diff is in any hint.
func TestAnalyzeNewSurface(t *testing.T) {
	s := verifiedSite(t)
	diff := hunk("z.go", 5, "CANARY", `mux.HandleFunc("POST /CANARY", h)`) + hunk("go.mod", 3, "", "\tgithub.com/CANARY/x v1.0.0") +
		hunk("app/z.py", 9, "", `os.environ["CANARY"]`) + hunk("src/z.ts", 2, "", `app.get("/CANARY", h)`)
	out := s.analyze(service.AnalyzeChangeIn{Diff: diff, Limit: all()})
	var got []string
	for _, n := range out.NewSurface {
		got = append(got, fmt.Sprintf("%s %s %s:%d", n.Kind, n.What, n.File, n.Line))
		if strings.Contains(n.Hint, "CANARY") || n.Hint == "" {
			t.Errorf("hint %q", n.Hint)
		}
	}
	want := []string{"route POST /CANARY z.go:5", "route GET /CANARY src/z.ts:2", "environment_variable CANARY app/z.py:9", "dependency github.com/CANARY/x go.mod:3"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if strings.Contains(out.Hint, "CANARY") || !strings.Contains(out.Hint, "new surface") || out.Summary.NewSurface[impact.Route] != 2 {
		t.Errorf("%q, %v", out.Hint, out.Summary.NewSurface)
	}
	// Every list is paged, and the summary counts all of it.
	two := 2
	part := s.analyze(service.AnalyzeChangeIn{Diff: diff, Limit: &two, Offset: 1})
	if len(part.NewSurface) != 2 || part.NewSurface[0] != out.NewSurface[1] || !cmp.Equal(part.Summary, out.Summary) {
		t.Errorf("%+v", part)
	}
	none := 0
	raw := must(json.Marshal(s.analyze(service.AnalyzeChangeIn{Diff: diff, Limit: &none})))(t)
	if len(raw) > 900 || !strings.Contains(string(raw), `"new_surface":[]`) {
		t.Errorf("the summary alone is %d bytes: %s", len(raw), raw)
	}
}

// What cannot be analysed is refused, with what to send; a key that may not read is refused first.
func TestAnalyzeRefusals(t *testing.T) {
	s := newSite(t)
	minus, many := -1, 201
	for name, c := range map[string]struct {
		in    service.AnalyzeChangeIn
		field string
	}{
		"nothing":               {service.AnalyzeChangeIn{}, "diff"},
		"both":                  {service.AnalyzeChangeIn{Diff: deletion("a.go"), Paths: []string{"a.go"}}, "diff"},
		"prose":                 {service.AnalyzeChangeIn{Diff: "I changed CANARY"}, "diff"},
		"cut off":               {service.AnalyzeChangeIn{Diff: strings.TrimSuffix(deletion("a.go"), "-x\n")}, "diff"},
		"too large":             {service.AnalyzeChangeIn{Diff: strings.Repeat("x", impact.MaxDiff+1)}, "diff"},
		"a path that climbs":    {service.AnalyzeChangeIn{Paths: []string{"a", "../CANARY"}}, "changed_paths.1"},
		"not a repository":      {service.AnalyzeChangeIn{Paths: []string{"a"}, Repo: "CANARY"}, "repo"},
		"a limit that is none":  {service.AnalyzeChangeIn{Paths: []string{"a"}, Limit: &minus}, "limit"},
		"a limit over the most": {service.AnalyzeChangeIn{Paths: []string{"a"}, Limit: &many}, "limit"},
	} {
		c.in.ModelID = s.model
		_, err := s.AnalyzeChange(ctx, s.who, c.in)
		if te := code(t, err, threat.Invalid); te.Field != c.field || te.Hint == "" || strings.Contains(te.Hint, "CANARY") {
			t.Errorf("%s: %v; want the field %q", name, te, c.field)
		}
	}
	ci := s.who
	ci.Scope = account.Verifier
	_, err := s.AnalyzeChange(ctx, ci, service.AnalyzeChangeIn{ModelID: s.model, Diff: "not read"})
	code(t, err, threat.Forbidden)
	_, err = s.AnalyzeChange(ctx, testenv.Caller(t, s.st, account.Developer), service.AnalyzeChangeIn{ModelID: s.model, Paths: []string{"a"}})
	code(t, err, threat.NotFound)
}
