package pipeline

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/redoubt-dev/redoubt/threat"
)

// RemedyStep names the questions about what a model lacks to meet requirements.
const RemedyStep = "close_gaps"

// Bounds of a question about needs, and of an answer.
const (
	mostNeeds    = 20 // in one question
	mostRemedies = 12 // of one sort in one answer
	maxRemedyWhy = 300
)

// Remediation gathers what is proposed to meet needs, answer by answer. Every proposal is taken into a copy of the structure, by the rules
// that hold for a user's edits, so that later answers can name it and cannot double it.
type Remediation struct {
	structure threat.Structure
	counters  threat.Counters
	list      []Remedy
	entity    []threat.ID // of each remedy in the structure; "" where the needs do not apply
	proposed  []bool      // whether it is none of the model's own
}

// NewRemediation starts with a model as it is. Neither argument is written to.
func NewRemediation(s *threat.Structure, c threat.Counters) *Remediation {
	return &Remediation{structure: *s.Clone(), counters: c.Clone()}
}

// Batches says how many of the needs go into each question. Some room is left for what earlier answers will have proposed.
func (r *Remediation) Batches(needs []Need, limit int) []int {
	return batches(len(needs), mostNeeds, limit-limit/16, func(from, to int) brief { return r.brief(RemedyStep, needs[from:to]) })
}

// Question asks what the model lacks to meet needs. limit bounds its size in bytes.
func (r *Remediation) Question(step string, needs []Need, limit int) Question {
	return r.brief(step, needs).question(limit)
}

func (r *Remediation) brief(step string, needs []Need) brief {
	b := brief{step: step, text: promptFile("close_gaps.md"), schema: Compact(promptFile("remedies.schema.json"))}
	kinds := []threat.Kind{threat.KindAsset, threat.KindAttacker}
	b.parts = func(d detail) []part {
		lines := make([]string, len(needs))
		for i, n := range needs {
			lines[i] = n.line(d)
		}
		brief, of := d, d
		if d.text <= aLine.text { // where room is dear it belongs to the requirements
			brief, of = detail{min(d.name, 40), 0}, detail{0, d.text / 10}
		}
		out := []part{{"requirements", "The requirements:", strings.Join(lines, "\n")}}
		out = append(out, entityParts(&r.structure, kinds, brief, nil)...)
		return append(out, featurePart(r.structure.Feature, of))
	}
	return b
}

// ParseRemedies reads an answer to [Remediation.Question]. Requirements other than those asked about are refused, as is an answer that
// forgets one: it would look like one that nothing can be done about. Errors: [threat.Invalid].
func ParseRemedies(needs []Need, raw []byte) ([]Remedy, error) {
	root, err := ParseObject(raw)
	if err != nil {
		return nil, err
	}
	served, ruledOut := map[string]bool{}, map[string]bool{}
	finish := func(o *Object, m Remedy, into map[string]bool) Remedy {
		m.Why = o.Line("reason", maxRemedyWhy)
		for i, id := range o.Texts("requirements", 2*len(needs), maxRequirementID) {
			switch {
			case !slices.ContainsFunc(needs, func(n Need) bool { return n.ID == id }):
				o.refuse(fmt.Sprint("requirements.", i), "the ids of the list", "it is none of those asked about")
			case !slices.Contains(m.Needs, id):
				m.Needs = append(m.Needs, id)
				into[id] = true
			}
		}
		if len(m.Needs) == 0 {
			o.refuse("requirements", "at least one id of the list", "it is for no requirement")
		}
		return m
	}
	root.Only("existing", "assets", "attackers", "not_applicable")
	out := each(root, "existing", 0, len(needs), func(o *Object) Remedy {
		o.Only("id", "requirements", "reason")
		return finish(o, Remedy{Existing: threat.ID(o.Line("id", maxID))}, served)
	})
	out = append(out, each(root, "assets", 0, mostRemedies, func(o *Object) Remedy {
		o.Only("name", "description", "properties", "impact", "requirements", "reason")
		return finish(o, Remedy{Asset: &AssetProposal{
			Name: o.Line("name", threat.MaxName), Description: o.Optional("description", threat.MaxDescription),
			Properties: enums(o, "properties", threat.Properties()), Impact: enum(o, "impact", threat.Levels()),
		}}, served)
	})...)
	out = append(out, each(root, "attackers", 0, mostRemedies, func(o *Object) Remedy {
		o.Only("name", "capability", "position", "archetype", "likelihood", "requirements", "reason")
		return finish(o, Remedy{Attacker: &AttackerProposal{
			Name: o.Line("name", threat.MaxName), Capability: o.Text("capability", threat.MaxText), Position: o.Text("position", threat.MaxText),
			Archetype: o.Line("archetype", threat.MaxName), Likelihood: enum(o, "likelihood", threat.Levels()),
		}}, served)
	})...)
	out = append(out, each(root, "not_applicable", 0, len(needs), func(o *Object) Remedy {
		o.Only("requirements", "reason")
		return finish(o, Remedy{NotApplicable: true}, ruledOut)
	})...)
	if err := root.Err(); err != nil {
		return nil, err
	}
	var forgotten []string
	for _, n := range needs {
		switch {
		case served[n.ID] && ruledOut[n.ID]:
			root.refuse("not_applicable", "one or the other", "%s does not apply, and something is proposed for it", n.ID)
		case !served[n.ID] && !ruledOut[n.ID]:
			forgotten = append(forgotten, n.ID)
		}
	}
	if len(forgotten) > 0 {
		root.refuse("", "every requirement of the list, under what is proposed for it or under not_applicable", "forgotten: %s", threat.Clip(strings.Join(forgotten, ", "), 150))
	}
	return out, root.Err()
}

