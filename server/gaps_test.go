package server_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/internal/testenv/live"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/threat"
)

// What is missing is found, the gravest first; apply adds it and weakens nothing; then it is missing no more.
func TestControlGaps(t *testing.T) {
	env, model := scripted(t)
	u := env.NewUser(t, account.Developer)
	job := live.Call[service.JobOut](u, "generate_threat_model", live.Args{"feature_description": feature, "engine": "builtin", "wait_seconds": 50})
	var made service.ModelSummary
	if err := json.Unmarshal(job.Result, &made); err != nil {
		t.Fatal(err)
	}
	check := func(more live.Args) service.CheckControlGapsOut {
		t.Helper()
		args := live.Args{"model_id": made.ModelID, "limit": 200, "wait_seconds": 50}
		for k, v := range more {
			args[k] = v
		}
		return live.Call[service.CheckControlGapsOut](u, "check_control_gaps", args)
	}
	if fresh := check(nil); fresh.Summary["missing_controls"] != 0 || fresh.Summary["no_controls"] != 0 || fresh.Engine != "builtin" {
		t.Errorf("a generated model misses what generated it: %v", fresh.Summary)
	}
	asset := live.Call[service.AssetOut](u, "add_asset", live.Args{"model_id": made.ModelID, "name": "Payroll Database", "impact": "H", "properties": []string{"C", "I"}}).Asset.ID
	before := controlsOf(u, made.ModelID)
	found := check(nil)
	if found.Summary["no_controls"] != made.Attackers || found.Total < made.Attackers || found.Returned != found.Total {
		t.Fatalf("%v of %d", found.Summary, found.Total)
	}
	for i, g := range found.Gaps {
		if a, _, _ := threat.SplitObjective(g.ID); slices.Contains(g.Gaps, "no_controls") && (a != asset || len(g.Missing)+len(g.Link) == 0) {
			t.Errorf("%+v", g)
		}
		if i > 0 && slices.Index(threat.Tiers(), found.Gaps[i-1].Tier) > slices.Index(threat.Tiers(), g.Tier) {
			t.Errorf("%s before %s", found.Gaps[i-1].ID, g.ID)
		}
	}
	if !cmp.Equal(before, controlsOf(u, made.ModelID)) {
		t.Error("looking changed the controls")
	}
	one := check(live.Args{"limit": 1, "offset": 1})
	if one.Returned != 1 || one.Total != found.Total || !cmp.Equal(one.Gaps[0], found.Gaps[1]) {
		t.Errorf("%+v", one)
	}
	done := check(live.Args{"apply": true})
	after := controlsOf(u, made.ModelID)
	if len(done.Added)+len(done.Linked) == 0 || after.Total != before.Total+len(done.Added) {
		t.Errorf("added %v: %d controls, before %d", done.Added, after.Total, before.Total)
	}
	for _, c := range after.Controls {
		if c.Weakened != "" || slices.Contains(done.Added, c.ID) && c.Source != threat.Generated {
			t.Errorf("%+v", c)
		}
	}
	for _, g := range check(nil).Gaps {
		if len(g.Missing)+len(g.Link) > 0 || slices.Contains(g.Gaps, "no_controls") {
			t.Errorf("still missing for %s: %v", g.ID, g.Missing)
		}
	}

	// A language model proposes for the objectives asked about alone.
	const facets = `"facets":[{"text":"A guard counts.","kind":"behaviour"}]`
	left := check(nil)
	if left.Total == 0 {
		t.Fatal("nothing is left to ask about")
	}
	co := string(left.Gaps[0].ID)
	model.say(`{"controls":[{"description":"Post a guard beside the payroll.",`+facets+`,"control_objectives":["CO-A1-T1","CO-A2-T2"]}]}`,
		`{"controls":[{"description":"Post a guard beside the payroll.",`+facets+`,"control_objectives":["`+co+`"]}]}`)
	shown := check(live.Args{"engine": "openai", "control_objectives": []string{co}})
	if len(shown.Proposed) != 1 || len(shown.Added) != 0 || shown.Total != 1 || controlsOf(u, made.ModelID).Total != after.Total {
		t.Errorf("%+v", shown)
	}
	model.say(`{"controls":[{"description":"Post a guard beside the payroll.",` + facets + `,"control_objectives":["` + co + `"]}]}`) // a refused answer is not kept
	added := check(live.Args{"engine": "openai", "control_objectives": []string{co}, "apply": true})
	if len(added.Added) != 1 || added.Proposed != nil {
		t.Errorf("%+v", added)
	}
	asked := check(live.Args{"engine": "agent", "tier": "critical"})
	if asked.Total > 0 && (asked.Job == nil || asked.Job.Question == nil || len(asked.Job.Question.Prompt)+len(asked.Job.Question.Schema) > 6_000) {
		t.Errorf("%+v", asked)
	}
	u.Refused("check_control_gaps", live.Args{"model_id": made.ModelID, "tier": "huge"}, threat.Invalid)
	u.Refused("check_control_gaps", live.Args{"model_id": made.ModelID, "control_objectives": []string{"CO-A1-T99"}}, threat.NotFound)
}
