package names

import "google.golang.org/grpc"

func gapgrpc() {}

func global() {
	grpc.NewServer() // want `GT105: .*; pass it gapgrpc2.ServerOptions`
}
