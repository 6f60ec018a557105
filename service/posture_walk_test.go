package service_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/posture"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// walk drives a model through random edits, and keeps beside it what people said, from the calls alone.
type walk struct {
	*site
	rng      *rand.Rand
	attested map[threat.ID]*word             // the newest word on each assumption that nothing ended
	accepted map[threat.ID]*word             // by CO
	bodies   map[threat.ID]threat.Assumption // each assumption as it was last seen
	ids      map[threat.ID]bool              // every id ever seen
	present  map[threat.ID]bool              // those of the last look
	highest  map[threat.Kind]int
	done     map[string]int // actions that were accepted
	tried    map[string]int
	mended   bool // the last action may bring back what was removed
	now      state
}

// word is what somebody said, and what the model was then.
type word struct {
	ends       time.Time // zero: never
	text       string    // "" for a computed assumption
	boundaries []threat.ID
	stands     []threat.ID
	objectives map[threat.ID]string
}

// state is what is stored of a model.
type state struct {
	model        store.Model
	structure    *threat.Structure
	objectives   []threat.Objective
	says         map[threat.ID]string // statement and tier of each CO
	controls     []store.Control
	deleted      []store.Control
	links        []store.Link
	weakened     []store.WeakenedObjective
	carried      []store.Carried
	states       map[threat.ID]store.AssumptionEvent
	controlState map[threat.ID]*store.Control
}

func (w *walk) load() {
	w.t.Helper()
	var st state
	testenv.Read(w.t, w.st, func(v *store.Snapshot) (err error) {
		ws := w.who.WorkspaceID
		if st.model, err = v.Model(ws, w.model); err != nil {
			return err
		}
		if st.structure, err = v.Head(ws, w.model); err != nil {
			return err
		}
		if st.controls, err = v.Controls(ws, w.model); err != nil {
			return err
		}
		if st.deleted, err = v.DeletedControls(ws, w.model); err != nil {
			return err
		}
		if st.links, err = v.Links(ws, w.model); err != nil {
			return err
		}
		if st.weakened, err = v.WeakenedObjectives(ws, w.model); err != nil {
			return err
		}
		if st.carried, err = v.CarriedControls(ws, w.model); err != nil {
			return err
		}
		st.states, err = v.AssumptionStates(ws, w.model)
		return err
	})
	st.objectives = must(st.structure.Objectives())(w.t)
	st.says = map[threat.ID]string{}
	for _, co := range st.objectives {
		st.says[co.ID] = fmt.Sprint(co.Tier, " ", co.Statement)
	}
	st.controlState = map[threat.ID]*store.Control{}
	for i := range st.controls {
		st.controlState[st.controls[i].ID] = &st.controls[i]
	}
	st.links = slices.DeleteFunc(st.links, func(l store.Link) bool { return st.controlState[l.Control] == nil })
	w.now = st
}

func pick[E any](w *walk, list []E) (out E) {
	if len(list) > 0 {
		out = list[w.rng.IntN(len(list))]
	}
	return out
}

func (w *walk) asset() threat.ID    { return pick(w, w.now.structure.Assets).ID }
func (w *walk) attacker() threat.ID { return pick(w, w.now.structure.Attackers).ID }
func (w *walk) co() threat.ID       { return pick(w, w.now.objectives).ID }
func (w *walk) control() threat.ID  { return pick(w, w.now.controls).ID }
func (w *walk) assumption() *threat.Assumption {
	if len(w.now.structure.Assumptions) == 0 {
		return &threat.Assumption{ID: "AS0"}
	}
	return &w.now.structure.Assumptions[w.rng.IntN(len(w.now.structure.Assumptions))]
}

// manual is an assumption that somebody wrote.
func (w *walk) manual() threat.ID {
	return pick(w, slices.DeleteFunc(slices.Clone(w.now.structure.Assumptions), func(a threat.Assumption) bool { return a.Separation != nil })).ID
}

func some[E any](w *walk, one func() E, most int) []E {
	out := make([]E, w.rng.IntN(most+1))
	for i := range out {
		out[i] = one()
	}
	return out
}

func (w *walk) name(what string) *string { return ptr(fmt.Sprint(what, " ", w.rng.IntN(1_000_000))) }

func (w *walk) boundary() threat.ID {
	if len(w.now.structure.Boundaries) == 0 {
		return "TB0"
	}
	return pick(w, w.now.structure.Boundaries).ID
}

