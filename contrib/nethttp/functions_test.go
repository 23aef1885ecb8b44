package nethttp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"weak"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/opentracing/opentracing-go"
)

// function is one of Get, Head, Post and PostForm, and what net/http has in its place: a method of
// a client, and a function.
type function struct {
	ours     func(ctx context.Context, c *http.Client, url string, body io.Reader) (*http.Response, error)
	method   func(c *http.Client, url string, body io.Reader) (*http.Response, error)
	function func(url string, body io.Reader) (*http.Response, error)

	ignoresBody bool
}

// raw calls what net/http has: for a nil client, the function.
func (f function) raw(c *http.Client, url string, body io.Reader) (*http.Response, error) {
	if c == nil {
		return f.function(url, body)
	}
	return f.method(c, url, body)
}

var form = url.Values{"title": {"Emma & Co"}, "year": {"1815"}}

var functions = map[string]function{
	"Get": {
		func(ctx context.Context, c *http.Client, url string, _ io.Reader) (*http.Response, error) {
			return nethttp.Get(ctx, c, url)
		},
		func(c *http.Client, url string, _ io.Reader) (*http.Response, error) { return c.Get(url) },
		func(url string, _ io.Reader) (*http.Response, error) { return http.Get(url) },
		true,
	},
	"Head": {
		func(ctx context.Context, c *http.Client, url string, _ io.Reader) (*http.Response, error) {
			return nethttp.Head(ctx, c, url)
		},
		func(c *http.Client, url string, _ io.Reader) (*http.Response, error) { return c.Head(url) },
		func(url string, _ io.Reader) (*http.Response, error) { return http.Head(url) },
		true,
	},
	"Post": {
		func(ctx context.Context, c *http.Client, url string, body io.Reader) (*http.Response, error) {
			return nethttp.Post(ctx, c, url, "text/x-book", body)
		},
		func(c *http.Client, url string, body io.Reader) (*http.Response, error) {
			return c.Post(url, "text/x-book", body)
		},
		func(url string, body io.Reader) (*http.Response, error) { return http.Post(url, "text/x-book", body) },
		false,
	},
	"Post without a type": {
		func(ctx context.Context, c *http.Client, url string, body io.Reader) (*http.Response, error) {
			return nethttp.Post(ctx, c, url, "", body)
		},
		func(c *http.Client, url string, body io.Reader) (*http.Response, error) { return c.Post(url, "", body) },
		func(url string, body io.Reader) (*http.Response, error) { return http.Post(url, "", body) },
		false,
	},
	"PostForm": {
		func(ctx context.Context, c *http.Client, url string, _ io.Reader) (*http.Response, error) {
			return nethttp.PostForm(ctx, c, url, form)
		},
		func(c *http.Client, url string, _ io.Reader) (*http.Response, error) { return c.PostForm(url, form) },
		func(url string, _ io.Reader) (*http.Response, error) { return http.PostForm(url, form) },
		true,
	},
}

// functionBodies are what a program may pass to Post.
var functionBodies = map[string]func(closed *int) io.Reader{
	"nil":       func(*int) io.Reader { return nil },
	"NoBody":    func(*int) io.Reader { return http.NoBody },
	"replayed":  func(*int) io.Reader { return strings.NewReader("Emma") },
	"of a file": func(closed *int) io.Reader { return &closable{strings.NewReader("Emma"), closed} },
}

// closable counts how often it is closed. It cannot be sent again after a redirect.
type closable struct {
	io.Reader
	closed *int
}

func (c *closable) Close() error {
	*c.closed++
	return nil
}

// functionURLs are paths of echoServer, and URLs that fail.
var functionURLs = []string{
	"/", "/?q=1#part", "/302", "/307", "/303", "/502", "/hangup", "/loop", "/cookie",
	"http://127.0.0.1:1/", "ftp://example.com/", "http://[::1/", ":", "", "http:///", "%zz",
}

// echoServer describes each request in its response, or does what its path says.
func echoServer(t *testing.T) *httptest.Server {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch r.URL.Path {
		case "/302", "/303", "/307":
			var status int
			fmt.Sscanf(r.URL.Path, "/%d", &status)
			http.Redirect(w, r, "/?from="+r.URL.Path[1:], status)
			return
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
			return
		case "/502":
			w.WriteHeader(http.StatusBadGateway)
		case "/hangup":
			panic(http.ErrAbortHandler)
		case "/cookie":
			http.SetCookie(w, &http.Cookie{Name: "visited", Value: "yes"})
		}
		var headers []string
		for name, values := range r.Header {
			if !strings.HasPrefix(name, "Spantest-") {
				headers = append(headers, fmt.Sprint(name, values))
			}
		}
		slices.Sort(headers)
		w.Header().Set("Echo", fmt.Sprint(r.Method, " ", r.URL, " ", headers, " ", r.ContentLength, r.TransferEncoding))
		fmt.Fprintf(w, "%s %q", r.Method, body)
	}))
	server.Config.ErrorLog = quiet
	server.Start()
	t.Cleanup(server.Close)
	return server
}

