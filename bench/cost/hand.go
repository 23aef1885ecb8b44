package main

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/gaptrace/gaptrace/bench/internal/peer"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	"github.com/uber/jaeger-client-go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// handSpan is a span that gaptrace recorded, to be made by hand.
type handSpan struct {
	operation string
	tags      []opentracing.Tag
}

// recorded makes one sampled call and returns its spans.
func recorded(c Case, make func(cleanup) func(context.Context)) []*jaeger.Span {
	before := opentracing.GlobalTracer()
	defer opentracing.SetGlobalTracer(before)
	memory := jaeger.NewInMemoryReporter()
	tracer := openJaeger(memory, func() {})
	ctx, headers, _ := tracer.parent(true)
	if c.FromHeaders != nil {
		ctx = c.FromHeaders(headers)
	}
	client := &client{make: make}
	client.renew()
	client.call(ctx)
	client.close()
	var spans []*jaeger.Span
	for _, s := range memory.GetSpans() {
		spans = append(spans, s.(*jaeger.Span))
	}
	return spans
}

// toMake returns the spans to make by hand for the same trace. It leaves out waits: in memory a
// call waits only by accident, and code by hand would not measure them.
func toMake(spans []*jaeger.Span) []handSpan {
	var all []handSpan
	for _, span := range spans {
		if isWait(span) {
			continue
		}
		m := handSpan{operation: span.OperationName()}
		for key, value := range span.Tags() {
			m.tags = append(m.tags, opentracing.Tag{Key: key, Value: value})
		}
		all = append(all, m)
	}
	return all
}

// isWait reports whether a span exists only because a call had to wait: for the rest of an answer,
// for a pool, or, in a server, for the client.
func isWait(span *jaeger.Span) bool {
	name := span.OperationName()
	return name == "sql pool" || slices.ContainsFunc([]string{" wait", " read", " write"}, func(end string) bool {
		return strings.HasSuffix(name, end)
	})
}

// byHand returns the raw call with Jaeger's spans around it: started, tagged, injected or put into
// the handler's context, and finished. It records no errors, and does not watch results. It runs
// the call under the context that timed returns for its parent or, in a server, its span.
func byHand(
	c Case, raw peer.Peer, spans []handSpan,
	timed func(context.Context, opentracing.Span) context.Context, onClose cleanup,
) func(context.Context) {
	if c.FromHeaders != nil {
		server := handServer{spans[0], timed}
		return c.Make(peer.Peer{
			HTTPHandler: server.handler,
			GRPCServer: func() []grpc.ServerOption {
				return []grpc.ServerOption{grpc.UnaryInterceptor(server.unary), grpc.StreamInterceptor(server.stream)}
			},
		}, onClose)
	}
	call := c.Make(raw, onClose)
	return func(ctx context.Context) {
		parent := opentracing.SpanFromContext(ctx)
		if parent == nil {
			call(ctx)
			return
		}
		for _, m := range spans[1:] { // the other spans of a transaction
			m.start(opentracing.ChildOf(parent.Context())).Finish()
		}
		span := spans[0].start(opentracing.ChildOf(parent.Context()))
		if c.Carry != nil {
			ctx = c.Carry(ctx, span)
		}
		call(timed(ctx, parent))
		span.Finish()
	}
}

// handServer serves requests under a span.
type handServer struct {
	handSpan
	timed func(context.Context, opentracing.Span) context.Context
}

func (m handServer) under(ctx context.Context, span opentracing.Span) context.Context {
	return m.timed(opentracing.ContextWithSpan(ctx, span), span)
}

func (m handServer) handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		span := m.startServer(opentracing.HTTPHeadersCarrier(req.Header))
		next.ServeHTTP(w, req.WithContext(m.under(req.Context(), span)))
		span.Finish()
	})
}

func (m handServer) unary(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	headers, _ := metadata.FromIncomingContext(ctx)
	span := m.startServer(opentracing.HTTPHeadersCarrier(headers))
	defer span.Finish()
	return next(m.under(ctx, span), req)
}

func (m handServer) stream(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	headers, _ := metadata.FromIncomingContext(stream.Context())
	span := m.startServer(opentracing.HTTPHeadersCarrier(headers))
	defer span.Finish()
	return next(srv, handled{stream, m.under(stream.Context(), span)})
}

type handled struct {
	grpc.ServerStream
	ctx context.Context
}

func (h handled) Context() context.Context { return h.ctx }

// startServer starts the span of a server, as a child of the span in the headers.
func (m handSpan) startServer(headers opentracing.HTTPHeadersCarrier) opentracing.Span {
	client, _ := opentracing.GlobalTracer().Extract(opentracing.HTTPHeaders, headers)
	return m.start(ext.RPCServerOption(client)) // a nil client is no parent
}

func (m handSpan) start(parent opentracing.StartSpanOption) opentracing.Span {
	span := opentracing.GlobalTracer().StartSpan(m.operation, parent)
	for _, tag := range m.tags {
		switch value := tag.Value.(type) { // code by hand sets a concrete value, not an interface
		case string:
			span.SetTag(tag.Key, value)
		case int64:
			span.SetTag(tag.Key, value)
		default:
			span.SetTag(tag.Key, value)
		}
	}
	return span
}
