package llm_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/redoubt-dev/redoubt/llm"
	"github.com/redoubt-dev/redoubt/llm/llmtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const key = "sk-test-4f9c2b7de81a55"

// schema is within strict mode; its first member is the last of the alphabet, so that a reordering shows.
var schema = json.RawMessage(`{"type":"object","properties":{"verdict":{"type":"string"},"reason":{"type":"string"}},"required":["verdict","reason"],"additionalProperties":false}`)

const object = `{"verdict":"pass","reason":"it is there"}`

// client is a client of the server, with its own connections, which end with the test.
func client(t *testing.T, provider llm.Provider, url string, change func(*llm.Config)) llm.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	cfg := llm.Config{
		Provider: provider, Model: "test-model", BaseURL: url, APIKey: key,
		Timeout: 10 * time.Minute, HTTP: &http.Client{Transport: transport},
	}
	if change != nil {
		change(&cfg)
	}
	c, err := llm.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// play is a client of provider whose pauses take no time, with a server that runs the script.
func play(t *testing.T, provider llm.Provider, script func(llmtest.Request) llmtest.Reply) (llm.Client, *llmtest.Server) {
	t.Helper()
	server := serve(t, provider, script)
	c := client(t, provider, server.URL, nil)
	llm.Instant(c, 0, nil)
	return c, server
}

func serve(t *testing.T, provider llm.Provider, script func(llmtest.Request) llmtest.Reply) *llmtest.Server {
	t.Helper()
	if provider == llm.Anthropic {
		return llmtest.Anthropic(t, script)
	}
	return llmtest.OpenAI(t, script)
}

var providers = []llm.Provider{llm.OpenAI, llm.Anthropic, llm.Ollama, llm.OpenAICompatible}

// each runs a test for every provider.
func each(t *testing.T, fn func(t *testing.T, provider llm.Provider)) {
	for _, p := range providers {
		t.Run(string(p), func(t *testing.T) { fn(t, p) })
	}
}

// failed is the *llm.Error of the wanted kind that err must be.
func failed(t *testing.T, err error, want llm.Kind) *llm.Error {
	t.Helper()
	var e *llm.Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v (%T), want *llm.Error of kind %s", err, err, want)
	}
	if e.Kind != want {
		t.Fatalf("kind %s (%v; detail %q), want %s", e.Kind, e, e.Detail, want)
	}
	if e.Message == "" || strings.Contains(e.Error(), key) {
		t.Fatalf("message %q", e.Error())
	}
	return e
}

func TestText(t *testing.T) {
	each(t, func(t *testing.T, p llm.Provider) {
		reply := llmtest.Answer("Four.")
		reply.Model = "test-model-2026-01-02"
		reply.CachedTokens = 100
		c, server := play(t, p, llmtest.In(reply))
		half := 0.5
		got, err := c.Complete(t.Context(), llm.Request{
			System:    "Be brief.",
			Messages:  []llm.Message{{Role: llm.RoleUser, Text: "Hello."}, {Role: llm.RoleAssistant, Text: "Hello!"}},
			Prompt:    "Two and two?",
			MaxTokens: 60000, Temperature: &half,
		})
		if err != nil {
			t.Fatal(err)
		}
		if got.Latency <= 0 {
			t.Error("no latency")
		}
		got.Latency = 0
		want := llm.Answer{Text: "Four.", Model: "test-model-2026-01-02", Usage: llm.Usage{PromptTokens: 11, CompletionTokens: 7}}
		if p == llm.Anthropic {
			want.Usage.PromptTokens += 100
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}

		r := server.Requests()[0]
		if r.System != "Be brief." || r.Prompt != "Two and two?" || r.Format != "" {
			t.Errorf("system %q, prompt %q, format %q", r.System, r.Prompt, r.Format)
		}
		limit := map[llm.Provider]string{llm.OpenAI: "max_completion_tokens"}[p]
		if limit == "" {
			limit = "max_tokens"
		}
		if r.Body[limit] != 60000.0 || r.Body["temperature"] != 0.5 || r.Body["model"] != "test-model" {
			t.Errorf("body %s", r.Raw)
		}
		var roles []any
		for _, m := range r.Body["messages"].([]any) {
			if role := m.(map[string]any)["role"]; role != "system" {
				roles = append(roles, role)
			}
		}
		if diff := cmp.Diff([]any{"user", "assistant", "user"}, roles); diff != "" {
			t.Error(diff)
		}
		if got, want := c.Name(), string(p)+":test-model"; got != want {
			t.Errorf("name %q, want %q", got, want)
		}
	})
}

