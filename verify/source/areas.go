package source

import (
	"slices"
	"sort"
)

// areas are parts of a text, which may nest, that are asked for by offset.
type areas struct {
	spans  []Span
	sealed bool // in order, each with the end of all that began before it
}

func (a *areas) add(s Span) {
	a.spans, a.sealed = append(a.spans, s), false
}

// holds reports whether the offset lies in one of the parts. The first question after an addition costs their number, others its
// logarithm.
func (a *areas) holds(at int) bool {
	if !a.sealed {
		slices.SortFunc(a.spans, func(x, y Span) int { return x.Start - y.Start })
		end := 0
		for i := range a.spans {
			end = max(end, a.spans[i].End)
			a.spans[i].End = end
		}
		a.sealed = true
	}
	i := sort.Search(len(a.spans), func(i int) bool { return a.spans[i].Start > at })
	return i > 0 && at < a.spans[i-1].End
}
