package nethttp_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/opentracing/opentracing-go"
)

// serverWriter is a recorder with all the methods of net/http's writer over HTTP/1.1.
type serverWriter struct{ *httptest.ResponseRecorder }

func (serverWriter) FlushError() error { return nil }
func (serverWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return nil, nil, errors.ErrUnsupported
}
func (serverWriter) CloseNotify() <-chan bool         { return nil }
func (serverWriter) SetReadDeadline(time.Time) error  { return nil }
func (serverWriter) SetWriteDeadline(time.Time) error { return nil }
func (serverWriter) EnableFullDuplex() error          { return nil }

func (s serverWriter) ReadFrom(src io.Reader) (int64, error) { return io.Copy(s.Body, src) }

// optional are the interfaces that a handler may assert its writer to, by name.
var optional = map[string]func(http.ResponseWriter) bool{
	"http.Flusher":       is[http.Flusher],
	"http.Hijacker":      is[http.Hijacker],
	"http.Pusher":        is[http.Pusher],
	"http.CloseNotifier": is[closeNotifier],
	"io.ReaderFrom":      is[io.ReaderFrom],
	"io.StringWriter":    is[io.StringWriter],
	"io.Closer":          is[io.Closer],
	"io.WriterTo":        is[io.WriterTo],
	"fmt.Stringer":       is[fmt.Stringer],
	"error":              is[error],
	"FlushError":         is[interface{ FlushError() error }],
	"SetReadDeadline":    is[interface{ SetReadDeadline(time.Time) error }],
	"SetWriteDeadline":   is[interface{ SetWriteDeadline(time.Time) error }],
	"EnableFullDuplex":   is[interface{ EnableFullDuplex() error }],
	"Unwrap":             is[interface{ Unwrap() http.ResponseWriter }],
}

// closeNotifier is http.CloseNotifier, which is deprecated.
type closeNotifier interface{ CloseNotify() <-chan bool }

func is[T any](w http.ResponseWriter) bool {
	_, ok := w.(T)
	return ok
}

func assertable(w http.ResponseWriter) map[string]bool {
	found := map[string]bool{}
	for name, is := range optional {
		if is(w) {
			found[name] = true
		}
	}
	return found
}

// tracers are those of a request that is recorded and of one that is not.
func tracers(t testing.TB) map[string]opentracing.Tracer {
	return map[string]opentracing.Tracer{
		"sampled": spantest.NewTracer(), "sampled by Jaeger": jaegerTracer(t, true), "unsampled": jaegerTracer(t, false),
	}
}

// TestWriterHasTheServersOptionalInterfaces compares every optional interface, for each of
// net/http's writers and for typical writers of middlewares.
func TestWriterHasTheServersOptionalInterfaces(t *testing.T) {
	type plain struct{ http.ResponseWriter }
	around := map[string]func(http.ResponseWriter) http.ResponseWriter{
		"the server's": func(w http.ResponseWriter) http.ResponseWriter { return w },
		"plain":        func(w http.ResponseWriter) http.ResponseWriter { return plain{w} },
		"unwraps":      func(w http.ResponseWriter) http.ResponseWriter { return unwraps{w} },
		"flushes": func(w http.ResponseWriter) http.ResponseWriter {
			return struct {
				http.ResponseWriter
				http.Flusher
			}{w, w.(http.Flusher)}
		},
		"flushes, unwraps": func(w http.ResponseWriter) http.ResponseWriter {
			return struct {
				unwraps
				http.Flusher
			}{unwraps{w}, w.(http.Flusher)}
		},
		"flushes, notifies": func(w http.ResponseWriter) http.ResponseWriter {
			return struct {
				http.ResponseWriter
				http.Flusher
				closeNotifier
			}{w, w.(http.Flusher), w.(closeNotifier)}
		},
		"delegates": func(w http.ResponseWriter) http.ResponseWriter {
			if inner, ok := w.(http.Hijacker); ok {
				return struct {
					plain
					http.Flusher
					closeNotifier
					http.Hijacker
					io.ReaderFrom
				}{plain{w}, w.(http.Flusher), w.(closeNotifier), inner, w.(io.ReaderFrom)}
			}
			return struct {
				plain
				http.Flusher
				closeNotifier
				http.Pusher
			}{plain{w}, w.(http.Flusher), w.(closeNotifier), w.(http.Pusher)}
		},
		"delegates, unwraps": func(w http.ResponseWriter) http.ResponseWriter {
			if inner, ok := w.(http.Hijacker); ok {
				return struct {
					unwraps
					http.Flusher
					closeNotifier
					http.Hijacker
					io.ReaderFrom
				}{unwraps{w}, w.(http.Flusher), w.(closeNotifier), inner, w.(io.ReaderFrom)}
			}
			return struct {
				unwraps
				http.Flusher
				closeNotifier
				http.Pusher
			}{unwraps{w}, w.(http.Flusher), w.(closeNotifier), w.(http.Pusher)}
		},
		"hijacks": func(w http.ResponseWriter) http.ResponseWriter {
			return struct {
				http.ResponseWriter
				http.Hijacker
			}{w, noHijack{}}
		},
		"copies, unwraps": func(w http.ResponseWriter) http.ResponseWriter {
			if copies, ok := w.(io.ReaderFrom); ok {
				return struct {
					unwraps
					io.ReaderFrom
				}{unwraps{w}, copies}
			}
			return unwraps{w}
		},
		"recorder": func(http.ResponseWriter) http.ResponseWriter { return httptest.NewRecorder() },
	}
	for protocol := range protocols {
		for name, wrap := range around {
			for sampling, tracer := range tracers(t) {
				t.Run(protocol+"/"+name+"/"+sampling, func(t *testing.T) {
					var raw, wrapped string
					server, transport := start(t, protocol, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						raw = fmt.Sprint(assertable(wrap(w)))
						nethttp.WrapHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
							wrapped = fmt.Sprint(assertable(w))
						}), gaptrace.WithTracer(tracer)).ServeHTTP(wrap(w), r)
					}))
					if err := readAndClose((&http.Client{Transport: transport}).Get(server.URL)); err != nil {
						t.Fatal(err)
					}
					if raw != wrapped {
						t.Errorf("raw     %s\nwrapped %s", raw, wrapped)
					}
				})
			}
		}
	}
}

