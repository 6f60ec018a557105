package service_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redoubt-dev/redoubt/audit"
	"github.com/redoubt-dev/redoubt/auth/attest"
	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/exchange"
	"github.com/redoubt-dev/redoubt/posture"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/threat"
)

// packed exports the audit package of the gate's model, and reads it.
func (g *gate) packed() ([]byte, *audit.Package, *audit.Content) {
	g.t.Helper()
	out := must(g.ExportAuditPackage(ctx, g.who, service.ExportAuditPackageIn{ModelID: g.model}))(g.t)
	p, c, err := audit.Read(out.Package)
	if err != nil {
		g.t.Fatal(err)
	}
	return out.Package, p, c
}

// lived is a gate with a past: runs with a key, a token and none, a failure, a carried result, a deleted control and assertion.
func lived(t testing.TB) (*gate, *ecdsa.PrivateKey) {
	g := newGate(t)
	g.site.submit(calls, absent, calls3)
	g.implement("C1", "C3")
	g.run(map[threat.ID]say{"E4": {one: evidence.Fail}})
	g.clock.Advance(time.Hour)
	g.trust()
	key := g.key("ci")
	signedRun := func(says map[threat.ID]say) {
		t.Helper()
		in := g.in(says, "main")
		in.Envelope, in.Statement = envelope(t, in.Statement, key), nil
		must(g.SubmitRun(ctx, g.ci, in))(t)
		g.clock.Advance(time.Hour)
	}
	signedRun(nil)
	signedRun(map[threat.ID]say{"E1": {one: evidence.Unchanged, two: evidence.Unchanged}})
	tokenRun := g.in(map[threat.ID]say{"E4": {one: evidence.Fail}}, "main")
	tokenRun.Token = g.token(tokenRun.Statement, nil)
	must(g.SubmitRun(ctx, g.ci, tokenRun))(t)
	g.clock.Advance(time.Hour)
	must(g.SubmitRun(ctx, g.ci, g.in(nil, "feature")))(t)
	must(g.DeleteAssertion(ctx, g.who, service.DeleteAssertionIn{ModelID: g.model, Assertion: "E4", Reason: "moved"}))(t)
	g.clock.Advance(time.Minute)
	return g, key
}

func TestAuditPackage(t *testing.T) {
	g, key := lived(t)
	raw, p, c := g.packed()
	report, live := audit.Check(p, c, audit.Options{At: g.clock.Now()})
	if report.Failed() || report.Verdict != "verified" {
		t.Errorf("%+v", report.Problems)
	}
	if want := (audit.RunCounts{Total: 5, Counted: 4, ByKey: 2, ByToken: 1, Unproven: 2}); report.Runs != want {
		t.Errorf("runs %+v, want %+v", report.Runs, want)
	}
	if len(report.Unpinned) != 3 || len(report.Unproven) != 0 || len(live) != 3 || report.Assertions != 4 {
		t.Errorf("%+v, %d live", report, len(live))
	}
	if report.Posture.Objectives.Status.AtRisk != 1 || report.Posture.Objectives.Assurance.Verified != 2 {
		t.Errorf("posture %+v", report.Posture.Objectives)
	}
	again, _, _ := g.packed()
	if !bytes.Equal(stripped(t, raw), stripped(t, again)) {
		t.Error("two packages of one state differ beside their signature")
	}
	// With what the auditor knows, nothing is left unpinned.
	published := must(g.JWKS(ctx))(t)
	fetched := g.issuer.KeySet()
	o := audit.Options{At: g.clock.Now(), Keys: []string{attest.Fingerprint(&key.PublicKey), report.ServerKey}, JWKS: fetched, Repo: repo, Commit: commit}
	if pinned, _ := audit.Check(p, c, o); pinned.Failed() || len(pinned.Unpinned) != 0 {
		t.Errorf("pinned: %+v, %v", pinned.Problems, pinned.Unpinned)
	}
	if !strings.Contains(string(published), report.ServerKey) {
		t.Errorf("the key is not published: %s", published)
	}
	// What the auditor expects otherwise fails.
	other := attest.Fingerprint(&must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t).PublicKey)
	for about, o := range map[string]audit.Options{
		"repository": {Repo: "acme/other"}, "commit": {Commit: strings.Repeat("1", 40)}, "key set": {JWKS: published},
	} {
		if r, _ := audit.Check(p, c, o); !r.Failed() {
			t.Errorf("another %s is accepted", about)
		}
	}
	signed := newGate(t)
	in := signed.in(nil, "main")
	in.Envelope, in.Statement = envelope(t, in.Statement, signed.key("ci")), nil
	must(signed.SubmitRun(ctx, signed.ci, in))(t)
	_, p2, c2 := signed.packed()
	if r, _ := audit.Check(p2, c2, audit.Options{Keys: []string{other}}); !r.Failed() {
		t.Error("another key is accepted")
	}
	// Later on, results are stale.
	late, _ := audit.Check(p, c, audit.Options{At: g.clock.Now().AddDate(1, 0, 0)})
	if late.Failed() || late.PostureAt.Objectives.Assurance.Verified != 0 || len(late.Changed) != 2 {
		t.Errorf("a year later: %+v %v", late.PostureAt.Objectives.Assurance, late.Changed)
	}
}

