package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/redoubt-dev/redoubt/service"
)

// doIt is the --yes flag of what cannot be undone.
func doIt(c *cobra.Command, yes *bool) {
	c.Flags().BoolVar(yes, "yes", false, "do it; without this, only say what would be deleted")
}

func (e *env) workspaceDelete() *cobra.Command {
	var yes bool
	c := e.onID("delete ID", "Delete a team workspace with everything in it, for good", func(ctx context.Context, svc *service.Service, id string) (any, string, error) {
		w, err := svc.WorkspaceDeletionFor(ctx, id, yes)
		if err != nil {
			return nil, "", err
		}
		return e.deleted(ctx, svc, yes, map[string]any{"workspace": w}, workspaceText(w), "workspace "+w.ID)
	})
	doIt(c, &yes)
	return c
}

func (e *env) userDelete() *cobra.Command {
	var yes bool
	c := e.onID("delete EMAIL", "Delete an account, with the personal workspace and the teams that nobody else is in, for good",
		func(ctx context.Context, svc *service.Service, email string) (any, string, error) {
			d, err := svc.AccountDeletionFor(ctx, email, yes)
			if err != nil {
				return nil, "", err
			}
			var b strings.Builder
			for _, w := range d.Deleted {
				b.WriteString(workspaceText(w))
			}
			for _, w := range d.PassedOn {
				fmt.Fprintf(&b, "workspace  %s  %s: goes to %s\n", w.ID, w.Name, w.To.Email)
			}
			for _, w := range d.Left {
				fmt.Fprintf(&b, "workspace  %s  %s: lives on; rows name deleted-user\n", w.ID, w.Name)
			}
			return e.deleted(ctx, svc, yes, map[string]any{"account": d}, b.String(), "account "+d.User.Email)
		})
	doIt(c, &yes)
	return c
}

func workspaceText(w service.WorkspaceContents) string {
	c := w.Contents
	return fmt.Sprintf("workspace  %s  %s: %d members, %d threat models, %d controls, %d assertions, %d runs, %d findings, %d keys\n",
		w.ID, w.Name, c.Members, c.Models, c.Controls, c.Assertions, c.Runs, c.Findings, c.Keys)
}

// deleted is what a command prints: that it was only said what would go, or, once every row is removed, that it is gone.
func (e *env) deleted(ctx context.Context, svc *service.Service, yes bool, out map[string]any, text, what string) (any, string, error) {
	out["deleted"] = yes
	if !yes {
		return out, text + "nothing is deleted yet: add --yes\n", nil
	}
	rows, err := svc.RemoveDeleted(ctx) // a server that uses the folder may be doing it, too
	return out, fmt.Sprintf("%sdeleted %s; %d rows removed\n", text, what, rows), err
}
