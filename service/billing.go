package service

import (
	"context"
	"slices"
	"time"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/billing"
	"github.com/redoubt-dev/redoubt/credit"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// creditEventLife is how long the ids of heeded events are kept: Stripe sends none again after a month.
const creditEventLife = 90 * 24 * time.Hour

// StartCheckoutIn names the pack to buy.
type StartCheckoutIn struct {
	Pack string `json:"pack" jsonschema:"id; GET /me/plan lists them"`
}

// StartCheckoutOut is where to pay.
type StartCheckoutOut struct {
	Pack      string `json:"pack"`
	SessionID string `json:"session_id"`
	URL       string `json:"url" jsonschema:"to open in a browser; the credits come when the payment is confirmed"`
}

// StartCheckout opens a checkout for a pack of credits, for the key's user. Errors: [threat.Invalid], [threat.FailedPrecondition] where none are
// sold, [threat.Unavailable].
func (s *Service) StartCheckout(ctx context.Context, who account.Principal, in StartCheckoutIn) (StartCheckoutOut, error) {
	v := verb{name: "start_checkout", needs: account.OwnKeys}
	if err := who.Allow(v.needs); err != nil {
		return StartCheckoutOut{}, err
	}
	out, err := s.checkout(ctx, who, in)
	if err != nil {
		s.refused(ctx, who, v, in, err)
		return StartCheckoutOut{}, s.logged(v.name, err)
	}
	return write(ctx, s, who, v, in, func(_ *store.Tx, r *record) (StartCheckoutOut, error) {
		r.object, r.detail = out.SessionID, map[string]any{"pack": in.Pack}
		return out, nil
	})
}

func (s *Service) checkout(ctx context.Context, who account.Principal, in StartCheckoutIn) (StartCheckoutOut, error) {
	if s.plans == nil {
		return StartCheckoutOut{}, plansOff()
	}
	if s.plans.Stripe == nil || len(s.plans.Packs) == 0 {
		return StartCheckoutOut{}, threat.Errorf(threat.FailedPrecondition, "no packs are sold here").Hinted("ask the administrator for credits")
	}
	p, ok := s.plans.pack(in.Pack)
	if !ok {
		return StartCheckoutOut{}, threat.Errorf(threat.Invalid, "there is no pack %q", threat.Clip(in.Pack, 40)).In("pack").Hinted("GET /api/v1/me/plan lists them")
	}
	var u account.User
	err := s.store.Read(ctx, func(v *store.Snapshot) (err error) {
		u, err = v.User(who.UserID)
		return err
	})
	if err != nil {
		return StartCheckoutOut{}, err
	}
	paid, unpaid := s.plans.ReturnURL, s.plans.ReturnURL
	if paid == "" {
		paid, unpaid = s.server()+"/api/v1/billing/paid", s.server()+"/api/v1/billing/cancelled"
	}
	opened, err := s.plans.Stripe.Checkout(ctx, billing.Order{UserID: u.ID, Email: u.Email, Pack: p.ID, Price: p.Price, PaidURL: paid, UnpaidURL: unpaid})
	if err != nil {
		s.log.Error().Err(err).Str("pack", p.ID).Msg("no checkout could be opened")
		return StartCheckoutOut{}, err
	}
	return StartCheckoutOut{Pack: p.ID, SessionID: opened.Session, URL: opened.URL}, nil
}

func (p *plans) pack(id string) (Pack, bool) {
	i := slices.IndexFunc(p.Packs, func(o Pack) bool { return o.ID == id })
	if i < 0 {
		return Pack{}, false
	}
	return p.Packs[i], true
}

// TakePayment takes what Stripe reports: the body as it came, and its signature. What is paid is credited once for an event and once for a
// checkout; what is wrong with a payment is logged and credits nothing, and is no error, since Stripe would only send it again. Errors:
// [threat.Invalid], for a signature that is missing, wrong or old too, [threat.FailedPrecondition] where nothing is sold.
func (s *Service) TakePayment(ctx context.Context, body []byte, signature string) error {
	if s.plans == nil || s.plans.Stripe == nil {
		return plansOff()
	}
	e, err := s.plans.Stripe.Read(body, signature)
	if err != nil {
		return err
	}
	var wrong string
	err = s.store.Write(ctx, func(tx *store.Tx) (err error) {
		wrong = ""
		switch e.Kind {
		case billing.Paid:
			wrong, err = s.credit(tx, e)
		case billing.Refunded:
			wrong, err = reclaim(tx, e)
		case billing.Other:
		}
		return err
	})
	if err == nil && wrong != "" {
		s.log.Error().Str("event", e.ID).Str("session", e.Session).Str("payment", e.Payment).Msg("a payment was not heeded: " + wrong)
	}
	return s.logged("take_payment", err)
}

// credit credits what was paid, and returns what is wrong with it if anything. What is wrong is not kept as heeded: the operator may mend the
// configuration and have Stripe report it again.
func (s *Service) credit(tx *store.Tx, e billing.Event) (wrong string, err error) {
	p, known := s.plans.pack(e.Pack)
	switch {
	case e.UserID == "":
		return "the checkout was not opened by this server", nil
	case !e.Settled:
		return "the checkout is not paid", nil
	case !known:
		return "the pack is not known", nil
	case e.Currency != p.Currency:
		return "the currency is not that of the pack", nil
	case e.Amount != p.Amount:
		return "the amount is not the price of the pack", nil
	}
	u, err := tx.User(e.UserID)
	if threat.CodeOf(err) == threat.NotFound {
		return "the user is no more", nil
	}
	if err != nil {
		return "", err
	}
	if first, err := tx.HeedEvent(e.ID); err != nil || !first {
		return "", err
	}
	bought := store.Purchase{Session: e.Session, UserID: u.ID, Pack: p.ID, Credits: p.Credits, Amount: e.Amount, Currency: e.Currency, Payment: e.Payment}
	if first, err := tx.AddPurchase(bought); err != nil || !first {
		return "", err
	}
	note := store.CreditNote{Reference: p.ID}
	_, err = changeCredits(tx, u.ID, note, func(a *credit.Account) ([]credit.Entry, error) { return a.Add(tx.Now(), credit.Bought, p.Credits) })
	if err != nil {
		return "", err
	}
	as := account.Principal{UserID: u.ID, WorkspaceID: u.PersonalWorkspace}
	if err := addActivity(tx, as, "buy_credits", record{object: e.Session, detail: map[string]any{"pack": p.ID, "credits": p.Credits}}); err != nil {
		return "", err
	}
	if e.Payment == "" {
		return "", nil
	}
	back, err := tx.RefundOf(e.Payment) // it may have been told first
	if err != nil {
		return "", err
	}
	return "", takeBack(tx, bought, back)
}

// reclaim takes back what is left of a pack whose price was given back.
func reclaim(tx *store.Tx, e billing.Event) (wrong string, err error) {
	if e.Payment == "" {
		return "the refund names no payment", nil
	}
	if first, err := tx.HeedEvent(e.ID); err != nil || !first {
		return "", err
	}
	back, err := tx.KeepRefund(e.Payment, e.Back)
	if err != nil {
		return "", err
	}
	p, err := tx.PurchaseOf(e.Payment)
	if threat.CodeOf(err) == threat.NotFound { // of something else, or told before the purchase
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return "", takeBack(tx, p, back)
}

// takeBack takes a purchase's credits back as far as its price was given back in all, and as far as they are left.
func takeBack(tx *store.Tx, p store.Purchase, back int64) error {
	due := credit.Refund(p.Credits, p.Amount, back)
	if due <= p.Reclaimed {
		return nil
	}
	if err := tx.Reclaim(p.Session, due); err != nil {
		return err
	}
	_, err := changeCredits(tx, p.UserID, store.CreditNote{Reference: p.Pack}, func(a *credit.Account) ([]credit.Entry, error) {
		_, entries := a.TakeBack(tx.Now(), due-p.Reclaimed)
		return entries, nil
	})
	return err
}
