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
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gaptrace/gaptrace/wrap/wraptest"
)

// TestTransparent observes every handler with every request, over every protocol, raw and wrapped.
func TestTransparent(t *testing.T) {
	for protocol := range protocols {
		for handlerName, handler := range handlers {
			for requestName, build := range requests {
				if handlerName == "both ways at once" && requestName == "POST, expecting 100" {
					continue // a server that has responded sends no 100, so raw and wrapped wait
				}
				t.Run(protocol+"/"+handlerName+"/"+requestName, func(t *testing.T) {
					t.Parallel()
					tracer, ctx, parent := spantest.Under(t)
					ctx, cancel := context.WithTimeout(ctx, time.Minute)
					defer cancel()
					traced := gaptrace.WithTracer(tracer)
					wrap := func(rt http.RoundTripper) http.RoundTripper {
						return nethttp.Wrap(rt, traced, gaptrace.WithPhases())
					}
					raw := observe(t, protocol, handler, same, ctx, build)
					wrapped := observe(t, protocol, nethttp.WrapHandler(handler, traced), wrap, ctx, build)
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

// TestTransparentInEachSituation observes a client with tracers and options that misbehave.
func TestTransparentInEachSituation(t *testing.T) {
	wraptest.Compare(t, func(t *testing.T, ctx context.Context, opts ...gaptrace.Option) string {
		wrap := same
		if opts != nil {
			wrap = func(rt http.RoundTripper) http.RoundTripper { return nethttp.Wrap(rt, opts...) }
		}
		var seen strings.Builder
		for _, handler := range []string{"echo with trailers", "redirect", "truncated", "hang up"} {
			for _, request := range []string{"POST", "POST, chunked, with trailers", "upgrade", "cancelled"} {
				fmt.Fprintf(&seen, "%s, %s:\n%s\n", handler, request,
					observe(t, "HTTP/1.1", handlers[handler], wrap, ctx, requests[request]))
			}
		}
		return seen.String()
	})
}

func same(rt http.RoundTripper) http.RoundTripper { return rt }

// handlers are what a server may do.
var handlers = map[string]http.HandlerFunc{
	"nothing":            drained(func(http.ResponseWriter, *http.Request) {}),
	"text":               describeRequest,
	"echo with trailers": echoWithTrailers,
	"not modified":       drained(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(304) }),
	"early hints":        drained(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(103); w.WriteHeader(202) }),
	"server error": drained(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no", http.StatusBadGateway)
	}),
	"redirect": drained(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/elsewhere?x=1", http.StatusSeeOther)
	}),
	"truncated":         truncated,
	"too much":          tooMuch,
	"hang up":           drained(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }),
	"panic":             drained(func(http.ResponseWriter, *http.Request) { panic("handler") }),
	"writer":            drained(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, interfaces(w)) }),
	"through a mux":     drained(mux().ServeHTTP),
	"file":              drained(func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, "doc.go") }),
	"reader":            drained(copyReader),
	"both ways at once": bothWaysAtOnce,
	"hijacked":          drained(hijacked),
	"form":              readForm,

	"superfluous":                           drained(superfluous),
	"superfluous, after a status":           drained(superfluousStatus),
	"superfluous, after a copy that failed": drained(superfluousAfterCopy),
}

// drained reads the request's body before h. A body that is not read may or may not have been sent
// when the response comes. If the client expects 100, both sides would wait for each other.
func drained(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		h(w, r)
	}
}

func describeRequest(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	fmt.Fprintf(w, "%s %s %v %v", r.Method, r.URL, r.ContentLength, r.TransferEncoding)
}

func echoWithTrailers(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Trailer", "X-Sum")
	io.Copy(w, r.Body)
	w.Header().Set("X-Sum", fmt.Sprint(r.Trailer.Get("X-Sent")))
}

func truncated(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Length", "9")
	io.WriteString(w, "x")
}

func tooMuch(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Length", "1")
	_, err := io.WriteString(w, "xy")
	fmt.Fprint(w, err)
}

func superfluous(w http.ResponseWriter, _ *http.Request) {
	io.WriteString(w, "x")
	w.WriteHeader(http.StatusInternalServerError)
}

func superfluousStatus(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusNotFound)
	http.Error(w, "again", http.StatusInternalServerError)
	w.WriteHeader(http.StatusEarlyHints)
}

