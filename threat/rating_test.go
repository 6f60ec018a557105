package threat_test

import (
	"testing"

	"github.com/redoubt-dev/redoubt/threat"
)

// The table of specification §2, written out by hand.
func TestRisk(t *testing.T) {
	const H, M, L = threat.High, threat.Medium, threat.Low
	for _, c := range []struct {
		impact, likelihood threat.Level
		want               threat.Tier
	}{
		{H, H, "critical"},
		{H, M, "high"},
		{H, L, "medium"},
		{M, H, "high"},
		{M, M, "medium"},
		{M, L, "low"},
		{L, H, "medium"},
		{L, M, "low"},
		{L, L, "low"},
	} {
		if got, err := threat.Risk(c.impact, c.likelihood); err != nil || got != c.want {
			t.Errorf("Risk(%s, %s) = %s, %v; want %s", c.impact, c.likelihood, got, err, c.want)
		}
	}
}

func TestRiskHasNoDefault(t *testing.T) {
	for _, c := range []struct {
		impact, likelihood threat.Level
		field              string
	}{
		{"", "H", "impact"},
		{"H", "", "likelihood"},
		{"high", "H", "impact"},
		{"h", "H", "impact"},
		{"H", "X", "likelihood"},
	} {
		tier, err := threat.Risk(c.impact, c.likelihood)
		refused(t, err, threat.Invalid, c.field, "H, M, L")
		if tier != "" {
			t.Errorf("Risk(%q, %q) gives %q beside its error", c.impact, c.likelihood, tier)
		}
	}
}

func TestStatement(t *testing.T) {
	const C, I, A, U = threat.Confidentiality, threat.Integrity, threat.Availability, threat.Usage
	for _, c := range []struct {
		properties []threat.Property
		want       string
	}{
		{[]threat.Property{C}, "Confidentiality of OAuth Tokens shall be protected from External Network Attacker"},
		{[]threat.Property{C, I}, "Confidentiality and Integrity of OAuth Tokens shall be protected from External Network Attacker"},
		{[]threat.Property{A, I, C}, "Confidentiality, Integrity and Availability of OAuth Tokens shall be protected from External Network Attacker"},
		{[]threat.Property{U, A, I, C}, "Confidentiality, Integrity, Availability and Usage of OAuth Tokens shall be protected from External Network Attacker"},
		{[]threat.Property{U, U}, "Usage of OAuth Tokens shall be protected from External Network Attacker"},
	} {
		s, counters := &threat.Structure{}, threat.Counters{}
		if _, err := s.AddAsset(counters, threat.Asset{Name: "OAuth Tokens", Properties: c.properties, Impact: "H"}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.AddAttacker(counters, attacker("External Network Attacker")); err != nil {
			t.Fatal(err)
		}
		cos, err := s.Objectives()
		if err != nil || len(cos) != 1 {
			t.Fatalf("%d COs, %v", len(cos), err)
		}
		if cos[0].Statement != c.want {
			t.Errorf("%v:\n got %s\nwant %s", c.properties, cos[0].Statement, c.want)
		}
	}
}

func TestObjectivesRefuseWhatIsNotRated(t *testing.T) {
	s := &threat.Structure{
		Assets:    []threat.Asset{{ID: "A1", Name: "a", Properties: []threat.Property{"C"}}},
		Attackers: []threat.Attacker{{ID: "T1", Name: "t", Likelihood: "H"}},
	}
	cos, err := s.Objectives()
	refused(t, err, threat.Invalid, "CO-A1-T1.impact", "H, M, L")
	if cos != nil {
		t.Errorf("COs beside an error: %v", cos)
	}
}
