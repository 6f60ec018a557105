package audit_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/audit"
	"github.com/redoubt-dev/redoubt/auth/attest"
	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/exchange"
	"github.com/redoubt-dev/redoubt/posture"
	"github.com/redoubt-dev/redoubt/threat"
)

var made = time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC)

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// small is the content of a package with one signed run of one assertion, on a model without objectives.
func small(t testing.TB, ci *ecdsa.PrivateKey) audit.Content {
	t.Helper()
	print := attest.Fingerprint(&ci.PublicKey)
	result := evidence.Result{Assertion: "E1", Type: evidence.FileExists, Params: evidence.Params{"file": "a"}, Tier: 1, Verdict: evidence.Fail}
	st, err := evidence.NewStatement(evidence.Predicate{
		Workspace: "w", Model: "m", Repo: "acme/shop", Nonce: "n", Commit: "c", Branch: "main", Verifier: "v", Results: []evidence.Result{result},
	})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := st.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	e, err := attest.Sign(attest.PayloadType, raw, ci)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	at := made.Add(-time.Hour)
	none := posture.Assess(posture.Input{Now: made}).Summary
	return audit.Content{
		Manifest: audit.Manifest{CreatedAt: made, Model: "m", Version: 1, Workspace: "w"},
		Document: exchange.Document{
			Format: exchange.DocumentFormat, FormatVersion: exchange.DocumentVersion, ExportedAt: made, Posture: &none,
			Model: exchange.DocumentModel{ID: "m", Title: "T", Version: 1, Repos: []exchange.DocumentRepo{{Repo: "acme/shop", Branch: "main"}}},
			Assertions: []exchange.DocumentAssertion{{
				Assertion: evidence.Assertion{ID: "E1", Type: evidence.FileExists, Params: evidence.Params{"file": "a"}, Control: "C1", Repo: "acme/shop", Facets: []threat.ID{"C1.a"}},
				Tier1:     &evidence.Held{Verdict: evidence.Fail, Run: "r", Commit: "c", Order: 1, At: at, Attested: true, Signer: print},
			}},
		},
		Runs: []audit.Run{{
			ID: "r", Order: 1, Counted: true, SubmittedAt: at, SubmittedBy: "u", Attested: true, Signer: print, Statement: string(raw), Proof: &attest.Proof{Envelope: signed},
		}},
		Workspace: audit.Workspace{
			Settings: account.Settings{}, Issuers: []attest.Issuer{}, Required: []attest.Required{},
			SigningKeys: []audit.SigningKey{{Fingerprint: print, Name: "ci", PublicKey: attest.PublicPEM(&ci.PublicKey), Repos: []string{"acme/shop"}, CreatedAt: at}},
		},
	}
}

// Whatever byte is changed, and however, the package is refused or fails.
func TestEveryByteCounts(t *testing.T) {
	ci, server := newKey(t), newKey(t)
	raw, err := audit.Write(small(t, ci), server, []*ecdsa.PublicKey{&server.PublicKey})
	if err != nil {
		t.Fatal(err)
	}
	verdict := func(text []byte) string {
		p, c, err := audit.Read(text)
		if err != nil {
			return "refused"
		}
		r, _ := audit.Check(p, c, audit.Options{At: made})
		return r.Verdict
	}
	if v := verdict(raw); v != "verified" {
		p, c, err := audit.Read(raw)
		if err != nil {
			t.Fatal(err)
		}
		r, _ := audit.Check(p, c, audit.Options{At: made})
		t.Fatalf("as it is: %s %+v", v, r.Problems)
	}
	var parts sync.WaitGroup
	for part := range runtime.GOMAXPROCS(0) {
		parts.Go(func() {
			for i := part; i < len(raw); i += runtime.GOMAXPROCS(0) {
				if testing.Short() && i%11 > 1 {
					continue
				}
				changed := slices.Clone(raw)
				changed[i] ^= 0x01
				if 'a' <= raw[i] && raw[i] <= 'z' && i%2 == 0 {
					changed[i] ^= 0x21 // the other case: names in JSON are read in either
				}
				if verdict(changed) == "verified" {
					t.Errorf("byte %d changed from %q to %q in %q", i, raw[i], changed[i], raw[max(0, i-60):min(len(raw), i+60)])
				}
			}
		})
	}
	parts.Wait()
	for _, n := range []int{0, 1, len(raw) / 2, len(raw) - 1} {
		if verdict(raw[:n]) == "verified" {
			t.Errorf("the first %d bytes are accepted", n)
		}
	}
	if verdict(append(slices.Clone(raw), '\n')) == "verified" {
		t.Error("another line end is accepted")
	}
}

func FuzzRead(f *testing.F) {
	key := newKey(f)
	raw, err := audit.Write(small(f, newKey(f)), key, []*ecdsa.PublicKey{&key.PublicKey})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, c, err := audit.Read(text)
		if err != nil {
			if threat.CodeOf(err) != threat.Invalid {
				t.Fatal(err)
			}
			return
		}
		if r, _ := audit.Check(p, c, audit.Options{At: made}); r.Verdict == "verified" && string(text) != string(raw) {
			t.Fatalf("verified: %s", text)
		}
	})
}
