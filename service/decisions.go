package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// fieldAs renames the field of a domain error.
func fieldAs(err error, from, to string) error {
	var te *threat.Error
	if errors.As(err, &te) && te.Field == from {
		e := *te
		e.Field = to
		return &e
	}
	return err
}

// maxURL bounds a URL, in bytes.
const maxURL = 1_000

// checkURL accepts nothing, or an http or https URL. Errors: [threat.Invalid].
func checkURL(raw, field string) error {
	if raw == "" {
		return nil
	}
	u, err := url.Parse(raw)
	if err != nil || len(raw) > maxURL || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || strings.ContainsAny(raw, " \n\r\t") {
		return threat.Errorf(threat.Invalid, "it is not an http or https URL").In(field)
	}
	return nil
}

// givenFor is what a person's word was given for: digests of an assumption's text and of the statement and tier of each CO. When the
// head says otherwise, the word has lapsed. Of a computed boundary assumption it holds, instead of the text, where the attacker stood and
// the boundaries through which alone the assets were exposed.
type givenFor struct {
	Text       string               `json:"text,omitempty"`
	StandsAt   []threat.ID          `json:"stands_at,omitempty"`
	Boundaries []threat.ID          `json:"boundaries,omitempty"`
	Objectives map[threat.ID]string `json:"objectives"`
}

// objectiveDigest names what a CO says today, "" when it is gone.
func (h *head) objectiveDigest(id threat.ID) string {
	i, ok := h.place()[id]
	if !ok {
		return ""
	}
	co := &h.objectives()[i]
	return evidence.Hash([]byte(string(co.Tier) + "\x00" + co.Statement))[:32]
}

// standsFor returns what an attestation of an assumption is given for today. The text of a computed boundary assumption follows from the
// names of what it separates and is not part of it.
func (h *head) standsFor(a *threat.Assumption) givenFor {
	g := givenFor{Objectives: map[threat.ID]string{}}
	if sep := a.Separation; sep == nil {
		g.Text = evidence.Hash([]byte(a.Text))[:32]
	} else {
		g.Boundaries = sep.Boundaries
		if t := h.structure.Attacker(sep.Attacker); t != nil {
			g.StandsAt = t.Boundaries
		}
	}
	for _, co := range a.Objectives {
		g.Objectives[co] = h.objectiveDigest(co)
	}
	return g
}

// lapsed says why an attestation counts no more for an assumption as it is, "" while it counts. A boundary set that only shrinks does not
// lapse (specification §3).
func (h *head) lapsed(a *threat.Assumption, at *store.Attestation) string {
	var was givenFor
	if err := json.Unmarshal([]byte(at.GivenFor), &was); err != nil {
		return "what it was given for cannot be read"
	}
	is := h.standsFor(a)
	if was.Text != is.Text {
		return "the text changed"
	}
	if !contains(was.StandsAt, is.StandsAt) {
		return "the attacker stands at further boundaries"
	}
	if !contains(was.Boundaries, is.Boundaries) {
		return "the assets are exposed through further boundaries"
	}
	for co, digest := range is.Objectives {
		switch before, known := was.Objectives[co]; {
		case !known:
			return fmt.Sprintf("%s was added", co)
		case before != digest:
			return fmt.Sprintf("%s changed", co)
		}
	}
	if a.Separation == nil && len(is.Objectives) < len(was.Objectives) {
		return "an objective was taken off"
	}
	return ""
}

// AttestAssumptionIn is a person's word that an assumption holds.
type AttestAssumptionIn struct {
	ModelID     string    `json:"model_id"`
	Assumption  threat.ID `json:"assumption_id"`
	Statement   string    `json:"statement" jsonschema:"what was checked, and how"`
	ExpiresAt   time.Time `json:"expires_at" jsonschema:"RFC 3339; when it must be looked at again"`
	EvidenceURL string    `json:"evidence_url,omitempty"`
}

// AttestAssumptionOut is the attestation.
type AttestAssumptionOut struct {
	ModelID       string                 `json:"model_id"`
	AttestationID string                 `json:"attestation_id"`
	Assumption    threat.ID              `json:"assumption_id"`
	Status        threat.AssumptionState `json:"status"`
	AttestedBy    string                 `json:"attested_by"`
	ExpiresAt     time.Time              `json:"expires_at"`
}

