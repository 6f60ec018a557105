package posture

import (
	"github.com/redoubt-dev/redoubt/threat"
)

// Status is where a CO stands.
type Status string

// The statuses (specification §6), the first that matches holds.
const (
	Mitigated  Status = "mitigated"  // a mitigation group is complete, or else a linked assumption holds
	AtRisk     Status = "at_risk"    // neither, and a control or an assumption that is not deleted is linked to it
	Unassessed Status = "unassessed" // nothing is linked to it
)

// Statuses lists the statuses in the order of the specification.
func Statuses() []Status { return []Status{Mitigated, AtRisk, Unassessed} }

// Enum lists the legal values, for schemas.
func (Status) Enum() []string { return words(Statuses()) }

// By says what mitigates a CO.
type By string

// What mitigates. Controls come first: an assumption is looked at only where no group is complete.
const (
	ByControls   By = "controls"
	ByAssumption By = "assumption"
)

// Enum lists the legal values, for schemas.
func (By) Enum() []string { return words([]By{ByControls, ByAssumption}) }

// Assurance says how sure it is that a mitigated CO is.
type Assurance string

// The assurances.
const (
	// Claimed is all that is not [Verified]: somebody says so. A CO that an assumption mitigates is claimed: no group does.
	Claimed Assurance = "claimed"
	// Verified takes a group that mitigates and whose every member is verified, and neither the CO nor a member weakened.
	Verified Assurance = "verified"
)

// Assurances lists the assurances, claimed before verified.
func Assurances() []Assurance { return []Assurance{Claimed, Verified} }

// Enum lists the legal values, for schemas.
func (Assurance) Enum() []string { return words(Assurances()) }

// Reason says why a CO is not mitigated.
type Reason string

// The reasons, of which the first that matches holds. Every CO that is not mitigated has exactly one; [ReasonUnassessed] goes with
// the status [Unassessed], the others with [AtRisk].
//
// A CO with controls has one of the first three, whatever assumptions are linked to it. "In place" means implemented, or
// carried by an assumption that holds.
//   - missing_controls: no member of any group is in place. Also: there are no controls, and no assumption that could hold
//     again, since all are retired.
//   - incomplete_group: some member is in place, but no group has all of its members in place.
//   - failed_evidence: some group has all of its members in place, but the evidence of one failed or is incoherent.
//
// A CO without controls has the first that fits any of its assumptions.
//   - failed_evidence: an active non-applicability, whose assertions failed or are incoherent.
//   - pending_attestation: an active one that nobody has attested, or whose assertions are not verified yet.
//   - expired_attestation: an active one whose attestation has expired or lapsed, or whose assertions are stale.
//   - assumption_violated: a violated one.
//   - unassessed: nothing is linked to it.
const (
	MissingControls    Reason = "missing_controls"
	IncompleteGroup    Reason = "incomplete_group"
	FailedEvidence     Reason = "failed_evidence"
	PendingAttestation Reason = "pending_attestation"
	ExpiredAttestation Reason = "expired_attestation"
	AssumptionViolated Reason = "assumption_violated"
	ReasonUnassessed   Reason = "unassessed"
)

// Reasons lists the reasons in the order in which they are matched.
func Reasons() []Reason {
	return []Reason{
		MissingControls, IncompleteGroup, FailedEvidence, PendingAttestation, ExpiredAttestation, AssumptionViolated, ReasonUnassessed,
	}
}

// Enum lists the legal values, for schemas.
func (Reason) Enum() []string { return words(Reasons()) }

func words[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = string(v)
	}
	return out
}

// Posture is where a model stands. It shares memory with the input it was made from; neither is to be written to.
type Posture struct {
	Rows    []Row // every CO, gravest tier first, then by id
	Summary Summary
}

// Row is where one CO stands.
type Row struct {
	Objective *threat.Objective `json:"objective"` // of the input
	Status    Status            `json:"status"`
	By        By                `json:"by,omitempty"`        // mitigated only, as are the next four
	Assurance Assurance         `json:"assurance,omitempty"` // claimed or verified
	Attested  bool              `json:"attested"`            // runs are behind all of it, and every one carried a proof
	// Group is the number of the group that mitigates it: of several complete ones the first that is verified, else the first.
	// The one group of a CO whose controls are in no group is 1.
	Group int `json:"group,omitempty"`
	// Assumption is the one that mitigates it: of several that hold a non-applicability before an external one, then the lowest id.
	Assumption threat.ID `json:"assumption,omitempty"`
	// Weakened: the CO, or a control of the group that mitigates it, was changed and waits for somebody to approve it.
	Weakened bool   `json:"weakened,omitempty"`
	Reason   Reason `json:"reason,omitempty"` // why it is not mitigated
	// Next names what would mitigate it soonest: see [Assess].
	Next      []threat.ID `json:"next,omitempty"`
	Accepted  *Risk       `json:"accepted,omitempty"`   // a live acceptance; of several the one to review first
	ReviewDue bool        `json:"review_due,omitempty"` // the review of Accepted is due
}

// Filter narrows the rows. The zero value of a field lets everything through.
type Filter struct {
	Status    Status
	Tier      threat.Tier
	Asset     threat.ID
	Attacker  threat.ID
	Reason    Reason
	Assurance Assurance
	Accepted  *bool
}

// Filter returns the rows that every field of f lets through, gravest tier first, then by id. A value that is not known lets
// nothing through.
func (p *Posture) Filter(f Filter) []Row {
	var out []Row
	for i := range p.Rows {
		if f.admits(&p.Rows[i]) {
			out = append(out, p.Rows[i])
		}
	}
	return out
}

func (f *Filter) admits(r *Row) bool {
	return (f.Status == "" || f.Status == r.Status) &&
		(f.Tier == "" || f.Tier == r.Objective.Tier) &&
		(f.Asset == "" || f.Asset == r.Objective.Asset) &&
		(f.Attacker == "" || f.Attacker == r.Objective.Attacker) &&
		(f.Reason == "" || f.Reason == r.Reason) &&
		(f.Assurance == "" || f.Assurance == r.Assurance) &&
		(f.Accepted == nil || *f.Accepted == (r.Accepted != nil))
}
