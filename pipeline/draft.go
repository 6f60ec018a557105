package pipeline

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/redoubt-dev/redoubt/threat"
)

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
	return placed("assets", d.Structure.SetAssets(d.Counters, list))
}

// placed says of an error about the new entity A3 or T3 where in the answer it stands: "assets.2".
func placed(list string, err error) error {
	var te *threat.Error
	if !errors.As(err, &te) {
		return err
	}
	id, field, _ := strings.Cut(te.Field, ".")
	n, atoi := strconv.Atoi(strings.TrimLeft(id, "AT"))
	if atoi != nil || n < 1 {
		return err
	}
	e := *te
	e.Field = strings.TrimSuffix(fmt.Sprintf("%s.%d.%s", list, n-1, field), ".")
	return &e
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
	return placed("attackers", d.Structure.SetAttackers(d.Counters, list))
}

// acceptBoundaries takes boundaries and assumptions; each that is refused is named, so that one answer mends them all.
func (d *Draft) acceptBoundaries(out Output) error {
	var wrong []*threat.Error
	refuse := func(list string, i int, err error) error {
		var te *threat.Error
		if !errors.As(err, &te) {
			return err
		}
		wrong = append(wrong, te.In(fmt.Sprintf("%s.%d", list, i)))
		return nil
	}
	for i, p := range out.Boundaries {
		if err := d.acceptBoundary(p); err != nil {
			if err = refuse("trust_boundaries", i, err); err != nil {
				return err
			}
		}
	}
	for i, p := range out.Assumptions {
		if _, err := d.Structure.AddAssumption(d.Counters, threat.Assumption{
			Text: p.Text, Kind: p.Kind, Objectives: p.Objectives, Basis: p.Basis,
		}); err != nil {
			if err = refuse("assumptions", i, err); err != nil {
				return err
			}
		}
	}
	if err := threat.Batch(wrong[:min(len(wrong), maxReasons)]); err != nil {
		return err
	}
	_, err := d.Structure.SettleSeparations(d.Counters)
	return err
}

func (d *Draft) acceptBoundary(p BoundaryProposal) error {
	b, err := d.Structure.AddBoundary(d.Counters, threat.Boundary{
		Name: p.Name, Description: p.Description, Assets: p.Assets, Basis: p.Basis,
	})
	if err != nil {
		return err
	}
	for _, id := range p.Attackers {
		t := d.Structure.Attacker(id)
		if t == nil {
			return threat.Unknown("attacker", id, ids(d.Structure.Attackers, func(t threat.Attacker) threat.ID { return t.ID })).In("attackers")
		}
		stands := append([]threat.ID{b.ID}, t.Boundaries...)
		if _, err := d.Structure.EditAttacker(id, threat.AttackerEdit{Boundaries: stands}); err != nil {
			return err
		}
	}
	return nil
}

func ids[T any](list []T, of func(T) threat.ID) []threat.ID {
	out := make([]threat.ID, len(list))
	for i, e := range list {
		out[i] = of(e)
	}
	return out
}

// acceptControls refuses what names a CO outside the batch, a group number below 0, and a gap in a CO's group numbers.
func (d *Draft) acceptControls(batch []threat.Objective, proposals []ControlProposal) error {
	used := make(map[threat.ID]map[int]bool, len(batch))
	for _, co := range batch {
		used[co.ID] = map[int]bool{}
	}
	var wrong []*threat.Error
	for _, p := range proposals {
		name := threat.Clip(p.Description, 60)
		if len(p.Mitigates) == 0 {
			wrong = append(wrong, threat.Errorf(threat.Invalid, "control %q mitigates nothing", name).In("controls.mitigates"))
		}
		for _, m := range p.Mitigates {
			switch {
			case used[m.Objective] == nil:
				wrong = append(wrong, threat.Errorf(threat.Invalid, "%s, named by control %q, is not among the objectives asked for", threat.Clip(string(m.Objective), 40), name).
					In("controls.mitigates").Hinted("name COs of the list alone"))
			case m.Group < 0 || m.Group > threat.MaxGroups:
				wrong = append(wrong, threat.Errorf(threat.Invalid, "group %d of %s", m.Group, m.Objective).In("controls.mitigates.group").
					Hinted("groups are 1 to %d; 0 is defence in depth", threat.MaxGroups))
			default:
				used[m.Objective][m.Group] = true
			}
		}
		if err := p.check(); err != nil {
			var te *threat.Error
			if !errors.As(err, &te) {
				return err
			}
			wrong = append(wrong, te)
		}
	}
	for _, co := range batch {
		for n := 1; n < threat.MaxGroups; n++ {
			if groups := used[co.ID]; groups[n+1] && !groups[n] {
				wrong = append(wrong, threat.Errorf(threat.Invalid, "%s has a group %d and no group %d", co.ID, n+1, n).In("controls.mitigates.group").
					Hinted("groups count from 1 without gaps"))
			}
		}
	}
	if err := threat.Batch(wrong[:min(len(wrong), maxReasons)]); err != nil {
		return err
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
