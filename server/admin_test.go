package server_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/internal/testenv/live"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/store"
)

// administrator is an admin key of a user with the instance-admin flag.
func administrator(t *testing.T, env *live.Env) *live.User {
	t.Helper()
	made, err := env.Service.CreateUser(t.Context(), service.CreateUserIn{Email: "root@example.org", InstanceAdmin: true})
	if err != nil {
		t.Fatal(err)
	}
	return env.NewKey(t, made.User, made.Workspace.ID, account.Admin)
}

func decoded[Out any](t *testing.T, r live.Response) (out Out) {
	t.Helper()
	if r.Status != 200 {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	if err := json.Unmarshal(r.Body, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func post(u *live.User, path, body string) live.Response {
	return u.Do("POST", path, strings.NewReader(body), "Content-Type", "application/json")
}

// An instance administrator makes, disables, enables and resets users; each takes effect on the next request.
func TestAdminUsers(t *testing.T) {
	env := live.Start(t)
	root := administrator(t, env)
	made := decoded[service.CreateUserOut](t, post(root, "/api/v1/admin/users", `{"email":"ada@example.org","name":"Ada"}`))
	ada := live.At(t, env.URL, made.APIKey)
	other := env.NewKey(t, made.User, made.Workspace.ID, account.Verifier)
	at := func(who *live.User, status int) {
		t.Helper()
		if r := who.Do("GET", "/api/v1/models", nil); r.Status != status {
			t.Errorf("%d, want %d: %s", r.Status, status, r.Body)
		}
	}
	at(ada, 200)
	of := "/api/v1/admin/users/" + made.User.ID
	if u := decoded[service.AdminUserOut](t, post(root, of, `{"disabled":true,"reason":"left the company"}`)).User; !u.Disabled {
		t.Errorf("%+v", u)
	}
	at(ada, 401)
	at(other, 401)
	list := decoded[service.AdminListUsersOut](t, root.Do("GET", "/api/admin/users?limit=1&offset=1", nil))
	if list.Total != 2 || list.Returned != 1 || list.Users[0].Email != "ada@example.org" || list.Summary != (service.UsersSummary{Disabled: 1, InstanceAdmins: 1}) {
		t.Errorf("the list is %+v", list)
	}
	decoded[service.AdminUserOut](t, post(root, of, `{"disabled":false}`))
	at(ada, 200)
	reset := decoded[service.ResetUserOut](t, post(root, of+"/reset", `{"reason":"lost laptop"}`))
	if reset.Revoked != 2 || !strings.HasPrefix(reset.APIKey, "rdk_") {
		t.Errorf("the reset says %+v", reset)
	}
	at(ada, 401)
	at(other, 401)
	at(live.At(t, env.URL, reset.APIKey), 200)

	for body, c := range map[string]struct {
		path   string
		status int
		says   string
	}{
		`{"email":"ada@example.org"}`:    {"/api/v1/admin/users", 409, "has an account"},
		`{"email":"nobody"}`:             {"/api/v1/admin/users", 400, "not an e-mail"},
		`{"disabled":true}`:              {"/api/v1/admin/users/" + root.Who.UserID, 412, "last instance administrator"},
		`{"disabled":true,"reason":"x"}`: {"/api/v1/admin/users/" + missing.user, 404, "no such user"},
		`{"reason":"x"}`:                 {"/api/v1/admin/users/" + missing.user + "/reset", 404, "no such user"},
		`{"reason":"nothing to do"}`:     {of, 400, "nothing to change"},
		`{"disabled":true,"reason":"\u0007` + strings.Repeat("x", 300) + `"}`: {of, 400, "reason"},
	} {
		if r := post(root, c.path, body); r.Status != c.status || !bytes.Contains(r.Body, []byte(c.says)) {
			t.Errorf("%s %s: %d %s", c.path, body, r.Status, r.Body)
		}
	}
	activity := string(root.Do("GET", "/api/v1/activity?limit=50", nil).Body)
	for _, verb := range []string{"admin_create_user", "admin_disable_user", "admin_enable_user", "admin_reset_user", "left the company"} {
		if !strings.Contains(activity, verb) {
			t.Errorf("the activity does not tell of %s: %s", verb, activity)
		}
	}
	if strings.Contains(activity, reset.APIKey) {
		t.Error("the activity holds a key")
	}
}

// An admin key without the flag, and every other key, is refused at everything of the instance, in one way for ids that are there and for
// others.
func TestAdminIsForInstanceAdmins(t *testing.T) {
	env := live.Start(t)
	root := administrator(t, env)
	u := env.NewUser(t, account.Developer)
	keys := map[string]*live.User{
		"developer": u, "verifier": env.NewKey(t, u.User, u.User.PersonalWorkspace, account.Verifier),
		"admin":           env.NewKey(t, u.User, u.User.PersonalWorkspace, account.Admin),
		"admin's dev key": env.NewKey(t, root.User, root.User.PersonalWorkspace, account.Developer, func(k *account.Key) { k.Decide = true }),
	}
	n := 0
	for _, rt := range env.Server.Routes() {
		if !strings.HasPrefix(rt.Path, "/admin/") {
			if rt.Needs == account.Instance {
				t.Errorf("%s %s is of the instance and not below /admin", rt.Method, rt.Path)
			}
			continue
		}
		n++
		if rt.Needs != account.Instance {
			t.Errorf("%s %s needs %q", rt.Method, rt.Path, rt.Needs)
		}
		for name, who := range keys {
			there := missing
			there.user = root.Who.UserID
			a, b := request(t, who, rt, there), request(t, who, rt, missing)
			if a.Status != 403 || b.Status != 403 || !bytes.Equal(a.Body, b.Body) {
				t.Errorf("%s %s with the %s key: %d %s, %d %s", rt.Method, rt.Path, name, a.Status, a.Body, b.Status, b.Body)
			}
		}
	}
	if n < 6 {
		t.Errorf("only %d routes of the instance are found", n)
	}
	users := decoded[service.AdminListUsersOut](t, root.Do("GET", "/api/v1/admin/users", nil))
	if users.Summary.Disabled != 0 || users.Total != 2 {
		t.Errorf("somebody got through: %+v", users)
	}
}

// The backup of a running server restores; the one who made it is in the activity, and two at a time are not made.
func TestAdminBackup(t *testing.T) {
	env := live.Start(t)
	root := administrator(t, env)
	title := root.Generate(feature)
	for _, path := range []string{"/api/v1/admin/backup", "/api/admin/backup"} {
		r := root.Do("GET", path, nil)
		if r.Status != 200 || r.Header.Get("Content-Type") != "application/gzip" || !strings.HasPrefix(r.Header.Get("Content-Disposition"), `attachment; filename="redoubt-2`) {
			t.Fatalf("%d %v", r.Status, r.Header)
		}
		database := "sqlite:" + t.TempDir() + "/redoubt.db"
		if _, err := store.Restore(t.Context(), store.RestoreConfig{Database: database}, bytes.NewReader(r.Body)); err != nil {
			t.Fatal(err)
		}
		st, err := store.Open(t.Context(), store.Config{Database: database})
		if err != nil {
			t.Fatal(err)
		}
		there := live.StartWith(t, st, nil)
		if r := live.At(t, there.URL, root.Key).Do("GET", "/api/v1/models/"+title, nil); r.Status != 200 {
			t.Errorf("the model is not in the backup: %d %s", r.Status, r.Body)
		}
		t.Cleanup(func() {
			if err := st.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	if a := root.Do("GET", "/api/v1/activity", nil); !bytes.Contains(a.Body, []byte(`"get_backup"`)) {
		t.Errorf("the activity is %s", a.Body)
	}

	// A client that reads nothing holds one backup up: another is refused until it goes away.
	u := live.At(t, env.URL, root.Key)
	out, err := env.Service.GetBackup(t.Context(), root.Who, service.GetBackupIn{})
	if err != nil {
		t.Fatal(err)
	}
	begun, release, done := make(chan bool), make(chan bool), make(chan error)
	go func() { done <- out.Stream(t.Context(), gate{begun, release}) }()
	<-begun
	if r := u.Do("GET", "/api/v1/admin/backup", nil); r.Status != 503 || !bytes.Contains(r.Body, []byte("another backup")) {
		t.Errorf("the second: %d", r.Status)
	}
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}
	http.DefaultClient.CloseIdleConnections()
}

// gate is a writer whose first write waits.
type gate struct{ begun, release chan bool }

func (g gate) Write(p []byte) (int, error) {
	select {
	case g.begun <- true:
		<-g.release
	case <-g.release:
	}
	return len(p), nil
}
