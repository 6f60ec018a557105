package service

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/pipeline"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

const generateJob = "generate_threat_model"

// GenerateThreatModelIn describes the feature to model.
type GenerateThreatModelIn struct {
	FeatureDescription string `json:"feature_description,omitempty" jsonschema:"data, users, interfaces, deployment; say too what it does not have"`
	Title              string `json:"title,omitempty" jsonschema:"default: from the description"`
	Engine             string `json:"engine,omitempty" jsonschema:"builtin, openai, or agent: you answer its questions; default: the server's"`
	Resume             string `json:"resume,omitempty" jsonschema:"failed job_id to go on with, instead of a description"`
	WaitSeconds        *int   `json:"wait_seconds,omitempty" jsonschema:"at most 50, default 5"`
	IdempotencyKey     string `json:"idempotency_key,omitempty" jsonschema:"a repeat gets the first job"`
}

// ModelSummary is what a finished generation says of the model.
type ModelSummary struct {
	ModelID     string              `json:"model_id"`
	Version     int                 `json:"version"`
	Title       string              `json:"title"`
	Assets      int                 `json:"assets"`
	Attackers   int                 `json:"attackers"`
	Boundaries  int                 `json:"trust_boundaries"`
	Assumptions int                 `json:"assumptions"`
	Objectives  map[threat.Tier]int `json:"control_objectives"`
	Unreachable int                 `json:"unreachable"`
	Controls    int                 `json:"controls"`
	Next        string              `json:"next"`
}

// GenerateThreatModel starts a job that makes a new model from a description, or goes on with one that failed: a failed job is resumed
// once, and whoever resumes it again gets the job that does it. Errors: [threat.Invalid], [threat.Conflict] (the idempotency key; a job
// that is resumed otherwise already), [threat.NotFound] and [threat.FailedPrecondition] (the job to resume; the engine).
func (s *Service) GenerateThreatModel(ctx context.Context, who account.Principal, in GenerateThreatModelIn) (JobOut, error) {
	v := verb{name: generateJob, needs: account.Write, idem: in.IdempotencyKey}
	in.WaitSeconds = nil // how long a caller waits does not make it another call
	err := s.expireJobs(ctx)
	if err != nil {
		return JobOut{}, s.logged(generateJob, err)
	}
	out, err := write(ctx, s, who, v, in, func(tx *store.Tx, r *record) (JobOut, error) {
		in, job := in, store.Job{Kind: generateJob, Steps: len(pipeline.Steps())}
		if in.Resume != "" {
			before, err := resume(tx, who.WorkspaceID, &in, &job)
			if err != nil || before.JobID != "" {
				r.object = before.JobID
				return before, err
			}
		}
		if _, err := pipeline.NewDraft(in.FeatureDescription); err != nil {
			return JobOut{}, err
		}
		if _, err := threat.Line(in.Title, threat.MaxName); err != nil {
			return JobOut{}, fieldError(err, "title")
		}
		e, err := s.engineOf(tx.View(), who.WorkspaceID, in.Engine)
		if err != nil {
			return JobOut{}, err
		}
		in.Engine = e.Name() // the job keeps its engine, whatever the default is when it resumes
		out, err := startJob(tx, who, job, in)
		r.object = out.JobID
		return out, err
	})
	if err == nil {
		s.jobs.poke()
	}
	return out, err
}

