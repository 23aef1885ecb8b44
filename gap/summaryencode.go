package gap

import (
	"cmp"
	"encoding/binary"
	"maps"
	"slices"
)

// The binary form of a Summary. Numbers are varints, never negative unless noted. Strings are
// indexes into a sorted table. Everything is in a fixed order, so equal summaries have equal bytes.
//
//	summary    "gapsum", version, By, table of strings, operations
//	string     length, bytes
//	operation  service, name, 0 or 1 + tag value, count, four sums, worst span, two histograms, gaps
//	span       trace ID (16 bytes), span ID (8 bytes), self time, incomplete
//	gap        class, joined, 0 or 1 + after, 0 or 1 + before, count, two sums, worst gap,
//	           histogram, parts
//	histogram  count, durations as differences                           if count is at most 8
//	           9, min, max - min, the count of each bucket between them  otherwise
const (
	summaryMagic   = "gapsum"
	summaryVersion = 1
)

// AppendBinary appends the summary in a binary form to b, and returns the extended buffer. It
// implements [encoding.BinaryAppender], and never fails. Summaries to which the same traces were
// added have the same bytes, however they were split, merged, and encoded in between.
//
// The form has a version. [Summary.UnmarshalBinary] reads this version and all before it.
func (s *Summary) AppendBinary(b []byte) ([]byte, error) {
	e := summaryEncoder{summary: s, b: append(b, summaryMagic...)}
	e.number(summaryVersion)
	e.text(s.By)
	operations := e.collect()
	e.number(int64(len(e.table)))
	for _, text := range e.table {
		e.text(text)
	}
	e.number(int64(len(operations)))
	for _, o := range operations {
		e.operation(o)
	}
	return e.b, nil
}

// MarshalBinary returns the summary in the form of [Summary.AppendBinary]. It implements
// [encoding.BinaryMarshaler], and never fails.
func (s *Summary) MarshalBinary() ([]byte, error) { return s.AppendBinary(nil) }

// summaryEncoder is the state of Summary.AppendBinary.
type summaryEncoder struct {
	summary *Summary
	b       []byte
	table   []string
	indexes map[string]int64 // of the strings in the table
}

// collect makes the table of strings. It returns the operations in their order.
func (e *summaryEncoder) collect() []*operation {
	e.indexes = make(map[string]int64)
	var all []*operation
	for _, service := range e.summary.services {
		for _, o := range service.operations {
			if o.Count > 0 {
				all = append(all, o)
				e.collectStrings(o)
			}
		}
	}
	e.table = slices.Sorted(maps.Keys(e.indexes))
	for i, text := range e.table {
		e.indexes[text] = int64(i)
	}
	slices.SortFunc(all, func(a, b *operation) int {
		return cmp.Or(
			cmp.Compare(a.Service, b.Service), cmp.Compare(a.Name, b.Name),
			compareBools(a.Tagged, b.Tagged), cmp.Compare(a.TagValue, b.TagValue),
		)
	})
	return all
}

func (e *summaryEncoder) collectStrings(o *operation) {
	e.indexes[o.Service] = 0
	e.indexes[o.Name] = 0
	if o.Tagged {
		e.indexes[o.TagValue] = 0
	}
	for key, g := range o.gaps {
		for _, number := range []uint32{key.after, key.before} {
			if number > 0 {
				e.indexes[e.summary.names[number-1]] = 0
			}
		}
		for part := range g.parts {
			for _, text := range part.strings() {
				e.indexes[*text] = 0
			}
		}
	}
}

func (e *summaryEncoder) number(n int64)    { e.b = binary.AppendUvarint(e.b, uint64(n)) }
func (e *summaryEncoder) index(text string) { e.number(e.indexes[text]) }

func (e *summaryEncoder) text(text string) {
	e.number(int64(len(text)))
	e.b = append(e.b, text...)
}

func (e *summaryEncoder) flag(set bool) {
	if set {
		e.b = append(e.b, 1)
	} else {
		e.b = append(e.b, 0)
	}
}

func (e *summaryEncoder) span(trace TraceID, span SpanID) {
	e.b = binary.BigEndian.AppendUint64(e.b, trace.High)
	e.b = binary.BigEndian.AppendUint64(e.b, trace.Low)
	e.b = binary.BigEndian.AppendUint64(e.b, uint64(span))
}

func (e *summaryEncoder) operation(o *operation) {
	e.index(o.Service)
	e.index(o.Name)
	if e.flag(o.Tagged); o.Tagged {
		e.index(o.TagValue)
	}
	e.number(o.Count)
	e.number(int64(o.Duration))
	e.number(int64(o.SelfTime))
	e.number(int64(o.CriticalTime))
	e.number(int64(o.Concurrency))
	e.span(o.Worst.TraceID, o.Worst.SpanID)
	e.number(int64(o.Worst.SelfTime))
	e.flag(o.Worst.Incomplete)
	e.histogram(&o.Durations)
	e.histogram(&o.SelfTimes)

	keys := slices.SortedFunc(maps.Keys(o.gaps), func(a, b gapKey) int {
		return cmp.Or(
			cmp.Compare(a.class, b.class), compareBools(a.joined, b.joined),
			cmp.Compare(e.place(a.after), e.place(b.after)), cmp.Compare(e.place(a.before), e.place(b.before)),
		)
	})
	e.number(int64(len(keys)))
	for _, key := range keys {
		e.gaps(key, o.gaps[key])
	}
}

// place returns the index of an operation's name plus one, or zero for no operation.
func (e *summaryEncoder) place(number uint32) int64 {
	if number == 0 {
		return 0
	}
	return e.indexes[e.summary.names[number-1]] + 1
}

func (e *summaryEncoder) gaps(key gapKey, g *gapSum) {
	e.b = append(e.b, byte(key.class))
	e.flag(key.joined)
	e.number(e.place(key.after))
	e.number(e.place(key.before))
	e.number(g.count)
	e.number(g.time)
	e.number(g.critical)
	w := &g.worst
	e.span(w.trace, w.span)
	e.b = binary.AppendVarint(e.b, w.start) // may be negative
	e.number(w.at)
	e.number(w.time)
	e.number(w.critical)
	e.flag(w.incomplete)
	e.histogram(&g.times)

	parts := slices.SortedFunc(maps.Keys(g.parts), partKey.compare)
	e.number(int64(len(parts)))
	for _, key := range parts {
		e.b = append(e.b, byte(key.cause), byte(key.proof))
		e.b = binary.AppendVarint(e.b, int64(key.frame.Line)) // may be negative
		for _, text := range key.strings() {
			e.index(*text)
		}
		e.number(g.parts[key].time)
		e.number(g.parts[key].samples)
	}
}

func (e *summaryEncoder) histogram(h *Histogram) {
	if h.n <= aFew {
		e.number(int64(h.n))
		last := int64(0)
		for _, d := range h.few {
			e.number(d - last)
			last = d
		}
		return
	}
	e.number(aFew + 1)
	e.number(h.min)
	e.number(h.max - h.min)
	for _, count := range h.counts {
		e.number(int64(count))
	}
}
