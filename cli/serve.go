package cli

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/redoubt-dev/redoubt/server"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/threat"
)

// closing is how long requests under way may take to end after a signal.
const closing = 10 * time.Second

func (e *env) serve() *cobra.Command {
	var p place
	var addr, publicURL, origins, issuers, prices, proxies, table string
	var kept schedule
	c := &cobra.Command{
		Use: "serve", Short: "Serve MCP at /mcp and REST at /api/v1 (the default)", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			allowed, err := prefixes("allow-issuer-address", issuers)
			if err != nil {
				return err
			}
			trusted, err := prefixes("trusted-proxy", proxies)
			if err != nil {
				return err
			}
			model, err := e.llm(prices)
			if err != nil {
				return err
			}
			plans, err := e.plans(table)
			if err != nil {
				return err
			}
			backups, err := kept.config()
			if err != nil {
				return err
			}
			return e.runServer(c.Context(), p, addr, server.Config{
				Version: Version(), PublicURL: publicURL, AllowedOrigins: words(origins), TrustedProxies: trusted,
			}, model, plans, func(c *service.Config) { c.Issuers.Allowed, c.Backups = allowed, backups })
		},
	}
	p.add(e, c)
	c.Flags().StringVar(&addr, "addr", or(e.getenv("REDOUBT_ADDR"), "127.0.0.1:8080"), "address to listen on (REDOUBT_ADDR)")
	c.Flags().StringVar(&publicURL, "public-url", e.getenv("REDOUBT_PUBLIC_URL"), "base URL that clients use (REDOUBT_PUBLIC_URL)")
	c.Flags().StringVar(&origins, "allow-origin", e.getenv("REDOUBT_ALLOW_ORIGIN"), "comma-separated web origins whose pages may call (REDOUBT_ALLOW_ORIGIN)")
	c.Flags().StringVar(&issuers, "allow-issuer-address", e.getenv("REDOUBT_ALLOW_ISSUER_ADDRESS"),
		"comma-separated addresses or prefixes, beside public ones, at which issuers of CI tokens may be asked (REDOUBT_ALLOW_ISSUER_ADDRESS)")
	c.Flags().StringVar(&proxies, "trusted-proxy", e.getenv("REDOUBT_TRUSTED_PROXY"),
		"comma-separated addresses or prefixes of proxies whose X-Forwarded-For is believed (REDOUBT_TRUSTED_PROXY)")
	kept.add(e, c)
	c.Flags().StringVar(&prices, "llm-prices", e.getenv("REDOUBT_LLM_PRICES"), "file of what language models cost, for the estimate of get_usage (REDOUBT_LLM_PRICES)")
	c.Flags().StringVar(&table, "plans-table", e.plansTable(), "file of factors and packs, where REDOUBT_PLANS=on (REDOUBT_PLANS_TABLE)")
	return c
}

// prefixes reads a flag's comma-separated list of addresses and prefixes.
func prefixes(flag, s string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, w := range words(s) {
		p, err := netip.ParsePrefix(w)
		if err != nil {
			a, errAddr := netip.ParseAddr(w)
			if errAddr != nil {
				return nil, threat.Errorf(threat.Invalid, "%q is neither an address nor a prefix", threat.Clip(w, 40)).In(flag).Hinted("such as 10.1.2.3 or 10.0.0.0/8")
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		out = append(out, p.Masked())
	}
	return out, nil
}

// words splits a comma-separated list.
func words(s string) []string {
	var out []string
	for w := range strings.SplitSeq(s, ",") {
		if w = strings.TrimSpace(w); w != "" {
			out = append(out, w)
		}
	}
	return out
}

func (e *env) runServer(ctx context.Context, p place, addr string, config server.Config, more ...func(*service.Config)) (err error) {
	log := e.logger()
	st, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	signer, err := e.signer(p)
	if err != nil {
		return err
	}
	svc, err := newService(st, log, append(more, signer)...)
	if err != nil {
		return err
	}
	if err := svc.KeepSigner(ctx); err != nil {
		return err
	}
	config.Service, config.Log = svc, log
	srv, err := server.New(config)
	if err != nil {
		return err
	}
	if err := srv.Listen(addr); err != nil {
		return err
	}
	svc.ServedAt(or(config.PublicURL, srv.URL()))
	addr = ""
	if config.PublicURL != "" {
		addr = srv.Addr()
	}
	if err := e.welcome(ctx, svc, p, srv.URL(), addr); err != nil {
		return err
	}
	return serveUntil(ctx, srv, log)
}

// serveUntil serves until the context ends, then closes in order.
func serveUntil(ctx context.Context, srv *server.Server, log zerolog.Logger) error {
	served := make(chan error, 1)
	go func() { served <- srv.Serve() }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	log.Info().Msg("stopping")
	wait, cancel := context.WithTimeout(context.Background(), closing)
	defer cancel()
	return errors.Join(srv.Close(wait), <-served)
}

// welcome makes the administrator on the first start and says how to connect. The developer key is printed this once; the
// admin key goes to a file that only this user can read, and nowhere else. addr is the address listened on where the URL does not say it.
func (e *env) welcome(ctx context.Context, svc *service.Service, p place, url, addr string) error {
	file := p.adminKey()
	first, made, err := svc.EnsureAdmin(ctx, func(f service.FirstStart) error { return writeSecret(file, f.AdminKey) })
	if err != nil {
		return err
	}
	fmt.Fprintf(e.out, "Redoubt %s is listening on %s\n", Version(), url)
	if addr != "" {
		fmt.Fprintf(e.out, "Behind that URL it takes connections at %s\n", addr)
	}
	if !made {
		fmt.Fprintf(e.out, "MCP is at %s/mcp. For another key: redoubt key create --scope developer\n", url)
		return nil
	}
	fmt.Fprintf(e.out, `
This is the first start. An administrator with a personal workspace was made.
Connect Claude Code with this line:

  claude mcp add --transport http redoubt %[1]s/mcp --header "Authorization: Bearer %[2]s"

or any MCP client with this .mcp.json:

  {"mcpServers": {"redoubt": {"type": "http", "url": "%[1]s/mcp", "headers": {"Authorization": "Bearer %[2]s"}}}}

The key above is shown only now. The admin key is in %[3]s.
Then tell the agent: "Make a threat model of this feature with redoubt."

`, url, first.DeveloperKey, file)
	return nil
}

// adminKey is the file of the first admin key.
func (p place) adminKey() string { return filepath.Join(p.data, "admin.key") }

// writeSecret writes a file that only this user can read; one that is there is not overwritten in place, so that its mode is
// never wider.
func writeSecret(file, secret string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(file), ".key-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = tmp.WriteString(secret + "\n")
	if err = errors.Join(err, tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	return nil
}
