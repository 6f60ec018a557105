package service_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/redoubt-dev/redoubt/audit"
	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// The history of a model as the test sees it: only what was asked for and accepted. The statuses are folded from it from the
// beginning each time, by the words of specification §7.6, and compared with the stored ones.

// event is one accepted change.
type event struct {
	add    *claimed                  // an assertion was submitted
	delete threat.ID                 // an assertion was deleted
	status map[threat.ID]bool        // a control was called implemented, or not
	order  int64                     // of a counted run
	at     time.Time                 // of that run
	said   map[threat.ID][3]*verdict // by tier
}

// claimed is an assertion.
type claimed struct {
	id, control threat.ID
	facets      []threat.ID
	typ         evidence.Type
}

// verdict is what a run said of an assertion at one tier. An unchanged one says what was said before.
type verdict struct {
	pass      bool
	excerpt   string
	perFacet  map[threat.ID]bool // Tier 2
	order     int64
	at        time.Time
	unchanged bool
}

// The facets of the site's controls, and which types of the test prove which kind.
var (
	siteFacets = map[threat.ID][]threat.Facet{
		"C1": {{ID: "C1.a", Kind: threat.BehaviourFacet}, {ID: "C1.b", Kind: threat.AbsenceFacet}},
		"C2": {{ID: "C2.a", Kind: threat.StructureFacet}},
		"C3": {{ID: "C3.a", Kind: threat.BehaviourFacet}},
	}
	siteTypes = map[evidence.Type][]threat.FacetKind{
		evidence.FunctionExists: {threat.StructureFacet, threat.BehaviourFacet},
		evidence.PatternAbsent:  {threat.AbsenceFacet},
		evidence.FileExists:     {threat.StructureFacet},
	}
)

// expected is what a control's row must say.
type expected struct {
	Status      evidence.Verification
	Implemented bool
	Uncovered   []threat.ID
	Oldest      time.Time
}

// fold computes every control's state from the whole history.
func fold(history []event) map[threat.ID]expected {
	type item struct {
		claimed
		newest  [3]*verdict
		deleted bool
		owes    bool
	}
	items := map[threat.ID]*item{}
	var order []threat.ID
	implemented := map[threat.ID]bool{}
	proves := func(it *item, facet threat.ID) bool {
		for _, f := range siteFacets[it.control] {
			if f.ID == facet {
				return slices.Contains(it.facets, facet) && slices.Contains(siteTypes[it.typ], f.Kind)
			}
		}
		return false
	}
	coherent := func(it *item) bool {
		return slices.ContainsFunc(it.facets, func(f threat.ID) bool { return proves(it, f) })
	}
	failedAt := func(it *item) (n int64) {
		for _, v := range it.newest {
			if v != nil && !v.pass {
				n = max(n, v.order)
			}
		}
		return n
	}
	settle := func() {
		for _, id := range order {
			if d := items[id]; d.owes {
				d.owes = slices.ContainsFunc(d.facets, func(f threat.ID) bool {
					return !slices.ContainsFunc(order, func(other threat.ID) bool {
						it := items[other]
						return !it.deleted && proves(it, f) && it.newest[1] != nil && it.newest[1].pass && it.newest[1].order > failedAt(d) &&
							(it.newest[2] == nil || it.newest[2].pass)
					})
				})
			}
		}
		for c := range implemented {
			if !slices.ContainsFunc(order, func(id threat.ID) bool { return items[id].control == c && !items[id].deleted && coherent(items[id]) }) {
				implemented[c] = false
			}
		}
	}
	for _, e := range history {
		switch {
		case e.add != nil:
			items[e.add.id] = &item{claimed: *e.add}
			order = append(order, e.add.id)
		case e.delete != "":
			it := items[e.delete]
			it.deleted, it.owes = true, failedAt(it) > 0
		case e.status != nil:
			for c, v := range e.status {
				implemented[c] = v
			}
		default:
			for id, said := range e.said {
				for tier, v := range said {
					it := items[id]
					if v == nil || it.deleted || it.newest[tier] != nil && it.newest[tier].order > e.order {
						continue
					}
					now := *v
					if v.unchanged { // it repeats what held when it came
						if it.newest[tier] == nil {
							continue
						}
						now = *it.newest[tier]
					}
					now.order, now.at = e.order, e.at
					it.newest[tier] = &now
				}
			}
		}
		settle()
	}
	out := map[threat.ID]expected{}
	for c, facets := range siteFacets {
		x := expected{Implemented: implemented[c]}
		any, owes, failed, incoherent, passed, all := false, false, false, false, false, true
		covered, judged := map[threat.ID]bool{}, map[threat.ID]bool{}
		for _, id := range order {
			it := items[id]
			if it.control != c {
				continue
			}
			if it.deleted {
				owes = owes || it.owes
				continue
			}
			any = true
			incoherent = incoherent || !coherent(it)
			one, two := it.newest[1], it.newest[2]
			for _, v := range []*verdict{one, two} {
				if v == nil {
					continue
				}
				failed, passed = failed || !v.pass, passed || v.pass
				if x.Oldest.IsZero() || v.at.Before(x.Oldest) {
					x.Oldest = v.at
				}
			}
			all = all && one != nil && one.pass
			for _, f := range it.facets {
				covered[f] = covered[f] || proves(it, f)
				judged[f] = judged[f] || proves(it, f) && one != nil && one.pass && two != nil && two.pass && two.perFacet[f] && two.excerpt == one.excerpt
			}
		}
		complete := x.Implemented && all
		for _, f := range facets {
			if !covered[f.ID] && any {
				x.Uncovered = append(x.Uncovered, f.ID)
			}
			complete = complete && judged[f.ID]
		}
		switch {
		case !any && !owes:
			x.Status = evidence.None
		case failed || owes:
			x.Status = evidence.Failed
		case incoherent:
			x.Status = evidence.Incoherent
		case len(x.Uncovered) > 0 || !any:
			x.Status = evidence.InsufficientStatus
		case complete:
			x.Status = evidence.Verified
		case passed:
			x.Status = evidence.Partial
		default:
			x.Status = evidence.Pending
		}
		out[c] = x
	}
	return out
}

