package account

import (
	"slices"
	"strings"
	"time"

	"github.com/redoubt-dev/redoubt/threat"
)

// Settings are what a workspace decided for itself. The zero value is what a new workspace has.
type Settings struct {
	// RequireAttestation: results of runs without a proof do not count (specification §7.7).
	RequireAttestation bool `json:"require_attestation"`
	// PullRequests: tokens of pull requests and merge requests are accepted; their runs are previews all the same.
	PullRequests bool `json:"allow_pull_requests"`
	// StaleAfterDays is how old a result may be; 0 means the default of 30.
	StaleAfterDays int `json:"stale_after_days" jsonschema:"1 to 365; 0 for the default of 30"`
	// AllowedJudges are the judges whose Tier 2 verdicts are taken; none means any, but for commands where attestation is required.
	AllowedJudges []string `json:"allowed_judges" jsonschema:"names as results carry them, such as anthropic:claude-sonnet-4-5; * at the end stands for any rest; empty: any judge, but for exec:… where attestation is required"`
	// DefaultEngine generates where a call names no engine.
	DefaultEngine string `json:"default_engine" jsonschema:"empty: the server's own choice"`
}

// StaleAfter is how old a result may be.
func (s Settings) StaleAfter() time.Duration {
	days := s.StaleAfterDays
	if days == 0 {
		days = 30
	}
	return time.Duration(days) * 24 * time.Hour
}

// Allows reports whether a judge's verdicts are taken. Where attestation is required a command's (exec:…) are only when the list names it as one:
// who can change the job could make it say anything, under a proof that holds.
func (s Settings) Allows(judge string) bool {
	command := s.RequireAttestation && strings.HasPrefix(judge, commandJudge)
	if len(s.AllowedJudges) == 0 {
		return !command
	}
	return slices.ContainsFunc(s.AllowedJudges, func(pattern string) bool {
		if command && !strings.HasPrefix(pattern, commandJudge) {
			return false
		}
		if stem, ok := strings.CutSuffix(pattern, "*"); ok {
			return strings.HasPrefix(judge, stem)
		}
		return judge == pattern
	})
}

// commandJudge begins the name of a judge that is a command of the runner's.
const commandJudge = "exec:"

// Check checks the settings and returns them with their lists in order. Errors: [threat.Invalid].
func (s Settings) Check() (Settings, error) {
	if s.StaleAfterDays < 0 || s.StaleAfterDays > 365 {
		return s, threat.Errorf(threat.Invalid, "stale_after_days is %d", s.StaleAfterDays).In("stale_after_days").Hinted("1 to 365; 0 for the default of 30")
	}
	if len(s.AllowedJudges) > 50 {
		return s, threat.Errorf(threat.Invalid, "there are %d judges", len(s.AllowedJudges)).In("allowed_judges").Hinted("at most 50")
	}
	judges := []string{}
	for _, j := range s.AllowedJudges {
		name, err := threat.Line(j, 100)
		if err != nil || name == "" {
			return s, threat.Errorf(threat.Invalid, "a judge's name is empty or too long").In("allowed_judges").Hinted("such as anthropic:claude-sonnet-4-5 or exec:*")
		}
		judges = append(judges, name)
	}
	slices.Sort(judges)
	s.AllowedJudges = slices.Compact(judges)
	return s, nil
}
