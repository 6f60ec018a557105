package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// NewAssertion is one claim of a batch.
type NewAssertion struct {
	Type        evidence.Type   `json:"type" jsonschema:"see get_assertion_types"`
	Params      evidence.Params `json:"params"`
	Control     threat.ID       `json:"control_id,omitempty"`
	Assumption  threat.ID       `json:"assumption_id,omitempty" jsonschema:"instead of a control"`
	Facets      []threat.ID     `json:"facets,omitempty" jsonschema:"needed unless there is one"`
	Repo        string          `json:"repo,omitempty" jsonschema:"org/name; default: the only one"`
	Description string          `json:"description,omitempty"`
}

// SubmitAssertionsIn is a batch, all or nothing.
type SubmitAssertionsIn struct {
	ModelID        string         `json:"model_id"`
	Assertions     []NewAssertion `json:"assertions"`
	IdempotencyKey string         `json:"idempotency_key,omitempty"`
}

// MaxAssertions bounds a batch, and MaxModelAssertions a model's.
const (
	MaxAssertions      = 100
	MaxModelAssertions = 10_000
)

// SubmittedRow is one assertion of the batch.
type SubmittedRow struct {
	ID         threat.ID   `json:"id"`
	Facets     []threat.ID `json:"facets"`
	Incoherent string      `json:"incoherent,omitempty" jsonschema:"why it cannot verify; absent when coherent"`
}

// CoverageRow is what the batch means for one control or assumption.
type CoverageRow struct {
	ID           threat.ID                  `json:"id"`
	Status       threat.ControlStatus       `json:"status,omitempty"`
	Sufficiency  evidence.SufficiencyStatus `json:"sufficiency"`
	Uncovered    []evidence.Gap             `json:"uncovered,omitempty"`
	Verification evidence.Verification      `json:"verification"`
}

// SubmitAssertionsOut says at once what is coherent, and what is still uncovered.
type SubmitAssertionsOut struct {
	ModelID    string         `json:"model_id"`
	Assertions []SubmittedRow `json:"assertions"`
	Controls   []CoverageRow  `json:"controls"`
	Hint       string         `json:"hint,omitempty"`
}

// SubmitAssertions adds assertions to controls and assumptions. Errors: [threat.Invalid] and [threat.Conflict] per item,
// [threat.NotFound].
func (s *Service) SubmitAssertions(ctx context.Context, who account.Principal, in SubmitAssertionsIn) (SubmitAssertionsOut, error) {
	v := verb{name: "submit_assertions", needs: account.Write, model: in.ModelID, idem: in.IdempotencyKey}
	defer s.jobs.poke() // a language model may have to judge
	return write(ctx, s, who, v, in, func(tx *store.Tx, r *record) (SubmitAssertionsOut, error) {
		out := SubmitAssertionsOut{ModelID: in.ModelID}
		if n := len(in.Assertions); n == 0 || n > MaxAssertions {
			return out, threat.Errorf(threat.Invalid, "%d assertions, 1 to %d fit", n, MaxAssertions).In("assertions").Hinted("split the batch")
		}
		h, err := s.head(tx.View(), who.WorkspaceID, in.ModelID)
		if err != nil {
			return out, err
		}
		all, err := tx.Evidence(who.WorkspaceID, in.ModelID)
		if err != nil {
			return out, err
		}
		if len(all)+len(in.Assertions) > MaxModelAssertions {
			return out, threat.Errorf(threat.Invalid, "the model would have more than %d assertions", MaxModelAssertions).In("assertions").
				Hinted("delete_assertion removes what is no longer needed")
		}
		fresh, err := h.newAssertions(in.Assertions, all)
		if err != nil {
			return out, err
		}
		counters, err := tx.Counters(who.WorkspaceID, in.ModelID)
		if err != nil {
			return out, err
		}
		for i := range fresh {
			fresh[i].ID = counters.Next(threat.KindAssertion)
			out.Assertions = append(out.Assertions, SubmittedRow{ID: fresh[i].ID, Facets: fresh[i].Facets, Incoherent: fresh[i].Incoherent})
		}
		if err := tx.AddAssertions(who.WorkspaceID, in.ModelID, who.UserID, fresh); err != nil {
			return out, err
		}
		if err := tx.SaveCounters(who.WorkspaceID, in.ModelID, threat.Counters{threat.KindAssertion: counters[threat.KindAssertion]}); err != nil {
			return out, err
		}
		if out.Controls, err = s.cover(tx, who, h, fresh, append(all, fresh...)); err != nil {
			return out, err
		}
		out.Hint = submitHint(out)
		r.version, r.object = h.model.Version, joinStrings(ids(out.Assertions, func(a SubmittedRow) threat.ID { return a.ID }))
		r.object = threat.Clip(r.object, 200)
		return out, tx.TouchModel(who.WorkspaceID, in.ModelID)
	})
}

