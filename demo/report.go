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
	requests, notes, err := r.runtime.explained(requests)
	if err != nil {
		return err
	}
	drawn := requests[r.single-1]
	fmt.Fprintf(stdout, "Request %d, trace %v:\n\n", drawn.number, drawn.trace.ID())
	if err := report.Waterfall(stdout, drawn.trace, report.TextOptions{
		Width: cmp.Or(terminal.Width(stdout), 100), Color: colors(stdout), ASCII: !terminal.Unicode(os.Getenv),
	}); err != nil {
		return err
	}
	fmt.Fprint(stdout, "\nOne after the other:\n")
	compare(stdout, requests[:r.single])
	fmt.Fprintf(stdout, "%d at once:\n", atOnce)
	compare(stdout, requests[r.single:])
	for _, note := range notes {
		fmt.Fprintf(stdout, "Note: %s.\n", note)
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

// compare prints what each request's self time was, next to the CPU time that its handler measured.
func compare(out io.Writer, requests []request) {
	for _, r := range requests {
		sums := causes(r.shop)
		fmt.Fprintf(out, "  request %d  self time %s = %s; ", r.number, ms(r.shop.SelfTime()), inWords(sums))
		us, ok := tag(r.shop, bookshop.WorkTag).(int64)
		if !ok {
			fmt.Fprintf(out, "not measured: no CPU clock for a thread on %s\n", runtime.GOOS)
			continue
		}
		measured := time.Duration(us) * time.Microsecond
		difference := math.Abs(float64(sums[gap.CauseCPU]-measured)) / float64(measured)
		fmt.Fprintf(out, "the handler's CPU clock says %s, difference %.1f %%\n", number(measured), 100*difference)
	}
}

func ms(d time.Duration) string { return number(d) + " ms" }

// colors reports whether w is a terminal with colors, and the user has not set NO_COLOR.
func colors(w io.Writer) bool {
	return colorprofile.Detect(w, os.Environ()) > colorprofile.ASCII && os.Getenv("NO_COLOR") == ""
}
