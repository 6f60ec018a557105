package builtin

import (
	"slices"
	"strings"

	"github.com/redoubt-dev/redoubt/pipeline"
	"github.com/redoubt-dev/redoubt/threat"
)

// proposeBoundaries returns the trust boundaries that the text leads to, with the assets of the model that are exposed
// through them and the attackers that stand at them. An asset or attacker that the knowledge base places nowhere stays
// silent, and silence is never read as safety. A boundary without assets of the model is left out, and so is one whose
// attackers are all missing from it.
func (k *knowledge) proposeBoundaries(r *reading, s *threat.Structure) []pipeline.BoundaryProposal {
	var out []pipeline.BoundaryProposal
	for _, b := range k.boundaries {
		if !r.holds(b.when) {
			continue
		}
		p := pipeline.BoundaryProposal{Name: b.Name, Description: b.Says, Basis: r.quote(r.evidence(b.when))}
		for i := range s.Assets {
			if e := k.assetByName[strings.ToLower(s.Assets[i].Name)]; e != nil && e.named(b.Assets) {
				p.Assets = append(p.Assets, s.Assets[i].ID)
			}
		}
		for i := range s.Attackers {
			if e := k.foeByName[strings.ToLower(s.Attackers[i].Name)]; e != nil && slices.Contains(b.Attackers, e.ID) {
				p.Attackers = append(p.Attackers, s.Attackers[i].ID)
			}
		}
		if len(p.Assets) > 0 && (len(p.Attackers) > 0 || len(b.Attackers) == 0) {
			out = append(out, p)
		}
	}
	return out
}

// named reports whether a list of asset ids and classes ("class:data") covers the asset.
func (a *assetEntry) named(list []string) bool {
	for _, ref := range list {
		if class, ok := strings.CutPrefix(ref, "class:"); ok && slices.Contains(a.Classes, class) || ref == a.ID {
			return true
		}
	}
	return false
}
