package service

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/llm"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

const (
	// DefaultLLMCache is how long an answer of a language model is kept where Config.LLMCache is 0.
	DefaultLLMCache = 24 * time.Hour
	// maxKeptAnswer bounds a kept answer, in bytes: a longer one is asked for again.
	maxKeptAnswer = 256 << 10
	// llmCallLife is how long the record of a call is kept: a year's usage and some more.
	llmCallLife = 400 * 24 * time.Hour
	// llmAnswered is the outcome of a call that was answered; the others are of llm.Kinds.
	llmAnswered = "answered"
)

// languageModels is what all operations share of the language model.
type languageModels struct {
	client llm.Client    // nil where none is configured
	life   time.Duration // of kept answers; 0 keeps none
	prices LLMPrices
	watch  atomic.Pointer[func(LLMCall)]

	mu      sync.Mutex
	flights map[string]chan struct{} // by workspace and digest: closed when the call under way has ended
}

// LLMCall is what an observer learns of a call of the language model.
type LLMCall struct {
	Operation        string
	Outcome          string // "answered", or the kind of the failure
	Cached           bool
	PromptTokens     int // 0 when it was cached
	CompletionTokens int
	Latency          time.Duration
}

// WatchLLM has fn called after every call of the language model, for metrics. fn is quick and safe for concurrent use.
func (s *Service) WatchLLM(fn func(LLMCall)) { s.llm.watch.Store(&fn) }

// llmFor returns the language model for one operation of a caller, never nil: where none is configured, every call of it fails with
// [threat.FailedPrecondition]. Its errors are of both languages: errors.As finds the *threat.Error for the caller, and the *llm.Error
// for code that asks anew after an answer that was cut off or refused. It is never called within a transaction.
//
// An answer that Request.Check passes is kept for the workspace, and every call is recorded with what it cost.
//
// Where plans are on, what a call may cost is reserved before it is made, and settled with the record.
//
// Errors: [threat.FailedPrecondition] where the operator or the account at the provider must act first, or the model declines;
// [threat.PaymentRequired], [threat.RateLimited], [threat.Unavailable], [threat.Internal] for a mistake of the calling code.
func (s *Service) llmFor(who account.Principal, operation string) llm.Client {
	return &languageModel{s: s, who: who, operation: operation}
}

// languageModel is the configured language model as one operation of one caller sees it.
type languageModel struct {
	s         *Service
	who       account.Principal
	operation string
	job       string // whose call it is, and of which attempt; empty outside a job
	attempt   int
}

// Name is the provider and the model, "none" where there is no language model.
func (m *languageModel) Name() string {
	if m.s.llm.client == nil {
		return "none"
	}
	return m.s.llm.client.Name()
}

// Identity is whom exactly is asked, "none" where there is no language model.
func (m *languageModel) Identity() string {
	if m.s.llm.client == nil {
		return "none"
	}
	return m.s.llm.client.Identity()
}

// Complete gives a kept answer, or asks the language model.
func (m *languageModel) Complete(ctx context.Context, req llm.Request) (llm.Answer, error) {
	if m.s.llm.client == nil {
		return llm.Answer{}, noLLM(m.operation)
	}
	if m.s.llm.life == 0 {
		answer, err := m.ask(ctx, req, "")
		return answer, llmError(err)
	}
	digest := llm.Digest(m.Identity(), req)
	for {
		landed, wait := m.s.llm.takeOff(m.who.WorkspaceID + " " + digest)
		if wait == nil {
			defer landed()
			if answer, ok := m.kept(ctx, req, digest); ok {
				return answer, nil
			}
			answer, err := m.ask(ctx, req, digest)
			return answer, llmError(err)
		}
		select {
		case <-wait: // the same was being asked: by now its answer is kept, or this call asks
		case <-ctx.Done():
			return llm.Answer{}, llmError(llm.Ended(m.Name(), ctx.Err()))
		}
	}
}

// takeOff begins the one call under a key: it returns what ends it, or, while another one is under way, what waits for that one's end.
func (l *languageModels) takeOff(key string) (landed func(), wait <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if flight := l.flights[key]; flight != nil {
		return nil, flight
	}
	if l.flights == nil {
		l.flights = map[string]chan struct{}{}
	}
	flight := make(chan struct{})
	l.flights[key] = flight
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.flights, key)
		close(flight)
	}, nil
}

