package nethttp_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/opentracing/opentracing-go"
)

// handlers are what a server may do, requests what a client may send. Every pair is observed, over every protocol.
var handlers = map[string]http.HandlerFunc{
	"text": func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		fmt.Fprintf(w, "%s %s %v %v", r.Method, r.URL, r.ContentLength, r.TransferEncoding)
	},
	"echo with trailers": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-Sum")
		io.Copy(w, r.Body)
		w.Header().Set("X-Sum", fmt.Sprint(r.Trailer.Get("X-Sent")))
	},
	"not modified": drained(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) }),
	"early hints":  drained(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(103); w.WriteHeader(202) }),
	"redirect": drained(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/elsewhere?x=1", http.StatusSeeOther)
	}),
	"server error": drained(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusBadGateway) }),
	"truncated": func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Length", "9")
		io.WriteString(w, "x")
	},
	"hang up":     drained(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }),
	"panic":       drained(func(http.ResponseWriter, *http.Request) { panic("handler") }),
	"superfluous": drained(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "x"); w.WriteHeader(500) }),
	"superfluous, after a status": drained(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		http.Error(w, "again", http.StatusInternalServerError)
		w.WriteHeader(http.StatusEarlyHints)
	}),
	"superfluous, after a copy that failed": drained(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1")
		io.Copy(w, struct{ io.Reader }{strings.NewReader("two")})
		w.WriteHeader(http.StatusInternalServerError)
	}),
	"too much": func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Length", "1")
		_, err := io.WriteString(w, "xy")
		fmt.Fprint(w, err)
	},
	"writer":        drained(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, interfaces(w)) }),
	"through a mux": drained(mux().ServeHTTP),
	"file":          drained(func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, "doc.go") }),
	"reader": drained(func(w http.ResponseWriter, _ *http.Request) {
		n, err := io.Copy(w, struct{ io.Reader }{strings.NewReader(strings.Repeat("<html>", 9000))})
		fmt.Fprint(w, n, err)
	}),
	"both ways at once": func(w http.ResponseWriter, r *http.Request) {
		err := http.NewResponseController(w).EnableFullDuplex()
		io.WriteString(w, "first")
		w.(http.Flusher).Flush()
		body, readErr := io.ReadAll(r.Body)
		fmt.Fprint(w, err, string(body), readErr)
	},
	"hijacked": drained(func(w http.ResponseWriter, _ *http.Request) {
		conn, buf, err := http.NewResponseController(w).Hijack()
		if err != nil {
			fmt.Fprint(w, err)
			return
		}
		defer conn.Close()
		fmt.Fprintf(buf, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nto %v", reflect.TypeOf(conn))
		w.WriteHeader(http.StatusOK) // net/http logs who uses a writer after Hijack
		_, err = w.Write([]byte("x"))
		_, again := io.WriteString(w, "x")
		fmt.Fprint(buf, err, again)
		buf.Flush()
	}),
	"form": func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.FormValue("k"), r.FormValue("q"), r.ParseMultipartForm(1))
		io.Copy(io.Discard, r.Body) // what is no form was not read
	},
	"nothing": drained(func(http.ResponseWriter, *http.Request) {}),
}

// drained is h behind one that reads the request's body. Left unread, a body may or may not have been sent when the
// answer is there, and an expected one would have both sides wait for each other.
func drained(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		h(w, r)
	}
}

func mux() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{rest...}", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.PathValue("rest"), r.Pattern) })
	return mux
}

