package pipeline

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/redoubt-dev/redoubt/threat"
)

// Op is what one operation of a refinement does.
type Op string

// The operations.
const (
	OpAdd    Op = "add"
	OpEdit   Op = "edit"
	OpRemove Op = "remove"
)

// Operation is one change to one entity of a model. Fields that are nil stay as they are.
type Operation struct {
	Op     Op          `json:"op"`
	Kind   threat.Kind `json:"kind"`
	ID     threat.ID   `json:"id,omitempty"` // of the entity; for one that is added empty, or NEW1, NEW2 … for later operations to name
	Fields Fields      `json:"fields"`
}

// Fields are those of an entity of any kind. An operation has those of its own kind.
type Fields struct {
	Name        *string                `json:"name,omitempty"`
	Description *string                `json:"description,omitempty"`
	Properties  []threat.Property      `json:"properties,omitempty"`
	Impact      *threat.Level          `json:"impact,omitempty"`
	Notes       *string                `json:"notes,omitempty"`
	Capability  *string                `json:"capability,omitempty"`
	Position    *string                `json:"position,omitempty"`
	Archetype   *string                `json:"archetype,omitempty"`
	Likelihood  *threat.Level          `json:"likelihood,omitempty"`
	Boundaries  []threat.ID            `json:"trust_boundaries,omitempty"`
	Assets      []threat.ID            `json:"assets,omitempty"`
	Attackers   []threat.ID            `json:"attackers,omitempty"`
	Text        *string                `json:"text,omitempty"`
	Assumes     *threat.AssumptionKind `json:"assumption_kind,omitempty"`
	Objectives  []threat.ID            `json:"control_objectives,omitempty"`
}

// MaxOperations bounds one refinement.
const MaxOperations = 100

// RefinedKinds are the kinds of entities that a refinement can change, in the order in which they are named.
func RefinedKinds() []threat.Kind {
	return []threat.Kind{threat.KindAsset, threat.KindAttacker, threat.KindBoundary, threat.KindAssumption}
}

// Apply runs operations on a structure in their order, by the rules that hold for a user's edits; ids come from c. Which attackers stand
// at a boundary is part of the boundary, as in edit_trust_boundaries. After an error s and c are of no use. Errors: [threat.Invalid],
// [threat.NotFound], [threat.Conflict], [threat.FailedPrecondition], each with the operation's place.
func Apply(s *threat.Structure, c threat.Counters, operations []Operation) error {
	made := map[threat.ID]threat.ID{}
	for i, o := range operations {
		if err := o.named(made).apply(s, c, made); err != nil {
			var te *threat.Error
			if errors.As(err, &te) {
				return te.In(fmt.Sprintf("operations.%d", i))
			}
			return err
		}
	}
	return nil
}

// placeholder reports whether an id stands for an entity that the same answer adds.
func placeholder(id threat.ID) bool { return strings.HasPrefix(string(id), "NEW") }

// named is o with the ids that earlier operations gave in the place of their placeholders.
func (o Operation) named(made map[threat.ID]threat.ID) Operation {
	swap := func(list []threat.ID) []threat.ID {
		if list == nil {
			return nil
		}
		out := slices.Clone(list)
		for i, id := range out {
			if real, ok := made[id]; ok {
				out[i] = real
			}
		}
		return out
	}
	f := &o.Fields
	f.Boundaries, f.Assets, f.Attackers = swap(f.Boundaries), swap(f.Assets), swap(f.Attackers)
	return o
}

