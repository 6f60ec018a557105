package evidence_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/threat"
)

var day = time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC)

// twoFacets is an implemented control with a facet of behaviour and one of absence.
func twoFacets() evidence.Subject {
	return evidence.Subject{ID: "C1", Description: "Keys are compared in constant time.", Implemented: true, Facets: []threat.Facet{
		{ID: "C1.a", Text: "compared in constant time", Kind: threat.BehaviourFacet},
		{ID: "C1.b", Text: "never logged", Kind: threat.AbsenceFacet},
	}}
}

// passing is a claim of a type that passed both tiers on every facet it claims, in a run of an order.
func passing(s *evidence.Subject, id threat.ID, typ evidence.Type, order int64, facets ...threat.ID) evidence.Claim {
	by := map[threat.ID]evidence.Verdict{}
	for _, f := range facets {
		by[f] = evidence.Pass
	}
	excerpt := "excerpt of " + string(id)
	return evidence.Claim{
		ID: id, Type: typ, Facets: facets, Incoherent: s.Coherence(typ, facets),
		Tier1: &evidence.Held{Verdict: evidence.Pass, Excerpt: excerpt, Order: order, At: day, Attested: true},
		Tier2: &evidence.Held{
			Verdict: evidence.Pass, Excerpt: excerpt, Template: evidence.TemplateDigest(typ), Text: s.TextDigest(facets), Facets: by, Order: order, At: day, Attested: true,
		},
	}
}

