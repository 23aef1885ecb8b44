package nethttp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
)

func TestServerSpan(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /books/{id}", func(_ http.ResponseWriter, r *http.Request) {
		span := opentracing.SpanFromContext(r.Context())
		span.Tracer().StartSpan("work", opentracing.ChildOf(span.Context())).Finish()
	})
	req := httptest.NewRequest("POST", "/books/7", nil)
	req.Header.Set("X-Request-Id", "2f0c")
	tracer := handle(httptest.NewRecorder(), req, mux.ServeHTTP)
	spantest.WantTree(t, tracer, "HTTP POST /books/{id} component=net/http guid:x-request-id=2f0c"+
		" http.method=POST http.status_code=200 http.url=http://example.com/books/7"+
		" peer.hostname=192.0.2.1 peer.port=1234 span.kind=server\n  work\n")
	if req.Pattern != "POST /books/{id}" {
		t.Errorf("a middleware outside sees the pattern %q", req.Pattern)
	}
}

func TestServerSpanOfHTTPS(t *testing.T) {
	tracer, resp, _ := serveOver(t, "HTTP/2", http.NotFound)
	u := tracer.Spans()[0].Tags["http.url"].(string)
	if !strings.HasPrefix(u, "https://127.0.0.1:") || resp.ProtoMajor != 2 {
		t.Errorf("%s over %s", u, resp.Proto)
	}
}

func TestServerSpanWithoutURL(t *testing.T) {
	tracer := handle(httptest.NewRecorder(), &http.Request{}, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
	})
	if tree := tracer.Tree(); !strings.Contains(tree, "http.status_code=204") {
		t.Error(tree)
	}
}

func TestServerStatus(t *testing.T) {
	panicAfterFile := func(w http.ResponseWriter, _ *http.Request) {
		f, err := os.Open("doc.go")
		if err != nil {
			t.Error(err)
		}
		defer f.Close()
		io.Copy(w, f)
		panic("oops")
	}
	invalidThen404 := func(w http.ResponseWriter, _ *http.Request) {
		panicOf(func() { w.WriteHeader(1000) })
		w.WriteHeader(404)
	}
	emptyCopyThen404 := func(w http.ResponseWriter, _ *http.Request) {
		io.Copy(w, opaque(strings.NewReader("")))
		w.WriteHeader(404)
	}
	write := func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "x") }
	flush := func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush() }
	status := func(codes ...int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for _, code := range codes {
				w.WriteHeader(code)
			}
		}
	}
	then := func(first http.HandlerFunc, second func(w http.ResponseWriter)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			first(w, r)
			second(w)
		}
	}
	error500 := func(w http.ResponseWriter) { w.WriteHeader(500) }
	panics := func(http.ResponseWriter) { panic("oops") }
	aborts := func(http.ResponseWriter) { panic(http.ErrAbortHandler) }
	exits := func(http.ResponseWriter) { runtime.Goexit() }
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		status  any
		failed  bool
	}{
		"nothing":              {status(), 200, false},
		"Write, then 500":      {then(write, error500), 200, false},
		"Flush":                {flush, 200, false},
		"404":                  {status(404), 404, false},
		"500":                  {status(500), 500, true},
		"103, then 404":        {status(103, 404), 404, false},
		"invalid, then 404":    {invalidThen404, 404, false},
		"empty copy, then 404": {emptyCopyThen404, 404, false},
		"panic":                {then(status(), panics), nil, true},
		"201, then panic":      {then(status(201), panics), 201, true},
		"Write, then panic":    {then(write, panics), 200, true},
		"file, then panic":     {panicAfterFile, 200, true},
		"http.ErrAbortHandler": {then(status(), aborts), nil, false},
		"runtime.Goexit":       {then(status(), exits), nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			tracer := serve(t, c.handler, fetch)
			span := tracer.Only(t, "HTTP GET")
			if span.Tags["http.status_code"] != c.status || (span.Tags["error"] == true) != c.failed {
				t.Errorf("want status %v, failed %v; got\n%s", c.status, c.failed, tracer.Tree())
			}
		})
	}
}

func TestServerStatusOver2(t *testing.T) {
	tracer, resp, _ := serveOver(t, "HTTP/2", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusSwitchingProtocols) // no final status of HTTP/2
		w.WriteHeader(http.StatusNotFound)
	})
	if status := tracer.Only(t, "HTTP GET").Tags["http.status_code"]; status != resp.StatusCode {
		t.Errorf("answered %d, recorded %v", resp.StatusCode, status)
	}
}