func ids[E any](list []E, of func(E) threat.ID) []threat.ID { return entityIDs(list, of) }

// newAssertions checks a batch against the model and returns the assertions without ids.
func (h *head) newAssertions(batch []NewAssertion, all []store.Assertion) ([]store.Assertion, error) {
	known := map[string]threat.ID{}
	for i := range all {
		if all[i].DeletedAt == nil {
			known[sameClaim(&all[i].Assertion)] = all[i].ID
		}
	}
	var wrong []*threat.Error
	out := make([]store.Assertion, 0, len(batch))
	for i, n := range batch {
		field := fmt.Sprintf("assertions.%d", i)
		a, err := h.newAssertion(n)
		if err == nil {
			key := sameClaim(&a.Assertion)
			if id, seen := known[key]; seen {
				err = threat.Errorf(threat.Conflict, "%s says the same", id).Hinted("an assertion is submitted once; delete_assertion removes one")
			}
			known[key] = threat.ID(field)
		}
		if err != nil {
			var te *threat.Error
			if !errors.As(err, &te) {
				return nil, err
			}
			wrong = append(wrong, te.In(field))
			continue
		}
		out = append(out, a)
	}
	return out, threat.Batch(wrong)
}

// sameClaim is equal for assertions that say the same of the same.
func sameClaim(a *evidence.Assertion) string {
	return strings.Join([]string{string(a.Type), a.Params.Canonical(), string(a.Control), string(a.Assumption), a.Repo, joinStrings(a.Facets)}, "\x00")
}

func (h *head) newAssertion(n NewAssertion) (store.Assertion, error) {
	var out store.Assertion
	params, err := evidence.Check(n.Type, n.Params)
	if err != nil {
		return out, err
	}
	if (n.Control == "") == (n.Assumption == "") {
		return out, threat.Errorf(threat.Invalid, "an assertion evidences one control or one assumption").In("control_id").
			Hinted("give control_id, or assumption_id instead")
	}
	subject, err := h.subject(n.Control, n.Assumption)
	if err != nil {
		return out, err
	}
	if n.Assumption != "" {
		if a := h.structure.Assumption(n.Assumption); a.Kind != threat.NonApplicability {
			return out, threat.Errorf(threat.FailedPrecondition, "%s is external: a person attests it", n.Assumption).In("assumption_id").
				Hinted("assertions prove assumptions of the kind non_applicability")
		}
	}
	facets, err := subject.Claims(n.Facets)
	if err != nil {
		return out, err
	}
	repo, err := h.repo(n.Repo)
	if err != nil {
		return out, err
	}
	description, err := threat.Text(n.Description, threat.MaxText)
	if err != nil {
		return out, fieldError(err, "description")
	}
	out.Assertion = evidence.Assertion{
		Type: n.Type, Params: params, Control: n.Control, Assumption: n.Assumption, Facets: facets, Repo: repo, Description: description,
	}
	out.Incoherent = subject.Coherence(n.Type, facets)
	return out, nil
}

// repo returns the repository that an assertion or a pull is about: the one given, else the model's only one.
func (h *head) repo(given string) (string, error) {
	if given != "" {
		return given, evidence.CheckRepo(given)
	}
	if len(h.model.Repos) == 1 {
		return h.model.Repos[0].Repo, nil
	}
	names := make([]string, len(h.model.Repos))
	for i, r := range h.model.Repos {
		names[i] = r.Repo
	}
	e := threat.Errorf(threat.Invalid, "the model has %d repositories: say which", len(names)).In("repo")
	if len(names) == 0 {
		return "", e.Hinted(`give repo ("org/name"), or set it once: edit_threat_model(repos: [{repo: "org/name", branch: "main"}])`)
	}
	return "", e.Hinted("repositories: %s", joinWords(names))
}

// DefaultBranch is the branch whose runs count where the model names none (specification §7.7).
const DefaultBranch = "main"

