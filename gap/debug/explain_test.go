package debug_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime/trace"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/opentracing/opentracing-go"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/debug"
)

var _ debug.FlightRecorder = (*trace.FlightRecorder)(nil)

// fakeFlight is a FlightRecorder.
type fakeFlight struct {
	stopped bool
	write   func(w io.Writer) (int64, error) // nil writes "go 1.26 trace"
}

func (f *fakeFlight) Enabled() bool { return !f.stopped }

func (f *fakeFlight) WriteTo(w io.Writer) (int64, error) {
	if f.write != nil {
		return f.write(w)
	}
	n, err := io.WriteString(w, "go 1.26 trace")
	return int64(n), err
}

// failing returns a flight recorder that fails after n bytes.
func failing(n int64, err error) *fakeFlight {
	return &fakeFlight{write: func(io.Writer) (int64, error) { return n, err }}
}

// fakeExplainer says that all gaps are CPU. It keeps what it was given.
type fakeExplainer struct {
	notes  []string
	err    error
	less   bool   // it forgets a trace
	begins func() // called first, if not nil
	given  []string
	traces [][]string // the operations of the roots
}

func (e *fakeExplainer) Explain(r io.Reader, traces []*gap.Trace) ([]*gap.Trace, []string, error) {
	if e.begins != nil {
		e.begins()
	}
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, nil, err
	}
	e.given = append(e.given, string(text))
	var explained []*gap.Trace
	var roots []string
	for _, t := range traces {
		for root := range t.Roots() {
			roots = append(roots, root.Span().Operation)
		}
		explained = append(explained, t.Explained(func(g gap.Gap) *gap.Explanation {
			return &gap.Explanation{Parts: []gap.Part{{Cause: gap.CauseCPU, Duration: g.Time}}}
		}))
	}
	e.traces = append(e.traces, roots)
	if e.less {
		explained = explained[1:]
	}
	return explained, e.notes, e.err
}

// recent records a request that ended some time ago.
func recent(t *testing.T, tr opentracing.Tracer, operation string, ago time.Duration) (id string) {
	t.Helper()
	const took = 40 * time.Millisecond
	return requestAt(t, tr, operation, time.Now().Add(-ago-took), took)
}

func TestExplainTrace(t *testing.T) {
	tr, recorder := newTracer(t)
	id := request(t, tr, "HTTP GET /books", time.Second)
	request(t, tr, "HTTP GET /other", time.Second)
	e := &fakeExplainer{notes: []string{"no CPU clocks <b>", "the end is missing"}}
	h := debug.Handler(recorder, nil, debug.WithExplainer(&fakeFlight{}, e))

	link := `<a href="explain?id=` + id + `">Explain</a>`
	if page := ask(t, h, "GET", "/trace?id="+id).Body.String(); !strings.Contains(page, link) {
		t.Error("the page of the trace has no link")
	}
	if len(e.given) > 0 {
		t.Error("the explainer ran without being asked")
	}
	got := ask(t, h, "GET", "/explain?id="+id)
	for _, want := range []string{
		"<h1 dir=\"auto\">bookshop: HTTP GET /books</h1>", `data-gaps="self `,
		"<li>no CPU clocks &lt;b&gt;</li>", "<li>the end is missing</li>",
		`<a href="trace?id=` + id + `">Without explanations</a>`, `href="explain?format=text&amp;id=` + id,
	} {
		if got.Code != http.StatusOK || !strings.Contains(got.Body.String(), want) {
			t.Errorf("status %d, no %s: %s", got.Code, want, got.Body)
		}
	}
	if fmt.Sprint(e.given, e.traces) != "[go 1.26 trace] [[HTTP GET /books]]" {
		t.Errorf("given %q, %q", e.given, e.traces)
	}
	text := ask(t, h, "GET", "/explain?format=text&id="+id).Body.String()
	plain := ask(t, h, "GET", "/trace?format=text&id="+id).Body.String()
	want := "Note: no CPU clocks <b>\nNote: the end is missing\n"
	if !strings.HasPrefix(text, want) || strings.HasPrefix(plain, "Note") {
		t.Errorf("text %q, without explanations %q", text, plain)
	}
	for _, format := range []string{"json", "perfetto", "pprof"} {
		if got := ask(t, h, "GET", "/explain?format="+format+"&id="+id); got.Code != http.StatusOK || got.Body.Len() == 0 {
			t.Errorf("%s: status %d", format, got.Code)
		}
	}
}

