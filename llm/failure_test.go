package llm_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-dev/redoubt/llm"
	"github.com/redoubt-dev/redoubt/llm/llmtest"
)

func TestKinds(t *testing.T) {
	for name, tt := range map[string]struct {
		reply llmtest.Reply
		kind  llm.Kind
		tries int // 1 + retries where it may pass
	}{
		"wrong key":          {llmtest.Reply{Status: 401, Code: "invalid_api_key", Type: "authentication_error"}, llm.KindAuth, 1},
		"forbidden":          {llmtest.Reply{Status: 403, Type: "permission_error"}, llm.KindAuth, 1},
		"payment":            {llmtest.Reply{Status: 402}, llm.KindQuota, 1},
		"quota as a 429":     {llmtest.Reply{Status: 429, Code: "insufficient_quota", Type: "billing_error"}, llm.KindQuota, 1},
		"credit as a 400":    {llmtest.Reply{Status: 400, Type: "invalid_request_error", Message: "Your credit balance is too low to access the API."}, llm.KindQuota, 1},
		"rate":               {llmtest.RateLimited(""), llm.KindRateLimited, 4},
		"no such model":      {llmtest.Reply{Status: 404, Type: "not_found_error", Message: "no such model"}, llm.KindConfig, 1},
		"bad request":        {llmtest.Reply{Status: 400, Type: "invalid_request_error"}, llm.KindConfig, 1},
		"too long a prompt":  {llmtest.Reply{Status: 413, Type: "request_too_large"}, llm.KindConfig, 1},
		"filtered prompt":    {llmtest.Reply{Status: 400, Type: "content_filter", Code: "content_filter"}, llm.KindRefused, 1},
		"broken":             {llmtest.Broken(), llm.KindUnavailable, 4},
		"overloaded":         {llmtest.Reply{Status: 529, Type: "overloaded_error"}, llm.KindUnavailable, 4},
		"page of a gateway":  {llmtest.Reply{Status: 502, Raw: "<html>Bad gateway</html>"}, llm.KindUnavailable, 4},
		"not to be retried":  {llmtest.Reply{Status: 503, Header: map[string]string{"X-Should-Retry": "false"}}, llm.KindUnavailable, 1},
		"connection reset":   {llmtest.Reply{Reset: true}, llm.KindUnavailable, 4},
		"body cut off":       {llmtest.Reply{Cut: true}, llm.KindUnavailable, 4},
		"not JSON":           {llmtest.Reply{Raw: "<html>Welcome</html>"}, llm.KindMalformed, 1},
		"another protocol":   {llmtest.Reply{Raw: `{"answer":"yes"}`}, llm.KindMalformed, 1},
		"an array":           {llmtest.Reply{Raw: `[1,2]`}, llm.KindMalformed, 1},
		"huge":               {llmtest.Huge(llm.MaxAnswer), llm.KindMalformed, 1},
		"empty":              {llmtest.Answer(""), llm.KindMalformed, 1},
		"ended unknown":      {llmtest.Reply{Text: object, Finish: "moonrise"}, llm.KindMalformed, 1},
		"no such status":     {llmtest.Reply{Status: 304}, llm.KindConfig, 1},
		"error without JSON": {llmtest.Reply{Status: 400, Raw: "no"}, llm.KindConfig, 1},
		"error as a string":  {llmtest.Reply{Status: 404, Raw: `{"error":"model 'x' not found"}`}, llm.KindConfig, 1},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, p llm.Provider) {
				c, server := play(t, p, llmtest.In(tt.reply))
				got, err := c.Complete(t.Context(), llm.Request{Prompt: "the moon is made of cheese"})
				e := failed(t, err, tt.kind)
				if got.Text != "" || got.JSON != nil {
					t.Errorf("an answer beside an error: %+v", got)
				}
				if n := len(server.Requests()); n != tt.tries {
					t.Errorf("%d requests, want %d", n, tt.tries)
				}
				if !strings.HasPrefix(e.Message, c.Name()) {
					t.Errorf("message %q does not begin with the name", e.Message)
				}
			})
		})
	}
}

