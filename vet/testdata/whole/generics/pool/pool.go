// Package pool has generic types and functions.
package pool

type Pool[T any] struct{ items []T }

func (p *Pool[T]) Put(item T) { p.items = append(p.items, item) }

func (p *Pool[T]) Each(f func(T)) {
	for _, i := range p.items {
		f(i)
	}
}

func Map[A, B any](from []A, f func(A) B) (to []B) {
	for _, a := range from {
		to = append(to, f(a))
	}
	return to
}

func Must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
