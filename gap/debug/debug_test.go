package debug_test

import (
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/opentracing/opentracing-go"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/debug"
	"github.com/gaptrace/gaptrace/tracer"
)

var start = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// newTracer returns a tracer and its recorder.
func newTracer(t *testing.T) (opentracing.Tracer, *tracer.Recorder) {
	t.Helper()
	recorder := tracer.NewRecorder(0)
	tr, closer, err := tracer.New("bookshop", tracer.WithRecorder(recorder))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closer.Close() })
	return tr, recorder
}

// request records a server span whose child covers half of it. It returns the trace id.
func request(
	t *testing.T, tr opentracing.Tracer, operation string, took time.Duration, tags ...opentracing.StartSpanOption,
) string {
	t.Helper()
	return requestAt(t, tr, operation, start, took, tags...)
}

// requestAt is request, for a given start.
func requestAt(
	t *testing.T, tr opentracing.Tracer, operation string, start time.Time, took time.Duration,
	tags ...opentracing.StartSpanOption,
) string {
	t.Helper()
	tags = append(tags, opentracing.StartTime(start), opentracing.Tag{Key: "span.kind", Value: "server"})
	root := tr.StartSpan(operation, tags...)
	child := tr.StartSpan("sql query", opentracing.ChildOf(root.Context()), opentracing.StartTime(start.Add(took/4)),
		opentracing.Tag{Key: "span.kind", Value: "client"})
	child.FinishWithOptions(opentracing.FinishOptions{FinishTime: start.Add(took/4 + took/2)})
	root.FinishWithOptions(opentracing.FinishOptions{FinishTime: start.Add(took)})
	carrier := opentracing.TextMapCarrier{}
	if err := tr.Inject(root.Context(), opentracing.TextMap, carrier); err != nil {
		t.Fatal(err)
	}
	id, _, _ := strings.Cut(carrier["uber-trace-id"], ":")
	return id
}

// ask sends a request to a handler without a server.
func ask(t *testing.T, h http.Handler, method, target string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, target, nil))
	return w
}

func TestErrors(t *testing.T) {
	tr, recorder := newTracer(t)
	id := request(t, tr, "HTTP GET /books", time.Second)
	h := debug.Handler(recorder)
	for target, test := range map[string]struct {
		code int
		want string
	}{
		"/?format=xml":                         {400, "html, jaeger, json, perfetto, pprof, text"},
		"/?format=":                            {400, "html, jaeger, json, perfetto, pprof, text"},
		"/profile?format=x":                    {400, "html, jaeger, json, perfetto, pprof, text"},
		"/trace?format=x&id=" + id:             {400, "html, jaeger, json, perfetto, pprof, text"},
		"/?bucket=2s":                          {400, "0, 1ms, 10ms, 100ms, 1s, error"},
		"/?bucket=%zz":                         {400, "malformed query"},
		"/trace":                               {400, "malformed id"},
		"/trace?id=":                           {400, "malformed id"},
		"/trace?id=xyz":                        {400, "malformed id"},
		"/trace?id=-1":                         {400, "malformed id"},
		"/trace?id=" + strings.Repeat("1", 33): {400, "malformed id"},
		"/trace?id=" + strings.Repeat("f", 32): {404, "is not here"},
		"/trace?format=json&id=1":              {404, "is not here"},
		"/other":                               {404, `no page "other"; pages are: ./, trace?id=…, profile`},
		"/?operation=%3Cscript%3E":             {200, "No trace matches"},
	} {
		if got := ask(t, h, "GET", target); got.Code != test.code || !strings.Contains(got.Body.String(), test.want) {
			t.Errorf("%s: status %d, want %d and %q: %s", target, got.Code, test.code, test.want, got.Body)
		}
	}
}

func TestMethods(t *testing.T) {
	tr, recorder := newTracer(t)
	id := request(t, tr, "HTTP GET /books", time.Second)
	h := debug.Handler(recorder)
	for _, target := range []string{"/", "/profile", "/trace?id=" + id, "/?format=json", "/explain"} {
		for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"} {
			if got := ask(t, h, method, target); got.Code != http.StatusMethodNotAllowed ||
				got.Header().Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s: status %d, Allow %q", method, target, got.Code, got.Header().Get("Allow"))
			}
		}
		get, head := ask(t, h, "GET", target), ask(t, h, "HEAD", target)
		if head.Code != get.Code || head.Body.Len() > 0 ||
			head.Header().Get("Content-Type") != get.Header().Get("Content-Type") {
			t.Errorf("HEAD %s: status %d, %d bytes, %v", target, head.Code, head.Body.Len(), head.Header())
		}
	}
}

func TestSecurityHeaders(t *testing.T) {
	_, recorder := newTracer(t)
	h := debug.Handler(recorder)
	for target, method := range map[string]string{
		"/": "GET", "/profile": "GET", "/trace?id=1": "GET", "/x": "GET", "/?format=x": "GET", "/trace": "POST",
		"/explain": "GET", "/explain?id=1": "GET",
	} {
		header := ask(t, h, method, target).Header()
		for key, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'", "X-Content-Type-Options": "nosniff",
			"Referrer-Policy": "no-referrer",
			"Cache-Control":   "no-store", "Cross-Origin-Resource-Policy": "same-origin",
			"Cross-Origin-Opener-Policy": "same-origin",
			"X-Frame-Options":            "DENY",
		} {
			if got := header.Get(key); !strings.HasPrefix(got, want) {
				t.Errorf("%s %s: %s %q, want %q", method, target, key, got, want)
			}
		}
		if csp := header.Get("Content-Security-Policy"); !strings.Contains(csp, "frame-ancestors 'none'") ||
			strings.Contains(csp, "unsafe") {
			t.Errorf("%s %s: %s", method, target, csp)
		}
	}
}

