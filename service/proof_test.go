package service_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/auth/attest"
	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/internal/testenv/live"
	"github.com/redoubt-dev/redoubt/pipeline"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/threat"
)

const publicURL = "https://redoubt.example.org"

// gate is a site whose workspace decides which runs count, and an issuer of CI tokens.
type gate struct {
	*site
	issuer *testenv.Issuer
	admin  account.Principal
}

func newGate(t testing.TB) *gate {
	t.Helper()
	expert, err := live.Expert()
	if err != nil {
		t.Fatal(err)
	}
	issuer := testenv.NewIssuer(t)
	b := benchWith(t, service.Config{
		Engines: []pipeline.Engine{expert}, Log: zerolog.Nop(),
		Issuers: attest.Network{Allowed: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Roots: issuer.Roots()},
	})
	b.ServedAt(publicURL + "/")
	issuer.Now = b.clock.Now
	g := &gate{site: &site{bench: b, t: t, model: addSite(t, b), ci: b.who}, issuer: issuer, admin: b.who}
	g.ci.Scope, g.ci.KeyID = account.Verifier, testenv.NewID(t)
	g.admin.Scope = account.Admin
	g.site.submit(exists)
	g.implement("C2")
	return g
}

// trust makes the workspace take tokens of the issuer for jobs of acme.
func (g *gate) trust() {
	g.t.Helper()
	must(g.AddIssuer(ctx, g.admin, service.AddIssuerIn{Issuer: attest.Issuer{URL: g.issuer.URL, Kind: attest.GitHub}}))(g.t)
	must(g.AddRequiredClaim(ctx, g.admin, service.AddRequiredClaimIn{Required: attest.Required{Issuer: g.issuer.URL, Claim: "repository_owner", Pattern: "acme"}}))(g.t)
}

// key registers a signing key for the repository.
func (g *gate) key(name string) *ecdsa.PrivateKey {
	g.t.Helper()
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(g.t)
	must(g.AddSigningKey(ctx, g.admin, service.AddSigningKeyIn{Name: name, PublicKey: attest.PublicPEM(&key.PublicKey), Repos: []string{repo}}))(g.t)
	return key
}

func envelope(t testing.TB, payload []byte, key *ecdsa.PrivateKey) json.RawMessage {
	t.Helper()
	e := must(attest.Sign(attest.PayloadType, payload, key))(t)
	return must(json.Marshal(e))(t)
}

// token mints the token of a GitHub job for a statement, with claims of its own.
func (g *gate) token(raw []byte, claims map[string]any) string {
	all := testenv.GitHubClaims(repo, commit, "refs/heads/main")
	all["aud"] = attest.Audience(publicURL, evidence.Hash(raw))
	maps.Copy(all, claims)
	return g.issuer.Mint(all)
}

// in makes the submission of an answer to a new pull.
func (g *gate) in(says map[threat.ID]say, branch string) service.SubmitRunIn {
	g.t.Helper()
	p := predicate(g.pull(), says)
	p.Branch = branch
	return service.SubmitRunIn{ModelID: g.model, Statement: statement(g.t, p)}
}

func (g *gate) verification() evidence.Verification {
	g.t.Helper()
	out := must(g.GetControls(ctx, g.who, service.GetControlsIn{ModelID: g.model, IDs: []threat.ID{"C2"}, Limit: ptr(1)}))(g.t)
	return out.Controls[0].Verification
}

// refused checks a refusal by its code and its rule, that nothing changed, and that the activity has it.
func (g *gate) refused(in service.SubmitRunIn, code threat.Code, field string) {
	g.t.Helper()
	before := g.verification()
	_, err := g.SubmitRun(ctx, g.ci, in)
	var te *threat.Error
	if !errors.As(err, &te) || te.Code != code || te.Field != field {
		g.t.Errorf("%v; want %s in %s", err, code, field)
		return
	}
	if after := g.verification(); after != before {
		g.t.Errorf("refused by %s, and C2 went from %s to %s", field, before, after)
	}
	if code == threat.Unavailable {
		return
	}
	log := must(g.GetActivity(ctx, g.who, service.GetActivityIn{Limit: ptr(1)}))(g.t)
	raw := string(must(json.Marshal(log.Activity[0]))(g.t))
	if !strings.Contains(raw, `"refused"`) || !strings.Contains(raw, field) || !strings.Contains(raw, "submit_run") {
		g.t.Errorf("the activity has %s for %s", raw, field)
	}
}

