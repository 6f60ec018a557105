package service

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// The operations on assumptions beside those of every plural edit.
const (
	OpViolate Op = "violate" // it was seen not to hold
	OpConvert Op = "convert" // controls take its place
)

// AssumptionOp is one operation on an assumption. Fields that are not given stay as they are.
type AssumptionOp struct {
	Op         Op                     `json:"op" jsonschema:"add, edit, remove, restore, violate, or convert: it retires, and objectives without controls get some"`
	ID         threat.ID              `json:"id,omitempty" jsonschema:"AS…; of the assumption to work on"`
	Text       *string                `json:"text,omitempty"`
	Kind       *threat.AssumptionKind `json:"kind,omitempty" jsonschema:"external: a person attests it; non_applicability: proven by assertions; default external"`
	Objectives []threat.ID            `json:"control_objectives,omitempty" jsonschema:"those it answers; replaces the list"`
	Reason     string                 `json:"reason,omitempty" jsonschema:"needed to violate"`
}

// EditAssumptionsIn is a batch of operations, all or nothing, in one version.
type EditAssumptionsIn struct {
	Target
	Operations []AssumptionOp `json:"operations"`
}

// EditAssumptionsOut shows the assumptions that were touched.
type EditAssumptionsOut struct {
	Changed
	Assumptions []AssumptionRow `json:"assumptions"`
	JobID       string          `json:"job_id,omitempty" jsonschema:"after convert: the job that generates the controls"`
}

// EditAssumptions runs a batch of assumption operations. Errors: [threat.NotFound], [threat.Invalid], [threat.Conflict],
// [threat.FailedPrecondition] (a computed assumption; a state it cannot leave), naming the operation.
func (s *Service) EditAssumptions(ctx context.Context, who account.Principal, in EditAssumptionsIn) (EditAssumptionsOut, error) {
	var rows []AssumptionRow
	var job string
	out, err := change(ctx, s, who, "edit_assumptions", in.Target, in, func(c *changeset) error {
		job = ""
		if err := countOperations(len(in.Operations)); err != nil {
			return err
		}
		states, err := c.tx.AssumptionStates(who.WorkspaceID, c.model.ID)
		if err != nil {
			return err
		}
		var touched []AssumptionRow
		for i, op := range in.Operations {
			row, err := c.assumption(who, op, states)
			if err != nil {
				return operation(i, err)
			}
			touched = slices.DeleteFunc(touched, func(r AssumptionRow) bool { return r.ID == row.ID })
			touched = append(touched, row)
		}
		rows = touched
		c.object = threat.Clip(joinStrings(entityIDs(touched, func(r AssumptionRow) threat.ID { return r.ID })), 200)
		c.summary = countWords(len(in.Operations), "edit of assumptions", "edits of assumptions")
		if len(c.converted) > 0 {
			c.after = func(Changed) (err error) {
				job, err = s.controlsFor(c, who)
				return err
			}
		}
		return nil
	}, func(_ *changeset, done Changed) EditAssumptionsOut {
		if job != "" {
			done.Hint = "controls are being generated: get_operation_status(job_id)"
		}
		return EditAssumptionsOut{done, rows, job}
	})
	if err == nil && job != "" {
		s.jobs.poke()
	}
	return out, err
}

// controlsFor starts a job that generates controls for the COs of converted assumptions, as far as they have none: what mitigates a CO
// already is not replaced.
func (s *Service) controlsFor(c *changeset, who account.Principal) (string, error) {
	m, err := c.tx.Model(who.WorkspaceID, c.model.ID)
	if err != nil {
		return "", err
	}
	controls, err := c.tx.Controls(who.WorkspaceID, c.model.ID) // not the head: it would be kept before the commit
	if err != nil {
		return "", err
	}
	bare := slices.DeleteFunc(threat.SortIDs(c.converted), func(co threat.ID) bool {
		return !c.structure.HasObjective(co) ||
			slices.ContainsFunc(controls, func(k store.Control) bool { return slices.Contains(k.Objectives, co) })
	})
	if len(bare) == 0 {
		return "", nil
	}
	e, err := s.engineOf(c.tx.View(), who.WorkspaceID, "")
	if err != nil {
		return "", err
	}
	in := regenerateInput{
		RegenerateControlsIn: RegenerateControlsIn{Target: Target{ModelID: m.ID}, Objectives: bare, Engine: e.Name()}, Base: m.Version, Stamp: m.Stamp,
	}
	out, err := addJob(c.tx, who, regenerateJob, m.ID, 1, in)
	return out.JobID, err
}

