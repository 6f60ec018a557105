package live

import (
	"net/http"
	"testing"

	"github.com/redoubt-dev/redoubt/llm"
)

// LLMKey is the API key that clients of [LLM] send.
const LLMKey = "sk-test-4f9c2b7de81a55c0"

// LLM returns a client of a scripted language model at the URL of an llmtest.Server: the real client with connections of its own, which
// end with the test. It speaks the OpenAI protocol and makes one try only, unless a change says otherwise.
func LLM(t testing.TB, url string, changes ...func(*llm.Config)) llm.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	cfg := llm.Config{
		Provider: llm.OpenAI, Model: "test-model", BaseURL: url, APIKey: LLMKey, MaxRetries: -1, HTTP: &http.Client{Transport: transport},
	}
	for _, change := range changes {
		change(&cfg)
	}
	c, err := llm.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
