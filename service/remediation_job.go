package service

import (
	"context"
	"slices"
	"strings"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/pipeline"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

const suggestJob = "suggest_remediation"

// remedyPlan is what the job keeps: the request, what it is to ask, and the state of the model that it asks about. It is made once, so that
// the questions stay the same while the model moves.
type remedyPlan struct {
	SuggestRemediationIn
	Version  int             `json:"version"`
	Counters threat.Counters `json:"counters"`
	Gaps     []string        `json:"gaps"`    // requirements to ask about
	Batches  []int           `json:"batches"` // how many of them each question is about
}

// remedyDraft is what the job keeps of the answers: a list a question.
type remedyDraft struct {
	Answers [][]pipeline.Remedy `json:"answers"`
}

// startRemedying adds the job.
func (g *gapScope) startRemedying(tx *store.Tx, who account.Principal, in SuggestRemediationIn, engine string, r *record) (SuggestRemediationOut, error) {
	out := g.answer(engine)
	out.Hint = "nothing is proposed yet: the job does it"
	asked, err := g.unrefused(tx.View(), who.WorkspaceID)
	if err != nil {
		return out, err
	}
	p := remedyPlan{SuggestRemediationIn: in, Version: g.head.model.Version, Gaps: asked[:min(mostGaps, len(asked))]}
	p.Engine, p.FrameworkID = engine, g.c.ID
	if p.Counters, err = tx.Counters(who.WorkspaceID, in.ModelID); err != nil {
		return out, err
	}
	p.Batches = pipeline.NewRemediation(g.head.structure, p.Counters).Batches(g.needs(p.Gaps), askLimit(engine))
	job, err := addJob(tx, who, suggestJob, in.ModelID, len(p.Batches), p)
	out.Job = &job
	r.object = job.JobID
	return out, err
}

// unrefused is the gaps with those last that somebody rejected a proposal for: asking again goes on with the others.
func (g *gapScope) unrefused(v *store.Snapshot, workspace string) ([]string, error) {
	before, err := v.Proposals(workspace, g.head.model.ID, g.c.ID)
	if err != nil {
		return nil, err
	}
	refused := map[string]bool{}
	for _, p := range before {
		for _, id := range p.Requirements {
			refused[id] = refused[id] || p.Status == store.ProposalRejected
		}
	}
	out := slices.Clone(g.gaps)
	slices.SortStableFunc(out, func(a, b string) int {
		switch {
		case refused[a] == refused[b]:
			return 0
		case refused[a]:
			return 1
		}
		return -1
	})
	return out, nil
}

// proposeRemedies asks the questions of the plan, each with what the answers to those before it proposed.
func (t *task) proposeRemedies(ctx context.Context) (apply, error) {
	var p remedyPlan
	var d remedyDraft
	if err := t.restore(&p, &d); err != nil {
		return nil, err
	}
	var scope gapScope
	base, err := read(ctx, t.s, t.who, account.Write, func(v *store.Snapshot) (*threat.Structure, error) {
		var err error
		if scope.c, err = t.s.catalogue(v, t.job.WorkspaceID, p.FrameworkID); err != nil {
			return nil, err
		}
		return v.Version(t.job.WorkspaceID, p.ModelID, p.Version)
	})
	if err != nil {
		return nil, err
	}
	m := pipeline.NewRemediation(base, p.Counters)
	for _, a := range d.Answers {
		if err := m.Accept(a); err != nil {
			return nil, internal("an answer that job %s kept: %w", t.job.ID, err)
		}
	}
	at := 0
	for i, n := range p.Batches {
		batch := scope.needs(p.Gaps[at : at+n])
		if at += n; i < len(d.Answers) {
			continue
		}
		if len(batch) == 0 { // a new import took these requirements away
			d.Answers = append(d.Answers, nil)
			continue
		}
		step := pipeline.Batch(pipeline.RemedyStep, i+1, len(p.Batches))
		if err := t.begin(step); err != nil {
			return nil, err
		}
		var answer []pipeline.Remedy
		err := pipeline.Consult(ctx, t.asker(p.Engine), m.Question(step, batch, askLimit(p.Engine)), func(raw []byte) (err error) {
			if answer, err = pipeline.ParseRemedies(batch, raw); err != nil {
				return err
			}
			return m.Fits(answer)
		})
		if err == nil {
			err = m.Accept(answer)
		}
		if err != nil {
			return nil, err
		}
		d.Answers = append(d.Answers, answer)
		if i+1 < len(p.Batches) {
			if err := t.keep(d); err != nil {
				return nil, err
			}
		}
	}
	by := p.Engine
	if by == openaiEngine {
		by += " (" + t.s.llmFor(t.who, suggestJob).Name() + ")"
	}
	return func(tx *store.Tx) (any, string, error) {
		g, err := t.s.gapScope(tx.View(), t.job.WorkspaceID, p.SuggestRemediationIn)
		if err != nil {
			return nil, "", err
		}
		r := record{model: p.ModelID}
		list := g.still(m.Remedies(), by)
		out, err := g.propose(tx, t.who, p.Engine, list, &r)
		if err != nil {
			return nil, "", err
		}
		if out.Version != p.Version {
			out.Hint = joinHints(out.Hint, "the model moved while the engine thought: what is no gap any more is left out")
		}
		return out, p.ModelID, addActivity(tx, t.who, suggestJob, r)
	}, nil
}

// still keeps of remedies what the model as it is now can take: requirements that are still gaps, and entities that are there. An asset or
// an attacker that came in the meantime is named instead of proposed.
func (g *gapScope) still(remedies []pipeline.Remedy, by string) []pipeline.Remedy {
	s := g.head.structure
	var out []pipeline.Remedy
	for _, m := range remedies {
		m.Needs = slices.DeleteFunc(m.Needs, func(id string) bool { return !slices.Contains(g.gaps, id) })
		switch {
		case m.NotApplicable:
		case m.Existing != "":
			if s.Asset(m.Existing) == nil && s.Attacker(m.Existing) == nil {
				continue
			}
		case m.Asset != nil:
			for _, a := range s.Assets {
				if strings.EqualFold(a.Name, m.Asset.Name) {
					m.Existing = a.ID
				}
			}
		default:
			for _, a := range s.Attackers {
				if strings.EqualFold(a.Name, m.Attacker.Name) {
					m.Existing = a.ID
				}
			}
		}
		if len(m.Needs) > 0 {
			m.Why = threat.Clip(by+": "+m.Why, threat.MaxText)
			out = append(out, m)
		}
	}
	return out
}
