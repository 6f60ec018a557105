package server_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/internal/testenv/live"
	"github.com/redoubt-dev/redoubt/resources"
	"github.com/redoubt-dev/redoubt/rest"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/tools"
)

// ids are what a stranger might have got hold of. The case of a tool or route puts them where it takes ids.
type ids struct{ model, job, key, user, claim, signer, issuer, framework, system, session, workspace, invitation string }

// missing are ids of the same form that exist nowhere.
var missing = ids{
	"01890000-0000-7000-8000-000000000001", "01890000-0000-7000-8000-000000000002",
	"01890000-0000-7000-8000-000000000003", "01890000-0000-7000-8000-000000000004",
	"01890000-0000-7000-8000-000000000005", "sha256:" + strings.Repeat("0", 64), "https://nobody.example.org",
	"nobodys-catalogue", "01890000-0000-7000-8000-000000000006", "01890000-0000-7000-8000-000000000007",
	"01890000-0000-7000-8000-000000000008", "01890000-0000-7000-8000-000000000009",
}

// toolCases has the arguments of every tool. A tool without a case fails the test.
var toolCases = map[string]func(ids) live.Args{
	"generate_threat_model": func(ids) live.Args { return live.Args{"feature_description": feature, "wait_seconds": 50} },
	"continue_generation": func(i ids) live.Args {
		return live.Args{"job_id": i.job, "step": "generate_assets", "output": live.Args{}, "wait_seconds": 0}
	},
	"get_operation_status": func(i ids) live.Args { return live.Args{"job_id": i.job, "wait_seconds": 0} },
	"cancel_operation":     func(i ids) live.Args { return live.Args{"job_id": i.job} },
	"list_threat_models":   func(ids) live.Args { return nil },
	"get_threat_model":     func(i ids) live.Args { return live.Args{"model_id": i.model} },
	"edit_threat_model":    func(i ids) live.Args { return live.Args{"model_id": i.model, "title": "taken"} },
	"delete_threat_model":  func(i ids) live.Args { return live.Args{"model_id": i.model} },
	"restore_threat_model": func(i ids) live.Args { return live.Args{"model_id": i.model} },
	"add_asset":            func(i ids) live.Args { return live.Args{"model_id": i.model, "name": "taken"} },
	"edit_asset":           func(i ids) live.Args { return live.Args{"model_id": i.model, "asset_id": "A1", "name": "taken"} },
	"remove_asset":         func(i ids) live.Args { return live.Args{"model_id": i.model, "asset_id": "A1"} },
	"add_attacker": func(i ids) live.Args {
		return live.Args{"model_id": i.model, "name": "t", "capability": "c", "position": "p"}
	},
	"edit_attacker":   func(i ids) live.Args { return live.Args{"model_id": i.model, "attacker_id": "T1", "name": "taken"} },
	"remove_attacker": func(i ids) live.Args { return live.Args{"model_id": i.model, "attacker_id": "T1"} },
	"edit_trust_boundaries": func(i ids) live.Args {
		return live.Args{"model_id": i.model, "operations": []any{live.Args{"op": "add", "name": "taken"}}}
	},
	"edit_assumptions": func(i ids) live.Args {
		return live.Args{"model_id": i.model, "operations": []any{live.Args{"op": "add", "text": "taken"}}}
	},
	"refine_threat_model": func(i ids) live.Args {
		return live.Args{"model_id": i.model, "instruction": "remove A1", "wait_seconds": 0}
	},
	"query_threat_model":     func(i ids) live.Args { return live.Args{"model_id": i.model, "question": "What is A1?"} },
	"get_control_objectives": func(i ids) live.Args { return live.Args{"model_id": i.model, "limit": 5} },
	"get_controls":           func(i ids) live.Args { return live.Args{"model_id": i.model, "limit": 5} },
	"regenerate_controls":    func(i ids) live.Args { return live.Args{"model_id": i.model} },
	"compare_versions":       func(i ids) live.Args { return live.Args{"model_id": i.model, "from": 1} },
	"restore_version":        func(i ids) live.Args { return live.Args{"model_id": i.model, "version": 1} },
	"list_workspaces":        func(ids) live.Args { return nil },
	"get_usage":              func(ids) live.Args { return nil },
	"get_setup_status":       func(ids) live.Args { return nil },
	"update_control_status": func(i ids) live.Args {
		return live.Args{"model_id": i.model, "control_id": "C1", "status": "not_implemented"}
	},
	"get_assertion_types": func(ids) live.Args { return nil },
	"submit_assertions": func(i ids) live.Args {
		return live.Args{"model_id": i.model, "assertions": []any{live.Args{
			"type": "file_exists", "params": live.Args{"file": "taken"}, "control_id": "C1", "repo": "org/taken", "facets": []string{"C1.a"},
		}}}
	},
	"list_assertions":         func(i ids) live.Args { return live.Args{"model_id": i.model} },
	"get_verification_report": func(i ids) live.Args { return live.Args{"model_id": i.model, "limit": 5} },
	"delete_assertion": func(i ids) live.Args {
		return live.Args{"model_id": i.model, "assertion_id": "E1", "reason": "taken"}
	},
	"get_sufficiency": func(i ids) live.Args { return live.Args{"model_id": i.model} },
	"assess_model":    func(i ids) live.Args { return live.Args{"model_id": i.model, "limit": 5} },
	"edit_controls": func(i ids) live.Args {
		return live.Args{"model_id": i.model, "operations": []any{live.Args{"op": "edit", "id": "C1", "notes": "taken"}}}
	},
	"delete_control": func(i ids) live.Args {
		return live.Args{"model_id": i.model, "control_id": "C1", "reason": "taken"}
	},
	"refine_control": func(i ids) live.Args {
		return live.Args{"model_id": i.model, "control_id": "C1", "description": "taken", "justification": "because it is taken"}
	},
	"import_controls": func(i ids) live.Args {
		return live.Args{"model_id": i.model, "controls": []any{live.Args{"description": "taken", "control_objectives": []string{"CO-A1-T1"}}}}
	},
	"check_control_gaps": func(i ids) live.Args { return live.Args{"model_id": i.model, "apply": true} },
	"set_mitigation_groups": func(i ids) live.Args {
		return live.Args{"model_id": i.model, "control_objective": "CO-A1-T1", "groups": []any{[]string{"C1"}}}
	},
	"attest_assumption": func(i ids) live.Args {
		return live.Args{"model_id": i.model, "assumption_id": "AS1", "statement": "taken", "expires_at": "2099-01-01T00:00:00Z"}
	},
	"accept_risk": func(i ids) live.Args {
		return live.Args{"model_id": i.model, "control_objective": "CO-A1-T1", "owner": "taken", "reason": "taken", "review_by": "2099-01-01T00:00:00Z"}
	},
	"approve_change": func(i ids) live.Args {
		return live.Args{"model_id": i.model, "controls": []string{"C1"}, "reason": "taken"}
	},
	"analyze_change": func(i ids) live.Args {
		return live.Args{"model_id": i.model, "repo": "org/taken", "changed_paths": []string{"taken.go"}}
	},
	"get_review_queue":    func(i ids) live.Args { return live.Args{"model_id": i.model} },
	"mark_reviewed":       func(i ids) live.Args { return live.Args{"model_id": i.model, "controls": []string{"C1"}} },
	"export_threat_model": func(i ids) live.Args { return live.Args{"model_id": i.model} },
	"import_threat_model": func(ids) live.Args {
		return live.Args{"document": live.Args{
			"format": "redoubt/threat-model", "format_version": 1, "model": live.Args{"title": "taken", "feature_description": "taken"},
		}}
	},
	"submit_findings": func(i ids) live.Args {
		return live.Args{"model_id": i.model, "findings": []any{live.Args{"control_id": "C1", "title": "taken"}}}
	},
	"list_findings":   func(i ids) live.Args { return live.Args{"model_id": i.model} },
	"get_scan_prompt": func(i ids) live.Args { return live.Args{"model_id": i.model} },
	"update_finding": func(i ids) live.Args {
		return live.Args{"model_id": i.model, "finding_id": "F1", "status": "acknowledged"}
	},
	"auto_map_controls":   func(i ids) live.Args { return live.Args{"model_id": i.model} },
	"suggest_remediation": func(i ids) live.Args { return live.Args{"model_id": i.model} },
	"apply_remediation":   func(i ids) live.Args { return live.Args{"model_id": i.model, "approved": []string{"P1"}} },
	"list_systems":        func(ids) live.Args { return nil },
	"get_system":          func(i ids) live.Args { return live.Args{"system_id": i.system} },
	"create_system":       func(ids) live.Args { return live.Args{"name": "taken"} },
	"edit_system":         func(i ids) live.Args { return live.Args{"system_id": i.system, "name": "taken"} },
	"add_model_to_system": func(i ids) live.Args {
		return live.Args{"system_id": i.system, "model_id": i.model}
	},
	"list_frameworks":       func(i ids) live.Args { return live.Args{"model_id": i.model} },
	"import_framework":      func(ids) live.Args { return live.Args{"framework_id": "taken", "content": "id,text\n1,taken\n"} },
	"select_frameworks":     func(i ids) live.Args { return live.Args{"model_id": i.model, "frameworks": []string{"asvs-5.0"}} },
	"get_compliance_report": func(i ids) live.Args { return live.Args{"model_id": i.model, "limit": 5} },
	"map_control": func(i ids) live.Args {
		return live.Args{"model_id": i.model, "control_id": "C1", "requirements": []string{"V1.1.1"}}
	},
	"exclude_requirement": func(i ids) live.Args {
		return live.Args{"model_id": i.model, "requirements": []string{"V1.1.1"}, "reason": "taken"}
	},
	"get_activity": func(i ids) live.Args { return live.Args{"model_id": i.model} },
}

