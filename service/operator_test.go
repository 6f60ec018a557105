package service_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// An operator's command acts as an owner of the workspace, with the rights of an admin key there and none over the instance.
func TestOperatorPrincipal(t *testing.T) {
	b := newBench(t)
	if _, err := b.OperatorPrincipal(ctx, service.OperatorFor{}); threat.CodeOf(err) != threat.FailedPrecondition {
		t.Errorf("without an administrator: %v", err)
	}
	first, _, err := b.EnsureAdmin(ctx, func(service.FirstStart) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	ada := must(b.CreateUser(ctx, service.CreateUserIn{Email: "ada@example.org"}))(t)
	verifier := must(b.CreateKeyFor(ctx, service.OperatorKeyIn{Email: "ada@example.org", CreateKeyIn: service.CreateKeyIn{Name: "ci", Scope: account.Verifier}}))(t)
	team := testenv.NewID(t)
	testenv.Write(t, b.st, func(tx *store.Tx) error {
		if err := tx.AddWorkspace(account.Workspace{ID: team, Name: "team", Kind: account.Team, CreatedAt: tx.Now()}); err != nil {
			return err
		}
		if err := tx.AddMember(team, first.User.ID, account.Owner); err != nil {
			return err
		}
		return tx.AddMember(team, ada.User.ID, account.Member)
	})
	for about, c := range map[string]struct {
		in   service.OperatorFor
		want account.Principal
		code threat.Code
	}{
		"the first administrator": {service.OperatorFor{}, account.Principal{UserID: first.User.ID, UserName: "admin", WorkspaceID: first.Workspace.ID, Scope: account.Admin}, ""},
		"in a team's workspace":   {service.OperatorFor{WorkspaceID: team}, account.Principal{UserID: first.User.ID, UserName: "admin", WorkspaceID: team, Scope: account.Admin}, ""},
		"by address":              {service.OperatorFor{Email: "ada@example.org"}, account.Principal{UserID: ada.User.ID, UserName: "ada", WorkspaceID: ada.Workspace.ID, Scope: account.Admin}, ""},
		"by a key": {
			service.OperatorFor{APIKey: verifier.APIKey},
			account.Principal{UserID: ada.User.ID, UserName: "ada", WorkspaceID: ada.Workspace.ID, KeyID: verifier.Key.ID, Scope: account.Admin},
			"",
		},
		"no such user":         {service.OperatorFor{Email: "eve@example.org"}, account.Principal{}, threat.NotFound},
		"no such workspace":    {service.OperatorFor{WorkspaceID: testenv.NewID(t)}, account.Principal{}, threat.NotFound},
		"a member of a team":   {service.OperatorFor{Email: "ada@example.org", WorkspaceID: team}, account.Principal{}, threat.Forbidden},
		"another's workspace":  {service.OperatorFor{Email: "ada@example.org", WorkspaceID: first.Workspace.ID}, account.Principal{}, threat.NotFound},
		"a key that is no key": {service.OperatorFor{APIKey: verifier.APIKey + "x"}, account.Principal{}, threat.Unauthenticated},
	} {
		got, err := b.OperatorPrincipal(ctx, c.in)
		if threat.CodeOf(err) != c.code {
			t.Errorf("%s: %v, want %q", about, err, c.code)
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s:\n%s", about, d)
		}
	}
}
