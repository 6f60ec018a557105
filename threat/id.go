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
	n, err := strconv.Atoi(s[i:])
	if err != nil {
		return "", 0
	}
	for k, p := range prefixes {
		if p == s[:i] {
			return k, n
		}
	}
	return "", 0
}

// Objective returns the id of the control objective for one asset and one attacker: "CO-A1-T2". It follows from the
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

// CompareIDs orders ids as people read them: A2 before A10, CO-A2-T1 before CO-A10-T1.
func CompareIDs(a, b ID) int {
	if aa, at, ok := SplitObjective(a); ok {
		if ba, bt, ok := SplitObjective(b); ok {
			if c := cmp.Compare(aa.Number(), ba.Number()); c != 0 {
				return c
			}
			return cmp.Compare(at.Number(), bt.Number())
		}
	}
	ak, an := a.split()
	bk, bn := b.split()
	if ak != "" && ak == bk {
		return cmp.Compare(an, bn)
	}
	return cmp.Compare(a, b)
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