// resume fills in what a job that goes on with a failed one takes over from it: the description, the title and the engine as far as the
// call names none, and what was done. The failed job stays as it ended. Where a job goes on with it already, that one is returned. Errors:
// [threat.NotFound], [threat.Invalid], [threat.FailedPrecondition] for a job that did not fail, [threat.Conflict] where the job that goes on
// with it has another engine or title than the call names.
func resume(tx *store.Tx, workspace string, in *GenerateThreatModelIn, job *store.Job) (before JobOut, err error) {
	if in.FeatureDescription != "" {
		return before, threat.Errorf(threat.Invalid, "resume and feature_description exclude each other").In("resume").
			Hinted("a resumed job keeps its description; leave resume out to start afresh")
	}
	old, err := tx.Job(workspace, in.Resume)
	if err != nil {
		return before, fieldAs(err, "job_id", "resume")
	}
	if old.Kind != generateJob {
		return before, threat.Errorf(threat.Invalid, "the job is no generation").In("resume").Hinted("start it again with its own tool")
	}
	if old.State != store.JobFailed {
		return before, threat.Errorf(threat.FailedPrecondition, "the job is %s", old.State).In("resume").
			Hinted("only a failed job is resumed: get_operation_status shows this one")
	}
	next, ok, err := tx.ResumedBy(workspace, old.ID)
	if err != nil {
		return before, err
	}
	if ok {
		return resumed(tx, *in, next)
	}
	var was GenerateThreatModelIn
	if err := json.Unmarshal([]byte(old.Input), &was); err != nil {
		return before, err
	}
	in.FeatureDescription = was.FeatureDescription
	if in.Title == "" {
		in.Title = was.Title
	}
	if in.Engine == "" {
		in.Engine = was.Engine
	}
	job.Resumes, job.Draft, job.Trail = old.ID, old.Draft, old.Trail
	return before, nil
}

// resumed is how the job stands that goes on with the one to resume, for a call that asks for nothing else.
func resumed(tx *store.Tx, in GenerateThreatModelIn, next store.Job) (JobOut, error) {
	var is GenerateThreatModelIn
	if err := json.Unmarshal([]byte(next.Input), &is); err != nil {
		return JobOut{}, err
	}
	if in.Engine != "" && in.Engine != is.Engine || in.Title != "" && in.Title != is.Title {
		e := threat.Errorf(threat.Conflict, "the job is resumed by %s already, which is %s, with engine %s", next.ID, next.State, is.Engine).In("resume")
		switch next.State {
		case store.JobFailed:
			return JobOut{}, e.Hinted("resume that one: generate_threat_model(resume: %q)", next.ID)
		case store.JobDone:
			return JobOut{}, e.Hinted("get_operation_status(job_id: %q) has the model that it made", next.ID)
		}
		return JobOut{}, e.Hinted("cancel_operation(job_id: %q) first, or wait for it with get_operation_status", next.ID)
	}
	return jobState(tx.View(), next.WorkspaceID, next.ID)
}

// generate runs the pipeline; its apply makes the model.
func (t *task) generate(ctx context.Context) (apply, error) {
	var in GenerateThreatModelIn
	if err := json.Unmarshal([]byte(t.job.Input), &in); err != nil {
		return nil, err
	}
	e, err := t.engine(in.Engine)
	if err != nil {
		return nil, err
	}
	d, err := t.loadDraft(func() (*pipeline.Draft, error) { return pipeline.NewDraft(in.FeatureDescription) })
	if err != nil {
		return nil, err
	}
	if err := t.run(ctx, e, d, pipeline.Run); err != nil {
		return nil, err
	}
	title, err := modelTitle(in.Title, d.Structure.Feature)
	if err != nil {
		return nil, err
	}
	return func(tx *store.Tx) (any, string, error) {
		id := newID()
		if err := tx.AddModel(t.job.WorkspaceID, store.Model{ID: id, Title: title, CreatedBy: t.who.UserID}); err != nil {
			return nil, "", err
		}
		version, err := tx.SaveVersion(t.job.WorkspaceID, id, 0, &threat.Structure{}, &d.Structure, t.who.UserID, "generated by engine "+e.Name())
		if err != nil {
			return nil, "", err
		}
		controls, links, err := makeControls(d.Controls, threat.Generated, d.Counters)
		if err != nil {
			return nil, "", err
		}
		if err := addControls(tx, t.job.WorkspaceID, id, controls, links); err != nil {
			return nil, "", err
		}
		if err := tx.SaveCounters(t.job.WorkspaceID, id, d.Counters); err != nil {
			return nil, "", err
		}
		out, err := summarise(id, title, version, &d.Structure, len(controls))
		if err != nil {
			return nil, "", err
		}
		return out, id, addActivity(tx, t.who, generateJob, record{model: id, version: version, object: t.job.ID})
	}, nil
}

