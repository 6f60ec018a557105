package pipeline_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/redoubt-dev/redoubt/pipeline"
	"github.com/redoubt-dev/redoubt/threat"
)

const anAsset = `{"name":"Tokens","description":"d","properties":["C","I"],"impact":"H","notes":"","basis":["session tokens"]}`

func assets(list ...string) string { return `{"assets":[` + strings.Join(list, ",") + `]}` }

// Every wrong answer is refused with the place and with what would be right.
func TestParseRefuses(t *testing.T) {
	boundary := `{"trust_boundaries":[{"name":"Edge","description":"","assets":["A1"],"attackers":["T1"]}],"assumptions":[]}`
	control := `{"controls":[{"description":"Check it","facets":[{"text":"it checks","kind":"behaviour"}],"mitigates":[{"control_objective":"CO-A1-T1","group":1}],"notes":""}],"reuse":[]}`
	attacker := `{"attackers":[{"name":"Eve","capability":"send","position":"outside","archetype":"external","likelihood":"H","basis":[]}]}`
	for _, c := range []struct {
		step       pipeline.Step
		answer     string
		field, say string
	}{
		{pipeline.GenerateAssets, ``, "", "not one whole JSON object"},
		{pipeline.GenerateAssets, `I cannot help with that.`, "", "not one whole JSON object"},
		{pipeline.GenerateAssets, assets(anAsset)[:80], "", "not one whole JSON object"},
		{pipeline.GenerateAssets, assets(anAsset) + assets(anAsset), "", "not one whole JSON object"},
		{pipeline.GenerateAssets, `[` + anAsset + `]`, "", "not one whole JSON object"},
		{pipeline.GenerateAssets, `null`, "", "not one whole JSON object"},
		{pipeline.GenerateAssets, assets(anAsset) + strings.Repeat(" ", pipeline.MaxAnswer), "", "at most"},
		{pipeline.GenerateAssets, `{}`, "assets", "missing"},
		{pipeline.GenerateAssets, `{"assets":{}}`, "assets", "wrong type"},
		{pipeline.GenerateAssets, assets(), "assets", "1 to 40"},
		{pipeline.GenerateAssets, assets(strings.Split(strings.Repeat(anAsset+"|", 40)+anAsset, "|")...), "assets", "41 entries"},
		{pipeline.GenerateAssets, `{"assets":["Tokens"]}`, "assets.0", "an object"},
		{pipeline.GenerateAssets, assets(anAsset, anAsset, strings.Replace(anAsset, `"impact":"H"`, `"impact":"high"`, 1)), "assets.2.impact", "H, M or L"},
		{pipeline.GenerateAssets, assets(strings.Replace(anAsset, `"impact":"H",`, ``, 1)), "assets.0.impact", "missing"},
		{pipeline.GenerateAssets, assets(strings.Replace(anAsset, `["C","I"]`, `["C","X"]`, 1)), "assets.0.properties.1", "C, I, A or U"},
		{pipeline.GenerateAssets, assets(strings.Replace(anAsset, `["C","I"]`, `[]`, 1)), "assets.0.properties", "1 to"},
		{pipeline.GenerateAssets, assets(strings.Replace(anAsset, `"Tokens"`, `"  "`, 1)), "assets.0.name", "empty"},
		{pipeline.GenerateAssets, assets(strings.Replace(anAsset, `"Tokens"`, `7`, 1)), "assets.0.name", "wrong type"},
		{pipeline.GenerateAssets, assets(strings.Replace(anAsset, `Tokens`, strings.Repeat("x", 121), 1)), "assets.0.name", "at most 120"},
		{pipeline.GenerateAssets, assets(strings.Replace(anAsset, `"notes"`, `"id":"A9","notes"`, 1)), "assets.0.id", "no such member"},
		{pipeline.GenerateAssets, `{"assets":[` + anAsset + `],"controls":[]}`, "controls", "no such member"},
		{pipeline.GenerateAssets, attacker, "attackers", "no such member"},
		{pipeline.RefineAttackers, strings.Replace(attacker, `"external"`, `""`, 1), "attackers.0.archetype", "empty"},
		{pipeline.RefineAttackers, strings.Replace(attacker, `"send"`, `""`, 1), "attackers.0.capability", "empty"},
		{pipeline.Boundaries, strings.Replace(boundary, `"assumptions":[]`, `"assumption":[]`, 1), "assumption", "no such member"},
		{pipeline.Boundaries, strings.Replace(boundary, `["A1"]`, `[1]`, 1), "trust_boundaries.0.assets.0", "a text"},
		{pipeline.Boundaries, strings.Replace(boundary, `[]}`, `[{"text":"x","kind":"hope","control_objectives":[]}]}`, 1), "assumptions.0.kind", "external or non_applicability"},
		{pipeline.GenerateControls, strings.Replace(control, `"behaviour"`, `"magic"`, 1), "controls.0.facets.0.kind", "structure"},
		{pipeline.GenerateControls, strings.Replace(control, `"group":1`, `"group":1.5`, 1), "controls.0.mitigates.0.group", "0 to 20"},
		{pipeline.GenerateControls, strings.Replace(control, `"group":1`, `"group":"1"`, 1), "controls.0.mitigates.0.group", "wrong type"},
		{pipeline.GenerateControls, strings.Replace(control, `"group":1`, `"group":99999999999999999999`, 1), "controls.0.mitigates.0.group", "out of bounds"},
		{"dance", control, "", "unknown step"},
	} {
		_, err := pipeline.Parse(c.step, []byte(c.answer))
		var te *threat.Error
		if !errors.As(err, &te) || te.Code != threat.Invalid || !strings.Contains(te.Field, c.field) || (c.field == "") != (te.Field == "") || !strings.Contains(te.Error(), c.say) {
			t.Errorf("%s: %v, want %s: %s", threat.Clip(c.answer, 60), err, c.field, c.say)
		}
	}
	for step, answer := range map[pipeline.Step]string{pipeline.GenerateAssets: assets(anAsset), pipeline.GenerateAttackers: attacker, pipeline.Boundaries: boundary, pipeline.GenerateControls: control} {
		if _, err := pipeline.Parse(step, []byte(answer)); err != nil {
			t.Errorf("%s: %v", step, err)
		}
	}
}

