package attest_test

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/redoubt-dev/redoubt/auth/attest"
	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/threat"
)

const (
	server = "https://redoubt.example.org"
	commit = "0123456789012345678901234567890123456789"
	digest = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
)

var (
	stated   = attest.Stated{Repo: "acme/payments", Commit: commit, Branch: "main", Digest: digest}
	loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
)

// trust is an issuer with what a workspace asks of its tokens.
type trust struct {
	env    *testenv.Issuer
	tokens *attest.Tokens
	issuer attest.Issuer
	rules  attest.Rules
}

func newTrust(t testing.TB, kind attest.Kind, required ...attest.Required) *trust {
	t.Helper()
	env := testenv.NewIssuer(t)
	issuer, err := attest.Issuer{URL: env.URL, Kind: kind}.Check()
	if err != nil {
		t.Fatal(err)
	}
	return &trust{
		env: env, issuer: issuer, rules: attest.Rules{Server: server, Required: required},
		tokens: attest.NewTokens(attest.Network{Allowed: loopback, Roots: env.Roots()}),
	}
}

// judge takes a token the whole way.
func (x *trust) judge(t testing.TB, raw string) (*attest.Token, error) {
	t.Helper()
	if _, err := attest.Unverified(raw); err != nil {
		return nil, err
	}
	token, err := x.tokens.Verify(t.Context(), raw, x.issuer, time.Now())
	if err != nil {
		return nil, err
	}
	return token, token.Check(x.issuer, stated, x.rules, time.Now())
}

func with(claims map[string]any, more ...any) map[string]any {
	out := maps.Clone(claims)
	for i := 0; i < len(more); i += 2 {
		out[more[i].(string)] = more[i+1]
	}
	return out
}

var owner = attest.Required{Claim: "repository_owner", Pattern: "acme"}

