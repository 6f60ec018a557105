package cli

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/service"
)

// teams are the commands on workspaces and the people in them.
func (e *env) teams() []*cobra.Command {
	return []*cobra.Command{
		e.teamCreate(), e.teamList(), e.teamRename(), e.teamMembers(), e.teamAddMember(), e.teamRemoveMember(), e.teamTransfer(),
	}
}

// operate is a command of the operator's on the data folder; do returns what is printed as JSON, and what prints it as text.
func (e *env) operate(use, short string, args cobra.PositionalArgs, do func(context.Context, *service.Service, []string) (any, func(io.Writer), error)) *cobra.Command {
	var p place
	var out output
	c := &cobra.Command{
		Use: use, Short: short, Args: args,
		RunE: func(c *cobra.Command, args []string) error {
			if err := out.check(); err != nil {
				return err
			}
			return e.withService(c.Context(), &p, func(svc *service.Service) error {
				made, text, err := do(c.Context(), svc, args)
				if err != nil {
					return err
				}
				if out == "json" {
					return e.printJSON(made)
				}
				w := tabwriter.NewWriter(e.out, 0, 4, 2, ' ', 0)
				text(w)
				return w.Flush()
			})
		},
	}
	p.add(e, c)
	out.add(c)
	return c
}

func (e *env) teamCreate() *cobra.Command {
	var in service.CreateTeamIn
	c := e.operate("create --name NAME [--email OWNER]", "Make a team workspace, and an admin key of its owner", cobra.NoArgs,
		func(ctx context.Context, svc *service.Service, _ []string) (any, func(io.Writer), error) {
			made, err := svc.CreateTeam(ctx, in)
			return made, func(w io.Writer) {
				fmt.Fprintf(w, "workspace\t%s\t%s\nowner\t%s\napi_key\t%s\t(shown only now)\n", made.Workspace.ID, made.Workspace.Name, made.Owner.Email, made.APIKey)
			}, err
		})
	c.Flags().StringVar(&in.Name, "name", "", "name of the team")
	c.Flags().StringVar(&in.Email, "email", "", "who owns it; default: the first administrator")
	return c
}

func (e *env) teamList() *cobra.Command {
	var email string
	c := e.operate("list", "List workspaces", cobra.NoArgs,
		func(ctx context.Context, svc *service.Service, _ []string) (any, func(io.Writer), error) {
			all, err := svc.ListAllWorkspaces(ctx, email)
			return map[string]any{"workspaces": all}, func(w io.Writer) {
				for _, t := range all {
					fmt.Fprintf(w, "%s\t%s\t%d members\t%s\t%s\n", t.ID, t.Kind, t.Members, t.Name, t.Role)
				}
			}, err
		})
	c.Flags().StringVar(&email, "email", "", "those of one user, with the role; default: all")
	return c
}

func (e *env) teamRename() *cobra.Command {
	return e.operate("rename WORKSPACE NAME", "Rename a workspace", cobra.ExactArgs(2),
		func(ctx context.Context, svc *service.Service, args []string) (any, func(io.Writer), error) {
			out, err := svc.RenameTeam(ctx, args[0], args[1])
			return map[string]any{"workspace": out}, func(w io.Writer) { fmt.Fprintf(w, "workspace\t%s\t%s\n", out.ID, out.Name) }, err
		})
}

func (e *env) teamMembers() *cobra.Command {
	return e.operate("members WORKSPACE", "List the members of a workspace", cobra.ExactArgs(1),
		func(ctx context.Context, svc *service.Service, args []string) (any, func(io.Writer), error) {
			out, err := svc.TeamMembers(ctx, args[0])
			return out, func(w io.Writer) {
				for _, m := range out.Members {
					printMember(w, m)
				}
			}, err
		})
}

func printMember(w io.Writer, m account.Membership) {
	fmt.Fprintf(w, "%s\t%s\t%s\tsince %s\t%s\n", m.Email, m.Role, m.UserID, m.JoinedAt.Format(time.DateOnly), mark(m.Disabled, "disabled"))
}

func (e *env) teamAddMember() *cobra.Command {
	var role string
	c := e.operate("add-member WORKSPACE EMAIL", "Make a user a member without an invitation, or give a member another role", cobra.ExactArgs(2),
		func(ctx context.Context, svc *service.Service, args []string) (any, func(io.Writer), error) {
			out, err := svc.AddToTeam(ctx, args[0], args[1], account.Role(role))
			return out, func(w io.Writer) { printMember(w, out.Member) }, err
		})
	c.Flags().StringVar(&role, "role", string(account.Member), "owner or member")
	return c
}

func (e *env) teamRemoveMember() *cobra.Command {
	return e.operate("remove-member WORKSPACE EMAIL", "Take a member out; their keys of the workspace are refused on the next request", cobra.ExactArgs(2),
		func(ctx context.Context, svc *service.Service, args []string) (any, func(io.Writer), error) {
			out, err := svc.RemoveFromTeam(ctx, args[0], args[1])
			return out, func(w io.Writer) {
				fmt.Fprintf(w, "removed\t%s\nrevoked\t%d keys\n", out.Member.Email, out.RevokedKeys)
			}, err
		})
}

func (e *env) teamTransfer() *cobra.Command {
	var from string
	c := e.operate("transfer WORKSPACE EMAIL", "Make a member the owner; the owner becomes a member", cobra.ExactArgs(2),
		func(ctx context.Context, svc *service.Service, args []string) (any, func(io.Writer), error) {
			out, err := svc.TransferTeam(ctx, args[0], args[1], from)
			return out, func(w io.Writer) {
				printMember(w, out.Owner)
				printMember(w, out.Member)
			}, err
		})
	c.Flags().StringVar(&from, "from", "", "the owner who becomes a member, where there are several")
	return c
}
