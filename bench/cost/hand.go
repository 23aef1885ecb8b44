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

// made is a span as ours was drawn, for a hand to make.
type made struct {
	operation string
	tags      []opentracing.Tag
}

// recorded makes one sampled call, and tells what is drawn for it.
func recorded(c Case, make func(cleanup) func(context.Context)) []*jaeger.Span {
	before := opentracing.GlobalTracer()
	defer opentracing.SetGlobalTracer(before)
	memory := jaeger.NewInMemoryReporter()
	tracer := openJaeger(memory, func() {})
	ctx, headers, _ := tracer.parent(true)
	if c.Asked != nil {
		ctx = c.Asked(headers)
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

// toMake is what a hand does for the same picture. Waits are left out: in memory there are none but by accident, and by hand
// nobody measures them.
func toMake(drawn []*jaeger.Span) []made {
	var all []made
	for _, span := range drawn {
		if isWait(span) {
			continue
		}
		m := made{operation: span.OperationName()}
		for key, value := range span.Tags() {
			m.tags = append(m.tags, opentracing.Tag{Key: key, Value: value})
		}
		all = append(all, m)
	}
	return all
}

// isWait tells a span that is there only where a call had to wait: for the rest of its answer, for its pool, or, as a server,
// for its client.
func isWait(span *jaeger.Span) bool {
	name := span.OperationName()
	return name == "sql pool" || slices.ContainsFunc([]string{" wait", " read", " write"}, func(end string) bool {
		return strings.HasSuffix(name, end)
	})
}

// byHand is the raw call with Jaeger's spans around it: started, tagged, injected or put into the handler's context, and
// finished. It records no errors, watches no results and tells no waits.
func byHand(c Case, raw peer.Peer, spans []made, at cleanup) func(context.Context) {
	if c.Asked != nil {
		return c.Make(peer.Peer{
			HTTPHandler: func(h http.Handler) http.Handler { return spans[0].handler(h) },
			GRPCServer: func() []grpc.ServerOption {
				return []grpc.ServerOption{grpc.UnaryInterceptor(spans[0].unary), grpc.StreamInterceptor(spans[0].stream)}
			},
		}, at)
	}
	call := c.Make(raw, at)
	return func(ctx context.Context) {
		parent := opentracing.SpanFromContext(ctx)
		if parent == nil {
			call(ctx)
			return
		}
		for _, m := range spans[1:] { // of a transaction
			m.start(opentracing.ChildOf(parent.Context())).Finish()
		}
		span := spans[0].start(opentracing.ChildOf(parent.Context()))
		if c.Carry != nil {
			ctx = c.Carry(ctx, span)
		}
		call(ctx)
		span.Finish()
	}
}

func (m made) handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		span := m.below(opentracing.HTTPHeadersCarrier(req.Header))
		next.ServeHTTP(w, req.WithContext(opentracing.ContextWithSpan(req.Context(), span)))
		span.Finish()
	})
}

func (m made) unary(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	headers, _ := metadata.FromIncomingContext(ctx)
	span := m.below(opentracing.HTTPHeadersCarrier(headers))
	defer span.Finish()
	return next(opentracing.ContextWithSpan(ctx, span), req)
}

func (m made) stream(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	headers, _ := metadata.FromIncomingContext(stream.Context())
	span := m.below(opentracing.HTTPHeadersCarrier(headers))
	defer span.Finish()
	return next(srv, handled{stream, opentracing.ContextWithSpan(stream.Context(), span)})
}

type handled struct {
	grpc.ServerStream
	ctx context.Context
}

func (h handled) Context() context.Context { return h.ctx }

// below is the span of a server, whose client tells in its headers what its own is.
func (m made) below(headers opentracing.HTTPHeadersCarrier) opentracing.Span {
	client, _ := opentracing.GlobalTracer().Extract(opentracing.HTTPHeaders, headers)
	return m.start(ext.RPCServerOption(client)) // a nil client is no parent
}

func (m made) start(parent opentracing.StartSpanOption) opentracing.Span {
	span := opentracing.GlobalTracer().StartSpan(m.operation, parent)
	for _, tag := range m.tags {
		switch value := tag.Value.(type) { // a hand would give the value itself, not one boxed before
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
