package main

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/bench/internal/peer"
	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/internal/worktime"
)

// This holds on any machine: gaptrace is not grossly wrong, and raw is.
func TestShort(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip(errNoClock)
	}
	short, peers, err := (&flags{short: true, peer: "^(gaptrace|raw)$"}).choose()
	if err != nil || len(short) < 9 || len(peers) != 2 {
		t.Fatalf("%d scenarios, %d peers, %v", len(short), len(peers), err)
	}
	var gross error
	for range 3 { // another process may take the CPU during a call: once is enough
		r, err := measureAll(short, peers, peer.Exporter{}, uint64(time.Now().UnixNano()), 3, million, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		gross = r.gross()
		for _, row := range r.Rows {
			if row.Peer == "raw" && row.Signed <= 0 {
				gross = errors.Join(gross, errors.New(row.Scenario+": nothing waited"))
			}
		}
		if gross == nil {
			return
		}
	}
	t.Error(gross)
}

func TestAllPeersAndScenarios(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip(errNoClock)
	}
	if testing.Short() {
		t.Skip("takes ten seconds")
	}
	r, err := measureAll(scenarios(), peer.All(), peer.Exporter{}, 1, 1, 20_000, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range r.Rows {
		for _, s := range row.Samples {
			if s.Length <= 0 || s.Self <= 0 || s.CPU <= 0 || s.Self > s.Length ||
				s.CPU > s.Elapsed*11/10+time.Millisecond {
				t.Errorf("%s, %s: %+v", row.Scenario, row.Peer, s)
			}
		}
	}
	checkPages(t, r)
}

func checkPages(t *testing.T, r *results) {
	dir := t.TempDir()
	for _, folder := range []string{"docs", "bench/fidelity"} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.FromSlash(folder)), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.write(dir); err != nil {
		t.Fatal(err)
	}
	for page, lines := range map[string]int{
		"docs/fidelity.md":          1,
		"bench/fidelity/results.md": 1 + len(r.Scenes()[1].Rows), // also a line in the list of scenarios
	} {
		text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(page)))
		if err != nil || strings.Count(string(text), "\n| http body | ") != lines {
			t.Errorf("%v; %s:\n%s", err, page, text)
		}
	}
	plot, err := os.Open(filepath.Join(dir, "docs", "fidelity.svg"))
	if err != nil {
		t.Fatal(err)
	}
	defer plot.Close()
	for d := xml.NewDecoder(plot); ; {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("the plot is not XML: %v", err)
		}
	}
}

func TestScheduleDependsOnSeed(t *testing.T) {
	if !reflect.DeepEqual(newSchedule(1, "a", 2), newSchedule(1, "a", 2)) {
		t.Error("different schedules for one seed")
	}
	for _, other := range []schedule{newSchedule(2, "a", 2), newSchedule(1, "b", 2), newSchedule(1, "a", 3)} {
		if reflect.DeepEqual(newSchedule(1, "a", 2), other) {
			t.Error("the same schedule for another seed, scenario or request")
		}
	}
	for i := range 1000 {
		for _, s := range newSchedule(1, "a", i).steps {
			if s.work < 200*time.Microsecond || s.work > 40*time.Millisecond || s.wait < 500*time.Microsecond ||
				s.wait > 30*time.Millisecond {
				t.Fatalf("%+v", s)
			}
		}
	}
}

func TestFigures(t *testing.T) {
	s := scenario{name: "known"}
	r := newResults(1, 4, []peer.Peer{{Name: ourName}})
	for _, self := range []time.Duration{53, 50, 48, 70} { // should be 50
		r.add(s, ourName, sample{Length: 100, Self: self, CPU: 35, Elapsed: 40, Library: 10, Inside: 1})
	}
	r.finish()
	got := r.Row("known", ourName)
	for name, pair := range map[string][2]float64{
		"mean": {got.Mean, 0.0625}, "median": {got.Median, 0.025}, "p95": {got.P95, 0.2}, "worst": {got.Worst, 0.2},
		"signed": {got.Signed, 0.0525}, "lost": {got.Lost, 0.05}, "CPU alone": {got.CPU, 0.2025},
		"in calls": {got.Inside, 0.01}, "no wait": {got.Library, 0.1},
	} {
		if math.Abs(pair[0]-pair[1]) > 1e-9 {
			t.Errorf("%s is %v, want %v", name, pair[0], pair[1])
		}
	}
	if err := r.gross(); err != nil {
		t.Errorf("gross by one request of four: %v", err)
	}
	r.Row("known", ourName).Median = 0.06
	if r.gross() == nil {
		t.Error("a median of 6 % is not gross")
	}
	verdict := []string{
		"mean error over all scenarios: 6.25 % (goal: 0.5 %)",
		"scenarios with a mean error over 1 %: known (6.25 %)",
		"scenarios with a median error over 0.2 %: known (6.00 %)",
		"mean error compared only with the CPU of the handler's thread outside of calls: 20.25 %; " +
			"scenarios over 1 %: known (20.25 %)",
	}
	if got := r.Verdict(); !slices.Equal(got, verdict) {
		t.Errorf("got:\n%q\nwant:\n%q", got, verdict)
	}
	if got, want := r.Peers[0].Cannot(), "; does not wrap "+strings.Join(misses(peer.Peer{}), ", ")+
		"; waits that look like work: known (6 %)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCollectorFlag(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip(errNoClock)
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	for _, on := range []bool{false, true} {
		percent := 0
		s := controlScenario
		s.collector = on
		s.open = func(*stage, peer.Peer, schedule) (func(*measurement) error, func(), error) {
			return func(m *measurement) error {
				return m.request(t.Context(), func(context.Context, *worktime.Clock) error {
					percent = debug.SetGCPercent(100)
					debug.SetGCPercent(percent)
					return nil
				})
			}, func() {}, nil
		}
		if _, err := measure(s, &stage{}, controlPeer, schedule{}); err != nil {
			t.Fatal(err)
		}
		if want := map[bool]int{false: -1, true: 100}[on]; percent != want {
			t.Errorf("GOGC is %d, want %d", percent, want)
		}
	}
}

