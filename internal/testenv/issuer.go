package testenv

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Issuer is an OIDC issuer of CI tokens with real keys: discovery and key set over HTTPS on a loopback address, under a CA of its
// own. It mints tokens in the shapes of GitHub Actions and GitLab CI.
type Issuer struct {
	URL string
	CA  []byte           // PEM
	Now func() time.Time // of the tokens

	t      testing.TB
	mu     sync.Mutex
	keys   []jose.JSONWebKey
	down   bool
	jti    atomic.Int64
	Fetch  atomic.Int64 // how often the key set was fetched
	server *httptest.Server
	job    map[string]any // the claims of the job that asks at the request URL
}

// NewIssuer starts an issuer, which stops with the test.
func NewIssuer(t testing.TB) *Issuer {
	t.Helper()
	i := &Issuer{t: t, Now: time.Now}
	i.Rotate()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		i.answer(w, map[string]any{
			"issuer": i.URL, "jwks_uri": i.URL + "/keys", "id_token_signing_alg_values_supported": []string{"RS256"},
			"authorization_endpoint": i.URL + "/none", "response_types_supported": []string{"id_token"}, "subject_types_supported": []string{"public"},
		})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		i.Fetch.Add(1)
		i.mu.Lock()
		set := jose.JSONWebKeySet{}
		for _, k := range i.keys {
			set.Keys = append(set.Keys, k.Public())
		}
		i.mu.Unlock()
		i.answer(w, set)
	})
	// As the runner of GitHub Actions offers it to a job: ACTIONS_ID_TOKEN_REQUEST_URL, asked with a bearer token.
	mux.HandleFunc("GET /request", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+RequestToken {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		i.mu.Lock()
		claims := maps.Clone(i.job)
		i.mu.Unlock()
		claims["aud"] = r.URL.Query().Get("audience")
		i.answer(w, map[string]any{"value": i.Mint(claims)})
	})
	i.server = httptest.NewUnstartedServer(mux)
	i.server.TLS = &tls.Config{Certificates: []tls.Certificate{i.certificate()}}
	i.server.StartTLS()
	t.Cleanup(i.server.Close)
	i.URL = i.server.URL
	i.Job(GitHubClaims("acme/payments", "", "refs/heads/main"))
	return i
}

// RequestToken is what a job shows to get its token.
const RequestToken = "request-token"

// RequestURL is where a job of GitHub Actions asks for its token.
func (i *Issuer) RequestURL() string { return i.URL + "/request?job=1" }

// Job sets the claims of the tokens that the request URL gives.
func (i *Issuer) Job(claims map[string]any) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.job = claims
}

// Down makes the issuer answer nothing but 503, or serve again.
func (i *Issuer) Down(down bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.down = down
}

