package posture_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/posture"
	"github.com/redoubt-dev/redoubt/threat"
)

// large makes a model of 25 attackers and as many assets as the COs take, with 300 controls in every standing. A CO in ten is
// unreachable, one in twenty unassessed, one in thirty accepted.
func large(cos int) posture.Input {
	const controls, attackers = 300, 25
	in := posture.Input{Now: now}
	for i := range controls {
		in.Controls = append(in.Controls, posture.Control{
			ID: threat.ID(fmt.Sprint("C", i+1)), Implemented: i%5 < 2,
			Verification: evidence.Verifications()[i%8], Attested: i%2 == 0, Weakened: i%40 == 0,
		})
	}
	separations := make([]posture.Assumption, attackers)
	for i := range cos {
		asset, attacker := threat.ID(fmt.Sprint("A", i/attackers+1)), threat.ID(fmt.Sprint("T", i%attackers+1))
		co := threat.Objective{
			ID: threat.ObjectiveID(asset, attacker), Asset: asset, Attacker: attacker,
			Statement: "Confidentiality of it shall be protected from them", Tier: threat.Tiers()[i%4], Reachable: i%10 > 0,
		}
		in.Objectives = append(in.Objectives, co)
		if !co.Reachable {
			s := &separations[i%attackers]
			s.Objectives = append(s.Objectives, co.ID)
			continue
		}
		if i%30 == 1 {
			in.Risks = append(in.Risks, posture.Risk{Objective: co.ID, Owner: "Ada", Reason: "small", ReviewBy: later})
		}
		if i%20 == 3 {
			continue
		}
		for j := range 4 { // two groups, one of them of two controls, and defence in depth, or so
			in.Links = append(in.Links, posture.Link{Objective: co.ID, Control: in.Controls[(i*7+j*11)%controls].ID, Group: (i + j) % 3})
		}
	}
	for i := range separations {
		s := &separations[i]
		s.ID, s.Kind, s.State = threat.ID(fmt.Sprint("AS", i+1)), threat.External, threat.Active
		if i%2 == 0 {
			s.Attestation = &posture.Attestation{Expires: later}
		}
		if i%5 == 0 {
			s.Carries = []threat.ID{in.Controls[i].ID, in.Controls[i+11].ID}
		}
		in.Assumptions = append(in.Assumptions, *s)
	}
	return in
}

func BenchmarkAssess(b *testing.B) {
	for _, cos := range []int{1_000, 10_000} {
		in := large(cos)
		b.Run(fmt.Sprint(cos), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				posture.Assess(in)
			}
		})
	}
}

// BenchmarkAssessGrowth compares 10,000 COs with 1,000, in turns in one run, so that a busy machine slows both. ratio is the time
// of one large fold over that of one small; the target is at most 11.
func BenchmarkAssessGrowth(b *testing.B) {
	small, big := large(1_000), large(10_000)
	var took [2]time.Duration
	for b.Loop() {
		begun := time.Now()
		for range 10 {
			posture.Assess(small)
		}
		took[0] += time.Since(begun)
		begun = time.Now()
		posture.Assess(big)
		took[1] += time.Since(begun)
	}
	b.ReportMetric(10*float64(took[1])/float64(took[0]), "ratio")
}