// functionClients are clients that differ in what their methods do.
var functionClients = map[string]func(rt http.RoundTripper) *http.Client{
	"plain": func(rt http.RoundTripper) *http.Client { return &http.Client{Transport: rt} },
	"with cookies": func(rt http.RoundTripper) *http.Client {
		jar, _ := cookiejar.New(nil)
		return &http.Client{Transport: rt, Jar: jar}
	},
	"without redirects": func(rt http.RoundTripper) *http.Client {
		stop := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		return &http.Client{Transport: rt, CheckRedirect: stop}
	},
	"with a timeout": func(rt http.RoundTripper) *http.Client {
		return &http.Client{Transport: rt, Timeout: time.Minute}
	},
	"of the package": func(http.RoundTripper) *http.Client { return nil },
}

// describeResponse reads a response, and describes all that a program sees of it.
func describeResponse(resp *http.Response, err error) string {
	var text strings.Builder
	fmt.Fprintf(&text, "%T %v", err, err)
	if failure := (*url.Error)(nil); errors.As(err, &failure) {
		fmt.Fprintf(&text, ", op %q, url %q, %T", failure.Op, failure.URL, failure.Err)
	}
	if resp == nil {
		return text.String()
	}
	resp.Header.Del("Date")
	body, readErr := io.ReadAll(resp.Body)
	fmt.Fprintf(&text, ", %s %v %d", resp.Status, resp.Header, resp.ContentLength)
	fmt.Fprintf(&text, ", body %q %v %v", body, readErr, resp.Body.Close())
	req := resp.Request
	fmt.Fprintf(&text, ", request %s %s %v %d, again %v", req.Method, req.URL, req.Header, req.ContentLength,
		req.GetBody != nil)
	return text.String()
}

// TestFunctionsLikeNetHTTP compares each function with the method or function of net/http that it
// stands for, with and without a parent span.
func TestFunctionsLikeNetHTTP(t *testing.T) {
	server := echoServer(t)
	tracer, recorded := underGlobal(t)
	compare := func(
		t *testing.T, newClient func(http.RoundTripper) *http.Client, f function, newBody func(*int) io.Reader, url string,
	) {
		var closed int
		client := newClient(server.Client().Transport)
		want := describeResponse(f.raw(client, url, newBody(&closed)))
		want += fmt.Sprintf(", closed %d", closed)
		for _, ctx := range []context.Context{t.Context(), recorded} {
			closed = 0
			client = newClient(server.Client().Transport)
			got := describeResponse(f.ours(ctx, client, url, newBody(&closed)))
			if got += fmt.Sprintf(", closed %d", closed); got != want {
				t.Errorf("raw:\n%s\nours:\n%s", want, got)
			}
			if client != nil && client.Transport != server.Client().Transport {
				t.Error("the client has changed")
			}
		}
	}
	for clientName, newClient := range functionClients {
		for name, f := range functions {
			for bodyName, newBody := range functionBodies {
				if bodyName != "nil" && f.ignoresBody {
					continue
				}
				for _, url := range functionURLs {
					if strings.HasPrefix(url, "/") {
						url = server.URL + url
					}
					t.Run(fmt.Sprintf("%s/client %s/body %s/%s", name, clientName, bodyName, url), func(t *testing.T) {
						compare(t, newClient, f, newBody, url)
					})
				}
			}
		}
	}
	opentracing.SpanFromContext(recorded).Finish()
	if n := len(tracer.Calls()); n < 500 {
		t.Errorf("%d calls were recorded", n)
	}
	if p := tracer.Problems(); p != nil {
		t.Error(p)
	}
}

// underGlobal is [spantest.Under] for calls that use the global tracer.
func underGlobal(t *testing.T) (*spantest.Tracer, context.Context) {
	tracer, ctx, _ := spantest.Under(t)
	opentracing.SetGlobalTracer(tracer)
	t.Cleanup(func() { opentracing.SetGlobalTracer(opentracing.NoopTracer{}) })
	return tracer, ctx
}

