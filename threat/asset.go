package threat

// Asset is data or a resource that needs protecting.
type Asset struct {
	ID          ID         `json:"id"`
	Name        string     `json:"name"`
	Description string     `json:"description,omitempty"`
	Properties  []Property `json:"properties"`
	Impact      Level      `json:"impact"`
	Notes       string     `json:"notes,omitempty"`
	Basis       []string   `json:"basis,omitempty"` // the words of the description that led to it
}

// AssetEdit changes the fields that are not nil.
type AssetEdit struct {
	Name        *string
	Description *string
	Properties  []Property // nil keeps them; an empty list is refused
	Impact      *Level
	Notes       *string
}

func (a *Asset) check() (err error) {
	if a.Name, err = required(a.Name, "name", MaxName, Line); err != nil {
		return err
	}
	if a.Description, err = optional(a.Description, "description", MaxDescription, Text); err != nil {
		return err
	}
	if a.Notes, err = optional(a.Notes, "notes", MaxText, Text); err != nil {
		return err
	}
	if a.Properties, err = checkProperties(a.Properties); err != nil {
		return err
	}
	if a.Basis, err = basis(a.Basis); err != nil {
		return err
	}
	return checkLevel(a.Impact, "impact")
}

func (e AssetEdit) apply(a *Asset) {
	set(&a.Name, e.Name)
	set(&a.Description, e.Description)
	set(&a.Impact, e.Impact)
	set(&a.Notes, e.Notes)
	if e.Properties != nil {
		a.Properties = e.Properties
	}
}

func set[T any](dst *T, src *T) {
	if src != nil {
		*dst = *src
	}
}