// AttestAssumption keeps the key's user's word that an external assumption holds, until a date. A violated one becomes active by it. Errors:
// [threat.Forbidden] without decide, [threat.NotFound], [threat.Invalid], [threat.FailedPrecondition] for a non_applicability, which
// machines verify.
func (s *Service) AttestAssumption(ctx context.Context, who account.Principal, in AttestAssumptionIn) (AttestAssumptionOut, error) {
	v := verb{name: "attest_assumption", needs: account.Decide, model: in.ModelID}
	return write(ctx, s, who, v, in, func(tx *store.Tx, r *record) (AttestAssumptionOut, error) {
		out := AttestAssumptionOut{ModelID: in.ModelID, Assumption: in.Assumption, AttestedBy: who.UserName, ExpiresAt: in.ExpiresAt.UTC()}
		h, err := s.head(tx.View(), who.WorkspaceID, in.ModelID)
		if err != nil {
			return out, err
		}
		r.version, r.object = h.model.Version, string(in.Assumption)
		a := h.structure.Assumption(in.Assumption)
		if a == nil {
			return out, threat.Unknown("assumption", in.Assumption, assumptionIDs(h.structure)).In("assumption_id")
		}
		if a.Kind != threat.External {
			return out, threat.Errorf(threat.FailedPrecondition, "%s is a non_applicability: nobody attests it", a.ID).In("assumption_id").
				Hinted("submit_assertions with assumption_id; it counts while CI verifies them")
		}
		statement, err := threat.Text(in.Statement, threat.MaxText)
		if err == nil && statement == "" {
			err = threat.Errorf(threat.Invalid, "the statement is missing").Hinted("say what was checked, and how")
		}
		if err != nil {
			return out, fieldError(err, "statement")
		}
		if !in.ExpiresAt.After(tx.Now()) || in.ExpiresAt.After(tx.Now().AddDate(5, 0, 0)) {
			return out, threat.Errorf(threat.Invalid, "expires_at is not within the next five years").In("expires_at").Hinted("RFC 3339, such as %s", tx.Now().AddDate(1, 0, 0).Format(time.RFC3339))
		}
		if err := checkURL(in.EvidenceURL, "evidence_url"); err != nil {
			return out, err
		}
		given, err := json.Marshal(h.standsFor(a))
		if err != nil {
			return out, err
		}
		out.AttestationID = newID()
		err = tx.AddAttestation(who.WorkspaceID, in.ModelID, store.Attestation{
			ID: out.AttestationID, Assumption: a.ID, Statement: statement, EvidenceURL: in.EvidenceURL, GivenFor: string(given),
			UserID: who.UserID, ExpiresAt: in.ExpiresAt,
		})
		if err != nil {
			return out, err
		}
		states, err := tx.AssumptionStates(who.WorkspaceID, in.ModelID)
		if err != nil {
			return out, err
		}
		out.Status = threat.Active
		if stateOf(a.ID, states) == threat.Violated {
			err := tx.AddAssumptionEvent(who.WorkspaceID, in.ModelID, store.AssumptionEvent{
				Assumption: a.ID, State: threat.Active, Reason: "attested again", UserID: who.UserID, Version: h.model.Version,
			})
			if err != nil {
				return out, err
			}
		}
		return out, tx.TouchModel(who.WorkspaceID, in.ModelID)
	})
}

// AcceptRiskIn accepts the risk of a CO, or takes that back.
type AcceptRiskIn struct {
	ModelID   string     `json:"model_id"`
	Objective threat.ID  `json:"control_objective"`
	Owner     string     `json:"owner,omitempty" jsonschema:"the person who bears it"`
	Reason    string     `json:"reason"`
	ReviewBy  *time.Time `json:"review_by,omitempty" jsonschema:"RFC 3339; when it must be looked at again"`
	ExpiresAt *time.Time `json:"expires_at,omitempty" jsonschema:"RFC 3339; when it ends by itself"`
	Withdraw  bool       `json:"withdraw,omitempty" jsonschema:"end the acceptance instead"`
}

