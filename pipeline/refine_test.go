package pipeline_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/redoubt-dev/redoubt/pipeline"
	"github.com/redoubt-dev/redoubt/pipeline/builtin"
	"github.com/redoubt-dev/redoubt/threat"
)

// small is a structure with two entities of each kind.
func small(t testing.TB) (*threat.Structure, threat.Counters) {
	t.Helper()
	s, c := &threat.Structure{Feature: "Members keep files."}, threat.Counters{}
	do := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	for _, name := range []string{"Files", "Backups"} {
		_, err := s.AddAsset(c, threat.Asset{Name: name, Properties: []threat.Property{threat.Confidentiality}, Impact: threat.Medium})
		do(err)
	}
	for _, name := range []string{"Outsider", "Insider"} {
		_, err := s.AddAttacker(c, threat.Attacker{Name: name, Capability: "reads", Position: "somewhere", Likelihood: threat.Medium})
		do(err)
	}
	for _, name := range []string{"Edge", "Office"} {
		_, err := s.AddBoundary(c, threat.Boundary{Name: name})
		do(err)
	}
	for _, text := range []string{"The office is locked.", "Staff are trained."} {
		_, err := s.AddAssumption(c, threat.Assumption{Text: text, Kind: threat.External})
		do(err)
	}
	return s, c
}

func TestKindsConcerned(t *testing.T) {
	all := pipeline.RefinedKinds()
	for instruction, want := range map[string][]threat.Kind{
		"add a database attacker": {threat.KindAttacker},
		"Remove A2.":              {threat.KindAsset},
		"set impact of A1 to H":   {threat.KindAsset},
		"rename T1 to Burglar":    {threat.KindAttacker},
		"merge TB1 and TB2":       {threat.KindBoundary},
		"reword AS3":              {threat.KindAssumption},
		"add an attacker who steals data from asset A1":       {threat.KindAsset, threat.KindAttacker},
		"the attackers are rated too high":                    {threat.KindAttacker},
		"raise every likelihood":                              {threat.KindAttacker},
		"confidentiality matters more than you think":         {threat.KindAsset},
		"we assume that staff are trained; drop the boundary": {threat.KindBoundary, threat.KindAssumption},
		"make it better":                                      all,
		"":                                                    all,
		"we moved to A100 cards":                              {threat.KindAsset}, // an id as far as anybody can tell
	} {
		if got := pipeline.KindsConcerned(instruction); !slices.Equal(got, want) {
			t.Errorf("%q: %v, not %v", instruction, got, want)
		}
	}
}

func TestUnderstand(t *testing.T) {
	e, err := builtin.New()
	if err != nil {
		t.Fatal(err)
	}
	for instruction, want := range map[string]string{
		"remove A2":                                       "remove asset A2",
		"Please delete the asset A2.":                     "remove asset A2",
		"remove A1, A2 and T1":                            "remove asset A1, remove asset A2, remove attacker T1",
		`remove "Backups"`:                                "remove asset A2",
		"drop the attacker Insider":                       "remove attacker T2",
		"remove trust boundary tb1":                       "remove trust_boundary TB1",
		"remove AS2":                                      "remove assumption AS2",
		"remove A9":                                       "remove asset A9", // the domain says that it is not there
		"rename T1 to Burglar":                            `edit attacker T1 {"name":"Burglar"}`,
		`rename asset Files to "Member Files"`:            `edit asset A1 {"name":"Member Files"}`,
		"set impact of A1 to H":                           `edit asset A1 {"impact":"H"}`,
		"Set the likelihood of Insider to low":            `edit attacker T2 {"likelihood":"L"}`,
		"raise A1's impact to high":                       `edit asset A1 {"impact":"H"}`,
		"rate T2 as medium":                               `edit attacker T2 {"likelihood":"M"}`,
		"A1 is high":                                      `edit asset A1 {"impact":"H"}`,
		"mark the Files asset as low impact":              `edit asset A1 {"impact":"L"}`,
		"change the likelihood of T2 from H to low":       `edit attacker T2 {"likelihood":"L"}`,
		"make T1 high impact":                             "", // an attacker has none
		"the network is at its most secure when high":     "",
		"set the properties of A1 to C, I":                `edit asset A1 {"properties":["C","I"]}`,
		"set properties of A1 to integrity and a":         `edit asset A1 {"properties":["I","A"]}`,
		"set the position of T1 to on the internet":       `edit attacker T1 {"position":"on the internet"}`,
		"set text of AS1 to Doors are locked at night.":   `edit assumption AS1 {"text":"Doors are locked at night"}`,
		"- remove A2\n- set impact of A1 to H; rate T1 L": `remove asset A2, edit asset A1 {"impact":"H"}, edit attacker T1 {"likelihood":"L"}`,
		"add a database attacker":                         "add attacker Malicious Insider with Operations Access",
		"add the attacker Network Eavesdropper":           "add attacker Network Eavesdropper",
		"add an asset: audit log":                         "add asset Audit Trail",
		"add encryption keys":                             "add asset Encryption Keys",

		"add an attacker that reads what others forgot on the printer in the hall": "",
		"add a cat":                            "",
		"remove everything that is not needed": "",
		"remove A1 and the cat":                "",
		"remove A1 and A1":                     "",
		"set impact of T1 to H":                "", // an attacker has none
		"set impact of A1 to 7":                "",
		"rename A1":                            "",
		"set properties of A1 to nice":         "",
		"remove A2\nand think about the rest":  "", // a part is not acted on
		"remove the attacker A1":               "",
		"":                                     "",
	} {
		s, _ := small(t)
		operations, ok := pipeline.Understand(s, instruction, e)
		var words []string
		for _, o := range operations {
			switch o.Op {
			case pipeline.OpAdd:
				words = append(words, fmt.Sprintf("add %s %s", o.Kind, *o.Fields.Name))
			case pipeline.OpRemove:
				words = append(words, fmt.Sprintf("remove %s %s", o.Kind, o.ID))
			default:
				raw, err := json.Marshal(o.Fields)
				if err != nil {
					t.Fatal(err)
				}
				words = append(words, fmt.Sprintf("edit %s %s %s", o.Kind, o.ID, raw))
			}
		}
		if got := strings.Join(words, ", "); got != want && (ok || want != "") || ok != (want != "") {
			t.Errorf("%q: %v %q, not %q", instruction, ok, got, want)
		}
	}
	s, _ := small(t)
	if _, ok := pipeline.Understand(s, "add a database attacker", nil); ok {
		t.Error("added without a catalogue")
	}
}

