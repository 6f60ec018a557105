package service_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/internal/testenv/live"
	"github.com/redoubt-dev/redoubt/pipeline"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

const (
	repo   = "acme/shop"
	commit = "0123456789abcdef0123456789abcdef01234567"
)

// site is a bench with a model of three controls and an assumption that can be proved, and a verifier that works on it.
type site struct {
	*bench
	t     testing.TB
	model string
	ci    account.Principal
}

// newSite makes C1 with a facet of behaviour and one of absence, C2 with one of structure, C3 with one of behaviour.
func newSite(t testing.TB, engines ...pipeline.Engine) *site {
	t.Helper()
	b := newBench(t, engines...)
	s := &site{bench: b, t: t, model: addSite(t, b)}
	s.ci = b.who
	s.ci.Scope, s.ci.KeyID = account.Verifier, testenv.NewID(t)
	return s
}

func addSite(t testing.TB, b *bench) string {
	t.Helper()
	structure, counters := testenv.Structure(t, 2, 2)
	if _, err := structure.AddAssumption(counters, threat.Assumption{
		Kind: threat.NonApplicability, Text: "There is no XML parser.", Objectives: []threat.ID{"CO-A1-T1"},
	}); err != nil {
		t.Fatal(err)
	}
	counters[threat.KindControl] = 3
	m := testenv.AddModel(t, b.st, b.who.WorkspaceID, b.who.UserID, "Shop", structure, counters)
	control := func(id threat.ID, facets ...threat.Facet) threat.Control {
		for i := range facets {
			facets[i].ID, facets[i].Text = threat.ID(fmt.Sprintf("%s.%c", id, 'a'+i)), fmt.Sprintf("Facet %d.", i)
		}
		return threat.Control{
			ID: id, Description: "Control " + string(id) + ".", Status: threat.NotImplemented, Facets: facets, Source: threat.Manual, Revision: 1, NextFacet: len(facets) + 1,
		}
	}
	testenv.Write(t, b.st, func(tx *store.Tx) error {
		if err := tx.AddControls(b.who.WorkspaceID, m.ID, []threat.Control{
			control("C1", threat.Facet{Kind: threat.BehaviourFacet}, threat.Facet{Kind: threat.AbsenceFacet}),
			control("C2", threat.Facet{Kind: threat.StructureFacet}), control("C3", threat.Facet{Kind: threat.BehaviourFacet}),
		}); err != nil {
			return err
		}
		links := []store.Link{
			{Objective: "CO-A1-T1", Group: 1, Control: "C1"},
			{Objective: "CO-A1-T2", Group: 1, Control: "C2"},
			{Objective: "CO-A2-T1", Group: 1, Control: "C3"},
		}
		if err := tx.AddLinks(b.who.WorkspaceID, m.ID, links); err != nil {
			return err
		}
		if err := tx.SetRepos(b.who.WorkspaceID, m.ID, []store.Repo{{Repo: repo, Branch: "main"}}); err != nil {
			return err
		}
		return tx.TouchModel(b.who.WorkspaceID, m.ID)
	})
	return m.ID
}

// Claims that cover the facets of the three controls.
var (
	calls  = service.NewAssertion{Type: evidence.FunctionCalls, Control: "C1", Facets: []threat.ID{"C1.a"}, Params: evidence.Params{"file": "a.go", "caller": "F", "callee": "check"}}
	absent = service.NewAssertion{Type: evidence.PatternAbsent, Control: "C1", Facets: []threat.ID{"b"}, Params: evidence.Params{"file": "a.go", "pattern": "md5", "witness": "md5"}}
	exists = service.NewAssertion{Type: evidence.FunctionExists, Control: "C2", Params: evidence.Params{"file": "b.go", "name": "G"}}
	calls3 = service.NewAssertion{Type: evidence.FunctionCalls, Control: "C3", Params: evidence.Params{"file": "c.go", "caller": "H", "callee": "check"}}
)

