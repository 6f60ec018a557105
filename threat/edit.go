package threat

import (
	"slices"
	"strings"
)

// Every operation here either changes s and leaves it valid, or returns an error and leaves s as it was. Ids come from c,
// whose numbers are taken only when the operation succeeds.

// change runs op on a copy of s and of c, checks the result, and puts it in place.
func (s *Structure) change(c Counters, op func(*Structure, Counters) error) error {
	next, counters := s.Clone(), c.Clone()
	if err := op(next, counters); err != nil {
		return err
	}
	if err := next.Check(); err != nil {
		return err
	}
	*s = *next
	for k, n := range counters {
		c[k] = n
	}
	return nil
}

// SetAssets replaces all assets by new ones under the next ids, as a generation does. Errors: [Invalid], [Conflict], [NotFound]
// (a trust boundary exposes one that goes).
func (s *Structure) SetAssets(c Counters, list []Asset) error {
	return s.change(c, func(s *Structure, c Counters) error {
		s.Assets = slices.Clone(list)
		for i := range s.Assets {
			s.Assets[i].ID = c.Next(KindAsset)
		}
		return nil
	})
}

// SetAttackers replaces all attackers by new ones under the next ids, as a generation does. Errors: [Invalid], [Conflict],
// [NotFound] (a trust boundary).
func (s *Structure) SetAttackers(c Counters, list []Attacker) error {
	return s.change(c, func(s *Structure, c Counters) error {
		s.Attackers = slices.Clone(list)
		for i := range s.Attackers {
			s.Attackers[i].ID = c.Next(KindAttacker)
		}
		return nil
	})
}

// AddAsset adds a under the next id, or under a.ID when it is a removed asset that comes back. It returns the asset as
// stored. Errors: [Invalid], [Conflict] (the name is taken).
func (s *Structure) AddAsset(c Counters, a Asset) (Asset, error) {
	err := s.change(c, func(s *Structure, c Counters) error {
		if err := a.check(); err != nil {
			return err
		}
		if err := free(s.Assets, a.ID, a.Name, assetID, assetName); err != nil {
			return err
		}
		a.ID = c.give(KindAsset, a.ID)
		s.Assets = append(s.Assets, a)
		return nil
	})
	if err != nil {
		return Asset{}, err
	}
	return *s.Asset(a.ID), nil
}

// free returns [Conflict] when another entity than self already has a name; a new one has no id yet.
func free[E any](list []E, self ID, name string, of func(*E) ID, nameOf func(*E) string) error {
	for i := range list {
		if id := of(&list[i]); id != self && strings.EqualFold(nameOf(&list[i]), name) {
			return Errorf(Conflict, "%s already has this name", id).In("name").
				Hinted("edit %s, or choose a name that tells the two apart", id)
		}
	}
	return nil
}

// freeText is free for assumptions, which have a text for a name. Computed ones may repeat each other.
func (s *Structure) freeText(a *Assumption) error {
	if a.Separation != nil {
		return nil
	}
	for i := range s.Assumptions {
		if o := &s.Assumptions[i]; o.ID != a.ID && strings.EqualFold(assumptionName(o), a.Text) {
			return Errorf(Conflict, "%s already says this", o.ID).In("text").Hinted("edit %s instead, or leave this one out", o.ID)
		}
	}
	return nil
}

// EditAsset changes an asset. Errors: [NotFound], [Invalid], [Conflict].
func (s *Structure) EditAsset(id ID, e AssetEdit) (Asset, error) {
	err := s.change(nil, func(s *Structure, _ Counters) error {
		a := s.Asset(id)
		if a == nil {
			return Unknown("asset", id, ids(s.Assets, assetID))
		}
		e.apply(a)
		if err := a.check(); err != nil {
			return err
		}
		return free(s.Assets, a.ID, a.Name, assetID, assetName)
	})
	if err != nil {
		return Asset{}, err
	}
	return *s.Asset(id), nil
}

// RemoveAsset removes an asset and takes it out of the boundaries that expose it. Errors: [NotFound].
func (s *Structure) RemoveAsset(id ID) error {
	return s.change(nil, func(s *Structure, _ Counters) error {
		if s.Asset(id) == nil {
			return Unknown("asset", id, ids(s.Assets, assetID))
		}
		s.Assets = without(s.Assets, id, assetID)
		for i := range s.Boundaries {
			s.Boundaries[i].Assets = withoutID(s.Boundaries[i].Assets, id)
		}
		return nil
	})
}