// sort is the member of an answer that a remedy stands in.
func (m *Remedy) sort() string {
	switch {
	case m.NotApplicable:
		return "not_applicable"
	case m.Existing != "":
		return "existing"
	case m.Asset != nil:
		return "assets"
	}
	return "attackers"
}

// Fits says whether [Remediation.Accept] would take an answer. Errors: its.
func (r *Remediation) Fits(answer []Remedy) error {
	_, err := r.with(answer)
	return err
}

// Accept takes an answer, in the order in which [ParseRemedies] returns it. After an error nothing of it is taken. Errors: [threat.Invalid] and
// [threat.Conflict], with an item for each thing wrong.
func (r *Remediation) Accept(answer []Remedy) error {
	next, err := r.with(answer)
	if err == nil {
		*r = *next
	}
	return err
}

func (r *Remediation) with(answer []Remedy) (*Remediation, error) {
	next := &Remediation{
		structure: *r.structure.Clone(), counters: r.counters.Clone(), list: cloneRemedies(r.list), entity: slices.Clone(r.entity), proposed: slices.Clone(r.proposed),
	}
	known := len(r.list)
	var wrong []*threat.Error
	place := map[string]int{}
	for _, m := range answer {
		at := fmt.Sprintf("%s.%d", m.sort(), place[m.sort()])
		place[m.sort()]++
		var te *threat.Error
		switch err := next.take(m, known); {
		case errors.As(err, &te):
			if len(wrong) < maxReasons {
				wrong = append(wrong, te.In(at))
			}
		case err != nil:
			return nil, err
		}
	}
	return next, threat.Batch(wrong)
}

// take takes one remedy. known is how many there were before the answer: only those have ids that the thinker can have seen.
func (r *Remediation) take(m Remedy, known int) error {
	m.Needs = slices.Clone(m.Needs)
	var id threat.ID
	own := m.Existing != ""
	switch {
	case m.NotApplicable:
	case own:
		id = m.Existing
		if i := slices.Index(r.entity, id); i >= 0 {
			if i >= known && r.proposed[i] {
				return threat.Errorf(threat.Invalid, "it is not in the list").In("id").Hinted("an id of the list of assets and attackers")
			}
			for _, n := range m.Needs {
				if !slices.Contains(r.list[i].Needs, n) {
					r.list[i].Needs = append(r.list[i].Needs, n)
				}
			}
			return nil
		}
		if a := r.structure.Asset(id); a != nil {
			m.Asset = &AssetProposal{Name: a.Name, Description: a.Description, Properties: a.Properties, Impact: a.Impact}
		} else if t := r.structure.Attacker(id); t != nil {
			m.Attacker = &AttackerProposal{Name: t.Name, Capability: t.Capability, Position: t.Position, Archetype: t.Archetype, Likelihood: t.Likelihood}
		} else {
			return threat.Errorf(threat.Invalid, "it is no asset or attacker of the model").In("id").Hinted("an id of the list of assets and attackers")
		}
	default:
		var err error
		if id, err = m.Enter(&r.structure, r.counters, ""); err != nil {
			var te *threat.Error
			if errors.As(err, &te) && te.Code == threat.Conflict && te.Field == "name" {
				return te.Hinted("name what has it under existing, or choose a name that tells the two apart")
			}
			return err
		}
	}
	r.list, r.entity, r.proposed = append(r.list, m), append(r.entity, id), append(r.proposed, !own && !m.NotApplicable)
	return nil
}

// Enter adds the asset or the attacker that a remedy proposes to a structure and returns its id. notes are the asset's. Errors: [threat.Invalid],
// [threat.Conflict] for a name that is there, [threat.NotFound] for an existing one that is gone.
func (m *Remedy) Enter(s *threat.Structure, c threat.Counters, notes string) (threat.ID, error) {
	switch {
	case m.Existing != "":
		if s.Asset(m.Existing) == nil && s.Attacker(m.Existing) == nil {
			return "", threat.Errorf(threat.NotFound, "%s is gone", m.Existing)
		}
		return m.Existing, nil
	case m.Asset != nil:
		a, err := s.AddAsset(c, threat.Asset{Name: m.Asset.Name, Description: m.Asset.Description, Properties: m.Asset.Properties, Impact: m.Asset.Impact, Notes: notes})
		return a.ID, err
	case m.Attacker != nil:
		p := m.Attacker
		t, err := s.AddAttacker(c, threat.Attacker{Name: p.Name, Capability: p.Capability, Position: p.Position, Archetype: p.Archetype, Likelihood: p.Likelihood})
		return t.ID, err
	}
	return "", threat.Errorf(threat.Invalid, "it proposes nothing")
}

// Remedies are what was accepted, those for the most needs first.
func (r *Remediation) Remedies() []Remedy {
	out := cloneRemedies(r.list)
	slices.SortStableFunc(out, func(a, b Remedy) int { return len(b.Needs) - len(a.Needs) })
	return out
}

func cloneRemedies(list []Remedy) []Remedy {
	out := slices.Clone(list)
	for i := range out {
		out[i].Needs = slices.Clone(out[i].Needs)
	}
	return out
}
