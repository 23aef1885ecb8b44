package gapgrpc

import (
	"context"
	"maps"
	"strings"

	"github.com/opentracing/opentracing-go"
	"google.golang.org/grpc/metadata"
)

// format is the format that escapes what a header cannot hold.
const format = opentracing.HTTPHeaders

// outgoing is the metadata of a call, for a tracer to inject into. It leaves out what grpc would
// drop, and what would make grpc fail the call: baggage may hold anything.
type outgoing struct {
	injected metadata.MD
	callers  metadata.MD // a copy of what the caller sends
	changed  bool        // callers has a key that is replaced or removed
}

func newOutgoing(ctx context.Context) *outgoing {
	callers, _ := metadata.FromOutgoingContext(ctx)
	return &outgoing{injected: metadata.MD{}, callers: callers}
}

// Set implements opentracing.TextMapWriter. The last value of a key replaces all others. If that
// cannot be sent, the key is removed.
func (o *outgoing) Set(key, value string) {
	key = strings.ToLower(key)
	switch {
	case !validKey(key):
	case strings.HasSuffix(key, "-bin") || printable(value):
		_, found := o.callers[key]
		o.changed = o.changed || found
		o.injected[key] = []string{value}
	default:
		o.Del(key)
	}
}

// Del removes what is sent under a key. Package tracer calls it for a header of another format that
// is no longer right, and that the caller passes on from a proxy.
func (o *outgoing) Del(key string) {
	key = strings.ToLower(key)
	delete(o.injected, key)
	if _, found := o.callers[key]; found {
		delete(o.callers, key)
		o.changed = true
	}
}

// in returns ctx with this metadata. The caller's own metadata is not changed. It is not even
// copied unless a key of it is replaced or removed. So grpc still refuses what it would have
// refused.
func (o *outgoing) in(ctx context.Context) context.Context {
	switch {
	case len(o.injected) == 0 && !o.changed:
		return ctx
	case o.callers == nil:
		return metadata.NewOutgoingContext(ctx, o.injected)
	case o.changed:
		maps.Copy(o.callers, o.injected)
		return metadata.NewOutgoingContext(ctx, o.callers)
	}
	pairs := make([]string, 0, 2*len(o.injected))
	for key, values := range o.injected {
		pairs = append(pairs, key, values[0])
	}
	return metadata.AppendToOutgoingContext(ctx, pairs...)
}

// incoming is the metadata that a client sent, for a tracer to extract from. It has the first value
// of each key, and all values of traceparent and tracestate: W3C Trace Context has rules for
// several.
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

// validKey reports whether key, in lower case, may be sent as metadata. Its characters must be
// those that grpc allows. It must not be grpc's own, nor one for which HTTP/2 fails the call.
func validKey(key string) bool {
	switch key {
	case "", "content-type", "user-agent", "te", "host", "connection", "keep-alive", "proxy-connection",
		"transfer-encoding", "upgrade":
		return false
	case "grpc-trace-bin": // the context of OpenCensus
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
