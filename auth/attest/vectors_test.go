package attest_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"flag"
	"fmt"
	"math/big"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redoubt-dev/redoubt/auth/attest"
	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/threat"
)

const vectorsFile = "../../docs/vectors/attestation.json"

var update = flag.Bool("update", false, "write docs/vectors/attestation.json anew, with new keys")

// vectors are what another implementation can be tested by; docs/vectors/README.md says what each is.
type vectors struct {
	Key struct {
		Private     string `json:"private_key"`
		Public      string `json:"public_key"`
		Fingerprint string `json:"fingerprint"`
	} `json:"key"`
	Statement       json.RawMessage   `json:"statement"`
	Canonical       string            `json:"canonical"`
	Digest          string            `json:"digest"`
	SubjectDigest   string            `json:"subject_digest"`
	PayloadType     string            `json:"payload_type"`
	PAE             string            `json:"pae_hex"`
	Envelope        json.RawMessage   `json:"envelope"`
	Refused         []refusedEnvelope `json:"envelopes_refused"`
	Audiences       []audienceVector  `json:"audiences"`
	Issuer          string            `json:"issuer"`
	JWKS            json.RawMessage   `json:"jwks"`
	At              time.Time         `json:"at"`
	Server          string            `json:"server"`
	Tokens          []tokenVector     `json:"tokens"`
	RequiredMatches []patternVector   `json:"required_matches"`
}

type refusedEnvelope struct {
	About    string          `json:"about"`
	Envelope json.RawMessage `json:"envelope"`
	Field    string          `json:"field"`
}

type audienceVector struct {
	Server   string `json:"server"`
	Digest   string `json:"digest"`
	Audience string `json:"audience"`
}

// tokenVector is a token with what a workspace asks of it and what the statement says; the statement's digest is that of the vectors.
type tokenVector struct {
	About        string            `json:"about"`
	Kind         attest.Kind       `json:"kind"`
	Required     []attest.Required `json:"required"`
	PullRequests bool              `json:"allow_pull_requests,omitempty"`
	Repo         string            `json:"repo"`
	Commit       string            `json:"commit"`
	Branch       string            `json:"branch"`
	Token        string            `json:"token"`
	Refused      string            `json:"refused,omitempty"` // the field; "" for accepted
}

type patternVector struct {
	Pattern string `json:"pattern"`
	Value   string `json:"value"`
	Matches bool   `json:"matches"`
}

