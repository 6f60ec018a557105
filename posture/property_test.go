package posture_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/posture"
	"github.com/redoubt-dev/redoubt/threat"
)

// The fold says what the tables of the specification say, and all that they say occurs.
func TestFoldIsTheSpecification(t *testing.T) {
	want := []string{
		"verified", "claimed", "by assumption", "attested", "not attested", "weakened", "at risk and weakened", "a later group",
		"unreachable and mitigated", "accepted at risk", "review due", "carried", "risk",
	}
	for _, r := range posture.Reasons() {
		want = append(want, string(r))
	}
	check(t, want, func(t *rapid.T, seen classes) {
		in := input(t)
		o := oracle{in}
		p := posture.Assess(in)
		rows := byID(p)
		if len(rows) != len(in.Objectives) {
			t.Fatalf("%d rows of %d COs", len(rows), len(in.Objectives))
		}
		for i := range in.Objectives {
			want := o.row(&in.Objectives[i])
			got := *rows[want.Objective.ID]
			got.Next = nil
			if d := cmp.Diff(want, got); d != "" {
				t.Fatalf("(-want +got):\n%s", d)
			}
			seen.hitIf(got.Assurance == posture.Verified, "verified")
			seen.hitIf(got.Assurance == posture.Claimed && got.By == posture.ByControls, "claimed")
			seen.hitIf(got.By == posture.ByAssumption, "by assumption")
			seen.hitIf(got.Attested, "attested")
			seen.hitIf(got.Status == posture.Mitigated && !got.Attested, "not attested")
			seen.hitIf(got.Status == posture.Mitigated && got.Weakened, "weakened")
			seen.hitIf(got.Status != posture.Mitigated && got.Weakened, "at risk and weakened")
			seen.hitIf(got.Group > 1, "a later group")
			seen.hitIf(got.Status == posture.Mitigated && !got.Objective.Reachable, "unreachable and mitigated")
			seen.hitIf(got.Status != posture.Mitigated && got.Accepted != nil, "accepted at risk")
			seen.hitIf(got.ReviewDue, "review due")
			seen.hitIf(got.Accepted != nil, "risk")
			for _, id := range o.groups(got.Objective.ID)[got.Group] {
				seen.hitIf(!o.control(id).Implemented, "carried")
			}
			seen.hit(string(got.Reason))
		}
	})
}

// Whatever is not mitigated says why, and nothing else does; where nothing can be done with what is linked, next is empty.
func TestReasons(t *testing.T) {
	check(t, []string{"nothing to do", "something to do", "mitigated"}, func(t *rapid.T, seen classes) {
		in := input(t)
		o := oracle{in}
		for _, r := range posture.Assess(in).Rows {
			if (r.Reason == "") != (r.Status == posture.Mitigated) || (r.Reason == posture.ReasonUnassessed) != (r.Status == posture.Unassessed) {
				t.Fatalf("%s is %s with the reason %q", r.Objective.ID, r.Status, r.Reason)
			}
			if mitigated := r.Status == posture.Mitigated; (r.By != "") != mitigated || (r.Assurance != "") != mitigated ||
				r.Attested && !mitigated || (r.Group > 0) != (r.By == posture.ByControls) || (r.Assumption != "") != (r.By == posture.ByAssumption) {
				t.Fatalf("%s is %s by %q %d %q, %q", r.Objective.ID, r.Status, r.By, r.Group, r.Assumption, r.Assurance)
			}
			can := len(o.groups(r.Objective.ID)) > 0 || slices.ContainsFunc(in.Assumptions, func(a posture.Assumption) bool {
				return slices.Contains(a.Objectives, r.Objective.ID) && a.Kind != "unknown" &&
					(a.State == threat.Active || a.State == threat.Violated)
			})
			switch {
			case r.Status == posture.Mitigated:
				seen.hit("mitigated")
				can = false
			case can:
				seen.hit("something to do")
			default:
				seen.hit("nothing to do")
			}
			if (len(r.Next) > 0) != can {
				t.Fatalf("%s is %s (%s), next is %v", r.Objective.ID, r.Status, r.Reason, r.Next)
			}
		}
	})
}

