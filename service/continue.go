package service

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/pipeline"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// ContinueGenerationIn answers the question of a waiting job.
type ContinueGenerationIn struct {
	JobID       string         `json:"job_id"`
	Step        string         `json:"step" jsonschema:"question.step"`
	Output      map[string]any `json:"output" jsonschema:"the answer, by question.schema"`
	WaitSeconds *int           `json:"wait_seconds,omitempty" jsonschema:"for the next question or the end, at most 50; default 20"`
}

// ContinueGeneration gives a waiting job the answer to its question, and the job goes on. The answer is checked by the job: a bad one
// comes back as the same question with the errors, and can be given again as often as it takes. A repeat of an answer that was given
// before returns what followed it.
//
// Errors: [threat.NotFound], [threat.Conflict] for another step than the job waits at, with the current question beside it,
// [threat.FailedPrecondition] for a job that has ended or asks nothing, [threat.Invalid] for an output over 256 KiB.
func (s *Service) ContinueGeneration(ctx context.Context, who account.Principal, in ContinueGenerationIn) (JobOut, error) {
	answer, sum, err := agentAnswer(in.Output)
	in.WaitSeconds, in.Output = nil, nil // neither is for the records
	if err == nil {
		err = s.expireJobs(ctx)
	}
	out, err2 := write(ctx, s, who, verb{name: "continue_generation", needs: account.Write}, in, func(tx *store.Tx, r *record) (JobOut, error) {
		if err != nil {
			return JobOut{}, err
		}
		j, err := tx.Job(who.WorkspaceID, in.JobID)
		if err != nil {
			return JobOut{}, err
		}
		r.model, r.object, r.detail = j.ModelID, j.ID, map[string]any{"step": threat.Clip(in.Step, 80)}
		asked, err := tx.JobQuestions(who.WorkspaceID, j.ID)
		if err != nil {
			return JobOut{}, err
		}
		for i := len(asked) - 1; i >= 0; i-- {
			if asked[i].Step == in.Step && asked[i].Digest == sum {
				return followed(tx, j, asked[i+1:])
			}
		}
		switch {
		case j.State.Final():
			return JobOut{}, threat.Errorf(threat.FailedPrecondition, "the job is %s, it asks nothing more", j.State).In("job_id").
				Hinted("get_operation_status shows how it ended")
		case j.State != store.JobWaiting && len(asked) > 0 && asked[len(asked)-1].Step == in.Step:
			return JobOut{}, threat.Errorf(threat.Conflict, "step %s got another answer", threat.Clip(in.Step, 80)).In("step").
				Hinted("get_operation_status shows the next question")
		case j.State != store.JobWaiting:
			return JobOut{}, threat.Errorf(threat.Conflict, "the job is at work, it asks nothing now").In("step").
				Hinted("get_operation_status shows its next question, if it has one")
		}
		now := asked[len(asked)-1]
		if now.Step != in.Step {
			return JobOut{}, otherStep(now, in.Step)
		}
		ok, err := tx.AnswerJob(who.WorkspaceID, j.ID, now.N, answer, sum)
		if err == nil && !ok {
			err = internal("job %s does not take an answer", j.ID)
		}
		if err != nil {
			return JobOut{}, err
		}
		j.State = store.JobReady
		return jobOut(j)
	})
	if err2 == nil && out.Status == store.JobReady {
		s.jobs.poke()
	}
	return out, err2
}

// followed is what an answer that was given before led to: the next question, or how the job stands.
func followed(tx *store.Tx, j store.Job, next []store.JobQuestion) (JobOut, error) {
	if len(next) > 0 {
		return waitingOut(j, next[0])
	}
	return jobOut(j)
}

// otherStep is the refusal of an answer to something else than what is asked; it carries what is asked.
func otherStep(now store.JobQuestion, got string) error {
	q, err := openQuestion(now)
	if err != nil {
		return err
	}
	e := threat.Errorf(threat.Conflict, "the job waits at step %s, not at %s", now.Step, threat.Clip(got, 80)).In("step").
		Hinted("answer what stands in question")
	if e.Question, err = json.Marshal(q); err != nil {
		return err
	}
	return e
}

// agentAnswer is an answer as it is kept, and its digest. Both are of what it says: a client that writes the same object in another order
// repeats itself.
func agentAnswer(output map[string]any) (answer, digest string, err error) {
	raw, err := json.Marshal(output)
	if err != nil {
		return "", "", err
	}
	if len(raw) > pipeline.MaxAnswer {
		return "", "", threat.Errorf(threat.Invalid, "the output has %d bytes, at most %d fit", len(raw), pipeline.MaxAnswer).In("output").Hinted("say less at once")
	}
	sum := sha256.Sum256(raw)
	return string(raw), hex.EncodeToString(sum[:]), nil
}

// expireJobs ends the jobs that nobody answered in time.
func (s *Service) expireJobs(ctx context.Context) error {
	return s.store.Write(ctx, func(tx *store.Tx) error { return tx.ExpireJobs(expired) })
}
