package gapgrpc_test

import (
	"context"
	"fmt"
	"io"
	"reflect"
	"slices"
	"sync"
	"testing"

	"github.com/gaptrace/gaptrace"
	gapgrpc "github.com/gaptrace/gaptrace/contrib/grpc"
	"github.com/gaptrace/gaptrace/internal/spantest"
	gaptracer "github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
	"google.golang.org/grpc"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
)

// injector is a tracer that injects what its function does.
type injector struct {
	*spantest.Tracer
	inject func(c carrier)
}

// carrier is what a tracer may ask of a carrier.
type carrier interface {
	opentracing.TextMapWriter
	gaptracer.Deleter
}

func (i injector) Inject(_ opentracing.SpanContext, _, c any) error {
	i.inject(c.(carrier))
	return nil
}

func TestACarrierHoldsWhatGRPCWouldSend(t *testing.T) {
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
	for name, c := range map[string]struct {
		callers metadata.MD // nil: none in the context
		inject  func(carrier)
		want    metadata.MD
	}{
		"keys in lower case":                {nil, set("X-B3-TraceId", "1"), metadata.MD{"x-b3-traceid": {"1"}}},
		"the last value of a key":           {nil, set("k", "1", "K", "2"), metadata.MD{"k": {"2"}}},
		"any bytes under a -bin key":        {nil, set("Data-Bin", "\x00é\n"), metadata.MD{"data-bin": {"\x00é\n"}}},
		"a value that cannot be sent":       {nil, set("k", "é", "l", "1"), metadata.MD{"l": {"1"}}},
		"a value that cannot be sent later": {nil, set("k", "1", "k", "\n"), nil},
		"OpenCensus's key of grpc's":        {nil, set("grpc-trace-bin", "\x00\x01"), metadata.MD{"grpc-trace-bin": {"\x00\x01"}}},
		"grpc's other keys":                 {nil, set("grpc-timeout", "1S", "grpc-tags-bin", "x", "Grpc-Status", "0", ":path", "/", "te", "x"), nil},
		"nothing":                           {metadata.MD{"k": {"1", "2"}}, set(), metadata.MD{"k": {"1", "2"}}},
		"beside the caller's":               {metadata.MD{"k": {"1", "2"}}, set("l", "3"), metadata.MD{"k": {"1", "2"}, "l": {"3"}}},
		"in place of the caller's":          {metadata.MD{"K": {"1", "2"}, "l": {"3"}}, set("k", "4"), metadata.MD{"k": {"4"}, "l": {"3"}}},
		"not even a stale one":              {metadata.MD{"k": {"1"}, "l": {"2"}}, set("K", "é"), metadata.MD{"l": {"2"}}},
		"the caller's alone, and stale":     {metadata.MD{"k": {"1"}}, set("k", "\n"), metadata.MD{}},
		"grpc's keys that the caller has":   {metadata.MD{"grpc-x": {"1"}}, set("grpc-x", "2"), metadata.MD{"grpc-x": {"1"}}},
		"what was removed of the caller's":  {metadata.MD{"k": {"1"}, "L": {"2"}, "m": {"3"}}, del("K", "l", "none"), metadata.MD{"m": {"3"}}},
		"what was removed of its own": {nil, func(c carrier) {
			c.Set("k", "1")
			c.Del("K")
		}, nil},
		"what was set after its removal": {metadata.MD{"k": {"1"}}, func(c carrier) {
			c.Del("k")
			c.Set("k", "2")
		}, metadata.MD{"k": {"2"}}},
		"the caller's that is empty":      {metadata.MD{}, set("k", "1"), metadata.MD{"k": {"1"}}},
		"the caller's key without values": {metadata.MD{"k": {}, "l": nil}, set("k", "1"), metadata.MD{"k": {"1"}, "l": {}}},
	} {
		t.Run(name, func(t *testing.T) {
			tracer, ctx, _ := under(t)
			before := c.callers.Copy()
			if c.callers != nil {
				ctx = metadata.NewOutgoingContext(ctx, c.callers)
			}
			var got metadata.MD
			err := gapgrpc.UnaryClientInterceptor(gaptrace.WithTracer(injector{tracer, c.inject}))(ctx, unary, nil, nil, nil,
				func(ctx context.Context, _ string, _, _ any, _ *grpc.ClientConn, _ ...grpc.CallOption) error {
					got, _ = metadata.FromOutgoingContext(ctx)
					return nil
				})
			if fmt.Sprint(got) != fmt.Sprint(c.want) || err != nil {
				t.Errorf("goes out: %q, want %q, %v", got, c.want, err)
			}
			if !reflect.DeepEqual(c.callers.Copy(), before) {
				t.Errorf("the caller's metadata has become %v", c.callers)
			}
		})
	}
}