func (t *task) loadDraft(fresh func() (*pipeline.Draft, error)) (*pipeline.Draft, error) {
	if t.draft == "" {
		return fresh()
	}
	d := &pipeline.Draft{}
	return d, json.Unmarshal([]byte(t.draft), d)
}

// run carries a draft through the pipeline and keeps it on the job: a finished step together with the beginning of the next, which follows
// at once, and each batch of controls. The end of the last step is written with the result.
func (t *task) run(ctx context.Context, e pipeline.Engine, d *pipeline.Draft,
	steps func(context.Context, pipeline.Engine, *pipeline.Draft, func(pipeline.Step) error, func(*pipeline.Draft) error) error,
) error {
	finished := len(d.Done)
	return steps(ctx, e, d,
		func(step pipeline.Step) error { return t.begin(string(step)) },
		func(d *pipeline.Draft) error {
			raw, err := json.Marshal(d)
			if err != nil {
				return err
			}
			if len(d.Done) > finished {
				finished = len(d.Done)
				t.draft = string(raw)
				return nil
			}
			return t.save(string(raw))
		})
}

// makeControls gives proposals their ids.
func makeControls(proposals []pipeline.ControlProposal, source threat.Source, counters threat.Counters) ([]threat.Control, []store.Link, error) {
	controls := make([]threat.Control, 0, len(proposals))
	var links []store.Link
	for _, p := range proposals {
		c := threat.Control{
			ID: counters.Next(threat.KindControl), Description: p.Description, Status: threat.NotImplemented, Source: source,
			Notes: p.Notes, Basis: p.Basis, Revision: 1,
		}
		facets := make([]threat.Facet, len(p.Facets))
		for i, f := range p.Facets {
			facets[i] = threat.Facet{Text: f.Text, Kind: f.Kind}
		}
		if err := c.SetFacets(facets); err != nil {
			return nil, nil, err
		}
		if err := c.Check(); err != nil {
			return nil, nil, err
		}
		controls = append(controls, c)
		for _, m := range p.Mitigates {
			links = append(links, store.Link{Objective: m.Objective, Group: m.Group, Control: c.ID})
		}
	}
	return controls, links, nil
}

func addControls(tx *store.Tx, workspace, model string, controls []threat.Control, links []store.Link) error {
	if err := tx.AddControls(workspace, model, controls); err != nil {
		return err
	}
	return tx.AddLinks(workspace, model, links)
}

func summarise(id, title string, version int, s *threat.Structure, controls int) (ModelSummary, error) {
	cos, err := s.Objectives()
	if err != nil {
		return ModelSummary{}, err
	}
	out := ModelSummary{
		ModelID: id, Version: version, Title: title,
		Assets: len(s.Assets), Attackers: len(s.Attackers), Boundaries: len(s.Boundaries), Assumptions: len(s.Assumptions),
		Objectives: map[threat.Tier]int{}, Controls: controls,
		Next: "read it with get_threat_model, correct it with the add_, edit_ and remove_ tools, then implement what get_controls(limit: 20) lists",
	}
	for _, co := range cos {
		out.Objectives[co.Tier]++
		if !co.Reachable {
			out.Unreachable++
		}
	}
	return out, nil
}

// modelTitle is the given title, or the first line of the description without its Markdown mark, cut to a title's length.
func modelTitle(given, feature string) (string, error) {
	title, err := threat.Line(given, threat.MaxName)
	if err != nil || title != "" {
		return title, err
	}
	for line := range strings.Lines(feature) {
		line = strings.TrimSpace(strings.TrimLeft(line, "#*-> \t"))
		if line == "" {
			continue
		}
		if end := strings.IndexAny(line, ".:;"); end > 20 {
			line = line[:end]
		}
		return threat.Clip(line, 80), nil
	}
	return "Untitled", nil
}
