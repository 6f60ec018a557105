package service

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/credit"
	"github.com/redoubt-dev/redoubt/llm"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// holdLife is how long a hold lasts that goes with no job: longer than a call outside a job may take.
const holdLife = (MaxWait + 10) * time.Second

// bell wakes those who wait for something to change in this process.
type bell struct {
	mu      sync.Mutex
	changed chan struct{}
}

// next returns a channel that is closed at the next ring.
func (b *bell) next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.changed == nil {
		b.changed = make(chan struct{})
	}
	return b.changed
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.changed != nil {
		close(b.changed)
		b.changed = nil
	}
}

// reserve takes aside what a request may cost its user, and bounds its answer so that it costs no more. It waits while calls of the same user
// under way hold what it needs. It returns the hold, to be settled; empty where plans are off. Errors: [threat.PaymentRequired],
// [threat.RateLimited]; an *llm.Error when ctx ends.
func (m *languageModel) reserve(ctx context.Context, req *llm.Request) (string, error) {
	p := m.s.plans
	if p == nil {
		return "", nil
	}
	if req.MaxTokens == 0 || req.MaxTokens > p.AnswerTokens {
		req.MaxTokens = p.AnswerTokens
	}
	hold, need := newID(), p.Factors.Cost(m.operation, promptTokens(req)+req.MaxTokens)
	for {
		rung := p.settled.next()
		err := m.s.store.Write(ctx, func(tx *store.Tx) error {
			a, err := tx.LockCreditAccount(m.who.UserID)
			if err != nil {
				return err
			}
			if !a.Request(tx.Now(), p.DailyRequests) {
				return tooManyRequests(tx.Now(), p.DailyRequests)
			}
			until := tx.Now().Add(jobLease)
			if m.job == "" {
				until = tx.Now().Add(holdLife)
			}
			entries, err := a.Reserve(tx.Now(), hold, need, until)
			if err != nil {
				return err
			}
			return tx.SaveCreditAccount(m.who.UserID, a, entries, store.CreditNote{JobID: m.job, Attempt: m.attempt})
		})
		var short *credit.Short
		switch {
		case err == nil:
			return hold, nil
		case !errors.As(err, &short):
			return "", m.s.logged(m.operation, err)
		case short.Needed > short.Left+short.Held:
			return "", paymentRequired(m.operation, short)
		}
		timer := time.NewTimer(waitPoll) // another process may settle it, or its hold end
		select {
		case <-ctx.Done():
			timer.Stop()
			return "", llmError(llm.Ended(m.Name(), ctx.Err()))
		case <-rung:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// promptTokens is the most tokens that a request's words can be: a token is at least a byte. Where a provider takes no schema it is put into
// words, so that it counts twice.
func promptTokens(req *llm.Request) int {
	const each = 100 // of what stands around a message
	n := len(req.System) + len(req.Prompt) + 2*len(req.Schema) + 3*each
	for _, msg := range req.Messages {
		n += len(msg.Text) + each
	}
	return n
}

// settle ends a hold within the transaction that records its call: what the call did cost is spent.
func (m *languageModel) settle(tx *store.Tx, hold string, tokens int) error {
	if hold == "" {
		return nil
	}
	a, err := tx.LockCreditAccount(m.who.UserID)
	if err != nil {
		return err
	}
	cost := m.s.plans.Factors.Cost(m.operation, tokens)
	charged, entries := a.Settle(tx.Now(), hold, cost)
	if charged < cost {
		m.s.log.Warn().Str("operation", m.operation).Str("user", m.who.UserID).Int("credits", cost).Int("charged", charged).
			Msg("a call of the language model cost more than was left")
	}
	return tx.SaveCreditAccount(m.who.UserID, a, entries, store.CreditNote{Operation: m.operation, Tokens: tokens})
}

// paymentRequired says what a user can do who has not enough credits.
func paymentRequired(operation string, short *credit.Short) *threat.Error {
	return threat.Errorf(threat.PaymentRequired, "%s may cost up to %d credits, and %d are left", operation, short.Needed, short.Left).
		Hinted("the allowance is renewed on %s; buy a pack (POST /api/v1/billing/checkout) or a greater plan; engines builtin and agent cost nothing",
			short.Resets.Format(time.DateOnly))
}

// tooManyRequests is the refusal of what is over the limit of the day.
func tooManyRequests(now time.Time, limit int) *threat.Error {
	next := credit.NextDay(now)
	e := threat.Errorf(threat.RateLimited, "you made the %d requests to language models that one user may make a day", limit).
		Hinted("go on at %s; engines builtin and agent are not counted", next.Format(time.RFC3339))
	e.RetryAfter = next.Sub(now)
	return e
}

// changeCredits changes a user's account within a transaction.
func changeCredits(tx *store.Tx, user string, note store.CreditNote, fn func(*credit.Account) ([]credit.Entry, error)) (credit.Account, error) {
	a, err := tx.LockCreditAccount(user)
	if err != nil {
		return a, err
	}
	entries, err := fn(&a)
	if err != nil {
		return a, err
	}
	return a, tx.SaveCreditAccount(user, a, entries, note)
}

// CreditsOut is what a user has left.
type CreditsOut struct {
	Allowance int       `json:"allowance" jsonschema:"credits a month that the plan has; 0 on an unlimited plan"`
	Unlimited bool      `json:"unlimited,omitempty"`
	Used      int       `json:"used" jsonschema:"of this month's allowance"`
	Packs     int       `json:"packs" jsonschema:"credits left beside the allowance, which do not expire"`
	Reserved  int       `json:"reserved" jsonschema:"what calls under way may cost, at most"`
	ResetsAt  time.Time `json:"resets_at" jsonschema:"when the allowance is renewed"`
}

// creditsOut is what an account has left at a time.
func creditsOut(a credit.Account, now time.Time) *CreditsOut {
	a.Turn(now)
	allowance, limited := a.On(now).Allowance()
	heldAllowance, heldPacks := a.Held()
	return &CreditsOut{
		Allowance: allowance, Unlimited: !limited, Used: a.Used, Packs: a.Packs, Reserved: heldAllowance + heldPacks, ResetsAt: credit.NextMonth(now),
	}
}

// planNow is the plan that counts for a user now; "unlimited" where plans are off.
func (s *Service) planNow(v *store.Snapshot, user string) (string, error) {
	if s.plans == nil {
		return unlimited, nil
	}
	a, err := v.CreditAccount(user)
	return string(a.On(v.Now())), err
}

// needCompliance refuses a caller whose plan has no compliance, and records the refusal of a write. Errors: [threat.PaymentRequired].
func (s *Service) needCompliance(ctx context.Context, who account.Principal, v verb) error {
	if s.plans == nil || !who.May(v.needs) { // who may not at all is told so
		return nil
	}
	var has, trial bool
	err := s.store.Read(ctx, func(view *store.Snapshot) error {
		a, err := view.CreditAccount(who.UserID)
		has, trial = a.On(view.Now()).Compliance(), a.TrialEnds.IsZero()
		return err
	})
	if err != nil || has {
		return s.logged(v.name, err)
	}
	e := threat.Errorf(threat.PaymentRequired, "compliance needs plan pro, its trial, or organization")
	if trial {
		e = e.Hinted("start the trial of 30 days with POST /api/v1/me/trial, or ask the administrator for plan pro; list_frameworks stays open")
	} else {
		e = e.Hinted("the trial is over: ask the administrator for plan pro; list_frameworks stays open")
	}
	if v.needs == account.Write || v.needs == account.Decide {
		s.refused(ctx, who, verb{name: v.name, needs: v.needs}, nil, e) // whether the model is theirs was not looked at
	}
	return e
}
