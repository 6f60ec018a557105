package service_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/posture"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

func ptr[T any](v T) *T { return &v }

// newDesk is a site whose next control is C4.
func newDesk(t testing.TB) *site {
	t.Helper()
	return newSite(t).fresh(t)
}

// fresh is a desk with a model of its own on the same bench, which costs far less than a bench.
func (s *site) fresh(t testing.TB) *site {
	t.Helper()
	f := &site{bench: s.bench, t: t, model: addSite(t, s.bench), ci: s.ci}
	testenv.Write(t, s.st, func(tx *store.Tx) error {
		return tx.SaveCounters(s.who.WorkspaceID, f.model, threat.Counters{threat.KindControl: 4})
	})
	return f
}

// boss is the site's user with a key that may decide.
func (s *site) boss() account.Principal {
	who := s.who
	who.DecideGranted = true
	return who
}

func (s *site) edit(ops ...service.ControlOp) (service.EditControlsOut, error) {
	return s.EditControls(ctx, s.who, service.EditControlsIn{ModelID: s.model, Operations: ops})
}

// edited runs operations that must succeed.
func (s *site) edited(ops ...service.ControlOp) service.EditControlsOut {
	s.t.Helper()
	return must(s.edit(ops...))(s.t)
}

func (s *site) setGroups(co threat.ID, groups ...[]threat.ID) service.EditControlsOut {
	s.t.Helper()
	return must(s.SetMitigationGroups(ctx, s.who, service.SetMitigationGroupsIn{ModelID: s.model, Objective: co, Groups: groups}))(s.t)
}

func (s *site) approve(in service.ApproveChangeIn) (service.ApproveChangeOut, error) {
	in.ModelID, in.Reason = s.model, "looked at and right"
	return s.ApproveChange(ctx, s.boss(), in)
}

// row is where a CO stands.
func (s *site) row(co threat.ID) service.PostureRow {
	s.t.Helper()
	out := must(s.AssessModel(ctx, s.who, service.AssessModelIn{ModelID: s.model, Objectives: []threat.ID{co}, Limit: all()}))(s.t)
	if len(out.Objectives) != 1 {
		s.t.Fatalf("%s: %+v", co, out)
	}
	return out.Objectives[0]
}

// wantGroups checks the groups of a CO, written as "C1 C2 | C3 + C4": the part after the plus is defence in depth.
func (s *site) wantGroups(co threat.ID, want string) {
	s.t.Helper()
	if got := s.groups(co); got != want {
		s.t.Errorf("%s has the groups %q, want %q", co, got, want)
	}
}

func (s *site) groups(co threat.ID) string {
	s.t.Helper()
	out := must(s.GetControlObjectives(ctx, s.who, service.GetControlObjectivesIn{ModelID: s.model, IDs: []threat.ID{co}, Limit: all()}))(s.t)
	words := func(list []threat.ID) string { return strings.Trim(fmt.Sprint(list), "[]") }
	var groups []string
	for _, g := range out.Objectives[0].Groups {
		groups = append(groups, words(g))
	}
	text := strings.Join(groups, " | ")
	if d := out.Objectives[0].DefenceInDepth; len(d) > 0 {
		text += " + " + words(d)
	}
	return text
}

