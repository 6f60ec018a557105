package service_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/posture"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

const month = 30 * 24 * time.Hour

func (s *site) assumptionOp(op service.AssumptionOp) (service.AssumptionRow, error) {
	out, err := s.EditAssumptions(ctx, s.who, service.EditAssumptionsIn{Target: target(s.model), Operations: []service.AssumptionOp{op}})
	if err != nil {
		return service.AssumptionRow{}, err
	}
	return out.Assumptions[0], nil
}

// assume adds an external assumption.
func (s *site) assume(text string, cos ...threat.ID) threat.ID {
	s.t.Helper()
	return must(s.assumptionOp(service.AssumptionOp{Op: service.OpAdd, Text: &text, Objectives: cos}))(s.t).ID
}

func (s *site) tryAttest(id threat.ID, life time.Duration) (service.AttestAssumptionOut, error) {
	return s.AttestAssumption(ctx, s.boss(), service.AttestAssumptionIn{ModelID: s.model, Assumption: id, Statement: "Looked at the console.", ExpiresAt: s.clock.Now().Add(life)})
}

func (s *site) attest(id threat.ID) service.AttestAssumptionOut {
	s.t.Helper()
	return must(s.tryAttest(id, month))(s.t)
}

// stands checks the status of a CO and why it is that: what mitigates it, or the reason why nothing does.
func (s *site) stands(co threat.ID, want posture.Status, why any) {
	s.t.Helper()
	r := s.row(co)
	got := fmt.Sprint(r.Status, " ", r.By, r.Reason)
	if got != fmt.Sprint(want, " ", why) {
		s.t.Errorf("%s is %s, want %s %v", co, got, want, why)
	}
}

// stateOf is the state of an assumption that is or was part of the model.
func (s *site) stateOf(id threat.ID) threat.AssumptionState {
	s.t.Helper()
	for _, st := range threat.AssumptionStates() {
		out := must(s.GetThreatModel(ctx, s.who, service.GetThreatModelIn{ModelID: s.model, Section: service.SectionAssumptions, Status: string(st), Limit: all()}))(s.t)
		if slices.ContainsFunc(out.Assumptions, func(a service.AssumptionRow) bool { return a.ID == id }) {
			return st
		}
	}
	s.t.Fatalf("%s is in no state", id)
	return ""
}

// proposal returns what the activity keeps of the newest refused call of a verb.
func (s *site) proposal(verb string) map[string]any {
	s.t.Helper()
	out := must(s.GetActivity(ctx, s.who, service.GetActivityIn{ModelID: s.model, Verb: verb, Outcome: "refused", Limit: ptr(1)}))(s.t)
	if len(out.Activity) != 1 {
		s.t.Fatalf("no refused %s: %+v", verb, out)
	}
	var detail struct {
		Proposal map[string]any `json:"proposal"`
	}
	if err := json.Unmarshal(out.Activity[0].Detail, &detail); err != nil {
		s.t.Fatal(err)
	}
	return detail.Proposal
}

// Judgments are for those who may decide. Anyone else is refused, nothing happens, and what was proposed stays for somebody who may.
func TestJudgmentsNeedDecide(t *testing.T) {
	s := newDesk(t)
	as := s.assume("Disks are encrypted.", "CO-A2-T2")
	s.setGroups("CO-A1-T1", cos("C1"), cos("C2"))
	later := s.clock.Now().Add(month)
	long := strings.Repeat("𝄞", threat.MaxText)
	for verb, do := range map[string]func(who account.Principal) error{
		"attest_assumption": func(who account.Principal) error {
			_, err := s.AttestAssumption(ctx, who, service.AttestAssumptionIn{ModelID: s.model, Assumption: as, Statement: long, ExpiresAt: later})
			return err
		},
		"accept_risk": func(who account.Principal) error {
			_, err := s.AcceptRisk(ctx, who, service.AcceptRiskIn{ModelID: s.model, Objective: "CO-A2-T2", Owner: "Ada", Reason: long, ReviewBy: &later})
			return err
		},
		"approve_change": func(who account.Principal) error {
			_, err := s.ApproveChange(ctx, who, service.ApproveChangeIn{ModelID: s.model, Objectives: cos("CO-A1-T1"), Reason: long})
			return err
		},
	} {
		t.Run(verb, func(t *testing.T) {
			te := s.refuses(func() error { return do(s.who) }, threat.Forbidden, "")
			if te.Hint == "" {
				t.Errorf("%v says nothing of what to do", te)
			}
			p := s.proposal(verb)
			if p["model_id"] != s.model || p["statement"] != long && p["reason"] != long {
				t.Errorf("the proposal is %v", p)
			}
			verifier := s.boss()
			verifier.Scope = account.Verifier
			s.refuses(func() error { return do(verifier) }, threat.Forbidden, "")
			if err := do(s.boss()); err != nil {
				t.Error(err)
			}
		})
	}
}

