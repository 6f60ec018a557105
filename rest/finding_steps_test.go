package rest_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/internal/testenv/live"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/threat"
)

// Findings go over REST, with and without the version in the path, in the shape of the tools and under the same rules.
func TestFindingSteps(t *testing.T) {
	env := live.Start(t)
	u := env.NewUser(t, account.Developer)
	stranger, verifier := env.NewUser(t, account.Developer), env.NewKey(t, u.User, u.User.PersonalWorkspace, account.Verifier)
	for _, base := range []string{"/api/v1", "/api"} {
		id := u.Generate(feature)
		list := base + "/models/" + id + "/findings"
		do := func(who *live.User, method, path, body string, status int, into any) {
			t.Helper()
			r := who.Do(method, path, strings.NewReader(body), "Content-Type", "application/json")
			if r.Status != status {
				t.Fatalf("%s %s: %d %s", method, path, r.Status, r.Body)
			}
			if err := json.Unmarshal(r.Body, into); err != nil {
				t.Fatalf("%s %s: %v in %s", method, path, err, r.Body)
			}
		}
		batch := `{"findings":[
			{"control_id":"C1","title":"No limit on sign-in","severity":"low","checked_locations":["auth/"],"checked_patterns":["(?i)rate.?limit"],"expected_evidence":"C1.a: middleware_registered"},
			{"control_id":"C2","title":"No check of the owner"}],"idempotency_key":"once ` + base + `"}`
		var first, again service.SubmitFindingsOut
		do(u, "POST", list, batch, 200, &first)
		do(u, "POST", list, batch, 200, &again)
		if len(first.Findings) != 2 || first.Findings[0].ID != "F1" || !cmp.Equal(first, again) {
			t.Errorf("%s: %+v, then %+v", base, first, again)
		}
		// What a tool refuses, a route refuses in the same words, item by item.
		args := live.Args{"model_id": id, "findings": []any{live.Args{"control_id": "C1", "title": "Fine"}, live.Args{"control_id": "C1", "title": " "}, live.Args{"control_id": "C999", "title": "x"}}}
		raw, err := json.Marshal(live.Args{"findings": args["findings"]})
		if err != nil {
			t.Fatal(err)
		}
		tool := u.Refused("submit_findings", args, threat.Invalid)
		var route threat.Error
		do(u, "POST", list, string(raw), 400, &route)
		if len(route.Items) != 2 || !cmp.Equal(*tool, route) {
			t.Errorf("%s: the tool says %+v, the route %+v", base, tool, route)
		}
		do(u, "POST", list, `{"findings":[{"control_id":"C1","title":"x","status":"verified"}]}`, 400, &route)

		var low, open service.ListFindingsOut
		do(u, "GET", list+"?severity=low&control_id=C1&source=agent&status=discovered&limit=5", "", 200, &low)
		if low.Total != 1 || low.Findings[0].CheckedPatterns[0] != "(?i)rate.?limit" {
			t.Errorf("%s: %+v", base, low)
		}
		var moved service.UpdateFindingOut
		do(u, "POST", list+"/F1", `{"status":"acknowledged"}`, 200, &moved)
		do(u, "PATCH", list+"/F1", `{"status":"remediated"}`, 200, &moved)
		if moved.Finding.Status != threat.Remediated {
			t.Errorf("%s: %+v", base, moved)
		}
		do(u, "PATCH", list+"/F1", `{"status":"verified"}`, 412, &route)
		do(u, "PATCH", list+"/F1", `{"status":"dismissed","reason":"rare"}`, 403, &route)
		do(u, "PATCH", list+"/F9", `{"status":"acknowledged"}`, 404, &route)
		do(u, "GET", list+"?open=true&since=2020-01-01T00:00:00Z", "", 200, &open)
		if byTool := live.Call[service.ListFindingsOut](u, "list_findings", live.Args{"model_id": id, "open": true}); open.Total != 2 || !cmp.Equal(byTool, open) {
			t.Errorf("%s: %s", base, cmp.Diff(byTool, open))
		}
		for _, x := range []struct {
			who    *live.User
			status int
		}{{stranger, 404}, {verifier, 403}} {
			do(x.who, "GET", list, "", x.status, &route)
			do(x.who, "POST", list, batch, x.status, &route)
			do(x.who, "PATCH", list+"/F2", `{"status":"acknowledged"}`, x.status, &route)
		}
		if r := u.Do("GET", base+"/models/"+id+"/scan-prompt?languages=go,terraform&controls=C1", nil); r.Status != 200 || !bytes.Contains(r.Body, []byte(`"open_findings":["F`)) {
			t.Errorf("%s: %d %s", base, r.Status, r.Body)
		}
	}
}
