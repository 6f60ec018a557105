package service

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/pipeline"
	"github.com/redoubt-dev/redoubt/posture"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

const gapsJob = "check_control_gaps"

// CheckControlGapsIn chooses the COs to look at.
type CheckControlGapsIn struct {
	ModelID     string      `json:"model_id"`
	Objectives  []threat.ID `json:"control_objectives,omitempty" jsonschema:"default: all reachable ones, the gravest first"`
	Tier        threat.Tier `json:"tier,omitempty"`
	Apply       bool        `json:"apply,omitempty" jsonschema:"add or link the missing controls of the rows shown; replaces and weakens nothing"`
	FromJob     string      `json:"from_job,omitempty" jsonschema:"add what the engine proposed in this job, without asking again"`
	Engine      string      `json:"engine,omitempty" jsonschema:"openai or agent also proposes controls, for the first 16 rows; default builtin"`
	WaitSeconds *int        `json:"wait_seconds,omitempty" jsonschema:"for the engine; at most 50, default 20"`
	Limit       *int        `json:"limit,omitempty" jsonschema:"default 20, at most 200"`
	Offset      int         `json:"offset,omitempty"`
}

// GapRow is a CO of which something is missing.
type GapRow struct {
	ID      threat.ID   `json:"id"`
	Tier    threat.Tier `json:"tier"`
	Gaps    []string    `json:"gaps" jsonschema:"no_controls, incomplete_group, prevention_only, no_behaviour, missing_controls"`
	Missing []string    `json:"missing,omitempty" jsonschema:"controls that the knowledge base has for it and none of the model says"`
	Link    []threat.ID `json:"link,omitempty" jsonschema:"controls that say what is missing and are not linked with it"`
}

// CheckControlGapsOut is a page of COs with gaps, the gravest first.
type CheckControlGapsOut struct {
	ModelID  string            `json:"model_id"`
	Version  int               `json:"version"`
	Engine   string            `json:"engine"`
	Total    int               `json:"total"`
	Returned int               `json:"returned"`
	Offset   int               `json:"offset"`
	Summary  map[string]int    `json:"summary" jsonschema:"objectives by gap"`
	Gaps     []GapRow          `json:"control_objectives"`
	Proposed []ImportedControl `json:"proposed,omitempty" jsonschema:"what the engine would add"`
	JobID    string            `json:"job_id,omitempty" jsonschema:"of the engine that proposed: for from_job"`
	Added    []threat.ID       `json:"added,omitempty" jsonschema:"with apply: the new controls"`
	Linked   []threat.ID       `json:"linked,omitempty" jsonschema:"with apply: controls that say it already, now linked too"`
	Hint     string            `json:"hint,omitempty"`
	Job      *JobOut           `json:"job,omitempty" jsonschema:"the engine's, while it has not ended; its result has this same shape"`
}

// gapsInput is what the job keeps.
type gapsInput struct {
	CheckControlGapsIn
	Asked []threat.ID `json:"asked"`
}

// mostGapsAsked bounds the COs that one question is about.
const mostGapsAsked = 16

