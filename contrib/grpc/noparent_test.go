package gapgrpc_test

import (
	"context"
	"testing"

	"google.golang.org/grpc"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"

	"github.com/gaptrace/gaptrace"
	gapgrpc "github.com/gaptrace/gaptrace/contrib/grpc"
	"github.com/gaptrace/gaptrace/internal/spantest"
)

func TestCallsWithoutParentAreCounted(t *testing.T) {
	tracer, under, _ := spantest.Under(t)
	var got []metadata.MD
	opts := []gaptrace.Option{gaptrace.WithTracer(tracer)}
	var serve []grpc.ServerOption = gapgrpc.ServerOptions(opts...)
	client := pb.NewTestServiceClient(dial(t, start(t, received(&got), serve...), gapgrpc.DialOptions(opts...)...))
	calls := func(ctx context.Context) func() {
		return func() {
			spantest.Must(client.UnaryCall(ctx, &pb.SimpleRequest{}))(t)
			_, _ = drain(spantest.Must(client.StreamingOutputCall(ctx, ask(1)))(t))
		}
	}
	if got := spantest.NoParent("grpc", calls(t.Context())); got != 2 {
		t.Errorf("%d calls without a parent are counted, want 2", got)
	}
	if got := spantest.NoParent("grpc", calls(under)); got != 0 {
		t.Errorf("%d calls under a parent are counted", got)
	}
}
