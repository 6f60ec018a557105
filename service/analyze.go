package service

import (
	"context"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/impact"
	"github.com/redoubt-dev/redoubt/posture"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// AnalyzeChangeIn is a change that is not committed yet.
type AnalyzeChangeIn struct {
	ModelID string   `json:"model_id"`
	Repo    string   `json:"repo,omitempty" jsonschema:"org/name; default: the model's only one"`
	Diff    string   `json:"diff,omitempty" jsonschema:"unified diff as git diff prints it, at most 1 MiB"`
	Paths   []string `json:"changed_paths,omitempty" jsonschema:"instead of diff, which says more: paths from the repository root"`
	Limit   *int     `json:"limit,omitempty" jsonschema:"of each list; default 20, at most 200"`
	Offset  int      `json:"offset,omitempty"`
}

// TouchedAssertion is an assertion that the change touches.
type TouchedAssertion struct {
	ID         threat.ID     `json:"id"`
	Type       evidence.Type `json:"type"`
	Control    threat.ID     `json:"control_id,omitempty"`
	Assumption threat.ID     `json:"assumption_id,omitempty"`
	File       string        `json:"file"`
	Why        string        `json:"why"`
	Risk       impact.Risk   `json:"risk"`
}

// TouchedControl is a control with an assertion that the change touches.
type TouchedControl struct {
	ID           threat.ID             `json:"id"`
	Verification evidence.Verification `json:"verification"`
	WouldBe      evidence.Verification `json:"would_be" jsonschema:"until CI verifies again"`
	WouldLose    impact.Risk           `json:"would_lose,omitempty" jsonschema:"how sure it is that a verified control is no longer; absent: not verified now"`
	Assertions   []threat.ID           `json:"assertions"`
}

// TouchedObjective is a CO that would stand worse.
type TouchedObjective struct {
	ID    threat.ID   `json:"id"`
	Tier  threat.Tier `json:"tier"`
	Loses Loss        `json:"loses"`
	Risk  impact.Risk `json:"risk"`
}

// Loss is what a CO would no longer be.
type Loss string

// The losses.
const (
	LosesMitigated Loss = "mitigated"
	LosesVerified  Loss = "verified"
)

// Enum lists the legal values, for schemas.
func (Loss) Enum() []string { return []string{string(LosesMitigated), string(LosesVerified)} }

// TouchedAssumption is an assumption to look at again.
type TouchedAssumption struct {
	ID   threat.ID             `json:"id"`
	Kind threat.AssumptionKind `json:"kind"`
	Why  string                `json:"why"`
	Do   string                `json:"do" jsonschema:"attest or verify, again"`
	Risk impact.Risk           `json:"risk"`
}

// NewSurface is what the change adds and the model may lack.
type NewSurface struct {
	Kind impact.Kind `json:"kind"`
	What string      `json:"what"`
	File string      `json:"file"`
	Line int         `json:"line"`
	Hint string      `json:"hint"`
}

// Resubmission is what a control or an assumption needs, because the file of an assertion goes.
type Resubmission struct {
	Control    threat.ID       `json:"control_id,omitempty"`
	Assumption threat.ID       `json:"assumption_id,omitempty"`
	Facets     []threat.ID     `json:"facets"`
	Types      []evidence.Type `json:"types" jsonschema:"that of what goes first"`
	Replaces   []threat.ID     `json:"replaces" jsonschema:"assertions to delete"`
	File       string          `json:"file,omitempty" jsonschema:"where the file moves to"`
}

// RiskCounts counts by risk.
type RiskCounts map[impact.Risk]int

// ChangeSummary counts what the change touches.
type ChangeSummary struct {
	Files         map[impact.Op]int   `json:"files"`
	Assertions    RiskCounts          `json:"assertions"`
	Controls      int                 `json:"controls"`
	WouldLose     map[Loss]RiskCounts `json:"would_lose" jsonschema:"objectives"`
	WouldUnverify RiskCounts          `json:"would_unverify" jsonschema:"controls"`
	Assumptions   int                 `json:"assumptions"`
	NewSurface    map[impact.Kind]int `json:"new_surface"`
	Submit        int                 `json:"submit"`
}

// AnalyzeChangeOut is what a change touches. Total, returned and offset are of the assertions; the summary counts every list.
type AnalyzeChangeOut struct {
	ModelID     string              `json:"model_id"`
	Version     int                 `json:"version"`
	Repo        string              `json:"repo"`
	Total       int                 `json:"total"`
	Returned    int                 `json:"returned"`
	Offset      int                 `json:"offset"`
	Summary     ChangeSummary       `json:"summary"`
	Assertions  []TouchedAssertion  `json:"assertions"`
	Controls    []TouchedControl    `json:"controls"`
	Objectives  []TouchedObjective  `json:"control_objectives"`
	Assumptions []TouchedAssumption `json:"assumptions" jsonschema:"to attest or verify again"`
	NewSurface  []NewSurface        `json:"new_surface" jsonschema:"in added lines, comments and tests left out as far as a diff shows them"`
	Submit      []Resubmission      `json:"submit" jsonschema:"what to claim anew, because its file is deleted or renamed"`
	Hint        string              `json:"hint"`
}

// AnalyzeChange says before a commit what a change touches: what it would un-verify and what it adds. It changes nothing, and only a
// verifier knows better. Errors: [threat.NotFound], [threat.Invalid] for a diff that is not understood as a whole.
func (s *Service) AnalyzeChange(ctx context.Context, who account.Principal, in AnalyzeChangeIn) (AnalyzeChangeOut, error) {
	if err := who.Allow(account.Read); err != nil {
		return AnalyzeChangeOut{}, err
	}
	limit, offset, err := page(in.Limit, in.Offset, DefaultLimit)
	if err != nil {
		return AnalyzeChangeOut{}, err
	}
	changes, err := in.changes()
	if err != nil {
		return AnalyzeChangeOut{}, err
	}
	return readHead(ctx, s, who, in.ModelID, func(v *store.Snapshot, h *head) (AnalyzeChangeOut, error) {
		a := analysis{h: h, changes: changes, index: impact.NewIndex(changes), now: v.Now(), touched: map[threat.ID]impact.Touch{}}
		a.out = AnalyzeChangeOut{ModelID: h.model.ID, Version: h.model.Version, Offset: offset}
		if a.out.Repo, err = h.repo(in.Repo); err != nil {
			return a.out, err
		}
		if a.judgments, err = loadJudgments(v, who.WorkspaceID, h); err != nil {
			return a.out, err
		}
		if a.all, err = v.Evidence(who.WorkspaceID, h.model.ID); err != nil {
			return a.out, err
		}
		a.run()
		return a.page(limit, offset), nil
	})
}

// changes reads what changes.
func (in *AnalyzeChangeIn) changes() ([]impact.Change, error) {
	switch {
	case (in.Diff == "") == (len(in.Paths) == 0):
		return nil, threat.Errorf(threat.Invalid, "a change is given as a diff or as paths").In("diff").
			Hinted("give diff (the output of git diff), or changed_paths instead")
	case in.Diff != "":
		changes, err := impact.Parse(in.Diff)
		return changes, fieldError(err, "diff")
	}
	changes, err := impact.Paths(in.Paths)
	return changes, fieldError(err, "changed_paths")
}

// analysis is one run of analyze_change over the head of a model.
type analysis struct {
	h         *head
	judgments judgments
	all       []store.Assertion // live and in debt
	changes   []impact.Change
	index     *impact.Index
	now       time.Time
	touched   map[threat.ID]impact.Touch // by assertion
	known     bool                       // some assertion is on the repository
	out       AnalyzeChangeOut
}

func (a *analysis) run() {
	a.assertions()
	before := a.h.posture(&a.judgments, a.now)
	likely, possible := a.without(impact.Likely), a.without(impact.Possible)
	a.controls(likely, possible)
	a.objectives(before, likely.posture, possible.posture)
	a.assumptions()
	a.submit()
	for _, f := range impact.FindSurface(a.changes) {
		a.out.NewSurface = append(a.out.NewSurface, NewSurface{Kind: f.Kind, What: f.What, File: f.File, Line: f.Line, Hint: surfaceHints[f.Kind]})
	}
}

// assertions finds what the change touches, the likely first, then in id order.
func (a *analysis) assertions() {
	for i := range a.all {
		x := &a.all[i]
		if x.DeletedAt != nil || x.Repo != a.out.Repo {
			continue
		}
		if _, err := a.h.subject(x.Control, x.Assumption); err != nil {
			continue // its control or assumption is gone
		}
		a.known = true
		var places []impact.Place
		for _, held := range []*evidence.Held{x.Tier1, x.Tier2} {
			if held != nil && held.File != "" {
				places = append(places, impact.Place{File: held.File, Line: held.Line})
			}
		}
		t, ok := a.index.Touch(&x.Assertion, places...)
		if !ok {
			continue
		}
		a.touched[x.ID] = t
		a.out.Assertions = append(a.out.Assertions, TouchedAssertion{
			ID: x.ID, Type: x.Type, Control: x.Control, Assumption: x.Assumption, File: impact.Show(t.File, 200), Why: t.Why, Risk: t.Risk,
		})
	}
	slices.SortStableFunc(a.out.Assertions, func(x, y TouchedAssertion) int { return riskOrder(x.Risk) - riskOrder(y.Risk) })
}

func riskOrder(r impact.Risk) int {
	return slices.Index([]impact.Risk{impact.Likely, impact.Possible, ""}, r)
}

// state is a model without some of the results it holds.
type state struct {
	controls map[threat.ID]evidence.Verification // of controls with a touched assertion
	posture  *posture.Posture
}

// without folds the model again as if what the change touches had no results: likely what is likely touched, possible all of it. A
// check whose file goes fails; a failure stays one.
func (a *analysis) without(risk impact.Risk) state {
	changed := map[threat.ID]bool{}
	list := slices.Clone(a.all)
	for i := range list {
		x := &list[i]
		t, ok := a.touched[x.ID]
		if !ok || x.DeletedAt != nil || risk == impact.Likely && t.Risk != impact.Likely {
			continue
		}
		changed[subjectID(x)] = true
		switch {
		case t.Broken:
			order := int64(0)
			if x.Tier1 != nil {
				order = x.Tier1.Order
			}
			x.Tier1, x.Tier2 = &evidence.Held{Verdict: evidence.Fail, Order: order, At: a.now}, nil
		case failing(x.Tier1) || failing(x.Tier2):
		default:
			x.Tier1, x.Tier2 = nil, nil
		}
	}
	out := state{controls: map[threat.ID]evidence.Verification{}}
	in := a.h.postureInput(&a.judgments, a.now)
	evidenceOf := bodies(list)
	verify := func(s evidence.Subject) (evidence.Verification, bool) {
		b := evidenceOf[s.ID]
		claims := slices.Clone(b.claims)
		s.Cohere(claims) // of assumptions nothing is stored
		st := s.Status(claims, b.debts)
		return st.At(a.now, a.h.settings.StaleAfter()), st.Attested
	}
	for i := range in.Controls {
		if c := &in.Controls[i]; changed[c.ID] {
			c.Verification, c.Attested = verify(a.h.controlSubject(&a.h.controls[i]))
			out.controls[c.ID] = c.Verification
		}
	}
	for i := range in.Assumptions {
		if p := &in.Assumptions[i]; changed[p.ID] {
			p.Verification, p.Attested = verify(a.h.assumptionSubject(p.ID, a.h.structure.Assumptions[i].Text))
		}
	}
	out.posture = posture.Assess(in)
	return out
}

func failing(h *evidence.Held) bool { return h != nil && h.Verdict == evidence.Fail }

// controls lists the controls with a touched assertion, those that would lose their verification first.
func (a *analysis) controls(likely, possible state) {
	of := map[threat.ID][]threat.ID{}
	for _, x := range a.out.Assertions {
		if x.Control != "" {
			of[x.Control] = append(of[x.Control], x.ID)
		}
	}
	for i := range a.h.controls {
		c := &a.h.controls[i]
		if of[c.ID] == nil {
			continue
		}
		row := TouchedControl{ID: c.ID, Verification: a.h.verificationAt(c, a.now), Assertions: threat.SortIDs(of[c.ID])}
		var ok bool
		if row.WouldBe, ok = likely.controls[c.ID]; !ok {
			row.WouldBe = possible.controls[c.ID]
		}
		if row.Verification == evidence.Verified {
			switch {
			case ok && row.WouldBe != evidence.Verified:
				row.WouldLose = impact.Likely
			case possible.controls[c.ID] != evidence.Verified:
				row.WouldLose, row.WouldBe = impact.Possible, possible.controls[c.ID]
			}
		}
		a.out.Controls = append(a.out.Controls, row)
	}
	slices.SortStableFunc(a.out.Controls, func(x, y TouchedControl) int { return riskOrder(x.WouldLose) - riskOrder(y.WouldLose) })
}

// objectives lists the COs that would stand worse: the likely first, then the gravest tier.
func (a *analysis) objectives(before, likely, possible *posture.Posture) {
	for k, after := range []*posture.Posture{likely, possible} {
		risk := []impact.Risk{impact.Likely, impact.Possible}[k]
		for i := range before.Rows {
			b, c := &before.Rows[i], &after.Rows[i] // the same COs in the same order
			row := TouchedObjective{ID: b.Objective.ID, Tier: b.Objective.Tier, Risk: risk}
			switch {
			case b.Status == posture.Mitigated && c.Status != posture.Mitigated:
				row.Loses = LosesMitigated
			case b.Assurance == posture.Verified && c.Assurance != posture.Verified:
				row.Loses = LosesVerified
			default:
				continue
			}
			if !slices.ContainsFunc(a.out.Objectives, func(o TouchedObjective) bool { return o.ID == row.ID && o.Loses == row.Loses }) {
				a.out.Objectives = append(a.out.Objectives, row)
			}
		}
	}
}

// assumptions lists those to look at again: those with touched assertions, those that carry a touched control, and those whose text
// names a changed file.
func (a *analysis) assumptions() {
	type reason struct {
		why  string
		risk impact.Risk
	}
	found := map[threat.ID]reason{}
	note := func(id threat.ID, why string, risk impact.Risk) {
		if old, ok := found[id]; !ok || old.risk == impact.Possible && risk == impact.Likely {
			found[id] = reason{why, risk}
		}
	}
	risks := map[threat.ID]impact.Risk{} // by control
	for _, x := range a.out.Assertions {
		if x.Assumption != "" {
			note(x.Assumption, string(x.ID)+" is touched", x.Risk)
		} else if risks[x.Control] != impact.Likely {
			risks[x.Control] = x.Risk
		}
	}
	for _, c := range a.judgments.carried {
		if risk, ok := risks[c.Control]; ok {
			note(c.Assumption, "it carries "+string(c.Control)+", whose evidence is touched", risk)
		}
	}
	named := a.namedFiles()
	for i := range a.h.structure.Assumptions {
		x := &a.h.structure.Assumptions[i]
		if stateOf(x.ID, a.judgments.states) != threat.Active {
			continue
		}
		for _, word := range strings.FieldsFunc(x.Text, func(r rune) bool { return strings.ContainsRune(" \t\n\"'`()[]{}<>,;:", r) }) {
			if named[strings.ToLower(strings.TrimSuffix(word, "."))] {
				note(x.ID, "its text names a changed file", impact.Possible)
				break
			}
		}
		if r, ok := found[x.ID]; ok {
			row := TouchedAssumption{ID: x.ID, Kind: x.Kind, Why: r.why, Risk: r.risk, Do: "attest"}
			if x.Kind == threat.NonApplicability {
				row.Do = "verify"
			}
			a.out.Assumptions = append(a.out.Assumptions, row)
		}
	}
}

// namedFiles holds the changed paths, and the names of files that have an extension, in lower case.
func (a *analysis) namedFiles() map[string]bool {
	out := map[string]bool{}
	for i := range a.changes {
		for _, p := range []string{a.changes[i].Old, a.changes[i].New} {
			if p == "" {
				continue
			}
			p = strings.ToLower(p)
			if base := path.Base(p); strings.Contains(p, "/") || path.Ext(base) != "" {
				out[p] = true
				if path.Ext(base) != "" {
					out[base] = true
				}
			}
		}
	}
	return out
}

// maxTypes bounds the types that are named for one resubmission.
const maxTypes = 6

// submit says what to claim anew for each control and assumption that an assertion's file is taken from.
func (a *analysis) submit() {
	rows := map[threat.ID]*Resubmission{}
	var order []threat.ID
	for i := range a.all {
		x := &a.all[i]
		t, ok := a.touched[x.ID]
		if !ok || !t.Broken || x.DeletedAt != nil {
			continue
		}
		row := rows[subjectID(x)]
		if row == nil {
			row = &Resubmission{Control: x.Control, Assumption: x.Assumption, File: impact.Show(t.To, 200)}
			rows[subjectID(x)] = row
			order = append(order, subjectID(x))
		}
		if row.File != impact.Show(t.To, 200) {
			row.File = "" // its files go several ways
		}
		row.Replaces = append(row.Replaces, x.ID)
		if !slices.Contains(row.Types, x.Type) {
			row.Types = append(row.Types, x.Type)
		}
		for _, f := range x.Facets {
			if !slices.Contains(row.Facets, f) {
				row.Facets = append(row.Facets, f)
			}
		}
	}
	for _, id := range order {
		row := rows[id]
		if subject, err := a.h.subject(row.Control, row.Assumption); err == nil && row.File == "" {
			for _, f := range subject.Facets {
				if !slices.Contains(row.Facets, f.ID) {
					continue
				}
				for _, t := range evidence.Proving(f.Kind) {
					if !slices.Contains(row.Types, t) && len(row.Types) < maxTypes {
						row.Types = append(row.Types, t)
					}
				}
			}
		}
		a.out.Submit = append(a.out.Submit, *row)
	}
}

// surfaceHints say what to do with new surface.
var surfaceHints = map[impact.Kind]string{
	impact.Route:       "worth modelling: add_asset for what it serves, add_attacker for who may call it",
	impact.Listener:    "worth modelling: edit_trust_boundaries, add_attacker",
	impact.Upload:      "worth modelling: add_asset for what is uploaded",
	impact.Secret:      "worth modelling: add_asset for the credential; keep its value out of the code",
	impact.Environment: "worth modelling where it holds a secret or a switch: add_asset",
	impact.Endpoint:    "worth modelling: add_asset for what is sent there, add_attacker for who is on the way",
	impact.Command:     "worth modelling: add_attacker for who may influence its arguments",
	impact.Dependency:  "worth modelling where it handles secrets or input: add_attacker, edit_assumptions",
}

// page counts everything and cuts each list.
func (a *analysis) page(limit, offset int) AnalyzeChangeOut {
	out := a.out
	sum := ChangeSummary{
		Files: map[impact.Op]int{}, Assertions: RiskCounts{}, Controls: len(out.Controls), Assumptions: len(out.Assumptions), Submit: len(out.Submit),
		WouldUnverify: RiskCounts{}, WouldLose: map[Loss]RiskCounts{}, NewSurface: map[impact.Kind]int{},
	}
	for i := range a.changes {
		sum.Files[a.changes[i].Op]++
	}
	for _, x := range out.Assertions {
		sum.Assertions[x.Risk]++
	}
	for _, c := range out.Controls {
		if c.WouldLose != "" {
			sum.WouldUnverify[c.WouldLose]++
		}
	}
	for _, o := range out.Objectives {
		if sum.WouldLose[o.Loses] == nil {
			sum.WouldLose[o.Loses] = RiskCounts{}
		}
		sum.WouldLose[o.Loses][o.Risk]++
	}
	for _, n := range out.NewSurface {
		sum.NewSurface[n.Kind]++
	}
	out.Summary, out.Hint = sum, a.hint()
	out.Total = len(out.Assertions)
	out.Assertions = append([]TouchedAssertion{}, cut(out.Assertions, limit, offset)...)
	out.Controls = append([]TouchedControl{}, cut(out.Controls, limit, offset)...)
	out.Objectives = append([]TouchedObjective{}, cut(out.Objectives, limit, offset)...)
	out.Assumptions = append([]TouchedAssumption{}, cut(out.Assumptions, limit, offset)...)
	out.NewSurface = append([]NewSurface{}, cut(out.NewSurface, limit, offset)...)
	out.Submit = append([]Resubmission{}, cut(out.Submit, limit, offset)...)
	out.Returned = len(out.Assertions)
	return out
}

// hint says what to do next. It holds nothing of the change.
func (a *analysis) hint() string {
	var parts []string
	switch {
	case len(a.out.Submit) > 0:
		parts = append(parts, "before the merge: submit_assertions for what goes (submit), and delete_assertion what it replaces")
	case len(a.out.Assertions) > 0:
		parts = append(parts, "redoubt verify run --dry-run tells which still pass; CI verifies again after the merge")
	case !a.known:
		parts = append(parts, "no assertion is on this repository: nothing could be touched")
	default:
		parts = append(parts, "it touches no assertion")
	}
	if len(a.out.Assumptions) > 0 {
		parts = append(parts, "look at the assumptions again")
	}
	if len(a.out.NewSurface) > 0 {
		parts = append(parts, "see whether the model knows the new surface")
	}
	return strings.Join(parts, "; ")
}