// The tokens of an answer that cannot be used are spent all the same.
func TestUnusableAnswersAreCounted(t *testing.T) {
	for name, tt := range map[string]struct {
		provider llm.Provider
		reply    llmtest.Reply
		kind     llm.Kind
	}{
		"cut off":           {llm.OpenAI, llmtest.Reply{Text: `{"verdict":"pass"`, Finish: "length"}, llm.KindTruncated},
		"cut off, Claude":   {llm.Anthropic, llmtest.Reply{Text: `{"verdict":"pass"`, Finish: "max_tokens"}, llm.KindTruncated},
		"window, Claude":    {llm.Anthropic, llmtest.Reply{Text: object, Finish: "model_context_window_exceeded"}, llm.KindTruncated},
		"refused":           {llm.OpenAI, llmtest.Reply{Refusal: "I cannot help with that."}, llm.KindRefused},
		"filtered":          {llm.OpenAI, llmtest.Reply{Text: object, Finish: "content_filter"}, llm.KindRefused},
		"refused, Claude":   {llm.Anthropic, llmtest.Reply{Text: object, Finish: "refusal"}, llm.KindRefused},
		"prose":             {llm.OpenAI, llmtest.Reply{Text: "It passes."}, llm.KindMalformed},
		"two objects":       {llm.Anthropic, llmtest.Reply{Text: object + object}, llm.KindMalformed},
		"a tool of its own": {llm.Anthropic, llmtest.Reply{Text: object, Finish: "tool_use"}, llm.KindMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			tt.reply.PromptTokens, tt.reply.CompletionTokens = 31, 17
			c, server := play(t, tt.provider, llmtest.In(tt.reply))
			got, err := c.Complete(t.Context(), llm.Request{Prompt: "Well?", Schema: schema})
			failed(t, err, tt.kind)
			if got.Latency <= 0 {
				t.Error("no latency")
			}
			got.Latency = 0
			if diff := cmp.Diff(llm.Answer{Model: "test-model", Usage: llm.Usage{PromptTokens: 31, CompletionTokens: 17}}, got); diff != "" {
				t.Error(diff)
			}
			if n := len(server.Requests()); n != 1 {
				t.Errorf("%d requests: an answer is paid for once", n)
			}
		})
	}
}

// An endpoint other than OpenAI's that leaves out why it ended is taken at an object's word, never at a text's.
func TestNoReasonToEnd(t *testing.T) {
	reply := llmtest.Reply{Text: object, NoFinish: true}
	for _, tt := range []struct {
		provider llm.Provider
		schema   json.RawMessage
		fails    bool
	}{
		{llm.OpenAI, schema, true},
		{llm.Ollama, nil, true},
		{llm.Ollama, schema, false},
		{llm.OpenAICompatible, schema, false},
	} {
		c, _ := play(t, tt.provider, llmtest.In(reply))
		_, err := c.Complete(t.Context(), llm.Request{Prompt: "Well?", Schema: tt.schema})
		if tt.fails {
			failed(t, err, llm.KindMalformed)
		} else if err != nil {
			t.Errorf("%s: %v", tt.provider, err)
		}
	}
}

