package posture_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/posture"
	"github.com/redoubt-dev/redoubt/threat"
)

const co = threat.ID("CO-A1-T1") // the one that a table is about

type (
	controls    = []posture.Control
	assumptions = []posture.Assumption
)

// open is a control that is not implemented, done one that is, with what its runs say.
func open(id threat.ID) posture.Control {
	return posture.Control{ID: id, Verification: evidence.None}
}

func done(id threat.ID, v evidence.Verification) posture.Control {
	return posture.Control{ID: id, Implemented: true, Verification: v}
}

func verified(id threat.ID) posture.Control {
	return posture.Control{ID: id, Implemented: true, Verification: evidence.Verified, Attested: true}
}

func weakened(c posture.Control) posture.Control {
	c.Weakened = true
	return c
}

func bare(c posture.Control) posture.Control {
	c.Attested = false
	return c
}

// groupsOf links controls to the CO: the n-th list is group n, the first one defence in depth.
func groupsOf(lists ...[]threat.ID) (out []posture.Link) {
	for n, list := range lists {
		for _, id := range list {
			out = append(out, posture.Link{Objective: co, Control: id, Group: n})
		}
	}
	return out
}

func ids(list ...threat.ID) []threat.ID { return list }

// external is an active assumption that a person attested until a date; with none, nobody has.
func external(id threat.ID, until ...time.Time) posture.Assumption {
	a := posture.Assumption{ID: id, Kind: threat.External, State: threat.Active, Objectives: ids(co), Verification: evidence.None}
	for _, at := range until {
		a.Attestation = &posture.Attestation{Expires: at}
	}
	return a
}

func lapsed(a posture.Assumption) posture.Assumption {
	a.Attestation.Lapsed = "the statement of CO-A1-T1 changed"
	return a
}

func notApplicable(id threat.ID, v evidence.Verification) posture.Assumption {
	return posture.Assumption{
		ID: id, Kind: threat.NonApplicability, State: threat.Active, Objectives: ids(co), Verification: v, Attested: v == evidence.Verified,
	}
}

func in(state threat.AssumptionState, a posture.Assumption) posture.Assumption {
	a.State = state
	return a
}

// carrying lets an assumption carry controls instead of being linked to the CO.
func carrying(a posture.Assumption, list ...threat.ID) posture.Assumption {
	a.Objectives, a.Carries = nil, list
	return a
}

func byControls(group int, a posture.Assurance) posture.Row {
	return posture.Row{Status: posture.Mitigated, By: posture.ByControls, Group: group, Assurance: a}
}

func byAssumption(id threat.ID) posture.Row {
	return posture.Row{Status: posture.Mitigated, By: posture.ByAssumption, Assumption: id, Assurance: posture.Claimed}
}

func atRisk(r posture.Reason, next ...threat.ID) posture.Row {
	return posture.Row{Status: posture.AtRisk, Reason: r, Next: next}
}

func attested(r posture.Row) posture.Row {
	r.Attested = true
	return r
}

func weaker(r posture.Row) posture.Row {
	r.Weakened = true
	return r
}

