package nethttp_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/opentracing/opentracing-go"
)

// slowToDraw takes a second to start the span of a wait.
type slowToDraw struct{ *spantest.Tracer }

func (t slowToDraw) StartSpan(operation string, opts ...opentracing.StartSpanOption) opentracing.Span {
	if strings.Contains(operation, " write") {
		time.Sleep(time.Second)
	}
	return t.Tracer.StartSpan(operation, opts...)
}

func TestDrawingTheWaitsIsNoPartOfTheRequest(t *testing.T) {
	tracer := spantest.NewTracer()
	synctest.Test(t, func(t *testing.T) {
		slowClient := writerFunc(func(p []byte) (int, error) {
			time.Sleep(time.Millisecond)
			return len(p), nil
		})
		nethttp.WrapHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "one")
			time.Sleep(time.Millisecond)
			io.WriteString(w, "two")
		}), gaptrace.WithTracer(slowToDraw{tracer})).ServeHTTP(slowClient, httptest.NewRequest("GET", "/", nil))
	})
	spans := tracer.Spans()
	if len(spans) != 3 {
		t.Fatalf("%d spans, want the server's and two waits:\n%s", len(spans), tracer.Tree())
	}
	for _, span := range spans {
		want := time.Millisecond
		if !span.IsWait() {
			want = 3 * time.Millisecond
		}
		if span.Duration() != want {
			t.Errorf("%q took %v, want %v", span.Operation, span.Duration(), want)
		}
	}
}

// writerFunc is a ResponseWriter without more.
type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
func (writerFunc) Header() http.Header           { return http.Header{} }
func (writerFunc) WriteHeader(int)               {}
