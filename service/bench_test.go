package service_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// BenchmarkEdit compares a single edit_asset on a model of 25 assets and 12 attackers with a one-row commit in the same
// database, interleaved in one run. ratio is the time of the edit over the commit's; the target is at most 3.
func BenchmarkEdit(b *testing.B) {
	s := newBench(b)
	model := testenv.Model(b, s.st, s.who.WorkspaceID, s.who.UserID, 25, 12)
	impacts := []threat.Level{threat.High, threat.Low}
	var took [2]time.Duration
	b.ResetTimer()
	for i := range b.N {
		begun := time.Now()
		_, err := s.EditAsset(ctx, s.who, service.EditAssetIn{
			Target: service.Target{ModelID: model.ID}, AssetID: threat.ID(fmt.Sprint("A", i%25+1)), Impact: &impacts[i/25%2],
		})
		if err != nil {
			b.Fatal(err)
		}
		took[0] += time.Since(begun)
		begun = time.Now()
		testenv.Write(b, s.st, func(tx *store.Tx) error {
			return tx.AddActivity(s.who.WorkspaceID, store.Activity{ID: testenv.NewID(b), Verb: "bench", Outcome: "done"})
		})
		took[1] += time.Since(begun)
	}
	b.ReportMetric(float64(took[0].Microseconds())/float64(b.N), "µs/edit")
	b.ReportMetric(float64(took[1].Microseconds())/float64(b.N), "µs/commit")
	b.ReportMetric(float64(took[0])/float64(took[1]), "ratio")
}

// BenchmarkGenerate is a whole generate_threat_model by the builtin engine, job and all; the target is under 50 ms.
func BenchmarkGenerate(b *testing.B) {
	s := newBench(b)
	for range b.N {
		s.model(b)
	}
}
