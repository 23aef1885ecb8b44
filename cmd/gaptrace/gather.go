package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime/debug"
	"slices"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/jaegerjson"
	"github.com/gaptrace/gaptrace/internal/printable"
	"github.com/gaptrace/gaptrace/internal/terminal"
)

// report reads all sources and writes one report of them.
func (s streams) report(ctx context.Context, o *options, sources []source) error {
	began := time.Now()
	if o.format.value == "pprof" && o.output == "-" && terminal.Is(s.stdout) {
		return wrong("a profile is no text for a terminal: say -o self.pb.gz, and look at it by go tool pprof -http : self.pb.gz")
	}
	out, p := s.out, s.progress
	if err := out.open(o.output); err != nil {
		return err
	}
	defer out.discard()
	p.start()

	g := &gatherer{options: o, face: o.face(sources), progress: p, limit: newLimit(), services: map[string]bool{}}
	for _, source := range sources {
		g.gather(ctx, source)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if g.kept == 0 {
		return errors.Join(append(g.errs, g.none(ctx, sources))...)
	}
	read := time.Now()
	if p.doing("writing"); out.file == nil {
		p.close() // the report may go to the same terminal
	}
	if err := g.face.write(out, g.options); err != nil {
		return err
	}
	if err := out.commit(); err != nil {
		return err
	}
	p.close()
	if o.stats {
		g.stats(s.stderr, read.Sub(began), time.Since(read))
	}
	return errors.Join(g.errs...)
}

// gatherer reads traces and adds those to a report that are wanted.
type gatherer struct {
	options   *options
	face      face
	progress  *progress
	limit     *limit
	total     jaegerjson.Progress // of the sources before
	analysing time.Duration
	seen      int             // traces
	kept      int             // of these
	services  map[string]bool // that were seen, up to a number
	errs      []error
}

const maxServices = 1000

func (g *gatherer) gather(ctx context.Context, s source) {
	g.progress.doing("reading " + s.name)
	var last jaegerjson.Progress
	opts := []jaegerjson.Option{jaegerjson.WithProgress(func(p jaegerjson.Progress) {
		if p.Retry != nil {
			g.progress.say(fmt.Errorf("%w; trying again", p.Retry))
		}
		last = jaegerjson.Progress{Bytes: g.total.Bytes + p.Bytes, Traces: g.total.Traces + p.Traces, Spans: g.total.Spans + p.Spans}
		g.progress.told(last)
		g.limit.read(last.Bytes)
	})}
	if max := g.options.maxBytes; max.given {
		opts = append(opts, jaegerjson.WithMaxBytes(max.bytes))
	}
	for spans, err := range s.read(ctx, opts...) {
		if err != nil {
			g.errs = append(g.errs, err)
			continue
		}
		began := time.Now()
		g.add(spans)
		g.analysing += time.Since(began)
		if ctx.Err() != nil {
			return
		}
	}
	g.total = last
}

// many is from how many spans on a trace counts for the memory of the process.
const many = 100_000

func (g *gatherer) add(spans []gap.Span) {
	g.seen++
	if !g.wanted(spans) {
		return
	}
	if len(spans) >= many {
		debug.FreeOSMemory() // the reader has put its pieces together: they are garbage, half of all there is, and Build needs as much
	}
	trace, warnings := gap.Build(spans, g.options.buildOptions()...)
	if trace.End().Sub(trace.Start()) < g.options.minDuration {
		return
	}
	g.kept++
	g.face.add(trace, warnings)
	g.limit.ease()
}

// wanted says whether a trace is one that the flags ask for, but for its duration.
func (g *gatherer) wanted(spans []gap.Span) bool {
	o := g.options
	if len(o.traces) > 0 && !slices.ContainsFunc(spans, func(s gap.Span) bool { return slices.Contains(o.traces, s.TraceID) }) {
		return false
	}
	if o.service == "" && o.operation == "" {
		return true
	}
	found := false
	for i := range spans {
		service := ""
		if p := spans[i].Process; p != nil {
			service = p.Service
		}
		if len(g.services) < maxServices {
			g.services[service] = true
		}
		found = found || (o.service == "" || o.service == service) && (o.operation == "" || o.operation == spans[i].Operation)
	}
	return found
}

// none says why there is nothing to report, as far as errors have not said so.
func (g *gatherer) none(ctx context.Context, sources []source) error {
	o := g.options
	switch {
	case g.seen > 0 && o.service != "" && !g.services[o.service]:
		return fmt.Errorf("no span of the %d %s read is of service %q%s", g.seen, printable.Plural(g.seen, "trace"), o.service,
			hint(o.service, slices.Sorted(maps.Keys(g.services))))
	case g.seen > 0:
		return fmt.Errorf("%d %s read, none of which has what --service, --operation, --trace and --min-duration ask for", g.seen, printable.Plural(g.seen, "trace"))
	case len(g.errs) > 0:
		return nil
	}
	var errs []error
	for _, s := range sources {
		errs = append(errs, fmt.Errorf("%s: no traces%s", s.name, s.hint(ctx)))
	}
	return errors.Join(errs...)
}

// hint says what a query service could be asked for instead.
func (s source) hint(ctx context.Context) string {
	if s.client == nil || s.query.Service == "" {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, patienceForHints)
	defer cancel()
	names, err := s.client.Services(ctx)
	switch {
	case err != nil:
		return ""
	case !slices.Contains(names, s.query.Service):
		return fmt.Sprintf(": it knows no service %q%s", s.query.Service, hint(s.query.Service, names))
	}
	return fmt.Sprintf(" of service %q that it was asked for: try another --operation, --tag or a longer --lookback", s.query.Service)
}

// stats tells what a run has cost.
func (g *gatherer) stats(w io.Writer, reading, writing time.Duration) {
	round := func(d time.Duration) time.Duration { return d.Round(time.Millisecond) }
	fmt.Fprintf(w, "read      %d bytes, %d %s, %d %s\n", g.total.Bytes, g.total.Traces, printable.Plural(g.total.Traces, "trace"), g.total.Spans, printable.Plural(g.total.Spans, "span"))
	fmt.Fprintf(w, "decode    %v\nanalyse   %v\nwrite     %v\n", round(reading-g.analysing), round(g.analysing), round(writing))
	if peak, ok := peakMemory(); ok {
		fmt.Fprintf(w, "memory    %d MB resident at most\n", peak/1e6)
	}
}
