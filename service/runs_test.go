package service_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/internal/testenv/live"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// Everything that a statement may get wrong refuses the whole run, changes nothing and leaves the nonce unspent.
func TestRunRefusals(t *testing.T) {
	s := newSite(t)
	list := s.submit(calls, absent, exists).Assertions
	// calls passed both tiers and absent failed Tier 1 in a run before; exists has no result.
	first := s.pull()
	s.run(map[threat.ID]say{list[1].ID: {one: evidence.Fail}, list[2].ID: {two: evidence.Skipped}})
	pull := s.pull()
	twin := addSite(t, s.bench)
	stranger := testenv.Caller(t, s.st, account.Verifier)
	strangers := addSite(t, &bench{s.Service, s.st, s.clock, stranger})
	otherKey := s.ci
	otherKey.KeyID = testenv.NewID(t)

	// at returns a result by assertion (0, 1, 2) and tier.
	at := func(p *evidence.Predicate, i, tier int) *evidence.Result {
		for k := range p.Results {
			if p.Results[k].Assertion == list[i].ID && p.Results[k].Tier == tier {
				return &p.Results[k]
			}
		}
		t.Fatal("no such result")
		return nil
	}
	drop := func(p *evidence.Predicate, i, tier int) {
		p.Results = slices.DeleteFunc(p.Results, func(r evidence.Result) bool { return r.Assertion == list[i].ID && r.Tier == tier })
	}
	type submission struct {
		who   account.Principal
		model string
		p     evidence.Predicate
	}
	for _, c := range []struct {
		name   string
		change func(x *submission)
		code   threat.Code
		words  string
	}{
		{"an assertion is not answered", func(x *submission) { drop(&x.p, 1, 1); drop(&x.p, 1, 2) }, threat.Invalid, "is not answered"},
		{"answered at Tier 2 alone", func(x *submission) { drop(&x.p, 0, 1) }, threat.Invalid, "is not answered"},
		{"nothing is answered", func(x *submission) { x.p.Results = nil }, threat.Invalid, "is not answered"},
		{"one that was not pulled", func(x *submission) {
			extra := x.p.Results[0]
			extra.Assertion = "E999"
			x.p.Results = append(x.p.Results, extra)
		}, threat.Invalid, "was not pulled"},
		{"answered twice", func(x *submission) { x.p.Results = append(x.p.Results, x.p.Results[0]) }, threat.Invalid, "answered twice"},
		{"answered twice, with another verdict", func(x *submission) {
			r := *at(&x.p, 2, 1)
			r.Verdict = evidence.Fail
			x.p.Results = append(x.p.Results, r)
		}, threat.Invalid, "answered twice"},
		{"other parameters", func(x *submission) {
			at(&x.p, 0, 1).Params = evidence.Params{"file": "a.go", "caller": "F", "callee": "other"}
		}, threat.Invalid, "another claim"},
		{"other parameters at Tier 2", func(x *submission) { at(&x.p, 0, 2).Params = evidence.Params{} }, threat.Invalid, "another claim"},
		{"a parameter more", func(x *submission) {
			at(&x.p, 0, 1).Params = evidence.Params{"file": "a.go", "caller": "F", "callee": "check", "x": "y"}
		}, threat.Invalid, "another claim"},
		{"another type", func(x *submission) { at(&x.p, 0, 1).Type = evidence.FileExists }, threat.Invalid, "another claim"},
		{"two results exchanged", func(x *submission) {
			a, b := at(&x.p, 0, 1), at(&x.p, 2, 1)
			a.Assertion, b.Assertion = b.Assertion, a.Assertion
		}, threat.Invalid, "another claim"},
		{"no such tier", func(x *submission) { at(&x.p, 0, 1).Tier = 3 }, threat.Invalid, "tier is 3"},
		{"no such verdict", func(x *submission) { at(&x.p, 0, 1).Verdict = "passed" }, threat.Invalid, "does not go with tier"},
		{"no verdict", func(x *submission) { at(&x.p, 0, 1).Verdict = "" }, threat.Invalid, "does not go with tier"},
		{"Tier 1 skipped", func(x *submission) { at(&x.p, 0, 1).Verdict = evidence.Skipped }, threat.Invalid, "does not go with tier"},
		{"a digest that is none", func(x *submission) { at(&x.p, 0, 1).FileDigest = "abc" }, threat.Invalid, "digest"},
		{"a digest in capitals", func(x *submission) { at(&x.p, 0, 1).Excerpt = strings.Repeat("AB", 32) }, threat.Invalid, "digest"},
		{"a reason without end", func(x *submission) { at(&x.p, 1, 1).Reason = strings.Repeat("x", 5_000) }, threat.Invalid, "too long"},
		{"a line before the first", func(x *submission) { at(&x.p, 0, 1).Line = -1 }, threat.Invalid, "too long"},

		{"another model in the statement", func(x *submission) { x.p.Model = twin }, threat.Invalid, "another model"},
		{"submitted to another model", func(x *submission) { x.model = twin }, threat.Invalid, "another model"},
		{"another model in both", func(x *submission) { x.model, x.p.Model = twin, twin }, threat.Invalid, "another model"},
		{"another workspace in the statement", func(x *submission) { x.p.Workspace = stranger.WorkspaceID }, threat.Invalid, "another workspace"},
		{"from another workspace", func(x *submission) { x.who = stranger }, threat.NotFound, "no such threat model"},
		{"from another workspace, to its own model", func(x *submission) {
			x.who, x.model, x.p.Model, x.p.Workspace = stranger, strangers, strangers, stranger.WorkspaceID
		}, threat.NotFound, "never issued"},
		{"another repository", func(x *submission) { x.p.Repo = "acme/other" }, threat.Invalid, "issued for " + repo},
		{"another key", func(x *submission) { x.who = otherKey }, threat.Invalid, "another key"},
		{"a key that may not submit", func(x *submission) { x.who = s.who }, threat.Forbidden, ""},
		{"a nonce that was never issued", func(x *submission) { x.p.Nonce = strings.Repeat("0", 64) }, threat.NotFound, "never issued"},
		{"no nonce", func(x *submission) { x.p.Nonce = "" }, threat.NotFound, "never issued"},
		{"a short commit", func(x *submission) { x.p.Commit = commit[:12] }, threat.Invalid, "full object name"},
		{"no branch", func(x *submission) { x.p.Branch = "" }, threat.Invalid, "branch"},
		{"a verifier without end", func(x *submission) { x.p.Verifier = strings.Repeat("x", 200) }, threat.Invalid, "too long"},

		{"unchanged, where nothing is held", func(x *submission) {
			*at(&x.p, 2, 2) = evidence.Result{Assertion: list[2].ID, Type: exists.Type, Params: exists.Params, Tier: 2, Verdict: evidence.Unchanged, Excerpt: at(&x.p, 2, 1).Excerpt, Template: at(&x.p, 2, 2).Template, Text: at(&x.p, 2, 2).Text}
		}, threat.Invalid, "tier 2 is not unchanged"},
		{"unchanged of another file", func(x *submission) {
			r := at(&x.p, 0, 1)
			r.Verdict, r.FileDigest = evidence.Unchanged, hash("other")
		}, threat.Invalid, "tier 1 is not unchanged"},
		{"unchanged of another excerpt", func(x *submission) {
			r := at(&x.p, 0, 1)
			r.Verdict, r.Excerpt = evidence.Unchanged, hash("other")
		}, threat.Invalid, "tier 1 is not unchanged"},
		{"unchanged without digests", func(x *submission) {
			r := at(&x.p, 0, 1)
			r.Verdict, r.FileDigest, r.Excerpt = evidence.Unchanged, "", ""
		}, threat.Invalid, "tier 1 is not unchanged"},
		{"Tier 2 unchanged of another template", func(x *submission) {
			r := at(&x.p, 0, 2)
			r.Verdict, r.Template = evidence.Unchanged, hash("other")
		}, threat.Invalid, "tier 2 is not unchanged"},
		{"Tier 2 unchanged of another text", func(x *submission) {
			r := at(&x.p, 0, 2)
			r.Verdict, r.Text = evidence.Unchanged, hash("other")
		}, threat.Invalid, "tier 2 is not unchanged"},
		{"Tier 2 passes where Tier 1 fails", func(x *submission) { at(&x.p, 0, 1).Verdict = evidence.Fail }, threat.Invalid, "only where tier 1 passed"},
		{"Tier 2 unchanged where Tier 1 fails", func(x *submission) {
			at(&x.p, 0, 1).Verdict, at(&x.p, 0, 2).Verdict = evidence.Fail, evidence.Unchanged
		}, threat.Invalid, "only where tier 1 passed"},
		{"Tier 2 passes on a fail that is unchanged", func(x *submission) {
			r := at(&x.p, 1, 1)
			r.Verdict, r.Excerpt, r.FileDigest = evidence.Unchanged, "", hash("file ")
			at(&x.p, 1, 2).Excerpt = ""
		}, threat.Invalid, "only where tier 1 passed"},
		{"Tier 2 judged another excerpt", func(x *submission) { at(&x.p, 0, 2).Excerpt = hash("other") }, threat.Invalid, "another excerpt"},
		{"Tier 2 judged nothing", func(x *submission) { at(&x.p, 0, 2).Excerpt = "" }, threat.Invalid, "another excerpt"},
		{"both judged nothing, and it passes", func(x *submission) { at(&x.p, 0, 1).Excerpt, at(&x.p, 0, 2).Excerpt = "", "" }, threat.Invalid, "another excerpt"},
		{"Tier 2 without a judge", func(x *submission) { at(&x.p, 0, 2).Judge = "" }, threat.Invalid, "names no judge"},
		{"Tier 2 without a template", func(x *submission) { at(&x.p, 0, 2).Template = "" }, threat.Invalid, "what it judged"},
		{"Tier 2 without a text", func(x *submission) { at(&x.p, 0, 2).Text = "" }, threat.Invalid, "what it judged"},
		{"a facet is missing", func(x *submission) { at(&x.p, 0, 2).Facets = nil }, threat.Invalid, "says nothing of facet"},
		{"a facet that is not claimed", func(x *submission) { at(&x.p, 0, 2).Facets["C1.b"] = evidence.Pass }, threat.Invalid, "does not claim"},
		{"a facet skipped", func(x *submission) { at(&x.p, 0, 2).Facets["C1.a"] = evidence.Skipped }, threat.Invalid, "facet"},
		{"an injection that passes", func(x *submission) { at(&x.p, 0, 2).Injection = true }, threat.Invalid, "injection"},
		{"an injection that is skipped", func(x *submission) {
			r := at(&x.p, 0, 2)
			r.Verdict, r.Injection = evidence.Skipped, true
		}, threat.Invalid, "injection"},
		{"an injection that is unchanged", func(x *submission) {
			r := at(&x.p, 0, 2)
			r.Verdict, r.Injection = evidence.Unchanged, true
		}, threat.Invalid, "injection"},
		{"verdicts of a judge whose pass is void", func(x *submission) {
			x.p.Judge = &evidence.Judge{Name: "exec:test", Canaries: 1, Void: "it passed a stub"}
		}, threat.Invalid, "void"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &site{bench: s.bench, t: t, model: s.model, ci: s.ci}
			x := submission{s.ci, s.model, predicate(pull, nil)}
			c.change(&x)
			s.unchanged(func() {
				_, err := s.SubmitRun(ctx, x.who, service.SubmitRunIn{ModelID: x.model, Statement: statement(t, x.p)})
				te := code(t, err, c.code)
				if !strings.Contains(te.Message+te.Field, c.words) {
					t.Errorf("got %v, want %q in it", te, c.words)
				}
				if c.code == threat.Invalid && !strings.HasPrefix(te.Field, "statement") {
					t.Errorf("the error is about %q", te.Field)
				}
			})
		})
	}
	for name, raw := range map[string]string{
		"no statement": `{}`, "null": `null`, "a list": `[]`,
		"a field in capitals":           strings.Replace(string(statement(t, predicate(pull, nil))), `"verdict":"pass"`, `"verdict":"pass","Verdict":"fail"`, 1),
		"results changed after signing": strings.Replace(string(statement(t, predicate(pull, map[threat.ID]say{list[1].ID: {one: evidence.Fail}}))), `"verdict":"fail"`, `"verdict":"pass"`, 1),
	} {
		s.unchanged(func() {
			_, err := s.SubmitRun(ctx, s.ci, service.SubmitRunIn{ModelID: s.model, Statement: json.RawMessage(raw)})
			if te := code(t, err, threat.Invalid); !strings.HasPrefix(te.Field, "statement") {
				t.Errorf("%s: %v", name, te)
			}
		})
	}
	// The nonce is still good for the statement as it should be, and so is an older one.
	if out := must(s.send(predicate(pull, nil)))(t); !out.Counted {
		t.Errorf("%+v", out)
	}
	must(s.send(predicate(first, nil)))(t)
}

