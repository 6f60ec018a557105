package threat

import "slices"

// Equal reports whether two assets say the same. An empty list is as good as none, here and below.
func (a *Asset) Equal(b *Asset) bool {
	return a.ID == b.ID && a.Name == b.Name && a.Description == b.Description && a.Impact == b.Impact && a.Notes == b.Notes &&
		slices.Equal(a.Properties, b.Properties) && slices.Equal(a.Basis, b.Basis)
}

// Equal reports whether two attackers say the same.
func (t *Attacker) Equal(o *Attacker) bool {
	return t.ID == o.ID && t.Name == o.Name && t.Capability == o.Capability && t.Position == o.Position &&
		t.Archetype == o.Archetype && t.Likelihood == o.Likelihood &&
		slices.Equal(t.Boundaries, o.Boundaries) && slices.Equal(t.Basis, o.Basis)
}

// Equal reports whether two trust boundaries say the same.
func (b *Boundary) Equal(o *Boundary) bool {
	return b.ID == o.ID && b.Name == o.Name && b.Description == o.Description &&
		slices.Equal(b.Assets, o.Assets) && slices.Equal(b.Basis, o.Basis)
}

// Equal reports whether two assumptions say the same.
func (a *Assumption) Equal(b *Assumption) bool {
	return a.ID == b.ID && a.Text == b.Text && a.Kind == b.Kind && a.Separation.equal(b.Separation) &&
		slices.Equal(a.Objectives, b.Objectives) && slices.Equal(a.Basis, b.Basis)
}
