package posture

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/redoubt-dev/redoubt/threat"
)

// maxCarriers bounds how many open assumptions that carry members of one group are weighed against each other: every set of
// them is tried.
const maxCarriers = 8

// search holds what the search for a row's Next works on, kept from row to row.
type search struct {
	best, set []threat.ID
	lacking   []int32  // members of a group that do not count, each once
	carriers  []int32  // premises that would carry some of them, in id order
	carried   []uint32 // per lacking member the carriers of it, a bit each
}

// next returns the smallest set that would mitigate a CO. See [Assess].
func (f *fold) next(links []link, premises []int32) []threat.ID {
	s := &f.search
	s.best = s.best[:0]
	for _, i := range premises { // in id order: the first open one is the lowest
		if f.premises[i].open {
			s.best = append(s.best, f.premises[i].id)
			break
		}
	}
	groups(links, func(_ int, members []link) {
		f.complete(members)
		if len(s.best) == 0 || len(s.set) < len(s.best) ||
			len(s.set) == len(s.best) && slices.CompareFunc(s.set, s.best, threat.CompareIDs) < 0 {
			s.best, s.set = s.set, s.best
		}
	})
	if len(s.best) == 0 {
		for _, i := range premises {
			if f.premises[i].violated {
				s.best = append(s.best, f.premises[i].id)
				break
			}
		}
	}
	if len(s.best) == 0 {
		return nil
	}
	from := len(f.ids)
	f.ids = append(f.ids, s.best...)
	return f.ids[from:len(f.ids):len(f.ids)]
}

// complete puts the smallest set that would complete a group into search.set, in id order.
func (f *fold) complete(members []link) {
	s := &f.search
	s.set, s.lacking, s.carriers, s.carried = s.set[:0], s.lacking[:0], s.carriers[:0], s.carried[:0]
	for i, l := range members {
		m := &f.members[l.member]
		if m.counts || i > 0 && members[i-1].member == l.member {
			continue
		}
		s.lacking = append(s.lacking, l.member)
		s.carriers = append(s.carriers, m.open...)
	}
	chosen := uint32(0)
	if len(s.carriers) > 0 {
		f.narrow()
		chosen = s.choose()
	}
	for i, p := range s.carriers {
		if chosen&(1<<i) != 0 {
			s.set = append(s.set, f.premises[p].id)
		}
	}
	for i, m := range s.lacking {
		if chosen == 0 || s.carried[i]&chosen == 0 {
			s.set = append(s.set, f.members[m].id)
		}
	}
}

// narrow leaves each carrier once and at most [maxCarriers] of them, those that carry the most, and notes what each carries.
func (f *fold) narrow() {
	s := &f.search
	slices.Sort(s.carriers)
	s.carriers = slices.Compact(s.carriers)
	if len(s.carriers) > maxCarriers {
		carries := make(map[int32]int, len(s.carriers))
		for _, m := range s.lacking {
			for _, p := range f.members[m].open {
				carries[p]++
			}
		}
		slices.SortStableFunc(s.carriers, func(a, b int32) int { return cmp.Compare(carries[b], carries[a]) })
		s.carriers = s.carriers[:maxCarriers]
		slices.Sort(s.carriers)
	}
	for _, m := range s.lacking {
		var bit uint32
		for i, p := range s.carriers {
			if slices.Contains(f.members[m].open, p) {
				bit |= 1 << i
			}
		}
		s.carried = append(s.carried, bit)
	}
}

// choose returns which carriers to attest, so that they and the controls that then are still lacking are the fewest; of several
// such sets the one with the lowest ids. Assumptions sort before controls: where one carries a single control, it is taken.
func (s *search) choose() uint32 {
	best, least := uint32(0), len(s.lacking)
	for set := uint32(1); set < 1<<len(s.carriers); set++ {
		n := bits.OnesCount32(set)
		for _, by := range s.carried {
			n += one(by&set == 0)
		}
		// Of two sets of one size, the one that has the lowest id in which they differ sorts first.
		if n < least || n == least && bits.Reverse32(set) > bits.Reverse32(best) {
			best, least = set, n
		}
	}
	return best
}
