package service

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/pipeline"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

const regenerateJob = "regenerate_controls"

// RegenerateControlsIn asks for fresh controls.
type RegenerateControlsIn struct {
	Target
	Objectives    []threat.ID `json:"control_objectives,omitempty" jsonschema:"default: all; a control that serves others too is only unlinked"`
	KeepUnchanged bool        `json:"keep_unchanged,omitempty" jsonschema:"one that comes out the same keeps status and evidence"`
	Engine        string      `json:"engine,omitempty" jsonschema:"who thinks; default: the server's"`
	WaitSeconds   *int        `json:"wait_seconds,omitempty" jsonschema:"at most 50, default 5"`
}

// regenerateInput is what the job keeps: the question and the state it was asked of.
type regenerateInput struct {
	RegenerateControlsIn
	Base  int   `json:"base"`
	Stamp int64 `json:"stamp"`
}

// RegenerateControls starts a job that replaces a model's controls, or those of some COs, by fresh ones. The structure is
// kept, every new control starts not implemented, replaced ones stay readable. It applies only if nothing of the model
// changed meanwhile, else the job ends with [threat.Conflict]. Errors: [threat.NotFound], [threat.Invalid], [threat.Conflict].
func (s *Service) RegenerateControls(ctx context.Context, who account.Principal, in RegenerateControlsIn) (JobOut, error) {
	v := verb{name: regenerateJob, needs: account.Write, model: in.ModelID, idem: in.IdempotencyKey}
	in.WaitSeconds = nil
	out, err := write(ctx, s, who, v, in, func(tx *store.Tx, r *record) (JobOut, error) {
		c, err := s.begin(tx, who.WorkspaceID, in.Target)
		if err != nil {
			return JobOut{}, err
		}
		for _, co := range in.Objectives {
			if !c.structure.HasObjective(co) {
				return JobOut{}, c.structure.UnknownObjective(co).In("control_objectives")
			}
		}
		e, err := s.engineOf(tx.View(), who.WorkspaceID, in.Engine)
		if err != nil {
			return JobOut{}, err
		}
		in.Engine = e.Name()
		in.Objectives = threat.SortIDs(in.Objectives)
		job, err := addJob(tx, who, regenerateJob, c.model.ID, 1, regenerateInput{in, c.model.Version, c.model.Stamp})
		r.version, r.object = c.model.Version, job.JobID
		return job, err
	})
	if err == nil {
		s.jobs.poke()
	}
	return out, err
}

// RegenerateResult is what a finished regeneration says.
type RegenerateResult struct {
	ModelID  string      `json:"model_id"`
	Version  int         `json:"version"`
	Added    []threat.ID `json:"added"`
	Kept     []threat.ID `json:"kept,omitempty"`
	Unlinked []threat.ID `json:"unlinked,omitempty"` // serve other objectives too, and still do
	Replaced int         `json:"replaced"`
	Controls int         `json:"controls"`
}

func (t *task) regenerate(ctx context.Context) (apply, error) {
	var in regenerateInput
	if err := json.Unmarshal([]byte(t.job.Input), &in); err != nil {
		return nil, err
	}
	e, err := t.engine(in.Engine)
	if err != nil {
		return nil, err
	}
	structure, err := read(ctx, t.s, t.who, account.Write, func(v *store.Snapshot) (*threat.Structure, error) {
		if _, err := v.Model(t.job.WorkspaceID, in.ModelID); err != nil {
			return nil, err
		}
		return v.Version(t.job.WorkspaceID, in.ModelID, in.Base)
	})
	if err != nil {
		return nil, err
	}
	d, err := t.loadDraft(func() (*pipeline.Draft, error) {
		return &pipeline.Draft{Structure: *structure, Only: in.Objectives, Counters: threat.Counters{}}, nil
	})
	if err != nil {
		return nil, err
	}
	if err := t.run(ctx, e, d, pipeline.RunControls); err != nil {
		return nil, err
	}
	return func(tx *store.Tx) (any, string, error) {
		out, err := t.replace(tx, in, structure, d.Controls)
		if err != nil {
			return nil, "", err
		}
		return out, in.ModelID, addActivity(tx, t.who, regenerateJob, record{model: in.ModelID, version: out.Version, object: t.job.ID})
	}, nil
}