func TestServerWaits(t *testing.T) {
	reading := make(chan bool)
	handler := func(w http.ResponseWriter, r *http.Request) {
		io.ReadFull(r.Body, make([]byte, 5))
		close(reading)
		io.Copy(io.Discard, r.Body)
		for range 400 { // more than the sockets' buffers hold
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				t.Error(err)
			}
		}
	}
	slowClient := func(url string) {
		body, feed := io.Pipe()
		go func() {
			io.WriteString(feed, "piece")
			<-reading
			time.Sleep(100 * time.Millisecond)
			io.WriteString(feed, "and the rest")
			feed.Close()
		}()
		resp, err := http.Post(url, "text/plain", body)
		if err != nil {
			t.Error(err)
			return
		}
		time.Sleep(100 * time.Millisecond)
		_ = readAndClose(resp, nil)
	}
	tracer := serve(t, handler, slowClient)
	server := tracer.Only(t, "HTTP POST")
	for operation, bytes := range map[string]int64{"HTTP POST read": 17, "HTTP POST write": 400 * 64 << 10} {
		calls := tracer.Named(operation)
		if len(calls) != 1 || calls[0].ParentID != server.ID || calls[0].Tags["bytes"] != bytes {
			t.Errorf("%s: got\n%s", operation, tracer.Tree())
			continue
		}
		us, several := calls[0].Tags["wait.us"].(int64)
		if !several {
			us = calls[0].Duration().Microseconds()
		}
		if us < 4000 {
			t.Errorf("%s: only %d µs", operation, us)
		}
	}
}

func TestServerWithoutWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // where work takes no time
		req := httptest.NewRequest("POST", "/", strings.NewReader("body"))
		tracer := handle(httptest.NewRecorder(), req, func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) })
		if n := len(tracer.Spans()); n != 1 {
			t.Errorf("%d spans", n)
		}
	})
}

// slowWrites takes a second to start the span of a wait.
type slowWrites struct{ *spantest.Tracer }

func (t slowWrites) StartSpan(operation string, opts ...opentracing.StartSpanOption) opentracing.Span {
	if strings.Contains(operation, " write") {
		time.Sleep(time.Second)
	}
	return t.Tracer.StartSpan(operation, opts...)
}

func TestServerEndsBeforeItsWaitsAreRecorded(t *testing.T) {
	tracer := spantest.NewTracer()
	synctest.Test(t, func(t *testing.T) {
		slowClient := writerFunc(func(p []byte) (int, error) {
			time.Sleep(time.Millisecond)
			return len(p), nil
		})
		nethttp.WrapHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "one")
			time.Sleep(time.Millisecond)
			io.WriteString(w, "two")
		}), gaptrace.WithTracer(slowWrites{tracer})).ServeHTTP(slowClient, newGet())
	})
	spans := tracer.Spans()
	if len(spans) != 3 {
		t.Fatalf("%d spans, want the server's and two waits:\n%s", len(spans), tracer.Tree())
	}
	for _, span := range spans {
		want := time.Millisecond
		if !span.IsWait() {
			want = 3 * time.Millisecond
		}
		if span.Duration() != want {
			t.Errorf("%q took %v, want %v", span.Operation, span.Duration(), want)
		}
	}
}

// writerFunc is a ResponseWriter without optional methods.
type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
func (writerFunc) Header() http.Header           { return http.Header{} }
func (writerFunc) WriteHeader(int)               {}

func TestServerOperationHook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mux := http.NewServeMux()
		mux.HandleFunc("/books/{id}", func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) })
		hook := gaptrace.WithOperation(func(c gaptrace.Call) string {
			return "shop " + c.Request.(*http.Request).Pattern
		})
		req := httptest.NewRequest("POST", "/books/7", &slowBody{1})
		tracer := handle(httptest.NewRecorder(), req, mux.ServeHTTP, hook)
		tracer.Only(t, "shop /books/{id}")
		tracer.Only(t, "shop /books/{id} read")
	})
}

func TestServerPanicPassesOn(t *testing.T) {
	boom := errors.New("boom")
	panics := nethttp.WrapHandler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(boom) }),
		gaptrace.WithTracer(spantest.NewTracer()))
	if got := panicOf(func() { panics.ServeHTTP(httptest.NewRecorder(), newGet()) }); got != boom {
		t.Errorf("recovered %v", got)
	}
}

func TestServerNilPanicPassesOn(t *testing.T) {
	t.Setenv("GODEBUG", "panicnil=1") // without it Go has no such panic
	tracer := spantest.NewTracer()
	panics := nethttp.WrapHandler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(any(nil)) }),
		gaptrace.WithTracer(tracer))
	returned := false
	panicOf(func() {
		panics.ServeHTTP(httptest.NewRecorder(), newGet())
		returned = true
	})
	if span := tracer.Spans()[0]; returned || span.Tags["error"] != true {
		t.Errorf("returned: %t, %v", returned, span.Tags)
	}
}

func TestServerFilter(t *testing.T) {
	rec := httptest.NewRecorder()
	noHealth := gaptrace.WithFilter(func(c gaptrace.Call) bool {
		return c.Request.(*http.Request).URL.Path != "/health"
	})
	tracer := handle(rec, httptest.NewRequest("GET", "/health", nil), func(w http.ResponseWriter, _ *http.Request) {
		if w != http.ResponseWriter(rec) {
			t.Errorf("the handler got a %T", w)
		}
	}, noHealth, gaptrace.WithRoots())
	if len(tracer.Spans()) != 0 {
		t.Error(tracer.Tree())
	}
}

