package service_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/internal/testenv/live"
	"github.com/redoubt-dev/redoubt/llm"
	"github.com/redoubt-dev/redoubt/llm/llmtest"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/threat"
)

// Every kind of error of a language model has a word for the caller, which says what to do and hides what the provider said.
func TestEveryKindOfLLMErrorIsTranslated(t *testing.T) {
	want := map[llm.Kind]threat.Code{
		llm.KindConfig: threat.FailedPrecondition, llm.KindAuth: threat.FailedPrecondition, llm.KindQuota: threat.FailedPrecondition,
		llm.KindRateLimited: threat.RateLimited, llm.KindTimeout: threat.Unavailable, llm.KindUnavailable: threat.Unavailable,
		llm.KindRefused: threat.FailedPrecondition, llm.KindTruncated: threat.Unavailable, llm.KindMalformed: threat.Unavailable,
		llm.KindRejected: threat.Unavailable, llm.KindCanceled: threat.Unavailable, llm.KindInternal: threat.Internal,
	}
	for _, kind := range llm.Kinds() {
		cause := &llm.Error{Kind: kind, Message: "openai:m did something", Detail: "SECRET", RetryAfter: 90 * time.Second}
		err := service.LLMError(cause)
		var public *threat.Error
		var back *llm.Error
		if !errors.As(err, &public) || !errors.As(err, &back) || back != cause {
			t.Fatalf("%s: %v is not both errors", kind, err)
		}
		if public.Code != want[kind] || public.Message == "" || public.Hint == "" {
			t.Errorf("%s: %+v, want code %s", kind, public, want[kind])
		}
		if setting := map[llm.Kind]string{llm.KindTruncated: "REDOUBT_LLM_MAX_TOKENS", llm.KindTimeout: "REDOUBT_LLM_TIMEOUT"}[kind]; !strings.Contains(public.Hint, setting) {
			t.Errorf("%s: the hint %q does not name %s", kind, public.Hint, setting)
		}
		if strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: the provider's words are told: %v", kind, err)
		}
		if kind == llm.KindRateLimited && !strings.Contains(public.Hint, "1m30s") {
			t.Errorf("hint %q does not say when", public.Hint)
		}
	}
	if service.LLMError(nil) != nil {
		t.Error("no error became one")
	}
}

func TestWithoutALanguageModel(t *testing.T) {
	env := live.Start(t)
	u := env.NewUser(t, account.Developer)
	c := env.Service.LLMFor(u.Who, "refine_threat_model")
	_, err := c.Complete(t.Context(), llm.Request{Prompt: "Well?"})
	var te *threat.Error
	if !errors.As(err, &te) || te.Code != threat.FailedPrecondition || !strings.Contains(te.Message, "refine_threat_model") || !strings.Contains(te.Hint, "OPENAI_API_KEY") {
		t.Errorf("error %v", err)
	}
	if c.Name() != "none" {
		t.Errorf("name %q", c.Name())
	}
}

func TestWithALanguageModel(t *testing.T) {
	play := llmtest.OpenAI(t, llmtest.In(llmtest.Answer("Yes."), llmtest.Broken()))
	env := live.StartOver(t, service.Config{LLM: live.LLM(t, play.URL)})
	u := env.NewUser(t, account.Developer)
	c := env.Service.LLMFor(u.Who, "query_threat_model")
	got, err := c.Complete(t.Context(), llm.Request{Prompt: "Well?"})
	if err != nil || got.Text != "Yes." {
		t.Fatalf("%+v, %v", got, err)
	}
	_, err = c.Complete(t.Context(), llm.Request{Prompt: "And now?"})
	if threat.CodeOf(err) != threat.Unavailable {
		t.Errorf("error %v", err)
	}

	// A mistake of our own is internal to the caller, and the log says what it was.
	if _, err := c.Complete(t.Context(), llm.Request{}); threat.CodeOf(err) != threat.Internal || !strings.Contains(env.Log.String(), "the request holds no prompt") {
		t.Errorf("error %v, log %s", err, env.Log)
	}
}
