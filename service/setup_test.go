package service_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/store"
)

// Each step is done when what it is about happened, in this workspace, and at no other time.
func TestSetupStatus(t *testing.T) {
	b := newBench(t)
	ada, bob := b.person(t), b.person(t)
	team := b.team(t, ada)
	dev, secret := testenv.Key(t, b.st, team, ada.User, account.Developer)
	who := testenv.Principal(dev, ada.User)
	other := b.team(t, bob)
	elsewhere, _ := testenv.Key(t, b.st, other, bob.User, account.Developer)
	status := func(p account.Principal) (done []string, out service.GetSetupStatusOut) {
		t.Helper()
		out = must(b.GetSetupStatus(ctx, p, service.GetSetupStatusIn{}))(t)
		counted, total := 0, 0
		for _, st := range out.Steps {
			if st.Done {
				done = append(done, st.ID)
			}
			if st.Done == (st.Next != "") {
				t.Errorf("%s: done %v, next %q", st.ID, st.Done, st.Next)
			}
			if st.Since != nil && (!st.Done || st.Since.After(b.clock.Now())) {
				t.Errorf("%s: since %v", st.ID, st.Since)
			}
			if !st.Optional {
				total++
				if st.Done {
					counted++
				}
			}
		}
		if out.Summary != (service.SetupSummary{Done: counted, Total: total}) || total != 6 || len(out.Steps) != 9 {
			t.Errorf("the summary is %+v of %d steps", out.Summary, len(out.Steps))
		}
		return done, out
	}
	var want []string
	step := func(id string, do func()) {
		t.Helper()
		b.clock.Advance(time.Minute)
		do()
		if id != "" {
			want = append(want, id)
		}
		got, _ := status(who)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("after %s: %s", id, d)
		}
	}
	step("", func() {})
	step("", func() { must(b.Authenticate(ctx, secret))(t) })
	step("connect", func() {
		must(b.AuthenticateMCP(ctx, secret))(t)
		eventually(t, "the use of the key is noted", func() bool {
			k := must(b.ListKeys(ctx, who, service.ListKeysIn{}))(t).Keys[0]
			return k.MCPSince != nil && k.MCPSince.Equal(b.clock.Now())
		})
	})
	var model string
	step("model", func() {
		at := *b
		at.who = who
		model = addSite(t, &at)
		testenv.Write(t, b.st, func(tx *store.Tx) error { return tx.SetRepos(team, model, []store.Repo{}) })
	})
	step("repos", func() {
		must(b.EditThreatModel(ctx, who, service.EditThreatModelIn{ModelID: model, Repos: []store.Repo{{Repo: repo}}}))(t)
	})
	step("assertions", func() {
		must(b.SubmitAssertions(ctx, who, service.SubmitAssertionsIn{ModelID: model, Assertions: []service.NewAssertion{exists}}))(t)
	})
	admin := must(b.CreateKey(ctx, ada.admin, service.CreateKeyIn{WorkspaceID: team, Name: "admin", Scope: account.Admin}))(t)
	var verifier service.CreateKeyOut
	step("", func() {
		verifier = must(b.CreateKey(ctx, ada.admin, service.CreateKeyIn{WorkspaceID: team, Name: "ci", Scope: account.Verifier}))(t)
	})
	if _, out := status(who); !strings.Contains(out.Steps[4].Next, "redoubt verify run") {
		t.Errorf("with a key that was never used, next is %q", out.Steps[4].Next)
	}
	step("verifier_key", func() {
		must(b.Authenticate(ctx, verifier.APIKey))(t)
		eventually(t, "the use of the key is noted", func() bool {
			return must(b.GetSetupStatus(ctx, who, service.GetSetupStatusIn{}))(t).Steps[4].Done
		})
	})
	run := func(id string, ci bool) {
		testenv.Write(t, b.st, func(tx *store.Tx) error {
			return tx.AddRun(team, store.Run{ID: id, ModelID: model, Repo: "acme/shop", FromCI: ci, Answer: "{}"}, nil)
		})
	}
	step("", func() { run("on a laptop", false) })
	step("ci", func() { run("in CI", true) })
	boss := must(b.Authenticate(ctx, admin.APIKey))(t)
	step("engine", func() { must(b.EditSettings(ctx, boss, service.EditSettingsIn{DefaultEngine: ptr("agent")}))(t) })
	step("attestation", func() { must(b.EditSettings(ctx, boss, service.EditSettingsIn{RequireAttestation: ptr(true)}))(t) })
	step("teammate", func() {
		i := must(b.Invite(ctx, ada.admin, service.InviteIn{WorkspaceID: team, Email: bob.Email}))(t).Invitation
		must(b.AcceptInvitation(ctx, bob.developer, service.AnswerInvitationIn{InvitationID: i.ID}))(t)
	})
	if got, _ := status(testenv.Principal(elsewhere, bob.User)); got != nil {
		t.Errorf("another workspace has %v", got)
	}
	// Local stdio without a key is a client of MCP itself.
	local := ada.developer
	local.KeyID = ""
	if got, _ := status(local); !cmp.Equal(got, []string{"connect"}) {
		t.Errorf("locally %v", got)
	}
}