// decides are the tools that need decide, which a stranger is given for this test.
var decides = map[string]bool{"attest_assumption": true, "accept_risk": true, "approve_change": true, "exclude_requirement": true}

// withoutID are the tools and routes that take no id: a stranger's answer must hold nothing of the owner's.
var withoutID = map[string]bool{
	"generate_threat_model": true, "list_threat_models": true, "list_workspaces": true, "get_usage": true, "GET /usage": true, "get_setup_status": true, "GET /setup": true,
	"GET /models": true, "GET /chat/sessions": true, "GET /workspaces": true, "POST /workspaces": true, "GET /invitations": true, "GET /keys": true, "POST /keys": true,
	"GET /settings": true, "POST /settings": true, "POST /settings/signing-keys": true, "POST /settings/issuers": true, "POST /settings/required-claims": true,
	"import_framework": true, "GET /frameworks": true, "POST /frameworks": true,
	"POST /me/deletion": true, "DELETE /me": true,
	"list_systems": true, "create_system": true, "GET /systems": true, "POST /systems": true,
	"redoubt://models": true, "redoubt://assertion-types": true, "import_threat_model": true, "POST /models/import": true, "GET /activity": true, "GET /activity/export": true, "get_assertion_types": true, "GET /assertion-types": true,
}

// refusedAnyway are those of withoutID that refuse what the test sends.
var refusedAnyway = map[string]int{"DELETE /me": 412}

