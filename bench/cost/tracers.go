package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/gaptrace/gaptrace/bench/internal/peer"
	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"gopkg.in/DataDog/dd-trace-go.v1/ddtrace/ext"
	ddtracer "gopkg.in/DataDog/dd-trace-go.v1/ddtrace/tracer"
)

// tracers are the tracers of all APIs. All are open at once, each as the global tracer of its API,
// so that wrappers of different APIs can take turns.
type tracers map[peer.API]api

// api is an open tracer.
type api interface {
	// parent starts the span of a request. It returns the span in a context and in the headers of a
	// request to a server.
	parent(sampled bool) (in context.Context, headers http.Header, finish func())

	// flush waits until the finished spans were sent, or dropped if nothing is exported.
	flush()

	close()
}

// inMemory opens tracers that make real spans and send none: Jaeger's with its null reporter,
// OpenTelemetry's SDK with a processor that does nothing, and dd-trace-go's with a transport that
// answers without sending. It is not dd-trace-go's mocktracer, which costs twice as much as the
// real tracer. The real one encodes a trace after its root has finished, which is not measured.
func inMemory() tracers {
	return tracers{
		peer.OpenTracing:   openJaeger(jaeger.NewNullReporter(), func() {}),
		peer.OpenTelemetry: openOTel(nothing{}),
		peer.Datadog: openDatadog("127.0.0.1:8126", ddtracer.WithHTTPClient(&http.Client{
			Transport: fromMemory(func() *http.Response {
				body := io.NopCloser(strings.NewReader("{}"))
				return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: body}
			}),
		})),
	}
}

func (t tracers) close() {
	for _, a := range t {
		a.close()
	}
}

// jaegerAPI samples everything except children of an unsampled parent. So do the other APIs.
type jaegerAPI struct {
	sampled, unsampled opentracing.Tracer
	wait               func()
	closers            []func() error
}

func openJaeger(reporter jaeger.Reporter, wait func()) *jaegerAPI {
	sampled, closeSampled := jaeger.NewTracer("bench", jaeger.NewConstSampler(true), reporter)
	unsampled, closeUnsampled := jaeger.NewTracer("bench", jaeger.NewConstSampler(false), jaeger.NewNullReporter())
	opentracing.SetGlobalTracer(sampled)
	return &jaegerAPI{sampled, unsampled, wait, []func() error{closeSampled.Close, closeUnsampled.Close}}
}

func (a *jaegerAPI) parent(sampled bool) (context.Context, http.Header, func()) {
	tracer := a.unsampled
	if sampled {
		tracer = a.sampled
	}
	span := tracer.StartSpan("request")
	headers := http.Header{}
	check(tracer.Inject(span.Context(), opentracing.HTTPHeaders, opentracing.HTTPHeadersCarrier(headers)))
	return opentracing.ContextWithSpan(context.Background(), span), headers, span.Finish
}

func (a *jaegerAPI) flush() { a.wait() }

func (a *jaegerAPI) close() {
	for _, f := range a.closers {
		check(f())
	}
	opentracing.SetGlobalTracer(opentracing.NoopTracer{})
}

type otelAPI struct{ sampled, unsampled *sdk.TracerProvider }

// openOTel keeps the SDK's default sampler: as the parent, and always for a root.
func openOTel(processor sdk.SpanProcessor) *otelAPI {
	a := &otelAPI{
		sdk.NewTracerProvider(sdk.WithSpanProcessor(processor)),
		sdk.NewTracerProvider(sdk.WithSampler(sdk.NeverSample())),
	}
	otel.SetTracerProvider(a.sampled)
	otel.SetTextMapPropagator(
		propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}),
	)
	return a
}

func (a *otelAPI) parent(sampled bool) (context.Context, http.Header, func()) {
	provider := a.unsampled
	if sampled {
		provider = a.sampled
	}
	ctx, span := provider.Tracer("bench").Start(context.Background(), "request", trace.WithNewRoot())
	headers := http.Header{}
	otel.GetTextMapPropagator().Inject(ctx, propagation.HeaderCarrier(headers))
	return ctx, headers, func() { span.End() }
}

func (a *otelAPI) flush() { check(a.sampled.ForceFlush(context.Background())) }
func (a *otelAPI) close() { check(a.sampled.Shutdown(context.Background())) }

// nothing is a processor that drops spans.
type nothing struct{}

func (nothing) OnStart(context.Context, sdk.ReadWriteSpan) {}
func (nothing) OnEnd(sdk.ReadOnlySpan)                     {}
func (nothing) Shutdown(context.Context) error             { return nil }
func (nothing) ForceFlush(context.Context) error           { return nil }

// datadogAPI has a single tracer, which takes no sampler. An unsampled request is marked as users
// of dd-trace-go mark it.
type datadogAPI struct{}

func openDatadog(agent string, opts ...ddtracer.StartOption) datadogAPI {
	for _, off := range []string{"DD_INSTRUMENTATION_TELEMETRY_ENABLED", "DD_REMOTE_CONFIGURATION_ENABLED"} {
		check(os.Setenv(off, "false")) // not part of tracing
	}
	ddtracer.Start(append(opts, ddtracer.WithAgentAddr(agent), ddtracer.WithService("bench"),
		ddtracer.WithLogStartup(false), ddtracer.WithLogger(silent{}))...)
	return datadogAPI{}
}

type silent struct{}

func (silent) Log(string) {}

func (datadogAPI) parent(sampled bool) (context.Context, http.Header, func()) {
	span := ddtracer.StartSpan("request")
	if !sampled {
		span.SetTag(ext.ManualDrop, true)
	} else {
		span.SetTag(ext.ManualKeep, true)
	}
	headers := http.Header{}
	check(ddtracer.Inject(span.Context(), ddtracer.HTTPHeadersCarrier(headers)))
	return ddtracer.ContextWithSpan(context.Background(), span), headers, func() { span.Finish() }
}

func (datadogAPI) flush() { ddtracer.Flush() }
func (datadogAPI) close() { ddtracer.Stop() }