// Each line is a sentence of the specification and the least model that it speaks of.
func TestRows(t *testing.T) {
	lists := func(l ...[]threat.ID) [][]threat.ID { return l }
	for _, c := range []struct {
		name        string
		controls    controls
		groups      [][]threat.ID // the first is defence in depth
		assumptions assumptions
		weakened    bool // the CO
		want        posture.Row
	}{
		// §6, the first row of the table: mitigated by controls.
		{"a complete group mitigates", controls{done("C1", evidence.Pending)}, lists(nil, ids("C1")), nil, false, byControls(1, posture.Claimed)},
		{"all of a group are needed", controls{verified("C1"), open("C2")}, lists(nil, ids("C1", "C2")), nil, false, atRisk(posture.IncompleteGroup, "C2")},
		{"one group of several is enough", controls{open("C1"), verified("C2")}, lists(nil, ids("C1"), ids("C2")), nil, false, attested(byControls(2, posture.Verified))},
		{"a member with no evidence counts", controls{done("C1", evidence.None)}, lists(nil, ids("C1")), nil, false, byControls(1, posture.Claimed)},
		{"a member with insufficient evidence counts", controls{done("C1", evidence.InsufficientStatus)}, lists(nil, ids("C1")), nil, false, byControls(1, posture.Claimed)},
		{"a member with stale evidence counts", controls{done("C1", evidence.Stale)}, lists(nil, ids("C1")), nil, false, byControls(1, posture.Claimed)},
		{"a member with partial evidence counts", controls{done("C1", evidence.Partial)}, lists(nil, ids("C1")), nil, false, byControls(1, posture.Claimed)},
		{"a failed member does not", controls{done("C1", evidence.Failed)}, lists(nil, ids("C1")), nil, false, atRisk(posture.FailedEvidence, "C1")},
		{"an incoherent member does not", controls{done("C1", evidence.Incoherent)}, lists(nil, ids("C1")), nil, false, atRisk(posture.FailedEvidence, "C1")},
		{"nor does one of no known verification", controls{done("C1", "")}, lists(nil, ids("C1")), nil, false, atRisk(posture.FailedEvidence, "C1")},
		{"verified is not implemented", controls{{ID: "C1", Verification: evidence.Verified}}, lists(nil, ids("C1")), nil, false, atRisk(posture.MissingControls, "C1")},
		{"a control that nobody described is not implemented", nil, lists(nil, ids("C9")), nil, false, atRisk(posture.MissingControls, "C9")},

		// §4: groups.
		{"defence in depth never mitigates", controls{open("C1"), verified("C2")}, lists(ids("C2"), ids("C1")), nil, false, atRisk(posture.MissingControls, "C1")},
		{"controls in no group are one group of all", controls{verified("C1"), open("C2")}, lists(ids("C1", "C2")), nil, false, atRisk(posture.IncompleteGroup, "C2")},
		{"which mitigates when complete", controls{verified("C1"), verified("C2")}, lists(ids("C1", "C2")), nil, false, attested(byControls(1, posture.Verified))},

		// §6: assurance and attested; the best complete group is verified before claimed, then of the lowest number.
		{"verified takes every member", controls{verified("C1"), done("C2", evidence.Partial)}, lists(nil, ids("C1", "C2")), nil, false, byControls(1, posture.Claimed)},
		{"stale is not verified", controls{verified("C1"), done("C2", evidence.Stale)}, lists(nil, ids("C1", "C2")), nil, false, byControls(1, posture.Claimed)},
		{"a verified group comes before a claimed one", controls{done("C1", evidence.None), verified("C2")}, lists(nil, ids("C1"), ids("C2")), nil, false, attested(byControls(2, posture.Verified))},
		{"the lowest number of two verified", controls{verified("C1"), verified("C2")}, lists(nil, ids("C2"), ids("C1")), nil, false, attested(byControls(1, posture.Verified))},
		{"the lowest number of two claimed", controls{done("C1", evidence.None), done("C2", evidence.None)}, lists(nil, ids("C2"), ids("C1")), nil, false, byControls(1, posture.Claimed)},
		{"numbers may have gaps", controls{verified("C1")}, lists(nil, nil, nil, ids("C1")), nil, false, attested(byControls(3, posture.Verified))},
		{"all runs behind it carried a proof, or it is not attested", controls{verified("C1"), bare(verified("C2"))}, lists(nil, ids("C1", "C2")), nil, false, byControls(1, posture.Verified)},
		{"controls come before an assumption", controls{done("C1", evidence.None)}, lists(nil, ids("C1")), assumptions{external("AS1", later)}, false, byControls(1, posture.Claimed)},

		// §4: weakened counts as claimed, never verified.
		{"a weakened control", controls{weakened(verified("C1"))}, lists(nil, ids("C1")), nil, false, weaker(attested(byControls(1, posture.Claimed)))},
		{"a weakened CO", controls{verified("C1")}, lists(nil, ids("C1")), nil, true, weaker(attested(byControls(1, posture.Claimed)))},
		{"a weakened control elsewhere", controls{verified("C1"), weakened(verified("C2")), weakened(verified("C3"))}, lists(ids("C3"), ids("C2"), ids("C1")), nil, false, attested(byControls(2, posture.Verified))},
		{"a weakened control that is carried", controls{weakened(open("C1"))}, lists(nil, ids("C1")), assumptions{carrying(notApplicable("AS1", evidence.Verified), "C1")}, false, weaker(attested(byControls(1, posture.Claimed)))},
		{"a weakened CO at risk", controls{open("C1")}, lists(nil, ids("C1")), nil, true, weaker(atRisk(posture.MissingControls, "C1"))},

		// §4 and §6: an assumption carries a control.
		{"a carried control counts as implemented", controls{verified("C1"), open("C2")}, lists(nil, ids("C1", "C2")), assumptions{carrying(external("AS1", later), "C2")}, false, byControls(1, posture.Claimed)},
		{"as verified when the assumption is", controls{verified("C1"), open("C2")}, lists(nil, ids("C1", "C2")), assumptions{carrying(notApplicable("AS1", evidence.Verified), "C2")}, false, attested(byControls(1, posture.Verified))},
		{"whatever its own evidence says", controls{done("C1", evidence.Failed)}, lists(nil, ids("C1")), assumptions{carrying(external("AS1", later), "C1")}, false, byControls(1, posture.Claimed)},
		{"its own evidence is not made less", controls{verified("C1")}, lists(nil, ids("C1")), assumptions{carrying(external("AS1", later), "C1")}, false, attested(byControls(1, posture.Verified))},
		{"the best of two that carry it", controls{open("C1")}, lists(nil, ids("C1")), assumptions{carrying(external("AS1", later), "C1"), carrying(notApplicable("AS2", evidence.Verified), "C1")}, false, attested(byControls(1, posture.Verified))},
		{"while the assumption holds", controls{verified("C1"), open("C2")}, lists(nil, ids("C1", "C2")), assumptions{carrying(external("AS1", now), "C2")}, false, atRisk(posture.IncompleteGroup, "AS1")},
		{"a violated one carries nothing", controls{open("C1")}, lists(nil, ids("C1")), assumptions{carrying(in(threat.Violated, external("AS1", later)), "C1")}, false, atRisk(posture.MissingControls, "C1")},
		{"defence in depth is not carried into a group", controls{open("C1"), open("C2")}, lists(ids("C2"), ids("C1")), assumptions{carrying(external("AS1", later), "C2")}, false, atRisk(posture.MissingControls, "C1")},
		{"carried and failed elsewhere in the group", controls{done("C1", evidence.Failed), open("C2")}, lists(nil, ids("C1", "C2")), assumptions{carrying(external("AS1", later), "C2")}, false, atRisk(posture.FailedEvidence, "C1")},

		// §6, the second row: mitigated by assumption.
		{"a live attestation", nil, nil, assumptions{external("AS1", later)}, false, byAssumption("AS1")},
		{"else an assumption", controls{open("C1")}, lists(nil, ids("C1")), assumptions{external("AS1", later)}, false, byAssumption("AS1")},
		{"a verified non-applicability", nil, nil, assumptions{notApplicable("AS1", evidence.Verified)}, false, attested(byAssumption("AS1"))},
		{"evidence before a word", nil, nil, assumptions{external("AS1", later), notApplicable("AS2", evidence.Verified)}, false, attested(byAssumption("AS2"))},
		{"the lowest id of two", nil, nil, assumptions{external("AS10", later), external("AS2", later)}, false, byAssumption("AS2")},
		{"the lowest id of two verified", nil, nil, assumptions{notApplicable("AS2", evidence.Verified), notApplicable("AS1", evidence.Verified)}, false, attested(byAssumption("AS1"))},
		{"a verification does not stand in for an attestation", nil, nil, assumptions{{ID: "AS1", Kind: threat.External, State: threat.Active, Objectives: ids(co), Verification: evidence.Verified}}, false, atRisk(posture.PendingAttestation, "AS1")},
		{"non-applicability refuses attestation", nil, nil, assumptions{{ID: "AS1", Kind: threat.NonApplicability, State: threat.Active, Objectives: ids(co), Verification: evidence.Pending, Attestation: &posture.Attestation{Expires: later}}}, false, atRisk(posture.PendingAttestation, "AS1")},
		{"a date that has come", nil, nil, assumptions{external("AS1", now)}, false, atRisk(posture.ExpiredAttestation, "AS1")},
		{"no date at all", nil, nil, assumptions{external("AS1", time.Time{})}, false, atRisk(posture.ExpiredAttestation, "AS1")},
		{"a lapsed attestation", nil, nil, assumptions{lapsed(external("AS1", later))}, false, atRisk(posture.ExpiredAttestation, "AS1")},
		{"an unknown kind", nil, nil, assumptions{{ID: "AS1", Kind: "hope", State: threat.Active, Objectives: ids(co), Verification: evidence.Verified, Attestation: &posture.Attestation{Expires: later}}}, false, atRisk(posture.MissingControls)},

		// §6, the third and fourth row, and the reasons without controls.
		{"nothing is linked", nil, nil, nil, false, posture.Row{Status: posture.Unassessed, Reason: posture.ReasonUnassessed}},
		{"a deleted assumption is nothing", nil, nil, assumptions{in(threat.Deleted, external("AS1", later))}, false, posture.Row{Status: posture.Unassessed, Reason: posture.ReasonUnassessed}},
		{"a control alone is at risk", controls{open("C1")}, lists(ids("C1")), nil, false, atRisk(posture.MissingControls, "C1")},
		{"a retired assumption is at risk", nil, nil, assumptions{in(threat.Retired, external("AS1", later))}, false, atRisk(posture.MissingControls)},
		{"an active one that nobody attested", nil, nil, assumptions{external("AS1")}, false, atRisk(posture.PendingAttestation, "AS1")},
		{"a non-applicability without evidence", nil, nil, assumptions{notApplicable("AS1", evidence.None)}, false, atRisk(posture.PendingAttestation, "AS1")},
		{"a stale non-applicability", nil, nil, assumptions{notApplicable("AS1", evidence.Stale)}, false, atRisk(posture.ExpiredAttestation, "AS1")},
		{"a failed non-applicability", nil, nil, assumptions{notApplicable("AS1", evidence.Failed)}, false, atRisk(posture.FailedEvidence, "AS1")},
		{"a violated one", nil, nil, assumptions{in(threat.Violated, external("AS1", later))}, false, atRisk(posture.AssumptionViolated, "AS1")},
		{"the first reason that fits", nil, nil, assumptions{external("AS1", now), in(threat.Violated, external("AS2")), external("AS3")}, false, atRisk(posture.PendingAttestation, "AS1")},
		{"expired before violated", nil, nil, assumptions{in(threat.Violated, external("AS1")), external("AS2", now)}, false, atRisk(posture.ExpiredAttestation, "AS2")},
		{"violated before retired", nil, nil, assumptions{in(threat.Retired, external("AS1")), in(threat.Violated, external("AS2"))}, false, atRisk(posture.AssumptionViolated, "AS2")},

		// Reasons with controls.
		{"some are in place, in no group all", controls{verified("C1"), open("C2"), open("C3")}, lists(nil, ids("C1", "C2"), ids("C3")), nil, false, atRisk(posture.IncompleteGroup, "C2")},
		{"a failed one is in place", controls{done("C1", evidence.Failed), open("C2")}, lists(nil, ids("C1", "C2")), nil, false, atRisk(posture.IncompleteGroup, "C1", "C2")},
		{"one group is all in place and failed", controls{done("C1", evidence.Failed), open("C2")}, lists(nil, ids("C2"), ids("C1")), nil, false, atRisk(posture.FailedEvidence, "C1")},
		{"controls decide before assumptions", controls{open("C1")}, lists(nil, ids("C1")), assumptions{external("AS1", now)}, false, atRisk(posture.MissingControls, "AS1")},

		// Next.
		{"the group that lacks the least", controls{open("C1"), open("C2"), verified("C3"), open("C4")}, lists(nil, ids("C1", "C2"), ids("C3", "C4")), nil, false, atRisk(posture.IncompleteGroup, "C4")},
		{"the lowest ids of two", controls{open("C2"), open("C10")}, lists(nil, ids("C10"), ids("C2")), nil, false, atRisk(posture.MissingControls, "C2")},
		{"one assumption before three controls", controls{open("C1"), open("C2"), open("C3")}, lists(nil, ids("C1", "C2", "C3")), assumptions{external("AS1")}, false, atRisk(posture.MissingControls, "AS1")},
		{"one that carries two of three", controls{open("C1"), open("C2"), open("C3")}, lists(nil, ids("C1", "C2", "C3")), assumptions{carrying(external("AS1"), "C1", "C3")}, false, atRisk(posture.MissingControls, "AS1", "C2")},
		{"two that overlap are not both needed", controls{open("C1"), open("C2"), open("C3")}, lists(nil, ids("C1", "C2", "C3")), assumptions{carrying(external("AS1"), "C1", "C2"), carrying(external("AS2"), "C1", "C2", "C3")}, false, atRisk(posture.MissingControls, "AS2")},
		{"a violated one is no way while there is another", controls{open("C1"), open("C2")}, lists(nil, ids("C1", "C2")), assumptions{in(threat.Violated, external("AS1"))}, false, atRisk(posture.MissingControls, "C1", "C2")},
		{"a control linked twice is one", controls{open("C1")}, lists(nil, ids("C1", "C1")), nil, false, atRisk(posture.MissingControls, "C1")},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, reachable := range []bool{true, false} { // the same rules for both
				objective := threat.Objective{ID: co, Asset: "A1", Attacker: "T1", Tier: threat.HighTier, Reachable: reachable}
				input := posture.Input{
					Objectives: []threat.Objective{objective}, Controls: c.controls, Links: groupsOf(c.groups...), Assumptions: c.assumptions, Now: now,
				}
				if c.weakened {
					input.Weakened = ids(co)
				}
				want := c.want
				want.Objective = &objective
				got := posture.Assess(input)
				if d := cmp.Diff([]posture.Row{want}, got.Rows, cmpopts.EquateEmpty()); d != "" {
					t.Fatalf("(-want +got):\n%s", d)
				}
			}
		})
	}
}

