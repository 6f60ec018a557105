package threat

// Attacker is who an asset is protected from: a capability and a position.
type Attacker struct {
	ID         ID       `json:"id"`
	Name       string   `json:"name"`
	Capability string   `json:"capability"`          // the operations it can perform
	Position   string   `json:"position"`            // where it stands
	Archetype  string   `json:"archetype,omitempty"` // e.g. "external", "insider", "supply chain"
	Likelihood Level    `json:"likelihood"`
	Boundaries []ID     `json:"trust_boundaries,omitempty"` // where it stands; none is silence, never read as safety
	Basis      []string `json:"basis,omitempty"`
}

// AttackerEdit changes the fields that are not nil.
type AttackerEdit struct {
	Name       *string
	Capability *string
	Position   *string
	Archetype  *string
	Likelihood *Level
	Boundaries []ID // nil keeps them; an empty list clears them
}

func (t *Attacker) check() (err error) {
	if t.Name, err = required(t.Name, "name", MaxName, Line); err != nil {
		return err
	}
	if t.Capability, err = required(t.Capability, "capability", MaxText, Text); err != nil {
		return err
	}
	if t.Position, err = required(t.Position, "position", MaxText, Text); err != nil {
		return err
	}
	if t.Archetype, err = optional(t.Archetype, "archetype", MaxName, Line); err != nil {
		return err
	}
	if t.Basis, err = basis(t.Basis); err != nil {
		return err
	}
	t.Boundaries = idsOrNil(t.Boundaries)
	return checkLevel(t.Likelihood, "likelihood")
}

func (e AttackerEdit) apply(t *Attacker) {
	set(&t.Name, e.Name)
	set(&t.Capability, e.Capability)
	set(&t.Position, e.Position)
	set(&t.Archetype, e.Archetype)
	set(&t.Likelihood, e.Likelihood)
	if e.Boundaries != nil {
		t.Boundaries = e.Boundaries
	}
}

// idsOrNil sorts ids without repeats; an empty list becomes nil so that equal content has one form.
func idsOrNil(ids []ID) []ID {
	if len(ids) == 0 {
		return nil
	}
	return SortIDs(ids)
}
