package rest_test

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/internal/testenv/live"
	"github.com/redoubt-dev/redoubt/rest"
	"github.com/redoubt-dev/redoubt/threat"
)

const feature = "A REST API where users sign in with passwords and upload files to S3; PostgreSQL holds accounts."

// Every code has a status of its own or shares one on purpose; an answer of it is the error itself.
func TestStatusesAreTotal(t *testing.T) {
	want := map[threat.Code]int{
		"invalid": 400, "unauthenticated": 401, "forbidden": 403, "not_found": 404, "conflict": 409, "failed_precondition": 412,
		"rate_limited": 429, "payment_required": 402, "unavailable": 503, "internal": 500,
	}
	if len(want) != len(threat.Codes()) {
		t.Fatalf("the table has %d of %d codes", len(want), len(threat.Codes()))
	}
	for _, code := range threat.Codes() {
		w := httptest.NewRecorder()
		sent := threat.Errorf(code, "what < happened & why").In("field").Hinted("do this")
		rest.WriteError(w, sent)
		var got threat.Error
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || !cmp.Equal(got, *sent) || w.Code != want[code] {
			t.Errorf("%s: %d %s (%v)", code, w.Code, w.Body, err)
		}
		if strings.Contains(w.Body.String(), `\u00`) {
			t.Errorf("%s is escaped for HTML: %s", code, w.Body)
		}
	}
}

// Path and query become the same input as a tool's arguments, checked by the same schema.
func TestQueries(t *testing.T) {
	env := live.Start(t)
	u := env.NewUser(t, account.Developer)
	id := u.Generate(feature)
	for path, c := range map[string]struct {
		status int
		word   string
	}{
		"/models":                                             {200, `"threat_models":[{"id":"` + id},
		"/models?limit=0":                                     {200, `"returned":0`},
		"/models?limit=201":                                   {400, "0 to 200"},
		"/models?limit=x":                                     {400, "not an integer"},
		"/models?deleted=true":                                {200, `"total":0`},
		"/models?deleted=perhaps":                             {400, "neither true nor false"},
		"/models?colour=red":                                  {400, "parameters: title, deleted, limit, offset"},
		"/models?title=%25":                                   {200, `"total":0`},
		"/models/" + id:                                       {200, `"version":1`},
		"/models/" + id + "?section=assets&limit=1":           {200, `"returned":1`},
		"/models/" + id + "/versions/1":                       {200, `"version":1`},
		"/models/" + id + "/versions/2":                       {404, "versions are 1 to 1"},
		"/models/" + id + "/versions/x":                       {400, "not an integer"},
		"/models/" + id + "/compare?from=1":                   {200, `"changes":[]`},
		"/models/" + id + "/compare":                          {400, "from is missing"},
		"/models/" + id + "/control-objectives?tier=critical": {200, `"tiers":{"critical"`},
		"/models/" + id + "/control-objectives?tier=x":        {400, "valid: critical"},
		"/models/" + id + "/control-objectives?control_objectives=CO-A1-T1,CO-A1-T2&limit=9": {200, `"total":2`},
		"/models/" + id + "/controls?limit=2":                                                {200, `"returned":2`},
		"/models/nonsense":                                                                   {404, "no such threat model"},
		"/workspaces":                                                                        {200, `"current":true`},
		"/keys":                                                                              {200, `"shown":"rdk_`},
	} {
		for _, base := range []string{"/api/v1", "/api"} {
			r := u.Do("GET", base+path, nil)
			if r.Status != c.status || !bytes.Contains(r.Body, []byte(c.word)) {
				t.Errorf("%s%s: %d %s", base, path, r.Status, r.Body[:min(400, len(r.Body))])
			}
		}
	}
}

