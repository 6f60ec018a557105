package service

import (
	"context"
	"errors"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/llm"
	"github.com/redoubt-dev/redoubt/threat"
)

// llmFor returns the language model for one operation of a caller, never nil: where none is configured, every call of it fails with
// [threat.FailedPrecondition]. Its errors are of both languages: errors.As finds the *threat.Error for the caller, and the *llm.Error
// for code that asks anew after an answer that was cut off or refused. It is never called within a transaction.
//
// Errors: [threat.FailedPrecondition] where the operator or the account at the provider must act first, [threat.RateLimited],
// [threat.Unavailable], [threat.Internal] for a mistake of the calling code.
func (s *Service) llmFor(who account.Principal, operation string) llm.Client {
	return &languageModel{client: s.llm, who: who, operation: operation}
}

// languageModel is the configured language model as one operation of one caller sees it.
type languageModel struct {
	client    llm.Client // nil where none is configured
	who       account.Principal
	operation string
}

// Name is the provider and the model, "none" where there is no language model.
func (m *languageModel) Name() string {
	if m.client == nil {
		return "none"
	}
	return m.client.Name()
}

// Complete asks the language model.
func (m *languageModel) Complete(ctx context.Context, req llm.Request) (llm.Answer, error) {
	if m.client == nil {
		return llm.Answer{}, noLLM(m.operation)
	}
	answer, err := m.client.Complete(ctx, req)
	return answer, llmError(err)
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
	case llm.KindUnavailable, llm.KindTimeout:
		return threat.Unavailable, say, withHint(e.Hint, "try again") + instead
	case llm.KindRefused:
		return threat.FailedPrecondition, say, "say it in other words" + instead
	case llm.KindTruncated, llm.KindMalformed, llm.KindRejected:
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
