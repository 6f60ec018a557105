package service

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"regexp"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/billing"
	"github.com/redoubt-dev/redoubt/credit"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// Plans is what the operator says of plans and credits.
type Plans struct {
	PlansTable
	// Stripe sells packs; nil where none are sold.
	Stripe *billing.Stripe
}

// PlansTable is what a file of plans says.
type PlansTable struct {
	Factors       credit.Factors
	AnswerTokens  int    // the most tokens of one answer, reserved for each; 0 means 16,384
	DailyRequests int    // for each user; 0 means 2,000
	Packs         []Pack // in the order to show them
	ReturnURL     string // where a buyer's browser goes; empty means a page of the server's
}

// Pack is a number of credits with a price.
type Pack struct {
	ID       string `yaml:"id" json:"id"`
	Credits  int    `yaml:"credits" json:"credits"`
	Price    string `yaml:"price" json:"-"` // Stripe's id of it
	Amount   int64  `yaml:"amount" json:"amount" jsonschema:"in the smallest unit of the currency: 900 is 9.00 EUR"`
	Currency string `yaml:"currency" json:"currency"`
}

// defaultAnswerTokens is what an answer of a language model may have: reserved before, and seldom used up.
const defaultAnswerTokens = 16_384

// plans is what a service with plans knows of them.
type plans struct {
	Plans
	settled bell // a hold ended in this process
}

func newPlans(p *Plans) *plans {
	if p == nil {
		return nil
	}
	out := &plans{Plans: *p}
	if out.AnswerTokens == 0 {
		out.AnswerTokens = defaultAnswerTokens
	}
	if out.DailyRequests == 0 {
		out.DailyRequests = credit.DailyRequests
	}
	return out
}

// PlansOn reports whether plans are on.
func (s *Service) PlansOn() bool { return s.plans != nil }

// The forms that Stripe's ids of prices, and currencies, have.
var (
	packIDForm   = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,39}$`)
	priceForm    = regexp.MustCompile(`^price_[A-Za-z0-9_]{1,100}$`)
	currencyForm = regexp.MustCompile(`^[a-z]{3}$`)
	urlForm      = regexp.MustCompile(`^https?://[^\s]{1,500}$`)
)

// ParsePlansTable reads a file of plans, YAML or JSON; docs/plans.md has an example. Errors: [threat.Invalid].
func ParsePlansTable(raw []byte) (PlansTable, error) {
	var file struct {
		Factors       map[string]float64 `yaml:"factors"`
		AnswerTokens  int                `yaml:"answer_tokens"`
		DailyRequests int                `yaml:"daily_requests"`
		Packs         []Pack             `yaml:"packs"`
		ReturnURL     string             `yaml:"return_url"`
	}
	refuse := func(field, format string, args ...any) error {
		return threat.Errorf(threat.Invalid, format, args...).In(field).Hinted("docs/plans.md has an example")
	}
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	dec.KnownFields(true)
	if err := dec.Decode(&file); err != nil && !errors.Is(err, io.EOF) {
		return PlansTable{}, refuse("", "the table of plans cannot be read: %s", threat.Clip(err.Error(), 200))
	}
	out := PlansTable{AnswerTokens: file.AnswerTokens, DailyRequests: file.DailyRequests, Packs: file.Packs, ReturnURL: file.ReturnURL, Factors: credit.Factors{}}
	for name, f := range file.Factors {
		if math.IsNaN(f) || f < 0 || f > 1000 {
			return PlansTable{}, refuse("factors", "the factor of %q is not from 0 to 1,000", threat.Clip(name, 40))
		}
		out.Factors[name] = credit.Factor(math.Round(f * float64(credit.Plain)))
	}
	if n := file.AnswerTokens; n != 0 && (n < 256 || n > 1_000_000) {
		return PlansTable{}, refuse("answer_tokens", "%d is not from 256 to 1,000,000", n)
	}
	if n := file.DailyRequests; n < 0 || n > 1_000_000_000 {
		return PlansTable{}, refuse("daily_requests", "%d is not from 1 to 1,000,000,000", n)
	}
	if file.ReturnURL != "" && !urlForm.MatchString(file.ReturnURL) {
		return PlansTable{}, refuse("return_url", "it is not a URL")
	}
	for i, p := range file.Packs {
		switch {
		case !packIDForm.MatchString(p.ID):
			return PlansTable{}, refuse("packs", "%q is no id of a pack: lower-case letters, digits, - and _", threat.Clip(p.ID, 40))
		case slices.ContainsFunc(file.Packs[:i], func(o Pack) bool { return o.ID == p.ID }):
			return PlansTable{}, refuse("packs", "there are two packs %q", p.ID)
		case p.Credits < 1 || p.Credits > 10_000_000:
			return PlansTable{}, refuse("packs", "pack %q has %d credits, not 1 to 10,000,000", p.ID, p.Credits)
		case !priceForm.MatchString(p.Price):
			return PlansTable{}, refuse("packs", "pack %q has no price of Stripe's (price_…)", p.ID)
		case p.Amount < 1 || p.Amount > 99_999_999:
			return PlansTable{}, refuse("packs", "pack %q costs %d, not 1 to 99,999,999", p.ID, p.Amount)
		case !currencyForm.MatchString(p.Currency):
			return PlansTable{}, refuse("packs", "pack %q has currency %q, not one such as eur", p.ID, threat.Clip(p.Currency, 10))
		}
	}
	return out, nil
}

