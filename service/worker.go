package service

import (
	"context"
	"encoding/json"
	"errors"
	"runtime/debug"
	"slices"
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

// task is a job that this process runs.
type task struct {
	s     *Service
	job   store.Job
	who   account.Principal
	trail []JobStep
	draft string
	taken map[int]bool // the answers of the agent that this attempt has used

	lost    context.CancelFunc // ends the attempt when the job is no longer its
	writing chan error         // the end of a write that goes on beside the work, or nil
}

// apply writes a job's result within the transaction that ends the job; it returns the answer and the id of the model.
type apply func(*store.Tx) (result any, model string, err error)

// runJob runs one kind of job up to its result, which it returns to be applied. A kind that needs a thinker asks through
// [task.asker]; what comes back goes up as it is, since it may be that the job is to wait for the agent. The job is then begun anew
// from what it saved, and each question that was answered gets its answer.
func (s *Service) runJob(ctx context.Context, t *task) (apply, error) {
	switch t.job.Kind {
	case generateJob:
		return t.generate(ctx)
	case regenerateJob:
		return t.regenerate(ctx)
	case refineJob:
		return t.refine(ctx)
	case gapsJob:
		return t.proposeMissing(ctx)
	case importJob:
		return t.importStated(ctx)
	case rewordJob:
		return t.reword(ctx)
	case judgeJob:
		return t.judge(ctx)
	case autoMapJob:
		return t.mapControls(ctx)
	case suggestJob:
		return t.proposeRemedies(ctx)
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
	s.removals.wake = make(chan struct{}, 1)
	s.jobs.done.Go(func() { s.keepRemoving(ctx) })
	if s.backups.schedule.Folder != "" {
		s.jobs.done.Go(func() { s.keepBackups(ctx) })
	}
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
		if err == nil && ok && s.plans != nil {
			err = tx.EndCreditHolds(job.ID, job.Attempt)
		}
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

	t.lost = cancel
	result, err := s.guarded(jobCtx, t)
	if wrote := t.settle(); wrote != nil {
		err = wrote
	}
	if err == nil {
		err = s.finishJob(t, result)
	}
	var asks *asking
	switch {
	case err == nil:
	case errors.As(err, &asks):
		return s.parkJob(t, asks.question)
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
			if err == nil && ok && s.plans != nil {
				err = tx.ProlongCreditHolds(job.ID, job.Attempt, tx.Now().Add(jobLease))
			}
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
	te = t.resumable(te)
	raw, err := json.Marshal(te)
	if err != nil {
		return err
	}
	err = s.store.Write(context.Background(), func(tx *store.Tx) error {
		if err := tx.FinishJob(t.job.WorkspaceID, t.job.ID, t.job.Attempt, store.JobFailed, t.job.ModelID, "", string(raw)); err != nil || t.job.Kind != judgeJob {
			return err
		}
		models, err := tx.FailJudgments(t.job.ID, te.Message)
		return endJudging(tx, models, err)
	})
	s.jobs.moved()
	if errors.Is(err, store.ErrJobLost) {
		return nil
	}
	s.refused(context.Background(), t.who, verb{name: t.job.Kind, model: t.job.ModelID, needs: account.Write}, nil, te)
	return err
}

// begin notes that a step starts, where every waiter sees it. The step does not wait for the note: what asks somebody else has better to do.
// That it could not be written comes with the next write, or ends the attempt.
func (t *task) begin(name string) error {
	if len(t.trail) > 0 && t.trail[len(t.trail)-1].Name == name {
		return nil // resumed within this step
	}
	if err := t.settle(); err != nil {
		return err
	}
	t.trail = append(t.trail, JobStep{Number: len(t.trail) + 1, Name: name})
	draft, trail := t.draft, slices.Clone(t.trail)
	t.writing = make(chan error, 1)
	go func(done chan<- error) {
		err := t.write(draft, trail)
		if err != nil {
			t.lost()
		}
		done <- err
	}(t.writing)
	return nil
}

// settle waits for the write under way. Errors: its.
func (t *task) settle() error {
	if t.writing == nil {
		return nil
	}
	err := <-t.writing
	t.writing = nil
	return err
}

// save keeps what is done so far, so that a resume starts at the next step.
func (t *task) save(draft string) error {
	if err := t.settle(); err != nil {
		return err
	}
	t.draft = draft
	return t.write(draft, t.trail)
}

func (t *task) write(draft string, steps []JobStep) error {
	trail, err := json.Marshal(steps)
	if err != nil {
		return err
	}
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

// invitationLife is how long an invitation stays on record after the day on which it expired, or would have.
const invitationLife = 90 * 24 * time.Hour

// housekeep removes what is past its life.
func (s *Service) housekeep(ctx context.Context) {
	timer := time.NewTicker(time.Hour)
	defer timer.Stop()
	if err := s.store.Write(ctx, s.refreshEvidence); err != nil && ctx.Err() == nil {
		s.log.Error().Err(err).Msg("statuses could not be computed anew")
	}
	for {
		err := s.store.Write(ctx, func(tx *store.Tx) error {
			if err := tx.ExpireJobs(expired); err != nil {
				return err
			}
			models, err := tx.FailLostJudgments("the judging was ended before it was done")
			if err := endJudging(tx, models, err); err != nil {
				return err
			}
			if err := tx.PurgeAnswers(); err != nil {
				return err
			}
			if _, err := tx.PurgeTokens(tx.Now()); err != nil {
				return err
			}
			if err := tx.PurgeDeletionTokens(); err != nil {
				return err
			}
			if err := tx.PurgeLLMAnswers(); err != nil {
				return err
			}
			if err := tx.PurgeLLMCalls(tx.Now().Add(-llmCallLife)); err != nil {
				return err
			}
			if err := tx.PurgeCreditEvents(tx.Now().Add(-creditEventLife)); err != nil {
				return err
			}
			if _, err := tx.PurgePulls(tx.Now().Add(-pullLife)); err != nil {
				return err
			}
			if _, err := tx.PurgeInvitations(tx.Now().Add(-invitationLife)); err != nil {
				return err
			}
			_, err = tx.PurgeModels(tx.Now().Add(-deletedModelLife))
			return err
		})
		if err != nil && ctx.Err() == nil {
			s.log.Error().Err(err).Msg("housekeeping")
		}
		if err := s.awardReferrals(ctx); err != nil && ctx.Err() == nil {
			s.log.Error().Err(err).Msg("referral codes could not be given out")
		}
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
	}
}
