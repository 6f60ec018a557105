package cli

import (
	"context"
	"errors"
	"io"
	"log"

	mcpserver "github.com/mark3labs/mcp-go/server"
	"github.com/spf13/cobra"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/server"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/tools"
	"github.com/redoubt-dev/redoubt/verify"
)

func (e *env) mcp() *cobra.Command {
	var p place
	var toolsets, root string
	c := &cobra.Command{
		Use: "mcp", Short: "Serve MCP on standard input and output", Args: cobra.NoArgs,
		Long: "Serve MCP on standard input and output, on the data folder itself: no server needs to run.\n" +
			"It acts as the user of REDOUBT_API_KEY, else as the first administrator's developer, without decide.\n" +
			"With --project-root it also has verify_assertion, which checks claims about that folder with the code that CI runs.",
		RunE: func(c *cobra.Command, _ []string) error {
			sets, err := tools.ParseToolsets(toolsets)
			if err != nil {
				return err
			}
			return e.runStdio(c.Context(), p, sets, root)
		},
	}
	p.add(e, c)
	c.Flags().StringVar(&root, "project-root", e.getenv("REDOUBT_PROJECT_ROOT"), "top folder of the repository that verify_assertion checks (REDOUBT_PROJECT_ROOT)")
	c.Flags().StringVar(&toolsets, "toolsets", e.getenv("REDOUBT_TOOLSETS"), "comma-separated toolsets to list: core, modeling, compliance, workspace, all (REDOUBT_TOOLSETS)")
	return c
}

func (e *env) runStdio(ctx context.Context, p place, sets []tools.Toolset, root string) (err error) {
	logger := e.logger()
	st, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	model, err := e.llm(e.getenv("REDOUBT_LLM_PRICES"))
	if err != nil {
		return err
	}
	plans, err := e.plans(e.plansTable())
	if err != nil {
		return err
	}
	svc, err := newService(st, logger, model, plans)
	if err != nil {
		return err
	}
	who, err := e.localPrincipal(ctx, svc, p)
	if err != nil {
		return err
	}
	registry, err := tools.New(svc, logger)
	if err != nil {
		return err
	}
	if root != "" {
		if err := addLocalCheck(registry, root); err != nil {
			return err
		}
	}
	m, err := server.NewMCP(svc, registry, logger, Version())
	if err != nil {
		return err
	}
	svc.Start()
	defer svc.Stop()
	stdio := mcpserver.NewStdioServer(m)
	stdio.SetErrorLogger(log.New(logger, "", 0))
	stdio.SetContextFunc(func(ctx context.Context) context.Context {
		return tools.WithToolsets(account.WithPrincipal(ctx, who), sets)
	})
	err = stdio.Listen(ctx, e.in, e.out)
	if errors.Is(err, context.Canceled) || errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// addLocalCheck lets the agent check its claims about a folder. The tree is opened anew for each call, since the agent edits it.
func addLocalCheck(registry *tools.Registry, root string) error {
	t := tree{root: root}
	probe, err := t.open("", verify.DirtyIgnore, nil)
	if err != nil {
		return err
	}
	probe.Close()
	return registry.AddLocalCheck(func(ctx context.Context, list []evidence.Assertion) ([]tools.VerifiedRow, error) {
		checker, err := t.open("", verify.DirtyIgnore, nil)
		if err != nil {
			return nil, err
		}
		defer checker.Close()
		outcomes := checker.Check(ctx, list)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		rows := make([]tools.VerifiedRow, len(outcomes))
		for i, o := range outcomes {
			rows[i] = tools.VerifiedRow{Type: o.Assertion.Type, Verdict: o.Verdict, Reason: o.Reason, File: o.File, Line: o.Line, Warnings: o.Warnings}
		}
		return rows, nil
	})
}

// localPrincipal is who local stdio acts as. On a database without users it makes the administrator first, as a first serve
// would.
func (e *env) localPrincipal(ctx context.Context, svc *service.Service, p place) (account.Principal, error) {
	if key := e.getenv("REDOUBT_API_KEY"); key != "" {
		return svc.AuthenticateMCP(ctx, key)
	}
	_, _, err := svc.EnsureAdmin(ctx, func(f service.FirstStart) error { return writeSecret(p.adminKey(), f.AdminKey) })
	if err != nil {
		return account.Principal{}, err
	}
	return svc.LocalPrincipal(ctx)
}
