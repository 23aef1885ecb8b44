package gapgrpc_test

import (
	"context"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gaptrace/gaptrace"
	gapgrpc "github.com/gaptrace/gaptrace/contrib/grpc"
	"github.com/gaptrace/gaptrace/internal/spantest"
	gaptracer "github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// received returns a service that appends the metadata of each unary call to all.
func received(all *[]metadata.MD) *service {
	return &service{unary: func(ctx context.Context, _ *pb.SimpleRequest) (*pb.SimpleResponse, error) {
		md, _ := metadata.FromIncomingContext(ctx)
		*all = append(*all, md)
		return &pb.SimpleResponse{}, nil
	}}
}

// carrier is what a tracer may call on a carrier.
type carrier interface {
	opentracing.TextMapWriter
	gaptracer.Deleter
}

// injector is a tracer whose Inject calls a function.
type injector struct {
	*spantest.Tracer
	inject func(c carrier)
}

func (i injector) Inject(_ opentracing.SpanContext, _, c any) error {
	i.inject(c.(carrier))
	return nil
}

func TestOutgoingMetadata(t *testing.T) {
	set := func(keysAndValues ...string) func(carrier) {
		return func(c carrier) {
			for pair := range slices.Chunk(keysAndValues, 2) {
				c.Set(pair[0], pair[1])
			}
		}
	}
	del := func(keys ...string) func(carrier) {
		return func(c carrier) {
			for _, key := range keys {
				c.Del(key)
			}
		}
	}
	setThenDel := func(c carrier) {
		c.Set("k", "1")
		c.Del("K")
	}
	delThenSet := func(c carrier) {
		c.Del("k")
		c.Set("k", "2")
	}
	grpcsOwn := set("grpc-timeout", "1S", "grpc-tags-bin", "x", "Grpc-Status", "0", ":path", "/", "te", "x")
	type MD = metadata.MD
	for _, c := range []struct {
		name    string
		callers MD // nil: none in the context
		inject  func(carrier)
		want    MD
	}{
		{"key in lower case", nil, set("X-B3-TraceId", "1"), MD{"x-b3-traceid": {"1"}}},
		{"last value of a key", nil, set("k", "1", "K", "2"), MD{"k": {"2"}}},
		{"any bytes under a -bin key", nil, set("Data-Bin", "\x00é\n"), MD{"data-bin": {"\x00é\n"}}},
		{"value that cannot be sent", nil, set("k", "é", "l", "1"), MD{"l": {"1"}}},
		{"last value cannot be sent", nil, set("k", "1", "k", "\n"), nil},
		{"OpenCensus's key", nil, set("grpc-trace-bin", "\x00\x01"), MD{"grpc-trace-bin": {"\x00\x01"}}},
		{"grpc's own keys", nil, grpcsOwn, nil},
		{"nothing", MD{"k": {"1", "2"}}, set(), MD{"k": {"1", "2"}}},
		{"another key than the caller's", MD{"k": {"1", "2"}}, set("l", "3"), MD{"k": {"1", "2"}, "l": {"3"}}},
		{"the caller's key", MD{"K": {"1", "2"}, "l": {"3"}}, set("k", "4"), MD{"k": {"4"}, "l": {"3"}}},
		{"the caller's key, cannot be sent", MD{"k": {"1"}, "l": {"2"}}, set("K", "é"), MD{"l": {"2"}}},
		{"the caller's only key, cannot be sent", MD{"k": {"1"}}, set("k", "\n"), MD{}},
		{"grpc's key of the caller", MD{"grpc-x": {"1"}}, set("grpc-x", "2"), MD{"grpc-x": {"1"}}},
		{"Del of the caller's key", MD{"k": {"1"}, "L": {"2"}, "m": {"3"}}, del("K", "l", "none"), MD{"m": {"3"}}},
		{"Del after Set", nil, setThenDel, nil},
		{"Set after Del", MD{"k": {"1"}}, delThenSet, MD{"k": {"2"}}},
		{"the caller's is empty", MD{}, set("k", "1"), MD{"k": {"1"}}},
		{"the caller's has no values", MD{"k": {}, "l": nil}, set("k", "1"), MD{"k": {"1"}, "l": {}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			tracer, ctx, _ := spantest.Under(t)
			before := c.callers.Copy()
			if c.callers != nil {
				ctx = metadata.NewOutgoingContext(ctx, c.callers)
			}
			var got metadata.MD
			err := invoke(ctx, injector{tracer, c.inject}, func(
				ctx context.Context, _ string, _, _ any, _ *grpc.ClientConn, _ ...grpc.CallOption,
			) error {
				got, _ = metadata.FromOutgoingContext(ctx)
				return nil
			})
			if fmt.Sprint(got) != fmt.Sprint(c.want) || err != nil {
				t.Errorf("sent: %q, want %q, error %v", got, c.want, err)
			}
			if !reflect.DeepEqual(c.callers.Copy(), before) {
				t.Errorf("the caller's metadata is now %v", c.callers)
			}
		})
	}
	t.Run("sent to a server", forwardedIsReplaced)
	t.Run("nil or without values", emptyMetadata)
	t.Run("grpc still refuses the caller's", func(t *testing.T) {
		_, ctx, client := wrapped(t, &service{})
		ctx = metadata.NewOutgoingContext(ctx, metadata.MD{"Upper": {"x"}})
		if _, err := client.UnaryCall(ctx, &pb.SimpleRequest{}); status.Code(err) != codes.Internal {
			t.Errorf("got %v", err)
		}
	})
}

func forwardedIsReplaced(t *testing.T) {
	var got []metadata.MD
	tracer, ctx, client := wrapped(t, received(&got))
	forwarded := metadata.MD{"spantest-trace": {"98", "99"}, "SPANTEST-SPAN": {"99"}, "kept": {"1", "2"}}
	before := forwarded.Copy()
	ctx = metadata.NewOutgoingContext(ctx, forwarded)
	ctx = metadata.AppendToOutgoingContext(ctx, "spantest-span", "97", "Appended", "3")
	spantest.Must(client.UnaryCall(ctx, &pb.SimpleRequest{}))(t)
	span := tracer.Only(t, unary)
	for key, want := range map[string][]string{
		"spantest-trace": {fmt.Sprint(span.TraceID)},
		"spantest-span":  {fmt.Sprint(span.ID)},
		"kept":           {"1", "2"},
		"appended":       {"3"},
	} {
		if !reflect.DeepEqual(got[0].Get(key), want) {
			t.Errorf("the server got %s: %v, want %v", key, got[0].Get(key), want)
		}
	}
	if !reflect.DeepEqual(forwarded, before) {
		t.Errorf("the caller's metadata is now %v", forwarded)
	}
	if md, _ := metadata.FromOutgoingContext(ctx); !reflect.DeepEqual(md["spantest-span"], []string{"99", "97"}) {
		t.Errorf("the caller's context has %v", md)
	}
}

func emptyMetadata(t *testing.T) {
	for name, md := range map[string]metadata.MD{
		"nil":       nil,
		"empty":     {},
		"no values": {"spantest-trace": {}, "x-request-id": {}, "traceparent": {}, "k": nil},
	} {
		t.Run(name, func(t *testing.T) {
			tracer, ctx, client := wrapped(t, &service{})
			ctx = metadata.NewOutgoingContext(ctx, md)
			spantest.Must(client.UnaryCall(ctx, &pb.SimpleRequest{}))(t)
			if n, err := drain(spantest.Must(client.StreamingOutputCall(ctx, ask(1)))(t)); n != 1 || err != io.EOF {
				t.Error(n, err)
			}
			spantest.WantUnder(t, tracer, opentracing.SpanFromContext(ctx),
				line(unary, "grpc.code=OK peer.address=bufconn")+
					line(download, "grpc.code=OK messages=1 peer.address=bufconn"))
			tracer.Reset()
			err := serveUnary(metadata.NewIncomingContext(t.Context(), md), tracer,
				func(context.Context, any) (any, error) { return nil, nil })
			if err != nil {
				t.Error(err)
			}
			spantest.WantTree(t, tracer, handler(unary, "grpc.code=OK"))
		})
	}
}

func TestConcurrentCallsSendTheirOwnIDs(t *testing.T) {
	var mu sync.Mutex
	sent := map[string]int{}
	count := func(ctx context.Context) {
		md, _ := metadata.FromIncomingContext(ctx)
		mu.Lock()
		defer mu.Unlock()
		sent[fmt.Sprint(md["spantest-trace"], md["spantest-span"], md["kept"])]++
	}
	tracer, ctx, client := wrapped(t, &service{
		unary: func(ctx context.Context, _ *pb.SimpleRequest) (*pb.SimpleResponse, error) {
			count(ctx)
			return &pb.SimpleResponse{}, nil
		},
		stream: func(stream grpc.ServerStream) error {
			count(stream.Context())
			return nil
		},
	})
	ctx = metadata.NewOutgoingContext(ctx, metadata.MD{"spantest-trace": {"98", "99"}, "kept": {"1", "2"}})
	ctx = metadata.AppendToOutgoingContext(ctx, "spantest-span", "97")
	var callers sync.WaitGroup
	const each = 50
	for range each {
		callers.Go(func() {
			if _, err := client.UnaryCall(ctx, &pb.SimpleRequest{}); err != nil {
				t.Error(err)
			}
		})
		callers.Go(func() {
			stream, err := client.StreamingOutputCall(ctx, ask())
			if err == nil {
				_, err = drain(stream)
			}
			if err != io.EOF {
				t.Error(err)
			}
		})
	}
	callers.Wait()
	spans := append(tracer.Named(unary), tracer.Named(download)...)
	if len(spans) != 2*each || len(sent) != 2*each {
		t.Errorf("%d spans, %d different metadata", len(spans), len(sent))
	}
	for _, span := range spans {
		if ids := fmt.Sprintf("[%d] [%d] [1 2]", span.TraceID, span.ID); sent[ids] != 1 {
			t.Errorf("%s was sent %d times", ids, sent[ids])
		}
	}
}

// FuzzWhatATracerInjectsBreaksNoCall injects a key and a value as a tracer injects baggage, which
// may hold anything.
func FuzzWhatATracerInjectsBreaksNoCall(f *testing.F) {
	for _, key := range []string{
		"", "X-B3-TraceId", "a b", "é", ":path", ":authority", "te", "TE", "host", "Connection", "content-type",
		"user-agent", "upgrade", "grpc-timeout", "Grpc-Status", "grpc-encoding", "grpc-trace-bin", "grpc-tags-bin",
		"grpc-previous-rpc-attempts", "data-bin", "-bin", "transfer-encoding", "keep-alive", "proxy-connection",
		"content-length", "trailer", "cookie",
	} {
		f.Add(key, "value")
		f.Add(key, "line\nbreak, \x00, é and 5H")
	}
	var got []metadata.MD
	conn := dial(f, start(f, received(&got)))
	f.Fuzz(func(t *testing.T, key, value string) {
		tracer, ctx, _ := spantest.Under(t)
		next := func(
			ctx context.Context, method string, _, _ any, _ *grpc.ClientConn, opts ...grpc.CallOption,
		) error {
			return conn.Invoke(ctx, method, &pb.SimpleRequest{}, &pb.SimpleResponse{}, opts...)
		}
		got = nil
		inject := injector{tracer, func(c carrier) { c.Set(key, value) }}
		if err := invoke(ctx, inject, next); err != nil {
			t.Fatalf("%q: %q fails the call: %v", key, value, err)
		}
		for k, values := range got[0] {
			if strings.EqualFold(k, key) && len(values) != 1 { // grpc's own, or the injected one
				t.Errorf("%q: %q arrived as %q", key, value, values)
			}
		}
	})
}

// reader is a tracer that notes what it extracts.
type reader struct {
	*spantest.Tracer
	read map[string][]string
}

func (r reader) Extract(_, c any) (opentracing.SpanContext, error) {
	_ = c.(opentracing.TextMapReader).ForeachKey(func(key, value string) error {
		r.read[key] = append(r.read[key], value)
		return nil
	})
	return nil, opentracing.ErrSpanContextNotFound
}

func TestIncomingMetadata(t *testing.T) {
	t.Run("first value of a key, all of W3C's", func(t *testing.T) {
		r := reader{spantest.NewTracer(), map[string][]string{}}
		opts := gapgrpc.ServerOptions(gaptrace.WithTracer(r))
		client := pb.NewTestServiceClient(dial(t, start(t, &service{}, opts...)))
		ctx := metadata.AppendToOutgoingContext(t.Context(),
			"x-b3-traceid", "1", "x-b3-traceid", "2", "traceparent", "a", "traceparent", "b",
			"tracestate", "c=1", "tracestate", "d=2,e=3", "tracestate", "f=4")
		spantest.Must(client.UnaryCall(ctx, &pb.SimpleRequest{}))(t)
		for key, want := range map[string][]string{
			"x-b3-traceid": {"1"},
			"traceparent":  {"a", "b"},
			"tracestate":   {"c=1", "d=2,e=3", "f=4"},
		} {
			if !slices.Equal(r.read[key], want) {
				t.Errorf("%s: %q, want %q", key, r.read[key], want)
			}
		}
	})
	const parent = "00-463ac35c9f6413ad48485a3953bb6124-00f067aa0ba902b7-01"
	t.Run("several tracestates are one list", func(t *testing.T) {
		tracestateIsPassedOn(t, []string{parent}, []string{"c=1,d=2,e=3"})
	})
	t.Run("several traceparents are invalid", func(t *testing.T) {
		tracestateIsPassedOn(t, []string{parent, parent}, nil)
	})
}

// tracestateIsPassedOn sends two tracestate headers through a service, and checks what it sends on.
func tracestateIsPassedOn(t *testing.T, parents, want []string) {
	tracer, closer, err := gaptracer.New("test",
		gaptracer.WithRecorder(gaptracer.NewRecorder(10)), gaptracer.WithPropagation(gaptracer.W3C))
	if err != nil {
		t.Fatal(err)
	}
	defer closer.Close()
	var got []metadata.MD
	next := wrappedClient(t, tracer, start(t, received(&got)))
	through := &service{unary: func(ctx context.Context, req *pb.SimpleRequest) (*pb.SimpleResponse, error) {
		return next.UnaryCall(ctx, req)
	}}
	opts := gapgrpc.ServerOptions(gaptrace.WithTracer(tracer))
	client := pb.NewTestServiceClient(dial(t, start(t, through, opts...)))
	sent := metadata.MD{"traceparent": parents, "tracestate": {"c=1", "d=2,e=3"}}
	spantest.Must(client.UnaryCall(metadata.NewOutgoingContext(t.Context(), sent), &pb.SimpleRequest{}))(t)
	if state := got[0]["tracestate"]; !slices.Equal(state, want) {
		t.Errorf("sent on: %q, want %q", state, want)
	}
}
