package service

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/llm"
	"github.com/redoubt-dev/redoubt/pipeline"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// judgeJob is the kind of the job in which an engine judges the claims on controls, one question a control.
const judgeJob = "judge_sufficiency"

const (
	// maxJudged bounds the controls of one job that a call asks for.
	maxJudged = 200
	// judgedAtOnce is how many controls of a job a language model is asked about at a time.
	judgedAtOnce = 4
)

// judging is the input of the job. Pending judgments are the job's own; those of the calling agent are written when it has answered, since
// nothing should wait for one that went away.
type judging struct {
	ModelID  string      `json:"model_id"`
	Controls []threat.ID `json:"controls"`
	Engine   string      `json:"engine"`
}

// standingJudge is the engine that judges by itself whenever the claims on a control change: the language model, where the workspace's
// engine is one; "" where nobody does.
func (s *Service) standingJudge(p policy) string {
	chosen := p.settings.DefaultEngine
	if s.llm.client != nil && (chosen == "" || chosen == openaiEngine) {
		return openaiEngine
	}
	return ""
}

// judgeable returns the claims that a judge is asked about: those that the rules find coherent.
func judgeable(s *evidence.Subject, claims []evidence.Claim) []evidence.Claim {
	return slices.DeleteFunc(slices.Clone(claims), func(c evidence.Claim) bool { return s.Coherence(c.Type, c.Facets) != "" })
}

// controlSubjects and assumptionSubjects are what is judged.
func (p policy) controlSubjects(controls []*store.Control) []evidence.Subject {
	out := make([]evidence.Subject, len(controls))
	for i, c := range controls {
		out[i] = p.controlSubject(c)
	}
	return out
}

func (h *head) assumptionSubjects() []evidence.Subject {
	out := make([]evidence.Subject, len(h.structure.Assumptions))
	for i := range h.structure.Assumptions {
		a := &h.structure.Assumptions[i]
		out[i] = h.assumptionSubject(a.ID, a.Text)
	}
	return out
}

// judgedSubject is the control or assumption of an id as it is now; ok is false when there is none.
func (h *head) judgedSubject(id threat.ID) (s evidence.Subject, ok bool) {
	if a := h.structure.Assumption(id); a != nil {
		return h.assumptionSubject(a.ID, a.Text), true
	}
	c, err := h.control(id)
	if err != nil {
		return s, false
	}
	return h.controlSubject(c), true
}

// checkJudged refuses ids of neither a control nor an assumption.
func (h *head) checkJudged(ids []threat.ID) error {
	for _, id := range ids {
		if _, ok := h.judgedSubject(id); ok {
			continue
		}
		if id.Kind() == threat.KindAssumption {
			known := make([]threat.ID, len(h.structure.Assumptions))
			for i := range known {
				known[i] = h.structure.Assumptions[i].ID
			}
			return fieldError(threat.Unknown("assumption", id, known), "controls")
		}
		if _, err := h.control(id); err != nil {
			return fieldError(err, "controls")
		}
	}
	return nil
}

// evidenceOn returns the evidence on a control or, with that on others, on an assumption.
func (h *head) evidenceOn(v *store.Snapshot, workspace string, id threat.ID) ([]store.Assertion, error) {
	if h.structure.Assumption(id) != nil {
		return v.Evidence(workspace, h.model.ID)
	}
	return v.EvidenceOf(workspace, h.model.ID, id)
}

// askJudge has the standing judge judge controls or assumptions whose words or claims changed in this transaction, before they are
// reassessed: until it has, they are pending. What was asked of these very claims before is not asked again. all is the model's evidence
// after the change. The caller pokes the workers after the commit.
func (s *Service) askJudge(tx *store.Tx, who account.Principal, p policy, model string, subjects []evidence.Subject, all []store.Assertion) error {
	engine := s.standingJudge(p)
	if engine == "" {
		return nil
	}
	_, _, err := s.orderJudgments(tx, who, model, engine, subjects, all, func(j *store.Judgment, digest string) bool {
		return j == nil || j.Digest != digest
	})
	return err
}