func TestRunsWithoutAProof(t *testing.T) {
	for about, c := range map[string]struct {
		decide func(g *gate)
		field  string
	}{
		"attestation is required": {func(g *gate) {
			must(g.EditSettings(ctx, g.admin, service.EditSettingsIn{RequireAttestation: ptr(true), AllowedJudges: &[]string{"exec:*"}}))(t)
		}, "proof.require_attestation"},
		"there is a signing key": {func(g *gate) { g.key("ci") }, "proof.signing_key"},
		"claims are required":    {func(g *gate) { g.trust() }, "proof.required_claims"},
		"one had a proof before": {func(g *gate) {
			key := g.key("ci")
			in := g.in(nil, "main")
			in.Envelope, in.Statement = envelope(t, in.Statement, key), nil
			must(g.SubmitRun(ctx, g.ci, in))(t)
			must(g.RevokeSigningKey(ctx, g.admin, service.RevokeSigningKeyIn{Fingerprint: attest.Fingerprint(&key.PublicKey)}))(t)
		}, "proof.attested_before"},
	} {
		t.Run(about, func(t *testing.T) {
			g := newGate(t)
			c.decide(g)
			g.refused(g.in(nil, "main"), threat.FailedPrecondition, c.field)
			out := must(g.SubmitRun(ctx, g.ci, g.in(nil, "feature")))(t)
			if out.Counted || out.Attested {
				t.Errorf("a preview is %+v", out)
			}
		})
	}
	g := newGate(t)
	if out := must(g.SubmitRun(ctx, g.ci, g.in(nil, "main")))(t); !out.Counted || out.Attested || g.verification() != evidence.Verified {
		t.Errorf("where nothing is decided a verifier key's word counts: %+v, C2 is %s", out, g.verification())
	}
}

func TestRunWithAKey(t *testing.T) {
	g := newGate(t)
	key := g.key("ci")
	in := g.in(nil, "main")
	plain := in.Statement
	in.Envelope, in.Statement = envelope(t, plain, key), nil
	out := must(g.SubmitRun(ctx, g.ci, in))(t)
	if !out.Counted || !out.Attested || out.Signer != attest.Fingerprint(&key.PublicKey) || g.verification() != evidence.Verified {
		t.Errorf("%+v, C2 is %s", out, g.verification())
	}
	again := must(g.SubmitRun(ctx, g.ci, in))(t) // the same statement again gets the first answer
	if again.RunID != out.RunID {
		t.Errorf("the statement made another run: %+v", again)
	}

	// From another key, of no workspace or of another one.
	stranger := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	next := g.in(nil, "main")
	next.Envelope, next.Statement = envelope(t, next.Statement, stranger), nil
	g.refused(next, threat.Invalid, "proof.key")

	// Results changed after signing.
	signed := g.in(nil, "main")
	other := strings.Replace(string(signed.Statement), `"verdict":"pass"`, `"verdict":"fail"`, 1)
	var e struct {
		PayloadType string           `json:"payloadType"`
		Payload     []byte           `json:"payload"`
		Signatures  []map[string]any `json:"signatures"`
	}
	if err := json.Unmarshal(envelope(t, signed.Statement, key), &e); err != nil {
		t.Fatal(err)
	}
	e.Payload = []byte(other)
	forged := service.SubmitRunIn{ModelID: g.model, Envelope: must(json.Marshal(e))(t)}
	g.refused(forged, threat.Invalid, "statement") // its subject is the digest of other results
	p := predicate(g.pull(), map[threat.ID]say{"E1": {one: evidence.Fail}})
	e.Payload = statement(t, p)
	g.refused(service.SubmitRunIn{ModelID: g.model, Envelope: must(json.Marshal(e))(t)}, threat.Invalid, "proof.envelope.signature")

	// Another version of the predicate, another payload, both forms at once.
	e.Payload = []byte(strings.Replace(string(plain), "verification-run/v1", "verification-run/v2", 1))
	g.refused(service.SubmitRunIn{ModelID: g.model, Envelope: envelope(t, e.Payload, key)}, threat.Invalid, "statement")
	loose := g.in(nil, "main")
	spaced := append([]byte(" "), loose.Statement...)
	g.refused(service.SubmitRunIn{ModelID: g.model, Envelope: envelope(t, append(spaced[1:len(spaced)-1:len(spaced)-1], " }"...), key)}, threat.Invalid, "statement")
	typed := must(attest.Sign("application/json", loose.Statement, key))(t)
	g.refused(service.SubmitRunIn{ModelID: g.model, Envelope: must(json.Marshal(typed))(t)}, threat.Invalid, "envelope.payloadType")
	g.refused(service.SubmitRunIn{ModelID: g.model, Envelope: envelope(t, loose.Statement, key), Statement: loose.Statement}, threat.Invalid, "envelope")
	g.refused(service.SubmitRunIn{ModelID: g.model}, threat.Invalid, "statement")

	// Another repository than the key's.
	model := addSite(t, g.bench)
	must(g.SubmitAssertions(ctx, g.who, service.SubmitAssertionsIn{ModelID: model, Assertions: []service.NewAssertion{func() service.NewAssertion { a := exists; a.Repo = "acme/other"; return a }()}}))(t)
	pull := must(g.PullAssertions(ctx, g.ci, service.PullAssertionsIn{ModelID: model, Repo: "acme/other"}))(t)
	g.refused(service.SubmitRunIn{ModelID: model, Envelope: envelope(t, statement(t, predicate(pull, nil)), key)}, threat.Invalid, "proof.key.repo")

	// A statement for another model.
	there := g.in(nil, "main")
	g.refused(service.SubmitRunIn{ModelID: model, Envelope: envelope(t, there.Statement, key)}, threat.Invalid, "statement.predicate.model")

	// Rotated: both keys sign; the old one, revoked, does no more, and what it proved stays.
	second := g.key("ci-2")
	rotated := g.in(nil, "main")
	rotated.Envelope, rotated.Statement = envelope(t, rotated.Statement, second), nil
	must(g.SubmitRun(ctx, g.ci, rotated))(t)
	must(g.RevokeSigningKey(ctx, g.admin, service.RevokeSigningKeyIn{Fingerprint: attest.Fingerprint(&key.PublicKey)}))(t)
	late := g.in(nil, "main")
	late.Envelope, late.Statement = envelope(t, late.Statement, key), nil
	g.refused(late, threat.Invalid, "proof.key")
	if g.verification() != evidence.Verified {
		t.Errorf("C2 is %s after the revocation of a key", g.verification())
	}
}

