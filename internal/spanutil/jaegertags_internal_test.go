package spanutil

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gaptrace/gaptrace"
	gaptracer "github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	"github.com/opentracing/opentracing-go/mocktracer"
	"github.com/uber/jaeger-client-go"
	j "github.com/uber/jaeger-client-go/thrift-gen/jaeger"
)

// seen is a jaeger.ContribObserver that notes the tags of all spans.
type seen struct{ tags map[string]any }

func (s seen) OnStartSpan(
	_ opentracing.Span, _ string, o opentracing.StartSpanOptions,
) (jaeger.ContribSpanObserver, bool) {
	maps.Copy(s.tags, o.Tags)
	return s, true
}
func (s seen) OnSetOperationName(string)          {}
func (s seen) OnSetTag(key string, value any)     { s.tags[key] = value }
func (s seen) OnFinish(opentracing.FinishOptions) {}

// another is a tracer of the program that is built on Jaeger's.
type another struct{ *jaeger.Tracer }

func newJaeger(t *testing.T, opts ...jaeger.TracerOption) (*jaeger.Tracer, *jaeger.InMemoryReporter) {
	memory := jaeger.NewInMemoryReporter()
	tracer, closer := jaeger.NewTracer("test", jaeger.NewConstSampler(true), memory, opts...)
	t.Cleanup(func() { closer.Close() })
	return tracer.(*jaeger.Tracer), memory
}

// Tags are appended to the spans of Jaeger's tracer and of ours, unless an observer of the program
// wants to see them.
func TestTagsAreAppended(t *testing.T) {
	plain, _ := newJaeger(t)
	observer := seen{map[string]any{}}
	observed, _ := newJaeger(t, jaeger.TracerOptions.ContribObserver(observer))
	other, _ := newJaeger(t)
	recorder := gaptracer.NewRecorder(10)
	ours, closer, err := gaptracer.New("test", gaptracer.WithRecorder(recorder))
	if err != nil {
		t.Fatal(err)
	}
	defer closer.Close()
	for _, c := range []struct {
		name   string
		tracer opentracing.Tracer
		want   bool
	}{
		{"Jaeger's tracer", plain, true},
		{"package tracer", ours, true},
		{"Jaeger's tracer with an observer", observed, false},
		{"a tracer on Jaeger's", another{other}, false},
		{"a pointer to it", &another{other}, false},
		{"mocktracer", mocktracer.New(), false},
	} {
		w := New([]gaptrace.Option{gaptrace.WithTracer(c.tracer)})
		parent := c.tracer.StartSpan("request")
		ctx := opentracing.ContextWithSpan(t.Context(), parent)
		for i := range 2 { // the first call finds out
			call := w.Start(ctx, Local, func() gaptrace.Call { return gaptrace.Call{Component: "lib", Operation: "op"} })
			call.Tag("early", i)
			call.Open(ctx)
			call.Tag("late", i)
			call.Finish(nil)
			if got := call.appender != nil; got != (c.want && i > 0) {
				t.Errorf("%s, call %d: tags are appended: %t", c.name, i, got)
			}
		}
		parent.Finish()
	}
	want := map[string]any{"component": "lib", "span.kind": ext.SpanKindRPCClientEnum, "early": 1, "late": 1}
	if !maps.Equal(observer.tags, want) {
		t.Errorf("an observer saw %v, want %v", observer.tags, want)
	}
}

// A span is the same whether its tags were appended or set by OpenTracing's API.
func TestAppendedTagsAreTheSame(t *testing.T) {
	tracer, memory := newJaeger(t)
	remote := opentracing.TextMapCarrier{"uber-trace-id": "7:8:0:1"}
	what := gaptrace.Call{Component: "lib", Operation: "op"}
	for name, c := range map[string]struct {
		opts []gaptrace.Option
		call func(ctx context.Context, w *Wrapper)
	}{
		"one wait": {call: func(ctx context.Context, w *Wrapper) {
			c := w.Start(ctx, Local, func() gaptrace.Call { return what })
			c.Tag("a", 1)
			c.Tag("a", 2)
			c.TagText("b", NewText("\xff"))
			c.Statement("GET k")
			c.Finish(errors.New("failed"))
		}},
		"opened early, several waits": {call: func(ctx context.Context, w *Wrapper) {
			c := w.Start(ctx, Injected, func() gaptrace.Call { return what })
			c.Tag("a", 1)
			c.Open(ctx)
			c.Tag("b", "x")
			c.Answered(Bytes)
			for range 3 {
				time.Sleep(200 * time.Microsecond)
				c.Enter()
				time.Sleep(50 * time.Microsecond)
				c.Leave(7)
			}
			for i := range 20 {
				c.Tag(fmt.Sprint(i), i)
			}
			c.Finish(nil)
		}},
		"a user's tags": {
			opts: []gaptrace.Option{gaptrace.WithTags(func(gaptrace.Call) opentracing.Tags {
				return opentracing.Tags{"a": "user's", "component": "no", "mine": 1}
			})},
			call: func(ctx context.Context, w *Wrapper) {
				c := w.Start(ctx, Local, func() gaptrace.Call { return what })
				c.Tag("a", 1)
				c.Open(ctx)
				c.Tag("a", 2)
				c.Finish(nil)
			},
		},
		"a user's priority": {
			opts: []gaptrace.Option{gaptrace.WithTags(func(gaptrace.Call) opentracing.Tags {
				return opentracing.Tags{"sampling.priority": uint16(1)}
			})},
			call: func(ctx context.Context, w *Wrapper) {
				w.Start(ctx, Local, func() gaptrace.Call { return what }).Finish(nil)
			},
		},
		"a server's, whose client is sampled": {call: func(_ context.Context, w *Wrapper) {
			c := w.Serve(context.Background(), what, opentracing.TextMap, remote)
			c.Tag("a", 1)
			c.Open(context.Background())
			c.Served()
			c.Tag("b", 2)
			c.Finish(nil)
		}},
		"a server's, with a debug ID": {call: func(_ context.Context, w *Wrapper) {
			c := w.Serve(context.Background(), what, opentracing.TextMap, opentracing.TextMapCarrier{"jaeger-debug-id": "look"})
			c.Tag("a", 1)
			c.Open(context.Background())
			c.Finish(nil)
		}},
		"a server's without a client": {call: func(_ context.Context, w *Wrapper) {
			c := w.Serve(context.Background(), what, opentracing.TextMap, opentracing.TextMapCarrier{})
			c.Open(context.Background())
			c.Tag("a", 1)
			c.Finish(nil)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := New(append(c.opts, gaptrace.WithTracer(tracer)))
				record := func(a *tagAppender) (spans []string) {
					ctx := opentracing.ContextWithSpan(t.Context(), tracer.StartSpan("request"))
					w.appender.Store(a)
					memory.Reset()
					c.call(ctx, w)
					for _, s := range memory.GetSpans() {
						spans = append(spans, tagsOf(s.(*jaeger.Span)))
					}
					return spans
				}
				byAPI := record(&tagAppender{tracer: tracer})
				appended := record(newTagAppender(tracer, tracer.StartSpan("")))
				if len(byAPI) == 0 || !slices.Equal(byAPI, appended) {
					t.Errorf("by OpenTracing's API:\n%v\nappended:\n%v", byAPI, appended)
				}
			})
		})
	}
}

