package service

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/posture"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// judgments is what people and time say of a model beside its structure and controls.
type judgments struct {
	states       map[threat.ID]store.AssumptionEvent
	attestations []store.Attestation
	risks        []store.AcceptedRisk
	weakened     []store.WeakenedObjective
	carried      []store.Carried
	retired      []threat.Assumption // as they last were
	bodies       map[threat.ID]*body // evidence on assumptions; nil where none is proven by machine
}

func loadJudgments(v *store.Snapshot, workspace string, h *head) (j judgments, err error) {
	model := h.model.ID
	if j.states, err = v.AssumptionStates(workspace, model); err != nil {
		return j, err
	}
	if j.attestations, err = v.Attestations(workspace, model); err != nil {
		return j, err
	}
	if j.risks, err = v.AcceptedRisks(workspace, model); err != nil {
		return j, err
	}
	if j.weakened, err = v.WeakenedObjectives(workspace, model); err != nil {
		return j, err
	}
	if j.carried, err = v.CarriedControls(workspace, model); err != nil {
		return j, err
	}
	for _, e := range j.states {
		if e.State != threat.Retired {
			continue
		}
		past, err := v.LastBodies(workspace, model, threat.KindAssumption)
		if err != nil {
			return j, err
		}
		j.retired = slices.DeleteFunc(past.Assumptions, func(a threat.Assumption) bool { return stateOf(a.ID, j.states) != threat.Retired })
		break
	}
	if slices.ContainsFunc(h.structure.Assumptions, func(a threat.Assumption) bool { return a.Kind == threat.NonApplicability }) {
		all, err := v.Evidence(workspace, model)
		if err != nil {
			return j, err
		}
		j.bodies = bodies(all)
	}
	return j, nil
}

// attestation returns the attestation of an assumption that may count: the newest one that nothing ended and that was given since the
// assumption last changed its state.
func (j *judgments) attestation(id threat.ID) *store.Attestation {
	for i := len(j.attestations) - 1; i >= 0; i-- {
		a := &j.attestations[i]
		if a.Assumption != id {
			continue
		}
		if a.EndedAt != nil || a.CreatedAt.Before(j.states[id].At) {
			return nil
		}
		return a
	}
	return nil
}

// posture folds a model as it is at a time.
func (h *head) posture(j *judgments, now time.Time) *posture.Posture {
	return posture.Assess(h.postureInput(j, now))
}

func (h *head) postureInput(j *judgments, now time.Time) posture.Input {
	in := posture.Input{
		Objectives: h.objectives(), Controls: make([]posture.Control, len(h.controls)), Links: make([]posture.Link, len(h.links)), Now: now,
	}
	for i := range h.controls {
		c := &h.controls[i]
		in.Controls[i] = posture.Control{
			ID: c.ID, Implemented: c.Status == threat.Implemented, Verification: h.verificationAt(c, now), Attested: c.Evidence.Attested, Weakened: c.Weakened != "",
		}
	}
	place, group := 0, 0 // groups are known by their place: numbers have gaps where one is gone
	for i, l := range h.links {
		if i == 0 || l.Objective != h.links[i-1].Objective {
			place, group = 0, 0
		}
		if l.Group != group {
			place, group = place+1, l.Group
		}
		in.Links[i] = posture.Link{Objective: l.Objective, Control: l.Control, Group: place}
	}
	for _, w := range j.weakened {
		in.Weakened = append(in.Weakened, w.Objective)
	}
	in.Assumptions = h.premises(j, now)
	for _, a := range j.retired { // holds no more, and still shows that the objective was looked at
		in.Assumptions = append(in.Assumptions, posture.Assumption{ID: a.ID, Kind: a.Kind, State: threat.Retired, Objectives: a.Objectives, Verification: evidence.None})
	}
	for i := range j.risks {
		r := &j.risks[i]
		if r.EndedAt != nil {
			continue
		}
		p := posture.Risk{Objective: r.Objective, Owner: r.Owner, Decider: r.UserID, Reason: r.Reason, ReviewBy: r.ReviewBy}
		if r.ExpiresAt != nil {
			p.Expires = *r.ExpiresAt
		}
		p.Lapsed = h.lapsedRisk(r)
		in.Risks = append(in.Risks, p)
	}
	return in
}