func (o Operation) apply(s *threat.Structure, c threat.Counters, made map[threat.ID]threat.ID) error {
	if o.Op == OpAdd {
		if o.ID != "" && (!placeholder(o.ID) || made[o.ID] != "") {
			return threat.Errorf(threat.Invalid, "a new entity gets its id here").In("id").Hinted("leave id empty; NEW1, NEW2 … each once, for later operations to name it")
		}
		id, err := o.add(s, c)
		if err == nil && o.ID != "" {
			made[o.ID] = id
		}
		return fieldsOf(err)
	}
	f := o.Fields
	var err error
	switch o.Op {
	case OpEdit:
		switch o.Kind {
		case threat.KindAsset:
			_, err = s.EditAsset(o.ID, threat.AssetEdit{Name: f.Name, Description: f.Description, Properties: f.Properties, Impact: f.Impact, Notes: f.Notes})
		case threat.KindAttacker:
			_, err = s.EditAttacker(o.ID, threat.AttackerEdit{
				Name: f.Name, Capability: f.Capability, Position: f.Position, Archetype: f.Archetype, Likelihood: f.Likelihood, Boundaries: f.Boundaries,
			})
		case threat.KindBoundary:
			if _, err = s.EditBoundary(o.ID, threat.BoundaryEdit{Name: f.Name, Description: f.Description, Assets: f.Assets}); err == nil && f.Attackers != nil {
				err = s.StandAt(o.ID, f.Attackers)
			}
		case threat.KindAssumption:
			_, err = s.EditAssumption(o.ID, threat.AssumptionEdit{Text: f.Text, Kind: f.Assumes, Objectives: f.Objectives})
		}
		if threat.CodeOf(err) == threat.NotFound {
			return err
		}
		return fieldsOf(err)
	case OpRemove:
		switch o.Kind {
		case threat.KindAsset:
			return s.RemoveAsset(o.ID)
		case threat.KindAttacker:
			return s.RemoveAttacker(o.ID)
		case threat.KindBoundary:
			return s.RemoveBoundary(o.ID)
		case threat.KindAssumption:
			return s.RemoveAssumption(o.ID)
		}
	}
	return threat.Errorf(threat.Invalid, "op %q of kind %q", threat.Clip(string(o.Op), 20), threat.Clip(string(o.Kind), 20)).In("op").Hinted("add, edit or remove")
}

func (o Operation) add(s *threat.Structure, c threat.Counters) (threat.ID, error) {
	f := o.Fields
	switch o.Kind {
	case threat.KindAsset:
		a, err := s.AddAsset(c, threat.Asset{Name: val(f.Name), Description: val(f.Description), Properties: f.Properties, Impact: val(f.Impact), Notes: val(f.Notes)})
		return a.ID, err
	case threat.KindAttacker:
		t, err := s.AddAttacker(c, threat.Attacker{
			Name: val(f.Name), Capability: val(f.Capability), Position: val(f.Position), Archetype: val(f.Archetype),
			Likelihood: val(f.Likelihood), Boundaries: f.Boundaries,
		})
		return t.ID, err
	case threat.KindBoundary:
		b, err := s.AddBoundary(c, threat.Boundary{Name: val(f.Name), Description: val(f.Description), Assets: f.Assets})
		if err == nil && len(f.Attackers) > 0 {
			err = s.StandAt(b.ID, f.Attackers)
		}
		return b.ID, err
	}
	a := threat.Assumption{Text: val(f.Text), Kind: val(f.Assumes), Objectives: f.Objectives}
	if a.Kind == "" {
		a.Kind = threat.External
	}
	a, err := s.AddAssumption(c, a)
	return a.ID, err
}

func fieldsOf(err error) error {
	var te *threat.Error
	if errors.As(err, &te) {
		return te.In("fields")
	}
	return err
}

