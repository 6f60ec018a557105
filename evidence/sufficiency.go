package evidence

import (
	"fmt"
	"slices"
	"strings"

	"github.com/redoubt-dev/redoubt/threat"
)

// Subject is what assertions evidence: a control, or an assumption that does not apply (specification §5), which counts as a
// control with one facet of any kind.
type Subject struct {
	ID          threat.ID
	Description string
	Facets      []threat.Facet // a facet without a kind is met by every type
	Implemented bool
	Trust       Trust      // what the workspace asks of the runs behind results
	Judgments   []Judgment // what engines said of its claims; those about another set of them count for nothing
}

// AssumptionSubject makes the subject of an assumption: its one facet has the assumption's id and no kind.
func AssumptionSubject(id threat.ID, text string) Subject {
	return Subject{ID: id, Description: text, Facets: []threat.Facet{{ID: id, Text: text}}, Implemented: true}
}

// facet returns a facet of the subject, or nil.
func (s *Subject) facet(id threat.ID) *threat.Facet {
	for i := range s.Facets {
		if s.Facets[i].ID == id {
			return &s.Facets[i]
		}
	}
	return nil
}

// Claims resolves which facets an assertion claims: those given, or the only one there is. Errors: [threat.Invalid] for one that
// the subject has not, or none given where there are several.
func (s *Subject) Claims(given []threat.ID) ([]threat.ID, error) {
	if len(given) == 0 {
		if len(s.Facets) == 1 {
			return []threat.ID{s.Facets[0].ID}, nil
		}
		return nil, threat.Errorf(threat.Invalid, "%s has %d facets: say which this evidences", s.ID, len(s.Facets)).In("facets").
			Hinted("facets of %s: %s", s.ID, s.facetList())
	}
	out := make([]threat.ID, 0, len(given))
	for _, id := range given {
		full := id
		if s.facet(id) == nil && len(id) == 1 { // "a" for "C1.a"
			full = s.ID + "." + id
		}
		if s.facet(full) == nil {
			return nil, threat.Errorf(threat.Invalid, "%s has no facet %s", s.ID, threat.Clip(string(id), 20)).In("facets").
				Hinted("facets of %s: %s", s.ID, s.facetList())
		}
		if !slices.Contains(out, full) {
			out = append(out, full)
		}
	}
	slices.Sort(out)
	return out, nil
}

// facetList names the facets with their kinds: ids and closed words, no free text.
func (s *Subject) facetList() string {
	names := make([]string, len(s.Facets))
	for i, f := range s.Facets {
		names[i] = fmt.Sprintf("%s (%s)", f.ID, f.Kind)
	}
	return strings.Join(names, ", ")
}

// Meets reports whether a type proves a facet of the subject, or may with Tier 2's word.
func meets(spec *Spec, f *threat.Facet) bool { return f != nil && (f.Kind == "" || spec.Meets(f.Kind)) }

// Coherence judges an assertion by the catalogue alone: its type's kinds must meet the kind of a facet it claims (specification
// §7.4), and every facet it claims must exist. It returns "" for a coherent one, else why it is not, in words without free text.
func (s *Subject) Coherence(t Type, claimed []threat.ID) string {
	spec, ok := byType[t]
	if !ok {
		return fmt.Sprintf("there is no assertion type %s", threat.Clip(string(t), 40))
	}
	met := false
	var gone, wrong []string
	for _, id := range claimed {
		switch f := s.facet(id); {
		case f == nil:
			gone = append(gone, string(id))
		case meets(spec, f):
			met = true
		default:
			wrong = append(wrong, fmt.Sprintf("%s is %s", id, f.Kind))
		}
	}
	switch {
	case len(gone) > 0: // what it evidenced is no longer asked for (specification §4)
		return fmt.Sprintf("it claims %s, which %s no longer has", strings.Join(gone, ", "), s.ID)
	case met:
		return ""
	}
	return fmt.Sprintf("%s proves %s; %s", t, joinKinds(spec.AllKinds()), strings.Join(wrong, ", "))
}

func joinKinds(kinds []threat.FacetKind) string {
	words := make([]string, len(kinds))
	for i, k := range kinds {
		words[i] = string(k)
	}
	return strings.Join(words, " and ")
}

// SufficiencyStatus says whether the claims on a control are enough.
type SufficiencyStatus string

// The statuses. Pending is for a judgment that is still being made.
const (
	Sufficient   SufficiencyStatus = "sufficient"
	Insufficient SufficiencyStatus = "insufficient"
	BeingJudged  SufficiencyStatus = "pending"
)

// Gap is a facet that no coherent assertion claims, or that the claims were judged not to prove.
type Gap struct {
	Facet threat.ID        `json:"facet"`
	Kind  threat.FacetKind `json:"kind,omitempty"`
	Why   string           `json:"why"`
	By    string           `json:"judged_by,omitempty" jsonschema:"engine; absent where the rules say so"`
	Types []Type           `json:"types" jsonschema:"assertion types that would prove it"`
}

// Sufficiency is whether every facet is claimed by a coherent assertion, and what is missing.
type Sufficiency struct {
	Status    SufficiencyStatus `json:"status"`
	Uncovered []Gap             `json:"uncovered,omitempty"`
}

// Sufficiency judges the assertions on a subject together (specification §7.5). A facet is covered by a coherent assertion that
// claims it and whose type meets its kind: an assertion that is coherent by one facet does not cover another of a kind it
// cannot prove. What was judged of these claims lowers that, and while they are being judged they are at most pending.
func (s *Subject) Sufficiency(claims []Claim) Sufficiency {
	out := Sufficiency{Status: Sufficient}
	for i := range s.Facets {
		f := &s.Facets[i]
		why := "nothing claims it"
		covered := false
		for _, c := range claims {
			if !slices.Contains(c.Facets, f.ID) {
				continue
			}
			spec, ok := byType[c.Type]
			suits := ok && meets(spec, f)
			if suits && c.Incoherent == "" {
				covered = true
				break
			}
			why = fmt.Sprintf("%s is %s, which does not prove %s", c.ID, c.Type, f.Kind)
			if suits {
				why = fmt.Sprintf("%s is incoherent", c.ID)
			}
		}
		if !covered {
			out.Status = Insufficient
			out.Uncovered = append(out.Uncovered, Gap{Facet: f.ID, Kind: f.Kind, Why: why, Types: Proving(f.Kind)})
		}
	}
	return s.lower(out, claims)
}
