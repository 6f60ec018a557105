package service

import (
	"context"
	"fmt"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/compliance"
	"github.com/redoubt-dev/redoubt/pipeline"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// ApplyRemediationIn decides about proposals.
type ApplyRemediationIn struct {
	Target
	Approved      []string `json:"approved,omitempty" jsonschema:"ids of proposals to add, in one version; those of kind not_applicable exclude their requirements, which needs decide"`
	Rejected      []string `json:"rejected,omitempty"`
	NotApplicable []string `json:"not_applicable,omitempty" jsonschema:"their requirements are excluded; needs decide and a reason"`
	Reason        string   `json:"reason,omitempty" jsonschema:"why those are not applicable"`
}

// ApplyRemediationOut is what was added, mapped and excluded.
type ApplyRemediationOut struct {
	ModelID   string      `json:"model_id"`
	Version   int         `json:"version"`
	Added     []threat.ID `json:"added" jsonschema:"assets and attackers"`
	Controls  []threat.ID `json:"controls" jsonschema:"new controls, for the new objectives and the requirements"`
	Mapped    []string    `json:"mapped" jsonschema:"requirements that have a control now"`
	Excluded  []string    `json:"excluded"`
	Rejected  int         `json:"rejected"`
	DecidedBy string      `json:"decided_by"`
	Hint      string      `json:"hint,omitempty"`
}

// ApplyRemediation adds the approved proposals in a single version, generates controls for the new objectives, and maps them to the
// requirements that the proposals were for; a requirement that no generated control serves gets a control of its own. All or nothing.
// Errors: [threat.Forbidden] for not_applicable without decide, [threat.NotFound], [threat.Invalid], [threat.Conflict] when the model moved.
func (s *Service) ApplyRemediation(ctx context.Context, who account.Principal, in ApplyRemediationIn) (ApplyRemediationOut, error) {
	v := verb{name: "apply_remediation", needs: account.Write, model: in.ModelID, idem: in.IdempotencyKey}
	if len(in.NotApplicable) > 0 {
		v.needs = account.Decide
	}
	if err := s.needCompliance(ctx, who, v); err != nil {
		return ApplyRemediationOut{}, err
	}
	var a *remediation // thought about outside the write transaction
	err := who.Allow(v.needs)
	if err == nil && len(in.Approved) > 0 {
		a, err = read(ctx, s, who, account.Write, func(v *store.Snapshot) (*remediation, error) { return s.plan(ctx, v, who.WorkspaceID, in) })
		if err == nil && len(a.ruledOut) > 0 {
			v.needs = account.Decide
			if err = who.Allow(v.needs); err != nil {
				err = fieldError(err, a.ruledOut[0].field)
			}
		}
	}
	if err != nil && threat.CodeOf(err) != threat.FailedPrecondition { // decided already: perhaps by this very call, which the key then knows
		s.refused(ctx, who, v, in, err)
		return ApplyRemediationOut{}, s.logged(v.name, err)
	}
	planned := err
	var committed *changeset
	out, err := write(ctx, s, who, v, in, func(tx *store.Tx, r *record) (ApplyRemediationOut, error) {
		c, err := s.begin(tx, who.WorkspaceID, in.Target)
		if err == nil {
			err = planned
		}
		if err != nil {
			return ApplyRemediationOut{}, err
		}
		d := &deciding{s: s, c: c, who: who, plan: a, out: ApplyRemediationOut{
			ModelID: in.ModelID, Version: c.model.Version, Added: []threat.ID{}, Controls: []threat.ID{}, Mapped: []string{}, Excluded: []string{}, DecidedBy: who.UserName,
		}}
		if err := d.decide(in); err != nil {
			return d.out, err
		}
		committed = c
		r.version, r.object = d.out.Version, threat.Clip(joinWords(append(append([]string{}, in.Approved...), in.NotApplicable...)), 200)
		r.detail = map[string]any{"approved": in.Approved, "rejected": in.Rejected, "not_applicable": in.NotApplicable, "mapped": d.out.Mapped, "excluded": d.out.Excluded}
		return d.out, nil
	})
	s.keep(committed, err)
	return out, err
}

// remediation is what approving proposals leads to, thought about at one state of the model.
type remediation struct {
	stamp     int64
	proposals []approval
	fields    []string // of the proposals in the request
	ruledOut  []ruling // approved proposals that say that requirements do not apply
	added     []threat.ID
	structure *threat.Structure
	controls  []pipeline.ControlProposal
}

// approval is an approved proposal and what it became.
type approval struct {
	store.Proposal
	entity     threat.ID
	objectives []threat.ID // of the entity
}

// ruling is a proposal whose requirements are to be excluded.
type ruling struct {
	store.Proposal
	field  string
	status store.ProposalStatus
}

// chosenProposals returns the open proposals that ids name. Errors: [threat.NotFound], [threat.Invalid] for one named twice,
// [threat.FailedPrecondition] for one that is decided.
func chosenProposals(v *store.Snapshot, workspace, model string, lists ...namedIDs) ([][]store.Proposal, error) {
	all, err := v.Proposals(workspace, model, "")
	if err != nil {
		return nil, err
	}
	byID := make(map[string]store.Proposal, len(all))
	for _, p := range all {
		byID[proposalID(p.Number)] = p
	}
	seen := map[string]bool{}
	out := make([][]store.Proposal, len(lists))
	for i, l := range lists {
		for k, id := range l.ids {
			p, ok := byID[id]
			field := fieldAt(l.field, k)
			switch {
			case !ok:
				return nil, threat.Errorf(threat.NotFound, "there is no proposal %q", threat.Clip(id, 20)).In(field).Hinted("suggest_remediation makes them")
			case seen[id]:
				return nil, threat.Errorf(threat.Invalid, "%s is decided twice", id).In(field)
			case p.Status != store.ProposalOpen:
				return nil, threat.Errorf(threat.FailedPrecondition, "%s is %s already", id, p.Status).In(field).Hinted("suggest_remediation makes new ones")
			}
			seen[id] = true
			out[i] = append(out[i], p)
		}
	}
	return out, nil
}

type namedIDs struct {
	field string
	ids   []string
}

// plan adds the approved proposals to a copy of the structure and generates controls for the new objectives.
func (s *Service) plan(ctx context.Context, v *store.Snapshot, workspace string, in ApplyRemediationIn) (*remediation, error) {
	h, err := s.head(v, workspace, in.ModelID)
	if err != nil {
		return nil, err
	}
	chosen, err := chosenProposals(v, workspace, in.ModelID, namedIDs{"approved", in.Approved})
	if err != nil {
		return nil, err
	}
	counters, err := v.Counters(workspace, in.ModelID)
	if err != nil {
		return nil, err
	}
	structure := *h.structure // its operations replace lists and never write into them
	out := &remediation{stamp: h.model.Stamp}
	for i, p := range chosen[0] {
		if p.Kind == store.KindNotApplicable {
			out.ruledOut = append(out.ruledOut, ruling{p, fieldAt("approved", i), store.ProposalApproved})
			continue
		}
		id, fresh, err := enter(&structure, counters, p)
		if err != nil {
			return nil, fieldError(err, fieldAt("approved", i))
		}
		if fresh {
			out.added = append(out.added, id)
		}
		out.fields = append(out.fields, fieldAt("approved", i))
		out.proposals = append(out.proposals, approval{Proposal: p, entity: id})
	}
	if _, err := structure.SettleSeparations(counters); err != nil {
		return nil, err
	}
	out.structure = &structure
	cos, err := structure.Objectives()
	if err != nil {
		return nil, err
	}
	var fresh []threat.ID
	for i := range cos {
		if !h.structure.HasObjective(cos[i].ID) && cos[i].Reachable {
			fresh = append(fresh, cos[i].ID)
		}
		for k := range out.proposals {
			p := &out.proposals[k]
			if cos[i].Reachable && (cos[i].Asset == p.entity || cos[i].Attacker == p.entity) {
				p.objectives = append(p.objectives, cos[i].ID)
			}
		}
	}
	if len(fresh) == 0 {
		return out, nil
	}
	engine, err := s.engine(builtinEngine) // controls are generated at once, whoever proposed
	if err != nil {
		return nil, err
	}
	d := &pipeline.Draft{Structure: structure, Only: fresh, Counters: threat.Counters{}}
	err = pipeline.RunControls(ctx, engine, d, func(pipeline.Step) error { return nil }, func(*pipeline.Draft) error { return nil })
	out.controls = d.Controls
	return out, err
}

// enter adds what a proposal proposes and returns its id, and whether it is new.
func enter(structure *threat.Structure, counters threat.Counters, p store.Proposal) (threat.ID, bool, error) {
	_, m, err := proposalRow(p)
	if err != nil {
		return "", false, err
	}
	id, err := m.Enter(structure, counters, "Added to close gaps of "+p.Framework+".")
	if threat.CodeOf(err) == threat.NotFound {
		err = threat.Errorf(threat.Conflict, "%s is gone since it was proposed", m.Existing).Hinted("suggest_remediation again")
	}
	return id, m.Existing == "", err
}

// deciding writes what was decided.
type deciding struct {
	s    *Service
	c    *changeset
	who  account.Principal
	plan *remediation
	out  ApplyRemediationOut
}

func (d *deciding) decide(in ApplyRemediationIn) error {
	tx, ws := d.c.tx, d.who.WorkspaceID
	chosen, err := chosenProposals(tx.View(), ws, in.ModelID,
		namedIDs{"approved", in.Approved}, namedIDs{"rejected", in.Rejected}, namedIDs{"not_applicable", in.NotApplicable})
	if err != nil {
		return err
	}
	if len(in.Approved)+len(in.Rejected)+len(in.NotApplicable) == 0 {
		return threat.Errorf(threat.Invalid, "nothing is decided").In("approved").Hinted("give ids in approved, rejected or not_applicable")
	}
	if d.plan != nil {
		if d.c.model.Stamp != d.plan.stamp {
			return threat.Errorf(threat.Conflict, "the model changed while the controls were being generated").In("expected_version").
				Hinted("nothing was applied; it is at version %d now: call apply_remediation again", d.c.model.Version)
		}
		if len(d.plan.proposals) > 0 {
			if err := d.approve(); err != nil {
				return err
			}
		}
	}
	for _, p := range chosen[1] {
		if _, err := tx.DecideProposal(ws, in.ModelID, d.who.UserID, p.Number, store.ProposalRejected, ""); err != nil {
			return err
		}
		d.out.Rejected++
	}
	var out []ruling
	if d.plan != nil {
		out = append(out, d.plan.ruledOut...)
	}
	for i, p := range chosen[2] {
		out = append(out, ruling{p, fieldAt("not_applicable", i), store.ProposalNotApplicable})
	}
	if err := d.exclude(in, out); err != nil {
		return err
	}
	if len(d.out.Controls) > 0 {
		d.out.Hint = "the new controls are not implemented: get_controls, then submit_assertions"
	}
	return tx.TouchModel(ws, in.ModelID)
}

// exclude rules out the requirements of proposals that are not applicable. An approved one that says so itself has a reason of its own, which
// one in the request takes the place of.
func (d *deciding) exclude(in ApplyRemediationIn, list []ruling) error {
	if len(list) == 0 {
		return nil
	}
	if err := d.who.Allow(account.Decide); err != nil {
		return err
	}
	reason := ""
	if in.Reason != "" || len(in.NotApplicable) > 0 {
		var err error
		if reason, err = decisionReason(in.Reason, "say why these requirements do not apply to this feature"); err != nil {
			return err
		}
	}
	wanted := map[string]bool{}
	if d.plan != nil {
		for _, p := range d.plan.proposals {
			for _, id := range p.Requirements {
				wanted[p.Framework+" "+id] = true
			}
		}
	}
	for _, p := range list {
		for _, id := range p.Requirements {
			if wanted[p.Framework+" "+id] {
				return threat.Errorf(threat.Invalid, "%s is for a requirement that an approved proposal is for too", proposalID(p.Number)).
					In(p.field).Hinted("reject it instead, or exclude_requirement by itself")
			}
			e := store.Exclusion{Framework: p.Framework, Requirement: id, Reason: reason}
			if e.Reason == "" {
				e.Reason = p.Reason
			}
			if err := d.c.tx.Exclude(d.who.WorkspaceID, in.ModelID, d.who.UserID, e); err != nil {
				return err
			}
			d.out.Excluded = append(d.out.Excluded, id)
		}
		if _, err := d.c.tx.DecideProposal(d.who.WorkspaceID, in.ModelID, d.who.UserID, p.Number, p.status, ""); err != nil {
			return err
		}
	}
	return nil
}

// approve writes the one version with what was approved, its controls and their mappings.
func (d *deciding) approve() error {
	c, tx, ws, model := d.c, d.c.tx, d.who.WorkspaceID, d.c.model.ID
	counters, err := c.ids()
	if err != nil {
		return err
	}
	for i, p := range d.plan.proposals { // the same as in the plan, which was made of this very state
		id, _, err := enter(c.structure, counters, p.Proposal)
		if err == nil && id != p.entity {
			err = internal("proposal %d became %s, not %s", p.Number, id, p.entity)
		}
		if err != nil {
			return fieldError(err, d.plan.fields[i])
		}
		if _, err := tx.DecideProposal(ws, model, d.who.UserID, p.Number, store.ProposalApproved, id); err != nil {
			return err
		}
	}
	h, err := d.s.head(tx.View(), ws, model)
	if err != nil {
		return err
	}
	g := &gapControls{d: d, counters: counters, live: map[string]*store.Control{}}
	for i := range h.controls {
		g.live[sameness(h.controls[i].Control)] = &h.controls[i]
	}
	if err := g.generated(); err != nil {
		return err
	}
	for _, p := range d.plan.proposals {
		if err := g.serve(p); err != nil {
			return err
		}
	}
	c.summary = fmt.Sprintf("closed gaps: added %s, %d controls", joinStrings(d.plan.added), len(g.fresh))
	if len(d.plan.added) == 0 {
		c.summary = fmt.Sprintf("closed gaps: %d controls", len(g.fresh))
	}
	done, err := c.commit(d.who)
	if err != nil {
		return err
	}
	if done.Version == c.model.Version { // only controls for what was there: a version all the same, as regenerating makes one
		if done.Version, err = tx.SaveVersion(ws, model, c.model.Version, c.structure, c.structure, d.who.UserID, c.summary); err != nil {
			return err
		}
	}
	if err := addControls(tx, ws, model, g.fresh, g.links); err != nil {
		return err
	}
	if err := tx.SaveMappings(ws, model, d.who.UserID, g.mappings); err != nil {
		return err
	}
	d.out.Version = done.Version
	d.out.Added = append(d.out.Added, d.plan.added...)
	d.out.Controls = append(d.out.Controls, entityIDs(g.fresh, func(k threat.Control) threat.ID { return k.ID })...)
	return nil
}

// gapControls gathers the controls that close gaps, and what they are mapped to.
type gapControls struct {
	d        *deciding
	counters threat.Counters
	live     map[string]*store.Control // of the model, by what they say
	fresh    []threat.Control
	links    []store.Link
	mappings []store.Mapping
	helping  map[threat.ID][]compliance.Subject // controls by the objective they help
	served   map[string]bool                    // framework and requirement
}

// generated takes the controls that the engine made for the new objectives. One that the model has already helps the new ones too.
func (g *gapControls) generated() error {
	g.helping, g.served = map[threat.ID][]compliance.Subject{}, map[string]bool{}
	for _, p := range g.d.plan.controls {
		made, links, err := makeControls([]pipeline.ControlProposal{p}, threat.Compliance, g.counters.Clone())
		if err != nil {
			return err
		}
		k := made[0]
		if own := g.live[sameness(k)]; own != nil {
			k = own.Control
			for i := range links {
				links[i].Control = own.ID
			}
		} else {
			g.counters.Next(threat.KindControl)
			g.fresh = append(g.fresh, k)
		}
		g.links = append(g.links, links...)
		for _, l := range links {
			g.helping[l.Objective] = append(g.helping[l.Objective], compliance.Subject{Control: k.ID, Description: k.Description, Facets: k.Facets})
		}
	}
	return nil
}

// serve maps controls to the requirements of an approved proposal: those of its objectives that the matcher finds fit, else one made of the
// requirement itself.
func (g *gapControls) serve(p approval) error {
	d := g.d
	c, err := d.s.catalogue(d.c.tx.View(), d.who.WorkspaceID, p.Framework)
	if err != nil {
		return err
	}
	seen := map[threat.ID]bool{}
	fits := map[string][]compliance.Match{}
	for _, co := range p.objectives {
		for _, k := range g.helping[co] {
			if seen[k.Control] {
				continue
			}
			seen[k.Control] = true
			for _, m := range c.matcher().Match(k, matchesEach) {
				if m.Confidence >= worthSuggesting {
					fits[m.Requirement] = append(fits[m.Requirement], m)
				}
			}
		}
	}
	for _, id := range p.Requirements {
		q, err := c.requirement(id)
		if err != nil {
			return threat.Errorf(threat.Conflict, "%s is for a requirement that is gone", proposalID(p.Number)).In("approved").Hinted("suggest_remediation again")
		}
		key := c.ID + " " + id
		matches := fits[id]
		if len(matches) == 0 && !g.served[key] {
			if len(p.objectives) == 0 {
				return threat.Errorf(threat.FailedPrecondition, "%s has no reachable objective that a control could help", p.entity).In("approved").
					Hinted("leave %s out, or see edit_trust_boundaries", proposalID(p.Number))
			}
			k, err := g.madeFor(c, q, p.objectives)
			if err != nil {
				return err
			}
			matches = []compliance.Match{{Control: k, Confidence: certain, Reason: "made for it"}}
		}
		for _, m := range matches {
			g.mappings = append(g.mappings, store.Mapping{
				Control: m.Control, Framework: c.ID, Requirement: id, Source: sourceRemediation, Confidence: m.Confidence, Reason: threat.Clip(proposalID(p.Number)+": "+m.Reason, threat.MaxText),
			})
		}
		if !g.served[key] {
			g.served[key] = true
			d.out.Mapped = append(d.out.Mapped, id)
		}
	}
	return nil
}

// facetTexts say what of a requirement each kind of facet shows.
var facetTexts = map[threat.FacetKind]string{
	threat.StructureFacet:     "What it asks for is there.",
	threat.BehaviourFacet:     "The code does what it asks for, wherever that applies.",
	threat.ConfigurationFacet: "It is configured as asked.",
	threat.DependencyFacet:    "What does it is a declared dependency.",
	threat.IntegrityFacet:     "What it rests on is unchanged.",
	threat.AbsenceFacet:       "What it rules out is nowhere.",
	threat.TestFacet:          "A test shows it.",
}

// madeFor makes a control of a requirement, as defence in depth for objectives.
func (g *gapControls) madeFor(c *catalogue, q *compliance.Requirement, cos []threat.ID) (threat.ID, error) {
	k := threat.Control{
		ID: g.counters.Next(threat.KindControl), Description: threat.Clip(fmt.Sprintf("Meet %s of %s: %s", q.ID, c.ID, q.Summary), threat.MaxText),
		Status: threat.NotImplemented, Source: threat.Compliance, FrameworkRefs: []string{c.ID + ":" + q.ID}, Revision: 1,
	}
	kinds := q.Kinds
	if len(kinds) == 0 {
		kinds = []threat.FacetKind{threat.BehaviourFacet}
	}
	var facets []threat.Facet
	for _, kind := range kinds {
		facets = append(facets, threat.Facet{Text: facetTexts[kind], Kind: kind})
	}
	if err := k.SetFacets(facets); err != nil {
		return "", err
	}
	if err := k.Check(); err != nil {
		return "", err
	}
	g.fresh = append(g.fresh, k)
	for _, co := range cos {
		g.links = append(g.links, store.Link{Objective: co, Control: k.ID})
	}
	return k.ID, nil
}
