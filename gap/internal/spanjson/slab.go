package spanjson

import "slices"

// Slab allocates short slices in a few large arrays.
type Slab[T any] struct {
	all    []T
	from   int    // start of the slice that is being filled
	shared [8][]T // the last ones that Share returned first
	next   int    // where in shared the next one belongs
}

// Add adds v to the slice that is being filled.
func (s *Slab[T]) Add(v T) {
	if len(s.all) == cap(s.all) {
		part := s.all[s.from:]
		s.all, s.from = append(make([]T, 0, max(4, min(2*cap(s.all), 1024), 2*len(part))), part...), 0
	}
	s.all = append(s.all, v)
}

// Reset makes the slices that Take has returned invalid, and uses their memory again.
func (s *Slab[T]) Reset() { s.all, s.from, s.shared = s.all[:0], 0, [8][]T{} }

// Share is Take, except that it returns an equal slice that it has returned before, if that is
// among the last few.
func (s *Slab[T]) Share(equal func(a, b T) bool) []T {
	for _, slice := range s.shared {
		if slices.EqualFunc(slice, s.all[s.from:], equal) && slice != nil {
			s.all = s.all[:s.from]
			return slice
		}
	}
	slice := s.Take()
	if slice != nil {
		s.shared[s.next] = slice
		s.next = (s.next + 1) % len(s.shared)
	}
	return slice
}

// Take returns the elements that were added since the last call.
func (s *Slab[T]) Take() []T {
	if s.from == len(s.all) {
		return nil
	}
	slice := s.all[s.from:len(s.all):len(s.all)]
	s.from = len(s.all)
	return slice
}
