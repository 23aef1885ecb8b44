package nethttp_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
)

type idle struct {
	roundTripper
	closed *int
}

func (i idle) CloseIdleConnections() { *i.closed++ }

func TestWrapCloseIdleConnections(t *testing.T) {
	closed := 0
	client := &http.Client{Transport: nethttp.Wrap(idle{nil, &closed})}
	client.CloseIdleConnections()
	if closed != 1 {
		t.Errorf("idle connections closed %d times", closed)
	}
	for name, inner := range map[string]http.RoundTripper{
		"net/http":             &http.Transport{},
		"a wrapper without it": otherWrapper{next: &http.Transport{}},
		"a function":           roundTripper(nil),
	} {
		_, raw := inner.(interface{ CloseIdleConnections() })
		if _, ok := nethttp.Wrap(inner).(interface{ CloseIdleConnections() }); ok != raw {
			t.Errorf("%s: %v, raw %v", name, ok, raw)
		}
	}
}

func TestWrapUnwrap(t *testing.T) {
	unwrap := func(rt http.RoundTripper) http.RoundTripper {
		return rt.(interface{ Unwrap() http.RoundTripper }).Unwrap()
	}
	inner := idle{nil, new(int)}
	if got, ok := unwrap(nethttp.Wrap(inner)).(idle); !ok || got.closed != inner.closed {
		t.Errorf("Unwrap returns %v", got)
	}
	if got := unwrap(nethttp.Wrap(nil)); got != http.DefaultTransport {
		t.Errorf("nil is %v", got)
	}
}

// kubernetesTransport finds the *http.Transport inside, as k8s.io/apimachinery/pkg/util/net does.
func kubernetesTransport(rt http.RoundTripper) *http.Transport {
	for {
		switch outer := rt.(type) {
		case *http.Transport:
			return outer
		case interface{ WrappedRoundTripper() http.RoundTripper }:
			rt = outer.WrappedRoundTripper()
		default:
			return nil
		}
	}
}

// otherWrapper is another package's wrapper that has one of our methods.
type otherWrapper struct {
	roundTripper
	next http.RoundTripper
}

func (o otherWrapper) WrappedRoundTripper() http.RoundTripper { return o.next }

func TestWrapIsTransparentToKubernetes(t *testing.T) {
	inner := &http.Transport{}
	for name, rt := range map[string]http.RoundTripper{
		"wrapped":               nethttp.Wrap(inner),
		"wrapped twice":         nethttp.Wrap(nethttp.Wrap(inner)),
		"other wrapper inside":  nethttp.Wrap(otherWrapper{next: inner}),
		"other wrapper outside": otherWrapper{next: nethttp.Wrap(inner)},
		"a client":              nethttp.WrapClient(&http.Client{Transport: inner}).Transport,
	} {
		if kubernetesTransport(rt) != inner {
			t.Errorf("%s: not found", name)
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

func TestWrapTwiceRecordsOneSpan(t *testing.T) {
	wrapped, tracer, ctx, parent := underClient(t, nil)
	traced := gaptrace.WithTracer(tracer)
	server := httptest.NewServer(nethttp.WrapHandler(nethttp.WrapHandler(http.NotFoundHandler(), traced), traced))
	if err := readAndClose(nethttp.WrapClient(wrapped, traced).Do(get(ctx, server.URL))); err != nil {
		t.Fatal(err)
	}
	server.Close()
	parent.Finish()
	if n := len(tracer.Named("HTTP GET")); n != 2 { // the client's and the server's
		t.Errorf("%d spans\n%s", n, tracer.Tree())
	}
}

func TestWrapHandlerOfNil(t *testing.T) {
	rec := httptest.NewRecorder()
	nethttp.WrapHandler(nil).ServeHTTP(rec, httptest.NewRequest("GET", "/nothing/here", nil))
	if rec.Code != http.StatusNotFound {
		t.Errorf("answered %d", rec.Code)
	}
}
