package service

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/compliance"
	"github.com/redoubt-dev/redoubt/pipeline"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

const autoMapJob = "auto_map_controls"

// candidatesEach is how many matches of the builtin matcher an engine that thinks chooses from, for one control.
const candidatesEach = 12

// mostTrusted bounds the confidence of such an engine, in thousandths: what is certain is what a person said.
const mostTrusted = 950

// mapPlan is what the job keeps: the request, and what it is to ask. It is made once, so that the questions stay the same while the model
// and the framework move.
type mapPlan struct {
	AutoMapControlsIn
	Items   []mapItem `json:"items"`
	Batches []int     `json:"batches"` // how many items each question is about
}

// mapItem is a control to ask about.
type mapItem struct {
	Control    threat.ID `json:"control"`
	Says       string    `json:"says"` // digest of its words
	Candidates []string  `json:"candidates"`
}

// mapDraft is what the job keeps of the answers: a list a question.
type mapDraft struct {
	Answers [][]pipeline.Mapping `json:"answers"`
}

// controlWords is a digest of a control's words.
func controlWords(k threat.Control) string {
	sum := sha256.Sum256([]byte(sameness(k)))
	return hex.EncodeToString(sum[:8])
}

// askLimit is how many bytes a question to an engine may have, beside those of a generation.
func askLimit(engine string) int {
	if engine == agentEngine {
		return pipeline.AgentLimit
	}
	return pipeline.ModelLimit
}

// need is a requirement as an engine sees it.
func (c *catalogue) need(q *compliance.Requirement) pipeline.Need {
	n := pipeline.Need{ID: q.ID, Text: q.Summary, Keywords: q.Keywords, Level: q.Level}
	if ch, ok := c.Chapter(q.Chapter); ok {
		if sec, ok := ch.Section(q.Section); ok {
			n.Section = sec.Name
		}
	}
	return n
}

// plan picks what to ask: for each control the requirements that the builtin matcher ranks highest, of those about which nothing is said.
func (sc *mapScope) plan(in AutoMapControlsIn, engine string) *mapPlan {
	p := &mapPlan{AutoMapControlsIn: in}
	p.Engine, p.FrameworkID = engine, sc.c.ID
	for _, k := range sc.controls {
		named := sc.c.named(k)
		item := mapItem{Control: k.ID, Says: controlWords(k.Control)}
		for _, m := range sc.matches(k, candidatesEach) {
			if sc.open(k.ID, m.Requirement) && !slices.ContainsFunc(named, func(n compliance.Match) bool { return n.Requirement == m.Requirement }) {
				item.Candidates = append(item.Candidates, m.Requirement)
			}
		}
		if len(item.Candidates) > 0 {
			p.Items = append(p.Items, item)
		}
	}
	list, _ := sc.mappable(p.Items)
	p.Batches = pipeline.MapBatches(list, askLimit(engine))
	return p
}

// mappable are the controls of items that still say what they said, with those candidates that the framework still has; gone counts the others.
func (sc *mapScope) mappable(items []mapItem) (out []pipeline.Mappable, gone int) {
	for _, item := range items {
		i := slices.IndexFunc(sc.controls, func(k *store.Control) bool { return k.ID == item.Control })
		if i < 0 || controlWords(sc.controls[i].Control) != item.Says {
			gone++
			continue
		}
		k := sc.controls[i]
		m := pipeline.Mappable{Control: k.ID, Description: k.Description, Facets: k.Facets}
		for _, id := range item.Candidates {
			if q, err := sc.c.requirement(id); err == nil {
				m.Candidates = append(m.Candidates, sc.c.need(q))
			}
		}
		if len(m.Candidates) > 0 {
			out = append(out, m)
		}
	}
	return out, gone
}

// answer is what is known before anybody was asked.
func (p *mapPlan) answer(sc *mapScope) AutoMapControlsOut {
	return AutoMapControlsOut{
		ModelID: sc.head.model.ID, Version: sc.head.model.Version, FrameworkID: sc.c.ID, Engine: p.Engine, DryRun: p.DryRun,
		Threshold: confidence(compliance.Confident), Summary: AutoMapSummary{Controls: len(sc.controls)}, Mappings: []AutoMappingRow{},
		Hint: "nothing is mapped yet: the job does it",
	}
}

