package threat

import (
	"fmt"
	"slices"
	"sort"
	"strings"
)

// Bounds on the size of one model. The product of assets and attackers bounds the COs.
const (
	MaxAssets      = 500
	MaxAttackers   = 200
	MaxBoundaries  = 200
	MaxAssumptions = 2_000
	MaxObjectives  = 20_000
)

// Structure is the versioned content of a model. Entities are in id order; a Structure that came out of this package's
// operations satisfies [Structure.Check].
type Structure struct {
	Feature     string       `json:"feature_description"`
	Assets      []Asset      `json:"assets"`
	Attackers   []Attacker   `json:"attackers"`
	Boundaries  []Boundary   `json:"trust_boundaries"`
	Assumptions []Assumption `json:"assumptions"`
}

// Clone returns a copy whose entity lists are independent of s. Slices inside an entity are shared; the operations of
// this package replace them and never write into them.
func (s *Structure) Clone() *Structure {
	return &Structure{
		Feature:     s.Feature,
		Assets:      slices.Clone(s.Assets),
		Attackers:   slices.Clone(s.Attackers),
		Boundaries:  slices.Clone(s.Boundaries),
		Assumptions: slices.Clone(s.Assumptions),
	}
}

// Asset returns the asset with an id, or nil.
func (s *Structure) Asset(id ID) *Asset { return find(s.Assets, id, assetID) }

// Attacker returns the attacker with an id, or nil.
func (s *Structure) Attacker(id ID) *Attacker { return find(s.Attackers, id, attackerID) }

// Boundary returns the trust boundary with an id, or nil.
func (s *Structure) Boundary(id ID) *Boundary { return find(s.Boundaries, id, boundaryID) }

// Assumption returns the assumption with an id, or nil.
func (s *Structure) Assumption(id ID) *Assumption { return find(s.Assumptions, id, assumptionID) }

// HasObjective reports whether a CO id names a live pair.
func (s *Structure) HasObjective(id ID) bool {
	a, t, ok := SplitObjective(id)
	return ok && s.Asset(a) != nil && s.Attacker(t) != nil
}

func assetID(a *Asset) ID           { return a.ID }
func attackerID(t *Attacker) ID     { return t.ID }
func boundaryID(b *Boundary) ID     { return b.ID }
func assumptionID(a *Assumption) ID { return a.ID }

func assetName(a *Asset) string       { return a.Name }
func attackerName(t *Attacker) string { return t.Name }
func boundaryName(b *Boundary) string { return b.Name }

// find searches a list in id order. The ids of a list are of one kind, so their numbers order them.
func find[E any](list []E, id ID, of func(*E) ID) *E {
	n := id.Number()
	i := sort.Search(len(list), func(i int) bool { return of(&list[i]).Number() >= n })
	if i == len(list) || of(&list[i]) != id {
		return nil
	}
	return &list[i]
}

func ids[E any](list []E, of func(*E) ID) []ID {
	out := make([]ID, len(list))
	for i := range list {
		out[i] = of(&list[i])
	}
	return out
}

// Unknown is the refusal of an id that the model does not have; the hint lists valid ones.
func Unknown(what string, id ID, valid []ID) *Error {
	e := Errorf(NotFound, "there is no %s %s in this model", what, Clip(string(id), 40))
	if len(valid) == 0 {
		return e.Hinted("the model has no %s yet", what)
	}
	return e.Hinted("valid: %s", IDList(valid, 20))
}

