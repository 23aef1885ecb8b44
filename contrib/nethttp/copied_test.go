package nethttp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/opentracing/opentracing-go"
)

// TestWhatIsCopiedToTheClientArrivesAsItComes has a source that waits until the client has what it gave before: net/http
// flushes it then, and a wrapper that copies on its own would have both wait for ever.
func TestWhatIsCopiedToTheClientArrivesAsItComes(t *testing.T) {
	for name, length := range map[string]string{"its length known": "1200", "in chunks": ""} {
		for _, wrapped := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", wrapped ", wrapped), func(t *testing.T) {
				// In chunks net/http flushes what it sniffed the content's type from, and no more.
				first, pieces := 600, []int{512, 88, 600}
				if length == "" {
					first, pieces = 512, []int{512, 688}
				}
				has := make(chan bool, 1)
				var handler http.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Content-Type", "text/plain")
					if length != "" {
						w.Header().Set("Content-Length", length)
					}
					i := 0
					_, err := io.Copy(w, readerFunc(func(p []byte) (int, error) {
						if i == len(pieces) {
							return 0, io.EOF
						}
						if i == len(pieces)-1 {
							<-has
						}
						i++
						return copy(p, strings.Repeat("x", pieces[i-1])), nil
					}))
					if err != nil {
						t.Error(err)
					}
				})
				if wrapped {
					handler = nethttp.WrapHandler(handler, gaptrace.WithTracer(spantest.NewTracer()))
				}
				server, transport := start(t, "HTTP/1.1", handler)
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				defer close(has) // whatever went wrong
				resp, err := (&http.Client{Transport: transport}).Do(get(ctx, server.URL))
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				if _, err := io.ReadFull(resp.Body, make([]byte, first)); err != nil {
					t.Fatal(err)
				}
				has <- true
				if rest, err := io.ReadAll(resp.Body); len(rest) != 1200-first || err != nil {
					t.Error(len(rest), err)
				}
			})
		}
	}
}

// slowly is a ResponseWriter that copies by itself, and takes a while to write.
type slowly struct{ *httptest.ResponseRecorder }

func (s slowly) ReadFrom(src io.Reader) (n int64, err error) {
	for buf := make([]byte, 100); err == nil; {
		var read int
		if read, err = src.Read(buf); read > 0 {
			time.Sleep(time.Millisecond)
			n += int64(read)
		}
	}
	if err == io.EOF {
		err = nil
	}
	return n, err
}

var errSource = errors.New("source")

func TestOfACopyTheWritingAloneIsCovered(t *testing.T) {
	for _, failure := range []error{io.EOF, errSource} {
		tracer := spantest.NewTracer()
		synctest.Test(t, func(t *testing.T) {
			left := 3
			nethttp.WrapHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				io.Copy(w, readerFunc(func(p []byte) (int, error) {
					time.Sleep(10 * time.Millisecond) // the handler's own work
					if left--; left < 0 {
						return 0, failure
					}
					return len(p), nil
				}))
			}), gaptrace.WithTracer(tracer)).ServeHTTP(slowly{httptest.NewRecorder()}, httptest.NewRequest("GET", "/", nil))
		})
		server, first := tracer.Named("HTTP GET")[0], tracer.Named("HTTP GET write")[0]
		if server.Duration() != 43*time.Millisecond || first.Tags["wait.us"] != int64(3000) || first.Tags["bytes"] != int64(300) {
			t.Errorf("%v in all, %v", server.Duration(), first.Tags)
		}
		if first.Tags["error"] != nil || server.Tags["client_gone"] != nil { // it is not the client's failure
			t.Error(tracer.Tree())
		}
	}
}

func TestOverHTTP2No101IsTheAnswer(t *testing.T) {
	tracer := spantest.NewTracer()
	server, transport := start(t, "HTTP/2", nethttp.WrapHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusSwitchingProtocols)
		w.WriteHeader(http.StatusNotFound)
	}), gaptrace.WithTracer(tracer)))
	resp, err := (&http.Client{Transport: transport}).Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	transport.CloseIdleConnections()
	server.finish()
	if status := tracer.Named("HTTP GET")[0].Tags["http.status_code"]; status != resp.StatusCode {
		t.Errorf("answered %d, drawn %v", resp.StatusCode, status)
	}
}

// TestAFlushPastAnOuterWriterIsSeen has a middleware outside whose writer has nothing but Unwrap.
func TestAFlushPastAnOuterWriterIsSeen(t *testing.T) {
	tracer := spantest.NewTracer()
	wrapped := nethttp.WrapHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if _, ok := w.(http.Flusher); ok {
			t.Error("a Flusher")
		}
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		w.WriteHeader(http.StatusInternalServerError) // too late
	}), gaptrace.WithTracer(tracer))
	server, transport := start(t, "HTTP/1.1", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		wrapped.ServeHTTP(unwraps{w}, r)
	}))
	if err := readAndClose((&http.Client{Transport: transport}).Get(server.URL)); err != nil {
		t.Error(err)
	}
	server.finish()
	if tags := tracer.Named("HTTP GET")[0].Tags; tags["http.status_code"] != 200 || tags["error"] != nil {
		t.Error(tracer.Tree())
	}
}

