package service

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/pipeline"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

const importJob = "import_controls"

// ImportedControl is a control from elsewhere.
type ImportedControl struct {
	Description   string      `json:"description"`
	Facets        []NewFacet  `json:"facets,omitempty" jsonschema:"default: one behaviour, the description"`
	Objectives    []threat.ID `json:"control_objectives,omitempty" jsonschema:"default: those of the assets that the description names"`
	Notes         string      `json:"notes,omitempty"`
	FrameworkRefs []string    `json:"framework_refs,omitempty"`
}

// ImportControlsIn is a batch, all or nothing but for near-duplicates, or a text that states controls.
type ImportControlsIn struct {
	ModelID        string            `json:"model_id"`
	Controls       []ImportedControl `json:"controls,omitempty"`
	Text           string            `json:"text,omitempty" jsonschema:"instead: a text that states controls, such as a list with a bullet for each"`
	DryRun         bool              `json:"dry_run,omitempty" jsonschema:"only show what would be added"`
	FromJob        string            `json:"from_job,omitempty" jsonschema:"instead: add what this dry_run's job showed"`
	Engine         string            `json:"engine,omitempty" jsonschema:"who reads the text; default: the server's"`
	WaitSeconds    *int              `json:"wait_seconds,omitempty" jsonschema:"for the engine; at most 50, default 20"`
	IdempotencyKey string            `json:"idempotency_key,omitempty"`
}

// DuplicateRow is an imported control that says what a control says already.
type DuplicateRow struct {
	Index int       `json:"index" jsonschema:"its place in the batch, from 0"`
	Of    threat.ID `json:"of,omitempty" jsonschema:"the control that says it; absent in a dry run: one of the batch"`
}

// UnmappedRow is a control of a text of which nothing tells which objectives it helps.
type UnmappedRow struct {
	Index       int    `json:"index"`
	Description string `json:"description"`
}

// ImportControlsOut says what was added and what was left out.
type ImportControlsOut struct {
	EditControlsOut
	Duplicates []DuplicateRow    `json:"duplicates" jsonschema:"near-duplicates of existing controls, skipped"`
	Proposed   []ImportedControl `json:"proposed,omitempty" jsonschema:"with dry_run: what would be added"`
	JobID      string            `json:"job_id,omitempty" jsonschema:"with dry_run, of an engine: for from_job"`
	Unmapped   []UnmappedRow     `json:"unmapped,omitempty" jsonschema:"of a text: helps no objective that could be told; skipped, import it with control_objectives"`
	Job        *JobOut           `json:"job,omitempty" jsonschema:"the engine's, while it has not ended; its result has this same shape"`
}

// ImportControls adds controls from elsewhere, mapped to COs; near-duplicates are reported and skipped. A text is read by the engine:
// builtin takes a control of each bullet or line and maps it by the ids, names and words in it. What an engine's dry run showed is added
// by from_job. Errors: [threat.NotFound], [threat.Invalid], naming the control; [threat.FailedPrecondition]; [threat.Conflict] where the
// model is not what it was at the dry run.
func (s *Service) ImportControls(ctx context.Context, who account.Principal, in ImportControlsIn) (ImportControlsOut, error) {
	v := verb{name: importJob, needs: account.Write, model: in.ModelID, idem: in.IdempotencyKey}
	wait, err := Wait(in.WaitSeconds, 20)
	if err != nil {
		return ImportControlsOut{}, err
	}
	in.WaitSeconds = nil
	if in.FromJob != "" {
		return s.importShown(ctx, who, v, in)
	}
	var known []pipeline.ControlProposal
	list := in.Controls
	if in.Text != "" {
		engine, structure, text, err := s.importContext(ctx, who, in)
		if err != nil {
			s.refused(ctx, who, v, nil, err)
			return ImportControlsOut{}, err
		}
		if engine != builtinEngine {
			in.Engine, in.Text = engine, text
			return s.importByEngine(ctx, who, v, in, wait)
		}
		if list, err = listed(text); err != nil {
			return ImportControlsOut{}, err
		}
		if known, err = s.knownControls(ctx, structure); err != nil {
			return ImportControlsOut{}, err
		}
	}
	if in.DryRun {
		return read(ctx, s, who, account.Write, func(v *store.Snapshot) (ImportControlsOut, error) {
			h, err := s.head(v, who.WorkspaceID, in.ModelID)
			if err != nil {
				return ImportControlsOut{}, err
			}
			p, err := h.planImport(list, in.Text != "", known)
			return p.shown(h), err
		})
	}
	var p importPlan
	return changeControls(ctx, s, who, v, in, func(c *controlset) (err error) {
		if p, err = c.head.planImport(list, in.Text != "", known); err == nil {
			err = c.insertAll(p, threat.Imported)
		}
		return err
	}, p.added)
}

