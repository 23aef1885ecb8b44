package nethttp_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/opentracing/opentracing-go"
)

type idle struct {
	roundTripper
	closed *int
}

func (i idle) CloseIdleConnections() { *i.closed++ }

func TestWrapReachesTheTransportWithin(t *testing.T) {
	closed := 0
	inner := idle{nil, &closed}
	rt := nethttp.Wrap(inner)
	(&http.Client{Transport: rt}).CloseIdleConnections()
	if closed != 1 {
		t.Errorf("idle connections closed %d times", closed)
	}
	if got, ok := rt.(interface{ Unwrap() http.RoundTripper }).Unwrap().(idle); !ok || got.closed != &closed {
		t.Errorf("Unwrap gives %v", got)
	}
	if got := nethttp.Wrap(nil).(interface{ Unwrap() http.RoundTripper }).Unwrap(); got != http.DefaultTransport {
		t.Errorf("nil is %v", got)
	}
}

// lookThrough finds the *http.Transport inside, as Kubernetes' libraries do
// (k8s.io/apimachinery/pkg/util/net).
func lookThrough(rt http.RoundTripper) *http.Transport {
	for {
		switch through := rt.(type) {
		case *http.Transport:
			return through
		case interface{ WrappedRoundTripper() http.RoundTripper }:
			rt = through.WrappedRoundTripper()
		default:
			return nil
		}
	}
}

// layer is another package's wrapper that has one of our methods.
type layer struct {
	roundTripper
	next http.RoundTripper
}

func (l layer) WrappedRoundTripper() http.RoundTripper { return l.next }

func TestKubernetesFindsTheWrappedTransport(t *testing.T) {
	inner := &http.Transport{}
	for name, rt := range map[string]http.RoundTripper{
		"wrapped":                 nethttp.Wrap(inner),
		"wrapped twice":           nethttp.Wrap(nethttp.Wrap(inner)),
		"another wrapper within":  nethttp.Wrap(layer{next: inner}),
		"another wrapper outside": layer{next: nethttp.Wrap(inner)},
		"a client":                nethttp.WrapClient(&http.Client{Transport: inner}).Transport,
	} {
		if lookThrough(rt) != inner {
			t.Errorf("%s: not found", name)
		}
	}
}

func TestTransportHasCloseIdleConnectionsIfTheWrappedOneHas(t *testing.T) {
	for name, inner := range map[string]http.RoundTripper{
		"net/http": &http.Transport{}, "a wrapper that cannot": layer{next: &http.Transport{}}, "a function": roundTripper(nil),
	} {
		_, raw := inner.(interface{ CloseIdleConnections() })
		if _, ok := nethttp.Wrap(inner).(interface{ CloseIdleConnections() }); ok != raw {
			t.Errorf("%s: %v, raw %v", name, ok, raw)
		}
	}
}

func TestWrapClientCopies(t *testing.T) {
	client := &http.Client{Timeout: time.Hour}
	if wrapped := nethttp.WrapClient(client); client.Transport != nil || wrapped.Timeout != time.Hour {
		t.Errorf("the argument is %+v, the copy %+v", client, wrapped)
	}
	if wrapped := nethttp.WrapClient(nil); wrapped == http.DefaultClient || http.DefaultClient.Transport != nil {
		t.Error("http.DefaultClient was changed")
	}
}

func TestWrappingTwiceDrawsOneSpan(t *testing.T) {
	tracer, ctx, parent := under(t)
	traced := gaptrace.WithTracer(tracer)
	server := httptest.NewServer(nethttp.WrapHandler(nethttp.WrapHandler(http.NotFoundHandler(), traced), traced))
	resp, err := nethttp.WrapClient(nethttp.WrapClient(nil, traced), traced).Do(get(ctx, server.URL))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	server.Close()
	parent.Finish()
	if n := len(tracer.Named("HTTP GET")); n != 2 { // the client's and the server's
		t.Errorf("%d spans\n%s", n, tracer.Tree())
	}
}

func TestTheDefaultMuxStandsForNoHandler(t *testing.T) {
	rec := httptest.NewRecorder()
	nethttp.WrapHandler(nil).ServeHTTP(rec, httptest.NewRequest("GET", "/nothing/here", nil))
	if rec.Code != http.StatusNotFound {
		t.Errorf("answered %d", rec.Code)
	}
}