// An accepted risk is shown beside the status, while it is live.
func TestAcceptedRisk(t *testing.T) {
	risk := posture.Risk{Objective: co, Owner: "Ada", Decider: "Grace", Reason: "small", ReviewBy: later}
	with := func(change func(*posture.Risk)) posture.Risk {
		r := risk
		change(&r)
		return r
	}
	first := with(func(r *posture.Risk) { r.ReviewBy = now; r.Reason = "to review first" })
	for _, c := range []struct {
		name  string
		risks []posture.Risk
		want  *posture.Risk
		due   bool
	}{
		{"none", nil, nil, false},
		{"live", []posture.Risk{risk}, &risk, false},
		{"to be reviewed", []posture.Risk{first}, &first, true},
		{"expired", []posture.Risk{with(func(r *posture.Risk) { r.Expires = now })}, nil, false},
		{"lapsed", []posture.Risk{with(func(r *posture.Risk) { r.Lapsed = "the tier changed" })}, nil, false},
		{"of a CO that is gone", []posture.Risk{with(func(r *posture.Risk) { r.Objective = "CO-A9-T9" })}, nil, false},
		{"two", []posture.Risk{risk, first}, &first, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := posture.Assess(posture.Input{
				Objectives: []threat.Objective{{ID: co, Asset: "A1", Attacker: "T1", Tier: threat.LowTier, Reachable: true}},
				Controls:   controls{open("C1")}, Links: groupsOf(nil, ids("C1")), Risks: c.risks, Now: now,
			})
			row := p.Rows[0]
			if d := cmp.Diff(c.want, row.Accepted); d != "" || row.ReviewDue != c.due {
				t.Errorf("review due: %v, want %v; accepted (-want +got):\n%s", row.ReviewDue, c.due, d)
			}
			if row.Status != posture.AtRisk || row.Reason != posture.MissingControls || len(row.Next) != 1 {
				t.Errorf("the CO is %s (%s, next %v): acceptance changed it", row.Status, row.Reason, row.Next)
			}
			want := posture.AcceptanceCounts{}
			if c.want != nil {
				want.Total = 1
			}
			if c.due {
				want.ReviewDue = 1
			}
			if p.Summary.Objectives.Accepted != want || p.Summary.Objectives.Status.AtRisk != 1 {
				t.Errorf("summary %+v", p.Summary.Objectives)
			}
		})
	}
}

