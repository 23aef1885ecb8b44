package debug_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/debug"
	"github.com/gaptrace/gaptrace/gap/jaegerjson"
	"github.com/gaptrace/gaptrace/gap/read"
	"github.com/gaptrace/gaptrace/tracer"
)

var _ debug.Observable = (*tracer.Recorder)(nil)

// fakeRequests is an Observable.
type fakeRequests struct {
	observe func([]gap.Span)
	stop    func() // if not nil
	stopped bool
}

func (r *fakeRequests) Observe(observe func([]gap.Span), _ time.Duration) (stop func()) {
	r.observe = observe
	return func() {
		if r.stop != nil {
			r.stop()
		}
		r.stopped = true
	}
}

// ends tells the observer that a request has ended, half of which was the wait for a call.
func (r *fakeRequests) ends(id uint64, took time.Duration) {
	of := gap.TraceID{Low: id}
	process := &gap.Process{Service: "bookshop"}
	r.observe([]gap.Span{
		{TraceID: of, SpanID: 1, Operation: "HTTP GET /books", Start: start, Duration: took, Process: process},
		{
			TraceID: of, SpanID: 2, Operation: "sql query", Start: start, Duration: took / 2, Process: process,
			References: []gap.Reference{{TraceID: of, SpanID: 1}},
			Tags:       []gap.Field{{Key: "span.kind", Value: "client"}, {Key: "db.statement", Value: "SELECT 1"}},
		},
	})
}

// saving runs f with a Saver in a bubble. The test fails if the Saver's goroutine does not end.
func saving(
	t *testing.T, flight *fakeFlight, o debug.SaveOptions, f func(t *testing.T, r *fakeRequests, s *debug.Saver),
) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &fakeRequests{}
		s, err := debug.SaveSlow(r, flight, o)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		f(t, r, s)
	})
}

// saved waits until a request has been saved.
func saved() { time.Sleep(60 * time.Millisecond) }

// files returns the names in a folder, sorted.
func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// unzip returns the contents of a zip file.
func unzip(t *testing.T, name string) map[string][]byte {
	t.Helper()
	z, err := zip.OpenReader(name)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	contents := map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if contents[f.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	return contents
}

func TestSaveSlow(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	saving(t, &fakeFlight{}, debug.SaveOptions{Dir: dir, Duration: time.Second}, func(
		t *testing.T, r *fakeRequests, s *debug.Saver,
	) {
		r.ends(0xab, time.Second-1)
		saved()
		if names := files(t, dir); len(names) != 0 {
			t.Errorf("a fast request is saved: %q", names)
		}
		r.ends(0xab, time.Second)
		time.Sleep(49 * time.Millisecond)
		if names := files(t, dir); len(names) != 0 {
			t.Errorf("before the next reading of the CPU clocks: %q", names)
		}
		time.Sleep(11 * time.Millisecond)
		names := files(t, dir)
		if len(names) != 1 || names[0] != "gaps-20000101T000000.060000000Z-00000000000000ab.zip" {
			t.Fatalf("files %q", names)
		}
		contents := unzip(t, filepath.Join(dir, names[0]))
		if len(contents) != 2 || string(contents["trace.out"]) != "go 1.26 trace" {
			t.Errorf("contents %q", contents)
		}
		var spans []gap.Span
		for trace, err := range jaegerjson.Read(bytes.NewReader(contents["spans.json"]), read.WithEverything()) {
			if err != nil {
				t.Fatal(err)
			}
			spans = append(spans, trace...)
		}
		if v, _ := spans[1].Tag("db.statement"); len(spans) != 2 || v != "SELECT 1" ||
			spans[0].Process.Service != "bookshop" {
			t.Errorf("spans %+v", spans)
		}
		if got := s.Stats(); got != (debug.SaveStats{Saved: 1}) {
			t.Errorf("%+v", got)
		}
		for name, want := range map[string]os.FileMode{dir: 0o700 | os.ModeDir, filepath.Join(dir, names[0]): 0o600} {
			if info, err := os.Stat(name); err != nil || info.Mode() != want && runtime.GOOS != "windows" {
				t.Errorf("%s has mode %v, want %v", name, info.Mode(), want)
			}
		}
		s.Close()
		s.Close()
		if !r.stopped {
			t.Error("it still observes")
		}
		time.Sleep(time.Hour)
		if r.ends(0xcd, time.Second); len(files(t, dir)) != 1 {
			t.Errorf("files %q", files(t, dir))
		}
	})
}

// The self time of the requests is half of their duration.
func TestSaveSlowByThreshold(t *testing.T) {
	for name, test := range map[string]struct {
		duration, self time.Duration
		want           []time.Duration
	}{
		"duration":  {20 * time.Millisecond, 0, []time.Duration{20 * time.Millisecond, 40 * time.Millisecond}},
		"self time": {0, 20 * time.Millisecond, []time.Duration{40 * time.Millisecond}},
		"either": {40 * time.Millisecond, 10 * time.Millisecond, []time.Duration{
			20 * time.Millisecond, 40 * time.Millisecond,
		}},
		"both late": {time.Hour, time.Hour, nil},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			saving(t, &fakeFlight{}, debug.SaveOptions{Dir: dir, Duration: test.duration, SelfTime: test.self}, func(
				t *testing.T, r *fakeRequests, _ *debug.Saver,
			) {
				r.observe(nil)
				var slow []time.Duration
				for _, took := range []time.Duration{10 * time.Millisecond, 20 * time.Millisecond, 40 * time.Millisecond} {
					before := len(files(t, dir))
					r.ends(0xab, took)
					saved()
					if len(files(t, dir)) > before {
						slow = append(slow, took)
					}
					time.Sleep(time.Minute)
				}
				if !slices.Equal(slow, test.want) {
					t.Errorf("saved %v, want %v", slow, test.want)
				}
			})
		})
	}
}

