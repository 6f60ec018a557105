package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// A lease is renewed well before it ends, so that only a dead worker loses its job (store.md).
const (
	jobLease   = 30 * time.Second
	jobRenewal = 10 * time.Second
	jobPoll    = time.Second            // how often a worker looks for jobs that another process left
	waitPoll   = 250 * time.Millisecond // how often a waiter looks for progress made in another process
)

// jobRunner runs jobs in this process and wakes those who wait for them.
type jobRunner struct {
	workers int
	wake    chan struct{} // a job was added
	stop    context.CancelFunc
	done    sync.WaitGroup

	mu      sync.Mutex
	changed chan struct{} // closed and replaced whenever a job of this process moved
}

// JobOut is what a job answers.
type JobOut struct {
	JobID            string          `json:"job_id"`
	Status           store.JobState  `json:"status"`
	Step             string          `json:"step,omitempty" jsonschema:"the step under way, or the last one"`
	Steps            int             `json:"steps" jsonschema:"how many steps there are"`
	Message          string          `json:"message"`
	PollAfterSeconds int             `json:"poll_after_seconds,omitempty" jsonschema:"call get_operation_status after so many seconds"`
	Result           json.RawMessage `json:"result,omitempty"`
	Error            *threat.Error   `json:"error,omitempty" jsonschema:"why it failed"`

	// Trail is every step begun so far, for a transport that reports progress. It is not part of the answer.
	Trail []JobStep `json:"-"`
}

// JobStep is one step that a job began.
type JobStep struct {
	Number int    `json:"number"` // counted from 1
	Name   string `json:"name"`
}

// Text says a step in words: "step 3 of 6: generate attackers".
func (j JobStep) Text(steps int) string {
	return fmt.Sprintf("step %d of %d: %s", j.Number, steps, strings.ReplaceAll(j.Name, "_", " "))
}

// task is a job that this process runs.
type task struct {
	s     *Service
	job   store.Job
	who   account.Principal
	trail []JobStep
	draft string
}

// apply writes a job's result within the transaction that ends the job; it returns the answer and the id of the model.
type apply func(*store.Tx) (result any, model string, err error)

// runJob runs one kind of job up to its result, which it returns to be applied.
func (s *Service) runJob(ctx context.Context, t *task) (apply, error) {
	switch t.job.Kind {
	case generateJob:
		return t.generate(ctx)
	case regenerateJob:
		return t.regenerate(ctx)
	}
	return nil, internal("job %s is of unknown kind %q", t.job.ID, t.job.Kind)
}

// Start begins to run jobs, those that a former process left unfinished included.
func (s *Service) Start() {
	ctx, cancel := context.WithCancel(context.Background())
	s.jobs.stop = cancel
	s.jobs.wake = make(chan struct{}, s.jobs.workers)
	for range s.jobs.workers {
		s.jobs.done.Go(func() { s.work(ctx) })
	}
	s.jobs.done.Go(func() { s.housekeep(ctx) })
}

// Stop ends the workers and waits for them. A job under way is given back and goes on after the next start.
func (s *Service) Stop() {
	if s.jobs.stop != nil {
		s.jobs.stop()
		s.jobs.done.Wait()
	}
}

func (s *Service) work(ctx context.Context) {
	timer := time.NewTicker(jobPoll)
	defer timer.Stop()
	for {
		ran, err := s.workOne(ctx)
		if err != nil && ctx.Err() == nil {
			s.log.Error().Err(err).Msg("job worker")
		}
		if ran && err == nil {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-s.jobs.wake:
		case <-timer.C:
		}
	}
}

// workOne claims and runs one job. It reports whether there was one.
func (s *Service) workOne(ctx context.Context) (bool, error) {
	var due bool
	err := s.store.Read(ctx, func(v *store.Snapshot) (err error) {
		due, err = v.JobDue()
		return err
	})
	if err != nil || !due {
		return false, err
	}
	var job store.Job
	var ok bool
	err = s.store.Write(ctx, func(tx *store.Tx) (err error) {
		job, ok, err = tx.ClaimJob(jobLease)
		return err
	})
	if err != nil || !ok {
		return false, err
	}
	return true, s.runClaimed(ctx, job)
}

// runClaimed runs a job under its lease and writes how it ended.
func (s *Service) runClaimed(ctx context.Context, job store.Job) error {
	t := &task{s: s, job: job, draft: job.Draft}
	if err := errors.Join(json.Unmarshal([]byte(job.Principal), &t.who), json.Unmarshal([]byte(job.Trail), &t.trail)); err != nil {
		return s.failJob(t, err)
	}
	jobCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	var renewals sync.WaitGroup
	renewals.Go(func() { s.renew(jobCtx, cancel, job) })
	defer renewals.Wait()
	defer cancel()

	result, err := s.guarded(jobCtx, t)
	if err == nil {
		err = s.finishJob(t, result)
	}
	switch {
	case err == nil:
	case errors.Is(err, store.ErrJobLost):
		return nil // cancelled, or another worker has it: not ours to write any more
	case ctx.Err() != nil: // this process stops
		err = s.store.Write(context.WithoutCancel(ctx), func(tx *store.Tx) error {
			return tx.ReleaseJob(job.WorkspaceID, job.ID, job.Attempt)
		})
		if errors.Is(err, store.ErrJobLost) {
			return nil
		}
		return err
	case jobCtx.Err() != nil:
		return nil // the lease was lost
	default:
		return s.failJob(t, err)
	}
	return nil
}

