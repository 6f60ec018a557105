package service_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/internal/testenv/live"
	"github.com/redoubt-dev/redoubt/pipeline"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

const feature = `A REST API for sharing files. Users sign in with passwords and sessions, upload files to S3 object storage and share
them by public links. PostgreSQL holds user accounts with e-mail addresses. Administrators use an admin dashboard.`

// bench is a service with running workers over a database of its own.
type bench struct {
	*service.Service
	st    *store.Store
	clock *testenv.Clock
	who   account.Principal
}

func newBench(t testing.TB, engines ...pipeline.Engine) *bench {
	t.Helper()
	if engines == nil {
		e, err := live.Expert()
		if err != nil {
			t.Fatal(err)
		}
		engines = []pipeline.Engine{e}
	}
	return benchWith(t, service.Config{Engines: engines, Log: zerolog.Nop()})
}

// benchWith makes a bench of a service that is configured otherwise.
func benchWith(t testing.TB, c service.Config) *bench {
	t.Helper()
	clock := testenv.NewClock()
	st := testenv.StoreAt(t, clock)
	c.Store = st
	if c.Signer == nil {
		c.Signer = must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	}
	svc, err := service.New(c)
	if err != nil {
		t.Fatal(err)
	}
	svc.Start()
	t.Cleanup(svc.Stop)
	return &bench{svc, st, clock, testenv.Caller(t, st, account.Developer)}
}

var ctx = context.Background()

// must fails the test on an error.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// await waits for a job's end.
func (b *bench) await(t testing.TB, job service.JobOut) (service.JobOut, error) {
	t.Helper()
	wait := service.MaxWait
	return b.GetOperationStatus(ctx, b.who, service.GetOperationStatusIn{JobID: job.JobID, WaitSeconds: &wait, Seen: -1})
}

