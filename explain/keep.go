package explain

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

// spanKey identifies a span. The low half of the trace's ID is enough, and some sources have no
// other.
type spanKey struct {
	trace  uint64
	span   gap.SpanID
	client bool // a client and a server may share an ID
}

func (s *span) key() spanKey { return spanKey{s.TraceID.Low, s.SpanID, s.Kind == gap.KindClient} }

// add adds a span, unless it was finished twice or its trace is not kept.
func (r *Recording) add(s *span) {
	key := s.key()
	if r.spans[key] != nil || r.dropped[s.TraceID.Low] || r.keep != nil && !r.keep(s.TraceID) {
		return
	}
	if len(r.order) >= r.maxSpans || r.entries > maxEntries {
		r.dropShort()
	}
	r.spans[key] = s
	r.order = append(r.order, s)
	r.entries += len(s.entries)
}

// maxEntries is how many entries of all spans are kept. They take 64 MB.
const maxEntries = 2_000_000

// dropShort drops the traces with the shortest spans, until a quarter of the spans is gone. It
// first drops traces that have their root, since the root of the others may be long.
func (r *Recording) dropShort() {
	type size struct {
		trace   uint64
		longest time.Duration
		spans   int
		rooted  bool
	}
	sizes := map[uint64]*size{}
	for _, s := range r.order {
		t := sizes[s.TraceID.Low]
		if t == nil {
			t = &size{trace: s.TraceID.Low}
			sizes[s.TraceID.Low] = t
		}
		t.longest = max(t.longest, s.Duration)
		t.rooted = t.rooted || len(s.References) == 0 || s.Kind == gap.KindServer || s.Kind == gap.KindConsumer
		t.spans++
	}
	ordered := slices.SortedFunc(maps.Values(sizes), func(a, b *size) int {
		return cmp.Or(cmp.Compare(a.longest, b.longest), cmp.Compare(a.trace, b.trace))
	})
	gone := 0
	drop := func(t *size) {
		if gone < len(r.order)/4 && !r.dropped[t.trace] {
			r.dropped[t.trace] = true
			r.droppedMost = max(r.droppedMost, t.longest)
			gone += t.spans
		}
	}
	for _, t := range ordered[:len(ordered)/2] {
		if t.rooted {
			drop(t)
		}
	}
	for _, t := range ordered {
		drop(t)
	}
	maps.DeleteFunc(r.spans, func(k spanKey, _ *span) bool { return r.dropped[k.trace] })
	r.order = shrunk(slices.DeleteFunc(r.order, func(s *span) bool { return r.dropped[s.TraceID.Low] }))
	r.entries = 0
	for _, s := range r.order {
		r.entries += len(s.entries)
	}
}