func TestRetries(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	at := func(reply llmtest.Reply, name, value string) llmtest.Reply {
		reply.Header = map[string]string{name: value}
		return reply
	}
	for name, tt := range map[string]struct {
		first  []llmtest.Reply
		chance float64
		waits  []time.Duration
	}{
		"backoff, least":     {[]llmtest.Reply{llmtest.Broken(), llmtest.Broken(), llmtest.Broken()}, 0, []time.Duration{250 * time.Millisecond, 500 * time.Millisecond, time.Second}},
		"backoff, middle":    {[]llmtest.Reply{llmtest.Broken(), llmtest.Broken()}, 0.5, []time.Duration{375 * time.Millisecond, 750 * time.Millisecond}},
		"seconds":            {[]llmtest.Reply{llmtest.RateLimited("7")}, 0, []time.Duration{7 * time.Second}},
		"seconds and jitter": {[]llmtest.Reply{llmtest.RateLimited("10")}, 0.5, []time.Duration{10500 * time.Millisecond}},
		"milliseconds":       {[]llmtest.Reply{at(llmtest.RateLimited(""), "Retry-After-Ms", "1500")}, 0, []time.Duration{1500 * time.Millisecond}},
		"a date":             {[]llmtest.Reply{llmtest.RateLimited(now.Add(20 * time.Second).Format(http.TimeFormat))}, 0, []time.Duration{20 * time.Second}},
		"a date gone by":     {[]llmtest.Reply{llmtest.RateLimited(now.Add(-time.Hour).Format(http.TimeFormat))}, 0, []time.Duration{250 * time.Millisecond}},
		"nonsense":           {[]llmtest.Reply{llmtest.RateLimited("soon")}, 0, []time.Duration{250 * time.Millisecond}},
		"negative":           {[]llmtest.Reply{llmtest.RateLimited("-5")}, 0, []time.Duration{250 * time.Millisecond}},
		"with a 503":         {[]llmtest.Reply{at(llmtest.Reply{Status: 503}, "Retry-After", "3")}, 0, []time.Duration{3 * time.Second}},
		"reset, then cut":    {[]llmtest.Reply{{Reset: true}, {Cut: true}}, 0, []time.Duration{250 * time.Millisecond, 500 * time.Millisecond}},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, p llm.Provider) {
				server := serve(t, p, llmtest.In(append(tt.first[:len(tt.first):len(tt.first)], llmtest.Answer("Yes."))...))
				c := client(t, p, server.URL, nil)
				waits := llm.Instant(c, tt.chance, func() time.Time { return now })
				if _, err := c.Complete(t.Context(), llm.Request{Prompt: "Well?"}); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tt.waits, waits.All()); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func TestNoRetries(t *testing.T) {
	server := llmtest.OpenAI(t, llmtest.In(llmtest.Broken()))
	c := client(t, llm.OpenAI, server.URL, func(cfg *llm.Config) { cfg.MaxRetries = -1 })
	_, err := c.Complete(t.Context(), llm.Request{Prompt: "Well?"})
	failed(t, err, llm.KindUnavailable)
	if n := len(server.Requests()); n != 1 {
		t.Errorf("%d requests", n)
	}
}

// A wait that goes beyond the time of the call is told to the caller instead of being waited for.
func TestTooLongAWaitIsTold(t *testing.T) {
	each(t, func(t *testing.T, p llm.Provider) {
		server := serve(t, p, llmtest.In(llmtest.RateLimited("3600")))
		c := client(t, p, server.URL, nil)
		waits := llm.Instant(c, 0, nil)
		_, err := c.Complete(t.Context(), llm.Request{Prompt: "Well?"})
		if e := failed(t, err, llm.KindRateLimited); e.RetryAfter != time.Hour {
			t.Errorf("RetryAfter %s", e.RetryAfter)
		}
		if len(waits.All()) != 0 || len(server.Requests()) != 1 {
			t.Errorf("waits %v, %d requests", waits.All(), len(server.Requests()))
		}
	})
}

func TestTimeout(t *testing.T) {
	each(t, func(t *testing.T, p llm.Provider) {
		server := serve(t, p, llmtest.In(llmtest.Reply{Stall: true}))
		c := client(t, p, server.URL, func(cfg *llm.Config) { cfg.Timeout = 30 * time.Millisecond })
		_, err := c.Complete(t.Context(), llm.Request{Prompt: "Well?"})
		failed(t, err, llm.KindTimeout)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Error("errors.Is does not find context.DeadlineExceeded")
		}

		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		defer cancel()
		slow := client(t, p, server.URL, nil)
		_, err = slow.Complete(ctx, llm.Request{Prompt: "Well?"})
		failed(t, err, llm.KindTimeout)
	})
}

func TestCancelWhileItAnswers(t *testing.T) {
	each(t, func(t *testing.T, p llm.Provider) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		c, server := play(t, p, func(llmtest.Request) llmtest.Reply {
			cancel()
			return llmtest.Reply{Stall: true}
		})
		_, err := c.Complete(ctx, llm.Request{Prompt: "Well?"})
		failed(t, err, llm.KindCanceled)
		if n := len(server.Requests()); n != 1 {
			t.Errorf("%d requests", n)
		}
	})
}