// orderJudgments adds a job that judges those of the subjects which have a claim to judge and for which due says so, given the engine's
// word of before (or nil) and the digest of now. It returns the job and the subjects; no job when there is nothing to judge.
func (s *Service) orderJudgments(tx *store.Tx, who account.Principal, model, engine string, subjects []evidence.Subject, all []store.Assertion,
	due func(*store.Judgment, string) bool,
) (job JobOut, ordered []threat.ID, err error) {
	known, err := tx.Judgments(who.WorkspaceID, model)
	if err != nil {
		return job, nil, err
	}
	evidenceOf := bodies(all)
	var pending []store.Judgment
	for i := range subjects {
		subject := &subjects[i]
		b := evidenceOf[subject.ID]
		if b == nil || len(judgeable(subject, b.claims)) == 0 {
			continue
		}
		digest := subject.ClaimsDigest(b.claims)
		i := slices.IndexFunc(known, func(j store.Judgment) bool { return j.Control == subject.ID && j.Engine == engine })
		var before *store.Judgment
		if i >= 0 {
			before = &known[i]
		}
		if !due(before, digest) {
			continue
		}
		ordered = append(ordered, subject.ID)
		if engine != agentEngine {
			pending = append(pending, store.Judgment{Judgment: evidence.Judgment{
				Control: subject.ID, Engine: engine, State: evidence.JudgmentPending, Digest: digest, Model: s.judgeName(who, engine),
			}})
		}
	}
	if len(ordered) == 0 {
		return job, nil, nil
	}
	if job, err = addJob(tx, who, judgeJob, model, len(ordered), judging{ModelID: model, Controls: ordered, Engine: engine}); err != nil {
		return job, nil, err
	}
	for _, j := range pending {
		j.Job = job.JobID
		if err := tx.SaveJudgment(who.WorkspaceID, model, j); err != nil {
			return job, nil, err
		}
	}
	return job, ordered, nil
}

// judgeName is the language model behind an engine; an agent does not say which it is.
func (s *Service) judgeName(who account.Principal, engine string) string {
	if engine != openaiEngine {
		return ""
	}
	return threat.Clip(s.llmFor(who, judgeJob).Name(), 200)
}

// JudgeSufficiencyIn asks an engine to judge claims.
type JudgeSufficiencyIn struct {
	ModelID string      `json:"model_id"`
	IDs     []threat.ID `json:"controls,omitempty" jsonschema:"default: those with claims that the engine has not judged"`
	Engine  string      `json:"engine" jsonschema:"openai, or agent: you answer its questions"`
}

// JudgeSufficiency starts a job in which an engine judges whether the claims on controls and assumptions are coherent and prove every facet. What it finds
// can only lower what the rules found. A language model is not asked again about claims that it has judged; the agent is where controls are
// named. Errors: [threat.NotFound], [threat.Invalid] for an engine that does not judge, [threat.FailedPrecondition] for one that cannot
// run, and where there is nothing to judge.
func (s *Service) JudgeSufficiency(ctx context.Context, who account.Principal, in JudgeSufficiencyIn) (JobOut, error) {
	err := s.expireJobs(ctx)
	if err != nil {
		return JobOut{}, s.logged(judgeJob, err)
	}
	out, err := write(ctx, s, who, verb{name: judgeJob, needs: account.Write, model: in.ModelID}, in, func(tx *store.Tx, r *record) (JobOut, error) {
		if in.Engine != agentEngine && in.Engine != openaiEngine {
			return JobOut{}, threat.Errorf(threat.Invalid, "engine %q does not judge", threat.Clip(in.Engine, 40)).In("engine").
				Hinted("openai, or agent: you answer its questions; without an engine the rules alone speak")
		}
		if _, err := s.engine(in.Engine); err != nil {
			return JobOut{}, err
		}
		h, err := s.head(tx.View(), who.WorkspaceID, in.ModelID)
		if err != nil {
			return JobOut{}, err
		}
		if err := h.checkJudged(in.IDs); err != nil {
			return JobOut{}, err
		}
		all, err := tx.Evidence(who.WorkspaceID, in.ModelID)
		if err != nil {
			return JobOut{}, err
		}
		named := in.IDs
		if len(named) == 0 {
			named = nil // an empty list names none, and own takes it so
		}
		controls := h.own(named)
		subjects := slices.DeleteFunc(append(h.controlSubjects(controls), h.assumptionSubjects()...), func(s evidence.Subject) bool { return !among(in.IDs, s.ID) })
		job, ordered, err := s.orderJudgments(tx, who, in.ModelID, in.Engine, subjects, all, func(j *store.Judgment, digest string) bool {
			done := j != nil && j.Digest == digest && j.State != evidence.JudgmentFailed
			return !done || in.Engine == agentEngine && len(in.IDs) > 0
		})
		if err != nil {
			return JobOut{}, err
		}
		switch n := len(ordered); {
		case n == 0:
			return JobOut{}, threat.Errorf(threat.FailedPrecondition, "there is nothing that engine %s has not judged", in.Engine).In("controls").
				Hinted("submit_assertions makes claims to judge; what is judged is not judged again until the claims change")
		case n > maxJudged:
			return JobOut{}, threat.Errorf(threat.Invalid, "%d controls, at most %d are judged at once", n, maxJudged).In("controls").Hinted("name some of them")
		}
		r.version, r.object, r.detail = h.model.Version, job.JobID, map[string]any{"engine": in.Engine, "controls": len(ordered)}
		if in.Engine == agentEngine {
			return job, nil
		}
		if _, err := reassess(tx, who.WorkspaceID, in.ModelID, controls, all); err != nil {
			return JobOut{}, err
		}
		return job, tx.TouchModel(who.WorkspaceID, in.ModelID)
	})
	if err == nil {
		s.jobs.poke()
	}
	return out, err
}

