package tracer_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"
	"weak"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/log"
	"github.com/uber/jaeger-client-go"
)

// body returns a megabyte of text, and a pointer to its memory.
func body() (string, weak.Pointer[[1 << 20]byte]) {
	b := new([1 << 20]byte)
	copy(b[:], strings.Repeat("x", len(b)))
	return unsafe.String(&b[0], len(b)), weak.Make(b)
}

// gone reports whether p's memory is freed within a few seconds.
func gone[T any](p weak.Pointer[T]) bool {
	for range 200 {
		runtime.GC()
		if p.Value() == nil {
			return true
		}
		time.Sleep(10 * time.Millisecond)
	}
	return false
}

// bytesOf returns the bytes of s, not a copy.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// tagOverLimit sets so many tags that the last one, word, exceeds the limit.
func tagOverLimit(s opentracing.Span, word string) {
	for i := range 100 {
		s.SetTag(fmt.Sprintf("%03d", i), strings.Repeat("x", 64<<10))
	}
	s.SetTag("100", word)
}

func TestRecorderKeepsNoLargerString(t *testing.T) {
	for how, fill := range map[string]func(s opentracing.Span, word string){
		"operation":   func(s opentracing.Span, word string) { s.SetOperationName(word) },
		"tag":         func(s opentracing.Span, word string) { s.SetTag("k", word) },
		"bytes":       func(s opentracing.Span, word string) { s.SetTag("k", bytesOf(word)) },
		"key":         func(s opentracing.Span, word string) { s.SetTag(word, 1) },
		"field":       func(s opentracing.Span, word string) { s.LogFields(log.String("k", word)) },
		"field's key": func(s opentracing.Span, word string) { s.LogFields(log.Int(word, 1)) },
		"left out":    tagOverLimit,
	} {
		for _, length := range []int{10, 1 << 20} {
			if how == "left out" {
				length = 64 << 10
			}
			t.Run(fmt.Sprintf("%s of %d", how, length), func(t *testing.T) {
				r := tracer.NewRecorder(0)
				tr, closer := jaeger.NewTracer("own", jaeger.NewConstSampler(true), r)
				defer closer.Close()
				text, memory := body()
				span := tr.StartSpan("a")
				fill(span, text[:length])
				span.Finish()
				if !gone(memory) {
					t.Error("the whole text is kept")
				}
				runtime.KeepAlive(r)
			})
		}
	}
}

func TestRecorderKeepsNoLargerStringOfProcess(t *testing.T) {
	r := tracer.NewRecorder(0)
	service, one := body()
	value, other := body()
	func() {
		tr, closer := jaeger.NewTracer(service[:10], jaeger.NewConstSampler(true), r,
			jaeger.TracerOptions.Tag("k", value[:10]))
		defer closer.Close()
		tr.StartSpan("a").Finish()
	}()
	service, value = "", ""
	for i := range 64 { // or the recorder would still know the tracer
		tr, closer := jaeger.NewTracer(fmt.Sprint(i), jaeger.NewConstSampler(true), r)
		tr.StartSpan("a").Finish()
		closer.Close()
	}
	if !gone(one) || !gone(other) {
		t.Error("the whole text is kept")
	}
	if p := r.Traces()[0][0].Process; p.Service != "xxxxxxxxxx" {
		t.Errorf("%+v", p)
	}
}

func TestRecorderFreesDroppedSpans(t *testing.T) {
	r := tracer.NewRecorder(0)
	tr, closer := jaeger.NewTracer("own", jaeger.NewConstSampler(true), r)
	defer closer.Close()
	root := tr.StartSpan("root")
	child := func() { tr.StartSpan("a", opentracing.ChildOf(root.Context())).SetTag("k", "v").Finish() }
	child()
	first := weak.Make(&r.Traces()[0][0].Tags[0])
	for range 10_000 {
		child()
	}
	if !gone(first) {
		t.Error("it is kept")
	}
	if n := len(r.Traces()[0]); n != 10_000 {
		t.Errorf("%d spans are kept", n)
	}
}

func TestRecorderTracesAreIndependent(t *testing.T) {
	r := tracer.NewRecorder(0)
	tr, closer := jaeger.NewTracer("own", jaeger.NewConstSampler(true), r)
	defer closer.Close()
	root := tr.StartSpan("root")
	for range 10_000 {
		tr.StartSpan("a", opentracing.ChildOf(root.Context())).Finish()
	}
	for n := range 40 { // some of these slices have spare capacity
		span := tr.StartSpan("a", opentracing.ChildOf(root.Context()))
		for i := range n {
			span.SetTag(fmt.Sprint(i), i)
		}
		span.Finish()
		last := func() *gap.Field {
			spans := r.Traces()[0]
			tags := spans[len(spans)-1].Tags
			return &tags[len(tags)-1]
		}
		if one, other := last(), last(); one == other || one.Key != tracer.DroppedSpansTag || *one != *other {
			t.Errorf("%d tags: %v at %p, then %v at %p", n, *one, one, *other, other)
		}
	}
}
