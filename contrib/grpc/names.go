package gapgrpc

import (
	"strings"

	"github.com/gaptrace/gaptrace/internal/spanutil"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

const component = "grpc"

// unknownMethod names a method that only a grpc.UnknownServiceHandler handles.
const unknownMethod = "grpc OTHER"

// codeOf returns the status that a gRPC server would send for err. If a method of err panics, the
// status is Unknown.
func codeOf(err error) (code codes.Code) {
	code = codes.Unknown
	defer func() { _ = recover() }()
	if s, ok := status.FromError(err); ok {
		return s.Code()
	}
	return status.FromContextError(err).Code()
}

// tagPeer records p's address. A dialer or listener may have an address type that panics.
func tagPeer(call *spanutil.Call, p *peer.Peer) {
	defer func() { _ = recover() }()
	if p != nil && p.Addr != nil {
		call.Tag("peer.address", p.Addr.String())
	}
}

// isProbe reports whether method belongs to the health or reflection service, which load balancers
// and tools call by themselves.
func isProbe(method string) bool {
	return strings.HasPrefix(method, "/grpc.health.") || strings.HasPrefix(method, "/grpc.reflection.")
}
