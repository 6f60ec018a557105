// Package pipeline turns a feature description into a proposed threat model in steps. It returns proposals and never
// writes: the service applies them. An [Engine] thinks; the pipeline checks every answer against the rules of the domain,
// sends a bad one back once with the errors, and assigns ids.
package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/redoubt-dev/redoubt/threat"
)

// Step is one step of a generation (specification §9).
type Step string

// The steps in their order. The CO matrix is computed after the fifth; controls then come in batches.
const (
	GenerateAssets    Step = "generate_assets"
	RefineAssets      Step = "refine_assets"
	GenerateAttackers Step = "generate_attackers"
	RefineAttackers   Step = "refine_attackers"
	Boundaries        Step = "boundaries_and_assumptions"
	GenerateControls  Step = "generate_controls"
)

// Steps lists the steps of a whole generation.
func Steps() []Step {
	return []Step{GenerateAssets, RefineAssets, GenerateAttackers, RefineAttackers, Boundaries, GenerateControls}
}

// Engine thinks: it answers one step at a time. Implementations are safe for concurrent use.
type Engine interface {
	// Name is the engine's name on the wire: "builtin", "openai", "agent".
	Name() string
	// BatchSize is how many COs a [GenerateControls] request carries at most; 0 puts all in one.
	BatchSize() int
	// Propose answers one step. A *threat.Error reaches the user as it is (a description too thin is [threat.Invalid] with
	// what to add); any other error is internal.
	Propose(ctx context.Context, r Request) (Output, error)
}

// Request is what an engine gets to answer one step.
type Request struct {
	Step       Step
	Draft      *Draft             // what is known so far; read only
	Objectives []threat.Objective // for [GenerateControls]: the COs of this batch, reachable ones only
	Rejected   error              // why the previous answer to this very request was refused, or nil
}

// Output is an engine's answer. A step fills its own lists: assets for the two asset steps, attackers for the two
// attacker steps, boundaries and assumptions for [Boundaries], controls for [GenerateControls]. The refine steps answer
// with the whole improved list.
type Output struct {
	Assets      []AssetProposal      `json:"assets,omitempty"`
	Attackers   []AttackerProposal   `json:"attackers,omitempty"`
	Boundaries  []BoundaryProposal   `json:"trust_boundaries,omitempty"`
	Assumptions []AssumptionProposal `json:"assumptions,omitempty"`
	Controls    []ControlProposal    `json:"controls,omitempty"`
}

// AssetProposal is an asset before it has an id.
type AssetProposal struct {
	Name        string            `json:"name"`
	Description string            `json:"description"`
	Properties  []threat.Property `json:"properties"`
	Impact      threat.Level      `json:"impact"`
	Notes       string            `json:"notes,omitempty"`
	Basis       []string          `json:"basis,omitempty"` // the words of the description that led to it
}

// AttackerProposal is an attacker before it has an id.
type AttackerProposal struct {
	Name       string       `json:"name"`
	Capability string       `json:"capability"`
	Position   string       `json:"position"`
	Archetype  string       `json:"archetype,omitempty"`
	Likelihood threat.Level `json:"likelihood"`
	Basis      []string     `json:"basis,omitempty"`
}

// BoundaryProposal is a trust boundary before it has an id. Assets and attackers are named by the ids of the draft.
type BoundaryProposal struct {
	Name        string      `json:"name"`
	Description string      `json:"description"`
	Assets      []threat.ID `json:"assets"`
	Attackers   []threat.ID `json:"attackers"`
	Basis       []string    `json:"basis,omitempty"`
}

// AssumptionProposal is an assumption before it has an id.
type AssumptionProposal struct {
	Text       string                `json:"text"`
	Kind       threat.AssumptionKind `json:"kind"`
	Objectives []threat.ID           `json:"control_objectives,omitempty"`
	Basis      []string              `json:"basis,omitempty"`
}

// ControlProposal is a control before it has an id.
type ControlProposal struct {
	Description string          `json:"description"`
	Facets      []FacetProposal `json:"facets"`
	Mitigates   []Mitigation    `json:"mitigates"`
	Notes       string          `json:"notes,omitempty"`
	Basis       []string        `json:"basis,omitempty"`
}

// FacetProposal is a facet before it has an id.
type FacetProposal struct {
	Text string           `json:"text"`
	Kind threat.FacetKind `json:"kind"`
}

// Mitigation says that a control helps a CO, and in which of its mitigation groups: 1, 2 …, or 0 for defence in depth.
type Mitigation struct {
	Objective threat.ID `json:"control_objective"`
	Group     int       `json:"group"`
}

// Draft is a generation under way. It marshals to JSON and is kept on the job after every step, so that a resume starts at
// the next one.
type Draft struct {
	Structure threat.Structure  `json:"structure"`
	Controls  []ControlProposal `json:"controls,omitempty"`
	Counters  threat.Counters   `json:"counters"`
	Done      []Step            `json:"done,omitempty"`   // finished steps
	Served    int               `json:"served,omitempty"` // COs whose control batch is done
	Only      []threat.ID       `json:"only,omitempty"`   // the COs to generate controls for; none means all
}

