package llm_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/redoubt-dev/redoubt/llm"
)

// Whatever two requests differ in, their digests differ, and what does not change the answer does not change the digest.
func TestDigest(t *testing.T) {
	half, zero := 0.5, 0.0
	base := llm.Request{System: "s", Messages: []llm.Message{{Role: llm.RoleUser, Text: "a"}, {Role: llm.RoleAssistant, Text: "b"}}, Prompt: "c", Schema: schema, MaxTokens: 10}
	seen := map[string]string{}
	different := func(name, who string, change func(*llm.Request)) {
		r := base
		r.Messages = append([]llm.Message(nil), base.Messages...)
		change(&r)
		d := llm.Digest(who, r)
		if other, ok := seen[d]; ok {
			t.Errorf("%s and %s have one digest", name, other)
		}
		seen[d] = name
	}
	different("nothing", "openai:m", func(*llm.Request) {})
	different("the model", "openai:n", func(*llm.Request) {})
	different("the provider", "ollama:m", func(*llm.Request) {})
	different("the system", "openai:m", func(r *llm.Request) { r.System = "" })
	different("the prompt", "openai:m", func(r *llm.Request) { r.Prompt = "d" })
	different("a role", "openai:m", func(r *llm.Request) { r.Messages[0].Role = llm.RoleAssistant })
	different("one turn less", "openai:m", func(r *llm.Request) { r.Messages = r.Messages[1:] })
	different("text moved over", "openai:m", func(r *llm.Request) { r.Messages[0].Text, r.Messages[1].Text = "ab", "" })
	different("the schema", "openai:m", func(r *llm.Request) { r.Schema = json.RawMessage(`{"type":"object"}`) })
	different("no schema", "openai:m", func(r *llm.Request) { r.Schema = nil })
	different("the schema's name", "openai:m", func(r *llm.Request) { r.SchemaName = "other" })
	different("the limit", "openai:m", func(r *llm.Request) { r.MaxTokens = 11 })
	different("the temperature", "openai:m", func(r *llm.Request) { r.Temperature = &half })

	same := base
	same.Messages = append(base.Messages[:2:2], llm.Message{Role: llm.RoleUser, Text: "c"})
	same.Prompt, same.Temperature, same.SchemaName = "", &zero, "answer"
	same.Check = func(llm.Answer) error { return nil }
	if llm.Digest("openai:m", same) != llm.Digest("openai:m", base) {
		t.Error("the same question has another digest")
	}
}

// A member that is added to Request must be decided upon: does it change the answer?
func TestDigestKnowsEveryMember(t *testing.T) {
	if n := reflect.TypeFor[llm.Request]().NumField(); n != 8 {
		t.Errorf("Request has %d members: see to it that Digest covers them, then correct the 8", n)
	}
}

func TestDigestIsUnambiguous(t *testing.T) {
	text := rapid.SampledFrom([]string{"", "a", "b", "ab", "\x00", "user", "\x00\x00\x00\x00\x00\x00\x00\x01"})
	request := rapid.Custom(func(t *rapid.T) llm.Request {
		r := llm.Request{System: text.Draw(t, "system"), Prompt: text.Draw(t, "prompt"), MaxTokens: rapid.IntRange(0, 2).Draw(t, "limit")}
		for range rapid.IntRange(0, 2).Draw(t, "turns") {
			r.Messages = append(r.Messages, llm.Message{Role: llm.RoleUser, Text: text.Draw(t, "text")})
		}
		return r
	})
	turns := func(r llm.Request) (out []llm.Message) {
		out = append(out, r.Messages...)
		if r.Prompt != "" {
			out = append(out, llm.Message{Role: llm.RoleUser, Text: r.Prompt})
		}
		return out
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := request.Draw(t, "a"), request.Draw(t, "b")
		alike := a.System == b.System && a.MaxTokens == b.MaxTokens && reflect.DeepEqual(turns(a), turns(b))
		if (llm.Digest("m", a) == llm.Digest("m", b)) != alike {
			t.Fatalf("%+v and %+v: alike is %v", a, b, alike)
		}
	})
}