// IDList writes ids for a message, at most limit of them.
func IDList(ids []ID, limit int) string {
	var b strings.Builder
	for i, id := range ids {
		if i == limit {
			fmt.Fprintf(&b, " and %d more", len(ids)-limit)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(string(id))
	}
	return b.String()
}

// Check validates and normalises the whole structure: every entity, unique ids of the right kind, unique names, and every
// reference. It returns [Invalid] or [Conflict] naming the first thing wrong; s is then unusable.
func (s *Structure) Check() error {
	var err error
	if s.Feature, err = optional(s.Feature, "feature_description", MaxFeature, Text); err != nil {
		return err
	}
	if len(s.Assets) > MaxAssets || len(s.Attackers) > MaxAttackers || len(s.Boundaries) > MaxBoundaries ||
		len(s.Assumptions) > MaxAssumptions || len(s.Assets)*len(s.Attackers) > MaxObjectives {
		return Errorf(Invalid, "the model would have %d assets, %d attackers, %d trust boundaries and %d assumptions",
			len(s.Assets), len(s.Attackers), len(s.Boundaries), len(s.Assumptions)).
			Hinted("at most %d, %d, %d and %d, and %d control objectives; split the feature into several models",
				MaxAssets, MaxAttackers, MaxBoundaries, MaxAssumptions, MaxObjectives)
	}
	if err := checkAll(s.Assets, KindAsset, assetID, (*Asset).check, assetName); err != nil {
		return err
	}
	if err := checkAll(s.Attackers, KindAttacker, attackerID, (*Attacker).check, attackerName); err != nil {
		return err
	}
	if err := checkAll(s.Boundaries, KindBoundary, boundaryID, (*Boundary).check, boundaryName); err != nil {
		return err
	}
	if err := checkAll(s.Assumptions, KindAssumption, assumptionID, (*Assumption).check, assumptionName); err != nil {
		return err
	}
	return s.checkReferences()
}

func checkAll[E any](list []E, kind Kind, of func(*E) ID, check func(*E) error, name func(*E) string) error {
	inOrder := func(i, j int) bool { return CompareIDs(of(&list[i]), of(&list[j])) < 0 }
	if !sort.SliceIsSorted(list, inOrder) {
		sort.SliceStable(list, inOrder)
	}
	seen := make(map[string]ID, len(list))
	for i := range list {
		e := &list[i]
		id := of(e)
		if id.Kind() != kind {
			return Errorf(Invalid, "%q is not the id of a %s", Clip(string(id), 40), kind.Words()).In("id").
				Hinted("ids look like %q; leave it out to get the next one", prefixes[kind]+"1")
		}
		if i > 0 && of(&list[i-1]) == id {
			return Errorf(Invalid, "%s stands twice", id).In("id").Hinted("an id names one thing: edit it, or leave the id out to get the next one")
		}
		if err := check(e); err != nil {
			return inField(err, string(id))
		}
		key := fold(name(e))
		if other, ok := seen[key]; ok {
			return Errorf(Conflict, "%s already has this name", other).In(string(id)).
				Hinted("edit %s, or choose a name that tells the two apart", other)
		}
		seen[key] = id
	}
	return nil
}

// assumptionName is what must be unique among assumptions: the text, but for computed ones, whose text is clipped. No text
// holds the NUL that stands before their id.
func assumptionName(a *Assumption) string {
	if a.Separation != nil {
		return "\x00" + string(a.ID)
	}
	return a.Text
}

// Words returns the kind as it is written in a sentence.
func (k Kind) Words() string { return strings.ReplaceAll(string(k), "_", " ") }

func (s *Structure) checkReferences() error {
	for i := range s.Attackers {
		for _, b := range s.Attackers[i].Boundaries {
			if s.Boundary(b) == nil {
				return Unknown("trust boundary", b, ids(s.Boundaries, boundaryID)).In("trust_boundaries")
			}
		}
	}
	for i := range s.Boundaries {
		for _, a := range s.Boundaries[i].Assets {
			if s.Asset(a) == nil {
				return Unknown("asset", a, ids(s.Assets, assetID)).In("assets")
			}
		}
	}
	for i := range s.Assumptions {
		for _, co := range s.Assumptions[i].Objectives {
			if _, _, ok := SplitObjective(co); !ok {
				return Errorf(Invalid, "%q is not the id of a control objective", Clip(string(co), 40)).
					In("control_objectives").Hinted(`ids look like "CO-A1-T2"`)
			}
		}
	}
	return nil
}
