package tracer

// This file is the only one here that uses package unsafe. It reads private fields of jaeger.Span.
//
// Why: a mark should take no more than 300 ns. The accessors take six locks, and copy the tags into
// a map and the references to the heap. That alone costs more than twice as much.
//
// What is checked: findSpanFields looks each field up by reflection, by its name and exact type, in
// the very type that the program is linked with. The offset is the one that reflection returns.
// Reading a T at the offset of a field of type T is what the compiler does for span.field. Only
// tags are read as another type, since the fields of jaeger.Tag are private, too. So the check
// compares spanTag with it: the same names and types at the same offsets, and no other field. All
// reads hold the span's lock.
//
// What happens if the check fails, for example after an update or with a fork: findSpanFields
// returns nil, and readSpan reads all spans by their accessors. The marks are the same, but take
// longer. A test fails if the check does for the version in go.mod.

import (
	"reflect"
	"time"
	"unsafe"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/mark"
	"github.com/uber/jaeger-client-go"
)

// spanFields are the offsets of fields of jaeger.Span.
type spanFields struct {
	context, operation, start, duration, references, tags uintptr
}

// spanTag has the fields of jaeger.Tag.
type spanTag struct {
	key   string
	value any
}

// findSpanFields returns nil if a field of jaeger.Span is not as expected.
func findSpanFields() *spanFields {
	if !isSpanTag(reflect.TypeFor[jaeger.Tag]()) {
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
		find[[]jaeger.Tag](span, "tags", &f.tags)
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

// isSpanTag reports whether t has the layout of spanTag.
func isSpanTag(t reflect.Type) bool {
	want := reflect.TypeFor[spanTag]()
	if t.NumField() != want.NumField() {
		return false
	}
	for i := range want.NumField() {
		if a, b := t.Field(i), want.Field(i); a.Name != b.Name || a.Type != b.Type || a.Offset != b.Offset {
			return false
		}
	}
	return true
}

func at[T any](span *jaeger.Span, offset uintptr) *T {
	return (*T)(unsafe.Add(unsafe.Pointer(span), offset))
}

// read does what readSpan does.
func (f *spanFields) read(span *jaeger.Span, m *mark.Mark, refs []gap.Reference) []gap.Reference {
	span.RLock() // since a program may still write to a span that it has finished
	defer span.RUnlock()
	c := at[jaeger.SpanContext](span, f.context)
	m.TraceID, m.SpanID = gap.TraceID(c.TraceID()), gap.SpanID(c.SpanID())
	m.Operation = *at[string](span, f.operation)
	m.Start = *at[time.Time](span, f.start)
	m.Duration = *at[time.Duration](span, f.duration)
	given := *at[[]jaeger.Reference](span, f.references)
	for i := range given {
		refs = append(refs, reference(given[i].Type, &given[i].Context))
	}
	tags := *at[[]spanTag](span, f.tags)
	for i := range tags {
		m.SetTag(tags[i].key, tags[i].value)
	}
	return withParent(refs, c)
}
