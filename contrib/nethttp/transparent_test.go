package nethttp_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/opentracing/opentracing-go"
)

// handlers are what a server may do, requests what a client may send. Every pair is observed.
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
	"not modified": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) },
	"early hints":  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(103); w.WriteHeader(202) },
	"redirect": func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/elsewhere?x=1", http.StatusSeeOther)
	},
	"server error": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusBadGateway) },
	"truncated": func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // left unread, an expected body would have both sides wait for each other
		w.Header().Set("Content-Length", "9")
		io.WriteString(w, "x")
	},
	"hang up":     func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	"panic":       func(http.ResponseWriter, *http.Request) { panic("handler") },
	"superfluous": func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "x"); w.WriteHeader(500) },
	"too much": func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Length", "1")
		_, err := io.WriteString(w, "xy")
		fmt.Fprint(w, err)
	},
	"writer":          func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, interfaces(w)) },
	"through servers": httptestMux().ServeHTTP,
}

func httptestMux() *http.ServeMux {
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
	"cancelled": func(ctx context.Context, url string) *http.Request {
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		return get(ctx, url)
	},
}

// observe tells all that a caller, a server and those outside a handler can see of one request.
func observe(t *testing.T, handler http.Handler, transport func(http.RoundTripper) http.RoundTripper, ctx context.Context, build func(context.Context, string) *http.Request) string {
	var out, seen, serverLog bytes.Buffer // what the client, the server and the server's log tell
	var conns atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		headers := slices.Sorted(func(yield func(string) bool) {
			for k := range r.Header {
				if !strings.HasPrefix(k, "Spantest-") && !yield(fmt.Sprint(k, r.Header[k])) {
					return
				}
			}
		})
		defer func() {
			fmt.Fprintf(&seen, "server: %s %s %v pattern %q of %q form %v\n", r.Method, r.URL, headers, r.Pattern, r.PathValue("rest"), r.PostForm)
		}()
		handler.ServeHTTP(w, r)
	}))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			conns.Add(1)
		}
	}
	server.Config.ErrorLog = log.New(&serverLog, "", 0)
	server.Start()
	inner := &http.Transport{ExpectContinueTimeout: time.Second}
	client := &http.Client{Transport: transport(inner)}
	req := build(ctx, server.URL)
	header := fmt.Sprint(req.Header)
	var traced atomic.Int32 // the caller's own httptrace
	req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		GotConn:              func(httptrace.GotConnInfo) { traced.Add(1) },
		GotFirstResponseByte: func() { traced.Add(100) },
	}))
	resp, err := client.Do(req)
	if err != nil {
		fmt.Fprintf(&out, "error: %T %v\n", err, err)
	} else {
		body, err := io.ReadAll(resp.Body)
		_, again := resp.Body.Read(make([]byte, 1))
		resp.Header.Del("Date")
		fmt.Fprintf(&out, "client: %s %v %q, error %T %v, read again %v, close %v, trailer %v, length %d %v\n",
			resp.Status, resp.Header, body, err, err, again, resp.Body.Close(), resp.Trailer, resp.ContentLength, resp.Uncompressed)
		fmt.Fprintf(&out, "request: %s, its own %v\n", resp.Request.URL, resp.Request.Header)
	}
	fmt.Fprintf(&out, "traced %d\n", traced.Load())
	if after := fmt.Sprint(req.Header); after != header {
		fmt.Fprintf(&out, "the request's headers were %s, are %s\n", header, after)
	}
	client.CloseIdleConnections()
	server.Close() // when all it had to say has been said
	logged, _, _ := strings.Cut(serverLog.String(), "goroutine ")
	fmt.Fprintf(&out, "%sconnections %d, server's log %q", &seen, conns.Load(), anonymous(logged))
	return strings.ReplaceAll(out.String(), server.Listener.Addr().String(), "SERVER")
}

