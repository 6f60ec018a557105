// Package billing sells packs of credits through Stripe: it opens checkouts, and reads what Stripe reports, signed. It knows no users and no
// balances, and keeps nothing. Neither the key nor the secret, nor Stripe's own words, are in its errors.
package billing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v85"
	"github.com/stripe/stripe-go/v85/webhook"

	"github.com/redoubt-dev/redoubt/threat"
)

// Secret is a key or a webhook's secret. It prints, and marshals, as "[redacted]"; string(s) has it.
type Secret string

// Format keeps it out of every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[redacted]") }

// MarshalText keeps it out of JSON, YAML and logs.
func (s Secret) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }

// Config says whose account is sold on.
type Config struct {
	Key           Secret // Stripe's secret key
	WebhookSecret Secret
	// APIBase is where Stripe's API is; empty for Stripe's own.
	APIBase string
}

// Stripe is one account at Stripe. It is safe for concurrent use.
type Stripe struct {
	backend stripe.Backend
	config  Config
}

const (
	// patience is how long Stripe may take to open a checkout, retries included.
	patience = 30 * time.Second
	// tolerance is how old a signature may be.
	tolerance = 5 * time.Minute
)

// New makes a client; it opens no connection. Errors: [threat.Invalid].
func New(c Config) (*Stripe, error) {
	if c.Key == "" || c.WebhookSecret == "" {
		return nil, threat.Errorf(threat.Invalid, "STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET go together").
			Hinted("without the second, what is paid would never be credited")
	}
	if c.APIBase != "" {
		u, err := url.Parse(c.APIBase)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" {
			return nil, threat.Errorf(threat.Invalid, "STRIPE_API_BASE is not a URL").Hinted("leave it out for Stripe itself")
		}
	}
	backend := stripe.BackendConfig{
		HTTPClient: &http.Client{
			Timeout:       patience,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // the key is for this host alone
		},
		LeveledLogger:   &stripe.LeveledLogger{Level: stripe.LevelNull}, // what goes wrong is told by who asked
		EnableTelemetry: stripe.Bool(false),
	}
	if c.APIBase != "" {
		backend.URL = stripe.String(strings.TrimSuffix(c.APIBase, "/"))
	}
	return &Stripe{stripe.GetBackendWithConfig(stripe.APIBackend, &backend), c}, nil
}

// Order is what somebody wants to buy.
type Order struct {
	UserID    string
	Email     string // shown in the form
	Pack      string
	Price     string // Stripe's id of the price
	PaidURL   string // where the browser goes afterwards
	UnpaidURL string
}

// Checkout is a form to pay in, at Stripe.
type Checkout struct {
	Session string
	URL     string
}

// The metadata of a session of ours.
const (
	metaUser = "redoubt_user"
	metaPack = "redoubt_pack"
)

// Checkout opens a form to pay for one pack. Errors: [threat.Unavailable]; the cause is in its tree for the log, without the key.
func (s *Stripe) Checkout(ctx context.Context, o Order) (Checkout, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ours := map[string]string{metaUser: o.UserID, metaPack: o.Pack}
	params := &stripe.CheckoutSessionCreateParams{
		Mode:              stripe.String(string(stripe.CheckoutSessionModePayment)),
		LineItems:         []*stripe.CheckoutSessionCreateLineItemParams{{Price: stripe.String(o.Price), Quantity: stripe.Int64(1)}},
		ClientReferenceID: stripe.String(o.UserID),
		SuccessURL:        stripe.String(o.PaidURL),
		CancelURL:         stripe.String(o.UnpaidURL),
		Metadata:          ours,
		PaymentIntentData: &stripe.CheckoutSessionCreatePaymentIntentDataParams{Metadata: ours},
		AdaptivePricing:   &stripe.CheckoutSessionCreateAdaptivePricingParams{Enabled: stripe.Bool(false)},
	}
	if strings.Contains(o.Email, "@") {
		params.CustomerEmail = stripe.String(o.Email)
	}
	params.Context = ctx
	var session stripe.CheckoutSession
	if err := s.backend.Call(http.MethodPost, "/v1/checkout/sessions", string(s.config.Key), params, &session); err != nil {
		return Checkout{}, &failure{threat.Errorf(threat.Unavailable, "the payment service did not open a checkout").Hinted("try again; the server's log has the cause"), cause(err)}
	}
	if session.ID == "" {
		return Checkout{}, &failure{threat.Errorf(threat.Unavailable, "the payment service opened no checkout").Hinted("try again"), "its answer has no id"}
	}
	return Checkout{session.ID, session.URL}, nil
}

