package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/auth/attest"
	"github.com/redoubt-dev/redoubt/service"
)

// workspace is the commands of an operator on what a workspace decides for itself: which runs count, and whose word it takes.
func (e *env) workspace() *cobra.Command {
	c := &cobra.Command{
		Use: "workspace", Short: "Manage workspaces, their members and their settings on the data folder",
		Long: "Manage workspaces and their members, and a workspace's settings, signing keys, trusted issuers and required claims, on the data folder,\n" +
			"while a server runs or not.\n\n" +
			"Commands on settings act as the user of REDOUBT_API_KEY in that key's workspace, else as the first administrator in the personal one;\n" +
			"--email and --workspace name others. The user must own the workspace. Each change is in its activity.",
	}
	signing := &cobra.Command{Use: "signing-key", Short: "Manage the public keys whose signatures prove runs"}
	signing.AddCommand(e.signingKeyAdd(), e.signingKeyRevoke(), e.settingsPart("List the signing keys", printSigningKeys))
	issuer := &cobra.Command{Use: "issuer", Short: "Manage the issuers of CI tokens to trust"}
	issuer.AddCommand(e.issuerAdd(), e.issuerRemove(), e.settingsPart("List the trusted issuers", printIssuers))
	claim := &cobra.Command{Use: "claim", Short: "Manage the claims that CI tokens must carry"}
	claim.AddCommand(e.claimRequire(), e.claimDrop(), e.settingsPart("List the required claims", printClaims))
	c.AddCommand(e.teams()...)
	c.AddCommand(e.workspaceSettings(), signing, issuer, claim, e.workspaceDelete())
	return c
}

// office is where and as whom a command on settings acts.
type office struct {
	place place
	who   service.OperatorFor
	out   output
}

func (o *office) add(e *env, c *cobra.Command) {
	o.place.add(e, c)
	o.out.add(c)
	c.Flags().StringVar(&o.who.Email, "email", "", "who acts; default: the user of REDOUBT_API_KEY, else the first administrator")
	c.Flags().StringVar(&o.who.WorkspaceID, "workspace", "", "workspace id; default: the key's, else the user's personal one")
}

// do runs a use case on the settings and prints what came of it.
func (o *office) do(ctx context.Context, e *env, use func(*service.Service, account.Principal) (service.SettingsOut, error), print func(io.Writer, service.SettingsOut)) error {
	if err := o.out.check(); err != nil {
		return err
	}
	if o.who.Email == "" && o.who.WorkspaceID == "" {
		o.who.APIKey = e.getenv("REDOUBT_API_KEY")
	}
	model, err := e.llm("") // default_engine is checked against it
	if err != nil {
		return err
	}
	return e.withService(ctx, &o.place, func(svc *service.Service) error {
		who, err := svc.OperatorPrincipal(ctx, o.who)
		if err != nil {
			return err
		}
		out, err := use(svc, who)
		if err != nil {
			return err
		}
		if o.out == "json" {
			return e.printJSON(out)
		}
		w := tabwriter.NewWriter(e.out, 0, 4, 2, ' ', 0)
		print(w, out)
		return w.Flush()
	}, model)
}

func (e *env) workspaceSettings() *cobra.Command {
	var o office
	var attestation, requests bool
	var days int
	var judges, engine string
	c := &cobra.Command{
		Use: "settings", Short: "Print a workspace's settings, having changed those that are given", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			var in service.EditSettingsIn
			given(c, "require-attestation", &in.RequireAttestation, attestation)
			given(c, "allow-pull-requests", &in.PullRequests, requests)
			given(c, "stale-after", &in.StaleAfterDays, days)
			given(c, "allowed-judges", &in.AllowedJudges, append([]string{}, words(judges)...))
			given(c, "default-engine", &in.DefaultEngine, engine)
			return o.do(c.Context(), e, func(svc *service.Service, who account.Principal) (service.SettingsOut, error) {
				if in == (service.EditSettingsIn{}) {
					return svc.GetSettings(c.Context(), who, service.GetSettingsIn{})
				}
				return svc.EditSettings(c.Context(), who, in)
			}, printSettings)
		},
	}
	o.add(e, c)
	c.Flags().BoolVar(&attestation, "require-attestation", false, "results of runs without a proof do not count; turned on, they become stale at once")
	c.Flags().BoolVar(&requests, "allow-pull-requests", false, "take tokens of pull requests and merge requests; their runs are previews all the same")
	c.Flags().IntVar(&days, "stale-after", 0, "days that a result counts, 1 to 365; 0 for the default of 30")
	c.Flags().StringVar(&judges, "allowed-judges", "", "comma-separated judges whose Tier 2 verdicts are taken, such as anthropic:*; empty for any")
	c.Flags().StringVar(&engine, "default-engine", "", "engine that generates where a call names none; empty for the server's own choice")
	return c
}