// given is what a word on an assumption is given for now.
func (w *walk) given(a *threat.Assumption) *word {
	g := &word{text: a.Text, objectives: map[threat.ID]string{}}
	for _, co := range a.Objectives {
		g.objectives[co] = w.now.says[co]
	}
	if a.Separation != nil {
		g.text, g.boundaries = "", a.Separation.Boundaries
		g.stands = w.now.structure.Attacker(a.Separation.Attacker).Boundaries
	}
	return g
}

func within(part, whole []threat.ID) bool {
	return !slices.ContainsFunc(part, func(id threat.ID) bool { return !slices.Contains(whole, id) })
}

// counts reports whether a word counts for an assumption that stands as it does now.
func (w *walk) counts(a *threat.Assumption) bool {
	was := w.attested[a.ID]
	if was == nil || !w.clock.Now().Before(was.ends) {
		return false
	}
	is := w.given(a)
	for co, says := range is.objectives {
		if before, ok := was.objectives[co]; !ok || before != says {
			return false
		}
	}
	return a.Separation == nil && len(is.objectives) == len(was.objectives) || a.Separation != nil && within(is.boundaries, was.boundaries) && within(is.stands, was.stands)
}

// actions are the edits, by how often they are drawn.
func (w *walk) actions() map[string]struct {
	weight int
	do     func() error
} {
	type action = struct {
		weight int
		do     func() error
	}
	levels := threat.Levels()
	boundaries := func(op service.BoundaryOp) error {
		_, err := w.EditTrustBoundaries(ctx, w.who, service.EditTrustBoundariesIn{Target: target(w.model), Operations: []service.BoundaryOp{op}})
		return err
	}
	assumptions := func(op service.AssumptionOp) error {
		_, err := w.assumptionOp(op)
		return err
	}
	controls := func(op service.ControlOp) error {
		_, err := w.edit(op)
		return err
	}
	return map[string]action{
		"add_asset": {6, func() error {
			_, err := w.AddAsset(ctx, w.who, service.AddAssetIn{Target: target(w.model), Name: *w.name("Asset"), Impact: pick(w, levels)})
			return err
		}},
		"edit_asset": {6, func() error {
			_, err := w.EditAsset(ctx, w.who, service.EditAssetIn{Target: target(w.model), AssetID: w.asset(), Impact: ptr(pick(w, levels))})
			return err
		}},
		"rename_asset": {3, func() error {
			_, err := w.EditAsset(ctx, w.who, service.EditAssetIn{Target: target(w.model), AssetID: w.asset(), Name: w.name("Asset")})
			return err
		}},
		"remove_asset": {6, func() error {
			_, err := w.RemoveAsset(ctx, w.who, service.RemoveAssetIn{Target: target(w.model), AssetID: w.asset()})
			return err
		}},
		"add_attacker": {3, func() error {
			_, err := w.AddAttacker(ctx, w.who, service.AddAttackerIn{
				Target: target(w.model), Name: *w.name("Attacker"), Capability: "c", Position: "p", Likelihood: pick(w, levels), Boundaries: some(w, w.boundary, 1),
			})
			return err
		}},
		"edit_attacker": {10, func() error {
			_, err := w.EditAttacker(ctx, w.who, service.EditAttackerIn{Target: target(w.model), AttackerID: w.attacker(), Likelihood: ptr(pick(w, levels)), Boundaries: some(w, w.boundary, 2)})
			return err
		}},
		"remove_attacker": {3, func() error {
			_, err := w.RemoveAttacker(ctx, w.who, service.RemoveAttackerIn{Target: target(w.model), AttackerID: w.attacker()})
			return err
		}},
		"add_boundary": {10, func() error {
			return boundaries(service.BoundaryOp{Op: service.OpAdd, Name: w.name("Boundary"), Assets: some(w, w.asset, 6), Attackers: some(w, w.attacker, 3)})
		}},
		"edit_boundary": {8, func() error {
			return boundaries(service.BoundaryOp{Op: service.OpEdit, ID: w.boundary(), Assets: some(w, w.asset, 8)})
		}},
		"rename_boundary": {2, func() error {
			return boundaries(service.BoundaryOp{Op: service.OpEdit, ID: w.boundary(), Name: w.name("Boundary")})
		}},
		"remove_boundary": {6, func() error { return boundaries(service.BoundaryOp{Op: service.OpRemove, ID: w.boundary()}) }},
		"restore_boundary": {8, func() error {
			w.mended = true
			return boundaries(service.BoundaryOp{Op: service.OpRestore, ID: threat.ID(fmt.Sprint("TB", 1+w.rng.IntN(20)))})
		}},
		"add_assumption": {8, func() error {
			return assumptions(service.AssumptionOp{Op: service.OpAdd, Text: w.name("It holds that"), Objectives: some(w, w.co, 5)})
		}},
		"edit_assumption": {5, func() error {
			op := service.AssumptionOp{Op: service.OpEdit, ID: w.manual()}
			if w.rng.IntN(2) == 0 {
				op.Text = w.name("It holds that")
			} else {
				op.Objectives = some(w, w.co, 5)
			}
			return assumptions(op)
		}},
		"remove_assumption": {4, func() error { return assumptions(service.AssumptionOp{Op: service.OpRemove, ID: w.manual()}) }},
		"restore_assumption": {6, func() error {
			w.mended = true
			ids := slices.Sorted(maps.Keys(w.now.states))
			id := pick(w, slices.DeleteFunc(ids, func(id threat.ID) bool { return w.now.states[id].State != threat.Deleted }))
			return assumptions(service.AssumptionOp{Op: service.OpRestore, ID: id})
		}},
		"violate": {5, func() error {
			return assumptions(service.AssumptionOp{Op: service.OpViolate, ID: w.assumption().ID, Reason: "seen"})
		}},
		"add_control": {14, func() error {
			return controls(service.ControlOp{
				Op: service.OpAdd, Description: w.name("Control"), Objectives: append(some(w, w.co, 3), w.co()), Facets: []service.NewFacet{{Text: "It does.", Kind: threat.BehaviourFacet}},
			})
		}},
		"reword_control": {5, func() error {
			return controls(service.ControlOp{Op: service.OpEdit, ID: w.control(), Facets: []service.NewFacet{{Text: *w.name("It does"), Kind: threat.BehaviourFacet}}, Reason: why})
		}},
		"remove_control": {12, func() error { return controls(service.ControlOp{Op: service.OpRemove, ID: w.control(), Reason: "r"}) }},
		"restore_control": {6, func() error {
			w.mended = true
			return controls(service.ControlOp{Op: service.OpRestore, ID: pick(w, w.now.deleted).ID})
		}},
		"link": {10, func() error {
			return controls(service.ControlOp{Op: service.OpLink, ID: w.control(), Objectives: []threat.ID{w.co(), w.co()}, Group: w.rng.IntN(3)})
		}},
		"unlink": {5, func() error {
			l := pick(w, w.now.links)
			return controls(service.ControlOp{Op: service.OpUnlink, ID: l.Control, Objectives: cos(l.Objective)})
		}},
		"assume": {6, func() error {
			return controls(service.ControlOp{Op: service.OpAssume, ID: w.control(), Assumption: w.assumption().ID})
		}},
		"set_mitigation_groups": {10, func() error {
			var groups [][]threat.ID
			for range w.rng.IntN(3) {
				groups = append(groups, threat.SortIDs(append(some(w, w.control, 2), w.control())))
			}
			co := w.co()
			if w.rng.IntN(2) == 0 && len(w.now.links) > 0 {
				co = pick(w, w.now.links).Objective
			}
			_, err := w.SetMitigationGroups(ctx, w.who, service.SetMitigationGroupsIn{ModelID: w.model, Objective: co, Groups: groups})
			return err
		}},
		"implement": {25, w.claim},
		"attest": {20, func() error {
			a := w.assumption()
			life := time.Duration(1+w.rng.IntN(20)) * day
			_, err := w.tryAttest(a.ID, life)
			if err == nil {
				w.attested[a.ID] = w.given(a)
				w.attested[a.ID].ends = w.clock.Now().Add(life)
			}
			return err
		}},
		"accept_risk": {8, func() error {
			co := w.co()
			in := service.AcceptRiskIn{ModelID: w.model, Objective: co, Owner: "Ada", Reason: "r", ReviewBy: ptr(w.clock.Now().Add(3 * day))}
			given := &word{objectives: map[threat.ID]string{co: w.now.says[co]}}
			if w.rng.IntN(2) == 0 {
				given.ends = w.clock.Now().Add(5 * day)
				in.ExpiresAt = &given.ends
			}
			_, err := w.AcceptRisk(ctx, w.boss(), in)
			if err == nil {
				w.accepted[co] = given
			}
			return err
		}},
		"withdraw": {3, func() error {
			co := pick(w, slices.Sorted(maps.Keys(w.accepted)))
			_, err := w.AcceptRisk(ctx, w.boss(), service.AcceptRiskIn{ModelID: w.model, Objective: co, Reason: "r", Withdraw: true})
			if err == nil {
				delete(w.accepted, co)
			}
			return err
		}},
		"approve": {6, func() error {
			_, err := w.approve(service.ApproveChangeIn{Objectives: cos(pick(w, w.now.weakened).Objective)})
			return err
		}},
		"restore_version": {2, func() error {
			w.mended = true
			_, err := w.RestoreVersion(ctx, w.who, service.RestoreVersionIn{Target: target(w.model), Version: max(1, w.now.model.Version-w.rng.IntN(25))})
			return err
		}},
		"regenerate": {2, func() error {
			job, err := w.RegenerateControls(ctx, w.who, service.RegenerateControlsIn{Target: target(w.model), Objectives: []threat.ID{w.co(), w.co()}, KeepUnchanged: w.rng.IntN(2) == 0})
			if err != nil {
				return err
			}
			if done := must(w.await(w.t, job))(w.t); done.Status != store.JobDone {
				w.t.Fatalf("the regeneration ended with %+v", done)
			}
			return nil
		}},
	}
}

