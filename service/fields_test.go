package service_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/threat"
)

// A row holds the fields asked for and its id, and nothing else.
func TestFieldsOfControls(t *testing.T) {
	s := newBench(t)
	model := s.model(t).ModelID
	limit := 2
	out, err := s.GetControls(ctx, s.who, service.GetControlsIn{ModelID: model, Limit: &limit, Fields: []string{"status", "tier"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range out.Controls {
		raw, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		var m map[string]any
		if err := json.Unmarshal(raw, &m); err != nil || len(m) != 3 || m["id"] == nil || m["status"] == nil || m["tier"] == nil {
			t.Errorf("%s, %v", raw, err)
		}
	}
	_, err = s.GetControls(ctx, s.who, service.GetControlsIn{ModelID: model, Limit: &limit, Fields: []string{"colour"}})
	if threat.CodeOf(err) != threat.Invalid || !strings.Contains(err.Error(), "description") {
		t.Errorf("an unknown field gives %v", err)
	}
}