func (s *site) submit(list ...service.NewAssertion) service.SubmitAssertionsOut {
	s.t.Helper()
	return must(s.SubmitAssertions(ctx, s.who, service.SubmitAssertionsIn{ModelID: s.model, Assertions: list}))(s.t)
}

func (s *site) implement(controls ...threat.ID) {
	s.t.Helper()
	for _, c := range controls {
		must(s.UpdateControlStatus(ctx, s.who, service.UpdateControlStatusIn{ModelID: s.model, Control: c, Status: threat.Implemented}))(s.t)
	}
}

func (s *site) pull() evidence.Pull {
	s.t.Helper()
	return must(s.PullAssertions(ctx, s.ci, service.PullAssertionsIn{ModelID: s.model}))(s.t)
}

// say is what a run says of one assertion; empty verdicts are passes, and code names the excerpt.
type say struct {
	one, two evidence.Verdict
	code     string
	inject   bool
}

// answer makes the two results of one pulled assertion.
func answer(p evidence.Pulled, y say) []evidence.Result {
	if y.one == "" {
		y.one = evidence.Pass
	}
	if y.two == "" {
		y.two = evidence.Pass
		if y.one == evidence.Fail {
			y.two = evidence.Skipped
		}
	}
	one := evidence.Result{Assertion: p.ID, Type: p.Type, Params: p.Params, Tier: 1, Verdict: y.one, File: p.Params.String("file"), Line: 7, FileDigest: hash("file " + y.code)}
	if y.one == evidence.Fail {
		one.Reason = "it is not there"
	} else {
		one.Excerpt = hash(y.code)
	}
	two := evidence.Result{Assertion: p.ID, Type: p.Type, Params: p.Params, Tier: 2, Verdict: y.two, Excerpt: one.Excerpt, Template: p.Template, Text: p.Text, Injection: y.inject}
	if y.two == evidence.Pass || y.two == evidence.Fail {
		two.Judge, two.Reason, two.Facets = "exec:test", "because", map[threat.ID]evidence.Verdict{}
		for _, f := range p.Facets {
			two.Facets[f] = y.two
		}
	}
	return []evidence.Result{one, two}
}

func hash(s string) string { return evidence.Hash([]byte(s)) }

// predicate answers a pull on the branch that counts, with what is said of each assertion.
func predicate(pull evidence.Pull, says map[threat.ID]say) evidence.Predicate {
	p := evidence.Predicate{
		Workspace: pull.WorkspaceID, Model: pull.ModelID, Repo: pull.Repo, Commit: commit, Branch: "main", Verifier: "test", Nonce: pull.Nonce,
	}
	for _, a := range pull.Assertions {
		p.Results = append(p.Results, answer(a, says[a.ID])...)
	}
	return p
}

func statement(t testing.TB, p evidence.Predicate) json.RawMessage {
	t.Helper()
	st, err := evidence.NewStatement(p)
	if err != nil {
		t.Fatal(err)
	}
	return must(st.Canonical())(t)
}

func (s *site) send(p evidence.Predicate) (service.SubmitRunOut, error) {
	s.t.Helper()
	return s.SubmitRun(ctx, s.ci, service.SubmitRunIn{ModelID: s.model, Statement: statement(s.t, p)})
}

// run pulls everything and answers it.
func (s *site) run(says map[threat.ID]say) service.SubmitRunOut {
	s.t.Helper()
	return must(s.send(predicate(s.pull(), says)))(s.t)
}

// stored returns the controls as stored, by id.
func (s *site) stored() map[threat.ID]store.Control {
	s.t.Helper()
	out := map[threat.ID]store.Control{}
	testenv.Read(s.t, s.st, func(v *store.Snapshot) error {
		list, err := v.Controls(s.who.WorkspaceID, s.model)
		for _, c := range list {
			out[c.ID] = c
		}
		return err
	})
	return out
}

