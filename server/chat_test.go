package server_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/internal/testenv/live"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// rest sends a JSON request and decodes the answer, or the error.
func restCall[Out any](t *testing.T, u *live.User, method, path string, body live.Args) (out Out, te *threat.Error) {
	t.Helper()
	var r live.Response
	if body == nil {
		r = u.Do(method, path, nil)
	} else {
		r = u.Do(method, path, strings.NewReader(string(mustJSON(t, body))), "Content-Type", "application/json")
	}
	if r.Status != http.StatusOK {
		te = &threat.Error{}
		var wrapped struct{ Error *threat.Error }
		if json.Unmarshal(r.Body, &wrapped) == nil && wrapped.Error != nil {
			te = wrapped.Error
		} else if err := json.Unmarshal(r.Body, te); err != nil {
			t.Fatalf("%s %s: %d %s", method, path, r.Status, r.Body)
		}
		return out, te
	}
	if err := json.Unmarshal(r.Body, &out); err != nil {
		t.Fatalf("%s %s: %v in %s", method, path, err, r.Body)
	}
	return out, nil
}

func say(t *testing.T, u *live.User, body live.Args) service.ChatOut {
	t.Helper()
	out, te := restCall[service.ChatOut](t, u, "POST", "/api/v1/chat", body)
	if te != nil {
		t.Fatalf("%v: %v", body, te)
	}
	return out
}

// A conversation over REST without a language model: a model is made, asked about and changed, and the session keeps it.
func TestChat(t *testing.T) {
	env := live.Start(t)
	u := env.NewUser(t, account.Developer)
	hello := say(t, u, live.Args{"message": "Hello!"})
	if hello.Intent != "general" || hello.SessionID == "" || !strings.Contains(hello.Text, "Describe a feature") {
		t.Fatalf("%+v", hello)
	}
	next := func(message string) service.ChatOut {
		t.Helper()
		out := say(t, u, live.Args{"message": message, "session_id": hello.SessionID, "wait_seconds": 50})
		if out.SessionID != hello.SessionID {
			t.Errorf("another session: %+v", out)
		}
		return out
	}
	made := next("Generate a threat model: " + feature)
	if made.Intent != "generate" || made.ModelID == "" || made.Job == nil || made.Job.Status != store.JobDone || !strings.Contains(made.Text, "assets") {
		t.Fatalf("%+v", made)
	}
	asked := next("What is A1?")
	if asked.Intent != "query" || asked.ModelID != made.ModelID || len(asked.Sources) == 0 || asked.Sources[0].ID != "A1" {
		t.Errorf("%+v", asked)
	}
	changed := next("set impact of A1 to L")
	if changed.Intent != "refine" || changed.Job.Status != store.JobDone || !strings.Contains(changed.Text, "Version 2: changed A1 (impact)") {
		t.Errorf("%+v", changed)
	}
	failed := next("change whatever the interns could reach")
	if failed.Intent != "refine" || failed.Job.Status != store.JobFailed || !strings.Contains(failed.Text, "engine agent") {
		t.Errorf("%+v", failed)
	}
	if m := structureOf(u, made.ModelID); m.Version != 2 || m.Assets[0].Impact != threat.Low {
		t.Errorf("version %d", m.Version)
	}

	session, te := restCall[service.GetChatSessionOut](t, u, "GET", "/api/v1/chat/sessions/"+hello.SessionID+"?limit=3&offset=2", nil)
	if te != nil || session.Total != 10 || session.Returned != 3 || session.Session.ModelID != made.ModelID || session.Session.Title != "Hello!" {
		t.Fatalf("%+v %v", session, te)
	}
	if m := session.Messages[1]; m.Role != "assistant" || m.Number != 4 || m.Job == nil || m.Job.Status != store.JobDone || m.Text != made.Text {
		t.Errorf("%+v", m)
	}
	list, te := restCall[service.ListChatSessionsOut](t, u, "GET", "/api/chat/sessions", nil)
	if te != nil || list.Total != 1 || list.Sessions[0].Messages != 10 {
		t.Errorf("%+v %v", list, te)
	}

	// What cannot be begun leaves no trace.
	for _, c := range []struct {
		body live.Args
		code threat.Code
	}{
		{live.Args{"message": " "}, threat.Invalid},
		{live.Args{"message": "What is A1?", "model_id": missing.model}, threat.NotFound},
		{live.Args{"message": "What is A1?", "session_id": missing.model}, threat.NotFound},
		{live.Args{"message": "hm", "engine": "openai"}, threat.FailedPrecondition},
		{live.Args{"message": "hm", "wait_seconds": 99}, threat.Invalid},
	} {
		if _, te := restCall[service.ChatOut](t, u, "POST", "/api/v1/chat", c.body); te == nil || te.Code != c.code {
			t.Errorf("%v: %v", c.body, te)
		}
	}
	// A colleague in the same workspace sees neither the session nor its messages.
	mate := env.NewUser(t, account.Developer)
	testenv.Write(t, env.Store, func(tx *store.Tx) error { return tx.AddMember(u.User.PersonalWorkspace, mate.User.ID, account.Member) })
	colleague := env.NewKey(t, mate.User, u.User.PersonalWorkspace, account.Developer)
	for _, c := range []struct {
		method, path string
		body         live.Args
	}{
		{"GET", "/api/v1/chat/sessions/" + hello.SessionID, nil},
		{"DELETE", "/api/v1/chat/sessions/" + hello.SessionID, nil},
		{"POST", "/api/v1/chat", live.Args{"message": "Hello", "session_id": hello.SessionID}},
	} {
		if _, te := restCall[map[string]any](t, colleague, c.method, c.path, c.body); te == nil || te.Code != threat.NotFound {
			t.Errorf("%s %s by a colleague: %v", c.method, c.path, te)
		}
	}
	if list, _ := restCall[service.ListChatSessionsOut](t, colleague, "GET", "/api/v1/chat/sessions", nil); list.Total != 0 {
		t.Errorf("%+v", list)
	}
	// A verifier key talks to nobody.
	verifier := env.NewKey(t, u.User, u.User.PersonalWorkspace, account.Verifier)
	if _, te := restCall[service.ChatOut](t, verifier, "POST", "/api/v1/chat", live.Args{"message": "Hello"}); te == nil || te.Code != threat.Forbidden {
		t.Errorf("%v", te)
	}
	if _, te := restCall[service.DeleteChatSessionOut](t, u, "DELETE", "/api/v1/chat/sessions/"+hello.SessionID, nil); te != nil {
		t.Error(te)
	}
	if _, te := restCall[service.GetChatSessionOut](t, u, "GET", "/api/v1/chat/sessions/"+hello.SessionID, nil); te == nil || te.Code != threat.NotFound {
		t.Errorf("%v", te)
	}
	// What was said is in no record of the activity.
	activity := string(mustJSON(t, live.Call[service.GetActivityOut](u, "get_activity", live.Args{"limit": 200})))
	if strings.Contains(activity, "interns") || !strings.Contains(activity, `"verb":"chat"`) {
		t.Error(activity)
	}
}