func TestCompromisedKey(t *testing.T) {
	g := newGate(t)
	key := g.key("ci")
	signedRun := func(key *ecdsa.PrivateKey, says map[threat.ID]say) {
		t.Helper()
		in := g.in(says, "main")
		in.Envelope, in.Statement = envelope(t, in.Statement, key), nil
		must(g.SubmitRun(ctx, g.ci, in))(t)
	}
	signedRun(key, nil)
	print := attest.Fingerprint(&key.PublicKey)
	g.clock.Advance(time.Hour)
	must(g.RevokeSigningKey(ctx, g.admin, service.RevokeSigningKeyIn{Fingerprint: print, CompromisedSince: g.clock.Now().Add(-time.Minute).Format(time.RFC3339)}))(t)
	if v := g.verification(); v != evidence.Verified {
		t.Errorf("C2 is %s: the run was before", v)
	}
	must(g.RevokeSigningKey(ctx, g.admin, service.RevokeSigningKeyIn{Fingerprint: print, CompromisedSince: g.clock.Now().Add(-2 * time.Hour).Format(time.RFC3339)}))(t)
	if v := g.verification(); v != evidence.Stale {
		t.Errorf("C2 is %s: the run was after", v)
	}
	// What counts no more is not carried over: it is pulled as unknown, and "unchanged" is refused.
	pull := g.pull()
	if pull.Assertions[0].Tier1 != nil || pull.Assertions[0].Tier2 != nil {
		t.Errorf("the pull still shows %+v", pull.Assertions[0].Tier1)
	}
	second := g.key("ci-2")
	p := predicate(pull, map[threat.ID]say{"E1": {one: evidence.Unchanged, two: evidence.Skipped}})
	g.refused(service.SubmitRunIn{ModelID: g.model, Envelope: envelope(t, statement(t, p), second)}, threat.Invalid, "statement.predicate.results")
	signedRun(second, nil)
	if v := g.verification(); v != evidence.Verified {
		t.Errorf("C2 is %s after a run with a new key", v)
	}
	// A date cannot be moved forward, nor lie ahead.
	must(g.RevokeSigningKey(ctx, g.admin, service.RevokeSigningKeyIn{Fingerprint: print, CompromisedSince: g.clock.Now().Format(time.RFC3339)}))(t)
	out := must(g.GetSettings(ctx, g.admin, service.GetSettingsIn{}))(t)
	if since := out.SigningKeys[0].CompromisedSince; since == nil || since.After(g.clock.Now().Add(-time.Hour)) {
		t.Errorf("compromised since %v", since)
	}
	_, err := g.RevokeSigningKey(ctx, g.admin, service.RevokeSigningKeyIn{Fingerprint: print, CompromisedSince: g.clock.Now().Add(time.Hour).Format(time.RFC3339)})
	if threat.CodeOf(err) != threat.Invalid {
		t.Error(err)
	}
}

