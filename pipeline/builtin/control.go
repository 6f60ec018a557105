package builtin

import (
	"cmp"
	"slices"
	"strings"

	"github.com/redoubt-dev/redoubt/pipeline"
	"github.com/redoubt-dev/redoubt/threat"
)

const (
	maxEssentials   = 5 // members of a mitigation group: a longer one is a plan nobody finishes
	maxAlternatives = 2 // groups beside the first
	maxExtras       = 2 // defence in depth per CO
)

// proposeControls returns the controls for COs: each CO gets a complete group 1, further groups where another strategy
// does the same, and defence in depth as group 0. The gravest and most shared controls come first.
func (k *knowledge) proposeControls(r *reading, s *threat.Structure, cos []threat.Objective) []pipeline.ControlProposal {
	shelf := k.shelve(r)
	targets, foes := map[threat.ID]target{}, map[threat.ID]foe{}
	for i := range s.Assets {
		targets[s.Assets[i].ID] = k.target(&s.Assets[i])
	}
	for i := range s.Attackers {
		foes[s.Attackers[i].ID] = k.foe(&s.Attackers[i])
	}
	var used []*usage
	index := map[*controlEntry]*usage{}
	for _, co := range cos {
		for _, p := range shelf.plan(targets[co.Asset], foes[co.Attacker]) {
			u := index[p.control]
			if u == nil {
				u = &usage{control: p.control, tier: len(threat.Tiers()), place: slices.Index(k.controls, p.control)}
				index[p.control] = u
				used = append(used, u)
			}
			u.add(co, p.group)
		}
	}
	slices.SortStableFunc(used, func(a, b *usage) int {
		return cmp.Or(cmp.Compare(a.tier, b.tier), cmp.Compare(b.members, a.members), cmp.Compare(a.place, b.place))
	})
	out := make([]pipeline.ControlProposal, len(used))
	for i, u := range used {
		out[i] = u.control.proposal(r)
		out[i].Mitigates = u.mitigates
	}
	return out
}

// usage gathers where one control is used.
type usage struct {
	control   *controlEntry
	mitigates []pipeline.Mitigation
	tier      int // of the gravest CO it is a member for
	members   int // COs whose groups it is in
	place     int // in the knowledge base
}

func (u *usage) add(co threat.Objective, group int) {
	u.mitigates = append(u.mitigates, pipeline.Mitigation{Objective: co.ID, Group: group})
	if group == 1 {
		u.members++
		u.tier = min(u.tier, slices.Index(threat.Tiers(), co.Tier))
	}
}

// proposal renders an entry.
func (c *controlEntry) proposal(r *reading) pipeline.ControlProposal {
	p := pipeline.ControlProposal{Description: c.Does, Basis: r.quote(r.evidence(c.when))}
	var proof []string
	for i, f := range c.Facets {
		p.Facets = append(p.Facets, pipeline.FacetProposal{Text: f.Text, Kind: f.Kind})
		proof = append(proof, threat.FacetLetter(i+1)+" by "+strings.Join(f.Evidence, " or "))
	}
	p.Notes = "Evidence: " + strings.Join(proof, "; ") + "."
	return p
}

// shelf is the controls that fit a text, by the path they close.
type shelf struct {
	reading      *reading
	byPath       map[string][]*controlEntry
	alternatives map[string][]*controlEntry // by the control they replace
	fallbacks    []*controlEntry
}

func (k *knowledge) shelve(r *reading) *shelf {
	s := &shelf{reading: r, byPath: map[string][]*controlEntry{}, alternatives: map[string][]*controlEntry{}}
	for _, c := range k.controls {
		if len(c.when) > 0 && !r.holds(c.when) {
			continue
		}
		switch c.Role {
		case alternative:
			s.alternatives[c.InsteadOf] = append(s.alternatives[c.InsteadOf], c)
		case fallback:
			s.fallbacks = append(s.fallbacks, c)
		default:
			for _, p := range c.Closes {
				s.byPath[p] = append(s.byPath[p], c)
			}
		}
	}
	return s
}

// placed is a control in a group of one CO.
type placed struct {
	control *controlEntry
	group   int
}

// plan chooses the controls of one CO.
func (s *shelf) plan(t target, f foe) []placed {
	members, extras := s.close(t, f)
	if len(members) == 0 {
		members = s.general(t)
	}
	if len(members) > maxEssentials {
		extras = append(slices.Clone(members[maxEssentials:]), extras...)
		members = members[:maxEssentials]
	}
	var out []placed
	for _, c := range members {
		out = append(out, placed{c, 1})
	}
	group := 2
	for i, c := range members {
		for _, other := range s.alternatives[c.ID] {
			if group > 1+maxAlternatives || !other.fits(t, f) || slices.Contains(members, other) {
				continue
			}
			for j, m := range members {
				if j == i {
					m = other
				}
				out = append(out, placed{m, group})
			}
			group++
		}
	}
	for i, c := range extras {
		if i < maxExtras && !slices.Contains(members, c) {
			out = append(out, placed{c, 0})
		}
	}
	return out
}

// close returns the controls that close the paths of f to t, in the order of the paths, and the extras along them.
func (s *shelf) close(t target, f foe) (members, extras []*controlEntry) {
	for _, p := range f.paths {
		if !p.open(t, f, s.reading) {
			continue
		}
		var fit []*controlEntry
		for _, c := range s.byPath[p.ID] {
			switch {
			case !c.fits(t, f):
			case c.Role == extra:
				if !slices.Contains(extras, c) {
					extras = append(extras, c)
				}
			default:
				fit = append(fit, c)
			}
		}
		slices.SortStableFunc(fit, func(a, b *controlEntry) int { return b.aim(t, f) - a.aim(t, f) })
		for _, c := range fit[:min(max(p.Essentials, 1), len(fit))] {
			if !slices.Contains(members, c) {
				members = append(members, c)
			}
		}
	}
	return members, extras
}

// general returns the controls for an asset that no known path of the attacker leads to: the CO exists all the same, and
// what keeps anyone out keeps this attacker out.
func (s *shelf) general(t target) []*controlEntry {
	var out []*controlEntry
	for _, c := range s.fallbacks {
		if meet(c.Properties, t.properties) && (len(c.On) == 0 || c.covers(t)) {
			out = append(out, c)
		}
	}
	return out[:min(2, len(out))]
}

// fits reports whether a control helps this asset against this attacker.
func (c *controlEntry) fits(t target, f foe) bool {
	return (len(c.On) == 0 || c.covers(t)) &&
		(len(c.Against) == 0 || slices.Contains(c.Against, f.id)) &&
		(len(c.Properties) == 0 || meet(c.Properties, t.properties))
}

// covers reports whether the control names the asset or a class of it.
func (c *controlEntry) covers(t target) bool {
	for _, ref := range c.On {
		if class, ok := strings.CutPrefix(ref, "class:"); ok && slices.Contains(t.classes, class) ||
			t.entry != nil && ref == t.entry.ID {
			return true
		}
	}
	return false
}

// aim is how closely a control is aimed: at this asset, at its class, at this attacker, at this technology.
func (c *controlEntry) aim(t target, f foe) int {
	n := 0
	if t.entry != nil && slices.Contains(c.On, t.entry.ID) {
		n += 8
	} else if len(c.On) > 0 {
		n += 4
	}
	if len(c.Against) > 0 {
		n += 2
	}
	if len(c.when) > 0 {
		n++
	}
	return n
}