// JudgeResult is what a finished job of judging says.
type JudgeResult struct {
	ModelID string      `json:"model_id"`
	Engine  string      `json:"engine"`
	Judged  []threat.ID `json:"judged"`
	Lowered []threat.ID `json:"lowered,omitempty"` // of these: with a claim found incoherent, or a facet not proven
	Failed  []threat.ID `json:"failed,omitempty"`  // for these the rules' result stands
	Next    string      `json:"next"`
}

// judge asks about each control. What is answered is written at once, so that no control waits for the others; the result only tells of it.
func (t *task) judge(ctx context.Context) (apply, error) {
	var in judging
	if err := json.Unmarshal([]byte(t.job.Input), &in); err != nil {
		return nil, err
	}
	if _, err := t.s.engine(in.Engine); err != nil {
		return nil, err
	}
	w := &judgeWork{t: t, in: in, done: JudgeResult{ModelID: in.ModelID, Engine: in.Engine, Judged: []threat.ID{}}}
	if t.draft != "" {
		if err := json.Unmarshal([]byte(t.draft), &w.done); err != nil {
			return nil, err
		}
	}
	if err := w.all(ctx); err != nil {
		return nil, err
	}
	out := w.done
	out.Next = "get_sufficiency shows what was found; submit_assertions for the facets that are not proven"
	return func(tx *store.Tx) (any, string, error) {
		detail := map[string]any{"engine": out.Engine, "judged": len(out.Judged), "lowered": len(out.Lowered), "failed": len(out.Failed)}
		return out, in.ModelID, addActivity(tx, t.who, judgeJob, record{model: in.ModelID, object: t.job.ID, detail: detail})
	}, nil
}

// judgeWork is a job of judging under way. Its mutex guards done and the job's draft.
type judgeWork struct {
	t    *task
	in   judging
	mu   sync.Mutex
	done JudgeResult
}

