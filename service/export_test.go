package service

import (
	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/llm"
)

// LLMError is how errors of a language model are translated.
var LLMError = llmError

// LLMFor is the language model for one operation of a caller.
func (s *Service) LLMFor(who account.Principal, operation string) llm.Client {
	return s.llmFor(who, operation)
}

// ChosenEngine is the name of the engine that a call with a name gets in a workspace with a default.
func (s *Service) ChosenEngine(name, byDefault string) (string, error) {
	if name == "" {
		name = byDefault
	}
	e, err := s.engine(name)
	if err != nil {
		return "", err
	}
	return e.Name(), nil
}
