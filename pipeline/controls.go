package pipeline

import (
	"regexp"
	"slices"
	"strings"

	"github.com/redoubt-dev/redoubt/threat"
)

// The names of the questions about controls.
const (
	RewordStep  = "reword_control"
	ExtractStep = "extract_controls"
	MissingStep = "missing_controls"
)

const facetsSchema = `{"type":"array","items":{"type":"object","properties":{"text":{"type":"string"},"kind":{"type":"string","enum":` +
	`["structure","behaviour","configuration","dependency","integrity","absence","test"]}},"required":["text","kind"],"additionalProperties":false}}`

var (
	rewordSchema = Compact(`{"type":"object","properties":{"description":{"type":"string"},"facets":` + facetsSchema +
		`,"note":{"type":"string"}},"required":["description","facets","note"],"additionalProperties":false}`)
	statedSchema = Compact(`{"type":"object","properties":{"controls":{"type":"array","items":{"type":"object","properties":{"description":{"type":"string"},"facets":` +
		facetsSchema + `,"control_objectives":{"type":"array","items":{"type":"string"}}},"required":["description","facets","control_objectives"],` +
		`"additionalProperties":false}}},"required":["controls"],"additionalProperties":false}`)
)

// Wording is what a control says.
type Wording struct {
	Description string          `json:"description"`
	Facets      []FacetProposal `json:"facets"`
}

// RewordQuestion asks for other words for a control. objectives are the statements that it helps, one a line.
func RewordQuestion(w Wording, objectives, request string, limit int) Question {
	lines := []string{w.Description}
	for _, f := range w.Facets {
		lines = append(lines, "- "+string(f.Kind)+": "+f.Text)
	}
	return given(RewordStep, "reword_control.md", rewordSchema, limit,
		part{"request", "The request:", request},
		part{"control", "The control and its facets:", strings.Join(lines, "\n")},
		part{"objectives", "The objectives that it helps:", objectives})
}

// ParseWording reads an answer to [RewordQuestion]. Errors: [threat.Invalid].
func ParseWording(raw []byte) (w Wording, note string, err error) {
	root, err := ParseObject(raw)
	if err != nil {
		return w, "", err
	}
	root.Only("description", "facets", "note")
	w = Wording{root.Text("description", threat.MaxText), each(root, "facets", 1, threat.MaxFacets, facet)}
	note = threat.Clip(root.Optional("note", threat.MaxText), maxNote)
	return w, note, root.Err()
}

// Stated is a control that a text states, or that is missing.
type Stated struct {
	Wording
	Objectives []threat.ID `json:"control_objectives"`
}

// ExtractQuestion asks for the controls that a text states.
func ExtractQuestion(s *threat.Structure, text string, limit int) Question {
	b := brief{step: ExtractStep, text: promptFile("extract_controls.md"), schema: statedSchema}
	b.parts = func(d detail) []part {
		d.text = min(d.text, 240)
		return append([]part{{"text", "The text:", text}}, entityParts(s, []threat.Kind{threat.KindAsset, threat.KindAttacker}, d, nil)...)
	}
	return b.question(limit)
}

// MissingQuestion asks which controls are missing. objectives and controls are lines that the caller makes of the COs asked about.
func MissingQuestion(s *threat.Structure, objectives, controls string, limit int) Question {
	b := brief{step: MissingStep, text: promptFile("missing_controls.md"), schema: statedSchema}
	b.parts = func(d detail) []part {
		out := []part{{"objectives", "The COs, gravest first:", objectives}, {"controls", "The controls:", controls}}
		out = append(out, entityParts(s, []threat.Kind{threat.KindAsset, threat.KindAttacker}, d, nil)...)
		return append(out, featurePart(s.Feature, d))
	}
	return b.question(limit)
}

// ParseStated reads an answer to [ExtractQuestion] or [MissingQuestion]; every CO must be one of the structure's. Errors: [threat.Invalid],
// [threat.NotFound].
func ParseStated(s *threat.Structure, raw []byte) ([]Stated, error) {
	root, err := ParseObject(raw)
	if err != nil {
		return nil, err
	}
	root.Only("controls")
	list := each(root, "controls", 0, mostControls, func(o *Object) Stated {
		o.Only("description", "facets", "control_objectives")
		c := Stated{Wording{o.Text("description", threat.MaxText), each(o, "facets", 1, threat.MaxFacets, facet)}, o.ids("control_objectives", mostMitigations)}
		for _, co := range c.Objectives {
			if !s.HasObjective(co) {
				o.refuse("control_objectives", "CO-<asset>-<attacker> of those listed", "there is no %s", threat.Clip(string(co), 40))
			}
		}
		seen := map[string]bool{}
		for _, f := range c.Facets {
			if seen[strings.ToLower(f.Text)] {
				o.refuse("facets", "each facet is a part of its own", "two facets say the same")
			}
			seen[strings.ToLower(f.Text)] = true
		}
		return c
	})
	return list, root.Err()
}

