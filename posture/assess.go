package posture

import (
	"cmp"
	"math"
	"slices"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/threat"
)

// Assess computes the posture of a model. Time and memory grow with the length of the input.
//
// A CO is [Mitigated] by a group when each member counts: it is implemented and its verification is known and neither failed nor
// incoherent, or an assumption that holds carries it. Links in group 0 never mitigate, save that a CO with links in group 0
// alone has one group of all of them. Unreachable COs follow the same rules as all others: their boundary assumption has to be
// attested.
//
// A member is verified when it is implemented and its verification is [evidence.Verified], or when a verified non-applicability
// carries it; but never while it is weakened. It is attested when the runs that make it so all carried a proof: what rests on
// the word of a person alone, or has no runs, is not.
//
// Next of a CO that is not mitigated is the smallest set of ids that would mitigate it; of several the lowest ids, assumptions
// before controls. A control in it is to be implemented, its failed or incoherent evidence mended; an external assumption is to be
// attested, a non-applicability to be verified. Violated assumptions are named only where nothing else is left, since what was
// seen to be wrong is no way to safety. Next is empty exactly where the CO has no control and no assumption that is active or
// violated: controls have to be added. With more than [maxCarriers] open assumptions carrying members of one group it may
// exceed the smallest.
func Assess(in Input) *Posture {
	f := &fold{in: &in}
	f.order()
	f.controls()
	f.assumptions()
	f.links()
	f.risks()
	for _, co := range in.Weakened {
		if k := f.rowOf.find(co); k >= 0 {
			f.rows[k].Weakened = true
		}
	}
	sum := newTally(len(f.rows))
	for k := range f.rows {
		f.assess(k)
		sum.add(&f.rows[k])
	}
	return &Posture{Rows: f.rows, Summary: Summary{Objectives: sum.counts(), Controls: f.countControls()}}
}

// fold is the work of one Assess. Rows, members and premises are known by their places in the lists.
type fold struct {
	in       *Input
	rows     []Row
	rowOf    index
	members  []member // of Input.Controls, then those that only links or assumptions name
	memberOf map[threat.ID]int32
	premises []premise // assumptions that are not deleted, in id order

	linksOf    lists[link]  // per row
	premisesOf lists[int32] // per row, in id order

	ids    []threat.ID // the Next of rows lie in it one after another
	search search
}

// member is a control as its groups see it.
type member struct {
	id       threat.ID
	number   int     // of the id, to compare by
	open     []int32 // active premises that would carry it if they held, in id order
	status   *Control
	inPlace  bool // implemented, or carried by an assumption that holds
	counts   bool // as its groups ask for it
	verified bool
	attested bool
	weakened bool
	linked   bool // to a CO of the model
}

// premise is an assumption as COs see it.
type premise struct {
	id       threat.ID
	holds    bool
	verified bool   // holds by evidence instead of a person's word
	attested bool   // the evidence of a verified one
	open     bool   // active, and it holds once it is attested or verified
	violated bool   // and it can hold again
	reason   Reason // why it does not hold; "" when it is retired, or of no known state or kind
}

// link is a control in a group of a CO.
type link struct {
	group  int32
	member int32
}

// lists holds one list per row in one array.
type lists[T any] struct {
	start []int32
	items []T
}

// newLists gives the i-th item to row at[i], or to none where that is negative. The order within a row is kept.
func newLists[T any](rows int, at []int32, items []T) lists[T] {
	l := lists[T]{start: make([]int32, rows+1), items: make([]T, len(items))}
	for _, k := range at {
		if k >= 0 {
			l.start[k+1]++
		}
	}
	for k := range rows {
		l.start[k+1] += l.start[k]
	}
	for i, k := range at {
		if k >= 0 {
			l.items[l.start[k]] = items[i]
			l.start[k]++ // the start of k becomes that of k+1, which the loop below puts right
		}
	}
	for k := rows; k > 0; k-- {
		l.start[k] = l.start[k-1]
	}
	l.start[0] = 0
	return l
}

func (l *lists[T]) of(row int) []T { return l.items[l.start[row]:l.start[row+1]] }

// order makes the rows, gravest tier first and then by id. COs come in id order as a rule, so that they need no sorting.
func (f *fold) order() {
	type place struct {
		tier            uint8
		asset, attacker int32
		i               int32
	}
	cos := f.in.Objectives
	places := make([]place, len(cos))
	var tiers [5]int
	asset := 0 // the number of that of the CO before: those of one asset come together as a rule
	for i := range cos {
		co := &cos[i]
		if i == 0 || co.Asset != cos[i-1].Asset {
			asset = co.Asset.Number()
		}
		places[i] = place{tierRank(co.Tier), int32(asset), int32(co.Attacker.Number()), int32(i)}
		tiers[places[i].tier]++
	}
	byID := func(a, b place) int {
		return cmp.Or(cmp.Compare(a.asset, b.asset), cmp.Compare(a.attacker, b.attacker), cmp.Compare(cos[a.i].ID, cos[b.i].ID))
	}
	if !slices.IsSortedFunc(places, byID) {
		slices.SortFunc(places, byID)
	}
	var next [5]int // where the next row of a tier goes
	for t := 1; t < len(next); t++ {
		next[t] = next[t-1] + tiers[t-1]
	}
	f.rows = make([]Row, len(cos))
	f.rowOf = newIndex(f.rows)
	for _, p := range places {
		k := next[p.tier]
		next[p.tier]++
		f.rows[k].Objective = &cos[p.i]
		f.rowOf.add(int32(k))
	}
}