func (s *site) want(control threat.ID, want evidence.Verification) {
	s.t.Helper()
	if got := s.stored()[control].Evidence.Status; got != want {
		s.t.Errorf("%s is %s, want %s", control, got, want)
	}
}

func (s *site) findings() []store.Finding {
	s.t.Helper()
	var out []store.Finding
	testenv.Read(s.t, s.st, func(v *store.Snapshot) (err error) {
		out, err = v.Findings(s.who.WorkspaceID, s.model)
		return err
	})
	return out
}

func (s *site) links() []store.FindingLink {
	s.t.Helper()
	var out []store.FindingLink
	testenv.Read(s.t, s.st, func(v *store.Snapshot) (err error) {
		out, err = v.FindingLinks(s.who.WorkspaceID, s.model)
		return err
	})
	return out
}

// picture is everything that runs and assertions write, as text; the activity, which records refusals, is not in it.
func (s *site) picture() string {
	s.t.Helper()
	var parts []any
	testenv.Read(s.t, s.st, func(v *store.Snapshot) error {
		w := s.who.WorkspaceID
		for _, read := range []func() (any, error){
			func() (any, error) { return v.Model(w, s.model) },
			func() (any, error) { return v.Counters(w, s.model) },
			func() (any, error) { return v.Controls(w, s.model) },
			func() (any, error) { return v.Assertions(w, s.model) },
			func() (any, error) { return v.DeletedAssertions(w, s.model) },
			func() (any, error) { return v.Findings(w, s.model) },
			func() (any, error) { return v.FindingLinks(w, s.model) },
			func() (any, error) { return v.Runs(w, s.model, 1_000) },
		} {
			part, err := read()
			if err != nil {
				return err
			}
			parts = append(parts, part)
		}
		return nil
	})
	return string(must(json.MarshalIndent(parts, "", " "))(s.t))
}

// unchanged runs something that must change nothing.
func (s *site) unchanged(do func()) {
	s.t.Helper()
	before := s.picture()
	do()
	if diff := cmp.Diff(before, s.picture()); diff != "" {
		s.t.Errorf("it changed what is stored (-before +after):\n%s", diff)
	}
}