// assumption runs one operation; states is kept up to date for the next.
func (c *changeset) assumption(who account.Principal, op AssumptionOp, states map[threat.ID]store.AssumptionEvent) (AssumptionRow, error) {
	move := func(id threat.ID, from, to threat.AssumptionState, reason string) error {
		if !from.CanBecome(to) {
			return threat.Errorf(threat.FailedPrecondition, "%s is %s, it cannot become %s", id, from, to).In("op")
		}
		e := store.AssumptionEvent{Assumption: id, State: to, Reason: reason}
		states[id] = e
		c.events = append(c.events, e)
		return nil
	}
	reason, err := threat.Line(op.Reason, threat.MaxText)
	if err != nil {
		return AssumptionRow{}, fieldError(err, "reason")
	}
	ids, err := c.ids()
	if err != nil {
		return AssumptionRow{}, err
	}
	switch op.Op {
	case OpAdd:
		if op.ID != "" {
			return AssumptionRow{}, threat.Errorf(threat.Invalid, "a new assumption gets its id here").In("id").Hinted("leave id out, or use op restore")
		}
		a := threat.Assumption{Kind: threat.External, Objectives: op.Objectives}
		setText(&a.Text, op.Text)
		if op.Kind != nil {
			a.Kind = *op.Kind
		}
		made, err := c.structure.AddAssumption(ids, a)
		return assumptionRow(made, states), err
	case OpEdit:
		made, err := c.structure.EditAssumption(op.ID, threat.AssumptionEdit{Text: op.Text, Kind: op.Kind, Objectives: op.Objectives})
		return assumptionRow(made, states), err
	case OpRemove:
		a := c.structure.Assumption(op.ID)
		if a == nil {
			return AssumptionRow{}, c.structure.RemoveAssumption(op.ID)
		}
		was := *a
		if err := c.structure.RemoveAssumption(op.ID); err != nil {
			return AssumptionRow{}, err
		}
		err := move(op.ID, stateOf(op.ID, states), threat.Deleted, reason)
		return assumptionRow(was, states), err
	case OpConvert:
		a := c.structure.Assumption(op.ID)
		if a == nil {
			return AssumptionRow{}, c.structure.RemoveAssumption(op.ID)
		}
		was := *a
		if err := c.structure.RemoveAssumption(op.ID); err != nil {
			return AssumptionRow{}, err
		}
		c.converted = append(c.converted, was.Objectives...)
		err := move(op.ID, stateOf(op.ID, states), threat.Retired, "converted to controls")
		return assumptionRow(was, states), err
	case OpRestore:
		return c.restoreAssumption(who, op.ID, states, move)
	case OpViolate:
		a := c.structure.Assumption(op.ID)
		if a == nil {
			return AssumptionRow{}, threat.Unknown("assumption", op.ID, assumptionIDs(c.structure)).In("id")
		}
		if reason == "" {
			return AssumptionRow{}, threat.Errorf(threat.Invalid, "reason is missing").In("reason").Hinted("say what was seen that contradicts it")
		}
		err := move(op.ID, stateOf(op.ID, states), threat.Violated, reason)
		return assumptionRow(*a, states), err
	}
	return AssumptionRow{}, unknownOp(op.Op, OpAdd, OpEdit, OpRemove, OpRestore, OpViolate, OpConvert)
}