func val[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// fieldNames are the fields of each kind, in the order in which a schema lists them.
var fieldNames = map[threat.Kind][]string{
	threat.KindAsset:      {"name", "description", "properties", "impact", "notes"},
	threat.KindAttacker:   {"name", "capability", "position", "archetype", "likelihood", "trust_boundaries"},
	threat.KindBoundary:   {"name", "description", "assets", "attackers"},
	threat.KindAssumption: {"text", "assumption_kind", "control_objectives"},
}

// fieldSchemas are their schemas. Null leaves a field as it is.
var fieldSchemas = map[string]string{
	"properties":      `{"type":["array","null"],"items":{"type":"string","enum":["C","I","A","U"]}}`,
	"impact":          `{"type":["string","null"],"enum":["H","M","L",null]}`,
	"likelihood":      `{"type":["string","null"],"enum":["H","M","L",null]}`,
	"assumption_kind": `{"type":["string","null"],"enum":["external","non_applicability",null]}`,
}

func fieldSchema(name string) string {
	switch name {
	case "trust_boundaries", "assets", "attackers", "control_objectives":
		return `{"type":["array","null"],"items":{"type":"string"}}`
	}
	if s, ok := fieldSchemas[name]; ok {
		return s
	}
	return `{"type":["string","null"]}`
}

// operationsSchema is the schema of an answer that changes entities of some kinds.
func operationsSchema(kinds []threat.Kind) json.RawMessage {
	var names []string
	for _, k := range kinds {
		for _, n := range fieldNames[k] {
			if !slices.Contains(names, n) {
				names = append(names, n)
			}
		}
	}
	var fields, required strings.Builder
	for i, n := range names {
		if i > 0 {
			fields.WriteByte(',')
			required.WriteByte(',')
		}
		fmt.Fprintf(&fields, "%q:%s", n, fieldSchema(n))
		fmt.Fprintf(&required, "%q", n)
	}
	quoted := make([]string, len(kinds))
	for i, k := range kinds {
		quoted[i] = `"` + string(k) + `"`
	}
	return Compact(`{"type":"object","properties":{"operations":{"type":"array","items":{"type":"object","properties":{` +
		`"op":{"type":"string","enum":["add","edit","remove"]},"kind":{"type":"string","enum":[` + strings.Join(quoted, ",") + `]},"id":{"type":"string"},` +
		`"fields":{"type":"object","properties":{` + fields.String() + `},"required":[` + required.String() + `],"additionalProperties":false}},` +
		`"required":["op","kind","id","fields"],"additionalProperties":false}},"note":{"type":"string"}},` +
		`"required":["operations","note"],"additionalProperties":false}`)
}

// ParseOperations reads an answer to [RefineQuestion]: operations on entities of the kinds asked about, and a note for the reader.
// Errors: [threat.Invalid], as for [Parse].
func ParseOperations(kinds []threat.Kind, raw []byte) ([]Operation, string, error) {
	root, err := ParseObject(raw)
	if err != nil {
		return nil, "", err
	}
	root.Only("operations", "note")
	note := root.Optional("note", threat.MaxText)
	list := List(root, "operations", 0, MaxOperations, func(o *Object) Operation { return readOperation(o, kinds) })
	return list, threat.Clip(note, maxNote), root.Err()
}

// maxNote bounds what a thinker says beside its answer.
const maxNote = 500

func readOperation(o *Object, kinds []threat.Kind) Operation {
	o.Only("op", "kind", "id", "fields")
	out := Operation{Op: Enum(o, "op", []Op{OpAdd, OpEdit, OpRemove}), Kind: Enum(o, "kind", kinds), ID: threat.ID(o.Optional("id", maxID))}
	if out.Op != OpAdd && out.ID == "" {
		o.refuse("id", "the id of what to edit or remove", "it is missing")
	}
	members, given := o.members["fields"].(map[string]any)
	if !given {
		if out.Op != OpRemove || o.members["fields"] != nil {
			o.refuse("fields", "an object", "%s", missing(o.members["fields"] != nil))
		}
		return out
	}
	if out.Op == OpRemove {
		return out // whatever it says of what goes
	}
	f := &Object{members: members, path: o.at("fields"), wrong: o.wrong}
	for name, v := range members {
		if v == nil { // stays as it is
			delete(members, name)
		}
	}
	f.Only(fieldNames[out.Kind]...)
	d := &out.Fields
	d.Name, d.Archetype = f.line("name"), f.line("archetype")
	d.Description, d.Notes = f.text("description", threat.MaxDescription), f.text("notes", threat.MaxText)
	d.Capability, d.Position, d.Text = f.text("capability", threat.MaxText), f.text("position", threat.MaxText), f.text("text", threat.MaxText)
	if f.given("properties") {
		d.Properties = enums(f, "properties", threat.Properties())
	}
	d.Impact, d.Likelihood = enumGiven(f, "impact", threat.Levels()), enumGiven(f, "likelihood", threat.Levels())
	d.Assumes = enumGiven(f, "assumption_kind", threat.AssumptionKinds())
	d.Boundaries, d.Assets = f.idsGiven("trust_boundaries"), f.idsGiven("assets")
	d.Attackers, d.Objectives = f.idsGiven("attackers"), f.idsGiven("control_objectives")
	if out.Op == OpEdit && len(members) == 0 {
		o.refuse("fields", "the fields to change", "nothing is to be changed")
	}
	return out
}

func (o *Object) given(member string) bool {
	v, there := o.members[member]
	return there && v != nil
}

func (o *Object) line(member string) *string {
	if !o.given(member) {
		return nil
	}
	s := o.clean(member, threat.MaxName, false, threat.Line)
	return &s
}

func (o *Object) text(member string, limit int) *string {
	if !o.given(member) {
		return nil
	}
	s := o.clean(member, limit, false, threat.Text)
	return &s
}

func (o *Object) idsGiven(member string) []threat.ID {
	if !o.given(member) {
		return nil
	}
	if out := o.ids(member, 500); out != nil {
		return out
	}
	return []threat.ID{}
}

func enumGiven[T ~string](o *Object, member string, valid []T) *T {
	if !o.given(member) {
		return nil
	}
	v := enum(o, member, valid)
	return &v
}
