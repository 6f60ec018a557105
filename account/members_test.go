package account_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/threat"
)

// A change is allowed exactly when an owner is left after it, one who is not disabled if the workspace had one.
func TestChangeKeepsAnOwner(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		users := []string{"a", "b", "c", "d"}
		var members []account.Membership
		for _, u := range users[:rapid.IntRange(1, 4).Draw(t, "members")] {
			members = append(members, account.Membership{UserID: u, Role: rapid.SampledFrom(account.Roles()).Draw(t, "role"), Disabled: rapid.Bool().Draw(t, "disabled")})
		}
		owned := false
		for _, m := range members {
			owned = owned || m.Role == account.Owner
		}
		if !owned {
			members[0].Role = account.Owner
		}
		user := rapid.SampledFrom(users).Draw(t, "user")
		to := rapid.SampledFrom([]account.Role{account.Owner, account.Member, ""}).Draw(t, "to")
		there, left, acts, acted := false, false, false, false
		for _, m := range members {
			acted = acted || m.Role == account.Owner && !m.Disabled
			role := m.Role
			if m.UserID == user {
				there, role = true, to
			}
			left = left || role == account.Owner
			acts = acts || role == account.Owner && !m.Disabled
		}
		want := threat.Code("")
		if !there {
			want = threat.NotFound
		} else if !left || acted && !acts {
			want = threat.FailedPrecondition
		}
		if err := account.Change(account.Team, members, user, to); threat.CodeOf(err) != want {
			t.Errorf("%v: %s to %q: %v, want %q", members, user, to, err, want)
		}
		if err := account.Change(account.Personal, members, user, to); there && threat.CodeOf(err) != threat.FailedPrecondition {
			t.Errorf("a personal workspace lets %s become %q: %v", user, to, err)
		}
	})
}

func TestAllows(t *testing.T) {
	for _, c := range []struct {
		required bool
		judges   []string
		judge    string
		want     bool
	}{
		{false, nil, "exec:claude", true},
		{false, nil, "openai:gpt-5", true},
		{false, []string{"openai:*"}, "openai:gpt-5", true},
		{false, []string{"openai:*"}, "exec:claude", false},
		{false, []string{"*"}, "exec:claude", true},
		{true, nil, "openai:gpt-5", true},
		{true, nil, "exec:claude", false},
		{true, []string{"*"}, "exec:claude", false},
		{true, []string{"*"}, "openai:gpt-5", true},
		{true, []string{"exec:*"}, "exec:claude", true},
		{true, []string{"exec:claude"}, "exec:claude", true},
		{true, []string{"exec:claude"}, "exec:evil", false},
		{true, []string{"e*"}, "exec:claude", false},
	} {
		if got := (account.Settings{RequireAttestation: c.required, AllowedJudges: c.judges}).Allows(c.judge); got != c.want {
			t.Errorf("required %v, %v: %s is allowed: %v", c.required, c.judges, c.judge, got)
		}
	}
}