// The vectors are what this program makes and takes.
func TestVectors(t *testing.T) {
	if *update {
		writeVectors(t)
	}
	raw, err := os.ReadFile(vectorsFile)
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}

	// The key: the fingerprint is of the DER of the public key.
	private, err := attest.ParsePrivateKey([]byte(v.Key.Private))
	if err != nil {
		t.Fatal(err)
	}
	public, err := attest.ParsePublicKey([]byte(v.Key.Public))
	if err != nil || !public.Equal(&private.PublicKey) {
		t.Fatal("the keys are no pair")
	}
	block, _ := pem.Decode([]byte(v.Key.Public))
	if got := "sha256:" + evidence.Hash(block.Bytes); got != v.Key.Fingerprint || got != attest.Fingerprint(public) {
		t.Errorf("the fingerprint is %s", got)
	}

	// The statement: its canonical form, its digest, and that of its results.
	canonical, err := evidence.Canonicalize(v.Statement)
	if err != nil || string(canonical) != v.Canonical {
		t.Errorf("the canonical form is\n%s, %v", canonical, err)
	}
	st, err := evidence.ParseStatement(canonical)
	if err != nil {
		t.Fatal(err)
	}
	if got := evidence.Hash(canonical); got != v.Digest {
		t.Errorf("the digest is %s", got)
	}
	var parts struct {
		Predicate struct {
			Results json.RawMessage `json:"results"`
		} `json:"predicate"`
	}
	if err := json.Unmarshal(canonical, &parts); err != nil {
		t.Fatal(err)
	}
	if got := evidence.Hash(parts.Predicate.Results); got != v.SubjectDigest || st.Subject[0].Digest["sha256"] != got {
		t.Errorf("the subject's digest is %s", got)
	}

	// The envelope, once by this package and once by its definition.
	if v.PayloadType != attest.PayloadType {
		t.Errorf("the payload type is %s", v.PayloadType)
	}
	pae := fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(v.PayloadType), v.PayloadType, len(v.Canonical), v.Canonical)
	if got := hex.EncodeToString(pae); got != v.PAE {
		t.Errorf("the encoding is %s", got)
	}
	envelope, err := attest.ParseEnvelope(v.Envelope)
	if err != nil {
		t.Fatal(err)
	}
	if err := envelope.Verify(public); err != nil || string(envelope.Payload()) != v.Canonical || envelope.KeyID() != v.Key.Fingerprint {
		t.Errorf("%v: %s", err, v.Envelope)
	}
	sum := sha256.Sum256(pae)
	if !ecdsa.VerifyASN1(public, sum[:], signatureOf(t, v.Envelope)) {
		t.Error("the signature is not over the encoding")
	}
	if len(v.Refused) < 5 {
		t.Errorf("%d refused envelopes", len(v.Refused))
	}
	for _, r := range v.Refused {
		e, err := attest.ParseEnvelope(r.Envelope)
		if err == nil {
			err = e.Verify(public)
		}
		t.Run(r.About, func(t *testing.T) { wantField(t, err, threat.Invalid, r.Field) })
	}

	// Tokens.
	for _, a := range v.Audiences {
		if got := attest.Audience(a.Server, a.Digest); got != a.Audience {
			t.Errorf("the audience is %s, not %s", got, a.Audience)
		}
	}
	accepted := 0
	for _, x := range v.Tokens {
		t.Run(x.About, func(t *testing.T) {
			token, err := attest.VerifyOffline(x.Token, v.Issuer, v.JWKS)
			if err == nil {
				issuer := attest.Issuer{URL: v.Issuer, Kind: x.Kind, Bound: x.Kind == attest.GitHub}
				err = token.Check(issuer, attest.Stated{Repo: x.Repo, Commit: x.Commit, Branch: x.Branch, Digest: v.Digest},
					attest.Rules{Server: v.Server, Required: x.Required, PullRequests: x.PullRequests}, v.At)
			}
			if x.Refused == "" {
				accepted++
				if err != nil {
					t.Error(err)
				}
				return
			}
			te, ok := err.(*threat.Error)
			if !ok || te.Field != x.Refused {
				t.Errorf("%v, want a refusal by %s", err, x.Refused)
			}
		})
	}
	if accepted < 4 || len(v.Tokens)-accepted < 8 {
		t.Errorf("%d of %d tokens are accepted", accepted, len(v.Tokens))
	}
	for _, p := range v.RequiredMatches {
		if got := matches(t, p.Pattern, p.Value); got != p.Matches {
			t.Errorf("%s matches %s: %v", p.Pattern, p.Value, got)
		}
	}
}

// matches reports whether a token whose claim has a value meets the requirement.
func matches(t *testing.T, pattern, value string) bool {
	t.Helper()
	now := time.Unix(1_800_000_000, 0)
	token := &attest.Token{Issuer: server, ID: "1", Audience: []string{server}, IssuedAt: now, Expiry: now.Add(time.Minute), Claims: map[string]any{
		"r": "acme/payments", "c": commit, "b": "main", "x": value,
	}}
	issuer := attest.Issuer{URL: server, Kind: attest.Generic, Claims: attest.Claims{Repository: "r", Commit: "c", Ref: "b"}}
	rules := attest.Rules{Server: server, Required: []attest.Required{{Claim: "r", Pattern: "acme/payments"}, {Claim: "x", Pattern: pattern}}}
	err := token.Check(issuer, stated, rules, now)
	if te, ok := err.(*threat.Error); err != nil && (!ok || te.Field != "proof.x") {
		t.Fatal(err)
	}
	return err == nil
}

func signatureOf(t *testing.T, envelope json.RawMessage) []byte {
	t.Helper()
	var e struct {
		Signatures []struct {
			Sig []byte `json:"sig"`
		} `json:"signatures"`
	}
	if err := json.Unmarshal(envelope, &e); err != nil || len(e.Signatures) != 1 {
		t.Fatalf("%v: %s", err, envelope)
	}
	return e.Signatures[0].Sig
}

