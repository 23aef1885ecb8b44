package grpcoptions

import (
	"context"

	kgrpc "github.com/go-kratos/kratos/v2/transport/grpc"
	"google.golang.org/grpc"
)

func clients(ctx context.Context, opts []grpc.DialOption) {
	grpc.NewClient("a")                                               // want `GT105: grpc.NewClient: gaptrace's interceptors are missing; pass it gapgrpc.DialOptions`
	grpc.NewClient("a", grpc.WithInsecure())                          // want `GT105: .*; pass it gapgrpc.DialOptions`
	grpc.NewClient("a", grpc.WithInsecure(), grpc.WithUserAgent("b")) // want `GT105: .*; pass it gapgrpc.DialOptions`
	grpc.NewClient("a", opts...)                                      // want `GT105: .*; pass it gapgrpc.DialOptions`
	grpc.Dial("a", grpc.WithInsecure())                               // want `GT105: grpc.Dial: .*; pass it gapgrpc.DialOptions`
	grpc.DialContext(ctx, "a")                                        // want `GT105: grpc.DialContext: .*; pass it gapgrpc.DialOptions`
	grpc.DialContext(ctx, "a", grpc.WithInsecure())                   // want `GT105: .*; pass it gapgrpc.DialOptions`
	grpc.NewClient(                                                   // want `GT105: .*; pass it gapgrpc.DialOptions`
		"a",
		grpc.WithInsecure(), // as long as nothing is encrypted
		grpc.WithUserAgent("b"),
	)
	grpc.NewClient( // want `GT105: .*; pass it gapgrpc.DialOptions`
		"a",
	)
}

func servers(opts []grpc.ServerOption) {
	grpc.NewServer()                                        // want `GT105: grpc.NewServer: .*; pass it gapgrpc.ServerOptions`
	grpc.NewServer(grpc.MaxRecvMsgSize(1))                  // want `GT105: .*; pass it gapgrpc.ServerOptions`
	grpc.NewServer(opts...)                                 // want `GT105: .*; pass it gapgrpc.ServerOptions`
	grpc.NewServer(append(opts, grpc.MaxRecvMsgSize(1))...) // want `GT105: .*; pass it gapgrpc.ServerOptions`
	grpc.NewServer(                                         // want `GT105: .*; pass it gapgrpc.ServerOptions`
		grpc.MaxRecvMsgSize(1),
	)
}

func kratos(ctx context.Context, opts []kgrpc.ServerOption) {
	kgrpc.Dial(ctx)                                  // want `GT105: kgrpc.Dial: .*; add kgrpc.WithOptions`
	kgrpc.DialInsecure(ctx, kgrpc.WithEndpoint("a")) // want `GT105: kgrpc.DialInsecure: .*; add kgrpc.WithOptions`
	kgrpc.NewServer()                                // want `GT105: kgrpc.NewServer: .*; add kgrpc.Options`
	kgrpc.NewServer(kgrpc.Address("a"))              // want `GT105: .*; add kgrpc.Options`
	kgrpc.NewServer(opts...)                         // want `GT105: .*; add kgrpc.Options`
}