func (i *Issuer) answer(w http.ResponseWriter, v any) {
	i.mu.Lock()
	down := i.down
	i.mu.Unlock()
	if down {
		http.Error(w, "down", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		i.t.Error(err)
	}
}

// Rotate makes a new signing key; the earlier ones stay in the key set.
func (i *Issuer) Rotate() {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		i.t.Fatal(err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = append(i.keys, jose.JSONWebKey{Key: key, KeyID: "key-" + strconv.Itoa(len(i.keys)+1), Algorithm: "RS256", Use: "sig"})
}

// PublicKey is the public part of the newest signing key.
func (i *Issuer) PublicKey() *rsa.PublicKey {
	i.mu.Lock()
	defer i.mu.Unlock()
	return &i.keys[len(i.keys)-1].Key.(*rsa.PrivateKey).PublicKey
}

// Mint signs a token with the newest key. Issuer, times and jti are filled in where the claims have none; one that is nil is left out.
func (i *Issuer) Mint(claims map[string]any) string {
	i.mu.Lock()
	key := i.keys[len(i.keys)-1]
	i.mu.Unlock()
	return i.MintWith(jose.RS256, key.Key, key.KeyID, claims)
}

// MintWith signs a token with a key of the caller's.
func (i *Issuer) MintWith(algorithm jose.SignatureAlgorithm, key any, id string, claims map[string]any) string {
	i.t.Helper()
	now := i.Now()
	all := map[string]any{
		"iss": i.URL, "iat": now.Unix(), "nbf": now.Add(-5 * time.Second).Unix(), "exp": now.Add(5 * time.Minute).Unix(),
		"jti": "jti-" + strconv.FormatInt(i.jti.Add(1), 10), "sub": "job",
	}
	maps.Copy(all, claims)
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
	payload, err := json.Marshal(all)
	if err != nil {
		i.t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, (&jose.SignerOptions{}).WithHeader("kid", id).WithType("JWT"))
	if err != nil {
		i.t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		i.t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		i.t.Fatal(err)
	}
	return token
}

// certificate makes a CA and a certificate for loopback under it.
func (i *Issuer) certificate() tls.Certificate {
	check := func(err error) {
		if err != nil {
			i.t.Fatal(err)
		}
	}
	make := func(template, parent *x509.Certificate, public crypto.PublicKey, signer crypto.Signer) []byte {
		der, err := x509.CreateCertificate(rand.Reader, template, parent, public, signer)
		check(err)
		return der
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Redoubt test CA"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	i.CA = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: make(ca, ca, &caKey.PublicKey, caKey)})
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "issuer"}, NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	return tls.Certificate{Certificate: [][]byte{make(leaf, ca, &key.PublicKey, caKey)}, PrivateKey: key}
}

// Roots is a pool with the issuer's CA.
func (i *Issuer) Roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(i.CA)
	return pool
}

// GitHubClaims are the claims of a token of GitHub Actions for a push, as its documentation lists them.
func GitHubClaims(repository, sha, ref string) map[string]any {
	owner := repository
	for k, c := range repository {
		if c == '/' {
			owner = repository[:k]
			break
		}
	}
	return map[string]any{
		"sub": "repo:" + owner + "@1234/" + repository + "@5678:ref:" + ref, "repository": repository, "repository_id": "5678", "repository_owner": owner, "repository_owner_id": "1234",
		"repository_visibility": "private", "ref": ref, "ref_type": "branch", "base_ref": "", "head_ref": "", "sha": sha, "event_name": "push",
		"workflow": "verify", "workflow_ref": repository + "/.github/workflows/verify.yml@" + ref, "workflow_sha": sha,
		"job_workflow_ref": repository + "/.github/workflows/verify.yml@" + ref, "job_workflow_sha": sha, "runner_environment": "github-hosted",
		"run_id": "42", "run_number": "7", "run_attempt": "1", "actor": "kim", "actor_id": "99", "environment": "verification",
	}
}

// GitLabClaims are the claims of a token of GitLab CI for a push to a branch.
func GitLabClaims(project, sha, ref string) map[string]any {
	return map[string]any{
		"sub": "project_path:" + project + ":ref_type:branch:ref:" + ref, "project_path": project, "project_id": "77", "namespace_path": project, "namespace_id": "78",
		"ref": ref, "ref_type": "branch", "ref_path": "refs/heads/" + ref, "ref_protected": "true", "pipeline_source": "push", "pipeline_id": "1000",
		"job_id": "2000", "sha": sha, "ci_config_ref_uri": "gitlab.com/" + project + "//.gitlab-ci.yml@refs/heads/" + ref, "ci_config_sha": sha,
		"runner_id": 5, "runner_environment": "gitlab-hosted", "user_login": "kim", "environment_protected": "false",
	}
}

// KeySet is the published key set, as an auditor would save it.
func (i *Issuer) KeySet() json.RawMessage {
	i.mu.Lock()
	defer i.mu.Unlock()
	set := jose.JSONWebKeySet{}
	for _, k := range i.keys {
		set.Keys = append(set.Keys, k.Public())
	}
	raw, err := json.Marshal(set)
	if err != nil {
		i.t.Fatal(err)
	}
	return raw
}