// Doing what next says mitigates the CO, and it is the smallest set of the lowest ids that does.
func TestNext(t *testing.T) {
	check(t, []string{
		"one", "several", "an assumption", "an assumption that carries", "both", "a violated one", "nothing",
	}, func(t *rapid.T, seen classes) {
		in := input(t)
		o := oracle{in}
		for _, r := range posture.Assess(in).Rows {
			if r.Status == posture.Mitigated {
				continue
			}
			if d := cmp.Diff(o.next(r.Objective), r.Next, cmpopts.EquateEmpty()); d != "" {
				t.Fatalf("next of %s (-want +got):\n%s", r.Objective.ID, d)
			}
			if len(r.Next) == 0 {
				seen.hit("nothing")
				continue
			}
			after := byID(posture.Assess(follow(in, r.Next)))[r.Objective.ID]
			if after.Status != posture.Mitigated {
				t.Fatalf("%s is %s (%s) after %v", r.Objective.ID, after.Status, after.Reason, r.Next)
			}
			first, last := r.Next[0].Kind(), r.Next[len(r.Next)-1].Kind()
			seen.hitIf(len(r.Next) == 1, "one")
			seen.hitIf(len(r.Next) > 1, "several")
			seen.hitIf(first == threat.KindAssumption, "an assumption")
			seen.hitIf(first == threat.KindAssumption && after.By == posture.ByControls, "an assumption that carries")
			seen.hitIf(first != last, "both")
			seen.hitIf(slices.ContainsFunc(in.Assumptions, func(a posture.Assumption) bool {
				return a.ID == r.Next[0] && a.State == threat.Violated
			}), "a violated one")
		}
	})
}

// With more carriers than are weighed against each other next still mitigates.
func TestNextOfManyCarriers(t *testing.T) {
	in := posture.Input{Objectives: []threat.Objective{{ID: co, Asset: "A1", Attacker: "T1", Tier: threat.LowTier}}, Now: now}
	for i := range 40 {
		id := threat.ID("C" + string(rune('1'+i/10)) + string(rune('0'+i%10)))
		in.Controls = append(in.Controls, open(id))
		in.Links = append(in.Links, posture.Link{Objective: co, Control: id, Group: 1})
	}
	for i := range 20 { // pairs, and one of four that comes last
		a := carrying(external(threat.ID("AS1"+string(rune('a'+i)))), in.Controls[2*i].ID, in.Controls[2*i+1].ID)
		if i == 19 {
			a.Carries = append(a.Carries, in.Controls[0].ID, in.Controls[1].ID)
		}
		in.Assumptions = append(in.Assumptions, a)
	}
	next := posture.Assess(in).Rows[0].Next
	if got := posture.Assess(follow(in, next)).Rows[0].Status; got != posture.Mitigated {
		t.Errorf("%s after %v", got, next)
	}
	if len(next) > 40-8 || !slices.Contains(next, "AS1t") {
		t.Errorf("%d ids, without the assumption that carries the most: %v", len(next), next)
	}
}

// An implemented control that is added makes no CO worse. In a group of its own or as defence in depth beside groups it does so
// whatever its runs say; where it joins the one group of a CO without groups, or makes the first, the evidence of the control
// becomes that of the CO: one that counts keeps it mitigated, a verified one keeps it verified.
func TestAddingAControl(t *testing.T) {
	check(t, []string{"group", "depth", "the one group", "better", "beside groups and failed"}, func(t *rapid.T, seen classes) {
		in := input(t)
		id := one(t, "CO", in.Objectives...).ID
		o := oracle{in}
		added := posture.Control{ID: "C50", Implemented: true, Verification: verification(t, "added"), Attested: oneIn(t, 2, "added attested")}
		link := posture.Link{Objective: id, Control: added.ID}
		if oneIn(t, 2, "group") {
			link.Group = 4
			seen.hit("group")
		} else {
			seen.hit("depth")
		}
		grouped := slices.ContainsFunc(in.Links, func(l posture.Link) bool { return l.Objective == id && l.Group > 0 })
		alone := len(o.groups(id)) == 0
		after := clone(in)
		after.Controls, after.Links = append(after.Controls, added), append(after.Links, link)
		then, rows := byID(posture.Assess(after)), posture.Assess(in).Rows
		for i := range rows {
			before, now := &rows[i], then[rows[i].Objective.ID]
			counts := !slices.Contains(unsound, added.Verification)
			allowed := rank(before)
			switch {
			case before.Objective.ID != id:
				if d := cmp.Diff(*before, *now); d != "" {
					t.Fatalf("another CO changed:\n%s", d)
				}
			case grouped || alone:
				seen.hitIf(!counts, "beside groups and failed")
			case counts:
				seen.hit("the one group")
				if added.Verification != evidence.Verified {
					allowed = min(allowed, 1)
				}
			default:
				allowed = 0
			}
			if rank(now) < allowed {
				t.Fatalf("%s was %s %s and is %s %s (%s)", id, before.Status, before.Assurance, now.Status, now.Assurance, now.Reason)
			}
			seen.hitIf(rank(now) > rank(before), "better")
		}
	})
}

