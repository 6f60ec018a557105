package store_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

const lease = 30 * time.Second

func addJob(t testing.TB, e env, workspace string) string {
	t.Helper()
	id := testenv.NewID(t)
	e.write(t, func(tx *store.Tx) error {
		return tx.AddJob(workspace, store.Job{ID: id, Kind: "generate", Principal: `{"p":1}`, Input: `{"i":1}`, Steps: 6, ModelID: "m"})
	})
	return id
}

func job(t testing.TB, e env, workspace, id string) store.Job {
	t.Helper()
	return get(t, e, func(v *store.Snapshot) (store.Job, error) { return v.Job(workspace, id) })
}

// claim takes the next job, and checks that it was announced.
func claim(t testing.TB, e env) (j store.Job, ok bool) {
	t.Helper()
	due := get(t, e, (*store.Snapshot).JobDue)
	e.write(t, func(tx *store.Tx) (err error) {
		j, ok, err = tx.ClaimJob(lease)
		return err
	})
	if ok && !due {
		t.Errorf("job %s was claimed and not announced", j.ID)
	}
	return j, ok
}

func mustClaim(t testing.TB, e env, id string, attempt int) store.Job {
	t.Helper()
	j, ok := claim(t, e)
	if !ok || j.ID != id || j.Attempt != attempt || j.State != store.JobRunning {
		t.Fatalf("claimed %v %+v, want %s at attempt %d", ok, j, id, attempt)
	}
	return j
}

func TestJobLife(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		w, _ := tenant(t, e, "u@example.org")
		foreign, _ := tenant(t, e, "foreign@example.org")
		if j, ok := claim(t, e); ok {
			t.Fatalf("claimed %+v of nothing", j)
		}
		if get(t, e, (*store.Snapshot).JobDue) {
			t.Error("nothing is due")
		}
		id := addJob(t, e, w)
		want := store.Job{
			ID: id, WorkspaceID: w, ModelID: "m", Kind: "generate", State: store.JobReady, Principal: `{"p":1}`, Input: `{"i":1}`,
			Trail: "[]", Steps: 6, CreatedAt: testenv.Start, UpdatedAt: testenv.Start,
		}
		if d := cmp.Diff(want, job(t, e, w, id)); d != "" {
			t.Errorf("added (-want +got):\n%s", d)
		}
		_, err := orError(e, func(v *store.Snapshot) (store.Job, error) { return v.Job(foreign, id) })
		refused(t, err, threat.NotFound)

		at := e.clock.Advance(time.Second)
		j := mustClaim(t, e, id, 1)
		want.State, want.Attempt, want.UpdatedAt = store.JobRunning, 1, at
		if d := cmp.Diff(want, j); d != "" {
			t.Errorf("claimed (-want +got):\n%s", d)
		}
		if _, ok := claim(t, e); ok {
			t.Error("claimed twice")
		}
		e.write(t, func(tx *store.Tx) error { return tx.SaveJobProgress(w, id, 1, `{"d":1}`, `["one"]`) })
		if got := job(t, e, w, id); got.Draft != `{"d":1}` || got.Trail != `["one"]` || got.State != store.JobRunning {
			t.Errorf("in progress: %+v", got)
		}
		e.write(t, func(tx *store.Tx) error { return tx.FinishJob(w, id, 1, store.JobDone, "made", `{"r":1}`, "") })
		if got := job(t, e, w, id); got.State != store.JobDone || got.ModelID != "made" || got.Result != `{"r":1}` || !got.State.Final() {
			t.Errorf("done: %+v", got)
		}
		lost(t, e, w, id, 1) // nothing changes what is final
		cancel(t, e, w, id, false)
		e.clock.Advance(time.Hour)
		if j, ok := claim(t, e); ok {
			t.Errorf("claimed the finished %+v", j)
		}
	})
}

