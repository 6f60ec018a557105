package posture

import (
	"slices"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/threat"
)

// Summary counts a posture.
type Summary struct {
	Objectives Counts        `json:"control_objectives"`
	Controls   ControlCounts `json:"controls"`
}

// Counts counts COs. Accepted risks are counted beside the statuses and change none of them.
type Counts struct {
	Total       int              `json:"total"`
	Status      StatusCounts     `json:"status"`
	Assurance   AssuranceCounts  `json:"assurance"`
	By          map[By]int       `json:"by,omitempty"`      // of the mitigated ones
	Tiers       []TierCounts     `json:"tiers"`             // gravest first, each of the four
	Reasons     map[Reason]int   `json:"reasons,omitempty"` // of those that are not mitigated
	Attested    int              `json:"attested"`
	Weakened    int              `json:"weakened"`
	Unreachable int              `json:"unreachable"`
	Accepted    AcceptanceCounts `json:"accepted"`
}

// StatusCounts counts COs by status.
type StatusCounts struct {
	Mitigated  int `json:"mitigated"`
	AtRisk     int `json:"at_risk"`
	Unassessed int `json:"unassessed"`
}

// AssuranceCounts counts mitigated COs by assurance.
type AssuranceCounts struct {
	Claimed  int `json:"claimed"`
	Verified int `json:"verified"`
}

// TierCounts counts the COs of one tier.
type TierCounts struct {
	Tier threat.Tier `json:"tier"`
	StatusCounts
	AssuranceCounts
}

// AcceptanceCounts counts the COs with a live accepted risk, whatever their status.
type AcceptanceCounts struct {
	Total     int `json:"total"`
	ReviewDue int `json:"review_due"`
}

// ControlCounts counts the controls that help a CO of the model; orphaned ones are left out.
type ControlCounts struct {
	Total        int                           `json:"total"`
	Status       map[threat.ControlStatus]int  `json:"status,omitempty"`
	Verification map[evidence.Verification]int `json:"verification,omitempty"`
	// Weakened ones are verified by their runs and weakened. They count here and not under Verification, so that together they
	// make the total.
	Weakened int `json:"weakened"`
}

// Count counts rows.
func Count(rows []Row) Counts {
	t := newTally(len(rows))
	for i := range rows {
		t.add(&rows[i])
	}
	return t.counts()
}

// tally is a count of rows in the making.
type tally struct {
	Counts
	by      [2]int // controls, assumption
	reasons [7]int // in the order of [Reasons]
	order   []Reason
}

func newTally(total int) *tally {
	t := &tally{order: Reasons()}
	t.Total = total
	t.Tiers = make([]TierCounts, 0, len(threat.Tiers()))
	for _, tier := range threat.Tiers() {
		t.Tiers = append(t.Tiers, TierCounts{Tier: tier})
	}
	return t
}

func (t *tally) add(r *Row) {
	t.Status.add(r.Status)
	tier := t.tier(r.Objective.Tier)
	tier.StatusCounts.add(r.Status)
	if r.Status == Mitigated {
		t.Assurance.add(r.Assurance)
		tier.AssuranceCounts.add(r.Assurance)
		t.by[one(r.By == ByAssumption)]++
	} else if i := slices.Index(t.order, r.Reason); i >= 0 {
		t.reasons[i]++
	}
	t.Attested += one(r.Attested)
	t.Weakened += one(r.Weakened)
	t.Unreachable += one(!r.Objective.Reachable)
	t.Accepted.Total += one(r.Accepted != nil)
	t.Accepted.ReviewDue += one(r.ReviewDue)
}

func (t *tally) counts() Counts {
	c := t.Counts
	c.By, c.Reasons = map[By]int{}, map[Reason]int{}
	for i, by := range []By{ByControls, ByAssumption} {
		if t.by[i] > 0 {
			c.By[by] = t.by[i]
		}
	}
	for i, r := range t.order {
		if t.reasons[i] > 0 {
			c.Reasons[r] = t.reasons[i]
		}
	}
	return c
}

// tier returns the counts of a tier. One that is not known gets counts of its own, so that nothing goes uncounted.
func (c *Counts) tier(t threat.Tier) *TierCounts {
	for i := range c.Tiers {
		if c.Tiers[i].Tier == t {
			return &c.Tiers[i]
		}
	}
	c.Tiers = slices.Insert(c.Tiers, 0, TierCounts{Tier: t})
	return &c.Tiers[0]
}

func (c *StatusCounts) add(s Status) {
	switch s {
	case Mitigated:
		c.Mitigated++
	case AtRisk:
		c.AtRisk++
	case Unassessed:
		c.Unassessed++
	}
}

func (c *AssuranceCounts) add(a Assurance) {
	switch a {
	case Claimed:
		c.Claimed++
	case Verified:
		c.Verified++
	}
}

func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}
