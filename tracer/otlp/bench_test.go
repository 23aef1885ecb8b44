package otlp_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/internal/spantest/cputime"
	"github.com/gaptrace/gaptrace/tracer"
	"github.com/gaptrace/gaptrace/tracer/otlp"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
)

// BenchmarkSpan measures a span of a query, from its start until a collector on this machine has
// received it. CPU time and allocations include all goroutines, also the collector's.
func BenchmarkSpan(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
	}))
	defer server.Close()
	type opened = func(...tracer.Option) (opentracing.Tracer, io.Closer, error)
	newOTLP := func(more ...tracer.Option) opened {
		return func(opts ...tracer.Option) (opentracing.Tracer, io.Closer, error) {
			return otlp.New("shop", append(append(opts, otlp.WithEndpoint(server.URL)), more...)...)
		}
	}
	for _, test := range []struct {
		name string
		open opened
	}{
		{"Jaeger", func(opts ...tracer.Option) (opentracing.Tracer, io.Closer, error) {
			return tracer.New("shop", append(opts, tracer.WithCollector(server.URL))...)
		}},
		{"OTLP", newOTLP()},
		{"OTLP, OpenTelemetry's names", newOTLP(otlp.WithSemanticConventions())},
	} {
		b.Run(test.name, func(b *testing.B) {
			var stats tracer.Stats
			tr, closer, err := test.open(tracer.WithStats(&stats))
			if err != nil {
				b.Fatal(err)
			}
			parent := tr.StartSpan("parent")
			b.ReportAllocs()
			start := cputime.OfProcess()
			for b.Loop() {
				tr.StartSpan("sql query", opentracing.ChildOf(parent.Context()), ext.SpanKindRPCClient).
					SetTag("component", "database/sql").SetTag("db.type", "mysql").
					SetTag("db.statement", "SELECT title FROM books WHERE id = ?").
					SetTag("peer.address", "db:3306").SetTag("rows", 3).Finish()
				for stats.Queued.Load() > 5000 { // or the queue would drop spans
					time.Sleep(time.Millisecond)
				}
			}
			if err := closer.Close(); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(cputime.OfProcess()-start)/float64(b.N), "cpu-ns/op")
		})
	}
}
