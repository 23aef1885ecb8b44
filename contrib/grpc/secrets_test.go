package gapgrpc_test

import (
	"context"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace"
	gapgrpc "github.com/gaptrace/gaptrace/contrib/grpc"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"google.golang.org/grpc/codes"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"
)

func TestSecretsOfMessageAreRedacted(t *testing.T) {
	const message = "no user for api_key=hunter2, nor at https://u:hunter2@h/token/hunter2?code=hunter2"
	tracer, ctx, parent := spantest.Under(t)
	fails := func(context.Context, *pb.SimpleRequest) (*pb.SimpleResponse, error) {
		return nil, status.Error(codes.Unavailable, message)
	}
	l := start(t, &service{unary: fails}, gapgrpc.ServerOptions(gaptrace.WithTracer(tracer))...)
	_, err := wrappedClient(t, tracer, l).UnaryCall(ctx, &pb.SimpleRequest{})
	spantest.Await(t, "the server's span", func() bool { return len(tracer.Spans()) == 2 })
	parent.Finish()
	if got := status.Convert(err).Message(); got != message {
		t.Errorf("the caller got %q", got)
	}
	if tree := tracer.Tree(); strings.Contains(tree, "hunter2") || strings.Count(tree, "api_key=hidden") != 2 {
		t.Errorf("recorded:\n%s", tree)
	}
}
