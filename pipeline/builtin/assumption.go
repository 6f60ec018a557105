package builtin

import (
	"slices"
	"strings"

	"github.com/redoubt-dev/redoubt/pipeline"
	"github.com/redoubt-dev/redoubt/threat"
)

// proposeAssumptions returns what the model relies on without proof: what the text rules out, what it leaves to others,
// and what was cut from an overlong model. Only an assumption that, being true, keeps its attackers from its assets is
// linked to COs.
func (k *knowledge) proposeAssumptions(r *reading, s *threat.Structure) []pipeline.AssumptionProposal {
	var out []pipeline.AssumptionProposal
	for _, a := range k.assumptions {
		if !r.holds(a.when) {
			continue
		}
		out = append(out, pipeline.AssumptionProposal{
			Text: a.Text, Kind: a.Kind, Objectives: k.linked(a, s), Basis: r.quote(r.evidence(a.when)),
		})
	}
	if cut := k.leftOut(r, s); len(cut) > 0 {
		out = append(out, pipeline.AssumptionProposal{
			Kind: threat.External,
			Text: threat.Clip("These were left out of this model to keep it reviewable and are covered by models of their own: "+
				strings.Join(cut, ", ")+".", threat.MaxText),
		})
	}
	return out
}

// linked returns the COs of the assumption's assets and attackers that the model has.
func (k *knowledge) linked(a *assumptionEntry, s *threat.Structure) []threat.ID {
	var out []threat.ID
	for i := range s.Assets {
		asset := k.assetByName[strings.ToLower(s.Assets[i].Name)]
		if asset == nil || !asset.named(a.Assets) {
			continue
		}
		for j := range s.Attackers {
			foe := k.foeByName[strings.ToLower(s.Attackers[j].Name)]
			if foe != nil && slices.Contains(a.Attackers, foe.ID) {
				out = append(out, threat.ObjectiveID(s.Assets[i].ID, s.Attackers[j].ID))
			}
		}
	}
	return out
}

// leftOut returns the names of the assets and attackers that the text leads to and that the refined lists had no room for.
func (k *knowledge) leftOut(r *reading, s *threat.Structure) []string {
	var assets []threat.Asset
	for _, a := range k.assetsIn(r) {
		assets = append(assets, threat.Asset{Name: a.Name, Impact: a.Impact})
	}
	_, cut := k.weighAssets(r, assets)
	var attackers []threat.Attacker
	for _, p := range k.proposeAttackers(r) {
		attackers = append(attackers, threat.Attacker{Name: p.Name, Likelihood: p.Likelihood})
	}
	_, more := k.weighAttackers(r, attackers)
	var out []string
	for _, name := range append(cut, more...) {
		inModel := slices.ContainsFunc(s.Assets, func(a threat.Asset) bool { return strings.EqualFold(a.Name, name) }) ||
			slices.ContainsFunc(s.Attackers, func(t threat.Attacker) bool { return strings.EqualFold(t.Name, name) })
		if !inModel {
			out = append(out, name)
		}
	}
	return out
}
