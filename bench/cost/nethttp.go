package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/gaptrace/gaptrace/bench/internal/peer"
	"github.com/opentracing/opentracing-go"
	"google.golang.org/grpc/test/bufconn"
)

func httpCases() []Case {
	return []Case{
		{Library: "net/http", Name: "GET, 100 bytes", Waits: true, Make: get(100), Carry: toHeaders},
		{Library: "net/http", Name: "GET, 10 MB", Waits: true, Make: get(10_000_000), Carry: toHeaders, Long: true},
		{Library: "net/http", Name: "server, 100 bytes", Waits: true, Make: serve, FromHeaders: requestWith},
		{Library: "net/http", Name: "GET by http.Transport", Woven: true, Waits: true, Make: getOverConn, Carry: toHeaders},
		{Library: "net/http", Name: "http.Server", Woven: true, Waits: true, Make: serveOverConn, FromHeaders: requestWith},
	}
}

// toHeaders injects a span made by hand into headers, and drops them: to send them through the fake
// transport would cost nothing.
func toHeaders(ctx context.Context, span opentracing.Span) context.Context {
	check(span.Tracer().Inject(span.Context(), opentracing.HTTPHeaders, opentracing.HTTPHeadersCarrier(http.Header{})))
	return ctx
}

// get reads a body of size bytes with a buffer of 32 KiB.
func get(size int) func(peer.Peer, cleanup) func(context.Context) {
	answer := make([]byte, min(size, 32<<10))
	return func(p peer.Peer, _ cleanup) func(context.Context) {
		if p.HTTPClient == nil {
			return nil
		}
		client := p.HTTPClient(fromMemory(func() *http.Response {
			return &http.Response{
				StatusCode: http.StatusOK, Header: plain, Body: &repeated{answer, size}, ContentLength: int64(size),
			}
		}))
		buf := make([]byte, 32<<10)
		return func(ctx context.Context) {
			req := must(http.NewRequestWithContext(ctx, http.MethodGet, "http://example.com:8080/books/7?full=1", nil))
			req.Header.Set("Accept", "application/json")
			resp := must(client.RoundTrip(req))
			drain(resp.Body, buf, stopwatchIn(ctx))
		}
	}
}

// getOverConn reads 100 bytes through net/http's own transport, over a connection in memory.
func getOverConn(p peer.Peer, onClose cleanup) func(context.Context) {
	if p.HTTPClient == nil {
		return nil
	}
	transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go answerAll(server)
		return client, nil
	}}
	onClose(transport.CloseIdleConnections)
	client := p.HTTPClient(transport)
	buf := make([]byte, 4<<10)
	return func(ctx context.Context) {
		req := must(http.NewRequestWithContext(ctx, http.MethodGet, "http://example.com:8080/books/7?full=1", nil))
		drain(must(client.RoundTrip(req)).Body, buf, stopwatchIn(ctx))
	}
}

// answerAll answers the requests on a connection, until the client closes it.
func answerAll(conn net.Conn) {
	answer := []byte("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\n" +
		strings.Repeat(".", 100))
	r := bufio.NewReader(conn)
	for {
		line, err := r.ReadSlice('\n')
		if err == nil && len(line) == len("\r\n") {
			_, err = conn.Write(answer)
		}
		if err != nil {
			return
		}
	}
}

func drain(body io.ReadCloser, buf []byte, waits *stopwatch) {
	var err error
	for err == nil {
		waits.enter()
		_, err = body.Read(buf)
		waits.leave()
	}
	if err != io.EOF {
		panic(err)
	}
	waits.enter()
	check(body.Close())
	waits.leave()
}

var plain = http.Header{"Content-Type": {"text/plain"}}

// fromMemory is a transport that answers immediately.
type fromMemory func() *http.Response

func (f fromMemory) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		_, _ = io.Copy(io.Discard, req.Body)
		_ = req.Body.Close()
	}
	resp := f()
	resp.Request = req
	return resp, nil
}

// repeated is a body that repeats piece.
type repeated struct {
	piece []byte
	left  int
}

func (r *repeated) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.piece[:min(r.left, len(r.piece))])
	r.left -= n
	return n, nil
}

func (r *repeated) Close() error { return nil }

// served is the context key for the request that the handler is called with.
type served struct{}

func serve(p peer.Peer, _ cleanup) func(context.Context) {
	if p.HTTPHandler == nil {
		return nil
	}
	handler := p.HTTPHandler(pageOf(100))
	var w http.ResponseWriter = &answer{http.Header{}}
	return func(ctx context.Context) { handler.ServeHTTP(w, ctx.Value(served{}).(*http.Request)) }
}

// pageOf returns a handler that writes size bytes.
func pageOf(size int) http.Handler {
	body := make([]byte, size)
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		waits := stopwatchIn(req.Context())
		waits.enter()
		must(w.Write(body))
		waits.leave()
	})
}

// serveOverConn serves the request with net/http's own server, over a connection in memory.
func serveOverConn(p peer.Peer, onClose cleanup) func(context.Context) {
	if p.HTTPHandler == nil {
		return nil
	}
	server := http.Server{Handler: p.HTTPHandler(pageOf(100))}
	listener := bufconn.Listen(1 << 16)
	onClose(func() { check(server.Close()) })
	go func() { _ = server.Serve(listener) }()
	conn := must(listener.Dial())
	r := bufio.NewReader(conn)
	return func(ctx context.Context) {
		check(ctx.Value(served{}).(*http.Request).Write(conn))
		resp := must(http.ReadResponse(r, nil))
		must(io.Copy(io.Discard, resp.Body))
		check(resp.Body.Close())
	}
}

// requestWith returns the context for a call of serve, whose request has these headers.
func requestWith(headers http.Header) context.Context {
	req := must(http.NewRequest(http.MethodGet, "/books/7", nil))
	req.RequestURI, req.RemoteAddr, req.Host = "/books/7", "192.0.2.1:1234", "example.com"
	req.Header = headers
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "bench")
	return context.WithValue(context.Background(), served{}, req)
}

// answer is a ResponseWriter and, as net/http's own, a Flusher.
type answer struct{ header http.Header }

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) Write(p []byte) (int, error) { return len(p), nil }
func (a *answer) WriteHeader(int)             {}
func (a *answer) Flush()                      {}