// routeBodies has the body of every route that takes one; a route with a method that needs one and no entry fails.
var routeBodies = map[string]func(ids) string{
	"POST /keys": func(ids) string { return `{"name":"mine","scope":"developer"}` },

	"POST /workspaces":                                  func(ids) string { return `{"name":"mine"}` },
	"POST /workspaces/{workspace_id}":                   func(ids) string { return `{"name":"taken"}` },
	"POST /workspaces/{workspace_id}/members/{user_id}": func(ids) string { return `{"role":"member"}` },
	"POST /workspaces/{workspace_id}/deletion":          func(ids) string { return `{}` },
	"DELETE /workspaces/{workspace_id}":                 func(ids) string { return `{"confirmation_token":"taken"}` },
	"POST /me/deletion":                                 func(ids) string { return `{}` },
	"DELETE /me":                                        func(ids) string { return `{"confirmation_token":"taken"}` },
	"POST /workspaces/{workspace_id}/leave":             func(ids) string { return `` },
	"POST /workspaces/{workspace_id}/transfer":          func(i ids) string { return `{"user_id":"` + i.user + `"}` },
	"POST /workspaces/{workspace_id}/invitations":       func(ids) string { return `{"email":"taken@example.org"}` },
	"POST /workspaces/{workspace_id}/keys":              func(ids) string { return `{"name":"mine","scope":"developer"}` },
	"POST /invitations/{invitation_id}/accept":          func(ids) string { return `` },
	"POST /invitations/{invitation_id}/decline":         func(ids) string { return `` },

	"POST /jobs/{job_id}/continue":      func(ids) string { return `{"step":"generate_assets","output":{}}` },
	"POST /admin/users":                 func(ids) string { return `{"email":"taken@example.org"}` },
	"POST /admin/users/{user_id}":       func(ids) string { return `{"disabled":true}` },
	"POST /admin/users/{user_id}/reset": func(ids) string { return `{"reason":"taken"}` },

	"POST /settings": func(ids) string { return `{"allow_pull_requests":true}` },
	"POST /settings/signing-keys": func(ids) string {
		return `{"name":"mine","repos":["org/mine"],"public_key":` + strconv.Quote(otherKey) + `}`
	},
	"POST /settings/signing-keys/revoke": func(i ids) string { return `{"fingerprint":"` + i.signer + `"}` },
	"POST /settings/issuers":             func(ids) string { return `{"url":"https://mine.example.org","kind":"gitlab"}` },
	"DELETE /settings/issuers":           func(i ids) string { return `{"url":"` + i.issuer + `"}` },
	"POST /settings/required-claims":     func(ids) string { return `{"claim":"repository","pattern":"mine/*"}` },

	"POST /models/{model_id}/verification/runs":        func(ids) string { return `{"statement":{}}` },
	"POST /models/{model_id}/verification/sufficiency": func(ids) string { return `{"engine":"agent"}` },

	"POST /frameworks": func(ids) string { return `{"id":"taken","requirements":[{"id":"1","text":"taken"}]}` },
	"POST /models/{model_id}/compliance/{framework_id}/proposals":  func(ids) string { return `{}` },
	"POST /models/{model_id}/remediation":                          func(ids) string { return `{"approved":["P1"]}` },
	"POST /systems":                                                func(ids) string { return `{"name":"taken by a route"}` },
	"POST /systems/{system_id}":                                    func(ids) string { return `{"name":"taken"}` },
	"PUT /systems/{system_id}/models/{model_id}":                   func(ids) string { return `{}` },
	"POST /models/{model_id}/compliance/{framework_id}/auto-map":   func(ids) string { return `{}` },
	"PUT /models/{model_id}/frameworks":                            func(ids) string { return `{"frameworks":["asvs-5.0"]}` },
	"POST /models/{model_id}/compliance/{framework_id}/mappings":   func(ids) string { return `{"control_id":"C1","requirements":["V1.1.1"]}` },
	"POST /models/{model_id}/compliance/{framework_id}/exclusions": func(ids) string { return `{"requirements":["V1.1.1"],"reason":"taken"}` },
	"POST /models/{model_id}/analyze-change":                       func(ids) string { return `{"repo":"org/taken","changed_paths":["a.go"]}` },
	"POST /models/{model_id}/refine":                               func(ids) string { return `{"instruction":"remove A1","wait_seconds":0}` },
	"POST /models/{model_id}/query":                                func(ids) string { return `{"question":"What is A1?"}` },
	"POST /chat": func(i ids) string {
		return `{"message":"What is A1?","session_id":"` + i.session + `","model_id":"` + i.model + `"}`
	},
	"POST /models/{model_id}/findings":               func(ids) string { return `{"findings":[{"control_id":"C1","title":"taken"}]}` },
	"POST /models/{model_id}/findings/{finding_id}":  func(ids) string { return `{"status":"acknowledged"}` },
	"PATCH /models/{model_id}/findings/{finding_id}": func(ids) string { return `{"status":"acknowledged"}` },
	"POST /models/{model_id}/findings/sarif":         func(ids) string { return `{"version":"2.1.0","runs":[{"results":[{"message":{"text":"taken"}}]}]}` },
	"POST /models/import": func(ids) string {
		return `{"document":{"format":"redoubt/threat-model","format_version":1,"model":{"title":"taken","feature_description":"taken"}}}`
	},
}