func TestACopyThatTheServerRefusesHasSentTheStatus(t *testing.T) {
	tracer := spantest.NewTracer()
	server, transport := start(t, "HTTP/1.1", nethttp.WrapHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1")
		io.Copy(w, struct{ io.Reader }{strings.NewReader("two")})
		w.WriteHeader(http.StatusInternalServerError) // too late
	}), gaptrace.WithTracer(tracer)))
	resp, err := (&http.Client{Transport: transport}).Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	server.finish()
	if tags := tracer.Named("HTTP GET")[0].Tags; tags["http.status_code"] != resp.StatusCode || tags["error"] != nil {
		t.Errorf("the client got %s\n%s", resp.Status, tracer.Tree())
	}
}

type unwraps struct{ http.ResponseWriter }

func (u unwraps) Unwrap() http.ResponseWriter { return u.ResponseWriter }

func TestThoseOutsideSeeWhatAHandlerChangesInItsRequest(t *testing.T) {
	body := io.NopCloser(strings.NewReader("other"))
	changes := map[string]func(r *http.Request){
		"nothing":      func(*http.Request) {},
		"the address":  func(r *http.Request) { r.RemoteAddr = "192.0.2.7:7" },
		"the method":   func(r *http.Request) { r.Method = "PUT" },
		"the host":     func(r *http.Request) { r.Host = "other.example" },
		"the URL":      func(r *http.Request) { r.URL = r.URL.JoinPath("other") },
		"a part of it": func(r *http.Request) { r.URL.Path = "/elsewhere" },
		"the URI":      func(r *http.Request) { r.RequestURI = "/elsewhere" },
		"a header":     func(r *http.Request) { r.Header.Set("X-Real-Ip", "192.0.2.7") },
		"all headers":  func(r *http.Request) { r.Header = http.Header{"X": {"y"}} },
		"the length":   func(r *http.Request) { r.ContentLength = 7 },
		"the body":     func(r *http.Request) { r.Body = body },
		"no body":      func(r *http.Request) { r.Body = http.NoBody },
		"a limit":      func(r *http.Request) { r.Body = http.MaxBytesReader(nil, r.Body, 1) },
		"a form":       func(r *http.Request) { r.ParseForm() },
		"a mux's pattern": func(r *http.Request) {
			r.Pattern = "/{id}/{rest...}"
			r.SetPathValue("id", "7")
			r.SetPathValue("rest", "a/b")
		},
		"another's": func(r *http.Request) { r.Pattern = "/{id:[0-9]+}"; r.SetPathValue("id", "7") },
	}
	for name, change := range changes {
		for _, method := range []string{"GET", "POST"} {
			see := func(wrap func(http.Handler) http.Handler) string {
				req := httptest.NewRequest(method, "/path?q=1", nil)
				if method == "POST" {
					req = httptest.NewRequest(method, "/path?q=1", strings.NewReader("k=v"))
					req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				}
				wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { change(r) })).ServeHTTP(httptest.NewRecorder(), req)
				return fmt.Sprint(req.RemoteAddr, req.Method, req.Host, req.URL, req.RequestURI, req.Header, req.ContentLength, req.Form, req.PostForm,
					req.Pattern, req.PathValue("id"), req.PathValue("rest"), req.PathValue("id:[0-9]+"), req.Body == http.NoBody, req.Body == body)
			}
			raw := see(func(h http.Handler) http.Handler { return h })
			for _, tracer := range []opentracing.Tracer{spantest.NewTracer(), jaegerTracer(t, false)} {
				if got := see(func(h http.Handler) http.Handler { return nethttp.WrapHandler(h, gaptrace.WithTracer(tracer)) }); got != raw {
					t.Errorf("%s, %s: raw\n%s\nwrapped, %T\n%s", name, method, raw, tracer, got)
				}
			}
		}
	}
}

func TestAPanicWithARequestTellsNothingOfIt(t *testing.T) {
	for _, failure := range []any{http.Header{"Authorization": {"PLANTED"}}, &http.Request{Header: http.Header{"Cookie": {"PLANTED"}}}, bytes.NewBufferString("PLANTED")} {
		tracer := spantest.NewTracer()
		func() {
			defer func() { recover() }()
			nethttp.WrapHandler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(failure) }), gaptrace.WithTracer(tracer)).
				ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
		}()
		if tree := tracer.Tree(); strings.Contains(tree, "PLANTED") || !strings.Contains(tree, fmt.Sprintf("panic with a %T", failure)) {
			t.Error(tree)
		}
	}
}