// An attestation counts until the instant at which it expires; the next one counts again.
func TestAttestation(t *testing.T) {
	s := newDesk(t)
	as := s.assume("Disks are encrypted.", "CO-A2-T2")
	s.stands("CO-A2-T2", posture.AtRisk, posture.PendingAttestation)
	if r := s.row("CO-A2-T2"); !slices.Equal(r.Next, cos(as)) {
		t.Errorf("next is %v", r.Next)
	}
	out := s.attest(as)
	if out.Assumption != as || out.Status != threat.Active || out.AttestedBy != s.who.UserName || !out.ExpiresAt.Equal(s.clock.Now().Add(month)) || out.AttestationID == "" {
		t.Errorf("%+v", out)
	}
	s.stands("CO-A2-T2", posture.Mitigated, posture.ByAssumption)
	if r := s.row("CO-A2-T2"); r.Assumption != as || r.Assurance != posture.Claimed || r.Attested {
		t.Errorf("%+v", r)
	}
	s.clock.Advance(month - 1000)
	s.stands("CO-A2-T2", posture.Mitigated, posture.ByAssumption)
	s.clock.Advance(1000)
	s.stands("CO-A2-T2", posture.AtRisk, posture.ExpiredAttestation)
	s.attest(as)
	s.stands("CO-A2-T2", posture.Mitigated, posture.ByAssumption)
	must(s.tryAttest(as, time.Second))(t) // the newest one holds, also where an older one would last longer
	s.clock.Advance(time.Second)
	s.stands("CO-A2-T2", posture.AtRisk, posture.ExpiredAttestation)

	later := s.clock.Now().Add(month)
	for name, c := range map[string]struct {
		in    service.AttestAssumptionIn
		code  threat.Code
		field string
	}{
		"no such assumption":  {service.AttestAssumptionIn{Assumption: "AS9", Statement: "s", ExpiresAt: later}, threat.NotFound, "assumption_id"},
		"no statement":        {service.AttestAssumptionIn{Assumption: as, Statement: " \n", ExpiresAt: later}, threat.Invalid, "statement"},
		"a long statement":    {service.AttestAssumptionIn{Assumption: as, Statement: strings.Repeat("x", threat.MaxText+1), ExpiresAt: later}, threat.Invalid, "statement"},
		"no end":              {service.AttestAssumptionIn{Assumption: as, Statement: "s"}, threat.Invalid, "expires_at"},
		"an end now":          {service.AttestAssumptionIn{Assumption: as, Statement: "s", ExpiresAt: s.clock.Now()}, threat.Invalid, "expires_at"},
		"an end in ten years": {service.AttestAssumptionIn{Assumption: as, Statement: "s", ExpiresAt: later.AddDate(10, 0, 0)}, threat.Invalid, "expires_at"},
		"no URL":              {service.AttestAssumptionIn{Assumption: as, Statement: "s", ExpiresAt: later, EvidenceURL: "file:///etc/passwd"}, threat.Invalid, "evidence_url"},
		"a non_applicability": {service.AttestAssumptionIn{Assumption: "AS1", Statement: "s", ExpiresAt: later}, threat.FailedPrecondition, "assumption_id"},
	} {
		t.Run(name, func(t *testing.T) {
			c.in.ModelID = s.model
			te := s.refuses(func() error { _, err := s.AttestAssumption(ctx, s.boss(), c.in); return err }, c.code, c.field)
			if te.Hint == "" && te.Field != "evidence_url" {
				t.Errorf("%v says nothing of what to do", te)
			}
		})
	}
}

