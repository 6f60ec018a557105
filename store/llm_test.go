package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/store"
)

func someCall(t testing.TB, user, operation string, change func(*store.LLMCall)) store.LLMCall {
	c := store.LLMCall{
		ID: testenv.NewID(t), UserID: user, Operation: operation, Engine: "openai", Asked: "openai:m", Model: "m-2026",
		PromptTokens: 100, CompletionTokens: 20, Latency: 1500 * time.Millisecond, Outcome: "answered",
	}
	if change != nil {
		change(&c)
	}
	return c
}

func TestLLMCache(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		w, u := tenant(t, e, "u@example.org")
		foreign, _ := tenant(t, e, "foreign@example.org")
		lookup := func(workspace, digest string) *store.LLMAnswer {
			var a store.LLMAnswer
			var ok bool
			e.read(t, func(v *store.Snapshot) (err error) {
				a, ok, err = v.LLMAnswer(workspace, digest)
				return err
			})
			if !ok {
				return nil
			}
			return &a
		}
		first := store.LLMAnswer{Text: `{"a": "ü"}`, Model: "m-2026", PromptTokens: 100, CompletionTokens: 20}
		keep := func(digest string, a store.LLMAnswer, life time.Duration) {
			e.write(t, func(tx *store.Tx) error { return tx.KeepLLMAnswer(w, u, digest, a, life) })
		}
		keep("d1", first, time.Hour)
		keep("d2", first, 3*time.Hour)
		if d := cmp.Diff(&first, lookup(w, "d1")); d != "" {
			t.Errorf("kept (-want +got):\n%s", d)
		}
		if lookup(foreign, "d1") != nil || lookup(w, "d3") != nil {
			t.Error("an answer is found that is another workspace's, or was never kept")
		}
		second := store.LLMAnswer{Text: "other", Model: "m2"}
		keep("d1", second, time.Hour)
		if d := cmp.Diff(&second, lookup(w, "d1")); d != "" {
			t.Errorf("kept in its place (-want +got):\n%s", d)
		}

		e.write(t, func(tx *store.Tx) error { return tx.ForgetLLMAnswer(foreign, "d1") })
		if lookup(w, "d1") == nil {
			t.Error("another workspace made it forget")
		}
		e.clock.Advance(time.Hour)
		if lookup(w, "d1") != nil || lookup(w, "d2") == nil {
			t.Error("an answer lives too long, or not long enough")
		}
		e.write(t, (*store.Tx).PurgeLLMAnswers)
		if n := one(t, raw(t, e.database), "SELECT COUNT(*) FROM llm_cache"); n != 1 {
			t.Errorf("%d answers are left, want 1", n)
		}
		e.write(t, func(tx *store.Tx) error { return tx.ForgetLLMAnswer(w, "d2") })
		if lookup(w, "d2") != nil {
			t.Error("it was not forgotten")
		}
	})
}

func TestLLMUsage(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		w, u := tenant(t, e, "u@example.org")
		foreign, stranger := tenant(t, e, "foreign@example.org")
		begin := e.clock.Now().Truncate(24 * time.Hour)
		e.clock.Set(begin.Add(24*time.Hour - time.Microsecond)) // the last moment of a day
		add := func(workspace string, c store.LLMCall) {
			e.write(t, func(tx *store.Tx) error { return tx.AddLLMCall(workspace, c) })
		}
		add(w, someCall(t, u, "generate", nil))
		e.clock.Advance(time.Microsecond) // the first of the next
		add(w, someCall(t, u, "generate", nil))
		add(w, someCall(t, u, "generate", func(c *store.LLMCall) { c.Outcome = "truncated" }))
		add(w, someCall(t, u, "generate", func(c *store.LLMCall) {
			c.Cached, c.PromptTokens, c.CompletionTokens, c.SavedTokens = true, 0, 0, 120
		}))
		add(w, someCall(t, u, "query", func(c *store.LLMCall) { c.Asked, c.Model = "ollama:x", "" }))
		add(foreign, someCall(t, stranger, "generate", nil))

		day2 := begin.Add(24 * time.Hour)
		row := func(workspace, user string, day time.Time, operation string) store.LLMUsage {
			return store.LLMUsage{
				Day: day, WorkspaceID: workspace, UserID: user, Operation: operation, Asked: "openai:m", Model: "m-2026",
				Calls: 1, PromptTokens: 100, CompletionTokens: 20, LatencyMS: 1500,
			}
		}
		generated := row(w, u, day2, "generate")
		generated.Calls, generated.Failed, generated.Cached = 3, 1, 1
		generated.PromptTokens, generated.CompletionTokens, generated.SavedTokens, generated.LatencyMS = 200, 40, 120, 3000
		asked := row(w, u, day2, "query")
		asked.Asked, asked.Model = "ollama:x", ""
		usage := func(since time.Time) []store.LLMUsage {
			return get(t, e, func(v *store.Snapshot) ([]store.LLMUsage, error) { return v.LLMUsage(w, since) })
		}
		if d := cmp.Diff([]store.LLMUsage{row(w, u, begin, "generate"), generated, asked}, usage(begin)); d != "" {
			t.Errorf("usage (-want +got):\n%s", d)
		}
		if d := cmp.Diff([]store.LLMUsage{generated, asked}, usage(day2)); d != "" {
			t.Errorf("usage of the second day (-want +got):\n%s", d)
		}
		all := get(t, e, func(v *store.Snapshot) ([]store.LLMUsage, error) { return v.LLMUsageOfAll(day2) })
		if len(all) != 3 {
			t.Errorf("usage of all: %+v", all)
		}
		e.write(t, func(tx *store.Tx) error { return tx.PurgeLLMCalls(day2) })
		if d := cmp.Diff([]store.LLMUsage{generated, asked}, usage(begin)); d != "" {
			t.Errorf("usage after the purge (-want +got):\n%s", d)
		}
	})
}