// household is an owner with data that nobody else may see, and a stranger with as much of the same kind.
type household struct {
	env             *live.Env
	owner, stranger *live.User
	admin           *live.User // the owner with an admin key
	owned           ids
	secrets         []string // texts that only the owner's workspace holds
}

func newHousehold(t *testing.T) *household {
	h := &household{env: live.Start(t)}
	h.owner, h.stranger = h.env.NewUser(t, account.Developer), h.env.NewUser(t, account.Developer)
	job := live.Call[service.JobOut](h.owner, "generate_threat_model", live.Args{
		"feature_description": feature + " Codename Zephyrine.", "title": "Zephyrine", "wait_seconds": 50,
	})
	var m service.ModelSummary
	if err := json.Unmarshal(job.Result, &m); err != nil {
		t.Fatal(err)
	}
	h.owned = ids{model: m.ModelID, job: job.JobID, key: h.owner.Who.KeyID, user: h.owner.Who.UserID}
	h.owned.session = say(t, h.owner, live.Args{"message": "Is Zephyrine safe?", "model_id": m.ModelID}).SessionID
	h.admin = h.env.NewKey(t, h.owner.User, h.owner.User.PersonalWorkspace, account.Admin)
	h.decideAboutRuns(t)
	mate := h.env.NewUser(t, account.Developer)
	h.team(t, mate)
	h.owned.framework = "zephyrine-catalogue"
	live.Call[service.ImportFrameworkOut](h.owner, "import_framework", live.Args{"framework_id": h.owned.framework, "content": "id,text\nZ.1,Only for zephyrine\n"})
	live.Call[service.SelectFrameworksOut](h.owner, "select_frameworks", live.Args{"model_id": m.ModelID, "frameworks": []string{h.owned.framework}})
	live.Call[service.MapControlOut](h.owner, "map_control", live.Args{"model_id": m.ModelID, "control_id": "C1", "requirements": []string{"Z.1"}})
	h.owned.system = live.Call[service.GetSystemOut](h.owner, "create_system", live.Args{"name": "Zephyrine works", "models": []string{m.ModelID}}).SystemID
	live.Call[service.SubmitAssertionsOut](h.owner, "submit_assertions", live.Args{"model_id": m.ModelID, "assertions": []any{live.Args{
		"type": "file_exists", "params": live.Args{"file": "zephyrine.txt"}, "control_id": "C1", "repo": "zephyrine/secret", "facets": []string{"C1.a"},
	}}})
	h.secrets = []string{"zephyrine", m.ModelID, job.JobID, h.owner.Who.KeyID, h.owner.Who.WorkspaceID, h.owner.Who.UserID, "Zephyrine", h.owner.User.Email}
	h.secrets = append(h.secrets, h.owned.workspace, h.owned.invitation, mate.User.Email, mate.User.ID)
	h.stranger.Generate(feature)
	return h
}