// branch is the branch of a repository whose runs count.
func (h *head) branch(repo string) string {
	for _, r := range h.model.Repos {
		if r.Repo == repo && r.Branch != "" {
			return r.Branch
		}
	}
	return DefaultBranch
}

// cover reassesses the subjects that assertions are about and says what each still lacks.
func (s *Service) cover(tx *store.Tx, who account.Principal, h *head, about, all []store.Assertion) ([]CoverageRow, error) {
	var controls, assumptions []threat.ID
	for i := range about {
		if c := about[i].Control; c != "" && !slices.Contains(controls, c) {
			controls = append(controls, c)
		} else if a := about[i].Assumption; a != "" && !slices.Contains(assumptions, a) {
			assumptions = append(assumptions, a)
		}
	}
	out := []CoverageRow{}
	if len(controls) > 0 {
		own := h.own(controls)
		if err := s.askJudge(tx, who, h.policy, h.model.ID, h.controlSubjects(own), all); err != nil {
			return nil, err
		}
		if _, err := reassess(tx, who.WorkspaceID, h.model.ID, own, all); err != nil {
			return nil, err
		}
		for _, c := range own {
			out = append(out, h.coverage(c, tx.Now()))
		}
	}
	var judged []evidence.Subject
	for _, id := range assumptions {
		subject, err := h.subject("", id)
		if err != nil {
			return nil, err
		}
		judged = append(judged, subject)
	}
	if len(judged) == 0 {
		return out, nil
	}
	if err := s.askJudge(tx, who, h.policy, h.model.ID, judged, all); err != nil {
		return nil, err
	}
	p, err := h.withJudgments(tx.View(), who.WorkspaceID, h.model.ID) // those that are pending now
	if err != nil {
		return nil, err
	}
	byID := bodies(all)
	for _, id := range assumptions {
		out = append(out, p.assumptionCoverage(h.structure.Assumption(id), byID[id], tx.Now()))
	}
	return out, nil
}

// assumptionCoverage is what is known of an assumption's evidence, which may be nil.
func (p policy) assumptionCoverage(a *threat.Assumption, b *body, now time.Time) CoverageRow {
	if b == nil {
		b = &body{}
	}
	st := p.assumptionStatus(a, b)
	return CoverageRow{
		ID: a.ID, Sufficiency: st.Sufficiency.Status, Uncovered: st.Sufficiency.Uncovered, Verification: st.At(now, p.settings.StaleAfter()),
	}
}

// coverage is what is known of a control's evidence. A control without assertions lacks every facet.
func (p policy) coverage(c *store.Control, now time.Time) CoverageRow {
	suff := c.Evidence.Sufficiency
	if suff.Status == "" {
		subject := p.controlSubject(c)
		suff = subject.Sufficiency(nil)
	}
	return CoverageRow{ID: c.ID, Status: c.Status, Sufficiency: suff.Status, Uncovered: suff.Uncovered, Verification: p.verificationAt(c, now)}
}

// submitHint says what to do after a batch.
func submitHint(out SubmitAssertionsOut) string {
	incoherent, uncovered, claimed, pending := 0, 0, 0, false
	for _, a := range out.Assertions {
		if a.Incoherent != "" {
			incoherent++
		}
	}
	for _, c := range out.Controls {
		pending = pending || c.Sufficiency == evidence.BeingJudged
		if c.Sufficiency == evidence.Insufficient {
			uncovered++
		} else if c.Status == threat.NotImplemented {
			claimed++
		}
	}
	switch {
	case incoherent > 0:
		return fmt.Sprintf("%s cannot verify: delete_assertion, and submit a type that proves the facet", countWords(incoherent, "assertion", "assertions"))
	case uncovered > 0:
		return "some facets are uncovered: submit assertions of the types listed"
	case pending:
		return "all facets are claimed, and a language model judges whether the claims prove them: get_sufficiency shows what it finds"
	case claimed > 0:
		return "all facets are claimed: update_control_status(implemented), then CI verifies (redoubt verify run)"
	}
	return "CI verifies it next: redoubt verify run"
}

