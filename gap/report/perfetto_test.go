package report_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/report"
)

type event struct {
	Phase    string `json:"ph"`
	Name     string
	Category string      `json:"cat"`
	Process  int         `json:"pid"`
	Thread   int         `json:"tid"`
	Time     json.Number `json:"ts"`
	Duration json.Number `json:"dur"`
	Flow     int         `json:"id"`
	Args     map[string]any
}

// ns parses microseconds without rounding.
func ns(t *testing.T, n json.Number) int64 {
	var us, fraction int64
	if _, err := fmt.Sscanf(n.String(), "%d.%03d", &us, &fraction); err != nil {
		t.Fatalf("%s: %v", n, err)
	}
	return us*1000 + fraction
}

func events(t *testing.T, traces [][]gap.Span) []event {
	t.Helper()
	r, _ := gather(report.Options{Traces: 100}, traces)
	var b bytes.Buffer
	if err := r.Perfetto(&b); err != nil {
		t.Fatal(err)
	}
	var d struct {
		Events []event           `json:"traceEvents"`
		Data   map[string]string `json:"otherData"`
	}
	if err := json.Unmarshal(b.Bytes(), &d); err != nil {
		t.Fatalf("%v in\n%s", err, b.String())
	}
	if _, err := time.Parse(time.RFC3339Nano, d.Data["start"]); err != nil {
		t.Error(err)
	}
	return d.Events
}

func TestPerfettoSlicesNest(t *testing.T) {
	traces := append(someTraces(), inTrace(8, crowd()), inTrace(9, orphanedStream()))
	type lane struct{ process, thread int }
	type slice struct{ start, end int64 }
	lanes := map[lane][]slice{}
	spans, gaps, segments := 0, 0, 0
	for _, e := range events(t, traces) {
		if e.Phase != "X" {
			continue
		}
		switch e.Category {
		case "gap":
			gaps++
		case "critical":
			segments++
		default:
			spans++
		}
		s := slice{ns(t, e.Time), ns(t, e.Time) + ns(t, e.Duration)}
		lanes[lane{e.Process, e.Thread}] = append(lanes[lane{e.Process, e.Thread}], s)
	}
	wantSpans, wantGaps, wantSegments := 0, 0, 0
	for _, trace := range traces {
		built, _ := gap.Build(trace)
		wantSpans += built.Len()
		for range built.Gaps(0) {
			wantGaps++
		}
		for range built.CriticalPath() {
			wantSegments++
		}
	}
	if spans != wantSpans || gaps != wantGaps || segments != wantSegments {
		t.Errorf("%d spans, %d gaps and %d segments, want %d, %d and %d",
			spans, gaps, segments, wantSpans, wantGaps, wantSegments)
	}
	for at, all := range lanes {
		slices.SortStableFunc(all,
			func(a, b slice) int { return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(b.end, a.end)) })
		var stack []slice
		for _, s := range all {
			for len(stack) > 0 && stack[len(stack)-1].end <= s.start {
				stack = stack[:len(stack)-1]
			}
			if len(stack) > 0 && s.end > stack[len(stack)-1].end {
				t.Errorf("on lane %v %v crosses %v", at, s, stack[len(stack)-1])
			}
			stack = append(stack, s)
		}
	}
}

// orphanedStream returns a call without its parent, whose server is on the critical path during the
// later wait, too. Another root overlaps the wait.
func orphanedStream() []gap.Span {
	return []gap.Span{
		span(1, 9, shop, "client", "HTTP GET", 0, 10),
		wait(2, 1, span(0, 9, shop, "client", "HTTP GET", 50, 60)),
		span(3, 1, reader, "server", "HTTP GET", 5, 55),
		span(4, 8, shop, "server", "GET", 20, 52),
	}
}

func TestPerfettoArrowsLeadToOtherThreads(t *testing.T) {
	open := map[int]event{}
	arrows := 0
	for _, e := range events(t, [][]gap.Span{request()}) {
		switch e.Phase {
		case "s":
			open[e.Flow] = e
		case "f":
			from := open[e.Flow]
			delete(open, e.Flow)
			if from.Process == e.Process && from.Thread == e.Thread {
				t.Errorf("an arrow within a thread: %+v", e)
			}
			arrows++
		}
	}
	if arrows != 1 || len(open) != 0 { // from the reader to the bookshop
		t.Errorf("%d arrows, %d without an end", arrows, len(open))
	}
}

func TestPerfettoArrowsBeginInsideTheParent(t *testing.T) {
	spans := []gap.Span{
		span(1, 0, shop, "server", "root", 0, 100), span(2, 1, shop, "server", "parent", 30, 40),
		span(3, 2, shop, "client", "late", 50, 60),
	}
	spans[2].References[0].Type = gap.FollowsFrom
	arrows := 0
	for _, e := range events(t, [][]gap.Span{spans}) {
		if e.Phase == "s" {
			arrows++
			if at := time.Duration(ns(t, e.Time)); at < 30*time.Millisecond || at > 40*time.Millisecond {
				t.Errorf("an arrow begins at %v, its parent lasts from 30 to 40 ms", at)
			}
		}
	}
	if arrows != 1 {
		t.Errorf("%d arrows", arrows)
	}
}

func TestPerfettoCriticalPathIsAProcess(t *testing.T) {
	overlapping := append(fork(), span(20, 0, shop, "server", "second root", 50, 120))
	var names []string
	var segments []string
	for _, e := range events(t, [][]gap.Span{overlapping}) {
		if e.Name == "process_name" {
			names = append(names, e.Args["name"].(string))
		}
		if e.Category == "critical" {
			start := time.Duration(ns(t, e.Time))
			segments = append(segments, fmt.Sprintf("process %d, thread %d: %s, %v from %v to %v",
				e.Process, e.Thread, e.Name, e.Args["class"], start, start+time.Duration(ns(t, e.Duration))))
		}
	}
	if len(names) == 0 || names[0] != "critical path, trace 0000000000000001" {
		t.Errorf("processes %q", names)
	}
	want := []string{
		"process 1, thread 1: HTTP GET, wire from 0s to 10ms",
		"process 1, thread 1: HTTP GET, self from 10ms to 28ms",
		"process 1, thread 1: redis set, remote from 28ms to 80ms",
		"process 1, thread 1: GET, self from 80ms to 100ms",
		"process 1, thread 2: second root, self from 50ms to 120ms",
	}
	if !slices.Equal(segments, want) {
		t.Errorf("got %q\nwant %q", segments, want)
	}
}
