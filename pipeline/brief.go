package pipeline

import (
	"encoding/json"
	"strings"

	"github.com/redoubt-dev/redoubt/threat"
)

// brief is a question about a model that is no step of a generation: a template with places for its parts.
type brief struct {
	step   string
	text   string
	schema json.RawMessage
	parts  func(detail) []part // the data at a level of detail; what must be whole is the same at every level
}

// ModelLimit bounds, in bytes, what a language model is shown of a model beside the steps of a generation.
const ModelLimit = 60_000

// leftOut ends data that was cut for its length.
const leftOut = "\n… the rest is left out for its length"

// question renders the brief within limit bytes, with as much detail as fits.
func (b brief) question(limit int) Question {
	q := Question{Step: b.step, Version: Version(frame, b.text, string(b.schema)), Schema: b.schema}
	var parts []part
	for _, d := range details {
		parts = b.parts(d)
		if q.System, q.Prompt = b.render(parts); q.Size() <= limit {
			return q
		}
	}
	for {
		longest := 0
		for i := range parts {
			if len(parts[i].data) > len(parts[longest].data) {
				longest = i
			}
		}
		p := &parts[longest]
		over := q.Size() - limit
		if over <= 0 || len(p.data) <= len(leftOut) {
			return q
		}
		p.data = strings.TrimSuffix(p.data, leftOut)
		p.data = Head(p.data, max(0, len(p.data)-over-len(leftOut)-8)) + leftOut
		q.System, q.Prompt = b.render(parts)
	}
}

func (b brief) render(parts []part) (system, prompt string) {
	texts := make([]string, len(parts))
	for i, p := range parts {
		texts[i] = p.data
	}
	f := NewFence(texts...)
	var places []string
	for _, p := range parts {
		data := ""
		if p.data != "" {
			data = "\n" + p.title + "\n" + strings.TrimSuffix(f.Text(p.name, p.data), "\n")
		}
		places = append(places, "{{"+p.name+"}}", data)
	}
	return System(f.Mark()), strings.NewReplacer(places...).Replace(b.text) // in one pass: no data stands for another's place
}

// featurePart is the description of the feature, at a level of detail.
func featurePart(feature string, d detail) part {
	p := part{name: "feature", title: "The description of the feature:", data: Head(feature, 25*d.text)}
	if len(p.data) < len(feature) {
		p.title = "The description of the feature, its beginning:"
	}
	return p
}

// entityParts are the entities of some kinds, each kind a part of the name of its kind. Those that relevant picks keep their details
// when the others lose them.
func entityParts(s *threat.Structure, kinds []threat.Kind, d detail, relevant func(threat.ID) bool) []part {
	at := func(id threat.ID) detail {
		if relevant != nil && relevant(id) {
			return detail{threat.MaxName, max(d.text, 240)}
		}
		return d
	}
	var out []part
	for _, k := range kinds {
		var lines []string
		switch k {
		case threat.KindAsset:
			for _, a := range s.Assets {
				lines = append(lines, assetLines([]threat.Asset{a}, at(a.ID)))
			}
			out = append(out, part{string(k), "The assets:", strings.Join(lines, "\n")})
		case threat.KindAttacker:
			for _, t := range s.Attackers {
				lines = append(lines, attackerLines([]threat.Attacker{t}, at(t.ID))+standing(t.Boundaries))
			}
			out = append(out, part{string(k), "The attackers:", strings.Join(lines, "\n")})
		case threat.KindBoundary:
			for _, b := range s.Boundaries {
				x := at(b.ID)
				lines = append(lines, strings.TrimSpace(string(b.ID)+" "+clipped(b.Name, x.name))+exposing(b.Assets)+sentence(b.Description, x.text))
			}
			out = append(out, part{string(k), "The trust boundaries, with the assets exposed through each:", strings.Join(lines, "\n")})
		case threat.KindAssumption:
			for _, a := range s.Assumptions {
				x := at(a.ID)
				line := string(a.ID) + " (" + string(a.Kind)
				if a.Separation != nil {
					line += ", computed"
				}
				lines = append(lines, line+")"+sentence(a.Text, max(x.text, 60)))
			}
			out = append(out, part{string(k), "The assumptions (computed ones follow from the boundaries and cannot be changed):", strings.Join(lines, "\n")})
		}
	}
	return out
}

func standing(boundaries []threat.ID) string {
	if len(boundaries) == 0 {
		return ""
	}
	return " [stands at " + threat.IDList(boundaries, 20) + "]"
}

func exposing(assets []threat.ID) string {
	if len(assets) == 0 {
		return ""
	}
	return " [" + threat.IDList(assets, 40) + "]"
}