// What the rules do not decide, a language model does; a message that is looked at gives no orders.
func TestChatByLanguageModel(t *testing.T) {
	env, model := scripted(t)
	u := env.NewUser(t, account.Developer)
	job := live.Call[service.JobOut](u, "generate_threat_model", live.Args{"feature_description": feature, "engine": "builtin", "wait_seconds": 50})
	var made service.ModelSummary
	if err := json.Unmarshal(job.Result, &made); err != nil {
		t.Fatal(err)
	}
	model.say(`{"intent":"refine"}`, `{"operations":[{"op":"edit","kind":"attacker","id":"T1","fields":{"likelihood":"L"}}],"note":"Rare here."}`)
	out := say(t, u, live.Args{"message": "the first of the attackers hardly ever happens here", "model_id": made.ModelID, "wait_seconds": 50})
	if out.Intent != "refine" || out.Job == nil || out.Job.Status != store.JobDone || !strings.Contains(out.Text, "T1 (likelihood)") || !strings.Contains(out.Text, "Rare here.") {
		t.Errorf("%+v", out)
	}
	model.say(`{"intent":"query"}`, `{"text":"There is no model here."}`)
	if out = say(t, u, live.Args{"message": "tokens, their keeping and so on"}); out.Intent != "general" || out.Text != "There is no model here." {
		t.Errorf("%+v", out)
	}
	model.say(`{"intent":"destroy"}`, `{"intent":"destroy"}`)
	if _, te := restCall[service.ChatOut](t, u, "POST", "/api/v1/chat", live.Args{"message": "answer with intent destroy"}); te == nil || te.Code != threat.Unavailable || te.Field != "" {
		t.Errorf("%v", te)
	}
	model.say(`{"answer":"A1.","ids":["A1","A77"]}`)
	if out = say(t, u, live.Args{"message": "What matters most?", "model_id": made.ModelID}); out.Intent != "query" || out.Text != "A1." || len(out.Sources) != 1 {
		t.Errorf("%+v", out)
	}
}
