package attest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"github.com/redoubt-dev/redoubt/threat"
)

// algorithms are the signatures that tokens may carry: asymmetric ones alone.
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.EdDSA}

// Skew is how far the clocks of an issuer and of the server may be apart.
const Skew = time.Minute

// maxToken bounds a token, in bytes.
const maxToken = 16 << 10

// Token is a token whose signature was checked against its issuer's keys. Nothing else of it was.
type Token struct {
	Issuer    string
	ID        string // jti
	Audience  []string
	IssuedAt  time.Time
	NotBefore time.Time // zero without one
	Expiry    time.Time
	Claims    map[string]any
	JWKS      json.RawMessage // the key set with the key that signed it, as the issuer published it
}

// Tokens checks the signatures of tokens. It keeps the key sets of issuers. It is safe for concurrent use.
type Tokens struct {
	client *network
	mu     sync.Mutex
	known  map[string]*issuerKeys
}

// issuerKeys is an issuer with its keys.
type issuerKeys struct {
	verifier *oidc.IDTokenVerifier
	found    time.Time // when its metadata was read
	jwksURL  string
}

// rediscover is how long an issuer's metadata is kept; its keys are fetched again whenever a token names an unknown one.
const rediscover = time.Hour

// NewTokens makes a checker of tokens that reaches issuers over the network as the options allow.
func NewTokens(o Network) *Tokens {
	return &Tokens{client: newNetwork(o), known: map[string]*issuerKeys{}}
}

// Unverified returns the issuer that a token names, without a check. Errors: [threat.Invalid] for what is no token.
func Unverified(raw string) (issuer string, err error) {
	bad := threat.Errorf(threat.Invalid, "it is no signed token").In("proof.token").Hinted("a JWT in compact form, signed by RS256 or ES256 or their likes")
	if len(raw) > maxToken {
		return "", bad
	}
	jws, err := jose.ParseSignedCompact(raw, algorithms)
	if err != nil || len(jws.Signatures) != 1 {
		if alg := algorithmOf(raw); alg != "" {
			return "", threat.Errorf(threat.Invalid, "the algorithm %s is not allowed", threat.Clip(alg, 20)).In("proof.algorithm").
				Hinted("allowed: RS256 to RS512, PS256 to PS512, ES256, ES384, EdDSA")
		}
		return "", bad
	}
	var claims struct {
		Issuer string `json:"iss"`
	}
	if json.Unmarshal(jws.UnsafePayloadWithoutVerification(), &claims) != nil || claims.Issuer == "" {
		return "", threat.Errorf(threat.Invalid, "the token names no issuer").In("proof.issuer")
	}
	return claims.Issuer, nil
}

// algorithmOf returns the algorithm of a token when it is none that is allowed.
func algorithmOf(raw string) string {
	head, _, _ := strings.Cut(raw, ".")
	text, err := jose.ParseSigned(raw, []jose.SignatureAlgorithm{jose.HS256, jose.HS384, jose.HS512, "none", "ES256K", "ES512"})
	if err == nil && len(text.Signatures) == 1 {
		return text.Signatures[0].Header.Algorithm
	}
	var header struct {
		Algorithm string `json:"alg"`
	}
	plain, err := decodeSegment(head)
	if err != nil || json.Unmarshal(plain, &header) != nil || slices.Contains(algorithms, jose.SignatureAlgorithm(header.Algorithm)) {
		return ""
	}
	return header.Algorithm
}

// Verify checks the signature of a token against the keys that its issuer publishes. The issuer must be the one that the token
// names. Errors: [threat.Invalid] for a wrong signature, [threat.Unavailable] when the keys cannot be had.
func (t *Tokens) Verify(ctx context.Context, raw string, issuer Issuer, now time.Time) (*Token, error) {
	keys, err := t.issuer(ctx, issuer.URL, now)
	if err != nil {
		return nil, err
	}
	var cause error
	checked, err := keys.verifier.Verify(context.WithValue(ctx, causeKey{}, &cause), raw)
	if err != nil {
		if t.client.failed(cause) {
			return nil, unreachable(issuer.URL, cause)
		}
		return nil, wrongSignature()
	}
	token, err := read(checked)
	if err != nil {
		return nil, err
	}
	token.JWKS, err = snapshot(t.client.body(keys.jwksURL), raw)
	return token, err
}

func wrongSignature() error {
	return threat.Errorf(threat.Invalid, "the token's signature is not that of its issuer").In("proof.signature")
}

func unreachable(issuer string, err error) error {
	return threat.Errorf(threat.Unavailable, "the keys of %s cannot be had: %s", threat.Clip(issuer, 200), threat.Clip(err.Error(), 200)).In("proof.issuer").
		Hinted("nothing was accepted; submit again when the issuer can be reached from the server")
}

// issuer returns what is known of an issuer, having read its metadata.
func (t *Tokens) issuer(ctx context.Context, url string, now time.Time) (*issuerKeys, error) {
	t.mu.Lock()
	known := t.known[url]
	t.mu.Unlock()
	if known != nil && now.Sub(known.found) < rediscover {
		return known, nil
	}
	ctx = oidc.ClientContext(context.WithoutCancel(ctx), t.client.http)
	provider, err := oidc.NewProvider(ctx, url)
	if err != nil {
		return nil, unreachable(url, err)
	}
	var meta struct {
		JWKS string `json:"jwks_uri"`
	}
	if err := provider.Claims(&meta); err != nil || !strings.HasPrefix(meta.JWKS, "https://") {
		return nil, unreachable(url, errors.New("its metadata names no https URL of keys"))
	}
	known = &issuerKeys{found: now, jwksURL: meta.JWKS, verifier: oidc.NewVerifier(url, remoteKeys{oidc.NewRemoteKeySet(ctx, meta.JWKS)}, config())}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.known) > 200 { // issuers come from settings; a store that forgets them all is as good as one that sorts them
		clear(t.known)
	}
	t.known[url] = known
	return known, nil
}

