package service_test

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/internal/testenv/live"
	"github.com/redoubt-dev/redoubt/llm"
	"github.com/redoubt-dev/redoubt/llm/llmtest"
	"github.com/redoubt-dev/redoubt/pipeline"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/store"
)

// thinker is a service over a scripted language model, with a user.
type thinker struct {
	*live.Env
	play  *llmtest.Server
	clock *testenv.Clock
	user  *live.User
}

func newThinker(t testing.TB, script func(llmtest.Request) llmtest.Reply, changes ...func(*service.Config)) *thinker {
	t.Helper()
	k := &thinker{play: llmtest.OpenAI(t, script), clock: testenv.NewClock()}
	c := service.Config{Store: testenv.StoreAt(t, k.clock), LLM: live.LLM(t, k.play.URL)}
	for _, change := range changes {
		change(&c)
	}
	k.Env = live.StartOver(t, c)
	k.user = k.NewUser(t, account.Developer)
	return k
}

func (k *thinker) ask(u *live.User, req llm.Request) (llm.Answer, error) {
	return k.Service.LLMFor(u.Who, "query_threat_model").Complete(context.Background(), req)
}

// usage is the whole usage of a user's workspace.
func (k *thinker) usage(t testing.TB, u *live.User) service.GetUsageOut {
	t.Helper()
	out, err := k.Service.GetUsage(t.Context(), u.Who, service.GetUsageIn{Days: ptr(90)})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

var factSchema = json.RawMessage(`{"type":"object","properties":{"fact":{"type":"string"}},"required":["fact"],"additionalProperties":false}`)

func TestLLMAnswersAreKept(t *testing.T) {
	k := newThinker(t, llmtest.Texts(`{"fact":"a"}`, `{"fact":"b"}`, `{"fact":"c"}`))
	question := llm.Request{System: "s", Prompt: "p", Schema: factSchema}
	want := func(u *live.User, req llm.Request, text string, cached bool) {
		t.Helper()
		got, err := k.ask(u, req)
		if err != nil || string(got.JSON) != text || got.Text != text || got.Cached != cached {
			t.Fatalf("%+v, %v; want %s, cached %v", got, err, text, cached)
		}
		if got.Usage != (llm.Usage{PromptTokens: 11, CompletionTokens: 7}) || got.Model != "test-model" {
			t.Errorf("%+v does not say what it cost", got)
		}
	}
	want(k.user, question, `{"fact":"a"}`, false)
	want(k.user, question, `{"fact":"a"}`, true)

	// Another member of the workspace asks the same; another workspace has a cache of its own.
	member := k.NewKey(t, testenv.User(t, k.Store, "member@example.org"), k.user.Who.WorkspaceID, account.Developer)
	want(member, question, `{"fact":"a"}`, true)
	stranger := k.NewUser(t, account.Developer)
	want(stranger, question, `{"fact":"b"}`, false)

	k.clock.Advance(service.DefaultLLMCache)
	want(k.user, question, `{"fact":"c"}`, false)
	if n := k.play.Calls(); n != 3 {
		t.Errorf("%d calls, want 3", n)
	}

	u := k.usage(t, k.user)
	if u.Total.Requests != 4 || u.Total.Cached != 2 || u.Total.PromptTokens != 22 || u.Total.CompletionTokens != 14 || u.Total.SavedTokens != 36 {
		t.Errorf("usage %+v", u.Total)
	}
	if s := k.usage(t, stranger).Total; s.Requests != 1 || s.Cached != 0 {
		t.Errorf("the stranger's usage is %+v", s)
	}
}

// An answer that the caller refuses is not kept, and one that was kept before the rules became stricter is given no more.
func TestRefusedLLMAnswersAreNotKept(t *testing.T) {
	k := newThinker(t, llmtest.Texts(`{"fact":"bad"}`, `{"fact":"good"}`, `{"fact":"better"}`))
	refuse := func(word string) func(llm.Answer) error {
		return func(a llm.Answer) error {
			if strings.Contains(string(a.JSON), `"`+word+`"`) {
				return errors.New("not that")
			}
			return nil
		}
	}
	question := llm.Request{Prompt: "p", Schema: factSchema, Check: refuse("bad")}
	_, err := k.ask(k.user, question)
	var e *llm.Error
	if !errors.As(err, &e) || e.Kind != llm.KindRejected {
		t.Fatalf("error %v", err)
	}
	for _, cached := range []bool{false, true} {
		if a, err := k.ask(k.user, question); err != nil || string(a.JSON) != `{"fact":"good"}` || a.Cached != cached {
			t.Fatalf("%+v, %v", a, err)
		}
	}
	question.Check = refuse("good")
	for _, cached := range []bool{false, true} {
		if a, err := k.ask(k.user, question); err != nil || string(a.JSON) != `{"fact":"better"}` || a.Cached != cached {
			t.Fatalf("%+v, %v", a, err)
		}
	}
	u := k.usage(t, k.user).Total
	if u.Requests != 5 || u.Failed != 1 || u.Cached != 2 || u.PromptTokens != 33 {
		t.Errorf("usage %+v: what was refused is paid for too", u)
	}
}

// What is not a good answer is asked for again, and what each cost is recorded.
func TestFailedLLMCallsAreNotKept(t *testing.T) {
	const good = `{"fact":"a"}`
	for name, bad := range map[string]llmtest.Reply{
		"cut off": llmtest.Truncated(good), "refused": llmtest.Refused("no"), "filtered": llmtest.Filtered(), "broken": llmtest.Broken(),
		"two objects": llmtest.Answer(good + good), "no JSON": llmtest.Answer("none"), "rate limited": llmtest.RateLimited("9"), "reset": {Reset: true},
	} {
		t.Run(name, func(t *testing.T) {
			k := newThinker(t, llmtest.In(bad, llmtest.Answer(good)))
			question := llm.Request{Prompt: "p", Schema: factSchema}
			if a, err := k.ask(k.user, question); err == nil {
				t.Fatalf("it was taken: %+v", a)
			}
			if a, err := k.ask(k.user, question); err != nil || a.Cached {
				t.Fatalf("%+v, %v", a, err)
			}
			u := k.usage(t, k.user).Total
			if u.Requests != 2 || u.Failed != 1 || u.PromptTokens != 11+bad.PromptTokens || u.CompletionTokens != 7+bad.CompletionTokens {
				t.Errorf("usage %+v", u)
			}
		})
	}
}

func TestLLMCacheBounds(t *testing.T) {
	t.Run("too long", func(t *testing.T) {
		k := newThinker(t, llmtest.In(llmtest.Huge(300<<10)))
		for range 2 {
			if a, err := k.ask(k.user, llm.Request{Prompt: "p"}); err != nil || a.Cached || len(a.Text) != 300<<10 {
				t.Fatalf("cached %v, %v", a.Cached, err)
			}
		}
	})
	t.Run("off", func(t *testing.T) {
		k := newThinker(t, llmtest.Texts("a"), func(c *service.Config) { c.LLMCache = -1 })
		for range 2 {
			if a, err := k.ask(k.user, llm.Request{Prompt: "p"}); err != nil || a.Cached {
				t.Fatalf("%+v, %v", a, err)
			}
		}
		if u := k.usage(t, k.user).Total; u.Requests != 2 || u.Cached != 0 || u.PromptTokens != 22 {
			t.Errorf("usage %+v", u)
		}
	})
	t.Run("an hour", func(t *testing.T) {
		k := newThinker(t, llmtest.Texts("a", "b"), func(c *service.Config) { c.LLMCache = time.Hour })
		for i, want := range []string{"a", "a", "b"} {
			if i == 2 {
				k.clock.Advance(time.Hour)
			}
			if a, err := k.ask(k.user, llm.Request{Prompt: "p"}); err != nil || a.Text != want {
				t.Fatalf("%+v, %v; want %s", a, err, want)
			}
		}
	})
}

// Callers who ask the same at once are answered by one call; when that one fails, the next of them asks.
func TestEqualLLMCallsAtOnce(t *testing.T) {
	arrived, release := make(chan struct{}, 10), make(chan struct{})
	k := newThinker(t, func(r llmtest.Request) llmtest.Reply {
		arrived <- struct{}{}
		<-release
		if r.N == 1 {
			return llmtest.Broken()
		}
		return llmtest.Answer("yes")
	})
	var wg sync.WaitGroup
	var mu sync.Mutex
	failed, cached, fresh := 0, 0, 0
	for range 6 {
		wg.Go(func() {
			a, err := k.ask(k.user, llm.Request{Prompt: "p"})
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				failed++
			case a.Cached:
				cached++
			default:
				fresh++
			}
		})
	}
	<-arrived

	// Who does not want to wait for another's call leaves, and ends nothing but the own one.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var e *llm.Error
	if _, err := k.Service.LLMFor(k.user.Who, "x").Complete(ctx, llm.Request{Prompt: "p"}); !errors.As(err, &e) || e.Kind != llm.KindCanceled {
		t.Errorf("error %v", err)
	}
	close(release)
	wg.Wait()
	if failed != 1 || fresh != 1 || cached != 4 || k.play.Calls() != 2 || k.play.AtOnce() != 1 {
		t.Errorf("%d failed, %d fresh, %d cached; %d calls, %d at once", failed, fresh, cached, k.play.Calls(), k.play.AtOnce())
	}
}

