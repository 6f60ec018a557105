package cli_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stripe/stripe-go/v85/webhook"
)

// payFor runs "pay STATUS USER PACK AMOUNT SECRET": it reports a paid checkout as Stripe does, signed with the secret, and the answer must have
// the status. $SESSION is the checkout's id.
func payFor(ts *testscript.TestScript, _ bool, args []string) {
	amount, err := strconv.Atoi(args[3])
	ts.Check(err)
	session := ts.Getenv("SESSION")
	body, err := json.Marshal(map[string]any{
		"id": "evt_" + session, "object": "event", "type": "checkout.session.completed", "data": map[string]any{"object": map[string]any{
			"id": session, "object": "checkout.session", "mode": "payment", "payment_status": "paid", "amount_total": amount, "currency": "eur",
			"client_reference_id": args[1], "payment_intent": "pi_" + session, "metadata": map[string]any{"redoubt_user": args[1], "redoubt_pack": args[2]},
		}},
	})
	ts.Check(err)
	request, err := http.NewRequest(http.MethodPost, ts.Getenv("URL")+"/api/v1/billing/stripe", strings.NewReader(string(body)))
	ts.Check(err)
	request.Header.Set("Stripe-Signature", webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{Payload: body, Secret: args[4]}).Header)
	response, err := http.DefaultClient.Do(request)
	ts.Check(err)
	ts.Check(response.Body.Close())
	if got := fmt.Sprint(response.StatusCode); got != args[0] {
		ts.Fatalf("status %s, want %s", got, args[0])
	}
}