// From the first claim to a verified control, with what each step says.
func TestEvidenceLife(t *testing.T) {
	s := newSite(t)
	out := s.submit(calls)
	if len(out.Assertions) != 1 || out.Assertions[0].ID.Kind() != threat.KindAssertion || out.Assertions[0].Incoherent != "" {
		t.Fatalf("%+v", out.Assertions)
	}
	one := out.Assertions[0].ID
	if c := out.Controls[0]; c.ID != "C1" || c.Sufficiency != evidence.Insufficient || len(c.Uncovered) != 1 || c.Uncovered[0].Facet != "C1.b" ||
		c.Verification != evidence.InsufficientStatus || !slices.Contains(c.Uncovered[0].Types, evidence.PatternAbsent) {
		t.Errorf("%+v", c)
	}
	out = s.submit(absent)
	two := out.Assertions[0].ID
	if c := out.Controls[0]; c.Sufficiency != evidence.Sufficient || c.Verification != evidence.Pending || !strings.Contains(out.Hint, "update_control_status(implemented)") {
		t.Errorf("%+v, %q", c, out.Hint)
	}
	s.implement("C1")
	s.want("C1", evidence.Pending)

	first := s.run(nil)
	want := service.SubmitRunOut{
		Counted: true, Branch: "main", Tier1: service.VerdictCounts{evidence.Pass: 2}, Tier2: service.VerdictCounts{evidence.Pass: 2},
		Controls: []service.ControlChange{{ID: "C1", Before: evidence.Pending, After: evidence.Verified}}, Drift: []threat.ID{},
		Summary: map[evidence.Verification]int{evidence.Verified: 1, evidence.None: 2},
	}
	want.ModelID, want.RunID = s.model, first.RunID
	if diff := cmp.Diff(want, first); diff != "" || first.RunID == "" {
		t.Errorf("the run (-want +got):\n%s", diff)
	}
	s.want("C1", evidence.Verified)

	list := must(s.ListAssertions(ctx, s.who, service.ListAssertionsIn{ModelID: s.model, Control: "C1"}))(t)
	if list.Total != 2 || list.Assertions[0].ID != one || list.Assertions[1].ID != two || list.Summary.Status[evidence.Verified] != 2 ||
		list.Assertions[0].Tier2 == nil || list.Assertions[0].Tier2.Judge != "exec:test" || list.Assertions[0].Tier1.Commit != commit {
		t.Errorf("%+v", list)
	}
	report := must(s.GetVerificationReport(ctx, s.ci, service.GetVerificationReportIn{ModelID: s.model, Limit: all()}))(t)
	if report.Total != 3 || report.Summary.Verification[evidence.Verified] != 1 || report.Summary.Implemented != 1 ||
		report.Summary.LastRun == nil || report.Summary.LastRun.ID != first.RunID || report.Summary.LastRun.Commit != commit {
		t.Errorf("%+v", report.Summary)
	}

	// Time alone makes it stale, and nothing is stored for that.
	s.unchanged(func() {
		s.clock.Advance(evidence.StaleAfter + time.Second)
		rows := s.controls(t, s.model, service.GetControlsIn{Verification: evidence.Stale})
		if len(rows) != 1 || rows[0].ID != "C1" {
			t.Errorf("stale are %+v", rows)
		}
		if n := must(s.ListPending(ctx, s.ci, service.ListPendingIn{ModelID: s.model}))(t).Summary; n.Tier1 != 2 || n.Tier2 != 2 {
			t.Errorf("pending are %+v", n)
		}
	})
	s.run(nil)
	if rows := s.controls(t, s.model, service.GetControlsIn{Verification: evidence.Verified}); len(rows) != 1 {
		t.Errorf("after a new run verified are %+v", rows)
	}
}