// NewDraft starts a generation from a feature description. Errors: [threat.Invalid].
func NewDraft(feature string) (*Draft, error) {
	d := &Draft{Counters: threat.Counters{}}
	if err := d.Structure.SetFeature(feature); err != nil {
		return nil, err
	}
	return d, nil
}

// Run carries a draft through the steps that are left. Before a step it calls starting, after it save, whose error ends
// the run. Errors are the engine's, the domain's for an answer refused twice, and ctx's.
func Run(ctx context.Context, e Engine, d *Draft, starting func(Step) error, save func(*Draft) error) error {
	for _, step := range Steps()[len(d.Done):] {
		if err := starting(step); err != nil {
			return err
		}
		var err error
		if step == GenerateControls {
			err = controls(ctx, e, d, save)
		} else {
			err = ask(ctx, e, d, Request{Step: step, Draft: d})
		}
		if err != nil {
			return err
		}
		d.Done = append(d.Done, step)
		if err := save(d); err != nil {
			return err
		}
	}
	return nil
}

// RunControls carries a draft of a whole structure through control generation alone.
func RunControls(ctx context.Context, e Engine, d *Draft, starting func(Step) error, save func(*Draft) error) error {
	if len(d.Done) > 0 {
		return nil
	}
	if err := starting(GenerateControls); err != nil {
		return err
	}
	if err := controls(ctx, e, d, save); err != nil {
		return err
	}
	d.Done = append(d.Done, GenerateControls)
	return save(d)
}

// controls generates controls for a draft's reachable COs, in batches.
func controls(ctx context.Context, e Engine, d *Draft, save func(*Draft) error) error {
	cos, err := d.reachable()
	if err != nil {
		return err
	}
	size := e.BatchSize()
	if size <= 0 {
		size = len(cos)
	}
	for d.Served < len(cos) {
		batch := cos[d.Served:min(d.Served+size, len(cos))]
		if err := ask(ctx, e, d, Request{Step: GenerateControls, Draft: d, Objectives: batch}); err != nil {
			return err
		}
		d.Served += len(batch)
		if err := save(d); err != nil {
			return err
		}
	}
	return nil
}

func (d *Draft) reachable() ([]threat.Objective, error) {
	all, err := d.Structure.Objectives()
	if err != nil {
		return nil, err
	}
	out := all[:0]
	for _, co := range all {
		if co.Reachable && (len(d.Only) == 0 || slices.Contains(d.Only, co.ID)) {
			out = append(out, co)
		}
	}
	return out, nil
}

// ask puts one request to the engine and accepts the answer; a refused answer is sent back once with the errors.
func ask(ctx context.Context, e Engine, d *Draft, r Request) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		out, err := e.Propose(ctx, r)
		if err != nil {
			return err
		}
		err = d.Accept(r, out)
		if err == nil {
			return nil
		}
		if r.Rejected != nil {
			var te *threat.Error
			if errors.As(err, &te) {
				return te.Hinted("engine %s answered step %s twice with something the rules refuse", e.Name(), r.Step)
			}
			return fmt.Errorf("step %s: %w", r.Step, err)
		}
		r.Rejected = err
	}
}

// Accept checks the answer to a request against the rules of the domain and takes it into the draft, with ids. On an
// error the draft is unchanged. Errors: [threat.Invalid], [threat.Conflict], [threat.NotFound].
func (d *Draft) Accept(r Request, out Output) error {
	next := *d
	next.Structure = *d.Structure.Clone()
	next.Counters = d.Counters.Clone()
	next.Controls = append([]ControlProposal(nil), d.Controls...)
	var err error
	switch r.Step {
	case GenerateAssets, RefineAssets:
		err = next.acceptAssets(out.Assets)
	case GenerateAttackers, RefineAttackers:
		err = next.acceptAttackers(out.Attackers)
	case Boundaries:
		err = next.acceptBoundaries(out)
	case GenerateControls:
		err = next.acceptControls(r.Objectives, out.Controls)
	default:
		err = threat.Errorf(threat.Invalid, "unknown step %q", r.Step)
	}
	if err != nil {
		return err
	}
	*d = next
	return nil
}

// acceptAssets replaces the list: nothing outside the draft knows the ids yet, so they start again at A1.
func (d *Draft) acceptAssets(proposals []AssetProposal) error {
	if len(proposals) == 0 {
		return threat.Errorf(threat.Invalid, "the answer has no assets").In("assets")
	}
	delete(d.Counters, threat.KindAsset)
	list := make([]threat.Asset, len(proposals))
	for i, p := range proposals {
		list[i] = threat.Asset{
			Name: p.Name, Description: p.Description, Properties: p.Properties, Impact: p.Impact, Notes: p.Notes, Basis: p.Basis,
		}
	}
	return d.Structure.SetAssets(d.Counters, list)
}