// What an attestation was given for: the text, and the statement and tier of each CO. When that changes it counts no more; and what ended it
// for good does not count again when it changes back.
func TestAttestationLapses(t *testing.T) {
	base := newDesk(t)
	high, low := threat.High, threat.Low
	text := func(s *site, id threat.ID, text string) {
		must(s.assumptionOp(service.AssumptionOp{Op: service.OpEdit, ID: id, Text: &text}))(s.t)
	}
	objectives := func(s *site, id threat.ID, cos ...threat.ID) {
		must(s.assumptionOp(service.AssumptionOp{Op: service.OpEdit, ID: id, Objectives: cos}))(s.t)
	}
	asset := func(s *site, in service.EditAssetIn) {
		in.ModelID = s.model
		must(s.EditAsset(ctx, s.who, in))(s.t)
	}
	for _, c := range []struct {
		name   string
		change func(s *site, as threat.ID)
		want   posture.Reason // "" while it counts
	}{
		{"the text", func(s *site, as threat.ID) { text(s, as, "Other words.") }, posture.PendingAttestation},
		{"the text, and back", func(s *site, as threat.ID) { text(s, as, "Other words."); text(s, as, "Disks are encrypted.") }, posture.PendingAttestation},
		{"the tier of a CO", func(s *site, _ threat.ID) { asset(s, service.EditAssetIn{AssetID: "A2", Impact: &high}) }, posture.ExpiredAttestation},
		{"the likelihood", func(s *site, _ threat.ID) {
			must(s.EditAttacker(ctx, s.who, service.EditAttackerIn{Target: target(s.model), AttackerID: "T2", Likelihood: &low}))(s.t)
		}, posture.ExpiredAttestation},
		{"the statement of a CO", func(s *site, _ threat.ID) { asset(s, service.EditAssetIn{AssetID: "A2", Name: ptr("Ledger")}) }, posture.ExpiredAttestation},
		{"the properties", func(s *site, _ threat.ID) {
			asset(s, service.EditAssetIn{AssetID: "A2", Properties: []threat.Property{threat.Usage}})
		}, posture.ExpiredAttestation},
		{"a CO more", func(s *site, as threat.ID) { objectives(s, as, "CO-A2-T1", "CO-A2-T2", "CO-A1-T2") }, posture.ExpiredAttestation},
		{"a CO less", func(s *site, as threat.ID) { objectives(s, as, "CO-A2-T2") }, posture.ExpiredAttestation},
		{"an attacker of another CO goes", func(s *site, _ threat.ID) {
			must(s.RemoveAttacker(ctx, s.who, service.RemoveAttackerIn{Target: target(s.model), AttackerID: "T1"}))(s.t)
		}, posture.ExpiredAttestation},
		{"it was violated", func(s *site, as threat.ID) {
			must(s.assumptionOp(service.AssumptionOp{Op: service.OpViolate, ID: as, Reason: "one was not"}))(s.t)
		}, posture.AssumptionViolated},
		{"deleted and restored", func(s *site, as threat.ID) {
			must(s.assumptionOp(service.AssumptionOp{Op: service.OpRemove, ID: as}))(s.t)
			s.stands("CO-A2-T2", posture.Unassessed, posture.ReasonUnassessed)
			must(s.assumptionOp(service.AssumptionOp{Op: service.OpRestore, ID: as}))(s.t)
		}, posture.PendingAttestation},
		{"gone with an old version, and back with a later one", func(s *site, _ threat.ID) {
			must(s.RestoreVersion(ctx, s.who, service.RestoreVersionIn{Target: target(s.model), Version: 1}))(s.t)
			must(s.RestoreVersion(ctx, s.who, service.RestoreVersionIn{Target: target(s.model), Version: 2}))(s.t)
		}, posture.PendingAttestation},
		{"the text of an old version, and back", func(s *site, as threat.ID) {
			text(s, as, "Other words.")
			must(s.RestoreVersion(ctx, s.who, service.RestoreVersionIn{Target: target(s.model), Version: 2}))(s.t)
		}, posture.PendingAttestation},

		{"the description of the asset", func(s *site, _ threat.ID) {
			asset(s, service.EditAssetIn{AssetID: "A2", Description: ptr("d"), Notes: ptr("n")})
		}, ""},
		{"another asset", func(s *site, _ threat.ID) {
			asset(s, service.EditAssetIn{AssetID: "A1", Name: ptr("Other"), Impact: &low})
		}, ""},
		{"the same text", func(s *site, as threat.ID) { text(s, as, "Disks are encrypted.") }, ""},
		{"a control", func(s *site, _ threat.ID) {
			s.edited(service.ControlOp{Op: service.OpEdit, ID: "C3", Description: ptr("d"), Reason: why})
		}, ""},
		{"a version restored in which it is the same", func(s *site, _ threat.ID) {
			asset(s, service.EditAssetIn{AssetID: "A1", Name: ptr("Other")})
			must(s.RestoreVersion(ctx, s.who, service.RestoreVersionIn{Target: target(s.model), Version: 2}))(s.t)
		}, ""},
		{"the title", func(s *site, _ threat.ID) {
			must(s.EditThreatModel(ctx, s.who, service.EditThreatModelIn{ModelID: s.model, Title: ptr("Other")}))(s.t)
		}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := base.fresh(t)
			as := s.assume("Disks are encrypted.", "CO-A2-T1", "CO-A2-T2") // version 2
			s.attest(as)
			s.stands("CO-A2-T2", posture.Mitigated, posture.ByAssumption)
			c.change(s, as)
			if c.want == "" {
				s.stands("CO-A2-T2", posture.Mitigated, posture.ByAssumption)
				return
			}
			s.stands("CO-A2-T2", posture.AtRisk, c.want)
			s.attest(as)
			s.stands("CO-A2-T2", posture.Mitigated, posture.ByAssumption)
			if got := s.stateOf(as); got != threat.Active {
				t.Errorf("attested again it is %s", got)
			}
		})
	}
}

