package threat

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
)

// Op says what happened to an entity between two versions.
type Op string

// The operations of a diff.
const (
	Added   Op = "added"
	Removed Op = "removed"
	Changed Op = "changed"
)

// Change is one entity or CO that differs between two versions, field by field. Values are the JSON of the field; a side
// that has no value is absent.
type Change struct {
	Op     Op            `json:"op"`
	Kind   Kind          `json:"kind"` // the entity kinds, "feature" or "control_objective"
	ID     ID            `json:"id"`
	Name   string        `json:"name,omitempty"`
	Fields []FieldChange `json:"fields,omitempty"`
}

// FieldChange is one field before and after.
type FieldChange struct {
	Field string          `json:"field"`
	From  json.RawMessage `json:"from,omitempty"`
	To    json.RawMessage `json:"to,omitempty"`
}

// KindObjective marks changes of computed COs in a diff. It is not a counted kind.
const KindObjective Kind = "control_objective"

// Diff returns what changed from a to b: entities by kind in id order, then the computed COs. Both sides must be valid.
func Diff(a, b *Structure) ([]Change, error) {
	var out []Change
	if a.Feature != b.Feature {
		out = append(out, Change{Op: Changed, Kind: KindFeature, ID: FeatureID, Fields: []FieldChange{
			{Field: "feature_description", From: rawJSON(a.Feature), To: rawJSON(b.Feature)},
		}})
	}
	out = diffList(out, KindAsset, a.Assets, b.Assets, assetID, assetName)
	out = diffList(out, KindAttacker, a.Attackers, b.Attackers, attackerID, attackerName)
	out = diffList(out, KindBoundary, a.Boundaries, b.Boundaries, boundaryID, boundaryName)
	out = diffList(out, KindAssumption, a.Assumptions, b.Assumptions, assumptionID,
		func(a *Assumption) string { return Clip(a.Text, MaxName) })
	before, err := a.Objectives()
	if err != nil {
		return nil, err
	}
	after, err := b.Objectives()
	if err != nil {
		return nil, err
	}
	return diffList(out, KindObjective, before, after, func(o *Objective) ID { return o.ID }, func(*Objective) string { return "" }), nil
}

func diffList[E any](out []Change, kind Kind, a, b []E, of func(*E) ID, name func(*E) string) []Change {
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case j == len(b) || i < len(a) && CompareIDs(of(&a[i]), of(&b[j])) < 0:
			out = append(out, Change{Op: Removed, Kind: kind, ID: of(&a[i]), Name: name(&a[i]), Fields: diffFields(fields(a[i]), nil)})
			i++
		case i == len(a) || CompareIDs(of(&a[i]), of(&b[j])) > 0:
			out = append(out, Change{Op: Added, Kind: kind, ID: of(&b[j]), Name: name(&b[j]), Fields: diffFields(nil, fields(b[j]))})
			j++
		default:
			// Most entities are the same on both sides; taking one apart into its fields costs ten times the look.
			if reflect.DeepEqual(a[i], b[j]) {
				i, j = i+1, j+1
				continue
			}
			if fs := diffFields(fields(a[i]), fields(b[j])); len(fs) > 0 {
				out = append(out, Change{Op: Changed, Kind: kind, ID: of(&b[j]), Name: name(&b[j]), Fields: fs})
			}
			i, j = i+1, j+1
		}
	}
	return out
}

type field struct {
	name  string
	value json.RawMessage
}

// fields returns the fields of an entity but its id, in the order of their names.
func fields(entity any) []field {
	raw, err := json.Marshal(entity)
	if err != nil {
		panic(fmt.Sprintf("threat: an entity that does not marshal: %v", err)) // plain structs always do
	}
	var m map[string]json.RawMessage
	if err := json.Unmarshal(raw, &m); err != nil {
		panic(fmt.Sprintf("threat: an entity that is not an object: %v", err))
	}
	delete(m, "id")
	out := make([]field, 0, len(m))
	for k, v := range m {
		out = append(out, field{k, v})
	}
	slices.SortFunc(out, func(a, b field) int { return bytes.Compare([]byte(a.name), []byte(b.name)) })
	return out
}

func diffFields(a, b []field) []FieldChange {
	var out []FieldChange
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case j == len(b) || i < len(a) && a[i].name < b[j].name:
			out = append(out, FieldChange{Field: a[i].name, From: a[i].value})
			i++
		case i == len(a) || a[i].name > b[j].name:
			out = append(out, FieldChange{Field: b[j].name, To: b[j].value})
			j++
		default:
			if !bytes.Equal(a[i].value, b[j].value) {
				out = append(out, FieldChange{Field: a[i].name, From: a[i].value, To: b[j].value})
			}
			i, j = i+1, j+1
		}
	}
	return out
}

func rawJSON(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("threat: a value that does not marshal: %v", err))
	}
	return raw
}

// Patch applies a diff to the structure it was taken from: Patch(a, Diff(a, b)) equals b. Changes of computed COs are
// passed over. It returns [Conflict] when a change does not fit s.
func Patch(s *Structure, changes []Change) (*Structure, error) {
	out := s.Clone()
	for _, ch := range changes {
		var err error
		switch ch.Kind {
		case KindFeature:
			out.Feature, err = patchFeature(ch)
		case KindAsset:
			out.Assets, err = patchList(out.Assets, ch, assetID)
		case KindAttacker:
			out.Attackers, err = patchList(out.Attackers, ch, attackerID)
		case KindBoundary:
			out.Boundaries, err = patchList(out.Boundaries, ch, boundaryID)
		case KindAssumption:
			out.Assumptions, err = patchList(out.Assumptions, ch, assumptionID)
		case KindObjective:
		default:
			err = Errorf(Invalid, "a change of kind %q", ch.Kind)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, out.Check()
}

func patchFeature(ch Change) (text string, err error) {
	if len(ch.Fields) != 1 || json.Unmarshal(ch.Fields[0].To, &text) != nil {
		return "", Errorf(Invalid, "the change of the feature description has no text")
	}
	return text, nil
}

func patchList[E any](list []E, ch Change, of func(*E) ID) ([]E, error) {
	i := slices.IndexFunc(list, func(e E) bool { return of(&e) == ch.ID })
	if (ch.Op == Added) != (i < 0) {
		return nil, Errorf(Conflict, "%s %s does not fit", ch.Op, ch.ID)
	}
	if ch.Op == Removed {
		return without(list, ch.ID, of), nil
	}
	m := map[string]json.RawMessage{"id": rawJSON(ch.ID)}
	if i >= 0 {
		for _, f := range fields(list[i]) {
			m[f.name] = f.value
		}
	}
	for _, f := range ch.Fields {
		if f.To == nil {
			delete(m, f.Field)
		} else {
			m[f.Field] = f.To
		}
	}
	var e E
	if err := json.Unmarshal(rawJSON(m), &e); err != nil {
		return nil, Errorf(Invalid, "%s %s: %v", ch.Op, ch.ID, err)
	}
	out := slices.Clone(list)
	if i >= 0 {
		out[i] = e
		return out, nil
	}
	return append(out, e), nil
}