// The words are those of the specification, in its order.
func TestWords(t *testing.T) {
	for _, c := range []struct{ got, want []string }{
		{posture.Status("").Enum(), []string{"mitigated", "at_risk", "unassessed"}},
		{posture.By("").Enum(), []string{"controls", "assumption"}},
		{posture.Assurance("").Enum(), []string{"claimed", "verified"}},
		{posture.Reason("").Enum(), []string{
			"missing_controls", "incomplete_group", "failed_evidence", "pending_attestation", "expired_attestation", "assumption_violated",
			"unassessed",
		}},
	} {
		if d := cmp.Diff(c.want, c.got); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	}
}

// A time that is not given makes nothing live.
func TestNoTime(t *testing.T) {
	p := posture.Assess(posture.Input{Objectives: []threat.Objective{{ID: co}}, Assumptions: assumptions{external("AS1", later)}})
	if p.Rows[0].Status != posture.AtRisk {
		t.Errorf("the CO is %s by an attestation whose date was compared with no time", p.Rows[0].Status)
	}
}

// Ids of entities that are gone change nothing, and controls that help no CO of the model are left out of every count.
func TestOrphans(t *testing.T) {
	a := external("AS1", later)
	a.Objectives = ids("CO-A1-T9")
	p := posture.Assess(posture.Input{
		Objectives: []threat.Objective{{ID: co, Asset: "A1", Attacker: "T1", Tier: threat.LowTier}},
		Controls:   controls{verified("C1"), verified("C2"), weakened(verified("C3")), done("C4", evidence.Failed), open("C5"), weakened(open("C6"))},
		Links: append(groupsOf(ids("C3"), ids("C4", "C1"), ids("C5", "C6")),
			posture.Link{Objective: "CO-A9-T1", Control: "C2", Group: 1}, posture.Link{Objective: "CO-A9-T1", Control: "C1", Group: 1}),
		Weakened:    ids("CO-A9-T1"),
		Assumptions: assumptions{a},
		Now:         now,
	})
	want := posture.ControlCounts{
		Total:        5,
		Status:       map[threat.ControlStatus]int{threat.Implemented: 3, threat.NotImplemented: 2},
		Verification: map[evidence.Verification]int{evidence.Verified: 1, evidence.Failed: 1, evidence.None: 2},
		Weakened:     1,
	}
	if d := cmp.Diff(want, p.Summary.Controls); d != "" {
		t.Errorf("controls (-want +got):\n%s", d)
	}
	if r := p.Rows[0]; len(p.Rows) != 1 || r.Status != posture.AtRisk || r.Reason != posture.FailedEvidence || r.Weakened {
		t.Errorf("rows %+v", p.Rows)
	}
}

