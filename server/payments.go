package server

import (
	"errors"
	"io"
	"net/http"

	"github.com/redoubt-dev/redoubt/rest"
	"github.com/redoubt-dev/redoubt/threat"
)

// paymentLimit is the body limit of what Stripe reports, in bytes.
const paymentLimit = 256 << 10

// payments serves what Stripe and a buyer's browser call, without a key of ours.
func (s *Server) payments(mux *http.ServeMux) {
	if !s.config.Service.PlansOn() {
		return
	}
	mux.Handle("POST /api/v1/billing/stripe", s.chain("/api/v1/billing/stripe", paymentLimit, false, http.HandlerFunc(s.takePayment)))
	for path, text := range map[string]string{
		"/api/v1/billing/paid":      "Thank you. The credits are yours as soon as the payment is confirmed; you can close this page.\n",
		"/api/v1/billing/cancelled": "Nothing was bought; you can close this page.\n",
	} {
		mux.Handle("GET "+path, s.chain(path, 0, false, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			_, _ = io.WriteString(w, text)
		})))
	}
}

// takePayment takes a report of Stripe's. Its signature is over the body as it came, and is all that says who sent it.
func (s *Server) takePayment(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		rest.WriteTooLarge(w, paymentLimit)
		return
	}
	err = s.config.Service.TakePayment(r.Context(), body, r.Header.Get("Stripe-Signature"))
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	var te *threat.Error
	if !errors.As(err, &te) || te.Code == threat.Internal {
		te = threat.Errorf(threat.Internal, "internal error") // it is sent again
	}
	rest.WriteError(w, te)
}
