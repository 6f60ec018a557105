package tools_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/internal/testenv/live"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/threat"
)

const feature = `A REST API for sharing files. Users sign in with passwords and sessions, upload files to S3 object storage and share them
by public links. PostgreSQL holds user accounts with e-mail addresses. Administrators use an admin dashboard. It runs in Kubernetes.`

// answersOf calls every tool in an order that makes each succeed, and returns the structured answer of each.
func answersOf(t *testing.T, u *live.User) map[string]json.RawMessage {
	t.Helper()
	answers := map[string]json.RawMessage{}
	call := func(tool string, args live.Args) map[string]any {
		t.Helper()
		raw, te := u.Try(tool, args)
		if te != nil {
			t.Fatalf("%s: %v", tool, te)
		}
		answers[tool] = raw
		var m map[string]any
		if err := json.Unmarshal(raw, &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	job := call("generate_threat_model", live.Args{"feature_description": feature, "wait_seconds": 50})
	id := job["result"].(map[string]any)["model_id"].(string)
	call("get_operation_status", live.Args{"job_id": job["job_id"]})
	call("list_threat_models", nil)
	call("get_threat_model", live.Args{"model_id": id})
	call("add_asset", live.Args{"model_id": id, "name": "Launch Codes", "properties": []string{"C", "U"}, "impact": "H"})
	added := call("add_attacker", live.Args{"model_id": id, "name": "Night Cleaner", "capability": "touch keyboards", "position": "in the office"})
	tid := added["attacker"].(map[string]any)["id"]
	call("edit_asset", live.Args{"model_id": id, "asset_id": "A1", "notes": "seen"})
	call("edit_attacker", live.Args{"model_id": id, "attacker_id": tid, "likelihood": "L"})
	call("edit_trust_boundaries", live.Args{"model_id": id, "operations": []any{
		live.Args{"op": "add", "name": "Office Door", "assets": []string{"A1"}, "attackers": []any{tid}},
	}})
	call("edit_assumptions", live.Args{"model_id": id, "operations": []any{live.Args{"op": "add", "text": "The office is locked at night."}}})
	call("refine_threat_model", live.Args{"model_id": id, "instruction": "set notes of A1 to kept apart", "dry_run": true, "wait_seconds": 50})
	call("query_threat_model", live.Args{"model_id": id, "question": "What is A1?"})
	call("get_control_objectives", live.Args{"model_id": id, "limit": 3})
	call("get_controls", live.Args{"model_id": id, "limit": 3})
	call("compare_versions", live.Args{"model_id": id, "from": 1, "limit": 50})
	call("regenerate_controls", live.Args{"model_id": id, "keep_unchanged": true, "wait_seconds": 50})
	call("remove_attacker", live.Args{"model_id": id, "attacker_id": tid})
	call("remove_asset", live.Args{"model_id": id, "asset_id": "A1"})
	call("restore_version", live.Args{"model_id": id, "version": 1})
	call("edit_threat_model", live.Args{"model_id": id, "title": "Files"})
	call("edit_threat_model", live.Args{"model_id": id, "repos": []any{live.Args{"repo": "org/files"}}})
	call("get_assertion_types", live.Args{"kind": "behaviour"})
	control := call("get_controls", live.Args{"model_id": id, "limit": 1})["controls"].([]any)[0].(map[string]any)
	submitted := call("submit_assertions", live.Args{"model_id": id, "assertions": []any{live.Args{
		"type": "test_passes", "params": live.Args{"pattern": "TestLogin"}, "control_id": control["id"],
		"facets": []any{control["facets"].([]any)[0].(map[string]any)["id"]},
	}}})
	call("list_assertions", live.Args{"model_id": id})
	call("get_sufficiency", live.Args{"model_id": id})
	call("update_control_status", live.Args{"model_id": id, "control_id": control["id"], "status": "not_implemented"})
	call("get_verification_report", live.Args{"model_id": id, "limit": 3})
	missing := call("submit_findings", live.Args{"model_id": id, "findings": []any{live.Args{"control_id": control["id"], "title": "No lock on the console"}}})
	call("list_findings", live.Args{"model_id": id})
	call("get_scan_prompt", live.Args{"model_id": id, "languages": []string{"go"}, "limit": 2})
	call("update_finding", live.Args{
		"model_id": id, "finding_id": missing["findings"].([]any)[0].(map[string]any)["id"], "status": "remediated",
		"assertions": []any{submitted["assertions"].([]any)[0].(map[string]any)["id"]},
	})
	call("delete_assertion", live.Args{
		"model_id": id, "assertion_id": submitted["assertions"].([]any)[0].(map[string]any)["id"], "reason": "an example",
	})
	made := call("edit_controls", live.Args{"model_id": id, "operations": []any{live.Args{
		"op": "add", "description": "Lock the launch console after three wrong codes.", "control_objectives": []string{"CO-A2-T1"},
		"facets": []any{live.Args{"text": "The console locks.", "kind": "behaviour"}},
	}, live.Args{"op": "add_evidence", "id": control["id"], "title": "Design note", "url": "https://example.org/note"}}})
	fresh := made["controls"].([]any)[0].(map[string]any)["id"]
	call("refine_control", live.Args{
		"model_id": id, "control_id": fresh, "facets": []any{live.Args{"text": "The console locks for an hour.", "kind": "behaviour"}},
		"justification": "an hour was decided",
	})
	call("approve_change", live.Args{"model_id": id, "controls": []any{fresh}, "reason": "agreed with operations"})
	call("check_control_gaps", live.Args{"model_id": id, "limit": 2, "apply": true})
	call("set_mitigation_groups", live.Args{"model_id": id, "control_objective": "CO-A2-T1", "groups": []any{[]any{fresh}}})
	call("import_controls", live.Args{"model_id": id, "dry_run": true, "text": "- Back up the launch codes every night\n- Talk about CO-A2-T1 at length"})
	call("import_controls", live.Args{"model_id": id, "controls": []any{live.Args{
		"description": "Keep a second person in the room during a launch.", "control_objectives": []string{"CO-A2-T1"},
	}}})
	assumed := call("get_threat_model", live.Args{"model_id": id, "section": "assumptions"})["assumptions"].([]any)[0].(map[string]any)["id"]
	call("attest_assumption", live.Args{
		"model_id": id, "assumption_id": assumed, "statement": "Walked through it.", "expires_at": time.Now().AddDate(1, 0, 0),
	})
	call("accept_risk", live.Args{
		"model_id": id, "control_objective": "CO-A2-T1", "owner": "Ada", "reason": "rare", "review_by": time.Now().AddDate(0, 6, 0),
	})
	call("assess_model", live.Args{"model_id": id, "limit": 5, "changed_since": "1"})
	call("analyze_change", live.Args{"model_id": id, "diff": "--- a/srv/api.go\n+++ b/srv/api.go\n@@ -1 +1,2 @@\n package srv\n+var h = os.Getenv(\"HOST\")\n"})
	call("get_review_queue", live.Args{"model_id": id})
	call("mark_reviewed", live.Args{"model_id": id, "controls": []any{control["id"]}})
	call("delete_control", live.Args{"model_id": id, "control_id": control["id"], "reason": "an example", "expected_revision": 0})
	call("list_frameworks", live.Args{"model_id": id})
	call("import_framework", live.Args{"framework_id": "acme", "content": "id,text,level\nK.1,Keys are kept in a vault.,1\n"})
	call("select_frameworks", live.Args{"model_id": id, "frameworks": []string{"acme"}})
	call("map_control", live.Args{"model_id": id, "control_id": fresh, "requirements": []string{"K.1"}})
	call("auto_map_controls", live.Args{"model_id": id})
	call("get_compliance_report", live.Args{"model_id": id, "limit": 5})
	call("import_framework", live.Args{"framework_id": "acme", "content": "id,text,level\nK.1,Keys are kept in a vault.,1\nK.2,Sessions end after an hour.,1\n"})
	proposed := call("suggest_remediation", live.Args{"model_id": id, "requirements": []string{"K.2"}})["proposals"].([]any)[0].(map[string]any)["id"]
	call("apply_remediation", live.Args{"model_id": id, "approved": []any{proposed}})
	system := call("create_system", live.Args{"name": "Launch site"})["system_id"]
	call("add_model_to_system", live.Args{"system_id": system, "model_id": id})
	call("edit_system", live.Args{"system_id": system, "description": "Where it starts."})
	call("get_system", live.Args{"system_id": system})
	call("list_systems", nil)
	call("exclude_requirement", live.Args{"model_id": id, "requirements": []string{"K.1"}, "reason": "no keys"})
	call("get_activity", live.Args{"model_id": id, "limit": 5})
	exported := call("export_threat_model", live.Args{"model_id": id})
	call("import_threat_model", live.Args{"document": exported["document"], "title": "A copy"})
	call("delete_threat_model", live.Args{"model_id": id})
	call("restore_threat_model", live.Args{"model_id": id})
	call("list_workspaces", nil)
	call("get_setup_status", nil)
	call("get_usage", live.Args{"days": 7})
	asks := call("generate_threat_model", live.Args{"feature_description": feature, "engine": "agent", "wait_seconds": 50})
	call("continue_generation", live.Args{"job_id": asks["job_id"], "step": "generate_assets", "output": live.Args{"assets": []any{}}, "wait_seconds": 50})
	return answers
}

// Every tool has a real answer, which fits the output schema that it lists.
func TestAnswersFitTheirSchemas(t *testing.T) {
	env := live.Start(t)
	owner := env.NewUser(t, account.Developer)
	u := env.NewKey(t, owner.User, owner.User.PersonalWorkspace, account.Developer, func(k *account.Key) { k.Decide = true })
	answers := answersOf(t, u)

	// A job that has ended cannot be cancelled, so cancel_operation needs one of its own: waiting none, cancelled at once.
	for range 50 {
		job := live.Call[service.JobOut](u, "generate_threat_model", live.Args{"feature_description": feature, "wait_seconds": 0})
		if raw, te := u.Try("cancel_operation", live.Args{"job_id": job.JobID}); te == nil {
			answers["cancel_operation"] = raw
			break
		} else if te.Code != threat.FailedPrecondition {
			t.Fatal(te)
		}
	}
	_, listed := list(t, u, "all")
	for _, tool := range listed {
		raw, ok := answers[tool.Name]
		if !ok {
			t.Errorf("%s has no case here: call it", tool.Name)
			continue
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(tool.OutputSchema))
		if err != nil {
			t.Fatal(err)
		}
		c := jsonschema.NewCompiler()
		if err := c.AddResource("mem:out", doc); err != nil {
			t.Fatal(err)
		}
		compiled, err := c.Compile("mem:out")
		if err != nil {
			t.Fatalf("%s: %v", tool.Name, err)
		}
		answer, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		if err := compiled.Validate(answer); err != nil {
			t.Errorf("%s: the answer does not fit its schema: %v\n%s", tool.Name, err, raw)
		}
		var schema struct {
			Properties map[string]any `json:"properties"`
		}
		if err := json.Unmarshal(tool.OutputSchema, &schema); err != nil {
			t.Fatal(err)
		}
		var top map[string]any
		if err := json.Unmarshal(raw, &top); err != nil {
			t.Fatal(err)
		}
		for name := range top {
			if schema.Properties[name] == nil {
				t.Errorf("%s answers with %q, which its schema does not name", tool.Name, name)
			}
		}
	}
}

// Some clients send lists and objects as strings that hold JSON.
func TestQuotedListsAreAccepted(t *testing.T) {
	u := live.Start(t).NewUser(t, account.Developer)
	id := u.Generate(feature)
	out := live.Call[service.AssetOut](u, "add_asset", live.Args{"model_id": id, "name": "Quoted", "properties": `["I","A"]`})
	if len(out.Asset.Properties) != 2 {
		t.Errorf("properties are %v", out.Asset.Properties)
	}
	u.Refused("add_asset", live.Args{"model_id": id, "name": "Badly quoted", "properties": `["I",`}, threat.Invalid)
	u.Refused("add_asset", live.Args{"model_id": id, "name": "Quoted object", "properties": `{"I": 1}`}, threat.Invalid)
	// A text that looks like JSON stays a text.
	out = live.Call[service.AssetOut](u, "add_asset", live.Args{"model_id": id, "name": `["a list"]`})
	if out.Asset.Name != `["a list"]` {
		t.Errorf("the name became %q", out.Asset.Name)
	}
}

// Bad input gets a code, the field and a hint with valid values, and changes nothing.
func TestBadInput(t *testing.T) {
	u := live.Start(t).NewUser(t, account.Developer)
	id := u.Generate(feature)
	before := live.Call[service.GetThreatModelOut](u, "get_threat_model", live.Args{"model_id": id})
	const nobody = "01890000-0000-7000-8000-000000000000"
	for name, c := range map[string]struct {
		tool  string
		args  live.Args
		code  threat.Code
		field string
		hint  string
	}{
		"unknown model":       {"get_threat_model", live.Args{"model_id": nobody}, threat.NotFound, "model_id", "list_threat_models"},
		"model id, no uuid":   {"get_threat_model", live.Args{"model_id": "A1"}, threat.NotFound, "model_id", "list_threat_models"},
		"missing argument":    {"get_threat_model", nil, threat.Invalid, "model_id", ""},
		"unknown argument":    {"get_threat_model", live.Args{"model_id": id, "modle": 1}, threat.Invalid, "modle", "parameters: model_id"},
		"wrong type":          {"get_threat_model", live.Args{"model_id": 7}, threat.Invalid, "model_id", ""},
		"unknown section":     {"get_threat_model", live.Args{"model_id": id, "section": "x"}, threat.Invalid, "section", "assets, attackers"},
		"unknown version":     {"get_threat_model", live.Args{"model_id": id, "version": 9}, threat.NotFound, "version", "1 to 1"},
		"negative version":    {"get_threat_model", live.Args{"model_id": id, "version": -1}, threat.NotFound, "version", "1 to 1"},
		"limit too large":     {"get_controls", live.Args{"model_id": id, "limit": 201}, threat.Invalid, "limit", "0 to 200"},
		"negative offset":     {"get_controls", live.Args{"model_id": id, "offset": -1}, threat.Invalid, "offset", "0 or more"},
		"unknown tier":        {"get_control_objectives", live.Args{"model_id": id, "tier": "huge"}, threat.Invalid, "tier", "critical, high, medium, low"},
		"unknown asset":       {"edit_asset", live.Args{"model_id": id, "asset_id": "A99"}, threat.NotFound, "asset_id", "A1, A2"},
		"unknown objective":   {"get_control_objectives", live.Args{"model_id": id, "control_objectives": []string{"CO-A1-T99"}}, threat.NotFound, "control_objectives", "T1"},
		"unknown control":     {"get_controls", live.Args{"model_id": id, "controls": []string{"C999"}}, threat.NotFound, "controls", "C1, C2"},
		"wrong impact":        {"edit_asset", live.Args{"model_id": id, "asset_id": "A1", "impact": "huge"}, threat.Invalid, "impact", "H, M, L"},
		"wrong property":      {"add_asset", live.Args{"model_id": id, "name": "x", "properties": []string{"Z"}}, threat.Invalid, "properties.0", "C, I, A, U"},
		"empty name":          {"add_asset", live.Args{"model_id": id, "name": " "}, threat.Invalid, "name", ""},
		"taken name":          {"add_asset", live.Args{"model_id": id, "name": before.Assets[0].Name}, threat.Conflict, "name", "edit A1"},
		"stale version":       {"add_asset", live.Args{"model_id": id, "name": "x", "expected_version": 7}, threat.Conflict, "expected_version", "1 to 1"},
		"unknown boundary":    {"add_attacker", live.Args{"model_id": id, "name": "x", "capability": "y", "position": "z", "trust_boundaries": []string{"TB99"}}, threat.NotFound, "trust_boundaries", ""},
		"no operations":       {"edit_trust_boundaries", live.Args{"model_id": id, "operations": []any{}}, threat.Invalid, "operations", "op"},
		"unknown op":          {"edit_trust_boundaries", live.Args{"model_id": id, "operations": []any{live.Args{"op": "burn"}}}, threat.Invalid, "operations.0.op", "add, edit, remove, restore"},
		"restore of nothing":  {"edit_trust_boundaries", live.Args{"model_id": id, "operations": []any{live.Args{"op": "restore", "id": "TB1"}}}, threat.NotFound, "operations.0.id", "removed"},
		"violate, no reason":  {"edit_assumptions", live.Args{"model_id": id, "operations": []any{live.Args{"op": "add", "text": "x"}, live.Args{"op": "violate", "id": "AS999"}}}, threat.NotFound, "operations.1.id", "AS"},
		"thin description":    {"generate_threat_model", live.Args{"feature_description": "Make it nice."}, threat.Invalid, "feature_description", ""},
		"no description":      {"generate_threat_model", live.Args{"feature_description": "  "}, threat.Invalid, "feature_description", ""},
		"unknown engine":      {"generate_threat_model", live.Args{"feature_description": feature, "engine": "oracle"}, threat.Invalid, "engine", "builtin"},
		"wait too long":       {"generate_threat_model", live.Args{"feature_description": feature, "wait_seconds": 51}, threat.Invalid, "wait_seconds", "0 to 50"},
		"unknown job":         {"get_operation_status", live.Args{"job_id": nobody}, threat.NotFound, "job_id", "generate_threat_model"},
		"job of any text":     {"get_operation_status", live.Args{"job_id": "' OR 1=1 --"}, threat.NotFound, "job_id", ""},
		"nothing to edit":     {"edit_threat_model", live.Args{"model_id": id}, threat.Invalid, "", "title"},
		"restore what stands": {"restore_threat_model", live.Args{"model_id": id}, threat.NotFound, "model_id", "deleted: true"},
		"restore version 5":   {"restore_version", live.Args{"model_id": id, "version": 5}, threat.NotFound, "version", "1 to 1"},
		"compare without":     {"compare_versions", live.Args{"model_id": id, "from": 0}, threat.Invalid, "from", "1 to 1"},
	} {
		te := u.Refused(c.tool, c.args, c.code)
		if te.Field != c.field || !strings.Contains(te.Hint, c.hint) {
			t.Errorf("%s: field %q, hint %q; want %q and %q in it (%v)", name, te.Field, te.Hint, c.field, c.hint, te)
		}
	}
	after := live.Call[service.GetThreatModelOut](u, "get_threat_model", live.Args{"model_id": id})
	if before.Version != after.Version || len(before.Assets) != len(after.Assets) {
		t.Errorf("bad input changed the model: version %d → %d", before.Version, after.Version)
	}
	if n := live.Call[service.ListThreatModelsOut](u, "list_threat_models", nil).Total; n != 1 {
		t.Errorf("%d models", n)
	}
}

// The call that starts a job fails with it; a later question about the job says how it ended, and is no error itself.
func TestFailedJob(t *testing.T) {
	u := live.Start(t).NewUser(t, account.Developer)
	args := live.Args{"feature_description": "Make it nice.", "idempotency_key": "k", "wait_seconds": 50}
	first := u.Refused("generate_threat_model", args, threat.Invalid)
	again := u.Refused("generate_threat_model", args, threat.Invalid)
	if !cmp.Equal(*first, *again) || first.Hint == "" {
		t.Errorf("%v, then %v", first, again)
	}
	args["wait_seconds"], args["idempotency_key"] = 0, "other"
	job := live.Call[service.JobOut](u, "generate_threat_model", args)
	job = live.Call[service.JobOut](u, "get_operation_status", live.Args{"job_id": job.JobID})
	if job.Status != "failed" || job.Error == nil || !cmp.Equal(*job.Error, *first) || job.Result != nil {
		t.Errorf("%+v", job)
	}
}

// Stored text is cleaned on its way in: what comes back holds no control or direction characters.
func TestStoredTextIsCleaned(t *testing.T) {
	u := live.Start(t).NewUser(t, account.Developer)
	id := u.Generate(feature)
	out := live.Call[service.AssetOut](u, "add_asset", live.Args{
		"model_id": id, "name": "Pay\u202eroll\u0007 \r\n Data", "description": "line one\r\nline\u0000 two",
	})
	if out.Asset.Name != "Payroll Data" || out.Asset.Description != "line one\nline two" {
		t.Errorf("stored as %q, %q", out.Asset.Name, out.Asset.Description)
	}
}