// The assumption on a boundary counts on while what it separates only shrinks; where that grows, or the boundaries become others, it has to be
// looked at again.
func TestBoundaryAttestation(t *testing.T) {
	s := newDesk(t)
	edit := func(ops ...service.BoundaryOp) {
		t.Helper()
		must(s.EditTrustBoundaries(ctx, s.who, service.EditTrustBoundariesIn{Target: target(s.model), Operations: ops}))(t)
	}
	exposes := func(boundary threat.ID, assets ...threat.ID) service.BoundaryOp {
		return service.BoundaryOp{Op: service.OpEdit, ID: boundary, Assets: append([]threat.ID{}, assets...)}
	}
	edit(
		service.BoundaryOp{Op: service.OpAdd, Name: ptr("Inner"), Assets: []threat.ID{"A2"}},
		service.BoundaryOp{Op: service.OpAdd, Name: ptr("Outer"), Attackers: []threat.ID{"T2"}},
		service.BoundaryOp{Op: service.OpAdd, Name: ptr("Side")},
	)
	const as = "AS2"
	holds := func(name string, want bool) {
		t.Helper()
		r := s.row("CO-A2-T2")
		if r.Reachable || (r.Status == posture.Mitigated) != want || want && r.Assumption != as || !want && r.Status != posture.AtRisk {
			t.Errorf("%s: %+v", name, r)
		}
		if !want {
			s.attest(as)
			s.stands("CO-A2-T2", posture.Mitigated, posture.ByAssumption)
		}
	}
	if r := s.row("CO-A2-T2"); r.Reason != posture.PendingAttestation || !slices.Equal(r.Next, cos(as)) { // cut off is not mitigated: somebody has to say so
		t.Errorf("%+v", r)
	}
	s.attest(as)
	holds("attested", true)
	edit(exposes("TB1", "A2", "A1"))
	holds("an asset more is cut off", false)
	edit(exposes("TB1", "A2"))
	holds("an asset less is cut off", true)
	edit(service.BoundaryOp{Op: service.OpEdit, ID: "TB1", Name: ptr("Innermost")})
	holds("a boundary has another name", true)
	edit(exposes("TB3", "A2"))
	holds("the asset is exposed through a further boundary", false)
	edit(exposes("TB1"))
	holds("through one boundary less", true)
	s.attest(as)
	edit(exposes("TB1", "A2"), service.BoundaryOp{Op: service.OpEdit, ID: "TB3", Assets: []threat.ID{}})
	holds("through another boundary", false)
	edit(service.BoundaryOp{Op: service.OpEdit, ID: "TB3", Attackers: []threat.ID{"T2"}})
	holds("the attacker stands at a further boundary", false)
	edit(service.BoundaryOp{Op: service.OpEdit, ID: "TB2", Attackers: []threat.ID{}})
	holds("at one boundary less", true)
	must(s.EditAsset(ctx, s.who, service.EditAssetIn{Target: target(s.model), AssetID: "A2", Impact: ptr(threat.High)}))(t)
	holds("the tier is another", false)
}

