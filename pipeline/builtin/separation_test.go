package builtin

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/redoubt-dev/redoubt/threat"
)

// TestSeparations lists every pair that boundaries can make unreachable when all of them are drawn. A CO that is taken for
// unreachable gets no controls, so each line of the golden file is a statement that a person has weighed: this attacker,
// standing where it stands, has no way to that asset but through people or parts that have attackers of their own.
func TestSeparations(t *testing.T) {
	k := engine(t).knowledge
	s, c := &threat.Structure{Feature: "x"}, threat.Counters{}
	for _, a := range k.assets {
		if _, err := s.AddAsset(c, threat.Asset{Name: a.Name, Properties: a.Properties, Impact: a.Impact}); err != nil {
			t.Fatal(err)
		}
	}
	for _, x := range k.attackers {
		if _, err := s.AddAttacker(c, threat.Attacker{Name: x.Name, Capability: x.Capability, Position: x.Position, Likelihood: x.Likelihood}); err != nil {
			t.Fatal(err)
		}
	}
	r := k.read("x")
	for i := range r.said {
		r.said[i] = []hit{{}}
	}
	for _, p := range k.proposeBoundaries(r, s) {
		b, err := s.AddBoundary(c, threat.Boundary{Name: p.Name, Assets: p.Assets})
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range p.Attackers {
			if _, err := s.EditAttacker(id, threat.AttackerEdit{Boundaries: append([]threat.ID{b.ID}, s.Attacker(id).Boundaries...)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	cos, err := s.Objectives()
	if err != nil {
		t.Fatal(err)
	}
	apart := map[threat.ID][]string{}
	for _, co := range cos {
		if !co.Reachable {
			apart[co.Attacker] = append(apart[co.Attacker], s.Asset(co.Asset).Name)
		}
	}
	var b strings.Builder
	for i := range s.Attackers {
		x := &s.Attackers[i]
		if list := apart[x.ID]; len(list) > 0 {
			fmt.Fprintf(&b, "%s does not reach:\n  %s\n", x.Name, strings.Join(list, "\n  "))
		}
	}
	const golden = "testdata/separations.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("the unreachable pairs changed; run with -update and weigh each:\n%s", b.String())
	}
}