func TestExplainWindow(t *testing.T) {
	tr, recorder := newTracer(t)
	recent(t, tr, "an hour ago", time.Hour)
	recent(t, tr, "a minute ago", time.Minute)
	recent(t, tr, "9 seconds ago", 9*time.Second)
	last := recent(t, tr, "now", 0)
	for query, want := range map[string]string{
		"":                           "[[now 9 seconds ago]]",
		"window=5s":                  "[[now]]",
		"window=90s":                 "[[now 9 seconds ago a minute ago]]",
		"window=1h30m":               "[[now 9 seconds ago a minute ago an hour ago]]",
		"window=1h30m&operation=now": "[[now]]",
		"bucket=10ms":                "[[now 9 seconds ago]]",
		"bucket=1s":                  "[]",
	} {
		e := &fakeExplainer{notes: []string{"a note"}}
		h := debug.Handler(recorder, debug.WithExplainer(&fakeFlight{}, e))
		got := ask(t, h, "GET", "/explain?"+query)
		if got.Code != http.StatusOK || fmt.Sprint(e.traces) != want {
			t.Errorf("%s: status %d, explained %s, want %s", query, got.Code, e.traces, want)
		}
		page := got.Body.String()
		if want == "[]" {
			if !strings.Contains(page, "No trace ended in this time.") {
				t.Errorf("%s: %s", query, page)
			}
			continue
		}
		if !strings.Contains(page, "<li>a note</li>") || !strings.Contains(page, `href="explain?id=`+last) {
			t.Errorf("%s: %s", query, page)
		}
	}
	h := debug.Handler(recorder, debug.WithExplainer(&fakeFlight{}, &fakeExplainer{notes: []string{"a note"}}))
	if got := ask(t, h, "GET", "/explain?window=5s&format=json"); !json.Valid(got.Body.Bytes()) ||
		strings.Contains(got.Body.String(), "a minute ago") || !strings.Contains(got.Body.String(), last) {
		t.Errorf("%s", got.Body)
	}
	if got := ask(t, h, "GET", "/explain?window=5s&format=text").Body.String(); !strings.HasPrefix(got, "Note: a note\n") {
		t.Errorf("%s", got)
	}
	for target, link := range map[string]string{
		"/": `<a href="explain">Explain</a>`, "/?bucket=10ms": `<a href="explain?bucket=10ms">Explain</a>`,
	} {
		if list := ask(t, h, "GET", target).Body.String(); !strings.Contains(list, link) {
			t.Errorf("%s: no %s: %s", target, link, list)
		}
	}
}