// given sets what a call carries when its flag was given.
func given[T any](c *cobra.Command, flag string, to **T, value T) {
	if c.Flags().Changed(flag) {
		*to = &value
	}
}

// settingsPart is a command that lists one part of the settings.
func (e *env) settingsPart(short string, print func(io.Writer, service.SettingsOut)) *cobra.Command {
	var o office
	c := &cobra.Command{
		Use: "list", Short: short, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return o.do(c.Context(), e, func(svc *service.Service, who account.Principal) (service.SettingsOut, error) {
				return svc.GetSettings(c.Context(), who, service.GetSettingsIn{})
			}, print)
		},
	}
	o.add(e, c)
	return c
}

func (e *env) signingKeyAdd() *cobra.Command {
	var o office
	var in service.AddSigningKeyIn
	c := &cobra.Command{
		Use: "add FILE --name NAME --repo ORG/NAME…", Short: "Register a public key (ECDSA P-256, PEM); from then on a counted run needs a proof", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			raw, err := e.readFile(args[0], 64<<10)
			if err != nil {
				return err
			}
			in.PublicKey = string(raw)
			return o.do(c.Context(), e, func(svc *service.Service, who account.Principal) (service.SettingsOut, error) {
				return svc.AddSigningKey(c.Context(), who, in)
			}, printSigningKeys)
		},
	}
	o.add(e, c)
	c.Flags().StringVar(&in.Name, "name", "", "what tells the key from others, such as github-2026")
	c.Flags().StringSliceVar(&in.Repos, "repo", nil, "repository it may speak for; once for each")
	return c
}

func (e *env) signingKeyRevoke() *cobra.Command {
	var o office
	var in service.RevokeSigningKeyIn
	c := &cobra.Command{
		Use: "revoke FINGERPRINT", Short: "Take a key out of force from now on; what it proved before stays, unless it is compromised", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			in.Fingerprint = args[0]
			return o.do(c.Context(), e, func(svc *service.Service, who account.Principal) (service.SettingsOut, error) {
				return svc.RevokeSigningKey(c.Context(), who, in)
			}, printSigningKeys)
		},
	}
	o.add(e, c)
	c.Flags().StringVar(&in.CompromisedSince, "compromised-since", "", "time (RFC 3339) from which on results of its runs count no more")
	return c
}

func (e *env) issuerAdd() *cobra.Command {
	var o office
	var in service.AddIssuerIn
	var kind string
	c := &cobra.Command{
		Use: "add URL --kind github|gitlab|oidc", Short: "Trust an issuer of CI tokens beside GitHub Actions and gitlab.com", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			in.URL, in.Kind = args[0], attest.Kind(kind)
			return o.do(c.Context(), e, func(svc *service.Service, who account.Principal) (service.SettingsOut, error) {
				return svc.AddIssuer(c.Context(), who, in)
			}, printIssuers)
		},
	}
	o.add(e, c)
	c.Flags().StringVar(&kind, "kind", "", "github, gitlab, or oidc for any other with the three claims below")
	c.Flags().StringVar(&in.Claims.Repository, "repository-claim", "", "kind oidc: claim that carries the repository (org/name)")
	c.Flags().StringVar(&in.Claims.Commit, "commit-claim", "", "kind oidc: claim that carries the commit")
	c.Flags().StringVar(&in.Claims.Ref, "ref-claim", "", "kind oidc: claim that carries the branch or full ref")
	c.Flags().BoolVar(&in.Bound, "bound", false, "the audience must carry the statement's digest; always so for kind github")
	return c
}

