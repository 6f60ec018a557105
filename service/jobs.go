package service

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// JobOut is what a job answers.
type JobOut struct {
	JobID            string          `json:"job_id"`
	Status           store.JobState  `json:"status"`
	Step             string          `json:"step,omitempty"`
	Steps            int             `json:"steps"`
	Message          string          `json:"message"`
	PollAfterSeconds int             `json:"poll_after_seconds,omitempty"`
	Result           json.RawMessage `json:"result,omitempty"`
	Question         *JobQuestion    `json:"question,omitempty" jsonschema:"when waiting: {step, prompt, schema, errors of the last answer}"`
	Error            *threat.Error   `json:"error,omitempty"`

	// Trail is every step begun so far, for a transport that reports progress. It is not part of the answer.
	Trail []JobStep `json:"-"`
}

// Pending reports whether there is more to come: a transport can say so beside the answer.
func (out JobOut) Pending() bool { return !out.Status.Final() }

// pending is Pending of an answer that carries a job while it is not the whole one.
func pending(job *JobOut) bool { return job != nil && job.Pending() }

// Pending reports whether the job has yet to map.
func (out AutoMapControlsOut) Pending() bool { return pending(out.Job) }

// Pending reports whether the job has yet to propose.
func (out SuggestRemediationOut) Pending() bool { return pending(out.Job) }

// Pending reports whether the engine has yet to answer.
func (out CheckControlGapsOut) Pending() bool { return pending(out.Job) }

// Pending reports whether the engine has yet to answer.
func (out RefineControlOut) Pending() bool { return pending(out.Job) }

// Pending reports whether the engine has yet to answer.
func (out ImportControlsOut) Pending() bool { return pending(out.Job) }

// JobQuestion is what a waiting job asks the calling agent.
type JobQuestion struct {
	Step   string          `json:"step"`
	Prompt string          `json:"prompt"`
	Schema json.RawMessage `json:"schema"` // JSON Schema of the answer
	// Errors say what was wrong with the last answer to it.
	Errors []threat.Item `json:"errors,omitempty"`
}

// JobStep is one step that a job began.
type JobStep struct {
	Number int    `json:"number"` // counted from 1
	Name   string `json:"name"`
}

// Text says a step in words: "step 3 of 6: generate attackers".
func (j JobStep) Text(steps int) string {
	return fmt.Sprintf("step %d of %d: %s", j.Number, steps, strings.ReplaceAll(j.Name, "_", " "))
}

// addJob adds a job within a transaction; the caller pokes the workers after the commit.
func addJob(tx *store.Tx, who account.Principal, kind, model string, steps int, input any) (JobOut, error) {
	return startJob(tx, who, store.Job{Kind: kind, ModelID: model, Steps: steps}, input)
}

// startJob is addJob for a job that may take over what another one did: its draft and trail.
func startJob(tx *store.Tx, who account.Principal, j store.Job, input any) (JobOut, error) {
	principal, err := json.Marshal(who)
	if err != nil {
		return JobOut{}, err
	}
	raw, err := json.Marshal(input)
	if err != nil {
		return JobOut{}, err
	}
	j.ID, j.WorkspaceID, j.State, j.Principal, j.Input = newID(), who.WorkspaceID, store.JobReady, string(principal), string(raw)
	if j.Trail == "" {
		j.Trail = "[]"
	}
	if err := tx.AddJob(who.WorkspaceID, j); err != nil {
		return JobOut{}, err
	}
	return jobOut(j)
}

// jobState is what a job answers now, its question included when it waits.
func jobState(v *store.Snapshot, workspace, id string) (JobOut, error) {
	j, err := v.Job(workspace, id)
	if err != nil {
		return JobOut{}, err
	}
	if j.State != store.JobWaiting {
		return jobOut(j)
	}
	q, _, err := v.JobQuestion(workspace, id)
	if err != nil {
		return JobOut{}, err
	}
	return waitingOut(j, q)
}

// waitingOut is what a job answers while it waits for the answer to q.
func waitingOut(j store.Job, q store.JobQuestion) (JobOut, error) {
	out, err := jobOut(j)
	if err != nil {
		return out, err
	}
	asked, err := openQuestion(q)
	if err != nil {
		return out, err
	}
	out.Status, out.Step, out.Question, out.Result, out.Error, out.PollAfterSeconds = store.JobWaiting, asked.Step, asked, nil, nil, 0
	out.Message = "your turn: continue_generation(job_id, step, output), output being the answer to question.prompt"
	if len(asked.Errors) > 0 {
		out.Message = "the answer was refused, see question.errors: continue_generation again with it mended"
	}
	return out, nil
}

