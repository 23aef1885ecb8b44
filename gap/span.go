package gap

import "time"

// TraceID names a trace: 128 bits, the high half zero where a tracer makes 64-bit ids.
type TraceID struct{ High, Low uint64 }

// SpanID names a span within its trace. Zero is no id.
type SpanID uint64

// Kind says which side of a call a span saw: the value of its span.kind tag.
type Kind uint8

// The kinds. A span without span.kind, or with one unknown, is KindInternal.
const (
	KindInternal Kind = iota
	KindClient
	KindServer
	KindProducer
	KindConsumer
)

// RefType says how a span depends on the one it refers to.
type RefType uint8

// The reference types of OpenTracing.
const (
	ChildOf     RefType = iota // the parent waits for the child
	FollowsFrom                // the child was caused by the other span, which does not wait for it
)

// Reference points from a span to one it depends on.
type Reference struct {
	Type    RefType
	TraceID TraceID
	SpanID  SpanID
}

// Field is one key with its value: a tag of a span, or a field of a log.
// Value is a string, bool, int64, float64 or []byte.
type Field struct {
	Key   string
	Value any
}

// Log is a record of something that happened at one moment of a span.
type Log struct {
	Time   time.Time
	Fields []Field
}

// Process is what reported a span. Spans of one process share one clock, and so do processes on one machine.
type Process struct {
	Service string
	Tags    []Field // hostname, ip and the like
}

// Span is one span as a tracer reported it: the input of Build. Build does not change it.
type Span struct {
	TraceID    TraceID
	SpanID     SpanID
	References []Reference
	Operation  string
	Start      time.Time
	Duration   time.Duration
	Process    *Process // spans that point to one Process are known to share a clock; nil is a process unknown
	Tags       []Field
	Logs       []Log
	Warnings   []string // what the backend that the span was read from says of it
}