// CheckControlGaps says for each reachable CO what is missing: controls that the knowledge base has for it and no control says, complete
// groups, facets of behaviour, and for grave ones what detects or limits an attack. With apply the missing controls are added, source
// generated, and those that the model has elsewhere linked: on a CO without controls as a group, elsewhere as defence in depth. What an
// engine proposed is added by from_job. Errors: [threat.NotFound], [threat.Invalid], [threat.FailedPrecondition], [threat.Conflict] where
// the model is not what it was when the engine proposed.
func (s *Service) CheckControlGaps(ctx context.Context, who account.Principal, in CheckControlGapsIn) (CheckControlGapsOut, error) {
	limit, offset, err := page(in.Limit, in.Offset, DefaultLimit)
	if err != nil {
		return CheckControlGapsOut{}, err
	}
	wait, err := Wait(in.WaitSeconds, 20)
	if err != nil {
		return CheckControlGapsOut{}, err
	}
	if err := oneOf("tier", in.Tier, threat.Tiers()); err != nil {
		return CheckControlGapsOut{}, err
	}
	v := verb{name: gapsJob, needs: account.Write, model: in.ModelID}
	if in.FromJob != "" {
		return s.closeShown(ctx, who, v, in)
	}
	var structure *threat.Structure
	engine, err := readHead(ctx, s, who, in.ModelID, func(*store.Snapshot, *head) (string, error) {
		e, err := s.engine(orBuiltin(in.Engine))
		if err != nil {
			return "", err
		}
		return e.Name(), nil
	})
	if err == nil {
		structure, err = readHead(ctx, s, who, in.ModelID, func(_ *store.Snapshot, h *head) (*threat.Structure, error) {
			return h.structure, h.checkFilter(in.Objectives, "", "")
		})
	}
	if err != nil {
		return CheckControlGapsOut{}, err
	}
	known, err := s.knownControls(ctx, structure)
	if err != nil {
		return CheckControlGapsOut{}, err
	}
	find := func(v *store.Snapshot, h *head) (CheckControlGapsOut, error) {
		out := CheckControlGapsOut{ModelID: h.model.ID, Version: h.model.Version, Engine: engine, Offset: offset, Summary: map[string]int{}, Gaps: []GapRow{}}
		j, err := loadJudgments(v, who.WorkspaceID, h)
		if err != nil {
			return out, err
		}
		rows := h.gaps(h.posture(&j, v.Now()).Rows, in, known)
		for _, r := range rows {
			for _, g := range r.Gaps {
				out.Summary[g]++
			}
		}
		out.Total = len(rows)
		out.Gaps = append(out.Gaps, cut(rows, limit, offset)...)
		out.Returned = len(out.Gaps)
		return out, nil
	}
	switch {
	case engine != builtinEngine:
		in.Engine, in.WaitSeconds = engine, nil
		out, err := write(ctx, s, who, v, in, func(tx *store.Tx, r *record) (CheckControlGapsOut, error) {
			h, err := s.head(tx.View(), who.WorkspaceID, in.ModelID)
			if err != nil {
				return CheckControlGapsOut{}, err
			}
			out, err := find(tx.View(), h)
			if err != nil || out.Returned == 0 {
				return out, err
			}
			asked := entityIDs(out.Gaps[:min(mostGapsAsked, out.Returned)], func(g GapRow) threat.ID { return g.ID })
			job, err := addJob(tx, who, gapsJob, h.model.ID, 1, gapsInput{in, asked})
			r.version, r.object, out.Job = h.model.Version, job.JobID, &job
			return out, err
		})
		if err != nil || out.Job == nil {
			return out, err
		}
		s.jobs.poke()
		done := out
		if done.Job, err = settled(ctx, s, who, *out.Job, wait, &done); err != nil {
			return CheckControlGapsOut{}, err
		}
		done.Total, done.Returned, done.Offset, done.Summary, done.Gaps = out.Total, out.Returned, out.Offset, out.Summary, out.Gaps
		return done, nil
	case !in.Apply:
		return readHead(ctx, s, who, in.ModelID, find)
	}
	var out CheckControlGapsOut
	return changeControls(ctx, s, who, v, in, func(c *controlset) (err error) {
		if out, err = find(c.tx.View(), c.head); err != nil {
			return err
		}
		return c.close(out.Gaps, proposedFor(known, out.Gaps))
	}, func(done EditControlsOut) CheckControlGapsOut {
		for _, e := range done.Controls {
			if slices.ContainsFunc(out.Gaps, func(g GapRow) bool { return slices.Contains(g.Link, e.ID) }) {
				out.Linked = append(out.Linked, e.ID)
			} else {
				out.Added = append(out.Added, e.ID)
			}
		}
		return out
	})
}

// closeShown adds what an engine proposed.
func (s *Service) closeShown(ctx context.Context, who account.Principal, v verb, in CheckControlGapsIn) (CheckControlGapsOut, error) {
	var was CheckControlGapsOut
	return changeControls(ctx, s, who, v, in, func(c *controlset) (err error) {
		if err = alone(in.Engine != "" || in.Tier != "" || len(in.Objectives) > 0); err != nil {
			return err
		}
		if was, err = shown[CheckControlGapsOut](c.tx.View(), who.WorkspaceID, gapsJob, in.ModelID, in.FromJob); err == nil && was.JobID == "" {
			err = wroteAlready()
		}
		if err != nil {
			return err
		}
		p, err := c.head.asShown(was.Version, was.Proposed)
		if err != nil {
			return err
		}
		return c.fill(p.fresh(), mitigations(c.links))
	}, func(done EditControlsOut) CheckControlGapsOut {
		return CheckControlGapsOut{
			ModelID: in.ModelID, Version: done.Version, Engine: was.Engine, Summary: map[string]int{}, Gaps: []GapRow{},
			Added: ids(done.Controls, func(e EditedControl) threat.ID { return e.ID }),
		}
	})
}

