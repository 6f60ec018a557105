package posture

import "github.com/redoubt-dev/redoubt/threat"

// index finds the row of a CO. It is a hash table with open addressing: a large model looks up tens of thousands of ids at once,
// and a map costs several times the memory.
type index struct {
	rows  []Row
	slots []int32 // place of a row + 1, or 0; a power of two of them, at most half in use
}

func newIndex(rows []Row) index {
	n := 8
	for n < 2*len(rows) {
		n *= 2
	}
	return index{rows, make([]int32, n)}
}

// slot returns where an id is, or the free slot where it would be.
func (x *index) slot(id threat.ID) int {
	h := uint32(2166136261) // FNV-1a
	for i := range len(id) {
		h = (h ^ uint32(id[i])) * 16777619
	}
	mask := len(x.slots) - 1
	i := int(h^h>>15) & mask
	for x.slots[i] != 0 && x.rows[x.slots[i]-1].Objective.ID != id {
		i = (i + 1) & mask
	}
	return i
}

// add makes row k known by the id of its CO.
func (x *index) add(k int32) { x.slots[x.slot(x.rows[k].Objective.ID)] = k + 1 }

// find returns the row of a CO, or -1.
func (x *index) find(id threat.ID) int32 { return x.slots[x.slot(id)] - 1 }
