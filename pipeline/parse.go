package pipeline

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/redoubt-dev/redoubt/threat"
)

// MaxAnswer bounds an answer, in bytes.
const MaxAnswer = 256 << 10

// The most entities that one answer may hold. They keep the COs of a generation to 1,000 and a question about them within bounds.
const (
	mostAssets      = 40
	mostAttackers   = 25
	mostBoundaries  = 20
	mostAssumptions = 30
	mostControls    = 40
	mostBasis       = 3
)

// Parse reads the answer to the question of a step. It is strict: a member that the schema does not name is refused as is one
// that is missing, since both mean that something was said which nobody would read. Texts are cleaned and bounded. The rules of the
// domain are [Draft.Accept]'s to check. Errors: [threat.Invalid], with an item for each of the first ten things wrong and the field
// of each: "assets.2.impact".
func Parse(step Step, raw []byte) (Output, error) {
	root, err := ParseObject(raw)
	if err != nil {
		return Output{}, err
	}
	var out Output
	switch step {
	case GenerateAssets, RefineAssets:
		root.Only("assets")
		out.Assets = each(root, "assets", 1, mostAssets, asset)
	case GenerateAttackers, RefineAttackers:
		root.Only("attackers")
		out.Attackers = each(root, "attackers", 1, mostAttackers, attacker)
	case Boundaries:
		root.Only("trust_boundaries", "assumptions")
		out.Boundaries = each(root, "trust_boundaries", 0, mostBoundaries, boundary)
		out.Assumptions = each(root, "assumptions", 0, mostAssumptions, assumption)
	case GenerateControls:
		root.Only("controls", "reuse")
		out.Controls = each(root, "controls", 0, mostControls, control)
		out.Reuse = each(root, "reuse", 0, mostControls, reuse)
	default:
		return Output{}, threat.Errorf(threat.Invalid, "unknown step %q", threat.Clip(string(step), 40))
	}
	if err := root.Err(); err != nil {
		return Output{}, err
	}
	return out, nil
}

func asset(o *Object) AssetProposal {
	o.Only("name", "description", "properties", "impact", "notes", "basis")
	return AssetProposal{
		Name: o.Line("name", threat.MaxName), Description: o.Optional("description", threat.MaxDescription),
		Properties: enums(o, "properties", threat.Properties()), Impact: enum(o, "impact", threat.Levels()),
		Notes: o.Optional("notes", threat.MaxText), Basis: o.basis(),
	}
}

func attacker(o *Object) AttackerProposal {
	o.Only("name", "capability", "position", "archetype", "likelihood", "basis")
	return AttackerProposal{
		Name: o.Line("name", threat.MaxName), Capability: o.Text("capability", threat.MaxText), Position: o.Text("position", threat.MaxText),
		Archetype: o.Line("archetype", threat.MaxName), Likelihood: enum(o, "likelihood", threat.Levels()), Basis: o.basis(),
	}
}

func boundary(o *Object) BoundaryProposal {
	o.Only("name", "description", "assets", "attackers")
	return BoundaryProposal{
		Name: o.Line("name", threat.MaxName), Description: o.Optional("description", threat.MaxDescription),
		Assets: o.ids("assets", mostAssets), Attackers: o.ids("attackers", mostAttackers),
	}
}

func assumption(o *Object) AssumptionProposal {
	o.Only("text", "kind", "control_objectives")
	return AssumptionProposal{
		Text: o.Text("text", threat.MaxText), Kind: enum(o, "kind", threat.AssumptionKinds()),
		Objectives: o.ids("control_objectives", mostAssets*mostAttackers),
	}
}

func control(o *Object) ControlProposal {
	o.Only("description", "facets", "mitigates", "notes")
	return ControlProposal{
		Description: o.Text("description", threat.MaxText), Facets: each(o, "facets", 1, threat.MaxFacets, facet),
		Mitigates: each(o, "mitigates", 1, mostMitigations, mitigation), Notes: o.Optional("notes", threat.MaxText),
	}
}

// mostMitigations bounds the places of one control in one answer.
const mostMitigations = 200