func superfluousAfterCopy(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1")
	io.Copy(w, opaque(strings.NewReader("two")))
	w.WriteHeader(http.StatusInternalServerError)
}

func copyReader(w http.ResponseWriter, _ *http.Request) {
	n, err := io.Copy(w, opaque(strings.NewReader(strings.Repeat("<html>", 9000))))
	fmt.Fprint(w, n, err)
}

func bothWaysAtOnce(w http.ResponseWriter, r *http.Request) {
	err := http.NewResponseController(w).EnableFullDuplex()
	io.WriteString(w, "first")
	w.(http.Flusher).Flush()
	body, readErr := io.ReadAll(r.Body)
	fmt.Fprint(w, err, string(body), readErr)
}

func hijacked(w http.ResponseWriter, _ *http.Request) {
	conn, buf, err := http.NewResponseController(w).Hijack()
	if err != nil {
		fmt.Fprint(w, err)
		return
	}
	defer conn.Close()
	buf.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
	fmt.Fprint(buf, "to ", reflect.TypeOf(conn))
	w.WriteHeader(http.StatusOK) // net/http logs who uses a writer after Hijack
	_, err = w.Write([]byte("x"))
	_, again := io.WriteString(w, "x")
	fmt.Fprint(buf, err, again)
	buf.Flush()
}

func readForm(w http.ResponseWriter, r *http.Request) {
	fmt.Fprint(w, r.FormValue("k"), r.FormValue("q"), r.ParseMultipartForm(1))
	io.Copy(io.Discard, r.Body) // the body of another type was not read
}

func mux() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{rest...}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.PathValue("rest"), r.Pattern)
	})
	return mux
}

// requests are what a client may send.
var requests = map[string]func(ctx context.Context, url string) *http.Request{
	"GET":                          get,
	"HEAD":                         head,
	"POST":                         postForm,
	"POST, chunked, with trailers": postWithTrailers,
	"POST, expecting 100":          postExpecting,
	"POST of nothing":              postNothing,
	"part":                         getPart,
	"upgrade":                      getUpgrade,
	"cancelled":                    getCancelled,
}

func head(ctx context.Context, url string) *http.Request {
	r := get(ctx, url)
	r.Method = "HEAD"
	return r
}