func (e *env) issuerRemove() *cobra.Command {
	var o office
	c := &cobra.Command{
		Use: "remove URL", Short: "Trust an issuer no more; runs that it proved stay", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return o.do(c.Context(), e, func(svc *service.Service, who account.Principal) (service.SettingsOut, error) {
				return svc.RemoveIssuer(c.Context(), who, service.RemoveIssuerIn{URL: args[0]})
			}, printIssuers)
		},
	}
	o.add(e, c)
	return c
}

func (e *env) claimRequire() *cobra.Command {
	var o office
	var in service.AddRequiredClaimIn
	c := &cobra.Command{
		Use: "require NAME PATTERN", Short: "Require a claim of CI tokens; from then on a counted run needs a proof", Args: cobra.ExactArgs(2),
		Long: "Require a claim of CI tokens: the exact value, or a glob (* stays within a path segment, ** does not). Patterns for one claim of\n" +
			"one issuer are alternatives; different claims must all hold. Tokens are taken only where one of the claims names a repository or\n" +
			"an owner.",
		RunE: func(c *cobra.Command, args []string) error {
			in.Claim, in.Pattern = args[0], args[1]
			return o.do(c.Context(), e, func(svc *service.Service, who account.Principal) (service.SettingsOut, error) {
				return svc.AddRequiredClaim(c.Context(), who, in)
			}, printClaims)
		},
	}
	o.add(e, c)
	c.Flags().StringVar(&in.Issuer, "issuer", "", "URL of the issuer whose tokens must carry it; default: all")
	return c
}

func (e *env) claimDrop() *cobra.Command {
	var o office
	c := &cobra.Command{
		Use: "drop ID", Short: "Require a claim no more", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return o.do(c.Context(), e, func(svc *service.Service, who account.Principal) (service.SettingsOut, error) {
				return svc.RemoveRequiredClaim(c.Context(), who, service.RemoveRequiredClaimIn{ClaimID: args[0]})
			}, printClaims)
		},
	}
	o.add(e, c)
	return c
}

func printSettings(w io.Writer, s service.SettingsOut) {
	days := strconv.Itoa(s.StaleAfterDays)
	if s.StaleAfterDays == 0 {
		days = "30 (default)"
	}
	fmt.Fprintf(w, "require_attestation\t%v\nallow_pull_requests\t%v\nstale_after_days\t%s\nallowed_judges\t%s\ndefault_engine\t%s\n",
		s.RequireAttestation, s.PullRequests, days, cmp.Or(strings.Join(s.AllowedJudges, ", "), "any"), cmp.Or(s.DefaultEngine, "the server's own choice"))
	fmt.Fprint(w, "\nsigning keys\n")
	printSigningKeys(w, s)
	fmt.Fprint(w, "\ntrusted issuers\n")
	printIssuers(w, s)
	fmt.Fprint(w, "\nrequired claims\n")
	printClaims(w, s)
}

func printSigningKeys(w io.Writer, s service.SettingsOut) {
	if len(s.SigningKeys) == 0 {
		fmt.Fprintln(w, "none")
	}
	for _, k := range s.SigningKeys {
		state := "in force since " + k.CreatedAt.Format(time.DateOnly)
		if k.RevokedAt != nil {
			state = "revoked " + k.RevokedAt.Format(time.RFC3339)
		}
		if k.CompromisedSince != nil {
			state += ", compromised since " + k.CompromisedSince.Format(time.RFC3339)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", k.Fingerprint, k.Name, strings.Join(k.Repos, ", "), state)
	}
}

func printIssuers(w io.Writer, s service.SettingsOut) {
	for _, i := range s.Issuers {
		bound := "audience: the server's URL"
		if i.Bound {
			bound = "audience: the server's URL with the statement's digest"
		}
		claims := ""
		if i.Claims != (attest.Claims{}) {
			claims = fmt.Sprintf("repository %s, commit %s, ref %s", i.Claims.Repository, i.Claims.Commit, i.Claims.Ref)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", i.URL, i.Kind, bound, claims)
	}
}

func printClaims(w io.Writer, s service.SettingsOut) {
	if len(s.RequiredClaims) == 0 {
		fmt.Fprintln(w, "none: no CI token is taken")
	}
	for _, r := range s.RequiredClaims {
		fmt.Fprintf(w, "%s\t%s = %s\t%s\n", r.ID, r.Claim, r.Pattern, cmp.Or(r.Issuer, "every issuer"))
	}
}
