package pipeline

import (
	"regexp"
	"slices"
	"strings"

	"github.com/redoubt-dev/redoubt/threat"
)

// Catalogue knows entities by a few words that name them.
type Catalogue interface {
	KnownAsset(words string) (AssetProposal, bool)
	KnownAttacker(words string) (AttackerProposal, bool)
}

// Understand carries out, without anybody's help, an instruction in which all that is needed is said: remove, rename, rate or set a field
// of entities that are named by id or by their whole name, and, where there is a catalogue, add what it knows. Several of them stand
// on lines of their own or between semicolons. ok is false when any of it is not understood; then nobody should act on a part of it.
func Understand(s *threat.Structure, instruction string, c Catalogue) (operations []Operation, ok bool) {
	for line := range strings.FieldsFuncSeq(instruction, func(r rune) bool { return r == '\n' || r == ';' }) {
		line = strings.TrimSpace(strings.TrimRight(strings.TrimSpace(strings.TrimLeft(strings.TrimSpace(line), "-*•")), ".!"))
		if line == "" {
			continue
		}
		if l, please := cutWord(line, "please"); please {
			line = l
		}
		some := understandOne(s, line, c)
		if len(some) == 0 {
			return nil, false
		}
		operations = append(operations, some...)
	}
	return operations, len(operations) > 0 && len(operations) <= MaxOperations
}

var (
	removeOrder  = regexp.MustCompile(`(?i)^(?:remove|delete|drop)\s+(.+)$`)
	renameOrder  = regexp.MustCompile(`(?i)^rename\s+(.+?)\s+(?:to|as|into)\s+(.+)$`)
	rateOrder    = regexp.MustCompile(`(?i)^(?:set|change|raise|lower|rate)\s+(?:the\s+)?(impact|likelihood)\s+(?:of|for)\s+(.+?)\s+(?:to|as|=)\s+(\S+)$`)
	rateThis     = regexp.MustCompile(`(?i)^rate\s+(.+?)\s+(?:as\s+|to\s+)?(\S+)$`)
	rateFrom     = regexp.MustCompile(`(?i)^(.+)\s+from\s+(?:h|high|m|medium|l|low)$`)
	rateAs       = regexp.MustCompile(`(?i)^(?:(?:make|mark|set|treat)\s+)?(.+?)\s+(?:(?:is|as|to|=)\s+)?(?:of\s+)?(h|high|m|medium|l|low)(?:\s+(impact|likelihood))?$`)
	setOrder     = regexp.MustCompile(`(?i)^(?:set|change|replace)\s+(?:the\s+)?(name|description|notes|capability|position|archetype|text|properties)\s+(?:of|for)\s+(.+?)\s+(?:to|with|as)\s+(.+)$`)
	setOfOrder   = regexp.MustCompile(`(?i)^(?:set|change|raise|lower)\s+(.+?)(?:'s|’s)\s+(impact|likelihood|name|description|notes|capability|position|archetype|text|properties)\s+(?:to|as|=)\s+(.+)$`)
	addOrder     = regexp.MustCompile(`(?i)^add\s+(.+)$`)
	levelWords   = map[string]threat.Level{"h": threat.High, "high": threat.High, "m": threat.Medium, "medium": threat.Medium, "l": threat.Low, "low": threat.Low}
	propertyWord = map[string]threat.Property{
		"c": threat.Confidentiality, "confidentiality": threat.Confidentiality, "i": threat.Integrity, "integrity": threat.Integrity,
		"a": threat.Availability, "availability": threat.Availability, "u": threat.Usage, "usage": threat.Usage,
	}
)

// rating is the field that rates an entity of a kind.
var rating = map[threat.Kind]string{threat.KindAsset: "impact", threat.KindAttacker: "likelihood"}