var (
	bullet      = regexp.MustCompile(`^\s*(?:[-*•‣–]|\d{1,3}[.)]|[a-z][.)])\s+(?:\[[ xX]\]\s+)?`)
	sentenceEnd = regexp.MustCompile(`[.;]\s+`)
)

// maxStated bounds the controls that [ListedControls] takes from one text.
const maxStated = 100

// ListedControls takes controls from a text without anybody's help: each bullet of a list, or, in a text without bullets, each line, is
// one. Lines that are indented under a bullet are its facets, else its sentences are. The kinds of facets are guessed by their words.
// more says that there were more than 100.
func ListedControls(text string) (list []Wording, more bool) {
	lines := strings.Split(text, "\n")
	bullets := slices.ContainsFunc(lines, bullet.MatchString)
	least := -1 // how far the bullets of controls are indented
	for _, l := range lines {
		if bullets && !bullet.MatchString(l) || strings.TrimSpace(l) == "" {
			continue
		}
		if in := indent(l); least < 0 || in < least {
			least = in
		}
	}
	for _, l := range lines {
		words := strings.TrimSpace(bullet.ReplaceAllString(l, ""))
		isBullet := bullet.MatchString(l)
		switch {
		case words == "" || strings.HasPrefix(words, "#") || bullets && !isBullet && (len(list) == 0 || indent(l) <= least):
			continue // a heading, or prose between lists
		case len(wordsOf(words)) < 3 && !(len(list) > 0 && indent(l) > least):
			continue // a title, not a control
		case len(list) > 0 && indent(l) > least:
			c := &list[len(list)-1]
			if len(c.Facets) < threat.MaxFacets {
				c.Facets = append(c.Facets, FacetProposal{threat.Clip(oneLine(words), 300), guessKind(words)})
			}
		case len(list) == maxStated:
			return finished(list), true
		default:
			list = append(list, Wording{Description: threat.Clip(oneLine(words), threat.MaxText)})
		}
	}
	return finished(list), false
}

// finished gives a control without facets those of its sentences, and drops those that repeat another.
func finished(list []Wording) []Wording {
	for i := range list {
		c := &list[i]
		if len(c.Facets) == 0 {
			for _, s := range sentenceEnd.Split(strings.TrimRight(c.Description, ". "), -1) {
				if s = strings.TrimSpace(s); len(wordsOf(s)) >= 2 && len(c.Facets) < 8 {
					c.Facets = append(c.Facets, FacetProposal{threat.Clip(s, 300), guessKind(s)})
				}
			}
		}
		if len(c.Facets) == 0 {
			c.Facets = []FacetProposal{{threat.Clip(c.Description, 300), guessKind(c.Description)}}
		}
		seen := map[string]bool{}
		c.Facets = slices.DeleteFunc(c.Facets, func(f FacetProposal) bool {
			k := strings.ToLower(f.Text)
			was := seen[k]
			seen[k] = true
			return was
		})
	}
	return list
}

func indent(l string) int {
	n := 0
	for _, r := range l {
		switch r {
		case ' ':
			n++
		case '\t':
			n += 4
		default:
			return n
		}
	}
	return n
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// kindCues are words that speak of a kind of facet, the more telling kinds first.
var kindCues = []struct {
	kind  threat.FacetKind
	words []string
}{
	{threat.TestFacet, []string{"test", "tested", "tests", "testing", "fuzz", "fuzzed", "coverage"}},
	{threat.AbsenceFacet, []string{"no", "never", "none", "without", "not", "nowhere", "forbidden", "absent", "removed"}},
	{threat.DependencyFacet, []string{"dependency", "dependencies", "library", "libraries", "package", "packages", "version", "pinned", "sbom", "lockfile"}},
	{threat.IntegrityFacet, []string{"checksum", "digest", "unchanged", "immutable"}},
	{threat.ConfigurationFacet, []string{"config", "configuration", "configured", "setting", "settings", "header", "headers", "tls", "enabled", "disabled", "policy", "environment", "csp", "hsts", "timeout", "limit", "limits"}},
	{threat.StructureFacet, []string{"function", "class", "module", "middleware", "interface", "component", "layer"}},
}

// guessKind tells the kind of a facet by its words; behaviour where none speaks of another.
func guessKind(text string) threat.FacetKind {
	words := wordsOf(text)
	for _, c := range kindCues {
		for _, w := range c.words {
			if slices.Contains(words, w) {
				return c.kind
			}
		}
	}
	return threat.BehaviourFacet
}
