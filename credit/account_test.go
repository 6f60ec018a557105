package credit_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/redoubt-dev/redoubt/credit"
	"github.com/redoubt-dev/redoubt/threat"
)

func at(month time.Month, day, hour int) time.Time {
	return time.Date(2028, month, day, hour, 0, 0, 0, time.UTC) // a leap year
}

// coins is a slow and simple model of an account: every credit is a coin of its own, and time passes from one thing that happens by itself
// to the next.
type coins struct {
	now    time.Time
	plan   credit.Plan
	trial  time.Time
	list   []coin
	beyond int // what was used this month while the plan was unlimited
	until  map[string]time.Time
}

type coin struct {
	pack  bool
	month time.Time // of an allowance
	held  string    // by which call
	spent bool
}

func (c *coins) plans() (int, bool) {
	if c.plan == credit.Organization {
		return 0, false
	}
	if c.plan == credit.Pro || c.now.Before(c.trial) {
		return 1500, true
	}
	return 200, true
}

// fit adds or removes coins, so that what was spent, is held and is free of the month's allowance comes to what the plan has.
func (c *coins) fit() {
	most, limited := c.plans()
	month, used := credit.Month(c.now), c.beyond
	var free []int
	for i, k := range c.list {
		switch {
		case k.pack:
		case k.spent || k.held != "":
			if k.month.Equal(month) {
				used++
			}
		default:
			free = append(free, i)
		}
	}
	want := 0
	if limited {
		want = max(0, most-used)
	}
	keep := 0
	for _, i := range free {
		if c.list[i].month.Equal(month) && keep < want {
			keep++
			continue
		}
		c.list[i].spent, c.list[i].month = true, time.Time{} // it is gone
	}
	for range want - keep {
		c.list = append(c.list, coin{month: month})
	}
	c.list = slices.DeleteFunc(c.list, func(k coin) bool { return k.spent && (k.pack || !k.month.Equal(month)) })
}

// pass lets time pass.
func (c *coins) pass(to time.Time) {
	for c.now.Before(to) {
		next := to
		events := []time.Time{c.trial, credit.NextMonth(c.now)}
		for _, u := range c.until {
			events = append(events, u)
		}
		for _, e := range events {
			if e.After(c.now) && e.Before(next) {
				next = e
			}
		}
		if !credit.Month(next).Equal(credit.Month(c.now)) {
			c.beyond = 0
		}
		c.now = next
		for id, u := range c.until {
			if !c.now.Before(u) {
				c.free(id)
			}
		}
		c.fit()
	}
}

func (c *coins) free(id string) {
	for i := range c.list {
		if c.list[i].held == id {
			c.list[i].held = ""
		}
	}
	delete(c.until, id)
}

func (c *coins) count(pack bool, held bool) (n int) {
	for _, k := range c.list {
		if k.pack == pack && !k.spent && (k.held != "") == held {
			n++
		}
	}
	return n
}

// take lets fn have coins, free ones of the allowance first or those of a call, and returns how many there were.
func (c *coins) take(n int, of string, fn func(*coin)) (taken int) {
	for _, pack := range []bool{false, true} {
		for i := range c.list {
			if k := &c.list[i]; taken < n && k.pack == pack && !k.spent && k.held == of {
				fn(k)
				taken++
			}
		}
	}
	return taken
}

func (c *coins) reserve(id string, n int, until time.Time) bool {
	if _, limited := c.plans(); !limited {
		return true
	}
	if c.count(false, false)+c.count(true, false) < n {
		return false
	}
	c.take(n, "", func(k *coin) { k.held = id })
	c.until[id] = until
	c.fit()
	return true
}

func (c *coins) settle(id string, n int) int {
	spend := func(k *coin) { k.spent, k.held = true, "" }
	done := 0
	if _, ok := c.until[id]; ok {
		done = c.take(n, id, spend)
		c.free(id)
	}
	c.fit()
	if _, limited := c.plans(); !limited {
		c.beyond += n - done
		c.fit()
		return n
	}
	done += c.take(n-done, "", spend)
	c.fit()
	return done
}

// ledger adds up what the entries say.
type ledger struct{ allowance, packs int }

