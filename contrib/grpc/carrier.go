package gapgrpc

import (
	"context"
	"maps"
	"strings"

	"github.com/opentracing/opentracing-go"
	"google.golang.org/grpc/metadata"
)

// format is not TextMap, since a tracer escapes for HTTPHeaders what metadata cannot hold.
const format = opentracing.HTTPHeaders

// outgoing is the metadata of a call, for a tracer to inject into. It leaves out keys and values
// that grpc would drop, or that would make grpc fail the call: baggage may hold anything.
type outgoing struct {
	injected metadata.MD
	callers  metadata.MD // a copy of the caller's metadata; nil if there is none
	changed  bool        // callers has a key that is replaced or removed
}

func newOutgoing(ctx context.Context) *outgoing {
	callers, _ := metadata.FromOutgoingContext(ctx)
	return &outgoing{injected: metadata.MD{}, callers: callers}
}

// Set implements opentracing.TextMapWriter. The last value of a key replaces all others. If grpc
// cannot send it, the key is removed.
func (o *outgoing) Set(key, value string) {
	key = strings.ToLower(key)
	switch {
	case !validKey(key):
	case strings.HasSuffix(key, "-bin") || !strings.ContainsFunc(value, unprintable):
		_, found := o.callers[key]
		o.changed = o.changed || found
		o.injected[key] = []string{value}
	default:
		o.Del(key)
	}
}

// Del removes a key. Package tracer calls it for a stale header: one that the caller forwards, and
// that names a span of another hop.
func (o *outgoing) Del(key string) {
	key = strings.ToLower(key)
	delete(o.injected, key)
	if _, found := o.callers[key]; found {
		delete(o.callers, key)
		o.changed = true
	}
}

// in returns ctx with this metadata. The caller's own metadata is not changed. If no key of it is
// replaced or removed, it is sent as it is, so that grpc still refuses what it would have refused.
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
// of each key, and all values of traceparent and tracestate: W3C Trace Context has rules for more
// than one.
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

// validKey reports whether key, in lower case, may be sent as metadata. grpc must allow all of its
// characters. It must not be one of grpc's own keys, nor one for which HTTP/2 fails the call.
func validKey(key string) bool {
	switch key {
	case "", "content-type", "user-agent", "te", "host", "connection", "keep-alive", "proxy-connection",
		"transfer-encoding", "upgrade":
		return false
	case "grpc-trace-bin": // the context of OpenCensus
		return true
	}
	unknown := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.')
	}
	return !strings.HasPrefix(key, "grpc-") && !strings.ContainsFunc(key, unknown)
}

func unprintable(r rune) bool { return r < ' ' || r > '~' }