func orBuiltin(engine string) string {
	if engine == "" {
		return builtinEngine
	}
	return engine
}

// noticing are words that tell what notices or limits an attack that got past prevention.
var noticing = wordSet("log logged logging audit audited alert alerted monitor monitored detect detected detection notify notified anomaly rate limit limited quota throttle revoke revoked backup restore recovery trail review")

// The shares of common words from which a control says what one of the knowledge base says.
const (
	saysIt     = 0.6 // one that is linked with the CO
	saysItElse = 0.75
)

// gaps returns the reachable COs of which something is missing, the gravest first. rows are in that order.
func (h *head) gaps(rows []posture.Row, in CheckControlGapsIn, known []pipeline.ControlProposal) []GapRow {
	words := make([]map[string]bool, len(h.controls))
	for i := range h.controls {
		c := &h.controls[i]
		words[i] = wordSet(says(c.Description, c.Facets, func(f threat.Facet) string { return f.Text }))
	}
	wanted := map[threat.ID][]int{} // CO → places in known, of its first group
	texts := make([]map[string]bool, len(known))
	for i, k := range known {
		texts[i] = wordSet(says(k.Description, k.Facets, func(f pipeline.FacetProposal) string { return f.Text }))
		for _, m := range k.Mitigates {
			if m.Group == 1 {
				wanted[m.Objective] = append(wanted[m.Objective], i)
			}
		}
	}
	var out []GapRow
	for i := range rows {
		co := rows[i].Objective
		if !co.Reachable || in.Tier != "" && co.Tier != in.Tier || !among(in.Objectives, co.ID) {
			continue
		}
		g := GapRow{ID: co.ID, Tier: co.Tier}
		linked, behaves, notices := false, false, false
		for k := range h.controls {
			c := &h.controls[k]
			if !slices.Contains(c.Objectives, co.ID) {
				continue
			}
			linked = true
			behaves = behaves || slices.ContainsFunc(c.Facets, func(f threat.Facet) bool { return f.Kind == threat.BehaviourFacet })
			for w := range words[k] {
				notices = notices || noticing[w]
			}
		}
		switch {
		case !linked:
			g.Gaps = append(g.Gaps, "no_controls")
		default:
			if rows[i].Reason == posture.IncompleteGroup {
				g.Gaps = append(g.Gaps, "incomplete_group")
			}
			if !notices && (co.Tier == threat.Critical || co.Tier == threat.HighTier) {
				g.Gaps = append(g.Gaps, "prevention_only")
			}
			if !behaves {
				g.Gaps = append(g.Gaps, "no_behaviour")
			}
		}
		for _, n := range wanted[co.ID] {
			said, elsewhere := false, threat.ID("")
			for k := range h.controls {
				share := overlap(texts[n], words[k])
				if slices.Contains(h.controls[k].Objectives, co.ID) {
					said = said || share >= saysIt
				} else if share >= saysItElse && elsewhere == "" {
					elsewhere = h.controls[k].ID
				}
			}
			switch {
			case said:
			case elsewhere != "":
				if !slices.Contains(g.Link, elsewhere) {
					g.Link = append(g.Link, elsewhere)
				}
			default:
				g.Missing = append(g.Missing, known[n].Description)
			}
		}
		if len(g.Missing)+len(g.Link) > 0 {
			g.Gaps = append(g.Gaps, "missing_controls")
		}
		if len(g.Gaps) > 0 {
			out = append(out, g)
		}
	}
	return out
}

// proposedFor are the controls that rows miss, each once for all of its COs among them.
func proposedFor(known []pipeline.ControlProposal, rows []GapRow) []newControl {
	var out []newControl
	for _, k := range known {
		n := newControl{Description: k.Description, Notes: k.Notes}
		for _, f := range k.Facets {
			n.Facets = append(n.Facets, threat.Facet{Text: f.Text, Kind: f.Kind})
		}
		for _, r := range rows {
			if slices.Contains(r.Missing, k.Description) {
				n.Objectives = append(n.Objectives, r.ID)
			}
		}
		if len(n.Objectives) > 0 {
			out = append(out, n)
		}
	}
	return out
}

