package evidence

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/redoubt-dev/redoubt/threat"
)

// JudgmentState is how far a judgment has come.
type JudgmentState string

// The states. A failed one changes nothing: the rules' result stands, and the reason says why nobody judged.
const (
	JudgmentPending JudgmentState = "pending"
	Judged          JudgmentState = "judged"
	JudgmentFailed  JudgmentState = "failed"
)

// Judgment is what an engine says of the claims on a control or an assumption taken together (specification §7.4, §7.5): which are incoherent though
// their types would do, and which facets they do not prove though each is claimed. It can only lower what the rules found, and it counts
// only while its digest is that of the control and its claims.
//
// The fields stand in the order of their names, for [Plain].
type Judgment struct {
	At         time.Time            `json:"at"`
	Control    threat.ID            `json:"control"` // or the assumption
	Digest     string               `json:"digest"`  // of [Subject.ClaimsDigest]
	Engine     string               `json:"engine"`
	Incoherent map[threat.ID]string `json:"incoherent,omitempty"` // assertion → why
	Model      string               `json:"model,omitempty"`      // the language model; an agent does not say which it is
	Reason     string               `json:"reason,omitempty"`     // of a failure
	State      JudgmentState        `json:"state"`
	Template   string               `json:"template,omitempty"` // version of the prompt that it answers
	Unproven   map[threat.ID]string `json:"unproven,omitempty"` // facet → why
}

// ClaimsDigest names what a judge is shown: the words of the subject, and all claims on it with their types, parameters and facets.
func (s *Subject) ClaimsDigest(claims []Claim) string {
	type facet struct {
		ID   threat.ID
		Kind threat.FacetKind
		Text string
	}
	type claim struct {
		ID     threat.ID
		Type   Type
		Params string
		Facets []threat.ID
	}
	shown := struct {
		Description string
		Facets      []facet
		Claims      []claim
	}{Description: s.Description}
	for _, f := range s.Facets {
		shown.Facets = append(shown.Facets, facet{f.ID, f.Kind, f.Text})
	}
	for _, c := range claims {
		shown.Claims = append(shown.Claims, claim{c.ID, c.Type, c.Params.Canonical(), threat.SortIDs(c.Facets)})
	}
	slices.SortFunc(shown.Claims, func(a, b claim) int { return threat.CompareIDs(a.ID, b.ID) })
	raw, err := json.Marshal(shown)
	if err != nil {
		return "" // plain structs always marshal
	}
	return Hash(raw)
}

// current returns the judgments of the subject that are about these claims.
func (s *Subject) current(claims []Claim) []Judgment {
	if len(s.Judgments) == 0 {
		return nil
	}
	digest := s.ClaimsDigest(claims)
	var out []Judgment
	for _, j := range s.Judgments {
		if j.Control == s.ID && j.Digest == digest {
			out = append(out, j)
		}
	}
	return out
}

// Cohere writes into each claim why it is incoherent, or that it is not: by the catalogue, then by what was judged.
func (s *Subject) Cohere(claims []Claim) {
	judgments := s.current(claims)
	for i := range claims {
		c := &claims[i]
		c.Incoherent = s.Coherence(c.Type, c.Facets)
		for _, j := range judgments {
			if why, ok := j.Incoherent[c.ID]; ok && j.State == Judged && c.Incoherent == "" {
				c.Incoherent = fmt.Sprintf("judged by engine %s: %s", j.Engine, why)
			}
		}
	}
}

// lower takes from what the rules found of sufficiency what was judged otherwise.
func (s *Subject) lower(out Sufficiency, claims []Claim) Sufficiency {
	waits := false
	for _, j := range s.current(claims) {
		waits = waits || j.State == JudgmentPending
		if j.State != Judged {
			continue
		}
		for i := range s.Facets {
			f := &s.Facets[i]
			why, ok := j.Unproven[f.ID]
			if !ok || slices.ContainsFunc(out.Uncovered, func(g Gap) bool { return g.Facet == f.ID }) {
				continue
			}
			out.Status = Insufficient
			out.Uncovered = append(out.Uncovered, Gap{Facet: f.ID, Kind: f.Kind, Why: why, By: j.Engine, Types: Proving(f.Kind)})
		}
	}
	if waits && out.Status == Sufficient {
		out.Status = BeingJudged
	}
	return out
}
