package pipeline

import (
	"fmt"
	"slices"
	"strings"

	"github.com/redoubt-dev/redoubt/threat"
)

// MapStep names the questions of a mapping of controls to requirements.
const MapStep = "map_controls"

// Mappable is a control with the requirements that it may meet.
type Mappable struct {
	Control     threat.ID
	Description string
	Facets      []threat.Facet
	Candidates  []Need
}

// Mapping is a requirement that a control is said to meet.
type Mapping struct {
	Control     threat.ID `json:"control"`
	Requirement string    `json:"requirement"`
	Confidence  int       `json:"confidence"` // in hundredths
	Reason      string    `json:"reason"`
}

// Bounds of a question about mappings, and of an answer.
const (
	mostMapped     = 24 // controls in one question
	maxMappingWhy  = 300
	mostMappingsOf = 12 // requirements of one control
)

var mappingSchema = Compact(`{"type":"object","properties":{"mappings":{"type":"array","items":{"type":"object","properties":{` +
	`"control":{"type":"string"},"requirement":{"type":"string"},"confidence":{"type":"integer"},"reason":{"type":"string"}},` +
	`"required":["control","requirement","confidence","reason"],"additionalProperties":false}}},"required":["mappings"],"additionalProperties":false}`)

// Batch names the n-th of several questions of a kind, counted from 1.
func Batch(step string, n, of int) string {
	if of <= 1 {
		return step
	}
	return fmt.Sprintf("%s_%d_of_%d", step, n, of)
}

// MapBatches says how many of the controls go into each question, so that texts need not be cut to less than a line for a question to be
// of limit bytes.
func MapBatches(list []Mappable, limit int) []int {
	return batches(len(list), mostMapped, limit, func(from, to int) brief { return mapBrief(MapStep, list[from:to]) })
}

// batches splits n items into runs of at most most, each as long as its brief fits in limit bytes with a line a text.
func batches(n, most, limit int, of func(from, to int) brief) []int {
	var out []int
	for from := 0; from < n; {
		to := from + 1
		for to < n && to-from < most && of(from, to+1).size(aLine) <= limit {
			to++
		}
		out = append(out, to-from)
		from = to
	}
	return out
}

// aLine is a level of detail at which each text is a line.
var aLine = detail{80, 120}

// size is what a question takes at a level of detail, in bytes.
func (b brief) size(d detail) int {
	q := Question{Schema: b.schema}
	q.System, q.Prompt = b.render(b.parts(d))
	return q.Size()
}

// MapQuestion asks which of their candidates controls meet. limit bounds its size in bytes.
func MapQuestion(step string, list []Mappable, limit int) Question {
	return mapBrief(step, list).question(limit)
}

func mapBrief(step string, list []Mappable) brief {
	b := brief{step: step, text: promptFile("map_controls.md"), schema: mappingSchema}
	b.parts = func(d detail) []part {
		var controls, needs []string
		seen := map[string]bool{}
		for _, m := range list {
			line := string(m.Control) + sentence(m.Description, max(d.text, 60))
			for _, f := range m.Facets {
				if d.text > 0 {
					line += " [" + string(f.Kind) + sentence(f.Text, d.text) + "]"
				}
			}
			ids := make([]string, len(m.Candidates))
			for i, n := range m.Candidates {
				ids[i] = n.ID
				if !seen[n.ID] {
					seen[n.ID] = true
					needs = append(needs, n.line(d))
				}
			}
			controls = append(controls, line+"\n  may meet: "+strings.Join(ids, ", "))
		}
		return []part{
			{"controls", "The controls, with what their facets show:", strings.Join(controls, "\n")},
			{"requirements", "The requirements:", strings.Join(needs, "\n")},
		}
	}
	return b
}

// line is a requirement on a line, at a level of detail.
func (n Need) line(d detail) string {
	section := ""
	if n.Section != "" && d.name > 0 {
		section = " (" + threat.Clip(n.Section, min(d.name, 40)) + ")"
	}
	return n.ID + section + sentence(n.Text, max(d.text, 40))
}

// ParseMappings reads an answer to [MapQuestion]. What names another control than those of the question, or another requirement than the
// candidates of that control, is refused. Errors: [threat.Invalid].
func ParseMappings(list []Mappable, raw []byte) ([]Mapping, error) {
	root, err := ParseObject(raw)
	if err != nil {
		return nil, err
	}
	root.Only("mappings")
	seen := map[string]bool{}
	out := each(root, "mappings", 0, len(list)*mostMappingsOf, func(o *Object) Mapping {
		o.Only("control", "requirement", "confidence", "reason")
		m := Mapping{
			Control: threat.ID(o.Line("control", maxID)), Requirement: o.Line("requirement", maxRequirementID),
			Confidence: o.Int("confidence", 0, 100), Reason: o.Line("reason", maxMappingWhy),
		}
		i := slices.IndexFunc(list, func(c Mappable) bool { return c.Control == m.Control })
		switch key := string(m.Control) + " " + m.Requirement; {
		case m.Control == "" || m.Requirement == "": // refused above
		case i < 0:
			o.refuse("control", "the controls of the list", "it is none of those asked about")
		case !slices.ContainsFunc(list[i].Candidates, func(n Need) bool { return n.ID == m.Requirement }):
			o.refuse("requirement", "the ids after the control", "it is none of the control's own ids")
		case seen[key]:
			o.refuse("requirement", "each pair once", "it is named twice for the control")
		default:
			seen[key] = true
		}
		return m
	})
	return out, root.Err()
}

// maxRequirementID bounds the id of a requirement, in characters.
const maxRequirementID = 64