func TestCancelWhileItWaits(t *testing.T) {
	c, server := play(t, llm.OpenAI, llmtest.In(llmtest.RateLimited("5")))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	llm.PauseIn(c, func(ctx context.Context, _ time.Duration) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	})
	_, err := c.Complete(ctx, llm.Request{Prompt: "Well?"})
	failed(t, err, llm.KindCanceled)
	if n := len(server.Requests()); n != 1 {
		t.Errorf("%d requests", n)
	}
}

func TestConcurrency(t *testing.T) {
	arrived, release := make(chan struct{}, 20), make(chan struct{})
	server := llmtest.OpenAI(t, func(llmtest.Request) llmtest.Reply {
		arrived <- struct{}{}
		<-release
		return llmtest.Answer("Yes.")
	})
	c := client(t, llm.OpenAI, server.URL, func(cfg *llm.Config) { cfg.Concurrency = 3 })
	var wg sync.WaitGroup
	for range 9 {
		wg.Go(func() {
			if _, err := c.Complete(t.Context(), llm.Request{Prompt: "Well?"}); err != nil {
				t.Error(err)
			}
		})
	}
	for range 3 {
		<-arrived
	}

	// All slots are taken: a call that does not want to wait gets no answer, and sends nothing.
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := c.Complete(ctx, llm.Request{Prompt: "Me too?"})
	failed(t, err, llm.KindTimeout)

	close(release)
	wg.Wait()
	if got := server.AtOnce(); got != 3 {
		t.Errorf("%d at once, want 3", got)
	}
	if n := len(server.Requests()); n != 9 {
		t.Errorf("%d requests, want 9", n)
	}
}

func TestNobodyThere(t *testing.T) {
	dead := httptest.NewServer(http.NotFoundHandler())
	dead.Close()
	each(t, func(t *testing.T, p llm.Provider) {
		c := client(t, p, dead.URL, nil)
		waits := llm.Instant(c, 0, nil)
		_, err := c.Complete(t.Context(), llm.Request{Prompt: "Well?"})
		e := failed(t, err, llm.KindUnavailable)
		if p == llm.Ollama && !strings.Contains(e.Hint, "ollama serve") {
			t.Errorf("hint %q", e.Hint)
		}
		if len(waits.All()) != llm.DefaultMaxRetries {
			t.Errorf("waits %v", waits.All())
		}
	})
}

func TestUntrustedCertificate(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	defer server.Close()
	each(t, func(t *testing.T, p llm.Provider) {
		_, err := client(t, p, server.URL, nil).Complete(t.Context(), llm.Request{Prompt: "Well?"})
		failed(t, err, llm.KindConfig)
	})
}

// Neither key nor prompt goes anywhere but to the configured host.
func TestRedirectsAreNotFollowed(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			each(t, func(t *testing.T, p llm.Provider) {
				var strayed atomic.Int32
				other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { strayed.Add(1) }))
				defer other.Close()
				c, server := play(t, p, llmtest.In(llmtest.Reply{Status: status, Header: map[string]string{"Location": other.URL + "/" + key}}))
				_, err := c.Complete(t.Context(), llm.Request{Prompt: "Well?"})
				failed(t, err, llm.KindConfig)
				if strayed.Load() != 0 || len(server.Requests()) != 1 {
					t.Errorf("%d requests strayed, %d stayed", strayed.Load(), len(server.Requests()))
				}
			})
		})
	}
}

