package exchange

import (
	"time"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/posture"
	"github.com/redoubt-dev/redoubt/threat"
)

// The format of a document. A reader refuses another format, and a version that it does not know.
const (
	DocumentFormat  = "redoubt/threat-model"
	DocumentVersion = 1
)

// Document is a whole threat model: its head, its controls and the evidence on them, and what people decided. It is what export writes
// and import reads. What only CI and people with decide can say (results, attestations, accepted risks, posture) is in it to be read;
// an import leaves it out.
type Document struct {
	Format        string    `json:"format"`
	FormatVersion int       `json:"format_version"`
	ExportedAt    time.Time `json:"exported_at"`

	Model       DocumentModel        `json:"model"`
	Assets      []threat.Asset       `json:"assets"`
	Attackers   []threat.Attacker    `json:"attackers"`
	Boundaries  []threat.Boundary    `json:"trust_boundaries"`
	Assumptions []DocumentAssumption `json:"assumptions"`
	Retired     []threat.Assumption  `json:"retired_assumptions,omitempty"` // as they last were
	Controls    []DocumentControl    `json:"controls"`
	Mitigations []DocumentMitigation `json:"mitigations"`
	Assertions  []DocumentAssertion  `json:"assertions"`
	Findings    []DocumentFinding    `json:"findings"`
	Risks       []DocumentRisk       `json:"accepted_risks"`
	Weakened    []DocumentWeakening  `json:"weakened_objectives"`
	Frameworks  []DocumentFramework  `json:"frameworks,omitempty"`
	Counters    map[threat.Kind]int  `json:"counters"` // the number the next id of each kind gets
	Posture     *posture.Summary     `json:"posture,omitempty"`
	Objectives  []DocumentObjective  `json:"control_objectives,omitempty"` // computed, to be read
}

// DocumentModel is the row of the model.
type DocumentModel struct {
	ID      string         `json:"id"`
	Title   string         `json:"title"`
	Version int            `json:"version"`
	Feature string         `json:"feature_description"`
	Repos   []DocumentRepo `json:"repos"`
}

// DocumentRepo is a repository and the branch whose runs count.
type DocumentRepo struct {
	Repo   string `json:"repo"`
	Branch string `json:"branch"`
}

// DocumentAssumption is an assumption with its state and its history.
type DocumentAssumption struct {
	threat.Assumption
	State        threat.AssumptionState `json:"state"`
	StateAt      *time.Time             `json:"state_at,omitempty"` // when it came to that; none for one that is as it was made
	Reason       string                 `json:"reason,omitempty"`
	Carries      []threat.ID            `json:"carries,omitempty"` // controls
	Attestations []DocumentAttestation  `json:"attestations,omitempty"`
}

// DocumentAttestation is a person's word.
type DocumentAttestation struct {
	ID          string     `json:"id"`
	Statement   string     `json:"statement"`
	EvidenceURL string     `json:"evidence_url,omitempty"`
	AttestedBy  string     `json:"attested_by"` // user id
	CreatedAt   time.Time  `json:"created_at"`
	ExpiresAt   time.Time  `json:"expires_at"`
	EndedAt     *time.Time `json:"ended_at,omitempty"`
	EndedReason string     `json:"ended_reason,omitempty"`
	Lapsed      string     `json:"lapsed,omitempty"`
}

// DocumentControl is a control with what is known of it. Deleted ones are marked.
type DocumentControl struct {
	threat.Control
	Verification  evidence.Verification `json:"verification"`
	Weakened      string                `json:"weakened,omitempty"`
	ReviewedAt    *time.Time            `json:"reviewed_at,omitempty"`
	Documents     []DocumentLink        `json:"auxiliary_evidence,omitempty"`
	DeletedAt     *time.Time            `json:"deleted_at,omitempty"`
	DeletedReason string                `json:"deleted_reason,omitempty"`
}

// DocumentLink is auxiliary evidence: context, never proof.
type DocumentLink struct {
	Title string `json:"title"`
	URL   string `json:"url,omitempty"`
}

// DocumentMitigation says that a control helps a CO in a group; group 0 is defence in depth.
type DocumentMitigation struct {
	Objective threat.ID `json:"control_objective"`
	Group     int       `json:"group"`
	Control   threat.ID `json:"control"`
}

// DocumentAssertion is an assertion with what is held of it.
type DocumentAssertion struct {
	evidence.Assertion
	Incoherent    string         `json:"incoherent,omitempty"`
	Tier1         *evidence.Held `json:"tier1,omitempty"`
	Tier2         *evidence.Held `json:"tier2,omitempty"`
	DeletedAt     *time.Time     `json:"deleted_at,omitempty"`
	DeletedReason string         `json:"deleted_reason,omitempty"`
	Debt          bool           `json:"debt,omitempty"` // deleted while failing, and not yet made good
}

// DocumentFinding is a finding with the assertions that will show it mended.
type DocumentFinding struct {
	threat.Finding
	Assertions []threat.ID `json:"assertions,omitempty"`
}

// DocumentRisk is an accepted risk.
type DocumentRisk struct {
	ID          string     `json:"id"`
	Objective   threat.ID  `json:"control_objective"`
	Owner       string     `json:"owner"`
	Reason      string     `json:"reason"`
	DecidedBy   string     `json:"decided_by"` // user id
	ReviewBy    time.Time  `json:"review_by"`
	ExpiresAt   *time.Time `json:"expires_at,omitempty"`
	EndedAt     *time.Time `json:"ended_at,omitempty"`
	EndedReason string     `json:"ended_reason,omitempty"`
	Lapsed      string     `json:"lapsed,omitempty"`
}

// DocumentWeakening is a CO whose mitigation a change weakened, and nobody has approved it.
type DocumentWeakening struct {
	Objective threat.ID `json:"control_objective"`
	Reason    string    `json:"reason"`
}

// DocumentFramework is what a model says of a framework that it selected, or once did. The framework itself is not in it.
type DocumentFramework struct {
	ID         string              `json:"id"`
	Selected   bool                `json:"selected"`
	Mappings   []DocumentMapping   `json:"mappings,omitempty"`
	Exclusions []DocumentExclusion `json:"exclusions,omitempty"`
}

// DocumentMapping says that a control serves a requirement; of the source "rejected", that a person found it does not.
type DocumentMapping struct {
	Control     threat.ID `json:"control"`
	Requirement string    `json:"requirement"`
	Source      string    `json:"source"`
	Confidence  int       `json:"confidence"` // in thousandths
	Reason      string    `json:"reason,omitempty"`
}

// DocumentExclusion is a requirement that somebody with decide ruled out.
type DocumentExclusion struct {
	Requirement string    `json:"requirement"`
	Reason      string    `json:"reason"`
	DecidedBy   string    `json:"decided_by"` // user id
	DecidedAt   time.Time `json:"decided_at"`
}

// DocumentObjective is where a CO stands at the time of the export.
type DocumentObjective struct {
	ID        threat.ID         `json:"id"`
	Statement string            `json:"statement"`
	Tier      threat.Tier       `json:"tier"`
	Reachable bool              `json:"reachable"`
	Status    posture.Status    `json:"status"`
	By        posture.By        `json:"by,omitempty"`
	Assurance posture.Assurance `json:"assurance,omitempty"`
	Attested  bool              `json:"attested"`
	Reason    posture.Reason    `json:"reason,omitempty"`
	Next      []threat.ID       `json:"next,omitempty"`
	Accepted  bool              `json:"accepted,omitempty"`
}
