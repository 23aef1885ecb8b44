package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/gaptrace/gaptrace/cmd/gaptrace/internal/input"
	"github.com/gaptrace/gaptrace/cmd/gaptrace/internal/query"
	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/read"
	"github.com/gaptrace/gaptrace/internal/printable"
	"github.com/gaptrace/gaptrace/internal/terminal"
)

// reportArguments runs the commands report and top.
func (s streams) reportArguments(ctx context.Context, o *options, args []string) error {
	sources, err := o.sources(ctx, args, s.stdin)
	if err != nil {
		return err
	}
	return s.report(ctx, o, "", sources)
}

// report reads all sources and writes one report of them. For the command explain, an execution
// trace explains the gaps; without sources the spans come from there, too.
func (s streams) report(ctx context.Context, o *options, executionTrace string, sources []source) error {
	began := time.Now()
	if o.format.value == "pprof" && o.output == "-" && terminal.Is(s.stdout) {
		return usagef("a profile is binary and not for a terminal: write it with -o self.pb.gz, " +
			"then run go tool pprof -http : self.pb.gz")
	}
	out, p := s.out, s.progress
	if err := o.openOutput(out); err != nil {
		return err
	}
	defer out.discard()
	p.start()

	g := newGatherer(o, p)
	if o.explains {
		spans, err := g.readExecutionTrace(ctx, executionTrace, s.stdin)
		switch {
		case err != nil:
			return err
		case len(sources) > 0:
		case spans != nil:
			sources = []source{*spans}
		default:
			sources = []source{g.markedSpans()}
		}
	}
	r := o.renderer(out, executionTrace, sources)
	if o.writesSpans() && out.file == nil {
		p.close() // standard output may be the same terminal
	}
	if err := g.gatherAll(ctx, sources, r); err != nil {
		return err
	}
	read := time.Now()
	unwritten := r.addNotes(g.notes())
	if p.setTask("writing"); out.file == nil {
		p.close() // the report may go to the same terminal
	}
	if err := r.write(out, g.options); err != nil {
		return err
	}
	if err := out.commit(); err != nil {
		return err
	}
	p.close()
	for _, note := range unwritten {
		printError(s.stderr, errors.New("note: "+note))
	}
	if o.stats {
		g.stats(s.stderr, read.Sub(began), time.Since(read))
	}
	return errors.Join(g.errs...)
}

// source is a file, a pipe or a server that traces are read from.
type source struct {
	name   string // for messages; without a password
	read   func(ctx context.Context, opts ...read.Option) iter.Seq2[[]gap.Span, error]
	remote *remote // nil for a file or a pipe
}

// sources returns a source for each argument.
func (o *options) sources(ctx context.Context, args []string, stdin io.Reader) ([]source, error) {
	var all []source
	for _, arg := range args {
		switch scheme, _, ok := strings.Cut(arg, "://"); {
		case arg == "":
			return nil, errEmptyArgument
		case isURL(arg):
			s, err := o.querySource(ctx, arg)
			if err != nil {
				return nil, err
			}
			all = append(all, s)
		case ok:
			return nil, usagef("%s:// is not supported: %s", scheme, query.Usage)
		case arg == "-":
			open := func() (io.ReadCloser, error) { return io.NopCloser(stdin), nil }
			all = append(all, fileSource(inputName(arg), open, o.explains))
		default:
			all = append(all, fileSource(arg, func() (io.ReadCloser, error) { return openFile(arg) }, o.explains))
		}
	}
	return all, nil
}

var errEmptyArgument = usagef("an argument is empty, perhaps a variable that is not set: " +
	"name a file, a URL, or - for standard input")

