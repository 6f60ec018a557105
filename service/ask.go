package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/llm"
	"github.com/redoubt-dev/redoubt/pipeline"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// waitingLife is how long a job waits for an answer (specification §9).
const waitingLife = 24 * time.Hour

// expired is how a job ends that got no answer in time: a threat.Error as the job keeps it.
const expired = `{"code":"failed_precondition","message":"nobody answered the job's question within 24 hours","hint":"start it again; generate_threat_model(resume: job_id) goes on where a generation stopped"}`

// asking says that a job needs an answer which the calling agent has not given yet: the job is to wait.
type asking struct{ question pipeline.Question }

func (a *asking) Error() string { return "the job waits for an answer to " + a.question.Step }

// asker is how a job of any kind thinks, as engine (openai or agent). A kind makes a [pipeline.Question], whose Step is its name within the
// job, and calls
//
//	err := pipeline.Consult(ctx, t.asker(in.Engine), question, func(raw []byte) error { …read it strictly, keep what it says… })
//
// which sends a bad answer back with the errors, and returns any error as it is.
func (t *task) asker(engine string) pipeline.Asker {
	return func(ctx context.Context, q pipeline.Question, check func([]byte) error) error {
		return t.ask(ctx, engine, q, check)
	}
}

// ask puts a question to an engine on behalf of the job, and hands the answer to check, which takes it or says what is wrong.
//
// Engine openai calls the configured language model, and may be asked for several questions at once. Engine agent finds the answer that
// the agent gave on the job, or ends the attempt with an error that lets the job wait for one: the caller passes it on and does nothing
// after it. When the answer is there the job is begun anew, so a kind of job asks the same questions in the same order each time, or
// saves what it has from them (task.save); a question's Step is its name within the job.
//
// Errors: *[pipeline.BadAnswer] for an answer that check refused or that is none; of the language model's, [threat.Unavailable],
// [threat.RateLimited], [threat.FailedPrecondition].
func (t *task) ask(ctx context.Context, engine string, q pipeline.Question, check func([]byte) error) error {
	switch engine {
	case openaiEngine:
		return t.askModel(ctx, q, check)
	case agentEngine:
		return t.askAgent(ctx, q, check)
	}
	return threat.Errorf(threat.Invalid, "engine %s answers no questions", threat.Clip(engine, 40)).In("engine").Hinted("name engine openai or agent")
}

// askModel asks the configured language model.
func (t *task) askModel(ctx context.Context, q pipeline.Question, check func([]byte) error) error {
	var wrong error
	model := &languageModel{s: t.s, who: t.who, operation: t.job.Kind, job: t.job.ID, attempt: t.job.Attempt}
	_, err := model.Complete(ctx, llm.Request{
		System: q.System, Prompt: q.Task(), Schema: q.Schema, SchemaName: schemaName(q.Step),
		Check: func(a llm.Answer) error {
			wrong = check(a.JSON)
			return wrong
		},
	})
	var e *llm.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Kind {
	case llm.KindRejected:
		return &pipeline.BadAnswer{Err: wrong}
	case llm.KindMalformed, llm.KindTruncated:
		return &pipeline.BadAnswer{Err: err}
	}
	return err
}

// schemaName is a step as providers take it for the name of a schema.
func schemaName(step string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_' || r == '-' {
			return r
		}
		return '_'
	}, step[:min(len(step), 64)])
}

// askAgent looks for the agent's answer on the job.
func (t *task) askAgent(ctx context.Context, q pipeline.Question, check func([]byte) error) error {
	asked, err := read(ctx, t.s, t.who, account.Write, func(v *store.Snapshot) ([]store.JobQuestion, error) {
		return v.JobQuestions(t.job.WorkspaceID, t.job.ID)
	})
	if err != nil {
		return err
	}
	for i := len(asked) - 1; i >= 0; i-- {
		a := asked[i]
		if a.Step != q.Step {
			continue
		}
		if a.Digest == "" || t.taken[a.N] {
			break
		}
		if t.taken == nil {
			t.taken = map[int]bool{}
		}
		t.taken[a.N] = true
		if err := check([]byte(a.Answer)); err != nil {
			return &pipeline.BadAnswer{Err: err}
		}
		return nil
	}
	return &asking{q}
}

// parkJob lets a job wait for the answer to a question.
func (s *Service) parkJob(t *task, q pipeline.Question) error {
	raw, err := json.Marshal(q)
	if err != nil {
		return err
	}
	err = s.store.Write(context.Background(), func(tx *store.Tx) error {
		return tx.ParkJob(t.job.WorkspaceID, t.job.ID, t.job.Attempt, q.Step, string(raw), tx.Now().Add(waitingLife))
	})
	s.jobs.moved()
	if errors.Is(err, store.ErrJobLost) {
		return nil
	}
	return err
}

// openQuestion is a kept question as the agent gets it.
func openQuestion(q store.JobQuestion) (*JobQuestion, error) {
	var asked pipeline.Question
	if err := json.Unmarshal([]byte(q.Question), &asked); err != nil {
		return nil, internal("question %d of a job: %w", q.N, err)
	}
	return &JobQuestion{Step: asked.Step, Prompt: asked.Text(), Schema: asked.Schema, Errors: asked.Rejected}, nil
}

// resumable adds to the failure of a generation how to go on with it: what it did before is kept. A description that the builtin engine
// can make nothing of is to be mended, not resumed.
func (t *task) resumable(e *threat.Error) *threat.Error {
	if t.job.Kind != generateJob || t.draft == "" && e.Code == threat.Invalid || e.Code == threat.Internal {
		return e
	}
	hint := fmt.Sprintf("generate_threat_model(resume: %q) goes on where it stopped, with the same engine or another", t.job.ID)
	if e.Hint != "" {
		hint = e.Hint + "; " + hint
	}
	return e.Hinted("%s", hint)
}
