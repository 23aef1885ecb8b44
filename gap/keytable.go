package gap

import "slices"

// keyTable numbers keys in the order in which they first come. The zero keyTable is empty.
type keyTable[K comparable] struct {
	keys   []K
	number map[K]uint32 // nil while there are few keys: most traces have few, and comparing them costs less
}

// fewKeys is how many keys are compared one by one.
const fewKeys = 8

// index returns the number of a key, and whether it is new.
func (t *keyTable[K]) index(key K) (i uint32, isNew bool) {
	if t.number == nil {
		if i := slices.Index(t.keys, key); i >= 0 {
			return uint32(i), false
		}
		if len(t.keys) == fewKeys {
			t.number = make(map[K]uint32)
			for i, key := range t.keys {
				t.number[key] = uint32(i)
			}
		}
	} else if i, ok := t.number[key]; ok {
		return i, false
	}
	if t.keys == nil {
		t.keys = make([]K, 0, 4) // or it would grow to 1, 2 and 4 keys
	}
	i = uint32(len(t.keys))
	t.keys = append(t.keys, key)
	if t.number != nil {
		t.number[key] = i
	}
	return i, true
}