func TestGapsIgnoreOtherTraces(t *testing.T) {
	at := func(trace, id gap.SpanID, operation string, start, end time.Duration, parent ...gap.Reference) gap.Span {
		return gap.Span{
			TraceID: gap.TraceID{Low: uint64(trace)}, SpanID: id, Operation: operation, References: parent,
			Start: time.Unix(0, 0).Add(start), Duration: end - start, Process: &gap.Process{Service: "bench"},
		}
	}
	below := gap.Reference{Type: gap.ChildOf, TraceID: gap.TraceID{Low: 1}, SpanID: 1}
	var m measurement
	err := m.gaps([]gap.Span{
		at(2, 3, "user of the connection", 0, time.Hour),
		at(1, 2, "call", 20*time.Millisecond, 50*time.Millisecond, below),
		at(1, 1, requestName, 0, 100*time.Millisecond),
	})
	if err != nil || m.sample.Self != 70*time.Millisecond || m.sample.Length != 100*time.Millisecond ||
		m.sample.Spans != 1 {
		t.Errorf("%+v, %v", m.sample, err)
	}
	if err := m.gaps([]gap.Span{at(1, 2, "call", 0, 1)}); err == nil {
		t.Error("no error for a request without a span")
	}
}

func TestExport(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip(errNoClock)
	}
	f := flags{n: 1, seed: 1, export: true, scenario: "^http headers$", peer: "gaptrace|otelhttp|dd"}
	scenes, peers, err := f.choose()
	if err != nil || len(peers) != 2 {
		t.Fatalf("%d peers, %v", len(peers), err)
	}
	r, err := f.measure(scenes, peers, io.Discard) // fails if no spans were sent
	if err != nil || !r.Exported || len(r.Rows) != 3 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestWrongFlags(t *testing.T) {
	for args, want := range map[string]string{
		"more":                     `unexpected argument "more"`,
		"-n 0":                     "-n 0: want at least one",
		"-n -1":                    "-n -1: want at least one",
		"-scenario nosuch":         "no scenario matches; scenarios are: http headers; ",
		"-peer nosuch":             "no peer matches; peers are: gaptrace, raw, ",
		"-scenario (":              "-scenario (: error parsing regexp: missing closing )",
		"-peer [":                  "-peer [: error parsing regexp: missing closing ]",
		"-short -scenario million": "no scenario matches; scenarios are: ",
		"-short -peer otelhttp":    "-short needs gaptrace",
		"-write . -scenario http":  "-write needs all",
		"-write . -peer gaptrace":  "-write needs all",
		"-write . -short":          "-write needs all",
		"-write . -json":           "-write needs all",
		"-write nosuch":            "no such folder",
		"-write fidelity_test.go":  "no such folder",
		"-nosuch":                  "not defined",
	} {
		var out, progress strings.Builder
		err := run(strings.Fields(args), &out, &progress)
		if err == nil || !strings.Contains(err.Error(), want) || out.Len() > 0 ||
			strings.Contains(progress.String(), "seed 1") {
			t.Errorf("%s: %v, want %s; it printed %q", args, err, want, progress.String())
		}
	}
	var help strings.Builder
	if err := run([]string{"-h"}, io.Discard, &help); err != nil ||
		!strings.Contains(help.String(), "-scenario regexp") {
		t.Errorf("-h: %v, %q", err, help.String())
	}
}
