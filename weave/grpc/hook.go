//go:build gaptrace_woven

package grpc

import (
	gapgrpc "github.com/gaptrace/gaptrace/contrib/grpc"
	"github.com/gaptrace/gaptrace/internal/options"
	"google.golang.org/grpc"
)

func init() {
	grpc.GaptraceDialOptions = func() []grpc.DialOption { return gapgrpc.DialOptions(options.Woven) }
	grpc.GaptraceServerOptions = func() []grpc.ServerOption { return gapgrpc.ServerOptions(options.Woven) }
}
