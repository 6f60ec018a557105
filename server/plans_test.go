package server_test

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/internal/testenv/live"
	"github.com/redoubt-dev/redoubt/llm/llmtest"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/threat"
	"github.com/redoubt-dev/redoubt/tools"
)

// planned is a server with plans, a language model and a clock to set.
func planned(t *testing.T, table service.PlansTable) (*live.Env, *testenv.Clock) {
	t.Helper()
	play := llmtest.OpenAI(t, func(llmtest.Request) llmtest.Reply { return llmtest.Answer(`{"answer":"It is a thing.","ids":[]}`) })
	clock := testenv.NewClock()
	return live.StartOver(t, service.Config{
		Store: testenv.StoreAt(t, clock), LLM: live.LLM(t, play.URL), Plans: &service.Plans{PlansTable: table},
	}), clock
}

func postJSON(u *live.User, path, body string) live.Response {
	return u.Do("POST", "/api/v1"+path, strings.NewReader(body), "Content-Type", "application/json")
}

// Over HTTP, too much in a day is 429 with the seconds until midnight, and too few credits are 402.
func TestLimitsOfAPlanOverHTTP(t *testing.T) {
	env, clock := planned(t, service.PlansTable{DailyRequests: 2, AnswerTokens: 1000})
	u := env.NewUser(t, account.Developer)
	model := builtinModel(t, u)
	ask := func(question string) live.Response {
		return postJSON(u, "/models/"+model+"/query", `{"engine":"openai","question":"`+question+`"}`)
	}
	clock.Set(time.Date(2026, 3, 31, 23, 58, 29, 500_000_000, time.UTC))
	for _, question := range []string{"What is A1?", "What is A2?", "What is A2?"} { // the last one is kept
		if r := ask(question); r.Status != http.StatusOK {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
	}
	r := ask("What is T1?")
	if r.Status != http.StatusTooManyRequests || r.Header.Get("Retry-After") != "91" || !bytes.Contains(r.Body, []byte(`"code":"rate_limited"`)) || !bytes.Contains(r.Body, []byte("2026-04-01T00:00:00Z")) {
		t.Errorf("%d %v %s", r.Status, r.Header, r.Body)
	}
	if r := ask("What is A1?"); r.Status != http.StatusOK {
		t.Errorf("a kept answer: %d %s", r.Status, r.Body)
	}
	if r := postJSON(u, "/models/"+model+"/query", `{"engine":"builtin","question":"What is T1?"}`); r.Status != http.StatusOK {
		t.Errorf("engine builtin: %d %s", r.Status, r.Body)
	}
	usage := decoded[service.GetUsageOut](t, u.Do("GET", "/api/v1/usage", nil))
	if usage.Plan != "free" || usage.Credits.Used != 2 || usage.Credits.Allowance != 200 || !usage.Credits.ResetsAt.Equal(time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("%s %+v", usage.Plan, usage.Credits)
	}
	clock.Set(time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC))
	if r := ask("What is T1?"); r.Status != http.StatusOK || r.Header.Get("Retry-After") != "" {
		t.Errorf("after midnight: %d %s", r.Status, r.Body)
	}

	env, _ = planned(t, service.PlansTable{AnswerTokens: 250_000})
	u = env.NewUser(t, account.Developer)
	model = builtinModel(t, u)
	if r := ask("What is A1?"); r.Status != http.StatusPaymentRequired || !bytes.Contains(r.Body, []byte(`"code":"payment_required"`)) || !bytes.Contains(r.Body, []byte("200 are left")) {
		t.Errorf("%d %s", r.Status, r.Body)
	}
}

