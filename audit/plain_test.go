package audit

import (
	"encoding/json"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/redoubt-dev/redoubt/auth/attest"
	"github.com/redoubt-dev/redoubt/evidence"
)

// What evidence.Plain writes of runs is the canonical form.
func TestPlainIsCanonical(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		runs := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Run {
			r := Run{
				Attested: rapid.Bool().Draw(t, "attested"), Counted: rapid.Bool().Draw(t, "counted"), ID: rapid.String().Draw(t, "id"), Order: rapid.Int64Range(0, 1<<50).Draw(t, "order"),
				Signer: rapid.String().Draw(t, "signer"), Statement: rapid.String().Draw(t, "statement") + rapid.SampledFrom([]string{"", "<&>", "\u2028", "\\u2028", "\x00\x1f\x7f", "\U0001F600", "\"\\/"}).Draw(t, "more"),
				SubmittedAt: time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "at"), 123456000).UTC(), SubmittedBy: rapid.String().Draw(t, "by"),
			}
			if rapid.Bool().Draw(t, "proof") {
				r.Proof = &attest.Proof{
					Requests: true, Audience: rapid.String().Draw(t, "audience"), Envelope: json.RawMessage(`{"a":[1,"x"]}`), Token: "t",
					Issuer:   &attest.Issuer{URL: "https://a", Kind: attest.Generic, Bound: true, Claims: attest.Claims{Repository: "r", Commit: "c", Ref: "f"}},
					Required: []attest.Required{{Issuer: "i", Claim: "c", Pattern: "p"}}, JWKS: json.RawMessage(`{"keys":[]}`),
				}
			}
			return r
		}), 1, 4).Draw(t, "runs")
		raw, ok := evidence.Plain(runs)
		if !ok {
			return // written with the transformation
		}
		want, err := canonical(runs)
		if err != nil {
			t.Fatal(err)
		}
		if string(raw) != string(want) {
			t.Fatalf("plain\n%s\ncanonical\n%s", raw, want)
		}
	})
}
