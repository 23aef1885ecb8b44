package report

import (
	"container/heap"
	"slices"
)

// top keeps the elements that compare orders first, at most as many as most says. It is a heap
// whose root is the last of them.
type top[T any] struct {
	most    int
	compare func(a, b T) int
	kept    []T
}

func (t *top[T]) add(x T) {
	switch {
	case len(t.kept) < t.most:
		t.kept = append(t.kept, x)
		heap.Fix(t, len(t.kept)-1) // Push would allocate an interface for x
	case t.most > 0 && t.compare(x, t.kept[0]) < 0:
		t.kept[0] = x
		heap.Fix(t, 0)
	}
}

// sorted returns the elements in their order.
func (t *top[T]) sorted() []T {
	sorted := slices.Clone(t.kept)
	slices.SortFunc(sorted, t.compare)
	return sorted
}

// Len, Less, Swap, Push and Pop implement heap.Interface.
func (t *top[T]) Len() int           { return len(t.kept) }
func (t *top[T]) Less(i, j int) bool { return t.compare(t.kept[i], t.kept[j]) > 0 }
func (t *top[T]) Swap(i, j int)      { t.kept[i], t.kept[j] = t.kept[j], t.kept[i] }
func (t *top[T]) Push(any)           { panic("unused") }
func (t *top[T]) Pop() any           { panic("unused") }