// A statement in other white space and order of names is brought into its one form before anything is compared.
func TestRunStatementIsCanonicalised(t *testing.T) {
	s := newSite(t)
	s.submit(exists)
	raw := statement(t, predicate(s.pull(), nil))
	var loose bytes.Buffer
	if err := json.Indent(&loose, raw, "  ", "\t"); err != nil {
		t.Fatal(err)
	}
	first := must(s.SubmitRun(ctx, s.ci, service.SubmitRunIn{ModelID: s.model, Statement: loose.Bytes()}))(t)
	again := must(s.SubmitRun(ctx, s.ci, service.SubmitRunIn{ModelID: s.model, Statement: raw}))(t)
	if diff := cmp.Diff(first, again); diff != "" {
		t.Error(diff)
	}
	testenv.Read(t, s.st, func(v *store.Snapshot) error {
		run, err := v.Run(s.who.WorkspaceID, first.RunID)
		if run.Statement != string(raw) || run.StatementDigest != hash(string(raw)) || run.KeyID != s.ci.KeyID || run.Commit != commit {
			t.Errorf("%+v", run)
		}
		results, err2 := v.RunResults(s.who.WorkspaceID, first.RunID)
		if err2 != nil || len(results) != 2 || results[0].Tier != 1 || results[1].Tier != 2 || results[0].Verdict != evidence.Pass {
			t.Errorf("%+v, %v", results, err2)
		}
		return err
	})
}

