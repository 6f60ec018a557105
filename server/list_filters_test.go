package server_test

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-dev/redoubt/internal/testenv/live"
	"github.com/redoubt-dev/redoubt/service"
)

// aTime is a time in an answer, which differs from call to call.
var aTime = regexp.MustCompile(`"\d{4}-\d\d-\d\dT[^"]*"`)

// Clients send [] for a list that they leave open: every tool that answers a list takes that as no filter.
func TestEmptyListsFilterNothing(t *testing.T) {
	h := newHousehold(t)
	live.Call[service.SubmitFindingsOut](h.owner, "submit_findings", live.Args{
		"model_id": h.owned.model, "findings": []any{live.Args{"control_id": "C1", "title": "No lock"}},
	})
	live.Call[service.AssetOut](h.owner, "add_asset", live.Args{"model_id": h.owned.model, "name": "Payroll", "impact": "H"}) // so that controls are missing

	type schema struct {
		Properties map[string]struct {
			Type string `json:"type"`
		} `json:"properties"`
	}
	var listed struct {
		Result struct {
			Tools []struct {
				Name         string `json:"name"`
				InputSchema  schema `json:"inputSchema"`
				OutputSchema schema `json:"outputSchema"`
				Annotations  struct {
					ReadOnly bool `json:"readOnlyHint"`
				} `json:"annotations"`
			} `json:"tools"`
		} `json:"result"`
	}
	if err := json.Unmarshal(raw(h.owner, "tools/list", nil).Body, &listed); err != nil {
		t.Fatal(err)
	}
	ask := func(tool string, args live.Args) string {
		t.Helper()
		out, te := h.owner.Try(tool, args)
		if te != nil {
			t.Errorf("%s %v: %v", tool, args, te)
		}
		return aTime.ReplaceAllString(string(out), `"then"`)
	}
	checked := map[string]bool{}
	for _, tool := range listed.Result.Tools {
		looks := tool.Annotations.ReadOnly || tool.Name == "check_control_gaps" || tool.Name == "get_sufficiency" // which write when told to
		if !looks || tool.OutputSchema.Properties["total"].Type == "" {
			continue
		}
		args := live.Args{}
		maps.Copy(args, toolCases[tool.Name](h.owned))
		delete(args, "apply")
		if tool.InputSchema.Properties["limit"].Type != "" {
			args["limit"] = 200
		}
		for name, p := range tool.InputSchema.Properties {
			if p.Type != "array" || args[name] != nil {
				continue
			}
			checked[tool.Name] = true
			want := ask(tool.Name, args)
			if strings.Contains(want, `"total":0,`) {
				t.Errorf("%s lists nothing here, so that no filter can be told: %s", tool.Name, want)
			}
			with := maps.Clone(args)
			with[name] = []any{}
			if d := cmp.Diff(want, ask(tool.Name, with)); d != "" {
				t.Errorf("%s(%s: []) is not as without (-without +with):\n%s", tool.Name, name, d)
			}
		}
	}
	for _, name := range []string{
		"get_controls", "get_control_objectives", "list_assertions", "assess_model", "get_sufficiency", "get_verification_report",
		"list_findings", "check_control_gaps", "get_scan_prompt", "get_compliance_report",
	} {
		if !checked[name] {
			t.Errorf("%s has no filter that is a list any more? checked: %v", name, slices.Sorted(maps.Keys(checked)))
		}
	}

	path := "/api/v1/models/" + h.owned.model + "/controls?limit=200"
	if d := cmp.Diff(h.owner.Do("GET", path, nil).Body, h.owner.Do("GET", path+"&controls=", nil).Body); d != "" {
		t.Errorf("GET %s&controls= (-without +with):\n%s", path, d)
	}
}
