package llm_test

import (
	"strings"
	"testing"

	"github.com/redoubt-dev/redoubt/llm"
	"github.com/redoubt-dev/redoubt/llm/llmtest"
)

func TestNewFillsIn(t *testing.T) {
	for _, tt := range []struct {
		cfg  llm.Config
		name string
	}{
		{llm.Config{Provider: llm.OpenAI, APIKey: key}, "openai:" + llm.DefaultOpenAIModel},
		{llm.Config{Provider: llm.Anthropic, APIKey: " " + key + "\n"}, "anthropic:" + llm.DefaultAnthropicModel},
		{llm.Config{Provider: llm.Ollama, Model: "qwen3:8b"}, "ollama:qwen3:8b"},
		{llm.Config{Provider: llm.OpenAICompatible, Model: "m", BaseURL: "http://localhost:8000/v1"}, "openai-compatible:m"},
	} {
		c, err := llm.New(tt.cfg)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if c.Name() != tt.name {
			t.Errorf("name %q, want %q", c.Name(), tt.name)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	with := func(p llm.Provider, change func(*llm.Config)) llm.Config {
		cfg := llm.Config{Provider: p, Model: "m", APIKey: key}
		change(&cfg)
		return cfg
	}
	url := func(u string) llm.Config {
		return with(llm.OpenAI, func(c *llm.Config) { c.BaseURL = u })
	}
	for name, tt := range map[string]struct {
		cfg  llm.Config
		kind llm.Kind
	}{
		"no provider":          {llm.Config{}, llm.KindConfig},
		"unknown provider":     {with("gpt", func(*llm.Config) {}), llm.KindConfig},
		"openai, no key":       {llm.Config{Provider: llm.OpenAI}, llm.KindAuth},
		"anthropic, blank key": {llm.Config{Provider: llm.Anthropic, APIKey: " \n"}, llm.KindAuth},
		"key in two lines":     {with(llm.OpenAI, func(c *llm.Config) { c.APIKey = "ab\ncd" }), llm.KindConfig},
		"ollama, no model":     {llm.Config{Provider: llm.Ollama}, llm.KindConfig},
		"compatible, no model": {llm.Config{Provider: llm.OpenAICompatible, BaseURL: "http://h/v1"}, llm.KindConfig},
		"compatible, no URL":   {llm.Config{Provider: llm.OpenAICompatible, Model: "m"}, llm.KindConfig},
		"model with a newline": {with(llm.OpenAI, func(c *llm.Config) { c.Model = "a\nb" }), llm.KindConfig},
		"negative timeout":     {with(llm.OpenAI, func(c *llm.Config) { c.Timeout = -1 }), llm.KindConfig},
		"negative concurrency": {with(llm.OpenAI, func(c *llm.Config) { c.Concurrency = -1 }), llm.KindConfig},
		"URL of a file":        {url("file:///etc/passwd"), llm.KindConfig},
		"URL without a host":   {url("https:///v1"), llm.KindConfig},
		"URL that is none":     {url("://" + key), llm.KindConfig},
		"URL with the key":     {url("https://" + key + "@host/v1"), llm.KindConfig},
		"URL with a query":     {url("https://host/v1?key=" + key), llm.KindConfig},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := llm.New(tt.cfg)
			if e := failed(t, err, tt.kind); e.Hint == "" {
				t.Errorf("no hint: %v", e)
			}
		})
	}
}

// What the SDKs would take from the environment must not reach a host that is configured here.
func TestEnvironmentIsNotRead(t *testing.T) {
	for k, v := range map[string]string{
		"OPENAI_API_KEY": "stray-key", "OPENAI_BASE_URL": "http://127.0.0.1:1/v1", "OPENAI_ORG_ID": "stray-org", "OPENAI_PROJECT_ID": "stray-project",
		"OPENAI_CUSTOM_HEADERS": "X-Stray: stray-header", "ANTHROPIC_API_KEY": "stray-key", "ANTHROPIC_AUTH_TOKEN": "stray-token",
		"ANTHROPIC_BASE_URL": "http://127.0.0.1:1", "ANTHROPIC_CUSTOM_HEADERS": "X-Stray: stray-header", "ANTHROPIC_PROFILE": "stray-profile",
	} {
		t.Setenv(k, v)
	}
	each(t, func(t *testing.T, p llm.Provider) {
		server := serve(t, p, llmtest.In(llmtest.Answer("Yes.")))
		keyless := p == llm.Ollama || p == llm.OpenAICompatible
		c := client(t, p, server.URL, func(cfg *llm.Config) {
			if keyless {
				cfg.APIKey = ""
			}
		})
		if _, err := c.Complete(t.Context(), llm.Request{Prompt: "Well?"}); err != nil {
			t.Fatal(err)
		}
		for name, values := range server.Requests()[0].Header {
			if strings.Contains(strings.Join(values, " "), "stray") {
				t.Errorf("%s: %v", name, values)
			}
		}
		header, want := "Authorization", "Bearer "+key
		if p == llm.Anthropic {
			header, want = "X-Api-Key", key
		}
		if keyless {
			want = ""
		}
		if got := server.Requests()[0].Header.Get(header); got != want {
			t.Errorf("%s is %q, want %q", header, got, want)
		}
	})
}