func TestAcceptRisk(t *testing.T) {
	s := newDesk(t)
	review, end := s.clock.Now().Add(month), s.clock.Now().Add(2*month)
	accept := func(in service.AcceptRiskIn) (service.AcceptRiskOut, error) {
		in.ModelID = s.model
		if in.Objective == "" {
			in.Objective = "CO-A2-T2"
		}
		return s.AcceptRisk(ctx, s.boss(), in)
	}
	out := must(accept(service.AcceptRiskIn{Owner: "Grace Hopper", Reason: "It is a toy.", ReviewBy: &review, ExpiresAt: &end}))(t)
	if !out.Accepted || out.Owner != "Grace Hopper" || out.DecidedBy != s.who.UserName || out.RiskID == "" {
		t.Errorf("%+v", out)
	}
	accepted := func(want bool, due bool) {
		t.Helper()
		r := s.row("CO-A2-T2")
		if (r.Accepted != nil) != want || want && r.Accepted.ReviewDue != due {
			t.Errorf("accepted: %+v, want %v, due %v", r.Accepted, want, due)
		}
		if r.Status != posture.Unassessed || r.By != "" {
			t.Errorf("accepted is not mitigated: %+v", r)
		}
	}
	accepted(true, false)
	if a := s.row("CO-A2-T2").Accepted; a.Owner != "Grace Hopper" || a.Reason != "It is a toy." || !a.ReviewBy.Equal(review) || a.ExpiresAt == nil || !a.ExpiresAt.Equal(end) {
		t.Errorf("%+v", a)
	}
	s.clock.Set(review)
	accepted(true, true)
	s.clock.Set(end)
	accepted(false, false)
	again := func() {
		t.Helper()
		must(accept(service.AcceptRiskIn{Owner: "Ada", Reason: "r", ReviewBy: ptr(s.clock.Now().Add(month))}))(t)
		accepted(true, false)
	}
	again()
	again() // a newer decision takes the place of the older one
	must(accept(service.AcceptRiskIn{Withdraw: true, Reason: "it is no toy any more"}))(t)
	accepted(false, false)
	s.refuses(func() error {
		_, err := accept(service.AcceptRiskIn{Withdraw: true, Reason: "r"})
		return err
	}, threat.FailedPrecondition, "control_objective")

	// It ends when the objective says something else, and for good when its asset or attacker goes.
	again()
	must(s.EditAsset(ctx, s.who, service.EditAssetIn{Target: target(s.model), AssetID: "A2", Name: ptr("Ledger")}))(t)
	accepted(false, false)
	again()
	version := must(s.RemoveAttacker(ctx, s.who, service.RemoveAttackerIn{Target: target(s.model), AttackerID: "T2"}))(t).Version
	must(s.RestoreVersion(ctx, s.who, service.RestoreVersionIn{Target: target(s.model), Version: version - 1}))(t)
	accepted(false, false)
	testenv.Read(t, s.st, func(v *store.Snapshot) error {
		risks, err := v.AcceptedRisks(s.who.WorkspaceID, s.model)
		var reasons []string
		for _, r := range risks {
			reasons = append(reasons, r.EndedReason)
		}
		if got := strings.Join(reasons, "; "); got != "a newer decision; a newer decision; it is no toy any more; a newer decision; its asset or attacker was removed" {
			t.Errorf("they ended by %q", got)
		}
		return err
	})

	later := s.clock.Now().Add(month)
	past := s.clock.Now()
	for name, c := range map[string]struct {
		in    service.AcceptRiskIn
		code  threat.Code
		field string
	}{
		"no such CO":       {service.AcceptRiskIn{Objective: "CO-A9-T1", Owner: "o", Reason: "r", ReviewBy: &later}, threat.NotFound, "control_objective"},
		"no reason":        {service.AcceptRiskIn{Owner: "o", ReviewBy: &later}, threat.Invalid, "reason"},
		"no owner":         {service.AcceptRiskIn{Owner: " ", Reason: "r", ReviewBy: &later}, threat.Invalid, "owner"},
		"no review":        {service.AcceptRiskIn{Owner: "o", Reason: "r"}, threat.Invalid, "review_by"},
		"a past review":    {service.AcceptRiskIn{Owner: "o", Reason: "r", ReviewBy: &past}, threat.Invalid, "review_by"},
		"a past end":       {service.AcceptRiskIn{Owner: "o", Reason: "r", ReviewBy: &later, ExpiresAt: &past}, threat.Invalid, "expires_at"},
		"withdrawn mutely": {service.AcceptRiskIn{Withdraw: true}, threat.Invalid, "reason"},
	} {
		t.Run(name, func(t *testing.T) {
			s.refuses(func() error { _, err := accept(c.in); return err }, c.code, c.field)
		})
	}
}

