package nethttp_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
	"github.com/gaptrace/gaptrace/internal/spantest"
)

// unwrapped and wrappedBy are the two arguments of tests that compare a handler, raw and wrapped.
func unwrapped(h http.Handler) http.Handler { return h }

func wrappedBy(opts ...gaptrace.Option) func(http.Handler) http.Handler {
	return func(h http.Handler) http.Handler { return nethttp.WrapHandler(h, opts...) }
}

var otherBody = io.NopCloser(strings.NewReader("other"))

// changes are what a handler may change in its request.
var changes = map[string]func(r *http.Request){
	"nothing":        func(*http.Request) {},
	"RemoteAddr":     func(r *http.Request) { r.RemoteAddr = "192.0.2.7:7" },
	"Method":         func(r *http.Request) { r.Method = "PUT" },
	"Host":           func(r *http.Request) { r.Host = "other.example" },
	"URL":            func(r *http.Request) { r.URL = r.URL.JoinPath("other") },
	"URL.Path":       func(r *http.Request) { r.URL.Path = "/elsewhere" },
	"RequestURI":     func(r *http.Request) { r.RequestURI = "/elsewhere" },
	"one header":     func(r *http.Request) { r.Header.Set("X-Real-Ip", "192.0.2.7") },
	"all headers":    func(r *http.Request) { r.Header = http.Header{"X": {"y"}} },
	"ContentLength":  func(r *http.Request) { r.ContentLength = 7 },
	"Body":           func(r *http.Request) { r.Body = otherBody },
	"http.NoBody":    func(r *http.Request) { r.Body = http.NoBody },
	"MaxBytesReader": func(r *http.Request) { r.Body = http.MaxBytesReader(nil, r.Body, 1) },
	"ParseForm":      func(r *http.Request) { r.ParseForm() },
	"Pattern":        setPattern,
	"another mux's":  setOtherPattern,
}

func setPattern(r *http.Request) {
	r.Pattern = "/{id}/{rest...}"
	r.SetPathValue("id", "7")
	r.SetPathValue("rest", "a/b")
}

func setOtherPattern(r *http.Request) {
	r.Pattern = "/{id:[0-9]+}"
	r.SetPathValue("id", "7")
}

func TestRequestChangesAreSeenOutside(t *testing.T) {
	for name, change := range changes {
		for _, method := range []string{"GET", "POST"} {
			t.Run(name+"/"+method, func(t *testing.T) {
				see := func(wrap func(http.Handler) http.Handler) string {
					req := httptest.NewRequest(method, "/path?q=1", nil)
					if method == "POST" {
						req = httptest.NewRequest(method, "/path?q=1", strings.NewReader("k=v"))
						req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
					}
					h := wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { change(r) }))
					h.ServeHTTP(httptest.NewRecorder(), req)
					return fmt.Sprint(req.RemoteAddr, req.Method, req.Host, req.URL, req.RequestURI, req.Header,
						req.ContentLength, req.Form, req.PostForm, req.Pattern,
						req.PathValue("id"), req.PathValue("rest"), req.PathValue("id:[0-9]+"),
						req.Body == http.NoBody, req.Body == otherBody)
				}
				raw := see(unwrapped)
				for sampling, tracer := range tracers(t) {
					if got := see(wrappedBy(gaptrace.WithTracer(tracer))); got != raw {
						t.Errorf("%s\nraw     %s\nwrapped %s", sampling, raw, got)
					}
				}
			})
		}
	}
}

func TestRequestFormFilesAreRemoved(t *testing.T) {
	var file atomic.Pointer[string]
	keepName := func(_ http.ResponseWriter, r *http.Request) {
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
	}
	serve(t, keepName, func(url string) {
		body := "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\n" +
			strings.Repeat("x", 11<<20) + "\r\n--b--\r\n"
		err := readAndClose(http.Post(url, "multipart/form-data; boundary=b", strings.NewReader(body)))
		if err != nil {
			t.Error(err)
		}
	})
	if _, err := os.Stat(*file.Load()); !os.IsNotExist(err) {
		t.Errorf("%s is still there", *file.Load())
	}
}