// Every rule of specification §7.6, each as the one change to a control that is verified; the status and what decides it.
func TestStatusRules(t *testing.T) {
	type world struct {
		s      evidence.Subject
		claims []evidence.Claim
		debts  []evidence.Debt
	}
	for _, c := range []struct {
		name   string
		change func(w *world)
		want   evidence.Verification
	}{
		{"both facets passed both tiers", func(*world) {}, evidence.Verified},
		{"no assertions", func(w *world) { w.claims = nil }, evidence.None},
		{"no assertions and a failure kept", func(w *world) { w.claims, w.debts = nil, []evidence.Debt{{"A9", []threat.ID{"C1.a"}, 3}} }, evidence.Failed},
		{"Tier 1 failed", func(w *world) { w.claims[0].Tier1.Verdict = evidence.Fail }, evidence.Failed},
		{"Tier 2 failed", func(w *world) { w.claims[1].Tier2.Verdict = evidence.Fail }, evidence.Failed},
		{"failed comes before incoherent", func(w *world) { w.claims[0].Incoherent = "x"; w.claims[0].Tier1.Verdict = evidence.Fail }, evidence.Failed},
		{"an assertion is incoherent", func(w *world) { w.claims[0].Incoherent = "x" }, evidence.Incoherent},
		{"an incoherent one beside enough others", func(w *world) {
			w.claims = append(w.claims, evidence.Claim{ID: "A3", Type: evidence.FileHash, Facets: []threat.ID{"C1.a"}, Incoherent: "x"})
		}, evidence.Incoherent},
		{"a facet is not claimed", func(w *world) { w.claims = w.claims[:1] }, evidence.InsufficientStatus},
		{"a facet is claimed by a type that cannot prove it", func(w *world) {
			w.claims = []evidence.Claim{passing(&w.s, "A1", evidence.FunctionCalls, 5, "C1.a", "C1.b")}
		}, evidence.InsufficientStatus},
		{"not implemented", func(w *world) { w.s.Implemented = false }, evidence.Partial},
		{"Tier 1 gave no result for one", func(w *world) { w.claims[0].Tier1, w.claims[0].Tier2 = nil, nil }, evidence.Partial},
		{"Tier 2 gave no result for one", func(w *world) { w.claims[0].Tier2 = nil }, evidence.Partial},
		{"a further claim without a result", func(w *world) {
			w.claims = append(w.claims, evidence.Claim{ID: "A3", Type: evidence.FunctionCalls, Facets: []threat.ID{"C1.a"}})
		}, evidence.Partial},
		{"Tier 2 passes, and not this facet", func(w *world) { w.claims[0].Tier2.Facets["C1.a"] = evidence.Fail }, evidence.Partial},
		{"Tier 2 says nothing of this facet", func(w *world) { w.claims[0].Tier2.Facets = nil }, evidence.Partial},
		{"a facet passed by an assertion that does not claim it", func(w *world) {
			w.claims[0].Tier2.Facets["C1.b"] = evidence.Pass
			w.claims[1].Tier2 = nil
		}, evidence.Partial},
		{"the code changed after Tier 2 judged it", func(w *world) { w.claims[0].Tier1.Excerpt = "other" }, evidence.Partial},
		{"Tier 2 judged no excerpt", func(w *world) { w.claims[0].Tier1.Excerpt, w.claims[0].Tier2.Excerpt = "", "" }, evidence.Partial},
		{"the template changed", func(w *world) { w.claims[0].Tier2.Template = "other" }, evidence.Partial},
		{"the control's text changed", func(w *world) { w.s.Description += "!" }, evidence.Partial},
		{"the facet's text changed", func(w *world) { w.s.Facets[0].Text += "!" }, evidence.Partial},
		{"no result", func(w *world) {
			for i := range w.claims {
				w.claims[i].Tier1, w.claims[i].Tier2 = nil, nil
			}
		}, evidence.Pending},
		{"a deleted failure", func(w *world) { w.debts = []evidence.Debt{{"A9", []threat.ID{"C1.a"}, 5}} }, evidence.Failed},
		{"a deleted failure that is made good", func(w *world) { w.debts = []evidence.Debt{{"A9", []threat.ID{"C1.a", "C1.b"}, 4}} }, evidence.Verified},
		{"made good on one facet of two", func(w *world) {
			w.claims[1].Tier1.Order, w.claims[1].Tier2.Order = 3, 3
			w.debts = []evidence.Debt{{"A9", []threat.ID{"C1.a", "C1.b"}, 4}}
		}, evidence.Failed},
		{"a deleted failure on a facet that is gone", func(w *world) { w.debts = []evidence.Debt{{"A9", []threat.ID{"C1.z"}, 9}} }, evidence.Verified},
		{"made good by a type that cannot prove the facet", func(w *world) {
			w.claims[1].Tier1.Order, w.claims[1].Tier2.Order = 3, 3
			w.claims = append(w.claims, passing(&w.s, "A3", evidence.FunctionCalls, 9, "C1.a", "C1.b"))
			w.debts = []evidence.Debt{{"A9", []threat.ID{"C1.b"}, 4}}
		}, evidence.Failed},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := world{s: twoFacets()}
			w.claims = []evidence.Claim{
				passing(&w.s, "A1", evidence.FunctionCalls, 5, "C1.a"), passing(&w.s, "A2", evidence.PatternAbsent, 5, "C1.b"),
			}
			c.change(&w)
			if got := w.s.Status(w.claims, w.debts); got.Verification != c.want {
				t.Errorf("the control is %s, want %s", got.Verification, c.want)
			}
		})
	}
}

// What makes a debt good: a newer pass of a coherent assertion that claims the facet, which nothing at Tier 2 speaks against.
func TestDebts(t *testing.T) {
	debt := evidence.Debt{Assertion: "A9", Facets: []threat.ID{"C1.a"}, Order: 5}
	for _, c := range []struct {
		name   string
		change func(c *evidence.Claim)
		paid   bool
	}{
		{"newer", func(*evidence.Claim) {}, true},
		{"newer, at Tier 1 alone", func(c *evidence.Claim) { c.Tier2 = nil }, true},
		{"as old", func(c *evidence.Claim) { c.Tier1.Order = 5 }, false},
		{"no result", func(c *evidence.Claim) { c.Tier1, c.Tier2 = nil, nil }, false},
		{"failed", func(c *evidence.Claim) { c.Tier1.Verdict = evidence.Fail }, false},
		{"failed at Tier 2", func(c *evidence.Claim) { c.Tier2.Verdict = evidence.Fail }, false},
		{"incoherent", func(c *evidence.Claim) { c.Incoherent = "x" }, false},
		{"on another facet", func(c *evidence.Claim) { c.Facets = []threat.ID{"C1.b"} }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := twoFacets()
			claim := passing(&s, "A1", evidence.FunctionCalls, 6, "C1.a")
			c.change(&claim)
			got := s.Status([]evidence.Claim{claim}, []evidence.Debt{debt})
			if paid := slices.Contains(got.Settled, "A9"); paid != c.paid {
				t.Errorf("made good: %v, want %v", paid, c.paid)
			}
			if !c.paid && got.Verification != evidence.Failed {
				t.Errorf("the control is %s", got.Verification)
			}
		})
	}
}