// importShown adds what a dry run showed.
func (s *Service) importShown(ctx context.Context, who account.Principal, v verb, in ImportControlsIn) (ImportControlsOut, error) {
	var p importPlan
	return changeControls(ctx, s, who, v, in, func(c *controlset) error {
		if err := alone(in.DryRun || in.Text != "" || in.Engine != "" || len(in.Controls) > 0); err != nil {
			return err
		}
		was, err := shown[ImportControlsOut](c.tx.View(), who.WorkspaceID, importJob, in.ModelID, in.FromJob)
		if err == nil && was.JobID == "" {
			err = wroteAlready()
		}
		if err != nil {
			return err
		}
		if p, err = c.head.asShown(was.Version, was.Proposed); err != nil {
			return err
		}
		return c.insertAll(p, threat.Imported)
	}, p.added)
}

// importContext finds who reads a text.
func (s *Service) importContext(ctx context.Context, who account.Principal, in ImportControlsIn) (engine string, structure *threat.Structure, text string, err error) {
	if err := who.Allow(account.Write); err != nil {
		return "", nil, "", err
	}
	if len(in.Controls) > 0 {
		return "", nil, "", threat.Errorf(threat.Invalid, "both controls and a text").In("text").Hinted("give one of the two")
	}
	if text, err = threat.Text(in.Text, threat.MaxFeature); err == nil && text == "" {
		err = threat.Errorf(threat.Invalid, "the text is empty")
	}
	if err != nil {
		return "", nil, "", fieldError(err, "text")
	}
	engine, err = readHead(ctx, s, who, in.ModelID, func(v *store.Snapshot, h *head) (string, error) {
		structure = h.structure
		e, err := s.engineOf(v, who.WorkspaceID, in.Engine)
		if err != nil {
			return "", err
		}
		return e.Name(), nil
	})
	return engine, structure, text, err
}

// listed reads a text without anybody's help.
func listed(text string) ([]ImportedControl, error) {
	stated, more := pipeline.ListedControls(text)
	if len(stated) == 0 || more {
		return nil, threat.Errorf(threat.Invalid, "the text lists no control, or more than %d", MaxOperations).In("text").
			Hinted("a bullet or a line for each, in three words or more; parts of it as bullets indented under it")
	}
	out := make([]ImportedControl, len(stated))
	for i, w := range stated {
		out[i] = ImportedControl{Description: w.Description, Facets: newFacets(w.Facets)}
	}
	return out, nil
}

// knownControls is what the knowledge base proposes for a structure's reachable COs.
func (s *Service) knownControls(ctx context.Context, structure *threat.Structure) ([]pipeline.ControlProposal, error) {
	e := s.named(builtinEngine)
	if e == nil {
		return nil, nil
	}
	cos, err := structure.Objectives()
	if err != nil {
		return nil, err
	}
	cos = slices.DeleteFunc(cos, func(co threat.Objective) bool { return !co.Reachable })
	out, err := e.Propose(ctx, pipeline.Request{Step: pipeline.GenerateControls, Draft: &pipeline.Draft{Structure: *structure, Counters: threat.Counters{}}, Objectives: cos})
	return out.Controls, err
}

// planned is a control that is to be added.
type planned struct {
	index int
	newControl
}

// importPlan is what an import comes to.
type importPlan struct {
	add        []planned
	duplicates []DuplicateRow
	unmapped   []UnmappedRow
}

// fresh are the controls to add.
func (p *importPlan) fresh() []newControl {
	out := make([]newControl, len(p.add))
	for i, n := range p.add {
		out[i] = n.newControl
	}
	return out
}

// inBatch stands for the id of a control of the batch until it has one.
func inBatch(i int) threat.ID { return threat.ID("#" + itoa(i)) }

func (p *importPlan) added(out EditControlsOut) ImportControlsOut {
	for i := range p.duplicates {
		d := &p.duplicates[i]
		if k := slices.IndexFunc(p.add, func(n planned) bool { return inBatch(n.index) == d.Of }); k >= 0 {
			d.Of = ""
			if k < len(out.Controls) { // in the order in which they were added
				d.Of = out.Controls[k].ID
			}
		}
	}
	return ImportControlsOut{EditControlsOut: out, Duplicates: p.duplicates, Unmapped: p.unmapped}
}

