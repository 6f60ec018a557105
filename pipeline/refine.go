package pipeline

import (
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/redoubt-dev/redoubt/threat"
)

// RefineStep names the question of a refinement.
const RefineStep = "refine_model"

// needs says what an added entity of each kind must have.
var needs = map[threat.Kind]string{
	threat.KindAsset:      `- A new asset needs name, description, properties and impact. impact: of losing the properties; H: the feature or its users are badly harmed, M: harm that can be repaired, L: a nuisance.`,
	threat.KindAttacker:   `- A new attacker needs name, capability (operations in verbs), position (where it stands), archetype (a word or two) and likelihood. H: open to anyone, M: needs an account, inside access or aimed work, L: needs rare access or great resources. trust_boundaries: where it stands, by id; none: anywhere.`,
	threat.KindBoundary:   `- A new trust boundary needs name and description; assets: ids of those exposed through it, attackers: ids of those standing at it.`,
	threat.KindAssumption: `- A new assumption needs text and assumption_kind (external: a person attests it; non_applicability: code proves that something is not there); control_objectives: ids such as CO-A1-T2 of those it answers.`,
}

// RefineQuestion asks for the operations that carry out an instruction on the entities of some kinds. limit bounds its size in bytes.
func RefineQuestion(s *threat.Structure, instruction string, kinds []threat.Kind, limit int) Question {
	var rules, names []string
	for _, k := range kinds {
		rules = append(rules, needs[k])
		names = append(names, string(k))
	}
	text := promptFile("refine_model.md")
	text = strings.NewReplacer("{{kinds}}", strings.Join(names, " or "), "{{needs}}", strings.Join(rules, "\n")).Replace(text)
	words := wordsOf(instruction)
	relevant := func(id threat.ID) bool { return slices.Contains(words, strings.ToLower(string(id))) }
	// Kinds that are not asked about have no place: boundaries name assets and attackers by id, so those come with them.
	shown := slices.Clone(kinds)
	if slices.Contains(kinds, threat.KindBoundary) || slices.Contains(kinds, threat.KindAssumption) {
		for _, k := range []threat.Kind{threat.KindAsset, threat.KindAttacker} {
			if !slices.Contains(shown, k) {
				shown = append(shown, k)
			}
		}
	}
	if slices.Contains(kinds, threat.KindAttacker) && !slices.Contains(shown, threat.KindBoundary) {
		shown = append(shown, threat.KindBoundary)
	}
	b := brief{step: RefineStep, text: text, schema: operationsSchema(kinds)}
	b.parts = func(d detail) []part {
		out := []part{{"request", "The request:", instruction}}
		for _, k := range RefinedKinds() {
			at := d
			if !slices.Contains(kinds, k) {
				at = detail{min(d.name, 80), 0} // there to be named, not to be changed
			}
			list := entityParts(s, []threat.Kind{k}, at, relevant)
			if !slices.Contains(shown, k) {
				list[0].data = ""
			}
			out = append(out, list...)
		}
		return append(out, featurePart(s.Feature, d))
	}
	return b.question(limit)
}

// kindWords are the words that name a kind of entity, and those that only speak of one.
var kindWords = []struct {
	kind   threat.Kind
	names  []string
	speaks []string
}{
	{threat.KindAsset, []string{"asset"}, []string{"data", "impact", "property", "propertie", "confidentiality", "integrity", "availability", "secret", "record"}},
	{threat.KindAttacker, []string{"attacker", "adversary", "adversarie", "actor", "insider", "intruder", "thief", "hacker"}, []string{"likelihood", "capability", "capabilitie", "position", "archetype", "attack"}},
	{threat.KindBoundary, []string{"boundary", "boundarie"}, []string{"perimeter", "zone", "network", "segment", "exposed"}},
	{threat.KindAssumption, []string{"assumption", "assume", "assumed"}, []string{"presume", "attest", "attested", "rely", "relie"}},
}

var entityID = regexp.MustCompile(`^(?:tb|as|a|t)[1-9][0-9]{0,6}$`)

// KindsConcerned tells, without anybody's help, which kinds of entities an instruction is about: those of the ids and kinds that it
// names, else those that its words speak of, else all. The result is in the order of [RefinedKinds] and never empty.
func KindsConcerned(instruction string) []threat.Kind {
	named, spoken := map[threat.Kind]bool{}, map[threat.Kind]bool{}
	for _, w := range wordsOf(instruction) {
		if entityID.MatchString(w) {
			named[threat.ID(strings.ToUpper(w)).Kind()] = true
		}
		w = strings.TrimSuffix(w, "s")
		for _, k := range kindWords {
			if slices.Contains(k.names, w) {
				named[k.kind] = true
			}
			if slices.Contains(k.speaks, w) {
				spoken[k.kind] = true
			}
		}
	}
	if len(named) == 0 {
		named = spoken
	}
	if len(named) == 0 {
		return RefinedKinds()
	}
	return slices.DeleteFunc(RefinedKinds(), func(k threat.Kind) bool { return !named[k] })
}

// wordsOf are the words of a text in lower case.
func wordsOf(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}
