package gapgrpc_test

import (
	"context"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace"
	gapgrpc "github.com/gaptrace/gaptrace/contrib/grpc"
	"github.com/gaptrace/gaptrace/internal/spantest"
	gaptracer "github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
)

func TestHealthChecksAndReflectionDrawNothingUnlessTheyArePartOfATrace(t *testing.T) {
	for name, c := range map[string]struct {
		options  []gaptrace.Option
		metadata []string
		drawn    string
	}{
		"alone":       {drawn: ""},
		"in a trace":  {metadata: []string{"spantest-trace", "7", "spantest-span", "8"}, drawn: "Check Watch ServerReflectionInfo"},
		"roots asked": {options: []gaptrace.Option{gaptrace.WithRoots()}, drawn: "Check Watch ServerReflectionInfo"},
	} {
		t.Run(name, func(t *testing.T) {
			tracer := spantest.NewTracer()
			options := gapgrpc.ServerOptions(append(c.options, gaptrace.WithTracer(tracer))...)
			var stop func()
			conn := dial(t, startServer(t, func(server *grpc.Server) {
				stop = server.GracefulStop
				healthpb.RegisterHealthServer(server, health.NewServer())
				reflection.Register(server)
			}, options...))
			ctx, cancel := context.WithCancel(metadata.AppendToOutgoingContext(t.Context(), c.metadata...))
			must(healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{}))(t)
			must(must(healthpb.NewHealthClient(conn).Watch(ctx, &healthpb.HealthCheckRequest{}))(t).Recv())(t)
			stream := must(reflectionpb.NewServerReflectionClient(conn).ServerReflectionInfo(ctx))(t)
			stream.CloseSend()
			stream.Recv()
			cancel()
			stop() // and so all handlers have returned
			var drawn []string
			for _, span := range calls(tracer) {
				drawn = append(drawn, span.Operation[strings.LastIndexByte(span.Operation, '/')+1:])
			}
			if got := strings.Join(drawn, " "); got != c.drawn {
				t.Errorf("drawn: %s, want %s", got, c.drawn)
			}
		})
	}
}

func TestAHealthCheckIsDrawnForIDsOrADebugIDWhoeverHandlesIt(t *testing.T) {
	const ids = "463ac35c9f6413ad48485a3953bb6124"
	for name, c := range map[string]struct {
		sent metadata.MD
		want bool
	}{
		"nothing":             {nil, false},
		"ids":                 {metadata.Pairs("x-b3-traceid", ids, "x-b3-spanid", "7", "x-b3-sampled", "1"), true},
		"a debug id":          {metadata.Pairs("jaeger-debug-id", "look"), true},
		"malformed ids":       {metadata.Pairs("uber-trace-id", "x"), false},
		"baggage":             {metadata.Pairs("uberctx-a", "b"), false},
		"sampled without ids": {metadata.Pairs("x-b3-sampled", "1"), false},
		"denied without ids":  {metadata.Pairs("x-b3-sampled", "0"), false},
	} {
		t.Run(name, func(t *testing.T) {
			recorder := gaptracer.NewRecorder(10)
			tracer, closer, err := gaptracer.New("test", gaptracer.WithRecorder(recorder))
			if err != nil {
				t.Fatal(err)
			}
			defer closer.Close()
			const check = "/grpc.health.v1.Health/Check"
			ctx, stream := metadata.NewIncomingContext(t.Context(), c.sent), gapgrpc.StreamServerInterceptor(gaptrace.WithTracer(tracer))
			for handler, call := range map[string]func() error{
				"unary": func() error {
					_, err := gapgrpc.UnaryServerInterceptor(gaptrace.WithTracer(tracer))(ctx, nil, &grpc.UnaryServerInfo{FullMethod: check},
						func(context.Context, any) (any, error) { return nil, errNotHere })
					return err
				},
				"a stream": func() error {
					return stream("a service", gone{ctx: ctx}, &grpc.StreamServerInfo{FullMethod: check}, func(any, grpc.ServerStream) error { return errNotHere })
				},
				"of unknown services": func() error {
					return stream(nil, gone{ctx: ctx}, &grpc.StreamServerInfo{FullMethod: check}, func(any, grpc.ServerStream) error { return errNotHere })
				},
			} {
				before := spansIn(recorder)
				if err := call(); err != errNotHere {
					t.Errorf("%s: %v", handler, err)
				}
				if drawn := spansIn(recorder) > before; drawn != c.want {
					t.Errorf("%s: drawn: %v", handler, drawn)
				}
			}
		})
	}
}

func TestAHealthCheckUnderTheSpanOfAnOuterInterceptorIsDrawn(t *testing.T) {
	for name, sent := range map[string]metadata.MD{"nothing sent": nil, "sampled without ids": metadata.Pairs("x-b3-sampled", "1")} {
		t.Run(name, func(t *testing.T) {
			recorder := gaptracer.NewRecorder(10)
			tracer, closer, err := gaptracer.New("test", gaptracer.WithRecorder(recorder))
			if err != nil {
				t.Fatal(err)
			}
			defer closer.Close()
			outer := tracer.StartSpan("of an outer interceptor")
			ctx := opentracing.ContextWithSpan(metadata.NewIncomingContext(t.Context(), sent), outer)
			_, _ = gapgrpc.UnaryServerInterceptor(gaptrace.WithTracer(tracer))(ctx, nil, &grpc.UnaryServerInfo{FullMethod: "/grpc.health.v1.Health/Check"},
				func(context.Context, any) (any, error) { return nil, nil })
			outer.Finish()
			if n := spansIn(recorder); n != 2 {
				t.Errorf("%d spans", n)
			}
		})
	}
}

func spansIn(r *gaptracer.Recorder) (n int) {
	for _, trace := range r.Traces() {
		n += len(trace)
	}
	return n
}