// someKey and otherKey are public keys of nobody's.
const someKey = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt
6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==
-----END PUBLIC KEY-----
`

const otherKey = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAECSVn0r1RW9TqYzTiVOgb8UeC/T3e
ewSpEcy47QBPkBVMx9x3A0pbBXpgQdGrdDTCM5IRsOiHfdhma9sauIA0Wg==
-----END PUBLIC KEY-----
`

// team gives the owner a team workspace with another member and an invitation that waits.
func (h *household) team(t *testing.T, mate *live.User) {
	t.Helper()
	made := posted[service.WorkspaceOut](t, h.admin, "/workspaces", `{"name":"Zephyrine team"}`)
	h.owned.workspace = made.Workspace.ID
	testenv.Write(t, h.env.Store, func(tx *store.Tx) error { return tx.AddMember(made.Workspace.ID, mate.User.ID, account.Member) })
	h.owned.invitation = posted[service.InvitationOut](t, h.admin, "/workspaces/"+made.Workspace.ID+"/invitations", `{"email":"zephyrine@example.org"}`).Invitation.ID
}

// decideAboutRuns gives the owner's workspace a signing key, an issuer and a required claim.
func (h *household) decideAboutRuns(t *testing.T) {
	t.Helper()
	var out service.SettingsOut
	for _, c := range []struct{ path, body string }{
		{"signing-keys", `{"name":"zephyrine","repos":["zephyrine/secret"],"public_key":` + strconv.Quote(someKey) + `}`},
		{"issuers", `{"url":"https://zephyrine.example.org","kind":"gitlab"}`},
		{"required-claims", `{"claim":"repository","pattern":"zephyrine/*"}`},
	} {
		r := h.admin.Do("POST", "/api/v1/settings/"+c.path, strings.NewReader(c.body), "Content-Type", "application/json")
		if err := json.Unmarshal(r.Body, &out); r.Status != 200 || err != nil {
			t.Fatalf("%s: %d %s", c.path, r.Status, r.Body)
		}
	}
	h.owned.signer, h.owned.issuer, h.owned.claim = out.SigningKeys[0].Fingerprint, out.Issuers[2].URL, out.RequiredClaims[0].ID
}

