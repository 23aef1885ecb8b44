package gap

import (
	"hash/maphash"
	"math/bits"
)

// ids finds nodes by their span ids. It is a hash table with open addressing, which at a million spans takes a third of the
// time that a map takes.
type ids struct {
	slots []slot // a power of two, at most half of which are taken
	seed  uint64 // odd, and unknown to who might choose ids that collide
	shift int
}

// slot is free if its id is zero, which is no id.
type slot struct {
	id   SpanID
	node int32
}

// newIDs makes a table for at most n ids.
func newIDs(n int) ids {
	size := bits.Len(uint(2*n + 1))
	return ids{slots: make([]slot, 1<<size), seed: maphash.Comparable(maphash.MakeSeed(), 0) | 1, shift: 64 - size}
}

// slot returns where the id is, or the free slot where it belongs.
func (t *ids) slot(id SpanID) *slot {
	for i := uint64(id) * t.seed >> t.shift; ; i++ {
		if s := &t.slots[i&uint64(len(t.slots)-1)]; s.id == id || s.id == 0 {
			return s
		}
	}
}

// find returns the node with an id, or none.
func (t *ids) find(id SpanID) int32 {
	if s := t.slot(id); s.id != 0 {
		return s.node
	}
	return none
}
