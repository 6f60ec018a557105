package service_test

import (
	"encoding/json"
	"sync"
	"testing"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/internal/testenv/live"
	"github.com/redoubt-dev/redoubt/pipeline"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/store"
)

// However many calls resume a failed generation at once, in however many processes, one job goes on with it, and all of them get that one.
func TestResumedOnce(t *testing.T) {
	testenv.Databases(t, func(t *testing.T, database string) {
		expert := must(live.Expert())(t)
		var replicas [2]*service.Service
		var st *store.Store
		for i := range replicas {
			st = testenv.Open(t, database, nil)
			replicas[i] = must(service.New(service.Config{Store: st, Engines: []pipeline.Engine{expert}}))(t) // no workers: what is added stays
		}
		who := testenv.Caller(t, st, account.Developer)
		failed := testenv.NewID(t)
		input := string(must(json.Marshal(service.GenerateThreatModelIn{FeatureDescription: feature, Title: "Kept", Engine: "builtin"}))(t))
		err := st.Write(ctx, func(tx *store.Tx) error {
			err := tx.AddJob(who.WorkspaceID, store.Job{ID: failed, Kind: "generate_threat_model", Principal: "{}", Input: input, Draft: `{"d":1}`, Steps: 6})
			if err != nil {
				return err
			}
			j, _, err := tx.ClaimJob(1e9)
			if err != nil {
				return err
			}
			return tx.FinishJob(who.WorkspaceID, failed, j.Attempt, store.JobFailed, "", "", `{"code":"unavailable","message":"down"}`)
		})
		if err != nil {
			t.Fatal(err)
		}
		var calls sync.WaitGroup
		var jobs [12]service.JobOut
		var errs [len(jobs)]error
		for i := range jobs {
			calls.Go(func() {
				jobs[i], errs[i] = replicas[i%2].GenerateThreatModel(ctx, who, service.GenerateThreatModelIn{Resume: failed})
			})
		}
		calls.Wait()
		for i, job := range jobs {
			if errs[i] != nil || job.JobID == failed || job.JobID != jobs[0].JobID {
				t.Errorf("call %d: job %s, %v; the first one got %s", i, job.JobID, errs[i], jobs[0].JobID)
			}
		}
		err = st.Read(ctx, func(v *store.Snapshot) error {
			j, err := v.Job(who.WorkspaceID, jobs[0].JobID)
			if err == nil && (j.Resumes != failed || j.Draft != `{"d":1}`) {
				t.Errorf("%+v", j)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
}
