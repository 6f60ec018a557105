package store

import (
	"database/sql"
	"slices"
	"time"

	"github.com/redoubt-dev/redoubt/credit"
	"github.com/redoubt-dev/redoubt/threat"
)

// Credits are of users, not of workspaces: a user has them wherever they work.

type creditRow struct {
	Plan        string        `db:"plan"`
	TrialEndsAt sql.NullInt64 `db:"trial_ends_at"`
	Month       int64         `db:"month"`
	Used        int           `db:"used"`
	Packs       int           `db:"packs"`
	Entered     int           `db:"entered"`
	Day         int64         `db:"day"`
	Requests    int           `db:"requests"`
}

type holdRow struct {
	ID        string `db:"id"`
	Month     int64  `db:"month"`
	Allowance int    `db:"allowance"`
	Packs     int    `db:"packs"`
	ExpiresAt int64  `db:"expires_at"`
}

// CreditAccount returns where a user stands, as it was last written: [credit.Account.Turn] brings it to the present. A user without a row has
// a new account.
func (v *Snapshot) CreditAccount(user string) (credit.Account, error) {
	var r creditRow
	err := v.get(&r, `SELECT plan, trial_ends_at, month, used, packs, entered, day, requests FROM credit_accounts WHERE user_id = ?`, user)
	if missing(err) {
		return credit.New(v.now), nil
	}
	if err != nil {
		return credit.Account{}, err
	}
	a := credit.Account{
		Plan: credit.Plan(r.Plan), Month: fromMicros(r.Month), Used: r.Used, Packs: r.Packs, Entered: r.Entered,
		Day: fromMicros(r.Day), Requests: r.Requests,
	}
	if r.TrialEndsAt.Valid {
		a.TrialEnds = fromMicros(r.TrialEndsAt.Int64)
	}
	var holds []holdRow
	err = v.list(&holds, `SELECT id, month, allowance, packs, expires_at FROM credit_holds WHERE user_id = ? ORDER BY id`, user)
	for _, h := range holds {
		a.Holds = append(a.Holds, credit.Hold{ID: h.ID, Month: fromMicros(h.Month), Allowance: h.Allowance, Packs: h.Packs, Until: fromMicros(h.ExpiresAt)})
	}
	return a, err
}

// LockCreditAccount is CreditAccount for a change: until the transaction ends nobody else changes it. A user without a row gets one.
func (t *Tx) LockCreditAccount(user string) (credit.Account, error) {
	a := credit.New(t.now)
	err := t.exec(`
		INSERT INTO credit_accounts (user_id, plan, month, used, packs, entered, day, requests, entries) VALUES (?, ?, ?, 0, 0, 0, ?, 0, 0)
		ON CONFLICT (user_id) DO UPDATE SET plan = credit_accounts.plan`, user, a.Plan, micros(a.Month), micros(a.Day))
	if err != nil {
		return credit.Account{}, err
	}
	return t.CreditAccount(user)
}

// CreditNote says what entries of the ledger are about. What it says of an operation goes to the one that was spent, the reference to all
// but changes of the allowance.
type CreditNote struct {
	Operation string
	Tokens    int
	Reference string // of a pack, or empty
	// JobID and Attempt are whose lease a new hold goes with; empty where there is no job.
	JobID   string
	Attempt int
}

