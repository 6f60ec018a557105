package service_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/compliance"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// studio is a generated model that is measured against ASVS.
func studio(t *testing.T) *site {
	t.Helper()
	b := newBench(t)
	s := &site{bench: b, t: t, model: b.model(t).ModelID}
	must(s.SelectFrameworks(ctx, s.who, service.SelectFrameworksIn{ModelID: s.model, Frameworks: []string{compliance.ASVS}}))(t)
	return s
}

func (s *site) suggest(ids ...string) service.SuggestRemediationOut {
	s.t.Helper()
	return must(s.SuggestRemediation(ctx, s.who, service.SuggestRemediationIn{ModelID: s.model, Requirements: ids}))(s.t)
}

// An approved proposal closes its gaps in one version: an asset, its objectives, controls for them, and mappings that say where from.
func TestApplyRemediation(t *testing.T) {
	s := studio(t)
	before := must(s.GetThreatModel(ctx, s.who, service.GetThreatModelIn{ModelID: s.model}))(t)
	controls := len(s.controls(t, s.model, service.GetControlsIn{}))
	out := s.suggest("V17.1.1", "V17.2.1", "V9.1.1", "V6.2.1")
	if out.Gaps != 4 || out.Left != 0 || out.Total != len(out.Proposals) || out.Engine != "builtin" {
		t.Fatalf("%+v", out)
	}
	again := s.suggest("V17.1.1", "V17.2.1", "V9.1.1", "V6.2.1")
	for i, p := range again.Proposals { // the same, under new ids; those of before are superseded
		was := out.Proposals[i]
		if p.ID == was.ID {
			t.Errorf("%s is used twice", p.ID)
		}
		p.ID = was.ID
		if d := cmp.Diff(was, p); d != "" {
			t.Errorf("asked again (-first +second):\n%s", d)
		}
	}
	_, err := s.ApplyRemediation(ctx, s.who, service.ApplyRemediationIn{Target: target(s.model), Approved: []string{out.Proposals[0].ID}})
	if te := code(t, err, threat.FailedPrecondition); te.Field != "approved.0" {
		t.Errorf("%+v", te)
	}
	var approved []string
	fresh := 0
	for _, p := range again.Proposals {
		if p.Kind == threat.KindAsset {
			approved = append(approved, p.ID)
			if p.Existing == "" {
				fresh++
			}
		}
	}
	done := must(s.ApplyRemediation(ctx, s.who, service.ApplyRemediationIn{Target: service.Target{ModelID: s.model, ExpectedVersion: 1, IdempotencyKey: "k"}, Approved: approved}))(t)
	if done.Version != 2 || len(done.Added) != fresh || len(done.Controls) == 0 {
		t.Errorf("%+v", done)
	}
	if mapped := slices.Sorted(slices.Values(done.Mapped)); fmt.Sprint(mapped) != "[V17.1.1 V17.2.1 V6.2.1 V9.1.1]" {
		t.Errorf("mapped %v", mapped)
	}
	repeat := must(s.ApplyRemediation(ctx, s.who, service.ApplyRemediationIn{Target: service.Target{ModelID: s.model, ExpectedVersion: 1, IdempotencyKey: "k"}, Approved: approved}))(t)
	if d := cmp.Diff(done, repeat); d != "" {
		t.Errorf("a repeat (-first +second):\n%s", d)
	}
	after := must(s.GetThreatModel(ctx, s.who, service.GetThreatModelIn{ModelID: s.model}))(t)
	if after.Version != 2 || len(after.Assets) != len(before.Assets)+fresh {
		t.Errorf("version %d, %d assets", after.Version, len(after.Assets))
	}
	now := s.controls(t, s.model, service.GetControlsIn{})
	if len(now) != controls+len(done.Controls) {
		t.Errorf("%d controls, were %d, %d made", len(now), controls, len(done.Controls))
	}
	for _, c := range now {
		if slices.Contains(done.Controls, c.ID) && (c.Source != threat.Compliance || c.Status != threat.NotImplemented || c.Orphaned || len(c.Objectives) == 0) {
			t.Errorf("%+v", c)
		}
	}
	report := s.report(service.GetComplianceReportIn{Requirements: []string{"V17.1.1", "V17.2.1", "V9.1.1", "V6.2.1"}})
	for _, r := range report.Requirements {
		if r.Status != compliance.Uncovered || len(r.Controls) == 0 {
			t.Errorf("%+v", r)
		}
		for _, c := range r.Controls {
			if c.Source != "remediation" || c.Confidence <= 0 || c.Reason == "" {
				t.Errorf("%s: %+v", r.ID, c)
			}
		}
	}
	for _, co := range must(s.AssessModel(ctx, s.who, service.AssessModelIn{ModelID: s.model, Status: "unassessed", Limit: all()}))(t).Objectives {
		if asset, _, _ := threat.SplitObjective(co.ID); slices.Contains(done.Added, asset) && co.Reachable {
			t.Errorf("%s has no control", co.ID)
		}
	}
	if r := s.report(service.GetComplianceReportIn{Requirements: []string{"V6.2.1"}}).Requirements; len(r) == 1 {
		_, err = s.SuggestRemediation(ctx, s.who, service.SuggestRemediationIn{ModelID: s.model, Requirements: []string{"V6.2.1"}})
		code(t, err, threat.FailedPrecondition)
	}
}

