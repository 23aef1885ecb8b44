package report

import (
	"container/heap"
	"slices"
)

// worst keeps those that come first in an order, at most so many. The last of them is its root.
type worst[T any] struct {
	most    int
	compare func(a, b T) int
	kept    []T
}

func (w *worst[T]) add(x T) {
	switch {
	case len(w.kept) < w.most:
		heap.Push(w, x)
	case w.most > 0 && w.compare(x, w.kept[0]) < 0:
		w.kept[0] = x
		heap.Fix(w, 0)
	}
}

// sorted returns them in their order.
func (w *worst[T]) sorted() []T {
	sorted := slices.Clone(w.kept)
	slices.SortFunc(sorted, w.compare)
	return sorted
}

// Len, Less, Swap, Push and Pop implement heap.Interface.
func (w *worst[T]) Len() int           { return len(w.kept) }
func (w *worst[T]) Less(i, j int) bool { return w.compare(w.kept[i], w.kept[j]) > 0 }
func (w *worst[T]) Swap(i, j int)      { w.kept[i], w.kept[j] = w.kept[j], w.kept[i] }
func (w *worst[T]) Push(x any)         { w.kept = append(w.kept, x.(T)) }
func (w *worst[T]) Pop() any           { panic("nothing is taken out") }