// lost checks that every write of an attempt that no longer owns the job is refused and changes nothing.
func lost(t testing.TB, e env, workspace, id string, attempt int) {
	t.Helper()
	db := raw(t, e.database)
	all := func() (out [4]string) {
		err := db.QueryRow("SELECT state, draft || trail || result || error || model_id, lease_until, updated_at FROM jobs WHERE id = '"+id+"'").
			Scan(&out[0], &out[1], &out[2], &out[3])
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	before := all()
	for name, write := range map[string]func(*store.Tx) error{
		"progress": func(tx *store.Tx) error { return tx.SaveJobProgress(workspace, id, attempt, "stale", "stale") },
		"done": func(tx *store.Tx) error {
			return tx.FinishJob(workspace, id, attempt, store.JobDone, "stale", "stale", "")
		},
		"failed": func(tx *store.Tx) error {
			return tx.FinishJob(workspace, id, attempt, store.JobFailed, "", "", "stale")
		},
		"release": func(tx *store.Tx) error { return tx.ReleaseJob(workspace, id, attempt) },
	} {
		if err := e.try(write); !errors.Is(err, store.ErrJobLost) {
			t.Errorf("%s by attempt %d: %v, want ErrJobLost", name, attempt, err)
		}
	}
	e.write(t, func(tx *store.Tx) error {
		ok, err := tx.RenewJob(workspace, id, attempt, time.Hour)
		if ok {
			t.Errorf("attempt %d renewed its lease", attempt)
		}
		return err
	})
	if after := all(); after != before {
		t.Errorf("a lost attempt made %v of %v", after, before)
	}
}

func cancel(t testing.TB, e env, workspace, id string, want bool) {
	t.Helper()
	e.write(t, func(tx *store.Tx) error {
		ok, err := tx.CancelJob(workspace, id)
		if ok != want {
			t.Errorf("cancelled: %v, want %v", ok, want)
		}
		return err
	})
}

func TestJobsAreClaimedInOrder(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		w, _ := tenant(t, e, "u@example.org")
		other, _ := tenant(t, e, "other@example.org")
		start := e.clock.Now()
		e.clock.Set(start.Add(2 * time.Second))
		third := addJob(t, e, w)
		e.clock.Set(start)
		first, second := addJob(t, e, w), addJob(t, e, other) // the same time: by id
		if j, ok := claim(t, e); !ok || j.ID != first || j.WorkspaceID != w {
			t.Errorf("the first is %+v", j)
		}
		if j, ok := claim(t, e); !ok || j.ID != second || j.WorkspaceID != other {
			t.Errorf("the second is %+v", j)
		}
		if j, ok := claim(t, e); ok {
			t.Errorf("claimed %+v before its time", j)
		}
		e.clock.Set(start.Add(2 * time.Second))
		mustClaim(t, e, third, 1)

		// One whose worker died keeps its place before what came later.
		e.clock.Advance(lease)
		fourth := addJob(t, e, w)
		e.clock.Advance(time.Second)
		mustClaim(t, e, first, 2)
		mustClaim(t, e, second, 2)
		mustClaim(t, e, third, 2)
		mustClaim(t, e, fourth, 1)
	})
}

func TestJobsAreClaimedOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		w, _ := tenant(t, e, "u@example.org")
		const jobs, workers = 40, 8
		for range jobs {
			addJob(t, e, w)
		}
		var mu sync.Mutex
		claimed := map[string]int{}
		noError(t, together(workers, func(int) error {
			for {
				var j store.Job
				var ok bool
				err := e.try(func(tx *store.Tx) (err error) {
					j, ok, err = tx.ClaimJob(lease)
					return err
				})
				if err != nil || !ok {
					return err
				}
				mu.Lock()
				claimed[j.ID]++
				mu.Unlock()
				if j.Attempt != 1 {
					return fmt.Errorf("job %s is at attempt %d", j.ID, j.Attempt)
				}
			}
		}))
		if len(claimed) != jobs {
			t.Errorf("%d of %d jobs were claimed", len(claimed), jobs)
		}
		for id, n := range claimed {
			if n != 1 {
				t.Errorf("job %s was claimed %d times", id, n)
			}
		}
	})
}

func TestTakeover(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		w, _ := tenant(t, e, "u@example.org")
		foreign, _ := tenant(t, e, "foreign@example.org")
		id := addJob(t, e, w)
		mustClaim(t, e, id, 1)
		e.write(t, func(tx *store.Tx) error { return tx.SaveJobProgress(w, id, 1, "kept", "[]") })

		e.clock.Advance(lease - time.Second)
		renew := func(workspace string, attempt int) (ok bool) {
			e.write(t, func(tx *store.Tx) (err error) {
				ok, err = tx.RenewJob(workspace, id, attempt, lease)
				return err
			})
			return ok
		}
		if renew(foreign, 1) || renew(w, 2) {
			t.Error("the lease was renewed by somebody else")
		}
		if !renew(w, 1) {
			t.Error("the lease was not renewed")
		}
		e.clock.Advance(lease) // not past its end
		if j, ok := claim(t, e); ok {
			t.Fatalf("%+v was taken from a living worker", j)
		}
		e.clock.Advance(time.Microsecond)
		j := mustClaim(t, e, id, 2)
		if j.Draft != "kept" {
			t.Errorf("the draft is %q", j.Draft)
		}
		lost(t, e, w, id, 1)
		lost(t, e, foreign, id, 2) // another workspace has no such job
		e.write(t, func(tx *store.Tx) error { return tx.FinishJob(w, id, 2, store.JobFailed, "", "", `{"code":"invalid"}`) })
		if got := job(t, e, w, id); got.State != store.JobFailed || got.Error != `{"code":"invalid"}` {
			t.Errorf("failed: %+v", got)
		}
	})
}

// A result and the end of its job are one transaction: a lost attempt leaves neither.
func TestLostAttemptLeavesNoResult(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		w, u := tenant(t, e, "u@example.org")
		id := addJob(t, e, w)
		mustClaim(t, e, id, 1)
		e.clock.Advance(lease + time.Second)
		mustClaim(t, e, id, 2)
		result := testenv.NewID(t)
		err := e.try(func(tx *store.Tx) error {
			if err := tx.AddModel(w, store.Model{ID: result, Title: "result", CreatedBy: u}); err != nil {
				return err
			}
			return tx.FinishJob(w, id, 1, store.JobDone, result, "{}", "")
		})
		if !errors.Is(err, store.ErrJobLost) {
			t.Errorf("got %v", err)
		}
		_, err = orError(e, func(v *store.Snapshot) (store.Model, error) { return v.Model(w, result) })
		refused(t, err, threat.NotFound)
	})
}