// What was accepted stands beside the status, whatever that is.
func TestAcceptedIsShownBesideTheStatus(t *testing.T) {
	s := newDesk(t)
	s.submit(exists)
	s.implement("C2")
	review := s.clock.Now().Add(month)
	for _, co := range cos("CO-A1-T2", "CO-A1-T1", "CO-A2-T2") {
		before := s.row(co)
		must(s.AcceptRisk(ctx, s.boss(), service.AcceptRiskIn{ModelID: s.model, Objective: co, Owner: "o", Reason: "r", ReviewBy: &review}))(t)
		after := s.row(co)
		if after.Accepted == nil || after.Status != before.Status || after.Reason != before.Reason || !slices.Equal(after.Next, before.Next) {
			t.Errorf("%s was %+v and is %+v", co, before, after)
		}
	}
	sum := must(s.AssessModel(ctx, s.who, service.AssessModelIn{ModelID: s.model}))(t).Summary
	if sum.Objectives.Status.Mitigated != 1 {
		t.Errorf("%+v", sum.Objectives)
	}
}

// Nobody attests that something does not apply: its assertions say so. One that fails violates it, and when they are verified again it is
// active by itself.
func TestNonApplicability(t *testing.T) {
	s := newDesk(t)
	s.setGroups("CO-A1-T1", cos("C1"), cos("C3"))
	s.stands("CO-A1-T1", posture.AtRisk, posture.MissingControls)
	out := s.submit(service.NewAssertion{Type: evidence.PatternAbsent, Assumption: "AS1", Params: evidence.Params{"file": "go.mod", "pattern": "xml", "witness": "xml"}})
	e := out.Assertions[0].ID
	s.stands("CO-A1-T1", posture.AtRisk, posture.MissingControls)
	s.run(nil)
	s.stands("CO-A1-T1", posture.Mitigated, posture.ByAssumption)
	if r := s.row("CO-A1-T1"); r.Assumption != "AS1" || r.Assurance != posture.Claimed {
		t.Errorf("%+v", r)
	}
	s.run(map[threat.ID]say{e: {one: evidence.Fail, code: "x"}})
	if got := s.stateOf("AS1"); got != threat.Violated {
		t.Errorf("AS1 is %s", got)
	}
	s.stands("CO-A1-T1", posture.AtRisk, posture.MissingControls)
	s.run(map[threat.ID]say{e: {code: "y"}})
	if got := s.stateOf("AS1"); got != threat.Active {
		t.Errorf("AS1 is %s", got)
	}
	s.stands("CO-A1-T1", posture.Mitigated, posture.ByAssumption)
	s.clock.Advance(evidence.StaleAfter + time.Second)
	s.stands("CO-A1-T1", posture.AtRisk, posture.MissingControls)
}

