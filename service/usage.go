package service

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// LLMPrice is what a model's tokens cost, in USD per million.
type LLMPrice struct {
	Prompt     float64 `yaml:"prompt"`
	Completion float64 `yaml:"completion"`
}

// LLMPrices are prices by "provider:model". None are built in: they change, and a wrong one is worse than none.
type LLMPrices map[string]LLMPrice

// ParseLLMPrices reads a table of prices, YAML or JSON: {"openai:gpt-5": {"prompt": 1.25, "completion": 10}}. Both prices of a model must
// be given; 0 is a price. Errors: [threat.Invalid].
func ParseLLMPrices(raw []byte) (LLMPrices, error) {
	const form = `such as {"openai:gpt-5": {"prompt": 1.25, "completion": 10}}: USD per million tokens`
	var table map[string]struct {
		Prompt     *float64 `yaml:"prompt"`
		Completion *float64 `yaml:"completion"`
	}
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	dec.KnownFields(true)
	if err := dec.Decode(&table); err != nil && !errors.Is(err, io.EOF) {
		return nil, threat.Errorf(threat.Invalid, "the table of prices cannot be read: %s", threat.Clip(err.Error(), 200)).Hinted("%s", form)
	}
	prices := LLMPrices{}
	for name, p := range table {
		provider, model, ok := strings.Cut(name, ":")
		if !ok || provider == "" || model == "" {
			return nil, threat.Errorf(threat.Invalid, "%q is not provider:model", threat.Clip(name, 80)).Hinted("%s", form)
		}
		for _, price := range []*float64{p.Prompt, p.Completion} {
			if price == nil || math.IsNaN(*price) || *price < 0 || *price > 1e6 {
				return nil, threat.Errorf(threat.Invalid, "the prices of %q are not two numbers from 0 to 1,000,000", threat.Clip(name, 80)).Hinted("%s", form)
			}
		}
		prices[name] = LLMPrice{*p.Prompt, *p.Completion}
	}
	return prices, nil
}

// of finds the price of the model that answered, else of the one that was asked: providers answer with dated names.
func (p LLMPrices) of(asked, model string) (LLMPrice, bool) {
	provider, _, _ := strings.Cut(asked, ":")
	if price, ok := p[provider+":"+model]; ok {
		return price, true
	}
	price, ok := p[asked]
	return price, ok
}

// UsageRow is what calls of language models were made and what they cost.
type UsageRow struct {
	Requests         int      `json:"requests" jsonschema:"all calls, those that the cache answered included"`
	Cached           int      `json:"cached" jsonschema:"answered by the cache, at no cost"`
	Failed           int      `json:"failed"`
	PromptTokens     int      `json:"prompt_tokens"`
	CompletionTokens int      `json:"completion_tokens"`
	SavedTokens      int      `json:"saved_tokens" jsonschema:"what the cached answers did not cost"`
	EstimatedCostUSD *float64 `json:"estimated_cost_usd,omitempty" jsonschema:"of the tokens whose price is known; left out when none is"`
	UnpricedTokens   int      `json:"unpriced_tokens,omitempty" jsonschema:"tokens of models without a price: their cost is not known"`
}

// add takes the calls of a row of the store in.
func (r *UsageRow) add(u store.LLMUsage, prices LLMPrices) {
	r.Requests += u.Calls
	r.Cached += u.Cached
	r.Failed += u.Failed
	r.PromptTokens += u.PromptTokens
	r.CompletionTokens += u.CompletionTokens
	r.SavedTokens += u.SavedTokens
	spent := u.PromptTokens + u.CompletionTokens
	price, ok := prices.of(u.Asked, u.Model)
	switch {
	case spent == 0:
	case !ok:
		r.UnpricedTokens += spent
	default:
		cost := (float64(u.PromptTokens)*price.Prompt + float64(u.CompletionTokens)*price.Completion) / 1e6
		if r.EstimatedCostUSD != nil {
			cost += *r.EstimatedCostUSD
		}
		r.EstimatedCostUSD = &cost
	}
}

// shown rounds the cost to a millionth of a dollar.
func (r UsageRow) shown() UsageRow {
	if r.EstimatedCostUSD != nil {
		cost := math.Round(*r.EstimatedCostUSD*1e6) / 1e6
		r.EstimatedCostUSD = &cost
	}
	return r
}

// OperationUsage is the usage of one operation.
type OperationUsage struct {
	Operation string `json:"operation"`
	UsageRow
}