// claim submits an assertion on a control, calls it implemented, and now and then lets its verification be what it might be.
func (w *walk) claim() error {
	id := w.control()
	c := w.now.controlState[id]
	if c == nil {
		return nil
	}
	_, err := w.SubmitAssertions(ctx, w.who, service.SubmitAssertionsIn{ModelID: w.model, Assertions: []service.NewAssertion{{
		Type: evidence.FunctionCalls, Control: id, Facets: []threat.ID{c.Facets[0].ID}, Repo: repo,
		Params: evidence.Params{"file": *w.name("a"), "caller": "F", "callee": "check"},
	}}})
	if err != nil {
		return err
	}
	if _, err = w.UpdateControlStatus(ctx, w.who, service.UpdateControlStatusIn{ModelID: w.model, Control: id, Status: threat.Implemented}); err != nil {
		return err
	}
	if w.rng.IntN(3) == 0 {
		return nil
	}
	v := store.Verification{Status: pick(w, []evidence.Verification{evidence.Verified, evidence.Verified, evidence.Verified, evidence.Failed, evidence.Partial}), Attested: w.rng.IntN(2) == 0, Oldest: ptr(w.clock.Now())}
	testenv.Write(w.t, w.st, func(tx *store.Tx) error {
		if err := tx.SaveVerification(w.who.WorkspaceID, w.model, id, v); err != nil {
			return err
		}
		return tx.TouchModel(w.who.WorkspaceID, w.model)
	})
	return nil
}

