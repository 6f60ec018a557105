package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-dev/redoubt/store"
)

// park lets a claimed job ask a question.
func park(t testing.TB, e env, workspace string, j store.Job, step string) {
	t.Helper()
	e.write(t, func(tx *store.Tx) error {
		return tx.ParkJob(workspace, j.ID, j.Attempt, step, `{"step":"`+step+`"}`, tx.Now().Add(24*time.Hour))
	})
}

func answerJob(t testing.TB, e env, workspace, id string, n int, answer string) (ok bool) {
	t.Helper()
	e.write(t, func(tx *store.Tx) (err error) {
		ok, err = tx.AnswerJob(workspace, id, n, answer, "digest of "+answer)
		return err
	})
	return ok
}

// A job asks, waits without a lease, and goes on when it is answered, as often as it takes.
func TestJobQuestions(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		w, _ := tenant(t, e, "u@example.org")
		other, _ := tenant(t, e, "v@example.org")
		id := addJob(t, e, w)
		if _, ok, err := questionOf(t, e, w, id); ok || err != nil {
			t.Errorf("a fresh job asks: %v", err)
		}
		for n := 1; n <= 2*store.MaxAttempts; n++ {
			j := mustClaim(t, e, id, n)
			park(t, e, w, j, "step")
			if j, ok := claim(t, e); ok {
				t.Fatalf("a waiting job was claimed: %+v", j)
			}
			if j := job(t, e, w, id); j.State != store.JobWaiting {
				t.Fatalf("%+v", j)
			}
			if answerJob(t, e, other, id, n, "theirs") {
				t.Fatal("another workspace answered")
			}
			if !answerJob(t, e, w, id, n, "a") || answerJob(t, e, w, id, n, "b") {
				t.Fatalf("answer %d was not taken, or taken twice", n)
			}
		}
		asked := get(t, e, func(v *store.Snapshot) ([]store.JobQuestion, error) { return v.JobQuestions(w, id) })
		want := store.JobQuestion{N: 10, Step: "step", Question: `{"step":"step"}`, Digest: "digest of a", Answer: "a"}
		if len(asked) != 10 {
			t.Fatalf("%d questions", len(asked))
		}
		last, _, _ := questionOf(t, e, w, id)
		if d := cmp.Diff(want, last); d != "" || asked[9] != last {
			t.Error(d)
		}
		if _, ok, _ := questionOf(t, e, other, id); ok {
			t.Error("another workspace reads the question")
		}
	})
}

func questionOf(t testing.TB, e env, workspace, id string) (q store.JobQuestion, ok bool, err error) {
	t.Helper()
	q = get(t, e, func(v *store.Snapshot) (store.JobQuestion, error) {
		q, there, err := v.JobQuestion(workspace, id)
		ok = there
		return q, err
	})
	return q, ok, nil
}

// A job that was answered often is still given up when it is lost too often after the last answer, and not before.
func TestAttemptsCountFromTheLastAnswer(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		w, _ := tenant(t, e, "u@example.org")
		id := addJob(t, e, w)
		for n := 1; n <= 7; n++ {
			park(t, e, w, mustClaim(t, e, id, n), "step")
			answerJob(t, e, w, id, n, "a")
		}
		for n := 8; n < 8+store.MaxAttempts; n++ {
			mustClaim(t, e, id, n)
			e.clock.Advance(lease + time.Second)
		}
		if j, ok := claim(t, e); ok {
			t.Errorf("begun again: %+v", j)
		}
		if j := job(t, e, w, id); j.State != store.JobFailed {
			t.Errorf("%+v", j)
		}
	})
}

// A question that nobody answers in time ends its job; the draft stays.
func TestExpiredQuestions(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		w, _ := tenant(t, e, "u@example.org")
		id := addJob(t, e, w)
		j := mustClaim(t, e, id, 1)
		e.write(t, func(tx *store.Tx) error { return tx.SaveJobProgress(w, id, 1, "draft", "[]") })
		park(t, e, w, j, "step")
		expire := func() store.Job {
			e.write(t, func(tx *store.Tx) error { return tx.ExpireJobs("gone") })
			return job(t, e, w, id)
		}
		e.clock.Advance(24*time.Hour - time.Second)
		if j := expire(); j.State != store.JobWaiting {
			t.Fatalf("a second early: %+v", j)
		}
		e.clock.Advance(time.Second)
		if answerJob(t, e, w, id, 1, "late") {
			t.Error("an answer came in after the time")
		}
		if j := expire(); j.State != store.JobFailed || j.Error != "gone" || j.Draft != "draft" {
			t.Errorf("%+v", j)
		}
	})
}

// Only the attempt that runs a job may let it wait.
func TestParkingUnderAnAttempt(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		w, _ := tenant(t, e, "u@example.org")
		id := addJob(t, e, w)
		j := mustClaim(t, e, id, 1)
		for _, c := range []struct {
			workspace string
			attempt   int
		}{{w, 2}, {"nobody", 1}} {
			err := e.Store.Write(background, func(tx *store.Tx) error {
				return tx.ParkJob(c.workspace, id, c.attempt, "s", "{}", tx.Now())
			})
			if !errors.Is(err, store.ErrJobLost) {
				t.Errorf("%+v: %v", c, err)
			}
		}
		park(t, e, w, j, "step")
		e.write(t, func(tx *store.Tx) error {
			ok, err := tx.CancelJob(w, id)
			if !ok {
				t.Error("a waiting job is not cancelled")
			}
			return err
		})
		if answerJob(t, e, w, id, 1, "a") {
			t.Error("a cancelled job was answered")
		}
	})
}