// A batch with wrong items names each of them and leaves nothing behind.
func TestSubmitAssertionsRefusals(t *testing.T) {
	s := newSite(t)
	s.submit(calls)
	with := func(change func(a *service.NewAssertion)) service.NewAssertion {
		a := exists
		change(&a)
		return a
	}
	for _, c := range []struct {
		name  string
		item  service.NewAssertion
		code  threat.Code
		field string
	}{
		{"unknown type", with(func(a *service.NewAssertion) { a.Type = "x" }), threat.Invalid, "assertions.1.type"},
		{"bad parameter", with(func(a *service.NewAssertion) { a.Params = evidence.Params{"file": "/x", "name": "n"} }), threat.Invalid, "assertions.1.params.file"},
		{"no subject", with(func(a *service.NewAssertion) { a.Control = "" }), threat.Invalid, "assertions.1.control_id"},
		{"two subjects", with(func(a *service.NewAssertion) { a.Assumption = "AS1" }), threat.Invalid, "assertions.1.control_id"},
		{"unknown control", with(func(a *service.NewAssertion) { a.Control = "C99" }), threat.NotFound, "assertions.1.control_id"},
		{"unknown assumption", with(func(a *service.NewAssertion) { a.Control, a.Assumption = "", "AS99" }), threat.NotFound, "assertions.1.assumption_id"},
		{"facets missing", with(func(a *service.NewAssertion) { a.Control = "C1" }), threat.Invalid, "assertions.1.facets"},
		{"another control's facet", with(func(a *service.NewAssertion) { a.Facets = []threat.ID{"C1.a"} }), threat.Invalid, "assertions.1.facets"},
		{"bad repository", with(func(a *service.NewAssertion) { a.Repo = "shop" }), threat.Invalid, "assertions.1.repo"},
		{"long description", with(func(a *service.NewAssertion) { a.Description = strings.Repeat("x", 5_000) }), threat.Invalid, "assertions.1.description"},
		{"says the same", calls, threat.Conflict, "assertions.1"},
		{"says the same in other words", with(func(a *service.NewAssertion) {
			*a = calls
			a.Facets = []threat.ID{"a"}
			a.Repo = repo
			a.Description = "x"
		}), threat.Conflict, "assertions.1"},
		{"the same as the first of the batch", calls3, threat.Conflict, "assertions.1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &site{bench: s.bench, t: t, model: s.model, ci: s.ci}
			s.unchanged(func() {
				_, err := s.SubmitAssertions(ctx, s.who, service.SubmitAssertionsIn{ModelID: s.model, Assertions: []service.NewAssertion{calls3, c.item}})
				te := code(t, err, c.code)
				if te.Field != c.field || te.Hint == "" && c.name != "unknown assumption" {
					t.Errorf("field %q, want %q: %v", te.Field, c.field, te)
				}
			})
		})
	}
	s.unchanged(func() {
		bad := with(func(a *service.NewAssertion) { a.Control = "C99" })
		_, err := s.SubmitAssertions(ctx, s.who, service.SubmitAssertionsIn{ModelID: s.model, Assertions: []service.NewAssertion{bad, calls3, bad, exists}})
		te := code(t, err, threat.NotFound)
		if len(te.Items) != 2 || !strings.HasPrefix(te.Items[0].Field, "assertions.0") || !strings.HasPrefix(te.Items[1].Field, "assertions.2") {
			t.Errorf("%+v", te.Items)
		}
		_, err = s.SubmitAssertions(ctx, s.who, service.SubmitAssertionsIn{ModelID: s.model})
		code(t, err, threat.Invalid)
		_, err = s.SubmitAssertions(ctx, s.who, service.SubmitAssertionsIn{ModelID: s.model, Assertions: make([]service.NewAssertion, service.MaxAssertions+1)})
		code(t, err, threat.Invalid)
		_, err = s.SubmitAssertions(ctx, s.ci, service.SubmitAssertionsIn{ModelID: s.model, Assertions: []service.NewAssertion{exists}})
		code(t, err, threat.Forbidden)
		_, err = s.SubmitAssertions(ctx, testenv.Caller(t, s.st, account.Developer), service.SubmitAssertionsIn{ModelID: s.model, Assertions: []service.NewAssertion{exists}})
		code(t, err, threat.NotFound)
	})
	// An external assumption is attested by a person.
	text := "Laptops are encrypted."
	added := must(s.EditAssumptions(ctx, s.who, service.EditAssumptionsIn{Target: target(s.model), Operations: []service.AssumptionOp{
		{Op: service.OpAdd, Text: &text, Objectives: []threat.ID{"CO-A1-T1"}},
	}}))(t)
	_, err := s.SubmitAssertions(ctx, s.who, service.SubmitAssertionsIn{ModelID: s.model, Assertions: []service.NewAssertion{
		with(func(a *service.NewAssertion) { a.Control, a.Assumption = "", added.Assumptions[0].ID }),
	}})
	code(t, err, threat.FailedPrecondition)
}

// A repeat under an idempotency key is the first answer and adds nothing.
func TestSubmitAssertionsIsIdempotent(t *testing.T) {
	s := newSite(t)
	in := service.SubmitAssertionsIn{ModelID: s.model, Assertions: []service.NewAssertion{calls, exists}, IdempotencyKey: "k"}
	first := must(s.SubmitAssertions(ctx, s.who, in))(t)
	s.unchanged(func() {
		again := must(s.SubmitAssertions(ctx, s.who, in))(t)
		a, b := must(json.Marshal(first))(t), must(json.Marshal(again))(t)
		if string(a) != string(b) {
			t.Errorf("first %s\nthen %s", a, b)
		}
		in.Assertions = in.Assertions[:1]
		_, err := s.SubmitAssertions(ctx, s.who, in)
		if te := code(t, err, threat.Conflict); te.Field != "idempotency_key" {
			t.Errorf("%v", te)
		}
	})
}

