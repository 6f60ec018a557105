package service

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/pipeline"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

const refineJob = "refine_threat_model"

// RefineThreatModelIn says in words what is to change.
type RefineThreatModelIn struct {
	Target
	Instruction string        `json:"instruction,omitempty" jsonschema:"such as: add a database attacker"`
	Kinds       []threat.Kind `json:"kinds,omitempty" jsonschema:"what may change: asset, attacker, trust_boundary, assumption; default: told from the words"`
	DryRun      bool          `json:"dry_run,omitempty" jsonschema:"only show the changes"`
	FromJob     string        `json:"from_job,omitempty" jsonschema:"instead: write what this dry_run's job showed"`
	Engine      string        `json:"engine,omitempty"`
	WaitSeconds *int          `json:"wait_seconds,omitempty" jsonschema:"default 20"`
}

// refineInput is what the job keeps: the request and the version it is about.
type refineInput struct {
	RefineThreatModelIn
	Base int `json:"base"`
}

// RefineResult is what a finished refinement says.
type RefineResult struct {
	ModelID    string                 `json:"model_id"`
	Version    int                    `json:"version"` // the new one; the one it is about when nothing was written
	DryRun     bool                   `json:"dry_run,omitempty"`
	Engine     string                 `json:"engine"` // who thought; builtin for what needed nobody
	Kinds      []threat.Kind          `json:"kinds"`  // what could change
	Note       string                 `json:"note,omitempty"`
	Changes    []threat.Change        `json:"changes"` // of entities, as compare_versions shows them
	Objectives threat.ObjectiveChange `json:"control_objectives"`
	Hint       string                 `json:"hint,omitempty"`
}

// RefineThreatModel starts a job that carries out an instruction on a model's entities: one question to the engine, or none where the
// instruction says all that is needed ([pipeline.Understand]). Only entities of the kinds concerned change. It is applied as one
// version, or with dry_run shown, and then from_job writes it; it applies only to the version it began with, else it is refused or the job
// ends with [threat.Conflict]. Errors: [threat.NotFound], [threat.Invalid], [threat.Conflict], [threat.FailedPrecondition].
func (s *Service) RefineThreatModel(ctx context.Context, who account.Principal, in RefineThreatModelIn) (JobOut, error) {
	v := verb{name: refineJob, needs: account.Write, model: in.ModelID, idem: in.IdempotencyKey}
	in.WaitSeconds = nil
	out, err := write(ctx, s, who, v, in, func(tx *store.Tx, r *record) (JobOut, error) {
		in := in
		c, err := s.begin(tx, who.WorkspaceID, in.Target)
		if err != nil {
			return JobOut{}, err
		}
		if in.FromJob != "" {
			job, err := writeRefinement(tx, who, in, c.model)
			r.version, r.object = c.model.Version, job.JobID
			return job, err
		}
		if in.Instruction, err = instruction(in.Instruction); err != nil {
			return JobOut{}, err
		}
		for _, k := range in.Kinds {
			if !slices.Contains(pipeline.RefinedKinds(), k) {
				return JobOut{}, threat.Errorf(threat.Invalid, "kind %q is not known", threat.Clip(string(k), 40)).In("kinds").Hinted("valid: %s", joinStrings(pipeline.RefinedKinds()))
			}
		}
		e, err := s.engineOf(tx.View(), who.WorkspaceID, in.Engine)
		if err != nil {
			return JobOut{}, err
		}
		in.Engine = e.Name()
		job, err := addJob(tx, who, refineJob, c.model.ID, 1, refineInput{in, c.model.Version})
		r.version, r.object = c.model.Version, job.JobID
		return job, err
	})
	if err == nil {
		s.jobs.poke()
	}
	return out, err
}

// writeRefinement adds the job that writes what a dry run showed.
func writeRefinement(tx *store.Tx, who account.Principal, in RefineThreatModelIn, m store.Model) (JobOut, error) {
	old, err := dryRun(tx.View(), who.WorkspaceID, refineJob, m.ID, in.FromJob)
	if err == nil {
		err = alone(in.DryRun || in.Instruction != "" || in.Engine != "" || len(in.Kinds) > 0)
	}
	if err != nil {
		return JobOut{}, err
	}
	var was refineInput
	if err := json.Unmarshal([]byte(old.Input), &was); err != nil {
		return JobOut{}, err
	}
	switch {
	case !was.DryRun:
		return JobOut{}, wroteAlready()
	case was.Base != m.Version:
		return JobOut{}, movedOn("the model is at version %d, and what was shown is for version %d", m.Version, was.Base)
	}
	was.DryRun, was.FromJob = false, old.ID
	return startJob(tx, who, store.Job{Kind: refineJob, ModelID: m.ID, Steps: 1, Draft: old.Draft}, was)
}

// instruction cleans what a caller wants done in words. Errors: [threat.Invalid].
func instruction(text string) (string, error) {
	text, err := threat.Text(text, threat.MaxText)
	if err == nil && text == "" {
		err = threat.Errorf(threat.Invalid, "the instruction is missing").Hinted("say what is to change, in up to %d characters", threat.MaxText)
	}
	return text, fieldAs(fieldError(err, "instruction"), "", "instruction")
}

// refinement is what an instruction comes to.
type refinement struct {
	Operations []pipeline.Operation `json:"operations"`
	Note       string               `json:"note,omitempty"`
	Engine     string               `json:"engine"`
	Kinds      []threat.Kind        `json:"kinds"`
}

