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

const healthCheck = "/grpc.health.v1.Health/Check"

func TestHealthAndReflection(t *testing.T) {
	const all = "Check Watch ServerReflectionInfo"
	t.Run("not recorded alone", func(t *testing.T) { wantProbes(t, "", nil) })
	t.Run("recorded in a trace", func(t *testing.T) {
		wantProbes(t, all, []string{"spantest-trace", "7", "spantest-span", "8"})
	})
	t.Run("recorded with WithRoots", func(t *testing.T) { wantProbes(t, all, nil, gaptrace.WithRoots()) })
}

// wantProbes starts a server with opts, and calls its health and reflection services with the
// metadata md. It compares the names of the methods that were recorded.
func wantProbes(t *testing.T, want string, md []string, opts ...gaptrace.Option) {
	tracer := spantest.NewTracer()
	var stop func()
	conn := dial(t, startServer(t, func(server *grpc.Server) {
		stop = server.GracefulStop
		healthpb.RegisterHealthServer(server, health.NewServer())
		reflection.Register(server)
	}, gapgrpc.ServerOptions(append(opts, gaptrace.WithTracer(tracer))...)...))
	ctx, cancel := context.WithCancel(metadata.AppendToOutgoingContext(t.Context(), md...))
	checks := healthpb.NewHealthClient(conn)
	spantest.Must(checks.Check(ctx, &healthpb.HealthCheckRequest{}))(t)
	spantest.Must(spantest.Must(checks.Watch(ctx, &healthpb.HealthCheckRequest{}))(t).Recv())(t)
	stream := spantest.Must(reflectionpb.NewServerReflectionClient(conn).ServerReflectionInfo(ctx))(t)
	stream.CloseSend()
	stream.Recv()
	cancel()
	stop() // returns when all handlers have returned
	var recorded []string
	for _, span := range tracer.Calls() {
		recorded = append(recorded, span.Operation[strings.LastIndexByte(span.Operation, '/')+1:])
	}
	if got := strings.Join(recorded, " "); got != want {
		t.Errorf("recorded: %s, want %s", got, want)
	}
}

func TestHealthCheckIsRecordedForIDs(t *testing.T) {
	const ids = "463ac35c9f6413ad48485a3953bb6124"
	for name, c := range map[string]struct {
		sent metadata.MD
		want bool
	}{
		"nothing":             {nil, false},
		"ids":                 {metadata.Pairs("x-b3-traceid", ids, "x-b3-spanid", "7", "x-b3-sampled", "1"), true},
		"debug id":            {metadata.Pairs("jaeger-debug-id", "look"), true},
		"malformed ids":       {metadata.Pairs("uber-trace-id", "x"), false},
		"baggage":             {metadata.Pairs("uberctx-a", "b"), false},
		"sampled without ids": {metadata.Pairs("x-b3-sampled", "1"), false},
		"denied without ids":  {metadata.Pairs("x-b3-sampled", "0"), false},
	} {
		t.Run(name, func(t *testing.T) {
			recorder, tracer := recording(t)
			ctx := metadata.NewIncomingContext(t.Context(), c.sent)
			unary := gapgrpc.UnaryServerInterceptor(gaptrace.WithTracer(tracer))
			stream := gapgrpc.StreamServerInterceptor(gaptrace.WithTracer(tracer))
			fails := func(any, grpc.ServerStream) error { return errNotHere }
			byUnary := func() error {
				_, err := unary(ctx, nil, &grpc.UnaryServerInfo{FullMethod: healthCheck},
					func(context.Context, any) (any, error) { return nil, errNotHere })
				return err
			}
			byStream := func() error {
				return stream("a service", gone{ctx: ctx}, &grpc.StreamServerInfo{FullMethod: healthCheck}, fails)
			}
			byUnknown := func() error {
				return stream(nil, gone{ctx: ctx}, &grpc.StreamServerInfo{FullMethod: healthCheck}, fails)
			}
			for handler, call := range map[string]func() error{
				"unary": byUnary, "stream": byStream, "unknown service": byUnknown,
			} {
				before := spansIn(recorder)
				if err := call(); err != errNotHere {
					t.Errorf("%s: %v", handler, err)
				}
				if recorded := spansIn(recorder) > before; recorded != c.want {
					t.Errorf("%s: recorded: %v", handler, recorded)
				}
			}
		})
	}
}

func TestHealthCheckIsRecordedUnderOuterSpan(t *testing.T) {
	for name, sent := range map[string]metadata.MD{
		"nothing sent":        nil,
		"sampled without ids": metadata.Pairs("x-b3-sampled", "1"),
	} {
		t.Run(name, func(t *testing.T) {
			recorder, tracer := recording(t)
			outer := tracer.StartSpan("of an outer interceptor")
			ctx := opentracing.ContextWithSpan(metadata.NewIncomingContext(t.Context(), sent), outer)
			intercept := gapgrpc.UnaryServerInterceptor(gaptrace.WithTracer(tracer))
			_, _ = intercept(ctx, nil, &grpc.UnaryServerInfo{FullMethod: healthCheck},
				func(context.Context, any) (any, error) { return nil, nil })
			outer.Finish()
			if n := spansIn(recorder); n != 2 {
				t.Errorf("%d spans", n)
			}
		})
	}
}

// recording returns a tracer of package tracer that records all spans.
func recording(t *testing.T) (*gaptracer.Recorder, opentracing.Tracer) {
	recorder := gaptracer.NewRecorder(10)
	tracer, closer, err := gaptracer.New("test", gaptracer.WithRecorder(recorder))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closer.Close() })
	return recorder, tracer
}

func spansIn(r *gaptracer.Recorder) (n int) {
	for _, trace := range r.Traces() {
		n += len(trace)
	}
	return n
}
