package service

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/auth/attest"
	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// proof is what came with a statement to prove where it comes from, its signatures checked as far as that needs no transaction.
type proof struct {
	envelope *attest.Envelope
	signed   *evidence.Statement // what is in the envelope
	raw      string              // of the token
	token    *attest.Token
	issuer   attest.Issuer
	rules    attest.Rules // that the token was checked by
}

// none reports whether the statement came alone.
func (p *proof) none() bool { return p.envelope == nil && p.token == nil }

// read returns the statement and its canonical form; one that was signed is read already, and is canonical. Errors: [threat.Invalid].
func (p *proof) read(statement json.RawMessage) (evidence.Statement, []byte, error) {
	if p.signed != nil {
		return *p.signed, bytes.TrimSpace(statement), nil
	}
	return evidence.ReadStatement(statement)
}

// publicURL is where clients reach the server: what tokens name as their audience.
type publicURL struct{ text atomic.Pointer[string] }

// ServedAt says under which URL clients reach the service: the audience of CI tokens.
func (s *Service) ServedAt(url string) {
	url = strings.TrimSuffix(url, "/")
	s.url.text.Store(&url)
}

func (s *Service) server() string {
	if p := s.url.text.Load(); p != nil {
		return *p
	}
	return ""
}

// prove reads what came with a run and checks its signatures, for which issuers may be asked over the network. It returns the
// statement as it was signed. Errors: [threat.Invalid] with the rule in the field; [threat.Unavailable] when an issuer's keys
// cannot be had.
func (s *Service) prove(ctx context.Context, who account.Principal, in SubmitRunIn) (*proof, json.RawMessage, error) {
	p := &proof{raw: in.Token}
	statement := in.Statement
	switch {
	case len(in.Envelope) > 0 && len(in.Statement) > 0:
		return nil, nil, threat.Errorf(threat.Invalid, "there is a statement, and an envelope with another").In("envelope").Hinted("send one of them")
	case len(in.Envelope) > 0:
		e, err := attest.ParseEnvelope(in.Envelope)
		if err != nil {
			return nil, nil, err
		}
		if e.Type() != attest.PayloadType {
			return nil, nil, threat.Errorf(threat.Invalid, "the payload's type is %s", threat.Clip(e.Type(), 60)).In("envelope.payloadType").Hinted("must be %s", attest.PayloadType)
		}
		st, err := evidence.ParseStatement(e.Payload()) // what is signed must have one reading
		if err != nil {
			return nil, nil, err
		}
		p.envelope, p.signed, statement = e, &st, e.Payload()
	case len(in.Statement) == 0:
		return nil, nil, threat.Errorf(threat.Invalid, "there is no statement").In("statement").Hinted("a statement, or an envelope that holds one")
	}
	if in.Token == "" {
		return p, statement, nil
	}
	url, err := attest.Unverified(in.Token)
	if err != nil {
		return nil, nil, err
	}
	var issuers []attest.Issuer
	err = s.store.Read(ctx, func(v *store.Snapshot) (err error) {
		issuers, err = trustedIssuers(v, who.WorkspaceID)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	i := slices.IndexFunc(issuers, func(i attest.Issuer) bool { return i.URL == url })
	if i < 0 {
		return nil, nil, threat.Errorf(threat.Invalid, "the workspace does not trust the token's issuer").In("proof.issuer").
			Hinted("trusted: %s; an admin adds others in the settings", issuerWords(issuers))
	}
	p.issuer = issuers[i]
	p.token, err = s.tokens.Verify(ctx, in.Token, p.issuer, s.store.Now())
	return p, statement, err
}

func issuerWords(issuers []attest.Issuer) string {
	words := make([]string, len(issuers))
	for i, x := range issuers {
		words[i] = x.URL
	}
	return joinWords(words)
}

// trustedIssuers returns the issuers that a workspace trusts.
func trustedIssuers(v *store.Snapshot, workspace string) ([]attest.Issuer, error) {
	out := attest.Trusted()
	custom, err := v.Issuers(workspace)
	if err != nil {
		return nil, err
	}
	for _, c := range custom {
		i := attest.Issuer{URL: c.URL, Kind: attest.Kind(c.Kind), Bound: c.Bound}
		if err := json.Unmarshal([]byte(c.Claims), &i.Claims); err != nil {
			return nil, err
		}
		out = append(out, i)
	}
	return out, nil
}

func requiredClaims(v *store.Snapshot, workspace string) ([]attest.Required, error) {
	rows, err := v.RequiredClaims(workspace)
	out := make([]attest.Required, len(rows))
	for i, r := range rows {
		out[i] = attest.Required{Issuer: r.Issuer, Claim: r.Claim, Pattern: r.Pattern}
	}
	return out, err
}

// attest decides what a proof proves, and spends it: the signer, and when the token was issued. Every proof that is there must hold. A
// counted run without one is refused where the workspace asks for more (specification §7.7). Errors name the rule in the field.
func (r *submission) attest(p *proof, server string, policy policy, now time.Time) error {
	required, err := requiredClaims(r.tx.View(), r.workspace)
	if err != nil {
		return err
	}
	keys, err := r.tx.SigningKeys(r.workspace)
	if err != nil {
		return err
	}
	if p.none() {
		return r.unproven(policy, keys, required)
	}
	st := r.statement.Predicate
	if p.envelope != nil {
		if err := checkEnvelope(p.envelope, keys, st.Repo, now); err != nil {
			return err
		}
		r.info.Signer = p.envelope.KeyID()
	}
	if p.token != nil {
		stated := attest.Stated{Repo: st.Repo, Commit: st.Commit, Branch: st.Branch, Digest: r.digest}
		p.rules = attest.Rules{Server: server, Required: required, PullRequests: policy.settings.PullRequests}
		if err := p.token.Check(p.issuer, stated, p.rules, now); err != nil {
			return err
		}
		if err := r.tx.SpendToken(r.workspace, p.issuer.URL, p.token.ID, r.info.ID, p.token.Expiry.Add(2*attest.Skew)); err != nil {
			return err
		}
		r.info.IssuedAt = p.token.IssuedAt.UTC()
		if r.info.Signer == "" {
			r.info.Signer = p.issuer.URL
		}
	}
	r.info.Attested = true
	return nil
}

// checkEnvelope checks the signature of an envelope against the workspace's keys.
func checkEnvelope(e *attest.Envelope, keys []store.SigningKey, repo string, now time.Time) error {
	bad := func(rule, format string, args ...any) *threat.Error {
		return threat.Errorf(threat.Invalid, format, args...).In("proof." + rule)
	}
	i := slices.IndexFunc(keys, func(k store.SigningKey) bool { return k.Fingerprint == e.KeyID() })
	if i < 0 {
		return bad("key", "the workspace has no signing key %s", threat.Clip(e.KeyID(), 80)).Hinted("an admin registers its public key in the settings")
	}
	k := keys[i]
	public, err := attest.ParsePublicKey([]byte(k.PublicKey))
	if err != nil {
		return fmt.Errorf("service: signing key %s cannot be read: %w", k.Fingerprint, err)
	}
	if err := e.Verify(public); err != nil {
		return fieldError(err, "proof")
	}
	switch {
	case k.RevokedAt != nil && !now.Before(*k.RevokedAt):
		return bad("key", "the signing key %s was revoked at %s", k.Fingerprint, k.RevokedAt.Format(time.RFC3339)).Hinted("sign with a key that is in force")
	case k.CompromisedSince != nil && !now.Before(*k.CompromisedSince):
		return bad("key", "the signing key %s is compromised since %s", k.Fingerprint, k.CompromisedSince.Format(time.RFC3339))
	case !slices.Contains(k.Repos, repo):
		return bad("key.repo", "the signing key %s does not speak for %s", k.Fingerprint, threat.Clip(repo, 80)).
			Hinted("it speaks for %s", threat.Clip(joinWords(k.Repos), 300))
	}
	return nil
}

// unproven decides about a run without a proof: a preview changes nothing and is taken.
func (r *submission) unproven(p policy, keys []store.SigningKey, required []attest.Required) error {
	if !r.out.Counted {
		return nil
	}
	bad := func(rule, why string) error {
		return threat.Errorf(threat.FailedPrecondition, "a run on %s needs a proof: %s", r.out.Branch, why).In("proof." + rule).
			Hinted("run in CI with an OIDC token (GitHub: permissions id-token: write; GitLab: id_tokens), or with --signing-key; docs/attestation.md")
	}
	if p.settings.RequireAttestation {
		return bad("require_attestation", "the workspace requires attestation")
	}
	if slices.ContainsFunc(keys, func(k store.SigningKey) bool { return k.RevokedAt == nil }) {
		return bad("signing_key", "the workspace has a signing key")
	}
	if len(required) > 0 {
		return bad("required_claims", "the workspace requires claims of tokens")
	}
	before, err := r.tx.HasAttestedRun(r.workspace, r.pull.Repo)
	if err != nil {
		return err
	}
	if before {
		return bad("attested_before", "runs on this repository had one before")
	}
	return nil
}

// stored returns what the run keeps of its proof.
func (p *proof) stored() (string, error) {
	if p.none() {
		return "", nil
	}
	out := attest.Proof{Token: p.raw}
	if p.envelope != nil {
		raw, err := json.Marshal(p.envelope)
		if err != nil {
			return "", err
		}
		if out.Envelope, err = evidence.Canonicalize(raw); err != nil {
			return "", err
		}
	}
	if p.token != nil {
		out.Issuer, out.Required, out.Audience, out.Requests = &p.issuer, p.rules.Required, p.rules.Server, p.rules.PullRequests
		keys, err := evidence.Canonicalize(p.token.JWKS)
		if err != nil {
			return "", err
		}
		out.JWKS = keys
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(out)
	return strings.TrimSpace(b.String()), err
}

// judges checks that Tier 2 verdicts come from judges that the workspace allows.
func (r *submission) judges(p policy) error {
	for i := range r.statement.Predicate.Results {
		x := &r.statement.Predicate.Results[i]
		if x.Tier == evidence.Tier2 && (x.Verdict == evidence.Pass || x.Verdict == evidence.Fail) && !p.settings.Allows(x.Judge) {
			return threat.Errorf(threat.FailedPrecondition, "the workspace does not allow the judge %s", threat.Clip(x.Judge, 80)).
				In(fmt.Sprintf("statement.predicate.results.%d.judge", i)).
				Hinted("allowed: %s; exec:… is only where attestation is not required or allowed_judges lists it", cmp.Or(joinWords(p.settings.AllowedJudges), "any"))
		}
	}
	return nil
}