// Turning the requirement on makes unattested results stale at once, a failure stays one, and what an unattested run said is not made
// attested by carrying it over.
func TestRequireAttestation(t *testing.T) {
	g := newGate(t)
	g.site.submit(calls3)
	g.implement("C3")
	g.run(map[threat.ID]say{"E2": {one: evidence.Fail}})
	if g.verification() != evidence.Verified {
		t.Fatal(g.verification())
	}
	must(g.EditSettings(ctx, g.admin, service.EditSettingsIn{RequireAttestation: ptr(true), AllowedJudges: &[]string{"exec:*"}}))(t)
	if v := g.verification(); v != evidence.Stale {
		t.Errorf("C2 is %s", v)
	}
	if v := g.stored()["C3"].Evidence.Status; v != evidence.Failed {
		t.Errorf("C3 is %s", v)
	}
	g.trust()
	in := g.in(nil, "main")
	in.Token = g.token(in.Statement, nil)
	out := must(g.SubmitRun(ctx, g.ci, in))(t)
	if !out.Attested || out.Signer != g.issuer.URL || g.verification() != evidence.Verified {
		t.Errorf("%+v, C2 is %s", out, g.verification())
	}
	for _, row := range must(g.AssessModel(ctx, g.who, service.AssessModelIn{ModelID: g.model, Limit: ptr(50)}))(t).Objectives {
		if slices.Contains([]threat.ID{"CO-A1-T2"}, row.ID) && !row.Attested {
			t.Errorf("%+v", row)
		}
	}
	must(g.EditSettings(ctx, g.admin, service.EditSettingsIn{RequireAttestation: ptr(false)}))(t)
	if v := g.verification(); v != evidence.Verified {
		t.Errorf("C2 is %s", v)
	}
}

func TestRunWithAToken(t *testing.T) {
	g := newGate(t)
	first := g.in(nil, "main")
	first.Token = g.token(first.Statement, nil)
	g.refused(first, threat.Invalid, "proof.issuer") // nobody trusts it yet
	must(g.AddIssuer(ctx, g.admin, service.AddIssuerIn{Issuer: attest.Issuer{URL: g.issuer.URL, Kind: attest.GitHub}}))(t)
	g.refused(first, threat.FailedPrecondition, "proof.required_claims")
	g.trust2()
	out := must(g.SubmitRun(ctx, g.ci, first))(t)
	if !out.Attested || !out.Counted {
		t.Errorf("%+v", out)
	}
	// The same token for another statement, and a token for another audience.
	second := g.in(nil, "main")
	second.Token = first.Token
	g.refused(second, threat.Invalid, "proof.audience")
	same := g.in(nil, "main")
	same.Token = g.token(same.Statement, map[string]any{"jti": "jti-1"}) // spent by the first, which was minted first
	g.refused(same, threat.Conflict, "proof.jti")
	for about, c := range map[string]struct {
		claims map[string]any
		field  string
	}{
		"expired":            {map[string]any{"exp": g.clock.Now().Add(-time.Hour).Unix()}, "proof.exp"},
		"another repository": {map[string]any{"repository": "acme/other"}, "proof.repository"},
		"another commit":     {map[string]any{"sha": strings.Repeat("1", 40)}, "proof.sha"},
		"another branch":     {map[string]any{"ref": "refs/heads/other"}, "proof.ref"},
		"a pull request":     {map[string]any{"event_name": "pull_request"}, "proof.event_name"},
		"another owner":      {map[string]any{"repository_owner": "evil"}, "proof.repository_owner"},
	} {
		t.Run(about, func(t *testing.T) {
			in := g.in(nil, "main")
			in.Token = g.token(in.Statement, c.claims)
			g.refused(in, threat.Invalid, c.field)
		})
	}
	// A wrong token is not made good by a right key, nor a wrong key by a right token.
	key := g.key("ci")
	both := g.in(nil, "main")
	plain := both.Statement
	both.Envelope, both.Statement = envelope(t, plain, key), nil
	both.Token = g.token(plain, map[string]any{"sha": strings.Repeat("1", 40)})
	g.refused(both, threat.Invalid, "proof.sha")
	stranger := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	both.Envelope, both.Token = envelope(t, plain, stranger), g.token(plain, nil)
	g.refused(both, threat.Invalid, "proof.key")
	both.Envelope = envelope(t, plain, key)
	if out := must(g.SubmitRun(ctx, g.ci, both))(t); out.Signer != attest.Fingerprint(&key.PublicKey) {
		t.Errorf("%+v", out)
	}
	// The issuer is down and its keys changed.
	g.issuer.Rotate()
	g.issuer.Down(true)
	down := g.in(nil, "main")
	down.Token = g.token(down.Statement, nil)
	g.refused(down, threat.Unavailable, "proof.issuer")
	g.issuer.Down(false)
	must(g.SubmitRun(ctx, g.ci, down))(t)

	// Pull requests, where they are allowed, are previews.
	must(g.EditSettings(ctx, g.admin, service.EditSettingsIn{PullRequests: ptr(true)}))(t)
	request := g.in(map[threat.ID]say{"E1": {one: evidence.Fail}}, "refs/pull/7/merge")
	request.Token = g.token(request.Statement, map[string]any{"event_name": "pull_request", "ref": "refs/pull/7/merge"})
	preview := must(g.SubmitRun(ctx, g.ci, request))(t)
	if preview.Counted || !preview.Attested || g.verification() != evidence.Verified || len(preview.Controls) != 1 {
		t.Errorf("%+v, C2 is %s", preview, g.verification())
	}
}

