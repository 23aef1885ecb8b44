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

// explainedEvents returns the events of one trace, and checks that slices on a thread nest.
func explainedEvents(t *testing.T, trace *gap.Trace) []event {
	t.Helper()
	r := report.New(report.Options{})
	r.Add(trace, nil)
	var b bytes.Buffer
	if err := r.Perfetto(&b); err != nil {
		t.Fatal(err)
	}
	var d struct {
		Events []event `json:"traceEvents"`
	}
	if err := json.Unmarshal(b.Bytes(), &d); err != nil {
		t.Fatalf("%v in\n%s", err, b.String())
	}
	type slice struct{ start, end int64 }
	threads := map[[2]int][]slice{}
	for _, e := range d.Events {
		if e.Phase == "X" {
			at, start := [2]int{e.Process, e.Thread}, ns(t, e.Time)
			threads[at] = append(threads[at], slice{start, start + ns(t, e.Duration)})
		}
	}
	for at, all := range threads {
		slices.SortStableFunc(all,
			func(a, b slice) int { return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(b.end, a.end)) })
		var open []slice
		for _, s := range all {
			for len(open) > 0 && open[len(open)-1].end <= s.start {
				open = open[:len(open)-1]
			}
			if len(open) > 0 && s.end > open[len(open)-1].end {
				t.Errorf("on thread %v %v crosses %v", at, s, open[len(open)-1])
			}
			open = append(open, s)
		}
	}
	return d.Events
}

func TestPerfettoShowsExplanations(t *testing.T) {
	built, _ := gap.Build(request())
	trace := explain(built, true)
	names := map[int]string{}
	order := map[int]float64{}
	var got []string
	verdicts := 0
	for _, e := range explainedEvents(t, trace) {
		switch {
		case e.Name == "thread_name":
			names[e.Thread] = e.Args["name"].(string)
		case e.Name == "thread_sort_index":
			order[e.Thread] = e.Args["sort_index"].(float64)
		case e.Category == "gap" && e.Args["verdict"] != nil:
			verdicts++
		case e.Category == "cause":
			if e.Args["client"] != nil && e.Args["rule"] != "GT101" {
				t.Errorf("rule %v of client %v", e.Args["rule"], e.Args["client"])
			}
			start := time.Duration(ns(t, e.Time))
			got = append(got, fmt.Sprintf("thread %d: %s from %v to %v, %v, %v",
				e.Thread, e.Name, start.Round(time.Microsecond),
				(start+time.Duration(ns(t, e.Duration))).Round(time.Microsecond), e.Args["at"], e.Args["held_by"]))
		}
	}
	want := []string{
		"thread 1: CPU from 20ms to 26ms, page.go:31, <nil>",
		"thread 1: waiting for a CPU from 26ms to 29.5ms, page.go:31, <nil>",
		"thread 1: GC from 29.5ms to 30ms, <nil>, <nil>",
		"thread 1: lock from 50ms to 58ms, cart.go:17, HTTP GET /cart",
		"thread 1: CPU from 58ms to 60ms, page.go:31, <nil>",
		"thread 1: network (unwrapped client) from 70.1ms to 79.5ms, page.go:44, <nil>",
		"thread 1: CPU from 79.5ms to 80ms, page.go:31, <nil>",
		"thread 1: not observed from 89ms to 90ms, <nil>, <nil>",
		"thread 2: CPU from 80ms to 87ms, render.go:9, <nil>",
		"thread 2: waiting for Go's scheduler from 87ms to 89ms, render.go:9, <nil>",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	if names[2] != "goroutine 17" || order[2] <= order[1] || verdicts != 4 {
		t.Errorf("thread 2 is %q, order %v, %d verdicts", names[2], order, verdicts)
	}
}

func TestPerfettoOfManyGoroutines(t *testing.T) {
	for name, spans := range map[string][]gap.Span{"comb": comb(6), "crowd": crowd(), "stream": orphanedStream()} {
		trace, _ := gap.Build(spans)
		threads := map[[2]int]bool{}
		for _, e := range explainedEvents(t, hostile(trace)) {
			if e.Name == "thread_name" {
				threads[[2]int{e.Process, e.Thread}] = true
			}
		}
		if len(threads) == 0 || len(threads) > 150 {
			t.Errorf("%s: %d threads for goroutines", name, len(threads))
		}
	}
}
