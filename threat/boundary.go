package threat

// Boundary is a trust boundary: where trust changes. Attackers stand at it, assets are exposed through it.
type Boundary struct {
	ID          ID       `json:"id"`
	Name        string   `json:"name"`
	Description string   `json:"description,omitempty"`
	Assets      []ID     `json:"assets,omitempty"` // the assets exposed through it
	Basis       []string `json:"basis,omitempty"`
}

// BoundaryEdit changes the fields that are not nil.
type BoundaryEdit struct {
	Name        *string
	Description *string
	Assets      []ID // nil keeps them; an empty list clears them
}

func (b *Boundary) check() (err error) {
	if b.Name, err = required(b.Name, "name", MaxName, Line); err != nil {
		return err
	}
	if b.Description, err = optional(b.Description, "description", MaxDescription, Text); err != nil {
		return err
	}
	b.Assets = idsOrNil(b.Assets)
	b.Basis, err = basis(b.Basis)
	return err
}

func (e BoundaryEdit) apply(b *Boundary) {
	set(&b.Name, e.Name)
	set(&b.Description, e.Description)
	if e.Assets != nil {
		b.Assets = e.Assets
	}
}
