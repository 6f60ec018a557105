package service_test

import (
	"testing"

	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/threat"
)

// Converting an assumption retires it and generates controls for those of its objectives that have none; the others keep what they have.
func TestConvertAnAssumption(t *testing.T) {
	s := newBench(t)
	model := s.model(t).ModelID
	text := "Invoices are only ever seen by accountants."
	asset, err := s.AddAsset(ctx, s.who, service.AddAssetIn{Target: service.Target{ModelID: model}, Name: "Invoices"})
	if err != nil {
		t.Fatal(err)
	}
	bare, covered := threat.ObjectiveID(asset.Asset.ID, "T1"), threat.ID("CO-A1-T1")
	before := s.controlsOf(t, model, covered)
	if len(before) == 0 {
		t.Fatal("the covered objective has no control")
	}
	added, err := s.EditAssumptions(ctx, s.who, service.EditAssumptionsIn{
		Target:     service.Target{ModelID: model},
		Operations: []service.AssumptionOp{{Op: service.OpAdd, Text: &text, Objectives: []threat.ID{bare, covered}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	id := added.Assumptions[0].ID
	out, err := s.EditAssumptions(ctx, s.who, service.EditAssumptionsIn{
		Target: service.Target{ModelID: model}, Operations: []service.AssumptionOp{{Op: service.OpConvert, ID: id}},
	})
	if err != nil || out.JobID == "" || out.Assumptions[0].Status != threat.Retired {
		t.Fatalf("%+v, %v", out, err)
	}
	wait := 50
	job, err := s.GetOperationStatus(ctx, s.who, service.GetOperationStatusIn{JobID: out.JobID, WaitSeconds: &wait, Seen: -1})
	if err != nil || job.Status != "done" {
		t.Fatalf("%+v, %v", job, err)
	}
	if got := s.controlsOf(t, model, bare); len(got) == 0 {
		t.Error("the bare objective has no controls")
	}
	if got := s.controlsOf(t, model, covered); len(got) != len(before) {
		t.Errorf("the covered objective had %v and has %v", before, got)
	}
	// A retired assumption has no way back, and cannot be converted twice.
	for _, op := range []service.Op{service.OpConvert, service.OpRestore} {
		_, err := s.EditAssumptions(ctx, s.who, service.EditAssumptionsIn{
			Target: service.Target{ModelID: model}, Operations: []service.AssumptionOp{{Op: op, ID: id}},
		})
		if threat.CodeOf(err) != threat.NotFound {
			t.Errorf("%s gives %v", op, err)
		}
	}
}

func (s *bench) controlsOf(t *testing.T, model string, co threat.ID) []threat.ID {
	t.Helper()
	limit := 200
	out, err := s.GetControls(ctx, s.who, service.GetControlsIn{ModelID: model, Objective: co, Limit: &limit})
	if err != nil {
		t.Fatal(err)
	}
	var ids []threat.ID
	for _, c := range out.Controls {
		ids = append(ids, c.ID)
	}
	return ids
}