// drawWorld draws a control with claims, some of which are right at most places, and debts.
func drawWorld(t *rapid.T) (evidence.Subject, []evidence.Claim, []evidence.Debt) {
	s := evidence.Subject{ID: "C1", Description: "text", Implemented: rapid.IntRange(0, 4).Draw(t, "implemented") > 0}
	for i := range rapid.IntRange(1, 3).Draw(t, "facets") {
		s.Facets = append(s.Facets, threat.Facet{
			ID: threat.ID(fmt.Sprintf("C1.%c", 'a'+i)), Text: "facet", Kind: rapid.SampledFrom([]threat.FacetKind{threat.BehaviourFacet, threat.StructureFacet}).Draw(t, "kind"),
		})
	}
	var claims []evidence.Claim
	for i := range rapid.IntRange(0, 4).Draw(t, "claims") {
		var facets []threat.ID
		for _, f := range s.Facets {
			if rapid.IntRange(0, 3).Draw(t, "claimed") > 0 {
				facets = append(facets, f.ID)
			}
		}
		if facets == nil {
			facets = []threat.ID{"C1.a"}
		}
		typ := rapid.SampledFrom([]evidence.Type{evidence.FunctionExists, evidence.FunctionExists, evidence.FunctionCalls, evidence.FileHash}).Draw(t, "type")
		c := passing(&s, threat.ID(fmt.Sprintf("A%d", i+1)), typ, rapid.Int64Range(1, 5).Draw(t, "order"), facets...)
		for range rapid.SampledFrom([]int{0, 0, 0, 1, 2}).Draw(t, "spoilt") {
			spoil(t, &c)
		}
		claims = append(claims, c)
	}
	var debts []evidence.Debt
	if rapid.IntRange(0, 5).Draw(t, "debts") == 0 {
		debts = append(debts, evidence.Debt{Assertion: "A99", Facets: []threat.ID{s.Facets[len(s.Facets)-1].ID}, Order: rapid.Int64Range(1, 5).Draw(t, "failed at")})
	}
	return s, claims, debts
}

// spoil takes something away from a claim.
func spoil(t *rapid.T, c *evidence.Claim) {
	switch rapid.IntRange(0, 7).Draw(t, "what") {
	case 0:
		c.Tier1, c.Tier2 = nil, nil
	case 1:
		c.Tier2 = nil
	case 2:
		if c.Tier1 != nil {
			c.Tier1.Verdict = evidence.Fail
		}
	case 3:
		if c.Tier2 != nil {
			c.Tier2.Verdict = evidence.Fail
		}
	case 4:
		if c.Tier1 != nil {
			c.Tier1.Excerpt = "changed"
		}
	case 5:
		if c.Tier2 != nil {
			c.Tier2.Template = "changed"
		}
	case 6:
		if c.Tier2 != nil {
			c.Tier2.Text = "changed"
		}
	case 7:
		if c.Tier2 != nil {
			c.Tier2.Facets[c.Facets[0]] = evidence.Fail
		}
	}
}