// plansOff is the refusal of what only a server with plans has.
func plansOff() *threat.Error {
	return threat.Errorf(threat.FailedPrecondition, "plans are off: everything is unlimited").Hinted("the operator switches them on with REDOUBT_PLANS=on")
}

// ReferralRow is a code that the user can give away.
type ReferralRow struct {
	Code      string    `json:"code"`
	ExpiresAt time.Time `json:"expires_at"`
}

// PlanOut is what a user has.
type PlanOut struct {
	UserID        string        `json:"user_id"`
	Plan          string        `json:"plan" jsonschema:"that counts now: free, pro or organization"`
	Trial         bool          `json:"trial,omitempty" jsonschema:"it is the trial of pro"`
	TrialEndsAt   *time.Time    `json:"trial_ends_at,omitempty" jsonschema:"when the trial ends or ended; none was started without it"`
	Credits       *CreditsOut   `json:"credits"`
	RequestsToday int           `json:"requests_today" jsonschema:"to language models, UTC"`
	RequestsADay  int           `json:"requests_a_day" jsonschema:"the most"`
	Codes         []ReferralRow `json:"referral_codes"`
	ForSale       []Pack        `json:"packs_for_sale"`
	Hint          string        `json:"hint,omitempty"`
}

// planOut is what a user has now, and the codes that they hold.
func (s *Service) planOut(v *store.Snapshot, user string) (PlanOut, error) {
	a, err := v.CreditAccount(user)
	if err != nil {
		return PlanOut{}, err
	}
	codes, err := v.ReferralCodes(user)
	if err != nil {
		return PlanOut{}, err
	}
	now := v.Now()
	out := PlanOut{
		UserID: user, Plan: string(a.On(now)), Trial: a.Plan == credit.Free && a.Trial(now), Credits: creditsOut(a, now),
		RequestsADay: s.plans.DailyRequests, Codes: []ReferralRow{}, ForSale: []Pack{},
	}
	if credit.Day(now).Equal(a.Day) {
		out.RequestsToday = a.Requests
	}
	if !a.TrialEnds.IsZero() {
		out.TrialEndsAt = &a.TrialEnds
	} else if a.Plan == credit.Free {
		out.Hint = "POST /api/v1/me/trial starts 30 days of pro"
	}
	for _, c := range codes {
		out.Codes = append(out.Codes, ReferralRow{c.Code, c.ExpiresAt})
	}
	if s.plans.Stripe != nil {
		out.ForSale = append(out.ForSale, s.plans.Packs...)
	}
	return out, nil
}

// GetPlanIn has no arguments.
type GetPlanIn struct{}

// GetPlan says what the key's user has. Errors: [threat.FailedPrecondition] where plans are off.
func (s *Service) GetPlan(ctx context.Context, who account.Principal, _ GetPlanIn) (PlanOut, error) {
	return read(ctx, s, who, account.Read, func(v *store.Snapshot) (PlanOut, error) {
		if s.plans == nil {
			return PlanOut{}, plansOff()
		}
		return s.planOut(v, who.UserID)
	})
}

// StartTrialIn has no arguments.
type StartTrialIn struct{}

// StartTrial starts the 30 days of pro that everybody has once, for the key's user. Errors: [threat.FailedPrecondition].
func (s *Service) StartTrial(ctx context.Context, who account.Principal, in StartTrialIn) (PlanOut, error) {
	return write(ctx, s, who, verb{name: "start_trial", needs: account.OwnKeys}, in, func(tx *store.Tx, r *record) (PlanOut, error) {
		if s.plans == nil {
			return PlanOut{}, plansOff()
		}
		r.object = who.UserID
		_, err := changeCredits(tx, who.UserID, store.CreditNote{}, func(a *credit.Account) ([]credit.Entry, error) { return a.StartTrial(tx.Now()) })
		if err != nil {
			return PlanOut{}, err
		}
		return s.planOut(tx.View(), who.UserID)
	})
}

// GetLedgerIn pages the ledger.
type GetLedgerIn struct {
	Limit  *int `json:"limit,omitempty" jsonschema:"default 20, at most 200"`
	Offset int  `json:"offset,omitempty"`
}