// Taking something away that speaks for safety makes no CO better.
func TestRemovingEvidence(t *testing.T) {
	removals := map[string]func(*rapid.T, *posture.Input) bool{
		"implemented": func(t *rapid.T, in *posture.Input) bool {
			c := drawn(t, in.Controls)
			was := c.Implemented
			c.Implemented = false
			return was
		},
		"verified": func(t *rapid.T, in *posture.Input) bool {
			c := drawn(t, in.Controls)
			if c.Verification != evidence.Verified {
				return false
			}
			c.Verification = one(t, "instead", append(evidence.Verifications(), "")...)
			return true
		},
		"failed": func(t *rapid.T, in *posture.Input) bool {
			c := drawn(t, in.Controls)
			was := c.Verification
			c.Verification = one(t, "instead", unsound...)
			return !slices.Contains(unsound, was)
		},
		"weakened control": func(t *rapid.T, in *posture.Input) bool {
			c := drawn(t, in.Controls)
			was := c.Weakened
			c.Weakened = true
			return !was
		},
		"weakened CO": func(t *rapid.T, in *posture.Input) bool {
			in.Weakened = append(in.Weakened, drawn(t, in.Objectives).ID)
			return true
		},
		"attestation": func(t *rapid.T, in *posture.Input) bool {
			a := drawn(t, in.Assumptions)
			was := a.Attestation != nil
			a.Attestation = nil
			return was
		},
		"assumption verified": func(t *rapid.T, in *posture.Input) bool {
			a := drawn(t, in.Assumptions)
			was := a.Verification == evidence.Verified
			a.Verification = one(t, "instead", append(slices.Clone(unsound), evidence.Stale, evidence.Pending)...)
			return was
		},
		"active": func(t *rapid.T, in *posture.Input) bool {
			a := drawn(t, in.Assumptions)
			was := a.State == threat.Active
			a.State = one(t, "state", threat.Violated, threat.Retired, threat.Deleted)
			return was
		},
		"carries": func(t *rapid.T, in *posture.Input) bool {
			a := drawn(t, in.Assumptions)
			was := len(a.Carries) > 0
			a.Carries = nil
			return was
		},
		"time": func(_ *rapid.T, in *posture.Input) bool {
			in.Now = later.Add(2 * later.Sub(now))
			return true
		},
	}
	for name, remove := range removals {
		t.Run(name, func(t *testing.T) {
			check(t, []string{"removed", "one is worse"}, func(t *rapid.T, seen classes) {
				in := input(t)
				after := clone(in)
				if len(in.Controls) == 0 || len(in.Assumptions) == 0 || !remove(t, &after) {
					return
				}
				seen.hit("removed")
				then, rows := byID(posture.Assess(after)), posture.Assess(in).Rows
				for i := range rows {
					before, now := &rows[i], then[rows[i].Objective.ID]
					if rank(now) > rank(before) {
						t.Fatalf("%s is %s %s, and was %s %s (%s)",
							now.Objective.ID, now.Status, now.Assurance, before.Status, before.Assurance, before.Reason)
					}
					seen.hitIf(rank(now) < rank(before), "one is worse")
				}
			})
		})
	}
}

// drawn draws an element to change in place.
func drawn[T any](t *rapid.T, list []T) *T { return &list[upTo(t, len(list)-1, "element")] }