// look checks what must hold at every version.
func (w *walk) look(action string) {
	w.t.Helper()
	w.load()
	s := w.now.structure
	if err := s.Check(); err != nil {
		w.t.Fatalf("after %s: %v", action, err)
	}
	if n := len(s.Assets) * len(s.Attackers); len(w.now.objectives) != n || !s.Settled() {
		w.t.Fatalf("after %s: %d COs of %d, settled is %v", action, len(w.now.objectives), n, s.Settled())
	}
	cutOff := map[threat.ID]int{}
	for _, a := range s.Assumptions {
		if a.Separation != nil {
			for _, co := range a.Objectives {
				cutOff[co]++
			}
		}
	}
	for _, co := range w.now.objectives {
		if n := cutOff[co.ID]; co.Reachable && n != 0 || !co.Reachable && n != 1 {
			w.t.Fatalf("after %s: %s is reachable: %v, and in %d boundary assumptions", action, co.ID, co.Reachable, n)
		}
	}
	w.identify(action)
	// Words that ended for good.
	maps.DeleteFunc(w.attested, func(id threat.ID, was *word) bool {
		a := s.Assumption(id)
		return a == nil || a.Separation == nil && a.Text != was.text || w.now.states[id].State == threat.Violated
	})
	maps.DeleteFunc(w.accepted, func(co threat.ID, _ *word) bool { return !s.HasObjective(co) })
}