func TestServerWithHostileTracer(t *testing.T) {
	inner := spantest.NewTracer()
	for name, tracer := range spantest.Hostile(inner) {
		t.Run(name, func(t *testing.T) {
			inner.Reset()
			server := httptest.NewServer(nethttp.WrapHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(http.StatusTeapot)
				io.Copy(w, r.Body)
			}), gaptrace.WithTracer(tracer)))
			parent := inner.StartSpan("parent")
			ctx := opentracing.ContextWithSpan(t.Context(), parent)
			req := spantest.Must(http.NewRequestWithContext(ctx, "POST", server.URL, strings.NewReader("echo")))(t)
			client := nethttp.WrapClient(server.Client(), gaptrace.WithTracer(tracer))
			resp := spantest.Must(client.Do(req))(t)
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

func TestServerContextFromHeaders(t *testing.T) {
	r := tracer.NewRecorder(1)
	ours, closer, err := tracer.New("test", tracer.WithRecorder(r))
	if err != nil {
		t.Fatal(err)
	}
	defer closer.Close()

	serveHostile(t, ours, "B3", "463ac35c9f6413ad-1") // ids without a decision to sample
	span := r.Traces()[0][1]
	if len(span.References) != 1 || span.References[0].SpanID != 1 ||
		!strings.Contains(fmt.Sprint(span.Tags), "{http.status_code 418}") {
		t.Errorf("the trace is not joined by %v", span)
	}

	serveHostile(t, ours, "B3", "rubbish")
	for _, span := range r.Traces()[0] {
		if len(span.References) == 0 && len(span.Logs) == 1 &&
			strings.Contains(fmt.Sprint(span.Logs[0].Fields), `b3: "rubbish": want `) {
			return
		}
	}
	t.Errorf("a malformed header is not logged: %v", r.Traces())
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
	theirs := spantest.Jaeger(f, true, nil)
	f.Fuzz(func(t *testing.T, key, value string) {
		for _, tracer := range []opentracing.Tracer{ours, theirs} {
			serveHostile(t, tracer, key, value)
		}
	})
}

// serveHostile serves a request with that header. The handler sends another request.
func serveHostile(t *testing.T, tracer opentracing.Tracer, key, value string) {
	traced := gaptrace.WithTracer(tracer)
	handler := nethttp.WrapHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rt := nethttp.Wrap(always(200), traced)
		if _, err := rt.RoundTrip(get(r.Context(), "http://example.com/")); err != nil {
			t.Error(err)
		}
		w.WriteHeader(http.StatusTeapot)
	}), traced)
	req := httptest.NewRequestWithContext(context.Background(), "GET", "/", nil)
	req.Header[http.CanonicalHeaderKey(key)] = []string{value}
	req.Header["X-B3-Spanid"] = []string{value}
	rec := httptest.NewRecorder()
	handler.ServeHTTP(rec, req)
	if rec.Code != http.StatusTeapot {
		t.Errorf("answered %d", rec.Code)
	}
}

func TestServerMemoryIsBounded(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	many := http.Header{}
	for i := range 20_000 {
		many[fmt.Sprintf("Uberctx-%d", i)] = []string{"a value of some length"}
	}
	for name, request := range map[string]*http.Request{
		"baggage":           {Header: many},
		"list of baggage":   {Header: http.Header{"Jaeger-Baggage": {strings.Repeat("k=v,", 1<<18)}}},
		"long value":        {Header: http.Header{"Uberctx-K": {long}}},
		"long trace id":     {Header: http.Header{"Uber-Trace-Id": {strings.Repeat("1:", 1<<19)}}},
		"long id of B3":     {Header: http.Header{"X-B3-Traceid": {strings.Repeat("f", 1<<20)}, "X-B3-Spanid": {"1"}}},
		"long debug id":     {Header: http.Header{"Jaeger-Debug-Id": {long}}},
		"long request id":   {Header: http.Header{"X-Request-Id": {long}}},
		"long query":        {URL: &url.URL{Path: "/", RawQuery: strings.Repeat("a=http%3A//x/?", 1<<16)}},
		"long path":         {URL: &url.URL{Path: "/" + strings.Repeat(";a=http://x", 1<<16)}},
		"long method":       {Method: long},
		"long host":         {Host: long},
		"long peer address": {RemoteAddr: long + ":80"},
	} {
		t.Run(name, func(t *testing.T) {
			recorder := tracer.NewRecorder(1)
			tr, closer, err := tracer.New("test", tracer.WithRecorder(recorder))
			if err != nil {
				t.Fatal(err)
			}
			defer closer.Close()
			handler := nethttp.WrapHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusNoContent)
			}), gaptrace.WithTracer(tr))
			rec := httptest.NewRecorder()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			handler.ServeHTTP(rec, request.WithContext(t.Context()))
			runtime.ReadMemStats(&after)
			if bytes := after.TotalAlloc - before.TotalAlloc; bytes > 16<<20 || rec.Code != http.StatusNoContent {
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