// Accepted risks change nothing but what is said beside the status.
func TestAcceptedIsNotMitigated(t *testing.T) {
	check(t, []string{"at risk", "unassessed", "mitigated"}, func(t *rapid.T, seen classes) {
		in := input(t)
		without := clone(in)
		without.Risks = nil
		then := byID(posture.Assess(without))
		for _, r := range posture.Assess(in).Rows {
			if r.Accepted != nil {
				seen.hitIf(r.Status == posture.AtRisk, "at risk")
				seen.hitIf(r.Status == posture.Unassessed, "unassessed")
				seen.hitIf(r.Status == posture.Mitigated, "mitigated")
			}
			r.Accepted, r.ReviewDue = nil, false
			if d := cmp.Diff(*then[r.Objective.ID], r); d != "" {
				t.Fatalf("(-without +with):\n%s", d)
			}
		}
	})
}

// An attestation that is over mitigates nothing: the model stands as if external assumptions had never been attested.
func TestExpiredNeverMitigates(t *testing.T) {
	check(t, []string{"expired", "lapsed", "one mattered"}, func(t *rapid.T, seen classes) {
		in := input(t)
		over, never := clone(in), clone(in)
		for i := range over.Assumptions {
			never.Assumptions[i].Attestation = nil
			a := over.Assumptions[i].Attestation
			switch {
			case a == nil:
			case oneIn(t, 2, "lapses"):
				a.Expires, a.Lapsed = later, "the text changed"
				seen.hit("lapsed")
			default:
				a.Expires, a.Lapsed = one(t, "over since", times[:3]...), ""
				seen.hit("expired")
			}
		}
		then, live := byID(posture.Assess(never)), byID(posture.Assess(in))
		for _, r := range posture.Assess(over).Rows {
			want := *then[r.Objective.ID]
			want.Reason, r.Reason = "", ""
			if d := cmp.Diff(want, r); d != "" {
				t.Fatalf("(-never +over):\n%s", d)
			}
			seen.hitIf(r.Status != live[r.Objective.ID].Status, "one mattered")
		}
	})
}

// The order of the input does not matter, and the input is not written to.
func TestOrder(t *testing.T) {
	check(t, []string{"several of everything"}, func(t *rapid.T, seen classes) {
		in := input(t)
		seen.hitIf(len(in.Objectives) > 1 && len(in.Controls) > 1 && len(in.Links) > 1 && len(in.Assumptions) > 1 && len(in.Risks) > 1, "several of everything")
		mixed := clone(in)
		shuffle(t, mixed.Objectives)
		shuffle(t, mixed.Controls)
		shuffle(t, mixed.Links)
		shuffle(t, mixed.Assumptions)
		shuffle(t, mixed.Risks)
		for i := range mixed.Assumptions {
			shuffle(t, mixed.Assumptions[i].Objectives)
			shuffle(t, mixed.Assumptions[i].Carries)
		}
		kept := clone(mixed)
		if d := cmp.Diff(posture.Assess(in), posture.Assess(mixed)); d != "" {
			t.Fatalf("(-in order +mixed):\n%s", d)
		}
		if d := cmp.Diff(kept, mixed); d != "" {
			t.Fatalf("the input was written to (-before +after):\n%s", d)
		}
	})
}

func shuffle[T any](t *rapid.T, list []T) {
	for i := len(list) - 1; i > 0; i-- {
		j := upTo(t, i, "place")
		list[i], list[j] = list[j], list[i]
	}
}

