package nethttp_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/opentracing/opentracing-go"
)

// protocols are the ways in which a client and a server may talk to each other.
var protocols = map[string]struct {
	tls, http2, closes bool
}{
	"HTTP/1.1":                     {},
	"HTTP/1.1, without keep-alive": {closes: true},
	"TLS":                          {tls: true},
	"HTTP/2":                       {tls: true, http2: true},
}

// server knows when its handlers have returned. net/http's server does not wait for handlers of
// HTTP/2, nor for those that hijacked a connection.
type server struct {
	*httptest.Server
	handlers sync.RWMutex // not a WaitGroup: a handler may start while the test waits for others
}

// finish closes the server and waits for its handlers, so that their spans have been recorded.
func (s *server) finish() {
	s.Close()
	s.handlers.Lock()
	defer s.handlers.Unlock()
}

// start serves h over one of the protocols, until the test ends. The transport is for its clients.
func start(t testing.TB, protocol string, h http.Handler) (*server, *http.Transport) {
	return startWith(t, protocol, h, func(*http.Server) {})
}

func startWith(t testing.TB, protocol string, h http.Handler, configure func(*http.Server)) (*server, *http.Transport) {
	p := protocols[protocol]
	server := &server{}
	server.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		server.handlers.RLock()
		defer server.handlers.RUnlock()
		h.ServeHTTP(w, r)
	}))
	server.Config.ErrorLog = quiet
	over := make(chan struct{})
	server.Config.BaseContext = func(net.Listener) context.Context {
		return context.WithValue(context.Background(), overKey{}, over)
	}
	configure(server.Config)
	server.EnableHTTP2 = p.http2
	transport := &http.Transport{DisableKeepAlives: p.closes, ForceAttemptHTTP2: p.http2}
	if p.tls {
		server.StartTLS()
		transport.TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
		transport.TLSClientConfig.NextProtos = nil
	} else {
		server.Start()
	}
	t.Cleanup(func() {
		close(over)
		transport.CloseIdleConnections()
		server.CloseClientConnections()
		server.finish()
	})
	return server, transport
}

type overKey struct{}

// untilOver blocks a handler until the test ends. If the handler returned as soon as its client
// gives up, the end of the response might reach the client first.
func untilOver(r *http.Request) { <-r.Context().Value(overKey{}).(chan struct{}) }

// serveOver serves a single GET over a protocol. It returns what the wrapped handler recorded, the
// response, and the error of reading its body.
func serveOver(t *testing.T, protocol string, h http.HandlerFunc) (*spantest.Tracer, *http.Response, error) {
	t.Helper()
	tracer := spantest.NewTracer()
	server, transport := start(t, protocol, nethttp.WrapHandler(h, gaptrace.WithTracer(tracer)))
	resp, err := (&http.Client{Transport: transport}).Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	err = readAndClose(resp, nil)
	transport.CloseIdleConnections()
	server.finish()
	return tracer, resp, err
}

// serve serves what use requests over HTTP/1.1, and returns what the wrapped handler recorded.
func serve(t *testing.T, h http.HandlerFunc, use func(url string)) *spantest.Tracer {
	t.Helper()
	tracer := spantest.NewTracer()
	server := httptest.NewUnstartedServer(nethttp.WrapHandler(h, gaptrace.WithTracer(tracer)))
	server.Config.ErrorLog = quiet
	server.Start()
	use(server.URL)
	server.Close()
	if p := tracer.Problems(); p != nil {
		t.Error(p)
	}
	return tracer
}

// handle calls a wrapped handler without a server, and returns what it recorded.
func handle(w http.ResponseWriter, req *http.Request, h http.HandlerFunc, opts ...gaptrace.Option) *spantest.Tracer {
	tracer := spantest.NewTracer()
	nethttp.WrapHandler(h, append(opts, gaptrace.WithTracer(tracer))...).ServeHTTP(w, req)
	return tracer
}

// newGet returns a request for a handler that is called without a server.
func newGet() *http.Request { return httptest.NewRequest("GET", "/", nil) }

// get returns a request for a client.
func get(ctx context.Context, url string) *http.Request {
	req, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		panic(err)
	}
	return req
}

// panicOf returns what f panics with.
func panicOf(f func()) (failure any) {
	defer func() { failure = recover() }()
	f()
	return nil
}

func fetch(url string) { _ = readAndClose(http.Get(url)) }

func readAndClose(resp *http.Response, err error) error {
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return errors.Join(err, resp.Body.Close())
}

// ways is a server that answers in the way its path says.
func ways(t testing.TB) *httptest.Server {
	mux := http.NewServeMux()
	answer := func(path string, h http.HandlerFunc) { mux.HandleFunc(path, h) }
	answer("/ok", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "fine") })
	answer("/none", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	answer("/missing", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusNotFound) })
	answer("/down", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no", http.StatusServiceUnavailable)
	})
	answer("/redirect", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/ok", http.StatusFound)
	})
	answer("/truncated", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		io.WriteString(w, "half")
	})
	answer("/hangup", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	answer("/slow", func(w http.ResponseWriter, r *http.Request) {
		for range 3 {
			io.WriteString(w, "piece")
			w.(http.Flusher).Flush()
			select {
			case <-time.After(5 * time.Millisecond):
			case <-r.Context().Done():
			}
		}
	})
	answer("/upgrade", func(w http.ResponseWriter, _ *http.Request) { echoLine(t, w) })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

// echoLine upgrades the connection and echoes one line.
func echoLine(t testing.TB, w http.ResponseWriter) {
	conn, buf, err := http.NewResponseController(w).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	buf.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	buf.Flush()
	line, _ := buf.ReadString('\n')
	buf.WriteString(line)
	buf.Flush()
}

// replacePort makes a server's address the same in every run.
func replacePort(s *httptest.Server) []string {
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	return []string{":" + port, ":PORT", "peer.port=" + port, "peer.port=PORT"}
}

// tracers record a request, sample it with Jaeger, or do not sample it.
func tracers(t testing.TB) map[string]opentracing.Tracer {
	return map[string]opentracing.Tracer{
		"recorded":          spantest.NewTracer(),
		"sampled by Jaeger": spantest.Jaeger(t, true, nil),
		"unsampled":         spantest.Jaeger(t, false, nil),
	}
}

var quiet = log.New(io.Discard, "", 0)

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// always is a transport that answers with a status and no body.
func always(status int) roundTripper {
	return func(*http.Request) (*http.Response, error) { return &http.Response{StatusCode: status}, nil }
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// opaque hides all methods of a reader except Read.
func opaque(r io.Reader) io.Reader { return struct{ io.Reader }{r} }

// slowBody comes in pieces, each after 5 ms.
type slowBody struct{ pieces int }

func (b *slowBody) Read(p []byte) (int, error) {
	if b.pieces == 0 {
		return 0, io.EOF
	}
	b.pieces--
	time.Sleep(5 * time.Millisecond)
	return copy(p, "piece"), nil
}

func (*slowBody) Close() error { return nil }

// slow takes so long that it cannot be taken for a buffered read.
func slow() { time.Sleep(2 * time.Millisecond) }
