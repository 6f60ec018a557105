package exchange_test

import (
	"strings"
	"testing"

	"github.com/redoubt-dev/redoubt/exchange"
	"github.com/redoubt-dev/redoubt/threat"
)

func TestMermaid(t *testing.T) {
	s, c := &threat.Structure{}, threat.Counters{}
	asset := func(name string) threat.ID {
		a, err := s.AddAsset(c, threat.Asset{Name: name, Properties: []threat.Property{"C", "I"}, Impact: "H"})
		if err != nil {
			t.Fatal(err)
		}
		return a.ID
	}
	inside, outside := asset(`Keys "<script>" #1`), asset("Logs")
	b, err := s.AddBoundary(c, threat.Boundary{Name: "Edge", Assets: []threat.ID{inside}})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range []threat.Attacker{
		{Name: "Stander", Capability: "c", Position: "p", Likelihood: "L", Boundaries: []threat.ID{b.ID}},
		{Name: "Floater", Capability: "c", Position: "p", Likelihood: "H"},
	} {
		if _, err := s.AddAttacker(c, a); err != nil {
			t.Fatal(err)
		}
	}
	got := exchange.Mermaid(s)
	for _, want := range []string{
		"flowchart LR\n", `A1[("A1 Keys #quot;#lt;script#gt;#quot; #35;1 (CI, impact H)")]:::asset`, `T1{{"T1 Stander (likelihood L)"}}`,
		`TB1[/"TB1 Edge"/]`, "T1 --> TB1", "TB1 --> A1", "T2 -.-> anywhere", "anywhere -.-> " + string(outside), `anywhere(("no boundary named"))`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	if got != exchange.Mermaid(s.Clone()) {
		t.Error("the same structure is drawn differently")
	}
	if empty := exchange.Mermaid(&threat.Structure{}); strings.Contains(empty, "anywhere") || !strings.HasPrefix(empty, "flowchart") {
		t.Errorf("an empty model is drawn as %s", empty)
	}
}
