package nethttp_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
	"github.com/gaptrace/gaptrace/internal/spantest"
)

func TestWhatCameAndWhatWentIsCounted(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, make([]byte, 100<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		handler  http.HandlerFunc
		body     string
		in, sent any // nil: no tag
	}{
		"nothing":  {func(http.ResponseWriter, *http.Request) {}, "", nil, nil},
		"not read": {func(http.ResponseWriter, *http.Request) {}, "body", nil, nil},
		"echo":     {func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) }, "body", int64(4), int64(4)},
		"Write and WriteString": {func(w http.ResponseWriter, _ *http.Request) {
			w.Write([]byte("body"))
			io.WriteString(w, "text")
		}, "", nil, int64(8)},
		"a reader": {func(w http.ResponseWriter, _ *http.Request) {
			io.Copy(w, struct{ io.Reader }{strings.NewReader(strings.Repeat("x", 100<<10))})
		}, "", nil, int64(100 << 10)},
		"a file": {func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, file) }, "", nil, int64(100 << 10)},
		"a file, compressed by nobody, without its length": {func(w http.ResponseWriter, _ *http.Request) {
			f, _ := os.Open(file)
			defer f.Close()
			io.Copy(w, f)
		}, "", nil, int64(100 << 10)},
		"not allowed": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNoContent)
			io.WriteString(w, "text")
		}, "", nil, nil},
	} {
		for protocol := range protocols {
			t.Run(name+"/"+protocol, func(t *testing.T) {
				tracer := spantest.NewTracer()
				server, transport := start(t, protocol, nethttp.WrapHandler(c.handler, gaptrace.WithTracer(tracer)))
				req, _ := http.NewRequest("POST", server.URL, strings.NewReader(c.body))
				if err := readAndClose((&http.Client{Transport: transport}).Do(req)); err != nil {
					t.Fatal(err)
				}
				transport.CloseIdleConnections()
				server.finish()
				tags := tracer.Named("HTTP POST")[0].Tags
				if tags["request_size"] != c.in || tags["response_size"] != c.sent || tags["client_gone"] != nil || tracer.Problems() != nil {
					t.Errorf("want %v in, %v out; got\n%s", c.in, c.sent, tracer.Tree())
				}
			})
		}
	}
}

func TestWhatTheKernelCanCopyReachesTheInnerWriter(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("contents"), 0o600); err != nil {
		t.Fatal(err)
	}
	open := func() *os.File {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		if conn, err := listener.Accept(); err == nil {
			io.WriteString(conn, "contents")
			conn.Close()
		}
	}()
	defer listener.Close()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()

	for name, c := range map[string]struct {
		copy func(w http.ResponseWriter) (int64, error)
		want int // calls of the inner ReadFrom
	}{
		"a file":         {func(w http.ResponseWriter) (int64, error) { return io.Copy(w, open()) }, 1},
		"part of a file": {func(w http.ResponseWriter) (int64, error) { return io.CopyN(w, open(), 8) }, 1},
		"a connection":   {func(w http.ResponseWriter) (int64, error) { return io.Copy(w, conn) }, 1},
		"a pipe": {func(w http.ResponseWriter) (int64, error) {
			r, feed, err := os.Pipe()
			if err != nil {
				t.Error(err)
			}
			defer r.Close()
			io.WriteString(feed, "contents")
			feed.Close()
			return io.Copy(w, r)
		}, 0},
		"a reader of ours": {func(w http.ResponseWriter) (int64, error) { return io.Copy(w, struct{ io.Reader }{open()}) }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			tracer := spantest.NewTracer()
			inner := &readerFrom{ResponseRecorder: httptest.NewRecorder()}
			nethttp.WrapHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if n, err := c.copy(w); n != 8 || err != nil {
					t.Error(n, err)
				}
			}), gaptrace.WithTracer(tracer)).ServeHTTP(inner, httptest.NewRequest("GET", "/", nil))
			if got := inner.Body.String(); got != "contents" || inner.files != c.want {
				t.Errorf("got %q, by %d calls of ReadFrom, want %d", got, inner.files, c.want)
			}
			if tags := tracer.Named("HTTP GET")[0].Tags; tags["response_size"] != int64(8) || tags["http.status_code"] != 200 {
				t.Error(tracer.Tree())
			}
		})
	}
}

