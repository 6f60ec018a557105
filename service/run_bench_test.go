package service_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// benchAssertions is how many assertions the runs of these benchmarks answer, each at both tiers: 1,000 results.
const benchAssertions = 500

// addBenchModel makes a model with 100 controls and evidence for them on acme/shop.
func addBenchModel(b *testing.B, s *bench) (string, int) {
	b.Helper()
	model := testenv.Model(b, s.st, s.who.WorkspaceID, s.who.UserID, 25, 12)
	controls, links := make([]threat.Control, 100), []store.Link{}
	for i := range controls {
		id := threat.ID(fmt.Sprint("C", i+1))
		controls[i] = threat.Control{
			ID: id, Description: fmt.Sprintf("Do the %d. thing in every handler, and refuse what is not allowed.", i), Status: threat.NotImplemented,
			Facets: []threat.Facet{{ID: id + ".a", Text: "It is done before anything else.", Kind: threat.BehaviourFacet}}, Source: threat.Manual, Revision: 1, NextFacet: 2,
		}
		links = append(links, store.Link{Objective: threat.ID(fmt.Sprintf("CO-A%d-T%d", i%25+1, i%12+1)), Group: 1, Control: id})
	}
	testenv.Write(b, s.st, func(tx *store.Tx) error {
		if err := tx.AddControls(s.who.WorkspaceID, model.ID, controls); err != nil {
			return err
		}
		if err := tx.AddLinks(s.who.WorkspaceID, model.ID, links); err != nil {
			return err
		}
		return tx.TouchModel(s.who.WorkspaceID, model.ID)
	})
	for from := 0; from < benchAssertions; from += service.MaxAssertions {
		in := service.SubmitAssertionsIn{ModelID: model.ID}
		for i := from; i < from+service.MaxAssertions; i++ {
			in.Assertions = append(in.Assertions, service.NewAssertion{
				Type: evidence.FunctionCalls, Control: controls[i%100].ID, Repo: repo,
				Params: evidence.Params{"file": fmt.Sprintf("handlers/h%d.go", i), "caller": "Handle", "callee": "auth.Check"},
			})
		}
		if _, err := s.SubmitAssertions(ctx, s.who, in); err != nil {
			b.Fatal(err)
		}
	}
	return model.ID, len(controls)
}

// benchStatement answers a new pull of the whole model; n tells the code of one run from that of another, so that nothing is carried over.
func benchStatement(b *testing.B, s *bench, ci account.Principal, model string, n int) json.RawMessage {
	b.Helper()
	digest := func(text string) string { return evidence.Hash([]byte(text)) }
	pull, err := s.PullAssertions(ctx, ci, service.PullAssertionsIn{ModelID: model, Repo: repo})
	if err != nil {
		b.Fatal(err)
	}
	p := evidence.Predicate{
		Workspace: pull.WorkspaceID, Model: pull.ModelID, Repo: pull.Repo, Commit: commit, Branch: "main",
		Verifier: "bench", Nonce: pull.Nonce,
	}
	for i, a := range pull.Assertions {
		excerpt := digest(fmt.Sprint(n, i))
		p.Results = append(p.Results, evidence.Result{
			Assertion: a.ID, Type: a.Type, Params: a.Params, Tier: evidence.Tier1, Verdict: evidence.Pass,
			Reason: "Handle calls auth.Check at handlers/h.go:41", File: a.Params.String("file"), Line: 41,
			FileDigest: excerpt, Blob: strings.Repeat("b", 40), Excerpt: excerpt,
		}, evidence.Result{
			Assertion: a.ID, Type: a.Type, Params: a.Params, Tier: evidence.Tier2, Verdict: evidence.Pass, Judge: "exec:judge",
			Reason: "Line 41 checks before anything else and returns on a refusal.", Excerpt: excerpt, Template: a.Template, Text: a.Text,
			Facets: map[threat.ID]evidence.Verdict{a.Facets[0]: evidence.Pass},
		})
	}
	st, err := evidence.NewStatement(p)
	if err != nil {
		b.Fatal(err)
	}
	raw, err := st.Canonical()
	if err != nil {
		b.Fatal(err)
	}
	return raw
}

// BenchmarkRun compares accepting a run of 1,000 results and reading the report back with writing 1,000 rows in the same database, as
// rows of results, one statement each in one transaction; interleaved in one run. The target is a ratio of at most 5.
func BenchmarkRun(b *testing.B) {
	s := newBench(b)
	model, controls := addBenchModel(b, s)
	ci := s.who
	ci.Scope, ci.KeyID = account.Verifier, testenv.NewID(b)
	var took [2]time.Duration
	for n := range b.N {
		raw := benchStatement(b, s, ci, model, n)
		begun := time.Now()
		out, err := s.SubmitRun(ctx, ci, service.SubmitRunIn{ModelID: model, Statement: raw})
		if err != nil {
			b.Fatal(err)
		}
		limit := service.MaxLimit
		report, err := s.GetVerificationReport(ctx, ci, service.GetVerificationReportIn{ModelID: model, Limit: &limit})
		if err != nil {
			b.Fatal(err)
		}
		took[0] += time.Since(begun)
		if out.Tier2[evidence.Pass] != benchAssertions || report.Returned != controls {
			b.Fatalf("%+v", out)
		}
		begun = time.Now()
		testenv.Write(b, s.st, func(tx *store.Tx) error {
			for range 2 * benchAssertions {
				if err := tx.AddActivity(s.who.WorkspaceID, store.Activity{ID: testenv.NewID(b), Verb: "bench", Outcome: "done"}); err != nil {
					return err
				}
			}
			return nil
		})
		took[1] += time.Since(begun)
	}
	b.ReportMetric(float64(took[0].Milliseconds())/float64(b.N), "ms/run")
	b.ReportMetric(float64(took[1].Milliseconds())/float64(b.N), "ms/rows")
	b.ReportMetric(float64(took[0])/float64(took[1]), "ratio")
}