// premises are the live assumptions as the fold sees them.
func (h *head) premises(j *judgments, now time.Time) []posture.Assumption {
	carries := map[threat.ID][]threat.ID{}
	for _, c := range j.carried {
		carries[c.Assumption] = append(carries[c.Assumption], c.Control)
	}
	out := make([]posture.Assumption, len(h.structure.Assumptions))
	for i := range h.structure.Assumptions {
		a := &h.structure.Assumptions[i]
		p := posture.Assumption{ID: a.ID, Kind: a.Kind, State: stateOf(a.ID, j.states), Objectives: a.Objectives, Carries: carries[a.ID], Verification: evidence.None}
		if at := j.attestation(a.ID); at != nil {
			p.Attestation = &posture.Attestation{Expires: at.ExpiresAt, Lapsed: h.lapsed(a, at)}
		}
		if b := j.bodies[a.ID]; b != nil {
			st := h.assumptionStatus(a, b)
			p.Verification, p.Attested = st.At(now, h.settings.StaleAfter()), st.Attested
		}
		out[i] = p
	}
	return out
}

// AssessModelIn narrows and pages the posture.
type AssessModelIn struct {
	ModelID      string            `json:"model_id"`
	Objectives   []threat.ID       `json:"control_objectives,omitempty"`
	Status       posture.Status    `json:"status,omitempty"`
	Tier         threat.Tier       `json:"tier,omitempty"`
	Asset        threat.ID         `json:"asset,omitempty"`
	Attacker     threat.ID         `json:"attacker,omitempty"`
	Reason       posture.Reason    `json:"reason,omitempty"`
	Assurance    posture.Assurance `json:"assurance,omitempty"`
	ChangedSince string            `json:"changed_since,omitempty" jsonschema:"version or RFC 3339 time; says what changed"`
	Limit        *int              `json:"limit,omitempty" jsonschema:"default 0: no rows; at most 200"`
	Offset       int               `json:"offset,omitempty"`
}