func jobOut(j store.Job) (JobOut, error) {
	out := JobOut{JobID: j.ID, Status: j.State, Steps: j.Steps}
	if err := json.Unmarshal([]byte(j.Trail), &out.Trail); err != nil {
		return out, internal("job %s: %w", j.ID, err)
	}
	if n := len(out.Trail); n > 0 {
		out.Step = out.Trail[n-1].Name
	}
	switch j.State {
	case store.JobReady:
		out.Message, out.PollAfterSeconds = "about to begin", 1
	case store.JobRunning:
		out.Message, out.PollAfterSeconds = "about to begin", 2
		if n := len(out.Trail); n > 0 {
			out.Message = out.Trail[n-1].Text(j.Steps)
		}
	case store.JobWaiting:
		out.Message = "waiting for an answer"
	case store.JobDone:
		out.Message, out.Result = "done", json.RawMessage(j.Result)
	case store.JobFailed:
		out.Message, out.Error = "failed", &threat.Error{}
		if err := json.Unmarshal([]byte(j.Error), out.Error); err != nil {
			return out, internal("job %s: %w", j.ID, err)
		}
	case store.JobCancelled:
		out.Message = "cancelled"
	}
	return out, nil
}

// GetOperationStatusIn asks how a job goes.
type GetOperationStatusIn struct {
	JobID       string `json:"job_id"`
	WaitSeconds *int   `json:"wait_seconds,omitempty" jsonschema:"at most 50, default 20"`

	// Seen is how many steps the caller knows: the call returns when there are more. A negative number waits for the end.
	Seen int `json:"-"`
}

// MaxWait bounds wait_seconds.
const MaxWait = 50

// Wait checks and completes a wait_seconds argument.
func Wait(seconds *int, byDefault int) (time.Duration, error) {
	n := byDefault
	if seconds != nil {
		n = *seconds
	}
	if n < 0 || n > MaxWait {
		return 0, threat.Errorf(threat.Invalid, "wait_seconds is %d", n).In("wait_seconds").Hinted("0 to %d", MaxWait)
	}
	return time.Duration(n) * time.Second, nil
}

// GetOperationStatus returns a job's state, waiting up to wait_seconds for its end or its next question. Errors: [threat.NotFound],
// [threat.Invalid].
func (s *Service) GetOperationStatus(ctx context.Context, who account.Principal, in GetOperationStatusIn) (JobOut, error) {
	wait, err := Wait(in.WaitSeconds, 20)
	if err != nil {
		return JobOut{}, err
	}
	deadline := time.Now().Add(wait)
	for {
		moved := s.jobs.next()
		out, err := read(ctx, s, who, account.Read, func(v *store.Snapshot) (JobOut, error) {
			return jobState(v, who.WorkspaceID, in.JobID)
		})
		left := time.Until(deadline)
		if err != nil || out.Status.Final() || out.Status == store.JobWaiting || left <= 0 || in.Seen >= 0 && len(out.Trail) > in.Seen {
			return out, err
		}
		timer := time.NewTimer(min(left, waitPoll))
		select {
		case <-ctx.Done(): // the caller went away; the job goes on
			timer.Stop()
			return out, nil
		case <-moved:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// CancelOperationIn names the job to cancel.
type CancelOperationIn struct {
	JobID string `json:"job_id"`
}

// CancelOperation cancels a job that has not ended; what it has done so far is dropped. Errors: [threat.NotFound],
// [threat.FailedPrecondition] when it has ended.
func (s *Service) CancelOperation(ctx context.Context, who account.Principal, in CancelOperationIn) (JobOut, error) {
	defer s.jobs.moved()
	return write(ctx, s, who, verb{name: "cancel_operation", needs: account.Write}, in, func(tx *store.Tx, r *record) (JobOut, error) {
		ok, err := tx.CancelJob(who.WorkspaceID, in.JobID)
		if err != nil {
			return JobOut{}, err
		}
		j, err := tx.Job(who.WorkspaceID, in.JobID)
		if err != nil {
			return JobOut{}, err
		}
		if !ok {
			return JobOut{}, threat.Errorf(threat.FailedPrecondition, "the job is %s already", j.State).In("job_id").
				Hinted("get_operation_status shows its result")
		}
		if j.Kind == judgeJob {
			models, err := tx.FailJudgments(j.ID, "the judging was cancelled")
			if err := endJudging(tx, models, err); err != nil {
				return JobOut{}, err
			}
		}
		r.model, r.object = j.ModelID, j.ID
		return jobOut(j)
	})
}
