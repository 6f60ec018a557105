package pipeline_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/redoubt-dev/redoubt/pipeline"
	"github.com/redoubt-dev/redoubt/threat"
)

func TestListedControls(t *testing.T) {
	for text, want := range map[string]string{
		"# Controls\n\nSome prose before it.\n- Passwords are hashed with Argon2id. The salt is random\n* [x] TLS 1.3 is enabled everywhere\nand prose after.\n1. No secrets in the logs": "Passwords are hashed with Argon2id. The salt is random[behaviour: Passwords are hashed with Argon2id; behaviour: The salt is random] | " +
			"TLS 1.3 is enabled everywhere[configuration: TLS 1.3 is enabled everywhere] | No secrets in the logs[absence: No secrets in the logs]",
		"- Check uploads before keeping them\n  - a test sends a large file\n  - the middleware runs first\n- Title": "Check uploads before keeping them[test: a test sends a large file; structure: the middleware runs first]",
		"Lock accounts after failures.\n\nPin the versions of packages.":                                             "Lock accounts after failures.[behaviour: Lock accounts after failures] | Pin the versions of packages.[dependency: Pin the versions of packages]",
		"- Same thing twice. Same thing twice.":                                                                      "Same thing twice. Same thing twice.[behaviour: Same thing twice]",
		"# Only a title\n\nShort":                                                                                    "",
		"":                                                                                                           "",
	} {
		list, more := pipeline.ListedControls(text)
		var out []string
		for _, c := range list {
			var facets []string
			for _, f := range c.Facets {
				facets = append(facets, string(f.Kind)+": "+f.Text)
			}
			out = append(out, c.Description+"["+strings.Join(facets, "; ")+"]")
		}
		if got := strings.Join(out, " | "); got != want || more {
			t.Errorf("%q:\n%s\nnot\n%s", text, got, want)
		}
	}
	if list, more := pipeline.ListedControls(strings.Repeat("- one more control here\n", 101)); len(list) != 100 || !more {
		t.Errorf("%d, %v", len(list), more)
	}
}

func TestParseStated(t *testing.T) {
	s, _ := small(t)
	const facets = `"facets":[{"text":"f","kind":"test"}]`
	list, err := pipeline.ParseStated(s, []byte(`{"controls":[{"description":"Lock\u0007 it.",`+facets+`,"control_objectives":["CO-A1-T2"]}]}`))
	if err != nil || len(list) != 1 || list[0].Description != "Lock it." || fmt.Sprint(list[0].Objectives) != "[CO-A1-T2]" {
		t.Errorf("%+v, %v", list, err)
	}
	for raw, want := range map[string]string{
		`{"controls":[{"description":"x",` + facets + `,"control_objectives":["CO-A1-T9"]}]}`:                                                                         "CO-A1-T9",
		`{"controls":[{"description":"x","facets":[],"control_objectives":[]}]}`:                                                                                      "facets",
		`{"controls":[{"description":"x","facets":[{"text":"f","kind":"magic"}],"control_objectives":[]}]}`:                                                           "facets.0.kind",
		`{"controls":[{"description":"x","facets":[{"text":"f","kind":"test"},{"text":"F","kind":"test"}],"control_objectives":[]}]}`:                                 "the same",
		`{"controls":[{"description":"x",` + facets + `,"control_objectives":[],"status":"implemented"}]}`:                                                            "status",
		`{"controls":[` + strings.Repeat(`{"description":"x",`+facets+`,"control_objectives":[]},`, 40) + `{"description":"x","facets":[],"control_objectives":[]}]}`: "41 entries",
	} {
		if _, err := pipeline.ParseStated(s, []byte(raw)); threat.CodeOf(err) != threat.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", threat.Clip(raw, 100), err)
		}
	}
}

// Questions about controls fit the agent, whatever the model's texts hold.
func TestControlQuestionsFit(t *testing.T) {
	d := largest(t)
	long := fat(threat.MaxFeature, "")
	w := pipeline.Wording{Description: fat(threat.MaxText, ""), Facets: []pipeline.FacetProposal{{Text: fat(threat.MaxText, ""), Kind: threat.TestFacet}}}
	for _, q := range []pipeline.Question{
		pipeline.RewordQuestion(w, long, "Say it plainly.", pipeline.AgentLimit), pipeline.ExtractQuestion(&d.Structure, long, pipeline.AgentLimit),
		pipeline.MissingQuestion(&d.Structure, long, long, pipeline.AgentLimit),
	} {
		if q.Size() > pipeline.AgentLimit || strings.Contains(q.Text(), "{{") {
			t.Errorf("%s: %d bytes", q.Step, q.Size())
		}
	}
}
