package service_test

import (
	"archive/zip"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/audit"
	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// joins adds a user to a workspace.
func (b *bench) joins(t testing.TB, workspace string, u account.User, role account.Role) {
	t.Helper()
	testenv.Write(t, b.st, func(tx *store.Tx) error { return tx.AddMember(workspace, u.ID, role) })
	b.clock.Advance(time.Minute)
}

// owner is the principal of an owner's admin key.
func owner(u account.User) account.Principal {
	return account.Principal{UserID: u.ID, UserName: u.Name, WorkspaceID: u.PersonalWorkspace, Scope: account.Admin}
}

// An audit package of a workspace that lives on checks as before when an account is deleted whose verifier key submitted runs; those name nobody.
func TestAuditPackageAfterAnAccountIsDeleted(t *testing.T) {
	var gone account.User
	g, _ := lived(t, func(g *gate) {
		gone = testenv.User(t, g.st, "ci-person@example.org")
		g.joins(t, g.who.WorkspaceID, gone, account.Member)
		g.ci.UserID, g.ci.UserName = gone.ID, gone.Name
	})
	check := func() (*audit.Report, *audit.Content) {
		t.Helper()
		_, p, c := g.packed()
		r, _ := audit.Check(p, c, audit.Options{At: g.clock.Now()})
		if r.Failed() || r.Verdict != "verified" {
			t.Errorf("%+v", r.Problems)
		}
		return r, c
	}
	before, c := check()
	if n := len(c.Runs); n != 5 || c.Runs[0].SubmittedBy != gone.ID {
		t.Fatalf("%d runs, by %s", n, c.Runs[0].SubmittedBy)
	}
	if _, err := g.AccountDeletionFor(ctx, gone.Email, true); err != nil {
		t.Fatal(err)
	}
	must(g.RemoveDeleted(ctx))(t)
	after, c := check()
	if after.Runs != before.Runs || slices.ContainsFunc(c.Runs, func(r audit.Run) bool { return r.SubmittedBy != account.DeletedUser }) {
		t.Errorf("the runs were %+v and are %+v", before.Runs, after.Runs)
	}
}

// A token lives ten minutes and works once.
func TestDeletionTokens(t *testing.T) {
	b := newBench(t)
	u := testenv.User(t, b.st, "ada@example.org")
	who, w := owner(u), testenv.Workspace(t, b.st, u)
	token := func() string {
		t.Helper()
		out := must(b.AskWorkspaceDeletion(ctx, who, service.AskWorkspaceDeletionIn{WorkspaceID: w.ID}))(t)
		if !out.ExpiresAt.Equal(b.clock.Now().Add(10 * time.Minute)) {
			t.Errorf("it expires at %s", out.ExpiresAt)
		}
		return out.ConfirmationToken
	}
	del := func(token string) error {
		_, err := b.DeleteWorkspace(ctx, who, service.DeleteWorkspaceIn{WorkspaceID: w.ID, ConfirmationToken: token})
		return err
	}
	old := token()
	b.clock.Advance(10 * time.Minute)
	code(t, del(old), threat.FailedPrecondition)
	old = token()
	b.clock.Advance(10*time.Minute - time.Second)
	if err := del(old); err != nil {
		t.Fatal(err)
	}
	code(t, del(old), threat.NotFound)
	// In the workspace that is left nothing says which one it was.
	activity := must(b.GetActivity(ctx, who, service.GetActivityIn{Verb: "delete_workspace"}))(t)
	if activity.Summary["done"] != 1 || activity.Activity[len(activity.Activity)-1].Object != "" {
		t.Errorf("%+v", activity)
	}
}

// Who was let in before the mark writes nothing after it.
func TestNothingIsWrittenAfterTheMark(t *testing.T) {
	b := newBench(t)
	m := b.model(t)
	u := must(b.CreateUser(ctx, service.CreateUserIn{Email: "ada@example.org"}))(t).User
	team := testenv.Workspace(t, b.st, u)
	in := owner(u)
	in.WorkspaceID = team.ID
	if _, err := b.WorkspaceDeletionFor(ctx, team.ID, true); err != nil {
		t.Fatal(err)
	}
	_, err := b.CreateSystem(ctx, in, service.CreateSystemIn{Name: "late"})
	code(t, err, threat.Unauthenticated)
	in.WorkspaceID = b.who.WorkspaceID // as somebody who is deleted, in a workspace that lives
	if _, err := b.AccountDeletionFor(ctx, u.Email, true); err != nil {
		t.Fatal(err)
	}
	_, err = b.AddAsset(ctx, in, service.AddAssetIn{Target: target(m.ModelID), Name: "late"})
	code(t, err, threat.Unauthenticated)
	must(b.RemoveDeleted(ctx))(t)
	_, err = b.CreateSystem(ctx, in, service.CreateSystemIn{Name: "later"})
	code(t, err, threat.Unauthenticated)
}

// A team goes to the member who joined first, of those whose account is enabled; one with another owner stays as it is.
func TestWhoInherits(t *testing.T) {
	for about, c := range map[string]struct {
		members []string // in the order of joining; "-" in front: disabled
		owners  []string
		heir    string // "" for none
		deleted bool
	}{
		"who joined first":          {[]string{"bob", "cyd"}, nil, "bob", false},
		"who joined first, enabled": {[]string{"-bob", "cyd"}, nil, "cyd", false},
		"disabled, if all are":      {[]string{"-bob", "-cyd"}, nil, "bob", false},
		"nobody":                    {nil, nil, "", true},
		"another owner":             {[]string{"bob", "cyd"}, []string{"cyd"}, "", false},
	} {
		t.Run(about, func(t *testing.T) {
			b := newBench(t)
			ada := testenv.User(t, b.st, "ada@example.org")
			w := testenv.Workspace(t, b.st, ada).ID
			b.clock.Advance(time.Minute)
			users := map[string]account.User{}
			for _, m := range c.members {
				name := strings.TrimPrefix(m, "-")
				users[name] = testenv.User(t, b.st, name+"@example.org")
				role := account.Member
				if slices.Contains(c.owners, name) {
					role = account.Owner
				}
				b.joins(t, w, users[name], role)
				if m != name {
					must(b.SetDisabled(ctx, name+"@example.org", true))(t)
				}
			}
			asked := must(b.AskAccountDeletion(ctx, owner(ada), service.AskAccountDeletionIn{}))(t)
			out := must(b.DeleteAccount(ctx, owner(ada), service.DeleteAccountIn{ConfirmationToken: asked.ConfirmationToken}))(t)
			if got := slices.Contains(out.Deleted, w); got != c.deleted {
				t.Errorf("deleted: %v", out.Deleted)
			}
			must(b.RemoveDeleted(ctx))(t)
			testenv.Read(t, b.st, func(v *store.Snapshot) error {
				members, err := v.Members(w)
				if len(members) != len(c.members) {
					t.Errorf("the members are %+v", members)
				}
				for _, m := range members {
					is := m.UserID == users[c.heir].ID || slices.ContainsFunc(c.owners, func(n string) bool { return users[n].ID == m.UserID })
					if (m.Role == account.Owner) != is {
						t.Errorf("%s is %s", m.Email, m.Role)
					}
				}
				return err
			})
		})
	}
}

// slow lets the archive be written no faster than it is read.
type slow struct {
	io.Writer
	n    int
	each func(n int)
}

func (s *slow) Write(p []byte) (int, error) {
	s.n += len(p)
	s.each(s.n)
	return s.Writer.Write(p)
}

// An archive goes out while it is read: no database snapshot is held meanwhile, and what is written between two models is in it or not, whole.
func TestArchiveIsStreamed(t *testing.T) {
	b := newBench(t)
	u := testenv.User(t, b.st, "ada@example.org")
	for range 3 {
		testenv.Model(t, b.st, u.PersonalWorkspace, u.ID, 20, 10)
	}
	r, w := io.Pipe()
	writes := 0
	out := &slow{w, 0, func(int) { // each write finds the database free for writers
		writes++
		testenv.Write(t, b.st, func(tx *store.Tx) error { return tx.SetInstance("written", time.Now().String()) })
	}}
	done := make(chan error, 1)
	go func() {
		_, err := b.ArchiveWorkspace(ctx, u.PersonalWorkspace, out)
		_ = w.CloseWithError(err)
		done <- err
	}()
	raw, err := io.ReadAll(r)
	if err != nil || <-done != nil || writes < 2 {
		t.Fatalf("%v after %d writes", err, writes)
	}
	z := must(zip.NewReader(strings.NewReader(string(raw)), int64(len(raw))))(t)
	models := 0
	for _, f := range z.File {
		if strings.HasSuffix(f.Name, "/model.json") {
			models++
		}
	}
	if models != 3 || z.File[len(z.File)-1].Name != "manifest.json" {
		t.Errorf("%d models in %d files", models, len(z.File))
	}
}
