package web_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/CAFxX/httpcompression"
	"github.com/NYTimes/gziphandler"
	restful "github.com/emicklei/go-restful/v3"
	"github.com/felixge/httpsnoop"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	chiware "github.com/go-chi/chi/v5/middleware"
	"github.com/gorilla/handlers"
	"github.com/gorilla/mux"
	"github.com/klauspost/compress/gzhttp"
	"github.com/labstack/echo/v4"
	echoware "github.com/labstack/echo/v4/middleware"
	"github.com/opentracing/opentracing-go"
	"github.com/urfave/negroni/v3"
)

// middlewares wrap a handler in a router, the writer in their own, or both.
var middlewares = map[string]func(http.Handler) http.Handler{
	"none":                      notWrapped,
	"gin":                       ginRouter,
	"echo":                      echoRouter,
	"echo, gzip":                echoGzip,
	"chi":                       chiRouter,
	"chi, compress":             chiCompress,
	"gorilla mux":               gorillaMux,
	"gorilla logging":           gorillaLogging,
	"gorilla compress":          handlers.CompressHandler,
	"negroni":                   negroniChain,
	"go-restful":                goRestful,
	"httpsnoop":                 measured,
	"gziphandler":               gziphandler.GzipHandler,
	"gzhttp":                    gzHTTP,
	"brotli, zstd":              brotliAndZstd,
	"http.TimeoutHandler":       oneMinute,
	"a writer with only Unwrap": logs,
}

func ginRouter(h http.Handler) http.Handler {
	engine := gin.New()
	engine.Any("/*path", gin.WrapH(h))
	return engine
}

func echoRouter(h http.Handler) http.Handler {
	e := echo.New()
	e.Any("/*", echo.WrapHandler(h))
	return e
}

func echoGzip(h http.Handler) http.Handler {
	e := echo.New()
	e.Use(echoware.Gzip())
	e.Any("/*", echo.WrapHandler(h))
	return e
}

func chiRouter(h http.Handler) http.Handler {
	r := chi.NewRouter()
	r.Use(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ww := chiware.NewWrapResponseWriter(w, r.ProtoMajor)
			next.ServeHTTP(ww, r)
			r.Header.Set("Seen", fmt.Sprint(ww.Status(), ww.BytesWritten()))
		})
	})
	r.Handle("/*", h)
	return r
}

func chiCompress(h http.Handler) http.Handler {
	r := chi.NewRouter()
	r.Use(chiware.Compress(5))
	r.Handle("/*", h)
	return r
}

func gorillaMux(h http.Handler) http.Handler {
	r := mux.NewRouter()
	r.PathPrefix("/").Handler(h)
	return r
}

func gorillaLogging(h http.Handler) http.Handler {
	return handlers.CombinedLoggingHandler(io.Discard, h)
}

func negroniChain(h http.Handler) http.Handler {
	n := negroni.New()
	n.UseHandler(h)
	return n
}

func goRestful(h http.Handler) http.Handler {
	container := restful.NewContainer()
	container.EnableContentEncoding(true)
	service := new(restful.WebService).Path("/")
	service.Route(service.GET("/").To(func(req *restful.Request, resp *restful.Response) {
		h.ServeHTTP(resp, req.Request)
	}))
	return container.Add(service)
}

func measured(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		httpsnoop.CaptureMetrics(h, w, r)
	})
}

func gzHTTP(h http.Handler) http.Handler { return gzhttp.GzipHandler(h) }

func brotliAndZstd(h http.Handler) http.Handler {
	compress, err := httpcompression.DefaultAdapter()
	if err != nil {
		panic(err)
	}
	return compress(h)
}

func oneMinute(h http.Handler) http.Handler { return http.TimeoutHandler(h, time.Minute, "") }

// unwraps is a writer with no optional method except Unwrap.
type unwraps struct{ http.ResponseWriter }

func (u unwraps) Unwrap() http.ResponseWriter { return u.ResponseWriter }

func init() {
	gin.SetMode(gin.ReleaseMode)
	for name, middleware := range middlewares {
		inner := middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, assertable(w)+strings.Repeat("text ", 1000))
			_ = http.NewResponseController(w).Flush()
		}))
		writerUses["within "+name] = inner.ServeHTTP
	}
}

func useWriter(w http.ResponseWriter, r *http.Request) { writerUses[r.Header.Get("Use")](w, r) }

