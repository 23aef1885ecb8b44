package nethttp_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
)

// serve runs h behind WrapHandler on a real server and returns what a request drew once the
// server has shut down.
func serve(t *testing.T, h http.HandlerFunc, use func(url string), opts ...gaptrace.Option) *spantest.Tracer {
	t.Helper()
	tracer := spantest.NewTracer()
	server := httptest.NewUnstartedServer(nethttp.WrapHandler(h, append(opts, gaptrace.WithTracer(tracer))...))
	server.Config.ErrorLog = quiet
	server.Start()
	use(server.URL)
	server.Close()
	if p := tracer.Problems(); p != nil {
		t.Error(p)
	}
	return tracer
}

func fetch(url string) {
	if resp, err := http.Get(url); err == nil {
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
}

func TestTheStatusIsTheAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		status  any
		failed  bool
	}{
		"implicit, nothing written": {func(http.ResponseWriter, *http.Request) {}, 200, false},
		"implicit, by Write":        {func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "x"); w.WriteHeader(500) }, 200, false},
		"implicit, by Flush":        {func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush() }, 200, false},
		"404":                       {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }, 404, false},
		"500":                       {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, 500, true},
		"103, then 404":             {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(103); w.WriteHeader(404) }, 404, false},
		"panic before an answer":    {func(http.ResponseWriter, *http.Request) { panic("oops") }, nil, true},
		"panic after one":           {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(201); panic("oops") }, 201, true},
		"panic after a text":        {func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "x"); panic("oops") }, 200, true},
		"panic after a file": {func(w http.ResponseWriter, _ *http.Request) {
			f, err := os.Open("doc.go")
			if err != nil {
				t.Error(err)
			}
			defer f.Close()
			io.Copy(w, f)
			panic("oops")
		}, 200, true},
		"no status, but then one": {func(w http.ResponseWriter, _ *http.Request) {
			defer func() {
				recover()
				w.WriteHeader(404)
			}()
			w.WriteHeader(1000)
		}, 404, false},
		"nothing copied, but then a status": {func(w http.ResponseWriter, _ *http.Request) {
			io.Copy(w, struct{ io.Reader }{strings.NewReader("")})
			w.WriteHeader(404)
		}, 404, false},
		"aborted": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			tracer := serve(t, c.handler, fetch)
			span := tracer.Named("HTTP GET")[0]
			if span.Tags["http.status_code"] != c.status || (span.Tags["error"] == true) != c.failed {
				t.Errorf("want status %v, failed %v; got\n%s", c.status, c.failed, tracer.Tree())
			}
		})
	}
}

func TestASlowClientIsNotTakenForWork(t *testing.T) {
	reading := make(chan bool)
	tracer := serve(t, func(w http.ResponseWriter, r *http.Request) {
		io.ReadFull(r.Body, make([]byte, 5))
		close(reading)
		io.Copy(io.Discard, r.Body)
		for range 400 { // more than the sockets' buffers take
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				t.Error(err)
			}
		}
	}, func(url string) {
		slow, feed := io.Pipe()
		go func() {
			io.WriteString(feed, "piece")
			<-reading
			time.Sleep(100 * time.Millisecond)
			io.WriteString(feed, "and the rest")
			feed.Close()
		}()
		resp, err := http.Post(url, "text/plain", slow)
		if err != nil {
			t.Error(err)
			return
		}
		time.Sleep(100 * time.Millisecond)
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	})
	server := tracer.Named("HTTP POST")[0]
	for operation, bytes := range map[string]int64{"HTTP POST read": 17, "HTTP POST write": 400 * 64 << 10} {
		calls := tracer.Named(operation)
		if len(calls) != 1 || calls[0].ParentID != server.ID || calls[0].Tags["bytes"] != bytes {
			t.Errorf("%s: got\n%s", operation, tracer.Tree())
			continue
		}
		if us := calls[0].Tags["wait.us"].(int64); us < 4000 {
			t.Errorf("%s: only %d µs", operation, us)
		}
	}
}

func TestAFastClientDrawsNothingBesideTheServersSpan(t *testing.T) {
	tracer := spantest.NewTracer()
	synctest.Test(t, func(t *testing.T) { // where working takes no time
		nethttp.WrapHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.Copy(w, r.Body)
		}), gaptrace.WithTracer(tracer)).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/", strings.NewReader("body")))
	})
	if n := len(tracer.Spans()); n != 1 {
		t.Errorf("%d spans", n)
	}
}

