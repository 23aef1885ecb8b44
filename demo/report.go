package main

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/charmbracelet/colorprofile"

	"github.com/gaptrace/gaptrace/demo/internal/bookshop"
	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/report"
	"github.com/gaptrace/gaptrace/internal/terminal"
)

// request is a request to the bookshop, in its trace.
type request struct {
	number int
	trace  *gap.Trace
	shop   gap.Node // the span of the shop's handler
}

// draw draws the last single request. It compares the gaps of all requests with what their handlers
// measured.
func draw(stdout io.Writer, r recording) error {
	requests := find(r.traces)
	if len(requests) != r.single+atOnce {
		return fmt.Errorf("made %d requests, recorded %d: check the variables JAEGER_DISABLED and JAEGER_SAMPLER_…",
			r.single+atOnce, len(requests))
	}
	drawn := requests[r.single-1]
	fmt.Fprintf(stdout, "Request %d, trace %v:\n\n", drawn.number, drawn.trace.ID())
	if err := report.Waterfall(stdout, drawn.trace, report.TextOptions{
		Width: cmp.Or(terminal.Width(stdout), 100), Color: colors(stdout), ASCII: !terminal.Unicode(os.Getenv),
	}); err != nil {
		return err
	}
	fmt.Fprint(stdout, "\nOne after the other:\n")
	single := compare(stdout, requests[:r.single])
	fmt.Fprintf(stdout, "%d at once:\n", atOnce)
	together := compare(stdout, requests[r.single:])

	const much = 0.05 // a difference that needs an explanation
	reason := fmt.Sprintf("%d requests on %d CPUs", atOnce, runtime.GOMAXPROCS(0))
	if single > much {
		reason = "it did other work, too"
	}
	if max(single, together) > much {
		fmt.Fprintf(stdout, "The machine was busy: %s. A gap is wall time, so it includes the time in which\n"+
			"a handler was ready to work but had no CPU. The handler measured only its CPU time.\n", reason)
	}
	return nil
}

// find returns the recorded requests to the bookshop, sorted by number.
func find(traces [][]gap.Span) []request {
	var requests []request
	for _, spans := range traces {
		trace, _ := gap.Build(spans)
		for n := range trace.Nodes() {
			id, _ := tag(n, "guid:x-request-id").(string)
			if number, err := strconv.Atoi(id); err == nil && n.Kind() == gap.KindServer {
				requests = append(requests, request{number, trace, n})
			}
		}
	}
	slices.SortFunc(requests, func(a, b request) int { return a.number - b.number })
	return requests
}

func tag(n gap.Node, key string) any {
	for _, t := range n.Span().Tags {
		if t.Key == key {
			return t.Value
		}
	}
	return nil
}

// compare prints a line for each request, and returns the largest relative difference.
func compare(out io.Writer, requests []request) (worst float64) {
	for _, r := range requests {
		gaps := r.shop.SelfTime()
		us, ok := tag(r.shop, bookshop.WorkTag).(int64)
		if !ok {
			fmt.Fprintf(out, "  request %d  self time: gaps %s, not measured: no CPU clock for a thread on %s\n",
				r.number, ms(gaps), runtime.GOOS)
			continue
		}
		measured := time.Duration(us) * time.Microsecond
		difference := math.Abs(float64(gaps-measured)) / float64(measured)
		fmt.Fprintf(out, "  request %d  self time: gaps %s, measured by the handler %s, difference %.1f %%\n",
			r.number, ms(gaps), ms(measured), 100*difference)
		worst = max(worst, difference)
	}
	return worst
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond)) }

// colors reports whether w is a terminal with colors, and the user has not set NO_COLOR.
func colors(w io.Writer) bool {
	return colorprofile.Detect(w, os.Environ()) > colorprofile.ASCII && os.Getenv("NO_COLOR") == ""
}