// whole is everything that writes on controls and decisions of people leave in the database, as text; the activity is not in it.
func (s *site) whole() string {
	s.t.Helper()
	parts := []any{s.picture()}
	testenv.Read(s.t, s.st, func(v *store.Snapshot) error {
		w := s.who.WorkspaceID
		for _, read := range []func() (any, error){
			func() (any, error) { return v.DeletedControls(w, s.model) },
			func() (any, error) { return v.Links(w, s.model) },
			func() (any, error) { return v.CarriedControls(w, s.model) },
			func() (any, error) { return v.Documents(w, s.model) },
			func() (any, error) { return v.WeakenedObjectives(w, s.model) },
			func() (any, error) { return v.Attestations(w, s.model) },
			func() (any, error) { return v.AcceptedRisks(w, s.model) },
			func() (any, error) { return v.AssumptionStates(w, s.model) },
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

// refuses runs something that must fail with a code on a field, and change nothing.
func (s *site) refuses(err func() error, want threat.Code, field string) *threat.Error {
	s.t.Helper()
	before := s.whole()
	te := code(s.t, err(), want)
	if te.Field != field {
		s.t.Errorf("%v is about %q, want %q", te, te.Field, field)
	}
	if diff := cmp.Diff(before, s.whole()); diff != "" {
		s.t.Errorf("the refusal %v changed what is stored (-before +after):\n%s", te, diff)
	}
	return te
}

func (s *site) refusesEdit(want threat.Code, field string, ops ...service.ControlOp) *threat.Error {
	s.t.Helper()
	return s.refuses(func() error { _, err := s.edit(ops...); return err }, want, field)
}

// cos is a short way to write ids of COs.
func cos(ids ...threat.ID) []threat.ID { return ids }

const why = "it was told twice"

// Each operation does what it says, in one batch and in its order.
func TestEditControlsOperations(t *testing.T) {
	s := newDesk(t)
	out := s.edited(
		service.ControlOp{
			Op: service.OpAdd, Description: ptr("Keep an audit trail."), Objectives: cos("CO-A2-T2", "CO-A1-T1"), Notes: ptr("n"), FrameworkRefs: []string{"asvs-5.0:V16.1.1"},
			Facets: []service.NewFacet{{Text: "Each write leaves a row.", Kind: threat.BehaviourFacet}, {Text: "It is tested.", Kind: threat.TestFacet}},
		},
		service.ControlOp{Op: service.OpEdit, ID: "C2", Notes: ptr("see the wiki"), FrameworkRefs: []string{"x:1"}},
		service.ControlOp{Op: service.OpEdit, ID: "C3", Description: ptr("Control three."), Reason: why},
		service.ControlOp{Op: service.OpLink, ID: "C2", Objectives: cos("CO-A2-T2")},
		service.ControlOp{Op: service.OpLink, ID: "C3", Objectives: cos("CO-A1-T1"), Group: 1},
		service.ControlOp{Op: service.OpUnlink, ID: "C2", Objectives: cos("CO-A2-T2")},
		service.ControlOp{Op: service.OpAssume, ID: "C1", Assumption: "AS1"},
		service.ControlOp{Op: service.OpAddEvidence, ID: "C1", Title: "Review of March", URL: "https://example.org/review"},
	)
	want := []service.EditedControl{
		{
			ID: "C4", Revision: 1, Status: threat.NotImplemented, Verification: evidence.None,
			Facets: []threat.Facet{{ID: "C4.a", Text: "Each write leaves a row.", Kind: threat.BehaviourFacet}, {ID: "C4.b", Text: "It is tested.", Kind: threat.TestFacet}},
		},
		{ID: "C2", Revision: 2, Status: threat.NotImplemented, Verification: evidence.None},
		{ID: "C3", Revision: 2, Status: threat.NotImplemented, Verification: evidence.None},
		{ID: "C1", Revision: 1, Status: threat.NotImplemented, Verification: evidence.None, Evidence: 1},
	}
	if diff := cmp.Diff(want, out.Controls, cmpopts.IgnoreFields(service.EditedControl{}, "Facets")); diff != "" || !slices.Equal(out.Controls[0].Facets, want[0].Facets) {
		t.Errorf("the answer (-want +got):\n%s\n%+v", diff, out.Controls[0].Facets)
	}
	if out.Version != 1 || len(out.Weakened) != 0 || out.Hint != "" { // nothing left a group, and none was added beside another
		t.Errorf("version %d, weakened %v, %q", out.Version, out.Weakened, out.Hint)
	}
	s.wantGroups("CO-A1-T1", "C1 C3 + C4")
	s.wantGroups("CO-A2-T2", "C4")
	rows := s.controls(t, s.model, service.GetControlsIn{IDs: []threat.ID{"C2", "C3", "C4"}})
	by := map[threat.ID]service.ControlRow{}
	for _, r := range rows {
		by[r.ID] = r
	}
	if by["C2"].Notes != "see the wiki" || !slices.Equal(by["C2"].FrameworkRefs, []string{"x:1"}) || by["C3"].Description != "Control three." ||
		by["C4"].Source != threat.Manual || !slices.Equal(by["C4"].Objectives, cos("CO-A1-T1", "CO-A2-T2")) {
		t.Errorf("%+v", by)
	}
	testenv.Read(t, s.st, func(v *store.Snapshot) error {
		carried, err := v.CarriedControls(s.who.WorkspaceID, s.model)
		if len(carried) != 1 || carried[0] != (store.Carried{Control: "C1", Assumption: "AS1"}) {
			t.Errorf("carried: %v", carried)
		}
		return err
	})

	// What was added goes again; a number of auxiliary evidence is not given twice.
	out = s.edited(
		service.ControlOp{Op: service.OpUnassume, ID: "C1", Assumption: "AS1"},
		service.ControlOp{Op: service.OpRemoveEvidence, ID: "C1", Evidence: 1},
		service.ControlOp{Op: service.OpAddEvidence, ID: "C1", Title: "Again"},
		service.ControlOp{Op: service.OpUnlink, ID: "C4", Objectives: cos("CO-A1-T1")},
		service.ControlOp{Op: service.OpLink, ID: "C2", Objectives: cos("CO-A2-T2"), Group: 1},
	)
	if out.Controls[0].ID != "C1" || out.Controls[0].Evidence != 2 {
		t.Errorf("%+v", out.Controls[0])
	}
	s.wantGroups("CO-A1-T1", "C1 C3")
	s.wantGroups("CO-A2-T2", "C2 C4")
	testenv.Read(t, s.st, func(v *store.Snapshot) error {
		carried, err := v.CarriedControls(s.who.WorkspaceID, s.model)
		if err != nil || len(carried) != 0 {
			t.Errorf("carried: %v, %v", carried, err)
		}
		docs, err := v.Documents(s.who.WorkspaceID, s.model)
		if want := []store.Document{{Control: "C1", Number: 2, Title: "Again", CreatedBy: s.who.UserID}}; !slices.Equal(docs, want) {
			t.Errorf("documents: %v", docs)
		}
		return err
	})
}

// A batch of which one operation is wrong names that one and leaves nothing behind.
func TestEditControlsRefusals(t *testing.T) {
	s := newDesk(t)
	good := []service.ControlOp{
		{Op: service.OpAdd, Description: ptr("d"), Objectives: cos("CO-A2-T2"), Facets: []service.NewFacet{{Text: "f", Kind: threat.TestFacet}}},
		{Op: service.OpEdit, ID: "C1", Facets: []service.NewFacet{{Text: "other", Kind: threat.TestFacet}}, Reason: why},
		{Op: service.OpLink, ID: "C2", Objectives: cos("CO-A1-T1"), Group: 2},
		{Op: service.OpAssume, ID: "C2", Assumption: "AS1"},
		{Op: service.OpAddEvidence, ID: "C2", Title: "t"},
		{Op: service.OpRemove, ID: "C1", Reason: "gone"},
	}
	facet := []service.NewFacet{{Text: "f", Kind: threat.TestFacet}}
	for name, c := range map[string]struct {
		op    service.ControlOp
		code  threat.Code
		field string
	}{
		"an unknown operation":          {service.ControlOp{Op: "x", ID: "C2"}, threat.Invalid, "op"},
		"no such control":               {service.ControlOp{Op: service.OpEdit, ID: "C99", Notes: ptr("n")}, threat.NotFound, "id"},
		"a control removed before":      {service.ControlOp{Op: service.OpEdit, ID: "C1", Notes: ptr("n")}, threat.NotFound, "id"},
		"add with an id":                {service.ControlOp{Op: service.OpAdd, ID: "C9", Description: ptr("d"), Facets: facet, Objectives: cos("CO-A1-T1")}, threat.Invalid, "id"},
		"add for nothing":               {service.ControlOp{Op: service.OpAdd, Description: ptr("d"), Facets: facet}, threat.Invalid, "control_objectives"},
		"add for no such CO":            {service.ControlOp{Op: service.OpAdd, Description: ptr("d"), Facets: facet, Objectives: cos("CO-A9-T1")}, threat.NotFound, "control_objectives"},
		"add without facets":            {service.ControlOp{Op: service.OpAdd, Description: ptr("d"), Objectives: cos("CO-A1-T1")}, threat.Invalid, "facets"},
		"add without a description":     {service.ControlOp{Op: service.OpAdd, Facets: facet, Objectives: cos("CO-A1-T1")}, threat.Invalid, "description"},
		"edit of nothing":               {service.ControlOp{Op: service.OpEdit, ID: "C2", Reason: why}, threat.Invalid, "op"},
		"edit without why":              {service.ControlOp{Op: service.OpEdit, ID: "C2", Description: ptr("d")}, threat.Invalid, "reason"},
		"edit with 9 characters of why": {service.ControlOp{Op: service.OpEdit, ID: "C2", Facets: facet, Reason: "  äöüäöüäöü "}, threat.Invalid, "reason"},
		"edit to no facets":             {service.ControlOp{Op: service.OpEdit, ID: "C2", Facets: []service.NewFacet{}, Reason: why}, threat.Invalid, "facets"},
		"edit at another revision":      {service.ControlOp{Op: service.OpEdit, ID: "C2", Notes: ptr("n"), ExpectedRevision: 2}, threat.Conflict, "expected_revision"},
		"remove without why":            {service.ControlOp{Op: service.OpRemove, ID: "C2"}, threat.Invalid, "reason"},
		"restore of a live one":         {service.ControlOp{Op: service.OpRestore, ID: "C2"}, threat.NotFound, "id"},
		"restore at another revision":   {service.ControlOp{Op: service.OpRestore, ID: "C1", ExpectedRevision: 1}, threat.Conflict, "expected_revision"},
		"link to nothing":               {service.ControlOp{Op: service.OpLink, ID: "C2"}, threat.Invalid, "control_objectives"},
		"link to no such CO":            {service.ControlOp{Op: service.OpLink, ID: "C2", Objectives: cos("CO-A1-T9")}, threat.NotFound, "control_objectives"},
		"link into a group too far":     {service.ControlOp{Op: service.OpLink, ID: "C2", Objectives: cos("CO-A2-T1"), Group: 3}, threat.Invalid, "group"},
		"link into a negative group":    {service.ControlOp{Op: service.OpLink, ID: "C2", Objectives: cos("CO-A2-T1"), Group: -1}, threat.Invalid, "group"},
		"unlink from nothing":           {service.ControlOp{Op: service.OpUnlink, ID: "C2"}, threat.Invalid, "control_objectives"},
		"unlink from what is not":       {service.ControlOp{Op: service.OpUnlink, ID: "C2", Objectives: cos("CO-A2-T1")}, threat.NotFound, "control_objectives"},
		"assume what is not":            {service.ControlOp{Op: service.OpAssume, ID: "C2", Assumption: "AS9"}, threat.NotFound, "assumption_id"},
		"unassume what is not":          {service.ControlOp{Op: service.OpUnassume, ID: "C2"}, threat.NotFound, "assumption_id"},
		"evidence without a title":      {service.ControlOp{Op: service.OpAddEvidence, ID: "C2", URL: "https://example.org"}, threat.Invalid, "title"},
		"evidence that is a script":     {service.ControlOp{Op: service.OpAddEvidence, ID: "C2", Title: "t", URL: "javascript:alert(1)"}, threat.Invalid, "url"},
		"evidence with a password":      {service.ControlOp{Op: service.OpAddEvidence, ID: "C2", Title: "t", URL: "https://a:b@example.org"}, threat.Invalid, "url"},
		"no such evidence":              {service.ControlOp{Op: service.OpRemoveEvidence, ID: "C2", Evidence: 7}, threat.NotFound, "evidence"},
	} {
		t.Run(name, func(t *testing.T) {
			s.t = t
			te := s.refusesEdit(c.code, fmt.Sprintf("operations.%d.%s", len(good), c.field), append(slices.Clone(good), c.op)...)
			if te.Hint == "" && te.Field == "" {
				t.Errorf("%v says nothing of what to do", te)
			}
		})
	}
	s.t = t
	s.refusesEdit(threat.Invalid, "operations")
	s.refusesEdit(threat.Invalid, "operations", make([]service.ControlOp, service.MaxOperations+1)...)
	s.edited(good...) // and without a wrong one it all happens
	if d := s.controls(t, s.model, service.GetControlsIn{Deleted: true}); len(d) != 1 || d[0].ID != "C1" {
		t.Errorf("deleted are %+v", d)
	}
}

// expected_revision is that which the caller read before the batch, for each of its operations.
func TestExpectedRevision(t *testing.T) {
	s := newDesk(t)
	out := s.edited(
		service.ControlOp{Op: service.OpEdit, ID: "C1", Notes: ptr("one"), ExpectedRevision: 1},
		service.ControlOp{Op: service.OpEdit, ID: "C1", Notes: ptr("two"), ExpectedRevision: 1},
	)
	if out.Controls[0].Revision != 3 {
		t.Fatalf("%+v", out.Controls)
	}
	te := s.refusesEdit(threat.Conflict, "operations.0.expected_revision", service.ControlOp{Op: service.OpEdit, ID: "C1", Notes: ptr("x"), ExpectedRevision: 1})
	if !strings.Contains(te.Message, "revision 3") {
		t.Errorf("%v", te)
	}
	for name, do := range map[string]func() error{
		"refine_control": func() error {
			_, err := s.RefineControl(ctx, s.who, service.RefineControlIn{ModelID: s.model, Control: "C1", Description: ptr("d"), Justification: why, ExpectedRevision: 2})
			return err
		},
		"delete_control": func() error {
			_, err := s.DeleteControl(ctx, s.who, service.DeleteControlIn{ModelID: s.model, Control: "C1", Reason: why, ExpectedRevision: 2})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) { s.refuses(do, threat.Conflict, "expected_revision") })
	}
}

// claimed and verified evidence of C1, from the beginning.
func (s *site) verifyC1() {
	s.t.Helper()
	s.submit(calls, absent)
	s.implement("C1")
	s.run(nil)
	s.want("C1", evidence.Verified)
}

// A facet that says the same keeps its id; one that is dropped or reworded weakens the control, makes its assertions incoherent, and gives its
// letter to no other. What was weakened is claimed, never verified, until somebody approves it.
func TestRefineControl(t *testing.T) {
	s := newDesk(t)
	s.verifyC1()
	if r := s.row("CO-A1-T1"); r.Status != posture.Mitigated || r.Assurance != posture.Verified || r.Weakened {
		t.Fatalf("%+v", r)
	}
	refine := func(in service.RefineControlIn) (service.EditControlsOut, error) {
		in.ModelID, in.Control = s.model, "C1"
		out, err := s.RefineControl(ctx, s.who, in)
		return out.EditControlsOut, err
	}
	// A rewording of the description, and a further facet, weaken nothing.
	same := []service.NewFacet{{Text: "facet 1.", Kind: threat.AbsenceFacet}, {Text: "Facet 0.", Kind: threat.BehaviourFacet}}
	out := must(refine(service.RefineControlIn{Description: ptr("In other words."), Facets: same, Justification: why}))(t)
	if c := out.Controls[0]; c.Weakened != "" || c.Facets[0].ID != "C1.b" || c.Facets[1].ID != "C1.a" || out.Hint != "" {
		t.Errorf("%+v", out)
	}
	more := append(slices.Clone(same), service.NewFacet{Text: "It is tested.", Kind: threat.TestFacet})
	out = must(refine(service.RefineControlIn{Facets: more, Justification: why}))(t)
	if c := out.Controls[0]; c.Weakened != "" || c.Facets[2].ID != "C1.c" || c.Verification != evidence.InsufficientStatus {
		t.Errorf("%+v", c)
	}
	if r := s.row("CO-A1-T1"); r.Status != posture.Mitigated || r.Assurance != posture.Claimed || r.Weakened {
		t.Errorf("%+v", r)
	}

	other := []service.NewFacet{{Text: "Facet 0, and more.", Kind: threat.BehaviourFacet}, same[0]}
	out = must(refine(service.RefineControlIn{Facets: other, Justification: why}))(t)
	c := out.Controls[0]
	if c.Facets[0].ID != "C1.d" || c.Facets[1].ID != "C1.b" || !strings.Contains(c.Weakened, "C1.a, C1.c") || c.Verification != evidence.Incoherent || out.Hint == "" {
		t.Errorf("%+v", out)
	}
	list := must(s.ListAssertions(ctx, s.who, service.ListAssertionsIn{ModelID: s.model, Control: "C1"}))(t).Assertions
	if list[0].Incoherent == "" || list[1].Incoherent != "" {
		t.Errorf("%+v", list)
	}
	if r := s.row("CO-A1-T1"); r.Status != posture.AtRisk || r.Reason != posture.FailedEvidence {
		t.Errorf("%+v", r)
	}

	// New evidence verifies the control, and still it counts as claimed.
	must(s.DeleteAssertion(ctx, s.who, service.DeleteAssertionIn{ModelID: s.model, Assertion: list[0].ID, Reason: "the facet is gone"}))(t)
	again := calls
	again.Facets = []threat.ID{"C1.d"}
	s.submit(again)
	s.run(nil)
	s.want("C1", evidence.Verified)
	if r := s.row("CO-A1-T1"); r.Status != posture.Mitigated || r.Assurance != posture.Claimed || !r.Weakened {
		t.Errorf("%+v", r)
	}
	must(s.approve(service.ApproveChangeIn{Controls: []threat.ID{"C1"}}))(t)
	if r := s.row("CO-A1-T1"); r.Assurance != posture.Verified || r.Weakened {
		t.Errorf("%+v", r)
	}
	s.refuses(func() error { _, err := s.approve(service.ApproveChangeIn{Controls: []threat.ID{"C1"}}); return err }, threat.FailedPrecondition, "controls")

	for name, c := range map[string]struct {
		in    service.RefineControlIn
		field string
	}{
		"9 characters": {service.RefineControlIn{Description: ptr("d"), Justification: "123456789"}, "justification"},
		"nothing":      {service.RefineControlIn{Justification: why}, "description"},
		"no facets":    {service.RefineControlIn{Facets: []service.NewFacet{}, Justification: why}, "facets"},
	} {
		t.Run(name, func(t *testing.T) {
			s.refuses(func() error { _, err := refine(c.in); return err }, threat.Invalid, c.field)
		})
	}
	_, err := s.RefineControl(ctx, s.who, service.RefineControlIn{ModelID: s.model, Control: "C77", Justification: why})
	if te := code(t, err, threat.NotFound); te.Field != "control_id" {
		t.Errorf("%v", te)
	}
	must(refine(service.RefineControlIn{Description: ptr("d"), Justification: "1234567890"}))(t)
}

// A control that alone mitigates a live CO stays, and the refusal names the COs; on a CO whose asset is gone nothing holds it.
func TestSoleMitigation(t *testing.T) {
	s := newDesk(t)
	s.edited(service.ControlOp{Op: service.OpLink, ID: "C1", Objectives: cos("CO-A2-T2")}, service.ControlOp{Op: service.OpLink, ID: "C2", Objectives: cos("CO-A1-T1")})
	remove := func(id threat.ID) func() error {
		return func() error {
			_, err := s.DeleteControl(ctx, s.who, service.DeleteControlIn{ModelID: s.model, Control: id, Reason: "r"})
			return err
		}
	}
	te := s.refuses(remove("C1"), threat.Conflict, "control_id")
	if !strings.Contains(te.Message, "CO-A1-T1, CO-A2-T2") || !strings.Contains(te.Hint, "set_mitigation_groups") {
		t.Errorf("%v", te)
	}
	s.refusesEdit(threat.Conflict, "operations.0.id", service.ControlOp{Op: service.OpRemove, ID: "C1", Reason: "r"})
	s.refusesEdit(threat.Conflict, "operations.0.id", service.ControlOp{Op: service.OpUnlink, ID: "C1", Objectives: cos("CO-A1-T1")})
	s.refuses(func() error {
		_, err := s.DeleteControl(ctx, s.who, service.DeleteControlIn{ModelID: s.model, Control: "C2"})
		return err
	}, threat.Invalid, "reason")

	// Two groups that come to the same single control are no second way.
	s.setGroups("CO-A1-T1", cos("C1"), cos("C1", "C2"))
	s.edited(service.ControlOp{Op: service.OpUnlink, ID: "C2", Objectives: cos("CO-A1-T1")})
	s.wantGroups("CO-A1-T1", "C1 | C1")
	te = s.refusesEdit(threat.Conflict, "operations.0.id", service.ControlOp{Op: service.OpUnlink, ID: "C1", Objectives: cos("CO-A1-T1")})
	if !strings.Contains(te.Message, "CO-A1-T1") {
		t.Errorf("%v", te)
	}
	// Another group is; and a CO that is gone holds nothing.
	s.setGroups("CO-A1-T1", cos("C1"), cos("C3"))
	must(s.RemoveAttacker(ctx, s.who, service.RemoveAttackerIn{Target: target(s.model), AttackerID: "T2"}))(t)
	if err := remove("C1")(); err != nil {
		t.Fatal(err)
	}
	s.wantGroups("CO-A1-T1", "C3")
}

// A control that leaves a group weakens the CO; restored, it brings its groups, its status and its assertions back under its id.
func TestRemoveAndRestoreControl(t *testing.T) {
	s := newDesk(t)
	s.verifyC1()
	s.setGroups("CO-A1-T1", cos("C1", "C3"))
	s.setGroups("CO-A1-T2", cos("C1"), cos("C2"))
	must(s.approve(service.ApproveChangeIn{Objectives: cos("CO-A1-T2")}))(t)
	s.clock.Advance(1)
	testenv.Write(t, s.st, func(tx *store.Tx) error {
		return tx.AddFindings(s.who.WorkspaceID, s.model, s.who.UserID, []threat.Finding{{
			ID: "F1", Control: "C1", Title: "No check", Status: threat.Discovered, Severity: threat.SeverityHigh, Source: threat.FromPerson, Fingerprint: "f",
		}})
	})
	out := must(s.DeleteControl(ctx, s.who, service.DeleteControlIn{ModelID: s.model, Control: "C1", Reason: "another one does it"}))(t)
	if c := out.Controls[0]; !c.Deleted || c.Revision != 3 || !slices.Equal(out.Weakened, cos("CO-A1-T1")) { // it left C3 alone there, and a whole group of CO-A1-T2
		t.Errorf("%+v", out)
	}
	s.wantGroups("CO-A1-T1", "C3")
	s.wantGroups("CO-A1-T2", "C2")
	if n := len(s.pull().Assertions); n != 0 {
		t.Errorf("%d assertions of a deleted control are pulled", n)
	}
	if f := s.findings(); f[0].Control != "" {
		t.Errorf("the finding still names %s", f[0].Control)
	}
	gone := s.controls(t, s.model, service.GetControlsIn{Deleted: true})
	if len(gone) != 1 || gone[0].ID != "C1" || gone[0].DeletedReason != "another one does it" || gone[0].Revision != 3 {
		t.Errorf("%+v", gone)
	}
	s.refuses(func() error {
		_, err := s.SubmitAssertions(ctx, s.who, service.SubmitAssertionsIn{ModelID: s.model, Assertions: []service.NewAssertion{calls}})
		return err
	}, threat.NotFound, "assertions.0.control_id")

	back := s.edited(service.ControlOp{Op: service.OpRestore, ID: "C1", ExpectedRevision: 3})
	if c := back.Controls[0]; c.ID != "C1" || c.Revision != 4 || c.Status != threat.Implemented || c.Verification != evidence.Verified {
		t.Errorf("%+v", back.Controls[0])
	}
	s.wantGroups("CO-A1-T1", "C1 C3")
	s.wantGroups("CO-A1-T2", "C1 | C2")
	if n := len(s.pull().Assertions); n != 2 {
		t.Errorf("%d assertions are pulled", n)
	}
	// For CO-A1-T2 it is a further group again, and somebody has to say that this is right.
	if !slices.Equal(back.Weakened, cos("CO-A1-T2")) {
		t.Errorf("weakened are %v", back.Weakened)
	}
	if r := s.row("CO-A1-T2"); r.Status != posture.Mitigated || r.Assurance != posture.Claimed || !r.Weakened {
		t.Errorf("%+v", r)
	}
	next := s.edited(service.ControlOp{Op: service.OpAdd, Description: ptr("d"), Objectives: cos("CO-A2-T2"), Facets: []service.NewFacet{{Text: "f", Kind: threat.TestFacet}}})
	if next.Controls[0].ID != "C4" {
		t.Errorf("%+v", next.Controls)
	}
	s.refusesEdit(threat.NotFound, "operations.0.id", service.ControlOp{Op: service.OpRestore, ID: "C1"})
}

// A control moves between the groups of a CO; the group that it leaves asks for less, which weakens the CO, whatever way it takes.
func TestMoveBetweenGroups(t *testing.T) {
	base := newDesk(t)
	for _, c := range []struct {
		name, before string
		control      threat.ID
		group        int
		after        string
		weakened     bool
	}{
		{"into a group that stands", "C1 | C2", "C3", 2, "C1 | C2 C3", false},
		{"from depth into a group", "C1 + C2", "C2", 1, "C1 C2", false},
		{"to a group of its own", "C1 + C2", "C2", 2, "C1 | C2", true},
		{"from one group to another", "C1 C2 | C3", "C1", 2, "C2 | C1 C3", true},
		{"its own group, again", "C1 | C2", "C2", 2, "C1 | C2", false},
		{"alone, to a further group", "C1 | C2", "C1", 3, "C2 | C1", false},
		{"alone, into the other", "C1 | C2", "C1", 2, "C1 C2", false},
		{"out of the one group of all", "C1 C2", "C1", 1, "C1 C2", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := base.fresh(t)
			groups, depth, _ := strings.Cut(c.before, " + ")
			var list [][]threat.ID
			for g := range strings.SplitSeq(groups, " | ") {
				list = append(list, fields(g))
			}
			s.setGroups("CO-A2-T2", list...)
			for _, id := range fields(depth) {
				s.edited(service.ControlOp{Op: service.OpLink, ID: id, Objectives: cos("CO-A2-T2")})
			}
			s.wantGroups("CO-A2-T2", c.before)
			out := s.edited(service.ControlOp{Op: service.OpLink, ID: c.control, Objectives: cos("CO-A2-T2"), Group: c.group})
			s.wantGroups("CO-A2-T2", c.after)
			if weakened := len(out.Weakened) > 0; weakened != c.weakened {
				t.Errorf("weakened is %v", out.Weakened)
			}
		})
	}
	// Named out of the one group of all, a control alone suffices where all were asked for.
	s := newDesk(t)
	s.edited(service.ControlOp{Op: service.OpLink, ID: "C1", Objectives: cos("CO-A2-T2")})
	s.setGroups("CO-A2-T2")
	s.edited(service.ControlOp{Op: service.OpLink, ID: "C2", Objectives: cos("CO-A2-T2")})
	s.wantGroups("CO-A2-T2", "C1 C2")
	out := s.edited(service.ControlOp{Op: service.OpLink, ID: "C2", Objectives: cos("CO-A2-T2"), Group: 1})
	s.wantGroups("CO-A2-T2", "C2 + C1")
	if !slices.Equal(out.Weakened, cos("CO-A2-T2")) {
		t.Errorf("weakened is %v", out.Weakened)
	}
}

func fields(s string) (out []threat.ID) {
	for _, f := range strings.Fields(s) {
		out = append(out, threat.ID(f))
	}
	return out
}

// A restored control may be a way to mitigate that there was not when it left.
func TestRestoreIntoOtherGroups(t *testing.T) {
	s := newDesk(t)
	s.setGroups("CO-A2-T1", cos("C1"), cos("C2")) // the sole control of it, C3, becomes depth
	must(s.approve(service.ApproveChangeIn{Objectives: cos("CO-A2-T1")}))(t)
	s.setGroups("CO-A1-T2", cos("C2", "C3"))
	s.setGroups("CO-A1-T1", cos("C1", "C3"))
	s.edited(service.ControlOp{Op: service.OpRemove, ID: "C2", Reason: "r"})
	must(s.approve(service.ApproveChangeIn{Objectives: cos("CO-A1-T2")}))(t)
	s.setGroups("CO-A2-T1", cos("C1", "C3"))
	out := s.edited(service.ControlOp{Op: service.OpRestore, ID: "C2"})
	s.wantGroups("CO-A2-T1", "C1 C3 | C2")
	s.wantGroups("CO-A1-T2", "C2 C3")
	if !slices.Equal(out.Weakened, cos("CO-A2-T1")) {
		t.Errorf("weakened is %v", out.Weakened)
	}
}

func TestSetMitigationGroupsRefusals(t *testing.T) {
	s := newDesk(t)
	many := make([][]threat.ID, threat.MaxGroups+1)
	for i := range many {
		many[i] = cos("C1")
	}
	for name, c := range map[string]struct {
		co     threat.ID
		groups [][]threat.ID
		code   threat.Code
		field  string
	}{
		"no such CO":        {"CO-A9-T9", nil, threat.NotFound, "control_objective"},
		"no such control":   {"CO-A1-T1", [][]threat.ID{{"C1"}, {"C9"}}, threat.NotFound, "groups.1"},
		"an empty group":    {"CO-A1-T1", [][]threat.ID{{}}, threat.Invalid, "groups.0"},
		"twice in a group":  {"CO-A1-T1", [][]threat.ID{{"C1", "C2", "C1"}}, threat.Invalid, "groups.0"},
		"the same group":    {"CO-A1-T1", [][]threat.ID{{"C1", "C2"}, {"C2", "C1"}}, threat.Invalid, "groups.1"},
		"too many":          {"CO-A1-T1", many, threat.Invalid, "groups"},
		"a deleted control": {"CO-A1-T1", [][]threat.ID{{"C4"}}, threat.NotFound, "groups.0"},
	} {
		t.Run(name, func(t *testing.T) {
			s.refuses(func() error {
				_, err := s.SetMitigationGroups(ctx, s.who, service.SetMitigationGroupsIn{ModelID: s.model, Objective: c.co, Groups: c.groups})
				return err
			}, c.code, c.field)
		})
	}
}

// Groups are alternatives, their members are needed together, and what is linked in no group never mitigates.
func TestGroupsMitigate(t *testing.T) {
	s := newDesk(t)
	s.setGroups("CO-A2-T2", cos("C1", "C2"), cos("C3"))
	stands := func(want posture.Status, reason posture.Reason, group int) {
		t.Helper()
		if r := s.row("CO-A2-T2"); r.Status != want || r.Reason != reason || r.Group != group {
			t.Errorf("it is %s, %s by group %d; want %s, %s by %d", r.Status, r.Reason, r.Group, want, reason, group)
		}
	}
	stands(posture.AtRisk, posture.MissingControls, 0)
	s.submit(calls, absent, exists)
	s.implement("C1")
	stands(posture.AtRisk, posture.IncompleteGroup, 0)
	s.implement("C2")
	stands(posture.Mitigated, "", 1)
	s.setGroups("CO-A2-T2", cos("C3"), cos("C1", "C2"))
	stands(posture.Mitigated, "", 2)
	s.setGroups("CO-A2-T2", cos("C3")) // C1 and C2 are depth now
	s.wantGroups("CO-A2-T2", "C3 + C1 C2")
	stands(posture.AtRisk, posture.MissingControls, 0)
	s.setGroups("CO-A2-T2")
	s.wantGroups("CO-A2-T2", "C1 C2 C3")
	stands(posture.AtRisk, posture.IncompleteGroup, 0)
}

// The group that posture names is that of get_control_objectives, also where one before it is gone.
func TestGroupsAreKnownByTheirPlace(t *testing.T) {
	s := newDesk(t)
	s.submit(calls3)
	s.implement("C3")
	s.setGroups("CO-A2-T2", cos("C1"), cos("C3"))
	if r := s.row("CO-A2-T2"); r.Group != 2 {
		t.Errorf("%+v", r)
	}
	s.edited(service.ControlOp{Op: service.OpUnlink, ID: "C1", Objectives: cos("CO-A2-T2")})
	s.wantGroups("CO-A2-T2", "C3")
	if r := s.row("CO-A2-T2"); r.Group != 1 {
		t.Errorf("%+v", r)
	}
}

// Over random groupings: a CO is weakened exactly when a group was added, or when some set of controls mitigates it now that did not before.
func TestWeakenedGroups(t *testing.T) {
	s := newDesk(t)
	s.edited(service.ControlOp{Op: service.OpAdd, Description: ptr("d"), Objectives: cos("CO-A1-T1"), Facets: []service.NewFacet{{Text: "f", Kind: threat.TestFacet}}})
	const co = "CO-A2-T2"
	controls := cos("C1", "C2", "C3", "C4")
	type grouping []int // each group a set of bits
	draw := rapid.Custom(func(t *rapid.T) grouping {
		return rapid.SliceOfNDistinct(rapid.IntRange(1, 15), 0, 4, rapid.ID[int]).Draw(t, "groups")
	})
	lists := func(g grouping) (out [][]threat.ID) {
		for _, set := range g {
			var list []threat.ID
			for i, id := range controls {
				if set>>i&1 == 1 {
					list = append(list, id)
				}
			}
			out = append(out, list)
		}
		return out
	}
	// effective is what a grouping comes to with the controls that are linked: no group is one of all.
	effective := func(g grouping, linked int) grouping {
		if len(g) == 0 && linked != 0 {
			return grouping{linked}
		}
		return g
	}
	satisfied := func(g grouping, in int) bool {
		return slices.ContainsFunc(g, func(set int) bool { return set&in == set })
	}
	rapid.Check(t, func(r *rapid.T) {
		linked := 0
		before := grouping{}
		testenv.Write(t, s.st, func(tx *store.Tx) error { // from the beginning, so that a case stands alone
			for _, id := range controls {
				if err := tx.RemoveLinks(s.who.WorkspaceID, s.model, id, cos(co)); err != nil {
					return err
				}
			}
			if _, err := tx.ApproveObjective(s.who.WorkspaceID, s.model, co); err != nil {
				return err
			}
			return tx.TouchModel(s.who.WorkspaceID, s.model)
		})
		for range rapid.IntRange(2, 4).Draw(r, "edits") {
			g := draw.Draw(r, "next")
			out := s.setGroups(co, lists(g)...)
			for _, set := range g {
				linked |= set
			}
			old, next := effective(before, 0), effective(g, linked)
			wayOpened := false
			for in := range 16 {
				wayOpened = wayOpened || satisfied(next, in) && !satisfied(old, in)
			}
			want := len(old) > 0 && (wayOpened || len(next) > len(old))
			if got := len(out.Weakened) > 0; got != want {
				r.Fatalf("from %v to %v: weakened is %v, want %v", lists(old), lists(next), got, want)
			}
			if row := s.row(co); row.Status == posture.Mitigated {
				r.Fatalf("nothing is implemented, and it is %+v", row)
			}
			depth := linked
			for _, set := range next {
				depth &^= set
			}
			obj := must(s.GetControlObjectives(ctx, s.who, service.GetControlObjectivesIn{ModelID: s.model, IDs: cos(co), Limit: all()}))(t).Objectives[0]
			if diff := cmp.Diff([][][]threat.ID{lists(next), {flat(lists(grouping{depth}))}}, [][][]threat.ID{obj.Groups, {obj.DefenceInDepth}}, cmpopts.EquateEmpty()); diff != "" {
				r.Fatalf("groups and depth (-want +got):\n%s", diff)
			}
			_, err := s.approve(service.ApproveChangeIn{Objectives: cos(co)})
			if (err == nil) != want {
				r.Fatalf("weakened is %v, approving it: %v", want, err)
			}
			before = next
		}
	})
}

func flat(lists [][]threat.ID) (out []threat.ID) {
	for _, l := range lists {
		out = append(out, l...)
	}
	return out
}

// Controls from elsewhere: mapped by what they name, near-duplicates skipped and reported, wrong ones named all at once.
func TestImportControls(t *testing.T) {
	s := newDesk(t)
	s.edited(service.ControlOp{Op: service.OpEdit, ID: "C1", Description: ptr("Rate limits are applied to every sign-in attempt of a client."), Reason: why})
	in := service.ImportControlsIn{ModelID: s.model, IdempotencyKey: "k", Controls: []service.ImportedControl{
		{Description: "Apply a rate limit to sign-in attempts of each client.", Objectives: cos("CO-A1-T1")},
		{Description: "Encrypt what is kept in Asset 2 at rest.", Notes: "n", FrameworkRefs: []string{"x:1"}},
		{Description: "Encrypt what is kept in asset 2, at rest!"},
		{Description: "Rotate keys.", Objectives: cos("CO-A2-T2"), Facets: []service.NewFacet{{Text: "A job rotates them.", Kind: threat.ConfigurationFacet}}},
		{Description: "Rate limits are applied to every sign-in attempt of a client", Objectives: cos("CO-A2-T1")},
	}}
	out := must(s.ImportControls(ctx, s.who, in))(t)
	if want := []service.DuplicateRow{{Index: 0, Of: "C1"}, {Index: 2, Of: "C4"}, {Index: 4, Of: "C1"}}; !slices.Equal(out.Duplicates, want) {
		t.Errorf("duplicates are %+v", out.Duplicates)
	}
	rows := s.controls(t, s.model, service.GetControlsIn{IDs: []threat.ID{"C4", "C5"}})
	if len(out.Controls) != 2 || len(rows) != 2 {
		t.Fatalf("%+v", out.Controls)
	}
	slices.SortFunc(rows, func(a, b service.ControlRow) int { return threat.CompareIDs(a.ID, b.ID) })
	four, five := rows[0], rows[1]
	if four.Source != threat.Imported || !slices.Equal(four.Objectives, cos("CO-A2-T1", "CO-A2-T2")) || four.Notes != "n" || !slices.Equal(four.FrameworkRefs, []string{"x:1"}) ||
		len(four.Facets) != 1 || four.Facets[0].Kind != threat.BehaviourFacet || four.Facets[0].Text != four.Description || four.Status != threat.NotImplemented {
		t.Errorf("%+v", four)
	}
	if !slices.Equal(five.Objectives, cos("CO-A2-T2")) || five.Facets[0].ID != "C5.a" || five.Facets[0].Kind != threat.ConfigurationFacet {
		t.Errorf("%+v", five)
	}
	s.wantGroups("CO-A2-T1", "C3 + C4")
	if len(out.Weakened) != 0 {
		t.Errorf("an import weakened %v", out.Weakened)
	}
	// The repeat is the first answer, whole.
	if diff := cmp.Diff(out, must(s.ImportControls(ctx, s.who, in))(t), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("the repeat (-first +again):\n%s", diff)
	}

	te := s.refuses(func() error {
		_, err := s.ImportControls(ctx, s.who, service.ImportControlsIn{ModelID: s.model, Controls: []service.ImportedControl{
			{Description: "Log each refusal.", Objectives: cos("CO-A1-T1")},
			{Description: "This names nothing at all."},
			{Description: "Sign each release.", Objectives: cos("CO-A1-T7")},
			{Description: "Pin dependencies.", Objectives: cos("CO-A1-T1"), Facets: []service.NewFacet{{Text: "x", Kind: "magic"}}},
		}})
		return err
	}, threat.Invalid, "controls.1.control_objectives")
	var fields []string
	for _, i := range te.Items {
		fields = append(fields, i.Field)
	}
	if !slices.Equal(fields, []string{"controls.1.control_objectives", "controls.2.control_objectives", "controls.3.facets.kind"}) {
		t.Errorf("the errors are about %v", fields)
	}
	for _, n := range []int{0, service.MaxOperations + 1} {
		s.refuses(func() error {
			_, err := s.ImportControls(ctx, s.who, service.ImportControlsIn{ModelID: s.model, Controls: make([]service.ImportedControl, n)})
			return err
		}, threat.Invalid, "controls")
	}
}