// identify checks that no id is given twice.
func (w *walk) identify(action string) {
	w.t.Helper()
	present := map[threat.ID]bool{}
	s := w.now.structure
	for _, a := range s.Assets {
		present[a.ID] = true
	}
	for _, t := range s.Attackers {
		present[t.ID] = true
	}
	for _, b := range s.Boundaries {
		present[b.ID] = true
	}
	for _, a := range s.Assumptions {
		present[a.ID], w.bodies[a.ID] = true, a
	}
	for _, c := range w.now.controls {
		present[c.ID] = true
	}
	fresh := map[threat.Kind]int{}
	for id := range present {
		switch kind := id.Kind(); {
		case w.ids[id] && !w.present[id] && !w.mended:
			w.t.Fatalf("after %s: %s is there again", action, id)
		case !w.ids[id] && id.Number() <= w.highest[kind]:
			w.t.Fatalf("after %s: the new %s is not above %d", action, id, w.highest[kind])
		case !w.ids[id]:
			fresh[kind] = max(fresh[kind], id.Number())
		}
		w.ids[id] = true
	}
	for kind, n := range fresh {
		w.highest[kind] = max(w.highest[kind], n)
	}
	w.present = present
}

// assess compares assess_model with posture.Assess over what is stored and what was said.
func (w *walk) assess(action string) {
	w.t.Helper()
	now := w.clock.Now()
	in := posture.Input{Objectives: w.now.objectives, Now: now}
	for _, c := range w.now.controls {
		var oldest time.Time
		if c.Evidence.Oldest != nil {
			oldest = *c.Evidence.Oldest
		}
		in.Controls = append(in.Controls, posture.Control{
			ID: c.ID, Implemented: c.Status == threat.Implemented, Weakened: c.Weakened != "", Attested: c.Evidence.Attested,
			Verification: c.Evidence.Status.At(oldest, c.Evidence.Distrusted, now, evidence.StaleAfter),
		})
	}
	place := map[threat.ID]map[int]int{} // stored number of a group → its place
	for _, l := range w.now.links {
		in.Links = append(in.Links, posture.Link{Objective: l.Objective, Control: l.Control, Group: l.Group})
		if place[l.Objective] == nil {
			place[l.Objective] = map[int]int{}
		}
		if _, ok := place[l.Objective][l.Group]; l.Group > 0 && !ok {
			place[l.Objective][l.Group] = len(place[l.Objective]) + 1
		}
	}
	for _, x := range w.now.weakened {
		in.Weakened = append(in.Weakened, x.Objective)
	}
	for i := range w.now.structure.Assumptions {
		a := &w.now.structure.Assumptions[i]
		p := posture.Assumption{ID: a.ID, Kind: a.Kind, State: threat.Active, Objectives: a.Objectives, Verification: evidence.None}
		if e, ok := w.now.states[a.ID]; ok {
			p.State = e.State
		}
		for _, c := range w.now.carried {
			if c.Assumption == a.ID {
				p.Carries = append(p.Carries, c.Control)
			}
		}
		if was := w.attested[a.ID]; was != nil {
			p.Attestation = &posture.Attestation{Expires: was.ends}
			if !w.counts(a) {
				p.Attestation.Lapsed = "it does not count"
			}
		}
		in.Assumptions = append(in.Assumptions, p)
	}
	for id, e := range w.now.states { // a retired one still shows that its COs were looked at
		if e.State == threat.Retired {
			a := w.bodies[id]
			in.Assumptions = append(in.Assumptions, posture.Assumption{ID: id, Kind: a.Kind, State: threat.Retired, Objectives: a.Objectives, Verification: evidence.None})
		}
	}
	for co, was := range w.accepted {
		r := posture.Risk{Objective: co, Owner: "Ada", Reason: "r", Expires: was.ends}
		if w.now.says[co] != was.objectives[co] {
			r.Lapsed = "it says something else"
		}
		in.Risks = append(in.Risks, r)
	}
	want := posture.Assess(in)
	var got []service.PostureRow
	for offset := 0; offset < len(want.Rows); offset += service.MaxLimit {
		out := must(w.AssessModel(ctx, w.who, service.AssessModelIn{ModelID: w.model, Limit: all(), Offset: offset}))(w.t)
		got = append(got, out.Objectives...)
		ignored := cmpopts.IgnoreFields(posture.AcceptanceCounts{}, "ReviewDue") // the words above have no reviews
		if diff := cmp.Diff(want.Summary, out.Summary.Summary, ignored); diff != "" {
			w.t.Fatalf("after %s the summary differs (-want +got):\n%s", action, diff)
		}
	}
	if len(got) != len(want.Rows) {
		w.t.Fatalf("after %s: %d rows, want %d", action, len(got), len(want.Rows))
	}
	for i, r := range want.Rows {
		row := service.PostureRow{
			ID: r.Objective.ID, Statement: r.Objective.Statement, Tier: r.Objective.Tier, Status: r.Status, By: r.By, Assurance: r.Assurance, Attested: r.Attested,
			Reason: r.Reason, Next: r.Next, Reachable: r.Objective.Reachable, Assumption: r.Assumption, Weakened: r.Weakened, Accepted: got[i].Accepted,
		}
		if row.Group = r.Group; len(place[row.ID]) > 0 {
			row.Group = place[row.ID][r.Group]
		}
		if (r.Accepted != nil) != (got[i].Accepted != nil) || !cmp.Equal(row, got[i], cmpopts.EquateEmpty()) {
			w.t.Fatalf("after %s: accepted is %v; -want +got:\n%s", action, r.Accepted, cmp.Diff(row, got[i], cmpopts.EquateEmpty()))
		}
		if r.Status == posture.Mitigated && r.By == posture.ByAssumption && !w.counts(w.now.structure.Assumption(got[i].Assumption)) {
			w.t.Fatalf("after %s: %s rests on %s, and nobody's word counts", action, row.ID, row.Assumption)
		}
	}
}

