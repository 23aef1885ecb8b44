package main

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace/bench/internal/peer"
	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	ddtracer "gopkg.in/DataDog/dd-trace-go.v1/ddtrace/tracer"
)

// reading is how to find out whether a span of an API is sampled.
type reading struct {
	parent, child func(context.Context) bool // the span in a context; a child of it by the global tracer
	headers       func(http.Header) bool
}

var readings = map[peer.API]reading{
	peer.OpenTracing:   {jaegerParent, jaegerChild, jaegerHeaders},
	peer.OpenTelemetry: {otelSampled, otelChild, otelHeaders},
	peer.Datadog:       {datadogSampled, datadogChild, datadogKeeps},
}

func jaegerParent(ctx context.Context) bool {
	return jaegerSampled(opentracing.SpanFromContext(ctx).Context())
}

func jaegerChild(ctx context.Context) bool {
	span, _ := opentracing.StartSpanFromContext(ctx, "call")
	return jaegerSampled(span.Context())
}

func jaegerHeaders(h http.Header) bool {
	carrier := opentracing.HTTPHeadersCarrier(h)
	return jaegerSampled(must(opentracing.GlobalTracer().Extract(opentracing.HTTPHeaders, carrier)))
}

func jaegerSampled(c opentracing.SpanContext) bool { return c.(jaeger.SpanContext).IsSampled() }

func otelChild(ctx context.Context) bool {
	ctx, _ = otel.Tracer("bench").Start(ctx, "call")
	return otelSampled(ctx)
}

func otelHeaders(h http.Header) bool {
	return otelSampled(otel.GetTextMapPropagator().Extract(context.Background(), propagation.HeaderCarrier(h)))
}

func otelSampled(ctx context.Context) bool { return trace.SpanContextFromContext(ctx).IsSampled() }

func datadogChild(ctx context.Context) bool {
	_, ctx = ddtracer.StartSpanFromContext(ctx, "call")
	return datadogSampled(ctx)
}

// datadogSampled reads the priority from the headers of an outgoing request.
func datadogSampled(ctx context.Context) bool {
	span, _ := ddtracer.SpanFromContext(ctx)
	h := http.Header{}
	check(ddtracer.Inject(span.Context(), ddtracer.HTTPHeadersCarrier(h)))
	return datadogKeeps(h)
}

func datadogKeeps(h http.Header) bool {
	priority := h.Get("x-datadog-sampling-priority")
	if priority == "" {
		panic("a context without a priority")
	}
	return priority != "0" && !strings.HasPrefix(priority, "-")
}

func TestParentIsSampledOrNot(t *testing.T) {
	tracers := inMemory()
	defer tracers.close()
	for name, a := range tracers {
		for _, sampled := range []bool{false, true} {
			ctx, headers, finish := a.parent(sampled)
			read := readings[name]
			for what, got := range map[string]bool{
				"span": read.parent(ctx), "child": read.child(ctx), "headers": read.headers(headers),
			} {
				if got != sampled {
					t.Errorf("%s, a parent with sampled %t: the %s has %t", name, sampled, what, got)
				}
			}
			finish()
		}
	}
}
