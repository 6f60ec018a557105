package posture

import (
	"time"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/threat"
)

// Input is everything that a posture depends on. Ids are unique within each list, and no list need be in order. Whatever names a
// CO that Objectives has not is left out: its asset or attacker is gone.
type Input struct {
	Objectives  []threat.Objective // of the head version
	Controls    []Control          // live ones, orphaned ones included
	Links       []Link
	Weakened    []threat.ID // COs whose groups were changed in a way that nobody has approved yet
	Assumptions []Assumption
	Risks       []Risk
	Now         time.Time
}

// Control is what the fold needs of a control.
type Control struct {
	ID           threat.ID
	Implemented  bool
	Verification evidence.Verification // as of Input.Now, staleness decided; without assertions none, never ""
	Attested     bool                  // every result behind Verification came with a proof
	Weakened     bool                  // changed in a way that nobody has approved yet
}

// Link says that a control helps a CO.
type Link struct {
	Objective threat.ID
	Control   threat.ID
	Group     int // 1, 2 …: AND within a group, OR across the groups of a CO; 0 for defence in depth
}

// Assumption is what the fold needs of an assumption.
type Assumption struct {
	ID           threat.ID
	Kind         threat.AssumptionKind
	State        threat.AssumptionState
	Objectives   []threat.ID           // the COs it is linked to
	Carries      []threat.ID           // controls that count as implemented while it holds
	Attestation  *Attestation          // external: the newest since it was last made active; nil when there is none
	Verification evidence.Verification // non_applicability: of its assertions, staleness decided
	Attested     bool                  // non_applicability: every result behind Verification came with a proof
}

// Attestation is the word of a named person that an assumption holds, until a date.
type Attestation struct {
	Expires time.Time
	Lapsed  string // why it no longer fits what it was given for; "" while it does
}

// Live reports whether the attestation counts at a time: it has not lapsed, and its date has not come. One without a date never
// counts, nor does any at the zero time.
func (a *Attestation) Live(now time.Time) bool {
	return a != nil && a.Lapsed == "" && !now.IsZero() && now.Before(a.Expires)
}

// Holds reports whether the assumption counts at a time: it is active and either external with a live attestation or a
// non-applicability whose assertions are verified.
func (a *Assumption) Holds(now time.Time) bool {
	if a.State != threat.Active {
		return false
	}
	switch a.Kind {
	case threat.External:
		return a.Attestation.Live(now)
	case threat.NonApplicability:
		return a.Verification == evidence.Verified
	}
	return false
}

// Risk is the decision of a person to live with a CO as it is. It is shown beside the status and never changes it.
type Risk struct {
	Objective threat.ID `json:"control_objective"`
	Owner     string    `json:"owner"`             // the person who answers for it
	Decider   string    `json:"decider,omitempty"` // the user who recorded it
	Reason    string    `json:"reason"`
	ReviewBy  time.Time `json:"review_by"`
	Expires   time.Time `json:"expires_at,omitzero"` // zero: it does not
	Lapsed    string    `json:"lapsed,omitempty"`    // why it no longer fits what was accepted; "" while it does
}

// Live reports whether the acceptance stands at a time: it has neither lapsed nor expired. One whose review is due stands.
func (r *Risk) Live(now time.Time) bool {
	return r.Lapsed == "" && (r.Expires.IsZero() || now.Before(r.Expires))
}

// Due reports whether the review of the acceptance is due at a time.
func (r *Risk) Due(now time.Time) bool { return !now.Before(r.ReviewBy) }