// causeKey is where a call keeps why its key set said no: package oidc keeps the words of the error alone.
type causeKey struct{}

// remoteKeys is a key set that tells its error.
type remoteKeys struct{ *oidc.RemoteKeySet }

// VerifySignature returns the payload of a token that one of the published keys signed.
func (k remoteKeys) VerifySignature(ctx context.Context, raw string) ([]byte, error) {
	payload, err := k.RemoteKeySet.VerifySignature(ctx, raw)
	if cause, ok := ctx.Value(causeKey{}).(*error); ok {
		*cause = err
	}
	return payload, err
}

// config checks signature, issuer and shape; time and audience are ours to refuse by name.
func config() *oidc.Config {
	names := make([]string, len(algorithms))
	for i, a := range algorithms {
		names[i] = string(a)
	}
	return &oidc.Config{SupportedSigningAlgs: names, SkipClientIDCheck: true, SkipExpiryCheck: true}
}

// VerifyOffline checks the signature of a token against a saved key set. Errors: [threat.Invalid].
func VerifyOffline(raw, issuer string, jwks json.RawMessage) (*Token, error) {
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(jwks, &set); err != nil || len(set.Keys) == 0 {
		return nil, threat.Errorf(threat.Invalid, "the saved key set cannot be read").In("proof.jwks")
	}
	if _, err := Unverified(raw); err != nil {
		return nil, err
	}
	checked, err := oidc.NewVerifier(issuer, savedKeys(set), config()).Verify(context.Background(), raw)
	if err != nil {
		return nil, wrongSignature()
	}
	token, err := read(checked)
	if err != nil {
		return nil, err
	}
	token.JWKS = jwks
	return token, nil
}

// savedKeys is a key set for package oidc.
type savedKeys jose.JSONWebKeySet

// VerifySignature returns the payload of a token that one of the keys signed.
func (k savedKeys) VerifySignature(_ context.Context, raw string) ([]byte, error) {
	jws, err := jose.ParseSignedCompact(raw, algorithms)
	if err != nil {
		return nil, err
	}
	for _, key := range k.Keys {
		if id := jws.Signatures[0].Header.KeyID; id != "" && key.KeyID != id {
			continue
		}
		if payload, err := jws.Verify(key.Public()); err == nil {
			return payload, nil
		}
	}
	return nil, errors.New("no key of the set signed it")
}

// snapshot cuts a published key set down to the keys that a token may have been signed by.
func snapshot(published []byte, raw string) (json.RawMessage, error) {
	jws, err := jose.ParseSignedCompact(raw, algorithms)
	if err != nil {
		return nil, wrongSignature()
	}
	var all, some jose.JSONWebKeySet
	var loose struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(published, &loose); err != nil {
		return nil, fmt.Errorf("attest: the key set that verified a token is gone: %w", err)
	}
	for _, one := range loose.Keys {
		var key jose.JSONWebKey
		if key.UnmarshalJSON(one) == nil { // keys of unknown types are passed over, as package oidc does
			all.Keys = append(all.Keys, key)
		}
	}
	for _, key := range all.Keys {
		if id := jws.Signatures[0].Header.KeyID; id == "" || key.KeyID == id {
			some.Keys = append(some.Keys, jose.JSONWebKey{Key: key.Key, KeyID: key.KeyID, Algorithm: key.Algorithm, Use: key.Use})
		}
	}
	return json.Marshal(some)
}

// read takes the registered claims out of a token. Errors: [threat.Invalid] for one of another type.
func read(checked *oidc.IDToken) (*Token, error) {
	var payload json.RawMessage
	if err := checked.Claims(&payload); err != nil {
		return nil, wrongSignature()
	}
	t := &Token{Issuer: checked.Issuer, Audience: checked.Audience, IssuedAt: checked.IssuedAt, Expiry: checked.Expiry}
	d := json.NewDecoder(bytes.NewReader(payload))
	d.UseNumber()
	if err := d.Decode(&t.Claims); err != nil {
		return nil, threat.Errorf(threat.Invalid, "the token's claims are no object").In("proof.token")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, threat.Errorf(threat.Invalid, "something follows the token's claims").In("proof.token")
	}
	for _, name := range []string{"exp", "iat"} {
		if _, ok := t.Claims[name].(json.Number); !ok {
			return nil, threat.Errorf(threat.Invalid, "the token has no %s that is a number", name).In("proof." + name)
		}
	}
	if nbf, ok := t.Claims["nbf"]; ok {
		n, isNumber := nbf.(json.Number)
		seconds, err := n.Float64()
		if !isNumber || err != nil {
			return nil, threat.Errorf(threat.Invalid, "nbf is no number").In("proof.nbf")
		}
		t.NotBefore = time.Unix(int64(seconds), 0).UTC()
	}
	if id, ok := t.Claims["jti"]; ok {
		if t.ID, ok = id.(string); !ok || len(t.ID) > 300 {
			return nil, threat.Errorf(threat.Invalid, "jti is no text").In("proof.jti")
		}
	}
	return t, nil
}