// shown is the answer to a dry run.
func (p *importPlan) shown(h *head) ImportControlsOut {
	out := p.added(EditControlsOut{ModelID: h.model.ID, Version: h.model.Version, Controls: []EditedControl{}, Hint: "nothing was written: send it again without dry_run"})
	out.Proposed = []ImportedControl{}
	for _, n := range p.add {
		c := ImportedControl{Description: n.Description, Objectives: n.Objectives, Notes: n.Notes, FrameworkRefs: n.Refs}
		for _, f := range n.Facets {
			c.Facets = append(c.Facets, NewFacet{Text: f.Text, Kind: f.Kind})
		}
		out.Proposed = append(out.Proposed, c)
	}
	return out
}

// planImport maps controls to COs and finds near-duplicates. Of a text, what cannot be mapped is left out; else it is an error, with the
// control's place.
func (h *head) planImport(list []ImportedControl, ofText bool, known []pipeline.ControlProposal) (importPlan, error) {
	p := importPlan{duplicates: []DuplicateRow{}}
	if n := len(list); n == 0 && !ofText || n > MaxOperations {
		return p, threat.Errorf(threat.Invalid, "%d controls, 1 to %d fit", n, MaxOperations).In("controls").Hinted("give controls, or a text")
	}
	there := make([]likeness, 0, len(h.controls)+len(list))
	for i := range h.controls {
		there = append(there, newLikeness(h.controls[i].ID, h.controls[i].Description))
	}
	var wrong []*threat.Error
	for i, n := range list {
		like := newLikeness("", n.Description)
		if of, same := like.nearest(there); same {
			p.duplicates = append(p.duplicates, DuplicateRow{Index: i, Of: of})
			continue
		}
		c, err := h.planOne(n, ofText, known)
		var te *threat.Error
		switch {
		case err == nil:
			p.add = append(p.add, planned{i, c})
			like.id = inBatch(i)
			there = append(there, like)
		case errors.Is(err, errUnmapped):
			p.unmapped = append(p.unmapped, UnmappedRow{i, threat.Clip(n.Description, 300)})
		case errors.As(err, &te):
			wrong = append(wrong, te.In("controls."+itoa(i)))
		default:
			return p, err
		}
	}
	return p, threat.Batch(wrong)
}

// errUnmapped says that nothing tells which COs a control of a text helps.
var errUnmapped = errors.New("service: a control of a text helps no objective")

func (h *head) planOne(n ImportedControl, ofText bool, known []pipeline.ControlProposal) (newControl, error) {
	out := newControl{Notes: n.Notes, Refs: n.FrameworkRefs, Objectives: n.Objectives, Facets: facetsOf(n.Facets)}
	var err error
	if out.Description, err = threat.Text(n.Description, threat.MaxText); err != nil {
		return out, fieldError(err, "description")
	}
	if len(out.Facets) == 0 && out.Description != "" {
		out.Facets = []threat.Facet{{Text: threat.Clip(oneLine(out.Description), 300), Kind: threat.BehaviourFacet}}
	}
	check := threat.Control{ID: "C1", Description: out.Description, Notes: n.Notes, FrameworkRefs: n.FrameworkRefs, Status: threat.NotImplemented, Source: threat.Imported}
	if err := check.SetFacets(out.Facets); err != nil {
		return out, err
	}
	if err := check.Check(); err != nil {
		return out, err
	}
	if len(out.Objectives) == 0 {
		out.Objectives = h.objectivesNamed(out.Description)
	}
	if len(out.Objectives) == 0 && ofText {
		if out.Objectives = h.objectivesAlike(n, known); len(out.Objectives) == 0 {
			return out, errUnmapped
		}
	}
	if len(out.Objectives) == 0 {
		return out, threat.Errorf(threat.Invalid, "the description names no asset of the model").In("control_objectives").Hinted("give the ids of the objectives it helps")
	}
	for _, co := range out.Objectives {
		if !h.structure.HasObjective(co) {
			return out, h.structure.UnknownObjective(co).In("control_objectives")
		}
	}
	return out, nil
}

