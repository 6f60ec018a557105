// Package credit is the arithmetic of plans: what a call of a language model costs, what a user has left, and what each change of that
// leaves in the ledger. Pure: no I/O, no clock; every time is an argument.
package credit

import (
	"time"

	"github.com/redoubt-dev/redoubt/threat"
)

// Plan is what a user has (specification §12). It goes with the user, whatever the workspace.
type Plan string

// The plans.
const (
	Free         Plan = "free"
	Pro          Plan = "pro"
	Organization Plan = "organization"
)

// Plans lists the legal plans.
func Plans() []Plan { return []Plan{Free, Pro, Organization} }

// ParsePlan reads a plan. Errors: [threat.Invalid].
func ParsePlan(name string) (Plan, error) {
	for _, p := range Plans() {
		if name == string(p) {
			return p, nil
		}
	}
	return "", threat.Errorf(threat.Invalid, "plan %q is not known", threat.Clip(name, 40)).In("plan").Hinted("valid: free, pro, organization")
}

// Allowance is how many credits a plan has a month; limited is false where it has as many as are asked for.
func (p Plan) Allowance() (credits int, limited bool) {
	switch p {
	case Organization:
		return 0, false
	case Pro:
		return 1500, true
	case Free:
	}
	return 200, true
}

// Compliance reports whether a plan includes compliance.
func (p Plan) Compliance() bool { return p == Pro || p == Organization }

// The rest of what plans say.
const (
	// TrialLength is how long the trial of pro lasts, which everybody has once.
	TrialLength = 30 * 24 * time.Hour
	// DailyRequests is how many requests to language models one user may make a day, UTC, whatever the plan.
	DailyRequests = 2000
	// TokensPerCredit is what one credit pays for, once begun.
	TokensPerCredit = 1000
	// MaxCredits bounds what one change can add, and what anybody can have.
	MaxCredits = 1_000_000_000
)

// Month returns the beginning of a time's month, UTC.
func Month(t time.Time) time.Time {
	t = t.UTC()
	return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
}

// NextMonth returns when the month after a time's begins, UTC: the allowance is renewed then.
func NextMonth(t time.Time) time.Time { return Month(t).AddDate(0, 1, 0) }

// Day returns the beginning of a time's day, UTC.
func Day(t time.Time) time.Time {
	t = t.UTC()
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}

// NextDay returns when the day after a time's begins, UTC: the daily limit is counted anew from then.
func NextDay(t time.Time) time.Time { return Day(t).AddDate(0, 0, 1) }

// Factor is what the credits of an operation are multiplied by, in thousandths: 1500 is one and a half.
type Factor int

// Plain is the factor of an operation that the table does not name.
const Plain Factor = 1000

// Factors are the factors of operations, by the names that the metering has for them.
type Factors map[string]Factor

// Cost is what an operation costs that took so many tokens: a credit for each started [TokensPerCredit], times its factor, rounded up.
// Negative tokens count as none.
func (f Factors) Cost(operation string, tokens int) int {
	factor, ok := f[operation]
	if !ok {
		factor = Plain
	}
	return up(up(max(tokens, 0), TokensPerCredit)*int(factor), int(Plain))
}

// up divides and rounds up.
func up(n, by int) int { return (n + by - 1) / by }
