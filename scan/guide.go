package scan

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/threat"
)

// MaxGuide bounds the JSON of one guide, in bytes.
const MaxGuide = 1_400

// Facet is a facet of a control and the assertion types that would prove it, the fittest first.
type Facet struct {
	ID    threat.ID        `json:"id"`
	Kind  threat.FacetKind `json:"kind"`
	Text  string           `json:"text"`
	Prove []evidence.Type  `json:"prove"`
}

// Search is an RE2 pattern, and the language or framework that it is for; "any" is each.
type Search struct {
	In      string `json:"in"`
	Pattern string `json:"pattern"`
}

// Report is an entry of submit_findings that waits for its title, and for the places and patterns that were really looked at.
type Report struct {
	Control  threat.ID `json:"control_id"`
	Title    string    `json:"title"`
	Checked  []string  `json:"checked_locations"`
	Patterns []string  `json:"checked_patterns"`
	Expected string    `json:"expected_evidence"`
}

// Guide says how to look for one control.
type Guide struct {
	ID          threat.ID   `json:"id"`
	Tier        threat.Tier `json:"tier,omitempty"`
	Description string      `json:"description"`
	Facets      []Facet     `json:"facets"`
	MoreFacets  int         `json:"more_facets,omitempty"` // left out for size: get_controls has them
	Topics      []string    `json:"topics"`
	Right       string      `json:"right"`          // what a sound implementation has
	Places      []string    `json:"places"`         // where such code usually is
	Search      []Search    `json:"search"`         // what implementing code usually matches
	Gaps        []Search    `json:"gaps,omitempty"` // what often is the opposite
	Report      Report      `json:"report"`
}

// How many patterns of each sort and how many places a guide starts with, and how long its texts may be; what does not fit [MaxGuide] is
// taken off again.
const (
	maxSearch      = 5
	maxGaps        = 3
	maxPlaces      = 5
	maxFacets      = 6
	maxFacetText   = 160
	maxDescription = 240
	maxProve       = 3
)

// For makes the guide of a control. The same control and stack give the same guide.
func For(c threat.Control, tier threat.Tier, stack Stack) Guide {
	t := table()
	texts := []string{c.Description}
	for _, f := range c.Facets {
		texts = append(texts, f.Text)
	}
	topics := t.topicsOf(texts)
	g := Guide{ID: c.ID, Tier: tier, Description: threat.Clip(c.Description, maxDescription), Right: topics[0].Right, Search: []Search{}}
	for _, topic := range topics {
		g.Topics = append(g.Topics, topic.ID)
	}
	for _, f := range c.Facets[:min(len(c.Facets), maxFacets)] {
		g.Facets = append(g.Facets, Facet{ID: f.ID, Kind: f.Kind, Text: threat.Clip(f.Text, maxFacetText), Prove: t.prove(f.Kind, topics, stack)})
	}
	g.MoreFacets = len(c.Facets) - len(g.Facets)
	g.Places = t.places(c, topics, stack)
	for _, topic := range topics {
		g.Search = gather(g.Search, topic, stack, maxSearch, func(c cell) []sample { return c.Find })
		g.Gaps = gather(g.Gaps, topic, stack, maxGaps, func(c cell) []sample { return c.Gap })
	}
	g.Report = Report{Control: c.ID, Checked: []string{}, Patterns: []string{}}
	g.fit()
	return g
}

// prove orders the types that prove a kind: those that fit the topics, then the usual ones.
func (f *file) prove(kind threat.FacetKind, topics []*topic, stack Stack) []evidence.Type {
	usual := f.Prove[kind]
	if stack.hardware {
		usual = f.Hardware[kind]
	}
	var out []evidence.Type
	for _, topic := range topics {
		for _, typ := range topic.Prove {
			spec, err := evidence.Lookup(typ)
			if err == nil && slices.Contains(spec.Kinds, kind) && (!stack.hardware || slices.Contains(usual, typ)) && !slices.Contains(out, typ) {
				out = append(out, typ)
			}
		}
	}
	for _, typ := range usual {
		if !slices.Contains(out, typ) {
			out = append(out, typ)
		}
	}
	return out[:min(len(out), maxProve)]
}

