package debug_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/pprof/profile"
	"github.com/opentracing/opentracing-go"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/debug"
	"github.com/gaptrace/gaptrace/gap/report"
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

func TestIndexCountsTraces(t *testing.T) {
	tr, recorder := newTracer(t)
	for range 3 {
		request(t, tr, "HTTP GET /books", 20*time.Millisecond)
	}
	slow := request(t, tr, "HTTP GET /books", 2*time.Second, opentracing.Tag{Key: "error", Value: true})
	request(t, tr, "HTTP POST /orders", 0)
	h := debug.Handler(recorder)
	index := ask(t, h, "GET", "/debug/gaps/").Body.String()

	links := regexp.MustCompile(`href="(\./\?[^"]*)">(\d+)</a>`).FindAllStringSubmatch(index, -1)
	if len(links) != 2+4 {
		t.Errorf("%d links to counts, want two operations and four buckets: %q", len(links), links)
	}
	listed := regexp.MustCompile(`scope="row"><a href="trace\?id=[0-9a-f]+"><code>`)
	for _, link := range links {
		target := "/debug/gaps/" + html.UnescapeString(link[1])
		list := ask(t, h, "GET", target)
		if n := len(listed.FindAllString(list.Body.String(), -1)); list.Code != http.StatusOK ||
			link[2] != string(rune('0'+n)) {
			t.Errorf("%s: status %d, %d traces are listed, want %s", target, list.Code, n, link[2])
		}
	}
	for _, bucket := range []string{"1s", "error"} {
		if list := ask(t, h, "GET", "/?bucket="+bucket).Body.String(); !strings.Contains(list, "trace?id="+slow) ||
			strings.Contains(list, "POST") {
			t.Errorf("bucket %s does not hold only the slow request", bucket)
		}
	}
}

func TestTracePage(t *testing.T) {
	tr, recorder := newTracer(t)
	id := request(t, tr, "HTTP GET /books", time.Second)
	h := debug.Handler(recorder)
	page := ask(t, h, "GET", "/debug/gaps/trace?id="+id)
	if page.Code != http.StatusOK || !strings.Contains(page.Body.String(), `data-gaps="self `) ||
		!strings.Contains(page.Body.String(), "<h1 dir=\"auto\">bookshop: HTTP GET /books</h1>") {
		t.Errorf("status %d: %s", page.Code, page.Body)
	}
	for range 100 { // as many as the recorder keeps
		request(t, tr, "HTTP GET /books", time.Second)
	}
	gone := ask(t, h, "GET", "/debug/gaps/trace?id="+id)
	if gone.Code != http.StatusNotFound || !strings.Contains(gone.Body.String(), "newer traces have replaced it") {
		t.Errorf("status %d: %s", gone.Code, gone.Body)
	}
}

func TestFormats(t *testing.T) {
	tr, recorder := newTracer(t)
	id := request(t, tr, "HTTP GET /books", time.Second)
	r := report.New(report.Options{})
	var stacks report.Stacks
	trace, warnings := gap.Build(recorder.Traces()[0])
	r.Add(trace, warnings)
	stacks.Add(trace)
	h := debug.Handler(recorder)
	for format, test := range map[string]struct {
		contentType string
		write       func(io.Writer) error
	}{
		"json":     {"application/json", r.JSON},
		"text":     {"text/plain; charset=utf-8", func(w io.Writer) error { return r.Text(w, report.TextOptions{}) }},
		"perfetto": {"application/json", r.Perfetto},
		"pprof":    {"application/octet-stream", stacks.Profile().Write},
	} {
		var want bytes.Buffer
		if err := test.write(&want); err != nil {
			t.Fatal(err)
		}
		for _, target := range []string{
			"/?format=" + format, "/profile?format=" + format, "/trace?id=" + id + "&format=" + format,
		} {
			got := ask(t, h, "GET", target)
			if got.Code != http.StatusOK || got.Header().Get("Content-Type") != test.contentType ||
				!bytes.Equal(got.Body.Bytes(), want.Bytes()) {
				t.Errorf("%s: status %d, %s, %d bytes, want %d", target, got.Code, got.Header().Get("Content-Type"),
					got.Body.Len(), want.Len())
			}
		}
	}
	if !json.Valid(ask(t, h, "GET", "/?format=json&bucket=0").Body.Bytes()) {
		t.Error("not JSON if no trace matches")
	}
	got := ask(t, h, "GET", "/debug/gaps/profile")
	if p, err := profile.Parse(got.Body); err != nil || len(p.Sample) == 0 ||
		!strings.Contains(got.Header().Get("Content-Disposition"), "gaps.pb.gz") {
		t.Errorf("profile: %v, %v", err, got.Header())
	}
}

