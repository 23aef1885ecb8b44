package debug_test

import (
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/opentracing/opentracing-go"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/debug"
)

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
	h := debug.Handler(recorder, debug.WithExplainer(&fakeFlight{}, &fakeExplainer{notes: hostile}))
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
	check("/explain?window=1000000h")
	for i, id := range ids {
		check("/trace?id=" + id)
		check("/explain?id=" + id)
		check("/?" + url.Values{"operation": {hostile[i]}, "service": {hostile[i]}}.Encode())
	}
}

// The page profile?format=html has the same links as the index.
func TestLinksAreTheSameOnEveryPage(t *testing.T) {
	tr, recorder := newTracer(t)
	request(t, tr, "HTTP GET /books", time.Second)
	server := httptest.NewServer(http.StripPrefix("/debug/gaps", debug.Handler(recorder)))
	defer server.Close()
	count := regexp.MustCompile(`href="([^"]*\?[^"]*)">(\d+|JSON|Profile)</a>`)
	want := map[string]string{"JSON": "application/json", "Profile": "application/octet-stream"}
	for _, place := range []string{
		"/debug/gaps/", "/debug/gaps/profile?format=html", "/debug/gaps/?bucket=1s",
		"/debug/gaps/profile?format=html&bucket=1s",
	} {
		res, body := get(t, server.URL+place)
		links := count.FindAllStringSubmatch(body, -1)
		if len(links) < 2 {
			t.Errorf("%s: %d links", place, len(links))
		}
		for _, link := range links {
			to, err := res.Request.URL.Parse(html.UnescapeString(link[1]))
			if err != nil {
				t.Fatal(err)
			}
			contentType := "text/html; charset=utf-8"
			if w, ok := want[link[2]]; ok {
				contentType = w
			}
			if res, _ := get(t, to.String()); to.Path != "/debug/gaps/" ||
				res.Header.Get("Content-Type") != contentType {
				t.Errorf("%s: %s: %s", place, to, res.Header.Get("Content-Type"))
			}
		}
	}
}

func TestMissingTraceInEachFormat(t *testing.T) {
	_, recorder := newTracer(t)
	h := debug.Handler(recorder)
	for format, contentType := range map[string]string{
		"html": "text/html", "json": "text/plain", "text": "text/plain", "perfetto": "text/plain", "jaeger": "text/plain",
		"pprof": "text/plain",
	} {
		for _, method := range []string{"GET", "HEAD"} {
			got := ask(t, h, method, "/trace?id=99&format="+format)
			if got.Code != http.StatusNotFound || !strings.HasPrefix(got.Header().Get("Content-Type"), contentType) ||
				got.Header().Get("Content-Disposition") != "" {
				t.Errorf("%s %s: status %d, %v", method, format, got.Code, got.Header())
			}
			page := strings.Contains(got.Body.String(), "<")
			if method == "GET" &&
				(page != (format == "html") || !strings.Contains(got.Body.String(), "99 is not here")) {
				t.Errorf("%s: %s", format, got.Body)
			}
		}
	}
}

func TestSumsOfLongDurationsAreNotNegative(t *testing.T) {
	var spans []gap.Span
	early := time.Date(1824, 1, 1, 0, 0, 0, 0, time.UTC) // so that the longest duration is in range
	for i := range 2 {                                   // the sum of three would overflow to a positive number
		spans = append(spans,
			gap.Span{SpanID: gap.SpanID(i + 1), Start: early, Duration: 1<<63 - 1<<59, Operation: "forever"})
	}
	list := ask(t, debug.Handler(fakeSource{traces: [][]gap.Span{spans}}), "GET", "/?bucket=1s").Body.String()
	times := regexp.MustCompile(`data-h="(Self time|Critical)">([^<]*)</td>`).FindAllStringSubmatch(list, 2)
	if len(times) != 2 {
		t.Fatal(list)
	}
	for _, column := range times {
		if strings.HasPrefix(column[2], "-") || column[2] == "0" {
			t.Errorf("%s: %s", column[1], column[2])
		}
	}
}

func TestListFlagsIncompleteTraces(t *testing.T) {
	whole := gap.Span{TraceID: gap.TraceID{Low: 1}, SpanID: 1, Start: start, Duration: time.Second}
	incomplete := whole
	incomplete.TraceID.Low, incomplete.References = 2, []gap.Reference{{TraceID: gap.TraceID{Low: 2}, SpanID: 7}}
	h := debug.Handler(fakeSource{traces: [][]gap.Span{{whole}, {incomplete}}})
	list := ask(t, h, "GET", "/?bucket=1s").Body.String()
	for id, want := range map[gap.TraceID]bool{whole.TraceID: false, incomplete.TraceID: true} {
		pattern := fmt.Sprintf(`<th role="rowheader" scope="row"><a href="trace\?id=%s"><code>.*</th>`, id)
		head := regexp.MustCompile(pattern).FindString(list)
		if head == "" || strings.Contains(head, "<small>spans are missing</small>") != want {
			t.Errorf("trace %s: %s", id, head)
		}
	}
}
