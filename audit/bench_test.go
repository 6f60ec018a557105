package audit_test

import (
	"crypto/ecdsa"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/redoubt-dev/redoubt/audit"
	"github.com/redoubt-dev/redoubt/auth/attest"
	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/exchange"
	"github.com/redoubt-dev/redoubt/posture"
	"github.com/redoubt-dev/redoubt/threat"
)

// large is a package with 100 signed runs over 5,000 assertions; each run answers 500 of them.
func large(b *testing.B) []byte {
	b.Helper()
	ci, server := newKey(b), newKey(b)
	c := small(b, ci)
	c.Document.Assertions, c.Runs = nil, nil
	held := map[threat.ID]*evidence.Held{}
	const runs, assertions, each = 100, 5000, 500
	print := attest.Fingerprint(&ci.PublicKey)
	for n := range runs {
		at := made.Add(time.Duration(n-runs) * time.Minute)
		p := evidence.Predicate{Workspace: "w", Model: "m", Repo: "acme/shop", Nonce: fmt.Sprint("n", n), Commit: fmt.Sprintf("%040d", n), Branch: "main", Verifier: "v"}
		for i := range each {
			k := (n*each + i) % assertions
			id := threat.ID(fmt.Sprint("E", k+1))
			r := evidence.Result{
				Assertion: id, Type: evidence.FileExists, Params: evidence.Params{"file": fmt.Sprint("dir/file", k, ".go")}, Tier: 1, Verdict: evidence.Pass,
				File: fmt.Sprint("dir/file", k, ".go"), FileDigest: fmt.Sprintf("%064d", k), Reason: "the file is there, as the assertion says that it must be",
			}
			p.Results = append(p.Results, r)
			held[id] = &evidence.Held{Verdict: r.Verdict, File: r.File, FileDigest: r.FileDigest, Run: fmt.Sprintf("run-%03d", n), Commit: p.Commit, Order: int64(n + 1), At: at, Attested: true, Signer: print}
		}
		st, err := evidence.NewStatement(p)
		if err != nil {
			b.Fatal(err)
		}
		raw, err := st.Canonical()
		if err != nil {
			b.Fatal(err)
		}
		e, err := attest.Sign(attest.PayloadType, raw, ci)
		if err != nil {
			b.Fatal(err)
		}
		signed, err := json.Marshal(e)
		if err != nil {
			b.Fatal(err)
		}
		c.Runs = append(c.Runs, audit.Run{
			ID: fmt.Sprintf("run-%03d", n), Order: int64(n + 1), Counted: true, SubmittedAt: at, Attested: true, Signer: print, Statement: string(raw), Proof: &attest.Proof{Envelope: signed},
		})
	}
	c.Workspace.SigningKeys[0].CreatedAt = made.Add(-24 * time.Hour)
	for k := range assertions {
		id := threat.ID(fmt.Sprint("E", k+1))
		c.Document.Assertions = append(c.Document.Assertions, exchange.DocumentAssertion{
			Assertion: evidence.Assertion{ID: id, Type: evidence.FileExists, Params: evidence.Params{"file": fmt.Sprint("dir/file", k, ".go")}, Control: "C1", Repo: "acme/shop", Facets: []threat.ID{"C1.a"}},
			Tier1:     held[id],
		})
	}
	none := posture.Assess(posture.Input{Now: made}).Summary
	c.Document.Posture = &none
	raw, err := audit.Write(c, server, []*ecdsa.PublicKey{&server.PublicKey})
	if err != nil {
		b.Fatal(err)
	}
	return raw
}

// BenchmarkAudit reads and checks a package of 100 runs and 5,000 assertions.
func BenchmarkAudit(b *testing.B) {
	raw := large(b)
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		p, c, err := audit.Read(raw)
		if err != nil {
			b.Fatal(err)
		}
		if r, _ := audit.Check(p, c, audit.Options{At: made}); r.Failed() {
			b.Fatalf("%+v", r.Problems[:1])
		}
	}
}