// all judges the controls that are left: with the agent one after another, with a language model several at a time. The first error
// ends it.
func (w *judgeWork) all(ctx context.Context) error {
	atOnce := 1
	if w.in.Engine == openaiEngine {
		atOnce = judgedAtOnce
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var workers sync.WaitGroup
	var failed sync.Once
	var first error
	next := make(chan threat.ID)
	for range atOnce {
		workers.Go(func() {
			for id := range next {
				if err := w.one(ctx, id); err != nil {
					failed.Do(func() { first = err })
					cancel()
					return
				}
			}
		})
	}
	left := slices.DeleteFunc(slices.Clone(w.in.Controls), func(id threat.ID) bool {
		return slices.Contains(w.done.Judged, id) || slices.Contains(w.done.Failed, id)
	})
feed:
	for _, id := range left {
		select {
		case next <- id:
		case <-ctx.Done():
			break feed
		}
	}
	close(next)
	workers.Wait()
	if first == nil {
		first = ctx.Err()
	}
	return first
}

// asked is what a judge is asked of one control.
type asked struct {
	judged pipeline.Judged
	digest string
}

// question reads a control as it is now. ok is false when there is nothing to judge any more: it is gone, has no claim, or another job
// has judged it.
func (w *judgeWork) question(ctx context.Context, id threat.ID) (q asked, ok bool, err error) {
	q, err = read(ctx, w.t.s, w.t.who, account.Write, func(v *store.Snapshot) (asked, error) {
		var none asked
		ok = false
		h, err := w.t.s.head(v, w.t.job.WorkspaceID, w.in.ModelID)
		if err != nil {
			return none, err
		}
		subject, found := h.judgedSubject(id)
		if !found { // it was deleted meanwhile
			return none, nil
		}
		all, err := h.evidenceOn(v, w.t.job.WorkspaceID, id)
		if err != nil {
			return none, err
		}
		b := bodies(all)[id]
		if b == nil {
			return none, nil
		}
		claims := judgeable(&subject, b.claims)
		out := asked{digest: subject.ClaimsDigest(b.claims), judged: pipeline.Judged{Description: subject.Description, Facets: subject.Facets}}
		for _, x := range claims {
			out.judged.Claims = append(out.judged.Claims, pipeline.JudgedClaim{ID: x.ID, Text: evidence.ClaimText(x.Type, x.Params), Facets: x.Facets})
		}
		ok = len(claims) > 0
		if w.in.Engine != agentEngine {
			ok = ok && slices.ContainsFunc(subject.Judgments, func(j evidence.Judgment) bool {
				return j.Engine == w.in.Engine && j.State == evidence.JudgmentPending && j.Digest == out.digest
			})
		}
		return out, nil
	})
	if threat.CodeOf(err) == threat.NotFound { // the model is deleted: nobody waits
		return q, false, nil
	}
	return q, ok, err
}

// one judges one control and writes down how that went. A failure of this control alone, such as an answer refused twice, ends with the
// rules' result and does not end the job; one of the provider does both.
func (w *judgeWork) one(ctx context.Context, id threat.ID) error {
	q, ok, err := w.question(ctx, id)
	if err != nil || !ok {
		return err
	}
	limit := pipeline.ModelLimit
	if w.in.Engine == agentEngine {
		limit = pipeline.AgentLimit
	}
	j := store.Judgment{Job: w.t.job.ID, Judgment: evidence.Judgment{
		Control: id, Engine: w.in.Engine, Digest: q.digest, State: evidence.Judged, Model: w.t.s.judgeName(w.t.who, w.in.Engine),
	}}
	// The digest is in the name: when the claims change while the agent thinks, its answer is not taken for one about the new ones.
	question, err := pipeline.JudgeQuestion("judge_"+string(id)+"_"+q.digest[:8], q.judged, limit)
	if err == nil {
		j.Template = question.Version
		if err := w.begin(question.Step); err != nil {
			return err
		}
		err = pipeline.Consult(ctx, w.t.asker(w.in.Engine), question, func(raw []byte) error {
			v, err := pipeline.ParseVerdict(q.judged, raw)
			j.Incoherent, j.Unproven = v.Incoherent, v.Unproven
			return err
		})
	}
	var te *threat.Error
	var asks *asking
	switch {
	case err == nil:
		return w.write(j)
	case errors.As(err, &asks), ctx.Err() != nil, !errors.As(err, &te):
		return err
	}
	j.State, j.Reason, j.Incoherent, j.Unproven = evidence.JudgmentFailed, te.Message, nil, nil
	if err := w.write(j); err != nil {
		return err
	}
	var provider *llm.Error
	if errors.As(err, &provider) && !badAnswer(provider) {
		return err // the others would fail as this one did
	}
	return nil
}

// badAnswer reports whether a provider answered, and not as it was asked to: another question may get a better answer.
func badAnswer(e *llm.Error) bool {
	return slices.Contains([]llm.Kind{llm.KindRejected, llm.KindMalformed, llm.KindTruncated, llm.KindRefused}, e.Kind)
}

// begin notes on the job that a control's turn has come.
func (w *judgeWork) begin(step string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if slices.ContainsFunc(w.t.trail, func(s JobStep) bool { return s.Name == step }) {
		return nil // begun anew with the agent's answer
	}
	return w.t.begin(step)
}

// write keeps a judgment and what follows from it, with the job's own progress: an attempt that lost the job writes nothing. A judgment of
// claims that have changed meanwhile is dropped.
func (w *judgeWork) write(j store.Judgment) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	t, ws, next := w.t, w.t.job.WorkspaceID, w.done
	if err := t.settle(); err != nil { // what a step's beginning writes must not come after this
		return err
	}
	if j.State == evidence.Judged {
		next.Judged = append(slices.Clone(next.Judged), j.Control)
		if len(j.Incoherent)+len(j.Unproven) > 0 {
			next.Lowered = append(slices.Clone(next.Lowered), j.Control)
		}
	} else {
		next.Failed = append(slices.Clone(next.Failed), j.Control)
	}
	draft, err := json.Marshal(next)
	if err != nil {
		return err
	}
	trail, err := json.Marshal(t.trail)
	if err != nil {
		return err
	}
	err = t.s.store.Write(context.Background(), func(tx *store.Tx) error {
		if err := tx.SaveJobProgress(ws, t.job.ID, t.job.Attempt, string(draft), string(trail)); err != nil {
			return err
		}
		return t.s.judged(tx, ws, w.in.ModelID, j)
	})
	t.s.jobs.moved()
	if err == nil {
		w.done, t.draft = next, string(draft)
	}
	return err
}

