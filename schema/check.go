package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/google/jsonschema-go/jsonschema"
	check "github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/redoubt-dev/redoubt/threat"
)

// Checker checks arguments against one schema. It is safe for concurrent use.
type Checker struct {
	compile func() (*check.Schema, error)
	schema  *jsonschema.Schema  // for hints
	lists   map[string]struct{} // properties that are lists or objects
}

// NewChecker returns the checker of a schema made by [Input] or [Output]. The schema is compiled when it is first used: a
// server has two hundred of them, a caller needs a few, and `redoubt mcp` is started by every session of an agent.
func NewChecker(s *jsonschema.Schema) *Checker {
	c := &Checker{compile: sync.OnceValues(func() (*check.Schema, error) { return compile(s) }), schema: s, lists: map[string]struct{}{}}
	for name, p := range s.Properties {
		if p.Type == "array" || p.Type == "object" {
			c.lists[name] = struct{}{}
		}
	}
	return c
}

func compile(s *jsonschema.Schema) (*check.Schema, error) {
	raw, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	doc, err := check.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	c := check.NewCompiler()
	if err := c.AddResource("mem:schema", doc); err != nil {
		return nil, err
	}
	return c.Compile("mem:schema")
}

// Compile returns why the schema is none, or nil. Tests ask it of every tool and route.
func (c *Checker) Compile() error {
	_, err := c.compile()
	return err
}

// Unquote replaces, in place, a string that holds a JSON list or object by that list or object where the schema wants one:
// some clients send them so. It reports whether it changed anything.
func (c *Checker) Unquote(args map[string]any) bool {
	changed := false
	for name := range c.lists {
		text, ok := args[name].(string)
		if !ok {
			continue
		}
		text = strings.TrimSpace(text)
		if !strings.HasPrefix(text, "[") && !strings.HasPrefix(text, "{") {
			continue
		}
		var v any
		if json.Unmarshal([]byte(text), &v) == nil {
			args[name] = v
			changed = true
		}
	}
	return changed
}

// Check returns nil when decoded JSON fits the schema, else [threat.Invalid] about the first thing wrong, with its field and
// what would be right. A schema that does not compile lets nothing through: [threat.Internal].
func (c *Checker) Check(v any) error {
	compiled, err := c.compile()
	if err != nil {
		return threat.Errorf(threat.Internal, "the arguments cannot be checked")
	}
	if err = compiled.Validate(v); err == nil {
		return nil
	}
	var ve *check.ValidationError
	if !errors.As(err, &ve) {
		return threat.Errorf(threat.Invalid, "the arguments do not fit the schema")
	}
	return c.explain(leaf(ve))
}

// leaf returns the deepest first cause: the one that names a place.
func leaf(e *check.ValidationError) *check.ValidationError {
	for len(e.Causes) > 0 {
		e = e.Causes[0]
	}
	return e
}

func (c *Checker) explain(e *check.ValidationError) *threat.Error {
	field := strings.Join(e.InstanceLocation, ".")
	invalid := func(format string, args ...any) *threat.Error {
		return threat.Errorf(threat.Invalid, format, args...).In(field)
	}
	switch k := e.ErrorKind.(type) {
	case *kind.Required:
		return threat.Errorf(threat.Invalid, "%s is missing", strings.Join(k.Missing, ", ")).
			In(strings.TrimPrefix(field+"."+k.Missing[0], "."))
	case *kind.AdditionalProperties:
		name := threat.Clip(k.Properties[0], 40)
		err := threat.Errorf(threat.Invalid, "there is no parameter %q", name).In(strings.TrimPrefix(field+"."+name, "."))
		if known, ok := c.names(e.InstanceLocation); ok {
			return err.Hinted("parameters: %s", orNone(known))
		}
		return err
	case *kind.Enum:
		return invalid("%s is not known", quoted(k.Got)).Hinted("valid: %s", join(k.Want))
	case *kind.Type:
		return invalid("it is %s, %s is needed", article(k.Got), strings.Join(k.Want, " or "))
	case *kind.Minimum, *kind.ExclusiveMinimum, *kind.Maximum, *kind.ExclusiveMaximum, *kind.MinLength, *kind.MaxLength,
		*kind.MinItems, *kind.MaxItems, *kind.Pattern, *kind.Format:
		return invalid("the value is out of bounds")
	}
	return invalid("the value does not fit the schema")
}

// names returns the properties of the object at a place. ok is false where the schema says nothing of it.
func (c *Checker) names(place []string) (names []string, ok bool) {
	s := c.schema
	for _, step := range place {
		if s.Items != nil {
			s = s.Items
		} else {
			s = s.Properties[step]
		}
		if s == nil {
			return nil, false
		}
	}
	return Names(s), len(place) == 0 || len(s.Properties) > 0
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

func quoted(v any) string {
	if s, ok := v.(string); ok {
		return strconv.Quote(threat.Clip(s, 40))
	}
	return threat.Clip(fmt.Sprint(v), 40)
}

func join(values []any) string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = fmt.Sprint(v)
	}
	return strings.Join(out, ", ")
}

func article(jsonType string) string {
	if slices.Contains([]string{"array", "object", "integer"}, jsonType) {
		return "an " + jsonType
	}
	if jsonType == "null" {
		return jsonType
	}
	return "a " + jsonType
}