func (l *ledger) add(t *rapid.T, entries []credit.Entry) {
	for _, e := range entries {
		l.allowance += e.Allowance
		l.packs += e.Packs
		if l.allowance < 0 || l.packs < 0 {
			t.Fatalf("the ledger falls to %+v by %+v", *l, e)
		}
		if e.Allowance == 0 && e.Packs == 0 {
			t.Fatalf("an entry of nothing: %+v", e)
		}
		sign := e.Allowance + e.Packs
		if gives := e.Kind != credit.Expired && e.Kind != credit.Spent && e.Kind != credit.Refunded; gives != (sign > 0) || e.Allowance*e.Packs < 0 {
			t.Fatalf("an entry %+v", e)
		}
	}
}

// Whatever happens in whatever order, an account is where the model of coins is, nothing is ever negative, and the ledger adds up to what is
// there.
func TestAccountAgainstCoins(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := rapid.SampledFrom([]time.Time{at(1, 1, 0), at(1, 31, 23), at(2, 28, 12), at(2, 29, 23), at(12, 31, 23), at(6, 15, 1)}).Draw(t, "start")
		a := credit.New(now)
		m := &coins{now: now, plan: credit.Free, until: map[string]time.Time{}}
		m.fit()
		var l ledger
		l.add(t, a.Turn(now))
		calls := 0
		var open []string
		t.Repeat(map[string]func(*rapid.T){
			"pass": func(t *rapid.T) {
				by := rapid.SampledFrom([]time.Duration{time.Second, time.Minute, time.Hour, 23 * time.Hour, 9 * 24 * time.Hour, 31 * 24 * time.Hour, 70 * 24 * time.Hour})
				now = now.Add(by.Draw(t, "by"))
				m.pass(now)
				if rapid.Bool().Draw(t, "turned") {
					l.add(t, a.Turn(now))
				}
			},
			"reserve": func(t *rapid.T) {
				calls++
				id, n := fmt.Sprint(calls), rapid.IntRange(0, 400).Draw(t, "credits")
				until := now.Add(rapid.SampledFrom([]time.Duration{30 * time.Second, time.Hour, 40 * 24 * time.Hour}).Draw(t, "until"))
				before, packs := a.Left(now)
				entries, err := a.Reserve(now, id, n, until)
				l.add(t, entries)
				var short *credit.Short
				if fits := m.reserve(id, n, until); fits != (err == nil) || !fits && !errors.As(err, &short) {
					t.Fatalf("%d of %d and %d: %v, the model says %v", n, before, packs, err, fits)
				}
				if err != nil {
					if short.Needed != n || short.Left != before+packs || short.Resets != credit.NextMonth(now) {
						t.Fatalf("%+v, with %d and %d left at %s", short, before, packs, now)
					}
					return
				}
				open = append(open, id)
				if after, left := a.Left(now); left < packs && after > 0 {
					t.Fatalf("packs were taken from while %d of the allowance are left", after)
				}
			},
			"settle": func(t *rapid.T) {
				if len(open) == 0 {
					t.Skip()
				}
				i := rapid.IntRange(0, len(open)-1).Draw(t, "call")
				n := rapid.IntRange(0, 500).Draw(t, "cost")
				charged, entries := a.Settle(now, open[i], n)
				l.add(t, entries)
				if want := m.settle(open[i], n); charged != want || charged > n {
					t.Fatalf("%d of %d were charged, the model says %d", charged, n, want)
				}
				if rapid.Bool().Draw(t, "again") { // it may be settled a second time after a crash: as a hold that is no more
					return
				}
				open = append(open[:i], open[i+1:]...)
			},
			"buy": func(t *rapid.T) {
				n := rapid.IntRange(-1, 300).Draw(t, "credits")
				entries, err := a.Add(now, credit.Bought, n)
				l.add(t, entries)
				if (err == nil) != (n > 0) {
					t.Fatalf("%d: %v", n, err)
				}
				for range n {
					m.list = append(m.list, coin{pack: true})
				}
			},
			"take back": func(t *rapid.T) {
				n := rapid.IntRange(-1, 300).Draw(t, "credits")
				taken, entries := a.TakeBack(now, n)
				l.add(t, entries)
				want := 0
				for i := range m.list {
					if k := &m.list[i]; want < n && k.pack && k.held == "" && !k.spent {
						k.spent = true
						want++
					}
				}
				if m.fit(); taken != want {
					t.Fatalf("%d were taken, want %d", taken, want)
				}
			},
			"plan": func(t *rapid.T) {
				m.plan = rapid.SampledFrom(credit.Plans()).Draw(t, "plan")
				l.add(t, a.SetPlan(now, m.plan))
				m.fit()
			},
			"trial": func(t *rapid.T) {
				entries, err := a.StartTrial(now)
				l.add(t, entries)
				if may := m.plan == credit.Free && m.trial.IsZero(); may != (err == nil) {
					t.Fatalf("may %v, got %v", may, err)
				}
				if err == nil {
					m.trial = now.Add(30 * 24 * time.Hour)
					m.fit()
				}
			},
			"": func(t *rapid.T) {
				again := a
				again.Holds = slices.Clone(a.Holds)
				allowance, packs := a.Left(now)
				if d := cmp.Diff(again, a); d != "" {
					t.Fatalf("looking changed it: %s", d)
				}
				if allowance != m.count(false, false) || packs != m.count(true, false) {
					t.Fatalf("%d and %d are left, the model says %d and %d", allowance, packs, m.count(false, false), m.count(true, false))
				}
				entries := again.Turn(now)
				if heldA, heldP := again.Held(); heldA != m.count(false, true) || heldP != m.count(true, true) {
					t.Fatalf("%d and %d are held, the model says %d and %d", heldA, heldP, m.count(false, true), m.count(true, true))
				}
				if again.Turn(now) != nil {
					t.Fatal("a second turn at one time enters something")
				}
				sum := l
				sum.add(t, entries)
				if heldA, heldP := again.Held(); sum.allowance != again.Entered || sum.allowance != allowance+heldA || sum.packs != packs+heldP {
					t.Fatalf("the ledger comes to %+v: %d+%d and %d+%d are there, %d entered", sum, allowance, heldA, packs, heldP, again.Entered)
				}
			},
		})
	})
}