func TestCallsAtOnceFromOneContextEachSendTheirOwnIDsOnce(t *testing.T) {
	var mu sync.Mutex
	sent := map[string]int{}
	note := func(ctx context.Context) {
		md, _ := metadata.FromIncomingContext(ctx)
		mu.Lock()
		defer mu.Unlock()
		sent[fmt.Sprint(md["spantest-trace"], md["spantest-span"], md["kept"])]++
	}
	tracer, ctx, client := wrapped(t, &service{
		unary: func(ctx context.Context, _ *pb.SimpleRequest) (*pb.SimpleResponse, error) {
			note(ctx)
			return &pb.SimpleResponse{}, nil
		},
		stream: func(stream grpc.ServerStream) error {
			note(stream.Context())
			return nil
		},
	})
	ctx = metadata.NewOutgoingContext(ctx, metadata.MD{"spantest-trace": {"98", "99"}, "kept": {"1", "2"}})
	ctx = metadata.AppendToOutgoingContext(ctx, "spantest-span", "97")
	var users sync.WaitGroup
	const each = 50
	for range each {
		users.Go(func() {
			if _, err := client.UnaryCall(ctx, &pb.SimpleRequest{}); err != nil {
				t.Error(err)
			}
		})
		users.Go(func() {
			stream, err := client.StreamingOutputCall(ctx, ask())
			if err == nil {
				_, err = drain(stream)
			}
			if err != io.EOF {
				t.Error(err)
			}
		})
	}
	users.Wait()
	spans := append(tracer.Named(unary), tracer.Named(download)...)
	if len(spans) != 2*each || len(sent) != 2*each {
		t.Errorf("%d spans, %d metadata", len(spans), len(sent))
	}
	for _, span := range spans {
		if told := fmt.Sprintf("[%d] [%d] [1 2]", span.TraceID, span.ID); sent[told] != 1 {
			t.Errorf("%s was sent %d times", told, sent[told])
		}
	}
}

func TestMetadataThatIsNilOrHasNoValuesDoesNoHarm(t *testing.T) {
	for name, md := range map[string]metadata.MD{
		"nil": nil, "empty": {}, "no values": {"spantest-trace": {}, "x-request-id": {}, "traceparent": {}, "k": nil},
	} {
		t.Run(name, func(t *testing.T) {
			tracer, ctx, client := wrapped(t, &service{})
			ctx = metadata.NewOutgoingContext(ctx, md)
			if _, err := client.UnaryCall(ctx, &pb.SimpleRequest{}); err != nil {
				t.Error(err)
			}
			if n, err := drain(must(client.StreamingOutputCall(ctx, ask(1)))(t)); n != 1 || err != io.EOF {
				t.Error(n, err)
			}
			wantTree(t, tracer, opentracing.SpanFromContext(ctx), line(unary, "grpc.code=OK peer.address=bufconn")+
				line(download, "grpc.code=OK messages=1 peer.address=bufconn"))
			tracer.Reset()
			_, err := gapgrpc.UnaryServerInterceptor(gaptrace.WithTracer(tracer))(metadata.NewIncomingContext(t.Context(), md), nil,
				&grpc.UnaryServerInfo{FullMethod: unary}, func(context.Context, any) (any, error) { return nil, nil })
			if got := tracer.Tree(); got != handler(unary, "grpc.code=OK") || err != nil {
				t.Errorf("%v, got:\n%s", err, got)
			}
		})
	}
}

// reader is a tracer that notes what it reads.
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

func TestAServersTracerReadsTheFirstValueOfAKeyAndOfTheStandardsKeysAllInOrder(t *testing.T) {
	r := reader{spantest.NewTracer(), map[string][]string{}}
	client := pb.NewTestServiceClient(dial(t, start(t, &service{}, gapgrpc.ServerOptions(gaptrace.WithTracer(r))...)))
	ctx := metadata.AppendToOutgoingContext(t.Context(), "x-b3-traceid", "1", "x-b3-traceid", "2", "traceparent", "a", "traceparent", "b",
		"tracestate", "c=1", "tracestate", "d=2,e=3", "tracestate", "f=4")
	must(client.UnaryCall(ctx, &pb.SimpleRequest{}))(t)
	for key, want := range map[string][]string{"x-b3-traceid": {"1"}, "traceparent": {"a", "b"}, "tracestate": {"c=1", "d=2,e=3", "f=4"}} {
		if !slices.Equal(r.read[key], want) {
			t.Errorf("%s: %q, want %q", key, r.read[key], want)
		}
	}
}

func TestATracestateInSeveralHeadersIsSentOnWhole(t *testing.T) {
	tracer, closer, err := gaptracer.New("test", gaptracer.WithRecorder(gaptracer.NewRecorder(10)), gaptracer.WithPropagation(gaptracer.W3C))
	if err != nil {
		t.Fatal(err)
	}
	defer closer.Close()
	const parent = "00-463ac35c9f6413ad48485a3953bb6124-00f067aa0ba902b7-01"
	for name, c := range map[string]struct {
		parents []string
		want    []string
	}{
		"one parent":      {[]string{parent}, []string{"c=1,d=2,e=3"}},
		"several parents": {[]string{parent, parent}, nil}, // of which there may be but one
	} {
		t.Run(name, func(t *testing.T) {
			var got []metadata.MD
			next := pb.NewTestServiceClient(dial(t, start(t, received(&got)), gapgrpc.DialOptions(gaptrace.WithTracer(tracer))...))
			through := &service{unary: func(ctx context.Context, req *pb.SimpleRequest) (*pb.SimpleResponse, error) {
				return next.UnaryCall(ctx, req)
			}}
			client := pb.NewTestServiceClient(dial(t, start(t, through, gapgrpc.ServerOptions(gaptrace.WithTracer(tracer))...)))
			ctx := metadata.NewOutgoingContext(t.Context(), metadata.MD{"traceparent": c.parents, "tracestate": {"c=1", "d=2,e=3"}})
			must(client.UnaryCall(ctx, &pb.SimpleRequest{}))(t)
			if state := got[0]["tracestate"]; !slices.Equal(state, c.want) {
				t.Errorf("sent on: %q, want %q", state, c.want)
			}
		})
	}
}