func TestEmpty(t *testing.T) {
	p := posture.Assess(posture.Input{Now: now})
	if len(p.Rows) != 0 || p.Summary.Objectives.Total != 0 || len(p.Summary.Objectives.Tiers) != 4 || p.Filter(posture.Filter{}) != nil {
		t.Errorf("a model without COs has %+v", p)
	}
}

// many is a model with every status, in an order that is not the one of rows.
func many() posture.Input {
	objective := func(asset, attacker threat.ID, tier threat.Tier) threat.Objective {
		return threat.Objective{ID: threat.ObjectiveID(asset, attacker), Asset: asset, Attacker: attacker, Tier: tier, Reachable: asset != "A10"}
	}
	boundary := external("AS1", later)
	boundary.Objectives = ids("CO-A10-T2")
	return posture.Input{
		Objectives: []threat.Objective{
			objective("A10", "T1", threat.LowTier), objective("A10", "T2", threat.Critical), objective("A2", "T10", threat.Critical),
			objective("A2", "T1", threat.HighTier), objective("A1", "T1", threat.LowTier), objective("A2", "T2", threat.Critical),
		},
		Controls: controls{verified("C1"), open("C2"), done("C3", evidence.Stale)},
		Links: []posture.Link{
			{"CO-A2-T10", "C1", 1}, {"CO-A2-T2", "C2", 1}, {"CO-A1-T1", "C3", 1}, {"CO-A2-T1", "C1", 1}, {"CO-A2-T1", "C2", 1},
		},
		Assumptions: assumptions{boundary},
		Risks:       []posture.Risk{{Objective: "CO-A2-T2", Owner: "Ada", ReviewBy: later}, {Objective: "CO-A1-T1", Owner: "Ada", ReviewBy: now}},
		Now:         now,
	}
}

