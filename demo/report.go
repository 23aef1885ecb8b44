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

// request is one call of the bookshop in its trace.
type request struct {
	number int
	trace  *gap.Trace
	shop   gap.Node // the span of the shop's handler
}

// draw draws the last of the single requests, and compares the gaps of each with what its handler measured.
func draw(stdout io.Writer, c calls) error {
	requests := find(c.traces)
	if len(requests) != c.single+atOnce {
		return fmt.Errorf("%d requests were made, %d were recorded: do JAEGER_DISABLED or JAEGER_SAMPLER_… forbid it?", c.single+atOnce, len(requests))
	}
	drawn := requests[c.single-1]
	fmt.Fprintf(stdout, "Request %d, trace %v:\n\n", drawn.number, drawn.trace.ID())
	if err := report.Waterfall(stdout, drawn.trace, report.TextOptions{
		Width: cmp.Or(terminal.Width(stdout), 100), Color: colors(stdout), ASCII: !terminal.Unicode(os.Getenv),
	}); err != nil {
		return err
	}
	fmt.Fprint(stdout, "\nOne after the other:\n")
	single := compare(stdout, requests[:c.single])
	fmt.Fprintf(stdout, "%d at once:\n", atOnce)
	together := compare(stdout, requests[c.single:])

	const much = 0.05
	busy := fmt.Sprintf("%d requests on %d CPUs", atOnce, runtime.GOMAXPROCS(0))
	if single > much {
		busy = "it did other work too"
	}
	if max(single, together) > much {
		fmt.Fprintf(stdout, "The machine was busy: %s. A gap is time by the clock on the wall, so it also holds the time in\n"+
			"which a handler could have worked but had no CPU. What the handler measured is its CPU time alone.\n", busy)
	}
	return nil
}

// find returns the requests that were recorded, by number.
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

// compare writes a line for each request and returns the largest difference.
func compare(out io.Writer, requests []request) (worst float64) {
	for _, r := range requests {
		gaps := r.shop.SelfTime()
		us, ok := tag(r.shop, bookshop.WorkTag).(int64)
		if !ok {
			fmt.Fprintf(out, "  request %d  self time: gaps %s, not measured by the handler: %s has no CPU clock for a thread\n", r.number, ms(gaps), runtime.GOOS)
			continue
		}
		measured := time.Duration(us) * time.Microsecond
		difference := math.Abs(float64(gaps-measured)) / float64(measured)
		fmt.Fprintf(out, "  request %d  self time: gaps %s, measured by the handler %s, difference %.1f %%\n", r.number, ms(gaps), ms(measured), 100*difference)
		worst = max(worst, difference)
	}
	return worst
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond)) }

// colors says whether w is a terminal that knows colours, and whose user wants them.
func colors(w io.Writer) bool {
	return colorprofile.Detect(w, os.Environ()) > colorprofile.ASCII && os.Getenv("NO_COLOR") == ""
}