func (t *task) refine(ctx context.Context) (apply, error) {
	var in refineInput
	if err := json.Unmarshal([]byte(t.job.Input), &in); err != nil {
		return nil, err
	}
	if err := t.begin(pipeline.RefineStep); err != nil {
		return nil, err
	}
	var structure *threat.Structure
	counters, err := read(ctx, t.s, t.who, account.Write, func(v *store.Snapshot) (threat.Counters, error) {
		if _, err := v.Model(t.job.WorkspaceID, in.ModelID); err != nil {
			return nil, err
		}
		var err error
		if structure, err = v.Version(t.job.WorkspaceID, in.ModelID, in.Base); err != nil {
			return nil, err
		}
		return v.Counters(t.job.WorkspaceID, in.ModelID)
	})
	if err != nil {
		return nil, err
	}
	var done refinement
	if t.draft != "" { // thought before: by a dry run, or by an attempt that was cut short
		err = json.Unmarshal([]byte(t.draft), &done)
	} else if done, err = t.think(ctx, in, structure, counters); err == nil && in.DryRun {
		var draft []byte
		if draft, err = json.Marshal(done); err == nil {
			err = t.save(string(draft))
		}
	}
	if err != nil {
		return nil, err
	}
	return func(tx *store.Tx) (any, string, error) {
		out, err := t.change(tx, in, done)
		if err != nil {
			return nil, "", err
		}
		detail := map[string]any{"engine": out.Engine, "dry_run": in.DryRun}
		return out, in.ModelID, addActivity(tx, t.who, refineJob, record{model: in.ModelID, version: out.Version, object: t.job.ID, detail: detail})
	}, nil
}

// think turns the instruction into operations that the rules accept.
func (t *task) think(ctx context.Context, in refineInput, s *threat.Structure, counters threat.Counters) (refinement, error) {
	out := refinement{Engine: builtinEngine, Kinds: in.Kinds}
	if len(out.Kinds) == 0 {
		out.Kinds = pipeline.KindsConcerned(in.Instruction)
	}
	var catalogue pipeline.Catalogue
	if in.Engine == builtinEngine {
		catalogue, _ = t.s.named(builtinEngine).(pipeline.Catalogue)
	}
	operations, understood := pipeline.Understand(s, in.Instruction, catalogue)
	switch {
	case understood:
		if len(in.Kinds) == 0 {
			out.Kinds = nil
		}
		for _, o := range operations {
			switch {
			case len(in.Kinds) > 0 && !slices.Contains(in.Kinds, o.Kind):
				return out, threat.Errorf(threat.Invalid, "the instruction is about an entity of kind %s, which is not to change", o.Kind).In("kinds").
					Hinted("leave kinds out, or name %s there", o.Kind)
			case len(in.Kinds) == 0 && !slices.Contains(out.Kinds, o.Kind):
				out.Kinds = append(out.Kinds, o.Kind)
			}
		}
		out.Operations = operations
		return out, nil
	case in.Engine == builtinEngine:
		return out, threat.Errorf(threat.FailedPrecondition, "engine builtin carries out plain instructions alone, and this is none").In("engine").
			Hinted("name engine agent, which you can always answer yourself%s; or say: remove A2; rename T1 to …; set impact of A1 to H; "+
				"add an attacker or asset that the knowledge base knows by name; or use the add_, edit_ and remove_ tools", t.s.orOpenAI())
	}
	limit := pipeline.ModelLimit
	if in.Engine == agentEngine {
		limit = pipeline.AgentLimit
	}
	out.Engine = in.Engine
	err := pipeline.Consult(ctx, t.asker(in.Engine), pipeline.RefineQuestion(s, in.Instruction, out.Kinds, limit), func(raw []byte) (err error) {
		if out.Operations, out.Note, err = pipeline.ParseOperations(out.Kinds, raw); err != nil {
			return err
		}
		return pipeline.Apply(s.Clone(), counters.Clone(), out.Operations)
	})
	return out, err
}

// orOpenAI names the other engine that thinks, where it can run.
func (s *Service) orOpenAI() string {
	if s.llm.client == nil {
		return ""
	}
	return ", or openai"
}

// change applies a refinement to the head as one version, or shows what that would change.
func (t *task) change(tx *store.Tx, in refineInput, done refinement) (RefineResult, error) {
	out := RefineResult{ModelID: in.ModelID, DryRun: in.DryRun, Engine: done.Engine, Kinds: done.Kinds, Note: done.Note, Changes: []threat.Change{}}
	c, err := t.s.begin(tx, t.job.WorkspaceID, Target{ModelID: in.ModelID, ExpectedVersion: in.Base})
	if err != nil {
		return out, err
	}
	before := c.structure.Clone()
	ids, err := c.ids()
	if err != nil {
		return out, err
	}
	if err := pipeline.Apply(c.structure, ids, done.Operations); err != nil {
		return out, err
	}
	for _, a := range before.Assumptions {
		if a.Separation == nil && c.structure.Assumption(a.ID) == nil {
			c.events = append(c.events, store.AssumptionEvent{Assumption: a.ID, State: threat.Deleted, Reason: "removed by a refinement"})
		}
	}
	c.summary = countWords(len(done.Operations), "operation of a refinement", "operations of a refinement") + " with engine " + done.Engine
	var changed Changed
	if in.DryRun {
		if err := c.settle(); err != nil {
			return out, err
		}
		changed = Changed{Version: c.model.Version, Objectives: threat.CompareObjectives(before, c.structure), Hint: "nothing was written: refine_threat_model(from_job) with this job_id writes it"}
	} else if changed, err = c.commit(t.who); err != nil {
		return out, err
	}
	out.Version, out.Objectives, out.Hint = changed.Version, changed.Objectives, changed.Hint
	diff, err := threat.Diff(before, c.structure)
	for _, d := range diff {
		if d.Kind != threat.KindObjective {
			out.Changes = append(out.Changes, d)
		}
	}
	if err == nil && len(out.Changes) == 0 && out.Hint == "" {
		out.Hint = "nothing changed"
	}
	return out, err
}