func TestFilter(t *testing.T) {
	yes, no := true, false
	for _, c := range []struct {
		name string
		f    posture.Filter
		want []threat.ID
	}{
		{"gravest first, then by id", posture.Filter{}, ids("CO-A2-T2", "CO-A2-T10", "CO-A10-T2", "CO-A2-T1", "CO-A1-T1", "CO-A10-T1")},
		{"status", posture.Filter{Status: posture.AtRisk}, ids("CO-A2-T2", "CO-A2-T1")},
		{"tier", posture.Filter{Tier: threat.Critical}, ids("CO-A2-T2", "CO-A2-T10", "CO-A10-T2")},
		{"asset", posture.Filter{Asset: "A10"}, ids("CO-A10-T2", "CO-A10-T1")},
		{"attacker", posture.Filter{Attacker: "T1"}, ids("CO-A2-T1", "CO-A1-T1", "CO-A10-T1")},
		{"reason", posture.Filter{Reason: posture.IncompleteGroup}, ids("CO-A2-T1")},
		{"assurance", posture.Filter{Assurance: posture.Verified}, ids("CO-A2-T10")},
		{"accepted", posture.Filter{Accepted: &yes}, ids("CO-A2-T2", "CO-A1-T1")},
		{"not accepted", posture.Filter{Accepted: &no, Tier: threat.Critical}, ids("CO-A2-T10", "CO-A10-T2")},
		{"all of them", posture.Filter{Status: posture.Mitigated, Asset: "A1", Attacker: "T1", Tier: threat.LowTier, Assurance: posture.Claimed, Accepted: &yes}, ids("CO-A1-T1")},
		{"not known", posture.Filter{Status: "fine"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []threat.ID
			for _, r := range posture.Assess(many()).Filter(c.f) {
				got = append(got, r.Objective.ID)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestSummary(t *testing.T) {
	in := many()
	in.Objectives = append(in.Objectives, threat.Objective{ID: "CO-A3-T1", Asset: "A3", Attacker: "T1", Tier: "odd", Reachable: true})
	p := posture.Assess(in)
	if first := p.Rows[0].Objective.ID; first != "CO-A3-T1" {
		t.Errorf("%s comes first, not the CO whose tier is not known", first)
	}
	raw, err := json.Marshal(p.Summary)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"control_objectives":{"total":7,"status":{"mitigated":3,"at_risk":2,"unassessed":2},` +
		`"assurance":{"claimed":2,"verified":1},"by":{"assumption":1,"controls":2},"tiers":[` +
		`{"tier":"odd","mitigated":0,"at_risk":0,"unassessed":1,"claimed":0,"verified":0},` +
		`{"tier":"critical","mitigated":2,"at_risk":1,"unassessed":0,"claimed":1,"verified":1},` +
		`{"tier":"high","mitigated":0,"at_risk":1,"unassessed":0,"claimed":0,"verified":0},` +
		`{"tier":"medium","mitigated":0,"at_risk":0,"unassessed":0,"claimed":0,"verified":0},` +
		`{"tier":"low","mitigated":1,"at_risk":0,"unassessed":1,"claimed":1,"verified":0}],` +
		`"reasons":{"incomplete_group":1,"missing_controls":1,"unassessed":2},"attested":1,"weakened":0,"unreachable":2,` +
		`"accepted":{"total":2,"review_due":1}},` +
		`"controls":{"total":3,"status":{"implemented":2,"not_implemented":1},"verification":{"none":1,"stale":1,"verified":1},"weakened":0}}`
	if d := cmp.Diff(want, string(raw)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// A summary of a large model fits into an answer of 1,500 bytes, and leaves room for the rest of it.
func TestSummaryIsShort(t *testing.T) {
	raw, err := json.Marshal(posture.Assess(large(10_000)).Summary)
	if err != nil {
		t.Fatal(err)
	}
	if len(raw) > 1_200 {
		t.Errorf("%d bytes: %s", len(raw), raw)
	}
}
