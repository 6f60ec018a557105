package schema_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/redoubt-dev/redoubt/schema"
	"github.com/redoubt-dev/redoubt/threat"
)

type inner struct {
	Op   string      `json:"op" jsonschema:"what to do"`
	List []threat.ID `json:"list,omitempty"`
	Deep struct {
		X int `json:"x"`
	} `json:"deep"`
}

type embedded struct {
	ModelID string `json:"model_id" jsonschema:"id of the model"`
}

type colour string

func (colour) Enum() []string { return []string{"red", "blue"} }

type sample struct {
	embedded
	Colours []*colour         `json:"colours,omitempty"`
	Level   *threat.Level     `json:"level,omitempty"`
	Props   []threat.Property `json:"props,omitempty" jsonschema:"what must hold"`
	Count   int               `json:"count,omitempty"`
	Flag    bool              `json:"flag,omitempty"`
	Ops     []inner           `json:"ops,omitempty"`
	Map     map[string]int    `json:"map,omitempty"`
	Object  inner             `json:"object"`
	Raw     json.RawMessage   `json:"raw,omitempty"`
	Private int               `json:"-"`
}

func TestInput(t *testing.T) {
	s, err := schema.Input(reflect.TypeFor[sample]())
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	for _, want := range []string{
		`"level":{"type":"string","enum":["H","M","L"]}`,
		`"props":{"type":"array","items":{"type":"string","enum":["C","I","A","U"]},"description":"what must hold"}`,
		`"colours":{"type":"array","items":{"type":"string","enum":["red","blue"]}}`,
		`"required":["model_id","object"]`, `"additionalProperties":false`, `"id of the model"`, `"what to do"`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not in %s", want, text)
		}
	}
	for _, bad := range []string{"null", "rivate", "$ref"} {
		if strings.Contains(text, bad) {
			t.Errorf("%s is in %s", bad, text)
		}
	}
}

func TestOutputIsShallow(t *testing.T) {
	s, err := schema.Output(reflect.TypeFor[sample]())
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	for _, want := range []string{
		`"ops":{"type":"array","items":{"type":"object","properties":{"deep":{"type":"object"},"list":{"type":"array"},"op":{"type":"string"}}}}`,
		`"object":{"type":"object"}`, `"map":{"type":"object"}`, `"raw":{"type":"object"}`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not in %s", want, text)
		}
	}
	if strings.Contains(text, "what to do") || strings.Contains(text, `"additionalProperties":false`) {
		t.Errorf("too much in %s", text)
	}
}

// Each refusal names the field and what would be right.
func TestCheck(t *testing.T) {
	s, err := schema.Input(reflect.TypeFor[sample]())
	if err != nil {
		t.Fatal(err)
	}
	c := schema.NewChecker(s)
	const object = `"object":{"op":"x","deep":{"x":1}}`
	for args, want := range map[string]string{
		`{"model_id":"m",` + object + `}`:                                         "",
		`{` + object + `}`:                                                        "invalid: model_id: model_id is missing",
		`{"model_id":"m"}`:                                                        "invalid: object: object is missing",
		`{"model_id":7,` + object + `}`:                                           "invalid: model_id: it is a number, string is needed",
		`{"model_id":"m","level":"X",` + object + `}`:                             `invalid: level: "X" is not known (valid: H, M, L)`,
		`{"model_id":"m","props":["C","Q"],` + object + `}`:                       `invalid: props.1: "Q" is not known (valid: C, I, A, U)`,
		`{"model_id":"m","colour":1,` + object + `}`:                              `invalid: colour: there is no parameter "colour" (parameters: model_id, colours, level, props, count, flag, ops, map, object, raw)`,
		`{"model_id":"m","ops":[{"deep":{"x":1}}],` + object + `}`:                "invalid: ops.0.op: op is missing",
		`{"model_id":"m","ops":[{"op":"x","deep":{"x":1},"z":1}],` + object + `}`: `invalid: ops.0.z: there is no parameter "z" (parameters: op, `,
		`{"model_id":"m","count":1.5,` + object + `}`:                             "invalid: count: it is a number, integer is needed",
		`{"model_id":"m","flag":"yes",` + object + `}`:                            "invalid: flag: it is a string, boolean is needed",
		`{"model_id":null,` + object + `}`:                                        "invalid: model_id: it is null, string is needed",
		`{"model_id":"m","object":{"op":"x","deep":{"y":1}}}`:                     "invalid: object.deep",
	} {
		var v any
		if err := json.Unmarshal([]byte(args), &v); err != nil {
			t.Fatal(err)
		}
		err := c.Check(v)
		if got := errorText(err); want == "" && got != "" || want != "" && !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q, want %q", args, got, want)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestUnquote(t *testing.T) {
	s, err := schema.Input(reflect.TypeFor[sample]())
	if err != nil {
		t.Fatal(err)
	}
	c := schema.NewChecker(s)
	args := map[string]any{
		"model_id": `["stays"]`, "props": ` ["C"] `, "object": `{"op":"x","deep":{"x":1}}`, "ops": "[broken", "level": "H",
	}
	if !c.Unquote(args) {
		t.Error("nothing was unquoted")
	}
	if _, ok := args["props"].([]any); !ok {
		t.Errorf("props are %v", args["props"])
	}
	if _, ok := args["object"].(map[string]any); !ok {
		t.Errorf("object is %v", args["object"])
	}
	if args["model_id"] != `["stays"]` || args["ops"] != "[broken" {
		t.Errorf("%v", args)
	}
	if c.Unquote(args) {
		t.Error("a second time changes something")
	}
}

// A schema that does not compile lets nothing through.
func TestABrokenSchemaRefusesAll(t *testing.T) {
	c := schema.NewChecker(&jsonschema.Schema{Type: "object", Properties: map[string]*jsonschema.Schema{"a": {Pattern: "("}}})
	if c.Compile() == nil {
		t.Error("a schema with a broken pattern compiles")
	}
	if err := c.Check(map[string]any{"a": "x"}); threat.CodeOf(err) != threat.Internal {
		t.Errorf("got %v, want %s", err, threat.Internal)
	}
}
