package service_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/credit"
	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/internal/testenv/live"
	"github.com/redoubt-dev/redoubt/llm"
	"github.com/redoubt-dev/redoubt/llm/llmtest"
	"github.com/redoubt-dev/redoubt/pipeline"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// withPlans switches plans on.
func withPlans(table service.PlansTable) func(*service.Config) {
	return func(c *service.Config) { c.Plans = &service.Plans{PlansTable: table} }
}

// costing answers, and says that it took so many tokens.
func costing(tokens int) func(llmtest.Request) llmtest.Reply {
	return func(llmtest.Request) llmtest.Reply {
		r := llmtest.Answer("yes")
		r.PromptTokens, r.CompletionTokens = tokens, 0
		if tokens == 0 {
			r.Raw = `{"id":"x","object":"chat.completion","model":"test-model","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"yes"}}]}`
		}
		return r
	}
}

// question is one of many requests that differ.
func question(n int) llm.Request {
	return llm.Request{Prompt: fmt.Sprintf("Question %d?", n)}
}

func (k *thinker) plan(t testing.TB, u *live.User) service.PlanOut {
	t.Helper()
	out, err := k.Service.GetPlan(t.Context(), u.Who, service.GetPlanIn{})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (k *thinker) ledger(t testing.TB, u *live.User) service.GetLedgerOut {
	t.Helper()
	limit := service.MaxLimit
	out, err := k.Service.GetLedger(t.Context(), u.Who, service.GetLedgerIn{Limit: &limit})
	if err != nil {
		t.Fatal(err)
	}
	allowance, packs := 0, 0
	for _, r := range out.Ledger {
		allowance += r.Allowance
		packs += r.Packs
	}
	if out.Total == len(out.Ledger) && (out.Summary != service.LedgerSummary{Allowance: allowance, Packs: packs}) {
		t.Errorf("the rows come to %d and %d, the summary says %+v", allowance, packs, out.Summary)
	}
	return out
}

// grant gives a user a plan or credits.
func (k *thinker) grant(t testing.TB, u *live.User, plan string, credits int) {
	t.Helper()
	if _, err := k.Service.ChangePlanFor(t.Context(), u.User.Email, plan, credits); err != nil {
		t.Fatal(err)
	}
}

func refusedWith(t testing.TB, err error, want threat.Code) *threat.Error {
	t.Helper()
	var te *threat.Error
	if !errors.As(err, &te) || te.Code != want {
		t.Fatalf("got %v, want %s", err, want)
	}
	return te
}

func TestCallsCostCredits(t *testing.T) {
	k := newThinker(t, costing(2001), withPlans(service.PlansTable{Factors: credit.Factors{"dear": 1500}}))
	if _, err := k.ask(k.user, question(1)); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if a, err := k.ask(k.user, question(1)); err != nil || !a.Cached {
			t.Fatalf("%+v, %v", a, err)
		}
	}
	if _, err := k.Service.LLMFor(k.user.Who, "dear").Complete(t.Context(), question(2)); err != nil {
		t.Fatal(err)
	}
	for engine, status := range map[string]store.JobState{"builtin": store.JobDone, "agent": store.JobWaiting} {
		job := live.Call[service.JobOut](k.user, "generate_threat_model", live.Args{"feature_description": "Visitors upload pictures to a web server, which stores them on a disk.", "engine": engine, "wait_seconds": 50})
		if job.Status != status {
			t.Errorf("%+v", job)
		}
	}
	want := service.PlanOut{
		UserID: k.user.User.ID, Plan: "free", RequestsToday: 2, RequestsADay: 2000, Codes: []service.ReferralRow{}, ForSale: []service.Pack{},
		Credits: &service.CreditsOut{Allowance: 200, Used: 3 + 5, ResetsAt: time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)},
	}
	if d := cmp.Diff(want, k.plan(t, k.user), cmpopts.IgnoreFields(service.PlanOut{}, "Hint")); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	rows := []service.LedgerRow{
		{N: 3, At: testenv.Start, Kind: credit.Spent, Allowance: -5, Operation: "dear", Tokens: 2001},
		{N: 2, At: testenv.Start, Kind: credit.Spent, Allowance: -3, Operation: "query_threat_model", Tokens: 2001},
		{N: 1, At: testenv.Start, Kind: credit.Renewed, Allowance: 200},
	}
	if d := cmp.Diff(rows, k.ledger(t, k.user).Ledger); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if u := k.usage(t, k.user); u.Plan != "free" || !cmp.Equal(u.Credits, want.Credits) {
		t.Errorf("usage says %s, %+v", u.Plan, u.Credits)
	}

	// Plan and credits are the user's in every workspace, and nobody else's.
	team := k.NewKey(t, k.user.User, testenv.Workspace(t, k.Store, k.user.User).ID, account.Developer)
	if got := k.plan(t, team); got.Credits.Used != 8 {
		t.Errorf("in the team's workspace: %+v", got.Credits)
	}
	if other := k.NewUser(t, account.Developer); k.plan(t, other).Credits.Used != 0 || k.ledger(t, other).Total != 0 {
		t.Error("another user pays too")
	}
}

