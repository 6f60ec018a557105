package attest

import "encoding/json"

// Proof is what a run keeps of its proof: as it was received, and what it was checked against, so that anyone can check it again.
type Proof struct {
	Requests bool            `json:"allow_pull_requests,omitempty"` // what the workspace decided then, as are the next but the proofs themselves
	Audience string          `json:"audience,omitempty"`            // the server's public URL
	Envelope json.RawMessage `json:"envelope,omitempty"`
	Issuer   *Issuer         `json:"issuer,omitempty"`
	JWKS     json.RawMessage `json:"jwks,omitempty"` // the keys of the issuer that the token verified against
	Required []Required      `json:"required,omitempty"`
	Token    string          `json:"token,omitempty"`
}

// Rules are the rules that a token was checked by.
func (p *Proof) Rules() Rules {
	return Rules{Server: p.Audience, Required: p.Required, PullRequests: p.Requests}
}
