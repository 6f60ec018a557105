package store

import (
	"database/sql"
	"errors"
	"strings"
	"time"

	"github.com/redoubt-dev/redoubt/threat"
)

// JobState is where a job is in its life.
type JobState string

// The states. Done, failed and cancelled are final.
const (
	JobReady     JobState = "ready"
	JobRunning   JobState = "running"
	JobWaiting   JobState = "waiting" // for an answer of the calling agent
	JobDone      JobState = "done"
	JobFailed    JobState = "failed"
	JobCancelled JobState = "cancelled"
)

// Final reports whether a job in this state changes no more.
func (s JobState) Final() bool { return s == JobDone || s == JobFailed || s == JobCancelled }

// MaxAttempts is how often a job is begun before it fails.
const MaxAttempts = 5

// Job is a long operation. Principal, Input, Draft, Trail, Result and Error are JSON that the service reads and writes.
type Job struct {
	ID          string
	WorkspaceID string
	ModelID     string
	Kind        string
	State       JobState
	Principal   string
	Input       string
	Draft       string
	Trail       string
	Steps       int
	Attempt     int
	Result      string
	Error       string
	Resumes     string // the failed job that this one goes on with
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

type jobRow struct {
	ID          string   `db:"id"`
	WorkspaceID string   `db:"workspace_id"`
	ModelID     string   `db:"model_id"`
	Kind        string   `db:"kind"`
	State       JobState `db:"state"`
	Principal   string   `db:"principal"`
	Input       string   `db:"input"`
	Draft       string   `db:"draft"`
	Trail       string   `db:"trail"`
	Steps       int      `db:"steps"`
	Attempt     int      `db:"attempt"`
	Result      string   `db:"result"`
	Error       string   `db:"error"`
	Resumes     string   `db:"resumes"`
	CreatedAt   int64    `db:"created_at"`
	UpdatedAt   int64    `db:"updated_at"`
}

func (r jobRow) job() Job {
	return Job{
		r.ID, r.WorkspaceID, r.ModelID, r.Kind, r.State, r.Principal, r.Input, r.Draft, r.Trail, r.Steps, r.Attempt, r.Result, r.Error, r.Resumes,
		fromMicros(r.CreatedAt), fromMicros(r.UpdatedAt),
	}
}

const jobColumns = `id, workspace_id, model_id, kind, state, principal, input, draft, trail, steps, attempt, result, error, resumes, created_at, updated_at`

// AddJob adds a job that is ready to run. Draft and Trail are what another job did before it. Errors: [threat.Conflict] when another job
// resumes what it resumes.
func (t *Tx) AddJob(workspace string, j Job) error {
	if j.Trail == "" {
		j.Trail = "[]"
	}
	return t.exec(`
		INSERT INTO jobs (id, workspace_id, model_id, kind, state, principal, input, draft, trail, steps, attempt, resumes, run_at, created_at, updated_at)
		VALUES (?, ?, ?, ?, 'ready', ?, ?, ?, ?, ?, 0, ?, ?, ?, ?)`,
		j.ID, workspace, j.ModelID, j.Kind, j.Principal, j.Input, j.Draft, j.Trail, j.Steps, j.Resumes, micros(t.now), micros(t.now), micros(t.now))
}

// ResumedBy returns the job that goes on with a failed one; ok is false when there is none, or only cancelled ones. It writes to the failed
// job's row, so that of two transactions at once the second one sees what the first one added.
func (t *Tx) ResumedBy(workspace, id string) (job Job, ok bool, err error) {
	if err := t.exec(`UPDATE jobs SET resumes = resumes WHERE workspace_id = ? AND id = ?`, workspace, id); err != nil {
		return Job{}, false, err
	}
	var r jobRow
	err = t.get(&r, `SELECT `+jobColumns+` FROM jobs WHERE workspace_id = ? AND resumes = ? AND resumes <> '' AND state <> 'cancelled'`, workspace, id)
	if missing(err) {
		return Job{}, false, nil
	}
	return r.job(), err == nil, err
}

// Job returns a job of a workspace. Errors: [threat.NotFound].
func (v *Snapshot) Job(workspace, id string) (Job, error) {
	var r jobRow
	err := v.get(&r, `SELECT `+jobColumns+` FROM jobs WHERE workspace_id = ? AND id = ?`, workspace, id)
	if missing(err) {
		return Job{}, threat.Errorf(threat.NotFound, "there is no such job").In("job_id").
			Hinted("job ids come from the call that started the job, such as generate_threat_model")
	}
	return r.job(), err
}

// JobDue reports whether [Tx.ClaimJob] would find a job, without taking the writer.
func (v *Snapshot) JobDue() (bool, error) {
	now := micros(v.now)
	var n int
	err := v.get(&n, `
		SELECT COUNT(*) FROM (
		    SELECT id FROM jobs /* any workspace: the worker serves all */
		    WHERE state = 'ready' AND run_at <= ? OR state = 'running' AND lease_until < ?
		    LIMIT 1) due`, now, now)
	return n > 0, err
}

// ClaimJob takes the next job that is ready, or whose worker let its lease run out, for lease from now. ok is false when
// there is none. A job that was begun [MaxAttempts] times since its last answer is failed instead.
func (t *Tx) ClaimJob(lease time.Duration) (job Job, ok bool, err error) {
	now := micros(t.now)
	err = t.exec(`
		UPDATE jobs /* any workspace: the worker serves all */
		SET state = 'failed', updated_at = ?, error = ?
		WHERE state = 'running' AND lease_until < ? AND attempt - answered_attempt >= ?`,
		now, `{"code":"internal","message":"the job was begun too often without an end","hint":"start it again"}`, now, MaxAttempts)
	if err != nil {
		return Job{}, false, err
	}
	claim := strings.ReplaceAll(`
		UPDATE jobs /* any workspace: the worker serves all */
		SET state = 'running', attempt = attempt + 1, lease_until = ?, updated_at = ?
		WHERE id = (
		    SELECT id FROM jobs
		    WHERE state = 'ready' AND run_at <= ? OR state = 'running' AND lease_until < ?
		    ORDER BY run_at, id LIMIT 1 {{skip locked}})
		RETURNING `+jobColumns, "{{skip locked}}", t.d.skipLocked())
	var r jobRow
	err = t.get(&r, claim, micros(t.now.Add(lease)), now, now, now)
	if errors.Is(err, sql.ErrNoRows) {
		return Job{}, false, nil
	}
	return r.job(), err == nil, err
}

// RenewJob prolongs a lease. ok is false when the job is no longer this attempt's: it was cancelled, or taken over.
func (t *Tx) RenewJob(workspace, id string, attempt int, lease time.Duration) (ok bool, err error) {
	n, err := t.execN(`UPDATE jobs SET lease_until = ? WHERE workspace_id = ? AND id = ? AND attempt = ? AND state = 'running'`,
		micros(t.now.Add(lease)), workspace, id, attempt)
	return n == 1, err
}

// ErrJobLost says that a job is no longer this attempt's to write.
var ErrJobLost = errors.New("store: the job was cancelled or taken over")

// SaveJobProgress writes what a running attempt has done so far. Errors: [ErrJobLost].
func (t *Tx) SaveJobProgress(workspace, id string, attempt int, draft, trail string) error {
	return t.ownJob(`
		UPDATE jobs SET draft = ?, trail = ?, updated_at = ?
		WHERE workspace_id = ? AND id = ? AND attempt = ? AND state = 'running'`,
		draft, trail, micros(t.now), workspace, id, attempt)
}

// FinishJob ends a running attempt: done with a result, or failed with an error. Errors: [ErrJobLost].
func (t *Tx) FinishJob(workspace, id string, attempt int, state JobState, modelID, result, failure string) error {
	return t.ownJob(`
		UPDATE jobs SET state = ?, model_id = ?, result = ?, error = ?, updated_at = ?
		WHERE workspace_id = ? AND id = ? AND attempt = ? AND state = 'running'`,
		state, modelID, result, failure, micros(t.now), workspace, id, attempt)
}

// ReleaseJob gives a running attempt back, to be taken again at once: the worker stops, the job goes on elsewhere. A job
// that was given back is begun again whatever its attempt. Errors: [ErrJobLost].
func (t *Tx) ReleaseJob(workspace, id string, attempt int) error {
	return t.ownJob(`
		UPDATE jobs SET state = 'ready', lease_until = 0, updated_at = ?
		WHERE workspace_id = ? AND id = ? AND attempt = ? AND state = 'running'`,
		micros(t.now), workspace, id, attempt)
}

func (t *Tx) ownJob(query string, args ...any) error {
	n, err := t.execN(query, args...)
	if err == nil && n == 0 {
		return ErrJobLost
	}
	return err
}

// CancelJob cancels a job that has not ended. ok is false when it had ended already. Errors: [threat.NotFound].
func (t *Tx) CancelJob(workspace, id string) (ok bool, err error) {
	if _, err := t.Job(workspace, id); err != nil {
		return false, err
	}
	n, err := t.execN(`
		UPDATE jobs SET state = 'cancelled', updated_at = ?
		WHERE workspace_id = ? AND id = ? AND state IN ('ready', 'running', 'waiting')`,
		micros(t.now), workspace, id)
	return n == 1, err
}
