package jaegerthrift

import (
	"fmt"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
	j "github.com/uber/jaeger-client-go/thrift-gen/jaeger"
)

// Span is what a jaeger.Span holds.
type Span struct {
	Context    *jaeger.SpanContext
	Operation  string
	Start      time.Time
	Duration   time.Duration
	References []jaeger.Reference
	Tags       []opentracing.Tag
	Logs       []opentracing.LogRecord
}

// Append appends the span to b, in the bytes of [AppendSpan] for what jaeger.BuildJaegerThrift
// makes of it. The values of tags are truncated at maxValue bytes.
func (s *Span) Append(b []byte, p Protocol, maxValue int) []byte {
	w := writer{b: b, protocol: p}
	id := s.Context.TraceID()
	w.i64Field(1, int64(id.Low))
	w.i64Field(2, int64(id.High))
	w.i64Field(3, int64(s.Context.SpanID()))
	w.i64Field(4, int64(s.Context.ParentID()))
	w.stringField(5, s.Operation)
	refs := 0
	for i := range s.References {
		if _, known := referenceType(s.References[i].Type); known {
			refs++
		}
	}
	w.listField(6, refs)
	for i := range s.References {
		if t, known := referenceType(s.References[i].Type); known {
			to := &s.References[i].Context
			id := to.TraceID()
			w.reference(&j.SpanRef{
				RefType: t, TraceIdLow: int64(id.Low), TraceIdHigh: int64(id.High), SpanId: int64(to.SpanID()),
			})
		}
	}
	w.field(7, int32Type)
	w.i32(int32(s.Context.Flags()))
	w.i64Field(8, micros(s.Start))
	w.i64Field(9, s.Duration.Microseconds())
	w.listField(10, len(s.Tags))
	for i := range s.Tags {
		w.value(s.Tags[i].Key, s.Tags[i].Value, maxValue)
	}
	w.listField(11, len(s.Logs))
	for i := range s.Logs {
		w.log(&j.Log{Timestamp: micros(s.Logs[i].Timestamp), Fields: jaeger.ConvertLogsToJaegerTags(s.Logs[i].Fields)})
	}
	w.end(0)
	return w.b
}

func micros(t time.Time) int64 { return t.UnixNano() / 1000 }

// referenceType reports whether Jaeger has a type of references, and which.
func referenceType(t opentracing.SpanReferenceType) (of j.SpanRefType, known bool) {
	switch t {
	case opentracing.ChildOfRef:
		return j.SpanRefType_CHILD_OF, true
	case opentracing.FollowsFromRef:
		return j.SpanRefType_FOLLOWS_FROM, true
	}
	return 0, false
}

// value appends a tag with a value of any type.
func (w *writer) value(key string, value any, maxValue int) {
	outer := w.begin()
	w.stringField(1, key)
	w.field(2, int32Type)
	switch v := value.(type) {
	case string:
		w.text(v, maxValue)
	case bool:
		w.i32(int32(j.TagType_BOOL))
		w.boolField(5, v)
	case int:
		w.long(int64(v))
	case int8:
		w.long(int64(v))
	case int16:
		w.long(int64(v))
	case int32:
		w.long(int64(v))
	case int64:
		w.long(v)
	case uint:
		w.long(int64(v))
	case uint8:
		w.long(int64(v))
	case uint16:
		w.long(int64(v))
	case uint32:
		w.long(int64(v))
	case uint64:
		w.long(int64(v))
	case float32:
		w.i32(int32(j.TagType_DOUBLE))
		w.doubleField(4, float64(v))
	case float64:
		w.i32(int32(j.TagType_DOUBLE))
		w.doubleField(4, v)
	case []byte:
		w.i32(int32(j.TagType_BINARY))
		if v != nil {
			w.bytesField(7, v[:min(len(v), maxValue)])
		}
	default:
		w.text(fmt.Sprintf("%+v", v), maxValue)
	}
	w.end(outer)
}

func (w *writer) text(s string, maxValue int) {
	w.i32(int32(j.TagType_STRING))
	w.stringField(3, s[:min(len(s), maxValue)])
}

func (w *writer) long(n int64) {
	w.i32(int32(j.TagType_LONG))
	w.i64Field(6, n)
}
