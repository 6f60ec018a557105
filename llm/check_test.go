package llm_test

import (
	"errors"
	"testing"

	"github.com/redoubt-dev/redoubt/llm"
	"github.com/redoubt-dev/redoubt/llm/llmtest"
)

// What the caller refuses is an error that holds the caller's own, beside what the answer cost.
func TestCheck(t *testing.T) {
	each(t, func(t *testing.T, p llm.Provider) {
		c, _ := play(t, p, llmtest.In(llmtest.Answer(object)))
		wrong := errors.New("no such asset")
		var seen []string
		got, err := c.Complete(t.Context(), llm.Request{Prompt: "Well?", Schema: schema, Check: func(a llm.Answer) error {
			seen = append(seen, string(a.JSON))
			return wrong
		}})
		failed(t, err, llm.KindRejected)
		if !errors.Is(err, wrong) {
			t.Error("the caller's error is lost")
		}
		if got.Usage != (llm.Usage{PromptTokens: 11, CompletionTokens: 7}) || got.Text != "" || got.JSON != nil {
			t.Errorf("answer %+v", got)
		}
		if len(seen) != 1 || seen[0] != object {
			t.Errorf("checked %q", seen)
		}
		if _, err := c.Complete(t.Context(), llm.Request{Prompt: "Well?", Check: func(llm.Answer) error { return nil }}); err != nil {
			t.Error(err)
		}
	})
}