// A nonce lives six hours and is spent once. The same statement gets the first answer for a day, any other is a conflict.
func TestNonce(t *testing.T) {
	s := newSite(t)
	id := s.submit(exists).Assertions[0].ID
	s.implement("C2")
	late := predicate(s.pull(), nil)
	s.clock.Advance(6*time.Hour + time.Second)
	s.unchanged(func() {
		_, err := s.send(late)
		if te := code(t, err, threat.FailedPrecondition); !strings.Contains(te.Message, "expired") {
			t.Errorf("%v", te)
		}
	})
	p := predicate(s.pull(), nil)
	s.clock.Advance(6 * time.Hour)
	first := must(s.send(p))(t)
	other := predicate(evidence.Pull{WorkspaceID: p.Workspace, ModelID: p.Model, Repo: p.Repo, Nonce: p.Nonce, Assertions: s.pull().Assertions}, map[threat.ID]say{id: {one: evidence.Fail}})
	s.unchanged(func() {
		s.clock.Advance(23 * time.Hour)
		if diff := cmp.Diff(first, must(s.send(p))(t)); diff != "" {
			t.Errorf("the repeat (-first +now):\n%s", diff)
		}
		_, err := s.send(other)
		if te := code(t, err, threat.Conflict); !strings.Contains(te.Message, first.RunID) {
			t.Errorf("%v", te)
		}
		s.clock.Advance(time.Hour + time.Second)
		_, err = s.send(p)
		code(t, err, threat.Conflict)
	})
}

