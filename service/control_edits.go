package service

import (
	"context"
	"slices"
	"unicode/utf8"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// The operations on controls beside those of every plural edit.
const (
	OpAssume         Op = "assume"   // an assumption carries the control
	OpUnassume       Op = "unassume" // it does not any more
	OpAddEvidence    Op = "add_evidence"
	OpRemoveEvidence Op = "remove_evidence"
	OpLink           Op = "link"
	OpUnlink         Op = "unlink"
)

// NewFacet is a facet as a writer gives it; its id follows from the text.
type NewFacet struct {
	Text string           `json:"text"`
	Kind threat.FacetKind `json:"kind"`
}

// ControlOp is one operation on a control. Fields that are not given stay as they are.
type ControlOp struct {
	Op               Op          `json:"op" jsonschema:"add, edit, remove, restore, link, unlink, assume, unassume, add_evidence or remove_evidence"`
	ID               threat.ID   `json:"id,omitempty" jsonschema:"C…; of the control to work on"`
	Description      *string     `json:"description,omitempty"`
	Facets           []NewFacet  `json:"facets,omitempty" jsonschema:"replaces the list; an unchanged facet keeps its id"`
	Notes            *string     `json:"notes,omitempty"`
	FrameworkRefs    []string    `json:"framework_refs,omitempty"`
	Objectives       []threat.ID `json:"control_objectives,omitempty" jsonschema:"to add a control for, to link or to unlink"`
	Group            int         `json:"group,omitempty" jsonschema:"mitigation group to join, by its place in get_control_objectives; default: defence in depth"`
	Reason           string      `json:"reason,omitempty" jsonschema:"needed to remove, and of 10 characters to reword"`
	Assumption       threat.ID   `json:"assumption_id,omitempty" jsonschema:"that carries the control"`
	Title            string      `json:"title,omitempty" jsonschema:"of auxiliary evidence"`
	URL              string      `json:"url,omitempty" jsonschema:"of auxiliary evidence"`
	Evidence         int         `json:"evidence,omitempty" jsonschema:"number of the auxiliary evidence to remove"`
	ExpectedRevision int         `json:"expected_revision,omitempty"`
}

// EditControlsIn is a batch of operations, all or nothing.
type EditControlsIn struct {
	ModelID        string      `json:"model_id"`
	Operations     []ControlOp `json:"operations"`
	IdempotencyKey string      `json:"idempotency_key,omitempty"`
}

// EditedControl is a control that an edit touched.
type EditedControl struct {
	ID           threat.ID             `json:"id"`
	Revision     int                   `json:"revision"`
	Status       threat.ControlStatus  `json:"status,omitempty"`
	Verification evidence.Verification `json:"verification,omitempty"`
	Facets       []threat.Facet        `json:"facets,omitempty"`
	Weakened     string                `json:"weakened,omitempty" jsonschema:"counts as claimed until approve_change"`
	Deleted      bool                  `json:"deleted,omitempty"`
	Evidence     int                   `json:"evidence,omitempty" jsonschema:"number of the auxiliary evidence added"`
}

// EditControlsOut shows the controls that were touched, and the COs whose mitigation was weakened.
type EditControlsOut struct {
	ModelID  string          `json:"model_id"`
	Version  int             `json:"version"`
	Controls []EditedControl `json:"controls"`
	Weakened []threat.ID     `json:"weakened_objectives,omitempty" jsonschema:"count as claimed until approve_change"`
	Hint     string          `json:"hint,omitempty"`
}

// EditControls runs a batch of operations on controls. Errors: [threat.NotFound], [threat.Invalid], [threat.Conflict],
// [threat.FailedPrecondition], naming the operation.
func (s *Service) EditControls(ctx context.Context, who account.Principal, in EditControlsIn) (EditControlsOut, error) {
	v := verb{name: "edit_controls", needs: account.Write, model: in.ModelID, idem: in.IdempotencyKey}
	return editControls(ctx, s, who, v, in, func(c *controlset) error {
		if err := countOperations(len(in.Operations)); err != nil {
			return err
		}
		for i, op := range in.Operations {
			if err := c.operate(op); err != nil {
				return operation(i, err)
			}
		}
		return nil
	})
}

// editControls is [changeControls] with the plain answer.
func editControls[In any](ctx context.Context, s *Service, who account.Principal, v verb, in In, edit func(*controlset) error) (EditControlsOut, error) {
	return changeControls(ctx, s, who, v, in, edit, func(out EditControlsOut) EditControlsOut { return out })
}

// changeControls is the one write path for controls beside generation: it loads the head, runs the edit, reassesses what was touched and
// raises the stamp. finish makes the answer of it, before that is kept for a repeat of the call.
func changeControls[In, Out any](ctx context.Context, s *Service, who account.Principal, v verb, in In,
	edit func(*controlset) error, finish func(EditControlsOut) Out,
) (Out, error) {
	defer s.jobs.poke() // a language model may have to judge
	return write(ctx, s, who, v, in, func(tx *store.Tx, r *record) (Out, error) {
		var none Out
		out, err := s.editedControls(tx, who, v, r, edit)
		if err != nil {
			return none, err
		}
		return finish(out), nil
	})
}

func (s *Service) editedControls(tx *store.Tx, who account.Principal, v verb, r *record, edit func(*controlset) error) (EditControlsOut, error) {
	out := EditControlsOut{ModelID: v.model, Controls: []EditedControl{}}
	h, err := s.head(tx.View(), who.WorkspaceID, v.model)
	if err != nil {
		return out, err
	}
	c := &controlset{tx: tx, who: who, head: h, links: slices.Clone(h.links), live: map[threat.ID]*store.Control{}, evidence: map[threat.ID]int{}}
	for _, own := range h.own(nil) {
		c.live[own.ID] = own
	}
	if err := edit(c); err != nil {
		return out, err
	}
	if err := c.finish(s, &out); err != nil {
		return out, err
	}
	out.Version = h.model.Version
	r.version = h.model.Version
	r.object = threat.Clip(joinStrings(ids(out.Controls, func(e EditedControl) threat.ID { return e.ID })), 200)
	if moved := threat.SortIDs(c.moved); len(moved) > 0 {
		r.detail = regroupedDetail{moved}
	}
	return out, tx.TouchModel(who.WorkspaceID, v.model)
}

// regroupedDetail is what the activity keeps of a write that changed what is linked to COs, or approved that: changed_since reads it.
type regroupedDetail struct {
	Objectives []threat.ID `json:"control_objectives"`
}

// controlset is the state that an edit of controls works on. What an operation changes is written at once and kept here for the next.
type controlset struct {
	tx       *store.Tx
	who      account.Principal
	head     *head
	live     map[threat.ID]*store.Control
	links    []store.Link // of live controls
	counters threat.Counters
	touched  []threat.ID
	deleted  map[threat.ID]int // revision of those deleted
	weakened []threat.ID       // COs
	evidence map[threat.ID]int // number of the document added last
	restored []threat.ID
	moved    []threat.ID // COs whose links, groups or carried controls changed
}

func (c *controlset) workspace() string { return c.who.WorkspaceID }
func (c *controlset) model() string     { return c.head.model.ID }

func (c *controlset) touch(id threat.ID) {
	if !slices.Contains(c.touched, id) {
		c.touched = append(c.touched, id)
	}
}

// control returns a live control that an operation names.
func (c *controlset) control(id threat.ID, expected int) (*store.Control, error) {
	k := c.live[id]
	if k == nil {
		known := make([]threat.ID, 0, len(c.live))
		for i := range c.live {
			known = append(known, i)
		}
		return nil, threat.Unknown("control", id, threat.SortIDs(known)).In("id")
	}
	was := k.Revision
	if own, err := c.head.control(id); err == nil && !slices.Contains(c.restored, id) {
		was = own.Revision // of before the batch: what its caller has read
	}
	return k, atRevision(id, was, expected)
}

// atRevision refuses a writer who read another revision; 0 expects none. Errors: [threat.Conflict].
func atRevision(id threat.ID, revision, expected int) error {
	if expected == 0 || expected == revision {
		return nil
	}
	return threat.Errorf(threat.Conflict, "%s is at revision %d, not %d", id, revision, expected).In("expected_revision").
		Hinted("read it again (get_controls) and repeat the change")
}

func (c *controlset) operate(op ControlOp) error {
	if op.Op == OpAdd {
		return c.add(op)
	}
	if op.Op == OpRestore {
		return c.restore(op)
	}
	if !slices.Contains([]Op{OpEdit, OpRemove, OpLink, OpUnlink, OpAssume, OpUnassume, OpAddEvidence, OpRemoveEvidence}, op.Op) {
		return unknownOp(op.Op, OpAdd, OpEdit, OpRemove, OpRestore, OpLink, OpUnlink, OpAssume, OpUnassume, OpAddEvidence, OpRemoveEvidence)
	}
	k, err := c.control(op.ID, op.ExpectedRevision)
	if err != nil {
		return err
	}
	c.touch(k.ID)
	switch op.Op {
	case OpEdit:
		return c.edit(k, op)
	case OpRemove:
		return c.remove(k, op.Reason)
	case OpLink:
		return c.link(k, op.Objectives, op.Group)
	case OpUnlink:
		return c.unlink(k, op.Objectives)
	case OpAssume, OpUnassume:
		return c.carry(k, op)
	case OpAddEvidence:
		return c.addDocument(k, op)
	default:
		return c.removeDocument(k, op)
	}
}

func facetsOf(list []NewFacet) []threat.Facet {
	out := make([]threat.Facet, len(list))
	for i, f := range list {
		out[i] = threat.Facet{Text: f.Text, Kind: f.Kind}
	}
	return out
}

func (c *controlset) add(op ControlOp) error {
	if op.ID != "" {
		return threat.Errorf(threat.Invalid, "a new control gets its id here").In("id").Hinted("leave id out, or use op restore")
	}
	n := newControl{Description: textOf(op.Description), Facets: facetsOf(op.Facets), Notes: textOf(op.Notes), Refs: op.FrameworkRefs, Objectives: op.Objectives}
	_, err := c.insert(n, threat.Manual, op.Group)
	return err
}

func textOf(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// newControl is what a new control is made of.
type newControl struct {
	Description, Notes string
	Facets             []threat.Facet
	Refs               []string
	Objectives         []threat.ID
}

// insert adds a control and links it with its COs.
func (c *controlset) insert(n newControl, source threat.Source, group int) (*store.Control, error) {
	if len(n.Objectives) == 0 {
		return nil, threat.Errorf(threat.Invalid, "the control helps no objective").In("control_objectives").Hinted(`give the ids of the objectives it helps, such as ["CO-A1-T2"]`)
	}
	if c.counters == nil {
		var err error
		if c.counters, err = c.tx.Counters(c.workspace(), c.model()); err != nil {
			return nil, err
		}
	}
	k := threat.Control{
		ID: c.counters.Next(threat.KindControl), Description: n.Description, Notes: n.Notes, FrameworkRefs: n.Refs,
		Status: threat.NotImplemented, Source: source, Revision: 1,
	}
	if err := k.SetFacets(n.Facets); err != nil {
		return nil, err
	}
	if err := k.Check(); err != nil {
		return nil, err
	}
	if err := c.tx.AddControls(c.workspace(), c.model(), []threat.Control{k}); err != nil {
		return nil, err
	}
	own := &store.Control{Control: k, Evidence: store.Verification{Status: evidence.None}}
	c.live[k.ID] = own
	c.touch(k.ID)
	if err := c.tx.SaveCounters(c.workspace(), c.model(), threat.Counters{threat.KindControl: c.counters[threat.KindControl]}); err != nil {
		return nil, err
	}
	return own, c.link(own, n.Objectives, group)
}

// minReason is how long a justification of a rewording must be, in characters (specification §4).
const minReason = 10

// edit changes fields. Rewording a description or facets needs a justification; dropping or rewording a facet weakens the control.
func (c *controlset) edit(k *store.Control, op ControlOp) error {
	if op.Description == nil && op.Facets == nil && op.Notes == nil && op.FrameworkRefs == nil {
		return threat.Errorf(threat.Invalid, "nothing to change").In("op").Hinted("give description, facets, notes or framework_refs")
	}
	next := k.Control
	reason, err := threat.Text(op.Reason, threat.MaxText)
	if err != nil {
		return fieldError(err, "reason")
	}
	rewords := op.Description != nil && *op.Description != k.Description || op.Facets != nil
	if rewords && utf8.RuneCountInString(reason) < minReason {
		return threat.Errorf(threat.Invalid, "the justification has fewer than %d characters", minReason).In("reason").
			Hinted("say why the control is reworded; evidence was given for the old words")
	}
	setText(&next.Description, op.Description)
	setText(&next.Notes, op.Notes)
	if op.FrameworkRefs != nil {
		next.FrameworkRefs = op.FrameworkRefs
	}
	lost := ""
	if op.Facets != nil {
		if err := next.SetFacets(facetsOf(op.Facets)); err != nil {
			return err
		}
		lost = lostFacets(k.Facets, next.Facets)
	}
	if err := next.Check(); err != nil {
		return err
	}
	if err := c.tx.SaveControl(c.workspace(), c.model(), next); err != nil {
		return err
	}
	next.Revision++
	k.Control = next
	if lost == "" {
		return nil
	}
	if k.Weakened == "" {
		k.Weakened = "facets dropped or reworded: " + lost
	}
	return c.tx.WeakenControl(c.workspace(), c.model(), k.ID, k.Weakened)
}

// lostFacets names the facets that are gone or say something else.
func lostFacets(old, next []threat.Facet) string {
	var lost []threat.ID
	for _, o := range old {
		if !slices.ContainsFunc(next, func(f threat.Facet) bool { return f.ID == o.ID }) {
			lost = append(lost, o.ID)
		}
	}
	return joinStrings(lost)
}

// remove deletes a control softly, with a reason. It is refused while the control is all that mitigates a CO.
func (c *controlset) remove(k *store.Control, why string) error {
	reason, err := threat.Text(why, threat.MaxText)
	if err == nil && reason == "" {
		err = threat.Errorf(threat.Invalid, "the reason is missing").Hinted("say why the control is not needed")
	}
	if err != nil {
		return fieldError(err, "reason")
	}
	if err := c.release(k.ID, nil); err != nil {
		return err
	}
	if err := c.tx.DeleteControls(c.workspace(), c.model(), []threat.ID{k.ID}, reason); err != nil {
		return err
	}
	if err := c.tx.UnmapFindings(c.workspace(), c.model(), []threat.ID{k.ID}); err != nil {
		return err
	}
	c.links = slices.DeleteFunc(c.links, func(l store.Link) bool { return l.Control == k.ID })
	c.moved = append(c.moved, k.Objectives...)
	delete(c.live, k.ID)
	if c.deleted == nil {
		c.deleted = map[threat.ID]int{}
	}
	c.deleted[k.ID] = k.Revision + 1
	return nil
}

// restore brings a deleted control back under its id, with its groups and assertions. Where that is a way to mitigate a CO which there
// was not just before, the CO is weakened.
func (c *controlset) restore(op ControlOp) error {
	gone, err := c.tx.DeletedControls(c.workspace(), c.model())
	if err != nil {
		return err
	}
	i := slices.IndexFunc(gone, func(k store.Control) bool { return k.ID == op.ID })
	if i < 0 {
		return goneControl(op.ID, gone)
	}
	k := gone[i]
	if err := atRevision(k.ID, k.Revision, op.ExpectedRevision); err != nil {
		return err
	}
	if err := c.tx.RestoreControl(c.workspace(), c.model(), k.ID); err != nil {
		return err
	}
	k.DeletedAt, k.DeletedReason = nil, ""
	k.Revision++
	c.live[k.ID] = &k
	c.restored = append(c.restored, k.ID)
	c.touch(k.ID)
	links, err := c.tx.Links(c.workspace(), c.model())
	if err != nil {
		return err
	}
	before := mitigations(c.links)
	c.links = slices.DeleteFunc(links, func(l store.Link) bool { return c.live[l.Control] == nil })
	for _, co := range k.Objectives {
		if err := c.regrouped(co, before[co]); err != nil {
			return err
		}
	}
	return nil
}

func goneControl(id threat.ID, deleted []store.Control) error {
	return gone("control", id, ids(deleted, func(k store.Control) threat.ID { return k.ID }))
}

// carry begins or ends that an assumption carries a control.
func (c *controlset) carry(k *store.Control, op ControlOp) error {
	if c.head.structure.Assumption(op.Assumption) == nil {
		return threat.Unknown("assumption", op.Assumption, assumptionIDs(c.head.structure)).In("assumption_id")
	}
	c.moved = append(c.moved, k.Objectives...)
	link := store.Carried{Control: k.ID, Assumption: op.Assumption}
	if op.Op == OpAssume {
		return c.tx.CarryControl(c.workspace(), c.model(), link)
	}
	return c.tx.DropControl(c.workspace(), c.model(), link)
}

func (c *controlset) addDocument(k *store.Control, op ControlOp) error {
	title, err := threat.Line(op.Title, threat.MaxName)
	if err == nil && title == "" {
		err = threat.Errorf(threat.Invalid, "the title is missing").Hinted("auxiliary evidence is context, never proof: say what it is")
	}
	if err != nil {
		return fieldError(err, "title")
	}
	if err := checkURL(op.URL, "url"); err != nil {
		return err
	}
	n, err := c.tx.AddDocument(c.workspace(), c.model(), store.Document{Control: k.ID, Title: title, URL: op.URL, CreatedBy: c.who.UserID})
	c.evidence[k.ID] = n
	return err
}

func (c *controlset) removeDocument(k *store.Control, op ControlOp) error {
	found, err := c.tx.RemoveDocument(c.workspace(), c.model(), k.ID, op.Evidence)
	if err == nil && !found {
		return threat.Errorf(threat.NotFound, "%s has no auxiliary evidence %d", k.ID, op.Evidence).In("evidence").Hinted("get_controls shows its numbers")
	}
	return err
}

// finish reassesses the controls that were touched and tells what became of them.
func (c *controlset) finish(s *Service, out *EditControlsOut) error {
	var list, reworded []*store.Control
	for _, id := range c.touched {
		k := c.live[id]
		if k == nil {
			continue
		}
		list = append(list, k)
		was, err := c.head.control(id)
		if err != nil || was.Description != k.Description || !slices.Equal(was.Facets, k.Facets) {
			reworded = append(reworded, k)
		}
	}
	if len(list) > 0 {
		all, err := c.tx.Evidence(c.workspace(), c.model())
		if err != nil {
			return err
		}
		if err := s.askJudge(c.tx, c.who, c.head.policy, c.model(), c.head.controlSubjects(reworded), all); err != nil {
			return err
		}
		if _, err := reassess(c.tx, c.workspace(), c.model(), list, all); err != nil {
			return err
		}
	}
	for _, id := range c.touched {
		k := c.live[id]
		if k == nil {
			out.Controls = append(out.Controls, EditedControl{ID: id, Revision: c.deleted[id], Deleted: true})
			continue
		}
		out.Controls = append(out.Controls, EditedControl{
			ID: id, Revision: k.Revision, Status: k.Status, Verification: c.head.verificationAt(k, c.tx.Now()), Facets: k.Facets, Weakened: k.Weakened,
			Evidence: c.evidence[id],
		})
	}
	out.Weakened = threat.SortIDs(c.weakened)
	if len(out.Weakened) > 0 || slices.ContainsFunc(out.Controls, func(e EditedControl) bool { return e.Weakened != "" }) {
		out.Hint = "what was weakened counts as claimed, never verified, until someone with decide approves it (approve_change)"
	}
	return nil
}

// DeleteControlIn names the control and says why it goes.
type DeleteControlIn struct {
	ModelID          string    `json:"model_id"`
	Control          threat.ID `json:"control_id"`
	Reason           string    `json:"reason"`
	ExpectedRevision int       `json:"expected_revision,omitempty"`
}

// DeleteControl deletes a control softly; edit_controls restores it with its groups and assertions. Errors: [threat.NotFound],
// [threat.Invalid], [threat.Conflict] while it alone mitigates a CO.
func (s *Service) DeleteControl(ctx context.Context, who account.Principal, in DeleteControlIn) (EditControlsOut, error) {
	v := verb{name: "delete_control", needs: account.Write, model: in.ModelID}
	return editControls(ctx, s, who, v, in, func(c *controlset) error {
		k, err := c.control(in.Control, in.ExpectedRevision)
		if err != nil {
			return fieldAs(err, "id", "control_id")
		}
		c.touch(k.ID)
		return fieldAs(c.remove(k, in.Reason), "id", "control_id")
	})
}