// historian makes random events on a model and keeps them.
type historian struct {
	*site
	rt      *rapid.T
	fail    func(format string, args ...any)
	history []event
	live    []claimed
	pulls   []evidence.Pull // not yet answered
	orders  map[string]int64
	issued  int64
	names   int
	seen    map[evidence.Verification]bool
}

func (h *historian) draw(n int, what string) int { return rapid.IntRange(0, n-1).Draw(h.rt, what) }

func (h *historian) submitOne() {
	if len(h.live) == 6 { // few enough that every status is met
		h.deleteOne()
		return
	}
	c := rapid.SampledFrom([]threat.ID{"C1", "C1", "C2", "C3"}).Draw(h.rt, "control")
	typ := rapid.SampledFrom([]evidence.Type{evidence.FunctionExists, evidence.PatternAbsent, evidence.FileExists}).Draw(h.rt, "type")
	if h.draw(4, "fitting type") > 0 { // most of them fit
		fits := rapid.SampledFrom([]evidence.Type{evidence.FunctionExists, evidence.PatternAbsent}).Draw(h.rt, "C1")
		typ = map[threat.ID]evidence.Type{"C1": fits, "C2": evidence.FunctionExists, "C3": evidence.FunctionExists}[c]
	}
	facets := []threat.ID{"C1.a", "C1.b"}
	if c != "C1" {
		facets = []threat.ID{c + ".a"}
	} else if n := h.draw(4, "facets"); n < 2 {
		facets = facets[n : n+1]
	}
	h.names++
	file := fmt.Sprintf("f%d.go", h.names)
	p := map[evidence.Type]evidence.Params{
		evidence.FunctionExists: {"file": file, "name": "F"}, evidence.FileExists: {"file": file},
		evidence.PatternAbsent: {"file": file, "pattern": "x", "witness": "x"},
	}[typ]
	id := h.submit(service.NewAssertion{Type: typ, Control: c, Facets: facets, Params: p}).Assertions[0].ID
	one := claimed{id, c, facets, typ}
	h.live = append(h.live, one)
	h.history = append(h.history, event{add: &one})
}

