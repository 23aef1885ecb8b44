package gap

import (
	"strconv"
	"testing"
)

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
