package nethttp_test

import (
	"context"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"testing"

	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
)

// replacePort makes a server's address the same in every run.
func replacePort(s *httptest.Server) []string {
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	return []string{":" + port, ":PORT", "peer.port=" + port, "peer.port=PORT"}
}

// under returns a tracer and a context with one of its spans, "parent".
func under(t testing.TB) (tracer *spantest.Tracer, ctx context.Context, parent opentracing.Span) {
	tracer = spantest.NewTracer()
	parent = tracer.StartSpan("parent")
	return tracer, opentracing.ContextWithSpan(t.Context(), parent), parent
}

func wantTree(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

var quiet = log.New(io.Discard, "", 0)

func jaegerTracer(t testing.TB, sampled bool) opentracing.Tracer {
	tracer, closer := jaeger.NewTracer("test", jaeger.NewConstSampler(sampled), jaeger.NewNullReporter())
	t.Cleanup(func() { closer.Close() })
	return tracer
}
