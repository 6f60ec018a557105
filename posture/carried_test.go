package posture_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/posture"
	"github.com/redoubt-dev/redoubt/threat"
)

// What carries a control is what the fold goes by: a CO with that control alone is mitigated by it, and verified where the carrying is.
func TestCarriedIsWhatTheFoldGoesBy(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := input(t)
		carried := posture.Carried(in.Assumptions, in.Now)
		for _, c := range in.Controls {
			probe := clone(in)
			probe.Objectives = append(probe.Objectives, threat.Objective{ID: "CO-A77-T77", Asset: "A77", Attacker: "T77", Tier: threat.Critical, Reachable: true})
			probe.Links = append(probe.Links, posture.Link{Objective: "CO-A77-T77", Control: c.ID, Group: 1})
			row := byID(posture.Assess(probe))["CO-A77-T77"]
			k, ok := carried[c.ID]
			own := c.Implemented && c.Verification == evidence.Verified && !c.Weakened
			verified := own || ok && k.Verified && !c.Weakened
			if ok != (len(k.By) > 0) {
				t.Fatalf("%s is carried by nothing", c.ID)
			}
			switch {
			case ok && row.Status != posture.Mitigated:
				t.Fatalf("%s is carried by %v, and the CO is %s", c.ID, k.By, row.Status)
			case !ok && !c.Implemented && row.Status == posture.Mitigated:
				t.Fatalf("%s is not carried, and mitigates", c.ID)
			case row.Status == posture.Mitigated && verified != (row.Assurance == posture.Verified):
				t.Fatalf("%s: verified is %v, the assurance %s", c.ID, verified, row.Assurance)
			}
		}
	})
}
