package nethttp_test

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
	"github.com/gaptrace/gaptrace/internal/spantest"
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

// server is one that knows when its handlers have returned: net/http's does not wait for those of HTTP/2, nor for
// those that hijacked a connection.
type server struct {
	*httptest.Server
	handlers sync.RWMutex // not a WaitGroup: a handler may start while the test waits for others
}

// finish closes the server; what its handlers draw has been drawn then.
func (s *server) finish() {
	s.Close()
	s.handlers.Lock()
	defer s.handlers.Unlock()
}

// start serves h over one of the protocols and returns a transport of its own to reach it by.
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
	server.Config.BaseContext = func(net.Listener) context.Context { return context.WithValue(context.Background(), overKey{}, over) }
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

// untilOver keeps a handler from answering, whatever becomes of its client: a last word of the server's may
// outrun what the client does when it gives up.
func untilOver(r *http.Request) { <-r.Context().Value(overKey{}).(chan struct{}) }

// handle is what the server of TestHoweverARequestEnds answers to a path.
func handle(mux *http.ServeMux) {
	handle := func(path string, h http.HandlerFunc) { mux.HandleFunc(path, h) }
	handle("/text", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "text") })
	handle("/empty", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "0") })
	handle("/204", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	handle("/304", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) })
	handle("/503", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	handle("/large", func(w http.ResponseWriter, _ *http.Request) {
		for range 64 {
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	})
	handle("/gzip", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		zip := gzip.NewWriter(w)
		io.WriteString(zip, "text")
		zip.Close()
	})
	handle("/half", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		io.WriteString(w, "half")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	handle("/reset", func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(http.ErrAbortHandler) // HTTP/2: the stream is reset
		}
		if tcp, ok := conn.(*net.TCPConn); ok {
			tcp.SetLinger(0)
		}
		conn.Close()
	})
	handle("/never", func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		untilOver(r)
	})
	handle("/headers", func(w http.ResponseWriter, r *http.Request) { // and never a body
		w.(http.Flusher).Flush()
		untilOver(r)
	})
	handle("/hops/{n}", func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.PathValue("n"))
		if n > 0 {
			http.Redirect(w, r, fmt.Sprint("/hops/", n-1), http.StatusTemporaryRedirect)
			return
		}
		io.Copy(w, r.Body)
	})
	handle("/hints", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusAccepted)
	})
	handle("/echo", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Write(body)
	})
	handle("/upgrade", func(w http.ResponseWriter, _ *http.Request) {
		conn, buf, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		buf.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		buf.Flush()
		line, _ := buf.ReadString('\n')
		buf.WriteString(line)
		buf.Flush()
	})
}

// a visit is one use of a client: what a caller may do with a request and its answer.
type visit struct {
	*testing.T
	ctx    context.Context
	client *http.Client
	url    string
	ended  func() int // how many of the client's requests have ended; -1 for a client that is not wrapped
}

func (v visit) request(ctx context.Context, method, path string, body io.Reader) *http.Request {
	req, err := http.NewRequestWithContext(ctx, method, v.url+path, body)
	if err != nil {
		v.Fatal(err)
	}
	return req
}

func (v visit) get(path string) (*http.Response, error) {
	return v.client.Do(v.request(v.ctx, "GET", path, nil))
}

// wantEnded fails if n spans have not ended by now.
func (v visit) wantEnded(n int) {
	if got := v.ended(); got != n && got != -1 {
		v.Errorf("%d requests have ended by now, want %d", got, n)
	}
}

