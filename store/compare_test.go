package store_test

import (
	"testing"

	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// An edit that changes nothing makes no rows: neither the same content, nor an empty list in the place of none.
func TestCompare(t *testing.T) {
	s, _ := testenv.Structure(t, 3, 2)
	empty := func(a, b *threat.Structure) bool {
		t.Helper()
		changes, err := store.Compare(a, b)
		if err != nil {
			t.Fatal(err)
		}
		return changes.Empty()
	}
	same := s.Clone()
	same.Assets[0].Basis = []string{}
	same.Attackers[0].Boundaries = []threat.ID{}
	if !empty(s, s.Clone()) || !empty(s, same) || !empty(&threat.Structure{}, &threat.Structure{Assets: []threat.Asset{}}) {
		t.Error("the same content is not empty")
	}
	for name, change := range map[string]func(*threat.Structure){
		"feature":  func(s *threat.Structure) { s.Feature += "!" },
		"field":    func(s *threat.Structure) { s.Assets[1].Notes += "!" },
		"removal":  func(s *threat.Structure) { s.Attackers = s.Attackers[:1] },
		"addition": func(s *threat.Structure) { s.Assets = append(s.Assets, threat.Asset{ID: "A99", Name: "x"}) },
	} {
		changed := s.Clone()
		change(changed)
		if empty(s, changed) || empty(changed, s) {
			t.Errorf("a change of %s is empty", name)
		}
	}
}
