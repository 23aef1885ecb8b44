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
	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
)

// A reverse proxy passes on all headers that it was sent. Those of other formats name the span before its own.
func TestAProxySendsNoHeaderThatNoLongerHolds(t *testing.T) {
	const trace = "0af7651916cd43dd8448eb211c80319c"
	ours, closer, err := tracer.New("proxy", tracer.WithRecorder(tracer.NewRecorder(10)))
	if err != nil {
		t.Fatal(err)
	}
	defer closer.Close()
	var sent http.Header
	back := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { sent = r.Header }))
	defer back.Close()
	target, err := url.Parse(back.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.Transport = nethttp.Wrap(nil, gaptrace.WithTracer(ours))
	for name, tt := range map[string]struct {
		headers  map[string]string
		priority any    // set by the handler
		decision string // x-b3-sampled, or x-b3-flags for debug
	}{
		"b3 in one header":               {map[string]string{"b3": trace + "-00000000000000ab-1"}, nil, "1"},
		"traceparent":                    {map[string]string{"traceparent": "00-" + trace + "-00000000000000ab-01", "tracestate": "a=b"}, nil, "1"},
		"debug, denied by the handler":   {map[string]string{"x-b3-traceid": trace, "x-b3-spanid": "00000000000000ab", "x-b3-flags": "1"}, 0, "0"},
		"denied, sampled by the handler": {map[string]string{"b3": "0"}, 1, "debug 1"},
	} {
		t.Run(name, func(t *testing.T) {
			front := httptest.NewServer(nethttp.WrapHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if tt.priority != nil {
					opentracing.SpanFromContext(r.Context()).SetTag("sampling.priority", tt.priority)
				}
				proxy.ServeHTTP(w, r)
			}), gaptrace.WithTracer(ours)))
			defer front.Close()
			req, err := http.NewRequestWithContext(t.Context(), "GET", front.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			for key, value := range tt.headers {
				req.Header.Set(key, value)
			}
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			for _, stale := range []string{"B3", "Traceparent", "Tracestate"} {
				if sent[stale] != nil {
					t.Errorf("%s: %s was sent on", stale, sent[stale])
				}
			}
			got := sent.Get("X-B3-Sampled")
			if flags := sent.Get("X-B3-Flags"); flags != "" {
				got += "debug " + flags // which Jaeger's sampling.priority makes of a trace
			}
			if got != tt.decision || strings.Contains(sent.Get("X-B3-Spanid"), "00000000000000ab") {
				t.Errorf("the server was sent %v", sent)
			}
		})
	}
}
