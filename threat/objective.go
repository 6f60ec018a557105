package threat

import (
	"slices"
	"strings"
	"unicode"
)

// Objective is a control objective: one asset × one attacker, what must hold. It is computed, never stored.
type Objective struct {
	ID        ID     `json:"id"`
	Asset     ID     `json:"asset"`
	Attacker  ID     `json:"attacker"`
	Statement string `json:"statement"`
	Tier      Tier   `json:"tier"`
	Reachable bool   `json:"reachable"`
}

// Objectives returns the full cross product of assets and attackers in id order. It returns [Invalid] when a rating is
// missing, which a structure that passed [Structure.Check] never has.
func (s *Structure) Objectives() ([]Objective, error) {
	exposed := s.exposure()
	out := make([]Objective, 0, len(s.Assets)*len(s.Attackers))
	for i := range s.Assets {
		a := &s.Assets[i]
		prefix := propertyPhrase(a.Properties) + " of " + a.Name + " shall be protected from "
		for j := range s.Attackers {
			t := &s.Attackers[j]
			tier, err := Risk(a.Impact, t.Likelihood)
			if err != nil {
				return nil, inField(err, string(ObjectiveID(a.ID, t.ID)))
			}
			out = append(out, Objective{
				ID:        ObjectiveID(a.ID, t.ID),
				Asset:     a.ID,
				Attacker:  t.ID,
				Statement: prefix + t.Name,
				Tier:      tier,
				Reachable: reachable(exposed[a.ID], t.Boundaries),
			})
		}
	}
	return out, nil
}

// exposure returns, per asset, the boundaries that expose it, sorted.
func (s *Structure) exposure() map[ID][]ID {
	out := make(map[ID][]ID, len(s.Assets))
	for i := range s.Boundaries {
		for _, a := range s.Boundaries[i].Assets {
			out[a] = append(out[a], s.Boundaries[i].ID)
		}
	}
	return out
}

// reachable is false only when both sides name at least one boundary and share none: silence is never read as safety.
func reachable(exposed, standsAt []ID) bool {
	if len(exposed) == 0 || len(standsAt) == 0 {
		return true
	}
	return slices.ContainsFunc(standsAt, func(b ID) bool { return slices.Contains(exposed, b) })
}

// SettleSeparations gives every unreachable CO its boundary assumption: one per attacker and set of boundaries that the
// asset is exposed through, linked to all COs of that pair. An assumption keeps its id while its pair stays, and follows its
// COs when they come to be exposed through other boundaries. One whose COs are all reachable again, or have all come under
// another that was there before, leaves the structure; its id is returned so that the caller records it as retired.
func (s *Structure) SettleSeparations(c Counters) (retired []ID, err error) {
	if s.Settled() {
		return nil, nil
	}
	err = s.change(c, func(s *Structure, c Counters) error {
		var kept, old []Assumption
		for _, a := range s.Assumptions {
			if a.Separation == nil {
				kept = append(kept, a)
			} else {
				old = append(old, a)
			}
		}
		wanted := s.separations()
		retired = follow(wanted, old)
		for _, w := range wanted {
			if w.ID == "" {
				w.ID = c.Next(KindAssumption)
			}
			kept = append(kept, w)
		}
		s.Assumptions = kept
		return nil
	})
	return retired, err
}

// Settled reports whether the boundary assumptions are what they should be, as they are after most edits.
func (s *Structure) Settled() bool {
	wanted := s.separations()
	n := 0
	for _, a := range s.Assumptions {
		if a.Separation == nil {
			continue
		}
		n++
		i := slices.IndexFunc(wanted, func(w Assumption) bool { return w.Separation.equal(a.Separation) })
		if i < 0 || wanted[i].Text != a.Text || a.Kind != External || !slices.Equal(wanted[i].Objectives, a.Objectives) {
			return false
		}
		wanted[i].Separation = nil // each counts once
	}
	return n == len(wanted)
}

// follow gives wanted assumptions the ids of old ones: first of those about the same pair, then of those that share the most
// COs. It returns the ids of the old ones that nothing follows.
func follow(wanted, old []Assumption) (retired []ID) {
	var left []Assumption
	for _, a := range old {
		i := slices.IndexFunc(wanted, func(w Assumption) bool { return w.ID == "" && w.Separation.equal(a.Separation) })
		if i < 0 {
			left = append(left, a)
		} else {
			wanted[i].ID = a.ID
		}
	}
	for _, a := range left {
		best, most := -1, 0
		for i := range wanted {
			if n := shared(wanted[i].Objectives, a.Objectives); wanted[i].ID == "" && n > most {
				best, most = i, n
			}
		}
		if best < 0 {
			retired = append(retired, a.ID)
		} else {
			wanted[best].ID = a.ID
		}
	}
	return retired
}