func TestFunctionsRecordAnyClient(t *testing.T) {
	server := echoServer(t)
	defaultTransport := http.DefaultTransport
	for name, client := range map[string]*http.Client{
		"nil":                nil,
		"http.DefaultClient": http.DefaultClient,
		"no transport":       {},
		"a transport":        server.Client(),
		"a function":         {Transport: roundTripper(defaultTransport.RoundTrip)}, // functions cannot be compared
		"a foreign wrapper":  {Transport: unwrapping{defaultTransport}},
		"returns itself":     {Transport: selfish{defaultTransport}},
	} {
		for method, want := range map[string]string{"Get": "HTTP GET", "Head": "HTTP HEAD", "PostForm": "HTTP POST"} {
			tracer, ctx := underGlobal(t)
			if err := readAndClose(functions[method].ours(ctx, client, server.URL, nil)); err != nil {
				t.Error(err)
			}
			opentracing.SpanFromContext(ctx).Finish()
			if calls := tracer.Calls(); len(calls) != 2 || calls[1].Operation != want || calls[1].ParentID != 1 {
				t.Errorf("%s with client %s recorded:\n%s", method, name, tracer.Tree())
			}
		}
	}
}

func TestFunctionsRecordOnceWithTheClientsOptions(t *testing.T) {
	server := echoServer(t)
	wrap := func(rt http.RoundTripper) http.RoundTripper {
		return nethttp.Wrap(rt, gaptrace.WithRoots(), gaptrace.WithTags(func(gaptrace.Call) opentracing.Tags {
			return opentracing.Tags{"by": "hand"}
		}))
	}
	for name, rt := range map[string]http.RoundTripper{
		"wrapped":                  wrap(nil),
		"inside a wrapper":         unwrapping{wrap(nil)},
		"inside one of Kubernetes": kubernetesWrapper{wrap(nil)},
		"inside both":              kubernetesWrapper{unwrapping{wrap(nil)}},
		"without idle connections": unwrapping{wrap(roundTripper(http.DefaultTransport.RoundTrip))},
	} {
		tracer, ctx := underGlobal(t)
		for _, ctx := range []context.Context{ctx, t.Context()} {
			if err := readAndClose(nethttp.Get(ctx, &http.Client{Transport: rt}, server.URL)); err != nil {
				t.Error(err)
			}
		}
		opentracing.SpanFromContext(ctx).Finish()
		calls := tracer.Named("HTTP GET")
		if len(calls) != 2 || calls[0].Tags["by"] != "hand" || calls[1].Tags["by"] != "hand" {
			t.Errorf("%s: recorded:\n%s", name, tracer.Tree())
		}
	}
}

// TestFunctionsDoNotSeeThroughEveryWrapper checks a limit that the documentation of Get names.
func TestFunctionsDoNotSeeThroughEveryWrapper(t *testing.T) {
	server := echoServer(t)
	tracer, ctx := underGlobal(t)
	opaque := roundTripper(nethttp.Wrap(nil).RoundTrip)
	if err := readAndClose(nethttp.Get(ctx, &http.Client{Transport: opaque}, server.URL)); err != nil {
		t.Error(err)
	}
	opentracing.SpanFromContext(ctx).Finish()
	if n := len(tracer.Named("HTTP GET")); n != 2 {
		t.Errorf("%d spans, want 2\n%s", n, tracer.Tree())
	}
}

// unwrapping and kubernetesWrapper are transports of other packages around next. selfish unwraps to
// itself.
type (
	unwrapping        struct{ next http.RoundTripper }
	kubernetesWrapper struct{ next http.RoundTripper }
	selfish           struct{ next http.RoundTripper }
)

func (u unwrapping) RoundTrip(r *http.Request) (*http.Response, error) { return u.next.RoundTrip(r) }
func (u unwrapping) Unwrap() http.RoundTripper                         { return u.next }

func (k kubernetesWrapper) RoundTrip(r *http.Request) (*http.Response, error) {
	return k.next.RoundTrip(r)
}
func (k kubernetesWrapper) WrappedRoundTripper() http.RoundTripper { return k.next }

func (s selfish) RoundTrip(r *http.Request) (*http.Response, error) { return s.next.RoundTrip(r) }
func (s selfish) Unwrap() http.RoundTripper                         { return s }

