package service

import (
	"slices"

	"github.com/redoubt-dev/redoubt/pipeline"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// The names of the engines on the wire (specification §9).
const (
	builtinEngine = "builtin"
	openaiEngine  = "openai" // any language model, whoever the provider is
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