func TestTheHandlerFindsTheSpanAndTheMuxNamesIt(t *testing.T) {
	tracer := spantest.NewTracer()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /books/{id}", func(w http.ResponseWriter, r *http.Request) {
		span, _ := opentracing.StartSpanFromContextWithTracer(r.Context(), tracer, "work")
		span.Finish()
	})
	handler := nethttp.WrapHandler(mux, gaptrace.WithTracer(tracer))
	req := httptest.NewRequest("POST", "/books/7", nil)
	req.Header.Set("X-Request-Id", "2f0c")
	handler.ServeHTTP(httptest.NewRecorder(), req)
	wantTree(t, tracer.Tree(), `HTTP POST /books/{id} component=net/http guid:x-request-id=2f0c http.method=POST http.status_code=200 http.url=http://example.com/books/7 peer.hostname=192.0.2.1 peer.port=1234 span.kind=server
  work
`)
	if req.Pattern != "POST /books/{id}" {
		t.Errorf("those outside see the pattern %q", req.Pattern)
	}
}

func TestAnOperationHookSeesThePattern(t *testing.T) {
	tracer := spantest.NewTracer()
	mux := http.NewServeMux()
	mux.HandleFunc("/books/{id}", func(http.ResponseWriter, *http.Request) {})
	handler := nethttp.WrapHandler(mux, gaptrace.WithTracer(tracer), gaptrace.WithOperation(func(c gaptrace.Call) string {
		return "shop " + c.Request.(*http.Request).Pattern
	}))
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/books/7", nil))
	if got := tracer.Spans()[0].Operation; got != "shop /books/{id}" {
		t.Errorf("named %q", got)
	}
}

func TestAPanicOfTheHandlerGoesOn(t *testing.T) {
	boom := errors.New("boom")
	handler := nethttp.WrapHandler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(boom) }), gaptrace.WithTracer(spantest.NewTracer()))
	defer func() {
		if got := recover(); got != boom {
			t.Errorf("recovered %v", got)
		}
	}()
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
}

func TestAPanicOfTheHandlerWithNilGoesOn(t *testing.T) {
	t.Setenv("GODEBUG", "panicnil=1") // without it there is none
	tracer := spantest.NewTracer()
	handler := nethttp.WrapHandler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(any(nil)) }), gaptrace.WithTracer(tracer))
	returned := false
	func() {
		defer func() { _ = recover() }()
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
		returned = true
	}()
	if span := tracer.Spans()[0]; returned || span.Tags["error"] != true {
		t.Errorf("returned: %t, %v", returned, span.Tags)
	}
}

func TestFormFilesAreRemovedAfterTheRequest(t *testing.T) {
	var file atomic.Pointer[string]
	serve(t, func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseMultipartForm(1); err != nil {
			t.Error(err)
			return
		}
		f, err := r.MultipartForm.File["f"][0].Open()
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		name := f.(*os.File).Name()
		file.Store(&name)
	}, func(url string) {
		body := "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\n" + strings.Repeat("x", 11<<20) + "\r\n--b--\r\n"
		if _, err := http.Post(url, "multipart/form-data; boundary=b", strings.NewReader(body)); err != nil {
			t.Error(err)
		}
	})
	if _, err := os.Stat(*file.Load()); !os.IsNotExist(err) {
		t.Errorf("%s is still there", *file.Load())
	}
}

func TestTrailersOfTheRequestReachTheHandler(t *testing.T) {
	for _, sampled := range []bool{true, false} {
		got := make(chan http.Header, 1)
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			got <- r.Trailer
		})
		server := httptest.NewServer(nethttp.WrapHandler(h, gaptrace.WithTracer(jaegerTracer(t, sampled))))
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Sum: 7\r\n\r\n")
		if trailer := <-got; trailer.Get("X-Sum") != "7" {
			t.Errorf("sampled %v: trailer %v", sampled, trailer)
		}
		conn.Close()
		server.Close()
	}
}

func TestFilesAreSentByTheInnerWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("contents"), 0o600); err != nil {
		t.Fatal(err)
	}
	inner := &readerFrom{ResponseRecorder: httptest.NewRecorder()}
	handler := nethttp.WrapHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, path)
		io.Copy(w, strings.NewReader(", and more")) // no file: read here
	}), gaptrace.WithTracer(spantest.NewTracer()))
	handler.ServeHTTP(inner, httptest.NewRequest("GET", "/", nil))
	if got := inner.Body.String(); got != "contents, and more" || inner.files != 1 {
		t.Errorf("got %q, %d sources read by the inner writer", got, inner.files)
	}
}