func TestExplainErrors(t *testing.T) {
	tr, recorder := newTracer(t)
	id := recent(t, tr, "HTTP GET /books", 0)
	broken := errors.New("no disk <b>")
	for name, test := range map[string]struct {
		flight *fakeFlight // nil: no WithExplainer
		e      fakeExplainer
		code   int
		want   []string
	}{
		"not configured": {nil, fakeExplainer{}, 404, []string{
			"Gaps are not explained here", "trace.NewFlightRecorder", "flight.Start()", "debug.WithExplainer(flight",
		}},
		"not running": {&fakeFlight{stopped: true}, fakeExplainer{}, 503, []string{
			"The flight recorder is not running", "flight.Start()",
		}},
		"in use": {failing(0, errors.New("in progress")), fakeExplainer{}, 503, []string{
			"The flight recorder is in use", "Try again in a second.",
		}},
		"fails": {failing(7, broken), fakeExplainer{}, 500, []string{"The flight recorder failed", "no disk"}},
		"unknown version": {
			&fakeFlight{},
			fakeExplainer{err: errors.New("unknown version go 1.99 <b>")},
			500,
			[]string{"The gaps cannot be explained", "unknown version go 1.99"},
		},
		"trace is missing": {&fakeFlight{}, fakeExplainer{less: true}, 500, []string{"0 traces for 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := debug.Handler(recorder)
			if test.flight != nil {
				h = debug.Handler(recorder, debug.WithExplainer(test.flight, &test.e))
			}
			for _, target := range []string{"/explain?id=" + id, "/explain?", "/explain?window=1m"} {
				for _, format := range []string{"html", "json", "text"} {
					got := ask(t, h, "GET", target+"&format="+format)
					for _, want := range test.want {
						if got.Code != test.code || !strings.Contains(got.Body.String(), want) {
							t.Errorf("%s %s: status %d, want %d and %q: %s", target, format, got.Code, test.code, want, got.Body)
						}
					}
					if isPage := strings.HasPrefix(got.Header().Get("Content-Type"), "text/html"); isPage != (format == "html") ||
						isPage && strings.Contains(got.Body.String(), "<b>") {
						t.Errorf("%s %s: %s: %s", target, format, got.Header().Get("Content-Type"), got.Body)
					}
					if retry := got.Header().Get("Retry-After"); (retry == "1") != (name == "in use") {
						t.Errorf("%s %s: Retry-After %q", target, format, retry)
					}
				}
			}
			linked := strings.Contains(ask(t, h, "GET", "/trace?id="+id).Body.String(), "explain?id=")
			if linked != (test.flight != nil) {
				t.Errorf("the page of the trace links to its explanation: %t", linked)
			}
		})
	}
}

func TestSnapshotIsTooLarge(t *testing.T) {
	flight := &fakeFlight{write: func(w io.Writer) (n int64, err error) {
		for part := make([]byte, 16<<20); err == nil; n += int64(len(part)) {
			_, err = w.Write(part)
		}
		return n, err
	}}
	got := ask(t, debug.Handler(tracesOf(1, 10), debug.WithExplainer(flight, &fakeExplainer{})), "GET", "/explain?id=1")
	if got.Code != http.StatusInternalServerError || !strings.Contains(got.Body.String(), "more than 128 MiB") {
		t.Errorf("status %d: %s", got.Code, got.Body)
	}
}

func TestExplainQueryErrors(t *testing.T) {
	_, recorder := newTracer(t)
	h := debug.Handler(recorder, debug.WithExplainer(&fakeFlight{}, &fakeExplainer{}))
	for target, test := range map[string]struct {
		code int
		want string
	}{
		"/explain?id=xyz":         {400, "malformed id"},
		"/explain?id=":            {400, "malformed id"},
		"/explain?id=12":          {404, "is not here"},
		"/explain?window=5":       {400, "malformed window \"5\": want a duration such as 5s"},
		"/explain?window=":        {400, "malformed window"},
		"/explain?window=-5s":     {400, "malformed window"},
		"/explain?bucket=2s":      {400, "buckets are"},
		"/explain?format=xml":     {400, "formats are"},
		"/explain?id=1&format=ab": {400, "formats are"},
		"/explained":              {404, "pages are: ./, trace?id=…, profile, explain, explain?id=…"},
	} {
		if got := ask(t, h, "GET", target); got.Code != test.code || !strings.Contains(got.Body.String(), test.want) {
			t.Errorf("%s: status %d, want %d and %q: %s", target, got.Code, test.code, test.want, got.Body)
		}
	}
	if got := ask(t, h, "HEAD", "/explain"); got.Code != http.StatusOK || got.Body.Len() > 0 {
		t.Errorf("HEAD: status %d", got.Code)
	}
}

