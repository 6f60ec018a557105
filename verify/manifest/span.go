package manifest

import (
	"fmt"
	"slices"
	"strings"

	"deps.dev/util/semver"
)

// span is a run of versions. A nil bound is none.
type span struct {
	min, max         *semver.Version
	minOpen, maxOpen bool // the bound itself is not in it
}

// infinity stands for the "∞" of the library's sets: larger than any number in a version, dates with seconds included.
const infinity = "900000000000000000"

// spansOf reads the spans of a set from its text, which is what the library promises of it. (Its own intersection makes a
// version of the hole that "!=" leaves, so that it cannot tell whether a set lies within another.)
func spansOf(sys semver.System, set semver.Set) ([]span, error) {
	text := strings.Trim(set.String(), "{}")
	if text == "" {
		return nil, nil
	}
	var spans []span
	for one := range strings.SplitSeq(text, ",") {
		if one == "<empty>" {
			continue
		}
		s := span{}
		low, high := one, one
		if one[0] == '[' || one[0] == '(' {
			s.minOpen, s.maxOpen = one[0] == '(', one[len(one)-1] == ')'
			var ok bool
			if low, high, ok = strings.Cut(one[1:len(one)-1], ":"); !ok {
				return nil, fmt.Errorf("a span without a colon: %s", one)
			}
		}
		var err error
		if s.min, err = sys.Parse(low); err != nil {
			return nil, err
		}
		if s.max, err = sys.Parse(strings.ReplaceAll(high, "∞", infinity)); err != nil {
			return nil, err
		}
		if !s.empty() {
			spans = append(spans, s)
		}
	}
	slices.SortStableFunc(spans, func(a, b span) int { return a.min.Compare(b.min) })
	return spans, nil
}

func (s span) empty() bool {
	if s.min == nil || s.max == nil {
		return false
	}
	d := s.min.Compare(s.max)
	return d > 0 || d == 0 && (s.minOpen || s.maxOpen)
}

func (s span) holds(v *semver.Version) bool {
	if s.min != nil {
		if d := v.Compare(s.min); d < 0 || d == 0 && s.minOpen {
			return false
		}
	}
	if s.max != nil {
		if d := v.Compare(s.max); d > 0 || d == 0 && s.maxOpen {
			return false
		}
	}
	return true
}

// within reports whether all versions of the spans lie in those of the other, which are in ascending order.
func within(spans, others []span) bool {
	for _, s := range spans {
		if !covered(s, others) {
			return false
		}
	}
	return len(spans) > 0
}

// covered goes from the lower bound of s upwards, from span to span, as far as they leave no gap.
func covered(s span, others []span) bool {
	at, reached := s.min, s.minOpen // versions below at, and at itself when reached, are covered
	for _, o := range others {
		if o.min != nil {
			if at == nil {
				return false
			}
			if d := o.min.Compare(at); d > 0 || d == 0 && o.minOpen && !reached {
				return false
			}
		}
		if o.max == nil {
			return true
		}
		if s.max != nil {
			if d := s.max.Compare(o.max); d < 0 || d == 0 && (!o.maxOpen || s.maxOpen) {
				return true
			}
		}
		if at == nil || o.max.Compare(at) > 0 {
			at, reached = o.max, !o.maxOpen
		} else if o.max.Compare(at) == 0 {
			reached = reached || !o.maxOpen
		}
	}
	return false
}