// writeVectors makes the file with new keys.
func writeVectors(t *testing.T) {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var v vectors
	key := newKey(t)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	check(err)
	v.Key.Private = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	v.Key.Public, v.Key.Fingerprint = attest.PublicPEM(&key.PublicKey), attest.Fingerprint(&key.PublicKey)

	hash := func(s string) string { return evidence.Hash([]byte(s)) }
	params := evidence.Params{"file": "store/search.go", "caller": "Search", "callee": "db.Query"}
	st, err := evidence.NewStatement(evidence.Predicate{
		Workspace: "0199c1d0-0000-7000-8000-000000000001", Model: "0199c1d0-0000-7000-8000-000000000002", Nonce: "n0nce",
		Repo: "acme/payments", Commit: commit, Branch: "main", Verifier: "v1.0.0",
		CI: evidence.CI{Provider: "github", RunURL: "https://github.com/acme/payments/actions/runs/42"},
		Results: []evidence.Result{
			{
				Assertion: "E1", Type: evidence.FunctionCalls, Params: params, Tier: evidence.Tier1, Verdict: evidence.Pass,
				Reason: "Search calls db.Query <here> & nowhere else: \"é\", \u2028, \U0001F512", File: "store/search.go", Line: 12,
				FileDigest: hash("file"), Excerpt: hash("excerpt"), Blob: strings.Repeat("b", 40),
			},
			{
				Assertion: "E1", Type: evidence.FunctionCalls, Params: params, Tier: evidence.Tier2, Verdict: evidence.Pass, Judge: "anthropic:claude-sonnet-4-5",
				Reason: "The parameter is bound.", Excerpt: hash("excerpt"), Template: hash("template"), Text: hash("text"),
				Facets: map[threat.ID]evidence.Verdict{"C1.a": evidence.Pass},
			},
		},
	})
	check(err)
	canonical, err := st.Canonical()
	check(err)
	v.Statement, v.Canonical, v.Digest, v.SubjectDigest = canonical, string(canonical), evidence.Hash(canonical), st.Subject[0].Digest["sha256"]
	v.PayloadType = attest.PayloadType
	v.PAE = hex.EncodeToString(fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(v.PayloadType), v.PayloadType, len(canonical), canonical))
	sign := func(payloadType string, payload []byte, key *ecdsa.PrivateKey) json.RawMessage {
		e, err := attest.Sign(payloadType, payload, key)
		check(err)
		raw, err := json.Marshal(e)
		check(err)
		return raw
	}
	v.Envelope = sign(v.PayloadType, canonical, key)
	v.Refused = refusedEnvelopes(t, v.Envelope, sign(v.PayloadType, canonical, newKey(t)))

	v.Server = server
	for _, s := range []string{server, server + "/", "https://example.org/redoubt"} {
		v.Audiences = append(v.Audiences, audienceVector{s, v.Digest, attest.Audience(s, v.Digest)})
	}
	env := testenv.NewIssuer(t)
	v.Issuer = "https://issuer.example.org"
	v.At = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	env.Now = func() time.Time { return v.At.Add(-time.Minute) }
	v.Tokens = tokenVectors(env, v.Issuer, v.Digest, v.At)
	v.JWKS = env.KeySet()
	v.RequiredMatches = []patternVector{
		{"acme", "acme", true},
		{"acme", "acme2", false},
		{"acme", "Acme", false},
		{"acme/*", "acme/payments", true},
		{"acme/*", "acme/group/payments", false},
		{"acme/**", "acme/group/payments", true},
		{"{staging,production}", "production", true},
		{"acme/payments/.github/workflows/*@refs/heads/main", "acme/payments/.github/workflows/verify.yml@refs/heads/main", true},
		{"acme/payments/.github/workflows/*@refs/heads/main", "acme/payments/.github/workflows/verify.yml@refs/pull/1/merge", false},
		{`a\*b`, "a*b", true},
		{`a\*b`, "axb", false},
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	check(enc.Encode(v))
	check(os.WriteFile(vectorsFile, b.Bytes(), 0o644))
}

// refusedEnvelopes are variants of a good envelope that no verifier may take.
func refusedEnvelopes(t *testing.T, good, others json.RawMessage) []refusedEnvelope {
	type signature struct {
		KeyID string `json:"keyid"`
		Sig   []byte `json:"sig"`
	}
	type form struct {
		PayloadType string      `json:"payloadType"`
		Payload     []byte      `json:"payload"`
		Signatures  []signature `json:"signatures"`
	}
	change := func(about, field string, from json.RawMessage, fn func(*form)) refusedEnvelope {
		var e form
		if err := json.Unmarshal(from, &e); err != nil {
			t.Fatal(err)
		}
		fn(&e)
		raw, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		return refusedEnvelope{about, raw, field}
	}
	var other form
	if err := json.Unmarshal(others, &other); err != nil {
		t.Fatal(err)
	}
	return []refusedEnvelope{
		change("the higher s", "envelope.signature", good, func(e *form) {
			var p struct{ R, S *big.Int }
			if _, err := asn1.Unmarshal(e.Signatures[0].Sig, &p); err != nil {
				t.Fatal(err)
			}
			p.S.Sub(elliptic.P256().Params().N, p.S)
			sig, err := asn1.Marshal(p)
			if err != nil {
				t.Fatal(err)
			}
			e.Signatures[0].Sig = sig
		}),
		change("another payload", "envelope.signature", good, func(e *form) {
			e.Payload = bytes.Replace(e.Payload, []byte(`"verdict":"pass"`), []byte(`"verdict":"fail"`), 1)
		}),
		change("another payload type", "envelope.signature", good, func(e *form) { e.PayloadType = "application/json" }),
		change("the signature of another key", "envelope.signature", good, func(e *form) { e.Signatures[0].Sig = other.Signatures[0].Sig }),
		change("the name of another key", "envelope.keyid", good, func(e *form) { e.Signatures[0].KeyID = other.Signatures[0].KeyID }),
		change("two signatures", "envelope", good, func(e *form) { e.Signatures = append(e.Signatures, e.Signatures[0]) }),
		change("no signature", "envelope", good, func(e *form) { e.Signatures = nil }),
		{"an unknown field", json.RawMessage(strings.Replace(string(good), "{", `{"note":"",`, 1)), "envelope"},
		{"base64 of URLs", json.RawMessage(strings.Replace(string(good), `"payload":"`+base64.StdEncoding.EncodeToString(other.Payload)+`"`,
			`"payload":"`+base64.RawURLEncoding.EncodeToString(other.Payload)+`"`, 1)), "envelope"},
	}
}

