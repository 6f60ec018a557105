package service

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/store"
)

// GetUsageSummaryIn says for how long back.
type GetUsageSummaryIn struct {
	Days *int `json:"days,omitempty" jsonschema:"1 to 90, today included; default 30"`
}

// UserUsage is what one user used of language models, in all workspaces.
type UserUsage struct {
	UserID string `json:"user_id"`
	Email  string `json:"email"`
	Name   string `json:"name"`
	Plan   string `json:"plan"`
	UsageRow
}

// GetUsageSummaryOut is what the whole instance used of language models.
type GetUsageSummaryOut struct {
	Days        int         `json:"days"`
	Since       time.Time   `json:"since"`
	Total       UsageRow    `json:"total"`
	Users       int         `json:"users"`
	ActiveUsers int         `json:"active_users" jsonschema:"users who used a key since then, for whatever"`
	TopUsers    []UserUsage `json:"top_users" jsonschema:"the one with the most tokens first, at most 20"`
	ByDay       []DayUsage  `json:"by_day" jsonschema:"days with calls, the first first"`
	Hint        string      `json:"hint,omitempty"`
}

// topUsers is how many users the summary names.
const topUsers = 20

// unlimited is the plan of everybody where plans are off.
const unlimited = "unlimited"

// GetUsageSummary sums up what all workspaces used of language models. Errors: [threat.Forbidden], [threat.Invalid].
func (s *Service) GetUsageSummary(ctx context.Context, who account.Principal, in GetUsageSummaryIn) (GetUsageSummaryOut, error) {
	days, err := usageDays(in.Days)
	if err != nil {
		return GetUsageSummaryOut{}, err
	}
	return read(ctx, s, who, account.Instance, func(v *store.Snapshot) (GetUsageSummaryOut, error) {
		out := GetUsageSummaryOut{Days: days, Since: v.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, 1-days), TopUsers: []UserUsage{}, ByDay: []DayUsage{}}
		rows, err := v.LLMUsageOfAll(out.Since)
		if err != nil {
			return out, err
		}
		all, err := v.Users()
		if err != nil {
			return out, err
		}
		if out.ActiveUsers, err = v.ActiveUsers(out.Since); err != nil {
			return out, err
		}
		out.Users = len(all)
		named := make(map[string]account.User, len(all))
		for _, u := range all {
			named[u.ID] = u
		}
		users, byDay := map[string]UsageRow{}, map[string]UsageRow{}
		for _, u := range rows {
			out.Total.add(u, s.llm.prices)
			for _, in := range []struct {
				table map[string]UsageRow
				key   string
			}{{users, u.UserID}, {byDay, u.Day.Format(time.DateOnly)}} {
				row := in.table[in.key]
				row.add(u, s.llm.prices)
				in.table[in.key] = row
			}
		}
		out.Total = out.Total.shown()
		for _, id := range byTokens(users) {
			if len(out.TopUsers) == topUsers {
				break
			}
			plan, err := s.planNow(v, id)
			if err != nil {
				return out, err
			}
			out.TopUsers = append(out.TopUsers, UserUsage{id, named[id].Email, named[id].Name, plan, users[id].shown()})
		}
		for _, key := range slices.Sorted(maps.Keys(byDay)) {
			out.ByDay = append(out.ByDay, DayUsage{key, byDay[key].shown()})
		}
		if out.Total.UnpricedTokens > 0 {
			out.Hint = "some tokens have no price: give prices with --llm-prices (REDOUBT_LLM_PRICES)"
		}
		return out, nil
	})
}