// model generates a model and returns its summary.
func (b *bench) model(t testing.TB) service.ModelSummary {
	t.Helper()
	job := must(b.await(t, must(b.GenerateThreatModel(ctx, b.who, service.GenerateThreatModelIn{FeatureDescription: feature}))(t)))(t)
	var m service.ModelSummary
	if err := json.Unmarshal(job.Result, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func target(id string) service.Target { return service.Target{ModelID: id} }

func all() *int { n := service.MaxLimit; return &n }

func (b *bench) controls(t testing.TB, id string, in service.GetControlsIn) []service.ControlRow {
	t.Helper()
	in.ModelID, in.Limit = id, all()
	return must(b.GetControls(ctx, b.who, in))(t).Controls
}

func code(t testing.TB, err error, want threat.Code) *threat.Error {
	t.Helper()
	te, ok := err.(*threat.Error)
	if !ok || te.Code != want {
		t.Fatalf("the error is %v, want %s", err, want)
	}
	return te
}

// A repeat of a call with an idempotency key is the first answer; other arguments are a conflict; another key, tool or user
// is another call; after 24 hours it is a fresh one.
func TestIdempotency(t *testing.T) {
	b := newBench(t)
	m := b.model(t)
	in := service.AddAssetIn{Target: service.Target{ModelID: m.ModelID, IdempotencyKey: "k"}, Name: "Ledger"}
	first := must(b.AddAsset(ctx, b.who, in))(t)
	again := must(b.AddAsset(ctx, b.who, in))(t)
	if first.Asset.ID != again.Asset.ID || first.Version != again.Version {
		t.Errorf("the repeat made %s at version %d, the first %s at %d", again.Asset.ID, again.Version, first.Asset.ID, first.Version)
	}
	in.Name = "Other"
	_, err := b.AddAsset(ctx, b.who, in)
	if te := code(t, err, threat.Conflict); te.Field != "idempotency_key" {
		t.Errorf("field %q", te.Field)
	}
	other := b.who
	other.KeyID = "another key"
	if out := must(b.AddAsset(ctx, other, in))(t); out.Asset.ID == first.Asset.ID {
		t.Error("another API key got the first one's answer")
	}
	if _, err := b.AddAttacker(ctx, b.who, service.AddAttackerIn{
		Target: service.Target{ModelID: m.ModelID, IdempotencyKey: "k"}, Name: "x", Capability: "c", Position: "p",
	}); err != nil {
		t.Errorf("the same key on another tool: %v", err)
	}
	b.clock.Advance(store.IdempotencyLife + time.Second)
	in.Name = "Ledger two"
	if out := must(b.AddAsset(ctx, b.who, in))(t); out.Asset.Name != "Ledger two" {
		t.Errorf("after its life the key still answers %q", out.Asset.Name)
	}
	in.IdempotencyKey = strings.Repeat("k", 300)
	_, err = b.AddAsset(ctx, b.who, in)
	code(t, err, threat.Invalid)
}

// A failed call keeps no answer: the repeat after the mend succeeds.
func TestIdempotencyKeepsNoRefusal(t *testing.T) {
	b := newBench(t)
	m := b.model(t)
	in := service.AddAssetIn{Target: service.Target{ModelID: m.ModelID, IdempotencyKey: "k", ExpectedVersion: 9}, Name: "Ledger"}
	_, err := b.AddAsset(ctx, b.who, in)
	code(t, err, threat.Conflict)
	in.ExpectedVersion = 1
	must(b.AddAsset(ctx, b.who, in))(t)
}

// A stale writer is told the current version and what changed since; the writer in time is not.
func TestExpectedVersion(t *testing.T) {
	b := newBench(t)
	m := b.model(t)
	low := threat.Low
	must(b.EditAsset(ctx, b.who, service.EditAssetIn{Target: service.Target{ModelID: m.ModelID, ExpectedVersion: 1}, AssetID: "A1", Impact: &low}))(t)
	_, err := b.EditAsset(ctx, b.who, service.EditAssetIn{Target: service.Target{ModelID: m.ModelID, ExpectedVersion: 1}, AssetID: "A2", Impact: &low})
	te := code(t, err, threat.Conflict)
	if !strings.Contains(te.Message, "version 2") || !strings.Contains(te.Hint, "changed A1 (impact)") {
		t.Errorf("the conflict says %v", te)
	}
	// An edit that changes nothing makes no version.
	out := must(b.EditAsset(ctx, b.who, service.EditAssetIn{Target: service.Target{ModelID: m.ModelID, ExpectedVersion: 2}, AssetID: "A1", Impact: &low}))(t)
	if out.Version != 2 {
		t.Errorf("an edit that changes nothing made version %d", out.Version)
	}
}

// Every write and every refused write of a known caller leaves one activity row; a read leaves none.
func TestActivity(t *testing.T) {
	b := newBench(t)
	m := b.model(t)
	must(b.AddAsset(ctx, b.who, service.AddAssetIn{Target: target(m.ModelID), Name: "Ledger"}))(t)
	_, err := b.AddAsset(ctx, b.who, service.AddAssetIn{Target: target(m.ModelID), Name: "Ledger"})
	code(t, err, threat.Conflict)
	verifier := b.who
	verifier.Scope = account.Verifier
	_, err = b.AddAsset(ctx, verifier, service.AddAssetIn{Target: target(m.ModelID), Name: "Nope"})
	code(t, err, threat.Forbidden)
	_, err = b.AddAsset(ctx, account.Principal{}, service.AddAssetIn{Target: target(m.ModelID), Name: "Nope"})
	code(t, err, threat.Unauthenticated)
	must(b.GetThreatModel(ctx, b.who, service.GetThreatModelIn{ModelID: m.ModelID}))(t)
	var got []string
	testenv.Read(t, b.st, func(v *store.Snapshot) error {
		rows, _, err := v.Activity(b.who.WorkspaceID, m.ModelID, 100, 0)
		for _, a := range rows {
			if a.UserID != b.who.UserID || a.KeyID != b.who.KeyID {
				t.Errorf("%s is by %s with %s", a.Verb, a.UserID, a.KeyID)
			}
			got = append(got, a.Verb+" "+a.Outcome+" "+string(a.Code))
		}
		return err
	})
	want := []string{"add_asset refused forbidden", "add_asset refused conflict", "add_asset done ", "generate_threat_model done "}
	if !slices.Equal(got, want) {
		t.Errorf("the activity of the model is %q, want %q", got, want)
	}
}

// Removing an asset keeps its controls, orphaned where it was their only one; restoring brings everything back.
func TestRemoveAndRestore(t *testing.T) {
	b := newBench(t)
	m := b.model(t)
	before := must(b.GetThreatModel(ctx, b.who, service.GetThreatModelIn{ModelID: m.ModelID}))(t)
	controls := b.controls(t, m.ModelID, service.GetControlsIn{})
	for _, a := range before.Assets[1:] {
		must(b.RemoveAsset(ctx, b.who, service.RemoveAssetIn{Target: target(m.ModelID), AssetID: a.ID}))(t)
	}
	out := must(b.GetControls(ctx, b.who, service.GetControlsIn{ModelID: m.ModelID, Limit: all()}))(t)
	counted := 0
	for _, n := range out.Summary.Status {
		counted += n
	}
	if len(out.Controls) != len(controls) || out.Summary.Orphaned == 0 || counted+out.Summary.Orphaned != len(controls) {
		t.Errorf("of %d controls %d are listed, %d counted, %d orphaned", len(controls), len(out.Controls), counted, out.Summary.Orphaned)
	}
	added := must(b.AddAsset(ctx, b.who, service.AddAssetIn{Target: target(m.ModelID), Name: "Later"}))(t)
	r := must(b.RestoreVersion(ctx, b.who, service.RestoreVersionIn{Target: target(m.ModelID), Version: 1}))(t)
	if r.Summary[threat.KindAsset][threat.Added] != len(before.Assets)-1 || r.Summary[threat.KindAsset][threat.Removed] != 1 {
		t.Errorf("the restore changed %v", r.Summary)
	}
	after := must(b.GetThreatModel(ctx, b.who, service.GetThreatModelIn{ModelID: m.ModelID}))(t)
	if len(after.Assets) != len(before.Assets) || after.Assets[len(after.Assets)-1].ID != before.Assets[len(before.Assets)-1].ID {
		t.Errorf("after the restore the assets are %v", after.Assets)
	}
	if s := must(b.GetControls(ctx, b.who, service.GetControlsIn{ModelID: m.ModelID}))(t).Summary; s.Orphaned != 0 {
		t.Errorf("%d controls are still orphaned", s.Orphaned)
	}
	next := must(b.AddAsset(ctx, b.who, service.AddAssetIn{Target: target(m.ModelID), Name: "Last"}))(t)
	if next.Asset.ID.Number() <= added.Asset.ID.Number() {
		t.Errorf("id %s was given again after %s", next.Asset.ID, added.Asset.ID)
	}
	old := must(b.GetThreatModel(ctx, b.who, service.GetThreatModelIn{ModelID: m.ModelID, Version: 3}))(t)
	if len(old.Assets) != len(before.Assets)-2 {
		t.Errorf("version 3 has %d assets now", len(old.Assets))
	}
}

// Boundary assumptions follow the boundaries: they appear when objectives are cut off, and retire when those are not.
func TestBoundaryAssumptions(t *testing.T) {
	b := newBench(t)
	m := b.model(t)
	edit := func(ops ...service.BoundaryOp) service.EditTrustBoundariesOut {
		t.Helper()
		return must(b.EditTrustBoundaries(ctx, b.who, service.EditTrustBoundariesIn{Target: target(m.ModelID), Operations: ops}))(t)
	}
	list := func(status string) []service.AssumptionRow {
		t.Helper()
		return must(b.GetThreatModel(ctx, b.who, service.GetThreatModelIn{
			ModelID: m.ModelID, Section: service.SectionAssumptions, Status: status, Limit: all(),
		}))(t).Assumptions
	}
	must(b.AddAsset(ctx, b.who, service.AddAssetIn{Target: target(m.ModelID), Name: "Vault Gold"}))(t)
	gold := lastAsset(t, b, m.ModelID)
	must(b.AddAttacker(ctx, b.who, service.AddAttackerIn{Target: target(m.ModelID), Name: "Tourist", Capability: "walk", Position: "outside"}))(t)
	tourist := lastAttacker(t, b, m.ModelID)
	vault, street := "Vault Door", "Street"
	out := edit(
		service.BoundaryOp{Op: service.OpAdd, Name: &vault, Assets: []threat.ID{gold}},
		service.BoundaryOp{Op: service.OpAdd, Name: &street, Attackers: []threat.ID{tourist}},
	)
	co := threat.ObjectiveID(gold, tourist)
	var mine *service.AssumptionRow
	for _, a := range list("") {
		if a.Computed && slices.Contains(a.Objectives, co) {
			mine = &a
		}
	}
	if mine == nil || out.Objectives.Unreachable == 0 {
		t.Fatalf("%s is cut off and no assumption says so: %+v", co, out)
	}
	for _, op := range []service.AssumptionOp{{Op: service.OpRemove, ID: mine.ID}, {Op: service.OpEdit, ID: mine.ID, Text: &street}} {
		_, err := b.EditAssumptions(ctx, b.who, service.EditAssumptionsIn{Target: target(m.ModelID), Operations: []service.AssumptionOp{op}})
		code(t, err, threat.FailedPrecondition)
	}
	others := len(list("active"))
	edit(service.BoundaryOp{Op: service.OpEdit, ID: out.Boundaries[1].ID, Assets: []threat.ID{gold}})
	retired := list("retired")
	if len(retired) != 1 || retired[0].ID != mine.ID || retired[0].Reason == "" || len(list("active")) != others-1 {
		t.Errorf("retired are %+v of %d", retired, others)
	}
	edit(service.BoundaryOp{Op: service.OpEdit, ID: out.Boundaries[1].ID, Assets: []threat.ID{}})
	for _, a := range list("active") {
		if a.ID == mine.ID {
			t.Errorf("%s came back from retirement", a.ID)
		}
	}
	// All or nothing: the second operation is wrong, so the first does not happen.
	before := must(b.GetThreatModel(ctx, b.who, service.GetThreatModelIn{ModelID: m.ModelID}))(t)
	other := "Other"
	_, err := b.EditTrustBoundaries(ctx, b.who, service.EditTrustBoundariesIn{Target: target(m.ModelID), Operations: []service.BoundaryOp{
		{Op: service.OpAdd, Name: &other}, {Op: service.OpEdit, ID: "TB99", Name: &other},
	}})
	if te := code(t, err, threat.NotFound); !strings.HasPrefix(te.Field, "operations.1") {
		t.Errorf("the error is about %q", te.Field)
	}
	if after := must(b.GetThreatModel(ctx, b.who, service.GetThreatModelIn{ModelID: m.ModelID}))(t); after.Version != before.Version {
		t.Error("half of a batch was applied")
	}
	edit(service.BoundaryOp{Op: service.OpRemove, ID: out.Boundaries[1].ID})
	back := edit(service.BoundaryOp{Op: service.OpRestore, ID: out.Boundaries[1].ID, Attackers: []threat.ID{tourist}})
	if len(back.Boundaries) != 1 || back.Boundaries[0].Name != "Street" {
		t.Errorf("restored %+v", back.Boundaries)
	}
}

func lastAsset(t *testing.T, b *bench, id string) threat.ID {
	t.Helper()
	list := must(b.GetThreatModel(ctx, b.who, service.GetThreatModelIn{ModelID: id}))(t).Assets
	return list[len(list)-1].ID
}

func lastAttacker(t *testing.T, b *bench, id string) threat.ID {
	t.Helper()
	list := must(b.GetThreatModel(ctx, b.who, service.GetThreatModelIn{ModelID: id}))(t).Attackers
	return list[len(list)-1].ID
}

// The life of an assumption that a person adds: violated with a reason, deleted, restored under its id.
func TestAssumptionLife(t *testing.T) {
	b := newBench(t)
	m := b.model(t)
	do := func(op service.AssumptionOp) (service.AssumptionRow, error) {
		out, err := b.EditAssumptions(ctx, b.who, service.EditAssumptionsIn{Target: target(m.ModelID), Operations: []service.AssumptionOp{op}})
		if err != nil {
			return service.AssumptionRow{}, err
		}
		return out.Assumptions[0], nil
	}
	text := "Laptops are encrypted."
	a := must(do(service.AssumptionOp{Op: service.OpAdd, Text: &text, Objectives: []threat.ID{"CO-A1-T1"}}))(t)
	if a.Status != threat.Active || a.Kind != threat.External {
		t.Fatalf("%+v", a)
	}
	if v := must(do(service.AssumptionOp{Op: service.OpViolate, ID: a.ID, Reason: "one was not"}))(t); v.Status != threat.Violated || v.Reason != "one was not" {
		t.Errorf("%+v", v)
	}
	_, err := do(service.AssumptionOp{Op: service.OpViolate, ID: a.ID, Reason: "again"})
	code(t, err, threat.FailedPrecondition)
	if d := must(do(service.AssumptionOp{Op: service.OpRemove, ID: a.ID}))(t); d.Status != threat.Deleted {
		t.Errorf("%+v", d)
	}
	_, err = do(service.AssumptionOp{Op: service.OpEdit, ID: a.ID, Text: &text})
	code(t, err, threat.NotFound)
	if r := must(do(service.AssumptionOp{Op: service.OpRestore, ID: a.ID}))(t); r.ID != a.ID || r.Status != threat.Active || r.Text != text {
		t.Errorf("%+v", r)
	}
}

// Regenerating with keep_unchanged keeps what comes out the same; without it every control is new; for some objectives a
// control that serves others is only unlinked.
func TestRegenerate(t *testing.T) {
	b := newBench(t)
	m := b.model(t)
	before := b.controls(t, m.ModelID, service.GetControlsIn{})
	run := func(in service.RegenerateControlsIn) service.RegenerateResult {
		t.Helper()
		in.ModelID = m.ModelID
		job := must(b.await(t, must(b.RegenerateControls(ctx, b.who, in))(t)))(t)
		var out service.RegenerateResult
		if err := json.Unmarshal(job.Result, &out); err != nil {
			t.Fatalf("%v in %+v", err, job)
		}
		return out
	}
	kept := run(service.RegenerateControlsIn{KeepUnchanged: true})
	after := b.controls(t, m.ModelID, service.GetControlsIn{})
	if len(kept.Added) != 0 || kept.Replaced != 0 || len(kept.Kept) != len(before) || kept.Version != 2 {
		t.Errorf("keep_unchanged: %+v", kept)
	}
	for i := range before {
		if before[i].ID != after[i].ID || !slices.Equal(before[i].Objectives, after[i].Objectives) {
			t.Errorf("%s helps %v, then %s %v", before[i].ID, before[i].Objectives, after[i].ID, after[i].Objectives)
		}
	}
	fresh := run(service.RegenerateControlsIn{})
	if len(fresh.Added) != len(before) || fresh.Replaced != len(before) || fresh.Controls != len(before) {
		t.Errorf("fresh: %+v", fresh)
	}
	deleted := b.controls(t, m.ModelID, service.GetControlsIn{Deleted: true})
	if len(deleted) != len(before) || deleted[0].DeletedReason == "" || len(deleted[0].Objectives) == 0 {
		t.Errorf("%d deleted controls are readable", len(deleted))
	}
	// One objective: everything linked elsewhere keeps its other links.
	now := b.controls(t, m.ModelID, service.GetControlsIn{})
	co := now[0].Objectives[0]
	one := run(service.RegenerateControlsIn{Objectives: []threat.ID{co}})
	for _, c := range now {
		i := slices.IndexFunc(b.controls(t, m.ModelID, service.GetControlsIn{}), func(x service.ControlRow) bool { return x.ID == c.ID })
		switch serves := slices.Contains(c.Objectives, co); {
		case !serves && i < 0:
			t.Errorf("%s is gone, and never served %s", c.ID, co)
		case serves && len(c.Objectives) > 1 && !slices.Contains(one.Unlinked, c.ID):
			t.Errorf("%s serves others than %s and is not reported as unlinked: %+v", c.ID, co, one)
		}
	}
	objectives := must(b.GetControlObjectives(ctx, b.who, service.GetControlObjectivesIn{ModelID: m.ModelID}))(t)
	if objectives.Summary.WithoutControls != 0 {
		t.Errorf("%d objectives were left without controls", objectives.Summary.WithoutControls)
	}
	_, err := b.RegenerateControls(ctx, b.who, service.RegenerateControlsIn{Target: target(m.ModelID), Objectives: []threat.ID{"CO-A1-T99"}})
	code(t, err, threat.NotFound)
}

// A regeneration on a model that changed meanwhile is a conflict and replaces nothing.
func TestRegenerateConflict(t *testing.T) {
	expert, err := live.Expert()
	if err != nil {
		t.Fatal(err)
	}
	gated := live.NewGatedEngine(expert)
	b := newBench(t, expert, gatedName{gated})
	m := b.model(t)
	before := b.controls(t, m.ModelID, service.GetControlsIn{})
	job := must(b.RegenerateControls(ctx, b.who, service.RegenerateControlsIn{Target: target(m.ModelID), Engine: "gated"}))(t)
	<-gated.Entered
	must(b.AddAsset(ctx, b.who, service.AddAssetIn{Target: target(m.ModelID), Name: "Ledger"}))(t)
	close(gated.Gate)
	failed := must(b.await(t, job))(t)
	if failed.Status != store.JobFailed || failed.Error.Code != threat.Conflict || !strings.Contains(failed.Error.Hint, "nothing was replaced") {
		t.Errorf("%+v", failed)
	}
	after := b.controls(t, m.ModelID, service.GetControlsIn{})
	if len(after) != len(before) || after[0].ID != before[0].ID {
		t.Error("controls were replaced all the same")
	}
	// A new title is no reason for a conflict.
	title := "New title"
	must(b.EditThreatModel(ctx, b.who, service.EditThreatModelIn{ModelID: m.ModelID, Title: &title}))(t)
}

// gatedName gives the gated engine a name of its own.
type gatedName struct{ *live.GatedEngine }

func (gatedName) Name() string { return "gated" }

// A cancelled job writes nothing, and stays cancelled when its worker comes back.
func TestCancel(t *testing.T) {
	expert, err := live.Expert()
	if err != nil {
		t.Fatal(err)
	}
	gated := live.NewGatedEngine(expert)
	b := newBench(t, gated)
	job := must(b.GenerateThreatModel(ctx, b.who, service.GenerateThreatModelIn{FeatureDescription: feature}))(t)
	<-gated.Entered
	if out := must(b.CancelOperation(ctx, b.who, service.CancelOperationIn{JobID: job.JobID}))(t); out.Status != store.JobCancelled {
		t.Errorf("%+v", out)
	}
	_, err = b.CancelOperation(ctx, b.who, service.CancelOperationIn{JobID: job.JobID})
	code(t, err, threat.FailedPrecondition)
	close(gated.Gate)
	second := must(b.await(t, must(b.GenerateThreatModel(ctx, b.who, service.GenerateThreatModelIn{FeatureDescription: feature}))(t)))(t)
	if second.Status != store.JobDone {
		t.Errorf("%+v", second)
	}
	if out := must(b.await(t, job))(t); out.Status != store.JobCancelled || out.Result != nil {
		t.Errorf("%+v", out)
	}
	if n := must(b.ListThreatModels(ctx, b.who, service.ListThreatModelsIn{}))(t).Total; n != 1 {
		t.Errorf("%d models", n)
	}
}

// A deleted model is invisible at once, comes back as it was, and is gone after 30 days.
func TestDeleteModel(t *testing.T) {
	b := newBench(t)
	m := b.model(t)
	must(b.DeleteThreatModel(ctx, b.who, service.DeleteThreatModelIn{ModelID: m.ModelID}))(t)
	_, err := b.GetThreatModel(ctx, b.who, service.GetThreatModelIn{ModelID: m.ModelID})
	code(t, err, threat.NotFound)
	_, err = b.AddAsset(ctx, b.who, service.AddAssetIn{Target: target(m.ModelID), Name: "x"})
	code(t, err, threat.NotFound)
	if out := must(b.ListThreatModels(ctx, b.who, service.ListThreatModelsIn{Deleted: true}))(t); out.Total != 1 || out.Models[0].DeletedAt == nil {
		t.Errorf("%+v", out)
	}
	must(b.RestoreThreatModel(ctx, b.who, service.DeleteThreatModelIn{ModelID: m.ModelID}))(t)
	if got := must(b.GetThreatModel(ctx, b.who, service.GetThreatModelIn{ModelID: m.ModelID}))(t); len(got.Assets) != m.Assets {
		t.Errorf("%d assets came back of %d", len(got.Assets), m.Assets)
	}
	must(b.DeleteThreatModel(ctx, b.who, service.DeleteThreatModelIn{ModelID: m.ModelID}))(t)
	b.clock.Advance(31 * 24 * time.Hour)
	testenv.Write(t, b.st, func(tx *store.Tx) error {
		n, err := tx.PurgeModels(tx.Now().Add(-30 * 24 * time.Hour))
		if n != 1 {
			t.Errorf("%d models purged", n)
		}
		return err
	})
	_, err = b.RestoreThreatModel(ctx, b.who, service.DeleteThreatModelIn{ModelID: m.ModelID})
	code(t, err, threat.NotFound)
}

// Keys: who may make which, and what they look like from outside.
func TestKeys(t *testing.T) {
	b := newBench(t)
	own := must(b.CreateKey(ctx, b.who, service.CreateKeyIn{Name: "mine", Scope: account.Developer}))(t)
	if who := must(b.Authenticate(ctx, own.APIKey))(t); who.UserID != b.who.UserID || who.Scope != account.Developer || who.May(account.Decide) {
		t.Errorf("%+v", who)
	}
	for _, in := range []service.CreateKeyIn{
		{Name: "x", Scope: account.Developer, Decide: true}, {Name: "x", Scope: account.Verifier}, {Name: "x", Scope: account.Admin},
	} {
		_, err := b.CreateKey(ctx, b.who, in)
		code(t, err, threat.Forbidden)
	}
	admin := b.who
	admin.Scope = account.Admin
	decide := must(b.CreateKey(ctx, admin, service.CreateKeyIn{Name: "judge", Scope: account.Developer, Decide: true, ExpiresInDays: 1}))(t)
	if who := must(b.Authenticate(ctx, decide.APIKey))(t); !who.May(account.Decide) {
		t.Error("decide was granted and is not there")
	}
	_, err := b.CreateKey(ctx, admin, service.CreateKeyIn{Name: "x", Scope: account.Verifier, Decide: true})
	code(t, err, threat.Invalid)
	_, err = b.CreateKey(ctx, admin, service.CreateKeyIn{Name: " ", Scope: account.Verifier})
	code(t, err, threat.Invalid)
	b.clock.Advance(25 * time.Hour)
	_, err = b.Authenticate(ctx, decide.APIKey)
	code(t, err, threat.Unauthenticated)
	list := must(b.ListKeys(ctx, b.who, service.ListKeysIn{}))(t)
	raw, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	if list.Total != 3 || strings.Contains(string(raw), own.APIKey) {
		t.Errorf("%d keys: %s", list.Total, raw)
	}
	must(b.RevokeKey(ctx, b.who, service.RevokeKeyIn{KeyID: own.Key.ID}))(t)
	_, err = b.Authenticate(ctx, own.APIKey)
	code(t, err, threat.Unauthenticated)
	_, err = b.RevokeKey(ctx, testenv.Caller(t, b.st, account.Developer), service.RevokeKeyIn{KeyID: decide.Key.ID})
	code(t, err, threat.NotFound)
}

// An overview shows the beginning of the feature description, a section of it the whole.
func TestFeatureDescription(t *testing.T) {
	b := newBench(t)
	long := feature + strings.Repeat(" It also keeps an audit log.", 20)
	m := b.model(t)
	must(b.EditThreatModel(ctx, b.who, service.EditThreatModelIn{ModelID: m.ModelID, FeatureDescription: &long}))(t)
	if got := must(b.GetThreatModel(ctx, b.who, service.GetThreatModelIn{ModelID: m.ModelID}))(t); len(got.Feature) > 300 || got.Version != 2 {
		t.Errorf("the overview at version %d has %d bytes of description", got.Version, len(got.Feature))
	}
	whole := must(b.GetThreatModel(ctx, b.who, service.GetThreatModelIn{ModelID: m.ModelID, Section: service.SectionFeature}))(t)
	if whole.Feature != long {
		t.Errorf("the section holds %q", whole.Feature)
	}
	if old := must(b.GetThreatModel(ctx, b.who, service.GetThreatModelIn{ModelID: m.ModelID, Version: 1, Section: service.SectionFeature}))(t); strings.Contains(old.Feature, "audit log") {
		t.Error("version 1 changed")
	}
}