// ListAssertionsIn narrows and pages the assertions of a model.
type ListAssertionsIn struct {
	ModelID    string                `json:"model_id"`
	IDs        []threat.ID           `json:"assertions,omitempty"`
	Control    threat.ID             `json:"control_id,omitempty"`
	Assumption threat.ID             `json:"assumption_id,omitempty"`
	Type       evidence.Type         `json:"type,omitempty"`
	Status     evidence.Verification `json:"status,omitempty"`
	Repo       string                `json:"repo,omitempty"`
	Drifted    bool                  `json:"drifted,omitempty" jsonschema:"passed once, fail now"`
	Deleted    bool                  `json:"deleted,omitempty" jsonschema:"deleted ones instead"`
	Limit      *int                  `json:"limit,omitempty" jsonschema:"default 20, at most 200"`
	Offset     int                   `json:"offset,omitempty"`
}

// TierRow is the result that an assertion holds at one tier.
type TierRow struct {
	Verdict evidence.Verdict               `json:"verdict"`
	Reason  string                         `json:"reason,omitempty"`
	File    string                         `json:"file,omitempty"`
	Line    int                            `json:"line,omitempty"`
	Commit  string                         `json:"commit,omitempty"`
	At      time.Time                      `json:"at"`
	Judge   string                         `json:"judge,omitempty"`
	Facets  map[threat.ID]evidence.Verdict `json:"facets,omitempty"`
	Carried bool                           `json:"carried,omitempty"` // judged by an earlier run, the code unchanged
}

// AssertionRow is an assertion in a list.
type AssertionRow struct {
	ID            threat.ID             `json:"id"`
	Type          evidence.Type         `json:"type"`
	Params        evidence.Params       `json:"params"`
	Control       threat.ID             `json:"control_id,omitempty"`
	Assumption    threat.ID             `json:"assumption_id,omitempty"`
	Facets        []threat.ID           `json:"facets"`
	Repo          string                `json:"repo"`
	Status        evidence.Verification `json:"status"`
	Incoherent    string                `json:"incoherent,omitempty"`
	Tier1         *TierRow              `json:"tier1,omitempty"`
	Tier2         *TierRow              `json:"tier2,omitempty"`
	DriftedAt     *time.Time            `json:"drifted_at,omitempty"`
	Description   string                `json:"description,omitempty"`
	DeletedReason string                `json:"deleted_reason,omitempty"`
}

// AssertionSummary counts the assertions that the filters let through.
type AssertionSummary struct {
	Status  map[evidence.Verification]int `json:"status"`
	Drifted int                           `json:"drifted"`
}

// ListAssertionsOut is a page of assertions in id order.
type ListAssertionsOut struct {
	ModelID    string           `json:"model_id"`
	Version    int              `json:"version"`
	Total      int              `json:"total"`
	Returned   int              `json:"returned"`
	Offset     int              `json:"offset"`
	Summary    AssertionSummary `json:"summary"`
	Assertions []AssertionRow   `json:"assertions"`
}

// ListAssertions lists the assertions on live controls and assumptions. Errors: [threat.NotFound], [threat.Invalid].
func (s *Service) ListAssertions(ctx context.Context, who account.Principal, in ListAssertionsIn) (ListAssertionsOut, error) {
	limit, offset, err := page(in.Limit, in.Offset, DefaultLimit)
	if err != nil {
		return ListAssertionsOut{}, err
	}
	return readHead(ctx, s, who, in.ModelID, func(v *store.Snapshot, h *head) (ListAssertionsOut, error) {
		out := ListAssertionsOut{ModelID: h.model.ID, Version: h.model.Version, Offset: offset, Assertions: []AssertionRow{}}
		out.Summary.Status = map[evidence.Verification]int{}
		if in.Control != "" && !in.Deleted {
			if _, err := h.control(in.Control); err != nil {
				return out, fieldError(err, "control_id")
			}
		}
		list := v.Assertions
		if in.Deleted {
			list = v.DeletedAssertions
		}
		all, err := list(who.WorkspaceID, h.model.ID)
		if err != nil {
			return out, err
		}
		if !in.Deleted {
			h.cohereAssumptions(all)
		}
		var found []AssertionRow
		for i := range all {
			a := &all[i]
			subject, err := h.subject(a.Control, a.Assumption)
			if err != nil && !in.Deleted {
				continue // its control or assumption is gone
			}
			row := assertionRow(a, h.assertionStatus(&subject, a, v.Now()))
			if !among(in.IDs, a.ID) || in.Control != "" && a.Control != in.Control ||
				in.Assumption != "" && a.Assumption != in.Assumption || in.Type != "" && a.Type != in.Type ||
				in.Status != "" && row.Status != in.Status || in.Repo != "" && a.Repo != in.Repo || in.Drifted && a.DriftedAt == nil {
				continue
			}
			out.Summary.Status[row.Status]++
			if a.DriftedAt != nil {
				out.Summary.Drifted++
			}
			found = append(found, row)
		}
		out.Total = len(found)
		out.Assertions = append(out.Assertions, cut(found, limit, offset)...)
		out.Returned = len(out.Assertions)
		return out, nil
	})
}

