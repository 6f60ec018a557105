package llm_test

import (
	"testing"
	"time"

	"github.com/redoubt-dev/redoubt/llm"
	"github.com/redoubt-dev/redoubt/llm/llmtest"
)

// The ways in which the scripted server fails are those that the client tells apart.
func TestScriptedFailures(t *testing.T) {
	for name, tt := range map[string]struct {
		reply llmtest.Reply
		kind  llm.Kind
	}{
		"cut off":       {llmtest.Truncated(object), llm.KindTruncated},
		"refused":       {llmtest.Refused("I would rather not"), llm.KindRefused},
		"filtered":      {llmtest.Filtered(), llm.KindRefused},
		"out of credit": {llmtest.OutOfCredit(), llm.KindQuota},
		"unauthorized":  {llmtest.Unauthorized(key), llm.KindAuth},
		"unavailable":   {llmtest.Unavailable(), llm.KindUnavailable},
		"not JSON":      {llmtest.Answer(object[:len(object)-1]), llm.KindMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := play(t, llm.OpenAI, llmtest.In(tt.reply))
			_, err := c.Complete(t.Context(), llm.Request{Prompt: "Well?", Schema: schema})
			failed(t, err, tt.kind)
		})
	}
}

func TestSlowBodyArrivesWhole(t *testing.T) {
	each(t, func(t *testing.T, p llm.Provider) {
		reply := llmtest.Slow(time.Millisecond, llmtest.Answer(object))
		reply.Drip = time.Millisecond
		c, _ := play(t, p, llmtest.In(reply))
		got, err := c.Complete(t.Context(), llm.Request{Prompt: "Well?", Schema: schema})
		if err != nil || string(got.JSON) != object {
			t.Errorf("%s, %v", got.JSON, err)
		}
	})
}

// An endpoint that knows no schemas, and one that knows no JSON mode either, are found out once.
func TestEndpointsWithoutFormats(t *testing.T) {
	each(t, func(t *testing.T, p llm.Provider) {
		for _, lacks := range [][]string{{"json_schema"}, {"json_schema", "json_object", "tool"}} {
			c, server := play(t, p, llmtest.Without(llmtest.Texts(object), lacks...))
			for range 2 {
				if got, err := c.Complete(t.Context(), llm.Request{Prompt: "Well?", Schema: schema}); err != nil || string(got.JSON) != object {
					t.Fatalf("without %v: %s, %v", lacks, got.JSON, err)
				}
			}
			refusals := min(len(lacks), 2)
			if n := server.Calls(); n != refusals+2 {
				t.Errorf("without %v: %d requests, want %d", lacks, n, refusals+2)
			}
		}
	})
}
