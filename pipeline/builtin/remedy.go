package builtin

import (
	"fmt"
	"slices"
	"strings"

	"github.com/redoubt-dev/redoubt/pipeline"
	"github.com/redoubt-dev/redoubt/threat"
)

var _ pipeline.Remedier = (*Engine)(nil)

// Remedies reads each need as if it were a description. The asset that its words speak of most is proposed, or named where the model has it;
// a need whose words lead to no asset of the knowledge base gets one that stands for what its section is about. An attacker is proposed
// where the words speak of one that the model lacks. Needs that lead to the same share a proposal; those with most needs come first.
func (e *Engine) Remedies(s *threat.Structure, needs []pipeline.Need) []pipeline.Remedy {
	k := e.knowledge
	p := &remedies{place: map[string]int{}, assets: map[string]threat.ID{}, attackers: map[string]bool{}}
	for _, a := range s.Assets {
		p.assets[strings.ToLower(a.Name)] = a.ID
	}
	for _, t := range s.Attackers {
		p.attackers[strings.ToLower(t.Name)] = true
	}
	for _, n := range needs {
		r := k.read(n.Section + ". " + n.Text + " " + strings.Join(n.Keywords, ", ") + ".")
		a := k.subject(r, p.assets)
		switch {
		case a == nil:
			p.add(n, section(n), "the requirements of this section are about it")
		default:
			p.add(n, pipeline.Remedy{Asset: &pipeline.AssetProposal{
				Name: a.Name, Description: a.Says, Properties: slices.Clone(a.Properties), Impact: a.Impact,
			}}, "the requirement speaks of it")
		}
		if t := k.villain(r, p.attackers); t != nil {
			p.add(n, pipeline.Remedy{Attacker: &pipeline.AttackerProposal{
				Name: t.Name, Capability: t.Capability, Position: t.Position, Archetype: t.Archetype, Likelihood: t.Likelihood,
			}}, "the requirement keeps such an attacker out")
		}
	}
	slices.SortStableFunc(p.list, func(a, b pipeline.Remedy) int { return len(b.Needs) - len(a.Needs) })
	return p.list
}

// remedies gathers proposals by what they propose.
type remedies struct {
	list      []pipeline.Remedy
	place     map[string]int
	assets    map[string]threat.ID // of the model, by name in lower case
	attackers map[string]bool
}

func (p *remedies) add(n pipeline.Need, r pipeline.Remedy, why string) {
	key := "asset "
	if r.Attacker != nil {
		key = "attacker " + strings.ToLower(r.Attacker.Name)
	} else {
		name := strings.ToLower(r.Asset.Name)
		key += name
		if id := p.assets[name]; id != "" {
			r.Existing = id
			why = "the model has it, and no control for this"
		}
	}
	i, ok := p.place[key]
	if !ok {
		i = len(p.list)
		p.place[key] = i
		r.Why = why
		p.list = append(p.list, r)
	}
	p.list[i].Needs = append(p.list[i].Needs, n.ID)
}

// subject returns the asset that a text speaks of most, of two alike the one that the model has, or nil.
func (k *knowledge) subject(r *reading, have map[string]threat.ID) *assetEntry {
	var best *assetEntry
	most := 0
	for _, a := range k.assetsIn(r) {
		n := 2 * len(r.evidence(a.when))
		if n > 0 && have[strings.ToLower(a.Name)] != "" {
			n++
		}
		if n > most {
			best, most = a, n
		}
	}
	return best
}

// villain returns the attacker that a text speaks of most and the model lacks, or nil.
func (k *knowledge) villain(r *reading, have map[string]bool) *attackerEntry {
	var best *attackerEntry
	most := 0
	for _, t := range k.attackers {
		if !r.holds(t.when) || r.holds(t.unless) || have[strings.ToLower(t.Name)] {
			continue
		}
		if n := len(r.evidence(t.when)); n > most {
			best, most = t, n
		}
	}
	return best
}

// section is the asset that stands for what a section of requirements is about. What even the lowest level asks for weighs most.
func section(n pipeline.Need) pipeline.Remedy {
	name := n.Section
	if name == "" {
		name = "What " + n.ID + " is about"
	}
	impact := threat.Medium
	switch n.Level {
	case 1:
		impact = threat.High
	case 3:
		impact = threat.Low
	}
	return pipeline.Remedy{Asset: &pipeline.AssetProposal{
		Name: threat.Clip(name, threat.MaxName), Description: fmt.Sprintf("What the feature has of this, as %s and its neighbours ask for it.", n.ID),
		Properties: []threat.Property{threat.Confidentiality, threat.Integrity}, Impact: impact,
	}}
}
