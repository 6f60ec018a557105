package service_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/threat"
)

const day = 24 * time.Hour

func (s *site) queue() (ids []threat.ID) {
	s.t.Helper()
	out := must(s.GetReviewQueue(ctx, s.who, service.GetReviewQueueIn{ModelID: s.model}))(s.t)
	n := 0
	for _, k := range out.Summary {
		n += k
	}
	if out.Total != len(out.Controls) || out.Returned != out.Total || n != out.Total {
		s.t.Errorf("%+v", out)
	}
	for _, c := range out.Controls {
		ids = append(ids, c.ID)
	}
	return ids
}

// An implemented control waits for a look from 90 days after the last one, the gravest first; one that is not implemented does not wait.
func TestReviewQueue(t *testing.T) {
	s := newDesk(t)
	s.submit(exists, calls3)
	s.implement("C2", "C3")
	want := func(ids ...threat.ID) {
		t.Helper()
		if got := s.queue(); !slices.Equal(got, ids) {
			t.Errorf("%v wait, want %v", got, ids)
		}
	}
	want()
	s.clock.Advance(90*day - 1000)
	want()
	s.clock.Advance(1000)
	want("C2", "C3")
	s.setGroups("CO-A1-T1", cos("C1", "C3")) // C3 helps a critical objective now
	want("C3", "C2")
	page := must(s.GetReviewQueue(ctx, s.who, service.GetReviewQueueIn{ModelID: s.model, Limit: ptr(1), Offset: 1}))(t)
	if page.Total != 2 || len(page.Controls) != 1 || page.Controls[0].ID != "C2" || page.Controls[0].Tier != threat.HighTier || page.Controls[0].ReviewedAt != nil {
		t.Errorf("%+v", page)
	}

	out := must(s.MarkReviewed(ctx, s.who, service.MarkReviewedIn{ModelID: s.model, Controls: cos("C3"), Note: "still there"}))(t)
	if !out.Until.Equal(s.clock.Now().Add(90*day)) || !slices.Equal(out.Controls, cos("C3")) {
		t.Errorf("%+v", out)
	}
	want("C2")
	if c := s.stored()["C3"]; c.Revision != 2 || c.ReviewedAt == nil || !c.ReviewedAt.Equal(s.clock.Now()) {
		t.Errorf("%+v", c)
	}
	s.clock.Advance(10 * day)
	s.edited(service.ControlOp{Op: service.OpEdit, ID: "C2", Notes: ptr("n")}) // whoever edits it has looked at it, where nobody said so before
	want()
	s.clock.Advance(80 * day)
	want("C3")
	s.clock.Advance(10 * day)
	want("C3", "C2")
	must(s.RemoveAsset(ctx, s.who, service.RemoveAssetIn{Target: target(s.model), AssetID: "A1"}))(t)
	want("C3") // C2 is orphaned

	for name, c := range map[string]struct {
		in    service.MarkReviewedIn
		code  threat.Code
		field string
	}{
		"nothing":         {service.MarkReviewedIn{}, threat.Invalid, "controls"},
		"too many":        {service.MarkReviewedIn{Controls: make([]threat.ID, service.MaxLimit+1)}, threat.Invalid, "controls"},
		"no such control": {service.MarkReviewedIn{Controls: cos("C3", "C9")}, threat.NotFound, "controls"},
		"a long note":     {service.MarkReviewedIn{Controls: cos("C3"), Note: strings.Repeat("x", threat.MaxText+1)}, threat.Invalid, "note"},
	} {
		t.Run(name, func(t *testing.T) {
			c.in.ModelID = s.model
			s.refuses(func() error { _, err := s.MarkReviewed(ctx, s.who, c.in); return err }, c.code, c.field)
		})
	}
}