// An incoherent assertion stays on record, and the control cannot verify with it.
func TestIncoherent(t *testing.T) {
	s := newSite(t)
	wrong := service.NewAssertion{Type: evidence.FileHash, Control: "C3", Params: evidence.Params{"file": "x", "algorithm": "sha256", "expected_hash": strings.Repeat("a", 64)}}
	out := s.submit(wrong)
	if out.Assertions[0].Incoherent == "" || out.Controls[0].Verification != evidence.Incoherent || !strings.Contains(out.Hint, "cannot verify") {
		t.Errorf("%+v", out)
	}
	_, err := s.UpdateControlStatus(ctx, s.who, service.UpdateControlStatusIn{ModelID: s.model, Control: "C3", Status: threat.Implemented})
	code(t, err, threat.FailedPrecondition)
	s.submit(calls3)
	s.implement("C3")
	s.run(nil)
	s.want("C3", evidence.Incoherent)
	must(s.DeleteAssertion(ctx, s.who, service.DeleteAssertionIn{ModelID: s.model, Assertion: out.Assertions[0].ID, Reason: "wrong type"}))(t)
	s.want("C3", evidence.Verified)
}

func TestUpdateControlStatus(t *testing.T) {
	s := newSite(t)
	update := func(in service.UpdateControlStatusIn) (service.UpdateControlStatusOut, error) {
		in.ModelID = s.model
		return s.UpdateControlStatus(ctx, s.who, in)
	}
	s.submit(exists)
	s.unchanged(func() {
		for _, c := range []struct {
			in   service.UpdateControlStatusIn
			code threat.Code
		}{
			{service.UpdateControlStatusIn{Control: "C1", Status: threat.Implemented}, threat.FailedPrecondition},
			{service.UpdateControlStatusIn{Control: "C99", Status: threat.Implemented}, threat.NotFound},
			{service.UpdateControlStatusIn{Control: "C2", Status: "verified"}, threat.Invalid},
			{service.UpdateControlStatusIn{Control: "C2", Status: ""}, threat.Invalid},
			{service.UpdateControlStatusIn{Control: "C2", Status: threat.Implemented, ExpectedRevision: 9}, threat.Conflict},
		} {
			_, err := update(c.in)
			code(t, err, c.code)
		}
	})
	revision := s.stored()["C2"].Revision
	out := must(update(service.UpdateControlStatusIn{Control: "C2", Status: threat.Implemented, ExpectedRevision: revision}))(t)
	if out.Revision != revision+1 || out.Status != threat.Implemented || out.Verification != evidence.Pending {
		t.Errorf("%+v", out)
	}
	s.unchanged(func() {
		if again := must(update(service.UpdateControlStatusIn{Control: "C2", Status: threat.Implemented}))(t); again.Revision != out.Revision {
			t.Errorf("%+v", again)
		}
	})
	s.run(nil)
	s.want("C2", evidence.Verified)
	must(update(service.UpdateControlStatusIn{Control: "C2", Status: threat.NotImplemented}))(t)
	s.want("C2", evidence.Partial)
}