// Compliance is for those whose plan has it: every tool and route of it, in the same words for ids that are there and for others; what frameworks
// there are, everybody sees.
func TestComplianceNeedsAPlan(t *testing.T) {
	env, clock := planned(t, service.PlansTable{})
	u := env.NewUser(t, account.Developer, func(k *account.Key) { k.Decide = true })
	here := missing
	here.model, here.framework = builtinModel(t, u), "asvs-5.0"
	here.system = live.Call[service.GetSystemOut](u, "create_system", live.Args{"name": "all", "models": []string{here.model}}).SystemID
	routes := func(fn func(name string, there, none live.Response)) {
		n := 0
		for _, rt := range env.Server.Routes() {
			name := rt.Method + " " + rt.Path
			if name == "GET /frameworks" || name == "GET /models/{model_id}/frameworks" ||
				!strings.Contains(name, "compliance") && !strings.Contains(name, "framework") && !strings.Contains(name, "remediation") {
				continue
			}
			n++
			fn(name, request(t, u, rt, here), request(t, u, rt, missing))
		}
		if n < 10 {
			t.Errorf("only %d routes of compliance are found", n)
		}
	}
	toolCalls := func(fn func(name string, answer live.Response)) {
		n := 0
		for _, tool := range env.Server.Tools() {
			if tool.Toolset == tools.Compliance && tool.Name != "list_frameworks" {
				n++
				fn(tool.Name, raw(u, "tools/call", map[string]any{"name": tool.Name, "arguments": toolCases[tool.Name](here)}))
			}
		}
		if n < 8 {
			t.Errorf("only %d tools of compliance are found", n)
		}
	}
	refused := func(when string) {
		t.Helper()
		routes(func(name string, there, none live.Response) {
			if there.Status != http.StatusPaymentRequired || !bytes.Equal(there.Body, none.Body) {
				t.Errorf("%s, %s: %d %s, %d %s", when, name, there.Status, there.Body, none.Status, none.Body)
			}
		})
		toolCalls(func(name string, answer live.Response) {
			if !bytes.Contains(answer.Body, []byte("payment_required")) {
				t.Errorf("%s, %s: %s", when, name, answer.Body)
			}
		})
		for _, open := range []string{"/frameworks", "/models/" + here.model + "/frameworks"} {
			if r := u.Do("GET", "/api/v1"+open, nil); r.Status != http.StatusOK {
				t.Errorf("%s, %s: %d %s", when, open, r.Status, r.Body)
			}
		}
		if r := raw(u, "resources/read", map[string]any{"uri": "redoubt://frameworks/asvs-5.0"}); bytes.Contains(r.Body, []byte(`"contents"`)) {
			t.Errorf("%s, the resource: %s", when, r.Body)
		}
	}
	refused("before the trial")
	if e := u.Refused("select_frameworks", live.Args{"model_id": here.model, "frameworks": []string{"asvs-5.0"}}, threat.PaymentRequired); !strings.Contains(e.Hint, "POST /api/v1/me/trial") {
		t.Errorf("%+v", e)
	}
	if r := u.Do("GET", "/api/v1/activity", nil); !bytes.Contains(r.Body, []byte(`"payment_required"`)) {
		t.Errorf("the refusal is not in the activity: %s", r.Body)
	}
	trial := decoded[service.PlanOut](t, postJSON(u, "/me/trial", `{}`))
	if trial.Plan != "pro" || !trial.Trial {
		t.Errorf("%+v", trial)
	}
	routes(func(name string, there, _ live.Response) {
		if there.Status == http.StatusPaymentRequired {
			t.Errorf("during the trial, %s: %s", name, there.Body)
		}
	})
	toolCalls(func(name string, answer live.Response) {
		if bytes.Contains(answer.Body, []byte("payment_required")) {
			t.Errorf("during the trial, %s: %s", name, answer.Body)
		}
	})
	clock.Advance(30 * 24 * time.Hour)
	refused("after the trial")
	if r := postJSON(u, "/me/trial", `{}`); r.Status != http.StatusPreconditionFailed {
		t.Errorf("a second trial: %d %s", r.Status, r.Body)
	}
}

