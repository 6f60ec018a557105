package cli

import (
	"context"
	"crypto/ecdsa"
	"encoding/json"
	"strings"

	"github.com/spf13/cobra"

	"github.com/redoubt-dev/redoubt/auth/attest"
	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/threat"
	"github.com/redoubt-dev/redoubt/verify/remote"
)

// prover proves where a statement comes from: with a key, with the token of the CI job, or with both.
type prover struct {
	keyFile  string
	require  bool
	audience string

	key          *ecdsa.PrivateKey
	requestURL   string
	requestToken string
	tokens       []string // of GitLab: each proves one run
	spent        int
}

// idTokens are the variables that id_tokens of a GitLab job fills: one for each model that the job verifies.
var idTokens = []string{
	"REDOUBT_ID_TOKEN", "REDOUBT_ID_TOKEN_2", "REDOUBT_ID_TOKEN_3", "REDOUBT_ID_TOKEN_4", "REDOUBT_ID_TOKEN_5",
	"REDOUBT_ID_TOKEN_6", "REDOUBT_ID_TOKEN_7", "REDOUBT_ID_TOKEN_8", "REDOUBT_ID_TOKEN_9",
}

func (p *prover) add(e *env, c *cobra.Command) {
	c.Flags().StringVar(&p.keyFile, "signing-key", "", "file with the ECDSA P-256 private key that signs the run; REDOUBT_SIGNING_KEY holds the key itself (PEM)")
	c.Flags().BoolVar(&p.require, "require-attestation", false, "submit nothing without a proof")
	c.Flags().StringVar(&p.audience, "audience", e.getenv("REDOUBT_AUDIENCE"), "the server's public URL, for tokens; default: --server (REDOUBT_AUDIENCE)")
}

// open finds what the place offers to prove with. In a pull request no token is asked for unless attestation is required: the run is a
// preview, and servers refuse tokens of pull requests. Errors: [threat.Invalid], [threat.FailedPrecondition].
func (p *prover) open(e *env, branch string) error {
	text := []byte(e.getenv("REDOUBT_SIGNING_KEY"))
	if p.keyFile != "" {
		raw, err := e.readFile(p.keyFile, 64<<10)
		if err != nil {
			return err
		}
		text = raw
	}
	if len(text) > 0 {
		key, err := attest.ParsePrivateKey(text)
		if err != nil {
			return err
		}
		p.key = key
	}
	request := strings.HasPrefix(branch, "refs/pull/") || strings.HasPrefix(branch, "refs/merge-requests/")
	if !request || p.require {
		p.requestURL, p.requestToken = e.getenv("ACTIONS_ID_TOKEN_REQUEST_URL"), e.getenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
		for _, name := range idTokens {
			if t := e.getenv(name); t != "" {
				p.tokens = append(p.tokens, t)
			}
		}
	}
	if p.require && p.key == nil && p.requestURL == "" && len(p.tokens) == 0 {
		return threat.Errorf(threat.FailedPrecondition, "there is nothing to prove this run with").In("require-attestation").
			Hinted("GitHub: permissions: id-token: write; GitLab: id_tokens: REDOUBT_ID_TOKEN: aud: the server's URL; or --signing-key")
	}
	return nil
}

// prove makes the submission of a statement.
func (p *prover) prove(ctx context.Context, s evidence.Statement, server string) (remote.Submission, error) {
	canonical, err := s.Canonical()
	if err != nil {
		return remote.Submission{}, err
	}
	out := remote.Submission{}
	if n := len(p.tokens); n > 0 {
		if p.spent == n {
			return out, threat.Errorf(threat.FailedPrecondition, "a token proves one run, and there are %d for more models", n).In("token").
				Hinted("add %s to id_tokens, or sign with --signing-key", idTokens[min(n, len(idTokens)-1)])
		}
		out.Token = p.tokens[p.spent]
		p.spent++
	}
	if p.key != nil {
		envelope, err := attest.Sign(attest.PayloadType, canonical, p.key)
		if err != nil {
			return out, err
		}
		if out.Envelope, err = json.Marshal(envelope); err != nil {
			return out, err
		}
	} else {
		out.Statement = canonical
	}
	if p.requestURL != "" {
		audience := attest.Audience(or(p.audience, server), evidence.Hash(canonical))
		if out.Token, err = remote.GitHubToken(ctx, p.requestURL, p.requestToken, audience); err != nil {
			return out, err
		}
	}
	return out, nil
}