// objectivesAlike tells the COs of a control by the ids in its text, else by the live control, else by that of the knowledge base,
// which says the most of the same.
func (h *head) objectivesAlike(n ImportedControl, known []pipeline.ControlProposal) []threat.ID {
	text := n.Description
	for _, f := range n.Facets {
		text += " " + f.Text
	}
	var out []threat.ID
	named := map[threat.ID]bool{}
	assets, attackers := false, false
	for _, m := range askedID.FindAllString(text, 50) {
		id := threat.ID(strings.ToUpper(m))
		switch {
		case h.structure.HasObjective(id):
			out = append(out, id)
		case h.structure.Asset(id) != nil:
			named[id], assets = true, true
		case h.structure.Attacker(id) != nil:
			named[id], attackers = true, true
		}
	}
	for _, co := range h.objectives() {
		if (assets || attackers) && (!assets || named[co.Asset]) && (!attackers || named[co.Attacker]) {
			out = append(out, co.ID)
		}
	}
	if len(out) > 0 {
		return threat.SortIDs(out)
	}
	words, best := wordSet(text), 0.5
	try := func(other string, cos []threat.ID) {
		if share := overlap(words, wordSet(other)); share > best && len(cos) > 0 {
			best, out = share, cos
		}
	}
	for i := range h.controls {
		c := &h.controls[i]
		try(says(c.Description, c.Facets, func(f threat.Facet) string { return f.Text }),
			slices.DeleteFunc(slices.Clone(c.Objectives), func(co threat.ID) bool { return !h.structure.HasObjective(co) }))
	}
	for _, k := range known {
		var cos []threat.ID
		for _, m := range k.Mitigates {
			cos = append(cos, m.Objective)
		}
		try(says(k.Description, k.Facets, func(f pipeline.FacetProposal) string { return f.Text }), cos)
	}
	return threat.SortIDs(out)
}

// says is all that a control says.
func says[F any](description string, facets []F, text func(F) string) string {
	for _, f := range facets {
		description += " " + text(f)
	}
	return description
}

// overlap is the share of the words of the smaller set that the other has too; 0 below two such words.
func overlap(a, b map[string]bool) float64 {
	if len(a) > len(b) {
		a, b = b, a
	}
	common := 0
	for w := range a {
		if b[w] {
			common++
		}
	}
	if common < 2 {
		return 0
	}
	return float64(common) / float64(len(a))
}

// insertAll adds what was planned.
func (c *controlset) insertAll(p importPlan, source threat.Source) error {
	for _, n := range p.add {
		if _, err := c.insert(n.newControl, source, 0); err != nil {
			return fieldError(err, "controls."+itoa(n.index))
		}
	}
	return nil
}

// importByEngine starts the job that reads the text, and waits for it.
func (s *Service) importByEngine(ctx context.Context, who account.Principal, v verb, in ImportControlsIn, wait time.Duration) (ImportControlsOut, error) {
	out := ImportControlsOut{EditControlsOut: EditControlsOut{ModelID: in.ModelID, Controls: []EditedControl{}}, Duplicates: []DuplicateRow{}}
	job, err := write(ctx, s, who, v, in, func(tx *store.Tx, r *record) (ImportControlsOut, error) {
		h, err := s.head(tx.View(), who.WorkspaceID, in.ModelID)
		if err != nil {
			return out, err
		}
		out := out
		job, err := addJob(tx, who, importJob, h.model.ID, 1, in)
		r.version, r.object, out.Job = h.model.Version, job.JobID, &job
		return out, err
	})
	if err != nil || job.Job == nil {
		return job, err
	}
	s.jobs.poke()
	out.Job, err = settled(ctx, s, who, *job.Job, wait, &out)
	return out, err
}

// importStated is the job.
func (t *task) importStated(ctx context.Context) (apply, error) {
	var in ImportControlsIn
	if err := json.Unmarshal([]byte(t.job.Input), &in); err != nil {
		return nil, err
	}
	if err := t.begin(pipeline.ExtractStep); err != nil {
		return nil, err
	}
	h, err := read(ctx, t.s, t.who, account.Write, func(v *store.Snapshot) (*head, error) { return t.s.head(v, t.job.WorkspaceID, in.ModelID) })
	if err != nil {
		return nil, err
	}
	var stated []pipeline.Stated
	err = pipeline.Consult(ctx, t.asker(in.Engine), pipeline.ExtractQuestion(h.structure, in.Text, limitOf(in.Engine)), func(raw []byte) (err error) {
		stated, err = pipeline.ParseStated(h.structure, raw)
		return err
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
		if in.DryRun {
			out := p.shown(now)
			out.JobID, out.Hint = t.job.ID, "nothing was written: import_controls(from_job) with this job_id adds it"
			return out, in.ModelID, nil
		}
		r := record{model: in.ModelID}
		out, err := t.s.editedControls(tx, t.who, verb{name: importJob, model: in.ModelID}, &r, func(c *controlset) error { return c.insertAll(p, threat.Imported) })
		if err != nil {
			return nil, "", err
		}
		return p.added(out), in.ModelID, addActivity(tx, t.who, importJob, r)
	}, nil
}

func importable(stated []pipeline.Stated) []ImportedControl {
	out := make([]ImportedControl, len(stated))
	for i, c := range stated {
		out[i] = ImportedControl{Description: c.Description, Facets: newFacets(c.Facets), Objectives: c.Objectives}
	}
	return out
}