// restoreAssumption brings a deleted assumption back under its old id, unattested. A retired one has no way back.
func (c *changeset) restoreAssumption(who account.Principal, id threat.ID, states map[threat.ID]store.AssumptionEvent,
	move func(id threat.ID, from, to threat.AssumptionState, reason string) error,
) (AssumptionRow, error) {
	past, err := c.tx.LastBodies(who.WorkspaceID, c.model.ID, threat.KindAssumption)
	if err != nil {
		return AssumptionRow{}, err
	}
	var restorable []threat.ID
	for _, a := range past.Assumptions {
		if stateOf(a.ID, states) == threat.Deleted {
			restorable = append(restorable, a.ID)
		}
	}
	if !slices.Contains(restorable, id) {
		return AssumptionRow{}, gone("assumption", id, restorable)
	}
	a := *past.Assumption(id)
	a.Objectives = slices.DeleteFunc(slices.Clone(a.Objectives), func(co threat.ID) bool { return !c.structure.HasObjective(co) })
	ids, err := c.ids()
	if err != nil {
		return AssumptionRow{}, err
	}
	made, err := c.structure.AddAssumption(ids, a)
	if err != nil {
		return AssumptionRow{}, err
	}
	err = move(id, threat.Deleted, threat.Active, "restored")
	return assumptionRow(made, states), err
}

func assumptionIDs(s *threat.Structure) []threat.ID {
	return entityIDs(s.Assumptions, func(a threat.Assumption) threat.ID { return a.ID })
}

// stateOf is the state of an assumption that is or was part of the model: active until an event says otherwise.
func stateOf(id threat.ID, states map[threat.ID]store.AssumptionEvent) threat.AssumptionState {
	if e, ok := states[id]; ok {
		return e.State
	}
	return threat.Active
}

func assumptionRow(a threat.Assumption, states map[threat.ID]store.AssumptionEvent) AssumptionRow {
	return AssumptionRow{
		ID: a.ID, Text: a.Text, Kind: a.Kind, Status: stateOf(a.ID, states), Reason: states[a.ID].Reason,
		Computed: a.Separation != nil, Objectives: a.Objectives, Basis: a.Basis,
	}
}

// assumptions fills out with a page of assumptions. Of the head also the retired and deleted ones can be asked for; an older
// version shows what it held, in the state of today.
func (out *GetThreatModelOut) assumptions(v *store.Snapshot, who account.Principal, h *head, s *threat.Structure, in GetThreatModelIn, limit, offset int) error {
	if in.Status != "" && !slices.Contains(threat.AssumptionStates(), threat.AssumptionState(in.Status)) {
		return threat.Errorf(threat.Invalid, "status %q is not known", threat.Clip(in.Status, 40)).In("status").
			Hinted("valid: %s", joinStrings(threat.AssumptionStates()))
	}
	states, err := v.AssumptionStates(who.WorkspaceID, h.model.ID)
	if err != nil {
		return err
	}
	list := s.Assumptions
	if out.Version == h.model.Version {
		past, err := v.LastBodies(who.WorkspaceID, h.model.ID, threat.KindAssumption)
		if err != nil {
			return err
		}
		list = append(slices.Clone(list), past.Assumptions...)
	}
	j, err := loadJudgments(v, who.WorkspaceID, h)
	if err != nil {
		return err
	}
	counts := map[threat.AssumptionState]int{}
	var found []AssumptionRow
	for _, a := range list {
		row := assumptionRow(a, states)
		row.judged(h, &j, &a, v.Now())
		counts[row.Status]++
		if in.Status == "" && (row.Status == threat.Active || row.Status == threat.Violated) || string(row.Status) == in.Status {
			found = append(found, row)
		}
	}
	slices.SortFunc(found, func(a, b AssumptionRow) int { return threat.CompareIDs(a.ID, b.ID) })
	out.Summary = map[string]any{"status": counts}
	out.Total = len(found)
	out.Assumptions = cut(found, limit, offset)
	out.Returned = len(out.Assumptions)
	return nil
}

// judged adds what people and runs say of an assumption.
func (row *AssumptionRow) judged(h *head, j *judgments, a *threat.Assumption, now time.Time) {
	if at := j.attestation(a.ID); at != nil {
		row.AttestedUntil, row.Lapsed = &at.ExpiresAt, h.lapsed(a, at)
	}
	for _, c := range j.carried {
		if c.Assumption == a.ID {
			row.Carries = append(row.Carries, c.Control)
		}
	}
	if b := j.bodies[a.ID]; b != nil && a.Kind == threat.NonApplicability {
		row.Verification = h.assumptionStatus(a, b).At(now, h.settings.StaleAfter())
		row.Judgments = h.judgmentRows(h.assumptionSubject(a.ID, a.Text), b)
	}
}

func itoa(n int) string { return strconv.Itoa(n) }
