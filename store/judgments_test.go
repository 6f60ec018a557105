package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// someJudgment is one that nobody made yet.
func someJudgment(control threat.ID) store.Judgment {
	return store.Judgment{Job: "gone", Judgment: evidence.Judgment{Control: control, Engine: "openai", State: evidence.JudgmentPending, Digest: "d", Model: "openai:m"}}
}

func judgments(t testing.TB, e env, workspace, model string) []store.Judgment {
	t.Helper()
	return get(t, e, func(v *store.Snapshot) ([]store.Judgment, error) { return v.Judgments(workspace, model) })
}

// A judgment is kept as it is; each engine has its own, and the newest takes the place of the former.
func TestJudgments(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		w, u := tenant(t, e, "u@example.org")
		m := testenv.Model(t, e.Store, w, u, 2, 2)
		e.write(t, func(tx *store.Tx) error {
			return tx.AddControls(w, m.ID, []threat.Control{someControl("C10"), someControl("C2")})
		})
		judged := store.Judgment{Job: "j", Judgment: evidence.Judgment{
			Control: "C2", Engine: "openai", State: evidence.Judged, Digest: "d2", Model: "ollama:x", Template: "t",
			Incoherent: map[threat.ID]string{"E1": "é \u2028"}, Unproven: map[threat.ID]string{"C2.a": "why", "C2.b": "why not"},
		}}
		failed := store.Judgment{Job: "k", Judgment: evidence.Judgment{Control: "C2", Engine: "agent", State: evidence.JudgmentFailed, Digest: "d2", Reason: "no"}}
		for _, j := range []store.Judgment{someJudgment("C10"), someJudgment("C2"), judged, failed} {
			e.write(t, func(tx *store.Tx) error { return tx.SaveJudgment(w, m.ID, j) })
		}
		want := []store.Judgment{failed, judged, someJudgment("C10")}
		got := judgments(t, e, w, m.ID)
		for i := range got {
			if !got[i].At.Equal(e.clock.Now()) {
				t.Errorf("%s at %v", got[i].Control, got[i].At)
			}
			got[i].At = time.Time{}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		if list := judgments(t, e, "other", m.ID); len(list) != 0 {
			t.Errorf("another workspace reads %+v", list)
		}
	})
}

// What is pending ends with its job, and where the job is gone with the next sweep; what a living job works on stays.
func TestFailJudgments(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		w, u := tenant(t, e, "u@example.org")
		m := testenv.Model(t, e.Store, w, u, 2, 2)
		ended, alive := addJob(t, e, w), addJob(t, e, w)
		e.write(t, func(tx *store.Tx) error {
			if err := tx.AddControls(w, m.ID, []threat.Control{someControl("C1"), someControl("C2"), someControl("C3"), someControl("C4")}); err != nil {
				return err
			}
			for control, job := range map[threat.ID]string{"C1": "gone", "C2": alive, "C3": ended, "C4": ended} {
				j := someJudgment(control)
				j.Job = job
				if control == "C4" {
					j.State = evidence.Judged
				}
				if err := tx.SaveJudgment(w, m.ID, j); err != nil {
					return err
				}
			}
			_, err := tx.CancelJob(w, ended)
			return err
		})
		states := func() (out string) {
			for _, j := range judgments(t, e, w, m.ID) {
				out += string(j.State) + j.Reason + " "
			}
			return out
		}
		sweep := func(fail func(*store.Tx) ([]store.ModelKey, error)) (list []store.ModelKey) {
			e.write(t, func(tx *store.Tx) (err error) {
				list, err = fail(tx)
				return err
			})
			return list
		}
		if list := sweep(func(tx *store.Tx) ([]store.ModelKey, error) { return tx.FailJudgments(ended, "!") }); len(list) != 1 || list[0] != (store.ModelKey{WorkspaceID: w, ModelID: m.ID}) {
			t.Errorf("%+v", list)
		}
		if got := states(); got != "pending pending failed! judged " {
			t.Error(got)
		}
		lost := func(tx *store.Tx) ([]store.ModelKey, error) { return tx.FailLostJudgments("?") }
		sweep(lost)
		if got := states(); got != "failed? pending failed! judged " {
			t.Error(got)
		}
		if list := sweep(lost); len(list) != 0 {
			t.Errorf("swept twice: %+v", list)
		}
	})
}
