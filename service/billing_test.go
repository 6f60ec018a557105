package service_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stripe/stripe-go/v85/webhook"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/billing"
	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/internal/testenv/live"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

const (
	stripeKey    = "sk_test_4eC39HqLyjWDarjtT1zdp7dc"
	stripeSecret = "whsec_5f0c1b7e9a2d4466"
)

// shop is a server that sells packs.
type shop struct {
	*live.Env
	t     *testing.T
	clock *testenv.Clock
	user  *live.User
	n     int
}

func newShop(t *testing.T, apiBase string) *shop {
	t.Helper()
	stripe, err := billing.New(billing.Config{Key: stripeKey, WebhookSecret: stripeSecret, APIBase: apiBase})
	if err != nil {
		t.Fatal(err)
	}
	s := &shop{t: t, clock: testenv.NewClock()}
	s.Env = live.StartOver(t, service.Config{
		Store: testenv.StoreAt(t, s.clock), Log: zerolog.New(nil).Level(zerolog.TraceLevel),
		Plans: &service.Plans{Stripe: stripe, PlansTable: service.PlansTable{Packs: []service.Pack{
			{ID: "small", Credits: 500, Price: "price_small", Amount: 900, Currency: "eur"},
			{ID: "large", Credits: 2000, Price: "price_large", Amount: 2900, Currency: "eur"},
		}}},
	})
	s.user = s.NewUser(t, account.Developer)
	return s
}

// event is a report of Stripe's.
func (s *shop) event(kind string, object map[string]any) map[string]any {
	s.n++
	return map[string]any{
		"id": fmt.Sprintf("evt_%d", s.n), "object": "event", "api_version": "2019-01-01", "created": 1, "type": kind, "livemode": false,
		"data": map[string]any{"object": object},
	}
}

// paid is the report of a paid checkout, with changes.
func (s *shop) paid(session string, changes ...func(map[string]any)) map[string]any {
	object := map[string]any{
		"id": session, "object": "checkout.session", "mode": "payment", "payment_status": "paid", "amount_total": 900, "currency": "eur",
		"client_reference_id": s.user.User.ID, "payment_intent": "pi_" + session,
		"metadata": map[string]any{"redoubt_user": s.user.User.ID, "redoubt_pack": "small"},
	}
	for _, change := range changes {
		change(object)
	}
	return s.event("checkout.session.completed", object)
}

func (s *shop) refunded(session string, back int) map[string]any {
	return s.event("charge.refunded", map[string]any{
		"id": "ch_" + session, "object": "charge", "amount": 900, "amount_refunded": back, "currency": "eur", "payment_intent": map[string]any{"id": "pi_" + session, "object": "payment_intent"},
	})
}

// send sends a report as Stripe does, signed so long ago, and returns the status.
func (s *shop) send(event map[string]any, secret string, ago time.Duration) int {
	s.t.Helper()
	body, err := json.Marshal(event)
	if err != nil {
		s.t.Fatal(err)
	}
	signed := webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{Payload: body, Secret: secret, Timestamp: time.Now().Add(-ago)})
	r := s.Do(s.t, "POST", "/api/v1/billing/stripe", strings.NewReader(string(body)), "Stripe-Signature", signed.Header)
	return r.Status
}

func (s *shop) heeded(event map[string]any) {
	s.t.Helper()
	if status := s.send(event, stripeSecret, 0); status != http.StatusNoContent {
		s.t.Fatalf("%v: %d", event, status)
	}
}

// want checks what the user has in packs, and that the ledger says the same.
func (s *shop) want(packs int) {
	s.t.Helper()
	out, err := s.Service.GetPlan(s.t.Context(), s.user.Who, service.GetPlanIn{})
	if err != nil || out.Credits.Packs != packs {
		s.t.Fatalf("%+v, %v; want %d", out.Credits, err, packs)
	}
	ledger, err := s.Service.GetLedger(s.t.Context(), s.user.Who, service.GetLedgerIn{})
	sum := 0
	for _, r := range ledger.Ledger {
		sum += r.Packs
	}
	if err != nil || sum != packs {
		s.t.Fatalf("the ledger comes to %d, %v: %+v", sum, err, ledger)
	}
}

// What is paid is credited once, however often it is told and by whatever event.
func TestPaymentsAreCreditedOnce(t *testing.T) {
	s := newShop(t, "")
	first := s.paid("cs_1")
	for range 3 {
		s.heeded(first)
		s.want(500)
	}
	again := s.paid("cs_1") // another event about the same checkout
	again["type"] = "checkout.session.async_payment_succeeded"
	s.heeded(again)
	s.want(500)
	s.heeded(s.paid("cs_2", func(o map[string]any) {
		o["amount_total"], o["metadata"].(map[string]any)["redoubt_pack"] = 2900, "large"
	}))
	s.want(2500)
	s.heeded(s.event("invoice.paid", map[string]any{"id": "in_1", "object": "invoice"})) // of no concern
	s.want(2500)

	// A payment that takes days is credited when it has come.
	s.heeded(s.paid("cs_3", func(o map[string]any) { o["payment_status"] = "unpaid" }))
	s.want(2500)
	late := s.paid("cs_3")
	late["type"] = "checkout.session.async_payment_succeeded"
	s.heeded(late)
	s.want(3000)
	if out, err := s.Service.GetActivity(t.Context(), s.user.Who, service.GetActivityIn{Verb: "buy_credits"}); err != nil || out.Total != 3 {
		t.Errorf("%+v, %v", out, err)
	}
}