func TestDefaultsOfARequest(t *testing.T) {
	each(t, func(t *testing.T, p llm.Provider) {
		c, server := play(t, p, llmtest.In(llmtest.Answer("Yes.")))
		if _, err := c.Complete(t.Context(), llm.Request{Prompt: "Well?"}); err != nil {
			t.Fatal(err)
		}
		r := server.Requests()[0]
		if r.Body["temperature"] != 0.0 {
			t.Errorf("temperature %v, want 0", r.Body["temperature"])
		}
		if p == llm.Anthropic {
			if r.Body["max_tokens"] != float64(llm.DefaultMaxTokens) {
				t.Errorf("max_tokens %v", r.Body["max_tokens"])
			}
			return
		}
		if r.Has("max_tokens") || r.Has("max_completion_tokens") {
			t.Errorf("a limit nobody set: %s", r.Raw)
		}
	})
}

// The limit of the configuration is for requests that name none.
func TestLimitOfTheConfiguration(t *testing.T) {
	each(t, func(t *testing.T, p llm.Provider) {
		server := serve(t, p, llmtest.In(llmtest.Answer("Yes."), llmtest.Answer("Yes.")))
		c, err := llm.New(llm.Config{Provider: p, Model: "test-model", BaseURL: server.URL, APIKey: "k", MaxTokens: 5000})
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range []float64{5000, 700} {
			if _, err := c.Complete(t.Context(), llm.Request{Prompt: "Well?", MaxTokens: i * 700}); err != nil {
				t.Fatal(err)
			}
			r := server.Requests()[i]
			if r.Body["max_tokens"] != want && r.Body["max_completion_tokens"] != want {
				t.Errorf("want %v tokens: %s", want, r.Raw)
			}
		}
	})
}

// Endpoints that call different models by one name are not one.
func TestIdentity(t *testing.T) {
	seen := map[string]string{}
	for name, cfg := range map[string]llm.Config{
		"one":              {BaseURL: "https://one.example/v1"},
		"another host":     {BaseURL: "https://two.example/v1"},
		"another path":     {BaseURL: "https://one.example/v2"},
		"another model":    {BaseURL: "https://one.example/v1", Model: "other"},
		"another provider": {BaseURL: "https://one.example/v1", Provider: llm.Ollama},
	} {
		if cfg.Provider == "" {
			cfg.Provider = llm.OpenAICompatible
		}
		if cfg.Model == "" {
			cfg.Model = "m"
		}
		cfg.APIKey = "sk-4f9c2b7de81a55c0"
		c, err := llm.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if other, ok := seen[c.Identity()]; ok || strings.Contains(c.Identity(), string(cfg.APIKey)) {
			t.Errorf("%s is %q, as %s", name, c.Identity(), other)
		}
		seen[c.Identity()] = name
	}
	c, err := llm.New(llm.Config{Provider: llm.OpenAICompatible, BaseURL: "https://one.example/v1/", Model: "m"})
	if err != nil || seen[c.Identity()] != "one" {
		t.Errorf("a slash makes another endpoint: %q (%v)", c.Identity(), err)
	}
}

func TestRequestsThatCannotBeSent(t *testing.T) {
	c, server := play(t, llm.OpenAI, llmtest.In(llmtest.Answer("Yes.")))
	hot := 2.5
	for name, req := range map[string]llm.Request{
		"no prompt":           {System: "Be brief."},
		"ends with assistant": {Messages: []llm.Message{{Role: llm.RoleAssistant, Text: "Hm."}}},
		"unknown role":        {Messages: []llm.Message{{Role: "system", Text: "Hm."}}, Prompt: "x"},
		"empty message":       {Messages: []llm.Message{{Role: llm.RoleUser}}, Prompt: "x"},
		"negative limit":      {Prompt: "x", MaxTokens: -1},
		"too hot":             {Prompt: "x", Temperature: &hot},
		"name with a space":   {Prompt: "x", Schema: schema, SchemaName: "an answer"},
		"schema is no JSON":   {Prompt: "x", Schema: json.RawMessage(`{`)},
		"schema of an array":  {Prompt: "x", Schema: json.RawMessage(`{"type":"array"}`)},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.Complete(t.Context(), req)
			failed(t, err, llm.KindInternal)
		})
	}
	if n := len(server.Requests()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

func TestCanceledBeforeItBegins(t *testing.T) {
	c, server := play(t, llm.OpenAI, llmtest.In(llmtest.Answer("Yes.")))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := c.Complete(ctx, llm.Request{Prompt: "Well?"})
	failed(t, err, llm.KindCanceled)
	if !errors.Is(err, context.Canceled) {
		t.Error("errors.Is does not find context.Canceled")
	}
	if n := len(server.Requests()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}