// DayUsage is the usage of one day.
type DayUsage struct {
	Day string `json:"day" jsonschema:"UTC, such as 2026-03-02"`
	UsageRow
}

// ModelUsage is the usage of one model.
type ModelUsage struct {
	Model string `json:"model" jsonschema:"provider:model, as asked"`
	UsageRow
}

// GetUsageIn says for how long back.
type GetUsageIn struct {
	Days *int `json:"days,omitempty" jsonschema:"1 to 90, today included; default 30"`
}

// GetUsageOut is what a workspace used of language models.
type GetUsageOut struct {
	Days       int              `json:"days"`
	Since      time.Time        `json:"since"`
	Total      UsageRow         `json:"total"`
	Operations []OperationUsage `json:"operations" jsonschema:"the one with the most tokens first"`
	ByDay      []DayUsage       `json:"by_day" jsonschema:"days with calls, the first first"`
	Models     []ModelUsage     `json:"models" jsonschema:"the one with the most tokens first"`
	Plan       string           `json:"plan,omitempty" jsonschema:"the key's user's: free, pro or organization; where plans are on"`
	Credits    *CreditsOut      `json:"credits,omitempty" jsonschema:"what the key's user has left"`
	Hint       string           `json:"hint,omitempty"`
}

// MaxUsageDays is how far back usage can be asked for (specification §14).
const MaxUsageDays = 90

// usageDays checks and completes a days argument. Errors: [threat.Invalid].
func usageDays(days *int) (int, error) {
	switch {
	case days == nil:
		return 30, nil
	case *days < 1 || *days > MaxUsageDays:
		return 0, threat.Errorf(threat.Invalid, "days is %d", *days).In("days").Hinted("1 to %d", MaxUsageDays)
	}
	return *days, nil
}

// GetUsage sums up what the key's workspace used of language models. The engines builtin and agent use none. Errors: [threat.Invalid].
func (s *Service) GetUsage(ctx context.Context, who account.Principal, in GetUsageIn) (GetUsageOut, error) {
	days, err := usageDays(in.Days)
	if err != nil {
		return GetUsageOut{}, err
	}
	return read(ctx, s, who, account.Read, func(v *store.Snapshot) (GetUsageOut, error) {
		out := GetUsageOut{Days: days, Since: v.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, 1-days)}
		rows, err := v.LLMUsage(who.WorkspaceID, out.Since)
		if err != nil {
			return out, err
		}
		operations, byDay, models := map[string]UsageRow{}, map[string]UsageRow{}, map[string]UsageRow{}
		for _, u := range rows {
			out.Total.add(u, s.llm.prices)
			for _, in := range []struct {
				table map[string]UsageRow
				key   string
			}{{operations, u.Operation}, {byDay, u.Day.Format(time.DateOnly)}, {models, u.Asked}} {
				row := in.table[in.key]
				row.add(u, s.llm.prices)
				in.table[in.key] = row
			}
		}
		out.Total = out.Total.shown()
		out.Operations, out.ByDay, out.Models = []OperationUsage{}, []DayUsage{}, []ModelUsage{}
		for _, key := range byTokens(operations) {
			out.Operations = append(out.Operations, OperationUsage{key, operations[key].shown()})
		}
		for _, key := range slices.Sorted(maps.Keys(byDay)) {
			out.ByDay = append(out.ByDay, DayUsage{key, byDay[key].shown()})
		}
		for _, key := range byTokens(models) {
			out.Models = append(out.Models, ModelUsage{key, models[key].shown()})
		}
		if out.Total.UnpricedTokens > 0 {
			out.Hint = "some tokens have no price: the operator gives prices with --llm-prices (REDOUBT_LLM_PRICES)"
		}
		if s.plans == nil {
			return out, nil
		}
		a, err := v.CreditAccount(who.UserID)
		out.Plan, out.Credits = string(a.On(v.Now())), creditsOut(a, v.Now())
		return out, err
	})
}

// byTokens orders the keys of a table by the tokens spent, the most first.
func byTokens(table map[string]UsageRow) []string {
	return slices.SortedFunc(maps.Keys(table), func(a, b string) int {
		x, y := table[a], table[b]
		return cmp.Or(cmp.Compare(y.PromptTokens+y.CompletionTokens, x.PromptTokens+x.CompletionTokens), cmp.Compare(a, b))
	})
}