// isInput reports whether stdin is worth reading without "-": not a terminal, and not a device such
// as /dev/null.
func isInput(stdin io.Reader) bool {
	f, ok := stdin.(*os.File)
	if !ok {
		return stdin != nil
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&fs.ModeCharDevice == 0 && !terminal.Is(f)
}

// fileSource returns a source that reads to the end of a file or pipe, or until the context ends.
// explains says that the traces come with an execution trace.
func fileSource(name string, open func() (io.ReadCloser, error), explains bool) source {
	s := source{name: name}
	s.read = func(ctx context.Context, opts ...read.Option) iter.Seq2[[]gap.Span, error] {
		return func(yield func([]gap.Span, error) bool) {
			r, err := openWithin(ctx, open)
			if err != nil {
				if ctx.Err() == nil {
					yield(nil, err)
				}
				return
			}
			defer r.Close()
			for spans, err := range input.Read(r, append(opts, read.WithName(name))...) {
				if unknown, ok := errors.AsType[*input.Unknown](err); ok {
					hintForExplain(unknown, explains)
				}
				if !yield(spans, err) {
					return
				}
			}
		}
	}
	return s
}

const readBuffer = 256 << 10

// openWithin opens a file or a pipe. A goroutine opens and reads it, because both may block on a
// pipe even after ctx ends.
func openWithin(ctx context.Context, open func() (io.ReadCloser, error)) (io.ReadCloser, error) {
	out, in := io.Pipe()
	stop := context.AfterFunc(ctx, func() { in.CloseWithError(context.Cause(ctx)) })
	opened := make(chan error, 1)
	go func() {
		defer stop()
		r, err := open()
		if opened <- err; err != nil {
			in.Close()
			return
		}
		defer r.Close()
		// Without ReadFrom and WriteTo, io.CopyBuffer uses the large buffer.
		_, err = io.CopyBuffer(struct{ io.Writer }{in}, struct{ io.Reader }{r}, make([]byte, readBuffer))
		in.CloseWithError(err)
	}()
	select {
	case err := <-opened:
		return out, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// gatherer reads traces and adds the selected ones to a report.
type gatherer struct {
	options   *options
	collector collector // of the selected traces
	joiner    *joiner   // puts together traces that come in parts, and passes each to add
	progress  *progress
	limit     *memoryLimit
	total     read.Progress // of the sources that have been read
	analysing time.Duration
	seen      int             // traces read, after joining
	kept      int             // traces selected
	outside   int             // traces that fold has left out, since they are not in the window
	services  map[string]bool // names seen, at most maxServices
	errs      []error
	explained *explained // nil without an execution trace
}

const maxServices = 1000

func newGatherer(o *options, p *progress) *gatherer {
	return &gatherer{options: o, progress: p, limit: newMemoryLimit(initialLimit), services: map[string]bool{}}
}

// gatherAll reads all sources, and adds the selected traces to c. It returns an error if there are
// none. Other errors are in g.errs: what could be read is reported.
func (g *gatherer) gatherAll(ctx context.Context, sources []source, c collector) error {
	g.collector, g.seen, g.kept = c, 0, 0
	g.joiner = newJoiner(g.options.joinWindow, g.add)
	join := func(parts [][]gap.Span) bool {
		g.analyse(func() { g.joiner.add(parts) })
		return ctx.Err() == nil
	}
	for _, source := range sources {
		g.gather(ctx, source, join)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	g.analyse(g.joiner.flush)
	g.limit.raiseToWrite()
	if g.kept == 0 {
		return errors.Join(append(g.errs, g.noTraces(ctx, sources))...)
	}
	return nil
}

// gather reads a source, and calls add until it returns false. Each call passes the spans of an
// object in one or more slices. Errors of the source are in g.errs.
func (g *gatherer) gather(ctx context.Context, s source, add func(parts [][]gap.Span) bool) {
	g.progress.setTask("reading " + s.name)
	last := g.total
	progress := func(p read.Progress) {
		if p.Retry != nil {
			g.progress.print(fmt.Errorf("%w; trying again", p.Retry))
		}
		last = read.Progress{
			Bytes: g.total.Bytes + p.Bytes, Traces: g.total.Traces + p.Traces, Spans: g.total.Spans + p.Spans,
		}
		g.progress.setRead(last)
		g.limit.raise()
	}
	opts := []read.Option{
		read.WithProgress(progress), read.WithMaxBytes(int64(g.options.maxBytes)),
		read.WithTags(g.options.tagKeys()...), read.WithParts(add),
	}
	if g.options.writesSpans() {
		opts = append(opts, read.WithEverything())
	}
	for spans, err := range s.read(ctx, opts...) {
		if err != nil {
			g.errs = append(g.errs, err)
			continue
		}
		if !add([][]gap.Span{spans}) {
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
func (g *gatherer) add(parts [][]gap.Span, again bool) {
	g.seen++
	if !g.selectsID(parts) {
		return
	}
	if again {
		g.collector.addSeenAgain()
	}
	if !g.selects(parts) {
		return
	}
	trace, warnings := gap.BuildParts(parts, g.options.buildOptions()...)
	if trace.End().Sub(trace.Start()) < g.options.minDuration {
		return
	}
	if g.explained != nil {
		if trace = g.explained.explain(trace); trace == nil {
			return
		}
	}
	g.kept++
	g.collector.add(trace, warnings)
}

// selectsID reports whether --trace selects a trace.
func (g *gatherer) selectsID(parts [][]gap.Span) bool {
	ids := g.options.traces
	if len(ids) == 0 {
		return true
	}
	for s := range eachSpan(parts) {
		if slices.Contains(ids, s.TraceID) {
			return true
		}
	}
	return false
}

func eachSpan(parts [][]gap.Span) iter.Seq[*gap.Span] {
	return func(yield func(*gap.Span) bool) {
		for _, spans := range parts {
			for i := range spans {
				if !yield(&spans[i]) {
					return
				}
			}
		}
	}
}

// selects reports whether --service and --operation select a trace. The duration is checked later,
// on the built trace.
func (g *gatherer) selects(parts [][]gap.Span) bool {
	o := g.options
	if o.service == "" && o.operation == "" {
		return true
	}
	found := false
	for s := range eachSpan(parts) {
		service := ""
		if s.Process != nil {
			service = s.Process.Service
		}
		if len(g.services) < maxServices {
			g.services[service] = true
		}
		found = found ||
			(o.service == "" || o.service == service) && (o.operation == "" || o.operation == s.Operation)
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
	case g.explained != nil && g.explained.elsewhere.count > 0:
		return g.explained.nothing()
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