type readerFrom struct {
	*httptest.ResponseRecorder
	files int
}

// ReadFrom counts what the kernel could copy, as package net tells it.
func (r *readerFrom) ReadFrom(src io.Reader) (int64, error) {
	inner := src
	if limited, ok := src.(*io.LimitedReader); ok {
		inner = limited.R
	}
	if _, ok := inner.(syscall.Conn); ok {
		r.files++
	}
	return io.Copy(r.Body, src)
}

func TestFlusherAndHijackerAreExactlyTheInnerOnes(t *testing.T) {
	type plain struct{ http.ResponseWriter }
	type flushes struct {
		http.ResponseWriter
		http.Flusher
	}
	type hijacks struct {
		http.ResponseWriter
		http.Hijacker
	}
	type both struct {
		http.ResponseWriter
		http.Flusher
		http.Hijacker
	}
	rec := httptest.NewRecorder()
	for _, inner := range []http.ResponseWriter{plain{rec}, flushes{rec, rec}, hijacks{rec, noHijack{}}, both{rec, rec, noHijack{}}} {
		shape := func(w http.ResponseWriter) string {
			_, flush := w.(http.Flusher)
			_, hijack := w.(http.Hijacker)
			return fmt.Sprint("flush ", flush, " hijack ", hijack, " by controller ", errors.Is(http.NewResponseController(w).Flush(), http.ErrNotSupported))
		}
		var got string
		nethttp.WrapHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { got = shape(w) }), gaptrace.WithTracer(spantest.NewTracer())).
			ServeHTTP(inner, httptest.NewRequest("GET", "/", nil))
		if want := shape(inner); got != want {
			t.Errorf("%T: raw %s, wrapped %s", inner, want, got)
		}
	}
}

type noHijack struct{}

func (noHijack) Hijack() (net.Conn, *bufio.ReadWriter, error) { return nil, nil, http.ErrNotSupported }

func TestControllersReachTheConnection(t *testing.T) {
	serve(t, func(w http.ResponseWriter, _ *http.Request) {
		c := http.NewResponseController(w)
		if err := errors.Join(c.SetReadDeadline(time.Now().Add(time.Hour)), c.SetWriteDeadline(time.Now().Add(time.Hour)), c.Flush(), c.EnableFullDuplex()); err != nil {
			t.Error(err)
		}
	}, fetch)
}

func TestAFilteredRequestIsServedRaw(t *testing.T) {
	rec := httptest.NewRecorder()
	nethttp.WrapHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if w != http.ResponseWriter(rec) {
			t.Errorf("the handler got a %T", w)
		}
	}), gaptrace.WithRoots(), gaptrace.WithFilter(func(c gaptrace.Call) bool { return c.Request.(*http.Request).URL.Path != "/health" })).
		ServeHTTP(rec, httptest.NewRequest("GET", "/health", nil))
}

func TestWhateverTheTracerDoesTheRequestIsServed(t *testing.T) {
	inner := spantest.NewTracer()
	for name, tracer := range spantest.Hostile(inner) {
		t.Run(name, func(t *testing.T) {
			inner.Reset()
			server := httptest.NewServer(nethttp.WrapHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(http.StatusTeapot)
				io.Copy(w, r.Body)
			}), gaptrace.WithTracer(tracer)))
			parent := inner.StartSpan("parent")
			req, _ := http.NewRequestWithContext(opentracing.ContextWithSpan(t.Context(), parent), "POST", server.URL, strings.NewReader("echo"))
			client := nethttp.WrapClient(server.Client(), gaptrace.WithTracer(tracer))
			resp, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			if string(body) != "echo" || err != nil || resp.StatusCode != http.StatusTeapot {
				t.Errorf("%d %q %v", resp.StatusCode, body, err)
			}
			resp.Body.Close()
			server.Close()
			parent.Finish()
			for _, p := range inner.Problems() {
				if !strings.Contains(p, "foreign context") {
					t.Error(p)
				}
			}
		})
	}
}

func TestADeferredTraceIsJoinedAndAMalformedContextIsALogOnTheServersSpan(t *testing.T) {
	r := tracer.NewRecorder(1)
	ours, closer, err := tracer.New("test", tracer.WithRecorder(r))
	if err != nil {
		t.Fatal(err)
	}
	defer closer.Close()
	serveHostile(t, ours, "B3", "463ac35c9f6413ad-1")
	if span := r.Traces()[0][1]; len(span.References) != 1 || span.References[0].SpanID != 1 || !strings.Contains(fmt.Sprint(span.Tags), "{http.status_code 418}") {
		t.Errorf("of a deferred trace, the server's span is %v", span)
	}
	serveHostile(t, ours, "B3", "rubbish")
	for _, span := range r.Traces()[0] {
		if len(span.References) == 0 && len(span.Logs) == 1 && strings.Contains(fmt.Sprint(span.Logs[0].Fields), `b3: "rubbish": want `) {
			return
		}
	}
	t.Errorf("got %v", r.Traces())
}

