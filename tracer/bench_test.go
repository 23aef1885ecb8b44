package tracer_test

import (
	"net/http"
	"testing"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	"github.com/uber/jaeger-client-go"
	"github.com/uber/jaeger-client-go/zipkin"
)

// peers returns tracers with jaeger-client-go's own codecs. It has none for b3 and traceparent.
func peers() map[string]opentracing.Tracer {
	theirs := func(opts ...jaeger.TracerOption) opentracing.Tracer {
		t, _ := jaeger.NewTracer("shop", jaeger.NewConstSampler(true), jaeger.NewNullReporter(), opts...)
		return t
	}
	b3 := zipkin.NewZipkinB3HTTPHeaderPropagator()
	return map[string]opentracing.Tracer{
		"uber-trace-id, jaeger-client-go": theirs(),
		"x-b3, jaeger-client-go": theirs(jaeger.TracerOptions.Injector(opentracing.HTTPHeaders, b3),
			jaeger.TracerOptions.Extractor(opentracing.HTTPHeaders, b3)),
	}
}

func ours(b *testing.B, formats ...tracer.Format) opentracing.Tracer {
	t, _, err := tracer.New("shop", tracer.WithRecorder(tracer.NewRecorder(0)), tracer.WithPropagation(formats...))
	if err != nil {
		b.Fatal(err)
	}
	return t
}

func formats(b *testing.B) map[string]opentracing.Tracer {
	all := peers()
	all["uber-trace-id"] = ours(b, tracer.Jaeger)
	all["x-b3"] = ours(b, tracer.B3)
	all["b3"] = ours(b, tracer.B3Single)
	all["traceparent"] = ours(b, tracer.W3C)
	all["default: uber-trace-id and x-b3"] = ours(b, tracer.B3, tracer.Jaeger)
	return all
}

// request returns the headers that a browser and a proxy send.
func request() http.Header {
	return http.Header{
		"Accept": {"*/*"}, "Accept-Encoding": {"gzip"}, "Accept-Language": {"en"}, "Content-Length": {"0"},
		"User-Agent":      {"x"},
		"X-Forwarded-For": {"10.0.0.1"}, "X-Forwarded-Proto": {"http"}, "X-Request-Id": {"6f1b"},
		"X-Envoy-Expected-Rq-Timeout-Ms": {"15000"},
	}
}

func BenchmarkInject(b *testing.B) {
	for name, t := range formats(b) {
		parent := t.StartSpan("parent")
		c := t.StartSpan("a", opentracing.ChildOf(parent.Context())).Context()
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			h := opentracing.HTTPHeadersCarrier(request())
			for b.Loop() {
				if err := t.Inject(c, opentracing.HTTPHeaders, h); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkExtract(b *testing.B) {
	for name, t := range formats(b) {
		h := opentracing.HTTPHeadersCarrier(request())
		if err := t.Inject(t.StartSpan("a").Context(), opentracing.HTTPHeaders, h); err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := t.Extract(opentracing.HTTPHeaders, h); err != nil {
					b.Fatal(err)
				}
			}
		})
		h.Set("Uberctx-User", "7")
		b.Run(name+", with baggage", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := t.Extract(opentracing.HTTPHeaders, h); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkExtractAndStart(b *testing.B) {
	for name, t := range formats(b) {
		h := opentracing.HTTPHeadersCarrier(request())
		if err := t.Inject(t.StartSpan("a").Context(), opentracing.HTTPHeaders, h); err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c, err := t.Extract(opentracing.HTTPHeaders, h)
				if err != nil {
					b.Fatal(err)
				}
				t.StartSpan("a", ext.RPCServerOption(c))
			}
		})
	}
}

func BenchmarkStartAndFinish(b *testing.B) {
	r := tracer.NewRecorder(0)
	tr, closer, err := tracer.New("shop", tracer.WithRecorder(r))
	if err != nil {
		b.Fatal(err)
	}
	defer closer.Close()
	run := func(name string) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				tr.StartSpan("a").SetTag("k", "v").Finish()
			}
		})
	}
	run("root")
	defer r.Observe(func([]gap.Span) {}, 0)()
	run("root, observed")
	parent := tr.StartSpan("parent")
	b.Run("child, observed", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			tr.StartSpan("a", opentracing.ChildOf(parent.Context())).SetTag("k", "v").Finish()
		}
	})
}