// What was reserved can always be paid, so calls at once never overspend.
func TestReservedIsPaid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := at(2, 29, 23)
		a := credit.New(now)
		a.Turn(now)
		packs := rapid.IntRange(1, 100).Draw(t, "packs")
		if _, err := a.Add(now, credit.Bought, packs); err != nil {
			t.Fatal(err)
		}
		var held []int
		for i, n := range rapid.SliceOfN(rapid.IntRange(1, 90), 1, 12).Draw(t, "calls") {
			if _, err := a.Reserve(now, fmt.Sprint(i), n, now.Add(48*time.Hour)); err == nil {
				held = append(held, i)
				continue
			}
			break
		}
		sum := 0
		for _, i := range held {
			n := a.Holds[0].Allowance + a.Holds[0].Packs
			at := now
			if rapid.Bool().Draw(t, "in March") {
				at = now.Add(2 * time.Hour)
			}
			if charged, _ := a.Settle(at, fmt.Sprint(i), n); charged != n {
				t.Fatalf("%d of %d were charged", charged, n)
			}
			sum += n
		}
		if sum > 200+packs {
			t.Fatalf("%d were spent of %d", sum, 200+packs)
		}
	})
}

// A hold of the old month is paid by the old month's allowance, and what is given back of it has expired.
func TestHoldsAcrossMonths(t *testing.T) {
	feb := at(2, 29, 23)
	a := credit.New(feb)
	a.Turn(feb)
	if _, err := a.Reserve(feb, "x", 150, feb.Add(2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	mar := at(3, 1, 0)
	charged, entries := a.Settle(mar, "x", 40)
	want := []credit.Entry{{Kind: credit.Expired, Allowance: -160}, {Kind: credit.Renewed, Allowance: 200}, {Kind: credit.Spent, Allowance: -40}}
	if d := cmp.Diff(want, entries); d != "" || charged != 40 {
		t.Errorf("%d charged, entries (-want +got):\n%s", charged, d)
	}
	if left, _ := a.Left(mar); left != 200 || a.Used != 0 {
		t.Errorf("%d left, %d used", left, a.Used)
	}
}

func TestMonthsAndDays(t *testing.T) {
	tokyo := time.FixedZone("", 9*3600)
	for _, c := range []struct{ now, month, next, day time.Time }{
		{at(2, 29, 23), at(2, 1, 0), at(3, 1, 0), at(3, 1, 0)},
		{at(12, 31, 23), at(12, 1, 0), time.Date(2029, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2029, 1, 1, 0, 0, 0, 0, time.UTC)},
		{time.Date(2028, 3, 1, 8, 0, 0, 0, tokyo), at(2, 1, 0), at(3, 1, 0), at(3, 1, 0)}, // it is February still in UTC
		{time.Date(2027, 2, 28, 23, 59, 59, 999_999_999, time.UTC), time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC), time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC), time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC)},
		{at(3, 1, 0), at(3, 1, 0), at(4, 1, 0), at(3, 2, 0)},
	} {
		if m, n, d := credit.Month(c.now), credit.NextMonth(c.now), credit.NextDay(c.now); !m.Equal(c.month) || !n.Equal(c.next) || !d.Equal(c.day) {
			t.Errorf("%s: month %s, next %s, next day %s", c.now, m, n, d)
		}
	}
}