// guarded turns a panic of a job into an error of that job.
func (s *Service) guarded(ctx context.Context, t *task) (result apply, err error) {
	defer func() {
		if r := recover(); r != nil {
			s.log.Error().Str("job", t.job.ID).Interface("panic", r).Bytes("stack", debug.Stack()).Msg("a job panicked")
			err = internal("the job panicked")
		}
	}()
	return s.runJob(ctx, t)
}

func (s *Service) renew(ctx context.Context, lost context.CancelFunc, job store.Job) {
	timer := time.NewTicker(jobRenewal)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		var ok bool
		err := s.store.Write(ctx, func(tx *store.Tx) (err error) {
			ok, err = tx.RenewJob(job.WorkspaceID, job.ID, job.Attempt, jobLease)
			return err
		})
		if err == nil && !ok {
			lost()
			return
		}
	}
}

// finishJob applies a result and marks the job done, in one transaction under this attempt.
func (s *Service) finishJob(t *task, result apply) error {
	err := s.store.Write(context.Background(), func(tx *store.Tx) error {
		out, model, err := result(tx)
		if err != nil {
			return err
		}
		raw, err := json.Marshal(out)
		if err != nil {
			return err
		}
		return tx.FinishJob(t.job.WorkspaceID, t.job.ID, t.job.Attempt, store.JobDone, model, string(raw), "")
	})
	s.jobs.moved()
	return err
}

// failJob marks a job failed with what its caller may know, and records the refusal.
func (s *Service) failJob(t *task, cause error) error {
	var te *threat.Error
	if !errors.As(cause, &te) {
		s.log.Error().Err(cause).Str("job", t.job.ID).Str("kind", t.job.Kind).Msg("a job failed")
		te = threat.Errorf(threat.Internal, "internal error").Hinted("try again; the server's log has the cause")
	}
	raw, err := json.Marshal(te)
	if err != nil {
		return err
	}
	err = s.store.Write(context.Background(), func(tx *store.Tx) error {
		return tx.FinishJob(t.job.WorkspaceID, t.job.ID, t.job.Attempt, store.JobFailed, t.job.ModelID, "", string(raw))
	})
	s.jobs.moved()
	if errors.Is(err, store.ErrJobLost) {
		return nil
	}
	s.refused(context.Background(), t.who, verb{name: t.job.Kind, model: t.job.ModelID, needs: account.Write}, nil, te)
	return err
}

// begin notes that a step starts, where every waiter sees it.
func (t *task) begin(name string) error {
	if len(t.trail) > 0 && t.trail[len(t.trail)-1].Name == name {
		return nil // resumed within this step
	}
	t.trail = append(t.trail, JobStep{Number: len(t.trail) + 1, Name: name})
	return t.save(t.draft)
}

// save keeps what is done so far, so that a resume starts at the next step.
func (t *task) save(draft string) error {
	trail, err := json.Marshal(t.trail)
	if err != nil {
		return err
	}
	t.draft = draft
	err = t.s.store.Write(context.Background(), func(tx *store.Tx) error {
		return tx.SaveJobProgress(t.job.WorkspaceID, t.job.ID, t.job.Attempt, draft, string(trail))
	})
	t.s.jobs.moved()
	return err
}

// moved wakes everyone who waits for a job of this process.
func (r *jobRunner) moved() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
}

// next returns a channel that is closed when a job of this process moves.
func (r *jobRunner) next() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.changed == nil {
		r.changed = make(chan struct{})
	}
	return r.changed
}

// poke wakes a worker.
func (r *jobRunner) poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// addJob adds a job within a transaction; the caller pokes the workers after the commit.
func addJob(tx *store.Tx, who account.Principal, kind, model string, steps int, input any) (JobOut, error) {
	principal, err := json.Marshal(who)
	if err != nil {
		return JobOut{}, err
	}
	raw, err := json.Marshal(input)
	if err != nil {
		return JobOut{}, err
	}
	j := store.Job{ID: newID(), WorkspaceID: who.WorkspaceID, ModelID: model, Kind: kind, State: store.JobReady, Principal: string(principal), Input: string(raw), Trail: "[]", Steps: steps}
	if err := tx.AddJob(who.WorkspaceID, j); err != nil {
		return JobOut{}, err
	}
	return jobOut(j)
}

