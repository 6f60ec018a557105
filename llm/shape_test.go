package llm_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-dev/redoubt/llm"
	"github.com/redoubt-dev/redoubt/llm/llmtest"
)

// picky is a server that takes only the given formats, and otherwise answers 400, or status where it is not 0.
func picky(status int, takes ...string) func(llmtest.Request) llmtest.Reply {
	return func(r llmtest.Request) llmtest.Reply {
		for _, f := range takes {
			if r.Format == f {
				if f == "" {
					return llmtest.Answer("Here you are:\n```json\n" + object + "\n```\nAnything else?")
				}
				return llmtest.Answer(object)
			}
		}
		reply := llmtest.Unsupported(map[string]string{"json_schema": "response_format", "json_object": "response_format", "tool": "tool_choice"}[r.Format])
		if r.Has("output_config") {
			reply = llmtest.Unsupported("output_config.format")
		}
		if status != 0 {
			reply.Status = status
		}
		return reply
	}
}

func formats(s *llmtest.Server) []string {
	var out []string
	for _, r := range s.Requests() {
		out = append(out, r.Format)
	}
	return out
}

func TestJSONInEveryFormat(t *testing.T) {
	for _, tt := range []struct {
		name     string
		provider llm.Provider
		status   int
		takes    []string
		want     []string // of three calls
	}{
		{"schema", llm.OpenAI, 0, []string{"json_schema"}, []string{"json_schema", "json_schema", "json_schema"}},
		{"JSON mode", llm.Ollama, 0, []string{"json_object", ""}, []string{"json_schema", "json_object", "json_object", "json_object"}},
		{"text", llm.OpenAICompatible, 0, []string{""}, []string{"json_schema", "json_object", "", "", ""}},
		{"text after 404", llm.OpenAICompatible, 404, []string{""}, []string{"json_schema", "json_object", "", "", ""}},
		{"text after 422", llm.OpenAICompatible, 422, []string{""}, []string{"json_schema", "json_object", "", "", ""}},
		{"output config", llm.Anthropic, 0, []string{"json_schema"}, []string{"json_schema", "json_schema", "json_schema"}},
		{"forced tool", llm.Anthropic, 0, []string{"tool"}, []string{"json_schema", "tool", "tool", "tool"}},
		{"text of Claude", llm.Anthropic, 0, []string{""}, []string{"json_schema", "tool", "", "", ""}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, server := play(t, tt.provider, picky(tt.status, tt.takes...))
			for range 3 {
				got, err := c.Complete(t.Context(), llm.Request{System: "Judge.", Prompt: "Well?", Schema: schema, SchemaName: "verdict"})
				if err != nil {
					t.Fatal(err)
				}
				if string(got.JSON) != object {
					t.Fatalf("JSON %s", got.JSON)
				}
			}
			if diff := cmp.Diff(tt.want, formats(server)); diff != "" {
				t.Error(diff)
			}
			for _, r := range server.Requests() {
				// The schema is somewhere in every request, in words where there is no other place for it.
				spelt := r.Format == "" || r.Format == "json_object"
				if strings.Contains(r.System, string(schema)) != spelt || !strings.HasPrefix(r.System, "Judge.") {
					t.Errorf("%s: system %q", r.Format, r.System)
				}
				if !strings.Contains(string(r.Raw), "verdict") {
					t.Errorf("no schema in %s", r.Raw)
				}
			}
		})
	}
}

func TestSchemaIsSentAsWritten(t *testing.T) {
	c, server := play(t, llm.OpenAI, llmtest.In(llmtest.Answer(object)))
	loose := json.RawMessage(`{"type":"object","properties":{"verdict":{"type":"string"}}}`)
	for _, s := range []json.RawMessage{schema, loose} {
		if _, err := c.Complete(t.Context(), llm.Request{Prompt: "Well?", Schema: s}); err != nil {
			t.Fatal(err)
		}
	}
	for i, strict := range []bool{true, false} {
		var body struct {
			Format struct {
				Schema struct {
					Name   string
					Strict bool
					Schema json.RawMessage
				} `json:"json_schema"`
			} `json:"response_format"`
		}
		if err := json.Unmarshal(server.Requests()[i].Raw, &body); err != nil {
			t.Fatal(err)
		}
		got := body.Format.Schema
		if want := []json.RawMessage{schema, loose}[i]; string(got.Schema) != string(want) || got.Strict != strict || got.Name != "answer" {
			t.Errorf("name %q, strict %v, schema %s", got.Name, got.Strict, got.Schema)
		}
	}
}

// A schema that the provider does not take says nothing of the next schema.
func TestBadSchemaIsNotRemembered(t *testing.T) {
	c, server := play(t, llm.OpenAI, func(r llmtest.Request) llmtest.Reply {
		if r.Format == "json_schema" && r.N == 1 {
			reply := llmtest.Unsupported("response_format")
			reply.Code, reply.Message = "", "Invalid schema for response_format 'answer': 'oneOf' is not permitted."
			return reply
		}
		return llmtest.Answer(object)
	})
	for range 2 {
		if _, err := c.Complete(t.Context(), llm.Request{Prompt: "Well?", Schema: schema}); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"json_schema", "json_object", "json_schema"}, formats(server)); diff != "" {
		t.Error(diff)
	}
}

