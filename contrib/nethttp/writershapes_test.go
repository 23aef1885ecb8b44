package nethttp_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
)

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

// assertable returns the optional interfaces of a writer.
func assertable(w http.ResponseWriter) map[string]bool {
	found := map[string]bool{}
	for name, is := range optional {
		if is(w) {
			found[name] = true
		}
	}
	return found
}

// What middlewares put around a writer. A name lists the methods that it adds.
type (
	plain   struct{ http.ResponseWriter }
	flusher struct {
		http.ResponseWriter
		http.Flusher
	}
	hijacker struct {
		http.ResponseWriter
		http.Hijacker
	}
	flusherHijacker struct {
		http.ResponseWriter
		http.Flusher
		http.Hijacker
	}
	flusherUnwrapper struct {
		unwrapper
		http.Flusher
	}
	flusherNotifier struct {
		http.ResponseWriter
		http.Flusher
		closeNotifier
	}
	copierUnwrapper struct {
		unwrapper
		io.ReaderFrom
	}
	delegator1 struct { // HTTP/1
		plain
		http.Flusher
		closeNotifier
		http.Hijacker
		io.ReaderFrom
	}
	delegator1Unwrapper struct {
		unwrapper
		http.Flusher
		closeNotifier
		http.Hijacker
		io.ReaderFrom
	}
	delegator2 struct { // HTTP/2
		plain
		http.Flusher
		closeNotifier
		http.Pusher
	}
	delegator2Unwrapper struct {
		unwrapper
		http.Flusher
		closeNotifier
		http.Pusher
	}
)

type noHijack struct{}

func (noHijack) Hijack() (net.Conn, *bufio.ReadWriter, error) { return nil, nil, http.ErrNotSupported }

// middlewares return the writer that a middleware outside of WrapHandler makes of the server's.
var middlewares = map[string]func(http.ResponseWriter) http.ResponseWriter{
	"none":     func(w http.ResponseWriter) http.ResponseWriter { return w },
	"recorder": func(http.ResponseWriter) http.ResponseWriter { return httptest.NewRecorder() },
	"plain":    func(w http.ResponseWriter) http.ResponseWriter { return plain{w} },
	"unwraps":  func(w http.ResponseWriter) http.ResponseWriter { return unwrapper{w} },
	"hijacks":  func(w http.ResponseWriter) http.ResponseWriter { return hijacker{w, noHijack{}} },
	"flushes":  func(w http.ResponseWriter) http.ResponseWriter { return flusher{w, w.(http.Flusher)} },
	"flushes, unwraps": func(w http.ResponseWriter) http.ResponseWriter {
		return flusherUnwrapper{unwrapper{w}, w.(http.Flusher)}
	},
	"flushes, notifies": func(w http.ResponseWriter) http.ResponseWriter {
		return flusherNotifier{w, w.(http.Flusher), w.(closeNotifier)}
	},
	"copies, unwraps": func(w http.ResponseWriter) http.ResponseWriter {
		if copier, ok := w.(io.ReaderFrom); ok {
			return copierUnwrapper{unwrapper{w}, copier}
		}
		return unwrapper{w}
	},
	"delegates": func(w http.ResponseWriter) http.ResponseWriter {
		f, c := w.(http.Flusher), w.(closeNotifier)
		if h, ok := w.(http.Hijacker); ok {
			return delegator1{plain{w}, f, c, h, w.(io.ReaderFrom)}
		}
		return delegator2{plain{w}, f, c, w.(http.Pusher)}
	},
	"delegates, unwraps": func(w http.ResponseWriter) http.ResponseWriter {
		f, c := w.(http.Flusher), w.(closeNotifier)
		if h, ok := w.(http.Hijacker); ok {
			return delegator1Unwrapper{unwrapper{w}, f, c, h, w.(io.ReaderFrom)}
		}
		return delegator2Unwrapper{unwrapper{w}, f, c, w.(http.Pusher)}
	},
}

func TestShapeHasTheMethodsOfTheWriter(t *testing.T) {
	for protocol := range protocols {
		for name, middleware := range middlewares {
			for sampling, tracer := range tracers(t) {
				t.Run(protocol+"/"+name+"/"+sampling, func(t *testing.T) {
					var raw, wrapped string
					handler := nethttp.WrapHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
						wrapped = fmt.Sprint(assertable(w))
					}), gaptrace.WithTracer(tracer))
					server, transport := start(t, protocol, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						raw = fmt.Sprint(assertable(middleware(w)))
						handler.ServeHTTP(middleware(w), r)
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

func TestShapeFlushesAndHijacksAsTheWriter(t *testing.T) {
	rec := httptest.NewRecorder()
	for _, inner := range []http.ResponseWriter{
		plain{rec}, flusher{rec, rec}, hijacker{rec, noHijack{}}, flusherHijacker{rec, rec, noHijack{}},
	} {
		observe := func(w http.ResponseWriter) string {
			unsupported := errors.Is(http.NewResponseController(w).Flush(), http.ErrNotSupported)
			return fmt.Sprint("flush ", is[http.Flusher](w), " hijack ", is[http.Hijacker](w), " by controller ", !unsupported)
		}
		var got string
		handle(inner, newGet(), func(w http.ResponseWriter, _ *http.Request) { got = observe(w) })
		if want := observe(inner); got != want {
			t.Errorf("%T: raw %s, wrapped %s", inner, want, got)
		}
	}
}

// sizer has a method of its own, as the writers of some middlewares do.
type sizer struct{ http.ResponseWriter }

func (sizer) Size() int { return 0 }

func TestShapeDoesNotDependOnSampling(t *testing.T) {
	for _, inner := range []http.ResponseWriter{
		sizer{httptest.NewRecorder()}, httptest.NewRecorder(), serverWriter{httptest.NewRecorder()},
	} {
		found := map[string]bool{}
		for _, tracer := range tracers(t) {
			nethttp.WrapHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, recorder := w.(*httptest.ResponseRecorder)
				found[fmt.Sprint(assertable(w), is[interface{ Size() int }](w), recorder)] = true
			}), gaptrace.WithTracer(tracer)).ServeHTTP(inner, newGet())
		}
		if len(found) != 1 {
			t.Errorf("%T: found %v", inner, found)
		}
	}
}