func jobOut(j store.Job) (JobOut, error) {
	out := JobOut{JobID: j.ID, Status: j.State, Steps: j.Steps}
	if err := json.Unmarshal([]byte(j.Trail), &out.Trail); err != nil {
		return out, internal("job %s: %w", j.ID, err)
	}
	if n := len(out.Trail); n > 0 {
		out.Step = out.Trail[n-1].Name
	}
	switch j.State {
	case store.JobReady:
		out.Message, out.PollAfterSeconds = "about to begin", 1
	case store.JobRunning:
		out.Message, out.PollAfterSeconds = "about to begin", 2
		if n := len(out.Trail); n > 0 {
			out.Message = out.Trail[n-1].Text(j.Steps)
		}
	case store.JobWaiting:
		out.Message = "waiting for an answer"
	case store.JobDone:
		out.Message, out.Result = "done", json.RawMessage(j.Result)
	case store.JobFailed:
		out.Message, out.Error = "failed", &threat.Error{}
		if err := json.Unmarshal([]byte(j.Error), out.Error); err != nil {
			return out, internal("job %s: %w", j.ID, err)
		}
	case store.JobCancelled:
		out.Message = "cancelled"
	}
	return out, nil
}

// GetOperationStatusIn asks how a job goes.
type GetOperationStatusIn struct {
	JobID       string `json:"job_id" jsonschema:"as returned by the call that started the job"`
	WaitSeconds *int   `json:"wait_seconds,omitempty" jsonschema:"wait up to so long for the end, at most 50; default 20"`

	// Seen is how many steps the caller knows: the call returns when there are more. A negative number waits for the end.
	Seen int `json:"-"`
}

// MaxWait bounds wait_seconds.
const MaxWait = 50

// Wait checks and completes a wait_seconds argument.
func Wait(seconds *int, byDefault int) (time.Duration, error) {
	n := byDefault
	if seconds != nil {
		n = *seconds
	}
	if n < 0 || n > MaxWait {
		return 0, threat.Errorf(threat.Invalid, "wait_seconds is %d", n).In("wait_seconds").Hinted("0 to %d", MaxWait)
	}
	return time.Duration(n) * time.Second, nil
}

// GetOperationStatus returns a job's state, waiting for its end up to wait_seconds. Errors: [threat.NotFound],
// [threat.Invalid].
func (s *Service) GetOperationStatus(ctx context.Context, who account.Principal, in GetOperationStatusIn) (JobOut, error) {
	wait, err := Wait(in.WaitSeconds, 20)
	if err != nil {
		return JobOut{}, err
	}
	deadline := time.Now().Add(wait)
	for {
		moved := s.jobs.next()
		out, err := read(ctx, s, who, account.Read, func(v *store.Snapshot) (JobOut, error) {
			j, err := v.Job(who.WorkspaceID, in.JobID)
			if err != nil {
				return JobOut{}, err
			}
			return jobOut(j)
		})
		left := time.Until(deadline)
		if err != nil || out.Status.Final() || out.Status == store.JobWaiting || left <= 0 || in.Seen >= 0 && len(out.Trail) > in.Seen {
			return out, err
		}
		timer := time.NewTimer(min(left, waitPoll))
		select {
		case <-ctx.Done(): // the caller went away; the job goes on
			timer.Stop()
			return out, nil
		case <-moved:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// CancelOperationIn names the job to cancel.
type CancelOperationIn struct {
	JobID string `json:"job_id"`
}

// CancelOperation cancels a job that has not ended; what it has done so far is dropped. Errors: [threat.NotFound],
// [threat.FailedPrecondition] when it has ended.
func (s *Service) CancelOperation(ctx context.Context, who account.Principal, in CancelOperationIn) (JobOut, error) {
	defer s.jobs.moved()
	return write(ctx, s, who, verb{name: "cancel_operation", needs: account.Write}, in, func(tx *store.Tx, r *record) (JobOut, error) {
		ok, err := tx.CancelJob(who.WorkspaceID, in.JobID)
		if err != nil {
			return JobOut{}, err
		}
		j, err := tx.Job(who.WorkspaceID, in.JobID)
		if err != nil {
			return JobOut{}, err
		}
		if !ok {
			return JobOut{}, threat.Errorf(threat.FailedPrecondition, "the job is %s already", j.State).In("job_id").
				Hinted("get_operation_status shows its result")
		}
		r.model, r.object = j.ModelID, j.ID
		return jobOut(j)
	})
}

// housekeep removes what is past its life.
func (s *Service) housekeep(ctx context.Context) {
	timer := time.NewTicker(time.Hour)
	defer timer.Stop()
	for {
		err := s.store.Write(ctx, func(tx *store.Tx) error {
			if err := tx.PurgeAnswers(); err != nil {
				return err
			}
			_, err := tx.PurgeModels(tx.Now().Add(-deletedModelLife))
			return err
		})
		if err != nil && ctx.Err() == nil {
			s.log.Error().Err(err).Msg("housekeeping")
		}
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
	}
}