// errBomb is an error whose text must not be asked for in a goroutine of net/http's.
type errBomb struct{}

func (errBomb) Error() string { panic("Error") }

func TestPhasesCannotEndTheProgram(t *testing.T) {
	server := ways(t)
	for _, sampled := range []bool{true, false} {
		tracer := jaegerTracer(t, sampled)
		ctx := opentracing.ContextWithSpan(t.Context(), tracer.StartSpan("parent"))
		rt := nethttp.Wrap(server.Client().Transport, gaptrace.WithTracer(tracer), gaptrace.WithPhases())
		req, _ := http.NewRequestWithContext(ctx, "POST", server.URL+"/ok", io.MultiReader(strings.NewReader("x"), failing{}))
		if _, err := rt.RoundTrip(req); err == nil {
			t.Error("no error")
		}
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errBomb{} }

func TestNoSecretIsRecordedOfAnError(t *testing.T) {
	for name, err := range map[string]error{
		"of a client within": &url.Error{Op: "Get", URL: "http://h/?access_token=PLANTED", Err: io.EOF},
		"of a proxy's URL":   errors.New(`parse "http://user:PLANTED@h:po rt/": invalid character " " in host name`),
	} {
		t.Run(name, func(t *testing.T) {
			tracer, ctx, parent := under(t)
			rt := nethttp.Wrap(roundTripper(func(*http.Request) (*http.Response, error) { return nil, err }), gaptrace.WithTracer(tracer))
			if _, got := rt.RoundTrip(get(ctx, "http://h/?access_token=PLANTED")); got != err {
				t.Errorf("the caller got %v", got)
			}
			parent.Finish()
			if tree := tracer.Tree(); strings.Contains(tree, "PLANTED") || !strings.Contains(tree, "error=true") {
				t.Error(tree)
			}
		})
	}
}

func TestAHandlerThatNeverReturnsHasFailed(t *testing.T) {
	tracer := serve(t, func(http.ResponseWriter, *http.Request) { runtime.Goexit() }, fetch)
	if s := tracer.Named("HTTP GET")[0]; s.Tags["error"] != true || s.Tags["http.status_code"] != nil {
		t.Error(tracer.Tree())
	}
}

func TestARequestWithoutAURLIsServed(t *testing.T) {
	tracer := spantest.NewTracer()
	nethttp.WrapHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }), gaptrace.WithTracer(tracer)).
		ServeHTTP(httptest.NewRecorder(), &http.Request{})
	if tree := tracer.Tree(); !strings.Contains(tree, "http.status_code=204") {
		t.Error(tree)
	}
}

func TestAnHTTPSServerIsShownAsOne(t *testing.T) {
	tracer := spantest.NewTracer()
	server := httptest.NewUnstartedServer(nethttp.WrapHandler(http.NotFoundHandler(), gaptrace.WithTracer(tracer)))
	server.EnableHTTP2 = true
	server.StartTLS()
	resp, err := server.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	server.Close()
	if u := tracer.Spans()[0].Tags["http.url"].(string); !strings.HasPrefix(u, "https://127.0.0.1:") || resp.ProtoMajor != 2 {
		t.Errorf("%s over %s", u, resp.Proto)
	}
}

func TestAHandlerThatOutlivesItsRequestRacesWithNobody(t *testing.T) {
	for _, sampled := range []bool{true, false} {
		slow := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			time.Sleep(20 * time.Millisecond)
			r.Body.Read(make([]byte, 1))
		})
		server := httptest.NewServer(nethttp.WrapHandler(http.TimeoutHandler(slow, 5*time.Millisecond, ""), gaptrace.WithTracer(jaegerTracer(t, sampled))))
		for range 5 {
			resp, err := http.Post(server.URL, "text/plain", strings.NewReader("hello"))
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
		}
		time.Sleep(30 * time.Millisecond)
		server.Close()
	}
}

func TestOthersMayReadTheRequestWhileItIsServed(t *testing.T) {
	wrapped := nethttp.WrapHandler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) }), gaptrace.WithTracer(jaegerTracer(t, true)))
	done := make(chan bool)
	serve(t, func(w http.ResponseWriter, r *http.Request) {
		go func() {
			defer close(done)
			for range 1000 {
				_ = r.URL.Path + r.Header.Get("X") + r.Host
			}
		}()
		wrapped.ServeHTTP(w, r)
	}, fetch)
	<-done
}