// replace puts fresh controls in the place of the model's, within scope: all COs, or those asked for.
func (t *task) replace(tx *store.Tx, in regenerateInput, structure *threat.Structure, proposals []pipeline.ControlProposal) (RegenerateResult, error) {
	ws, out := t.job.WorkspaceID, RegenerateResult{ModelID: in.ModelID}
	m, err := tx.Model(ws, in.ModelID)
	if err != nil {
		return out, err
	}
	if m.Version != in.Base || m.Stamp != in.Stamp {
		return out, threat.Errorf(threat.Conflict, "the model changed while its controls were being generated").
			Hinted("nothing was replaced; it is at version %d now: call regenerate_controls again", m.Version)
	}
	h, err := t.s.loadHead(tx.View(), ws, m)
	if err != nil {
		return out, err
	}
	counters, err := tx.Counters(ws, m.ID)
	if err != nil {
		return out, err
	}
	scope := func(co threat.ID) bool { return among(in.Objectives, co) }

	// What stands now leaves the scope: unlinked where it serves other objectives, else deleted.
	old := map[string]*store.Control{}
	var gone []threat.ID
	for i := range h.controls {
		c := &h.controls[i]
		inside := slices.DeleteFunc(slices.Clone(c.Objectives), func(co threat.ID) bool { return !scope(co) })
		switch {
		case len(inside) == 0 && (len(in.Objectives) > 0 || len(c.Objectives) > 0):
			continue
		case in.KeepUnchanged:
			old[sameness(c.Control)] = c
		}
		if len(inside) < len(c.Objectives) {
			if err := tx.RemoveLinks(ws, m.ID, c.ID, inside); err != nil {
				return out, err
			}
			out.Unlinked = append(out.Unlinked, c.ID)
			continue
		}
		gone = append(gone, c.ID)
	}
	fresh, links, err := makeControls(proposals, threat.Generated, counters.Clone())
	if err != nil {
		return out, err
	}
	fresh, links, err = keep(tx, ws, m.ID, counters, fresh, links, old, &gone, &out)
	if err != nil {
		return out, err
	}
	if err := tx.DeleteControls(ws, m.ID, gone, "replaced by a regeneration"); err != nil {
		return out, err
	}
	if err := tx.UnmapFindings(ws, m.ID, gone); err != nil {
		return out, err
	}
	if err := addControls(tx, ws, m.ID, fresh, links); err != nil {
		return out, err
	}
	if err := tx.SaveCounters(ws, m.ID, counters); err != nil {
		return out, err
	}
	out.Replaced, out.Controls = len(gone), len(h.controls)-len(gone)+len(fresh)
	summary := fmt.Sprintf("regenerated controls with engine %s: %d added, %d replaced", in.Engine, len(fresh), len(gone))
	out.Version, err = tx.SaveVersion(ws, m.ID, m.Version, structure, structure, t.who.UserID, summary)
	return out, err
}

// keep gives fresh controls their ids. One that is the same as an old one takes that one's place instead: the old control
// stays, with its status and evidence, under the fresh links.
func keep(tx *store.Tx, ws, model string, counters threat.Counters, fresh []threat.Control, links []store.Link,
	old map[string]*store.Control, gone *[]threat.ID, out *RegenerateResult,
) ([]threat.Control, []store.Link, error) {
	var added []threat.Control
	rename := make(map[threat.ID]threat.ID, len(fresh))
	for _, c := range fresh {
		o := old[sameness(c)]
		if o == nil {
			id := counters.Next(threat.KindControl)
			rename[c.ID] = id
			for i := range c.Facets {
				c.Facets[i].ID = id + c.Facets[i].ID[len(c.ID):]
			}
			c.ID = id
			added = append(added, c)
			out.Added = append(out.Added, id)
			continue
		}
		rename[c.ID] = o.ID
		out.Kept = append(out.Kept, o.ID)
		out.Unlinked = slices.DeleteFunc(out.Unlinked, func(id threat.ID) bool { return id == o.ID })
		if i := slices.Index(*gone, o.ID); i >= 0 { // it was to go whole, so its links are still there
			*gone = slices.Delete(*gone, i, i+1)
			if err := tx.RemoveLinks(ws, model, o.ID, o.Objectives); err != nil {
				return nil, nil, err
			}
		}
	}
	for i := range links {
		links[i].Control = rename[links[i].Control]
	}
	return added, links, nil
}

// sameness is equal for controls that say the same: description and facets.
func sameness(c threat.Control) string {
	var b strings.Builder
	b.WriteString(strings.ToLower(c.Description))
	for _, f := range c.Facets {
		b.WriteString("\x00" + string(f.Kind) + "\x00" + strings.ToLower(f.Text))
	}
	return b.String()
}
