package gapgrpc

import (
	"context"
	"maps"
	"strings"

	"github.com/gaptrace/gaptrace/internal/spanutil"
	"github.com/opentracing/opentracing-go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

const component = "grpc"

// codeOf is the status of err as a gRPC server would send it. An error is a stranger: should it panic when it is asked, its
// status is not known.
func codeOf(err error) (code codes.Code) {
	code = codes.Unknown
	defer func() { _ = recover() }()
	if s, ok := status.FromError(err); ok {
		return s.Code()
	}
	return status.FromContextError(err).Code()
}

// tagPeer records an address, which is of a dialer's or listener's own making and may panic.
func tagPeer(call *spanutil.Call, p *peer.Peer) {
	defer func() { _ = recover() }()
	if p != nil && p.Addr != nil {
		call.Tag("peer.address", p.Addr.String())
	}
}

// carrier is metadata that a tracer writes its context to. What grpc would drop, or refuse together with the whole
// call, is left out: baggage may hold anything.
type carrier struct {
	written metadata.MD
	callers metadata.MD // a copy of what the caller sends already
	stale   bool        // something of that is not to be sent
}

// Set implements opentracing.TextMapWriter. A key has one value, the last; where that cannot be sent, none.
func (c *carrier) Set(key, value string) {
	key = strings.ToLower(key)
	switch {
	case !validKey(key):
	case strings.HasSuffix(key, "-bin") || printable(value):
		_, found := c.callers[key]
		c.stale = c.stale || found
		c.written[key] = []string{value}
	default:
		c.Del(key)
	}
}

// Del removes what the caller sends under a key, as one does who passes on what a proxy sent. Package tracer asks for it
// where a header of another format no longer holds.
func (c *carrier) Del(key string) {
	key = strings.ToLower(key)
	delete(c.written, key)
	if _, found := c.callers[key]; found {
		delete(c.callers, key)
		c.stale = true
	}
}

// outgoing is ctx with what was written in its outgoing metadata, in place of what had the same keys. The caller's
// metadata is not touched; where nothing in it is stale it is not even made anew, so that what grpc refuses in it is
// refused still.
func (c *carrier) outgoing(ctx context.Context) context.Context {
	switch {
	case len(c.written) == 0 && !c.stale:
		return ctx
	case c.callers == nil:
		return metadata.NewOutgoingContext(ctx, c.written)
	case c.stale:
		maps.Copy(c.callers, c.written)
		return metadata.NewOutgoingContext(ctx, c.callers)
	}
	pairs := make([]string, 0, 2*len(c.written))
	for key, values := range c.written {
		pairs = append(pairs, key, values[0])
	}
	return metadata.AppendToOutgoingContext(ctx, pairs...)
}

// incoming is the metadata that a client sent, for a tracer to read. Of several values of a key it sees the first, but of the
// standard's keys all, in order: it has rules for them.
type incoming struct{ ctx context.Context }

// ForeachKey implements opentracing.TextMapReader.
func (i incoming) ForeachKey(handle func(key, value string) error) error {
	md, _ := metadata.FromIncomingContext(i.ctx)
	for key, values := range md {
		if key != "traceparent" && key != "tracestate" {
			values = values[:min(len(values), 1)]
		}
		for _, value := range values {
			if err := handle(key, value); err != nil {
				return err
			}
		}
	}
	return nil
}

// format is the one that escapes what a header cannot hold.
const format = opentracing.HTTPHeaders

// validKey reports whether key, in lower case, may be sent as metadata: its characters are those that grpc allows, and
// it is neither grpc's own nor one that belongs to a connection, at which HTTP/2 fails the call.
func validKey(key string) bool {
	switch key {
	case "", "content-type", "user-agent", "te", "host", "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade":
		return false
	case "grpc-trace-bin": // OpenCensus's context
		return true
	}
	for i := range len(key) {
		if b := key[i]; !(b >= 'a' && b <= 'z' || b >= '0' && b <= '9' || b == '-' || b == '_' || b == '.') {
			return false
		}
	}
	return !strings.HasPrefix(key, "grpc-")
}

func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