func (h *historian) deleteOne() {
	if len(h.live) == 0 {
		return
	}
	i := h.draw(len(h.live), "deleted")
	must(h.DeleteAssertion(ctx, h.who, service.DeleteAssertionIn{ModelID: h.model, Assertion: h.live[i].id, Reason: "x"}))(h.t)
	h.history = append(h.history, event{delete: h.live[i].id})
	h.live = slices.Delete(h.live, i, i+1)
}

func (h *historian) setStatus() {
	c := rapid.SampledFrom([]threat.ID{"C1", "C2", "C3"}).Draw(h.rt, "control")
	to := threat.Implemented
	if h.draw(5, "status") == 0 {
		to = threat.NotImplemented
	}
	_, err := h.UpdateControlStatus(ctx, h.who, service.UpdateControlStatusIn{ModelID: h.model, Control: c, Status: to})
	if err != nil {
		code(h.t, err, threat.FailedPrecondition)
		return
	}
	h.history = append(h.history, event{status: map[threat.ID]bool{c: to == threat.Implemented}})
}

func (h *historian) pullOne() {
	p := must(h.PullAssertions(ctx, h.ci, service.PullAssertionsIn{ModelID: h.model, Pending: h.draw(6, "pending") == 0}))(h.t)
	h.issued++
	h.orders[p.Nonce] = h.issued
	h.pulls = append(h.pulls, p)
}

// runOne answers a pull, the newest one mostly, on the branch that counts mostly.
func (h *historian) runOne() {
	if len(h.pulls) == 0 || h.draw(3, "fresh") > 0 {
		h.pullOne()
	}
	i := len(h.pulls) - 1
	if h.draw(4, "late") == 0 {
		i = h.draw(len(h.pulls), "which")
	}
	pull := h.pulls[i]
	h.pulls = slices.Delete(h.pulls, i, i+1)
	e := event{order: h.orders[pull.Nonce], at: h.clock.Now(), said: map[threat.ID][3]*verdict{}}
	says := map[threat.ID]say{}
	p := predicate(pull, nil)
	p.Results = nil
	now := map[threat.ID]*store.Assertion{}
	testenv.Read(h.t, h.st, func(v *store.Snapshot) error {
		list, err := v.Assertions(h.who.WorkspaceID, h.model)
		for i := range list {
			now[list[i].ID] = &list[i]
		}
		return err
	})
	for _, a := range pull.Assertions {
		y := say{code: rapid.SampledFrom([]string{"v1", "v2"}).Draw(h.rt, "code")}
		switch h.draw(10, "verdict") {
		case 0:
			y.one = evidence.Fail
		case 1:
			y.two = evidence.Skipped
		case 2:
			y.two = evidence.Fail
		}
		says[a.ID] = y
		results := answer(a, y)
		one := &verdict{pass: y.one != evidence.Fail, excerpt: hash(y.code)}
		var two *verdict
		if one.pass && y.two != evidence.Skipped {
			two = &verdict{pass: y.two != evidence.Fail, excerpt: one.excerpt, perFacet: map[threat.ID]bool{}}
			for k, f := range a.Facets {
				ok := two.pass && (k == 0 || h.draw(3, "facet") > 0)
				two.perFacet[f] = ok
				if !ok {
					results[1].Facets[f] = evidence.Fail
				}
			}
		}
		// Say unchanged where the server lets one.
		if held := now[a.ID]; held != nil && one.pass && h.draw(3, "unchanged") == 0 {
			if held.Tier1 != nil && held.Tier1.Verdict == evidence.Pass && evidence.MayCarry(held.Tier1, results[0]) {
				results[0].Verdict, one.unchanged = evidence.Unchanged, true
			}
			if two != nil && evidence.MayCarry(held.Tier2, results[1]) {
				results[1].Verdict, two.unchanged = evidence.Unchanged, true
			}
		}
		p.Results = append(p.Results, results...)
		e.said[a.ID] = [3]*verdict{1: one, 2: two}
	}
	counts := h.draw(5, "branch") > 0
	if !counts {
		p.Branch = "topic"
	}
	out, err := h.send(p)
	if err != nil {
		h.fail("run %d: %v", e.order, err)
	}
	if out.Counted != counts {
		h.fail("counted: %v", out.Counted)
	}
	if counts {
		h.history = append(h.history, e)
	}
}