var requests = map[string]func(ctx context.Context, url string) *http.Request{
	"GET": get,
	"HEAD": func(ctx context.Context, url string) *http.Request {
		r := get(ctx, url)
		r.Method = "HEAD"
		return r
	},
	"POST": func(ctx context.Context, url string) *http.Request {
		r, _ := http.NewRequestWithContext(ctx, "POST", url+"/form?q=1", strings.NewReader("k=v"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return r
	},
	"POST, chunked, with trailers": func(ctx context.Context, url string) *http.Request {
		r, _ := http.NewRequestWithContext(ctx, "POST", url, io.NopCloser(strings.NewReader("stream")))
		r.Trailer = http.Header{"X-Sent": {"sent"}}
		return r
	},
	"POST, expecting 100": func(ctx context.Context, url string) *http.Request {
		r, _ := http.NewRequestWithContext(ctx, "POST", url, strings.NewReader("body"))
		r.Header.Set("Expect", "100-continue")
		return r
	},
	"POST of nothing": func(ctx context.Context, url string) *http.Request {
		r, _ := http.NewRequestWithContext(ctx, "POST", url, http.NoBody)
		return r
	},
	"part": func(ctx context.Context, url string) *http.Request {
		r := get(ctx, url)
		r.Header.Set("Range", "bytes=10-19")
		return r
	},
	"upgrade": func(ctx context.Context, url string) *http.Request {
		r := get(ctx, url)
		r.Header.Set("Connection", "Upgrade")
		r.Header.Set("Upgrade", "x")
		return r
	},
	"cancelled": func(ctx context.Context, url string) *http.Request {
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		return get(ctx, url)
	},
}

// observe tells all that a caller, a server and those outside a handler can see of a request, and of one more
// on each side of CloseIdleConnections.
func observe(t *testing.T, protocol string, handler http.Handler, wrap func(http.RoundTripper) http.RoundTripper, ctx context.Context, build func(context.Context, string) *http.Request) string {
	var out, seen bytes.Buffer // what the client and the server tell
	var seeing sync.Mutex
	var serverLog sharedBuffer
	conns := map[string]bool{} // those with a request: net/http may dial another one and not use it
	server, transport := startWith(t, protocol, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		headers := slices.Sorted(func(yield func(string) bool) {
			for k := range r.Header {
				if !strings.HasPrefix(k, "Spantest-") && !yield(fmt.Sprint(k, r.Header[k])) {
					return
				}
			}
		})
		defer func() {
			seeing.Lock()
			defer seeing.Unlock()
			conns[r.RemoteAddr] = true
			fmt.Fprintf(&seen, "server: %s %s %v %v %v pattern %q of %q form %v\n",
				r.Method, r.URL, headers, r.ContentLength, r.TransferEncoding, r.Pattern, r.PathValue("rest"), r.PostForm)
		}()
		handler.ServeHTTP(w, r)
	}), func(c *http.Server) {
		c.ErrorLog = log.New(&serverLog, "", 0)
	})
	transport.ExpectContinueTimeout = 50 * time.Millisecond
	client := &http.Client{Transport: wrap(transport)}
	visit := func() (end error) {
		req := build(ctx, server.URL)
		header := fmt.Sprint(req.Header)
		var traced []string // by the caller's own httptrace
		req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
			GotConn:              func(i httptrace.GotConnInfo) { traced = append(traced, fmt.Sprint("conn, reused ", i.Reused)) },
			Got1xxResponse:       func(code int, _ textproto.MIMEHeader) error { traced = append(traced, strconv.Itoa(code)); return nil },
			GotFirstResponseByte: func() { traced = append(traced, "first byte") },
		}))
		resp, err := client.Do(req)
		if err != nil {
			fmt.Fprintf(&out, "error: %T %v\n", err, err)
		} else {
			_, writes := resp.Body.(io.Writer)
			body, err := io.ReadAll(resp.Body)
			_, again := resp.Body.Read(make([]byte, 1))
			resp.Header.Del("Date")
			fmt.Fprintf(&out, "client: %s %v %q, error %T %v, read again %v, close %v, trailer %v, length %d, uncompressed %v, writes %v\n",
				resp.Status, resp.Header, body, err, err, again, resp.Body.Close(), resp.Trailer, resp.ContentLength, resp.Uncompressed, writes)
			fmt.Fprintf(&out, "request: %s, its own %v\n", resp.Request.URL, resp.Request.Header)
			end = err
		}
		fmt.Fprintf(&out, "traced %v\n", traced)
		if after := fmt.Sprint(req.Header); after != header {
			fmt.Fprintf(&out, "the request's headers were %s, are %s\n", header, after)
		}
		return cmp.Or(err, end)
	}
	// Over HTTP/2 a stream may have ended for its caller and not yet for its connection, which is not idle then.
	err := visit()
	if err == nil {
		err = visit()
	}
	if err == nil && !protocols[protocol].http2 {
		client.CloseIdleConnections()
		_ = visit()
	}
	client.CloseIdleConnections()
	transport.CloseIdleConnections() // which a mutant may have lost
	server.finish()                  // when all it had to say has been said
	logged, _, _ := strings.Cut(serverLog.String(), "goroutine ")
	if protocols[protocol].http2 {
		logged = "" // a panic is logged when the handler is gone, and nothing tells when
	}
	fmt.Fprintf(&out, "%sconnections %d, server's log %q", &seen, len(conns), anonymous(logged))
	return strings.ReplaceAll(out.String(), server.Listener.Addr().String(), "SERVER")
}

// sharedBuffer is for those who may write when nobody waits for them any more.
type sharedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *sharedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *sharedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// anonymous returns a log of net/http without client ports, and without errors of TLS handshakes,
// which depend on timing.
func anonymous(s string) string {
	if strings.Contains(s, "TLS handshake error") {
		return ""
	}
	before, after, found := strings.Cut(s, "127.0.0.1:")
	if !found {
		return s
	}
	return before + strings.TrimLeft(after, "0123456789")
}