// judged writes a judgment, if it is still about the control's claims, and reassesses the control.
func (s *Service) judged(tx *store.Tx, workspace, model string, j store.Judgment) error {
	h, err := s.head(tx.View(), workspace, model)
	if threat.CodeOf(err) == threat.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	subject, ok := h.judgedSubject(j.Control)
	if !ok {
		return nil
	}
	all, err := h.evidenceOn(tx.View(), workspace, j.Control)
	if err != nil {
		return err
	}
	b := bodies(all)[j.Control]
	if b == nil || subject.ClaimsDigest(b.claims) != j.Digest {
		return nil
	}
	if err := tx.SaveJudgment(workspace, model, j); err != nil {
		return err
	}
	if h.structure.Assumption(j.Control) == nil { // what follows for an assumption is computed on read
		if _, err := reassess(tx, workspace, model, h.own([]threat.ID{j.Control}), all); err != nil {
			return err
		}
	}
	return tx.TouchModel(workspace, model)
}

// endJudging brings the models up to date of which judgments were failed, so that no control waits for them.
func endJudging(tx *store.Tx, models []store.ModelKey, err error) error {
	if err != nil {
		return err
	}
	for _, m := range models {
		if err := reassessModel(tx, m.WorkspaceID, m.ModelID); err != nil {
			return err
		}
		if err := tx.TouchModel(m.WorkspaceID, m.ModelID); err != nil && threat.CodeOf(err) != threat.NotFound {
			return err
		}
	}
	return nil
}

// JudgmentRow is an engine's word on the claims on a control.
type JudgmentRow struct {
	Engine     string                 `json:"engine"`
	LLM        string                 `json:"llm,omitempty"` // provider and language model
	State      evidence.JudgmentState `json:"state"`
	Reason     string                 `json:"reason,omitempty"` // of a failure: the rules' result stands
	Incoherent []ReasonRow            `json:"incoherent,omitempty"`
	Unproven   []ReasonRow            `json:"unproven,omitempty"`
	At         string                 `json:"at"`
}

// ReasonRow is what was found wrong with an assertion or a facet.
type ReasonRow struct {
	ID  threat.ID `json:"id"`
	Why string    `json:"why"`
}

// judgmentRows are the judgments that count for the claims on a subject.
func (p policy) judgmentRows(subject evidence.Subject, b *body) []JudgmentRow {
	if b == nil || len(subject.Judgments) == 0 {
		return nil
	}
	digest := subject.ClaimsDigest(b.claims)
	var out []JudgmentRow
	for _, j := range subject.Judgments {
		if j.Digest == digest {
			out = append(out, JudgmentRow{
				Engine: j.Engine, LLM: j.Model, State: j.State, Reason: j.Reason, Incoherent: reasonRows(j.Incoherent), Unproven: reasonRows(j.Unproven),
				At: j.At.Format("2006-01-02T15:04:05Z"),
			})
		}
	}
	return out
}

func reasonRows(why map[threat.ID]string) []ReasonRow {
	var out []ReasonRow
	for _, id := range threat.SortIDs(slices.Collect(maps.Keys(why))) {
		out = append(out, ReasonRow{ID: id, Why: why[id]})
	}
	return out
}
