// Package schema makes the JSON Schemas of tools and routes from the Go types of service inputs and outputs, so that none is
// written twice, and checks arguments against them with messages a caller can act on.
package schema

import (
	"encoding/json"
	"reflect"
	"slices"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/threat"
)

// enums are the closed sets of the domain, as schemas of their Go types.
func enums() map[reflect.Type]*jsonschema.Schema {
	m := map[reflect.Type]*jsonschema.Schema{
		// Field values of a diff: any JSON.
		reflect.TypeFor[json.RawMessage](): {},
	}
	enum(m, threat.Levels())
	enum(m, threat.Properties())
	enum(m, threat.Tiers())
	enum(m, threat.AssumptionKinds())
	enum(m, threat.AssumptionStates())
	enum(m, threat.FacetKinds())
	enum(m, threat.Sources())
	enum(m, threat.ControlStatuses())
	enum(m, account.Scopes())
	return m
}

func enum[T ~string](m map[reflect.Type]*jsonschema.Schema, values []T) {
	s := &jsonschema.Schema{Type: "string"}
	for _, v := range values {
		s.Enum = append(s.Enum, string(v))
	}
	m[reflect.TypeFor[T]()] = s
}

// Enum is what a string type outside the domain implements to have its closed set in schemas.
type Enum interface{ Enum() []string }

// ownEnums adds the types within t that implement [Enum].
func ownEnums(t reflect.Type, m map[reflect.Type]*jsonschema.Schema) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		ownEnums(t.Elem(), m)
	case reflect.Struct:
		for i := range t.NumField() {
			ownEnums(t.Field(i).Type, m)
		}
	case reflect.String:
		if e, ok := reflect.Zero(t).Interface().(Enum); ok {
			s := &jsonschema.Schema{Type: "string"}
			for _, v := range e.Enum() {
				s.Enum = append(s.Enum, v)
			}
			m[t] = s
		}
	}
}

// Input returns the schema of a call's arguments: strict (nothing beside the declared properties), with enums, without
// "null" alternatives, which some clients reject. A property is optional when its field is marked omitempty or omitzero.
func Input(t reflect.Type) (*jsonschema.Schema, error) {
	known := enums()
	ownEnums(t, known)
	s, err := jsonschema.ForType(t, &jsonschema.ForOptions{TypeSchemas: known})
	if err != nil {
		return nil, err
	}
	walk(s, func(s *jsonschema.Schema) { dropNull(s) })
	if s.Properties == nil {
		s.Properties = map[string]*jsonschema.Schema{}
	}
	return s, nil
}

// Output returns the schema of a call's answer: every top-level property, and those of list items one level deep
// (specification §13). What is deeper is an open object or list. Descriptions stay on the top level only: the answer
// explains itself, and every client pays for them in its context.
func Output(t reflect.Type) (*jsonschema.Schema, error) {
	s, err := Input(t)
	if err != nil {
		return nil, err
	}
	for _, p := range s.Properties {
		switch {
		case p.Items != nil && p.Items.Properties != nil:
			for name, field := range p.Items.Properties {
				p.Items.Properties[name] = shallow(field)
			}
			p.Items.Required = nil // rows carry the fields they have
			p.Items.PropertyOrder = nil
			p.Items.AdditionalProperties = nil
			p.Items.Type = "object"
		case p.Properties != nil:
			*p = jsonschema.Schema{Type: "object", Description: p.Description}
		case p.AdditionalProperties != nil, p.Type == "" && p.Types == nil: // a map, or JSON made elsewhere
			*p = jsonschema.Schema{Type: "object", Description: p.Description}
		}
	}
	s.AdditionalProperties = nil // an answer may grow without breaking a client that kept the old schema
	return s, nil
}

// shallow keeps only the JSON type of a schema. JSON made elsewhere is an object, as at the top: a schema that is a bare true is refused by
// some clients.
func shallow(s *jsonschema.Schema) *jsonschema.Schema {
	if s.Type == "" && s.Types == nil {
		return &jsonschema.Schema{Type: "object"}
	}
	return &jsonschema.Schema{Type: s.Type}
}

// Names returns the property names of an object schema in their declared order.
func Names(s *jsonschema.Schema) []string { return slices.Clone(s.PropertyOrder) }

// dropNull turns ["null", x] into x.
func dropNull(s *jsonschema.Schema) {
	if len(s.Types) == 2 && s.Types[0] == "null" {
		s.Type, s.Types = s.Types[1], nil
	}
}

func walk(s *jsonschema.Schema, fn func(*jsonschema.Schema)) {
	if s == nil {
		return
	}
	fn(s)
	for _, p := range s.Properties {
		walk(p, fn)
	}
	walk(s.Items, fn)
	if s.AdditionalProperties != nil && s.AdditionalProperties.Not == nil {
		walk(s.AdditionalProperties, fn)
	}
}
