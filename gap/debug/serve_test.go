package debug_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/pprof/profile"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/debug"
	"github.com/gaptrace/gaptrace/gap/report"
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
		if n := bytes.Count(perfetto, []byte(`"critical path, trace `)); n != test.most {
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
		"pprof": {"application/octet-stream", func(w io.Writer) error {
			return stacks.Profile(w, report.ProfileOptions{})
		}},
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