// collect runs the garbage collector until the client's request has ended. A client that is not
// wrapped draws nothing.
func (v visit) collect() {
	for deadline := time.Now().Add(30 * time.Second); v.ended() == 0 && time.Now().Before(deadline); {
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
}

func readAndClose(resp *http.Response, err error) error {
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return errors.Join(err, resp.Body.Close())
}

const soon = 30 * time.Millisecond // of time-outs that are meant to run out

// ends are the ways in which a request can end, with the spans that each should draw: the status,
// "failed" behind it for an error. What the caller gets must be the same with and without the wrapper.
var ends = map[string]struct {
	use  func(v visit) error
	want string
	not  string // a protocol that does not know of it
}{
	"no body":       {use: func(v visit) error { return readAndClose(v.get("/empty")) }, want: "200"},
	"EOF and Close": {use: func(v visit) error { return readAndClose(v.get("/text")) }, want: "200"},
	"HEAD, not closed": {use: func(v visit) error {
		_, err := v.client.Do(v.request(v.ctx, "HEAD", "/text", nil))
		v.wantEnded(1)
		return err
	}, want: "200"},
	"204, not closed": {use: func(v visit) error {
		_, err := v.get("/204")
		v.wantEnded(1)
		return err
	}, want: "204"},
	"304, not closed": {use: func(v visit) error {
		_, err := v.get("/304")
		v.wantEnded(1)
		return err
	}, want: "304"},
	"503": {use: func(v visit) error { return readAndClose(v.get("/503")) }, want: "503 failed"},
	"HEAD of 503": {use: func(v visit) error {
		_, err := v.client.Do(v.request(v.ctx, "HEAD", "/503", nil))
		return err
	}, want: "503 failed"},
	"EOF, not closed": {use: func(v visit) error {
		resp, err := v.get("/text")
		if err == nil {
			v.wantEnded(0)
			_, err = io.Copy(io.Discard, resp.Body)
			v.wantEnded(1)
		}
		return err
	}, want: "200"},
	"Close before EOF": {use: func(v visit) error {
		resp, err := v.get("/large")
		if err == nil {
			err = resp.Body.Close()
			v.wantEnded(1)
		}
		return err
	}, want: "200"},
	"Close twice": {use: func(v visit) error {
		resp, err := v.get("/text")
		if err == nil {
			err = errors.Join(resp.Body.Close(), resp.Body.Close())
		}
		return err
	}, want: "200"},
	"Close while another goroutine reads": {use: func(v visit) error {
		resp, err := v.get("/large")
		if err != nil {
			return err
		}
		var reading sync.WaitGroup
		reading.Go(func() { io.Copy(io.Discard, resp.Body) }) // how that ends is luck
		err = resp.Body.Close()
		reading.Wait()
		return err
	}, want: "200?"},
	"two goroutines read": {use: func(v visit) error {
		resp, err := v.get("/large")
		if err != nil {
			return err
		}
		var mu sync.Mutex // an http body is not safe for two at once
		var reading sync.WaitGroup
		for range 2 {
			reading.Go(func() {
				for buf := make([]byte, 4096); ; {
					mu.Lock()
					_, err := resp.Body.Read(buf)
					mu.Unlock()
					if err != nil {
						return
					}
				}
			})
		}
		reading.Wait()
		return resp.Body.Close()
	}, want: "200"},
	"never closed": {use: func(v visit) error {
		_, err := v.get("/text")
		v.collect()
		return err
	}, want: "200 abandoned"},
	"never closed, the server still sending": {use: func(v visit) error {
		_, err := v.get("/large")
		v.collect()
		return err
	}, want: "200 abandoned"},
	"never closed, the server silent": {use: func(v visit) error {
		_, err := v.get("/headers")
		v.collect()
		return err
	}, want: "200 abandoned"},
	"never closed, compressed": {use: func(v visit) error {
		_, err := v.get("/gzip")
		v.collect()
		return err
	}, want: "200 abandoned"},
	"never closed, under a time-out of the client": {use: func(v visit) error {
		v.client.Timeout = time.Hour
		_, err := v.get("/large")
		v.collect()
		return err
	}, want: "200 abandoned"},
	"never closed, read in part": {use: func(v visit) error {
		resp, err := v.get("/large")
		if err == nil {
			_, err = resp.Body.Read(make([]byte, 1))
		}
		v.collect()
		return err
	}, want: "200 abandoned"},
	"never closed, the headers kept": {use: func(v visit) error {
		resp, err := v.get("/text")
		if err != nil {
			return err
		}
		header, req := resp.Header, resp.Request
		v.collect()
		runtime.KeepAlive(header)
		runtime.KeepAlive(req)
		return nil
	}, want: "200 abandoned"},
	"not closed, but kept": {use: func(v visit) error {
		resp, err := v.get("/text")
		if err != nil {
			return err
		}
		for range 3 {
			runtime.GC()
		}
		v.wantEnded(0)
		return readAndClose(resp, nil)
	}, want: "200"},
	"only the body kept": {use: func(v visit) error {
		resp, err := v.get("/text")
		if err != nil {
			return err
		}
		body := resp.Body
		for range 3 {
			runtime.GC()
		}
		v.wantEnded(0)
		text, err := io.ReadAll(body)
		if string(text) != "text" {
			err = errors.Join(err, fmt.Errorf("%q", text))
		}
		return err
	}, want: "200"},
	"a body that breaks off": {use: func(v visit) error { return readAndClose(v.get("/half")) }, want: "200 failed"},
	"reset by the server":    {use: func(v visit) error { return readAndClose(v.get("/reset")) }, want: "failed"},
	"time-out of the context, before the headers": {use: func(v visit) error {
		ctx, cancel := context.WithTimeout(v.ctx, soon)
		defer cancel()
		return readAndClose(v.client.Do(v.request(ctx, "GET", "/never", nil)))
	}, want: "failed"},
	"time-out of the context, in the body": {use: func(v visit) error {
		ctx, cancel := context.WithTimeout(v.ctx, 100*soon)
		defer cancel()
		return readAndClose(v.client.Do(v.request(ctx, "GET", "/headers", nil)))
	}, want: "200 failed"},
	"time-out of the client, before the headers": {use: func(v visit) error {
		v.client.Timeout = soon
		return readAndClose(v.get("/never"))
	}, want: "failed"},
	"time-out of the client, in the body": {use: func(v visit) error {
		v.client.Timeout = 100 * soon
		return readAndClose(v.get("/headers"))
	}, want: "200 failed"},
	"ResponseHeaderTimeout": {use: func(v visit) error {
		inner(v.client).ResponseHeaderTimeout = soon
		return readAndClose(v.get("/never"))
	}, want: "failed"},
	"cancelled before": {use: func(v visit) error {
		ctx, cancel := context.WithCancel(v.ctx)
		cancel()
		return readAndClose(v.client.Do(v.request(ctx, "GET", "/text", nil)))
	}, want: "failed"},
	"cancelled before the headers": {use: func(v visit) error {
		ctx, cancel := context.WithCancel(v.ctx)
		defer cancel()
		// The server reads the request's end only when all before it has gone out.
		return readAndClose(v.client.Do(v.request(ctx, "POST", "/never", readerFunc(func([]byte) (int, error) {
			cancel()
			return 0, io.EOF
		}))))
	}, want: "failed"},
	"cancelled in the body": {use: func(v visit) error {
		ctx, cancel := context.WithCancel(v.ctx)
		defer cancel()
		resp, err := v.client.Do(v.request(ctx, "GET", "/headers", nil))
		cancel()
		return readAndClose(resp, err)
	}, want: "200 failed"},
	"redirected three times, with a body": {use: func(v visit) error {
		resp, err := v.client.Do(v.request(v.ctx, "POST", "/hops/3", strings.NewReader("body")))
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if body, err := io.ReadAll(resp.Body); string(body) != "body" {
			return fmt.Errorf("%q %w", body, err)
		}
		return nil
	}, want: "307, 307, 307, 200"},
	"103 before the answer": {use: func(v visit) error { return readAndClose(v.get("/hints")) }, want: "202"},
	"100 Continue": {use: func(v visit) error {
		inner(v.client).ExpectContinueTimeout = time.Minute
		req := v.request(v.ctx, "POST", "/echo", strings.NewReader("body"))
		req.Header.Set("Expect", "100-continue")
		return readAndClose(v.client.Do(req))
	}, want: "200"},
	"a request body that fails": {use: func(v visit) error {
		body := io.MultiReader(strings.NewReader("half"), readerFunc(func([]byte) (int, error) { return 0, os.ErrClosed }))
		return readAndClose(v.client.Do(v.request(v.ctx, "POST", "/echo", body)))
	}, want: "failed"},
	"101 Switching Protocols": {use: func(v visit) error {
		req := v.request(v.ctx, "GET", "/upgrade", nil)
		req.Header.Set("Connection", "Upgrade")
		req.Header.Set("Upgrade", "echo")
		resp, err := v.client.Do(req)
		if err != nil {
			return err
		}
		v.wantEnded(1)
		conn := resp.Body.(io.ReadWriteCloser)
		defer conn.Close()
		io.WriteString(conn, "echo\n")
		if got, err := io.ReadAll(conn); string(got) != "echo\n" {
			return fmt.Errorf("%q %w", got, err)
		}
		return nil
	}, want: "101", not: "HTTP/2"},
	"refused": {use: func(v visit) error {
		inner(v.client).DialContext = func(context.Context, string, string) (net.Conn, error) { return nil, os.ErrPermission }
		return readAndClose(v.get("/text"))
	}, want: "failed"},
	"a handshake that fails": {use: func(v visit) error {
		inner(v.client).TLSClientConfig = &tls.Config{} // trusts nobody's own certificate
		return readAndClose(v.client.Do(get(v.ctx, strings.Replace(v.url, "http:", "https:", 1))))
	}, want: "failed"},
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// inner is the client's own transport, below the wrapper.
func inner(c *http.Client) *http.Transport {
	if w, ok := c.Transport.(interface{ Unwrap() http.RoundTripper }); ok {
		return w.Unwrap().(*http.Transport)
	}
	return c.Transport.(*http.Transport)
}

func TestHoweverARequestEnds(t *testing.T) {
	for protocol := range protocols {
		mux := http.NewServeMux()
		handle(mux)
		for name, end := range ends {
			if end.not == protocol {
				continue
			}
			t.Run(protocol+"/"+name, func(t *testing.T) {
				t.Parallel()
				tracer, ctx, parent := under(t)
				server, transport := start(t, protocol, mux)
				raw := outcome(end.use(visit{t, ctx, &http.Client{Transport: transport}, server.URL, func() int { return -1 }}))
				server, transport = start(t, protocol, mux)
				client := nethttp.WrapClient(&http.Client{Transport: transport}, gaptrace.WithTracer(tracer), gaptrace.WithPhases())
				got := outcome(end.use(visit{t, ctx, client, server.URL, func() int { return len(tracer.Named("HTTP GET")) + len(tracer.Named("HTTP HEAD")) }}))
				if got != raw {
					t.Errorf("the caller got %s, raw %s", got, raw)
				}
				parent.Finish()
				if p := tracer.Problems(); p != nil {
					t.Error(p)
				}
				want, lucky := strings.CutSuffix(end.want, "?")
				if drawn := drawn(tracer); drawn != want && !(lucky && drawn == want+" failed") {
					t.Errorf("drawn %s, want %s:\n%s", drawn, want, tracer.Tree())
				}
			})
		}
	}
}

// drawn is the spans of a client's requests: their status, and whether they failed or were abandoned.
func drawn(tracer *spantest.Tracer) string {
	var requests []string
	for _, s := range tracer.Spans()[1:] {
		if s.IsWait() {
			continue
		}
		if s.ParentID != 1 {
			requests = append(requests, "elsewhere")
		}
		var words []string
		if status, ok := s.Tags["http.status_code"]; ok {
			words = append(words, fmt.Sprint(status))
		}
		if s.Tags["error"] == true {
			words = append(words, "failed")
		}
		if s.Tags["abandoned"] == true {
			words = append(words, "abandoned")
		}
		requests = append(requests, strings.Join(words, " "))
	}
	return strings.Join(requests, ", ")
}

// outcome is what callers tell errors apart by. Texts are compared elsewhere: some depend on who was first to
// notice, and that of a client's time-out on the type of its transport.
func outcome(err error) string {
	var timeout interface{ Timeout() bool }
	return fmt.Sprintf("failed %v, timeout %v, cancelled %v, deadline exceeded %v, closed %v, not permitted %v", err != nil,
		errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded),
		errors.Is(err, os.ErrClosed), errors.Is(err, os.ErrPermission))
}