func TestErrors(t *testing.T) {
	tr, recorder := newTracer(t)
	id := request(t, tr, "HTTP GET /books", time.Second)
	h := debug.Handler(recorder)
	for target, test := range map[string]struct {
		code int
		want string
	}{
		"/?format=xml":                         {400, "html, json, perfetto, pprof, text"},
		"/?format=":                            {400, "html, json, perfetto, pprof, text"},
		"/profile?format=x":                    {400, "html, json, perfetto, pprof, text"},
		"/trace?format=x&id=" + id:             {400, "html, json, perfetto, pprof, text"},
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
	for _, target := range []string{"/", "/profile", "/trace?id=" + id, "/?format=json"} {
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
	h := debug.Handler(recorder)
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

func TestNamesAreEscaped(t *testing.T) {
	tr, recorder := newTracer(t)
	hostile := []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `'; alert(1) //`, "\u202egnp.exe", "שלום",
		"a\x00b\xff", "{{.}}",
		"javascript:alert(1)", strings.Repeat("x", 100_000), "", "&lt;b&gt;", "</style><style>*{display:none}",
	}
	var ids []string
	for _, name := range hostile {
		ids = append(ids, request(t, tr, name, time.Second))
	}
	h := debug.Handler(recorder)
	tag := regexp.MustCompile(`(?i)<(script|img|iframe|object|style|b>g)`)
	check := func(target string) {
		t.Helper()
		page := ask(t, h, "GET", target)
		found := tag.FindAllString(page.Body.String(), -1)
		if page.Code != http.StatusOK || len(found) != 1 || found[0] != "<style" ||
			strings.ContainsAny(page.Body.String(), "\u202e\x00") {
			t.Errorf("%s: status %d, tags %q", target[:min(len(target), 200)], page.Code, found)
		}
		if page.Body.Len() > 1<<20 {
			t.Errorf("%s: %d bytes", target[:min(len(target), 200)], page.Body.Len())
		}
	}
	check("/")
	for i, id := range ids {
		check("/trace?id=" + id)
		check("/?" + url.Values{"operation": {hostile[i]}, "service": {hostile[i]}}.Encode())
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
	for _, format := range []string{"html", "json", "text", "perfetto", "pprof"} {
		for _, target := range []string{"/?format=", "/trace?id=1&format=", "/?bucket=error&format="} {
			if got := ask(t, h, "GET", target+format); got.Code != http.StatusOK ||
				got.Body.Len() == 0 && format != "text" {
				t.Errorf("%s%s: status %d, %d bytes", target, format, got.Code, got.Body.Len())
			}
		}
	}
}

func TestOneAnalysisAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inside, most := 0, 0
		h := debug.Handler(fakeSource{entered: func() { // never two at once, so it needs no lock
			inside++
			most = max(most, inside)
			time.Sleep(time.Minute)
			inside--
		}})
		var asking sync.WaitGroup
		for range 3 {
			asking.Go(func() { ask(t, h, "GET", "/") })
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, "GET", "/", nil))
		if w.Code != http.StatusServiceUnavailable {
			t.Errorf("status %d", w.Code)
		}
		begin := time.Now()
		asking.Wait()
		if took := time.Since(begin); most != 1 || took != 3*time.Minute-time.Second {
			t.Errorf("%d at once, %v", most, took)
		}
	})
}

func TestSourceThatPanics(t *testing.T) {
	broken := true
	h := debug.Handler(fakeSource{entered: func() {
		if broken {
			panic("broken")
		}
	}})
	func() {
		defer func() { _ = recover() }() // as net/http does
		ask(t, h, "GET", "/")
	}()
	broken = false
	if got := ask(t, h, "GET", "/"); got.Code != http.StatusOK {
		t.Errorf("status %d", got.Code)
	}
}

// stalled is a client that reads nothing until wait is closed.
type stalled struct {
	*httptest.ResponseRecorder
	wait chan struct{}
}

func (s stalled) Write([]byte) (int, error) {
	<-s.wait
	return 0, errors.New("gone")
}

func TestSlowClientDelaysNobody(t *testing.T) {
	tr, recorder := newTracer(t)
	request(t, tr, "HTTP GET /books", time.Second)
	h := debug.Handler(recorder)
	slow := stalled{httptest.NewRecorder(), make(chan struct{})}
	var asking sync.WaitGroup
	asking.Go(func() { h.ServeHTTP(slow, httptest.NewRequest("GET", "/", nil)) })
	for range 10 {
		if got := ask(t, h, "GET", "/"); got.Code != http.StatusOK {
			t.Errorf("status %d", got.Code)
		}
	}
	close(slow.wait)
	asking.Wait()
}

func TestConcurrentRecording(t *testing.T) {
	tr, recorder := newTracer(t)
	h := debug.Handler(recorder)
	id := request(t, tr, "HTTP GET /books", time.Second)
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			for range 200 {
				request(t, tr, "HTTP GET /books", time.Millisecond)
			}
		})
		for _, target := range []string{"/", "/?format=json", "/profile", "/trace?id=" + id} {
			both.Go(func() {
				for range 5 {
					if got := ask(t, h, "GET", target); got.Code != http.StatusOK && got.Code != http.StatusNotFound {
						t.Errorf("%s: status %d", target, got.Code)
					}
				}
			})
		}
	}
	both.Wait()
}
