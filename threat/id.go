package threat

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Kind is the kind of thing a model-local id names.
type Kind string

// The kinds that count up per model, and the feature description, which is versioned beside the entities.
const (
	KindAsset      Kind = "asset"
	KindAttacker   Kind = "attacker"
	KindBoundary   Kind = "trust_boundary"
	KindAssumption Kind = "assumption"
	KindControl    Kind = "control"
	KindAssertion  Kind = "assertion"
	KindFinding    Kind = "finding"
	KindFeature    Kind = "feature"
)

// FeatureID is the entity id under which the feature description is versioned.
const FeatureID ID = "FEATURE"

var prefixes = map[Kind]string{
	KindAsset:      "A",
	KindAttacker:   "T",
	KindBoundary:   "TB",
	KindAssumption: "AS",
	KindControl:    "C",
	KindAssertion:  "E",
	KindFinding:    "F",
}

// ID names one thing within a model: "A1", "T2", "TB1", "AS3", "C4", "C4.a", "CO-A1-T2".
type ID string

// Kind returns the kind of a counted id, or "" when id is not of the form of one.
func (id ID) Kind() Kind {
	k, _ := id.split()
	return k
}

// Number returns the number within a counted id, or 0.
func (id ID) Number() int {
	_, n := id.split()
	return n
}

func (id ID) split() (Kind, int) {
	s := string(id)
	i := strings.IndexAny(s, "0123456789")
	if i <= 0 || len(s)-i > 9 || s[i] == '0' {
		return "", 0
	}
	k := kindOf(s[:i])
	if k == "" {
		return "", 0
	}
	n, err := strconv.Atoi(s[i:])
	if err != nil {
		return "", 0
	}
	return k, n
}

// kindOf is the inverse of prefixes; a search for an id calls it often.
func kindOf(prefix string) Kind {
	switch prefix {
	case "A":
		return KindAsset
	case "T":
		return KindAttacker
	case "TB":
		return KindBoundary
	case "AS":
		return KindAssumption
	case "C":
		return KindControl
	case "E":
		return KindAssertion
	case "F":
		return KindFinding
	}
	return ""
}

// ObjectiveID returns the id of the control objective for one asset and one attacker: "CO-A1-T2". It follows from the
// pair, so it is stable by construction.
func ObjectiveID(asset, attacker ID) ID {
	return "CO-" + asset + "-" + attacker
}

// SplitObjective returns the asset and attacker that a CO id names; ok is false when id is not a CO id.
func SplitObjective(id ID) (asset, attacker ID, ok bool) {
	rest, found := strings.CutPrefix(string(id), "CO-")
	if !found {
		return "", "", false
	}
	a, t, found := strings.Cut(rest, "-")
	if !found || ID(a).Kind() != KindAsset || ID(t).Kind() != KindAttacker {
		return "", "", false
	}
	return ID(a), ID(t), true
}

// CompareIDs orders ids as people read them: A2 before A10, CO-A2-T1 before CO-A10-T1, C2.b before C10.a. Anything else
// comes last. It is a total order, and only equal ids compare as equal.
func CompareIDs(a, b ID) int {
	ak, an, am := a.key()
	bk, bn, bm := b.key()
	switch {
	case ak == "" && bk == "":
		return cmp.Compare(a, b)
	case ak == "":
		return 1
	case bk == "":
		return -1
	}
	return cmp.Or(cmp.Compare(ak, bk), cmp.Compare(an, bn), cmp.Compare(am, bm))
}

// key returns what an id is ordered by; word is empty when id is none.
func (id ID) key() (word string, n, m int) {
	if k, n := id.split(); k != "" {
		return prefixes[k], n, 0
	}
	if a, t, ok := SplitObjective(id); ok {
		return "CO", a.Number(), t.Number()
	}
	if c, letters, ok := strings.Cut(string(id), "."); ok && ID(c).Kind() == KindControl {
		if m := FacetNumber(letters); m > 0 {
			return prefixes[KindControl], ID(c).Number(), m
		}
	}
	return "", 0, 0
}

// SortIDs returns ids sorted by [CompareIDs] without repeats. The result is never nil.
func SortIDs(ids []ID) []ID {
	out := append(make([]ID, 0, len(ids)), ids...)
	slices.SortFunc(out, CompareIDs)
	return slices.Compact(out)
}

// Counters holds, per kind, the number the next id gets. Numbers only rise: an id is never given twice, across versions
// and deletions. The zero value starts every kind at 1.
type Counters map[Kind]int

// Next takes the next id of a kind.
func (c Counters) Next(k Kind) ID {
	n := max(c[k], 1)
	c[k] = n + 1
	return ID(prefixes[k] + strconv.Itoa(n))
}

// give returns id, or the next one when it is empty. A number that comes with an entity counts as taken, so that it is not
// given to another one later.
func (c Counters) give(k Kind, id ID) ID {
	if id == "" {
		return c.Next(k)
	}
	if id.Kind() == k {
		c[k] = max(c[k], id.Number()+1)
	}
	return id
}

// Clone returns an independent copy.
func (c Counters) Clone() Counters {
	out := make(Counters, len(c))
	for k, n := range c {
		out[k] = n
	}
	return out
}

// FacetLetter returns the letters of the n-th facet, counted from 1: a … z, aa, ab …
func FacetLetter(n int) string {
	var s string
	for n > 0 {
		n--
		s = string(rune('a'+n%26)) + s
		n /= 26
	}
	return s
}

// FacetNumber is the inverse of [FacetLetter]; 0 when s is not such letters.
func FacetNumber(s string) int {
	n := 0
	for _, r := range s {
		if r < 'a' || r > 'z' || n > 1<<20 {
			return 0
		}
		n = n*26 + int(r-'a') + 1
	}
	return n
}