// Reports at once credit once.
func TestPaymentsAtOnce(t *testing.T) {
	s := newShop(t, "")
	event := s.paid("cs_1")
	done := make(chan int)
	for range 6 {
		go func() { done <- s.send(event, stripeSecret, 0) }()
	}
	for range 6 {
		if status := <-done; status != http.StatusNoContent {
			t.Errorf("status %d", status)
		}
	}
	s.want(500)
}

// What is not as it was sold credits nothing, is logged, and can be told again once the operator has mended what is wrong.
func TestWrongPaymentsAreRefused(t *testing.T) {
	s := newShop(t, "")
	for name, change := range map[string]func(map[string]any){
		"is not paid":                   func(o map[string]any) { o["payment_status"] = "unpaid" },
		"not paid":                      func(o map[string]any) { o["payment_status"] = "no_payment_required" },
		"checkout is not paid":          func(o map[string]any) { o["mode"] = "setup" },
		"amount is not the price":       func(o map[string]any) { o["amount_total"] = 899 },
		"the amount is not":             func(o map[string]any) { o["amount_total"] = 90_000 },
		"currency is not":               func(o map[string]any) { o["currency"] = "jpy" },
		"pack is not known":             func(o map[string]any) { o["metadata"].(map[string]any)["redoubt_pack"] = "huge" },
		"was not opened by this server": func(o map[string]any) { o["metadata"] = map[string]any{} },
		"not opened by this server":     func(o map[string]any) { o["client_reference_id"] = "somebody" },
		"user is no more": func(o map[string]any) {
			o["client_reference_id"] = "x"
			o["metadata"].(map[string]any)["redoubt_user"] = "x"
		},
	} {
		before := len(s.Log.String())
		s.heeded(s.paid("cs_"+name, change))
		if log := s.Log.String()[before:]; !strings.Contains(log, name) || !strings.Contains(log, "cs_"+name) {
			t.Errorf("%s: the log says %s", name, log)
		}
		s.want(0)
	}
	event := s.paid("cs_1", func(o map[string]any) { o["amount_total"] = 899 })
	s.heeded(event)
	event["data"].(map[string]any)["object"].(map[string]any)["amount_total"] = 900
	s.heeded(event)
	s.want(500)
}

func TestForgedPayments(t *testing.T) {
	s := newShop(t, "")
	if status := s.send(s.paid("cs_1"), "whsec_guessed", 0); status != http.StatusBadRequest {
		t.Errorf("a forged signature: %d", status)
	}
	if status := s.send(s.paid("cs_1"), stripeSecret, 6*time.Minute); status != http.StatusBadRequest {
		t.Errorf("an old signature: %d", status)
	}
	body, err := json.Marshal(s.paid("cs_1"))
	if err != nil {
		t.Fatal(err)
	}
	post := func(body, signature string) live.Response {
		return s.Do(t, "POST", "/api/v1/billing/stripe", strings.NewReader(body), "Stripe-Signature", signature)
	}
	good := webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{Payload: body, Secret: stripeSecret}).Header
	for name, r := range map[string]live.Response{
		"none": post(string(body), ""), "nonsense": post(string(body), "t=x,v1=y"), "another body": post(strings.Replace(string(body), "900", "901", 1), good),
		"one space more": post(string(body)+" ", good),
	} {
		if r.Status != http.StatusBadRequest || !strings.Contains(string(r.Body), `"code":"invalid"`) {
			t.Errorf("%s: %d %s", name, r.Status, r.Body)
		}
	}
	for _, body := range []string{`{"object":"event"}`, `[]`, `{"object":"event","id":"evt_x","type":"checkout.session.completed","data":{"object":{"id":7}}}`} {
		signature := webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{Payload: []byte(body), Secret: stripeSecret}).Header
		if r := post(body, signature); r.Status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", body, r.Status, r.Body)
		}
	}
	if r := post(strings.Repeat(" ", 300<<10), good); r.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("a long body: %d", r.Status)
	}
	s.want(0)
	if r := post(string(body), good); r.Status != http.StatusNoContent {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	s.want(500)
	if log := s.Log.String(); strings.Contains(log, stripeKey) || strings.Contains(log, stripeSecret) {
		t.Error("a secret is in the log")
	}
}