// What fails without an answer costs nothing; what a provider says that a bad answer took is paid for.
func TestFailedCallsGiveBack(t *testing.T) {
	for name, c := range map[string]struct {
		reply llmtest.Reply
		used  int
	}{
		"broken": {llmtest.Broken(), 0}, "reset": {llmtest.Reply{Reset: true}, 0}, "rate limited": {llmtest.RateLimited("9"), 0},
		"cut off": {llmtest.Reply{Text: "ye", Finish: "length", PromptTokens: 1500}, 2}, "no usage": {costing(0)(llmtest.Request{}), 0},
	} {
		t.Run(name, func(t *testing.T) {
			k := newThinker(t, llmtest.In(c.reply), withPlans(service.PlansTable{}))
			_, _ = k.ask(k.user, question(1))
			if got := k.plan(t, k.user); got.Credits.Used != c.used || got.Credits.Reserved != 0 || got.RequestsToday != 1 {
				t.Errorf("%+v, %d requests", got.Credits, got.RequestsToday)
			}
		})
	}
}

// A user spends up to the limit and is refused with all they need to know; a grant, a plan or the next month let them go on.
func TestNotEnoughCredits(t *testing.T) {
	k := newThinker(t, costing(9_000), withPlans(service.PlansTable{AnswerTokens: 10_000}))
	asked := 0
	spend := func() error {
		asked++
		_, err := k.ask(k.user, question(asked))
		return err
	}
	var err error
	for err == nil && asked < 100 {
		err = spend()
	}
	refused := refusedWith(t, err, threat.PaymentRequired)
	if asked != 23 { // 22 calls took 9 of 200 each; 2 are left of it, and a call may cost 11
		t.Errorf("call %d is refused: %v", asked, err)
	}
	for _, word := range []string{"up to 11 credits", "2 are left", "2026-04-01", "builtin and agent", "/billing/checkout"} {
		if !strings.Contains(refused.Error(), word) {
			t.Errorf("%q does not say %q", refused, word)
		}
	}
	if a, err := k.ask(k.user, question(1)); err != nil || !a.Cached {
		t.Errorf("a kept answer is refused: %v", err)
	}
	if k.play.Calls() != 22 {
		t.Errorf("%d calls were made", k.play.Calls())
	}
	k.grant(t, k.user, "", 20)
	if err := spend(); err != nil {
		t.Fatal(err)
	}
	if got := k.plan(t, k.user).Credits; got.Used != 200 || got.Packs != 13 {
		t.Errorf("the allowance is not used first: %+v", got)
	}
	k.grant(t, k.user, "pro", 0)
	if err := spend(); err != nil {
		t.Fatal(err)
	}
	if got := k.plan(t, k.user).Credits; got.Allowance != 1500 || got.Used != 209 || got.Packs != 13 {
		t.Errorf("%+v", got)
	}
	k.clock.Set(time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC))
	if got := k.plan(t, k.user).Credits; got.Used != 0 || got.Packs != 13 || !got.ResetsAt.Equal(time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("in April: %+v", got)
	}
	k.grant(t, k.user, "organization", 0)
	for range 3 {
		if err := spend(); err != nil {
			t.Fatal(err)
		}
	}
	if got := k.plan(t, k.user).Credits; !got.Unlimited || got.Used != 27 || got.Packs != 13 {
		t.Errorf("%+v", got)
	}
	k.ledger(t, k.user)
}

