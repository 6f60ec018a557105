package service_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/internal/testenv/live"
	"github.com/redoubt-dev/redoubt/pipeline"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// BenchmarkPosture compares where a model of 1,000 COs with 300 controls and 3,000 assertions stands, asked of a service that has nothing in
// memory, with reading the same rows into the same structs; interleaved in one run. The target is a ratio of at most 2.
func BenchmarkPosture(b *testing.B) {
	s := newBench(b)
	w := s.who.WorkspaceID
	model := testenv.Model(b, s.st, w, s.who.UserID, 40, 25).ID
	controls, links, assertions := make([]threat.Control, 300), []store.Link{}, []store.Assertion{}
	for i := range controls {
		id := threat.ID(fmt.Sprint("C", i+1))
		controls[i] = threat.Control{
			ID: id, Description: fmt.Sprintf("Do the %d. thing in every handler, and refuse what is not allowed.", i), Status: threat.Implemented,
			Facets: []threat.Facet{{ID: id + ".a", Text: "It is done before anything else.", Kind: threat.BehaviourFacet}}, Source: threat.Manual, Revision: 1, NextFacet: 2,
		}
		for k := range 10 {
			co := i*10 + k
			links = append(links, store.Link{Objective: threat.ObjectiveID(threat.ID(fmt.Sprint("A", co%40+1)), threat.ID(fmt.Sprint("T", co/40%25+1))), Group: 1 + co%2, Control: id})
			assertions = append(assertions, store.Assertion{Assertion: evidence.Assertion{
				ID: threat.ID(fmt.Sprint("E", co+1)), Type: evidence.FunctionCalls, Control: id, Facets: []threat.ID{id + ".a"}, Repo: repo,
				Params: evidence.Params{"file": fmt.Sprintf("handlers/h%d.go", co), "caller": "Handle", "callee": "auth.Check"},
			}})
		}
	}
	testenv.Write(b, s.st, func(tx *store.Tx) error {
		if err := tx.AddControls(w, model, controls); err != nil {
			return err
		}
		if err := tx.AddLinks(w, model, links); err != nil {
			return err
		}
		if err := tx.AddAssertions(w, model, s.who.UserID, assertions); err != nil {
			return err
		}
		for i := range controls {
			if err := tx.SaveVerification(w, model, controls[i].ID, store.Verification{Status: evidence.Verified, Oldest: ptr(tx.Now()), Attested: i%2 == 0}); err != nil {
				return err
			}
		}
		return tx.TouchModel(w, model)
	})
	engine, err := live.Expert()
	if err != nil {
		b.Fatal(err)
	}
	var took [3]time.Duration
	b.ResetTimer()
	for range b.N {
		cold, err := service.New(service.Config{Store: s.st, Engines: []pipeline.Engine{engine}, Log: zerolog.Nop()})
		if err != nil {
			b.Fatal(err)
		}
		for warm := range 2 {
			begun := time.Now()
			out, err := cold.AssessModel(ctx, s.who, service.AssessModelIn{ModelID: model})
			if err != nil {
				b.Fatal(err)
			}
			took[warm] += time.Since(begun)
			if o := out.Summary.Objectives; o.Total != 1000 || o.Assurance.Verified == 0 {
				b.Fatalf("%+v", o)
			}
		}
		begun := time.Now()
		testenv.Read(b, s.st, func(v *store.Snapshot) error {
			for _, read := range []func() (any, error){
				func() (any, error) { return v.Model(w, model) },
				func() (any, error) { return v.Head(w, model) },
				func() (any, error) { return v.Controls(w, model) },
				func() (any, error) { return v.Links(w, model) },
				func() (any, error) { return v.AssumptionStates(w, model) },
				func() (any, error) { return v.Attestations(w, model) },
				func() (any, error) { return v.AcceptedRisks(w, model) },
				func() (any, error) { return v.WeakenedObjectives(w, model) },
				func() (any, error) { return v.CarriedControls(w, model) },
			} {
				if _, err := read(); err != nil {
					return err
				}
			}
			return nil
		})
		took[2] += time.Since(begun)
	}
	b.ReportMetric(float64(took[0].Microseconds())/float64(b.N), "µs/cold")
	b.ReportMetric(float64(took[1].Microseconds())/float64(b.N), "µs/warm")
	b.ReportMetric(float64(took[2].Microseconds())/float64(b.N), "µs/rows")
	b.ReportMetric(float64(took[0])/float64(took[2]), "ratio")
}

// BenchmarkVersion compares loading the newest of 500 versions of a model with loading its first; interleaved in one run. The target is a
// ratio of at most 1.5.
func BenchmarkVersion(b *testing.B) {
	const versions = 500
	s := newBench(b)
	w := s.who.WorkspaceID
	model := testenv.Model(b, s.st, w, s.who.UserID, 25, 12).ID
	levels := threat.Levels()
	for i := range versions - 1 {
		_, err := s.EditAsset(ctx, s.who, service.EditAssetIn{
			Target: service.Target{ModelID: model}, AssetID: threat.ID(fmt.Sprint("A", i%25+1)), Notes: ptr(fmt.Sprint("note ", i)), Impact: &levels[i%3],
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	var took [2]time.Duration
	b.ResetTimer()
	for range b.N {
		for i, n := range []int{1, versions} {
			begun := time.Now()
			testenv.Read(b, s.st, func(v *store.Snapshot) error {
				st, err := v.Version(w, model, n)
				if err == nil && len(st.Assets) != 25 {
					b.Fatalf("version %d has %d assets", n, len(st.Assets))
				}
				return err
			})
			took[i] += time.Since(begun)
		}
	}
	b.ReportMetric(float64(took[0].Microseconds())/float64(b.N), "µs/first")
	b.ReportMetric(float64(took[1].Microseconds())/float64(b.N), "µs/newest")
	b.ReportMetric(float64(took[1])/float64(took[0]), "ratio")
}
