package service

import (
	"context"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/threat"
)

// GetAssertionTypesIn narrows the catalogue.
type GetAssertionTypesIn struct {
	Type   evidence.Type    `json:"type,omitempty" jsonschema:"one type in full"`
	Kind   threat.FacetKind `json:"kind,omitempty" jsonschema:"all that prove it, in full"`
	Limit  *int             `json:"limit,omitempty" jsonschema:"default: all"`
	Offset int              `json:"offset,omitempty"`
}

// AssertionTypeRow is a type of the catalogue.
type AssertionTypeRow struct {
	ID         evidence.Type      `json:"id"`
	Usage      string             `json:"usage" jsonschema:"parameters; optional ones in brackets"`
	Proves     []threat.FacetKind `json:"proves"`
	Means      string             `json:"means,omitempty" jsonschema:"what a pass says"`
	Parameters map[string]string  `json:"parameters,omitempty"`
	Example    evidence.Params    `json:"example,omitempty"`
}

// GetAssertionTypesOut is a page of the catalogue; the summary counts types by the facet kind that they prove.
type GetAssertionTypesOut struct {
	Total    int                      `json:"total"`
	Returned int                      `json:"returned"`
	Offset   int                      `json:"offset"`
	Summary  map[threat.FacetKind]int `json:"summary"`
	Types    []AssertionTypeRow       `json:"assertion_types"`
}

// GetAssertionTypes lists the assertion types. Errors: [threat.Invalid].
func (s *Service) GetAssertionTypes(_ context.Context, who account.Principal, in GetAssertionTypesIn) (GetAssertionTypesOut, error) {
	out := GetAssertionTypesOut{Summary: map[threat.FacetKind]int{}, Types: []AssertionTypeRow{}}
	if err := who.Allow(account.Read); err != nil {
		return out, err
	}
	limit, offset, err := page(in.Limit, in.Offset, MaxLimit)
	if err != nil {
		return out, err
	}
	if in.Type != "" {
		if _, err := evidence.Lookup(in.Type); err != nil {
			return out, err
		}
	}
	var found []AssertionTypeRow
	for _, spec := range evidence.Specs() {
		if in.Type != "" && spec.Type != in.Type || in.Kind != "" && !spec.Meets(in.Kind) {
			continue
		}
		for _, k := range spec.AllKinds() {
			out.Summary[k]++
		}
		found = append(found, typeRow(&spec, in.Type != "" || in.Kind != ""))
	}
	out.Total, out.Offset = len(found), offset
	out.Types = append(out.Types, cut(found, limit, offset)...)
	out.Returned = len(out.Types)
	return out, nil
}

func typeRow(spec *evidence.Spec, full bool) AssertionTypeRow {
	row := AssertionTypeRow{ID: spec.Type, Usage: spec.Usage(), Proves: spec.AllKinds()}
	if !full {
		return row
	}
	row.Means, row.Example, row.Parameters = spec.About, spec.Example, map[string]string{}
	for _, p := range spec.Params {
		row.Parameters[p.Name] = p.About
	}
	return row
}
