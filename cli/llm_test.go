package cli

import (
	"strings"
	"testing"

	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/threat"
)

func TestLLMFromTheEnvironment(t *testing.T) {
	for name, tt := range map[string]struct {
		env  map[string]string
		want string // its name; empty for none
	}{
		"nothing":                {nil, ""},
		"an Anthropic key alone": {map[string]string{"ANTHROPIC_API_KEY": "k"}, ""},
		"a key":                  {map[string]string{"OPENAI_API_KEY": "k", "REDOUBT_LLM_MODEL": "m"}, "openai:m"},
		"a key and a URL":        {map[string]string{"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "http://127.0.0.1:1/v1", "REDOUBT_LLM_MODEL": "m"}, "openai:m"},
		"a URL":                  {map[string]string{"OPENAI_BASE_URL": "http://127.0.0.1:1/v1", "REDOUBT_LLM_MODEL": "m"}, "openai-compatible:m"},
		"Ollama":                 {map[string]string{"REDOUBT_LLM_PROVIDER": "ollama", "REDOUBT_LLM_MODEL": "qwen3:8b"}, "ollama:qwen3:8b"},
		"Anthropic":              {map[string]string{"REDOUBT_LLM_PROVIDER": "anthropic", "ANTHROPIC_API_KEY": "k", "OPENAI_API_KEY": "other", "REDOUBT_LLM_MODEL": "m"}, "anthropic:m"},
	} {
		t.Run(name, func(t *testing.T) {
			set, err := (&env{getenv: func(k string) string { return tt.env[k] }}).llm("")
			if err != nil {
				t.Fatal(err)
			}
			var c service.Config
			set(&c)
			got := ""
			if c.LLM != nil {
				got = c.LLM.Name()
			}
			if got != tt.want {
				t.Errorf("language model %q, want %q", got, tt.want)
			}
		})
	}
}

func TestLLMSettingsThatCannotBeUsed(t *testing.T) {
	const key = "sk-4f9c2b7de81a55c0"
	for name, set := range map[string]map[string]string{
		"provider":        {"REDOUBT_LLM_PROVIDER": "gpt"},
		"no model":        {"REDOUBT_LLM_PROVIDER": "ollama"},
		"no URL":          {"REDOUBT_LLM_PROVIDER": "openai-compatible", "REDOUBT_LLM_MODEL": "m"},
		"no key":          {"REDOUBT_LLM_PROVIDER": "anthropic", "OPENAI_API_KEY": key},
		"key in the URL":  {"OPENAI_API_KEY": key, "OPENAI_BASE_URL": "https://" + key + "@host/v1"},
		"timeout":         {"OPENAI_API_KEY": key, "REDOUBT_LLM_TIMEOUT": "soon"},
		"no time":         {"OPENAI_API_KEY": key, "REDOUBT_LLM_TIMEOUT": "-1s"},
		"few tokens":      {"OPENAI_API_KEY": key, "REDOUBT_LLM_MAX_TOKENS": "10"},
		"tokens in words": {"OPENAI_API_KEY": key, "REDOUBT_LLM_MAX_TOKENS": "many"},
		"concurrency":     {"OPENAI_API_KEY": key, "REDOUBT_LLM_CONCURRENCY": "0"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := (&env{getenv: func(k string) string { return set[k] }}).llm("")
			if threat.CodeOf(err) != threat.Invalid || strings.Contains(err.Error(), key) {
				t.Errorf("error %v", err)
			}
		})
	}
}