// AcceptedRow is a live accepted risk.
type AcceptedRow struct {
	Owner     string     `json:"owner"`
	Reason    string     `json:"reason"`
	ReviewBy  time.Time  `json:"review_by"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
	ReviewDue bool       `json:"review_due,omitempty"`
}

// PostureRow is where one CO stands.
type PostureRow struct {
	ID         threat.ID         `json:"id"`
	Statement  string            `json:"statement"`
	Tier       threat.Tier       `json:"tier"`
	Status     posture.Status    `json:"status"`
	By         posture.By        `json:"by,omitempty"`
	Assurance  posture.Assurance `json:"assurance,omitempty"`
	Attested   bool              `json:"attested"`
	Reason     posture.Reason    `json:"reason,omitempty"`
	Next       []threat.ID       `json:"next,omitempty" jsonschema:"controls to implement or mend, assumptions to attest: what would mitigate it soonest"`
	Reachable  bool              `json:"reachable"`
	Group      int               `json:"group,omitempty" jsonschema:"the mitigation group that mitigates it"`
	Assumption threat.ID         `json:"assumption,omitempty" jsonschema:"the assumption that mitigates it"`
	Weakened   bool              `json:"weakened,omitempty"`
	Accepted   *AcceptedRow      `json:"accepted,omitempty" jsonschema:"a risk that is borne; accepted is not mitigated"`
	Findings   OpenFindings      `json:"open_findings,omitempty"` // on its controls
	Changed    []string          `json:"changed,omitempty" jsonschema:"with changed_since: what changed"`
}

// OpenFindings counts open findings by severity. They are shown beside a status and change none: that follows from evidence alone.
type OpenFindings map[threat.Severity]int

// PostureSummary is that of the whole model, with all its open findings beside it.
type PostureSummary struct {
	posture.Summary
	Findings OpenFindings `json:"open_findings"`
}

// AssessModelOut is where a model stands, the gravest first.
type AssessModelOut struct {
	ModelID    string         `json:"model_id"`
	Version    int            `json:"version"`
	AsOf       time.Time      `json:"as_of"`
	Total      int            `json:"total"`
	Returned   int            `json:"returned"`
	Offset     int            `json:"offset"`
	Summary    PostureSummary `json:"summary" jsonschema:"of the whole model"`
	Objectives []PostureRow   `json:"control_objectives"`
}

// AssessModel folds the head of a model into where it stands now. Errors: [threat.NotFound], [threat.Invalid].
func (s *Service) AssessModel(ctx context.Context, who account.Principal, in AssessModelIn) (AssessModelOut, error) {
	limit, offset, err := page(in.Limit, in.Offset, 0)
	if err != nil {
		return AssessModelOut{}, err
	}
	if err := cmp.Or(
		oneOf("status", in.Status, posture.Statuses()), oneOf("tier", in.Tier, threat.Tiers()), oneOf("reason", in.Reason, posture.Reasons()),
		oneOf("assurance", in.Assurance, posture.Assurances()),
	); err != nil {
		return AssessModelOut{}, err
	}
	return readHead(ctx, s, who, in.ModelID, func(v *store.Snapshot, h *head) (AssessModelOut, error) {
		out := AssessModelOut{ModelID: h.model.ID, Version: h.model.Version, AsOf: v.Now(), Offset: offset, Objectives: []PostureRow{}}
		if err := h.checkFilter(in.Objectives, in.Asset, in.Attacker); err != nil {
			return out, err
		}
		j, err := loadJudgments(v, who.WorkspaceID, h)
		if err != nil {
			return out, err
		}
		p := h.posture(&j, v.Now())
		open, err := v.OpenFindings(who.WorkspaceID, h.model.ID)
		if err != nil {
			return out, err
		}
		out.Summary = PostureSummary{Summary: p.Summary, Findings: OpenFindings{}}
		for _, counts := range open {
			out.Summary.Findings.add(counts)
		}
		var changed map[threat.ID][]string
		if in.ChangedSince != "" {
			if changed, err = h.changedSince(v, who.WorkspaceID, &j, in.ChangedSince); err != nil {
				return out, err
			}
		}
		filter := posture.Filter{Status: in.Status, Tier: in.Tier, Asset: in.Asset, Attacker: in.Attacker, Reason: in.Reason, Assurance: in.Assurance}
		rows := slices.DeleteFunc(p.Filter(filter), func(r posture.Row) bool {
			return !among(in.Objectives, r.Objective.ID) || in.ChangedSince != "" && changed[r.Objective.ID] == nil
		})
		out.Total = len(rows)
		for _, r := range cut(rows, limit, offset) {
			out.Objectives = append(out.Objectives, postureRow(&r, changed[r.Objective.ID]))
		}
		out.Returned = len(out.Objectives)
		out.beside(h, open)
		return out, nil
	})
}

// beside counts on the rows of a page the open findings on the controls of each CO, each control once.
func (out *AssessModelOut) beside(h *head, open map[threat.ID]map[threat.Severity]int) {
	if len(open) == 0 || len(out.Objectives) == 0 {
		return
	}
	place := make(map[threat.ID]*PostureRow, len(out.Objectives))
	for i := range out.Objectives {
		place[out.Objectives[i].ID] = &out.Objectives[i]
	}
	seen := map[store.Link]bool{}
	for _, l := range h.links {
		row, once := place[l.Objective], store.Link{Objective: l.Objective, Control: l.Control}
		if counts := open[l.Control]; row == nil || counts == nil || seen[once] {
			continue
		}
		seen[once] = true
		if row.Findings == nil {
			row.Findings = OpenFindings{}
		}
		row.Findings.add(open[l.Control])
	}
}

func (f OpenFindings) add(counts map[threat.Severity]int) {
	for severity, n := range counts {
		f[severity] += n
	}
}

// oneOf refuses a value of a filter that is none of those known; an empty one filters nothing. Errors: [threat.Invalid].
func oneOf[T ~string](field string, value T, valid []T) error {
	if value == "" || slices.Contains(valid, value) {
		return nil
	}
	return threat.Errorf(threat.Invalid, "%s %q is not known", field, threat.Clip(string(value), 40)).In(field).Hinted("valid: %s", joinStrings(valid))
}

func postureRow(r *posture.Row, changed []string) PostureRow {
	row := PostureRow{
		ID: r.Objective.ID, Statement: r.Objective.Statement, Tier: r.Objective.Tier, Status: r.Status, By: r.By, Assurance: r.Assurance,
		Attested: r.Attested, Reason: r.Reason, Next: r.Next, Reachable: r.Objective.Reachable, Group: r.Group, Assumption: r.Assumption,
		Weakened: r.Weakened, Changed: changed,
	}
	if a := r.Accepted; a != nil {
		row.Accepted = &AcceptedRow{Owner: a.Owner, Reason: a.Reason, ReviewBy: a.ReviewBy, ReviewDue: r.ReviewDue}
		if !a.Expires.IsZero() {
			row.Accepted.ExpiresAt = &a.Expires
		}
	}
	return row
}

// since resolves a version or a time.
func (h *head) since(v *store.Snapshot, workspace, text string) (at time.Time, version int, err error) {
	if n, err := strconv.Atoi(text); err == nil {
		if n < 1 || n > h.model.Version {
			return at, 0, threat.Errorf(threat.NotFound, "there is no version %d", n).In("changed_since").Hinted("versions are 1 to %d", h.model.Version)
		}
		list, _, err := v.Versions(workspace, h.model.ID, 1, h.model.Version-n)
		if err != nil || len(list) == 0 {
			return at, 0, err
		}
		return list[0].CreatedAt, n, nil
	}
	at, err = time.Parse(time.RFC3339, text)
	if err != nil {
		return at, 0, threat.Errorf(threat.Invalid, "%q is neither a version nor a time", threat.Clip(text, 40)).In("changed_since").
			Hinted("a version such as 3, or a time such as %s", v.Now().Add(-24*time.Hour).Format(time.RFC3339))
	}
	// The version of that time: the newest that was there by then.
	for offset := 0; offset < h.model.Version; offset += MaxLimit {
		list, _, err := v.Versions(workspace, h.model.ID, MaxLimit, offset)
		if err != nil {
			return at, 0, err
		}
		for _, x := range list {
			if !x.CreatedAt.After(at) {
				return at, x.Number, nil
			}
		}
	}
	return at, 0, nil
}

// maxChangeNotes bounds what is said to have changed for one CO.
const maxChangeNotes = 12

// changedSince says what changed since for each CO of which an input changed: the structure, its controls and their evidence, its
// assumptions and their attestations (those that expired meanwhile too), and what people decided.
func (h *head) changedSince(v *store.Snapshot, workspace string, j *judgments, text string) (map[threat.ID][]string, error) {
	at, version, err := h.since(v, workspace, text)
	if err != nil {
		return nil, err
	}
	out := map[threat.ID][]string{}
	note := func(co threat.ID, format string, args ...any) {
		if _, ok := h.place()[co]; !ok {
			return
		}
		if words := fmt.Sprintf(format, args...); !slices.Contains(out[co], words) && len(out[co]) < maxChangeNotes {
			out[co] = append(out[co], words)
		}
	}
	then := &threat.Structure{}
	if version > 0 {
		if then, err = v.Version(workspace, h.model.ID, version); err != nil {
			return nil, err
		}
	}
	changes, err := threat.Diff(then, h.structure)
	if err != nil {
		return nil, err
	}
	for _, c := range changes {
		switch {
		case c.Kind == threat.KindObjective && c.Op != threat.Removed:
			note(c.ID, "the objective was %s", c.Op)
		case c.Kind == threat.KindAssumption:
			for _, s := range []*threat.Structure{then, h.structure} {
				if a := s.Assumption(c.ID); a != nil {
					for _, co := range a.Objectives {
						note(co, "%s was %s", a.ID, c.Op)
					}
				}
			}
		}
	}
	answered := h.answeredBy(j)
	if err := h.changedControls(v, workspace, at, answered, note); err != nil {
		return nil, err
	}
	if err := h.regroupedSince(v, workspace, at, note); err != nil {
		return nil, err
	}
	now := v.Now()
	within := func(t time.Time) bool { return t.After(at) && !t.After(now) }
	say := func(assumption threat.ID, words string) {
		for _, co := range answered[assumption] {
			note(co, "%s %s", assumption, words)
		}
	}
	for id, e := range j.states {
		if within(e.At) {
			say(id, "became "+string(e.State))
		}
	}
	for _, a := range j.attestations {
		if within(a.CreatedAt) {
			say(a.Assumption, "was attested")
		}
		if a.EndedAt == nil && within(a.ExpiresAt) {
			say(a.Assumption, "expired")
		}
	}
	for _, r := range j.risks {
		if within(r.CreatedAt) {
			note(r.Objective, "its risk was accepted")
		}
		if r.EndedAt != nil && within(*r.EndedAt) || r.EndedAt == nil && r.ExpiresAt != nil && within(*r.ExpiresAt) {
			note(r.Objective, "its acceptance ended")
		}
	}
	return out, nil
}

// answeredBy returns the COs of each assumption: those it is linked to, and those of the controls that it carries.
func (h *head) answeredBy(j *judgments) map[threat.ID][]threat.ID {
	out := map[threat.ID][]threat.ID{}
	for i := range h.structure.Assumptions {
		a := &h.structure.Assumptions[i]
		out[a.ID] = slices.Clone(a.Objectives)
	}
	for _, c := range j.carried {
		if k, err := h.control(c.Control); err == nil && h.structure.Assumption(c.Assumption) != nil {
			out[c.Assumption] = append(out[c.Assumption], k.Objectives...)
		}
	}
	return out
}

// regroupedSince notes which COs were linked with controls, regrouped or approved.
func (h *head) regroupedSince(v *store.Snapshot, workspace string, at time.Time, note func(threat.ID, string, ...any)) error {
	since := at.Add(time.Microsecond) // later than at, in the resolution of the store
	f := store.ActivityFilter{Model: h.model.ID, Outcome: "done", Since: &since}
	for offset := 0; ; offset += MaxLimit {
		rows, _, err := v.FilteredActivity(workspace, f, MaxLimit, offset)
		if err != nil {
			return err
		}
		for _, a := range rows {
			var detail regroupedDetail
			if err := json.Unmarshal([]byte(a.Detail), &detail); err != nil {
				continue // of another shape: not one of these
			}
			for _, co := range detail.Objectives {
				if a.Verb == "approve_change" {
					note(co, "a change was approved")
				} else {
					note(co, "its controls or groups changed")
				}
			}
		}
		if len(rows) < MaxLimit {
			return nil
		}
	}
}

// lapsedRisk says why an acceptance no longer fits what was accepted; "" while it does.
func (h *head) lapsedRisk(r *store.AcceptedRisk) string {
	if r.GivenFor != h.objectiveDigest(r.Objective) {
		return "the objective changed"
	}
	return ""
}

// changedControls notes what changed about the controls of each CO, and about the evidence on controls and assumptions.
func (h *head) changedControls(v *store.Snapshot, workspace string, at time.Time, answered map[threat.ID][]threat.ID, note func(threat.ID, string, ...any)) error {
	of := map[threat.ID][]threat.ID{} // COs of a control or an assumption
	maps.Copy(of, answered)
	for i := range h.controls {
		c := &h.controls[i]
		of[c.ID] = c.Objectives
		for _, co := range c.Objectives {
			if c.UpdatedAt.After(at) {
				note(co, "%s was edited", c.ID)
			}
			if c.VerifiedAt != nil && c.VerifiedAt.After(at) {
				note(co, "%s became %s", c.ID, c.Evidence.Status)
			}
			if oldest := c.Evidence.Oldest; oldest != nil {
				if end := oldest.Add(h.settings.StaleAfter()); end.After(at) && !end.After(v.Now()) {
					note(co, "%s became stale", c.ID)
				}
			}
		}
	}
	gone, err := v.DeletedControls(workspace, h.model.ID)
	if err != nil {
		return err
	}
	for _, c := range gone {
		for _, co := range c.Objectives {
			if c.DeletedAt.After(at) {
				note(co, "%s was deleted", c.ID)
			}
		}
	}
	all, err := v.Assertions(workspace, h.model.ID)
	if err != nil {
		return err
	}
	deleted, err := v.DeletedAssertions(workspace, h.model.ID)
	if err != nil {
		return err
	}
	for _, a := range slices.Concat(all, deleted) {
		for _, co := range of[cmp.Or(a.Control, a.Assumption)] {
			if a.DeletedAt != nil {
				if a.DeletedAt.After(at) {
					note(co, "%s was deleted", a.ID)
				}
				continue
			}
			if a.CreatedAt.After(at) {
				note(co, "%s was submitted", a.ID)
			}
			if a.DriftedAt != nil && a.DriftedAt.After(at) {
				note(co, "%s drifted", a.ID)
			}
		}
	}
	return nil
}