// stripped is a package without what each signing draws anew.
func stripped(t testing.TB, raw []byte) []byte {
	t.Helper()
	var p map[string]json.RawMessage
	if err := json.Unmarshal(raw, &p); err != nil {
		t.Fatal(err)
	}
	delete(p, "manifest")
	return must(json.Marshal(p))(t)
}

// Bytes changed here and there in the package of a model: it is refused or fails. Package audit does that with every byte of a small one.
func TestAuditPackageWithOneByteChanged(t *testing.T) {
	g := newGate(t)
	key := g.key("ci")
	in := g.in(nil, "main")
	in.Envelope, in.Statement = envelope(t, in.Statement, key), nil
	must(g.SubmitRun(ctx, g.ci, in))(t)
	raw, _, _ := g.packed()
	for i := 0; i < len(raw); i += 101 {
		changed := slices.Clone(raw)
		changed[i] ^= 0x01
		p, c, err := audit.Read(changed)
		if err != nil {
			continue
		}
		if r, _ := audit.Check(p, c, audit.Options{At: g.clock.Now()}); !r.Failed() {
			t.Fatalf("byte %d changed from %q to %q in %q", i, raw[i], changed[i], raw[max(0, i-60):min(len(raw), i+60)])
		}
	}
}

// A server that lies and signs it is caught where the runs tell.
func TestAuditOfALyingServer(t *testing.T) {
	g, _ := lived(t)
	_, _, honest := g.packed()
	signer := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	for about, c := range map[string]struct {
		lie   func(c *audit.Content)
		where string
	}{
		"a result": {func(c *audit.Content) { c.Document.Assertions[0].Tier1.Verdict = evidence.Fail }, "assertion E1"},
		"a deleted failure": {func(c *audit.Content) {
			a := &c.Document.Assertions[3]
			a.Tier1.Verdict, a.Debt = evidence.Pass, false
		}, "assertion E4"},
		"a control": {func(c *audit.Content) { c.Document.Controls[2].Verification = evidence.Verified }, "control C3"},
		"an objective": {func(c *audit.Content) {
			i := slices.IndexFunc(c.Document.Objectives, func(o exchange.DocumentObjective) bool { return o.Status == posture.AtRisk })
			c.Document.Objectives[i].Status = posture.Mitigated
		}, "objective"},
		"counts":           {func(c *audit.Content) { c.Document.Posture.Objectives.Status.AtRisk = 0 }, "posture"},
		"a statement":      {func(c *audit.Content) { c.Runs[1].Statement = c.Runs[2].Statement }, "run"},
		"a preview counts": {func(c *audit.Content) { c.Runs[4].Counted = true }, "assertion"},
		"a proof moved": {func(c *audit.Content) {
			c.Runs[0].Proof, c.Runs[0].Attested, c.Runs[0].Signer = c.Runs[1].Proof, true, c.Runs[1].Signer
		}, "run"},
		"attested alone":   {func(c *audit.Content) { c.Runs[0].Attested = true }, "run"},
		"a run twice":      {func(c *audit.Content) { c.Runs = append(c.Runs, c.Runs[3]) }, "run"},
		"a run left out":   {func(c *audit.Content) { c.Runs = c.Runs[:2] }, "assertion"},
		"another model":    {func(c *audit.Content) { c.Manifest.Model = "other" }, "manifest"},
		"a key's print":    {func(c *audit.Content) { c.Workspace.SigningKeys[0].Fingerprint = "sha256:" + strings.Repeat("0", 64) }, "signing key"},
		"a key revoked":    {func(c *audit.Content) { c.Workspace.SigningKeys[0].RevokedAt = ptr(c.Runs[0].SubmittedAt) }, "run"},
		"a key for others": {func(c *audit.Content) { c.Workspace.SigningKeys[0].Repos = []string{"acme/other"} }, "run"},
		"a later run":      {func(c *audit.Content) { c.Runs[3].SubmittedAt = c.Manifest.CreatedAt.Add(time.Minute) }, "run"},
	} {
		t.Run(about, func(t *testing.T) {
			copied := must(json.Marshal(honest))(t)
			var lying audit.Content
			if err := json.Unmarshal(copied, &lying); err != nil {
				t.Fatal(err)
			}
			lying.Manifest.Sections = nil
			c.lie(&lying)
			raw := must(audit.Write(lying, signer, []*ecdsa.PublicKey{&signer.PublicKey}))(t)
			p, back, err := audit.Read(raw)
			if err != nil {
				t.Fatal(err)
			}
			r, _ := audit.Check(p, back, audit.Options{At: g.clock.Now()})
			if !slices.ContainsFunc(r.Problems, func(p audit.Problem) bool { return strings.HasPrefix(p.Where, c.where) }) {
				t.Errorf("nothing about %s: %+v", c.where, r.Problems)
			}
		})
	}
	if _, _, err := audit.Read([]byte("{}\n")); threat.CodeOf(err) != threat.Invalid {
		t.Error(err)
	}
}