// failure is an error for the caller, with a cause in our words for the operator's log.
type failure struct {
	public *threat.Error
	cause  string
}

func (f *failure) Error() string { return f.public.Error() + ": " + f.cause }
func (f *failure) Unwrap() error { return f.public }

// cause says what went wrong as far as that is no secret: Stripe's own message may hold part of the key.
func cause(err error) string {
	var e *stripe.Error
	if !errors.As(err, &e) {
		return "it could not be reached"
	}
	return fmt.Sprintf("status %d, type %q, code %q, param %q, request %q", e.HTTPStatusCode, e.Type, e.Code, e.Param, e.RequestID)
}

// Kind is what an event tells.
type Kind string

// The kinds that matter here.
const (
	Paid     Kind = "paid"     // a checkout was completed
	Refunded Kind = "refunded" // money was given back
	Other    Kind = ""
)

// Event is what Stripe reports.
type Event struct {
	ID   string
	Kind Kind

	// Of a checkout: whose and which, whether it is really paid, and how much.
	Session string
	UserID  string // empty where the checkout is not ours
	Pack    string
	Settled bool
	Amount  int64 // in the smallest unit of the currency; of a refund: the whole price
	// Currency is in lower case.
	Currency string
	Payment  string // Stripe's payment intent

	// Back is how much of the price was given back so far.
	Back int64
}

// Read checks the signature of a report, which holds for five minutes, and reads it. Errors: [threat.Invalid], in
// Stripe-Signature where that is missing, wrong or old.
func (s *Stripe) Read(body []byte, signature string) (Event, error) {
	e, err := webhook.ConstructEventWithOptions(body, signature, string(s.config.WebhookSecret), webhook.ConstructEventOptions{
		Tolerance:                tolerance,
		IgnoreAPIVersionMismatch: true, // the fields read here are in every version
	})
	switch {
	case errors.Is(err, webhook.ErrNotSigned), errors.Is(err, webhook.ErrInvalidHeader), errors.Is(err, webhook.ErrNoValidSignature), errors.Is(err, webhook.ErrTooOld):
		return Event{}, threat.Errorf(threat.Invalid, "the signature is missing, wrong or old").In("Stripe-Signature").Hinted("STRIPE_WEBHOOK_SECRET is that of the endpoint, and the clock is right")
	case err != nil || e.ID == "" || e.Data == nil:
		return Event{}, unread()
	}
	out := Event{ID: e.ID}
	switch e.Type {
	case stripe.EventTypeCheckoutSessionCompleted, stripe.EventTypeCheckoutSessionAsyncPaymentSucceeded:
		var session stripe.CheckoutSession
		if json.Unmarshal(e.Data.Raw, &session) != nil || session.ID == "" {
			return Event{}, unread()
		}
		out.Kind, out.Session, out.Amount, out.Currency = Paid, session.ID, session.AmountTotal, strings.ToLower(string(session.Currency))
		out.Settled = session.PaymentStatus == stripe.CheckoutSessionPaymentStatusPaid && session.Mode == stripe.CheckoutSessionModePayment
		if user := session.Metadata[metaUser]; user == session.ClientReferenceID {
			out.UserID = user
		}
		out.Pack = session.Metadata[metaPack]
		if session.PaymentIntent != nil {
			out.Payment = session.PaymentIntent.ID
		}
	case stripe.EventTypeChargeRefunded:
		var charge stripe.Charge
		if json.Unmarshal(e.Data.Raw, &charge) != nil {
			return Event{}, unread()
		}
		out.Kind, out.Amount, out.Back, out.Currency = Refunded, charge.Amount, charge.AmountRefunded, strings.ToLower(string(charge.Currency))
		if charge.PaymentIntent != nil {
			out.Payment = charge.PaymentIntent.ID
		}
	default:
	}
	return out, nil
}

func unread() *threat.Error {
	return threat.Errorf(threat.Invalid, "the report cannot be read").Hinted("it is not an event of Stripe's with a snapshot of its object")
}