func TestCost(t *testing.T) {
	f := credit.Factors{"dear": 2500, "free": 0}
	for _, c := range []struct {
		operation    string
		tokens, want int
	}{
		{"x", 0, 0},
		{"x", -5, 0},
		{"x", 1, 1},
		{"x", 1000, 1},
		{"x", 1001, 2},
		{"x", 999_999, 1000},
		{"dear", 0, 0},
		{"dear", 1, 3},
		{"dear", 2000, 5},
		{"free", 5000, 0},
	} {
		if got := f.Cost(c.operation, c.tokens); got != c.want {
			t.Errorf("%d tokens of %s cost %d, want %d", c.tokens, c.operation, got, c.want)
		}
	}
	if credit.Factors(nil).Cost("x", 1) != 1 {
		t.Error("without a table the factor is not 1")
	}
}

func TestDailyLimit(t *testing.T) {
	a := credit.New(at(3, 1, 0))
	for i := range 3 {
		if !a.Request(at(3, 1, 23), 3) {
			t.Fatalf("request %d is refused", i)
		}
	}
	if a.Request(at(3, 1, 23), 3) || a.MayRequest(at(3, 1, 23), 3) || a.Requests != 3 {
		t.Error("a fourth is let through")
	}
	if !a.MayRequest(at(3, 2, 0), 3) || !a.Request(at(3, 2, 0), 3) || a.Requests != 1 {
		t.Errorf("the next day counts on: %d", a.Requests)
	}
}

func TestPlans(t *testing.T) {
	for _, p := range credit.Plans() {
		if got, err := credit.ParsePlan(string(p)); err != nil || got != p {
			t.Errorf("%s: %s, %v", p, got, err)
		}
		if n, limited := p.Allowance(); limited != (n > 0) || p.Compliance() != (p != credit.Free) {
			t.Errorf("%s: %d, %v", p, n, limited)
		}
	}
	for _, bad := range []string{"", "Pro", "trial"} {
		if _, err := credit.ParsePlan(bad); threat.CodeOf(err) != threat.Invalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
	now := at(3, 1, 0)
	a := credit.New(now)
	if _, err := a.Add(now, credit.Granted, credit.MaxCredits); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Add(now, credit.Granted, 1); threat.CodeOf(err) != threat.Invalid {
		t.Errorf("more than anybody can have: %v", err)
	}
}

func TestRefund(t *testing.T) {
	for _, c := range []struct {
		credits        int
		paid, refunded int64
		want           int
	}{{500, 900, 900, 500}, {500, 900, 0, 0}, {500, 900, 450, 250}, {500, 900, 1, 0}, {500, 900, 1000, 500}, {500, 0, 10, 0}, {500, 900, -1, 0}, {credit.MaxCredits, 99_999_999, 99_999_998, 999_999_989}} {
		if got := credit.Refund(c.credits, c.paid, c.refunded); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}

// A hold past its time is none: what it held is there for others, and its call pays of what is left.
func TestHoldsPastTheirTime(t *testing.T) {
	now := at(3, 1, 0)
	a := credit.New(now)
	a.Turn(now)
	for _, id := range []string{"x", "y"} {
		if _, err := a.Reserve(now, id, 100, now.Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	later := now.Add(time.Minute)
	b := a
	if _, err := b.Reserve(later, "z", 150, later.Add(time.Minute)); err != nil {
		t.Errorf("what was held is not there: %v", err)
	}
	if charged, _ := b.Settle(later, "x", 100); charged != 50 {
		t.Errorf("%d were charged of the 50 that are left", charged)
	}
	if charged, _ := a.Settle(later, "x", 100); charged != 100 || len(a.Holds) != 0 {
		t.Errorf("%d were charged, %d holds are left", charged, len(a.Holds))
	}
}