// LedgerRow is one change of what a user has.
type LedgerRow struct {
	N         int         `json:"n" jsonschema:"from 1"`
	At        time.Time   `json:"at"`
	Kind      credit.Kind `json:"kind" jsonschema:"allowance, expired, spent, bought, granted, referred or refunded"`
	Allowance int         `json:"allowance,omitempty" jsonschema:"added to the allowance; negative: taken"`
	Packs     int         `json:"packs,omitempty" jsonschema:"added to the packs; negative: taken"`
	Operation string      `json:"operation,omitempty" jsonschema:"what it was spent on"`
	Tokens    int         `json:"tokens,omitempty"`
	Pack      string      `json:"pack,omitempty"`
}

// LedgerSummary is what all rows come to.
type LedgerSummary struct {
	Allowance int `json:"allowance" jsonschema:"left of it as of the last row, what is held included"`
	Packs     int `json:"packs"`
}

// GetLedgerOut is a page of a user's ledger, the newest row first.
type GetLedgerOut struct {
	Total    int           `json:"total"`
	Returned int           `json:"returned"`
	Offset   int           `json:"offset"`
	Summary  LedgerSummary `json:"summary"`
	Ledger   []LedgerRow   `json:"ledger"`
}

// GetLedger lists what was added to the credits of the key's user, and what was spent. Errors: [threat.Invalid],
// [threat.FailedPrecondition] where plans are off.
func (s *Service) GetLedger(ctx context.Context, who account.Principal, in GetLedgerIn) (GetLedgerOut, error) {
	limit, offset, err := page(in.Limit, in.Offset, DefaultLimit)
	if err != nil {
		return GetLedgerOut{}, err
	}
	return read(ctx, s, who, account.Read, func(v *store.Snapshot) (GetLedgerOut, error) {
		if s.plans == nil {
			return GetLedgerOut{}, plansOff()
		}
		rows, total, err := v.CreditLedger(who.UserID, limit, offset)
		if err != nil {
			return GetLedgerOut{}, err
		}
		a, err := v.CreditAccount(who.UserID)
		if err != nil {
			return GetLedgerOut{}, err
		}
		_, held := a.Held()
		out := GetLedgerOut{Total: total, Returned: len(rows), Offset: offset, Summary: LedgerSummary{a.Entered, a.Packs + held}, Ledger: []LedgerRow{}}
		for _, r := range rows {
			out.Ledger = append(out.Ledger, LedgerRow{r.N, r.At, r.Kind, r.Allowance, r.Packs, r.Operation, r.Tokens, r.Reference})
		}
		return out, nil
	})
}

// setPlan puts a user on a plan. Errors: [threat.Invalid].
func setPlan(tx *store.Tx, user, plan string) error {
	p, err := credit.ParsePlan(plan)
	if err != nil {
		return err
	}
	_, err = changeCredits(tx, user, store.CreditNote{}, func(a *credit.Account) ([]credit.Entry, error) { return a.SetPlan(tx.Now(), p), nil })
	return err
}

// grant gives a user credits that do not expire. Errors: [threat.Invalid].
func grant(tx *store.Tx, user string, credits int) error {
	_, err := changeCredits(tx, user, store.CreditNote{}, func(a *credit.Account) ([]credit.Entry, error) {
		return a.Add(tx.Now(), credit.Granted, credits)
	})
	return err
}

// UserPlanOut is a user with what they have.
type UserPlanOut struct {
	User account.User `json:"user"`
	PlanOut
}

// ChangePlanFor sets the plan of the user of an address, or grants them credits, on the operator's authority; an empty plan and no credits
// change nothing. Errors: [threat.NotFound], [threat.Invalid], [threat.FailedPrecondition] where plans are off.
func (s *Service) ChangePlanFor(ctx context.Context, email, plan string, credits int) (out UserPlanOut, err error) {
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		if s.plans == nil {
			return plansOff()
		}
		u, err := namedUser(tx, email)
		if err != nil {
			return err
		}
		as := account.Principal{UserID: u.ID, WorkspaceID: u.PersonalWorkspace}
		if plan != "" {
			if err := setPlan(tx, u.ID, plan); err != nil {
				return err
			}
			if err := addActivity(tx, as, "set_plan", record{object: u.ID, detail: map[string]any{"by": "operator", "plan": plan}}); err != nil {
				return err
			}
		}
		if credits != 0 {
			if err := grant(tx, u.ID, credits); err != nil {
				return err
			}
			if err := addActivity(tx, as, "grant_credits", record{object: u.ID, detail: map[string]any{"by": "operator", "credits": credits}}); err != nil {
				return err
			}
		}
		out.User = u
		out.PlanOut, err = s.planOut(tx.View(), u.ID)
		return err
	})
	return out, s.logged("set_plan", err)
}
