package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/service"
)

func (e *env) user() *cobra.Command {
	c := &cobra.Command{Use: "user", Short: "Manage users on the data folder"}
	c.AddCommand(e.userCreate(), e.userList(), e.userDisable(), e.userEnable(), e.userReset(), e.userDelete(), e.userPlan(), e.userCredits())
	return c
}

func (e *env) userCreate() *cobra.Command {
	var p place
	var in service.CreateUserIn
	var out output
	c := &cobra.Command{
		Use: "create --email ADDRESS [--name NAME]", Short: "Make a user with a personal workspace and a developer key", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := out.check(); err != nil {
				return err
			}
			plans, err := e.plans(e.plansTable())
			if err != nil {
				return err
			}
			return e.withService(c.Context(), &p, func(svc *service.Service) error {
				made, err := svc.CreateUser(c.Context(), in)
				if err != nil {
					return err
				}
				if out == "json" {
					return e.printJSON(made)
				}
				fmt.Fprintf(e.out, "user       %s  %s  %s\nworkspace  %s\napi_key    %s  (shown only now)\n",
					made.User.ID, made.User.Email, made.User.Name, made.Workspace.ID, made.APIKey)
				return nil
			}, plans)
		},
	}
	p.add(e, c)
	out.add(c)
	c.Flags().StringVar(&in.Email, "email", "", "e-mail address")
	c.Flags().StringVar(&in.Name, "name", "", "name; default: the address before the @")
	c.Flags().StringVar(&in.Referral, "referral", "", "code of a user, who earns credits (where REDOUBT_PLANS=on)")
	c.Flags().BoolVar(&in.InstanceAdmin, "instance-admin", false, "may administer the whole instance with an admin key")
	return c
}

func (e *env) userList() *cobra.Command {
	return e.operate("list", "List users", cobra.NoArgs, func(ctx context.Context, svc *service.Service, _ []string) (any, func(io.Writer), error) {
		users, err := svc.ListUsers(ctx)
		return map[string]any{"users": users}, func(w io.Writer) {
			for _, u := range users {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", u.ID, u.Email, u.Name, mark(u.InstanceAdmin, "instance admin"), mark(u.Disabled, "disabled"))
			}
		}, err
	})
}

func mark(on bool, word string) string {
	if on {
		return word
	}
	return ""
}

func (e *env) key() *cobra.Command {
	c := &cobra.Command{Use: "key", Short: "Manage API keys on the data folder"}
	c.AddCommand(e.keyCreate(), e.keyList(), e.keyRevoke())
	return c
}

func (e *env) keyCreate() *cobra.Command {
	var in service.OperatorKeyIn
	var scope string
	c := e.operate("create --scope developer|verifier|admin", "Make an API key for a user", cobra.NoArgs,
		func(ctx context.Context, svc *service.Service, _ []string) (any, func(io.Writer), error) {
			in.Scope = account.Scope(scope)
			in.Name = cmp.Or(in.Name, scope+" key")
			made, err := svc.CreateKeyFor(ctx, in)
			return made, func(w io.Writer) {
				fmt.Fprintf(w, "api_key    %s  (shown only now)\nkey        %s\nworkspace  %s\n", made.APIKey, made.Key.ID, made.Key.WorkspaceID)
			}, err
		})
	c.Flags().StringVar(&scope, "scope", "", "developer, verifier or admin")
	c.Flags().StringVar(&in.Email, "email", "", "whose key; default: the first administrator's")
	c.Flags().StringVar(&in.WorkspaceID, "workspace", "", "workspace id; default: the user's personal one")
	c.Flags().StringVar(&in.Name, "name", "", "what the key is for")
	c.Flags().BoolVar(&in.Decide, "decide", false, "a developer key that may make the judgments left to people")
	c.Flags().IntVar(&in.ExpiresInDays, "expires-in-days", 0, "default: never")
	return c
}

func (e *env) keyList() *cobra.Command {
	var email string
	c := e.operate("list", "List a user's API keys", cobra.NoArgs, func(ctx context.Context, svc *service.Service, _ []string) (any, func(io.Writer), error) {
		keys, err := svc.KeysOf(ctx, email)
		return map[string]any{"keys": keys}, func(w io.Writer) {
			for _, k := range keys {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\tworkspace %s\n", k.ID, k.Shown, k.Scope, mark(k.Decide, "decide"), k.Name, keyState(k, time.Now()), k.WorkspaceID)
			}
		}, err
	})
	c.Flags().StringVar(&email, "email", "", "whose keys; default: the first administrator's")
	return c
}

func keyState(k account.Key, now time.Time) string {
	switch {
	case k.RevokedAt != nil:
		return "revoked " + k.RevokedAt.Format(time.DateOnly)
	case !k.Live(now):
		return "expired " + k.ExpiresAt.Format(time.DateOnly)
	}
	state := "never used"
	if k.LastUsedAt != nil {
		state = "last used " + k.LastUsedAt.Format(time.DateTime)
	}
	if k.ExpiresAt != nil {
		state += ", expires " + k.ExpiresAt.Format(time.DateOnly)
	}
	return state
}

func (e *env) keyRevoke() *cobra.Command {
	return e.operate("revoke KEY_ID", "Revoke an API key; it is refused on the next request", cobra.ExactArgs(1),
		func(ctx context.Context, svc *service.Service, args []string) (any, func(io.Writer), error) {
			err := svc.RevokeKeyFor(ctx, args[0])
			return map[string]any{"revoked": args[0]}, func(w io.Writer) { fmt.Fprintln(w, "revoked", args[0]) }, err
		})
}
