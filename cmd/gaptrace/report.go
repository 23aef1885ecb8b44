package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/jaegerjson"
	"github.com/gaptrace/gaptrace/internal/printable"
	"github.com/gaptrace/gaptrace/internal/terminal"
)

// report reads all sources and writes one report of them.
func (s streams) report(ctx context.Context, o *options, sources []source) error {
	began := time.Now()
	if o.format.value == "pprof" && o.output == "-" && terminal.Is(s.stdout) {
		return usagef("a profile is binary and not for a terminal: write it with -o self.pb.gz, " +
			"then run go tool pprof -http : self.pb.gz")
	}
	out, p := s.out, s.progress
	if err := out.open(o.output); err != nil {
		return err
	}
	defer out.discard()
	p.start()

	g := &gatherer{
		options: o, renderer: o.renderer(sources), progress: p, limit: newMemoryLimit(), services: map[string]bool{},
	}
	g.joiner = newJoiner(maxHeld, g.add)
	for _, source := range sources {
		g.gather(ctx, source)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	g.analyse(g.joiner.flush)
	if g.kept == 0 {
		return errors.Join(append(g.errs, g.noTraces(ctx, sources))...)
	}
	read := time.Now()
	if p.setTask("writing"); out.file == nil {
		p.close() // the report may go to the same terminal
	}
	if err := g.renderer.write(out, g.options); err != nil {
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

// gatherer reads traces and adds the selected ones to a report.
type gatherer struct {
	options   *options
	renderer  renderer
	joiner    *joiner // passes traces to add
	progress  *progress
	limit     *memoryLimit
	total     jaegerjson.Progress // of the sources that have been read
	analysing time.Duration
	seen      int             // traces read, after joining
	kept      int             // traces selected
	services  map[string]bool // names seen, at most maxServices
	errs      []error
}

const maxServices = 1000

func (g *gatherer) gather(ctx context.Context, s source) {
	g.progress.setTask("reading " + s.name)
	var last jaegerjson.Progress
	opts := []jaegerjson.Option{jaegerjson.WithProgress(func(p jaegerjson.Progress) {
		if p.Retry != nil {
			g.progress.print(fmt.Errorf("%w; trying again", p.Retry))
		}
		last = jaegerjson.Progress{
			Bytes: g.total.Bytes + p.Bytes, Traces: g.total.Traces + p.Traces, Spans: g.total.Spans + p.Spans,
		}
		g.progress.setRead(last)
		g.limit.raise()
	})}
	if max := g.options.maxBytes; max.given {
		opts = append(opts, jaegerjson.WithMaxBytes(max.bytes))
	}
	for spans, err := range s.read(ctx, opts...) {
		if err != nil {
			g.errs = append(g.errs, err)
			continue
		}
		g.analyse(func() { g.joiner.add(spans) })
		if ctx.Err() != nil {
			return
		}
	}
	g.total = last
}

// analyse calls f and measures its time.
func (g *gatherer) analyse(f func()) {
	began := time.Now()
	f()
	g.analysing += time.Since(began)
}

// add adds a trace to the report if the flags select it. again says that earlier spans of the trace
// were added as another trace.
func (g *gatherer) add(spans []gap.Span, again bool) {
	g.seen++
	if !g.selectsID(spans) {
		return
	}
	if again {
		g.renderer.addSeenAgain()
	}
	if !g.selects(spans) {
		return
	}
	trace, warnings := gap.Build(spans, g.options.buildOptions()...)
	if trace.End().Sub(trace.Start()) < g.options.minDuration {
		return
	}
	g.kept++
	g.renderer.add(trace, warnings)
}

// selectsID reports whether --trace selects a trace.
func (g *gatherer) selectsID(spans []gap.Span) bool {
	ids := g.options.traces
	wanted := func(s gap.Span) bool { return slices.Contains(ids, s.TraceID) }
	return len(ids) == 0 || slices.ContainsFunc(spans, wanted)
}

// selects reports whether --service and --operation select a trace. The duration is checked later,
// on the built trace.
func (g *gatherer) selects(spans []gap.Span) bool {
	o := g.options
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
		found = found ||
			(o.service == "" || o.service == service) && (o.operation == "" || o.operation == spans[i].Operation)
	}
	return found
}

// noTraces returns an error that explains why there is nothing to report, or nil if g.errs do.
func (g *gatherer) noTraces(ctx context.Context, sources []source) error {
	service := g.options.service
	read := fmt.Sprintf("%d %s read", g.seen, printable.Plural(g.seen, "trace"))
	switch {
	case g.seen > 0 && service != "" && !g.services[service]:
		return fmt.Errorf("%s, none with a span of service %q%s", read, service,
			suggestService(service, slices.Sorted(maps.Keys(g.services))))
	case g.seen > 0:
		return fmt.Errorf("%s, none that --service, --operation, --trace and --min-duration select", read)
	case len(g.errs) > 0:
		return nil
	}
	var errs []error
	for _, s := range sources {
		errs = append(errs, fmt.Errorf("%s: no traces%s", s.name, s.noTracesHint(ctx)))
	}
	return errors.Join(errs...)
}

// stats prints what the run cost. reading is the time for decoding and analysing together.
func (g *gatherer) stats(w io.Writer, reading, writing time.Duration) {
	round := func(d time.Duration) time.Duration { return d.Round(time.Millisecond) }
	fmt.Fprintf(w, "read      %s\n", readSoFar(g.total))
	fmt.Fprintf(w, "decode    %v\n", round(reading-g.analysing))
	fmt.Fprintf(w, "analyse   %v\n", round(g.analysing))
	fmt.Fprintf(w, "write     %v\n", round(writing))
	if peak, ok := peakMemory(); ok {
		fmt.Fprintf(w, "memory    %s peak\n", humanize.BytesN(uint64(peak), 3))
	}
}