func TestAClientThatIsGoneIsVisible(t *testing.T) {
	// hangUp sends a request over a connection of its own and closes that when the handler says so.
	hangUp := func(request string) func(t *testing.T, server *server, client *http.Client, serving chan bool) {
		return func(t *testing.T, server *server, client *http.Client, serving chan bool) {
			conn, err := net.Dial("tcp", server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			io.WriteString(conn, request)
			<-serving
			conn.Close()
		}
	}
	cancel := func(t *testing.T, server *server, client *http.Client, serving chan bool) {
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-serving
			cancel()
		}()
		if err := readAndClose(client.Do(get(ctx, server.URL))); err == nil {
			t.Error("no error")
		}
	}
	stay := func(t *testing.T, server *server, client *http.Client, serving chan bool) {
		go func() { <-serving }()
		if err := readAndClose(client.Post(server.URL, "text/plain", strings.NewReader("body"))); err != nil {
			t.Error(err)
		}
	}
	waits := func(serving chan bool) http.HandlerFunc {
		return func(_ http.ResponseWriter, r *http.Request) {
			serving <- true
			<-r.Context().Done()
		}
	}
	reads := func(serving chan bool) http.HandlerFunc {
		return func(_ http.ResponseWriter, r *http.Request) {
			serving <- true
			if _, err := io.Copy(io.Discard, r.Body); err == nil {
				t.Error("no error")
			}
		}
	}
	for name, c := range map[string]struct {
		handler  func(serving chan bool) http.HandlerFunc
		visit    func(t *testing.T, server *server, client *http.Client, serving chan bool)
		protocol string
		want     any
	}{
		"while the handler works":         {waits, hangUp("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1", true},
		"while the handler works, HTTP/2": {waits, cancel, "HTTP/2", true},
		"in the request's body":           {reads, hangUp("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf"), "HTTP/1.1", true},
		"in the request's body, chunked":  {reads, hangUp("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"), "HTTP/1.1", true},
		"while the answer is written": {func(serving chan bool) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) {
				serving <- true
				for err := error(nil); err == nil; _, err = w.Write(make([]byte, 64<<10)) {
				}
			}
		}, hangUp("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1", true},
		"by a deadline": {func(serving chan bool) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				serving <- true
				http.NewResponseController(w).SetReadDeadline(time.Now().Add(-time.Second))
				if _, err := io.Copy(io.Discard, r.Body); !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Error(err)
				}
			}
		}, func(t *testing.T, server *server, client *http.Client, serving chan bool) {
			conn, err := net.Dial("tcp", server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf")
			<-serving
			io.Copy(io.Discard, conn)
		}, "HTTP/1.1", true},
		"while a file is sent": {func(serving chan bool) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) {
				f, err := os.Open("/dev/zero")
				if err != nil {
					t.Skip("no endless file here:", err)
				}
				defer f.Close()
				w.Header().Set("Content-Length", "1000000000000") // sent by the kernel, past what net/http looks at
				serving <- true
				io.CopyN(w, f, 1_000_000_000_000)
			}
		}, hangUp("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1", true},
		"when it has had everything": {func(serving chan bool) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Length", "4")
				io.WriteString(w, "body")
				w.(http.Flusher).Flush()
				serving <- true
				<-r.Context().Done()
			}
		}, hangUp("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1", nil},
		"when it has had all there is, no body": {func(serving chan bool) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(http.StatusNoContent)
				w.(http.Flusher).Flush()
				serving <- true
				<-r.Context().Done()
			}
		}, hangUp("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1", nil},
		"when it has had all there is, of HEAD": {func(serving chan bool) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Length", "5")
				w.WriteHeader(http.StatusOK)
				w.(http.Flusher).Flush()
				serving <- true
				<-r.Context().Done()
			}
		}, hangUp("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1", nil},
		"not at all": {func(serving chan bool) http.HandlerFunc {
			return func(_ http.ResponseWriter, r *http.Request) {
				serving <- true
				io.Copy(io.Discard, r.Body)
			}
		}, stay, "HTTP/1.1", nil},
		"not at all, the body is too large": {func(serving chan bool) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				serving <- true
				if _, err := io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, 1)); err == nil {
					t.Error("no error")
				}
			}
		}, stay, "HTTP/1.1", nil},
		"not at all, the handler gives up": {func(serving chan bool) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				serving <- true
				ctx, cancel := context.WithCancel(r.Context())
				cancel()
				<-ctx.Done()
			}
		}, stay, "HTTP/1.1", nil},
	} {
		t.Run(name, func(t *testing.T) {
			tracer := spantest.NewTracer()
			serving := make(chan bool)
			server, transport := start(t, c.protocol, nethttp.WrapHandler(c.handler(serving), gaptrace.WithTracer(tracer)))
			c.visit(t, server, &http.Client{Transport: transport}, serving)
			transport.CloseIdleConnections()
			server.finish()
			span := tracer.Spans()[0]
			if span.Tags["client_gone"] != c.want || span.Tags["error"] != nil || tracer.Problems() != nil {
				t.Errorf("want client_gone %v; got\n%s", c.want, tracer.Tree())
			}
		})
	}
}