// tierRank orders tiers, gravest first. One that is not known may be the gravest.
func tierRank(t threat.Tier) uint8 {
	switch t {
	case threat.Critical:
		return 1
	case threat.HighTier:
		return 2
	case threat.MediumTier:
		return 3
	case threat.LowTier:
		return 4
	}
	return 0
}

func (f *fold) controls() {
	f.members = make([]member, len(f.in.Controls), len(f.in.Controls)+1)
	f.memberOf = make(map[threat.ID]int32, len(f.in.Controls))
	for i := range f.in.Controls {
		c := &f.in.Controls[i]
		counts := c.Implemented && sound(c.Verification)
		f.members[i] = member{
			id: c.ID, number: c.ID.Number(), status: c,
			inPlace: c.Implemented, counts: counts, weakened: c.Weakened,
			verified: counts && c.Verification == evidence.Verified && !c.Weakened, attested: counts && c.Attested,
		}
		f.memberOf[c.ID] = int32(i)
	}
}

// sound reports whether a control with this verification counts. Failed, incoherent and what is not known do not.
func sound(v evidence.Verification) bool {
	switch v {
	case evidence.None, evidence.InsufficientStatus, evidence.Stale, evidence.Verified, evidence.Partial, evidence.Pending:
		return true
	}
	return false
}

// member returns the place of a control. One that nobody described is not implemented.
func (f *fold) member(id threat.ID) int32 {
	m, ok := f.memberOf[id]
	if !ok {
		m = int32(len(f.members))
		f.members = append(f.members, member{id: id, number: id.Number()})
		f.memberOf[id] = m
	}
	return m
}

// assumptions makes the premises, links them to their COs and lets them carry their controls.
func (f *fold) assumptions() {
	list := make([]*Assumption, 0, len(f.in.Assumptions))
	linked := 0
	for i := range f.in.Assumptions {
		if a := &f.in.Assumptions[i]; a.State != threat.Deleted {
			list = append(list, a)
			linked += len(a.Objectives)
		}
	}
	slices.SortFunc(list, func(a, b *Assumption) int { return threat.CompareIDs(a.ID, b.ID) })
	f.premises = make([]premise, len(list))
	at, items := make([]int32, 0, linked), make([]int32, 0, linked)
	for i, a := range list {
		p := f.premise(a)
		f.premises[i] = p
		for _, co := range a.Objectives {
			if k := f.rowOf.find(co); k >= 0 {
				at, items = append(at, k), append(items, int32(i))
			}
		}
		if !p.holds && !p.open {
			continue
		}
		for _, id := range a.Carries {
			m := &f.members[f.member(id)]
			if p.holds {
				m.carry(&p)
			} else {
				m.open = append(m.open, int32(i))
			}
		}
	}
	f.premisesOf = newLists(len(f.rows), at, items)
}

func (f *fold) premise(a *Assumption) premise {
	p := premise{id: a.ID, holds: a.Holds(f.in.Now)}
	switch {
	case a.State == threat.Violated:
		p.reason = AssumptionViolated
		p.violated = a.Kind == threat.External || a.Kind == threat.NonApplicability
	case a.State != threat.Active:
	case a.Kind == threat.External:
		p.open = !p.holds
		p.reason = PendingAttestation
		if a.Attestation != nil {
			p.reason = ExpiredAttestation
		}
	case a.Kind == threat.NonApplicability:
		p.open = !p.holds
		p.verified = p.holds
		p.attested = a.Attested
		switch {
		case a.Verification == evidence.Stale:
			p.reason = ExpiredAttestation
		case sound(a.Verification):
			p.reason = PendingAttestation
		default:
			p.reason = FailedEvidence
		}
	}
	return p
}

// carry lets a premise that holds stand for the control. Of several ways to count, its own evidence included, the best is taken:
// verified before claimed, attested before not.
func (m *member) carry(p *premise) {
	verified := p.verified && !m.weakened
	if !m.counts || verified && !m.verified {
		m.verified, m.attested = verified, p.attested
	} else if verified == m.verified {
		m.attested = m.attested || p.attested
	}
	m.inPlace, m.counts = true, true
}

// links gives every row its links, ordered by group and control.
func (f *fold) links() {
	at, items := make([]int32, len(f.in.Links)), make([]link, len(f.in.Links))
	var last threat.ID // links of one CO come together as a rule
	row := int32(-1)
	for i := range f.in.Links {
		l := &f.in.Links[i]
		if i == 0 || l.Objective != last {
			last, row = l.Objective, f.rowOf.find(l.Objective)
		}
		at[i] = row
		if row >= 0 {
			m := f.member(l.Control)
			f.members[m].linked = true
			items[i] = link{int32(min(max(l.Group, 0), math.MaxInt32)), m}
		}
	}
	f.linksOf = newLists(len(f.rows), at, items)
	order := func(a, b link) int {
		return cmp.Or(cmp.Compare(a.group, b.group), f.compareMembers(a.member, b.member))
	}
	for k := range f.rows {
		if list := f.linksOf.of(k); !slices.IsSortedFunc(list, order) {
			slices.SortFunc(list, order)
		}
	}
}

