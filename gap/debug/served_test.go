package debug_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/debug"
)

// watched is the context of a request. The handler calls its Err again and again while it works.
type watched struct {
	context.Context
	asked func() error
}

func (w watched) Err() error { return w.asked() }

// askWatched is ask with a watched context.
func askWatched(t *testing.T, h http.Handler, target string, asked func() error) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(watched{t.Context(), asked}, "GET", target, nil))
	return w
}

func TestOneRenderingAtATime(t *testing.T) {
	source := tracesOf(1, 1000)
	for _, target := range []string{"/?format=json", "/?format=perfetto", "/trace?id=1", "/trace?id=1&format=json"} {
		synctest.Test(t, func(t *testing.T) {
			h := debug.Handler(source) // inside the bubble, with the channel that it waits for
			inside, most, times := 0, 0, 0
			asked := func() error { // never two at once, so it needs no lock
				inside++
				most, times = max(most, inside), times+1
				time.Sleep(time.Second)
				inside--
				return nil
			}
			var asking sync.WaitGroup
			const clients = 3
			for range clients {
				asking.Go(func() {
					if got := askWatched(t, h, target, asked); got.Code != http.StatusOK {
						t.Errorf("%s: status %d", target, got.Code)
					}
				})
			}
			asking.Wait()
			if least := 20 * clients; most != 1 || times < least {
				t.Errorf("%s: %d at once, looked for the client %d times, want at least %d", target, most, times, least)
			}
		})
	}
}

func TestWorkEndsWhenTheClientIsGone(t *testing.T) {
	source := tracesOf(20, 500)
	h := debug.Handler(source)
	for _, target := range []string{
		"/?format=json", "/?format=perfetto", "/?format=text", "/", "/profile", "/trace?id=1",
		"/trace?id=1&format=json",
	} {
		// With the last one the client is gone during rendering, if that takes long enough.
		for _, stays := range []int{0, 1, 5, len(source.traces) + 3} {
			times := 0
			got := askWatched(t, h, target, func() error {
				if times++; times > stays {
					return context.Canceled
				}
				return nil
			})
			if after := times - stays; after > 5 {
				t.Errorf("%s: checked for the client %d times after it was gone", target, after)
			}
			if got.Code == http.StatusOK && times > stays {
				t.Errorf("%s: status %d, after %d looks", target, got.Code, stays)
			}
		}
	}
	times := 0
	got := askWatched(t, h, "/", func() error { times++; return nil })
	if least := len(source.traces); got.Code != http.StatusOK || times < least {
		t.Errorf("status %d, checked for a client that stays %d times, want at least once for each of %d traces",
			got.Code, times, least)
	}
}

// The client is gone before its turn comes.
func TestNoWorkForClientsThatAreGone(t *testing.T) {
	asked := 0
	h := debug.Handler(fakeSource{entered: func() { asked++ }})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, "GET", "/", nil))
		if w.Code != http.StatusServiceUnavailable || asked > 0 {
			t.Fatalf("status %d, the source was asked %d times", w.Code, asked)
		}
	}
}

func TestHEADRendersNothing(t *testing.T) {
	h := debug.Handler(tracesOf(1, 1000))
	times := 0
	ctx := watched{t.Context(), func() error { times++; return nil }}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, "HEAD", "/trace?id=1&format=json", nil))
	if w.Code != http.StatusOK || w.Body.Len() > 0 || times > 5 {
		t.Errorf("status %d, %d bytes, looked for the client %d times", w.Code, w.Body.Len(), times)
	}
}

func TestDrawnTracesAreBounded(t *testing.T) {
	for _, test := range []struct{ traces, each, most int }{{2, 20_001, 1}, {3, 10_000, 2}, {12, 100, 10}} {
		h := debug.Handler(tracesOf(test.traces, test.each))
		var answer struct {
			Count  struct{ Traces, Spans int }
			Traces []json.RawMessage
		}
		if err := json.Unmarshal(ask(t, h, "GET", "/?format=json").Body.Bytes(), &answer); err != nil {
			t.Fatal(err)
		}
		if answer.Count.Spans != test.traces*test.each || answer.Count.Traces != test.traces ||
			len(answer.Traces) != test.most {
			t.Errorf("%d traces: it counts %d, and has %d, want %d", test.traces, answer.Count.Traces,
				len(answer.Traces), test.most)
		}
		perfetto := ask(t, h, "GET", "/?format=perfetto").Body.Bytes()
		if n := bytes.Count(perfetto, []byte(`"process_name"`)); n != test.most {
			t.Errorf("%d traces: Perfetto has %d, want %d", test.traces, n, test.most)
		}
	}
}

func TestAnswerIsTooLarge(t *testing.T) {
	source := tracesOf(1, 1000)
	name := strings.Repeat("\x01", 64<<10) // JSON takes six bytes for each
	for i := range source.traces[0][:200] {
		source.traces[0][i].Operation = name
	}
	h := debug.Handler(source)
	for _, target := range []string{"/?format=json", "/trace?id=1&format=perfetto"} {
		got := ask(t, h, "GET", target)
		if got.Code != http.StatusInternalServerError || !strings.Contains(got.Body.String(), "more than 64 MiB") ||
			got.Body.Len() > 200 || got.Header().Get("Content-Disposition") != "" {
			t.Errorf("%s: status %d, %d bytes, %v", target, got.Code, got.Body.Len(), got.Header())
		}
	}
	for _, target := range []string{"/", "/?format=text", "/trace?id=1", "/trace?id=1&format=text"} {
		if got := ask(t, h, "GET", target); got.Code != http.StatusOK {
			t.Errorf("%s: status %d", target, got.Code)
		}
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
		"html": "text/html", "json": "text/plain", "text": "text/plain", "perfetto": "text/plain",
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