// trust2 requires the claim that trust does.
func (g *gate) trust2() {
	g.t.Helper()
	must(g.AddRequiredClaim(ctx, g.admin, service.AddRequiredClaimIn{Required: attest.Required{Claim: "repository_owner", Pattern: "acme"}}))(g.t)
}

// A token issued earlier than the one behind a result does not replace it, though its nonce is newer.
func TestOlderTokenReplacesNothing(t *testing.T) {
	g := newGate(t)
	g.trust()
	now := g.in(nil, "main")
	now.Token = g.token(now.Statement, nil)
	must(g.SubmitRun(ctx, g.ci, now))(t)
	older := g.in(map[threat.ID]say{"E1": {one: evidence.Fail}}, "main")
	older.Token = g.token(older.Statement, map[string]any{"iat": g.clock.Now().Add(-time.Minute).Unix()})
	out := must(g.SubmitRun(ctx, g.ci, older))(t)
	if g.verification() != evidence.Verified || len(out.Drift) != 0 {
		t.Errorf("%+v, C2 is %s", out, g.verification())
	}
}

func TestAllowedJudges(t *testing.T) {
	g := newGate(t)
	must(g.EditSettings(ctx, g.admin, service.EditSettingsIn{AllowedJudges: &[]string{"anthropic:*", "openai:gpt-5"}}))(t)
	g.refused(g.in(nil, "main"), threat.FailedPrecondition, "statement.predicate.results.1.judge")
	must(g.EditSettings(ctx, g.admin, service.EditSettingsIn{AllowedJudges: &[]string{"exec:*"}}))(t)
	g.run(nil)
	if g.verification() != evidence.Verified {
		t.Error(g.verification())
	}
	// Where attestation is required, a proof does not vouch for a command that nobody listed.
	g.trust()
	must(g.EditSettings(ctx, g.admin, service.EditSettingsIn{RequireAttestation: ptr(true), AllowedJudges: &[]string{}}))(t)
	proven := func() service.SubmitRunIn {
		in := g.in(nil, "main")
		in.Token = g.token(in.Statement, nil)
		return in
	}
	g.refused(proven(), threat.FailedPrecondition, "statement.predicate.results.1.judge")
	must(g.EditSettings(ctx, g.admin, service.EditSettingsIn{AllowedJudges: &[]string{"exec:test"}}))(t)
	if out := must(g.SubmitRun(ctx, g.ci, proven()))(t); !out.Attested {
		t.Errorf("%+v", out)
	}
}