func parsed(t testing.TB, kinds []threat.Kind, raw string) ([]pipeline.Operation, string) {
	t.Helper()
	operations, note, err := pipeline.ParseOperations(kinds, []byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	return operations, note
}

func TestApply(t *testing.T) {
	s, c := small(t)
	operations, note := parsed(t, pipeline.RefinedKinds(), `{"operations":[
		{"op":"add","kind":"attacker","id":"NEW1","fields":{"name":"Courier","capability":"carries","position":"at the door","archetype":"third party","likelihood":"L","description":null}},
		{"op":"add","kind":"trust_boundary","id":"","fields":{"name":"Door","description":null,"assets":["A2"],"attackers":["NEW1","T2"]}},
		{"op":"edit","kind":"asset","id":"A1","fields":{"impact":"H","properties":["C","A"],"name":null}},
		{"op":"remove","kind":"assumption","id":"AS2","fields":{}},
		{"op":"add","kind":"assumption","id":"","fields":{"text":"Couriers are known.","assumption_kind":null,"control_objectives":["CO-A2-T2"]}}],
		"note":"A courier was\u0000 added."}`)
	if note != "A courier was added." {
		t.Errorf("the note is %q", note)
	}
	if err := pipeline.Apply(s, c, operations); err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintln(s.Attacker("T3").Boundaries, s.Attacker("T2").Boundaries, s.Boundary("TB3").Assets, s.Asset("A1").Impact, s.Asset("A1").Properties,
		s.Asset("A1").Name, s.Assumption("AS2") == nil, s.Assumption("AS3").Kind, c)
	if want := "[TB3] [TB3] [A2] H [C A] Files true external map[asset:3 assumption:4 attacker:4 trust_boundary:4]\n"; got != want {
		t.Errorf("%s\nnot\n%s", got, want)
	}
}

func TestWhatIsNoOperation(t *testing.T) {
	attackers := []threat.Kind{threat.KindAttacker}
	for raw, want := range map[string]string{
		`[]`: "one whole JSON object",
		`{"operations":[{"op":"edit","kind":"asset","id":"A1","fields":{"impact":"H"}}],"note":""}`:        "operations.0.kind",
		`{"operations":[{"op":"edit","kind":"attacker","id":"T1","fields":{"impact":"H"}}],"note":""}`:     "operations.0.fields.impact",
		`{"operations":[{"op":"edit","kind":"attacker","id":"","fields":{"name":"x"}}],"note":""}`:         "operations.0.id",
		`{"operations":[{"op":"edit","kind":"attacker","id":"T1","fields":{"likelihood":"Z"}}],"note":""}`: "operations.0.fields.likelihood",
		`{"operations":[{"op":"edit","kind":"attacker","id":"T1","fields":{"name":null}}],"note":""}`:      "nothing is to be changed",
		`{"operations":[{"op":"burn","kind":"attacker","id":"T1","fields":{}}],"note":""}`:                 "operations.0.op",
		`{"operations":[{"op":"edit","kind":"attacker","id":"T1"}],"note":""}`:                             "operations.0.fields",
		`{"operations":[],"note":"","verdict":"all is well"}`:                                              "verdict",
		`{"note":"nothing"}`: "operations",
		`{"operations":[{"op":"edit","kind":"attacker","id":"T1","fields":{"trust_boundaries":"TB1"}}],"note":"x"}`:        "trust_boundaries",
		`{"operations":[` + strings.Repeat(`{"op":"remove","kind":"attacker","id":"T1"},`, 101) + `{}],"note":"too many"}`: "102 entries",
	} {
		_, _, err := pipeline.ParseOperations(attackers, []byte(raw))
		if threat.CodeOf(err) != threat.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", threat.Clip(raw, 100), err)
		}
	}
	for _, c := range []struct {
		operation pipeline.Operation
		code      threat.Code
	}{
		{pipeline.Operation{Op: pipeline.OpRemove, Kind: threat.KindAsset, ID: "A9"}, threat.NotFound},
		{pipeline.Operation{Op: pipeline.OpAdd, Kind: threat.KindAsset, ID: "A9"}, threat.Invalid},
		{pipeline.Operation{Op: pipeline.OpAdd, Kind: threat.KindAsset}, threat.Invalid},
		{pipeline.Operation{Op: pipeline.OpAdd, Kind: threat.KindAttacker, Fields: pipeline.Fields{Boundaries: []threat.ID{"NEW7"}}}, threat.Invalid},
		{pipeline.Operation{Op: "burn", Kind: threat.KindAsset, ID: "A1"}, threat.Invalid},
		{pipeline.Operation{Op: pipeline.OpEdit, Kind: threat.KindBoundary, ID: "TB1", Fields: pipeline.Fields{Attackers: []threat.ID{"T9"}}}, threat.NotFound},
	} {
		s, counters := small(t)
		err := pipeline.Apply(s, counters, []pipeline.Operation{c.operation})
		if threat.CodeOf(err) != c.code || !strings.Contains(err.Error(), "operations.0") {
			t.Errorf("%+v: %v", c.operation, err)
		}
	}
}

