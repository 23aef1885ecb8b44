package peer

import (
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"google.golang.org/grpc"
)

func otelGRPC() Peer {
	return Peer{
		Name:    "otelgrpc",
		Modules: []string{"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"},
		API:     OpenTelemetry,
		Open:    openTelemetry,
		GRPCClient: func() []grpc.DialOption {
			return []grpc.DialOption{grpc.WithStatsHandler(otelgrpc.NewClientHandler())}
		},
		GRPCServer: func() []grpc.ServerOption {
			return []grpc.ServerOption{grpc.StatsHandler(otelgrpc.NewServerHandler())}
		},
	}
}