// anonymous is a log of net/http without the client's port, and without the caller whom it blames for
// a superfluous WriteHeader: that is the nearest one outside net/http, which is the wrapper.
func anonymous(s string) string {
	s, _, _ = strings.Cut(s, " call from ")
	before, after, found := strings.Cut(s, "127.0.0.1:")
	if !found {
		return s
	}
	return before + strings.TrimLeft(after, "0123456789")
}

func interfaces(w http.ResponseWriter) string {
	_, flusher := w.(http.Flusher)
	_, hijacker := w.(http.Hijacker)
	_, readerFrom := w.(io.ReaderFrom)
	c := http.NewResponseController(w)
	return fmt.Sprint(flusher, hijacker, readerFrom, c.Flush(), c.SetReadDeadline(time.Time{}), c.SetWriteDeadline(time.Time{}), c.EnableFullDuplex())
}

func TestWrappedIsAsRaw(t *testing.T) {
	for handlerName, handler := range handlers {
		for requestName, build := range requests {
			t.Run(handlerName+"/"+requestName, func(t *testing.T) {
				tracer := spantest.NewTracer()
				parent := tracer.StartSpan("parent")
				ctx, cancel := context.WithTimeout(opentracing.ContextWithSpan(t.Context(), parent), time.Minute)
				defer cancel()
				raw := observe(t, handler, func(rt http.RoundTripper) http.RoundTripper { return rt }, ctx, build)
				wrapped := observe(t, nethttp.WrapHandler(handler, gaptrace.WithTracer(tracer)), func(rt http.RoundTripper) http.RoundTripper {
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

// TestTheObservationCanFail holds observe itself to its purpose: each of these is a thing that a
// known wrapper does, and each must show.
func TestTheObservationCanFail(t *testing.T) {
	same := func(rt http.RoundTripper) http.RoundTripper { return rt }
	for name, c := range map[string]struct {
		handler, request string
		transport        func(http.RoundTripper) http.RoundTripper
		wrap             func(http.Handler) http.Handler
	}{
		"touches the caller's headers": {handler: "text", request: "GET", transport: func(rt http.RoundTripper) http.RoundTripper {
			return roundTripper(func(r *http.Request) (*http.Response, error) {
				r.Header.Set("Spantest-Trace", "1")
				return rt.RoundTrip(r)
			})
		}},
		"answers with its own request": {handler: "text", request: "GET", transport: func(rt http.RoundTripper) http.RoundTripper {
			return roundTripper(func(r *http.Request) (*http.Response, error) {
				r = r.Clone(r.Context())
				r.Header.Set("Spantest-Trace", "1")
				return rt.RoundTrip(r)
			})
		}},
		"wraps the error": {handler: "hang up", request: "POST", transport: func(rt http.RoundTripper) http.RoundTripper {
			return roundTripper(func(r *http.Request) (*http.Response, error) {
				resp, err := rt.RoundTrip(r)
				if err != nil {
					err = fmt.Errorf("wrapped: %w", err)
				}
				return resp, err
			})
		}},
		"loses the trailers": {handler: "echo with trailers", request: "POST, chunked, with trailers", wrap: func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				r = r.Clone(r.Context())
				r.Trailer = nil
				h.ServeHTTP(w, r)
			})
		}},
		"loses the pattern": {handler: "through servers", request: "GET", wrap: func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(w, r.WithContext(r.Context())) })
		}},
		"loses Flusher and the rest": {handler: "writer", request: "GET", wrap: func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				h.ServeHTTP(struct{ http.ResponseWriter }{w}, r)
			})
		}},
		"swallows the panic": {handler: "panic", request: "GET", wrap: func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer func() { recover() }()
				h.ServeHTTP(w, r)
			})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			if c.transport == nil {
				c.transport = same
			}
			if c.wrap == nil {
				c.wrap = func(h http.Handler) http.Handler { return h }
			}
			handler, build := handlers[c.handler], requests[c.request]
			raw := observe(t, handler, same, t.Context(), build)
			if mutant := observe(t, c.wrap(handler), c.transport, t.Context(), build); raw == mutant {
				t.Errorf("does not show in\n%s", raw)
			}
		})
	}
}