// Rows come gravest first, then by id, and every count of the summary is that of the rows that the filters let through.
func TestSummaryIsTheSumOfRows(t *testing.T) {
	yes := true
	check(t, []string{"several tiers", "accepted"}, func(t *rapid.T, seen classes) {
		in := input(t)
		p := posture.Assess(in)
		tiers := threat.Tiers()
		if !slices.IsSortedFunc(p.Rows, func(a, b posture.Row) int {
			if a.Objective.Tier != b.Objective.Tier {
				return slices.Index(tiers, a.Objective.Tier) - slices.Index(tiers, b.Objective.Tier)
			}
			return threat.CompareIDs(a.Objective.ID, b.Objective.ID)
		}) {
			t.Fatal("the rows are out of order")
		}
		count := func(f posture.Filter) int { return len(p.Filter(f)) }
		c := p.Summary.Objectives
		total := posture.StatusCounts{
			Mitigated: count(posture.Filter{Status: posture.Mitigated}), AtRisk: count(posture.Filter{Status: posture.AtRisk}),
			Unassessed: count(posture.Filter{Status: posture.Unassessed}),
		}
		if c.Total != len(in.Objectives) || c.Status != total || total.Mitigated+total.AtRisk+total.Unassessed != c.Total {
			t.Fatalf("%d COs, statuses %+v, of rows %+v", len(in.Objectives), c.Status, total)
		}
		sum := posture.TierCounts{}
		for i, got := range c.Tiers {
			want := posture.TierCounts{Tier: tiers[i]}
			want.Mitigated = count(posture.Filter{Tier: tiers[i], Status: posture.Mitigated})
			want.AtRisk = count(posture.Filter{Tier: tiers[i], Status: posture.AtRisk})
			want.Unassessed = count(posture.Filter{Tier: tiers[i], Status: posture.Unassessed})
			want.Claimed = count(posture.Filter{Tier: tiers[i], Assurance: posture.Claimed})
			want.Verified = count(posture.Filter{Tier: tiers[i], Assurance: posture.Verified})
			if got != want {
				t.Fatalf("%+v, want %+v", got, want)
			}
			sum.Claimed += got.Claimed
			sum.Verified += got.Verified
		}
		if c.Assurance != sum.AssuranceCounts || sum.Claimed+sum.Verified != c.Status.Mitigated || c.By[posture.ByControls]+c.By[posture.ByAssumption] != c.Status.Mitigated {
			t.Fatalf("assurance %+v of %d mitigated; by %v", c.Assurance, c.Status.Mitigated, c.By)
		}
		reasons := 0
		for r, n := range c.Reasons {
			reasons += n
			if n == 0 || n != count(posture.Filter{Reason: r}) {
				t.Fatalf("%d of reason %s", n, r)
			}
		}
		if reasons != c.Status.AtRisk+c.Status.Unassessed {
			t.Fatalf("%d reasons for %+v", reasons, c.Status)
		}
		var attested, weakened, unreachable, due int
		for _, r := range p.Rows {
			attested += b2i(r.Attested)
			weakened += b2i(r.Weakened)
			unreachable += b2i(!r.Objective.Reachable)
			due += b2i(r.ReviewDue)
		}
		want := posture.AcceptanceCounts{Total: count(posture.Filter{Accepted: &yes}), ReviewDue: due}
		if c.Attested != attested || c.Weakened != weakened || c.Unreachable != unreachable || c.Accepted != want {
			t.Fatalf("%+v; of rows attested %d, weakened %d, unreachable %d, accepted %+v", c, attested, weakened, unreachable, want)
		}
		live, verified := 0, 0
		for _, k := range in.Controls {
			if slices.ContainsFunc(in.Links, func(l posture.Link) bool { return l.Control == k.ID && l.Objective != "CO-A99-T99" }) {
				live++
				verified += b2i(k.Verification == evidence.Verified && !k.Weakened)
			}
		}
		k := p.Summary.Controls
		n := k.Weakened
		for _, v := range k.Verification {
			n += v
		}
		if k.Total != live || n != live || k.Status[threat.Implemented]+k.Status[threat.NotImplemented] != live || k.Verification[evidence.Verified] != verified {
			t.Fatalf("%+v, of %d live and %d verified", k, live, verified)
		}
		seen.hitIf(count(posture.Filter{Tier: p.Rows[0].Objective.Tier}) < c.Total, "several tiers")
		seen.hitIf(c.Accepted.Total > 0, "accepted")
	})
}

func b2i(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// A model of usual size, whose links collide in every table, stands as the specification says.
func TestLargeModel(t *testing.T) {
	in := large(1_000)
	o := oracle{in}
	rows := byID(posture.Assess(in))
	if len(rows) != 1_000 {
		t.Fatalf("%d rows", len(rows))
	}
	standings := map[string]bool{}
	for i := range in.Objectives {
		want, got := o.row(&in.Objectives[i]), *rows[in.Objectives[i].ID]
		got.Next = nil
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("(-want +got):\n%s", d)
		}
		standings[string(got.By)+string(got.Assurance)+string(got.Reason)] = true
	}
	for _, want := range []string{
		"controlsclaimed", "controlsverified", "assumptionclaimed", "missing_controls", "incomplete_group", "failed_evidence",
		"pending_attestation", "unassessed",
	} {
		if !standings[want] {
			t.Errorf("no %s among %v", want, standings)
		}
	}
}
