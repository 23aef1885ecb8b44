package peer

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"net/http"

	"github.com/elastic/go-elasticsearch/v8"
	"github.com/gaptrace/gaptrace/gap"
	"github.com/go-redis/redis/v8"
	"google.golang.org/grpc"
	ddsql "gopkg.in/DataDog/dd-trace-go.v1/contrib/database/sql"
	ddes "gopkg.in/DataDog/dd-trace-go.v1/contrib/elastic/go-elasticsearch.v6"
	ddredis "gopkg.in/DataDog/dd-trace-go.v1/contrib/go-redis/redis.v8"
	ddgrpc "gopkg.in/DataDog/dd-trace-go.v1/contrib/google.golang.org/grpc"
	ddhttp "gopkg.in/DataDog/dd-trace-go.v1/contrib/net/http"
	"gopkg.in/DataDog/dd-trace-go.v1/ddtrace/ext"
	"gopkg.in/DataDog/dd-trace-go.v1/ddtrace/mocktracer"
	"gopkg.in/DataDog/dd-trace-go.v1/ddtrace/tracer"
)

// datadog is dd-trace-go with its contribs for all libraries.
func datadog() Peer {
	return Peer{
		Name:       "dd-trace-go",
		Modules:    []string{"gopkg.in/DataDog/dd-trace-go.v1", "github.com/DataDog/dd-trace-go/v2"},
		API:        Datadog,
		Open:       openDatadog,
		HTTPClient: func(rt http.RoundTripper) http.RoundTripper { return ddhttp.WrapRoundTripper(rt) },
		HTTPHandler: func(h http.Handler) http.Handler {
			return ddhttp.WrapHandler(h, "bench", "request")
		},
		SQL:   func(c driver.Connector) *sql.DB { return ddsql.OpenDB(c) },
		Redis: func(c *redis.Client) { ddredis.WrapClient(c) },
		Elasticsearch: func(cfg elasticsearch.Config) (*elasticsearch.Client, error) {
			next := cfg.Transport
			if next == nil {
				next = http.DefaultTransport
			}
			cfg.Transport = ddes.NewRoundTripper(ddes.WithTransport(next))
			return elasticsearch.NewClient(cfg)
		},
		GRPCClient: func() []grpc.DialOption {
			return []grpc.DialOption{
				grpc.WithStreamInterceptor(ddgrpc.StreamClientInterceptor()),
				grpc.WithUnaryInterceptor(ddgrpc.UnaryClientInterceptor()),
			}
		},
		GRPCServer: func() []grpc.ServerOption {
			return []grpc.ServerOption{
				grpc.StreamInterceptor(ddgrpc.StreamServerInterceptor()),
				grpc.UnaryInterceptor(ddgrpc.UnaryServerInterceptor()),
			}
		},
	}
}

// openDatadog starts dd-trace-go's tracer in memory. It takes no sampler. An unsampled request is
// marked with ManualDrop, which dd-trace-go's own code respects. It is still recorded, and left out
// by Spans.
func openDatadog(sampled bool, _ Exporter) Recorder {
	return &datadogRecorder{tracer: mocktracer.Start(), sampled: sampled}
}

type datadogRecorder struct {
	tracer   mocktracer.Tracer
	sampled  bool
	returned int // spans returned so far; the tracer's Reset would lose spans that finish meanwhile
}

func (r *datadogRecorder) Span(ctx context.Context, operation string) (context.Context, func()) {
	var opts []tracer.StartSpanOption
	if !r.sampled {
		opts = append(opts, tracer.Tag(ext.ManualDrop, true))
	}
	span := tracer.StartSpan(operation, opts...)
	return tracer.ContextWithSpan(ctx, span), func() { span.Finish() }
}

func (r *datadogRecorder) Spans() []gap.Span {
	finished := r.tracer.FinishedSpans()[r.returned:]
	r.returned += len(finished)
	if !r.sampled {
		return nil
	}
	spans := make([]gap.Span, len(finished))
	for i, span := range finished {
		spans[i] = fromDatadog(span)
	}
	return spans
}

func (r *datadogRecorder) Close() { r.tracer.Stop() }

// fromDatadog converts what the analysis needs, and the tags. Datadog's only reference is the
// parent, and its IDs have 64 bits within a process.
func fromDatadog(span mocktracer.Span) gap.Span {
	trace := gap.TraceID{Low: span.TraceID()}
	s := gap.Span{
		TraceID:   trace,
		SpanID:    gap.SpanID(span.SpanID()),
		Operation: span.OperationName(),
		Start:     wall(span.StartTime()),
		Duration:  span.FinishTime().Sub(span.StartTime()),
		Process:   process,
	}
	if parent := span.ParentID(); parent != 0 {
		s.References = []gap.Reference{{Type: gap.ChildOf, TraceID: trace, SpanID: gap.SpanID(parent)}}
	}
	for key, value := range span.Tags() {
		s.Tags = append(s.Tags, gap.Field{Key: key, Value: fmt.Sprint(value)})
	}
	return s
}
