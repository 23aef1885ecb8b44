package gap

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
)

// A keyTable numbers keys as a map would, for few and for many keys, and again after a reset.
func TestKeyTable(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 20))
	var table keyTable[operationKey]
	for _, most := range []int{1, fewKeys, fewKeys + 1, 1000, 2 * fewKeys, 3} {
		want := map[operationKey]uint32{}
		for range 4 * most {
			key := operationKey{uint32(random.IntN(2)), fmt.Sprint(random.IntN(most))}
			number, known := want[key]
			if !known {
				number = uint32(len(want))
				want[key] = number
			}
			if i, isNew := table.index(key); i != number || isNew == known {
				t.Fatalf("of %d: %v is %d, %t; want %d, %t", most, key, i, isNew, number, !known)
			}
		}
		table.reset()
	}
}

// TestKeysAreSpread looks at the time of an untrusted trace: a lookup takes as long as the slots in
// use that follow each other.
func TestKeysAreSpread(t *testing.T) {
	const services, names = 10_000, 4
	var table keyTable[operationKey]
	for s := range services {
		for name := range names {
			table.index(operationKey{service: uint32(s), name: strconv.Itoa(name)})
		}
	}
	longest, n := 0, 0
	for _, slot := range table.slots {
		if n++; slot == 0 {
			n = 0
		}
		longest = max(longest, n)
	}
	if longest > 1000 { // those of random slots are about 60
		t.Errorf("%d slots in use follow each other, of %d", longest, len(table.slots))
	}
	for s := range services {
		for name := range names {
			i, isNew := table.index(operationKey{service: uint32(s), name: strconv.Itoa(name)})
			if want := uint32(s*names + name); i != want || isNew {
				t.Fatalf("key %d has number %d, new: %v", want, i, isNew)
			}
		}
	}
}