func TestWithExplainerNeedsBoth(t *testing.T) {
	for name, f := range map[string]func(){
		"recorder":  func() { debug.WithExplainer(nil, &fakeExplainer{}) },
		"explainer": func() { debug.WithExplainer(&fakeFlight{}, nil) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("no %s: it does not panic", name)
				}
			}()
			f()
		}()
	}
}

// Two requests never take a snapshot at the same time.
func TestOneSnapshotAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inside, most := 0, 0
		flight := &fakeFlight{write: func(w io.Writer) (int64, error) {
			inside++
			most = max(most, inside)
			time.Sleep(time.Second)
			inside--
			return 0, nil
		}}
		h := debug.Handler(tracesOf(1, 10), debug.WithExplainer(flight, &fakeExplainer{}))
		var asking sync.WaitGroup
		for range 3 {
			asking.Go(func() {
				if got := ask(t, h, "GET", "/explain?id=1"); got.Code != http.StatusOK {
					t.Errorf("status %d", got.Code)
				}
			})
		}
		if asking.Wait(); most != 1 {
			t.Errorf("%d at once", most)
		}
	})
}

func TestExplainingEndsWhenTheClientIsGone(t *testing.T) {
	for _, in := range []string{"snapshot", "end of the snapshot", "explanation"} {
		ctx, cancel := context.WithCancel(t.Context())
		wrote := 0
		e := &fakeExplainer{}
		flight := &fakeFlight{write: func(w io.Writer) (n int64, err error) {
			if in == "snapshot" {
				cancel()
			}
			for range 10 {
				part, err := w.Write([]byte("go 1.26 trace"))
				if n += int64(part); err != nil {
					return n, err
				}
				wrote++
			}
			if in == "end of the snapshot" {
				cancel()
			}
			return n, nil
		}}
		if in == "explanation" {
			e.begins = cancel
		}
		h := debug.Handler(tracesOf(1, 10), debug.WithExplainer(flight, e))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, "GET", "/explain?id=1", nil))
		if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "did not wait") ||
			len(e.given) > 0 || in == "snapshot" && wrote > 0 {
			t.Errorf("%s: status %d, %d writes: %s", in, w.Code, wrote, w.Body)
		}
	}
}

// startFlight starts the flight recorder of the process.
func startFlight(t *testing.T) *trace.FlightRecorder {
	t.Helper()
	flight := trace.NewFlightRecorder(trace.FlightRecorderConfig{})
	if err := flight.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(flight.Stop)
	return flight
}

func TestExplainByRealFlightRecorder(t *testing.T) {
	tr, recorder := newTracer(t)
	id := recent(t, tr, "HTTP GET /books", 0)
	flight := startFlight(t)
	e := &fakeExplainer{}
	h := debug.Handler(recorder, debug.WithExplainer(flight, e))
	for _, target := range []string{"/explain?id=" + id, "/explain"} {
		if got := ask(t, h, "GET", target); got.Code != http.StatusOK {
			t.Errorf("%s: status %d: %s", target, got.Code, got.Body)
		}
	}
	if len(e.given) != 2 || !strings.HasPrefix(e.given[1], "go 1.") || len(e.given[1]) < 100 {
		t.Errorf("given %.100q", e.given)
	}

	// Another snapshot is being taken.
	var other bytes.Buffer
	var got *httptest.ResponseRecorder
	_, err := flight.WriteTo(writerFunc(func(p []byte) (int, error) {
		if got == nil {
			got = ask(t, h, "GET", "/explain?id="+id)
		}
		return other.Write(p)
	}))
	if err != nil || got.Code != http.StatusServiceUnavailable || got.Header().Get("Retry-After") != "1" {
		t.Errorf("%v, status %d: %s", err, got.Code, got.Body)
	}

	flight.Stop()
	if got := ask(t, h, "GET", "/explain"); got.Code != http.StatusServiceUnavailable ||
		!strings.Contains(got.Body.String(), "not running") {
		t.Errorf("stopped: status %d: %s", got.Code, got.Body)
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
