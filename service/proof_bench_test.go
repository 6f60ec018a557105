package service_test

import (
	"testing"
	"time"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/service"
)

// BenchmarkAttestedRun compares accepting a run of 1,000 results in an envelope and with a token of GitHub Actions with accepting the same
// where no proof is asked for; each in a workspace of its own, interleaved in one run. The key set is fetched before. The target is
// that the proof costs under 100 ms.
func BenchmarkAttestedRun(b *testing.B) {
	g := newGate(b)
	g.trust()
	key := g.key("ci")
	plain := newBench(b)
	model, _ := addBenchModel(b, g.bench)
	other, _ := addBenchModel(b, plain)
	ci := plain.who
	ci.Scope, ci.KeyID = account.Verifier, testenv.NewID(b)
	attested := func(n int) service.SubmitRunIn {
		raw := benchStatement(b, g.bench, g.ci, model, n)
		return service.SubmitRunIn{ModelID: model, Envelope: envelope(b, raw, key), Token: g.token(raw, nil)}
	}
	if _, err := g.SubmitRun(ctx, g.ci, attested(-1)); err != nil { // the key set is at hand from here on
		b.Fatal(err)
	}
	fetched := g.issuer.Fetch.Load()
	var took [2]time.Duration
	for n := range b.N {
		in := attested(n)
		begun := time.Now()
		out, err := g.SubmitRun(ctx, g.ci, in)
		took[0] += time.Since(begun)
		if err != nil || !out.Attested || !out.Counted || out.Tier2[evidence.Pass] != benchAssertions {
			b.Fatalf("%+v, %v", out, err)
		}
		alone := service.SubmitRunIn{ModelID: other, Statement: benchStatement(b, plain, ci, other, n)}
		begun = time.Now()
		out, err = plain.SubmitRun(ctx, ci, alone)
		took[1] += time.Since(begun)
		if err != nil || out.Attested || !out.Counted || out.Tier2[evidence.Pass] != benchAssertions {
			b.Fatalf("%+v, %v", out, err)
		}
	}
	if n := g.issuer.Fetch.Load(); n != fetched {
		b.Fatalf("the key set was fetched %d times", n-fetched)
	}
	each := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 / float64(b.N) }
	b.ReportMetric(each(took[0]), "ms/attested")
	b.ReportMetric(each(took[1]), "ms/alone")
	b.ReportMetric(each(took[0]-took[1]), "ms/proof")
	b.ReportMetric(float64(took[0])/float64(took[1]), "ratio")
}