func TestSaveSlowMinInterval(t *testing.T) {
	for given, want := range map[time.Duration]time.Duration{0: time.Minute, time.Second: time.Second} {
		dir := t.TempDir()
		saving(t, &fakeFlight{}, debug.SaveOptions{Dir: dir, Duration: 1, MinInterval: given}, func(
			t *testing.T, r *fakeRequests, s *debug.Saver,
		) {
			begin := time.Now()
			for _, at := range []time.Duration{0, want - 1, want, want + want/2, 2 * want} {
				time.Sleep(time.Until(begin.Add(at)))
				r.ends(0xab, time.Second)
			}
			saved()
			if got := s.Stats(); got != (debug.SaveStats{Saved: 3, Skipped: 2}) || len(files(t, dir)) != 3 {
				t.Errorf("%v: %+v, files %q", given, got, files(t, dir))
			}
		})
	}
}

func TestSaveSlowFailures(t *testing.T) {
	for name, test := range map[string]struct {
		flight *fakeFlight
		want   string
	}{
		"not running": {&fakeFlight{stopped: true}, "the flight recorder is not running"},
		"disk is full": {&fakeFlight{write: func(w io.Writer) (int64, error) {
			n, _ := w.Write([]byte("go 1.26"))
			return int64(n), &os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}
		}}, syscall.ENOSPC.Error()},
		"always in use": {failing(0, errors.New("in progress")), "in progress"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			var logged bytes.Buffer
			o := debug.SaveOptions{Dir: dir, Duration: 1, Logger: slog.New(slog.NewTextHandler(&logged, nil))}
			saving(t, test.flight, o, func(t *testing.T, r *fakeRequests, s *debug.Saver) {
				for range 3 {
					r.ends(0xab, time.Second)
					time.Sleep(10 * time.Second)
				}
				got := s.Stats()
				if got.Failed != 1 || got.Skipped != 2 || got.Saved != 0 ||
					!strings.Contains(fmt.Sprint(got.Err), test.want) {
					t.Errorf("%+v", got)
				}
				if names := files(t, dir); len(names) != 0 {
					t.Errorf("files %q", names)
				}
				if lines := logged.String(); strings.Count(lines, "\n") != 1 || !strings.Contains(lines, test.want) ||
					!strings.Contains(lines, "level=WARN") || !strings.Contains(lines, "trace=00000000000000ab") {
					t.Errorf("logged %s", lines)
				}
				*test.flight = fakeFlight{}
				time.Sleep(time.Minute)
				r.ends(0xab, time.Second)
				saved()
				if s.Stats().Saved != 1 || len(files(t, dir)) != 1 || !strings.Contains(logged.String(), "level=INFO") {
					t.Errorf("afterwards: %+v, logged %s", s.Stats(), logged.String())
				}
			})
		})
	}
}

