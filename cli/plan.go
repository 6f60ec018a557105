package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/redoubt-dev/redoubt/billing"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/threat"
)

// plans reads REDOUBT_PLANS, the table in a file, which may be empty, and Stripe's account. Errors: [threat.Invalid] for settings that cannot be
// used.
func (e *env) plans(table string) (func(*service.Config), error) {
	switch on := strings.TrimSpace(e.getenv("REDOUBT_PLANS")); on {
	case "", "off":
		return func(*service.Config) {}, nil
	case "on":
	default:
		return nil, threat.Errorf(threat.Invalid, "%q is neither on nor off", threat.Clip(on, 40)).In("REDOUBT_PLANS").Hinted("leave it out for off")
	}
	p := &service.Plans{}
	if table != "" {
		raw, err := e.readFile(table, 1<<20)
		if err == nil {
			p.PlansTable, err = service.ParsePlansTable(raw)
		}
		var te *threat.Error
		if errors.As(err, &te) {
			return nil, te.In("plans-table")
		}
		if err != nil {
			return nil, err
		}
	}
	if n, err := strconv.Atoi(e.getenv("REDOUBT_LLM_MAX_TOKENS")); err == nil && p.AnswerTokens == 0 {
		p.AnswerTokens = n
	}
	stripe := billing.Config{
		Key:           billing.Secret(strings.TrimSpace(e.getenv("STRIPE_SECRET_KEY"))),
		WebhookSecret: billing.Secret(strings.TrimSpace(e.getenv("STRIPE_WEBHOOK_SECRET"))),
		APIBase:       strings.TrimSpace(e.getenv("STRIPE_API_BASE")),
	}
	if stripe.Key != "" || stripe.WebhookSecret != "" {
		var err error
		if p.Stripe, err = billing.New(stripe); err != nil {
			return nil, err
		}
	}
	return func(c *service.Config) { c.Plans = p }, nil
}

// plansTable is the file of the table of plans, from the environment.
func (e *env) plansTable() string { return e.getenv("REDOUBT_PLANS_TABLE") }

func (e *env) userPlan() *cobra.Command {
	return e.onPlan("plan EMAIL free|pro|organization", "Put a user on a plan", func(ctx context.Context, svc *service.Service, args []string) (service.UserPlanOut, error) {
		return svc.ChangePlanFor(ctx, args[0], args[1], 0)
	})
}

func (e *env) userCredits() *cobra.Command {
	return e.onPlan("credits EMAIL NUMBER", "Grant a user credits that do not expire", func(ctx context.Context, svc *service.Service, args []string) (service.UserPlanOut, error) {
		n, err := strconv.Atoi(args[1])
		if err != nil || n < 1 {
			return service.UserPlanOut{}, threat.Errorf(threat.Invalid, "%q is no number of credits", threat.Clip(args[1], 40)).In("credits").Hinted("1 or more")
		}
		return svc.ChangePlanFor(ctx, args[0], "", n)
	})
}

// onPlan is a command that changes what a user has. It needs plans to be on here, as on the server.
func (e *env) onPlan(use, short string, do func(context.Context, *service.Service, []string) (service.UserPlanOut, error)) *cobra.Command {
	var p place
	var out output
	c := &cobra.Command{
		Use: use, Short: short, Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			if err := out.check(); err != nil {
				return err
			}
			plans, err := e.plans(e.plansTable())
			if err != nil {
				return err
			}
			return e.withService(c.Context(), &p, func(svc *service.Service) error {
				has, err := do(c.Context(), svc, args)
				if err != nil {
					return err
				}
				if out == "json" {
					return e.printJSON(has)
				}
				allowance := strconv.Itoa(has.Credits.Used) + " of " + strconv.Itoa(has.Credits.Allowance)
				if has.Credits.Unlimited {
					allowance = strconv.Itoa(has.Credits.Used)
				}
				_, err = fmt.Fprintf(e.out, "user       %s\nplan       %s\nallowance  %s used\npacks      %d credits\n", has.User.Email, has.Plan, allowance, has.Credits.Packs)
				return err
			}, plans)
		},
	}
	p.add(e, c)
	out.add(c)
	return c
}