func understandOne(s *threat.Structure, line string, c Catalogue) []Operation {
	if m := removeOrder.FindStringSubmatch(line); m != nil {
		return remove(s, m[1])
	}
	if m := renameOrder.FindStringSubmatch(line); m != nil {
		return setField(s, m[1], "name", m[2])
	}
	if m := rateOrder.FindStringSubmatch(line); m != nil {
		if from := rateFrom.FindStringSubmatch(m[2]); from != nil {
			m[2] = from[1]
		}
		return setField(s, m[2], strings.ToLower(m[1]), m[3])
	}
	if m := setOrder.FindStringSubmatch(line); m != nil {
		return setField(s, m[2], strings.ToLower(m[1]), m[3])
	}
	if m := setOfOrder.FindStringSubmatch(line); m != nil {
		return setField(s, m[1], strings.ToLower(m[2]), m[3])
	}
	if m := rateThis.FindStringSubmatch(line); m != nil {
		if id, kind, ok := refer(s, m[1]); ok {
			return setField(s, string(id), rating[kind], m[2])
		}
	}
	if m := rateAs.FindStringSubmatch(line); m != nil {
		if id, kind, ok := refer(s, m[1]); ok && (m[3] == "" || rating[kind] == strings.ToLower(m[3])) {
			return setField(s, string(id), rating[kind], m[2])
		}
	}
	if m := addOrder.FindStringSubmatch(line); m != nil && c != nil {
		return addKnown(m[1], c)
	}
	return nil
}

// remove reads "A2", "the assets A2, A3 and T1" or a whole name.
func remove(s *threat.Structure, what string) []Operation {
	if id, kind, ok := refer(s, what); ok {
		return []Operation{{Op: OpRemove, Kind: kind, ID: id}}
	}
	var out []Operation
	for _, ref := range regexp.MustCompile(`(?i)\s*,\s*(?:and\s+)?|\s+and\s+`).Split(what, -1) {
		id, kind, ok := refer(s, ref)
		if !ok || slices.ContainsFunc(out, func(o Operation) bool { return o.ID == id }) {
			return nil
		}
		out = append(out, Operation{Op: OpRemove, Kind: kind, ID: id})
	}
	return out
}

// refer resolves "A2", "the attacker T1" or an entity's whole name, which must be that of one entity alone. An id that the model does not
// have is taken too: that it is not there is the domain's to say.
func refer(s *threat.Structure, ref string) (threat.ID, threat.Kind, bool) {
	ref = unquote(ref)
	if rest, ok := cutWord(ref, "the"); ok {
		ref = rest
	}
	var want threat.Kind
	for _, k := range []struct {
		word string
		kind threat.Kind
	}{
		{"assets", threat.KindAsset},
		{"asset", threat.KindAsset},
		{"attackers", threat.KindAttacker},
		{"attacker", threat.KindAttacker},
		{"trust boundaries", threat.KindBoundary},
		{"trust boundary", threat.KindBoundary},
		{"boundary", threat.KindBoundary},
		{"assumptions", threat.KindAssumption},
		{"assumption", threat.KindAssumption},
	} {
		rest, ok := cutWord(ref, k.word)
		if !ok {
			rest, ok = cutLastWord(ref, k.word) // "the Files asset", unless that is its name
			ok = ok && !named(s, ref)
		}
		if ok {
			ref, want = unquote(rest), k.kind
			break
		}
	}
	if id := threat.ID(strings.ToUpper(ref)); entityID.MatchString(strings.ToLower(ref)) {
		return id, id.Kind(), want == "" || id.Kind() == want
	}
	var found []threat.ID
	add := func(id threat.ID, name string) {
		if strings.EqualFold(name, ref) && (want == "" || id.Kind() == want) {
			found = append(found, id)
		}
	}
	for _, a := range s.Assets {
		add(a.ID, a.Name)
	}
	for _, t := range s.Attackers {
		add(t.ID, t.Name)
	}
	for _, b := range s.Boundaries {
		add(b.ID, b.Name)
	}
	if len(found) != 1 {
		return "", "", false
	}
	return found[0], found[0].Kind(), true
}

// named reports whether an entity has this whole name.
func named(s *threat.Structure, name string) bool {
	return slices.ContainsFunc(s.Assets, func(a threat.Asset) bool { return strings.EqualFold(a.Name, name) }) ||
		slices.ContainsFunc(s.Attackers, func(t threat.Attacker) bool { return strings.EqualFold(t.Name, name) }) ||
		slices.ContainsFunc(s.Boundaries, func(b threat.Boundary) bool { return strings.EqualFold(b.Name, name) })
}