// A model of 1,000 COs is driven through random edits of every sort, while time passes; what must hold does at every version.
func TestPostureOverRandomEdits(t *testing.T) {
	t.Parallel()
	steps := 500
	if testing.Short() {
		steps = 60
	}
	s := newDesk(t)
	structure, counters := testenv.Structure(t, 40, 25)
	s.model = testenv.AddModel(t, s.st, s.who.WorkspaceID, s.who.UserID, "Large", structure, counters).ID
	w := &walk{
		site: s, rng: rand.New(rand.NewPCG(7, 11)), attested: map[threat.ID]*word{}, accepted: map[threat.ID]*word{},
		bodies: map[threat.ID]threat.Assumption{}, ids: map[threat.ID]bool{}, highest: map[threat.Kind]int{}, done: map[string]int{}, tried: map[string]int{},
	}
	w.look("the beginning")
	actions := w.actions()
	var names []string // each as often as its weight
	for _, name := range slices.Sorted(maps.Keys(actions)) {
		for range actions[name].weight {
			names = append(names, name)
		}
	}
	seen := map[string]int{}
	step := func(i int, name string) {
		w.mended = false
		err := actions[name].do()
		w.tried[name]++
		switch c := threat.CodeOf(err); {
		case err == nil:
			w.done[name]++
		case c != threat.Invalid && c != threat.NotFound && c != threat.Conflict && c != threat.FailedPrecondition:
			t.Fatalf("step %d, %s: %v", i, name, err)
		}
		w.clock.Advance(time.Duration(1+w.rng.IntN(12*3600)) * time.Second)
		w.look(name)
	}
	for i := range steps {
		name := pick(w, names)
		step(i, name)
		if i%10 == 0 || i == steps-1 {
			w.assess(name)
			sum := must(w.AssessModel(ctx, w.who, service.AssessModelIn{ModelID: w.model}))(t).Summary.Objectives
			for by, n := range sum.By {
				seen[string(by)] += n
			}
			for reason, n := range sum.Reasons {
				seen[string(reason)] += n
			}
			seen["unreachable"] += sum.Unreachable
			seen["weakened"] += sum.Weakened
			seen["accepted"] += sum.Accepted.Total
			seen["verified"] += sum.Assurance.Verified
		}
	}
	raw, _ := json.Marshal(seen)
	t.Logf("version %d; done %v; rows seen %s", w.now.model.Version, w.done, raw)
	if testing.Short() {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(actions)) {
		for range 100 { // what found nothing to work on so far gets more turns
			if w.done[name] == 0 {
				step(steps, name)
			}
		}
		if w.done[name] == 0 {
			t.Errorf("%s never succeeded in %d tries", name, w.tried[name])
		}
	}
	w.assess("the end")
	for _, what := range []string{ // the walk is always the same one
		"controls", "assumption", "missing_controls", "incomplete_group", "failed_evidence", "pending_attestation", "expired_attestation",
		"assumption_violated", "unassessed", "unreachable", "weakened", "accepted", "verified",
	} {
		if seen[what] == 0 {
			t.Errorf("no CO was ever %s", what)
		}
	}
}
