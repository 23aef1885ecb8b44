package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/dustin/go-humanize"

	"github.com/gaptrace/gaptrace/cmd/gaptrace/internal/input"
	"github.com/gaptrace/gaptrace/cmd/gaptrace/internal/rowsort"
	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/read"
	"github.com/gaptrace/gaptrace/gap/report"
	"github.com/gaptrace/gaptrace/gap/rollup"
	"github.com/gaptrace/gaptrace/internal/printable"
	"github.com/gaptrace/gaptrace/internal/terminal"
)

// rollup runs the command rollup without a subcommand.
func (s streams) rollup(ctx context.Context, o *rollupOptions, args []string) error {
	sources, err := o.sources(ctx, args, s.stdin)
	if err != nil {
		return err
	}
	if err := o.openOutput(s.out); err != nil {
		return err
	}
	defer s.out.discard()
	s.progress.start()
	g := newGatherer(o.options, s.progress)
	g.limit = newMemoryLimit(int64(o.memory))
	sorter := rowsort.New(int64(o.memory) / 3) // the rest is for reading, analysis and the garbage collector
	defer sorter.Close()
	if err := g.encode(ctx, o, sources, sorter.Add); err != nil {
		return err
	}
	g.progress.setTask("sorting")
	rows, err := sorter.Sorted()
	if err != nil {
		return err
	}
	partial, err := g.fold(ctx, o, rows)
	if err != nil {
		return err
	}
	switch {
	case g.kept > 0:
	case o.format.value != "partial":
		return errors.Join(append(g.errs, g.nothing(ctx, sources))...)
	default:
		g.progress.print(errors.New("note: no traces"))
	}
	if err := s.writePartial(o, partial); err != nil {
		return err
	}
	if o.stats {
		fmt.Fprintf(s.stderr, "read      %s\n", readSoFar(g.total))
		runs, bytes := sorter.Spilled()
		fmt.Fprintf(s.stderr, "spilled   %s in %d %s\n", humanize.BytesN(uint64(bytes), 3), runs,
			printable.Plural(runs, "run"))
		s.memoryStats()
	}
	return errors.Join(g.errs...)
}

func (s streams) memoryStats() {
	if peak, ok := peakMemory(); ok {
		fmt.Fprintf(s.stderr, "memory    %s peak\n", humanize.BytesN(uint64(peak), 3))
	}
}

// rollupSpans runs the command rollup spans.
func (s streams) rollupSpans(ctx context.Context, o *rollupOptions, args []string) error {
	sources, err := o.sources(ctx, args, s.stdin)
	if err != nil {
		return err
	}
	if err := o.openOutput(s.out); err != nil {
		return err
	}
	defer s.out.discard()
	if s.progress.start(); s.out.file == nil && terminal.Is(s.stdout) {
		s.progress.close()
	}
	g := newGatherer(o.options, s.progress)
	b := bufio.NewWriterSize(s.out, 256<<10)
	write := func(rows []byte) error {
		_, err := b.Write(rows)
		return err
	}
	if err := g.encode(ctx, o, sources, write); err != nil {
		return err
	}
	if err := errors.Join(b.Flush(), s.out.commit()); err != nil {
		return err
	}
	s.progress.close()
	if o.stats {
		fmt.Fprintf(s.stderr, "read      %s\n", readSoFar(g.total))
		s.memoryStats()
	}
	g.errs = slices.DeleteFunc(g.errs, func(err error) bool {
		unknown, ok := errors.AsType[*input.Unknown](err)
		return ok && unknown.Found == input.Empty && unknown.Name == inputName("-")
	})
	return errors.Join(g.errs...)
}

// encode reads all sources, and passes the rows of their spans to add. It ends with the first error
// of add. Errors of the sources are in g.errs.
func (g *gatherer) encode(ctx context.Context, o *rollupOptions, sources []source, add func(rows []byte) error) error {
	encoder, window := rollup.NewEncoder(o.tagKeys()...), o.window()
	var rows []byte
	var failed error
	write := func(parts [][]gap.Span) bool {
		spans := parts[0]
		if len(parts) > 1 {
			spans = slices.Concat(parts...)
		}
		if window.Grace > 0 {
			spans = slices.DeleteFunc(spans, func(s gap.Span) bool { return !window.Keeps(&s) })
		}
		var err error
		if rows, err = encoder.AppendRows(rows[:0], spans); err != nil {
			g.errs = append(g.errs, err)
		}
		failed = add(rows)
		return failed == nil && ctx.Err() == nil
	}
	for _, source := range sources {
		g.gather(ctx, source, write)
		if err := errors.Join(failed, ctx.Err()); err != nil {
			return err
		}
	}
	return nil
}

// rollupFold runs the command rollup fold.
func (s streams) rollupFold(ctx context.Context, o *rollupOptions, args []string) error {
	if err := o.openOutput(s.out); err != nil {
		return err
	}
	defer s.out.discard()
	s.progress.start()
	name := args[0]
	rows, err := s.openRows(ctx, name)
	if err != nil {
		return err
	}
	defer rows.Close()
	g := newGatherer(o.options, s.progress)
	g.progress.setTask("reading " + inputName(name))
	partial, err := g.fold(ctx, o, rows)
	if err != nil {
		return named(name, err)
	}
	if err := s.writePartial(o, partial); err != nil {
		return err
	}
	if o.stats {
		s.memoryStats()
	}
	if o.by != "" && g.kept > 0 && !splits(&partial.Summary) {
		printError(s.stderr, fmt.Errorf("note: no span has the tag %q; rows have it if gaptrace rollup spans was run "+
			"with --by %s", o.by, o.by))
	}
	return nil
}

