package evidence

import (
	"slices"
	"time"

	"github.com/redoubt-dev/redoubt/threat"
)

// Verification is what the runs say of a control. It is computed, and nobody sets it.
type Verification string

// The statuses in the order in which the first that matches holds (specification §7.6). Stale depends on the time and is decided
// on read; it is never stored.
const (
	None               Verification = "none"
	Failed             Verification = "failed"
	Incoherent         Verification = "incoherent"
	InsufficientStatus Verification = "insufficient"
	Stale              Verification = "stale"
	Verified           Verification = "verified"
	Partial            Verification = "partial"
	Pending            Verification = "pending"
)

// Verifications lists the statuses in the order of the specification.
func Verifications() []Verification {
	return []Verification{None, Failed, Incoherent, InsufficientStatus, Stale, Verified, Partial, Pending}
}

// Enum lists the legal values, for schemas.
func (Verification) Enum() []string {
	out := make([]string, 0, 8)
	for _, v := range Verifications() {
		out = append(out, string(v))
	}
	return out
}

// StaleAfter is how old a result may be where the workspace says nothing else (specification §7.6).
const StaleAfter = 30 * 24 * time.Hour

// Claim is an assertion as its control's status sees it.
type Claim struct {
	ID         threat.ID
	Type       Type
	Params     Params
	Facets     []threat.ID
	Incoherent string // why it is incoherent; "" for a coherent one
	Tier1      *Held
	Tier2      *Held
}

// Debt is a failure that a deleted assertion left behind: the control stays failed until each facet that it claimed has a newer
// passing result.
type Debt struct {
	Assertion threat.ID
	Facets    []threat.ID
	Order     int64 // of the run that failed it last
}

// Status is what follows from the evidence on a subject.
type Status struct {
	Verification Verification
	Sufficiency  Sufficiency
	Settled      []threat.ID // debts that are paid: they never count again
	Oldest       time.Time   // of the results it rests on; zero without any
	Attested     bool        // every result it rests on came with a proof
	Distrusted   bool        // a result it rests on is of a run that the workspace does not count any more
}

// At returns the verification as it is at a time.
func (s Status) At(now time.Time, staleAfter time.Duration) Verification {
	return s.Verification.At(s.Oldest, s.Distrusted, now, staleAfter)
}

// Status computes the verification of a subject. It is a pure function of what is held, and its promise is that of
// specification §7.6.
func (s *Subject) Status(claims []Claim, debts []Debt) Status {
	out := Status{Sufficiency: s.Sufficiency(claims)}
	open := 0
	waits := slices.ContainsFunc(s.current(claims), func(j Judgment) bool { return j.State == JudgmentPending })
	for _, d := range debts {
		switch {
		case !s.paid(d, claims):
			open++
		case !waits: // a claim that pays it may yet be judged incoherent
			out.Settled = append(out.Settled, d.Assertion)
		}
	}
	failed, passed, incoherent, complete := open > 0, false, false, s.Implemented
	results := 0
	out.Attested = true
	for _, c := range claims {
		incoherent = incoherent || c.Incoherent != ""
		for _, h := range []*Held{c.Tier1, c.Tier2} {
			if h == nil {
				continue
			}
			results++
			failed = failed || h.Verdict == Fail
			passed = passed || h.Verdict == Pass
			out.Attested = out.Attested && h.Attested
			out.Distrusted = out.Distrusted || !s.Trust.Trusts(h)
			if out.Oldest.IsZero() || h.At.Before(out.Oldest) {
				out.Oldest = h.At
			}
		}
		complete = complete && c.Tier1 != nil && c.Tier1.Verdict == Pass
	}
	out.Attested = out.Attested && results > 0
	for _, f := range s.Facets {
		complete = complete && slices.ContainsFunc(claims, func(c Claim) bool { return s.judged(c, f.ID) })
	}
	switch {
	case len(claims) == 0 && open == 0:
		out.Verification = None
	case failed:
		out.Verification = Failed
	case incoherent:
		out.Verification = Incoherent
	case out.Sufficiency.Status == Insufficient:
		out.Verification = InsufficientStatus
	case complete && out.Sufficiency.Status == Sufficient: // not while that is being judged
		out.Verification = Verified
	case passed:
		out.Verification = Partial
	default:
		out.Verification = Pending
	}
	return out
}

// Current reports whether a Tier 2 result still holds: it judged the excerpt of the newest Tier 1 pass, with today's template
// and the control's text as it is.
func (s *Subject) Current(c Claim) bool {
	return c.Tier1 != nil && c.Tier2 != nil && c.Tier1.Verdict == Pass &&
		c.Tier2.Excerpt != "" && c.Tier2.Excerpt == c.Tier1.Excerpt &&
		c.Tier2.Template == TemplateDigest(c.Type) && c.Tier2.Text == s.TextDigest(c.Facets)
}

// judged reports whether an assertion has a Tier 2 pass for a facet that it covers.
func (s *Subject) judged(c Claim, facet threat.ID) bool {
	spec, ok := byType[c.Type]
	return ok && c.Incoherent == "" && slices.Contains(c.Facets, facet) && meets(spec, s.facet(facet)) &&
		s.Current(c) && c.Tier2.Verdict == Pass && c.Tier2.Facets[facet] == Pass
}

// paid reports whether every facet of a debt that still exists has a newer passing result.
func (s *Subject) paid(d Debt, claims []Claim) bool {
	for _, id := range d.Facets {
		if s.facet(id) == nil {
			continue // nothing can prove a facet that is gone; its going is a change that needs approval (specification §4)
		}
		ok := slices.ContainsFunc(claims, func(c Claim) bool {
			spec, ok := byType[c.Type]
			return ok && slices.Contains(c.Facets, id) && c.Incoherent == "" && meets(spec, s.facet(id)) &&
				c.Tier1 != nil && c.Tier1.Verdict == Pass && c.Tier1.Order > d.Order &&
				(c.Tier2 == nil || c.Tier2.Verdict == Pass) && s.Trust.Trusts(c.Tier1) && s.Trust.Trusts(c.Tier2)
		})
		if !ok {
			return false
		}
	}
	return true
}

// At returns the status as it is at a time: stale when a result it rests on is older than the limit or not trusted any more, which
// comes after failed, incoherent and insufficient and before the rest.
func (v Verification) At(oldest time.Time, distrusted bool, now time.Time, staleAfter time.Duration) Verification {
	switch v {
	case Verified, Partial, Pending:
		if distrusted || !oldest.IsZero() && now.Sub(oldest) > staleAfter {
			return Stale
		}
	}
	return v
}
