package gapconnector

import (
	"slices"
	"sync"
	"time"
	"unsafe"

	"github.com/gaptrace/gaptrace/gap"
)

// kept is a span that waits. It takes half the memory of a gap.Span with its reference.
type kept struct {
	trace     gap.TraceID
	id        gap.SpanID
	parent    gap.SpanID // 0 if there is none
	start     int64      // nanoseconds since 1970; 0 if unknown
	duration  time.Duration
	operation string
	process   *gap.Process // shared with other spans
	tags      []gap.Field
	whole     *gap.Span // nil unless the span has anything else: links or warnings
}

// set sets k, which must be zero, to what the analysis needs of a span.
func (k *kept) set(s *gap.Span) {
	k.trace, k.id, k.operation, k.process, k.tags = s.TraceID, s.SpanID, s.Operation, s.Process, s.Tags
	k.duration = s.Duration
	if !s.Start.IsZero() {
		k.start = s.Start.UnixNano()
	}
	plain := len(s.References) == 0
	if len(s.References) == 1 {
		k.parent = s.References[0].SpanID
		plain = s.References[0] == gap.Reference{SpanID: k.parent}
	}
	if !plain || len(s.Warnings) > 0 {
		whole := *s
		whole.References = slices.Clone(s.References)
		k.whole = &whole
	}
}

// memory estimates the memory of the span without its process.
func (k *kept) memory() int64 {
	n := int64(unsafe.Sizeof(*k)) + int64(len(k.operation)) + fieldsMemory(k.tags)
	if k.whole != nil {
		n += memory(k.whole)
	}
	return n
}

// memory estimates the memory of a span without its process.
func memory(s *gap.Span) int64 {
	return int64(unsafe.Sizeof(*s)) + int64(len(s.Operation)) + fieldsMemory(s.Tags) + int64(len(s.References))*32
}

// processMemory estimates the memory of a process, which may be nil.
func processMemory(p *gap.Process) int64 {
	if p == nil {
		return 0
	}
	return int64(unsafe.Sizeof(*p)) + int64(len(p.Service)) + fieldsMemory(p.Tags)
}

func fieldsMemory(fields []gap.Field) (sum int64) {
	for i := range fields {
		sum += 64 + int64(len(fields[i].Key))
		switch value := fields[i].Value.(type) {
		case string:
			sum += int64(len(value))
		case []byte:
			sum += int64(len(value))
		}
	}
	return sum
}

// joined has the spans of a trace. Its memory is reused.
type joined struct {
	spans   []gap.Span
	parents []gap.Reference // of the spans
}

var joins = sync.Pool{New: func() any { return new(joined) }}

// add adds a kept span.
func (j *joined) add(k *kept) {
	if k.whole != nil {
		j.spans = append(j.spans, *k.whole)
		return
	}
	j.spans = append(j.spans, gap.Span{})
	s := &j.spans[len(j.spans)-1]
	s.TraceID, s.SpanID, s.Operation, s.Process, s.Tags = k.trace, k.id, k.operation, k.process, k.tags
	s.Duration = k.duration
	if k.start != 0 {
		s.Start = time.Unix(0, k.start).UTC()
	}
	if k.parent != 0 {
		n := len(j.parents)
		j.parents = append(j.parents, gap.Reference{SpanID: k.parent})
		s.References = j.parents[n : n+1 : n+1]
	}
}

// release empties j, and returns it to the pool.
func (j *joined) release() {
	clear(j.spans) // or what they point to would stay in memory
	j.spans, j.parents = j.spans[:0], j.parents[:0]
	joins.Put(j)
}
