package attest

import "encoding/json"

// Proof is what a run keeps of its proof: as it was received, and what it was checked against, so that anyone can check it again.
type Proof struct {
	Envelope json.RawMessage `json:"envelope,omitempty"`
	Token    string          `json:"token,omitempty"`
	JWKS     json.RawMessage `json:"jwks,omitempty"`     // the keys of the issuer that the token verified against
	Issuer   *Issuer         `json:"issuer,omitempty"`   // as the workspace trusted it then
	Required []Required      `json:"required,omitempty"` // what the workspace required then
	Audience string          `json:"audience,omitempty"` // the server's public URL then
	Requests bool            `json:"allow_pull_requests,omitempty"`
}

// Rules are the rules that a token was checked by.
func (p *Proof) Rules() Rules {
	return Rules{Server: p.Audience, Required: p.Required, PullRequests: p.Requests}
}