// kept returns the answer that the workspace has kept, if there is one that passes the check. One that does not is forgotten: the rules
// may have become stricter since.
func (m *languageModel) kept(ctx context.Context, req llm.Request, digest string) (llm.Answer, bool) {
	begun := time.Now()
	var k store.LLMAnswer
	var ok bool
	err := m.s.store.Read(ctx, func(v *store.Snapshot) (err error) {
		k, ok, err = v.LLMAnswer(m.who.WorkspaceID, digest)
		return err
	})
	if err != nil && ctx.Err() == nil {
		m.s.log.Error().Err(err).Msg("the kept answers of the language model cannot be read")
	}
	if err != nil || !ok {
		return llm.Answer{}, false
	}
	answer := llm.Answer{
		Text: k.Text, Model: k.Model, Cached: true, Usage: llm.Usage{PromptTokens: k.PromptTokens, CompletionTokens: k.CompletionTokens},
	}
	if req.Schema != nil {
		answer.JSON, err = llm.Object(k.Text)
	}
	if err == nil && req.Check != nil {
		err = req.Check(answer)
	}
	if err != nil {
		m.keep(ctx, "forget", func(tx *store.Tx) error { return tx.ForgetLLMAnswer(m.who.WorkspaceID, digest) })
		return llm.Answer{}, false
	}
	answer.Latency = time.Since(begun)
	m.record(ctx, answer, nil, "", nil)
	return answer, true
}

// ask asks the language model, records the call, and keeps a good answer under the digest, if there is one.
func (m *languageModel) ask(ctx context.Context, req llm.Request, digest string) (llm.Answer, error) {
	hold, err := m.reserve(ctx, &req)
	if err != nil {
		return llm.Answer{}, err
	}
	begun := time.Now()
	answer, err := m.s.llm.client.Complete(ctx, req)
	if answer.Latency == 0 {
		answer.Latency = time.Since(begun)
	}
	var keep func(*store.Tx) error
	if err == nil && digest != "" && len(answer.Text) <= maxKeptAnswer {
		keep = func(tx *store.Tx) error {
			return tx.KeepLLMAnswer(m.who.WorkspaceID, m.who.UserID, digest, store.LLMAnswer{
				Text: answer.Text, Model: answer.Model, PromptTokens: answer.Usage.PromptTokens, CompletionTokens: answer.Usage.CompletionTokens,
			}, m.s.llm.life)
		}
	}
	m.record(ctx, answer, err, hold, keep)
	return answer, err
}

// record writes down a call and what it cost, settles its hold, and writes what goes with it, in one transaction. The caller's end does not
// stop it.
func (m *languageModel) record(ctx context.Context, answer llm.Answer, failure error, hold string, also func(*store.Tx) error) {
	c := store.LLMCall{
		ID: newID(), UserID: m.who.UserID, Operation: m.operation, Engine: openaiEngine, Asked: m.Name(), Model: answer.Model,
		Latency: answer.Latency, Cached: answer.Cached, Outcome: llmAnswered,
	}
	var e *llm.Error
	if errors.As(failure, &e) {
		c.Outcome = string(e.Kind)
		switch e.Kind { // the words of these are ours, with names filled in
		case llm.KindInternal: // the caller gets others
			m.s.log.Error().Str("operation", m.operation).Str("cause", e.Error()).Msg("language model: a request could not be sent")
		case llm.KindConfig, llm.KindAuth, llm.KindQuota, llm.KindRateLimited, llm.KindTimeout, llm.KindUnavailable:
			m.s.log.Warn().Str("operation", m.operation).Str("kind", string(e.Kind)).Str("cause", e.Message).Msg("language model: a call failed")
		default: // it answered, in a way that is the caller's to hear of
		}
	}
	// What a provider says it counted is not believed without bounds.
	prompt, completion := clampTokens(answer.Usage.PromptTokens), clampTokens(answer.Usage.CompletionTokens)
	if answer.Cached {
		c.SavedTokens = prompt + completion
	} else {
		c.PromptTokens, c.CompletionTokens = prompt, completion
	}
	m.keep(ctx, "record", func(tx *store.Tx) error {
		if err := m.settle(tx, hold, c.PromptTokens+c.CompletionTokens); err != nil {
			return err
		}
		if err := tx.AddLLMCall(m.who.WorkspaceID, c); err != nil || also == nil {
			return err
		}
		return also(tx)
	})
	if hold != "" {
		m.s.plans.settled.ring()
	}
	if fn := m.s.llm.watch.Load(); fn != nil {
		(*fn)(LLMCall{c.Operation, c.Outcome, c.Cached, c.PromptTokens, c.CompletionTokens, c.Latency})
	}
}

