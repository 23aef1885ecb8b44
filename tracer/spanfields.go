package tracer

// This file reads private fields of jaeger.Span through package unsafe. Elsewhere, this package
// uses unsafe only for Sizeof.
//
// Why: a mark should take no more than 300 ns. The accessors take six locks, and copy the tags into
// a map and the references to the heap. That alone costs more than twice as much. To send a span,
// jaeger-client-go copies it into a dozen objects, which costs more than to encode it.
//
// What is checked: findSpanFields looks each field up by reflection, by its name and exact type, in
// the very type that the program is linked with. The offset is the one that reflection returns.
// Reading a T at the offset of a field of type T is what the compiler does for span.field. Only
// tags are read as another type, opentracing.Tag, since the fields of jaeger.Tag are private, too.
// So the check compares the two: the same types at the same offsets, and no other field. All reads
// hold the span's lock.
//
// What happens if the check fails, for example after an update or with a fork: findSpanFields
// returns nil, readSpan reads all spans by their accessors, and jaeger-client-go copies those that
// are sent. The result is the same, but takes longer. A test fails if the check does for the
// version in go.mod.

import (
	"reflect"
	"time"
	"unsafe"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/mark"
	"github.com/gaptrace/gaptrace/internal/layout"
	"github.com/gaptrace/gaptrace/tracer/internal/jaegerthrift"
	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
)

// spanFields are the offsets of fields of jaeger.Span.
type spanFields struct {
	context, operation, start, duration, references, tags, logs uintptr
}

// findSpanFields returns nil if a field of jaeger.Span is not as expected.
func findSpanFields() *spanFields {
	if !layout.Same(reflect.TypeFor[jaeger.Tag](), reflect.TypeFor[opentracing.Tag]()) {
		return nil
	}
	return findFields(reflect.TypeFor[jaeger.Span]())
}

// findFields returns nil if a field of the struct is missing or of another type.
func findFields(span reflect.Type) *spanFields {
	var f spanFields
	found := find[jaeger.SpanContext](span, "context", &f.context) &&
		find[string](span, "operationName", &f.operation) &&
		find[time.Time](span, "startTime", &f.start) &&
		find[time.Duration](span, "duration", &f.duration) &&
		find[[]jaeger.Reference](span, "references", &f.references) &&
		find[[]jaeger.Tag](span, "tags", &f.tags) &&
		find[[]opentracing.LogRecord](span, "logs", &f.logs)
	if !found {
		return nil
	}
	return &f
}

func find[T any](span reflect.Type, name string, offset *uintptr) (found bool) {
	f, found := span.FieldByName(name)
	*offset = f.Offset
	return found && len(f.Index) == 1 && f.Type == reflect.TypeFor[T]() // not of an embedded struct
}

func at[T any](span *jaeger.Span, offset uintptr) *T {
	return (*T)(unsafe.Add(unsafe.Pointer(span), offset))
}

// read does what readSpan does.
func (f *spanFields) read(span *jaeger.Span, m *mark.Mark, refs []gap.Reference) []gap.Reference {
	span.RLock() // since a program may still write to a span that it has finished
	defer span.RUnlock()
	s := f.of(span)
	m.TraceID, m.SpanID = gap.TraceID(s.Context.TraceID()), gap.SpanID(s.Context.SpanID())
	m.Operation, m.Start, m.Duration = s.Operation, s.Start, s.Duration
	for i := range s.References {
		refs = append(refs, reference(s.References[i].Type, &s.References[i].Context))
	}
	for i := range s.Tags {
		m.SetTag(s.Tags[i].Key, s.Tags[i].Value)
	}
	return withParent(refs, s.Context)
}

// of returns what span holds. It may be used as long as the span's lock is held.
func (f *spanFields) of(span *jaeger.Span) jaegerthrift.Span {
	return jaegerthrift.Span{
		Context:    at[jaeger.SpanContext](span, f.context),
		Operation:  *at[string](span, f.operation),
		Start:      *at[time.Time](span, f.start),
		Duration:   *at[time.Duration](span, f.duration),
		References: *at[[]jaeger.Reference](span, f.references),
		Tags:       *at[[]opentracing.Tag](span, f.tags),
		Logs:       *at[[]opentracing.LogRecord](span, f.logs),
	}
}

// append appends span to b, as Jaeger encodes it. Tags are truncated at maxValue bytes. If it
// panics, as a tag's String method may do, b is what it was.
func (f *spanFields) append(b []byte, p jaegerthrift.Protocol, span *jaeger.Span, maxValue int) []byte {
	if f == nil {
		return jaegerthrift.AppendSpan(b, p, jaeger.BuildJaegerThrift(span))
	}
	span.RLock()
	defer span.RUnlock()
	s := f.of(span)
	return s.Append(b, p, maxValue)
}
