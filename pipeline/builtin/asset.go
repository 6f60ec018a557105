package builtin

import (
	"cmp"
	"slices"
	"strings"

	"github.com/redoubt-dev/redoubt/pipeline"
	"github.com/redoubt-dev/redoubt/threat"
)

// maxAssets is how many assets a refined list holds: more than any reviewer goes through with care in one sitting. What
// is cut is named in an assumption, never dropped in silence.
const maxAssets = 14

// proposeAssets returns every asset that the text leads to, general and special ones alike, by their first mention.
// Errors: [threat.Invalid] when there is none.
func (k *knowledge) proposeAssets(r *reading) ([]pipeline.AssetProposal, error) {
	found := k.assetsIn(r)
	if len(found) == 0 {
		return nil, threat.Errorf(threat.Invalid, "the description names nothing that could be modelled").In("feature_description").
			Hinted("say what data the feature keeps, who uses it, through which interfaces (web page, API, file upload, " +
				"messages) and where it runs; a few sentences are enough")
	}
	out := make([]pipeline.AssetProposal, len(found))
	for i, a := range found {
		out[i] = pipeline.AssetProposal{
			Name: a.Name, Description: a.Says, Properties: slices.Clone(a.Properties), Impact: a.Impact,
			Basis: r.quote(r.evidence(a.when)),
		}
	}
	return out, nil
}

func (k *knowledge) assetsIn(r *reading) []*assetEntry {
	var out []*assetEntry
	for _, a := range k.assets {
		if r.holds(a.when) && !r.holds(a.unless) {
			out = append(out, a)
		}
	}
	slices.SortStableFunc(out, func(a, b *assetEntry) int {
		return cmp.Compare(firstMention(r.evidence(a.when)), firstMention(r.evidence(b.when)))
	})
	return out
}

// refineAssets merges what overlaps, rates impact by context and puts the gravest first. Assets the knowledge base does not
// know stay as they are.
func (k *knowledge) refineAssets(r *reading, have []threat.Asset) []pipeline.AssetProposal {
	kept, _ := k.weighAssets(r, have)
	return kept
}

// weighAssets returns the refined list and the names of what was cut for its length.
func (k *knowledge) weighAssets(r *reading, have []threat.Asset) (kept []pipeline.AssetProposal, cut []string) {
	absorbed := k.absorbedAssets(have)
	for _, a := range have {
		name := strings.ToLower(a.Name)
		if absorbed[name] != "" {
			continue
		}
		p := pipeline.AssetProposal{
			Name: a.Name, Description: a.Description, Properties: a.Properties, Impact: a.Impact, Notes: a.Notes,
			Basis: a.Basis,
		}
		if e := k.assetByName[name]; e != nil && r.holds(e.raise) {
			p.Impact = threat.High
		}
		kept = append(kept, p)
	}
	kept, cut = heaviest(kept, maxAssets, func(p pipeline.AssetProposal) (string, int) {
		return p.Name, k.assetWeight(r, p)
	})
	slices.SortStableFunc(kept, func(a, b pipeline.AssetProposal) int { return rank(a.Impact) - rank(b.Impact) })
	return kept, cut
}

// assetWeight says how much an asset matters in this text: by its impact, by what it is, and by how often it is spoken of.
// What a person added always stays.
func (k *knowledge) assetWeight(r *reading, p pipeline.AssetProposal) int {
	e := k.assetByName[strings.ToLower(p.Name)]
	if e == nil {
		return personWeight
	}
	return weight(p.Impact, e.Weight, len(r.evidence(e.when)))
}

const personWeight = 1 << 20

func weight(level threat.Level, own, mentions int) int {
	if own == 0 {
		own = 2
	}
	return 3*(len(threat.Levels())-rank(level)) + 3*own + min(mentions, 4)
}

// heaviest keeps the limit heaviest of a list in their order and returns the names of the others. Of two of one weight the
// earlier stays.
func heaviest[P any](list []P, limit int, of func(P) (string, int)) (kept []P, cut []string) {
	order := make([]int, len(list))
	weights := make([]int, len(list))
	for i, p := range list {
		order[i] = i
		_, weights[i] = of(p)
	}
	slices.SortStableFunc(order, func(a, b int) int { return weights[b] - weights[a] })
	keep := make([]bool, len(list))
	for _, i := range order[:min(limit, len(order))] {
		keep[i] = true
	}
	for i, p := range list {
		if keep[i] {
			kept = append(kept, p)
		} else {
			name, _ := of(p)
			cut = append(cut, name)
		}
	}
	return kept, cut
}

// absorbedAssets returns, for each asset of the list that a more special one stands for, the name of that one; names in
// lower case. A chain ends at its last link.
func (k *knowledge) absorbedAssets(have []threat.Asset) map[string]string {
	by := map[string]string{}
	for _, a := range have {
		e := k.assetByName[strings.ToLower(a.Name)]
		if e == nil {
			continue
		}
		for _, id := range e.Absorbs {
			if general := strings.ToLower(k.assetByID[id].Name); by[general] == "" {
				by[general] = strings.ToLower(e.Name)
			}
		}
	}
	return lastLinks(by)
}

// lastLinks follows each chain to its end. The linter of the data holds chains free of circles; the bound is for safety.
func lastLinks(by map[string]string) map[string]string {
	out := make(map[string]string, len(by))
	for from, to := range by {
		for n := 0; n < len(by) && by[to] != ""; n++ {
			to = by[to]
		}
		out[from] = to
	}
	return out
}

// rank orders levels, gravest first.
func rank(l threat.Level) int { return slices.Index(threat.Levels(), l) }