// state is everything the owner can see of the model, to tell whether it changed.
func (h *household) state(t *testing.T) string {
	var b strings.Builder
	for _, call := range []struct {
		tool string
		args live.Args
	}{
		{"get_threat_model", live.Args{"model_id": h.owned.model}},
		{"get_controls", live.Args{"model_id": h.owned.model, "limit": 200}},
		{"get_operation_status", live.Args{"job_id": h.owned.job}},
		{"list_threat_models", nil},
		{"list_assertions", live.Args{"model_id": h.owned.model}},
		{"get_review_queue", live.Args{"model_id": h.owned.model, "limit": 200}},
		{"list_frameworks", live.Args{"model_id": h.owned.model}},
		{"get_system", live.Args{"system_id": h.owned.system}},
	} {
		raw, te := h.owner.Try(call.tool, call.args)
		if te != nil {
			t.Fatalf("the owner cannot %s: %v", call.tool, te)
		}
		b.Write(raw)
	}
	b.Write(h.owner.Do("GET", "/api/v1/models/"+h.owned.model+"/compliance/"+h.owned.framework+"?format=csv", nil).Body)
	b.Write(h.admin.Do("GET", "/api/v1/settings", nil).Body)
	b.Write(h.admin.Do("GET", "/api/v1/workspaces/"+h.owned.workspace+"/members", nil).Body)
	b.Write(h.admin.Do("GET", "/api/v1/workspaces/"+h.owned.workspace+"/invitations", nil).Body)
	return b.String()
}

// leaks returns a secret of the owner that an answer holds.
func (h *household) leaks(answer []byte) string {
	for _, s := range h.secrets {
		if bytes.Contains(answer, []byte(s)) {
			return s
		}
	}
	return ""
}

var anyUUID = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

// blind replaces ids by a word of the same length, so that answers about different ids compare.
func blind(b []byte) string { return anyUUID.ReplaceAllString(string(b), "id") }

// raw sends a JSON-RPC request and returns the HTTP status and the body.
func raw(u *live.User, method string, params map[string]any) live.Response {
	body, headers := live.Modern(1, method, params)
	return u.Do("POST", "/mcp?toolsets=all", strings.NewReader(body), headers...)
}

// A stranger learns nothing from any tool: an id of another workspace answers like one that does not exist, to the byte.
func TestToolsIsolate(t *testing.T) {
	h := newHousehold(t)
	decider := h.env.NewKey(t, h.stranger.User, h.stranger.User.PersonalWorkspace, account.Developer, func(k *account.Key) { k.Decide = true })
	before := h.state(t)
	for _, tool := range h.env.Server.Tools() {
		args, ok := toolCases[tool.Name]
		if !ok {
			t.Errorf("tool %s has no isolation case: add one", tool.Name)
			continue
		}
		stranger := h.stranger
		if decides[tool.Name] {
			stranger = decider
		}
		call := func(i ids) live.Response {
			return raw(stranger, "tools/call", map[string]any{"name": tool.Name, "arguments": args(i)})
		}
		foreign := call(h.owned)
		if s := h.leaks(foreign.Body); s != "" && !strings.Contains(string(mustJSON(t, args(h.owned))), s) {
			t.Errorf("%s tells a stranger %q: %s", tool.Name, s, foreign.Body)
		}
		if withoutID[tool.Name] {
			continue
		}
		if none := call(missing); foreign.Status != none.Status || blind(foreign.Body) != blind(none.Body) {
			t.Errorf("%s tells a foreign id from a missing one:\n%d %s\n%d %s", tool.Name, foreign.Status, foreign.Body, none.Status, none.Body)
		}
		if !bytes.Contains(foreign.Body, []byte("not_found")) {
			t.Errorf("%s answers a foreign id with %s", tool.Name, foreign.Body)
		}
	}
	if after := h.state(t); after != before {
		t.Error("a stranger changed the owner's data")
	}
	for name := range toolCases {
		if !hasTool(h.env.Server.Tools(), name) {
			t.Errorf("there is a case for %s, which is not a tool", name)
		}
	}
}