func TestASourceThatIsLostIsNotTheClient(t *testing.T) {
	backend, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer backend.Close()
	go func() {
		if conn, err := backend.Accept(); err == nil {
			io.WriteString(conn, strings.Repeat("x", 1000))
			time.Sleep(10 * time.Millisecond)
			conn.(*net.TCPConn).SetLinger(0) // reset
			conn.Close()
		}
	}()
	tracer := serve(t, func(w http.ResponseWriter, r *http.Request) {
		conn, err := net.Dial("tcp", backend.Addr().String())
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		w.Header().Set("Content-Length", "5000")
		if _, err := io.Copy(w, conn); err == nil {
			t.Error("no error")
		}
	}, fetch)
	if span := tracer.Named("HTTP GET")[0]; span.Tags["client_gone"] != nil {
		t.Error(tracer.Tree())
	}
}

func TestTheHandlersOwnFaultsAreNotTheClients(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"no body allowed": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204); io.WriteString(w, "x") },
		"too much": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1")
			io.WriteString(w, "xy")
		},
		"hijacked": func(w http.ResponseWriter, _ *http.Request) {
			conn, _, _ := w.(http.Hijacker).Hijack()
			defer conn.Close()
			io.WriteString(w, "x")
			io.WriteString(conn, "HTTP/1.1 204 No Content\r\n\r\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			tracer := spantest.NewTracer()
			server, transport := start(t, "HTTP/1.1", nethttp.WrapHandler(handler, gaptrace.WithTracer(tracer)))
			_ = readAndClose((&http.Client{Transport: transport}).Get(server.URL))
			transport.CloseIdleConnections()
			server.finish()
			if tags := tracer.Named("HTTP GET")[0].Tags; tags["client_gone"] != nil {
				t.Error(tracer.Tree())
			}
		})
	}
}

