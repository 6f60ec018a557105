package builtin

import (
	"cmp"
	"slices"
	"strings"

	"github.com/redoubt-dev/redoubt/pipeline"
)

var _ pipeline.Catalogue = (*Engine)(nil)

// KnownAsset returns the asset of the knowledge base that a few words name: by its name, by all words in its name, or as what a feature
// would have of which one says these words. ok is false when they name none, or several equally well.
func (e *Engine) KnownAsset(words string) (pipeline.AssetProposal, bool) {
	k := e.knowledge
	a := k.assetByName[strings.ToLower(words)]
	if a == nil {
		a = named(k.assets, words, func(a *assetEntry) string { return a.Name })
	}
	if a == nil {
		// The most special of those that the words lead to: one that another stands for is not meant.
		var found []*assetEntry
		for _, x := range k.assetsIn(k.read(words)) {
			if len(k.read(words).evidence(x.when)) > 0 {
				found = append(found, x)
			}
		}
		found = slices.DeleteFunc(found, func(x *assetEntry) bool {
			return slices.ContainsFunc(found, func(o *assetEntry) bool { return slices.Contains(o.Absorbs, x.ID) })
		})
		if len(found) != 1 {
			return pipeline.AssetProposal{}, false
		}
		a = found[0]
	}
	return pipeline.AssetProposal{Name: a.Name, Description: a.Says, Properties: slices.Clone(a.Properties), Impact: a.Impact}, true
}

// KnownAttacker returns the attacker of the knowledge base that a few words name or resemble. ok is false when there is none.
func (e *Engine) KnownAttacker(words string) (pipeline.AttackerProposal, bool) {
	k := e.knowledge
	t := k.foeByName[strings.ToLower(words)]
	if t == nil {
		t = named(k.attackers, words, func(t *attackerEntry) string { return t.Name })
	}
	if t == nil {
		like := k.resembles(words + " attacker") // a cue may end so
		if len(like) == 0 {
			return pipeline.AttackerProposal{}, false
		}
		t = like[0]
	}
	return pipeline.AttackerProposal{Name: t.Name, Capability: t.Capability, Position: t.Position, Archetype: t.Archetype, Likelihood: t.Likelihood}, true
}

// named returns the one entry of which the name has all the given words and the fewest others, or nil.
func named[E any](list []*E, words string, name func(*E) string) *E {
	want := stemsOf(words)
	if len(want) == 0 {
		return nil
	}
	var fits []*E
	for _, x := range list {
		if has := stemsOf(name(x)); !slices.ContainsFunc(want, func(w string) bool { return !slices.Contains(has, w) }) {
			fits = append(fits, x)
		}
	}
	size := func(x *E) int { return len(stemsOf(name(x))) }
	slices.SortStableFunc(fits, func(a, b *E) int { return cmp.Compare(size(a), size(b)) })
	if len(fits) == 0 || len(fits) > 1 && size(fits[0]) == size(fits[1]) {
		return nil
	}
	return fits[0]
}

func stemsOf(text string) []string {
	var out []string
	for _, t := range tokenise(text) {
		if !slices.Contains([]string{"of", "the", "a", "an", "and", "with", "in", "to"}, t.word) {
			out = append(out, t.stem)
		}
	}
	return out
}