// places says where to look: the layer of the topic, and that of tests and manifests where a facet is about these.
func (f *file) places(c threat.Control, topics []*topic, stack Stack) []string {
	layers := []string{topics[0].Layer}
	for kind, layer := range map[threat.FacetKind]string{threat.TestFacet: "test", threat.DependencyFacet: "manifest"} {
		if slices.ContainsFunc(c.Facets, func(f threat.Facet) bool { return f.Kind == kind }) && !slices.Contains(layers, layer) {
			layers = append(layers, layer)
		}
	}
	slices.Sort(layers[1:])
	out := []string{}
	for i, id := range layers {
		most := maxPlaces - len(layers) + 1 // each further layer has room for one
		if i > 0 {
			most = 1
		}
		out = append(out, f.layer(id).places(stack, most)...)
	}
	return out
}

func (l *layer) places(stack Stack, most int) []string {
	var all [][]string
	for _, p := range stack.parts {
		if _, list, ok := pick(p, l.In); ok {
			all = append(all, list)
		}
	}
	if len(all) == 0 {
		return l.Any[:min(len(l.Any), most)]
	}
	var out []string
	for i := 0; len(out) < most; i++ { // each language in turn, so that none is crowded out
		before := len(out)
		for _, list := range all {
			if i < len(list) && len(out) < most && !slices.Contains(out, list[i]) {
				out = append(out, list[i])
			}
		}
		if len(out) == before && !slices.ContainsFunc(all, func(list []string) bool { return i+1 < len(list) }) {
			break
		}
	}
	return out
}

// gather adds the patterns of a topic: each part of the stack in turn, then what serves in any language.
func gather(to []Search, t *topic, stack Stack, most int, sort func(cell) []sample) []Search {
	add := func(in string, list []sample) {
		for _, s := range list {
			if len(to) < most && !slices.ContainsFunc(to, func(have Search) bool { return have.Pattern == s.Pattern }) {
				to = append(to, Search{In: in, Pattern: s.Pattern})
			}
		}
	}
	for _, p := range stack.parts {
		for _, name := range p { // a framework's own, and those of its language
			if c, ok := t.In[name]; ok {
				add(name, sort(c))
			}
		}
	}
	add("any", sort(t.Any))
	return to
}

// expected is what would show the facets implemented, in a line for a report.
func (g *Guide) expected() string {
	var parts []string
	for _, f := range g.Facets {
		parts = append(parts, fmt.Sprintf("%s: %s", f.ID, f.Prove[0]))
	}
	return strings.Join(parts, "; ")
}

// fit takes off what is least needed until the guide keeps [MaxGuide]: patterns beyond the first two, places beyond the first, the ends
// of long texts, and at last facets.
func (g *Guide) fit() {
	for text := maxFacetText; ; {
		g.Report.Expected = g.expected()
		if g.size() <= MaxGuide {
			return
		}
		switch {
		case len(g.Gaps) > 1:
			g.Gaps = g.Gaps[:len(g.Gaps)-1]
		case len(g.Search) > 2:
			g.Search = g.Search[:len(g.Search)-1]
		case len(g.Places) > 1:
			g.Places = g.Places[:len(g.Places)-1]
		case text > 40:
			text -= 40
			g.Description = threat.Clip(g.Description, text)
			for i := range g.Facets {
				g.Facets[i].Text = threat.Clip(g.Facets[i].Text, text)
			}
		case len(g.Facets) > 1:
			g.Facets = g.Facets[:len(g.Facets)-1]
			g.MoreFacets++
		case len(g.Gaps)+len(g.Search) > 1:
			g.Gaps, g.Search = nil, g.Search[:1]
		default:
			return // one facet and one pattern always fit
		}
	}
}

// size is that of the guide as JSON, counted with the escapes of HTML, which a transport may leave out.
func (g *Guide) size() int {
	raw, err := json.Marshal(g)
	if err != nil {
		return 0 // plain structs always marshal
	}
	return len(raw)
}

// Usages says how the types that guides name are called: "function_calls" → "function_calls(file, caller, callee)".
func Usages(guides []Guide) map[evidence.Type]string {
	out := map[evidence.Type]string{}
	for _, g := range guides {
		for _, f := range g.Facets {
			for _, t := range f.Prove {
				if spec, err := evidence.Lookup(t); err == nil {
					out[t] = spec.Usage()
				}
			}
		}
	}
	return out
}