// check compares what is stored with the fold, and what a reader is told with both and the time.
func (h *historian) check() {
	want := fold(h.history)
	got := map[threat.ID]expected{}
	for id, c := range h.stored() {
		x := expected{Status: c.Evidence.Status, Implemented: c.Status == threat.Implemented}
		for _, g := range c.Evidence.Sufficiency.Uncovered {
			x.Uncovered = append(x.Uncovered, g.Facet)
		}
		if c.Evidence.Oldest != nil {
			x.Oldest = *c.Evidence.Oldest
		}
		if c.Evidence.Attested {
			h.fail("%s is attested, and no run came with a proof", id)
		}
		got[id] = x
		h.seen[x.Status] = true
	}
	if diff := cmp.Diff(want, got); diff != "" {
		h.fail("after %d events the fold and the store differ (-fold +store):\n%s", len(h.history), diff)
	}
	for _, row := range h.controls(h.t, h.model, service.GetControlsIn{}) {
		x := want[row.ID]
		shown := x.Status
		if i := slices.Index(evidence.Verifications(), shown); i > 4 && !x.Oldest.IsZero() && h.clock.Now().Sub(x.Oldest) > evidence.StaleAfter {
			shown = evidence.Stale
		}
		h.seen[shown] = true
		if row.Verification != shown {
			h.fail("%s is shown as %s, want %s", row.ID, row.Verification, shown)
		}
	}
}

// audit checks the audit package of the model: what it says of controls follows from its runs.
func (h *historian) audit() {
	out := must(h.ExportAuditPackage(ctx, h.who, service.ExportAuditPackageIn{ModelID: h.model}))(h.t)
	p, c, err := audit.Read(out.Package)
	if err != nil {
		h.fail("%v", err)
	}
	if r, _ := audit.Check(p, c, audit.Options{At: h.clock.Now()}); r.Failed() {
		h.fail("after %d events the package fails: %+v", len(h.history), r.Problems[:min(5, len(r.Problems))])
	}
}

func (h *historian) step() {
	h.clock.Advance(time.Millisecond) // no two events at one time
	switch n := h.draw(20, "event"); {
	case n < 4:
		h.submitOne()
	case n < 7:
		h.deleteOne()
	case n < 10:
		h.setStatus()
	case n < 11:
		h.pullOne()
	case n < 13: // within a nonce's life mostly, so that late runs come
		if h.draw(8, "month") == 0 {
			h.clock.Advance(31 * 24 * time.Hour)
			h.pulls = nil // their nonces are dead
		} else {
			h.clock.Advance(time.Second)
		}
	default:
		h.runOne()
	}
}

func newHistorian(s *site, rt *rapid.T, fail func(string, ...any)) *historian {
	own := &site{bench: s.bench, t: s.t, model: addSite(s.t, s.bench), ci: s.ci}
	return &historian{site: own, rt: rt, fail: fail, orders: map[string]int64{}, seen: map[evidence.Verification]bool{}}
}

// What is stored of every control after any events is what follows from the events alone.
func TestStatusIsAFoldOfTheEvents(t *testing.T) {
	s := newSite(t)
	rapid.Check(t, func(rt *rapid.T) {
		h := newHistorian(s, rt, rt.Fatalf)
		for range rapid.IntRange(1, 12).Draw(rt, "events") {
			h.step()
		}
		h.check()
	})
}

// The same along one history of 500 events, which meets every status. The draws are the same in each run.
func TestStatusAfter500Events(t *testing.T) {
	events := 500
	if testing.Short() {
		events = 120
	}
	s := newSite(t)
	var seen map[evidence.Verification]bool
	rapid.Custom(func(rt *rapid.T) int {
		h := newHistorian(s, rt, t.Fatalf)
		for i := range events {
			h.step()
			if i%5 == 4 || i == events-1 {
				h.check()
			}
		}
		seen = h.seen
		h.audit()
		return len(h.history)
	}).Example(1)
	if testing.Short() {
		return
	}
	for _, v := range evidence.Verifications() {
		if !seen[v] {
			t.Errorf("no control was ever %s", v)
		}
	}
}
