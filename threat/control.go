package threat

import (
	"slices"
	"strings"
)

// FacetKind is what sort of evidence proves a facet.
type FacetKind string

// The facet kinds (specification §4).
const (
	StructureFacet     FacetKind = "structure"
	BehaviourFacet     FacetKind = "behaviour"
	ConfigurationFacet FacetKind = "configuration"
	DependencyFacet    FacetKind = "dependency"
	IntegrityFacet     FacetKind = "integrity"
	AbsenceFacet       FacetKind = "absence"
	TestFacet          FacetKind = "test"
)

// FacetKinds lists the legal kinds.
func FacetKinds() []FacetKind {
	return []FacetKind{
		StructureFacet, BehaviourFacet, ConfigurationFacet, DependencyFacet, IntegrityFacet, AbsenceFacet, TestFacet,
	}
}

// Source says where a control came from.
type Source string

// The sources.
const (
	Generated  Source = "generated"
	Imported   Source = "imported"
	Manual     Source = "manual"
	Compliance Source = "compliance"
)

// Sources lists the legal sources.
func Sources() []Source { return []Source{Generated, Imported, Manual, Compliance} }

// ControlStatus is what people and agents say of a control. What CI knows is its computed verification.
type ControlStatus string

// The statuses.
const (
	NotImplemented ControlStatus = "not_implemented"
	Implemented    ControlStatus = "implemented"
)

// ControlStatuses lists the legal statuses.
func ControlStatuses() []ControlStatus { return []ControlStatus{NotImplemented, Implemented} }

// Facet is one separately provable part of a control.
type Facet struct {
	ID   ID        `json:"id"` // "C1.a"
	Text string    `json:"text"`
	Kind FacetKind `json:"kind"`
}

// Control is something to implement that mitigates one or more COs.
type Control struct {
	ID            ID            `json:"id"`
	Description   string        `json:"description"`
	Status        ControlStatus `json:"status"`
	Facets        []Facet       `json:"facets"`
	Objectives    []ID          `json:"control_objectives"` // the COs it helps
	Source        Source        `json:"source"`
	FrameworkRefs []string      `json:"framework_refs,omitempty"` // "asvs-5.0:V6.2.1"
	Notes         string        `json:"notes,omitempty"`
	Basis         []string      `json:"basis,omitempty"`
	Revision      int           `json:"revision"`
	NextFacet     int           `json:"next_facet,omitempty"` // number of the next facet letter; letters are never reused
}

// Bounds on one control.
const (
	MaxFacets = 26
	MaxRefs   = 100
	MaxGroups = 20
)

// Check validates and normalises a control; the structure is not consulted, since a control outlives its COs. Errors:
// [Invalid].
func (c *Control) Check() (err error) {
	if c.ID.Kind() != KindControl {
		return Errorf(Invalid, "%q is not the id of a control", Clip(string(c.ID), 40)).In("id").Hinted(`ids look like "C1"`)
	}
	if c.Description, err = required(c.Description, "description", MaxText, Text); err != nil {
		return err
	}
	if c.Notes, err = optional(c.Notes, "notes", MaxText, Text); err != nil {
		return err
	}
	if !slices.Contains(ControlStatuses(), c.Status) {
		return invalidEnum("status", c.Status, ControlStatuses()).In("status")
	}
	if !slices.Contains(Sources(), c.Source) {
		return invalidEnum("source", c.Source, Sources()).In("source")
	}
	if c.Basis, err = basis(c.Basis); err != nil {
		return err
	}
	if len(c.FrameworkRefs) > MaxRefs {
		return Errorf(Invalid, "%d framework references, at most %d fit", len(c.FrameworkRefs), MaxRefs).
			In("framework_refs").Hinted("keep the most specific ones")
	}
	for _, co := range c.Objectives {
		if _, _, ok := SplitObjective(co); !ok {
			return Errorf(Invalid, "%q is not the id of a control objective", Clip(string(co), 40)).
				In("control_objectives").Hinted(`ids look like "CO-A1-T2"`)
		}
	}
	c.Objectives = SortIDs(c.Objectives)
	return c.checkFacets()
}

func (c *Control) checkFacets() (err error) {
	if len(c.Facets) == 0 || len(c.Facets) > MaxFacets {
		return Errorf(Invalid, "a control has 1 to %d facets, this has %d", MaxFacets, len(c.Facets)).In("facets").
			Hinted("name each part that can be proven by itself: {text, kind}")
	}
	seen := map[string]bool{}
	for i := range c.Facets {
		f := &c.Facets[i]
		if f.Text, err = required(f.Text, "text", MaxText, Line); err != nil {
			return inField(err, "facets")
		}
		if !slices.Contains(FacetKinds(), f.Kind) {
			return invalidEnum("kind", f.Kind, FacetKinds()).In("facets.kind")
		}
		key := fold(f.Text)
		if seen[key] {
			return Errorf(Invalid, "two facets say the same").In("facets").Hinted("each facet is a part of its own")
		}
		seen[key] = true
	}
	return nil
}

// SetFacets replaces the facets. One whose text and kind are unchanged keeps its id; every other gets the next letter, and
// letters are not reused (specification §4). Ids given in facets are ignored. Errors: [Invalid].
func (c *Control) SetFacets(facets []Facet) error {
	old := c.Facets
	next := *c
	next.Facets = slices.Clone(facets)
	for i := range next.Facets {
		next.Facets[i].ID = ""
	}
	if err := next.checkFacets(); err != nil {
		return err
	}
	n := max(c.NextFacet, 1)
	for _, o := range old { // a control from elsewhere may come without NextFacet
		n = max(n, FacetNumber(strings.TrimPrefix(string(o.ID), string(c.ID)+"."))+1)
	}
	for i := range next.Facets {
		f := &next.Facets[i]
		for _, o := range old {
			if o.Kind == f.Kind && strings.EqualFold(o.Text, f.Text) {
				f.ID = o.ID
			}
		}
		if f.ID == "" {
			f.ID = c.ID + "." + ID(FacetLetter(n))
			n++
		}
	}
	c.Facets, c.NextFacet = next.Facets, n
	return nil
}

// Group is a mitigation group of a CO: its controls together mitigate it. AND within a group, OR across the groups of a CO.
type Group struct {
	Objective ID   `json:"control_objective"`
	Number    int  `json:"group"` // 1, 2 … per CO
	Controls  []ID `json:"controls"`
}

// Orphaned reports whether all COs of a control are gone: it is then left out of every count, and comes back when an
// entity of one of its COs does.
func (s *Structure) Orphaned(c *Control) bool {
	return !slices.ContainsFunc(c.Objectives, s.HasObjective)
}
