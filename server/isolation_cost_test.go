package server_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/internal/testenv/live"
	"github.com/redoubt-dev/redoubt/store"
)

// cost is what the handler answers a request, and how many statements and transactions that took.
func cost(h *household, u *live.User, method, path, body string, headers ...string) (status int, answer string, statements int64) {
	ctx, tally := store.WithTally(context.Background())
	r := httptest.NewRequestWithContext(ctx, method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+u.Key)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.env.Server.Handler().ServeHTTP(w, r)
	return w.Code, w.Body.String(), tally.N()
}

// Neither bytes nor work tell an id of another workspace from one that does not exist: counted, since a time cannot be asserted.
func TestForeignCostsWhatMissingCosts(t *testing.T) {
	h := newHousehold(t)
	p := h.stranger.User.PersonalWorkspace
	users := []*live.User{
		h.env.NewKey(t, h.stranger.User, p, account.Developer, func(k *account.Key) { k.Decide = true }),
		h.env.NewKey(t, h.stranger.User, p, account.Verifier),
		h.env.NewKey(t, h.stranger.User, p, account.Admin),
	}
	warm(t, h, users)
	compared := 0
	same := func(name string, call func(ids) (int, string, int64)) {
		t.Helper()
		status, foreign, n := call(h.owned)
		status2, none, n2 := call(missing)
		if status != status2 || blind([]byte(foreign)) != blind([]byte(none)) {
			t.Errorf("%s answers a foreign id with %d %s\nand a missing one with %d %s", name, status, foreign, status2, none)
		}
		if n != n2 || n == 0 {
			t.Errorf("%s: %d statements for a foreign id, %d for a missing one", name, n, n2)
		}
		compared++
	}
	for _, tool := range h.env.Server.Tools() {
		if withoutID[tool.Name] {
			continue
		}
		same(tool.Name, func(i ids) (int, string, int64) {
			body, headers := live.Modern(1, "tools/call", map[string]any{"name": tool.Name, "arguments": toolCases[tool.Name](i)})
			return cost(h, users[0], "POST", "/mcp?toolsets=all", body, headers...)
		})
	}
	for _, rt := range h.env.Server.Routes() {
		if name := rt.Method + " " + rt.Path; !withoutID[name] && rt.Needs != account.Instance {
			u := users[0]
			for _, other := range users[1:] {
				if !u.Who.May(rt.Needs) {
					u = other
				}
			}
			same(name, func(i ids) (int, string, int64) {
				method, path, body := requestOf(t, rt, i)
				return cost(h, u, method, path, body, "Content-Type", "application/json")
			})
		}
	}
	route := "/api/v1/models/" + h.owned.model // the count can tell: one's own is read, another's is not
	_, _, own := cost(h, h.owner, "GET", route, "")
	if _, _, foreign := cost(h, users[0], "GET", route, ""); own <= foreign {
		t.Errorf("%d statements for one's own model, %d for another's", own, foreign)
	}
	if compared < 100 {
		t.Errorf("only %d tools and routes were compared", compared)
	}
}

// warm uses keys and waits until that is noted, which happens beside the request and would be counted.
func warm(t *testing.T, h *household, users []*live.User) {
	t.Helper()
	for _, u := range users {
		raw(u, "tools/list", nil)
		u.Do("GET", "/api/v1/models", nil)
		for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
			var k account.Key
			err := h.env.Store.Read(context.Background(), func(v *store.Snapshot) (err error) {
				k, err = v.Key(u.Who.WorkspaceID, u.Who.KeyID)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if k.MCPSince != nil && k.LastUsedAt != nil {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("the use of a key was not noted")
			}
		}
	}
}
