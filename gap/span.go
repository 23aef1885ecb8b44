package gap

import (
	"cmp"
	"time"
)

// TraceID identifies a trace. It has 128 bits; High is zero if the tracer's ids have 64.
type TraceID struct{ High, Low uint64 }

// Compare returns -1 if id is less than other, +1 if it is greater, and 0 if they are equal.
func (id TraceID) Compare(other TraceID) int {
	return cmp.Or(cmp.Compare(id.High, other.High), cmp.Compare(id.Low, other.Low))
}

// SpanID identifies a span within its trace. Zero means that the span has no id.
type SpanID uint64

// Kind is the role of a span, as its span.kind tag says.
type Kind uint8

// The kinds. A span whose span.kind tag is missing or unknown is KindInternal.
const (
	KindInternal Kind = iota
	KindClient
	KindServer
	KindProducer
	KindConsumer
)

// RefType says how a span depends on the span that its [Reference] names.
type RefType uint8

// The reference types of OpenTracing.
const (
	ChildOf     RefType = iota // the named span waits for the one that has the reference
	FollowsFrom                // the named span caused it, and does not wait for it
)

// Reference names a span that the span with the reference depends on.
type Reference struct {
	Type    RefType
	TraceID TraceID // zero means the trace of the span that has the reference
	SpanID  SpanID  // zero means that there is no reference
}

// Field is a key with its value: a tag of a span, or a field of a log. Value is a string, bool,
// int64, float64 or []byte.
type Field struct {
	Key   string
	Value any
}

// Log is an event at one moment of a span.
type Log struct {
	Time   time.Time
	Fields []Field
}

// Process is the process that reported a span. The spans of one process share a clock, and so do
// the processes on one machine, see [Build].
type Process struct {
	Service string
	Tags    []Field // hostname, ip and the like
}

// Span is one span as a tracer reported it. Build does not change it.
type Span struct {
	TraceID    TraceID
	SpanID     SpanID
	References []Reference
	Operation  string
	Start      time.Time // zero if unknown
	Duration   time.Duration
	Process    *Process // nil if unknown; share the pointer between the spans of a process
	Tags       []Field
	Logs       []Log
	Warnings   []string // what the backend says about the span
}
