package service_test

import (
	"fmt"
	"testing"

	"github.com/redoubt-dev/redoubt/compliance"
	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// The report of a model with 300 controls, each mapped to three requirements of ASVS, read from the database with a page of 200 rows.
func BenchmarkComplianceReport(b *testing.B) {
	s := newSite(b)
	list, err := compliance.Embedded()
	if err != nil {
		b.Fatal(err)
	}
	testenv.Write(b, s.st, func(tx *store.Tx) error {
		var controls []threat.Control
		var links []store.Link
		var mappings []store.Mapping
		for n := range 297 {
			id := threat.ID(fmt.Sprint("C", n+4))
			controls = append(controls, threat.Control{
				ID: id, Description: fmt.Sprint("Control ", id, "."), Status: threat.NotImplemented, Source: threat.Manual, Revision: 1, NextFacet: 2,
				Facets: []threat.Facet{{ID: id + ".a", Text: "It is there.", Kind: threat.StructureFacet}},
			})
			links = append(links, store.Link{Objective: "CO-A1-T1", Group: 1, Control: id})
			for k := range 3 {
				mappings = append(mappings, store.Mapping{Control: id, Framework: compliance.ASVS, Requirement: list[0].Requirements[(n*7+k*11)%345].ID, Source: "auto", Confidence: 800, Reason: "shared terms: x"})
			}
		}
		if err := tx.AddControls(s.who.WorkspaceID, s.model, controls); err != nil {
			return err
		}
		if err := tx.AddLinks(s.who.WorkspaceID, s.model, links); err != nil {
			return err
		}
		if err := tx.SelectFrameworks(s.who.WorkspaceID, s.model, s.who.UserID, []string{compliance.ASVS}); err != nil {
			return err
		}
		if err := tx.SaveMappings(s.who.WorkspaceID, s.model, s.who.UserID, mappings); err != nil {
			return err
		}
		return tx.TouchModel(s.who.WorkspaceID, s.model)
	})
	for b.Loop() {
		out, err := s.GetComplianceReport(ctx, s.who, service.GetComplianceReportIn{ModelID: s.model, Limit: all()})
		if err != nil || out.Total != 345 || out.Summary.Status.Uncovered == 0 {
			b.Fatal(err, out.Summary)
		}
	}
}