func TestStaleAfterOfAWorkspace(t *testing.T) {
	g := newGate(t)
	g.run(nil)
	g.clock.Advance(8 * 24 * time.Hour)
	if g.verification() != evidence.Verified {
		t.Error(g.verification())
	}
	must(g.EditSettings(ctx, g.admin, service.EditSettingsIn{StaleAfterDays: ptr(7)}))(t)
	if g.verification() != evidence.Stale {
		t.Error(g.verification())
	}
}

func TestSettingsRefuse(t *testing.T) {
	g := newGate(t)
	key := g.key("ci")
	p384 := must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))(t)
	public := attest.PublicPEM(&must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t).PublicKey)
	before := string(must(json.Marshal(must(g.GetSettings(ctx, g.admin, service.GetSettingsIn{}))(t)))(t))
	first := func(_ service.SettingsOut, err error) error { return err }
	for about, c := range map[string]struct {
		err   error
		code  threat.Code
		field string
	}{
		"P-384":           {first(g.AddSigningKey(ctx, g.admin, service.AddSigningKeyIn{Name: "x", PublicKey: attest.PublicPEM(&p384.PublicKey), Repos: []string{repo}})), threat.Invalid, "public_key"},
		"no repository":   {first(g.AddSigningKey(ctx, g.admin, service.AddSigningKeyIn{Name: "x", PublicKey: public})), threat.Invalid, "repos"},
		"no name":         {first(g.AddSigningKey(ctx, g.admin, service.AddSigningKeyIn{PublicKey: public, Repos: []string{repo}})), threat.Invalid, "name"},
		"name taken":      {first(g.AddSigningKey(ctx, g.admin, service.AddSigningKeyIn{Name: "ci", PublicKey: public, Repos: []string{repo}})), threat.Conflict, "name"},
		"key twice":       {first(g.AddSigningKey(ctx, g.admin, service.AddSigningKeyIn{Name: "x", PublicKey: attest.PublicPEM(&key.PublicKey), Repos: []string{repo}})), threat.Conflict, "public_key"},
		"no such key":     {first(g.RevokeSigningKey(ctx, g.admin, service.RevokeSigningKeyIn{Fingerprint: "x"})), threat.NotFound, "fingerprint"},
		"http issuer":     {first(g.AddIssuer(ctx, g.admin, service.AddIssuerIn{Issuer: attest.Issuer{URL: "http://a", Kind: attest.GitLab}})), threat.Invalid, "url"},
		"trusted anyway":  {first(g.AddIssuer(ctx, g.admin, service.AddIssuerIn{Issuer: attest.Issuer{URL: attest.GitLabURL, Kind: attest.GitLab}})), threat.Conflict, "url"},
		"no such issuer":  {first(g.RemoveIssuer(ctx, g.admin, service.RemoveIssuerIn{URL: "https://a"})), threat.NotFound, "url"},
		"claim aud":       {first(g.AddRequiredClaim(ctx, g.admin, service.AddRequiredClaimIn{Required: attest.Required{Claim: "aud", Pattern: "x"}})), threat.Invalid, "claim"},
		"unknown issuer":  {first(g.AddRequiredClaim(ctx, g.admin, service.AddRequiredClaimIn{Required: attest.Required{Issuer: "https://a", Claim: "a", Pattern: "x"}})), threat.Invalid, "issuer"},
		"no such claim":   {first(g.RemoveRequiredClaim(ctx, g.admin, service.RemoveRequiredClaimIn{ClaimID: "x"})), threat.NotFound, "claim_id"},
		"stale after":     {first(g.EditSettings(ctx, g.admin, service.EditSettingsIn{StaleAfterDays: ptr(400)})), threat.Invalid, "stale_after_days"},
		"engine":          {first(g.EditSettings(ctx, g.admin, service.EditSettingsIn{DefaultEngine: ptr("none")})), threat.Invalid, "default_engine"},
		"judge":           {first(g.EditSettings(ctx, g.admin, service.EditSettingsIn{AllowedJudges: &[]string{""}})), threat.Invalid, "allowed_judges"},
		"a developer key": {first(g.EditSettings(ctx, g.who, service.EditSettingsIn{})), threat.Forbidden, ""},
	} {
		var te *threat.Error
		if !errors.As(c.err, &te) || te.Code != c.code || te.Field != c.field {
			t.Errorf("%s: %v; want %s in %s", about, c.err, c.code, c.field)
		}
	}
	if after := string(must(json.Marshal(must(g.GetSettings(ctx, g.admin, service.GetSettingsIn{}))(t)))(t)); after != before {
		t.Errorf("refused calls changed the settings:\n%s\n%s", before, after)
	}
}
