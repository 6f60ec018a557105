package account_test

import (
	"testing"
	"time"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/threat"
)

// The table of specification §11, written out by hand so that a slip in May shows.
func TestScopes(t *testing.T) {
	const yes, no = true, false
	table := map[account.Permission][6]bool{
		// developer, developer+decide, verifier, admin, admin+instance, none
		account.List:     {yes, yes, yes, yes, yes, no},
		account.Read:     {yes, yes, no, yes, yes, no},
		account.Write:    {yes, yes, no, yes, yes, no},
		account.Pull:     {yes, yes, yes, yes, yes, no},
		account.Report:   {yes, yes, yes, yes, yes, no},
		account.Submit:   {no, no, yes, no, no, no},
		account.Decide:   {no, yes, no, yes, yes, no},
		account.OwnKeys:  {yes, yes, no, yes, yes, no},
		account.Belong:   {yes, yes, no, yes, yes, no},
		account.Manage:   {no, no, no, yes, yes, no},
		account.Instance: {no, no, no, no, yes, no},
	}
	callers := [6]account.Principal{
		{Scope: account.Developer, InstanceAdmin: true}, // the flag counts with an admin key only
		{Scope: account.Developer, DecideGranted: true},
		{Scope: account.Verifier, DecideGranted: true, InstanceAdmin: true},
		{Scope: account.Admin},
		{Scope: account.Admin, InstanceAdmin: true},
		{DecideGranted: true, InstanceAdmin: true},
	}
	if len(table) != len(account.Permissions()) {
		t.Fatalf("the table has %d of %d permissions", len(table), len(account.Permissions()))
	}
	for need, want := range table {
		for i, p := range callers {
			if got := p.May(need); got != want[i] {
				t.Errorf("caller %d (%s) may %s: %v, want %v", i, p.Scope, need, got, want[i])
			}
			code := threat.CodeOf(p.Allow(need))
			switch {
			case want[i] && code != "":
				t.Errorf("caller %d is refused %s: %s", i, need, code)
			case !want[i] && p.Scope == "" && code != threat.Unauthenticated, !want[i] && p.Scope != "" && code != threat.Forbidden:
				t.Errorf("caller %d, %s: code %q", i, need, code)
			}
		}
	}
}

func TestKeyLive(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	before, after := now.Add(-time.Second), now.Add(time.Second)
	for name, c := range map[string]struct {
		key  account.Key
		live bool
	}{
		"plain":          {account.Key{}, true},
		"expires later":  {account.Key{ExpiresAt: &after}, true},
		"expires now":    {account.Key{ExpiresAt: &now}, false},
		"expired":        {account.Key{ExpiresAt: &before}, false},
		"revoked":        {account.Key{RevokedAt: &before}, false},
		"revoked, valid": {account.Key{RevokedAt: &before, ExpiresAt: &after}, false},
	} {
		if got := c.key.Live(now); got != c.live {
			t.Errorf("%s: live %v, want %v", name, got, c.live)
		}
	}
}
