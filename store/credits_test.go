package store_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-dev/redoubt/credit"
	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// credits changes a user's account.
func credits(tx *store.Tx, user string, note store.CreditNote, fn func(*credit.Account) ([]credit.Entry, error)) error {
	a, err := tx.LockCreditAccount(user)
	if err != nil {
		return err
	}
	entries, err := fn(&a)
	if err != nil {
		return err
	}
	return tx.SaveCreditAccount(user, a, entries, note)
}

// sums adds up a user's whole ledger.
func sums(t *testing.T, e env, user string) (allowance, packs int) {
	t.Helper()
	rows, total, err := ledger(t, e, user, 1000, 0)
	if err != nil || total != len(rows) {
		t.Fatalf("%d of %d rows, %v", len(rows), total, err)
	}
	for i, r := range rows {
		if r.N != total-i {
			t.Fatalf("row %d is number %d of %d", i, r.N, total)
		}
		allowance += r.Allowance
		packs += r.Packs
	}
	return allowance, packs
}

func ledger(t *testing.T, e env, user string, limit, offset int) (rows []store.LedgerEntry, total int, err error) {
	t.Helper()
	e.read(t, func(v *store.Snapshot) error {
		rows, total, err = v.CreditLedger(user, limit, offset)
		return nil
	})
	return rows, total, err
}

func creditsOf(t *testing.T, e env, user string) credit.Account {
	t.Helper()
	return get(t, e, func(v *store.Snapshot) (credit.Account, error) { return v.CreditAccount(user) })
}

func TestCreditAccounts(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		u := testenv.User(t, e.Store, "ada@example.org")
		now := e.clock.Now()
		if d := cmp.Diff(credit.New(now), creditsOf(t, e, u.ID)); d != "" {
			t.Errorf("without a row (-want +got):\n%s", d)
		}
		var want credit.Account
		e.write(t, func(tx *store.Tx) error {
			return credits(tx, u.ID, store.CreditNote{Operation: "no", Reference: "small", JobID: "j", Attempt: 2}, func(a *credit.Account) ([]credit.Entry, error) {
				one, err := a.StartTrial(now)
				two, err2 := a.Add(now, credit.Bought, 70)
				three, err3 := a.Reserve(now, "h", 1550, now.Add(time.Minute))
				a.Request(now, 10)
				want = *a
				return append(append(one, two...), three...), errors.Join(err, err2, err3)
			})
		})
		if d := cmp.Diff(want, creditsOf(t, e, u.ID)); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		if a, p := sums(t, e, u.ID); a != 1500 || p != 70 {
			t.Errorf("the ledger comes to %d and %d", a, p)
		}

		// The lease of the job's attempt is the hold's.
		e.write(t, func(tx *store.Tx) error { return tx.ProlongCreditHolds("j", 1, now.Add(time.Hour)) })
		e.write(t, func(tx *store.Tx) error { return tx.ProlongCreditHolds("other", 2, now.Add(time.Hour)) })
		if h := creditsOf(t, e, u.ID).Holds[0]; !h.Until.Equal(now.Add(time.Minute)) {
			t.Errorf("another attempt prolonged it to %s", h.Until)
		}
		e.write(t, func(tx *store.Tx) error { return tx.ProlongCreditHolds("j", 2, now.Add(time.Hour)) })
		e.write(t, func(tx *store.Tx) error { return tx.EndCreditHolds("j", 2) })
		if h := creditsOf(t, e, u.ID).Holds[0]; !h.Until.Equal(now.Add(time.Hour)) {
			t.Errorf("it lasts to %s", h.Until)
		}
		e.write(t, func(tx *store.Tx) error { return tx.EndCreditHolds("j", 3) })
		a := creditsOf(t, e, u.ID)
		if left, packs := a.Left(now); left != 1500 || packs != 70 {
			t.Errorf("%d and %d are left after the next attempt began", left, packs)
		}

		e.write(t, func(tx *store.Tx) error {
			return credits(tx, u.ID, store.CreditNote{Operation: "query", Tokens: 1100}, func(a *credit.Account) ([]credit.Entry, error) {
				_, entries := a.Settle(now, "h", 2)
				return entries, nil
			})
		})
		rows, total, err := ledger(t, e, u.ID, 1, 0)
		spent := []store.LedgerEntry{{N: 4, Entry: credit.Entry{Kind: credit.Spent, Allowance: -2}, Operation: "query", Tokens: 1100, At: now}}
		if d := cmp.Diff(spent, rows); d != "" || total != 4 || err != nil {
			t.Errorf("total %d, %v (-want +got):\n%s", total, err, d)
		}
		rows, _, _ = ledger(t, e, u.ID, 1, 1)
		if rows[0].Kind != credit.Bought || rows[0].Reference != "small" || rows[0].Operation != "" {
			t.Errorf("%+v", rows)
		}
		if n := len(creditsOf(t, e, u.ID).Holds); n != 0 {
			t.Errorf("%d holds are left", n)
		}
	})
}