// splits reports whether an operation is split by a tag.
func splits(s *gap.Summary) bool {
	for o := range s.Operations() {
		if o.Tagged {
			return true
		}
	}
	return false
}

// openRows opens a file, which may be compressed, or standard input.
func (s streams) openRows(ctx context.Context, name string) (io.ReadCloser, error) {
	f, err := openWithin(ctx, func() (io.ReadCloser, error) {
		if name == "-" {
			return io.NopCloser(s.stdin), nil
		}
		return openFile(name)
	})
	if err != nil {
		return nil, err
	}
	rows, err := input.Decompress(f)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", inputName(name), err)
	}
	return struct {
		io.Reader
		io.Closer
	}{rows, f}, nil
}

// named adds the name of an input to an error that lacks it.
func named(name string, err error) error {
	if _, ok := errors.AsType[*fs.PathError](err); ok || errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%s: %w", inputName(name), err)
}

// partialCollector adds traces to a partial.
type partialCollector struct{ *rollup.Partial }

func (c partialCollector) add(t *gap.Trace, warnings []gap.Warning) { c.Add(t, warnings) }
func (c partialCollector) addSeenAgain()                            {}

// fold returns the partial of the traces in sorted rows that the flags select.
func (g *gatherer) fold(ctx context.Context, o *rollupOptions, rows io.Reader) (*rollup.Partial, error) {
	p := rollup.NewPartial(rollup.Options{By: string(o.by), MaxSkew: o.maxSkew()})
	g.collector, g.seen, g.kept = partialCollector{p}, 0, 0
	window := o.window()
	g.progress.setRead(read.Progress{})
	var done read.Progress
	for spans, err := range rollup.Traces(rows) {
		if err != nil {
			return nil, errors.Join(ctx.Err(), err)
		}
		if window.Contains(spans) {
			g.add([][]gap.Span{spans}, false)
		}
		done.Traces++
		done.Spans += len(spans)
		if done.Traces%256 == 0 || len(spans) > 10_000 {
			g.progress.setTask(fmt.Sprintf("analysing: %d traces, %d spans", done.Traces, done.Spans))
			g.limit.raise()
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
		}
	}
	g.outside = done.Traces - g.seen
	return p, nil
}

// nothing returns an error that explains why there is nothing to report.
func (g *gatherer) nothing(ctx context.Context, sources []source) error {
	if g.seen == 0 && g.outside > 0 {
		return fmt.Errorf("%d %s read, none that begins between --from and --to",
			g.outside, printable.Plural(g.outside, "trace"))
	}
	return g.noTraces(ctx, sources)
}

// rollupMerge runs the command rollup merge.
func (s streams) rollupMerge(ctx context.Context, o *rollupOptions, args []string) error {
	if err := o.openOutput(s.out); err != nil {
		return err
	}
	defer s.out.discard()
	s.progress.start()
	var sum *rollup.Partial
	for _, name := range args {
		s.progress.setTask("reading " + inputName(name))
		err := s.eachPartial(ctx, name, func(p *rollup.Partial) error {
			if sum == nil {
				sum = p
				return nil
			}
			return sum.Merge(p)
		})
		if err != nil {
			return err
		}
	}
	switch {
	case sum == nil:
		return errors.New("no partials in the input; gaptrace rollup fold writes them")
	case sum.Traces == 0 && o.format.value != "partial":
		return errors.New("no traces in the partials")
	}
	if err := s.writePartial(o, sum); err != nil {
		return err
	}
	if o.stats {
		s.memoryStats()
	}
	return nil
}

// eachPartial calls add with each partial of a file, or of standard input.
func (s streams) eachPartial(ctx context.Context, name string, add func(*rollup.Partial) error) error {
	f, err := s.openRows(ctx, name)
	if err != nil {
		return err
	}
	defer f.Close()
	for p, err := range rollup.Partials(f) {
		if err != nil {
			return named(name, err)
		}
		if err := add(p); err != nil {
			return fmt.Errorf("%s: %w", inputName(name), err)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// writePartial writes a partial, or the report of it, and completes the output.
func (s streams) writePartial(o *rollupOptions, p *rollup.Partial) error {
	if s.progress.setTask("writing"); s.out.file == nil {
		s.progress.close() // the output may go to the same terminal
	}
	if o.format.value == "partial" {
		text, err := p.MarshalText()
		if err != nil {
			return err
		}
		if _, err := s.out.Write(append(text, '\n')); err != nil {
			return err
		}
	} else {
		r := report.New(report.Options{Traces: -1, Gaps: -1, By: p.Summary.By})
		r.AddPartial(p)
		if err := (&reportRenderer{Report: r, format: o.format.value}).write(s.out, o.options); err != nil {
			return err
		}
	}
	if err := s.out.commit(); err != nil {
		return err
	}
	s.progress.close()
	return nil
}