// startMapping adds the job.
func (s *Service) startMapping(ctx context.Context, who account.Principal, v verb, in AutoMapControlsIn, p *mapPlan, out AutoMapControlsOut) (AutoMapControlsOut, error) {
	out, err := write(ctx, s, who, v, in, func(tx *store.Tx, r *record) (AutoMapControlsOut, error) {
		out := out
		if _, err := tx.Model(who.WorkspaceID, in.ModelID); err != nil {
			return out, err
		}
		job, err := addJob(tx, who, autoMapJob, in.ModelID, len(p.Batches), p)
		out.Job = &job
		r.version, r.object = out.Version, job.JobID
		return out, err
	})
	if err == nil {
		s.jobs.poke()
	}
	return out, err
}

// mapControls asks the questions of the plan. What was said of a control that has other words by then is dropped.
func (t *task) mapControls(ctx context.Context) (apply, error) {
	var p mapPlan
	var d mapDraft
	if err := t.restore(&p, &d); err != nil {
		return nil, err
	}
	sc, err := read(ctx, t.s, t.who, account.Write, func(v *store.Snapshot) (*mapScope, error) { return t.s.planned(v, t.job.WorkspaceID, p) })
	if err != nil {
		return nil, err
	}
	var lists [][]pipeline.Mappable
	for at := 0; len(lists) < len(p.Batches); {
		n := p.Batches[len(lists)]
		list, _ := sc.mappable(p.Items[at : at+n])
		lists, at = append(lists, list), at+n
	}
	answers := make([][]pipeline.Mapping, len(lists))
	copy(answers, d.Answers)
	err = t.askEach(ctx, p.Engine, pipeline.MapStep, len(d.Answers), len(lists), func(ctx context.Context, i int, step string) error {
		if len(lists[i]) == 0 {
			return nil
		}
		return pipeline.Consult(ctx, t.asker(p.Engine), pipeline.MapQuestion(step, lists[i], askLimit(p.Engine)), func(raw []byte) (err error) {
			answers[i], err = pipeline.ParseMappings(lists[i], raw)
			return err
		})
	}, func(done int) any { return mapDraft{answers[:done]} })
	if err != nil {
		return nil, err
	}
	by := p.Engine
	if by == openaiEngine {
		by += " (" + t.s.llmFor(t.who, autoMapJob).Name() + ")"
	}
	return func(tx *store.Tx) (any, string, error) {
		sc, err := t.s.planned(tx.View(), t.job.WorkspaceID, p)
		if err != nil {
			return nil, "", err
		}
		list, gone := sc.mappable(p.Items)
		still := map[string]bool{}
		for _, m := range list {
			for _, n := range m.Candidates {
				still[string(m.Control)+" "+n.ID] = true
			}
		}
		found := map[threat.ID][]compliance.Match{}
		for _, list := range answers {
			for _, m := range list {
				if still[string(m.Control)+" "+m.Requirement] {
					found[m.Control] = append(found[m.Control], compliance.Match{
						Control: m.Control, Requirement: m.Requirement, Confidence: min(10*m.Confidence, mostTrusted), Reason: by + ": " + m.Reason,
					})
				}
			}
		}
		a := sc.settle(p.Engine, found)
		out, err := a.answer(p.AutoMapControlsIn, MaxLimit)
		if err != nil {
			return nil, "", err
		}
		if gone > 0 {
			out.Hint = joinHints(out.Hint, countWords(gone, "control", "controls")+" changed or went in the meantime: call it again for what is left out")
		}
		r := record{model: p.ModelID}
		if p.DryRun {
			r.version, r.object, r.detail = out.Version, a.framework, map[string]any{"framework_id": a.framework, "engine": a.engine, "dry_run": true}
		} else if err := a.apply(tx, t.who, &r); err != nil {
			return nil, "", err
		}
		return out, p.ModelID, addActivity(tx, t.who, autoMapJob, r)
	}, nil
}

// planned gathers what a plan is about as it is now: a control that was deleted since is no error.
func (s *Service) planned(v *store.Snapshot, workspace string, p mapPlan) (*mapScope, error) {
	in, wanted := p.AutoMapControlsIn, p.Controls
	in.Controls = nil
	sc, err := s.mapScope(v, workspace, in)
	if err == nil && wanted != nil {
		sc.controls = slices.DeleteFunc(sc.controls, func(k *store.Control) bool { return !slices.Contains(wanted, k.ID) })
	}
	return sc, err
}
