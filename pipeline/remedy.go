package pipeline

import "github.com/redoubt-dev/redoubt/threat"

// Need is a requirement of a framework that no control of a model serves.
type Need struct {
	ID       string
	Text     string
	Section  string
	Keywords []string
	Level    int // the lowest level that asks for it; 0 where there are none
}

// Remedy is what a model lacks to meet needs: an asset or an attacker to add, or one that is there and has no control for them. Or it
// says that the needs do not apply.
type Remedy struct {
	Existing      threat.ID         `json:"existing,omitempty"` // of an asset or an attacker that is there
	Asset         *AssetProposal    `json:"asset,omitempty"`
	Attacker      *AttackerProposal `json:"attacker,omitempty"`
	NotApplicable bool              `json:"not_applicable,omitempty"` // and nothing of the above
	Needs         []string          `json:"needs,omitempty"`          // ids
	Why           string            `json:"why,omitempty"`
}

// Remedier is an engine that can say what a model lacks to meet requirements, at once and without asking anybody.
type Remedier interface {
	// Remedies covers every need by an asset at least. The same question has the same answer.
	Remedies(s *threat.Structure, needs []Need) []Remedy
}
