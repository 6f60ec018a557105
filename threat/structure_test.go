package threat_test

import (
	"testing"

	"github.com/redoubt-dev/redoubt/threat"
)

// What a decoded structure can be wrong in, beyond what the operations already refuse.
func TestCheckRefusals(t *testing.T) {
	for _, c := range []struct {
		name        string
		change      func(*threat.Structure)
		code        threat.Code
		field, hint string
	}{
		{"id of another kind", func(s *threat.Structure) { s.Assets[0].ID = "T1" }, threat.Invalid, "id", `"A1"`},
		{"no id", func(s *threat.Structure) { s.Boundaries[0].ID = "" }, threat.Invalid, "id", `"TB1"`},
		{"an id twice", func(s *threat.Structure) { s.Assets[1].ID = "A1" }, threat.Invalid, "id", "next"},
		{"a name twice", func(s *threat.Structure) { s.Assets[1].Name = "tokens" }, threat.Conflict, "A2", "A1"},
		{"an entity that is wrong", func(s *threat.Structure) { s.Attackers[0].Likelihood = "" }, threat.Invalid, "T1.likelihood", "H, M, L"},
		{"an unknown boundary", func(s *threat.Structure) { s.Attackers[0].Boundaries = []threat.ID{"TB2"} }, threat.NotFound, "trust_boundaries", "TB1"},
		{"an unknown asset", func(s *threat.Structure) { s.Boundaries[0].Assets = []threat.ID{"A1", "A3"} }, threat.NotFound, "assets", "A1, A2"},
		{"what is no CO", func(s *threat.Structure) { s.Assumptions[0].Objectives = []threat.ID{"A1-T1"} }, threat.Invalid, "control_objectives", "CO-A1-T2"},
		{"a feature that is not UTF-8", func(s *threat.Structure) { s.Feature = "\xff" }, threat.Invalid, "feature_description", "UTF-8"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _ := sample(t)
			c.change(s)
			refused(t, s.Check(), c.code, c.field, c.hint)
		})
	}
}

func TestCheckNormalises(t *testing.T) {
	s := &threat.Structure{
		Feature: "  a\r\nb ",
		Assets: []threat.Asset{
			{ID: "A10", Name: " ten ", Properties: []threat.Property{"U", "C", "U"}, Impact: "H", Basis: []string{""}},
			{ID: "A2", Name: "two", Properties: []threat.Property{"A"}, Impact: "L"},
		},
		Attackers:  []threat.Attacker{{ID: "T1", Name: "t", Capability: "c", Position: "p", Likelihood: "M", Boundaries: []threat.ID{}}},
		Boundaries: []threat.Boundary{{ID: "TB1", Name: "b", Assets: []threat.ID{"A10", "A2", "A10"}}},
	}
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
	want := &threat.Structure{
		Feature: "a\nb",
		Assets: []threat.Asset{
			{ID: "A2", Name: "two", Properties: []threat.Property{"A"}, Impact: "L"},
			{ID: "A10", Name: "ten", Properties: []threat.Property{"C", "U"}, Impact: "H"},
		},
		Attackers:  []threat.Attacker{{ID: "T1", Name: "t", Capability: "c", Position: "p", Likelihood: "M"}},
		Boundaries: []threat.Boundary{{ID: "TB1", Name: "b", Assets: []threat.ID{"A2", "A10"}}},
	}
	mustEqual(t, "normalised", s, want)
	if s.Attackers[0].Boundaries != nil || s.Assets[1].Basis != nil {
		t.Error("an empty list and no list are two forms of the same content")
	}
}

func TestFindByID(t *testing.T) {
	s, _ := sample(t)
	if s.Asset("A2") != &s.Assets[1] || s.Asset("A3") != nil || s.Asset("T1") != nil || s.Asset("") != nil {
		t.Error("Asset finds the wrong one")
	}
	if s.Attacker("T1") == nil || s.Boundary("TB1") == nil || s.Assumption("AS1") == nil || s.Assumption("A1") != nil {
		t.Error("what is there is not found")
	}
	for id, want := range map[threat.ID]bool{"CO-A1-T1": true, "CO-A2-T1": true, "CO-A3-T1": false, "CO-A1-T2": false, "A1": false} {
		if s.HasObjective(id) != want {
			t.Errorf("HasObjective(%s) = %v", id, !want)
		}
	}
}
