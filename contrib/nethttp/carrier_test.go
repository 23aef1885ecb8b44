package nethttp_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
)

// baggage is a tracer that injects the given headers.
type baggage struct {
	*spantest.Tracer
	headers map[string]string
}

func (b baggage) Inject(_ opentracing.SpanContext, _, carrier any) error {
	for key, value := range b.headers {
		carrier.(opentracing.TextMapWriter).Set(key, value)
	}
	return nil
}

func TestCarrierDropsInvalidHeaders(t *testing.T) {
	server := ways(t)
	tracer, ctx, _ := spantest.Under(t)
	injects := baggage{tracer, map[string]string{
		"uberctx-a b":  "x",
		"uberctx-name": "line\nbreak",
		"uberctx-del":  "\x7f",
		"uberctx-nul":  "\x00",
		"uberctx-fine": "é",
	}}
	var sent http.Header
	rt := nethttp.Wrap(roundTripper(func(r *http.Request) (*http.Response, error) {
		sent = r.Header
		return server.Client().Transport.RoundTrip(r)
	}), gaptrace.WithTracer(injects))
	resp := spantest.Must(rt.RoundTrip(get(ctx, server.URL+"/ok")))(t)
	resp.Body.Close()
	if len(sent) != 1 || sent.Get("uberctx-fine") != "é" {
		t.Errorf("sent %q", sent)
	}
}

// TestCarrierRemovesStaleHeaders has a reverse proxy, which passes on all headers that it received.
// Those of other formats name the span before its own.
func TestCarrierRemovesStaleHeaders(t *testing.T) {
	const trace = "0af7651916cd43dd8448eb211c80319c"
	for name, tt := range map[string]struct {
		headers  map[string]string
		priority any    // sampling.priority, set by the proxy's handler
		decision string // x-b3-sampled, or x-b3-flags for debug
	}{
		"b3 in one header": {
			headers:  map[string]string{"b3": trace + "-00000000000000ab-1"},
			decision: "1",
		},
		"traceparent": {
			headers: map[string]string{
				"traceparent": "00-" + trace + "-00000000000000ab-01",
				"tracestate":  "a=b",
			},
			decision: "1",
		},
		"debug, denied by the handler": {
			headers: map[string]string{
				"x-b3-traceid": trace,
				"x-b3-spanid":  "00000000000000ab",
				"x-b3-flags":   "1",
			},
			priority: 0,
			decision: "0",
		},
		"denied, sampled by the handler": {
			headers:  map[string]string{"b3": "0"},
			priority: 1,
			decision: "debug 1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			sent := throughProxy(t, tt.headers, tt.priority)
			for _, stale := range []string{"B3", "Traceparent", "Tracestate"} {
				if sent[stale] != nil {
					t.Errorf("%s: %s was sent on", stale, sent[stale])
				}
			}
			got := sent.Get("X-B3-Sampled")
			if flags := sent.Get("X-B3-Flags"); flags != "" {
				got += "debug " + flags // what Jaeger makes of sampling.priority
			}
			if got != tt.decision || strings.Contains(sent.Get("X-B3-Spanid"), "00000000000000ab") {
				t.Errorf("the server was sent %v", sent)
			}
		})
	}
}

// throughProxy sends headers through a reverse proxy and returns those that its server received.
func throughProxy(t *testing.T, headers map[string]string, priority any) (sent http.Header) {
	ours, closer, err := tracer.New("proxy", tracer.WithRecorder(tracer.NewRecorder(10)))
	if err != nil {
		t.Fatal(err)
	}
	defer closer.Close()
	back := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { sent = r.Header }))
	defer back.Close()
	proxy := httputil.NewSingleHostReverseProxy(spantest.Must(url.Parse(back.URL))(t))
	proxy.Transport = nethttp.Wrap(nil, gaptrace.WithTracer(ours))
	front := httptest.NewServer(nethttp.WrapHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if priority != nil {
			opentracing.SpanFromContext(r.Context()).SetTag("sampling.priority", priority)
		}
		proxy.ServeHTTP(w, r)
	}), gaptrace.WithTracer(ours)))
	defer front.Close()
	req := get(t.Context(), front.URL)
	for key, value := range headers {
		req.Header.Set(key, value)
	}
	resp := spantest.Must(http.DefaultClient.Do(req))(t)
	resp.Body.Close()
	return sent
}