func shared(a, b []ID) int {
	n := 0
	for _, id := range a {
		if slices.Contains(b, id) {
			n++
		}
	}
	return n
}

// separations computes the boundary assumptions that s needs, without ids, in the order of their first CO.
func (s *Structure) separations() []Assumption {
	exposed := s.exposure()
	var out []Assumption
	for j := range s.Attackers {
		t := &s.Attackers[j]
		index := map[string]int{} // boundary set → place in out
		for i := range s.Assets {
			set := exposed[s.Assets[i].ID]
			if reachable(set, t.Boundaries) {
				continue
			}
			key := IDList(set, len(set))
			n, ok := index[key]
			if !ok {
				n = len(out)
				index[key] = n
				out = append(out, Assumption{
					Kind:       External,
					Text:       s.separationText(t, set),
					Separation: &Separation{Attacker: t.ID, Boundaries: set},
				})
			}
			out[n].Objectives = append(out[n].Objectives, ObjectiveID(s.Assets[i].ID, t.ID))
		}
	}
	for i := range out {
		out[i].Objectives = SortIDs(out[i].Objectives)
	}
	return out
}

// separationText says it with ids beside names, so that a long list can be cut and stays exact.
func (s *Structure) separationText(t *Attacker, set []ID) string {
	return Clip(t.Name+" ("+string(t.ID)+"), standing at "+s.boundaryNames(t.Boundaries)+
		", cannot reach what is exposed only through "+s.boundaryNames(set)+".", MaxText)
}

func (s *Structure) boundaryNames(set []ID) string {
	var b strings.Builder
	for i, id := range set {
		switch {
		case i == 5:
			b.WriteString(" and others: " + IDList(set[i:], 40))
			return b.String()
		case i > 0:
			b.WriteString(", ")
		}
		b.WriteString(s.Boundary(id).Name + " (" + string(id) + ")")
	}
	return b.String()
}

// fold brings texts that differ in case only to one form: fold(a) == fold(b) exactly when strings.EqualFold(a, b). Lower
// case does not do: it keeps the two small sigmas apart.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for o := unicode.SimpleFold(r); o != r; o = unicode.SimpleFold(o) {
			least = min(least, o)
		}
		return least
	}, s)
}

// ObjectiveChange counts how an edit changed the computed COs.
type ObjectiveChange struct {
	Total       int `json:"total"`
	Added       int `json:"added"`
	Removed     int `json:"removed"`
	Changed     int `json:"changed"`
	Unreachable int `json:"unreachable"`
}

// CompareObjectives counts what changed between the computed COs of two valid structures, without computing them: a CO is the
// same when the names, properties and ratings it is made of are, and its reachability.
func CompareObjectives(before, after *Structure) ObjectiveChange {
	out := ObjectiveChange{Total: len(after.Assets) * len(after.Attackers)}
	then, now := before.exposure(), after.exposure()
	oldAttackers := make([]*Attacker, len(after.Attackers))
	for j := range after.Attackers {
		oldAttackers[j] = before.Attacker(after.Attackers[j].ID)
	}
	for i := range after.Assets {
		a := &after.Assets[i]
		oldAsset := before.Asset(a.ID)
		for j := range after.Attackers {
			t := &after.Attackers[j]
			open := reachable(now[a.ID], t.Boundaries)
			if !open {
				out.Unreachable++
			}
			oldAttacker := oldAttackers[j]
			switch {
			case oldAsset == nil || oldAttacker == nil:
				out.Added++
			case a.Name != oldAsset.Name, t.Name != oldAttacker.Name, !slices.Equal(a.Properties, oldAsset.Properties),
				risk[a.Impact.row()][t.Likelihood.row()] != risk[oldAsset.Impact.row()][oldAttacker.Likelihood.row()],
				open != reachable(then[a.ID], oldAttacker.Boundaries):
				out.Changed++
			}
		}
	}
	out.Removed = len(before.Assets)*len(before.Attackers) - (out.Total - out.Added)
	return out
}