// requests are the uses of a writer, each with the values of Accept-Encoding with which it is
// tested.
func requests() (all []struct{ use, encoding string }) {
	compressible := []string{"text", "stream", "assertable", "hijack", "error"}
	for _, use := range slices.Sorted(maps.Keys(writerUses)) {
		encodings := []string{""}
		if slices.Contains(compressible, use) {
			encodings = []string{"", "gzip", "br", "zstd"}
		}
		for _, encoding := range encodings {
			all = append(all, struct{ use, encoding string }{use, encoding})
		}
	}
	return all
}

// writerType matches the writer's type in the message of a panic, which a wrapper changes.
var writerType = regexp.MustCompile(`(interface conversion:|response writer) (struct {.*}|\S+) (is not|does not)`)

var address = regexp.MustCompile(`127\.0\.0\.1:\d+`)

// errorLog collects what a server logs, without stacks, since a wrapper is in them.
type errorLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *errorLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	message, _, _ := bytes.Cut(p, []byte("\ngoroutine "))
	l.text.Write(bytes.TrimSpace(message))
	l.text.WriteByte('\n')
	return len(p), nil
}

func (l *errorLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// sendAll sends all requests to a server, and returns the responses and what the server logged.
func sendAll(t *testing.T, http2 bool, h http.Handler) string {
	t.Helper()
	var logged errorLog
	server := httptest.NewUnstartedServer(h)
	server.Config.ErrorLog = log.New(&logged, "", 0)
	server.EnableHTTP2 = http2
	if http2 {
		server.StartTLS()
	} else {
		server.Start()
	}
	defer server.Close()
	client := server.Client()
	client.Transport.(*http.Transport).DisableCompression = true
	client.Timeout = time.Minute

	var received strings.Builder
	for _, request := range requests() {
		req := spantest.Must(http.NewRequestWithContext(t.Context(), "GET", server.URL, nil))(t)
		req.Header.Set("Use", request.use)
		req.Header.Set("Accept-Encoding", request.encoding)
		fmt.Fprintf(&received, "%s %s: ", request.use, request.encoding)
		resp, err := client.Do(req)
		if err != nil {
			fmt.Fprintln(&received, errors.Unwrap(err))
			continue
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		resp.Header.Del("Date")
		fmt.Fprintf(&received, "%s %v %q %v\n", resp.Status, resp.Header, body, err)
	}
	server.Close()
	all := []string{received.String()}
	if !http2 { // over HTTP/2 a panic is logged after the client has continued, perhaps after the server was closed
		all = append(all, strings.SplitAfter(logged.String(), "\n")...)
	}
	for i := range all {
		all[i] = writerType.ReplaceAllString(address.ReplaceAllString(all[i], "ADDRESS"), "$1 WRITER $3")
	}
	slices.Sort(all[1:]) // a handler may log after the client has continued
	return strings.Join(all, "")
}

func TestMiddlewares(t *testing.T) {
	unsampled := spantest.Jaeger(t, false, nil)
	for name, middleware := range middlewares {
		for _, http2 := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/HTTP2 %v", name, http2), func(t *testing.T) {
				t.Parallel()
				handler := http.HandlerFunc(useWriter)
				raw := sendAll(t, http2, middleware(handler))
				for _, outside := range []bool{false, true} {
					send := func(tracer opentracing.Tracer) string {
						wrap := wrappedWith(tracer)
						if outside {
							return sendAll(t, http2, middleware(wrap(handler)))
						}
						return sendAll(t, http2, wrap(middleware(handler)))
					}
					if got := send(unsampled); got != raw {
						t.Errorf("middleware outside %v, not sampled: %s", outside, difference(raw, got))
					}
					sampled := spantest.NewTracer()
					if got := send(sampled); got != raw {
						t.Errorf("middleware outside %v, sampled: %s", outside, difference(raw, got))
					}
					if p := sampled.Problems(); p != nil && !http2 {
						t.Error(p)
					}
					if len(sampled.Spans()) == 0 {
						t.Errorf("middleware outside %v: no spans", outside)
					}
				}
			})
		}
	}
}

// difference returns the lines that differ.
func difference(raw, wrapped string) string {
	var b strings.Builder
	r, w := strings.Split(raw, "\n"), strings.Split(wrapped, "\n")
	for i := range max(len(r), len(w)) {
		var was, is string
		if i < len(r) {
			was = r[i]
		}
		if i < len(w) {
			is = w[i]
		}
		if was != is {
			fmt.Fprintf(&b, "\n  raw     %.700s\n  wrapped %.700s", was, is)
		}
	}
	return b.String()
}