// The last coherent assertion takes the claim of implementation with it, and a failure outlives its assertion until every facet
// has a newer pass.
func TestDeleteAssertion(t *testing.T) {
	s := newSite(t)
	id := s.submit(exists).Assertions[0].ID
	s.implement("C2")
	s.run(map[threat.ID]say{id: {one: evidence.Fail}})
	s.want("C2", evidence.Failed)
	del := func(id threat.ID, reason string) (service.DeleteAssertionOut, error) {
		return s.DeleteAssertion(ctx, s.who, service.DeleteAssertionIn{ModelID: s.model, Assertion: id, Reason: reason})
	}
	s.unchanged(func() {
		_, err := del(id, "  ")
		code(t, err, threat.Invalid)
		_, err = del("E99", "x")
		code(t, err, threat.NotFound)
	})
	out := must(del(id, "renamed"))(t)
	if out.Left != evidence.Failed || out.Status != threat.NotImplemented || out.Hint == "" {
		t.Errorf("%+v", out)
	}
	_, err := del(id, "again")
	code(t, err, threat.NotFound)
	next := exists
	next.Params = evidence.Params{"file": "b.go", "name": "G2"}
	fresh := s.submit(next).Assertions[0].ID
	s.implement("C2")
	s.want("C2", evidence.Failed)
	s.run(map[threat.ID]say{fresh: {one: evidence.Fail}})
	s.want("C2", evidence.Failed)
	s.run(nil)
	s.want("C2", evidence.Verified)
	// What was made good never counts again.
	must(del(fresh, "moved"))(t)
	s.want("C2", evidence.None)
	gone := must(s.ListAssertions(ctx, s.who, service.ListAssertionsIn{ModelID: s.model, Deleted: true}))(t)
	if gone.Total != 2 || gone.Assertions[0].DeletedReason != "renamed" {
		t.Errorf("%+v", gone)
	}
}

// An assumption that code can show not to apply is a subject like a control.
func TestAssumptionEvidence(t *testing.T) {
	s := newSite(t)
	id := s.submit(service.NewAssertion{Type: evidence.PatternAbsent, Assumption: "AS1", Params: evidence.Params{"file": "go.mod", "pattern": "xml", "witness": "xml"}})
	if c := id.Controls[0]; c.ID != "AS1" || c.Sufficiency != evidence.Sufficient || c.Verification != evidence.Pending {
		t.Errorf("%+v", c)
	}
	pull := s.pull()
	if pull.Total != 1 || pull.Assertions[0].Assumption != "AS1" || !slices.Equal(pull.Assertions[0].Facets, []threat.ID{"AS1"}) {
		t.Fatalf("%+v", pull)
	}
	s.run(nil)
	s.run(map[threat.ID]say{id.Assertions[0].ID: {one: evidence.Fail}})
	if f := s.findings(); len(f) != 1 || f[0].Control != "" || f[0].Source != threat.FromDrift {
		t.Errorf("%+v", f)
	}
	out := must(s.DeleteAssertion(ctx, s.who, service.DeleteAssertionIn{ModelID: s.model, Assertion: id.Assertions[0].ID, Reason: "x"}))(t)
	if out.Left != evidence.Failed || out.Status != "" {
		t.Errorf("%+v", out)
	}
}

// A pull hands out what is about one repository, and --pending only what has no current result; a key that may not submit gets no nonce.
func TestPull(t *testing.T) {
	s := newSite(t)
	other := calls3
	other.Repo = "acme/other"
	s.submit(calls, absent, exists, other)
	s.implement("C2")
	pull := s.pull()
	if pull.Total != 3 || len(pull.Nonce) != 64 || !pull.ExpiresAt.Equal(s.clock.Now().Add(6*time.Hour)) || pull.Repo != repo || pull.Branch != "main" {
		t.Errorf("%+v", pull)
	}
	for _, a := range pull.Assertions {
		text := must(a.Prompt.Render(strings.Repeat("0", 32), "CODE"))(t)
		if a.Template != evidence.TemplateDigest(a.Type) || !strings.Contains(text, "CODE") || !strings.Contains(text, "Control "+string(a.Control)) {
			t.Errorf("%+v", a)
		}
	}
	if looking := must(s.PullAssertions(ctx, s.who, service.PullAssertionsIn{ModelID: s.model}))(t); looking.Nonce != "" || looking.Total != 3 {
		t.Errorf("a developer gets %+v", looking)
	}
	elsewhere := must(s.PullAssertions(ctx, s.ci, service.PullAssertionsIn{ModelID: s.model, Repo: "acme/other"}))(t)
	if elsewhere.Total != 1 || elsewhere.Assertions[0].Control != "C3" {
		t.Errorf("%+v", elsewhere)
	}
	pending := func() []threat.ID {
		p := must(s.PullAssertions(ctx, s.ci, service.PullAssertionsIn{ModelID: s.model, Pending: true}))(t)
		out := []threat.ID{}
		for _, a := range p.Assertions {
			out = append(out, a.Control)
		}
		return out
	}
	ids := pull.Assertions
	s.run(map[threat.ID]say{ids[0].ID: {two: evidence.Skipped}, ids[1].ID: {one: evidence.Fail}})
	if got := pending(); !slices.Equal(got, []threat.ID{"C1"}) {
		t.Errorf("pending are assertions of %v: the one that Tier 2 did not judge", got)
	}
	s.clock.Advance(evidence.StaleAfter + time.Second)
	if got := pending(); len(got) != 3 {
		t.Errorf("a month later pending are assertions of %v", got)
	}
	_, err := s.PullAssertions(ctx, testenv.Caller(t, s.st, account.Verifier), service.PullAssertionsIn{ModelID: s.model})
	code(t, err, threat.NotFound)
	_, err = s.PullAssertions(ctx, s.ci, service.PullAssertionsIn{ModelID: s.model, Repo: "x"})
	code(t, err, threat.Invalid)
}