// close links what says it already with the COs that miss it, and adds what nothing says.
func (c *controlset) close(rows []GapRow, list []newControl) error {
	groups := mitigations(c.links)
	for _, r := range rows {
		group := 0
		if groups[r.ID] == nil {
			group = 1
		}
		for _, id := range r.Link {
			k, err := c.control(id, 0)
			if err != nil {
				return err
			}
			c.touch(id)
			if err := c.link(k, []threat.ID{r.ID}, group); err != nil {
				return err
			}
		}
	}
	return c.fill(list, groups)
}

// fill adds generated controls without weakening anything: on COs that have none they make one group, on others they are defence in depth.
func (c *controlset) fill(list []newControl, groups map[threat.ID]*mitigation) error {
	for _, n := range list {
		var bare, others []threat.ID
		for _, co := range n.Objectives {
			if groups[co] == nil {
				bare = append(bare, co)
			} else {
				others = append(others, co)
			}
		}
		first, group := n, 1
		if first.Objectives = bare; len(bare) == 0 {
			first.Objectives, others, group = others, nil, 0
		}
		k, err := c.insert(first, threat.Generated, group)
		if err == nil && len(others) > 0 {
			err = c.link(k, others, 0)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// proposeMissing is the job.
func (t *task) proposeMissing(ctx context.Context) (apply, error) {
	var in gapsInput
	if err := json.Unmarshal([]byte(t.job.Input), &in); err != nil {
		return nil, err
	}
	if err := t.begin(pipeline.MissingStep); err != nil {
		return nil, err
	}
	h, err := read(ctx, t.s, t.who, account.Write, func(v *store.Snapshot) (*head, error) { return t.s.head(v, t.job.WorkspaceID, in.ModelID) })
	if err != nil {
		return nil, err
	}
	var cos, controls []string
	var shown []threat.ID
	for _, co := range h.objectives() {
		if !slices.Contains(in.Asked, co.ID) {
			continue
		}
		var own []threat.ID
		for i := range h.controls {
			if slices.Contains(h.controls[i].Objectives, co.ID) {
				own = append(own, h.controls[i].ID)
			}
		}
		cos = append(cos, strings.TrimSpace(fmt.Sprintf("%s %s %s", co.ID, co.Tier, threat.IDList(own, 10))))
		shown = append(shown, own...)
	}
	for _, id := range threat.SortIDs(shown) {
		if c, err := h.control(id); err == nil {
			controls = append(controls, string(id)+" "+oneLine(threat.Clip(c.Description, 200)))
		}
	}
	var stated []pipeline.Stated
	q := pipeline.MissingQuestion(h.structure, strings.Join(cos, "\n"), strings.Join(controls, "\n"), limitOf(in.Engine))
	err = pipeline.Consult(ctx, t.asker(in.Engine), q, func(raw []byte) (err error) {
		if stated, err = pipeline.ParseStated(h.structure, raw); err != nil {
			return err
		}
		for i, c := range stated {
			for _, co := range c.Objectives {
				if !slices.Contains(in.Asked, co) {
					return threat.Errorf(threat.Invalid, "%s is not among the objectives asked about", co).In("controls." + itoa(i) + ".control_objectives")
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	list := importable(stated)
	return func(tx *store.Tx) (any, string, error) {
		now, err := t.s.head(tx.View(), t.job.WorkspaceID, in.ModelID)
		if err != nil {
			return nil, "", err
		}
		p, err := now.planImport(list, true, nil)
		if err != nil {
			return nil, "", err
		}
		out := CheckControlGapsOut{ModelID: in.ModelID, Version: now.model.Version, Engine: in.Engine, Summary: map[string]int{}, Gaps: []GapRow{}}
		if !in.Apply {
			out.Proposed, out.JobID, out.Hint = p.shown(now).Proposed, t.job.ID, "nothing was written: check_control_gaps(from_job) with this job_id adds it"
			return out, in.ModelID, nil
		}
		r := record{model: in.ModelID}
		done, err := t.s.editedControls(tx, t.who, verb{name: gapsJob, model: in.ModelID}, &r, func(c *controlset) error {
			return c.fill(p.fresh(), mitigations(c.links))
		})
		if err != nil {
			return nil, "", err
		}
		out.Added = ids(done.Controls, func(e EditedControl) threat.ID { return e.ID })
		return out, in.ModelID, addActivity(tx, t.who, gapsJob, r)
	}, nil
}