func TestCancelAndRelease(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		w, _ := tenant(t, e, "u@example.org")
		foreign, _ := tenant(t, e, "foreign@example.org")
		running := addJob(t, e, w)
		mustClaim(t, e, running, 1)
		e.clock.Advance(time.Millisecond)
		ready := addJob(t, e, w)

		_, err := orErrorTx(e, func(tx *store.Tx) (bool, error) { return tx.CancelJob(foreign, ready) })
		refused(t, err, threat.NotFound)
		cancel(t, e, w, ready, true)
		cancel(t, e, w, ready, false)
		if j, ok := claim(t, e); ok {
			t.Errorf("claimed the cancelled %+v", j)
		}
		e.write(t, func(tx *store.Tx) error { return tx.ReleaseJob(w, running, 1) })
		if got := job(t, e, w, running); got.State != store.JobReady {
			t.Errorf("released: %+v", got)
		}
		lost(t, e, w, running, 1)
		mustClaim(t, e, running, 2) // at once
		cancel(t, e, w, running, true)
		lost(t, e, w, running, 2)
		e.clock.Advance(time.Hour)
		if j, ok := claim(t, e); ok {
			t.Errorf("claimed the cancelled %+v", j)
		}
		if got := job(t, e, w, running); got.State != store.JobCancelled {
			t.Errorf("cancelled: %+v", got)
		}
	})
}

func orErrorTx[T any](e env, fn func(*store.Tx) (T, error)) (out T, err error) {
	err = e.try(func(tx *store.Tx) (err error) {
		out, err = fn(tx)
		return err
	})
	return out, err
}

func TestFiveAttempts(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		w, _ := tenant(t, e, "u@example.org")
		id := addJob(t, e, w)
		for attempt := range store.MaxAttempts {
			mustClaim(t, e, id, attempt+1)
			e.clock.Advance(lease + time.Second)
		}
		e.clock.Advance(time.Second)
		next := addJob(t, e, w)
		mustClaim(t, e, next, 1) // the one that is spent does not stand in the way
		got := job(t, e, w, id)
		var why threat.Error
		if err := json.Unmarshal([]byte(got.Error), &why); err != nil || !slices.Contains(threat.Codes(), why.Code) || why.Message == "" {
			t.Errorf("the error is %q, %v", got.Error, err)
		}
		if got.State != store.JobFailed || got.Attempt != store.MaxAttempts {
			t.Errorf("after %d attempts: %+v", store.MaxAttempts, got)
		}
		lost(t, e, w, id, store.MaxAttempts)

		// One that a stopping worker gave back goes on, whatever its attempt.
		e.write(t, func(tx *store.Tx) error { return tx.ReleaseJob(w, next, 1) })
		for attempt := 2; attempt <= store.MaxAttempts+2; attempt++ {
			mustClaim(t, e, next, attempt)
			e.write(t, func(tx *store.Tx) error { return tx.ReleaseJob(w, next, attempt) })
		}
	})
}

// A failed job has one that goes on with it, whoever else tries; when that one was cancelled, it can have another.
func TestJobIsResumedOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		w, _ := tenant(t, e, "u@example.org")
		foreign, _ := tenant(t, e, "foreign@example.org")
		old := addJob(t, e, w)
		resume := func(workspace string) (id string, err error) {
			id = testenv.NewID(t)
			return id, e.try(func(tx *store.Tx) error {
				return tx.AddJob(workspace, store.Job{ID: id, Kind: "generate", Principal: "{}", Input: "{}", Steps: 6, Resumes: old})
			})
		}
		by := func(workspace string) (id string) {
			e.write(t, func(tx *store.Tx) error {
				j, ok, err := tx.ResumedBy(workspace, old)
				if ok != (j.ID != "") || ok && j.Resumes != old {
					t.Errorf("%v %+v", ok, j)
				}
				id = j.ID
				return err
			})
			return id
		}
		if id := by(w); id != "" {
			t.Errorf("%s goes on with a job that nobody resumed", id)
		}
		first, err := resume(w)
		if err != nil || by(w) != first || by(foreign) != "" {
			t.Errorf("%v; %s goes on with it", err, by(w))
		}
		_, err = resume(w)
		refused(t, err, threat.Conflict)
		if _, err := resume(foreign); err != nil {
			t.Errorf("another workspace's job of that id: %v", err)
		}
		cancel(t, e, w, first, true)
		if id := by(w); id != "" {
			t.Errorf("the cancelled %s goes on with it", id)
		}
		if second, err := resume(w); err != nil || by(w) != second {
			t.Errorf("%v; %s goes on with it", err, by(w))
		}
	})
}
