package service

import (
	"context"
	"errors"
	"time"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/pipeline"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

const queryVerb = "query_threat_model"

// QueryThreatModelIn asks a question about a model.
type QueryThreatModelIn struct {
	ModelID     string `json:"model_id"`
	Question    string `json:"question"`
	Engine      string `json:"engine,omitempty"`
	WaitSeconds *int   `json:"wait_seconds,omitempty" jsonschema:"default 30"`
}

// QueryThreatModelOut is the answer, and what of the model it rests on.
type QueryThreatModelOut struct {
	ModelID string      `json:"model_id"`
	Version int         `json:"version"`
	Engine  string      `json:"engine" jsonschema:"who answered; builtin looks up words and ids"`
	Answer  string      `json:"answer"`
	Sources []SourceRow `json:"sources"`
	Hint    string      `json:"hint,omitempty"`
}

// QueryThreatModel answers a question about the newest version of a model. Engine builtin looks up ids and words; openai asks the
// language model once, within wait_seconds; for agent the lookup is where it begins to read itself. It writes nothing. Errors:
// [threat.NotFound], [threat.Invalid]; of the language model's [threat.Unavailable], [threat.RateLimited], [threat.FailedPrecondition].
func (s *Service) QueryThreatModel(ctx context.Context, who account.Principal, in QueryThreatModelIn) (QueryThreatModelOut, error) {
	wait, err := Wait(in.WaitSeconds, 30)
	if err != nil {
		return QueryThreatModelOut{}, err
	}
	question, err := threat.Text(in.Question, threat.MaxText)
	if err == nil && question == "" {
		err = threat.Errorf(threat.Invalid, "the question is missing").Hinted("such as: which critical objectives are at risk?")
	}
	if err != nil {
		return QueryThreatModelOut{}, fieldError(err, "question")
	}
	var l *library
	out, err := readHead(ctx, s, who, in.ModelID, func(v *store.Snapshot, h *head) (QueryThreatModelOut, error) {
		out := QueryThreatModelOut{ModelID: h.model.ID, Version: h.model.Version}
		e, err := s.engineOf(v, who.WorkspaceID, in.Engine)
		if err != nil {
			return out, err
		}
		out.Engine = e.Name()
		l, err = h.library(v, who.WorkspaceID)
		return out, err
	})
	if err != nil {
		return QueryThreatModelOut{}, err
	}
	found := l.find(question)
	out.Answer, out.Sources = found.say, found.sources
	switch out.Engine {
	case openaiEngine:
		return s.queryModel(ctx, who, l, found, question, out, wait)
	case agentEngine:
		out.Hint = "you are the engine: this is what the words match; read on with get_threat_model, get_controls, assess_model and list_findings"
	}
	if out.Sources == nil {
		out.Sources = []SourceRow{}
	}
	return out, nil
}

// queryModel has the language model answer. Its call is one of this request, not of a job: reading must not wait behind the jobs that
// generate, and leaves nothing to resume.
func (s *Service) queryModel(ctx context.Context, who account.Principal, l *library, found looked, question string, out QueryThreatModelOut, wait time.Duration) (QueryThreatModelOut, error) {
	relevant, overview := l.shown(found)
	var ids []threat.ID
	err := s.consultModel(ctx, who, queryVerb, wait, pipeline.QueryQuestion(question, relevant, overview), func(raw []byte) (err error) {
		out.Answer, ids, err = pipeline.ParseAnswer(raw)
		return err
	})
	if err != nil {
		return QueryThreatModelOut{}, err
	}
	out.Sources = []SourceRow{}
	seen := map[threat.ID]bool{}
	for _, id := range ids {
		if l.knows(id) && !seen[id] { // what it made up is no source
			out.Sources = append(out.Sources, l.row(id))
			seen[id] = true
		}
	}
	return out, nil
}

// consultModel puts a question to the language model outside a job and waits for at most so long. A bad answer is sent back once.
func (s *Service) consultModel(ctx context.Context, who account.Principal, operation string, wait time.Duration, q pipeline.Question, check func([]byte) error) error {
	bounded, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	t := &task{s: s, who: who, job: store.Job{Kind: operation, WorkspaceID: who.WorkspaceID}}
	err := pipeline.Consult(bounded, t.asker(openaiEngine), q, check)
	var bad *pipeline.BadAnswer
	switch {
	case err == nil:
		return nil
	case ctx.Err() == nil && bounded.Err() != nil:
		return threat.Errorf(threat.Unavailable, "the language model did not answer within %s", wait).In("wait_seconds").
			Hinted("try again with more, up to %d, or name engine builtin", MaxWait)
	case errors.As(err, &bad):
		return bad.Err
	}
	return err
}