// clampTokens bounds a count of tokens to what one call can cost.
func clampTokens(n int) int { return min(max(n, 0), 100_000_000) }

// keep writes beside a call. The answer is paid for: that it cannot be written is the operator's to know, not the caller's.
func (m *languageModel) keep(ctx context.Context, what string, fn func(*store.Tx) error) {
	if err := m.s.store.Write(context.WithoutCancel(ctx), fn); err != nil {
		m.s.log.Error().Err(err).Str("operation", m.operation).Msg("language model: could not " + what + " a call")
	}
}

// noLLM is the refusal of what only a language model can do.
func noLLM(what string) *threat.Error {
	return threat.Errorf(threat.FailedPrecondition, "%s needs a language model, and none is configured", what).
		Hinted("the operator sets OPENAI_API_KEY, or REDOUBT_LLM_PROVIDER=ollama and REDOUBT_LLM_MODEL; without one use engine agent or builtin")
}

// llmFailure is an error of a language model in both languages.
type llmFailure struct {
	public *threat.Error
	cause  *llm.Error
}

func (f *llmFailure) Error() string   { return f.public.Error() }
func (f *llmFailure) Unwrap() []error { return []error{f.public, f.cause} }

// llmError translates an error of a language model once, into what the caller may know and do. The words are ours: what the provider
// said of it, which may quote the prompt or the key, goes nowhere.
func llmError(err error) error {
	var e *llm.Error
	if !errors.As(err, &e) {
		return err
	}
	code, say, hint := llmWords(e)
	public := threat.Errorf(code, "%s", say)
	if hint != "" {
		public = public.Hinted("%s", hint)
	}
	return &llmFailure{public, e}
}

// llmWords says what a kind of failure means for the caller. It is total over [llm.Kinds].
func llmWords(e *llm.Error) (code threat.Code, say, hint string) {
	const instead = "; nothing was put in its place: name engine agent or builtin to go on without it"
	say = e.Message
	switch e.Kind {
	case llm.KindRateLimited:
		hint = "try again later"
		if e.RetryAfter > 0 {
			hint = "try again in " + e.RetryAfter.Round(1e9).String()
		}
		return threat.RateLimited, say, hint + instead
	case llm.KindConfig, llm.KindAuth, llm.KindQuota:
		return threat.FailedPrecondition, say, withHint(e.Hint, "the operator checks the language model's key, model and account") + instead
	case llm.KindTimeout:
		return threat.Unavailable, say, "ask for less at once, or have the operator allow more time (REDOUBT_LLM_TIMEOUT)" + instead
	case llm.KindUnavailable:
		return threat.Unavailable, say, withHint(e.Hint, "try again") + instead
	case llm.KindRefused:
		return threat.FailedPrecondition, say, "say it in other words" + instead
	case llm.KindTruncated:
		return threat.Unavailable, say, "ask for less at once, or have the operator allow more tokens (REDOUBT_LLM_MAX_TOKENS)" + instead
	case llm.KindMalformed, llm.KindRejected:
		return threat.Unavailable, say, withHint(e.Hint, "try again, or configure a more capable model") + instead
	case llm.KindCanceled:
		return threat.Unavailable, say, "try again"
	case llm.KindInternal:
	}
	return threat.Internal, "internal error", "the server's log has the cause"
}

func withHint(hint, otherwise string) string {
	if hint != "" {
		return hint
	}
	return otherwise
}