// tokenVectors are tokens that are taken, and tokens that differ from them in one thing.
func tokenVectors(env *testenv.Issuer, issuer, digest string, at time.Time) []tokenVector {
	github := with(testenv.GitHubClaims("acme/payments", commit, "refs/heads/main"), "iss", issuer, "aud", attest.Audience(server, digest))
	gitlab := with(testenv.GitLabClaims("acme/payments", commit, "main"), "iss", issuer, "aud", server)
	owned := []attest.Required{owner}
	path := []attest.Required{{Claim: "project_path", Pattern: "acme/**"}, {Claim: "ref_protected", Pattern: "true"}, {Claim: "runner_id", Pattern: "5"}}
	make := func(about string, kind attest.Kind, required []attest.Required, refused string, claims map[string]any) tokenVector {
		return tokenVector{About: about, Kind: kind, Required: required, Repo: "acme/payments", Commit: commit, Branch: "main", Token: env.Mint(claims), Refused: refused}
	}
	request := make("a pull request where they are allowed", attest.GitHub, owned, "", with(github, "event_name", "pull_request", "ref", "refs/pull/7/merge"))
	request.Branch, request.PullRequests = "refs/pull/7/merge", true
	target := make("pull_request_target where pull requests are allowed", attest.GitHub, owned, "proof.event_name", with(github, "event_name", "pull_request_target"))
	target.PullRequests = true
	good := make("another signature", attest.GitHub, owned, "proof.signature", github)
	good.Token = good.Token[:len(good.Token)-8] + "AAAAAAAA"
	return []tokenVector{
		make("GitHub Actions, push to main", attest.GitHub, owned, "", github),
		make("GitLab CI, push to main", attest.GitLab, path, "", gitlab),
		make("GitLab CI, with the digest in the audience", attest.GitLab, path, "", with(gitlab, "aud", attest.Audience(server, digest))),
		request, target, good,
		make("a pull request", attest.GitHub, owned, "proof.event_name", with(github, "event_name", "pull_request")),
		make("the server's URL alone", attest.GitHub, owned, "proof.audience", with(github, "aud", server)),
		make("another statement", attest.GitHub, owned, "proof.audience", with(github, "aud", attest.Audience(server, strings.Repeat("0", 64)))),
		make("another commit", attest.GitHub, owned, "proof.sha", with(github, "sha", strings.Repeat("1", 40))),
		make("another repository", attest.GitHub, owned, "proof.repository", with(github, "repository", "acme/other")),
		make("a tag of the branch's name", attest.GitHub, owned, "proof.ref", with(github, "ref", "refs/tags/main")),
		make("another owner", attest.GitHub, owned, "proof.repository_owner", with(github, "repository_owner", "evil")),
		make("no claim that names an owner is required", attest.GitHub, []attest.Required{{Claim: "environment", Pattern: "verification"}}, "proof.required_claims", github),
		make("expired", attest.GitHub, owned, "proof.exp", with(github, "exp", at.Add(-2*time.Minute).Unix())),
		make("issued later", attest.GitHub, owned, "proof.iat", with(github, "iat", at.Add(2*time.Minute).Unix())),
		make("no jti", attest.GitHub, owned, "proof.jti", with(github, "jti", nil)),
		make("a branch that is not protected", attest.GitLab, path, "proof.ref_protected", with(gitlab, "ref_protected", "false")),
		make("a merge request", attest.GitLab, path, "proof.pipeline_source", with(gitlab, "pipeline_source", "merge_request_event")),
	}
}