// Keys are made, listed and revoked; the secret is shown once.
func TestKeys(t *testing.T) {
	env := live.Start(t)
	u := env.NewUser(t, account.Developer)
	r := u.Do("POST", "/api/v1/keys", strings.NewReader(`{"name":"laptop","scope":"developer"}`), "Content-Type", "application/json")
	var made struct {
		APIKey string      `json:"api_key"`
		Key    account.Key `json:"key"`
	}
	if err := json.Unmarshal(r.Body, &made); err != nil || r.Status != 200 || !strings.HasPrefix(made.APIKey, "rdk_") {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	if l := u.Do("GET", "/api/v1/keys", nil); bytes.Contains(l.Body, []byte(made.APIKey)) || !bytes.Contains(l.Body, []byte(`"total":2`)) {
		t.Errorf("the list is %s", l.Body)
	}
	other := live.At(t, env.URL, made.APIKey)
	if r := other.Do("GET", "/api/v1/models", nil); r.Status != 200 {
		t.Errorf("the new key: %d", r.Status)
	}
	if r := u.Do("DELETE", "/api/v1/keys/"+made.Key.ID, nil); r.Status != 200 || !bytes.Contains(r.Body, []byte("revoked_at")) {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	if r := other.Do("GET", "/api/v1/models", nil); r.Status != 401 {
		t.Errorf("the revoked key: %d", r.Status)
	}
	for body, word := range map[string]string{
		`{"name":"x"}`: "scope is missing", `{"name":"x","scope":"root"}`: "valid: developer", `{"name":"x","scope":"admin"}`: "admin key",
		`{"name":"","scope":"developer"}`: "name is missing", `{"scope":"developer","name":7}`: "string is needed",
	} {
		if r := u.Do("POST", "/api/v1/keys", strings.NewReader(body), "Content-Type", "application/json"); !bytes.Contains(r.Body, []byte(word)) {
			t.Errorf("%s: %d %s", body, r.Status, r.Body)
		}
	}
}

// bodiless are the routes that are told all by their path.
var bodiless = map[string]bool{
	"/workspaces/{workspace_id}/leave": true, "/invitations/{invitation_id}/accept": true, "/invitations/{invitation_id}/decline": true,
	"/workspaces/{workspace_id}/deletion": true, "/me/deletion": true,
}

// The OpenAPI document describes every route with the parameters that it really takes.
func TestOpenAPI(t *testing.T) {
	env := live.Start(t)
	var doc struct {
		OpenAPI string `json:"openapi"`
		Paths   map[string]map[string]struct {
			OperationID string `json:"operationId"`
			Parameters  []struct {
				Name, In string
				Required bool
				Schema   map[string]any
			} `json:"parameters"`
			RequestBody *struct {
				Content map[string]struct {
					Schema struct {
						Properties map[string]any `json:"properties"`
					} `json:"schema"`
				} `json:"content"`
			} `json:"requestBody"`
			Responses map[string]any `json:"responses"`
		} `json:"paths"`
	}
	if err := json.Unmarshal(env.Do(t, "GET", "/api/v1/openapi.json", nil).Body, &doc); err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, rt := range env.Server.Routes() {
		op, ok := doc.Paths[rt.Path][strings.ToLower(rt.Method)]
		if !ok {
			t.Errorf("%s %s is not described", rt.Method, rt.Path)
			continue
		}
		if err := rt.Compile(); err != nil {
			t.Errorf("%s %s: its schema does not compile: %v", rt.Method, rt.Path, err)
		}
		if ids[op.OperationID] || op.OperationID == "" {
			t.Errorf("operation id %q stands twice", op.OperationID)
		}
		ids[op.OperationID] = true
		inPath := 0
		for _, p := range op.Parameters {
			if p.In == "path" {
				inPath++
				if !p.Required || !strings.Contains(rt.Path, "{"+p.Name+"}") {
					t.Errorf("%s %s: path parameter %+v", rt.Method, rt.Path, p)
				}
			}
			if p.Schema["type"] == nil {
				t.Errorf("%s %s: parameter %s has no type", rt.Method, rt.Path, p.Name)
			}
		}
		if inPath != strings.Count(rt.Path, "{") || op.Responses["200"] == nil || op.Responses["default"] == nil {
			t.Errorf("%s %s: %+v", rt.Method, rt.Path, op)
		}
		if rt.Takes != nil {
			for _, kind := range rt.Takes {
				if _, ok := op.RequestBody.Content[kind]; !ok {
					t.Errorf("%s %s does not say that it takes %s", rt.Method, rt.Path, kind)
				}
			}
		} else if rt.Method == "POST" && !bodiless[rt.Path] && (op.RequestBody == nil || len(op.RequestBody.Content["application/json"].Schema.Properties) == 0) {
			t.Errorf("%s %s has no body", rt.Method, rt.Path)
		}
	}
}