// setField makes the edit of one field, nil when the kind has no such field or the value is none of it.
func setField(s *threat.Structure, ref, field, value string) []Operation {
	id, kind, ok := refer(s, ref)
	value = unquote(value)
	if !ok || value == "" || !slices.Contains(fieldNames[kind], field) {
		return nil
	}
	o := Operation{Op: OpEdit, Kind: kind, ID: id}
	f := &o.Fields
	level, rated := levelWords[strings.ToLower(value)]
	switch field {
	case "impact", "likelihood":
		if !rated {
			return nil
		}
		if field == "impact" {
			f.Impact = &level
		} else {
			f.Likelihood = &level
		}
	case "properties":
		for _, w := range wordsOf(value) {
			p, known := propertyWord[w]
			switch {
			case known && !slices.Contains(f.Properties, p):
				f.Properties = append(f.Properties, p)
			case !known && w != "and":
				return nil
			}
		}
	case "name":
		f.Name = &value
	case "description":
		f.Description = &value
	case "notes":
		f.Notes = &value
	case "capability":
		f.Capability = &value
	case "position":
		f.Position = &value
	case "archetype":
		f.Archetype = &value
	case "text":
		f.Text = &value
	}
	return []Operation{o}
}

// addKnown reads "a database attacker", "the asset Backups", and asks the catalogue.
func addKnown(what string, c Catalogue) []Operation {
	kind := threat.Kind("")
	for _, article := range []string{"the", "an", "a", "another"} {
		if rest, ok := cutWord(what, article); ok {
			what = rest
			break
		}
	}
	for word, k := range map[string]threat.Kind{"asset": threat.KindAsset, "attacker": threat.KindAttacker} {
		rest, ok := cutWord(what, word)
		if !ok {
			rest, ok = cutLastWord(what, word)
		}
		if ok {
			what, kind = rest, k
		}
	}
	what = unquote(what)
	if what == "" || len(strings.Fields(what)) > 8 {
		return nil // more than a name: somebody has to think
	}
	if kind != threat.KindAsset {
		if t, ok := c.KnownAttacker(what); ok {
			return []Operation{{Op: OpAdd, Kind: threat.KindAttacker, Fields: Fields{
				Name: &t.Name, Capability: &t.Capability, Position: &t.Position, Archetype: &t.Archetype, Likelihood: &t.Likelihood,
			}}}
		}
	}
	if kind != threat.KindAttacker {
		if a, ok := c.KnownAsset(what); ok {
			return []Operation{{Op: OpAdd, Kind: threat.KindAsset, Fields: Fields{
				Name: &a.Name, Description: &a.Description, Properties: a.Properties, Impact: &a.Impact, Notes: &a.Notes,
			}}}
		}
	}
	return nil
}

// cutWord takes a word or phrase from the beginning of a text.
func cutWord(s, word string) (string, bool) {
	if len(s) > len(word) && strings.EqualFold(s[:len(word)], word) && (s[len(word)] == ' ' || s[len(word)] == ':') {
		return strings.TrimLeft(s[len(word):], " :"), true
	}
	return s, false
}

func cutLastWord(s, word string) (string, bool) {
	if at := len(s) - len(word); at > 0 && s[at-1] == ' ' && strings.EqualFold(s[at:], word) {
		return strings.TrimSpace(s[:at]), true
	}
	return s, false
}

// unquote takes the quotes off a text that stands in them.
func unquote(s string) string {
	s = strings.TrimSpace(s)
	for _, q := range []string{`""`, "''", "“”", "‘’", "``"} {
		r := []rune(q)
		if inner, ok := strings.CutPrefix(s, string(r[0])); ok {
			if inner, ok := strings.CutSuffix(inner, string(r[1])); ok && !strings.ContainsRune(inner, r[1]) {
				return strings.TrimSpace(inner)
			}
		}
	}
	return s
}
