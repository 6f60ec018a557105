package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/service"
)

func (e *env) userDisable() *cobra.Command {
	return e.userSwitch("disable", "Disable a user: all their keys are refused on the next request", true)
}

func (e *env) userEnable() *cobra.Command {
	return e.userSwitch("enable", "Enable a user again, with the keys that they had", false)
}

func (e *env) userSwitch(name, short string, disabled bool) *cobra.Command {
	return e.onID(name+" EMAIL", short, func(ctx context.Context, svc *service.Service, email string) (any, string, error) {
		u, err := svc.SetDisabled(ctx, email, disabled)
		return map[string]account.User{"user": u}, fmt.Sprintf("%sd %s\n", name, u.Email), err
	})
}

func (e *env) userReset() *cobra.Command {
	return e.onID("reset EMAIL", "Revoke all keys of a user and print a new developer key", func(ctx context.Context, svc *service.Service, email string) (any, string, error) {
		out, err := svc.ResetUserFor(ctx, email)
		return out, fmt.Sprintf("revoked    %d keys of %s\napi_key    %s  (shown only now)\n", out.Revoked, out.User.Email, out.APIKey), err
	})
}

// onID is a command on what one argument names, such as the user of an address; do returns what is printed as JSON and as text.
func (e *env) onID(use, short string, do func(context.Context, *service.Service, string) (any, string, error)) *cobra.Command {
	return e.operate(use, short, cobra.ExactArgs(1), func(ctx context.Context, svc *service.Service, args []string) (any, func(io.Writer), error) {
		made, text, err := do(ctx, svc, args[0])
		return made, func(w io.Writer) { fmt.Fprint(w, text) }, err
	})
}
