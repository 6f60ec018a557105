package cli_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/redoubt-dev/redoubt/auth/attest"
	"github.com/redoubt-dev/redoubt/internal/testenv"
)

// issuersKey is where a script keeps its issuers of CI tokens, by name.
type issuersKey struct{}

func setupIssuers(e *testscript.Env) error {
	e.Values[issuersKey{}] = map[string]*testenv.Issuer{}
	return nil
}

func issuerOf(ts *testscript.TestScript, name string) *testenv.Issuer {
	i := ts.Value(issuersKey{}).(map[string]*testenv.Issuer)[name]
	if i == nil {
		ts.Fatalf("there is no issuer %s", name)
	}
	return i
}

// startIssuer returns "issuer NAME": it starts an issuer of CI tokens, sets $NAME to its URL, and $NAME_REQUEST_URL and
// $NAME_REQUEST_TOKEN to what a job of GitHub Actions would be given. Its CA is added to $SSL_CERT_FILE, so that programs which start
// later trust it.
func startIssuer(t testing.TB) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, _ bool, args []string) {
		i := testenv.NewIssuer(t)
		ts.Value(issuersKey{}).(map[string]*testenv.Issuer)[args[0]] = i
		ts.Setenv(args[0], i.URL)
		ts.Setenv(args[0]+"_REQUEST_URL", i.RequestURL())
		ts.Setenv(args[0]+"_REQUEST_TOKEN", testenv.RequestToken)
		file := ts.MkAbs("ca.pem")
		have, err := os.ReadFile(file)
		if err != nil && !os.IsNotExist(err) {
			ts.Fatalf("%v", err)
		}
		ts.Check(os.WriteFile(file, append(have, i.CA...), 0o600))
		ts.Setenv("SSL_CERT_FILE", file)
	}
}

// claims reads "github|gitlab FOLDER REF [CLAIM=VALUE…]": the claims of a job of acme/shop at the commit of a work tree.
func claims(ts *testscript.TestScript, args []string) map[string]any {
	head, err := exec.Command("git", "-C", ts.MkAbs(args[1]), "rev-parse", "HEAD").Output()
	ts.Check(err)
	shape := map[string]func(repository, sha, ref string) map[string]any{"github": testenv.GitHubClaims, "gitlab": testenv.GitLabClaims}[args[0]]
	out := shape("acme/shop", strings.TrimSpace(string(head)), args[2])
	for _, a := range args[3:] {
		name, value, ok := strings.Cut(a, "=")
		if !ok {
			ts.Fatalf("%s is not CLAIM=VALUE", a)
		}
		out[name] = value
	}
	return out
}

// setJob runs "job NAME github FOLDER REF [CLAIM=VALUE…]": it sets the claims of the tokens that the request URL gives.
func setJob(ts *testscript.TestScript, _ bool, args []string) {
	issuerOf(ts, args[0]).Job(claims(ts, args[1:]))
}

// mintToken runs "mint NAME VARIABLE github|gitlab FOLDER REF [CLAIM=VALUE…]": it sets the variable to a token.
func mintToken(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[1], issuerOf(ts, args[0]).Mint(claims(ts, args[2:])))
}

// makeKeys runs "keypair NAME": it writes an ECDSA P-256 private key to NAME.key, its public one to NAME.pub.
func makeKeys(ts *testscript.TestScript, _ bool, args []string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".pub"), []byte(attest.PublicPEM(&key.PublicKey)), 0o600))
}

// readVariable runs "readenv NAME FILE": it sets $NAME to the text of a file.
func readVariable(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], strings.TrimSuffix(ts.ReadFile(args[1]), "\n"))
}