// Whatever many callers do at once, they spend no more than there is, and the ledger says the same as the account.
func TestCreditsAreNeverOverspent(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		u := testenv.User(t, e.Store, "ada@example.org")
		now := e.clock.Now()
		const callers, calls, packs = 8, 12, 60
		e.write(t, func(tx *store.Tx) error {
			return credits(tx, u.ID, store.CreditNote{}, func(a *credit.Account) ([]credit.Entry, error) { return a.Add(now, credit.Granted, packs) })
		})
		var spent, refused atomic.Int64
		noError(t, together(callers, func(i int) error {
			pick := rand.New(rand.NewPCG(uint64(i), 7))
			for n := range calls {
				id, need := fmt.Sprintf("%d/%d", i, n), 1+pick.IntN(12)
				var short *credit.Short
				err := e.try(func(tx *store.Tx) error {
					return credits(tx, u.ID, store.CreditNote{}, func(a *credit.Account) ([]credit.Entry, error) {
						return a.Reserve(now, id, need, now.Add(time.Hour))
					})
				})
				if errors.As(err, &short) {
					refused.Add(1)
					continue
				}
				if err != nil {
					return err
				}
				charged := 0
				err = e.try(func(tx *store.Tx) error {
					return credits(tx, u.ID, store.CreditNote{Operation: "x"}, func(a *credit.Account) (entries []credit.Entry, _ error) {
						charged, entries = a.Settle(now, id, need)
						return entries, nil
					})
				})
				if err != nil || charged != need {
					return fmt.Errorf("%d of %d reserved were charged: %w", charged, need, err)
				}
				spent.Add(int64(charged))
			}
			return nil
		}))
		a := creditsOf(t, e, u.ID)
		left, have := a.Left(now)
		if int(spent.Load())+left+have != 200+packs || refused.Load() == 0 {
			t.Errorf("%d spent, %d and %d left, %d refused", spent.Load(), left, have, refused.Load())
		}
		if inAllowance, inPacks := sums(t, e, u.ID); inAllowance != left || inPacks != have || a.Entered != left {
			t.Errorf("the ledger comes to %d and %d: %d and %d are left", inAllowance, inPacks, left, have)
		}
	})
}

func TestPurchases(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		u := testenv.User(t, e.Store, "ada@example.org")
		p := store.Purchase{Session: "cs_1", UserID: u.ID, Pack: "small", Credits: 500, Amount: 900, Currency: "eur", Payment: "pi_1"}
		for i, want := range []bool{true, false} {
			e.write(t, func(tx *store.Tx) error {
				ok, err := tx.AddPurchase(p)
				if ok != want {
					t.Errorf("time %d: %v", i, ok)
				}
				return err
			})
			e.write(t, func(tx *store.Tx) error {
				first, err := tx.HeedEvent("evt_1")
				if first != want {
					t.Errorf("time %d: %v", i, first)
				}
				return err
			})
		}
		e.write(t, func(tx *store.Tx) error { return tx.Reclaim("cs_1", 10) })
		p.Reclaimed = 10
		if d := cmp.Diff(p, get(t, e, func(v *store.Snapshot) (store.Purchase, error) { return v.PurchaseOf("pi_1") })); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		err := e.Read(background, func(v *store.Snapshot) error { _, err := v.PurchaseOf("pi_2"); return err })
		refused(t, err, threat.NotFound)
		for _, told := range []struct{ amount, most int64 }{{100, 100}, {900, 900}, {300, 900}} {
			e.write(t, func(tx *store.Tx) error {
				most, err := tx.KeepRefund("pi_1", told.amount)
				if most != told.most {
					t.Errorf("%d after %d", most, told.amount)
				}
				return err
			})
		}
		refund := func(payment string) int64 {
			return get(t, e, func(v *store.Snapshot) (int64, error) { return v.RefundOf(payment) })
		}
		if refund("pi_1") != 900 || refund("pi_2") != 0 {
			t.Errorf("%d, %d", refund("pi_1"), refund("pi_2"))
		}
		e.clock.Advance(time.Hour)
		e.write(t, func(tx *store.Tx) error { return tx.PurgeCreditEvents(tx.Now()) })
		e.write(t, func(tx *store.Tx) error {
			if first, err := tx.HeedEvent("evt_1"); err != nil || !first || refund("pi_1") != 0 {
				t.Errorf("it was not forgotten: %v, %v", first, err)
			}
			return nil
		})
	})
}

