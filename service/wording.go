package service

import (
	"context"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/pipeline"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

const rewordJob = "refine_control"

// RefineControlIn rewords a control: with the words given, or those that an engine finds for an instruction.
type RefineControlIn struct {
	ModelID          string     `json:"model_id"`
	Control          threat.ID  `json:"control_id"`
	Description      *string    `json:"description,omitempty"`
	Facets           []NewFacet `json:"facets,omitempty" jsonschema:"replaces the list; an unchanged facet keeps its id"`
	Instruction      string     `json:"instruction,omitempty" jsonschema:"instead of both: an engine finds the words"`
	Justification    string     `json:"justification" jsonschema:"why, in 10 characters or more"`
	DryRun           bool       `json:"dry_run,omitempty" jsonschema:"only show the words"`
	FromJob          string     `json:"from_job,omitempty" jsonschema:"instead: write the words that this dry_run's job showed"`
	Engine           string     `json:"engine,omitempty" jsonschema:"for the instruction: openai or agent"`
	WaitSeconds      *int       `json:"wait_seconds,omitempty" jsonschema:"for the engine; at most 50, default 20"`
	ExpectedRevision int        `json:"expected_revision,omitempty"`
}

// RefineControlOut is the control after the change, or the words proposed for it.
type RefineControlOut struct {
	EditControlsOut
	Proposed *ProposedWording `json:"proposed,omitempty" jsonschema:"with dry_run: what would be written"`
	JobID    string           `json:"job_id,omitempty" jsonschema:"with dry_run, of an engine: for from_job"`
	Job      *JobOut          `json:"job,omitempty" jsonschema:"the engine's, while it has not ended; its result has this same shape"`
}

// ProposedWording is other words for a control.
type ProposedWording struct {
	Control     threat.ID      `json:"control_id"`
	Revision    int            `json:"revision" jsonschema:"of the control that it would change"`
	Description string         `json:"description"`
	Facets      []threat.Facet `json:"facets"`
	Lost        []threat.ID    `json:"lost_facets,omitempty" jsonschema:"gone or reworded: the control would be weakened"`
	Note        string         `json:"note,omitempty"`
}

// rewordInput is what the job keeps: the request and the revision it is about.
type rewordInput struct {
	RefineControlIn
	Revision int `json:"revision"`
}

// RefineControl rewords a control's description or facets. A facet that goes or changes weakens it, and makes assertions on it
// incoherent. With an instruction an engine finds the words, in a job whose end is waited for up to wait_seconds; they apply only to the
// revision that it read. What its dry run showed is written by from_job. Errors: [threat.NotFound], [threat.Invalid], [threat.Conflict], [threat.FailedPrecondition].
func (s *Service) RefineControl(ctx context.Context, who account.Principal, in RefineControlIn) (RefineControlOut, error) {
	wait, err := Wait(in.WaitSeconds, 20)
	if err != nil {
		return RefineControlOut{}, err
	}
	v := verb{name: rewordJob, needs: account.Write, model: in.ModelID}
	switch {
	case in.FromJob != "":
		return changeControls(ctx, s, who, v, in, func(c *controlset) error { return c.rewordShown(in) },
			func(out EditControlsOut) RefineControlOut { return RefineControlOut{EditControlsOut: out} })
	case in.Instruction != "":
		return s.rewordByEngine(ctx, who, in, wait)
	}
	if in.DryRun {
		return read(ctx, s, who, account.Write, func(v *store.Snapshot) (RefineControlOut, error) {
			h, err := s.head(v, who.WorkspaceID, in.ModelID)
			if err != nil {
				return RefineControlOut{}, err
			}
			return h.showWording(in, "")
		})
	}
	return changeControls(ctx, s, who, v, in, func(c *controlset) error { return c.reword(in) },
		func(out EditControlsOut) RefineControlOut { return RefineControlOut{EditControlsOut: out} })
}

func (c *controlset) reword(in RefineControlIn) error {
	k, err := c.control(in.Control, in.ExpectedRevision)
	if err != nil {
		return fieldAs(err, "id", "control_id")
	}
	c.touch(k.ID)
	err = c.edit(k, ControlOp{Description: in.Description, Facets: in.Facets, Reason: in.Justification})
	return fieldAs(fieldAs(err, "reason", "justification"), "op", "description")
}

// rewordShown writes the words that a dry run showed, over the revision that they were found for.
func (c *controlset) rewordShown(in RefineControlIn) error {
	if err := alone(in.DryRun || in.Instruction != "" || in.Engine != "" || in.Description != nil || len(in.Facets) > 0); err != nil {
		return err
	}
	was, err := shown[RefineControlOut](c.tx.View(), c.who.WorkspaceID, rewordJob, in.ModelID, in.FromJob)
	switch {
	case err != nil:
		return err
	case was.Proposed == nil:
		return wroteAlready()
	case was.Proposed.Control != in.Control:
		return threat.Errorf(threat.Invalid, "the job is about %s", was.Proposed.Control).In("control_id").Hinted("name the control that the words are for")
	}
	in.Description, in.ExpectedRevision = &was.Proposed.Description, was.Proposed.Revision
	in.Facets = make([]NewFacet, len(was.Proposed.Facets))
	for i, f := range was.Proposed.Facets {
		in.Facets[i] = NewFacet{Text: f.Text, Kind: f.Kind}
	}
	if err := c.reword(in); threat.CodeOf(err) != threat.Conflict {
		return err
	}
	return movedOn("%s was changed since the words were found, at revision %d", in.Control, in.ExpectedRevision)
}

// showWording says what a rewording would come to.
func (h *head) showWording(in RefineControlIn, note string) (RefineControlOut, error) {
	out := RefineControlOut{EditControlsOut: EditControlsOut{ModelID: h.model.ID, Version: h.model.Version, Controls: []EditedControl{}}}
	k, err := h.control(in.Control)
	if err == nil {
		err = atRevision(in.Control, k.Revision, in.ExpectedRevision)
	}
	if err != nil {
		return out, fieldOf(err, threat.NotFound, "control_id")
	}
	next := k.Control
	setText(&next.Description, in.Description)
	if in.Facets != nil {
		if err := next.SetFacets(facetsOf(in.Facets)); err != nil {
			return out, err
		}
	}
	if err := next.Check(); err != nil {
		return out, err
	}
	out.Proposed = &ProposedWording{Control: k.ID, Revision: k.Revision, Description: next.Description, Facets: next.Facets, Note: note}
	for _, f := range k.Facets {
		if lost := lostFacets([]threat.Facet{f}, next.Facets); lost != "" {
			out.Proposed.Lost = append(out.Proposed.Lost, f.ID)
		}
	}
	out.Hint = "nothing was written: send it again without dry_run"
	return out, nil
}

// rewordByEngine starts the job and waits for it.
func (s *Service) rewordByEngine(ctx context.Context, who account.Principal, in RefineControlIn, wait time.Duration) (RefineControlOut, error) {
	v := verb{name: rewordJob, needs: account.Write, model: in.ModelID}
	in.WaitSeconds = nil
	job, err := write(ctx, s, who, v, in, func(tx *store.Tx, r *record) (JobOut, error) {
		in := in
		h, err := s.head(tx.View(), who.WorkspaceID, in.ModelID)
		if err != nil {
			return JobOut{}, err
		}
		k, err := h.control(in.Control)
		if err != nil {
			return JobOut{}, fieldError(err, "control_id")
		}
		if err := atRevision(k.ID, k.Revision, in.ExpectedRevision); err != nil {
			return JobOut{}, err
		}
		if in.Description != nil || len(in.Facets) > 0 {
			return JobOut{}, threat.Errorf(threat.Invalid, "both words and an instruction to find some").In("instruction").Hinted("give description and facets, or instruction")
		}
		if in.Instruction, err = instruction(in.Instruction); err != nil {
			return JobOut{}, err
		}
		if reason, err := threat.Text(in.Justification, threat.MaxText); err != nil || utf8.RuneCountInString(reason) < minReason {
			return JobOut{}, threat.Errorf(threat.Invalid, "the justification has fewer than %d characters, or too many", minReason).In("justification").
				Hinted("say why the control is reworded; evidence was given for the old words")
		}
		e, err := s.engineOf(tx.View(), who.WorkspaceID, in.Engine)
		if err != nil {
			return JobOut{}, err
		}
		if in.Engine = e.Name(); in.Engine == builtinEngine {
			return JobOut{}, threat.Errorf(threat.FailedPrecondition, "engine builtin finds no words").In("engine").
				Hinted("name engine agent%s, or give description and facets", s.orOpenAI())
		}
		job, err := addJob(tx, who, rewordJob, h.model.ID, 1, rewordInput{in, k.Revision})
		r.version, r.object = h.model.Version, string(k.ID)
		return job, err
	})
	if err != nil {
		return RefineControlOut{}, err
	}
	s.jobs.poke()
	out := RefineControlOut{EditControlsOut: EditControlsOut{ModelID: in.ModelID, Controls: []EditedControl{}}}
	out.Job, err = settled(ctx, s, who, job, wait, &out)
	return out, err
}

// settled waits for a job whose result has the shape of out, and puts that there. While the job has not ended, it returns the job.
// Errors: the job's own.
func settled[Out any](ctx context.Context, s *Service, who account.Principal, job JobOut, wait time.Duration, out *Out) (*JobOut, error) {
	seconds := int(wait.Seconds())
	job, err := s.GetOperationStatus(ctx, who, GetOperationStatusIn{JobID: job.JobID, WaitSeconds: &seconds, Seen: -1})
	switch {
	case err != nil:
		return nil, err
	case job.Error != nil:
		return nil, job.Error
	case job.Status == store.JobDone:
		return nil, json.Unmarshal(job.Result, out)
	}
	return &job, nil
}

// reword is the job.
func (t *task) reword(ctx context.Context) (apply, error) {
	var in rewordInput
	if err := json.Unmarshal([]byte(t.job.Input), &in); err != nil {
		return nil, err
	}
	if err := t.begin(pipeline.RewordStep); err != nil {
		return nil, err
	}
	h, err := read(ctx, t.s, t.who, account.Write, func(v *store.Snapshot) (*head, error) { return t.s.head(v, t.job.WorkspaceID, in.ModelID) })
	if err != nil {
		return nil, err
	}
	k, err := h.control(in.Control)
	if err != nil {
		return nil, err
	}
	in.ExpectedRevision = in.Revision
	if err := atRevision(k.ID, k.Revision, in.Revision); err != nil {
		return nil, err
	}
	was := pipeline.Wording{Description: k.Description}
	for _, f := range k.Facets {
		was.Facets = append(was.Facets, pipeline.FacetProposal{Text: f.Text, Kind: f.Kind})
	}
	var statements []string
	for _, co := range h.objectives() {
		for _, id := range k.Objectives {
			if co.ID == id && len(statements) < 12 {
				statements = append(statements, string(co.ID)+" ("+string(co.Tier)+"): "+threat.Clip(co.Statement, 300))
			}
		}
	}
	var note string
	err = pipeline.Consult(ctx, t.asker(in.Engine), pipeline.RewordQuestion(was, strings.Join(statements, "\n"), in.Instruction, limitOf(in.Engine)), func(raw []byte) error {
		w, n, err := pipeline.ParseWording(raw)
		if err != nil {
			return err
		}
		in.Description, in.Facets, note = &w.Description, newFacets(w.Facets), n
		_, err = h.showWording(in.RefineControlIn, n)
		return err
	})
	if err != nil {
		return nil, err
	}
	return func(tx *store.Tx) (any, string, error) {
		r := record{model: in.ModelID, object: string(in.Control)}
		var out RefineControlOut
		if in.DryRun {
			now, err := t.s.head(tx.View(), t.job.WorkspaceID, in.ModelID)
			if err == nil {
				out, err = now.showWording(in.RefineControlIn, note)
				out.JobID, out.Hint = t.job.ID, "nothing was written: refine_control(from_job) with this job_id writes it"
			}
			return out, in.ModelID, err
		}
		out.EditControlsOut, err = t.s.editedControls(tx, t.who, verb{name: rewordJob, model: in.ModelID}, &r, func(c *controlset) error { return c.reword(in.RefineControlIn) })
		if err != nil {
			return nil, "", err
		}
		return out, in.ModelID, addActivity(tx, t.who, rewordJob, r)
	}, nil
}

func newFacets(list []pipeline.FacetProposal) []NewFacet {
	out := make([]NewFacet, len(list))
	for i, f := range list {
		out[i] = NewFacet{Text: f.Text, Kind: f.Kind}
	}
	return out
}

// limitOf is how large a question to an engine may be.
func limitOf(engine string) int {
	if engine == agentEngine {
		return pipeline.AgentLimit
	}
	return pipeline.ModelLimit
}
