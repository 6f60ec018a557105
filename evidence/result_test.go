package evidence_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/threat"
)

func run(order int64) evidence.RunInfo {
	return evidence.RunInfo{ID: "run", Commit: "c", Order: order, At: day.Add(time.Duration(order) * time.Hour), Attested: order%2 == 0}
}

// Whatever order runs arrive in, the newest one's verdict is held; a skipped result changes nothing, and an unchanged one keeps what
// was held and marks it as carried.
func TestApplyKeepsTheNewest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var held *evidence.Held
		best, verdict := int64(0), evidence.Verdict("")
		for range rapid.IntRange(1, 12).Draw(t, "runs") {
			order := rapid.Int64Range(1, 6).Draw(t, "order")
			r := evidence.Result{Tier: 1, Verdict: rapid.SampledFrom(evidence.Verdicts()).Draw(t, "verdict"), Reason: rapid.StringMatching("[a-c]").Draw(t, "reason")}
			before := held
			c := evidence.Apply(held, r, run(order))
			held = c.Held
			switch {
			case r.Verdict == evidence.Skipped, order < best, r.Verdict == evidence.Unchanged && before == nil:
				if c.Applied || c.Drift || c.Mended || held != before {
					t.Fatalf("a %s of run %d after run %d: %+v", r.Verdict, order, best, c)
				}
				continue
			case r.Verdict == evidence.Unchanged:
				if !held.Carried || held.Verdict != before.Verdict || held.Reason != before.Reason || c.Drift || c.Mended {
					t.Fatalf("unchanged: %+v of %+v", c, before)
				}
			default:
				if held.Carried || held.Verdict != r.Verdict || held.Reason != r.Reason {
					t.Fatalf("%+v of %+v", held, r)
				}
				if c.Drift != (verdict == evidence.Pass && r.Verdict == evidence.Fail) || c.Mended != (verdict == evidence.Fail && r.Verdict == evidence.Pass) {
					t.Fatalf("%s after %q: %+v", r.Verdict, verdict, c)
				}
			}
			best, verdict = order, held.Verdict
			in := run(order)
			attested := in.Attested
			if held.Carried { // what no proof said first is not proven by carrying it over
				attested = attested && before.Attested
			}
			if !c.Applied || held.Order != order || !held.At.Equal(in.At) || held.Commit != in.Commit || held.Attested != attested || held.Run != in.ID {
				t.Fatalf("run %d: %+v", order, held)
			}
		}
	})
}

// Apply writes into nothing that it is given.
func TestApplyIsPure(t *testing.T) {
	held := &evidence.Held{Verdict: evidence.Pass, Order: 1, Blob: "old"}
	before := *held
	evidence.Apply(held, evidence.Result{Verdict: evidence.Unchanged, Blob: "new"}, run(2))
	evidence.Apply(held, evidence.Result{Verdict: evidence.Fail}, run(2))
	if diff := cmp.Diff(before, *held); diff != "" {
		t.Error(diff)
	}
}

// A result is held whole.
func TestApplyHoldsEverything(t *testing.T) {
	r := evidence.Result{
		Assertion: "A1", Tier: 2, Verdict: evidence.Fail, Reason: "r", File: "f", Line: 3, FileDigest: "fd", Blob: "b", Excerpt: "e", Template: "t",
		Text: "x", Judge: "j", Facets: map[threat.ID]evidence.Verdict{"C1.a": evidence.Fail}, Injection: true,
	}
	want := &evidence.Held{
		Verdict: evidence.Fail, Reason: "r", File: "f", Line: 3, FileDigest: "fd", Blob: "b", Excerpt: "e", Template: "t", Text: "x", Judge: "j",
		Facets: r.Facets, Injection: true, Run: "run", Commit: "c", Order: 4, At: run(4).At, Attested: true,
	}
	if diff := cmp.Diff(want, evidence.Apply(nil, r, run(4)).Held); diff != "" {
		t.Error(diff)
	}
}

func TestMayCarry(t *testing.T) {
	held := func() *evidence.Held {
		return &evidence.Held{Verdict: evidence.Pass, FileDigest: "fd", Excerpt: "e", Template: "t", Text: "x"}
	}
	result := func(tier int) evidence.Result {
		return evidence.Result{Tier: tier, Verdict: evidence.Unchanged, FileDigest: "fd", Excerpt: "e", Template: "t", Text: "x"}
	}
	for _, c := range []struct {
		name     string
		held     func(h *evidence.Held)
		result   func(r *evidence.Result)
		one, two bool
	}{
		{"the same", nil, nil, true, true},
		{"another file", nil, func(r *evidence.Result) { r.FileDigest = "other" }, false, true},
		{"another excerpt", nil, func(r *evidence.Result) { r.Excerpt = "other" }, false, false},
		{"another template", nil, func(r *evidence.Result) { r.Template = "other" }, true, false},
		{"another text", nil, func(r *evidence.Result) { r.Text = "other" }, true, false},
		{"no digests at all", func(h *evidence.Held) { *h = evidence.Held{Verdict: evidence.Pass} }, func(r *evidence.Result) { *r = evidence.Result{Tier: r.Tier} }, false, false},
		{"no file", func(h *evidence.Held) { h.FileDigest = "" }, func(r *evidence.Result) { r.FileDigest = "" }, false, true},
		{"no excerpt", func(h *evidence.Held) { h.Excerpt = "" }, func(r *evidence.Result) { r.Excerpt = "" }, true, false},
		{"a fail", func(h *evidence.Held) { h.Verdict = evidence.Fail }, nil, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			for tier, want := range map[int]bool{evidence.Tier1: c.one, evidence.Tier2: c.two} {
				h, r := held(), result(tier)
				if c.held != nil {
					c.held(h)
				}
				if c.result != nil {
					c.result(&r)
				}
				if got := evidence.MayCarry(h, r); got != want {
					t.Errorf("tier %d: %v, want %v", tier, got, want)
				}
				if evidence.MayCarry(nil, r) {
					t.Errorf("tier %d: nothing is carried", tier)
				}
			}
		})
	}
}

func TestSortResults(t *testing.T) {
	var got []string
	list := []evidence.Result{{Assertion: "A10", Tier: 1}, {Assertion: "A2", Tier: 2}, {Assertion: "A2", Tier: 1}, {Assertion: "A1", Tier: 2}}
	evidence.SortResults(list)
	for _, r := range list {
		got = append(got, string(r.Assertion)+" "+string(rune('0'+r.Tier)))
	}
	if want := []string{"A1 2", "A2 1", "A2 2", "A10 1"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
