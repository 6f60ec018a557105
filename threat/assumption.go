package threat

import "slices"

// AssumptionKind says how an assumption is made to count.
type AssumptionKind string

// The kinds: a person attests an external one; a non-applicability is verified by machine.
const (
	External         AssumptionKind = "external"
	NonApplicability AssumptionKind = "non_applicability"
)

// AssumptionKinds lists the legal kinds.
func AssumptionKinds() []AssumptionKind { return []AssumptionKind{External, NonApplicability} }

// AssumptionState is where an assumption is in its life. States are events beside the versions; only active and violated
// assumptions are part of a [Structure].
type AssumptionState string

// The states (specification §5).
const (
	Active   AssumptionState = "active"
	Violated AssumptionState = "violated"
	Retired  AssumptionState = "retired"
	Deleted  AssumptionState = "deleted"
)

// AssumptionStates lists the legal states.
func AssumptionStates() []AssumptionState {
	return []AssumptionState{Active, Violated, Retired, Deleted}
}

// CanBecome reports whether the state machine of specification §5 has the step from s to next.
func (s AssumptionState) CanBecome(next AssumptionState) bool {
	switch next {
	case Active:
		return s == Violated || s == Deleted
	case Violated:
		return s == Active
	case Retired:
		return s == Active || s == Violated
	case Deleted:
		return s == Active || s == Violated || s == Retired
	}
	return false
}

// Assumption is a statement that the model relies on and does not prove by controls.
type Assumption struct {
	ID         ID             `json:"id"`
	Text       string         `json:"text"`
	Kind       AssumptionKind `json:"kind"`
	Objectives []ID           `json:"control_objectives,omitempty"` // the COs it is linked to
	Separation *Separation    `json:"separation,omitempty"`         // set on computed boundary assumptions only
	Basis      []string       `json:"basis,omitempty"`
}

// Separation is what a computed boundary assumption states: the attacker does not reach what is exposed only through
// these boundaries.
type Separation struct {
	Attacker   ID   `json:"attacker"`
	Boundaries []ID `json:"trust_boundaries"`
}

func (s *Separation) equal(o *Separation) bool {
	if s == nil || o == nil {
		return s == o
	}
	return s.Attacker == o.Attacker && slices.Equal(s.Boundaries, o.Boundaries)
}

// AssumptionEdit changes the fields that are not nil.
type AssumptionEdit struct {
	Text       *string
	Kind       *AssumptionKind
	Objectives []ID // nil keeps them; an empty list clears them
}

func (a *Assumption) check() (err error) {
	if a.Text, err = required(a.Text, "text", MaxText, Text); err != nil {
		return err
	}
	if !slices.Contains(AssumptionKinds(), a.Kind) {
		return invalidEnum("kind", a.Kind, AssumptionKinds()).In("kind")
	}
	a.Objectives = idsOrNil(a.Objectives)
	a.Basis, err = basis(a.Basis)
	return err
}

func (e AssumptionEdit) apply(a *Assumption) {
	set(&a.Text, e.Text)
	set(&a.Kind, e.Kind)
	if e.Objectives != nil {
		a.Objectives = e.Objectives
	}
}