func TestTheServersWaitsAreNamedAfterIt(t *testing.T) {
	tracer := spantest.NewTracer()
	synctest.Test(t, func(t *testing.T) {
		mux := http.NewServeMux()
		mux.HandleFunc("/books/{id}", func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) })
		req := httptest.NewRequest("POST", "/books/7", &slowBody{1})
		nethttp.WrapHandler(mux, gaptrace.WithTracer(tracer), gaptrace.WithOperation(func(c gaptrace.Call) string {
			return "shop " + c.Request.(*http.Request).Pattern
		})).ServeHTTP(httptest.NewRecorder(), req)
	})
	if tracer.Named("shop /books/{id}") == nil || tracer.Named("shop /books/{id} read") == nil {
		t.Error(tracer.Tree())
	}
}

// odd is a ResponseWriter with something to say.
type odd struct{ serverWriter }

var errFlush, errPush = errors.New("flush"), errors.New("push")

func (odd) FlushError() error                            { return errFlush }
func (odd) Hijack() (net.Conn, *bufio.ReadWriter, error) { return nil, nil, nil }

type pushes struct {
	http.ResponseWriter
	pushed string
}

func (p *pushes) Push(target string, _ *http.PushOptions) error {
	p.pushed = target
	return errPush
}

func TestWhatTheInnerWriterSaysReachesTheHandler(t *testing.T) {
	tracer := spantest.NewTracer()
	inner := odd{serverWriter{httptest.NewRecorder()}}
	nethttp.WrapHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if err := http.NewResponseController(w).Flush(); err != errFlush {
			t.Errorf("Flush: %v", err)
		}
	}), gaptrace.WithTracer(tracer)).ServeHTTP(inner, httptest.NewRequest("GET", "/", nil))
	pusher := &pushes{ResponseWriter: httptest.NewRecorder()}
	nethttp.WrapHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if err := w.(http.Pusher).Push("/x", nil); err != errPush || pusher.pushed != "/x" {
			t.Errorf("Push: %v, %q", err, pusher.pushed)
		}
	}), gaptrace.WithTracer(tracer)).ServeHTTP(pusher, httptest.NewRequest("GET", "/", nil))
}

func TestAHijackedConnectionHasTheStatusThatWasSentOrNone(t *testing.T) {
	for status, want := range map[int]any{0: nil, http.StatusSwitchingProtocols: http.StatusSwitchingProtocols} {
		tracer := spantest.NewTracer()
		nethttp.WrapHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if status != 0 {
				w.WriteHeader(status)
			}
			w.(http.Hijacker).Hijack()
		}), gaptrace.WithTracer(tracer)).ServeHTTP(odd{serverWriter{httptest.NewRecorder()}}, httptest.NewRequest("GET", "/", nil))
		if got := tracer.Spans()[0].Tags["http.status_code"]; got != want {
			t.Errorf("sent %d, recorded %v", status, got)
		}
	}
}

func TestNoHeaderHoldsAControlCharacter(t *testing.T) {
	for _, bad := range []string{"\x7f", "\x00", "\n"} {
		rt := nethttp.Wrap(roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.Header.Get("uberctx-a") != "" {
				t.Errorf("sent %q", r.Header.Get("uberctx-a"))
			}
			return &http.Response{StatusCode: 200}, nil
		}), gaptrace.WithRoots(), gaptrace.WithTracer(baggage{spantest.NewTracer(), bad}))
		rt.RoundTrip(get(t.Context(), "http://example.com/"))
	}
}

type baggage struct {
	*spantest.Tracer
	value string
}

func (b baggage) Inject(_ opentracing.SpanContext, _, carrier any) error {
	carrier.(opentracing.TextMapWriter).Set("uberctx-a", b.value)
	return nil
}

func TestABodyThatWasNotReadToItsEndIsStillReported(t *testing.T) {
	tracer := spantest.NewTracer()
	synctest.Test(t, func(t *testing.T) {
		nethttp.WrapHandler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { r.Body.Read(make([]byte, 5)) }), gaptrace.WithTracer(tracer)).
			ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/", &slowBody{2}))
	})
	if len(tracer.Named("HTTP POST read")) != 1 {
		t.Error(tracer.Tree())
	}
}