// An assumption that holds lets the control that it carries count, and no longer than that.
func TestCarriedControl(t *testing.T) {
	s := newDesk(t)
	as := s.assume("The cloud encrypts disks.", "CO-A1-T1")
	s.setGroups("CO-A2-T2", cos("C2", "C3"))
	s.edited(service.ControlOp{Op: service.OpAssume, ID: "C2", Assumption: as})
	s.stands("CO-A2-T2", posture.AtRisk, posture.MissingControls)
	s.submit(calls3)
	s.implement("C3")
	s.stands("CO-A2-T2", posture.AtRisk, posture.IncompleteGroup)
	s.attest(as)
	s.stands("CO-A2-T2", posture.Mitigated, posture.ByControls)
	s.run(nil)
	if r := s.row("CO-A2-T2"); r.Assurance != posture.Claimed { // C3 is verified, C2 is somebody's word
		t.Errorf("%+v", r)
	}
	s.clock.Advance(month)
	s.stands("CO-A2-T2", posture.AtRisk, posture.IncompleteGroup)
	s.attest(as)
	s.edited(service.ControlOp{Op: service.OpUnassume, ID: "C2", Assumption: as})
	s.stands("CO-A2-T2", posture.AtRisk, posture.IncompleteGroup)
}

// Every way that a person has of moving an assumption, from every state, for each sort of it.
func TestAssumptionStateMachine(t *testing.T) {
	base := newDesk(t)
	type outcome struct {
		to   threat.AssumptionState
		code threat.Code
	}
	moved := func(to threat.AssumptionState) outcome { return outcome{to: to} }
	missing, refused := outcome{code: threat.NotFound}, outcome{code: threat.FailedPrecondition}
	ops := []string{"violate", "remove", "restore", "attest"}
	for _, c := range []struct {
		sort string
		from threat.AssumptionState
		want [4]outcome // by ops
	}{
		{"external", threat.Active, [4]outcome{moved(threat.Violated), moved(threat.Deleted), missing, moved(threat.Active)}},
		{"external", threat.Violated, [4]outcome{refused, moved(threat.Deleted), missing, moved(threat.Active)}},
		{"external", threat.Deleted, [4]outcome{missing, missing, moved(threat.Active), missing}},
		{"non_applicability", threat.Active, [4]outcome{moved(threat.Violated), moved(threat.Deleted), missing, refused}},
		{"non_applicability", threat.Violated, [4]outcome{refused, moved(threat.Deleted), missing, refused}},
		{"non_applicability", threat.Deleted, [4]outcome{missing, missing, moved(threat.Active), missing}},
		{"computed", threat.Active, [4]outcome{moved(threat.Violated), refused, missing, moved(threat.Active)}},
		{"computed", threat.Violated, [4]outcome{refused, refused, missing, moved(threat.Active)}},
		{"computed", threat.Retired, [4]outcome{missing, missing, missing, missing}},
	} {
		for i, op := range ops {
			t.Run(fmt.Sprint(c.sort, " ", c.from, " ", op), func(t *testing.T) {
				s := base.fresh(t)
				id := threat.ID("AS1")
				boundaries := func(ops ...service.BoundaryOp) {
					must(s.EditTrustBoundaries(ctx, s.who, service.EditTrustBoundariesIn{Target: target(s.model), Operations: ops}))(t)
				}
				switch c.sort {
				case "external":
					id = s.assume("Disks are encrypted.", "CO-A2-T2")
				case "computed":
					id = "AS2"
					boundaries(service.BoundaryOp{Op: service.OpAdd, Name: ptr("Inner"), Assets: []threat.ID{"A2"}}, service.BoundaryOp{Op: service.OpAdd, Name: ptr("Outer"), Attackers: []threat.ID{"T2"}})
				}
				do := func(op string) (threat.AssumptionState, error) {
					if op == "attest" {
						out, err := s.tryAttest(id, month)
						return out.Status, err
					}
					row, err := s.assumptionOp(service.AssumptionOp{Op: service.Op(op), ID: id, Reason: "seen"})
					return row.Status, err
				}
				switch c.from {
				case threat.Violated:
					must(do("violate"))(t)
				case threat.Deleted:
					must(do("remove"))(t)
				case threat.Retired:
					boundaries(service.BoundaryOp{Op: service.OpEdit, ID: "TB2", Assets: []threat.ID{"A2"}})
				}
				if got := s.stateOf(id); got != c.from {
					t.Fatalf("it is %s", got)
				}
				want := c.want[i]
				before := s.whole()
				got, err := do(op)
				if threat.CodeOf(err) != want.code || err == nil && got != want.to {
					t.Fatalf("it says %q, %v; want %q %s", got, err, want.to, want.code)
				}
				if err != nil {
					if s.whole() != before {
						t.Error("the refusal changed what is stored")
					}
					want.to = c.from
				}
				if got := s.stateOf(id); got != want.to {
					t.Errorf("it is %s, want %s", got, want.to)
				}
				if want.to != c.from && !c.from.CanBecome(want.to) {
					t.Errorf("%s cannot become %s", c.from, want.to)
				}
			})
		}
	}
}