func TestAfterHijackingTheSpanGoesOnAndTheCountingDoesNot(t *testing.T) {
	tracer := spantest.NewTracer()
	var done time.Time
	server, transport := start(t, "HTTP/1.1", nethttp.WrapHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, buf, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		io.WriteString(buf, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody")
		buf.Flush()
		if n, err := w.Write([]byte("more")); n != 0 || err != http.ErrHijacked {
			t.Errorf("Write: %d, %v", n, err)
		}
		w.WriteHeader(http.StatusInternalServerError) // nobody is sent it
		slow()
		done = time.Now()
	}), gaptrace.WithTracer(tracer)))
	if err := readAndClose((&http.Client{Transport: transport}).Get(server.URL)); err != nil {
		t.Error(err)
	}
	server.finish()
	span := tracer.Spans()[0]
	if span.Tags["response_size"] != nil || span.Tags["http.status_code"] != nil || span.End.Before(done) || span.Tags["error"] != nil || tracer.Problems() != nil {
		t.Errorf("done at %v, the span ends at %v\n%s", done, span.End, tracer.Tree())
	}
}

// late is a ResponseWriter that takes its time, and finds that the client is gone.
type late struct{ serverWriter }

var errGone = errors.New("gone")

func (late) Write([]byte) (int, error) {
	time.Sleep(time.Millisecond)
	return 0, errGone
}

func (late) WriteString(string) (int, error) { return late{}.Write(nil) }
func (late) FlushError() error {
	_, err := late{}.Write(nil)
	return err
}

func (late) ReadFrom(io.Reader) (int64, error) {
	_, err := late{}.Write(nil)
	return 0, err
}

func (late) WriteHeader(int) { time.Sleep(time.Millisecond) }

func TestEachWayToWriteIsAWaitThatMayFail(t *testing.T) {
	for name, c := range map[string]struct {
		write func(w http.ResponseWriter) error
		want  error
	}{
		"Write":       {func(w http.ResponseWriter) error { _, err := w.Write(nil); return err }, errGone},
		"WriteString": {func(w http.ResponseWriter) error { _, err := io.WriteString(w, ""); return err }, errGone},
		"Flush":       {func(w http.ResponseWriter) error { return http.NewResponseController(w).Flush() }, errGone},
		"ReadFrom":    {func(w http.ResponseWriter) error { _, err := w.(io.ReaderFrom).ReadFrom(os.Stdin); return err }, errGone},
		"WriteHeader": {func(w http.ResponseWriter) error { w.WriteHeader(500); return nil }, nil},
	} {
		synctest.Test(t, func(t *testing.T) {
			tracer := spantest.NewTracer()
			nethttp.WrapHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if err := c.write(w); err != c.want {
					t.Errorf("%s: %v", name, err)
				}
			}), gaptrace.WithTracer(tracer)).ServeHTTP(late{serverWriter{httptest.NewRecorder()}}, httptest.NewRequest("GET", "/", nil))
			waits := tracer.Named("HTTP GET write")
			gone := tracer.Named("HTTP GET")[0].Tags["client_gone"] == true
			if gone != (c.want != nil) || len(waits) != 1 || waits[0].Duration() != time.Millisecond || (waits[0].Tags["error"] == true) != (c.want != nil) {
				t.Errorf("%s:\n%s", name, tracer.Tree())
			}
		})
	}
}

// huge is a ResponseWriter that has sent more than an int of 32 bits holds.
type huge struct{ *httptest.ResponseRecorder }

const hugeSize int64 = 5 << 30

func (huge) ReadFrom(io.Reader) (int64, error) { return hugeSize, nil }

func TestLargeCopyIsCounted(t *testing.T) {
	for name, source := range map[string]io.Reader{"a reader": strings.NewReader(""), "a file": os.Stdin} {
		tracer := spantest.NewTracer()
		nethttp.WrapHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if n, err := w.(io.ReaderFrom).ReadFrom(source); n != hugeSize || err != nil {
				t.Error(n, err)
			}
		}), gaptrace.WithTracer(tracer)).ServeHTTP(huge{httptest.NewRecorder()}, httptest.NewRequest("GET", "/", nil))
		if size := tracer.Named("HTTP GET")[0].Tags["response_size"]; size != hugeSize {
			t.Errorf("%s: response_size = %v", name, size)
		}
	}
}
