package builtin

import (
	"cmp"
	"slices"
	"strings"

	"github.com/redoubt-dev/redoubt/pipeline"
	"github.com/redoubt-dev/redoubt/threat"
)

// maxAttackers is how many attackers a refined list holds; see [maxAssets].
const maxAttackers = 9

// proposeAttackers returns every attacker that the text leads to, by their first mention.
func (k *knowledge) proposeAttackers(r *reading) []pipeline.AttackerProposal {
	var found []*attackerEntry
	for _, t := range k.attackers {
		if r.holds(t.when) && !r.holds(t.unless) {
			found = append(found, t)
		}
	}
	slices.SortStableFunc(found, func(a, b *attackerEntry) int {
		return cmp.Compare(firstMention(r.evidence(a.when)), firstMention(r.evidence(b.when)))
	})
	out := make([]pipeline.AttackerProposal, len(found))
	for i, t := range found {
		out[i] = pipeline.AttackerProposal{
			Name: t.Name, Capability: t.Capability, Position: t.Position, Archetype: t.Archetype, Likelihood: t.Likelihood,
			Basis: r.quote(r.evidence(t.when)),
		}
	}
	return out
}

// refineAttackers merges what overlaps, rates likelihood by context and puts the likeliest first. Attackers the knowledge
// base does not know stay as they are.
func (k *knowledge) refineAttackers(r *reading, have []threat.Attacker) []pipeline.AttackerProposal {
	kept, _ := k.weighAttackers(r, have)
	return kept
}

// weighAttackers returns the refined list and the names of what was cut for its length.
func (k *knowledge) weighAttackers(r *reading, have []threat.Attacker) (kept []pipeline.AttackerProposal, cut []string) {
	absorbed := k.absorbedAttackers(have)
	for _, t := range have {
		name := strings.ToLower(t.Name)
		if absorbed[name] != "" {
			continue
		}
		p := pipeline.AttackerProposal{
			Name: t.Name, Capability: t.Capability, Position: t.Position, Archetype: t.Archetype, Likelihood: t.Likelihood,
			Basis: t.Basis,
		}
		if e := k.foeByName[name]; e != nil {
			p.Likelihood = e.likelihood(r)
		}
		kept = append(kept, p)
	}
	kept, cut = heaviest(kept, maxAttackers, func(p pipeline.AttackerProposal) (string, int) {
		return p.Name, k.attackerWeight(r, p)
	})
	slices.SortStableFunc(kept, func(a, b pipeline.AttackerProposal) int { return rank(a.Likelihood) - rank(b.Likelihood) })
	return kept, cut
}

// attackerWeight is to attackers what assetWeight is to assets.
func (k *knowledge) attackerWeight(r *reading, p pipeline.AttackerProposal) int {
	e := k.foeByName[strings.ToLower(p.Name)]
	if e == nil {
		return personWeight
	}
	return weight(p.Likelihood, e.Weight, len(r.evidence(e.when)))
}

// likelihood rates an attacker in the context of a text: one level up, one level down, or neither when both apply.
func (t *attackerEntry) likelihood(r *reading) threat.Level {
	at := rank(t.Likelihood)
	if r.holds(t.raise) {
		at--
	}
	if r.holds(t.lower) {
		at++
	}
	levels := threat.Levels()
	return levels[min(max(at, 0), len(levels)-1)]
}

func (k *knowledge) absorbedAttackers(have []threat.Attacker) map[string]string {
	by := map[string]string{}
	for _, t := range have {
		e := k.foeByName[strings.ToLower(t.Name)]
		if e == nil {
			continue
		}
		for _, id := range e.Absorbs {
			if general := strings.ToLower(k.foeByID[id].Name); by[general] == "" {
				by[general] = strings.ToLower(e.Name)
			}
		}
	}
	return lastLinks(by)
}