// A job that runs out of credits fails with the refusal, and goes on where it stopped.
func TestAJobRunsOutOfCredits(t *testing.T) {
	k := newThinker(t, func(r llmtest.Request) llmtest.Reply {
		reply := live.Scripted(r)
		reply.PromptTokens, reply.CompletionTokens = 60_000, 0
		return reply
	}, withPlans(service.PlansTable{AnswerTokens: 60_000}))
	refused := k.user.Refused("generate_threat_model", live.Args{
		"feature_description": "Visitors upload pictures to a web server, which stores them on a disk.", "engine": "openai", "wait_seconds": 50,
	}, threat.PaymentRequired)
	_, job, _ := strings.Cut(refused.Hint, `resume: "`)
	job, _, _ = strings.Cut(job, `"`)
	before := k.play.Calls()
	k.grant(t, k.user, "organization", 0)
	again := live.Call[service.JobOut](k.user, "generate_threat_model", live.Args{"resume": job, "wait_seconds": 50})
	if again.Status != store.JobDone {
		t.Fatalf("%+v, %+v", again, again.Error)
	}
	if before == 0 || k.play.Calls() <= before {
		t.Errorf("%d calls, then %d", before, k.play.Calls())
	}
	if got := k.plan(t, k.user); got.Credits.Reserved != 0 || got.Credits.Used != 60*k.play.Calls() {
		t.Errorf("%d calls: %+v", k.play.Calls(), got.Credits)
	}
}

