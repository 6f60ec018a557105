package service

import (
	"fmt"
	"slices"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// findings opens a finding for each drift and each injection of a counted run, and moves on those whose assertions pass in it. all
// already holds the results of the run.
func (r *submission) findings(all []store.Assertion, results map[threat.ID]*[3]*evidence.Result) error {
	model := r.head.model.ID
	known, err := r.tx.Findings(r.workspace, model)
	if err != nil {
		return err
	}
	links, err := r.tx.FindingLinks(r.workspace, model)
	if err != nil {
		return err
	}
	byID := make(map[threat.ID]*store.Assertion, len(all))
	var fresh []threat.Finding
	var about []threat.ID // the assertion of each fresh finding
	for i := range all {
		a := &all[i]
		byID[a.ID] = a
		of := results[a.ID]
		if of == nil || a.DeletedAt != nil {
			continue
		}
		if slices.Contains(r.out.Drift, a.ID) {
			if f, ok := r.driftFinding(a, known, links); ok {
				fresh, about = append(fresh, f), append(about, a.ID)
			}
		}
		if two := of[evidence.Tier2]; two != nil && two.Injection {
			if f, ok := r.injectionFinding(a, known); ok {
				fresh, about = append(fresh, f), append(about, a.ID)
			}
		}
	}
	if len(fresh) > 0 {
		if err := r.open(fresh, about); err != nil {
			return err
		}
	}
	return r.mend(known, links, byID)
}

// open numbers findings, writes them, and links each with its assertion.
func (r *submission) open(fresh []threat.Finding, about []threat.ID) error {
	model := r.head.model.ID
	counters, err := r.tx.Counters(r.workspace, model)
	if err != nil {
		return err
	}
	since, err := r.tx.Pulls(r.workspace, model)
	if err != nil {
		return err
	}
	links := make([]store.FindingLink, len(fresh))
	for i := range fresh {
		fresh[i].ID = counters.Next(threat.KindFinding)
		links[i] = store.FindingLink{Finding: fresh[i].ID, Assertion: about[i], Since: since}
		r.out.Opened = append(r.out.Opened, fresh[i].ID)
	}
	if err := r.tx.AddFindings(r.workspace, model, r.user, fresh); err != nil {
		return err
	}
	if err := r.tx.SaveCounters(r.workspace, model, threat.Counters{threat.KindFinding: counters[threat.KindFinding]}); err != nil {
		return err
	}
	return r.tx.LinkFindings(r.workspace, model, links)
}

// driftFinding makes the finding of an assertion that passed and fails now, unless one is open or dismissed. It reopens the newest finding
// that this assertion had shown mended, whoever found that one.
func (r *submission) driftFinding(a *store.Assertion, known []store.Finding, links []store.FindingLink) (threat.Finding, bool) {
	failed := a.Tier1
	if failed.Verdict != evidence.Fail {
		failed = a.Tier2
	}
	f := threat.Finding{
		Control: a.Control, Title: fmt.Sprintf("%s (%s) passed before and fails now", a.ID, a.Type),
		Description: threat.Clip(failed.Reason, threat.MaxText), Source: threat.FromDrift,
		Fingerprint:      "drift:" + string(a.ID),
		ExpectedEvidence: fmt.Sprintf("%s passes again at both tiers", a.ID),
	}
	f, ok := r.completed(a, f, known)
	for _, k := range slices.Backward(known) {
		linked := func(l store.FindingLink) bool { return l.Finding == k.ID && l.Assertion == a.ID }
		if k.Status == threat.FixVerified && slices.ContainsFunc(links, linked) {
			f.Reopens = k.ID
			break
		}
	}
	return f, ok
}

// injectionFinding makes the finding of code that tried to instruct the judge.
func (r *submission) injectionFinding(a *store.Assertion, known []store.Finding) (threat.Finding, bool) {
	f := threat.Finding{
		Control: a.Control, Title: fmt.Sprintf("the code behind %s (%s) addresses the judge", a.ID, a.Type),
		Description: "A judge reported text in the code that tries to steer its verdict.", Source: threat.FromInjection,
		Fingerprint:      "injection:" + string(a.ID),
		ExpectedEvidence: fmt.Sprintf("%s passes at both tiers, without text that is meant for the judge", a.ID),
	}
	return r.completed(a, f, known)
}

// completed fills in what every automatic finding carries. A repeat of an open or dismissed one is that one; a repeat of a verified
// one opens a new one that names it (specification §8).
func (r *submission) completed(a *store.Assertion, f threat.Finding, known []store.Finding) (threat.Finding, bool) {
	f.Status, f.Severity = threat.Discovered, threat.SeverityMedium
	if a.Control != "" {
		if c, err := r.head.control(a.Control); err == nil {
			f.Severity = threat.SeverityOf(r.head.tier(c))
		}
	}
	for _, k := range slices.Backward(known) {
		if k.Fingerprint == f.Fingerprint && k.Source == f.Source {
			if k.Status != threat.FixVerified {
				return f, false
			}
			f.Reopens = k.ID
			break
		}
	}
	for _, h := range []*evidence.Held{a.Tier1, a.Tier2} {
		if h != nil && h.File != "" && !slices.Contains(f.CheckedLocations, h.File) {
			f.CheckedLocations = append(f.CheckedLocations, h.File)
		}
	}
	return f, true
}

// mend moves findings on whose assertions pass in this run. A drift or injection finding goes to remediated by itself, and any
// remediated finding to verified, when every assertion linked to it has passed both tiers in a counted run that was pulled after the
// link was made. A deleted assertion never passes.
func (r *submission) mend(known []store.Finding, links []store.FindingLink, byID map[threat.ID]*store.Assertion) error {
	of := map[threat.ID][]store.FindingLink{}
	for _, l := range links {
		of[l.Finding] = append(of[l.Finding], l)
	}
	for _, f := range known {
		if !f.Status.Open() {
			continue
		}
		one, both := r.head.shown(&f, of[f.ID], byID)
		status := f.Status
		if one && automatic(&f) {
			status = threat.Remediated
		}
		if both && status == threat.Remediated {
			status = threat.FixVerified
		}
		if status == f.Status {
			continue
		}
		if status == threat.FixVerified {
			r.out.Closed = append(r.out.Closed, f.ID)
		}
		if len(r.moved) < maxChanges {
			r.moved = append(r.moved, movedFinding{ID: f.ID, findingMove: findingMove{From: f.Status, To: status}})
		}
		if err := r.tx.SetFindingStatus(r.workspace, r.head.model.ID, f.ID, status, f.Reason); err != nil {
			return err
		}
	}
	return nil
}

// movedFinding is a finding that a run moved on.
type movedFinding struct {
	ID threat.ID `json:"id"`
	findingMove
}

// automatic reports whether the server opened a finding by itself, on an assertion.
func automatic(f *store.Finding) bool {
	return f.Source == threat.FromDrift || f.Source == threat.FromInjection
}

// shown says what the assertions linked to a finding show: whether all pass, and whether all pass both tiers, each by a counted run that was
// pulled after its link was made. Nothing is shown by no assertion, by a deleted one, or, for a finding that somebody submitted, by one that
// is incoherent or about another control.
func (h *head) shown(f *store.Finding, links []store.FindingLink, byID map[threat.ID]*store.Assertion) (one, both bool) {
	one, both = len(links) > 0, len(links) > 0
	for _, l := range links {
		a := byID[l.Assertion]
		counts := a != nil && a.DeletedAt == nil && passes(a) && a.Tier1.Order > l.Since && h.trust.Trusts(a.Tier1)
		if counts && !automatic(f) {
			counts = a.Incoherent == "" && (f.Control == "" || a.Control == f.Control)
		}
		one = one && counts
		both = both && counts && h.verified(a)
	}
	return one, both
}

// assumptions moves the assumptions that machines verify: one whose assertion fails is violated, and one whose assertions are all verified
// again becomes active by itself (specification §5).
func (r *submission) assumptions(all []store.Assertion) error {
	var states map[threat.ID]store.AssumptionEvent
	for id, b := range bodies(all) {
		a := r.head.structure.Assumption(id)
		if a == nil || a.Kind != threat.NonApplicability {
			continue
		}
		if states == nil {
			var err error
			if states, err = r.tx.AssumptionStates(r.workspace, r.head.model.ID); err != nil {
				return err
			}
		}
		status, state := r.head.assumptionStatus(a, b).At(r.tx.Now(), r.head.settings.StaleAfter()), stateOf(id, states)
		e := store.AssumptionEvent{Assumption: id, UserID: r.user, Version: r.head.model.Version}
		switch {
		case status == evidence.Failed && state == threat.Active:
			e.State, e.Reason = threat.Violated, "an assertion on it failed in run "+r.info.ID
		case status == evidence.Verified && state == threat.Violated:
			e.State, e.Reason = threat.Active, "its assertions were verified in run "+r.info.ID
		default:
			continue
		}
		if err := r.tx.AddAssumptionEvent(r.workspace, r.head.model.ID, e); err != nil {
			return err
		}
	}
	return nil
}

// verified reports whether an assertion passes both tiers today.
func (h *head) verified(a *store.Assertion) bool {
	subject, err := h.subject(a.Control, a.Assumption)
	return err == nil && subject.Current(a.Claim()) && a.Tier2.Verdict == evidence.Pass && h.trust.Trusts(a.Tier2)
}