func TestRequestTrailersReachTheHandler(t *testing.T) {
	for sampling, tracer := range tracers(t) {
		t.Run(sampling, func(t *testing.T) {
			got := make(chan http.Header, 1)
			h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				got <- r.Trailer
			})
			server := httptest.NewServer(nethttp.WrapHandler(h, gaptrace.WithTracer(tracer)))
			defer server.Close()
			conn := spantest.Must(net.Dial("tcp", server.Listener.Addr().String()))(t)
			defer conn.Close()
			io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"+
				"1\r\nx\r\n0\r\nX-Sum: 7\r\n\r\n")
			if trailer := <-got; trailer.Get("X-Sum") != "7" {
				t.Errorf("trailer %v", trailer)
			}
		})
	}
}

func TestRequestBodyReadInPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tracer := handle(httptest.NewRecorder(), httptest.NewRequest("POST", "/", &slowBody{2}),
			func(_ http.ResponseWriter, r *http.Request) { r.Body.Read(make([]byte, 5)) })
		tracer.Only(t, "HTTP POST read")
	})
}

// The handler inside an http.TimeoutHandler goes on after its request is over. For the race
// detector.
func TestRequestUsedAfterItIsOver(t *testing.T) {
	for _, sampled := range []bool{true, false} {
		handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			time.Sleep(20 * time.Millisecond)
			r.Body.Read(make([]byte, 1))
		})
		server := httptest.NewServer(nethttp.WrapHandler(http.TimeoutHandler(handler, 5*time.Millisecond, ""),
			gaptrace.WithTracer(spantest.Jaeger(t, sampled, nil))))
		for range 5 {
			resp := spantest.Must(http.Post(server.URL, "text/plain", strings.NewReader("hello")))(t)
			resp.Body.Close()
		}
		time.Sleep(30 * time.Millisecond)
		server.Close()
	}
}

// A middleware may read the request while the handler runs. For the race detector.
func TestRequestReadByAnotherGoroutine(t *testing.T) {
	wrapped := nethttp.WrapHandler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
	}), gaptrace.WithTracer(spantest.Jaeger(t, true, nil)))
	done := make(chan bool)
	serve(t, func(w http.ResponseWriter, r *http.Request) {
		go func() {
			defer close(done)
			for range 1000 {
				_ = r.URL.Path + r.Header.Get("X") + r.Host
			}
		}()
		wrapped.ServeHTTP(w, r)
	}, fetch)
	<-done
}

// net/http never passes a nil request or writer to a handler, but a program's own test may.
func TestRequestOrWriterIsNil(t *testing.T) {
	url := httptest.NewRequest("GET", "/x", nil).URL
	body := io.NopCloser(strings.NewReader("x"))
	noURL := &http.Request{Method: "GET", Header: http.Header{}, Body: http.NoBody}
	for name, c := range map[string]struct {
		w   http.ResponseWriter
		req *http.Request
	}{
		"no request":         {httptest.NewRecorder(), nil},
		"no writer":          {nil, newGet()},
		"neither":            {nil, nil},
		"nil recorder":       {(*httptest.ResponseRecorder)(nil), newGet()},
		"empty request":      {httptest.NewRecorder(), &http.Request{}},
		"no URL":             {httptest.NewRecorder(), noURL},
		"no header, no body": {httptest.NewRecorder(), &http.Request{Method: "POST", URL: url}},
		"no header":          {httptest.NewRecorder(), &http.Request{Method: "POST", URL: url, Body: body}},
	} {
		t.Run(name, func(t *testing.T) {
			see := func(wrap func(http.Handler) http.Handler) (seen string) {
				h := wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					seen = fmt.Sprint(w == nil, r == nil)
					if r != nil {
						seen += fmt.Sprint(r.URL, r.Header == nil, r.Body == nil)
					}
					if w != nil {
						w.WriteHeader(http.StatusTeapot)
					}
					seen += " returned"
				}))
				failure := panicOf(func() { h.ServeHTTP(c.w, c.req) })
				return fmt.Sprint(seen, failure)
			}
			raw := see(unwrapped)
			for sampling, tracer := range tracers(t) {
				if got := see(wrappedBy(gaptrace.WithTracer(tracer))); got != raw {
					t.Errorf("%s: raw %q, wrapped %q", sampling, raw, got)
				}
			}
		})
	}
}
