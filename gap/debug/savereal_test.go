package debug_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opentracing/opentracing-go"

	"github.com/gaptrace/gaptrace"
	nethttp "github.com/gaptrace/gaptrace/contrib/nethttp"
	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/debug"
	"github.com/gaptrace/gaptrace/gap/jaegerjson"
)

// A wrapped handler serves two requests. Both wait for a client, and one also works.
func TestSaveSlowOfRealRequests(t *testing.T) {
	tr, recorder := newTracer(t)
	flight := startFlight(t)
	dir := t.TempDir()
	var logged bytes.Buffer
	s, err := debug.SaveSlow(recorder, flight, debug.SaveOptions{
		Dir: dir, SelfTime: 10 * time.Millisecond, MinInterval: 1, Logger: slog.New(slog.NewTextHandler(&logged, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(20 * time.Millisecond)
		io.WriteString(w, "ok")
	}))
	defer slow.Close()
	client := nethttp.WrapClient(nil, gaptrace.WithTracer(tr))
	handler := nethttp.WrapHandler(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		call, err := http.NewRequestWithContext(req.Context(), http.MethodGet, slow.URL, nil)
		if err != nil {
			t.Error(err)
			return
		}
		res, err := client.Do(call)
		if err != nil {
			t.Error(err)
			return
		}
		io.Copy(w, res.Body)
		res.Body.Close()
		if req.URL.Path == "/works" {
			time.Sleep(20 * time.Millisecond)
		}
	}), gaptrace.WithTracer(tr))
	server := httptest.NewServer(handler)
	defer server.Close()
	get(t, server.URL+"/waits")
	get(t, server.URL+"/works")
	for range 1000 {
		if s.Stats() != (debug.SaveStats{}) {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	s.Close()
	names := files(t, dir)
	if got := s.Stats(); got.Saved != 1 || got.Failed != 0 || len(names) != 1 {
		t.Fatalf("%+v, files %q, logged %s", got, names, logged.String())
	}
	contents := unzip(t, filepath.Join(dir, names[0]))
	if recorded := contents["trace.out"]; !bytes.HasPrefix(recorded, []byte("go 1.")) || len(recorded) < 1000 {
		t.Errorf("trace.out: %.20q, %d bytes", recorded, len(recorded))
	}
	for spans, err := range jaegerjson.Read(bytes.NewReader(contents["spans.json"])) {
		if err != nil {
			t.Fatal(err)
		}
		trace, _ := gap.Build(spans)
		if self := trace.SelfTime(); len(spans) < 2 || self < 10*time.Millisecond || self > 10*time.Second {
			t.Errorf("self time %v of %d spans", self, len(spans))
		}
		if want := regexp.MustCompile(`-` + spans[0].TraceID.String() + `\.zip$`); !want.MatchString(names[0]) {
			t.Errorf("file %s of trace %v", names[0], spans[0].TraceID)
		}
	}
	noGoroutines(t)
}

// noGoroutines fails unless the goroutines of observers and of Savers end within two seconds.
func noGoroutines(t *testing.T) {
	t.Helper()
	var left string
	for range 200 {
		buf := make([]byte, 1<<20)
		left = ""
		for g := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
			if strings.Contains(g, "gap/debug.(*Saver)") || strings.Contains(g, "gaptrace/tracer.(*observation)") {
				left += g + "\n\n"
			}
		}
		if left == "" {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("goroutines left behind:\n%s", left)
}

// One request in a thousand is slow, while pages take snapshots of the same flight recorder.
func TestSaveSlowNextToPages(t *testing.T) {
	tr, recorder := newTracer(t)
	flight := startFlight(t)
	dir := t.TempDir()
	s, err := debug.SaveSlow(recorder, flight, debug.SaveOptions{Dir: dir, Duration: time.Second, MinInterval: 1})
	if err != nil {
		t.Fatal(err)
	}
	h := debug.Handler(recorder, debug.WithExplainer(flight, &fakeExplainer{}))
	ctx, cancel := context.WithCancel(t.Context())
	var both sync.WaitGroup
	both.Go(func() {
		for ctx.Err() == nil {
			recent(t, tr, "HTTP GET /books", 0)
			time.Sleep(time.Millisecond)
		}
	})
	both.Go(func() {
		for ctx.Err() == nil {
			if got := ask(t, h, "GET", "/explain"); got.Code != http.StatusOK && got.Code != http.StatusServiceUnavailable {
				t.Errorf("status %d: %s", got.Code, got.Body)
			}
		}
	})
	both.Go(func() {
		defer cancel()
		for range 5 {
			before := s.Stats()
			slow := tr.StartSpan("slow", opentracing.StartTime(time.Now().Add(-time.Second)))
			slow.Finish()
			for range 1000 {
				if s.Stats() != before {
					break
				}
				time.Sleep(5 * time.Millisecond)
			}
		}
	})
	both.Wait()
	s.Close()
	if got := s.Stats(); got.Saved != 5 || len(files(t, dir)) != 5 {
		t.Errorf("%+v, files %q", got, files(t, dir))
	}
	noGoroutines(t)
}