// The first answer comes back over REST too, byte for byte.
func TestRepeatedRunOverREST(t *testing.T) {
	b := newBench(t)
	env := live.StartWith(t, b.st, nil)
	s := &site{bench: b, t: t, model: addSite(t, b)}
	s.submit(exists)
	ci := env.NewKey(t, account.User{ID: b.who.UserID, Name: b.who.UserName}, b.who.WorkspaceID, account.Verifier)
	path := "/api/v1/models/" + s.model + "/verification/"
	var pull evidence.Pull
	if r := ci.Do("GET", path+"assertions", nil); r.Status != 200 || json.Unmarshal(r.Body, &pull) != nil || pull.Nonce == "" {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	post := func(p evidence.Predicate) live.Response {
		body := append(append([]byte(`{"statement":`), statement(t, p)...), '}')
		return ci.Do("POST", path+"runs", bytes.NewReader(body), "Content-Type", "application/json")
	}
	first := post(predicate(pull, nil))
	again := post(predicate(pull, nil))
	if first.Status != 200 || again.Status != 200 || !bytes.Equal(first.Body, again.Body) || !bytes.Contains(first.Body, []byte(`"counted":true`)) {
		t.Errorf("first %d %s\nagain %d %s", first.Status, first.Body, again.Status, again.Body)
	}
	if r := post(predicate(pull, map[threat.ID]say{pull.Assertions[0].ID: {one: evidence.Fail}})); r.Status != 409 || !bytes.Contains(r.Body, []byte("spent")) {
		t.Errorf("%d %s", r.Status, r.Body)
	}
}

// An older run that arrives late replaces nothing of a newer one, at either tier, and opens and closes nothing.
func TestOlderRun(t *testing.T) {
	s := newSite(t)
	id := s.submit(exists).Assertions[0].ID
	s.implement("C2")
	old := s.pull()
	s.run(nil)
	s.clock.Advance(time.Minute)
	before := s.stored()
	out := must(s.send(predicate(old, map[threat.ID]say{id: {one: evidence.Fail}})))(t)
	if len(out.Drift) != 0 || len(out.Opened) != 0 || len(out.Controls) != 0 || out.Summary[evidence.Verified] != 1 {
		t.Errorf("%+v", out)
	}
	if diff := cmp.Diff(before, s.stored()); diff != "" {
		t.Errorf("the controls (-before +after):\n%s", diff)
	}
	if f := s.findings(); len(f) != 0 {
		t.Errorf("%+v", f)
	}
	// And an old pass does not mend a newer fail.
	old = s.pull()
	s.run(map[threat.ID]say{id: {one: evidence.Fail}})
	out = must(s.send(predicate(old, nil)))(t)
	if len(out.Mended) != 0 || len(out.Closed) != 0 || s.findings()[0].Status != threat.Discovered {
		t.Errorf("%+v", out)
	}
	s.want("C2", evidence.Failed)
}

// A run on a branch that does not count is stored, says what it would change, and changes nothing.
func TestPreview(t *testing.T) {
	s := newSite(t)
	id := s.submit(exists).Assertions[0].ID
	s.implement("C2")
	s.run(nil)
	pull := s.pull()
	before, assertions := s.stored(), must(s.ListAssertions(ctx, s.who, service.ListAssertionsIn{ModelID: s.model}))(t)
	p := predicate(pull, map[threat.ID]say{id: {one: evidence.Fail}})
	p.Branch = "feature/x"
	out := must(s.send(p))(t)
	if out.Counted || out.Branch != "main" || !slices.Equal(out.Drift, []threat.ID{id}) || len(out.Opened) != 0 || out.Tier1[evidence.Fail] != 1 ||
		!cmp.Equal(out.Controls, []service.ControlChange{{ID: "C2", Before: evidence.Verified, After: evidence.Failed}}) ||
		out.Summary[evidence.Failed] != 1 || !strings.Contains(out.Hint, "preview") {
		t.Errorf("%+v", out)
	}
	if diff := cmp.Diff(before, s.stored()); diff != "" {
		t.Errorf("the controls (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(assertions, must(s.ListAssertions(ctx, s.who, service.ListAssertionsIn{ModelID: s.model}))(t)); diff != "" {
		t.Errorf("the assertions (-before +after):\n%s", diff)
	}
	if f := s.findings(); len(f) != 0 {
		t.Errorf("%+v", f)
	}
	_, err := s.send(predicate(pull, nil))
	code(t, err, threat.Conflict) // the nonce is spent all the same
	// The branch that counts is the model's to say.
	must(s.EditThreatModel(ctx, s.who, service.EditThreatModelIn{ModelID: s.model, Repos: []store.Repo{{Repo: repo, Branch: "trunk"}}}))(t)
	if out := s.run(nil); out.Counted || out.Branch != "trunk" {
		t.Errorf("%+v", out)
	}
	p = predicate(s.pull(), map[threat.ID]say{id: {one: evidence.Fail}})
	p.Branch = "trunk"
	if out := must(s.send(p))(t); !out.Counted || len(out.Opened) != 1 {
		t.Errorf("%+v", out)
	}
}

// Drift opens a finding with its link, once; a mended one closes by itself; a drift after that opens another that names the first.
func TestDrift(t *testing.T) {
	s := newSite(t)
	id := s.submit(exists).Assertions[0].ID
	s.implement("C2")
	s.run(map[threat.ID]say{id: {one: evidence.Fail}})
	if f := s.findings(); len(f) != 0 {
		t.Errorf("a first fail is no drift: %+v", f)
	}
	if out := s.run(nil); !slices.Equal(out.Mended, []threat.ID{id}) {
		t.Errorf("%+v", out)
	}
	drifting := s.pull()
	early := s.pull() // before the finding opens
	out := must(s.send(predicate(drifting, map[threat.ID]say{id: {one: evidence.Fail}})))(t)
	found := s.findings()
	if !slices.Equal(out.Drift, []threat.ID{id}) || len(found) != 1 || !slices.Equal(out.Opened, []threat.ID{found[0].ID}) {
		t.Fatalf("%+v, findings %+v", out, found)
	}
	f := found[0]
	if f.Source != threat.FromDrift || f.Status != threat.Discovered || f.Control != "C2" || f.Severity == "" || f.Description != "it is not there" ||
		!slices.Equal(f.CheckedLocations, []string{"b.go"}) || f.Reopens != "" || f.ExpectedEvidence == "" {
		t.Errorf("%+v", f)
	}
	if l := s.links(); len(l) != 1 || l[0].Finding != f.ID || l[0].Assertion != id || l[0].Since != 4 {
		t.Errorf("%+v", l)
	}
	rows := must(s.ListAssertions(ctx, s.who, service.ListAssertionsIn{ModelID: s.model, Drifted: true}))(t)
	if rows.Total != 1 || rows.Summary.Drifted != 1 || rows.Assertions[0].Status != evidence.Failed {
		t.Errorf("%+v", rows)
	}
	// What was pulled before may be from before the mend: it passes, and closes nothing.
	if out := must(s.send(predicate(early, nil)))(t); !slices.Equal(out.Mended, []threat.ID{id}) || len(out.Closed) != 0 {
		t.Errorf("%+v", out)
	}
	if got := s.findings()[0].Status; got != threat.Discovered {
		t.Errorf("a run pulled before made it %s", got)
	}
	// Another drift while the finding is open is the same one, and failing on is no drift.
	if out := s.run(map[threat.ID]say{id: {one: evidence.Fail}}); len(out.Drift) != 1 || len(out.Opened) != 0 || len(s.findings()) != 1 {
		t.Errorf("%+v", out)
	}
	if out := s.run(map[threat.ID]say{id: {one: evidence.Fail}}); len(out.Drift) != 0 || len(out.Opened) != 0 || len(s.findings()) != 1 {
		t.Errorf("%+v", out)
	}
	// Tier 1 alone remedies, both tiers verify.
	out = s.run(map[threat.ID]say{id: {two: evidence.Skipped, code: "mended"}})
	if got := s.findings()[0].Status; got != threat.Remediated || len(out.Closed) != 0 {
		t.Errorf("Tier 1 alone made it %s", got)
	}
	out = s.run(map[threat.ID]say{id: {code: "mended"}})
	if got := s.findings()[0].Status; got != threat.FixVerified || !slices.Equal(out.Closed, []threat.ID{f.ID}) {
		t.Errorf("both tiers made it %s: %+v", got, out)
	}
	if rows := must(s.ListAssertions(ctx, s.who, service.ListAssertionsIn{ModelID: s.model, Drifted: true}))(t); rows.Total != 0 {
		t.Errorf("%+v", rows)
	}
	// Again, at Tier 2 this time.
	out = s.run(map[threat.ID]say{id: {two: evidence.Fail, code: "worse"}})
	found = s.findings()
	if len(found) != 2 || found[1].Reopens != f.ID || found[1].Description != "because" || found[0].Status != threat.FixVerified || !slices.Equal(out.Opened, []threat.ID{found[1].ID}) {
		t.Errorf("%+v", found)
	}
	// A dismissed one stays dismissed, and a new drift is the same one.
	testenv.Write(t, s.st, func(tx *store.Tx) error {
		return tx.SetFindingStatus(s.who.WorkspaceID, s.model, found[1].ID, threat.Dismissed, "accepted")
	})
	s.run(map[threat.ID]say{id: {code: "mended"}})
	if out := s.run(map[threat.ID]say{id: {one: evidence.Fail}}); len(out.Drift) != 1 || len(out.Opened) != 0 || len(s.findings()) != 2 {
		t.Errorf("%+v", out)
	}
	if got := s.findings()[1]; got.Status != threat.Dismissed || got.Reason != "accepted" {
		t.Errorf("%+v", got)
	}
}

// A run over the pending assertions counts, and reports no drift.
func TestPendingRunReportsNoDrift(t *testing.T) {
	s := newSite(t)
	id := s.submit(exists).Assertions[0].ID
	s.implement("C2")
	s.run(map[threat.ID]say{id: {two: evidence.Skipped}})
	pull := must(s.PullAssertions(ctx, s.ci, service.PullAssertionsIn{ModelID: s.model, Pending: true}))(t)
	if pull.Total != 1 || !pull.Pending {
		t.Fatalf("%+v", pull)
	}
	out := must(s.send(predicate(pull, map[threat.ID]say{id: {one: evidence.Fail}})))(t)
	if len(out.Drift) != 0 || len(s.findings()) != 0 || !out.Counted {
		t.Errorf("%+v", out)
	}
	s.want("C2", evidence.Failed)
}

// Unchanged confirms what is held: the verdict stays, its time and run are renewed, and it is marked as carried.
func TestUnchanged(t *testing.T) {
	s := newSite(t)
	list := s.submit(exists, calls3).Assertions
	s.implement("C2", "C3")
	s.run(map[threat.ID]say{list[1].ID: {one: evidence.Fail}})
	s.clock.Advance(20 * 24 * time.Hour)
	unchanged := func() (service.SubmitRunOut, error) {
		pull := s.pull()
		p := predicate(pull, nil)
		for i := range p.Results {
			r := &p.Results[i]
			r.Verdict, r.Facets, r.Judge, r.Reason = evidence.Unchanged, nil, "", ""
			if r.Assertion == list[1].ID {
				r.Excerpt = ""
				if r.Tier == 2 {
					r.Verdict = evidence.Skipped
				}
			}
		}
		return s.send(p)
	}
	out := must(unchanged())(t)
	if out.Tier1[evidence.Unchanged] != 2 || out.Tier2[evidence.Unchanged] != 1 || len(out.Controls) != 0 {
		t.Errorf("%+v", out)
	}
	s.want("C2", evidence.Verified)
	s.want("C3", evidence.Failed)
	s.clock.Advance(20 * 24 * time.Hour)
	if rows := s.controls(t, s.model, service.GetControlsIn{Verification: evidence.Verified}); len(rows) != 1 {
		t.Errorf("40 days after the first and 20 after the second run verified are %+v", rows)
	}
	rows := must(s.ListAssertions(ctx, s.who, service.ListAssertionsIn{ModelID: s.model, IDs: []threat.ID{list[0].ID}}))(t).Assertions
	if !rows[0].Tier1.Carried || !rows[0].Tier2.Carried || rows[0].Tier2.Judge != "exec:test" || rows[0].Tier2.Facets["C2.a"] != evidence.Pass {
		t.Errorf("%+v %+v", rows[0].Tier1, rows[0].Tier2)
	}
}

// An assertion that is deleted between the pull and the run is answered for nothing; one that is added meanwhile waits for the next.
func TestSetChangesDuringARun(t *testing.T) {
	s := newSite(t)
	list := s.submit(exists, calls3).Assertions
	s.implement("C2", "C3")
	pull := s.pull()
	must(s.DeleteAssertion(ctx, s.who, service.DeleteAssertionIn{ModelID: s.model, Assertion: list[1].ID, Reason: "x"}))(t)
	added := calls
	added.Facets = []threat.ID{"C1.a"}
	s.submit(added)
	out := must(s.send(predicate(pull, map[threat.ID]say{list[1].ID: {one: evidence.Fail}})))(t)
	if out.Tier1[evidence.Pass] != 1 || out.Tier1[evidence.Fail] != 0 {
		t.Errorf("%+v", out)
	}
	s.want("C2", evidence.Verified)
	s.want("C3", evidence.None)
}

// Code that addresses the judge fails and opens a finding of its own, which only a pass without it closes.
func TestInjection(t *testing.T) {
	s := newSite(t)
	id := s.submit(exists).Assertions[0].ID
	s.implement("C2")
	out := s.run(map[threat.ID]say{id: {two: evidence.Fail, inject: true}})
	f := s.findings()
	if len(f) != 1 || f[0].Source != threat.FromInjection || !slices.Equal(out.Opened, []threat.ID{f[0].ID}) || f[0].Control != "C2" {
		t.Fatalf("%+v, %+v", f, out)
	}
	s.want("C2", evidence.Failed)
	if out := s.run(map[threat.ID]say{id: {two: evidence.Fail, inject: true}}); len(out.Opened) != 0 || len(s.findings()) != 1 {
		t.Errorf("%+v", out)
	}
	if out := s.run(map[threat.ID]say{id: {code: "clean"}}); !slices.Equal(out.Closed, []threat.ID{f[0].ID}) {
		t.Errorf("%+v", out)
	}
}

// A drift finding whose assertion is deleted stays open: what is deleted never passes.
func TestDeletedAssertionClosesNothing(t *testing.T) {
	s := newSite(t)
	id := s.submit(exists).Assertions[0].ID
	s.implement("C2")
	s.run(nil)
	s.run(map[threat.ID]say{id: {one: evidence.Fail}})
	must(s.DeleteAssertion(ctx, s.who, service.DeleteAssertionIn{ModelID: s.model, Assertion: id, Reason: "moved"}))(t)
	next := exists
	next.Params = evidence.Params{"file": "b.go", "name": "G2"}
	s.submit(next)
	s.implement("C2")
	s.run(nil)
	s.want("C2", evidence.Verified)
	if f := s.findings(); len(f) != 1 || f[0].Status != threat.Discovered {
		t.Errorf("%+v", f)
	}
}

// The findings of controls that a regeneration replaces are about no control any more, and the closed ones stay as they are.
func TestRegenerationUnmapsFindings(t *testing.T) {
	b := newBench(t)
	s := &site{bench: b, t: t, model: b.model(t).ModelID}
	s.ci = b.who
	s.ci.Scope, s.ci.KeyID = account.Verifier, testenv.NewID(t)
	must(s.EditThreatModel(ctx, s.who, service.EditThreatModelIn{ModelID: s.model, Repos: []store.Repo{{Repo: repo}}}))(t)
	c := s.controls(t, s.model, service.GetControlsIn{})[0]
	id := s.submit(service.NewAssertion{
		Type: evidence.FunctionExists, Control: c.ID, Facets: []threat.ID{c.Facets[0].ID}, Params: evidence.Params{"file": "b.go", "name": "G"},
	}).Assertions[0].ID
	s.run(nil)
	s.run(map[threat.ID]say{id: {one: evidence.Fail}})
	if f := s.findings(); len(f) != 1 || f[0].Control != c.ID {
		t.Fatalf("%+v", f)
	}
	must(b.await(t, must(s.RegenerateControls(ctx, s.who, service.RegenerateControlsIn{Target: target(s.model)}))(t)))(t)
	if f := s.findings(); len(f) != 1 || f[0].Control != "" || f[0].Status != threat.Discovered {
		t.Errorf("%+v", f)
	}
	if pull := s.pull(); pull.Total != 0 {
		t.Errorf("assertions of replaced controls are pulled: %+v", pull.Assertions)
	}
	if list := must(s.ListAssertions(ctx, s.who, service.ListAssertionsIn{ModelID: s.model}))(t); list.Total != 0 {
		t.Errorf("%+v", list)
	}
	// An empty pull is answered by an empty run.
	if out := s.run(nil); !out.Counted {
		t.Errorf("%+v", out)
	}
}
