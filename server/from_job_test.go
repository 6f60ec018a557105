package server_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/internal/testenv/live"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/threat"
)

// builtinModel makes a model without asking anybody.
func builtinModel(t testing.TB, u *live.User) string {
	t.Helper()
	return summaryOf(t, live.Call[service.JobOut](u, "generate_threat_model", live.Args{"feature_description": feature, "engine": "builtin", "wait_seconds": 50})).ModelID
}

// What a dry run showed is written by its job's id, without another question, to the version that it was shown for alone.
func TestRefinementIsWrittenAsShown(t *testing.T) {
	env, model := scripted(t)
	u, stranger := env.NewUser(t, account.Developer), env.NewUser(t, account.Developer)
	id, other := builtinModel(t, u), builtinModel(t, u)
	const cleaner = `{"op":"add","kind":"attacker","id":null,"fields":{"name":"Night Cleaner","capability":"touch keyboards","position":"in the office","archetype":null,"likelihood":"L","trust_boundaries":null}}`
	dry := live.Args{"model_id": id, "instruction": "Think about the night shift.", "kinds": []string{"attacker"}, "dry_run": true, "wait_seconds": 50}
	model.say(`{"operations":[` + cleaner + `],"note":"The night shift."}`)
	job := live.Call[service.JobOut](u, "refine_threat_model", dry)
	shown := refined(t, job)
	if !strings.Contains(shown.Hint, "from_job") || len(shown.Changes) != 1 {
		t.Fatalf("%+v", shown)
	}
	for name, c := range map[string]struct {
		u    *live.User
		args live.Args
		code threat.Code
	}{
		"of a stranger":   {stranger, live.Args{"model_id": builtinModel(t, stranger), "from_job": job.JobID}, threat.NotFound},
		"another model":   {u, live.Args{"model_id": other, "from_job": job.JobID}, threat.Invalid},
		"and more":        {u, live.Args{"model_id": id, "from_job": job.JobID, "instruction": "remove A1"}, threat.Invalid},
		"neither":         {u, live.Args{"model_id": id}, threat.Invalid},
		"another version": {u, live.Args{"model_id": id, "from_job": job.JobID, "expected_version": 7}, threat.Conflict},
	} {
		if te := c.u.Refused("refine_threat_model", c.args, c.code); te.Hint == "" {
			t.Errorf("%s: %+v", name, te)
		}
	}
	calls := model.Calls()
	written := live.Call[service.JobOut](u, "refine_threat_model", live.Args{"model_id": id, "from_job": job.JobID, "wait_seconds": 50})
	done := refined(t, written)
	if !cmp.Equal(done.Changes, shown.Changes) || done.Version != 2 || done.DryRun || done.Engine != "openai" || done.Note != shown.Note || model.Calls() != calls {
		t.Errorf("%+v\nshown %+v", done, shown)
	}
	// The model moved on, by this very change.
	if te := u.Refused("refine_threat_model", live.Args{"model_id": id, "from_job": job.JobID}, threat.Conflict); te.Field != "from_job" || !strings.Contains(te.Message, "version 2") {
		t.Errorf("%+v", te)
	}
	u.Refused("refine_threat_model", live.Args{"model_id": id, "from_job": written.JobID}, threat.FailedPrecondition)
	waits := live.Call[service.JobOut](u, "refine_threat_model", live.Args{"model_id": id, "instruction": "Think of the day shift.", "engine": "agent", "dry_run": true})
	u.Refused("refine_threat_model", live.Args{"model_id": id, "from_job": waits.JobID}, threat.FailedPrecondition)
}