// AddAttacker adds t under the next id, or under t.ID when it is a removed attacker that comes back. It returns the
// attacker as stored. Errors: [Invalid], [Conflict] (the name is taken), [NotFound] (a trust boundary).
func (s *Structure) AddAttacker(c Counters, t Attacker) (Attacker, error) {
	err := s.change(c, func(s *Structure, c Counters) error {
		if err := t.check(); err != nil {
			return err
		}
		if err := free(s.Attackers, t.ID, t.Name, attackerID, attackerName); err != nil {
			return err
		}
		t.ID = c.give(KindAttacker, t.ID)
		s.Attackers = append(s.Attackers, t)
		return nil
	})
	if err != nil {
		return Attacker{}, err
	}
	return *s.Attacker(t.ID), nil
}

// EditAttacker changes an attacker. Errors: [NotFound], [Invalid], [Conflict].
func (s *Structure) EditAttacker(id ID, e AttackerEdit) (Attacker, error) {
	err := s.change(nil, func(s *Structure, _ Counters) error {
		t := s.Attacker(id)
		if t == nil {
			return Unknown("attacker", id, ids(s.Attackers, attackerID))
		}
		e.apply(t)
		if err := t.check(); err != nil {
			return err
		}
		return free(s.Attackers, t.ID, t.Name, attackerID, attackerName)
	})
	if err != nil {
		return Attacker{}, err
	}
	return *s.Attacker(id), nil
}

// RemoveAttacker removes an attacker. Errors: [NotFound].
func (s *Structure) RemoveAttacker(id ID) error {
	return s.change(nil, func(s *Structure, _ Counters) error {
		if s.Attacker(id) == nil {
			return Unknown("attacker", id, ids(s.Attackers, attackerID))
		}
		s.Attackers = without(s.Attackers, id, attackerID)
		return nil
	})
}

// AddBoundary adds b under the next id, or under b.ID when it is a removed boundary that comes back. Errors: [Invalid],
// [Conflict], [NotFound] (an asset).
func (s *Structure) AddBoundary(c Counters, b Boundary) (Boundary, error) {
	err := s.change(c, func(s *Structure, c Counters) error {
		if err := b.check(); err != nil {
			return err
		}
		if err := free(s.Boundaries, b.ID, b.Name, boundaryID, boundaryName); err != nil {
			return err
		}
		b.ID = c.give(KindBoundary, b.ID)
		s.Boundaries = append(s.Boundaries, b)
		return nil
	})
	if err != nil {
		return Boundary{}, err
	}
	return *s.Boundary(b.ID), nil
}

// EditBoundary changes a trust boundary. Errors: [NotFound], [Invalid], [Conflict].
func (s *Structure) EditBoundary(id ID, e BoundaryEdit) (Boundary, error) {
	err := s.change(nil, func(s *Structure, _ Counters) error {
		b := s.Boundary(id)
		if b == nil {
			return Unknown("trust boundary", id, ids(s.Boundaries, boundaryID))
		}
		e.apply(b)
		if err := b.check(); err != nil {
			return err
		}
		return free(s.Boundaries, b.ID, b.Name, boundaryID, boundaryName)
	})
	if err != nil {
		return Boundary{}, err
	}
	return *s.Boundary(id), nil
}

// RemoveBoundary removes a trust boundary and takes it from the attackers that stood at it. Errors: [NotFound].
func (s *Structure) RemoveBoundary(id ID) error {
	return s.change(nil, func(s *Structure, _ Counters) error {
		if s.Boundary(id) == nil {
			return Unknown("trust boundary", id, ids(s.Boundaries, boundaryID))
		}
		s.Boundaries = without(s.Boundaries, id, boundaryID)
		for i := range s.Attackers {
			s.Attackers[i].Boundaries = withoutID(s.Attackers[i].Boundaries, id)
		}
		return nil
	})
}

// StandAt makes exactly the given attackers stand at a trust boundary. Errors: [NotFound] (the boundary, an attacker).
func (s *Structure) StandAt(boundary ID, attackers []ID) error {
	return s.change(nil, func(s *Structure, _ Counters) error {
		if s.Boundary(boundary) == nil {
			return Unknown("trust boundary", boundary, ids(s.Boundaries, boundaryID))
		}
		for _, id := range attackers {
			if s.Attacker(id) == nil {
				return Unknown("attacker", id, ids(s.Attackers, attackerID)).In("attackers")
			}
		}
		for i := range s.Attackers {
			t := &s.Attackers[i]
			has, want := slices.Contains(t.Boundaries, boundary), slices.Contains(attackers, t.ID)
			switch {
			case want && !has:
				t.Boundaries = SortIDs(append(slices.Clone(t.Boundaries), boundary))
			case has && !want:
				t.Boundaries = withoutID(t.Boundaries, boundary)
			}
		}
		return nil
	})
}

