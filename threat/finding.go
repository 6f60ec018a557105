package threat

import "slices"

// Severity is how grave a finding is.
type Severity string

// The severities, the gravest first.
const (
	SeverityCritical Severity = "critical"
	SeverityHigh     Severity = "high"
	SeverityMedium   Severity = "medium"
	SeverityLow      Severity = "low"
	SeverityInfo     Severity = "info"
)

// Severities lists the legal severities.
func Severities() []Severity {
	return []Severity{SeverityCritical, SeverityHigh, SeverityMedium, SeverityLow, SeverityInfo}
}

// Enum lists the legal values, for schemas.
func (Severity) Enum() []string { return names(Severities()) }

// SeverityOf is the severity of what breaks a control that helps a CO of this tier.
func SeverityOf(t Tier) Severity {
	switch t {
	case Critical:
		return SeverityCritical
	case HighTier:
		return SeverityHigh
	case LowTier:
		return SeverityLow
	}
	return SeverityMedium
}

// FindingSource says who found it.
type FindingSource string

// The sources. Drift and injection open by themselves.
const (
	FromAgent     FindingSource = "agent"
	FromPerson    FindingSource = "manual"
	FromSARIF     FindingSource = "sarif"
	FromDrift     FindingSource = "drift"
	FromInjection FindingSource = "injection"
)

// FindingSources lists the legal sources.
func FindingSources() []FindingSource {
	return []FindingSource{FromAgent, FromPerson, FromSARIF, FromDrift, FromInjection}
}

// Enum lists the legal values, for schemas.
func (FindingSource) Enum() []string { return names(FindingSources()) }

// FindingStatus is where a finding is in its life; it only goes forward.
type FindingStatus string

// The statuses (specification §8). Verified is computed.
const (
	Discovered   FindingStatus = "discovered"
	Acknowledged FindingStatus = "acknowledged"
	Remediated   FindingStatus = "remediated"
	FixVerified  FindingStatus = "verified"
	Dismissed    FindingStatus = "dismissed"
)

// FindingStatuses lists the legal statuses.
func FindingStatuses() []FindingStatus {
	return []FindingStatus{Discovered, Acknowledged, Remediated, FixVerified, Dismissed}
}

// Enum lists the legal values, for schemas.
func (FindingStatus) Enum() []string { return names(FindingStatuses()) }

// Open reports whether something is still to be done.
func (s FindingStatus) Open() bool {
	return slices.Contains([]FindingStatus{Discovered, Acknowledged, Remediated}, s)
}

// Finding is a negative observation: expected, looked for here, not found.
type Finding struct {
	ID               ID            `json:"id"`
	Control          ID            `json:"control_id,omitempty"`
	Title            string        `json:"title"`
	Description      string        `json:"description,omitempty"`
	Severity         Severity      `json:"severity"`
	Source           FindingSource `json:"source"`
	Status           FindingStatus `json:"status"`
	Reason           string        `json:"reason,omitempty"` // of its dismissal
	Fingerprint      string        `json:"fingerprint"`
	CheckedLocations []string      `json:"checked_locations,omitempty"`
	CheckedPatterns  []string      `json:"checked_patterns,omitempty"`
	ExpectedEvidence string        `json:"expected_evidence,omitempty"`
	Reopens          ID            `json:"reopens,omitempty"`            // the verified finding that it repeats
	MappedBy         string        `json:"mapped_by,omitempty"`          // how an import or a person came to the control; "" when it was submitted with one
	Proposal         string        `json:"proposed_dismissal,omitempty"` // why a report wants it dismissed; someone with decide says
	Refused          string        `json:"-"`                            // the proposal that someone with decide refused last: said again, it is none
}

func names[T ~string](values []T) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = string(v)
	}
	return out
}