// Housekeeping removes what is past its life.
func TestOldLLMRowsAreRemoved(t *testing.T) {
	k := newThinker(t, llmtest.Texts("a"))
	if _, err := k.ask(k.user, llm.Request{Prompt: "p"}); err != nil {
		t.Fatal(err)
	}
	k.clock.Advance(401 * 24 * time.Hour)
	expert, err := live.Expert()
	if err != nil {
		t.Fatal(err)
	}
	again, err := service.New(service.Config{Store: k.Store, Engines: []pipeline.Engine{expert}, Log: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	again.Start() // which keeps house at once
	defer again.Stop()
	deadline := time.Now().Add(20 * time.Second)
	for {
		var rows []store.LLMUsage
		testenv.Read(t, k.Store, func(v *store.Snapshot) (err error) {
			rows, err = v.LLMUsage(k.user.Who.WorkspaceID, time.Time{})
			return err
		})
		if len(rows) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d rows are left", len(rows))
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// What a call costs beside the provider's own time: the look into the cache, the record, the answer kept.
func BenchmarkLLMCall(b *testing.B) {
	answer := `{"fact":"` + strings.Repeat("x", 8<<10) + `"}`
	k := newThinker(b, llmtest.Texts(answer))
	bare := live.LLM(b, k.play.URL)
	for _, bench := range []struct {
		name   string
		client llm.Client
		fresh  bool
	}{
		{"bare", bare, true},
		{"recorded", k.Service.LLMFor(k.user.Who, "x"), true},
		{"kept", k.Service.LLMFor(k.user.Who, "x"), false},
	} {
		b.Run(bench.name, func(b *testing.B) {
			for i := range b.N {
				prompt := bench.name
				if bench.fresh {
					prompt = strconv.Itoa(b.N) + " " + strconv.Itoa(i)
				}
				if _, err := bench.client.Complete(b.Context(), llm.Request{Prompt: prompt, Schema: factSchema}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Two endpoints that call their models by one name share no answers; one that moved and came back finds its own.
func TestAnswersAreOfOneEndpoint(t *testing.T) {
	k := newThinker(t, llmtest.Texts("one"))
	other := llmtest.OpenAI(t, llmtest.Texts("two"))
	moved := live.StartOver(t, service.Config{Store: k.Store, LLM: live.LLM(t, other.URL)})
	for i, want := range []string{"one", "two", "one", "two"} {
		svc := k.Service
		if want == "two" {
			svc = moved.Service
		}
		answer, err := svc.LLMFor(k.user.Who, "query_threat_model").Complete(t.Context(), llm.Request{Prompt: "Which?"})
		if err != nil || answer.Text != want || answer.Cached != (i > 1) {
			t.Errorf("%d: %+v (%v), want %s", i, answer, err, want)
		}
	}
}