// AddAssumption adds a under the next id, or under a.ID when it is a removed assumption that comes back. Errors:
// [Invalid], [Conflict], [NotFound] (a CO).
func (s *Structure) AddAssumption(c Counters, a Assumption) (Assumption, error) {
	err := s.change(c, func(s *Structure, c Counters) error {
		if err := a.check(); err != nil {
			return err
		}
		if err := s.freeText(&a); err != nil {
			return err
		}
		if err := s.liveObjectives(a.Objectives); err != nil {
			return err
		}
		a.ID = c.give(KindAssumption, a.ID)
		s.Assumptions = append(s.Assumptions, a)
		return nil
	})
	if err != nil {
		return Assumption{}, err
	}
	return *s.Assumption(a.ID), nil
}

// EditAssumption changes an assumption. Computed boundary assumptions follow from the boundaries and are refused with
// [FailedPrecondition]. Errors: [NotFound], [Invalid], [Conflict].
func (s *Structure) EditAssumption(id ID, e AssumptionEdit) (Assumption, error) {
	err := s.change(nil, func(s *Structure, _ Counters) error {
		a := s.Assumption(id)
		if a == nil {
			return Unknown("assumption", id, ids(s.Assumptions, assumptionID))
		}
		if a.Separation != nil {
			return computed(id)
		}
		if err := s.liveObjectives(e.Objectives); err != nil {
			return err
		}
		e.apply(a)
		if err := a.check(); err != nil {
			return err
		}
		return s.freeText(a)
	})
	if err != nil {
		return Assumption{}, err
	}
	return *s.Assumption(id), nil
}

// RemoveAssumption removes an assumption. Computed boundary assumptions are refused with [FailedPrecondition]: an
// unreachable CO never loses its assumption. Errors: [NotFound].
func (s *Structure) RemoveAssumption(id ID) error {
	return s.change(nil, func(s *Structure, _ Counters) error {
		a := s.Assumption(id)
		if a == nil {
			return Unknown("assumption", id, ids(s.Assumptions, assumptionID))
		}
		if a.Separation != nil {
			return computed(id)
		}
		s.Assumptions = without(s.Assumptions, id, assumptionID)
		return nil
	})
}

func computed(id ID) *Error {
	return Errorf(FailedPrecondition, "%s is computed from the trust boundaries", id).
		Hinted("change the boundaries of its attacker or assets instead (edit_trust_boundaries, edit_attacker)")
}

// SetFeature replaces the feature description. Errors: [Invalid].
func (s *Structure) SetFeature(text string) error {
	return s.change(nil, func(s *Structure, _ Counters) (err error) {
		s.Feature, err = required(text, "feature_description", MaxFeature, Text)
		return err
	})
}

func (s *Structure) liveObjectives(cos []ID) error {
	for _, co := range cos {
		if !s.HasObjective(co) {
			return s.UnknownObjective(co).In("control_objectives")
		}
	}
	return nil
}

// UnknownObjective is the refusal of a CO id that names no live pair; the hint says which half is wrong.
func (s *Structure) UnknownObjective(co ID) *Error {
	e := Errorf(NotFound, "there is no control objective %s in this model", Clip(string(co), 40))
	a, t, ok := SplitObjective(co)
	switch {
	case !ok:
		return e.Hinted(`ids name an asset and an attacker, such as "CO-A1-T2"; see get_control_objectives`)
	case s.Asset(a) == nil:
		return e.Hinted("no asset %s; %s", a, Unknown("asset", a, ids(s.Assets, assetID)).Hint)
	default:
		return e.Hinted("no attacker %s; %s", t, Unknown("attacker", t, ids(s.Attackers, attackerID)).Hint)
	}
}

func without[E any](list []E, id ID, of func(*E) ID) []E {
	return slices.DeleteFunc(slices.Clone(list), func(e E) bool { return of(&e) == id })
}

func withoutID(list []ID, id ID) []ID {
	if !slices.Contains(list, id) {
		return list
	}
	return idsOrNil(slices.DeleteFunc(slices.Clone(list), func(x ID) bool { return x == id }))
}