// A server that sends the key back, whole, in pieces and encoded, in every place it can.
func TestKeyIsNotTold(t *testing.T) {
	encoded := base64.StdEncoding.EncodeToString([]byte(key))
	echo := "key " + key + ", start " + key[:12] + "..., end " + key[9:] + ", encoded " + encoded
	replies := []llmtest.Reply{
		{Status: 401, Type: key, Code: key, Param: key, Message: echo},
		{Status: 401, Type: key[:10], Code: key[4:], Message: strings.Repeat(" ", 290) + key},
		{Status: 400, Raw: echo},
		{Status: 400, Raw: `{"error":"` + echo + `"}`},
		{Status: 500, Raw: `{"error":{"message":"` + echo + `"}}`},
		{Status: 429, Message: echo, Header: map[string]string{"Retry-After": key}},
		{Status: 307, Header: map[string]string{"Location": "http://" + key + "/"}},
		{Raw: echo},
		{Raw: `["` + echo + `"]`},
		{Raw: `{"choices":"` + echo + `","content":"` + echo + `"}`},
		{Refusal: echo},
		{Text: "x", Finish: key, Model: echo},
	}
	each(t, func(t *testing.T, p llm.Provider) {
		for i, reply := range replies {
			c, _ := play(t, p, llmtest.In(reply))
			a, err := c.Complete(t.Context(), llm.Request{Prompt: "Well?"})
			if err == nil {
				if reply.Refusal == "" || p != llm.Anthropic {
					t.Errorf("reply %d was taken", i)
				}
				continue
			}
			var e *llm.Error
			errors.As(err, &e)
			var log strings.Builder
			slog.New(slog.NewJSONHandler(&log, nil)).Error("call", "error", err, "client", c, "all", e)
			asJSON, _ := json.Marshal(e)
			for _, shown := range []string{err.Error(), e.Detail, fmt.Sprintf("%+v %#v", e, *e), fmt.Sprintf("%+v", a), string(asJSON), log.String()} {
				for n := 0; n+8 <= len(key); n++ {
					if strings.Contains(shown, key[n:n+8]) {
						t.Errorf("reply %d: %q holds %q", i, shown, key[n:n+8])
						break
					}
				}
				if strings.Contains(shown, encoded[:10]) {
					t.Errorf("reply %d: %q holds the encoded key", i, shown)
				}
			}
		}
	})
}

func TestKeyDoesNotPrint(t *testing.T) {
	each(t, func(t *testing.T, p llm.Provider) {
		cfg := llm.Config{Provider: p, Model: "m", BaseURL: "https://host/v1", APIKey: key}
		c, err := llm.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		var log strings.Builder
		slog.New(slog.NewJSONHandler(&log, nil)).Info("start", "config", cfg, "client", c)
		slog.New(slog.NewTextHandler(&log, nil)).Info("start", "config", cfg, "client", c, "key", cfg.APIKey)
		shown := []string{log.String()}
		for _, v := range []any{cfg, &cfg, cfg.APIKey, c, struct{ C llm.Client }{c}} {
			asJSON, _ := json.Marshal(v)
			shown = append(shown, fmt.Sprint(v), fmt.Sprintf("%v %+v %#v %s %q", v, v, v, v, v), string(asJSON), fmt.Sprintf("%x %X %d", v, v, v))
		}
		for _, s := range shown {
			if strings.Contains(s, key) || strings.Contains(s, fmt.Sprintf("%x", key)) || strings.Contains(s, fmt.Sprintf("%X", key)) {
				t.Errorf("the key is in %q", s)
			}
		}
		if !strings.Contains(fmt.Sprintf("%+v", cfg), "[redacted]") {
			t.Error("a key that is set does not show that it is")
		}
	})
}

// What the provider says of the prompt stays out of the error's text, which goes to logs.
func TestPromptIsNotTold(t *testing.T) {
	const secret = "the vault is behind the painting"
	each(t, func(t *testing.T, p llm.Provider) {
		for _, reply := range []llmtest.Reply{
			{Status: 400, Type: secret, Param: secret, Message: "invalid: " + secret},
			{Status: 500, Raw: secret},
			{Text: secret, Finish: secret},
			{Raw: secret},
		} {
			c, _ := play(t, p, llmtest.In(reply))
			_, err := c.Complete(t.Context(), llm.Request{System: secret, Prompt: secret})
			if err == nil || strings.Contains(err.Error(), "vault") {
				t.Errorf("error %v", err)
			}
		}
	})
}
