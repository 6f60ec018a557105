package service_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/internal/testenv/live"
	"github.com/redoubt-dev/redoubt/llm"
	"github.com/redoubt-dev/redoubt/llm/llmtest"
	"github.com/redoubt-dev/redoubt/pipeline"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/threat"
)

// namedEngine is an engine that only says who was asked.
type namedEngine string

func (e namedEngine) Name() string   { return string(e) }
func (e namedEngine) BatchSize() int { return 0 }
func (e namedEngine) Propose(context.Context, pipeline.Request) (pipeline.Output, error) {
	return pipeline.Output{}, threat.Errorf(threat.Unavailable, "asked %s", string(e))
}

// The engine is the one that the call names, else the workspace's default, else openai where a language model is configured, else builtin.
func TestEngineChoice(t *testing.T) {
	all := []pipeline.Engine{namedEngine("agent"), namedEngine("openai"), namedEngine("builtin")}
	play := llmtest.OpenAI(t, llmtest.Texts("yes"))
	for _, tt := range []struct {
		name      string
		llm       bool
		byDefault string
		asked     string
		want      string // engine or code
	}{
		{"nothing is configured", false, "", "", "builtin"},
		{"a language model", true, "", "", "openai"},
		{"the workspace's default", true, "builtin", "", "builtin"},
		{"the default is the agent", false, "agent", "", "agent"},
		{"the call's own", true, "builtin", "openai", "openai"},
		{"the agent, by the call", true, "", "agent", "agent"},
		{"the call's own, without a language model", false, "", "openai", "failed_precondition"},
		{"no such engine", true, "", "gpt", "invalid"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := service.Config{Engines: all}
			if tt.llm {
				c.LLM = live.LLM(t, play.URL)
			}
			env := live.StartOver(t, c)
			admin := env.NewUser(t, account.Admin)
			if tt.byDefault != "" {
				if _, err := env.Service.EditSettings(t.Context(), admin.Who, service.EditSettingsIn{DefaultEngine: &tt.byDefault}); err != nil {
					t.Fatal(err)
				}
			}
			args := live.Args{"feature_description": "A web shop with orders and customers in a database.", "wait_seconds": 50}
			if tt.asked != "" {
				args["engine"] = tt.asked
			}
			// The fake refuses in its own name, and no other engine takes over.
			raw, te := admin.Try("generate_threat_model", args)
			switch {
			case te == nil:
				t.Errorf("it was not refused: %s", raw)
			case te.Code == threat.Unavailable && te.Message == "asked "+tt.want:
			case string(te.Code) == tt.want && te.Field == "engine" && te.Hint != "":
			default:
				t.Errorf("refused with %v, want %s", te, tt.want)
			}
		})
	}
	if n := play.Calls(); n != 0 {
		t.Errorf("%d calls", n)
	}
}

// A default that can no longer run is an error, not another engine; one that cannot run is not taken as a default.
func TestDefaultEngineWithoutALanguageModel(t *testing.T) {
	all := []pipeline.Engine{namedEngine("builtin"), namedEngine("openai")}
	with := live.StartOver(t, service.Config{Engines: all, LLM: live.LLM(t, "http://127.0.0.1:1/v1")})
	admin := with.NewUser(t, account.Admin)
	openai, unknown := "openai", "gpt"
	if _, err := with.Service.EditSettings(t.Context(), admin.Who, service.EditSettingsIn{DefaultEngine: &openai}); err != nil {
		t.Fatal(err)
	}
	if _, err := with.Service.EditSettings(t.Context(), admin.Who, service.EditSettingsIn{DefaultEngine: &unknown}); threat.CodeOf(err) != threat.Invalid {
		t.Errorf("an unknown engine is taken: %v", err)
	}
	without := live.StartWith(t, with.Store, all)
	in := service.GenerateThreatModelIn{FeatureDescription: "A web shop with orders and customers in a database."}
	_, err := without.Service.GenerateThreatModel(t.Context(), admin.Who, in)
	var te *threat.Error
	if !errors.As(err, &te) || te.Code != threat.FailedPrecondition || !strings.Contains(te.Hint, "OPENAI_API_KEY") {
		t.Errorf("error %v", err)
	}
	if _, err := without.Service.EditSettings(t.Context(), admin.Who, service.EditSettingsIn{DefaultEngine: &openai}); threat.CodeOf(err) != threat.FailedPrecondition {
		t.Errorf("a default that cannot run is taken: %v", err)
	}
}

// What the language model of an engine says of a failure reaches the caller of the job, translated.
func TestFailingProviderIsReported(t *testing.T) {
	play := llmtest.OpenAI(t, llmtest.In(llmtest.RateLimited("7")))
	var svc *service.Service
	var who account.Principal
	asking := engineFunc(func(ctx context.Context, _ pipeline.Request) (pipeline.Output, error) {
		_, err := svc.LLMFor(who, "generate_threat_model").Complete(ctx, llm.Request{Prompt: "p"})
		return pipeline.Output{}, err
	})
	expert, err := live.Expert()
	if err != nil {
		t.Fatal(err)
	}
	env := live.StartOver(t, service.Config{Engines: []pipeline.Engine{expert, asking}, LLM: live.LLM(t, play.URL)})
	u := env.NewUser(t, account.Developer)
	svc, who = env.Service, u.Who
	te := u.Refused("generate_threat_model", live.Args{"feature_description": "A web shop with orders and customers in a database.", "wait_seconds": 50}, threat.RateLimited)
	if !strings.Contains(te.Hint, "7s") {
		t.Errorf("error %v", te)
	}
}

// engineFunc is an engine openai that is one function.
type engineFunc func(context.Context, pipeline.Request) (pipeline.Output, error)

func (f engineFunc) Name() string   { return "openai" }
func (f engineFunc) BatchSize() int { return 0 }
func (f engineFunc) Propose(ctx context.Context, r pipeline.Request) (pipeline.Output, error) {
	return f(ctx, r)
}
