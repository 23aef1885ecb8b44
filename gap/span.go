package gap

import (
	"cmp"
	"time"
)

// TraceID identifies a trace. It has 128 bits; High is zero for tracers with 64-bit ids.
type TraceID struct{ High, Low uint64 }

// Compare returns -1 if id is less than other, +1 if it is greater, and 0 if they are equal.
func (id TraceID) Compare(other TraceID) int {
	return cmp.Or(cmp.Compare(id.High, other.High), cmp.Compare(id.Low, other.Low))
}

// SpanID identifies a span within its trace. Zero means that the span has no id.
type SpanID uint64

// Kind is the role of a span in a call, as its span.kind tag has it.
type Kind uint8

// The kinds. A span whose span.kind is missing or unknown is KindInternal.
const (
	KindInternal Kind = iota
	KindClient
	KindServer
	KindProducer
	KindConsumer
)

// RefType says how a span depends on the span that it refers to.
type RefType uint8

// The reference types of OpenTracing.
const (
	ChildOf     RefType = iota // the parent waits for the child
	FollowsFrom                // the other span caused this one, and does not wait for it
)

// Reference points from a span to a span that it depends on.
type Reference struct {
	Type    RefType
	TraceID TraceID
	SpanID  SpanID
}

// Field is a key with its value: a tag of a span, or a field of a log. Value is a string, bool,
// int64, float64 or []byte.
type Field struct {
	Key   string
	Value any
}

// Log records what happened at one moment of a span.
type Log struct {
	Time   time.Time
	Fields []Field
}

// Process is the process that reported a span. The spans of one process share a clock, and so do
// the processes on one machine.
type Process struct {
	Service string
	Tags    []Field // hostname, ip and the like
}

// Span is one span as a tracer reported it: the input of [Build], which does not change it.
type Span struct {
	TraceID    TraceID
	SpanID     SpanID
	References []Reference
	Operation  string
	Start      time.Time
	Duration   time.Duration
	Process    *Process // nil if unknown. Spans that share a pointer share a clock
	Tags       []Field
	Logs       []Log
	Warnings   []string // what the backend says about the span
}
