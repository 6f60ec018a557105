package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/internal/testenv/live"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/store"
)

// posted sends JSON to a route that must succeed and decodes its answer.
func posted[Out any](t *testing.T, u *live.User, path, body string) Out {
	t.Helper()
	return decoded[Out](t, post(u, "/api/v1"+path, body))
}

// Inviting tells nobody who has an account: the same bytes by the same work for an address with one, with a disabled one, and with none.
func TestInvitingDoesNotProbe(t *testing.T) {
	h := newHousehold(t)
	known, disabled := h.env.NewUser(t, account.Developer), h.env.NewUser(t, account.Developer)
	testenv.Write(t, h.env.Store, func(tx *store.Tx) error { return tx.SetUserDisabled(disabled.User.ID, true) })
	warm(t, h, []*live.User{h.admin})
	path := "/api/v1/workspaces/" + h.owned.workspace
	invite := func(email string) (answer string, statements int64) {
		status, body, n := cost(h, h.admin, "POST", path+"/invitations", `{"email":"`+email+`"}`, "Content-Type", "application/json")
		if status != 200 {
			t.Fatalf("%d %s", status, body)
		}
		var out service.InvitationOut
		if err := json.Unmarshal([]byte(body), &out); err != nil {
			t.Fatal(err)
		}
		body = strings.ReplaceAll(body, out.Invitation.CreatedAt.Format("2006-01-02T15:04:05.999999Z"), "at")
		return strings.ReplaceAll(body, out.Invitation.ExpiresAt.Format("2006-01-02T15:04:05.999999Z"), "end"), n
	}
	answer, n := invite(testenv.NewID(t) + "@example.org")
	for about, email := range map[string]string{"an account": known.User.Email, "a disabled account": disabled.User.Email} {
		got, m := invite(email)
		if blind([]byte(got)) != blind([]byte(answer)) || n != m {
			t.Errorf("%s: %d statements\n%s\nnone: %d statements\n%s", about, m, got, n, answer)
		}
	}
	// Nor does the list, nor asking again.
	r := h.admin.Do("GET", "/api/v1/workspaces/"+h.owned.workspace+"/invitations?state=pending", nil)
	if !bytes.Contains(r.Body, []byte(`"total":4`)) || bytes.Contains(r.Body, []byte(known.User.ID)) {
		t.Errorf("the list says %s", r.Body)
	}
}

// Members and owners are told apart by the role in the workspace that a request names, whatever key they come with.
func TestMembersAndOwners(t *testing.T) {
	h := newHousehold(t)
	team := h.owned.workspace
	bob := h.env.NewUser(t, account.Developer)
	testenv.Write(t, h.env.Store, func(tx *store.Tx) error { return tx.AddMember(team, bob.User.ID, account.Member) })
	bobAdmin := h.env.NewKey(t, bob.User, bob.User.PersonalWorkspace, account.Admin)
	for _, rt := range h.env.Server.Routes() {
		if rt.Needs != account.Manage || !strings.Contains(rt.Path, "{workspace_id}") {
			continue
		}
		for about, u := range map[string]*live.User{"a member's admin key": bobAdmin, "an owner's developer key": h.owner, "a member's developer key": bob} {
			if r := request(t, u, rt, h.owned); r.Status != 403 {
				t.Errorf("%s %s with %s: %d %s", rt.Method, rt.Path, about, r.Status, r.Body)
			}
		}
	}
	// A member reads and writes what is in it, with a key of it, and nothing of the owner's other workspaces.
	made := posted[service.CreateKeyOut](t, bob, "/workspaces/"+team+"/keys", `{"name":"agent","scope":"developer"}`)
	inside := live.At(t, h.env.URL, made.APIKey)
	model := inside.Generate(feature)
	owner := live.At(t, h.env.URL, posted[service.CreateKeyOut](t, h.admin, "/workspaces/"+team+"/keys", `{"name":"mine","scope":"developer"}`).APIKey)
	if r := owner.Do("GET", "/api/v1/models/"+model, nil); r.Status != 200 {
		t.Errorf("the owner reads the member's model: %d %s", r.Status, r.Body)
	}
	for _, u := range []*live.User{inside, owner} {
		if r := u.Do("GET", "/api/v1/models/"+h.owned.model, nil); r.Status != 404 {
			t.Errorf("a key of the team reads a model of the owner's personal workspace: %d %s", r.Status, r.Body)
		}
		if r := u.Do("GET", "/api/v1/settings", nil); r.Status != 403 {
			t.Errorf("settings with a developer key: %d %s", r.Status, r.Body)
		}
	}
	// Out is out on the next request, over REST and MCP alike.
	if r := h.admin.Do("DELETE", "/api/v1/workspaces/"+team+"/members/"+bob.User.ID, nil); r.Status != 200 || !bytes.Contains(r.Body, []byte(`"revoked_keys":1`)) {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	if r := inside.Do("GET", "/api/v1/models", nil); r.Status != 401 {
		t.Errorf("after removal: %d %s", r.Status, r.Body)
	}
	if r := raw(inside, "tools/call", map[string]any{"name": "list_threat_models", "arguments": map[string]any{}}); r.Status != 401 {
		t.Errorf("after removal, over MCP: %d %s", r.Status, r.Body)
	}
	if r := bob.Do("GET", "/api/v1/workspaces", nil); r.Status != 200 || bytes.Contains(r.Body, []byte(team)) {
		t.Errorf("after removal, with a key of the personal workspace: %d %s", r.Status, r.Body)
	}
	// A key whose user is no member is none, even one that nothing revoked; nor is an admin key of a member.
	loose := h.env.NewKey(t, bob.User, team, account.Developer)
	if _, err := h.env.Service.Authenticate(context.Background(), loose.Key); err == nil {
		t.Error("a key of somebody who is no member is taken")
	}
	testenv.Write(t, h.env.Store, func(tx *store.Tx) error { return tx.AddMember(team, bob.User.ID, account.Member) })
	if r := h.env.NewKey(t, bob.User, team, account.Admin).Do("GET", "/api/v1/settings", nil); r.Status != 401 {
		t.Errorf("an admin key of a member: %d %s", r.Status, r.Body)
	}
}
