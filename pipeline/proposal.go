package pipeline

import (
	"github.com/redoubt-dev/redoubt/threat"
)

// Output is an engine's answer. A step fills its own lists: assets for the two asset steps, attackers for the two
// attacker steps, boundaries and assumptions for [Boundaries], controls for [GenerateControls]. The refine steps answer
// with the whole improved list.
type Output struct {
	Assets      []AssetProposal      `json:"assets,omitempty"`
	Attackers   []AttackerProposal   `json:"attackers,omitempty"`
	Boundaries  []BoundaryProposal   `json:"trust_boundaries,omitempty"`
	Assumptions []AssumptionProposal `json:"assumptions,omitempty"`
	Controls    []ControlProposal    `json:"controls,omitempty"`
	Reuse       []Reuse              `json:"reuse,omitempty"` // resolved into Controls before they are accepted
}

// AssetProposal is an asset before it has an id.
type AssetProposal struct {
	Name        string            `json:"name"`
	Description string            `json:"description"`
	Properties  []threat.Property `json:"properties"`
	Impact      threat.Level      `json:"impact"`
	Notes       string            `json:"notes,omitempty"`
	Basis       []string          `json:"basis,omitempty"` // the words of the description that led to it
}

// AttackerProposal is an attacker before it has an id.
type AttackerProposal struct {
	Name       string       `json:"name"`
	Capability string       `json:"capability"`
	Position   string       `json:"position"`
	Archetype  string       `json:"archetype,omitempty"`
	Likelihood threat.Level `json:"likelihood"`
	Basis      []string     `json:"basis,omitempty"`
}

// BoundaryProposal is a trust boundary before it has an id. Assets and attackers are named by the ids of the draft.
type BoundaryProposal struct {
	Name        string      `json:"name"`
	Description string      `json:"description"`
	Assets      []threat.ID `json:"assets"`
	Attackers   []threat.ID `json:"attackers"`
	Basis       []string    `json:"basis,omitempty"`
}

// AssumptionProposal is an assumption before it has an id.
type AssumptionProposal struct {
	Text       string                `json:"text"`
	Kind       threat.AssumptionKind `json:"kind"`
	Objectives []threat.ID           `json:"control_objectives,omitempty"`
	Basis      []string              `json:"basis,omitempty"`
}

// ControlProposal is a control before it has an id.
type ControlProposal struct {
	Description string          `json:"description"`
	Facets      []FacetProposal `json:"facets"`
	Mitigates   []Mitigation    `json:"mitigates"`
	Notes       string          `json:"notes,omitempty"`
	Basis       []string        `json:"basis,omitempty"`
}

// FacetProposal is a facet before it has an id.
type FacetProposal struct {
	Text string           `json:"text"`
	Kind threat.FacetKind `json:"kind"`
}

// Mitigation says that a control helps a CO, and in which of its mitigation groups: 1, 2 …, or 0 for defence in depth.
type Mitigation struct {
	Objective threat.ID `json:"control_objective"`
	Group     int       `json:"group"`
}

// Reuse lets a control of an earlier batch, K1, K2 … in the order of the draft, serve COs of this one.
type Reuse struct {
	Control   string       `json:"control"`
	Mitigates []Mitigation `json:"mitigates"`
}