func TestGitHubToken(t *testing.T) {
	x := newTrust(t, attest.GitHub, owner, attest.Required{Claim: "job_workflow_ref", Pattern: "acme/payments/.github/workflows/*@refs/heads/main"},
		attest.Required{Claim: "environment", Pattern: "staging"}, attest.Required{Claim: "environment", Pattern: "verification"})
	claims := with(testenv.GitHubClaims("acme/payments", commit, "refs/heads/main"), "aud", attest.Audience(server, digest))
	raw := x.env.Mint(claims)
	token, err := x.judge(t, raw)
	if err != nil {
		t.Fatal(err)
	}
	if token.ID == "" || token.IssuedAt.IsZero() {
		t.Errorf("%+v", token)
	}
	// Offline, with the snapshot.
	again, err := attest.VerifyOffline(raw, x.issuer.URL, token.JWKS)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Check(x.issuer, stated, x.rules, time.Now()); err != nil {
		t.Error(err)
	}
	other := newTrust(t, attest.GitHub, owner)
	set := other.env.Mint(claims)
	strange, err := other.tokens.Verify(t.Context(), set, other.issuer, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	_, err = attest.VerifyOffline(raw, x.issuer.URL, strange.JWKS)
	wantField(t, err, threat.Invalid, "proof.signature")

	// A thousand tokens cost one fetch; a new key costs another.
	fetched := x.env.Fetch.Load()
	for range 20 {
		if _, err := x.judge(t, x.env.Mint(claims)); err != nil {
			t.Fatal(err)
		}
	}
	if n := x.env.Fetch.Load(); n != fetched {
		t.Errorf("the key set was fetched %d times more", n-fetched)
	}
	x.env.Rotate()
	if _, err := x.judge(t, x.env.Mint(claims)); err != nil {
		t.Error(err)
	}
}

func TestGitLabToken(t *testing.T) {
	x := newTrust(t, attest.GitLab, attest.Required{Claim: "project_path", Pattern: "acme/**"}, attest.Required{Claim: "ref_protected", Pattern: "true"},
		attest.Required{Claim: "runner_id", Pattern: "5"})
	claims := with(testenv.GitLabClaims("acme/payments", commit, "main"), "aud", server)
	for about, c := range map[string]map[string]any{
		"the server's URL": claims, "with a slash": with(claims, "aud", server+"/"), "one of two": with(claims, "aud", []string{"other", server}),
		"with the digest": with(claims, "aud", attest.Audience(server, digest)),
	} {
		if _, err := x.judge(t, x.env.Mint(c)); err != nil {
			t.Errorf("%s: %v", about, err)
		}
	}
	for about, c := range map[string]struct {
		claims map[string]any
		field  string
	}{
		"another audience":   {with(claims, "aud", "https://other.example.org"), "proof.audience"},
		"another statement":  {with(claims, "aud", attest.Audience(server, strings.Repeat("b", 64))), "proof.audience"},
		"a merge request":    {with(claims, "pipeline_source", "merge_request_event"), "proof.pipeline_source"},
		"a tag":              {with(claims, "ref_type", "tag"), "proof.ref"},
		"not protected":      {with(claims, "ref_protected", "false"), "proof.ref_protected"},
		"a subgroup's":       {with(claims, "project_path", "acme/sub/payments"), "proof.project_path"},
		"a number elsewhere": {with(claims, "runner_id", 6), "proof.runner_id"},
	} {
		_, err := x.judge(t, x.env.Mint(c.claims))
		if err == nil {
			t.Errorf("%s is accepted", about)
			continue
		}
		wantField(t, err, threat.Invalid, c.field)
	}
	x.rules.PullRequests = true
	c := with(claims, "pipeline_source", "merge_request_event", "ref_path", "refs/merge-requests/1/head")
	_, err := x.judge(t, x.env.Mint(c))
	wantField(t, err, threat.Invalid, "proof.ref") // the statement says main
	for _, event := range []string{"merge_request_event", "external_pull_request_event"} {
		_, err = x.judge(t, x.env.Mint(with(claims, "pipeline_source", event))) // its ref is the branch that asks to be merged
		wantField(t, err, threat.Invalid, "proof.pipeline_source")
	}
}

// Where tokens of pull requests are allowed, none of them speaks for a branch: pull_request_target has the ref of the branch it asks to
// be merged into.
func TestPullRequestTokens(t *testing.T) {
	x := newTrust(t, attest.GitHub, owner)
	x.rules.PullRequests = true
	claims := with(testenv.GitHubClaims("acme/payments", commit, "refs/heads/main"), "aud", attest.Audience(server, digest))
	for _, event := range []string{"pull_request_target", "pull_request", "pull_request_review"} {
		_, err := x.judge(t, x.env.Mint(with(claims, "event_name", event)))
		wantField(t, err, threat.Invalid, "proof.event_name")
	}
	_, err := x.judge(t, x.env.Mint(with(claims, "event_name", "pull_request", "ref", "refs/pull/7/merge")))
	wantField(t, err, threat.Invalid, "proof.ref") // the statement says main
}

func TestGenericToken(t *testing.T) {
	x := newTrust(t, attest.GitHub)
	var err error
	x.issuer, err = attest.Issuer{URL: x.env.URL, Kind: attest.Generic, Claims: attest.Claims{Repository: "ci.repo", Commit: "ci.rev", Ref: "ci.branch"}}.Check()
	if err != nil {
		t.Fatal(err)
	}
	x.rules.Required = []attest.Required{{Issuer: x.issuer.URL, Claim: "ci.repo", Pattern: "acme/payments"}, {Issuer: "https://other.example.org", Claim: "nothing", Pattern: "x"}}
	claims := map[string]any{"aud": server, "ci": map[string]any{"repo": "acme/payments", "rev": commit, "branch": "main"}}
	if _, err := x.judge(t, x.env.Mint(claims)); err != nil {
		t.Error(err)
	}
	_, err = x.judge(t, x.env.Mint(with(claims, "ci", map[string]any{"repo": []string{"acme/payments"}, "rev": commit, "branch": "main"})))
	wantField(t, err, threat.Invalid, "proof.ci.repo")
}

func TestTokenRefused(t *testing.T) {
	x := newTrust(t, attest.GitHub, owner)
	claims := with(testenv.GitHubClaims("acme/payments", commit, "refs/heads/main"), "aud", attest.Audience(server, digest))
	now := time.Now()
	for about, c := range map[string]struct {
		claims map[string]any
		field  string
	}{
		"expired":             {with(claims, "exp", now.Add(-2*time.Minute).Unix()), "proof.exp"},
		"long-lived":          {with(claims, "exp", now.Add(48*time.Hour).Unix()), "proof.exp"},
		"not yet valid":       {with(claims, "nbf", now.Add(2*time.Minute).Unix()), "proof.nbf"},
		"issued later":        {with(claims, "iat", now.Add(2*time.Minute).Unix()), "proof.iat"},
		"no iat":              {with(claims, "iat", nil), "proof.iat"},
		"no jti":              {with(claims, "jti", nil), "proof.jti"},
		"wrong audience":      {with(claims, "aud", "https://other.example.org"), "proof.audience"},
		"plain audience":      {with(claims, "aud", server), "proof.audience"},
		"another statement":   {with(claims, "aud", attest.Audience(server, strings.Repeat("b", 64))), "proof.audience"},
		"another repository":  {with(claims, "repository", "acme/other"), "proof.repository"},
		"another commit":      {with(claims, "sha", strings.Repeat("1", 40)), "proof.sha"},
		"another branch":      {with(claims, "ref", "refs/heads/other"), "proof.ref"},
		"a tag":               {with(claims, "ref", "refs/tags/main"), "proof.ref"},
		"pull request":        {with(claims, "event_name", "pull_request"), "proof.event_name"},
		"pull request target": {with(claims, "event_name", "pull_request_target"), "proof.event_name"},
		"no event":            {with(claims, "event_name", nil), "proof.event_name"},
		"missing claim":       {with(claims, "repository_owner", nil), "proof.repository_owner"},
		"different claim":     {with(claims, "repository_owner", "evil"), "proof.repository_owner"},
		"claim of a list":     {with(claims, "repository_owner", []string{"acme"}), "proof.repository_owner"},
		"claim of null":       {with(claims, "sha", []any{}), "proof.sha"},
	} {
		_, err := x.judge(t, x.env.Mint(c.claims))
		if err == nil {
			t.Errorf("%s is accepted", about)
			continue
		}
		t.Run(about, func(t *testing.T) { wantField(t, err, threat.Invalid, c.field) })
	}
	// What no required claim ties to an owner is refused, whatever else it says.
	for _, required := range [][]attest.Required{nil, {{Claim: "environment", Pattern: "verification"}}, {{Claim: "repository", Pattern: "*/payments"}}, {{Claim: "repository_owner", Pattern: "acme"}, {Claim: "repository_owner", Pattern: "*"}}, {{Issuer: "https://other", Claim: "repository", Pattern: "acme/payments"}}} {
		x.rules.Required = required
		_, err := x.judge(t, x.env.Mint(claims))
		wantField(t, err, threat.FailedPrecondition, "proof.required_claims")
	}
}

// A server that does not know its own URL takes no token, whatever audience it names.
func TestNoAudience(t *testing.T) {
	x := newTrust(t, attest.GitLab, attest.Required{Claim: "project_path", Pattern: "acme/**"})
	x.rules.Server = ""
	for _, aud := range []string{"", "/", "#sha256:" + digest} {
		_, err := x.judge(t, x.env.Mint(with(testenv.GitLabClaims("acme/payments", commit, "main"), "aud", aud)))
		wantField(t, err, threat.FailedPrecondition, "proof.audience")
	}
}

// What is wrong with a token before its claims matter.
func TestForgedTokens(t *testing.T) {
	x := newTrust(t, attest.GitHub, owner)
	claims := with(testenv.GitHubClaims("acme/payments", commit, "refs/heads/main"), "aud", attest.Audience(server, digest))
	good := x.env.Mint(claims)
	parts := strings.Split(good, ".")
	der, err := x509.MarshalPKIXPublicKey(x.env.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	other := testenv.NewIssuer(t)
	for about, c := range map[string]struct{ raw, field string }{
		"alg none":           {"eyJhbGciOiJub25lIn0." + parts[1] + ".", "proof.algorithm"},
		"HS256":              {x.env.MintWith(jose.HS256, public, "key-1", claims), "proof.algorithm"},
		"another's key":      {other.Mint(with(claims, "iss", x.env.URL)), "proof.signature"},
		"another issuer":     {other.Mint(claims), "proof.signature"},
		"truncated":          {good[:len(good)-4], "proof.signature"},
		"signature gone":     {parts[0] + "." + parts[1] + ".", "proof.signature"},
		"claims of another":  {parts[0] + "." + strings.Split(x.env.Mint(with(claims, "sha", "x")), ".")[1] + "." + parts[2], "proof.signature"},
		"no token":           {"a.b", "proof.token"},
		"empty":              {"", "proof.token"},
		"too long":           {strings.Repeat("a", 20_000), "proof.token"},
		"no issuer":          {x.env.Mint(with(claims, "iss", nil)), "proof.issuer"},
		"two of a signature": {good + "." + parts[2], "proof.token"},
	} {
		_, err := x.judge(t, c.raw)
		if err == nil {
			t.Errorf("%s is accepted", about)
			continue
		}
		t.Run(about, func(t *testing.T) { wantField(t, err, threat.Invalid, c.field) })
	}
}

// An issuer that cannot be had is unavailable, and nothing is accepted.
func TestUnreachable(t *testing.T) {
	claims := with(testenv.GitHubClaims("acme/payments", commit, "refs/heads/main"), "aud", attest.Audience(server, digest))
	x := newTrust(t, attest.GitHub, owner)
	raw := x.env.Mint(claims)
	x.env.Down(true)
	_, err := x.judge(t, raw)
	wantField(t, err, threat.Unavailable, "proof.issuer")
	x.env.Down(false)
	if _, err := x.judge(t, raw); err != nil {
		t.Fatal(err)
	}
	x.env.Down(true)
	if _, err := x.judge(t, x.env.Mint(claims)); err != nil {
		t.Errorf("with the keys at hand: %v", err)
	}
	x.env.Rotate()
	_, err = x.judge(t, x.env.Mint(claims))
	wantField(t, err, threat.Unavailable, "proof.issuer")
	x.env.Down(false)

	// Without the operator's leave a loopback address is not dialled; with another CA the certificate is refused.
	strict := attest.NewTokens(attest.Network{Roots: x.env.Roots()})
	_, err = strict.Verify(t.Context(), raw, x.issuer, time.Now())
	wantField(t, err, threat.Unavailable, "proof.issuer")
	if err == nil || !strings.Contains(err.Error(), "--allow-issuer-address") {
		t.Error(err)
	}
	distrusting := attest.NewTokens(attest.Network{Allowed: loopback, Roots: testenv.NewIssuer(t).Roots()})
	_, err = distrusting.Verify(t.Context(), raw, x.issuer, time.Now())
	wantField(t, err, threat.Unavailable, "proof.issuer")
}

func TestIssuers(t *testing.T) {
	for about, i := range map[string]attest.Issuer{
		"http": {URL: "http://gitlab.example.org", Kind: attest.GitLab}, "no host": {URL: "https://", Kind: attest.GitLab}, "a query": {URL: "https://a?b", Kind: attest.GitLab},
		"a user": {URL: "https://u@a", Kind: attest.GitLab}, "no kind": {URL: "https://a"}, "no claims": {URL: "https://a", Kind: attest.Generic},
		"claims of a known kind": {URL: "https://a", Kind: attest.GitLab, Claims: attest.Claims{Commit: "x"}},
	} {
		if _, err := i.Check(); threat.CodeOf(err) != threat.Invalid {
			t.Errorf("%s: %v", about, err)
		}
	}
	for _, r := range []attest.Required{{}, {Claim: "a"}, {Claim: "aud", Pattern: "x"}, {Claim: "a b", Pattern: "x"}, {Claim: "a", Pattern: "["}} {
		if threat.CodeOf(r.Check()) != threat.Invalid {
			t.Errorf("%+v is accepted", r)
		}
	}
	for _, i := range attest.Trusted() {
		if _, err := i.Check(); err != nil {
			t.Error(err)
		}
	}
}

func TestLookup(t *testing.T) {
	var claims map[string]any
	if err := json.Unmarshal([]byte(`{"a":{"b":{"c":"1"},"b.c":"2"},"a.b":{"c":true},"x.y":"3","l":[]}`), &claims); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"a.b.c": "2", "x.y": "3"} {
		if v, found, text := attest.Lookup(claims, name); !found || !text || v != want {
			t.Errorf("%s is %q", name, v)
		}
	}
	for _, name := range []string{"", "a.c", "b", "x", "x.y.z"} {
		if v, found, _ := attest.Lookup(claims, name); found {
			t.Errorf("%s is %q", name, v)
		}
	}
	if _, found, text := attest.Lookup(claims, "l"); !found || text {
		t.Error("a list is taken for a text")
	}
}
