package evidence_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/threat"
)

// drawJudgments draws what engines might say of claims, about things that are not there too.
func drawJudgments(t *rapid.T, s *evidence.Subject, claims []evidence.Claim) (out []evidence.Judgment) {
	reasons := func(ids ...threat.ID) map[threat.ID]string {
		m := map[threat.ID]string{}
		for _, id := range ids {
			if rapid.IntRange(0, 2).Draw(t, "named") == 0 {
				m[id] = rapid.SampledFrom([]string{"", "it is not enough", "sufficient"}).Draw(t, "why")
			}
		}
		return m
	}
	for _, engine := range []string{"agent", "openai"}[:rapid.IntRange(0, 2).Draw(t, "judges")] {
		out = append(out, evidence.Judgment{
			Control: rapid.SampledFrom([]threat.ID{s.ID, s.ID, s.ID, "C9"}).Draw(t, "of"), Engine: engine,
			Digest:     rapid.SampledFrom([]string{s.ClaimsDigest(claims), s.ClaimsDigest(claims), "another"}).Draw(t, "digest"),
			State:      rapid.SampledFrom([]evidence.JudgmentState{evidence.Judged, evidence.Judged, evidence.JudgmentPending, evidence.JudgmentFailed, "wild"}).Draw(t, "state"),
			Incoherent: reasons("A1", "A2", "A9"), Unproven: reasons("C1.a", "C1.b", "C1.z"),
		})
	}
	return out
}

// below lists, for each status that the rules give, what it may be with judgments.
var below = map[evidence.Verification][]evidence.Verification{
	evidence.None:               {evidence.None},
	evidence.Failed:             {evidence.Failed},
	evidence.Incoherent:         {evidence.Incoherent, evidence.Failed},
	evidence.InsufficientStatus: {evidence.InsufficientStatus, evidence.Incoherent, evidence.Failed},
	evidence.Verified:           {evidence.Verified, evidence.Partial, evidence.InsufficientStatus, evidence.Incoherent, evidence.Failed},
	evidence.Partial:            {evidence.Partial, evidence.InsufficientStatus, evidence.Incoherent, evidence.Failed},
	evidence.Pending:            {evidence.Pending, evidence.InsufficientStatus, evidence.Incoherent, evidence.Failed},
}

// Whatever engines say: with it nothing stands higher than by the rules alone, and what they say of other claims is as if unsaid.
func TestJudgmentsOnlyLower(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, claims, debts := drawWorld(t)
		s.Cohere(claims)
		rules := s.Status(claims, debts)
		judged := s
		judged.Judgments = drawJudgments(t, &s, claims)
		lowered := slices.Clone(claims)
		judged.Cohere(lowered)
		got := judged.Status(lowered, debts)
		if !slices.Contains(below[rules.Verification], got.Verification) {
			t.Fatalf("%s by the rules, %s with %+v", rules.Verification, got.Verification, judged.Judgments)
		}
		for i := range claims {
			if claims[i].Incoherent != "" && lowered[i].Incoherent != claims[i].Incoherent {
				t.Fatalf("%s was %q and is %q", claims[i].ID, claims[i].Incoherent, lowered[i].Incoherent)
			}
		}
		for _, g := range rules.Sufficiency.Uncovered {
			if !slices.ContainsFunc(got.Sufficiency.Uncovered, func(x evidence.Gap) bool { return x.Facet == g.Facet }) {
				t.Fatalf("%s is covered by a judgment", g.Facet)
			}
		}
		for _, id := range got.Settled {
			if !slices.Contains(rules.Settled, id) {
				t.Fatalf("a judgment settles %s", id)
			}
		}
		if rules.Sufficiency.Status == evidence.Insufficient && got.Sufficiency.Status != evidence.Insufficient {
			t.Fatalf("%v became %v", rules.Sufficiency, got.Sufficiency)
		}
		// What counts is what is said of these claims: nothing else changes anything.
		speaks := slices.ContainsFunc(judged.Judgments, func(j evidence.Judgment) bool {
			return j.Control == s.ID && j.Digest == s.ClaimsDigest(claims) && (j.State == evidence.Judged || j.State == evidence.JudgmentPending)
		})
		if diff := cmp.Diff(rules, got); !speaks && diff != "" {
			t.Fatalf("judgments of other claims count: %s", diff)
		}
	})
}