// Many errors come together, but not without end.
func TestParseGathersErrors(t *testing.T) {
	bad := strings.NewReplacer(`"H"`, `"?"`, `"C"`, `"?"`, `"Tokens"`, `""`).Replace(anAsset)
	_, err := pipeline.Parse(pipeline.GenerateAssets, []byte(assets(bad, bad, bad, bad, bad, bad)))
	var te *threat.Error
	if !errors.As(err, &te) || len(te.Items) != 10 {
		t.Fatalf("%v", err)
	}
	if te.Items[1].Field != "assets.0.properties.0" || te.Items[4].Field != "assets.1.properties.0" {
		t.Errorf("%+v", te.Items)
	}
}

// Texts come out clean: no control or direction-changing characters, one line where one is meant.
func TestParseCleans(t *testing.T) {
	raw := strings.Replace(assets(anAsset), "Tokens", `Session\n\u202etokens\u0000\u0007`, 1)
	out, err := pipeline.Parse(pipeline.GenerateAssets, []byte(raw))
	if err != nil || out.Assets[0].Name != "Session tokens" {
		t.Errorf("%q, %v", out.Assets, err)
	}
}

// Whatever proposals are rendered as an answer, reading that answer gives them back.
func TestParseRoundTrip(t *testing.T) {
	word := rapid.StringMatching(`[A-Za-z"\\<{é🔒][A-Za-z0-9 "'\\<>{}&éß🔒]{0,20}[a-z🔒]`)
	line := rapid.Map(word, func(s string) string { return strings.Join(strings.Fields(s), " ") })
	id := rapid.SampledFrom([]threat.ID{"A1", "T2", "CO-A1-T2"})
	rapid.Check(t, func(t *rapid.T) {
		var out pipeline.Output
		step := rapid.SampledFrom(pipeline.Steps()).Draw(t, "step")
		n := rapid.IntRange(1, 4).Draw(t, "n")
		for range n {
			switch step {
			case pipeline.GenerateAssets, pipeline.RefineAssets:
				out.Assets = append(out.Assets, pipeline.AssetProposal{
					Name: line.Draw(t, "name"), Description: line.Draw(t, "description"), Notes: line.Draw(t, "notes"),
					Properties: rapid.SliceOfN(rapid.SampledFrom(threat.Properties()), 1, 4).Draw(t, "properties"),
					Impact:     rapid.SampledFrom(threat.Levels()).Draw(t, "impact"), Basis: rapid.SliceOfN(line, 1, 3).Draw(t, "basis"),
				})
			case pipeline.GenerateAttackers, pipeline.RefineAttackers:
				out.Attackers = append(out.Attackers, pipeline.AttackerProposal{
					Name: line.Draw(t, "name"), Capability: line.Draw(t, "capability"), Position: line.Draw(t, "position"),
					Archetype:  line.Draw(t, "archetype"),
					Likelihood: rapid.SampledFrom(threat.Levels()).Draw(t, "likelihood"), Basis: rapid.SliceOfN(line, 1, 3).Draw(t, "basis"),
				})
			case pipeline.Boundaries:
				out.Boundaries = append(out.Boundaries, pipeline.BoundaryProposal{
					Name: line.Draw(t, "name"), Description: line.Draw(t, "description"),
					Assets: rapid.SliceOfN(id, 1, 3).Draw(t, "assets"), Attackers: rapid.SliceOfN(id, 1, 3).Draw(t, "attackers"),
				})
				out.Assumptions = append(out.Assumptions, pipeline.AssumptionProposal{
					Text: line.Draw(t, "text"), Kind: rapid.SampledFrom(threat.AssumptionKinds()).Draw(t, "kind"), Objectives: rapid.SliceOfN(id, 1, 3).Draw(t, "objectives"),
				})
			case pipeline.GenerateControls:
				mitigates := []pipeline.Mitigation{{Objective: id.Draw(t, "objective"), Group: rapid.IntRange(0, threat.MaxGroups).Draw(t, "group")}}
				out.Controls = append(out.Controls, pipeline.ControlProposal{
					Description: line.Draw(t, "description"), Notes: line.Draw(t, "notes"), Mitigates: mitigates,
					Facets: []pipeline.FacetProposal{{Text: line.Draw(t, "facet"), Kind: rapid.SampledFrom(threat.FacetKinds()).Draw(t, "kind")}},
				})
				out.Reuse = append(out.Reuse, pipeline.Reuse{Control: "K1", Mitigates: mitigates})
			}
		}
		raw, err := json.Marshal(pipeline.Answer(step, out))
		if err != nil {
			t.Fatal(err)
		}
		back, err := pipeline.Parse(step, raw)
		if err != nil {
			t.Fatalf("%v in %s", err, raw)
		}
		if d := cmp.Diff(out, back); d != "" {
			t.Fatal(d)
		}
	})
}

// Whatever comes, reading it ends with an answer or an error of ours.
func FuzzParse(f *testing.F) {
	f.Add("generate_assets", assets(anAsset))
	f.Add("boundaries_and_assumptions", `{"trust_boundaries":[],"assumptions":[]}`)
	f.Add("generate_controls", `{"controls":[{"facets":null}],"reuse":[{"control":"K0"}]}`)
	f.Fuzz(func(t *testing.T, step, raw string) {
		_, err := pipeline.Parse(pipeline.Step(step), []byte(raw))
		var te *threat.Error
		if err != nil && (!errors.As(err, &te) || te.Code != threat.Invalid || len(te.Error()) > 2000) {
			t.Errorf("%v", err)
		}
	})
}