func FuzzHostileHeaders(f *testing.F) {
	f.Add("uber-trace-id", "1:2:3:ff")
	f.Add("jaeger-debug-id", "x")
	f.Add("uberctx-k", "v")
	f.Add("x-b3-traceid", strings.Repeat("f", 33))
	f.Add("x-b3-flags", "1")
	ours, closer, err := tracer.New("test", tracer.WithRecorder(tracer.NewRecorder(1)))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { closer.Close() })
	theirs := jaegerTracer(f, true)
	f.Fuzz(func(t *testing.T, key, value string) {
		for _, tracer := range []opentracing.Tracer{ours, theirs} {
			serveHostile(t, tracer, key, value)
		}
	})
}

func serveHostile(t *testing.T, tracer opentracing.Tracer, key, value string) {
	handler := nethttp.WrapHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rt := nethttp.Wrap(roundTripper(func(*http.Request) (*http.Response, error) { return &http.Response{StatusCode: 200}, nil }), gaptrace.WithTracer(tracer))
		if _, err := rt.RoundTrip(get(r.Context(), "http://example.com/")); err != nil {
			t.Error(err)
		}
		w.WriteHeader(http.StatusTeapot)
	}), gaptrace.WithTracer(tracer))
	req := httptest.NewRequestWithContext(context.Background(), "GET", "/", nil)
	req.Header[http.CanonicalHeaderKey(key)] = []string{value}
	req.Header["X-B3-Spanid"] = []string{value}
	rec := httptest.NewRecorder()
	handler.ServeHTTP(rec, req)
	if rec.Code != http.StatusTeapot {
		t.Errorf("answered %d", rec.Code)
	}
}

func TestAStrangersRequestCostsInProportionToItsLength(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	many := http.Header{}
	for i := range 20_000 {
		many[fmt.Sprintf("Uberctx-%d", i)] = []string{"a value of some length"}
	}
	for name, request := range map[string]*http.Request{
		"baggage":            {Header: many},
		"a list of baggage":  {Header: http.Header{"Jaeger-Baggage": {strings.Repeat("k=v,", 1<<18)}}},
		"a long value":       {Header: http.Header{"Uberctx-K": {long}}},
		"a long trace id":    {Header: http.Header{"Uber-Trace-Id": {strings.Repeat("1:", 1<<19)}}},
		"a long id of B3":    {Header: http.Header{"X-B3-Traceid": {strings.Repeat("f", 1<<20)}, "X-B3-Spanid": {"1"}}},
		"a long debug id":    {Header: http.Header{"Jaeger-Debug-Id": {long}}},
		"a long request id":  {Header: http.Header{"X-Request-Id": {long}}},
		"a long query":       {URL: &url.URL{Path: "/", RawQuery: strings.Repeat("a=http%3A//x/?", 1<<16)}},
		"a long path":        {URL: &url.URL{Path: "/" + strings.Repeat(";a=http://x", 1<<16)}},
		"a long method":      {Method: long},
		"a long host":        {Host: long},
		"a long client name": {RemoteAddr: long + ":80"},
	} {
		t.Run(name, func(t *testing.T) {
			recorder := tracer.NewRecorder(1)
			tr, closer, err := tracer.New("test", tracer.WithRecorder(recorder))
			if err != nil {
				t.Fatal(err)
			}
			defer closer.Close()
			handler := nethttp.WrapHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }), gaptrace.WithTracer(tr))
			rec := httptest.NewRecorder()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			handler.ServeHTTP(rec, request.WithContext(t.Context()))
			runtime.ReadMemStats(&after)
			if bytes := after.TotalAlloc - before.TotalAlloc; bytes > 16<<20 || rec.Code != 204 {
				t.Errorf("%d bytes allocated, answered %d", bytes, rec.Code)
			}
			kept := 0
			for _, tag := range recorder.Traces()[0][0].Tags {
				s, _ := tag.Value.(string)
				kept += len(s)
			}
			if kept > 64<<10 {
				t.Errorf("the span keeps %d bytes", kept)
			}
		})
	}
}