// The activity is filtered by each of its columns, refused writes among them, and is that of one's own workspace.
func TestGetActivity(t *testing.T) {
	s := newDesk(t)
	other := addSite(t, s.bench)
	begin := s.clock.Advance(time.Minute)
	must(s.AddAsset(ctx, s.who, service.AddAssetIn{Target: target(s.model), Name: "Ledger"}))(t)
	colleague := s.who
	colleague.UserID = testenv.User(t, s.st, "colleague@example.org").ID
	middle := s.clock.Advance(time.Minute)
	must(s.EditAsset(ctx, colleague, service.EditAssetIn{Target: target(other), AssetID: "A1", Notes: ptr("n")}))(t)
	later := s.clock.Now().Add(month)
	_, err := s.AcceptRisk(ctx, s.who, service.AcceptRiskIn{ModelID: s.model, Objective: "CO-A1-T1", Owner: "Grace", Reason: "r", ReviewBy: &later})
	code(t, err, threat.Forbidden)
	end := s.clock.Advance(time.Minute)
	s.assume("Disks are encrypted.", "CO-A2-T2")
	s.edited(service.ControlOp{Op: service.OpEdit, ID: "C2", Notes: ptr("n")}, service.ControlOp{Op: service.OpEdit, ID: "C1", Notes: ptr("n")})
	for name, c := range map[string]struct {
		in   service.GetActivityIn
		want []string
	}{
		"all":        {service.GetActivityIn{}, []string{"edit_controls", "edit_assumptions", "accept_risk", "edit_asset", "add_asset"}},
		"model":      {service.GetActivityIn{ModelID: other}, []string{"edit_asset"}},
		"verb":       {service.GetActivityIn{Verb: "add_asset"}, []string{"add_asset"}},
		"done":       {service.GetActivityIn{Outcome: "done"}, []string{"edit_controls", "edit_assumptions", "edit_asset", "add_asset"}},
		"refused":    {service.GetActivityIn{Outcome: "refused"}, []string{"accept_risk"}},
		"user":       {service.GetActivityIn{UserID: colleague.UserID}, []string{"edit_asset"}},
		"object":     {service.GetActivityIn{Object: "A3"}, []string{"add_asset"}},
		"one of two": {service.GetActivityIn{Object: "C2"}, []string{"edit_controls"}},
		"assumption": {service.GetActivityIn{Object: "AS2"}, []string{"edit_assumptions"}},
		"a part":     {service.GetActivityIn{Object: "C"}, nil},
		"since":      {service.GetActivityIn{Since: &middle}, []string{"edit_controls", "edit_assumptions", "accept_risk", "edit_asset"}},
		"until":      {service.GetActivityIn{Until: &begin}, []string{"add_asset"}},
		"between":    {service.GetActivityIn{Since: &middle, Until: ptr(end.Add(-1000))}, []string{"accept_risk", "edit_asset"}},
		"page":       {service.GetActivityIn{Limit: ptr(2), Offset: 2}, []string{"accept_risk", "edit_asset"}},
		"nothing":    {service.GetActivityIn{Verb: "x"}, nil},
		"the counts": {service.GetActivityIn{Limit: ptr(0)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			out := must(s.GetActivity(ctx, s.who, c.in))(t)
			var got []string
			for _, a := range out.Activity {
				got = append(got, a.Verb)
			}
			if !slices.Equal(got, c.want) || out.Returned != len(got) || out.Total != out.Summary["done"]+out.Summary["refused"] {
				t.Errorf("%v of %+v, want %v", got, out, c.want)
			}
			if name == "the counts" && (out.Summary["done"] != 4 || out.Summary["refused"] != 1) || name == "page" && out.Total != 5 {
				t.Errorf("%+v", out)
			}
		})
	}
	refused := must(s.GetActivity(ctx, s.who, service.GetActivityIn{Outcome: "refused"}))(t).Activity[0]
	var detail struct {
		Proposal service.AcceptRiskIn `json:"proposal"`
	}
	if err := json.Unmarshal(refused.Detail, &detail); err != nil || detail.Proposal.Owner != "Grace" || refused.Code != threat.Forbidden || refused.ModelID != s.model {
		t.Errorf("%+v, %v", refused, err)
	}
	// What was proposed is what somebody who may decide can do.
	must(s.AcceptRisk(ctx, s.boss(), detail.Proposal))(t)
	if r := s.row("CO-A1-T1"); r.Accepted == nil || r.Accepted.Owner != "Grace" {
		t.Errorf("%+v", r)
	}

	_, err = s.GetActivity(ctx, s.who, service.GetActivityIn{Outcome: "x"})
	code(t, err, threat.Invalid)
	_, err = s.GetActivity(ctx, s.who, service.GetActivityIn{ModelID: testenv.NewID(t)})
	code(t, err, threat.NotFound)
	stranger := testenv.Caller(t, s.st, account.Developer)
	if out := must(s.GetActivity(ctx, stranger, service.GetActivityIn{}))(t); out.Total != 0 {
		t.Errorf("a stranger sees %+v", out)
	}
	_, err = s.GetActivity(ctx, stranger, service.GetActivityIn{ModelID: s.model})
	code(t, err, threat.NotFound)
	_, err = s.GetActivity(ctx, s.ci, service.GetActivityIn{})
	code(t, err, threat.Forbidden)
	must(s.DeleteThreatModel(ctx, s.who, service.DeleteThreatModelIn{ModelID: s.model}))(t)
	if out := must(s.GetActivity(ctx, s.who, service.GetActivityIn{ModelID: s.model, Verb: "delete_threat_model"}))(t); out.Total != 1 {
		t.Errorf("of a deleted model: %+v", out)
	}
}
