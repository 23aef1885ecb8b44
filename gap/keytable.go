package gap

import (
	"hash/maphash"
	"math/bits"
	"slices"
)

// keyTable numbers keys in the order in which they first come. It compares few keys one by one, and
// then becomes a hash table with open addressing. The zero keyTable is empty.
type keyTable[K comparable] struct {
	keys   []K
	slots  []uint32 // numbers from 1, or 0 for a free slot; a power of two, at most half of them in use
	hashed bool     // there are so many keys that slots has them
	last   uint32   // what index returned last
	seed   maphash.Seed
}

const fewKeys = 8

const spread = 0x9e3779b97f4a7c15 // large, so that both halves of a product depend on the service

// reset empties the table. Its memory serves for the next keys.
func (t *keyTable[K]) reset() {
	clear(t.keys) // or what they point to would stay in memory
	t.keys, t.hashed, t.last = t.keys[:0], false, 0
}

// index returns the number of a key, from 0, and whether it is new.
func (t *keyTable[K]) index(key K) (i uint32, isNew bool) {
	if int(t.last) < len(t.keys) && t.keys[t.last] == key { // the spans of a process often come together
		return t.last, false
	}
	var slot *uint32
	if t.hashed {
		if slot = t.slot(key); *slot != 0 {
			t.last = *slot - 1
			return t.last, false
		}
	} else if i := slices.Index(t.keys, key); i >= 0 {
		t.last = uint32(i)
		return t.last, false
	}
	t.keys = append(t.keys, key)
	switch n := len(t.keys); {
	case n > fewKeys && (!t.hashed || 2*n > len(t.slots)):
		t.rehash()
	case t.hashed:
		*slot = uint32(n)
	}
	t.last = uint32(len(t.keys) - 1)
	return t.last, true
}

// slot returns the slot of the key, or the free slot where it belongs.
func (t *keyTable[K]) slot(key K) *uint32 {
	for i := t.hash(key); ; i++ {
		if s := &t.slots[i&uint64(len(t.slots)-1)]; *s == 0 || t.keys[*s-1] == key {
			return s
		}
	}
}

// hash uses maphash.String where it can, which takes half the time of maphash.Comparable. Services
// have consecutive numbers, and a product spreads them: if the keys of a name were next to each
// other, those of a second name would be looked for after all of them.
func (t *keyTable[K]) hash(key K) uint64 {
	if key, ok := any(key).(operationKey); ok {
		high, low := bits.Mul64(maphash.String(t.seed, key.name)|1, uint64(key.service)+spread)
		return high ^ low
	}
	return maphash.Comparable(t.seed, key)
}

// rehash makes slots large enough, and enters all keys.
func (t *keyTable[K]) rehash() {
	if t.slots == nil {
		t.seed = maphash.MakeSeed()
	}
	if 2*len(t.keys) > len(t.slots) {
		t.slots = make([]uint32, max(4*fewKeys, 2*len(t.slots)))
	} else {
		clear(t.slots)
	}
	t.hashed = true
	for i, key := range t.keys {
		*t.slot(key) = uint32(i) + 1
	}
}