// A refund takes back what is left, once, and may be told before the payment.
func TestRefunds(t *testing.T) {
	s := newShop(t, "")
	s.heeded(s.paid("cs_1"))
	third := s.refunded("cs_1", 300)
	for range 2 {
		s.heeded(third)
		s.want(334) // 166 of 500 for a third of the price
	}
	s.heeded(s.refunded("cs_1", 900))
	s.want(0)
	s.heeded(s.refunded("cs_1", 600)) // an older report
	s.want(0)

	s.heeded(s.refunded("cs_2", 450))
	s.heeded(s.paid("cs_2"))
	s.want(250)

	// What is spent is spent.
	s.heeded(s.paid("cs_3"))
	s.want(750)
	testenv.Write(t, s.Store, func(tx *store.Tx) error {
		a, err := tx.LockCreditAccount(s.user.User.ID)
		if err != nil {
			return err
		}
		_, entries := a.Settle(tx.Now(), "none", 200+700)
		return tx.SaveCreditAccount(s.user.User.ID, a, entries, store.CreditNote{Operation: "x"})
	})
	s.want(50)
	s.heeded(s.refunded("cs_3", 900))
	s.want(0)
	s.heeded(s.refunded("cs_of_something_else", 900))
	s.want(0)
}

// stripeMock starts Stripe's own imitation of its API and returns where it is.
func stripeMock(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("stripe-mock is built first")
	}
	const module = "github.com/stripe/stripe-mock@v0.203.0"
	bin := t.TempDir()
	build := exec.Command("go", "install", module)
	build.Env = append(os.Environ(), "GOBIN="+bin, "GOFLAGS=-mod=mod", "CGO_ENABLED=0")
	build.Dir = bin
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go install %s: %v\n%s", module, err, out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	mock := exec.Command(filepath.Join(bin, "stripe-mock"), "-http-addr", addr)
	if err := mock.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = mock.Process.Kill()
		_ = mock.Wait()
	})
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			_ = c.Close()
			return "http://" + addr
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// A checkout is opened as Stripe's own imitation of its API wants it.
func TestCheckout(t *testing.T) {
	s := newShop(t, stripeMock(t))
	buy := func(u *live.User, body string) live.Response {
		return u.Do("POST", "/api/v1/billing/checkout", strings.NewReader(body), "Content-Type", "application/json")
	}
	r := buy(s.user, `{"pack":"small"}`)
	var out service.StartCheckoutOut
	if err := json.Unmarshal(r.Body, &out); err != nil || r.Status != 200 || out.Pack != "small" || !strings.HasPrefix(out.SessionID, "cs_") {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	if r := buy(s.user, `{"pack":"huge"}`); r.Status != 400 {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	if r := buy(s.NewKey(t, s.user.User, s.user.User.PersonalWorkspace, account.Verifier), `{"pack":"small"}`); r.Status != 403 {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	s.want(0)
	s.heeded(s.paid(out.SessionID))
	s.want(500)
	for _, page := range []string{"paid", "cancelled"} {
		if r := s.Do(t, "GET", "/api/v1/billing/"+page, nil); r.Status != 200 || !strings.Contains(string(r.Body), "close this page") {
			t.Errorf("%d %s", r.Status, r.Body)
		}
	}
}

// What goes wrong at Stripe is told in our words: what Stripe says may hold the key.
func TestCheckoutFails(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"a wrong key": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprintf(w, `{"error":{"type":"invalid_request_error","message":"Invalid API Key provided: %s"}}`, stripeKey)
		},
		"no session": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{}`) },
		"nonsense":   func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `<html>`) },
		"elsewhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusTemporaryRedirect)
		},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			srv := &http.Server{Handler: answer, ReadHeaderTimeout: time.Second}
			go func() { _ = srv.Serve(l) }()
			defer srv.Close()
			s := newShop(t, "http://"+l.Addr().String())
			r := s.user.Do("POST", "/api/v1/billing/checkout", strings.NewReader(`{"pack":"small"}`), "Content-Type", "application/json")
			if r.Status != http.StatusServiceUnavailable {
				t.Errorf("%d %s", r.Status, r.Body)
			}
			if log := s.Log.String(); strings.Contains(log+string(r.Body), stripeKey) || !strings.Contains(log, "no checkout could be opened") {
				t.Errorf("answer %s, log %s", r.Body, log)
			}
			s.want(0)
		})
	}
}

func TestStripeSettings(t *testing.T) {
	for _, c := range []billing.Config{
		{Key: "sk"}, {WebhookSecret: "wh"}, {}, {Key: "sk", WebhookSecret: "wh", APIBase: "stripe"}, {Key: "sk", WebhookSecret: "wh", APIBase: "https://user:pass@x"},
	} {
		if _, err := billing.New(c); threat.CodeOf(err) != threat.Invalid {
			t.Errorf("%+v: %v", c, err)
		}
	}
	c := billing.Config{Key: stripeKey, WebhookSecret: stripeSecret}
	raw, err := json.Marshal(c)
	if text := fmt.Sprintf("%v %+v %#v %s %x", c, c, c, c.Key, c.WebhookSecret) + string(raw); err != nil || strings.Contains(text, "4eC39") || strings.Contains(text, "5f0c") || strings.Contains(text, "346543") {
		t.Errorf("a secret is printed: %s", text)
	}
}