func postForm(ctx context.Context, url string) *http.Request {
	r := post(ctx, url+"/form?q=1", strings.NewReader("k=v"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func postWithTrailers(ctx context.Context, url string) *http.Request {
	r := post(ctx, url, io.NopCloser(strings.NewReader("stream")))
	r.Trailer = http.Header{"X-Sent": {"sent"}}
	return r
}

func postExpecting(ctx context.Context, url string) *http.Request {
	r := post(ctx, url, strings.NewReader("body"))
	r.Header.Set("Expect", "100-continue")
	return r
}

func postNothing(ctx context.Context, url string) *http.Request { return post(ctx, url, http.NoBody) }

func getPart(ctx context.Context, url string) *http.Request {
	r := get(ctx, url)
	r.Header.Set("Range", "bytes=10-19")
	return r
}

func getUpgrade(ctx context.Context, url string) *http.Request {
	r := get(ctx, url)
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", "x")
	return r
}

func getCancelled(ctx context.Context, url string) *http.Request {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	return get(ctx, url)
}

func post(ctx context.Context, url string, body io.Reader) *http.Request {
	r, err := http.NewRequestWithContext(ctx, "POST", url, body)
	if err != nil {
		panic(err)
	}
	return r
}

var reuse = regexp.MustCompile(`, reused \w+|connections \d+`)

// observe describes all that a caller, a server, and a middleware outside of a handler can see of a
// request. It sends the request up to three times; before the last it closes idle connections.
func observe(
	t *testing.T, protocol string, handler http.Handler, wrap func(http.RoundTripper) http.RoundTripper,
	ctx context.Context, build func(context.Context, string) *http.Request,
) string {
	var onServer serverView
	var serverLog sharedBuffer
	server, transport := startWith(t, protocol, onServer.around(handler), func(c *http.Server) {
		c.ErrorLog = log.New(&serverLog, "", 0)
	})
	transport.ExpectContinueTimeout = 50 * time.Millisecond
	client := &http.Client{Transport: wrap(transport)}
	var onClient bytes.Buffer
	err := observeOnce(&onClient, client, build(ctx, server.URL))
	if err == nil {
		err = observeOnce(&onClient, client, build(ctx, server.URL))
	}
	// Over HTTP/2, a stream may have ended for its caller but not for its connection, which then is
	// not idle.
	if err == nil && !protocols[protocol].http2 {
		client.CloseIdleConnections()
		_ = observeOnce(&onClient, client, build(ctx, server.URL))
	}
	client.CloseIdleConnections()
	transport.CloseIdleConnections() // which a mutant may have lost
	server.finish()                  // so that all has been logged
	logged, _, _ := strings.Cut(serverLog.String(), "goroutine ")
	if protocols[protocol].http2 {
		logged = "" // a panic is logged some time after the handler has returned
	}
	seen := fmt.Sprintf("%s%sconnections %d, server's log %q",
		&onClient, &onServer.seen, len(onServer.connections), anonymous(logged))
	if strings.Contains(seen, "Expect[100-continue]") {
		// net/http reuses the connection only if it has sent the body when the response comes.
		seen = reuse.ReplaceAllString(seen, "")
	}
	return strings.ReplaceAll(seen, server.Listener.Addr().String(), "SERVER")
}

// serverView describes the requests of a server, as a middleware sees them after the handler.
type serverView struct {
	mu          sync.Mutex
	seen        bytes.Buffer
	connections map[string]bool // those with a request: net/http may dial another one and not use it
}

func (v *serverView) around(handler http.Handler) http.Handler {
	v.connections = map[string]bool{}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		headers := slices.Sorted(func(yield func(string) bool) {
			for k := range r.Header {
				if !strings.HasPrefix(k, "Spantest-") && !yield(fmt.Sprint(k, r.Header[k])) {
					return
				}
			}
		})
		defer func() {
			v.mu.Lock()
			defer v.mu.Unlock()
			v.connections[r.RemoteAddr] = true
			fmt.Fprintf(&v.seen, "server: %s %s %v %v %v pattern %q of %q form %v\n", r.Method, r.URL, headers,
				r.ContentLength, r.TransferEncoding, r.Pattern, r.PathValue("rest"), r.PostForm)
		}()
		handler.ServeHTTP(w, r)
	})
}

// observeOnce sends the request and describes what the caller sees.
func observeOnce(out *bytes.Buffer, client *http.Client, req *http.Request) error {
	header := fmt.Sprint(req.Header)
	var traced []string // by the caller's own httptrace
	req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		GotConn: func(i httptrace.GotConnInfo) { traced = append(traced, fmt.Sprint("conn, reused ", i.Reused)) },
		Got1xxResponse: func(code int, _ textproto.MIMEHeader) error {
			traced = append(traced, strconv.Itoa(code))
			return nil
		},
		GotFirstResponseByte: func() { traced = append(traced, "first byte") },
	}))
	resp, err := client.Do(req)
	var bodyErr error
	if err != nil {
		fmt.Fprintf(out, "error: %T %v\n", err, err)
	} else {
		_, writes := resp.Body.(io.Writer)
		var body []byte
		body, bodyErr = io.ReadAll(resp.Body)
		_, again := resp.Body.Read(make([]byte, 1))
		resp.Header.Del("Date")
		fmt.Fprintf(out, "client: %s %v %q, error %T %v, read again %v, close %v, ",
			resp.Status, resp.Header, body, bodyErr, bodyErr, again, resp.Body.Close())
		fmt.Fprintf(out, "trailer %v, length %d, uncompressed %v, writes %v\n",
			resp.Trailer, resp.ContentLength, resp.Uncompressed, writes)
		fmt.Fprintf(out, "request: %s, its own %v\n", resp.Request.URL, resp.Request.Header)
	}
	fmt.Fprintf(out, "traced %v\n", traced)
	if after := fmt.Sprint(req.Header); after != header {
		fmt.Fprintf(out, "the request's headers were %s, are %s\n", header, after)
	}
	return cmp.Or(err, bodyErr)
}

// sharedBuffer is a buffer for goroutines that may still write when the test reads it.
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
	return fmt.Sprint(assertable(w), push, c.Flush(),
		c.SetReadDeadline(time.Time{}), c.SetWriteDeadline(time.Time{}), c.EnableFullDuplex())
}