func assertionRow(a *store.Assertion, status evidence.Verification) AssertionRow {
	return AssertionRow{
		ID: a.ID, Type: a.Type, Params: a.Params, Control: a.Control, Assumption: a.Assumption, Facets: a.Facets, Repo: a.Repo,
		Status: status, Incoherent: a.Incoherent, Tier1: tierRow(a.Tier1), Tier2: tierRow(a.Tier2), DriftedAt: a.DriftedAt,
		Description: a.Description, DeletedReason: a.DeletedReason,
	}
}

func tierRow(h *evidence.Held) *TierRow {
	if h == nil {
		return nil
	}
	return &TierRow{
		Verdict: h.Verdict, Reason: h.Reason, File: h.File, Line: h.Line, Commit: h.Commit, At: h.At, Judge: h.Judge, Facets: h.Facets, Carried: h.Carried,
	}
}

// DeleteAssertionIn names the assertion and says why it goes.
type DeleteAssertionIn struct {
	ModelID   string    `json:"model_id"`
	Assertion threat.ID `json:"assertion_id"`
	Reason    string    `json:"reason"`
}

// DeleteAssertionOut is what is left for the control or assumption.
type DeleteAssertionOut struct {
	ModelID string                `json:"model_id"`
	Deleted threat.ID             `json:"deleted"`
	Status  threat.ControlStatus  `json:"status,omitempty" jsonschema:"of the control: it returns to not_implemented with its last coherent assertion"`
	Left    evidence.Verification `json:"verification" jsonschema:"of the control or assumption"`
	Hint    string                `json:"hint,omitempty"`
}

// DeleteAssertion removes an assertion; it stays on record. A failure does not go with it: the control stays failed until each facet
// that it claimed has a newer passing result. Errors: [threat.NotFound], [threat.Invalid].
func (s *Service) DeleteAssertion(ctx context.Context, who account.Principal, in DeleteAssertionIn) (DeleteAssertionOut, error) {
	v := verb{name: "delete_assertion", needs: account.Write, model: in.ModelID}
	defer s.jobs.poke()
	return write(ctx, s, who, v, in, func(tx *store.Tx, r *record) (DeleteAssertionOut, error) {
		out := DeleteAssertionOut{ModelID: in.ModelID, Deleted: in.Assertion}
		h, err := s.head(tx.View(), who.WorkspaceID, in.ModelID)
		if err != nil {
			return out, err
		}
		reason, err := threat.Text(in.Reason, threat.MaxText)
		if err == nil && reason == "" {
			err = threat.Errorf(threat.Invalid, "the reason is missing").Hinted("say why the claim is withdrawn")
		}
		if err != nil {
			return out, fieldError(err, "reason")
		}
		a, err := tx.Assertion(who.WorkspaceID, in.ModelID, in.Assertion)
		if err != nil {
			return out, err
		}
		debt := debtOrder(&a) > 0
		if err := tx.DeleteAssertion(who.WorkspaceID, in.ModelID, a.ID, who.UserID, reason, debt); err != nil {
			return out, err
		}
		all, err := tx.Evidence(who.WorkspaceID, in.ModelID)
		if err != nil {
			return out, err
		}
		if _, err := h.subject(a.Control, a.Assumption); err == nil {
			rows, err := s.cover(tx, who, h, []store.Assertion{a}, all)
			if err != nil {
				return out, err
			}
			out.Left, out.Status = rows[0].Verification, rows[0].Status
		} else {
			out.Left = evidence.None
		}
		if debt {
			out.Hint = "its last result was a fail: the control stays failed until each facet it claimed has a newer passing result"
		}
		r.version, r.object, r.detail = h.model.Version, string(a.ID), map[string]any{"reason": threat.Clip(reason, 200)}
		return out, tx.TouchModel(who.WorkspaceID, in.ModelID)
	})
}