// Calls at once wait for what others hold, are all answered while there is enough, and never spend more than there is.
func TestCallsAtOnceNeverOverspend(t *testing.T) {
	k := newThinker(t, costing(15_000), withPlans(service.PlansTable{AnswerTokens: 20_000})) // 21 are reserved, 15 spent
	var wg sync.WaitGroup
	var answered, refused atomic.Int64
	for i := range 20 {
		wg.Go(func() {
			_, err := k.ask(k.user, question(i))
			switch {
			case err == nil:
				answered.Add(1)
			case threat.CodeOf(err) == threat.PaymentRequired:
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	got := k.plan(t, k.user).Credits
	if answered.Load() != 12 || refused.Load() != 8 || got.Used != 180 || got.Reserved != 0 { // the 13th finds 20
		t.Errorf("%d answered, %d refused, %+v", answered.Load(), refused.Load(), got)
	}
	k.ledger(t, k.user)
}

func TestDailyLimit(t *testing.T) {
	k := newThinker(t, costing(10), withPlans(service.PlansTable{DailyRequests: 3}))
	k.grant(t, k.user, "organization", 0) // the limit is for every plan
	for i := range 3 {
		if _, err := k.ask(k.user, question(i)); err != nil {
			t.Fatal(err)
		}
	}
	_, err := k.ask(k.user, question(9))
	e := refusedWith(t, err, threat.RateLimited)
	if e.RetryAfter != 15*time.Hour || !strings.Contains(e.Hint, "2026-03-03T00:00:00Z") {
		t.Errorf("%+v", e)
	}
	if a, err := k.ask(k.user, question(1)); err != nil || !a.Cached {
		t.Errorf("a kept answer is refused: %v", err)
	}
	if _, err := k.ask(k.NewUser(t, account.Developer), question(9)); err != nil {
		t.Errorf("another user is refused: %v", err)
	}
	k.clock.Set(time.Date(2026, 3, 2, 23, 59, 59, 0, time.UTC))
	if _, err := k.ask(k.user, question(9)); refusedWith(t, err, threat.RateLimited).RetryAfter != time.Second {
		t.Error(err)
	}
	k.clock.Advance(time.Second)
	if _, err := k.ask(k.user, question(9)); err != nil {
		t.Errorf("the next day: %v", err)
	}
	if k.plan(t, k.user).RequestsToday != 1 {
		t.Errorf("%d requests", k.plan(t, k.user).RequestsToday)
	}
}

// A call whose process died between reservation and settlement gives back what it held when its time is up.
func TestACrashGivesBack(t *testing.T) {
	entered := make(chan struct{}, 1)
	k := newThinker(t, func(llmtest.Request) llmtest.Reply {
		entered <- struct{}{}
		return llmtest.Reply{Stall: true}
	}, withPlans(service.PlansTable{}))
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() {
		_, err := k.Service.LLMFor(k.user.Who, "x").Complete(ctx, question(1))
		gone <- err
	}()
	<-entered
	if got := k.plan(t, k.user).Credits; got.Reserved != 17 || got.Used != 0 {
		t.Errorf("%+v", got)
	}
	k.clock.Advance(time.Minute + time.Second)
	if got := k.plan(t, k.user).Credits; got.Reserved != 0 || got.Used != 0 {
		t.Errorf("a minute later: %+v", got)
	}
	cancel()
	if err := <-gone; err == nil {
		t.Error("it was answered")
	}
	if got := k.plan(t, k.user).Credits; got.Reserved != 0 || got.Used != 0 {
		t.Errorf("%+v", got)
	}
	k.ledger(t, k.user)
}

// When another process takes over a job, what the first attempt held is given back.
func TestATakenOverJobGivesBack(t *testing.T) {
	entered := make(chan struct{}, 20)
	k := newThinker(t, func(llmtest.Request) llmtest.Reply {
		entered <- struct{}{}
		return llmtest.Reply{Stall: true}
	}, withPlans(service.PlansTable{}), func(c *service.Config) { c.Workers = 1 }) // which waits: none of this process takes the job over
	job := live.Call[service.JobOut](k.user, "generate_threat_model", live.Args{
		"feature_description": "Visitors upload pictures to a web server, which stores them on a disk.", "engine": "openai", "wait_seconds": 0,
	})
	<-entered
	held := k.plan(t, k.user).Credits.Reserved
	if held == 0 {
		t.Fatal("nothing is held")
	}
	k.clock.Advance(31 * time.Second) // its lease, too, runs out
	other := llmtest.OpenAI(t, live.Scripted)
	expert, err := live.Expert()
	if err != nil {
		t.Fatal(err)
	}
	second, err := service.New(service.Config{Store: k.Store, Engines: []pipeline.Engine{expert}, LLM: live.LLM(t, other.URL), Plans: &service.Plans{}})
	if err != nil {
		t.Fatal(err)
	}
	second.Start()
	defer second.Stop()
	wait := 50
	done, err := second.GetOperationStatus(t.Context(), k.user.Who, service.GetOperationStatusIn{JobID: job.JobID, WaitSeconds: &wait, Seen: -1})
	if err != nil || done.Status != store.JobDone {
		t.Fatalf("%+v, %v", done, err)
	}
	if got := k.plan(t, k.user).Credits; got.Reserved != 0 || got.Used != other.Calls() {
		t.Errorf("%d calls: %+v", other.Calls(), got)
	}
	k.ledger(t, k.user)
}

func TestTrial(t *testing.T) {
	k := newThinker(t, costing(10), withPlans(service.PlansTable{}))
	u := k.user
	start := func() (service.PlanOut, error) {
		return k.Service.StartTrial(t.Context(), u.Who, service.StartTrialIn{})
	}
	compliance := func() error {
		_, err := k.Service.ImportFramework(t.Context(), u.Who, service.ImportFrameworkIn{FrameworkID: "own", Content: "id,text\n1,First\n"})
		return err
	}
	if e := refusedWith(t, compliance(), threat.PaymentRequired); !strings.Contains(e.Hint, "POST /api/v1/me/trial") {
		t.Errorf("%+v", e)
	}
	if _, err := k.ask(u, question(1)); err != nil {
		t.Fatal(err)
	}
	got, err := start()
	ends := testenv.Start.Add(30 * 24 * time.Hour)
	if err != nil || got.Plan != "pro" || !got.Trial || !got.TrialEndsAt.Equal(ends) || got.Credits.Allowance != 1500 || got.Credits.Used != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	_, err = start()
	refusedWith(t, err, threat.FailedPrecondition)
	if err := compliance(); err != nil {
		t.Error(err)
	}
	k.clock.Set(ends)
	if e := refusedWith(t, compliance(), threat.PaymentRequired); strings.Contains(e.Hint, "/me/trial") {
		t.Errorf("%+v", e)
	}
	if got := k.plan(t, u); got.Plan != "free" || got.Trial || got.Credits.Allowance != 200 {
		t.Errorf("%+v", got)
	}
	_, err = start()
	refusedWith(t, err, threat.FailedPrecondition)
	for plan, want := range map[string]threat.Code{"organization": "", "pro": "", "free": threat.PaymentRequired} {
		k.grant(t, u, plan, 0)
		if err := compliance(); threat.CodeOf(err) != want {
			t.Errorf("plan %s: %v", plan, err)
		}
	}
	k.ledger(t, u)
}

func TestReferrals(t *testing.T) {
	k := newThinker(t, costing(10), withPlans(service.PlansTable{}))
	var users []*live.User
	call := func(u *live.User, n int) {
		testenv.Write(t, k.Store, func(tx *store.Tx) error {
			for range n {
				err := tx.AddLLMCall(u.Who.WorkspaceID, store.LLMCall{ID: testenv.NewID(t), UserID: u.User.ID, Operation: "x", Engine: "openai", Asked: "a:b", Outcome: "answered"})
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	for i := range 12 {
		users = append(users, k.NewUser(t, account.Developer))
		call(users[i], i+1)
	}
	award := func() {
		t.Helper()
		var wg sync.WaitGroup
		for range 3 { // as several processes do
			wg.Go(func() {
				if err := k.Service.AwardReferrals(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	codes := func(i int) []service.ReferralRow { return k.plan(t, users[i]).Codes }
	award() // for February, in which nobody asked
	k.clock.Set(time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC))
	award()
	award()
	for i := range users {
		want := 1 // the ten with the most
		if i < 2 {
			want = 0
		}
		if got := codes(i); len(got) != want {
			t.Errorf("user %d holds %v", i, got)
		}
	}
	mine := codes(11)[0]
	if !mine.ExpiresAt.Equal(k.clock.Now().Add(90*24*time.Hour)) || len(mine.Code) != 16 {
		t.Errorf("%+v", mine)
	}

	// A sign-up earns the holder credits, once.
	sign := func(email, referral, by string) error {
		if by != "" {
			who := users[11].Who
			who.UserID, who.Scope, who.InstanceAdmin = by, account.Admin, true
			_, err := k.Service.AdminCreateUser(t.Context(), who, service.CreateUserIn{Email: email, Referral: referral})
			return err
		}
		_, err := k.Service.CreateUser(t.Context(), service.CreateUserIn{Email: email, Referral: referral})
		return err
	}
	self := strings.Replace(users[11].User.Email, "@", "+me@", 1)
	refusedWith(t, sign(self, mine.Code, ""), threat.Invalid)
	refusedWith(t, sign("new@example.org", mine.Code, users[11].User.ID), threat.Invalid)
	refusedWith(t, sign("new@example.org", "NOSUCHCODE", ""), threat.NotFound)
	if out, err := k.Service.GetActivity(t.Context(), users[11].Who, service.GetActivityIn{Verb: "earn_referral_code"}); err != nil || out.Total != 1 {
		t.Errorf("%+v, %v", out, err)
	}
	if k.plan(t, users[11]).Credits.Packs != 0 {
		t.Error("a refused sign-up earns credits")
	}
	if err := sign("new@example.org", " "+strings.ToLower(mine.Code)+" ", ""); err != nil {
		t.Fatal(err)
	}
	refusedWith(t, sign("newer@example.org", mine.Code, ""), threat.NotFound)
	if out, err := k.Service.GetActivity(t.Context(), users[11].Who, service.GetActivityIn{Verb: "earn_referral_credits"}); err != nil || out.Total != 1 {
		t.Errorf("%+v, %v", out, err)
	}
	if got := k.plan(t, users[11]); got.Credits.Packs != 25 || len(got.Codes) != 0 {
		t.Errorf("%+v", got)
	}
	late := codes(10)[0].Code

	// Nobody holds more than three, and what expired does not count.
	for month := time.April; month <= time.July; month++ {
		for i := 9; i < 12; i++ {
			call(users[i], 1)
		}
		k.clock.Set(time.Date(2026, month+1, 1, 0, 0, 0, 0, time.UTC))
		award()
		held := len(codes(10))
		if want := map[time.Month]int{time.April: 2, time.May: 3, time.June: 3, time.July: 3}[month]; held != want {
			t.Errorf("after %s: %d codes", month, held)
		}
	}
	refusedWith(t, sign("late@example.org", late, ""), threat.NotFound)
	k.ledger(t, users[11])
}

// A row that an administrator sees tells the plan that counts.
func TestTheSummaryTellsPlans(t *testing.T) {
	k := newThinker(t, costing(10), withPlans(service.PlansTable{}))
	if _, err := k.ask(k.user, question(1)); err != nil {
		t.Fatal(err)
	}
	admin := k.user.Who
	admin.Scope, admin.InstanceAdmin = account.Admin, true
	for _, want := range []string{"free", "pro"} {
		out, err := k.Service.GetUsageSummary(t.Context(), admin, service.GetUsageSummaryIn{})
		if err != nil || out.TopUsers[0].Plan != want {
			t.Errorf("%+v, %v", out.TopUsers, err)
		}
		if _, err := k.Service.StartTrial(t.Context(), k.user.Who, service.StartTrialIn{}); err != nil && want == "free" {
			t.Fatal(err)
		}
	}
}

// Without plans nothing is asked, stored or shown.
func TestPlansOff(t *testing.T) {
	k := newThinker(t, costing(1_000_000))
	for i := range 5 {
		if _, err := k.ask(k.user, question(i)); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := json.Marshal(k.usage(t, k.user))
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{`"plan"`, `"credits"`} {
		if strings.Contains(string(raw), word) {
			t.Errorf("usage tells %s: %s", word, raw)
		}
	}
	for _, r := range k.play.Requests() {
		if r.Has("max_tokens") || r.Has("max_completion_tokens") {
			t.Error("answers are bounded")
		}
	}
	if _, err := k.Service.ImportFramework(t.Context(), k.user.Who, service.ImportFrameworkIn{FrameworkID: "own", Content: "id,text\n1,First\n"}); err != nil {
		t.Error(err)
	}
	_, err = k.Service.GetPlan(t.Context(), k.user.Who, service.GetPlanIn{})
	refusedWith(t, err, threat.FailedPrecondition)
	_, err = k.Service.StartTrial(t.Context(), k.user.Who, service.StartTrialIn{})
	refusedWith(t, err, threat.FailedPrecondition)
	_, err = k.Service.CreateUser(t.Context(), service.CreateUserIn{Email: "x@example.org", Referral: "CODE"})
	refusedWith(t, err, threat.FailedPrecondition)
	_, err = k.Service.ChangePlanFor(t.Context(), k.user.User.Email, "pro", 5)
	refusedWith(t, err, threat.FailedPrecondition)
	if err := k.Service.AwardReferrals(t.Context()); err != nil {
		t.Error(err)
	}
	testenv.Read(t, k.Store, func(v *store.Snapshot) error {
		_, rows, err := v.CreditLedger(k.user.User.ID, 10, 0)
		begun, errBegun := v.ReferralsBegun(time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC))
		a, errAccount := v.CreditAccount(k.user.User.ID)
		if rows != 0 || begun || a.Used+a.Requests+a.Entered != 0 {
			t.Errorf("%d rows, referrals begun %v, %+v", rows, begun, a)
		}
		return errors.Join(err, errBegun, errAccount)
	})
}

func TestPlansTables(t *testing.T) {
	const pack = "packs: [{id: small, credits: 500, price: price_1, amount: 900, currency: eur}"
	got, err := service.ParsePlansTable([]byte("factors: {generate_threat_model: 1.5, free: 0}\nanswer_tokens: 8000\n" + pack + "]\nreturn_url: https://example.org/paid\n"))
	want := service.PlansTable{
		Factors: credit.Factors{"generate_threat_model": 1500, "free": 0}, AnswerTokens: 8000, ReturnURL: "https://example.org/paid",
		Packs: []service.Pack{{ID: "small", Credits: 500, Price: "price_1", Amount: 900, Currency: "eur"}},
	}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
	if _, err := service.ParsePlansTable(nil); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{
		"factors: {x: -1}", "factors: {x: .nan}", "other: 1", "answer_tokens: 1", "daily_requests: -1", "return_url: x", "[",
		pack + ", {id: small, credits: 1, price: price_1, amount: 1, currency: eur}]",
		strings.Replace(pack, "500", "0", 1) + "]", strings.Replace(pack, "900", "0", 1) + "]", strings.Replace(pack, "eur", "EUR", 1) + "]",
		strings.Replace(pack, "price_1", "prod_1", 1) + "]", strings.Replace(pack, "small", "Small one", 1) + "]",
	} {
		if _, err := service.ParsePlansTable([]byte(bad)); threat.CodeOf(err) != threat.Invalid {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
