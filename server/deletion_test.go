package server_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/internal/testenv/live"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// replicas are two servers over one database.
type replicas struct {
	one, two *live.Env
	db       *sql.DB
	tables   []testenv.Table
}

func newReplicas(t *testing.T) *replicas {
	t.Helper()
	name := testenv.SQLite(t)
	st, err := store.Open(t.Context(), store.Config{Database: name})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	db, err := sql.Open("sqlite", "file:"+strings.TrimPrefix(name, "sqlite:")+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return &replicas{live.StartWith(t, st, nil), live.StartWith(t, st, nil), db, testenv.Tables(t, db)}
}

// removed waits until all rows of what was deleted are removed, by whichever replica.
func (r *replicas) removed(t *testing.T) {
	t.Helper()
	for range 400 {
		left := ""
		testenv.Rows(t, r.db, "SELECT COUNT(*) FROM deletions", func(row []string) { left = row[0] })
		if left == "0" {
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	t.Fatal("the rows are still there after ten seconds")
}

func (r *replicas) leavesNothing(t *testing.T, words ...string) {
	t.Helper()
	if left := testenv.Occurrences(t, r.db, r.tables, words...); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// team makes a team workspace of the caller's, with members who joined in this order.
func team(t *testing.T, env *live.Env, owner *live.User, name string, members ...*live.User) string {
	t.Helper()
	id := decoded[service.WorkspaceOut](t, post(owner, "/api/v1/workspaces", `{"name":"`+name+`"}`)).Workspace.ID
	for _, m := range members {
		testenv.Write(t, env.Store, func(tx *store.Tx) error { return tx.AddMember(id, m.User.ID, account.Member) })
		time.Sleep(time.Millisecond) // joined later
	}
	return id
}

func remove(u *live.User, path, token string) live.Response {
	return u.Do("DELETE", path, strings.NewReader(`{"confirmation_token":"`+token+`"}`), "Content-Type", "application/json")
}

func (r *replicas) refusesKeys(t *testing.T, keys ...*live.User) {
	t.Helper()
	for i, u := range keys {
		for _, env := range []*live.Env{r.one, r.two} {
			if got := live.At(t, env.URL, u.Key).Do("GET", "/api/v1/models", nil); got.Status != 401 {
				t.Errorf("key %d: %d %s", i, got.Status, got.Body)
			}
		}
	}
}

func answers(t *testing.T, r live.Response, status int, says string) {
	t.Helper()
	if r.Status != status || !strings.Contains(string(r.Body), says) {
		t.Errorf("%d %s, want %d with %q", r.Status, r.Body, status, says)
	}
}

// A workspace is deleted by an owner, in two steps; its keys are refused with the next request on every replica, and nothing of it is left.
func TestDeleteWorkspace(t *testing.T) {
	r := newReplicas(t)
	env := r.one
	ada, bob, eve := env.NewUser(t, account.Admin), env.NewUser(t, account.Admin), env.NewUser(t, account.Admin)
	adaDev := env.NewKey(t, ada.User, ada.User.PersonalWorkspace, account.Developer)
	kept := adaDev.Generate(feature)
	id := team(t, env, ada, "Zephyrine", bob)
	of := "/api/v1/workspaces/" + id
	keys := []*live.User{
		env.NewKey(t, ada.User, id, account.Admin), env.NewKey(t, ada.User, id, account.Verifier), env.NewKey(t, bob.User, id, account.Developer),
	}
	model := keys[2].Generate(feature)
	decoded[service.InvitationOut](t, post(ada, of+"/invitations", `{"email":"`+eve.User.Email+`"}`))

	for about, c := range map[string]struct {
		who    *live.User
		path   string
		status int
		says   string
	}{
		"a member":                             {bob, of, 403, "only an owner"},
		"a stranger":                           {eve, of, 404, "no such workspace"},
		"a developer key":                      {adaDev, of, 403, "rda_"},
		"a verifier key":                       {keys[1], of, 403, "rda_"},
		"a personal workspace":                 {ada, "/api/v1/workspaces/" + ada.User.PersonalWorkspace, 412, "/api/v1/me/deletion"},
		"a personal workspace that is foreign": {ada, "/api/v1/workspaces/" + bob.User.PersonalWorkspace, 404, "no such workspace"},
	} {
		t.Run(about, func(t *testing.T) {
			answers(t, post(c.who, c.path+"/deletion", ""), c.status, c.says)
			answers(t, remove(c.who, c.path, "x"), c.status, c.says)
		})
	}

	ask := func(who *live.User) service.AskWorkspaceDeletionOut {
		t.Helper()
		return decoded[service.AskWorkspaceDeletionOut](t, post(who, of+"/deletion", ""))
	}
	asked := ask(ada)
	if c := asked.Workspace.Contents; c.Members != 2 || c.Models != 1 || c.Keys != 3 || c.Controls == 0 || asked.Workspace.Name != "Zephyrine" {
		t.Errorf("counted %+v", asked.Workspace)
	}
	answers(t, ada.Do("DELETE", of, nil), 400, "confirmation_token")
	answers(t, remove(ada, of, ""), 400, "POST /api/v1/workspaces/{workspace_id}/deletion")
	answers(t, remove(ada, of, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"), 412, "gives a new one")
	other := team(t, env, ada, "Other")
	answers(t, remove(ada, "/api/v1/workspaces/"+other, asked.ConfirmationToken), 412, "does not confirm")
	testenv.Write(t, env.Store, func(tx *store.Tx) error { return tx.SetRole(id, bob.User.ID, account.Owner) })
	answers(t, remove(bob, of, asked.ConfirmationToken), 412, "does not confirm") // another owner's
	answers(t, remove(ada, of, asked.ConfirmationToken), 409, "was changed")      // there is another owner now

	for about, change := range map[string]func(){
		"an asset":      func() { live.Call[struct{}](keys[2], "add_asset", live.Args{"model_id": model, "name": "A vault"}) },
		"a key":         func() { post(ada, of+"/keys", `{"name":"x","scope":"developer"}`) },
		"a system":      func() { live.Call[struct{}](keys[2], "create_system", live.Args{"name": "A system"}) },
		"its name":      func() { post(ada, of, `{"name":"Zephyrine anew"}`) },
		"an invitation": func() { post(ada, of+"/invitations", `{"email":"another@example.org"}`) },
	} {
		old := ask(ada)
		change()
		if got := remove(ada, of, old.ConfirmationToken); got.Status != 409 {
			t.Errorf("after a change of %s: %d %s", about, got.Status, got.Body)
		}
	}

	first := ask(ada)
	asked = ask(ada)
	answers(t, remove(ada, of, first.ConfirmationToken), 412, "does not confirm") // a later one took its place
	if got := ada.Do("GET", of+"/export", nil); got.Status != 200 {               // in between one takes everything along
		t.Fatalf("%d %s", got.Status, got.Body)
	}
	live.Call[service.JobOut](keys[2], "generate_threat_model", live.Args{"feature_description": "A shop that sells books.", "engine": "agent", "wait_seconds": 0})
	asked = ask(ada)
	gone := decoded[service.DeletedOut](t, remove(ada, of, asked.ConfirmationToken))
	if !slices.Equal(gone.Deleted, []string{id}) {
		t.Errorf("%+v", gone)
	}
	r.refusesKeys(t, keys...)
	answers(t, remove(ada, of, asked.ConfirmationToken), 404, "no such workspace")
	for _, u := range []*live.User{ada, bob, eve} {
		for _, path := range []string{"/api/v1/workspaces", "/api/v1/invitations", "/api/v1/usage"} {
			if got := u.Do("GET", path, nil); got.Status != 200 || strings.Contains(string(got.Body), id) || strings.Contains(string(got.Body), "Zephyrine") {
				t.Errorf("%s: %d %s", path, got.Status, got.Body)
			}
		}
	}
	r.removed(t)
	r.leavesNothing(t, id, "Zephyrine", model, keys[0].Who.KeyID)
	if got := adaDev.Do("GET", "/api/v1/models/"+kept, nil); got.Status != 200 {
		t.Errorf("her own model: %d %s", got.Status, got.Body)
	}

	// With the key of the workspace itself.
	own := env.NewKey(t, ada.User, other, account.Admin)
	token := decoded[service.AskWorkspaceDeletionOut](t, post(own, "/api/v1/workspaces/"+other+"/deletion", "")).ConfirmationToken
	decoded[service.DeletedOut](t, remove(own, "/api/v1/workspaces/"+other, token))
	r.refusesKeys(t, own)
	r.removed(t)
	r.leavesNothing(t, other)
}

// An account goes with all that is its own; teams that it owned alone go to who joined first, or with it; elsewhere its rows name nobody.
func TestDeleteAccount(t *testing.T) {
	r := newReplicas(t)
	env := r.one
	root := administrator(t, env)
	answers(t, post(root, "/api/v1/me/deletion", ""), 412, "last instance administrator")
	answers(t, remove(root, "/api/v1/me", "x"), 412, "last instance administrator")

	made, err := env.Service.CreateUser(t.Context(), service.CreateUserIn{Email: "ada@example.org", Name: "Ada Lovelace"})
	if err != nil {
		t.Fatal(err)
	}
	ada := env.NewKey(t, made.User, made.Workspace.ID, account.Admin)
	adaDev := env.NewKey(t, made.User, made.Workspace.ID, account.Developer)
	bob, cyd := env.NewUser(t, account.Admin), env.NewUser(t, account.Admin)
	answers(t, post(adaDev, "/api/v1/me/deletion", ""), 403, "rda_")

	adaDev.Generate(feature)
	inherited := team(t, env, ada, "Goes to Bob", bob, cyd)
	alone := team(t, env, ada, "Nobody else")
	bobs := team(t, env, bob, "Of Bob", ada)
	bobDev := env.NewKey(t, bob.User, bobs, account.Developer)
	adaThere := env.NewKey(t, ada.User, bobs, account.Developer, func(k *account.Key) { k.Decide = true })
	adaAlone := env.NewKey(t, ada.User, alone, account.Developer)
	adaAlone.Generate(feature)
	// What she did in Bob's workspace.
	model := adaThere.Generate(feature)
	live.Call[struct{}](adaThere, "add_asset", live.Args{"model_id": model, "name": "A vault"})
	live.Call[struct{}](adaThere, "create_system", live.Args{"name": "Hers", "models": []string{model}})
	live.Call[struct{}](adaThere, "accept_risk", live.Args{
		"model_id": model, "control_objective": "CO-A1-T1", "owner": "Ada Lovelace", "reason": "It is small.", "review_by": "2099-01-01T00:00:00Z",
	})
	live.Call[struct{}](adaThere, "submit_findings", live.Args{"model_id": model, "findings": []any{live.Args{"control_id": "C1", "title": "A hole"}}})
	adaThere.Refused("add_asset", live.Args{"model_id": model, "name": ""}, threat.Invalid)
	live.Call[struct{}](adaThere, "generate_threat_model", live.Args{"feature_description": "A shop that sells books.", "engine": "agent", "wait_seconds": 0, "idempotency_key": "k"})
	decoded[service.InvitationOut](t, post(ada, "/api/v1/workspaces/"+inherited+"/invitations", `{"email":"new@example.org"}`))
	decoded[service.InvitationOut](t, post(bob, "/api/v1/workspaces/"+bobs+"/invitations", `{"email":"new@example.org"}`))
	before := standing(bobDev, model)

	asked := decoded[service.AskAccountDeletionOut](t, post(ada, "/api/v1/me/deletion", ""))
	var deleted []string
	for _, w := range asked.Deleted {
		deleted = append(deleted, w.Name)
	}
	if !slices.Equal(deleted, []string{"Ada Lovelace", "Nobody else"}) || len(asked.PassedOn) != 1 || asked.PassedOn[0].To.UserID != bob.User.ID ||
		len(asked.Left) != 1 || asked.Left[0].ID != bobs || asked.Keys != 5 || asked.Deleted[1].Contents.Models != 1 {
		t.Errorf("%+v", asked.AccountDeletion)
	}
	testenv.Write(t, env.Store, func(tx *store.Tx) error { return tx.RemoveMember(inherited, cyd.User.ID) })
	testenv.Write(t, env.Store, func(tx *store.Tx) error { return tx.SetRole(inherited, bob.User.ID, account.Owner) })
	answers(t, remove(ada, "/api/v1/me", asked.ConfirmationToken), 409, "was changed") // nobody needs to inherit any more
	testenv.Write(t, env.Store, func(tx *store.Tx) error { return tx.SetRole(inherited, bob.User.ID, account.Member) })

	asked = decoded[service.AskAccountDeletionOut](t, post(ada, "/api/v1/me/deletion", ""))
	answers(t, remove(bob, "/api/v1/me", asked.ConfirmationToken), 412, "does not confirm")
	gone := decoded[service.DeletedOut](t, remove(ada, "/api/v1/me", asked.ConfirmationToken))
	if !slices.Equal(gone.Deleted, []string{made.Workspace.ID, alone}) {
		t.Errorf("%+v", gone)
	}
	r.refusesKeys(t, ada, adaDev, adaThere, adaAlone)
	r.removed(t)
	r.leavesNothing(t, made.User.ID, "ada@example.org", "Lovelace", made.Workspace.ID, alone, ada.Who.KeyID, adaThere.Who.KeyID)

	rows := decoded[service.ListWorkspacesOut](t, bob.Do("GET", "/api/v1/workspaces", nil)).Workspaces
	owns := slices.IndexFunc(rows, func(w service.WorkspaceRow) bool { return w.ID == inherited && w.Role == account.Owner })
	if owns < 0 {
		t.Errorf("Bob did not inherit: %+v", rows)
	}
	if got := decoded[service.ListMembersOut](t, bob.Do("GET", "/api/v1/workspaces/"+bobs+"/members", nil)); got.Total != 1 {
		t.Errorf("the members are %+v", got.Members)
	}
	activity := bobDev.Do("GET", "/api/v1/activity?limit=200", nil)
	if n := strings.Count(string(activity.Body), `"user_id":"deleted-user"`); n < 5 || !strings.Contains(string(activity.Body), `"code":"invalid"`) {
		t.Errorf("%d rows name nobody: %s", n, activity.Body)
	}
	if after := standing(bobDev, model); after != strings.ReplaceAll(before, "Ada Lovelace", account.DeletedUser) {
		t.Errorf("the posture was\n%s\nand is\n%s", before, after)
	}
	versions := bobDev.Do("GET", "/api/v1/models/"+model+"?section=versions", nil)
	if !strings.Contains(string(versions.Body), `"author":"deleted-user"`) {
		t.Errorf("the versions are %s", versions.Body)
	}
	again, err := env.Service.CreateUser(t.Context(), service.CreateUserIn{Email: "ada@example.org"})
	if err != nil {
		t.Fatal(err)
	}
	if got := live.At(t, r.two.URL, again.APIKey).Do("GET", "/api/v1/workspaces", nil); strings.Count(string(got.Body), `"kind"`) != 1 {
		t.Errorf("the new account has %s", got.Body)
	}
}

// standing is the posture of a model, but for its time.
func standing(u *live.User, model string) string {
	body := u.Do("GET", "/api/v1/models/"+model+"/posture?limit=200", nil).Body
	return regexp.MustCompile(`"as_of":"[^"]*"`).ReplaceAllString(string(body), "")
}

// The archive of a workspace holds what its manifest says, and its models can be imported elsewhere.
func TestExportWorkspace(t *testing.T) {
	env := live.Start(t)
	ada, eve := env.NewUser(t, account.Admin), env.NewUser(t, account.Admin)
	id := team(t, env, ada, "Zephyrine", eve)
	admin, dev := env.NewKey(t, ada.User, id, account.Admin), env.NewKey(t, ada.User, id, account.Developer)
	model, hidden := dev.Generate(feature), dev.Generate(feature)
	live.Call[struct{}](dev, "add_asset", live.Args{"model_id": model, "name": "A vault"})
	live.Call[struct{}](dev, "delete_threat_model", live.Args{"model_id": hidden})
	live.Call[struct{}](dev, "import_framework", live.Args{"framework_id": "own", "content": "id,text\nR1,Something\n"})
	of := "/api/v1/workspaces/" + id + "/export"
	answers(t, eve.Do("GET", of, nil), 403, "only an owner")
	answers(t, dev.Do("GET", of, nil), 403, "rda_")
	var files map[string][]byte
	for _, who := range []*live.User{ada, admin} {
		got := who.Do("GET", of, nil)
		if got.Status != 200 || got.Header.Get("Content-Type") != "application/zip" || !strings.Contains(got.Header.Get("Content-Disposition"), id) {
			t.Fatalf("%d %s", got.Status, got.Header)
		}
		files = unzip(t, got.Body)
	}
	var m service.ArchiveManifest
	if err := json.Unmarshal(files["manifest.json"], &m); err != nil {
		t.Fatal(err)
	}
	if m.Format != service.ArchiveFormat || m.Workspace.ID != id || m.Counts["models"] != 2 || m.Counts["versions"] != 3 || m.Counts["members"] != 2 || m.Counts["keys"] != 2 ||
		m.Counts["frameworks"] != 1 || m.Counts["activity"] < 6 || len(files) != len(m.Files)+1 {
		t.Errorf("the manifest is %+v of %d files", m, len(files))
	}
	for _, f := range m.Files {
		sum := sha256.Sum256(files[f.Name])
		if int64(len(files[f.Name])) != f.Bytes || hex.EncodeToString(sum[:]) != f.SHA256 {
			t.Errorf("%s is not what the manifest says", f.Name)
		}
		for line := range strings.Lines(string(files[f.Name])) {
			if !json.Valid([]byte(line)) {
				t.Errorf("%s has a line that is no JSON: %s", f.Name, line)
			}
		}
		if bytes.Contains(files[f.Name], []byte(`"hash"`)) || bytes.Contains(files[f.Name], []byte(admin.Key)) {
			t.Errorf("%s holds a secret", f.Name)
		}
	}
	if n := strings.Count(string(files["models/"+model+"/versions.jsonl"]), "\n"); n != 2 {
		t.Errorf("%d versions", n)
	}
	document := files["models/"+model+"/model.json"]
	made := decoded[service.ImportThreatModelOut](t, post(env.NewUser(t, account.Developer), "/api/v1/models/import", `{"document":`+string(document)+`}`))
	if made.Controls == 0 || made.Assets == 0 {
		t.Errorf("imported %+v", made)
	}
}

func unzip(t *testing.T, raw []byte) map[string][]byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if f.Modified.Year() < 2000 {
			t.Errorf("%s is of %s", f.Name, f.Modified)
		}
		out[f.Name] = text
	}
	return out
}
