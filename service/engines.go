package service

import (
	"context"
	"slices"

	"github.com/redoubt-dev/redoubt/pipeline"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// The names of the engines on the wire (specification §9).
const (
	builtinEngine = "builtin"
	openaiEngine  = "openai" // any language model, whoever the provider is
	agentEngine   = "agent"  // the agent that calls
)

// engineOf returns the engine that a call names, else the workspace's default, else openai where a language model is configured, else
// builtin. An engine that was chosen and cannot run is an error, never another engine. Errors: [threat.Invalid],
// [threat.FailedPrecondition].
func (s *Service) engineOf(v *store.Snapshot, workspace, name string) (pipeline.Engine, error) {
	if name != "" {
		return s.engine(name)
	}
	settings, err := v.Settings(workspace)
	if err != nil {
		return nil, err
	}
	return s.engine(settings.DefaultEngine)
}

// engine returns an engine by name, the server's own choice for an empty name. Errors: [threat.Invalid],
// [threat.FailedPrecondition] for openai where no language model is configured.
func (s *Service) engine(name string) (pipeline.Engine, error) {
	chosen := name
	if chosen == "" {
		chosen = builtinEngine
		if s.llm.client != nil && s.named(openaiEngine) != nil {
			chosen = openaiEngine
		}
	}
	if chosen == openaiEngine && s.llm.client == nil {
		e := noLLM("engine openai")
		return nil, e.In("engine")
	}
	if e := s.named(chosen); e != nil {
		return e, nil
	}
	if name == "" {
		return s.engines[0], nil
	}
	return nil, threat.Errorf(threat.Invalid, "engine %q is not known here", threat.Clip(name, 40)).In("engine").
		Hinted("available: %s", joinWords(s.EngineNames()))
}

// EngineNames lists the engines that can run here, in the order of their registration.
func (s *Service) EngineNames() []string {
	var names []string
	for _, e := range s.engines {
		if e.Name() != openaiEngine || s.llm.client != nil {
			names = append(names, e.Name())
		}
	}
	return names
}

func (s *Service) named(name string) pipeline.Engine {
	i := slices.IndexFunc(s.engines, func(e pipeline.Engine) bool { return e.Name() == name })
	if i < 0 {
		return nil
	}
	return s.engines[i]
}

// thinker stands for an engine that asks somebody on behalf of a job: [task.engine] gives the job its own.
type thinker struct{ name string }

// Name is the engine's name on the wire.
func (t thinker) Name() string { return t.name }

// BatchSize is not asked of an engine without a job.
func (thinker) BatchSize() int { return 0 }

// Propose fails: only a job can ask.
func (t thinker) Propose(context.Context, pipeline.Request) (pipeline.Output, error) {
	return pipeline.Output{}, internal("engine %s outside a job", t.name)
}

// withThinkers adds the engines that every service has: a language model, which can run where one is configured, and the calling agent.
func withThinkers(engines []pipeline.Engine) []pipeline.Engine {
	out := slices.Clone(engines)
	for _, name := range []string{openaiEngine, agentEngine} {
		if !slices.ContainsFunc(out, func(e pipeline.Engine) bool { return e.Name() == name }) {
			out = append(out, thinker{name})
		}
	}
	return out
}

// engine returns an engine by name as this job uses it. Errors: as [Service.engine].
func (t *task) engine(name string) (pipeline.Engine, error) {
	e, err := t.s.engine(name)
	if err != nil {
		return nil, err
	}
	th, ok := e.(thinker)
	if !ok {
		return e, nil
	}
	bounds := pipeline.ModelBounds
	if th.name == agentEngine {
		bounds = pipeline.AgentBounds
	}
	return pipeline.NewPrompted(th.name, bounds, t.asker(th.name)), nil
}