func hasTool(list []tools.Tool, name string) bool {
	for _, tool := range list {
		if tool.Name == name {
			return true
		}
	}
	return false
}

func mustJSON(t testing.TB, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// The same for resources.
func TestResourcesIsolate(t *testing.T) {
	h := newHousehold(t)
	for _, r := range resources.Templates(h.env.Service) {
		at := func(i ids) string {
			return strings.NewReplacer("frameworks/{id}", "frameworks/"+i.framework, "{id}", i.model, "{n}", "1").Replace(r.URI)
		}
		read := func(u *live.User, i ids) live.Response { return raw(u, "resources/read", map[string]any{"uri": at(i)}) }
		if own := read(h.owner, h.owned); !bytes.Contains(own.Body, []byte(`"contents"`)) {
			t.Errorf("the owner cannot read %s: %s", r.URI, own.Body)
		}
		foreign := read(h.stranger, h.owned)
		if s := h.leaks(foreign.Body); s != "" && !strings.Contains(at(h.owned), s) {
			t.Errorf("%s tells a stranger %q: %s", r.URI, s, foreign.Body)
		}
		if withoutID[r.URI] {
			continue
		}
		if none := read(h.stranger, missing); foreign.Status != none.Status || blind(foreign.Body) != blind(none.Body) {
			t.Errorf("%s tells a foreign id from a missing one:\n%s\n%s", r.URI, foreign.Body, none.Body)
		}
		if bytes.Contains(foreign.Body, []byte(`"contents"`)) {
			t.Errorf("a stranger reads %s: %s", r.URI, foreign.Body)
		}
	}
}

// Prompts are templates over their argument alone; they read nothing.
func TestPromptsIsolate(t *testing.T) {
	h := newHousehold(t)
	for _, p := range resources.Prompts() {
		r := raw(h.stranger, "prompts/get", map[string]any{"name": p.Name, "arguments": map[string]string{p.Argument: "x"}})
		if s := h.leaks(r.Body); s != "" || !bytes.Contains(r.Body, []byte(`"messages"`)) {
			t.Errorf("%s tells a stranger %q: %s", p.Name, s, r.Body)
		}
	}
}

// requestOf is a route's request with ids in its path, query and body.
func requestOf(t *testing.T, rt rest.Route, i ids) (method, path, body string) {
	t.Helper()
	path = strings.NewReplacer("{model_id}", i.model, "{job_id}", i.job, "{key_id}", i.key, "{version}", "1", "{finding_id}", "F1", "{claim_id}", i.claim, "{framework_id}", i.framework, "{system_id}", i.system, "{user_id}", i.user, "{session_id}", i.session, "{workspace_id}", i.workspace, "{invitation_id}", i.invitation).Replace(rt.Path)
	if strings.Contains(path, "{") {
		t.Fatalf("%s %s: the test does not know what to put into the path", rt.Method, rt.Path)
	}
	path = "/api/v1" + path
	if strings.HasSuffix(rt.Path, "/compare") {
		path += "?from=1"
	}
	if make, ok := routeBodies[rt.Method+" "+rt.Path]; ok {
		return rt.Method, path, make(i)
	}
	if rt.Method != "GET" && rt.Method != "DELETE" {
		t.Fatalf("%s %s has no body in this test: add one", rt.Method, rt.Path)
	}
	return rt.Method, path, ""
}

// request sends a route's request.
func request(t *testing.T, u *live.User, rt rest.Route, i ids) live.Response {
	t.Helper()
	method, path, body := requestOf(t, rt, i)
	if body == "" {
		return u.Do(method, path, nil)
	}
	return u.Do(method, path, strings.NewReader(body), "Content-Type", "application/json")
}

// The same for every REST route.
func TestRoutesIsolate(t *testing.T) {
	h := newHousehold(t)
	others := []*live.User{
		h.env.NewKey(t, h.stranger.User, h.stranger.User.PersonalWorkspace, account.Verifier),
		h.env.NewKey(t, h.stranger.User, h.stranger.User.PersonalWorkspace, account.Admin),
	}
	before := h.state(t)
	for _, rt := range h.env.Server.Routes() {
		name := rt.Method + " " + rt.Path
		stranger := h.stranger
		for _, u := range others {
			if !stranger.Who.May(rt.Needs) {
				stranger = u
			}
		}
		if rt.Needs == account.Instance { // nobody of these may: see TestAdminIsForInstanceAdmins
			continue
		}
		foreign := request(t, stranger, rt, h.owned)
		if s := h.leaks(foreign.Body); s != "" {
			t.Errorf("%s tells a stranger %q: %s", name, s, foreign.Body)
		}
		if withoutID[name] {
			if foreign.Status != cmp.Or(refusedAnyway[name], 200) {
				t.Errorf("%s: %d %s", name, foreign.Status, foreign.Body)
			}
			continue
		}
		none := request(t, stranger, rt, missing)
		if foreign.Status != 404 || none.Status != 404 || blind(foreign.Body) != blind(none.Body) {
			t.Errorf("%s tells a foreign id from a missing one:\n%d %s\n%d %s", name, foreign.Status, foreign.Body, none.Status, none.Body)
		}
	}
	if after := h.state(t); after != before {
		t.Error("a stranger changed the owner's data")
	}
}

// Each scope may what its table says and nothing else: a tool beyond it is not there, a route is forbidden, and the service
// refuses by itself.
func TestScopes(t *testing.T) {
	env := live.Start(t)
	owner := env.NewUser(t, account.Developer)
	model := owner.Generate(feature)
	for _, scope := range account.Scopes() {
		u := env.NewKey(t, owner.User, owner.User.PersonalWorkspace, scope)
		for _, tool := range env.Server.Tools() {
			r := raw(u, "tools/call", map[string]any{"name": tool.Name, "arguments": map[string]any{"model_id": model}})
			absent := bytes.Contains(r.Body, []byte("tool '"+tool.Name+"' not found"))
			if absent == u.Who.May(tool.Needs) {
				t.Errorf("%s key, %s (needs %q): %s", scope, tool.Name, tool.Needs, r.Body[:min(300, len(r.Body))])
			}
			if bytes.Contains(r.Body, []byte(`"text":"{\"code\":\"forbidden\"`)) {
				t.Errorf("%s key: %s is listed and forbidden: %s", scope, tool.Name, r.Body)
			}
		}
		for _, rt := range env.Server.Routes() {
			r := request(t, u, rt, func() ids { i := missing; i.model = model; return i }())
			if (r.Status == 403) == u.Who.May(rt.Needs) {
				t.Errorf("%s key, %s %s (needs %q): %d %s", scope, rt.Method, rt.Path, rt.Needs, r.Status, r.Body)
			}
		}
		for _, res := range resources.Templates(env.Service) {
			r := raw(u, "resources/read", map[string]any{"uri": strings.NewReplacer("frameworks/{id}", "frameworks/asvs-5.0", "{id}", model, "{n}", "1").Replace(res.URI)})
			if bytes.Contains(r.Body, []byte(`"contents"`)) != u.Who.May(res.Needs) {
				t.Errorf("%s key, %s (needs %q): %s", scope, res.URI, res.Needs, r.Body)
			}
		}
	}
	// A verifier sees ids and titles, nothing else.
	verifier := env.NewKey(t, owner.User, owner.User.PersonalWorkspace, account.Verifier)
	r := verifier.Do("GET", "/api/v1/models", nil)
	var page struct {
		Models []map[string]any `json:"threat_models"`
	}
	if err := json.Unmarshal(r.Body, &page); err != nil {
		t.Fatal(err)
	}
	found := false
	for _, m := range page.Models { // the imported ones are among them
		found = found || m["id"] == model
		if len(m) != 2 || m["id"] == nil || m["title"] == nil {
			t.Errorf("a verifier key sees %s", r.Body)
		}
	}
	if !found {
		t.Errorf("a verifier key does not see %s: %s", model, r.Body)
	}
}
