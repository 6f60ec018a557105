package service_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/internal/testenv/live"
	"github.com/redoubt-dev/redoubt/llm/llmtest"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

func TestUsage(t *testing.T) {
	k := newThinker(t, llmtest.Texts("a"), func(c *service.Config) {
		c.LLMPrices = service.LLMPrices{"openai:dear": {Prompt: 3, Completion: 15}, "openai:dear-2026": {Prompt: 4, Completion: 20}, "ollama:own": {}}
	})
	k.clock.Set(time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC))
	call := func(asked, model, operation string, prompt, completion int) {
		testenv.Write(t, k.Store, func(tx *store.Tx) error {
			return tx.AddLLMCall(k.user.Who.WorkspaceID, store.LLMCall{
				ID: testenv.NewID(t), UserID: k.user.User.ID, Operation: operation, Engine: "openai", Asked: asked, Model: model,
				PromptTokens: prompt, CompletionTokens: completion, Outcome: "answered",
			})
		})
	}
	call("openai:dear", "dear", "generate", 1_000_000, 1_000_000) // 18
	call("openai:dear", "dear-2026", "generate", 1_000_000, 0)    // 4: the model that answered has a price of its own
	call("openai:dear", "dear-2027", "query", 0, 100_000)         // 1.5: it has none
	k.clock.Advance(24 * time.Hour)
	call("ollama:own", "own", "query", 500, 500) // 0 is a price
	call("anthropic:x", "x", "query", 10, 20)    // unknown

	cost := func(usd float64) *float64 { return &usd }
	got := live.Call[service.GetUsageOut](k.user, "get_usage", live.Args{"days": 2})
	want := service.GetUsageOut{
		Days: 2, Since: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC),
		Total: service.UsageRow{Requests: 5, PromptTokens: 2_000_510, CompletionTokens: 1_100_520, EstimatedCostUSD: cost(23.5), UnpricedTokens: 30},
		Operations: []service.OperationUsage{
			{Operation: "generate", UsageRow: service.UsageRow{Requests: 2, PromptTokens: 2_000_000, CompletionTokens: 1_000_000, EstimatedCostUSD: cost(22)}},
			{Operation: "query", UsageRow: service.UsageRow{Requests: 3, PromptTokens: 510, CompletionTokens: 100_520, EstimatedCostUSD: cost(1.5), UnpricedTokens: 30}},
		},
		ByDay: []service.DayUsage{
			{Day: "2026-03-02", UsageRow: service.UsageRow{Requests: 3, PromptTokens: 2_000_000, CompletionTokens: 1_100_000, EstimatedCostUSD: cost(23.5)}},
			{Day: "2026-03-03", UsageRow: service.UsageRow{Requests: 2, PromptTokens: 510, CompletionTokens: 520, EstimatedCostUSD: cost(0), UnpricedTokens: 30}},
		},
		Models: []service.ModelUsage{
			{Model: "openai:dear", UsageRow: service.UsageRow{Requests: 3, PromptTokens: 2_000_000, CompletionTokens: 1_100_000, EstimatedCostUSD: cost(23.5)}},
			{Model: "ollama:own", UsageRow: service.UsageRow{Requests: 1, PromptTokens: 500, CompletionTokens: 500, EstimatedCostUSD: cost(0)}},
			{Model: "anthropic:x", UsageRow: service.UsageRow{Requests: 1, PromptTokens: 10, CompletionTokens: 20, UnpricedTokens: 30}},
		},
		Hint: got.Hint,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("usage (-want +got):\n%s", d)
	}
	if !strings.Contains(got.Hint, "--llm-prices") {
		t.Errorf("hint %q", got.Hint)
	}

	// REST has the same; the first day is out of a window of one.
	r := k.user.Do("GET", "/api/v1/usage?days=1", nil)
	var one service.GetUsageOut
	if err := json.Unmarshal(r.Body, &one); err != nil || r.Status != 200 || one.Total.Requests != 2 || len(one.ByDay) != 1 {
		t.Errorf("%d %s (%v)", r.Status, r.Body, err)
	}
	for _, days := range []int{-1, 0, 91} {
		k.user.Refused("get_usage", live.Args{"days": days}, threat.Invalid)
		if r := k.user.Do("GET", fmt.Sprintf("/api/v1/usage?days=%d", days), nil); r.Status != 400 {
			t.Errorf("%d days: %d %s", days, r.Status, r.Body)
		}
	}
	if out := live.Call[service.GetUsageOut](k.user, "get_usage", nil); out.Days != 30 {
		t.Errorf("%d days where none are named", out.Days)
	}
	if empty := k.usage(t, k.NewUser(t, "developer")); empty.Total.Requests != 0 || empty.Total.EstimatedCostUSD != nil {
		t.Errorf("another's usage is %+v", empty)
	}
}

func TestLLMPrices(t *testing.T) {
	for name, raw := range map[string]string{
		"YAML": "# USD per million tokens\nopenai:m: {prompt: 1.25, completion: 10}\nollama:qwen3:8b: {prompt: 0, completion: 0}\n",
		"JSON": `{"openai:m": {"prompt": 1.25, "completion": 10}, "ollama:qwen3:8b": {"prompt": 0, "completion": 0}}`,
	} {
		got, err := service.ParseLLMPrices([]byte(raw))
		want := service.LLMPrices{"openai:m": {Prompt: 1.25, Completion: 10}, "ollama:qwen3:8b": {}}
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, d)
		}
	}
	if got, err := service.ParseLLMPrices(nil); err != nil || len(got) != 0 {
		t.Errorf("an empty table is %v, %v", got, err)
	}
	for name, raw := range map[string]string{
		"no table": `[1]`, "no provider": `m: {prompt: 1, completion: 1}`, "half a price": `openai:m: {prompt: 1}`, "negative": `openai:m: {prompt: -1, completion: 1}`,
		"unknown word": `openai:m: {prompt: 1, completion: 1, cached: 1}`, "no number": `openai:m: {prompt: .nan, completion: 1}`, "endless": `openai:m: {prompt: .inf, completion: 1}`,
		"twice": "openai:m: {prompt: 1, completion: 1}\nopenai:m: {prompt: 2, completion: 1}", "no model": `"openai:": {prompt: 1, completion: 1}`, "a word": `openai:m: {prompt: free, completion: 1}`,
	} {
		if _, err := service.ParseLLMPrices([]byte(raw)); threat.CodeOf(err) != threat.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}
