package gap

import (
	"fmt"
	"math/rand/v2"
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
		keys := table.keys
		table.reset()
		table.index(operationKey{name: "of the next trace"})
		for key, number := range want {
			if keys[number] != key {
				t.Fatalf("of %d: key %d is %v after a reset, want %v", most, number, keys[number], key)
			}
		}
		table.reset()
	}
}
