package grpcoptions

import (
	"context"

	gapgrpc "github.com/gaptrace/gaptrace/contrib/grpc"
	kgrpc "github.com/go-kratos/kratos/v2/transport/grpc"
	"google.golang.org/grpc"
)

func wrappedClients(ctx context.Context) {
	grpc.NewClient("a", gapgrpc.DialOptions()...)
	grpc.NewClient("a", append(gapgrpc.DialOptions(), grpc.WithInsecure())...)
	grpc.NewClient("a", append([]grpc.DialOption{grpc.WithInsecure()}, gapgrpc.DialOptions()...)...)
	grpc.Dial("a", grpc.WithUnaryInterceptor(gapgrpc.UnaryClientInterceptor()))
	grpc.Dial("a", grpc.WithStreamInterceptor(gapgrpc.StreamClientInterceptor()))
	grpc.Dial("a", grpc.WithChainUnaryInterceptor(nil, gapgrpc.UnaryClientInterceptor()))
	var opts []grpc.DialOption
	opts = append(opts, grpc.WithInsecure())
	opts = append(opts, gapgrpc.DialOptions()...)
	grpc.DialContext(ctx, "a", opts...)
	grpc.NewClient("a", options()...)
}

func options() []grpc.DialOption { return append(gapgrpc.DialOptions(), grpc.WithInsecure()) }

func newServer(opts ...grpc.ServerOption) *grpc.Server { return grpc.NewServer(opts...) }

func wrappedServers() {
	newServer(gapgrpc.ServerOptions()...)
	grpc.NewServer(grpc.UnaryInterceptor(gapgrpc.UnaryServerInterceptor()))
	grpc.NewServer(grpc.ChainUnaryInterceptor(gapgrpc.UnaryServerInterceptor()), grpc.StreamInterceptor(gapgrpc.StreamServerInterceptor()))
	opts := gapgrpc.ServerOptions()
	grpc.NewServer(opts...)
}

func wrappedKratos(ctx context.Context) {
	kgrpc.NewServer(kgrpc.Options(gapgrpc.ServerOptions()...))
	kgrpc.Dial(ctx, kgrpc.WithOptions(gapgrpc.DialOptions()...))
}