// At each path the test gets the index and everything that it links to.
func TestMountedAnywhere(t *testing.T) {
	tr, recorder := newTracer(t)
	request(t, tr, "HTTP GET /books", time.Second)
	h := debug.Handler(recorder, debug.WithExplainer(&fakeFlight{}, &fakeExplainer{}))
	mux := http.NewServeMux()
	mux.Handle("/debug/gaps/", h)
	mux.Handle("/stripped/", http.StripPrefix("/stripped", h))
	mux.Handle("/no/slash", http.StripPrefix("/no/slash", h))
	mux.Handle("/no/slash/", http.StripPrefix("/no/slash", h))
	mux.Handle("GET /method/", h)
	mux.Handle("/a%20b/", http.StripPrefix("/a b", h))
	server := httptest.NewServer(mux)
	defer server.Close()
	href := regexp.MustCompile(`href="([^"#][^"]*)"`)
	for _, place := range []string{
		"/debug/gaps/", "/debug/gaps", "/stripped/", "/stripped", "/no/slash", "/no/slash?bucket=1s", "/method/",
		"/a%20b/",
	} {
		res, body := get(t, server.URL+place)
		links := href.FindAllStringSubmatch(body, -1)
		if res.StatusCode != http.StatusOK || len(links) < 5 {
			t.Errorf("%s: %s, %d links", place, res.Status, len(links))
		}
		for _, link := range links {
			to, err := res.Request.URL.Parse(html.UnescapeString(link[1]))
			if err != nil {
				t.Fatal(err)
			}
			if to.Scheme == "data" {
				continue
			}
			if res, _ := get(t, to.String()); res.StatusCode != http.StatusOK || to.Host != res.Request.URL.Host {
				t.Errorf("%s: %s: %s", place, to, res.Status)
			}
		}
	}
}

func get(t *testing.T, target string) (*http.Response, string) {
	t.Helper()
	res, err := http.Get(target)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

func TestRedirectStaysOnTheHost(t *testing.T) {
	_, recorder := newTracer(t)
	h := http.StripPrefix("/a", debug.Handler(recorder))
	for uri, want := range map[string]string{
		"/a": "./a/", "//evil.example/a": "./a/", "/javascript:x": "./javascript:x/", "/x%2F%2Fevil": "./x%2F%2Fevil/",
		"/": "",
	} {
		req := httptest.NewRequest("GET", "/a", nil)
		req.RequestURI = uri
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		if got := w.Header().Get("Location"); got != want {
			t.Errorf("%s: to %q, want %q", uri, got, want)
		}
	}
}

// fakeSource is a Source with given traces.
type fakeSource struct {
	traces  [][]gap.Span
	entered func()
}

func (s fakeSource) Traces() [][]gap.Span {
	if s.entered != nil {
		s.entered()
	}
	return s.traces
}

func (s fakeSource) Trace(gap.TraceID) []gap.Span { return s.traces[len(s.traces)-1] }

func TestOddTraces(t *testing.T) {
	odd := gap.Span{
		Start:      time.Unix(-1<<55, 0),
		Duration:   -1,
		References: []gap.Reference{{}, {SpanID: 7}},
		Tags:       []gap.Field{{Key: "error", Value: nil}, {Key: "error", Value: []byte("x")}},
	}
	many := make([]gap.Span, 300)
	for i := range many {
		many[i] = gap.Span{SpanID: 1, Start: time.Unix(int64(i), 0), Duration: 1 << 61}
	}
	h := debug.Handler(fakeSource{traces: [][]gap.Span{nil, {}, {{}}, {odd}, {odd, odd}, many}})
	for _, format := range []string{"html", "jaeger", "json", "text", "perfetto", "pprof"} {
		for _, target := range []string{"/?format=", "/trace?id=1&format=", "/?bucket=error&format="} {
			if got := ask(t, h, "GET", target+format); got.Code != http.StatusOK ||
				got.Body.Len() == 0 && format != "text" {
				t.Errorf("%s%s: status %d, %d bytes", target, format, got.Code, got.Body.Len())
			}
		}
	}
}

func TestRedirectKeepsTheLastSegment(t *testing.T) {
	_, recorder := newTracer(t)
	h := http.StripPrefix("/p", debug.Handler(recorder))
	for uri, test := range map[string]struct {
		code int
		want string
	}{
		"/a%2Fb":             {307, "./a%2Fb/"},
		"/x/a%2fb?bucket=1s": {307, "./a%2fb/?bucket=1s"},
		"/a%20b":             {307, "./a%20b/"},
		"/x/%252e%252e":      {307, "./%252e%252e/"},
		"http://host/x/gaps": {307, "./gaps/"},
		"/x/..":              {404, ""},
		"/x/.":               {404, ""},
		"/x/%2e%2E":          {404, ""},
		"/x/.%2e":            {404, ""},
		"no path":            {404, ""},
		"/x/":                {200, ""}, // the removed prefix had a slash
		"/":                  {200, ""},
	} {
		target := "/p"
		if _, query, ok := strings.Cut(uri, "?"); ok {
			target += "?" + query
		}
		req := httptest.NewRequest("GET", target, nil)
		req.RequestURI = uri
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		if got := w.Header().Get("Location"); w.Code != test.code || got != test.want {
			t.Errorf("%s: status %d to %q, want %d and %q", uri, w.Code, got, test.code, test.want)
		}
	}
}