// Jaeger's spans that are not sampled take no tags, also if they are sampled later.
func TestUnsampledSpansGetNoTags(t *testing.T) {
	tracer, _ := newJaeger(t)
	denied := opentracing.TextMapCarrier{"uber-trace-id": "7:8:0:0"}
	for _, a := range []*tagAppender{{tracer: tracer}, newTagAppender(tracer, tracer.StartSpan(""))} {
		w := New([]gaptrace.Option{gaptrace.WithTracer(tracer)})
		w.appender.Store(a)
		call := w.Serve(t.Context(), gaptrace.Call{Component: "lib", Operation: "op"}, opentracing.TextMap, denied)
		span := opentracing.SpanFromContext(call.Open(t.Context())).(*jaeger.Span)
		if tags := span.Tags(); len(tags) > 0 {
			t.Errorf("tags of a span that is not sampled: %v", tags)
		}
		call.Finish(nil)
	}
}

// byTag is a sampler that keeps the traces with a tag.
type byTag struct{ key string }

func (byTag) OnCreateSpan(*jaeger.Span) jaeger.SamplingDecision {
	return jaeger.SamplingDecision{Retryable: true}
}

func (s byTag) OnSetOperationName(*jaeger.Span, string) jaeger.SamplingDecision {
	return s.OnCreateSpan(nil)
}

func (s byTag) OnSetTag(_ *jaeger.Span, key string, _ any) jaeger.SamplingDecision {
	return jaeger.SamplingDecision{Sample: key == s.key, Retryable: key != s.key}
}
func (s byTag) OnFinishSpan(*jaeger.Span) jaeger.SamplingDecision   { return s.OnCreateSpan(nil) }
func (byTag) IsSampled(jaeger.TraceID, string) (bool, []jaeger.Tag) { return false, nil }
func (byTag) Equal(jaeger.Sampler) bool                             { return false }
func (byTag) Close()                                                {}

// foreign is a context of another tracer that is built on Jaeger's. Its span is no parent for
// Jaeger's tracer, so its decision does not hold there.
type foreign struct {
	opentracing.Span
	context struct{ jaeger.SpanContext }
}

func (f foreign) Context() opentracing.SpanContext { return f.context }

func TestDecisionsOfOtherTracersAreNotFinal(t *testing.T) {
	memory := jaeger.NewInMemoryReporter()
	tracer, closer := jaeger.NewTracer("test", byTag{"component"}, memory)
	defer closer.Close()
	elsewhere, _ := newJaeger(t)
	parent := foreign{Span: elsewhere.StartSpan("parent")}
	parent.context.SpanContext = parent.Span.Context().(jaeger.SpanContext)
	w := New([]gaptrace.Option{gaptrace.WithTracer(tracer)})
	for _, a := range []*tagAppender{{tracer: tracer}, newTagAppender(tracer, tracer.StartSpan(""))} {
		memory.Reset()
		w.appender.Store(a)
		ctx := opentracing.ContextWithSpan(t.Context(), parent)
		w.Start(ctx, Local, func() gaptrace.Call { return gaptrace.Call{Component: "lib", Operation: "op"} }).Finish(nil)
		if n := memory.SpansSubmitted(); n != 1 {
			t.Errorf("%d spans, want the one whose tag the sampler asks for", n)
		}
	}
}

// tagsOf returns a span's name, what Jaeger sends of its tags, and whether a tag made its trace one
// of debugging. It leaves out those of the sampler, which Jaeger's StartSpan loses if it gets more
// than two others.
func tagsOf(span *jaeger.Span) string {
	var tags []string
	for _, tag := range jaeger.BuildJaegerThrift(span).Tags {
		if strings.HasPrefix(tag.Key, "sampler.") {
			continue
		}
		value := map[j.TagType]any{
			j.TagType_STRING: tag.GetVStr(), j.TagType_LONG: tag.GetVLong(), j.TagType_BOOL: tag.GetVBool(),
		}[tag.VType]
		tags = append(tags, fmt.Sprintf("%s=%v", tag.Key, value))
	}
	slices.Sort(tags)
	return fmt.Sprint(span.OperationName(), tags, span.SpanContext().IsDebug())
}
