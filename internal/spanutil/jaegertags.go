package spanutil

// This file uses package unsafe to append tags to a jaeger.Span. The only other use here is in
// watch.go, for the address of a result.
//
// Why: jaeger-client-go has two ways to set tags. SetTag locks the span three times for each tag.
// The tags of StartSpan are a map that we have to make, and Jaeger to read. For a call with seven
// tags, either costs more than the rest of the span.
//
// What is checked: newTagAppender looks the field up by reflection, by its name and type, in the
// very type that the program is linked with. opentracing.Tag must have the layout of jaeger.Tag.
// The span's lock is held. The effect is that of SetTag, whose other effects cannot occur: the
// tracer has no observers that see tags, the decision to sample is final, and no tag is
// sampling.priority.
//
// What happens if the check fails, for example after an update, with a fork or with an observer of
// the program: newTagAppender returns one that appends to no span, and the tags are set by
// OpenTracing's API. The spans are the same, but take longer. A test fails if the check does for
// the version in go.mod.

import (
	"reflect"
	"sync"
	"unsafe"

	"github.com/gaptrace/gaptrace/internal/layout"
	"github.com/opentracing/opentracing-go"
)

const (
	jaegerPath      = "github.com/uber/jaeger-client-go"
	tracerPath      = "github.com/gaptrace/gaptrace/tracer"
	propagationPath = tracerPath + "/internal/propagation"
)

// tagAppender appends tags to the spans of a tracer.
type tagAppender struct {
	tracer  opentracing.Tracer
	span    reflect.Type // *jaeger.Span; nil: the tracer's spans need SetTag
	context reflect.Type // of their contexts
	tags    uintptr      // the offset of their tags
}

// newTagAppender returns the tagAppender of a tracer that has started a span.
func newTagAppender(tracer opentracing.Tracer, span opentracing.Span) *tagAppender {
	a := &tagAppender{tracer: tracer}
	t := reflect.TypeOf(span)
	if _, lockable := span.(sync.Locker); !lockable || !isPointerTo(t, jaegerPath, "Span") || isObserved(tracer) {
		return a
	}
	tags, ok := t.Elem().FieldByName("tags")
	if ok && len(tags.Index) == 1 && tags.Type.Kind() == reflect.Slice &&
		layout.Same(tags.Type.Elem(), reflect.TypeFor[opentracing.Tag]()) {
		a.span, a.context, a.tags = t, reflect.TypeOf(span.Context()), tags.Offset
	}
	return a
}

func isPointerTo(t reflect.Type, path, name string) bool {
	if t.Kind() != reflect.Pointer {
		return false
	}
	t = t.Elem()
	return t.Kind() == reflect.Struct && t.PkgPath() == path && t.Name() == name
}

// isObserved reports whether tracer is not Jaeger's, or has other observers than the one of package
// tracer, which only looks for sampling.priority.
func isObserved(tracer opentracing.Tracer) bool {
	v := reflect.ValueOf(tracer)
	if isPointerTo(v.Type(), propagationPath, "Tracer") {
		v = v.Elem().FieldByName("Tracer")
	}
	if !isPointerTo(v.Type(), jaegerPath, "Tracer") {
		return true
	}
	observer := v.Elem().FieldByName("observer")
	if observer.Kind() != reflect.Struct {
		return true
	}
	observers := observer.FieldByName("observers")
	if observers.Kind() != reflect.Slice {
		return true
	}
	for i := range observers.Len() {
		o := observers.Index(i).Elem()
		if !o.IsValid() || o.Type().PkgPath() != tracerPath || o.Type().Name() != "priorities" {
			return true
		}
	}
	return false
}

// knows reports whether the tracer uses the decision of a parent: that of another tracer's context
// does not hold for it, even if that context has the methods of Jaeger's.
func (a *tagAppender) knows(parent opentracing.SpanContext) bool {
	return reflect.TypeOf(parent) == a.context
}

// appendsTo reports whether a appends to span.
func (a *tagAppender) appendsTo(span opentracing.Span) bool {
	return reflect.TypeOf(span) == a.span
}

// of returns the tags of span. The caller holds its lock.
func (a *tagAppender) of(span opentracing.Span) *[]opentracing.Tag {
	return (*[]opentracing.Tag)(unsafe.Add(reflect.ValueOf(span).UnsafePointer(), a.tags))
}

// give puts tags before those that span has, so that one array holds all. The span keeps it: the
// caller must not use tags again.
func (a *tagAppender) give(span opentracing.Span, tags []opentracing.Tag) {
	lock := span.(sync.Locker)
	lock.Lock()
	defer lock.Unlock()
	all := a.of(span)
	*all = append(tags, *all...)
}

// add appends a tag to span.
func (a *tagAppender) add(span opentracing.Span, tag opentracing.Tag) {
	lock := span.(sync.Locker)
	lock.Lock()
	defer lock.Unlock()
	all := a.of(span)
	*all = append(*all, tag)
}