// approve_change is about what is weakened, and about nothing else.
func TestApproveChangeRefusals(t *testing.T) {
	s := newDesk(t)
	s.setGroups("CO-A1-T1", cos("C1"), cos("C2"))
	for name, c := range map[string]struct {
		in    service.ApproveChangeIn
		code  threat.Code
		field string
	}{
		"nothing":                  {service.ApproveChangeIn{Reason: "r"}, threat.Invalid, ""},
		"no reason":                {service.ApproveChangeIn{Objectives: cos("CO-A1-T1")}, threat.Invalid, "reason"},
		"no such control":          {service.ApproveChangeIn{Objectives: cos("CO-A1-T1"), Controls: cos("C9"), Reason: "r"}, threat.NotFound, "controls"},
		"no such CO":               {service.ApproveChangeIn{Objectives: cos("CO-A1-T1", "CO-A9-T9"), Reason: "r"}, threat.NotFound, "control_objectives"},
		"a CO that is as it was":   {service.ApproveChangeIn{Objectives: cos("CO-A1-T1", "CO-A1-T2"), Reason: "r"}, threat.FailedPrecondition, "control_objectives"},
		"a control that is as was": {service.ApproveChangeIn{Objectives: cos("CO-A1-T1"), Controls: cos("C1"), Reason: "r"}, threat.FailedPrecondition, "controls"},
	} {
		t.Run(name, func(t *testing.T) {
			s.refuses(func() error {
				c.in.ModelID = s.model
				_, err := s.ApproveChange(ctx, s.boss(), c.in)
				return err
			}, c.code, c.field)
		})
	}
	must(s.approve(service.ApproveChangeIn{Objectives: cos("CO-A1-T1")}))(t)
}