// The default client and transport are looked up at each call, as net/http does.
func TestFunctionsUseTodaysDefaults(t *testing.T) {
	client, transport := http.DefaultClient, http.DefaultTransport
	defer func() { http.DefaultClient, http.DefaultTransport = client, transport }()
	get := func() (int, error) {
		resp, err := nethttp.Get(t.Context(), nil, "http://example.com/")
		if err != nil {
			return 0, errors.Unwrap(err)
		}
		return resp.StatusCode, resp.Body.Close()
	}
	http.DefaultTransport = always(201)
	if status, err := get(); status != 201 {
		t.Errorf("http.DefaultTransport: %d, %v", status, err)
	}
	http.DefaultClient = &http.Client{Transport: always(202)}
	if status, err := get(); status != 202 {
		t.Errorf("http.DefaultClient: %d, %v", status, err)
	}
	http.DefaultClient, http.DefaultTransport = &http.Client{}, nil
	_, want := http.Get("http://example.com/")
	if _, err := get(); err == nil || err.Error() != errors.Unwrap(want).Error() {
		t.Errorf("without any: %v, raw %v", err, want)
	}
}

func TestFunctionsTakeTheirContext(t *testing.T) {
	server := echoServer(t)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, f := range functions {
		body := strings.NewReader("")
		if resp, err := f.ours(ended, nil, server.URL, body); resp != nil || !errors.Is(err, context.Canceled) {
			t.Errorf("%s, cancelled: %v, %v", name, resp, err)
		}
		var none context.Context
		_, want := http.NewRequestWithContext(none, "GET", server.URL, nil)
		if resp, err := f.ours(none, nil, server.URL, body); resp != nil || err == nil || err.Error() != want.Error() {
			t.Errorf("%s, nil: %v, %v", name, resp, err)
		}
	}
}

// A client that is not wrapped costs no more allocations than one that is, and none if the call is
// not recorded.
func TestFunctionsDoNotAllocateAClient(t *testing.T) {
	_, recorded := underGlobal(t)
	opentracing.SetGlobalTracer(spantest.Jaeger(t, true, nil))
	next := always(http.StatusNoContent)
	client := &http.Client{Transport: next}
	wrapped := nethttp.WrapClient(client)
	raw := func(ctx context.Context) {
		_ = readAndClose(client.Do(get(ctx, "http://example.com/")))
	}
	with := func(c *http.Client) func(context.Context) {
		return func(ctx context.Context) { _ = readAndClose(nethttp.Get(ctx, c, "http://example.com/")) }
	}
	for name, test := range map[string]struct {
		ctx             context.Context
		limit, measured func(context.Context)
	}{
		"not recorded": {t.Context(), raw, with(client)},
		"recorded":     {recorded, with(wrapped), with(client)},
	} {
		// The fewest of single calls: a garbage collection empties the pool, and the race detector's
		// sync.Pool drops some of what it is given.
		limit, got := 1e9, 1e9
		for range 100 {
			limit = min(limit, testing.AllocsPerRun(1, func() { test.limit(test.ctx) }))
			got = min(got, testing.AllocsPerRun(1, func() { test.measured(test.ctx) }))
		}
		if got > limit {
			t.Errorf("%s: %v allocations, want at most %v", name, got, limit)
		}
	}
}

// Requests at the same time, and one that panics, do not mix up their clients.
func TestFunctionsKeepClientsApart(t *testing.T) {
	broken := &http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) { panic("broken") })}
	var wg sync.WaitGroup
	for status := 200; status < 210; status++ {
		client := &http.Client{Transport: always(status)}
		wg.Go(func() {
			for range 100 {
				resp, err := nethttp.Get(t.Context(), client, "http://example.com/")
				if err != nil || resp.StatusCode != status {
					t.Errorf("%v, %v, want status %d", resp, err, status)
					return
				}
				resp.Body.Close()
				failure := panicOf(func() { _ = readAndClose(nethttp.Get(t.Context(), broken, "http://example.com/")) })
				if failure != "broken" {
					t.Errorf("panic: %v", failure)
				}
			}
		})
	}
	wg.Wait()
}

func TestFunctionsForgetTheirClient(t *testing.T) {
	used := getOnce(t)
	runtime.GC() // only one: a pool keeps what it holds until the second
	if used.Value() != nil {
		t.Error("the transport is still referenced")
	}
}

// getOnce returns a pointer to the transport of a client that it has used and dropped.
func getOnce(t *testing.T) weak.Pointer[otherWrapper] {
	rt := &otherWrapper{roundTripper: always(http.StatusOK)}
	if err := readAndClose(nethttp.Get(t.Context(), &http.Client{Transport: rt}, "http://example.com/")); err != nil {
		t.Error(err)
	}
	return weak.Make(rt)
}
