package rest

import (
	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/service"
)

// plans registers what only a server with plans has.
func plans(a *API, svc *service.Service) {
	handle(a, "GET /me/plan", "Your plan, your credits, your referral codes, and the packs that can be bought", account.Read, svc.GetPlan)
	handle(a, "POST /me/trial", "Start your trial of pro: 30 days, once", account.OwnKeys, svc.StartTrial)
	handle(a, "GET /me/ledger", "What was added to your credits, and what was spent", account.Read, svc.GetLedger)
	handle(a, "POST /billing/checkout", "Open a checkout for a pack of credits", account.OwnKeys, svc.StartCheckout)
}
