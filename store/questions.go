package store

import (
	"time"

	"github.com/redoubt-dev/redoubt/threat"
)

// JobQuestion is one question that a job asked the calling agent. Question is JSON that the service reads and writes; Digest and
// Answer are empty until there is an answer.
type JobQuestion struct {
	N        int    `db:"n"`
	Step     string `db:"step"`
	Question string `db:"question"`
	Digest   string `db:"digest"`
	Answer   string `db:"answer"`
}

const questionColumns = `n, step, question, digest, answer`

// JobQuestions returns what a job asked so far, in order.
func (v *Snapshot) JobQuestions(workspace, job string) ([]JobQuestion, error) {
	var out []JobQuestion
	err := v.list(&out, `SELECT `+questionColumns+` FROM job_questions WHERE workspace_id = ? AND job_id = ? ORDER BY n`, workspace, job)
	return out, err
}

// JobQuestion returns the newest question of a job. ok is false when it asked none.
func (v *Snapshot) JobQuestion(workspace, job string) (q JobQuestion, ok bool, err error) {
	err = v.get(&q, `
		SELECT `+questionColumns+` FROM job_questions WHERE workspace_id = ? AND job_id = ? ORDER BY n DESC LIMIT 1`, workspace, job)
	if missing(err) {
		return q, false, nil
	}
	return q, err == nil, err
}

// ParkJob lets a running attempt wait for the answer to a question, without a lease. Errors: [ErrJobLost].
func (t *Tx) ParkJob(workspace, id string, attempt int, step, question string, until time.Time) error {
	err := t.ownJob(`
		UPDATE jobs SET state = 'waiting', lease_until = 0, expires_at = ?, updated_at = ?
		WHERE workspace_id = ? AND id = ? AND attempt = ? AND state = 'running'`,
		micros(until), micros(t.now), workspace, id, attempt)
	if err != nil {
		return err
	}
	return t.exec(`
		INSERT INTO job_questions (workspace_id, job_id, n, step, question, asked_at)
		VALUES (?, ?, (SELECT COALESCE(MAX(n), 0) + 1 FROM job_questions WHERE workspace_id = ? AND job_id = ?), ?, ?, ?)`,
		workspace, id, workspace, id, step, question, micros(t.now))
}

// AnswerJob keeps the answer to question n of a waiting job and makes the job ready to go on with it. ok is false when the job does not
// wait for it.
func (t *Tx) AnswerJob(workspace, id string, n int, answer, digest string) (ok bool, err error) {
	changed, err := t.execN(`
		UPDATE jobs SET state = 'ready', expires_at = 0, run_at = ?, answered_attempt = attempt, updated_at = ?
		WHERE workspace_id = ? AND id = ? AND state = 'waiting' AND expires_at > ?`,
		micros(t.now), micros(t.now), workspace, id, micros(t.now))
	if err != nil || changed == 0 {
		return false, err
	}
	changed, err = t.execN(`
		UPDATE job_questions SET answer = ?, digest = ?, answered_at = ?
		WHERE workspace_id = ? AND job_id = ? AND n = ? AND digest = ''`,
		answer, digest, micros(t.now), workspace, id, n)
	if err == nil && changed == 0 {
		return false, threat.Errorf(threat.Conflict, "the question has an answer").In("step")
	}
	return err == nil, err
}

// ExpireJobs fails, in every workspace, the jobs that waited for an answer past their time. What they did is kept.
func (t *Tx) ExpireJobs(failure string) error {
	return t.exec(`
		UPDATE jobs /* any workspace: housekeeping serves all */
		SET state = 'failed', error = ?, updated_at = ?
		WHERE state = 'waiting' AND expires_at <= ?`, failure, micros(t.now), micros(t.now))
}