func (f *fold) compareMembers(a, b int32) int {
	if c := cmp.Compare(f.members[a].number, f.members[b].number); c != 0 || a == b {
		return c
	}
	return threat.CompareIDs(f.members[a].id, f.members[b].id)
}

func (f *fold) risks() {
	for i := range f.in.Risks {
		r := &f.in.Risks[i]
		k := f.rowOf.find(r.Objective)
		if k < 0 || !r.Live(f.in.Now) {
			continue
		}
		row := &f.rows[k]
		if row.Accepted == nil || compareRisks(r, row.Accepted) < 0 {
			row.Accepted, row.ReviewDue = r, r.Due(f.in.Now)
		}
	}
}

// compareRisks orders the acceptances of a CO: the one to review first comes first, and nothing is left to the order of the input.
func compareRisks(a, b *Risk) int {
	return cmp.Or(a.ReviewBy.Compare(b.ReviewBy), a.Expires.Compare(b.Expires),
		cmp.Compare(a.Owner, b.Owner), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Decider, b.Decider))
}

// groups cuts the links of a row into its groups, with 1 for the number of the one group of a CO without any, and calls fn with
// each.
func groups(links []link, fn func(number int, members []link)) {
	if len(links) == 0 {
		return
	}
	if links[len(links)-1].group == 0 {
		fn(1, links)
		return
	}
	for len(links) > 0 {
		n := 1
		for n < len(links) && links[n].group == links[0].group {
			n++
		}
		if links[0].group > 0 {
			fn(int(links[0].group), links[:n])
		}
		links = links[n:]
	}
}

// standing is what the members of a group come to.
type standing struct {
	some, all                            bool // in place
	complete, verified, attested, weaker bool
}

func (f *fold) standing(members []link) standing {
	s := standing{all: true, complete: true, verified: true, attested: true}
	for _, l := range members {
		m := &f.members[l.member]
		s.some = s.some || m.inPlace
		s.all = s.all && m.inPlace
		s.complete = s.complete && m.counts
		s.verified = s.verified && m.verified
		s.attested = s.attested && m.attested
		s.weaker = s.weaker || m.weakened
	}
	return s
}

// assess decides one row.
func (f *fold) assess(k int) {
	row, links, premises := &f.rows[k], f.linksOf.of(k), f.premisesOf.of(k)
	var best standing
	some, all := false, false
	groups(links, func(number int, members []link) {
		s := f.standing(members)
		some, all = some || s.some, all || s.all
		if s.complete && (!best.complete || s.verified && !best.verified) {
			best, row.Group = s, number
		}
	})
	if best.complete {
		row.Status, row.By, row.Assurance = Mitigated, ByControls, Claimed
		row.Attested = best.attested
		row.Weakened = row.Weakened || best.weaker
		if best.verified && !row.Weakened {
			row.Assurance = Verified
		}
		return
	}
	var holds *premise
	for _, i := range premises {
		if p := &f.premises[i]; p.holds && (holds == nil || p.verified && !holds.verified) {
			holds = p
		}
	}
	switch {
	case holds != nil:
		row.Status, row.By, row.Assurance = Mitigated, ByAssumption, Claimed
		row.Assumption, row.Attested = holds.id, holds.attested
		return
	case len(links) == 0 && len(premises) == 0:
		row.Status, row.Reason = Unassessed, ReasonUnassessed
		return
	}
	row.Status = AtRisk
	switch {
	case len(links) == 0:
		row.Reason = f.premiseReason(premises)
	case !some:
		row.Reason = MissingControls
	case !all:
		row.Reason = IncompleteGroup
	default:
		row.Reason = FailedEvidence
	}
	row.Next = f.next(links, premises)
}

// premiseReason is the reason of a CO without controls.
func (f *fold) premiseReason(premises []int32) Reason {
	for _, r := range [...]Reason{FailedEvidence, PendingAttestation, ExpiredAttestation, AssumptionViolated} {
		for _, i := range premises {
			if f.premises[i].reason == r {
				return r
			}
		}
	}
	return MissingControls
}

func (f *fold) countControls() ControlCounts {
	out := ControlCounts{Status: map[threat.ControlStatus]int{}, Verification: map[evidence.Verification]int{}}
	for i := range f.members {
		m := &f.members[i]
		if !m.linked || m.status == nil {
			continue
		}
		out.Total++
		if m.status.Implemented {
			out.Status[threat.Implemented]++
		} else {
			out.Status[threat.NotImplemented]++
		}
		if m.weakened && m.status.Verification == evidence.Verified {
			out.Weakened++
		} else {
			out.Verification[m.status.Verification]++
		}
	}
	return out
}
