package tools_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/internal/testenv/live"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/tools"
)

var update = flag.Bool("update", false, "write the snapshots anew")

// list is the raw result of tools/list for some toolsets.
func list(t *testing.T, u *live.User, toolsets string) (raw json.RawMessage, listed []rawTool) {
	t.Helper()
	body, headers := live.Modern(1, "tools/list", nil)
	r := u.Do("POST", "/mcp?toolsets="+toolsets, strings.NewReader(body), headers...)
	var answer struct {
		Result struct {
			Tools json.RawMessage `json:"tools"`
		} `json:"result"`
	}
	if err := json.Unmarshal(r.Body, &answer); err != nil || r.Status != 200 {
		t.Fatalf("tools/list: %d %s", r.Status, r.Body)
	}
	if err := json.Unmarshal(answer.Result.Tools, &listed); err != nil {
		t.Fatal(err)
	}
	return answer.Result.Tools, listed
}

type rawTool struct {
	Name         string          `json:"name"`
	Title        string          `json:"title"`
	Description  string          `json:"description"`
	InputSchema  json.RawMessage `json:"inputSchema"`
	OutputSchema json.RawMessage `json:"outputSchema"`
	Annotations  map[string]any  `json:"annotations"`
}

// A changed snapshot is a reviewed change; a tool without one fails.
func TestSnapshots(t *testing.T) {
	_, listed := list(t, live.Start(t).NewUser(t, account.Admin), "all")
	seen := map[string]bool{}
	for _, tool := range listed {
		raw, err := json.MarshalIndent(tool, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		raw = append(raw, '\n')
		file := filepath.Join("testdata", "snapshots", tool.Name+".json")
		seen[tool.Name+".json"] = true
		if *update {
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, raw, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Errorf("%s has no snapshot: run make snapshots and read the diff", tool.Name)
			continue
		}
		if !bytes.Equal(want, raw) {
			t.Errorf("%s differs from its snapshot: run make snapshots and read the diff", tool.Name)
		}
	}
	files, err := os.ReadDir(filepath.Join("testdata", "snapshots"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !seen[f.Name()] {
			t.Errorf("snapshot %s has no tool: a rename keeps an alias, a removal is a decision", f.Name())
		}
	}
}

// The budget of specification §13 for tools/list of core: what the language model reads, and the whole.
func TestCoreBudget(t *testing.T) {
	raw, listed := list(t, live.Start(t).NewUser(t, account.Admin), "core")
	facing := 0
	for _, tool := range listed {
		part, err := json.Marshal(map[string]any{"name": tool.Name, "description": tool.Description, "inputSchema": tool.InputSchema})
		if err != nil {
			t.Fatal(err)
		}
		facing += len(part)
	}
	t.Logf("core: %d tools, %d bytes for the language model, %d in all", len(listed), facing, len(raw))
	if facing > 18_000 || len(raw) > 36_000 {
		t.Errorf("core lists as %d bytes for the language model (18,000 fit) and %d in all (36,000 fit)", facing, len(raw))
	}
}

// Every tool says what it is: title, description, four annotations that fit its effect, schemas that are not empty.
func TestEveryToolIsDescribed(t *testing.T) {
	env := live.Start(t)
	_, listed := list(t, env.NewUser(t, account.Admin), "all")
	records := map[string]tools.Tool{}
	for _, r := range env.Server.Tools() {
		records[r.Name] = r
	}
	registry, err := tools.New(&service.Service{}, zerolog.Nop())
	if err == nil {
		err = registry.Compile()
	}
	if err != nil {
		t.Error(err)
	}
	if len(listed) != len(records) {
		t.Errorf("%d tools listed, %d registered", len(listed), len(records))
	}
	for _, tool := range listed {
		r := records[tool.Name]
		if tool.Title == "" || len(tool.Description) < 20 || !slices.Contains(tools.Toolsets(), r.Toolset) {
			t.Errorf("%s: title %q, description %q, toolset %q", tool.Name, tool.Title, tool.Description, r.Toolset)
		}
		want := map[string]any{
			"title": tool.Title, "readOnlyHint": r.Effect == tools.Reads, "destructiveHint": r.Effect == tools.Destroys,
			"idempotentHint": r.Effect == tools.Reads || r.Effect == tools.Changes, "openWorldHint": false,
		}
		for k, v := range want {
			if tool.Annotations[k] != v {
				t.Errorf("%s: annotation %s is %v, want %v", tool.Name, k, tool.Annotations[k], v)
			}
		}
		// These write only when an argument says so, and the service then asks for Write: looking needs no more than reading.
		looks := r.Name == "check_control_gaps" || r.Name == "get_sufficiency"
		if looks != (r.Effect != tools.Reads && r.Needs == account.Read) || !looks && r.Effect == tools.Reads != (r.Needs != account.Write) {
			t.Errorf("%s %s and needs %q", tool.Name, r.Effect, r.Needs)
		}
		var in, out struct {
			Type       string `json:"type"`
			Properties map[string]struct {
				Type any `json:"type"`
			} `json:"properties"`
			AdditionalProperties any `json:"additionalProperties"`
		}
		if err := json.Unmarshal(tool.InputSchema, &in); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(tool.OutputSchema, &out); err != nil {
			t.Fatal(err)
		}
		if in.Type != "object" || in.AdditionalProperties != false || len(in.Properties) == 0 && tool.Name != "list_workspaces" && tool.Name != "get_setup_status" {
			t.Errorf("%s: input schema %s", tool.Name, tool.InputSchema)
		}
		if out.Type != "object" || len(out.Properties) == 0 {
			t.Errorf("%s: output schema %s", tool.Name, tool.OutputSchema)
		}
		if bare := regexp.MustCompile(`"(\w+)":true`).FindSubmatch(tool.OutputSchema); bare != nil {
			t.Errorf("%s: the schema of %s in its answer is a bare true, which some clients refuse", tool.Name, bare[1])
		}
		for name, p := range in.Properties {
			if _, ok := p.Type.(string); !ok {
				t.Errorf("%s: parameter %s has the type %v, which some clients reject", tool.Name, name, p.Type)
			}
		}
	}
}

// Toolsets choose what is listed; what is not listed can still be called.
func TestToolsets(t *testing.T) {
	env := live.Start(t)
	u := env.NewUser(t, account.Developer)
	names := func(toolsets string) []string {
		_, listed := list(t, u, toolsets)
		out := make([]string, len(listed))
		for i, tool := range listed {
			out[i] = tool.Name
		}
		return out
	}
	core, modeling, both, all := names(""), names("modeling"), names("modeling,core"), names("all")
	if slices.Contains(core, "compare_versions") || !slices.Contains(core, "add_asset") {
		t.Errorf("core lists %v", core)
	}
	if !slices.Contains(modeling, "compare_versions") || slices.Contains(modeling, "add_asset") {
		t.Errorf("modeling lists %v", modeling)
	}
	if len(both) != len(core)+len(modeling) || len(all) <= len(both) {
		t.Errorf("core %d, modeling %d, both %d, all %d", len(core), len(modeling), len(both), len(all))
	}
	live.Call[map[string]any](u, "list_workspaces", nil) // of another toolset than the client's

	body, headers := live.Modern(1, "tools/list", nil)
	r := u.Do("POST", "/mcp", strings.NewReader(body), append(headers, "X-MCP-Toolsets", "modeling")...)
	if !bytes.Contains(r.Body, []byte(`"compare_versions"`)) {
		t.Errorf("the header chose nothing: %s", r.Body)
	}
	r = u.Do("POST", "/mcp?toolsets=nonsense", strings.NewReader(body), headers...)
	if r.Status != 400 || !bytes.Contains(r.Body, []byte("valid: core")) {
		t.Errorf("an unknown toolset: %d %s", r.Status, r.Body)
	}
}

// The cached answer to tools/list is the library's own, with the id of this request, per scope and per protocol revision.
func TestListIsCachedExactly(t *testing.T) {
	env := live.Start(t)
	dev, ver := env.NewUser(t, account.Developer), env.NewUser(t, account.Verifier)
	ask := func(u *live.User, id int) map[string]json.RawMessage {
		body, headers := live.Modern(id, "tools/list", nil)
		r := u.Do("POST", "/mcp", strings.NewReader(body), headers...)
		var m map[string]json.RawMessage
		if err := json.Unmarshal(r.Body, &m); err != nil {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
		return m
	}
	first, second := ask(dev, 7), ask(dev, 8)
	if string(first["id"]) != "7" || string(second["id"]) != "8" || !bytes.Equal(first["result"], second["result"]) {
		t.Errorf("ids %s and %s, results of %d and %d bytes", first["id"], second["id"], len(first["result"]), len(second["result"]))
	}
	if v := ask(ver, 9); bytes.Contains(v["result"], []byte("add_asset")) || !bytes.Contains(v["result"], []byte("list_threat_models")) {
		t.Errorf("a verifier key sees %s", v["result"])
	}
	legacy := dev.Do("POST", "/mcp", strings.NewReader(`{"jsonrpc":"2.0","id":"x","method":"tools/list"}`),
		"Content-Type", "application/json", "Accept", "application/json, text/event-stream", "Mcp-Protocol-Version", "2025-06-18")
	if !bytes.Contains(legacy.Body, []byte(`"id":"x"`)) || bytes.Contains(legacy.Body, []byte("resultType")) {
		t.Errorf("a legacy client got %s", legacy.Body[:min(300, len(legacy.Body))])
	}
	for range 3 { // a refusal is not kept, nor does a hit skip the check of the headers
		body, _ := live.Modern(10, "tools/list", nil)
		r := dev.Do("POST", "/mcp", strings.NewReader(body), "Content-Type", "application/json", "Mcp-Protocol-Version", "2025-06-18")
		if r.Status != 400 {
			t.Errorf("mismatched headers were accepted: %d", r.Status)
		}
	}
}