func TestReferralCodes(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		u, by := testenv.User(t, e.Store, "ada@example.org"), testenv.User(t, e.Store, "bob@example.org")
		now := e.clock.Now()
		month := credit.Month(now)
		code := func(name string, month, expires time.Time) store.ReferralCode {
			c := store.ReferralCode{Code: name, UserID: u.ID, Month: month, ExpiresAt: expires}
			e.write(t, func(tx *store.Tx) error { return tx.AddReferralCode(c) })
			return c
		}
		b, a := code("b", month, now.Add(2*time.Hour)), code("a", month.AddDate(0, -1, 0), now.Add(time.Hour))
		codes := func() []store.ReferralCode {
			return get(t, e, func(v *store.Snapshot) ([]store.ReferralCode, error) { return v.ReferralCodes(u.ID) })
		}
		if d := cmp.Diff([]store.ReferralCode{a, b}, codes()); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		refused(t, e.try(func(tx *store.Tx) error {
			return tx.AddReferralCode(store.ReferralCode{Code: "c", UserID: u.ID, Month: month, ExpiresAt: now})
		}), threat.Conflict)

		// Of many who use a code at once, one does.
		var used atomic.Int64
		noError(t, together(4, func(int) error {
			won := false
			err := e.try(func(tx *store.Tx) (err error) {
				won, err = tx.UseReferralCode("b", by.ID)
				return err
			})
			if won {
				used.Add(1)
			}
			return err
		}))
		if used.Load() != 1 {
			t.Errorf("%d used it", used.Load())
		}
		if d := cmp.Diff([]store.ReferralCode{a}, codes()); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		e.clock.Advance(time.Hour)
		err := e.Read(background, func(v *store.Snapshot) error { _, err := v.ReferralCode("a"); return err })
		refused(t, err, threat.NotFound)
		e.write(t, func(tx *store.Tx) error {
			if ok, err := tx.UseReferralCode("a", by.ID); err != nil || ok {
				t.Errorf("an expired code is used: %v", err)
			}
			return nil
		})

		// A month is given out once, whoever is at it.
		var first atomic.Int64
		noError(t, together(4, func(int) error {
			won := false
			err := e.try(func(tx *store.Tx) (err error) {
				won, err = tx.BeginReferrals(month)
				return err
			})
			if won {
				first.Add(1)
			}
			return err
		}))
		if begun := get(t, e, func(v *store.Snapshot) (bool, error) { return v.ReferralsBegun(month) }); first.Load() != 1 || !begun {
			t.Errorf("%d were first, begun %v", first.Load(), begun)
		}
	})
}

func TestMostRequests(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		e.clock.Set(time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC))
		var users []string
		call := func(user, workspace string, cached bool) {
			e.write(t, func(tx *store.Tx) error {
				return tx.AddLLMCall(workspace, someCall(t, user, "x", func(c *store.LLMCall) { c.Cached = cached }))
			})
		}
		for i := range 4 {
			u := testenv.User(t, e.Store, fmt.Sprintf("u%d@example.org", i))
			users = append(users, u.ID)
			for range i { // the first made none
				call(u.ID, u.PersonalWorkspace, false)
			}
			for range 5 - i {
				call(u.ID, u.PersonalWorkspace, true)
			}
		}
		e.write(t, func(tx *store.Tx) error { return tx.SetUserDisabled(users[3], true) })
		feb := credit.Month(e.clock.Now())
		top := func(from, to time.Time, limit int) []string {
			return get(t, e, func(v *store.Snapshot) ([]string, error) { return v.MostRequests(from, to, limit) })
		}
		if d := cmp.Diff([]string{users[2], users[1]}, top(feb, credit.NextMonth(feb), 10)); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		if d := cmp.Diff([]string{users[2]}, top(feb, credit.NextMonth(feb), 1)); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		if got := top(credit.NextMonth(feb), credit.NextMonth(credit.NextMonth(feb)), 10); len(got) != 0 {
			t.Errorf("March has %v", got)
		}
	})
}

// A user who goes takes all of it along; codes that they used stay with who holds them.
func TestCreditsGoWithTheirUser(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		db := raw(t, e.database)
		goes, stays := testenv.User(t, e.Store, "goes@example.org"), testenv.User(t, e.Store, "stays@example.org")
		for i, u := range []string{goes.ID, stays.ID} {
			e.write(t, func(tx *store.Tx) error {
				err := credits(tx, u, store.CreditNote{}, func(a *credit.Account) ([]credit.Entry, error) {
					return a.Reserve(tx.Now(), "h", 5, tx.Now().Add(time.Hour))
				})
				_, bought := tx.AddPurchase(store.Purchase{Session: u, UserID: u, Pack: "p", Credits: 1, Amount: 1, Payment: u})
				coded := tx.AddReferralCode(store.ReferralCode{Code: fmt.Sprint(i), UserID: u, Month: tx.Now(), ExpiresAt: tx.Now().Add(time.Hour)})
				return errors.Join(err, bought, coded)
			})
		}
		e.write(t, func(tx *store.Tx) error { _, err := tx.UseReferralCode("1", goes.ID); return err })
		if _, err := db.Exec("DELETE FROM users WHERE id = '" + goes.ID + "'"); err != nil {
			t.Fatal(err)
		}
		for _, table := range []string{"credit_accounts", "credit_holds", "credit_ledger", "credit_purchases", "referral_codes"} {
			if n := one(t, db, "SELECT COUNT(*) FROM "+table); n != 1 {
				t.Errorf("%d rows are left in %s", n, table)
			}
		}
		if n := one(t, db, "SELECT COUNT(*) FROM referral_codes WHERE used_by IS NULL AND used_at IS NOT NULL"); n != 1 {
			t.Error("the code that the user used is not used any more")
		}
	})
}