// What a user has is for that user's keys alone, and changed by administrators alone.
func TestPlansIsolate(t *testing.T) {
	env, _ := planned(t, service.PlansTable{})
	root := administrator(t, env)
	u, other := env.NewUser(t, account.Developer), env.NewUser(t, account.Developer)
	of := "/admin/users/" + u.User.ID
	if got := decoded[service.AdminUserOut](t, postJSON(root, of, `{"plan":"organization","credits":70,"reason":"thanks","idempotency_key":"one"}`)); got.Plan != "organization" || got.Credits.Packs != 70 || !got.Credits.Unlimited {
		t.Errorf("%+v", got)
	}
	if got := decoded[service.AdminUserOut](t, postJSON(root, of, `{"plan":"organization","credits":70,"reason":"thanks","idempotency_key":"one"}`)); got.Credits.Packs != 70 {
		t.Errorf("a repeat grants again: %+v", got)
	}
	for body, status := range map[string]int{
		`{"plan":"gold"}`: 400, `{"credits":-5}`: 400, `{"credits":2000000000}`: 400, `{}`: 400, `{"plan":7}`: 400,
	} {
		if r := postJSON(root, of, body); r.Status != status {
			t.Errorf("%s: %d %s", body, r.Status, r.Body)
		}
	}
	if r := postJSON(u, of, `{"plan":"pro"}`); r.Status != http.StatusForbidden {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	mine, theirs := u.Do("GET", "/api/v1/me/plan", nil), other.Do("GET", "/api/v1/me/plan", nil)
	if !bytes.Contains(mine.Body, []byte(u.User.ID)) || bytes.Contains(theirs.Body, []byte(u.User.ID)) || !bytes.Contains(theirs.Body, []byte(`"plan":"free"`)) {
		t.Errorf("%s\n%s", mine.Body, theirs.Body)
	}
	if got := decoded[service.GetLedgerOut](t, u.Do("GET", "/api/v1/me/ledger?limit=1", nil)); got.Total != 3 || got.Returned != 1 || got.Ledger[0].Packs != 70 || got.Summary.Packs != 70 {
		t.Errorf("%+v", got)
	}
	if got := decoded[service.GetLedgerOut](t, other.Do("GET", "/api/v1/me/ledger", nil)); got.Total != 0 {
		t.Errorf("%+v", got)
	}
	verifier := env.NewKey(t, u.User, u.User.PersonalWorkspace, account.Verifier)
	for _, rt := range env.Server.Routes() {
		if slices.Contains([]string{"/me/plan", "/me/trial", "/me/ledger", "/billing/checkout"}, rt.Path) {
			body := `{}`
			if rt.Path == "/billing/checkout" {
				body = `{"pack":"x"}`
			}
			if r := verifier.Do(rt.Method, "/api/v1"+rt.Path, strings.NewReader(body), "Content-Type", "application/json"); r.Status != http.StatusForbidden {
				t.Errorf("%s %s with a verifier key: %d %s", rt.Method, rt.Path, r.Status, r.Body)
			}
			if r := env.Do(t, rt.Method, "/api/v1"+rt.Path, nil); r.Status != http.StatusUnauthorized {
				t.Errorf("%s %s without a key: %d", rt.Method, rt.Path, r.Status)
			}
		}
	}
	if r := postJSON(u, "/billing/checkout", `{"pack":"small"}`); r.Status != http.StatusPreconditionFailed {
		t.Errorf("nothing is sold: %d %s", r.Status, r.Body)
	}
	if r := env.Do(t, "POST", "/api/v1/billing/stripe", strings.NewReader(`{}`)); r.Status != http.StatusPreconditionFailed {
		t.Errorf("nothing is sold: %d %s", r.Status, r.Body)
	}
}

// A server without plans has none of it.
func TestWithoutPlans(t *testing.T) {
	env := live.Start(t)
	root := administrator(t, env)
	for _, path := range []string{"GET /me/plan", "GET /me/ledger", "POST /me/trial", "POST /billing/checkout", "POST /billing/stripe", "GET /billing/paid"} {
		method, path, _ := strings.Cut(path, " ")
		if r := root.Do(method, "/api/v1"+path, nil); r.Status != http.StatusNotFound {
			t.Errorf("%s: %d %s", path, r.Status, r.Body)
		}
	}
	u := env.NewUser(t, account.Developer)
	u.Generate(feature)
	if r := u.Do("GET", "/api/v1/usage", nil); r.Status != 200 || bytes.Contains(r.Body, []byte(`"credits"`)) || bytes.Contains(r.Body, []byte(`"plan"`)) {
		t.Errorf("%s", r.Body)
	}
	if r := postJSON(root, "/admin/users/"+u.User.ID, `{"plan":"pro"}`); r.Status != http.StatusPreconditionFailed {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	if r := postJSON(root, "/admin/users/"+u.User.ID, `{"disabled":false}`); r.Status != 200 || bytes.Contains(r.Body, []byte(`"plan"`)) {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	if r := env.Do(t, "GET", "/api/v1/openapi.json", nil); bytes.Contains(r.Body, []byte("/me/plan")) || bytes.Contains(r.Body, []byte("/billing/")) {
		t.Error("the document tells of plans")
	}
}