func TestTemperatureIsDropped(t *testing.T) {
	each(t, func(t *testing.T, p llm.Provider) {
		c, server := play(t, p, func(r llmtest.Request) llmtest.Reply {
			if r.Has("temperature") {
				return llmtest.Unsupported("temperature")
			}
			return llmtest.Answer(object)
		})
		for range 2 {
			if _, err := c.Complete(t.Context(), llm.Request{Prompt: "Well?", Schema: schema}); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff([]string{"json_schema", "json_schema", "json_schema"}, formats(server)); diff != "" {
			t.Error(diff)
		}
		if server.Requests()[2].Has("temperature") {
			t.Error("the second call asked for a temperature again")
		}
	})
}

func TestFieldOfTheLimitIsSwitched(t *testing.T) {
	for _, tt := range []struct {
		provider llm.Provider
		takes    string
		other    string
	}{
		{llm.OpenAI, "max_tokens", "max_completion_tokens"},
		{llm.OpenAICompatible, "max_completion_tokens", "max_tokens"},
	} {
		t.Run(tt.takes, func(t *testing.T) {
			c, server := play(t, tt.provider, func(r llmtest.Request) llmtest.Reply {
				if r.Has(tt.other) {
					return llmtest.Unsupported(tt.other)
				}
				return llmtest.Answer("Yes.")
			})
			for range 2 {
				if _, err := c.Complete(t.Context(), llm.Request{Prompt: "Well?", MaxTokens: 5}); err != nil {
					t.Fatal(err)
				}
			}
			if n := len(server.Requests()); n != 3 {
				t.Errorf("%d requests, want 3", n)
			}
		})
	}
}

// An endpoint that refuses everything, in words that name everything, is asked a few times only.
func TestRefusalsEnd(t *testing.T) {
	each(t, func(t *testing.T, p llm.Provider) {
		c, server := play(t, p, llmtest.In(llmtest.Reply{Status: http.StatusBadRequest, Raw: `{"detail":"response_format temperature max_tokens tools"}`}))
		_, err := c.Complete(t.Context(), llm.Request{Prompt: "Well?", Schema: schema, MaxTokens: 5})
		failed(t, err, llm.KindConfig)
		if n := len(server.Requests()); n < 3 || n > 6 {
			t.Errorf("%d requests", n)
		}
	})
}

// Calls that learn at once must not undo each other.
func TestLearningAtOnce(t *testing.T) {
	c, server := play(t, llm.OpenAICompatible, func(r llmtest.Request) llmtest.Reply {
		switch {
		case r.Has("temperature"):
			return llmtest.Unsupported("temperature")
		case r.Has("max_tokens"):
			return llmtest.Unsupported("max_tokens")
		}
		return picky(0, "")(r)
	})
	req := llm.Request{Prompt: "Well?", Schema: schema, MaxTokens: 9}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := c.Complete(t.Context(), req); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	before := len(server.Requests())
	if _, err := c.Complete(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	if n := len(server.Requests()) - before; n != 1 {
		t.Errorf("the call after took %d requests, want 1", n)
	}
}

func TestStrictable(t *testing.T) {
	for _, tt := range []struct {
		schema string
		want   bool
	}{
		{string(schema), true},
		{`{"type":"object","properties":{},"additionalProperties":false}`, true},
		{`{"type":"object","properties":{"a":{"type":"string"}},"required":[],"additionalProperties":false}`, false},
		{`{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]}`, false},
		{`{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":{"type":"string"}}`, false},
		{`{"type":"object","properties":{"a":{"type":"array","items":{"type":"object","properties":{"b":{}}}}},"required":["a"],"additionalProperties":false}`, false},
		{`{"type":"object","properties":{"items":{"type":"array","items":{"type":"string"}}},"required":["items"],"additionalProperties":false}`, true},
		{`{"type":"object","properties":{"not":{"type":["string","null"]}},"required":["not"],"additionalProperties":false}`, true},
		{`{"type":"object","properties":{"a":{"oneOf":[{"type":"string"}]}},"required":["a"],"additionalProperties":false}`, false},
		{`{"type":"object","properties":{"a":{"anyOf":[{"type":"string"},{"type":"object"}]}},"required":["a"],"additionalProperties":false}`, false},
		{`{"type":"object","properties":{"a":{"$ref":"#/$defs/x"}},"required":["a"],"additionalProperties":false,"$defs":{"x":{"type":"object"}}}`, false},
	} {
		var s any
		if err := json.Unmarshal([]byte(tt.schema), &s); err != nil {
			t.Fatal(err)
		}
		if got := llm.Strictable(s); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.schema, got, tt.want)
		}
	}
}