// countingWriter has a method of its own, as middlewares give their handlers.
type countingWriter struct{ http.ResponseWriter }

func (countingWriter) Size() int { return 0 }

func TestNoAssertionDependsOnSampling(t *testing.T) {
	for _, inner := range []http.ResponseWriter{countingWriter{httptest.NewRecorder()}, httptest.NewRecorder(), serverWriter{httptest.NewRecorder()}} {
		found := map[string]bool{}
		for _, tracer := range tracers(t) {
			nethttp.WrapHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, recorder := w.(*httptest.ResponseRecorder)
				found[fmt.Sprint(assertable(w), is[interface{ Size() int }](w), recorder)] = true
			}), gaptrace.WithTracer(tracer)).ServeHTTP(inner, httptest.NewRequest("GET", "/", nil))
		}
		if len(found) != 1 {
			t.Errorf("%T: found %v", inner, found)
		}
	}
}

// TestNilRequestOrWriterReachesTheHandler calls handlers with what net/http never passes.
func TestNilRequestOrWriterReachesTheHandler(t *testing.T) {
	url := httptest.NewRequest("GET", "/x", nil).URL
	for name, c := range map[string]struct {
		w   http.ResponseWriter
		req *http.Request
	}{
		"no request":            {httptest.NewRecorder(), nil},
		"no writer":             {nil, httptest.NewRequest("GET", "/", nil)},
		"neither":               {nil, nil},
		"a nil recorder":        {(*httptest.ResponseRecorder)(nil), httptest.NewRequest("GET", "/", nil)},
		"an empty request":      {httptest.NewRecorder(), &http.Request{}},
		"no URL":                {httptest.NewRecorder(), &http.Request{Method: "GET", Header: http.Header{}, Body: http.NoBody}},
		"no header, no body":    {httptest.NewRecorder(), &http.Request{Method: "POST", URL: url}},
		"a body and no headers": {httptest.NewRecorder(), &http.Request{Method: "POST", URL: url, Body: io.NopCloser(strings.NewReader("x"))}},
	} {
		for sampling, tracer := range tracers(t) {
			see := func(wrap func(http.Handler) http.Handler) (seen string) {
				defer func() {
					if failure := recover(); failure != nil {
						seen += fmt.Sprint(" panic ", failure)
					}
				}()
				wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					seen = fmt.Sprint(w == nil, r == nil)
					if r != nil {
						seen += fmt.Sprint(r.URL, r.Header == nil, r.Body == nil)
					}
					if w != nil {
						w.WriteHeader(http.StatusTeapot)
					}
					seen += " returned"
				})).ServeHTTP(c.w, c.req)
				return seen
			}
			raw := see(func(h http.Handler) http.Handler { return h })
			wrapped := see(func(h http.Handler) http.Handler { return nethttp.WrapHandler(h, gaptrace.WithTracer(tracer)) })
			if raw != wrapped {
				t.Errorf("%s, %s: raw %q, wrapped %q", name, sampling, raw, wrapped)
			}
		}
	}
}