func TestControlsAreWrittenAsShown(t *testing.T) {
	env, model := scripted(t)
	u := env.NewUser(t, account.Developer)
	id := builtinModel(t, u)
	write := func(job string) live.Args { return live.Args{"model_id": id, "from_job": job} }
	const guard = `{"controls":[{"description":"Post a guard beside the payroll.","facets":[{"text":"A guard counts.","kind":"behaviour"}],"control_objectives":["CO-A1-T1"]}]}`

	// import_controls
	model.say(guard)
	shown := live.Call[service.ImportControlsOut](u, "import_controls", live.Args{"model_id": id, "text": "Somebody stands there.", "engine": "openai", "dry_run": true, "wait_seconds": 50})
	if shown.JobID == "" || len(shown.Proposed) != 1 || !strings.Contains(shown.Hint, "from_job") {
		t.Fatalf("%+v", shown)
	}
	calls, before := model.Calls(), controlsOf(u, id)
	u.Refused("import_controls", live.Args{"model_id": id, "from_job": shown.JobID, "text": "more"}, threat.Invalid)
	u.Refused("check_control_gaps", write(shown.JobID), threat.Invalid)
	added := live.Call[service.ImportControlsOut](u, "import_controls", write(shown.JobID))
	after := controlsOf(u, id)
	if len(added.Controls) != 1 || after.Total != before.Total+1 || model.Calls() != calls {
		t.Errorf("%+v after %d calls", added, model.Calls()-calls)
	}
	if te := u.Refused("import_controls", write(shown.JobID), threat.Conflict); !strings.Contains(te.Message, string(added.Controls[0].ID)) {
		t.Errorf("%+v", te)
	}

	// check_control_gaps
	asset := live.Call[service.AssetOut](u, "add_asset", live.Args{"model_id": id, "name": "Payroll", "impact": "H"}).Asset.ID // so that something is missing
	co := "CO-" + string(asset) + "-T1"
	model.say(`{"controls":[{"description":"Count the spoons daily.","facets":[{"text":"They are counted.","kind":"behaviour"}],"control_objectives":["` + co + `"]}]}`)
	found := live.Call[service.CheckControlGapsOut](u, "check_control_gaps", live.Args{"model_id": id, "engine": "openai", "control_objectives": []string{co}, "wait_seconds": 50})
	if found.JobID == "" || len(found.Proposed) != 1 {
		t.Fatalf("%+v", found)
	}
	calls, before = model.Calls(), controlsOf(u, id)
	closed := live.Call[service.CheckControlGapsOut](u, "check_control_gaps", write(found.JobID))
	after = controlsOf(u, id)
	if len(closed.Added) != 1 || after.Total != before.Total+1 || model.Calls() != calls {
		t.Errorf("%+v after %d calls", closed, model.Calls()-calls)
	}
	for _, c := range after.Controls {
		if c.ID == closed.Added[0] && (c.Source != threat.Generated || c.Description != "Count the spoons daily.") || c.Weakened != "" {
			t.Errorf("%+v", c)
		}
	}
	u.Refused("check_control_gaps", write(found.JobID), threat.Conflict)
	live.Call[service.AssetOut](u, "add_asset", live.Args{"model_id": id, "name": "Spoons"})
	if te := u.Refused("check_control_gaps", write(found.JobID), threat.Conflict); !strings.Contains(te.Message, "version") || te.Hint == "" {
		t.Errorf("%+v", te)
	}

	// refine_control
	c := after.Controls[0]
	reword := live.Args{"model_id": id, "control_id": c.ID, "justification": "the auditors asked", "wait_seconds": 50}
	with := func(more live.Args) live.Args {
		out := live.Args{}
		for _, m := range []live.Args{reword, more} {
			for k, v := range m {
				out[k] = v
			}
		}
		return out
	}
	model.say(string(mustJSON(t, live.Args{"description": "Do it with AES-256.", "facets": []any{live.Args{"text": c.Facets[0].Text, "kind": c.Facets[0].Kind}}, "note": ""})))
	words := live.Call[service.RefineControlOut](u, "refine_control", with(live.Args{"instruction": "Say which algorithm.", "dry_run": true}))
	if words.JobID == "" || words.Proposed == nil {
		t.Fatalf("%+v", words)
	}
	calls = model.Calls()
	u.Refused("refine_control", with(live.Args{"from_job": words.JobID, "control_id": after.Controls[1].ID}), threat.Invalid)
	out := live.Call[service.RefineControlOut](u, "refine_control", with(live.Args{"from_job": words.JobID}))
	if len(out.Controls) != 1 || out.Controls[0].Revision != c.Revision+1 || model.Calls() != calls {
		t.Errorf("%+v after %d calls", out, model.Calls()-calls)
	}
	if te := u.Refused("refine_control", with(live.Args{"from_job": words.JobID}), threat.Conflict); te.Field != "from_job" {
		t.Errorf("%+v", te)
	}
}