func TestJudgment(t *testing.T) {
	s := twoFacets()
	claims := []evidence.Claim{passing(&s, "A1", evidence.FunctionCalls, 5, "C1.a"), passing(&s, "A2", evidence.PatternAbsent, 5, "C1.b")}
	j := evidence.Judgment{Control: "C1", Engine: "openai", State: evidence.Judged, Digest: s.ClaimsDigest(claims)}
	debt := []evidence.Debt{{Assertion: "A0", Facets: []threat.ID{"C1.a"}, Order: 3}}
	for _, c := range []struct {
		name   string
		change func(*evidence.Judgment)
		status evidence.Verification
		suff   evidence.SufficiencyStatus
		gap    string // facet, who and why
		paid   int
	}{
		{"nothing found", func(*evidence.Judgment) {}, evidence.Verified, evidence.Sufficient, "", 1},
		{"a facet", func(j *evidence.Judgment) { j.Unproven = map[threat.ID]string{"C1.b": "other logs"} }, evidence.InsufficientStatus, evidence.Insufficient, "C1.b openai other logs", 1},
		{"a claim", func(j *evidence.Judgment) { j.Incoherent = map[threat.ID]string{"A1": "no"} }, evidence.Failed, evidence.Insufficient, "C1.a  A1 is incoherent", 0},
		{"under way", func(j *evidence.Judgment) { j.State = evidence.JudgmentPending }, evidence.Partial, evidence.BeingJudged, "", 0},
		{"failed", func(j *evidence.Judgment) {
			j.State, j.Unproven = evidence.JudgmentFailed, map[threat.ID]string{"C1.b": "x"}
		}, evidence.Verified, evidence.Sufficient, "", 1},
		{"of other claims", func(j *evidence.Judgment) { j.Digest, j.Unproven = "x", map[threat.ID]string{"C1.b": "x"} }, evidence.Verified, evidence.Sufficient, "", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, claims, j := s, slices.Clone(claims), j
			c.change(&j)
			s.Judgments = []evidence.Judgment{j}
			s.Cohere(claims)
			got := s.Status(claims, debt)
			gap := ""
			for _, g := range got.Sufficiency.Uncovered {
				gap = string(g.Facet) + " " + g.By + " " + g.Why
			}
			if got.Verification != c.status || got.Sufficiency.Status != c.suff || gap != c.gap || len(got.Settled) != c.paid {
				t.Errorf("%s, %s, %q, %v settled", got.Verification, got.Sufficiency.Status, gap, got.Settled)
			}
		})
	}
}

// The digest is of what a judge is shown, and of nothing else.
func TestClaimsDigest(t *testing.T) {
	base := func() (evidence.Subject, []evidence.Claim) {
		s := twoFacets()
		return s, []evidence.Claim{passing(&s, "A1", evidence.FunctionCalls, 5, "C1.a", "C1.b"), passing(&s, "A2", evidence.PatternAbsent, 5, "C1.b")}
	}
	s, claims := base()
	want := s.ClaimsDigest(claims)
	for name, change := range map[string]func(*evidence.Subject, []evidence.Claim) []evidence.Claim{
		"the words of the control": func(s *evidence.Subject, c []evidence.Claim) []evidence.Claim { s.Description += "!"; return c },
		"a facet's text":           func(s *evidence.Subject, c []evidence.Claim) []evidence.Claim { s.Facets[0].Text += "!"; return c },
		"a facet's kind": func(s *evidence.Subject, c []evidence.Claim) []evidence.Claim {
			s.Facets[0].Kind = threat.TestFacet
			return c
		},
		"a facet less": func(s *evidence.Subject, c []evidence.Claim) []evidence.Claim { s.Facets = s.Facets[:1]; return c },
		"a claim's type": func(_ *evidence.Subject, c []evidence.Claim) []evidence.Claim {
			c[0].Type = evidence.ErrorHandled
			return c
		},
		"a parameter": func(_ *evidence.Subject, c []evidence.Claim) []evidence.Claim {
			c[0].Params = evidence.Params{"file": "x"}
			return c
		},
		"what a claim names": func(_ *evidence.Subject, c []evidence.Claim) []evidence.Claim {
			c[0].Facets = c[0].Facets[:1]
			return c
		},
		"a claim less":  func(_ *evidence.Subject, c []evidence.Claim) []evidence.Claim { return c[:1] },
		"another claim": func(_ *evidence.Subject, c []evidence.Claim) []evidence.Claim { c[0].ID = "A7"; return c },
	} {
		s, claims := base()
		if got := s.ClaimsDigest(change(&s, claims)); got == want {
			t.Errorf("%s changes and the digest does not", name)
		}
	}
	s, claims = base()
	slices.Reverse(claims)
	claims[0].Tier1, claims[1].Incoherent, s.Implemented = nil, "x", false
	slices.Reverse(claims[1].Facets)
	if got := s.ClaimsDigest(claims); got != want {
		t.Error("the order, or what runs say, changes the digest")
	}
}