func facet(o *Object) FacetProposal {
	o.Only("text", "kind")
	return FacetProposal{Text: o.Line("text", threat.MaxText), Kind: enum(o, "kind", threat.FacetKinds())}
}

func mitigation(o *Object) Mitigation {
	o.Only("control_objective", "group")
	return Mitigation{Objective: threat.ID(o.Line("control_objective", maxID)), Group: o.Int("group", 0, threat.MaxGroups)}
}

func reuse(o *Object) Reuse {
	o.Only("control", "mitigates")
	return Reuse{Control: o.Line("control", maxID), Mitigates: each(o, "mitigates", 1, mostMitigations, mitigation)}
}

const maxID = 40

// Object reads one JSON object of an answer member by member and gathers what is wrong with it. Every member that is asked for must be
// there, but for [Object.Optional]'s. It is how every answer of a thinker is read.
type Object struct {
	members map[string]any
	path    string
	wrong   *[]*threat.Error
}

// ParseObject reads an answer that must be one JSON object. Errors: [threat.Invalid].
func ParseObject(raw []byte) (*Object, error) {
	if len(raw) > MaxAnswer {
		return nil, threat.Errorf(threat.Invalid, "the answer has %d bytes, at most %d fit", len(raw), MaxAnswer).Hinted("say less at once")
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	err := dec.Decode(&v)
	if err == nil {
		if _, next := dec.Token(); !errors.Is(next, io.EOF) {
			err = errors.New("something follows the object")
		}
	}
	members, ok := v.(map[string]any)
	if err != nil || !ok {
		return nil, threat.Errorf(threat.Invalid, "the answer is not one whole JSON object").Hinted("one JSON object that fits the schema, nothing around it")
	}
	return &Object{members: members, wrong: &[]*threat.Error{}}, nil
}

// Err is what was wrong so far, or nil. Errors: [threat.Invalid].
func (o *Object) Err() error {
	return threat.Batch((*o.wrong)[:min(len(*o.wrong), maxReasons)])
}

func (o *Object) at(member string) string { return strings.TrimPrefix(o.path+"."+member, ".") }

func (o *Object) refuse(member, hint, format string, args ...any) {
	if len(*o.wrong) < maxReasons {
		*o.wrong = append(*o.wrong, threat.Errorf(threat.Invalid, format, args...).In(o.at(member)).Hinted("%s", hint))
	}
}

// Only refuses members with other names.
func (o *Object) Only(names ...string) {
	var odd []string
	for name := range o.members {
		if !slices.Contains(names, name) {
			odd = append(odd, name)
		}
	}
	slices.Sort(odd)
	for _, name := range odd {
		o.refuse(threat.Clip(name, 40), "members: "+strings.Join(names, ", "), "there is no such member")
	}
}

// Text is a text of several lines that must not be empty, cleaned, of at most limit characters.
func (o *Object) Text(member string, limit int) string {
	return o.clean(member, limit, true, threat.Text)
}

// Line is a text of one line that must not be empty.
func (o *Object) Line(member string, limit int) string {
	return o.clean(member, limit, true, threat.Line)
}

// Optional is a text that may be empty or missing.
func (o *Object) Optional(member string, limit int) string {
	return o.clean(member, limit, false, threat.Text)
}

func (o *Object) clean(member string, limit int, needed bool, clean func(string, int) (string, error)) string {
	v, there := o.members[member]
	text, ok := v.(string)
	if !ok && (needed || there && v != nil) {
		o.refuse(member, "a text", "%s", missing(there))
		return ""
	}
	text, err := clean(text, limit)
	switch {
	case err != nil:
		var te *threat.Error
		errors.As(err, &te)
		o.refuse(member, te.Hint, "%s", te.Message)
	case text == "" && needed:
		o.refuse(member, fmt.Sprintf("1 to %d characters", limit), "it is empty")
	}
	return text
}

func missing(there bool) string {
	if there {
		return "it is of the wrong type"
	}
	return "it is missing"
}

// Int is a whole number from low to high.
func (o *Object) Int(member string, low, high int) int {
	v, there := o.members[member]
	n, ok := v.(json.Number)
	if !ok {
		o.refuse(member, fmt.Sprintf("%d to %d", low, high), "%s", missing(there))
		return 0
	}
	i, err := n.Int64()
	if err != nil || i < int64(low) || i > int64(high) {
		o.refuse(member, fmt.Sprintf("%d to %d", low, high), "it is out of bounds")
		return 0
	}
	return int(i)
}

// Bool is true or false.
func (o *Object) Bool(member string) bool {
	v, there := o.members[member]
	b, ok := v.(bool)
	if !ok {
		o.refuse(member, "true or false", "%s", missing(there))
	}
	return b
}

// Texts is a list of at most most texts of one line.
func (o *Object) Texts(member string, most, limit int) []string {
	list := o.list(member, 0, most)
	var out []string
	for i, v := range list {
		text, ok := v.(string)
		if !ok {
			o.refuse(fmt.Sprint(member, ".", i), "a text", "it is of the wrong type")
			continue
		}
		text, err := threat.Line(text, limit)
		if err != nil {
			o.refuse(fmt.Sprint(member, ".", i), fmt.Sprintf("at most %d characters", limit), "it is too long")
			continue
		}
		out = append(out, text)
	}
	return out
}

// basis drops empty and further quotes instead of refusing them: they are a help to the reader and no part of the model.
func (o *Object) basis() []string {
	var out []string
	for _, q := range o.Texts("basis", 50, threat.MaxText) {
		if q != "" && len(out) < mostBasis {
			out = append(out, threat.Clip(q, threat.MaxName))
		}
	}
	return out
}

func (o *Object) ids(member string, most int) []threat.ID {
	var out []threat.ID
	for _, id := range o.Texts(member, most, maxID) {
		out = append(out, threat.ID(id))
	}
	return out
}

func (o *Object) list(member string, least, most int) []any {
	v, there := o.members[member]
	list, ok := v.([]any)
	switch {
	case !ok:
		o.refuse(member, fmt.Sprintf("a list of %d to %d", least, most), "%s", missing(there))
	case len(list) < least || len(list) > most:
		o.refuse(member, fmt.Sprintf("%d to %d", least, most), "the list has %d entries", len(list))
		return nil
	}
	return list
}

// List reads a list of objects of least to most entries with read.
func List[T any](o *Object, member string, least, most int, read func(*Object) T) []T {
	return each(o, member, least, most, read)
}

func each[T any](o *Object, member string, least, most int, read func(*Object) T) []T {
	var out []T
	for i, v := range o.list(member, least, most) {
		members, ok := v.(map[string]any)
		if !ok {
			o.refuse(fmt.Sprint(member, ".", i), "an object", "it is of the wrong type")
			continue
		}
		out = append(out, read(&Object{members: members, path: o.at(fmt.Sprint(member, ".", i)), wrong: o.wrong}))
	}
	return out
}

// Enum is one of a closed set.
func Enum[T ~string](o *Object, member string, valid []T) T { return enum(o, member, valid) }

func enum[T ~string](o *Object, member string, valid []T) T {
	v, there := o.members[member]
	text, ok := v.(string)
	switch {
	case !ok:
		o.refuse(member, one(valid), "%s", missing(there))
	case !slices.Contains(valid, T(text)):
		o.refuse(member, one(valid), "it is none of them")
	}
	return T(text)
}

func enums[T ~string](o *Object, member string, valid []T) []T {
	var out []T
	for i, v := range o.list(member, 1, 2*len(valid)) {
		text, ok := v.(string)
		if !ok || !slices.Contains(valid, T(text)) {
			o.refuse(fmt.Sprint(member, ".", i), one(valid), "it is none of them")
			continue
		}
		out = append(out, T(text))
	}
	return out
}

// one lists a closed set: "H, M or L".
func one[T ~string](valid []T) string {
	if len(valid) == 1 {
		return string(valid[0])
	}
	words := make([]string, len(valid))
	for i, v := range valid {
		words[i] = string(v)
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}