// SaveCreditAccount writes an account that [Tx.LockCreditAccount] returned, its holds, and what it enters into the ledger.
func (t *Tx) SaveCreditAccount(user string, a credit.Account, entries []credit.Entry, note CreditNote) error {
	var trial any
	if !a.TrialEnds.IsZero() {
		trial = micros(a.TrialEnds)
	}
	var last int
	err := t.get(&last, `
		UPDATE credit_accounts
		SET plan = ?, trial_ends_at = ?, month = ?, used = ?, packs = ?, entered = ?, day = ?, requests = ?, entries = entries + ?
		WHERE user_id = ? RETURNING entries`,
		a.Plan, trial, micros(a.Month), a.Used, a.Packs, a.Entered, micros(a.Day), a.Requests, len(entries), user)
	if err != nil {
		return err
	}
	var there []string
	if err := t.list(&there, `SELECT id FROM credit_holds WHERE user_id = ?`, user); err != nil {
		return err
	}
	for _, id := range there {
		if !slices.ContainsFunc(a.Holds, func(h credit.Hold) bool { return h.ID == id }) {
			if err := t.exec(`DELETE FROM credit_holds WHERE user_id = ? AND id = ?`, user, id); err != nil {
				return err
			}
		}
	}
	for _, h := range a.Holds {
		if slices.Contains(there, h.ID) {
			continue
		}
		err := t.exec(`
			INSERT INTO credit_holds (user_id, id, month, allowance, packs, job_id, attempt, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
			user, h.ID, micros(h.Month), h.Allowance, h.Packs, note.JobID, note.Attempt, micros(h.Until))
		if err != nil {
			return err
		}
	}
	for i, e := range entries {
		of := CreditNote{}
		switch e.Kind {
		case credit.Spent:
			of.Operation, of.Tokens = note.Operation, note.Tokens
		case credit.Bought, credit.Granted, credit.Referred, credit.Refunded:
			of.Reference = note.Reference
		case credit.Renewed, credit.Expired:
		}
		err := t.exec(`
			INSERT INTO credit_ledger (user_id, n, kind, allowance, packs, operation, tokens, reference, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			user, last-len(entries)+i+1, e.Kind, e.Allowance, e.Packs, of.Operation, of.Tokens, of.Reference, micros(t.now))
		if err != nil {
			return err
		}
	}
	return nil
}

// ProlongCreditHolds has the holds of a job's attempt end at a time.
func (t *Tx) ProlongCreditHolds(job string, attempt int, until time.Time) error {
	return t.exec(`UPDATE credit_holds SET expires_at = ? WHERE job_id = ? AND attempt = ?`, micros(until), job, attempt)
}

// EndCreditHolds gives back what attempts of a job before this one held.
func (t *Tx) EndCreditHolds(job string, attempt int) error {
	return t.exec(`UPDATE credit_holds SET expires_at = ? WHERE job_id = ? AND attempt < ?`, micros(t.now), job, attempt)
}

// LedgerEntry is one row of a user's ledger.
type LedgerEntry struct {
	N int // from 1
	credit.Entry
	Operation string
	Tokens    int
	Reference string
	At        time.Time
}

// CreditLedger returns a page of a user's ledger, the newest row first, and how many rows there are.
func (v *Snapshot) CreditLedger(user string, limit, offset int) ([]LedgerEntry, int, error) {
	var total int
	if err := v.get(&total, `SELECT COUNT(*) FROM credit_ledger WHERE user_id = ?`, user); err != nil {
		return nil, 0, err
	}
	var rows []struct {
		N         int    `db:"n"`
		Kind      string `db:"kind"`
		Allowance int    `db:"allowance"`
		Packs     int    `db:"packs"`
		Operation string `db:"operation"`
		Tokens    int    `db:"tokens"`
		Reference string `db:"reference"`
		CreatedAt int64  `db:"created_at"`
	}
	err := v.list(&rows, `
		SELECT n, kind, allowance, packs, operation, tokens, reference, created_at
		FROM credit_ledger WHERE user_id = ? ORDER BY n DESC LIMIT ? OFFSET ?`, user, limit, offset)
	out := make([]LedgerEntry, len(rows))
	for i, r := range rows {
		out[i] = LedgerEntry{
			r.N, credit.Entry{Kind: credit.Kind(r.Kind), Allowance: r.Allowance, Packs: r.Packs}, r.Operation, r.Tokens, r.Reference, fromMicros(r.CreatedAt),
		}
	}
	return out, total, err
}

// Purchase is a pack that was bought.
type Purchase struct {
	Session   string
	UserID    string
	Pack      string
	Credits   int
	Amount    int64 // in the smallest unit of the currency
	Currency  string
	Payment   string
	Reclaimed int // credits that were to be taken back so far
}

// AddPurchase records a purchase. ok is false when its session was recorded before.
func (t *Tx) AddPurchase(p Purchase) (ok bool, err error) {
	n, err := t.execN(`
		INSERT INTO credit_purchases (session_id, user_id, pack, credits, amount, currency, payment, reclaimed, created_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (session_id) DO NOTHING`,
		p.Session, p.UserID, p.Pack, p.Credits, p.Amount, p.Currency, p.Payment, p.Reclaimed, micros(t.now))
	return n == 1, err
}

// PurchaseOf returns the purchase of a payment. Errors: [threat.NotFound].
func (v *Snapshot) PurchaseOf(payment string) (Purchase, error) {
	var r struct {
		Session   string `db:"session_id"`
		UserID    string `db:"user_id"`
		Pack      string `db:"pack"`
		Credits   int    `db:"credits"`
		Amount    int64  `db:"amount"`
		Currency  string `db:"currency"`
		Payment   string `db:"payment"`
		Reclaimed int    `db:"reclaimed"`
	}
	err := v.get(&r, `
		SELECT session_id, user_id, pack, credits, amount, currency, payment, reclaimed
		FROM credit_purchases WHERE payment = ? ORDER BY session_id LIMIT 1`, payment)
	if missing(err) {
		return Purchase{}, threat.Errorf(threat.NotFound, "there is no such purchase")
	}
	return Purchase(r), err
}

// Reclaim sets how many credits of a purchase were to be taken back in all.
func (t *Tx) Reclaim(session string, credits int) error {
	return t.exec(`UPDATE credit_purchases SET reclaimed = ? WHERE session_id = ?`, credits, session)
}

// KeepRefund keeps how much of a payment was given back in all, and returns the most that was ever told.
func (t *Tx) KeepRefund(payment string, amount int64) (most int64, err error) {
	err = t.get(&most, `
		INSERT INTO credit_refunds (payment, amount, created_at) VALUES (?, ?, ?)
		ON CONFLICT (payment) DO UPDATE SET amount = CASE WHEN excluded.amount > credit_refunds.amount THEN excluded.amount ELSE credit_refunds.amount END
		RETURNING amount`, payment, amount, micros(t.now))
	return most, err
}

// RefundOf returns how much of a payment was given back, 0 for none.
func (v *Snapshot) RefundOf(payment string) (amount int64, err error) {
	if err = v.get(&amount, `SELECT amount FROM credit_refunds WHERE payment = ?`, payment); missing(err) {
		return 0, nil
	}
	return amount, err
}

// HeedEvent records that an event of the payment service was heeded. first is false when it was before.
func (t *Tx) HeedEvent(id string) (first bool, err error) {
	n, err := t.execN(`INSERT INTO credit_events (id, created_at) VALUES (?, ?) ON CONFLICT (id) DO NOTHING`, id, micros(t.now))
	return n == 1, err
}

// PurgeCreditEvents forgets events and refunds that were told before a time.
func (t *Tx) PurgeCreditEvents(before time.Time) error {
	if err := t.exec(`DELETE FROM credit_events WHERE created_at < ?`, micros(before)); err != nil {
		return err
	}
	return t.exec(`DELETE FROM credit_refunds WHERE created_at < ?`, micros(before))
}