// What a person takes away is not made again by auto_map_controls, also where the matcher is sure of it, and whoever mapped it.
func TestUnmappedStaysUnmapped(t *testing.T) {
	s := studio(t)
	out := s.suggest("V17.2.1")
	done := must(s.ApplyRemediation(ctx, s.who, service.ApplyRemediationIn{Target: target(s.model), Approved: []string{out.Proposals[0].ID}}))(t)
	ids := []string{"V17.2.1"}
	rows := func() []service.MappedControlRow {
		t.Helper()
		return s.report(service.GetComplianceReportIn{Requirements: ids}).Requirements[0].Controls
	}
	if len(rows()) == 0 || len(done.Controls) == 0 {
		t.Fatalf("%+v", done)
	}
	auto := func() {
		t.Helper()
		must(s.AutoMapControls(ctx, s.who, service.AutoMapControlsIn{ModelID: s.model}))(t)
	}
	auto() // beside the control that was made for it others may come
	for _, c := range rows() {
		must(s.MapControl(ctx, s.who, service.MapControlIn{ModelID: s.model, Control: c.Control, Requirements: ids, Unmap: true}))(t)
	}
	by := done.Controls[0]
	s.mapControl(by, ids...)
	must(s.MapControl(ctx, s.who, service.MapControlIn{ModelID: s.model, Control: by, Requirements: ids, Unmap: true}))(t)
	if auto(); len(rows()) != 0 {
		t.Errorf("%+v", rows())
	}
}

// Judgments stay with people who decide; rejections change nothing of the model; what moved is a conflict.
func TestDecideProposals(t *testing.T) {
	s := studio(t)
	out := s.suggest("V17.1.1", "V17.3.1", "V1.2.10", "V9.1.1")
	var assets []string
	wants := map[string][]string{}
	for _, p := range out.Proposals {
		wants[p.ID] = p.Requirements
		if p.Kind == threat.KindAsset {
			assets = append(assets, p.ID)
		}
	}
	if len(assets) < 3 {
		t.Fatalf("%+v", out.Proposals)
	}
	apply := func(who account.Principal, in service.ApplyRemediationIn) (service.ApplyRemediationOut, error) {
		in.ModelID = s.model
		return s.ApplyRemediation(ctx, who, in)
	}
	for name, c := range map[string]struct {
		who   account.Principal
		in    service.ApplyRemediationIn
		code  threat.Code
		field string
	}{
		"no decide":     {s.who, service.ApplyRemediationIn{Approved: assets[:1], NotApplicable: assets[1:2], Reason: "no WebRTC"}, threat.Forbidden, ""},
		"no reason":     {s.boss(), service.ApplyRemediationIn{Approved: assets[:1], NotApplicable: assets[1:2]}, threat.Invalid, "reason"},
		"nothing":       {s.who, service.ApplyRemediationIn{}, threat.Invalid, "approved"},
		"unknown":       {s.who, service.ApplyRemediationIn{Approved: []string{assets[0], "P99"}}, threat.NotFound, "approved.1"},
		"twice":         {s.who, service.ApplyRemediationIn{Approved: assets[:1], Rejected: assets[:1]}, threat.Invalid, "rejected.0"},
		"other version": {s.who, service.ApplyRemediationIn{Target: service.Target{ExpectedVersion: 7}, Approved: assets[:1]}, threat.Conflict, "expected_version"},
	} {
		te := s.refuses(func() error { _, err := apply(c.who, c.in); return err }, c.code, c.field)
		if te == nil {
			t.Error(name)
		}
	}
	done := must(apply(s.boss(), service.ApplyRemediationIn{Rejected: assets[:1], NotApplicable: assets[1:2], Reason: "no WebRTC"}))(t)
	if done.Version != 1 || done.Rejected != 1 || !slices.Equal(done.Excluded, wants[assets[1]]) || len(done.Added)+len(done.Controls)+len(done.Mapped) != 0 {
		t.Errorf("%+v", done)
	}
	for _, r := range s.report(service.GetComplianceReportIn{Requirements: done.Excluded}).Requirements {
		if r.Status != compliance.Excluded || r.Exclusions[0].Reason != "no WebRTC" || r.Exclusions[0].By != s.who.UserID {
			t.Errorf("%+v", r)
		}
	}
	_, err := apply(s.who, service.ApplyRemediationIn{Approved: assets[:1]})
	if te := code(t, err, threat.FailedPrecondition); !strings.Contains(te.Message, string(store.ProposalRejected)) {
		t.Errorf("%+v", te)
	}
	must(s.AddAsset(ctx, s.who, service.AddAssetIn{Target: target(s.model), Name: "Moved"}))(t)
	_, err = apply(s.who, service.ApplyRemediationIn{Target: service.Target{ExpectedVersion: 1}, Approved: assets[2:3]})
	code(t, err, threat.Conflict)
	if done := must(apply(s.who, service.ApplyRemediationIn{Target: service.Target{ExpectedVersion: 2}, Approved: assets[2:3]}))(t); done.Version != 3 {
		t.Errorf("%+v", done)
	}
	_, err = s.SuggestRemediation(ctx, s.who, service.SuggestRemediationIn{ModelID: s.model, Engine: "openai"})
	if te := code(t, err, threat.FailedPrecondition); te.Field != "engine" {
		t.Errorf("%+v", te)
	}
}