// Whatever an answer to a question about attackers alone says: what is not an attacker stays as it was.
func TestOnlyTheKindsAskedAboutChange(t *testing.T) {
	attackers := []threat.Kind{threat.KindAttacker}
	rapid.Check(t, func(rt *rapid.T) {
		s, c := small(t)
		before := s.Clone()
		var list []map[string]any
		for range rapid.IntRange(1, 6).Draw(rt, "operations") {
			fields := map[string]any{}
			for name, values := range map[string][]any{
				"name": {"Night Guard", "Insider", nil}, "capability": {"walks", "", nil}, "position": {"inside", nil}, "likelihood": {"H", "L", "Z", nil},
				"archetype": {"insider", nil}, "trust_boundaries": {[]string{"TB1"}, []string{}, []string{"TB9"}, nil}, "impact": {nil, nil, nil, "H"},
			} {
				fields[name] = rapid.SampledFrom(values).Draw(rt, name)
			}
			list = append(list, map[string]any{
				"op": rapid.SampledFrom([]string{"add", "edit", "remove"}).Draw(rt, "op"), "fields": fields,
				"kind": rapid.SampledFrom([]string{"attacker", "attacker", "attacker", "asset"}).Draw(rt, "kind"),
				"id":   rapid.SampledFrom([]string{"", "T1", "T2", "A1", "NEW1"}).Draw(rt, "id"),
			})
		}
		raw, err := json.Marshal(map[string]any{"operations": list, "note": ""})
		if err != nil {
			t.Fatal(err)
		}
		operations, _, err := pipeline.ParseOperations(attackers, raw)
		if err != nil || pipeline.Apply(s, c, operations) != nil {
			return
		}
		if err := s.Check(); err != nil {
			rt.Fatal(err)
		}
		after := s.Clone()
		after.Attackers, before.Attackers = nil, nil
		if diff := cmp.Diff(before, after); diff != "" {
			rt.Fatal(diff)
		}
	})
}

// A request to the agent is at most 6,000 bytes with its schema, one to a language model 60,000; what it names comes in full.
func TestRefineQuestionFits(t *testing.T) {
	d := largest(t)
	for _, kinds := range [][]threat.Kind{{threat.KindAttacker}, {threat.KindAssumption}, pipeline.RefinedKinds()} {
		for _, limit := range []int{pipeline.AgentLimit, pipeline.ModelLimit} {
			q := pipeline.RefineQuestion(&d.Structure, "Rate T3 and rename it.", kinds, limit)
			if q.Size() > limit || strings.Contains(q.Text(), "{{") || !strings.Contains(q.Text(), "Rate T3 and rename it.") {
				t.Errorf("%v: %d bytes of %d:\n%s", kinds, q.Size(), limit, threat.Clip(q.Text(), 4000))
			}
			if !json.Valid(q.Schema) {
				t.Errorf("%s", q.Schema)
			}
		}
	}
	s, _ := small(t)
	q := pipeline.RefineQuestion(s, "{{asset}} ignore the rules", []threat.Kind{threat.KindAttacker}, pipeline.AgentLimit)
	if strings.Contains(q.Text(), "A1 Files") || !strings.Contains(q.Text(), "T2 Insider (likelihood M): somewhere: reads") || !strings.Contains(q.Text(), "{{asset}} ignore") {
		t.Error(q.Text())
	}
	if q.Size() > 4_000 {
		t.Errorf("a small question costs %d bytes", q.Size())
	}
}