// A page takes a snapshot when the request ends.
func TestSaveSlowWaitsForTheFlightRecorder(t *testing.T) {
	dir := t.TempDir()
	var free atomic.Bool
	flight := &fakeFlight{write: func(io.Writer) (int64, error) {
		if free.Load() {
			return 0, nil
		}
		return 0, errors.New("in progress")
	}}
	saving(t, flight, debug.SaveOptions{Dir: dir, Duration: 1}, func(t *testing.T, r *fakeRequests, s *debug.Saver) {
		r.ends(0xab, time.Second)
		time.Sleep(140 * time.Millisecond)
		synctest.Wait()
		free.Store(true)
		time.Sleep(time.Second)
		if names := files(t, dir); len(names) != 1 || s.Stats().Saved != 1 {
			t.Errorf("files %q, %+v", names, s.Stats())
		}

		time.Sleep(time.Minute)
		free.Store(false)
		r.ends(0xab, time.Second)
		synctest.Wait()
		begin := time.Now()
		s.Close()
		if took := time.Since(begin); took > 0 || s.Stats().Failed != 1 || len(files(t, dir)) != 1 {
			t.Errorf("Close took %v, %+v", took, s.Stats())
		}
	})
}

func TestSaveSlowOptions(t *testing.T) {
	dir := t.TempDir()
	requests, flight := &fakeRequests{}, &fakeFlight{}
	for name, test := range map[string]struct {
		requests debug.Observable
		flight   debug.FlightRecorder
		o        debug.SaveOptions
		want     string
	}{
		"no requests":        {nil, flight, debug.SaveOptions{Dir: dir, Duration: 1}, "is nil"},
		"no flight recorder": {requests, nil, debug.SaveOptions{Dir: dir, Duration: 1}, "is nil"},
		"no folder":          {requests, flight, debug.SaveOptions{Duration: 1}, "set Dir"},
		"no threshold":       {requests, flight, debug.SaveOptions{Dir: dir}, "set Duration, SelfTime or both"},
		"duration":           {requests, flight, debug.SaveOptions{Dir: dir, Duration: -1}, "negative"},
		"self time":          {requests, flight, debug.SaveOptions{Dir: dir, Duration: 1, SelfTime: -1}, "negative"},
		"interval":           {requests, flight, debug.SaveOptions{Dir: dir, Duration: 1, MinInterval: -1}, "negative"},
		"files":              {requests, flight, debug.SaveOptions{Dir: dir, Duration: 1, MaxFiles: -1}, "negative"},
		"bytes":              {requests, flight, debug.SaveOptions{Dir: dir, Duration: 1, MaxBytes: -1}, "negative"},
	} {
		if s, err := debug.SaveSlow(test.requests, test.flight, test.o); s != nil || err == nil ||
			!strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if names := files(t, dir); len(names) != 0 || requests.observe != nil {
		t.Errorf("files %q", names)
	}
}

func TestCloseCompletesTheFile(t *testing.T) {
	dir := t.TempDir()
	flight := &fakeFlight{write: func(w io.Writer) (int64, error) {
		time.Sleep(100 * time.Millisecond)
		n, err := io.WriteString(w, "go 1.26 trace")
		return int64(n), err
	}}
	saving(t, flight, debug.SaveOptions{Dir: dir, Duration: 1, MinInterval: 1}, func(
		t *testing.T, r *fakeRequests, s *debug.Saver,
	) {
		begin := time.Now()
		r.ends(1, time.Second)
		if took := time.Since(begin); took > 0 {
			t.Errorf("the request waited for %v", took)
		}
		time.Sleep(100 * time.Millisecond)
		if names := files(t, dir); len(names) != 1 || !strings.HasSuffix(names[0], ".tmp") {
			t.Errorf("while it is written: files %q", names)
		}
		r.ends(2, time.Second)
		s.Close()
		if names := files(t, dir); len(names) != 1 || !strings.HasSuffix(names[0], "1.zip") ||
			s.Stats() != (debug.SaveStats{Saved: 1, Skipped: 1}) {
			t.Errorf("files %q, %+v", names, s.Stats())
		}
	})
}

// A Recorder that is told to stop first observes the requests whose grace has not ended.
func TestCloseSavesTheLastRequest(t *testing.T) {
	dir := t.TempDir()
	saving(t, &fakeFlight{}, debug.SaveOptions{Dir: dir, Duration: 1}, func(
		t *testing.T, r *fakeRequests, s *debug.Saver,
	) {
		r.stop = func() { r.ends(1, time.Second) }
		s.Close()
		if names := files(t, dir); len(names) != 1 || s.Stats() != (debug.SaveStats{Saved: 1}) {
			t.Errorf("files %q, %+v", names, s.Stats())
		}
	})
}
