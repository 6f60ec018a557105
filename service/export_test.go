package service

import (
	"context"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/llm"
)

// LLMError is how errors of a language model are translated.
var LLMError = llmError

// LLMFor is the language model for one operation of a caller.
func (s *Service) LLMFor(who account.Principal, operation string) llm.Client {
	return s.llmFor(who, operation)
}

// AwardReferrals gives out last month's codes.
func (s *Service) AwardReferrals(ctx context.Context) error { return s.awardReferrals(ctx) }
