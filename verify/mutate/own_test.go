package mutate_test

import (
	"context"
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/threat"
	"github.com/redoubt-dev/redoubt/verify"
)

// own is the file with which this repository measures its own evidence.
type own struct {
	Controls   map[threat.ID]string `json:"controls"`
	Assertions []struct {
		ID      threat.ID       `json:"id"`
		Control threat.ID       `json:"control_id"`
		Type    evidence.Type   `json:"type"`
		Params  evidence.Params `json:"params"`
	} `json:"assertions"`
}

// TestOwnAssertionsHold: what is claimed about this repository holds on the tree. The tests that test_passes names are run by the
// tests themselves; here they must be there.
func TestOwnAssertionsHold(t *testing.T) {
	raw, err := os.ReadFile("../../docs/security/assertions.json")
	if err != nil {
		t.Fatal(err)
	}
	var file own
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Assertions) < 25 {
		t.Errorf("only %d assertions", len(file.Assertions))
	}
	c, err := verify.New(verify.Options{Root: "../..", Dirty: verify.DirtyIgnore})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var claims []evidence.Assertion
	var ids []threat.ID
	for _, a := range file.Assertions {
		if file.Controls[a.Control] == "" || slices.Contains(ids, a.ID) {
			t.Errorf("%s is of control %q, or there twice", a.ID, a.Control)
		}
		ids = append(ids, a.ID)
		if a.Type == evidence.TestPasses {
			a.Type = evidence.TestExists
		}
		claims = append(claims, evidence.Assertion{ID: a.ID, Control: a.Control, Type: a.Type, Params: a.Params})
	}
	for _, o := range c.Check(context.Background(), claims) {
		if o.Verdict != evidence.Pass {
			t.Errorf("%s %s %v: %s", o.Assertion.ID, o.Assertion.Type, o.Assertion.Params, o.Reason)
		}
	}
}
