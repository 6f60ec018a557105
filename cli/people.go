package cli

import (
	"fmt"
	"text/tabwriter"
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
	var p place
	var out output
	c := &cobra.Command{
		Use: "list", Short: "List users", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := out.check(); err != nil {
				return err
			}
			return e.withService(c.Context(), &p, func(svc *service.Service) error {
				users, err := svc.ListUsers(c.Context())
				if err != nil {
					return err
				}
				if out == "json" {
					return e.printJSON(map[string]any{"users": users})
				}
				w := tabwriter.NewWriter(e.out, 0, 4, 2, ' ', 0)
				for _, u := range users {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", u.ID, u.Email, u.Name, mark(u.InstanceAdmin, "instance admin"), mark(u.Disabled, "disabled"))
				}
				return w.Flush()
			})
		},
	}
	p.add(e, c)
	out.add(c)
	return c
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
	var p place
	var in service.OperatorKeyIn
	var scope string
	var out output
	c := &cobra.Command{
		Use: "create --scope developer|verifier|admin", Short: "Make an API key for a user", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := out.check(); err != nil {
				return err
			}
			in.Scope = account.Scope(scope)
			if in.Name == "" {
				in.Name = scope + " key"
			}
			return e.withService(c.Context(), &p, func(svc *service.Service) error {
				made, err := svc.CreateKeyFor(c.Context(), in)
				if err != nil {
					return err
				}
				if out == "json" {
					return e.printJSON(made)
				}
				fmt.Fprintf(e.out, "api_key    %s  (shown only now)\nkey        %s\nworkspace  %s\n", made.APIKey, made.Key.ID, made.Key.WorkspaceID)
				return nil
			})
		},
	}
	p.add(e, c)
	out.add(c)
	c.Flags().StringVar(&scope, "scope", "", "developer, verifier or admin")
	c.Flags().StringVar(&in.Email, "email", "", "whose key; default: the first administrator's")
	c.Flags().StringVar(&in.WorkspaceID, "workspace", "", "workspace id; default: the user's personal one")
	c.Flags().StringVar(&in.Name, "name", "", "what the key is for")
	c.Flags().BoolVar(&in.Decide, "decide", false, "a developer key that may make the judgments left to people")
	c.Flags().IntVar(&in.ExpiresInDays, "expires-in-days", 0, "default: never")
	return c
}

func (e *env) keyList() *cobra.Command {
	var p place
	var email string
	var out output
	c := &cobra.Command{
		Use: "list", Short: "List a user's API keys", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := out.check(); err != nil {
				return err
			}
			return e.withService(c.Context(), &p, func(svc *service.Service) error {
				keys, err := svc.KeysOf(c.Context(), email)
				if err != nil {
					return err
				}
				if out == "json" {
					return e.printJSON(map[string]any{"keys": keys})
				}
				w := tabwriter.NewWriter(e.out, 0, 4, 2, ' ', 0)
				for _, k := range keys {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", k.ID, k.Shown, k.Scope, mark(k.Decide, "decide"), k.Name, keyState(k, time.Now()))
				}
				return w.Flush()
			})
		},
	}
	p.add(e, c)
	out.add(c)
	c.Flags().StringVar(&email, "email", "", "whose keys; default: the first administrator's")
	return c
}

func keyState(k account.Key, now time.Time) string {
	switch {
	case k.RevokedAt != nil:
		return "revoked " + k.RevokedAt.Format(time.DateOnly)
	case !k.Live(now):
		return "expired " + k.ExpiresAt.Format(time.DateOnly)
	case k.LastUsedAt != nil:
		return "last used " + k.LastUsedAt.Format(time.DateTime)
	}
	return "never used"
}

func (e *env) keyRevoke() *cobra.Command {
	var p place
	c := &cobra.Command{
		Use: "revoke KEY_ID", Short: "Revoke an API key; it is refused on the next request", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return e.withService(c.Context(), &p, func(svc *service.Service) error {
				if err := svc.RevokeKeyFor(c.Context(), args[0]); err != nil {
					return err
				}
				_, err := fmt.Fprintln(e.out, "revoked", args[0])
				return err
			})
		},
	}
	p.add(e, c)
	return c
}