// interfaces lists what a handler's writer can be asserted to, and what an http.ResponseController
// can do with it.
func interfaces(w http.ResponseWriter) string {
	push := error(http.ErrNotSupported)
	if pusher, ok := w.(http.Pusher); ok {
		push = pusher.Push("/pushed", nil)
	}
	c := http.NewResponseController(w)
	return fmt.Sprint(assertable(w), push, c.Flush(), c.SetReadDeadline(time.Time{}), c.SetWriteDeadline(time.Time{}), c.EnableFullDuplex())
}

func TestWrappedIsAsRaw(t *testing.T) {
	for protocol := range protocols {
		for handlerName, handler := range handlers {
			for requestName, build := range requests {
				if handlerName == "both ways at once" && requestName == "POST, expecting 100" {
					continue // once it has answered, a server says no more 100, and raw and wrapped wait
				}
				t.Run(protocol+"/"+handlerName+"/"+requestName, func(t *testing.T) {
					t.Parallel()
					tracer := spantest.NewTracer()
					parent := tracer.StartSpan("parent")
					ctx, cancel := context.WithTimeout(opentracing.ContextWithSpan(t.Context(), parent), time.Minute)
					defer cancel()
					raw := observe(t, protocol, handler, same, ctx, build)
					wrapped := observe(t, protocol, nethttp.WrapHandler(handler, gaptrace.WithTracer(tracer)), func(rt http.RoundTripper) http.RoundTripper {
						return nethttp.Wrap(rt, gaptrace.WithTracer(tracer), gaptrace.WithPhases())
					}, ctx, build)
					if raw != wrapped {
						t.Errorf("raw:\n%s\nwrapped:\n%s", raw, wrapped)
					}
					parent.Finish()
					if p := tracer.Problems(); p != nil {
						t.Error(p)
					}
				})
			}
		}
	}
}

func same(rt http.RoundTripper) http.RoundTripper { return rt }