func (d *Draft) acceptAttackers(proposals []AttackerProposal) error {
	if len(proposals) == 0 {
		return threat.Errorf(threat.Invalid, "the answer has no attackers").In("attackers")
	}
	delete(d.Counters, threat.KindAttacker)
	list := make([]threat.Attacker, len(proposals))
	for i, p := range proposals {
		list[i] = threat.Attacker{
			Name: p.Name, Capability: p.Capability, Position: p.Position, Archetype: p.Archetype, Likelihood: p.Likelihood, Basis: p.Basis,
		}
	}
	return d.Structure.SetAttackers(d.Counters, list)
}

func (d *Draft) acceptBoundaries(out Output) error {
	for _, p := range out.Boundaries {
		b, err := d.Structure.AddBoundary(d.Counters, threat.Boundary{
			Name: p.Name, Description: p.Description, Assets: p.Assets, Basis: p.Basis,
		})
		if err != nil {
			return err
		}
		for _, id := range p.Attackers {
			t := d.Structure.Attacker(id)
			if t == nil {
				return threat.Unknown("attacker", id, nil).In("trust_boundaries.attackers")
			}
			stands := append([]threat.ID{b.ID}, t.Boundaries...)
			if _, err := d.Structure.EditAttacker(id, threat.AttackerEdit{Boundaries: stands}); err != nil {
				return err
			}
		}
	}
	for _, p := range out.Assumptions {
		if _, err := d.Structure.AddAssumption(d.Counters, threat.Assumption{
			Text: p.Text, Kind: p.Kind, Objectives: p.Objectives, Basis: p.Basis,
		}); err != nil {
			return err
		}
	}
	_, err := d.Structure.SettleSeparations(d.Counters)
	return err
}

// acceptControls refuses what names a CO outside the batch, a group number below 0, and a gap in a CO's group numbers.
func (d *Draft) acceptControls(batch []threat.Objective, proposals []ControlProposal) error {
	asked := make(map[threat.ID]bool, len(batch))
	for _, co := range batch {
		asked[co.ID] = true
	}
	used := map[threat.ID]map[int]bool{}
	for _, p := range proposals {
		if len(p.Mitigates) == 0 {
			return threat.Errorf(threat.Invalid, "control %q mitigates nothing", threat.Clip(p.Description, 60)).In("controls.mitigates")
		}
		for _, m := range p.Mitigates {
			if !asked[m.Objective] {
				return threat.Errorf(threat.Invalid, "%s is not among the objectives asked for", threat.Clip(string(m.Objective), 40)).
					In("controls.mitigates")
			}
			if m.Group < 0 || m.Group > threat.MaxGroups {
				return threat.Errorf(threat.Invalid, "group %d of %s", m.Group, m.Objective).In("controls.mitigates.group").
					Hinted("groups are 1 to %d; 0 is defence in depth", threat.MaxGroups)
			}
			if used[m.Objective] == nil {
				used[m.Objective] = map[int]bool{}
			}
			used[m.Objective][m.Group] = true
		}
		if err := p.check(); err != nil {
			return err
		}
	}
	for co, groups := range used {
		for n := 1; n < threat.MaxGroups; n++ {
			if groups[n+1] && !groups[n] {
				return threat.Errorf(threat.Invalid, "%s has a group %d and no group %d", co, n+1, n).In("controls.mitigates.group")
			}
		}
	}
	d.Controls = merge(d.Controls, proposals)
	return nil
}

// check applies the rules of a control to a proposal.
func (p *ControlProposal) check() error {
	c := threat.Control{
		ID: "C1", Description: p.Description, Status: threat.NotImplemented, Source: threat.Generated,
		Notes: p.Notes, Basis: p.Basis,
	}
	for _, f := range p.Facets {
		c.Facets = append(c.Facets, threat.Facet{Text: f.Text, Kind: f.Kind})
	}
	return c.Check()
}

// merge joins a batch to the controls so far: a control that comes out the same again serves the COs of both.
func merge(have, more []ControlProposal) []ControlProposal {
	index := make(map[string]int, len(have))
	for i := range have {
		index[have[i].key()] = i
	}
	for _, c := range more {
		i, ok := index[c.key()]
		if !ok {
			index[c.key()] = len(have)
			have = append(have, c)
			continue
		}
		have[i].Mitigates = append(append([]Mitigation(nil), have[i].Mitigates...), c.Mitigates...)
	}
	return have
}

// key is equal for proposals that say the same.
func (p *ControlProposal) key() string {
	var b strings.Builder
	b.WriteString(p.Description)
	for _, f := range p.Facets {
		b.WriteString("\x00" + string(f.Kind) + "\x00" + f.Text)
	}
	return b.String()
}
