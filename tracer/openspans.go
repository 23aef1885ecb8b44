package tracer

import (
	"slices"

	"github.com/gaptrace/gaptrace/gap"
)

// openSpans are the spans of a localTrace that have not finished, and whether they are local roots.
// Few spans are open at a time, and the last one that started usually finishes first. So a map is
// only needed if there are many.
type openSpans struct {
	last  []openSpan // at most fewOpen
	first map[gap.SpanID]bool
}

type openSpan struct {
	id   gap.SpanID
	root bool
}

const fewOpen = 16

func (o *openSpans) len() int { return len(o.last) + len(o.first) }

func (o *openSpans) add(id gap.SpanID, root bool) {
	if len(o.last) == fewOpen {
		if o.first == nil {
			o.first = map[gap.SpanID]bool{}
		}
		for _, s := range o.last {
			o.first[s.id] = s.root
		}
		o.last = o.last[:0]
	}
	o.last = append(o.last, openSpan{id, root})
}

// remove returns whether the span was open, and whether it was a local root.
func (o *openSpans) remove(id gap.SpanID) (root, open bool) {
	for i, s := range slices.Backward(o.last) {
		if s.id == id {
			o.last = append(o.last[:i], o.last[i+1:]...)
			return s.root, true
		}
	}
	root, open = o.first[id]
	delete(o.first, id)
	return root, open
}