// TestTheObservationCanFail holds observe itself to its purpose: each of these is a thing that a
// known wrapper does, and each must show.
func TestTheObservationCanFail(t *testing.T) {
	type mutant struct {
		handler, request string
		protocol         string // HTTP/1.1 unless said
		transport        func(http.RoundTripper) http.RoundTripper
		wrap             func(http.Handler) http.Handler
	}
	// client is a RoundTripper that does as told, and has no other method.
	client := func(roundTrip func(next http.RoundTripper, r *http.Request) (*http.Response, error)) func(http.RoundTripper) http.RoundTripper {
		return func(next http.RoundTripper) http.RoundTripper {
			return withIdle{roundTripper(func(r *http.Request) (*http.Response, error) { return roundTrip(next, r) }), next.(*http.Transport)}
		}
	}
	// shows is a handler that gives its handler another writer.
	shows := func(other func(http.ResponseWriter) http.ResponseWriter) func(http.Handler) http.Handler {
		return func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(other(w), r) })
		}
	}
	type (
		unwraps struct{ http.ResponseWriter }
		flushes struct {
			http.ResponseWriter
			http.Flusher
		}
		hijacks struct {
			http.ResponseWriter
			http.Hijacker
		}
		both struct {
			http.ResponseWriter
			http.Flusher
			http.Hijacker
		}
	)
	for name, c := range map[string]mutant{
		"touches the caller's headers": {handler: "text", request: "GET", transport: client(func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
			r.Header.Set("Spantest-Trace", "1")
			return next.RoundTrip(r)
		})},
		"answers with its own request": {handler: "text", request: "GET", transport: client(func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
			r = r.Clone(r.Context())
			r.Header.Set("Spantest-Trace", "1")
			return next.RoundTrip(r)
		})},
		"wraps the error": {handler: "hang up", request: "POST", transport: client(func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(r)
			if err != nil {
				err = fmt.Errorf("wrapped: %w", err)
			}
			return resp, err
		})},
		"loses the caller's trace": {handler: "early hints", request: "GET", transport: client(func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
			return next.RoundTrip(r.WithContext(context.Background()))
		})},
		"sends nothing as something": {handler: "text", request: "POST of nothing", transport: client(func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
			r = r.Clone(r.Context())
			r.Body = io.NopCloser(r.Body)
			return next.RoundTrip(r)
		})},
		"loses the length of the request": {handler: "text", request: "POST", transport: client(func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
			r = r.Clone(r.Context())
			r.ContentLength = -1
			return next.RoundTrip(r)
		})},
		"loses the trailers of the answer": {handler: "echo with trailers", request: "POST, chunked, with trailers", transport: client(func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(r)
			if err == nil {
				resp = &http.Response{Status: resp.Status, StatusCode: resp.StatusCode, Header: resp.Header, Body: resp.Body, ContentLength: resp.ContentLength, Request: resp.Request}
			}
			return resp, err
		})},
		"loses the Writer of an upgraded connection": {handler: "hijacked", request: "upgrade", transport: client(func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(r)
			if err == nil {
				resp.Body = io.NopCloser(resp.Body)
			}
			return resp, err
		})},
		"hides that a body broke off": {handler: "truncated", request: "GET", transport: client(func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(r)
			if err == nil {
				body, _ := io.ReadAll(resp.Body)
				resp.Body = io.NopCloser(bytes.NewReader(body))
			}
			return resp, err
		})},
		"loses CloseIdleConnections": {handler: "text", request: "GET", transport: func(next http.RoundTripper) http.RoundTripper {
			return roundTripper(next.RoundTrip)
		}},
		"loses the trailers of the request": {handler: "echo with trailers", request: "POST, chunked, with trailers", wrap: func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				r = r.Clone(r.Context())
				r.Trailer = nil
				h.ServeHTTP(w, r)
			})
		}},
		"loses the pattern": {handler: "through a mux", request: "GET", wrap: func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(w, r.WithContext(r.Context())) })
		}},
		"loses Flusher": {handler: "writer", request: "GET", wrap: shows(func(w http.ResponseWriter) http.ResponseWriter {
			return hijacks{w, w.(http.Hijacker)}
		})},
		"loses Hijacker": {handler: "writer", request: "GET", wrap: shows(func(w http.ResponseWriter) http.ResponseWriter {
			return flushes{w, w.(http.Flusher)}
		})},
		"has a Hijacker that there is not": {handler: "writer", request: "GET", protocol: "HTTP/2", wrap: shows(func(w http.ResponseWriter) http.ResponseWriter {
			return both{w, w.(http.Flusher), noHijack{}}
		})},
		"loses Unwrap": {handler: "writer", request: "GET", wrap: shows(func(w http.ResponseWriter) http.ResponseWriter {
			return both{w, w.(http.Flusher), w.(http.Hijacker)}
		})},
		"loses all of them": {handler: "both ways at once", request: "GET", wrap: func(h http.Handler) http.Handler {
			return shows(func(w http.ResponseWriter) http.ResponseWriter { return unwraps{w} })(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer func() {
					if recover() != nil { // the handler's assertion
						panic(http.ErrAbortHandler)
					}
				}()
				h.ServeHTTP(w, r)
			}))
		}},
		"takes early hints for the answer": {handler: "early hints", request: "GET", wrap: shows(func(w http.ResponseWriter) http.ResponseWriter { return &onlyOnce{ResponseWriter: w} })},
		"swallows the panic": {handler: "panic", request: "GET", wrap: func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer func() { recover() }()
				h.ServeHTTP(w, r)
			})
		}},
		"panics with something else": {handler: "hang up", request: "GET", wrap: func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer func() { panic(fmt.Errorf("again: %v", recover())) }()
				h.ServeHTTP(w, r)
			})
		}},
		"reads the body for the handler": {handler: "form", request: "POST", wrap: func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				h.ServeHTTP(w, r)
			})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.transport == nil {
				c.transport = same
			}
			if c.wrap == nil {
				c.wrap = func(h http.Handler) http.Handler { return h }
			}
			protocol := cmp.Or(c.protocol, "HTTP/1.1")
			handler, build := handlers[c.handler], requests[c.request]
			if handler == nil || build == nil {
				t.Fatalf("no handler %q or no request %q", c.handler, c.request)
			}
			raw := observe(t, protocol, handler, same, t.Context(), build)
			if mutant := observe(t, protocol, c.wrap(handler), c.transport, t.Context(), build); raw == mutant {
				t.Errorf("does not show in\n%s", raw)
			}
		})
	}
}

// withIdle is a RoundTripper that keeps the CloseIdleConnections of the one within.
type withIdle struct {
	roundTripper
	next *http.Transport
}

func (w withIdle) CloseIdleConnections() { w.next.CloseIdleConnections() }

// onlyOnce lets the first status pass, as some wrappers do.
type onlyOnce struct {
	http.ResponseWriter
	wrote bool
}

func (o *onlyOnce) WriteHeader(status int) {
	if !o.wrote {
		o.wrote = true
		o.ResponseWriter.WriteHeader(status)
	}
}
