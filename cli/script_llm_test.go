package cli_test

import (
	"sync/atomic"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/redoubt-dev/redoubt/internal/testenv/live"
	"github.com/redoubt-dev/redoubt/llm/llmtest"
)

// startLLM runs "llm [STEP]": it starts a scripted OpenAI-compatible endpoint, and sets OPENAI_BASE_URL and OPENAI_API_KEY. It answers as the
// builtin engine would, but the first question of the step, if one is named, with words that are no answer.
func startLLM(t *testing.T) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, _ bool, args []string) {
		var spoilt atomic.Bool
		play := llmtest.OpenAI(t, func(r llmtest.Request) llmtest.Reply {
			if len(args) > 0 && live.Step(r) == args[0] && !spoilt.Swap(true) {
				return llmtest.Answer("Let me think about this first.")
			}
			return live.Scripted(r)
		})
		ts.Setenv("OPENAI_BASE_URL", play.URL)
		ts.Setenv("OPENAI_API_KEY", "sk-of-the-script")
		ts.Setenv("REDOUBT_LLM_MODEL", "scripted")
	}
}
