package threat

import (
	"slices"
	"strings"
)

// Level is a rating: impact of an asset, likelihood of an attacker.
type Level string

// The levels.
const (
	High   Level = "H"
	Medium Level = "M"
	Low    Level = "L"
)

// Levels lists the legal levels, highest first.
func Levels() []Level { return []Level{High, Medium, Low} }

// Property is a security property of an asset.
type Property string

// The properties. Usage is purpose-binding, for non-extractable assets with an operational interface.
const (
	Confidentiality Property = "C"
	Integrity       Property = "I"
	Availability    Property = "A"
	Usage           Property = "U"
)

// Properties lists the legal properties in the order in which statements name them.
func Properties() []Property {
	return []Property{Confidentiality, Integrity, Availability, Usage}
}

// Word returns the property's name in a sentence.
func (p Property) Word() string {
	switch p {
	case Confidentiality:
		return "Confidentiality"
	case Integrity:
		return "Integrity"
	case Availability:
		return "Availability"
	case Usage:
		return "Usage"
	}
	return string(p)
}

// Tier is the risk tier of a control objective.
type Tier string

// The tiers.
const (
	Critical   Tier = "critical"
	HighTier   Tier = "high"
	MediumTier Tier = "medium"
	LowTier    Tier = "low"
)

// Tiers lists the tiers, gravest first.
func Tiers() []Tier { return []Tier{Critical, HighTier, MediumTier, LowTier} }

// Risk returns the tier for an impact and a likelihood, from the table of specification §2. It returns [Invalid] for a
// missing or unknown rating: there is no silent default.
func Risk(impact, likelihood Level) (Tier, error) {
	if err := checkLevel(impact, "impact"); err != nil {
		return "", err
	}
	if err := checkLevel(likelihood, "likelihood"); err != nil {
		return "", err
	}
	return risk[impact.row()][likelihood.row()], nil
}

// risk has a row per impact and a column per likelihood: H, M, L.
var risk = [3][3]Tier{
	{Critical, HighTier, MediumTier},
	{HighTier, MediumTier, LowTier},
	{MediumTier, LowTier, LowTier},
}

// row is the place of a level in the risk table, or -1 for none.
func (l Level) row() int {
	switch l {
	case High:
		return 0
	case Medium:
		return 1
	case Low:
		return 2
	}
	return -1
}

func checkLevel(l Level, field string) error {
	if l.row() < 0 {
		return invalidEnum(field, l, Levels()).In(field)
	}
	return nil
}

// checkProperties returns the properties in statement order without repeats.
func checkProperties(ps []Property) ([]Property, error) {
	if len(ps) == 0 {
		return nil, invalidEnum("properties", Property(""), Properties()).In("properties")
	}
	for _, p := range ps {
		if !slices.Contains(Properties(), p) {
			return nil, invalidEnum("property", p, Properties()).In("properties")
		}
	}
	out := make([]Property, 0, len(ps))
	for _, p := range Properties() {
		if slices.Contains(ps, p) {
			out = append(out, p)
		}
	}
	return out, nil
}

// propertyPhrase joins property names with commas and a final "and".
func propertyPhrase(ps []Property) string {
	words := make([]string, len(ps))
	for i, p := range ps {
		words[i] = p.Word()
	}
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}