// Statuses that were computed with other prompt templates are computed anew when the service starts.
func TestTemplatesChanged(t *testing.T) {
	s := newSite(t)
	id := s.submit(exists).Assertions[0].ID
	s.implement("C2")
	s.run(nil)
	s.want("C2", evidence.Verified)
	s.Stop()
	stamp := func() (n int64) {
		testenv.Read(t, s.st, func(v *store.Snapshot) error {
			m, err := v.Model(s.who.WorkspaceID, s.model)
			n = int64(m.Stamp)
			return err
		})
		return n
	}
	restart := func() *service.Service {
		engine, err := live.Expert()
		if err != nil {
			t.Fatal(err)
		}
		svc, err := service.New(service.Config{Store: s.st, Engines: []pipeline.Engine{engine}, Log: zerolog.Nop()})
		if err != nil {
			t.Fatal(err)
		}
		svc.Start()
		t.Cleanup(svc.Stop)
		return svc
	}
	// The judge was asked by another template, and the status was computed when that one was in use.
	testenv.Write(t, s.st, func(tx *store.Tx) error {
		a, err := tx.Assertion(s.who.WorkspaceID, s.model, id)
		if err != nil {
			return err
		}
		a.Tier2.Template = hash("another template")
		if err := tx.SaveHeld(s.who.WorkspaceID, s.model, []store.Assertion{a}); err != nil {
			return err
		}
		return tx.SetInstance("prompt_templates", hash("other templates"))
	})
	s.want("C2", evidence.Verified)
	before := stamp()
	svc := restart()
	deadline := time.Now().Add(20 * time.Second)
	for s.stored()["C2"].Evidence.Status != evidence.Partial {
		if time.Now().After(deadline) {
			t.Fatalf("C2 is still %s", s.stored()["C2"].Evidence.Status)
		}
		time.Sleep(5 * time.Millisecond)
	}
	if stamp() == before {
		t.Error("the stamp says that nothing changed")
	}
	testenv.Read(t, s.st, func(v *store.Snapshot) error {
		known, err := v.Instance("prompt_templates")
		if known != evidence.TemplatesDigest() {
			t.Errorf("the templates in use are said to be %q", known)
		}
		return err
	})
	// A service that knew the old status reads the new one.
	rows := must(svc.GetControls(ctx, s.who, service.GetControlsIn{ModelID: s.model, Limit: all(), Verification: evidence.Partial}))(t)
	if rows.Total != 1 {
		t.Errorf("%+v", rows.Summary)
	}
	if old := must(s.GetControls(ctx, s.who, service.GetControlsIn{ModelID: s.model, Limit: all(), Verification: evidence.Partial}))(t); old.Total != 1 {
		t.Errorf("the service from before reads %+v", old.Summary)
	}
}