// AcceptRiskOut is the decision. Accepted is not mitigated.
type AcceptRiskOut struct {
	ModelID   string     `json:"model_id"`
	Objective threat.ID  `json:"control_objective"`
	RiskID    string     `json:"risk_id,omitempty"`
	Accepted  bool       `json:"accepted"`
	Owner     string     `json:"owner,omitempty"`
	DecidedBy string     `json:"decided_by"`
	ReviewBy  *time.Time `json:"review_by,omitempty"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
}

// AcceptRisk records that the risk of a CO is borne, by whom and until when. Errors: [threat.Forbidden] without decide, [threat.NotFound],
// [threat.Invalid].
func (s *Service) AcceptRisk(ctx context.Context, who account.Principal, in AcceptRiskIn) (AcceptRiskOut, error) {
	v := verb{name: "accept_risk", needs: account.Decide, model: in.ModelID}
	return write(ctx, s, who, v, in, func(tx *store.Tx, r *record) (AcceptRiskOut, error) {
		out := AcceptRiskOut{ModelID: in.ModelID, Objective: in.Objective, DecidedBy: who.UserName}
		h, err := s.head(tx.View(), who.WorkspaceID, in.ModelID)
		if err != nil {
			return out, err
		}
		r.version, r.object = h.model.Version, string(in.Objective)
		if !h.structure.HasObjective(in.Objective) {
			return out, h.structure.UnknownObjective(in.Objective).In("control_objective")
		}
		reason, err := threat.Text(in.Reason, threat.MaxText)
		if err == nil && reason == "" {
			err = threat.Errorf(threat.Invalid, "the reason is missing").Hinted("say why the risk is borne")
		}
		if err != nil {
			return out, fieldError(err, "reason")
		}
		if in.Withdraw {
			ended, err := tx.EndAcceptedRisk(who.WorkspaceID, in.ModelID, in.Objective, reason)
			if err != nil {
				return out, err
			}
			if !ended {
				return out, threat.Errorf(threat.FailedPrecondition, "the risk of %s is not accepted", in.Objective).In("control_objective").
					Hinted("assess_model shows what is accepted")
			}
			return out, tx.TouchModel(who.WorkspaceID, in.ModelID)
		}
		owner, err := threat.Line(in.Owner, threat.MaxName)
		if err == nil && owner == "" {
			err = threat.Errorf(threat.Invalid, "the owner is missing").Hinted("name the person who bears the risk")
		}
		if err != nil {
			return out, fieldError(err, "owner")
		}
		now := tx.Now()
		if in.ReviewBy == nil || !in.ReviewBy.After(now) {
			return out, threat.Errorf(threat.Invalid, "review_by is missing or past").In("review_by").Hinted("RFC 3339, such as %s", now.AddDate(0, 6, 0).Format(time.RFC3339))
		}
		if in.ExpiresAt != nil && !in.ExpiresAt.After(now) {
			return out, threat.Errorf(threat.Invalid, "expires_at is past").In("expires_at")
		}
		out.RiskID, out.Accepted, out.Owner, out.ReviewBy, out.ExpiresAt = newID(), true, owner, in.ReviewBy, in.ExpiresAt
		err = tx.AddAcceptedRisk(who.WorkspaceID, in.ModelID, store.AcceptedRisk{
			ID: out.RiskID, Objective: in.Objective, Owner: owner, Reason: reason, ReviewBy: *in.ReviewBy, ExpiresAt: in.ExpiresAt,
			GivenFor: h.objectiveDigest(in.Objective), UserID: who.UserID,
		})
		if err != nil {
			return out, err
		}
		return out, tx.TouchModel(who.WorkspaceID, in.ModelID)
	})
}

// ApproveChangeIn names what was weakened and is approved as it is now.
type ApproveChangeIn struct {
	ModelID    string      `json:"model_id"`
	Controls   []threat.ID `json:"controls,omitempty"`
	Objectives []threat.ID `json:"control_objectives,omitempty"`
	Reason     string      `json:"reason"`
}

// ApproveChangeOut says what is no longer weakened.
type ApproveChangeOut struct {
	ModelID    string      `json:"model_id"`
	Controls   []threat.ID `json:"controls,omitempty"`
	Objectives []threat.ID `json:"control_objectives,omitempty"`
}

// ApproveChange approves controls and COs that a change weakened; from then on they may count as verified again. Errors: [threat.Forbidden]
// without decide, [threat.NotFound], [threat.Invalid], [threat.FailedPrecondition] for what is not weakened.
func (s *Service) ApproveChange(ctx context.Context, who account.Principal, in ApproveChangeIn) (ApproveChangeOut, error) {
	v := verb{name: "approve_change", needs: account.Decide, model: in.ModelID}
	return write(ctx, s, who, v, in, func(tx *store.Tx, r *record) (ApproveChangeOut, error) {
		out := ApproveChangeOut{ModelID: in.ModelID, Controls: in.Controls, Objectives: in.Objectives}
		h, err := s.head(tx.View(), who.WorkspaceID, in.ModelID)
		if err != nil {
			return out, err
		}
		r.version = h.model.Version
		reason, err := threat.Text(in.Reason, threat.MaxText)
		if err == nil && reason == "" {
			err = threat.Errorf(threat.Invalid, "the reason is missing").Hinted("say why the change is right")
		}
		if err != nil {
			return out, fieldError(err, "reason")
		}
		if len(in.Controls)+len(in.Objectives) == 0 {
			return out, threat.Errorf(threat.Invalid, "nothing to approve").Hinted("give controls or control_objectives; assess_model shows what is weakened")
		}
		moved := slices.Clone(in.Objectives)
		for _, id := range in.Controls {
			c, err := h.control(id)
			if err != nil {
				return out, fieldError(err, "controls")
			}
			moved = append(moved, c.Objectives...)
			if c.Weakened == "" {
				return out, threat.Errorf(threat.FailedPrecondition, "%s is not weakened", id).In("controls")
			}
			if err := tx.WeakenControl(who.WorkspaceID, in.ModelID, id, ""); err != nil {
				return out, err
			}
		}
		for _, co := range in.Objectives {
			if !h.structure.HasObjective(co) {
				return out, h.structure.UnknownObjective(co).In("control_objectives")
			}
			found, err := tx.ApproveObjective(who.WorkspaceID, in.ModelID, co)
			if err != nil {
				return out, err
			}
			if !found {
				return out, threat.Errorf(threat.FailedPrecondition, "%s is not weakened", co).In("control_objectives")
			}
		}
		r.object = threat.Clip(joinStrings(append(append([]threat.ID{}, in.Controls...), in.Objectives...)), 200)
		r.detail = struct {
			Reason string `json:"reason"`
			regroupedDetail
		}{threat.Clip(reason, 200), regroupedDetail{threat.SortIDs(moved)}}
		return out, tx.TouchModel(who.WorkspaceID, in.ModelID)
	})
}

// endDecisions ends, for good, what people decided about what an edit took away: attestations of assumptions that changed their state or
// their text, and accepted risks of COs that are gone. That it comes back does not bring their word back (specification §3, §5).
func (c *changeset) endDecisions(who account.Principal) error {
	end := map[threat.ID]string{}
	for _, a := range c.old.structure.Assumptions {
		if now := c.structure.Assumption(a.ID); a.Separation == nil && now != nil && now.Text != a.Text {
			end[a.ID] = "the text changed"
		}
	}
	for _, e := range c.events {
		end[e.Assumption] = fmt.Sprintf("it became %s", e.State)
	}
	for id, reason := range end {
		if err := c.tx.EndAttestations(who.WorkspaceID, c.model.ID, id, reason); err != nil {
			return err
		}
	}
	if !removedEntity(c.old.structure, c.structure) {
		return nil
	}
	risks, err := c.tx.AcceptedRisks(who.WorkspaceID, c.model.ID)
	if err != nil {
		return err
	}
	for _, r := range risks {
		if r.EndedAt == nil && !c.structure.HasObjective(r.Objective) {
			if _, err := c.tx.EndAcceptedRisk(who.WorkspaceID, c.model.ID, r.Objective, "its asset or attacker was removed"); err != nil {
				return err
			}
		}
	}
	return nil
}

// removedEntity reports whether an asset or attacker is gone.
func removedEntity(before, after *threat.Structure) bool {
	return slices.ContainsFunc(before.Assets, func(a threat.Asset) bool { return after.Asset(a.ID) == nil }) ||
		slices.ContainsFunc(before.Attackers, func(t threat.Attacker) bool { return after.Attacker(t.ID) == nil })
}