// A status implies what its rule says and the negation of all rules before it, in words of their own.
func TestStatusProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, claims, debts := drawWorld(t)
		got := s.Status(claims, debts)
		proves := func(typ evidence.Type, kind threat.FacetKind) bool {
			return slices.Contains(evidence.Proving(kind), typ)
		}
		failed, incoherent, passed := len(debts) > len(got.Settled), false, false
		allTier1 := true
		for _, c := range claims {
			for _, h := range []*evidence.Held{c.Tier1, c.Tier2} {
				failed = failed || h != nil && h.Verdict == evidence.Fail
				passed = passed || h != nil && h.Verdict == evidence.Pass
			}
			incoherent = incoherent || c.Incoherent != ""
			allTier1 = allTier1 && c.Tier1 != nil && c.Tier1.Verdict == evidence.Pass
		}
		covered, judged := true, true
		for _, f := range s.Facets {
			one, two := false, false
			for _, c := range claims {
				if !slices.Contains(c.Facets, f.ID) || !proves(c.Type, f.Kind) || c.Incoherent != "" {
					continue
				}
				one = true
				two = two || c.Tier2 != nil && c.Tier2.Verdict == evidence.Pass && c.Tier2.Facets[f.ID] == evidence.Pass &&
					c.Tier1 != nil && c.Tier1.Verdict == evidence.Pass && c.Tier1.Excerpt == c.Tier2.Excerpt &&
					c.Tier2.Template == evidence.TemplateDigest(c.Type) && c.Tier2.Text == s.TextDigest(c.Facets)
			}
			covered, judged = covered && one, judged && two
		}
		var want evidence.Verification
		switch {
		case len(claims) == 0 && !failed:
			want = evidence.None
		case failed:
			want = evidence.Failed
		case incoherent:
			want = evidence.Incoherent
		case !covered:
			want = evidence.InsufficientStatus
		case s.Implemented && allTier1 && judged:
			want = evidence.Verified
		case passed:
			want = evidence.Partial
		default:
			want = evidence.Pending
		}
		if got.Verification != want {
			t.Fatalf("%s, want %s", got.Verification, want)
		}
		if (got.Sufficiency.Status == evidence.Sufficient) != covered {
			t.Fatalf("sufficiency is %v, covered is %v", got.Sufficiency, covered)
		}
		// The order of the assertions does not matter.
		back := slices.Clone(claims)
		slices.Reverse(back)
		if again := s.Status(back, debts); again.Verification != got.Verification || !again.Oldest.Equal(got.Oldest) || again.Attested != got.Attested {
			t.Fatalf("the other way round: %+v, was %+v", again, got)
		}
		// Evidence that is taken away never verifies.
		if got.Verification != evidence.Verified && len(claims) > 0 {
			i := rapid.IntRange(0, len(claims)-1).Draw(t, "lost")
			claims[i].Tier2 = nil
			if now := s.Status(claims, debts); now.Verification == evidence.Verified && !failed {
				t.Fatalf("%s before, and verified without a Tier 2 result", got.Verification)
			}
		}
	})
}

// The oldest result and whether all are attested are told of all results that the status rests on.
func TestStatusRestsOn(t *testing.T) {
	s := twoFacets()
	claims := []evidence.Claim{passing(&s, "A1", evidence.FunctionCalls, 5, "C1.a"), passing(&s, "A2", evidence.PatternAbsent, 5, "C1.b")}
	claims[1].Tier2.At = day.Add(-time.Hour)
	if got := s.Status(claims, nil); !got.Oldest.Equal(day.Add(-time.Hour)) || !got.Attested {
		t.Errorf("%+v", got)
	}
	claims[0].Tier1.Attested = false
	if got := s.Status(claims, nil); got.Attested {
		t.Error("attested, and one result is not")
	}
	if got := s.Status(nil, nil); got.Attested || !got.Oldest.IsZero() {
		t.Errorf("without results %+v", got)
	}
}

// Stale stands between insufficient and verified, and begins after the limit, not at it.
func TestStale(t *testing.T) {
	limit := evidence.StaleAfter
	for _, v := range evidence.Verifications() {
		want := v
		if slices.Index(evidence.Verifications(), v) > slices.Index(evidence.Verifications(), evidence.Stale) {
			want = evidence.Stale
		}
		if got := v.At(day, false, day.Add(limit+1), limit); got != want {
			t.Errorf("%s past the limit is %s, want %s", v, got, want)
		}
		if got := v.At(day, false, day.Add(limit), limit); got != v {
			t.Errorf("%s at the limit is %s", v, got)
		}
		if got := v.At(time.Time{}, false, day, limit); got != v {
			t.Errorf("%s without results is %s", v, got)
		}
	}
	var words []string
	for _, v := range evidence.Verifications() {
		words = append(words, string(v))
	}
	if diff := cmp.Diff([]string{"none", "failed", "incoherent", "insufficient", "stale", "verified", "partial", "pending"}, words); diff != "" {
		t.Error(diff)
	}
}
