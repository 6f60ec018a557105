package builtin

import (
	"cmp"
	"slices"
	"strings"

	"github.com/redoubt-dev/redoubt/threat"
)

// target is an asset as control selection sees it.
type target struct {
	entry      *assetEntry // nil when a person added or renamed the asset
	classes    []string
	properties []threat.Property
}

// foe is an attacker as control selection sees it.
type foe struct {
	id    string // "" when a person added or renamed the attacker
	paths []*path
	// forced is true for an attacker that a person described: its paths count whatever the description says of the feature.
	forced bool
}

// target classifies an asset: by its entry where the knowledge base proposed it, else by the words of its name, else by
// those of its description. What cannot be told apart counts as data.
func (k *knowledge) target(a *threat.Asset) target {
	t := target{entry: k.assetByName[strings.ToLower(a.Name)], properties: a.Properties}
	if t.entry != nil {
		t.classes = t.entry.Classes
		return t
	}
	for _, text := range []string{a.Name, a.Description} {
		if t.classes = k.classesIn(text); len(t.classes) > 0 {
			return t
		}
	}
	t.classes = []string{"data"}
	return t
}

func (k *knowledge) classesIn(text string) []string {
	var out []string
	add := func(class string) {
		if !slices.Contains(out, class) {
			out = append(out, class)
		}
	}
	for _, h := range k.classCues.find(tokenise(text), text) {
		add(k.classes[h.meaning].ID)
	}
	if len(out) > 0 {
		return out
	}
	for _, a := range k.assetsIn(k.read(text)) {
		for _, c := range a.Classes {
			add(c)
		}
	}
	return out
}

// foe classifies an attacker: by its entry, else by the attackers of the knowledge base whose words it uses most. One that
// resembles none walks the paths of an outsider and of a user, the two that every service meets.
func (k *knowledge) foe(t *threat.Attacker) foe {
	if e := k.foeByName[strings.ToLower(t.Name)]; e != nil {
		return foe{id: e.ID, paths: k.pathsOf(e)}
	}
	for _, text := range []string{t.Name, t.Archetype + ". " + t.Position + ". " + t.Capability} {
		if like := k.resembles(text); len(like) > 0 {
			return foe{paths: k.pathsOf(like...), forced: true}
		}
	}
	return foe{paths: k.pathsOf(k.foeByID["outsider"], k.foeByID["user"])}
}

// resembles returns the up to two attackers whose cues a text holds most often.
func (k *knowledge) resembles(text string) []*attackerEntry {
	count := make([]int, len(k.attackers))
	var like []int
	for _, h := range k.cues.find(tokenise(text), text) {
		if count[h.meaning]++; count[h.meaning] == 1 {
			like = append(like, h.meaning)
		}
	}
	slices.SortStableFunc(like, func(a, b int) int { return cmp.Or(count[b]-count[a], a-b) })
	var out []*attackerEntry
	for _, i := range like[:min(2, len(like))] {
		out = append(out, k.attackers[i])
	}
	return out
}

func (k *knowledge) pathsOf(entries ...*attackerEntry) []*path {
	var out []*path
	for _, e := range entries {
		if e == nil {
			continue
		}
		for _, id := range e.Paths {
			if p := k.pathByID[id]; !slices.Contains(out, p) {
				out = append(out, p)
			}
		}
	}
	return out
}

// open reports whether a path leads to the asset: it works on a class of it and breaks a property that it needs, and the
// feature has what it goes through.
func (p *path) open(t target, f foe, r *reading) bool {
	return meet(p.On, t.classes) && meet(p.Breaks, t.properties) && (f.forced || len(p.when) == 0 || r.holds(p.when))
}

func meet[T comparable](a, b []T) bool {
	return slices.ContainsFunc(a, func(x T) bool { return slices.Contains(b, x) })
}
